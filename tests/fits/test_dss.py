"""Data subspace keywords: reading, writing, combination."""

import math

import pytest

from latsky.errors import InputError
from latsky.fits import dss
from latsky.fits.core import Header
from latsky.fits.dss import BitMask, Cone, GoodTimes, Range, Version

SOURCE = BitMask("EVENT_CLASS", 128, "P8R3")
CUTS = (
    SOURCE,
    BitMask("EVENT_TYPE", 32, "P8R3"),
    Cone(83.6331, 22.0145, 15.0),
    GoodTimes(),
    Range("ENERGY", "MeV", 10**1.5, 100.0),
    Range("ZENITH_ANGLE", "deg", 0.0, 80.0),
    Version("IRF_VERSION", "V3"),
)
KEYWORDS = [
    ("DSTYP1", "BIT_MASK(EVENT_CLASS,128,P8R3)"),
    ("DSUNI1", "DIMENSIONLESS"),
    ("DSVAL1", "1:1"),
    ("DSTYP2", "BIT_MASK(EVENT_TYPE,32,P8R3)"),
    ("DSUNI2", "DIMENSIONLESS"),
    ("DSVAL2", "1:1"),
    ("DSTYP3", "POS(RA,DEC)"),
    ("DSUNI3", "deg"),
    ("DSVAL3", "CIRCLE(83.6331,22.0145,15)"),
    ("DSTYP4", "TIME"),
    ("DSUNI4", "s"),
    ("DSVAL4", "TABLE"),
    ("DSREF4", ":GTI"),
    ("DSTYP5", "ENERGY"),
    ("DSUNI5", "MeV"),
    ("DSVAL5", "31.622776601683792563:100"),
    ("DSTYP6", "ZENITH_ANGLE"),
    ("DSUNI6", "deg"),
    ("DSVAL6", "0:80"),
    ("DSTYP7", "IRF_VERSION"),
    ("DSUNI7", "DIMENSIONLESS"),
    ("DSVAL7", "V3"),
    ("NDSKEYS", 7),
]


def header_of(*cards):
    return Header([(key, value, "") for key, value in cards])


def test_keywords_as_the_fermitools_write_them():
    header = header_of(("A", 1), ("DSTYP1", "OLD"), ("NDSKEYS", 9), ("DSREF9", ":GTI"), ("B", 2))
    assert dss.write(header, CUTS) is header
    assert [(k, v) for k, v, _ in header.cards] == [("A", 1), ("B", 2), *KEYWORDS]


def test_cuts_survive_the_round_trip():
    assert dss.read(header_of(*KEYWORDS)) == CUTS


def test_spellings_of_the_archive():
    header = header_of(
        ("NDSKEYS", 4),
        ("DSTYP1", "POS(RA,DEC)"),
        ("DSUNI1", "deg"),
        ("DSVAL1", "circle(194.04652741,-5.78931254,10.00000000)"),
        ("DSTYP2", "ENERGY"),
        ("DSUNI2", "MeV"),
        ("DSVAL2", "100.000000:100000.000000"),
        ("DSTYP3", "CALIB_VERSION[1]"),
        ("DSUNI3", "dimensionless"),
        ("DSVAL3", ":3"),
        ("DSTYP4", "BIT_MASK(EVENT_CLASS,2,P7V6)"),
        ("DSUNI4", "DIMENSIONLESS"),
        ("DSVAL4", "1:1"),
    )
    cuts = dss.read(header)
    assert cuts == (
        Cone(194.04652741, -5.78931254, 10.0),
        Range("ENERGY", "MeV", 100.0, 100000.0),
        Range("CALIB_VERSION", "dimensionless", -math.inf, 3.0, 1),
        BitMask("EVENT_CLASS", 4, "P7V6"),
    )
    assert [cut.keywords[0] for cut in cuts[2:]] == [
        "CALIB_VERSION[1]",
        "BIT_MASK(EVENT_CLASS,2,P7V6)",
    ]
    assert cuts[2].keywords[2] == ":3"


def test_a_galactic_cone_is_turned():
    from astropy.coordinates import SkyCoord

    header = header_of(
        ("NDSKEYS", 1),
        ("DSTYP1", "POS(GLON,GLAT)"),
        ("DSUNI1", "deg"),
        ("DSVAL1", "CIRCLE(10,-20,3)"),
    )
    (cone,) = dss.read(header)
    expected = SkyCoord(10, -20, unit="deg", frame="galactic")
    found = SkyCoord(cone.ra, cone.dec, unit="deg")
    assert expected.separation(found).arcsec < 0.1


def test_no_keywords_no_cuts():
    assert dss.read(Header()) == ()


@pytest.mark.parametrize(
    ("kind", "unit", "value"),
    [
        ("POS(RA,DEC)", "rad", "CIRCLE(1,2,3)"),
        ("POS(RA,DEC)", "deg", "CIRCLE(1,2)"),
        ("POS(X,Y)", "deg", "CIRCLE(1,2,3)"),
        ("ENERGY", "MeV", "low:high"),
        ("ENERGY", "MeV", "TABLE"),
        ("BIT_MASK(EVENT_CLASS)", "", "1:1"),
        ("BIT_MASK(EVENT_CLASS,x,P8R3)", "", "1:1"),
        ("BIT_MASK(EVENT_CLASS,-1,P8R3)", "", "1:1"),
    ],
)
def test_cuts_that_are_not_understood(kind, unit, value, tmp_path):
    header = header_of(("NDSKEYS", 1), ("DSTYP1", kind), ("DSUNI1", unit), ("DSVAL1", value))
    with pytest.raises(InputError, match="DSTYP1") as caught:
        dss.read(header, tmp_path)
    assert caught.value.file == tmp_path


