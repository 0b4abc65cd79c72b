"""gtexpcube2: exposure maps at the energies of a counts map or of one's own."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from latsky.embedded import exposure as exp
from latsky.embedded.parameters import Command, Parameter, is_none
from latsky.errors import InputError
from latsky.fits import caldb, dates, dss, gti
from latsky.fits.core import FitsFile, FitsWriter, Header
from latsky.fits.hpx import (
    HpxGeometry,
    energy_column,
    geometry_from_header,
    read_edges,
    write_energies,
    write_skymap,
)
from latsky.fits.irfs import Response, load_response
from latsky.fits.livetime import EXPOSURE, LivetimeCube, read_livetime_cube
from latsky.fits.srcmaps import expand_energies

_TIME_TOLERANCE = 1.0
"""s of good time in which counts map and livetime cube may differ"""


@dataclass(frozen=True)
class SkyGrid:
    """A map in a projection: the keywords of its two sky axes."""

    shape: tuple[int, int]
    """rows, columns"""
    coordsys: str
    projection: str
    reference: tuple[float, float]
    reference_pixel: tuple[float, float]
    step: tuple[float, float]
    rotation: float = 0.0

    def keywords(self) -> Header:
        """World coordinates of the axes, as the Fermitools write them."""
        header = Header()
        names = ("GLON-", "GLAT-") if self.coordsys == "GAL" else ("RA---", "DEC--")
        for axis in (0, 1):
            header.set(f"CTYPE{axis + 1}", names[axis] + self.projection, "coordinate, projection")
            header.set(f"CRPIX{axis + 1}", self.reference_pixel[axis], "reference pixel")
            header.set(f"CRVAL{axis + 1}", self.reference[axis], "coordinate there")
            header.set(f"CDELT{axis + 1}", self.step[axis], "deg a pixel there")
            header.set(f"CUNIT{axis + 1}", "deg", "unit of the axis")
        header.set("CROTA2", self.rotation, "rotation of the image, deg")
        return header

    def positions(self) -> tuple[np.ndarray, np.ndarray]:
        """Longitude and latitude of pixel centres, degrees (rows, columns); NaN off the sphere.

        Raises InputError when there is no such projection.
        """
        from astropy.wcs import WCS

        wcs = WCS(naxis=2)
        keywords = self.keywords()
        wcs.wcs.ctype = [keywords["CTYPE1"], keywords["CTYPE2"]]
        wcs.wcs.crpix = self.reference_pixel
        wcs.wcs.crval = self.reference
        wcs.wcs.cdelt = self.step
        if self.rotation:
            wcs.wcs.crota = [0.0, self.rotation]
        try:
            wcs.wcs.set()
        except Exception as error:
            lines = str(error).strip().splitlines() or ["unknown"]
            raise InputError(f"no such map: {lines[-1]}", key="proj") from None
        row, column = np.indices(self.shape)
        pixels = np.column_stack([column.ravel() + 1.0, row.ravel() + 1.0])
        found = wcs.wcs_pix2world(pixels, 1)
        return found[:, 0].reshape(self.shape), found[:, 1].reshape(self.shape)


@dataclass(frozen=True)
class CountsMap:
    """What a counts map says: its pixels, energy edges (MeV), cuts and good time."""

    path: Path
    geometry: HpxGeometry | SkyGrid
    edges: np.ndarray
    cuts: tuple[dss.Cut, ...]
    intervals: np.ndarray | None


def read_counts_map(path: Path) -> CountsMap:
    """Describe a counts cube, HEALPix or WCS. Raises InputError."""
    with FitsFile(path) as file:
        primary = file.header(0)
        geometry: HpxGeometry | SkyGrid
        if int(primary.get("NAXIS", 0)) >= 2:
            geometry = _grid_of(primary, path)
        else:
            geometry = geometry_from_header(file.header("SKYMAP"), path)
        edges = read_edges(file)
        if edges is None:
            raise InputError("no HDU EBOUNDS", file=path, key="EBOUNDS")
        intervals = gti.read(file).intervals if "GTI" in file else None
        return CountsMap(path, geometry, edges, dss.read(primary, path), intervals)


def _grid_of(header: Header, path: Path) -> SkyGrid:
    def number(key: str, default: float | None = None) -> float:
        value = header.get(key, default)
        if value is None:
            raise InputError("keyword missing", file=path, key=key)
        return float(value)

    kind = str(header.get("CTYPE1", ""))
    return SkyGrid(
        (int(header["NAXIS2"]), int(header["NAXIS1"])),
        "GAL" if kind.startswith("GLON") else "CEL",
        kind[5:8],
        (number("CRVAL1"), number("CRVAL2")),
        (number("CRPIX1"), number("CRPIX2")),
        (number("CDELT1"), number("CDELT2")),
        number("CROTA2", 0.0),
    )


def log_edges(emin: float, emax: float, bins: int) -> np.ndarray:
    """Edges of ``bins`` bins equal in log(E)."""
    if not 0 < emin < emax:
        raise InputError("0 < emin < emax is required", key="emin")
    if bins < 1:
        raise InputError("at least one bin is required", key="enumbins")
    return emin * np.exp(math.log(emax / emin) / bins * np.arange(bins + 1))


def _edges_of_file(path: Path) -> np.ndarray:
    with FitsFile(path) as file:
        table = file.table("ENERGYBINS")
    low, high = energy_column(table, "E_MIN"), energy_column(table, "E_MAX")
    if len(low) == 0:
        raise InputError("no energy bins", file=path, key="ENERGYBINS")
    return np.append(low, high[-1])


def irfs_of_cuts(cuts: tuple[dss.Cut, ...], path: Path) -> str:
    """Name of the IRFs for ``irfs=CALDB``: what the cuts name, else the newest for their class.

    Raises InputError when the cuts do not tell the event class and pass.
    """
    for cut in cuts:
        if isinstance(cut, dss.Version) and cut.name == "IRF_VERSION" and "_" in cut.value:
            return cut.value.partition(" (")[0]
    found = next(
        (c for c in cuts if isinstance(c, dss.BitMask) and c.column == "EVENT_CLASS"), None
    )
    if found is None:
        raise InputError(
            "states no event class, so that irfs=CALDB tells nothing", file=path, key="irfs"
        )
    names = [
        name
        for bit, names in caldb.class_names().items()
        if 1 << bit == found.mask
        for name in names
        if name.startswith(found.pass_version + "_")
    ]
    if not names:
        raise InputError(f"CALDB has no IRFs for {found.keywords[0]}", file=path, key="irfs")
    return max(names, key=lambda name: int(re.sub(r".*_V", "", name) or 0))


def _response(values: SimpleNamespace, counts: CountsMap | None) -> Response:
    name = values.irfs
    if ":" in name:
        raise InputError("give the event type by evtype, not with the name", key="irfs")
    mask = values.evtype
    if name.upper() == "CALDB":
        if counts is None:
            raise InputError("CALDB needs a counts map; name the IRFs", key="irfs")
        name = irfs_of_cuts(counts.cuts, counts.path)
        stated = dss.find_mask(counts.cuts, "EVENT_TYPE")
        mask = stated if stated is not None else mask
    return load_response(name, mask)


def partition_suffix(response: Response) -> str:
    """What the Fermitools add to the IRFs' name: `` (PSF)`` or `` (EDISP)``, nothing for none."""
    bits = {kind.bit for kind in response.event_types}
    highest = max(bits)
    return "" if highest < 2 else " (PSF)" if highest < 6 else " (EDISP)"


