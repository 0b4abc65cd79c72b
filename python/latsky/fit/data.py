"""Source-map files as the likelihood wants them.

Whole-sky maps of sources with free parameters go to a work file, row by row as float32, that is
mapped into memory: the operating system keeps what fits. Local sources stay lists of entries.
Sources without free parameters are added up once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latsky.errors import InputError, Problems
from latsky.fit.likelihood import ComponentData, SourceMaps, SourceTerm, SparseMaps
from latsky.fit.operators import BinOperator, Migration, integral, trapezoid
from latsky.fits.core import FitsFile, Header
from latsky.fits.hpx import HpxGeometry, geometry_from_header, open_hpx, read_counts_cube

FINE, FERMITOOLS = "fine", "fermitools"
INTEGRATIONS = (FINE, FERMITOOLS)
REACH = 1
"""planes beside its own two that a bin takes the sky's pattern from, with energy dispersion"""

OperatorMaker = Callable[[str, np.ndarray, np.ndarray, int], BinOperator]
"""source name, energies of its planes, their sums, planes beyond the bins → operator"""


@dataclass(frozen=True)
class Frame:
    """Pixels and bins of a component."""

    name: str
    geometry: HpxGeometry
    edges: np.ndarray
    """MeV, (bins + 1,)"""
    primary: Header
    header: Header
    path: Path


def read_frame(name: str, path: Path) -> Frame:
    """Pixels and bins of a source-map file. Raises InputError."""
    table = open_hpx(path, "SKYMAP")
    if table.edges is None:
        raise InputError("no HDU EBOUNDS", path, "EBOUNDS")
    return Frame(name, table.geometry, table.edges, table.primary, table.header, path)


def expand_energies(edges: np.ndarray, extra: int) -> np.ndarray:
    """``extra`` energies more at either end, in steps of the outer bins."""
    number = np.arange(1, extra + 1)
    low = edges[0] * (edges[0] / edges[1]) ** number[::-1]
    high = edges[-1] * (edges[-1] / edges[-2]) ** number
    return np.concatenate([low, edges, high])


def operators(
    migration: Migration | None, integration: str, undispersed: Collection[str], edges: np.ndarray
) -> OperatorMaker:
    """How sources' planes make counts in bins.

    ``migration`` None or a source among the ``undispersed``: no energy dispersion. ``integration``
    ``fermitools`` takes their trapezoids (which go without dispersion only), ``fine`` integrates on
    nodes between the planes; without ``migration`` these follow power laws of the maps alone.
    """
    sharp = (migration or _flat(edges)).undispersed()

    def make(name: str, energies: np.ndarray, sums: np.ndarray, extra: int) -> BinOperator:
        if migration is not None and name not in undispersed:
            return integral(migration, energies, sums, extra=extra, reach=REACH)
        if integration == FERMITOOLS:
            return trapezoid(energies, extra)
        return integral(sharp, energies, sums, extra=extra, reach=0)

    return make


def _flat(edges: np.ndarray) -> Migration:
    from latsky.fit.dispersion import true_energies

    nodes, widths = true_energies(edges)
    return Migration(edges, nodes, widths, np.zeros((len(edges) - 1, 0)), np.ones(len(nodes)))


@dataclass(frozen=True)
class _Map:
    name: str
    hdu: int
    planes: int
    sparse: bool


def _maps(file: FitsFile, names: Sequence[str], frame: Frame) -> list[_Map]:
    """Where the sources' maps are. Raises InputErrors: missing ones, other pixels, odd planes."""
    problems = Problems()
    headers = file.headers
    at = {str(h.get("EXTNAME", "")).strip().upper(): n for n, h in enumerate(headers)}
    bins = len(frame.edges) - 1
    found = []
    for name in names:
        number = at.get(name.upper())
        if number is None:
            problems.add("no source map of this name", frame.path, name)
            continue
        header = headers[number]
        geometry = problems.collect(lambda h=header: geometry_from_header(h, frame.path))
        if not isinstance(geometry, HpxGeometry):
            continue
        other = frame.geometry.difference(geometry)
        if other is not None:
            problems.add(f"{other[0]}: {other[1]} as in the counts", frame.path, name)
            continue
        sparse = "SPARSE" in (
            str(header.get("INDXSCHM", "")).strip(),
            str(header.get("HPX_CONV", "")).strip().rpartition("_")[2],
        )
        planes = int(header.get("N_ENERGY", bins + 1)) if sparse else int(header["TFIELDS"])
        if planes < bins + 1 or (planes - bins - 1) % 2:
            problems.add(f"{planes} planes for {bins} bins", frame.path, name)
            continue
        found.append(_Map(name, number, planes, sparse))
    problems.raise_any()
    return found


