"""Source-map files as the likelihood wants them.

Whole-sky maps of sources with free parameters go to a work file as float32 that is mapped into
memory: the operating system keeps what fits. Local sources stay lists of entries. Sources of which
only the normalisation is free are integrated over the bins once: one row a bin. Those without free
parameters are added up once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latsky.errors import InputError, Problems
from latsky.fit.likelihood import (
    NO_ENTRIES,
    ComponentData,
    SourceMaps,
    SourceTerm,
    SparseMaps,
    places,
    put_row,
    store_shape,
)
from latsky.fit.operators import BinOperator, Migration, integral, trapezoid
from latsky.fits.core import FitsFile, Header
from latsky.fits.hpx import HpxGeometry, geometry_from_header, open_hpx, read_counts_cube
from latsky.fits.srcmaps import expand_energies

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
        norms = {m.name for m in free if _is_norm(by_name[m.name], frame.edges)}
        planes = [len(cube.counts) if m.name in norms else m.planes for m in free]
        place = places([n for m, n in zip(free, planes, strict=True) if not m.sparse])
        store = work_array(work, len(place), pixels)
        sources, entries, row = [], [], 0
        for each, number in zip(free, planes, strict=True):
            pixel, values = _read(file, each, pixels, frame.path)
            sums = values.sum(axis=1, dtype="f8")
            operator = _operator(make, each, frame, sums)
            if each.name in norms:
                operator, transfer = integrated(operator, by_name[each.name])
                values = np.array([part.astype("f4") for part in bin_counts(transfer, values)])
                sums = values.sum(axis=1, dtype="f8")
            if each.sparse:
                used = np.nonzero(values)
                entries.append((row + used[0], pixel[used[1]], values[used]))
            else:
                for at, value in zip(place[row : row + number], values, strict=True):
                    put_row(store, at, value)
            row += number
            sources.append(SourceMaps(each.name, operator, sums))
        fixed, fixed_counts = None, {}
        for each in maps:
            term = by_name[each.name]
            if term.parameters:
                continue
            if fixed is None:
                fixed = np.zeros((len(cube.counts), pixels))
            pixel, values = _read(file, each, pixels, frame.path)
            sums = values.sum(axis=1, dtype="f8")
            operator = _operator(make, each, frame, sums)
            transfer = operator.transfer(term.spectrum(operator.nodes, np.zeros(0))[0])
            for total, part in zip(fixed, bin_counts(transfer, values), strict=True):
                total[pixel] += part
            fixed_counts[each.name] = transfer @ sums
    return ComponentData(
        frame.name,
        cube.counts,
        tuple(sources),
        store,
        SparseMaps(*map(np.concatenate, zip(*entries, strict=True))) if entries else NO_ENTRIES,
        None,
        None if fixed is None else fixed.astype("f4"),
        fixed_counts,
        tuple(by_name[name] for name in own if name in by_name),
    )


def work_array(work: Path, rows: int, pixels: int) -> np.ndarray:
    """A store of maps for so many rows, in a nameless file below ``work``."""
    shape = store_shape(rows, pixels)
    if rows == 0:
        return np.zeros(shape, "f4")
    with tempfile.TemporaryFile(dir=work) as file:
        file.truncate(4 * int(np.prod(shape)))
        return np.memmap(file, "f4", "r+", shape=shape)


def _operator(make: OperatorMaker, each: _Map, frame: Frame, sums: np.ndarray) -> BinOperator:
    extra = (each.planes - len(frame.edges)) // 2
    return make(each.name, expand_energies(frame.edges, extra), sums, extra)


def _is_norm(term: SourceTerm, energies: np.ndarray) -> bool:
    """Whether the spectrum is its one free parameter times a function of energy."""
    if len(term.parameters) != 1:
        return False
    value, slope = term.spectrum(energies, np.array([1.0]))
    twice, same = term.spectrum(energies, np.array([2.0]))
    return np.allclose([value, same[0], twice / 2], slope[0], rtol=1e-12, atol=0) and slope.any()


def integrated(operator: BinOperator, term: SourceTerm) -> tuple[BinOperator, np.ndarray]:
    """For a source with a free normalisation: the operator of maps integrated over the bins.

    These are T (bins, planes), which is returned too, times the planes, for a normalisation of one;
    the spectrum at one energy then tells by how much they are to be scaled.
    """
    unit, _ = term.spectrum(operator.nodes, np.array([1.0]))
    node, bins = int(np.argmax(np.abs(unit))), np.arange(operator.shape[0])
    scale = np.full((len(bins), 1), 1 / unit[node])
    shape = (len(bins), len(bins))
    scaled = BinOperator(operator.nodes[node : node + 1], scale, bins, bins, shape)
    return scaled, operator.transfer(unit)


def bin_counts(transfer: np.ndarray, values: np.ndarray) -> Iterator[np.ndarray]:
    """Each bin of ``transfer`` (bins, planes) × ``values`` (planes, pixels), in float64."""
    for factors in transfer:
        total = np.zeros(values.shape[1])
        for plane in np.flatnonzero(factors):
            total += factors[plane] * values[plane]
        yield total


def _read(
    file: FitsFile, each: _Map, pixels: int, path: Path
) -> tuple[np.ndarray | slice, np.ndarray]:
    """Pixels of a source's map, and its planes there (planes, n) float32."""
    if not each.sparse:
        return slice(None), open_hpx(path, each.hdu).read(dtype="f4")
    plane, pixel, value = _sparse(file, each, pixels, path)
    found, where = np.unique(pixel, return_inverse=True)
    values = np.zeros((each.planes, len(found)), "f4")
    np.add.at(values, (plane, where), value)
    return found, values


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
