"""Source-model XML: reading, checks, writing."""

import math
from xml.etree import ElementTree

import numpy as np
import pytest

from latsky.errors import InputError, InputErrors
from latsky.fits.source_model import (
    Model,
    Parameter,
    Source,
    SourceModel,
    evaluate,
    format_source_model,
    read_source_model,
    spectral_form,
    write_source_model,
)

XML = """<source_library title="t">
<source name="A &amp; B" type="PointSource"><spectrum type="PowerLaw" apply_edisp="false">
<parameter free="1" max="1e5" min="1e-5" name="Prefactor" scale="1e-9" value="1.25" error="0.1"/>
<parameter free="0" max="5" min="0" name="Index" scale="-1" value="2.2"/>
<parameter free="0" max="1e6" min="20" name="Scale" scale="1" value="1000"/></spectrum>
<spatialModel type="SkyDirFunction"><parameter free="0" name="RA" scale="1" value="83.6"/>
<parameter free="0" max="90" min="-90" name="DEC" scale="1" value="22.01"/></spatialModel></source>
<source name="C" type="CompositeSource"><spectrum type="ConstantValue">
<parameter free="1" max="10" min="0.1" name="Value" scale="1" value="1"/></spectrum>
<source_library title="composite"/></source>
</source_library>"""


def read(tmp_path, text):
    (tmp_path / "m.xml").write_text(text)
    return read_source_model(tmp_path / "m.xml")


def problems(tmp_path, old, new):
    assert old in XML
    with pytest.raises(InputErrors) as caught:
        read(tmp_path, XML.replace(old, new))
    return [(problem.key, problem.message) for problem in caught.value.problems]


def test_round_trip(tmp_path):
    model = read(tmp_path, XML)
    assert model.names == ["A & B", "C"]
    a = model["A & B"]
    assert a.spectrum["Prefactor"] == Parameter("Prefactor", 1.25, 1e-9, 1e-5, 1e5, True, 0.1)
    assert a.spectrum["Index"].true == -2.2
    assert a.spectrum.attributes == {"apply_edisp": "false"}
    assert a.spatial["RA"].min == -math.inf
    write_source_model(tmp_path / "w.xml", model)
    assert read_source_model(tmp_path / "w.xml") == model
    assert (tmp_path / "w.xml").read_text() == format_source_model(model)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.xml", "w.xml"]
    ElementTree.parse(tmp_path / "w.xml")


def test_numbers_survive(tmp_path):
    value = 0.1 + 0.2
    spectrum = Model("ConstantValue", (Parameter("Value", value, 1e-13),))
    spatial = Model("ConstantValue", (Parameter("Value", 1.0),))
    model = SourceModel((Source("x", "DiffuseSource", spectrum, spatial),))
    write_source_model(tmp_path / "w.xml", model)
    assert read_source_model(tmp_path / "w.xml")["x"].spectrum["Value"].true == value * 1e-13


def test_evaluate(tmp_path):
    model = read(tmp_path, XML)
    value = evaluate(model["A & B"].spectrum, np.array([1000.0, 2000.0]))
    np.testing.assert_allclose(value, [1.25e-9, 1.25e-9 * 2**-2.2], rtol=1e-12)


def test_table(tmp_path):
    (tmp_path / "iso.txt").write_text("# E dN/dE\n10 1e-3 0.1\n\n1000 1e-7 0.1\n")
    spectrum = Model("FileFunction", (Parameter("Normalization", 2.0),), {"file": "iso.txt"})
    assert evaluate(spectrum, np.array([100.0]), tmp_path)[0] == pytest.approx(2e-5, rel=1e-12)
    form, values = spectral_form(spectrum, tmp_path)
    assert form.parameters == ("Normalization",) and values == [2.0]
    (tmp_path / "iso.txt").write_text("10 1e-3\nnothing\n")
    with pytest.raises(InputError, match="line 2: not two numbers"):
        evaluate(spectrum, np.array([100.0]), tmp_path)
    with pytest.raises(InputError, match="No such file"):
        evaluate(spectrum, np.array([100.0]), tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ('type="PowerLaw"', 'type="PowerLow"', "A & B", "unknown spectral type 'PowerLow'"),
        ('"SkyDirFunction"', '"SkyDir"', "A & B", "unknown spatial model 'SkyDir'"),
        ('"SkyDirFunction"', '"RadialDisk"', "A & B.Radius", "RadialDisk needs this parameter"),
        ('name="Index"', 'name="Index1"', "A & B.Index", "PowerLaw needs this parameter"),
        ('value="1.25"', 'value="nan"', "A & B.Prefactor", "value is nan"),
        ('value="1.25"', 'value="x"', "A & B.Prefactor", "value 'x' is no number"),
        ('value="1.25"', "", "A & B.Prefactor", "needs the attribute value"),
        ('scale="1e-9"', 'scale="0"', "A & B.Prefactor", "scale is zero"),
        ('min="1e-5"', 'min="1e6"', "A & B.Prefactor", "min 1e+06 is above max 100000"),
        ('value="1.25"', 'value="1e7"', "A & B.Prefactor", "outside of 1e-05 to 100000"),
        ('free="1" max="1e5"', 'free="maybe" max="1e5"', "A & B.Prefactor", "neither 0 nor 1"),
        ('name="C"', 'name="A &amp; B"', "A & B", "appears twice"),
        ('"PointSource"', '"DiffuseSource"', "A & B", "does not fit a DiffuseSource"),
        ('type="CompositeSource"', 'type="Composite"', "C", "type 'Composite' is none of"),
        ('<source_library title="composite"/>', "", "C", "needs a source_library"),
        ('<source_library title="composite"/>', "<extra/>", "C", "unknown element <extra>"),
    ],
)
def test_problems(tmp_path, old, new, key, message):
    found = problems(tmp_path, old, new)
    assert any(k == key and message in text for k, text in found), found


def test_all_problems_in_one_go(tmp_path):
    found = problems(tmp_path, 'type="PowerLaw"', 'type="PL"')
    assert len(found) == 1
    text = XML.replace('"PowerLaw"', '"PL"').replace('"SkyDirFunction"', '"Sky"')
    with pytest.raises(InputErrors) as caught:
        read(tmp_path, text)
    assert len(caught.value.problems) == 2


def test_no_xml(tmp_path):
    with pytest.raises(InputError, match="not well-formed"):
        read(tmp_path, "<source_library>")
    with pytest.raises(InputError, match="No such file"):
        read_source_model(tmp_path / "absent.xml")
    with pytest.raises(InputErrors, match="is no source_library"):
        read(tmp_path, "<library/>")


@pytest.mark.reference
def test_reference_models(reference):
    for name in ("reference_sources", "fit_sources"):
        model = read_source_model(reference / "week" / "config" / f"{name}.xml")
        assert len(model) > 2
