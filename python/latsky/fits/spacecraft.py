"""Spacecraft files (FT2): the pointing table, its rows in pieces.

A row tells where the spacecraft was and looked at START, and for how long it took data (LIVETIME)
until STOP, all times MET in seconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latsky.errors import InputError
from latsky.fits.core import ColumnInfo, FitsFile, Header, Table, column_values

CHUNK = 1 << 14
"""rows read at a time (a week has about 20,000; 3 MB)"""


@dataclass(frozen=True)
class SpacecraftFile:
    """What a spacecraft file says of itself; its rows stay on disk.

    ``header`` is that of the pointing table, column keywords included.
    """

    path: Path
    extension: str
    primary: Header
    header: Header
    columns: tuple[ColumnInfo, ...]
    dtype: np.dtype

    def __len__(self) -> int:
        return int(self.header["NAXIS2"])

    @property
    def table(self) -> Table:
        """Description of the pointing table, without rows."""
        return Table(self.header, list(self.columns), np.empty(0, self.dtype), b"", path=self.path)

    @property
    def stated_span(self) -> tuple[float, float]:
        """TSTART and TSTOP of the header; infinite where it does not tell."""
        found = self.header.get("TSTART"), self.header.get("TSTOP")
        if all(isinstance(time, int | float) and np.isfinite(time) for time in found):
            return found
        return -np.inf, np.inf

    def values(self, name: str, rows: np.ndarray) -> np.ndarray:
        """A column of raw rows, native. Raises InputError when there is none of that name."""
        return column_values(self.table.info(name), rows)


def describe(
    path: str | os.PathLike[str],
    extension: str = "SC_DATA",
    required: Iterable[str] = ("START", "STOP"),
) -> SpacecraftFile:
    """Read the headers of a spacecraft file.

    Raises InputError when it is none, lacks a column of ``required``, or its times are not in
    seconds.
    """
    with FitsFile(path) as file:
        table = file.empty_table(extension)
        found = SpacecraftFile(
            file.path,
            str(table.header.get("EXTNAME", extension)).strip(),
            file.header(0),
            table.header,
            tuple(table.columns),
            table.rows.dtype,
        )
    for name in required:
        unit = table.info(name).unit
        if name in ("START", "STOP") and unit.lower() not in ("", "s", "sec", "second", "seconds"):
            raise InputError(f"unit {unit!r} is not seconds", file=found.path, key=name)
    return found


def chunks(
    spacecraft: SpacecraftFile, size: int = CHUNK, since: float = -np.inf
) -> Iterator[np.ndarray]:
    """Raw rows of a spacecraft file, ``size`` at a time.

    Rows that stop no later than ``since`` (MET, s) may be left out: a file that is not compressed
    is entered at the right place, for its rows follow each other in time.
    """
    with FitsFile(spacecraft.path) as file:
        first = 0
        if np.isfinite(since) and not file.compressed:
            first = _first_after(file, spacecraft, since)
        yield from file.rows(spacecraft.extension, size, first)


def _first_after(file: FitsFile, spacecraft: SpacecraftFile, time: float) -> int:
    """Number of the first row that stops after ``time``, by bisection."""
    low, high = 0, len(spacecraft)
    while low < high:
        middle = (low + high) // 2
        row = next(file.rows(spacecraft.extension, 1, middle))
        if spacecraft.values("STOP", row)[0] > time:
            high = middle
        else:
            low = middle + 1
    return low


def spans(spacecraft: SpacecraftFile, rows: np.ndarray) -> np.ndarray:
    """START and STOP of raw rows, shape (n, 2), MET in seconds."""
    return np.column_stack([spacecraft.values(name, rows) for name in ("START", "STOP")])
