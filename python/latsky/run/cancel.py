"""``latsky cancel``: end a run and all its jobs. What is finished stays for ``latsky resume``."""

from __future__ import annotations

import argparse
from pathlib import Path

from latsky.provenance.run_record import read_run
from latsky.run import engine, slurm


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky cancel``."""
    parser.add_argument("run", type=Path, help="directory of the run")


def run(options: argparse.Namespace) -> int:
    """End the engine, then its jobs in Slurm."""
    directory = options.run.resolve()
    record = read_run(directory)
    pid = engine.engine_pid(directory)
    if pid is not None:
        engine.stop(pid)
    left = slurm.jobs(record["slurm_comment"]) if record.get("slurm_comment") else []
    slurm.cancel(left)
    print(
        f"{'engine ended' if pid else 'no engine of this run on this machine'}, "
        f"{len(left)} jobs in Slurm cancelled; go on with: latsky resume {directory}"
    )
    return 0