def output_cuts(
    cube: LivetimeCube, counts: CountsMap | None, response: Response, *, from_name: bool
) -> tuple[dss.Cut, ...]:
    """Cuts of the exposure: those of the counts map (or livetime cube), with the response's."""
    cuts = counts.cuts if counts is not None else cube.cuts
    if from_name and response.name.count("_") >= 2:
        release = response.name.partition("_")[0]
        masks = [("EVENT_TYPE", response.mask)]
        if response.class_bit is not None:
            masks.insert(0, ("EVENT_CLASS", 1 << response.class_bit))
        for column, mask in masks:
            cuts = tuple(c for c in cuts if not (isinstance(c, dss.BitMask) and c.column == column))
            cuts = (*cuts, dss.BitMask(column, mask, release))
    version = dss.Version("IRF_VERSION", response.name + partition_suffix(response))
    return dss.add(cuts, version)


def _need_same_times(counts: CountsMap, cube: LivetimeCube, path: Path) -> None:
    if counts.intervals is None or len(cube.intervals) == 0:
        return
    different = gti.total(gti.subtract(counts.intervals, cube.intervals))
    different += gti.total(gti.subtract(cube.intervals, counts.intervals))
    if different > _TIME_TOLERANCE:
        raise InputError(
            f"good time differs by {different:.3f} s from that of {counts.path}",
            file=path,
            key="GTI",
        )


