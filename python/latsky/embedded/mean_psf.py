"""The point spread function averaged over an observation.

At one energy and direction the PSF is the sum over event types and inclinations of the PSFs, each
weighted by livetime × effective area (LAT documentation, gtpsf). It varies over the sky because the
inclinations at which a direction was seen do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latsky.embedded.convolution import legendre_sums, quadrature
from latsky.embedded.profile import SUPPORT, Profile, grid, make_profile
from latsky.fits.frames import rotation, unit_vectors
from latsky.fits.irfs import Response
from latsky.fits.livetime import LivetimeCube

Direction = tuple[float, float]
"""longitude and latitude in degrees"""


@dataclass(frozen=True)
class MeanPsf:
    """PSF at one energy: weights of the IRFs' PSFs at the nodes of cos(theta), a type each."""

    energy: float
    exposure: float
    """cm² s, all event types"""
    response: Response
    weights: tuple[np.ndarray, ...]
    """cm² s by node, one array (nC,) an event type"""

    def density(self, separation: np.ndarray) -> np.ndarray:
        """PSF (k,) in sr⁻¹ at ``separation`` (k,) rad, as the IRFs normalise it; 0 if unexposed."""
        total = np.zeros(len(separation))
        if self.exposure <= 0.0:
            return total
        for kind, weight in zip(self.response.event_types, self.weights, strict=True):
            total += weight @ kind.psf.node_density(self.energy, separation)
        total[separation > SUPPORT] = 0.0
        return total / self.exposure

    def window(self, lmax: int, support: float = SUPPORT) -> np.ndarray:
        """Legendre window b_l, l = 0 … ``lmax``, b_0 = 1, of the PSF within ``support`` rad."""
        theta, weight = quadrature(lmax, support)
        window = legendre_sums(np.cos(theta), weight * self.density(theta), lmax)
        return window / window[0]

    def profile(self, support: float = SUPPORT) -> Profile:
        """The PSF within ``support`` rad, or the radius that holds all but 1e-4 of it."""
        separation = grid()[1]
        density = np.where(separation <= support, self.density(separation), 0.0)
        return make_profile(density[None], share=1.0 - 1e-4)

    def containment(self, fractions: Sequence[float]) -> np.ndarray:
        """Radii (rad) that hold the given fractions of the photons."""
        edges = np.append(0.0, np.geomspace(1e-6, SUPPORT, 2000))
        x, w = np.polynomial.legendre.leggauss(4)
        half = np.diff(edges)[:, None] / 2
        theta = edges[:-1, None] + half + half * x
        values = self.density(theta.ravel()).reshape(theta.shape)
        inside = np.cumsum((values * np.sin(theta) * half * w).sum(axis=1))
        return np.interp(np.asarray(fractions) * inside[-1], inside, edges[1:])


def mean_psf(
    response: Response,
    cube: LivetimeCube,
    energy: float,
    directions: Sequence[Direction],
    frame: str = "GAL",
    shares: Sequence[float] | None = None,
) -> MeanPsf:
    """PSF at ``energy`` MeV, averaged over ``directions`` of ``frame`` by exposure × ``shares``."""
    shares = [1.0] * len(directions) if shares is None else shares
    weights = [np.zeros(len(kind.psf.cos_theta)) for kind in response.event_types]
    exposure = 0.0
    for (longitude, latitude), share in zip(directions, shares, strict=True):
        cos_theta, livetime, weighted = livetime_at(cube, frame, longitude, latitude)
        for number, kind in enumerate(response.event_types):
            offset, slope = kind.aeff.livetime_factors(np.array([energy]))
            seconds = offset[0] * livetime + slope[0] * weighted
            product = share * kind.aeff.value(np.array([energy]), cos_theta)[0] * seconds
            weights[number] += product @ kind.psf.cos_theta_weights(cos_theta)
            exposure += product.sum()
    return MeanPsf(energy, exposure, response, tuple(weights))


def livetime_at(
    cube: LivetimeCube, frame: str, longitude: float, latitude: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """cos(theta) of the bins' centres, livetime and weighted livetime (s) at a direction."""
    from ducc0.healpix import Healpix_Base

    vector = unit_vectors(np.float64(longitude), np.float64(latitude))
    turn = rotation(frame, cube.coordsys)
    if turn is not None:
        vector = turn @ vector
    base = Healpix_Base(cube.nside, "NEST" if cube.nested else "RING")
    pixel = int(base.vec2pix(vector[None])[0])
    livetime = cube.livetime[pixel].astype("f8")
    weighted = cube.weighted
    # without weights the livetime fraction is taken as one, as the Fermitools do
    weighted_here = livetime if weighted is None else weighted[pixel].astype("f8")
    return cube.bins.cos_centers, livetime, weighted_here
