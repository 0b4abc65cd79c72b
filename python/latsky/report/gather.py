"""What a report shows, collected from the directory of a run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from latsky.errors import InputError
from latsky.fit.results import Results, read_results
from latsky.fits.hpx import HpxTable, open_energy_cube, open_hpx
from latsky.fits.source_model import Source, read_source_model
from latsky.fits.srcmaps import plane_sums

_COUNTS = re.compile(r"ccube_(?P<stem>.+_(?P<key>zmax\d+_[^_]+_[^_]+))_(?P<frame>GAL|CEL)$")


@dataclass(frozen=True)
class Component:
    """A binning component: its counts, livetime and exposure."""

    key: str
    counts_cube: Path
    exposure_cube: Path | None
    edges: list[float]
    """MeV"""
    counts: list[float]
    """events by energy bin"""
    order: int
    coordsys: str
    start: str
    end: str
    energy: float | None = None
    """energy of the exposure's numbers, MeV"""
    exposure: tuple[float, float, float] | None = None
    """least, mean and greatest over the sky at that energy, cm² s"""
    livetime: float | None = None
    """mean over the sky of the livetime at all inclinations, s"""
    plane: int = 0
    """plane of the exposure that is shown"""


@dataclass(frozen=True)
class FittedModel:
    """A fit with the maps of each component."""

    results: Results
    directory: Path
    maps: dict[str, tuple[Path, Path]]
    """component → counts (assembled source maps) and model cube"""
    products: list[Path]
    sources: list[Source] = field(default_factory=list)
    """fitted sources; none where the fitted source models are not there"""


@dataclass(frozen=True)
class Timing:
    """Jobs of one tool."""

    tool: str
    jobs: int
    failed: int
    wall: float
    """s, sum of all jobs; likewise cpu"""
    cpu: float
    memory: float
    """greatest resident memory, MiB"""


@dataclass(frozen=True)
class RunReport:
    """All that a report shows."""

    root: Path
    run: dict[str, Any]
    config: dict[str, str]
    components: list[Component]
    models: list[FittedModel]
    unfitted: list[str]
    timings: list[Timing]
    products: list[Path] = field(default_factory=list)


def gather(root: Path) -> RunReport:
    """Collect a run. Raises InputError when the directory holds nothing of a run."""
    if not root.is_dir():
        raise InputError("no such directory", root)
    found = [_component(path) for path in _files(root / "counts_cubes", "ccube_*")]
    components = sorted((c for c in found if c), key=lambda c: (c.edges[0], c.key))
    models, unfitted = _models(root)
    if not components and not models:
        raise InputError("neither counts cubes nor fitted models below it", root)
    return RunReport(
        root,
        _json(root / "run.json"),
        {
            path.relative_to(root / "config").as_posix(): path.read_text(errors="replace")
            for path in sorted((root / "config").rglob("*.y*ml"))
        },
        components,
        models,
        unfitted,
        timings(root / "records"),
        [
            path
            for name in ("counts_cubes", "lt_cubes", "bexp_cubes", "merged_gasmaps", "srcmaps")
            for path in _files(root / name, "*")
        ],
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _files(directory: Path, pattern: str) -> list[Path]:
    return sorted(
        path for path in directory.glob(pattern) if re.search(r"\.(fits|fits\.gz)$", path.name)
    )


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".fits")


