"""HEALPix cubes in FITS: counts cubes, exposure cubes, map-cube templates, source maps.

A pixel is a row of a binary table and a plane is a column (or an element of a vector column), which
is how the Fermitools and GALPROP write them. In memory a cube is always a C-contiguous array
``(planes, pixels)`` over the whole sky. Reading streams the rows, so that a plane or a range of
planes costs the memory of these planes alone, and of the file one pass.

Layouts understood:

* implicit (one row a pixel), explicit (a column PIX, PIXEL or HPXINDEX numbers the pixels of a part
  of the sky: the others are filled), sparse source maps (PIX, CHANNEL, VALUE);
* one scalar column a plane, one vector column (GALPROP's ``Spectra``), or one plane wrapped over
  rows of a vector column (healpy);
* ORDERING RING or NESTED; COORDSYS, or GALPROP's COORDTYPE; GAL or CEL (also EQU);
* plane energies from ENERGIES (MeV) or bin edges from EBOUNDS (keV).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from latsky.errors import InputError
from latsky.fits.core import Column, ColumnInfo, FitsFile, FitsWriter, Header, Table

INDEX_COLUMNS = ("PIX", "PIXEL", "HPXINDEX")
SPARSE_COLUMNS = {"PIX", "CHANNEL", "VALUE"}
NOT_PLANES = (*INDEX_COLUMNS, "RA", "DEC", "L", "B")
CHUNK_BYTES = 1 << 20
"""rows are read and written in pieces of about this size"""

_FRAMES = {"GAL": "GAL", "GALACTIC": "GAL", "G": "GAL"}
_FRAMES |= dict.fromkeys(("CEL", "EQU", "CELESTIAL", "EQUATORIAL", "C", "Q"), "CEL")
_SCHEMES = {"RING": False, "NESTED": True, "NEST": True}


@dataclass(frozen=True)
class HpxGeometry:
    """A whole-sky HEALPix pixelisation (Górski et al. 2005, ApJ 622, 759) in a frame."""

    nside: int
    nested: bool = False
    coordsys: str = "GAL"

    @classmethod
    def from_order(cls, order: int, nested: bool = False, coordsys: str = "GAL") -> HpxGeometry:
        """Geometry with nside 2^order."""
        return cls(1 << order, nested, coordsys)

    @property
    def order(self) -> int:
        """log2 of nside, or -1 where nside is no power of two (RING alone allows it)."""
        return self.nside.bit_length() - 1 if self.nside & (self.nside - 1) == 0 else -1

    @property
    def npix(self) -> int:
        """Number of pixels of the whole sky."""
        return 12 * self.nside * self.nside

    @property
    def pixel_area(self) -> float:
        """Solid angle of a pixel, sr."""
        return 4.0 * np.pi / self.npix

    @property
    def ordering(self) -> str:
        """The keyword ORDERING."""
        return "NESTED" if self.nested else "RING"

    @cached_property
    def base(self) -> Any:
        """The ``ducc0.healpix.Healpix_Base`` of this pixelisation."""
        from ducc0.healpix import Healpix_Base

        return Healpix_Base(self.nside, "NEST" if self.nested else "RING")

    def pixels(self, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        """Pixel numbers of directions in degrees, in this frame; NaN directions give -1."""
        latitude = np.asarray(latitude, "f8")
        angles = np.empty((*latitude.shape, 2))
        np.subtract(90.0, latitude, out=angles[..., 0])
        angles[..., 1] = longitude
        angles *= math.pi / 180.0
        theta = angles[..., 0]
        # comparisons with NaN are false
        if angles.size == 0 or (
            theta.min() >= 0 and theta.max() <= math.pi and np.isfinite(angles[..., 1].sum())
        ):
            return self.base.ang2pix(angles)
        good = np.isfinite(angles).all(axis=-1) & (theta >= 0) & (theta <= math.pi)
        found = np.full(theta.shape, -1, "i8")
        found[good] = self.base.ang2pix(np.ascontiguousarray(angles[good]))
        return found

    def centres(self, pixels: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Longitude and latitude of pixel centres in degrees (of all pixels by default)."""
        pixels = np.arange(self.npix) if pixels is None else np.asarray(pixels, "i8")
        angles = self.base.pix2ang(pixels)
        return np.degrees(angles[..., 1]), 90.0 - np.degrees(angles[..., 0])

    def keywords(self) -> Header:
        """The keywords by which the Fermitools know the pixelisation."""
        header = Header([("PIXTYPE", "HEALPIX", "HEALPix pixelisation")])
        header.append("ORDERING", self.ordering, "pixel numbering")
        header.append("COORDSYS", self.coordsys, "frame of the pixels")
        if self.coordsys == "CEL":
            header.append("EQUINOX", 2000.0, "equinox of RA and DEC")
        header.append("ORDER", self.order, "log2(NSIDE), -1 if there is none")
        header.append("NSIDE", self.nside, "resolution")
        header.append("FIRSTPIX", 0, "")
        header.append("LASTPIX", self.npix - 1, "")
        return header

    def difference(self, other: HpxGeometry) -> tuple[str, str] | None:
        """First keyword that differs, with a message; None where the geometries agree."""
        for key, mine, its in (
            ("NSIDE", self.nside, other.nside),
            ("ORDERING", self.ordering, other.ordering),
            ("COORDSYS", self.coordsys, other.coordsys),
        ):
            if mine != its:
                return key, f"{its}, but {mine} is expected"
        return None


