"""The directories of models in a run: put in place, opened there, shown."""

import json
import os

import pytest

from latsky.config.analysis import gather_analysis
from latsky.demo.analysis_files import FILES
from latsky.errors import Problems
from latsky.fit.results import Covariance, ParameterResult, Results, SourceResult, write_results
from latsky.report import gather as report
from latsky.run.command import write_report_of
from latsky.run.model_links import link_inputs
from latsky.run.products import MOST_PARAMETERS, file_outputs, read_fits, show_fit


def outputs_of(run, files):
    """Output object of an engine with one model's directory below ``.outputs``."""
    made = run / ".outputs/model_a"
    made.mkdir(parents=True)
    listing = []
    for name, text in files.items():
        (made / name).write_text(text)
        path = str(made / name)
        listing.append({"class": "File", "basename": name, "path": path, "location": path})
    model = {"class": "Directory", "basename": "model_a", "path": str(made), "listing": listing}
    return {"binned_components": [], "model_directories": [model]}


def test_a_model_replaces_that_of_an_earlier_run(tmp_path):
    run = tmp_path / "run"
    kept = run / "analysis/model_a/fit/fit_a.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    (run / "analysis/model_a/mcube_a_gone.fits").write_text("old")
    outputs = file_outputs(outputs_of(run, {"config.yaml": "new"}), run)
    place = run / "analysis/model_a"
    assert sorted(path.name for path in place.iterdir()) == ["config.yaml", "fit"]
    assert kept.read_text() == "mine"
    [model] = outputs["model_directories"]
    assert model["path"] == str(place)
    assert model["listing"][0]["path"] == str(place / "config.yaml")
    assert model["listing"][0]["location"] == (place / "config.yaml").as_uri()
    assert json.loads((run / "outputs.json").read_text()) == outputs
    assert not (run / ".outputs").exists()


def test_without_models(tmp_path):
    assert file_outputs({"binned_components": [], "model_directories": None}, tmp_path)
    assert read_fits({"model_directories": None}) == []


@pytest.fixture
def analysis(tmp_path):
    """The demonstration's analysis with its templates, and rings in a directory of another name."""
    root = tmp_path / "sky"
    master = FILES["analysis.yaml"] + "merged_gasmap_dir: merged_gasmap\n"
    for name, text in {**FILES, "analysis.yaml": master, "templates/x": ""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for name in ("loopI_demo", "residual_demo_E0_PSF3"):
        (root / f"templates/template_{name}.fits").write_text(name)
    (root / "catalog/Extended_demo").mkdir(parents=True)
    (root / "events").mkdir()
    for name in ("ft2.lst", "ft2_0.fits"):
        (root / "events" / name).write_text("ft2_0.fits\n")
    return gather_analysis(root / "analysis.yaml", Problems())


def test_links_to_what_models_name(analysis, tmp_path):
    run = tmp_path / "run"
    (run / "merged_gasmap").mkdir(parents=True)
    (run / "merged_gasmap/merged_HI_0_demo_healpix.fits").write_text("ring")
    for _ in range(2):  # a second run finds its links
        link_inputs(analysis, run)
    assert (run / "templates/template_loopI_demo.fits").read_text() == "loopI_demo"
    assert (run / "templates/template_residual_demo_E0_PSF3.fits").is_symlink()
    assert (run / "merged_gasmaps/merged_HI_0_demo_healpix.fits").read_text() == "ring"
    assert (run / "catalog/Extended_demo").is_dir()
    assert not os.path.lexists(run / "templates/template_bubbles_demo.fits")
    listed = run / "ft2_files/ft2_P8_P305_demo_source.lst"
    assert listed.read_text() == f"{tmp_path / 'sky/events/ft2_0.fits'}\n"


def test_links_where_the_run_is_the_analysis(analysis, tmp_path):
    place = tmp_path / "sky"
    link_inputs(analysis, place)
    assert not (place / "templates/template_loopI_demo.fits").is_symlink()


def results(parameters):
    source = SourceResult("gas", "PowerLaw", ["Index"], 1234.4, True)
    return Results(
        "a", "embedded", "P8R3_SOURCE_V3", True, "fine", 10.0, 4.0, False, 0.1, [],
        [source], parameters, Covariance(), [], ["all: gas:Index: odd"],
    )  # fmt: skip


def test_table_of_a_fit(tmp_path, capsys):
    index = ParameterResult("gas", "Index", 0.25, 0.125, -1.0, 1.0, -1.0, 0.0, True, "all")
    model = tmp_path / "model_a"
    model.mkdir()
    write_results(model / "fit_a.json", results([index] * (MOST_PARAMETERS + 2)))
    [found] = read_fits({"model_directories": [{"path": str(model)}]})
    show_fit(found)
    text = capsys.readouterr().out
    assert "Fit of a: NOT CONVERGED, ln L 10.0 (+6.0)" in text
    row = next(line for line in text.splitlines() if "Index" in line)
    assert row.split() == ["gas", "Index", "-0.25", "0.12", "1234", "at", "its", "limit"]
    assert "2 more parameters are in fit_a.json" in text
    assert "warning: all: gas:Index: odd" in text


def test_a_report_that_fails_does_not_spoil_the_run(tmp_path, monkeypatch, capsys):
    def broken(_):
        raise ZeroDivisionError("a cube of nothing")

    monkeypatch.setattr(report, "gather", broken)
    write_report_of(tmp_path)
    told = capsys.readouterr()
    assert told.out == ""
    assert "no report (ZeroDivisionError: a cube of nothing)" in told.err
