"""What a job needs: memory, time and disk, from the sizes of its inputs and products.

Memory is that of a program with its libraries plus the arrays a step holds at once:

========================  ======================================================================
step                      arrays
========================  ======================================================================
selection, time filter    buffers of rows, whatever the number of events
counts cube               12·4^order pixels × bins × 8 bytes, twice (the real gtbin copies it)
sum of counts cubes       the sum and one input, 8 bytes a value
livetime cube             12·64² pixels of 1° × 40 bins × 8 bytes, livetime and weighted, twice
exposure cube             12·4^order pixels × (bins + 1) × 8 bytes, twice, and a livetime cube
sum of ring maps          the sum and one input of an order 9 cube of 50 planes, 4 bytes a value
source maps               12 maps of the next higher order, 8 bytes a value, whatever the planes
stack of source maps      the planes, 4 bytes a value, and one map
catalogue source maps     the planes of each merged rule, 8 bytes a value, and one source
merged, gathered sources  pieces of 16 MiB
========================  ======================================================================

CPU time is a start plus what is proportional to the bytes of the event tables read, to the rows of
spacecraft data (one per 30 s), and to pixels × planes of maps. Records carry a time *limit*: a
multiple of the Fermitools' time, with a floor, since shared file systems stall. The model is meant
to be safe, not tight: engines kill a job that takes more than it asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MIB = 1 << 20
BASE_MIB = 512
"""memory of a command before it holds any array"""
BUFFER_BYTES = 128 * MIB
"""rows of event tables held at once"""
JOB_S = 900.0
"""CPU time that a job should take where work can be divided: engines spend seconds on each job"""
TIME_FLOOR_S = 1800
"""shortest time limit"""
SAFETY = 10
"""time limit over estimated time"""
SPACECRAFT_ROW_S = 30.0

LIVETIME_PIXELS = 12 * 64**2
LIVETIME_BINS = 40
LIVETIME_CUBE_BYTES = LIVETIME_PIXELS * LIVETIME_BINS * 8
"""one livetime array in memory at the default grid (1° pixels, bins of 0.025 in cos θ)"""
LIVETIME_FILE_BYTES = LIVETIME_PIXELS * (LIVETIME_BINS * 4 + 8) * 2
"""a livetime cube on disk: livetime and weighted livetime in single precision, positions"""


@dataclass(frozen=True)
class Rates:
    """How fast an engine is on one core."""

    name: str
    start_s: float
    """start of a command"""
    table_bytes_s: float
    """bytes of an event table read, selected and written in a second"""
    livetime_row_s: float
    """seconds for a row of spacecraft data with 1° pixels"""
    exposure_value_s: float
    """seconds for a pixel of a plane of an exposure cube"""
    map_bytes_s: float
    """bytes of map read or written in a second"""
    map_plane_s: float
    """seconds for a convolved plane of a diffuse source map of order 9"""
    source_plane_s: float
    """seconds for a plane of a catalogue source of order 9"""
    dispatch_s: float
    """seconds that a CWL engine needs for a job besides, starting a container included"""


FERMITOOLS = Rates("fermitools", 2.0, 20e6, 1.35e-3, 1.1e-5, 50e6, 155.0, 0.19, 3.0)
"""livetime, exposure and source maps as measured with release 2.4.0; the rest assumed"""
EMBEDDED = Rates("embedded", 0.3, 400e6, 6e-5, 2e-7, 500e6, 1.7, 2e-3, 1.0)
"""as measured (benchmarks/bench_*.py), tables and maps from a disk that is not the limit"""
RATES = {rates.name: rates for rates in (FERMITOOLS, EMBEDDED)}


@dataclass(frozen=True)
class Volume:
    """Data of one batch: bytes of its event tables and the time they span in s."""

    table_bytes: float
    span_s: float

    def times(self, number: int) -> Volume:
        """Data of as many batches together."""
        return Volume(self.table_bytes * number, self.span_s * number)


MONTH = Volume(500e6, 30.4 * 86400)
"""a month of the whole sky above 30 MeV: what is assumed where nothing is known"""


@dataclass(frozen=True)
class Cost:
    """Memory in MiB, CPU time in s and size of the product in bytes of one job."""

    ram_mib: int
    seconds: float
    product_bytes: float

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


def _cost(rates: Rates, array_bytes: float, seconds: float, product: float) -> Cost:
    # whole steps of 64 MiB, so that small changes of the model do not change every record
    ram = math.ceil((BASE_MIB + array_bytes / MIB) / 64) * 64
    return Cost(ram, rates.start_s + seconds, product)


def select(volume: Volume = MONTH, rates: Rates = FERMITOOLS, kept: float = 1.0) -> Cost:
    """Selection of the events of one batch, of which the part ``kept`` remains."""
    product = volume.table_bytes * kept
    return _cost(rates, BUFFER_BYTES, volume.table_bytes / rates.table_bytes_s, product)


def mktime(volume: Volume = MONTH, rates: Rates = FERMITOOLS) -> Cost:
    """Time filter on the events of one batch."""
    return select(volume, rates)


def counts(
    order: int, n_bins: int, volume: Volume = MONTH, rates: Rates = FERMITOOLS, kept: float = 1.0
) -> Cost:
    """Counts cube of one batch."""
    size = cube_bytes(order, n_bins)
    seconds = kept * volume.table_bytes / rates.table_bytes_s + size / rates.map_bytes_s
    return _cost(rates, 2 * size, seconds, size)


def default_files(n_files: int, volume: Volume = MONTH, rates: Rates = FERMITOOLS) -> int:
    """Event files of ``volume`` each in a job, so that their way through the steps takes ``JOB_S``.

    Batches are made equally large.
    """
    binned = volume.table_bytes / rates.table_bytes_s
    livetime_s = volume.span_s / SPACECRAFT_ROW_S * rates.livetime_row_s
    # selection and time filter, then the components' selections beside the livetime
    way = 2 * binned + max(2 * binned, livetime_s)
    batches = math.ceil(n_files * way / JOB_S)
    return max(1, math.ceil(n_files / max(batches, 1)))


def coadd(order: int, n_bins: int, n_files: int, rates: Rates = FERMITOOLS) -> Cost:
    """Sum of the counts cubes of all batches."""
    size = cube_bytes(order, n_bins)
    return _cost(rates, 2 * size, (n_files + 1) * size / rates.map_bytes_s, size)


def livetime(volume: Volume = MONTH, rates: Rates = FERMITOOLS) -> Cost:
    """Livetime cube of one batch."""
    seconds = volume.span_s / SPACECRAFT_ROW_S * rates.livetime_row_s
    return _cost(rates, 4 * LIVETIME_CUBE_BYTES, seconds, LIVETIME_FILE_BYTES)


def livetime_sum(n_files: int, rates: Rates = FERMITOOLS) -> Cost:
    """Sum of the livetime cubes of all batches."""
    seconds = (n_files + 1) * LIVETIME_FILE_BYTES / rates.map_bytes_s
    return _cost(rates, 4 * LIVETIME_CUBE_BYTES, seconds, LIVETIME_FILE_BYTES)


def exposure(order: int, n_bins: int, rates: Rates = FERMITOOLS) -> Cost:
    """Exposure cube of a component."""
    size = cube_bytes(order, n_bins + 1)
    seconds = pixels(order) * (n_bins + 1) * rates.exposure_value_s
    return _cost(rates, 2 * size + 2 * LIVETIME_CUBE_BYTES, seconds, size)


def ring_sum(n_files: int, rates: Rates = FERMITOOLS) -> Cost:
    """Sum of ring maps; their size is not known to the plan, so a large one is assumed."""
    size = cube_bytes(9, 50, 4)
    return _cost(rates, 2 * size, (n_files + 1) * size / rates.map_bytes_s, size)


def source_map_plane_s(order: int, convolved: bool, rates: Rates = FERMITOOLS) -> float:
    """CPU time of a plane of diffuse source maps, s."""
    return rates.map_plane_s * 4.0 ** (order - 9) * (1.0 if convolved else 0.1)


def source_maps(order: int, n_planes: int, convolved: bool, rates: Rates = FERMITOOLS) -> Cost:
    """Source maps of a group of planes."""
    working = 12 * pixels(order + 1) * 8
    seconds = n_planes * source_map_plane_s(order, convolved, rates)
    return _cost(rates, working, seconds, cube_bytes(order, n_planes, 4))


def catalog_source_s(order: int, n_planes: int, rates: Rates = EMBEDDED) -> float:
    """CPU time of a catalogue source, s: in proportion to its pixels, with a floor."""
    return n_planes * rates.source_plane_s * max(4.0 ** (order - 9), 0.1)


def catalog_maps(
    order: int, n_planes: int, n_sources: int, n_merged: int, rates: Rates = EMBEDDED
) -> Cost:
    """Maps of a batch of sources; ``n_merged`` rules are summed over the whole sky."""
    sums = n_merged * cube_bytes(order, n_planes)
    source = 2 * cube_bytes(order, n_planes)
    seconds = n_sources * catalog_source_s(order, n_planes, rates) + sums / rates.map_bytes_s
    return _cost(rates, sums + source, seconds, sums)


def catalog_sum(order: int, n_planes: int, n_batches: int, rates: Rates = EMBEDDED) -> Cost:
    """Sum of the batches' maps of a rule, or its single sources in one file."""
    size = cube_bytes(order, n_planes)
    pieces = (n_batches + 1) * 16 * MIB
    return _cost(rates, pieces, (n_batches + 1) * size / rates.map_bytes_s, size / 2)


def pictures(order: int, n_planes: int, n_maps: int = 1, rates: Rates = EMBEDDED) -> Cost:
    """Pictures of a plane of each of several maps."""
    return _cost(rates, cube_bytes(order, n_planes), n_maps * 1.0, n_maps * 0.4e6)


def stack(order: int, n_planes: int, rates: Rates = FERMITOOLS) -> Cost:
    """Stack of the groups of planes of a component."""
    size = cube_bytes(order, n_planes, 4)
    return _cost(rates, size + cube_bytes(order, 1), 3 * size / rates.map_bytes_s, size)
