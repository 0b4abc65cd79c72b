"""models.cwl by itself: from source maps to directories of models, with cwltool."""

import json

import numpy as np
import pytest
from week_analysis import engine

from latsky.config.binning import read_binning
from latsky.config.dataset import read_dataset
from latsky.config.time_filters import read_time_filters
from latsky.fit.model_files import read_model_files
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
    "model_two.yaml": "sources: {loop: {version: v2, SpectrumType: BinByBin_2}}",
    "s.yaml": "Norm: {SpectrumType: FileFunction, spectral_pars: {Normalization: {value: 2}}}",
    "spectral_iso_v1.txt": "10 1e-5\n2e6 1e-14\n",
}
MAPS = {"iso_v1": ("iso", 1.0), "loop_v1": ("loop", 2.0), "loop_v2": ("loop", 3.0)}


def test_models(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)

    def given(name):
        return {"class": "File", "path": str(tmp_path / name)}

    plan = make_plan(
        read_dataset(tmp_path / "dataset.yaml"),
        read_binning(tmp_path / "binning.yaml"),
        read_time_filters(None),
        1,
    )
    (tmp_path / "unused.fits").touch()
    binned, maps = [], []
    for component in plan.components:
        geometry = HpxGeometry.from_order(component["hpx_order"])
        edges = np.array(component["energy_edges"])
        counts = np.ones((len(edges) - 1, geometry.npix))
        write_counts_cube(tmp_path / component["counts_cube"], geometry, edges, counts)
        binned.append(
            {
                "component": component,
                "counts_cube": given(component["counts_cube"]),
                "livetime_cube": given("unused.fits"),
                "exposure_cube": given("unused.fits"),
            }
        )
        for key, (name, value) in MAPS.items():
            file = f"srcmaps_{key}_P8_P305_t_source_none_{component['key']}_GAL_V3.fits"
            with FitsWriter(tmp_path / file) as writer:
                writer.primary(Header())
                write_energies(writer, edges)
                values = np.full((len(edges), geometry.npix), value)
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
    order = {
        **{name: given(f"{name}.yaml") for name in ("dataset", "binning", "library")},
        "models": given("modellist.yaml"),
        "definitions": [given(n) for n in ("model_one.yaml", "model_two.yaml", "s.yaml")],
        "templates": [given("spectral_iso_v1.txt")],
        "hpx_order_fitting": 2,
        "binned_components": binned,
        "source_maps": maps,
    }
    (tmp_path / "job.json").write_text(json.dumps(order))
    out = tmp_path / "out"
    result = engine(
        "cwltool",
        "--no-container",
        *("--outdir", out, document("cwl/models.cwl"), tmp_path / "job.json"),
    )
    assert result.returncode == 0, result.stderr
    made = json.loads(result.stdout)["model_directories"]
    assert [entry["basename"] for entry in made] == ["model_one", "model_two"]
    assert sorted(path.name for path in (out / "model_one").iterdir()) == [
        "config.yaml",
        "spectral_iso_v1.txt",
        "srcmap_manifest_one.yaml",
        "srcmaps_P8_P305_t_source_none_zmax105_E1_PSF3_GAL_V3.fits",
        "srcmaps_P8_P305_t_source_none_zmax90_E0_PSF3_GAL_V3.fits",
        "srcmdl_one_master.xml",
        "srcmdl_one_zmax105_E1_PSF3.xml",
        "srcmdl_one_zmax90_E0_PSF3.xml",
    ]
    for model, names, value in (("one", ["iso", "loop"], 2.0), ("two", ["loop"], 3.0)):
        fine = out / f"model_{model}/srcmaps_P8_P305_t_source_none_zmax90_E0_PSF3_GAL_V3.fits"
        assert source_names(fine) == names
        table = open_hpx(fine, "loop")
        assert table.geometry.order == 2
        # four pixels of order 3 in one of order 2
        np.testing.assert_allclose(table.read(), 4 * value)
        livetime = tmp_path / "ltcube_t_none_zmax90.fits"
        livetime.touch()
        tmp_path.joinpath("ltcube_t_none_zmax105.fits").touch()
        files = read_model_files(out / f"model_{model}/config.yaml", list(tmp_path.glob("lt*")))
        assert files.name == model
        assert sorted(files.shared.names) == names
