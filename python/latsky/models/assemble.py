"""Source-map files of a model: counts and the maps of all its sources, for one binning component.

PRIMARY, SKYMAP, EBOUNDS and GTI are those of the counts cube; then comes one HDU a source. Where
maps are finer than asked for, pixels are summed: counts and source maps (counts/MeV per pixel) both
add up. They may have planes beyond the bins for energy dispersion, as many at either end. Maps are
streamed one after the other, so memory holds one source at the lower order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from latsky.errors import InputError, Problems
from latsky.fits import dss
from latsky.fits.core import FitsFile, FitsWriter, Header
from latsky.fits.hpx import (
    INDEX_COLUMNS,
    NOT_PLANES,
    SPARSE_COLUMNS,
    HpxGeometry,
    HpxTable,
    geometry_from_header,
    open_hpx,
    read_edges,
    read_energies,
    sparse_entries,
)
from latsky.fits.srcmaps import expand_energies, write_sparse_source_map
from latsky.steps.stack import SAME_ENERGY, source_header

CHUNK_BYTES = 1 << 22
_GEOMETRY = ("PIXTYPE", "ORDERING", "ORDER", "NSIDE", "COORDSYS", "FIRSTPIX", "LASTPIX")


@dataclass(frozen=True)
class SourceFile:
    """A file of source maps and the names wanted from it."""

    path: Path
    names: tuple[str, ...]


@dataclass
class Degrader:
    """Sums pixels to a lower order; keeps the parents of every pixelisation it has met."""

    target: HpxGeometry
    _parents: dict[int, np.ndarray] = field(default_factory=dict)

    def parents(self, nside: int) -> np.ndarray:
        """Pixel of the target (npix,) int32 that holds each pixel of ``nside``."""
        if nside not in self._parents:
            fine = HpxGeometry(nside, self.target.nested, self.target.coordsys)
            shift = 2 * (fine.order - self.target.order)
            pixels = np.arange(fine.npix)
            if self.target.nested:
                parents = pixels >> shift
            else:
                parents = self.target.base.nest2ring(fine.base.ring2nest(pixels) >> shift)
            self._parents[nside] = parents.astype("i4")
        return self._parents[nside]

    def add_rows(self, total: np.ndarray, first: int, values: np.ndarray, nside: int) -> None:
        """Add pixels ``first`` … of ``nside``, (rows, planes), to ``total`` (npix, planes)."""
        parents = self.parents(nside)[first : first + len(values)]
        # neighbours in number are neighbours on the sky: their parents span few pixels
        low, high = int(parents.min()), int(parents.max()) + 1
        where = parents - low
        for plane in range(values.shape[1]):
            total[low:high, plane] += np.bincount(where, values[:, plane], high - low)


def assemble(
    counts_cube: Path,
    sources: Sequence[SourceFile],
    output: Path,
    hpx_order: int,
    *,
    clobber: bool = True,
) -> int:
    """Write the source maps of a model on a binning component; the number of maps.

    ``hpx_order`` is the largest order: maps are summed down to it, never refined. Raises
    InputErrors naming every file that is missing and every map that is missing, coarser than the
    result, or of other energies, before anything is written.
    """
    cube = open_hpx(counts_cube, "SKYMAP")
    if cube.edges is None:
        raise InputError("no HDU EBOUNDS", counts_cube, "EBOUNDS")
    if cube.index is not None or cube.geometry.order < 0:
        raise InputError("not the whole sky in pixels of a power of two", counts_cube, "SKYMAP")
    order = min(hpx_order, cube.geometry.order)
    target = HpxGeometry.from_order(order, cube.geometry.nested, cube.geometry.coordsys)
    problems = Problems()
    versions: dict[str, dss.Version] = {}
    seen: dict[str, Path] = {}
    for source in sources:
        problems.collect(lambda s=source: _check(s, cube, target, versions, seen, problems))
    problems.raise_any()
    header = source_header(cube, "assemble-model", output)
    cuts = dss.read(cube.primary, counts_cube) or dss.read(cube.header, counts_cube)
    known = {cut.name for cut in cuts if isinstance(cut, dss.Version)}
    dss.write(header, (*cuts, *(v for name, v in versions.items() if name not in known)))
    degrader = Degrader(target)
    with FitsWriter(output, clobber=clobber) as writer:
        writer.primary(header)
        with FitsFile(counts_cube) as file:
            _write_counts(writer, file, cube, degrader)
            for hdu in ("EBOUNDS", "GTI"):
                if hdu in file:
                    writer.copy(file, hdu)
        for source in sources:
            with FitsFile(source.path) as file:
                at = _indices(file)
                for name in source.names:
                    _write_map(writer, file, at[name.upper()], name, degrader)
    return sum(len(source.names) for source in sources)


def _indices(file: FitsFile) -> dict[str, int]:
    """HDU numbers by name in capitals, of HEALPix tables alone."""
    return {
        str(header.get("EXTNAME", "")).strip().upper(): number
        for number, header in enumerate(file.headers)
        if str(header.get("PIXTYPE", "")).strip().upper() == "HEALPIX"
    }


def _check(
    source: SourceFile,
    cube: HpxTable,
    target: HpxGeometry,
    versions: dict[str, dss.Version],
    seen: dict[str, Path],
    problems: Problems,
) -> None:
    with FitsFile(source.path) as file:
        at = _indices(file)
        energies, edges = read_energies(file), read_edges(file)
        for cut in dss.read(file.header(0)):
            if isinstance(cut, dss.Version):
                versions.setdefault(cut.name, cut)
        assert cube.edges is not None
        given = energies if energies is not None else edges
        if given is not None and not _at_the_edges(given, cube.edges):
            problems.add(
                f"its energies are not the bin edges of {cube.path.name}", source.path, "EBOUNDS"
            )
        for name in source.names:
            if name.upper() in seen:
                problems.add(f"is also in {seen[name.upper()]}", source.path, name)
            seen[name.upper()] = source.path
            if name.upper() not in at:
                names = [str(file.header(number)["EXTNAME"]).strip() for number in at.values()]
                have = ", ".join(names[:5]) + (" …" if len(names) > 5 else "") or "none"
                problems.add(f"no source map of this name; the file has {have}", source.path, name)
                continue
            _check_map(file, at[name.upper()], name, cube, target, problems)


def _extra(planes: int, edges: np.ndarray) -> int | None:
    """Planes at either end beyond the bins; None where the number of ``planes`` is wrong."""
    extra, odd = divmod(planes - len(edges), 2)
    return None if odd or extra < 0 else extra


def _at_the_edges(energies: np.ndarray, edges: np.ndarray) -> bool:
    """Whether planes stand at the edges of the bins and, for energy dispersion, beyond them."""
    extra = _extra(len(energies), edges)
    if extra is None:
        return False
    return bool(np.all(np.abs(energies / expand_energies(edges, extra) - 1) <= SAME_ENERGY))


def _check_map(
    file: FitsFile,
    at: int,
    name: str,
    cube: HpxTable,
    target: HpxGeometry,
    problems: Problems,
) -> None:
    geometry = geometry_from_header(file.header(at), file.path)
    if geometry.nside < target.nside:
        problems.add(
            f"order {geometry.order}, but the model is made at order {target.order}",
            file.path,
            name,
        )
        return
    other = HpxGeometry(geometry.nside, target.nested, target.coordsys).difference(geometry)
    if other is not None:
        problems.add(f"{other[0]}: {other[1]} as in {cube.path.name}", file.path, name)
        return
    columns = file.empty_table(at).columns
    names = {column.name.upper() for column in columns}
    assert cube.edges is not None
    if names >= SPARSE_COLUMNS:
        planes = int(file.header(at).get("N_ENERGY", len(cube.edges)))
    elif names & set(INDEX_COLUMNS) or int(file.header(at)["NAXIS2"]) != geometry.npix:
        problems.add("neither sparse nor a row a pixel over the whole sky", file.path, name)
        return
    else:
        planes = sum(int(np.prod(c.shape, dtype=int)) for c in columns)
    if _extra(planes, cube.edges) is None:
        problems.add(
            f"{planes} planes; {len(cube.edges)} are needed, or as many more at either end",
            file.path,
            name,
        )


def _write_counts(writer: FitsWriter, file: FitsFile, cube: HpxTable, degrader: Degrader) -> None:
    if cube.geometry.nside == degrader.target.nside:
        writer.copy(file, cube.hdu)
        return
    kind = cube.columns[0].dtype.newbyteorder(">")
    _write_summed(writer, file, cube.hdu, cube.name, degrader, kind)


def _write_map(writer: FitsWriter, file: FitsFile, at: int, name: str, degrader: Degrader) -> None:
    header = file.header(at)
    nside = geometry_from_header(header, file.path).nside
    if nside == degrader.target.nside:
        writer.copy(file, at)
        return
    names = {column.name.upper() for column in file.empty_table(at).columns}
    if names >= SPARSE_COLUMNS:
        _write_summed_sparse(writer, file, at, name, degrader, nside)
    else:
        _write_summed(writer, file, at, name, degrader, np.dtype(">f4"))


def _described(header: Header, target: HpxGeometry) -> Header:
    """A map's own keywords, without those of its pixels."""
    kept = header.without_structure()
    kept.remove("EXTNAME", "INDXSCHM", "N_ENERGY", *_GEOMETRY)
    kept.remove_matching(r"T(TYPE|FORM|UNIT|DIM|NULL)\d+")
    return kept


