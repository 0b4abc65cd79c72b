"""Hashes of files and directories, and of all inputs in a job order."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

BLOCK = 1 << 20
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True)
class FileHash:
    """What identifies the content of a file."""

    sha1: str
    sha256: str
    size: int

    def keys(self) -> dict[str, Any]:
        """The keys that go on a CWL File: its own ``checksum`` and ``size``, and ``sha256``."""
        return {"checksum": f"sha1${self.sha1}", "sha256": self.sha256, "size": self.size}


def sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_hash(path: Path) -> FileHash:
    """Both hashes of a file in one pass over it. Raises OSError."""
    one, two = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
    size = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            one.update(block)
            two.update(block)
            size += len(block)
    return FileHash(one.hexdigest(), two.hexdigest(), size)


def tree_files(directory: Path) -> list[Path]:
    """All files below a directory in the order of their relative names."""
    found = (path for path in directory.rglob("*") if path.is_file())
    return sorted(found, key=lambda path: path.relative_to(directory).as_posix())


def listing_hash(files: dict[str, str]) -> str:
    """The hash of a directory: that of its list ``sha256  relative/name``, as sha256sum has it."""
    lines = (f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def listed(directory: dict[str, Any], place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The File objects in a Directory object with a listing, by names relative to it."""
    for entry in directory.get("listing") or ():
        name = f"{place}{entry.get('basename', '')}"
        if entry.get("class") == "Directory":
            yield from listed(entry, f"{name}/")
        else:
            yield name, entry


def listing_of(directory: Path) -> list[dict[str, Any]]:
    """The listing of a Directory object for a directory of this machine."""
    return [
        {"class": "Directory", "basename": path.name, "listing": listing_of(path)}
        if path.is_dir()
        else {"class": "File", "basename": path.name, "location": path.as_uri()}
        for path in sorted(directory.iterdir())
    ]


def path_of(value: dict[str, Any]) -> Path | None:
    """The local path of a CWL File or Directory, if it has one."""
    location = str(value.get("location", ""))
    if location.startswith("file://"):
        return Path(unquote(location[7:]))
    if location:
        return None if _SCHEME.match(location) else Path(location)
    return Path(str(value["path"])) if value.get("path") else None


def entries(value: Any) -> Iterator[dict[str, Any]]:
    """All CWL Files and Directories in an object, secondary files and listings included."""
    if isinstance(value, dict):
        if value.get("class") in ("File", "Directory"):
            yield value
        for item in value.values():
            yield from entries(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from entries(item)


def outermost(value: Any) -> Iterator[dict[str, Any]]:
    """All CWL Files and Directories in an object that are in no other."""
    if isinstance(value, dict):
        if value.get("class") in ("File", "Directory"):
            yield value
            return
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from outermost(item)


def hash_order(order: dict[str, Any]) -> dict[str, dict[str, FileHash]]:
    """Hash all files of a job order, each once, and note it on its File objects.

    A Directory gets the key ``sha256`` of ``listing_hash``. Returns the files of each directory,
    by that hash. Files that are not local are left as they are. Raises OSError.
    """
    found = [(entry, path) for entry in entries(order) if (path := path_of(entry)) is not None]
    trees = {path: tree_files(path) for entry, path in found if entry["class"] == "Directory"}
    wanted = {path for entry, path in found if entry["class"] == "File"}
    wanted.update(path for files in trees.values() for path in files)
    names = sorted(wanted)
    with ThreadPoolExecutor(min(4, len(os.sched_getaffinity(0)))) as pool:
        hashes = dict(zip(names, pool.map(file_hash, names), strict=True))
    directories = {}
    for entry, path in found:
        if entry["class"] == "File":
            entry.update(hashes[path].keys())
            continue
        content = {file.relative_to(path).as_posix(): hashes[file] for file in trees[path]}
        entry["sha256"] = listing_hash({name: item.sha256 for name, item in content.items()})
        directories[entry["sha256"]] = content
    return directories
