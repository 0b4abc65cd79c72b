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
