"""Which programs answer in the jobs: an image, or what is installed here."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from latsky.errors import InputError
from latsky.provenance.run_record import package_hash, packages
from latsky.run import images
from latsky.run.environment import (
    CALDB,
    FERMITOOLS,
    FERMITOOLS_MORE,
    PRESERVED,
    engine_path,
    job_environment,
)

ENGINES = ("embedded", "fermitools")
CONTAINERS = ("none", "apptainer")
_COMPUTING = ("numpy", "scipy", "numba", "llvmlite", "ducc0", "healpy", "astropy", "iminuit")
_IN_IMAGES = ("SOURCE_DATE_EPOCH",)
"""of the preserved variables, those that mean the same inside of an image"""
_NO_RESULT = ("NUMBA_CACHE_DIR", "PFILES")
"""of the preserved variables, those that results do not depend on"""


@dataclass(frozen=True)
class Programs:
    """How the runners are told which programs to use."""

    flags: tuple[str, ...]
    """for cwltool and Toil alike"""
    environment: dict[str, str]
    """of the runner"""
    identity: str
    """hash of what sets the results beside tools and inputs"""
    image: str | None = None
    """SHA-256 of the SIF"""
    reference: str | None = None
    """name of the image"""

    def facts(self) -> dict[str, str | None]:
        """What ``run.json`` says of them."""
        return {
            "programs": self.environment["LATSKY_ENGINE"],
            "image": self.image,
            "image_reference": self.reference,
        }


def choose(
    container: str, engine: str, directory: Path, image: images.Image | None = None
) -> Programs:
    """The programs for a run in ``directory``, whose documents are in its ``suite``.

    ``image`` takes the place of the engine's own image. Raises InputError where the image is
    missing or not the one that was noted, and for an engine that is not installed.
    """
    environment = job_environment()
    environment["LATSKY_ENGINE"] = engine
    if container == "apptainer":
        cache = images.image_cache()
        chosen = image or images.image(engine)
        _, sha256 = images.verify(chosen, cache)
        environment["CWL_SINGULARITY_CACHE"] = str(cache)
        overrides = images.override(chosen, directory / "overrides.json", directory / "suite")
        kept = [name for name in _IN_IMAGES if name in environment]
        identity, reference = {"image": sha256}, chosen.reference
        flags = ["--singularity", f"--overrides={overrides}"]
    else:
        sha256 = reference = None
        kept = [name for name in (*PRESERVED, "LATSKY_ENGINE") if name in environment]
        if engine == "fermitools":
            kept += _installed_fermitools(environment, directory)
        installed = packages()
        identity = {
            "latsky": package_hash(),
            "engine": engine,
            "versions": {name: installed.get(name) for name in _COMPUTING},
            "gtselect": shutil.which("gtselect", path=environment["PATH"]),
        }
        flags = ["--no-container"]
    identity["environment"] = {name: environment[name] for name in kept if name not in _NO_RESULT}
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    flags += [f"--preserve-environment={name}" for name in kept]
    return Programs(tuple(flags), environment, digest, sha256, reference)


def _installed_fermitools(environment: dict[str, str], directory: Path) -> list[str]:
    """Set ``environment`` for the Fermitools found on PATH; the variables that they need.

    Their parameter files are kept in ``directory``: the user's own hold values of earlier calls.
    Raises InputError where they are not installed or not set up.
    """
    environment["PATH"] = environment["PATH"].removeprefix(f"{engine_path()}{os.pathsep}")
    if shutil.which("gtselect", path=environment["PATH"]) is None:
        raise InputError("no Fermitools on PATH", key="--engine")
    missing = [name for name in (*FERMITOOLS, *CALDB) if not environment.get(name)]
    if missing:
        raise InputError(
            f"the Fermitools on PATH are not set up: {', '.join(missing)} not set", key="--engine"
        )
    own = directory / ".pfiles"
    own.mkdir(parents=True, exist_ok=True)
    environment["PFILES"] = f"{own};{environment['PFILES'].rpartition(';')[2]}"
    return [name for name in (*FERMITOOLS, *FERMITOOLS_MORE) if name in environment]
