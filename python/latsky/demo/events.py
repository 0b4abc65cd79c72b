"""Photons of the demonstration's sky, as the LAT would record them.

Monte Carlo by rejection, exact in the response functions that the analysis uses: photons fall on a
sphere that is as large as the largest effective area at their energy; each has a time drawn in
proportion to livetime, a direction from its source, and is kept with the probability that the
effective area at its angle and livetime fraction gives. Then it is given an event type, and its
direction and energy are smeared with that type's point-spread function and energy dispersion,
which are mixtures of simple functions at the nodes of the response tables and are sampled as such.

FRONT/BACK and EDISP bits are dealt out in the right numbers, independently of the PSF type: the
smearing is the PSF type's. Analyses by FRONT/BACK or EDISP type see the right counts and exposure,
and a point-spread function averaged over PSF types.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latsky.demo import orbit
from latsky.demo.irfs import CLASSES, EVENT_TYPE_BITS
from latsky.demo.sky import Extent, MapComponent, Sky, to_equatorial, to_galactic
from latsky.demo.spectra import ENERGIES, Nodes, integral
from latsky.fits import dss, gti
from latsky.fits.core import Column, FitsWriter
from latsky.fits.irfs import EffectiveArea, Response, linear_weights

ENERGY_RANGE = (25.0, 1e6)
"""measured energies that event files hold, MeV"""
EVENT_CLASS = 128
ATMOSPHERE = 60e3
"""height below which the Earth's atmosphere is opaque, m"""
PSF_TYPES = ("PSF0", "PSF1", "PSF2", "PSF3")
LIMB = "earth_limb"


@dataclass(frozen=True)
class Emitter:
    """Something that shines: its flux from all directions and how photons' directions are drawn."""

    name: str
    flux: Callable[[np.ndarray], np.ndarray]
    """ph cm⁻² s⁻¹ MeV⁻¹ at energies in MeV, over the whole source"""
    directions: Callable[[np.random.Generator, int, orbit.Attitude], np.ndarray]
    """generator, number, attitude at the photons' times → equatorial unit vectors (n, 3)"""
    terrestrial: bool = False
    """whether it comes from the Earth, which otherwise hides what is behind it"""
    background: bool = False
    """whether it is not made of photons: direction and energy are the measured ones, and it is
    not in the cleaner event classes"""


# directions --------------------------------------------------------------------------------------


def _sphere(rng: np.random.Generator, count: int, _: orbit.Attitude) -> np.ndarray:
    z = rng.uniform(-1, 1, count)
    angle = rng.uniform(0, 2 * np.pi, count)
    rho = np.sqrt(1 - z * z)
    return np.stack([rho * np.cos(angle), rho * np.sin(angle), z], axis=-1)


def _from_map(component: MapComponent) -> Callable[..., np.ndarray]:
    """Draw from a HEALPix map, uniformly inside of a pixel."""
    from ducc0.healpix import Healpix_Base

    geometry = component.geometry
    base = Healpix_Base(geometry.nside, "NEST" if geometry.nested else "RING")
    fine_bits = 12
    fine = Healpix_Base(geometry.nside << fine_bits, "NEST")
    total = np.cumsum(component.pixels)

    def draw(rng: np.random.Generator, count: int, _: orbit.Attitude) -> np.ndarray:
        pixel = np.searchsorted(total, rng.uniform(0, total[-1], count), "right")
        pixel = np.minimum(pixel, geometry.npix - 1)
        nested = pixel if geometry.nested else base.ring2nest(pixel)
        inside = rng.integers(0, 1 << 2 * fine_bits, count)
        vector = fine.pix2vec((nested << 2 * fine_bits) + inside)
        return to_equatorial(vector) if geometry.coordsys == "GAL" else vector

    return draw


def tangent_frame(ra: float, dec: float) -> np.ndarray:
    """Rows: unit vectors to the east, to the north and outward at a position (degrees)."""
    a, d = np.radians(ra), np.radians(dec)
    east = np.array([-np.sin(a), np.cos(a), 0.0])
    north = np.array([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)])
    return np.stack(
        [east, north, np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])]
    )


def _from_point(ra: float, dec: float) -> Callable[..., np.ndarray]:
    centre = orbit.unit_vector(np.array(ra), np.array(dec))
    return lambda rng, count, _: np.broadcast_to(centre, (count, 3))


