"""Fixtures that all tests share."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from latsky.fits import dates, dss, gti
from latsky.fits.core import Column, FitsWriter, Header

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def reference() -> Path:
    """Directory of the reference data, or a skip with the reason."""
    place = Path(os.environ.get("LATSKY_REFERENCE", ROOT.parent / "shared" / "reference"))
    if not (place / "week").is_dir():
        pytest.skip(f"reference data absent: {place} (set LATSKY_REFERENCE)")
    return place


@pytest.fixture(scope="session")
def caldb(reference: Path) -> Path:
    """The CALDB tree of the reference data."""
    return reference / "caldb"


@pytest.fixture
def make_events(tmp_path: Path) -> Callable[..., Path]:
    """Writes an event file: ``make_events("a.fits", TIME=[…], ENERGY=[…], …)``.

    Columns not given hold plain values; ``leave_out`` names columns to omit, ``units`` replaces
    units, ``good`` are the good time intervals, ``cuts`` the selection, ``header`` more keywords.
    """

    def make(
        name: str = "events.fits",
        *,
        span: tuple[float, float] = (1000.0, 2000.0),
        good: list[tuple[float, float]] | None = None,
        cuts: tuple[dss.Cut, ...] = (
            dss.BitMask("EVENT_CLASS", 128, "P8R3"),
            dss.GoodTimes(),
        ),
        leave_out: tuple[str, ...] = (),
        units: dict[str, str] | None = None,
        header: dict[str, object] | None = None,
        **given: object,
    ) -> Path:
        count = max([len(values) for values in given.values()], default=5)  # type: ignore[arg-type]
        units = units or {}
        plain = {
            "ENERGY": ("f4", "MeV", np.full(count, 1000.0)),
            "RA": ("f4", "deg", np.full(count, 80.0)),
            "DEC": ("f4", "deg", np.full(count, 20.0)),
            "ZENITH_ANGLE": ("f4", "deg", np.full(count, 30.0)),
            "TIME": ("f8", "s", np.linspace(*span, count + 2)[1:-1]),
            "EVENT_CLASS": ("u4", "", np.full(count, 128)),
            "EVENT_TYPE": ("u4", "", np.full(count, 32 | 1)),
            "CONVERSION_TYPE": ("i2", "", np.zeros(count)),
            "NUMBER": ("i4", "", np.arange(count)),
        }
        columns = [
            Column(key, np.asarray(given.pop(key, values), kind), units.get(key, unit))
            for key, (kind, unit, values) in plain.items()
            if key not in leave_out
        ]
        assert not given, f"no such column: {sorted(given)}"
        table = Header([("PASS_VER", "P8R3", ""), ("TELESCOP", "GLAST", "")])
        dates.date_keywords(table, *span)
        for key, value in (header or {}).items():
            if value is None:
                table.remove(key)
            else:
                table.set(key, value)
        dss.write(table, cuts)
        path = tmp_path / name
        with FitsWriter(path) as writer:
            writer.primary(dates.date_keywords(Header([("CREATOR", "test", "")]), *span))
            writer.table("EVENTS", columns, table)
            gti.write(writer, gti.normalise(good or [span]))
        return path

    return make


@pytest.fixture
def make_spacecraft(tmp_path: Path) -> Callable[..., Path]:
    """Writes a spacecraft file of rows of ``step`` seconds from ``first`` to ``last``.

    ``DATA_QUAL=[…]`` and so on replace columns; ``skip`` drops rows by number.
    """

    def make(
        name: str = "spacecraft.fits",
        *,
        first: float = 900.0,
        last: float = 2100.0,
        step: float = 100.0,
        skip: tuple[int, ...] = (),
        leave_out: tuple[str, ...] = (),
        units: dict[str, str] | None = None,
        **given: object,
    ) -> Path:
        start = np.arange(first, last, step)
        count = len(start)
        plain = {
            "START": start,
            "STOP": np.minimum(start + step, last),
            "RA_ZENITH": np.full(count, 80.0, "f4"),
            "DEC_ZENITH": np.full(count, 20.0, "f4"),
            "ROCK_ANGLE": np.full(count, 50.0, "f4"),
            "LAT_CONFIG": np.ones(count, "u1"),
            "DATA_QUAL": np.ones(count, "i2"),
            "IN_SAA": np.zeros(count, bool),
            "LIVETIME": np.full(count, 0.9 * step),
        }
        plain |= {key: np.asarray(values, plain[key].dtype) for key, values in given.items()}
        keep = np.setdiff1d(np.arange(count), skip)
        unit = {"START": "s", "STOP": "s", "LIVETIME": "s"} | (units or {})
        path = tmp_path / name
        header = dates.date_keywords(Header(), first, last)
        with FitsWriter(path) as writer:
            writer.primary(header)
            writer.table(
                "SC_DATA",
                [
                    Column(key, values[keep], unit.get(key, ""))
                    for key, values in plain.items()
                    if key not in leave_out
                ],
                header,
            )
        return path

    return make


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Fail a test that was skipped although LATSKY_REQUIRE names its marker or fixture.

    LATSKY_REQUIRE is a comma-separated list, e.g. ``reference,engine``.
    """
    report = yield
    required = {word for word in os.environ.get("LATSKY_REQUIRE", "").split(",") if word}
    names = {marker.name for marker in item.iter_markers()} | set(item.fixturenames)
    if report.skipped and not hasattr(report, "wasxfail") and required & names:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: required by LATSKY_REQUIRE, but {reason}"
    return report
