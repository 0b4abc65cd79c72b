"""House style and validity of every CWL document."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("tools/**/*.cwl"), *ROOT.glob("cwl/**/*.cwl")])
TYPES = sorted(ROOT.glob("cwl/types/*.yml"))
ORDER = [
    "cwlVersion",
    "class",
    "label",
    "doc",
    "hints",
    "requirements",
    "baseCommand",
    "arguments",
    "stdout",
    "inputs",
    "outputs",
    "steps",
    "expression",
    "$namespaces",
]
UNITS = re.compile(r"\b(deg|MeV|keV|s|cm2 s|MiB|FITS|YAML|XML|text|no unit)\b")
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def load(path: Path) -> dict:
    return YAML(typ="safe").load(path)


@pytest.fixture(params=DOCUMENTS, ids=name)
def path(request):
    return request.param


@pytest.fixture(params=[p for p in DOCUMENTS if p.parent.name == "tools"], ids=name)
def tool(request):
    return load(request.param)


def test_there_are_documents():
    assert {"gtselect.cwl", "allsky.cwl"} <= {path.name for path in DOCUMENTS}


def test_all_documents_are_valid():
    """As ``cwltool --validate --strict`` on each, without the network, in one process."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from command_line import load\n"
        "for name in sys.argv[2:]: load(Path(name))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, Path(__file__).parent, *DOCUMENTS],
        capture_output=True,
        text=True,
        env={**os.environ, "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
    )
    assert result.returncode == 0, result.stderr
    assert "warning" not in result.stderr.lower(), result.stderr


def test_ids_are_unique(path):
    """Inputs, outputs and steps of a process have one space of names."""
    document = load(path)
    ids = [key for part in ("inputs", "outputs", "steps") for key in document.get(part, {})]
    assert sorted({key for key in ids if ids.count(key) > 1}) == []


def test_file(path):
    assert path.read_text().startswith("#!/usr/bin/env cwl-runner\ncwlVersion: v1.2\n")
    assert os.access(path, os.X_OK)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*\.cwl", path.name)


def test_keys_are_in_order(path):
    document = load(path)
    keys = list(document)
    assert set(keys) <= set(ORDER)
    assert keys == sorted(keys, key=ORDER.index)
    assert document["label"] and document["doc"]
    assert "id" not in document


def test_ports_are_described_with_units(path):
    document = load(path)
    for group in ("inputs", "outputs"):
        assert isinstance(document[group], dict)
        for port, body in document[group].items():
            assert NAME.fullmatch(port), port
            assert body.get("label"), port
            assert UNITS.search(body.get("doc", "")), f"{port}: {body.get('doc')}"
            assert "id" not in body


def test_steps_are_labelled(path):
    for step, body in (load(path).get("steps") or {}).items():
        assert NAME.fullmatch(step)
        assert body["label"], step


def test_tool_states_its_needs(tool):
    assert tool["class"] == "CommandLineTool"
    assert {"DockerRequirement", "SoftwareRequirement"} == set(tool["hints"])
    requirements = tool["requirements"]
    assert "DockerRequirement" not in requirements
    cores = requirements["ResourceRequirement"]["coresMin"]
    if isinstance(cores, str):
        cores = tool["inputs"][re.fullmatch(r"\$\(inputs\.(\w+)\)", cores).group(1)]["default"]
    assert cores >= 1
    assert requirements["ResourceRequirement"]["ramMin"]
    # Toil cannot evaluate an expression here
    assert isinstance(requirements["ToolTimeLimit"]["timelimit"], int)
    assert requirements["NetworkAccess"] == {"networkAccess": False}


def test_tool_outputs_have_a_format(tool):
    for port, body in tool["outputs"].items():
        if "File" in str(body["type"]):
            assert body["format"].startswith("iana:"), port


def test_javascript_is_required_where_used_and_only_there(path):
    document = load(path)
    text = path.read_text()
    code = re.search(r"\$\{|\$\([^)]*(===|!==|function|\[self|String\()", text)
    assert bool(code) == ("InlineJavascriptRequirement" in document["requirements"])


def test_no_document_names_a_place_of_this_machine(path):
    assert not re.search(r"/(home|work|tmp|root|opt)/", path.read_text())


@pytest.mark.parametrize("path", TYPES, ids=name)
def test_types(path):
    record = load(path)
    assert record["type"] == "record"
    assert record["name"] == path.stem.replace("-", "_")
    for field in record["fields"]:
        assert NAME.fullmatch(field["name"])
        assert field["doc"]
