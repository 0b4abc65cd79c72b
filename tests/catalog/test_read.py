"""Reading catalogues of every type."""

import math

import numpy as np
import pytest
from astropy.io import fits
from tables import write_catalog

from latsky.catalog.read import TYPES, catalog_xml, find_template, read_catalog
from latsky.errors import InputError, InputErrors
from latsky.fits.source_model import (
    evaluate,
    read_source_model,
    spectral_form,
    write_source_model,
)
from latsky.spectra import integral

CUTOFF = {
    "3FGL": "PLSuperExpCutoff",
    "FL8Y": "PLSuperExpCutoff2",
    "4FGL": "PLSuperExpCutoff2",
    "4FGL-DR2": "PLSuperExpCutoff2",
    "4FGL-DR3": "PLSuperExpCutoff4",
    "4FGL-DR4": "PLSuperExpCutoff4",
    "FL16Y": "PLSuperExpCutoff4",
}


def rows(*kinds):
    return [
        {"Source_Name": f"S {n}", "RAJ2000": 10.0 * n, "DEJ2000": n, "SpectrumType": kind}
        for n, kind in enumerate(kinds, 1)
    ]


def test_types_are_tested():
    assert set(TYPES) == {*CUTOFF, "2FHL"}


@pytest.mark.parametrize("kind", CUTOFF)
def test_spectra_have_the_catalogue_flux_density_at_the_pivot(tmp_path, kind):
    # the column of the cut-off type is "PLSuperExpCutoff" in every catalogue
    table = rows("PowerLaw", "LogParabola", "PLSuperExpCutoff")
    catalog = read_catalog(write_catalog(tmp_path / "c.fits", kind, table), kind)
    assert [s.spectrum.kind for s in catalog.sources] == ["PowerLaw", "LogParabola", CUTOFF[kind]]
    assert [s.name for s in catalog.sources] == ["S 1", "S 2", "S 3"]
    assert catalog.sources[2].ra == 30.0
    for source in catalog.sources:
        value = evaluate(source.spectrum, np.array([1000.0]))[0]
        assert value == pytest.approx(2e-12, rel=1e-6)


def test_slopes_at_the_pivot(tmp_path):
    table = rows("PowerLaw", "LogParabola", "PLSuperExpCutoff")
    catalog = read_catalog(write_catalog(tmp_path / "c.fits", "4FGL-DR3", table), "4FGL-DR3")
    step = 1e-4
    energies = 1000 * np.exp([-step, step])
    for source, index in zip(catalog.sources, (2.1, 2.0, 2.2), strict=True):
        low, high = evaluate(source.spectrum, energies)
        assert -math.log(high / low) / (2 * step) == pytest.approx(index, rel=1e-4)


def test_3fgl_exponential_cutoff(tmp_path):
    path = write_catalog(tmp_path / "c.fits", "3FGL", rows("PLExpCutoff"))
    (source,) = read_catalog(path, "3FGL").sources
    assert source.spectrum["Index2"].true == 1.0
    ratio = evaluate(source.spectrum, np.array([3000.0]))[0] / 2e-12
    assert ratio == pytest.approx(3.0**-2.1 * math.exp(-(3000 - 1000) / 3000), rel=1e-5)


def test_2fhl_holds_its_flux(tmp_path):
    table = [{"Source_Name": "A"}, {"Source_Name": "B", "Spectral_Index": 1.0}]
    catalog = read_catalog(write_catalog(tmp_path / "c.fits", "2FHL", table), "2FHL")
    for source in catalog.sources:
        flux = integral(*spectral_form(source.spectrum), 50e3, 2000e3)
        assert flux == pytest.approx(1e-11, rel=1e-6)


def test_extended_sources(tmp_path):
    table = rows(*["PowerLaw"] * 4)
    for row, region in zip(table, ("Disk", "Gauss", "Map", ""), strict=True):
        row["Extended_Source_Name"] = region
    extended = [
        {"Source_Name": "Disk", "Spatial_Function": "RadialDisk", "Model_SemiMajor": 0.8},
        {"Source_Name": "Gauss", "Spatial_Function": "RadialGauss", "Model_SemiMajor": 1.5},
        {"Source_Name": "Map", "Spatial_Function": "SpatialMap", "Spatial_Filename": "m.fits"},
    ]
    (tmp_path / "Templates").mkdir()
    (tmp_path / "Templates" / "m.fits.gz").touch()
    path = write_catalog(tmp_path / "c.fits", "4FGL", table, extended)
    catalog = read_catalog(path, "4FGL", tmp_path)
    shapes = [source.shape for source in catalog.sources]
    assert [s.kind for s in shapes] == [
        "RadialDisk",
        "RadialGaussian",
        "SpatialMap",
        "SkyDirFunction",
    ]
    assert shapes[0].size == pytest.approx(0.8)
    # a Gaussian holds 68 % within σ √(-2 ln 0.32)
    inside = 1 - math.exp(-(1.5**2) / (2 * shapes[1].size ** 2))
    assert inside == pytest.approx(0.68, rel=1e-6)
    assert shapes[2].template == tmp_path / "Templates" / "m.fits.gz"
    assert catalog.extended.tolist() == [True, True, True, False]
    model = catalog_xml(catalog)
    write_source_model(tmp_path / "c.xml", model)
    assert read_source_model(tmp_path / "c.xml").sources == model.sources
    assert [s.kind for s in model] == ["DiffuseSource"] * 3 + ["PointSource"]


