"""How equal the results of two runs are: output by output, job by job.

Grades, from the best: ``identical`` (the same bytes), ``data`` (FITS files with the same DATASUM in
every HDU, whatever their headers say), ``tolerance`` (all numbers within a relative tolerance),
``different``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from latsky.provenance.hashing import entries, listed, sha256
from latsky.provenance.recorder import FITS
from latsky.provenance.run_data import Record, RunData, signature


class Grade(IntEnum):
    """How equal two results are."""

    DIFFERENT = 0
    TOLERANCE = 1
    DATA = 2
    IDENTICAL = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Finding:
    """The grade of one output, with a word on what is wrong."""

    name: str
    grade: Grade
    note: str = ""


@dataclass(frozen=True)
class JobResult:
    """The grade of a job: the worst of its outputs."""

    step: tuple[str, ...]
    name: str
    depth: int
    """number of jobs on the longest way of data up to this one, in the first run"""
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def grade(self) -> Grade:
        """The worst grade of all outputs."""
        return min((finding.grade for finding in self.findings), default=Grade.IDENTICAL)


@dataclass(frozen=True)
class Side:
    """One of two runs, with what there is of its files."""

    data: RunData
    present: Mapping[str, Path]
    """SHA-256 that was recorded → file"""
    edited: Mapping[str, str]
    """SHA-256 that was recorded → the one that the file has now"""


def side(data: RunData) -> Side:
    """A run with its products as they are now."""
    present, edited = {}, {}
    for file in entries(data.outputs):
        content, path = data.content(file), data.path(file)
        if content and path is not None and path.is_file() and content not in present:
            present[content] = path
            if (now := sha256(path)) != content:
                edited[content] = now
    return Side(data, present, edited)


def grade_runs(first: Side, second: Side, rtol: float) -> list[JobResult]:
    """The grades of all jobs of two runs in the order in which data flow."""
    depths = first.data.depths()
    results = []
    for one, other in _pairs(_jobs(first.data), _jobs(second.data)):
        if one is None or other is None:
            record, missing = (other, "first") if one is None else (one, "second")
            assert record is not None
            finding = Finding("", Grade.DIFFERENT, f"no such job in the {missing} run")
            depth = depths.get(record["id"], 1 << 30)
            results.append(JobResult(tuple(record["step"]), _title(record), depth, (finding,)))
            continue
        findings = tuple(grade_value(first, second, one["outputs"], other["outputs"], "", rtol))
        notes = []
        if _command(one) != _command(other):
            notes.append("the command is another")
        if (one.get("container") or {}).get("sha256") != (other.get("container") or {}).get(
            "sha256"
        ):
            notes.append("the image is another")
        results.append(
            JobResult(tuple(one["step"]), _title(one), depths[one["id"]], findings, tuple(notes))
        )
    return sorted(results, key=lambda result: (result.depth, result.step, result.name))


def first_divergence(results: Iterable[JobResult], wanted: Grade) -> JobResult | None:
    """The first job in the order of data whose grade is below the one wanted."""
    return next((result for result in results if result.grade < wanted), None)


def _jobs(data: RunData) -> list[Record]:
    """The jobs of the last attempt at a run."""
    finished = (record for record in data.finished() if record["kind"] != "expression")
    return [record for record in finished if "attempt" not in record]


def _title(record: Record) -> str:
    """What tells a job from its neighbours in a scatter: the names of its outputs."""
    names = [str(file.get("basename", "")) for file in entries(record.get("outputs"))]
    return ", ".join(dict.fromkeys(names[:3]))


def _pairs(
    first: list[Record], second: list[Record]
) -> Iterable[tuple[Record | None, Record | None]]:
    """Jobs that correspond: of the same step, with the same values and names of files.

    What is left of a step is taken in order, so that a changed value leads to a comparison and not
    to two jobs without a counterpart.
    """
    steps = dict.fromkeys(tuple(record["step"]) for record in (*first, *second))
    for step in steps:
        ours = sorted((r for r in first if tuple(r["step"]) == step), key=signature)
        theirs = sorted((r for r in second if tuple(r["step"]) == step), key=signature)
        rest = []
        for record in ours:
            same = [other for other in theirs if signature(other) == signature(record)]
            if not same:
                rest.append(record)
                continue
            # of jobs with the same values the ones with the same files belong together
            wanted = _inputs(record)
            other = next((other for other in same if _inputs(other) == wanted), same[0])
            theirs.remove(other)
            yield record, other
        for number in range(max(len(rest), len(theirs))):
            yield (
                rest[number] if number < len(rest) else None,
                theirs[number] if number < len(theirs) else None,
            )


def _inputs(record: Record) -> list[str]:
    return [str(file.get("checksum")) for file in entries(record["inputs"])]


def _command(record: Record) -> list[str]:
    """A command without the directories that files were staged in."""
    return [re.sub(r"(?<![\w.])/[^\s=,;'\"]*/", "", word) for word in record.get("command", ())]


def grade_value(
    first: Side, second: Side, one: Any, other: Any, name: str, rtol: float
) -> Iterable[Finding]:
    """Findings for all files in two values, and for values that differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        if one.get("class") == other.get("class") == "File":
            yield _grade_file(first, second, one, other, rtol)
            return
        if one.get("class") == other.get("class") == "Directory":
            one, other = dict(listed(one)), dict(listed(other))
        for key in dict.fromkeys((*one, *other)):
            inner = f"{name}.{key}" if name else str(key)
            yield from grade_value(first, second, one.get(key), other.get(key), inner, rtol)
        return
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from grade_value(first, second, left, right, f"{name}[{number}]", rtol)
        return
    if one != other:
        grade = Grade.TOLERANCE if _close(one, other, rtol) else Grade.DIFFERENT
        yield Finding(name, grade, f"{_brief(one)} became {_brief(other)}")


