"""``latsky-step stack``: join the energy planes of a source map that were made in groups."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latsky.embedded.parameters import expand_list
from latsky.errors import InputError, Problems
from latsky.fits import dates, dss
from latsky.fits.core import FitsFile, FitsWriter, Header
from latsky.fits.hpx import HpxTable, open_hpx
from latsky.fits.srcmaps import open_source_map, source_names, write_joined

SAME_ENERGY = 1e-4
"""relative difference of energies that is rounding (EBOUNDS is in single precision)"""


@dataclass(frozen=True)
class Part:
    """A partial file: the map and the planes of the counts cube's edges it holds."""

    table: HpxTable
    planes: tuple[int, ...]


def stack(
    files: Sequence[Path],
    counts_cube: Path,
    output: Path,
    *,
    source: str | None = None,
    clobber: bool = True,
) -> int:
    """Write the source map of all energy planes from partial files in order; the number of planes.

    ``source`` None takes the one source that the files hold. The output has the layout of
    gtsrcmaps: the map (float32), EBOUNDS and GTI of the counts cube, and its keywords.

    Raises InputErrors naming the files where a plane is missing, there twice or out of order, or
    where files do not belong together.
    """
    cube = open_hpx(counts_cube, "SKYMAP")
    if cube.edges is None:
        raise InputError("no HDU EBOUNDS", file=counts_cube, key="EBOUNDS")
    if not files:
        raise InputError("no files to stack", key="files")
    name = source or _only_source(files[0])
    problems = Problems()
    parts = problems.each(lambda path: _part(path, name, cube, counts_cube), files)
    _check_planes(parts, cube.edges, problems)
    sparse = {part.table.sparse for part in parts}
    if len(sparse) > 1:
        odd = next(part for part in parts if part.table.sparse != parts[0].table.sparse)
        problems.add("some parts are sparse, others are not", odd.table.path, name)
    problems.raise_any()
    header = source_header(cube, "stack", output)
    versions = [c for c in dss.read(parts[0].table.primary) if isinstance(c, dss.Version)]
    cuts = dss.read(cube.primary, counts_cube) or dss.read(cube.header, counts_cube)
    known = {cut.name for cut in cuts if isinstance(cut, dss.Version)}
    dss.write(header, (*cuts, *(v for v in versions if v.name not in known)))
    with FitsWriter(output, clobber=clobber) as writer, FitsFile(counts_cube) as file:
        writer.primary(header)
        write_joined(writer, name, cube.geometry, [part.table for part in parts])
        for hdu in ("EBOUNDS", "GTI"):
            if hdu in file:
                writer.copy(file, hdu)
    return sum(len(part.planes) for part in parts)


def source_header(cube: HpxTable, tool: str, output: Path) -> Header:
    """The primary header of a counts cube as that of a source-map file."""
    header = cube.primary.without_structure()
    header.remove("HISTORY", "COMMENT", "DATE")
    header.set("FILENAME", output.name)
    header.set("CREATOR", dates.creator(tool))
    stop = cube.header.get("TSTOP", cube.primary.get("TSTOP"))
    header.set("DATE", dates.creation_date(None if stop is None else float(stop)))
    return header


def _only_source(path: Path) -> str:
    names = source_names(path)
    if len(names) != 1:
        raise InputError(
            f"{len(names)} source maps ({', '.join(names)}): name one with --source", file=path
        )
    return names[0]


def _part(path: Path, name: str, cube: HpxTable, counts_cube: Path) -> Part:
    table = open_source_map(path, name)
    other = cube.geometry.difference(table.geometry)
    if other is not None:
        raise InputError(f"{other[1]} as in {counts_cube.name}", file=path, key=other[0])
    if not table.sparse and (table.index is not None or table.wrapped):
        raise InputError("not a row a pixel over the whole sky", file=path, key=name)
    if table.energies is None or len(table.energies) != table.n_planes:
        count = 0 if table.energies is None else len(table.energies)
        raise InputError(
            f"{count} energies, but {table.n_planes} planes", file=path, key="ENERGIES"
        )
    assert cube.edges is not None
    planes = []
    for energy in table.energies:
        at = int(np.abs(np.log(cube.edges / energy)).argmin())
        if abs(cube.edges[at] / energy - 1) > SAME_ENERGY:
            raise InputError(
                f"{energy:.6g} MeV is no bin edge of {counts_cube.name}", file=path, key="ENERGIES"
            )
        planes.append(at)
    return Part(table, tuple(planes))


def _check_planes(parts: Sequence[Part], edges: np.ndarray, problems: Problems) -> None:
    """Each plane once and in rising order, or problems that name the files."""
    holders: dict[int, list[str]] = {}
    before: tuple[int, str] | None = None
    for part in parts:
        for plane in part.planes:
            holders.setdefault(plane, []).append(part.table.path.name)
            if before is not None and plane < before[0]:
                problems.add(
                    f"plane {plane} ({edges[plane]:.6g} MeV) comes after plane {before[0]} of "
                    f"{before[1]}",
                    part.table.path,
                    "ENERGIES",
                )
            before = plane, part.table.path.name
    for plane, files in sorted(holders.items()):
        if len(files) > 1:
            problems.add(
                f"plane {plane} ({edges[plane]:.6g} MeV) is there {len(files)} times: "
                f"{', '.join(files)}",
                key="files",
            )
    missing = [plane for plane in range(len(edges)) if plane not in holders]
    if missing:
        energies = ", ".join(f"{plane} ({edges[plane]:.6g} MeV)" for plane in missing)
        names = ", ".join(part.table.path.name for part in parts)
        problems.add(f"missing of {len(edges)} planes: {energies}; given are {names}", key="files")


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and stack."""
    parser = argparse.ArgumentParser(prog="latsky-step stack", description=__doc__)
    parser.add_argument("--output", "-o", type=Path, required=True, help="file to write (.gz: yes)")
    parser.add_argument("--counts-cube", type=Path, required=True, help="counts cube of the maps")
    parser.add_argument("--source", help="name of the source (default: the only one)")
    parser.add_argument("--no-clobber", action="store_true", help="keep an existing output file")
    parser.add_argument("files", nargs="+", help="partial source maps by rising energy, or @list")
    options = parser.parse_args(arguments)
    files = [path for name in options.files for path in expand_list(name, "files")]
    planes = stack(
        files,
        options.counts_cube,
        options.output,
        source=options.source,
        clobber=not options.no_clobber,
    )
    print(f"{options.output.name}: {planes} planes of {len(files)} files")
    return 0
