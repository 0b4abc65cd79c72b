"""Adding counts cubes: sums, good time, dates, and what is refused."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from latsky.errors import InputErrors
from latsky.fits import dates, gti
from latsky.fits.core import FitsWriter, Header
from latsky.fits.hpx import HpxGeometry, read_counts_cube, write_ebounds, write_skymap
from latsky.steps.coadd import coadd
from latsky.steps.main import main

COARSE = HpxGeometry(4)
EDGES = np.array([100.0, 1000.0, 10000.0])
CUTS = [("BIT_MASK(EVENT_CLASS,128,P8R3)", "1:1"), ("TIME", "TABLE"), ("ENERGY", "100:10000")]


def headers(start: float, stop: float, cuts: list[tuple[str, str]]) -> Header:
    header = dates.date_keywords(Header([("TELESCOP", "GLAST", "")]), start, stop)
    for number, (kind, value) in enumerate(cuts, 1):
        header.append(f"DSTYP{number}", kind)
        header.append(f"DSUNI{number}", {"TIME": "s", "ENERGY": "MeV"}.get(kind, "DIMENSIONLESS"))
        header.append(f"DSVAL{number}", value)
        if value == "TABLE":
            header.append(f"DSREF{number}", ":GTI")
    header.append("NDSKEYS", len(cuts))
    return header


def cube(
    path: Path,
    counts: np.ndarray,
    good: list[tuple[float, float]],
    *,
    geometry: HpxGeometry = COARSE,
    edges: np.ndarray = EDGES,
    cuts: list[tuple[str, str]] = CUTS,
    **options: Any,
) -> Path:
    header = headers(good[0][0] - 1.0, good[-1][1] + 1.0, cuts) if good else Header()
    with FitsWriter(path) as writer:
        writer.primary(header)
        write_skymap(writer, "SKYMAP", geometry, counts, header=header, **options)
        write_ebounds(writer, edges)
        times = headers(good[0][0] - 1.0, good[-1][1] + 1.0, []) if good else Header()
        times.remove("NDSKEYS")
        times.set("EXPOSURE", 0.9 * sum(b - a for a, b in good))
        gti.write(writer, np.array(good).reshape(-1, 2), times)
    return path


def random_counts(seed: int, planes: int = 2, pixels: int = 192) -> np.ndarray:
    return np.random.default_rng(seed).poisson(2.0, (planes, pixels)).astype("f8")


def test_sum_good_time_and_dates(tmp_path: Path) -> None:
    counts = [random_counts(seed) for seed in range(3)]
    counts[0][0, 0] = 2.0**53 - 4  # lost in single precision
    later = cube(tmp_path / "b.fits", counts[0], [(5000.0, 6000.0), (7000.0, 7500.0)])
    early = cube(tmp_path / "a.fits.gz", counts[1], [(1000.0, 2000.0)])
    between = cube(tmp_path / "c.fits", counts[2], [(2000.0, 2500.0), (6000.0, 6500.0)])
    output = tmp_path / "sum.fits"
    (tmp_path / "cubes.lst").write_text(f"{early}\n{between}\n")
    assert main(["coadd", "--output", str(output), str(later), f"@{tmp_path / 'cubes.lst'}"]) == 0
    found = read_counts_cube(output)
    assert np.array_equal(found.counts, sum(counts))
    assert found.counts.dtype == np.dtype("f8")
    assert found.gti["START"].tolist() == [1000.0, 5000.0, 7000.0]
    assert found.gti["STOP"].tolist() == [2500.0, 6500.0, 7500.0]
    header = found.gti.header
    assert header["ONTIME"] == 3500.0
    assert header["EXPOSURE"] == pytest.approx(0.9 * 3500.0, rel=1e-14)
    for each in (header, found.primary, found.header):
        assert (each["TSTART"], each["TSTOP"]) == (999.0, 7501.0)
        assert each["DATE-OBS"] == dates.to_utc(999.0)
        assert each["DATE-END"] == dates.to_utc(7501.0)
    for each in (found.primary, found.header):
        assert each["NDSKEYS"] == 3
        assert [each[f"DSTYP{n}"] for n in (1, 2, 3)] == [kind for kind, _ in CUTS]
    assert found.primary["CREATOR"].startswith("coadd (latsky")
    assert found.primary["FILENAME"] == "sum.fits"
    with fits.open(output, checksum=True) as file:
        file.verify("exception")
        assert [hdu.name for hdu in file] == ["PRIMARY", "SKYMAP", "EBOUNDS", "GTI"]
        assert file["SKYMAP"].columns.formats == ["D", "D"]


def test_one_file(tmp_path: Path) -> None:
    one = cube(tmp_path / "a.fits", random_counts(1), [(0.0, 10.0)])
    assert coadd([one], tmp_path / "sum.fits") == random_counts(1).sum()
    assert np.array_equal(read_counts_cube(tmp_path / "sum.fits").counts, random_counts(1))
    coadd([one], tmp_path / "again.fits.gz")
    coadd([one], tmp_path / "again2.fits.gz")
    first, second = (read_counts_cube(tmp_path / f"again{n}.fits.gz") for n in ("", "2"))
    assert np.array_equal(first.counts, second.counts)


def test_order_of_files_does_not_matter(tmp_path: Path) -> None:
    files = [
        cube(tmp_path / f"{n}.fits", random_counts(n), [(100.0 * n, 100.0 * n + 50)])
        for n in range(3)
    ]
    coadd(files, tmp_path / "one.fits")
    coadd(files[::-1], tmp_path / "two.fits")
    with fits.open(tmp_path / "one.fits") as one, fits.open(tmp_path / "two.fits") as two:
        for a, b in zip(one[1:], two[1:], strict=True):
            assert a.header["DATASUM"] == b.header["DATASUM"]


def test_part_of_the_sky_is_expanded(tmp_path: Path) -> None:
    pixels = np.array([100, 7, 12])
    part = cube(tmp_path / "a.fits", np.ones((2, 3)), [(0.0, 10.0)], pixels=pixels)
    whole = cube(tmp_path / "b.fits", random_counts(3), [(10.0, 20.0)])
    coadd([part, whole], tmp_path / "sum.fits")
    expected = random_counts(3)
    expected[:, pixels] += 1
    assert np.array_equal(read_counts_cube(tmp_path / "sum.fits").counts, expected)
    assert fits.getheader(tmp_path / "sum.fits", "SKYMAP")["INDXSCHM"] == "IMPLICIT"


def test_mismatches_are_all_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = cube(tmp_path / "plain.fits", random_counts(1), [(0.0, 10.0)])
    finer = cube(
        tmp_path / "finer.fits", random_counts(1, 2, 768), [(20.0, 30.0)], geometry=HpxGeometry(8)
    )
    nested = cube(
        tmp_path / "nested.fits", random_counts(1), [(40.0, 50.0)], geometry=HpxGeometry(4, True)
    )
    celestial = cube(
        tmp_path / "cel.fits",
        random_counts(1),
        [(60.0, 70.0)],
        geometry=HpxGeometry(4, False, "CEL"),
    )
    edges = cube(
        tmp_path / "edges.fits", random_counts(1), [(80.0, 90.0)], edges=EDGES * [1, 1.001, 1]
    )
    longer = cube(
        tmp_path / "longer.fits",
        random_counts(1, 3),
        [(100.0, 110.0)],
        edges=np.append(EDGES, 1e5),
    )
    cuts = cube(
        tmp_path / "cuts.fits",
        random_counts(1),
        [(120.0, 130.0)],
        cuts=[*CUTS[:2], ("ENERGY", "100:9000")],
    )
    again = cube(tmp_path / "again.fits", random_counts(1), [(5.0, 8.0)])
    files = [plain, finer, nested, celestial, edges, longer, cuts, again]
    assert main(["coadd", "-o", str(tmp_path / "sum.fits"), *map(str, files)]) == 2
    lines = capsys.readouterr().err.splitlines()
    wanted = [
        (finer, "NSIDE: 8, but 4 is expected"),
        (nested, "ORDERING: NESTED, but RING is expected"),
        (celestial, "COORDSYS: CEL, but GAL is expected"),
        (edges, "other energies are expected"),
        (longer, "SKYMAP: 3 bins, 2 are expected"),
        (longer, "EBOUNDS: other energies are expected"),
        (cuts, "NDSKEYS: another selection (ENERGY=100:10000, ENERGY=100:9000)"),
        (again, "GTI: overlaps in time with plain.fits (MET 5.0 to 8.0)"),
    ]
    assert len(lines) == len(wanted)
    for line, (path, message) in zip(lines, wanted, strict=True):
        assert str(path) in line
        assert message in line
    assert not (tmp_path / "sum.fits").exists()


def test_times_may_be_cut_differently(tmp_path: Path) -> None:
    one = cube(tmp_path / "a.fits", random_counts(1), [(0.0, 10.0)])
    cuts = [*CUTS, ("TIME", "20:30")]
    two = cube(tmp_path / "b.fits", random_counts(2), [(20.0, 30.0)], cuts=cuts)
    assert coadd([one, two], tmp_path / "sum.fits") == (random_counts(1) + random_counts(2)).sum()


def test_bad_files(tmp_path: Path) -> None:
    good = cube(tmp_path / "good.fits", random_counts(1), [(0.0, 10.0)])
    fits.HDUList([fits.PrimaryHDU()]).writeto(tmp_path / "empty.fits")
    cut = tmp_path / "cut.fits"
    cut.write_bytes(good.read_bytes()[:8000])
    with pytest.raises(InputErrors) as caught:
        coadd([good, tmp_path / "empty.fits", cut, tmp_path / "none.fits"], tmp_path / "s.fits")
    text = str(caught.value).splitlines()
    assert len(text) == 3
    assert "empty.fits: GTI: no HDU GTI" in text[0]
    assert "truncated" in text[1] or "no HDU GTI" in text[1]
    assert "none.fits: No such file" in text[2]
    assert not (tmp_path / "s.fits").exists()


def wcs_map(path: Path, data: np.ndarray, start: float, crval: float = 10.0) -> Path:
    header = headers(start, start + 5, CUTS)
    for key, value in (
        ("CTYPE1", "GLON-CAR"),
        ("CRPIX1", 2.0),
        ("CRVAL1", crval),
        ("CDELT1", -1.0),
        ("CTYPE2", "GLAT-CAR"),
        ("CRPIX2", 2.0),
        ("CRVAL2", 0.0),
        ("CDELT2", 1.0),
    ):
        header.append(key, value)
    with FitsWriter(path) as writer:
        writer.primary(header, data)
        write_ebounds(writer, EDGES)
        gti.write(writer, np.array([[start, start + 5]]), headers(start, start + 5, []))
    return path


def test_wcs_cubes_are_added(tmp_path: Path) -> None:
    data = np.arange(24, dtype="i4").reshape(2, 3, 4)
    files = [wcs_map(tmp_path / f"{n}.fits", data * 2**n, 10.0 * n) for n in range(3)]
    coadd(files, tmp_path / "sum.fits")
    with fits.open(tmp_path / "sum.fits") as file:
        assert np.array_equal(file[0].data, 7 * data)
        assert file[0].header["BITPIX"] == 32
        assert file[0].header["CTYPE1"] == "GLON-CAR"
        assert file["GTI"].data["STOP"].tolist() == [5.0, 15.0, 25.0]
        assert file[0].header["DATE-END"] == dates.to_utc(25.0)
        assert [hdu.name for hdu in file] == ["PRIMARY", "EBOUNDS", "GTI"]
    other = wcs_map(tmp_path / "other.fits", data, 100.0, crval=11.0)
    with pytest.raises(InputErrors, match=r"CRVAL1: 11\.0, but 10\.0 is expected"):
        coadd([*files, other], tmp_path / "bad.fits")
    floats = wcs_map(tmp_path / "f.fits", data / 8, 200.0)
    coadd([files[0], floats], tmp_path / "float.fits")
    assert np.array_equal(fits.getdata(tmp_path / "float.fits"), data * 1.125)


def test_memory_is_of_one_cube(tmp_path: Path) -> None:
    """Six cubes of 25 MB each take little more memory than one."""
    geometry, peak = HpxGeometry.from_order(8), {}
    counts = np.ones((4, geometry.npix))
    edges = np.geomspace(100, 1000, 5)
    files = [
        cube(
            tmp_path / f"{n}.fits",
            counts,
            [(10.0 * n, 10.0 * n + 5)],
            geometry=geometry,
            edges=edges,
        )
        for n in range(6)
    ]
    code = (
        "import sys, resource; from pathlib import Path; from latsky.steps.coadd import coadd\n"
        "coadd([Path(p) for p in sys.argv[2:]], Path(sys.argv[1]))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    for number in (1, 6):
        command = [
            sys.executable,
            "-c",
            code,
            str(tmp_path / "sum.fits"),
            *map(str, files[:number]),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peak[number] = int(done.stdout)
    assert peak[6] < peak[1] + 8 * 1024
    assert read_counts_cube(tmp_path / "sum.fits").counts.sum() == 6 * counts.size


def test_full_disk(tmp_path: Path) -> None:
    """A file that cannot be written to its end leaves nothing behind."""
    one = cube(tmp_path / "a.fits", random_counts(1), [(0.0, 10.0)])
    code = (
        "import resource, sys; from latsky.steps.main import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "coadd", "-o", str(tmp_path / "sum.fits"), str(one)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("latsky-step coadd: error:") and done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.fits"]


@pytest.mark.reference
def test_dates_of_the_real_gtbin_are_mended(reference: Path, tmp_path: Path) -> None:
    """It gives the last file's dates to a cube of three files; good time tells the truth."""
    path = reference / "week" / "expected" / "ccube_E1_PSF23.fits.gz"
    assert read_counts_cube(path).primary["DATE-OBS"].startswith("2014-08-11")
    assert coadd([path], tmp_path / "sum.fits") == 29292
    found = read_counts_cube(tmp_path / "sum.fits")
    assert np.array_equal(found.counts, read_counts_cube(path).counts)
    with fits.open(tmp_path / "sum.fits") as file:
        for hdu in file:
            assert hdu.header["DATE-OBS"] == "2014-08-07T01:15:00.0000"
            assert hdu.header["DATE-END"] == "2014-08-14T01:10:00.0000"
        assert file["GTI"].header["TSTART"] == 429066903.0


