"""Every attempt leaves one record, whatever the engine and the end."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from latsky.provenance import recorder
from latsky.provenance.hashing import listed, path_of

TOOL = """
cwlVersion: v1.2
class: CommandLineTool
label: adds a line
baseCommand: [sh, -c]
arguments:
  - 'echo spoken >&2; [ $0 != 3 ] || exit 7; sleep $2; cat $1 >out_$0.txt; echo $0 >>out_$0.txt'
  - $(inputs.n)
  - $(inputs.f)
  - $(inputs.pause)
inputs: {n: int, f: File, pause: {type: int, default: 0}}
outputs: {o: {type: File, outputBinding: {glob: out_*.txt}}}
"""
INNER = """
cwlVersion: v1.2
class: Workflow
inputs: {n: int, f: File, pause: {type: int, default: 0}}
outputs: {o: {type: File, outputSource: second/o}}
steps:
  first: {run: tool.cwl, in: {n: n, f: f}, out: [o]}
  second: {run: tool.cwl, in: {n: n, f: first/o, pause: pause}, out: [o]}
"""
OUTER = """
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}, SubworkflowFeatureRequirement: {}}
inputs: {ns: 'int[]', f: File, pause: {type: int, default: 0}}
outputs: {o: {type: 'File[]', outputSource: many/o}}
steps:
  many: {run: inner.cwl, scatter: n, in: {n: ns, f: f, pause: pause}, out: [o]}
"""


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    for name, text in (("tool", TOOL), ("inner", INNER), ("outer", OUTER)):
        (tmp_path / f"{name}.cwl").write_text(text)
    (tmp_path / "in.txt").write_text("data\n")
    return tmp_path


def command(place: Path, engine: str, numbers: list[int], *options: str, pause: int = 0) -> list:
    order = {
        "ns": numbers,
        "f": {"class": "File", "path": str(place / "in.txt")},
        "pause": pause,
    }
    (place / "job.json").write_text(json.dumps(order))
    launch = [sys.executable, "-m", "latsky.provenance.launch", engine, str(place / "records")]
    return [
        *launch,
        *options,
        "--outdir",
        str(place / "out"),
        str(place / "outer.cwl"),
        str(place / "job.json"),
    ]


def run(place: Path, engine: str, numbers: list[int], *options: str) -> int:
    done = subprocess.run(
        command(place, engine, numbers, *options), cwd=place, capture_output=True, check=False
    )
    return done.returncode


ENGINES = {
    "serial": ("cwltool",),
    "parallel": ("cwltool", "--parallel"),
    "toil": ("toil", "--batchSystem", "single_machine", "--disableProgress", "--maxCores", "2"),
}


@pytest.mark.parametrize("way", ENGINES)
def test_records_are_the_jobs(workflow: Path, way: str) -> None:
    engine, *options = ENGINES[way]
    assert run(workflow, engine, [1, 2], *options) == 0
    records = recorder.read(workflow / "records")
    assert sorted((tuple(r["step"]), r["inputs"]["n"]) for r in records) == [
        (("many", "first"), 1),
        (("many", "first"), 2),
        (("many", "second"), 1),
        (("many", "second"), 2),
    ]
    assert {r["status"] for r in records} == {"success"}
    assert not list((workflow / "records").glob("*.started"))
    made = {r["outputs"]["o"]["checksum"]: r["outputs"]["o"] for r in records}
    for record in records:
        if record["step"][-1] == "second":
            # what went in is known by the checksum of what came out
            assert record["inputs"]["f"]["checksum"] in made
            name = record["outputs"]["o"]["basename"]
            content = (workflow / "out" / name).read_bytes()
            assert record["outputs"]["o"]["sha256"] == hashlib.sha256(content).hexdigest()
            assert record["outputs"]["o"]["size"] == len(content)
        assert record["start"] < record["end"]
        assert record["usage"]["max_rss_kib"] > 0
        log = workflow / "records" / f"{record['id']}.log"
        assert log.read_text() == "spoken\n"


def test_failure_is_recorded(workflow: Path) -> None:
    assert run(workflow, "cwltool", [3]) != 0
    (record,) = recorder.read(workflow / "records")
    assert record["status"] == "permanentFail"
    assert record["exit_code"] == 7


def test_killed_attempt_leaves_its_beginning(workflow: Path) -> None:
    process = subprocess.Popen(
        command(workflow, "cwltool", [1], pause=30),
        cwd=workflow,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        started: list[Path] = []
        while not started and time.monotonic() < deadline:
            time.sleep(0.05)
            started = [
                path
                for path in (workflow / "records").glob("*.started")
                if json.loads(path.read_text())["step"] == ["many", "second"]
            ]
        assert started
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    records = recorder.read(workflow / "records")
    assert [(r["step"][-1], r.get("status")) for r in records] == [
        ("first", "success"),
        ("second", None),
    ]


def test_literal_file_is_described_by_its_content() -> None:
    literal = {"class": "File", "basename": "x", "contents": "abc"}
    assert recorder.describe([literal])[0]["sha256"] == hashlib.sha256(b"abc").hexdigest()


def test_directory_is_described_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "a").write_text("a")
    (tmp_path / "d" / "e" / "b").write_text("b")
    given = {"class": "Directory", "basename": "d", "location": (tmp_path / "d").as_uri()}
    found = recorder.describe(given, path_of)
    hashes = {name: file["sha256"] for name, file in listed(found)}
    assert hashes == {name: hashlib.sha256(name[-1:].encode()).hexdigest() for name in ("a", "e/b")}
