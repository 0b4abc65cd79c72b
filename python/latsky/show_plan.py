"""``latsky plan``: what a run of an analysis would do, without doing it."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from latsky import costs
from latsky.config.analysis import Analysis, read_analysis
from latsky.errors import Problems
from latsky.plan import Plan, expand, make_plan
from latsky.plan_catalog import DividedCatalog, divide_catalog, rule_lines
from latsky.plan_models import ModelPlan, plan_of_models
from latsky.plan_templates import plan_templates
from latsky.sizing import add_grouping, default_engine, plan_options, volume_of

if TYPE_CHECKING:
    from rich.table import Table

DAY_S = 86400.0


@dataclass(frozen=True)
class StepEstimate:
    """All jobs of one step: number, CPU time in s, largest memory in MiB, bytes written."""

    step: str
    command: str
    jobs: int
    cpu_s: float
    ram_mib: int
    product_bytes: float
    longest_s: float
    """CPU time of the longest job"""


def plan_of(
    analysis: Analysis,
    catalogs: Sequence[DividedCatalog] | None = None,
    engine: str | None = None,
    *,
    grouping: bool = True,
) -> Plan:
    """The plan of an analysis. Raises InputErrors for what contradicts itself.

    ``catalogs`` spares reading them again; ``engine`` is by default that of LATSKY_ENGINE;
    ``grouping`` as for ``plan_options``.
    """
    options = plan_options(analysis, engine, grouping=grouping)
    parts = (analysis.dataset, analysis.binning, analysis.filters)
    plan = make_plan(*parts, len(analysis.event_files), options)
    if analysis.library is None:
        return plan
    found = catalogs_of(analysis) if catalogs is None else catalogs
    return plan_templates(plan, analysis.dataset, expand(*parts), analysis.library, found, options)


def catalogs_of(analysis: Analysis) -> list[DividedCatalog]:
    """The catalogues of an analysis' library, read and divided. Raises InputErrors."""
    problems = Problems()
    places = analysis.directories
    found = [
        problems.collect(
            lambda c=parts: divide_catalog(
                c, places.resolve(c.catalog_path), places.resolve(c.extended_path)
            )
        )
        for parts in (analysis.library.catalogs if analysis.library else ())
    ]
    problems.raise_any()
    return [catalog for catalog in found if isinstance(catalog, DividedCatalog)]


def estimate(
    plan: Plan, volume: costs.Volume, rates: costs.Rates, models: ModelPlan | None = None
) -> list[StepEstimate]:
    """Number, time and size of the jobs of every step, in the order they run."""
    n_batches = len(plan.batches)
    n_filters = len(plan.time_filters)
    share = 1 / max(len(plan.components), 1)
    jobs: list[tuple[str, str, int, list[costs.Cost]]] = []

    def add(step: str, command: str, repeats: int, each: list[costs.Cost]) -> None:
        if each and repeats:
            jobs.append((step, command, repeats, each))

    small = costs.Cost(costs.BASE_MIB, rates.start_s, 0.0)
    add("plan the analysis", "plan", 1, [small])
    add("match spacecraft data", "match-spacecraft", n_batches, [small])
    add("select events", "gtselect", n_batches, [costs.select(volume, rates)] * n_filters)
    applied = [record for record in plan.time_filters if record["apply"]]
    add("filter times", "gtmktime", n_batches, [costs.mktime(volume, rates)] * len(applied))
    add(
        "select by component",
        "gtselect",
        n_batches,
        [costs.select(volume, rates, share) for _ in plan.components],
    )
    sizes = [(record["hpx_order"], record["enumbins"]) for record in plan.components]
    add(
        "bin events",
        "gtbin",
        n_batches,
        [costs.counts(order, bins, volume, rates, share) for order, bins in sizes],
    )
    add(
        "add counts cubes",
        "coadd",
        1,
        [costs.coadd(order, bins, n_batches, rates) for order, bins in sizes],
    )
    cuts = len(plan.livetime_cuts)
    timed = [record for record in plan.livetime_cuts if {record["tmin"], record["tmax"]} != {None}]
    add("cut times", "gtselect", n_batches, [costs.select(volume, rates)] * len(timed))
    add("livetime", "gtltcube", n_batches, [costs.livetime(volume, rates)] * cuts)
    add("add livetime", "gtltsum", 1, [costs.livetime_sum(n_batches, rates)] * cuts)
    add(
        "exposure",
        "gtexpcube2",
        1,
        [
            costs.exposure(record["hpx_order_exposure"], record["enumbins"], rates)
            for record in plan.components
        ],
    )
    _add_templates(plan, rates, add)
    if models is not None:
        add("plan the models", "plan-models", 1, [small])
        add("write source models", "init-model", 1, [small] * len(models.planned_models))
        add("assemble source maps", "assemble-model", 1, models.assembly)
        add("fit models", "fit-model", 1, models.fits)
    return [
        StepEstimate(
            step,
            command,
            repeats * len(each),
            repeats * sum(cost.seconds for cost in each),
            max(cost.ram_mib for cost in each),
            repeats * sum(cost.product_bytes for cost in each),
            max(cost.seconds for cost in each),
        )
        for step, command, repeats, each in jobs
    ]


