"""Source models of catalogues, by the schema of gtlike's XML and read back by the suite."""

from pathlib import Path

import numpy as np
import pytest
from lxml import etree
from tables import write_catalog

from latsky.catalog.read import TYPES, catalog_xml, read_catalog
from latsky.fits.source_model import (
    Model,
    Parameter,
    Source,
    SourceModel,
    evaluate,
    read_source_model,
    write_source_model,
)

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parents[1] / "data" / "source_library.xsd"))
CUT_OFF = {"3FGL": ("PLExpCutoff", "PLSuperExpCutoff"), "2FHL": ()}
LATER = ("4FGL-DR3", "4FGL-DR4", "FL16Y")


def kinds_of(catalogue):
    """Every SpectrumType that the releases of a catalogue have had."""
    second = "PLSuperExpCutoff4" if catalogue in LATER else "PLSuperExpCutoff2"
    return ("PowerLaw", "LogParabola", *CUT_OFF.get(catalogue, ("PLSuperExpCutoff", second)))


@pytest.fixture(params=TYPES)
def catalog(request, tmp_path):
    kinds = ("PowerLaw",) if request.param == "2FHL" else kinds_of(request.param)
    rows = [
        {"Source_Name": f"S {k} & {n}", "RAJ2000": 30.0 * n, "DEJ2000": -10.0 * n}
        | {"SpectrumType": kind}
        for n, kind in enumerate(kinds)
        for k in ("<a>", "b")
    ]
    return read_catalog(write_catalog(tmp_path / "c.fits", request.param, rows), request.param)


def check(model, path):
    """Write, check by schema, read back; the model as read."""
    write_source_model(path, model)
    SCHEMA.assertValid(etree.parse(path))
    found = read_source_model(path)
    assert found.sources == model.sources
    return found


def test_every_type_and_kind(catalog, tmp_path):
    found = check(catalog_xml(catalog), tmp_path / "m.xml")
    energies = np.geomspace(30, 1e6, 7)
    for source, read in zip(catalog.sources, found, strict=True):
        np.testing.assert_array_equal(
            evaluate(read.spectrum, energies), evaluate(source.spectrum, energies)
        )
        assert (evaluate(read.spectrum, energies[:4]) > 0).all()
        for parameter in (*read.spectrum.parameters, *read.spatial.parameters):
            assert parameter.min <= parameter.value <= parameter.max, parameter


def test_composites(catalog, tmp_path):
    one = Model("ConstantValue", (Parameter("Value", 1.0, 1.0, 0.1, 10.0, True),))
    members = catalog_xml(catalog).sources
    check(SourceModel((Source("C_faint", "CompositeSource", one, None, members),)), tmp_path / "m")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (' max="100000"', ""),
        ('scale="1e-12"', 'scale="nan"'),
        ('type="PowerLaw"', 'type="PowerLow"'),
        ("<spatialModel", "<spatial"),
        ('name="Index"', 'name="Scale"'),
        ('free="1"', 'free="yes"'),
        ('name="S 1"', 'name=""'),
    ],
)
def test_the_schema_finds_mistakes(tmp_path, old, new):
    rows = [{"Source_Name": "S 1", "SpectrumType": "PowerLaw"}]
    model = catalog_xml(read_catalog(write_catalog(tmp_path / "c.fits", "4FGL", rows), "4FGL"))
    write_source_model(tmp_path / "m.xml", model)
    text = (tmp_path / "m.xml").read_text()
    assert old in text and SCHEMA.validate(etree.fromstring(text.encode()))
    changed = text.replace(old, new)
    if old == "<spatialModel":
        changed = changed.replace("</spatialModel", "</spatial")
    assert not SCHEMA.validate(etree.fromstring(changed.encode()))


@pytest.mark.reference
def test_4fgl_dr4(reference, tmp_path):
    place = reference / "catalog"
    catalog = read_catalog(place / "gll_psc_v35.fit.gz", "4FGL-DR4", place / "Extended_14years")
    model = check(catalog_xml(catalog), tmp_path / "m.xml")
    assert len(model) == 7195
    used = {(s.kind, s.spectrum.kind, s.spatial.kind) for s in model}
    assert {kind for _, kind, _ in used} == {"PowerLaw", "LogParabola", "PLSuperExpCutoff4"}
    assert {shape for *_, shape in used} == {
        *("SkyDirFunction", "RadialDisk", "RadialGaussian", "SpatialMap")
    }
