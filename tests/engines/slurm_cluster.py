"""A Slurm for tests, and runs of the stand-in workflow on it."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from latsky.provenance import recorder
from latsky.run.slurm import seconds

HERE = Path(__file__).parent
NUMBERS = [1, 2]
"""parts of each text in the stand-in workflow"""
STEPS = {
    *(("first_parts", number) for number in NUMBERS),
    *(("second_parts", number) for number in NUMBERS),
    *(("join_first", None), ("join_second", None)),
}
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")


def missing() -> list[str]:
    """Programs of Slurm that are not installed."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    return [name for name in PROGRAMS if shutil.which(name, path=path) is None]


@dataclass(frozen=True)
class Cluster:
    root: Path
    port: int

    def do(self, action: str) -> None:
        environment = {
            **os.environ, "SLURM_ROOT": str(self.root), "SLURM_PORT": str(self.port),
        }  # fmt: skip
        subprocess.run([HERE / "mini_slurm.sh", action], env=environment, check=True, timeout=180)

    def jobs(self) -> list[str]:
        """Ids of the jobs that run."""
        command = ["squeue", "-h", "-t", "RUNNING", "-o", "%i"]
        return subprocess.run(command, capture_output=True, text=True).stdout.split()

    def asked(self, number: str) -> tuple[int, float]:
        """Memory in MiB and time in s that a job asked for, by Slurm's own record of it."""
        command = ["scontrol", "-o", "show", "job", number]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        words = dict(word.split("=", 1) for word in text.split() if "=" in word)
        memory, unit = words["MinMemoryNode"][:-1], words["MinMemoryNode"][-1]
        return int(float(memory) * {"M": 1, "G": 1024}[unit]), seconds(words["TimeLimit"])


@dataclass(frozen=True)
class Run:
    """A run of the stand-in workflow."""

    directory: Path
    order: Path
    site: Path | None
    workflow: str = "workflow.cwl"
    leaders: list[subprocess.Popen] = field(default_factory=list)
    """all that were started"""

    def start(self) -> subprocess.Popen:
        command = [sys.executable, HERE / "leader.py", self.directory, self.workflow, self.order]
        command += [self.site] if self.site else []
        log = (self.directory.parent / f"{self.directory.name}.log").open("ab")
        self.leaders.append(subprocess.Popen(command, stdout=log, stderr=log))
        return self.leaders[-1]

    def finish(self, leader: subprocess.Popen | None = None, patience: float = 400) -> int:
        leader = leader or self.start()
        try:
            return leader.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill(leader)
            raise

    def kill(self, leader: subprocess.Popen) -> None:
        """Kill the process and its engine at once, as a reboot of their machine does."""
        leader.kill()
        leader.wait()
        try:
            pid = int((self.directory / ".engine.pid").read_text().split()[1])
            os.killpg(pid, signal.SIGKILL)
        except (OSError, ValueError, IndexError):
            return
        while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
            time.sleep(0.1)

    def records(self, kind: str = "command") -> list[dict]:
        """Records of all attempts at this run, by start time."""
        places = [self.directory / "records", *self.directory.glob("earlier/*/records")]
        found = [record for place in places for record in recorder.read(place, (kind,))]
        return sorted(found, key=lambda record: record["start"])

    def succeeded(self) -> list[tuple]:
        """Step and number of every execution that succeeded."""
        return [
            (record["step"][-1], record["inputs"].get("number"))
            for record in self.records()
            if record.get("status") == "success"
        ]

    def products(self) -> dict[str, str]:
        """Hashes of the products."""
        outputs = json.loads((self.directory / "outputs.json").read_text())
        return {
            name: hashlib.sha256(Path(file["location"].removeprefix("file://")).read_bytes())
            .hexdigest()
            for name, file in outputs.items()
        }  # fmt: skip


def await_(condition, patience: float = 300):
    """Wait until ``condition()`` is true; its value."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.2)
    raise TimeoutError("it did not come about")


def check(run: Run, undisturbed: dict[str, str], lost: int = 0) -> None:
    """Products as they should be, and nothing that had succeeded done again.

    ``lost`` attempts at the most did not succeed.
    """
    assert run.products() == undisturbed
    done = Counter(run.succeeded())
    assert set(done) == STEPS
    assert max(done.values()) == 1
    assert len(run.records()) <= len(STEPS) + lost
