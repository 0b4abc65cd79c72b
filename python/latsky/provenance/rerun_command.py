"""``latsky rerun``: run an archive again and say whether its results are the same."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from latsky.errors import InputError
from latsky.provenance import run_record
from latsky.provenance.rerun import differences, finish, prepare, programs_of, verified
from latsky.provenance.run_record import write_json
from latsky.provenance.verdict import add_grade_options, as_json, show, wanted
from latsky.run import engine, way
from latsky.run.products import file_outputs

TAKES_ENGINE_FLAGS = True
"""flags that are not known here go to the engine"""


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky rerun``."""
    parser.add_argument("archive", type=Path, help="zip file that latsky archive made")
    parser.add_argument(
        "--inputs",
        type=Path,
        metavar="DIR",
        help="directory with inputs that the archive lacks; they are found by their content",
    )
    parser.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="directory of the image files [in the archive, else the cache of latsky images]",
    )
    parser.add_argument(
        "-o",
        "--outdir",
        type=Path,
        metavar="DIR",
        help="directory to make: DIR/archive, DIR/run [rerun-NAME]",
    )
    way.add_options(parser, container=None)
    add_grade_options(parser)
    parser.add_argument("--verify-only", action="store_true", help="run nothing")
    parser.epilog = (
        f"{way.EPILOG} Exit status: 0 all outputs have the grade asked for, "
        "3 some have not, 2 the archive or its inputs are not what they were (nothing is run), "
        "1 the run failed."
    )


def run(options: argparse.Namespace) -> int:
    """Verify, run, compare."""
    chosen = way.way_of(options)
    target = (options.outdir or Path(f"rerun-{options.archive.stem}")).resolve()
    if target.exists() and any(target.iterdir()):
        raise InputError("exists already; choose another with --outdir", file=target)
    if not options.archive.is_file():
        raise InputError("no such file", file=options.archive)
    in_image = options.container != "none"
    data = verified(
        options.archive, target / "archive", options.inputs, options.images, in_image=in_image
    )
    what = "inputs, documents and images" if in_image else "inputs and documents"
    print(f"{options.archive}: archive, {what} are those of the run")
    for line in differences(data):
        print(f"latsky rerun: warning: {line}", file=sys.stderr)
    if options.verify_only:
        return 0
    directory = target / "run"
    jobs = [record for record in data.finished() if record["kind"] != "expression"]
    with engine.locked(directory) as lock:
        record = prepare(data, directory, options.archive, chosen.engine, options.arguments)
        programs = programs_of(data, options.container, options.images, directory)
        record |= {**programs.facts(), "jobs": len(jobs)}
        record["slurm_comment"] = engine.comment(directory) if chosen.site else None
        with run_record.recorded(record, directory):
            status, log, outputs = chosen.run(
                directory / record["workflow"],
                directory / "job-order.yml",
                directory,
                len(jobs),
                programs,
                lock,
            )
            record["exit_status"] = status
            if status == 0:
                file_outputs(outputs, directory)
    if status != 0:
        for line in dict.fromkeys(log.errors):
            print(line, file=sys.stderr)
        print(
            f"latsky rerun: error: the run failed (the engine's exit status {status}); "
            f"see {directory / 'engine.log'}",
            file=sys.stderr,
        )
        return 1
    results = finish(data, directory, options.rtol)
    write_json(target / "grades.json", as_json(results, wanted(options)))
    verdict = show(results, wanted(options))
    print(f"products: {directory}; all findings: {target / 'grades.json'}")
    return verdict
