"""Convolution on the sphere against closed forms and direct sums."""

from __future__ import annotations

from itertools import pairwise

import healpy as hp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import eval_legendre, ive

from latsky.embedded import sampling
from latsky.embedded.convolution import (
    Convolver,
    legendre_window,
    pixel_window,
    ring_weights,
)


def fisher(kappa: float):
    """A Gaussian of the sphere (von Mises-Fisher), width 1/sqrt(kappa) rad, unit integral."""

    def kernel(theta: np.ndarray) -> np.ndarray:
        norm = kappa / (2 * np.pi * -np.expm1(-2 * kappa))
        return norm * np.exp(-2 * kappa * np.sin(np.asarray(theta) / 2) ** 2)

    return kernel


def fisher_window(kappa: float, lmax: int) -> np.ndarray:
    degree = np.arange(lmax + 1)
    if kappa > 1e6:  # Bessel functions overflow; narrow enough for the flat limit
        return np.exp(-degree * (degree + 1) / (2 * kappa))
    return ive(degree + 0.5, kappa) / ive(0.5, kappa)


@pytest.mark.parametrize("width", [10.0, 1.0, 0.1])
def test_window_of_a_gaussian_is_exact(width: float) -> None:
    kappa = 1 / np.radians(width) ** 2
    window = legendre_window(fisher(kappa), 2000, np.pi)
    assert window == pytest.approx(fisher_window(kappa, 2000), abs=1e-10)


@pytest.mark.parametrize(("sigma", "gamma"), [(3.0, 1.6), (0.1, 1.3), (0.02, 2.5)])
def test_window_of_a_king_tail(sigma: float, gamma: float) -> None:
    s = np.radians(sigma)

    def king(theta: float) -> float:
        return (1 + theta**2 / (2 * s**2 * gamma)) ** -gamma

    support = np.radians(70.0)
    window = legendre_window(king, 800, support)

    def integral(degree: int) -> float:
        edges = np.append(0.0, np.geomspace(s / 100, support, 800))
        return sum(
            quad(lambda t: king(t) * eval_legendre(degree, np.cos(t)) * np.sin(t), a, b)[0]
            for a, b in pairwise(edges)
        )

    whole = integral(0)
    for degree in (1, 37, 800):
        assert window[degree] == pytest.approx(integral(degree) / whole, abs=2e-9)


def test_ring_weights_integrate_zonal_functions() -> None:
    nside, lmax = 16, 32
    rings = sampling.rings(nside)
    weights = ring_weights(nside, lmax) * rings.count / rings.count.sum()
    for degree in range(lmax + 1):
        mean = (weights * eval_legendre(degree, np.cos(rings.theta))).sum()
        assert mean == pytest.approx(float(degree == 0), abs=1e-12)


def smooth_field(nside: int, seed: int = 1) -> np.ndarray:
    """Positive, with structure of some degrees, some of it at the poles."""
    rng = np.random.default_rng(seed)
    vectors = np.stack(hp.pix2vec(nside, np.arange(12 * nside**2)))
    field = np.full(12 * nside**2, 0.1)
    centres = [*rng.normal(size=(6, 3)), (0, 0, 1), (0, 0.05, -1)]
    for centre in centres:
        unit = np.asarray(centre) / np.linalg.norm(centre)
        field += rng.uniform(1, 9) * np.exp(300 * (unit @ vectors - 1))
    return field


def direct(field: np.ndarray, nside: int, pixels: np.ndarray, kernel) -> np.ndarray:
    """The kernel summed over the field's pixels, at the centres of pixels of ``nside``."""
    fine = np.stack(hp.pix2vec(hp.npix2nside(len(field)), np.arange(len(field))))
    area = hp.nside2pixarea(hp.npix2nside(len(field)))
    result = []
    for pixel in pixels:
        chord = np.linalg.norm(fine - np.array(hp.pix2vec(nside, pixel))[:, None], axis=0)
        result.append((kernel(2 * np.arcsin(chord / 2)) * field).sum() * area)
    return np.array(result)


@pytest.mark.parametrize("width", [20.0, 6.0])
def test_broad_kernel_against_the_direct_sum(width: float) -> None:
    nside, kappa = 32, 1 / np.radians(width) ** 2
    convolver = Convolver(nside, 64, uniform=False)
    field = smooth_field(64)
    pixels = np.array([0, 5, 4000, 9000, 12287])
    got = convolver.convolve(field.copy(), fisher_window(kappa, convolver.longest))
    # the mean over a pixel: the kernel at the centres of its parts
    parts = hp.nest2ring(4 * nside, (hp.ring2nest(nside, pixels)[:, None] << 4) + np.arange(16))
    values = direct(smooth_field(256), 4 * nside, parts.ravel(), fisher(kappa))
    assert got[pixels] == pytest.approx(values.reshape(parts.shape).mean(axis=1), rel=1e-3)


def test_sum_is_kept_exactly() -> None:
    convolver = Convolver(16, 64, uniform=True)
    field = smooth_field(64)
    for width in (30.0, 3.0, 0.3, 0.01):
        window = fisher_window(1 / np.radians(width) ** 2, convolver.longest)
        got = convolver.convolve(field.copy(), window)
        assert got.mean() == pytest.approx(field.mean(), rel=1e-12)


