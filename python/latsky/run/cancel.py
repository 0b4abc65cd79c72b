"""``latsky cancel``: end a run and all its jobs. What is finished stays for ``latsky resume``."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from latsky.errors import InputError
from latsky.provenance.recorder import now
from latsky.provenance.run_record import read_run, write_json
from latsky.run import engine, slurm

PATIENCE_S = 60.0
"""for Slurm to end the jobs, and for the leader to write its last words"""


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky cancel``."""
    parser.add_argument("run", type=Path, help="directory of the run")


def run(options: argparse.Namespace) -> int:
    """End the leader, then its jobs in Slurm; 1 when some would not end."""
    directory = options.run.resolve()
    comment = read_run(directory).get("slurm_comment")
    # a leader that lives would try its jobs again
    leader = slurm.job(number) if (number := engine.leader_job(directory)) else None
    if leader is not None:
        slurm.cancel([leader])
    pid = engine.engine_pid(directory)
    if pid is not None:
        engine.stop(pid)
    ended = slurm.jobs(comment) if comment else []
    slurm.cancel(ended)
    end = time.monotonic() + PATIENCE_S
    while comment and (left := slurm.jobs(comment)):
        if time.monotonic() > end:
            raise InputError(f"{len(left)} jobs are still in Slurm's queue", file=directory)
        slurm.cancel(left)
        time.sleep(1)
    _note(directory, end)
    where = "engine ended" if pid else "no engine of this run on this machine"
    if leader is not None:
        where = f"leader ended, Slurm job {leader.id}"
    print(f"{where}; {len(ended)} jobs in Slurm cancelled; go on with: latsky resume {directory}")
    return 0


def _note(directory: Path, end: float) -> None:
    """Write into run.json that the run was cancelled, once its leader has let go of it."""
    while True:
        try:
            with engine.locked(directory):
                record = read_run(directory)
                if record["status"] != "success":
                    write_json(
                        directory / "run.json", {**record, "status": "cancelled", "end": now()}
                    )
                return
        except InputError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
