"""Small spacecraft and event files for tests of the livetime."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from latsky.fits import gti
from latsky.fits.core import Column, FitsWriter, Header

START = 400_000_000.0
STEP = 30.0


def spacecraft_columns(rows: int, first: int = 0) -> dict[str, np.ndarray]:
    """A rocking LAT in orbit: columns of a spacecraft file (the pointing depends on the row)."""
    n = np.arange(first, first + rows)
    orbit = 2 * np.pi * n * STEP / 5700
    zenith = np.stack([np.cos(orbit), np.sin(orbit) * 0.9, np.sin(orbit) * np.sqrt(0.19)], -1)
    pole = np.array([0.0, -np.sqrt(0.19), 0.9])
    rock = np.radians(50.0) * np.where((n // 20) % 2, 1, -1)[:, None]
    z = zenith * np.cos(rock) + pole * np.sin(rock)
    x = np.cross(z, np.cross(zenith, pole))
    x /= np.linalg.norm(x, axis=1, keepdims=True)

    def angles(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ra = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0])) % 360
        return ra.astype("f4"), np.degrees(np.arcsin(vectors[:, 2])).astype("f4")

    columns = {"START": START + n * STEP, "STOP": START + (n + 1) * STEP}
    columns["LIVETIME"] = STEP * (0.85 + 0.08 * np.sin(n / 7.0))
    for name, vectors in (("SCZ", z), ("SCX", x), ("ZENITH", zenith)):
        columns[f"RA_{name}"], columns[f"DEC_{name}"] = angles(vectors)
    return columns


def write_spacecraft(
    path: Path, columns: dict[str, np.ndarray], units: dict[str, str] | None = None
) -> Path:
    """A spacecraft file; ``units`` replaces those of columns."""
    with FitsWriter(path) as writer:
        writer.primary(Header())
        known = {"START": "s", "STOP": "s", "LIVETIME": "s"} | (units or {})
        table = [Column(name, data, known.get(name, "deg")) for name, data in columns.items()]
        times = [
            ("TSTART", float(columns["START"][0]), ""),
            ("TSTOP", float(columns["STOP"][-1]), ""),
        ]
        writer.table("SC_DATA", table, Header(times))
    return path


def write_events(path: Path, intervals: Sequence[tuple[float, float]]) -> Path:
    """An event file without events, with good time intervals (s from ``START``)."""
    with FitsWriter(path) as writer:
        writer.primary(Header())
        writer.table("EVENTS", [Column("TIME", np.zeros(0), "s")])
        gti.write(writer, np.array(intervals) + START)
    return path
