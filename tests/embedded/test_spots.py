"""Unresolved spots: found, and integrated as a direct sum over both pixels gives."""

from __future__ import annotations

import healpy as hp
import numpy as np
import pytest

from latsky.embedded import sampling, spots
from latsky.embedded.convolution import Convolver, Kernel, legendre_window
from latsky.embedded.profile import SUPPORT, grid, make_profile


def king(width: float):
    """A peak of about ``width`` degrees with a tail that falls with the fourth power."""
    s = np.radians(width)
    return lambda theta: (1 + np.asarray(theta) ** 2 / (4 * s**2)) ** -2.0


def kernel(width: float, lmax: int) -> Kernel:
    profile = make_profile(king(width)(grid()[1])[None], share=1 - 1e-4)
    return Kernel(legendre_window(king(width), lmax, SUPPORT), profile)


def parts(nside: int, pixel: int, fine: int) -> np.ndarray:
    """Centres of the pixels of ``fine`` in a pixel."""
    depth = 2 * int(np.log2(fine // nside))
    nested = (int(hp.ring2nest(nside, pixel)) << depth) + np.arange(1 << depth)
    return np.stack(hp.pix2vec(fine, nested, nest=True), axis=-1)


def parents(nside: int) -> np.ndarray:
    return sampling.parents(nside, nside // 2)


@pytest.mark.parametrize(
    ("nside", "fine", "direction"),
    [
        (64, 128, (62.0, 80.3)),
        (64, 64, (48.2, 0.1)),  # where base faces meet
        (32, 128, (0.4, 10.0)),  # at the pole
        (64, 64, (131.0, 200.0)),
    ],
)
@pytest.mark.parametrize("width", [0.6, 0.3])
def test_spot_of_a_kernel_narrower_than_the_pixel(
    nside: int, fine: int, direction: tuple[float, float], width: float
) -> None:
    hot = hp.ang2pix(fine, *np.radians(direction))
    field = np.zeros(12 * fine**2)
    field[hot] = 1 / hp.nside2pixarea(fine)
    convolver = Convolver(nside, fine, uniform=True)
    got = convolver.convolve(field, kernel(width, convolver.longest))
    theta = np.append(0.0, np.geomspace(1e-6, SUPPORT, 20000))
    density = king(width)(theta)
    density /= 2 * np.pi * np.trapezoid(density * np.sin(theta), theta)
    centre = np.array(hp.pix2vec(fine, hot))
    spot = parts(fine, hot, 1024)
    disc = hp.query_disc(nside, centre, 2.5 * hp.nside2resol(nside))
    for pixel in np.unique(np.append(disc[::4], hp.vec2pix(nside, *centre))):
        chord = np.linalg.norm(parts(nside, pixel, 2048)[:, None] - spot, axis=-1)
        expected = np.interp(2 * np.arcsin(chord / 2), theta, density).mean()
        assert got[pixel] == pytest.approx(expected, rel=2e-3)
    assert got.sum() * hp.nside2pixarea(nside) == pytest.approx(1.0, rel=1e-12)


def test_what_is_a_spot() -> None:
    nside = 32
    lon, lat = hp.pix2ang(nside, np.arange(12 * nside**2), lonlat=True)
    plane = 1e-3 + np.exp(-np.abs(lat) / 6.0) * (2 + np.cos(np.radians(lon)))
    assert len(spots.take_out(plane.copy(), nside, parents, 1e-3, 64).pixels) == 0
    field = plane.copy()
    single = [100, 7000]
    ridge = np.exp(-((lat / 3.0) ** 2)) * 30  # pixels are 1.8° wide
    field[single] += 200.0
    field += ridge
    found = spots.take_out(field, nside, parents, 1e-3, 64)
    assert found.pixels.tolist() == single
    assert found.excess == pytest.approx([200, 200], rel=0.05)
    assert field[single] == pytest.approx((plane + ridge)[single], abs=10)
    brightest = spots.take_out(plane + 50.0 * np.isin(lon, lon[single]), nside, parents, 1e-3, 1)
    assert len(brightest.pixels) == 1


def test_spots_among_structure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum is kept, twice the field is twice the map, what is left out is roughly right."""
    nside, fine = 32, 64
    field = 1 + 0.2 * np.random.default_rng(3).random(12 * fine**2)
    field[[5, 900, 7000, 20001, 20002, 24000, 33333, 40000, 49000]] *= 300.0
    convolver = Convolver(nside, fine, uniform=True)
    narrow = kernel(0.3, convolver.longest)
    one = convolver.convolve(field.copy(), narrow)
    assert one.mean() == pytest.approx(field.mean(), rel=1e-12)
    assert convolver.convolve(2 * field, narrow) == pytest.approx(2 * one, rel=1e-9)
    monkeypatch.setattr(spots, "MOST", 6)  # the faintest three by their harmonics
    some = convolver.convolve(field.copy(), narrow)
    assert some.mean() == pytest.approx(field.mean(), rel=1e-12)
    assert 0.0 < np.abs(some - one).max() < 0.1 * one.max()


def test_fewer_spots_for_a_wide_kernel() -> None:
    narrow, wide = (kernel(width, 8).profile for width in (0.05, 20.0))
    assert narrow is not None and wide is not None
    assert spots.affordable(64, narrow) == spots.MOST
    assert 1 <= spots.affordable(512, wide) < spots.MOST
