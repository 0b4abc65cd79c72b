"""Convolution of a whole-sky map with a round kernel, averaged over HEALPix pixels.

The kernel K(θ) acts on spherical harmonics by its Legendre window alone,
b_l = 2π ∫ K(θ) P_l(cos θ) d cos θ (Funk–Hecke theorem). Below the band limit L of a working grid
that is applied exactly; beyond, the window is taken to stay at its last value:

    K ⊗ f = b_L f + Σ_{l ≤ L} (b_l - b_L) a_lm Y_lm,

so that the sum breaks off at zero. A kernel wider than the pixels (b_L = 0) gives the plain
harmonic convolution, a kernel much narrower (b_l = 1) the map itself, both without ringing, and
anything between is right up to (b_l - b_L) times what the map holds beyond L. L is the lowest for
which that is negligible; the first term has the full resolution of the map. Single bright pixels
that no such limit resolves are integrated directly (``spots``).

Integrals over HEALPix rings use weights per ring that make them exact for zonal functions up to the
band limit, as the ring weights of the HEALPix package do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numba
import numpy as np

from latsky.embedded import sampling, spots
from latsky.embedded.profile import Profile

COARSEST = 16
"""half the lowest band limit"""
RINGS = 512
"""rings of a hemisphere that are transformed in one go"""
TOLERANCE = 1e-4
"""error of a pixel, relative to its value, below which a lower band limit will do"""
UNRESOLVED = 1e-4
"""share of a pixel's image below which the field's own grid is fine enough for it"""
CHEAP = 512
"""nside of a map whose transform costs little"""


@numba.njit(cache=True)
def legendre_sums(z: np.ndarray, weight: np.ndarray, lmax: int) -> np.ndarray:
    """Σ_i weight_i P_l(z_i) for l = 0 … lmax (three-term recurrence)."""
    out = np.zeros(lmax + 1)
    before = np.ones(len(z))
    now = z.copy()
    out[0] = weight.sum()
    if lmax > 0:
        # numba names whole-array expressions by an address: caches of them would differ each time
        for i in range(len(z)):
            out[1] += weight[i] * z[i]
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

    nside, fine = 16, 128
    coarse, base = Healpix_Base(nside, "NEST"), Healpix_Base(fine, "NEST")
    children = (fine // nside) ** 2
    middle = coarse.pix2vec(np.arange(12 * nside**2))
    points = base.pix2vec(np.arange(12 * fine**2)).reshape(-1, children, 3)
    square = ((points - middle[:, None]) ** 2).sum(axis=-1).mean()
    # the parts are pixels themselves, as much smaller
    square /= 1.0 - 1.0 / children
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


class Kernel(NamedTuple):
    """A round kernel of integral one."""

    window: np.ndarray
    """Legendre window b_l from l = 0, b_0 = 1"""
    profile: Profile | None = None
    """the kernel itself, one plane: with it spots that no grid resolves are integrated directly"""


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
        """Highest degree of a window that is used."""
        return 2 * self.nside_field + 1

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

    def convolve(self, field: np.ndarray, kernel: Kernel | np.ndarray | None) -> np.ndarray:
        """Mean of ``kernel ⊗ field`` over each pixel; ``field`` is overwritten.

        ``field`` (12 nside_field²,), ``kernel`` with a window to ``longest`` at least, its window
        alone, or None for no kernel. The sum over the sky is that of the field to rounding.
        """
        means = self.degrade(field, self.nside_field, self.nside)
        if means is field:
            means = field.copy()
        if kernel is None:
            return means
        window, profile = kernel if isinstance(kernel, Kernel) else Kernel(kernel)
        found = None
        if self.uniform and profile is not None and self.unresolved(window) > UNRESOLVED:
            floor = spots.FAINTEST * means.max() * (self.nside_field / self.nside) ** 2
            most = spots.affordable(self.nside, profile)
            found = spots.take_out(field, self.nside_field, self._parent, floor, most)
            if len(found.pixels):
                means = self.degrade(field, self.nside_field, self.nside)
                means = means.copy() if means is field else means
        grid = self.choose(field, means.max(), window)
        level = window[grid.lmax + 1]
        smooth = self._harmonic(field, window[: grid.lmax + 1] - level, grid)
        mean = means.mean()
        if level != 0.0:
            means *= level
            smooth += means
        # the monopole of the band-limited sum is right but for the sampling of the pixels
        smooth += mean - smooth.mean()
        if found is not None and profile is not None:
            spots.put_back(smooth, found, self.nside_field, self.nside, profile)
        return smooth

    def unresolved(self, window: np.ndarray) -> float:
        """Share of the image of one bright pixel, at its peak, that the field's grid misses.

        What the kernel holds beyond the band limit (its window there is at most that at the limit),
        and within it the error of the pixels' mean window, which is of second order only.
        """
        limit = 2 * self.nside_field
        degree = np.arange(4 * limit)
        power = (2 * degree + 1) * self._envelope(len(degree))
        held, level = window[: limit + 1], abs(window[limit + 1])
        beyond = level * power[limit + 1 :].sum()
        power, degree = power[: limit + 1], degree[: limit + 1] / limit
        inexact = (power * np.abs(held - level) * 0.01 * degree**4).sum()
        return float((beyond + inexact) / ((power * np.abs(held)).sum() + beyond))

    def _envelope(self, number: int) -> np.ndarray:
        """Envelope of a pixel's window, which falls more slowly than its second-order form."""
        return 1.0 / (1.0 + (np.arange(number) / (2.0 * self.nside)) ** 1.5)

    def choose(self, field: np.ndarray, peak: float, window: np.ndarray) -> Grid:
        """The lowest band limit that leaves an error below ``TOLERANCE``.

        What the window changes beyond the band limit is lost: that, times the contrast of the field
        within pixels of the size that the limit resolves. ``peak`` is the field's largest value:
        contrast matters where a thousandth of it is.
        """
        pixel = self._envelope(len(window))
        beyond = np.abs(window) * pixel

        def lost(nside: int) -> float:
            level = window[2 * nside + 1]
            rest = np.abs(window[2 * nside + 1 :] - level) * pixel[2 * nside + 1 :]
            return max(float(rest.max()), float(beyond[2 * nside + 1]))

        best = nside = self.nside_field
        values, ratio = field, 1.0
        while nside > COARSEST:
            parent = self._parent(nside)
            coarse = sampling.average(values, parent, len(values) // 4)
            ratio *= 1.0 + sampling.largest_contrast(values, parent, coarse, 1e-3 * peak)
            values, nside = coarse, nside // 2
            if lost(nside) * (ratio - 1.0) >= TOLERANCE:
                break
            best = nside
        return Grid(self.nside_field, 2 * best, self._output_grid(2 * best))

    def _output_grid(self, lmax: int) -> int:
        """Resolution at which the harmonic part is made before it is averaged over pixels.

        Where it varies little over a pixel the pixels' own centres and mean window will do. Else
        parts of them: at least four, sixteen where that costs little, since pixels are not round.
        """
        if 2 * lmax <= self.nside:
            return self.nside
        return max(2 * self.nside, min(4 * self.nside, CHEAP), lmax // 2)

    def _harmonic(self, field: np.ndarray, window: np.ndarray, grid: Grid) -> np.ndarray:
        from ducc0.sht import adjoint_synthesis, synthesis

        lmax, rings = grid.lmax, sampling.rings(grid.nside)
        weights = ring_weights(grid.nside, lmax) * (4 * np.pi / len(field))
        _weigh_rings(field, weights, rings.start, rings.count)
        alm = np.zeros((lmax + 1) * (lmax + 2) // 2, "c16")
        for some in _groups(grid.nside):
            alm += adjoint_synthesis(
                map=field[None], lmax=lmax, spin=0, nthreads=self.threads, **some
            )[0]
        factor = window * pixel_window(grid.nside_out, lmax)
        if self.uniform:
            factor *= pixel_window(grid.nside, lmax)
        _scale_degrees(alm, factor)
        same = grid.nside_out == grid.nside
        result = field if same else np.empty(12 * grid.nside_out**2)
        for some in _groups(grid.nside_out):
            synthesis(
                alm=alm[None], map=result[None], lmax=lmax, spin=0, nthreads=self.threads, **some
            )
        return self.degrade(result, grid.nside_out, self.nside)


def _groups(nside: int) -> Iterator[dict[str, np.ndarray]]:
    """The rings of a map in groups, as the transforms take them: each holds memory for its own.

    Groups are symmetrical about the equator, since a ring and its twin share Legendre functions.
    """
    from ducc0.healpix import Healpix_Base

    info = Healpix_Base(nside, "RING").sht_info()
    north = 2 * nside
    for first in range(0, north, RINGS):
        upper = np.arange(first, min(north, first + RINGS))
        lower = 4 * nside - 2 - upper[::-1]
        chosen = np.union1d(upper, lower)
        yield {key: np.ascontiguousarray(value[chosen]) for key, value in info.items()}


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
