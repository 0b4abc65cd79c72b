"""``latsky-step match-spacecraft``: the spacecraft data that go with some event files.

Jobs of a run work on one batch of events each. This step gives each batch the rows of the
spacecraft files that cover it, so that no job reads years of pointing for a week of events. Files
may be given in any order and overlap: the rows come out in order of time, each moment once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from latsky.embedded.parameters import expand_list
from latsky.errors import InputError, Problems
from latsky.fits import dates, events, gti, spacecraft
from latsky.fits.core import FitsWriter, conform, stack_rows, without_directories
from latsky.fits.spacecraft import SpacecraftFile

LONGEST_GAP = 3600.0
"""seconds without rows that are taken for a pause of the instrument (the South Atlantic Anomaly
takes up to 1900 s), not for a missing file"""

_SLACK = 60.0
"""seconds by which rows may go beyond the times that a header states"""


@dataclass
class Report:
    """What was found while matching; times MET in s."""

    rows: int = 0
    repeated: int = 0
    shortened: int = 0
    covered: np.ndarray = field(default_factory=lambda: gti.EMPTY)
    gaps: np.ndarray = field(default_factory=lambda: gti.EMPTY)


class _Stream:
    """The rows of one file that reach into the wanted times, a piece at a time."""

    def __init__(self, file: SpacecraftFile, target: SpacecraftFile, wanted: np.ndarray) -> None:
        self.file, self._target, self._wanted = file, target, wanted
        self._pieces = spacecraft.chunks(file, since=float(wanted[0, 0]))
        self._last = -np.inf
        self.times = gti.EMPTY
        self.rows = np.empty(0, target.dtype)

    def fill(self) -> bool:
        """Have rows at hand; False at the end."""
        while len(self.rows) == 0:
            piece = next(self._pieces, None)
            if piece is None or self._last > self._wanted[-1, 1]:
                return False
            times = spacecraft.spans(self.file, piece)
            self._check(times)
            near = _overlaps(times, self._wanted)
            self.times = times[near]
            self.rows = conform(piece[near], self.file.table, self._target.table)
        return True

    def _check(self, times: np.ndarray) -> None:
        starts = times[:, 0]
        if (np.diff(starts, prepend=self._last) < 0).any() or (times[:, 1] < starts).any():
            raise InputError("rows are not in order of time", file=self.file.path, key="START")
        self._last = float(starts[-1])

    def take(self, horizon: float) -> tuple[np.ndarray, np.ndarray]:
        """Remove and return the rows that start no later than ``horizon``."""
        count = int(np.searchsorted(self.times[:, 0], horizon, side="right"))
        taken = self.times[:count], self.rows[:count]
        self.times, self.rows = self.times[count:], self.rows[count:]
        return taken


def _overlaps(times: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Which of the spans ``times`` share time with the intervals ``wanted``."""
    at = np.searchsorted(wanted[:, 1], times[:, 0], side="right")
    inside = np.minimum(at, len(wanted) - 1)
    return (at < len(wanted)) & (wanted[inside, 0] < times[:, 1])


