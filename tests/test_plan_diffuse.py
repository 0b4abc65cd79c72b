"""Plan of the diffuse templates: records, plane groups, classes and names."""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from latsky import costs
from latsky.plan_diffuse import default_planes, plane_groups
from latsky.steps.main import main as step

TYPES = Path(__file__).parents[1] / "cwl" / "types"
FILES = {
    "d.yaml": "{data_ver: P305, evclass: source, data_time: days, irf_ver: V3}\n",
    "b.yaml": """\
E0:
  log_emin: 2
  log_emax: 3
  enumbins: 4
  zmax: 80
  evtclasses: [source, clean]
  psf_types: {PSF3: {hpx_order: 5}}
E1: {log_emin: 3, log_emax: 6, enumbins: 9, zmax: 105, psf_types: {FB: {hpx_order: 9}}}
""",
    "models/library.yaml": """\
rings: {model_type: galprop_rings, versions: [x]}
loop: {versions: [v0]}
sun: {versions: [v0], moving: true, edisp_disable: true}
patches: {versions: [v0], selection_dependent: true, no_psf: true}
iso: {model_type: IsoSource, versions: [v0]}
""",
    "rings/galprop_rings_x.yaml": (
        "{galprop_run: R, ring_limits: [1, 3, 4], diffuse_comp_dict: {merged: [hi, co]},"
        " remove_rings: merged_0}\n"
    ),
}


@pytest.fixture
def plan(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def _plan(*extra, **changes):
        for name, text in (FILES | changes).items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        arguments = ["plan", "--dataset", "d.yaml", "--binning", "b.yaml", "--n-event-files", "1"]
        arguments += ["--library", "models/library.yaml"]
        arguments += ["--library-part", "rings/galprop_rings_x.yaml", *extra]
        if step(arguments):
            return capsys.readouterr().err
        return json.loads((tmp_path / "cwl.output.json").read_text())

    return _plan


def test_records(plan):
    made = plan()
    assert [ring["key"] for ring in made["merged_rings"]] == ["merged_1_x"]
    assert made["merged_rings"][0]["inputs"] == [
        "hi_ring_3_healpix_R.gz",
        "co_ring_3_healpix_R.gz",
    ]
    assert made["merged_rings"][0]["template"] == "merged_1_x_healpix.fits"
    low, high = "source_zmax80_E0_none_PSF3", "source_zmax105_E1_none_FB"
    found = [
        (record["source_key"], record["component"], record["template"])
        for record in made["diffuse_components"]
    ]
    assert found == [
        ("merged_1_x", low, "merged_1_x_healpix.fits"),
        ("merged_1_x", high, "merged_1_x_healpix.fits"),
        ("loop_v0", low, "template_loop_v0.fits"),
        ("loop_v0", high, "template_loop_v0.fits"),
        ("sun_v0", low, "template_sun_v0_zmax80.fits"),
        ("sun_v0", high, "template_sun_v0_zmax105.fits"),
        ("patches_v0", low, "template_patches_v0_E0_PSF3.fits"),
        ("patches_v0", high, "template_patches_v0_E1_FB.fits"),
        ("iso_v0", low, "spectral_iso_v0.txt"),
        ("iso_v0", high, "spectral_iso_v0.txt"),
    ]
    by_key = {record["key"]: record for record in made["diffuse_components"]}
    patches = by_key[f"patches_v0_{high}"]
    assert (patches["no_psf"], patches["edisp_disable"]) == (True, False)
    assert patches["source_maps"] == (
        "srcmaps_patches_v0_P8_P305_days_source_none_zmax105_E1_FB_GAL_V3.fits"
    )
    assert by_key[f"sun_v0_{low}"]["edisp_disable"] is True
    assert by_key[f"merged_1_x_{low}"]["merged_ring"] is True
    known = {record["job_key"] for record in made["components"]}
    assert {record["component"] for record in made["diffuse_components"]} <= known
    assert "clean_zmax80_E0_none_PSF3" in known


def test_records_have_the_fields_of_their_types(plan):
    made = plan()
    for name, file in (
        ("merged_rings", "merged-ring"),
        ("diffuse_components", "diffuse-component"),
    ):
        fields = YAML(typ="safe").load((TYPES / f"{file}.yml").read_text())["fields"]
        for record in made[name]:
            assert list(record) == [field["name"] for field in fields]


@pytest.mark.parametrize("planes_per_job", [1, 3, 100])
def test_every_plane_once(plan, planes_per_job):
    for record in plan("--planes-per-job", str(planes_per_job))["diffuse_components"]:
        planes = [k for g in record["plane_groups"] for k in range(g["kmin"], g["kmax"])]
        assert planes == list(range(5 if "E0" in record["component"] else 10))
        if planes_per_job == 1:
            assert len(record["plane_groups"]) == len(planes)


def test_groups_are_even():
    sizes = [g["kmax"] - g["kmin"] for g in plane_groups(10, 3)]
    assert sorted(sizes) == [2, 2, 3, 3]
    assert plane_groups(10, 10) == [{"key": "00", "kmin": 0, "kmax": 10}]


def test_default_size_of_a_job():
    assert default_planes(10, True) == 1
    assert default_planes(5, True) > 100
    assert default_planes(9, True, costs.EMBEDDED) > 10
    for order in (6, 7, 8, 9):
        seconds = default_planes(order, True) * costs.source_map_plane_s(order, True)
        assert costs.JOB_S / 2 < seconds <= costs.JOB_S
    assert default_planes(9, False) > default_planes(9, True)


def test_two_files_of_one_name(plan):
    library = FILES["models/library.yaml"] + (
        "other: {versions: [v0], Spatial_Filename: elsewhere/template_loop_v0.fits}\n"
    )
    error = plan(**{"models/library.yaml": library})
    assert error.count("\n") == 1
    assert "elsewhere/template_loop_v0.fits has the same base name as" in error
    assert "models/library.yaml:6: other:" in error


def test_without_library_the_lists_are_empty(plan, tmp_path):
    plan()
    assert step(["plan", "--dataset", "d.yaml", "--binning", "b.yaml", "--n-event-files", "1"]) == 0
    made = json.loads((tmp_path / "cwl.output.json").read_text())
    assert (made["merged_rings"], made["diffuse_components"]) == ([], [])


@pytest.mark.parametrize("engine", ["embedded", "fermitools"])
def test_jobs_are_as_large_as_the_engine_is_fast(plan, engine):
    made = plan("--engine", engine)["diffuse_components"]
    [loop] = [record for record in made if record["key"] == "loop_v0_source_zmax105_E1_none_FB"]
    assert len(loop["plane_groups"]) == (1 if engine == "embedded" else 2)


def test_a_job_without_planes(plan):
    assert plan("--planes-per-job", "0") == (
        "latsky-step plan: error: --planes-per-job: 0: must be at least 1\n"
    )