def geometry_from_header(
    header: Header, path: str | os.PathLike[str] | None = None, default_frame: str | None = None
) -> HpxGeometry:
    """Geometry that an HDU's keywords describe.

    ``default_frame`` stands in where neither COORDSYS nor COORDTYPE is given. Raises InputError
    naming the keyword that is missing or wrong.
    """
    order = header.get("ORDER")
    nside = header.get("NSIDE", 1 << order if isinstance(order, int) and order >= 0 else None)
    if not isinstance(nside, int) or nside < 1:
        raise InputError("missing or no positive integer", file=path, key="NSIDE")
    if isinstance(order, int) and order > 0 and nside != 1 << order:
        raise InputError(f"{order} does not fit NSIDE {nside}", file=path, key="ORDER")
    ordering = str(header.get("ORDERING", "")).strip().upper()
    if ordering not in _SCHEMES:
        raise InputError(f"{ordering!r} is neither RING nor NESTED", file=path, key="ORDERING")
    nested = _SCHEMES[ordering]
    if nested and nside & (nside - 1):
        raise InputError(f"{nside}: NESTED needs a power of two", file=path, key="NSIDE")
    given = str(header.get("COORDSYS", header.get("COORDTYPE", default_frame or ""))).strip()
    frame = _FRAMES.get(given.upper())
    if frame is None:
        raise InputError(f"{given!r} is neither GAL nor CEL", file=path, key="COORDSYS")
    return HpxGeometry(nside, nested, frame)


