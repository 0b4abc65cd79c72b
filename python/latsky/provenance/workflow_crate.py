"""The workflow itself as a Workflow RO-Crate 1.0, for registries such as WorkflowHub.

``python -m latsky.provenance.workflow_crate DIRECTORY`` makes the crate of cwl/allsky.cwl: all
documents it needs, and the same in one file, ``allsky-packed.cwl``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import latsky
from latsky.errors import InputError, guarded
from latsky.provenance.closure import copy_closure
from latsky.provenance.crate import (
    COMPUTATION,
    CONTEXT,
    LANGUAGE,
    METADATA,
    PARAMETER,
    describe_language,
)
from latsky.provenance.crate_graph import Graph, reference
from latsky.provenance.cwl_model import Process, read_process, simple_type
from latsky.provenance.hashing import sha256, tree_files
from latsky.provenance.run_record import write_json
from latsky.run.environment import script
from latsky.run.suite import document

LICENSE = "https://spdx.org/licenses/BSD-3-Clause"
PROFILE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
README = """\
# {label}

{doc}

Version {version} of latsky. Run it with `cwltool {main} JOB-ORDER`, or with the same in one file,
`{packed}`. The commands of the jobs are in the images that the documents name, or come with
latsky.
"""
_TYPES = {"File": "File", "Directory": "Dataset", "int": "Integer", "long": "Integer",
          "float": "Float", "double": "Float", "boolean": "Boolean", "string": "Text"}  # fmt: skip


def pack(workflow: Path, target: Path) -> dict[str, Any]:
    """Write a workflow and all it runs as one document; its content.

    Raises InputError where that fails or would still need other files.
    """
    done = subprocess.run(
        [script("cwltool"), "--quiet", "--pack", workflow],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise InputError(f"cannot be packed: {done.stderr.strip()}", file=workflow)
    packed = json.loads(done.stdout)
    if "file://" in done.stdout:
        raise InputError("the packed document names local files", file=workflow)
    write_json(target, packed)
    return packed


def write_workflow_crate(workflow: Path, root: Path, directory: Path) -> Path:
    """Make the crate of a workflow; ``root`` is the directory that names are seen from.

    Returns the metadata's path. Raises InputError for a directory that holds something.
    """
    if directory.exists() and any(directory.iterdir()):
        raise InputError("is not empty", file=directory)
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    main = copy_closure(workflow, directory, root)
    process = read_process(main)
    name = main.relative_to(directory).as_posix()
    packed = f"{main.stem}-packed.cwl"
    pack(main, directory / packed)
    readme = README.format(
        label=process.label, doc=process.doc, version=latsky.__version__, main=name, packed=packed
    )
    (directory / "README.md").write_text(readme, encoding="utf-8")
    path = directory / METADATA
    write_json(path, _metadata(process, name, directory))
    return path


def _metadata(process: Process, main: str, directory: Path) -> dict[str, Any]:
    graph = Graph()
    for file in tree_files(directory):
        name = file.relative_to(directory).as_posix()
        graph.add(
            name,
            ["File", "SoftwareSourceCode"] if file.suffix == ".cwl" else "File",
            name=file.name,
            contentSize=str(file.stat().st_size),
            sha256=sha256(file),
            encodingFormat="text/markdown" if file.suffix == ".md" else "text/x+yaml",
            version=latsky.__version__ if file.suffix == ".cwl" else None,
        )
    parts = [reference(entity["@id"]) for entity in graph.entities()]
    graph["README.md"]["about"] = reference("./")
    graph[main].update(
        {
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": process.label,
            "description": process.doc,
            "programmingLanguage": reference(LANGUAGE),
            "conformsTo": reference(COMPUTATION),
            "license": reference(LICENSE),
            "creator": reference("#developers"),
        }
    )
    for key, ports in (("input", process.inputs), ("output", process.outputs)):
        for port in ports:
            kind, optional, many = simple_type(port.type)
            parameter = graph.add(
                f"{main}#{port.name}",
                "FormalParameter",
                name=port.name,
                description=port.doc,
                additionalType=_TYPES.get(kind, "PropertyValue"),
                valueRequired=str(not optional),
                multipleValues="True" if many else None,
                conformsTo=reference(PARAMETER),
            )
            graph.append(main, key, parameter)
    describe_language(graph, process.version)
    graph.add(LICENSE, "CreativeWork", name="BSD-3-Clause")
    graph.add("#developers", "Organization", name="The latsky developers")
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"latsky: {process.label}",
        "description": process.doc,
        "license": reference(LICENSE),
        "author": reference("#developers"),
        "datePublished": _date(),
        "mainEntity": reference(main),
        "hasPart": parts,
    }
    descriptor = {
        "@id": METADATA,
        "@type": "CreativeWork",
        "about": reference("./"),
        "conformsTo": [reference("https://w3id.org/ro/crate/1.1"), reference(PROFILE)],
    }
    return {"@context": CONTEXT, "@graph": [descriptor, root, *graph.entities()]}


def _date() -> str:
    """Today, or the day of SOURCE_DATE_EPOCH."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return moment.date().isoformat()


def main() -> int:
    """Make the crate in the directory that is named."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m latsky.provenance.workflow_crate DIRECTORY")

    def make() -> None:
        workflow = document("cwl/allsky.cwl")
        print(write_workflow_crate(workflow, workflow.parents[1], Path(sys.argv[1])))

    return guarded("workflow_crate", make)


if __name__ == "__main__":
    sys.exit(main())
