"""Smooth parametric forms of the LAT's response, with few coefficients.

The forms imitate P8R3_SOURCE_V3; ``fit_irfs`` finds the coefficients that ``irf_coefficients``
holds. They describe the demonstration's instrument exactly and the real one to the accuracy that
docs/demo.md states. Notation: ``x`` = log10(energy/MeV), ``c`` = cos(theta), arrays of one shape.

* Effective area: the sum over event types is the exponential of a Chebyshev series in (x, c); each
  partition (FRONT/BACK, PSF0-3, EDISP0-3) shares it out by fractions that are a softmax of
  Chebyshev series, so that every partition adds up to the same total.
* Point-spread function: two King functions in the deviation scaled by
  ``sqrt((s0 (E/100 MeV)^-s2)^2 + s1^2)`` (LAT collaboration, ApJS 203, 4, 2012, section 5.1).
* Energy dispersion: two asymmetric generalised Gaussians in (E' - E)/(E S(x, c)) (Pass 8 form,
  columns F, S1, K1, BIAS, PINDEX1 … of the EDISP tables).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebvander

X_RANGE = (1.2, 6.4)
"""log10(energy/MeV) that the Chebyshev argument -1…1 stands for"""
C_RANGE = (0.2, 1.0)
"""cos(theta) that the Chebyshev argument -1…1 stands for"""

PARTITIONS = {
    "FB": ("FRONT", "BACK"),
    "PSF": ("PSF0", "PSF1", "PSF2", "PSF3"),
    "EDISP": ("EDISP0", "EDISP1", "EDISP2", "EDISP3"),
}
"""event types that share out all events, by the suffix of the IRF files"""

AREA_DEGREES = {"total": (10, 4), "FB": (3, 3), "PSF": (5, 3), "EDISP": (5, 3)}
"""Chebyshev degrees in (x, c)"""

PSF_NAMES = ("core_gamma", "tail_gamma", "core_width", "tail_ratio", "core_fraction")
PSF_SIZES = (1, 1, 6, 4, 6)
EDISP_NAMES = ("width", "fraction", "ratio", "power", "tail_power", "skew", "bias", "tail_bias")
EDISP_SIZES = (6, 1, 1, 1, 1, 4, 6, 2)


def _unit(value: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    low, high = limits
    return np.clip(2 * (np.asarray(value, float) - low) / (high - low) - 1, -1, 1)


def area_design(x: np.ndarray, c: np.ndarray, degrees: tuple[int, int]) -> np.ndarray:
    """Products of Chebyshev polynomials: shape x.shape + ((nx+1)(nc+1),)."""
    along = chebvander(_unit(x, X_RANGE), degrees[0])
    across = chebvander(_unit(c, C_RANGE), degrees[1])
    return (across[..., :, None] * along[..., None, :]).reshape(*np.shape(x), -1)


def total_area(coefficients: np.ndarray, x: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Effective area of all events of the class, m²."""
    return np.exp(area_design(x, c, AREA_DEGREES["total"]) @ np.asarray(coefficients))


