"""gtselect, gtmktime and match-spacecraft against the Fermitools' products."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from latsky.embedded.main import main
from latsky.fits import dss, events, gti
from latsky.fits.core import FitsFile, read_header, read_table
from latsky.steps.match_spacecraft import match

pytestmark = pytest.mark.reference

QUALITY = "(DATA_QUAL>0)&&(LAT_CONFIG==1)"
COMPONENTS = {
    "E0_PSF3": (1.5, 2.0, 80, 32),
    "E1_PSF23": (2.0, 2.5, 90, 48),
    "E2_PSF123": (2.5, 3.0, 100, 56),
    "E3_PSF0123": (3.0, 6.0, 105, 60),
}
"""name → log10 of the energies in MeV, zenith angle, event types"""


def engine(*arguments: object) -> None:
    assert main([str(argument) for argument in arguments]) == 0


def filtered(source: Path, spacecraft: Path, component: str, place: Path) -> tuple[Path, Path]:
    """The events of a component after gtselect, and after gtmktime."""
    low, high, zmax, evtype = COMPONENTS[component]
    selected, good = place / f"select_{source.name}", place / f"mktime_{source.name}"
    cuts = f"emin={10**low!r} emax={10**high!r} zmax={zmax} evclass=128 evtype={evtype}".split()
    engine("gtselect", f"infile={source}", f"outfile={selected}", *cuts)
    where = f"evfile={selected} scfile={spacecraft} outfile={good} roicut=no".split()
    engine("gtmktime", *where, f"filter={QUALITY}")
    return selected, good


@pytest.fixture(scope="module")
def summary(reference):
    return json.loads((reference / "week/expected/summary.json").read_text())


@pytest.mark.parametrize("component", COMPONENTS)
def test_week(component, reference, summary, tmp_path):
    expected = summary[component]
    folder = reference / "week/events"
    (spacecraft,) = folder.glob("lat_spacecraft*")
    intervals = []
    for number, counts in enumerate(expected["files"]):
        source = folder / f"week_ft1_{number}.fits.gz"
        selected, good = filtered(source, spacecraft, component, tmp_path)
        assert len(events.describe(selected)) == counts["selected"]
        found = events.describe(good)
        assert len(found) == counts["after_mktime"]
        assert len(found.good_time.intervals) == counts["gti_rows"]
        assert gti.total(found.good_time.intervals) == pytest.approx(
            counts["gti_seconds"], abs=1e-6, rel=0
        )
        header = found.header
        stated = {key: value for key, value, _ in header.cards if key.startswith("DS")}
        assert list(stated.items()) == list(expected["dss"].items())
        intervals.append(found.good_time.intervals)
    # the very numbers of the real tool, through its counts cube
    theirs = read_table(reference / f"week/expected/ccube_{component}.fits.gz", "GTI")
    ours = np.concatenate(intervals)
    # its table joins those that touch where two files meet
    assert (gti.normalise(ours) == np.column_stack([theirs["START"], theirs["STOP"]])).all()


def test_week_in_one_go(reference, tmp_path):
    """The three files merged equal the three alone."""
    folder = reference / "week/events"
    sources = [folder / f"week_ft1_{number}.fits.gz" for number in range(3)]
    listing = tmp_path / "files.txt"
    listing.write_text("\n".join(map(str, sources)))
    merged = tmp_path / "merged.fits"
    cuts = ("emin=1000", "emax=1e6", "zmax=105", "evclass=128", "evtype=60")
    engine("gtselect", f"infile=@{listing}", f"outfile={merged}", *cuts)
    (spacecraft,) = folder.glob("lat_spacecraft*")
    parts = [filtered(source, spacecraft, "E3_PSF0123", tmp_path)[0] for source in sources]
    rows = [read_table(part, "EVENTS").rows.tobytes() for part in parts]
    assert read_table(merged, "EVENTS").rows.tobytes() == b"".join(rows)
    assert gti.read_file(merged).intervals.tolist() == [[429066903.0, 429671403.0]]


def test_3c279(reference, tmp_path):
    folder = reference / "real/3c279"
    expected_path = folder / "3c279_photons_outref.fits.gz"
    (source,) = folder.glob("*_PH00*")
    expected = events.describe(expected_path)
    cone = dss.find_cone(events.describe(source).cuts)
    emin, emax = dss.find_range(expected.cuts, "ENERGY")
    _, zmax = dss.find_range(expected.cuts, "ZENITH_ANGLE")
    output = tmp_path / "selected.fits"
    engine(
        *("gtselect", f"infile={source}", f"outfile={output}", "evclass=128"),
        *(f"ra={cone.ra}", f"dec={cone.dec}", f"rad={cone.radius}", f"emin={emin}", f"emax={emax}"),
        *(f"zmax={zmax}", f"tmin={expected.tstart}", f"tmax={expected.tstop}"),
    )
    ours, theirs = read_table(output, "EVENTS"), read_table(expected_path, "EVENTS")
    assert len(ours) == len(theirs) == 411
    for name in ("EVENT_ID", "RUN_ID", "TIME", "ENERGY", "RA", "DEC", "ZENITH_ANGLE"):
        assert (ours[name] == theirs[name]).all()
    found = events.describe(output)
    assert [cut.keywords for cut in found.cuts] == [cut.keywords for cut in expected.cuts]
    assert (found.good_time.intervals == expected.good_time.intervals).all()
    assert (found.tstart, found.tstop) == (expected.tstart, expected.tstop)


@pytest.mark.parametrize("overwrite", ["yes", "no"])
@pytest.mark.parametrize(
    ("source", "spacecraft"),
    [
        ("3c279/*_PH00*", "3c279/*_SC00*"),
        ("p8r2_chain/gammalib_p8v2_ft1.fits.gz", "p8r2_chain/gammalib_p8v2_ft2.fits.gz"),
    ],
)
def test_good_time_of_flight_data(source, spacecraft, overwrite, reference, tmp_path):
    """The quality filter gives the good time that came with the files, also from scratch."""
    (source,), (spacecraft,) = ((reference / "real").glob(name) for name in (source, spacecraft))
    output = tmp_path / "good.fits"
    where = f"evfile={source} scfile={spacecraft} outfile={output} roicut=no".split()
    engine("gtmktime", *where, f"filter={QUALITY}", f"overwrite={overwrite}")
    ours, theirs = gti.read_file(output).intervals, gti.read_file(source).intervals
    assert len(theirs) in (9, 15)
    assert (ours == theirs).all()
    assert len(read_table(output, "EVENTS")) == len(read_table(source, "EVENTS"))


def test_matched_spacecraft_data_give_the_same_good_time(reference, summary, tmp_path):
    folder = reference / "week/events"
    (spacecraft,) = folder.glob("lat_spacecraft*")
    whole = read_table(spacecraft, "SC_DATA").rows
    parts = []
    for number in range(3):
        source = folder / f"week_ft1_{number}.fits.gz"
        parts.append(tmp_path / f"sc_{number}.fits")
        report = match([source], [spacecraft], parts[-1])
        assert report.repeated == report.shortened == 0
        good = filtered(source, parts[-1], "E0_PSF3", tmp_path)[1]
        counts = summary["E0_PSF3"]["files"][number]
        assert len(events.describe(good)) == counts["after_mktime"]
        assert gti.total(gti.read_file(good).intervals) == pytest.approx(
            counts["gti_seconds"], abs=1e-6, rel=0
        )
    # the parts, which share a row at each seam, put together again
    sources = [folder / f"week_ft1_{number}.fits.gz" for number in range(3)]
    match(sources, parts[::-1], tmp_path / "sc_all.fits")
    joined = read_table(tmp_path / "sc_all.fits", "SC_DATA").rows
    assert joined.tobytes() == whole[: len(joined)].tobytes()


@pytest.mark.parametrize("name", ["week/events/week_ft1_0.fits.gz", "real/3c279/*_PH00*"])
def test_files_of_the_archive_survive(name, reference, tmp_path):
    """All rows selected: the table is the same, and astropy verifies the file."""
    from astropy.io import fits

    (source,) = reference.glob(name)
    output = tmp_path / "all.fits"
    engine("gtselect", f"infile={source}", f"outfile={output}", "emin=INDEF", "emax=INDEF")
    with FitsFile(source) as before, FitsFile(output) as after:
        assert after.table("EVENTS").rows.tobytes() == before.table("EVENTS").rows.tobytes()
    with fits.open(output, checksum=True) as ours, fits.open(source) as theirs:
        ours.verify("exception")
        assert str(ours["EVENTS"].columns) == str(theirs["EVENTS"].columns)
    history = "".join(line.ljust(72) for line in read_header(output, "EVENTS").history())
    assert re.search(r"/\w+/\w+", history) is None
