"""Intensity templates of diffuse emission: HEALPix or WCS, cubes in energy or single maps.

Between the energies of a cube the intensity follows a power law in each pixel (a straight line
where one end is zero); outside of them there is none. Between pixel centres it is interpolated
bilinearly. Only the few planes in use are held in memory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np

from latsky.embedded import sampling
from latsky.errors import InputError
from latsky.fits.core import FitsFile, Header
from latsky.fits.frames import rotation
from latsky.fits.hpx import HpxTable, open_hpx, read_energies

BLOCK_BYTES = 1 << 25
"""size of the planes that are read ahead in one pass over a file"""
ROUNDING = 1e-5
"""relative difference of energies that is rounding (bin edges are stored in single precision)"""


@dataclass
class PlaneReader:
    """Planes of a cube, read in rising order a block at a time.

    ``read(first, stop)`` gives planes as (stop - first, …).
    """

    read: Callable[[int, int], np.ndarray]
    n_planes: int
    plane_bytes: int
    _first: int = 0
    _block: np.ndarray | None = None

    def get(self, first: int, stop: int) -> np.ndarray:
        """Planes ``first`` … ``stop`` - 1 (few)."""
        block = self._block
        if block is None or first < self._first or stop > self._first + len(block):
            ahead = max(stop - first, BLOCK_BYTES // max(1, self.plane_bytes))
            self._block = None  # the old block is not needed while the new one comes
            block = self.read(first, min(self.n_planes, first + ahead))
            self._first, self._block = first, block
        return block[first - self._first : stop - self._first]


@numba.njit(cache=True)
def _between(y1: np.ndarray, y2: np.ndarray, t: float, line: float, out: np.ndarray) -> None:
    """Power law between two planes: ``t`` is the fraction in log E, ``line`` that in E."""
    for i in range(len(out)):
        a, b = float(y1[i]), float(y2[i])
        if a > 0.0 and b > 0.0:
            out[i] = a * (b / a) ** t
        else:
            out[i] = a + line * (b - a)


class Template:
    """An intensity map or cube of a file, on the sphere.

    ``energies`` in MeV, None for a single map, which holds at every energy. ``nside`` is its
    resolution: that of its pixels, or for WCS the coarsest HEALPix not coarser than them.
    """

    path: Path
    frame: str
    nside: int
    energies: np.ndarray | None
    whole_sky: bool
    planes: PlaneReader
    grid: str
    """the pixels, in words: templates of one grid have the same"""

    def check_energies(self, wanted: np.ndarray) -> None:
        """Raise InputError unless the cube covers all ``wanted`` energies (MeV)."""
        if self.energies is None or len(wanted) == 0:
            return
        if not covers(self.energies, wanted[0], wanted[-1]):
            low, high = self.energies[0], self.energies[-1]
            raise InputError(
                f"the template has energies from {low:.6g} to {high:.6g} MeV, but planes from "
                f"{wanted[0]:.6g} to {wanted[-1]:.6g} MeV are needed (it is not extrapolated)",
                file=self.path,
                key="ENERGIES",
            )

    def check_sky(self) -> None:
        """Raise InputError for a cube that covers a part of the sky only."""
        if self.energies is not None and not self.whole_sky:
            raise InputError(
                "covers a part of the sky only; give a single map with --kind map",
                file=self.path,
                key="INDXSCHM",
            )

    def check_pixels(self, low: float, high: float) -> None:
        """Raise InputError for a bad pixel in a plane that energies ``low`` to ``high`` need."""
        first, stop = 0, self.planes.n_planes
        if self.energies is not None:
            first = max(0, int(np.searchsorted(self.energies, low, "right")) - 1)
            stop = min(stop, int(np.searchsorted(self.energies, high, "left")) + 1)
        for number in range(first, stop):
            self._checked(self.planes.get(number, number + 1)[0], number)

    def intensity(self, energy: float) -> np.ndarray:
        """The plane at ``energy`` MeV on the template's own pixels, float64.

        Raises InputError for pixels that are negative or no numbers, or an energy not covered.
        """
        if self.energies is None:
            return self._checked(self.planes.get(0, 1)[0], 0).astype("f8")
        self.check_energies(np.array([energy]))
        energies = self.energies
        energy = min(max(energy, energies[0]), energies[-1])
        at = min(int(np.searchsorted(energies, energy, "right")) - 1, len(energies) - 2)
        if len(energies) == 1 or energy == energies[max(at, 0)]:
            return self._checked(self.planes.get(max(at, 0), max(at, 0) + 1)[0], at).astype("f8")
        lower, upper = self.planes.get(at, at + 2)
        self._checked(lower, at)
        self._checked(upper, at + 1)
        low, high = energies[at], energies[at + 1]
        out = np.empty(lower.shape)
        fraction = np.log(energy / low) / np.log(high / low)
        line = (energy - low) / (high - low)
        _between(lower.reshape(-1), upper.reshape(-1), fraction, line, out.reshape(-1))
        return out

    def _checked(self, plane: np.ndarray, number: int) -> np.ndarray:
        least = plane.min()
        if not np.isfinite(least) or not np.isfinite(plane.max()):
            count = int((~np.isfinite(plane)).sum())
            raise InputError(f"{count} pixels are no finite numbers", self.path, f"plane {number}")
        if least < 0.0:
            count = int((plane < 0).sum())
            raise InputError(
                f"{count} pixels are negative (down to {least:.3g}): clip them first",
                self.path,
                f"plane {number}",
            )
        return plane

    def sample(self, energy: float, nside: int, frame: str) -> np.ndarray:
        """The intensity at ``energy`` MeV at the centres of ``nside``'s pixels of ``frame``."""
        raise NotImplementedError


