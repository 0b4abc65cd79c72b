"""Checks of the templates, spectra and ring maps that the library needs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latsky.config.analysis import Analysis
from latsky.config.binning import BinningComponent
from latsky.config.library import DiffuseSource
from latsky.config.rings import MergedRing
from latsky.errors import InputError, Problems
from latsky.fits.core import FitsFile
from latsky.plan import Cut

ENERGY_TOLERANCE = 1e-5
"""relative; energies of templates are often single precision"""
GRID_TOLERANCE = 1e-4
"""relative difference of energies below which two maps have one grid"""


@dataclass(frozen=True)
class TemplateSummary:
    """What a template says of itself; ``energies`` in MeV, None for a map without energies."""

    energies: np.ndarray | None
    geometry: str


def check_templates(
    analysis: Analysis, cuts: list[Cut]
) -> tuple[list[InputError], list[InputError]]:
    """Problems and warnings: files that are missing, unreadable, in the wrong unit or frame, or
    without the energies of a component that uses them.
    """
    library = analysis.library
    if library is None:
        return [], []
    problems = Problems()
    summaries: dict[Path, TemplateSummary | None] = {}

    def summary(path: Path, kind: str, origin: str, key: str) -> TemplateSummary | None:
        if path not in summaries:
            if path.is_file():
                summaries[path] = problems.collect(lambda: read_template_summary(path, kind))
            else:
                problems.add(f"no such file: {path}", origin, key)
                summaries[path] = None
        return summaries[path]

    evclass = analysis.dataset.file.evclass if analysis.dataset else ""
    made: dict[str, TemplateSummary | None] = {}
    for ring in library.rings:
        made[ring.key] = _check_ring(analysis, ring, summary, problems)
    for source in library.sources:
        for name, components in _users(source, cuts, evclass).items():
            if source.merged_ring:
                found, path = made[source.source_key], Path(name)
            else:
                path = analysis.directories.resolve(name)
                found = summary(path, source.model_type, source.origin, source.key)
            if found is not None and found.energies is not None:
                problems.found.extend(_uncovered(source, path, found.energies, components))
    return problems.found, []


def _users(
    source: DiffuseSource, cuts: list[Cut], evclass: str
) -> dict[str, list[BinningComponent]]:
    """File name → binning components that take it."""
    users: dict[str, list[BinningComponent]] = {}
    for cut in cuts:
        if cut.evclass.name == evclass:
            users.setdefault(source.file_name(cut.binning), []).append(cut.binning)
    return users


def _uncovered(
    source: DiffuseSource, path: Path, energies: np.ndarray, components: list[BinningComponent]
) -> list[InputError]:
    first, last = float(energies[0]), float(energies[-1])
    short = [
        component
        for component in components
        if first > component.emin * (1 + ENERGY_TOLERANCE)
        or last < component.emax * (1 - ENERGY_TOLERANCE)
    ]
    if not short:
        return []
    needs = ", ".join(f"{c.name} needs {c.emin:.6g} to {c.emax:.6g} MeV" for c in short)
    return [
        InputError(
            f"{path} has energies from {first:.6g} to {last:.6g} MeV, but {needs}",
            file=source.origin,
            key=source.key,
        )
    ]


def _check_ring(
    analysis: Analysis,
    ring: MergedRing,
    summary: Callable[[Path, str, str, str], TemplateSummary | None],
    problems: Problems,
) -> TemplateSummary | None:
    """All inputs of a merged ring: present, and on one grid of pixels and energies."""
    found = [
        (path, item)
        for name in ring.inputs
        if (
            item := summary(
                path := analysis.directories.resolve(name),
                "MapCubeSource",
                ring.origin,
                ring.name,
            )
        )
        is not None
    ]
    if not found:
        return None
    first_path, first = found[0]
    for path, other in found[1:]:
        if other.geometry != first.geometry:
            problems.add(
                f"{path} ({other.geometry}) and {first_path} ({first.geometry}) cannot be added",
                ring.origin,
                ring.name,
            )
        elif not _same_energies(other.energies, first.energies):
            problems.add(f"{path} and {first_path} have different energies", ring.origin, ring.name)
    return first


def _same_energies(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return one is other
    return len(one) == len(other) and bool(np.all(np.abs(one / other - 1) < GRID_TOLERANCE))


def read_template_summary(path: Path, kind: str) -> TemplateSummary:
    """Energies and geometry of a template; ``kind`` is a model type. Raises InputError."""
    if kind == "IsoSource":
        return TemplateSummary(read_spectrum_energies(path), "isotropic")
    with FitsFile(path) as file:
        headers = file.headers
        image = headers[0]
        axes = int(image.get("NAXIS", 0))
    if axes in (2, 3):
        return _image_summary(path, kind, axes)
    from latsky.fits.hpx import open_energy_cube, open_hpx

    opened = open_hpx(path) if kind == "SpatialMap" else open_energy_cube(path)
    for column in opened.columns:
        _check_unit(path, column.name, column.unit)
    geometry = opened.geometry
    order = "NESTED" if geometry.nested else "RING"
    text = f"HEALPix nside {geometry.nside} {order} {geometry.coordsys}"
    return TemplateSummary(None if kind == "SpatialMap" else opened.energies, text)


def _image_summary(path: Path, kind: str, axes: int) -> TemplateSummary:
    with FitsFile(path) as file:
        header = file.header(0)
        energies = None
        if "ENERGIES" in file:
            table = file.table("ENERGIES")
            energies = np.asarray(table[table.names[0]], "f8").reshape(-1)
    frame = str(header.get("CTYPE1", "")).strip().upper()
    if not frame.startswith(("GLON", "RA--")):
        raise InputError(
            f"frame {frame or '(none)'!r} is neither galactic (GLON) nor equatorial (RA)",
            file=path,
            key="CTYPE1",
        )
    _check_unit(path, "BUNIT", str(header.get("BUNIT", "") or ""))
    if kind == "MapCubeSource":
        planes = int(header.get("NAXIS3", 1)) if axes == 3 else 1
        if energies is None:
            raise InputError("a map cube needs the HDU ENERGIES", file=path, key="ENERGIES")
        if len(energies) != planes:
            raise InputError(
                f"{len(energies)} energies, but {planes} planes", file=path, key="ENERGIES"
            )
        _check_rising(path, energies)
    else:
        energies = None
    size = "×".join(str(header.get(f"NAXIS{n}")) for n in (1, 2))
    return TemplateSummary(energies, f"image {size} {frame}")


def _check_unit(path: Path, key: str, unit: str) -> None:
    """Refuse a unit that is not photons per area (cm²), time (s), solid angle and energy (MeV).

    No unit, and energies left out (single maps), are accepted.
    """
    words = unit.strip().lower()
    if not words:
        return
    wrong = re.search(r"\b(gev|kev|tev|erg|deg|m-2|m\^-2|m\*\*-2)\b", words) or re.search(
        r"/\s*(m\^?2|gev|kev|tev|deg)", words
    )
    if wrong:
        raise InputError(
            f"unit {unit!r}: intensity must be in ph cm-2 s-1 sr-1 MeV-1", file=path, key=key
        )


def _check_rising(path: Path, energies: np.ndarray) -> None:
    if len(energies) == 0 or np.any(energies <= 0) or np.any(np.diff(energies) <= 0):
        raise InputError("energies are not positive and rising", file=path, key="ENERGIES")


def read_spectrum_energies(path: Path) -> np.ndarray:
    """Energies (MeV) of an isotropic spectrum: text with energy, intensity and perhaps an error.

    Raises InputError when a line does not hold numbers, or energies do not rise.
    """
    energies = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise InputError("not a text file", file=path) from None
    for number, line in enumerate(lines, 1):
        words = line.replace(",", " ").split()
        if not words or words[0].startswith("#"):
            continue
        try:
            values = [float(word) for word in words]
        except ValueError:
            values = []
        if len(values) < 2 or values[0] <= 0 or values[1] < 0:
            raise InputError("not an energy (MeV) with an intensity", file=f"{path}:{number}")
        energies.append(values[0])
    found = np.array(energies)
    if len(found) < 2 or np.any(np.diff(found) <= 0):
        raise InputError("fewer than two energies, or energies that do not rise", file=path)
    return found
