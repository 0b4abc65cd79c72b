"""Source maps: one HDU a source, whole-sky planes or sparse, as the Fermitools lay them out.

Whole sky (HPX_CONV FGST_SRCMAP): columns CHANNEL1 … a plane each. Sparse (FGST_SRCMAP_SPARSE):
rows of PIX, CHANNEL (plane, from 0) and VALUE. Planes stand at the edges of the energy bins: one
more than bins, and as many more at either end as energy dispersion is given (``edisp_bins``).
Values are counts/MeV per pixel for a spectral factor of one.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from latsky.errors import InputError
from latsky.fits.core import Column, FitsFile, FitsWriter, Header
from latsky.fits.hpx import HpxGeometry, HpxTable, open_hpx, sparse_entries, write_skymap

NOT_SOURCES = ("", "PRIMARY", "SKYMAP", "SKYMAP2", "EBOUNDS", "ENERGIES", "GTI", "HPXEXPOSURES")
DENSE, SPARSE = "FGST_SRCMAP", "FGST_SRCMAP_SPARSE"


def expand_energies(edges: np.ndarray, extra: int) -> np.ndarray:
    """Energies of planes with ``extra`` more at either end, in steps of the outer bins."""
    if extra < 1 or len(edges) < 2:
        return edges
    number = np.arange(1, extra + 1)
    low = edges[0] * (edges[0] / edges[1]) ** number[::-1]
    high = edges[-1] * (edges[-1] / edges[-2]) ** number
    return np.concatenate([low, edges, high])


def source_names(path: str | os.PathLike[str]) -> list[str]:
    """Names of the source maps of a file, in order."""
    with FitsFile(path) as file:
        return [
            str(header["EXTNAME"]).strip()
            for header in file.headers
            if str(header.get("PIXTYPE", "")).strip().upper() == "HEALPIX"
            and str(header.get("EXTNAME", "")).strip().upper() not in NOT_SOURCES
        ]


def open_source_map(path: str | os.PathLike[str], name: str) -> HpxTable:
    """Describe one source's map; ``read`` gives its planes (planes, npix), sparse ones filled out.

    Raises InputError naming the sources there are when there is none of that name.
    """
    with FitsFile(path) as file:
        present = name in file
    if not present:
        have = ", ".join(source_names(path)) or "none"
        raise InputError(f"no source map {name}; the file has {have}", file=path, key=name)
    return open_hpx(path, name)


def plane_sums(table: HpxTable) -> np.ndarray:
    """Sum over the sky of every plane, (planes,) float64, in one pass of bounded memory."""
    sums = np.zeros(table.n_planes)
    with FitsFile(table.path) as file:
        if table.sparse:
            _, planes, values = sparse_entries(file.table(table.hdu), table.geometry.npix)
            np.add.at(sums, planes, values.astype("f8"))
            return sums
        for rows in file.rows(table.hdu):
            start = 0
            for column in table.columns:
                values = rows[column.name].reshape(len(rows), -1)
                stop = start + values.shape[1]
                sums[start:stop] += values.sum(axis=0, dtype="f8")
                start = stop
    return sums


def read_entries(table: HpxTable) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (n,), rising, where any plane of a source is not zero, and values (planes, n) float64.

    Of a sparse map no whole-sky plane is made.
    """
    if not table.sparse:
        planes = table.read(dtype="f8")
        pixels = np.flatnonzero(planes.any(axis=0))
        return pixels, planes[:, pixels]
    with FitsFile(table.path) as file:
        found, channels, entries = sparse_entries(file.table(table.hdu), table.geometry.npix)
    pixels, where = np.unique(found, return_inverse=True)
    values = np.zeros((table.n_planes, len(pixels)))
    np.add.at(values, (channels, where), entries)
    return pixels, values


class PlaneStore:
    """Planes on disk until they are written: a table's rows need all of them at once.

    A nameless temporary file in ``directory``; ``planes`` gives what ``write_skymap`` takes.
    """

    def __init__(self, npix: int, dtype: str, directory: Path) -> None:
        self.npix, self.dtype = npix, np.dtype(dtype)
        self._file = tempfile.TemporaryFile(dir=directory)
        self._count = 0

    def __enter__(self) -> PlaneStore:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, plane: np.ndarray) -> None:
        """Add a plane (npix,)."""
        if plane.shape != (self.npix,):
            raise ValueError(f"a plane of {plane.shape} among those of {self.npix} pixels")
        self._file.write(np.ascontiguousarray(plane, self.dtype).data)
        self._count += 1

    @property
    def planes(self) -> list[StoredPlane]:
        """The planes, in order."""
        self._file.flush()
        return [StoredPlane(self, number) for number in range(self._count)]

    def read(self, plane: int, start: int, stop: int) -> np.ndarray:
        """Pixels ``start`` … ``stop`` - 1 of a plane."""
        size = self.dtype.itemsize
        data = os.pread(
            self._file.fileno(), (stop - start) * size, (plane * self.npix + start) * size
        )
        return np.frombuffer(data, self.dtype)