def _component(path: Path) -> Component | None:
    matched = _COUNTS.match(_stem(path))
    if matched is None:
        return None
    table = open_hpx(path, "SKYMAP")
    if table.edges is None:
        return None
    root, key = path.parent.parent, matched["key"]
    start, end = (_date(table, word) for word in ("DATE-OBS", "DATE-END"))
    exposures = _files(root / "bexp_cubes", f"bexcube_{matched['stem']}_{matched['frame']}_*")
    energy, exposure, plane = None, None, 0
    if exposures:
        cube = open_energy_cube(exposures[0], default_frame="GAL")
        plane = cube.n_planes // 2
        values = cube.plane(plane, "f8")
        assert cube.energies is not None
        energy = float(cube.energies[plane])
        exposure = (float(values.min()), float(values.mean()), float(values.max()))
    return Component(
        key,
        path,
        exposures[0] if exposures else None,
        table.edges.tolist(),
        plane_sums(table).tolist(),
        table.geometry.order,
        table.geometry.coordsys,
        start,
        end,
        energy,
        exposure,
        _livetime(root, matched["stem"], key),
        plane,
    )


def _date(table: HpxTable, word: str) -> str:
    return str(table.header.get(word) or table.primary.get(word) or "")[:19]


def _livetime(root: Path, stem: str, key: str) -> float | None:
    from latsky.fits.livetime import read_livetime_cube

    zenith = key.partition("_")[0]
    for path in _files(root / "lt_cubes", f"ltcube_*_{zenith}*"):
        # ltcube_<time>_<filter>_<zmax>: the counts cube's name holds time and filter, too
        name = _stem(path).removeprefix("ltcube_")
        time_filter = name.rpartition(f"_{zenith}")[0].rpartition("_")[2]
        if f"_{time_filter}_{zenith}" in stem:
            cube = read_livetime_cube(path)
            values = np.asarray(cube.livetime)
            return float(values.reshape(len(values), -1).sum(axis=1).mean())
    return None


def _models(root: Path) -> tuple[list[FittedModel], list[str]]:
    models, unfitted = [], []
    for directory in sorted((root / "analysis").glob("model_*")):
        key = directory.name.removeprefix("model_")
        # the run's own fit before those in directories below
        found = sorted(directory.rglob(f"fit_{key}.json"), key=lambda p: (len(p.parts), p))
        if not found:
            unfitted.append(key)
            continue
        try:
            results = read_results(found[0])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"not the results of a fit ({error})", found[0]) from None
        maps = {}
        for component in results.components:
            cubes = sorted(found[0].parent.glob(f"mcube_{key}_{component.name}.fits*"))
            sources = sorted(directory.glob(f"srcmaps_*_{component.name}_*.fits*"))
            if cubes and sources:
                maps[component.name] = sources[0], cubes[0]
        products = [p for p in sorted(directory.rglob("*")) if p.is_file()]
        sources: dict[str, Source] = {}
        for path in sorted(found[0].parent.glob(f"fit_{key}*.xml")):
            sources |= {source.name: source for source in read_source_model(path)}
        models.append(FittedModel(results, directory, maps, products, list(sources.values())))
    return models, unfitted


def timings(records: Path) -> list[Timing]:
    """Jobs by tool from the records of a run, those that took longest first."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(records.glob("*.json")):
        record = _json(path)
        tool = str(record.get("tool") or record.get("name") or "")
        if record.get("kind") == "command" and tool:
            name = tool.rpartition("/")[2].removesuffix(".cwl")
            groups.setdefault(name, []).append(record)
    made = [
        Timing(
            name,
            len(group),
            sum(record.get("status") != "success" for record in group),
            _total(group, "wall_s"),
            _total(group, "user_s") + _total(group, "system_s"),
            max(_usages(group, "max_rss_kib"), default=0.0) / 1024,
        )
        for name, group in groups.items()
    ]
    return sorted(made, key=lambda timing: (-timing.wall, timing.tool))


def _usages(group: Iterable[dict[str, Any]], key: str) -> list[float]:
    return [float((record.get("usage") or {}).get(key) or 0.0) for record in group]


def _total(group: Iterable[dict[str, Any]], key: str) -> float:
    return sum(_usages(group, key))


def link(path: Path, page: Path) -> str:
    """How a page names a file: relative to it, with special characters escaped."""
    from urllib.parse import quote

    return quote(Path(os.path.relpath(path, page.parent)).as_posix())
