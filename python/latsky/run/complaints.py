"""Why a run failed, where no job says so: what the engine's log has to tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

_FULL = re.compile(r"No space left on device|Disk quota exceeded")
_ERROR = re.compile(
    r"^\[\S+\] \[[^\]]*\] \[[EC]\] \[[\w.]+\] (?P<toil>.+)|^ERROR (?P<cwltool>.+)", re.MULTILINE
)
_RAISED = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception)\w*(?:: .*)?$", re.MULTILINE)
"""the last line of a traceback"""
_GONE = re.compile(r"FileNotFoundError|\S*NoSuch\w+Exception")
_LAST = 3
"""lines of the engine that are shown"""


def complaints(directory: Path, jobs: Sequence[str]) -> list[str]:
    """What to tell of a run that failed, beside what its ``jobs`` said."""
    if any(_FULL.search(text) for text in _texts(directory)):
        return [
            f"no room for the run's files, or the quota is used up: make room in {directory} or in "
            f"its scratch directory, then: latsky resume {directory}"
        ]
    if jobs:
        return []
    text = (directory / "engine.log").read_text(errors="replace")
    said = [match["toil"] or match["cwltool"] for match in _ERROR.finditer(text)]
    raised = _RAISED.findall(text)
    store = directory / ".toil" / "store"
    if any(_GONE.match(line) and str(store) in line for line in raised):
        return [
            f"Toil's own files, {store}, are damaged or gone; nothing is lost with them; go on "
            f"with: latsky resume {directory}"
        ]
    return list(dict.fromkeys(said or raised))[-_LAST:]


def _texts(directory: Path) -> Iterator[str]:
    """The logs of the engine and of the jobs."""
    for path in (directory / "engine.log", *(directory / "records").glob("*.log")):
        if path.exists():
            yield path.read_text(errors="replace")