def test_flat_field_stays_flat_to_the_poles() -> None:
    convolver = Convolver(32, 64, uniform=False)
    for width in (20.0, 2.0, 0.7, 0.2, 0.01):
        window = fisher_window(1 / np.radians(width) ** 2, convolver.longest)
        got = convolver.convolve(np.ones(12 * 64**2), window)
        assert np.abs(got - 1).max() < 2e-3, width


def test_kernel_much_narrower_than_the_pixel_changes_nothing() -> None:
    convolver = Convolver(16, 32, uniform=True)
    field = np.zeros(12 * 32**2)
    field[[0, 500, 9000]] = 1.0
    window = fisher_window(1 / np.radians(1e-3) ** 2, convolver.longest)
    got = convolver.convolve(field.copy(), window)
    expected = convolver.convolve(field.copy(), None)
    assert got == pytest.approx(expected, abs=1e-5 * expected.max())
    assert got.min() > -1e-5 * got.max()


def test_linear() -> None:
    convolver = Convolver(16, 32, uniform=False)
    window = fisher_window(1 / np.radians(5.0) ** 2, convolver.longest)
    one, two = smooth_field(32, 2), smooth_field(32, 3)
    both = convolver.convolve(2 * one + 3 * two, window)
    parts = 2 * convolver.convolve(one, window) + 3 * convolver.convolve(two, window)
    assert both == pytest.approx(parts, rel=2e-4)


def test_quarter_turn_about_the_axis() -> None:
    """HEALPix repeats after 90°: turning the field turns the result, pixel by pixel."""
    nside, fine = 16, 32

    def turned(values: np.ndarray, side: int) -> np.ndarray:
        theta, phi = hp.pix2ang(side, np.arange(12 * side**2))
        return values[hp.ang2pix(side, theta, phi + np.pi / 2)]

    convolver = Convolver(nside, fine, uniform=False)
    window = fisher_window(1 / np.radians(4.0) ** 2, convolver.longest)
    field = smooth_field(fine)
    one = convolver.convolve(turned(field, fine), window)
    two = turned(convolver.convolve(field, window), nside)
    assert one == pytest.approx(two, rel=1e-10)


def test_threads_do_not_change_a_bit() -> None:
    results = []
    for threads in (1, 2, 3):
        convolver = Convolver(32, 128, uniform=True, threads=threads)
        window = fisher_window(1 / np.radians(1.0) ** 2, convolver.longest)
        results.append(convolver.convolve(smooth_field(128), window).tobytes())
    assert results[0] == results[1] == results[2]


def test_spot_gives_the_kernel() -> None:
    """One hot pixel, orders 3 to 6, kernels from pixels to tens of degrees wide."""
    for nside, width in ((8, 10.0), (8, 3.0), (32, 5.0), (32, 1.0), (64, 1.0)):
        fine = 256
        convolver = Convolver(nside, fine, uniform=True)
        kappa = 1 / np.radians(width) ** 2
        hot = hp.ang2pix(fine, 1.08, 1.4)
        field = np.zeros(12 * fine**2)
        field[hot] = 1 / hp.nside2pixarea(fine)
        got = convolver.convolve(field, fisher_window(kappa, convolver.longest))
        centre = np.array(hp.pix2vec(fine, hot))
        near = hp.query_disc(nside, centre, np.radians(2.4 * width))
        near = np.unique(np.append(near, hp.vec2pix(nside, *centre)))
        parts = 2 * int(np.log2(1024 // nside))
        nested = (hp.ring2nest(nside, near)[:, None] << parts) + np.arange(1 << parts)
        points = np.stack(hp.pix2vec(1024, nested.ravel(), nest=True), axis=-1)
        spot = (hp.ring2nest(fine, hot) << 4) + np.arange(16)
        expected = np.zeros(len(near))
        for source in np.stack(hp.pix2vec(4 * fine, spot, nest=True), axis=-1):
            angle = 2 * np.arcsin(np.linalg.norm(points - source, axis=1) / 2)
            expected += fisher(kappa)(angle).reshape(nested.shape).mean(axis=1) / 16
        assert got[near] == pytest.approx(expected, abs=2e-3 * expected.max()), (nside, width)


def test_pixel_window_falls_as_the_pixels_do() -> None:
    """The mean of a plane wave over a pixel, by its parts (a second-order formula: 1 %)."""
    nside, fine, degree = 8, 256, 12
    theta, _ = hp.pix2ang(fine, np.arange(12 * fine**2), nest=True)
    wave = eval_legendre(degree, np.cos(theta)).reshape(12 * nside**2, -1).mean(axis=1)
    middle, _ = hp.pix2ang(nside, np.arange(12 * nside**2), nest=True)
    centre = eval_legendre(degree, np.cos(middle))
    ratio = (wave * centre).sum() / (centre**2).sum()
    assert pixel_window(nside, degree)[degree] == pytest.approx(ratio, rel=0.01)
