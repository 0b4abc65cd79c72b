"""Livetime cubes: livetime against sky position and angle from the LAT's axis.

The file of gtltcube: HDUs EXPOSURE and WEIGHTED_EXPOSURE (livetime times livetime fraction) are
HEALPix tables, one row a pixel, whose column COSBINS holds livetime in seconds in bins of
cos(theta), equal in sqrt(1 - cos(theta)), and, where there are bins of azimuth, after the bins of
cos(theta) the same once more for each bin of phi folded into 0 to 45°. CTHETABOUNDS repeats the
edges, GTI is what the livetime was taken from.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from latsky.errors import InputError
from latsky.fits import dates, dss, gti
from latsky.fits.core import Column, FitsFile, FitsWriter, Header, Table
from latsky.fits.hpx import HpxGeometry, geometry_from_header

EXPOSURE, WEIGHTED = "EXPOSURE", "WEIGHTED_EXPOSURE"


@dataclass(frozen=True)
class AngleBins:
    """Bins of the direction in the instrument.

    ``n_theta`` bins of cos(theta) from 1 down to ``cos_min``, equal in sqrt(1 - cos(theta)) or,
    where ``square_root`` is false, in cos(theta); ``n_phi`` bins of folded azimuth, 0 for none.
    """

    n_theta: int = 40
    n_phi: int = 0
    cos_min: float = 0.0
    square_root: bool = True

    def _cosine(self, fraction: np.ndarray) -> np.ndarray:
        return 1 - (fraction**2 if self.square_root else fraction) * (1 - self.cos_min)

    @property
    def cos_edges(self) -> np.ndarray:
        """(n_theta + 1,), from 1 downwards."""
        return self._cosine(np.arange(self.n_theta + 1) / self.n_theta)

    @property
    def cos_centers(self) -> np.ndarray:
        """(n_theta,): middles of the bins in the binned variable."""
        return self._cosine((np.arange(self.n_theta) + 0.5) / self.n_theta)

    @property
    def phi_centers(self) -> np.ndarray:
        """(n_phi,), rad, between 0 and π/4."""
        return (np.arange(self.n_phi) + 0.5) / max(self.n_phi, 1) * np.pi / 4

    @property
    def size(self) -> int:
        """Values a pixel in the file."""
        return self.n_theta * (1 + self.n_phi)


@dataclass(frozen=True)
class LivetimeCube:
    """A livetime cube: seconds in ``(npix, bins.size)``, and the same weighted.

    ``zenith`` is the range of zenith angles in degrees, None where uncut; ``tstart``, ``tstop`` are
    MET in seconds.
    """

    geometry: HpxGeometry
    bins: AngleBins
    values: np.ndarray
    weighted_values: np.ndarray | None
    intervals: np.ndarray
    tstart: float
    tstop: float
    zenith: tuple[float, float] | None = None
    cuts: tuple[dss.Cut, ...] = field(default=(dss.GoodTimes(),))
    header: Header = field(default_factory=Header)

    @property
    def nside(self) -> int:
        """Resolution."""
        return self.geometry.nside

    @property
    def nested(self) -> bool:
        """Whether pixels are numbered by the nested scheme."""
        return self.geometry.nested

    @property
    def coordsys(self) -> str:
        """CEL or GAL."""
        return self.geometry.coordsys

    @property
    def cos_edges(self) -> np.ndarray:
        """Edges of the bins of cos(theta), (n_theta + 1,), from 1 downwards."""
        return self.bins.cos_edges

    @property
    def livetime(self) -> np.ndarray:
        """Livetime over all azimuths, (npix, n_theta) s."""
        return self.values[:, : self.bins.n_theta]

    @property
    def weighted(self) -> np.ndarray | None:
        """Livetime × livetime fraction over all azimuths, (npix, n_theta) s."""
        if self.weighted_values is None:
            return None
        return self.weighted_values[:, : self.bins.n_theta]

    def by_phi(self, *, weighted: bool = False) -> np.ndarray | None:
        """Livetime by azimuth, (npix, n_phi, n_theta) s; None without azimuth (or weights)."""
        values = self.weighted_values if weighted else self.values
        if values is None or self.bins.n_phi == 0:
            return None
        return values[:, self.bins.n_theta :].reshape(len(values), self.bins.n_phi, -1)


def nside_for(pixel_size: float) -> int:
    """Resolution of gtltcube for a pixel size in degrees: the first with pixels as small, ≤ 512."""
    nside = 1
    while 12 * nside * nside < 41252 / pixel_size**2 and nside < 512:
        nside *= 2
    return nside


def _bins(header: Header, path: Path) -> AngleBins:
    try:
        bins = AngleBins(
            int(header["NBRBINS"]),
            int(header.get("PHIBINS", 0)),
            float(header.get("COSMIN", 0.0)),
            str(header.get("THETABIN", "SQRT(1-COSTHETA)")).strip() != "COSTHETA",
        )
    except KeyError as error:
        raise InputError("keyword missing", file=path, key=str(error).strip("'")) from None
    if bins.n_theta < 1 or bins.n_phi < 0:
        raise InputError("not a number of bins", file=path, key="NBRBINS")
    return bins


def _values(table: Table, geometry: HpxGeometry, bins: AngleBins, path: Path) -> np.ndarray:
    values = table["COSBINS"]
    if values.shape != (geometry.npix, bins.size):
        raise InputError(
            f"{values.shape[0]} rows of {values.size // max(len(values), 1)} values, "
            f"{geometry.npix} of {bins.size} expected",
            file=path,
            key="COSBINS",
        )
    return values


def read_livetime_cube(path: str | os.PathLike[str], table: str = EXPOSURE) -> LivetimeCube:
    """Read a livetime cube. Raises InputError naming what is missing or wrong."""
    path = Path(path)
    with FitsFile(path) as file:
        first = file.table(table)
        header = first.header
        geometry = geometry_from_header(header, path, default_frame="CEL")
        bins = _bins(header, path)
        values = _values(first, geometry, bins, path)
        second = None
        if WEIGHTED in file:
            second = _values(file.table(WEIGHTED), geometry, bins, path)
        intervals = gti.read(file).intervals if "GTI" in file else gti.EMPTY
        primary = file.header(0)
    times = [header.get(key, primary.get(key)) for key in ("TSTART", "TSTOP")]
    if None in times:
        if len(intervals) == 0:
            raise InputError("keyword missing", file=path, key="TSTART")
        times = [intervals[0, 0], intervals[-1, 1]]
    zenith = None
    if "ZENMAX" in header:
        zenith = (float(header.get("ZENMIN", 0.0)), float(header["ZENMAX"]))
    cuts = dss.read(header, path)
    return LivetimeCube(
        geometry,
        bins,
        values,
        second,
        intervals,
        float(times[0]),
        float(times[1]),
        zenith,
        cuts,
        header,
    )


def _frame_keywords(header: Header) -> Header:
    header.set("TELESCOP", "GLAST", "telescope that took the data")
    header.set("INSTRUME", "LAT", "instrument that took the data")
    header.set("EQUINOX", 2000.0, "equinox of RA and DEC")
    header.set("RADECSYS", "FK5", "frame of RA and DEC")
    return header


def write_livetime_cube(
    path: str | os.PathLike[str],
    cube: LivetimeCube,
    tool: str,
    *,
    clobber: bool = True,
    version: str = "1",
) -> None:
    """Write a livetime cube as gtltcube does; ``tool`` names the command for CREATOR."""
    with FitsWriter(path, clobber=clobber) as writer:
        put_livetime_cube(writer, cube, tool, version=version)


def put_livetime_cube(
    writer: FitsWriter, cube: LivetimeCube, tool: str, *, version: str = "1"
) -> None:
    """The HDUs of a livetime cube, into an open file; see ``write_livetime_cube``."""
    primary = dates.date_keywords(_frame_keywords(Header()), cube.tstart, cube.tstop)
    primary.set("FILENAME", writer.path.name, "name of this file")
    primary.set("CREATOR", dates.creator(tool), "software that made this file")
    primary.set("VERSION", version, "release version of the file")
    common = dates.date_keywords(_frame_keywords(Header()), cube.tstart, cube.tstop)
    header = common.copy()
    header.update(cube.geometry.keywords())
    header.set("COORDSYS", "GAL" if cube.coordsys == "GAL" else "EQU", "frame of the pixels")
    binning = "SQRT(1-COSTHETA)" if cube.bins.square_root else "COSTHETA"
    header.set("THETABIN", binning, "what the bins of theta are equal in")
    header.set("NBRBINS", cube.bins.n_theta, "bins of cos(theta)")
    header.set("COSMIN", cube.bins.cos_min, "lower end of cos(theta)")
    header.set("PHIBINS", cube.bins.n_phi, "bins of azimuth, 0 for none")
    if cube.zenith is not None:
        header.set("ZENMAX", cube.zenith[1], "largest zenith angle, deg")
        header.set("ZENMIN", cube.zenith[0], "smallest zenith angle, deg")
    dss.write(header, cube.cuts)
    longitude, latitude = cube.geometry.centres()
    edges = cube.bins.cos_edges.astype("f4")
    writer.primary(primary)
    for name, values in ((EXPOSURE, cube.values), (WEIGHTED, cube.weighted_values)):
        if values is None:
            continue
        columns = [
            Column("COSBINS", values.astype("f4", copy=False), "s"),
            Column("RA", longitude.astype("f4"), "deg", comment="centre of the pixel"),
            Column("DEC", latitude.astype("f4"), "deg", comment="centre of the pixel"),
        ]
        writer.table(name, columns, header)
    bounds = [
        Column("CTHETA_MIN", edges[1:], comment="lower edge of the bin"),
        Column("CTHETA_MAX", edges[:-1], comment="upper edge of the bin"),
    ]
    writer.table("CTHETABOUNDS", bounds, common)
    gti.write(writer, cube.intervals, common)
