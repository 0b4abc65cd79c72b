"""Good time intervals: arithmetic, and the GTI table.

Intervals are an array of shape (n, 2), float64, start and stop in MET seconds. ``normalised``
intervals are sorted and disjoint, and every function here returns them so. Where intervals touch
they are one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from latsky.errors import InputError
from latsky.fits.core import Column, FitsFile, FitsWriter, Header, Table

EMPTY = np.empty((0, 2))
EMPTY.flags.writeable = False


@dataclass(frozen=True)
class GoodTime:
    """A GTI table: its intervals (n, 2) and its header without layout keywords."""

    intervals: np.ndarray
    header: Header = field(default_factory=Header)


def normalise(intervals: Iterable[Iterable[float]] | np.ndarray) -> np.ndarray:
    """Sorted, disjoint intervals with the same union; overlapping and touching ones are joined.

    Raises InputError when an interval ends before it starts or is not finite.
    """
    given = _array(intervals)
    if len(given) == 0:
        return EMPTY
    if not np.isfinite(given).all():
        raise InputError("a good time interval is not finite", key="GTI")
    backward = given[:, 1] < given[:, 0]
    if backward.any():
        start, stop = given[np.argmax(backward)]
        raise InputError(f"interval ends before it starts: {start} to {stop}", key="GTI")
    ordered = given[np.lexsort((given[:, 1], given[:, 0]))]
    reach = np.maximum.accumulate(ordered[:, 1])
    first = np.concatenate([[True], ordered[1:, 0] > reach[:-1]])
    starts = ordered[first, 0]
    last = np.concatenate([first[1:], [True]])
    return np.column_stack([starts, reach[last]])


def merge(*sets: np.ndarray) -> np.ndarray:
    """Union of several sets of intervals."""
    return normalise(np.concatenate([_array(each) for each in sets] or [EMPTY]))


def intersect(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Times that are in both sets of intervals; nothing of zero length is kept."""
    one, other = normalise(one), normalise(other)
    if len(one) == 0 or len(other) == 0:
        return EMPTY
    # of each interval of `one`: the range of those of `other` that overlap it
    first = np.searchsorted(other[:, 1], one[:, 0], side="right")
    beyond = np.searchsorted(other[:, 0], one[:, 1], side="left")
    counts = np.maximum(beyond - first, 0)
    which = np.repeat(np.arange(len(one)), counts)
    offset = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    match = first[which] + offset
    start = np.maximum(one[which, 0], other[match, 0])
    stop = np.minimum(one[which, 1], other[match, 1])
    keep = start < stop
    return normalise(np.column_stack([start, stop])[keep])