def _add_templates(
    plan: Plan,
    rates: costs.Rates,
    add: Callable[[str, str, int, list[costs.Cost]], None],
) -> None:
    """The steps that a library adds."""
    by_key = {record["job_key"]: record for record in plan.components}
    add(
        "merge gas rings",
        "sum-rings",
        1,
        [costs.ring_sum(len(ring["inputs"]), rates) for ring in plan.merged_rings],
    )
    maps, stacks, batches, merges, gathers = [], [], [], [], []
    diffuse_pictures: Counter[str] = Counter()
    catalog_pictures: Counter[str] = Counter()
    for record in plan.diffuse_components:
        order, planes = _size_of(by_key[record["component"]])
        convolved = not record["no_psf"] and record["kind"] != "isotropic"
        maps += [
            costs.source_maps(order, group["kmax"] - group["kmin"], convolved, rates)
            for group in record["plane_groups"]
        ]
        stacks.append(costs.stack(order, planes, rates))
        diffuse_pictures[record["component"]] += 1
    for record in plan.catalog_components:
        order, planes = _size_of(by_key[record["component"]])
        merged, count = record["merged_parts"], len(record["batches"])
        batches += [
            costs.catalog_maps(order, planes, batch["last"] - batch["first"], len(merged), rates)
            for batch in record["batches"]
        ]
        merges += [costs.catalog_sum(order, planes, count, rates) for _ in merged]
        catalog_pictures[record["component"]] += len(merged)
        gathers += [costs.catalog_sum(order, planes, count, rates)] * record["gather"]
    add("diffuse source maps", "source-maps-diffuse", 1, maps)
    add("stack planes", "stack", 1, stacks)
    add("catalogue source maps", "source-maps-catalog", 1, batches)
    add("merge sources", "merge-catalog", 1, merges)
    add("gather sources", "gather-catalog", 1, gathers)
    pictures = [
        costs.pictures(*_size_of(by_key[key]), number, rates)
        for drawn in (diffuse_pictures, catalog_pictures)
        for key, number in drawn.items()
        if number
    ]
    add("draw source maps", "draw-maps", 1, pictures)


