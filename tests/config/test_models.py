"""Models and spectral models: fermipy's samples, shipped library, overrides, mistakes."""

import numpy as np
import pytest
from fermipy_samples import (
    BASELINE,
    CATALOG,
    LIBRARY,
    MODEL,
    RINGS,
    SPECTRAL_MODELS,
    write_tree,
)

from latsky.config.file_lists import Directories
from latsky.config.library import read_library
from latsky.config.models import override_single, read_analysis_models
from latsky.config.spectral_library import ParameterOverride, node_energies, read_spectral_models
from latsky.errors import InputError, InputErrors
from latsky.fits.source_model import Model, Parameter, spectral_form

VERSIONS = ("IC_150", "HI_300", "CO_300_mom", "dnm_300hp")
FILES = {
    "models/library.yaml": LIBRARY.replace("p8-ref_IC_thin", "p8-ref_IC_150").replace(
        "p8-ref_HI_150", "p8-ref_HI_300"
    )
    + "isotropic : {model_type : IsoSource, versions : [P8R3_SOURCE_V2]}\n",
    "models/catalog_FL8Y_v00.yaml": CATALOG,
    "models/modellist.yaml": "- seed\n- baseline\n",
    "models/model_seed.yaml": MODEL,
    "models/model_baseline.yaml": BASELINE,
    "models/spectral_models.yaml": SPECTRAL_MODELS,
    **{
        f"models/galprop_rings_p8-ref_{name}.yaml": RINGS.replace("CO", name.split("_")[0])
        for name in VERSIONS
    },
}
RANGE = (10**1.5, 1e6)


def read(root, changes=None):
    write_tree(root, FILES | (changes or {}))
    places = Directories((root,))
    library = read_library(root / "models/library.yaml", places)
    return read_analysis_models(root / "models/modellist.yaml", library, places, RANGE)


def one(root, text, **files):
    """The model of a text that follows the key ``sources``."""
    changes = {"models/modellist.yaml": "[m]", "models/model_m.yaml": f"sources:\n{text}"}
    return read(root, changes | {name.replace("__", "/"): text for name, text in files.items()})[0]


def problems(root, text, **files):
    with pytest.raises(InputErrors) as caught:
        one(root, text, **files)
    return [str(problem).replace(f"{root}/", "") for problem in caught.value.problems]


def test_samples(tmp_path):
    seed, baseline = read(tmp_path)
    by_key = {component.key: component for component in seed.components}
    assert len(by_key) == 3 * 10 + 7 + 3
    assert by_key["merged_HI_2_p8-ref_HI_300"].spectrum.kind == "PiecewisePowerLaw"
    assert by_key["merged_HI_1_p8-ref_HI_300"].spectrum.kind == "PowerLaw"
    assert by_key["merged_IC_4_p8-ref_IC_150"].spectrum.kind == "ConstantValue"
    # the user's file goes first, and there the correction is fixed
    assert not by_key["merged_IC_4_p8-ref_IC_150"].spectrum["Value"].free
    assert len(by_key["FL8Y_v00_faint"].spectrum.parameters) == 2 + 2 * 9
    assert by_key["FL8Y_v00_extended"].spectrum.kind == "ConstantValue"
    assert by_key["FL8Y_v00_remain"].single and by_key["FL8Y_v00_remain"].spectrum is None
    assert by_key["FL8Y_v00_faint"].name == "FL8Y_faint"
    flagged = {c.name for c in seed.components if c.edisp_disable}
    assert flagged == {"sun-disk", "sun-ic", "moon", "patches"}
    # Iso scales: a map cube gets a constant, an isotropic component its file
    assert by_key["iso_map_P8R3_SOURCE_V2"].spectrum.kind == "ConstantValue"
    by_name = {component.name: component for component in baseline.components}
    assert by_name["isotropic"].spectrum.kind == "FileFunction"
    # the flag of the library holds where the model does not repeat it
    assert by_name["sun-ic"].edisp_disable


def test_bin_by_bin():
    library = read_spectral_models(None, 100.0, 1e5)
    energies = node_energies(3, 100.0, 1e5)
    np.testing.assert_allclose(energies, [10**2.5, 10**3.5, 10**4.5], rtol=1e-5)
    model = library.find("BinByBin_3").form
    form, values = spectral_form(model)
    # flat at one until a node is changed
    np.testing.assert_allclose(form.value(values, np.geomspace(50, 2e5, 9)), 1.0)
    changed = model.with_parameter(Parameter("dNdE1", 4.0))
    form, values = spectral_form(changed)
    np.testing.assert_allclose(
        form.value(values, np.array([100.0, energies[0], 1000.0, energies[1], 1e5])),
        [1.0, 1.0, 2.0, 4.0, 1.0],
        rtol=1e-4,
    )
    assert [p.name for p in model.parameters if p.free] == ["dNdE0", "dNdE1", "dNdE2"]
    with pytest.raises(InputError, match="two nodes"):
        library.find("BinByBin_1")


