"""``latsky crate``: describe a run as a Provenance Run Crate."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from latsky.provenance import crate
from latsky.provenance.hashing import entries, listing_hash, sha256, tree_files
from latsky.provenance.preview import preview
from latsky.provenance.run_data import RunData, read_data
from latsky.provenance.run_record import agent, write_json

README = """\
# {title}

This directory is an [RO-Crate](https://w3id.org/ro/crate/1.1): it tells what ran, on what data,
with which software, and what came out. Open `ro-crate-preview.html`; for programs there is
`ro-crate-metadata.json`.

* `run.json`: the run, its machine, software and agent; `engine.log`: log of the engine
* `job-order.yml`, `config/`: inputs with their SHA-256, and the configuration of the analysis
* `suite/`: the CWL documents that were run
* `records/`: one record and one log for each job
* `outputs.json`: the products
"""


def add_agent_options(parser: argparse.ArgumentParser) -> None:
    """Options that say who runs this, and the license."""
    parser.add_argument("--name", help="name of who ran it [that in run.json]")
    parser.add_argument("--orcid", help="ORCID of who ran it")
    parser.add_argument("--affiliation", help="name or address of an organisation")
    parser.add_argument("--license", help="address or name of the license of the crate")


def chosen_agent(options: argparse.Namespace, recorded: Mapping[str, str]) -> dict[str, str]:
    """The agent of a run with what the options say instead. Raises InputError."""
    given = {key: getattr(options, key) for key in ("name", "orcid", "affiliation")}
    return {**recorded, **agent({**recorded, **{k: v for k, v in given.items() if v}})}


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky crate``."""
    parser.add_argument("run", type=Path, help="directory of a run")
    add_agent_options(parser)


def run(options: argparse.Namespace) -> int:
    """Write the metadata and the preview into the directory of a run."""
    data = read_data(options.run)
    path = write_crate(
        data, product_places(data), chosen_agent(options, data.run["agent"]), options.license
    )
    print(path)
    return 0


def product_places(data: RunData) -> dict[str, str]:
    """SHA-256 → place of the products that are in a run's directory as the run left them."""
    places = {}
    for file in entries(data.outputs):
        path, content = data.path(file), data.content(file)
        inside = path is not None and path.resolve().is_relative_to(data.directory)
        if inside and content and content not in places and _hash(path) == content:
            places[content] = path.resolve().relative_to(data.directory).as_posix()
    return places


def _hash(path: Path) -> str:
    if path.is_dir():
        files = tree_files(path)
        return listing_hash({file.relative_to(path).as_posix(): sha256(file) for file in files})
    return sha256(path)


def write_crate(
    data: RunData,
    places: Mapping[str, str],
    who: Mapping[str, str] | None = None,
    license_text: str | None = None,
) -> Path:
    """Write ``ro-crate-metadata.json``, its preview and, where there is none, a README.

    Returns the metadata's path.
    """
    readme = data.directory / "README.md"
    title = f"Run {data.run['id'][:8]} of {data.workflow.stem}"
    if not readme.exists():
        readme.write_text(README.format(title=title), encoding="utf-8")
    document = crate.build(data, places, agent=who, license_text=license_text)
    path = data.directory / crate.METADATA
    write_json(path, document)
    page = preview(data, document["@graph"][1]["name"], places)
    (data.directory / "ro-crate-preview.html").write_text(page, encoding="utf-8")
    return path
