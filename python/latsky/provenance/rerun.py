"""Running an archive again: everything is verified first, every job's results are graded after."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from latsky.errors import InputError, Problems
from latsky.provenance import bag, run_record
from latsky.provenance.archive import check_documents, write_yaml
from latsky.provenance.closure import copy_closure
from latsky.provenance.crate_command import product_places, write_crate
from latsky.provenance.grade import JobResult, grade_runs, side
from latsky.provenance.hashing import FileHash, entries, path_of, sha256
from latsky.provenance.run_data import RunData, read_data
from latsky.run.container import Programs, choose
from latsky.run.images import image, image_cache


def verified(
    archive: Path, target: Path, inputs: Path | None, images: Path | None, *, in_image: bool = True
) -> RunData:
    """Unpack an archive below ``target``, verify all of it and find its inputs.

    Inputs that the archive lacks are taken from the directory ``inputs`` and linked to their
    places. Images are looked at only if they will be used (``in_image``). Raises InputError(s)
    naming everything that is not what it was in the run.
    """
    root = bag.unpack(archive, target)
    manifest = bag.verify(root)
    data = read_data(root / "data")
    problems = Problems()
    check_documents(data, problems)
    _find_inputs(data, manifest, inputs, problems)
    if in_image:
        _check_images(data, image_place(data, images), problems)
    problems.raise_any()
    return data


def _needed(data: RunData) -> dict[str, tuple[str, int]]:
    """Place → SHA-256 and size of all files of the job order."""
    found = {}
    for entry in entries(data.order):
        place = str(entry.get("path", ""))
        if entry["class"] == "File" and "sha256" in entry:
            found[place] = (entry["sha256"], entry["size"])
        elif entry["class"] == "Directory" and "sha256" in entry:
            for name, file in data.run["directories"][entry["sha256"]].items():
                found[f"{place}/{name}"] = (file["sha256"], file["size"])
    return found


def _find_inputs(
    data: RunData, manifest: Mapping[str, str], directory: Path | None, problems: Problems
) -> None:
    files: dict[int, list[Path]] = {}
    if directory is not None:
        if not directory.is_dir():
            raise InputError("no such directory", file=directory, key="--inputs")
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                files.setdefault(path.stat().st_size, []).append(path)
    known: dict[Path, str] = {}
    for place, (digest, size) in _needed(data).items():
        target = data.directory / place
        if target.is_file():
            # the bag has been verified; its manifest has to agree with the run
            if manifest.get(place) != digest:
                problems.add("other content than in the run", file=target)
            continue
        names = files.get(size, ())
        for path in sorted(names, key=lambda path: path.name != target.name):
            if path not in known:
                known[path] = sha256(path)
            if known[path] == digest:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(path.resolve())
                break
        else:
            _tell_missing(target.name, digest, files, problems)


def _tell_missing(
    name: str, digest: str, files: Mapping[int, Sequence[Path]], problems: Problems
) -> None:
    for paths in files.values():
        for path in paths:
            if path.name == name:
                problems.add(f"other content than in the run (SHA-256 {digest})", file=path)
                return
    where = " nor in --inputs" if files else "; give its directory with --inputs"
    problems.add(f"not in the archive{where} (SHA-256 {digest})", file=name)


def image_place(data: RunData, given: Path | None) -> Path:
    """The directory of the image files: that given, that of the archive, or the engines' own."""
    inside = data.directory / "images"
    return (given or (inside if inside.is_dir() else image_cache())).resolve()


def _check_images(data: RunData, directory: Path, problems: Problems) -> None:
    """Note images of the run that are missing or others."""
    images = {
        str(image["reference"]): image
        for record in data.records
        if (image := record.get("container"))
    }
    for name, image in images.items():
        path = directory / name
        if "sha256" not in image:
            problems.add("known by its name only, so it cannot be verified", key=name)
        elif not path.is_file():
            problems.add("image not found; give its directory with --images", file=path)
        elif sha256(path) != image["sha256"]:
            problems.add(f"another image than in the run ({image['sha256']})", file=path)


def differences(data: RunData) -> list[str]:
    """What is other here than it was in the run, and may change results."""
    run, here = data.run, run_record.packages()
    lines = []
    for name, version in run["packages"].items():
        now = here.get(name)
        if name != "latsky" and now != version and name in _NUMERICAL | set(run_record.ENGINES):
            lines.append(f"{name} was {version}, is {now or 'missing'}")
    if run["suite"]["sha256"] != run_record.package_hash():
        lines.append(f"latsky {run['suite']['version']} had other code")
    machine = run_record.machine()
    for key in ("cpu", "python"):
        if machine[key] != run["machine"][key]:
            lines.append(f"{key} was {run['machine'][key]}, is {machine[key]}")
    threads = run_record.threads()
    if threads != run["threads"]:
        lines.append(f"thread settings were {run['threads'] or 'none'}, are {threads or 'none'}")
    return lines


_NUMERICAL = {"numpy", "scipy", "numba", "llvmlite", "ducc0", "healpy", "astropy", "iminuit"}


def programs_of(
    data: RunData, container: str | None, given: Path | None, directory: Path
) -> Programs:
    """The programs for another run of the jobs in ``directory``.

    They run in the image of the run where it had one and ``container`` (as of ``latsky run``) does
    not say otherwise; its file is looked for as in ``image_place``.
    """
    run = data.run
    engine = run.get("programs", "embedded")
    container = container or ("apptainer" if run.get("image") else "none")
    if container == "none" or not run.get("image"):
        return choose(container, engine, directory)
    os.environ["CWL_SINGULARITY_CACHE"] = str(image_place(data, given))
    known = {"reference": run["image_reference"], "sha256": run["image"]}
    return choose(container, engine, directory, replace(image(engine), **known))


def prepare(
    data: RunData, directory: Path, archive: Path, engine: str, arguments: Sequence[str]
) -> dict[str, Any]:
    """Lay out the directory of the new run; what its run.json begins with."""
    source = data.workflow
    workflow = copy_closure(source, directory / "suite", data.directory / "suite")
    order = _absolute(data.order, data.directory)
    write_yaml(directory / "job-order.yml", order)
    config = data.directory / "config"
    trees = {
        key: {
            name: FileHash(file["checksum"].removeprefix("sha1$"), file["sha256"], file["size"])
            for name, file in files.items()
        }
        for key, files in data.run["directories"].items()
    }
    return run_record.begin(
        engine=engine,
        arguments=arguments,
        workflow=workflow,
        directory=directory,
        config=sorted(config.iterdir()) if config.is_dir() else (),
        directories=trees,
        rerun_of={
            "run": data.run["id"],
            "archive": archive.name,
            "sha256": sha256(archive),
        },
    )


def _absolute(value: Any, root: Path) -> Any:
    if isinstance(value, dict):
        if value.get("class") in ("File", "Directory") and (path := path_of(value)) is not None:
            return {**value, "path": str(root / path)}
        return {key: _absolute(item, root) for key, item in value.items()}
    return [_absolute(item, root) for item in value] if isinstance(value, list) else value


def finish(data: RunData, directory: Path, rtol: float) -> list[JobResult]:
    """Grade a rerun against its archive and write its crate, linked to the original."""
    again = read_data(directory)
    results = grade_runs(side(data), side(again), rtol)
    write_crate(again, product_places(again))
    return results
