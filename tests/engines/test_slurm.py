"""Toil on a real Slurm: products as without it, and after every accident."""

import hashlib
import json
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from slurm_cluster import Run, await_

from latsky.run.requests import WORKER_MIB, WORKER_S

pytestmark = pytest.mark.slurm

NUMBERS = [1, 2]
EXPECTED = {("first_parts", 1), ("first_parts", 2), ("second_parts", 1), ("second_parts", 2),
            ("join_first", None), ("join_second", None)}  # fmt: skip


@pytest.fixture
def make_run(tmp_path):
    """A run of the stand-in workflow on Slurm; ``local=True`` on this machine."""

    def make(name="run", *, local=False, seconds=0.0, site=None, workflow="workflow.cwl", **inputs):
        texts = {}
        for key in ("first", "second"):
            texts[key] = tmp_path / f"{key}.txt"
            if not texts[key].exists():
                texts[key].write_text(f"{key} text\n")
        order = tmp_path / f"{name}.json"
        files = {key: {"class": "File", "path": str(path)} for key, path in texts.items()}
        order.write_text(json.dumps({"numbers": NUMBERS, "seconds": seconds, **files, **inputs}))
        profile = tmp_path / f"{name}-site.yaml"
        profile.write_text(json.dumps({"partition": "test", "max_cores": 2, **(site or {})}))
        return Run(tmp_path / name, order, None if local else profile, workflow)

    return make


def text(word):
    """What the stand-in makes of a text."""
    return "".join(f"part {number}\n{word}\n" for number in NUMBERS)


@pytest.fixture(scope="module")
def undisturbed():
    """Hashes of what the stand-in makes where nothing happens."""
    return {
        f"joined_{key}": hashlib.sha256(text(f"{key} text").encode()).hexdigest()
        for key in ("first", "second")
    }


def check(run, undisturbed, lost=0):
    """Products as they should be, and nothing that had succeeded done again."""
    assert run.products() == undisturbed
    done = Counter(run.succeeded())
    assert set(done) == EXPECTED
    assert max(done.values()) == 1
    assert len(run.records()) <= len(EXPECTED) + lost


def test_toil_on_this_machine(make_run, undisturbed):
    run = make_run(local=True)
    assert run.finish() == 0
    check(run, undisturbed)
    assert not (run.directory / ".toil").exists()


def test_jobs_run_in_slurm(slurm, make_run, undisturbed):
    run = make_run()
    assert run.finish() == 0
    check(run, undisturbed)
    ids = {record["slurm"]["SLURM_JOB_ID"] for record in run.records()}
    logged = (slurm.root / "log" / "jobs.txt").read_text()
    assert len(ids) >= 4
    assert all(f"JobId={number} " in logged for number in ids)


def test_scancel_and_a_lost_leader(slurm, make_run, undisturbed):
    """A cancelled job is tried again; the leader dies with jobs in Slurm, which are adopted."""
    run = make_run(seconds=6.0)
    leader = run.start()
    await_(lambda: len(run.records()) >= 2)
    [victim, *_] = [record["slurm"]["SLURM_JOB_ID"] for record in run.records()]
    subprocess.run(["scancel", victim], check=True)
    await_(lambda: len(run.records()) >= 4)
    run.kill(leader)
    assert slurm.jobs()
    assert run.finish() == 0
    check(run, undisturbed, lost=1)
    assert run.records("cached")
    [account] = [json.loads(path.read_text()) for path in run.directory.rglob("records/*.slurm")]
    assert (account["job"], account["state"]) == (victim, "CANCELLED")
    assert (account["nodes"], account["exit_code"]) == ("localhost", "0:15")


def test_edited_configuration(slurm, make_run, undisturbed):
    run = make_run()
    assert run.finish() == 0
    run.order.parent.joinpath("second.txt").write_text("second text, edited\n")
    assert run.finish() == 0
    assert run.products()["joined_first"] == undisturbed["joined_first"]
    assert run.products()["joined_second"] != undisturbed["joined_second"]
    done = Counter(run.succeeded())
    assert {key for key, times in done.items() if times > 1} == {
        ("second_parts", 1), ("second_parts", 2), ("join_second", None),
    }  # fmt: skip


def test_a_tool_that_fails_twice(slurm, make_run, undisturbed, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    run = make_run(failures=2, state=str(state))
    assert run.finish() == 0
    check(run, undisturbed, lost=4)
    failed = [record for record in run.records() if record.get("status") != "success"]
    assert [record["exit_code"] for record in failed] == [3] * 4


def test_jobs_that_ask_for_too_little(slurm, make_run, tmp_path):
    """Memory enforced by Slurm, a time limit of CWL and Slurm's own: each retried with more."""
    run = make_run(workflow="limits.cwl", state=str(tmp_path / "state"))
    leader = run.start()

    def attempts(step):
        return [record for record in run.records() if record["step"] == [step]]

    def ask(record):
        return slurm.asked(record["slurm"]["SLURM_JOB_ID"])

    [stopped] = await_(lambda: attempts("stopped"))
    before = ask(stopped)
    number = stopped["slurm"]["SLURM_JOB_ID"]
    subprocess.run(["scontrol", "update", f"jobid={number}", "timelimit=0"], check=True)
    assert run.finish(leader) == 0
    joined = Path(json.loads((run.directory / "outputs.json").read_text())["joined"]["path"])
    assert joined.read_text() == "fed\narrived\nwent on\n"

    first, second = attempts("hungry")
    assert "status" not in first, "Slurm killed the whole job"
    assert ask(first)[0] == 64 + WORKER_MIB < ask(second)[0]
    first, second = attempts("slow")
    assert (first["cause"], first["time_limit"], second["time_limit"]) == ("time", 3, 6)
    first, second = attempts("stopped")
    account = json.loads((run.directory / "records" / f"{first['id']}.slurm").read_text())
    assert account["state"] == "TIMEOUT"
    assert (before[1], ask(second)[1]) == (600 + WORKER_S, 1200 + WORKER_S)
    assert len(run.records()) == 7


def test_controller_and_node_come_back(slurm, make_run, undisturbed):
    run = make_run(seconds=5.0)
    leader = run.start()
    await_(lambda: run.records())
    slurm.do("stop-ctld")
    time.sleep(3)
    slurm.do("start-ctld")
    slurm.do("kill-node")
    time.sleep(2)
    slurm.do("start-node")
    assert run.finish(leader) == 0
    check(run, undisturbed, lost=4)


def test_two_runs_at_once(slurm, make_run, undisturbed):
    one, other = make_run("one", seconds=1.0), make_run("other", seconds=1.0)
    leaders = [one.start(), other.start()]
    third = make_run("one", seconds=1.0)
    await_(lambda: (one.directory / ".engine.pid").exists())
    assert third.finish() != 0
    assert "another run works in this directory" in (one.directory.parent / "one.log").read_text()
    assert [run.finish(leader) for run, leader in zip((one, other), leaders, strict=True)] == [0, 0]
    check(one, undisturbed)
    check(other, undisturbed)
