"""What registries read: .dockstore.yml, the workflow's crate, the packed document."""

import json
from pathlib import Path

import crate_validator
import pytest
from ruamel.yaml import YAML

from latsky.errors import InputError
from latsky.provenance.workflow_crate import write_workflow_crate

ROOT = Path(__file__).resolve().parents[2]


def test_dockstore_lists_every_workflow():
    listed = YAML(typ="safe").load(ROOT / ".dockstore.yml")
    assert listed["version"] == 1.2
    documents = {entry["primaryDescriptorPath"]: entry for entry in listed["workflows"]}
    assert set(documents) == {f"/cwl/{path.name}" for path in ROOT.glob("cwl/*.cwl")}
    for path, entry in documents.items():
        assert (entry["subclass"], entry["name"]) == ("CWL", Path(path).stem)
        for name in (entry["readMePath"], *entry.get("testParameterFiles", ())):
            assert (ROOT / name.lstrip("/")).is_file(), name


def test_workflow_crate_and_packed_document(tmp_path, monkeypatch):
    crate = tmp_path / "crate"
    metadata = write_workflow_crate(ROOT / "cwl" / "allsky.cwl", ROOT, crate)
    graph = {entity["@id"]: entity for entity in json.loads(metadata.read_text())["@graph"]}
    assert graph["./"]["mainEntity"] == {"@id": "cwl/allsky.cwl"}
    packed = json.loads((crate / "allsky-packed.cwl").read_text())
    processes = {process["id"]: process for process in packed["$graph"]}
    tools = {path.stem for path in crate.glob("tools/*.cwl")}
    assert tools and {f"#{name}.cwl" for name in tools} <= set(processes)
    runs = [step["run"] for process in processes.values() for step in process.get("steps", ())]
    assert runs and set(runs) <= set(processes)
    monkeypatch.setattr(
        crate_validator.requests.adapters.HTTPAdapter, "send", crate_validator._send
    )
    assert crate_validator.issues(crate, "REQUIRED", "workflow-ro-crate-1.0") == []
    with pytest.raises(InputError, match="not empty"):
        write_workflow_crate(ROOT / "cwl" / "allsky.cwl", ROOT, crate)
