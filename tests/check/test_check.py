"""latsky check: one message for each bad input, all of them in one go, in little time."""

import time

import numpy as np
import pytest

from latsky.check import check_analysis
from latsky.cli import main
from latsky.fits.core import Column, FitsWriter, Header

START = 400_000_000.0
DAY = 86_400.0
DSS = (
    ("BIT_MASK(EVENT_CLASS,128,P8R3)", "DIMENSIONLESS", "1:1", ""),
    ("BIT_MASK(EVENT_TYPE,3,P8R3)", "DIMENSIONLESS", "1:1", ""),
    ("TIME", "s", "TABLE", ":GTI"),
    ("ENERGY", "MeV", "30:1000000", ""),
    ("ZENITH_ANGLE", "deg", "0:180", ""),
)
BINNING = """\
E0: {log_emin: 2, log_emax: 3, enumbins: 4, zmax: 90, psf_types: {PSF3: {hpx_order: 4}}}
E1: {log_emin: 3, log_emax: 5, enumbins: 4, zmax: 105, psf_types: {PSF3: {hpx_order: 4}}}
"""
DATASET = "{data_ver: P305, evclass: source, data_time: days, irf_ver: V3}\n"
MASTER = "comp: b.yaml\ndata: d.yaml\nft1file: ['ft1_*.fits']\nft2file: ft2.fits\n"


def write_events(
    path, start=START, stop=START + DAY, *, cuts=DSS, bits=0x80, rows=50, units=(), leave_out=()
):
    header = Header([("TSTART", start, ""), ("TSTOP", stop, ""), ("PASS_VER", "P8R3", "")])
    for number, (kind, unit, value, table) in enumerate(cuts, 1):
        header.set(f"DSTYP{number}", kind)
        header.set(f"DSUNI{number}", unit)
        header.set(f"DSVAL{number}", value)
        if table:
            header.set(f"DSREF{number}", table)
    header.set("NDSKEYS", len(cuts))
    unit = {"ENERGY": "MeV", "TIME": "s", **dict.fromkeys(("RA", "DEC", "L", "B"), "deg")}
    unit = unit | {"ZENITH_ANGLE": "deg"} | dict(units)
    columns = [
        Column(name, np.full(rows, 200.0, "f4" if name != "TIME" else "f8"), unit[name])
        for name in ("ENERGY", "RA", "DEC", "L", "B", "ZENITH_ANGLE", "TIME")
        if name not in leave_out
    ]
    columns.append(Column("EVENT_CLASS", np.full(rows, bits, "u4")))
    columns.append(Column("EVENT_TYPE", np.full(rows, 0x20, "u4")))
    with FitsWriter(path) as file:
        file.table("EVENTS", columns, header)
        gti = [Column("START", np.array([start]), "s"), Column("STOP", np.array([stop]), "s")]
        file.table("GTI", gti, Header([("TSTART", start, ""), ("TSTOP", stop, "")]))


def write_spacecraft(path, start=START - 60, stop=START + 3 * DAY, leave_out=()):
    names = ("START", "STOP", "LIVETIME", "RA_SCZ", "DEC_SCZ", "RA_ZENITH", "DEC_ZENITH")
    columns = [
        Column(name, np.zeros(2), "s" if name in names[:3] else "deg")
        for name in names
        if name not in leave_out
    ]
    columns += [Column(name, np.ones(2, "i2")) for name in ("DATA_QUAL", "LAT_CONFIG")]
    with FitsWriter(path) as file:
        file.table("SC_DATA", columns, Header([("TSTART", start, ""), ("TSTOP", stop, "")]))


@pytest.fixture
def week(tmp_path, monkeypatch):
    """A correct analysis of three days."""
    monkeypatch.delenv("CALDB", raising=False)
    for day in range(3):
        write_events(tmp_path / f"ft1_{day}.fits", START + day * DAY, START + (day + 1) * DAY)
    write_spacecraft(tmp_path / "ft2.fits")
    (tmp_path / "b.yaml").write_text(BINNING)
    (tmp_path / "d.yaml").write_text(DATASET)
    (tmp_path / "a.yaml").write_text(MASTER)
    return tmp_path


def found(week):
    report = check_analysis(week / "a.yaml")
    return [str(problem).replace(f"{week}/", "") for problem in report.problems]


def test_nothing_wrong(week, capsys):
    assert main(["check", str(week / "a.yaml")]) == 0
    shown = capsys.readouterr()
    assert "2 components, 3 event files, 1 spacecraft file: nothing wrong found" in shown.out
    warnings = shown.err.splitlines()
    assert len(warnings) == 2
    assert "no time filter is applied to E0_PSF3, E1_PSF3" in warnings[0]
    assert "response functions are not checked" in warnings[1]


