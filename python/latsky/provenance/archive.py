"""A run in one zip file: a BagIt bag whose payload is the run's crate.

Payload: ``run.json``, ``suite/``, ``config/``, ``records/``, ``engine.log``, ``overrides.json``
(where jobs ran in an image), the crate's metadata,
``job-order.yml`` and ``outputs.json`` with names relative to it, ``inputs.json`` (what every input
is and where it goes), ``requirements.txt``, ``software/`` (latsky as a wheel) and, as asked for,
``inputs/``, ``outputs/`` and ``images/``. Inputs lie below the beginning of their SHA-256, so equal
base names do not meet.
"""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latsky.errors import InputError, Problems
from latsky.provenance import bag
from latsky.provenance.archive_readme import readme
from latsky.provenance.crate_command import write_crate
from latsky.provenance.hashing import entries, path_of, sha256
from latsky.provenance.run_data import RunData, read_data
from latsky.provenance.run_record import read_json, write_json
from latsky.provenance.wheel import build_wheel, wheel_name
from latsky.run.images import image_cache

PARTS = ("inputs", "outputs", "images")
_TREES = ("suite", "config", "records", "earlier")


@dataclass(frozen=True)
class Piece:
    """A file that may go into an archive."""

    place: str
    path: Path | None
    sha256: str
    size: int
    url: str | None = None


def pack(
    data: RunData,
    output: Path,
    parts: Collection[str] = (),
    *,
    urls: Mapping[str, str] | None = None,
    images: Path | None = None,
    agent: Mapping[str, str] | None = None,
    license_text: str | None = None,
) -> None:
    """Write the archive of a run.

    ``parts`` are those of PARTS to include, ``urls`` addresses of inputs by name or SHA-256,
    ``images`` the directory of image files (by default the engines' own). Raises InputError(s)
    for a run that did not succeed, and for files that are missing or not what they were.
    """
    if data.run["status"] != "success":
        message = f"only a run that succeeded can be archived; this one: {data.run['status']}"
        raise InputError(message, data.directory / "run.json", "status")
    problems = Problems()
    check_documents(data, problems)
    order, inputs = _inputs(data, urls or {})
    outputs, products = _outputs(data)
    pictures = _images(data, images) if "images" in parts else []
    chosen = [
        *(inputs if "inputs" in parts else ()),
        *(products if "outputs" in parts else ()),
        *pictures,
    ]
    for piece in chosen:
        if piece.path is None:
            problems.add("not there any more", file=piece.place)
    problems.raise_any()
    with tempfile.TemporaryDirectory(prefix="latsky-archive-") as scratch:
        tree = Path(scratch)
        for name in _TREES:
            if (data.directory / name).is_dir():
                shutil.copytree(data.directory / name, tree / name)
        for name in ("run.json", "engine.log"):
            if (data.directory / name).is_file():
                shutil.copyfile(data.directory / name, tree / name)
        if (overrides := data.directory / "overrides.json").is_file():
            write_json(tree / "overrides.json", _relative_overrides(data, read_json(overrides)))
        write_yaml(tree / "job-order.yml", order)
        write_json(tree / "outputs.json", outputs)
        table = [_entry(piece, "inputs" in parts) for piece in inputs]
        write_json(tree / "inputs.json", table)
        packages = data.run["packages"].items()
        pins = "".join(f"{name}=={version}\n" for name, version in packages if name != "latsky")
        (tree / "requirements.txt").write_text(pins, encoding="utf-8")
        (tree / "software").mkdir()
        (tree / "software" / wheel_name()).write_bytes(build_wheel())
        text = readme(data, output, table, "images" in parts, "outputs" in parts)
        (tree / "README.md").write_text(text, encoding="utf-8")
        places = {piece.sha256: piece.place for piece in reversed(chosen)}
        for value, part in ((order, "inputs"), (outputs, "outputs")):
            for entry in entries(value) if part in parts else ():
                if entry["class"] == "Directory" and "sha256" in entry:
                    places[entry["sha256"]] = entry.get("path") or entry["location"]
        write_crate(read_data(tree), places, agent, license_text)
        with bag.BagWriter(output) as writer:
            for piece in chosen:
                if piece.path is not None and piece.place not in writer:
                    writer.add(piece.place, piece.path, piece.sha256)
            for piece in inputs:
                if piece.url and piece.place not in writer:
                    writer.add_remote(piece.place, piece.url, piece.size, piece.sha256)
            for path in sorted(path for path in tree.rglob("*") if path.is_file()):
                writer.add(path.relative_to(tree).as_posix(), path)
            writer.add_tag("README.md", text.encode())


