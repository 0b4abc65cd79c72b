"""Plan of the models: their directories, and which source maps each of them takes.

A plan of its own, so that a change of a model leaves that of the source maps as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from latsky import costs, naming
from latsky.config.library import DiffuseSource
from latsky.config.models import ModelComponent
from latsky.models.contents import ModelContents
from latsky.models.directory import fitting_order
from latsky.plan import Cut

Record = dict[str, Any]


def plan_models(
    models: Sequence[ModelContents], hpx_order_ccube: int, hpx_order_fitting: int
) -> dict[str, list[Record]]:
    """Lists ``planned_models`` and ``model_components``, in the order of models and components."""
    return {
        "planned_models": [model_record(contents) for contents in models],
        "model_components": [
            component_record(contents, cut, hpx_order_ccube, hpx_order_fitting)
            for contents in models
            for cut in contents.cuts
        ],
    }


def model_record(contents: ModelContents) -> Record:
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
    }


def component_record(
    contents: ModelContents, cut: Cut, hpx_order_ccube: int, hpx_order_fitting: int
) -> Record:
    """The ``model_component`` record of a model on a binning component."""
    order = fitting_order(cut, hpx_order_ccube, hpx_order_fitting)
    fine = min(cut.binning.settings.hpx_order, hpx_order_ccube)
    names = cut.names.model_source_maps(contents.model.key, cut.time_filter, cut.binning.key)
    fields = assembly_cost(fine, order, len(cut.binning.edges), contents).fields("assemble")
    return {
        "key": f"{contents.model.key}_{cut.job_key}",
        "model": contents.model.key,
        "component": cut.job_key,
        "name": cut.binning.name,
        "hpx_order": order,
        "source_keys": sorted(map(source_key, contents.components)),
        "source_maps": naming.base(names),
        **fields,
    }


def source_key(component: ModelComponent) -> str:
    """Key of a component's source maps, e.g. loopI_haslam or FL8Y_v00_faint."""
    source = component.source
    return source.source_key if isinstance(source, DiffuseSource) else source.key


def assembly_cost(fine: int, order: int, n_planes: int, contents: ModelContents) -> costs.Cost:
    """Assembling maps of order ``fine`` at ``order``: one source at the lower order in memory."""
    dense = sum(not component.single for component in contents.components) + 1
    read = dense * costs.cube_bytes(fine, n_planes, 4)
    written = dense * costs.cube_bytes(order, n_planes, 4)
    held = costs.cube_bytes(order, n_planes) + costs.pixels(fine) * 4 if order < fine else 0
    ram = math.ceil((costs.BASE_MIB + held / costs.MIB) / 64) * 64
    seconds = costs.EMBEDDED.start_s + (read + written) / costs.EMBEDDED.map_bytes_s
    return costs.Cost(ram, seconds, written)
