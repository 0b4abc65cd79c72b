"""Maps of extended sources: disk, Gaussian, or a FITS template, convolved with the PSF.

A disk or a Gaussian convolved with the PSF is again a radial profile: it takes the way of a point
source. A template is a cloud of weighted directions: its pixels, divided where they are large
against those of the map. Every map is normalised: a plane's sum is 1 within the profile's reach.

Sums are made by einsum, not BLAS: its order of summation may depend on the number of threads.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np

from latsky.embedded.point_source import (
    _FACE_COLUMN,
    _FACE_ROW,
    SourceMap,
    _density,
    _direction,
    disc,
    pixel_corners,
)
from latsky.embedded.profile import SCALE, Profile, contained, grid, make_profile
from latsky.errors import InputError
from latsky.fits.core import FitsFile, Header
from latsky.fits.frames import rotation
from latsky.fits.hpx import HpxGeometry

NORM_TOLERANCE = 0.02
"""a template's integral may differ from one by this much (it is then normalised)"""


def _weights() -> np.ndarray:
    """Solid angle of each node of the profiles' grid, (NODES,)."""
    lower, upper = grid()[2]
    total = np.zeros(len(lower) + 1)
    total[:-1] += lower
    total[1:] += upper
    return total


def _convolved(psf: Profile, kernel: np.ndarray, smooth: np.ndarray) -> np.ndarray:
    """Profiles averaged by ``kernel`` (r, rho); rows that hold nothing keep the profile.

    Rows are divided by their sums: an average stays one where the grid is coarser than the source.
    """
    kernel = kernel * _weights()
    total = kernel.sum(axis=1)
    held = (total > 0) & ~smooth
    result = psf.density.copy()
    result[:, held] = np.einsum("pk,rk->pr", psf.density, kernel[held]) / total[held]
    return result


def disk_profile(psf: Profile, radius: float) -> Profile:
    """PSF ⊗ a uniform disk of ``radius`` rad (RadialDisk).

    The part of a circle of radius rho around a direction at distance r that lies in the disk is
    the angle ψ/π with cos R = cos r cos rho + sin r sin rho cos ψ.
    """
    _, separation, _ = grid()
    cos_r, sin_r = np.cos(separation), np.sin(separation)
    with np.errstate(divide="ignore", invalid="ignore"):
        angle = (np.cos(radius) - np.outer(cos_r, cos_r)) / np.outer(sin_r, sin_r)
    inside = separation[:, None] + separation[None, :] <= radius
    apart = np.abs(separation[:, None] - separation[None, :]) >= radius
    angle = np.where(inside, -1.0, np.where(apart, 1.0, angle))
    part = np.arccos(np.clip(angle, -1.0, 1.0)) / np.pi
    # the disk's own normalisation, 1/(2π(1 - cos R)), is left to make_profile; rows are sums of
    # PSF × part, not averages: far from the disk they are area × PSF
    area = 2 * np.pi * (1 - np.cos(radius))
    kernel = part * _weights()
    total = kernel.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(total > 0, area / total, 0.0)
    # beyond the support a circle is not complete, and near its end the sum means nothing
    factor = np.where(separation + radius < separation[-1], factor, 1.0)
    density = np.einsum("pk,rk->pr", psf.density, kernel) * factor / area
    thin = (total <= 0) & (separation > radius)
    density[:, thin] = psf.density[:, thin]
    width = np.where(psf.width > 0, psf.width, 0.0)
    return make_profile(density, width=width, extent=radius)


def gaussian_profile(psf: Profile, sigma: float) -> Profile:
    """PSF ⊗ a Gaussian exp(-δ²/2σ²) of ``sigma`` rad (RadialGaussian).

    The mean of exp(-c²/2s²), c the chord, over a circle is exp(-(1-cos(r-rho))/s²) I0e(sin r sin
    rho/s²). The Gaussian in the angle δ is a sum of three such functions, by least squares: they
    differ by δ⁴/24σ², which three widths close to σ express.
    """
    from scipy.special import i0e

    _, separation, _ = grid()
    delta = np.linspace(0.0, min(6 * sigma, np.pi / 2), 400)
    chord2 = 4 * np.sin(delta / 2) ** 2
    # narrow ones need one term: the difference is below 1e-3 even at three σ
    widths = sigma * (np.array([0.97, 1.0, 1.03]) if sigma > np.radians(1.0) else np.ones(1))
    terms = np.exp(-chord2[:, None] / (2 * widths**2))
    target = np.exp(-(delta**2) / (2 * sigma**2))
    share = np.linalg.lstsq(terms, target, rcond=None)[0]
    kernel = np.zeros((len(separation), len(separation)))
    away = 2 * np.sin((separation[:, None] - separation[None, :]) / 2) ** 2
    product = np.outer(np.sin(separation), np.sin(separation))
    for part, width in zip(share, widths, strict=True):
        kernel += part * np.exp(-away / width**2) * i0e(product / width**2)
    # where the grid is coarser than the Gaussian, the PSF is smooth on its scale: it stays
    spacing = np.gradient(separation)
    density = _convolved(psf, np.maximum(kernel, 0.0), spacing > sigma)
    return make_profile(density)