@pytest.mark.parametrize("key", ["merged_CO_2_p8-ref_CO_300_mom", "merged_CO_2"])
def test_ring_by_key(tmp_path, key):
    model = one(
        tmp_path,
        "  r: {model_type: galprop_rings, version: p8-ref_CO_300_mom, SpectrumType:\n"
        f"    {{default: Constant_Correction, {key}: BinByBin_4}}}}\n",
    )
    kinds = {c.name: c.spectrum.kind for c in model.components}
    assert [name for name, kind in kinds.items() if kind != "ConstantValue"] == ["merged_CO_2"]


@pytest.mark.parametrize("key", ["FL8Y_v00_faint", "faint", "FL8Y_faint"])
def test_rule_by_key(tmp_path, key):
    model = one(
        tmp_path,
        "  FL8Y: {model_type: Catalog, version: v00, SpectrumType:\n"
        f"    {{default: Constant_Correction, {key}: Powerlaw_Correction}}}}\n",
    )
    assert [c.name for c in model.components if c.spectrum and c.spectrum.kind == "PowerLaw"] == [
        "FL8Y_faint"
    ]


@pytest.mark.parametrize("word", ["par_overides", "par_overrides"])
def test_overrides_touch_their_source_alone(tmp_path, word):
    model = one(
        tmp_path,
        "  loopI: {version: haslam, SpectrumType: Powerlaw_Correction,\n"
        f"    {word}: {{Prefactor: {{value: 2.0, max: 3.0}}, Index: {{free: false}}}}}}\n"
        "  bubbles: {version: v00, SpectrumType: Powerlaw_Correction}\n",
    )
    loop, bubbles = (component.spectrum for component in model.components)
    assert (loop["Prefactor"].value, loop["Prefactor"].max, loop["Prefactor"].min) == (2, 3, 0.1)
    assert not loop["Index"].free
    assert (bubbles["Prefactor"].value, bubbles["Prefactor"].max) == (1, 10)
    assert bubbles["Index"].free


def test_override_of_the_factor_of_an_isotropic_component(tmp_path):
    model = one(
        tmp_path,
        "  isotropic: {version: P8R3_SOURCE_V2, SpectrumType: Constant_Correction,\n"
        "    par_overrides: {Value: {value: 3.0}}}\n",
    )
    assert model.components[0].spectrum["Normalization"].value == 3


def test_override_of_single_sources():
    own = Model("PowerLaw", (Parameter("Prefactor", 1.0, free=True), Parameter("Index", 2.0)))
    changed = override_single(own, {"Prefactor": ParameterOverride(free=False)})
    assert not changed["Prefactor"].free and changed["Prefactor"].value == 1


def test_a_mapping_of_models(tmp_path):
    models = read(tmp_path, {"models/modellist.yaml": "seed:\nbaseline:\n"})
    assert [model.key for model in models] == ["seed", "baseline"]


