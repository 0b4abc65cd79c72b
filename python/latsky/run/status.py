"""``latsky status``, ``latsky logs``: what a run has done and does, from its records and Slurm."""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from latsky.errors import InputError
from latsky.provenance.recorder import read
from latsky.provenance.run_record import read_run
from latsky.run import engine, slurm


@dataclass
class StepState:
    """Jobs of one step."""

    done: int = 0
    taken_over: int = 0
    running: int = 0
    failed: int = 0
    """attempts that ended badly"""
    lost: int = 0
    """attempts that never ended"""
    seconds: list[float] = field(default_factory=list)
    slurm_ids: list[str] = field(default_factory=list)
    """of what runs"""


@dataclass
class RunState:
    """A run at one moment."""

    status: str
    total: int | None
    steps: dict[str, StepState]
    queue: Counter[str]
    """jobs in Slurm's queue by state"""
    elapsed: float
    errors: list[str]
    leader: str | None = None
    """Slurm job of the leader, where that is in the queue"""

    @property
    def done(self) -> int:
        """Jobs whose outputs are there."""
        return sum(step.done + step.taken_over for step in self.steps.values())

    @property
    def remaining(self) -> float | None:
        """Seconds to go, when the jobs to come take as long as those that ran."""
        ran = sum(step.done for step in self.steps.values())
        if not self.total or not ran or self.status != "running":
            return None
        return self.elapsed * max(0, self.total - self.done) / ran


def step_name(record: dict[str, Any]) -> str:
    """The path of steps of a record."""
    return "/".join(record["step"]) or record["label"]


def state(directory: Path, now: datetime | None = None) -> RunState:
    """What is known of a run. Raises InputError for a directory that is none."""
    run = read_run(directory)
    now = now or datetime.now(UTC)
    comment = run.get("slurm_comment")
    number = engine.leader_job(directory)
    leader = slurm.job(number) if number and slurm.available() else None
    here = run["machine"]["host"] == _host()
    alive = run["status"] == "running" and (
        engine.engine_pid(directory) is not None if here else leader is not None
    )
    queued = slurm.jobs(comment) if comment and slurm.available() else []
    in_queue = {job.id for job in queued}
    steps: dict[str, StepState] = defaultdict(StepState)
    errors = []
    for record in read(directory / "records"):
        step = steps[step_name(record)]
        ended = record.get("status")
        if record["kind"] == "cached":
            step.taken_over += 1
        elif ended == "success":
            step.done += 1
            step.seconds.append(float(record.get("usage", {}).get("wall_s", 0.0)))
        elif ended is not None:
            step.failed += 1
            errors.append(last_words(directory, record))
        else:
            number = record.get("slurm", {}).get("SLURM_JOB_ID")
            if number in in_queue if number else alive:
                step.running += 1
                step.slurm_ids += [number] if number else []
            else:
                step.lost += 1
                if account := record.get("account"):
                    errors.append(f"{step_name(record)}: {account['state']} in Slurm")
    status = run["status"]
    if status == "running" and not alive and (here or number):
        status = "engine lost"
    end = datetime.fromisoformat(run["end"]) if "end" in run else now
    elapsed = (end - datetime.fromisoformat(run["start"])).total_seconds()
    queue = Counter(job.state for job in queued)
    return RunState(
        status, run.get("jobs"), dict(steps), queue, elapsed, errors[-5:],
        leader.id if leader else None,
    )  # fmt: skip


def _host() -> str:
    import socket

    return socket.gethostname()


def last_words(directory: Path, record: dict[str, Any]) -> str:
    """The last line that a failed command wrote, with its step."""
    log = directory / "records" / f"{record['id']}.log"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    words = next((line for line in reversed(lines) if line.strip()), "no output")
    cause = f", ran out of {record['cause']}" if record.get("cause") else ""
    return f"{step_name(record)}: {words} (exit status {record.get('exit_code')}{cause})"


def show(found: RunState) -> None:
    """Print a run's state."""
    total = f" of {found.total}" if found.total else ""
    print(f"{found.status}: {found.done}{total} jobs done in {_duration(found.elapsed)}", end="")
    print(f", about {_duration(found.remaining)} to go" if found.remaining is not None else "")
    if found.leader:
        print(f"leader: Slurm job {found.leader}")
    if found.queue:
        print("Slurm: " + ", ".join(f"{n} {s.lower()}" for s, n in sorted(found.queue.items())))
    width = max((len(name) for name in found.steps), default=4)
    print(f"{'step':{width}}  {'done':>6} {'reused':>6} {'running':>7} {'failed':>6} {'lost':>5}")
    for name, step in found.steps.items():
        numbers = (step.done, step.taken_over, step.running, step.failed, step.lost)
        ids = f"  Slurm {' '.join(step.slurm_ids[:4])}" if step.slurm_ids else ""
        print("{:{}}  {:6} {:6} {:7} {:6} {:5}{}".format(name, width, *numbers, ids))
    for line in found.errors:
        print(line)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky status``."""
    parser.add_argument("run", type=Path, help="directory of the run")
    parser.add_argument("--json", action="store_true", help="print numbers for programs")


def run(options: argparse.Namespace) -> int:
    """Show a run's state."""
    found = state(options.run.resolve())
    if options.json:
        steps = {name: vars(step) for name, step in found.steps.items()}
        print(json.dumps({**vars(found), "steps": steps, "done": found.done}, indent=1))
    else:
        show(found)
    return 0


def logs_of(directory: Path, step: str) -> list[tuple[dict[str, Any], Path]]:
    """Records of a step (its last name, or its path) and the files of what its commands wrote."""
    read_run(directory)
    records = [
        record
        for record in read(directory / "records", ("command",))
        if step in (step_name(record), *record["step"][-1:])
    ]
    if not records:
        names = sorted({step_name(record) for record in read(directory / "records")})
        raise InputError(f"no such step; there are {', '.join(names)}", file=directory, key=step)
    return [(record, directory / "records" / f"{record['id']}.log") for record in records]
