"""gtmktime: intervals from rows, their intersection with the events', mistakes."""

from pathlib import Path

import numpy as np
import pytest

from latsky.embedded.gtmktime import make_time
from latsky.embedded.main import main
from latsky.fits import dss, events, gti
from latsky.fits.core import read_table


def run(*arguments: str) -> int:
    return main(["gtmktime", "chatter=0", *arguments])


def good_time(
    evfile: Path, scfile: Path | str, condition: str, *arguments: str
) -> list[list[float]]:
    output = evfile.with_name("filtered.fits")
    status = run(
        f"evfile={evfile}",
        f"scfile={scfile}",
        f"outfile={output}",
        f"filter={condition}",
        *(["roicut=no"] if not any(a.startswith("roicut") for a in arguments) else []),
        *arguments,
    )
    assert status == 0
    return gti.read_file(output).intervals.tolist()


def numbers(evfile: Path) -> list[int]:
    return read_table(evfile.with_name("filtered.fits"), "EVENTS")["NUMBER"].tolist()


def test_runs_of_good_rows_become_intervals(make_events, make_spacecraft):
    path = make_events(TIME=[1050.0, 1150.0, 1250.0, 1600.0, 1601.0, 1950.0])
    quality = [1, 1, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1]
    spacecraft = make_spacecraft(DATA_QUAL=quality)
    # rows are of 100 s from 900 s; the events' own good time is 1000 to 2000 s
    found = good_time(path, spacecraft, "DATA_QUAL>0 && LAT_CONFIG==1")
    assert found == [[1000, 1100], [1200, 1600], [1800, 2000]]
    # both ends of an interval belong to it
    assert numbers(path) == [0, 2, 3, 5]


def test_every_row_good(make_events, make_spacecraft):
    path = make_events(good=[(1000, 1300), (1400, 2000)])
    assert good_time(path, make_spacecraft(), "T") == [[1000, 1300], [1400, 2000]]


def test_default_condition(make_events, make_spacecraft):
    path = make_events()
    rock = np.where(np.arange(12) < 6, 51.9, -52.1)
    output = path.with_name("filtered.fits")
    spacecraft = make_spacecraft(ROCK_ANGLE=rock)
    assert run(f"evfile={path}", f"scfile={spacecraft}", f"outfile={output}") == 0
    assert gti.read_file(output).intervals.tolist() == [[1000, 1500]]


def test_gaps_between_rows_are_not_good(make_events, make_spacecraft):
    assert good_time(make_events(), make_spacecraft(skip=(3, 4)), "T") == [
        [1000, 1200],
        [1400, 2000],
    ]


def test_several_spacecraft_files_in_any_order(make_events, make_spacecraft, tmp_path):
    files = [
        make_spacecraft("late.fits", first=1500, last=2500),
        make_spacecraft("early.fits.gz", first=500, last=1500),
        make_spacecraft("elsewhere.fits", first=9000, last=9500),
    ]
    listing = tmp_path / "sc.txt"
    listing.write_text("\n".join(map(str, files)))
    assert good_time(make_events(), f"@{listing}", "T") == [[1000, 2000]]


def test_an_or_does_not_swallow_the_roi_cut(make_events, make_spacecraft):
    zenith = np.where(np.arange(12) < 5, 80.0, 300.0)
    path = make_events(
        cuts=(
            dss.Cone(80.0, 20.0, 10.0),
            dss.Range("ZENITH_ANGLE", "deg", 0.0, 90.0),
            dss.GoodTimes(),
        )
    )
    spacecraft = make_spacecraft(RA_ZENITH=zenith)
    assert good_time(path, spacecraft, "T || F", "roicut=yes") == [[1000, 1400]]
    assert good_time(path, spacecraft, "T || F", "roicut=no") == [[1000, 2000]]


def test_roi_cut_keeps_the_edge_of_the_cone_within_the_zenith_cut(make_events, make_spacecraft):
    declination = 20 - np.linspace(74.5, 85.5, 12)
    path = make_events(
        cuts=(
            dss.Cone(80.0, 20.0, 10.0),
            dss.Range("ZENITH_ANGLE", "deg", 0.0, 90.0),
            dss.GoodTimes(),
        )
    )
    spacecraft = make_spacecraft(DEC_ZENITH=declination)
    # 90 - 10 = 80 degrees: rows at 74.5 … 79.5 are good
    assert good_time(path, spacecraft, "T", "roicut=yes") == [[1000, 1500]]


def test_roi_cut_without_cone_does_nothing(make_events, make_spacecraft):
    assert good_time(make_events(), make_spacecraft(), "T", "roicut=yes") == [[1000, 2000]]


