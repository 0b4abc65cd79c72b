"""Catalogue source maps: CPU time and size a source and plane.

Usage: python benchmarks/bench_catalog.py [--sources 1000] [--order 9]
Needs the reference data (LATSKY_REFERENCE): its response functions, livetime and 4FGL-DR4.
"""

import argparse
import os
import resource
import time
from pathlib import Path

import numpy as np

from latsky.catalog.read import read_catalog
from latsky.embedded.catalog_maps import CatalogMaps, PointExposure, add_to
from latsky.fits.hpx import HpxGeometry, open_energy_cube
from latsky.fits.irfs import load_response
from latsky.fits.livetime import read_livetime_cube


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, default=1000)
    parser.add_argument("--order", type=int, default=9)
    parser.add_argument("--extended", action="store_true", help="the extended sources alone")
    options = parser.parse_args()
    root = Path(__file__).resolve().parents[1]
    reference = Path(os.environ.get("LATSKY_REFERENCE", root.parent / "shared" / "reference"))
    week = reference / "week" / "expected"
    place = reference / "catalog"
    catalog = read_catalog(place / "gll_psc_v35.fit.gz", "4FGL-DR4", place / "Extended_14years")
    exposure = open_energy_cube(week / "bexpcube_E3_PSF0123.fits.gz", default_frame="GAL")
    energies = np.asarray(exposure.energies)
    maps = CatalogMaps(
        HpxGeometry.from_order(options.order),
        energies,
        load_response("P8R3_SOURCE_V3", 60, reference / "caldb"),
        read_livetime_cube(week / "ltcube_zmax105.fits.gz"),
        PointExposure(exposure, energies),
    )
    chosen = [s for s in catalog.sources if s.extended == options.extended][: options.sources]
    planes = np.zeros((len(energies), maps.geometry.npix))
    add_to(planes, maps.source_map(chosen[0]), np.ones(len(energies)))  # compiles
    pixels = 0
    wall, cpu = time.perf_counter(), time.process_time()
    for number, source in enumerate(chosen, 1):
        found = maps.source_map(source)
        add_to(planes, found, np.ones(len(energies)))
        pixels += int(np.count_nonzero(found.values))
        if number % max(1, len(chosen) // 4) == 0:
            print(f"{number:6d} sources {time.process_time() - cpu:8.2f} CPU s")
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    count = len(chosen) * len(energies)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"order {options.order}, {len(chosen)} sources, {len(energies)} planes")
    print(f"{cpu:.2f} CPU s, {wall:.2f} s; {1e3 * cpu / count:.3f} ms CPU a source-plane")
    print(f"{10e-6 * pixels / len(chosen):.3f} MB a sparse source; peak {peak:.0f} MiB")


if __name__ == "__main__":
    main()
