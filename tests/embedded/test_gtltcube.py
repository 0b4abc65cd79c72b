"""gtltcube, against a plain sum over rows and pixels."""

from pathlib import Path

import healpy
import numpy as np
import pytest

import livetime_files as files
from latsky.embedded import gtltcube
from latsky.embedded.main import main
from latsky.fits.core import FitsFile
from latsky.fits.livetime import AngleBins, nside_for, read_livetime_cube

INTERVALS = [(0.0, 3010.0), (3500.0, 3512.0), (4000.0, 8999.0)]


def directions(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    return healpy.ang2vec(ra.astype("f8"), dec.astype("f8"), lonlat=True)


def plain_sum(
    columns: dict[str, np.ndarray], nside: int, bins: int, zmin: float, zmax: float
) -> tuple[np.ndarray, np.ndarray]:
    """Livetime and weighted livetime by definition, (npix, bins)."""
    centres = np.stack(healpy.pix2vec(nside, np.arange(12 * nside**2), nest=True), axis=-1)
    axis = directions(columns["RA_SCZ"], columns["DEC_SCZ"])
    zenith = directions(columns["RA_ZENITH"], columns["DEC_ZENITH"])
    out = np.zeros((2, len(centres), bins))
    for row in range(len(axis)):
        start, stop = columns["START"][row], columns["STOP"][row]
        good = sum(
            max(0.0, min(stop, files.START + b) - max(start, files.START + a)) for a, b in INTERVALS
        )
        livetime = columns["LIVETIME"][row]
        angle = np.degrees(np.arccos(np.clip(centres @ zenith[row], -1, 1)))
        cosine = centres @ axis[row]
        seen = np.flatnonzero((cosine > 0) & (angle > zmin) & (angle < zmax))
        at = np.floor(np.sqrt(1 - cosine[seen]) * bins).astype(int)
        share = livetime * good / (stop - start)
        out[0, seen, at] += share
        out[1, seen, at] += share * livetime / (stop - start)
    return out[0], out[1]


def run(tmp_path: Path, *more: str, name: str = "lt.fits") -> Path:
    outfile = tmp_path / name
    arguments = [f"evfile={tmp_path}/ft1.fits", f"scfile={tmp_path}/ft2.fits", f"outfile={outfile}"]
    assert main(["gtltcube", *arguments, "dcostheta=0.1", "binsz=8", *more]) == 0
    return outfile


@pytest.fixture
def columns(tmp_path: Path) -> dict[str, np.ndarray]:
    columns = files.spacecraft_columns(300)
    files.write_spacecraft(tmp_path / "ft2.fits", columns)
    files.write_events(tmp_path / "ft1.fits", INTERVALS)
    return columns


@pytest.mark.parametrize(("zmin", "zmax"), [(0, 180), (0, 105), (20, 88.7)])
def test_sums(tmp_path: Path, columns: dict, zmin: float, zmax: float) -> None:
    cube = read_livetime_cube(run(tmp_path, f"zmin={zmin}", f"zmax={zmax}"))
    assert (cube.nside, cube.nested, cube.coordsys) == (8, True, "CEL")
    livetime, weighted = plain_sum(columns, 8, 10, zmin or -1, zmax + (zmax == 180))
    np.testing.assert_allclose(cube.livetime, livetime, rtol=1e-6, atol=1e-4)
    np.testing.assert_allclose(cube.weighted, weighted, rtol=1e-6, atol=1e-4)
    assert livetime.max() > 100


def test_azimuth(tmp_path: Path, columns: dict) -> None:
    plain = read_livetime_cube(run(tmp_path, "zmax=100"))
    cube = read_livetime_cube(run(tmp_path, "zmax=100", "phibins=3", name="phi.fits"))
    assert cube.values.shape == (768, 40)
    by_phi = cube.by_phi()
    np.testing.assert_allclose(by_phi.sum(axis=1), cube.livetime, rtol=1e-5, atol=1e-3)
    # the axes are made orthogonal first, so that single pixels may change bins
    close = np.isclose(cube.livetime, plain.livetime, rtol=1e-5, atol=1e-3)
    assert close.mean() > 0.999
    centres = np.stack(healpy.pix2vec(8, np.arange(768), nest=True), axis=-1)
    expected = np.zeros_like(by_phi)
    for row in gtltcube.pointings([tmp_path / "ft2.fits"], cube.intervals, with_x=True):
        for n in range(len(row)):
            z = directions(row.axis[0][n : n + 1], row.axis[1][n : n + 1])[0]
            x = directions(row.x_axis[0][n : n + 1], row.x_axis[1][n : n + 1])[0]
            zenith = directions(row.zenith[0][n : n + 1], row.zenith[1][n : n + 1])[0]
            cosine = centres @ z
            seen = np.flatnonzero((cosine > 0) & (centres @ zenith > np.cos(np.radians(100))))
            phi = np.arctan2(centres[seen] @ np.cross(z, x), centres[seen] @ x) % (np.pi / 2)
            folded = 1 - np.abs(np.pi / 4 - phi) / (np.pi / 4)
            theta = np.floor(np.sqrt(1 - cosine[seen]) * 10).astype(int)
            expected[seen, np.floor(folded * 3).astype(int), theta] += row.weight[n, 0]
    assert np.isclose(by_phi, expected, rtol=1e-5, atol=1e-3).mean() > 0.999
    assert expected.min(axis=(0, 2)).min() == 0
    assert (expected.sum(axis=(0, 2)) > 0).all()


def test_same_bytes_whatever_the_threads(
    tmp_path: Path, columns: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    first = run(tmp_path).read_bytes()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert run(tmp_path).read_bytes() == first


def test_chunks_make_no_difference(
    tmp_path: Path, columns: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tmp_path, "phibins=2").read_bytes()
    monkeypatch.setattr(gtltcube, "_CHUNK", 7)
    assert run(tmp_path, "phibins=2").read_bytes() == whole


def test_rows_that_two_spacecraft_files_share_count_once(tmp_path: Path, columns: dict) -> None:
    whole = run(tmp_path).read_bytes()
    for name, rows, first in (("b", 160, 140), ("a", 150, 0)):
        part = files.spacecraft_columns(rows, first)
        files.write_spacecraft(tmp_path / f"{name}.fits", part)
    (tmp_path / "list").write_text(f"{tmp_path}/b.fits\n{tmp_path}/a.fits\n")
    assert run(tmp_path, f"scfile=@{tmp_path}/list").read_bytes() == whole


def test_compressed_spacecraft_file(tmp_path: Path, columns: dict) -> None:
    whole = run(tmp_path).read_bytes()
    files.write_spacecraft(tmp_path / "ft2.fits.gz", columns)
    assert run(tmp_path, f"scfile={tmp_path}/ft2.fits.gz").read_bytes() == whole


def test_event_files_in_a_list_and_times_without_events(tmp_path: Path, columns: dict) -> None:
    files.write_events(tmp_path / "one.fits", INTERVALS[:1])
    files.write_events(tmp_path / "two.fits", INTERVALS[1:])
    whole = run(tmp_path).read_bytes()
    (tmp_path / "list").write_text(f"{tmp_path}/two.fits\n{tmp_path}/one.fits\n")
    assert run(tmp_path, f"evfile=@{tmp_path}/list").read_bytes() == whole
    start, stop = files.START, files.START + 3010.0
    bounded = run(tmp_path, "evfile=none", f"tmin={start}", f"tmax={stop}", name="lt.fits")
    files.write_events(tmp_path / "ft1.fits", INTERVALS[:1])
    assert run(tmp_path, name="lt.fits").read_bytes() == bounded.read_bytes()


def test_layout(tmp_path: Path, columns: dict) -> None:
    with FitsFile(run(tmp_path, "zmax=100", "file_version=7")) as file:
        names = [header.get("EXTNAME") for header in file.headers]
        assert names == [None, "EXPOSURE", "WEIGHTED_EXPOSURE", "CTHETABOUNDS", "GTI"]
        primary, header = file.header(0), file.header("EXPOSURE")
        table = file.table("EXPOSURE")
        bounds = file.table("CTHETABOUNDS")
        good = file.table("GTI")
    assert (primary["FILENAME"], primary["VERSION"]) == ("lt.fits", "7")
    assert primary["CREATOR"].startswith("gtltcube (latsky ")
    expected = {
        "PIXTYPE": "HEALPIX",
        "ORDERING": "NESTED",
        "COORDSYS": "EQU",
        "NSIDE": 8,
        "LASTPIX": 767,
        "THETABIN": "SQRT(1-COSTHETA)",
        "NBRBINS": 10,
        "COSMIN": 0.0,
        "PHIBINS": 0,
        "ZENMAX": 100.0,
        "ZENMIN": 0.0,
        "NDSKEYS": 1,
        "DSTYP1": "TIME",
        "DSVAL1": "TABLE",
        "DSREF1": ":GTI",
        "TFORM1": "10E",
        "TSTART": files.START,
        "TSTOP": files.START + 8999.0,
    }
    assert {key: header[key] for key in expected} == expected
    ra, dec = healpy.pix2ang(8, np.arange(768), nest=True, lonlat=True)
    np.testing.assert_allclose(table["RA"], ra, rtol=1e-6)
    np.testing.assert_allclose(table["DEC"], dec, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(bounds["CTHETA_MAX"], AngleBins(10).cos_edges[:-1], rtol=1e-6)
    np.testing.assert_allclose(bounds["CTHETA_MIN"], 1 - (np.arange(1, 11) / 10) ** 2, atol=1e-6)
    np.testing.assert_array_equal(good["STOP"] - files.START, [b for _, b in INTERVALS])


def test_resolution_for_a_pixel_size() -> None:
    assert [nside_for(size) for size in (30, 4, 1, 0.5, 0.01)] == [2, 16, 64, 128, 512]


def failure(capsys: pytest.CaptureFixture, tmp_path: Path, *arguments: str) -> str:
    given = [f"evfile={tmp_path}/ft1.fits", f"scfile={tmp_path}/ft2.fits"]
    target = tmp_path / "out.fits"
    assert main(["gtltcube", *given, f"outfile={target}", "binsz=30", *arguments]) == 2
    assert not target.exists()
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_good_time_outside_of_the_spacecraft_data(
    tmp_path: Path, columns: dict, capsys: pytest.CaptureFixture
) -> None:
    files.write_events(tmp_path / "ft1.fits", [(8000.0, 9500.0)])
    message = failure(capsys, tmp_path)
    assert "ft2.fits: scfile" in message
    assert "500 s of the good time" in message
    files.write_events(tmp_path / "ft1.fits", [(20000.0, 29500.0)])
    assert "9500 s of the good time" in failure(capsys, tmp_path)


@pytest.mark.parametrize("name", ["RA_SCZ", "LIVETIME", "DEC_ZENITH"])
def test_missing_column(
    tmp_path: Path, columns: dict, capsys: pytest.CaptureFixture, name: str
) -> None:
    del columns[name]
    files.write_spacecraft(tmp_path / "ft2.fits", columns)
    assert f"no column {name}" in failure(capsys, tmp_path)


def test_azimuth_needs_the_x_axis(
    tmp_path: Path, columns: dict, capsys: pytest.CaptureFixture
) -> None:
    del columns["RA_SCX"]
    files.write_spacecraft(tmp_path / "ft2.fits", columns)
    assert "no column RA_SCX" in failure(capsys, tmp_path, "phibins=2")


@pytest.mark.parametrize(("name", "unit"), [("RA_SCZ", "rad"), ("START", "d")])
def test_wrong_unit(
    tmp_path: Path, columns: dict, capsys: pytest.CaptureFixture, name: str, unit: str
) -> None:
    files.write_spacecraft(tmp_path / "ft2.fits", columns, {name: unit})
    message = failure(capsys, tmp_path)
    assert name in message
    assert f"unit {unit!r}" in message


def test_truncated_spacecraft_file(
    tmp_path: Path, columns: dict, capsys: pytest.CaptureFixture
) -> None:
    whole = (tmp_path / "ft2.fits").read_bytes()
    (tmp_path / "ft2.fits").write_bytes(whole[: len(whole) // 2])
    assert "truncated" in failure(capsys, tmp_path)


@pytest.mark.parametrize(
    ("argument", "key"),
    [
        ("dcostheta=0", "dcostheta"),
        ("binsz=-1", "binsz"),
        ("phibins=-2", "phibins"),
        ("zmin=120", "zmax"),
        ("zmax=190", "zmax"),
        ("evfile=none", "tmin"),
        ("evtable=SKY", "SKY"),
    ],
)
def test_wrong_parameters(
    tmp_path: Path, columns: dict, capsys: pytest.CaptureFixture, argument: str, key: str
) -> None:
    if argument == "zmin=120":
        assert key in failure(capsys, tmp_path, argument, "zmax=100")
    else:
        assert key in failure(capsys, tmp_path, argument)


def test_existing_output_without_clobber(
    tmp_path: Path, columns: dict, capsys: pytest.CaptureFixture
) -> None:
    path = run(tmp_path)
    before = path.read_bytes()
    given = [f"evfile={tmp_path}/ft1.fits", f"scfile={tmp_path}/ft2.fits", f"outfile={path}"]
    assert main(["gtltcube", *given, "binsz=30", "clobber=no"]) == 2
    assert path.read_bytes() == before
    assert "exists" in capsys.readouterr().err


def test_no_directory_for_the_output(
    tmp_path: Path, columns: dict, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found before the work, not after."""
    monkeypatch.setattr(gtltcube, "make_livetime_cube", lambda *args, **more: pytest.fail())
    assert "no such directory" in failure(capsys, tmp_path, f"outfile={tmp_path}/absent/x.fits")
