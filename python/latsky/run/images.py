"""Images as the engines look for them, and ``latsky images``.

cwltool and Toil derive the name of a SIF from the image's name and look for it in the directory
CWL_SINGULARITY_CACHE. The name is asked of the function they use themselves. What was built or
staged is noted, with its hash, in ``latsky-images.json`` of that directory; a SIF with another hash
is refused.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latsky.errors import InputError
from latsky.run.suite import suite_root

NOTES = "latsky-images.json"


@dataclass(frozen=True)
class Image:
    """An image of ``containers/images.yaml``."""

    name: str
    reference: str
    """as a DockerRequirement names it"""
    definition: Path
    locks: tuple[Path, ...]
    """the other files that set its contents"""
    sha256: str | None
    """of the published SIF"""


def containers() -> Path:
    """Directory of the definitions. Raises FileNotFoundError."""
    place = suite_root() / "containers"
    if not (place / "images.yaml").is_file():
        raise FileNotFoundError(2, "the definitions of the images are missing", place)
    return place


def images() -> dict[str, Image]:
    """All images of the suite by their short names."""
    from ruamel.yaml import YAML

    place = containers()
    listed = YAML(typ="safe").load(place / "images.yaml")
    return {
        name: Image(
            name,
            entry["reference"],
            place / entry["definition"],
            tuple(place / lock for lock in entry["locks"]),
            entry["sha256"],
        )
        for name, entry in listed.items()
    }


def image(name: str) -> Image:
    """One image. Raises InputError for a name that is not listed."""
    listed = images()
    if name not in listed:
        raise InputError(f"no such image; there are {', '.join(listed)}", key=name)
    return listed[name]


def image_cache() -> Path:
    """Directory of the SIFs: CWL_SINGULARITY_CACHE, else one in the user's cache."""
    given = os.environ.get("CWL_SINGULARITY_CACHE")
    if given:
        return Path(given).resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "latsky" / "images"


def sif_path(reference: str, cache: Path) -> Path:
    """Where cwltool and Toil look for the SIF of an image name.

    Raises InputError without a ``singularity`` on PATH, on whose version the name depends.
    """
    from cwl_utils.image_puller import SingularityImagePuller

    if shutil.which("singularity") is None:
        raise InputError(
            "this program is not on PATH; Apptainer installs it as another name of its own",
            key="singularity",
        )

    name = reference if ":" in reference else f"{reference}:latest"
    return Path(SingularityImagePuller(name, cache, "singularity", False).find_destination_path())


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def notes(cache: Path) -> dict[str, dict[str, Any]]:
    """What was built or staged in a cache, by image name. Raises InputError for a broken file."""
    path = cache / NOTES
    if not path.exists():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"not valid JSON ({error})", file=path) from None


def note(cache: Path, reference: str, entry: dict[str, Any]) -> None:
    """Note an image that was put into the cache."""
    with _locked(cache):
        content = {**notes(cache), reference: entry}
        temporary = cache / f".{NOTES}.part"
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        temporary.replace(cache / NOTES)


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def stage(chosen: Image, sif: Path, cache: Path, sha256: str | None = None) -> Path:
    """Put a SIF that was made elsewhere where the engines look for it.

    Raises InputError where its hash is not ``sha256``, or that of the published image.
    """
    if not sif.is_file():
        raise InputError("no such file", file=sif)
    found = file_hash(sif)
    for expected, source in ((sha256, "--sha256"), (chosen.sha256, "images.yaml")):
        if expected and found != expected.lower():
            raise InputError(f"SHA-256 is {found}, not {expected} ({source})", file=sif)
    cache.mkdir(parents=True, exist_ok=True)
    target = sif_path(chosen.reference, cache)
    if not (target.exists() and target.samefile(sif)):
        temporary = target.with_name(f".{target.name}.part")
        shutil.copyfile(sif, temporary)
        temporary.chmod(0o755)
        temporary.replace(target)
    note(cache, chosen.reference, {"file": target.name, "sha256": found})
    return target


def verify(chosen: Image, cache: Path) -> tuple[Path, str]:
    """The SIF of an image and its hash, after a check that it is the one that was noted.

    Raises InputError where it is absent, where nothing is known of it, or where it differs.
    """
    target = sif_path(chosen.reference, cache)
    if not target.is_file():
        raise InputError(
            f"image {chosen.reference} is not here; make it with: latsky images build "
            f"{chosen.name}, or: latsky images stage {chosen.name} FILE.sif",
            file=target,
        )
    noted = notes(cache).get(chosen.reference, {}).get("sha256")
    expected = chosen.sha256 or noted
    if expected is None:
        raise InputError(
            f"of unknown origin: latsky images stage {chosen.name} {target}, if it is the one you "
            "want",
            file=target,
        )
    found = file_hash(target)
    if found != expected:
        raise InputError(
            f"image {chosen.reference} has changed: SHA-256 is {found}, not {expected}", file=target
        )
    return target, found


def override(chosen: Image, target: Path, root: Path | None = None) -> Path:
    """Write a file for the engines' ``--overrides`` that puts all tools into one image.

    ``root`` holds the documents, by default those of the suite.
    """
    tools = sorted(((root or suite_root()) / "tools").rglob("*.cwl"))
    content = {
        "cwltool:overrides": {
            tool.as_uri(): {"requirements": {"DockerRequirement": {"dockerPull": chosen.reference}}}
            for tool in tools
        },
        "$namespaces": {"cwltool": "http://commonwl.org/cwltool#"},
    }
    target.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return target


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky images``."""
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="directory of the SIFs [CWL_SINGULARITY_CACHE, else one in the user's cache]",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    names = {"metavar": "IMAGE", "help": "short name, of containers/images.yaml"}
    build = actions.add_parser("build", help="build an image")
    build.add_argument("image", **names)
    build.add_argument("--force", action="store_true", help="build even if nothing has changed")
    lock = actions.add_parser("lock", help="write the lock files of an image anew")
    lock.add_argument("image", **names)
    put = actions.add_parser("stage", help="take over a SIF that was built elsewhere")
    put.add_argument("image", **names)
    put.add_argument("sif", type=Path, help="the SIF")
    put.add_argument("--sha256", metavar="HEX", help="refuse a file with another hash")
    check = actions.add_parser("verify", help="compare SIFs with the hashes they should have")
    check.add_argument("image", nargs="*", metavar="IMAGE", help="short names [all that are here]")
    actions.add_parser("list", help="show the images and their files")


def run(options: argparse.Namespace) -> int:
    """Do what ``latsky images`` is asked for; 2 for a SIF that is not what it should be."""
    cache = (options.cache or image_cache()).resolve()
    if options.action == "build":
        from latsky.run.image_build import build

        target = build(image(options.image), cache, force=options.force)
        print(f"{file_hash(target)}  {target}")
    elif options.action == "lock":
        from latsky.run.image_build import lock

        for path in lock(image(options.image)):
            print(path)
    elif options.action == "stage":
        target = stage(image(options.image), options.sif, cache, options.sha256)
        print(f"{file_hash(target)}  {target}")
    elif options.action == "verify":
        here = [one.name for one in images().values() if sif_path(one.reference, cache).exists()]
        if not (options.image or here):
            raise InputError("no image is here", file=cache)
        for name in options.image or here:
            target, found = verify(image(name), cache)
            print(f"{found}  {target}")
    else:
        for one in images().values():
            target = sif_path(one.reference, cache)
            print(f"{one.name:12} {one.reference:28} {target if target.exists() else 'not here'}")
    return 0
