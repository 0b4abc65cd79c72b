"""The report of a run: its numbers, its page by itself, and the page in a browser."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from latsky.cli import main
from latsky.config.spectral_library import bin_by_bin
from latsky.fit.results import (
    ComponentResult,
    Covariance,
    ParameterResult,
    Results,
    SourceResult,
    StageResult,
    write_results,
)
from latsky.fits.core import Header
from latsky.fits.hpx import HpxGeometry, write_counts_cube, write_exposure_cube
from latsky.fits.source_model import Model, Parameter, Source
from latsky.report.figures import correction, corrections
from latsky.report.gather import gather
from latsky.report.page import duration, measured, number
from latsky.report.residual import significance, smoothing_width

EDGES = np.array([100.0, 300.0, 1000.0])
KEY = "zmax90_E0_PSF3"
STEM = f"P8_P305_t_source_none_{KEY}_GAL"
GEOMETRY = HpxGeometry.from_order(3)
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


def results(model, log_likelihood, predicted, free=("iso",)):
    observed = [400.0, 100.0]
    parameters = [
        ParameterResult(name, "Value", 1.2, 0.1, 0.1, 10.0, 1.0, 1.0, name == "loop", "all")
        for name in free
    ]
    size = len(parameters)
    correlation = np.eye(size) - 0.8 * (1 - np.eye(size))
    shares = {"iso": 0.7, "loop": 0.2, "4FGL J0001.0+0000": 0.1}
    return Results(
        model=model,
        engine="embedded",
        irfs="P8R3_SOURCE_V3",
        energy_dispersion=True,
        integration="fine",
        log_likelihood=log_likelihood,
        log_likelihood_start=log_likelihood - 10,
        converged=model != "b",
        edm=1e-6,
        components=[
            ComponentResult(
                KEY,
                EDGES.tolist(),
                3,
                "GAL",
                observed,
                list(predicted),
                {name: [share * p for p in predicted] for name, share in shares.items()},
                log_likelihood,
            )
        ],
        sources=[SourceResult("iso", "ConstantValue", ["Value"], 300.0, True)],
        parameters=parameters,
        covariance=Covariance(
            [f"{name}:Value" for name in free],
            (0.01 * correlation).tolist(),
            correlation.tolist(),
        ),
        stages=[StageResult("all", size, [], {}, 0.0, log_likelihood, True, 1e-6)],
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The directory of a run with two fitted models and one without a fit."""
    root = tmp_path_factory.mktemp("report") / "run"
    for name in ("counts_cubes", "bexp_cubes", "records", "config/models"):
        (root / name).mkdir(parents=True)
    rng = np.random.default_rng(4)
    counts = np.zeros((2, GEOMETRY.npix))
    for row, total in enumerate((400, 100)):
        np.add.at(counts[row], rng.integers(0, GEOMETRY.npix, total), 1)
    dates = Header([("DATE-OBS", "2014-08-07T00:00:00", ""), ("DATE-END", "2014-08-09", "")])
    write_counts_cube(
        root / f"counts_cubes/ccube_{STEM}.fits", GEOMETRY, EDGES, counts, primary=dates
    )
    exposure = np.full((3, GEOMETRY.npix), 1e10)
    exposure[1, 0] = 0.5e10
    write_exposure_cube(root / f"bexp_cubes/bexcube_{STEM}_V3.fits", GEOMETRY, EDGES, exposure)
    (root / "config/models/model_a.yaml").write_text("sources: {iso: <&>}\n")
    (root / "run.json").write_text(
        json.dumps(
            {
                "id": "1234",
                "analysis": "/data/sky <1>/analysis.yaml",
                "status": "success",
                "engine": "cwltool",
                "start": "2026-01-01T00:00:00+00:00",
                "end": "2026-01-01T00:03:10+00:00",
            }
        )
    )
    for number_, status in enumerate(("success", "failed")):
        record = {
            "kind": "command",
            "tool": "file:///suite/tools/gtbin.cwl",
            "status": status,
            "usage": {"wall_s": 2.5, "user_s": 1.0, "system_s": 0.5, "max_rss_kib": 204800},
        }
        (root / f"records/{number_}.json").write_text(json.dumps(record))
    for key, value, free in (("a", -100.0, ("iso", "loop")), ("b", -103.0, ("iso",))):
        directory = root / f"analysis/model_{key}"
        directory.mkdir(parents=True)
        predicted = (410.0, 95.0)
        write_results(directory / f"fit_{key}.json", results(key, value, predicted, free))
        write_counts_cube(directory / f"srcmaps_{STEM}_V3.fits", GEOMETRY, EDGES, counts)
        model = np.repeat(np.array(predicted)[:, None] / GEOMETRY.npix, GEOMETRY.npix, axis=1)
        write_counts_cube(directory / f"mcube_{key}_{KEY}.fits", GEOMETRY, EDGES, model)
    (root / "analysis/model_c").mkdir()
    return root


