"""``latsky logs``: what the commands of a step wrote."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from latsky.run.status import logs_of, step_name


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky logs``."""
    parser.add_argument("run", type=Path, help="directory of the run")
    parser.add_argument("step", help="step, e.g. expose, or its path as latsky status has it")
    parser.add_argument("--failed", action="store_true", help="only of attempts that failed")


def run(options: argparse.Namespace) -> int:
    """Print commands and their output, by start time."""
    for record, log in logs_of(options.run.resolve(), options.step):
        status = record.get("status", "never ended")
        if options.failed and status == "success":
            continue
        number = record.get("slurm", {}).get("SLURM_JOB_ID")
        place = record["machine"]["host"] + (f", Slurm job {number}" if number else "")
        print(f"== {step_name(record)}: {status}, {record['start'][:19]} UTC, {place}")
        print(f"$ {shlex.join(record['command'])}")
        if log.exists():
            print(log.read_text(errors="replace").rstrip())
    return 0
