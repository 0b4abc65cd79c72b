"""From spectra to bins: how the planes of a source's maps make counts in measured energy.

Counts in bin k are ∫ S(E) M(E, p) R(k|E) dE over true energy E, with the spectrum S, the source map
M (counts/MeV per pixel per unit spectrum) known at the planes E_j, and the probability R that the
energy is measured in bin k. A ``BinOperator`` writes this as a sum over planes, linear in S:

    m_k(p) = Σ_j T_kj M_j(p),     T_kj = Σ_n G_kj,n S(E_n).

``trapezoid`` has the Fermitools' binned likelihood: E·S·M trapezoids over ln E, no dispersion. In
wide bins that is coarse: 10 % too much in thirds of a decade for an index of 2.4. ``integral``
is on nodes much finer than the planes, with energy dispersion or, for a ``Migration`` that has none
(``Migration.undispersed``), without.
Between planes, and beyond them, the amplitude of M is exposure × a power law through the sky's
sums of M/exposure; the pattern on the sky goes over linearly from plane to plane. For events that
come from further away than ``reach`` planes beside their bin, the pattern of that outermost plane
stands in (the amplitude stays right), so that a bin needs few planes. The Fermitools' correction
(``edisp_bins`` < 0) is the case of ``reach`` 0 with true energies at bin centres only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class BinOperator:
    """The coefficients G: entry e belongs to (``bins[e]``, ``planes[e]``)."""

    nodes: Array
    """true energies, MeV, at which the spectrum is asked for, (n,)"""
    matrix: Array
    """(entries, n)"""
    bins: Array
    planes: Array
    shape: tuple[int, int]
    """number of bins, number of planes"""

    def factors(self, spectrum: Array) -> Array:
        """T of the entries, (entries,), for ``spectrum`` (n,) at the nodes."""
        return self.matrix @ spectrum

    def transfer(self, spectrum: Array) -> Array:
        """T (bins, planes) for ``spectrum`` (n,) at the nodes."""
        result = np.zeros(self.shape)
        result[self.bins, self.planes] = self.factors(spectrum)
        return result

    def adjoint(self, sums: Array) -> Array:
        """Σ_e sums_e ∂T_e/∂S_n, (n,), for ``sums`` (entries,)."""
        return sums @ self.matrix


def quadrature(energies: Array) -> Array:
    """Matrix (planes − 1, planes) that integrates dN/dE at the planes over the bins between them.

    Trapezoids of E·dN/dE over ln E, as the Fermitools' binned likelihood has it: exact for a
    power law of index −1 and, in bins of an eighth of a decade, within 0.3 % for indices 1 to 3.
    ``energies`` in MeV.
    """
    half = 0.5 * np.log(energies[1:] / energies[:-1])
    matrix = np.zeros((len(energies) - 1, len(energies)))
    index = np.arange(len(energies) - 1)
    matrix[index, index] = half * energies[:-1]
    matrix[index, index + 1] = half * energies[1:]
    return matrix


def from_matrix(energies: Array, matrix: Array) -> BinOperator:
    """The operator whose T is ``matrix`` (bins, planes) × S at the planes."""
    bins, planes = np.nonzero(matrix)
    dense = np.zeros((len(bins), len(energies)))
    dense[np.arange(len(bins)), planes] = matrix[bins, planes]
    return BinOperator(np.asarray(energies, float), dense, bins, planes, matrix.shape)


def trapezoid(energies: Array, extra: int = 0) -> BinOperator:
    """The Fermitools' bin integrals; ``extra`` planes at either end stay unused."""
    matrix = quadrature(energies)
    return from_matrix(energies, matrix[extra : len(matrix) - extra])


@dataclass(frozen=True)
class Migration:
    """Mean energy dispersion and exposure of a component, tabulated in true energy."""

    edges: Array
    """bins of measured energy, MeV, (bins + 1,)"""
    nodes: Array
    """true energies, MeV, (n,)"""
    widths: Array
    """weights of ∫ dE, MeV, (n,)"""
    probability: Array
    """R(k|E), (bins, n)"""
    exposure: Array
    """mean exposure over the sky at the nodes, any unit, (n,)"""

    def undispersed(self) -> Migration:
        """The same where the measured energy is the true one."""
        inside = (self.nodes >= self.edges[:-1, None]) & (self.nodes < self.edges[1:, None])
        used = inside.any(axis=0)
        return Migration(
            self.edges,
            self.nodes[used],
            self.widths[used],
            inside[:, used].astype(float),
            self.exposure[used],
        )


def integral(
    migration: Migration, energies: Array, plane_sums: Array, *, extra: int = 0, reach: int = 1
) -> BinOperator:
    """Bin integrals of a source whose maps' sums over the sky are ``plane_sums``.

    ``energies`` (planes,) MeV; ``extra`` of the planes at either end lie outside of the bins.
    """
    bins, planes = len(migration.edges) - 1, len(energies)
    log_planes, log_nodes = np.log(energies), np.log(migration.nodes)
    log_exposure = np.log(np.maximum(migration.exposure, 1e-300))
    peak = float(np.max(plane_sums, initial=0.0))
    entries = [
        (k, j)
        for k in range(bins)
        for j in range(max(0, k + extra - reach), min(planes, k + extra + 2 + reach))
    ]
    places = {entry: number for number, entry in enumerate(entries)}
    matrix = np.zeros((len(entries), len(log_nodes)))
    if peak > 0:
        safe = np.maximum(plane_sums, 1e-12 * peak)
        log_mean = np.log(safe) - _broken_line(log_nodes, log_exposure, log_planes)
        amplitude = np.exp(_broken_line(log_planes, log_mean, log_nodes) + log_exposure)
        content = migration.probability * migration.widths * amplitude
        numbers = np.arange(len(log_nodes))
        for k in range(bins):
            low, high = max(0, k + extra - reach), min(planes - 1, k + extra + 1 + reach)
            inside = np.clip(log_nodes, log_planes[low], log_planes[high])
            j = np.clip(np.searchsorted(log_planes, inside, "right") - 1, low, high - 1)
            t = (inside - log_planes[j]) / (log_planes[j + 1] - log_planes[j])
            first = places[(k, low)]
            matrix[first + j - low, numbers] += content[k] * (1 - t) / safe[j]
            matrix[first + j + 1 - low, numbers] += content[k] * t / safe[j + 1]
    found = np.array(entries)
    return BinOperator(migration.nodes, matrix, found[:, 0], found[:, 1], (bins, planes))


def _broken_line(x: Array, y: Array, at: Array) -> Array:
    """Linear interpolation, with the outer pieces going on beyond the ends."""
    j = np.clip(np.searchsorted(x, at, "right") - 1, 0, len(x) - 2)
    return y[j] + (y[j + 1] - y[j]) * (at - x[j]) / (x[j + 1] - x[j])
