"""Where a satellite like Fermi is, where it looks and how much of the time its detector is live.

A circular-looking orbit of small eccentricity (inclination 25.6°, 541 km) whose node regresses by
the Earth's oblateness, a survey attitude that rocks by ±50° from the zenith on alternate orbits
with the +x side towards the Sun, the passages through the South Atlantic Anomaly as gaps, and a
livetime fraction that falls with the magnetic L, i.e. with the rate of background triggers.
Frames are J2000 equatorial; times mission elapsed time (MET) in seconds; angles in degrees where
a name or a FITS column says so, else radians.

Sources: Vallado, Fundamentals of Astrodynamics and Applications (J2 precession); Astronomical
Almanac, low-precision Sun (0.01°); sidereal time of IAU 1982; LAT collaboration, Astropart. Phys.
32, 193 (2009) for the SAA polygon; livetime, altitude and pointing after flight data.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latsky.fits.core import Column, FitsWriter, Header
from latsky.fits.dates import creator, date_keywords, to_mjd

EARTH_RADIUS = 6378137.0
"""equatorial radius (WGS 84), m"""
EARTH_FLATTENING = 1 / 298.257223563
GRAVITY = 3.986004418e14
"""Earth's gravitational parameter, m³/s²"""
J2 = 1.08262668e-3

INCLINATION = np.radians(25.58)
SEMI_MAJOR = EARTH_RADIUS + 541e3
ECCENTRICITY = 0.0016
ROCK = np.radians(50.0)
SLEW_TIME = 660.0
"""duration of the slew from one rocking side to the other, s"""
ROW = 30.0
"""length of a row of the spacecraft file, s"""

SAA = np.array(
    [
        (-30.0, 33.9),
        (-19.867, 12.398),
        (-9.733, -9.103),
        (0.4, -30.605),
        (2.0, -38.4),
        (2.0, -45.0),
        (-1.0, -65.0),
        (-6.155, -84.0),
        (-8.88, -89.2),
        (-14.22, -94.3),
        (-18.404, -94.3),
        (-30.967, -86.1),
    ]
)
"""corners (latitude, longitude) of the region where the LAT takes no data, degrees"""


