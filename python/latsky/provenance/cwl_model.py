"""What a crate and a lineage need to know of CWL documents: processes, ports, steps, connections.

Both the map and the list forms of CWL v1.2 are read; each process is a file of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latsky.errors import InputError
from latsky.provenance.closure import load

WORKFLOW = "Workflow"


@dataclass(frozen=True)
class Port:
    """An input or output of a process."""

    name: str
    type: Any
    """as written"""
    label: str = ""
    doc: str = ""
    default: Any = None
    sources: tuple[str, ...] = ()
    """of a workflow's output: ``step/port`` or the name of an input"""


@dataclass(frozen=True)
class Step:
    """A step of a workflow."""

    name: str
    label: str
    run: Process
    sources: dict[str, tuple[str, ...]]
    """input of the step → where it comes from"""
    transformed: frozenset[str]
    """inputs that ``valueFrom`` makes of what comes"""
    scatter: tuple[str, ...]
    conditional: bool


@dataclass(frozen=True)
class Process:
    """A CWL document: its file, kind (CWL class), ports and, for a workflow, steps."""

    file: Path
    kind: str
    label: str
    doc: str
    version: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    steps: tuple[Step, ...]
    requirements: dict[str, Any]
    """requirements and hints by class"""


def read_process(file: Path, _known: dict[Path, Process] | None = None) -> Process:
    """A document with all that it runs. Raises InputError for what is no CWL process."""
    known = {} if _known is None else _known
    file = file.resolve()
    if file in known:
        return known[file]
    document = load(file)
    if not isinstance(document, dict) or "class" not in document:
        raise InputError("no CWL process", file=file)
    steps = []
    for name, step in _named(document.get("steps"), "run"):
        if not isinstance(step["run"], str):
            raise InputError("steps with a process in them are not understood", file, name)
        scatter = step.get("scatter") or ()
        inputs = dict(_named(step["in"], "source"))
        steps.append(
            Step(
                name,
                str(step.get("label", "")),
                read_process(file.parent / step["run"], known),
                {key: _strings(item.get("source")) for key, item in inputs.items()},
                frozenset(key for key, item in inputs.items() if "valueFrom" in item),
                (scatter,) if isinstance(scatter, str) else tuple(scatter),
                "when" in step,
            )
        )
    process = Process(
        file,
        str(document["class"]),
        str(document.get("label", "")),
        _text(document.get("doc")),
        str(document.get("cwlVersion", "")),
        tuple(_ports(document.get("inputs"))),
        tuple(_ports(document.get("outputs"))),
        tuple(steps),
        dict(_named(document.get("hints"), ""))
        | dict(_named(document.get("requirements"), "", "class")),
    )
    known[file] = process
    return process


def walk(process: Process, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Step]]:
    """All steps of a workflow and of those below it, with the paths of steps that lead there."""
    for step in process.steps:
        here = (*path, step.name)
        yield here, step
        yield from walk(step.run, here)


def simple_type(kind: Any) -> tuple[str, bool, bool]:
    """A type as (its name, optional, list); ``record`` for every record, ``Any`` for a choice."""
    optional = many = False
    while True:
        if isinstance(kind, str):
            if kind.endswith("?"):
                kind, optional = kind[:-1], True
            elif kind.endswith("[]"):
                kind, many = kind[:-2], True
            else:
                return ("record" if "#" in kind else kind), optional, many
        elif isinstance(kind, list):
            others = [item for item in kind if item != "null"]
            optional = optional or len(others) < len(kind)
            if len(others) != 1:
                return "Any", optional, many
            kind = others[0]
        elif isinstance(kind, dict):
            inner = kind.get("type")
            many = many or inner == "array"
            kind = kind.get("items") if inner == "array" else inner
        else:
            return "Any", optional, many


def _ports(given: Any) -> Iterator[Port]:
    for name, port in _named(given, "type"):
        yield Port(
            name,
            port.get("type", "Any"),
            str(port.get("label", "")),
            _text(port.get("doc")),
            port.get("default"),
            _strings(port.get("outputSource")),
        )


def _named(given: Any, short: str, key: str = "id") -> Iterator[tuple[str, dict[str, Any]]]:
    """Entries of the map or list form; ``short`` is the key that a plain value stands for."""
    if isinstance(given, dict):
        for name, entry in given.items():
            if isinstance(entry, dict) and (short != "type" or "type" in entry):
                yield str(name), entry
            else:
                yield str(name), {short: entry}
    elif isinstance(given, list):
        for entry in given:
            if isinstance(entry, dict) and (name := entry.get(key) or entry.get("class")):
                yield str(name).rpartition("#")[2].rpartition("/")[2], entry


def _strings(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _text(value: Any) -> str:
    return " ".join(" ".join(value if isinstance(value, list) else [value or ""]).split())
