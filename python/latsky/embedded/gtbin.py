"""gtbin: bin events into HEALPix counts cubes (HEALPIX), counts cubes (CCUBE), maps (CMAP).

Bins are those of the Fermitools' evtbin: a bin holds ``low <= E < high``; logarithmic bins are told
by the formula for the index and not by comparing with rounded edges, so that an energy that sits on
an edge falls where it does there. Pixels of HEALPIX come from the columns L and B (GAL) or RA and
DEC (CEL) as they stand in the file; CCUBE and CMAP project RA and DEC, rotated to galactic
coordinates where asked for. Events are not filtered: whatever lies outside of the bins or the map
is not counted. Unlike there, that also holds for a HEALPix cube of a single energy bin, and dates
span all the files rather than the last one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from latsky.embedded.parameters import Command, Parameter, expand_list, is_none
from latsky.errors import InputError
from latsky.fits import dates, dss, gti
from latsky.fits.core import FitsFile, FitsWriter, Header, column_values, read_table
from latsky.fits.frames import rotation, unit_vectors
from latsky.fits.hpx import HpxGeometry, energy_column, write_energy_bins, write_skymap

CHUNK = 1 << 15
"""events at a time: what is derived from them stays in the cache"""


@dataclass(frozen=True)
class EnergyBins:
    """Energy bins in MeV, ``low <= E < high``; ``law`` LOG or LIN are regular, FILE is not."""

    low: np.ndarray
    high: np.ndarray
    law: str

    @classmethod
    def logarithmic(cls, emin: float, emax: float, number: int) -> EnergyBins:
        """``number`` bins of equal ratio. Raises InputError when they cannot be made."""
        if not 0 < emin < emax:
            raise InputError(f"0 < emin < emax expected, not {emin} and {emax}", key="emin")
        if number < 1:
            raise InputError(f"{number} bins: at least one is needed", key="enumbins")
        step = math.log(emax / emin) / number
        inner = emin * np.exp(np.arange(1, number) * step)
        return cls(np.append(emin, inner), np.append(inner, emax), "LOG")

    @classmethod
    def linear(cls, emin: float, emax: float, width: float) -> EnergyBins:
        """Bins of ``width`` MeV, the last one shorter where they do not fit."""
        if not emin < emax:
            raise InputError(f"emin < emax expected, not {emin} and {emax}", key="emin")
        if not width > 0:
            raise InputError(f"{width}: a bin must have a width", key="denergy")
        number = math.ceil((emax - emin) / width)
        inner = emin + np.arange(1, number) * width
        return cls(np.append(emin, inner), np.append(inner, emax), "LIN")

    @classmethod
    def from_file(cls, path: str | Path) -> EnergyBins:
        """Bins of an ENERGYBINS table (E_MIN, E_MAX; keV unless TUNIT says otherwise)."""
        table = read_table(path, "ENERGYBINS")
        low, high = energy_column(table, "E_MIN"), energy_column(table, "E_MAX")
        if len(low) == 0:
            raise InputError("no energy bins", file=path, key="ENERGYBINS")
        if np.any(high <= low) or np.any(high[:-1] > low[1:]):
            raise InputError("bins are not in rising order", file=path, key="ENERGYBINS")
        return cls(low, high, "FILE")

    def __len__(self) -> int:
        return len(self.low)

    def index(self, energy: np.ndarray) -> np.ndarray:
        """Bin of each energy (MeV, float64), -1 outside."""
        first, last = self.low[0], self.high[-1]
        # energies outside of the bins, or that are no numbers, are taken out at the end
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.law == "LOG":
                bins = (len(self) * np.log(energy / first) / math.log(last / first)).astype("i8")
            elif self.law == "LIN":
                bins = ((energy - first) / (self.high[0] - first)).astype("i8")
            else:
                bins = np.searchsorted(self.low, energy, side="right") - 1
        inside = (energy >= first) & (energy < last)
        if self.law == "FILE":
            inside &= energy < self.high[bins]
        np.minimum(bins, len(self) - 1, out=bins)
        if not inside.all():
            bins[~inside] = -1
        return bins


@dataclass
class Observation:
    """What the headers of the event files say together."""

    cuts: tuple[dss.Cut, ...] = ()
    intervals: np.ndarray = field(default_factory=lambda: gti.EMPTY)
    tstart: float = math.inf
    tstop: float = -math.inf
    header: Header = field(default_factory=Header)
    files: list[Path] = field(default_factory=list)
    events: int = 0

    def note_header(self, path: Path, header: Header) -> None:
        """Take in the header of an EVENTS table. Raises InputError for another selection."""
        cuts = dss.read(header, path)
        if not self.files:
            self.cuts = cuts
            for key in ("TELESCOP", "INSTRUME", "OBSERVER", "OBJECT"):
                if header.get(key) is not None:
                    self.header.set(key, header[key], header.comment(key))
        elif not dss.same_but_times(cuts, self.cuts):
            raise InputError(
                f"another selection than {self.files[0].name}: {dss.difference(self.cuts, cuts)}",
                file=path,
                key="NDSKEYS",
            )
        self.files.append(path)
        for key, better in (("TSTART", min), ("TSTOP", max)):
            value = header.get(key)
            if isinstance(value, int | float):
                name = key.lower()
                setattr(self, name, better(getattr(self, name), float(value)))

    def note_intervals(self, intervals: np.ndarray) -> None:
        """Take in the good time of a file."""
        self.intervals = gti.merge(self.intervals, intervals)

    def times(self) -> tuple[float, float]:
        """Start and stop, MET: of the headers, else of the good time."""
        if math.isinf(self.tstart) or math.isinf(self.tstop):
            if len(self.intervals) == 0:
                return 0.0, 0.0
            return float(self.intervals[0, 0]), float(self.intervals[-1, 1])
        return self.tstart, self.tstop


def read_events(
    files: Sequence[Path],
    columns: Sequence[str],
    consume: Callable[[list[np.ndarray]], None],
    table: str = "EVENTS",
) -> Observation:
    """Stream the event files once; ``consume`` gets the columns of some events as float64.

    Raises InputError for a column that is absent or in a strange unit, and for files of different
    selections.
    """
    seen = Observation()
    for path in files:
        with FitsFile(path) as file:
            description = file.empty_table(table)
            infos = [description.info(name) for name in columns]
            for info in infos:
                wanted = "MeV" if info is infos[0] else "deg"
                if info.unit and not info.unit.lower().startswith(wanted.lower()):
                    raise InputError(
                        f"unit {info.unit!r} is not {wanted}", file=path, key=info.name
                    )
            seen.note_header(path, description.header)
            for rows in file.rows(table, CHUNK):
                seen.events += len(rows)
                consume([column_values(info, rows).astype("f8") for info in infos])
            seen.note_intervals(gti.read(file).intervals)
    return seen


def exposure_time(observation: Observation, spacecraft: Sequence[Path], table: str) -> float:
    """EXPOSURE, s: livetime within the good time, or without spacecraft files the good time."""
    if not spacecraft:
        return gti.total(observation.intervals)
    exposure = 0.0
    for path in spacecraft:
        with FitsFile(path) as file:
            described = file.empty_table(table)
            infos = [described.info(name) for name in ("START", "STOP", "LIVETIME")]
            for rows in file.rows(table, CHUNK):
                start, stop, livetime = (column_values(info, rows) for info in infos)
                good = gti.overlap_lengths(observation.intervals, start, stop)
                length = stop - start
                share = np.divide(good, length, out=np.zeros_like(good), where=length > 0)
                exposure += float(np.sum(livetime * share))
    return exposure


def disc_pixels(
    geometry: HpxGeometry, longitude: float, latitude: float, radius: float
) -> np.ndarray:
    """Pixels, rising, whose centre is within ``radius`` degrees of a direction."""
    centre = np.radians([90.0 - latitude, longitude])
    ranges = geometry.base.query_disc(centre, math.radians(radius))
    return np.concatenate([np.arange(a, b) for a, b in ranges] or [np.empty(0, "i8")])


def region_pixels(geometry: HpxGeometry, region: str) -> np.ndarray:
    """Pixels of a region string, rising.

    ``DISK(lon,lat,radius)``, ``DISK_INC(lon,lat,radius,factor)`` with all pixels that overlap,
    ``HPX_PIXEL(RING|NESTED,nside,pixel)`` with the pixels whose centre is in a larger pixel.
    Degrees, in the frame of the map. Raises InputError.
    """
    parts = [part for part in region.replace("(", ",").replace(")", ",").split(",") if part.strip()]
    kind, *arguments = [part.strip() for part in parts] or [""]
    try:
        if kind in ("DISK", "DISK_INC"):
            # the Fermitools keep these three in single precision
            longitude, latitude, radius = (float(np.float32(text)) for text in arguments[:3])
            if kind == "DISK":
                return disc_pixels(geometry, longitude, latitude, radius)
            factor = int(arguments[3])
            import healpy

            theta, phi = math.radians(90.0 - latitude), math.radians(longitude)
            return healpy.query_disc(
                geometry.nside,
                healpy.ang2vec(theta, phi),
                math.radians(radius),
                inclusive=True,
                fact=factor,
                nest=geometry.nested,
            )
        if kind == "HPX_PIXEL":
            scheme, nside, pixel = arguments[0].upper(), int(arguments[1]), int(arguments[2])
            if scheme not in ("RING", "NESTED"):
                raise ValueError("ordering")
            coarse = HpxGeometry(nside, scheme == "NESTED", geometry.coordsys)
            if not 0 <= pixel < coarse.npix:
                raise ValueError("pixel")
            theirs = coarse.base.ang2pix(geometry.base.pix2ang(np.arange(geometry.npix)))
            return np.flatnonzero(theirs == pixel)
    except (ValueError, IndexError):
        raise InputError(f"cannot understand {region!r}", key="hpx_region") from None
    raise InputError(f"{region!r} is none of DISK, DISK_INC, HPX_PIXEL", key="hpx_region")


@dataclass(frozen=True)
class Columns:
    """Names of the HDUs and columns that are read."""

    events: str = "EVENTS"
    energy: str = "ENERGY"
    ra: str = "RA"
    dec: str = "DEC"
    spacecraft: str = "SC_DATA"


def bin_healpix(
    files: Sequence[Path],
    outfile: Path,
    geometry: HpxGeometry,
    bins: EnergyBins | None,
    *,
    region: str | None = None,
    spacecraft: Sequence[Path] = (),
    names: Columns = Columns(),
    clobber: bool = True,
) -> tuple[int, int]:
    """Write the HEALPix counts cube of ``files``; numbers of events read and counted.

    Without ``bins`` there is one plane of all energies.
    """
    planes = 1 if bins is None else len(bins)
    pixels = None if region is None else region_pixels(geometry, region)
    size = geometry.npix if pixels is None else len(pixels)
    counts = np.zeros((planes, size), "i4")
    place = None
    if pixels is not None:
        place = np.full(geometry.npix, -1, "i8")
        place[pixels] = np.arange(size)
    flat, one = counts.reshape(-1), np.int32(1)
    spread = [math.inf, -math.inf]
    directions = ("L", "B") if geometry.coordsys == "GAL" else (names.ra, names.dec)

    def consume(columns: list[np.ndarray]) -> None:
        energy, longitude, latitude = columns
        where = geometry.pixels(longitude, latitude)
        if place is not None:
            where = np.where(where < 0, -1, place[where])
        good = where >= 0
        if bins is not None:
            plane = bins.index(energy)
            good &= plane >= 0
            where += plane * size
        elif len(energy):
            spread[0] = min(spread[0], float(energy.min()))
            spread[1] = max(spread[1], float(energy.max()))
        np.add.at(flat, where if good.all() else where[good], one)

    # the output first: where it cannot be written there is nothing to wait for
    with FitsWriter(outfile, clobber=clobber) as writer:
        seen = read_events(files, (names.energy, *directions), consume, names.events)
        if bins is None:
            bins = _whole_range(spread, seen)
        writer.primary(_primary_header(seen, outfile))
        write_skymap(
            writer,
            "SKYMAP",
            geometry,
            counts,
            header=_skymap_header(seen),
            pixels=pixels,
            region=region,
        )
        _write_tables(writer, seen, bins, spacecraft, names)
    return seen.events, int(counts.sum())


def _whole_range(spread: Sequence[float], seen: Observation) -> EnergyBins:
    """The one bin of a map without energy bins: from the least to the greatest energy."""
    low, high = spread
    if not low < high:
        low, high = dss.find_range(seen.cuts, "ENERGY") or (low, high)
    if not (math.isfinite(low) and math.isfinite(high)):
        low = high = 0.0
    return EnergyBins(np.array([low]), np.array([high]), "LIN")


@dataclass(frozen=True)
class Grid:
    """A WCS pixel grid as gtbin lays it out: centred on (xref, yref), longitude to the left."""

    nx: int
    ny: int
    pixel_size: float
    coordsys: str
    xref: float
    yref: float
    rotation: float
    projection: str

    def keywords(self) -> Header:
        """The world coordinates of the two sky axes."""
        lon, lat = ("GLON-", "GLAT-") if self.coordsys == "GAL" else ("RA---", "DEC--")
        header = Header()
        for axis, name, centre, value, step in (
            (1, lon, (self.nx + 1) / 2, self.xref, -self.pixel_size),
            (2, lat, (self.ny + 1) / 2, self.yref, self.pixel_size),
        ):
            header.append(f"CTYPE{axis}", name + self.projection, "coordinate and projection")
            header.append(f"CRPIX{axis}", centre, "reference pixel")
            header.append(f"CRVAL{axis}", value, "coordinate of the reference pixel")
            header.append(f"CDELT{axis}", step, "degrees per pixel at the reference pixel")
            header.append(f"CUNIT{axis}", "deg", "unit of the axis")
        header.append("CROTA2", self.rotation, "image rotation (deg)")
        return header

    def projector(self) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """A function from RA, Dec (degrees) to pixel coordinates, the first pixel at 1.

        Directions the projection cannot show become NaN. Raises InputError for a projection or
        geometry that does not exist.
        """
        from astropy.wcs import WCS

        transform = WCS(naxis=2)
        keywords = self.keywords()
        transform.wcs.ctype = [keywords["CTYPE1"], keywords["CTYPE2"]]
        transform.wcs.crpix = [keywords["CRPIX1"], keywords["CRPIX2"]]
        transform.wcs.crval = [self.xref - 360.0 if self.xref > 180 else self.xref, self.yref]
        transform.wcs.cdelt = [-self.pixel_size, self.pixel_size]
        if self.rotation:
            transform.wcs.crota = [0.0, self.rotation]
        try:
            transform.wcs.set()
        except Exception as error:
            text = str(error).strip().splitlines() or ["unknown"]
            raise InputError(f"no such map: {text[-1]}", key="proj") from None

        def project(ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            longitude, latitude = galactic(ra, dec) if self.coordsys == "GAL" else (ra, dec)
            longitude = np.where(longitude > 180, longitude - 360, longitude)
            found = transform.wcs_world2pix(np.column_stack([longitude, latitude]), 1)
            return found[:, 0], found[:, 1]

        return project


def galactic(ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Galactic longitude (0 to 360) and latitude of FK5 J2000 directions, all in degrees."""
    x, y, z = rotation("CEL", "GAL") @ unit_vectors(ra, dec).T
    longitude = np.degrees(np.arctan2(y, x))
    latitude = np.degrees(np.arcsin(np.clip(z, -1.0, 1.0)))
    return np.where(longitude < 0, longitude + 360, longitude), latitude


