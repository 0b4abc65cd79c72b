"""Fits of model directories: sources by hand, strategy, parameters in and out, mistakes."""

import json
from pathlib import Path

import numpy as np
import pytest

from latsky.errors import InputErrors
from latsky.fit.model_files import read_model_files
from latsky.fit.model_fit import Settings, fit_model, load
from latsky.fit.results import apply_parameters, read_results
from latsky.fit.strategy import Stage, read_strategy
from latsky.fits.hpx import open_hpx, read_counts_cube
from latsky.fits.source_model import read_source_model
from latsky.fits.srcmaps import expand_energies
from latsky.steps.main import main


def test_model_of_each_component_is_the_sum_of_its_sources(model_directory: Path) -> None:
    """All four sources from the files alone, by the Fermitools' trapezoids."""
    files = read_model_files(model_directory / "config.yaml")
    settings = Settings(integration="fermitools", work=model_directory)
    likelihood, frames, _, parameters = load(files, settings)
    values = np.array([p.value for p in parameters])
    assert [p.key for p in parameters] == [
        "spot:Prefactor",
        "spot:Index",
        "gas:Prefactor",
        "iso:Normalization",
    ]
    for component, frame in zip(likelihood.components, frames, strict=True):
        edges = frame.edges
        spectra = {
            "spot": 1e-3 * (edges / 300) ** -2,
            "gas": np.ones(len(edges)),
            "held": np.ones(len(edges)),
            "iso": 0.05 * (edges / 100) ** -2.2,
        }
        expected = np.zeros((len(edges) - 1, frame.geometry.npix))
        for name, spectrum in spectra.items():
            flux = open_hpx(frame.path, name).read(dtype="f8") * (spectrum * edges)[:, None]
            expected += (flux[1:] + flux[:-1]) / 2 * np.log(edges[1:] / edges[:-1])[:, None]
        model = likelihood.model(component, values)
        np.testing.assert_allclose(model, expected, rtol=1e-5)
        counts = likelihood.source_counts(component, values)
        assert set(counts) == set(spectra)
        np.testing.assert_allclose(sum(counts.values()), expected.sum(axis=1), rtol=1e-5)


def test_fit_of_the_directory(model_directory: Path, capsys: pytest.CaptureFixture) -> None:
    out = model_directory / "out"
    command = ["fit-model", "--config", str(model_directory / "config.yaml"), "-o", str(out)]
    assert main([*command, "--quiet", "--minos", "gas:Prefactor"]) == 0
    assert "fit_small.json" in capsys.readouterr().out.split()
    results = read_results(out / "fit_small.json")
    assert results.converged
    assert results.log_likelihood > results.log_likelihood_start
    gas = results.parameter("gas", "Prefactor")
    down, up = gas.minos
    assert down == pytest.approx(-gas.error, rel=0.2)
    assert up == pytest.approx(gas.error, rel=0.2)
    assert results.parameter("iso", "Normalization").minos is None
    for component in results.components:
        npred = np.sum(list(component.npred.values()), axis=0)
        np.testing.assert_allclose(npred, component.predicted, rtol=1e-5)
        cube = read_counts_cube(out / f"mcube_small_{component.name}.fits")
        np.testing.assert_allclose(cube.counts.sum(axis=1), npred, rtol=1e-5)
    # a free norm makes predicted counts equal observed ones where everything scales together
    observed = sum(sum(component.observed) for component in results.components)
    predicted = sum(sum(component.predicted) for component in results.components)
    assert predicted == pytest.approx(observed, rel=0.02)
    fitted = read_source_model(out / "fit_small.xml")
    assert fitted["gas"].spectrum["Prefactor"].value == pytest.approx(gas.value, rel=1e-9)
    assert fitted["gas"].spectrum["Prefactor"].error == pytest.approx(gas.error, rel=1e-9)
    own = read_source_model(out / "fit_small_zmax90_E1_PSF3.xml")
    iso = results.parameter("iso", "Normalization").value
    assert own["iso"].spectrum["Normalization"].value == pytest.approx(iso, rel=1e-9)
    assert own["iso"].spectrum.file == "iso_zmax90_E1_PSF3.txt"
    # starting from the result, nothing is left to do
    again = model_directory / "again"
    restart = ["--parameters", str(out / "fit_small_parameters.yaml"), "--quiet"]
    assert main([*command[:-1], str(again), *restart]) == 0
    second = read_results(again / "fit_small.json")
    assert second.log_likelihood_start == pytest.approx(results.log_likelihood, abs=1e-5)
    assert second.log_likelihood == pytest.approx(results.log_likelihood, abs=1e-3)


def test_same_bytes_again_and_with_more_threads(model_directory: Path) -> None:
    written = []
    for number, threads in enumerate(("1", "1", "2")):
        out = model_directory / f"out{number}"
        arguments = ["--config", str(model_directory / "config.yaml"), "-o", str(out)]
        assert main(["fit-model", *arguments, "--threads", threads, "--quiet"]) == 0
        names = sorted(path.name for path in out.iterdir() if "timings" not in path.name)
        written.append({name: (out / name).read_bytes() for name in names})
    assert len(written[0]) == 7
    assert written[0] == written[1] == written[2]


