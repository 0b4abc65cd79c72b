"""``latsky report RUN``: a page about a run: data, fits, maps, tables, timings."""

from __future__ import annotations

import argparse
from pathlib import Path


def register(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("run", type=Path, help="directory of a run")
    parser.add_argument("--output", "-o", type=Path, help="directory to write [RUN/report]")


def run(options: argparse.Namespace) -> int:
    """Write the report and print the name of its page."""
    from latsky.report.gather import gather
    from latsky.report.page import write_report

    print(write_report(gather(options.run), options.output or options.run / "report"))
    return 0
