"""What happens to jobs, to the leader and to Slurm itself on a bad day; the run ends well."""

import hashlib
import json
import random
import shutil
import subprocess
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from slurm_cluster import NUMBERS, STEPS, await_, check

from latsky.provenance.recorder import now
from latsky.run.requests import WORKER_MIB, WORKER_S

pytestmark = pytest.mark.slurm

SEED = 20080611


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
    assert first["account"]["state"] == "TIMEOUT"
    assert (before[1], ask(second)[1]) == (600 + WORKER_S, 1200 + WORKER_S)
    assert len(run.records()) == 7


def test_the_leader_is_killed_again_and_again(slurm, make_run, undisturbed):
    """At five moments of one run; every attempt goes on where the one before was."""
    chance = random.Random(SEED)
    run = make_run(seconds=1.0)

    def begun(since):
        records = [*run.records(), *run.records("cached")]
        return sum(record["start"] > since for record in records)

    for attempt in range(1, 6):
        jobs, more = chance.randrange(len(STEPS)), chance.uniform(0.0, 2.0)
        print(f"attempt {attempt} of seed {SEED}: killed {more:.2f} s after job {jobs} has begun")
        before, leader = now(), run.start()
        await_(lambda since=before, wanted=jobs: begun(since) >= wanted)
        time.sleep(more)
        assert leader.poll() is None
        run.kill(leader)
    assert run.finish() == 0
    # four jobs at the most are at work at a time
    check(run, undisturbed, lost=5 * 4)
    assert run.records("cached")


def test_a_controller_that_forgets(slurm, make_run, undisturbed):
    """It dies with its state unsaved: jobs that no one knows of any more are issued again."""
    run = make_run(seconds=4.0, site={"lost_after_s": 5})
    leader = run.start()
    await_(lambda: run.records())
    slurm.do("crash-ctld")
    slurm.do("start-ctld")
    assert run.finish(leader) == 0
    check(run, undisturbed, lost=4)
    assert "Exit reason: LOST" in (run.directory / "engine.log").read_text()


def test_a_job_store_that_is_damaged(slurm, make_run, undisturbed):
    """The attempt fails with a reason; the next begins a new one and takes finished work over."""
    run = make_run(seconds=1.0)
    leader = run.start()
    await_(lambda: any("status" in record for record in run.records()))
    shutil.rmtree(run.directory / ".toil" / "store", ignore_errors=True)
    assert run.finish(leader) == 1
    said = run.directory.with_name("run.log").read_text()
    assert "damaged or gone; nothing is lost with them" in said
    assert run.finish() == 0
    check(run, undisturbed, lost=4)
    assert run.records("cached")


def test_jobs_that_slurm_refuses(slurm, make_run):
    """Not tried for an hour: the run ends with Slurm's reason."""
    run = make_run(site={"sbatch": ["--reservation=nowhere"]})
    assert run.finish() == 1
    said = run.directory.with_name("run.log").read_text()
    assert "Slurm refuses a job: " in said and "reservation is invalid" in said
    assert not run.records()


@pytest.fixture
def small_disk(tmp_path):
    """A directory with room for 12 MB, and a function that gives it more; for root alone."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(*options):
        command = ["mount", "-t", "tmpfs", *options, "latsky-test", place]
        return subprocess.run(command, capture_output=True, text=True)

    if (done := mount("-o", "size=12m")).returncode:
        pytest.skip(f"cannot mount a file system: {done.stderr.strip()}")
    yield place, lambda: mount("-o", "remount,size=200m").check_returncode()
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk(slurm, make_run, small_disk, tmp_path):
    """A run that does not fit into its directory; what it had done is kept for the next attempt."""
    disk, enlarge = small_disk
    run = replace(make_run(), directory=disk / "run")
    content = b"x" * (3 << 20)
    (tmp_path / "second.txt").write_bytes(content)
    assert run.finish() == 1
    log = disk / "run.log"
    assert f"make room in {run.directory} or in its scratch directory" in log.read_text()
    assert ("first_parts", 1) in run.succeeded()
    enlarge()
    assert run.finish() == 0
    parts = (b"part %d\n%b" % (number, content) for number in NUMBERS)
    assert run.products()["joined_second"] == hashlib.sha256(b"".join(parts)).hexdigest()
    done = Counter(run.succeeded())
    assert set(done) == STEPS
    # a job whose outputs could be neither handed over nor kept has to be done again
    assert run.records("cached")