def _grade_file(
    first: Side, second: Side, one: dict[str, Any], other: dict[str, Any], rtol: float
) -> Finding:
    name = str(one.get("basename", ""))
    keys = [run.data.content(file) or "" for run, file in ((first, one), (second, other))]
    paths = [run.present.get(key) for run, key in zip((first, second), keys, strict=True)]
    edited = [key in run.edited for run, key in zip((first, second), keys, strict=True)]
    actual = [run.edited.get(key, key) for run, key in zip((first, second), keys, strict=True)]
    which = [run for run, changed in zip(("first", "second"), edited, strict=True) if changed]
    note = f"edited since the {' and '.join(which)} run" if which else ""
    if actual[0] and actual[0] == actual[1]:
        return Finding(name, Grade.IDENTICAL, note)
    if name != other.get("basename", ""):
        note = note or f"the name became {other.get('basename')}"
    # the keywords of an edited file need not be true
    sums = [
        None if changed else file.get("datasum")
        for changed, file in zip(edited, (one, other), strict=True)
    ]
    if sums[0] and sums[0] == sums[1]:
        return Finding(name, Grade.DATA, note or "headers differ")
    if paths[0] is None or paths[1] is None:
        return Finding(name, Grade.DIFFERENT, note or "contents were not kept, only hashes")
    grade, what = compare_files(paths[0], paths[1], rtol)
    return Finding(name, grade, "; ".join(filter(None, (note, what))))


def compare_files(one: Path, other: Path, rtol: float) -> tuple[Grade, str]:
    """The grade of two files whose bytes differ, and where they do.

    FITS files by their data, JSON files by their values; any others are different.
    """
    if one.suffix in FITS:
        return _compare_fits(one, other, rtol)
    if one.suffix == ".json":
        try:
            values = [json.loads(path.read_text(encoding="utf-8")) for path in (one, other)]
        except ValueError:
            return Grade.DIFFERENT, "not JSON"
        return (Grade.TOLERANCE if _close(*values, rtol) else Grade.DIFFERENT), ""
    return Grade.DIFFERENT, ""


def _compare_fits(one: Path, other: Path, rtol: float) -> tuple[Grade, str]:
    from astropy.io.fits import FITSDiff

    for grade, tolerance in ((Grade.DATA, 0.0), (Grade.TOLERANCE, rtol)):
        try:
            difference = FITSDiff(
                str(one),
                str(other),
                ignore_keywords=["*"],
                ignore_comments=["*"],
                rtol=tolerance,
                numdiffs=1,
            )
        except OSError as error:
            return Grade.DIFFERENT, f"no FITS file: {error}"
        if difference.identical:
            return grade, "headers differ" if grade is Grade.DATA else ""
    hdus = getattr(difference, "diff_hdus", None)
    place = ", ".join(str(entry[2] or entry[0]) for entry in hdus) if hdus else ""
    return Grade.DIFFERENT, f"HDU {place}" if place else "other HDUs"


def _close(one: Any, other: Any, rtol: float) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_close(one[k], other[k], rtol) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            _close(left, right, rtol) for left, right in zip(one, other, strict=True)
        )
    numbers = (int, float)
    if isinstance(one, numbers) and isinstance(other, numbers):
        return math.isclose(one, other, rel_tol=rtol)
    return one == other


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
