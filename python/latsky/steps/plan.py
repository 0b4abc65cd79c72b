"""``latsky-step plan``: the YAML files of an analysis → ``cwl.output.json`` for the workflows."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from latsky import costs
from latsky import plan as planning
from latsky.config.binning import read_binning
from latsky.config.dataset import read_dataset
from latsky.config.file_lists import Directories
from latsky.config.library import read_library
from latsky.config.time_filters import read_time_filters
from latsky.errors import Problems
from latsky.plan_catalog import divide_all
from latsky.plan_templates import plan_templates

ENERGY_BINS_HDU = "ENERGYBINS"


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and write the plan into the working directory."""
    parser = argparse.ArgumentParser(prog="latsky-step plan", description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True, help="data set YAML")
    parser.add_argument("--binning", type=Path, required=True, help="binning YAML")
    parser.add_argument("--mktime-filters", type=Path, help="time filter YAML")
    parser.add_argument("--n-event-files", type=int, required=True, help="number of event files")
    parser.add_argument("--files-per-job", type=int, help="event files a job [by engine]")
    parser.add_argument(
        "--hpx-order-ccube", type=int, default=planning.HPX_ORDER_COUNTS, help="largest order [9]"
    )
    parser.add_argument(
        "--hpx-order-expcube",
        type=int,
        default=planning.HPX_ORDER_EXPOSURE,
        help="largest order [6]",
    )
    parser.add_argument("--library", type=Path, help="component library YAML")
    parser.add_argument(
        "--library-part",
        type=Path,
        action="extend",
        nargs="+",
        default=[],
        help="galprop_rings_*.yaml and catalog_*.yaml that the library names",
    )
    parser.add_argument(
        "--catalog",
        type=Path,
        action="extend",
        nargs="+",
        default=[],
        help="catalogues (FITS) that those name, known by base name",
    )
    parser.add_argument(
        "--extended",
        type=Path,
        action="extend",
        nargs="+",
        default=[],
        help="directories of extended sources, likewise",
    )
    parser.add_argument("--planes-per-job", type=int, help="energy planes a job [by order]")
    parser.add_argument("--catalog-nsrc", type=int, help="catalogue sources a job [by order]")
    parser.add_argument(
        "--engine",
        choices=sorted(costs.RATES),
        default=os.environ.get("LATSKY_ENGINE", "embedded"),
        help="engine by whose speed jobs are made large [LATSKY_ENGINE, else embedded]",
    )
    options = parser.parse_args(arguments)
    write_plan(
        options.dataset,
        options.binning,
        options.mktime_filters,
        options.n_event_files,
        planning.PlanOptions(
            options.hpx_order_ccube,
            options.hpx_order_expcube,
            options.files_per_job,
            options.planes_per_job,
            options.catalog_nsrc,
            options.engine,
        ),
        Path.cwd(),
        LibraryFiles(options.library, options.library_part, options.catalog, options.extended)
        if options.library
        else None,
    )
    return 0


@dataclass(frozen=True)
class LibraryFiles:
    """A library, the definitions it names, and the catalogues and archives that those name."""

    library: Path
    parts: Sequence[Path] = ()
    catalogs: Sequence[Path] = ()
    extended: Sequence[Path] = ()


def write_plan(
    dataset: Path,
    binning: Path,
    mktime_filters: Path | None,
    n_event_files: int,
    options: planning.PlanOptions,
    directory: Path,
    library: LibraryFiles | None = None,
) -> planning.Plan:
    """Write ``cwl.output.json`` and energy bin definitions into ``directory``.

    The lists of merged rings, diffuse components and catalogue components are empty without a
    library. Raises InputErrors naming every mistake in the files.
    """
    problems = Problems()
    if n_event_files < 1:
        problems.add("there are no event files", key="--n-event-files")
    for name, value in (
        ("--files-per-job", options.files_per_job),
        ("--planes-per-job", options.planes_per_job),
        ("--catalog-nsrc", options.catalog_nsrc),
    ):
        if value is not None and value < 1:
            problems.add(f"{value}: must be at least 1", key=name)
    read = (
        problems.collect(lambda: read_dataset(dataset)),
        problems.collect(lambda: read_binning(binning)),
        problems.collect(lambda: read_time_filters(mktime_filters)),
    )
    found, catalogs = None, None
    if library is not None:
        places = Directories(tuple(dict.fromkeys(part.parent for part in library.parts)))
        projection = read[0].file.projtype if read[0] else "healpix"
        found = problems.collect(lambda: read_library(library.library, places, projection))
        if found is not None:
            catalogs = problems.collect(
                lambda: divide_all(found.catalogs, library.catalogs, library.extended)
            )
    problems.raise_any()
    plan = planning.make_plan(*read, n_event_files, options)
    if found is not None:
        cuts = planning.expand(*read)
        plan = plan_templates(plan, read[0], cuts, found, catalogs or (), options)
    written: dict[tuple[float, ...], str] = {}
    for record in plan.components:
        if record["ebinalg"] == "FILE":
            edges = tuple(record["energy_edges"])
            if edges not in written:
                written[edges] = f"energy_bins_{record['job_key']}.fits"
                write_energy_bins(directory / written[edges], edges)
            record["energy_bins"] = {"class": "File", "path": written[edges]}
    text = json.dumps(plan.to_json(), indent=1, ensure_ascii=False) + "\n"
    temporary = directory / ".cwl.output.json.part"
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(directory / "cwl.output.json")
    return plan


def write_energy_bins(path: Path, edges: Sequence[float]) -> None:
    """Energy bins for gtbin's ebinfile: table ENERGYBINS, CHANNEL, E_MIN and E_MAX in keV.

    ``edges`` in MeV. The column names are those of gtbindef's output.
    """
    import numpy as np

    from latsky.fits.core import Column, FitsWriter

    kev = np.asarray(edges, "f8") * 1e3
    with FitsWriter(path) as file:
        file.table(
            ENERGY_BINS_HDU,
            [
                Column("CHANNEL", np.arange(1, len(kev), dtype="i2")),
                Column("E_MIN", kev[:-1], "keV"),
                Column("E_MAX", kev[1:], "keV"),
            ],
        )
