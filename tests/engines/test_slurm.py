"""Toil on a real Slurm: products as without it, and after every accident."""

import json
import subprocess
import time
from collections import Counter

import pytest
from slurm_cluster import await_, check

pytestmark = pytest.mark.slurm


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
