"""The demonstration's instrument and spacecraft against those of flight."""

import numpy as np
import pytest

from latsky.demo import fit_irfs, irf_coefficients, orbit
from latsky.demo import irf_model as model
from latsky.demo.make import START
from latsky.fits.core import read_table

pytestmark = pytest.mark.reference
IRFS = "P8R3_SOURCE_V3"
FLIGHT = "week/events/lat_spacecraft_weekly_w323_p202_v001.fits.gz"


def central(x, c):
    """100 MeV to 300 GeV within 66° of the axis, where nearly all photons are."""
    return (x > 2) & (x < 5.5) & (c > 0.4)


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


@pytest.mark.parametrize(("partition", "limit"), [("FB", 0.045), ("PSF", 0.12), ("EDISP", 0.15)])
def test_effective_area(caldb, partition, limit):
    """The accuracies that docs/demo.md states (rms)."""
    names = model.PARTITIONS[partition]
    tables = fit_irfs._tables(caldb, "aeff", IRFS, partition)
    x, c = fit_irfs._grid(tables[f"EFFECTIVE AREA_{names[0]}"])
    total = model.total_area(irf_coefficients.AREA["total"], x, c)
    shares = model.fractions(partition, irf_coefficients.AREA[partition], x, c)
    here = central(x, c)
    flight = [np.reshape(tables[f"EFFECTIVE AREA_{n}"]["EFFAREA"], x.shape) for n in names]
    assert rms(total[here] / sum(flight)[here] - 1) < 0.03
    for share, area in zip(shares, flight, strict=True):
        assert rms((total * share)[here] / area[here] - 1) < limit


@pytest.mark.parametrize(
    ("partition", "r68", "r95"), [("FB", 0.08, 0.12), ("PSF", 0.045, 0.09), ("EDISP", 0.08, 0.16)]
)
def test_containment_radii(caldb, partition, r68, r95):
    tables = fit_irfs._tables(caldb, "psf", IRFS, partition)
    for name in model.PARTITIONS[partition]:
        x, c = fit_irfs._grid(tables[f"RPSF_{name}"])
        here = central(x, c)
        flight = fit_irfs.reference_containment(tables[f"RPSF_{name}"])[here]
        shape = model.psf_shape(irf_coefficients.PSF[name][1], x[here], c[here])
        grid = np.geomspace(1e-2, 1e3, 3000)
        curve = shape.containment(grid[:, None])
        for probability, limit in ((0.68, r68), (0.95, r95)):
            radius = [np.interp(probability, column, grid) for column in curve.T]
            place = int(np.flatnonzero(probability == fit_irfs.PROBABILITIES)[0])
            assert rms(np.array(radius) / flight[:, place] - 1) < limit, (name, probability)


@pytest.mark.parametrize(("partition", "limit"), [("FB", 0.03), ("PSF", 0.03), ("EDISP", 0.045)])
def test_energy_dispersion(caldb, partition, limit):
    """Probability below the flight quantiles, against what it is there."""
    tables = fit_irfs._tables(caldb, "edisp", IRFS, partition)
    for name in model.PARTITIONS[partition]:
        table = tables[f"ENERGY DISPERSION_{name}"]
        scale, vector = irf_coefficients.EDISP[name]
        x, c = fit_irfs._grid(table)
        here = central(x, c)
        deviation = fit_irfs.reference_quantiles(table, np.array(scale))[here]
        width = model.edisp_scale(x[here], c[here], scale)[:, None]
        shape = model.edisp_shape(vector, x[here][:, None], c[here][:, None])
        assert rms(shape.cumulative(deviation / width) - fit_irfs.QUANTILES) < limit, name


@pytest.fixture(scope="module")
def flight(reference):
    return read_table(reference / FLIGHT, "SC_DATA")


@pytest.fixture(scope="module")
def history():
    return orbit.spacecraft(START, 7.0, np.random.default_rng(1))


