"""One record for every attempt at a CommandLineTool, under cwltool and under Toil.

Expressions leave a record as well, and tools whose outputs cwltool took from its cache; ``kind``
tells the three apart: ``command``, ``expression``, ``cached``. A step that was skipped has none.

Neither engine is patched. cwltool makes its tools through a factory and asks each tool for the
class of its jobs; the factory here returns tools whose jobs are subclasses that write what they
run, before it starts and after it ended. Toil pickles the tools into its jobs, so its workers
import this module by themselves and write their records into the same directory, which has to be
on a file system that all nodes share (Toil's own job store has the same need).

A record is a JSON file, written under a temporary name, synchronised and renamed: ``ID.started``
when an attempt begins and ``ID.json`` in its place when it ended. An attempt that was killed leaves
its ``started`` record, to which latsky.provenance.slurm_account adds ``ID.slurm`` where it was one
of Slurm's jobs. The output of the command goes to ``ID.log`` beside it.

Hooks used: ``make_job_runner`` and ``job`` of CommandLineTool, ``_execute``, ``collect_outputs``
and ``output_callback`` of its jobs, ``job`` of ExpressionTool and ``output_callback`` of its jobs
and of CallbackJob (the cache), ``construct_tool_object`` of cwltool's LoadingContext,
``toil_make_tool`` of Toil. tests/provenance/test_hooks.py holds the pinned versions to them.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import platform
import socket
import sys
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from cwltool.command_line_tool import CallbackJob, CommandLineTool, ExpressionTool
from cwltool.job import JobBase

from latsky.provenance.fits_sums import datasums
from latsky.provenance.hashing import listing_of, path_of, sha256
from latsky.run import causes, reuse

SCHEMA = "latsky-record/1"
ACCOUNT = ".slurm"
"""suffix of what Slurm says of an attempt that never ended"""
FITS = (".fits", ".fit")
LOG_TAIL = 1 << 16
"""bytes of a command's output that go on to the engine's own log"""

_SLURM = ("SLURM_JOB_ID", "SLURM_JOB_NODELIST", "SLURM_JOB_PARTITION", "SLURM_CLUSTER_NAME")
_FILE_KEYS = ("class", "basename", "location", "checksum", "sha256", "size", "datasum")


def now() -> str:
    """The time in UTC, ISO 8601, microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


@lru_cache(maxsize=64)
def _image_hash(path: str, size: int, mtime: int) -> str:
    return sha256(path)


