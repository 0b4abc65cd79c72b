"""Checks of the templates, spectra and ring maps that the library needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from latsky.config.analysis import Analysis
from latsky.config.binning import BinningComponent
from latsky.config.library import DiffuseSource
from latsky.config.rings import MergedRing
from latsky.errors import InputError, Problems
from latsky.plan import Cut

if TYPE_CHECKING:
    from latsky.embedded.template import Template

GRID_TOLERANCE = 1e-4
"""relative difference of energies below which two maps have one grid"""


@dataclass(frozen=True)
class TemplateSummary:
    """What a template says of itself; ``energies`` in MeV, None for a map without energies."""

    energies: np.ndarray | None
    geometry: str
    template: Template | None = None
    """None for an isotropic spectrum"""


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
            if found is None:
                continue
            if found.energies is not None:
                problems.found.extend(_uncovered(source, path, found.energies, components))
            if found.template is not None and not source.merged_ring:
                low = min(component.emin for component in components)
                high = max(component.emax for component in components)
                template = found.template
                problems.collect(partial(template.check_pixels, low, high))
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
    from latsky.embedded.template import covers

    first, last = float(energies[0]), float(energies[-1])
    short = [
        component
        for component in components
        if not covers(energies, component.emin, component.emax)
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
    """Energies and grid of a template; ``kind`` is a model type.

    Raises InputError for what the step that makes source maps would refuse.
    """
    from latsky.embedded.template import open_template, spectrum_energies

    if kind == "IsoSource":
        return TemplateSummary(spectrum_energies(path), "isotropic")
    template = open_template(path, "map" if kind == "SpatialMap" else "cube")
    template.check_sky()
    return TemplateSummary(template.energies, template.grid, template)
