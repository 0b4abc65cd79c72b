"""Residual maps: counts less model, smoothed, in standard deviations."""

from __future__ import annotations

import math

import numpy as np

from latsky.fits.hpx import HpxGeometry

SMALLEST_SIGMA = 1.0
"""smallest width of the smoothing, deg"""


def smoothing_width(geometry: HpxGeometry) -> float:
    """σ of the Gaussian (deg) that residual maps are smoothed with: a pixel's side or 1°."""
    return max(SMALLEST_SIGMA, math.degrees(math.sqrt(geometry.pixel_area)))


def smoothed(values: np.ndarray, geometry: HpxGeometry, sigma: float) -> np.ndarray:
    """``values`` (npix,) convolved with a Gaussian of ``sigma`` degrees and integral one."""
    import healpy

    ring = values if not geometry.nested else healpy.reorder(values, n2r=True)
    out = healpy.smoothing(ring, sigma=math.radians(sigma), iter=3)
    return out if not geometry.nested else healpy.reorder(out, r2n=True)


def significance(
    counts: np.ndarray, model: np.ndarray, geometry: HpxGeometry, sigma: float
) -> np.ndarray:
    """Smoothed residual over its standard deviation, (npix,).

    With weights K of a Gaussian the numerator is Σ K (n - m), and its variance for Poisson counts
    Σ K² m. K² is a Gaussian narrower by √2, times Ω / (4 π σ²) with Ω the solid angle of a pixel.
    Where the model expects next to nothing within the kernel the result is not normal.
    """
    difference = smoothed(counts - model, geometry, sigma)
    factor = geometry.pixel_area / (4 * math.pi * math.radians(sigma) ** 2)
    variance = factor * smoothed(model, geometry, sigma / math.sqrt(2))
    # harmonic transforms ring below zero beside bright pixels
    floor = 1e-6 * float(variance.max(initial=0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > floor, difference / np.sqrt(variance), 0.0)
