"""CPU and wall time and peak memory of gtbin, coadd, sum-rings and healview against size.

    python benchmarks/bench_binning.py [--events 1e5 1e6 1e7] [--orders 6 7 8 9]

Every command runs in a process of its own, start-up included; files are made in a temporary
directory (``--directory``), 1 GB for 1e7 events. ``read`` is a process that reads all rows once,
``write`` one that writes an empty cube of that order.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench_events import PIECE, READ, START, WEEK, engine, event_columns, report, table_header
from latsky.fits import dates, dss, gti
from latsky.fits.core import FitsWriter, Header, pack_rows
from latsky.fits.hpx import HpxGeometry, write_template

BINS = 10
WRITE = """
import sys
import numpy as np
from latsky.fits.hpx import HpxGeometry, write_counts_cube
geometry, planes = HpxGeometry.from_order(int(sys.argv[2])), int(sys.argv[3])
edges = np.geomspace(100, 1000, planes + 1)
write_counts_cube(sys.argv[1], geometry, edges, np.zeros((planes, geometry.npix), "i4"))
"""


def make_events(path: Path, count: int) -> None:
    """An event file of one week, events all over the sky."""
    rng = np.random.default_rng(1)
    first, last = START, START + WEEK
    columns = event_columns(rng, min(count, PIECE), first, last)
    size = len(columns[0].data)
    sky = {
        "L": rng.uniform(0, 360, size).astype("f4"),
        "B": np.degrees(np.arcsin(rng.uniform(-1, 1, size))).astype("f4"),
    }
    columns = [replace(column, data=sky.get(column.name, column.data)) for column in columns]
    rows = pack_rows(columns)
    header = table_header(columns, "EVENTS", first, last)
    dss.write(header, (dss.BitMask("EVENT_CLASS", 128, "P8R3"), dss.GoodTimes()))
    with FitsWriter(path) as writer:
        writer.primary(dates.date_keywords(Header(), first, last))
        stream = writer.stream(header, rows.dtype)
        for done in range(0, count, PIECE):
            stream.append(rows[: count - done])
        stream.end()
        gti.write(writer, np.array([[first, last]]))


def step(*arguments: str) -> list[str]:
    """Command line of a step."""
    return [sys.executable, "-m", "latsky.steps.main", *arguments]


def main() -> None:
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=float, nargs="+", default=[1e5, 1e6, 1e7])
    parser.add_argument("--orders", type=int, nargs="+", default=[6, 7, 8, 9])
    parser.add_argument("--directory", type=Path, help="where to make the files")
    options = parser.parse_args()
    print(f"{'':<34} {'size':>16} {'wall s':>9} {'CPU s':>9} {'peak MiB':>10}")
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        place = Path(name)
        source, output = place / "events.fits", place / "output.fits"
        report("start-up (gtbin --help)", "", engine("gtbin", "--help"))
        for order in options.orders:
            size = f"order {order} x {BINS}"
            report("write", size, [sys.executable, "-c", WRITE, str(output), str(order), str(BINS)])
        for count in map(int, options.events):
            make_events(source, count)
            size = f"{count:.0e} events"
            report("read", size, [sys.executable, "-c", READ, str(source), "EVENTS"])
            for order in options.orders:
                arguments = ["algorithm=HEALPIX", "coordsys=GAL", "emin=30", "emax=1e6"]
                arguments += [f"hpx_order={order}", f"enumbins={BINS}"]
                command = engine("gtbin", f"evfile={source}", f"outfile={output}", *arguments)
                report(f"gtbin HEALPIX order {order}", size, command)
            arguments = ["algorithm=CCUBE", "nxpix=200", "nypix=200", "binsz=0.1", "proj=AIT"]
            arguments += ["coordsys=GAL", "xref=0", "yref=0", "emin=30", "emax=1e6", "enumbins=10"]
            command = engine("gtbin", f"evfile={source}", f"outfile={output}", *arguments)
            report("gtbin CCUBE", size, command)
        source.unlink()
        for order in options.orders:
            geometry, cubes = HpxGeometry.from_order(order), []
            for number in range(6):
                cubes.append(str(place / f"cube_{number}.fits"))
                _make_cube(Path(cubes[-1]), geometry, number)
            size = f"order {order} x {BINS}"
            for count in (1, 6):
                command = step("coadd", "--output", str(output), *cubes[:count])
                report(f"coadd of {count}", size, command)
            report("healview", size, step("healview", cubes[0], "--output", str(place / "a.png")))
            for number, cube in enumerate(cubes):
                values = np.full((BINS, geometry.npix), number + 1.0, "f4")
                write_template(Path(cube), geometry, np.geomspace(10, 1e6, BINS), values)
            report("sum-rings of 6", size, step("sum-rings", "--output", str(output), *cubes))
            for cube in cubes:
                Path(cube).unlink()


def _make_cube(path: Path, geometry: HpxGeometry, number: int) -> None:
    from latsky.fits.hpx import write_ebounds, write_skymap

    counts = np.random.default_rng(number).poisson(0.5, (BINS, geometry.npix)).astype("i4")
    first = START + number * WEEK
    header = dates.date_keywords(Header(), first, first + WEEK)
    with FitsWriter(path) as writer:
        writer.primary(header)
        write_skymap(writer, "SKYMAP", geometry, counts, header=header)
        write_ebounds(writer, np.geomspace(100, 1000, BINS + 1))
        gti.write(writer, np.array([[first, first + WEEK]]), header)


if __name__ == "__main__":
    main()
