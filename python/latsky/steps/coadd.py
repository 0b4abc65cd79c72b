"""``latsky-step coadd``: add counts cubes of different times, and join their good time.

HEALPix cubes (whole sky or a part, which is expanded) and WCS cubes or maps. What must agree is
checked first, over all files: pixelisation, energy bins, selection (DSS keywords but for times);
files whose good time overlaps would count events twice and are refused.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from latsky.embedded.parameters import expand_list
from latsky.errors import InputError, Problems
from latsky.fits import dates, dss, gti
from latsky.fits.core import FitsFile, FitsWriter, Header, Table
from latsky.fits.hpx import HpxTable, copy_table, open_hpx, write_skymap

WCS_KEYS = tuple(
    f"{stem}{axis}" for axis in (1, 2) for stem in ("CTYPE", "CRPIX", "CRVAL", "CDELT", "CROTA")
)
ENERGY_HDUS = ("EBOUNDS", "ENERGIES")


@dataclass(frozen=True)
class CountsFile:
    """What is known of a counts cube before it is added."""

    path: Path
    primary: Header
    hpx: HpxTable | None
    """None for a WCS image in the primary HDU"""
    energies: Table | None
    cuts: tuple[dss.Cut, ...]
    good_time: gti.GoodTime

    @property
    def header(self) -> Header:
        """Header of the HDU that holds the counts."""
        return self.primary if self.hpx is None else self.hpx.header

    @property
    def span(self) -> tuple[float, float]:
        """Start and stop of the observation, MET."""
        starts, stops = [], []
        for header in (self.primary, self.header, self.good_time.header):
            starts += [float(header["TSTART"])] if header.get("TSTART") is not None else []
            stops += [float(header["TSTOP"])] if header.get("TSTOP") is not None else []
        good = self.good_time.intervals
        if len(good):
            starts.append(float(good[0, 0]))
            stops.append(float(good[-1, 1]))
        return (min(starts), max(stops)) if starts and stops else (0.0, 0.0)


def describe(path: Path) -> CountsFile:
    """Headers and small tables of a counts cube. Raises InputError."""
    with FitsFile(path) as file:
        primary = file.header(0)
        energies = next((file.table(name) for name in ENERGY_HDUS if name in file), None)
        image = int(primary.get("NAXIS", 0)) >= 2
        if "GTI" not in file:
            raise InputError("no HDU GTI: not a counts cube", file=path, key="GTI")
        good_time = gti.read(file)
    hpx = None if image else open_hpx(path)
    cuts = dss.read(primary, path) or (() if hpx is None else dss.read(hpx.header, path))
    return CountsFile(path, primary, hpx, energies, cuts, good_time)


def mismatches(first: CountsFile, other: CountsFile) -> list[InputError]:
    """What keeps ``other`` from being added to ``first``."""
    found: list[InputError] = []

    def add(key: str, message: str) -> None:
        found.append(InputError(f"{message}, as in {first.path.name}", other.path, key))

    if (first.hpx is None) != (other.hpx is None):
        add("PIXTYPE", "one is a HEALPix cube and the other an image: the same kind is expected")
        return found
    if first.hpx is not None and other.hpx is not None:
        odd = first.hpx.geometry.difference(other.hpx.geometry)
        if odd is not None:
            add(*odd)
        if first.hpx.n_planes != other.hpx.n_planes:
            add(other.hpx.name, f"{other.hpx.n_planes} bins, {first.hpx.n_planes} are expected")
    else:
        axes = int(first.primary["NAXIS"])
        for key in ("NAXIS", *(f"NAXIS{n}" for n in range(1, axes + 1)), *WCS_KEYS):
            mine, its = first.primary.get(key), other.primary.get(key)
            if not _same(mine, its):
                add(key, f"{its}, but {mine} is expected")
    key = _same_bins(first.energies, other.energies)
    if key is not None:
        add(key, "other energies are expected")
    if not dss.same_but_times(first.cuts, other.cuts):
        add("NDSKEYS", f"another selection ({dss.difference(first.cuts, other.cuts)})")
    return found


def _same(one: object, other: object) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= 1e-9 * max(1.0, abs(one))
    return one == other


def _same_bins(one: Table | None, other: Table | None) -> str | None:
    """The HDU or column whose energies differ (more than single precision does), or None."""
    if one is None or other is None:
        return None if one is other else "EBOUNDS"
    if one.header.get("EXTNAME") != other.header.get("EXTNAME") or len(one) != len(other):
        return "EBOUNDS"
    for name in one.names:
        if name.upper() != "CHANNEL" and not np.allclose(one[name], other[name], 1e-6, 0.0):
            return name
    return None


def check(cubes: Sequence[CountsFile]) -> None:
    """Raise InputErrors with every reason why the cubes cannot be added."""
    problems = Problems()
    for other in cubes[1:]:
        problems.found += mismatches(cubes[0], other)
    shared = gti.overlap([cube.good_time.intervals for cube in cubes])
    if shared is not None:
        one, other, times = shared
        problems.add(
            f"overlaps in time with {cubes[one].path.name} (MET {times[0, 0]} to {times[0, 1]}): "
            "events would count twice",
            file=cubes[other].path,
            key="GTI",
        )
    problems.raise_any()


def coadd(files: Sequence[Path], output: Path, *, clobber: bool = True) -> float:
    """Write the sum of counts cubes; the number of counts in it.

    Sums are of double precision and so exact for whole numbers. At no time is more than the sum
    and a few rows of a file in memory (of WCS images: one image). Raises InputErrors.
    """
    cubes = Problems().each(describe, files)
    check(cubes)
    first = cubes[0]
    intervals = gti.merge(*(cube.good_time.intervals for cube in cubes))
    tstart = min(cube.span[0] for cube in cubes)
    tstop = max(cube.span[1] for cube in cubes)

    def joined(headers: Sequence[Header]) -> Header:
        header = headers[0].without_structure()
        dates.date_keywords(header, tstart, tstop)
        header.set("CREATOR", dates.creator("coadd"))
        for key in ("EXPOSURE", "LIVETIME"):
            if all(isinstance(each.get(key), int | float) for each in headers):
                header.set(key, float(sum(each[key] for each in headers)))
            else:
                header.remove(key)
        for key, value in (("ONTIME", gti.total(intervals)), ("TELAPSE", tstop - tstart)):
            if key in header:
                header.set(key, value)
        return header

    primary = joined([cube.primary for cube in cubes])
    primary.set("FILENAME", output.name)
    primary.remove("HISTORY")
    for number, cube in enumerate(cubes):
        primary.append("HISTORY", f"{'   and' if number else 'sum of'} {cube.path.name}")
    dss.write(primary, first.cuts)
    with FitsWriter(output, clobber=clobber) as writer:
        total = _added(cubes)
        if first.hpx is None:
            writer.primary(primary, total)
        else:
            writer.primary(primary)
            header = joined([cube.header for cube in cubes])
            header.remove("HISTORY")
            header.remove_matching(r"(TTYPE|TFORM|TUNIT|TNULL|TDISP|TDIM)\d+")
            write_skymap(
                writer, "SKYMAP", first.hpx.geometry, total, header=dss.write(header, first.cuts)
            )
        if first.energies is not None:
            energies = first.energies.header.copy()
            if "DATE-OBS" in energies:
                dates.date_keywords(energies, tstart, tstop)
            copy_table(writer, replace(first.energies, header=energies))
        header = joined([cube.good_time.header for cube in cubes])
        header.remove("HISTORY")
        gti.write(writer, intervals, header)
    return float(total.sum())


def _added(cubes: Sequence[CountsFile]) -> np.ndarray:
    first = cubes[0]
    if first.hpx is not None:
        total = np.zeros((first.hpx.n_planes, first.hpx.geometry.npix))
        for cube in cubes:
            assert cube.hpx is not None
            cube.hpx.add_to(total)
        return total
    total, whole = np.zeros(()), True
    for cube in cubes:
        with FitsFile(cube.path) as file:
            values = file.image(0)
        whole &= values.dtype.kind in "iu"
        total = total + values if total.ndim == 0 else np.add(total, values, out=total)
    if not whole:
        return total
    return total.astype("i4" if np.abs(total).max(initial=0) <= np.iinfo("i4").max else "i8")


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and add the cubes."""
    parser = argparse.ArgumentParser(prog="latsky-step coadd", description=__doc__)
    parser.add_argument("--output", "-o", type=Path, required=True, help="file to write")
    parser.add_argument("--no-clobber", action="store_true", help="keep an existing output file")
    parser.add_argument("files", nargs="+", help="counts cubes, or @list")
    options = parser.parse_args(arguments)
    files = [path for name in options.files for path in expand_list(name, "files")]
    counts = coadd(files, options.output, clobber=not options.no_clobber)
    print(f"{options.output.name}: {len(files)} cubes, {counts:.0f} counts")
    return 0
