"""Bin integrals against closed forms, energy dispersion against direct integration."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

import irf_files
from latsky.fit.dispersion import true_energies
from latsky.fit.operators import Migration, integral, trapezoid
from latsky.fits.irfs import load_response
from latsky.fits.srcmaps import expand_energies

EDGES = np.geomspace(100.0, 1000.0, 4)


def gaussian(edges: np.ndarray, exposure_slope: float = 0.0) -> Migration:
    """Dispersion of 15 % in ln E, exposure a power law."""
    from scipy.special import erf

    nodes, widths = true_energies(edges)
    below = 0.5 * (1 + erf(np.log(edges[:, None] / nodes) / 0.15 / np.sqrt(2)))
    return Migration(edges, nodes, widths, np.diff(below, axis=0), nodes**exposure_slope)


@pytest.mark.parametrize("slope", [0.0, 0.7])
def test_power_laws_are_integrated_exactly(slope: float) -> None:
    sharp = gaussian(EDGES, slope).undispersed()
    sums = 5.0 * EDGES ** (slope - 1.1)
    operator = integral(sharp, EDGES, sums, reach=0)
    counts = operator.transfer(operator.nodes**-1.3) @ sums
    power = slope - 1.1 - 1.3 + 1
    np.testing.assert_allclose(counts, 5.0 * np.diff(EDGES**power) / power, rtol=1e-6)
    coarse = trapezoid(EDGES).transfer(EDGES**-1.3) @ sums
    assert np.all(coarse > 1.01 * counts)


@pytest.mark.parametrize("extra", [0, 2])
def test_dispersed_counts_by_direct_integration(extra: int) -> None:
    planes = expand_energies(EDGES, extra)
    sums = planes**-1.1
    found = gaussian(EDGES)
    for reach in (0, 1, 5):
        operator = integral(found, planes, sums, extra=extra, reach=reach)
        counts = operator.transfer(operator.nodes**-1.3) @ sums
        for k, (low, high) in enumerate(pairwise(EDGES)):

            def inside(log_e: float, low: float = low, high: float = high) -> float:
                from scipy.special import erf

                a, b = ((np.log(x) - log_e) / 0.15 / np.sqrt(2) for x in (low, high))
                return np.exp(log_e * (1 - 2.4)) * 0.5 * (erf(b) - erf(a))

            expected = quad(inside, np.log(100 / 3.0), np.log(6000.0), limit=200)[0]
            assert counts[k] == pytest.approx(expected, rel=1e-4)


def test_adjoint_is_the_transpose() -> None:
    operator = integral(gaussian(EDGES), EDGES, EDGES**-1.0)
    random = np.random.default_rng(1)
    spectrum, sums = random.random(len(operator.nodes)), random.random((3, 4))
    entries = sums[operator.bins, operator.planes]
    assert (operator.transfer(spectrum) * sums).sum() == pytest.approx(
        operator.adjoint(entries) @ spectrum, rel=1e-12
    )


def test_probability_below_is_the_integral_of_the_density(tmp_path: Path) -> None:
    edisp = load_response("P8R3_SOURCE_V3", None, irf_files.write_irfs(tmp_path)).event_types[0]
    cosines, edges = np.array([0.45, 0.97]), np.array([80.0, 150.0, 180.0, 400.0])
    inside = np.diff(edisp.edisp.below(150.0, cosines, edges), axis=1)
    x, w = np.polynomial.legendre.leggauss(400)
    for k, (low, high) in enumerate(pairwise(edges)):
        measured = (low + high) / 2 + (high - low) / 2 * x
        direct = edisp.edisp.density(150.0, cosines, measured) @ w * (high - low) / 2
        np.testing.assert_allclose(inside[:, k], direct, rtol=1e-4, atol=1e-7)