def test_filter_silences_the_warning(week):
    (week / "b.yaml").write_text(BINNING.replace("zmax", "mktimefilters: standard, zmax"))
    assert [
        str(w) for w in check_analysis(week / "a.yaml").warnings if "no time filter" in str(w)
    ] == []


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("DATA_QUAL>0 && ROCK_ANGEL<52", "ROCK_ANGEL"),
        ("(DATA_QUAL>0", "DATA_QUAL>0"),
        ("DATA_QUAL+1", "is not true or false"),
    ],
)
def test_filter_that_cannot_be_evaluated(week, expression, message):
    (week / "config").mkdir()
    (week / "config/mktime_filters.yaml").write_text(
        f"selections:\n  good: '{expression}'\n  unused: '((('\n"
    )
    (week / "b.yaml").write_text(BINNING.replace("zmax", "mktimefilters: good, zmax"))
    assert len(found(week)) == 1
    assert found(week)[0].startswith("config/mktime_filters.yaml:2: selections.good: ")
    assert message in found(week)[0]


def test_spacecraft_data_end_early(week):
    write_spacecraft(week / "ft2.fits", stop=START + 2.5 * DAY)
    assert found(week) == [
        "ft1_2.fits: ft1file: 43200 s of good time are not covered by spacecraft data, "
        f"first at MET {START + 2.5 * DAY:.0f}"
    ]


def test_spacecraft_data_in_two_files_with_a_gap(week):
    """A gap may be as long as match-spacecraft allows, one hour; at the ends there may be none."""
    (week / "a.yaml").write_text(MASTER.replace("ft2.fits", "[ft2.fits, more.fits]"))
    write_spacecraft(week / "ft2.fits", stop=START + DAY)
    write_spacecraft(week / "more.fits", START + DAY + 3500, START + 3 * DAY)
    assert found(week) == []
    write_spacecraft(week / "more.fits", START + DAY + 3700, START + 3 * DAY)
    assert found(week) == [
        "ft1_1.fits: ft1file: 3700 s of good time are not covered by spacecraft data, "
        f"first at MET {START + DAY:.0f}"
    ]
    write_spacecraft(week / "more.fits", START + DAY, START + 3 * DAY - 10)
    assert found(week) == [
        "ft1_2.fits: ft1file: 10 s of good time are not covered by spacecraft data, "
        f"first at MET {START + 3 * DAY - 10:.0f}"
    ]


def test_overlapping_event_files(week):
    write_events(week / "ft1_1.fits", START + DAY - 100, START + 2 * DAY)
    assert found(week) == ["ft1_1.fits: ft1file: overlaps ft1_0.fits: 100 s are in both"]


@pytest.mark.parametrize(
    ("number", "value", "message"),
    [
        (
            0,
            ("BIT_MASK(EVENT_CLASS,256,P8R3)", "DIMENSIONLESS", "1:1", ""),
            "event class source (128) is absent: the file was selected with class mask 256",
        ),
        (
            1,
            ("BIT_MASK(EVENT_TYPE,16,P8R3)", "DIMENSIONLESS", "1:1", ""),
            "event types PSF3 are not all there: the file was selected with type mask 16",
        ),
        (3, ("ENERGY", "MeV", "300:1000000", ""), "begins at 300 MeV, 100 MeV is needed"),
        (3, ("ENERGY", "MeV", "30:2000", ""), "ends at 2000 MeV, 100000 MeV is needed"),
        (
            4,
            ("ZENITH_ANGLE", "deg", "0:100", ""),
            "holds zenith angles to 100 deg, 105 deg is needed",
        ),
    ],
)
def test_selection_of_the_file_is_too_narrow(week, number, value, message):
    write_events(week / "ft1_0.fits", cuts=[*DSS[:number], value, *DSS[number + 1 :]])
    problems = found(week)
    assert len(problems) == 1
    assert problems[0].startswith(f"ft1_0.fits: ft1file: {message} (component E")


def test_class_bits(week):
    write_events(week / "ft1_0.fits", bits=0x40)
    assert found(week) == [
        "ft1_0.fits: ft1file: event class source (128) is absent: none of the first 50 events has "
        "its bit (component E0_PSF3)"
    ]
    write_events(week / "ft1_0.fits", rows=0)
    assert found(week) == []


def test_sky_region_is_a_warning(week):
    cone = ("POS(RA,DEC)", "deg", "CIRCLE(83.6,22.0,15)", "")
    write_events(week / "ft1_0.fits", cuts=[*DSS, cone])
    assert found(week) == []
    warnings = [str(w) for w in check_analysis(week / "a.yaml").warnings]
    assert any("holds events within 15 deg of RA 83.6" in text for text in warnings)


