"""The Fermitools' command line."""

from pathlib import Path

import pytest

from latsky.embedded.main import main
from latsky.embedded.parameters import Command, Parameter, expand_list, is_none, parse, usage
from latsky.errors import InputError, InputErrors

COMMAND = Command(
    "gttest",
    "a command",
    (
        Parameter("infile", "file", doc="input"),
        Parameter("emin", "real", 30.0, "energy"),
        Parameter("emax", "real", None, "energy"),
        Parameter("enumbins", "int", 10),
        Parameter("edge", "bool", True),
        Parameter("algorithm", "choice", "CCUBE", choices=("CCUBE", "HEALPIX")),
    ),
    lambda values: None,
)


def values(*arguments):
    return parse(COMMAND, arguments)


def test_defaults():
    found = values("infile=a.fits")
    assert (found.infile, found.emin, found.emax, found.enumbins) == ("a.fits", 30.0, None, 10)
    assert (found.edge, found.algorithm) == (True, "CCUBE")
    assert (found.chatter, found.clobber, found.mode) == (2, True, "ql")


def test_values_of_every_kind():
    found = values(
        "infile=a.fits", "emin=1e2", "emax=5", "enumbins=3", "edge=no", "algorithm=healpix"
    )
    assert (found.emin, found.emax, found.enumbins) == (100.0, 5.0, 3)
    assert (found.edge, found.algorithm) == (False, "HEALPIX")


@pytest.mark.parametrize("text", ["INDEF", "indef", "none", ""])
def test_indef(text):
    assert values("infile=a", f"emin={text}").emin is None


@pytest.mark.parametrize(
    ("text", "expected"), [("yes", True), ("T", True), ("FALSE", False), ("n", False), ("1", True)]
)
def test_logicals(text, expected):
    assert values("infile=a", f"edge={text}").edge is expected


def test_text_may_hold_equal_signs_and_quotes():
    assert values("infile=a==1&&b=2").infile == "a==1&&b=2"
    assert values("infile='a b.fits'").infile == "a b.fits"
    assert values("infile=  a.fits ").infile == "a.fits"


def test_values_by_position():
    found = values("a.fits", "50", "emax=60", "7")
    assert (found.infile, found.emin, found.emax, found.enumbins) == ("a.fits", 50.0, 60.0, 7)
    # a path with an equal sign in it is a value, not a name
    assert values("./a=b.fits").infile == "./a=b.fits"


def test_unique_beginnings():
    assert values("inf=a", "enum=4", "alg=ccube").enumbins == 4
    with pytest.raises(InputErrors, match="em: no such parameter"):
        values("infile=a", "em=1")


def test_all_mistakes_at_once():
    with pytest.raises(InputErrors) as caught:
        values("emin=low", "enumbins=1.5", "edge=maybe", "algorithm=CUBE", "colour=red")
    assert str(caught.value).splitlines() == [
        "colour: no such parameter",
        "infile: required (input)",
        "emin: 'low' is not a number",
        "enumbins: '1.5' is not a number",
        "edge: 'maybe' is neither yes nor no",
        "algorithm: 'CUBE' is none of CCUBE, HEALPIX",
    ]


@pytest.mark.parametrize("text", ["nan", "inf", "1,5", "1 2"])
def test_what_is_no_number(text):
    with pytest.raises(InputErrors, match=r"emin: .* is not a number"):
        values("infile=a", f"emin={text}")


def test_too_many_values():
    with pytest.raises(InputErrors, match="too many values: 'x'"):
        values("a", "1", "2", "3", "yes", "CCUBE", "x")


def test_lists(tmp_path):
    listing = tmp_path / "files.txt"
    listing.write_text("# a list\n\n a.fits \nb/c.fits\n")
    assert expand_list(f"@{listing}") == [Path("a.fits"), Path("b/c.fits")]
    assert expand_list("a.fits") == [Path("a.fits")]
    listing.write_text("# nothing\n")
    with pytest.raises(InputError, match="names no file"):
        expand_list(f"@{listing}")
    with pytest.raises(InputError, match="absent") as caught:
        expand_list(f"@{tmp_path / 'absent'}", "scfile")
    assert caught.value.key == "scfile"


@pytest.mark.parametrize(
    ("text", "expected"), [("none", True), ("NONE", True), ("", True), (None, True), ("a", False)]
)
def test_no_file(text, expected):
    assert is_none(text) is expected


def test_usage_shows_every_parameter(capsys):
    text = usage(COMMAND)
    assert all(parameter.name in text for parameter in COMMAND.parameters)
    assert "[INDEF]" in text and "[30.0]" in text and "CCUBE|HEALPIX" in text
    assert main(["gtselect", "--help"]) == 0
    assert "infile" in capsys.readouterr().out


def test_unknown_command(capsys):
    assert main(["gtnothing"]) == 2
    assert main([]) == 2
    assert "usage:" in capsys.readouterr().err
