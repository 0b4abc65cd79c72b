"""Source maps of diffuse emission: expected counts per pixel, energy plane by energy plane.

The map of a component at energy E is ∫ pixel (I(E) × X(E)) ⊗ PSF(E) dΩ with the intensity I of its
template (cm⁻² s⁻¹ sr⁻¹ MeV⁻¹) and the exposure X (cm² s): counts/MeV per pixel, for a spectral
factor of one. Planes stand at the edges of the counts cube's energy bins. An isotropic component
has I = 1, its spectrum being a factor of its own; what is convolved is the exposure.

Steps for one plane: sample the template at the finer of its own resolution and twice that of the
counts map, multiply by the exposure of the exposure map's pixel (both as the Fermitools do),
convolve with the mean PSF and average over the pixels (``convolution``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from latsky.embedded import sampling
from latsky.embedded.convolution import Convolver, Kernel
from latsky.embedded.mean_psf import SUPPORT, Direction, MeanPsf, mean_psf
from latsky.embedded.template import PlaneReader, Template
from latsky.errors import InputError
from latsky.fits.frames import rotation
from latsky.fits.hpx import HpxGeometry, HpxTable
from latsky.fits.irfs import Response
from latsky.fits.livetime import LivetimeCube

REFERENCE: Direction = (0.0, 0.0)
"""longitude and latitude, in the frame of the counts map, at which the Fermitools take the PSF of
diffuse components of an all-sky HEALPix map: its reference direction"""
SAME_ENERGY = 1e-3
"""relative difference up to which an exposure plane is the one of an energy"""


class Exposure:
    """An exposure cube, plane by plane, RING order."""

    def __init__(self, table: HpxTable) -> None:
        self.table, self.nside = table, table.geometry.nside
        self.frame = table.geometry.coordsys
        self.energies = np.asarray(table.energies)

        def read(first: int, stop: int) -> np.ndarray:
            planes = table.read(first, stop)
            if table.geometry.nested:
                planes = np.stack([sampling.to_ring(plane, self.nside) for plane in planes])
            return planes

        self._planes = PlaneReader(read, table.n_planes, table.geometry.npix * 8)

    def plane(self, energy: float) -> np.ndarray:
        """Exposure (npix,) in cm² s at ``energy`` MeV. Raises InputError if there is none."""
        at = int(np.abs(np.log(self.energies / energy)).argmin())
        if abs(self.energies[at] / energy - 1) > SAME_ENERGY:
            raise InputError(
                f"no plane at {energy:.6g} MeV (they are at "
                f"{', '.join(f'{e:.6g}' for e in self.energies)})",
                file=self.table.path,
                key="ENERGIES",
            )
        return self._planes.get(at, at + 1)[0]


@dataclass
class PsfSource:
    """Where mean PSFs come from: response, livetime cube, and directions to average over.

    ``containment`` ends the PSF at the radius that holds this fraction of it. The Fermitools take
    0.995, which leaves faint pixels several per cent too faint; None keeps the whole of it.
    """

    response: Response
    livetime: LivetimeCube
    frame: str = "GAL"
    directions: tuple[Direction, ...] = (REFERENCE,)
    containment: float | None = None

    def at(self, energy: float) -> MeanPsf:
        """The mean PSF at ``energy`` MeV."""
        return mean_psf(self.response, self.livetime, energy, self.directions, self.frame)

    def kernel(self, energy: float, lmax: int) -> Kernel:
        """Its Legendre window, l = 0 … ``lmax``, and itself.

        Raises InputError where there is no livetime.
        """
        psf = self.at(energy)
        if psf.exposure <= 0.0:
            raise InputError(
                f"no livetime at {self.directions[0]} ({self.frame}), where the PSF is taken",
                key="psf-position",
            )
        support = SUPPORT
        if self.containment is not None:
            support = float(psf.containment([self.containment])[0])
        return Kernel(psf.window(lmax, support), psf.profile(support))


@dataclass
class DiffuseMaps:
    """The planes of one component's source map.

    ``template`` None is an isotropic component, ``psf`` None leaves out the convolution. Planes
    come in RING order of ``geometry``'s nside and frame whatever its ordering: ``planes`` turns
    them into its own. Results do not depend on ``threads``.
    """

    geometry: HpxGeometry
    exposure: Exposure
    template: Template | None = None
    psf: PsfSource | None = None
    threads: int = 1
    convolver: Convolver | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.geometry.order < 0:
            raise InputError(f"NSIDE {self.geometry.nside} is no power of two", key="NSIDE")
        nside = self.geometry.nside
        if self.template is not None:
            resolution = max(2 * nside, self.template.nside)
            same = self._turn(self.template.frame) is None
            uniform = resolution == self.template.nside and same
            self.convolver = Convolver(nside, resolution, uniform=uniform, threads=self.threads)
        elif self.psf is not None:
            self.convolver = Convolver(nside, 2 * nside, uniform=False, threads=self.threads)

    def planes(self, energies: np.ndarray) -> Iterator[np.ndarray]:
        """Maps (npix,) in counts/MeV at the ``energies`` (MeV, rising), one at a time.

        Raises InputError when the template or the exposure lacks one of them.
        """
        if self.template is not None:
            self.template.check_energies(energies)
        for energy in energies:
            plane = self.plane(float(energy))
            if self.geometry.nested:
                plane = sampling.to_nested(plane, self.geometry.nside)
            yield plane

    def plane(self, energy: float) -> np.ndarray:
        """The map (npix,) at ``energy`` MeV in RING order."""
        area = self.geometry.pixel_area
        if self.convolver is None:
            return self._exposure_at(energy, self.geometry.nside) * area
        kernel = None
        if self.psf is not None:
            kernel = self.psf.kernel(energy, self.convolver.longest)
        fine = self.convolver.nside_field
        if self.template is None:
            field_ = np.ones(12 * fine * fine)
        else:
            field_ = self.template.sample(energy, fine, self.geometry.coordsys)
        self._expose(field_, energy)
        result = self.convolver.convolve(field_, kernel)
        result *= area
        # ringing about a bright spot may leave tiny negative values: they are cut, and the sum kept
        total = result.sum()
        np.maximum(result, 0.0, out=result)
        kept = result.sum()
        if kept > 0.0:
            result *= total / kept
        return result

    def _turn(self, frame: str) -> np.ndarray | None:
        return rotation(self.geometry.coordsys, frame)

    def _exposure_at(self, energy: float, nside: int) -> np.ndarray:
        """Exposure on ``nside``'s pixels of the counts frame: nearest, or mean if it is finer."""
        plane, turn = self.exposure.plane(energy), self._turn(self.exposure.frame)
        if turn is None and self.exposure.nside > nside:
            parent = sampling.parents(self.exposure.nside, nside)
            return sampling.average(plane.astype("f8"), parent, 12 * nside * nside)
        return sampling.nearest(plane, self.exposure.nside, nside, turn).astype("f8")

    def _expose(self, field_: np.ndarray, energy: float) -> None:
        """Multiply a field in place by the exposure."""
        convolver = self.convolver
        assert convolver is not None
        fine = convolver.nside_field
        same = self._turn(self.exposure.frame) is None
        nside = min(self.exposure.nside, fine) if same else fine
        convolver.multiply(field_, self._exposure_at(energy, nside), nside)
