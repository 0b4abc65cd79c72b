"""The directory of a model: manifest, XML, fermipy's configuration, against what was asked for."""

from dataclasses import replace

import numpy as np
import pytest
from ruamel.yaml import YAML
from tables import write_catalog

from latsky.demo.analysis_files import FILES
from latsky.errors import InputError, InputErrors
from latsky.fits.source_model import read_source_model
from latsky.steps.init_model import Request, init_model
from latsky.steps.main import main

ROWS = [
    {"Source_Name": name, "Signif_Avg": significance, "RAJ2000": ra, "SpectrumType": kind}
    for name, significance, ra, kind in (
        ("4FGL J0001.0+0000", 150.0, 10.0, "LogParabola"),
        ("4FGL J0002.0+0000", 20.0, 20.0, "PowerLaw"),
        ("4FGL J0003.0+0000", 200.0, 30.0, "PowerLaw"),
    )
]
STEM = "P8_P305_demo_source_standard"


@pytest.fixture
def analysis(tmp_path):
    """The demonstration's files with a small catalogue; returns request and files to change."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "catalog/Extended_demo").mkdir(parents=True)
    write_catalog(tmp_path / "catalog/gll_psc_demo.fits", "4FGL-DR4", ROWS)
    (tmp_path / "templates").mkdir()
    spectrum = tmp_path / "templates/spectral_iso_demo.txt"
    spectrum.write_text("10 1e-5\n2e6 1e-14\n")
    models = tmp_path / "models"
    return Request(
        key="baseline",
        model=models / "model_baseline.yaml",
        dataset=tmp_path / "config/dataset.yaml",
        binning=tmp_path / "config/binning.yaml",
        library=models / "library.yaml",
        library_parts=(
            models / "galprop_rings_demo.yaml",
            models / "catalog_DEMO4FGL_v00.yaml",
        ),
        mktime_filters=tmp_path / "config/mktime_filters.yaml",
        spectral_models=models / "spectral_models.yaml",
        catalogs=(tmp_path / "catalog/gll_psc_demo.fits",),
        extended=(tmp_path / "catalog/Extended_demo",),
        spectra=(spectrum,),
        hpx_order_fitting=5,
    )


def load(path):
    return YAML(typ="safe").load(path.read_text())


def made(analysis, tmp_path):
    out = tmp_path / "out"
    init_model(analysis, out)
    return out


def test_manifest(analysis, tmp_path):
    manifest = load(made(analysis, tmp_path) / "srcmap_manifest_baseline.yaml")
    assert list(manifest) == ["E0_PSF3", "E1_PSF23", "E2_PSF123", "E3_PSF0123"]
    entry = manifest["E2_PSF123"]
    assert entry["ccube"] == f"counts_cubes/ccube_{STEM}_zmax105_E2_PSF123_GAL.fits"
    assert entry["outsrcmap"] == (
        f"analysis/model_baseline/srcmaps_{STEM}_zmax105_E2_PSF123_GAL_V3.fits"
    )
    sources = entry["source_dict"]
    rings = [f"merged_{gas}_{ring}_demo" for gas in ("CO", "HI", "IC") for ring in range(2)]
    assert list(sources) == [
        # the rule that takes no source is left out
        "DEMO4FGL_v00_faint",
        "DEMO4FGL_v00_remain",
        "bubbles_demo",
        "iso_demo",
        "loopI_demo",
        *rings,
        "residual_demo",
    ]
    assert sources["merged_CO_1_demo"] == {
        "source_names": ["merged_CO_1"],
        "sourcekey": "merged_CO_1_demo",
        "srcmap_file": f"srcmaps/srcmaps_merged_CO_1_demo_{STEM}_zmax105_E2_PSF123_GAL_V3.fits",
    }
    assert sources["DEMO4FGL_v00_faint"]["source_names"] == ["DEMO4FGL_faint"]
    single = sources["DEMO4FGL_v00_remain"]
    assert single["source_names"] == ["4FGL J0001.0+0000", "4FGL J0003.0+0000"]
    assert "/srcmaps_DEMO4FGL_v00_P8" in single["srcmap_file"]


def test_source_models(analysis, tmp_path):
    out = made(analysis, tmp_path)
    master = read_source_model(out / "srcmdl_baseline_master.xml")
    kinds = [source.kind for source in master]
    assert kinds == sorted(kinds, key=lambda kind: kind != "PointSource")
    assert kinds.count("PointSource") == 2
    assert "residual" not in master.names
    composite = master["DEMO4FGL_faint"]
    assert (composite.kind, composite.spectrum.kind) == ("CompositeSource", "ConstantValue")
    assert composite.members == ()
    iso = master["iso"]
    assert iso.spectrum.file == "spectral_iso_demo.txt"
    assert (out / iso.spectrum.file).read_text() == "10 1e-5\n2e6 1e-14\n"
    assert iso.spatial.kind == "ConstantValue"
    assert master["merged_HI_1"].spectrum.kind == "PowerLaw"
    assert (
        master["merged_HI_0"].spatial.file == "../../merged_gasmaps/merged_HI_0_demo_healpix.fits"
    )
    for key in ("zmax80_E0_PSF3", "zmax105_E3_PSF0123"):
        own = read_source_model(out / f"srcmdl_baseline_{key}.xml")
        assert own.names == ["residual"]
        name = key.partition("_")[2]
        assert own["residual"].spatial.file == f"../../templates/template_residual_demo_{name}.fits"
        assert own["residual"].spectrum.attributes["apply_edisp"] == "false"


def test_configuration(analysis, tmp_path):
    config = load(made(analysis, tmp_path) / "config.yaml")
    assert config["gtlike"] == {
        "irfs": "P8R3_SOURCE_V3",
        "edisp": True,
        "edisp_bins": -1,
        "edisp_disable": ["residual"],
        "use_external_srcmap": True,
    }
    assert config["model"] == {"catalogs": ["srcmdl_baseline_master.xml"]}
    assert (config["binning"]["coordsys"], config["selection"]["evclass"]) == ("GAL", 128)
    assert [part["binning"]["hpx_order"] for part in config["components"]] == [4, 5, 5, 5]
    assert [part["selection"]["evtype"] for part in config["components"]] == [32, 48, 56, 60]
    assert config["components"][2] == {
        "data": {"ltcube": "../../lt_cubes/ltcube_demo_standard_zmax105.fits"},
        "binning": {"enumbins": 3, "hpx_order": 5, "coordsys": "GAL"},
        "selection": {
            "emin": pytest.approx(10**2.5),
            "emax": pytest.approx(1000.0),
            "tmin": 0.0,
            "tmax": 1e10,
            "zmax": 105.0,
            "evclass": 128,
            "evtype": 56,
        },
        "gtlike": {
            "srcmap": f"srcmaps_{STEM}_zmax105_E2_PSF123_GAL_V3.fits",
            "bexpmap": f"../../bexp_cubes/bexcube_{STEM}_zmax105_E2_PSF123_GAL_V3.fits",
            "use_external_srcmap": True,
        },
        "model": {"diffuse_xml": ["srcmdl_baseline_zmax105_E2_PSF123.xml"]},
    }


def test_celestial_maps(analysis, tmp_path):
    text = analysis.binning.read_text().replace("coordsys: GAL", "coordsys: CEL")
    analysis.binning.write_text(text)
    out = made(analysis, tmp_path)
    config = load(out / "config.yaml")
    assert config["binning"]["coordsys"] == "CEL"
    assert {part["binning"]["coordsys"] for part in config["components"]} == {"CEL"}
    assert "_CEL_V3" in config["components"][0]["gtlike"]["srcmap"]


def test_names_below_a_directory(analysis, tmp_path):
    out = made(replace(analysis, basedir="/data/sky"), tmp_path)
    master = read_source_model(out / "srcmdl_baseline_master.xml")
    assert master["loopI"].spatial.file == "/data/sky/templates/template_loopI_demo.fits"


def test_overrides_of_single_sources(analysis, tmp_path):
    change(
        analysis, "    version: v00\n", "    version: v00\n    par_overrides: {norm: {free: 0}}\n"
    )
    master = read_source_model(made(analysis, tmp_path) / "srcmdl_baseline_master.xml")
    changed, other = (master[f"4FGL J000{n}.0+0000"].spectrum for n in (1, 3))
    assert not changed["norm"].free
    assert other["Prefactor"].free


def change(analysis, old, new):
    text = analysis.model.read_text()
    assert old in text
    analysis.model.write_text(text.replace(old, new))


def test_same_bytes(analysis, tmp_path):
    for name in ("a", "b"):
        init_model(analysis, tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == 8
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_bin_by_bin_spans_the_analysis(analysis, tmp_path):
    change(
        analysis, "default: Constant_Correction\n      merged", "default: BinByBin_9\n      merged"
    )
    master = read_source_model(made(analysis, tmp_path) / "srcmdl_baseline_master.xml")
    spectrum = master["merged_IC_0"].spectrum
    energies = [spectrum[f"Energy{k}"].value for k in range(9)]
    np.testing.assert_allclose(np.log10(energies), 1.75 + 0.5 * np.arange(9), atol=1e-5)


def test_several_time_filters(analysis, tmp_path):
    text = analysis.binning.read_text().replace(
        "mktimefilters: [standard]", "mktimefilters: [standard, other]"
    )
    analysis.binning.write_text(text)
    analysis.mktime_filters.write_text("selections: {standard: 'A>0', other: 'A>1'}\n")
    with pytest.raises((InputError, InputErrors), match="name one of them"):
        made(analysis, tmp_path)
    change(analysis, "sources:", "mktimefilter: other\nsources:")
    manifest = load(made(analysis, tmp_path) / "srcmap_manifest_baseline.yaml")
    assert all("_other_" in entry["ccube"] for entry in manifest.values())


def test_missing_files(analysis, tmp_path, capsys):
    arguments = [
        "init-model",
        *("--model", str(analysis.model), "--dataset", str(analysis.dataset)),
        *("--binning", str(analysis.binning), "--library", str(analysis.library)),
        *("--mktime-filters", str(analysis.mktime_filters)),
        *("--library-part", str(analysis.library_parts[0])),
        *("--library-part", str(analysis.library_parts[1])),
        *("--spectral-models", str(analysis.spectral_models)),
        *("--output", str(tmp_path / "out")),
    ]
    assert main(arguments) == 2
    assert "gll_psc_demo.fits is not among the files given" in capsys.readouterr().err
    arguments += ["--catalog", str(analysis.catalogs[0]), "--extended", str(analysis.extended[0])]
    assert main(arguments) == 2
    assert "spectral_iso_demo.txt is not among the files given" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    arguments += ["--spectrum", str(analysis.spectra[0])]
    assert main(arguments) == 0
    assert capsys.readouterr().out == "model baseline: 8 files\n"
