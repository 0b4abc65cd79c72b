"""Checks of event and spacecraft files against what the components need of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from latsky.config.analysis import Analysis
from latsky.config.file_lists import ListedFile
from latsky.config.selections import class_contains, event_types, type_contains
from latsky.errors import InputError, Problems
from latsky.fits import dss, gti
from latsky.fits.core import FitsFile, Header, Table
from latsky.plan import Cut

EVENT_COLUMNS = ("ENERGY", "RA", "DEC", "L", "B", "ZENITH_ANGLE", "TIME")
SPACECRAFT_COLUMNS = ("START", "STOP", "LIVETIME", "RA_SCZ", "DEC_SCZ", "RA_ZENITH", "DEC_ZENITH")
SECONDS = ("s", "sec", "second", "seconds")
DEGREES = ("deg", "degree", "degrees")

SAMPLE = 10_000
"""events looked at for the bits of their class"""
LEAST_SAMPLE = 1_000
"""fewer events than this, of a longer file, say nothing about its classes"""
SEEK_LIMIT = 64 << 20
"""bytes of a gzipped file beyond which it is not read through to its good time intervals"""
ROUNDING = 1.0
"""seconds by which good time may reach beyond all spacecraft data"""
OVERLAP = 1e-3
"""seconds that two event files may share by rounding"""
ENERGY_TOLERANCE = 1e-6
"""relative; edges from log10(E) and keywords differ in the last digits"""


@dataclass(frozen=True)
class EventSummary:
    """What an event file says of itself; ``times`` (n, 2) are good time intervals, MET s."""

    listed: ListedFile
    cuts: tuple[dss.Cut, ...]
    times: np.ndarray
    tstart: float
    tstop: float
    pass_version: str
    n_events: int
    class_bits: int
    """EVENT_CLASS bits set in any event of the sample"""
    n_sample: int


def check_events(analysis: Analysis, cuts: list[Cut]) -> tuple[list[InputError], list[InputError]]:
    """Problems and warnings of the event and spacecraft files of an analysis."""
    problems = Problems()
    warnings: list[InputError] = []
    summaries = [
        found
        for listed in analysis.event_files
        if (found := problems.collect(lambda e=listed: read_summary(e))) is not None
    ]
    for summary in summaries:
        problems.found.extend(_against_components(summary, cuts))
        cone = dss.find_cone(summary.cuts)
        if cone is not None and cone.radius < 180:
            warnings.append(
                summary.listed.problem(
                    f"holds events within {cone.radius:g} deg of RA {cone.ra:g}, Dec {cone.dec:g} "
                    "only, not the whole sky"
                )
            )
    problems.found.extend(overlaps(summaries))
    spans = [
        span
        for listed in analysis.spacecraft_files
        if (span := problems.collect(lambda e=listed: spacecraft_span(e))) is not None
    ]
    if spans or not analysis.spacecraft_files:
        problems.found.extend(uncovered(summaries, np.array(spans).reshape(-1, 2)))
    problems.found.extend(_outside_times(analysis, cuts, summaries))
    return problems.found, warnings


def read_summary(listed: ListedFile) -> EventSummary:
    """Headers, good times and a sample of one event file. Raises InputError when it is none."""
    path = listed.path
    try:
        with FitsFile(path) as file:
            skip = file.compressed and path.stat().st_size > SEEK_LIMIT
            table = file.empty_table("EVENTS")
            header = table.header
            problems = Problems()
            for name in EVENT_COLUMNS:
                unit = DEGREES if name not in ("ENERGY", "TIME") else SECONDS
                allowed = ("MeV",) if name == "ENERGY" else unit
                problems.collect(lambda n=name, u=allowed: _column(table, n, u))
            for name in ("EVENT_CLASS", "EVENT_TYPE"):
                problems.collect(lambda n=name: table.info(n))
            problems.raise_any()
            tstart, tstop = (_keyword(header, key, path) for key in ("TSTART", "TSTOP"))
            bits, n_sample = 0, 0
            if table.info("EVENT_CLASS").dtype.kind == "u" and int(header["NAXIS2"]):
                rows = next(file.rows("EVENTS", min(SAMPLE, int(header["NAXIS2"]))))
                sample = np.asarray(rows[table.info("EVENT_CLASS").name])
                bits, n_sample = int(np.bitwise_or.reduce(sample)), len(sample)
            times = np.array([[tstart, tstop]]) if skip else gti.read(file).intervals
            cuts = dss.read(header, path)
    except InputError as error:
        # the same words, with the key of the list the file came from where there is none
        raise InputError(error.message, file=path, key=error.key or listed.key) from None
    masks = [cut.pass_version for cut in cuts if isinstance(cut, dss.BitMask)]
    stated = str(header.get("PASS_VER", "") or "").strip() or (masks[0] if masks else "")
    return EventSummary(
        listed, cuts, times, tstart, tstop, stated, int(header["NAXIS2"]), bits, n_sample
    )


def _column(table: Table, name: str, units: Iterable[str]) -> None:
    info = table.info(name)
    if info.unit and info.unit.lower() not in [unit.lower() for unit in units]:
        raise InputError(
            f"unit {info.unit!r} where {next(iter(units))} is expected", file=table.path, key=name
        )


def _keyword(header: Header, key: str, path: object) -> float:
    try:
        return float(header[key])
    except (KeyError, TypeError, ValueError):
        raise InputError("keyword missing or not a number", file=str(path), key=key) from None


def _against_components(summary: EventSummary, cuts: list[Cut]) -> list[InputError]:
    """What components need and the file's own selection has taken away."""
    found: dict[str, InputError] = {}

    def note(cut: Cut, topic: str, message: str) -> None:
        # the first component that meets an obstacle stands for all
        text = f"{message} (component {cut.binning.name})"
        found.setdefault(topic, summary.listed.problem(text))

    class_mask = dss.find_mask(summary.cuts, "EVENT_CLASS")
    type_mask = dss.find_mask(summary.cuts, "EVENT_TYPE")
    energies = dss.find_range(summary.cuts, "ENERGY")
    zenith = dss.find_range(summary.cuts, "ZENITH_ANGLE")
    for cut in cuts:
        wanted, name = cut.evclass.mask, cut.evclass.name
        sampled = summary.n_sample == summary.n_events or summary.n_sample >= LEAST_SAMPLE
        if class_mask is not None and not class_contains(class_mask, wanted):
            note(
                cut,
                f"class {name}",
                f"event class {name} ({wanted}) is absent: "
                f"the file was selected with class mask {class_mask}",
            )
        elif summary.n_sample and sampled and not summary.class_bits & wanted:
            note(
                cut,
                f"class {name}",
                f"event class {name} ({wanted}) is absent: "
                f"none of the first {summary.n_sample} events has its bit",
            )
        if type_mask is not None and not type_contains(type_mask, cut.binning.evtype):
            types = " ".join(event_types(cut.binning.evtype))
            note(
                cut,
                f"type {cut.binning.evtype}",
                f"event types {types} are not all there: "
                f"the file was selected with type mask {type_mask}",
            )
        if energies is not None:
            low, high = energies
            if cut.binning.emin < low * (1 - ENERGY_TOLERANCE):
                note(cut, "low", f"begins at {low:g} MeV, {cut.binning.emin:g} MeV is needed")
            if cut.binning.emax > high * (1 + ENERGY_TOLERANCE):
                note(cut, "high", f"ends at {high:g} MeV, {cut.binning.emax:g} MeV is needed")
        if zenith is not None and cut.binning.settings.zmax > zenith[1] + 1e-6:
            note(
                cut,
                "zenith",
                f"holds zenith angles to {zenith[1]:g} deg, "
                f"{cut.binning.settings.zmax:g} deg is needed",
            )
        reconstruction = cut.irfs.partition("_")[0]
        if summary.pass_version.startswith("P8R") and summary.pass_version != reconstruction:
            note(
                cut,
                "pass",
                f"holds {summary.pass_version} events, but the response is {cut.irfs}: "
                "see data_ver of the data set",
            )
    return list(found.values())