def subtract(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Times that are in ``one`` and not in ``other``."""
    other = normalise(other)
    edges = np.concatenate([[-np.inf], other.ravel(), [np.inf]]).reshape(-1, 2)
    one = normalise(one)
    if len(one) == 0:
        return EMPTY
    low, high = one[0, 0], one[-1, 1]
    gaps = np.clip(edges, low, high)
    return intersect(one, gaps[gaps[:, 0] < gaps[:, 1]])


def restrict(intervals: np.ndarray, tstart: float, tstop: float) -> np.ndarray:
    """The part of the intervals between two times."""
    return intersect(intervals, np.array([[tstart, tstop]]))


def total(intervals: np.ndarray) -> float:
    """Summed length in seconds."""
    given = _array(intervals)
    return float(np.sum(given[:, 1] - given[:, 0]))


def overlap(sets: Iterable[np.ndarray]) -> tuple[int, int, np.ndarray] | None:
    """The first two sets that share time: their positions and the shared intervals, or None.

    Sets that only touch do not overlap.
    """
    normal = [normalise(each) for each in sets]
    rows = np.concatenate([*normal, EMPTY])
    owner = np.repeat(np.arange(len(normal)), [len(each) for each in normal])
    order = np.lexsort((rows[:, 1], rows[:, 0]))
    rows, owner = rows[order], owner[order]
    clash = np.flatnonzero(rows[1:, 0] < np.maximum.accumulate(rows[:, 1])[:-1])
    if len(clash) == 0:
        return None
    later = int(clash[0]) + 1
    earlier = int(np.argmax(rows[:later, 1] > rows[later, 0]))
    one, other = sorted((int(owner[earlier]), int(owner[later])))
    return one, other, intersect(normal[one], normal[other])


def contains(intervals: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Whether each time is in a good interval, both ends included (as CFITSIO's gtifilter).

    ``intervals`` must be normalised; ``times`` has any shape.
    """
    if len(intervals) == 0:
        return np.zeros(np.shape(times), bool)
    at = np.searchsorted(intervals[:, 0], times, side="right") - 1
    return (at >= 0) & (times <= intervals[np.maximum(at, 0), 1])


def overlap_lengths(intervals: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Seconds of good time inside each of the given spans (n,), in one pass.

    ``intervals`` must be normalised. Spans may be in any order and overlap.
    """
    return _good_time_before(intervals, stops) - _good_time_before(intervals, starts)


def _good_time_before(intervals: np.ndarray, times: np.ndarray) -> np.ndarray:
    if len(intervals) == 0:
        return np.zeros(np.shape(times))
    done = np.concatenate([[0.0], np.cumsum(intervals[:, 1] - intervals[:, 0])])
    at = np.searchsorted(intervals[:, 0], times, side="right") - 1
    inside = np.clip(at, 0, None)
    running = np.minimum(times, intervals[inside, 1]) - intervals[inside, 0]
    return np.where(at < 0, 0.0, done[inside] + running)


def from_table(table: Table) -> GoodTime:
    """Intervals of a table with columns START and STOP (s), normalised.

    Raises InputError when a column is absent, or a unit is not seconds.
    """
    for name in ("START", "STOP"):
        unit = table.info(name).unit
        if unit and unit.lower() not in ("s", "sec", "second", "seconds"):
            raise InputError(f"unit {unit!r} is not seconds", file=table.path, key=name)
    try:
        intervals = normalise(np.column_stack([table["START"], table["STOP"]]))
    except InputError as error:
        raise InputError(error.message, file=table.path, key="GTI") from None
    header = table.header.without_structure()
    header.remove_matching(r"(TTYPE|TFORM|TUNIT|TDISP|TLMIN|TLMAX|TNULL)\d+")
    return GoodTime(intervals, header)


def read(file: FitsFile, hdu: str = "GTI") -> GoodTime:
    """The good time intervals of an open file. Raises InputError when it has none."""
    return from_table(file.table(hdu))


def read_file(path: str | Path, hdu: str = "GTI") -> GoodTime:
    """The good time intervals of a file. Raises InputError when it has none."""
    with FitsFile(path) as file:
        return read(file, hdu)


def write(writer: FitsWriter, intervals: np.ndarray, header: Header | None = None) -> None:
    """Append the GTI table: START and STOP in seconds, ONTIME, the OGIP class keywords.

    ``header`` gives further keywords (dates, telescope, …), kept as they are.
    """
    intervals = normalise(intervals)
    keywords = Header(
        [
            ("HDUCLASS", "OGIP", "format conforms to OGIP standard"),
            ("HDUCLAS1", "GTI", "extension contains good time intervals"),
            ("HDUCLAS2", "ALL", "extension contains all science time"),
        ]
    )
    keywords.update(header or Header())
    keywords.set(
        "ONTIME",
        total(intervals),
        None if "ONTIME" in keywords else "sum of GTI lengths",
    )
    if "TSTART" in keywords and "TSTOP" in keywords:
        comment = None if "TELAPSE" in keywords else "TSTOP - TSTART"
        keywords.set("TELAPSE", float(keywords["TSTOP"]) - float(keywords["TSTART"]), comment)
    columns = [
        Column("START", intervals[:, 0], "s", comment="start time of good time intervals"),
        Column("STOP", intervals[:, 1], "s", comment="stop time of good time intervals"),
    ]
    writer.table("GTI", columns, keywords)


def _array(intervals: Iterable[Iterable[float]] | np.ndarray) -> np.ndarray:
    if not isinstance(intervals, np.ndarray):
        intervals = list(intervals)
    given = np.asarray(intervals, np.float64)
    return given.reshape(-1, 2) if given.size == 0 else given
