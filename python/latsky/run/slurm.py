"""What Slurm knows of a run's jobs, asked with its own commands."""

from __future__ import annotations

import getpass
import math
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass

from latsky.errors import InputError


@dataclass(frozen=True)
class SlurmJob:
    """A job in the queue."""

    id: str
    state: str
    name: str
    comment: str


def available() -> bool:
    """Whether Slurm's commands are here."""
    return all(shutil.which(name) for name in ("sbatch", "squeue", "scancel", "scontrol"))


def ask(*command: str, patience: float = 60.0) -> str:
    """What a command of Slurm prints; asked again while the controller does not answer.

    Raises InputError after ``patience`` seconds.
    """
    end = time.monotonic() + patience
    while True:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=30)
            if done.returncode == 0:
                return done.stdout
            complaint = done.stderr.strip() or f"exit status {done.returncode}"
        except subprocess.TimeoutExpired:
            complaint = "no answer within 30 s"
        except FileNotFoundError:
            raise InputError("this program is not on PATH", key=command[0]) from None
        if time.monotonic() > end:
            raise InputError(f"Slurm does not answer: {complaint}", key=command[0])
        time.sleep(1)


def jobs(comment: str) -> list[SlurmJob]:
    """Jobs of this user in the queue that carry ``comment``."""
    return [job for job in _queue() if job.comment == comment]


def job(number: str) -> SlurmJob | None:
    """A job of this user that is in the queue."""
    return next((job for job in _queue() if job.id == number), None)


def _queue() -> list[SlurmJob]:
    format_ = "%i|%T|%j|%k"
    lines = ask("squeue", "-h", "-u", getpass.getuser(), "-o", format_).splitlines()
    return [SlurmJob(*line.split("|", 3)) for line in lines if line.count("|") >= 3]


def cancel(which: list[SlurmJob]) -> None:
    """Cancel jobs."""
    for first in range(0, len(which), 100):
        ask("scancel", "-Q", *(job.id for job in which[first : first + 100]))


@dataclass(frozen=True)
class Partition:
    """What a partition grants to a job."""

    name: str
    up: bool
    time_s: float
    """time limit, infinite where there is none"""
    memory_mib: int
    """of its largest node"""
    cores: int
    """of its largest node"""


def partition(name: str | None) -> Partition | None:
    """A partition (several joined by commas count as one), by default Slurm's; None for no such.

    Raises InputError where Slurm does not answer.
    """
    name = name or os.environ.get("SBATCH_PARTITION")
    command = ["sinfo", "-h", "-e", "-o", "%P|%a|%l|%m|%c", *(["-p", name] if name else [])]
    lines = [line.split("|") for line in ask(*command, patience=5).splitlines()]
    lines = [words for words in lines if name or words[0].endswith("*")]
    if not lines:
        return None
    return Partition(
        name or lines[0][0].rstrip("*"),
        any(words[1] == "up" for words in lines),
        max(seconds(words[2]) for words in lines),
        max(_number(words[3]) for words in lines),
        max(_number(words[4]) for words in lines),
    )


def _number(text: str) -> int:
    return int(re.sub(r"\D", "", text))


def seconds(text: str) -> float:
    """A time as Slurm writes it, in s."""
    if text in ("infinite", "UNLIMITED"):
        return math.inf
    days, _, rest = text.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    if days:
        parts += [0] * (3 - len(parts))
    elif len(parts) == 1:
        parts = [0, parts[0], 0]
    elif len(parts) == 2:
        parts = [0, *parts]
    hours, minutes, rest_s = parts
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + rest_s


def adopt_or_cancel(comment: str, say: object = None) -> tuple[int, int]:
    """See to the jobs that an earlier attempt left behind; how many were adopted and cancelled.

    Those that wait are cancelled: nothing is lost with them. Those that run are waited for: they
    keep what they finish, so that it is not done again.
    """
    left = jobs(comment)
    if not left:
        return 0, 0
    waiting = [job for job in left if job.state == "PENDING"]
    if waiting:
        cancel(waiting)
    adopted = {job.id for job in left} - {job.id for job in waiting}
    if callable(say):
        say(f"an earlier attempt left jobs: {len(waiting)} cancelled, {len(adopted)} waited for")
    while jobs(comment):
        time.sleep(1)
    return len(adopted), len(waiting)