def problems(path, kind="4FGL", directory=None):
    with pytest.raises(InputErrors) as caught:
        read_catalog(path, kind, directory)
    return [(problem.key, problem.message) for problem in caught.value.problems]


def test_all_problems_in_one_go(tmp_path):
    table = rows(*["PowerLaw"] * 8)
    table[0]["RAJ2000"] = np.nan
    table[1]["Source_Name"] = "S 1"
    table[2]["SpectrumType"] = "Wiggle"
    table[3]["Extended_Source_Name"] = "Nowhere"
    table[4]["Extended_Source_Name"] = "Map"
    table[5]["PL_Index"] = np.nan
    table[6]["Extended_Source_Name"] = "Odd"
    table[7]["PL_Flux_Density"] = 0.0
    extended = [
        {"Source_Name": "Map", "Spatial_Function": "SpatialMap", "Spatial_Filename": "m.fits"},
        {"Source_Name": "Odd", "Spatial_Function": "Spiral"},
    ]
    path = write_catalog(tmp_path / "c.fits", "4FGL", table, extended)
    found = problems(path, directory=tmp_path)
    assert ("S 1", "its position is no number") in found
    assert ("S 1", "a source of this name appears twice") in found
    assert ("S 3.SpectrumType", "unknown spectral type 'Wiggle'") in found
    assert ("S 4", "no entry 'Nowhere' among the extended sources") in found
    assert ("S 5", f"template m.fits not found in {tmp_path}") in found
    assert ("S 6", "PowerLaw: Index is no number") in found
    assert ("S 7", "Odd: unknown spatial function 'Spiral'") in found
    assert ("S 8", "its flux is not positive") in found
    assert len(found) == 8


def test_ts_of_3fgl_is_the_sum_over_bands(tmp_path):
    path = write_catalog(tmp_path / "c.fits", "3FGL", rows("PowerLaw", "PowerLaw"))
    assert read_catalog(path, "3FGL").column("TS").tolist() == [100.0, 100.0]
    with fits.open(path) as file:
        bands = {"Sqrt_TS30_100": [3.0, np.nan], "Sqrt_TS100_300": [4.0, 5.0]}
        more = [fits.Column(name, "E", array=np.array(values)) for name, values in bands.items()]
        file[1] = fits.BinTableHDU.from_columns(file[1].columns + fits.ColDefs(more), name="LAT")
        file.writeto(tmp_path / "d.fits")
    assert read_catalog(tmp_path / "d.fits", "3FGL").column("TS").tolist() == [25.0, 25.0]


def test_unknown_type_and_no_table(tmp_path):
    path = write_catalog(tmp_path / "c.fits", "4FGL", rows("PowerLaw"))
    with pytest.raises(InputError, match=r"'5FGL' is unknown; known are 2FHL.*FL16Y"):
        read_catalog(path, "5FGL")
    path = write_catalog(tmp_path / "d.fits", "3FGL", rows("LogParabola"))
    assert "no column LP_Flux_Density" in problems(path)[0][1]
    with pytest.raises(InputError, match="No such file"):
        read_catalog(tmp_path / "absent.fits", "4FGL")


def test_templates_are_found_by_any_of_their_names(tmp_path):
    (tmp_path / "Templates").mkdir()
    (tmp_path / "Templates" / "a.fits").touch()
    for name in ("a.fits", "Templates/a.fits", "$LATEXTDIR/Templates/a.fits", "a.fits.gz"):
        assert find_template(name, tmp_path) == tmp_path / "Templates" / "a.fits"
    assert find_template("b.fits", tmp_path) is None


@pytest.mark.reference
def test_4fgl_dr4(reference):
    place = reference / "catalog"
    catalog = read_catalog(place / "gll_psc_v35.fit.gz", "4FGL-DR4", place / "Extended_14years")
    assert len(catalog) == 7195 and catalog.extended.sum() == 82
    # the catalogue's own integral from 1 to 100 GeV tells whether spectra are read right
    flux = np.array([integral(*spectral_form(s.spectrum), 1e3, 1e5) for s in catalog.sources[::7]])
    ratio = flux / catalog.column("Flux1000")[::7]
    assert np.percentile(np.abs(ratio - 1), 98) < 2e-3
    assert np.abs(ratio - 1).max() < 1e-2
    names = {s.shape.template.name for s in catalog.sources if s.shape.template}
    assert len(names) == 22