def bin_wcs(
    files: Sequence[Path],
    outfile: Path,
    grid: Grid,
    bins: EnergyBins | None,
    *,
    spacecraft: Sequence[Path] = (),
    names: Columns = Columns(),
    clobber: bool = True,
) -> tuple[int, int]:
    """Write a counts cube, or without ``bins`` a counts map; events read and counted."""
    if min(grid.nx, grid.ny) < 1:
        raise InputError("a map needs pixels", key="nxpix" if grid.nx < 1 else "nypix")
    if not grid.pixel_size > 0:
        raise InputError(f"{grid.pixel_size}: pixels must have a size", key="binsz")
    project = grid.projector()
    planes = 1 if bins is None else len(bins)
    counts = np.zeros((planes, grid.ny, grid.nx), "i4")
    flat, one = counts.reshape(-1), np.int32(1)

    def consume(columns: list[np.ndarray]) -> None:
        energy, ra, dec = columns
        x, y = project(ra, dec)
        good = (x >= 0.5) & (x < grid.nx + 0.5) & (y >= 0.5) & (y < grid.ny + 0.5)
        plane = np.zeros(len(energy), "i8") if bins is None else bins.index(energy)
        good &= plane >= 0
        column, row = (x[good] - 0.5).astype("i8"), (y[good] - 0.5).astype("i8")
        np.add.at(flat, (plane[good] * grid.ny + row) * grid.nx + column, one)

    header = grid.keywords()
    if bins is not None:
        header.append("CTYPE3", "Energy", "axis of energy bins: see EBOUNDS")
        header.append("CRPIX3", 1.0, "reference pixel")
        header.append("CRVAL3", float(bins.low[0]), "start of the first bin")
        header.append("CDELT3", float(bins.high[0] - bins.low[0]), "width of the first bin")
        header.append("CUNIT3", "MeV", "unit of the axis")
    with FitsWriter(outfile, clobber=clobber) as writer:
        seen = read_events(files, (names.energy, names.ra, names.dec), consume, names.events)
        header.update(_primary_header(seen, outfile))
        writer.primary(header, counts if bins is not None else counts[0])
        _write_tables(writer, seen, bins, spacecraft, names)
    return seen.events, int(counts.sum())


