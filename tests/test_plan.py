"""The plan: expansion, names, sharing of livetime cubes and filters, limits and grouping."""

import json
import math
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from latsky import costs
from latsky.config.binning import read_binning
from latsky.config.dataset import read_dataset
from latsky.config.selections import EVENT_CLASSES
from latsky.config.time_filters import read_time_filters
from latsky.errors import InputErrors
from latsky.fits.core import FitsFile
from latsky.plan import PlanOptions, batch_ranges, common_class, make_plan
from latsky.steps.main import main as step

TYPES = Path(__file__).parents[1] / "cwl" / "types"

DATASET = "data_ver: P305\nevclass: source\ndata_time: 8years\nirf_ver: V3\nbasedir: .\n"
BINNING = """\
coordsys: GAL
E0: {log_emin: 1.5, log_emax: 2, enumbins: 2, zmax: 80, psf_types: {PSF3: {hpx_order: 5}}}
E1: {log_emin: 2, log_emax: 3, enumbins: 4, zmax: 80, psf_types: {PSF23: {hpx_order: 9}}}
E2:
  log_emin: 3
  log_emax: 6
  enumbins: 9
  zmax: 105
  psf_types:
    PSF01: {hpx_order: 8, mktimefilters: [calm, none]}
    PSF2: {hpx_order: 10, evtclasses: [source, ultracleanveto], mktimefilters: [calm]}
    PSF3: {hpx_order: 10, tmin: 100, tmax: 200, logebins: [3, 3.5, 6], enumbins: 2}
"""
FILTERS = "aliases: {q: DATA_QUAL>0}\nselections: {calm: '({q})&&ABS(ROCK_ANGLE)<52'}\n"
RULE = "P8_P305_8years"


@pytest.fixture
def files(tmp_path):
    for name, text in (("d", DATASET), ("b", BINNING), ("f", FILTERS)):
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "b.yaml").write_text(BINNING.replace(", none]", "]"))
    return tmp_path


def plan(files, n=96, **options):
    return make_plan(
        read_dataset(files / "d.yaml"),
        read_binning(files / "b.yaml"),
        read_time_filters(files / "f.yaml"),
        n,
        PlanOptions(**options),
    )


def by(records, *keys):
    return [tuple(record[key] for key in keys) for record in records]


def test_components(files):
    made = plan(files).components
    assert by(made, "job_key", "irfs", "evtype", "evclass") == [
        ("source_zmax80_E0_none_PSF3", "P8R3_SOURCE_V3", 32, 128),
        ("source_zmax80_E1_none_PSF23", "P8R3_SOURCE_V3", 48, 128),
        ("source_zmax105_E2_calm_PSF01", "P8R3_SOURCE_V3", 12, 128),
        ("source_zmax105_E2_calm_PSF2", "P8R3_SOURCE_V3", 16, 128),
        ("ultracleanveto_zmax105_E2_calm_PSF2", "P8R3_ULTRACLEANVETO_V3", 16, 1024),
        ("source_zmax105_E2_none_PSF3", "P8R3_SOURCE_V3", 32, 128),
    ]
    assert by(made, "counts_cube", "exposure_cube")[4] == (
        f"ccube_{RULE}_ultracleanveto_calm_zmax105_E2_PSF2_GAL.fits",
        f"bexcube_{RULE}_ultracleanveto_calm_zmax105_E2_PSF2_GAL_V3.fits",
    )
    assert made[0]["selected_stem"] == f"select_{RULE}_source_zmax80_E0_PSF3"
    assert made[0]["counts_stem"] == f"ccube_{RULE}_source_none_zmax80_E0_PSF3_GAL"
    assert (made[0]["emin"], made[0]["emax"]) == (math.pow(10, 1.5), 100.0)
    assert made[5]["ebinalg"] == "FILE"
    assert (made[5]["tmin"], made[5]["tmax"]) == (100, 200)


def test_orders_are_limited(files):
    assert by(plan(files).components, "hpx_order", "hpx_order_exposure") == [
        (5, 5),
        (9, 6),
        (8, 6),
        (9, 6),
        (9, 6),
        (9, 6),
    ]
    limited = plan(files, hpx_order_ccube=7, hpx_order_expcube=4).components
    assert by(limited, "hpx_order", "hpx_order_exposure")[:2] == [(5, 4), (7, 4)]