def unit_vector(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Unit vectors (n, 3) of directions in degrees."""
    a, d = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)


def direction(vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Right ascension (0-360) and declination in degrees of unit vectors (n, 3)."""
    ra = np.degrees(np.arctan2(vector[..., 1], vector[..., 0])) % 360.0
    return ra, np.degrees(np.arcsin(np.clip(vector[..., 2], -1, 1)))


def normalised(vector: np.ndarray) -> np.ndarray:
    """Vectors of length one along the last axis."""
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


@dataclass(frozen=True)
class Attitude:
    """Orthonormal axes at some times, each (n, 3), J2000."""

    zenith: np.ndarray
    pole: np.ndarray
    """north orbital pole"""
    x_axis: np.ndarray
    z_axis: np.ndarray
    """direction in which the LAT looks"""
    rock: np.ndarray
    """rocking angle, degrees, positive to the north"""

    @property
    def y_axis(self) -> np.ndarray:
        """The third axis of the spacecraft."""
        return np.cross(self.z_axis, self.x_axis)


def _angles(time: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean anomaly counted from the node, right ascension of the node, radius (m)."""
    motion = np.sqrt(GRAVITY / SEMI_MAJOR**3)
    regression = -1.5 * J2 * motion * (EARTH_RADIUS / SEMI_MAJOR) ** 2 * np.cos(INCLINATION)
    argument = motion * time
    node = regression * time
    # first order in the eccentricity; the line of apsides turns slowly
    radius = SEMI_MAJOR * (1 - ECCENTRICITY * np.cos(argument - 2e-6 * time))
    return argument, node, radius


def orbital_period() -> float:
    """Period of the orbit, s."""
    return 2 * np.pi / np.sqrt(GRAVITY / SEMI_MAJOR**3)


def position(time: np.ndarray) -> np.ndarray:
    """Position (n, 3) in m at MET ``time`` (n,)."""
    argument, node, radius = _angles(np.asarray(time, float))
    sine, cosine = np.sin(argument), np.cos(argument)
    return radius[..., None] * np.stack(
        [
            np.cos(node) * cosine - np.sin(node) * sine * np.cos(INCLINATION),
            np.sin(node) * cosine + np.cos(node) * sine * np.cos(INCLINATION),
            sine * np.sin(INCLINATION),
        ],
        axis=-1,
    )


def sun(time: np.ndarray) -> np.ndarray:
    """Direction (n, 3) of the Sun."""
    days = to_mjd(0.0) + np.asarray(time) / 86400.0 - 51544.5
    anomaly = np.radians(357.528 + 0.9856003 * days)
    # the mean longitude counted from the equinox of J2000 (precession taken off)
    longitude = np.radians(280.460 + (0.9856474 - 3.825e-5) * days) + np.radians(
        1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly)
    )
    tilt = np.radians(23.439 - 4e-7 * days)
    return np.stack(
        [
            np.cos(longitude),
            np.cos(tilt) * np.sin(longitude),
            np.sin(tilt) * np.sin(longitude),
        ],
        axis=-1,
    )


def rocking_angle(time: np.ndarray) -> np.ndarray:
    """Angle (radians) of the z axis from the zenith towards the north orbital pole."""
    phase = np.asarray(time, float) / orbital_period()
    orbit = np.floor(phase)
    side = np.where(orbit % 2 == 0, 1.0, -1.0)
    into = (phase - orbit) * orbital_period()
    # each orbit begins with the slew from the other side
    turn = np.clip(into / SLEW_TIME, 0.0, 1.0)
    return ROCK * side * -np.cos(np.pi * turn)


def attitude(time: np.ndarray) -> Attitude:
    """Axes at MET ``time`` (n,)."""
    time = np.asarray(time, float)
    zenith = normalised(position(time))
    _, node, _ = _angles(time)
    pole = np.stack(
        [
            np.sin(node) * np.sin(INCLINATION),
            -np.cos(node) * np.sin(INCLINATION),
            np.full_like(node, np.cos(INCLINATION)),
        ],
        axis=-1,
    )
    rock = rocking_angle(time)
    z_axis = np.cos(rock)[:, None] * zenith + np.sin(rock)[:, None] * pole
    towards_sun = sun(time)
    x_axis = normalised(towards_sun - np.sum(towards_sun * z_axis, axis=-1, keepdims=True) * z_axis)
    return Attitude(zenith, pole, x_axis, z_axis, np.degrees(rock))


def sidereal_angle(time: np.ndarray) -> np.ndarray:
    """Greenwich mean sidereal time in degrees (UT1 taken as UTC)."""
    days = np.asarray(time, float) / 86400.0 + (51910.0 - 51544.5)
    return (280.46061837 + 360.98564736629 * days) % 360.0


@dataclass(frozen=True)
class Ground:
    """Ground point and magnetic coordinates, all (n,)."""

    latitude: np.ndarray
    """geodetic, degrees"""
    longitude: np.ndarray
    """degrees east, -180 to 180"""
    altitude: np.ndarray
    """above the ellipsoid, m"""
    shell: np.ndarray
    """McIlwain L, Earth radii"""
    magnetic_latitude: np.ndarray
    """degrees, signed"""
    field: np.ndarray
    """McIlwain B over its value at the magnetic equator"""


def ground(time: np.ndarray) -> Ground:
    """Ground point and coordinates in an eccentric dipole."""
    place = position(time)
    radius = np.linalg.norm(place, axis=-1)
    spin = np.radians(sidereal_angle(time))
    x = np.cos(spin) * place[:, 0] + np.sin(spin) * place[:, 1]
    y = -np.sin(spin) * place[:, 0] + np.cos(spin) * place[:, 1]
    fixed = np.stack([x, y, place[:, 2]], axis=-1)
    geocentric = np.arcsin(place[:, 2] / radius)
    surface = EARTH_RADIUS * (1 - EARTH_FLATTENING * np.sin(geocentric) ** 2)
    latitude = geocentric + EARTH_FLATTENING * np.sin(2 * geocentric) * EARTH_RADIUS / radius
    centre = 0.08 * unit_vector(np.array(141.0), np.array(22.0))
    axis = unit_vector(np.array(-72.2), np.array(80.0))
    magnetic = fixed / EARTH_RADIUS - centre
    distance = np.linalg.norm(magnetic, axis=-1)
    sine = magnetic @ axis / distance
    cosine2 = 1 - sine**2
    return Ground(
        np.degrees(latitude),
        (np.degrees(np.arctan2(y, x)) + 180.0) % 360.0 - 180.0,
        radius - surface,
        distance / cosine2,
        np.degrees(np.arcsin(sine)),
        np.sqrt(4 - 3 * cosine2) / cosine2**3,
    )


def in_saa(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Whether ground points (degrees) are inside of the SAA polygon."""
    inside = np.zeros(np.shape(latitude), bool)
    for (lat1, lon1), (lat2, lon2) in zip(SAA, np.roll(SAA, -1, axis=0), strict=True):
        spans = (lat1 > latitude) != (lat2 > latitude)
        slope = (lon2 - lon1) / (lat2 - lat1) if lat1 != lat2 else 0.0
        inside ^= spans & (longitude < lon1 + slope * (latitude - lat1))
    return inside


def data_segments(start: float, stop: float) -> np.ndarray:
    """Intervals (n, 2) outside of the SAA, to the second."""
    time = np.arange(np.floor(start), np.ceil(stop) + 1)
    place = ground(time)
    live = ~in_saa(place.latitude, place.longitude)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], live.astype("i1"), [0]])))
    # from the first to the last second outside
    segments = np.stack([time[edges[::2]], time[edges[1::2] - 1]], axis=-1)
    segments = np.clip(segments, start, stop)
    return segments[segments[:, 1] - segments[:, 0] > 60.0]