def _primary_header(seen: Observation, outfile: Path) -> Header:
    header = Header([("FILENAME", outfile.name, "name of this file")])
    header.update(_mission_header(seen))
    header.set("EQUINOX", 2000.0, "equinox of RA and DEC")
    for number, path in enumerate(seen.files):
        header.append("HISTORY", f"{'events of' if number == 0 else '      and'} {path.name}")
    return dss.write(header, seen.cuts)


def _mission_header(seen: Observation) -> Header:
    header = Header([("TELESCOP", "GLAST", "telescope"), ("INSTRUME", "LAT", "instrument")])
    header.update(seen.header)
    dates.date_keywords(header, *seen.times())
    header.set("CREATOR", dates.creator("gtbin"), "software and version")
    return header


def _skymap_header(seen: Observation) -> Header:
    header = _mission_header(seen)
    header.set("HDUCLASS", "OGIP", "format conforms to OGIP standard")
    header.set("HDUCLAS1", "SKYMAP", "")
    return dss.write(header, seen.cuts)


def _write_tables(
    writer: FitsWriter,
    seen: Observation,
    bins: EnergyBins | None,
    spacecraft: Sequence[Path],
    names: Columns,
) -> None:
    if bins is not None:
        write_energy_bins(writer, bins.low, bins.high, _mission_header(seen))
    header = _mission_header(seen)
    exposure = exposure_time(seen, spacecraft, names.spacecraft)
    header.set("EXPOSURE", exposure, "integration time (s)")
    gti.write(writer, seen.intervals, header)


