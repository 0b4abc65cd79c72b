"""Analytic PSFs for tests, and plain sums to compare with."""

import numpy as np

from latsky.embedded.profile import CONTAINED, SUPPORT, grid, make_profile


def king(separation, width, gamma=2.2, tail=0.15):
    """Two King functions, the second four times wider, not normalised."""
    core = (1 + separation**2 / (2 * width**2 * gamma)) ** -gamma
    return core + tail * (1 + separation**2 / (32 * width**2 * gamma)) ** -gamma


def norm(width, reach):
    """Integral of ``king`` over a cap, by plain quadrature."""
    edges = np.append(0.0, np.geomspace(1e-6, reach, 4001))
    x, w = np.polynomial.legendre.leggauss(5)
    half = np.diff(edges)[:, None] / 2
    theta = edges[:-1, None] + half * (1 + x)
    return float((king(theta, width) * np.sin(theta) * half * w).sum() * 2 * np.pi)


def psf(*widths):
    """Profile of the given widths (rad), one a plane."""
    return make_profile(np.stack([king(grid()[1], width) for width in widths]))


def density(separation, width):
    """What ``psf`` should be at a separation: normalised within its reach."""
    return king(separation, width) / (CONTAINED * norm(width, SUPPORT))
