"""Point sources on HEALPix against fine grids."""

import healpy as hp
import numpy as np
import pytest
from profiles import density, psf

from latsky.embedded.point_source import disc, profile_map


def brute(nside, pixel, vector, width, finer):
    """Integral over a RING pixel by the centres of its descendants, ``finer`` times finer."""
    sub = np.arange(finer**2) + hp.ring2nest(nside, pixel) * finer**2
    x = np.array(hp.pix2vec(nside * finer, sub, nest=True)).T
    separation = 2 * np.arcsin(np.linalg.norm(x - vector, axis=1) / 2)
    return density(separation, width).mean() * hp.nside2pixarea(nside)


def positions(nside):
    """Centre of a pixel, corners in the equatorial region and the cap, and near both poles."""
    yield np.array(hp.pix2vec(nside, 5 * nside * nside + 17))
    yield hp.boundaries(nside, 6 * nside * nside + 5, 1)[:, 2] + [1e-7, 0, 0]
    yield hp.boundaries(nside, nside * nside // 2 + 3, 1)[:, 0] + [0, 1e-7, 0]
    yield np.array([2e-4, -1e-4, 1.0])
    yield np.array([0.0, 0.0, -1.0])


@pytest.mark.parametrize(("order", "degrees"), [(5, 5.0), (6, 0.8), (7, 0.06), (9, 0.03), (9, 0.5)])
def test_bright_pixels_against_a_finer_grid(order, degrees):
    nside, width = 1 << order, np.radians(degrees)
    profile = psf(width)
    # the plain sum must itself resolve the PSF: cells of at most a sixth of its width
    finer = 64
    assert np.degrees(hp.nside2resol(nside)) / finer < degrees / 6
    for vector in positions(nside):
        vector = vector / np.linalg.norm(vector)
        found = profile_map(nside, vector, profile)
        values = found.values[0]
        bright = np.flatnonzero(values > 1e-4)
        brightest = np.argsort(-values)[:6]
        some = np.random.default_rng(1).choice(bright, min(8, len(bright)), replace=False)
        for at in {*brightest.tolist(), *some.tolist()} & set(bright.tolist()):
            expected = brute(nside, int(found.pixels[at]), vector, width, finer)
            # the PSF outside of the reach goes back into it: 0.1 %, which ``density`` has too
            assert values[at] == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(("order", "degrees"), [(5, 5.0), (7, 0.1), (9, 0.02)])
def test_sum_and_centroid_do_not_depend_on_the_position(order, degrees):
    nside = 1 << order
    profile = psf(np.radians(degrees))
    centre = np.array(hp.pix2vec(nside, 4 * nside * nside + 3 * nside))
    corner = hp.boundaries(nside, 4 * nside * nside + 3 * nside, 1)[:, 1]
    pixel = hp.nside2resol(nside)
    for t in np.linspace(0, 1, 7):
        vector = (1 - t) * centre + t * corner
        vector /= np.linalg.norm(vector)
        found = profile_map(nside, vector, profile)
        # all that the reach holds, and at most what lies beyond it
        assert 1 - 1e-4 < found.values.sum() < 1.0012
        # where the PSF is wider than pixels the mean direction is the source's
        if degrees > 3 * np.degrees(pixel):
            mean = found.values[0] @ np.array(hp.pix2vec(nside, found.pixels)).T
            away = np.linalg.norm(mean / np.linalg.norm(mean) - vector)
            assert away < 2e-3 * pixel


def test_narrow_source_is_in_its_pixel():
    vector = np.array(hp.pix2vec(32, 5000))
    found = profile_map(32, vector, psf(np.radians(0.002)))
    assert found.pixels[found.values[0].argmax()] == 5000
    assert found.values.max() == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize("radius", [0.02, 0.3, 2.0, np.pi])
def test_disc_lists_pixels_once_and_in_order(radius):
    nside = 32
    for vector in positions(nside):
        vector = vector / np.linalg.norm(vector)
        reach = 4 * np.sin(radius / 2) ** 2
        found = disc(nside, vector, reach)
        expected = np.sort(hp.query_disc(nside, vector, radius))
        distance = np.linalg.norm(np.array(hp.pix2vec(nside, found.pixels)).T - vector, axis=1)
        np.testing.assert_allclose(found.chord2, distance**2, atol=1e-12)
        assert np.all(np.diff(found.pixels) > 0)
        for pixel in set(expected) ^ set(found.pixels):
            chord2 = np.sum((np.array(hp.pix2vec(nside, pixel)) - vector) ** 2)
            assert chord2 == pytest.approx(reach, abs=1e-9)


def test_empty_profile_gives_an_empty_map():
    profile = psf(0.01)
    empty = profile.__class__(0 * profile.density, 0 * profile.reach, 0 * profile.width)
    found = profile_map(16, np.array([0.0, 0.0, 1.0]), empty)
    assert found.values.sum() == 0
