"""models.cwl by itself: from source maps to fitted models, the same from both engines."""

import json
from pathlib import Path

import numpy as np
import pytest
from week_analysis import engine

from latsky.config.binning import read_binning
from latsky.config.dataset import read_dataset
from latsky.config.time_filters import read_time_filters
from latsky.fit.results import read_results
from latsky.fits.core import FitsWriter, Header
from latsky.fits.hpx import HpxGeometry, open_hpx, write_counts_cube, write_energies
from latsky.fits.srcmaps import source_names, write_source_map
from latsky.plan import make_plan
from latsky.run.suite import document

pytestmark = [pytest.mark.engine]

FILES = {
    "dataset.yaml": "{basedir: ., data_ver: P305, evclass: source, data_time: t, irf_ver: V3}",
    "binning.yaml": """
E0: {log_emin: 2, log_emax: 3, enumbins: 2, zmax: 90, psf_types: {PSF3: {hpx_order: 3}}}
E1: {log_emin: 3, log_emax: 4, enumbins: 1, zmax: 105, psf_types: {PSF3: {hpx_order: 2}}}
""",
    "library.yaml": """
iso: {model_type: IsoSource, versions: [v1]}
loop: {model_type: MapCubeSource, versions: [v1, v2]}
""",
    "modellist.yaml": "[one, two]",
    "model_one.yaml": """
spectral_models: models/s.yaml
sources:
  iso: {version: v1, SpectrumType: Norm}
  loop: {version: v1, SpectrumType: Constant_Correction}
""",
    "model_two.yaml": "sources: {loop: {version: v2, SpectrumType: Constant_Correction}}",
    "s.yaml": "Norm: {SpectrumType: FileFunction, spectral_pars: {Normalization: {value: 2}}}",
    "strategy.yaml": """
- {key: half, mask: weights.fits, npred_threshold: 0}
- {key: all, npred_threshold: 0, frac_threshold: 1}
""",
    "parameters.yaml": "{loop: {Value: {value: 1.5}}}",
    "spectral_iso_v1.txt": "10 1e-5\n2e6 1e-14\n",
}
MAPS = {"iso_v1": ("iso", 1.0), "loop_v1": ("loop", 2.0), "loop_v2": ("loop", 3.0)}


STEM = "P8_P305_t_source_none"
LOW, HIGH = f"{STEM}_zmax90_E0_PSF3_GAL_V3", f"{STEM}_zmax105_E1_PSF3_GAL_V3"


def write_inputs(root: Path) -> dict:
    """Job order of models.cwl: two components with maps that rise from pixel to pixel."""
    for name, text in FILES.items():
        (root / name).write_text(text)

    def given(name):
        return {"class": "File", "path": str(root / name)}

    plan = make_plan(
        read_dataset(root / "dataset.yaml"),
        read_binning(root / "binning.yaml"),
        read_time_filters(None),
        1,
    )
    livetime = {record["key"]: record["livetime_cube"] for record in plan.livetime_cuts}
    for name in (*livetime.values(), "exposure.fits"):
        (root / name).touch()  # nothing reads them without energy dispersion
    half = np.full((1, 48), 0.5)
    energies = np.array([100.0, 1000.0])
    write_counts_cube(root / "weights.fits", HpxGeometry.from_order(1), energies, half)
    binned, maps = [], []
    for component in plan.components:
        geometry = HpxGeometry.from_order(component["hpx_order"])
        edges = np.array(component["energy_edges"])
        rising = np.linspace(0.0, 1.0, geometry.npix)
        counts = np.broadcast_to(np.round(20 * rising), (len(edges) - 1, geometry.npix))
        write_counts_cube(root / component["counts_cube"], geometry, edges, counts)
        binned.append(
            {
                "component": component,
                "counts_cube": given(component["counts_cube"]),
                "livetime_cube": given(livetime[component["livetime_key"]]),
                "exposure_cube": given("exposure.fits"),
            }
        )
        for key, (name, value) in MAPS.items():
            file = f"srcmaps_{key}_{STEM}_{component['key']}_GAL_V3.fits"
            with FitsWriter(root / file) as writer:
                writer.primary(Header())
                write_energies(writer, edges)
                shape = 1.0 if name == "iso" else rising
                values = value * shape / edges[:, None] * np.ones(geometry.npix)
                write_source_map(writer, name, geometry, values)
            maps.append(
                {
                    "key": f"{key}_{component['job_key']}",
                    "component": component["job_key"],
                    "source_key": key,
                    "source_names": [name],
                    "model_type": "IsoSource" if name == "iso" else "MapCubeSource",
                    "source_maps": given(file),
                    "sources": None,
                }
            )
    return {
        **{name: given(f"{name}.yaml") for name in ("dataset", "binning", "library")},
        "models": given("modellist.yaml"),
        "model_definitions": [given(n) for n in ("model_one.yaml", "model_two.yaml", "s.yaml")],
        "templates": [given("spectral_iso_v1.txt")],
        "hpx_order_fitting": 2,
        "binned_components": binned,
        "source_maps": maps,
        "fit_edisp": "off",
        "fit_strategy": given("strategy.yaml"),
        "fit_weights": [given("weights.fits")],
        "fit_parameters": given("parameters.yaml"),
        "fit_minos": ["loop:Value"],
    }


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("models"))