def _edges(values: SimpleNamespace, counts: CountsMap | None) -> np.ndarray:
    own = (values.emin, values.emax, values.enumbins)
    if values.ebinalg == "FILE" and not is_none(values.ebinfile):
        edges = _edges_of_file(Path(values.ebinfile))
    elif values.ebinalg == "LOG" and None not in own:
        edges = log_edges(*own)
    elif counts is not None:
        edges = counts.edges
    else:
        raise InputError("without a counts map emin, emax and enumbins must be given", key="emin")
    edges = expand_energies(edges, max(values.edisp_bins, 0))
    return edges if values.bincalc == "EDGE" else np.sqrt(edges[:-1] * edges[1:])


def _geometry(values: SimpleNamespace, counts: CountsMap | None) -> HpxGeometry | SkyGrid:
    healpix = isinstance(counts.geometry, HpxGeometry) if counts else values.cmap.lower() == "hpx"
    if healpix:
        if values.hpx_order is not None:
            if not 0 <= values.hpx_order <= 12:
                raise InputError("must be from 0 to 12", key="hpx_order")
            nested = values.hpx_ordering_scheme == "NESTED"
            return HpxGeometry.from_order(values.hpx_order, nested, values.coordsys)
    else:
        needed = ("nxpix", "nypix", "binsz", "xref", "yref")
        missing = [name for name in needed if getattr(values, name) is None]
        if not missing:
            return _own_grid(values)
        if counts is None:
            raise InputError("required without a counts map", key=missing[0])
    if counts is None:
        raise InputError("required without a counts map", key="hpx_order")
    return counts.geometry


def _own_grid(values: SimpleNamespace) -> SkyGrid:
    for name in ("nxpix", "nypix", "binsz"):
        if getattr(values, name) <= 0:
            raise InputError("must be above 0", key=name)
    return SkyGrid(
        (values.nypix, values.nxpix),
        values.coordsys,
        values.proj.upper(),
        (values.xref, values.yref),
        ((values.nxpix + 1) / 2, (values.nypix + 1) / 2),
        (-values.binsz, values.binsz),
        values.axisrot,
    )


def wcs_exposure(cube: LivetimeCube, exposure: np.ndarray, grid: SkyGrid) -> np.ndarray:
    """Exposure ``(planes, pixels of the cube)`` as ``(planes, rows, columns)``, 0 off the sky."""
    longitude, latitude = grid.positions()
    good = np.isfinite(longitude) & np.isfinite(latitude) & (np.abs(latitude) <= 90)
    pixels = exp.pixels_at(cube, exp.unit_vectors(longitude[good], latitude[good]), grid.coordsys)
    out = np.zeros((len(exposure), *grid.shape), "f4")
    out[:, good] = exposure[:, pixels]
    return out


def _wcs_header(grid: SkyGrid, energies: np.ndarray) -> Header:
    header = grid.keywords()
    header.set("CTYPE3", "log_Energy", "natural logarithm of the energy in MeV")
    header.set("CRPIX3", 1, "reference pixel")
    header.set("CRVAL3", math.log(energies[0]), "there")
    steps = len(energies) - 1
    step = math.log(energies[-1] / energies[0]) / steps if steps else 0.0
    header.set("CDELT3", step, "a plane; see ENERGIES")
    header.set("COORDSYS", grid.coordsys, "frame of the map")
    if grid.coordsys == "CEL":
        header.set("EQUINOX", 2000.0, "equinox of RA and DEC")
        header.set("RADECSYS", "FK5", "frame of RA and DEC")
    return header


