"""What the plan says of jobs, and what they take: CPU time and memory by command.

``bench_costs.py [--days 4] [--order 9] [--place DIR]``: an analysis of the demonstration's sky with
one binning component of nine bins, run by cwltool one job at a time. Memory is that of the largest
job of a command, with all processes of the job.
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "engines"))

from sky_analysis import FILES  # noqa: E402

from latsky import costs  # noqa: E402
from latsky.cli import main as latsky  # noqa: E402
from latsky.config.analysis import read_analysis  # noqa: E402
from latsky.demo.make import Settings, make_demo  # noqa: E402
from latsky.report.gather import timings  # noqa: E402
from latsky.show_plan import estimate, plan_of  # noqa: E402
from latsky.sizing import volume_of  # noqa: E402

BINNING = """\
coordsys: GAL
E3:
  {{log_emin: 3, log_emax: 6, enumbins: 9, zmax: 105., psf_types: {{PSF3: {{hpx_order: {order}}}}}}}
"""
LIBRARY = """\
galprop_rings: {model_type: galprop_rings, versions: [small]}
iso: {model_type: IsoSource, versions: [demo]}
DEMO4FGL: {model_type: catalog, versions: [v00]}
"""


def write(root: Path, options: argparse.Namespace) -> Path:
    """Master file of the analysis."""
    make_demo(root, Settings(days=options.days, event_files=2))
    files = {
        **FILES,
        "config/binning.yaml": BINNING.format(order=options.order),
        "models/library.yaml": LIBRARY,
        "analysis.yaml": FILES["analysis.yaml"]
        .replace("hpx_order_expcube: 2", "hpx_order_expcube: 6")
        .replace("planes_per_job: 3\ncatalog_nsrc: 25\n", ""),
    }
    for name, text in files.items():
        (root / name).write_text(text)
    return root / "analysis.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=4.0)
    parser.add_argument("--order", type=int, default=9)
    parser.add_argument("--place", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.place, prefix="bench-costs-") as scratch:
        path = write(Path(scratch) / "sky", options)
        if latsky(["run", str(path), "--jobs", "1", "--no-report", "--outdir", f"{scratch}/run"]):
            sys.exit("the run failed")
        analysis = read_analysis(path)
        plan = plan_of(analysis, engine="embedded")
        volume = volume_of(analysis, len(plan.batches))
        planned: dict[str, list] = {}
        for step in estimate(plan, volume, costs.EMBEDDED):
            planned.setdefault(step.command, []).append(step)
        found = {timing.tool: timing for timing in timings(Path(scratch) / "run" / "records")}
        print(f"{'command':<22}{'jobs':>5}{'plan s':>9}{'CPU s':>9}{'plan MiB':>10}{'MiB':>7}")
        for command, steps in planned.items():
            used = found[command]
            print(
                f"{command:<22}{used.jobs:>5}{sum(s.cpu_s for s in steps):>9.1f}{used.cpu:>9.1f}"
                f"{max(s.ram_mib for s in steps):>10}{used.memory:>7.0f}"
            )


if __name__ == "__main__":
    main()
