"""``latsky submit``: the leader itself as a Slurm job."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from latsky.errors import InputError
from latsky.run import engine, slurm
from latsky.run.environment import script
from latsky.run.site import read_site

TAKES_ENGINE_FLAGS = True


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky submit``."""
    parser.add_argument("analysis", type=Path, help="master file of the analysis")
    parser.add_argument("--slurm", default="default", metavar="SITE", help="site profile [default]")
    parser.add_argument(
        "--leader-time",
        metavar="TIME",
        help="time limit of the leader [7 days, or the partition's limit where that is less]",
    )
    parser.add_argument("--leader-memory", default="2G", help="memory of the leader [%(default)s]")
    parser.epilog = "All options of latsky run may follow."


def command(options: argparse.Namespace) -> list[str]:
    """The sbatch command line. Raises InputError for a site profile that is wrong."""
    site = read_site(options.slurm)
    if not options.analysis.is_file():
        raise InputError("no such file", file=options.analysis)
    rest = list(getattr(options, "engine_flags", ()))
    time = options.leader_time or _days(min(site.granted().time_s, 7 * 86400))
    run = [str(script("latsky")), "run", str(options.analysis.resolve())]
    run += ["--slurm", options.slurm, *rest]
    log = options.analysis.resolve().parent / "latsky-leader-%j.log"
    mail = [f"--mail-user={site.mail}", "--mail-type=END,FAIL"] if site.mail else []
    return [
        "sbatch", "--parsable", f"--job-name={engine.LEADER}", "--ntasks=1", "--cpus-per-task=1",
        f"--mem={options.leader_memory}", f"--time={time}", f"--output={log}",
        # after a reboot the leader starts again and takes finished work over
        "--requeue", "--open-mode=append", *mail, *site.arguments(engine.LEADER),
        f"--wrap=exec {shlex.join(run)}",
    ]  # fmt: skip


def _days(seconds: float) -> str:
    """A time as Slurm reads it."""
    minutes = int(seconds) // 60
    return f"{minutes // 1440}-{minutes // 60 % 24:02}:{minutes % 60:02}:00"


def run(options: argparse.Namespace) -> int:
    """Submit; print the number of the job."""
    if not slurm.available():
        raise InputError("Slurm's commands are not on PATH", key="sbatch")
    words = command(options)
    number = slurm.ask(*words, patience=0).strip()
    print(f"leader submitted as Slurm job {number}", file=sys.stderr)
    print(number)
    return 0
