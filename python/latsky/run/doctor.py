"""``latsky doctor``: whether a run can work here, before it is started."""

from __future__ import annotations

import argparse
import datetime
import math
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from latsky.errors import InputError, InputErrors
from latsky.plan import Plan
from latsky.run import images, slurm
from latsky.run.environment import script
from latsky.run.requests import WORKER_MIB
from latsky.run.site import Site, read_site


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    good: bool
    text: str


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky doctor``."""
    parser.add_argument("analysis", type=Path, nargs="?", help="master file, to compare with")
    parser.add_argument("--outdir", type=Path, default=Path(), help="directory of the run to be")
    parser.add_argument("--engine", choices=("embedded", "fermitools"), default="embedded")
    parser.add_argument("--container", choices=("none", "apptainer"), default="none")
    parser.add_argument("--slurm", nargs="?", const="default", metavar="SITE", help="site profile")
    parser.add_argument(
        "--wait", type=int, default=120, metavar="S", help="for a node [%(default)s]"
    )


def run(options: argparse.Namespace) -> int:
    """Print what was found; 2 when something is in the way."""
    findings = list(examine(options))
    for finding in findings:
        print(f"{'ok  ' if finding.good else 'BAD '} {finding.what}: {finding.text}")
    return 0 if all(finding.good for finding in findings) else 2


def examine(options: argparse.Namespace) -> Iterator[Finding]:
    """Look at everything that a run with these options needs."""
    yield _tried("engines", _engines)
    outdir = _existing(options.outdir.resolve())
    yield _tried("directory of the run", lambda: _writable(outdir))
    image = None
    if options.container == "apptainer":
        yield _tried("apptainer", lambda: _version("apptainer"))

        def checked() -> str:
            nonlocal image
            image, digest = images.verify(images.image(options.engine), images.image_cache())
            return f"{image} sha256 {digest[:16]}…"

        yield _tried("image", checked)
    if options.analysis:
        yield _tried("space", lambda: _space(options.analysis, outdir))
    if options.slurm:
        site = read_site(options.slurm)
        yield _tried("slurm", lambda: slurm.ask("sinfo", "--version", patience=5).strip())
        yield _tried("partition", lambda: _partition(site, options.analysis))
        yield _tried("node", lambda: _node(site, outdir, image, options.wait))


def _tried(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except (InputError, InputErrors, OSError, subprocess.SubprocessError) as error:
        return Finding(what, False, str(error))


def _engines() -> str:
    script("cwltool"), script("_toil_worker")
    return ", ".join(f"{name} {metadata.version(name)}" for name in ("cwltool", "toil"))


def _version(program: str) -> str:
    if shutil.which(program) is None:
        raise InputError("this program is not on PATH", key=program)
    return subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip()


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _writable(directory: Path) -> str:
    probe = directory / f".latsky-{uuid.uuid4().hex}"
    probe.write_text("x")
    probe.unlink()
    return f"{directory} can be written"


def _plan(analysis: Path) -> Plan:
    from latsky.check import check_analysis
    from latsky.show_plan import plan_of

    report = check_analysis(analysis)
    if report.problems:
        raise InputErrors(report.problems)
    return plan_of(report.analysis)


def _memory(plan: Plan) -> int:
    """The largest memory a job asks for, MiB."""
    found = [512]

    def look(value: object) -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                if str(name).endswith("ram_mib") and isinstance(item, int | float):
                    found.append(int(item))
                else:
                    look(item)
        elif isinstance(value, list | tuple):
            for item in value:
                look(item)

    look(vars(plan))
    return max(found)


def _space(analysis: Path, outdir: Path) -> str:
    _plan(analysis)
    free = shutil.disk_usage(outdir).free
    inputs = sum(_sizes(analysis))
    # selected events of every component, in the engine's scratch and the store, are of this order
    wanted = 10 * inputs
    text = f"{free / 2**30:.1f} GiB free, event files {inputs / 2**30:.2f} GiB"
    if free < wanted:
        raise InputError(f"{text}; {wanted / 2**30:.1f} GiB should be free", file=outdir)
    return text


def _sizes(analysis: Path) -> Iterator[int]:
    from latsky.check import check_analysis
    from latsky.job_order import job_order

    for file in job_order(check_analysis(analysis).analysis)["event_files"]:
        path = Path(str(file.get("path") or str(file["location"]).removeprefix("file://")))
        yield path.stat().st_size


def _partition(site: Site, analysis: Path | None) -> str:
    found = slurm.partition(site.partition)
    if found is None:
        raise InputError("no such partition", key=site.partition or "default")
    if not found.up:
        raise InputError("is down", key=found.name)
    for key in ("time", "max_time"):
        text = getattr(site, key)
        if text and slurm.seconds(text) > found.time_s:
            limit = datetime.timedelta(seconds=found.time_s)
            raise InputError(f"{key} {text} is over the partition's limit {limit}", key=found.name)
    if analysis is not None:
        largest, most = _memory(_plan(analysis)) + WORKER_MIB, site.granted().memory_mib
        if largest > most:
            raise InputError(f"a job needs {largest} MiB, it can get {most}", key=found.name)
    limit = "none" if math.isinf(found.time_s) else datetime.timedelta(seconds=found.time_s)
    return f"{found.name} up, time limit {limit}, {found.memory_mib} MiB, {found.cores} cores"


def _node(site: Site, outdir: Path, image: Path | None, patience: int) -> str:
    """Run a job that writes into the run's directory and looks for what it needs."""
    probe = outdir / f".latsky-{uuid.uuid4().hex}"
    looks = [f"test -x {script('_toil_worker')}"]
    looks += [f"test -r '{image}' && singularity --version"] if image else []
    looks += [f"test -w '{site.scratch}'"] if site.scratch else []
    body = " && ".join([*looks, f"hostname >'{probe}'"])
    command = ["sbatch", "-Q", "--wait", "--output=/dev/null", *site.arguments("latsky-doctor")]
    try:
        done = subprocess.run(
            [*command, f"--wrap={body}"], capture_output=True, text=True, timeout=patience
        )
        # the file may take a moment to be seen here
        list(outdir.iterdir())
        if done.returncode or not probe.exists():
            raise InputError(
                "a job on a node did not find latsky, the image or the run's directory: "
                f"{done.stderr.strip() or body}"
            )
        return f"{probe.read_text().strip()} sees latsky and {outdir}"
    finally:
        probe.unlink(missing_ok=True)
