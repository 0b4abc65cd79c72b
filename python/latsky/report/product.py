"""Any plane of any sky product as something that can be looked up at directions, with its words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latsky.errors import InputError
from latsky.fits import dss
from latsky.fits.core import FitsFile, Header
from latsky.fits.hpx import HpxGeometry, HpxTable, open_hpx, read_edges, read_energies

INTENSITY = "cm$^{-2}$ s$^{-1}$ sr$^{-1}$ MeV$^{-1}$"
KINDS = {
    "counts": ("Counts", "counts per pixel"),
    "exposure": ("Exposure", "cm$^2$ s"),
    "livetime": ("Livetime", "s"),
    "template": ("Intensity", INTENSITY),
    "source map": ("Source map", "counts MeV$^{-1}$ per pixel"),
    "map": ("Map", ""),
}


@dataclass(frozen=True)
class SkyPlane:
    """One plane, or a sum of planes, over the sky."""

    kind: str
    """key of KINDS"""
    lookup: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """values at longitudes and latitudes in degrees; NaN where there are none"""
    values: np.ndarray
    """all values, for limits of the colours"""
    coordsys: str
    title: str
    subtitle: str
    unit: str
    footprint: tuple[float, float, float, float] | None = None
    """longitude, latitude, width and height (degrees) of a map of a part of the sky"""


def degrade(values: np.ndarray, geometry: HpxGeometry, nside: int) -> np.ndarray:
    """Mean of the pixels within each pixel of a coarser map of ``nside``, in the same ordering."""
    coarse = HpxGeometry(nside, geometry.nested, geometry.coordsys)
    ratio = (geometry.nside // nside) ** 2
    if geometry.nested:
        return values.reshape(-1, ratio).mean(axis=1)
    nested = values[geometry.base.nest2ring(np.arange(geometry.npix))]
    return nested.reshape(-1, ratio).mean(axis=1)[coarse.base.ring2nest(np.arange(coarse.npix))]


def open_plane(
    path: Path, hdu: str | None = None, plane: str | None = None, finest: int = 256
) -> SkyPlane:
    """A plane of a product: a number from 0, or ``sum`` (by default for counts and livetime).

    HEALPix maps finer than ``finest`` (nside) are averaged, for pixels that a plot cannot show.
    Raises InputError when there is no such HDU or plane.
    """
    with FitsFile(path) as file:
        primary = file.header(0)
        if int(primary.get("NAXIS", 0)) >= 2 and hdu is None:
            return _wcs_plane(path, file, plane)
    table = open_hpx(path, hdu, default_frame="GAL")
    kind = _kind(table)
    chosen = _chosen(plane, kind, table.n_planes, path)
    # pixels that the file does not list have no value
    values = table.read(*chosen, None if table.dtype.kind == "f" else "f8", np.nan)
    value = values[0] if len(values) == 1 else values.sum(axis=0, dtype="f8")
    geometry = table.geometry
    if finest < geometry.nside and geometry.order >= 0:
        factor = (geometry.nside // finest) ** 2 if kind in ("counts", "source map") else 1
        value = degrade(value, geometry, finest) * factor
        geometry = HpxGeometry(finest, geometry.nested, geometry.coordsys)

    def lookup(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        pixels = geometry.pixels(longitude, latitude)
        return np.where(pixels >= 0, value[pixels], np.nan)

    words, unit = KINDS[kind]
    stated = table.columns[0].unit if table.columns else ""
    if kind == "source map":
        words = f"Source map of {table.name}"
    return SkyPlane(
        kind,
        lookup,
        value,
        geometry.coordsys,
        _joined(words, _energy_words(table, chosen, kind)),
        _subtitle(table.primary, table.header),
        stated if kind == "map" else unit,
        _region(str(table.header.get("HPX_REG") or "")) if table.index else None,
    )


def _region(text: str) -> tuple[float, float, float, float] | None:
    """What a little more than the disc of a HPX_REG covers."""
    numbers = re.fullmatch(r"DISK(?:_INC)?\(([^,]+),([^,]+),([^,)]+).*\)", text.strip())
    if numbers is None:
        return None
    longitude, latitude, radius = (float(number) for number in numbers.groups())
    size = min(2.1 * radius, 180.0)
    return longitude, latitude, size, size


def _kind(table: HpxTable) -> str:
    first = table.columns[0].name.upper() if table.columns else ""
    if table.sparse or str(table.header.get("HPX_CONV", "")).startswith("FGST_SRCMAP"):
        return "source map"
    if "COSBINS" in first:
        return "livetime"
    if table.name.upper() == "HPXEXPOSURES":
        return "exposure"
    if first.startswith("CHANNEL"):
        return "counts" if table.name.upper() in ("SKYMAP", "SKYMAP2") else "source map"
    if first.startswith(("ENERGY", "BIN", "SPECTRA")):
        return "template"
    return "map"


def _chosen(plane: str | None, kind: str, count: int, path: Path) -> tuple[int, int]:
    text = (plane or ("sum" if kind in ("counts", "livetime") else "0")).strip().lower()
    if text == "sum":
        return 0, count
    try:
        number = int(text)
    except ValueError:
        raise InputError(f"{text!r} is neither a number nor sum", key="plane") from None
    if not 0 <= number < count:
        raise InputError(f"plane {number} of {count} (they count from 0)", path, "plane")
    return number, number + 1


def _joined(words: str, energy: str) -> str:
    return f"{words} {energy}" if energy.startswith("at ") else f"{words}, {energy}"


def _energy(value: float) -> str:
    for limit, scale, unit in ((1e6, 1e6, "TeV"), (1e3, 1e3, "GeV"), (0.0, 1.0, "MeV")):
        if value >= limit * 0.9995:
            return f"{value / scale:.3g} {unit}"
    return f"{value:.3g} MeV"


def _energy_words(table: HpxTable, chosen: tuple[int, int], kind: str) -> str:
    first, stop = chosen
    if kind == "livetime":
        every = first == 0 and stop == table.n_planes
        return "all inclinations" if every else f"inclination bin {first}"
    return _words_of_range(table.edges, table.energies, first, stop, table.n_planes)


def _words_of_range(
    edges: np.ndarray | None, energies: np.ndarray | None, first: int, stop: int, count: int
) -> str:
    if edges is not None and len(edges) == count + 1:
        return f"{_energy(edges[first])} – {_energy(edges[stop])}"
    at = energies if energies is not None else edges
    if at is not None and len(at) == count:
        if stop == first + 1:
            return f"at {_energy(at[first])}"
        return (
            f"sum of {stop - first} energies from {_energy(at[first])} to {_energy(at[stop - 1])}"
        )
    return f"plane {first} of {count}" if stop == first + 1 else f"sum of {stop - first} planes"


def _subtitle(*headers: Header) -> str:
    """Dates and selection, as far as the headers state them."""
    parts = []
    for header in headers:
        start, end = (str(header.get(key) or "")[:10] for key in ("DATE-OBS", "DATE-END"))
        if start and end and not parts:
            parts.append(f"{start} to {end}")
    cuts: tuple[dss.Cut, ...] = ()
    for header in headers:
        try:
            cuts = cuts or dss.read(header)
        except InputError:
            continue
    for column, word in (("EVENT_CLASS", "class"), ("EVENT_TYPE", "type")):
        mask = dss.find_mask(cuts, column)
        if mask is not None:
            parts.append(f"{word} {mask}")
    zenith = dss.find_range(cuts, "ZENITH_ANGLE")
    if zenith is not None:
        parts.append(f"zenith angle < {zenith[1]:g}°")
    return "  ·  ".join(parts)


def _wcs_plane(path: Path, file: FitsFile, plane: str | None) -> SkyPlane:
    from astropy.wcs import WCS

    header = file.header(0)
    cube = file.image(0)
    cube = cube.reshape(-1, *cube.shape[-2:])
    energies, edges = read_energies(file), read_edges(file)
    kind = "counts" if "GTI" in file and energies is None else "map"
    if kind == "map" and energies is not None:
        kind = "exposure" if "GTI" in file else "template"
    first, stop = _chosen(plane, kind, len(cube), path)
    value = cube[first] if stop == first + 1 else cube[first:stop].sum(axis=0, dtype="f8")
    transform = WCS(naxis=2)
    wcs = transform.wcs
    wcs.ctype = [str(header.get(f"CTYPE{n}", "")) for n in (1, 2)]
    wcs.crpix = [float(header.get(f"CRPIX{n}", 0)) for n in (1, 2)]
    wcs.crval = [float(header.get(f"CRVAL{n}", 0)) for n in (1, 2)]
    wcs.cdelt = [float(header.get(f"CDELT{n}", 1)) for n in (1, 2)]
    if header.get("CROTA2"):
        wcs.crota = [0.0, float(header["CROTA2"])]
    if not wcs.ctype[0].startswith(("RA", "GLON")):
        raise InputError(f"{wcs.ctype[0]!r} is no sky axis", file=path, key="CTYPE1")
    down, across = value.shape

    def lookup(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        good = np.isfinite(longitude) & np.isfinite(latitude)
        out = np.full(longitude.shape, np.nan)
        x, y = transform.wcs_world2pix(longitude[good], latitude[good], 0)
        # a map of the whole sky may be met one turn further on
        turn = 360.0 / abs(float(wcs.cdelt[0]))
        if "CAR" in wcs.ctype[0]:
            x = np.where(x < -0.5, x + turn, np.where(x >= across - 0.5, x - turn, x))
        with np.errstate(invalid="ignore"):
            column, row = np.floor(x + 0.5), np.floor(y + 0.5)
            inside = (column >= 0) & (column < across) & (row >= 0) & (row < down)
        found = np.full(len(column), np.nan)
        found[inside] = value[row[inside].astype(int), column[inside].astype(int)]
        out[good] = found
        return out

    width, height = (abs(float(wcs.cdelt[n])) * size for n, size in enumerate((across, down)))
    middle = transform.wcs_pix2world((across - 1) / 2, (down - 1) / 2, 0)
    words, unit = KINDS[kind]
    return SkyPlane(
        kind,
        lookup,
        value,
        "CEL" if wcs.ctype[0].startswith("RA") else "GAL",
        _joined(words, _words_of_range(edges, energies, first, stop, len(cube))),
        _subtitle(header),
        str(header.get("BUNIT") or unit),
        None if width > 180 else (float(middle[0]), float(middle[1]), width, height),
    )