def _from_extent(ra: float, dec: float, extent: Extent) -> Callable[..., np.ndarray]:
    frame = tangent_frame(ra, dec)

    def from_polar(angle: np.ndarray, around: np.ndarray) -> np.ndarray:
        sine = np.sin(angle)
        local = np.stack([sine * np.sin(around), sine * np.cos(around), np.cos(angle)], axis=-1)
        return local @ frame

    def round_shape(rng: np.random.Generator, count: int, _: orbit.Attitude) -> np.ndarray:
        share = rng.uniform(0, 1, count)
        if extent.function == "RadialDisk":
            edge = np.cos(np.radians(extent.radius))
            angle = np.arccos(1 - share * (1 - edge))
        else:
            # 68 % of a two-dimensional Gaussian lie within sigma sqrt(-2 ln 0.32)
            sigma = np.radians(extent.radius) / np.sqrt(-2 * np.log(0.32))
            angle = sigma * np.sqrt(-2 * np.log1p(-share))
        return from_polar(angle, rng.uniform(0, 2 * np.pi, count))

    def image_shape(rng: np.random.Generator, count: int, _: orbit.Attitude) -> np.ndarray:
        rows, columns = extent.image.shape
        grid = (np.arange(columns) - (columns - 1) / 2) * np.radians(extent.pixel)
        rise = (np.arange(rows) - (rows - 1) / 2) * np.radians(extent.pixel)
        across, along = np.meshgrid(-grid, rise)
        solid = (1 + across**2 + along**2) ** -1.5
        total = np.cumsum((extent.image * solid).ravel())
        chosen = np.searchsorted(total, rng.uniform(0, total[-1], count), "right")
        jitter = rng.uniform(-0.5, 0.5, (2, count)) * np.radians(extent.pixel)
        x = across.ravel()[chosen] + jitter[0]
        y = along.ravel()[chosen] + jitter[1]
        return orbit.normalised(np.stack([x, y, np.ones(count)], axis=-1) @ frame)

    return image_shape if extent.function == "SpatialMap" else round_shape


def _limb(rng: np.random.Generator, count: int, at: orbit.Attitude) -> np.ndarray:
    """The bright ring around the Earth, with one photon in eight from the disk inside of it."""
    share = rng.uniform(0, 1, count)
    edge = np.degrees(np.pi - np.arcsin(orbit.EARTH_RADIUS / orbit.SEMI_MAJOR))
    ring = rng.normal(edge - 0.4, 0.7, count)
    disk = np.degrees(np.arccos(rng.uniform(-1, np.cos(np.radians(edge)), count)))
    zenith_angle = np.radians(np.where(share < 0.875, ring, disk).clip(90.0, 180.0))
    # cosmic rays come from the west: photons that follow them from the east are fewer
    azimuth = rng.uniform(0, 2 * np.pi, count)
    east = np.sin(azimuth) > 0
    azimuth = np.where(east & (rng.uniform(0, 1, count) < 0.25), 2 * np.pi - azimuth, azimuth)
    eastward = np.cross(np.array([0.0, 0.0, 1.0]), at.zenith)
    eastward = orbit.normalised(eastward)
    northward = np.cross(at.zenith, eastward)
    return (
        np.cos(zenith_angle)[:, None] * at.zenith
        + (np.sin(zenith_angle) * np.cos(azimuth))[:, None] * northward
        + (np.sin(zenith_angle) * np.sin(azimuth))[:, None] * eastward
    )


def emitters(sky: Sky) -> list[Emitter]:
    """All that shines, in the order of MC_SRC_ID (from 1)."""
    everywhere = 4 * np.pi

    def over_sky(spectrum: Nodes) -> Callable[[np.ndarray], np.ndarray]:
        return lambda energy: everywhere * spectrum(energy)

    found = [
        Emitter(LIMB, lambda e: 1.3e-5 * (e / 100) ** -2.75 / (1 + (60 / e) ** 1.5), _limb, True)
    ]
    found.append(Emitter("isotropic", over_sky(sky.isotropic), _sphere))
    for component in (sky.residual, *sky.rings, *sky.structures):
        flux = over_sky(component.spectrum)
        background = component is sky.residual
        draw = _from_map(component)
        found.append(Emitter(component.name, flux, draw, background=background))
    for source in sky.sources:
        draw = (
            _from_extent(source.ra, source.dec, source.extent)
            if source.extent
            else _from_point(source.ra, source.dec)
        )
        found.append(Emitter(source.name, source.spectrum, draw))
    return found


