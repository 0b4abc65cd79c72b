"""Radial profiles on the sphere: one grid, its integrals, and the mean PSF of any direction.

A profile is a density (sr⁻¹) tabulated at the nodes of u = ln(1 + c²/s²), c being the chord between
two unit vectors and s a scale far below any PSF's width. Near 0 the grid is fine and even in c²,
further out it is logarithmic. Between nodes the density is linear in u. Since dΩ = π d(c²) =
π s² e^u du, the integral over a cap is exact for that interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from latsky.fits.irfs import Response
from latsky.fits.livetime import LivetimeCube

SUPPORT = np.radians(70.0)
"""the PSF ends here, as the Fermitools' does"""
SCALE = 1e-4
"""s, rad"""
NODES = 2048
CONTAINED = 0.999
"""maps reach out to where the profile holds this fraction"""


@cache
def grid() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes u, separations (rad), and cumulative integral matrix as two node weights a step.

    Third: ``(2, NODES - 1)``, what the lower and the upper node of each step add to the integral.
    """
    u = np.linspace(0.0, np.log1p((2 * np.sin(SUPPORT / 2) / SCALE) ** 2), NODES)
    chord = SCALE * np.sqrt(np.expm1(u))
    separation = 2 * np.arcsin(np.minimum(chord / 2, 1.0))
    step = u[1]
    growth = np.exp(u[:-1]) * np.pi * SCALE**2
    total = np.expm1(step)
    upper = (np.exp(step) * (step - 1) + 1) / step
    return u, separation, np.stack([growth * (total - upper), growth * upper])


def contained(density: np.ndarray) -> np.ndarray:
    """Integral of profiles (…, NODES) from 0 to each node, (…, NODES)."""
    lower, upper = grid()[2]
    inside = np.zeros(density.shape)
    np.cumsum(density[..., :-1] * lower + density[..., 1:] * upper, axis=-1, out=inside[..., 1:])
    return inside


@dataclass(frozen=True)
class Profile:
    """Profiles of some planes, normalised to one within their reach."""

    density: np.ndarray
    """(planes, NODES) sr⁻¹; zero where a plane has no exposure"""
    reach: np.ndarray
    """(planes,) chord² where the profile ends"""
    width: np.ndarray
    """(planes,) rad: the finest scale on which the profile varies inside ``extent``"""
    extent: float = 0.0
    """rad: within this radius the profile may vary on the scale ``width`` everywhere"""


def make_profile(
    density: np.ndarray,
    width: np.ndarray | None = None,
    extent: float = 0.0,
    share: float = CONTAINED,
) -> Profile:
    """Normalise densities (planes, NODES) and find reach and width.

    The reach is where a plane holds ``share`` of its integral within SUPPORT; the density is
    scaled so that the integral within the reach is one: maps keep the counts of their source.
    """
    u, separation, _ = grid()
    inside = contained(density)
    reach = np.zeros(len(density))
    scaled = np.zeros_like(density)
    widths = np.zeros(len(density))
    for plane, total in enumerate(inside[:, -1]):
        if not total > 0.0:
            continue
        end = np.interp(share * total, inside[plane], u)
        reach[plane] = SCALE**2 * np.expm1(end)
        scaled[plane] = density[plane] / (share * total)
        half = np.flatnonzero(density[plane] < 0.5 * density[plane, 0])
        widths[plane] = separation[half[0]] if len(half) else SUPPORT
    return Profile(scaled, reach, widths if width is None else width, extent)


@dataclass(frozen=True)
class PsfBasis:
    """What the mean PSF of every direction is a sum of: the IRFs' PSFs at nodes of cos(theta).

    The mean over an observation weights each by livetime × effective area (LAT documentation,
    gtpsf), livetime in bins of cos(theta).
    """

    basis: np.ndarray
    """(planes, functions, NODES) sr⁻¹"""
    by_livetime: np.ndarray
    """(planes, bins, functions) cm²: weight a second of livetime gives"""
    by_weighted: np.ndarray
    """likewise for a second of livetime × livetime fraction"""

    def profile(self, cube: LivetimeCube, pixel: int) -> Profile:
        """Mean PSF of a direction in ``pixel`` of the livetime cube.

        Where the pixel has no exposure it is the mean over the sky: exposure cubes have other
        pixels and are interpolated, and what they have there must not be lost.
        """
        weights = self._weights(cube, pixel)
        dark = weights.sum(axis=1) <= 0
        if dark.any():
            weights[dark] = self._weights(cube, None)[dark]
        exposure = weights.sum(axis=1, keepdims=True)
        weights = np.divide(weights, exposure, out=np.zeros_like(weights), where=exposure > 0)
        # not BLAS, whose order of summation may depend on the number of threads
        return make_profile(np.einsum("pf,pfk->pk", weights, self.basis))

    def _weights(self, cube: LivetimeCube, pixel: int | None) -> np.ndarray:
        """cm² s of each function, (planes, functions), in a pixel or (None) in the sky's mean."""

        def seconds(livetime: np.ndarray) -> np.ndarray:
            return livetime.mean(axis=0, dtype="f8") if pixel is None else livetime[pixel]

        weights = np.einsum("b,pbf->pf", seconds(cube.livetime).astype("f8"), self.by_livetime)
        if cube.weighted is not None:
            weights += np.einsum("b,pbf->pf", seconds(cube.weighted).astype("f8"), self.by_weighted)
        return weights


def psf_basis(response: Response, cube: LivetimeCube, energies: np.ndarray) -> PsfBasis:
    """Tabulate the PSFs of all event types at ``energies`` (planes,) MeV."""
    separation = grid()[1]
    centres = cube.bins.cos_centers
    tables, plain, weighted = [], [], []
    for kind in response.event_types:
        nodes = kind.psf.cos_theta_weights(centres)
        area = kind.aeff.value(energies, centres)
        offset, slope = kind.aeff.livetime_factors(energies)
        if cube.weighted is None:
            offset, slope = np.ones_like(offset), np.zeros_like(slope)
        tables.append(np.stack([kind.psf.node_density(float(e), separation) for e in energies]))
        plain.append(np.einsum("p,pb,bf->pbf", offset, area, nodes))
        weighted.append(np.einsum("p,pb,bf->pbf", slope, area, nodes))
    return PsfBasis(
        np.concatenate(tables, axis=1),
        np.concatenate(plain, axis=2),
        np.concatenate(weighted, axis=2),
    )
