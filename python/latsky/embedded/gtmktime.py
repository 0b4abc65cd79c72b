"""``gtmktime``: good time intervals from a condition on the spacecraft data.

Gives the intervals of the Fermitools' command. It differs in three things: an ``||`` in the
condition is not torn apart by the ROI cut that follows it, a condition that no row satisfies gives
an empty product, and spacecraft files that do not reach the events at all are an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from latsky.embedded.expression import Evaluator, compile_filter
from latsky.embedded.parameters import Command, Parameter, expand_list
from latsky.errors import InputError
from latsky.fits import dss, events, gti, spacecraft
from latsky.fits.core import column_values, take_rows
from latsky.fits.events import EventFile
from latsky.fits.spacecraft import SpacecraftFile


def make_time(
    event_file: str | os.PathLike[str],
    spacecraft_files: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    condition: str,
    *,
    roi_cut: bool = False,
    observation: tuple[float, float] | None = None,
    overwrite: bool = False,
    extension: str = "EVENTS",
    spacecraft_extension: str = "SC_DATA",
    clobber: bool = True,
    chatter: int = 0,
) -> tuple[int, int, np.ndarray]:
    """Write the events that lie in good time: where ``condition`` holds on the spacecraft's rows.

    The runs of rows that satisfy it are intersected with the good time intervals of the event
    file, or, with ``overwrite``, with ``observation`` (start and stop, MET in s; None for that of
    the events' header). ``roi_cut`` adds that the zenith stays so near the centre of the events'
    cone that its edge is within the zenith angle cut. No good time is a valid, empty product.

    Returns the numbers of events kept and read, and the intervals (n, 2).

    Raises InputError when the condition cannot be parsed, a file is damaged, or the spacecraft
    files do not cover the events at all.
    """
    source = events.describe(event_file, extension)
    files = [spacecraft.describe(path, spacecraft_extension) for path in spacecraft_files]
    zenith = _zenith_condition(source) if roi_cut else ""
    if roi_cut and not zenith and chatter >= 2:
        print("gtmktime: no sky cone and zenith cut in the events: nothing to do for roicut")
    shown = " && ".join([condition, zenith] if zenith else [condition])
    if chatter >= 3:
        print(f"applying GTI filter: {shown}")
    span = observation if overwrite and observation is not None else (source.tstart, source.tstop)
    if span[0] > span[1]:
        raise InputError(f"{span[0]} is after tstop={span[1]}", key="tstart")
    filters = [_both(condition, zenith, file) for file in files]
    good, covered = _good_rows(files, filters, span)
    allowed = np.array([span]) if overwrite else source.good_time.intervals
    if len(covered) == 0 and gti.total(allowed) > 0:
        raise InputError(
            f"no spacecraft data between {span[0]} and {span[1]} s, the time of {source.path}",
            file=files[0].path,
            key="scfile",
        )
    missing = gti.total(gti.subtract(allowed, covered))
    if missing > 1.0 and chatter >= 2:
        print(f"gtmktime: {missing:.1f} s of the events' good time have no spacecraft data")
    intervals = gti.intersect(good, allowed)
    kept = events.write(
        output,
        source,
        _inside(source, intervals),
        intervals=intervals,
        tool="gtmktime",
        history=[f"Good time where: {shown}"],
        clobber=clobber,
    )
    return kept, len(source), intervals


def _zenith_condition(source: EventFile) -> str:
    """Condition that keeps the whole cone within the zenith angle cut, '' where there is none.

    Numbers have the six digits that the Fermitools give them, so that the rows are the same.
    """
    cone, zenith = dss.find_cone(source.cuts), dss.find_range(source.cuts, "ZENITH_ANGLE")
    if cone is None or zenith is None or not zenith[1] < 180:
        return ""
    return f"angsep(RA_ZENITH,DEC_ZENITH,{cone.ra:g},{cone.dec:g}) < {zenith[1] - cone.radius:g}"


def _both(condition: str, zenith: str, file: SpacecraftFile) -> Evaluator:
    """The user's condition and that on the zenith, parsed apart so that an ``||`` stays inside."""
    try:
        first, second = (compile_filter(text, file.table) for text in (condition, zenith))
    except InputError as error:
        raise InputError(error.message, file=file.path, key=error.key) from None
    return lambda rows: first(rows) & second(rows)


def _good_rows(
    files: Sequence[SpacecraftFile], filters: Sequence[Evaluator], span: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Intervals of the rows that satisfy the filters, and of all rows that reach into ``span``."""
    good, covered = [gti.EMPTY], [gti.EMPTY]
    for file, passes in zip(files, filters, strict=True):
        for rows in spacecraft.chunks(file, since=span[0]):
            times = spacecraft.spans(file, rows)
            near = (times[:, 1] > span[0]) & (times[:, 0] <= span[1])
            if not near.any():
                continue
            times, rows = times[near], rows[near]
            covered.append(gti.normalise(times))
            good.append(gti.normalise(times[passes(rows)]))
    return gti.merge(*good), gti.merge(*covered)


def _inside(source: EventFile, intervals: np.ndarray) -> Iterator[np.ndarray]:
    """Rows whose time lies in the intervals."""
    time = source.column("TIME")
    for rows in events.chunks(source):
        yield take_rows(rows, gti.contains(intervals, column_values(time, rows)))


def run(values: SimpleNamespace) -> None:
    """Body of the command."""
    observation = None
    if not values.header_obstimes:
        if values.tstart is None or values.tstop is None:
            raise InputError("needed where header_obstimes is no", key="tstart")
        observation = values.tstart, values.tstop
    kept, read, intervals = make_time(
        values.evfile,
        expand_list(values.scfile, "scfile"),
        Path(values.outfile),
        values.filter,
        roi_cut=values.roicut,
        observation=observation,
        overwrite=values.overwrite,
        extension=values.evtable,
        spacecraft_extension=values.sctable,
        clobber=values.clobber,
        chatter=values.chatter,
    )
    if values.chatter >= 2:
        print(
            f"gtmktime: {kept} of {read} events; {len(intervals)} good time intervals, "
            f"{gti.total(intervals):.3f} s"
        )


COMMAND = Command(
    "gtmktime",
    "good time intervals from a condition on the spacecraft data",
    (
        Parameter("scfile", "file", doc="spacecraft file, or @list of them"),
        Parameter("sctable", "string", "SC_DATA", "name of the spacecraft table"),
        Parameter(
            "filter",
            "string",
            "DATA_QUAL>0 && LAT_CONFIG==1 && ABS(ROCK_ANGLE)<52",
            "condition on the spacecraft's rows",
        ),
        Parameter("roicut", "bool", True, "keep the region within the zenith angle cut"),
        Parameter("evfile", "file", doc="event file"),
        Parameter("evtable", "string", "EVENTS", "name of the events table"),
        Parameter("outfile", "file", doc="event file to write"),
        Parameter(
            "apply_filter", "bool", True, "accepted; the events are always filtered by the new GTI"
        ),
        Parameter("overwrite", "bool", False, "drop the good time intervals of the events"),
        Parameter("header_obstimes", "bool", True, "with overwrite: times from the header"),
        Parameter("tstart", "real", 0.0, "with overwrite: start time, MET in s"),
        Parameter("tstop", "real", 0.0, "with overwrite: stop time, MET in s"),
        Parameter("gtifile", "string", "default", "accepted: no temporary file is needed"),
    ),
    run,
)