def _size_of(component: dict) -> tuple[int, int]:
    return component["hpx_order"], component["enumbins"] + 1


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky plan``."""
    parser.add_argument("analysis", type=Path, help="master file of the analysis")
    parser.add_argument(
        "--engine",
        choices=sorted(costs.RATES),
        default=default_engine(),
        help="engine whose speed the estimate is for [LATSKY_ENGINE, else embedded]",
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="jobs at a time [number of cores]"
    )
    add_grouping(parser)
    parser.add_argument("--json", action="store_true", help="print the plan's records instead")


def run(options: argparse.Namespace) -> int:
    """Print components, files, jobs, sizes and time of a run."""
    analysis = read_analysis(options.analysis)
    catalogs = catalogs_of(analysis)
    plan = plan_of(analysis, catalogs, options.engine, grouping=options.grouping)
    models = plan_of_models(analysis)
    if options.json:
        lists = plan.to_json() | (models.to_json() if models else {})
        print(json.dumps(lists, indent=1))
        return 0
    from rich.console import Console

    rates = costs.RATES[options.engine]
    volume = volume_of(analysis, len(plan.batches))
    steps = estimate(plan, volume, rates, models)
    console = Console()
    console.print(components_table(plan))
    for catalog in catalogs:
        console.print("\n".join(rule_lines(catalog)), highlight=False)
    if models is not None:
        console.print("\n".join(model_lines(models)), highlight=False)
    console.print(steps_table(steps))
    console.print(
        closing(analysis, plan, volume, steps, rates, max(options.jobs, 1)), soft_wrap=True
    )
    return 0


def model_lines(models: ModelPlan) -> list[str]:
    """What each model takes, one line each."""
    fate = "fitted" if models.fits else "not fitted"
    found = []
    for model in models.planned_models:
        parts = [part for part in models.model_components if part["model"] == model["key"]]
        keys = {key for part in parts for key in part["source_keys"]}
        found.append(
            f"model {model['key']}: {len(keys)} components of the library on {len(parts)} "
            f"binning components, {fate}"
        )
    return found


def components_table(plan: Plan) -> Table:
    """Binning components, one a row; orders are those of the counts and the exposure cube."""
    table = _table("Binning components")
    for name, justify in (
        ("component", "left"),
        ("energy", "right"),
        ("bins", "right"),
        ("zmax", "right"),
        ("orders", "right"),
        ("filter", "left"),
        ("response", "left"),
    ):
        table.add_column(name, justify=justify, no_wrap=True)
    for record in plan.components:
        table.add_row(
            record["name"],
            f"{_energy(record['emin'])}–{_energy(record['emax'])}",
            str(record["enumbins"]),
            f"{record['zmax']:g}°",
            f"{record['hpx_order']}, {record['hpx_order_exposure']}",
            record["time_filter"],
            record["irfs"],
        )
    return table


def steps_table(steps: list[StepEstimate]) -> Table:
    """Steps with their number of jobs and estimates."""
    table = _table("Jobs")
    for name in ("step", "command", "jobs", "CPU time", "memory a job", "written"):
        table.add_column(name, justify="left" if name in ("step", "command") else "right")
    for step in steps:
        table.add_row(
            step.step,
            step.command,
            str(step.jobs),
            _time(step.cpu_s),
            f"{step.ram_mib} MiB",
            _size(step.product_bytes),
        )
    table.add_section()
    table.add_row(
        "all",
        "",
        str(sum(step.jobs for step in steps)),
        _time(sum(step.cpu_s for step in steps)),
        f"{max(step.ram_mib for step in steps)} MiB",
        _size(sum(step.product_bytes for step in steps)),
    )
    return table


def closing(
    analysis: Analysis,
    plan: Plan,
    volume: costs.Volume,
    steps: list[StepEstimate],
    rates: costs.Rates,
    jobs: int,
) -> str:
    """Inputs, products kept and the time the whole takes, in three lines."""
    kept = {
        *("add counts cubes", "add livetime", "exposure", "merge gas rings"),
        *("stack planes", "merge sources", "gather sources", "draw source maps"),
        *("assemble source maps", "fit models"),
    }
    n_batches = len(plan.batches)
    files = len(plan.diffuse_components) + sum(
        len(record["merged_parts"]) + record["gather"] for record in plan.catalog_components
    )
    maps = f"{files} source-map files, " if files else ""
    days = volume.span_s * n_batches / DAY_S
    products = sum(step.product_bytes for step in steps if step.step in kept)
    return "\n".join(
        (
            f"{len(analysis.event_files)} event files ({_size(volume.table_bytes * n_batches)}, "
            f"{days:.1f} days) in {n_batches} batch{'es' * (n_batches != 1)}, "
            f"{len(analysis.spacecraft_files)} spacecraft files",
            f"products that stay: {len(plan.components)} counts cubes, "
            f"{len(plan.livetime_cuts)} livetime cubes, {len(plan.components)} exposure cubes, "
            f"{maps}"
            f"{_size(products)}",
            f"about {_time(duration(steps, rates, jobs))} with {jobs} job{'s' * (jobs != 1)} "
            f"at a time and the {rates.name} engine",
        )
    )


def duration(steps: list[StepEstimate], rates: costs.Rates, jobs: int) -> float:
    """Seconds that all steps take at the most with so many jobs at a time.

    Brent's bound: work over workers, and the longest chain as far as it is not among that; the
    chain is taken as the longest job of every step.
    """
    work = sum(step.cpu_s + rates.dispatch_s * step.jobs for step in steps)
    chain = sum(step.longest_s + rates.dispatch_s for step in steps)
    return work / jobs + chain * (1 - 1 / jobs)


def _table(title: str) -> Table:
    from rich import box
    from rich.table import Table

    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))


def _energy(mev: float) -> str:
    for factor, unit in ((1e6, "TeV"), (1e3, "GeV")):
        if mev >= factor * (1 - 1e-9):
            return f"{mev / factor:.3g} {unit}"
    return f"{mev:.3g} MeV"


def _size(size: float) -> str:
    for factor, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size:.0f} B"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
