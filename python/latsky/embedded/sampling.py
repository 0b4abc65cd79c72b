"""Sky maps at the centres of HEALPix pixels, and averages over pixels.

Maps are interpolated bilinearly between pixel centres, as the Fermitools do: between rings and
along rings for HEALPix (Górski et al. 2005, ApJ 622, 759), in pixel coordinates for WCS images. All
HEALPix maps here are in RING order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numba
import numpy as np

from latsky.fits.frames import rotation as rotation

CHUNK = 1 << 20
"""pixels handled in one go where arrays of directions are needed"""


class Rings(NamedTuple):
    """The rings of a HEALPix map: all arrays have one entry a ring."""

    theta: np.ndarray
    count: np.ndarray
    phi0: np.ndarray
    start: np.ndarray


@lru_cache(maxsize=8)
def rings(nside: int) -> Rings:
    """Colatitude, number of pixels, azimuth of the first and its number, of all rings."""
    from ducc0.healpix import Healpix_Base

    info = Healpix_Base(nside, "RING").sht_info()
    return Rings(
        info["theta"], info["nphi"].astype("i8"), info["phi0"], info["ringstart"].astype("i8")
    )


def to_ring(values: np.ndarray, nside: int) -> np.ndarray:
    """A NESTED map in RING order."""
    from ducc0.healpix import Healpix_Base

    base = Healpix_Base(nside, "NEST")
    out = np.empty_like(values)
    for first in range(0, len(values), CHUNK):
        pixels = np.arange(first, min(len(values), first + CHUNK))
        out[base.nest2ring(pixels)] = values[first : first + CHUNK]
    return out


def to_nested(values: np.ndarray, nside: int) -> np.ndarray:
    """A RING map in NESTED order."""
    from ducc0.healpix import Healpix_Base

    base = Healpix_Base(nside, "NEST")
    out = np.empty_like(values)
    for first in range(0, len(values), CHUNK):
        pixels = np.arange(first, min(len(values), first + CHUNK))
        out[first : first + CHUNK] = values[base.nest2ring(pixels)]
    return out


def parents(nside: int, coarse: int) -> np.ndarray:
    """For every pixel of ``nside`` the pixel of the coarser map that holds it, int32."""
    from ducc0.healpix import Healpix_Base

    fine, wide = Healpix_Base(nside, "RING"), Healpix_Base(coarse, "RING")
    shift = 2 * (nside // coarse).bit_length() - 2
    npix = 12 * nside * nside
    out = np.empty(npix, "i4")
    for first in range(0, npix, CHUNK):
        pixels = np.arange(first, min(npix, first + CHUNK))
        out[first : first + CHUNK] = wide.nest2ring(fine.ring2nest(pixels) >> shift)
    return out


@numba.njit(cache=True)
def average(values: np.ndarray, parent: np.ndarray, coarse_npix: int) -> np.ndarray:
    """Mean over the pixels of each coarser pixel; ``parent`` from ``parents``."""
    out = np.zeros(coarse_npix)
    for i in range(len(values)):
        out[parent[i]] += values[i]
    out *= coarse_npix / len(values)
    return out


@numba.njit(cache=True)
def largest_contrast(
    values: np.ndarray, parent: np.ndarray, means: np.ndarray, floor: float
) -> float:
    """Largest |value / mean of its coarser pixel - 1| where the mean is above ``floor``."""
    worst = 0.0
    for i in range(len(values)):
        mean = means[parent[i]]
        if mean > floor:
            worst = max(worst, abs(values[i] / mean - 1.0))
    return worst


@numba.njit(cache=True)
def multiply_by_parent(values: np.ndarray, coarse: np.ndarray, parent: np.ndarray) -> None:
    """Multiply a map in place by a coarser one (constant over its pixels)."""
    for i in range(len(values)):
        values[i] *= coarse[parent[i]]


def directions(
    nside: int, first: int, stop: int, turn: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Colatitude and azimuth (rad, azimuth from 0 to 2π) of pixels, turned by a matrix."""
    from ducc0.healpix import Healpix_Base

    base = Healpix_Base(nside, "RING")
    pixels = np.arange(first, stop)
    if turn is None:
        angles = base.pix2ang(pixels)
        return np.ascontiguousarray(angles[:, 0]), np.ascontiguousarray(angles[:, 1])
    vectors = base.pix2vec(pixels) @ turn.T
    theta = np.arctan2(np.hypot(vectors[:, 0], vectors[:, 1]), vectors[:, 2])
    return theta, np.arctan2(vectors[:, 1], vectors[:, 0]) % (2 * np.pi)


