"""Every stage runs by itself: the outputs of one are the inputs of the next."""

import json

import pytest
from ruamel.yaml import YAML
from week_analysis import digests, engine, latsky

from latsky.fits.core import FitsFile
from latsky.run.suite import document

pytestmark = [pytest.mark.reference, pytest.mark.engine]


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Runs a document on a job order and returns its output object."""
    scratch = tmp_path_factory.mktemp("stages")

    def run(name: str, order: dict) -> dict:
        place = scratch / name.replace("/", "-")
        place.mkdir()
        (place / "job.json").write_text(json.dumps(order))
        result = engine(
            "cwltool", "--no-container", "--outdir", place / "out", document(name),
            place / "job.json",
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    run.scratch = scratch
    return run


def test_stages(small_analysis, stage):
    order_file = small_analysis.parent / "stages-job-order.yml"
    assert latsky("job-order", small_analysis, "-o", order_file).returncode == 0
    order = YAML(typ="safe").load(order_file)
    whole = stage("cwl/allsky.cwl", order)
    whole_digests = digests(stage.scratch / "cwl-allsky.cwl")

    given = {key: order[key] for key in ("dataset", "binning", "mktime_filters", "files_per_job")}
    plan = stage("tools/plan.cwl", {**given, "n_event_files": len(order["event_files"])})
    assert [len(plan[key]) for key in ("components", "time_filters", "batches")] == [1, 1, 2]
    batches = stage(
        "cwl/expressions/bind-batches.cwl",
        {"batch_ranges": plan["batches"], "event_files": order["event_files"]},
    )
    spacecraft = order["spacecraft_files"]
    filters = {"time_filters": plan["time_filters"], "spacecraft_files": spacecraft}
    events = stage("cwl/events.cwl", {**batches, **filters})
    assert [record["batch"] for record in events["good_time_events"]] == ["000000", "000001"]
    components = {"components": plan["components"]}
    counts = stage("cwl/counts.cwl", {**components, **events})
    livetimes = stage("cwl/livetime.cwl", {"livetime_cuts": plan["livetime_cuts"], **events})
    last = stage("cwl/exposure.cwl", {**components, **counts, **livetimes, "caldb": order["caldb"]})
    made = digests(stage.scratch / "cwl-exposure.cwl")
    assert made == whole_digests
    [one], [other] = last["binned_components"], whole["binned_components"]
    assert one["counts_cube"]["checksum"] == other["counts_cube"]["checksum"]


def test_without_a_time_filter_all_times_are_good(reference, stage):
    week = reference / "week" / "events"

    def file(name: str) -> dict:
        return {"class": "File", "path": str(week / name)}

    memory = {"select_ram_mib": 600, "mktime_ram_mib": 600}
    limits = {"select_time_s": 600, "mktime_time_s": 600}
    cut = {"evclass": 128, "emin": 100.0, "emax": 1000.0, "zmax": 90.0, "tmin": None, "tmax": None}
    made = stage(
        "cwl/subworkflows/filter-batch.cwl",
        {
            "covered_batch": {
                "key": "000007",
                "event_files": [file("week_ft1_0.fits.gz")],
                "spacecraft": file("lat_spacecraft_weekly_w323_p202_v001.fits.gz"),
            },
            "time_filter": {
                "key": "none", "filter": "", "apply": False, **cut, **memory, **limits,
                "selected_stem": "select_week_none", "events_stem": "mktime_week_none",
            },
        },
    )["good_time_events"]  # fmt: skip
    assert made["events"]["basename"] == "select_week_none_000007.fits"
    assert (made["time_filter"], made["batch"]) == ("none", "000007")
    with FitsFile(made["events"]["path"]) as events:
        energy = events.table("EVENTS")["ENERGY"]
    assert len(energy) > 1000
    assert energy.min() >= 100 and energy.max() <= 1000
