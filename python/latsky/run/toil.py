"""Toil as a subprocess, on this machine or on Slurm, all its state in the directory of the run.

An attempt never continues an earlier one's job store: finished work is taken from the run's own
store (:mod:`latsky.run.reuse`), which also notices edited documents and inputs, where Toil's
``--restart`` does not. Jobs that an attempt left in Slurm's queue are seen to first.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from latsky.errors import InputError
from latsky.provenance import slurm_account
from latsky.run import engine, slurm
from latsky.run.complaints import complaints
from latsky.run.container import Programs
from latsky.run.progress import RunLog, progress_bar
from latsky.run.records import RecordWatch
from latsky.run.requests import WORKER_MIB
from latsky.run.site import Site, quoted
from latsky.run.slurm import Partition

_REFUSED = {
    "--bypass-file-store": "mixes up files of one name",
    "--bypassFileStore": "mixes up files of one name",
    "--cachedir": "makes Toil bypass its file store, which mixes up files of one name",
    "--provenance": "is accepted by Toil and gives wrong records",
}
_OWN = (
    "--outdir", "--jobStore", "--workDir", "--batchLogsDir", "--batchSystem", "--writeLogs",
    "--writeMessages", "--no-container", "--singularity", "--overrides", "--restart",
)  # fmt: skip


def check_flags(flags: Sequence[str]) -> None:
    """Refuse flags of Toil that cannot work here. Raises InputError."""
    for flag in flags:
        name = flag.partition("=")[0]
        if name in _REFUSED:
            raise InputError(_REFUSED[name], key=name)
        if name in _OWN:
            raise InputError("set by latsky run itself", key=name)


def toil_flags(
    directory: Path,
    site: Site | None,
    jobs: int,
    scratch: Path | None = None,
    granted: Partition | None = None,
) -> list[str]:
    """Flags that make Toil work on Slurm, as ``site`` says, or on this machine without one.

    ``granted`` is what Slurm grants to a job at the most.
    """
    place = directory / ".toil"
    work = scratch or place / "work"
    flags = [
        f"--jobStore={place / 'store'}",
        f"--outdir={directory / '.outputs'}",
        f"--batchLogsDir={place / 'batch'}",
        f"--writeLogs={place / 'logs'}",
        "--writeLogsFromAllJobs=True",
        f"--writeMessages={place / 'messages.tsv'}",
        "--clean=onSuccess",
        "--disableProgress",
        "--publishWorkflowMetrics=no",
        "--no-prepull",
    ]
    if site is None or granted is None:
        return [
            *flags, f"--workDir={work}", "--batchSystem=single_machine",
            f"--maxCores={jobs}", "--retryCount=1",
        ]  # fmt: skip
    arguments = site.arguments(engine.comment(directory))
    if not site.partition:
        # Toil would choose one by the time limit
        arguments.append(f"--partition={granted.name}")
    flags += [
        f"--workDir={site.scratch or work}",
        "--batchSystem=slurm",
        f"--slurmArgs={quoted(arguments)}",
        # a controller may be away for an hour
        "--statePollingTimeout=3600",
        f"--retryCount={site.retries}",
        "--doubleMem=True",
        "--doubleTime=True",
        f"--maxCores={granted.cores}",
        f"--maxMemory={granted.memory_mib - WORKER_MIB}Mi",
    ]
    if site.max_jobs:
        flags.append(f"--maxJobs={site.max_jobs}")
    return flags


def run_toil(
    workflow: Path,
    job_order: Path,
    directory: Path,
    total: int,
    programs: Programs,
    lock: int,
    *,
    site: Site | None = None,
    jobs: int = 1,
    flags: Sequence[str] = (),
    scratch: Path | None = None,
) -> tuple[int, RunLog, dict[str, Any]]:
    """Run ``workflow``; exit status, what the records say, and the output object.

    Writes ``engine.log``, ``outputs.json`` and ``records/`` into ``directory``. Raises InputError
    for flags that cannot work and where Slurm does not answer.
    """
    check_flags(flags)
    place = directory / ".toil"
    for leftover in (place, directory / ".outputs"):
        shutil.rmtree(leftover, ignore_errors=True)
    for name in ("work", "batch", "logs"):
        (place / name).mkdir(parents=True, exist_ok=True)
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
    granted = site.granted() if site else None
    if site and granted:
        limits = {"LATSKY_LIMITS": site.limits(granted).as_text()}
        programs = replace(programs, environment={**programs.environment, **limits})
    command = [
        *toil_flags(directory, site, jobs, scratch, granted),
        *programs.flags,
        *flags,
        str(workflow),
        str(job_order),
    ]
    outputs = directory / "outputs.json"
    with outputs.open("w") as stdout, (directory / "engine.log").open("w") as log_file:
        process = engine.start(
            "toil", command, directory, programs, lock, stdout=stdout, stderr=log_file
        )
        try:
            status, log = follow_records(process, directory / "records", total)
        except BaseException:
            engine.stop(process.pid)
            process.wait()
            if site is not None:
                slurm.cancel(slurm.jobs(engine.comment(directory)))
            raise
    if site is not None:
        slurm_account.complete(directory / "records")
    if status != 0:
        log.errors.extend(complaints(directory, log.errors))
        return status, log, {}
    shutil.rmtree(place, ignore_errors=True)
    return 0, log, json.loads(outputs.read_text(encoding="utf-8"))


def follow_records(process: subprocess.Popen[str], records: Path, total: int) -> tuple[int, RunLog]:
    """Show how far a run is, from its records, until the engine ends; its status and their log."""
    log, watch = RunLog(), RecordWatch(records)
    with progress_bar(total, sys.stderr) as bar:
        while True:
            status = process.poll()
            for record in watch.new():
                log.take(record)
                bar.step(log.ended, watch.name(record), record["status"])
                if record["status"] != "success":
                    log.errors.extend(watch.complaints(record))
            if status is not None:
                return status, log
            time.sleep(0.5)


def say(message: str) -> None:
    """Tell the user something beside the progress."""
    print(f"latsky run: {message}", file=sys.stderr, flush=True)


def settle(directory: Path, site: Site | None, tell: Callable[[str], None] = say) -> None:
    """See to what an earlier attempt at a run left behind, before the next begins."""
    pid = engine.engine_pid(directory)
    if pid is not None and pid != os.getpid():
        engine.stop(pid)
    if site is not None:
        slurm.adopt_or_cancel(engine.comment(directory), tell)
        slurm_account.complete(directory / "records")
