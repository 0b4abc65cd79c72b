"""Flight data: the 2FHL events of the whole sky above 50 GeV."""

from pathlib import Path

import numpy as np
import pytest

from real_sky import fit_sky, residual_sigma

pytestmark = pytest.mark.reference


def test_sky_above_50_gev(reference: Path, tmp_path: Path) -> None:
    """Isotropic, Galactic (a stand-in for the real one) and catalogue explain the events."""
    import numba

    numba.set_num_threads(1)
    fitted = fit_sky(reference, tmp_path)
    results = fitted.results
    assert results.converged
    assert not any(parameter.at_limit for parameter in results.parameters)
    (component,) = results.components
    assert sum(component.observed) == 60275
    assert sum(component.predicted) == pytest.approx(60275, rel=2e-3)
    # the catalogue's spectra come from below these energies, the isotropic one from other years
    catalog = results.parameter("catalog", "Prefactor")
    assert 0.5 < catalog.value < 1.5
    assert catalog.value > 20 * catalog.error
    assert 0.5 < results.parameter("iso", "Normalization").value < 2.0
    # far from the plane, where the stand-in for the Galaxy does not matter, little is left
    sigma = residual_sigma(fitted)
    longitude, latitude = fitted.frames[0].geometry.centres()
    longitude = (longitude + 180) % 360 - 180
    high = (np.abs(latitude) > 30) & (np.abs(longitude) > 40)
    assert np.median(np.abs(sigma[high])) < 1.0
    assert abs(sigma[high].mean()) < 0.5
    # the Fermi bubbles, which the model lacks
    bubbles = (np.abs(longitude) < 15) & (np.abs(latitude) > 20) & (np.abs(latitude) < 45)
    assert sigma[bubbles].mean() > sigma[high].mean() + 1.0