@pytest.mark.reference
def test_split_week_is_the_whole_week(reference: Path, tmp_path: Path) -> None:
    """gtbin of each file and their sum equal gtbin of all three files."""
    from latsky.embedded.gtbin import EnergyBins, bin_healpix

    events = [reference / "week" / "events" / f"week_ft1_{n}.fits.gz" for n in range(3)]
    bins, geometry = EnergyBins.logarithmic(100.0, 1e5, 4), HpxGeometry.from_order(5)
    parts = []
    for number, path in enumerate(events):
        parts.append(tmp_path / f"ccube_{number}.fits")
        bin_healpix([path], parts[-1], geometry, bins)
    bin_healpix(events, tmp_path / "whole.fits", geometry, bins)
    coadd(parts, tmp_path / "sum.fits")
    one, other = (read_counts_cube(tmp_path / name) for name in ("whole.fits", "sum.fits"))
    assert one.counts.sum() > 40000
    assert np.array_equal(one.counts, other.counts)
    assert np.array_equal(one.gti["START"], other.gti["START"])
    assert one.gti.header["EXPOSURE"] == pytest.approx(other.gti.header["EXPOSURE"], rel=1e-14)
    for key in ("DATE-OBS", "DATE-END", "TSTART", "TSTOP", "NDSKEYS"):
        assert one.primary[key] == other.primary[key]
