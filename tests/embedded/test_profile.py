"""Radial profiles: grid, integrals, normalisation."""

import numpy as np
import pytest
from profiles import density, norm, psf

from latsky.embedded.profile import CONTAINED, SUPPORT, contained, grid, make_profile


@pytest.mark.parametrize("width", np.radians([0.02, 0.3, 5.0]))
def test_normalised_within_reach(width):
    profile = psf(width)
    reach = 2 * np.arcsin(np.sqrt(profile.reach[0]) / 2)
    assert norm(width, reach) / norm(width, SUPPORT) == pytest.approx(CONTAINED, abs=3e-5)
    separation = grid()[1]
    np.testing.assert_allclose(profile.density[0], density(separation, width), rtol=2e-5)


def test_width_is_where_the_profile_halves():
    profile = psf(np.radians(1.0))
    at = profile.width[0]
    ratio = density(at, np.radians(1.0)) / density(0.0, np.radians(1.0))
    assert ratio == pytest.approx(0.5, abs=0.01)


def test_integral_of_a_constant_is_the_cap():
    separation = grid()[1]
    np.testing.assert_allclose(
        contained(np.ones(len(separation)))[1:],
        2 * np.pi * (1 - np.cos(separation[1:])),
        rtol=1e-6,
    )


def test_a_plane_without_exposure_is_empty():
    profile = make_profile(np.zeros((1, len(grid()[0]))))
    assert profile.reach[0] == 0 and not profile.density.any()