@contextmanager
def opened(path: Path) -> Iterator[RunData]:
    """The run in a directory of a run, in an unpacked archive or in a zipped one, data excepted.

    Raises InputError for what is neither.
    """
    if path.is_dir():
        yield read_data(path / "data" if bag.is_bag(path) else path)
        return
    with tempfile.TemporaryDirectory(prefix="latsky-archive-") as scratch:
        yield read_data(bag.unpack(path, Path(scratch), light=True) / "data")


def check_documents(data: RunData, problems: Problems) -> None:
    """Note CWL documents and configuration files that are not those of the run."""
    expected = {f"suite/{name}": key for name, key in data.run["suite"]["documents"].items()}
    for name, entry in data.run["config"].items():
        expected[f"config/{name}"] = entry["sha256"]
    for name, digest in expected.items():
        path = data.directory / name
        if not path.is_file():
            problems.add("missing", file=path)
        elif sha256(path) != digest:
            problems.add("changed since the run", file=path)


def write_yaml(path: Path, value: Any) -> None:
    """Write a job order."""
    from latsky.job_order import write_job_order

    with path.open("w", encoding="utf-8") as stream:
        write_job_order(value, stream)


def _relative_overrides(data: RunData, overrides: dict[str, Any]) -> dict[str, Any]:
    """The overrides of a run with tools named as seen from the workflow, as the engines want it."""
    key = "cwltool:overrides"
    place = Path(data.run["directory"], data.run["workflow"]).parent.as_uri()
    tools = {os.path.relpath(tool, place): entry for tool, entry in overrides[key].items()}
    return {**overrides, key: tools}


def _entry(piece: Piece, included: bool) -> dict[str, Any]:
    entry = {
        "place": piece.place,
        "sha256": piece.sha256,
        "size": piece.size,
        "included": included,
    }
    return {**entry, "url": piece.url} if piece.url else entry


def _inputs(data: RunData, urls: Mapping[str, str]) -> tuple[dict[str, Any], list[Piece]]:
    """The job order with relative names, and all files of it."""
    order = copy.deepcopy(data.order)
    pieces: dict[str, Piece] = {}
    for entry in list(entries(order)):
        path, content = path_of(entry), entry.get("sha256")
        if path is None or content is None:
            continue
        place = f"inputs/{content[:16]}/{path.name}"
        found = data.path(entry)
        entry.pop("location", None)
        entry["path"] = place
        if entry["class"] == "File":
            url = urls.get(content) or urls.get(path.name)
            pieces[place] = Piece(place, found, content, entry["size"], url)
            if url:
                entry["url"] = url
            continue
        for name, file in data.run["directories"][content].items():
            inner = found / name if found and (found / name).is_file() else None
            url = urls.get(file["sha256"]) or urls.get(Path(name).name)
            inside = f"{place}/{name}"
            pieces[inside] = Piece(inside, inner, file["sha256"], file["size"], url)
    return order, list(pieces.values())


def _outputs(data: RunData) -> tuple[dict[str, Any], list[Piece]]:
    """The output object with relative names, and all files of it."""
    outputs = copy.deepcopy(data.outputs)
    pieces: dict[str, Piece] = {}
    for entry in list(entries(outputs)):
        content, path = data.content(entry), data.path(entry)
        if content is None:
            continue
        recorded = Path(str(path_of(entry)))
        try:
            inside = recorded.relative_to(data.run["directory"]).as_posix()
        except ValueError:
            inside = recorded.name
        place = f"outputs/{inside}"
        entry["location"], entry["sha256"] = place, content
        entry.pop("path", None)
        if entry["class"] == "File":
            pieces[place] = Piece(place, path, content, entry["size"])
    return outputs, list(pieces.values())


def _images(data: RunData, directory: Path | None) -> list[Piece]:
    """The image files that jobs ran in. Raises InputError where there is no knowing them."""
    pieces = {}
    for record in data.records:
        image = record.get("container")
        if not image:
            continue
        name = str(image["reference"])
        if "sha256" not in image:
            raise InputError("no image file; only files can be archived", key=name)
        path = (directory or image_cache()) / name
        place = f"images/{name}"
        pieces[place] = Piece(
            place, path if path.is_file() else None, image["sha256"], image["size"]
        )
    return list(pieces.values())