class HealpixTemplate(Template):
    """A HEALPix map or cube."""

    def __init__(self, table: HpxTable, energies: np.ndarray | None) -> None:
        self.path, self.energies = table.path, energies
        self.frame, self.nside = table.geometry.coordsys, table.geometry.nside
        if table.geometry.order < 0:
            raise InputError(f"{self.nside} is no power of two", file=self.path, key="NSIDE")
        self.whole_sky = table.index is None
        nested = table.geometry.nested
        order = "NESTED" if nested else "RING"
        self.grid = f"HEALPix nside {self.nside} {order} {self.frame}"
        for column in table.columns:
            check_unit(column.unit, self.path, column.name)

        def read(first: int, stop: int) -> np.ndarray:
            planes = table.read(first, stop, dtype="f4")
            if nested:
                for number in range(len(planes)):
                    planes[number] = sampling.to_ring(planes[number], self.nside)
            return planes

        self.planes = PlaneReader(read, table.n_planes, table.geometry.npix * 4)

    def sample(self, energy: float, nside: int, frame: str) -> np.ndarray:
        """The intensity at the centres of ``nside``'s pixels of ``frame``."""
        turn = rotation(frame, self.frame)
        return sampling.interpolate_healpix(self.intensity(energy), self.nside, nside, turn)


