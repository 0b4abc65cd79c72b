"""The CWL documents that a workflow consists of."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from latsky.errors import InputError

_TYPE = re.compile(r"([^#\s]+\.(?:ya?ml|cwl|json))#")
"""a type of another document: ``types/component.yml#component[]``"""


def load(path: Path) -> Any:
    """A YAML document. Raises InputError."""
    from ruamel.yaml import YAML, YAMLError

    try:
        return YAML(typ="safe").load(path)
    except OSError as error:
        raise InputError(error.strerror or str(error), file=path) from error
    except YAMLError as error:
        raise InputError(f"not YAML: {str(error).splitlines()[0]}", file=path) from error


def closure(workflow: Path) -> list[Path]:
    """A workflow document with all documents and default files it needs, each once.

    Raises InputError for one that is missing or no YAML.
    """
    found: dict[Path, None] = {}
    waiting = [workflow.resolve()]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        if not path.is_file():
            raise InputError("no such file", file=path)
        found[path] = None
        if path.suffix in (".cwl", ".yml", ".yaml", ".json"):
            names = _references(load(path))
            waiting += [(path.parent / name).resolve() for name in names]
    return sorted(found)


def _references(value: Any, key: str = "") -> Iterator[str]:
    """Relative names of the files that a document refers to."""
    if isinstance(value, dict):
        if value.get("class") == "File" and key == "default":
            name = str(value.get("location") or value.get("path") or "")
            if name and ":" not in name:
                yield unquote(name) if "location" in value else name
        for inner, item in value.items():
            yield from _references(item, str(inner))
    elif isinstance(value, list):
        for item in value:
            yield from _references(item, key)
    elif isinstance(value, str):
        if key in ("run", "$import", "$include") and not value.startswith("#"):
            name = value.partition("#")[0]
            if ":" not in name:
                yield name
        elif key not in _TEXT and (match := _TYPE.match(value)):
            yield match.group(1)


_TEXT = ("doc", "label", "expression", "valueFrom", "glob", "when", "entry", "prefix")
"""keys whose strings are never types; types may stand at the name of a port (``n: int``)"""


def root_of(files: list[Path]) -> Path:
    """The deepest directory that holds all files."""
    return Path(os.path.commonpath([path.parent for path in files]))


def copy_closure(workflow: Path, target: Path, root: Path | None = None) -> Path:
    """Copy all that a workflow needs below ``target``; the copy of the workflow itself.

    Relative places are kept, seen from ``root`` or else from the deepest directory of all files.
    """
    files = closure(workflow)
    root = root_of(files) if root is None else root.resolve()
    for path in files:
        copy = target / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return target / workflow.resolve().relative_to(root)
