"""Crates of runs that went well, failed, were tried again, went on, or used a cache."""

from collections import Counter
from pathlib import Path

import crate_validator
import pytest
import small_run

from latsky.errors import InputError
from latsky.provenance import recorder
from latsky.provenance.hashing import entries
from latsky.provenance.run_data import read_data
from latsky.provenance.run_record import agent, orcid
from latsky.run import engine

JOBS = {("many", "first"): 2, ("many", "second"): 2}
JOBS_COUNT = Counter(JOBS)
EXPRESSIONS = {("many", "bind"): 2, ("gather",): 1}
KNOWN_ADVICE = {
    "process-run-crate-0.5_3.2",  # url of latsky: it has no home page
    "process-run-crate-0.5_5.1",  # files of the crate have relative names, not addresses
    "ro-crate-1.1_28.1",  # files that are not in the crate are named by their hash
    "workflow-run-crate-0.5_7.1",  # parameters without a value in this run
    "provenance-run-crate-0.5_17.0",  # tools that several steps use
}


def steps(records: list[dict], **wanted: object) -> Counter:
    return Counter(
        tuple(record["step"])
        for record in records
        if all(record.get(key) == value for key, value in wanted.items())
    )


def crate(directory: Path, *options: str) -> dict:
    status, text = small_run.latsky("crate", directory, *options)
    assert status == 0, text
    return small_run.read_json(directory / "ro-crate-metadata.json")


def check(directory: Path, monkeypatch) -> None:
    """No issue at the level REQUIRED; the last profile holds its crates to the others as well."""
    monkeypatch.setattr(
        crate_validator.requests.adapters.HTTPAdapter, "send", crate_validator._send
    )
    for profile in crate_validator.PROFILES[-1:]:
        assert crate_validator.issues(directory, "REQUIRED", profile) == []


def actions(document: dict) -> list[dict]:
    return [entity for entity in document["@graph"] if entity["@type"] == "CreateAction"]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return small_run.originals(tmp_path_factory.mktemp("originals"))


@pytest.mark.parametrize("way", ["serial", "parallel"])
def test_a_run(place, tmp_path, monkeypatch, way):
    directory = tmp_path / "run"
    assert small_run.run(place, directory, way) == 0
    records = recorder.read(directory / "records", kinds=None)
    assert steps(records, kind="command") == JOBS
    assert steps(records, kind="expression") == EXPRESSIONS
    agent = ("--orcid", "0000-0002-1825-0097", "--name", "J. Carberry")
    document = crate(directory, *agent, "--affiliation", "https://ror.org/00f54p054")
    graph = {entity["@id"]: entity for entity in document["@graph"]}
    assert graph["https://orcid.org/0000-0002-1825-0097"]["name"] == "J. Carberry"
    # the run, the step that is a workflow, and every job
    assert len(actions(document)) == 2 + len(records)
    assert "did not run" in graph["suite/main.cwl#step/more"]["description"]
    made = {Path(p).read_bytes() for p in (directory / "out" / "texts").glob("*.txt")}
    assert made == {b"data\n1\n1\n", b"data\n2\n2\n"}
    results = graph["#run"]["result"]
    files = [graph[item["@id"]] for item in results if graph[item["@id"]]["@type"] == "File"]
    assert {(directory / file["@id"]).read_bytes() for file in files} == made
    page = (directory / "ro-crate-preview.html").read_text()
    assert "many/second" in page and all(file["sha256"] in page for file in files)
    if way == "serial":
        check(directory, monkeypatch)
    else:
        monkeypatch.setattr(
            crate_validator.requests.adapters.HTTPAdapter, "send", crate_validator._send
        )
        advice = crate_validator.issues(directory, "RECOMMENDED", crate_validator.PROFILES[-1])
        assert {line.split()[1] for line in advice} <= KNOWN_ADVICE, advice


def test_equal_contents_are_one_entity(place, tmp_path):
    directory = tmp_path / "run"
    assert small_run.run(place, directory, numbers=[3, 3]) == 0
    document = crate(directory)
    hashes = [e["sha256"] for e in document["@graph"] if e["@type"] == "File" and "sha1" in e]
    assert len(hashes) == len(set(hashes))
    assert len(recorder.read(directory / "records")) == 4