def test_livetime_cubes_are_shared(files):
    made = plan(files)
    assert by(made.livetime_cuts, "key", "time_filter", "zmax", "tmin", "livetime_cube") == [
        ("none_zmax80", "none", 80, None, "ltcube_8years_none_zmax80.fits"),
        ("calm_zmax105", "calm", 105, None, "ltcube_8years_calm_zmax105.fits"),
        ("none_zmax105", "none", 105, 100, "ltcube_8years_none_zmax105.fits"),
    ]
    keys = {record["key"] for record in made.livetime_cuts}
    assert {record["livetime_key"] for record in made.components} == keys


def test_livetime_cubes_of_different_times_have_different_names(files):
    text = BINNING.replace(", none]", "]").replace("PSF01: {", "PSF01: {tmax: 300, ")
    (files / "b.yaml").write_text(text)
    cuts = [record for record in plan(files).livetime_cuts if record["time_filter"] == "calm"]
    assert by(cuts, "key", "tmax", "livetime_cube") == [
        ("calm_zmax105_0", 300, "ltcube_8years_calm_zmax105_range0.fits"),
        ("calm_zmax105_1", None, "ltcube_8years_calm_zmax105_range1.fits"),
    ]


def test_time_filters_are_the_loosest_needed(files):
    none, calm = plan(files).time_filters
    assert (none["key"], none["filter"], none["apply"]) == ("none", "", False)
    assert (none["zmax"], none["emin"], none["emax"]) == (105, math.pow(10, 1.5), 1e6)
    # one of its components has no time range
    assert (none["tmin"], none["tmax"]) == (None, None)
    assert (calm["filter"], calm["apply"]) == ("(DATA_QUAL>0)&&ABS(ROCK_ANGLE)<52", True)
    assert (calm["emin"], calm["emax"], calm["evclass"]) == (1e3, 1e6, 128)


def test_time_range_of_a_filter(files):
    text = "E0: {log_emin: 1, log_emax: 2, enumbins: 1, zmax: 80, psf_types: {FRONT: {hpx_order: 3,"
    (files / "b.yaml").write_text(
        f"{text} tmin: 5, tmax: 9}}, BACK: {{hpx_order: 3, tmin: 7, tmax: 20}}}}}}\n"
    )
    record = plan(files).time_filters[0]
    assert (record["tmin"], record["tmax"]) == (5, 20)


def test_filter_named_none_is_applied_where_the_file_has_one(files):
    (files / "f.yaml").write_text("selections: {none: LIVETIME>0, calm: DATA_QUAL>0}\n")
    none = plan(files).time_filters[0]
    assert (none["filter"], none["apply"]) == ("LIVETIME>0", True)


def test_unknown_filter(files):
    (files / "f.yaml").write_text("selections: {quiet: DATA_QUAL>0}\n")
    with pytest.raises(InputErrors, match=r"time filter 'calm' is not defined in .*known: quiet"):
        plan(files)


def test_zenith_cuts_that_share_a_name(files):
    text = BINNING.replace(", none]", "]").replace(
        "E1: {log_emin: 2, log_emax: 3, enumbins: 4, zmax: 80,",
        "E1: {log_emin: 2, log_emax: 3, enumbins: 4, zmax: 80.5,",
    )
    (files / "b.yaml").write_text(text)
    names = [record["livetime_cube"] for record in plan(files).livetime_cuts]
    assert len(set(names)) == len(names) == 4


def test_batches():
    assert by(batch_ranges(96, 1), "key", "first", "count")[94:] == [
        ("000094", 94, 1),
        ("000095", 95, 1),
    ]
    assert by(batch_ranges(7, 3), "key", "first", "count") == [
        ("000000", 0, 3),
        ("000001", 3, 3),
        ("000002", 6, 1),
    ]
    assert batch_ranges(0, 2) == []


def test_common_class():
    def holder(*names):
        found = common_class([EVENT_CLASSES[name] for name in names])
        return found and found.name

    assert holder("source") == "source"
    assert holder("source", "ultracleanveto") == "source"
    assert holder("clean", "sourceveto") == "source"
    assert holder("source", "transient010") == "transient010"
    assert holder("source", "transient100s") is None


def test_cost_model_holds_the_arrays():
    counts = costs.counts(9, 9)
    assert counts.ram_mib * costs.MIB >= 2 * 12 * 4**9 * 9 * 8
    assert counts.product_bytes == 12 * 4**9 * 9 * 8
    assert costs.counts(5, 2).ram_mib < 1024
    for cost in (costs.coadd(9, 9, 96), costs.exposure(6, 9), costs.livetime(), costs.select()):
        fields = cost.fields("x")
        assert fields["x_time_s"] >= max(cost.seconds, costs.TIME_FLOOR_S)
        assert fields["x_ram_mib"] % 64 == 0
    assert costs.livetime(rates=costs.EMBEDDED).seconds < costs.livetime().seconds


