"""How a file came about: the jobs and files behind it, back to the inputs of the run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latsky.errors import InputError
from latsky.provenance.hashing import entries, sha256
from latsky.provenance.run_data import File, Record, RunData


@dataclass(frozen=True)
class Node:
    """A content with the job that made it and the contents that went in, or an input."""

    sha256: str
    name: str
    size: int | None
    record: Record | None
    """None for an input of the run, or where what made it is not known"""
    given: bool
    """an input of the run"""
    sources: tuple[tuple[str, str], ...] = ()
    """port and SHA-256 of all files that went into the job"""


def lineage(data: RunData, path: Path) -> tuple[str, dict[str, Node]]:
    """The content of a file and all nodes behind it, by SHA-256.

    Raises InputError for a file that the run neither made nor read.
    """
    if not path.is_file():
        raise InputError(
            "a directory; name a file in it" if path.is_dir() else "no such file", file=path
        )
    start = sha256(path)
    makers = data.producers()
    given = _inputs(data)
    if start not in makers and start not in given:
        names = {
            str(file.get("basename"))
            for record in data.finished()
            for file in entries(record.get("outputs"))
        }
        changed = "; one of this name has been made: this one was changed since"
        raise InputError(
            f"no job of run {data.run['id']} made or read a file of this content (SHA-256 {start})"
            + (changed if path.name in names else ""),
            file=path,
        )
    nodes: dict[str, Node] = {}
    waiting = [start]
    while waiting:
        key = waiting.pop()
        if key in nodes:
            continue
        nodes[key] = _node(data, key, makers, given)
        waiting += [source for _, source in nodes[key].sources]
    return start, nodes


def _inputs(data: RunData) -> dict[str, File]:
    found = {}
    for file in entries(data.order):
        if key := data.content(file):
            found[key] = file
    return found


def _node(data: RunData, key: str, makers: dict[str, list[Record]], given: dict[str, File]) -> Node:
    if key in given:
        file = given[key]
        name = str(file.get("path") or file.get("location", "")).rstrip("/").rpartition("/")[2]
        return Node(key, name, file.get("size"), None, True)
    record = makers[key][0] if key in makers else None
    if record is None:
        name = next(
            (
                str(file.get("basename"))
                for job in data.records
                for file in entries(job["inputs"])
                if data.content(file) == key
            ),
            key,
        )
        return Node(key, name, None, None, False)
    file = next(f for f in entries(record["outputs"]) if data.content(f) == key)
    sources = {}
    for port, value in record["inputs"].items():
        for inner in entries(value):
            if (content := data.content(inner)) and content != key:
                sources.setdefault(content, port)
    return Node(
        key,
        str(file.get("basename", "")),
        file.get("size"),
        record,
        False,
        tuple((port, content) for content, port in sources.items()),
    )


def as_text(start: str, nodes: dict[str, Node]) -> Iterator[str]:
    """A tree; what was shown before is only named again."""
    shown: set[str] = set()

    def lines(key: str, head: str, tail: str) -> Iterator[str]:
        node = nodes[key]
        again = key in shown and node.sources
        shown.add(key)
        yield f"{head}{node.name}  {key[:12]}{_origin(node)}{' (as above)' if again else ''}"
        if again:
            return
        if node.record is not None and (command := command_line(node.record)):
            bar = "│  " if node.sources else "   "
            yield f"{tail}{bar}$ {command}"
        for number, (_, source) in enumerate(node.sources):
            last = number == len(node.sources) - 1
            yield from lines(
                source, tail + ("└─ " if last else "├─ "), tail + ("   " if last else "│  ")
            )

    yield from lines(start, "", "")


def command_line(record: Record) -> str:
    """A job's command, without the directories that files were staged in."""
    words = []
    for word in record.get("command", ()):
        key, equals, value = word.partition("=")
        if equals and value.startswith("/"):
            words.append(f"{key}={value.rpartition('/')[2]}")
        elif word.startswith("/"):
            words.append(word.rpartition("/")[2])
        else:
            words.append(word)
    return shlex.join(words).replace("\n", "\\n")


def _origin(node: Node) -> str:
    if node.given:
        return "  input of the run"
    if node.record is None:
        return "  origin not known"
    image = node.record.get("container")
    where = f" in {image['reference']}" if image else ""
    return f"  {'/'.join(node.record['step'])}, {node.record['end'][:19]}{where}"


def as_json(data: RunData, start: str, nodes: dict[str, Node]) -> dict[str, Any]:
    """All nodes for programs."""
    return {
        "run": data.run["id"],
        "file": start,
        "files": {
            key: {
                "name": node.name,
                "size": node.size,
                "input": node.given,
                "job": _job(node.record) if node.record else None,
                "sources": [{"port": port, "sha256": source} for port, source in node.sources],
            }
            for key, node in nodes.items()
        },
    }


def _job(record: Record) -> dict[str, Any]:
    return {
        "record": record["id"],
        "kind": record["kind"],
        "step": record["step"],
        "tool": record["label"],
        "command": record.get("command", []),
        "image": record.get("container"),
        "host": record["machine"]["host"],
        "start": record["start"],
        "end": record["end"],
    }


def as_dot(start: str, nodes: dict[str, Node]) -> Iterator[str]:
    """The same as a graph in the language of Graphviz: files as boxes, jobs as ellipses."""
    yield "digraph lineage {"
    yield "  rankdir=LR; node [fontname=sans, fontsize=10];"
    jobs = {}
    for key, node in nodes.items():
        style = ', style=filled, fillcolor="#dde8f5"' if node.given else ""
        style = ', style=filled, fillcolor="#f7e3c4"' if key == start else style
        yield f'  "{key[:16]}" [shape=box, label="{node.name}"{style}];'
        if node.record is not None:
            job = node.record["id"]
            if job not in jobs:
                jobs[job] = node
                yield f'  "{job}" [label="{"/".join(node.record["step"])}"];'
                for _, source in node.sources:
                    yield f'  "{source[:16]}" -> "{job}";'
            yield f'  "{job}" -> "{key[:16]}";'
    yield "}"
