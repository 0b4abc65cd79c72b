"""Plan of the models: their directories, and which source maps each of them takes.

A plan of its own, so that a change of a model leaves that of the source maps as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from latsky import costs, naming
from latsky.config.analysis import Analysis
from latsky.config.library import DiffuseSource
from latsky.config.models import ModelComponent, ModelDefinition, read_analysis_models
from latsky.errors import Problems
from latsky.models.contents import (
    ModelContents,
    catalog_key,
    energy_range,
    model_contents,
    read_catalogs,
)
from latsky.models.directory import fitting_order
from latsky.plan import Cut, Record, expand

EVALUATIONS = 30
"""evaluations of the likelihood and its gradient that a fit is worth, derivatives included"""
EVALUATION_BYTES_S = 1.2e9
"""bytes of source maps that an evaluation passes over in a second on one core"""
SINGLE_SHARE = 0.1
"""memory of the map of a local source over that of one of the whole sky"""


@dataclass(frozen=True)
class ModelPlan:
    """Records of the models, and what their jobs cost."""

    planned_models: list[Record]
    model_components: list[Record]
    assembly: list[costs.Cost]
    """in the order of ``model_components``"""
    fits: list[costs.Cost]
    """in the order of ``planned_models``; none where the analysis stops before"""

    @property
    def jobs(self) -> int:
        """Jobs that models.cwl runs, that of the plan itself included."""
        return 1 + len(self.planned_models) + len(self.model_components) + len(self.fits)

    def to_json(self) -> Record:
        """The lists by output name."""
        return {
            "planned_models": self.planned_models,
            "model_components": self.model_components,
        }


def definitions_of(analysis: Analysis) -> list[ModelDefinition]:
    """The models of an analysis, none where it names no list. Raises InputErrors."""
    if analysis.file.models is None or analysis.library is None:
        return []
    places = analysis.directories
    return read_analysis_models(
        places.resolve(analysis.file.models),
        analysis.library,
        places,
        energy_range(_cuts(analysis)),
    )


def definition_files(models: Sequence[ModelDefinition]) -> list[Path]:
    """The files of models and their spectral models, each once.

    Raises InputErrors where two have one name: jobs know them by name.
    """
    problems = Problems()
    found: dict[str, Path] = {}
    for model in models:
        for path in (model.document.path, model.spectral_path):
            if path is None:
                continue
            first = found.setdefault(path.name, path)
            if first.resolve() != path.resolve():
                problems.add(f"another file has this name: {first}", path)
    problems.raise_any()
    return list(found.values())


def plan_of_models(analysis: Analysis) -> ModelPlan | None:
    """The plan of an analysis' models; None where it names no list. Raises InputErrors."""
    definitions = definitions_of(analysis)
    if not definitions:
        return None
    places, cuts = analysis.directories, _cuts(analysis)
    parts = {catalog_key(part): part for model in definitions for part in model.catalogs}
    catalogs = read_catalogs(
        parts.values(),
        [places.resolve(part.catalog_path) for part in parts.values()],
        [places.resolve(part.extended_path) for part in parts.values()],
    )
    evclass = analysis.dataset.file.evclass
    models = Problems().each(
        lambda model: model_contents(model, catalogs, cuts, evclass), definitions
    )
    file = analysis.file
    return plan_models(models, file.hpx_order_ccube, file.hpx_order_fitting, fit=file.fit)


def _cuts(analysis: Analysis) -> list[Cut]:
    return expand(analysis.dataset, analysis.binning, analysis.filters)