def run(name, order, place, *flags):
    """Files of the models by directory and name: what they hold, and where they are."""
    (place / "job.json").write_text(json.dumps(order))
    out = place / "out"
    result = engine(
        name,
        "--no-container",
        f"--outdir={out}",
        *flags,
        document("cwl/models.cwl"),
        place / "job.json",
    )
    assert result.returncode == 0, result.stderr
    made = json.loads(result.stdout)["model_directories"]
    assert [entry["basename"] for entry in made] == ["model_one", "model_two"]
    files = {str(path.relative_to(out)): path.read_bytes() for path in out.glob("model_*/*")}
    return files, out


@pytest.fixture(scope="module")
def fitted(inputs, tmp_path_factory):
    return run("cwltool", inputs, tmp_path_factory.mktemp("cwltool"))


def test_directories(fitted):
    files, out = fitted
    names = {name.partition("/")[2] for name in files if name.startswith("model_one/")}
    assert names == {
        "config.yaml",
        "spectral_iso_v1.txt",
        "srcmap_manifest_one.yaml",
        f"srcmaps_{HIGH}.fits",
        f"srcmaps_{LOW}.fits",
        "srcmdl_one_master.xml",
        "srcmdl_one_zmax105_E1_PSF3.xml",
        "srcmdl_one_zmax90_E0_PSF3.xml",
        "fit_one.json",
        "fit_one.xml",
        "fit_one_parameters.yaml",
        "mcube_one_zmax105_E1_PSF3.fits",
        "mcube_one_zmax90_E0_PSF3.fits",
    }
    for model, names, value in (("one", ["iso", "loop"], 2.0), ("two", ["loop"], 3.0)):
        fine = out / f"model_{model}/srcmaps_{LOW}.fits"
        assert source_names(fine) == names
        table = open_hpx(fine, "loop")
        assert table.geometry.order == 2
        # four pixels of order 3 in one of order 2: all pixels have 0.5 in the mean
        np.testing.assert_allclose(table.read()[0].mean(), 4 * value * 0.5 / 100, rtol=1e-6)


@pytest.mark.parametrize("model", ["one", "two"])
def test_fits(fitted, model):
    """Where a factor scales all of a model, as many counts are predicted as there are."""
    found = read_results(fitted[1] / f"model_{model}/fit_{model}.json")
    assert found.converged and not found.energy_dispersion
    assert [stage.key for stage in found.stages] == ["half", "all"]
    loop = found.parameter("loop", "Value")
    assert loop.start == 1.5
    assert loop.minos is not None and loop.minos[0] < 0 < loop.minos[1]
    observed = sum(sum(component.observed) for component in found.components)
    predicted = sum(sum(component.predicted) for component in found.components)
    assert predicted == pytest.approx(observed, rel=1e-6)


def test_toil(inputs, fitted, tmp_path):
    files, _ = run(
        "toil-cwl-runner",
        inputs,
        tmp_path,
        f"--jobStore={tmp_path / 'store'}",
        "--batchSystem=single_machine",
        "--maxCores=2",
        "--disableProgress",
        "--publishWorkflowMetrics=no",
    )
    assert files == fitted[0]


def test_stop_before_the_fit(inputs, fitted, tmp_path):
    files, _ = run("cwltool", {**inputs, "fit": False}, tmp_path)
    begun = ("fit_", "mcube_")
    kept = {n: c for n, c in fitted[0].items() if not n.partition("/")[2].startswith(begun)}
    assert files == kept
