"""Toil's batch system for Slurm, with what a bad day on a cluster asks for.

* The time and memory of a job's request cover Toil's worker too, and stay within what the partition
  grants, also when Toil doubles them after a job that ran out of either.
* A job that was killed counts as one that needed more memory: Slurm says so itself only where it
  enforces memory by cgroups.
* A job that Slurm no longer knows is lost, and issued again; Toil alone waits for it for ever.
* A job that Slurm refuses for good ends the run at once, with Slurm's reason; while the controller
  does not answer, the run waits.

Hooks used: ``issueBatchJob`` of SlurmBatchSystem, ``prepareSubmission``, ``submitJob``,
``_get_job_details`` and ``_get_job_return_code`` of its thread, Toil's registry of batch systems.
tests/provenance/test_hooks.py holds the pinned version to them.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import time
from dataclasses import asdict, dataclass
from typing import Any

from toil.batchSystems.abstractBatchSystem import BatchJobExitReason
from toil.batchSystems.registry import add_batch_system_factory
from toil.batchSystems.slurm import SlurmBatchSystem
from toil.lib.misc import CalledProcessErrorStderr

from latsky.run.causes import EXIT_CODES

WORKER_MIB = 256
"""memory of Toil's worker beside the command"""
WORKER_S = 120
"""time that a worker may take beside the command; Slurm warns it up to 90 s before the end"""

_REFUSED = re.compile(
    r"invalid|not available|violates|denied|disabled|unrecognized|more processors|exceed|not permit",
    re.IGNORECASE,
)
_LOST = ("NODE_FAIL", 0)
_UNKNOWN = (None, None)


@dataclass(frozen=True)
class Limits:
    """What the jobs of a run ask for at the least and at the most."""

    least_time_s: int | None = None
    most_time_s: int | None = None
    lost_after_s: float = 60.0
    """a job that Slurm does not know for so long is lost"""

    def time(self, walltime: int) -> int:
        """Seconds to ask for, 0 for the partition's default, for a command limited to some."""
        wanted = max(walltime + WORKER_S if walltime else 0, self.least_time_s or 0)
        return math.ceil(min(wanted, self.most_time_s or math.inf))

    def as_text(self) -> str:
        """For an environment variable."""
        return json.dumps(asdict(self))


class BoundedSlurm(SlurmBatchSystem):
    """Slurm for Toil, see the module's text."""

    limits = Limits()

    def issueBatchJob(self, command: str, job_desc: Any, job_environment: Any = None) -> int:
        if job_desc.remainingTryCount <= self.config.retryCount:
            # Toil doubles without an end, and then gives up the whole run
            job_desc.memory = min(job_desc.memory, int(self.maxMemory))
        return super().issueBatchJob(command, job_desc, job_environment)

    class GridEngineThread(SlurmBatchSystem.GridEngineThread):
        """What speaks with Slurm."""

        boss: BoundedSlurm

        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            self._unknown_since: dict[int, float] = {}

        def prepareSubmission(
            self, cpu: int, memory: int, walltime: int, *rest: Any, **named: Any
        ) -> list[str]:
            memory += WORKER_MIB << 20 if memory else 0
            walltime = self.boss.limits.time(walltime)
            return super().prepareSubmission(cpu, memory, walltime, *rest, **named)

        def submitJob(self, subLine: list[str]) -> int:
            try:
                return super().submitJob(subLine)
            except CalledProcessErrorStderr as error:
                if _REFUSED.search(error.stderr or ""):
                    # any other error makes Toil try again
                    raise RuntimeError(f"Slurm refuses a job: {error.stderr.strip()}") from error
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
            """States and exit codes, by scontrol and, where there is accounting, sacct."""
            details = dict.fromkeys(jobs, _UNKNOWN)
            try:
                details |= self._getJobDetailsFromScontrol(jobs)
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


def register(limits: str | None) -> None:
    """Make Toil use it for ``--batchSystem=slurm``, with limits as ``Limits.as_text`` writes them."""
    given = Limits(**json.loads(limits)) if limits else Limits()
    bounded = type("BoundedSlurm", (BoundedSlurm,), {"limits": given})
    add_batch_system_factory("slurm", lambda: bounded)
