"""The CWL documents are found, and shipped in the wheel."""

import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from latsky.run import suite

ROOT = Path(__file__).resolve().parents[2]


def test_documents_of_the_checkout():
    assert suite.suite_root() == ROOT
    assert suite.document("cwl/allsky.cwl") == ROOT / "cwl" / "allsky.cwl"
    names = {path.name for path in suite.documents()}
    assert {"allsky.cwl", "gtselect.cwl", "bind-batches.cwl", "count-component.cwl"} <= names


def test_unknown_document():
    with pytest.raises(FileNotFoundError, match="no such document"):
        suite.document("cwl/none.cwl")


def test_installed_package_without_documents(tmp_path, monkeypatch):
    package = tmp_path / "lib" / "python" / "latsky"
    monkeypatch.setattr(suite.latsky, "__file__", str(package / "__init__.py"))
    with pytest.raises(FileNotFoundError, match="missing from this installation"):
        suite.suite_root()
    (package / "suite" / "cwl").mkdir(parents=True)
    (package / "suite" / "cwl" / "allsky.cwl").touch()
    assert suite.suite_root() == package / "suite"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [path] = out.glob("latsky-*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_wheel_holds_the_documents_with_their_modes(wheel):
    shipped = {info.filename: info.external_attr >> 16 for info in wheel.infolist()}
    for path in suite.documents():
        name = f"latsky/suite/{path.relative_to(ROOT)}"
        assert shipped[name] & stat.S_IXUSR, name
        assert wheel.read(name) == path.read_bytes()
    for path in (ROOT / "cwl" / "types").glob("*.yml"):
        assert f"latsky/suite/cwl/types/{path.name}" in shipped
    for path in (ROOT / "python/latsky/embedded/bin").iterdir():
        assert shipped[f"latsky/embedded/bin/{path.name}"] & stat.S_IXUSR, path.name


def test_wheel_puts_no_fermitool_on_path(wheel):
    [entry_points] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    text = wheel.read(entry_points).decode()
    commands = {line.partition("=")[0].strip() for line in text.splitlines() if "=" in line}
    assert commands == {"latsky", "latsky-step"}
    assert not [name for name in wheel.namelist() if ".data/scripts/" in name]
