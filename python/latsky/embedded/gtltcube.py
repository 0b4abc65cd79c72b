"""gtltcube: livetime against sky position and angle from the LAT's axis."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from latsky.embedded.parameters import Command, Parameter, expand_list, is_none
from latsky.errors import InputError
from latsky.fits import dss, gti, spacecraft
from latsky.fits.core import FitsFile, FitsWriter
from latsky.fits.hpx import HpxGeometry
from latsky.fits.livetime import AngleBins, LivetimeCube, nside_for, put_livetime_cube

_COLUMNS = ("START", "STOP", "LIVETIME", "RA_SCZ", "DEC_SCZ", "RA_ZENITH", "DEC_ZENITH")
_X_COLUMNS = ("RA_SCX", "DEC_SCX")
_BLOCK_ORDERS = 3
"""a block is this many orders coarser than a pixel: 64 pixels, whose sums fit a 64 kB cache"""
_CHUNK = 1 << 15
"""rows of spacecraft data that are read and added at a time"""
_EDGE = 60.0
"""s; good time may lie this far outside of the spacecraft data (two of its rows)"""
_SAME_ROW = 1e-3
"""s; a row that begins earlier than this before the end of the last repeats one"""


@dataclass(frozen=True)
class Pointings:
    """Rows of spacecraft data with good time in them: directions in degrees, times in seconds."""

    axis: tuple[np.ndarray, np.ndarray]
    x_axis: tuple[np.ndarray, np.ndarray] | None
    zenith: tuple[np.ndarray, np.ndarray]
    weight: np.ndarray
    """(n, 2): livetime in good time, and the same times the livetime fraction of the row"""

    def __len__(self) -> int:
        return len(self.weight)


def good_time(
    event_files: Sequence[Path], table: str = "EVENTS", tmin: float = 0.0, tmax: float = 0.0
) -> np.ndarray:
    """Good time intervals of event files, or ``tmin`` to ``tmax`` without any.

    Raises InputError when there is none.
    """
    if not event_files:
        if not tmax > tmin:
            raise InputError(
                "without evfile, tmin and tmax must be given (tmin < tmax)", key="tmin"
            )
        return np.array([[tmin, tmax]])
    found = []
    for path in event_files:
        with FitsFile(path) as file:
            file.index(table)
            found.append(gti.read(file).intervals)
    return gti.merge(*found)


def pointings(
    files: Sequence[Path], intervals: np.ndarray, table: str = "SC_DATA", *, with_x: bool = False
) -> Iterator[Pointings]:
    """Rows of spacecraft files that share time with ``intervals``, a chunk at a time.

    Files are taken in the order of their first row; rows that an earlier file held already are
    passed over. Raises InputError when a column is missing, a row runs backwards, or good time lies
    outside of the files.
    """
    names = (*_COLUMNS, *_X_COLUMNS) if with_x else _COLUMNS
    described = [spacecraft.describe(path, table, names) for path in files]
    for file in described:
        _need_degrees(file)
    described.sort(key=_first_start)
    first, reach = math.inf, -math.inf
    for file in described:
        for rows in spacecraft.chunks(file, _CHUNK, since=float(intervals[0, 0])):
            start, stop = spacecraft.spans(file, rows).T
            if np.any(stop < start):
                raise InputError("a row ends before it starts", file=file.path, key="STOP")
            before = np.maximum.accumulate(np.concatenate([[reach], stop]))
            new = (start >= before[:-1] - _SAME_ROW) & (stop > start)
            first, reach = min(first, float(start.min())), float(before[-1])
            good = np.zeros(len(start))
            good[new] = gti.overlap_lengths(intervals, start[new], stop[new])
            chosen = np.flatnonzero(good > 0)
            if len(chosen):
                length = (stop - start)[chosen]
                yield _pointings(file, rows[chosen], length, good[chosen], with_x=with_x)
            if float(start[-1]) > intervals[-1, 1]:
                break
    outside = gti.subtract(intervals, np.array([[first, reach]]) if reach > first else gti.EMPTY)
    if gti.total(outside) > _EDGE:
        covered = f"cover MET {first:.0f} to {reach:.0f}" if reach > first else "have no rows"
        raise InputError(
            f"the spacecraft data {covered}: {gti.total(outside):.0f} s of the good time "
            f"(MET {intervals[0, 0]:.0f} to {intervals[-1, 1]:.0f}) are outside",
            file=described[0].path,
            key="scfile",
        )


def _first_start(file: spacecraft.SpacecraftFile) -> float:
    rows = next(spacecraft.chunks(file, 1), None)
    return math.inf if rows is None else float(spacecraft.spans(file, rows)[0, 0])


def _need_degrees(file: spacecraft.SpacecraftFile) -> None:
    for column in file.columns:
        name, unit = column.name.upper(), column.unit.lower()
        angle = name in (*_COLUMNS[3:], *_X_COLUMNS)
        if angle and unit and not unit.startswith("deg"):
            raise InputError(f"unit {column.unit!r} is not degrees", file=file.path, key=name)


def _pointings(
    file: spacecraft.SpacecraftFile,
    rows: np.ndarray,
    length: np.ndarray,
    good: np.ndarray,
    *,
    with_x: bool,
) -> Pointings:
    def pair(which: str) -> tuple[np.ndarray, np.ndarray]:
        ra, dec = (file.values(f"{name}_{which}", rows).astype("f8") for name in ("RA", "DEC"))
        return ra, dec

    livetime = file.values("LIVETIME", rows).astype("f8")
    within = livetime * np.minimum(good / length, 1.0)
    return Pointings(
        pair("SCZ"),
        pair("SCX") if with_x else None,
        pair("ZENITH"),
        np.stack([within, within * (livetime / length)], axis=-1),
    )


def _threads() -> int:
    """Threads to use: OMP_NUM_THREADS, which the workflow sets from the job's cores; else one."""
    text = os.environ.get("OMP_NUM_THREADS", "1")
    return max(1, int(text)) if text.isdigit() else 1


