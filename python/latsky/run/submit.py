"""``latsky submit``: the leader itself as a Slurm job."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from latsky.errors import InputError
from latsky.run import slurm
from latsky.run.environment import script
from latsky.run.site import read_site

TAKES_ENGINE_FLAGS = True


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky submit``."""
    parser.add_argument("analysis", type=Path, help="master file of the analysis")
    parser.add_argument("--slurm", default="default", metavar="SITE", help="site profile [default]")
    parser.add_argument(
        "--leader-time",
        default="7-00:00:00",
        help="time limit of the leader, within the partition's [%(default)s]",
    )
    parser.add_argument("--leader-memory", default="2G", help="memory of the leader [%(default)s]")
    parser.epilog = "All options of latsky run may follow."


def command(options: argparse.Namespace) -> list[str]:
    """The sbatch command line. Raises InputError for a site profile that is wrong."""
    site = read_site(options.slurm)
    if not options.analysis.is_file():
        raise InputError("no such file", file=options.analysis)
    rest = list(getattr(options, "engine_flags", ()))
    run = [str(script("latsky")), "run", str(options.analysis.resolve())]
    run += ["--slurm", options.slurm, *rest]
    log = options.analysis.resolve().parent / "latsky-leader-%j.log"
    mail = [f"--mail-user={site.mail}", "--mail-type=END,FAIL"] if site.mail else []
    return [
        "sbatch", "--parsable", "--job-name=latsky-leader", "--ntasks=1", "--cpus-per-task=1",
        f"--mem={options.leader_memory}", f"--time={options.leader_time}", f"--output={log}",
        # after a reboot the leader starts again and takes finished work over
        "--requeue", "--open-mode=append", *mail, *site.arguments("latsky-leader"),
        f"--wrap=exec {shlex.join(run)}",
    ]  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Submit; print the number of the job."""
    words = command(options)
    if not slurm.available():
        raise InputError("Slurm's commands are not on PATH", key="sbatch")
    number = slurm.ask(*words, patience=0).strip()
    print(f"leader submitted as Slurm job {number}", file=sys.stderr)
    print(number)
    return 0