def test_orbit_is_like_the_flight_week(flight, history):
    place = orbit.ground(history.start)
    quantiles = [0.05, 0.25, 0.5, 0.75, 0.95]
    for name, values, tolerance in (
        ("RAD_GEO", place.altitude, 5e3),
        ("LAT_GEO", place.latitude, 1.5),
        ("LON_GEO", place.longitude, 12.0),
        ("L_MCILWAIN", place.shell, 0.06),
        ("LAMBDA", place.magnetic_latitude, 2.0),
    ):
        expected = np.quantile(flight[name], quantiles)
        np.testing.assert_allclose(
            np.quantile(values, quantiles), expected, atol=tolerance, err_msg=name
        )


def test_ground_and_magnetic_coordinates_of_flight_times(flight):
    """The same formulae at the flight positions' L: the dipole is good to a few per cent."""
    place = flight["SC_POSITION"]
    assert np.median(np.linalg.norm(place, axis=1)) == pytest.approx(orbit.SEMI_MAJOR, rel=1e-3)
    sun = orbit.unit_vector(flight["RA_SUN"], flight["DEC_SUN"])
    mine = orbit.sun(flight["START"])
    assert np.degrees(np.arccos((sun * mine).sum(axis=1).clip(-1, 1))).max() < 0.03
    zenith = orbit.unit_vector(flight["RA_ZENITH"], flight["DEC_ZENITH"])
    turn = np.degrees(np.arctan2(zenith[:, 1], zenith[:, 0])) - orbit.sidereal_angle(
        flight["START"]
    )
    difference = (turn - flight["LON_GEO"] + 180) % 360 - 180
    assert np.abs(difference).max() < 0.15


def test_livetime_and_data_taking(flight, history):
    def fraction(start, stop, livetime):
        return livetime / (stop - start)

    mine = fraction(history.start, history.stop, history.livetime)
    theirs = fraction(flight["START"], flight["STOP"], flight["LIVETIME"])
    quantiles = [0.05, 0.25, 0.5, 0.75, 0.95]
    np.testing.assert_allclose(
        np.quantile(mine, quantiles), np.quantile(theirs, quantiles), atol=0.01
    )
    assert history.livetime.sum() == pytest.approx(flight["LIVETIME"].sum(), rel=0.04)
    slope = [
        np.polyfit(shell, value, 1)[0]
        for shell, value in (
            (orbit.ground(history.start).shell, mine),
            (flight["L_MCILWAIN"], theirs),
        )
    ]
    assert slope[0] == pytest.approx(slope[1], rel=0.2)


def test_survey_attitude(flight, history):
    """Rows in survey mode: half of the time at each side, ±50° for most of it."""
    survey = (flight["LAT_MODE"] == 5) & (flight["STOP"] - flight["START"] > 29)
    theirs = flight["ROCK_ANGLE"][survey]
    mine = orbit.attitude(history.start).rock
    for rock in (theirs, mine):
        assert np.median(np.abs(rock)) == pytest.approx(50, abs=0.1)
        assert (np.abs(np.abs(rock) - 50) < 1).mean() > 0.7


def test_exposure_is_as_uniform_as_in_flight(flight, history):
    """Time within 66° of the axis over the sky: mean alike, spread at most that of flight.

    The flight week has long pointed observations, the simulated one has none.
    """
    from ducc0.healpix import Healpix_Base

    sky = Healpix_Base(4, "RING").pix2vec(np.arange(192))

    def seen(axis, livetime):
        return (livetime[:, None] * (axis @ sky.T > 0.4)).sum(axis=0)

    mine = seen(orbit.attitude(history.start).z_axis, history.livetime)
    theirs = seen(orbit.unit_vector(flight["RA_SCZ"], flight["DEC_SCZ"]), flight["LIVETIME"])
    assert mine.mean() == pytest.approx(theirs.mean(), rel=0.05)
    assert 0.1 < mine.std() / mine.mean() < theirs.std() / theirs.mean()
