"""Spectra of the demonstration's sources, differential in energy, MeV.

Definitions as in the LAT catalogues (4FGL-DR3, ApJS 260, 53, 2022, section 3.3).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

ENERGIES = np.geomspace(10.0, 3e6, 480)
"""grid on which spectra are integrated and photons drawn, MeV"""


@dataclass(frozen=True)
class Spectrum:
    """A catalogue spectrum: PowerLaw, LogParabola or PLSuperExpCutoff.

    ``norm`` is the flux density (ph cm⁻² s⁻¹ MeV⁻¹) at ``pivot`` (MeV).
    """

    kind: str
    norm: float
    pivot: float
    index: float
    curvature: float = 0.0
    """LogParabola: beta; PLSuperExpCutoff: exponential factor d"""
    exponent: float = 0.0
    """PLSuperExpCutoff: exponential index b"""

    def __call__(self, energy: np.ndarray) -> np.ndarray:
        """Flux density at ``energy`` MeV."""
        ratio = np.asarray(energy, float) / self.pivot
        if self.kind == "PowerLaw":
            return self.norm * ratio**-self.index
        if self.kind == "LogParabola":
            return self.norm * ratio ** -(self.index + self.curvature * np.log(ratio))
        b, d = self.exponent, self.curvature
        return self.norm * ratio ** (d / b - self.index) * np.exp(d / b**2 * (1 - ratio**b))


@dataclass(frozen=True)
class Nodes:
    """A tabulated spectrum, a power law between nodes and beyond the outermost."""

    energy: np.ndarray
    value: np.ndarray
    unit: str = field(default="ph cm-2 s-1 sr-1 MeV-1")

    def __call__(self, energy: np.ndarray) -> np.ndarray:
        """Value at ``energy`` MeV."""
        x, y = np.log(self.energy), np.log(self.value)
        at = np.log(np.asarray(energy, float))
        lower = np.clip(np.searchsorted(x, at) - 1, 0, len(x) - 2)
        slope = (y[lower + 1] - y[lower]) / (x[lower + 1] - x[lower])
        return np.exp(y[lower] + slope * (at - x[lower]))


def integral(energy: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Running integral of a piecewise power law at its nodes, zero at the first."""
    slope = np.diff(np.log(value)) / np.diff(np.log(energy))
    power = slope + 1
    width = np.diff(np.log(energy))
    product = value[:-1] * energy[:-1]
    near = np.abs(power * width) < 1e-8
    safe = np.where(near, 1.0, power)
    part = np.where(near, product * width, product * np.expm1(power * width) / safe)
    return np.concatenate([[0.0], np.cumsum(part)])


def flux(spectrum: Spectrum | Nodes, low: float, high: float) -> float:
    """Photon flux between two energies (MeV)."""
    grid = np.geomspace(low, high, 400)
    return float(integral(grid, spectrum(grid))[-1])


def energy_flux(spectrum: Spectrum | Nodes, low: float, high: float) -> float:
    """Energy flux between two energies, MeV cm⁻² s⁻¹."""
    grid = np.geomspace(low, high, 400)
    return float(integral(grid, spectrum(grid) * grid)[-1])