class WcsTemplate(Template):
    """An image or image cube with a celestial WCS (CAR and all that astropy knows)."""

    def __init__(self, path: Path, hdu: int, header: Header, energies: np.ndarray | None) -> None:
        self.path, self.energies = path, energies
        columns, rows = int(header["NAXIS1"]), int(header["NAXIS2"])
        count = int(header["NAXIS3"]) if int(header["NAXIS"]) > 2 else 1
        for key in ("CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2", "CDELT1", "CDELT2"):
            if header.get(key) is None:
                raise InputError("the image has no such keyword", file=path, key=key)
        check_unit(str(header.get("BUNIT", "") or ""), path, "BUNIT")
        kind = str(header.get("CTYPE1", "")).strip().upper()
        self.frame = _wcs_frame(header, path)
        self.grid = f"image {columns}×{rows} {kind}"
        self._header, self._kind = header, kind[-3:]
        steps = [abs(float(header[f"CDELT{axis}"])) for axis in (1, 2)]
        self.nside = _nside_of(min(steps))
        around = 360.0 / steps[0]
        closed = self._kind == "CAR" and columns >= round(around) and not around % 1
        self._period = round(around) if closed else 0
        self._to_pixel = (_car if self._kind == "CAR" else _any_wcs)(header, path)
        top = self._to_pixel(np.array([0.0, 0.0]), np.array([-90.0, 90.0]))[1]
        self.whole_sky = closed and bool(np.all((top >= -1.001) & (top <= rows + 0.001)))
        # rows that stop short of a pole by less than a pixel continue to it
        self._rows = (0.0, rows - 1.0) if self.whole_sky else None

        def read(first: int, stop: int) -> np.ndarray:
            with FitsFile(path) as file:
                if count == 1:
                    return file.image(hdu).reshape(1, rows, columns)
                planes = file.image_planes(hdu, first, stop)
            return planes.reshape(stop - first, rows, columns)

        size = abs(int(header["BITPIX"])) // 8
        self.planes = PlaneReader(read, count, columns * rows * size)

    def sample(self, energy: float, nside: int, frame: str) -> np.ndarray:
        """The intensity at the centres of ``nside``'s pixels of ``frame``."""
        turn = rotation(frame, self.frame)

        def to_pixel(longitude: np.ndarray, latitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            x, y = self._to_pixel(longitude, latitude)
            return x, y if self._rows is None else np.clip(y, *self._rows)

        return sampling.interpolate_image(
            self.intensity(energy), to_pixel, self._period, nside, turn
        )


def covers(energies: np.ndarray, low: float, high: float) -> bool:
    """Whether rising ``energies`` reach from ``low`` to ``high``, but for rounding."""
    return bool(energies[0] <= low * (1 + ROUNDING) and energies[-1] >= high * (1 - ROUNDING))


def check_unit(unit: str, path: Path, key: str) -> None:
    """Refuse a unit that is not photons per area (cm²), time (s), solid angle and energy (MeV).

    No unit, and energies left out (single maps), are accepted. Raises InputError.
    """
    words = (unit or "").strip().lower()
    wrong = re.search(r"\b(gev|kev|tev|erg|deg|m-2|m\^-2|m\*\*-2)\b", words) or re.search(
        r"/\s*(m\^?2|gev|kev|tev|deg)", words
    )
    if wrong:
        raise InputError(
            f"unit {unit!r}: intensity must be in ph cm-2 s-1 sr-1 MeV-1", file=path, key=key
        )


def spectrum_energies(path: Path) -> np.ndarray:
    """Energies (MeV) of an isotropic component's spectrum: text with energy and intensity.

    Raises InputError when a line holds no numbers, or they cannot be a spectrum.
    """
    from latsky.fits.source_model import read_spectrum_table

    energies, values = read_spectrum_table(path)
    if len(energies) < 2 or energies[0] <= 0 or np.any(np.diff(energies) <= 0):
        raise InputError(
            "fewer than two energies, or energies that are not positive and rising", path, "energy"
        )
    if np.any(values < 0) or not np.all(np.isfinite(values)):
        raise InputError("intensities are negative or no numbers", file=path, key="intensity")
    return energies


def check_spectrum(path: Path, wanted: np.ndarray) -> None:
    """Raise InputError unless a spectrum's table covers all ``wanted`` energies (MeV)."""
    energies = spectrum_energies(path)
    if not covers(energies, wanted[0], wanted[-1]):
        raise InputError(
            f"the spectrum has {energies[0]:.6g} to {energies[-1]:.6g} MeV, but planes from "
            f"{wanted[0]:.6g} to {wanted[-1]:.6g} MeV are needed (it is not extrapolated)",
            file=path,
            key="energy",
        )


def _nside_of(pixel: float) -> int:
    """The smallest power of two whose pixels are not larger than ``pixel`` degrees."""
    nside = np.sqrt(4 * np.pi / 12) / np.radians(pixel)
    # 0.125° and nside 512 (0.1145°), 0.0625° and 1024: within rounding of 1 % they count as equal
    return 1 << max(0, int(np.ceil(np.log2(nside) - 0.01)))


def _wcs_frame(header: Header, path: Path) -> str:
    kind = str(header.get("CTYPE1", "")).strip().upper()
    if kind.startswith("GLON"):
        return "GAL"
    if kind.startswith("RA"):
        return "CEL"
    raise InputError(
        f"frame {kind or '(none)'!r} is neither galactic (GLON) nor equatorial (RA)",
        file=path,
        key="CTYPE1",
    )


def _car(header: Header, path: Path) -> Callable:
    """Plate carrée with its reference point on the equator: linear in both coordinates."""
    x0, y0 = float(header["CRPIX1"]) - 1, float(header["CRPIX2"]) - 1
    lon0, lat0 = float(header["CRVAL1"]), float(header["CRVAL2"])
    dx, dy = float(header["CDELT1"]), float(header["CDELT2"])
    if lat0 != 0.0:
        return _any_wcs(header, path)

    def to_pixel(longitude: np.ndarray, latitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        offset = (longitude - lon0 + 180.0) % 360.0 - 180.0
        return x0 + offset / dx, y0 + latitude / dy

    return to_pixel


def _any_wcs(header: Header, path: Path) -> Callable:
    from astropy.io import fits
    from astropy.wcs import WCS, WcsError

    cards = fits.Header()
    for key, value, _ in header.cards:
        if key and key not in ("HISTORY", "COMMENT") and value is not None:
            cards[key] = value
    try:
        wcs = WCS(cards, naxis=2)
    except WcsError as error:
        text = " ".join(str(error).split())
        raise InputError(f"no usable coordinates: {text}", file=path, key="CTYPE1") from None

    def to_pixel(longitude: np.ndarray, latitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return tuple(wcs.wcs_world2pix(longitude, latitude, 0))

    return to_pixel


def open_template(path: str | os.PathLike[str], kind: str = "auto") -> Template:
    """Open a template: ``kind`` is cube, map, or auto (a cube if it has energies).

    Raises InputError when the file holds no map, a cube has no or wrong energies, or a map has
    several planes.
    """
    path = Path(path)
    with FitsFile(path) as file:
        headers = file.headers
        energies = read_energies(file)
        image = next((n for n, h in enumerate(headers) if _is_image(h)), None)
    healpix = any(str(h.get("PIXTYPE", "")).strip().upper() == "HEALPIX" for h in headers)
    if healpix:
        table = open_hpx(path)
        count = table.n_planes
    elif image is not None:
        header = headers[image]
        count = int(header["NAXIS3"]) if int(header["NAXIS"]) > 2 else 1
        if energies is None and count > 1:
            energies = _third_axis(header)
    else:
        raise InputError("holds neither a HEALPix map nor an image", file=path)
    if kind == "map" or (kind == "auto" and count == 1):
        if count != 1:
            raise InputError(f"{count} planes, but a single map is expected", file=path)
        energies = None
    else:
        _check_cube(energies, count, path)
    return (
        HealpixTemplate(table, energies) if healpix else WcsTemplate(path, image, header, energies)
    )


def _check_cube(energies: np.ndarray | None, count: int, path: Path) -> None:
    if energies is None:
        raise InputError("no energies of the planes", file=path, key="ENERGIES")
    if len(energies) != count:
        raise InputError(f"{len(energies)} energies, but {count} planes", path, "ENERGIES")
    if np.any(energies <= 0) or np.any(np.diff(energies) <= 0):
        raise InputError("energies are not positive and rising", file=path, key="ENERGIES")


def _is_image(header: Header) -> bool:
    extension = str(header.get("XTENSION", "IMAGE")).strip()
    return extension == "IMAGE" and int(header.get("NAXIS", 0)) >= 2 and "CTYPE1" in header


def _third_axis(header: Header) -> np.ndarray | None:
    """Energies of an image cube without ENERGIES whose third axis is log10(E/MeV)."""
    if not str(header.get("CTYPE3", "")).strip().upper().startswith("LOG"):
        return None
    number = np.arange(int(header["NAXIS3"])) + 1 - float(header.get("CRPIX3", 1))
    return 10 ** (float(header["CRVAL3"]) + number * float(header["CDELT3"]))
