"""What a run was: ``run.json``, and the copies of its documents and configuration.

The directory RUN of a run holds ``run.json``, ``job-order.yml`` (every file with its hashes),
``suite/`` (the CWL documents that were run), ``config/`` (the YAML files), ``records/`` (one a
job, latsky.provenance.recorder), ``engine.log``, ``outputs.json`` and the products.
"""

from __future__ import annotations

import getpass
import json
import os
import platform
import pwd
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import latsky
from latsky.errors import InputError
from latsky.provenance.hashing import FileHash, listing_hash, sha256
from latsky.provenance.recorder import machine, now

SCHEMA = "latsky-run/1"
ENGINES = ("cwltool", "toil", "cwl-utils", "schema-salad")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_SOURCES = (".py", ".cwl", ".yml", ".yaml", ".json", ".xml", ".html", "")


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that a reader sees all of it or nothing."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(path)


def read_json(path: Path) -> Any:
    """A JSON file. Raises InputError where it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(error.strerror or str(error), file=path) from error
    except ValueError as error:
        raise InputError(f"not JSON: {error}", file=path) from error


def read_run(directory: Path) -> dict[str, Any]:
    """``run.json`` of a run. Raises InputError for a directory that is none."""
    path = directory / "run.json"
    if not path.is_file():
        raise InputError("no run.json; not the directory of a run", file=directory)
    run = read_json(path)
    if run.get("schema") != SCHEMA:
        raise InputError(f"not of the schema {SCHEMA}", file=path, key="schema")
    return run


def packages() -> dict[str, str]:
    """All installed distributions with their versions, by name."""
    found = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(name.lower().replace("_", "-"), distribution.version)
    return dict(sorted(found.items()))


def threads() -> dict[str, str]:
    """Settings of the number of threads that are in the environment."""
    return {name: os.environ[name] for name in THREADS if name in os.environ}


@cache
def package_hash() -> str:
    """The hash of latsky's own Python code, as of a directory (``listing_hash``)."""
    root = Path(latsky.__file__).parent
    files = {
        path.relative_to(root).as_posix(): sha256(path)
        for path in root.rglob("*")
        if path.suffix in _SOURCES
        and path.is_file()
        and "__pycache__" not in path.parts
        and path.relative_to(root).parts[0] != "suite"
    }
    return listing_hash(files)


def agent(given: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """Who runs this: ``name``, and ``orcid`` and ``affiliation`` where they are known.

    From ``given``, else from LATSKY_AGENT_NAME, LATSKY_AGENT_ORCID and LATSKY_AGENT_AFFILIATION,
    else from ``latsky/agent.yml`` in the user's configuration directory, else the account's name.
    Raises InputError for what is no ORCID.
    """
    from latsky.provenance.closure import load

    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    file = Path(home) / "latsky" / "agent.yml"
    configured = load(file) if file.is_file() else {}
    if not isinstance(configured, dict):
        raise InputError("should hold name, orcid and affiliation", file=file)
    found = {}
    for key in ("name", "orcid", "affiliation"):
        value = (given or {}).get(key) or os.environ.get(f"LATSKY_AGENT_{key.upper()}")
        value = value or configured.get(key)
        if value:
            found[key] = str(value)
    if "orcid" in found:
        found["orcid"] = orcid(found["orcid"])
    found.setdefault("name", _account())
    return found


def orcid(text: str) -> str:
    """An ORCID as its address, check digit verified (ISO 7064 11,2). Raises InputError."""
    digits = text.rstrip("/").rpartition("/")[2].replace("-", "").upper()
    total = 0
    for digit in digits[:-1]:
        total = (total + (int(digit) if digit.isdigit() else 99)) * 2
    check = (12 - total % 11) % 11
    if len(digits) != 16 or not digits[:15].isdigit() or digits[-1] != "0123456789X"[check]:
        raise InputError("no ORCID, e.g. 0000-0002-1825-0097", key=text)
    return "https://orcid.org/" + "-".join(digits[i : i + 4] for i in range(0, 16, 4))


def _account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_gecos.partition(",")[0] or getpass.getuser()
    except KeyError:
        return getpass.getuser()


def begin(
    *,
    engine: str,
    arguments: Sequence[str],
    workflow: Path,
    directory: Path,
    analysis: Path | None = None,
    config: Iterable[Path] = (),
    directories: Mapping[str, Mapping[str, FileHash]] | None = None,
    rerun_of: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of ``run.json`` for a run that is about to start.

    ``workflow`` is the document in ``directory/suite`` (``closure.copy_closure``), ``config`` what
    is copied to ``directory/config``, ``directories`` what ``hashing.hash_order`` returned.
    """
    copies = directory / "config"
    shutil.rmtree(copies, ignore_errors=True)
    configuration = {}
    for path in dict.fromkeys(config):
        name = path.name
        while name in configuration:
            name = f"_{name}"
        copies.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copies / name)
        configuration[name] = {"path": str(path), "sha256": sha256(copies / name)}
    suite = directory / "suite"
    documents = {
        path.relative_to(suite).as_posix(): sha256(path)
        for path in sorted(suite.rglob("*"))
        if path.is_file()
    }
    installed = packages()
    return {
        "schema": SCHEMA,
        "id": str(uuid.uuid4()),
        "status": "running",
        "start": now(),
        "engine": engine,
        "arguments": list(arguments),
        "directory": str(directory),
        "workflow": workflow.relative_to(directory).as_posix(),
        "analysis": str(analysis) if analysis else None,
        "config": configuration,
        "suite": {
            "version": latsky.__version__,
            "sha256": package_hash(),
            "documents_sha256": listing_hash(documents),
            "documents": documents,
        },
        "versions": {name: installed[name] for name in ENGINES if name in installed},
        "packages": installed,
        "machine": {
            **machine(),
            "cores": len(os.sched_getaffinity(0)),
            "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
            "system": platform.system(),
        },
        "threads": threads(),
        "user": getpass.getuser(),
        "agent": agent(),
        "directories": {
            key: {name: item.keys() for name, item in files.items()}
            for key, files in (directories or {}).items()
        },
        **({"rerun_of": dict(rerun_of)} if rerun_of else {}),
    }


@contextmanager
def recorded(run: dict[str, Any], directory: Path) -> Iterator[dict[str, Any]]:
    """Write ``run.json`` now and when the block ends; the block sets ``run["exit_status"]``."""
    path = directory / "run.json"
    write_json(path, run)
    try:
        yield run
        run["status"] = "success" if run.get("exit_status") == 0 else "failed"
    except BaseException:
        run["status"] = "interrupted"
        raise
    finally:
        run["end"] = now()
        write_json(path, run)