def describe(value: Any, resolve: Callable[[Any], Path | None] | None = None) -> Any:
    """A job order or output object with its files reduced to names, sizes and hashes.

    With ``resolve`` (File object → path), files are hashed where that was not done yet, those in
    FITS get the DATASUM of every HDU as ``datasum``, and directories without a listing get one.
    """
    if isinstance(value, Mapping):
        kind = value.get("class")
        if kind not in ("File", "Directory"):
            return {str(key): describe(item, resolve) for key, item in value.items()}
        slim = {key: value[key] for key in _FILE_KEYS if key in value}
        if kind == "Directory" and resolve is not None and "listing" not in value:
            path = resolve(value)
            if path is not None and path.is_dir():
                value = {**value, "listing": listing_of(path)}
        for key in ("secondaryFiles", "listing"):
            if value.get(key):
                slim[key] = describe(value[key], resolve)
        if kind == "File" and "contents" in value and "location" not in value:
            content = str(value["contents"]).encode()
            slim.update(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
        elif kind == "File" and resolve is not None and "sha256" not in slim:
            path = resolve(value)
            if path is not None and path.is_file():
                slim.update(sha256=sha256(path), size=path.stat().st_size)
                if path.suffix in FITS and (sums := datasums(path)):
                    slim["datasum"] = sums
        return slim
    if isinstance(value, list | tuple):
        return [describe(item, resolve) for item in value]
    return value


def write(directory: Path, record: Mapping[str, Any], *, finished: bool) -> None:
    """Write a record so that a reader sees all of it or nothing."""
    final = directory / f"{record['id']}{'.json' if finished else '.started'}"
    temporary = final.with_suffix(".part")
    with temporary.open("w") as file:
        json.dump(record, file, default=str, sort_keys=True, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(final)
    if finished:
        final.with_suffix(".started").unlink(missing_ok=True)


@lru_cache(maxsize=1)
def machine() -> dict[str, str]:
    """Host, processor, platform and Python version."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return {
        "host": socket.gethostname(),
        "cpu": next(models, "") or platform.processor(),
        "platform": platform.platform(),
        "python": platform.python_version(),
    }


def _container(runtime: list[str]) -> dict[str, Any] | None:
    """The image of a job's container command line, by the hash of its file where it is one."""
    image = next((word for word in reversed(runtime) if word.endswith(".sif")), None)
    if image is None:
        return {"reference": runtime[-1]} if runtime else None
    file = Path(image)
    found: dict[str, Any] = {"reference": file.name}
    if file.is_file():
        stat = file.stat()
        found["sha256"] = _image_hash(str(file.resolve()), stat.st_size, stat.st_mtime_ns)
        found["size"] = stat.st_size
    return found


@cache
def recording(base: type) -> type:
    """The job class ``base`` with records."""

    class RecordingJob(base):  # type: ignore[misc, valid-type]
        """A job that writes a record before and after its command."""

        latsky_tool: Any = None
        latsky_cause: causes.Cause | None = None
        """why the command failed, where more memory or time would have helped"""

        def _execute(
            self,
            runtime: list[str],
            env: Any,
            runtimeContext: Any,
            monitor_function: Any = None,
        ) -> None:
            tool = self.latsky_tool
            directory = Path(tool.latsky_records)
            record = _begin(self, tool, [str(word) for word in runtime], env)
            write(directory, record, finished=False)
            usage: dict[str, Any] = {}
            log = directory / f"{record['id']}.log"
            inner_collect, inner_callback = self.collect_outputs, self.output_callback

            def collect(outdir: str, code: int) -> Any:
                record["exit_code"], record["end"] = code, now()
                outputs = inner_collect(outdir, code)
                record["outputs"] = describe(outputs, path_of)
                return outputs

            def callback(outputs: Any, status: str) -> None:
                record["status"] = status
                record.setdefault("end", now())
                record["usage"] = usage
                if status != "success":
                    self.latsky_cause = causes.cause(
                        record.get("exit_code", 0), usage.get("wall_s", 0.0), self.timelimit, log
                    )
                    if self.latsky_cause:
                        record["cause"] = self.latsky_cause
                record["log_bytes"] = log.stat().st_size if log.exists() else 0
                write(directory, record, finished=True)
                inner_callback(outputs, status)

            self.collect_outputs, self.output_callback = collect, callback
            context = runtimeContext.copy()
            with log.open("wb") as stream:
                context.default_stderr = stream
                context.default_stdout = stream
                super()._execute(runtime, env, context, lambda process: _wait(process, usage))
            _echo(log)

    RecordingJob.__name__ = f"Recording{base.__name__}"
    return RecordingJob


def _identity(tool: Any, kind: str, inputs: Any) -> dict[str, Any]:
    """What all kinds of records begin with."""
    return {
        "schema": SCHEMA,
        "id": uuid.uuid4().hex,
        "kind": kind,
        "step": list(tool.latsky_step or []),
        "tool": str(tool.tool.get("id", "")),
        "label": str(tool.tool.get("label", "")),
        "inputs": describe(inputs),
        "machine": machine(),
        "user": getpass.getuser(),
        "start": now(),
    }


def _begin(job: Any, tool: Any, runtime: list[str], env: Mapping[str, str]) -> dict[str, Any]:
    record = {
        **_identity(tool, "command", job.joborder),
        "name": str(job.name),
        "command": [str(word) for word in job.command_line],
        "runtime": runtime,
        "container": _container(runtime),
        "environment": {str(key): str(value) for key, value in dict(env or {}).items()},
        "resources": dict(job.builder.resources),
        "time_limit": job.timelimit,
        "directory": str(job.outdir),
        "slurm": {key: os.environ[key] for key in _SLURM if key in os.environ},
    }
    toil_job = getattr(tool, "_toil_job", None)
    if toil_job is not None:
        description = toil_job.description
        record["toil"] = {
            "name": str(description.unitName),
            "job": str(description.jobStoreID),
            "attempts_left": int(description.remainingTryCount),
        }
    return record


def _wait(process: Any, usage: dict[str, Any]) -> None:
    """Wait for a command and take the system's account of it alone, not of its neighbours."""
    begun = time.monotonic()
    try:
        _, status, used = os.wait4(process.pid, 0)
    except ChildProcessError:
        process.wait()  # the engine's time limit reaped it first
        return
    finally:
        usage["wall_s"] = round(time.monotonic() - begun, 3)
    process.returncode = os.waitstatus_to_exitcode(status)
    usage.update(
        user_s=round(used.ru_utime, 3),
        system_s=round(used.ru_stime, 3),
        max_rss_kib=used.ru_maxrss,
    )


def _echo(log: Path) -> None:
    """Hand the end of a command's output on to the engine's log."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - LOG_TAIL))
        sys.stderr.write(stream.read().decode("utf-8", "replace"))
    sys.stderr.flush()


def _with_defaults(tool: Any, order: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a tool as its command would have had them."""
    filled = {}
    for port in tool.tool["inputs"]:
        name = str(port["id"]).rpartition("#")[2].rpartition("/")[2]
        value = order.get(name)
        filled[name] = port.get("default") if value is None else value
    return filled


def _record_end(job: Any, tool: Any, kind: str, inputs: Any) -> None:
    """Write a record when a job that runs no command hands over its outputs."""
    record = _identity(tool, kind, _with_defaults(tool, inputs))
    inner = job.output_callback
    # an expression only hands files on, which are known by what made them
    resolve = path_of if kind == "cached" else None

    def callback(outputs: Any, status: str) -> None:
        record.update(status=status, end=now(), outputs=describe(outputs, resolve))
        write(Path(tool.latsky_records), record, finished=True)
        if inner is not None:
            inner(outputs, status)

    job.output_callback = callback


class _Recorded:
    """What a recorded tool knows: the path of steps to it, and where its records go."""

    latsky_step: list[str] | None = None
    latsky_records: str = ""
    latsky_store: tuple[str, str] | None = None
    """where finished work is kept, and the hash of the programs (latsky.run.reuse)"""


class _RecordedTool(_Recorded):
    """What makes the jobs of a CommandLineTool write records."""

    def make_job_runner(self, context: Any) -> type:
        return recording(super().make_job_runner(context))  # type: ignore[misc]

    def job(self, order: Any, callbacks: Any, context: Any) -> Iterator[Any]:
        if self.latsky_store is not None:
            store, programs = Path(self.latsky_store[0]), self.latsky_store[1]
            key = reuse.key(self, order, programs)
            if key is not None:
                kept = reuse.find(store, key)
                if kept is not None:
                    job = reuse.ReusedJob(kept, callbacks)
                    _record_end(job, self, "cached", order)
                    yield job
                    return
                callbacks = reuse.keeping(store, key, callbacks)
        for job in super().job(order, callbacks, context):  # type: ignore[misc]
            if isinstance(job, JobBase):
                job.latsky_tool = self  # type: ignore[attr-defined]
            elif isinstance(job, CallbackJob):
                _record_end(job, self, "cached", order)
            yield job


class _RecordedExpression(_Recorded):
    """What makes the jobs of an ExpressionTool write records."""

    def job(self, order: Any, callbacks: Any, context: Any) -> Iterator[Any]:
        for job in super().job(order, callbacks, context):  # type: ignore[misc]
            _record_end(job, self, "expression", order)
            yield job


class RecordedTool(_RecordedTool, CommandLineTool):
    """A tool of cwltool with records."""


class RecordedExpression(_RecordedExpression, ExpressionTool):
    """An expression of cwltool with records."""


def factory(
    base: Callable[[Any, Any], Any],
    classes: Mapping[str, type],
    records: Path,
    store: tuple[str, str] | None = None,
) -> Callable[[Any, Any], Any]:
    """The factory ``base`` of tool objects, with ``classes`` for the CWL classes they name.

    ``store`` is a directory for finished work and the hash of the programs that do it.
    """

    def make(document: Any, context: Any) -> Any:
        recorded = classes.get(document["class"]) if isinstance(document, Mapping) else None
        if recorded is not None:
            made = recorded(document, context)
            made.latsky_records = str(records)
            made.latsky_store = store
        else:
            made = base(document, context)
        for step in getattr(made, "steps", None) or ():
            _label(step.embedded_tool, str(step.tool["id"]).rpartition("#")[2].rpartition("/")[2])
        return made

    return make


def _label(tool: Any, step: str) -> None:
    """Put a step's name in front of the paths of all tools below it."""
    if isinstance(tool, _Recorded):
        tool.latsky_step = [step, *(tool.latsky_step or [])]
    for inner in getattr(tool, "steps", None) or ():
        _label(inner.embedded_tool, step)


def read(
    directory: Path, kinds: Collection[str] | None = ("command", "cached")
) -> list[dict[str, Any]]:
    """The records of a run by start time, those of ``kinds`` (None: all).

    Those of attempts that never ended have no ``status``, but may have an ``account`` of Slurm's.
    """
    found = {}
    for suffix in (".started", ".json"):
        for path in directory.glob(f"*{suffix}"):
            record = _load(path)  # None when renamed or replaced meanwhile
            if record is not None and (kinds is None or record["kind"] in kinds):
                found[record["id"]] = record
    for path in directory.glob(f"*{ACCOUNT}"):
        record = found.get(path.stem)
        if record is not None and "status" not in record and (account := _load(path)):
            record["account"] = account
    return sorted(found.values(), key=lambda record: (record["start"], record["id"]))


def _load(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
