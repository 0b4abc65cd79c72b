"""cwltool as a subprocess, all its state in the directory of the run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from latsky.errors import InputError
from latsky.run import engine
from latsky.run.complaints import complaints
from latsky.run.container import Programs
from latsky.run.progress import RunLog, follow

OWN_FLAGS = (
    "--outdir", "--parallel", "--parallel-max", "--no-container", "--singularity", "--overrides",
    "--cachedir",
)  # fmt: skip


def check_flags(flags: Sequence[str]) -> None:
    """Refuse flags that cannot work here. Raises InputError."""
    for flag in flags:
        name = flag.partition("=")[0]
        if name == "--provenance":
            raise InputError(
                "cwltool loses steps from its provenance in parallel runs", key="--provenance"
            )
        if name in OWN_FLAGS:
            raise InputError("set by latsky run itself", key=name)


def run_workflow(
    workflow: Path,
    job_order: Path,
    directory: Path,
    jobs: int,
    total: int,
    programs: Programs,
    lock: int,
    flags: Sequence[str] = (),
    scratch: Path | None = None,
) -> tuple[int, RunLog, dict[str, Any]]:
    """Run ``workflow`` with ``jobs`` jobs at a time; exit status, log and output object.

    Writes ``engine.log``, ``outputs.json`` and ``records/`` into ``directory``; output files go to
    its ``.outputs``, intermediate ones to ``.scratch`` (or below ``scratch``), which is removed
    after success. Raises InputError for flags that cannot work.
    """
    check_flags(flags)
    scratch = directory / ".scratch" if scratch is None else scratch / f"latsky-{os.getpid()}"
    for leftover in (directory / ".scratch", directory / ".outputs"):
        shutil.rmtree(leftover, ignore_errors=True)
    scratch.mkdir(parents=True, exist_ok=True)
    command = [
        "--disable-color",
        *(["--disable-pull"] if programs.image else []),
        "--parallel",
        f"--parallel-max={jobs}",
        f"--outdir={directory / '.outputs'}",
        f"--tmpdir-prefix={scratch}/tmp",
        f"--tmp-outdir-prefix={scratch}/out",
        *programs.flags,
        *flags,
        str(workflow),
        str(job_order),
    ]
    outputs = directory / "outputs.json"
    with (
        outputs.open("w", encoding="utf-8") as stdout,
        (directory / "engine.log").open("w", encoding="utf-8") as log_file,
        engine.start(
            "cwltool",
            command,
            directory,
            programs,
            lock,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        try:
            log = follow(process.stderr, total, log_file)
            status = process.wait()
        except BaseException:
            stop(process)
            raise
    if status != 0:
        log.errors.extend(complaints(directory, log.errors))
        return status, log, {}
    shutil.rmtree(scratch, ignore_errors=True)
    return status, log, json.loads(outputs.read_text(encoding="utf-8"))


def stop(process: subprocess.Popen[str], patience: float = 5.0) -> None:
    """End a runner and all its jobs: ask first, insist after ``patience`` seconds."""
    for demand in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, demand)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return
