"""``latsky compare``: how equal the results of two runs are."""

from __future__ import annotations

import argparse
from pathlib import Path

from latsky.provenance.archive import opened
from latsky.provenance.grade import grade_runs, side
from latsky.provenance.run_record import write_json
from latsky.provenance.verdict import add_grade_options, as_json, show, wanted


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky compare``."""
    parser.add_argument("first", type=Path, help="directory of a run, or an archive")
    parser.add_argument("second", type=Path, help="likewise")
    add_grade_options(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all findings")
    parser.epilog = (
        "Exit status: 0 all outputs have the grade asked for, 3 some have not, "
        "2 one of the runs cannot be read."
    )


def run(options: argparse.Namespace) -> int:
    """Compare two runs, job by job."""
    with opened(options.first) as first, opened(options.second) as second:
        results = grade_runs(side(first), side(second), options.rtol)
    if options.json:
        write_json(options.json, as_json(results, wanted(options)))
    return show(results, wanted(options))