def fractions(partition: str, coefficients: np.ndarray, x: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Shares of a partition's event types, shape (types,) + x.shape; they sum to one."""
    design = area_design(x, c, AREA_DEGREES[partition])
    logits = [np.zeros(np.shape(x))] + [design @ np.asarray(row) for row in coefficients]
    weights = np.exp(np.stack(logits) - np.max(logits, axis=0))
    return weights / weights.sum(axis=0)


def _series(coefficients: np.ndarray, x: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Terms 1, u, T2(u), c', c' u, T3(u) of the scaled arguments, as many as coefficients."""
    u, w = _unit(x, X_RANGE), _unit(c, C_RANGE)
    terms = (np.ones_like(u), u, 2 * u * u - 1, w, u * w, (4 * u * u - 3) * u)
    return sum(a * t for a, t in zip(coefficients, terms[: len(coefficients)], strict=True))


def split(vector: np.ndarray, sizes: tuple[int, ...]) -> list[np.ndarray]:
    """A flat vector cut in pieces of the given sizes."""
    return np.split(np.asarray(vector, float), np.cumsum(sizes)[:-1])


@dataclass(frozen=True)
class PsfShape:
    """Two King functions; widths in units of the scale factor."""

    core_width: np.ndarray
    tail_width: np.ndarray
    core_gamma: np.ndarray
    tail_gamma: np.ndarray
    core_fraction: np.ndarray

    def containment(self, scaled: np.ndarray) -> np.ndarray:
        """Fraction of events within a scaled deviation (small angles)."""

        def king(width: np.ndarray, gamma: np.ndarray) -> np.ndarray:
            return 1 - (1 + (scaled / width) ** 2 / (2 * gamma)) ** (1 - gamma)

        core = king(self.core_width, self.core_gamma)
        return self.core_fraction * core + (1 - self.core_fraction) * king(
            self.tail_width, self.tail_gamma
        )


def psf_shape(vector: np.ndarray, x: np.ndarray, c: np.ndarray) -> PsfShape:
    """The PSF's shape at (x, c) from an event type's coefficients."""
    core_gamma, tail_gamma, width, ratio, share = split(vector, PSF_SIZES)
    core = np.exp(_series(width, x, c))
    return PsfShape(
        core,
        core * (1 + np.exp(_series(ratio, x, c))),
        np.full_like(core, 1 + np.exp(core_gamma[0])),
        np.full_like(core, 1 + np.exp(tail_gamma[0])),
        1 / (1 + np.exp(-_series(share, x, c))),
    )


def psf_scale(energy: np.ndarray, scale: tuple[float, float, float]) -> np.ndarray:
    """Scale of the deviation in radians."""
    return np.hypot(scale[0] * (np.asarray(energy) / 100.0) ** scale[2], scale[1])


@dataclass(frozen=True)
class EdispShape:
    """Two asymmetric generalised Gaussians in the scaled energy deviation."""

    fraction: np.ndarray
    width: np.ndarray
    skew: np.ndarray
    bias: np.ndarray
    power: np.ndarray
    tail_width: np.ndarray
    tail_skew: np.ndarray
    tail_bias: np.ndarray
    tail_power: np.ndarray

    def cumulative(self, scaled: np.ndarray) -> np.ndarray:
        """Probability of a scaled deviation below ``scaled``."""
        from scipy.special import gammainc

        def one(width: np.ndarray, skew: np.ndarray, bias: np.ndarray, power: np.ndarray):
            u = scaled - bias
            right = gammainc(1 / power, (skew * np.maximum(u, 0) / width) ** power)
            left = gammainc(1 / power, (np.maximum(-u, 0) / skew / width) ** power)
            return (skew**2 * (1 - left) + right) / (1 + skew**2)

        core = one(self.width, self.skew, self.bias, self.power)
        tail = one(self.tail_width, self.tail_skew, self.tail_bias, self.tail_power)
        return self.fraction * core + (1 - self.fraction) * tail


def edisp_shape(vector: np.ndarray, x: np.ndarray, c: np.ndarray) -> EdispShape:
    """The dispersion's shape at (x, c) from an event type's coefficients."""
    width, share, ratio, power, tail_power, skew, bias, tail_bias = split(vector, EDISP_SIZES)
    core = np.exp(_series(width, x, c))
    same = np.ones_like(core)
    asymmetry = np.exp(_series(skew, x, c))
    return EdispShape(
        1 / (1 + np.exp(-_series(share, x, c))),
        core,
        asymmetry,
        _series(bias, x, c),
        same * (1 + np.exp(power[0])),
        core * (1 + np.exp(ratio[0])),
        asymmetry,
        _series(tail_bias, x, c),
        same * (0.7 + np.exp(tail_power[0])),
    )


def edisp_scale(x: np.ndarray, c: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Scale of the relative energy deviation (EDISPSCALE of the CALDB tables)."""
    return (
        scale[0] * x * x
        + scale[1] * c * c
        + scale[2] * x
        + scale[3] * c
        + scale[4] * x * c
        + scale[5]
    )
