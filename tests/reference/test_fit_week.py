"""The simulated week fitted from its event files on: what went into it must come out.

Truth is that every factor is one but for two things that the simulation did. It was given the flux
of the Galactic map by the trapezium rule in ln E, 3.8 % more than the power laws between the map's
energies hold. And isotropic emission and catalogue sources begin at 25 MeV, from where dispersion
brings events to the first bin: that bin has no weight in the fits here.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2

from latsky.fit.model_files import read_model_files
from latsky.fit.model_fit import Fitted, Settings, component_migration, fit_model
from latsky.fit.operators import integral
from latsky.fit.results import ComponentResult, Results
from latsky.fit.strategy import Stage
from latsky.fits.hpx import HpxGeometry, open_hpx, read_template, write_template
from week_model import COMPONENTS, NODES, RINGS, make_model

pytestmark = pytest.mark.reference
SIMULATED_FROM = 25.0
FIRST = next(iter(COMPONENTS))


def settings(directory: Path, *, edisp: bool = True) -> Settings:
    """Everything free, the first bin without weight."""
    path = directory / "weights.fits"
    geometry = HpxGeometry.from_order(0)
    planes = np.array([np.zeros(12), np.ones(12)])
    write_template(path, geometry, np.array([40.0, 70.0]), planes)
    stage = Stage(key="all", mask={FIRST: path.name}, npred_threshold=0)
    strategy_file = directory / "strategy.yaml"
    return Settings(edisp, strategy=(stage,), strategy_file=strategy_file, work=directory)


@pytest.fixture(scope="module")
def week_model(reference: Path, caldb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """config.yaml of the week's model directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CALDB", str(caldb))
        patch.setenv("CALDBCONFIG", str(caldb / "software/tools/caldb.config"))
        patch.setenv("CALDBALIAS", str(caldb / "software/tools/alias_config.fits"))
        return make_model(reference, tmp_path_factory.mktemp("week"))


@pytest.fixture(scope="module")
def galactic_truth(reference: Path) -> float:
    """Factor of the Galactic emission: the flux simulated over the template's integral."""
    sky = (reference / "week/config/simulated_sky.xml").read_text()
    simulated = float(re.search(r'params="([\d.]+),galactic_toy_car.fits"', sky)[1])
    _, energies, values = read_template(reference / "week/templates/template_galactic_toy.fits.gz")
    flux = 4 * np.pi * 1e4 * values.mean(axis=1, dtype="f8")
    slope = np.log(flux[1:] / flux[:-1]) / np.log(energies[1:] / energies[:-1]) + 1
    integral = (np.diff(flux * energies) / slope).sum()
    return simulated / integral


@pytest.fixture(scope="module")
def one_thread() -> None:
    """The maps are small."""
    import numba

    numba.set_num_threads(1)


@pytest.fixture(scope="module")
def fitted(week_model: Path, caldb: Path, one_thread: None) -> Fitted:
    """The fit with energy dispersion."""
    chosen = settings(week_model.parent)
    return fit_model(read_model_files(week_model), with_caldb(chosen, caldb))


def with_caldb(chosen: Settings, caldb: Path) -> Settings:
    """Settings with a calibration database."""
    from dataclasses import replace

    return replace(chosen, caldb=caldb)


def chi_square(results: Results, truth: dict[str, float]) -> float:
    """Of the parameters against the truth, with their covariance."""
    off = np.array([p.value - truth[p.source] for p in results.parameters])
    return float(off @ np.linalg.solve(np.array(results.covariance.covariance), off))


def truths(galactic: float) -> dict[str, float]:
    """True factors by source."""
    return dict.fromkeys(RINGS, galactic) | {"iso": 1.0, "week_bright": 1.0, "week_remain": 1.0}


def test_truth_of_the_simulation(galactic_truth: float) -> None:
    assert galactic_truth == pytest.approx(1.038, abs=0.001)


