"""Dividing catalogues by rule."""

import numpy as np
import pytest
from tables import write_catalog

from latsky.catalog.read import read_catalog
from latsky.catalog.rules import REMAINDER, Range, Rule, divide, match
from latsky.errors import InputError, InputErrors

FAINT = Rule("faint", (Range("Signif_Avg", maximum=100.0), "mask_extended"))
EXTENDED = Rule("extended", ("select_extended",))


@pytest.fixture
def catalog(tmp_path):
    significance = [5.0, 100.0, 100.1, np.nan, 30.0, 500.0]
    rows = [
        {
            "Source_Name": f"S{n}",
            "SpectrumType": "PowerLaw",
            "Signif_Avg": value,
            "Extended_Source_Name": "D" if n in (4, 5) else "",
        }
        for n, value in enumerate(significance)
    ]
    disk = {"Source_Name": "D", "Spatial_Function": "RadialDisk", "Model_SemiMajor": 1.0}
    return read_catalog(write_catalog(tmp_path / "c.fits", "4FGL", rows, [disk]), "4FGL")


def test_seed_rules(catalog):
    parts = divide(catalog, (FAINT, EXTENDED))
    assert [(p.name, p.merge, p.numbers.tolist()) for p in parts] == [
        ("faint", True, [0, 1]),
        ("extended", True, [4, 5]),
        (REMAINDER, False, [2, 3]),
    ]


def test_ranges_include_their_ends(catalog):
    assert match(catalog, Range("Signif_Avg", 100.0, 500.0)).tolist() == [
        False,
        True,
        True,
        False,
        False,
        True,
    ]
    assert match(catalog, Range("TS", maximum=26.0)).tolist()[0]


def test_a_source_of_two_rules_is_an_error_that_names_both(catalog):
    bright = Rule("bright", (Range("Signif_Avg", minimum=100.0),))
    with pytest.raises(InputErrors) as caught:
        divide(catalog, (FAINT, EXTENDED, bright))
    text = str(caught.value)
    assert "1 sources match both rules faint and bright and would count twice: S1" in text
    assert "1 sources match both rules extended and bright and would count twice: S5" in text


def test_mistakes(catalog):
    with pytest.raises(InputErrors, match=r"faint\.cuts: the catalogue has no column Signif"):
        divide(catalog, (Rule("faint", (Range("Signif", 1.0),)),))
    with pytest.raises(InputErrors, match="unknown cut 'extended'"):
        divide(catalog, (Rule("a", ("extended",)),))
    with pytest.raises(InputErrors, match="remain: this name is taken twice"):
        divide(catalog, (Rule(REMAINDER, ("select_extended",)),))
    with pytest.raises(InputError, match="no column"):
        match(catalog, Range("Nothing", 1.0))


@pytest.mark.reference
def test_seed_rules_cover_4fgl_dr4(reference):
    place = reference / "catalog"
    catalog = read_catalog(place / "gll_psc_v35.fit.gz", "4FGL-DR4", place / "Extended_14years")
    parts = divide(catalog, (FAINT, EXTENDED))
    together = np.concatenate([part.numbers for part in parts])
    assert sorted(together.tolist()) == list(range(7195))
    assert len(parts[1].numbers) == 82