@dataclass(frozen=True)
class Spacecraft:
    """Rows of the pointing and livetime history."""

    start: np.ndarray
    stop: np.ndarray
    livetime: np.ndarray
    quality: np.ndarray
    """DATA_QUAL: 1 good, 0 bad"""
    configuration: np.ndarray
    """LAT_CONFIG: 1 science, 0 other"""

    @property
    def good(self) -> np.ndarray:
        """Rows that (DATA_QUAL>0)&&(LAT_CONFIG==1) keeps."""
        return (self.quality > 0) & (self.configuration == 1)

    def segments(self) -> np.ndarray:
        """Intervals (n, 2) without gaps between rows."""
        breaks = np.flatnonzero(self.start[1:] > self.stop[:-1]) + 1
        first = np.concatenate([[0], breaks])
        last = np.concatenate([breaks, [len(self.start)]]) - 1
        return np.stack([self.start[first], self.stop[last]], axis=-1)


def livetime_fraction(shell: np.ndarray) -> np.ndarray:
    """Mean livetime fraction at McIlwain L."""
    excess = np.maximum(shell - 1.0, 0.0)
    return 0.937 - 0.11 * excess - 0.06 * excess**2


def spacecraft(start: float, days: float, rng: np.random.Generator) -> Spacecraft:
    """The history of ``days`` from MET ``start``.

    Two incidents spoil rows: one with DATA_QUAL 0 (8 minutes), one with LAT_CONFIG 0 (12 minutes).
    """
    starts, stops = [], []
    for begin, end in data_segments(start, start + 86400.0 * days):
        edges = np.append(np.arange(begin, end, ROW), end)
        if edges[-1] - edges[-2] < 1.0:
            edges = np.delete(edges, -2)
        starts.append(edges[:-1])
        stops.append(edges[1:])
    begin, end = np.concatenate(starts), np.concatenate(stops)
    mean = livetime_fraction(ground(begin).shell)
    fraction = np.clip(mean + rng.normal(0.0, 0.005, len(begin)), 0.5, 0.945)
    quality, configuration = np.ones(len(begin), "i2"), np.ones(len(begin), "u1")
    at = len(begin) // 3
    quality[at : at + 16] = 0
    at = 2 * len(begin) // 3
    configuration[at : at + 24] = 0
    return Spacecraft(begin, end, (end - begin) * fraction, quality, configuration)


def quaternion(attitude_: Attitude) -> np.ndarray:
    """Rotation from spacecraft axes to J2000 as (n, 4), scalar part last and positive or zero."""
    x, y, z = attitude_.x_axis, attitude_.y_axis, attitude_.z_axis
    # the four candidates; the largest component is the well-conditioned one
    squares = np.stack(
        [
            1 + x[:, 0] - y[:, 1] - z[:, 2],
            1 - x[:, 0] + y[:, 1] - z[:, 2],
            1 - x[:, 0] - y[:, 1] + z[:, 2],
            1 + x[:, 0] + y[:, 1] + z[:, 2],
        ],
        axis=-1,
    )
    product = np.empty((len(x), 4, 4))
    for k in range(4):
        product[:, k, k] = squares[:, k]
    pairs = {
        (0, 1): y[:, 0] + x[:, 1],
        (0, 2): z[:, 0] + x[:, 2],
        (1, 2): z[:, 1] + y[:, 2],
        (0, 3): y[:, 2] - z[:, 1],
        (1, 3): z[:, 0] - x[:, 2],
        (2, 3): x[:, 1] - y[:, 0],
    }
    for (i, j), value in pairs.items():
        product[:, i, j] = product[:, j, i] = value
    best = np.argmax(squares, axis=-1)
    rows = product[np.arange(len(x)), best]
    return normalised(rows)


