"""latsky plan and job-order: counts of jobs, sizes, and the order that the workflow takes."""

import json
import math
import os
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tables import write_catalog

from latsky import costs
from latsky.cli import main
from latsky.config.analysis import read_analysis
from latsky.fits.core import Column, FitsWriter, Header
from latsky.job_order import job_order
from latsky.run.progress import count_jobs
from latsky.show_plan import StepEstimate, duration, estimate, plan_of
from latsky.sizing import plan_options, volume_of

DAY = 86_400.0
# the binning of fermipy's documentation
BINNING = """\
E0: {log_emin: 1.5, log_emax: 2.0, enumbins: 2, zmax: 80., psf_types: {PSF3: {hpx_order: 5}}}
E1: {log_emin: 2.0, log_emax: 2.5, enumbins: 2, zmax: 90., psf_types: {PSF23: {hpx_order: 6}}}
E2: {log_emin: 2.5, log_emax: 3.0, enumbins: 3, zmax: 100., psf_types: {PSF123: {hpx_order: 8}}}
E3: {log_emin: 3.0, log_emax: 6.0, enumbins: 9, zmax: 105., psf_types: {PSF0123: {hpx_order: 9}}}
"""


@pytest.fixture
def eight_years(tmp_path, monkeypatch):
    """96 monthly files, empty but for their headers."""
    monkeypatch.delenv("CALDB", raising=False)
    for month in range(96):
        times = [("TSTART", month * 30 * DAY, ""), ("TSTOP", (month + 1) * 30 * DAY, "")]
        with FitsWriter(tmp_path / f"month_{month:02d}.fits") as file:
            file.table("EVENTS", [Column("TIME", [0.0])], Header(times))
    (tmp_path / "ft2.fits").touch()
    (tmp_path / "b.yaml").write_text(BINNING)
    (tmp_path / "d.yaml").write_text(
        "{data_ver: P305, evclass: source, data_time: 8years, irf_ver: V3}\n"
    )
    (tmp_path / "a.yaml").write_text(
        "comp: b.yaml\ndata: d.yaml\nft1file: month_*.fits\nft2file: ft2.fits\n"
    )
    return tmp_path


def test_eight_years(eight_years):
    analysis = read_analysis(eight_years / "a.yaml")
    plan = plan_of(analysis)
    volume = volume_of(analysis, len(plan.batches))
    assert volume.span_s == 96 * 30 * DAY
    steps = estimate(plan, volume, costs.EMBEDDED)
    assert [(step.command, step.jobs) for step in steps] == [
        ("plan", 1),
        ("match-spacecraft", 1),
        ("gtselect", 1),
        ("gtselect", 4),
        ("gtbin", 4),
        ("coadd", 4),
        ("gtltcube", 4),
        ("gtltsum", 4),
        ("gtexpcube2", 4),
    ]
    written = {step.command: step.product_bytes for step in steps}
    pixels = 12 * 4**5 * 2 + 12 * 4**6 * 2 + 12 * 4**8 * 3 + 12 * 4**9 * 9
    assert written["gtbin"] == 8 * pixels
    assert 8 * pixels == pytest.approx(246e6, rel=0.01)
    assert written["coadd"] == 8 * pixels


def test_files_that_share_jobs(eight_years):
    (eight_years / "a.yaml").write_text(
        (eight_years / "a.yaml").read_text() + "files_per_job: 12\n"
    )
    analysis = read_analysis(eight_years / "a.yaml")
    plan = plan_of(analysis)
    assert len(plan.batches) == 8
    assert volume_of(analysis, 8).span_s == 360 * DAY