def run(values: SimpleNamespace) -> None:
    """Run the command."""
    files = expand_list(values.evfile, "evfile")
    outfile = Path(values.outfile)
    spacecraft = [] if is_none(values.scfile) else expand_list(values.scfile, "scfile")
    names = Columns(values.evtable, values.efield, values.rafield, values.decfield, values.sctable)
    common: dict[str, Any] = {"spacecraft": spacecraft, "names": names, "clobber": values.clobber}
    if values.algorithm == "HEALPIX":
        if not 0 <= values.hpx_order <= 12:
            raise InputError(f"{values.hpx_order} is not in 0 to 12", key="hpx_order")
        geometry = HpxGeometry.from_order(
            values.hpx_order, values.hpx_ordering_scheme == "NESTED", values.coordsys
        )
        bins = _energy_bins(values) if values.hpx_ebin else None
        region = None if is_none(values.hpx_region) else values.hpx_region.strip()
        read, counted = bin_healpix(files, outfile, geometry, bins, region=region, **common)
    elif values.algorithm in ("CCUBE", "CMAP"):
        grid = _grid(values)
        bins = _energy_bins(values) if values.algorithm == "CCUBE" else None
        read, counted = bin_wcs(files, outfile, grid, bins, **common)
    else:
        raise InputError(
            f"{values.algorithm} is not among HEALPIX, CCUBE and CMAP, which this engine makes",
            key="algorithm",
        )
    if values.chatter >= 2:
        print(f"gtbin: {counted} of {read} events binned in {outfile.name}")


