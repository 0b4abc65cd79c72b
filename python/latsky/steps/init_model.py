"""``latsky-step init-model``: the directory of a model, but for its source maps.

Manifest of source maps, source models (what all binning components share, and what differs),
configuration for fermipy, and the spectrum files of isotropic components.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from latsky import plan as planning
from latsky.config.binning import read_binning
from latsky.config.dataset import read_dataset
from latsky.config.file_lists import Directories
from latsky.config.library import read_library
from latsky.config.models import read_model
from latsky.config.time_filters import read_time_filters
from latsky.errors import InputError, Problems
from latsky.models.contents import ModelContents, energy_range, model_contents, read_catalogs
from latsky.models.directory import write_directory

HPX_ORDER_FITTING = 7


@dataclass(frozen=True)
class Request:
    """The files of an analysis and what is asked for."""

    key: str
    model: Path
    dataset: Path
    binning: Path
    library: Path
    library_parts: tuple[Path, ...] = ()
    mktime_filters: Path | None = None
    spectral_models: Path | None = None
    catalogs: tuple[Path, ...] = ()
    """catalogue files, known by base name"""
    extended: tuple[Path, ...] = ()
    """directories of extended templates, known by base name"""
    spectra: tuple[Path, ...] = ()
    """spectrum files of isotropic components, known by base name"""
    hpx_order_ccube: int = planning.HPX_ORDER_COUNTS
    hpx_order_fitting: int = HPX_ORDER_FITTING
    basedir: str | None = None
    event_list: str | None = None


def read_contents(request: Request) -> ModelContents:
    """Read the files and work out the model. Raises InputErrors with the mistakes in all."""
    problems = Problems()
    places = Directories(tuple(dict.fromkeys(part.parent for part in request.library_parts)))
    dataset = problems.collect(lambda: read_dataset(request.dataset))
    binning = problems.collect(lambda: read_binning(request.binning))
    filters = problems.collect(lambda: read_time_filters(request.mktime_filters))
    projection = dataset.file.projtype if dataset else "healpix"
    library = problems.collect(lambda: read_library(request.library, places, projection))
    problems.raise_any()
    cuts = planning.expand(dataset, binning, filters)

    def locate(name: str) -> Path:
        if request.spectral_models is None:
            raise InputError(
                f"names {name}, but no spectral models are given", request.model, "spectral_models"
            )
        return request.spectral_models

    model = read_model(request.key, request.model, library, energy_range(cuts), locate)
    catalogs = read_catalogs(model.catalogs, request.catalogs, request.extended)
    return model_contents(model, catalogs, cuts, dataset.file.evclass)


def init_model(request: Request, directory: Path) -> list[Path]:
    """Write the files of a model into ``directory``; what was written. Raises InputErrors."""
    contents = read_contents(request)
    return write_directory(
        contents,
        directory,
        {path.name: path for path in request.spectra},
        request.hpx_order_ccube,
        request.hpx_order_fitting,
        request.basedir,
        request.event_list,
    )


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and write the directory."""
    parser = argparse.ArgumentParser(prog="latsky-step init-model", description=__doc__)
    add = parser.add_argument
    add("--model", type=Path, required=True, help="model_<key>.yaml")
    add("--key", help="key of the model [from the file's name]")
    add("--dataset", type=Path, required=True, help="data set YAML")
    add("--binning", type=Path, required=True, help="binning YAML")
    add("--mktime-filters", type=Path, help="time filter YAML")
    add("--library", type=Path, required=True, help="component library YAML")
    many = {"type": Path, "action": "extend", "nargs": "+", "default": []}
    add("--library-part", **many, help="galprop_rings_*.yaml and catalog_*.yaml")
    add("--spectral-models", type=Path, help="spectral models YAML")
    add("--catalog", **many, help="catalogues, known by base name")
    add("--extended", **many, help="directories of extended templates")
    add("--spectrum", **many, help="spectra of isotropic components")
    add("--hpx-order-ccube", type=int, default=planning.HPX_ORDER_COUNTS, help="counts [9]")
    add("--hpx-order-fitting", type=int, default=HPX_ORDER_FITTING, help="largest order [7]")
    add("--basedir", help="write absolute names below this directory [relative names]")
    add("--event-list", help="data.evfile of the configuration [none: fits need no events]")
    add("--output", "-o", type=Path, default=Path(), help="directory to write into [.]")
    options = parser.parse_args(arguments)
    request = Request(
        options.key or options.model.stem.removeprefix("model_"),
        options.model,
        options.dataset,
        options.binning,
        options.library,
        tuple(options.library_part),
        options.mktime_filters,
        options.spectral_models,
        tuple(options.catalog),
        tuple(options.extended),
        tuple(options.spectrum),
        options.hpx_order_ccube,
        options.hpx_order_fitting,
        options.basedir,
        options.event_list,
    )
    written = init_model(request, options.output)
    print(f"model {request.key}: {len(written)} files")
    return 0
