"""Everything a demonstration needs, in one directory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from latsky import __version__
from latsky.demo import orbit
from latsky.demo.analysis_files import write_analysis
from latsky.demo.events import LIMB, Events, simulate, write_ft1
from latsky.demo.irfs import write_caldb
from latsky.demo.sky import Sky, Source, make_sky
from latsky.demo.sky_files import write_sky
from latsky.errors import InputError
from latsky.fits.irfs import load_response

START = 429066900.0
"""MET of the first second, in August 2014"""
IRFS = "P8R3_SOURCE_V3"
TRUTH = "truth.json"
"""written last"""
UNFINISHED = ".unfinished"
"""marks a directory whose making was not finished"""


@dataclass(frozen=True)
class Settings:
    """What a demonstration depends on."""

    days: float = 4.0
    seed: int = 1
    event_files: int = 4
    version: str = __version__


@dataclass(frozen=True)
class Made:
    """What was made."""

    root: Path
    events: int
    sources: int
    spacecraft_rows: int
    good_time: float
    """s, without the rows of bad quality"""
    livetime: float
    """s"""


def make_demo(
    root: Path, settings: Settings, progress: Callable[[str], None] = lambda text: None
) -> Made:
    """Make the demonstration's directory.

    The same settings give the same bytes. Raises InputError when settings are out of range.
    """
    if not 0.05 <= settings.days <= 60:
        raise InputError(f"{settings.days} days: between 0.05 and 60", key="days")
    if not 0 <= settings.seed < 1 << 32:
        raise InputError(f"{settings.seed} is not between 0 and 4294967295", key="seed")
    if not 1 <= settings.event_files <= 99:
        raise InputError(f"{settings.event_files} event files: between 1 and 99", key="event_files")
    (root / "events").mkdir(parents=True, exist_ok=True)
    (root / UNFINISHED).touch()
    (root / TRUTH).unlink(missing_ok=True)
    progress("instrument response")
    write_caldb(root / "caldb")
    progress("sky")
    sky = make_sky(settings.seed)
    write_sky(root, sky)
    progress("spacecraft")
    rng = np.random.Generator(np.random.PCG64([settings.seed, 3]))
    history = orbit.spacecraft(START, settings.days, rng)
    spacecraft_files = _write_spacecraft(root / "events", history)
    progress("photons")
    response = load_response(IRFS, 1023, root / "caldb")
    events, names = simulate(sky, history, response, settings.seed)
    event_files = _write_events(root / "events", events, history, settings)
    write_analysis(root, event_files, spacecraft_files)
    made = Made(
        root,
        len(events.time),
        len(sky.sources),
        len(history.start),
        float(np.sum((history.stop - history.start)[history.good])),
        float(np.sum(history.livetime)),
    )
    truth = _truth(sky, settings, made, events, names)
    (root / TRUTH).write_text(json.dumps(truth, indent=1) + "\n")
    (root / UNFINISHED).unlink()
    return made


def _write_spacecraft(folder: Path, history: orbit.Spacecraft) -> list[Path]:
    """Two files whose seam is not one of the event files'; the second is gzipped."""
    seam = int(0.42 * len(history.start))
    files = []
    for name, rows in (("ft2_0.fits", slice(0, seam)), ("ft2_1.fits.gz", slice(seam, None))):
        orbit.write_ft2(folder / name, history, rows)
        files.append(folder / name)
    return files


def _write_events(
    folder: Path, events: Events, history: orbit.Spacecraft, settings: Settings
) -> list[Path]:
    """Event files of equal length in time; the last is gzipped."""
    edges = np.linspace(START, float(history.stop[-1]), settings.event_files + 1).round()
    edges[-1] = history.stop[-1]
    segments = history.segments()
    files = []
    for number in range(settings.event_files):
        last = number == settings.event_files - 1
        path = folder / f"ft1_{number}.fits{'.gz' if last else ''}"
        write_ft1(path, events, segments, float(edges[number]), float(edges[number + 1]))
        files.append(path)
    return files


def _truth(
    sky: Sky, settings: Settings, made: Made, events: Events, names: list[str]
) -> dict[str, object]:
    counts = np.bincount(events.source, minlength=len(names) + 1)
    return {
        "settings": asdict(settings),
        "irfs": IRFS,
        "start_met_s": START,
        "good_time_s": made.good_time,
        "livetime_s": made.livetime,
        "events": made.events,
        "normalisations": "every component of models/library.yaml was simulated as it stands: "
        "all normalisations are 1, all corrections of the index 0",
        "emitters": [
            {"mc_src_id": number, "name": name, "events": int(counts[number])}
            for number, name in enumerate(names, 1)
        ],
        "not_in_the_models": [LIMB],
        "sources": [_source_truth(source) for source in sky.sources],
    }


def _source_truth(source: Source) -> dict[str, object]:
    spectrum = source.spectrum
    truth: dict[str, object] = {
        "name": source.name,
        "ra_deg": source.ra,
        "dec_deg": source.dec,
        "flux_1_100_gev_cm-2_s-1": source.flux1000,
        "spectrum": asdict(spectrum),
    }
    if source.extent:
        truth["extent"] = {
            "name": source.extent.name,
            "function": source.extent.function,
            "radius_deg": source.extent.radius,
        }
    return truth


def settings_of(root: Path) -> Settings | None:
    """Settings of a complete demonstration in a directory, None when there is none."""
    if is_unfinished(root):
        return None
    try:
        return Settings(**json.loads((root / TRUTH).read_text())["settings"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_unfinished(root: Path) -> bool:
    """Whether a demonstration was begun in a directory and not finished."""
    return (root / UNFINISHED).exists()