def test_every_factor_is_found(fitted: Fitted, galactic_truth: float) -> None:
    results, truth = fitted.results, truths(galactic_truth)
    assert results.converged
    assert not any(parameter.at_limit for parameter in results.parameters)
    pulls = {p.source: (p.value - truth[p.source]) / p.error for p in results.parameters}
    assert max(map(abs, pulls.values())) < 3.0, pulls
    assert 0.005 < chi2.sf(chi_square(results, truth), len(pulls)) < 0.995, pulls
    # the fit is no better than its errors say because these are not large
    errors = {p.source: p.error for p in results.parameters}
    assert errors["week_bright"] < 0.012
    assert errors["iso"] < 0.05


def lost(fitted: Fitted, component: ComponentResult, caldb: Path) -> np.ndarray:
    """Counts (bins,) predicted from below 25 MeV, where only the Galaxy was simulated."""
    names = [each.name for each in fitted.results.components]
    number = names.index(component.name)
    frame, files = fitted.frames[number], fitted.files.components[number]
    spread = component_migration(files, frame, caldb)
    total = np.zeros(len(component.predicted))
    for name in ("iso", "week_bright", "week_remain"):
        sums = open_hpx(frame.path, name).read(dtype="f8").sum(axis=1)
        operator = integral(spread, frame.edges, sums)
        term = next(each for each in fitted.likelihood.sources if each.name == name)
        spectrum, _ = term.spectrum(operator.nodes, fitted.values[list(term.parameters)])
        missing = np.where(operator.nodes < SIMULATED_FROM, spectrum, 0.0)
        total += operator.transfer(missing) @ sums
    return total


def test_counts_of_every_bin(fitted: Fitted, caldb: Path) -> None:
    """Residuals of the bins, the first corrected for what the simulation lacks below 25 MeV."""
    residuals = []
    for component in fitted.results.components:
        predicted = np.array(component.predicted)
        if component.name == FIRST:
            predicted = predicted - lost(fitted, component, caldb)
        residuals += list((np.array(component.observed) - predicted) / np.sqrt(predicted))
    residuals = np.array(residuals)
    assert np.abs(residuals).max() < 3.5
    assert chi2.sf((residuals**2).sum(), len(residuals) - 2) > 0.005


def test_without_energy_dispersion_it_fails(
    fitted: Fitted,
    week_model: Path,
    caldb: Path,
    galactic_truth: float,
) -> None:
    chosen = with_caldb(settings(week_model.parent, edisp=False), caldb)
    without = fit_model(read_model_files(week_model), chosen).results
    assert without.log_likelihood < fitted.results.log_likelihood - 30
    truth = truths(galactic_truth)
    assert chi2.sf(chi_square(without, truth), len(without.parameters)) < 1e-4


def test_spectrum_by_bins(
    week_model: Path,
    caldb: Path,
    galactic_truth: float,
    one_thread: None,
) -> None:
    """The Galactic factor at six energies, fitted together with all others."""
    chosen = with_caldb(settings(week_model.parent), caldb)
    results = fit_model(read_model_files(week_model.parent / "config_bins.yaml"), chosen).results
    assert results.converged
    assert results.model == "bins"
    keys = results.covariance.parameters
    chosen_keys = [f"galactic:dNdE{number}" for number in range(len(NODES))]
    places = [keys.index(key) for key in chosen_keys]
    values = np.array([results.parameter(*key.split(":")).value for key in chosen_keys])
    covariance = np.array(results.covariance.covariance)[np.ix_(places, places)]
    # values but the first are factors of the first: go over to logarithms of the factors there
    logs = np.log(values)
    logs[1:] += logs[0]
    slopes = np.diag(1 / values)
    slopes[1:, 0] = 1 / values[0]
    spread = slopes @ covariance @ slopes.T
    off = logs - np.log(galactic_truth)
    pulls = off / np.sqrt(np.diag(spread))
    assert np.abs(pulls).max() < 3.0
    assert chi2.sf(off @ np.linalg.solve(spread, off), len(off)) > 0.005
    assert np.sqrt(np.diag(spread)).max() < 0.06
    for source in ("iso", "week_bright", "week_remain"):
        name = "Normalization" if source == "iso" else "Value"
        found = results.parameter(source, name)
        assert abs(found.value - 1.0) < 3 * found.error
