"""match-spacecraft: rows of several files in order, each moment once, good time covered."""

import numpy as np
import pytest

from latsky.errors import InputErrors
from latsky.fits import spacecraft
from latsky.fits.core import read_header, read_table
from latsky.steps.main import main
from latsky.steps.match_spacecraft import match


def rows_of(path):
    table = read_table(path, "SC_DATA")
    return np.column_stack([table["START"], table["STOP"], table["LIVETIME"]])


@pytest.fixture
def output(tmp_path):
    return tmp_path / "matched.fits"


def test_only_rows_that_share_time(make_events, make_spacecraft, output):
    source = make_spacecraft(first=0, last=5000)
    report = match([make_events(span=(1050, 2000))], [source], output)
    assert report.rows == 10
    assert rows_of(output)[:, 0].tolist() == list(range(1000, 2000, 100))
    before = read_table(source, "SC_DATA")
    after = read_table(output, "SC_DATA")
    assert after.rows.tobytes() == before.rows[10:20].tobytes()
    assert after.columns == before.columns
    header = read_header(output)
    assert (header["TSTART"], header["TSTOP"], header["FILENAME"]) == (1050, 2000, "matched.fits")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_seams_of_files(make_events, make_spacecraft, output, order, suffix):
    whole = make_spacecraft("whole.fits", first=0, last=4000)
    # rows around 1500 and 2000 s are in two files
    limits = [(0, 1600), (1500, 2100), (1900, 4000)]
    parts = [
        make_spacecraft(f"{n}.fits{suffix}", first=first, last=last)
        for n, (first, last) in enumerate(limits)
    ]
    report = match([make_events(span=(1000, 3000))], [parts[n] for n in order], output)
    assert report.repeated == 3
    assert report.shortened == 0
    assert (rows_of(output) == rows_of(whole)[10:30]).all()


def test_a_file_given_twice(make_events, make_spacecraft, output):
    source = make_spacecraft()
    match([make_events()], [source, source], output)
    assert (rows_of(output) == rows_of(source)[1:11]).all()


def test_rows_that_overlap_in_part(make_events, make_spacecraft, output):
    one = make_spacecraft("one.fits", first=900, last=1500)
    two = make_spacecraft("two.fits", first=1425, last=2125)
    report = match([make_events()], [two, one], output)
    assert report.shortened == 1
    rows = rows_of(output)
    assert (rows[1:, 0] == rows[:-1, 1]).all()
    # the row from 1400 s ends at 1425 s, with a quarter of its livetime
    assert rows[4].tolist() == [1400, 1425, 22.5]


def test_a_file_that_fills_a_gap(make_events, make_spacecraft, output):
    one = make_spacecraft("one.fits", skip=(4, 5))
    two = make_spacecraft("two.fits", first=1300, last=1500)
    match([make_events()], [one, two], output, longest_gap=0)
    assert rows_of(output)[:, 0].tolist() == list(range(1000, 2000, 100))


def test_pieces_do_not_matter(make_events, make_spacecraft, output, monkeypatch):
    parts = [
        make_spacecraft(f"{n}.fits", first=600 * n, last=600 * n + 900, step=10) for n in range(5)
    ]
    source = make_events()
    match([source], parts, output)
    expected = rows_of(output)
    assert len(expected) == 100
    for size in (1, 2, 7):
        monkeypatch.setattr(spacecraft.chunks, "__defaults__", (size, -np.inf))
        match([source], parts, output)
        assert (rows_of(output) == expected).all()


def test_other_columns_are_put_in_the_layout_of_the_first(
    make_events, make_spacecraft, output, capfd
):
    one = make_spacecraft("one.fits", first=900, last=1500, leave_out=("IN_SAA",))
    two = make_spacecraft("two.fits", first=1500, last=2100)
    match([make_events()], [one, two], output)
    assert len(rows_of(output)) == 10
    assert "IN_SAA" not in read_table(output, "SC_DATA")
    # the other way about a column is missing
    one = make_spacecraft("one.fits", first=900, last=1500)
    two = make_spacecraft("two.fits", first=1500, last=2100, leave_out=("IN_SAA",))
    assert call(make_events(), [one, two], output) == 2
    assert "two.fits: IN_SAA: no column" in capfd.readouterr().err


def call(events, files, output, *more):
    options = ["--events", str(events), "--spacecraft", *map(str, files), "--output", str(output)]
    return main(["match-spacecraft", *options, *more])


def test_command(make_events, make_spacecraft, output, tmp_path, capfd):
    source = make_spacecraft(skip=(5, 6))
    listing = tmp_path / "sc.txt"
    listing.write_text(f"{source}\n{source}\n")
    assert call(make_events(), [f"@{listing}"], output) == 0
    out, err = capfd.readouterr()
    assert out.splitlines() == ["8 rows, 800 s", "10 repeated rows dropped, 0 cut short"]
    assert err == "200 s of good time without rows (gaps: 1)\n"


@pytest.mark.parametrize(
    ("changes", "more", "interval"),
    [
        ({"first": 1100}, [], "1000.0 to 1100.0 s"),
        ({"last": 1500}, [], "1500.0 to 2000.0 s"),
        ({"skip": (5, 6)}, ["--longest-gap", "100"], "1400.0 to 1600.0 s"),
        ({"first": 5000, "last": 6000}, [], "1000.0 to 2000.0 s"),
        ({"first": 100000, "last": 101000}, [], "1000.0 to 2000.0 s"),
    ],
)
def test_good_time_without_rows(
    make_events, make_spacecraft, output, tmp_path, capfd, changes, more, interval
):
    assert call(make_events(), [make_spacecraft(**changes)], output, *more) == 2
    message = capfd.readouterr().err
    assert "events.fits: spacecraft: " in message
    assert interval in message
    assert sorted(p.name for p in tmp_path.iterdir()) == ["events.fits", "spacecraft.fits"]


def test_every_event_file_without_cover_is_named(make_events, make_spacecraft, output):
    files = [make_events(f"{n}.fits", span=(1000 * n, 1000 * n + 1000)) for n in (1, 2, 3)]
    with pytest.raises(InputErrors) as caught:
        match(files, [make_spacecraft(last=1900)], output)
    assert [problem.file.name for problem in caught.value.problems] == [
        "1.fits",
        "2.fits",
        "3.fits",
    ]


def test_a_pause_at_the_edge_of_the_events_is_no_error(make_events, make_spacecraft, output):
    # rows on both sides of the pause are there, though one side belongs to another batch
    report = match([make_events()], [make_spacecraft(first=0, last=3000, skip=(10, 11))], output)
    assert report.rows == 8
    assert report.gaps.tolist() == [[1000, 1200]]


def test_rows_out_of_order(make_events, make_spacecraft, output, capfd):
    start = np.arange(900.0, 2100.0, 100.0)
    start[[3, 4]] = start[[4, 3]]
    assert call(make_events(), [make_spacecraft(START=start, STOP=start + 100)], output) == 2
    assert "spacecraft.fits: START: rows are not in order" in capfd.readouterr().err
    assert not output.exists()


def test_the_same_bytes_again(make_events, make_spacecraft, tmp_path):
    source, pointing = make_events(), make_spacecraft()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        match([source], [pointing], tmp_path / name / "sc.fits")
    one, two = ((tmp_path / name / "sc.fits").read_bytes() for name in ("a", "b"))
    assert one == two
