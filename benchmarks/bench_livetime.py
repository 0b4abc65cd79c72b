"""CPU and wall time and peak memory of gtltcube and gtltsum against rows and pixels.

    python benchmarks/bench_livetime.py [--weeks 1 4 52] [--reference DIRECTORY]

Every command runs in a process of its own, start-up included; the start-up alone is the first line.
Spacecraft files are made in a temporary directory (100 MB for a year). With ``--reference`` the
week of the reference data is done as well: three event files, for which the real gtltcube needs 24
to 30 CPU seconds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench_events import START, WEEK, engine, report, table_header
from latsky.fits import dates, gti
from latsky.fits.core import Column, FitsWriter, Header, pack_rows
from latsky.fits.livetime import read_livetime_cube, write_livetime_cube

PIECE = 20_000
"""rows made at a time"""


def spacecraft_columns(first: int, stop: int) -> list[Column]:
    """Rows ``first`` … ``stop`` - 1 of 30 s: an orbit of 95 minutes, rocked 50° north and south."""
    n = np.arange(first, stop)
    orbit, node = 2 * np.pi * n * 30.0 / 5700, 2 * np.pi * n * 30.0 / (53 * 86400)
    tilt = np.radians(25.6)
    along, across = np.cos(orbit), np.sin(orbit) * np.cos(tilt)
    zenith = np.stack(
        [
            along * np.cos(node) - across * np.sin(node),
            along * np.sin(node) + across * np.cos(node),
            np.sin(orbit) * np.sin(tilt),
        ],
        axis=-1,
    )
    pole = np.stack(
        [
            np.sin(tilt) * np.sin(node),
            -np.sin(tilt) * np.cos(node),
            np.full(len(n), np.cos(tilt)),
        ],
        axis=-1,
    )
    rock = np.radians(50.0) * np.where((n // 190) % 2, 1, -1)[:, None]
    axis = zenith * np.cos(rock) + pole * np.sin(rock)
    side = pole * np.cos(rock) - zenith * np.sin(rock)
    start = START + 30.0 * n
    columns = [Column("START", start, "s"), Column("STOP", start + 30, "s")]
    columns.append(Column("LIVETIME", np.full(len(n), 26.5), "s"))
    for name, vectors in (("SCZ", axis), ("SCX", side), ("ZENITH", zenith)):
        ra = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0])) % 360
        columns.append(Column(f"RA_{name}", ra.astype("f4"), "deg"))
        dec = np.degrees(np.arcsin(np.clip(vectors[:, 2], -1, 1)))
        columns.append(Column(f"DEC_{name}", dec.astype("f4"), "deg"))
    return columns


def make_spacecraft(path: Path, rows: int) -> None:
    """A spacecraft file, written in pieces so that this process stays small."""
    last = START + 30.0 * rows
    with FitsWriter(path) as writer:
        writer.primary(dates.date_keywords(Header(), START, last))
        columns = spacecraft_columns(0, 1)
        header = table_header(columns, "SC_DATA", START, last)
        stream = writer.stream(header, pack_rows(columns).dtype)
        for first in range(0, rows, PIECE):
            stream.append(pack_rows(spacecraft_columns(first, min(first + PIECE, rows))))
        stream.end()


def make_events(path: Path, seconds: float) -> None:
    """An event file without events, with good time in orbits interrupted by the SAA."""
    begin = np.arange(START, START + seconds, 5700.0)
    with FitsWriter(path) as writer:
        writer.primary(Header())
        writer.table("EVENTS", [Column("TIME", np.zeros(0), "s")])
        gti.write(writer, np.column_stack([begin, np.minimum(begin + 5000.0, START + seconds)]))


def reference_week(reference: Path, place: Path) -> None:
    """The three event files of the reference week, as they are (their good time is whole)."""
    scfile = reference / "week/events/lat_spacecraft_weekly_w323_p202_v001.fits.gz"
    for number in range(3):
        events = reference / f"week/events/week_ft1_{number}.fits.gz"
        files = [f"evfile={events}", f"scfile={scfile}", f"outfile={place}/week{number}.fits"]
        report("gtltcube, reference week", f"file {number}", engine("gtltcube", *files, "zmax=105"))


def main() -> None:
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weeks", type=int, nargs="+", default=[1, 4, 52])
    parser.add_argument("--directory", type=Path, help="where to make the files")
    parser.add_argument(
        "--reference", type=Path, default=os.environ.get("LATSKY_REFERENCE"), help="reference data"
    )
    options = parser.parse_args()
    print(f"{'':<34} {'size':>16} {'wall s':>9} {'CPU s':>9} {'peak MiB':>10}")
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        place = Path(name)
        scfile, evfile, cube = place / "ft2.fits", place / "ft1.fits", place / "lt.fits"
        files = [f"evfile={evfile}", f"scfile={scfile}", f"outfile={cube}", "zmax=105"]
        make_spacecraft(scfile, 3)
        make_events(evfile, 60.0)
        report("start-up (gtltcube, no work)", "3 rows", engine("gtltcube", *files, "binsz=30"))
        for weeks in options.weeks:
            rows = int(weeks * WEEK / 30)
            make_spacecraft(scfile, rows)
            make_events(evfile, weeks * WEEK)
            report("gtltcube, 49152 pixels", f"{rows} rows", engine("gtltcube", *files))
        rows = int(WEEK / 30)
        make_spacecraft(scfile, rows)
        make_events(evfile, WEEK)
        for size in (4.0, 2.0, 0.5):
            pixels = f"{size} deg"
            report("gtltcube, a week", pixels, engine("gtltcube", *files, f"binsz={size}"))
        report("gtltcube, a week, 5 phi bins", "1 deg", engine("gtltcube", *files, "phibins=5"))
        report("gtltcube, a week", "1 deg", engine("gtltcube", *files))
        for number in range(8):
            make_part(cube, place / f"part{number}.fits", START + number * WEEK)
        listing = place / "list"
        listing.write_text("".join(f"{place}/part{number}.fits\n" for number in range(8)))
        report("gtltsum", "8 cubes", engine("gtltsum", f"infile1=@{listing}", f"outfile={cube}"))
        if options.reference:
            reference_week(Path(options.reference), place)


def make_part(cube: Path, part: Path, start: float) -> None:
    """A livetime cube like ``cube``, of another time."""
    made = read_livetime_cube(cube)
    moved = made.intervals - made.intervals[0, 0] + start
    changed = replace(made, intervals=moved, tstart=moved[0, 0], tstop=moved[-1, 1])
    write_livetime_cube(part, changed, "gtltcube")


if __name__ == "__main__":
    main()