# the instrument ----------------------------------------------------------------------------------


def _area(aeff: EffectiveArea, x: np.ndarray, cosine: np.ndarray) -> np.ndarray:
    """Effective area (cm²) of each photon; ``x`` = log10(E/MeV)."""
    i, t = linear_weights(aeff.axes.log_energy_centers, x)
    j, u = linear_weights(aeff.axes.cos_theta_centers, cosine)
    table = aeff.area
    low = (1 - t) * table[j, i] + t * table[j, i + 1]
    high = (1 - t) * table[j + 1, i] + t * table[j + 1, i + 1]
    return np.where(cosine >= aeff.axes.cos_theta[0], (1 - u) * low + u * high, 0.0)


def _nodes(
    rng: np.random.Generator,
    energies: np.ndarray,
    cosines: np.ndarray,
    x: np.ndarray,
    c: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """A node of the tables for each photon, with the weight it has in the interpolation."""
    i, t = linear_weights(energies, x)
    j, u = linear_weights(cosines, c)
    i = i + (rng.uniform(0, 1, len(x)) < t)
    j = j + (rng.uniform(0, 1, len(x)) < u)
    return i, j


def draw_deviation(
    rng: np.random.Generator, psf, energy: np.ndarray, cosine: np.ndarray
) -> np.ndarray:
    """Angle (rad) between true and measured direction, from an engine's PSF."""
    result = np.empty(len(energy))
    todo = np.arange(len(energy))
    i, j = _nodes(rng, psf.log_energy, psf.cos_theta, np.log10(energy), cosine)
    while len(todo):
        _, ntail, score, stail, gcore, gtail = psf.parameters[:, j[todo], i[todo]]
        core = score**2 / (score**2 + ntail * stail**2)
        tail = rng.uniform(0, 1, len(todo)) >= core
        width, gamma = np.where(tail, stail, score), np.where(tail, gtail, gcore)
        share = rng.uniform(0, 1, len(todo))
        radius = width * np.sqrt(2 * gamma * ((1 - share) ** (1 / (1 - gamma)) - 1))
        # the function is one of the angle, the solid angle that of the sphere
        keep = (radius < np.pi / 2) & (rng.uniform(0, 1, len(todo)) < np.sinc(radius / np.pi))
        result[todo[keep]] = radius[keep]
        todo = todo[~keep]
    return result


def draw_measured_energy(
    rng: np.random.Generator, edisp, energy: np.ndarray, cosine: np.ndarray
) -> np.ndarray:
    """Measured energy (MeV), from an engine's energy dispersion."""
    x = np.log10(energy)
    c = edisp.scaling

    def scale(at: np.ndarray, mu: np.ndarray) -> np.ndarray:
        return c[0] * at * at + c[1] * mu * mu + c[2] * at + c[3] * mu + c[4] * at * mu + c[5]

    width = scale(x, cosine)
    cosines = np.append(edisp.cos_theta, 1.0)
    i, j = _nodes(rng, edisp.log_energy, cosines, x, cosine)
    last = len(edisp.cos_theta) - 1
    corner = edisp.log_energy[i]
    outer = scale(corner, np.ones_like(corner)) / scale(corner, edisp.cos_theta[-1])
    stretch = np.where(j > last, outer, 1.0)
    result = np.empty(len(energy))
    todo = np.arange(len(energy))
    while len(todo):
        pars = edisp.parameters[:, np.minimum(j, last)[todo], i[todo]]
        f, s1, k1, bias1, bias2, s2, k2, p1, p2 = pars
        second = rng.uniform(0, 1, len(todo)) >= f
        sigma, k = np.where(second, s2, s1), np.where(second, k2, k1)
        bias, power = np.where(second, bias2, bias1), np.where(second, p2, p1)
        reach = rng.gamma(1 / power) ** (1 / power) * sigma
        right = rng.uniform(0, 1, len(todo)) < 1 / (1 + k * k)
        u = np.where(right, reach / k, -reach * k) + bias
        measured = energy[todo] * (1 + u / stretch[todo] * width[todo])
        keep = measured > 0
        result[todo[keep]] = measured[keep]
        todo = todo[~keep]
    return result


def _rotated(rng: np.random.Generator, vector: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Unit vectors turned by ``angle`` in random directions."""
    helper = np.zeros_like(vector)
    helper[np.arange(len(vector)), np.argmin(np.abs(vector), axis=-1)] = 1.0
    first = orbit.normalised(np.cross(vector, helper))
    second = np.cross(vector, first)
    around = rng.uniform(0, 2 * np.pi, len(vector))
    sideways = np.cos(around)[:, None] * first + np.sin(around)[:, None] * second
    return np.cos(angle)[:, None] * vector + np.sin(angle)[:, None] * sideways


# simulation --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Events:
    """Photons; arrays of one length."""

    time: np.ndarray
    energy: np.ndarray
    """measured, MeV"""
    direction: np.ndarray
    """measured, equatorial unit vectors (n, 3)"""
    event_type: np.ndarray
    event_class: np.ndarray
    source: np.ndarray
    """MC_SRC_ID: 1 + number of the emitter"""
    true_energy: np.ndarray

    def take(self, index: np.ndarray) -> Events:
        """Some of them."""
        return Events(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


class Simulator:
    """Draws the photons of emitters for a spacecraft's history and response functions."""

    def __init__(self, history: orbit.Spacecraft, response: Response) -> None:
        self.history = history
        self.types = {entry.name: entry for entry in response.event_types}
        self._livetime = np.cumsum(history.livetime)
        fractions = history.livetime / (history.stop - history.start)
        self._fractions = fractions
        x = np.log10(ENERGIES)
        largest = np.zeros(len(ENERGIES))
        for name in PSF_TYPES:
            aeff = self.types[name].aeff
            nodes = np.append(aeff.axes.cos_theta_centers, 1.0)
            area = np.max([_area(aeff, x, np.full(len(x), c)) for c in nodes], axis=0)
            offset, slope = aeff.livetime_factors(ENERGIES)
            ends = [offset + slope * f for f in (fractions.min(), fractions.max())]
            largest += area * np.max(ends, axis=0)
        self._ceiling = 1.03 * largest

    def draw(self, emitter: Emitter, number: int, rng: np.random.Generator) -> Events:
        """All recorded photons of an emitter."""
        proposal = emitter.flux(ENERGIES) * self._ceiling
        running = integral(ENERGIES, proposal)
        count = rng.poisson(running[-1] * self._livetime[-1])
        parts = []
        for begin in range(0, count, 400_000):
            size = min(400_000, count - begin)
            parts.append(self._chunk(emitter, number, size, proposal, running, rng))
        if not parts:
            parts.append(self._chunk(emitter, number, 0, proposal, running, rng))
        fields = Events.__dataclass_fields__
        return Events(*(np.concatenate([getattr(p, name) for p in parts]) for name in fields))

    def _chunk(
        self,
        emitter: Emitter,
        number: int,
        count: int,
        proposal: np.ndarray,
        running: np.ndarray,
        rng: np.random.Generator,
    ) -> Events:
        energy, density = _draw_energy(rng, count, proposal, running)
        row = np.searchsorted(self._livetime, rng.uniform(0, self._livetime[-1], count), "right")
        row = np.minimum(row, len(self._livetime) - 1)
        start, stop = self.history.start[row], self.history.stop[row]
        time = start + rng.uniform(0, 1, count) * (stop - start)
        axes = orbit.attitude(time)
        vector = emitter.directions(rng, count, axes)
        cosine = np.einsum("ij,ij->i", vector, axes.z_axis)
        seen = cosine > 0.2
        if not emitter.terrestrial:
            seen &= ~behind_earth(time, vector, axes)
        x = np.log10(energy)
        areas = np.zeros((len(PSF_TYPES), count))
        for k, name in enumerate(PSF_TYPES):
            aeff = self.types[name].aeff
            offset, slope = aeff.livetime_factors(energy[seen])
            efficiency = offset + slope * self._fractions[row[seen]]
            areas[k, seen] = _area(aeff, x[seen], cosine[seen]) * efficiency
        total = areas.sum(axis=0)
        accept = emitter.flux(energy) * total / density
        if count and accept.max() > 1.0:
            raise AssertionError("proposal below the rate: raise the ceiling")
        kept = np.flatnonzero(rng.uniform(0, 1, count) < accept)
        x, cosine, energy = x[kept], cosine[kept], energy[kept]
        shares = np.cumsum(areas[:, kept], axis=0) / total[kept]
        psf_type = (rng.uniform(0, 1, len(kept)) > shares).sum(axis=0)
        mask = np.uint32(1) << np.array([EVENT_TYPE_BITS[n] for n in PSF_TYPES], "u4")[psf_type]
        mask |= self._other_types(rng, ("FRONT", "BACK"), x, cosine)
        mask |= self._other_types(rng, ("EDISP0", "EDISP1", "EDISP2", "EDISP3"), x, cosine)
        deviation, measured = np.zeros(len(kept)), energy.copy()
        for k, name in enumerate(() if emitter.background else PSF_TYPES):
            mine = np.flatnonzero(psf_type == k)
            deviation[mine] = draw_deviation(rng, self.types[name].psf, energy[mine], cosine[mine])
            measured[mine] = draw_measured_energy(
                rng, self.types[name].edisp, energy[mine], cosine[mine]
            )
        events = Events(
            time[kept],
            measured,
            _rotated(rng, vector[kept], deviation),
            mask,
            _event_classes(rng, len(kept), emitter.background),
            np.full(len(kept), number, "i4"),
            energy,
        )
        inside = (measured >= ENERGY_RANGE[0]) & (measured <= ENERGY_RANGE[1])
        return events.take(np.flatnonzero(inside))

    def _other_types(
        self, rng: np.random.Generator, names: Sequence[str], x: np.ndarray, cosine: np.ndarray
    ) -> np.ndarray:
        areas = np.stack([_area(self.types[name].aeff, x, cosine) for name in names])
        shares = np.cumsum(areas, axis=0) / np.maximum(areas.sum(axis=0), 1e-30)
        chosen = (rng.uniform(0, 1, len(x)) > shares).sum(axis=0).clip(max=len(names) - 1)
        return np.uint32(1) << np.array([EVENT_TYPE_BITS[n] for n in names], "u4")[chosen]


def behind_earth(time: np.ndarray, vector: np.ndarray, axes: orbit.Attitude) -> np.ndarray:
    """Whether the Earth hides directions."""
    radius = np.linalg.norm(orbit.position(time), axis=-1)
    edge = -np.sqrt(1 - ((orbit.EARTH_RADIUS + ATMOSPHERE) / radius) ** 2)
    return np.einsum("ij,ij->i", vector, axes.zenith) < edge


def _draw_energy(
    rng: np.random.Generator, count: int, proposal: np.ndarray, running: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Energies from a piecewise power law on ENERGIES, and its value there."""
    share = rng.uniform(0, running[-1], count)
    at = np.clip(np.searchsorted(running, share, "right") - 1, 0, len(ENERGIES) - 2)
    slope = (np.diff(np.log(proposal)) / np.diff(np.log(ENERGIES)))[at]
    low, high = ENERGIES[at], ENERGIES[at + 1]
    part = (share - running[at]) / (running[at + 1] - running[at])
    power = slope + 1
    flat = np.abs(power) < 1e-9
    safe = np.where(flat, 1.0, power)
    bent = (1 + part * ((high / low) ** safe - 1)) ** (1 / safe)
    energy = low * np.where(flat, (high / low) ** part, bent)
    return energy, proposal[at] * (energy / low) ** slope


def _event_classes(rng: np.random.Generator, count: int, background: bool) -> np.ndarray:
    """EVENT_CLASS: SOURCE and those it is part of; a part of the photons is in cleaner ones."""
    base = sum(1 << bit for bit in (*range(8), 15, 16))
    result = np.full(count, base, "u4")
    if background:
        return result
    u = rng.uniform(0, 1, count)
    for name, (bit, part) in CLASSES.items():
        if name != "P8R3_SOURCE_V3":
            result |= np.where(u < part, np.uint32(1 << bit), np.uint32(0))
    clean, veto = CLASSES["P8R3_CLEAN_V3"][1], CLASSES["P8R3_ULTRACLEANVETO_V3"][1]
    result |= np.where(u < (clean + veto) / 2, np.uint32(1 << 9), np.uint32(0))
    return result | np.where(u < 0.95, np.uint32(1 << 11), np.uint32(0))


def simulate(
    sky: Sky, history: orbit.Spacecraft, response: Response, seed: int
) -> tuple[Events, list[str]]:
    """Photons in order of time, and the emitters' names (MC_SRC_ID - 1 is the place)."""
    simulator = Simulator(history, response)
    sources = emitters(sky)
    parts = [
        simulator.draw(emitter, number, np.random.Generator(np.random.PCG64([seed, 100 + number])))
        for number, emitter in enumerate(sources, 1)
    ]
    fields = Events.__dataclass_fields__
    events = Events(*(np.concatenate([getattr(p, name) for p in parts]) for name in fields))
    return events.take(np.argsort(events.time, kind="stable")), [e.name for e in sources]


# files -------------------------------------------------------------------------------------------


def write_ft1(path: Path, events: Events, segments: np.ndarray, tstart: float, tstop: float) -> int:
    """Write the photons between two times as an event file (FT1); how many there are."""
    first, last = np.searchsorted(events.time, (tstart, tstop))
    chosen = events.take(np.arange(first, last))
    axes = orbit.attitude(chosen.time)
    vector = chosen.direction
    ra, dec = orbit.direction(vector)
    glon, glat = orbit.direction(to_galactic(vector))
    x, y, z = (np.einsum("ij,ij->i", vector, a) for a in (axes.x_axis, axes.y_axis, axes.z_axis))
    up = np.einsum("ij,ij->i", vector, axes.zenith)
    east = orbit.normalised(np.cross(np.array([0.0, 0.0, 1.0]), axes.zenith))
    north = np.cross(axes.zenith, east)
    sideways = np.einsum("ij,ij->i", vector, east), np.einsum("ij,ij->i", vector, north)
    inside = gti.restrict(segments, tstart, tstop)
    run = np.searchsorted(segments[:, 0], chosen.time, "right") - 1
    begin = segments[run.clip(min=0), 0]
    count = len(vector)
    columns: list[Column] = []

    def add(name: str, data: np.ndarray, kind: str, unit: str = "", **extra: float) -> None:
        columns.append(Column(name, np.asarray(data).astype(kind), unit, extra=extra))

    def angle(name: str, data: np.ndarray, low: float, high: float) -> None:
        add(name, data, "f4", "deg", TLMIN=low, TLMAX=high)

    def arc(value: np.ndarray) -> np.ndarray:
        return np.degrees(np.arccos(np.clip(value, -1, 1)))

    add("ENERGY", chosen.energy, "f4", "MeV", TLMIN=0.0, TLMAX=1e7)
    angle("RA", ra, 0.0, 360.0)
    angle("DEC", dec, -90.0, 90.0)
    angle("L", glon, 0.0, 360.0)
    angle("B", glat, -90.0, 90.0)
    angle("THETA", arc(z), 0.0, 180.0)
    angle("PHI", np.degrees(np.arctan2(y, x)) % 360, 0.0, 360.0)
    angle("ZENITH_ANGLE", arc(up), 0.0, 180.0)
    angle("EARTH_AZIMUTH_ANGLE", np.degrees(np.arctan2(*sideways)) % 360, 0.0, 360.0)
    add("TIME", chosen.time, "f8", "s", TLMIN=0.0, TLMAX=1e10)
    add("EVENT_ID", np.arange(first, last) + 1, "i4")
    add("RUN_ID", begin, "i4")
    add("RECON_VERSION", np.zeros(count), "i2")
    add("CALIB_VERSION", np.zeros((count, 3)), "i2")
    add("EVENT_CLASS", chosen.event_class, "u4")
    add("EVENT_TYPE", chosen.event_type, "u4")
    add("CONVERSION_TYPE", (chosen.event_type & 2) // 2, "i2")
    add("LIVETIME", chosen.time - begin, "f8", "s", TLMIN=0.0, TLMAX=1e10)
    for number in range(5):
        add(f"DIFRSP{number}", np.zeros(count), "f4")
    add("MC_SRC_ID", chosen.source, "i4")
    add("MCENERGY", chosen.true_energy, "f4", "MeV")

    header = orbit.file_header(path.name, tstart, tstop)
    extension = header.copy()
    for key, value in (("HDUCLASS", "OGIP"), ("HDUCLAS1", "EVENTS"), ("HDUCLAS2", "ALL")):
        extension.set(key, value)
    extension.set("PASS_VER", "P8R3", "IRF pass version of the event selections")
    extension.set("NDIFRSP", 5, "number of diffuse response labels")
    for number in range(5):
        extension.set(f"DIFRSP{number}", "NONE", "")
    dss.write(
        extension,
        [
            dss.BitMask("EVENT_CLASS", EVENT_CLASS, "P8R3"),
            dss.GoodTimes(),
            dss.Range("ENERGY", "MeV", *ENERGY_RANGE),
        ],
    )
    with FitsWriter(path) as writer:
        writer.primary(header)
        writer.table("EVENTS", columns, extension)
        gti.write(writer, inside, header)
    return count