def test_overwriting_the_good_time(make_events, make_spacecraft):
    path = make_events(good=[(1200, 1300)])
    spacecraft = make_spacecraft()
    assert good_time(path, spacecraft, "T") == [[1200, 1300]]
    assert good_time(path, spacecraft, "T", "overwrite=yes") == [[1000, 2000]]
    times = ("header_obstimes=no", "tstart=1400", "tstop=1650")
    assert good_time(path, spacecraft, "T", "overwrite=yes", *times) == [[1400, 1650]]


def test_no_good_time_is_a_valid_product(make_events, make_spacecraft):
    path = make_events()
    assert good_time(path, make_spacecraft(), "DATA_QUAL>5") == []
    assert numbers(path) == []
    found = events.describe(path.with_name("filtered.fits"))
    assert (found.tstart, found.tstop) == (1000, 2000)
    assert found.good_time.header["ONTIME"] == 0


def test_an_empty_selection_needs_no_spacecraft_data(make_events, make_spacecraft, tmp_path):
    path = make_events()
    empty = tmp_path / "empty.fits"
    times = ("tmin=5000", "tmax=6000", "chatter=0")
    assert main(["gtselect", f"infile={path}", f"outfile={empty}", *times]) == 0
    assert good_time(empty, make_spacecraft(), "T") == []


def test_keywords(make_events, make_spacecraft, tmp_path):
    path = make_events()
    good_time(path, make_spacecraft(), "IN_SAA!=T")
    from astropy.io import fits

    with fits.open(path.with_name("filtered.fits"), checksum=True) as hdus:
        hdus.verify("exception")
        assert hdus[0].header["FILENAME"] == "filtered.fits"
        assert hdus[0].header["CREATOR"].startswith("gtmktime (latsky ")
        assert "Good time where: IN_SAA!=T" in str(hdus["EVENTS"].header["HISTORY"])
        assert str(tmp_path) not in "".join(repr(hdu.header) for hdu in hdus)
    assert events.describe(path.with_name("filtered.fits")).cuts == events.describe(path).cuts


def test_the_function_tells_what_it_did(make_events, make_spacecraft, tmp_path):
    path = make_events(TIME=[1050.0, 1950.0])
    result = make_time(path, [make_spacecraft(skip=(11, 10, 9))], tmp_path / "o.fits", "T")
    assert result[:2] == (1, 2)
    assert result[2].tolist() == [[1000, 1800]]


@pytest.mark.parametrize(
    ("condition", "changes", "words"),
    [
        (
            "DATA_QUALITY>0",
            {},
            ["spacecraft.fits", "filter", "no column DATA_QUALITY", "character 1"],
        ),
        ("DATA_QUAL>", {}, ["filter", "a value is expected"]),
        ("DATA_QUAL", {}, ["filter", "not true or false"]),
        ("T", {"leave_out": ("STOP",)}, ["spacecraft.fits", "STOP", "no column"]),
        ("T", {"units": {"START": "d"}}, ["spacecraft.fits", "START", "'d'"]),
        (
            "T",
            {"first": 5000, "last": 6000},
            ["spacecraft.fits", "1000.0 and 2000.0", "events.fits"],
        ),
    ],
)
def test_mistakes(make_events, make_spacecraft, tmp_path, capfd, condition, changes, words):
    path, spacecraft, output = make_events(), make_spacecraft(**changes), tmp_path / "o.fits"
    status = run(
        f"evfile={path}", f"scfile={spacecraft}", f"outfile={output}", f"filter={condition}"
    )
    assert status == 2
    message = capfd.readouterr().err
    assert message.count("\n") == 1
    assert all(word in message for word in words), message
    assert sorted(p.name for p in tmp_path.iterdir()) == ["events.fits", "spacecraft.fits"]


def test_missing_parameters_are_told_together(capfd):
    assert run() == 2
    message = capfd.readouterr().err
    assert [line.split(":")[2].strip() for line in message.splitlines()] == [
        "scfile",
        "evfile",
        "outfile",
    ]


def test_truncated_spacecraft_file(make_events, make_spacecraft, tmp_path, capfd):
    spacecraft = make_spacecraft(step=0.1)
    spacecraft.write_bytes(spacecraft.read_bytes()[:100_000])
    output = tmp_path / "o.fits"
    status = run(f"evfile={make_events()}", f"scfile={spacecraft}", f"outfile={output}", "filter=T")
    assert status == 2
    assert "spacecraft.fits: SC_DATA: truncated" in capfd.readouterr().err
    assert not output.exists()
