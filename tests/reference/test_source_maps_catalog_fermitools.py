"""The pyLikelihood back end on maps that the real tool wrote, given by a stand-in."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from astropy.io import fits

from latsky.fits.srcmaps import open_source_map, plane_sums
from latsky.steps import merge_catalog, source_maps_catalog

pytestmark = pytest.mark.reference

POINTS = {"vela": (128.8375, -45.178), "c3c454": (343.491, 16.148), "pole": (192.9, 27.1)}


class Likelihood:
    """Answers any call with itself; what is saved is the HDU of gtsrcmaps with its energies."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __getattr__(self, name):
        return self

    def __call__(self, *arguments, **named):
        return self

    def releaseSource(self, name):
        return name

    def saveSourceMap_partial(self, path, name):
        with fits.open(self.made) as file:
            fits.HDUList([fits.PrimaryHDU(), file[name]]).writeto(path)


@pytest.fixture
def batch(reference, tmp_path, monkeypatch):
    """A batch of the three sources, one of them merged: its file."""
    place = reference / "week" / "expected"
    stand_in = Likelihood(place / "srcmaps_E2_PSF123.fits.gz")
    for name in ("pyLikelihood", "BinnedAnalysis"):
        module = ModuleType(name)
        for part in ("BinnedObs", "BinnedAnalysis", "SourceFactory", "_funcFactory"):
            setattr(module, part, stand_in)
        monkeypatch.setitem(sys.modules, name, module)
    columns = {
        "Source_Name": ("20A", list(POINTS)),
        "RAJ2000": ("E", [ra for ra, _ in POINTS.values()]),
        "DEJ2000": ("E", [dec for _, dec in POINTS.values()]),
        "SpectrumType": ("20A", ["PowerLaw"] * 3),
        "Extended_Source_Name": ("20A", [""] * 3),
        "Signif_Avg": ("E", [300.0, 200.0, 10.0]),
        "Pivot_Energy": ("E", [1000.0] * 3),
        "PL_Flux_Density": ("E", [1e-9, 1e-9, 1e-9]),
        "PL_Index": ("E", [2.0] * 3),
    }
    table = [fits.Column(name, form, array=values) for name, (form, values) in columns.items()]
    fits.BinTableHDU.from_columns(table, name="LAT_Point_Source_Catalog").writeto(
        tmp_path / "c.fits"
    )
    (tmp_path / "c.yaml").write_text(
        f"catalog_name : W\ncatalog_file : {tmp_path}/c.fits\ncatalog_extdir : {tmp_path}\n"
        "catalog_type : 4FGL-DR4\nrules_dict :\n  faint :\n    cuts :\n"
        "      - { cut_var: Signif_Avg, max_val : 100. }\n"
    )
    source_maps_catalog.main(
        [
            *("--engine=fermitools", f"--livetime-cube={place}/ltcube_zmax105.fits.gz"),
            f"--counts-cube={place}/ccube_E2_PSF123.fits.gz",
            f"--exposure-cube={place}/bexpcube_E2_PSF123.fits.gz",
            *("--irfs=P8R3_SOURCE_V3", f"--definition={tmp_path}/c.yaml"),
            f"--output={tmp_path}/b.fits",
        ]
    )
    return tmp_path / "b.fits"


def test_single_maps_are_the_tools_own(batch, reference):
    made = reference / "week" / "expected" / "srcmaps_E2_PSF123.fits.gz"
    for name in ("vela", "c3c454"):
        theirs, ours = fits.getdata(made, name), fits.getdata(batch, name)
        keys = [np.lexsort((table["PIX"], table["CHANNEL"])) for table in (theirs, ours)]
        for column in ("PIX", "CHANNEL", "VALUE"):
            np.testing.assert_array_equal(theirs[column][keys[0]], ours[column][keys[1]])


def test_merged_maps_fold_the_spectrum_in(batch, reference, tmp_path):
    made = reference / "week" / "expected" / "srcmaps_E2_PSF123.fits.gz"
    theirs = open_source_map(made, "pole").read(dtype="f8")
    # pixel 0, which gtsrcmaps leaves undefined, is there
    assert theirs[:, 0].min() > 0
    table = open_source_map(batch, "W_faint")
    expected = theirs * (1e-9 * (table.edges[:, None] / 1000) ** -2.0)
    np.testing.assert_allclose(table.read(), expected, rtol=1e-6)
    merge_catalog.main(
        [str(batch), "--rule=faint", f"--output={tmp_path}/m.fits", "--planes=edges"]
    )
    merged = open_source_map(tmp_path / "m.fits", "W_faint")
    assert plane_sums(merged) == pytest.approx(expected.sum(axis=1), rel=1e-6)
