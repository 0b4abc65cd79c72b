"""Unresolved spots of a field: pixels far brighter than those around them.

Where the kernel is no wider than a pixel, the image of such a pixel has an edge that no sum with a
band limit on the field's grid holds. Its excess over what surrounds it is therefore taken out of
the field and integrated directly: over the pixel it comes from (Gauss-Legendre in face coordinates,
in which HEALPix pixels are squares of equal area) and over the map's pixels, as the images of point
sources are (``point_source``). What remains of the field is what surrounds the spots. Integrals are
kept to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numba
import numpy as np

from latsky.embedded import sampling
from latsky.embedded.point_source import (
    _FACE_COLUMN,
    _FACE_ROW,
    _RULES,
    _density,
    _direction,
    _pixel_mean,
    disc,
    pixel_corners,
)
from latsky.embedded.profile import Profile, grid

CONTRAST = 3.0
"""a spot is brighter than what surrounds it by this factor"""
FAINTEST = 1e-3
"""and its excess is at least this share of the map's largest value"""
MOST = 64
"""spots a plane, at most: the brightest are taken, a spot costs some tens of milliseconds"""
PIXELS = 50_000_000
"""pixels of all spots together, at most"""
KINKED = 4
"""parts a side of pixels on which the projection has a kink"""
FAR = 25.0
"""map pixels from the spot beyond which both pixels are as good as points"""


class Spots(NamedTuple):
    """Pixels of a field (RING numbers) and what they exceed their surroundings by."""

    pixels: np.ndarray
    excess: np.ndarray


@numba.njit(cache=True)
def _candidates(
    field: np.ndarray,
    parent: np.ndarray,
    means: np.ndarray,
    grandparent: np.ndarray,
    wide: np.ndarray,
    contrast: float,
    floor: float,
    pixels: np.ndarray,
    around: np.ndarray,
) -> int:
    """Fill pixels and their surroundings as far as there is room; how many there are."""
    count = 0
    for i in range(len(field)):
        value = field[i]
        if value <= floor:
            continue
        up = parent[i]
        # the other three of the parent, and the other three parents of the grandparent
        siblings = (4.0 * means[up] - value) / 3.0
        cousins = (4.0 * wide[grandparent[up]] - means[up]) / 3.0
        # the brighter of both: ridges and steep edges are no spots
        level = max(0.0, siblings, cousins)
        if value > contrast * level and value - level > floor:
            if count < len(pixels):
                pixels[count], around[count] = i, level
            count += 1
    return count


def affordable(nside: int, profile: Profile) -> int:
    """How many spots are worth their time on a map of ``nside``: fewer, the wider the kernel."""
    disc_pixels = 3.0 * nside * nside * float(profile.reach[0])
    return int(min(MOST, PIXELS / max(disc_pixels, 1.0)))


