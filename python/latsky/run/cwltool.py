"""cwltool as a subprocess, all its state in the directory of the run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from latsky.errors import InputError
from latsky.run.environment import job_environment, preserve_flags
from latsky.run.progress import RunLog, follow

OWN_FLAGS = ("--provenance", "--outdir", "--parallel", "--parallel-max", "--no-container")


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
    flags: Sequence[str] = (),
    scratch: Path | None = None,
) -> tuple[int, RunLog, dict[str, Any]]:
    """Run ``workflow`` with ``jobs`` jobs at a time; exit status, log and output object.

    Writes ``engine.log``, ``outputs.json`` and ``records/`` into ``directory``; output files go to
    its ``.outputs``, intermediate ones to ``.scratch`` (or below ``scratch``), which is removed
    after success. Raises InputError for flags that cannot work.
    """
    check_flags(flags)
    environment = job_environment()
    scratch = directory / ".scratch" if scratch is None else scratch / f"latsky-{os.getpid()}"
    for leftover in (directory / ".scratch", directory / ".outputs"):
        shutil.rmtree(leftover, ignore_errors=True)
    scratch.mkdir(parents=True, exist_ok=True)
    command = [
        *(
            sys.executable,
            "-P",
            "-m",
            "latsky.provenance.launch",
            "cwltool",
            str(directory / "records"),
        ),
        "--disable-color",
        "--no-container",
        "--parallel",
        f"--parallel-max={jobs}",
        f"--outdir={directory / '.outputs'}",
        f"--tmpdir-prefix={scratch}/tmp",
        f"--tmp-outdir-prefix={scratch}/out",
        *preserve_flags(environment),
        *flags,
        str(workflow),
        str(job_order),
    ]
    outputs = directory / "outputs.json"
    with (
        outputs.open("w", encoding="utf-8") as stdout,
        (directory / "engine.log").open("w", encoding="utf-8") as log_file,
        subprocess.Popen(
            command,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        ) as engine,
    ):
        try:
            log = follow(engine.stderr, total, log_file)
            status = engine.wait()
        except BaseException:
            stop(engine)
            raise
    if status != 0:
        return status, log, {}
    shutil.rmtree(scratch, ignore_errors=True)
    return status, log, json.loads(outputs.read_text(encoding="utf-8"))


def stop(engine: subprocess.Popen[str], patience: float = 5.0) -> None:
    """End a runner and all its jobs: ask first, insist after ``patience`` seconds."""
    for demand in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(engine.pid, demand)
        with suppress(subprocess.TimeoutExpired):
            engine.wait(patience)
            return
