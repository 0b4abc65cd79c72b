"""The reference week, run as a user would, against what the Fermitools made of it."""

import json

import numpy as np
import pytest
from ruamel.yaml import YAML
from week_analysis import latsky, write_analysis

from latsky.fits.hpx import read_counts_cube, read_exposure_cube
from latsky.fits.livetime import read_livetime_cube

pytestmark = [pytest.mark.reference, pytest.mark.engine]

COMPONENTS = ["E0_PSF3", "E1_PSF23", "E2_PSF123", "E3_PSF0123"]


@pytest.fixture(scope="module")
def run(reference, tmp_path_factory):
    directory = tmp_path_factory.mktemp("week")
    binning = YAML(typ="safe").load(reference / "week/config/binning.yaml")
    for key, section in binning.items():
        if key != "coordsys":
            section["mktimefilters"] = ["quality"]
    analysis = write_analysis(directory, reference, binning, [0, 1, 2])
    result = latsky("run", analysis, "--jobs", 2, "--outdir", directory / "run")
    assert result.returncode == 0, result.stderr
    return directory / "run", result


def products(directory, component):
    outputs = json.loads((directory / "outputs.json").read_text())
    [record] = [
        record
        for record in outputs["binned_components"]
        if record["component"]["name"] == component
    ]
    return {field: file["path"] for field, file in record.items() if field != "component"}


@pytest.mark.parametrize("component", COMPONENTS)
def test_counts_are_identical(run, reference, component):
    made = read_counts_cube(products(run[0], component)["counts_cube"])
    real = read_counts_cube(reference / f"week/expected/ccube_{component}.fits.gz")
    assert made.geometry == real.geometry
    assert np.array_equal(made.counts, real.counts)
    assert real.counts.sum() > 10000


@pytest.mark.parametrize("component", COMPONENTS)
def test_exposure(run, reference, component):
    made = read_exposure_cube(products(run[0], component)["exposure_cube"]).values
    real = read_exposure_cube(reference / f"week/expected/bexpcube_{component}.fits.gz").values
    assert np.allclose(made, real, rtol=1e-4, atol=1e-6 * real.max())


@pytest.mark.parametrize(("component", "zmax"), [("E0_PSF3", 80), ("E3_PSF0123", 105)])
def test_livetime(run, reference, component, zmax):
    made = read_livetime_cube(products(run[0], component)["livetime_cube"]).livetime
    real = read_livetime_cube(reference / f"week/expected/ltcube_zmax{zmax}.fits.gz").livetime
    seen = real > 1e-3 * real.max()
    assert np.allclose(made[seen], real[seen], rtol=1e-5, atol=0)


def test_files_are_where_fermipy_has_them(run):
    directory = run[0]
    names = {str(path.relative_to(directory)) for path in directory.rglob("*.fits")}
    zmax = {"E0_PSF3": 80, "E1_PSF23": 90, "E2_PSF123": 100, "E3_PSF0123": 105}
    expected = {f"lt_cubes/ltcube_week_quality_zmax{angle}.fits" for angle in zmax.values()}
    for component, angle in zmax.items():
        stem = f"P8_P305_week_source_quality_zmax{angle}_{component}_GAL"
        expected |= {f"counts_cubes/ccube_{stem}.fits", f"bexp_cubes/bexcube_{stem}_V3.fits"}
    assert names == expected


def test_the_run_directory_tells_what_was_done(run):
    directory, result = run
    assert not (directory / ".scratch").exists()
    assert not (directory / ".outputs").exists()
    assert "Final process status is success" in (directory / "engine.log").read_text()
    assert (directory / "job-order.yml").exists()
    lines = [line for line in result.stderr.splitlines() if line.endswith(" done")]
    # plan 1, match 3, select + filter 6, select + bin 24, coadd 4, gtltcube 12, gtltsum 4,
    # gtexpcube2 4
    assert lines[-1].startswith("[58/58]")
    assert len(lines) == 58
    for events in ("13192", "29292", "24192", "11762"):
        assert events in result.stdout
