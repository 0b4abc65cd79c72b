"""Exposure from livetime and effective area.

The exposure at a direction and energy is the sum over bins of angle of livetime × effective area at
the middle of the bin, corrected for the livetime fraction: area × (a(E) livetime + b(E) weighted
livetime). A direction takes the livetime of the pixel it lies in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latsky.errors import InputError
from latsky.fits.frames import rotation, unit_vectors
from latsky.fits.hpx import HpxGeometry
from latsky.fits.irfs import EventTypeResponse, Response
from latsky.fits.livetime import AngleBins, LivetimeCube

_CHUNK = 1 << 18
"""directions looked up at a time"""


@dataclass(frozen=True)
class BinWeights:
    """Factors of livetime and weighted livetime, (planes, bins), cm²."""

    plain: np.ndarray
    weighted: np.ndarray


@dataclass(frozen=True)
class Inclination:
    """Range of angles from the LAT's axis that counts, degrees."""

    minimum: float = 0.0
    maximum: float = 180.0

    def contains(self, cos_theta: np.ndarray) -> np.ndarray:
        """Which of the cosines are in it."""
        low = -1.0 if self.maximum >= 180 else np.cos(np.radians(self.maximum))
        high = 1.0 if self.minimum <= 0 else np.cos(np.radians(self.minimum))
        return (cos_theta >= low) & (cos_theta <= high)


EVERYWHERE = Inclination()


def type_weights(
    response: Response,
    kind: EventTypeResponse,
    energies: np.ndarray,
    bins: AngleBins,
    *,
    by_phi: bool = False,
    inclination: Inclination = EVERYWHERE,
) -> BinWeights:
    """Factors of one event type: (planes, n_theta), or (planes, n_phi × n_theta) with ``by_phi``.

    As in the Fermitools the correction for the livetime fraction is that of the first event type of
    the response, for all of them.
    """
    cosines = bins.cos_centers
    area = kind.aeff.value(energies, cosines) * inclination.contains(cosines)
    if by_phi:
        factor = kind.aeff.phi_dependence(energies, cosines, bins.phi_centers)
        area = (area[:, :, None] * factor).transpose(0, 2, 1).reshape(len(energies), -1)
    offset, slope = response.event_types[0].aeff.livetime_factors(energies)
    return BinWeights(offset[:, None] * area, slope[:, None] * area)


def bin_weights(
    response: Response,
    energies: np.ndarray,
    bins: AngleBins,
    *,
    by_phi: bool = False,
    inclination: Inclination = EVERYWHERE,
) -> BinWeights:
    """Factors of all event types together; see ``type_weights``."""
    parts = [
        type_weights(response, kind, energies, bins, by_phi=by_phi, inclination=inclination)
        for kind in response.event_types
    ]
    return BinWeights(sum(part.plain for part in parts), sum(part.weighted for part in parts))


def pixels_at(cube: LivetimeCube, vectors: np.ndarray, frame: str) -> np.ndarray:
    """Livetime pixels of unit vectors (n, 3) in ``frame`` (GAL or CEL)."""
    turn = rotation(frame, cube.coordsys)
    turned = vectors if turn is None else vectors @ turn.T
    return cube.geometry.base.vec2pix(np.ascontiguousarray(turned))


def pixels_of(cube: LivetimeCube, geometry: HpxGeometry) -> np.ndarray:
    """Livetime pixel of each pixel centre of another pixelisation, (npix,)."""
    found = np.empty(geometry.npix, "i4")
    for first in range(0, geometry.npix, _CHUNK):
        numbers = np.arange(first, min(first + _CHUNK, geometry.npix))
        vectors = geometry.base.pix2vec(numbers)
        found[numbers] = pixels_at(cube, vectors, geometry.coordsys)
    return found


def exposure_of_pixels(
    cube: LivetimeCube, weights: BinWeights, *, by_phi: bool = False
) -> np.ndarray:
    """Exposure at every pixel of the livetime cube, (planes, npix) cm² s.

    Raises InputError when the cube lacks weighted livetimes that the correction needs, or the
    correction makes an exposure negative.
    """
    part = slice(cube.bins.n_theta, None) if by_phi else slice(0, cube.bins.n_theta)
    if by_phi and cube.bins.n_phi == 0:
        raise InputError("the livetime cube has no bins of azimuth", key="PHIBINS")
    total = np.zeros((len(weights.plain), cube.geometry.npix))
    for factors, values in ((weights.plain, cube.values), (weights.weighted, cube.weighted_values)):
        if not factors.any():
            continue
        if values is None:
            raise InputError(
                "no weighted livetimes, which the efficiency correction of the IRFs needs",
                key="WEIGHTED_EXPOSURE",
            )
        # not a BLAS product: its sums may depend on the number of threads
        total += np.einsum("kb,pb->kp", factors, values[:, part].astype("f8"))
    if np.any(total < 0):
        raise InputError("the efficiency correction makes an exposure negative", key="irfs")
    return total


def exposure_by_bin(
    cube: LivetimeCube,
    response: Response,
    energy: float,
    longitude: float,
    latitude: float,
    frame: str = "GAL",
) -> np.ndarray:
    """Exposure at a position (degrees) by event type and bin of cos(theta): (types, n_theta) cm² s.

    What a mean PSF or a mean energy dispersion is weighted with; cos(theta) of the bins is
    ``cube.bins.cos_centers``.
    """
    pixel = pixels_at(cube, unit_vectors(np.array([longitude]), np.array([latitude])), frame)[0]
    plain = cube.livetime[pixel].astype("f8")
    weighted = np.zeros_like(plain) if cube.weighted is None else cube.weighted[pixel]
    rows = []
    for kind in response.event_types:
        factors = type_weights(response, kind, np.array([energy]), cube.bins)
        rows.append(factors.plain[0] * plain + factors.weighted[0] * weighted)
    return np.stack(rows)


@dataclass(frozen=True)
class Looked:
    """A plane whose pixels repeat those of another, gathered only where sliced."""

    values: np.ndarray
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, at: slice) -> np.ndarray:
        return self.values[self.index[at]]


def healpix_exposure(
    cube: LivetimeCube, exposure: np.ndarray, geometry: HpxGeometry
) -> Sequence[Looked]:
    """Exposure ``(planes, pixels of the cube)`` in another pixelisation, a plane each."""
    index = pixels_of(cube, geometry)
    return [Looked(plane, index) for plane in exposure]
