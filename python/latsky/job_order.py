"""From the master file of an analysis to the job order of ``cwl/allsky.cwl``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from latsky.config.analysis import Analysis, read_analysis
from latsky.fit.strategy import read_strategy
from latsky.plan import PlanOptions, expand
from latsky.plan_models import definition_files, definitions_of
from latsky.sizing import add_grouping, plan_options


def job_order(
    analysis: Analysis, engine: str | None = None, *, grouping: bool = True
) -> dict[str, Any]:
    """Inputs of allsky.cwl, with absolute paths; what is not given is left to the workflow.

    How many files share a job follows from their sizes and the speed of ``engine``; ``grouping`` as
    for ``plan_options``.
    """
    file, options = analysis.file, plan_options(analysis, engine, grouping=grouping)
    order: dict[str, Any] = {
        "dataset": as_file(analysis.data_path),
        "binning": as_file(analysis.comp_path),
        "mktime_filters": as_file(analysis.filters_path) if analysis.filters_path else None,
        "event_files": [as_file(listed.path) for listed in analysis.event_files],
        "spacecraft_files": [as_file(listed.path) for listed in analysis.spacecraft_files],
        "hpx_order_ccube": file.hpx_order_ccube,
        "hpx_order_expcube": file.hpx_order_expcube,
        "files_per_job": options.files_per_job,
        "caldb": _as_directory(analysis.caldb) if analysis.caldb else None,
        **(_library_order(analysis, options) if analysis.library else {}),
        **(_model_order(analysis) if analysis.library and file.models else {}),
    }
    return {name: value for name, value in order.items() if value is not None}


def _library_order(analysis: Analysis, options: PlanOptions) -> dict[str, Any]:
    """Inputs that a library adds: its files, and those that it names."""
    assert analysis.library is not None
    library, places = analysis.library, analysis.directories
    evclass = analysis.dataset.file.evclass
    cuts = expand(analysis.dataset, analysis.binning, analysis.filters)
    components = [cut.binning for cut in cuts if cut.evclass.name == evclass]
    templates = [
        source.file_name(component)
        for source in library.sources
        if not source.merged_ring
        for component in components
    ]
    rings = [name for ring in library.rings for name in ring.inputs]

    def files(names: Iterable[str]) -> list[dict[str, str]]:
        return [as_file(path) for path in dict.fromkeys(map(places.resolve, names))]

    return {
        "library": as_file(library.document.path),
        "library_parts": [as_file(path) for path in library.parts],
        "templates": files(templates),
        "ring_maps": files(rings),
        "catalogs": files(catalog.catalog_path for catalog in library.catalogs),
        "extended": [
            _as_directory(path)
            for path in dict.fromkeys(
                places.resolve(catalog.extended_path) for catalog in library.catalogs
            )
        ],
        "planes_per_job": options.planes_per_job,
        "catalog_nsrc": options.catalog_nsrc,
    }


def _model_order(analysis: Analysis) -> dict[str, Any]:
    """Inputs that a list of models adds."""
    file, places = analysis.file, analysis.directories

    def given(name: str | None) -> dict[str, str] | None:
        return as_file(places.resolve(name)) if name else None

    stages = read_strategy(places.resolve(file.fit_strategy)) if file.fit_strategy else ()
    weights = dict.fromkeys(name for stage in stages for name in stage.masks)
    return {
        "models": given(file.models),
        "model_definitions": [as_file(path) for path in definition_files(definitions_of(analysis))],
        "hpx_order_fitting": file.hpx_order_fitting,
        "fit": file.fit,
        "fit_strategy": given(file.fit_strategy),
        "fit_weights": [given(name) for name in weights] or None,
        "fit_parameters": given(file.fit_parameters),
        "fit_edisp": "config" if file.fit_edisp else "off",
        "fit_integration": file.fit_integration,
        "fit_minos": list(file.fit_minos) or None,
        "fit_cores": file.fit_cores,
    }


def as_file(path: Path) -> dict[str, str]:
    """A CWL File."""
    return {"class": "File", "path": str(path.absolute())}


def _as_directory(path: Path) -> dict[str, str]:
    return {"class": "Directory", "path": str(path.absolute())}


def write_job_order(order: dict[str, Any], stream: Any) -> None:
    """Write a job order as YAML."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 4096
    yaml.dump(order, stream)


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky job-order``."""
    parser.add_argument("analysis", type=Path, help="master file of the analysis")
    parser.add_argument("-o", "--output", type=Path, help="file to write [standard output]")
    add_grouping(parser)


def run(options: argparse.Namespace) -> int:
    """Write the job order of an analysis for plain cwltool or toil-cwl-runner."""
    order = job_order(read_analysis(options.analysis), grouping=options.grouping)
    if options.output is None:
        write_job_order(order, sys.stdout)
    else:
        temporary = options.output.with_name(f".{options.output.name}.part")
        with temporary.open("w", encoding="utf-8") as stream:
            write_job_order(order, stream)
        temporary.replace(options.output)
    return 0
