"""A Slurm for tests, and runs of the stand-in workflow on it."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from latsky.run.slurm import seconds

HERE = Path(__file__).parent
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

    def start(self) -> subprocess.Popen:
        command = [sys.executable, HERE / "leader.py", self.directory, self.workflow, self.order]
        command += [self.site] if self.site else []
        log = (self.directory.parent / f"{self.directory.name}.log").open("ab")
        return subprocess.Popen(command, stdout=log, stderr=log)

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
        found = {}
        for suffix in ("started", "json"):
            for path in self.directory.rglob(f"records/*.{suffix}"):
                record = json.loads(path.read_text())
                if record["kind"] == kind:
                    found[record["id"]] = record
        return sorted(found.values(), key=lambda record: record["start"])

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


def await_(condition, patience: float = 120):
    """Wait until ``condition()`` is true; its value."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.2)
    raise TimeoutError("it did not come about")