def test_tables(eight_years, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["plan", str(eight_years / "a.yaml"), "--engine", "fermitools", "--jobs", "8"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 110
    for part in ("E0_PSF3", "31.6 MeV–100 MeV", "1 GeV–1 TeV", "105°", "9, 6", "gtltcube"):
        assert part in text
    assert "96 event files" in text
    assert "2880.0 days) in 12 batches" in text
    assert "with 8 jobs at a time and the fermitools engine" in text


def test_json(eight_years, capsys):
    assert main(["plan", str(eight_years / "a.yaml"), "--json", "--engine", "embedded"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert len(plan["components"]) == 4
    assert plan["batches"][-1] == {"key": "000000", "first": 0, "count": 96}


def test_plan_of_a_wrong_analysis(eight_years, capsys):
    (eight_years / "b.yaml").write_text(BINNING.replace("zmax: 90.", "zmax: wide"))
    assert main(["plan", str(eight_years / "a.yaml")]) == 2
    assert "b.yaml:2: E1.zmax: must be a valid number" in capsys.readouterr().err


def test_job_order(eight_years, capsys):
    text = (eight_years / "a.yaml").read_text()
    (eight_years / "a.yaml").write_text(text + "hpx_order_ccube: 7\nfiles_per_job: 3\ncaldb: .\n")
    output = eight_years / "jobs.yml"
    assert main(["job-order", str(eight_years / "a.yaml"), "-o", str(output)]) == 0
    order = YAML(typ="safe").load(output.read_text())
    assert order["binning"] == {"class": "File", "path": str(eight_years / "b.yaml")}
    assert [entry["path"] for entry in order["event_files"]] == [
        str(eight_years / f"month_{month:02d}.fits") for month in range(96)
    ]
    assert order["caldb"] == {"class": "Directory", "path": str(eight_years)}
    assert (order["hpx_order_ccube"], order["hpx_order_expcube"]) == (7, 6)
    assert order["files_per_job"] == 3
    assert "mktime_filters" not in order
    assert main(["job-order", str(eight_years / "a.yaml")]) == 0
    assert capsys.readouterr().out == output.read_text()


def test_job_order_has_the_inputs_of_the_workflow(eight_years):
    workflow = Path(__file__).parents[1] / "cwl" / "allsky.cwl"
    inputs = YAML(typ="safe").load(workflow.read_text())["inputs"]
    (eight_years / "config").mkdir()
    (eight_years / "config/mktime_filters.yaml").write_text("selections: {a: DATA_QUAL>0}\n")
    order = job_order(read_analysis(eight_years / "a.yaml"))
    assert set(order) <= set(inputs)
    required = {
        name
        for name, port in inputs.items()
        if "default" not in port
        and not str(port["type"]).endswith("?")
        and "null" not in port["type"]
    }
    assert required <= set(order)


# four energy ranges divided by the quality of directions
TEN = """\
E0: {log_emin: 1.5, log_emax: 2.0, enumbins: 2, zmax: 80., psf_types: {PSF3: {hpx_order: 7}}}
E1:
  {log_emin: 2.0, log_emax: 2.5, enumbins: 2, zmax: 90.,
   psf_types: {PSF2: {hpx_order: 8}, PSF3: {hpx_order: 8}}}
E2:
  {log_emin: 2.5, log_emax: 3.0, enumbins: 3, zmax: 100.,
   psf_types: {PSF1: {hpx_order: 9}, PSF2: {hpx_order: 9}, PSF3: {hpx_order: 9}}}
E3:
  {log_emin: 3.0, log_emax: 6.0, enumbins: 9, zmax: 105.,
   psf_types: {PSF0: {hpx_order: 9}, PSF1: {hpx_order: 9}, PSF2: {hpx_order: 9},
   PSF3: {hpx_order: 9}}}
"""
PARTS = """\
catalog_name: X
catalog_file: psc.fits
catalog_extdir: extended
catalog_type: 4FGL-DR4
rules_dict:
  faint: {merge: true, cuts: [{cut_var: Signif_Avg, max_val: 10.}]}
  bright: {cuts: [{cut_var: Signif_Avg, min_val: 10.}]}
"""


@pytest.fixture
def whole_sky(eight_years, monkeypatch):
    """40 diffuse components and 7,000 sources for ten binning components; half a GB a month."""
    monkeypatch.setenv("COLUMNS", "130")
    place = eight_years
    for path in place.glob("month_*.fits"):
        os.truncate(path, 500_000_000)
    (place / "b.yaml").write_text(TEN)
    (place / "extended").mkdir()
    sources = [
        {"Source_Name": f"S{n}", "SpectrumType": "PowerLaw", "Signif_Avg": 5.5 + n % 10}
        for n in range(7000)
    ]
    write_catalog(place / "psc.fits", "4FGL-DR4", sources)
    (place / "catalog_X_v0.yaml").write_text(PARTS)
    diffuse = [f"d{number}: {{versions: [v0]}}\n" for number in range(40)]
    library = "".join(diffuse) + "X: {model_type: catalog, versions: [v0]}\n"
    (place / "library.yaml").write_text(library)
    with (place / "a.yaml").open("a") as file:
        file.write("library: library.yaml\n")
    return place / "a.yaml"


def jobs_by_command(text):
    """Jobs of each command in the table of steps, and those of the line 'all'."""
    rows = re.findall(
        r"^ *(.+?)  +([a-z][\w-]*|) +(\d+)  ", text.partition("\nJobs")[2], flags=re.M
    )
    assert rows[-1][0] == "all"
    jobs = Counter()
    for _, command, number in rows:
        jobs[command] += int(number)
    return jobs


@pytest.mark.parametrize("engine", ["embedded", "fermitools"])
def test_eight_years_of_the_whole_sky_are_less_than_2000_jobs(whole_sky, engine, capsys):
    assert main(["plan", str(whole_sky), "--engine", engine]) == 0
    jobs = jobs_by_command(capsys.readouterr().out)
    assert jobs[""] < 2000
    assert jobs.total() == 2 * jobs[""]
    assert jobs["stack"] == 40 * 10
    analysis = read_analysis(whole_sky)
    plan = plan_of(analysis, engine=engine)
    assert count_jobs(plan) == jobs[""]
    # no job is longer than planned, where it could be divided
    rates = costs.RATES[engine]
    steps = estimate(plan, volume_of(analysis, len(plan.batches)), rates)
    for step in steps:
        if step.command in ("gtselect", "gtltcube", "source-maps-diffuse", "source-maps-catalog"):
            assert step.cpu_s / step.jobs <= costs.JOB_S + rates.start_s


def test_no_grouping(whole_sky, capsys):
    """One event file, one component and one energy plane a job."""
    assert main(["plan", str(whole_sky), "--no-grouping"]) == 0
    jobs = jobs_by_command(capsys.readouterr().out)
    planes = 3 + 2 * 3 + 3 * 4 + 4 * 10
    assert jobs["gtbin"] == 96 * 10
    assert jobs["gtselect"] == 96 + 96 * 10
    assert jobs["gtltcube"] == 96 * 4
    assert jobs["source-maps-diffuse"] == 40 * planes
    order = whole_sky.parent / "order.yml"
    assert main(["job-order", str(whole_sky), "--no-grouping", "-o", str(order)]) == 0
    written = YAML(typ="safe").load(order.read_text())
    assert (written["files_per_job"], written["planes_per_job"]) == (1, 1)


def test_jobs_hold_as_many_files_as_fit(eight_years):
    """By hand: a month is 86,400 rows of 1.35 ms, so seven fit into 900 s and all need 13 jobs."""
    analysis = read_analysis(eight_years / "a.yaml")
    assert plan_options(analysis, "fermitools").files_per_job == math.ceil(96 / 13)
    assert plan_options(analysis, "fermitools", grouping=False).files_per_job == 1


def test_duration_is_within_what_the_jobs_allow():
    """One job after the other takes the sum; with many workers the longest jobs remain."""
    rates = replace(costs.EMBEDDED, dispatch_s=1.0)
    steps = [
        StepEstimate("one", "gtselect", 10, 90.0, 512, 0.0, 29.0),
        StepEstimate("other", "gtbin", 1, 4.0, 512, 0.0, 4.0),
    ]
    assert duration(steps, rates, 1) == 94 + 11
    assert duration(steps, rates, 1000) == pytest.approx(29 + 4 + 2, abs=0.2)
    # ten jobs on two workers: longer than the work allows, shorter than the bound
    assert (94 + 11) / 2 < duration(steps, rates, 2) <= (94 + 11) / 2 + 35
