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

Needed: Python {python} or another from 3.11 on, and cwltool ({engine} was used).

{steps}
The products are in `products/`. {compare}

## Run it again with latsky, and have everything compared

    latsky rerun {archive} {flags}

It verifies all of the above first, then says of every job's outputs whether they are the same.
"""


def readme(
    data: RunData, archive: Path, inputs: Sequence[dict[str, Any]], images: bool, outputs: bool
) -> str:
    """The text. ``inputs`` is the content of inputs.json."""
    run = data.run
    missing = [entry for entry in inputs if not entry["included"]]
    containers = any(record.get("container") for record in data.records)
    install = [
        "    python3 -m venv environment",
        "    environment/bin/pip install cwltool",
    ]
    if containers:
        install.append(f"    mkdir -p images && cp data/images/* images/    # {_places(images)}")
        command = "    CWL_SINGULARITY_CACHE=images environment/bin/cwltool --singularity \\"
        path = ""
    else:
        install += [
            "    # the commands of the jobs, in the versions that were used",
            "    environment/bin/pip install --constraint data/requirements.txt "
            f"data/software/{wheel_name()}",
        ]
        path = '    PATH="$(environment/bin/latsky engine-path):$PWD/environment/bin:$PATH" \\\n'
        command = "    environment/bin/cwltool --no-container \\"
    steps = "\n".join(install) + "\n\nThen\n\n" + path + command
    steps += f"\n      --outdir products data/{run['workflow']} data/job-order.yml\n"
    compare = "Their SHA-256 are in `data/outputs.json`."
    if outputs:
        compare += " Those of the run are in `data/outputs/`."
    return _TEXT.format(
        title=f"Run {run['id'][:8]} of {data.workflow.stem}",
        start=run["start"][:16].replace("T", " "),
        id=run["id"],
        fetch=_fetch(missing),
        python=run["machine"]["python"],
        engine=" ".join((run["engine"], run["versions"].get(run["engine"], ""))),
        steps=steps,
        compare=compare,
        archive=archive.name,
        flags="--inputs DIRECTORY" if missing else "",
    )


def _places(images: bool) -> str:
    return "image files" if images else "put the image files here, see data/run.json"


def _fetch(missing: list[dict[str, Any]]) -> str:
    if not missing:
        return ""
    lines = ["\n## Inputs that are not in the archive\n", "Put them at these places:\n"]
    for entry in missing:
        url = f" from {entry['url']}" if entry.get("url") else ""
        lines.append(
            f"* `data/{entry['place']}`{url} ({entry['size']} bytes, SHA-256 `{entry['sha256']}`)"
        )
    return "\n".join(lines) + "\n"
