"""The demonstration from its event files to fitted models and the report, by ``latsky run``."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from latsky.demo.make import Settings, make_demo
from latsky.fit.model_files import Finder, read_model_files
from latsky.fit.results import read_results
from latsky.fits.source_model import read_source_model
from latsky.report.gather import gather
from latsky.run.environment import job_environment, script

pytestmark = pytest.mark.engine

COMPONENTS = ("zmax80_E0_PSF3", "zmax90_E1_PSF23", "zmax105_E2_PSF123", "zmax105_E3_PSF0123")
CORRECTIONS = {"Value": 1.0, "Normalization": 1.0, "Index": 0.0}
"""parameters of templates, which were simulated as they stand"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Directory of the run, what was printed, and the truth."""
    root = tmp_path_factory.mktemp("demo") / "sky"
    make_demo(root, Settings())
    done = subprocess.run(
        [script("latsky"), "run", root / "analysis.yaml", "--no-plots", "--jobs", "2"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return root / "run", done, json.loads((root / "truth.json").read_text())


@pytest.fixture(scope="module")
def fitted(run):
    return read_results(run[0] / "analysis/model_baseline/fit_baseline.json")


def test_fit_finds_the_truth(run, fitted):
    """All that is free, sources' fluxes and templates' factors, within its errors."""
    norms = {source["name"]: source["spectrum"]["norm"] for source in run[2]["sources"]}
    scale = {f"{p.source}:{p.name}": p.scale for p in fitted.parameters}
    truth = []
    for key in fitted.covariance.parameters:
        source, _, name = key.rpartition(":")
        if source in norms:
            truth.append(norms[source] / scale[key])
        else:
            truth.append(CORRECTIONS.get(name, 1.0))
    found = {f"{p.source}:{p.name}": p.value for p in fitted.parameters}
    values = np.array([found[key] for key in fitted.covariance.parameters])
    covariance = np.array(fitted.covariance.covariance)
    off = values - truth
    pulls = off / np.sqrt(np.diag(covariance))
    assert fitted.converged and not any(p.at_limit for p in fitted.parameters)
    assert len(off) == 21
    assert np.abs(pulls).max() < 4
    chance = stats.chi2.sf(off @ np.linalg.solve(covariance, off), len(off))
    assert 1e-3 < chance < 1 - 1e-3
    # what is bright is measured well: the errors are not merely wide
    relative = {key: covariance[n, n] ** 0.5 for n, key in enumerate(fitted.covariance.parameters)}
    assert relative["iso:Normalization"] < 0.06
    assert relative["merged_HI_1:Prefactor"] < 0.06


def test_table_and_report_at_the_end(run):
    directory, done, _ = run
    lines = [line for line in done.stderr.splitlines() if line.endswith(" done")]
    number = lines[-1].partition("]")[0].lstrip("[").split("/")
    assert number[0] == number[1] == str(len(lines))
    assert "Fit of baseline: converged" in done.stdout
    assert "merged_HI_1" in done.stdout
    assert f"report: {directory / 'report/index.html'}" in done.stdout
    shown = json.loads((directory / "report/report.json").read_text())
    assert [model["model"] for model in shown["models"]] == ["baseline"]
    assert set(gather(directory).models[0].maps) == set(COMPONENTS)


def test_scatter_over_files_planes_and_sources(run):
    tools = {}
    for path in (run[0] / "records").glob("*.json"):
        record = json.loads(path.read_text())
        if record["kind"] == "command":
            tools.setdefault(Path(record["tool"]).stem, []).append(record)
    assert len(tools["gtbin"]) == 4 * 4
    assert len(tools["source-maps-diffuse"]) == 10 * (1 + 1 + 1 + 2)
    assert len(tools["source-maps-catalog"]) == 2 * 4
    assert len(tools["fit-model"]) == 1


def test_directory_opens_where_it_is(run):
    """Every file that the configuration and the source models name is found from there."""
    directory = run[0] / "analysis/model_baseline"
    files = read_model_files(directory / "config.yaml")
    assert len(files.components) == 4
    assert all(component.exposure_cube is not None for component in files.components)
    finder = Finder(directory)
    for path in directory.glob("srcmdl_*.xml"):
        for source in read_source_model(path):
            for model in (source.spatial, source.spectrum):
                if model is not None and model.file:
                    assert finder.find(model.file) is not None, (path.name, source.name)
    listed = (directory / "../../ft2_files/ft2_P8_P305_demo_source.lst").read_text().split()
    assert [Path(name).is_file() for name in listed] == [True, True]


def test_fit_again_in_place(run, tmp_path):
    """``latsky-step fit-model`` from the found parameters stays where it is."""
    directory = run[0] / "analysis/model_baseline"
    done = subprocess.run(
        [
            script("latsky-step"),
            *("fit-model", "--config", directory / "config.yaml", "--output", tmp_path),
            *("--parameters", directory / "fit_baseline_parameters.yaml", "--no-model-cubes"),
            *("--caldb", run[0].parent / "caldb"),
        ],
        capture_output=True,
        text=True,
        env=job_environment(),
    )
    assert done.returncode == 0, done.stderr
    first = read_results(directory / "fit_baseline.json")
    again = read_results(tmp_path / "fit_baseline.json")
    assert again.log_likelihood_start == pytest.approx(first.log_likelihood, abs=1e-3)
    for before, after in zip(first.parameters, again.parameters, strict=True):
        assert abs(after.value - before.value) < 0.01 * before.error
