"""What is asked of Slurm, and what is made of its answers, without a Slurm."""

from types import SimpleNamespace

import pytest
from toil.batchSystems.abstractBatchSystem import BatchJobExitReason
from toil.batchSystems.slurm import SlurmBatchSystem
from toil.lib.misc import CalledProcessErrorStderr

from latsky.run import toil_slurm
from latsky.run.requests import WORKER_MIB, WORKER_S, Limits

Plain = SlurmBatchSystem.GridEngineThread


@pytest.fixture
def thread():
    """What speaks with Slurm, not started."""
    made = object.__new__(toil_slurm.BoundedSlurm.GridEngineThread)
    made.boss = SimpleNamespace(limits=Limits(most_time_s=86400, lost_after_s=60))
    made._unknown_since = {}
    return made


def failing(words):
    def call(*_):
        raise CalledProcessErrorStderr(1, "sbatch", stderr=f"sbatch: error: {words}\n")

    return call


def test_requests_have_room_for_the_worker(thread, monkeypatch):
    monkeypatch.setattr(Plain, "prepareSubmission", lambda self, *given: given)
    assert thread.prepareSubmission(1, 512 << 20, 600, 7, "command", "name") == (
        1, (512 + WORKER_MIB) << 20, 600 + WORKER_S, 7, "command", "name",
    )  # fmt: skip
    assert thread.prepareSubmission(1, 0, 0, 7, "command", "name")[1:3] == (0, 0)
    assert thread.prepareSubmission(1, 0, 10**6, 7, "command", "name")[2] == 86400


@pytest.mark.parametrize(
    "words",
    [
        "Batch job submission failed: Invalid account or account/partition combination specified",
        "Batch job submission failed: Requested node configuration is not available",
        "Memory specification can not be satisfied: exceeds the limit",
        "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
    ],
)
def test_a_refusal_ends_the_run(thread, monkeypatch, words):
    monkeypatch.setattr(Plain, "submitJob", failing(words))
    with pytest.raises(RuntimeError, match="Slurm refuses a job: sbatch: error:"):
        thread.submitJob(["sbatch"])


@pytest.mark.parametrize(
    "words",
    [
        "Batch job submission failed: Unable to contact slurm controller (connect failure)",
        "Batch job submission failed: Socket timed out on send/recv operation",
        "Slurm temporarily unable to accept job, sleeping and retrying",
    ],
)
def test_toil_tries_again_after_what_passes(thread, monkeypatch, words):
    monkeypatch.setattr(Plain, "submitJob", failing(words))
    with pytest.raises(CalledProcessErrorStderr):
        thread.submitJob(["sbatch"])


def test_a_job_that_slurm_has_forgotten(thread, monkeypatch):
    clock, known = [0.0], {1: ("RUNNING", 0), 2: (None, None)}
    monkeypatch.setattr(toil_slurm.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(thread, "_known", lambda jobs: {job: known[job] for job in jobs})

    def codes(at):
        clock[0] = at
        return thread.coalesce_job_exit_codes(["1", "2"])

    assert codes(0.0) == codes(59.0) == [None, None]
    known[2] = ("RUNNING", 0)
    assert codes(61.0) == [None, None]
    known[2] = (None, None)
    assert codes(62.0) == codes(121.0) == [None, None], "counted from when it was last seen"
    [first, (code, reason)] = codes(122.0)
    assert first is None and code != 0 and reason == BatchJobExitReason.LOST


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (("FAILED", 137), BatchJobExitReason.MEMLIMIT),
        (("OUT_OF_MEMORY", 137), BatchJobExitReason.MEMLIMIT),
        (("CANCELLED", 137), BatchJobExitReason.KILLED),
        (("FAILED", 77), BatchJobExitReason.TIMELIMIT),
        (("TIMEOUT", 0), BatchJobExitReason.TIMELIMIT),
        (("FAILED", 1), BatchJobExitReason.FAILED),
    ],
)
def test_why_a_job_ended(thread, status, reason):
    assert thread._get_job_return_code(status)[1] == reason


@pytest.mark.parametrize(("tries_left", "asked"), [(3, 4000), (2, 3000)])
def test_doubled_memory_stays_within_the_partition(monkeypatch, tries_left, asked):
    monkeypatch.setattr(SlurmBatchSystem, "issueBatchJob", lambda self, _c, job, _e: job.memory)
    system = object.__new__(toil_slurm.BoundedSlurm)
    system.config, system.maxMemory = SimpleNamespace(retryCount=2), 3000
    job = SimpleNamespace(remainingTryCount=tries_left, memory=4000)
    # a first request that is too large is Toil's to refuse
    assert system.issueBatchJob("command", job) == asked


@pytest.mark.parametrize(
    ("code", "status"),
    [("0", 0), ("768", 3), ("9", 137), ("15", 143), ("0:0", 0), ("3:0", 3), ("0:9", 137)],
)
def test_exit_status(code, status):
    """As scontrol of Slurm 22.05 wrote 0:0, 3:0, 0:9 and 0:15 where squeue wrote the numbers."""
    assert toil_slurm.exit_status(code) == status


def test_jobs_on_the_leaders_machine_are_noticed(monkeypatch):
    """Toil looks at them once, then waits for Slurm's."""
    boss = object.__new__(toil_slurm.BoundedSlurm)
    waits, ends = [], [None, None, "end"]

    def wait(self, seconds):
        waits.append(seconds)
        return ends.pop(0)

    monkeypatch.setattr(SlurmBatchSystem, "getUpdatedBatchJob", wait)
    assert boss.getUpdatedBatchJob(2) == "end"
    assert waits == [toil_slurm.LOOK_S] * 3
    ends[:] = [None]
    assert boss.getUpdatedBatchJob(0) is None
    assert waits[3:] == [0.0]
