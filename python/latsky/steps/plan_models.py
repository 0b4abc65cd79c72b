"""``latsky-step plan-models``: models of an analysis → ``cwl.output.json`` for the workflows."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from latsky import plan as planning
from latsky.config.binning import read_binning
from latsky.config.catalog_parts import CatalogParts
from latsky.config.dataset import read_dataset
from latsky.config.file_lists import Directories
from latsky.config.library import read_library
from latsky.config.models import read_analysis_models
from latsky.config.time_filters import read_time_filters
from latsky.errors import Problems
from latsky.models.contents import ModelContents, energy_range, model_contents, read_catalogs
from latsky.plan_models import plan_models
from latsky.steps.init_model import HPX_ORDER_FITTING


@dataclass(frozen=True)
class ModelFiles:
    """The files of an analysis with models; those that others name are known by base name."""

    models: Path
    """list of models"""
    definitions: tuple[Path, ...]
    """model_*.yaml and spectral models"""
    dataset: Path
    binning: Path
    library: Path
    library_parts: tuple[Path, ...] = ()
    mktime_filters: Path | None = None
    catalogs: tuple[Path, ...] = ()
    extended: tuple[Path, ...] = ()


def read_all(files: ModelFiles) -> list[ModelContents]:
    """Read all models of a list. Raises InputErrors with the mistakes in all of them."""
    problems = Problems()
    dataset = problems.collect(lambda: read_dataset(files.dataset))
    binning = problems.collect(lambda: read_binning(files.binning))
    filters = problems.collect(lambda: read_time_filters(files.mktime_filters))
    projection = dataset.file.projtype if dataset else "healpix"
    library = problems.collect(
        lambda: read_library(files.library, _beside(files.library_parts), projection)
    )
    problems.raise_any()
    cuts = planning.expand(dataset, binning, filters)
    models = read_analysis_models(
        files.models, library, _beside(files.definitions), energy_range(cuts)
    )
    wanted: dict[Path, CatalogParts] = {}
    for model in models:
        wanted |= {parts.document.path: parts for parts in model.catalogs}
    catalogs = read_catalogs(wanted.values(), files.catalogs, files.extended)
    found = [
        problems.collect(lambda m=model: model_contents(m, catalogs, cuts, dataset.file.evclass))
        for model in models
    ]
    problems.raise_any()
    return [contents for contents in found if contents is not None]


def _beside(paths: Sequence[Path]) -> Directories:
    return Directories(tuple(dict.fromkeys(path.parent for path in paths)))


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and write the plan into the working directory."""
    parser = argparse.ArgumentParser(prog="latsky-step plan-models", description=__doc__)
    add = parser.add_argument
    many = {"type": Path, "action": "extend", "nargs": "+", "default": []}
    add("--models", type=Path, required=True, help="list of models YAML")
    add("--definition", **many, help="model_*.yaml of the list and the spectral models they name")
    add("--dataset", type=Path, required=True, help="data set YAML")
    add("--binning", type=Path, required=True, help="binning YAML")
    add("--mktime-filters", type=Path, help="time filter YAML")
    add("--library", type=Path, required=True, help="component library YAML")
    add("--library-part", **many, help="galprop_rings_*.yaml and catalog_*.yaml")
    add("--catalog", **many, help="catalogues, known by base name")
    add("--extended", **many, help="directories of extended templates")
    add("--hpx-order-ccube", type=int, default=planning.HPX_ORDER_COUNTS, help="counts [9]")
    add("--hpx-order-fitting", type=int, default=HPX_ORDER_FITTING, help="largest order [7]")
    options = parser.parse_args(arguments)
    models = read_all(
        ModelFiles(
            options.models,
            tuple(options.definition),
            options.dataset,
            options.binning,
            options.library,
            tuple(options.library_part),
            options.mktime_filters,
            tuple(options.catalog),
            tuple(options.extended),
        )
    )
    plan = plan_models(models, options.hpx_order_ccube, options.hpx_order_fitting)
    text = json.dumps(plan.to_json(), indent=1, ensure_ascii=False) + "\n"
    temporary = Path(".cwl.output.json.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace("cwl.output.json")
    return 0