LOOP = "  loopI: {version: haslam, SpectrumType: %s}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            LOOP % "Powerlaw_Corection",
            "models/model_m.yaml:2: sources.loopI.SpectrumType: no spectral model "
            "'Powerlaw_Corection'; did you mean Powerlaw_Correction?",
        ),
        (
            "  loopJ: {version: haslam, SpectrumType: Iso}\n",
            "models/model_m.yaml:2: sources.loopJ: the library has no component loopJ_haslam; "
            "did you mean loopI_haslam?",
        ),
        (
            "  r: {model_type: galprop_rings, version: p8-ref_CO_300, SpectrumType: Iso}\n",
            "models/model_m.yaml:2: sources.r.version: the library has no rings of version "
            "p8-ref_CO_300; did you mean p8-ref_CO_300_mom?",
        ),
        (
            "  3FGL: {model_type: Catalog, version: v00, SpectrumType: Iso}\n",
            "models/model_m.yaml:2: sources.3FGL: the library has no catalogue 3FGL_v00; "
            "did you mean FL8Y_v00?",
        ),
        (
            "  bubbles: {version: v00, SpectrumType: Iso}\n"
            "  Bubbles: {version: v00, SpectrumType: Iso}\n",
            "models/model_m.yaml:3: sources.Bubbles: the library has no component Bubbles_v00; "
            "did you mean bubbles_v00?",
        ),
        (
            "  loopI: {version: haslam, SpectrumType: Iso, par_override: {}}\n",
            "models/model_m.yaml:2: sources.loopI.par_override: unknown key; did you mean "
            "par_overrides?",
        ),
        (
            "  loopI: {version: haslam, SpectrumType: Iso, par_overides: {Index: {value: 1}}}\n",
            "models/model_m.yaml:2: sources.loopI.par_overides.Index: no such parameter; the "
            "spectrum has Value",
        ),
        (
            "  loopI: {version: haslam, SpectrumType: Iso, par_overides: {Value: {value: -1}}}\n",
            "models/model_m.yaml:2: sources.loopI.par_overides.Value: value -1 is outside of "
            "0.001 to 1000",
        ),
        (
            "  FL8Y: {model_type: Catalog, version: v00, SpectrumType:\n"
            "      {default: Iso, FL8Y_v00_feint: Iso}}\n",
            "models/model_m.yaml:3: sources.FL8Y.SpectrumType.FL8Y_v00_feint: unknown key; did "
            "you mean FL8Y_v00_faint?",
        ),
        (
            "  FL8Y: {model_type: Catalog, version: v00, SpectrumType:\n"
            "      {default: Iso, faint: Iso, FL8Y_v00_faint: Iso}}\n",
            "models/model_m.yaml:3: sources.FL8Y.SpectrumType.FL8Y_v00_faint: the same component "
            "as faint",
        ),
        (
            "  FL8Y: {model_type: Catalog, version: v00, SpectrumType: {faint: Iso}}\n",
            "models/model_m.yaml:2: sources.FL8Y.SpectrumType: no default, and nothing for "
            "FL8Y_v00_extended, FL8Y_v00_remain",
        ),
        (
            "  FL8Y: {model_type: Catalog, version: v00, SpectrumType:\n"
            "      {default: Iso, remain: Powerlaw_Correction}}\n",
            "models/model_m.yaml:3: sources.FL8Y.SpectrumType.remain: Powerlaw_Correction: the "
            "sources of remain are single and keep the catalogue's spectra (Catalog)",
        ),
        (
            LOOP % "Catalog",
            "models/model_m.yaml:2: sources.loopI.SpectrumType: Catalog is for single catalogue "
            "sources; loopI needs a factor, e.g. Constant_Correction",
        ),
        (
            "  isotropic: {version: P8R3_SOURCE_V2, SpectrumType: Powerlaw_Correction}\n",
            "models/model_m.yaml:2: sources.isotropic.SpectrumType: Powerlaw_Correction "
            "(PowerLaw): an isotropic component has the spectrum of its file; ConstantValue and "
            "FileFunction can scale it",
        ),
        (
            "  loopI: {model_type: IsoSource, version: haslam, SpectrumType: Iso}\n",
            "models/model_m.yaml:2: sources.loopI.model_type: models/library.yaml:15 says "
            "MapCubeSource",
        ),
        (
            LOOP % "{default: Iso}",
            "models/model_m.yaml:2: sources.loopI.SpectrumType: must be one spectral model: the "
            "source has no components",
        ),
    ],
)
def test_mistakes(tmp_path, text, expected):
    assert problems(tmp_path, text) == [expected]


def test_two_components_of_one_name(tmp_path):
    found = problems(
        tmp_path,
        "  a: {model_type: galprop_rings, version: p8-ref_CO_300_mom, SpectrumType: Iso}\n"
        "  b: {model_type: galprop_rings, version: p8-ref_dnm_300hp, SpectrumType: Iso}\n",
        **{
            "models__galprop_rings_p8-ref_dnm_300hp.yaml": RINGS.replace(
                "12, 13, 15", "12"
            ).replace("remove_rings : ['merged_CO_7']", "")
        },
    )
    assert found[0] == (
        "models/model_m.yaml:3: sources.b: merged_CO_0_p8-ref_dnm_300hp has the name merged_CO_0 "
        "of merged_CO_0_p8-ref_CO_300_mom (sources.a)"
    )
    assert len(found) == 8  # nine rings here, of which the other lacks one


def test_models_that_are_missing(tmp_path):
    with pytest.raises(InputErrors) as caught:
        read(tmp_path, {"models/modellist.yaml": "- seed\n- other\n- seed\n"})
    assert [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems] == [
        "models/modellist.yaml: [2]: seed is given twice"
    ]
    with pytest.raises(InputErrors, match=r"no such file: .*model_other\.yaml"):
        read(tmp_path, {"models/modellist.yaml": "- seed\n- other\n"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "A: {SpectrumType: PowerLow}",
            "A.SpectrumType: unknown spectral type 'PowerLow'",
        ),
        (
            "A: {SpectrumType: ConstantValue, spectral_pars: {Value: {valu: 1}}}",
            "A.spectral_pars.Value.valu: unknown key; did you mean value?",
        ),
        (
            "A: {SpectrumType: ConstantValue, spectral_pars: {Norm: {value: 1}}}",
            "A.spectral_pars.Norm: ConstantValue has no such parameter",
        ),
        (
            "A: {SpectrumType: ConstantValue, spectral_pars: {Value: {value: 1, min: 2, max: 3}}}",
            "A.spectral_pars.Value: value 1 is outside of 2 to 3",
        ),
        (
            "A: {SpectrumType: ConstantValue, spectral_pars: {Value: {value: 1, name: Valu}}}",
            "A.spectral_pars.Value.name: is not 'Value'",
        ),
        ("A: {SpectrumType: ConstantValue}", "A.spectral_pars: ConstantValue needs this parameter"),
    ],
)
def test_mistakes_in_spectral_models(tmp_path, text, expected):
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(InputErrors) as caught:
        read_spectral_models(path, 1.0, 2.0)
    assert any(f"s.yaml:1: {expected}" in str(problem) for problem in caught.value.problems), str(
        caught.value
    )
