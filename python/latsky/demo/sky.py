"""The sky that is simulated: a toy Galaxy in rings, an isotropic glow, two large structures, a
residual background and a small catalogue.

Everything follows from a seed. Galactic maps are line-of-sight integrals through a disk of gas
with clouds, cut in rings of galactocentric distance as GALPROP writes them; each component of a
ring is a map times a spectrum. Intensities: ph cm⁻² s⁻¹ sr⁻¹ MeV⁻¹, energies MeV.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latsky.demo.spectra import Nodes, Spectrum, energy_flux, flux
from latsky.fits.hpx import HpxGeometry

GAS_NSIDE = 32
GALPROP_RUN = "DEMO"
RING_EDGES = (0.0, 4.0, 7.0, 9.5, 22.0)
"""galactocentric distances between the rings, kpc"""
SUN_DISTANCE = 8.3
"""kpc"""
CUBE_ENERGIES = np.geomspace(20.0, 2e6, 26)
"""energies of map cubes and of the isotropic spectrum, MeV"""


def vectors(geometry: HpxGeometry) -> np.ndarray:
    """Unit vectors (npix, 3) of pixel centres in the geometry's own frame."""
    from ducc0.healpix import Healpix_Base

    base = Healpix_Base(geometry.nside, "NEST" if geometry.nested else "RING")
    return base.pix2vec(np.arange(geometry.npix))


_GALACTIC = np.array(
    [
        [-0.0548755604, -0.8734370902, -0.4838350155],
        [0.4941094279, -0.4448296300, 0.7469822445],
        [-0.8676661490, -0.1980763734, 0.4559837762],
    ]
)
"""rotation from J2000 equatorial to Galactic axes (Hipparcos catalogue, ESA SP-1200, 1.5.3)"""


def to_galactic(vector: np.ndarray) -> np.ndarray:
    """Galactic unit vectors of equatorial ones, (n, 3)."""
    return vector @ _GALACTIC.T


def to_equatorial(vector: np.ndarray) -> np.ndarray:
    """Equatorial unit vectors of Galactic ones, (n, 3)."""
    return vector @ _GALACTIC


@dataclass(frozen=True)
class MapComponent:
    """A map times a spectrum: intensity = ``pixels`` × ``spectrum(E)``."""

    name: str
    geometry: HpxGeometry
    pixels: np.ndarray
    """relative intensity, mean over the sky one"""
    spectrum: Nodes

    def cube(self, energies: np.ndarray) -> np.ndarray:
        """Intensity (planes, pixels)."""
        return self.spectrum(energies)[:, None] * self.pixels


@dataclass(frozen=True)
class Extent:
    """Shape of an extended source: RadialDisk, RadialGauss or SpatialMap."""

    name: str
    function: str
    radius: float
    """degrees: of the disk, of 68 % containment of the Gaussian, half the width of the map"""
    image: np.ndarray | None = None
    """SpatialMap: brightness (sr⁻¹, integral one) on a tangential projection about the source,
    rows from south to north, columns from east to west"""
    pixel: float = 0.0
    """degrees"""

    @property
    def file(self) -> str:
        """Name of the template's file."""
        return f"{self.name.replace(' ', '')}.fits" if self.image is not None else ""


@dataclass(frozen=True)
class Source:
    """A source of the catalogue."""

    name: str
    ra: float
    dec: float
    spectrum: Spectrum
    source_class: str
    extent: Extent | None = None

    @property
    def flux1000(self) -> float:
        """Photon flux above 1 GeV (to 100 GeV), ph cm⁻² s⁻¹."""
        return flux(self.spectrum, 1e3, 1e5)

    @property
    def energy_flux100(self) -> float:
        """Energy flux between 100 MeV and 100 GeV, erg cm⁻² s⁻¹."""
        return energy_flux(self.spectrum, 1e2, 1e5) * 1.602176634e-6

    @property
    def label(self) -> float:
        """Stands for a significance in the catalogue, so that cuts on it have something to cut."""
        return float(12.0 * (self.flux1000 / 1e-9) ** 0.75)


@dataclass(frozen=True)
class Sky:
    """All that shines."""

    rings: tuple[MapComponent, ...]
    isotropic: Nodes
    structures: tuple[MapComponent, ...]
    residual: MapComponent
    """cosmic rays taken for SOURCE photons: as measured, not smeared by the instrument"""
    sources: tuple[Source, ...]


