"""The rings of the reference week through the workflows: merged, convolved, and added again."""

import json
from pathlib import Path

import numpy as np
import pytest
from week_analysis import engine

from latsky.fits.hpx import open_energy_cube
from latsky.fits.srcmaps import open_source_map
from latsky.run.suite import document
from latsky.steps.main import main as step

pytestmark = [pytest.mark.reference, pytest.mark.engine]

FILES = {
    "d.yaml": "{data_pass: P8, data_ver: P305, evclass: source, data_time: week, irf_ver: V3}\n",
    "b.yaml": "E1: {log_emin: 2., log_emax: 2.5, enumbins: 2, zmax: 90., "
    "psf_types: {PSF23: {hpx_order: 6}}}\n",
    "library.yaml": """\
gas: {model_type: galprop_rings, versions: [gas, ics]}
galaxy: {versions: [v0], Spatial_Filename: template_galactic_toy.fits.gz}
""",
    "galprop_rings_gas.yaml": """\
galprop_run: TOY_2026
ring_limits: [1, 3, 5]
diffuse_comp_dict:
  merged_HI: [pi0_decay_HIR, bremss_HIR]
  merged_CO: [pi0_decay_H2R, bremss_H2R]
""",
    "galprop_rings_ics.yaml": """\
galprop_run: TOY_2026
ring_limits: [1, 2]
diffuse_comp_dict: {merged_IC: [ics]}
""",
}


def given(path):
    return {"class": "File", "path": str(path)}


def workflow(name, order, place):
    (place / f"{name}.json").write_text(json.dumps(order))
    result = engine(
        "cwltool", "--no-container", "--parallel", "--parallel-max=2", "--outdir",
        place / "out", document(f"cwl/{name}.cwl"), place / f"{name}.json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def made(reference, tmp_path_factory):
    """Merged maps and source maps by source name."""
    place = tmp_path_factory.mktemp("rings")
    for name, text in FILES.items():
        (place / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        parts = [name for name in FILES if name.startswith("galprop")]
        arguments = ["--dataset", "d.yaml", "--binning", "b.yaml", "--n-event-files", "1"]
        arguments += ["--library", "library.yaml", "--library-part", *parts]
        assert step(["plan", *arguments]) == 0
    plan = json.loads((place / "cwl.output.json").read_text())
    week = reference / "week"
    maps = [given(path) for path in sorted((week / "gasmap").glob("*.gz"))]
    order = {"merged_rings": plan["merged_rings"], "ring_maps": maps}
    gasmaps = workflow("gas-rings", order, place)["merged_gasmaps"]
    [component] = plan["components"]
    order = {
        "diffuse_components": plan["diffuse_components"],
        "binned_components": [
            {
                "component": component,
                "counts_cube": given(week / "expected/ccube_E1_PSF23.fits.gz"),
                "livetime_cube": given(week / "expected/ltcube_zmax80.fits.gz"),
                "exposure_cube": given(week / "expected/bexpcube_E1_PSF23.fits.gz"),
            }
        ],
        "templates": [*gasmaps, given(week / "templates/template_galactic_toy.fits.gz")],
        "caldb": {"class": "Directory", "path": str(reference / "caldb")},
        "pictures": False,
    }
    records = workflow("diffuse-templates", order, place)["source_maps"]
    return (
        {file["basename"]: Path(file["path"]) for file in gasmaps},
        {r["source_names"][0]: Path(r["source_maps"]["path"]) for r in records},
    )


def test_merged_rings_add_up_to_the_template(made, reference):
    rings = [open_energy_cube(path).read() for path in made[0].values()]
    assert len(rings) == 5
    template = reference / "week/templates/template_galactic_toy.fits.gz"
    expected = open_energy_cube(template).read()
    # single precision in every file
    np.testing.assert_allclose(np.sum(rings, axis=0, dtype="f8"), expected, rtol=3e-7)


def at_energy(path, energy):
    """A cube at an energy: a power law in each pixel between its planes, as source maps take it."""
    cube = open_energy_cube(path)
    number = int(np.searchsorted(cube.energies, energy)) - 1
    low, high = (np.asarray(plane, "f8") for plane in cube.read()[number : number + 2])
    part = np.log(energy / cube.energies[number])
    part /= np.log(cube.energies[number + 1] / cube.energies[number])
    with np.errstate(divide="ignore"):
        return np.exp((1 - part) * np.log(low) + part * np.log(high))


def test_their_source_maps_add_up_to_its_source_map(made, reference):
    """But for the energies between the planes: the sum of power laws is not one.

    Between the templates' energies the sum of the interpolated rings is up to 0.3 % below the
    interpolated sum, where pions and inverse Compton scattering mix. The maps differ as that says.
    """
    tables = {name: open_source_map(path, name) for name, path in made[1].items()}
    maps = {name: table.read().astype("f8") for name, table in tables.items()}
    galaxy = maps.pop("galaxy")
    assert set(maps) == {"merged_HI_0", "merged_HI_1", "merged_CO_0", "merged_CO_1", "merged_IC_0"}
    total = np.sum(list(maps.values()), axis=0)
    template = reference / "week/templates/template_galactic_toy.fits.gz"
    for number, energy in enumerate(tables["galaxy"].edges):
        whole = at_energy(template, energy)
        parts = np.sum([at_energy(path, energy) for path in made[0].values()], axis=0)
        expected = parts.sum() / whole.sum()
        # the exposure weights the sky, by tens of per cent
        assert total[number].sum() / galaxy[number].sum() == pytest.approx(expected, abs=2e-5)
        # each convolution leaves out up to 1e-4 of a pixel, by its own band limit
        bright = galaxy[number] > 1e-3 * galaxy[number].max()
        ratio = total[number, bright] / galaxy[number, bright]
        assert ratio.min() > (parts / whole).min() - 1e-4
        assert ratio.max() < (parts / whole).max() + 1e-4


def test_its_source_map_is_that_of_gtsrcmaps_in_the_sum(made, reference):
    ours = open_source_map(made[1]["galaxy"], "galaxy").read().sum(axis=1, dtype="f8")
    expected = reference / "week/expected/srcmaps_E1_PSF23.fits.gz"
    theirs = open_source_map(expected, "galactic_hpx").read().sum(axis=1, dtype="f8")
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)
