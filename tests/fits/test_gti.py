"""Interval arithmetic against a count of seconds, and the GTI table."""

import numpy as np
import pytest

from latsky.errors import InputError
from latsky.fits import gti
from latsky.fits.core import Column, FitsFile, FitsWriter, Header

LENGTH = 60


def seconds(intervals):
    """The intervals as one truth value for each of the first seconds."""
    centres = np.arange(LENGTH) + 0.5
    return np.any([(a < centres) & (centres < b) for a, b in intervals] or [centres < 0], axis=0)


def random_intervals(rng, count):
    starts = rng.integers(0, LENGTH - 10, count)
    return np.column_stack([starts, starts + rng.integers(1, 10, count)]).astype(float)


@pytest.mark.parametrize("seed", range(20))
def test_arithmetic_is_that_of_sets(seed):
    rng = np.random.default_rng(seed)
    one, other = (random_intervals(rng, rng.integers(0, 8)) for _ in range(2))
    cases = [
        (gti.normalise(one), seconds(one)),
        (gti.merge(one, other), seconds(one) | seconds(other)),
        (gti.intersect(one, other), seconds(one) & seconds(other)),
        (gti.subtract(one, other), seconds(one) & ~seconds(other)),
        (gti.restrict(one, 10, 30), seconds(one) & seconds([(10, 30)])),
    ]
    for result, expected in cases:
        assert (seconds(result) == expected).all()
        assert (result[1:, 0] > result[:-1, 1]).all()
        assert (result[:, 1] > result[:, 0]).all()
        assert gti.total(result) == expected.sum()


@pytest.mark.parametrize("seed", range(10))
def test_overlap_lengths_are_those_of_the_intersection(seed):
    rng = np.random.default_rng(seed)
    good = gti.normalise(random_intervals(rng, 5))
    spans = random_intervals(rng, 30) + 0.25
    expected = [gti.total(gti.restrict(good, *span)) for span in spans]
    assert gti.overlap_lengths(good, *spans.T) == pytest.approx(expected, abs=1e-12)


def test_touching_intervals_are_one():
    assert gti.normalise([[3, 4], [1, 3]]).tolist() == [[1, 4]]


def test_nothing_stays_nothing():
    assert gti.normalise([]).shape == (0, 2)
    assert gti.merge().shape == (0, 2)
    assert gti.intersect(gti.EMPTY, np.array([[0.0, 1.0]])).shape == (0, 2)
    assert gti.subtract(gti.EMPTY, np.array([[0.0, 1.0]])).shape == (0, 2)
    assert gti.total(gti.EMPTY) == 0
    assert not gti.contains(gti.EMPTY, np.array([1.0])).any()
    assert gti.overlap_lengths(gti.EMPTY, np.zeros(2), np.ones(2)).tolist() == [0, 0]


@pytest.mark.parametrize("interval", [(2.0, 1.0), (0.0, np.nan), (0.0, np.inf)])
def test_impossible_intervals(interval):
    with pytest.raises(InputError):
        gti.normalise([interval])


def test_both_ends_belong_to_an_interval():
    times = np.array([0.9, 1.0, 2.0, 2.1, 3.0, 4.5])
    inside = gti.contains(gti.normalise([[1, 2], [3, 4]]), times)
    assert inside.tolist() == [False, True, True, False, True, False]


def test_overlapping_sets_are_found():
    one, two, three = [[0, 10]], [[10, 20], [40, 50]], [[30, 35], [45, 60]]
    assert gti.overlap([np.array(one), np.array(two)]) is None
    first, second, shared = gti.overlap([np.array(three), np.array(one), np.array(two)])
    assert (first, second, shared.tolist()) == (0, 2, [[45, 50]])
    # intervals of one set may overlap each other
    assert gti.overlap([np.array([[0, 2], [1, 3]]), np.array([[3, 4]])]) is None


def test_table_round_trip(tmp_path):
    path = tmp_path / "gti.fits"
    header = Header([("TSTART", 0.0, ""), ("TSTOP", 10.0, "stop"), ("ORIGIN", "LISOC", "")])
    with FitsWriter(path) as writer:
        gti.write(writer, np.array([[5.0, 6.0], [1.0, 2.5]]), header)
    found = gti.read_file(path)
    assert found.intervals.tolist() == [[1, 2.5], [5, 6]]
    assert found.header["ONTIME"] == 2.5
    assert found.header["TELAPSE"] == 10
    assert found.header["ORIGIN"] == "LISOC"
    assert "TTYPE1" not in found.header
    with FitsFile(path) as file:
        table = file.table("GTI")
    assert [(c.name, c.form, c.unit) for c in table.columns] == [
        ("START", "D", "s"),
        ("STOP", "D", "s"),
    ]
    # and back: keywords are not repeated
    with FitsWriter(path) as writer:
        gti.write(writer, found.intervals, found.header)
    assert gti.read_file(path).header.cards == found.header.cards


def test_an_empty_table_is_valid(tmp_path):
    with FitsWriter(tmp_path / "gti.fits") as writer:
        gti.write(writer, gti.EMPTY)
    found = gti.read_file(tmp_path / "gti.fits")
    assert found.intervals.shape == (0, 2)
    assert found.header["ONTIME"] == 0


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([Column("START", np.zeros(1))], "no column STOP"),
        ([Column("START", np.zeros(1), "ms"), Column("STOP", np.ones(1), "s")], "not seconds"),
        ([Column("START", np.ones(1), "s"), Column("STOP", np.zeros(1), "s")], "ends before"),
    ],
)
def test_bad_tables(tmp_path, columns, message):
    path = tmp_path / "gti.fits"
    with FitsWriter(path) as writer:
        writer.table("GTI", columns)
    with pytest.raises(InputError, match=message) as caught:
        gti.read_file(path)
    assert caught.value.file == path


def test_no_table(tmp_path):
    with FitsWriter(tmp_path / "x.fits"):
        pass
    with pytest.raises(InputError, match="no HDU GTI"):
        gti.read_file(tmp_path / "x.fits")
