"""Describing, cutting and writing event files."""

import numpy as np
import pytest

from latsky.errors import InputError
from latsky.fits import dss, events, gti
from latsky.fits.core import Column, FitsWriter, Header


def test_description(make_events):
    path = make_events(good=[(1000, 1200), (1200, 1300)])
    found = events.describe(path)
    assert len(found) == 5
    assert (found.tstart, found.tstop, found.pass_version) == (1000, 2000, "P8R3")
    assert found.cuts == (dss.BitMask("EVENT_CLASS", 128, "P8R3"), dss.GoodTimes())
    assert found.good_time.intervals.tolist() == [[1000, 1300]]
    assert found.column("energy").unit == "MeV"
    assert np.concatenate(list(events.chunks(found, 2)))["NUMBER"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("stated", "cuts", "expected"),
    [
        ("P8R2", (), "P8R2"),
        (None, (dss.BitMask("EVENT_CLASS", 128, "P8R3"),), "P8R3"),
        (None, (), "NONE"),
    ],
)
def test_pass_version(make_events, stated, cuts, expected):
    path = make_events(header={"PASS_VER": stated}, cuts=cuts)
    assert events.describe(path).pass_version == expected


def test_required_columns(make_events):
    path = make_events(leave_out=("RA",))
    assert len(events.describe(path, required=("TIME", "DEC"))) == 5
    with pytest.raises(InputError, match="no column RA in EVENTS"):
        events.describe(path, required=("RA",))


def test_a_file_without_good_time(tmp_path):
    path = tmp_path / "bare.fits"
    header = Header([("TSTART", 0.0, ""), ("TSTOP", 1.0, "")])
    with FitsWriter(path) as writer:
        writer.table("EVENTS", [Column("TIME", np.zeros(1), "s")], header)
    with pytest.raises(InputError, match=r"bare.fits: GTI: no HDU GTI"):
        events.describe(path)


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        (dss.Range("ENERGY", "MeV", 100.0, 1000.0), [1, 2]),
        (dss.Range("ENERGY", "MeV", -np.inf, 100.0), [0]),
        (dss.Range("ENERGY", "MeV", 1000.0, np.inf), [3]),
        (dss.Range("ENERGY", "MeV", 1000.0, 1000.0), [2]),
        (dss.Cone(80.0, 20.0, 5.0), [0, 1]),
        (dss.BitMask("EVENT_CLASS", 1 << 31 | 2, "P8R3"), [1, 2]),
        (dss.BitMask("CONVERSION_TYPE", 1 << 20, "P8R3"), []),
        (dss.GoodTimes(), [0, 1, 3]),
        (dss.Version("IRF_VERSION", "V3"), [0, 1, 2, 3]),
    ],
)
def test_cuts(make_events, cut, expected):
    path = make_events(
        ENERGY=[100.0, 500.0, 1000.0, 1001.0],
        RA=[80.0, 84.0, 90.0, 260.0],
        DEC=[20.0, 20.0, 20.0, -20.0],
        EVENT_CLASS=[1, 2, 1 << 31, 4],
        CONVERSION_TYPE=[0, 1, 1, 1],
        TIME=[1000.0, 1100.0, 1500.0, 2000.0],
        good=[(1000, 1200), (1800, 2000)],
    )
    found = events.describe(path)
    rows = next(events.chunks(found))
    assert np.flatnonzero(events.accept(cut, found, rows)).tolist() == expected


def test_an_element_of_a_vector(tmp_path):
    path = tmp_path / "vector.fits"
    header = Header([("TSTART", 0.0, ""), ("TSTOP", 1.0, "")])
    columns = [
        Column("TIME", np.zeros(3), "s"),
        Column("CALIB_VERSION", np.array([[1, 5], [2, 4], [3, 3]], np.int16)),
    ]
    with FitsWriter(path) as writer:
        writer.table("EVENTS", columns, header)
        gti.write(writer, np.array([[0.0, 1.0]]))
    found = events.describe(path)
    cut = dss.Range("CALIB_VERSION", "", 3.0, 5.0, index=2)
    assert events.accept(cut, found, next(events.chunks(found))).tolist() == [True, True, False]


def test_writing_keeps_what_is_not_replaced(make_events, tmp_path):
    source = events.describe(make_events(header={"OBSERVER": "somebody"}))
    output = tmp_path / "copy.fits"
    intervals = source.good_time.intervals
    pieces = events.chunks(source)
    assert events.write(output, source, pieces, intervals=intervals, tool="test") == 5
    found = events.describe(output)
    assert found.header["OBSERVER"] == "somebody"
    assert found.cuts == source.cuts
    assert found.columns == source.columns
    assert (found.tstart, found.tstop) == (source.tstart, source.tstop)


def test_writing_other_cuts_and_times(make_events, tmp_path):
    source = events.describe(make_events())
    output = tmp_path / "copy.fits"
    cuts = (dss.GoodTimes(),)
    where = {"intervals": gti.EMPTY, "cuts": cuts, "span": (1.0, 2.0), "tool": "test"}
    assert events.write(output, source, [], history=["made by hand"], **where) == 0
    found = events.describe(output)
    assert (found.cuts, found.tstart, found.tstop) == (cuts, 1, 2)
    assert found.header["DATE-END"] == "2001-01-01T00:00:02.0000"
    assert found.header.history() == ["made by hand"]
