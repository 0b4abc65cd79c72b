"""Adding up livetime over sky pixels and directions in the instrument.

For every row of spacecraft data and every pixel in view the livetime goes into the bin of the
angle between the pixel's centre and the LAT's axis. Pixels come in blocks, each a larger HEALPix
pixel: a block wholly behind the LAT or beyond the zenith cut is passed over, one wholly within
needs no test a pixel. A block's sums stay in the first-level cache while all rows of a chunk pass
by, and blocks share nothing, so any number of threads gives the same sums.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

TOLERANCE = 1e-9
"""added to the radius of a block, in its cosine"""


@njit(cache=True, nogil=True)
def unit_vectors(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Directions (n, 3) of positions in degrees."""
    out = np.empty((len(ra), 3))
    for i in range(len(ra)):
        a, d = ra[i] * math.pi / 180.0, dec[i] * math.pi / 180.0
        out[i, 0] = math.cos(a) * math.cos(d)
        out[i, 1] = math.sin(a) * math.cos(d)
        out[i, 2] = math.sin(d)
    return out


@njit(cache=True, nogil=True)
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(cache=True, nogil=True)
def _cross(a, b, out):
    out[0] = a[1] * b[2] - b[1] * a[2]
    out[1] = a[2] * b[0] - b[2] * a[0]
    out[2] = a[0] * b[1] - b[0] * a[1]


@njit(cache=True, nogil=True)
def _normalise(a):
    a *= 1.0 / math.sqrt(_dot(a, a))


@njit(cache=True, nogil=True)
def instrument_axes(z_axis: np.ndarray, x_axis: np.ndarray) -> np.ndarray:
    """Orthogonal x, y and z axes (n, 3, 3) of the LAT from its measured z and x axes (n, 3).

    The measured axes are at right angles to single precision only. The pair of x, y = z × x and z
    that is nearest to right angles is kept and the third made from them: the rule by which CLHEP
    (HepRotation::set) makes a rotation, so that pixels near the edge of a bin fall as in the
    Fermitools.
    """
    out = np.empty((len(z_axis), 3, 3))
    for i in range(len(z_axis)):
        x, y, z = out[i, 0], out[i, 1], out[i, 2]
        x[:] = x_axis[i]
        z[:] = z_axis[i]
        _cross(z_axis[i], x_axis[i], y)
        _normalise(x)
        _normalise(y)
        _normalise(z)
        xy, xz, yz = abs(_dot(x, y)), abs(_dot(x, z)), abs(_dot(y, z))
        if xy <= xz and xy <= yz:
            y -= _dot(x, y) * x
            _normalise(y)
            _cross(x, y, z)
        elif xz <= yz:
            x -= _dot(x, z) * z
            _normalise(x)
            _cross(z, x, y)
        else:
            z -= _dot(y, z) * y
            _normalise(z)
            _cross(y, z, x)
    return out


@njit(cache=True, nogil=True)
def _view(block_to_axis, block_to_zenith, cosine, sine, zenith_low, zenith_high):
    """Whether a block is out of view (0), partly (1) or wholly (2) in it.

    ``cosine`` and ``sine`` are of the block's radius; the limits are cosines of zenith angles.
    """
    if block_to_axis <= -sine:
        return 0
    across = math.sqrt(max(0.0, 1.0 - block_to_zenith * block_to_zenith)) * sine
    low = -1.0 if block_to_zenith <= -cosine else block_to_zenith * cosine - across
    high = 1.0 if block_to_zenith >= cosine else block_to_zenith * cosine + across
    if high <= zenith_low or low >= zenith_high:
        return 0
    if block_to_axis > sine and low > zenith_low and high < zenith_high:
        return 2
    return 1


