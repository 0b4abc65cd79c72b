"""Toil's batch system for Slurm, with what a bad day on a cluster asks for.

* The time and memory of a job's request cover Toil's worker too, and stay within what the partition
  grants, also when Toil doubles them after a job that ran out of either.
* A job that was killed counts as one that needed more memory: Slurm says so itself only where it
  enforces memory by cgroups.
* A job that Slurm no longer knows is lost, and issued again; Toil alone waits for it for ever.
* A job that Slurm refuses for good ends the run at once, with Slurm's reason; while the controller
  does not answer, the run waits.
* Between two looks at its jobs the leader sleeps, where Toil spins; and it asks for its own jobs
  alone, where Toil reads what Slurm says of everybody's.
* The small jobs of Toil's own, which join and scatter on the leader's machine, are noticed as they
  end; Toil waits two seconds for Slurm's before it looks at each of them.

Hooks used: ``issueBatchJob`` and ``getUpdatedBatchJob`` of SlurmBatchSystem; ``checkOnJobs``,
``prepareSubmission``, ``submitJob``, ``_canonicalize_state``, ``_get_job_details`` and
``_get_job_return_code`` of its thread; the registry of batch systems.
tests/provenance/test_hooks.py holds the pinned version to them.
"""

from __future__ import annotations

import re
import shutil
import time
from typing import Any

from toil.batchSystems.abstractBatchSystem import BatchJobExitReason
from toil.batchSystems.registry import add_batch_system_factory
from toil.batchSystems.slurm import SlurmBatchSystem
from toil.lib.misc import CalledProcessErrorStderr, call_command

from latsky.run.causes import EXIT_CODES
from latsky.run.requests import WORKER_MIB, Limits

_REFUSED = re.compile(
    r"invalid|not available|violates|denied|disabled|unrecognized|more processors|exceed",
    re.IGNORECASE,
)
LOOK_S = 0.1
"""time between two looks at the jobs on the leader's machine"""
_LOST = ("NODE_FAIL", 0)
_UNKNOWN = (None, None)


class BoundedSlurm(SlurmBatchSystem):
    """Slurm for Toil, see the module's text."""

    limits = Limits()

    def issueBatchJob(self, command: str, job_desc: Any, job_environment: Any = None) -> int:
        """Issue a job, whose memory was doubled perhaps, within what the partition grants."""
        if job_desc.remainingTryCount <= self.config.retryCount:
            # Toil doubles without an end, and then gives up the whole run
            job_desc.memory = min(job_desc.memory, int(self.maxMemory))
        return super().issueBatchJob(command, job_desc, job_environment)

    def getUpdatedBatchJob(self, maxWait: float) -> Any:
        """The end of a job, on the leader's machine or of Slurm's; None after ``maxWait`` s."""
        end = time.monotonic() + maxWait
        while True:
            left = max(end - time.monotonic(), 0.0)
            found = super().getUpdatedBatchJob(min(left, LOOK_S))
            if found is not None or left <= LOOK_S:
                return found

    class GridEngineThread(SlurmBatchSystem.GridEngineThread):
        """What speaks with Slurm."""

        boss: BoundedSlurm

        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            self._unknown_since: dict[int, float] = {}

        def checkOnJobs(self) -> bool:
            """Ask Slurm about the jobs, once in a while; whether any has news."""
            before = self._checkOnJobsTimestamp
            # until it asks again Toil repeats its last answer, and does not sleep if that was yes
            return super().checkOnJobs() and self._checkOnJobsTimestamp is not before

        def prepareSubmission(
            self, cpu: int, memory: int, walltime: int, *rest: Any, **named: Any
        ) -> list[str]:
            """The command that submits a job, with room for the worker."""
            memory += WORKER_MIB << 20 if memory else 0
            walltime = self.boss.limits.time(walltime)
            return super().prepareSubmission(cpu, memory, walltime, *rest, **named)

        def submitJob(self, subLine: list[str]) -> int:
            """Submit a job. Raises RuntimeError where Slurm refuses it for good."""
            try:
                return super().submitJob(subLine)
            except CalledProcessErrorStderr as error:
                if _REFUSED.search(error.stderr or ""):
                    # any other error makes Toil try again
                    raise RuntimeError(f"Slurm refuses a job: {error.stderr.strip()}") from None
                raise

        def _get_job_return_code(self, status: Any) -> Any:
            code = super()._get_job_return_code(status)
            if code == (EXIT_CODES["memory"], BatchJobExitReason.FAILED):
                return code[0], BatchJobExitReason.MEMLIMIT
            return code

        def _get_job_details(self, job_id_list: list[int]) -> dict[int, Any]:
            details = self._known(job_id_list)
            now = time.monotonic()
            unknown = self._remaining_jobs(job_id_list, details)
            self._unknown_since = {job: self._unknown_since.get(job, now) for job in unknown}
            for job, since in self._unknown_since.items():
                if now - since >= self.boss.limits.lost_after_s:
                    details[job] = _LOST
            return details

        def _known(self, jobs: list[int]) -> dict[int, Any]:
            """States and exit codes, by squeue and, where there is accounting, sacct."""
            details = dict.fromkeys(jobs, _UNKNOWN)
            try:
                details |= self._queued(jobs)
            except CalledProcessErrorStderr as error:
                if "Invalid job id" not in (error.stderr or ""):
                    raise
            unknown = self._remaining_jobs(jobs, details)
            if unknown and shutil.which("sacct"):
                try:
                    details |= self._getJobDetailsFromSacct(unknown)
                except CalledProcessErrorStderr:
                    pass  # accounting is not set up
            return details

        def _queued(self, jobs: list[int]) -> dict[int, Any]:
            """States and exit codes of jobs that Slurm's controller knows.

            Toil reads all that ``scontrol show job`` says of everybody's jobs, every time.
            """
            wanted = ",".join(map(str, jobs))
            fields = "JobID:20,State:30,exit_code:20"
            command = ["squeue", "--noheader", "--states=all", "--jobs", wanted, "-O", fields]
            found = {}
            for line in call_command(command, quiet=True).splitlines():
                job, state, code = line.split()
                found[int(job)] = self._canonicalize_state(state), exit_status(code)
            return found


def exit_status(code: str) -> int:
    """Toil's exit status for a job's end as squeue says it: as ``wait`` does, or STATUS:SIGNAL."""
    if ":" in code:
        status, signal = map(int, code.split(":"))
    else:
        status, signal = int(code) >> 8, int(code) & 0x7F
    return 128 + signal if signal else status


def register(limits: Limits) -> None:
    """Make Toil take it for ``--batchSystem=slurm``."""
    bounded = type("BoundedSlurm", (BoundedSlurm,), {"limits": limits})
    add_batch_system_factory("slurm", lambda: bounded)
