"""Orbit, attitude and the spacecraft file."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord, get_sun
from astropy.io import fits
from astropy.time import Time

from latsky.demo import orbit
from latsky.demo.make import START
from latsky.demo.sky import to_equatorial, to_galactic
from latsky.fits.core import read_table
from latsky.fits.dates import to_mjd

TIMES = START + np.arange(0.0, 7 * 86400, 61.0)


@pytest.fixture(scope="module")
def history():
    return orbit.spacecraft(START, 2.0, np.random.default_rng(3))


def test_orbit_has_fermis_elements():
    place = orbit.position(TIMES)
    height = np.linalg.norm(place, axis=1) - orbit.EARTH_RADIUS
    assert 525e3 < height.min() < height.max() < 557e3
    _, dec = orbit.direction(orbit.normalised(place))
    assert np.abs(dec).max() == pytest.approx(25.58, abs=0.01)
    assert orbit.orbital_period() == pytest.approx(95.3 * 60, abs=30)
    pole, _ = orbit.direction(orbit.attitude(TIMES[[0, -1]]).pole)
    days = (TIMES[-1] - TIMES[0]) / 86400
    # one turn of the node in about 53 days
    assert (pole[1] - pole[0]) / days == pytest.approx(-360 / 53.4, abs=0.1)


def test_position_is_the_circle_that_velocity_describes():
    """Speed of a circular orbit, at right angles to the radius."""
    velocity = orbit.position(TIMES + 0.5) - orbit.position(TIMES - 0.5)
    speed = np.linalg.norm(velocity, axis=1)
    np.testing.assert_allclose(speed, np.sqrt(orbit.GRAVITY / orbit.SEMI_MAJOR), rtol=4e-3)
    radial = np.einsum("ij,ij->i", velocity, orbit.normalised(orbit.position(TIMES)))
    assert np.abs(radial).max() < 2e-3 * speed.mean()


def test_attitude_is_a_right_handed_frame_with_the_sun_on_the_x_side():
    axes = orbit.attitude(TIMES)
    for one, other in (("x_axis", "y_axis"), ("x_axis", "z_axis"), ("y_axis", "z_axis")):
        dot = np.einsum("ij,ij->i", getattr(axes, one), getattr(axes, other))
        np.testing.assert_allclose(dot, 0, atol=1e-12)
    sun = orbit.sun(TIMES)
    np.testing.assert_allclose(np.einsum("ij,ij->i", axes.y_axis, sun), 0, atol=1e-12)
    assert (np.einsum("ij,ij->i", axes.x_axis, sun) > 0).all()
    rock = np.degrees(np.arccos(np.einsum("ij,ij->i", axes.z_axis, axes.zenith)))
    np.testing.assert_allclose(rock, np.abs(axes.rock), atol=1e-5)
    side = np.einsum("ij,ij->i", axes.z_axis, axes.pole) > 0
    assert (side == (axes.rock > 0)).mean() > 0.999


def test_rocking_is_continuous_and_alternates_with_the_orbits():
    time = START + np.arange(0, 20 * orbit.orbital_period(), 5.0)
    rock = np.degrees(orbit.rocking_angle(time))
    assert np.abs(np.diff(rock)).max() < 5.0 * 180 / orbit.SLEW_TIME
    at_north, at_south = (rock > 49.99).mean(), (rock < -49.99).mean()
    assert at_north == pytest.approx(at_south, abs=0.02)
    assert at_north + at_south == pytest.approx(1 - orbit.SLEW_TIME / 5718, abs=0.02)


def test_sun_sidereal_time_and_galactic_axes_agree_with_astropy():
    time = Time(to_mjd(TIMES[::1000]), format="mjd", scale="tt")
    expected = get_sun(time).transform_to("gcrs").cartesian.xyz.value.T
    expected = orbit.normalised(expected)
    angle = np.degrees(np.arccos(np.clip((orbit.sun(TIMES[::1000]) * expected).sum(1), -1, 1)))
    assert angle.max() < 0.02
    turn = time.sidereal_time("mean", "greenwich").deg
    difference = (orbit.sidereal_angle(TIMES[::1000]) - turn + 180) % 360 - 180
    # leap seconds and the Earth's rotation make 16 s in 2014
    assert np.abs(difference).max() < 0.1
    rng = np.random.default_rng(1)
    vector = orbit.normalised(rng.normal(size=(50, 3)))
    ra, dec = orbit.direction(vector)
    galactic = SkyCoord(ra * u.deg, dec * u.deg, frame="icrs").galactic.cartesian.xyz.value.T
    np.testing.assert_allclose(to_galactic(vector), galactic, atol=2e-7)
    np.testing.assert_allclose(to_equatorial(to_galactic(vector)), vector, atol=1e-9)


def test_saa_polygon():
    inside = orbit.in_saa(np.array([-25.0, -10.0, 0.0, 20.0]), np.array([-50.0, 0.0, 60.0, -50.0]))
    assert inside.tolist() == [True, False, False, False]


def test_history_avoids_the_anomaly_and_has_its_incidents(history):
    for time in (history.start, 0.5 * (history.start + history.stop), history.stop - 1.0):
        place = orbit.ground(time)
        assert not orbit.in_saa(place.latitude, place.longitude).any()
    length = history.stop - history.start
    assert length.max() == 30.0 and length.min() >= 1.0
    assert (history.start[1:] >= history.stop[:-1]).all()
    assert 0.82 < length.sum() / (2 * 86400) < 0.90
    fraction = history.livetime / length
    assert 0.8 < fraction.min() < fraction.max() <= 0.945
    shell = orbit.ground(history.start).shell
    assert np.corrcoef(shell, fraction)[0, 1] < -0.9
    assert (history.quality == 0).sum() == 16 and (history.configuration == 0).sum() == 24


def test_spacecraft_file(history, tmp_path):
    path = tmp_path / "ft2.fits"
    orbit.write_ft2(path, history, slice(100, 1400))
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        table = hdus["SC_DATA"]
        names = table.columns.names
        assert names[:4] == ["START", "STOP", "SC_POSITION", "LAT_GEO"]
        assert {"SC_VELOCITY", "IN_SAA", "QSJ_4", "DATA_QUAL", "LAT_CONFIG"} <= set(names)
        assert len(table.data) == 1300
        assert table.header["TSTART"] == history.start[100]
        begin = Time(to_mjd(history.start[100]), format="mjd", scale="tt").utc.isot
        assert table.header["DATE-OBS"][:19] == begin[:19]
    table = read_table(path, "SC_DATA")
    q = np.stack([table[f"QSJ_{n}"] for n in range(1, 5)], axis=1)
    np.testing.assert_allclose((q**2).sum(axis=1), 1, atol=1e-12)
    for axis, name in ((np.array([1.0, 0, 0]), "SCX"), (np.array([0, 0, 1.0]), "SCZ")):
        expected = orbit.unit_vector(table[f"RA_{name}"], table[f"DEC_{name}"])
        cross = 2 * np.cross(q[:, :3], axis)
        turned = axis + q[:, 3:] * cross + np.cross(q[:, :3], cross)
        np.testing.assert_allclose(turned, expected, atol=1e-6)
