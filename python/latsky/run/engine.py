"""One way to start both engines: a run's directory, its lock, its store of finished work."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from latsky.errors import InputError
from latsky.run.container import Programs

PID_FILE = ".engine.pid"
STORE = ".store"
"""directory of finished work in that of a run"""
LEADER = "latsky-leader"
"""name and comment of the Slurm job in which ``latsky submit`` starts a run"""


@contextmanager
def locked(directory: Path) -> Iterator[int]:
    """Hold a run's directory alone; the descriptor of the lock, to hand on to the engine.

    The engine keeps the lock when the process that started it is killed. Raises InputError where
    another process holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = engine_pid(directory)
            raise InputError(
                f"another run works in this directory{f' (engine: process {pid})' if pid else ''}; "
                f"see it with: latsky status {directory}, end it with: latsky cancel {directory}",
                file=directory,
            ) from None
        yield descriptor
    finally:
        os.close(descriptor)


def set_aside(directory: Path) -> None:
    """Move the records of an earlier attempt to ``earlier/NUMBER``."""
    records = directory / "records"
    if not records.is_dir():
        return
    earlier = directory / "earlier"
    earlier.mkdir(exist_ok=True)
    number = max((int(path.name) for path in earlier.iterdir() if path.name.isdigit()), default=0)
    place = earlier / str(number + 1)
    place.mkdir()
    for name in ("records", "engine.log", "run.json"):
        if (directory / name).exists():
            (directory / name).rename(place / name)


def comment(directory: Path) -> str:
    """What Slurm calls the jobs of a run, the same in every attempt at it."""
    return f"latsky-{hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:16]}"


def start(
    engine: str,
    flags: Sequence[str],
    directory: Path,
    programs: Programs,
    lock: int,
    **options: object,
) -> subprocess.Popen[str]:
    """Start ``cwltool`` or ``toil`` through the recorder, in a session of its own."""
    environment = {
        **_outside_of_slurm(programs.environment),
        "LATSKY_STORE": str(directory / STORE),
        "LATSKY_PROGRAMS": programs.identity,
        "TOIL_HISTORY": "0",
    }
    (directory / STORE).mkdir(exist_ok=True)
    process: subprocess.Popen[str] = subprocess.Popen(
        [
            *(sys.executable, "-P", "-m", "latsky.provenance.launch", engine),
            str(directory / "records"),
            *flags,
        ],
        env=environment,
        start_new_session=True,
        pass_fds=(lock,),
        **options,  # type: ignore[call-overload]
    )
    place = [os.uname().nodename, str(process.pid)]
    if os.environ.get("SLURM_JOB_NAME") == LEADER:
        place.append(os.environ["SLURM_JOB_ID"])
    (directory / PID_FILE).write_text(f"{' '.join(place)}\n", encoding="utf-8")
    return process


def _outside_of_slurm(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what Slurm tells of the leader's job; Toil hands it to its jobs."""
    if "SLURM_JOB_ID" not in environment:
        return dict(environment)
    kept = {"SLURM_CONF"}
    return {
        name: value
        for name, value in environment.items()
        if name in kept or not name.startswith(("SLURM_", "SLURMD_"))
    }


def engine_pid(directory: Path) -> int | None:
    """Process of a run's engine, if it lives on this machine."""
    try:
        host, pid, *_ = (directory / PID_FILE).read_text(encoding="utf-8").split()
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    if host != os.uname().nodename or b"latsky.provenance.launch" not in command:
        return None
    return int(pid)


def leader_job(directory: Path) -> str | None:
    """The Slurm job in which ``latsky submit`` started a run's engine, dead or alive."""
    try:
        return (directory / PID_FILE).read_text(encoding="utf-8").split()[2]
    except (OSError, IndexError):
        return None


def stop(pid: int, patience: float = 10.0) -> None:
    """End an engine and all its local jobs: ask first, insist after ``patience`` seconds."""
    for demand in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(pid, demand)
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if not Path(f"/proc/{pid}").exists():
                return
            time.sleep(0.1)
