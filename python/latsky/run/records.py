"""New records of a run as they come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from latsky.run.progress import is_error


class RecordWatch:
    """Reads each finished record of a directory once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._seen: set[str] = set()

    def new(self) -> list[dict[str, Any]]:
        """Records of commands that ended since the last call, in order of their ends."""
        found = []
        for path in self._directory.glob("*.json"):
            if path.name in self._seen:
                continue
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            self._seen.add(path.name)
            if record.get("kind") in ("command", "cached"):
                found.append(record)
        return sorted(found, key=lambda record: record.get("end", ""))

    @staticmethod
    def name(record: dict[str, Any]) -> str:
        """The step that a record belongs to."""
        return record["step"][-1] if record["step"] else record["label"]

    def complaints(self, record: dict[str, Any]) -> list[str]:
        """Lines in which a command that failed says what is wrong."""
        try:
            text = (self._directory / f"{record['id']}.log").read_text(errors="replace")
        except OSError:
            return []
        return [line for line in text.splitlines() if is_error(line)]
