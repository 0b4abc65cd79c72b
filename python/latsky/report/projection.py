"""Sky projections for plots: screen coordinates to directions and back.

Longitude grows to the left, as the sky is seen. Whole-sky formulae: Snyder, "Map Projections: A
Working Manual", USGS Professional Paper 1395 (1987), chapters 12, 24 and 31.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

WHOLE_SKY = ("mollweide", "hammer", "cartesian")
ROOT2 = math.sqrt(2.0)


@dataclass(frozen=True)
class View:
    """What is shown: the whole sky, or with ``zoom`` an equal-area picture about a centre.

    All in degrees; ``width`` and ``height`` are used by zoom alone.
    """

    projection: str = "mollweide"
    longitude: float = 0.0
    latitude: float = 0.0
    width: float = 30.0
    height: float = 30.0

    @property
    def extent(self) -> tuple[float, float]:
        """Half width and half height in the projection's own units (zoom: radians)."""
        if self.projection in ("mollweide", "hammer"):
            return 2 * ROOT2, ROOT2
        if self.projection == "cartesian":
            return math.pi, math.pi / 2
        # the distance of an angle from the centre in the equal-area projection is its chord
        across, down = (2 * math.sin(math.radians(size) / 4) for size in (self.width, self.height))
        return across, down

    def directions(self, pixels: int) -> tuple[np.ndarray, np.ndarray]:
        """Longitude and latitude (degrees) of screen pixels, NaN outside of the sky.

        ``pixels`` is the number across; the shape is (down, across), first row at the bottom.
        """
        half_x, half_y = self.extent
        down = max(2, round(pixels * half_y / half_x))
        x = (np.arange(pixels) + 0.5) / pixels * 2 - 1
        y = (np.arange(down) + 0.5) / down * 2 - 1
        return self.inverse(*np.meshgrid(-x * half_x, y * half_y))

    def inverse(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Direction (degrees) of projected coordinates, x growing with longitude; NaN outside."""
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.projection == "mollweide":
                theta = np.arcsin(y / ROOT2)
                lat = np.arcsin((2 * theta + np.sin(2 * theta)) / math.pi)
                lon = math.pi * x / (2 * ROOT2 * np.cos(theta))
            elif self.projection == "hammer":
                z = np.sqrt(1 - (x / 4) ** 2 - (y / 2) ** 2)
                lon = 2 * np.arctan2(z * x, 2 * (2 * z**2 - 1))
                lat = np.where((x**2 / 8 + y**2 / 2) <= 1, np.arcsin(np.clip(z * y, -1, 1)), np.nan)
            elif self.projection == "cartesian":
                lon, lat = x, y
            else:
                return self._inverse_zoom(x, y)
            outside = ~((np.abs(lon) <= math.pi) & (np.abs(lat) <= math.pi / 2))
        lon, lat = np.degrees(lon) + self.longitude, np.degrees(lat)
        lon, lat = lon % 360.0, np.where(outside, np.nan, lat)
        return np.where(outside, np.nan, lon), lat

    def _inverse_zoom(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rho = np.hypot(x, y)
        c = 2 * np.arcsin(np.where(rho <= 2, rho, np.nan) / 2)
        lat0 = math.radians(self.latitude)
        ratio = np.where(rho > 0, np.sin(c) / np.where(rho > 0, rho, 1), 1.0)
        sine = np.cos(c) * math.sin(lat0) + y * ratio * math.cos(lat0)
        lat = np.degrees(np.arcsin(np.clip(sine, -1, 1)))
        east = x * ratio
        north = np.cos(c) * math.cos(lat0) - y * ratio * math.sin(lat0)
        lon = (np.degrees(np.arctan2(east, north)) + self.longitude) % 360.0
        return lon, np.where(np.isnan(c), np.nan, lat)

    def forward(self, longitude: np.ndarray, latitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Projected coordinates of directions (degrees), whole-sky projections only."""
        lon = np.radians((np.asarray(longitude, "f8") - self.longitude + 180) % 360 - 180)
        return self.forward_offset(lon, np.radians(latitude))

    def forward_offset(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Projected coordinates of angles from the centre in radians, -pi to pi."""
        if self.projection == "mollweide":
            grid = np.linspace(-math.pi / 2, math.pi / 2, 4001)
            at = np.arcsin(np.clip((2 * grid + np.sin(2 * grid)) / math.pi, -1, 1))
            theta = np.interp(lat, at, grid)
            return 2 * ROOT2 / math.pi * lon * np.cos(theta), ROOT2 * np.sin(theta)
        if self.projection == "hammer":
            norm = np.sqrt(1 + np.cos(lat) * np.cos(lon / 2))
            return 2 * ROOT2 * np.cos(lat) * np.sin(lon / 2) / norm, ROOT2 * np.sin(lat) / norm
        return np.asarray(lon, "f8"), np.asarray(lat, "f8")
