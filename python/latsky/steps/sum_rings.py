"""``latsky-step sum-rings``: add map cubes, such as gas rings, to one template.

Intensities add plane by plane. Inputs are HEALPix map cubes in the layouts of GALPROP (SKYMAP2,
``Bin0`` …, COORDTYPE or COORDSYS) or of the Fermitools, gzipped or not; all need the same
pixelisation, frame and energies. The sum is in the Fermitools' layout: SKYMAP with columns
``ENERGYn`` and COORDSYS, and ENERGIES.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from latsky.embedded.parameters import expand_list
from latsky.errors import InputError, Problems
from latsky.fits import dates
from latsky.fits.core import Header
from latsky.fits.hpx import HpxTable, open_energy_cube, write_template


def check(maps: Sequence[HpxTable]) -> None:
    """Raise InputErrors with every reason why the maps cannot be added."""
    problems = Problems()
    first = maps[0]
    assert first.energies is not None
    for other in maps[1:]:
        as_in = f", as in {first.path.name}"
        odd = first.geometry.difference(other.geometry)
        if odd is not None:
            problems.add(odd[1] + as_in, other.path, odd[0])
        assert other.energies is not None
        if len(other.energies) != len(first.energies):
            message = f"{len(other.energies)} energies, but {len(first.energies)} are expected"
            problems.add(message + as_in, other.path, "ENERGIES")
        elif not np.allclose(other.energies, first.energies, rtol=1e-6, atol=0.0):
            at = int(np.argmax(np.abs(other.energies / first.energies - 1.0)))
            message = f"{other.energies[at]:g} MeV, but {first.energies[at]:g} MeV is expected"
            problems.add(message + as_in, other.path, "ENERGIES")
        if _unit(other) != _unit(first):
            message = f"unit {_unit(other)!r}, but {_unit(first)!r} is expected"
            problems.add(message + as_in, other.path, "TUNIT1")
    problems.raise_any()


def _unit(table: HpxTable) -> str:
    return table.columns[0].unit if table.columns else ""


def sum_rings(files: Sequence[Path], output: Path, *, clobber: bool = True) -> None:
    """Write the sum of map cubes.

    Sums are of double precision and written in that of the inputs. Raises InputErrors when maps do
    not fit each other, InputError for a pixel that is not a number.
    """
    maps = Problems().each(open_energy_cube, files)
    check(maps)
    first = maps[0]
    total = np.zeros((first.n_planes, first.geometry.npix))
    for table in maps:
        table.add_to(total)
        # a number that is not finite stays so in the sum: it is this map's
        bad = ~np.isfinite(total.sum(axis=1))
        if bad.any():
            plane = int(np.argmax(bad))
            raise InputError(
                f"plane {plane}: a pixel is not finite", file=table.path, key=table.name
            )
    primary = Header([("FILENAME", output.name, "name of this file")])
    primary.append("CREATOR", dates.creator("sum-rings"), "software and version")
    for number, table in enumerate(maps):
        primary.append("HISTORY", f"{'   and' if number else 'sum of'} {table.path.name}")
    assert first.energies is not None
    write_template(
        output,
        first.geometry,
        first.energies,
        total,
        primary=primary,
        dtype="f8" if any(table.dtype.itemsize > 4 for table in maps) else "f4",
        unit=_unit(first),
        clobber=clobber,
    )


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and add the maps."""
    parser = argparse.ArgumentParser(prog="latsky-step sum-rings", description=__doc__)
    parser.add_argument("--output", "-o", type=Path, required=True, help="file to write")
    parser.add_argument("--no-clobber", action="store_true", help="keep an existing output file")
    parser.add_argument("files", nargs="+", help="map cubes, or @list")
    options = parser.parse_args(arguments)
    files = [path for name in options.files for path in expand_list(name, "files")]
    sum_rings(files, options.output, clobber=not options.no_clobber)
    return 0
