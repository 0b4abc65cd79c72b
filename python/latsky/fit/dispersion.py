"""Mean energy dispersion of a binning component, from response functions and livetimes.

R(k|E), the probability that a photon of true energy E is measured in bin k, is the average over
event types and inclinations of the dispersion of each, weighted by livetime × effective area over
the whole sky. Probabilities come from the dispersion's closed integral, so a node in energy costs
little and nodes can be dense.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from latsky.embedded.exposure import type_weights
from latsky.fit.operators import Migration
from latsky.fits.irfs import Response
from latsky.fits.livetime import LivetimeCube

NODES_PER_EFOLD = 25
"""true energies per factor e; the dispersion's width is 0.05 or more in ln E"""
DOWN, UP = 3.0, 6.0
"""true energies go from the lowest edge / DOWN to the highest × UP"""
INCLINATIONS = 12
"""inclinations at which the dispersion is taken, out of the bins of the livetime cube"""


def true_energies(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of ∫ dE (MeV): Gauss-Legendre in ln E, panels between the edges."""
    step = np.log(edges[1:] / edges[:-1])
    low = np.log(edges[0]) - np.linspace(np.log(DOWN), 0, _pieces(np.log(DOWN), step[0]) + 1)
    high = np.log(edges[-1]) + np.linspace(0, np.log(UP), _pieces(np.log(UP), step[-1]) + 1)
    bounds = np.concatenate([low[:-1], np.log(edges), high[1:]])
    nodes, weights = [], []
    for a, b in pairwise(bounds):
        x, w = np.polynomial.legendre.leggauss(max(2, round(NODES_PER_EFOLD * (b - a))))
        nodes.append((a + b) / 2 + (b - a) / 2 * x)
        weights.append((b - a) / 2 * w)
    energy = np.exp(np.concatenate(nodes))
    return energy, energy * np.concatenate(weights)


def _pieces(length: float, step: float) -> int:
    return max(1, int(np.ceil(length / step - 1e-9)))


def mean_livetime(cube: LivetimeCube) -> tuple[np.ndarray, np.ndarray]:
    """Livetime and weighted livetime by bin of cos(theta), mean over the sky, (bins,) s each.

    Without weights the livetime fraction is taken as one, as the Fermitools do.
    """
    livetime = cube.livetime.mean(axis=0, dtype="f8")
    weighted = cube.weighted
    return livetime, livetime if weighted is None else weighted.mean(axis=0, dtype="f8")


def migration(response: Response, cube: LivetimeCube, edges: np.ndarray) -> Migration:
    """R(k|E) and exposure of a component with bins of measured energy ``edges`` (MeV)."""
    edges = np.asarray(edges, "f8")
    nodes, widths = true_energies(edges)
    livetime, weighted = mean_livetime(cube)
    cosines = cube.bins.cos_centers
    seen = np.flatnonzero(livetime > 0)
    groups = np.array_split(seen, min(INCLINATIONS, len(seen)))
    probability = np.zeros((len(edges) - 1, len(nodes)))
    exposure = np.zeros(len(nodes))
    for kind in response.event_types:
        factors = type_weights(response, kind, nodes, cube.bins)
        by_bin = factors.plain * livetime + factors.weighted * weighted
        exposure += by_bin.sum(axis=1)
        for number, energy in enumerate(nodes):
            share = np.array([by_bin[number, group].sum() for group in groups])
            used = share > 0
            if not used.any():
                continue
            centres = np.array(
                [
                    np.average(cosines[group], weights=by_bin[number, group])
                    for group, wanted in zip(groups, used, strict=True)
                    if wanted
                ]
            )
            below = kind.edisp.below(float(energy), centres, edges)
            probability[:, number] += share[used] @ np.diff(below, axis=1)
    np.divide(probability, exposure, out=probability, where=exposure > 0)
    return Migration(edges, nodes, widths, probability, exposure)


def response_matrix(
    response: Response, cube: LivetimeCube, true_edges: np.ndarray, edges: np.ndarray
) -> np.ndarray:
    """R at the centres of bins in true energy, (true bins, bins): the matrix gtdrm tabulates."""
    found = migration(response, cube, edges)
    centres = np.sqrt(true_edges[1:] * true_edges[:-1])
    return np.stack(
        [np.interp(np.log(centres), np.log(found.nodes), r) for r in found.probability], 1
    )