@njit(cache=True, nogil=True)
def add_theta(
    first, stop, pixels, blocks, radius, axis, zenith, weight, zenith_low, zenith_high, out
):
    """Add rows to ``out`` (npix, n_theta, 2) for the blocks ``first`` … ``stop`` - 1.

    ``pixels`` (3, npix) and ``blocks`` (3, nblocks) are directions, ``radius`` (2, nblocks) the
    cosine and sine of a block's; ``axis``, ``zenith`` (nrows, 3) directions; ``weight`` (nrows, 2)
    livetime and weighted livetime.
    """
    size = pixels.shape[1] // blocks.shape[1]
    bins = out.shape[1]
    last = np.int32(bins - 1)
    index = np.empty(size, np.int32)
    cosine = np.empty(size)
    height = np.empty(size)
    for block in range(first, stop):
        begin = block * size
        px = pixels[0, begin : begin + size]
        py = pixels[1, begin : begin + size]
        pz = pixels[2, begin : begin + size]
        sums = out[begin : begin + size]
        bx, by, bz = blocks[0, block], blocks[1, block], blocks[2, block]
        for row in range(len(weight)):
            ax, ay, az = axis[row, 0], axis[row, 1], axis[row, 2]
            zx, zy, zz = zenith[row, 0], zenith[row, 1], zenith[row, 2]
            view = _view(
                bx * ax + by * ay + bz * az,
                bx * zx + by * zy + bz * zz,
                radius[0, block],
                radius[1, block],
                zenith_low,
                zenith_high,
            )
            if view == 0:
                continue
            plain, weighted = weight[row, 0], weight[row, 1]
            for i in range(size):
                cosine[i] = px[i] * ax + py[i] * ay + pz[i] * az
                index[i] = np.int32(math.sqrt(max(0.0, 1.0 - cosine[i])) * bins)
            if view == 2:
                for i in range(size):
                    at = min(index[i], last)
                    sums[i, at, 0] += plain
                    sums[i, at, 1] += weighted
                continue
            for i in range(size):
                height[i] = px[i] * zx + py[i] * zy + pz[i] * zz
            for i in range(size):
                if cosine[i] > 0.0 and height[i] > zenith_low and height[i] < zenith_high:
                    at = min(index[i], last)
                    sums[i, at, 0] += plain
                    sums[i, at, 1] += weighted


@njit(cache=True, nogil=True)
def add_theta_phi(
    first, stop, pixels, blocks, radius, axes, zenith, weight, zenith_low, zenith_high, out
):
    """Like ``add_theta`` with azimuth: ``axes`` (nrows, 3, 3), ``out`` (npix, n_phi, n_theta, 2).

    Azimuth is folded into 0 to 45°, where its tangent is the smaller over the larger of the
    components along x and y.
    """
    size = pixels.shape[1] // blocks.shape[1]
    n_phi, bins = out.shape[1], out.shape[2]
    tangents = np.empty(n_phi)
    for k in range(n_phi):
        tangents[k] = math.tan(math.pi / 4 * k / n_phi)
    theta = np.empty(size, np.int32)
    cosine = np.empty(size)
    tangent = np.empty(size)
    height = np.empty(size)
    for block in range(first, stop):
        begin = block * size
        px = pixels[0, begin : begin + size]
        py = pixels[1, begin : begin + size]
        pz = pixels[2, begin : begin + size]
        sums = out[begin : begin + size]
        bx, by, bz = blocks[0, block], blocks[1, block], blocks[2, block]
        for row in range(len(weight)):
            ax, ay, az = axes[row, 2, 0], axes[row, 2, 1], axes[row, 2, 2]
            zx, zy, zz = zenith[row, 0], zenith[row, 1], zenith[row, 2]
            view = _view(
                bx * ax + by * ay + bz * az,
                bx * zx + by * zy + bz * zz,
                radius[0, block],
                radius[1, block],
                zenith_low,
                zenith_high,
            )
            if view == 0:
                continue
            ux, uy, uz = axes[row, 0, 0], axes[row, 0, 1], axes[row, 0, 2]
            vx, vy, vz = axes[row, 1, 0], axes[row, 1, 1], axes[row, 1, 2]
            plain, weighted = weight[row, 0], weight[row, 1]
            for i in range(size):
                cosine[i] = ax * px[i] + ay * py[i] + az * pz[i]
                theta[i] = np.int32(math.sqrt(max(0.0, 1.0 - cosine[i])) * bins)
                x = abs(ux * px[i] + uy * py[i] + uz * pz[i])
                y = abs(vx * px[i] + vy * py[i] + vz * pz[i])
                # a pixel on the axis itself has no azimuth: any bin will do
                tangent[i] = min(x, y) / max(x, y, 1e-300)
                height[i] = px[i] * zx + py[i] * zy + pz[i] * zz
            for i in range(size):
                if cosine[i] <= 0.0:
                    continue
                if view == 1 and (height[i] <= zenith_low or height[i] >= zenith_high):
                    continue
                at = min(theta[i], np.int32(bins - 1))
                phi = 0
                for k in range(1, n_phi):
                    phi += tangent[i] >= tangents[k]
                sums[i, phi, at, 0] += plain
                sums[i, phi, at, 1] += weighted
