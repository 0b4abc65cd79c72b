"""Event classes and types: masks and nesting, and agreement with CALDB's tables."""

from itertools import combinations

import pytest

from latsky.config import selections
from latsky.errors import InputError


@pytest.mark.parametrize(
    ("name", "mask"),
    [
        ("transient100a", 1),
        ("transient020e", 8),
        ("transient010", 64),
        ("source", 128),
        ("clean", 256),
        ("ultraclean", 512),
        ("ultracleanveto", 1024),
        ("sourceveto", 2048),
        ("transient100s", 32768),
        ("transient015s", 65536),
    ],
)
def test_class_masks(name, mask):
    assert selections.event_class(name).mask == mask
    assert selections.event_class(name.upper()).name == name


@pytest.mark.parametrize(
    ("name", "mask"),
    [
        ("FRONT", 1),
        ("BACK", 2),
        ("FB", 3),
        ("ALL", 3),
        ("PSF0", 4),
        ("PSF1", 8),
        ("PSF2", 16),
        ("PSF3", 32),
        ("PSF01", 12),
        ("PSF12", 24),
        ("PSF012", 28),
        ("PSF03", 36),
        ("PSF23", 48),
        ("PSF123", 56),
        ("PSF0123", 60),
        ("EDISP0", 64),
        ("EDISP3", 512),
        ("EDISP123", 896),
        ("EDISP0123", 960),
        ("psf23", 48),
    ],
)
def test_type_masks(name, mask):
    assert selections.event_type_mask(name) == mask


@pytest.mark.parametrize("name", ["PSF", "PSF4", "PSF33", "EDISP", "FRONTAL", "", "PSF3 "])
def test_no_event_type(name):
    with pytest.raises(InputError, match="is no event type"):
        selections.event_type_mask(name)


def test_no_event_class():
    with pytest.raises(InputError, match=r"'sauce' is no event class; known: .*source"):
        selections.event_class("sauce")


def test_nesting():
    contains = {
        name: {
            other
            for other in selections.EVENT_CLASSES
            if selections.class_contains(
                selections.event_class(name).mask, selections.event_class(other).mask
            )
        }
        for name in selections.EVENT_CLASSES
    }
    assert contains["source"] == {
        "source",
        "clean",
        "ultraclean",
        "ultracleanveto",
        "sourceveto",
    }
    assert contains["clean"] == {"clean", "ultraclean", "ultracleanveto"}
    assert contains["sourceveto"] == {"sourceveto"}
    assert "source" not in contains["transient100s"]


def test_type_contains():
    assert selections.type_contains(3, 48)
    assert selections.type_contains(60, 1)
    assert selections.type_contains(48, 32)
    assert not selections.type_contains(48, 8)
    assert not selections.type_contains(1, 4)


def test_names_of_a_mask():
    assert selections.event_types(52) == ("PSF0", "PSF2", "PSF3")
    assert selections.partition_of(960) == "EDISP"
    for mask in (0, 5, 1024):
        with pytest.raises(InputError):
            selections.event_types(mask)


@pytest.mark.parametrize(
    ("version", "reconstruction"), [("P302", "P8R2"), ("P304", "P8R3"), ("P305", "P8R3")]
)
def test_pass(version, reconstruction):
    assert selections.pass_of("P8", version) == reconstruction


@pytest.mark.parametrize(("data_pass", "version"), [("P8", "P306"), ("P7", "P302"), ("P8", "")])
def test_no_pass(data_pass, version):
    with pytest.raises(InputError, match="no instrument response is known"):
        selections.pass_of(data_pass, version)


def _table(path):
    return dict(tuple(map(int, line.split(","))) for line in path.read_text().split())


@pytest.mark.reference
def test_caldb_class_table(caldb):
    table = _table(caldb / "data/glast/lat/bcf/valid_evclass_selections.txt")
    assert {found.mask for found in selections.EVENT_CLASSES.values()} <= set(table)
    for mask, held in table.items():
        assert selections.held_bits(mask) == held, mask


@pytest.mark.reference
def test_caldb_type_table(caldb):
    table = _table(caldb / "data/glast/lat/bcf/valid_evtype_selections.txt")
    named = {selections.event_type_mask(name) for name in ("FRONT", "BACK", "FB")}
    for partition in ("PSF", "EDISP"):
        for count in range(1, 5):
            named |= {
                selections.event_type_mask(partition + "".join(digits))
                for digits in combinations("0123", count)
            }
    assert named == set(table)
    for mask, held in table.items():
        whole = held == 2047
        assert selections.is_whole_partition(mask) == whole
        assert whole or held == mask