# ---- templates


@dataclass(frozen=True)
class Cloud:
    """A template: unit vectors (n, 3) of a frame with weights (n,) that sum to one."""

    vectors: np.ndarray
    weights: np.ndarray
    frame: str
    pixel: float
    """side of the directions' cells, rad"""
    integral: float
    """what the file's map sums to"""

    @property
    def centroid(self) -> np.ndarray:
        """Mean direction (3,), not a unit vector."""
        return np.einsum("n,nx->x", self.weights, self.vectors)

    def turned(self, frame: str) -> Cloud:
        """The same in another frame (GAL or CEL)."""
        turn = rotation(self.frame, frame)
        if turn is None:
            return self
        return Cloud(
            np.einsum("nx,yx->ny", self.vectors, turn),
            self.weights,
            frame,
            self.pixel,
            self.integral,
        )


def read_template(path: str | os.PathLike[str], finest: float) -> Cloud:
    """A SpatialMap: the first image of a file, intensity in sr⁻¹ in pixels of constant brightness.

    Pixels larger than ``finest`` (rad) are divided (at most eight times a side). An image cube
    (MapCubeFunction) is summed over its planes. Raises InputError for a file without an image or
    celestial WCS, for values that are negative or not finite, and where the map's integral is not
    one (within NORM_TOLERANCE; it is then normalised): by its definition a source's map is.
    """
    import warnings

    from astropy.wcs import WCS, FITSFixedWarning

    path = Path(path)
    with FitsFile(path) as file:
        at = next((k for k, h in enumerate(file.headers) if int(h.get("NAXIS", 0)) >= 2), None)
        if at is None or str(file.headers[at].get("XTENSION", "IMAGE")).strip() != "IMAGE":
            raise InputError("holds no image", file=path)
        header, image = file.headers[at], file.image(at).astype("f8")
    if image.ndim > 2:
        image = image.reshape(-1, *image.shape[-2:]).sum(axis=0)
    if not np.all(np.isfinite(image)):
        raise InputError(f"{int((~np.isfinite(image)).sum())} values are no numbers", file=path)
    if image.min() < 0:
        raise InputError(f"{int((image < 0).sum())} values are negative", file=path)
    frame = _frame(header, path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        wcs = WCS(_cards(header), naxis=2)
    rows, columns = np.nonzero(image)
    if len(rows) == 0:
        raise InputError("the map is empty", file=path)
    side = np.radians(np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix))))
    parts = int(np.clip(np.ceil(side / finest), 1, 8))
    offset = (np.arange(parts) + 0.5) / parts - 0.5
    x = (columns[:, None, None] + offset[None, None, :] + 0 * offset[None, :, None]).ravel()
    y = (rows[:, None, None] + offset[None, :, None] + 0 * offset[None, None, :]).ravel()
    vectors = _vectors(wcs, x, y)
    # solid angle by the corners of the pixels
    area = _solid_angle(wcs, columns, rows)
    good = np.isfinite(vectors).all(axis=1)
    mass = image[rows, columns] * area
    integral = float(np.nansum(mass))
    if abs(integral - 1) > NORM_TOLERANCE:
        raise InputError(
            f"the map's integral is {integral:.6g}: a template of a source must be normalised to 1",
            file=path,
        )
    weights = np.repeat(mass / parts**2, parts**2)
    good &= np.isfinite(weights)
    vectors, weights = vectors[good], weights[good]
    return Cloud(vectors, weights / weights.sum(), frame, side / parts, integral)


def _cards(header: Header) -> str:
    """The image's WCS keywords as text for astropy."""
    kept = Header()
    for key, value, comment in header.cards:
        if key[:5] in ("CTYPE", "CRVAL", "CRPIX", "CDELT", "CUNIT", "CROTA", "LONPO", "LATPO") or (
            key[:2] in ("CD", "PC", "PV") and "_" in key
        ):
            if (
                key[:5] in ("CTYPE", "CRVAL", "CRPIX", "CDELT", "CUNIT", "CROTA")
                and int(key[5:6] or 1) > 2
            ):
                continue
            if value is not None:
                kept.append(key, value, comment)
    return kept.to_bytes().decode("ascii")