class Page(HTMLParser):
    """Tags that are open at the end, references, images."""

    EMPTY = ("meta", "link", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.references, self.images, self.ids = [], [], [], []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.references += [given[key] for key in ("src", "href") if key in given]
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "img":
            self.images.append(given)
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += f" {data}"


@pytest.fixture(scope="module")
def page(run):
    assert main(["report", str(run)]) == 0
    return Page((run / "report/index.html").read_text())


def test_the_page_is_whole(page, run):
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    # counts, exposure; by model: spectra, three maps, factors; correlations where there are two
    assert len(page.images) == 2 + 2 * 5 + 1
    assert all(image["alt"] for image in page.images)
    for reference in page.references:
        if reference.startswith("#"):
            assert reference[1:] in page.ids
        elif not reference.startswith("data:"):
            # links to products, relative: no other resource
            assert (run / "report" / reference).exists(), reference
    assert all(image["src"].startswith("data:image/") for image in page.images)


def test_what_it_says(page):
    text = re.sub(r"\s+", " ", page.text)
    assert "Report of sky <1>" in text
    assert "took 3 min 10 s" in text
    assert "sources: {iso: <&>}" in text
    assert "fit did not converge" in text
    assert "1 at a limit" in text
    assert "Without a fit: c." in text
    # events, then exposure: one of 768 pixels has half
    assert "zmax90_E0_PSF3 100 MeV – 1 GeV 2 3 500 –" in text
    assert "5 × 10⁹ 9.993 × 10⁹ 10¹⁰" in text
    assert "1.20 0.10 1 0.1 to 10" in text
    # Δ ln L and AIC: one parameter less, three worse
    assert "a −100.000 +0.000 2 0.00 505.0 b −103.000 −3.000 1 4.00 505.0" in text
    assert "iso:Value loop:Value −0.80" in text
    assert "iso 353.5 353.5 70.00 %" in text
    assert "gtbin 2 1 5.0 s 3.0 s 200" in text


def test_numbers(run, page):
    data = json.loads((run / "report/report.json").read_text())
    assert data["schema"] == "latsky-report/1"
    assert data["components"][0]["counts"] == [400.0, 100.0]
    assert data["components"][0]["exposure_cm2_s"][0] == 0.5e10
    assert [model["model"] for model in data["models"]] == ["a", "b"]


def test_same_bytes(run, page, tmp_path, capsys):
    assert main(["report", str(run), "--output", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/index.html\n"
    files = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*.*"))
    assert len(files) == len(page.images) + 2
    for file in files:
        if file.name != "index.html":
            assert (tmp_path / file).read_bytes() == (run / "report" / file).read_bytes()
    # links depend on where the page is, nothing else
    texts = [
        re.sub(r'href="[^"]*"', "", (d / "index.html").read_text())
        for d in (tmp_path, run / "report")
    ]
    assert texts[0] == texts[1]


def test_a_run_without_models(run, tmp_path):
    shutil.copytree(run / "counts_cubes", tmp_path / "counts_cubes")
    assert main(["report", str(tmp_path)]) == 0
    assert len(Page((tmp_path / "report/index.html").read_text()).images) == 1
    assert gather(tmp_path).models == []


def test_the_fit_of_the_run_goes_before_others(run, tmp_path):
    model = tmp_path / "analysis/model_demo"
    shutil.copytree(next((run / "analysis").glob("model_*")), model)
    [fit] = model.glob("fit_*.json")
    own = model / f"again/{fit.name}"
    own.parent.mkdir()
    own.write_text("{")
    model.rename(model.with_name(f"model_{fit.stem.removeprefix('fit_')}"))
    assert len(gather(tmp_path).models) == 1


def test_results_that_are_damaged(tmp_path, capsys):
    path = tmp_path / "analysis/model_a/fit_a.json"
    path.parent.mkdir(parents=True)
    for text in ("{", '{"schema": "latsky-fit/1"}'):
        path.write_text(text)
        assert main(["report", str(tmp_path)]) == 2
        assert f"{path}: not the results of a fit" in capsys.readouterr().err


@pytest.mark.parametrize("make", [False, True])
def test_no_run(tmp_path, capsys, make):
    if make:
        (tmp_path / "none").mkdir()
    assert main(["report", str(tmp_path / "none")]) == 2
    message = "neither counts cubes nor fitted models" if make else "no such directory"
    assert message in capsys.readouterr().err


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="no chromium")
@pytest.mark.parametrize("width", [500, 1280])
def test_in_a_browser(run, page, tmp_path, width):
    text = (run / "report/index.html").read_text()
    probe = """<script>addEventListener("load", function () {
      var images = Array.from(document.images);
      document.title = JSON.stringify({
        images: images.length,
        drawn: images.filter(function (i) { return i.complete && i.naturalWidth > 50; }).length,
        wide: document.documentElement.scrollWidth, window: innerWidth,
        resources: performance.getEntriesByType("resource").filter(function (e) {
          return !e.name.startsWith("data:"); }).length});
    });</script></body>"""
    copy = tmp_path / "probe.html"
    copy.write_text(text.replace("</body>", probe))
    result = subprocess.run(
        [
            BROWSER,
            *("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"),
            *("--enable-logging=stderr", "--virtual-time-budget=5000"),
            *(f"--window-size={width},900", "--dump-dom", copy.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "CONSOLE" not in result.stderr, result.stderr
    seen = json.loads(re.search(r"<title>(\{.*?\})</title>", result.stdout)[1])
    assert seen["images"] == seen["drawn"] == len(page.images)
    assert seen["resources"] == 0
    # wide tables scroll by themselves, the page does not
    assert seen["wide"] <= seen["window"]


# ---- numbers


def test_significance_of_poisson_counts():
    geometry = HpxGeometry.from_order(5)
    rng = np.random.default_rng(2)
    longitude, latitude = geometry.centres()
    model = 3 + 20 * np.exp(-np.abs(latitude) / 10)
    found = [significance(rng.poisson(model), model, geometry, 4.0) for _ in range(4)]
    assert abs(np.mean(found)) < 0.03
    assert abs(np.std(found) - 1) < 0.04
    # an excess of known significance: its kernel-weighted sum over the noise of the same weights
    centre = int(geometry.pixels(np.array([30.0]), np.array([60.0]))[0])
    excess = np.zeros(geometry.npix)
    excess[centre] = 200.0
    angle = np.degrees(np.arccos(np.clip(cosine(longitude, latitude, centre), -1, 1)))
    kernel = np.exp(-0.5 * (angle / 4.0) ** 2)
    expected = 200.0 * kernel[centre] / np.sqrt((kernel**2 * model).sum())
    np.testing.assert_allclose(
        significance(model + excess, model, geometry, 4.0)[centre], expected, rtol=0.03
    )


@pytest.mark.parametrize("nested", [False, True])
def test_significance_beside_a_bright_pixel(nested):
    # by sums over all pixels, where the Gaussian is as narrow as a pixel
    geometry = replace(HpxGeometry.from_order(4), nested=nested)
    longitude, latitude = geometry.centres()
    rng = np.random.default_rng(5)
    model = 0.3 + rng.random(geometry.npix)
    model[700] = 2000.0
    counts = rng.poisson(model).astype(float)
    sigma = smoothing_width(geometry)
    found = significance(counts, model, geometry, sigma)
    for at in (700, *np.argsort(-np.abs(found))[:5], 0, geometry.npix - 1):
        angle = np.degrees(np.arccos(np.clip(cosine(longitude, latitude, at), -1, 1)))
        kernel = np.exp(-0.5 * (angle / sigma) ** 2)
        expected = (kernel * (counts - model)).sum() / np.sqrt((kernel**2 * model).sum())
        np.testing.assert_allclose(found[at], expected, atol=0.02)
    assert np.abs(found).max() < 5


def cosine(longitude, latitude, centre):
    lon, lat = np.radians(longitude), np.radians(latitude)
    unit = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    return unit[:, centre] @ unit


def test_correction_with_its_error():
    parameters = (
        Parameter("Prefactor", 2.0, 1.0, free=True),
        Parameter("Index", 0.3, -1.0, free=True),
        Parameter("Scale", 1000.0),
    )
    source = Source("gas", "DiffuseSource", Model("PowerLaw", parameters), None)
    names = ["other:Value", "gas:Prefactor", "gas:Index"]
    covariance = [[1.0, 0.5, 0.5], [0.5, 0.04, 0.006], [0.5, 0.006, 0.01]]
    fitted = replace(
        results("a", -1.0, (1.0, 1.0)), covariance=Covariance(names, covariance, covariance)
    )
    found = correction(source, fitted, 100.0, 1e4)
    x = np.log(found.energies / 1000.0)
    np.testing.assert_allclose(found.factor, 2 * np.exp(-0.3 * x))
    # ln f = ln N - Γ x, with Γ the parameter in units of its scale
    relative = np.sqrt(0.04 / 4 + x**2 * 0.01 - 2 * x * 0.006 / 2)
    np.testing.assert_allclose(found.error, found.factor * relative)
    fixed = replace(source, spectrum=Model("PowerLaw", (parameters[0], *parameters[2:])))
    assert correction(fixed, fitted, 100.0, 1e4) is None
    point = replace(source, kind="PointSource")
    assert correction(point, fitted, 100.0, 1e4) is None


def test_nodes_of_a_bin_by_bin_correction():
    source = Source("gas", "DiffuseSource", bin_by_bin(3, 100.0, 1e5), None)
    found = correction(source, results("a", -1.0, (1.0, 1.0)), 100.0, 1e5)
    np.testing.assert_allclose(found.nodes, [10**2.5, 10**3.5, 10**4.5], rtol=1e-5)
    np.testing.assert_allclose(found.factor, 1.0)
    drawing = corrections([found])
    assert drawing == corrections([found])
    assert drawing.lstrip().startswith("<?xml")


def test_words():
    assert [number(v) for v in (0, 12345, 0.5, 1e-10, -2.5e-7, None, np.inf)] == [
        "0",
        "12\u202f345",
        "0.5",
        "10⁻¹⁰",
        "−2.5 × 10⁻⁷",
        "–",
        "–",
    ]
    assert measured(1.23456, 0.0987) == ("1.235", "0.099")
    assert measured(3.9e-10, 2.3e-12) == ("3.900 × 10⁻¹⁰", "0.023 × 10⁻¹⁰")
    assert measured(-0.04, 0.02) == ("−0.040", "0.020")
    assert [duration(s) for s in (4.23, 190, 7500)] == ["4.2 s", "3 min 10 s", "2 h 5 min"]
