"""Celestial and galactic directions."""

from __future__ import annotations

import math

import numpy as np

FK5_TO_GALACTIC = (-282.85948120653484, -62.871748819143775, 32.9319185680026)
"""turns about Z, X, Z in degrees: those of the Fermitools since 2016, and of astropy's FK5"""


def _turn(axis: int, degrees: float) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    if axis == 0:
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def rotation(frame: str, target: str) -> np.ndarray | None:
    """Matrix (3, 3) that takes unit vectors of ``frame`` (GAL or CEL) to ``target``.

    None where the frames are the same.
    """
    if frame == target:
        return None
    first, second, third = FK5_TO_GALACTIC
    matrix = _turn(2, third) @ _turn(0, second) @ _turn(2, first)
    return matrix if target == "GAL" else matrix.T


def unit_vectors(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Directions (…, 3) of positions in degrees."""
    lon, lat = np.radians(longitude), np.radians(latitude)
    return np.stack([np.cos(lon) * np.cos(lat), np.sin(lon) * np.cos(lat), np.sin(lat)], axis=-1)