@dataclass(frozen=True)
class HpxTable:
    """A HEALPix table of a file, described but not read; ``read`` gives its planes."""

    path: Path
    hdu: int
    name: str
    geometry: HpxGeometry
    header: Header
    primary: Header
    columns: tuple[ColumnInfo, ...]
    """columns that hold planes (of a sparse table none)"""
    index: str | None
    """column that numbers the pixels, None where all are there in order"""
    n_planes: int
    sparse: bool
    wrapped: bool
    """one plane, several pixels a row"""
    energies: np.ndarray | None = field(default=None, repr=False)
    """energies of ENERGIES, MeV"""
    edges: np.ndarray | None = field(default=None, repr=False)
    """bin edges of EBOUNDS, MeV"""

    def read(
        self, first: int = 0, stop: int | None = None, dtype: Any = None, fill: float = 0.0
    ) -> np.ndarray:
        """Planes ``first`` … ``stop`` - 1 as ``(planes, npix)``, the whole sky.

        ``dtype`` is by default the file's own (native byte order). Pixels that the file does not
        list are ``fill``. Raises IndexError for planes that do not exist, InputError for a
        truncated file or a pixel outside of the sphere.
        """
        stop = self._checked(first, stop)
        shape, dtype = (stop - first, self.geometry.npix), dtype or self.dtype
        if self.sparse:
            out = np.zeros(shape, dtype)
        else:
            out = np.empty(shape, dtype) if self.index is None else np.full(shape, fill, dtype)
        self._fill(out, first, stop, add=False)
        return out

    def add_to(self, total: np.ndarray, first: int = 0, stop: int | None = None) -> None:
        """Add planes to ``total`` (planes, npix) in place, a few rows at a time.

        Pixels that the file does not list stay as they are. Raises as ``read`` does.
        """
        stop = self._checked(first, stop)
        if total.shape != (stop - first, self.geometry.npix):
            raise ValueError(f"{total.shape} is not the shape of planes {first}:{stop}")
        self._fill(total, first, stop, add=True)

    @property
    def dtype(self) -> np.dtype:
        """Type of the values as they are read (native byte order)."""
        if self.sparse:
            return np.dtype("f4")
        if any(column.scale != 1.0 or column.zero != 0.0 for column in self.columns):
            return np.dtype("f8")
        return np.result_type(*(column.dtype for column in self.columns)).newbyteorder("=")

    def _checked(self, first: int, stop: int | None) -> int:
        stop = self.n_planes if stop is None else stop
        if not 0 <= first <= stop <= self.n_planes:
            raise IndexError(f"planes {first}:{stop} of {self.n_planes}")
        return stop

    def _fill(self, out: np.ndarray, first: int, stop: int, *, add: bool) -> None:
        with FitsFile(self.path) as file:
            if self.sparse:
                self._place_sparse(file.table(self.hdu), first, stop, out)
                return
            chosen = self._chosen(first, stop)
            start = 0
            for rows in file.rows(self.hdu, self._chunk_rows()):
                start = self._place(rows, chosen, out, start, add=add)

    def plane(self, number: int, dtype: Any = None, fill: float = 0.0) -> np.ndarray:
        """One plane, ``(npix,)``."""
        return self.read(number, number + 1, dtype, fill)[0]

    def _chunk_rows(self) -> int:
        return max(1, CHUNK_BYTES // max(1, int(self.header["NAXIS1"])))

    def _chosen(self, first: int, stop: int) -> list[tuple[ColumnInfo, int | None]]:
        """Column and element within it of every plane wanted."""
        if self.wrapped:
            return [(self.columns[0], None)]
        every: list[tuple[ColumnInfo, int | None]] = []
        for column in self.columns:
            size = int(np.prod(column.shape, dtype=int))
            every += [(column, None if size == 1 else number) for number in range(size)]
        return every[first:stop]

    def _place(
        self,
        rows: np.ndarray,
        chosen: list[tuple[ColumnInfo, int | None]],
        out: np.ndarray,
        start: int,
        *,
        add: bool,
    ) -> int:
        """Copy (or add) the planes of some rows to their pixels; the pixel after the last."""
        where: Any
        if self.index is not None:
            where = np.asarray(rows[self.index], "i8")
            if where.size and (where.min() < 0 or where.max() >= self.geometry.npix):
                raise InputError("a pixel outside of the sphere", file=self.path, key=self.index)
            end = start
        else:
            per_row = int(np.prod(chosen[0][0].shape, dtype=int)) if self.wrapped else 1
            end = start + len(rows) * per_row
            where = slice(start, end)
        for number, (column, element) in enumerate(chosen):
            values = rows[column.name]
            if element is not None:
                values = values.reshape(len(rows), -1)[:, element]
            if column.scale != 1.0 or column.zero != 0.0:
                values = values * column.scale + column.zero
            if add:
                out[number, where] += values.reshape(-1)
            else:
                out[number, where] = values.reshape(-1)
        return end

    def _place_sparse(self, table: Table, first: int, stop: int, out: np.ndarray) -> None:
        pixels, planes, values = sparse_entries(table, self.geometry.npix)
        wanted = (planes >= first) & (planes < stop)
        chosen = values[wanted].astype(out.dtype)
        np.add.at(out, (planes[wanted] - first, pixels[wanted]), chosen)


def sparse_entries(table: Table, npix: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels, planes (from 0) and values of a sparse map's rows, (rows,) each.

    gtsrcmaps writes pixel 0 as an undefined PIX (the column's TNULL): its rows are in the order of
    plane and pixel, and that row stands before pixel 1 in each plane. It is read as pixel 0.
    Raises InputError for other numbers outside of the sphere, and for planes beyond N_ENERGY.
    """
    pixels, planes = table["PIX"].astype("i8"), table["CHANNEL"].astype("i8")
    undefined = table.header.get(f"TNULL{table.names.index(table.info('PIX').name) + 1}")
    if undefined is not None:
        pixels[pixels == undefined] = 0
    if len(pixels) and (pixels.min() < 0 or pixels.max() >= npix):
        raise InputError("a pixel outside of the sphere", file=table.path, key="PIX")
    count = table.header.get("N_ENERGY")
    if count is not None and len(planes) and (planes.min() < 0 or planes.max() >= int(count)):
        raise InputError(f"a plane outside of N_ENERGY {count}", file=table.path, key="CHANNEL")
    return pixels, planes, table["VALUE"]


def open_hpx(
    path: str | os.PathLike[str],
    hdu: str | int | None = None,
    *,
    default_frame: str | None = None,
) -> HpxTable:
    """Describe a HEALPix table of a file: the HDU named, by default the first there is.

    Raises InputError when there is none, or its keywords and columns make no HEALPix map.
    """
    with FitsFile(path) as file:
        headers = file.headers
        at = _first_hpx(headers, path) if hdu is None else file.index(hdu)
        header = headers[at]
        # description only: no rows are read but those of the small energy tables
        columns = file.empty_table(at).columns
        geometry = geometry_from_header(header, path, default_frame)
        energies, edges = read_energies(file), read_edges(file)
        names = {column.name.upper() for column in columns}
        name = str(header.get("EXTNAME", at))
        common = {
            "path": Path(path),
            "hdu": at,
            "name": name,
            "geometry": geometry,
            "header": header,
            "primary": headers[0],
            "energies": energies,
            "edges": edges,
        }
        if names >= SPARSE_COLUMNS:
            count = header.get("N_ENERGY")
            if count is None:
                channel = file.table(at)["CHANNEL"]
                count = int(channel.max()) + 1 if len(channel) else 0
            return HpxTable(
                **common, columns=(), index="PIX", n_planes=int(count), sparse=True, wrapped=False
            )
        index = next((c.name for c in columns if c.name.upper() in INDEX_COLUMNS), None)
        scheme = str(header.get("INDXSCHM", "")).strip().upper()
        if index is None and scheme in ("EXPLICIT", "PARTIAL", "LOCAL"):
            raise InputError(f"{scheme}, but no column PIX", file=path, key="INDXSCHM")
        planes = tuple(
            column
            for column in columns
            if column.name.upper() not in NOT_PLANES and column.dtype.kind in "iuf"
        )
        if not planes:
            raise InputError(f"no column with a map in {name}", file=path, key=name)
        rows, size = int(header["NAXIS2"]), int(np.prod(planes[0].shape, dtype=int))
        wrapped = index is None and rows != geometry.npix and rows * size == geometry.npix
        if wrapped:
            planes = planes[:1]
        if index is None and not wrapped and rows != geometry.npix:
            raise InputError(
                f"{rows} rows, but NSIDE {geometry.nside} has {geometry.npix} pixels",
                file=path,
                key=name,
            )
        count = 1 if wrapped else sum(int(np.prod(c.shape, dtype=int)) for c in planes)
        return HpxTable(
            **common, columns=planes, index=index, n_planes=count, sparse=False, wrapped=wrapped
        )


def _first_hpx(headers: Sequence[Header], path: str | os.PathLike[str]) -> int:
    for at, header in enumerate(headers):
        if str(header.get("PIXTYPE", "")).strip().upper() == "HEALPIX":
            return at
    raise InputError("holds no HEALPix map", file=path, key="PIXTYPE")


def read_energies(file: FitsFile) -> np.ndarray | None:
    """Energies of the planes in MeV from ENERGIES, None without that HDU.

    They are its first column, in MeV unless TUNIT says otherwise.
    """
    if "ENERGIES" not in file:
        return None
    table = file.table("ENERGIES")
    return energy_column(table, table.names[0], "MeV").reshape(-1)


def read_edges(file: FitsFile) -> np.ndarray | None:
    """Edges of the energy bins in MeV from EBOUNDS (keV unless TUNIT says otherwise).

    None without that HDU. Raises InputError where the bins do not follow each other.
    """
    if "EBOUNDS" not in file:
        return None
    table = file.table("EBOUNDS")
    low, high = energy_column(table, "E_MIN"), energy_column(table, "E_MAX")
    if len(low) == 0:
        raise InputError("no energy bins", file=file.path, key="EBOUNDS")
    if np.any(np.abs(high[:-1] / low[1:] - 1.0) > 1e-5):
        raise InputError("energy bins with gaps or overlaps", file=file.path, key="EBOUNDS")
    return np.append(low, high[-1])


_TO_MEV = {"EV": 1e-6, "KEV": 1e-3, "MEV": 1.0, "GEV": 1e3, "TEV": 1e6}


def energy_column(table: Table, name: str, unstated: str = "keV") -> np.ndarray:
    """A column of energies in MeV; ``unstated`` is the unit where the file gives none."""
    unit = table.info(name).unit or unstated
    if unit.upper() not in _TO_MEV:
        raise InputError(f"unit {unit!r} is no energy", file=table.path, key=name)
    return np.asarray(table[name], "f8") * _TO_MEV[unit.upper()]


class EnergyCube(NamedTuple):
    """A cube whose planes stand at energies: exposures, templates, source maps."""

    geometry: HpxGeometry
    energies: np.ndarray
    """MeV, (planes,)"""
    values: np.ndarray
    """(planes, npix)"""


class CountsCube(NamedTuple):
    """A counts cube with what its file says of the observation."""

    geometry: HpxGeometry
    edges: np.ndarray
    """MeV, (planes + 1,)"""
    counts: np.ndarray
    """(planes, npix)"""
    primary: Header
    header: Header
    """header of SKYMAP"""
    gti: Table | None


def read_counts_cube(path: str | os.PathLike[str], dtype: Any = None) -> CountsCube:
    """A HEALPix counts cube (SKYMAP, EBOUNDS, GTI). Raises InputError."""
    table = open_hpx(path, "SKYMAP")
    if table.edges is None:
        raise InputError("no HDU EBOUNDS", file=path, key="EBOUNDS")
    if len(table.edges) != table.n_planes + 1:
        raise InputError(
            f"{len(table.edges) - 1} bins, but {table.n_planes} planes", file=path, key="EBOUNDS"
        )
    with FitsFile(path) as file:
        gti = file.table("GTI") if "GTI" in file else None
    return CountsCube(
        table.geometry, table.edges, table.read(dtype=dtype), table.primary, table.header, gti
    )


def open_energy_cube(
    path: str | os.PathLike[str],
    hdu: str | int | None = None,
    *,
    default_frame: str | None = None,
) -> HpxTable:
    """Describe a cube that must have an energy for each plane. Raises InputError."""
    table = open_hpx(path, hdu, default_frame=default_frame)
    if table.energies is None:
        raise InputError("no HDU ENERGIES", file=path, key="ENERGIES")
    if len(table.energies) != table.n_planes:
        raise InputError(
            f"{len(table.energies)} energies, but {table.n_planes} planes",
            file=path,
            key="ENERGIES",
        )
    if np.any(table.energies <= 0) or np.any(np.diff(table.energies) <= 0):
        raise InputError("energies are not positive and rising", file=path, key="ENERGIES")
    return table


def read_exposure_cube(path: str | os.PathLike[str], dtype: Any = None) -> EnergyCube:
    """An exposure cube (HPXEXPOSURES), cm² s; files older than COORDSYS are galactic.

    Returns geometry, energies (MeV) and exposure ``(planes, npix)``. Raises InputError.
    """
    table = open_energy_cube(path, default_frame="GAL")
    return EnergyCube(table.geometry, table.energies, table.read(dtype=dtype))


def read_template(
    path: str | os.PathLike[str], hdu: str | int | None = None, dtype: Any = None
) -> EnergyCube:
    """A HEALPix map cube (SKYMAP, GALPROP's SKYMAP2 …), usually ph cm⁻² s⁻¹ sr⁻¹ MeV⁻¹.

    Returns geometry, energies (MeV) and values ``(planes, npix)``. Raises InputError.
    """
    table = open_energy_cube(path, hdu)
    return EnergyCube(table.geometry, table.energies, table.read(dtype=dtype))


def write_skymap(
    writer: FitsWriter,
    name: str,
    geometry: HpxGeometry,
    values: np.ndarray | Sequence[np.ndarray],
    *,
    prefix: str = "CHANNEL",
    dtype: Any = "f8",
    header: Header | None = None,
    pixels: np.ndarray | None = None,
    region: str | None = None,
    unit: str = "",
) -> None:
    """Write planes as columns ``prefix1`` … of a HEALPix table.

    ``values`` is ``(planes, npix)``, or ``(planes, len(pixels))`` for a part of the sky whose pixel
    numbers then go to the column PIX; ``region`` is its HPX_REG. ``header`` adds keywords.
    """
    planes = len(values)
    size = len(values[0]) if planes else (geometry.npix if pixels is None else len(pixels))
    if size != (geometry.npix if pixels is None else len(pixels)):
        raise ValueError(f"{size} pixels do not fit {geometry}")
    kind = np.dtype(dtype).newbyteorder(">")
    form = {"f8": "D", "f4": "E", "i4": "J", "i2": "I"}[kind.str[1:]]
    fields: list[tuple[str, Any]] = [("PIX", ">i4")] if pixels is not None else []
    fields += [(f"{prefix}{number + 1}", kind) for number in range(planes)]
    described = Header()
    for number, (column, column_kind) in enumerate(fields, 1):
        described.append(f"TTYPE{number}", column)
        described.append(f"TFORM{number}", "J" if column == "PIX" and column_kind != kind else form)
        if unit and column != "PIX":
            described.append(f"TUNIT{number}", unit)
    described.append("TFIELDS", len(fields))
    described.append("EXTNAME", name)
    described.append("TELESCOP", "GLAST")
    described.append("INSTRUME", "LAT")
    described.update(geometry.keywords())
    described.append("INDXSCHM", "IMPLICIT" if pixels is None else "EXPLICIT")
    if region is not None:
        described.append("HPX_REG", region)
    if header is not None:
        extra = header.without_structure()
        extra.remove("EXTNAME", "FIRSTPIX", "LASTPIX", "ORDER", "NSIDE", "ORDERING", "COORDSYS")
        extra.remove("INDXSCHM", "PIXTYPE", "HPX_REG", "COORDTYPE")
        described.update(extra)
    row = np.dtype(fields)
    stream = writer.stream(described, row)
    for block in _row_blocks(values, size, row, pixels):
        stream.append(block)
    stream.end()


def _row_blocks(
    values: np.ndarray | Sequence[np.ndarray],
    size: int,
    row: np.dtype,
    pixels: np.ndarray | None,
) -> Iterator[np.ndarray]:
    chunk = max(1, CHUNK_BYTES // max(1, row.itemsize))
    names = [name for name in row.names or () if not (name == "PIX" and pixels is not None)]
    for start in range(0, size, chunk):
        stop = min(size, start + chunk)
        block = np.empty(stop - start, row)
        if pixels is not None:
            block["PIX"] = pixels[start:stop]
        for plane, name in zip(values, names, strict=True):
            block[name] = plane[start:stop]
        yield block


def write_energies(writer: FitsWriter, energies: np.ndarray, header: Header | None = None) -> None:
    """Write ENERGIES: one column Energy, MeV."""
    writer.table("ENERGIES", [Column("Energy", np.asarray(energies, "f8"), "MeV")], header)


def write_ebounds(writer: FitsWriter, edges: np.ndarray, header: Header | None = None) -> None:
    """Write EBOUNDS for bins that follow each other, by their edges in MeV."""
    edges = np.asarray(edges, "f8")
    write_energy_bins(writer, edges[:-1], edges[1:], header)


def write_energy_bins(
    writer: FitsWriter, low: np.ndarray, high: np.ndarray, header: Header | None = None
) -> None:
    """Write EBOUNDS (CHANNEL, E_MIN, E_MAX in keV) for bins from ``low`` to ``high`` in MeV."""
    described = Header([("TELESCOP", "GLAST", ""), ("INSTRUME", "LAT", "")])
    if header is not None:
        described.update(header.without_structure())
    for key, value, comment in (
        ("FILTER", "NONE", "instrument filter in use"),
        ("CHANTYPE", "PI", "energy channel type"),
        ("DETCHANS", len(low), "number of channels"),
        ("HDUCLASS", "OGIP", ""),
        ("HDUCLAS1", "RESPONSE", ""),
        ("HDUCLAS2", "EBOUNDS", ""),
        ("HDUVERS", "1.2.0", ""),
    ):
        described.set(key, value, comment)
    columns = [
        Column("CHANNEL", np.arange(1, len(low) + 1, dtype="i2")),
        Column("E_MIN", (1e3 * np.asarray(low, "f8")).astype("f4"), "keV"),
        Column("E_MAX", (1e3 * np.asarray(high, "f8")).astype("f4"), "keV"),
    ]
    writer.table("EBOUNDS", columns, described)


def copy_table(writer: FitsWriter, table: Table) -> None:
    """Write a small table as it was read, keywords included (GTI for example)."""
    stream = writer.stream(table.header, table.rows.dtype)
    stream.append(table.rows)
    stream.end()


def write_counts_cube(
    path: str | os.PathLike[str],
    geometry: HpxGeometry,
    edges: np.ndarray,
    counts: np.ndarray,
    *,
    primary: Header | None = None,
    header: Header | None = None,
    gti: Table | None = None,
    pixels: np.ndarray | None = None,
    region: str | None = None,
    dtype: Any = "f8",
    clobber: bool = True,
) -> None:
    """Write a counts cube in gtbin's layout: PRIMARY, SKYMAP, EBOUNDS, GTI.

    ``edges`` in MeV, one more than planes; ``header`` goes to SKYMAP and EBOUNDS.
    """
    with FitsWriter(path, clobber=clobber) as writer:
        writer.primary(primary or Header())
        write_skymap(
            writer,
            "SKYMAP",
            geometry,
            counts,
            dtype=dtype,
            header=header,
            pixels=pixels,
            region=region,
        )
        write_ebounds(writer, edges)
        if gti is not None:
            copy_table(writer, gti)


def write_exposure_cube(
    path: str | os.PathLike[str],
    geometry: HpxGeometry,
    energies: np.ndarray,
    exposure: np.ndarray | Sequence[np.ndarray],
    *,
    primary: Header | None = None,
    header: Header | None = None,
    gti: Table | None = None,
    dtype: Any = "f8",
    clobber: bool = True,
) -> None:
    """Write an exposure cube in gtexpcube2's layout: PRIMARY, HPXEXPOSURES, ENERGIES, GTI.

    ``energies`` in MeV, ``exposure`` (planes, npix) in cm² s; ``header`` goes to HPXEXPOSURES.
    """
    _write_energy_cube(
        path,
        "HPXEXPOSURES",
        geometry,
        energies,
        exposure,
        primary=primary,
        header=_with_convention("FGST_BEXPCUBE", header),
        gti=gti,
        dtype=dtype,
        unit="cm2 s",
        clobber=clobber,
    )


def write_template(
    path: str | os.PathLike[str],
    geometry: HpxGeometry,
    energies: np.ndarray,
    values: np.ndarray | Sequence[np.ndarray],
    *,
    primary: Header | None = None,
    header: Header | None = None,
    dtype: Any = "f4",
    unit: str = "ph / (cm2 s sr MeV)",
    clobber: bool = True,
) -> None:
    """Write a map cube that the Fermitools read: SKYMAP with ENERGYn columns, ENERGIES."""
    _write_energy_cube(
        path,
        "SKYMAP",
        geometry,
        energies,
        values,
        primary=primary,
        header=_with_convention("FGST_TEMPLATE", header),
        dtype=dtype,
        unit=unit,
        clobber=clobber,
    )


def _with_convention(convention: str, header: Header | None) -> Header:
    described = Header([("HPX_CONV", convention, "")])
    if header is not None:
        described.update(header)
    return described


def _write_energy_cube(
    path: str | os.PathLike[str],
    name: str,
    geometry: HpxGeometry,
    energies: np.ndarray,
    values: np.ndarray | Sequence[np.ndarray],
    *,
    primary: Header | None,
    header: Header,
    gti: Table | None = None,
    dtype: Any,
    unit: str,
    clobber: bool,
) -> None:
    """PRIMARY, maps at energies in columns ``ENERGYn`` of HDU ``name``, ENERGIES and GTI."""
    with FitsWriter(path, clobber=clobber) as writer:
        writer.primary(primary or Header())
        write_skymap(
            writer,
            name,
            geometry,
            values,
            prefix="ENERGY",
            dtype=dtype,
            header=header,
            unit=unit,
        )
        write_energies(writer, energies)
        if gti is not None:
            copy_table(writer, gti)
