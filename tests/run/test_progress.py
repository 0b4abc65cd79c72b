"""What is read from the log of a runner."""

import io
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from latsky.errors import InputError
from latsky.plan import Plan
from latsky.run.cwltool import check_flags, stop
from latsky.run.products import file_outputs
from latsky.run.progress import RunLog, count_jobs, follow

LOG = """\
INFO [workflow ] start
INFO [job plan] /tmp/a$ latsky-step \\
    plan
INFO [job plan] completed success
INFO [step plan] completed success
INFO [job select_12] completed success
gtbin: error: ft1.fits: EVENTS: no such column: ENERGY
WARNING [job bin_2] exited with status: 2
WARNING [job bin_2] completed permanentFail
"""


def test_log():
    screen, copy = io.StringIO(), io.StringIO()
    log = follow(LOG.splitlines(keepends=True), 7, copy, screen)
    assert copy.getvalue() == LOG
    assert screen.getvalue() == "[1/7] plan done\n[2/7] select done\n[3/7] bin failed\n"
    assert log == RunLog(3, 1, ["gtbin: error: ft1.fits: EVENTS: no such column: ENERGY"], 2)


def test_bar_on_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    follow(LOG.splitlines(keepends=True), 3, io.StringIO(), screen)
    assert "3/3" in screen.getvalue()


def test_number_of_jobs():
    component = {}
    plan = Plan(
        components=[component, component],
        time_filters=[{"apply": True}, {"apply": False}],
        livetime_cuts=[{"tmin": None, "tmax": None}, {"tmin": 1.0, "tmax": None}],
        batches=[{}, {}, {}],
    )
    plan_and_match, filters, counts, exposures = 1 + 3, 3 * 2 + 3, 2 * (3 * 2 + 1), 2
    livetimes = (3 + 1) + (3 * 2 + 1)
    assert count_jobs(plan) == plan_and_match + filters + counts + exposures + livetimes


def test_number_of_jobs_with_a_library():
    data = Plan(components=[], time_filters=[], livetime_cuts=[], batches=[{}])
    catalog = {
        "component": "a", "batches": [{}, {}], "merged_parts": [{}, {}, {}], "gather": True,
    }  # fmt: skip
    plan = replace(
        data,
        merged_rings=[{}, {}],
        diffuse_components=[
            {"component": "a", "plane_groups": [{}, {}, {}]},
            {"component": "b", "plane_groups": [{}]},
        ],
        catalog_components=[catalog, {**catalog, "gather": False}],
    )
    rings, diffuse, catalogs, pictures = 2, (3 + 1) + (1 + 1), (2 + 3 + 1) + (2 + 3), 2 + 1
    made = count_jobs(data) + rings + diffuse + catalogs
    assert count_jobs(plan, pictures=False) == made
    assert count_jobs(plan) == made + pictures


@pytest.mark.parametrize(
    "flag", ["--provenance", "--provenance=x", "--outdir", "--parallel", "--cachedir=x"]
)
def test_flags_that_cannot_work(flag):
    with pytest.raises(InputError, match=flag.partition("=")[0]):
        check_flags(["--debug", flag])


def test_other_flags_pass():
    check_flags(["--debug", "--leave-tmpdir"])


def test_outputs_are_filed(tmp_path):
    made = tmp_path / ".outputs"
    made.mkdir()
    for name in ("cc.fits", "lt.fits", "ex0.fits", "ex1.fits"):
        (made / name).write_text(name)

    def record(exposure):
        fields = {"counts_cube": "cc.fits", "livetime_cube": "lt.fits", "exposure_cube": exposure}
        files = {key: {"class": "File", "path": str(made / name)} for key, name in fields.items()}
        return {"component": {"key": "k", "energy_bins": None}, **files}

    outputs = {"binned_components": [record("ex0.fits"), record("ex1.fits")]}
    filed = file_outputs(outputs, tmp_path)["binned_components"]
    assert filed[1]["exposure_cube"]["path"] == str(tmp_path / "bexp_cubes" / "ex1.fits")
    assert filed[0]["livetime_cube"]["path"] == filed[1]["livetime_cube"]["path"]
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.fits")} == {
        "counts_cubes/cc.fits",
        "lt_cubes/lt.fits",
        "bexp_cubes/ex0.fits",
        "bexp_cubes/ex1.fits",
    }
    assert not made.exists()
    assert (tmp_path / "lt_cubes" / "lt.fits").read_text() == "lt.fits"


def test_a_runner_that_will_not_stop_is_ended_with_its_jobs():
    engine = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; sleep 60 & echo $!; wait; sleep 60"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    job = int(engine.stdout.readline())
    stop(engine, patience=0.3)
    assert engine.returncode == -signal.SIGKILL
    engine.stdout.close()
    state = Path(f"/proc/{job}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"
