"""The demonstration's response functions: normalised, consistent, and read as they were meant."""

import numpy as np
import pytest
from astropy.io import fits

from latsky.demo import irf_coefficients as coefficients
from latsky.demo import irf_model as model
from latsky.demo.irfs import CLASSES, EFFICIENCY_PIVOT, write_caldb
from latsky.fits.caldb import available_irfs
from latsky.fits.irfs import load_response


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("caldb")
    write_caldb(root)
    return root


def test_every_file_is_valid_fits_and_says_that_it_is_a_demonstration(tree):
    files = [*tree.glob("data/glast/lat/bcf/*/*.fits")]
    assert len(files) == 3 * 3 * len(CLASSES)
    for path in files:
        with fits.open(path, checksum=True) as hdus:
            hdus.verify("exception")
            for hdu in hdus:
                assert hdu.header["ORIGIN"] == "latsky demo"
                assert "DEMO" in str(hdu.header["HISTORY"])


def test_the_tree_answers_to_its_names(tree):
    assert set(available_irfs(tree)) == set(CLASSES)
    response = load_response("P8R3_SOURCE_V3", 1023, tree)
    names = [name for group in model.PARTITIONS.values() for name in group]
    assert [entry.name for entry in response.event_types] == names
    assert response.class_bit == 7


def test_partitions_share_out_the_same_area(tree):
    energy, cosine = np.geomspace(20, 1.7e6, 50), np.linspace(0.21, 1, 30)

    def area(mask):
        types = load_response("P8R3_SOURCE_V3", mask, tree).event_types
        return sum(entry.aeff.value(energy, cosine) for entry in types)

    np.testing.assert_allclose(area(3), area(60), rtol=1e-6)
    np.testing.assert_allclose(area(3), area(960), rtol=1e-6)
    assert (area(3) > 0).all()


def test_cleaner_classes_are_smaller_by_their_part(tree):
    energy, cosine = np.array([1e3]), np.array([0.9])

    def area(irfs):
        return load_response(irfs, 32, tree).event_types[0].aeff.value(energy, cosine)[0, 0]

    for irfs, (_, part) in CLASSES.items():
        assert area(irfs) == pytest.approx(part * area("P8R3_SOURCE_V3"), rel=1e-6)


def test_area_in_the_tables_is_the_form(tree):
    """At bin centres the engine returns the analytic form in cm²."""
    aeff = load_response("P8R3_SOURCE_V3", 16, tree).event_types[0].aeff
    x, c = aeff.axes.log_energy_centers[3::17], aeff.axes.cos_theta_centers[2::9]
    grid_x, grid_c = np.meshgrid(x, c, indexing="ij")
    share = model.fractions("PSF", coefficients.AREA["PSF"], grid_x, grid_c)[2]
    expected = 1e4 * model.total_area(coefficients.AREA["total"], grid_x, grid_c) * share
    np.testing.assert_allclose(aeff.value(10**x, c), expected, rtol=1e-6)


def test_efficiency_is_one_at_the_pivot_and_falls_with_dead_time(tree):
    aeff = load_response("P8R3_SOURCE_V3", 32, tree).event_types[0].aeff
    energy = np.geomspace(30, 1e6, 40)
    np.testing.assert_allclose(aeff.efficiency(energy, EFFICIENCY_PIVOT), 1.0, atol=1e-6)
    assert (aeff.efficiency(energy[energy < 1e3], 0.8) < 1.0).all()


@pytest.mark.parametrize("energy", [31.6, 150.0, 1e3, 3e4, 5e5])
def test_psf_is_normalised_and_as_wide_as_the_form(tree, energy):
    for entry in load_response("P8R3_SOURCE_V3", 60, tree).event_types:
        psf = entry.psf
        angle = np.concatenate([[0.0], np.geomspace(1e-6, np.pi / 2, 20000)])
        for cosine in (0.35, 0.75, 0.95):
            density = psf.density(energy, np.array([cosine]), angle)[0]
            whole = np.trapezoid(density * 2 * np.pi * np.sin(angle), angle)
            assert whole == pytest.approx(1.0, abs=3e-3)
    node = psf.log_energy[8]
    scale, vector = coefficients.PSF["PSF3"]
    radius = np.radians([0.05, 0.3, 1.0, 3.0])
    at = np.array(node), np.array(psf.cos_theta[6])
    scaled = radius / model.psf_scale(10.0 ** at[0], scale)
    expected = model.psf_shape(vector, *at).containment(scaled)
    got = psf.integral(10.0**node, np.array([at[1]]), radius)[0]
    # the tables are normalised within 90°
    np.testing.assert_allclose(got, expected, atol=2e-3)


@pytest.mark.parametrize("energy", [31.6, 150.0, 1e3, 3e4, 5e5])
def test_energy_dispersion_is_normalised_and_as_wide_as_the_form(tree, energy):
    for entry in load_response("P8R3_SOURCE_V3", 60, tree).event_types:
        measured = energy * np.geomspace(1e-3, 60, 60001)
        for cosine in (0.35, 0.75):
            density = entry.edisp.density(energy, np.array([cosine]), measured)[0]
            assert np.trapezoid(density, measured) == pytest.approx(1.0, abs=5e-3)
    edisp = entry.edisp
    x, c = np.array(edisp.log_energy[9]), np.array(edisp.cos_theta[5])
    scale, vector = coefficients.EDISP["PSF3"]
    true = 10.0**x
    grid = true * np.linspace(0.001, 4, 40001)
    running = np.cumsum(edisp.density(true, np.array([c]), grid)[0]) * (grid[1] - grid[0])
    scaled = (grid / true - 1) / model.edisp_scale(x, c, scale)
    expected = model.edisp_shape(vector, x, c).cumulative(scaled)
    np.testing.assert_allclose(running, expected - expected[0], atol=3e-3)