def test_other_reconstruction(week):
    (week / "d.yaml").write_text(DATASET.replace("P305", "P302"))
    assert len(found(week)) == 3
    assert "holds P8R3 events, but the response is P8R2_SOURCE_V3" in found(week)[0]


def test_time_range_without_events(week):
    (week / "b.yaml").write_text(BINNING.replace("zmax: 90", f"zmax: 90, tmin: {START + 5 * DAY}"))
    assert found(week) == [
        f"b.yaml:1: E0.tmin: {START + 5 * DAY:.0f} is outside of the event files, "
        f"MET {START:.0f} to {START + 3 * DAY:.0f}"
    ]


def test_components_that_share_events_are_a_warning(week):
    text = BINNING.replace(
        "PSF3: {hpx_order: 4}}}\nE1", "PSF3: {hpx_order: 4}, PSF23: {hpx_order: 4}}}\nE1"
    )
    (week / "b.yaml").write_text(text)
    warnings = [str(w) for w in check_analysis(week / "a.yaml").warnings]
    assert any("E0_PSF23 and E0_PSF3 share events (100 to 1000 MeV)" in text for text in warnings)


def test_bad_files_each_named(week):
    write_events(week / "ft1_0.fits", leave_out=("ZENITH_ANGLE",), units=[("ENERGY", "GeV")])
    write_spacecraft(week / "ft1_1.fits")
    data = (week / "ft1_2.fits").read_bytes()
    (week / "ft1_2.fits").write_bytes(data[:9000])
    (week / "ft1_3.fits").write_text("no FITS file at all")
    write_events(week / "ft2.fits")
    problems = found(week)
    assert [text.partition(":")[0] for text in problems] == [
        *("ft1_0.fits", "ft1_0.fits", "ft1_1.fits", "ft1_2.fits", "ft1_3.fits", "ft2.fits")
    ]
    assert problems[0] == "ft1_0.fits: ENERGY: unit 'GeV' where MeV is expected"
    assert problems[1].startswith("ft1_0.fits: ZENITH_ANGLE: no column ZENITH_ANGLE")
    assert "SC_DATA" in problems[5]


def test_yaml_and_data_problems_together(week, capsys):
    (week / "a.yaml").write_text(MASTER + "catalog_nsc: 5\n")
    (week / "b.yaml").write_text(BINNING.replace("zmax: 90", "zmx: 90"))
    write_events(week / "ft1_1.fits", START + DAY - 100, START + 2 * DAY)
    write_spacecraft(week / "ft2.fits", stop=START + 2.5 * DAY)
    assert main(["check", str(week / "a.yaml")]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if ": error: " in line]
    assert len(lines) == 5
    for part in ("a.yaml:5: catalog_nsc", "E0.zmax", "E0.zmx", "overlaps", "not covered"):
        assert sum(part in line for line in lines) == 1, part


@pytest.mark.reference
def test_responses(week, caldb):
    (week / "a.yaml").write_text(f"{MASTER}caldb: {caldb}\n")
    assert found(week) == []
    (week / "b.yaml").write_text(BINNING.replace("log_emin: 2", "log_emin: 0.5"))
    assert any(
        "3.16228 to 1000 MeV is not within the energies of P8R3_SOURCE_V3" in t for t in found(week)
    )
    (week / "b.yaml").write_text(BINNING)
    (week / "d.yaml").write_text(DATASET.replace("V3", "V9"))
    assert len(found(week)) == 1
    assert found(week)[0].startswith(
        "d.yaml:1: irf_ver: no IRFs named 'P8R3_SOURCE_V9'; available: "
    )


def test_many_large_files_take_seconds(week):
    for day in range(3, 96):
        write_events(
            week / f"ft1_{day:02d}.fits", START + day * DAY, START + (day + 1) * DAY, rows=20_000
        )
    write_spacecraft(week / "ft2.fits", stop=START + 96 * DAY)
    begun = time.process_time()
    assert found(week) == []
    assert time.process_time() - begun < 3


@pytest.mark.reference
def test_week_is_right(reference, caldb, tmp_path):
    (tmp_path / "d.yaml").write_text(DATASET)
    (tmp_path / "a.yaml").write_text(
        f"comp: {reference}/week/config/binning.yaml\ndata: d.yaml\ncaldb: {caldb}\n"
        f"ft1file: {reference}/week/events/week_ft1_?.fits.gz\n"
        f"ft2file: {reference}/week/events/lat_spacecraft_weekly_w323_p202_v001.fits.gz\n"
    )
    report = check_analysis(tmp_path / "a.yaml")
    assert report.problems == []
    assert len(report.analysis.event_files) == 3