def _power_with_cutoff(norm: float, index: float, cutoff: float, bend: float = 0.0) -> np.ndarray:
    """Norm at 1 GeV; below ``bend`` MeV the spectrum turns over as a hadronic one does."""
    e = CUBE_ENERGIES
    return norm * (e / 1e3) ** -index * np.exp(-(e - 1e3) / cutoff) / (1 + (bend / e) ** 1.6)


RING_SPECTRA = {
    "pi0_decay": Nodes(CUBE_ENERGIES, _power_with_cutoff(1.0, 2.72, 5e6, 320.0)),
    "bremss": Nodes(CUBE_ENERGIES, _power_with_cutoff(0.32, 2.45, 4e4)),
    "ics": Nodes(CUBE_ENERGIES, _power_with_cutoff(1.0, 2.15, 4e5)),
}
"""shape of the components' spectra, one at 1 GeV for the leading one"""


def make_sky(seed: int) -> Sky:
    """The sky of a seed; the same one for the same seed."""
    rng = np.random.Generator(np.random.PCG64([seed, 1]))
    geometry = HpxGeometry(GAS_NSIDE)
    isotropic = 1.0e-7 * (CUBE_ENERGIES / 100) ** -2.32 * np.exp(-CUBE_ENERGIES / 2.8e5)
    isotropic += 2.5e-8 * (CUBE_ENERGIES / 100) ** -3.0
    return Sky(
        _rings(geometry, rng),
        Nodes(CUBE_ENERGIES, isotropic),
        (_loop(), _bubbles()),
        _residual(),
        _sources(np.random.Generator(np.random.PCG64([seed, 2]))),
    )


def _rings(geometry: HpxGeometry, rng: np.random.Generator) -> tuple[MapComponent, ...]:
    direction = vectors(geometry)
    step = np.geomspace(0.02, 30.0, 161)
    width = np.diff(step)
    middle = 0.5 * (step[1:] + step[:-1])
    hydrogen = np.zeros((4, geometry.npix))
    molecular = np.zeros_like(hydrogen)
    photons = np.zeros_like(hydrogen)
    for s, ds in zip(middle, width, strict=True):
        x = SUN_DISTANCE - s * direction[:, 0]
        y, z = s * direction[:, 1], s * direction[:, 2]
        radius = np.hypot(x, y)
        ring = np.digitize(radius, RING_EDGES) - 1
        inside = ring < 4
        flare = 0.12 * np.exp(np.maximum(radius - SUN_DISTANCE, 0) / 9.0)
        rays = np.exp(-np.maximum(radius - 5.0, 0) / 12.0)
        hi = 0.9 * np.exp(-np.maximum(radius - 7.0, 0) / 6.0) * (radius > 2.0) + 0.1
        h2 = 1.6 * np.exp(-(((radius - 5.0) / 2.2) ** 2)) + 0.12 * (radius < 12)
        ic = np.exp(-radius / 5.0) * np.exp(-np.abs(z) / 2.0)
        pixels = np.flatnonzero(inside)
        at = (ring[pixels], pixels)
        hydrogen[at] += (hi * rays * np.exp(-0.5 * (z / flare) ** 2) * ds)[pixels]
        molecular[at] += (h2 * rays * np.exp(-0.5 * (z / 0.06) ** 2) * ds)[pixels]
        photons[at] += (ic * ds)[pixels]
    clouds = _clouds(direction, rng)
    molecular *= clouds
    hydrogen *= clouds**0.35
    components = []
    for gas, column, mean in (("HIR", hydrogen, 6.5e-10), ("H2R", molecular, 3.5e-10)):
        column *= mean / column.sum(axis=0).mean()
        for process in ("pi0_decay", "bremss"):
            for number, ring_map in enumerate(column, 1):
                name = f"{process}_{gas}_ring_{number}"
                components.append((name, ring_map, RING_SPECTRA[process]))
    photons *= 4.0e-10 / photons.sum(axis=0).mean()
    for number, ring_map in enumerate(photons, 1):
        components.append((f"ics_ring_{number}", ring_map, RING_SPECTRA["ics"]))
    return tuple(
        MapComponent(
            name,
            geometry,
            ring_map / ring_map.mean(),
            Nodes(spectrum.energy, spectrum.value * ring_map.mean()),
        )
        for name, ring_map, spectrum in components
    )