def _frame(header: Header, path: Path) -> str:
    kind = str(header.get("CTYPE1", "")).strip().upper()
    if kind.startswith("RA"):
        return "CEL"
    if kind.startswith("GLON"):
        return "GAL"
    raise InputError(f"{kind!r} is neither RA nor GLON", file=path, key="CTYPE1")


def _vectors(wcs, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    lon, lat = np.radians(wcs.wcs_pix2world(x, y, 0))
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


def _solid_angle(wcs, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    corners = [
        _vectors(wcs, columns + dx, rows + dy)
        for dx, dy in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    ]
    diagonal1, diagonal2 = corners[2] - corners[0], corners[3] - corners[1]
    return 0.5 * np.linalg.norm(np.cross(diagonal1, diagonal2), axis=1)


# ---- convolution of a template


def _plane_axes(centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors at right angles to ``centre`` and each other."""
    first = np.cross(centre, [0.0, 0.0, 1.0] if abs(centre[2]) < 0.9 else [1.0, 0.0, 0.0])
    first /= np.linalg.norm(first)
    return first, np.cross(centre, first)


def _flat(vectors: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Lambert's equal-area plane about ``centre``: (n, 2); the radius is the chord."""
    first, second = _plane_axes(centre)
    cosine = np.einsum("nx,x->n", vectors, centre)
    scale = np.sqrt(2 / np.maximum(1 + cosine, 1e-12))
    axes = np.stack([first, second])
    return np.einsum("nx,kx->nk", vectors, axes) * scale[:, None]


def _cells(cloud: Cloud, flat: np.ndarray, side: float) -> tuple[np.ndarray, np.ndarray, float]:
    """The cloud gathered in square cells: centroids (m, 3), weights (m,), mean squared radius."""
    at = np.floor((flat - flat.min(axis=0)) / side).astype("i8")
    _, where = np.unique(at[:, 0] * (at[:, 1].max() + 1) + at[:, 1], return_inverse=True)
    weights = np.bincount(where, cloud.weights)
    centroids = np.stack(
        [np.bincount(where, cloud.weights * cloud.vectors[:, k]) / weights for k in range(3)],
        axis=1,
    )
    spread = ((cloud.vectors - centroids[where]) ** 2).sum(axis=1)
    return centroids, weights, float(np.einsum("n,n->", cloud.weights, spread))


@numba.njit(cache=True, error_model="numpy")
def _add_far(chord2, corners, nside, near, reach, cells, shares, table, per_step, values) -> None:
    """Pixels beyond the squared chord ``near``: the sum over cells at 2 × 2 nodes a pixel."""
    area = np.pi / (3.0 * nside * nside)
    for i in range(len(chord2)):
        if chord2[i] <= near or chord2[i] > reach:
            continue
        row, column = _FACE_ROW[corners[i, 2]], _FACE_COLUMN[corners[i, 2]]
        total = 0.0
        for node in range(4):
            fx = 0.5 + (node % 2 - 0.5) / np.sqrt(3.0)
            fy = 0.5 + (node // 2 - 0.5) / np.sqrt(3.0)
            a, b, c = _direction(
                row, column, (corners[i, 0] + fx) / nside, (corners[i, 1] + fy) / nside
            )
            for k in range(len(shares)):
                d2 = (a - cells[k, 0]) ** 2 + (b - cells[k, 1]) ** 2 + (c - cells[k, 2]) ** 2
                total += shares[k] * _density(d2, table, per_step)
        values[i] = area * total / 4


def _deposit(flat: np.ndarray, weights: np.ndarray, step: float, half: int, size: int):
    """Weights put on the four nearest points of a grid (size, size); 0 is at ``half``."""
    at = flat / step + half
    low = np.floor(at).astype("i8")
    t = at - low
    image = np.zeros(size * size)
    for dx, wx in ((0, 1 - t[:, 0]), (1, t[:, 0])):
        for dy, wy in ((0, 1 - t[:, 1]), (1, t[:, 1])):
            place = (low[:, 0] + dx) * size + low[:, 1] + dy
            image += np.bincount(place, weights * wx * wy, size * size)
    return image.reshape(size, size)


def template_map(nside: int, cloud: Cloud, psf: Profile) -> SourceMap:
    """Integrals of PSF ⊗ ``cloud`` over pixels of ``nside``, in the cloud's frame (RING).

    Near the template the convolution is done on a fine grid of an equal-area plane (the grid is
    a tenth of a pixel; the PSF averaged over its cells), of which pixels are means. Further away
    the template's cells act as disks from their centroids.
    """
    from scipy import fft

    centre = cloud.centroid
    centre /= np.linalg.norm(centre)
    flat = _flat(cloud.vectors, centre)
    extent = float(np.linalg.norm(flat, axis=1).max())
    pixel = np.sqrt(np.pi / 3) / nside
    margin = max(4 * pixel, 0.3 * extent)
    reach = (np.sqrt(psf.reach) + extent + pixel) ** 2 * (psf.reach > 0)
    found = disc(nside, centre, max(float(reach.max()), pixel * pixel))
    values = np.zeros((len(reach), len(found.pixels)))
    corners = pixel_corners(nside, found.pixels)
    per_step = 1.0 / grid()[0][1]
    near = (extent + margin) ** 2

    centroids, shares, spread = _cells(cloud, flat, 0.25 * margin)
    far = disk_profile(psf, np.sqrt(2 * spread)).density if spread > 0 else psf.density
    for plane in range(len(reach)):
        _add_far(
            found.chord2,
            corners,
            nside,
            near,
            float(reach[plane]),
            centroids,
            shares,
            far[plane],
            per_step,
            values[plane],
        )

    step = pixel / 10
    outer = extent + margin + pixel
    half = int(np.ceil(outer / step)) + 1
    inner = int(np.ceil(extent / step)) + 2
    size = fft.next_fast_len(2 * (half + inner) + 2, real=True)
    spectrum = fft.rfft2(_deposit(flat, cloud.weights, step, half, size), overwrite_x=True)
    index = np.arange(2 * half + 1)
    x, y = np.meshgrid((index - half) * step, (index - half) * step, indexing="ij")
    radius2 = x * x + y * y
    inside = radius2 <= outer * outer
    first, second = _plane_axes(centre)
    scale = np.sqrt(np.maximum(1 - radius2[inside] / 4, 0))
    vectors = (
        (x[inside] * scale)[:, None] * first
        + (y[inside] * scale)[:, None] * second
        + (1 - radius2[inside] / 2)[:, None] * centre
    )
    pixels = pixel_base(nside).vec2pix(vectors)
    place = np.searchsorted(found.pixels, pixels)
    place[place == len(found.pixels)] = 0
    known = (found.pixels[place] == pixels) & True
    counted = np.bincount(place[known], minlength=len(found.pixels))
    wanted = (found.chord2 <= near) & (counted > 0)

    lag = np.minimum(np.arange(size), size - np.arange(size)) * step
    distance2 = lag[:, None] ** 2 + (lag[: size // 2 + 1] ** 2)[None, :]
    smooth = disk_profile(psf, step / np.sqrt(np.pi)).density
    u = grid()[0]
    at = np.log1p(distance2 / SCALE**2)
    area = np.pi / (3.0 * nside * nside)
    # a PSF that the grid does not resolve keeps what it holds within this circle: the kernel's
    # centre takes the difference (one that is resolved sums up right by itself)
    circle = (0.48 * size * step) ** 2
    core = distance2 <= circle
    for plane in range(len(reach)):
        if reach[plane] == 0.0:
            continue
        quarter = np.interp(at, u, smooth[plane]) * step**2
        whole = np.where(core, quarter, 0.0)
        mirrored = 2 * whole.sum() - whole[:, 0].sum()
        held = np.interp(np.log1p(circle / SCALE**2), u, contained(psf.density[plane]))
        if psf.width[plane] < 2 * step:
            quarter[0, 0] += held - mirrored
        kernel = np.concatenate([quarter, quarter[:, 1 : size - size // 2][:, ::-1]], axis=1)
        image = fft.irfft2(fft.rfft2(kernel, overwrite_x=True) * spectrum, s=(size, size))
        image = image[: 2 * half + 1, : 2 * half + 1][inside] / step**2
        total = np.bincount(place[known], image[known], len(found.pixels))
        mean = np.divide(total, counted, out=np.zeros_like(total), where=counted > 0)
        part = wanted & (found.chord2 <= reach[plane])
        values[plane, part] = np.maximum(mean[part], 0.0) * area
    return SourceMap(found.pixels, values)


def pixel_base(nside: int):
    """The RING pixelisation."""
    return HpxGeometry(nside).base