def nearest(values: np.ndarray, nside_map: int, nside: int, turn: np.ndarray | None) -> np.ndarray:
    """A map's pixel values at the centres of ``nside``'s pixels, seen in a turned frame."""
    from ducc0.healpix import Healpix_Base

    if turn is None and nside_map == nside:
        return values
    base = Healpix_Base(nside_map, "RING")
    npix = 12 * nside * nside
    out = np.empty(npix, values.dtype)
    for first in range(0, npix, CHUNK):
        stop = min(npix, first + CHUNK)
        angles = np.stack(directions(nside, first, stop, turn), axis=-1)
        out[first:stop] = values[base.ang2pix(angles)]
    return out


@numba.njit(cache=True)
def _ring_of(nside: int, ring: int) -> tuple[int, int, float, float]:
    """First pixel, number of pixels, colatitude and shift (0 or ½ pixel) of ring 1…4nside-1."""
    northern = ring if ring <= 2 * nside else 4 * nside - ring
    npix = 12 * nside * nside
    if northern < nside:
        count = 4 * northern
        first = 2 * northern * (northern - 1)
        theta = 2.0 * np.arcsin(northern / (np.sqrt(6.0) * nside))
        shift = 0.5
    else:
        count = 4 * nside
        first = 2 * nside * (nside - 1) + (northern - nside) * count
        theta = np.arccos((2 * nside - northern) * 2.0 / (3.0 * nside))
        shift = 0.5 if ((northern - nside) & 1) == 0 else 0.0
    if northern != ring:
        theta = np.pi - theta
        first = npix - first - count
    return first, count, theta, shift


@numba.njit(cache=True)
def _ring_above(nside: int, theta: float) -> int:
    z = np.cos(theta)
    if abs(z) <= 2.0 / 3.0:
        return int(nside * (2.0 - 1.5 * z))
    # near the poles 1 - |z| loses digits: use the half angle
    half = np.sin(0.5 * theta) if z > 0 else np.cos(0.5 * theta)
    ring = int(nside * np.sqrt(6.0) * half)
    return ring if z > 0 else 4 * nside - ring - 1


@numba.njit(cache=True)
def _along_ring(values: np.ndarray, first: int, count: int, shift: float, phi: float) -> float:
    # azimuths run from 0 to 2π, so the position from -½ to the number of pixels
    position = phi / (2.0 * np.pi) * count - shift
    lower = int(np.floor(position))
    weight = position - lower
    upper = lower + 1
    if lower < 0:
        lower += count
    elif lower >= count:
        lower -= count
    if upper >= count:
        upper -= count
    return (1.0 - weight) * values[first + lower] + weight * values[first + upper]


@numba.njit(cache=True)
def _interpolate_one(values: np.ndarray, nside: int, theta: float, phi: float) -> float:
    above = _ring_above(nside, theta)
    if above == 0:
        first, count, below_theta, shift = _ring_of(nside, 1)
        mean = 0.25 * (values[0] + values[1] + values[2] + values[3])
        weight = theta / below_theta
        return weight * _along_ring(values, first, count, shift, phi) + (1.0 - weight) * mean
    if above >= 4 * nside - 1:
        first, count, above_theta, shift = _ring_of(nside, 4 * nside - 1)
        mean = 0.25 * (values[first] + values[first + 1] + values[first + 2] + values[first + 3])
        weight = (np.pi - theta) / (np.pi - above_theta)
        return weight * _along_ring(values, first, count, shift, phi) + (1.0 - weight) * mean
    first, count, above_theta, shift = _ring_of(nside, above)
    upper = _along_ring(values, first, count, shift, phi)
    first, count, below_theta, shift = _ring_of(nside, above + 1)
    lower = _along_ring(values, first, count, shift, phi)
    weight = (theta - above_theta) / (below_theta - above_theta)
    return (1.0 - weight) * upper + weight * lower