def _fits(value, kind):
    if isinstance(kind, dict):
        return value in kind["symbols"]
    if kind.endswith("?"):
        return value is None or _fits(value, kind[:-1])
    if kind.endswith("[]"):
        return isinstance(value, list) and all(_fits(item, kind[:-2]) for item in value)
    if kind == "File":
        return isinstance(value, dict) and value["class"] == "File"
    python = {"string": str, "int": int, "long": int, "double": (int, float), "boolean": bool}
    return isinstance(value, python[kind]) and (kind == "boolean" or not isinstance(value, bool))


def test_step_writes_what_the_record_types_say(files, monkeypatch):
    monkeypatch.chdir(files)
    arguments = ["plan", "--dataset", "d.yaml", "--binning", "b.yaml", "--n-event-files", "5"]
    arguments += ["--mktime-filters", "f.yaml", "--files-per-job", "2"]
    assert step(arguments) == 0
    text = (files / "cwl.output.json").read_text()
    output = json.loads(text)
    types = {
        "components": "component",
        "time_filters": "time-filter",
        "livetime_cuts": "livetime-cut",
        "batches": "batch-range",
    }
    empty = {"merged_rings", "diffuse_components", "catalog_components"}
    assert set(output) == {*types, *empty}
    assert all(output[name] == [] for name in empty)
    for name, file in types.items():
        fields = YAML(typ="safe").load((TYPES / f"{file}.yml").read_text())["fields"]
        assert output[name]
        for record in output[name]:
            assert list(record) == [field["name"] for field in fields]
            for field in fields:
                assert _fits(record[field["name"]], field["type"]), (record, field)
    assert len(output["batches"]) == 3
    assert step(arguments) == 0
    assert (files / "cwl.output.json").read_text() == text


def test_energy_bin_definition(files, monkeypatch):
    monkeypatch.chdir(files)
    arguments = ["plan", "--dataset", "d.yaml", "--binning", "b.yaml", "--n-event-files", "1"]
    assert step([*arguments, "--mktime-filters", "f.yaml"]) == 0
    component = json.loads((files / "cwl.output.json").read_text())["components"][-1]
    assert component["energy_bins"] == {
        "class": "File",
        "path": "energy_bins_source_zmax105_E2_none_PSF3.fits",
    }
    with FitsFile(files / component["energy_bins"]["path"]) as file:
        table = file.table("ENERGYBINS")
    assert list(table["CHANNEL"]) == [1, 2]
    assert table["E_MIN"] == pytest.approx([1e6, 10**6.5])
    assert table["E_MAX"] == pytest.approx([10**6.5, 1e9])
    assert table.info("E_MIN").unit == "keV"


def test_step_names_every_mistake(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    (files / "d.yaml").write_text(DATASET.replace("source", "sauce"))
    (files / "b.yaml").write_text(BINNING.replace("zmax: 105", "zmax: 200"))
    (files / "f.yaml").write_text("selections: {a: '{b}'}\n")
    arguments = ["plan", "--dataset", "d.yaml", "--binning", "b.yaml", "--n-event-files", "1"]
    assert step([*arguments, "--mktime-filters", "f.yaml"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [re.match(r"latsky-step plan: error: (\w\.yaml:\d+)", line)[1] for line in lines] == [
        "d.yaml:2",
        "b.yaml:8",
        "f.yaml:1",
    ]
    assert not (files / "cwl.output.json").exists()


@pytest.mark.reference
def test_sample_kept_for_other_tests_is_current(reference, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.yaml").write_text(
        "{data_pass: P8, data_ver: P305, evclass: source, data_time: week, irf_ver: V3}\n"
    )
    binning = str(reference / "week/config/binning.yaml")
    arguments = ["plan", "--dataset", "d.yaml", "--binning", binning, "--n-event-files", "3"]
    arguments += ["--files-per-job", "1"]
    assert step(arguments) == 0
    kept = Path(__file__).parent / "data" / "plan_week.json"
    assert json.loads((tmp_path / "cwl.output.json").read_text()) == json.loads(kept.read_text())


def test_no_event_files(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    arguments = ["plan", "--dataset", "d.yaml", "--binning", "b.yaml", "--n-event-files", "0"]
    assert step([*arguments, "--mktime-filters", "f.yaml"]) == 2
    assert "there are no event files" in capsys.readouterr().err
