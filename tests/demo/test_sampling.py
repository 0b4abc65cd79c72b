"""Drawn deviations and energies against the response functions they are drawn from."""

import numpy as np
import pytest
from scipy import stats

from latsky.demo.events import draw_deviation, draw_measured_energy
from latsky.demo.irfs import write_caldb
from latsky.fits.irfs import load_response

COUNT = 60_000


@pytest.fixture(scope="module")
def types(tmp_path_factory):
    root = tmp_path_factory.mktemp("caldb")
    write_caldb(root)
    return load_response("P8R3_SOURCE_V3", 60, root).event_types


@pytest.mark.parametrize("energy", [35.0, 180.0, 1700.0, 2e5])
@pytest.mark.parametrize("cosine", [0.3, 0.77, 0.99])
def test_deviations(types, energy, cosine):
    rng = np.random.default_rng(int(energy * 100 * cosine))
    angle = np.concatenate([[0.0], np.geomspace(1e-6, np.pi / 2, 4000)])
    for entry in types[::3]:
        drawn = draw_deviation(rng, entry.psf, np.full(COUNT, energy), np.full(COUNT, cosine))
        density = entry.psf.density(energy, np.array([cosine]), angle)[0] * np.sin(angle)
        step = np.diff(angle) * (density[1:] + density[:-1]) / 2
        running = np.concatenate([[0.0], np.cumsum(step)]) / step.sum()
        uniform = np.interp(drawn, angle, running)
        assert stats.kstest(uniform, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("energy", [35.0, 180.0, 1700.0, 2e5])
@pytest.mark.parametrize("cosine", [0.3, 0.77, 0.99])
def test_energies(types, energy, cosine):
    rng = np.random.default_rng(int(energy * 100 * cosine))
    grid = energy * np.concatenate([np.linspace(0.0005, 3, 8000), np.geomspace(3.001, 60, 2000)])
    for entry in types[::3]:
        drawn = draw_measured_energy(
            rng, entry.edisp, np.full(COUNT, energy), np.full(COUNT, cosine)
        )
        density = entry.edisp.density(energy, np.array([cosine]), grid)[0]
        step = np.diff(grid) * (density[1:] + density[:-1]) / 2
        running = np.concatenate([[0.0], np.cumsum(step)]) / step.sum()
        uniform = np.interp(drawn, grid, running)
        assert stats.kstest(uniform, "uniform").pvalue > 1e-4
