"""Plan of the catalogue templates: batches, parts, names, and what contradicts itself."""

import json
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from latsky import costs
from latsky.config.catalog_parts import CatalogParts, read_catalog_file
from latsky.config.document import read_yaml
from latsky.fits.core import Column, FitsWriter
from latsky.plan_catalog import default_sources, divide_catalog, rule_lines
from latsky.steps.main import main as step

TYPES = Path(__file__).parents[1] / "cwl" / "types"
PARTS = """\
catalog_name: X
catalog_file: $CATALOGS/psc.fits
catalog_extdir: $CATALOGS/extended
catalog_type: 4FGL-DR4
rules_dict:
  faint: {cuts: [{cut_var: Signif_Avg, max_val: 10.}]}
  none: {cuts: [{cut_var: Signif_Avg, min_val: 1000.}]}
"""
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
    "models/library.yaml": "X: {model_type: catalog, versions: [v0]}\n",
    "parts/catalog_X_v0.yaml": PARTS,
}


def write_catalog(path, significance):
    size = len(significance)
    numbers = {
        "Signif_Avg": significance,
        **{name: np.linspace(10, 80, size) for name in ("RAJ2000", "DEJ2000")},
        **{name: np.full(size, 1e3) for name in ("Pivot_Energy",)},
        "PL_Flux_Density": np.full(size, 1e-12),
        "PL_Index": np.full(size, 2.0),
    }
    with FitsWriter(path) as file:
        file.table(
            "LAT_Point_Source_Catalog",
            [
                Column("Source_Name", np.array([f"S{n}".encode() for n in range(size)])),
                Column("Extended_Source_Name", np.array([b" "] * size)),
                Column("SpectrumType", np.array([b"PowerLaw"] * size)),
                *(Column(name, np.asarray(value, "f8")) for name, value in numbers.items()),
            ],
        )


@pytest.fixture
def plan(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "extended").mkdir()
    write_catalog(tmp_path / "psc.fits", [5.0, 20.0, 7.0, 30.0, 50.0])

    def _plan(*extra, catalog=("psc.fits",), **changes):
        files = FILES | changes
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        arguments = ["plan", "--dataset", "d.yaml", "--binning", "b.yaml", "--n-event-files", "1"]
        arguments += ["--library", "models/library.yaml", "--library-part"]
        arguments += [name for name in files if name.startswith("parts/")]
        arguments += ["--catalog", *catalog, "--extended", "extended", *extra]
        if step(arguments):
            return capsys.readouterr().err
        return json.loads((tmp_path / "cwl.output.json").read_text())["catalog_components"]

    return _plan


def test_records(plan):
    low, high = plan("--catalog-nsrc", "2")
    assert low["key"] == "X_v0_source_zmax80_E0_none_PSF3"
    assert high["component"] == "source_zmax105_E1_none_FB"
    assert (low["definition"], low["catalog_file"], low["extended"]) == (
        "catalog_X_v0.yaml",
        "psc.fits",
        "extended",
    )
    assert low["batches"] == [
        {"key": "00", "first": 0, "last": 1},
        {"key": "01", "first": 1, "last": 3},
        {"key": "02", "first": 3, "last": 5},
    ]
    # the rule that takes nothing has no part
    [faint], [rest] = low["merged_parts"], low["single_parts"]
    stem = "P8_P305_days_source_none_zmax80_E0_PSF3_GAL_V3"
    assert faint == {
        "key": "X_v0_faint",
        "rule": "faint",
        "source_names": ["X_faint"],
        "n_sources": 2,
        "source_maps": f"srcmaps_X_v0_faint_{stem}.fits",
        "sources": f"srcmaps_X_v0_faint_{stem}_sources.json",
        "picture": f"srcmaps_X_v0_faint_{stem}.png",
    }
    assert (rest["key"], rest["source_names"]) == ("X_v0_remain", ["S1", "S3", "S4"])
    assert rest["source_maps"] == low["source_maps"] == f"srcmaps_X_v0_{stem}.fits"
    assert low["gather"] is True
    # pixels of order 9 against 5: the merged rule's sum is larger
    assert high["maps_ram_mib"] > low["maps_ram_mib"] + 12 * 4**9 * 10 * 8 / 2**20


def test_records_have_the_fields_of_their_types(plan):
    made = plan()

    def fields(name):
        loaded = YAML(typ="safe").load((TYPES / f"{name}.yml").read_text())
        return [field["name"] for field in loaded["fields"]]

    for record in made:
        assert list(record) == fields("catalog-component")
        for batch in record["batches"]:
            assert list(batch) == fields("source-batch")
        for part in record["merged_parts"] + record["single_parts"]:
            assert list(part) == fields("catalog-part")


def test_nothing_to_gather(plan):
    merged = PARTS + "  remainder: {merge: true}\n"
    for record in plan(**{"parts/catalog_X_v0.yaml": merged}):
        assert (record["gather"], record["single_parts"]) == (False, [])
        assert [part["n_sources"] for part in record["merged_parts"]] == [2, 3]


def test_size_of_a_batch_follows_the_cost(plan):
    assert [len(record["batches"]) for record in plan()] == [1, 1]
    for order, planes in ((9, 10), (8, 30), (5, 4)):
        seconds = default_sources(order, planes) * costs.catalog_source_s(order, planes)
        assert costs.JOB_S - 10 < seconds <= costs.JOB_S


def test_catalogue_that_is_not_given(plan):
    assert plan(catalog=("extended",)) == (
        "latsky-step plan: error: parts/catalog_X_v0.yaml:2: catalog_file: psc.fits is not among "
        "the files given\n"
    )


def test_two_catalogues_with_parts_of_one_name(plan, tmp_path):
    write_catalog(tmp_path / "other.fits", [5.0])
    error = plan(
        catalog=("psc.fits", "other.fits"),
        **{
            "models/library.yaml": FILES["models/library.yaml"]
            + "Y: {model_type: catalog, versions: [v0]}\n",
            "parts/catalog_Y_v0.yaml": PARTS.replace("psc", "other"),
        },
    )
    assert error.splitlines() == [
        "latsky-step plan: error: parts/catalog_Y_v0.yaml:1: catalog_name: X_v0_faint is also a "
        "part of parts/catalog_X_v0.yaml"
    ]


def test_how_many_sources_each_rule_takes(plan, tmp_path):
    plan()
    document = read_yaml(tmp_path / "parts/catalog_X_v0.yaml")
    parts = CatalogParts("X", "v0", document, read_catalog_file(document))
    divided = divide_catalog(parts, tmp_path / "psc.fits", tmp_path / "extended")
    assert rule_lines(divided) == [
        "X_v0: 5 sources of psc.fits",
        "  faint       2 merged",
        "  none        0 merged",
        "  remain      3 single",
    ]
