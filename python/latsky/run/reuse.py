"""Finished work that a later attempt at a run takes over: a store of outputs by what made them.

A key is the hash of the tool (its document without texts, resources and places), of all inputs
(files by their content), and of the programs (image, or versions of the code). Whatever is edited
between two attempts, the jobs that it changes have other keys, and no others. This serves both
engines alike. cwltool's own ``--cachedir`` does not know which programs ran, and makes Toil bypass
its file store, which confuses files of one name.

Outputs are kept at once when a job has succeeded, as hard links where the file systems are the
same, else as copies, so also by a job whose engine is already dead. They are verified when taken.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from latsky.provenance.hashing import entries, path_of

_WITHOUT_EFFECT = {"label", "doc", "id", "$namespaces", "$schemas"}
_NOT_IN_RESULTS = {"ResourceRequirement", "ToolTimeLimit", "NetworkAccess", "SoftwareRequirement"}
_PLACE = re.compile(r'file://[^"#\s]*/')
_KEPT_KEYS = ("class", "basename", "checksum", "size", "format", "sha256", "datasum")

Callback = Callable[[Any, str], None]


class _Unknown(Exception):
    """An input whose content is not known; such a job is always run."""


def key(tool: Any, order: Mapping[str, Any], programs: str) -> str | None:
    """The key of a job, or None for one whose inputs are not known by content."""
    try:
        content = {
            "tool": _plain(tool.tool),
            "requirements": [
                _plain(item)
                for item in [*(tool.requirements or []), *(tool.hints or [])]
                if item.get("class") not in _NOT_IN_RESULTS
            ],
            "inputs": _inputs(order),
            "programs": programs,
        }
    except _Unknown:
        return None
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(_PLACE.sub("", text).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """A document without what cannot change a result."""
    if isinstance(value, Mapping):
        if value.get("class") == "File":
            raise _Unknown  # a file that the document brings along
        return {
            str(name): _plain(item)
            for name, item in value.items()
            if name not in _WITHOUT_EFFECT
            and not (name in ("requirements", "hints") and isinstance(item, list))
        }
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _inputs(value: Any) -> Any:
    """A job order with its files replaced by their names and contents."""
    if isinstance(value, Mapping):
        kind = value.get("class")
        if kind == "File":
            slim = {"file": value.get("basename"), "content": _content(value)}
            if value.get("secondaryFiles"):
                slim["beside"] = _inputs(value["secondaryFiles"])
            return slim
        if kind == "Directory":
            if "sha256" not in value:
                raise _Unknown
            return {"directory": value.get("basename"), "content": value["sha256"]}
        return {str(name): _inputs(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_inputs(item) for item in value]
    return value


def _content(file: Mapping[str, Any]) -> str:
    if "checksum" in file:
        return str(file["checksum"])
    if "contents" in file and "location" not in file:
        return _sha1_text(str(file["contents"]).encode())
    path = path_of(dict(file))
    if path is None or not path.is_file():
        raise _Unknown
    return _sha1(path)


def _sha1(path: Path) -> str:
    with path.open("rb") as stream:
        return f"sha1${hashlib.file_digest(stream, 'sha1').hexdigest()}"


def _sha1_text(content: bytes) -> str:
    return f"sha1${hashlib.sha1(content, usedforsecurity=False).hexdigest()}"


def find(store: Path, name: str) -> Any | None:
    """The outputs kept under a key; None where there are none, or where a file was damaged."""
    entry = store / name
    try:
        outputs = json.loads((entry / "outputs.json").read_text(encoding="utf-8"))
        for file in entries(outputs):
            path = entry / file["location"]
            if path.stat().st_size != file["size"] or _sha1(path) != file["checksum"]:
                return None
            file["location"] = path.as_uri()
    except (OSError, ValueError, KeyError):
        return None
    return outputs


def keep(store: Path, name: str, outputs: Any) -> None:
    """Keep the outputs of a job that has succeeded. Raises OSError where there is no room."""
    part = store / f".{name}.{uuid.uuid4().hex}"
    part.mkdir(parents=True)
    try:
        numbers = iter(range(10**9))
        kept = _keep(outputs, part, numbers)
        if kept is None:
            return
        (part / "outputs.json").write_text(json.dumps(kept), encoding="utf-8")
        final = store / name
        with suppress(OSError):
            part.rename(final)
            return
        # there is one of that name: either as good, or damaged
        if find(store, name) is None:
            shutil.rmtree(final, ignore_errors=True)
            with suppress(OSError):
                part.rename(final)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _keep(value: Any, part: Path, numbers: Iterator[int]) -> Any | None:
    """Outputs with their files put into ``part``; None for what cannot be kept."""
    if isinstance(value, Mapping):
        if value.get("class") == "Directory" or value.get("secondaryFiles"):
            return None
        if value.get("class") != "File":
            made = {str(name): _keep_or_null(item, part, numbers) for name, item in value.items()}
            return None if any(item is _REFUSED for item in made.values()) else made
        path = path_of(dict(value))
        if path is None or not path.is_file():
            return None
        # not under its own name: nobody should take it for a product
        place = f"{next(numbers)}.kept"
        _link(path, part / place)
        slim = {name: value[name] for name in _KEPT_KEYS if name in value}
        slim.setdefault("basename", path.name)
        slim.update(location=place, size=path.stat().st_size, checksum=_sha1(path))
        return slim
    if isinstance(value, list | tuple):
        made_list = [_keep_or_null(item, part, numbers) for item in value]
        return None if any(item is _REFUSED for item in made_list) else made_list
    return value


_REFUSED = object()


def _keep_or_null(value: Any, part: Path, numbers: Iterator[int]) -> Any:
    if value is None:
        return None
    kept = _keep(value, part, numbers)
    return _REFUSED if kept is None else kept


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


class ReusedJob:
    """A job that only hands over outputs, in the place of one that an engine would run."""

    outdir = None
    prov_obj = None

    def __init__(self, outputs: Any, callback: Callback) -> None:
        self.outputs = outputs
        self.output_callback = callback

    def run(self, runtimeContext: Any, tmpdir_lock: Any = None) -> None:
        """Hand over the outputs."""
        self.output_callback(self.outputs, "success")


def keeping(store: Path, name: str, callback: Callback) -> Callback:
    """``callback`` that first keeps the outputs of a job that has succeeded.

    Where there is no room for them, the run goes on, and a later attempt does the job again.
    """

    def call(outputs: Any, status: str) -> None:
        if status == "success":
            try:
                keep(store, name, outputs)
            except OSError as error:
                print(f"latsky: not kept for a later attempt: {error}", file=sys.stderr)
        callback(outputs, status)

    return call
