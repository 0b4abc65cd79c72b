"""What a job needs: memory and time, from the sizes of its inputs and products.

The model is meant to be safe, not tight: engines kill a job that takes more. Memory is a base (an
interpreter with its libraries, or a Fermitool) plus the arrays a step holds at once; the time limit
is a multiple of an estimate on a slow core with a floor, since shared file systems stall.

========================  ======================================================================
step                      arrays held
========================  ======================================================================
selection, time filter    buffers of rows; independent of the number of events
counts cube               12·4^order pixels × bins × 8 bytes, twice (the real gtbin copies it)
sum of counts cubes       the sum (8 bytes a value) and one input
livetime cube             12·64² pixels of 1° × 40 bins × 8 bytes × (livetime, weighted) × 2
exposure cube             12·4^order pixels × (bins + 1) × 8 bytes, twice, and a livetime cube
========================  ======================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MIB = 1 << 20
BASE_MIB = 512
"""memory of a command before it holds any array"""
TIME_FLOOR_S = 1800
"""shortest time limit"""
SAFETY = 10
"""time limit over estimated time"""

LIVETIME_CUBE_BYTES = 12 * 64**2 * 40 * 8
"""one livetime array at the default grid (1° pixels, 40 bins of cos θ)"""


@dataclass(frozen=True)
class Cost:
    """Memory in MiB and an estimate of the CPU time in s of one job."""

    ram_mib: int
    seconds: float

    def fields(self, prefix: str) -> dict[str, int]:
        """Fields ``<prefix>_ram_mib`` and ``<prefix>_time_s`` of a record (the time as a limit)."""
        limit = max(TIME_FLOOR_S, math.ceil(SAFETY * self.seconds / 60) * 60)
        return {f"{prefix}_ram_mib": self.ram_mib, f"{prefix}_time_s": limit}


def pixels(order: int) -> int:
    """Pixels of a full-sky HEALPix map."""
    return 12 * 4**order


def cube_bytes(order: int, planes: int, value_bytes: int = 8) -> int:
    """Bytes of a full-sky cube."""
    return pixels(order) * planes * value_bytes


def _cost(array_bytes: float, seconds: float) -> Cost:
    # whole steps of 64 MiB, so that small changes of the model do not change every record
    return Cost(math.ceil((BASE_MIB + array_bytes / MIB) / 64) * 64, seconds)


def select(n_outputs: int) -> Cost:
    """Selection of the events of one file."""
    return _cost(128 * MIB, 60.0 * max(n_outputs, 1))


def mktime() -> Cost:
    """Time filter on the events of one file."""
    return _cost(128 * MIB, 60.0)


def counts(order: int, n_bins: int) -> Cost:
    """Counts cube of one batch."""
    size = cube_bytes(order, n_bins)
    return _cost(2 * size, 30.0 + size / (20 * MIB))


def coadd(order: int, n_bins: int, n_files: int) -> Cost:
    """Sum of the counts cubes of all batches."""
    size = cube_bytes(order, n_bins)
    return _cost(2 * size, 10.0 + max(n_files, 1) * size / (20 * MIB))


def livetime() -> Cost:
    """Livetime cube of one batch: a month of spacecraft data in 30 s rows, zenith cut."""
    return _cost(4 * LIVETIME_CUBE_BYTES, 300.0)


def livetime_sum(n_files: int) -> Cost:
    """Sum of the livetime cubes of all batches."""
    return _cost(4 * LIVETIME_CUBE_BYTES, 10.0 + 2.0 * max(n_files, 1))


def exposure(order: int, n_bins: int) -> Cost:
    """Exposure cube: every pixel and plane sums over the bins of inclination."""
    size = cube_bytes(order, n_bins + 1)
    return _cost(2 * size + 2 * LIVETIME_CUBE_BYTES, 30.0 + pixels(order) * (n_bins + 1) * 1e-4)
