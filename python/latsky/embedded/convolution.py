"""Convolution of a whole-sky map with a round kernel, averaged over HEALPix pixels.

The kernel K(θ) acts on spherical harmonics by its Legendre window alone,
b_l = 2π ∫ K(θ) P_l(cos θ) d cos θ (Funk–Hecke theorem). Below the band limit L of a working grid
that is applied exactly; beyond, the window is taken to stay at its last value:

    K ⊗ f = b_L f + Σ_{l ≤ L} (b_l - b_L) a_lm Y_lm,

so that the sum breaks off at zero. A kernel wider than the pixels (b_L = 0) gives the plain
harmonic convolution, a kernel much narrower (b_l = 1) the map itself, both without ringing, and
anything between is right up to (b_l - b_L) times what the map holds beyond L. L is the lowest for
which that is negligible; the first term has the full resolution of the map.

Integrals over HEALPix rings use weights per ring that make them exact for zonal functions up to the
band limit, as the ring weights of the HEALPix package do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np

from latsky.embedded import sampling

COARSEST = 16
"""half the lowest band limit"""
TOLERANCE = 1e-4
"""error of a pixel, relative to its value, below which a lower band limit will do"""
SPOT = 1.0
"""contrast from which a pixel of the field is an unresolved spot, worth a grid finer than it"""
UNRESOLVED = 2e-3
"""share of a spot's image below which the grid is fine enough for it"""
CHEAP = 512
"""nside of a map whose transform costs little"""
FINER = 4
"""how much finer than the field the working grid may be"""


@numba.njit(cache=True)
def legendre_sums(z: np.ndarray, weight: np.ndarray, lmax: int) -> np.ndarray:
    """Σ_i weight_i P_l(z_i) for l = 0 … lmax (three-term recurrence)."""
    out = np.zeros(lmax + 1)
    before = np.ones(len(z))
    now = z.copy()
    out[0] = weight.sum()
    if lmax > 0:
        out[1] = (weight * z).sum()
    for n in range(2, lmax + 1):
        a, b = (2.0 * n - 1.0) / n, (n - 1.0) / n
        total = 0.0
        for i in range(len(z)):
            value = a * z[i] * now[i] - b * before[i]
            before[i] = now[i]
            now[i] = value
            total += weight[i] * value
        out[n] = total
    return out


def quadrature(lmax: int, support: float, smallest: float = 1e-6) -> tuple[np.ndarray, np.ndarray]:
    """Angles (rad) and weights ``2π sin θ dθ`` of integrals from 0 to ``support``.

    Gauss-Legendre panels that grow geometrically from ``smallest``, for kernels peaked at zero,
    until they are as wide as a wavelength of P_lmax, which eight nodes resolve.
    """
    widest = 2 * np.pi / max(lmax, 8)
    edges = [0.0, smallest]
    while edges[-1] < support:
        edges.append(edges[-1] + min(edges[-1] * 0.5, widest))
    edges[-1] = support
    if edges[-1] - edges[-2] < 1e-3 * widest:
        edges.pop(-2)
    x, w = np.polynomial.legendre.leggauss(8)
    half = np.diff(edges)[:, None] / 2
    theta = (np.array(edges[:-1])[:, None] + half + half * x).ravel()
    return theta, (half * w).ravel() * 2 * np.pi * np.sin(theta)


def legendre_window(
    kernel: Callable[[np.ndarray], np.ndarray], lmax: int, support: float
) -> np.ndarray:
    """Window b_l, l = 0 … ``lmax``, of ``kernel(theta)`` (sr⁻¹, rad) that ends at ``support``.

    Normalised to b_0 = 1, so that a convolution conserves the integral.
    """
    theta, weight = quadrature(lmax, support)
    window = legendre_sums(np.cos(theta), weight * kernel(theta), lmax)
    return window / window[0]


