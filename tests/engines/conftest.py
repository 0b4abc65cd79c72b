"""Analyses that several tests share."""

import pytest
from week_analysis import write_analysis


@pytest.fixture(scope="session")
def small_analysis(reference, tmp_path_factory):
    """Two event files and one component, with bins of its own and a cut on time."""
    binning = {
        "coordsys": "GAL",
        "E2": {
            "log_emin": 2.5,
            "log_emax": 3.0,
            "enumbins": 2,
            "logebins": [2.5, 2.7, 3.0],
            "zmax": 100.0,
            "tmin": 429100000.0,
            "tmax": 429400000.0,
            "mktimefilters": ["quality"],
            "psf_types": {"PSF3": {"hpx_order": 4}},
        },
    }
    return write_analysis(tmp_path_factory.mktemp("small"), reference, binning, [0, 1])
