"""Mission time, calendar dates and the keywords that hold them.

LAT files count seconds of Terrestrial Time since 2001-01-01 00:00:00 UTC ("mission elapsed time",
MET); MJDREFI + MJDREFF is that instant as a TT Julian date. UTC falls behind by the leap seconds
introduced since. All products take their dates from the observation, so that the same inputs
give the same bytes.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from latsky import __version__
from latsky.errors import InputError
from latsky.fits.core import Header

MJDREFI = 51910.0
MJDREFF = 0.00074287037037037
"""MJD (TT) of MET 0, integer and fraction, as LAT files write it: 64.184 s past midnight"""

EPOCH = datetime(2001, 1, 1, tzinfo=UTC)

_LEAP_DAYS = (
    datetime(2006, 1, 1, tzinfo=UTC),
    datetime(2009, 1, 1, tzinfo=UTC),
    datetime(2012, 7, 1, tzinfo=UTC),
    datetime(2015, 7, 1, tzinfo=UTC),
    datetime(2017, 1, 1, tzinfo=UTC),
)
"""days that a leap second precedes, since the epoch (IERS Bulletin C; none since 2017)"""


def _leap_starts() -> tuple[float, ...]:
    """MET at which each of those days begins."""
    return tuple((day - EPOCH).total_seconds() + number for number, day in enumerate(_LEAP_DAYS, 1))


def to_datetime(met: float) -> datetime:
    """UTC of a mission elapsed time in seconds; within a leap second the next day's first."""
    leaps = sum(met >= start for start in _leap_starts())
    return EPOCH + timedelta(seconds=met - leaps)


def to_utc(met: float) -> str:
    """UTC of a mission elapsed time as ``YYYY-MM-DDThh:mm:ss.ssss`` (rounded to 1e-4 s)."""
    moment = to_datetime(round(met, 4))
    fraction = round(moment.microsecond / 100)
    if fraction == 10000:
        moment, fraction = moment.replace(microsecond=0) + timedelta(seconds=1), 0
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction:04d}"


def from_utc(text: str) -> float:
    """Mission elapsed time, in seconds, of an ISO 8601 date in UTC.

    Raises InputError when the text is no date.
    """
    try:
        moment = datetime.fromisoformat(text.strip().removesuffix("Z"))
    except ValueError:
        raise InputError(f"{text!r} is not a date (YYYY-MM-DDThh:mm:ss)") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return (moment - EPOCH).total_seconds() + sum(moment >= day for day in _LEAP_DAYS)


def to_mjd(met: float) -> float:
    """Modified Julian date (TT) of a mission elapsed time."""
    return MJDREFI + MJDREFF + met / 86400.0


def creator(tool: str) -> str:
    """Value of CREATOR: the tool and the version of the suite."""
    return f"{tool} (latsky {__version__})"


def creation_date(observation_end: float | None) -> str:
    """Value of DATE: SOURCE_DATE_EPOCH if set, else the end of the observation (MET, s).

    Without either it is the mission's epoch. Raises InputError when SOURCE_DATE_EPOCH is no number.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "").strip()
    if epoch:
        try:
            return f"{datetime.fromtimestamp(int(epoch), UTC):%Y-%m-%dT%H:%M:%S}"
        except (ValueError, OverflowError, OSError):
            raise InputError(f"{epoch!r} is not a Unix time", key="SOURCE_DATE_EPOCH") from None
    return to_utc(0.0 if observation_end is None else observation_end)


def date_keywords(header: Header, tstart: float, tstop: float) -> Header:
    """Set DATE, DATE-OBS, DATE-END, TSTART, TSTOP and the time system's keywords in ``header``.

    ``tstart`` and ``tstop`` are MET in seconds. Cards already there keep their place and comment.
    Returns ``header``.
    """

    def put(key: str, value: object, comment: str) -> None:
        header.set(key, value, None if key in header else comment)

    put("DATE", creation_date(tstop), "date of the product (end of observation)")
    put("DATE-OBS", to_utc(tstart), "start date and time of the observation (UTC)")
    put("DATE-END", to_utc(tstop), "end date and time of the observation (UTC)")
    put("TSTART", float(tstart), "mission time of the start of the observation")
    put("TSTOP", float(tstop), "mission time of the end of the observation")
    put("MJDREFI", MJDREFI, "integer part of MJD of mission time 0")
    put("MJDREFF", MJDREFF, "fractional part of MJD of mission time 0")
    put("TIMEUNIT", "s", "units for the time related keywords")
    put("TIMEZERO", 0.0, "clock correction")
    put("TIMESYS", "TT", "type of time system that is used")
    put("TIMEREF", "LOCAL", "reference frame used for times")
    return header
