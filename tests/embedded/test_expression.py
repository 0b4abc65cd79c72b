"""The filter language, against values worked out by hand and against astropy."""

import numpy as np
import pytest

from latsky.embedded.expression import compile_filter
from latsky.errors import InputError
from latsky.fits.core import Column, FitsWriter, read_table


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("expression") / "sc.fits"
    with FitsWriter(path) as writer:
        writer.table(
            "SC_DATA",
            [
                Column("START", np.arange(4.0)),
                Column("DATA_QUAL", np.array([-1, 0, 1, 2], np.int16)),
                Column("LAT_CONFIG", np.array([1, 0, 1, 1], np.uint8)),
                Column("ROCK_ANGLE", np.array([-60.0, 10.0, 51.9, 52.0], np.float32)),
                Column("IN_SAA", np.array([False, True, False, True])),
                Column("SC_POSITION", np.arange(12, dtype=np.float32).reshape(4, 3)),
                Column("RA_ZENITH", np.array([0.0, 90.0, 180.0, 359.0], np.float32)),
                Column("DEC_ZENITH", np.array([0.0, 30.0, -60.0, 89.0], np.float32)),
                Column("NAME", np.array([b"a", b"b", b"c", b"d"])),
            ],
        )
    return read_table(path, "SC_DATA")


def rows_that_pass(text, table):
    return np.flatnonzero(compile_filter(text, table)(table.rows)).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [0, 1, 2, 3]),
        ("(DATA_QUAL>0) && (LAT_CONFIG==1)", [2, 3]),
        ("data_qual>0&&Lat_Config==1", [2, 3]),
        ("DATA_QUAL .gt. 0 .AND. LAT_CONFIG .eq. 1", [2, 3]),
        ("ABS(ROCK_ANGLE)<52", [1, 2]),
        ("abs(rock_angle) =< 52", [1, 2, 3]),
        ("IN_SAA!=T", [0, 2]),
        ("IN_SAA", [1, 3]),
        ("!IN_SAA", [0, 2]),
        (".not.in_saa", [0, 2]),
        ("IN_SAA == (DATA_QUAL == 0)", [0, 1, 2]),
        ("T", [0, 1, 2, 3]),
        ("false", []),
        # || is looser than &&
        ("START==0 || START==1 && F", [0]),
        ("(START==0 || START==1) && F", []),
        # arithmetic: * before +, left to right, unary minus, powers to the right
        ("START*2+1 == 5", [2]),
        ("START-1-1 == 0", [2]),
        ("-START < -2.5", [3]),
        ("- -START == 3", [3]),
        # unsigned and short columns do not wrap round
        ("-LAT_CONFIG < 0", [0, 2, 3]),
        ("LAT_CONFIG - DATA_QUAL*DATA_QUAL < 0", [3]),
        ("2^START^1 == 8", [3]),
        ("2**START == 4", [2]),
        ("-2^2 == 4 && START == 0", [0]),
        # % is as loose as +
        ("DATA_QUAL*3%2 == 0", [1, 3]),
        # whole numbers divide to whole numbers, towards zero
        ("DATA_QUAL/2 == 0", [0, 1, 2]),
        ("DATA_QUAL/2. == 0.5", [2]),
        ("DATA_QUAL/0 > 5", []),
        ("SQRT(START) == START", [0, 1]),
        ("SIN(START*#pi/2) > 0.5", [1]),
        ("COS(60*#deg) ~ 0.5 && START<1", [0]),
        ("MAX(START,2) == 2", [0, 1, 2]),
        ("START = 1:2", [1, 2]),
        ("(START > 1 ? START : 10) == 10", [0, 1]),
        ("SC_POSITION[3] == 5", [1]),
        ("$START$ == 1", [1]),
        ("ROCK_ANGLE == 51.9", []),
        ("NEAR(ROCK_ANGLE, 51.9, 1e-5)", [2]),
        ("1e1 == 10 && 1.d1 == 10 && .5 < 1", [0, 1, 2, 3]),
        ("ANGSEP(RA_ZENITH,DEC_ZENITH,0,0) < 90.5", [0, 1, 3]),
        ("SQRT(-1) > 0 || START/0. > 0", [1, 2, 3]),
    ],
)
def test_rows(text, expected, table):
    assert rows_that_pass(text, table) == expected


def test_a_float_column_is_compared_in_double_precision(table):
    # the float32 nearest to 51.9 is above it
    assert float(np.float32(51.9)) > 51.9
    assert rows_that_pass("ROCK_ANGLE > 51.9", table) == [2, 3]


def test_a_condition_may_have_hundreds_of_terms(table):
    text = " && ".join(f"(START<{n}||START>{n + 0.5})" for n in range(2, 1000))
    assert rows_that_pass(text, table) == [0, 1]


def test_angular_separation_is_that_of_astropy(table):
    from astropy.coordinates import SkyCoord

    names = ("RA_ZENITH", "DEC_ZENITH")
    zenith = SkyCoord(*(table[name].astype(float) for name in names), unit="deg")
    distance = zenith.separation(SkyCoord(83.63, 22.01, unit="deg")).deg
    for place, value in enumerate(distance):
        text = f"ANGSEP(RA_ZENITH,DEC_ZENITH,83.63,22.01) = {value - 1e-9} : {value + 1e-9}"
        assert place in rows_that_pass(text, table)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("DATA_QUALITY>0", "no column DATA_QUALITY in SC_DATA at character 1"),
        ("START>0 && ROCK<1", "no column ROCK in SC_DATA at character 12"),
        ("START >", "a value is expected, not 'the end'"),
        ("(START>0", "')' expected, not 'the end'"),
        ("START>0)", "unexpected ')' at character 8"),
        ("START>0 START<1", "unexpected 'START'"),
        ("START", "is not true or false"),
        ("START+1", "is not true or false"),
        ("START && T", "&& needs a condition on both sides"),
        ("IN_SAA > 0", "> needs numbers"),
        ("IN_SAA == 1", "compares a condition with a number"),
        ("-IN_SAA", "- needs numbers"),
        ("!START", "! needs a condition"),
        ("FOO(START)>0", "no function FOO"),
        ("ABS(START,1)>0", "ABS takes 1 values, not 2"),
        ("SC_POSITION>0", "SC_POSITION is a vector"),
        ("SC_POSITION[4]>0", "SC_POSITION has no element 4"),
        ("NAME == 1", "NAME (form 1A) is not a number"),
        ("START > 0; 1", "unexpected ';'"),
        ("START > 0x10", "unexpected '0'"),
        ("__import__('os')", 'unexpected "\'"'),
        ("(" * 500 + "T" + ")" * 500, "too deeply nested"),
        ("!" * 5000 + "T", "too deeply nested"),
        ("START ? T : F", "mixed"),
    ],
)
def test_mistakes_are_told(text, message, table):
    with pytest.raises(InputError) as caught:
        compile_filter(text, table)
    assert message in caught.value.message
    assert caught.value.key == "filter"
