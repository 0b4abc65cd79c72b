"""``latsky run``: an analysis from its master file to its products."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from latsky.check import check_analysis, show_warnings
from latsky.config.analysis import Analysis
from latsky.errors import InputErrors
from latsky.job_order import job_order, write_job_order
from latsky.plan_models import definition_files, definitions_of, plan_of_models
from latsky.provenance import run_record
from latsky.provenance.closure import copy_closure
from latsky.provenance.hashing import hash_order
from latsky.run import engine, toil, way
from latsky.run.clean import kept_bytes
from latsky.run.container import ENGINES, choose
from latsky.run.model_links import link_inputs
from latsky.run.products import (
    draw,
    file_outputs,
    read_fits,
    show_fit,
    show_maps_table,
    show_table,
    summarise,
    summarise_maps,
)
from latsky.run.progress import RunLog, count_jobs
from latsky.run.suite import document
from latsky.show_plan import plan_of
from latsky.sizing import add_grouping

TAKES_ENGINE_FLAGS = True
"""flags that are not known here go to the engine"""


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky run``."""
    parser.add_argument("analysis", type=Path, help="master file of the analysis")
    parser.add_argument(
        "--outdir",
        type=Path,
        metavar="RUN",
        help="directory of the run: products, job order, logs [run, beside the master file]",
    )
    add_grouping(parser)
    parser.add_argument("--no-plots", action="store_true", help="draw no sky maps")
    parser.add_argument("--no-report", action="store_true", help="write no report")
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="embedded",
        help="whose gt* commands run: latsky's own or the Fermitools [%(default)s]",
    )
    way.add_options(parser)
    parser.epilog = way.EPILOG


def run(options: argparse.Namespace) -> int:
    """Check, run and show the products; 2 for a mistake in the inputs, 1 for any other failure."""
    chosen = way.way_of(options)
    report = check_analysis(options.analysis)
    show_warnings("latsky run", report.warnings)
    if report.problems:
        raise InputErrors(report.problems)
    directory = (options.outdir or options.analysis.resolve().parent / "run").resolve()
    pictures = not options.no_plots
    models = plan_of_models(report.analysis)
    plan = plan_of(report.analysis, engine=options.engine, grouping=options.grouping)
    total = count_jobs(plan, pictures) + (models.jobs if models else 0)
    inputs = job_order(report.analysis, options.engine, grouping=options.grouping)
    inputs["pictures"] = pictures
    scratch = report.analysis.file.scratch
    scratch = options.analysis.resolve().parent / scratch if scratch else None
    with engine.locked(directory) as lock:
        toil.settle(directory, chosen.site)
        engine.set_aside(directory)
        workflow, trees = prepare(inputs, directory)
        programs = choose(options.container, options.engine, directory)
        record = run_record.begin(
            engine=chosen.engine,
            arguments=list(options.arguments),
            workflow=workflow,
            directory=directory,
            analysis=options.analysis.resolve(),
            config=_config(report.analysis),
            directories=trees,
        )
        record |= {**programs.facts(), "working_directory": str(Path.cwd()), "jobs": total}
        record["slurm_comment"] = engine.comment(directory) if chosen.site else None
        order = directory / "job-order.yml"
        with run_record.recorded(record, directory):
            status, log, outputs = chosen.run(
                workflow, order, directory, total, programs, lock, scratch
            )
            record["exit_status"] = status
            if status == 0:
                gasmaps = report.analysis.file.merged_gasmap_dir
                outputs = file_outputs(outputs, directory, gasmaps)
                if models is not None:
                    link_inputs(report.analysis, directory)
    if status != 0:
        return _explain(status, log, directory)
    show_table(summarise(outputs))
    show_maps_table(summarise_maps(outputs))
    for found in read_fits(outputs):
        show_fit(found)
    print(f"products and record of the run: {directory}")
    if kept := kept_bytes(directory) >> 20:
        print(f"kept for a later run of an edited analysis: {kept} MiB; latsky clean {directory}")
    if pictures:
        draw(outputs, directory)
        print(f"sky maps: {directory / 'plots'}; others: latsky view FILE")
    if not options.no_report:
        write_report_of(directory)
    return 0


def write_report_of(directory: Path) -> None:
    """Write the report of a run; a failure is told, but the run has its products."""
    from latsky.report.gather import gather
    from latsky.report.page import write_report

    try:
        print(f"report: {write_report(gather(directory), directory / 'report')}")
    except Exception as error:
        words = f"{type(error).__name__}: {error}"
        print(
            f"latsky run: warning: no report ({words}); try: latsky report {directory}",
            file=sys.stderr,
        )


def prepare(order: dict[str, Any], directory: Path) -> tuple[Path, dict]:
    """Write the job order, to which hashes are added, and copy the CWL documents.

    Returns the workflow's copy and the files of the directories in the job order by their hash.
    """
    shutil.rmtree(directory / "suite", ignore_errors=True)
    source = document("cwl/allsky.cwl")
    workflow = copy_closure(source, directory / "suite", source.parents[1])
    trees = hash_order(order)
    temporary = directory / ".job-order.yml.part"
    with temporary.open("w", encoding="utf-8") as stream:
        write_job_order(order, stream)
    temporary.replace(directory / "job-order.yml")
    return workflow, trees


def _config(analysis: Analysis) -> list[Path]:
    """The YAML files of an analysis."""
    file, places = analysis.file, analysis.directories
    named = [analysis.comp_path, analysis.data_path, analysis.filters_path]
    library = analysis.library
    parts = (library.document.path, *library.parts) if library else ()
    models = definition_files(definitions_of(analysis))
    if models:
        keys = (file.models, file.fit_strategy, file.fit_parameters)
        named += [places.resolve(name) for name in keys if name]
    return [analysis.document.path, *(p for p in named if p is not None), *parts, *models]


def _explain(status: int, log: RunLog, directory: Path) -> int:
    """Say why a run failed; the exit status."""
    for line in dict.fromkeys(log.errors):
        print(line, file=sys.stderr)
    print(
        f"latsky run: error: {log.failed or 'no'} job{'s' * (log.failed != 1)} failed "
        f"(the engine's exit status is {status}); see {directory / 'engine.log'}",
        file=sys.stderr,
    )
    return 2 if log.worst_status == 2 else 1