def _write_summed(
    writer: FitsWriter, file: FitsFile, at: int, name: str, degrader: Degrader, kind: np.dtype
) -> None:
    header, target = file.header(at), degrader.target
    nside = geometry_from_header(header, file.path).nside
    columns = [c for c in file.empty_table(at).columns if c.name.upper() not in NOT_PLANES]
    planes = sum(int(np.prod(c.shape, dtype=int)) for c in columns)
    total = np.zeros((target.npix, planes))
    done = 0
    for rows in file.rows(at, max(1, CHUNK_BYTES // int(header["NAXIS1"]))):
        values = np.empty((len(rows), planes))
        start = 0
        for column in columns:
            block = rows[column.name].reshape(len(rows), -1)
            stop = start + block.shape[1]
            values[:, start:stop] = block
            if column.scale != 1.0 or column.zero != 0.0:
                values[:, start:stop] = values[:, start:stop] * column.scale + column.zero
            start = stop
        degrader.add_rows(total, done, values, nside)
        done += len(rows)
    form = {"f8": "D", "f4": "E", "i4": "J", "i2": "I"}[kind.str[1:]]
    described = Header()
    for number in range(1, planes + 1):
        described.append(f"TTYPE{number}", f"CHANNEL{number}")
        described.append(f"TFORM{number}", form)
    described.append("TFIELDS", planes)
    described.append("EXTNAME", name)
    described.update(target.keywords())
    described.append("INDXSCHM", "IMPLICIT")
    described.update(_described(header, target))
    row = np.dtype([(f"CHANNEL{number}", kind) for number in range(1, planes + 1)])
    stream = writer.stream(described, row)
    size = max(1, CHUNK_BYTES // row.itemsize)
    for first in range(0, len(total), size):
        stream.append(total[first : first + size].astype(kind).view(row)[:, 0])
    stream.end()


def _write_summed_sparse(
    writer: FitsWriter, file: FitsFile, at: int, name: str, degrader: Degrader, nside: int
) -> None:
    table, target = file.table(at), degrader.target
    pixels, channels, entries = sparse_entries(table, 12 * nside * nside)
    parents = degrader.parents(nside)[pixels]
    # one number a cell, rising with plane and pixel
    cells, where = np.unique(channels * target.npix + parents, return_inverse=True)
    values = np.bincount(where, entries.astype("f8"), len(cells))
    planes = int(table.header.get("N_ENERGY", channels.max() + 1 if len(channels) else 0))
    write_sparse_source_map(
        writer,
        name,
        target,
        cells % target.npix,
        cells // target.npix,
        values,
        planes,
        header=_described(table.header, target),
    )


def source_files(
    entry: Mapping[str, Any], find: Callable[[str], Path | None], manifest: Path, component: str
) -> list[SourceFile]:
    """The files of a binning component's manifest entry, in the order of component keys.

    Raises InputErrors naming every file that ``find`` does not know.
    """
    problems = Problems()
    found = []
    for key in sorted(entry["source_dict"]):
        source = entry["source_dict"][key]
        path = find(source["srcmap_file"])
        if path is None:
            problems.add(
                f"no such file: {source['srcmap_file']}", manifest, f"{component}.source_dict.{key}"
            )
            continue
        found.append(SourceFile(path, tuple(source["source_names"])))
    problems.raise_any()
    return found