@numba.njit(cache=True)
def _interpolate_points(
    values: np.ndarray, nside: int, theta: np.ndarray, phi: np.ndarray, out: np.ndarray
) -> None:
    for i in range(len(theta)):
        out[i] = _interpolate_one(values, nside, theta[i], phi[i])


@numba.njit(cache=True)
def _interpolate_rings(
    values: np.ndarray,
    nside: int,
    theta: np.ndarray,
    count: np.ndarray,
    phi0: np.ndarray,
    start: np.ndarray,
    out: np.ndarray,
) -> None:
    """Like ``_interpolate_points`` for whole rings: what depends on latitude is found once."""
    for r in range(len(theta)):
        above = _ring_above(nside, theta[r])
        step = 2.0 * np.pi / count[r]
        if above == 0 or above >= 4 * nside - 1:
            for i in range(count[r]):
                out[start[r] + i] = _interpolate_one(values, nside, theta[r], phi0[r] + i * step)
            continue
        first1, count1, theta1, shift1 = _ring_of(nside, above)
        first2, count2, theta2, shift2 = _ring_of(nside, above + 1)
        weight = (theta[r] - theta1) / (theta2 - theta1)
        for i in range(count[r]):
            phi = phi0[r] + i * step
            out[start[r] + i] = (1.0 - weight) * _along_ring(
                values, first1, count1, shift1, phi
            ) + weight * _along_ring(values, first2, count2, shift2, phi)


def interpolate_healpix(
    values: np.ndarray, nside_map: int, nside: int, turn: np.ndarray | None
) -> np.ndarray:
    """A HEALPix map (RING) at the centres of ``nside``'s pixels.

    ``turn`` takes vectors of the wanted pixels' frame to the map's, None where they are one.
    """
    if turn is None and nside == nside_map:
        return values.astype("f8")
    npix = 12 * nside * nside
    out = np.empty(npix)
    if turn is None:
        _interpolate_rings(values, nside_map, *rings(nside), out)
        return out
    for first in range(0, npix, CHUNK):
        stop = min(npix, first + CHUNK)
        theta, phi = directions(nside, first, stop, turn)
        _interpolate_points(values, nside_map, theta, phi, out[first:stop])
    return out


@numba.njit(cache=True)
def _interpolate_image(
    image: np.ndarray, x: np.ndarray, y: np.ndarray, period: int, out: np.ndarray
) -> None:
    """Bilinear interpolation at 0-based pixel coordinates; 0 outside of the image.

    ``period`` > 0: columns repeat after so many. Within half a pixel of an edge the value of the
    edge continues.
    """
    rows, columns = image.shape
    for i in range(len(x)):
        xi, yi = x[i], y[i]
        if not (np.isfinite(xi) and np.isfinite(yi)) or yi < -0.5 or yi > rows - 0.5:
            out[i] = 0.0
            continue
        if period == 0 and (xi < -0.5 or xi > columns - 0.5):
            out[i] = 0.0
            continue
        j = int(np.floor(yi))
        v = yi - j
        j1 = min(max(j, 0), rows - 1)
        j2 = min(max(j + 1, 0), rows - 1)
        k = int(np.floor(xi))
        u = xi - k
        if period > 0:
            k1, k2 = k % period, (k + 1) % period
        else:
            k1, k2 = min(max(k, 0), columns - 1), min(max(k + 1, 0), columns - 1)
        out[i] = (1.0 - v) * ((1.0 - u) * image[j1, k1] + u * image[j1, k2]) + v * (
            (1.0 - u) * image[j2, k1] + u * image[j2, k2]
        )


def interpolate_image(
    image: np.ndarray,
    to_pixel: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    period: int,
    nside: int,
    turn: np.ndarray | None,
) -> np.ndarray:
    """A WCS image (rows, columns) at the centres of ``nside``'s pixels.

    ``to_pixel`` turns longitude and latitude (degrees, the image's frame) into 0-based column and
    row, NaN where there is none. ``period`` as the number of columns around the sphere, or 0.
    """
    npix = 12 * nside * nside
    out = np.empty(npix)
    for first in range(0, npix, CHUNK):
        stop = min(npix, first + CHUNK)
        theta, phi = directions(nside, first, stop, turn)
        x, y = to_pixel(np.degrees(phi), 90.0 - np.degrees(theta))
        _interpolate_image(image, x, y, period, out[first:stop])
    return out
