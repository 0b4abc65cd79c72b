"""``gtselect``: select events by direction, time, energy, zenith angle, class and type.

Selects what the Fermitools' command selects, and states it by the same keywords. It differs where
that would go wrong without a word: ``tmin`` without ``tmax`` (there ignored) and files that share
good time (there counted twice) are errors.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from latsky.embedded.parameters import Command, Parameter, expand_list
from latsky.errors import InputError
from latsky.fits import dss, events, gti
from latsky.fits.core import conform, take_rows
from latsky.fits.events import EventFile


@dataclass(frozen=True)
class Selection:
    """What to keep; a part that is None is no cut.

    Ranges are (minimum, maximum): MET in s, MeV, degrees, phase. ``event_class`` is a mask (a bit
    number for data older than Pass 8), ``event_type`` a mask, ``conversion_type`` 0 front, 1 back.
    """

    cone: dss.Cone | None = None
    time: tuple[float, float] | None = None
    energy: tuple[float, float] | None = None
    zenith: tuple[float, float] | None = None
    phase: tuple[float, float] | None = None
    conversion_type: int | None = None
    event_class: int | None = None
    event_type: int | None = None

    def cuts(self, pass_version: str) -> list[dss.Cut]:
        """The selection as cuts, in the order in which they join those of the file."""
        wanted: list[dss.Cut] = []
        if self.cone is not None:
            wanted.append(self.cone)
        if self.time is not None:
            wanted.append(dss.Range("TIME", "s", *self.time))
        if self.energy is not None:
            wanted.append(dss.Range("ENERGY", "MeV", *self.energy))
        if self.conversion_type is not None:
            wanted.append(_conversion(self.conversion_type))
        if pass_version != "NONE":
            wanted += self._masks(pass_version)
        if self.zenith is not None:
            wanted.append(dss.Range("ZENITH_ANGLE", "deg", *self.zenith))
        if self.phase is not None:
            wanted.append(dss.Range("PULSE_PHASE", "dimensionless", *self.phase))
        return wanted

    def _masks(self, pass_version: str) -> Iterator[dss.Cut]:
        pass8 = dss.is_pass8(pass_version)
        if self.event_class is not None:
            mask = self.event_class if pass8 else 1 << self.event_class
            yield dss.BitMask("EVENT_CLASS", mask, pass_version)
        if self.event_type is not None and pass8:
            yield dss.BitMask("EVENT_TYPE", self.event_type, pass_version)
        elif self.event_type in (1, 2):
            # before Pass 8 the only types were front and back
            yield _conversion(self.event_type - 1)


def _conversion(kind: int) -> dss.Range:
    return dss.Range("CONVERSION_TYPE", "dimensionless", kind, kind)


def select(
    files: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    selection: Selection,
    *,
    extension: str = "EVENTS",
    clobber: bool = True,
    chatter: int = 0,
) -> tuple[int, int]:
    """Write the events of ``files`` that pass ``selection`` and the cuts already stated in them.

    Rows are copied unchanged, in the order of the files; good time intervals are merged and
    restricted to the time range. That nothing passes is no error: the product is empty. Returns
    the numbers of events kept and read.

    Raises InputError when a file is damaged, the files were selected differently or overlap in
    time, or the class or type asked for is not in them.
    """
    sources = [events.describe(path, extension) for path in files]
    first = sources[0]
    _check_alike(sources)
    stated = [cut for cut in first.cuts if not _is_time(cut)]
    # the table of good times follows the cuts of the files
    stated += [cut for cut in first.cuts if isinstance(cut, dss.GoodTimes)][:1]
    cuts = tuple(stated)
    for cut in selection.cuts(first.pass_version):
        try:
            cuts = dss.add(cuts, cut)
        except InputError as error:
            raise InputError(error.message, file=first.path, key=error.key) from None
    cuts = dss.merge_ranges(cuts)
    expression = " && ".join([c.expression for c in cuts if c.expression] + ["gtifilter()"])
    if chatter >= 3:
        print(f"applying filter string: {expression}")
    intervals = gti.merge(*(source.good_time.intervals for source in sources))
    span = min(s.tstart for s in sources), max(s.tstop for s in sources)
    if selection.time is not None:
        intervals = gti.restrict(intervals, *selection.time)
        span = _within(span, selection.time)
    kept = events.write(
        output,
        first,
        _selected(sources, cuts),
        intervals=intervals,
        cuts=cuts,
        span=span,
        tool="gtselect",
        history=[f"Filter string: {expression}"],
        clobber=clobber,
    )
    return kept, sum(len(source) for source in sources)


def _within(span: tuple[float, float], limits: tuple[float, float]) -> tuple[float, float]:
    """The part of ``span`` within the limits; where there is none, a moment at the nearer limit.

    So the files of a run that lie outside of its time range give empty products, which do not
    stretch the times of those they are added to.
    """
    low, high = limits
    return min(max(span[0], low), high), max(min(span[1], high), low)


def _is_time(cut: dss.Cut) -> bool:
    return isinstance(cut, dss.GoodTimes) or (isinstance(cut, dss.Range) and cut.column == "TIME")


def _check_alike(sources: Sequence[EventFile]) -> None:
    first = sources[0]
    for source in sources:
        if "PASS_VER" not in source.header:
            raise InputError("no PASS_VER in the events' header", source.path, "PASS_VER")
        if source.pass_version != first.pass_version:
            raise InputError(
                f"{source.pass_version}, but {first.pass_version} in {first.path}",
                source.path,
                "PASS_VER",
            )
        odd = dss.difference(first.cuts, source.cuts)
        if odd:
            raise InputError(
                f"selected differently from {first.path.name} ({odd})", source.path, "NDSKEYS"
            )
    shared = gti.overlap([source.good_time.intervals for source in sources])
    if shared is not None:
        one, other, times = shared
        raise InputError(
            f"shares good time with {sources[one].path}: {times[0, 0]} to {times[0, 1]} s; "
            "its events would count twice",
            sources[other].path,
            "GTI",
        )


def _selected(sources: Sequence[EventFile], cuts: Sequence[dss.Cut]) -> Iterator[np.ndarray]:
    """Rows that pass all cuts, piece by piece, each cut on the rows that earlier ones left."""
    first = sources[0]
    # the dear ones last
    ordered = sorted(cuts, key=lambda cut: isinstance(cut, dss.Cone))
    ordered = [c for c in ordered if not isinstance(c, dss.GoodTimes)] + [dss.GoodTimes()]
    for source in sources:
        for rows in events.chunks(source):
            for cut in ordered:
                rows = take_rows(rows, events.accept(cut, source, rows))
            yield conform(rows, source.table, first.table)


def run(values: SimpleNamespace) -> None:
    """Body of the command."""
    cone = [values.ra, values.dec, values.rad]
    selection = Selection(
        cone=dss.Cone(*_direction(*cone)) if None not in cone and values.rad < 180 else None,
        time=_bounds(values, "tmin", "tmax"),
        energy=_bounds(values, "emin", "emax"),
        zenith=_bounds(values, "zmin", "zmax", all_of_it=(0, 180)),
        phase=_bounds(values, "phasemin", "phasemax", all_of_it=(0, 1)),
        conversion_type=None if values.convtype in (None, -1) else values.convtype,
        event_class=_positive(values, "evclass"),
        event_type=_positive(values, "evtype"),
    )
    kept, read = select(
        expand_list(values.infile),
        Path(values.outfile),
        selection,
        extension=values.evtable,
        clobber=values.clobber,
        chatter=values.chatter,
    )
    if values.chatter >= 2:
        print(f"gtselect: {kept} of {read} events")


def _direction(ra: float, dec: float, radius: float) -> tuple[float, float, float]:
    if not -90 <= dec <= 90:
        raise InputError(f"{dec} is not within -90 and 90 degrees", key="dec")
    if radius < 0:
        raise InputError(f"{radius} is negative", key="rad")
    return ra % 360.0, dec, radius


def _bounds(
    values: SimpleNamespace, low: str, high: str, all_of_it: tuple[float, float] = (0, 0)
) -> tuple[float, float] | None:
    """A range given by two parameters, None where it is no cut."""
    pair = getattr(values, low), getattr(values, high)
    if pair in ((None, None), all_of_it):
        return None
    if None in pair:
        raise InputError(f"{low} and {high} are given together, or both are INDEF", key=low)
    if pair[0] > pair[1]:
        raise InputError(f"{pair[0]} is greater than {high}={pair[1]}", key=low)
    return pair


def _positive(values: SimpleNamespace, name: str) -> int | None:
    value = getattr(values, name)
    if value is not None and value < 0:
        raise InputError(f"{value} is negative", key=name)
    return value


COMMAND = Command(
    "gtselect",
    "select events by direction, time, energy, zenith angle, class and type",
    (
        Parameter("infile", "file", doc="event file, or @list of them"),
        Parameter("outfile", "file", doc="event file to write"),
        Parameter("ra", "real", None, "centre of the region, degrees"),
        Parameter("dec", "real", None, "centre of the region, degrees"),
        Parameter("rad", "real", None, "radius of the region, degrees"),
        Parameter("tmin", "real", None, "start time, MET in s"),
        Parameter("tmax", "real", None, "end time, MET in s"),
        Parameter("emin", "real", 30.0, "lower energy limit, MeV"),
        Parameter("emax", "real", 300000.0, "upper energy limit, MeV"),
        Parameter("zmin", "real", 0.0, "least zenith angle, degrees"),
        Parameter("zmax", "real", 180.0, "greatest zenith angle, degrees"),
        Parameter("evclass", "int", None, "event class: mask (bit number before Pass 8)"),
        Parameter("evtype", "int", None, "event type mask"),
        Parameter("convtype", "int", -1, "conversion type: -1 both, 0 front, 1 back"),
        Parameter("phasemin", "real", 0.0, "least pulse phase"),
        Parameter("phasemax", "real", 1.0, "greatest pulse phase"),
        Parameter("evtable", "string", "EVENTS", "name of the events table"),
    ),
    run,
)
