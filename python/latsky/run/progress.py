"""What a runner's log says: jobs that ended, and what the commands complained about."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

from latsky.plan import Plan

_ENDED = re.compile(r"\[job ([\w.-]+?)(?:_\d+)?\] completed (\w+)")
_STATUS = re.compile(r"\[job [\w.-]+\] exited with status: (\d+)")
_ERROR = re.compile(r"^(?:latsky-step )?[\w-]+: error: ")


@dataclass
class RunLog:
    """What was read so far from the log of cwltool."""

    ended: int = 0
    failed: int = 0
    errors: list[str] = field(default_factory=list)
    """lines in which a command says what is wrong"""
    worst_status: int = 0
    """exit status of the first command that failed"""

    def take(self, record: Mapping[str, Any]) -> None:
        """Take in the record of a job that ended."""
        self.ended += 1
        if record["status"] != "success":
            self.failed += 1
            if not self.worst_status:
                self.worst_status = int(record.get("exit_code") or 0)

    def read(self, line: str) -> tuple[str, str] | None:
        """Take in a line; the step and result (success, permanentFail …) when it ends a job."""
        if _ERROR.match(line):
            self.errors.append(line.rstrip())
        status = _STATUS.search(line)
        if status and not self.worst_status:
            self.worst_status = int(status.group(1))
        ended = _ENDED.search(line)
        if not ended:
            return None
        self.ended += 1
        self.failed += ended.group(2) != "success"
        return ended.group(1), ended.group(2)


def is_error(line: str) -> bool:
    """Whether a command says in this line what is wrong."""
    return _ERROR.match(line) is not None


def progress_bar(total: int, screen: TextIO) -> _Bar | _Lines:
    """A bar on a terminal, else a line for each job that ends."""
    return _Bar(total, screen) if screen.isatty() else _Lines(total, screen)


def count_jobs(plan: Plan, pictures: bool = True) -> int:
    """Jobs that cwl/allsky.cwl runs for a plan, that of the plan itself included.

    ``pictures``: whether the source maps are drawn.
    """
    batches = len(plan.batches)
    jobs = 1 + batches
    jobs += sum(batches * (1 + record["apply"]) for record in plan.time_filters)
    jobs += len(plan.components) * (2 * batches + 2)
    for record in plan.livetime_cuts:
        timed = record["tmin"] is not None or record["tmax"] is not None
        jobs += batches * (1 + timed) + 1
    jobs += len(plan.merged_rings)
    for record in plan.diffuse_components:
        jobs += len(record["plane_groups"]) + 1
    for record in plan.catalog_components:
        jobs += len(record["batches"]) + len(record["merged_parts"]) + record["gather"]
    if pictures:
        jobs += sum(plan.drawings())
    return jobs


def follow(
    lines: Iterable[str], total: int, log_file: TextIO, screen: TextIO | None = None
) -> RunLog:
    """Copy a runner's log to ``log_file`` and show how far it is.

    A bar on a terminal, else a line for each job that ends. Returns what the log said.
    """
    screen = sys.stderr if screen is None else screen
    log = RunLog()
    with progress_bar(total, screen) as bar:
        for line in lines:
            log_file.write(line)
            log_file.flush()
            job = log.read(line)
            if job:
                bar.step(log.ended, *job)
    return log


class _Lines:
    """Progress as plain lines."""

    def __init__(self, total: int, screen: TextIO) -> None:
        self._total, self._screen = total, screen

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def step(self, ended: int, name: str, result: str) -> None:
        """Print a line for a job that ended."""
        word = "done" if result == "success" else "failed"
        print(f"[{ended}/{self._total}] {name} {word}", file=self._screen, flush=True)


class _Bar:
    """Progress as a bar on a terminal."""

    def __init__(self, total: int, screen: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

        self._progress = Progress(
            "{task.description}",
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(file=screen),
        )
        self._task: Any = self._progress.add_task("starting", total=total)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def step(self, ended: int, name: str, result: str) -> None:
        """Move the bar on."""
        self._progress.update(self._task, completed=ended, description=f"{name:<10.10}")
