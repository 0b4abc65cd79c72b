"""What Toil costs on Slurm: many short stand-in jobs on a Slurm of one node.

``bench_slurm.py [--jobs N] [--at-once N] [--local | --cwltool] [--image] [-- OPTIONS]``: N jobs
that write a line, and two that join them, run as ``latsky run --slurm`` would. Prints CPU time and
memory of the leader and of the workers that it starts beside itself, and the CPU time of Slurm's
controller. ``--local`` is Toil without Slurm, ``--cwltool`` cwltool: both with the CPU time of the
jobs. ``--image`` needs Apptainer and the embedded image.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "engines"))

from slurm_cluster import Cluster, missing  # noqa: E402

from latsky.provenance.hashing import hash_order  # noqa: E402
from latsky.run import cwltool, engine, toil  # noqa: E402
from latsky.run.container import choose  # noqa: E402
from latsky.run.site import Site  # noqa: E402

WORKFLOW = ROOT / "tests" / "engines" / "standin" / "workflow.cwl"
TICK = os.sysconf("SC_CLK_TCK")


def usage(pid: int) -> tuple[float, float, float]:
    """CPU time of a process and of its children that ended, s; its largest memory so far, MiB."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own, children = (sum(map(int, fields[n : n + 2])) / TICK for n in (11, 13))
    status = Path(f"/proc/{pid}/status").read_text()
    return own, children, int(status.partition("VmHWM:")[2].split()[0]) / 1024


def watched(follow):
    """``follow`` of latsky.run.toil, which also watches what the engine uses."""

    def watch(process, records, total):
        seen = [(0.0, 0.0, 0.0)]
        poll = process.poll

        def polled():
            try:
                seen[0] = usage(process.pid)
            except (OSError, IndexError):
                pass
            return poll()

        process.poll = polled
        result = follow(process, records, total)
        print("leader: {:.0f} s CPU, its local workers {:.0f} s, {:.0f} MiB".format(*seen[0]))
        return result

    return watch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--at-once", type=int, default=4, help="jobs at a time")
    parser.add_argument("--local", action="store_true", help="Toil on this machine")
    parser.add_argument("--cwltool", action="store_true", help="cwltool on this machine")
    parser.add_argument("--image", action="store_true", help="jobs run in the embedded image")
    parser.add_argument("--place", type=Path, help="directory for job store and records")
    parser.add_argument("flags", nargs="*", help="more options of the engine")
    options = parser.parse_args()
    on_slurm = not (options.local or options.cwltool)
    if on_slurm and missing():
        sys.exit(f"no {', '.join(missing())}")
    with tempfile.TemporaryDirectory(dir=options.place, prefix="bench-slurm-") as scratch:
        place = Path(scratch)
        cluster = Cluster(place / "slurm", 20000 + os.getpid() % 20000)
        if on_slurm:
            os.environ["SLURM_CPUS"] = str(options.at_once)
            os.environ["SLURM_CONF"] = str(cluster.root / "etc" / "slurm.conf")
            cluster.do("start")
        try:
            measure(place, options, cluster if on_slurm else None)
        finally:
            if on_slurm:
                cluster.do("stop")


def measure(place: Path, options: argparse.Namespace, cluster: Cluster | None) -> None:
    """Run the stand-in and print what it took."""
    text = place / "text"
    text.write_text("text\n")
    file = {"class": "File", "path": str(text)}
    numbers = list(range(options.jobs // 2))
    order = {"numbers": numbers, "seconds": 0.0, "first": file, "second": dict(file)}
    hash_order(order)
    directory = place / "run"
    directory.mkdir()
    (directory / "order.json").write_text(json.dumps(order))
    container = "apptainer" if options.image else "none"
    programs = replace(choose(container, "embedded", directory), identity="stand-in")
    total = 2 * len(numbers) + 2
    arguments = (WORKFLOW, directory / "order.json", directory)
    start = time.perf_counter()
    with engine.locked(directory) as lock:
        if options.cwltool:
            before = os.times()
            status, _log, _ = cwltool.run_workflow(
                *arguments, options.at_once, total, programs, lock, options.flags
            )
            after = os.times()
            print(f"cwltool and its jobs: {after[2] + after[3] - before[2] - before[3]:.0f} s CPU")
        else:
            toil.follow_records = watched(toil.follow_records)
            site = Site(partition="test", max_cores=2) if cluster else None
            status, _log, _ = toil.run_toil(
                *arguments, total, programs, lock,
                site=site, jobs=options.at_once, flags=options.flags,
            )  # fmt: skip
    wall = time.perf_counter() - start
    print(f"{total} jobs, {options.at_once} at a time: {wall:.0f} s, {wall / total:.2f} s a job")
    if cluster:
        daemon = int((cluster.root / "run" / "slurmctld.pid").read_text())
        own, _, memory = usage(daemon)
        submitted = (cluster.root / "log" / "jobs.txt").read_text().count("JobId=")
        print(f"Slurm: {submitted} jobs, controller {own:.0f} s CPU, {memory:.0f} MiB")
    if status:
        print((directory / "engine.log").read_text()[-3000:])
    print(f"exit status {status}")


if __name__ == "__main__":
    main()
