"""Maps of single sources on HEALPix: a radial profile integrated over pixels.

A HEALPix base face is the unit square mapped to the sphere with constant Jacobian (Górski et al.
2005), so the mean of a function over a pixel is its mean over a square of face coordinates, for
which Gauss-Legendre quadrature is exact to high order. Squares that are large against the distance
to the source or the profile's width are split into four. Far from the source, where a pixel is
small against both, its centre is enough.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from latsky.embedded.profile import SCALE, Profile, grid
from latsky.fits.hpx import HpxGeometry

_FACE_ROW = np.array([2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4])
_FACE_COLUMN = np.array([1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7])
_GAUSS2 = np.polynomial.legendre.leggauss(2)
_GAUSS3 = np.polynomial.legendre.leggauss(3)
_GAUSS4 = np.polynomial.legendre.leggauss(4)
_SPLIT = 0.5
"""squares larger than this × the scale of variation are split"""
_COARSE = 0.25
"""below this three nodes an axis suffice, above four"""
_CENTRE = 0.04
"""pixels smaller than this × the scale of variation are sampled at their centre"""
_TWO = 0.1
"""below this two nodes an axis suffice"""
_DEPTH = 24


class Disc(NamedTuple):
    """Pixels (RING numbers) whose centres lie within a chord of a direction."""

    pixels: np.ndarray
    """(n,) int64, rising"""
    chord2: np.ndarray
    """(n,) squared chord from the direction to the centres"""


@numba.njit(cache=True, error_model="numpy")
def _disc(
    nside: int, z0: float, s0: float, phi0: float, reach: float, pixels: np.ndarray, chord2
) -> int:
    """Fill the disc of squared chord ``reach``; its number of pixels."""
    count = 0
    radius = 2 * np.arcsin(min(1.0, np.sqrt(reach) / 2))
    theta0 = np.arctan2(s0, z0)
    top, bottom = theta0 - radius, theta0 + radius
    z_max = 1.0 if top <= 0 else np.cos(top)
    z_min = -1.0 if bottom >= np.pi else np.cos(bottom)
    n_total = 12 * nside * nside
    for ring in range(1, 4 * nside):
        if ring < nside:
            n = 4 * ring
            first = 2 * ring * (ring - 1)
            t = ring * ring / (3.0 * nside * nside)
            z, s, shift = 1.0 - t, np.sqrt(t * (2.0 - t)), 0.5
        elif ring <= 3 * nside:
            n = 4 * nside
            first = 2 * nside * (nside - 1) + (ring - nside) * n
            z = (2 * nside - ring) * 2.0 / (3.0 * nside)
            s = np.sqrt((1 - z) * (1 + z))
            shift = 0.5 if (ring + nside) % 2 == 0 else 0.0
        else:
            up = 4 * nside - ring
            n = 4 * up
            first = n_total - 2 * up * (up + 1)
            t = up * up / (3.0 * nside * nside)
            z, s, shift = t - 1.0, np.sqrt(t * (2.0 - t)), 0.5
        if z > z_max or z < z_min:
            continue
        base = (z - z0) ** 2 + (s - s0) ** 2
        if base > reach:
            continue
        step = 2 * np.pi / n
        half = (reach - base) / (4 * s * s0) if s * s0 > 0 else 2.0
        if half >= 1.0:
            low, high = 0, n - 1
        else:
            width = 2 * np.arcsin(np.sqrt(half))
            low = int(np.ceil((phi0 - width) / step - shift))
            high = int(np.floor((phi0 + width) / step - shift))
            if high - low >= n:
                low, high = 0, n - 1
        wrap = 0
        # rising pixel numbers: first the part that wrapped over phi = 0
        if low < 0:
            wrap = -low
        elif high >= n:
            wrap = high - n + 1
        start, stop = low, high
        if low < 0:
            for j in range(high + 1):
                d = np.sin(((j + shift) * step - phi0) / 2)
                pixels[count] = first + j
                chord2[count] = base + 4 * s * s0 * d * d
                count += 1
            start, stop = n - wrap, n - 1
        elif high >= n:
            for j in range(wrap):
                d = np.sin(((j + shift) * step - phi0) / 2)
                pixels[count] = first + j
                chord2[count] = base + 4 * s * s0 * d * d
                count += 1
            start, stop = low, n - 1
        for j in range(start, stop + 1):
            d = np.sin(((j + shift) * step - phi0) / 2)
            pixels[count] = first + j
            chord2[count] = base + 4 * s * s0 * d * d
            count += 1
    return count


def disc(nside: int, vector: np.ndarray, reach: float) -> Disc:
    """Pixels of ``nside`` (RING) with centres within the squared chord ``reach`` of a direction.

    Around the direction at least its own pixel is in the disc's list when ``reach`` covers its
    centre; ``vector`` is a unit vector (3,).
    """
    x, y, z = (float(v) for v in vector)
    fraction = min(1.0, reach / 4.0)
    rings = 40 * nside
    size = min(12 * nside * nside, int(12 * nside * nside * fraction * 1.2) + rings)
    pixels, chord2 = np.empty(size, "i8"), np.empty(size)
    phi = np.arctan2(y, x) % (2 * np.pi)
    count = _disc(nside, z, np.hypot(x, y), phi, reach, pixels, chord2)
    return Disc(pixels[:count], chord2[:count])


@numba.njit(cache=True, inline="always")
def _density(chord2: float, table: np.ndarray, per_step: float) -> float:
    at = np.log1p(chord2 * (1.0 / (SCALE * SCALE))) * per_step
    k = int(at)
    if k >= len(table) - 1:
        return 0.0
    t = at - k
    return table[k] * (1.0 - t) + table[k + 1] * t


@numba.njit(cache=True, error_model="numpy")
def _direction(row: int, column: int, x: float, y: float):
    """Unit vector of face coordinates 0 … 1 (Górski et al. 2005, sections 5.1 and 5.2)."""
    level = row - x - y
    if level < 1.0:
        near = level
        t = near * near / 3.0
        z, s = 1.0 - t, np.sqrt(t * (2.0 - t))
    elif level > 3.0:
        near = 4.0 - level
        t = near * near / 3.0
        z, s = t - 1.0, np.sqrt(t * (2.0 - t))
    else:
        near = 1.0
        z = (2.0 - level) * 2.0 / 3.0
        s = np.sqrt((1.0 - z) * (1.0 + z))
    turn = column * near + x - y
    phi = 0.25 * np.pi * turn / near if near > 1e-15 else 0.0
    return s * np.cos(phi), s * np.sin(phi), z


@numba.njit(cache=True, error_model="numpy")
def _chord2(row: int, column: int, x: float, y: float, source: np.ndarray) -> float:
    a, b, c = _direction(row, column, x, y)
    return (a - source[0]) ** 2 + (b - source[1]) ** 2 + (c - source[2]) ** 2


@numba.njit(cache=True, error_model="numpy")
def _pixel_mean(
    face: int,
    x0: float,
    y0: float,
    size: float,
    source: np.ndarray,
    width: float,
    extent: float,
    table: np.ndarray,
    per_step: float,
    stack: np.ndarray,
    rules: np.ndarray,
) -> float:
    """Mean of a profile over the square of face coordinates with that corner and side."""
    row, column = _FACE_ROW[face], _FACE_COLUMN[face]
    side = np.sqrt(np.pi / 3.0)
    stack[0, 0], stack[0, 1], stack[0, 2] = x0, y0, size
    top = 1
    total = 0.0
    while top > 0:
        top -= 1
        x, y, part = stack[top, 0], stack[top, 1], stack[top, 2]
        length = part * side
        c2 = _chord2(row, column, x + part / 2, y + part / 2, source)
        away = max(0.0, np.sqrt(c2) - 0.8 * length - extent)
        scale = np.sqrt(away * away + width * width)
        if length > _SPLIT * scale and part > size / (1 << _DEPTH) and top + 4 <= len(stack):
            half = part / 2
            for k in range(4):
                stack[top, 0] = x + half * (k % 2)
                stack[top, 1] = y + half * (k // 2)
                stack[top, 2] = half
                top += 1
            continue
        order = 4 if length > _COARSE * scale else (3 if length > _TWO * scale else 2)
        mean = 0.0
        for i in range(order):
            for j in range(order):
                node = _chord2(
                    row,
                    column,
                    x + part * rules[order - 2, 0, i],
                    y + part * rules[order - 2, 0, j],
                    source,
                )
                weight = rules[order - 2, 1, i] * rules[order - 2, 1, j]
                mean += weight * _density(node, table, per_step)
        total += mean * part * part
    return total / (size * size)


def _rules() -> np.ndarray:
    """Gauss-Legendre nodes and weights on 0 … 1 for orders 2 to 4: (3, 2, 4)."""
    rules = np.zeros((3, 2, 4))
    for number, (nodes, weights) in enumerate((_GAUSS2, _GAUSS3, _GAUSS4)):
        rules[number, 0, : number + 2] = (1 + nodes) / 2
        rules[number, 1, : number + 2] = weights / 2
    return rules


_RULES = _rules()


@numba.njit(cache=True, error_model="numpy")
def _fill(
    chord2: np.ndarray,
    corners: np.ndarray,
    nside: int,
    source: np.ndarray,
    reach: float,
    width: float,
    extent: float,
    table: np.ndarray,
    per_step: float,
    rules: np.ndarray,
    values: np.ndarray,
) -> None:
    """Pixel integrals; ``corners`` (n, 3) are x, y and face, only read where a pixel is near."""
    area = np.pi / (3.0 * nside * nside)
    length = np.sqrt(area)
    stack = np.empty((4 * _DEPTH, 3))
    for i in range(len(chord2)):
        if chord2[i] > reach:
            values[i] = 0.0
            continue
        away = max(0.0, np.sqrt(chord2[i]) - extent)
        if length < _CENTRE * np.sqrt(away * away + width * width):
            values[i] = area * _density(chord2[i], table, per_step)
        else:
            values[i] = area * _pixel_mean(
                corners[i, 2],
                corners[i, 0] / nside,
                corners[i, 1] / nside,
                1.0 / nside,
                source,
                width,
                extent,
                table,
                per_step,
                stack,
                rules,
            )


def pixel_corners(nside: int, pixels: np.ndarray) -> np.ndarray:
    """x, y and face (n, 3) of RING pixels."""
    return HpxGeometry(nside).base.pix2xyf(pixels)


class SourceMap(NamedTuple):
    """What one source puts into pixels: ``values`` (planes, n) at ``pixels`` (n,), RING numbers."""

    pixels: np.ndarray
    values: np.ndarray


def profile_map(nside: int, vector: np.ndarray, profile: Profile) -> SourceMap:
    """Integrals of a profile around ``vector`` (3,) over pixels of ``nside``; each plane sums to 1.

    Pixels are those with centres within the widest plane's reach (or the source's own pixel).
    A pixel that straddles the reach is counted whole if its centre is inside.
    """
    reach = float(profile.reach.max())
    own = int(HpxGeometry(nside).base.vec2pix(np.asarray(vector, "f8")[None])[0])
    edge = np.sqrt(np.pi / 3) / nside
    # sources in a pixel's corner: the pixels around have centres outside of a narrow reach
    planes = (np.sqrt(profile.reach) + 1.0 * edge) ** 2 * (profile.reach > 0)
    found = disc(nside, vector, float(planes.max())) if reach > 0 else None
    if found is None or len(found.pixels) == 0:
        return SourceMap(np.array([own]), np.zeros((len(profile.reach), 1)))
    length = np.sqrt(np.pi / 3) / nside
    near2 = (length / _CENTRE + profile.extent) ** 2
    corners = np.zeros((len(found.pixels), 3), "i8")
    near = found.chord2 <= near2
    corners[near] = pixel_corners(nside, found.pixels[near])
    u = grid()[0]
    values = np.empty((len(planes), len(found.pixels)))
    source = np.ascontiguousarray(vector, "f8")
    for plane in range(len(planes)):
        _fill(
            found.chord2,
            corners,
            nside,
            source,
            float(planes[plane]),
            float(profile.width[plane]),
            profile.extent,
            profile.density[plane],
            1.0 / u[1],
            _RULES,
            values[plane],
        )
    return SourceMap(found.pixels, values)
