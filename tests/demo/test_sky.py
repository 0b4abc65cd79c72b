"""The simulated sky and its files."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from ruamel.yaml import YAML
from scipy.integrate import quad

from latsky.demo import orbit
from latsky.demo import sky as model
from latsky.demo.analysis_files import COMPONENTS
from latsky.demo.events import emitters
from latsky.demo.spectra import Nodes, Spectrum, flux, integral
from latsky.fits.hpx import read_template


@pytest.fixture(scope="module")
def sky():
    return model.make_sky(7)


def test_spectra_are_those_of_the_catalogues():
    e, pivot = 2500.0, 1000.0
    assert Spectrum("PowerLaw", 2.0, pivot, 2.3)(e) == pytest.approx(2 * 2.5**-2.3)
    curved = 2 * 2.5 ** (-2.3 - 0.1 * np.log(2.5))
    assert Spectrum("LogParabola", 2.0, pivot, 2.3, 0.1)(e) == pytest.approx(curved)
    b, d = 0.6, 0.5
    cut = 2 * 2.5 ** (d / b - 2.0) * np.exp(d / b**2 * (1 - 2.5**b))
    pulsar = Spectrum("PLSuperExpCutoff", 2.0, pivot, 2.0, d, b)
    assert pulsar(e) == pytest.approx(cut)
    # IndexS is the slope and d the curvature at the pivot
    x = np.log(pivot) + np.array([-1e-3, 0, 1e-3])
    y = np.log(pulsar(np.exp(x)))
    assert (y[2] - y[0]) / 2e-3 == pytest.approx(-2.0, abs=1e-5)
    assert (y[2] - 2 * y[1] + y[0]) / 1e-6 == pytest.approx(-d, rel=1e-3)


def test_integrals_of_spectra():
    for spectrum in (
        Spectrum("PowerLaw", 1e-12, 1000.0, 1.0),
        Spectrum("PowerLaw", 1e-12, 1000.0, 2.4),
        Spectrum("PLSuperExpCutoff", 1e-12, 1000.0, 2.0, 0.5, 0.6),
    ):
        expected = quad(lambda x, s=spectrum: s(np.exp(x)) * np.exp(x), np.log(100), np.log(1e5))
        assert flux(spectrum, 100, 1e5) == pytest.approx(expected[0], rel=1e-4)
    grid = np.array([1.0, 10.0, 100.0])
    np.testing.assert_allclose(integral(grid, grid**-2), [0, 0.9, 0.99], rtol=1e-12)
    nodes = Nodes(np.array([1.0, 10.0]), np.array([1.0, 1e-3]))
    np.testing.assert_allclose(nodes(np.array([0.1, 1, 5, 100])), [1e3, 1, 5.0**-3, 1e-6])


def test_sky_follows_from_the_seed(sky):
    again, other = model.make_sky(7), model.make_sky(8)
    for one, two in zip(sky.rings, again.rings, strict=True):
        np.testing.assert_array_equal(one.pixels, two.pixels)
    assert sky.sources[:-1] == again.sources[:-1]
    assert [s.name for s in sky.sources] != [s.name for s in other.sources]
    names = [e.name for e in emitters(sky)]
    assert len(set(names)) == len(names) == 2 + 1 + 20 + 2 + 43


def test_rings_are_galactic_and_share_a_map(sky):
    vectors = model.vectors(model.HpxGeometry(model.GAS_NSIDE))
    latitude = np.abs(np.degrees(np.arcsin(vectors[:, 2])))
    by_name = {ring.name: ring for ring in sky.rings}
    assert len(by_name) == 20
    for name, ring in by_name.items():
        assert ring.pixels.mean() == pytest.approx(1, rel=1e-9) and (ring.pixels >= 0).all()
        plane = ring.pixels[latitude < 10].sum() / ring.pixels.sum()
        # an isotropic map would have 0.17
        assert plane > (0.24 if name.startswith("ics") else 0.4)
    np.testing.assert_allclose(
        by_name["bremss_HIR_ring_3"].pixels, by_name["pi0_decay_HIR_ring_3"].pixels
    )


def test_ring_files_add_up_to_the_sky(demo, sky):
    files = sorted((demo / "gasmap").glob("*_healpix_DEMO.gz"))
    assert len(files) == 20
    total = 0.0
    for path in files:
        with fits.open(path, checksum=True) as hdus:
            hdus.verify("exception")
            table = hdus["SKYMAP2"]
            assert table.columns.names[:2] == ["Bin0", "Bin1"]
            assert table.header["ORDERING"] == "RING" and table.header["NSIDE"] == 32
            energies = hdus["ENERGIES"].data["MeV"]
            total = total + np.stack([table.data[n] for n in table.columns.names]).astype("f8")
    np.testing.assert_allclose(energies, model.CUBE_ENERGIES)
    expected = sum(ring.cube(energies) for ring in sky.rings)
    np.testing.assert_allclose(total, expected, rtol=1e-6)


def test_templates(demo, sky):
    loop = read_template(demo / "templates/template_loopI_demo.fits")
    np.testing.assert_allclose(loop.energies, model.CUBE_ENERGIES)
    np.testing.assert_allclose(loop.values, sky.structures[0].cube(loop.energies), rtol=1e-6)
    with fits.open(demo / "templates/template_bubbles_demo.fits", checksum=True) as hdus:
        hdus.verify("exception")
        image, wcs = hdus[0].data, WCS(hdus[0].header).celestial
        energies = hdus["ENERGIES"].data["Energy"]
    rows, columns = np.array([100, 115, 60, 90]), np.array([180, 190, 170, 10])
    place = wcs.pixel_to_world(columns, rows)
    vector = place.cartesian.xyz.value.T
    expected = sky.structures[1].spectrum(energies[5]) * model.bubble_shape(vector)
    np.testing.assert_allclose(image[5, rows, columns], expected, rtol=1e-4)
    # the whole sky, by the pixels' solid angles
    edges = np.sin(np.radians(np.arange(-90, 91)))
    whole = (image[5].astype("f8").mean(axis=1) * np.diff(edges)).sum() * 2 * np.pi
    assert whole == pytest.approx(4 * np.pi * sky.structures[1].spectrum(energies[5]), rel=2e-3)


def test_a_residual_template_for_each_binning_component(demo, sky):
    binning = YAML(typ="safe").load(demo / "config/binning.yaml")
    names = [
        f"{ebin}_{kind}"
        for ebin, entry in binning.items()
        if ebin != "coordsys"
        for kind in entry["psf_types"]
    ]
    assert tuple(names) == COMPONENTS
    for name in names:
        template = read_template(demo / f"templates/template_residual_demo_{name}.fits")
        expected = sky.residual.cube(template.energies)
        np.testing.assert_allclose(template.values, expected, rtol=1e-6)


def test_isotropic_spectrum(demo, sky):
    energy, value, _ = np.loadtxt(demo / "templates/spectral_iso_demo.txt").T
    np.testing.assert_allclose(value, sky.isotropic(energy), rtol=1e-9)
    # the extragalactic background above 100 MeV is about 1e-5 ph/cm2/s/sr
    assert 0.7e-5 < flux(sky.isotropic, 100, 1e5) < 1.5e-5


def test_catalogue(demo, sky):
    with fits.open(demo / "catalog/gll_psc_demo.fits", checksum=True) as hdus:
        hdus.verify("exception")
        table, extended = hdus["LAT_Point_Source_Catalog"].data, hdus["ExtendedSources"].data
    assert len(table) == len(sky.sources) == 43
    assert {"Flux_Band", "ASSOC1", "Flags", "PLEC_Exp_Index"} <= set(table.names)
    rows = {row["Source_Name"]: row for row in table}
    for source in sky.sources:
        row = rows[source.name]
        position = SkyCoord(row["RAJ2000"] * u.deg, row["DEJ2000"] * u.deg)
        galactic = SkyCoord(row["GLON"] * u.deg, row["GLAT"] * u.deg, frame="galactic")
        assert position.separation(galactic).deg < 1e-4
        name = position.to_string("hmsdms", sep="", precision=4)
        assert source.name.startswith(f"4FGL J{name[:4]}")
        kind = {"PowerLaw": "PL", "LogParabola": "LP", "PLSuperExpCutoff": "PLEC"}[
            row["SpectrumType"]
        ]
        assert row[f"{kind}_Flux_Density"] == pytest.approx(source.spectrum.norm, rel=1e-6)
        assert row["Pivot_Energy"] == source.spectrum.pivot
        assert row["Extended_Source_Name"] == (source.extent.name if source.extent else "")
    assert {row["Model_Form"] for row in extended} == {"Disk", "2D Gaussian", "Map"}
    kinds = {row["SpectrumType"] for row in table}
    assert kinds == {"PowerLaw", "LogParabola", "PLSuperExpCutoff"}


def test_extended_archive(demo, sky):
    root = demo / "catalog/Extended_demo"
    shell = next(s for s in sky.sources if s.extent and s.extent.image is not None)
    with fits.open(root / "Templates/DemoShell.fits", checksum=True) as hdus:
        hdus.verify("exception")
        image, wcs = hdus[0].data.astype("f8"), WCS(hdus[0].header)
    rows, columns = np.indices(image.shape)
    place = wcs.pixel_to_world(columns, rows)
    centre = SkyCoord(shell.ra * u.deg, shell.dec * u.deg)
    distance = place.separation(centre).rad
    solid = np.radians(0.05) ** 2 * np.cos(distance) ** 3
    assert (image * solid).sum() == pytest.approx(1, abs=1e-5)
    brightest = place[np.unravel_index(image.argmax(), image.shape)]
    assert brightest.separation(centre).deg == pytest.approx(0.85, abs=0.1)
    for name in ("DemoDisk", "DemoHalo", "DemoShell"):
        assert (root / "XML" / f"{name}.xml").read_text().startswith("<?xml")
    with fits.open(root / "LAT_extended_sources_demo.fits") as hdus:
        assert len(hdus["LAT_EXTENDED_SOURCES"].data) == 3


def test_photons_of_extended_sources_lie_where_the_shapes_are(sky):
    rng = np.random.default_rng(5)
    nowhere = orbit.attitude(np.zeros(1))
    count = 20000
    for emitter, source in zip(emitters(sky)[-3:], sky.sources[-3:], strict=True):
        assert emitter.name == source.name
        vector = emitter.directions(rng, count, nowhere)
        centre = orbit.unit_vector(np.array(source.ra), np.array(source.dec))
        angle = np.degrees(np.arccos(np.clip(vector @ centre, -1, 1)))
        if source.extent.function == "RadialDisk":
            assert angle.max() < source.extent.radius
            expected = 0.25
            inside = (angle < source.extent.radius / 2).mean()
        elif source.extent.function == "RadialGauss":
            expected, inside = 0.68, (angle < source.extent.radius).mean()
        else:
            image = source.extent.image
            grid = (np.arange(60) - 29.5) * 0.05
            east = -grid[None, :] + 0 * grid[:, None] > 0
            expected = image[east].sum() / image.sum()
            ra, _ = orbit.direction(vector)
            inside = ((ra - source.ra + 180) % 360 > 180).mean()
        assert inside == pytest.approx(expected, abs=4 * np.sqrt(0.25 / count))


def test_photons_of_maps_fill_their_pixels_evenly(sky):
    from ducc0.healpix import Healpix_Base

    emitter = next(e for e in emitters(sky) if e.name == "loopI")
    component = sky.structures[0]
    rng, count = np.random.default_rng(6), 400_000
    vector = emitter.directions(rng, count, orbit.attitude(np.zeros(1)))
    coarse = Healpix_Base(4, "RING")
    found = np.bincount(coarse.vec2pix(model.to_galactic(vector)), minlength=192)
    fine = coarse.vec2pix(model.vectors(component.geometry))
    expected = np.bincount(fine, weights=component.pixels, minlength=192)
    expected *= count / expected.sum()
    chi2 = ((found - expected) ** 2 / expected).sum()
    assert 130 < chi2 < 260
    # inside of one pixel: the four quarters alike
    base, halves = Healpix_Base(32, "NEST"), Healpix_Base(64, "NEST")
    quarter = halves.vec2pix(model.to_galactic(vector)) & 3
    counts = np.bincount(quarter, minlength=4)
    assert np.abs(counts - count / 4).max() < 4 * np.sqrt(count * 3 / 16)
    assert base.nside() == 32