def run(values: SimpleNamespace) -> None:
    """Run the command."""
    counts = None
    if values.cmap.strip().lower() not in ("none", "hpx"):
        counts = read_counts_map(Path(values.cmap))
    response = _response(values, counts)
    geometry, energies = _geometry(values, counts), _edges(values, counts)
    cube = read_livetime_cube(values.infile, values.table)
    if counts is not None:
        _need_same_times(counts, cube, Path(values.infile))
    with FitsWriter(values.outfile, clobber=values.clobber) as writer:
        exposure = _exposure(values, cube, response, energies)
        common = Header([("TELESCOP", "GLAST", ""), ("INSTRUME", "LAT", "")])
        dates.date_keywords(common, cube.tstart, cube.tstop)
        common.set("CREATOR", dates.creator("gtexpcube2"), "software that made this file")
        from_name = values.irfs.upper() != "CALDB"
        cuts = output_cuts(cube, counts, response, from_name=from_name)
        if isinstance(geometry, HpxGeometry):
            writer.primary(dss.write(common.copy(), cuts))
            header = common.copy()
            header.set("HPX_CONV", "FGST_BEXPCUBE", "convention of the columns")
            write_skymap(
                writer,
                "HPXEXPOSURES",
                geometry,
                exp.healpix_exposure(cube, exposure, geometry),
                prefix="ENERGY",
                header=header,
                unit="cm2 s",
            )
        else:
            header = _wcs_header(geometry, energies)
            header.update(dss.write(common.copy(), cuts))
            writer.primary(header, wcs_exposure(cube, exposure, geometry))
        write_energies(writer, energies, common)
        gti.write(writer, cube.intervals, common)


def _exposure(
    values: SimpleNamespace, cube: LivetimeCube, response: Response, energies: np.ndarray
) -> np.ndarray:
    by_phi = cube.bins.n_phi > 0 and not values.ignorephi
    inclination = exp.Inclination(values.thmin, values.thmax)
    weights = exp.bin_weights(response, energies, cube.bins, by_phi=by_phi, inclination=inclination)
    try:
        return exp.exposure_of_pixels(cube, weights, by_phi=by_phi)
    except InputError as error:
        raise InputError(error.message, file=values.infile, key=error.key) from None


COMMAND = Command(
    "gtexpcube2",
    "exposure maps",
    (
        Parameter("infile", "file", ..., "livetime cube"),
        Parameter(
            "cmap", "file", ..., "counts map, or none (own WCS map) or hpx (own HEALPix map)"
        ),
        Parameter("outfile", "file", ..., "exposure cube to write"),
        Parameter("irfs", "string", "CALDB", "IRFs, or CALDB: those of the counts map's cuts"),
        Parameter("evtype", "int", None, "mask of event types; INDEF for FRONT and BACK"),
        Parameter("edisp_bins", "int", 0, "energies more at either end"),
        Parameter("nxpix", "int", None, "columns of the map"),
        Parameter("nypix", "int", None, "rows of the map"),
        Parameter("binsz", "real", None, "pixel size, deg"),
        Parameter("coordsys", "choice", "GAL", "frame", ("CEL", "GAL")),
        Parameter("xref", "real", None, "longitude of the centre, deg"),
        Parameter("yref", "real", None, "latitude of the centre, deg"),
        Parameter("axisrot", "real", 0.0, "rotation, deg"),
        Parameter("proj", "string", "CAR", "projection"),
        Parameter("ebinalg", "choice", "LOG", "energy bins", ("LOG", "FILE")),
        Parameter("emin", "real", None, "lowest energy, MeV"),
        Parameter("emax", "real", None, "highest energy, MeV"),
        Parameter("enumbins", "int", None, "bins of energy"),
        Parameter("ebinfile", "file", "NONE", "file of energy bins"),
        Parameter("hpx_ordering_scheme", "choice", "RING", "numbering", ("RING", "NESTED")),
        Parameter("hpx_order", "int", 6, "order; INDEF for the counts map's pixels"),
        Parameter("bincalc", "choice", "EDGE", "energies at", ("EDGE", "CENTER")),
        Parameter("ignorephi", "bool", False, "use no azimuth although the livetimes have it"),
        Parameter("thmax", "real", 180.0, "largest angle from the axis, deg"),
        Parameter("thmin", "real", 0.0, "smallest angle from the axis, deg"),
        Parameter("table", "string", EXPOSURE, "HDU of the livetimes"),
    ),
    run,
)
