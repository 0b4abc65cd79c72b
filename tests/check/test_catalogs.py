"""Catalogues of the library: file, columns of the cuts, directory of extended templates."""

import numpy as np
import pytest

from latsky.check.catalogs import check_catalogs
from latsky.config.analysis import gather_analysis
from latsky.errors import Problems
from latsky.fits.core import Column, FitsWriter

PARTS = """\
catalog_name : X
catalog_file : cat/psc.fits
catalog_extdir : cat/extended
catalog_type : 4FGL-DR4
rules_dict :
  faint :
    cuts :
      - { cut_var: Signif_Avg, max_val : 100. }
      - mask_extended
"""


@pytest.fixture
def analysis(tmp_path, monkeypatch):
    monkeypatch.delenv("CALDB", raising=False)
    (tmp_path / "cat/extended").mkdir(parents=True)
    (tmp_path / "b.yaml").write_text(
        "E0: {log_emin: 2, log_emax: 3, enumbins: 4, zmax: 90, psf_types: {PSF3: {hpx_order: 4}}}"
    )
    (tmp_path / "d.yaml").write_text(
        "{data_ver: P305, evclass: source, data_time: days, irf_ver: V3}"
    )
    (tmp_path / "l.yaml").write_text("X: {model_type: catalog, versions: [v0]}")
    (tmp_path / "a.yaml").write_text("comp: b.yaml\ndata: d.yaml\nlibrary: l.yaml\n")
    write_catalog(tmp_path)

    def check(text=PARTS):
        (tmp_path / "catalog_X_v0.yaml").write_text(text)
        found = gather_analysis(tmp_path / "a.yaml", Problems())
        return [str(p).replace(f"{tmp_path}/", "") for p in check_catalogs(found, [])[0]]

    check.root = tmp_path
    return check


def write_catalog(root, columns=("Source_Name", "Signif_Avg", "Extended_Source_Name")):
    with FitsWriter(root / "cat/psc.fits") as file:
        data = [Column(name, np.array([b"x", b"y"])) for name in columns]
        file.table("LAT_Point_Source_Catalog", data)


def test_missing(analysis):
    (analysis.root / "cat/psc.fits").unlink()
    (analysis.root / "cat/extended").rmdir()
    assert analysis() == [
        "catalog_X_v0.yaml:3: catalog_extdir: no such directory: cat/extended",
        "catalog_X_v0.yaml:2: catalog_file: no such file: cat/psc.fits",
    ]


def test_columns(analysis):
    write_catalog(analysis.root, ("NAME",))
    assert analysis() == [
        "catalog_X_v0.yaml:2: catalog_file: cat/psc.fits has no column Source_Name",
        "catalog_X_v0.yaml:7: rules_dict.faint.cuts[0]: cat/psc.fits has no column Signif_Avg",
        "catalog_X_v0.yaml:7: rules_dict.faint.cuts[1]: cat/psc.fits has no column "
        "Extended_Source_Name or Extended",
    ]


def test_no_catalogue_at_all(analysis):
    (analysis.root / "cat/psc.fits").write_text("text")
    found = analysis()
    assert len(found) == 1
    assert found[0].startswith("cat/psc.fits: ")


@pytest.mark.reference
def test_real_catalogue(analysis, reference):
    text = PARTS.replace("cat/psc.fits", str(reference / "catalog/gll_psc_v35.fit.gz")).replace(
        "cat/extended", str(reference / "catalog/Extended_14years")
    )
    assert analysis(text) == []
    found = analysis(text + "  few :\n    cuts : [{ cut_var: Signif_Avg, max_val : 4.02 }]\n")
    assert found
    assert all("few" in problem and "faint" in problem for problem in found)