def accumulate(
    rows: Iterator[Pointings],
    geometry: HpxGeometry,
    bins: AngleBins,
    zmin: float = 0.0,
    zmax: float = 180.0,
) -> np.ndarray:
    """Sum livetimes in double precision: (npix, n_theta, 2), or (npix, n_phi, n_theta, 2).

    The last axis is livetime and weighted livetime. A pixel counts where its centre's zenith angle
    is between ``zmin`` and ``zmax`` degrees. ``geometry`` must be nested, ``bins`` equal in
    sqrt(1 - cos(theta)) down to the horizon.
    """
    from latsky.embedded.compiled import prepare

    prepare()
    from latsky.embedded import livetime_kernel as kernel

    block_geometry = HpxGeometry(max(geometry.nside >> _BLOCK_ORDERS, 1), True, geometry.coordsys)
    pixels = geometry.base.pix2vec(np.arange(geometry.npix))
    blocks = block_geometry.base.pix2vec(np.arange(block_geometry.npix))
    inner = np.einsum("bpi,bi->bp", pixels.reshape(len(blocks), -1, 3), blocks)
    cosine = inner.min(axis=1) - kernel.TOLERANCE
    radius = np.stack([cosine, np.sqrt(1 - cosine**2)])
    pixels, blocks = np.ascontiguousarray(pixels.T), np.ascontiguousarray(blocks.T)
    zenith_low = math.cos(zmax * math.pi / 180) if zmax < 180 else -2.0
    zenith_high = math.cos(zmin * math.pi / 180) if zmin > 0 else 2.0
    shape = (bins.n_phi, bins.n_theta) if bins.n_phi else (bins.n_theta,)
    out = np.zeros((geometry.npix, *shape, 2))
    threads = min(_threads(), blocks.shape[1])
    limits = np.linspace(0, blocks.shape[1], threads + 1).astype(int)
    for chunk in rows:
        axis = kernel.unit_vectors(*chunk.axis)
        zenith = kernel.unit_vectors(*chunk.zenith)
        add = kernel.add_theta
        if bins.n_phi:
            axis = kernel.instrument_axes(axis, kernel.unit_vectors(*chunk.x_axis))
            add = kernel.add_theta_phi
        fixed = (pixels, blocks, radius, axis, zenith, chunk.weight, zenith_low, zenith_high, out)
        _run_blocks(add, limits, fixed)
    return out


