"""Cost of the fit: evaluations against memory bandwidth, memory, threads.

``python benchmarks/bench_fit.py`` makes a model of 40 whole-sky components on the 4 binning
components of the seed's example at HEALPix order 7 (``--components``, ``--order`` for smaller ones)
with random maps, and prints seconds per likelihood evaluation with and without gradient and for the
Fisher information, of a plain sum over the same memory, and the peak memory of the process. The
normalisations are free; with ``--shapes`` the indices are too. Seconds are CPU seconds over the
number of threads: wall clock on a machine that does nothing else, and comparable on a busy one.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np

from latsky.fit.data import bin_counts, integrated, work_array
from latsky.fit.likelihood import (
    ComponentData,
    JointLikelihood,
    SourceMaps,
    SourceTerm,
    places,
    put_row,
)
from latsky.fit.operators import Migration, integral
from latsky.fit.parameters import free_parameters, source_terms
from latsky.fits.source_model import Model, Parameter, Source, SourceModel

BINS = {"E0_PSF3": (1.5, 2.0, 4), "E1_PSF23": (2.0, 2.5, 4), "E2_PSF123": (2.5, 3.0, 4)}
BINS |= {"E3_PSF0123": (3.0, 6.0, 12)}


def model(components: int, *, shapes: bool) -> SourceModel:
    """Map cubes with free factors, and free indices if ``shapes``."""
    spectrum = Model(
        "PowerLaw",
        (
            Parameter("Prefactor", 1.0, 1.0, 0.01, 100.0, True),
            Parameter("Index", 0.0, 1.0, -5.0, 5.0, shapes),
            Parameter("Scale", 1000.0),
        ),
    )
    spatial = Model("MapCubeFunction", (Parameter("Normalization", 1.0),), {"file": "x"})
    return SourceModel(
        tuple(Source(f"s{n}", "DiffuseSource", spectrum, spatial) for n in range(components))
    )


def migration(edges: np.ndarray) -> Migration:
    """Dispersion of 10 % (a Gaussian in ln E)."""
    from math import erf

    from latsky.fit.dispersion import true_energies

    nodes, widths = true_energies(edges)
    normal = np.vectorize(erf)
    below = 0.5 * (1 + normal(np.log(edges[:, None] / nodes) / 0.1 / np.sqrt(2)))
    return Migration(edges, nodes, widths, np.diff(below, axis=0), np.ones(len(nodes)))


def component(
    name: str, order: int, terms: list[SourceTerm], work: Path, *, edisp: bool
) -> ComponentData:
    """One binning component with random maps."""
    low, high, bins = BINS[name]
    edges, pixels = np.logspace(low, high, bins + 1), 12 * 4**order
    random = np.random.default_rng(bins)
    norms = len(terms[0].parameters) == 1
    number = bins if norms else bins + 1
    place = places([number] * len(terms)).reshape(-1, number)
    maps = work_array(work, place.size, pixels)
    sources = []
    spread = migration(edges)
    used, reach = (spread, 1) if edisp else (spread.undispersed(), 0)
    for term, rows in zip(terms, place, strict=True):
        shape = random.random(pixels, "f4") * random.random()
        values = shape * ((edges / edges[0]) ** -2 / edges[0]).astype("f4")[:, None]
        operator = integral(used, edges, values.sum(axis=1, dtype="f8"), reach=reach)
        if norms:
            operator, transfer = integrated(operator, term)
            values = np.array([part.astype("f4") for part in bin_counts(transfer, values)])
        for row, value in zip(rows, values, strict=True):
            put_row(maps, row, value)
        sources.append(SourceMaps(term.name, operator, values.sum(axis=1, dtype="f8")))
    counts = random.poisson(1.0, (bins, pixels)).astype("f4")
    return ComponentData(name, counts, tuple(sources), maps)


def best(action: Callable[[], object], repeats: int, threads: int) -> float:
    """Shortest CPU time over the number of threads, s."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return min(times) / threads


@numba.njit(parallel=True, fastmath=True)
def plain_sum(values: np.ndarray) -> float:
    """Sum over an array: one pass over memory."""
    total = 0.0
    for block in numba.prange(values.shape[0]):
        part = np.float32(0)
        for row in range(values.shape[1]):
            for pixel in range(values.shape[2]):
                part += values[block, row, pixel]
        total += part
    return total


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--components", type=int, default=40)
    parser.add_argument("--order", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--shapes", action="store_true")
    parser.add_argument("--no-edisp", action="store_true")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    sources = model(options.components, shapes=options.shapes)
    parameters = free_parameters(sources)
    terms = source_terms(sources, parameters)
    data = [
        component(name, options.order, terms, options.work, edisp=not options.no_edisp)
        for name in BINS
    ]
    joint = JointLikelihood(data, terms, len(parameters))
    values = np.array([parameter.value for parameter in parameters])
    size = sum(each.maps.nbytes for each in data) / 1e9
    print(f"{options.components} components, order {options.order}: maps {size:.2f} GB")
    joint.evaluate(values)
    joint.information(values)
    for each in data:
        plain_sum(each.maps)
    print("threads  with gradient  value alone  information  plain sum (s)   GB/s")
    threads = 1
    while threads <= numba.config.NUMBA_NUM_THREADS:
        numba.set_num_threads(threads)
        full = best(lambda: joint.evaluate(values), options.repeats, threads)
        alone = best(lambda: joint.evaluate(values, gradient=False), options.repeats, threads)
        fisher = best(lambda: joint.information(values), options.repeats, threads)
        passing = best(lambda: [plain_sum(each.maps) for each in data], options.repeats, threads)
        print(
            f"{threads:7} {full:14.3f} {alone:12.3f} {fisher:12.3f} {passing:14.3f} "
            f"{size / full:8.2f}"
        )
        threads *= 2
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak memory {peak:.2f} GB, maps mapped from a file included")


if __name__ == "__main__":
    main()