def take_out(
    field: np.ndarray,
    nside: int,
    parents: Callable[[int], np.ndarray],
    floor: float,
    most: int,
) -> Spots:
    """Find the spots whose excess is above ``floor`` and level them in ``field`` in place.

    ``parents(nside)`` gives the pixel of nside/2 that holds each one. At most ``most`` are taken:
    those with the largest excess.
    """
    from ducc0.healpix import Healpix_Base

    parent, grandparent = parents(nside), parents(nside // 2)
    means = sampling.average(field, parent, len(field) // 4)
    wide = sampling.average(means, grandparent, len(field) // 16)
    size = 1024
    while True:
        pixels, around = np.empty(size, "i8"), np.empty(size)
        count = _candidates(
            field, parent, means, grandparent, wide, CONTRAST, floor, pixels, around
        )
        if count <= size:
            break
        size = count
    pixels, around = pixels[:count], around[:count]
    # pixels of a steep slope have a brighter neighbour
    near = Healpix_Base(nside, "RING").neighbors(pixels).reshape(count, 8)
    peak = np.where(near >= 0, field[near], 0.0).max(axis=1, initial=0.0) <= field[pixels]
    pixels, around = pixels[peak], around[peak]
    excess = field[pixels] - around
    if len(pixels) > most:
        chosen = np.sort(np.argsort(-excess, kind="stable")[:most])
        pixels, around, excess = pixels[chosen], around[chosen], excess[chosen]
    field[pixels] = around
    return Spots(pixels, excess)


def _nodes(number: int) -> tuple[np.ndarray, np.ndarray]:
    x, w = np.polynomial.legendre.leggauss(number)
    return (1 + x) / 2, w / 2


@numba.njit(cache=True, error_model="numpy")
def _vectors(
    corner: np.ndarray, nside: int, nodes: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (n², 3) and weights (n²,) of a quadrature over a pixel."""
    n = len(nodes)
    vectors, share = np.empty((n * n, 3)), np.empty(n * n)
    row, column = _FACE_ROW[corner[2]], _FACE_COLUMN[corner[2]]
    for i in range(n):
        for j in range(n):
            at = i * n + j
            vectors[at] = _direction(
                row, column, (corner[0] + nodes[i]) / nside, (corner[1] + nodes[j]) / nside
            )
            share[at] = weights[i] * weights[j]
    return vectors, share


@numba.njit(cache=True, error_model="numpy")
def _image(
    chord2: np.ndarray,
    corners: np.ndarray,
    nside: int,
    spot: tuple[tuple[np.ndarray, np.ndarray], ...],
    far2: float,
    length: float,
    width: float,
    table: np.ndarray,
    per_step: float,
    rules: np.ndarray,
    values: np.ndarray,
) -> None:
    """Mean over a spot's points of the profile's means over pixels.

    ``spot`` holds points and their shares: many, for pixels that touch it, fewer and few;
    ``length`` is the spot's side.
    """
    stack = np.empty((100, 3))
    side = np.sqrt(np.pi / 3) / nside
    for i in range(len(chord2)):
        if chord2[i] > far2:
            values[i] = _density(chord2[i], table, per_step)
            continue
        away = np.sqrt(chord2[i]) - 0.8 * side
        points, share = spot[2 if away > 4 * length else 1 if away > 1.5 * length else 0]
        # pixels cut by |z| = 2/3, where the map from face to sphere has a kink, by their parts
        row, line = _FACE_ROW[corners[i, 2]], corners[i, 0] + corners[i, 1] + 1
        cuts = KINKED if line == (row - 1) * nside or line == (row - 3) * nside else 1
        total = 0.0
        for k in range(len(points)):
            for a in range(cuts):
                for b in range(cuts):
                    total += share[k] * _pixel_mean(
                        corners[i, 2],
                        (corners[i, 0] + a / cuts) / nside,
                        (corners[i, 1] + b / cuts) / nside,
                        1.0 / (nside * cuts),
                        points[k],
                        width,
                        0.0,
                        table,
                        per_step,
                        stack,
                        rules,
                    )
        total /= cuts * cuts
        values[i] = total


def put_back(out: np.ndarray, spots: Spots, nside_field: int, nside: int, profile: Profile) -> None:
    """Add the images of spots of a field to a map of means over pixels of ``nside``, in place.

    ``profile`` holds one plane: the kernel.
    """
    length = np.sqrt(np.pi / 3) / nside
    far2 = (FAR * length) ** 2
    width, table = float(profile.width[0]), np.ascontiguousarray(profile.density[0])
    reach = (np.sqrt(profile.reach[0]) + length) ** 2
    spot_length = np.sqrt(np.pi / 3) / nside_field
    many = 4 if spot_length < width else 8 if spot_length < 4 * width else 16
    nodes = [_nodes(number) for number in (many, 4, 2)]
    per_step = 1.0 / grid()[0][1]
    own = pixel_corners(nside_field, spots.pixels)
    share = (nside / nside_field) ** 2
    for corner, excess in zip(own, spots.excess, strict=True):
        spot = tuple(_vectors(corner, nside_field, *each) for each in nodes)
        centre = _vectors(corner, nside_field, *_nodes(1))[0][0]
        found = disc(nside, centre, reach)
        corners = np.zeros((len(found.pixels), 3), "i8")
        close = found.chord2 <= far2
        corners[close] = pixel_corners(nside, found.pixels[close])
        values = np.empty(len(found.pixels))
        _image(
            found.chord2, corners, nside, spot, far2, spot_length, width, table, per_step,
            _RULES, values,
        )  # fmt: skip
        out[found.pixels] += values * (excess * share / values.sum())