def _in_order(
    files: Sequence[SpacecraftFile], wanted: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Times and rows of all files in order of START; a file is opened when its time has come."""
    pending = sorted(files, key=lambda file: file.stated_span[0], reverse=True)
    target, active = files[0], list[_Stream]()
    while True:
        active = [stream for stream in active if stream.fill()]
        # every row not read yet starts after the last one at hand of its file
        horizon = min((stream.times[-1, 0] for stream in active), default=np.inf)
        if pending and (not active or pending[-1].stated_span[0] - _SLACK <= horizon):
            active.append(_Stream(pending.pop(), target, wanted))
            continue
        if not active:
            return
        taken = [stream.take(horizon) for stream in active]
        times = np.concatenate([part[0] for part in taken])
        rows = stack_rows([part[1] for part in taken], target.dtype)
        order = np.lexsort((-times[:, 1], times[:, 0]))
        yield times[order], rows[order]


def _each_moment_once(
    pieces: Iterator[tuple[np.ndarray, np.ndarray]], target: SpacecraftFile, report: Report
) -> Iterator[np.ndarray]:
    """Rows without repetition.

    A row within an earlier one is dropped. Of two that overlap in part the earlier is cut short,
    for its pointing is that of its START, and keeps the same share of its livetime.
    """
    start, stop = (target.table.info(name).name for name in ("START", "STOP"))
    livetime = target.table.info("LIVETIME").name if "LIVETIME" in target.table else None
    held = np.empty(0, target.dtype)
    held_times = gti.EMPTY
    for new_times, new_rows in pieces:
        times = np.concatenate([held_times, new_times])
        rows = stack_rows([held, new_rows], target.dtype)
        reach = np.maximum.accumulate(times[:, 1])
        fresh = np.concatenate([[True], times[1:, 1] > reach[:-1]])
        report.repeated += int(np.sum(~fresh))
        times, rows = times[fresh], rows[fresh]
        late = np.flatnonzero(times[1:, 0] < times[:-1, 1])
        if len(late):
            report.shortened += len(late)
            share = (times[late + 1, 0] - times[late, 0]) / (times[late, 1] - times[late, 0])
            times[late, 1] = times[late + 1, 0]
            rows[stop][late] = rows[start][late + 1]
            if livetime is not None:
                rows[livetime][late] = rows[livetime][late] * share
        # the last row may yet be cut short by the next piece
        held_times, held = times[-1:], rows[-1:]
        report.covered = gti.merge(report.covered, times)
        yield rows[:-1]
    yield held


def match(
    event_files: Sequence[str | os.PathLike[str]],
    spacecraft_files: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    longest_gap: float = LONGEST_GAP,
    clobber: bool = True,
) -> Report:
    """Write the spacecraft rows that share time with the event files.

    The table keeps the name and columns of the first file. Memory is bounded by a piece of each
    file that is open at a time.

    Raises InputError when a file is damaged or out of order, and InputErrors naming each event
    file with good time before the first row, after the last, or in a gap longer than
    ``longest_gap`` seconds; then no output is left.
    """
    sources = [events.describe(path) for path in event_files]
    good = [_wanted(source) for source in sources]
    wanted = gti.merge(*good)
    files = [spacecraft.describe(path, required=("START", "STOP")) for path in spacecraft_files]
    low, high = float(wanted[0, 0]), float(wanted[-1, 1])
    # rows on either side tell a pause of the instrument from the end of the data
    margin = longest_gap + _SLACK
    wide = gti.normalise(wanted + np.array([-margin, margin]))
    near = [
        file
        for file in files
        if file.stated_span[0] < wide[-1, 1] and file.stated_span[1] > wide[0, 0]
    ]
    if not near:
        raise InputError(
            f"no spacecraft file covers {low} to {high} s", file=sources[0].path, key="spacecraft"
        )
    target = min(near, key=lambda file: file.stated_span[0])
    near.sort(key=lambda file: file is not target)
    report = Report()
    output = Path(output)
    with FitsWriter(output, clobber=clobber) as writer:
        primary = without_directories(target.primary)
        primary.set("FILENAME", output.name)
        primary.set("CREATOR", dates.creator("match-spacecraft"))
        writer.primary(dates.date_keywords(primary, low, high))
        header = dates.date_keywords(without_directories(target.header), low, high)
        stream = writer.stream(header, target.dtype)
        for rows in _each_moment_once(_in_order(near, wide), target, report):
            rows = rows[_overlaps(spacecraft.spans(target, rows), wanted)]
            stream.append(rows)
            report.rows += len(rows)
        stream.end()
        _check_cover(sources, report, longest_gap, len(near))
        report.covered = gti.intersect(report.covered, wanted)
    return report


def _wanted(source: events.EventFile) -> np.ndarray:
    """The time from the first to the last good moment of an event file, at least its span."""
    intervals = source.good_time.intervals
    low = min([source.tstart, *intervals[:1, 0]])
    high = max([source.tstop, *intervals[-1:, 1]])
    return np.array([[low, high]])


def _check_cover(
    sources: Sequence[events.EventFile], report: Report, longest_gap: float, count: int
) -> None:
    """Raise unless the good time of all event files is covered but for short gaps between rows."""
    problems = Problems()
    gaps = [gti.EMPTY]
    for source in sources:
        for start, stop in gti.subtract(source.good_time.intervals, report.covered):
            before = bool(np.any(report.covered[:, 1] <= start))
            after = bool(np.any(report.covered[:, 0] >= stop))
            gaps.append(np.array([[start, stop]]))
            # a moment at either end is rounding of the two files' times
            if (stop - start <= longest_gap and before and after) or stop - start < 1.0:
                continue
            problems.add(
                f"good time from {start} to {stop} s ({dates.to_utc(start)} to "
                f"{dates.to_utc(stop)} UTC) has no row in the {count} spacecraft files near it",
                source.path,
                "spacecraft",
            )
    report.gaps = gti.merge(*gaps)
    problems.raise_any()


def main(arguments: Sequence[str]) -> int | None:
    """Run the step."""
    parser = argparse.ArgumentParser(prog="latsky-step match-spacecraft", description=__doc__)
    parser.add_argument("--events", nargs="+", required=True, help="event files (or @list)")
    parser.add_argument(
        "--spacecraft", nargs="+", required=True, help="spacecraft files (or @list), in any order"
    )
    parser.add_argument("--output", type=Path, required=True, help="spacecraft file to write")
    parser.add_argument(
        "--longest-gap",
        type=float,
        default=LONGEST_GAP,
        metavar="SECONDS",
        help="good time between rows that may be without any (default %(default)g)",
    )
    options = parser.parse_args(arguments)
    report = match(
        [path for name in options.events for path in expand_list(name, "events")],
        [path for name in options.spacecraft for path in expand_list(name, "spacecraft")],
        options.output,
        longest_gap=options.longest_gap,
    )
    print(f"{report.rows} rows, {gti.total(report.covered):.0f} s")
    if report.repeated or report.shortened:
        print(f"{report.repeated} repeated rows dropped, {report.shortened} cut short")
    if len(report.gaps):
        print(
            f"{gti.total(report.gaps):.0f} s of good time without rows (gaps: {len(report.gaps)})",
            file=sys.stderr,
        )
    return None
