"""Event files (FT1): what they hold, their rows in pieces, and writing selected rows.

Rows stay raw, in the layout of the file, from reading to writing; only the columns that a cut needs
are converted. Memory is bounded by the size of a piece.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latsky.errors import InputError
from latsky.fits import dates, dss, gti
from latsky.fits.core import (
    ColumnInfo,
    FitsFile,
    FitsWriter,
    Header,
    Table,
    column_values,
    without_directories,
)

CHUNK = 1 << 14
"""rows read at a time (about 2 MB, which stays in the processor's cache)"""

_UNITS = {
    "ENERGY": ("MeV",),
    "TIME": ("s", "sec", "second", "seconds"),
    "RA": ("deg", "degree", "degrees"),
    "DEC": ("deg", "degree", "degrees"),
    "L": ("deg", "degree", "degrees"),
    "B": ("deg", "degree", "degrees"),
    "THETA": ("deg", "degree", "degrees"),
    "ZENITH_ANGLE": ("deg", "degree", "degrees"),
}
"""units that the columns of an event file may have"""


@dataclass(frozen=True)
class EventFile:
    """What an event file says of itself; its rows stay on disk.

    ``header`` is that of the events table, column keywords included; ``tstart`` and ``tstop`` are
    MET in seconds.
    """

    path: Path
    extension: str
    primary: Header
    header: Header
    columns: tuple[ColumnInfo, ...]
    dtype: np.dtype
    good_time: gti.GoodTime
    cuts: tuple[dss.Cut, ...]
    tstart: float
    tstop: float

    def __len__(self) -> int:
        return int(self.header["NAXIS2"])

    @property
    def pass_version(self) -> str:
        """PASS_VER of the events, or what their class selection says, or NONE."""
        stated = str(self.header.get("PASS_VER", "") or "").strip()
        masks = [cut.pass_version for cut in self.cuts if isinstance(cut, dss.BitMask)]
        return stated or (masks[0] if masks else "NONE")

    @property
    def table(self) -> Table:
        """Description of the events table, without rows."""
        return Table(self.header, list(self.columns), np.empty(0, self.dtype), b"", path=self.path)

    def column(self, name: str) -> ColumnInfo:
        """Description of a column (names compare without case).

        Raises InputError naming file and column when it is absent or in an unexpected unit.
        """
        info = self.table.info(name)
        if info.dtype.kind not in "iuf":
            raise InputError(f"form {info.form} is not a number", file=self.path, key=name)
        expected = _UNITS.get(name.upper())
        if expected and info.unit and info.unit.lower() not in [u.lower() for u in expected]:
            raise InputError(
                f"unit {info.unit!r} where {expected[0]} is expected", file=self.path, key=name
            )
        return info


def describe(
    path: str | os.PathLike[str], extension: str = "EVENTS", required: Iterable[str] = ("TIME",)
) -> EventFile:
    """Read the headers, cuts and good time intervals of an event file.

    Raises InputError when it is no event file, lacks a column of ``required`` or its times.
    """
    with FitsFile(path) as file:
        table = file.empty_table(extension)
        header = table.header
        tstart, tstop = (_number(header, key, file.path) for key in ("TSTART", "TSTOP"))
        found = EventFile(
            file.path,
            str(header.get("EXTNAME", extension)).strip(),
            file.header(0),
            header,
            tuple(table.columns),
            table.rows.dtype,
            gti.read(file),
            dss.read(header, file.path),
            tstart,
            tstop,
        )
    for name in required:
        found.column(name)
    return found


def _number(header: Header, key: str, path: Path) -> float:
    try:
        value = float(header[key])
    except (KeyError, TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise InputError("keyword missing or not a number", file=path, key=key)
    return value


def chunks(events: EventFile, size: int = CHUNK) -> Iterator[np.ndarray]:
    """Raw rows of an event file, ``size`` at a time."""
    with FitsFile(events.path) as file:
        yield from file.rows(events.extension, size)


def accept(cut: dss.Cut, events: EventFile, rows: np.ndarray) -> np.ndarray:
    """Which raw rows pass a cut (bool); good time intervals are those of ``events``.

    Comparisons are in double precision, whatever the column's type.
    Raises InputError when a column is missing.
    """
    match cut:
        case dss.BitMask(column, mask):
            values = column_values(events.column(column), rows)
            # bits beyond the column's width are set in no event
            return (values & np.int64(mask).astype(values.dtype)) != 0
        case dss.Range():
            return _in_range(cut, column_values(events.column(cut.column), rows))
        case dss.Cone(ra, dec, radius):
            place = [column_values(events.column(name), rows) for name in ("RA", "DEC")]
            return dss.separation(*place, ra, dec) < radius
        case dss.GoodTimes():
            times = column_values(events.column("TIME"), rows)
            return gti.contains(events.good_time.intervals, times)
        case _:
            return np.ones(len(rows), bool)


def _in_range(cut: dss.Range, values: np.ndarray) -> np.ndarray:
    if cut.index:
        values = values[:, cut.index - 1]
    low, high = np.float64(cut.minimum), np.float64(cut.maximum)
    above = values >= low if low == high else values > low
    return above & (values <= high)


def write(
    path: str | os.PathLike[str],
    template: EventFile,
    pieces: Iterable[np.ndarray],
    *,
    intervals: np.ndarray,
    cuts: Iterable[dss.Cut] | None = None,
    span: tuple[float, float] | None = None,
    tool: str,
    history: Iterable[str] = (),
    clobber: bool = True,
) -> int:
    """Write an event file: raw rows in the layout of ``template``, with its keywords.

    ``cuts`` replace those stated in the template (None keeps them), ``span`` its start and stop
    time. Returns the number of rows. Raises InputError when the file exists and ``clobber`` is
    false or the directory cannot be written; nothing is left behind on failure.
    """
    path = Path(path)
    tstart, tstop = span or (template.tstart, template.tstop)
    primary = without_directories(template.primary)
    primary.set("FILENAME", path.name, None if "FILENAME" in primary else "name of this file")
    primary.set("CREATOR", dates.creator(tool), "software and version creating file")
    dates.date_keywords(primary, tstart, tstop)
    header = without_directories(template.header)
    dates.date_keywords(header, tstart, tstop)
    if cuts is not None:
        dss.write(header, cuts)
    for line in history:
        header.append("HISTORY", line)
    times = without_directories(template.good_time.header)
    dates.date_keywords(times, tstart, tstop)
    total = 0
    with FitsWriter(path, clobber=clobber) as writer:
        writer.primary(primary)
        stream = writer.stream(header, template.dtype)
        for rows in pieces:
            stream.append(rows)
            total += len(rows)
        stream.end()
        gti.write(writer, intervals, times)
    return total