def write_ft2(path: Path, history: Spacecraft, rows: slice) -> None:
    """Write rows of the history as a spacecraft file (FT2)."""
    start, stop = history.start[rows], history.stop[rows]
    axes, place = attitude(start), ground(start)
    q = quaternion(axes)
    columns: list[Column] = []

    def add(name: str, data: np.ndarray, unit: str = "", kind: str = "f4", **extra: float) -> None:
        columns.append(Column(name, np.asarray(data).astype(kind), unit, extra=extra))

    def angles(name: str, vector: np.ndarray) -> None:
        ra, dec = direction(vector)
        add(f"RA_{name}", ra, "deg", TLMIN=0.0, TLMAX=360.0)
        add(f"DEC_{name}", dec, "deg", TLMIN=-90.0, TLMAX=90.0)

    def degrees(name: str, data: np.ndarray, low: float, high: float) -> None:
        add(name, data, "deg", TLMIN=low, TLMAX=high)

    add("START", start, "s", "f8", TLMIN=0.0, TLMAX=1e10)
    add("STOP", stop, "s", "f8", TLMIN=0.0, TLMAX=1e10)
    add("SC_POSITION", position(start), "m")
    degrees("LAT_GEO", place.latitude, -90.0, 90.0)
    degrees("LON_GEO", place.longitude, -180.0, 180.0)
    add("RAD_GEO", place.altitude, "m", "f8", TLMIN=0.0)
    angles("ZENITH", axes.zenith)
    add("B_MCILWAIN", place.field, "Gauss", TLMIN=0.0, TLMAX=100.0)
    add("L_MCILWAIN", place.shell, "Earth_Radii", TLMIN=0.0, TLMAX=100.0)
    invariant = np.degrees(np.arccos(np.sqrt(np.minimum(1 / place.shell, 1.0))))
    degrees("GEOMAG_LAT", invariant, 0.0, 90.0)
    degrees("LAMBDA", place.magnetic_latitude, -90.0, 90.0)
    columns.append(Column("IN_SAA", np.zeros(len(start), bool)))
    angles("SCZ", axes.z_axis)
    angles("SCX", axes.x_axis)
    angles("NPOLE", axes.pole)
    degrees("ROCK_ANGLE", axes.rock, -180.0, 180.0)
    add("LAT_MODE", np.full(len(start), 5), kind="i4")
    add("LAT_CONFIG", history.configuration[rows], kind="u1")
    add("DATA_QUAL", history.quality[rows], kind="i2")
    add("LIVETIME", history.livetime[rows], "s", "f8")
    for number in range(4):
        add(f"QSJ_{number + 1}", q[:, number], kind="f8")
    angles("SUN", sun(start))
    add("SC_VELOCITY", position(start + 0.5) - position(start - 0.5), "m/s")

    primary = file_header(path.name, float(start[0]), float(stop[-1]))
    with FitsWriter(path) as writer:
        writer.primary(primary)
        writer.table("SC_DATA", columns, primary)


def file_header(name: str, tstart: float, tstop: float) -> Header:
    """Keywords that every HDU of an event or spacecraft file has."""
    header = Header(
        [
            ("TELESCOP", "GLAST", "name of telescope generating data"),
            ("INSTRUME", "LAT", "name of instrument generating data"),
            ("EQUINOX", 2000.0, "equinox for ra and dec"),
            ("RADECSYS", "FK5", "world coord. system for this file"),
            ("OBSERVER", "latsky demo", "simulated: NOT data of the LAT"),
            ("ORIGIN", "latsky demo", "simulated: NOT data of the LAT"),
            ("FILENAME", name, "name of this file"),
            ("CREATOR", creator("demo"), "software that created this file"),
            ("PROC_VER", 305, "processing version that is imitated"),
        ]
    )
    return date_keywords(header, tstart, tstop)
