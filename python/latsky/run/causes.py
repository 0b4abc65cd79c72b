"""Why a command failed, where more memory or time would have helped.

Slurm tells of a job that it ended itself. Of a command that the system killed, or that its CWL time
limit stopped, Toil's worker reports a plain failure; with the exit codes here it reports the cause.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Literal

Cause = Literal["memory", "time"]

# Toil's own code for a job that ran out of time is toil.worker.WALLTIME_EXIT_CODE
EXIT_CODES: dict[Cause, int] = {"memory": 128 + signal.SIGKILL, "time": 77}
"""exit codes of a Toil worker whose command failed for a cause"""

_KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
_NO_MEMORY = re.compile(
    rb"MemoryError|std::bad_alloc|Cannot allocate memory|Unable to allocate .* for an array"
)
_SLACK_S = 1.0
"""the engine's clock starts a little before the command's"""
_TAIL = 1 << 14
"""bytes at the end of a log in which a command says what it died of"""


def cause(code: int, seconds: float, limit: int | None, log: Path) -> Cause | None:
    """The cause of a failure: exit status, s that the command took, its limit in s, its output."""
    if code == 0:
        return None
    if limit and seconds > limit - _SLACK_S:
        return "time"
    if code in _KILLED or _NO_MEMORY.search(_tail(log)):
        return "memory"
    return None


def _tail(log: Path) -> bytes:
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _TAIL))
            return stream.read()
    except OSError:
        return b""
