"""The exact command lines of the tools for source maps, and that the steps understand them."""

from pathlib import Path

import numpy as np
import pytest
from command_line import build, directory, file

from latsky.steps import (
    gather_catalog,
    merge_catalog,
    npred,
    source_maps_catalog,
    source_maps_diffuse,
    stack,
)

ROOT = Path(__file__).resolve().parents[2]
CUBES = {"livetime_cube": "lt.fits", "counts_cube": "cc.fits", "exposure_cube": "ex.fits"}
PARSERS = {
    "gather-catalog": (gather_catalog, ("complete", "gather")),
    "merge-catalog": (merge_catalog, ("complete", "merge")),
    "npred": (npred, ("source_names", "predict")),
    "source-maps-catalog": (source_maps_catalog, ("make_embedded",)),
    "source-maps-diffuse": (source_maps_diffuse, ("make_embedded",)),
    "stack": (stack, ("stack",)),
}
CASES = [
    (
        "source-maps-diffuse",
        {"source": "loopI", "kind": "cube", "evtype": 48, "kmin": 2, "kmax": 5},
        {**CUBES, "template": "loop.fits"},
        "env latsky-step source-maps-diffuse --threads 1 --counts-cube cc.fits --evtype 48 "
        "--exposure-cube ex.fits --irfs P8R3_SOURCE_V3 --kind cube --kmax 5 --kmin 2 "
        "--livetime-cube lt.fits --output source_map.fits --source loopI --template loop.fits",
    ),
    (
        "source-maps-diffuse",
        {"source": "iso", "kind": "isotropic", "engine": "embedded", "no_psf": True},
        {**CUBES, "spectrum": "iso.txt"},
        "env latsky-step source-maps-diffuse --threads 1 --counts-cube cc.fits --engine embedded "
        "--exposure-cube ex.fits --irfs P8R3_SOURCE_V3 --kind isotropic --kmax -1 --kmin 0 "
        "--livetime-cube lt.fits --no-psf --output source_map.fits --source iso "
        "--spectrum iso.txt",
    ),
    (
        "stack",
        {"source": "loopI", "output_name": "out.fits"},
        {"source_maps": ["a_00.fits", "a_01.fits"], "counts_cube": "cc.fits"},
        "latsky-step stack --counts-cube cc.fits --output out.fits --source loopI a_00.fits "
        "a_01.fits",
    ),
    (
        "source-maps-catalog",
        {"first": 20, "last": 40, "evtype": 4, "engine": "embedded"},
        {**CUBES, "definition": "catalog_X.yaml", "catalog_file": "psc.fit"},
        "env latsky-step source-maps-catalog --catalog psc.fit --counts-cube cc.fits "
        "--definition catalog_X.yaml --engine embedded --evtype 4 --exposure-cube ex.fits "
        "--extended EXT --first 20 --irfs P8R3_SOURCE_V3 --last 40 --livetime-cube lt.fits "
        "--output catalog_source_maps.fits",
    ),
    (
        "merge-catalog",
        {"rule": "faint"},
        {"batches": ["b_00.fits", "b_01.fits"]},
        "latsky-step merge-catalog --json merged_sources.json --output merged_source_map.fits "
        "--rule faint b_00.fits b_01.fits",
    ),
    (
        "merge-catalog",
        {"rule": "faint", "planes": "edges"},
        {"batches": ["b_00.fits"]},
        "latsky-step merge-catalog --json merged_sources.json --output merged_source_map.fits "
        "--planes edges --rule faint b_00.fits",
    ),
    (
        "gather-catalog",
        {"output_name": "all.fits"},
        {"batches": ["b_00.fits", "b_01.fits"]},
        "latsky-step gather-catalog --output all.fits b_00.fits b_01.fits",
    ),
    (
        "npred",
        {},
        {"source_maps": ["a.fits", "b.fits"], "source_model": "m.xml"},
        "latsky-step npred --json --quadrature power-law --source-model m.xml a.fits b.fits",
    ),
    (
        "npred",
        {"sources": ["loopI", "iso"], "quadrature": "trapezium"},
        {"source_maps": ["a.fits"]},
        "latsky-step npred --json --quadrature trapezium --source loopI --source iso a.fits",
    ),
]


def command(tmp_path: Path, tool: str, options: dict, files: dict) -> tuple[list[str], dict]:
    inputs = {
        key: [file(tmp_path / "in" / name) for name in value]
        if isinstance(value, list)
        else file(tmp_path / "in" / value)
        for key, value in files.items()
    }
    if "catalog_file" in files:
        inputs["extended"] = directory(tmp_path / "in" / "EXT")
    words, _, resources = build(ROOT / "tools" / f"{tool}.cwl", {**options, **inputs}, tmp_path)
    return words, resources


@pytest.mark.parametrize(("tool", "options", "files", "expected"), CASES)
def test_command_line(tmp_path, monkeypatch, tool, options, files, expected):
    words, resources = command(tmp_path, tool, {**options, "ram_mib": 777}, files)
    assert words == expected.split()
    assert resources["ram"] == 777
    # the step parses it: only the work itself is left out
    module, work = PARSERS[tool]
    calls = []
    for name in work:
        monkeypatch.setattr(module, name, lambda *a, n=name, **k: calls.append(n) or _result(n))
    module.main(words[words.index(tool) + 1 :])
    assert calls and set(calls) <= set(work)


def _result(name: str):
    prediction = npred.Prediction("a.fits", "iso", np.array([1e2, 1e3]), np.array([2.0]))
    results = {"make_embedded": (1, 1), "gather": [], "source_names": [], "predict": prediction}
    return results.get(name, 1)


@pytest.mark.parametrize("tool", ["source-maps-diffuse", "source-maps-catalog"])
def test_calibration_database_is_set_for_the_command(tmp_path, tool):
    case = next(case for case in CASES if case[0] == tool)
    options = {**case[1], "caldb": directory(tmp_path / "in" / "caldb")}
    words, _ = command(tmp_path, tool, options, case[2])
    assert words[:6] == [
        "env",
        "CALDB=caldb",
        "CALDBCONFIG=caldb/software/tools/caldb.config",
        "CALDBALIAS=caldb/software/tools/alias_config.fits",
        "latsky-step",
        tool,
    ]


def test_plan_with_a_library(tmp_path):
    files = {"dataset": "d.yaml", "binning": "b.yaml", "library": "l.yaml"}
    lists = {"library_parts": ["galprop_rings_x.yaml", "catalog_X.yaml"], "catalogs": ["psc.fit"]}
    options = {
        "n_event_files": 1,
        "planes_per_job": 2,
        "catalog_nsrc": 500,
        "engine": "fermitools",
        "extended": [directory(tmp_path / "in" / "EXT")],
    }
    words, _ = command(tmp_path, "plan", options, {**files, **lists})
    expected = (
        "latsky-step plan --binning b.yaml --catalog-nsrc 500 --catalog psc.fit --dataset d.yaml "
        "--engine fermitools --extended EXT --hpx-order-ccube 9 "
        "--hpx-order-expcube 6 --library l.yaml --library-part galprop_rings_x.yaml "
        "catalog_X.yaml --n-event-files 1 --planes-per-job 2"
    )
    assert words == expected.split()