def overlaps(summaries: list[EventSummary]) -> list[InputError]:
    """Pairs of event files that share good time: their common events would count twice."""
    found = []
    ordered = sorted(summaries, key=lambda summary: (summary.tstart, summary.tstop))
    for number, one in enumerate(ordered):
        for other in ordered[number + 1 :]:
            if other.tstart >= one.tstop:
                break
            shared = gti.total(gti.intersect(one.times, other.times))
            if shared > OVERLAP:
                found.append(
                    other.listed.problem(f"overlaps {one.listed.path}: {shared:.6g} s are in both")
                )
    return found


def spacecraft_span(listed: ListedFile) -> tuple[float, float]:
    """TSTART and TSTOP of a spacecraft file, MET s. Raises InputErrors when it is none."""
    path = listed.path
    try:
        with FitsFile(path) as file:
            table = file.empty_table("SC_DATA")
    except InputError as error:
        raise InputError(error.message, file=path, key=error.key or listed.key) from None
    problems = Problems()
    for name in SPACECRAFT_COLUMNS:
        unit = SECONDS if name in ("START", "STOP", "LIVETIME") else DEGREES
        problems.collect(lambda n=name, u=unit: _column(table, n, u))
    problems.raise_any()
    return _keyword(table.header, "TSTART", path), _keyword(table.header, "TSTOP", path)


def uncovered(summaries: list[EventSummary], spans: np.ndarray) -> list[InputError]:
    """Event files whose good times are not all within the spans (n, 2) of spacecraft data.

    The rule is that of the step that matches them: gaps between spans may be as long as it allows.
    """
    from latsky.steps.match_spacecraft import LONGEST_GAP

    found = []
    coverage = gti.normalise(spans)
    for summary in summaries:
        bare = gti.subtract(summary.times, coverage)
        lengths = bare[:, 1] - bare[:, 0]
        between = np.zeros(len(bare), bool)
        if len(coverage):
            between = (bare[:, 0] >= coverage[0, 1]) & (bare[:, 1] <= coverage[-1, 0])
        bare = bare[lengths > np.where(between, LONGEST_GAP, ROUNDING)]
        if len(bare):
            found.append(
                summary.listed.problem(
                    f"{gti.total(bare):.6g} s of good time are not covered by spacecraft data, "
                    f"first at MET {bare[0, 0]:.0f}"
                )
            )
    return found


def _outside_times(
    analysis: Analysis, cuts: list[Cut], summaries: list[EventSummary]
) -> list[InputError]:
    """Components whose time range no event file touches."""
    found = []
    if not summaries:
        return found
    first = min(summary.tstart for summary in summaries)
    last = max(summary.tstop for summary in summaries)
    for cut in cuts:
        settings = cut.binning.settings
        for key, outside in (
            ("tmin", settings.tmin is not None and settings.tmin >= last),
            ("tmax", settings.tmax is not None and settings.tmax <= first),
        ):
            if outside:
                found.append(
                    analysis.binning.document.problem(
                        f"{getattr(settings, key):.0f} is outside of the event files, "
                        f"MET {first:.0f} to {last:.0f}",
                        cut.binning.ebin,
                        key,
                    )
                )
    return found
