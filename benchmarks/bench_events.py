"""CPU and wall time and peak memory of gtselect, gtmktime and match-spacecraft against size.

    python benchmarks/bench_events.py [--events 1e5 1e6 1e7] [--weeks 1 52]

Every command runs in a process of its own, start-up included; files are made in a temporary
directory (``--directory``), 1 GB for 1e7 events. ``read`` is a process that reads all rows once.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from latsky.fits import dates, dss, gti
from latsky.fits.core import Column, FitsWriter, Header, pack_rows

WEEK = 604800.0
START = 4.3e8
PIECE = 100_000
READ = """
import sys
from latsky.fits.core import FitsFile
with FitsFile(sys.argv[1]) as file:
    sum(len(rows) for rows in file.rows(sys.argv[2], 1 << 14))
"""


def event_columns(rng: np.random.Generator, count: int, first: float, last: float) -> list[Column]:
    """Columns of an event file as long as those of the archive (98 bytes a row)."""
    energy = (30 * (1 - rng.random(count)) ** -1.0).clip(max=1e6)
    plain = [
        ("ENERGY", energy, "f4", "MeV"),
        ("RA", rng.uniform(0, 360, count), "f4", "deg"),
        ("DEC", np.degrees(np.arcsin(rng.uniform(-1, 1, count))), "f4", "deg"),
        *((name, rng.random(count), "f4", "deg") for name in ("L", "B", "THETA", "PHI")),
        ("ZENITH_ANGLE", rng.uniform(0, 120, count), "f4", "deg"),
        ("EARTH_AZIMUTH_ANGLE", rng.random(count), "f4", "deg"),
        ("TIME", np.sort(rng.uniform(first, last, count)), "f8", "s"),
        ("EVENT_ID", np.arange(count), "i4", ""),
        ("RUN_ID", np.zeros(count), "i4", ""),
        ("CALIB_VERSION", np.zeros((count, 3)), "i2", ""),
        ("EVENT_CLASS", np.full(count, 128), "u4", ""),
        ("EVENT_TYPE", 4 << rng.integers(0, 4, count), "u4", ""),
        ("CONVERSION_TYPE", rng.integers(0, 2, count), "i2", ""),
        ("LIVETIME", rng.random(count), "f8", "s"),
        *((f"DIFRSP{n}", rng.random(count), "f4", "") for n in range(5)),
    ]
    return [Column(name, np.asarray(data).astype(kind), unit) for name, data, kind, unit in plain]


def table_header(columns: Sequence[Column], name: str, first: float, last: float) -> Header:
    """Header of a table of these columns."""
    header = Header([("TFIELDS", len(columns), ""), ("EXTNAME", name, "")])
    for number, column in enumerate(columns, 1):
        header.set(f"TTYPE{number}", column.name)
        header.set(f"TFORM{number}", column.layout()[0])
        header.set(f"TUNIT{number}", column.unit)
    return dates.date_keywords(header, first, last)


def make_events(path: Path, count: int) -> None:
    """An event file of one week."""
    rng = np.random.default_rng(1)
    first, last = START, START + WEEK
    columns = event_columns(rng, min(count, PIECE), first, last)
    rows = pack_rows(columns)
    header = table_header(columns, "EVENTS", first, last)
    header.set("PASS_VER", "P8R3")
    dss.write(header, (dss.BitMask("EVENT_CLASS", 128, "P8R3"), dss.GoodTimes()))
    with FitsWriter(path) as writer:
        writer.primary(dates.date_keywords(Header(), first, last))
        stream = writer.stream(header, rows.dtype)
        for done in range(0, count, PIECE):
            stream.append(rows[: count - done])
        stream.end()
        gti.write(writer, np.array([[first, last]]))


def make_spacecraft(path: Path, weeks: int) -> None:
    """A spacecraft file of rows of 30 s, a tenth of them without good data, in long runs."""
    start = np.arange(START, START + weeks * WEEK, 30.0)
    last = START + weeks * WEEK
    good = (start % 6000) > 600
    pad = [Column(f"PAD{n}", np.zeros(len(start))) for n in range(18)]
    columns = [
        Column("START", start, "s"),
        Column("STOP", start + 30, "s"),
        Column("LIVETIME", np.full(len(start), 27.0), "s"),
        Column("LAT_CONFIG", np.ones(len(start), np.uint8)),
        Column("DATA_QUAL", good.astype(np.int16)),
        *pad,
    ]
    header = dates.date_keywords(Header(), START, last)
    with FitsWriter(path) as writer:
        writer.primary(header)
        writer.table("SC_DATA", columns, header)


def measure(command: Sequence[str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak memory in MiB of a process."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begin
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def apart(function: Callable[..., None], *arguments: object) -> None:
    """Call in another process: the memory of this one would count in those it starts."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def report(name: str, size: str, command: Sequence[str]) -> None:
    """Print one line of measurements."""
    wall, cpu, memory = measure(command)
    print(f"{name:<34} {size:>16} {wall:>9.2f} {cpu:>9.2f} {memory:>10.0f}", flush=True)


def engine(*arguments: str) -> list[str]:
    """Command line of an engine's command."""
    return [sys.executable, "-m", "latsky.steps.main", "engine", *arguments]


def main() -> None:
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=float, nargs="+", default=[1e5, 1e6, 1e7])
    parser.add_argument("--weeks", type=int, nargs="+", default=[1, 52], help="of spacecraft data")
    parser.add_argument("--directory", type=Path, help="where to make the files")
    options = parser.parse_args()
    print(f"{'':<34} {'size':>16} {'wall s':>9} {'CPU s':>9} {'peak MiB':>10}")
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        place = Path(name)
        report("start-up (gtselect --help)", "", engine("gtselect", "--help"))
        source, output = place / "events.fits", place / "output.fits"
        pointing = place / "spacecraft.fits"
        apart(make_spacecraft, pointing, 1)
        into = f"outfile={output}"
        for count in map(int, options.events):
            apart(make_events, source, count)
            size = f"{count:.0e} events"
            report("read", size, [sys.executable, "-c", READ, str(source), "EVENTS"])
            select = engine("gtselect", f"infile={source}", into)
            cuts = ["emin=1000", "emax=1e6", "zmax=105", "evclass=128", "evtype=56"]
            report("gtselect, few pass", size, [*select, *cuts])
            report("gtselect, all pass", size, [*select, "emin=0", "emax=1e9"])
            cone = ["ra=80", "dec=20", "rad=90", "emin=0", "emax=1e9"]
            report("gtselect, cone of 90 degrees", size, [*select, *cone])
            files = [f"evfile={source}", f"scfile={pointing}", into]
            quality = "filter=DATA_QUAL>0 && LAT_CONFIG==1"
            report("gtmktime, a week", size, engine("gtmktime", *files, quality, "roicut=no"))
        apart(make_events, source, 1000)
        for weeks in options.weeks:
            apart(make_spacecraft, pointing, weeks)
            size = f"{weeks} weeks"
            report("read", size, [sys.executable, "-c", READ, str(pointing), "SC_DATA"])
            step = [sys.executable, "-m", "latsky.steps.main", "match-spacecraft"]
            files = ["--events", str(source), "--spacecraft", str(pointing)]
            report("match-spacecraft", size, [*step, *files, "--output", str(output)])


if __name__ == "__main__":
    main()
