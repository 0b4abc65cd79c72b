"""The suite's own workflow on a small sky: jobs and records, archive and rerun."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import crate_validator
import pytest
import small_run
from ruamel.yaml import YAML

from latsky.demo.make import Settings, make_demo
from latsky.provenance import recorder
from latsky.provenance.hashing import sha256
from latsky.provenance.run_data import signature

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def sky(tmp_path_factory) -> Path:
    """One component of a simulated sky without templates, and a run of it by ``latsky run``."""
    root = tmp_path_factory.mktemp("allsky") / "sky"
    make_demo(root, Settings(days=0.2, seed=3, event_files=1))
    yaml = YAML(typ="safe")
    analysis = yaml.load(root / "analysis.yaml")
    binning = yaml.load(root / "config" / "binning.yaml")
    binning = {k: v for k, v in binning.items() if not re.match(r"E\d", k) or k == "E1"}
    for name in ("library", "models"):
        analysis.pop(name, None)
    yaml.dump(binning, root / "config" / "binning.yaml")
    yaml.dump(analysis, root / "analysis.yaml")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "latsky.cli", "run", root / "analysis.yaml", "--no-plots"),
            *("--outdir", root.parent / "run", "--jobs", "2"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return root.parent


def jobs(directory: Path) -> Counter:
    """Jobs that gave outputs, by step and values."""
    return Counter(
        (tuple(record["step"]), signature(record))
        for record in recorder.read(directory / "records")
        if record["status"] == "success"
    )


def products(directory: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in directory.rglob("*.fits")}


def test_records_are_the_jobs_of_latsky_run(sky):
    log = (sky / "run" / "engine.log").read_text()
    ended = re.findall(r"\[job [\w.-]+\] completed success", log)
    assert len(ended) == sum(jobs(sky / "run").values())
    assert small_run.read_json(sky / "run" / "run.json")["status"] == "success"
    assert not list((sky / "run" / "records").glob("*.started"))


def test_archive_and_rerun_with_the_originals_hidden(sky, tmp_path, monkeypatch):
    archive = tmp_path / "sky.zip"
    status, text = small_run.latsky(
        "archive", sky / "run", "--with", "inputs,outputs", "-o", archive
    )
    assert status == 0, text
    (sky / "sky").rename(sky / "hidden")
    (sky / "run").rename(sky / "hidden-run")
    try:
        status, text = small_run.latsky("rerun", archive, "-o", tmp_path / "again")
    finally:
        (sky / "hidden").rename(sky / "sky")
        (sky / "hidden-run").rename(sky / "run")
    assert status == 0, text
    number = sum(jobs(sky / "run").values())
    assert f"all {number} jobs: identical or better" in text
    assert products(tmp_path / "again" / "run") == products(sky / "run")
    monkeypatch.setattr(
        crate_validator.requests.adapters.HTTPAdapter, "send", crate_validator._send
    )
    crate = tmp_path / "again" / "run"
    assert crate_validator.issues(crate, "REQUIRED", crate_validator.PROFILES[-1]) == []


def test_lineage_goes_back_to_the_event_files(sky):
    (exposure,) = (sky / "run" / "bexp_cubes").glob("*.fits")
    status, text = small_run.latsky("lineage", exposure)
    assert status == 0, text
    inputs = {line.split()[-6] for line in text.splitlines() if line.endswith("input of the run")}
    files = {path.name for path in (sky / "sky" / "events").glob("ft*.fits*")}
    assert files <= inputs
    assert "caldb" in inputs
    assert "$ gtltcube " in text and "$ gtmktime " in text
