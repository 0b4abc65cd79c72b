"""Residual maps: counts less model, smoothed, in standard deviations."""

from __future__ import annotations

import math

import numpy as np

from latsky.fits.hpx import HpxGeometry

SMALLEST_SIGMA = 1.0
"""smallest width of the smoothing, deg"""
CUT = 1e-8
"""share of its amplitude at degree 0 below which a kernel's transform is left out"""


def smoothing_width(geometry: HpxGeometry) -> float:
    """σ of the Gaussian (deg) that residual maps are smoothed with: a pixel's side or 1°."""
    return max(SMALLEST_SIGMA, math.degrees(math.sqrt(geometry.pixel_area)))


def smoothed(values: np.ndarray, geometry: HpxGeometry, sigma: float) -> np.ndarray:
    """Σ values (npix,) × a Gaussian of ``sigma`` degrees and integral one, sr⁻¹, at the centres.

    Every value stands at the centre of its pixel, so the sums are exact however large pixels are
    against the Gaussian: harmonic coefficients are sums over points, up to the degree that the
    Gaussian wants, and no quadrature.
    """
    from ducc0.healpix import Healpix_Base
    from ducc0.sht import adjoint_synthesis, synthesis

    from latsky.embedded.sampling import to_nested, to_ring

    width = math.radians(sigma)
    lmax = math.ceil(math.sqrt(-2 * math.log(CUT)) / width)
    rings = Healpix_Base(geometry.nside, "RING").sht_info()
    ring = to_ring(values, geometry.nside) if geometry.nested else values
    alm = adjoint_synthesis(map=np.asarray(ring, "f8")[None], lmax=lmax, spin=0, **rings)
    degree = np.arange(lmax + 1)
    beam = np.exp(-degree * (degree + 1) * width**2 / 2)
    # coefficients are in order of m, degrees m … lmax each
    alm *= np.concatenate([beam[m:] for m in degree])
    out = synthesis(alm=alm, lmax=lmax, spin=0, **rings)[0]
    return to_nested(out, geometry.nside) if geometry.nested else out


def significance(
    counts: np.ndarray, model: np.ndarray, geometry: HpxGeometry, sigma: float
) -> np.ndarray:
    """Smoothed residual over its standard deviation, (npix,).

    With weights K of a Gaussian the numerator is Σ K (n - m), and its variance for Poisson counts
    Σ K² m. K² is a Gaussian narrower by √2 over 4 π σ². Where the model expects next to nothing
    within the kernel the result is not normal.
    """
    difference = smoothed(counts - model, geometry, sigma)
    variance = smoothed(model, geometry, sigma / math.sqrt(2)) / (
        4 * math.pi * math.radians(sigma) ** 2
    )
    # below this the transform's rounding is not small against the sums
    floor = 1e-6 * float(variance.max(initial=0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > floor, difference / np.sqrt(variance), 0.0)
