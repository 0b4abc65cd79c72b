"""What the jobs of a run ask Slurm for, at the least and at the most."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

WORKER_MIB = 256
"""memory of Toil's worker beside the command"""
WORKER_S = 120
"""time of Toil's worker beside the command; Slurm warns it up to 90 s before the end"""


@dataclass(frozen=True)
class Limits:
    """Bounds of the time that jobs ask for, and how long one that Slurm forgot is waited for."""

    least_time_s: int = 0
    most_time_s: float = math.inf
    lost_after_s: float = 60.0

    def time(self, command_s: int) -> int:
        """Seconds to ask for, for a command that may take some; 0 for the partition's default."""
        wanted = max(command_s + WORKER_S if command_s else 0, self.least_time_s)
        return int(min(wanted, self.most_time_s))

    def as_text(self) -> str:
        """For an environment variable."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_text(text: str) -> Limits:
        """What ``as_text`` wrote."""
        return Limits(**json.loads(text))
