"""Source maps of catalogue sources: shape ⊗ mean PSF at the source × exposure at the source.

Values are counts/MeV per pixel for a spectral factor of one, at the edges of the energy bins, as
for diffuse components. PSF and exposure are those at the source's position (of an extended source
at its centre), as in the Fermitools; the exposure is interpolated between the pixels of its map.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from latsky.catalog.read import CatalogSource, Shape
from latsky.embedded import sampling
from latsky.embedded.extended_source import (
    Cloud,
    disk_profile,
    gaussian_profile,
    read_template,
    template_map,
)
from latsky.embedded.point_source import SourceMap, profile_map
from latsky.embedded.profile import Profile, PsfBasis, psf_basis
from latsky.errors import InputError
from latsky.fits.frames import rotation, unit_vectors
from latsky.fits.hpx import HpxGeometry, HpxTable
from latsky.fits.irfs import Response
from latsky.fits.livetime import LivetimeCube

SAME_ENERGY = 1e-3
"""relative difference up to which an exposure plane is the one of an energy"""


class PointExposure:
    """Exposure at a direction, bilinear between the pixels of an exposure cube."""

    def __init__(self, table: HpxTable, energies: np.ndarray) -> None:
        have = np.asarray(table.energies if table.energies is not None else [])
        chosen = []
        for energy in energies:
            at = int(np.abs(np.log(have / energy)).argmin()) if len(have) else -1
            if at < 0 or abs(have[at] / energy - 1) > SAME_ENERGY:
                raise InputError(f"no plane at {energy:.6g} MeV", file=table.path, key="ENERGIES")
            chosen.append(at)
        planes = [table.plane(at) for at in chosen]
        self.nside, self.frame = table.geometry.nside, table.geometry.coordsys
        if table.geometry.nested:
            planes = [sampling.to_ring(plane, self.nside) for plane in planes]
        self.planes = np.stack(planes).astype("f8")

    def at(self, ra: float, dec: float) -> np.ndarray:
        """(planes,) cm² s"""
        vector = _vector(ra, dec, self.frame)
        theta = np.array([np.arctan2(np.hypot(vector[0], vector[1]), vector[2])])
        phi = np.array([np.arctan2(vector[1], vector[0]) % (2 * np.pi)])
        found = np.empty((len(self.planes), 1))
        for plane, values in zip(self.planes, found, strict=True):
            sampling._interpolate_points(plane, self.nside, theta, phi, values)
        return found[:, 0]


def _vector(ra: float, dec: float, frame: str) -> np.ndarray:
    vector = unit_vectors(np.array(ra), np.array(dec))
    turn = rotation("CEL", frame)
    return vector if turn is None else turn @ vector


@dataclass
class CatalogMaps:
    """Maker of the maps of one binning component."""

    geometry: HpxGeometry
    energies: np.ndarray
    """MeV, (planes,)"""
    response: Response
    livetime: LivetimeCube
    exposure: PointExposure
    basis: PsfBasis = field(init=False)

    def __post_init__(self) -> None:
        if self.geometry.order < 0:
            raise InputError(f"NSIDE {self.geometry.nside} is no power of two", key="NSIDE")
        self.basis = psf_basis(self.response, self.livetime, self.energies)

    def psf(self, ra: float, dec: float) -> Profile:
        """Mean PSF at a position."""
        cube = self.livetime.geometry
        pixel = int(cube.base.vec2pix(_vector(ra, dec, cube.coordsys)[None])[0])
        return self.basis.profile(self.livetime, pixel)

    def shape_map(self, shape: Shape, ra: float, dec: float) -> SourceMap:
        """Map of a shape, each plane's sum one; pixels in the geometry's own numbering."""
        nside, frame = self.geometry.nside, self.geometry.coordsys
        if shape.kind == "SpatialMap":
            cloud = self._cloud(shape)
            centre = cloud.turned("CEL").centroid
            lon = np.degrees(np.arctan2(centre[1], centre[0])) % 360
            lat = np.degrees(np.arctan2(centre[2], np.hypot(centre[0], centre[1])))
            found = template_map(nside, cloud.turned(frame), self.psf(float(lon), float(lat)))
        else:
            profile = self.psf(ra, dec)
            if shape.kind == "RadialDisk":
                profile = disk_profile(profile, np.radians(shape.size))
            elif shape.kind == "RadialGaussian":
                profile = gaussian_profile(profile, np.radians(shape.size))
            elif shape.kind != "SkyDirFunction":
                raise InputError(f"no map can be made of {shape.kind}", key=shape.kind)
            found = profile_map(nside, _vector(ra, dec, frame), profile)
        if not self.geometry.nested:
            return found
        pixels = HpxGeometry(nside).base.ring2nest(found.pixels)
        order = np.argsort(pixels)
        return SourceMap(pixels[order], found.values[:, order])

    def _cloud(self, shape: Shape) -> Cloud:
        assert shape.template is not None
        return read_template(shape.template, np.sqrt(np.pi / 3) / self.geometry.nside / 15)

    def source_map(self, source: CatalogSource) -> SourceMap:
        """Map of a source in cm² s a pixel: counts/MeV for a spectral factor of one."""
        found = self.shape_map(source.shape, source.ra, source.dec)
        found.values[...] *= self.exposure.at(source.ra, source.dec)[:, None]
        return found


def add_to(planes: np.ndarray, found: SourceMap, factors: np.ndarray) -> None:
    """Add a source's map × ``factors`` (planes,) to whole-sky ``planes``."""
    for plane, values, factor in zip(planes, found.values, factors, strict=True):
        plane[found.pixels] += factor * values