def _run_blocks(add, limits: np.ndarray, fixed: tuple) -> None:
    if len(limits) == 2:
        add(limits[0], limits[1], *fixed)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(limits) - 1) as pool:
        jobs = [pool.submit(add, a, b, *fixed) for a, b in pairwise(limits)]
        for job in jobs:
            job.result()


def make_livetime_cube(
    spacecraft_files: Sequence[Path],
    intervals: np.ndarray,
    *,
    dcostheta: float = 0.025,
    pixel_size: float = 1.0,
    phi_bins: int = 0,
    zmin: float = 0.0,
    zmax: float = 180.0,
    table: str = "SC_DATA",
) -> LivetimeCube:
    """Livetime cube of the good time ``intervals`` (normalised, MET s).

    Each row of the spacecraft data counts with its pointing at START and its livetime times the
    part of the row that is good time. Angles in degrees. Raises InputError.
    """
    geometry = HpxGeometry(nside_for(pixel_size), True, "CEL")
    bins = AngleBins(int(1.0 / dcostheta), phi_bins)
    rows = pointings(spacecraft_files, intervals, table, with_x=phi_bins > 0)
    sums = accumulate(rows, geometry, bins, zmin, zmax)
    if phi_bins:
        sums = np.concatenate([sums.sum(axis=1, keepdims=True), sums], axis=1)
    flat = sums.reshape(geometry.npix, bins.size, 2)
    return LivetimeCube(
        geometry,
        bins,
        flat[..., 0].astype("f4"),
        flat[..., 1].astype("f4"),
        intervals,
        float(intervals[0, 0]),
        float(intervals[-1, 1]),
        (zmin, zmax) if zmax < 180 else None,
        (dss.GoodTimes(),),
    )


def run(values: SimpleNamespace) -> None:
    """Run the command."""
    if not 0 < values.dcostheta <= 1:
        raise InputError("must be above 0 and at most 1", key="dcostheta")
    if not values.binsz > 0:
        raise InputError("must be above 0", key="binsz")
    if values.phibins < 0:
        raise InputError("must not be negative", key="phibins")
    if not 0 <= values.zmin < values.zmax <= 180:
        raise InputError("0 <= zmin < zmax <= 180 is required", key="zmax")
    events = [] if is_none(values.evfile) else expand_list(values.evfile, "evfile")
    intervals = good_time(events, values.evtable, values.tmin, values.tmax)
    if len(intervals) == 0:
        raise InputError("no good time", file=events[0], key="GTI")
    spacecraft_files = expand_list(values.scfile, "scfile")
    with FitsWriter(values.outfile, clobber=values.clobber) as writer:
        cube = make_livetime_cube(
            spacecraft_files,
            intervals,
            dcostheta=values.dcostheta,
            pixel_size=values.binsz,
            phi_bins=values.phibins,
            zmin=values.zmin,
            zmax=values.zmax,
            table=values.sctable,
        )
        put_livetime_cube(writer, cube, "gtltcube", version=values.file_version)


COMMAND = Command(
    "gtltcube",
    "livetime against sky position and angle from the LAT's axis",
    (
        Parameter("evfile", "file", ..., "event file, @list, or none with tmin and tmax"),
        Parameter("evtable", "string", "EVENTS", "HDU of the events"),
        Parameter("scfile", "file", ..., "spacecraft file or @list"),
        Parameter("sctable", "string", "SC_DATA", "HDU of the spacecraft data"),
        Parameter("outfile", "file", "expCube.fits", "livetime cube to write"),
        Parameter("dcostheta", "real", 0.025, "step in cos(theta): 1/dcostheta bins"),
        Parameter("binsz", "real", 1.0, "pixel size, deg"),
        Parameter("phibins", "int", 0, "bins of azimuth"),
        Parameter("tmin", "real", 0.0, "start, MET s, when there is no evfile"),
        Parameter("tmax", "real", 0.0, "end, MET s, when there is no evfile"),
        Parameter("file_version", "string", "1", "keyword VERSION of the output"),
        Parameter("zmin", "real", 0.0, "smallest zenith angle, deg"),
        Parameter("zmax", "real", 180.0, "largest zenith angle, deg"),
    ),
    run,
)