def test_a_counted_keyword_is_missing():
    with pytest.raises(InputError, match="DSTYP1"):
        dss.read(header_of(("NDSKEYS", 1)))


def test_a_time_range_is_not_written():
    header = dss.write(Header(), (Range("TIME", "s", 1.0, 2.0), GoodTimes()))
    assert header["NDSKEYS"] == 1
    assert header["DSVAL1"] == "TABLE"


ENERGY = Range("ENERGY", "MeV", 100.0, 1000.0)


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        # the same once
        (ENERGY, ENERGY, (ENERGY,)),
        # within: takes the place; containing: dropped; partly: both, until merged
        (ENERGY, Range("ENERGY", "MeV", 200.0, 300.0), (Range("ENERGY", "MeV", 200.0, 300.0),)),
        (ENERGY, Range("ENERGY", "MeV", 10.0, 3000.0), (ENERGY,)),
        (
            ENERGY,
            Range("ENERGY", "MeV", 200.0, 3000.0),
            (ENERGY, Range("ENERGY", "MeV", 200.0, 3000.0)),
        ),
        (Cone(10, 0, 10), Cone(12, 0, 5), (Cone(12, 0, 5),)),
        (Cone(12, 0, 5), Cone(10, 0, 10), (Cone(12, 0, 5),)),
        (Cone(10, 0, 10), Cone(16, 0, 5), (Cone(10, 0, 10), Cone(16, 0, 5))),
        # across the meridian
        (Cone(359, 0, 10), Cone(1, 0, 5), (Cone(1, 0, 5),)),
        (
            Version("IRF_VERSION", "V2"),
            Version("IRF_VERSION", "V3"),
            (Version("IRF_VERSION", "V3"),),
        ),
        # a class within the one selected before
        (SOURCE, BitMask("EVENT_CLASS", 1024, "P8R3"), (BitMask("EVENT_CLASS", 1024, "P8R3"),)),
        # types: any after a whole partition
        (
            BitMask("EVENT_TYPE", 3, "P8R3"),
            BitMask("EVENT_TYPE", 32, "P8R3"),
            (BitMask("EVENT_TYPE", 32, "P8R3"),),
        ),
        # Pass 7 classes are nested by bit
        (
            BitMask("EVENT_CLASS", 4, "P7V6"),
            BitMask("EVENT_CLASS", 8, "P7V6"),
            (BitMask("EVENT_CLASS", 8, "P7V6"),),
        ),
        (
            BitMask("EVENT_CLASS", 8, "P7V6"),
            BitMask("EVENT_CLASS", 4, "P7V6"),
            (BitMask("EVENT_CLASS", 8, "P7V6"),),
        ),
    ],
)
def test_adding_a_cut(old, new, result):
    assert dss.add((GoodTimes(), old), new) == (GoodTimes(), *result)


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        (SOURCE, BitMask("EVENT_CLASS", 64, "P8R3"), "evclass"),
        (BitMask("EVENT_CLASS", 1024, "P8R3"), SOURCE, "evclass"),
        (BitMask("EVENT_TYPE", 32, "P8R3"), BitMask("EVENT_TYPE", 16, "P8R3"), "evtype"),
        (BitMask("EVENT_TYPE", 48, "P8R3"), BitMask("EVENT_TYPE", 3, "P8R3"), "evtype"),
    ],
)
def test_what_is_not_in_the_data_cannot_be_selected(old, new, name):
    with pytest.raises(InputError) as caught:
        dss.add((old,), new)
    assert caught.value.key == name


@pytest.mark.reference
@pytest.mark.parametrize("kind", ["evclass", "evtype"])
def test_valid_selections_are_those_of_caldb(kind, caldb):
    text = (caldb / f"data/glast/lat/bcf/valid_{kind}_selections.txt").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    column = "EVENT_CLASS" if kind == "evclass" else "EVENT_TYPE"
    wrong = {}
    for line in lines:
        current, allowed = (int(part) for part in line.split(","))
        found = dss._within(BitMask(column, current, "P8R3"))
        if found != allowed:
            wrong[current] = (allowed, found)
    assert len(lines) > 30
    assert wrong == {}


def test_ranges_are_intersected_and_sorted():
    cuts = (
        Range("ZENITH_ANGLE", "deg", 0.0, 90.0),
        ENERGY,
        SOURCE,
        Range("ENERGY", "MeV", 200.0, 3000.0),
        GoodTimes(),
    )
    assert dss.merge_ranges(cuts) == (
        SOURCE,
        GoodTimes(),
        Range("ENERGY", "MeV", 200.0, 1000.0),
        Range("ZENITH_ANGLE", "deg", 0.0, 90.0),
    )


def test_ranges_that_exclude_each_other():
    with pytest.raises(InputError, match="nothing is in both"):
        dss.merge_ranges((ENERGY, Range("ENERGY", "MeV", 2000.0, 3000.0)))


def test_comparison_leaves_times_out():
    one = (SOURCE, GoodTimes(), ENERGY)
    other = (ENERGY, Range("TIME", "s", 0.0, 1.0), SOURCE)
    assert dss.same_but_times(one, other)
    assert dss.difference(one, other) == ""
    assert not dss.same_but_times(one, (SOURCE, GoodTimes()))
    assert dss.difference(one, (SOURCE,)) == "ENERGY=100:1000"


def test_finding_cuts():
    assert dss.find_mask(CUTS, "event_class") == 128
    assert dss.find_mask((), "EVENT_CLASS") is None
    assert dss.find_range(CUTS, "ZENITH_ANGLE") == (0.0, 80.0)
    assert dss.find_range(CUTS, "TIME") is None
    assert dss.find_cone(CUTS) == Cone(83.6331, 22.0145, 15.0)
    assert dss.find_cone(()) is None
