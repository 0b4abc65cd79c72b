"""The batches in which a catalogue's source maps were made, read back and proved complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latsky.errors import InputError, Problems
from latsky.fits.core import FitsFile

SOURCES = "SOURCES"


@dataclass(frozen=True)
class Entry:
    """A source of a batch, as its table SOURCES has it."""

    number: int
    name: str
    rule: str
    merged: bool
    flux: float
    predicted: float
    """counts over all bins"""
    counts: tuple[float, ...]
    """(bins,) ∫ flux × exposure"""
    planes: tuple[float, ...]
    """(bins + 1,) counts/MeV at the edges: what the source adds to a merged map's sums"""
    hash: str


@dataclass(frozen=True)
class Batch:
    """One batch's file."""

    path: Path
    catalog: str
    catalog_size: int
    first: int
    last: int
    entries: tuple[Entry, ...]


def read_batch(path: Path) -> Batch:
    """What a batch's file says of its sources. Raises InputError."""
    with FitsFile(path) as file:
        table = file.table(SOURCES)

    def texts(name: str) -> list[str]:
        return [bytes(cell).decode("ascii").strip() for cell in table.rows[table.info(name).name]]

    header = table.header
    for key in ("CATALOG", "NSOURCES", "FIRST", "LAST"):
        if key not in header:
            raise InputError("keyword missing", file=path, key=f"{SOURCES}.{key}")
    entries = tuple(
        Entry(
            int(number),
            name,
            rule,
            bool(merged),
            float(flux),
            float(predicted),
            tuple(np.atleast_1d(counts).tolist()),
            tuple(planes.tolist()),
            code,
        )
        for number, name, rule, merged, flux, predicted, counts, planes, code in zip(
            table["NUMBER"],
            texts("SOURCE_NAME"),
            texts("RULE"),
            table["MERGED"],
            table["FLUX"],
            table["NPRED"],
            table["NPRED_BINS"],
            table["PLANES"],
            texts("HASH"),
            strict=True,
        )
    )
    first, last = int(header["FIRST"]), int(header["LAST"])
    if [entry.number for entry in entries] != list(range(first, last)):
        raise InputError("its sources are not those from FIRST to LAST", path, SOURCES)
    return Batch(path, str(header["CATALOG"]), int(header["NSOURCES"]), first, last, entries)


def complete(paths: Sequence[Path]) -> tuple[Batch, ...]:
    """Batches in the catalogue's order, each source once.

    A batch that is there twice with the same sources (a job that was run again) counts once.
    Raises InputErrors: another catalogue, sources that appear in two batches, sources missing.
    """
    if not paths:
        raise InputError("no batches", key=SOURCES)
    problems = Problems()
    batches = sorted((read_batch(path) for path in paths), key=lambda b: (b.first, b.last))
    chosen: list[Batch] = []
    for batch in batches:
        if (batch.catalog, batch.catalog_size) != (batches[0].catalog, batches[0].catalog_size):
            problems.add(f"another catalogue than that of {batches[0].path.name}", batch.path)
            continue
        if chosen and batch.first < chosen[-1].last:
            last = chosen[-1]
            if batch.entries != last.entries:
                problems.add(
                    f"sources {batch.first} to {min(batch.last, last.last)} (exclusive) are in "
                    f"{last.path.name}, too, and would count twice",
                    batch.path,
                )
            continue
        expected = chosen[-1].last if chosen else 0
        if batch.first > expected:
            problems.add(
                f"no batch has sources {expected} to {batch.first} (exclusive)", batch.path
            )
        chosen.append(batch)
    if chosen and chosen[-1].last < chosen[-1].catalog_size:
        end = chosen[-1]
        problems.add(f"no batch has sources {end.last} to {end.catalog_size} (exclusive)", end.path)
    problems.raise_any()
    seen: dict[str, int] = {}
    for batch in chosen:
        for entry in batch.entries:
            if entry.name in seen:
                raise InputError("is in two rows of the catalogue", batch.path, entry.name)
            seen[entry.name] = entry.number
    return tuple(chosen)


def of_rule(batches: Sequence[Batch], rule: str) -> tuple[Entry, ...]:
    """Sources of a rule. Raises InputError, naming the rules there are, when there are none."""
    found = tuple(e for batch in batches for e in batch.entries if e.rule == rule)
    if not found:
        have = ", ".join(sorted({e.rule for batch in batches for e in batch.entries}))
        raise InputError(f"no source of the rule {rule}; there are {have}", key="rule")
    return found


def total(values: Sequence[float] | Sequence[Sequence[float]]) -> np.ndarray:
    """Sum over the first axis."""
    return np.sum(np.asarray(values, "f8"), axis=0)