def _needed(values: SimpleNamespace, name: str) -> Any:
    value = getattr(values, name)
    if value is None:
        raise InputError(f"required for algorithm {values.algorithm}", key=name)
    return value


def _energy_bins(values: SimpleNamespace) -> EnergyBins:
    if values.ebinalg == "FILE":
        if is_none(values.ebinfile):
            raise InputError("required for ebinalg FILE", key="ebinfile")
        return EnergyBins.from_file(values.ebinfile)
    emin, emax = _needed(values, "emin"), _needed(values, "emax")
    if values.ebinalg == "LIN":
        return EnergyBins.linear(emin, emax, _needed(values, "denergy"))
    return EnergyBins.logarithmic(emin, emax, _needed(values, "enumbins"))


def _grid(values: SimpleNamespace) -> Grid:
    return Grid(
        _needed(values, "nxpix"),
        _needed(values, "nypix"),
        _needed(values, "binsz"),
        values.coordsys,
        _needed(values, "xref"),
        _needed(values, "yref"),
        _needed(values, "axisrot"),
        _projection(values.proj),
    )


def _projection(name: str) -> str:
    name = name.strip().upper()
    if len(name) != 3:
        raise InputError(f"{name!r} is not the name of a projection (three letters)", key="proj")
    return name


COMMAND = Command(
    "gtbin",
    "Bin events into counts maps and cubes.",
    (
        Parameter("evfile", "file", doc="event file, or @list"),
        Parameter("scfile", "file", "NONE", "spacecraft file, or @list (for EXPOSURE)"),
        Parameter("outfile", "file", doc="output file"),
        Parameter(
            "algorithm",
            "choice",
            "PHA2",
            "kind of product",
            ("CCUBE", "CMAP", "LC", "PHA1", "PHA2", "HEALPIX"),
        ),
        Parameter("ebinalg", "choice", "LOG", "how energy bins are given", ("FILE", "LIN", "LOG")),
        Parameter("emin", "real", 30.0, "start of the first energy bin (MeV)"),
        Parameter("emax", "real", 200000.0, "end of the last energy bin (MeV)"),
        Parameter("enumbins", "int", None, "number of logarithmic energy bins"),
        Parameter("denergy", "real", None, "width of linear energy bins (MeV)"),
        Parameter("ebinfile", "file", "NONE", "file with the energy bins (ENERGYBINS)"),
        Parameter("tbinalg", "choice", "LIN", "time bins: without use", ("FILE", "LIN", "SNR")),
        Parameter("tstart", "real", None, "time bins: without use"),
        Parameter("tstop", "real", None, "time bins: without use"),
        Parameter("dtime", "real", None, "time bins: without use"),
        Parameter("tbinfile", "file", "NONE", "time bins: without use"),
        Parameter("snratio", "real", None, "time bins: without use"),
        Parameter("lcemin", "real", None, "time bins: without use"),
        Parameter("lcemax", "real", None, "time bins: without use"),
        Parameter("nxpix", "int", None, "pixels of the X axis"),
        Parameter("nypix", "int", None, "pixels of the Y axis"),
        Parameter("binsz", "real", None, "degrees per pixel"),
        Parameter("coordsys", "choice", "CEL", "frame of the map", ("CEL", "GAL")),
        Parameter("xref", "real", None, "RA or l of the map's centre (deg)"),
        Parameter("yref", "real", None, "Dec or b of the map's centre (deg)"),
        Parameter("axisrot", "real", 0.0, "rotation of the image (deg)"),
        Parameter("rafield", "string", "RA", "column of right ascensions"),
        Parameter("decfield", "string", "DEC", "column of declinations"),
        Parameter("proj", "string", "AIT", "projection: AIT, ARC, CAR, GLS, MER, SIN, STG, TAN …"),
        Parameter("hpx_ordering_scheme", "choice", "RING", "HEALPix ordering", ("RING", "NESTED")),
        Parameter("hpx_order", "int", 3, "HEALPix order, 0 to 12"),
        Parameter("hpx_ebin", "bool", True, "whether a HEALPix map has energy bins"),
        Parameter("hpx_region", "string", "", "part of the sky, empty for all of it"),
        Parameter("evtable", "string", "EVENTS", "HDU of the events"),
        Parameter("sctable", "string", "SC_DATA", "HDU of the spacecraft data"),
        Parameter("efield", "string", "ENERGY", "column of energies"),
        Parameter("tfield", "string", "TIME", "column of times: without use"),
    ),
    run,
)
"""gtbin"""
