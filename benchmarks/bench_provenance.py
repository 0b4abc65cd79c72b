"""What recording costs: hashing the inputs, records of jobs, crate and archive.

``bench_provenance.py [--gib N] [--jobs N]``: N GiB of inputs in files of 256 MiB, N small jobs.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from latsky.provenance.hashing import hash_order

TOOL = """
cwlVersion: v1.2
class: CommandLineTool
baseCommand: [sh, -c]
arguments: ['cp "$1" out_$0.txt', $(inputs.n), $(inputs.f)]
inputs: {n: int, f: File}
outputs: {o: {type: File, outputBinding: {glob: out_*.txt}}}
"""
WORKFLOW = """
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}}
inputs: {ns: 'int[]', f: File}
outputs: {o: {type: 'File[]', outputSource: many/o}}
steps: {many: {run: tool.cwl, scatter: n, in: {n: ns, f: f}, out: [o]}}
"""
FILE = 256 << 20


def hashing(place: Path, gib: float) -> None:
    block = os.urandom(1 << 20)
    files = []
    for number in range(max(1, round(gib * (1 << 30) / FILE))):
        path = place / f"input_{number}.fits"
        with path.open("wb") as file:
            for piece in range(FILE >> 20):
                file.write(piece.to_bytes(8, "little") + number.to_bytes(8, "little") + block[16:])
        files.append({"class": "File", "path": str(path)})
    order = {"files": files}
    cpu, wall = time.process_time(), time.perf_counter()
    hash_order(order)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    size = len(files) * FILE / 1e9
    print(
        f"inputs: {size:.2f} GB hashed (SHA-1 and SHA-256) in {wall:.1f} s, {cpu:.1f} s CPU "
        f"({cpu / size:.2f} s CPU a GB); {len(json.dumps(order))} bytes in the job order"
    )
    for file in files:
        Path(file["path"]).unlink()


def jobs(place: Path, count: int) -> None:
    (place / "tool.cwl").write_text(TOOL)
    (place / "workflow.cwl").write_text(WORKFLOW)
    (place / "f.txt").write_text("data\n")
    order = {"ns": list(range(count)), "f": {"class": "File", "path": str(place / "f.txt")}}
    hash_order(order)
    (place / "order.json").write_text(json.dumps(order))
    used = {}
    plain = [str(Path(sys.executable).parent / "cwltool")]
    recorded = [sys.executable, "-P", "-m", "latsky.provenance.launch", "cwltool"]
    for name, command in (("plain", plain), ("recorded", [*recorded, str(place / "records")])):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [*command, "--quiet", "--outdir", place / name, "workflow.cwl", "order.json"],
            cwd=place,
            check=True,
            capture_output=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used[name] = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    size = sum(path.stat().st_size for path in (place / "records").iterdir())
    more = (used["recorded"] - used["plain"]) / count
    print(
        f"{count} jobs: {used['plain']:.2f} s CPU by cwltool alone, {used['recorded']:.2f} s with "
        f"records: {more * 1000:.1f} ms and {size / count:.0f} bytes a job"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=2.0)
    parser.add_argument("--jobs", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        hashing(Path(directory), options.gib)
        jobs(Path(directory), options.jobs)


if __name__ == "__main__":
    main()