@lru_cache(maxsize=8)
def ring_weights(nside: int, lmax: int) -> np.ndarray:
    """Weight of each ring, near 1, with which zonal integrals are exact to ``lmax``.

    The solution nearest to one in the least-squares sense; Legendre polynomials of odd degree
    cancel by symmetry. ``lmax`` may not exceed 2 ``nside``: fewer conditions than rings.
    """
    rings = sampling.rings(nside)
    north = 2 * nside
    z = np.cos(rings.theta[:north])
    share = rings.count[:north] * 2.0 / (12.0 * nside * nside)
    share[-1] /= 2  # the equator has no twin
    root = np.sqrt(share)
    matrix = np.empty((lmax // 2 + 1, north))
    before, now = np.ones(north), z.copy()
    matrix[0] = root
    for degree in range(2, 2 * (lmax // 2) + 1):
        before, now = now, ((2 * degree - 1) * z * now - (degree - 1) * before) / degree
        if degree % 2 == 0:
            matrix[degree // 2] = now * root
    wanted = np.zeros(len(matrix))
    wanted[0] = 1.0
    missing = wanted - matrix @ root
    change = matrix.T @ np.linalg.solve(matrix @ matrix.T, missing)
    weight = 1.0 + change / root
    return np.concatenate([weight, weight[-2::-1]])


@lru_cache(maxsize=1)
def _spread() -> float:
    """Mean square distance per axis of a pixel's points from its centre, over its area."""
    from ducc0.healpix import Healpix_Base

    nside, fine = 16, 512
    coarse, base = Healpix_Base(nside, "NEST"), Healpix_Base(fine, "NEST")
    children = (fine // nside) ** 2
    middle = coarse.pix2vec(np.arange(12 * nside**2))
    points = base.pix2vec(np.arange(12 * fine**2)).reshape(-1, children, 3)
    square = ((points - middle[:, None]) ** 2).sum(axis=-1).mean()
    return float(square / 2 / (np.pi / (3 * nside**2)))


def pixel_window(nside: int, lmax: int) -> np.ndarray:
    """Window of averaging over a HEALPix pixel, to second order in l × pixel size.

    exp(-l(l+1)σ²/2) with σ² the mean square distance per axis of points in a pixel from its
    centre; within 1 % of the true mean window for l ≤ 2 nside.
    """
    degree = np.arange(lmax + 1.0)
    variance = _spread() * np.pi / (3.0 * nside * nside)
    return np.exp(-degree * (degree + 1) * variance / 2)


@dataclass(frozen=True)
class Grid:
    """A working grid: harmonics to ``lmax`` from a map of ``nside``, made at ``nside_out``."""

    nside: int
    lmax: int
    nside_out: int


class Convolver:
    """Convolutions of maps on a field grid, averaged to the pixels of ``nside`` (RING).

    ``nside_field`` is the resolution of the maps given, at least ``nside``; ``uniform`` says
    that a value holds all over its pixel (an average), not at its centre (a sample of something
    smoother). Index maps are kept between planes; results do not depend on ``threads``.
    """

    def __init__(self, nside: int, nside_field: int, *, uniform: bool, threads: int = 1) -> None:
        if nside_field < nside:
            raise ValueError("the field is coarser than the result")
        self.nside, self.nside_field = nside, nside_field
        self.uniform, self.threads = uniform, threads
        self._parents: dict[int, np.ndarray] = {}

    @property
    def longest(self) -> int:
        """Highest degree of a window that any working grid uses."""
        return 2 * FINER * self.nside_field + 1

    def _parent(self, nside: int) -> np.ndarray:
        """Index of the pixel of nside/2 for each one of ``nside``."""
        if nside not in self._parents:
            self._parents[nside] = sampling.parents(nside, nside // 2)
        return self._parents[nside]

    def degrade(self, values: np.ndarray, fine: int, coarse: int) -> np.ndarray:
        """Means over the pixels of ``coarse``."""
        while fine > coarse:
            values = sampling.average(values, self._parent(fine), len(values) // 4)
            fine //= 2
        return values

    def multiply(self, field: np.ndarray, values: np.ndarray, nside: int) -> None:
        """Multiply a field in place by a map of ``nside``, constant over its pixels."""
        while nside < self.nside_field // 2:
            values = values[self._parent(2 * nside)]
            nside *= 2
        if nside == self.nside_field:
            field *= values
        else:
            sampling.multiply_by_parent(field, values, self._parent(self.nside_field))

    def convolve(self, field: np.ndarray, window: np.ndarray | None) -> np.ndarray:
        """Mean of ``kernel ⊗ field`` over each pixel; ``field`` is overwritten.

        ``field`` (12 nside_field²,), ``window`` (at least ``longest`` + 1,) or None for no kernel.
        The sum over the sky is that of the field (window[0] = 1) to rounding.
        """
        means = self.degrade(field, self.nside_field, self.nside)
        if means is field:
            means = field.copy()
        if window is None:
            return means
        grid = self.choose(field, means.max(), window)
        level = window[grid.lmax + 1]
        smooth = self._harmonic(field, window[: grid.lmax + 1] - level, grid)
        mean = means.mean()
        if level != 0.0:
            means *= level
            smooth += means
        # the monopole of the band-limited sum is right but for the sampling of the pixels
        smooth += mean - smooth.mean()
        return smooth

    def choose(self, field: np.ndarray, peak: float, window: np.ndarray) -> Grid:
        """The lowest band limit that leaves an error below ``TOLERANCE``.

        What the window changes beyond the band limit is lost: that, times the contrast of the field
        within pixels of the size that the limit resolves. ``peak`` is the field's largest value:
        contrast matters where a thousandth of it is. A field with unresolved spots gets a grid
        finer than its own.
        """
        # the envelope of a pixel's window, which falls more slowly than its second-order form
        pixel = 1.0 / (1.0 + (np.arange(len(window)) / (2.0 * self.nside)) ** 1.5)
        beyond = np.abs(window) * pixel

        def lost(nside: int) -> float:
            level = window[2 * nside + 1]
            rest = np.abs(window[2 * nside + 1 :] - level) * pixel[2 * nside + 1 :]
            return max(float(rest.max()), float(beyond[2 * nside + 1]))

        best = nside = self.nside_field
        values, ratio, finest = field, 1.0, 0.0
        while nside > COARSEST:
            parent = self._parent(nside)
            coarse = sampling.average(values, parent, len(values) // 4)
            contrast = sampling.largest_contrast(values, parent, coarse, 1e-3 * peak)
            finest = max(finest, contrast) if values is field else finest
            ratio *= 1.0 + contrast
            values, nside = coarse, nside // 2
            if lost(nside) * (ratio - 1.0) >= TOLERANCE:
                break
            best = nside
        if self.uniform and finest > SPOT and best >= self.nside_field:
            degree = np.arange(len(window))
            power = (2 * degree + 1) * pixel
            whole = (power * np.abs(window)).sum()

            def missing(nside: int) -> float:
                """Share of a spot's image at its peak that the limit leaves out."""
                rest = np.abs(window - window[2 * nside + 1])[2 * nside + 1 :]
                return float((power[2 * nside + 1 :] * rest).sum() / whole)

            while best < FINER * self.nside_field and missing(best) > UNRESOLVED:
                best *= 2
        lmax = 2 * best
        return Grid(max(best, self.nside_field), lmax, self._output_grid(lmax))

    def _output_grid(self, lmax: int) -> int:
        """Resolution at which the harmonic part is made before it is averaged over pixels.

        Where it varies little over a pixel the pixels' own centres and mean window will do. Else
        parts of them: at least four, sixteen where that costs little, since pixels are not round.
        """
        if 2 * lmax <= self.nside:
            return self.nside
        return max(2 * self.nside, min(4 * self.nside, CHEAP), lmax // 2)

    def _harmonic(self, field: np.ndarray, window: np.ndarray, grid: Grid) -> np.ndarray:
        from ducc0.healpix import Healpix_Base
        from ducc0.sht import adjoint_synthesis, synthesis

        lmax, values, nside = grid.lmax, field, self.nside_field
        while nside < grid.nside:
            nside *= 2
            values = values[self._parent(nside)]
        rings = sampling.rings(grid.nside)
        weights = ring_weights(grid.nside, lmax) * (4 * np.pi / len(values))
        _weigh_rings(values, weights, rings.start, rings.count)
        info = Healpix_Base(grid.nside, "RING").sht_info()
        alm = adjoint_synthesis(map=values[None], lmax=lmax, spin=0, nthreads=self.threads, **info)
        factor = window * pixel_window(grid.nside_out, lmax)
        if self.uniform:
            factor *= pixel_window(grid.nside, lmax)
        _scale_degrees(alm[0], factor)
        info = Healpix_Base(grid.nside_out, "RING").sht_info()
        reuse = {"map": values[None]} if grid.nside_out == grid.nside else {}
        result = synthesis(alm=alm, lmax=lmax, spin=0, nthreads=self.threads, **info, **reuse)
        return self.degrade(result[0], grid.nside_out, self.nside)


@numba.njit(cache=True)
def _weigh_rings(
    values: np.ndarray, weights: np.ndarray, start: np.ndarray, count: np.ndarray
) -> None:
    for ring in range(len(weights)):
        values[start[ring] : start[ring] + count[ring]] *= weights[ring]


@numba.njit(cache=True)
def _scale_degrees(alm: np.ndarray, factor: np.ndarray) -> None:
    at = 0
    for m in range(len(factor)):
        for degree in range(m, len(factor)):
            alm[at] *= factor[degree]
            at += 1
