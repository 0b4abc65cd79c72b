"""Source maps of a library, joined and stage by stage: the same bytes from every engine."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from sky_analysis import write_sky_analysis
from week_analysis import digests, engine, latsky

from latsky.embedded.template import open_template
from latsky.fits.core import FitsFile
from latsky.fits.hpx import open_energy_cube, open_hpx
from latsky.fits.srcmaps import open_source_map, source_names
from latsky.run.suite import document

pytestmark = pytest.mark.engine

STEM = "P8_P305_demo_source_none"
LOW, HIGH = f"{STEM}_zmax90_E1_PSF23_GAL_V3", f"{STEM}_zmax105_E2_PSF123_GAL_V3"
DIFFUSE = ("merged_IC_0_small", "iso_demo", "residual_demo", "wanderer_v1")
PARTS = ("DEMO4FGL_v00_faint", "DEMO4FGL_v00_extended")


@pytest.fixture(scope="module")
def analysis(tmp_path_factory):
    return write_sky_analysis(tmp_path_factory.mktemp("sky"))


@pytest.fixture(scope="module")
def run(analysis):
    """The whole by ``latsky run``, two jobs at a time: directory and what it printed."""
    result = latsky("run", analysis, "--jobs", 2, "--no-plots")
    assert result.returncode == 0, result.stderr
    return analysis.parent / "run", result


@pytest.fixture(scope="module")
def inputs(run):
    """Inputs of the stages: the plan's records, the components of the run, the library's files."""
    directory, _ = run
    order = YAML(typ="safe").load(directory / "job-order.yml")
    outputs = json.loads((directory / "outputs.json").read_text())
    plan = latsky("plan", directory.parent / "analysis.yaml", "--json")
    assert plan.returncode == 0, plan.stderr
    return {
        **json.loads(plan.stdout),
        "binned_components": outputs["binned_components"],
        "merged_gasmaps": outputs["merged_gasmaps"],
        "definitions": order["library_parts"],
        **{key: order[key] for key in ("ring_maps", "templates", "catalogs", "extended", "caldb")},
        "pictures": False,
    }


def stage(program, name, order, place, *flags):
    """Run a workflow by itself: digests of its files, and its output object."""
    place.mkdir()
    (place / "job.json").write_text(json.dumps(order))
    out = place / "out"
    workflow = document(f"cwl/{name}.cwl")
    result = engine(
        program, "--no-container", f"--outdir={out}", *flags, workflow, place / "job.json"
    )
    assert result.returncode == 0, result.stderr
    return digests(out), json.loads(result.stdout)


def test_files_are_where_fermipy_has_them(run):
    names = {path.name for path in (run[0] / "srcmaps").iterdir()}
    expected = {
        f"srcmaps_{key}_{component}.fits"
        for component in (LOW, HIGH)
        for key in (*DIFFUSE, *PARTS, "DEMO4FGL_v00")
    }
    lists = {
        f"srcmaps_{key}_{component}_sources.json" for component in (LOW, HIGH) for key in PARTS
    }
    assert names == expected | lists
    assert [path.name for path in (run[0] / "merged_gasmaps").iterdir()] == [
        "merged_IC_0_small_healpix.fits"
    ]


def test_every_job_was_counted(run):
    lines = [line for line in run[1].stderr.splitlines() if line.endswith(" done")]
    assert lines[-1].startswith("[46/46]")
    assert "Predicted counts of source maps" in run[1].stdout


def test_records(run):
    outputs = json.loads((run[0] / "outputs.json").read_text())
    records = {record["key"]: record for record in outputs["source_maps"]}
    assert len(records) == 2 * (len(DIFFUSE) + len(PARTS) + 1)
    components = {record["component"]["job_key"] for record in outputs["binned_components"]}
    for record in records.values():
        assert record["component"] in components
        have = source_names(record["source_maps"]["path"])
        assert have == record["source_names"]
    low = "source_zmax90_E1_none_PSF23"
    single = records[f"DEMO4FGL_v00_remain_{low}"]
    assert (single["model_type"], len(single["source_names"])) == ("CatalogSources", 8)
    merged = records[f"DEMO4FGL_v00_faint_{low}"]
    assert (merged["model_type"], merged["source_names"]) == ("CompositeSource", ["DEMO4FGL_faint"])
    listed = json.loads(Path(merged["sources"]["path"]).read_text())
    assert len(listed["sources"]) == 32


@pytest.mark.parametrize(("component", "planes"), [(LOW, 3), (HIGH, 4)])
def test_planes_of_several_jobs_are_in_one_file(run, component, planes):
    """Every source map has the edges and good times of the counts cube."""
    counts = next((run[0] / "counts_cubes").glob(f"ccube_{component[:-3]}.fits"))
    edges = open_hpx(counts, "SKYMAP").edges
    assert len(edges) == planes
    for key in (*DIFFUSE, *PARTS):
        path = run[0] / f"srcmaps/srcmaps_{key}_{component}.fits"
        table = open_source_map(path, source_names(path)[0])
        assert table.n_planes == planes
        np.testing.assert_allclose(table.edges, edges, rtol=1e-6)
        with FitsFile(path) as file, FitsFile(counts) as origin:
            assert np.array_equal(file.table("GTI")["START"], origin.table("GTI")["START"])


def test_each_component_takes_its_own_template(run):
    """One file a zenith cut: each map is like the template of its own cut."""
    for component, zmax in ((LOW, 90), (HIGH, 105)):
        path = run[0] / f"srcmaps/srcmaps_wanderer_v1_{component}.fits"
        table = open_source_map(path, "wanderer")
        sky = table.read().sum(axis=0)

        def likeness(zmax, sky=sky, nside=table.geometry.nside):
            found = open_template(run[0].parent / f"templates/wanderer_zmax{zmax}.fits", "cube")
            return np.corrcoef(sky, found.sample(316.0, nside, "GAL"))[0, 1]

        assert likeness(zmax) > 0.5 > likeness(195 - zmax)


def test_merged_ring_is_the_sum_of_its_maps(run):
    made = open_energy_cube(run[0] / "merged_gasmaps/merged_IC_0_small_healpix.fits").read()
    gasmap = run[0].parent / "gasmap"
    parts = [
        open_energy_cube(gasmap / f"ics_ring_{ring}_healpix_DEMO.gz").read() for ring in (1, 2)
    ]
    np.testing.assert_allclose(made, np.sum(parts, axis=0, dtype="f8"), rtol=1e-6)


def test_stages_by_themselves(run, inputs, tmp_path):
    """Serial cwltool on the records of the plan against the joined run in parallel."""
    whole = digests(run[0])
    order = {key: inputs[key] for key in ("merged_rings", "ring_maps")}
    rings, made = stage("cwltool", "gas-rings", order, tmp_path / "rings")
    keys = ("binned_components", "templates", "caldb")
    order = {key: inputs[key] for key in keys}
    chosen = {
        f"{key}_{component}": f"srcmaps_{key}_{stem}"
        for key, component, stem in (
            ("merged_IC_0_small", "source_zmax105_E2_none_PSF123", HIGH),
            ("iso_demo", "source_zmax90_E1_none_PSF23", LOW),
            ("residual_demo", "source_zmax105_E2_none_PSF123", HIGH),
        )
    }
    records = [record for record in inputs["diffuse_components"] if record["key"] in chosen]
    order["diffuse_components"] = records
    order["templates"] = order["templates"] + made["merged_gasmaps"]
    diffuse, outputs = stage("cwltool", "diffuse-templates", order, tmp_path / "diffuse")
    assert set(diffuse) == {f"{stem}.fits" for stem in chosen.values()}
    assert (len(rings), len(diffuse)) == (1, 3)
    for name, digest in (rings | diffuse).items():
        assert whole[name] == digest, name
    assert sorted(file["basename"] for file in outputs["pictures_made"]) == sorted(
        f"{chosen[record['key']]}.png" for record in records
    )


def test_toil(run, inputs, tmp_path):
    """Catalogue source maps of one binning component by Toil."""
    keys = ("binned_components", "definitions", "catalogs", "extended", "caldb", "pictures")
    order = {key: inputs[key] for key in keys}
    order["catalog_components"] = inputs["catalog_components"][:1]
    made, outputs = stage(
        "toil-cwl-runner",
        "catalog-templates",
        order,
        tmp_path / "toil",
        f"--jobStore={tmp_path / 'store'}",
        "--batchSystem=single_machine",
        "--maxCores=2",
        "--disableProgress",
        "--publishWorkflowMetrics=no",
    )
    whole = digests(run[0])
    maps = {name: digest for name, digest in made.items() if name.startswith("srcmaps_")}
    assert len(maps) == 3
    assert all(whole[name] == digest for name, digest in maps.items())
    assert [record["source_key"] for record in outputs["source_maps"]] == [
        *PARTS,
        "DEMO4FGL_v00_remain",
    ]


def broken_copy(analysis, tmp_path):
    """The analysis without its run, to spoil."""
    shutil.copytree(analysis.parent, tmp_path / "sky", ignore=shutil.ignore_patterns("run"))
    return tmp_path / "sky"


def test_mistakes_are_found_before_any_job(analysis, tmp_path):
    root = broken_copy(analysis, tmp_path)
    (root / "templates/wanderer_zmax90.fits").unlink()
    spectrum = root / "templates/spectral_iso_demo.txt"
    lines = spectrum.read_text().splitlines(keepends=True)
    spectrum.write_text("".join(line for line in lines if float(line.split()[0]) > 200.0))
    result = latsky("run", root / "analysis.yaml")
    assert result.returncode == 2
    assert "wanderer_zmax90.fits" in result.stderr
    assert "E1_PSF23 needs 100 to 316.228 MeV" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (root / "run").exists()


def test_a_template_that_is_not_given(run, inputs, tmp_path):
    """The workflow by itself names what it lacks."""
    keys = ("diffuse_components", "binned_components", "templates", "caldb")
    order = {key: inputs[key] for key in keys}
    (tmp_path / "job.json").write_text(json.dumps(order))
    result = engine(
        "cwltool", "--no-container", "--outdir", tmp_path / "out",
        document("cwl/diffuse-templates.cwl"), tmp_path / "job.json",
    )  # fmt: skip
    assert result.returncode != 0
    words = "0 files have the name merged_IC_0_small_healpix.fits"
    assert words in " ".join(result.stderr.split())
    assert not list((tmp_path / "out").glob("*.fits"))