def test_a_failure(place, tmp_path, monkeypatch):
    directory = tmp_path / "run"
    values = {"numbers": [1, 2], "failures": [2], "flags": str(tmp_path)}
    assert small_run.run(place, directory, **values) != 0
    document = crate(directory)
    assert small_run.read_json(directory / "run.json")["status"] == "failed"
    status = Counter(action["actionStatus"].rpartition("/")[2] for action in actions(document))
    # the run, the workflow in it, and the job
    assert status["FailedActionStatus"] == 3
    errors = {action["error"] for action in actions(document) if "error" in action}
    assert "permanentFail, exit status 7" in errors
    check(directory, monkeypatch)


def test_a_resume_takes_finished_work_over(place, tmp_path, monkeypatch):
    """The failure of the first attempt and the jobs that were kept belong to the run."""
    directory = tmp_path / "run"
    monkeypatch.setenv("LATSKY_STORE", str(directory / ".store"))
    monkeypatch.setenv("LATSKY_PROGRAMS", "programs")
    values = {"failures": [2], "flags": str(tmp_path)}
    assert small_run.run(place, directory, **values) != 0
    first = recorder.read(directory / "records")
    done = steps(first, status="success")
    assert done[("many", "first")] == 2
    engine.set_aside(directory)
    assert small_run.again(directory) == 0
    records = recorder.read(directory / "records")
    assert steps(records, kind="cached") == done
    assert steps(records, kind="command", status="success") == JOBS_COUNT - done
    # the run as a whole: every attempt that was executed, and what was taken over
    data = read_data(directory)
    assert steps(data.records, kind="command") == steps(first) + steps(records, kind="command")
    document = crate(directory)
    failed = [a for a in actions(document) if a["actionStatus"].endswith("FailedActionStatus")]
    assert [a["error"] for a in failed] == ["permanentFail, exit status 7"]
    check(directory, monkeypatch)
    # a file that was taken over comes from the job that made it
    status, text = small_run.latsky("lineage", directory / "out" / "texts" / "text_1.txt")
    assert (status, text.splitlines()[1].startswith("│  $ sh -c")) == (0, True), text
    status, text = small_run.latsky("compare", directory, directory)
    assert (status, text.splitlines()[-1]) == (0, "all 4 jobs: identical or better")


def test_toil_failure_resume_and_retry(place, tmp_path, monkeypatch):
    """Two attempts that fail; after a restart a third that fails and a fourth that does not."""
    directory = tmp_path / "run"
    values = {"numbers": [1], "failures": [1, 1, 1], "flags": str(tmp_path)}
    record = small_run.start(place, directory, "toil", **values)
    for attempt, status in ((), "failed"), (("--restart",), "success"):
        with small_run.run_record.recorded(record, directory):
            record["exit_status"] = small_run.execute(directory, "toil", *attempt)
        assert record["status"] == status
    records = recorder.read(directory / "records")
    assert steps(records, status="success") == {("many", "first"): 1, ("many", "second"): 1}
    attempts = [r for r in records if r["step"] == ["many", "second"]]
    assert [r["exit_code"] for r in attempts] == [7, 7, 7, 0]
    assert [r["toil"]["attempts_left"] for r in attempts] == [2, 1, 2, 1]
    data = read_data(directory)
    assert all(data.content(f) for f in entries(data.outputs))
    crate(directory)
    check(directory, monkeypatch)


def test_who_ran_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("LATSKY_AGENT_NAME", raising=False)
    assert agent()["name"]
    (tmp_path / "latsky").mkdir()
    (tmp_path / "latsky" / "agent.yml").write_text("name: A\norcid: 0000-0002-1825-0097\n")
    assert agent() == {"name": "A", "orcid": "https://orcid.org/0000-0002-1825-0097"}
    monkeypatch.setenv("LATSKY_AGENT_NAME", "B")
    assert agent()["name"] == "B"
    assert agent({"name": "C"})["name"] == "C"
    with pytest.raises(InputError, match="no ORCID"):
        orcid("0000-0002-1825-0098")