def test_files_known_by_base_name(model_directory: Path, tmp_path: Path) -> None:
    """As a workflow stages them: the configuration alone in a directory."""
    from latsky.steps.fit_model import Request, make_embedded

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    config = elsewhere / "config.yaml"
    config.write_bytes((model_directory / "config.yaml").read_bytes())
    given = tuple(p for p in model_directory.iterdir() if p.name != "config.yaml")
    make_embedded(Request(config, elsewhere, given), lambda _: None)
    make_embedded(Request(model_directory / "config.yaml", model_directory), lambda _: None)
    results = "fit_small.json"
    assert (elsewhere / results).read_bytes() == (model_directory / results).read_bytes()
    without = tuple(path for path in given if path.suffix != ".txt")
    with pytest.raises(InputErrors, match=r"iso: no such file: iso_zmax90_E1_PSF3.txt"):
        make_embedded(Request(config, elsewhere, without), lambda _: None)


def test_strategy(model_directory: Path) -> None:
    """A stage away from the plane, where the spot is small, then everything not yet fitted."""
    (model_directory / "strategy.yaml").write_text(
        "- {key: high, mask_plane: 20, npred_threshold: 300, npred_frac: 0.5}\n"
        "- {key: rest, mask: none, npred_threshold: 0, frac_threshold: 0.9}\n"
    )
    strategy = read_strategy(model_directory / "strategy.yaml")
    files = read_model_files(model_directory / "config.yaml")
    fitted = fit_model(files, Settings(strategy=strategy, work=model_directory))
    high, rest = fitted.results.stages
    assert high.held_sources == ["spot"]
    assert high.weighted_npred["gas"] < rest.weighted_npred["gas"]
    # nine tenths of the isotropic counts are not outside of the plane: it is fitted once more
    assert high.free == 2
    assert rest.log_likelihood > rest.log_likelihood_start
    assert fitted.results.parameter("spot", "Index").stage == "rest"


def test_weights_are_those_of_the_file(model_directory: Path) -> None:
    """A weights map of zeros over half of the sky equals counts and model cut there."""
    from latsky.fits.hpx import HpxGeometry, write_template

    geometry = HpxGeometry.from_order(3, nested=True)
    north = geometry.base.pix2vec(np.arange(geometry.npix))[:, 2] > 0
    write_template(model_directory / "w.fits", geometry, np.array([100.0]), north[None] * 0.5)
    files = read_model_files(model_directory / "config.yaml")
    stage = Stage(key="half", mask="w.fits", npred_threshold=0)
    settings = Settings(
        strategy=(stage,), strategy_file=model_directory / "strategy.yaml", work=model_directory
    )
    fitted = fit_model(files, settings)
    found = fitted.likelihood.evaluate(fitted.values).log_likelihood
    expected = 0.0
    for component, frame in zip(fitted.likelihood.components, fitted.frames, strict=True):
        z = frame.geometry.base.pix2vec(np.arange(frame.geometry.npix))[:, 2]
        if frame.geometry.order == 3:
            use = z > 0
        else:
            parents = frame.geometry.base.ring2nest(np.arange(frame.geometry.npix)) // 4
            use = north[parents]
        model = fitted.likelihood.model(component, fitted.values)[:, use]
        expected += 0.5 * (component.counts[:, use] * np.log(model) - model).sum()
    assert found == pytest.approx(expected, rel=1e-10)


def test_planes_beyond_the_bins() -> None:
    energies = expand_energies(np.array([100.0, 200.0, 400.0]), 2)
    np.testing.assert_allclose(energies, [25, 50, 100, 200, 400, 800, 1600])


def test_mistakes_are_named_together(model_directory: Path, capsys: pytest.CaptureFixture) -> None:
    config = model_directory / "config.yaml"
    master = model_directory / "srcmdl_small_master.xml"
    master.write_text(master.read_text().replace('name="gas"', 'name="dust"'))
    out = str(model_directory / "out")
    assert main(["fit-model", "--config", str(config), "-o", out, "--quiet"]) == 2
    message = capsys.readouterr().err
    assert message.count("dust: no source map of this name") == 2
    (model_directory / "srcmaps_x_zmax90_E1_PSF3.fits").unlink()
    (model_directory / "srcmdl_small_zmax105_E2_PSF123.xml").unlink()
    assert main(["fit-model", "--config", str(config), "-o", out, "--quiet"]) == 2
    message = capsys.readouterr().err
    assert "no such file: srcmaps_x_zmax90_E1_PSF3.fits" in message
    assert "no such file: srcmdl_small_zmax105_E2_PSF123.xml" in message
    assert not list((model_directory / "out").glob("*"))


def test_mistakes_in_strategy_and_parameters(model_directory: Path) -> None:
    path = model_directory / "strategy.yaml"
    path.write_text("- {key: a, npred_treshold: 1}\n- {key: a, mask_plane: 100}\n")
    with pytest.raises(InputErrors) as caught:
        read_strategy(path)
    text = str(caught.value)
    assert "did you mean npred_threshold?" in text
    assert "[1].mask_plane" in text
    model = read_source_model(model_directory / "srcmdl_small_master.xml")
    path.write_text("gas: {Prefactor: {value: 20}, Norm: {value: 1}}\nnone_such: {}\n")
    with pytest.raises(InputErrors) as caught:
        apply_parameters(model, path)
    text = str(caught.value)
    assert "gas.Prefactor: value 20 is outside of 0.1 to 10" in text
    assert "gas.Norm: PowerLaw has no such parameter" in text
    assert "none_such: no such source in the model" in text


def test_results_are_plain_json(model_directory: Path) -> None:
    out = model_directory / "out"
    arguments = ["--config", str(model_directory / "config.yaml"), "-o", str(out)]
    assert main(["fit-model", *arguments, "--quiet", "--no-model-cubes"]) == 0
    data = json.loads((out / "fit_small.json").read_text())
    assert data["schema"] == "latsky-fit/1"
    size = len(data["covariance"]["parameters"])
    assert np.shape(data["covariance"]["covariance"]) == (size, size)
    assert not list(out.glob("mcube*"))