def _clouds(direction: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Factor (npix,) of mean about one: clouds of some degrees, most of them near the plane."""
    count = 220
    lon = rng.uniform(0, 2 * np.pi, count)
    lat = np.radians(rng.laplace(0.0, 7.0, count).clip(-70, 70))
    size = np.radians(rng.uniform(1.5, 9.0, count))
    height = rng.lognormal(0.0, 0.7, count)
    centre = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
    factor = np.full(len(direction), 0.5)
    for c, s, h in zip(centre, size, height, strict=True):
        factor += h * np.exp((direction @ c - 1) / s**2)
    return factor


def _loop() -> MapComponent:
    """A shell like Loop I, 116° wide, brightest towards the Galaxy."""
    geometry = HpxGeometry(GAS_NSIDE)
    direction = vectors(geometry)
    lon, lat = np.radians(329.0), np.radians(17.5)
    centre = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    angle = np.degrees(np.arccos(np.clip(direction @ centre, -1, 1)))
    shell = np.exp(-0.5 * ((angle - 58.0) / np.where(angle < 58, 14.0, 4.0)) ** 2)
    pixels = shell * (0.4 + 0.6 * (1 + direction[:, 2]) / 2) + 1e-3
    spectrum = Nodes(CUBE_ENERGIES, 0.9e-10 * _power_with_cutoff(1.0, 2.4, 2e5))
    return MapComponent("loopI", geometry, pixels / pixels.mean(), spectrum)


def bubble_shape(direction: np.ndarray) -> np.ndarray:
    """Relative intensity (n,) of the bubbles in Galactic directions (n, 3), mean over the sky one.

    Two ellipses of half axes 18° and 24°, centred 25° above and below the Galactic centre.
    """
    across = np.degrees(np.arctan2(direction[:, 1], direction[:, 0]))
    latitude = np.degrees(np.arcsin(np.clip(direction[:, 2], -1, 1)))
    shape = np.full(len(direction), 1e-3)
    for centre in (25.0, -25.0):
        distance = np.hypot(across / 18.0, (latitude - centre) / 24.0)
        shape += 1 / (1 + np.exp(np.minimum((distance - 1) / 0.08, 50.0)))
    return shape / _BUBBLES_MEAN


_BUBBLES_MEAN = 0.0604257
"""mean over the sky of the shape before it is normalised"""


def _bubbles() -> MapComponent:
    """Two lobes above and below the Galactic centre with a hard spectrum."""
    geometry = HpxGeometry(4 * GAS_NSIDE)
    pixels = bubble_shape(vectors(geometry))
    spectrum = Nodes(CUBE_ENERGIES, 4.0e-11 * _power_with_cutoff(1.0, 1.9, 1e5))
    return MapComponent("bubbles", geometry, pixels, spectrum)


def _residual() -> MapComponent:
    """A smooth pattern between the celestial poles."""
    geometry = HpxGeometry(GAS_NSIDE // 2)
    pixels = 1 + 0.5 * to_equatorial(vectors(geometry))[:, 2]
    spectrum = Nodes(CUBE_ENERGIES, 1.0e-8 * (CUBE_ENERGIES / 100) ** -2.5)
    return MapComponent("residual", geometry, pixels / pixels.mean(), spectrum)


def _name(ra: float, dec: float, suffix: str = "") -> str:
    """4FGL style name of a position (degrees)."""
    minutes = np.floor((ra % 360) * 4 * 10) / 10
    arc = np.floor(abs(dec) * 60)
    hours, rest = divmod(minutes, 60)
    sign = "+" if dec >= 0 else "-"
    return f"4FGL J{hours:02.0f}{rest:04.1f}{sign}{arc // 60:02.0f}{arc % 60:02.0f}{suffix}"


def _scaled(kind: str, flux1000: float, *shape: float) -> Spectrum:
    """A spectrum with a photon flux above 1 GeV."""
    pivot, index, *rest = shape
    unit = Spectrum(kind, 1.0, pivot, index, *rest)
    return Spectrum(kind, flux1000 / flux(unit, 1e3, 1e5), pivot, index, *rest)


def _sources(rng: np.random.Generator) -> tuple[Source, ...]:
    bright = (
        # Galactic longitude, latitude, class, flux above 1 GeV, spectrum
        (263.6, -2.8, "PSR", 1.3e-6, "PLSuperExpCutoff", 1500.0, 2.10, 0.60, 0.60),
        (195.1, 4.3, "PSR", 7.0e-7, "PLSuperExpCutoff", 1500.0, 1.90, 0.65, 0.70),
        (86.1, -38.2, "FSRQ", 2.0e-7, "LogParabola", 800.0, 2.40, 0.10),
        (305.1, 57.1, "FSRQ", 9.0e-8, "LogParabola", 900.0, 2.25, 0.06),
        (179.8, 65.0, "BLL", 3.0e-8, "PowerLaw", 1300.0, 1.78),
        (92.6, -10.4, "BLL", 4.0e-8, "PowerLaw", 900.0, 2.15),
    )
    found = []
    for lon, lat, source_class, flux1000, kind, *shape in bright:
        found.append(_placed(lon, lat, source_class, _scaled(kind, flux1000, *shape)))
    count = 34
    strength = 1.5e-9 * (1 - rng.uniform(0, 0.985, count)) ** (-1 / 1.2)
    for number in range(count):
        galactic = number % 3 == 0
        lon = rng.uniform(0, 360)
        lat = rng.normal(0, 3) if galactic else np.degrees(np.arcsin(rng.uniform(-1, 1)))
        kind = ("PowerLaw", "LogParabola", "PLSuperExpCutoff")[(number // 2) % 3]
        index = rng.normal(2.3, 0.2)
        shape = {
            "PowerLaw": (1000.0, index),
            "LogParabola": (1000.0, index, rng.uniform(0.05, 0.2)),
            "PLSuperExpCutoff": (1200.0, index - 0.2, rng.uniform(0.3, 0.7), 2.0 / 3.0),
        }[kind]
        source_class = "PSR" if kind == "PLSuperExpCutoff" else ("UNK" if galactic else "BCU")
        found.append(_placed(lon, lat, source_class, _scaled(kind, strength[number], *shape)))
    disk = Extent("Demo Disk", "RadialDisk", 1.2)
    gauss = Extent("Demo Halo", "RadialGauss", 0.8)
    shell = _shell("Demo Shell", rng)
    for lon, lat, source_class, flux1000, index, extent in (
        (6.5, -0.4, "snr", 6.0e-8, 2.2, disk),
        (284.5, -3.0, "PWN", 4.0e-8, 2.0, gauss),
        (160.4, 2.8, "SNR", 5.0e-8, 2.3, shell),
    ):
        spectrum = _scaled("PowerLaw", flux1000, 1000.0, index)
        found.append(_placed(lon, lat, source_class, spectrum, extent))
    names = [source.name for source in found]
    if len(set(names)) != len(names):
        raise ValueError("two sources of this seed have one name")
    return tuple(found)


def _placed(
    lon: float, lat: float, source_class: str, spectrum: Spectrum, extent: Extent | None = None
) -> Source:
    from latsky.demo.orbit import direction, unit_vector

    ra, dec = direction(to_equatorial(unit_vector(np.array(lon), np.array(lat))))
    ra, dec = round(float(ra), 4), round(float(dec), 4)
    return Source(_name(ra, dec, "e" if extent else ""), ra, dec, spectrum, source_class, extent)


def _shell(name: str, rng: np.random.Generator) -> Extent:
    """A patchy shell of 2° across on 0.05° pixels."""
    half, pixel = 1.5, 0.05
    x = np.arange(-half + pixel / 2, half, pixel)
    across, along = np.meshgrid(x, x)
    radius, angle = np.hypot(across, along), np.arctan2(along, across)
    image = np.exp(-0.5 * ((radius - 0.85) / 0.15) ** 2)
    for order, phase in enumerate(rng.uniform(0, 2 * np.pi, 4), 1):
        image *= 1 + 0.25 * np.cos(order * angle + phase)
    # solid angle of a pixel of the tangential projection: cos³ of its distance from the centre
    distance = np.arctan(np.radians(radius))
    solid = np.radians(pixel) ** 2 * np.cos(distance) ** 3
    return Extent(name, "SpatialMap", half, image / (image * solid).sum(), pixel)
