"""gtltsum: the sum of livetime cubes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from latsky.embedded.parameters import Command, Parameter, expand_list, is_none
from latsky.errors import InputError
from latsky.fits import gti
from latsky.fits.core import FitsWriter
from latsky.fits.livetime import LivetimeCube, put_livetime_cube, read_livetime_cube


def _need_same(first: LivetimeCube, other: LivetimeCube, path: Path, reference: Path) -> None:
    """Raise InputError naming the keyword in which two cubes differ."""
    odd = first.geometry.difference(other.geometry)
    if odd is None:
        for key, mine, its in (
            ("NBRBINS", first.bins.n_theta, other.bins.n_theta),
            ("PHIBINS", first.bins.n_phi, other.bins.n_phi),
            ("COSMIN", first.bins.cos_min, other.bins.cos_min),
            ("THETABIN", first.bins.square_root, other.bins.square_root),
            ("ZENMAX", first.zenith, other.zenith),
            (
                "WEIGHTED_EXPOSURE",
                first.weighted_values is not None,
                other.weighted_values is not None,
            ),
        ):
            if mine != its:
                odd = key, f"{its}, but {mine} is expected"
                break
    if odd is not None:
        raise InputError(f"{odd[1]} as in {reference}", file=path, key=odd[0])


def sum_livetime_cubes(paths: Sequence[Path], table: str = "EXPOSURE") -> LivetimeCube:
    """The sum of livetime cubes, with their good time together.

    One cube is read at a time; sums are in double precision. Raises InputError when cubes differ in
    pixels, bins or zenith cut, or share good time, which would count twice.
    """
    first = read_livetime_cube(paths[0], table)
    total = first.values.astype("f8")
    weighted = None if first.weighted_values is None else first.weighted_values.astype("f8")
    intervals, tstart, tstop = [first.intervals], first.tstart, first.tstop
    for path in paths[1:]:
        cube = read_livetime_cube(path, table)
        _need_same(first, cube, path, paths[0])
        total += cube.values
        if weighted is not None:
            weighted += cube.weighted_values
        intervals.append(cube.intervals)
        tstart, tstop = min(tstart, cube.tstart), max(tstop, cube.tstop)
    shared = gti.overlap(intervals)
    if shared is not None:
        one, other, times = shared
        raise InputError(
            f"shares {gti.total(times):.3f} s of good time, from MET {times[0, 0]:.3f}, "
            f"with {paths[one]}",
            file=paths[other],
            key="GTI",
        )
    return replace(
        first,
        values=total.astype("f4"),
        weighted_values=None if weighted is None else weighted.astype(np.float32),
        intervals=gti.merge(*intervals),
        tstart=tstart,
        tstop=tstop,
    )


def run(values: SimpleNamespace) -> None:
    """Run the command."""
    paths = expand_list(values.infile1, "infile1")
    if not is_none(values.infile2):
        paths += expand_list(values.infile2, "infile2")
    with FitsWriter(values.outfile, clobber=values.clobber) as writer:
        put_livetime_cube(writer, sum_livetime_cubes(paths, values.table), "gtltsum")


COMMAND = Command(
    "gtltsum",
    "the sum of livetime cubes",
    (
        Parameter("infile1", "file", ..., "livetime cube or @list"),
        Parameter("infile2", "file", "none", "second livetime cube"),
        Parameter("table", "string", "EXPOSURE", "HDU of the livetimes"),
        Parameter("table2", "string", "WEIGHTED_EXPOSURE", "HDU of the weighted livetimes"),
        Parameter("outfile", "file", ..., "livetime cube to write"),
    ),
    run,
)
