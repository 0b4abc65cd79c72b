"""gtselect: boundaries, headers, several files, mistakes."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from latsky.embedded.main import main
from latsky.fits import dss, events, gti
from latsky.fits.core import FitsFile, read_table


def run(*arguments: str) -> int:
    return main(["gtselect", "chatter=0", *arguments])


def select(infile: Path | str, outfile: Path, *arguments: str) -> list[int]:
    """Numbers of the events kept."""
    status = run(f"infile={infile}", f"outfile={outfile}", "emin=INDEF", "emax=INDEF", *arguments)
    assert status == 0
    return read_table(outfile, "EVENTS")["NUMBER"].tolist()


@pytest.fixture
def output(tmp_path):
    return tmp_path / "selected.fits"


def untouched(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_range_is_open_below_and_closed_above(make_events, output):
    energy = [99.99, 100.0, 100.01, 1000.0, 1000.1]
    path = make_events(ENERGY=energy)
    assert run(f"infile={path}", f"outfile={output}", "emin=100", "emax=1000") == 0
    table = read_table(output, "EVENTS")
    assert table["ENERGY"].tolist() == pytest.approx([100.01, 1000.0])
    assert dss.find_range(dss.read(table.header), "ENERGY") == (100.0, 1000.0)


def test_limits_are_compared_in_double_precision(make_events, output):
    # the single-precision number nearest to 51.9 lies above it: it passes emin, not emax
    nearest = np.float32(51.9)
    assert float(nearest) > 51.9
    energy = [np.nextafter(nearest, np.float32(0)), nearest, np.nextafter(nearest, np.float32(99))]
    path = make_events(ENERGY=energy)
    assert run(f"infile={path}", f"outfile={output}", "emin=51.9", "emax=1e6") == 0
    assert read_table(output, "EVENTS")["NUMBER"].tolist() == [1, 2]
    assert run(f"infile={path}", f"outfile={output}", "emin=1", "emax=51.9") == 0
    assert read_table(output, "EVENTS")["NUMBER"].tolist() == [0]


def test_default_energies_are_those_of_the_parameter_file(make_events, output):
    path = make_events(ENERGY=[30.0, 30.1, 299999.0, 300001.0])
    assert run(f"infile={path}", f"outfile={output}") == 0
    assert read_table(output, "EVENTS")["NUMBER"].tolist() == [1, 2]


def test_zenith(make_events, output):
    path = make_events(ZENITH_ANGLE=[0.0, 0.1, 89.9, 90.0, 90.1])
    assert select(path, output, "zmax=90") == [1, 2, 3]
    # the whole range is no cut: an event at 0 stays
    assert select(path, output, "zmin=0", "zmax=180") == [0, 1, 2, 3, 4]
    assert select(path, output, "zmin=0.5", "zmax=180") == [2, 3, 4]


def test_times_restrict_the_good_time(make_events, output):
    path = make_events(
        TIME=[1100.0, 1200.0, 1300.0, 1400.0, 1500.0], good=[(1000, 1350), (1390, 2000)]
    )
    assert select(path, output, "tmin=1200", "tmax=1400") == [2, 3]
    found = events.describe(output)
    assert found.good_time.intervals.tolist() == [[1200, 1350], [1390, 1400]]
    assert found.good_time.header["ONTIME"] == 160
    assert (found.tstart, found.tstop) == (1200, 1400)
    assert (found.primary["TSTART"], found.good_time.header["TSTOP"]) == (1200, 1400)
    # the range is part of the good time, not a cut
    assert found.cuts == (dss.BitMask("EVENT_CLASS", 128, "P8R3"), dss.GoodTimes())


def test_events_outside_good_time_go(make_events, output):
    path = make_events(
        TIME=[1100.0, 1200.0, 1201.0, 1500.0, 1600.0], good=[(1000, 1200), (1500, 1550)]
    )
    assert select(path, output) == [0, 1, 3]


def test_cone_against_astropy(make_events, output):
    from astropy.coordinates import SkyCoord

    rng = np.random.default_rng(5)
    ra, dec = (rng.uniform(*limits, 2000).astype("f4") for limits in ((0, 360), (-90, 90)))
    path = make_events(RA=ra, DEC=dec)
    place = SkyCoord(ra.astype(float), dec.astype(float), unit="deg")
    for centre in ((1.0, 0.0), (359.5, 60.0), (120.0, 90.0)):
        kept = select(path, output, f"ra={centre[0]}", f"dec={centre[1]}", "rad=20")
        inside = place.separation(SkyCoord(*centre, unit="deg")).deg < 20
        assert kept == np.flatnonzero(inside).tolist()
        assert 20 < len(kept) < 400
        assert dss.find_cone(events.describe(output).cuts) == dss.Cone(*centre, 20.0)


def test_no_cone_without_all_three(make_events, output):
    path = make_events(RA=[0.0, 180.0], DEC=[0.0, 0.0])
    assert select(path, output, "ra=0", "dec=0", "rad=INDEF") == [0, 1]
    assert select(path, output, "ra=0", "dec=0", "rad=180") == [0, 1]


def test_classes_and_types(make_events, output):
    path = make_events(
        EVENT_CLASS=[128, 256 | 128, 1024 | 128, 1 << 31, 128],
        EVENT_TYPE=[1 | 4, 2 | 8, 1 | 16, 2 | 32, 1 | 32],
        CONVERSION_TYPE=[0, 1, 0, 1, 0],
    )
    assert select(path, output, "evclass=128") == [0, 1, 2, 4]
    assert select(path, output, "evclass=1024") == [2]
    assert select(path, output, "evtype=48") == [2, 4]
    assert select(path, output, "convtype=1") == [1]
    cuts = events.describe(output).cuts
    assert cuts[-1] == dss.Range("CONVERSION_TYPE", "dimensionless", 1.0, 1.0)


def test_an_old_pass_has_bit_numbers(make_events, output):
    path = make_events(
        EVENT_CLASS=[1, 4, 4 | 8, 8],
        CONVERSION_TYPE=[0, 0, 1, 0],
        header={"PASS_VER": "P7V6"},
        cuts=(dss.GoodTimes(),),
    )
    assert select(path, output, "evclass=2") == [1, 2]
    assert dss.read(read_table(output, "EVENTS").header)[-1] == dss.BitMask(
        "EVENT_CLASS", 4, "P7V6"
    )
    # types were front and back only
    assert select(path, output, "evclass=2", "evtype=2") == [2]


def test_cuts_of_the_file_are_applied_again_and_joined(make_events, output):
    path = make_events(
        ENERGY=[50.0, 150.0, 500.0, 5000.0],
        cuts=(
            dss.Range("ENERGY", "MeV", 100, 1000),
            dss.BitMask("EVENT_CLASS", 128, "P8R3"),
            dss.GoodTimes(),
        ),
    )
    assert run(f"infile={path}", f"outfile={output}", "emin=200", "emax=10000", "evtype=3") == 0
    assert read_table(output, "EVENTS")["NUMBER"].tolist() == [2]
    assert events.describe(output).cuts == (
        dss.BitMask("EVENT_CLASS", 128, "P8R3"),
        dss.GoodTimes(),
        dss.BitMask("EVENT_TYPE", 3, "P8R3"),
        dss.Range("ENERGY", "MeV", 200.0, 1000.0),
    )


def test_several_files_in_order(make_events, output, tmp_path):
    one = make_events("one.fits", span=(1000, 2000))
    two = make_events("two.fits", span=(2000, 3000), TIME=[2100.0, 2200.0])
    listing = tmp_path / "files.txt"
    listing.write_text(f"# later first\n{two}\n\n{one}\n")
    assert select(f"@{listing}", output) == [0, 1, 0, 1, 2, 3, 4]
    found = events.describe(output)
    assert found.good_time.intervals.tolist() == [[1000, 3000]]
    assert (found.tstart, found.tstop) == (1000, 3000)


def test_rows_are_copied_unchanged(make_events, output):
    path = make_events(ENERGY=[10.0, 500.0, 20.0, 700.0])
    assert select(path, output, "emin=100", "emax=1000") == [1, 3]
    with FitsFile(path) as source, FitsFile(output) as copy:
        before, after = source.table("EVENTS"), copy.table("EVENTS")
    assert after.columns == before.columns
    assert after.rows.tobytes() == before.rows[[1, 3]].tobytes()


def test_gzip_in_and_out_and_the_same_bytes_again(make_events, tmp_path):
    path = make_events("in.fits.gz")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        select(path, tmp_path / name / "out.fits.gz", "zmax=100")
    one, two = ((tmp_path / name / "out.fits.gz").read_bytes() for name in ("a", "b"))
    assert one == two
    assert one[:2] == b"\x1f\x8b"


def test_headers(make_events, output, tmp_path):
    path = make_events(header={"HISTORY": "x" * 60 + " /u/gl/somebody/data/ft1.fits[EVENTS]"})
    select(path, output, "zmax=90", "evtype=3")
    from astropy.io import fits

    with fits.open(output, checksum=True) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "EVENTS", "GTI"]
        hdus.verify("exception")
        history = "".join(str(line).ljust(72) for line in hdus["EVENTS"].header["HISTORY"])
        primary = hdus[0].header
        assert primary["FILENAME"] == "selected.fits"
        assert primary["CREATOR"].startswith("gtselect (latsky ")
        assert primary["DATE"] == primary["DATE-END"]
        text = "".join(repr(hdu.header) for hdu in hdus)
    assert str(tmp_path) not in text
    assert "somebody" not in text
    assert "ft1.fits[EVENTS]" in history
    assert (
        "Filter string: ((EVENT_CLASS&o200) != o0) && ((EVENT_TYPE&o3) != o0) && "
        "0 < ZENITH_ANGLE && ZENITH_ANGLE <= 90 && gtifilter()"
    ) in " ".join(history.split())


def test_nothing_selected_is_a_valid_product(make_events, output):
    assert select(make_events(), output, "emin=5e5", "emax=6e5") == []
    from astropy.io import fits

    with fits.open(output, checksum=True) as hdus:
        assert len(hdus["EVENTS"].data) == 0
        assert len(hdus["GTI"].data) == 1
    # and it can be selected from
    assert select(output, output.with_name("again.fits")) == []


@pytest.mark.parametrize(
    ("limits", "moment"), [((5000.0, 6000.0), 5000.0), ((100.0, 200.0), 200.0)]
)
def test_a_file_outside_of_the_time_range_gives_an_empty_product(
    make_events, output, limits, moment
):
    assert select(make_events(), output, f"tmin={limits[0]}", f"tmax={limits[1]}") == []
    found = events.describe(output)
    assert found.good_time.intervals.shape == (0, 2)
    # within the range, so that sums over files keep their times
    assert (found.tstart, found.tstop) == (moment, moment)


def mistake(capfd, status: int = 2) -> str:
    message = capfd.readouterr().err
    assert message.count("\n") == 1
    assert "Traceback" not in message
    assert message.startswith("gtselect: error: ")
    return message


@pytest.mark.parametrize(
    ("changes", "arguments", "words"),
    [
        ({"leave_out": ("TIME",)}, [], ["events.fits", "TIME", "no column"]),
        ({"leave_out": ("ENERGY",)}, [], ["events.fits", "ENERGY", "no column"]),
        ({"leave_out": ("ZENITH_ANGLE",)}, ["zmax=90"], ["events.fits", "ZENITH_ANGLE"]),
        ({"leave_out": ("RA",)}, ["ra=1", "dec=1", "rad=5"], ["events.fits", "RA"]),
        ({"units": {"ENERGY": "keV"}}, [], ["events.fits", "ENERGY", "'keV'"]),
        ({"units": {"TIME": "d"}}, [], ["events.fits", "TIME", "'d'"]),
        ({"header": {"PASS_VER": None}}, [], ["events.fits", "PASS_VER"]),
        ({"header": {"TSTART": None}}, [], ["events.fits", "TSTART"]),
        ({}, ["evclass=16"], ["events.fits", "evclass", "EVENT_CLASS,128", "EVENT_CLASS,16"]),
        ({}, ["evtable=PHOTONS"], ["events.fits", "PHOTONS"]),
        ({}, ["emin=100", "emax=10"], ["emin", "greater than emax"]),
        ({}, ["tmin=1500"], ["tmin", "together"]),
        ({}, ["ra=0", "dec=100", "rad=5"], ["dec", "-90"]),
        ({}, ["phasemin=0.2"], ["PULSE_PHASE"]),
        ({}, ["emin=low"], ["emin", "not a number"]),
    ],
)
def test_mistakes(make_events, output, capfd, changes, arguments, words):
    path = make_events(**changes)
    before = untouched(path.parent)
    assert run(f"infile={path}", f"outfile={output}", *arguments) == 2
    message = mistake(capfd)
    assert all(word in message for word in words), message
    assert untouched(path.parent) == before


def test_a_cut_excluded_by_the_file(make_events, output, capfd):
    path = make_events(cuts=(dss.Range("ENERGY", "MeV", 100, 1000), dss.GoodTimes()))
    assert run(f"infile={path}", f"outfile={output}", "emin=2000", "emax=3000") == 2
    assert "ENERGY: nothing is in both" in mistake(capfd)


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"span": (1500, 2500)}, ["two.fits", "one.fits", "shares good time", "1500.0 to 2000.0"]),
        (
            {"span": (2000, 3000), "cuts": (dss.Range("ENERGY", "MeV", 1, 2), dss.GoodTimes())},
            ["two.fits", "selected differently", "ENERGY=1:2"],
        ),
        ({"span": (2000, 3000), "header": {"PASS_VER": "P8R2"}}, ["two.fits", "PASS_VER", "P8R3"]),
        ({"span": (2000, 3000), "leave_out": ("NUMBER",)}, ["two.fits", "NUMBER", "no column"]),
    ],
)
def test_files_that_do_not_go_together(make_events, output, tmp_path, capfd, second, words):
    listing = tmp_path / "files.txt"
    listing.write_text(f"{make_events('one.fits')}\n{make_events('two.fits', **second)}\n")
    assert run(f"infile=@{listing}", f"outfile={output}") == 2
    message = mistake(capfd)
    assert all(word in message for word in words), message
    assert not output.exists()


@pytest.mark.parametrize("name", ["events.fits", "events.fits.gz"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncated(make_events, output, capfd, name, share):
    rng = np.random.default_rng(1)
    path = make_events(name, ENERGY=rng.uniform(1, 1000, 3000))
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert run(f"infile={path}", f"outfile={output}") == 2
    message = mistake(capfd)
    assert name in message
    assert "truncated" in message or "damaged" in message or "no HDU" in message
    assert untouched(output.parent) == [name]


def test_not_fits_and_not_there(tmp_path, output, capfd):
    path = tmp_path / "notes.txt"
    path.write_text("not a FITS file " * 300)
    assert run(f"infile={path}", f"outfile={output}") == 2
    assert "notes.txt: not a FITS file" in mistake(capfd)
    assert run(f"infile={tmp_path / 'absent.fits'}", f"outfile={output}") == 2
    assert "absent.fits: No such file" in mistake(capfd)
    assert run(f"infile=@{tmp_path / 'absent.txt'}", f"outfile={output}") == 2
    assert "absent.txt" in mistake(capfd)


def test_clobber_no(make_events, output, capfd):
    path = make_events()
    output.write_text("mine")
    assert run(f"infile={path}", f"outfile={output}", "clobber=no") == 2
    assert "selected.fits" in mistake(capfd)
    assert output.read_text() == "mine"


def test_a_directory_that_is_not_there(make_events, tmp_path, capfd):
    assert run(f"infile={make_events()}", f"outfile={tmp_path / 'no' / 'x.fits'}") == 2
    assert "no such directory" in mistake(capfd)


def test_a_directory_that_cannot_be_written(make_events, capfd):
    # nobody, root included, may make a file in /proc
    if not Path("/proc/self").is_dir():
        pytest.skip("no /proc here")
    assert run(f"infile={make_events()}", "outfile=/proc/self/x.fits") == 2
    assert "/proc/self: outfile: cannot write here" in mistake(capfd)


def test_a_full_disk(make_events, output, capfd, monkeypatch):
    path = make_events()

    def full(self, rows):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("latsky.fits.core.TableStream.append", full)
    assert run(f"infile={path}", f"outfile={output}") == 1
    assert mistake(capfd) == "gtselect: error: No space left on device\n"
    assert untouched(output.parent) == ["events.fits"]


def test_writing_over_the_input(make_events):
    path = make_events(ENERGY=[10.0, 500.0])
    assert select(path, path, "emin=100", "emax=1000") == [1]


def test_memory_does_not_grow_with_the_file(make_events, output):
    import tracemalloc

    peaks = []
    for count in (50_000, 400_000):
        path = make_events(ENERGY=np.full(count, 500.0))
        tracemalloc.start()
        assert run(f"infile={path}", f"outfile={output}") == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_starting_imports_nothing_heavy():
    code = (
        "import sys; from latsky.embedded.main import load; load('gtselect'); load('gtmktime');"
        "heavy = {'astropy', 'healpy', 'numba', 'scipy', 'pydantic', 'matplotlib', 'ducc0'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


def test_good_time_of_files_that_touch_is_one(make_events, output, tmp_path):
    listing = tmp_path / "files.txt"
    paths = [make_events(f"{n}.fits", span=(1000.0 * n, 1000.0 * (n + 1))) for n in (1, 2, 3)]
    listing.write_text("\n".join(map(str, paths)))
    select(f"@{listing}", output)
    assert gti.read_file(output).intervals.tolist() == [[1000, 4000]]
