"""Runs of the workflow in ``workflow/``, recorded as ``latsky run`` records those of the suite."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from latsky import cli
from latsky.job_order import write_job_order
from latsky.provenance import run_record
from latsky.provenance.closure import copy_closure
from latsky.provenance.hashing import hash_order

HERE = Path(__file__).parent
WAYS = {
    "serial": ("cwltool", "--no-container"),
    "parallel": ("cwltool", "--no-container", "--parallel"),
    "toil": (
        "toil",
        "--batchSystem=single_machine",
        "--disableProgress",
        "--maxCores=2",
        "--publishWorkflowMetrics=no",
        "--retryCount=1",
    ),
}


def originals(place: Path) -> Path:
    """A copy of the workflow with inputs, which a test may hide or change."""
    shutil.copytree(HERE / "workflow", place / "workflow")
    (place / "text.txt").write_text("data\n")
    (place / "table").mkdir()
    (place / "table" / "row").write_text("1\n")
    return place


def start(place: Path, directory: Path, way: str, **values: object) -> dict:
    """Lay out the directory of a run; what its run.json begins with."""
    directory.mkdir()
    order = {
        "numbers": [1, 2],
        "text": {"class": "File", "path": str(place / "text.txt")},
        "table": {"class": "Directory", "path": str(place / "table")},
        **values,
    }
    trees = hash_order(order)
    with (directory / "job-order.yml").open("w") as stream:
        write_job_order(order, stream)
    return run_record.begin(
        engine=WAYS[way][0],
        arguments=["run", "test"],
        workflow=copy_closure(place / "workflow" / "main.cwl", directory / "suite"),
        directory=directory,
        config=[place / "text.txt"],
        directories=trees,
    )


def execute(directory: Path, way: str, *more: str) -> int:
    """Run the engine through the recorder; its exit status."""
    engine, *flags = WAYS[way]
    launch = [sys.executable, "-P", "-m", "latsky.provenance.launch", engine]
    store = [f"--jobStore={directory / 'store'}"] if engine == "toil" else []
    command = [*launch, directory / "records", *flags, *store, f"--outdir={directory / 'out'}"]
    documents = [directory / "suite" / "main.cwl", directory / "job-order.yml"]
    with (
        (directory / "outputs.json").open("w") as stdout,
        (directory / "engine.log").open("a") as stderr,
    ):
        done = subprocess.run(
            [*map(str, (*command, *more, *documents))],
            stdout=stdout,
            stderr=stderr,
            check=False,
            env={**os.environ, "TOIL_HISTORY": "0"},
        )
    return done.returncode


def run(place: Path, directory: Path, way: str = "serial", *more: str, **values: object) -> int:
    """A whole run; the engine's exit status."""
    record = start(place, directory, way, **values)
    with run_record.recorded(record, directory):
        record["exit_status"] = execute(directory, way, *more)
    return record["exit_status"]


def again(directory: Path, way: str = "serial") -> int:
    """Another attempt at a run, in its directory; the engine's exit status."""
    shutil.rmtree(directory / "out", ignore_errors=True)
    record = read_json(directory / "earlier" / "1" / "run.json")
    with run_record.recorded(record, directory):
        record["exit_status"] = execute(directory, way)
    return record["exit_status"]


def latsky(*arguments: object) -> tuple[int, str]:
    """A command of latsky in this process: exit status, and all that it printed."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = stop.code
    return status, text.getvalue()


def read_json(path: Path) -> dict:
    """A JSON file."""
    return json.loads(path.read_text())