def plan_models(
    models: Sequence[ModelContents],
    hpx_order_ccube: int,
    hpx_order_fitting: int,
    *,
    fit: bool = True,
) -> ModelPlan:
    """The plan of models, in the order of models and components; ``fit``: whether they are."""
    orders = (hpx_order_ccube, hpx_order_fitting)
    parts = [(contents, cut) for contents in models for cut in contents.cuts]
    assembly = [assembly_cost(contents, cut, *orders) for contents, cut in parts]
    fits = [fit_cost(contents, *orders) for contents in models]
    return ModelPlan(
        [model_record(contents, cost) for contents, cost in zip(models, fits, strict=True)],
        [
            component_record(*part, cost, fitting_order(part[1], *orders))
            for part, cost in zip(parts, assembly, strict=True)
        ],
        assembly,
        fits if fit else [],
    )


def model_record(contents: ModelContents, fit: costs.Cost) -> Record:
    """The ``model`` record of a model."""
    key = contents.model.key
    return {
        "key": key,
        "directory": naming.base(naming.model_directory(key)),
        "definition": contents.model.document.path.name,
        "spectral_models": contents.model.spectral_path and contents.model.spectral_path.name,
        "manifest": naming.base(naming.manifest(key)),
        "spectra": [
            naming.base(component.source.file_name(contents.cuts[0].binning))
            for component in contents.components
            if isinstance(component.source, DiffuseSource)
            and component.source.model_type == "IsoSource"
        ],
        **fit.fields("fit"),
    }


def component_record(contents: ModelContents, cut: Cut, cost: costs.Cost, order: int) -> Record:
    """The ``model_component`` record of a model on a binning component, assembled at ``order``."""
    names = cut.names.model_source_maps(contents.model.key, cut.time_filter, cut.binning.key)
    return {
        "key": f"{contents.model.key}_{cut.job_key}",
        "model": contents.model.key,
        "component": cut.job_key,
        "name": cut.binning.name,
        "hpx_order": order,
        "source_keys": sorted(map(source_key, contents.components)),
        "source_maps": naming.base(names),
        **cost.fields("assemble"),
    }


def source_key(component: ModelComponent) -> str:
    """Key of a component's source maps, e.g. loopI_haslam or FL8Y_v00_faint."""
    source = component.source
    return source.source_key if isinstance(source, DiffuseSource) else source.key


def assembly_cost(
    contents: ModelContents, cut: Cut, hpx_order_ccube: int, hpx_order_fitting: int
) -> costs.Cost:
    """Assembling the maps of a model: one source at the lower order in memory."""
    fine = min(cut.binning.settings.hpx_order, hpx_order_ccube)
    order = fitting_order(cut, hpx_order_ccube, hpx_order_fitting)
    planes, maps = len(cut.binning.edges), _whole_sky(contents) + 1
    read = maps * costs.cube_bytes(fine, planes, 4)
    written = maps * costs.cube_bytes(order, planes, 4)
    held = costs.cube_bytes(order, planes) + costs.pixels(fine) * 4 if order < fine else 0
    seconds = costs.EMBEDDED.start_s + (read + written) / costs.EMBEDDED.map_bytes_s
    return costs.Cost(_ram_mib(held), seconds, written)


def fit_cost(contents: ModelContents, hpx_order_ccube: int, hpx_order_fitting: int) -> costs.Cost:
    """Fitting a model: the maps of all components at once, counts and model counts besides."""
    cube = sum(
        costs.cube_bytes(
            fitting_order(cut, hpx_order_ccube, hpx_order_fitting), len(cut.binning.edges), 4
        )
        for cut in contents.cuts
    )
    single = sum(len(sources) for sources in contents.single.values())
    maps = (_whole_sky(contents) + SINGLE_SHARE * single) * cube
    seconds = EVALUATIONS * maps / EVALUATION_BYTES_S
    return costs.Cost(_ram_mib(maps + 8 * cube), costs.EMBEDDED.start_s + seconds, cube)


def _whole_sky(contents: ModelContents) -> int:
    """Maps of a model that cover the whole sky."""
    return sum(not component.single for component in contents.components)


def _ram_mib(held: float) -> int:
    """Memory of a job that holds so many bytes, in steps of 64 MiB."""
    return math.ceil((costs.BASE_MIB + held / costs.MIB) / 64) * 64