class StoredPlane:
    """One plane of a ``PlaneStore``: has a length and gives slices."""

    def __init__(self, store: PlaneStore, number: int) -> None:
        self._store, self._number = store, number

    def __len__(self) -> int:
        return self._store.npix

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, _ = part.indices(len(self))
        return self._store.read(self._number, start, stop)


def write_source_map(
    writer: FitsWriter,
    name: str,
    geometry: HpxGeometry,
    planes: np.ndarray | Sequence[np.ndarray] | Sequence[StoredPlane],
    *,
    dtype: str = "f4",
    header: Header | None = None,
) -> None:
    """Write a whole-sky source map, ``planes`` being (planes, npix)."""
    described = Header([("HPX_CONV", DENSE, "")])
    if header is not None:
        described.update(header.without_structure())
    write_skymap(writer, name, geometry, planes, dtype=dtype, header=described)


def write_sparse_source_map(
    writer: FitsWriter,
    name: str,
    geometry: HpxGeometry,
    pixels: np.ndarray,
    channels: np.ndarray,
    values: np.ndarray,
    n_planes: int,
    *,
    header: Header | None = None,
) -> None:
    """Write a sparse source map: pixel numbers, planes (from 0) and values, (rows,) each."""
    described = Header([("TELESCOP", "GLAST", ""), ("INSTRUME", "LAT", "")])
    described.update(geometry.keywords())
    described.append("INDXSCHM", "SPARSE")
    described.append("HPX_CONV", SPARSE)
    described.append("REFDIR1", 0.0, "reference direction, deg")
    described.append("REFDIR2", 0.0, "reference direction, deg")
    described.append("N_ENERGY", int(n_planes), "number of planes")
    if header is not None:
        described.update(header.without_structure())
    columns = [
        Column("PIX", np.asarray(pixels, "i4")),
        Column("CHANNEL", np.asarray(channels, "i2")),
        Column("VALUE", np.asarray(values, "f4")),
    ]
    writer.table(name, columns, described)


def joined_rows(tables: Sequence[HpxTable], dtype: str = ">f4") -> Iterator[np.ndarray]:
    """Rows of the planes of several whole-sky source maps side by side, streamed.

    The maps must have one geometry and a row a pixel. Columns of the result are CHANNEL1 ….
    """
    count = sum(table.n_planes for table in tables)
    row = np.dtype([(f"CHANNEL{number + 1}", dtype) for number in range(count)])
    chunk = max(1, (1 << 23) // row.itemsize)
    files = [FitsFile(table.path) for table in tables]
    try:
        streams = [file.rows(table.hdu, chunk) for file, table in zip(files, tables, strict=True)]
        for blocks in zip(*streams, strict=True):
            out = np.empty(len(blocks[0]), row)
            flat = out.view(dtype).reshape(len(out), count)
            start = 0
            for table, block in zip(tables, blocks, strict=True):
                for column in table.columns:
                    values = block[column.name].reshape(len(out), -1)
                    if column.scale != 1.0 or column.zero != 0.0:
                        values = values * column.scale + column.zero
                    flat[:, start : start + values.shape[1]] = values
                    start += values.shape[1]
            yield out
    finally:
        for file in files:
            file.__exit__()


def write_joined(
    writer: FitsWriter,
    name: str,
    geometry: HpxGeometry,
    tables: Sequence[HpxTable],
    header: Header | None = None,
) -> None:
    """Write one source map (float32) whose planes are those of several, in order."""
    if all(table.sparse for table in tables):
        _write_joined_sparse(writer, name, geometry, tables, header)
        return
    count = sum(table.n_planes for table in tables)
    described = Header()
    for number in range(1, count + 1):
        described.append(f"TTYPE{number}", f"CHANNEL{number}")
        described.append(f"TFORM{number}", "E")
    described.append("TFIELDS", count)
    described.append("EXTNAME", name)
    described.append("TELESCOP", "GLAST")
    described.append("INSTRUME", "LAT")
    described.update(geometry.keywords())
    described.append("INDXSCHM", "IMPLICIT")
    described.append("HPX_CONV", DENSE)
    if header is not None:
        described.update(header.without_structure())
    row = np.dtype([(f"CHANNEL{number}", ">f4") for number in range(1, count + 1)])
    stream = writer.stream(described, row)
    for rows in joined_rows(tables):
        stream.append(rows)
    stream.end()


def _write_joined_sparse(
    writer: FitsWriter,
    name: str,
    geometry: HpxGeometry,
    tables: Iterable[HpxTable],
    header: Header | None,
) -> None:
    pixels, channels, values, planes = [], [], [], 0
    for table in tables:
        with FitsFile(table.path) as file:
            found = sparse_entries(file.table(table.hdu), geometry.npix)
        pixels.append(found[0])
        channels.append(found[1] + planes)
        values.append(found[2])
        planes += table.n_planes
    write_sparse_source_map(
        writer,
        name,
        geometry,
        np.concatenate(pixels),
        np.concatenate(channels),
        np.concatenate(values),
        planes,
        header=header,
    )
