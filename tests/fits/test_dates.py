"""Mission time against astropy, and deterministic dates."""

import pytest

from latsky.errors import InputError
from latsky.fits import dates
from latsky.fits.core import Header

# first second of the mission, days around every leap second, and later dates
TIMES = [0.0, 157766399.0, 157766401.0, 252460800.5, 252460802.0, 362793603.0, 457401604.0]
TIMES += [504921605.0, 538032601.0, 429066903.0, 700000000.1234]


@pytest.mark.parametrize("met", TIMES)
def test_utc_is_that_of_astropy(met):
    from astropy.time import Time, TimeDelta

    epoch = Time("2001-01-01T00:00:00", scale="utc")
    moment = epoch + TimeDelta(met, format="sec", scale="tai")
    moment.precision = 4
    assert dates.to_utc(met) == moment.utc.isot
    assert dates.to_mjd(met) == pytest.approx(moment.tt.mjd, abs=1e-9)
    assert dates.from_utc(moment.utc.isot) == pytest.approx(met, abs=1e-4)


def test_dates_of_the_archive():
    assert dates.to_utc(429066903.0) == "2014-08-07T01:15:00.0000"
    assert dates.to_utc(239557702.597728) == "2008-08-04T15:48:21.5977"


def test_rounding_goes_over_the_second():
    assert dates.to_utc(59.99997) == "2001-01-01T00:01:00.0000"


@pytest.mark.parametrize("text", ["2014-08-07", "2014-08-07T00:00:00Z", "2014-08-07T02:00+02:00"])
def test_dates_are_read_in_several_forms(text):
    assert dates.from_utc(text) == 429062403.0


def test_no_date():
    with pytest.raises(InputError, match="is not a date"):
        dates.from_utc("yesterday")


def test_keywords_come_from_the_observation(monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    header = Header([("TSTART", 1.0, "kept"), ("X", 1, "")])
    assert dates.date_keywords(header, 429066903.0, 429268403.0) is header
    assert header["DATE"] == header["DATE-END"] == "2014-08-09T09:13:20.0000"
    assert header["DATE-OBS"] == "2014-08-07T01:15:00.0000"
    assert (header["TSTART"], header["TSTOP"]) == (429066903.0, 429268403.0)
    assert header.comment("TSTART") == "kept"
    assert header["TIMESYS"] == "TT"
    assert [card[0] for card in header.cards[:2]] == ["TSTART", "X"]


def test_the_creation_date_can_be_set(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert dates.creation_date(429268403.0) == "2023-11-14T22:13:20"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    with pytest.raises(InputError, match="SOURCE_DATE_EPOCH"):
        dates.creation_date(0.0)


def test_creator_names_tool_and_version():
    from latsky import __version__

    assert dates.creator("gtbin") == f"gtbin (latsky {__version__})"
