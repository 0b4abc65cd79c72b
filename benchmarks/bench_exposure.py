"""CPU and wall time and peak memory of gtexpcube2 against pixels, planes and event types.

    CALDB=DIRECTORY python benchmarks/bench_exposure.py [--orders 4 6 8 9]

Every command runs in a process of its own, start-up included. The livetime cube (49152 pixels, 40
bins) is made up. For order 6, 10 planes and 4 event types the real gtexpcube2 needs 5.4 CPU s.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from bench_events import engine, report
from latsky.fits.hpx import HpxGeometry
from latsky.fits.livetime import AngleBins, LivetimeCube, write_livetime_cube


def make_cube(path: Path, phi_bins: int = 0) -> None:
    """A livetime cube of a year, made up."""
    bins = AngleBins(40, phi_bins)
    values = np.random.default_rng(1).uniform(1e4, 2e5, (49152, bins.size)).astype("f4")
    cube = LivetimeCube(
        HpxGeometry(64, True, "CEL"),
        bins,
        values,
        values * np.float32(0.85),
        np.array([[4e8, 4.3e8]]),
        4e8,
        4.3e8,
        (0.0, 105.0),
    )
    write_livetime_cube(path, cube, "gtltcube")


def main() -> None:
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, nargs="+", default=[4, 6, 8, 9])
    parser.add_argument("--irfs", default="P8R3_SOURCE_V3")
    parser.add_argument("--directory", type=Path, help="where to make the files")
    options = parser.parse_args()
    print(f"{'':<34} {'size':>16} {'wall s':>9} {'CPU s':>9} {'peak MiB':>10}")
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        place = Path(name)
        cube = place / "lt.fits"
        make_cube(cube)
        report("start-up (gtexpcube2 --help)", "", engine("gtexpcube2", "--help"))
        energies = ["emin=1000", "emax=1e6"]
        fixed = [f"infile={cube}", f"outfile={place}/exp.fits", f"irfs={options.irfs}", *energies]
        types = ["cmap=hpx", "evtype=60", "enumbins=9"]
        for order in options.orders:
            command = engine("gtexpcube2", *fixed, *types, f"hpx_order={order}")
            report("10 planes, 4 event types", f"order {order}", command)
        for planes in (4, 40):
            more = ["cmap=hpx", "evtype=60", f"enumbins={planes - 1}", "hpx_order=6"]
            report(
                "order 6, 4 event types", f"{planes} planes", engine("gtexpcube2", *fixed, *more)
            )
        wcs = ["cmap=none", "nxpix=1440", "nypix=720", "binsz=0.25", "xref=0", "yref=0"]
        command = engine("gtexpcube2", *fixed, *wcs, "evtype=60", "enumbins=9")
        report("WCS, 10 planes, 4 event types", "1440 x 720", command)
        make_cube(cube, 5)
        command = engine("gtexpcube2", *fixed, *types, "hpx_order=6")
        report("5 phi bins, 10 planes, 4 types", "order 6", command)


if __name__ == "__main__":
    main()