def load_component(
    frame: Frame,
    terms: Sequence[SourceTerm],
    make: OperatorMaker,
    work: Path,
    *,
    own: Collection[str] = (),
) -> ComponentData:
    """Read counts and source maps of a component.

    ``terms`` are the sources of the component's model, ``own`` names those whose spectrum is its
    own; ``work`` is the directory of the work file, which has no name and goes with the process.
    Raises InputErrors naming every source without a map.
    """
    cube = read_counts_cube(frame.path, dtype="f4")
    pixels = frame.geometry.npix
    with FitsFile(frame.path) as file:
        maps = _maps(file, [term.name for term in terms], frame)
        by_name = {term.name: term for term in terms}
        free = [each for each in maps if by_name[each.name].parameters]
        free = [m for m in free if not m.sparse] + [m for m in free if m.sparse]
        dense_rows = sum(each.planes for each in free if not each.sparse)
        store = _work_array(work, dense_rows, pixels)
        sources, entries, row = [], [], 0
        for each in free:
            if each.sparse:
                plane, pixel, value = _sparse(file, each, pixels, frame.path)
                sums = np.bincount(plane, value.astype("f8"), each.planes)
                entries.append((row + plane, pixel, value))
            else:
                values = open_hpx(frame.path, each.hdu).read(dtype="f4")
                sums = values.sum(axis=1, dtype="f8")
                store[row : row + each.planes] = values
            row += each.planes
            sources.append(SourceMaps(each.name, _operator(make, each, frame, sums), sums))
        fixed, fixed_counts = None, {}
        for each in maps:
            term = by_name[each.name]
            if term.parameters:
                continue
            if fixed is None:
                fixed = np.zeros((len(cube.counts), pixels))
            fixed_counts[each.name] = _add_fixed(fixed, file, each, frame, term, make)
    joined = [np.concatenate(parts) for parts in zip(*entries, strict=True)] if entries else None
    return ComponentData(
        frame.name,
        cube.counts,
        tuple(sources),
        store,
        SparseMaps(*joined)
        if joined
        else SparseMaps(*(np.zeros(0, t) for t in ("i8", "i8", "f4"))),
        None,
        None if fixed is None else fixed.astype("f4"),
        fixed_counts,
        tuple(by_name[name] for name in own if name in by_name),
    )


def _work_array(work: Path, rows: int, pixels: int) -> np.ndarray:
    """A float32 array (rows, pixels) in a nameless file."""
    if rows == 0:
        return np.zeros((0, pixels), "f4")
    with tempfile.TemporaryFile(dir=work) as file:
        file.truncate(rows * pixels * 4)
        return np.memmap(file, "f4", "r+", shape=(rows, pixels))


def _operator(make: OperatorMaker, each: _Map, frame: Frame, sums: np.ndarray) -> BinOperator:
    extra = (each.planes - len(frame.edges)) // 2
    return make(each.name, expand_energies(frame.edges, extra), sums, extra)


def _sparse(
    file: FitsFile, each: _Map, pixels: int, path: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Planes, pixels and values of a local source.

    Rows with a null pixel number are left out, as the Fermitools do: they write pixel 0 so.
    """
    table = file.table(each.hdu)
    plane, pixel = table["CHANNEL"].astype("i8"), table["PIX"].astype("i8")
    good = pixel > np.iinfo("i4").min
    plane, pixel, value = plane[good], pixel[good], table["VALUE"][good].astype("f4")
    if len(pixel) and (pixel.min() < 0 or pixel.max() >= pixels):
        raise InputError("a pixel outside of the sphere", path, each.name)
    if len(plane) and (plane.min() < 0 or plane.max() >= each.planes):
        raise InputError(f"a plane outside of 0 to {each.planes - 1}", path, each.name)
    return plane, pixel, value


def _add_fixed(
    fixed: np.ndarray,
    file: FitsFile,
    each: _Map,
    frame: Frame,
    term: SourceTerm,
    make: OperatorMaker,
) -> np.ndarray:
    """Add the model counts of a source to ``fixed`` (bins, pixels); its counts in the bins."""
    nothing = np.zeros(0)
    if each.sparse:
        plane, pixel, value = _sparse(file, each, fixed.shape[1], frame.path)
        sums = np.bincount(plane, value.astype("f8"), each.planes)
        operator = _operator(make, each, frame, sums)
        transfer = operator.transfer(term.spectrum(operator.nodes, nothing)[0])
        for k, factors in enumerate(transfer):
            used = factors[plane] != 0
            np.add.at(fixed[k], pixel[used], factors[plane[used]] * value[used])
        return transfer @ sums
    table = open_hpx(frame.path, each.hdu)
    values = table.read(dtype="f4")
    sums = values.sum(axis=1, dtype="f8")
    operator = _operator(make, each, frame, sums)
    transfer = operator.transfer(term.spectrum(operator.nodes, nothing)[0])
    for k, factors in enumerate(transfer):
        for j in np.flatnonzero(factors):
            fixed[k] += factors[j] * values[j]
    return transfer @ sums
