"""A run as it lies in its directory or in an archive: records joined by the content of files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from latsky.errors import InputError
from latsky.provenance import recorder
from latsky.provenance.closure import load
from latsky.provenance.hashing import entries, listed, listing_hash, path_of
from latsky.provenance.run_record import read_json, read_run

Record = dict[str, Any]
File = dict[str, Any]


@dataclass(frozen=True)
class RunData:
    """``run.json``, the records of all kinds, job order and outputs of a run."""

    directory: Path
    run: dict[str, Any]
    records: list[Record]
    order: dict[str, Any]
    outputs: dict[str, Any]
    sha256_of: dict[str, str] = field(default_factory=dict)
    """``checksum`` of CWL → SHA-256, for all files whose both hashes are known"""

    @property
    def workflow(self) -> Path:
        """The workflow's document."""
        return self.directory / self.run["workflow"]

    def content(self, file: File) -> str | None:
        """SHA-256 of a File or Directory object of this run, None where it is not known.

        That of a directory is ``hashing.listing_hash`` of its files.
        """
        known = file.get("sha256") or self.sha256_of.get(str(file.get("checksum")))
        if known or file["class"] != "Directory" or not file.get("listing"):
            return known
        files = {name: self.content(inner) for name, inner in listed(file)}
        return None if None in files.values() else listing_hash(files)

    def path(self, file: File) -> Path | None:
        """Where a file of the job order or the outputs is now; None where it is not any more.

        A run's directory may have been moved since.
        """
        path = path_of(file)
        if path is None:
            return None
        if not path.is_absolute():
            path = self.directory / path
        elif path.is_relative_to(self.run["directory"]):
            path = self.directory / path.relative_to(self.run["directory"])
        return path if path.exists() else None

    def finished(self) -> list[Record]:
        """The records of all jobs that gave outputs."""
        return [record for record in self.records if record.get("status") == "success"]

    def failed(self) -> list[Record]:
        """The records of all attempts that no later attempt at the same job made good."""
        good = {(tuple(record["step"]), signature(record)) for record in self.finished()}
        return [
            record
            for record in self.records
            if record.get("status") != "success"
            and (tuple(record["step"]), signature(record)) not in good
        ]

    def producers(self) -> dict[str, list[Record]]:
        """SHA-256 → the jobs that made a file of that content, expressions excepted.

        Commands come before jobs that took their outputs from another.
        """
        found: dict[str, list[Record]] = {}
        for record in sorted(self.finished(), key=lambda record: record["kind"] != "command"):
            if record["kind"] != "expression":
                for key in dict.fromkeys(self.contents(record.get("outputs"))):
                    found.setdefault(key, []).append(record)
        return found

    def contents(self, value: Any) -> Iterator[str]:
        """SHA-256 of all files in an object, as far as they are known."""
        for file in entries(value):
            if key := self.content(file):
                yield key

    def depths(self) -> dict[str, int]:
        """Record id → the number of jobs on the longest way of data that leads to it."""
        producers = self.producers()
        depth: dict[str, int] = {}
        # inputs exist before a job starts, so the order of starts is one of the data
        for record in self.records:
            makers = (
                depth.get(maker["id"], 0)
                for key in self.contents(record["inputs"])
                for maker in producers.get(key, ())
                if maker["id"] != record["id"]
            )
            depth[record["id"]] = 1 + max(makers, default=0)
        return depth


def _with_earlier(directory: Path, records: list[Record]) -> list[Record]:
    """The records of a run, and those of earlier attempts at it that belong to its jobs.

    These are what made the outputs that were taken over, and failures of jobs that were done in the
    end. They have a key ``attempt``, the number of the attempt.
    """
    jobs = {(tuple(record["step"]), signature(record)) for record in records}
    taken = {
        file.get("sha256")
        for record in records
        if record["kind"] == "cached"
        for file in entries(record.get("outputs"))
    }
    found = []
    for place in sorted(directory.glob("earlier/*/records")):
        for record in recorder.read(place, kinds=("command",)):
            made = {file.get("sha256") for file in entries(record.get("outputs"))}
            failed = record.get("status") != "success"
            if (tuple(record["step"]), signature(record)) in jobs and (failed or made & taken):
                found.append({**record, "attempt": int(place.parent.name)})
    return sorted([*found, *records], key=lambda record: (record["start"], record["id"]))


def record_place(record: Record) -> str:
    """The directory of a record, relative to that of the run."""
    return f"earlier/{record['attempt']}/records" if "attempt" in record else "records"


def end_of(record: Record) -> str | None:
    """When an attempt ended, by its own account or by Slurm's."""
    return record.get("end") or record.get("account", {}).get("end")


def error_of(record: Record) -> str | None:
    """What went wrong with a job, None for success."""
    status = record.get("status")
    if status == "success":
        return None
    if account := record.get("account"):
        reason = f" ({account['reason']})" if account["reason"] else ""
        return (
            f"{account['state']}{reason} in Slurm on {account['nodes']} after "
            f"{account['elapsed_s']:g} s, exit code {account['exit_code']}"
        )
    if status is None:
        return "ended without a word: killed, or its machine lost"
    return f"{status}, exit status {record.get('exit_code')}"


def signature(record: Record) -> str:
    """What tells a job from the others of its step: its values, and the names of its files."""
    return json.dumps(_named(record["inputs"]), sort_keys=True)


def _named(value: Any) -> Any:
    """A value in which files are their base names."""
    if isinstance(value, dict):
        if value.get("class") in ("File", "Directory"):
            return value.get("basename") or str(value.get("location", "")).rpartition("/")[2]
        return {key: _named(item) for key, item in value.items() if item is not None}
    return [_named(item) for item in value] if isinstance(value, list) else value


def read_data(directory: Path) -> RunData:
    """Everything of a run. Raises InputError for a directory that is none."""
    directory = directory.resolve()
    run = read_run(directory)
    order_file, outputs_file = directory / "job-order.yml", directory / "outputs.json"
    order = load(order_file)
    outputs: Any = {}
    if outputs_file.is_file() and outputs_file.stat().st_size:
        outputs = read_json(outputs_file)
    if not isinstance(order, dict) or not isinstance(outputs, dict):
        raise InputError("should be a mapping", file=order_file)
    records = _with_earlier(directory, recorder.read(directory / "records", kinds=None))
    known = {}
    for value in (order, *(record.get("outputs") for record in records)):
        for file in entries(value):
            if "checksum" in file and "sha256" in file:
                known[file["checksum"]] = file["sha256"]
    for files in run["directories"].values():
        known.update({file["checksum"]: file["sha256"] for file in files.values()})
    return RunData(directory, run, records, order, outputs, known)
