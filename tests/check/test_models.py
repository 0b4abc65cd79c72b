"""What latsky check says of models."""

import pytest
from tables import write_catalog

from latsky.check.models import check_models
from latsky.config.analysis import gather_analysis
from latsky.demo.analysis_files import FILES
from latsky.errors import Problems
from latsky.plan import expand

SPECTRA = "models/spectral_models.yaml"
MODEL = "models/model_baseline.yaml"


@pytest.fixture
def check(tmp_path):
    """Messages and warnings for the demonstration's files with some of them changed."""

    def run(changes=()):
        for name, text in {**FILES, **dict(changes)}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / "catalog/Extended_demo").mkdir(parents=True, exist_ok=True)
        write_catalog(
            tmp_path / "catalog/gll_psc_demo.fits",
            "4FGL-DR4",
            [{"Source_Name": "4FGL J0001.0+0000", "SpectrumType": "PowerLaw", "Signif_Avg": 500.0}],
        )
        analysis = gather_analysis(tmp_path / "analysis.yaml", Problems())
        cuts = expand(analysis.dataset, analysis.binning, analysis.filters)
        found = check_models(analysis, cuts)
        return [[str(text).replace(f"{tmp_path}/", "") for text in texts] for texts in found]

    return run


def changed(name, old, new):
    assert old in FILES[name]
    return {name: FILES[name].replace(old, new)}


def last_line(text):
    return f"analysis.yaml:{len(text.splitlines())}"


def test_nothing_wrong(check):
    assert check() == [[], []]


def test_all_mistakes_at_once(check):
    text = FILES[MODEL].replace("SpectrumType: Iso", "SpectrumType: Isoo")
    text = text.replace("  loopI:\n", "  loopII:\n")
    assert (
        check({MODEL: text})[0]
        == [
            "models/model_baseline.yaml:9: sources.iso.SpectrumType: no spectral model 'Isoo' in "
            "models/spectral_models.yaml; did you mean Iso?",
            "models/model_baseline.yaml:11: sources.loopII: the library has no component "
            "loopII_demo; did you mean loopI_demo?",
        ]
        or check({MODEL: text})[0]
    )


def test_without_a_library(check):
    assert check(changed("analysis.yaml", "library: models/library.yaml\n", ""))[0] == [
        "analysis.yaml:5: models: needs a library of components"
    ]


def test_nothing_to_fit(check):
    text = FILES[SPECTRA].replace("free: true", "free: false")
    single = "      DEMO4FGL_v00_remain: Catalog\n"
    model = FILES[MODEL].replace(
        single, f"{single}    par_overrides: {{Prefactor: {{free: false}}}}\n"
    )
    assert check({SPECTRA: text, MODEL: model}) == [
        [],
        ["models/model_baseline.yaml:3: sources: no parameter is free: there is nothing to fit"],
    ]


def test_spectrum_that_is_no_table(check, tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/spectral_iso_demo.txt").write_text("1 a\n")
    assert check()[0] == ["templates/spectral_iso_demo.txt: line 1: not two numbers"]


def test_settings_of_the_fits(check):
    strategy = "[{key: a, mask: {zmax105_E9_PSF3: w.fits}}, {key: b, mask: none.fits, npred: 1}]"
    keys = "fit_strategy: s.yaml\nfit_minos: [iso:Normalization, iso:Index]\n"
    files = {"analysis.yaml": FILES["analysis.yaml"] + keys, "w.fits": "", "s.yaml": strategy}
    assert check(files) == [
        [
            "s.yaml:1: [1].npred: unknown key; did you mean npred_frac?",
            f"{last_line(files['analysis.yaml'])}: fit_minos: baseline has no free parameter "
            "iso:Index (source:parameter)",
        ],
        [],
    ]
    assert check(files | {"s.yaml": strategy.replace(", npred: 1", "")})[0][0] == (
        "s.yaml: b.mask: no such file: none.fits"
    )
    masks = "[{key: a, mask: {zmax105_E9_PSF3: w.fits}}, {key: b, mask_sources: SOURCES}]"
    sources = "{radius: 1, names: [4FGL J0001.0+0000, iso]}"
    assert check(files | {"s.yaml": masks.replace("SOURCES", sources)})[0][:2] == [
        "s.yaml: a.mask: no binning component zmax105_E9_PSF3; known: zmax80_E0_PSF3, "
        "zmax90_E1_PSF23, zmax105_E2_PSF123, zmax105_E3_PSF0123",
        "s.yaml: iso: masked, but has no position",
    ]


def test_parameters_to_start_with(check):
    files = {"analysis.yaml": FILES["analysis.yaml"] + "fit_parameters: p.yaml\n"}
    text = "{iso: {Normalization: {value: 2.0, free: false}}, bubbles: {Norm: {value: 1.0}}}"
    assert check(files | {"p.yaml": text})[0] == [
        "p.yaml:1: bubbles.Norm: ConstantValue has no such parameter"
    ]
    good = "{iso: {Normalization: {value: 2.0, free: false}}}"
    assert check(files | {"p.yaml": good}) == [[], []]
    held = FILES["analysis.yaml"] + "fit_parameters: p.yaml\nfit_minos: iso:Normalization\n"
    assert "no free parameter" in check({"analysis.yaml": held, "p.yaml": good})[0][0]


def test_settings_without_effect(check):
    text = FILES["analysis.yaml"] + "fit: false\nfit_cores: 2\n"
    assert check({"analysis.yaml": text})[1] == [
        f"{last_line(text)}: fit_cores: has no effect: fit is false"
    ]
    text = text.replace("models: models/modellist.yaml\n", "")
    assert check({"analysis.yaml": text})[1] == [
        f"{last_line(text)}: fit_cores: has no effect: there is no list of models"
    ]


def test_two_definitions_of_one_name(check):
    text = FILES["models/model_baseline.yaml"]
    other = text.replace("models/spectral_models.yaml", "other/spectral_models.yaml")
    files = {
        "models/modellist.yaml": "[baseline, second]",
        "models/model_second.yaml": other,
        "other/spectral_models.yaml": FILES[SPECTRA],
    }
    assert check(files)[0] == [
        "other/spectral_models.yaml: another file has this name: models/spectral_models.yaml"
    ]
