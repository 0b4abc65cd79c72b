"""gtbin on events made by hand: bins, frames, regions, headers, mistakes."""

import subprocess
import sys
from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy import units
from astropy.coordinates import FK5, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from latsky.embedded import gtbin
from latsky.embedded.main import main
from latsky.errors import InputError
from latsky.fits.core import Column, FitsWriter, Header
from latsky.fits.hpx import HpxGeometry, open_hpx, read_counts_cube

DSS = Header(
    [
        ("DSTYP1", "TIME", ""),
        ("DSUNI1", "s", ""),
        ("DSVAL1", "TABLE", ""),
        ("DSREF1", ":GTI", ""),
        ("DSTYP2", "ENERGY", ""),
        ("DSUNI2", "MeV", ""),
        ("DSVAL2", "100:10000", ""),
        ("NDSKEYS", 2, ""),
    ]
)


def event_file(
    path: Path,
    energy: np.ndarray,
    ra: np.ndarray,
    dec: np.ndarray,
    *,
    span: tuple[float, float] = (1000.0, 2000.0),
    leave_out: str = "",
    unit: str = "MeV",
    dss: Header = DSS,
) -> Path:
    place = SkyCoord(ra, dec, unit="deg", frame=FK5).galactic
    columns = [
        Column("ENERGY", np.asarray(energy, "f4"), unit),
        Column("RA", np.asarray(ra, "f4"), "deg"),
        Column("DEC", np.asarray(dec, "f4"), "deg"),
        Column("L", place.l.deg.astype("f4"), "deg"),
        Column("B", place.b.deg.astype("f4"), "deg"),
        Column("TIME", np.linspace(*span, len(energy)), "s"),
    ]
    header = dss.copy()
    header.set("TSTART", span[0])
    header.set("TSTOP", span[1])
    header.set("TELESCOP", "GLAST")
    with FitsWriter(path) as writer:
        writer.table("EVENTS", [c for c in columns if c.name != leave_out], header)
        edges = np.array([span])
        writer.table("GTI", [Column("START", edges[:, 0], "s"), Column("STOP", edges[:, 1], "s")])
    return path


def random_sky(number: int = 3000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    energy = 10 ** rng.uniform(1.9, 4.1, number)
    return energy, rng.uniform(0, 360, number), np.degrees(np.arcsin(rng.uniform(-1, 1, number)))


def run(*arguments: str) -> int:
    return main(["gtbin", *arguments])


@pytest.mark.parametrize("scheme", ["RING", "NESTED"])
@pytest.mark.parametrize("frame", ["GAL", "CEL"])
def test_healpix_cube(tmp_path: Path, scheme: str, frame: str) -> None:
    events = event_file(tmp_path / "ft1.fits", *random_sky())
    output = tmp_path / "ccube.fits"
    status = run(
        f"evfile={events}",
        f"outfile={output}",
        "algorithm=HEALPIX",
        f"coordsys={frame}",
        "hpx_order=4",
        f"hpx_ordering_scheme={scheme}",
        "emin=100",
        "emax=10000",
        "enumbins=4",
    )
    assert status == 0
    with fits.open(events) as file:
        data = file["EVENTS"].data
        names = ("L", "B") if frame == "GAL" else ("RA", "DEC")
        lon, lat = (data[name].astype("f8") for name in names)
        pixel = healpy.ang2pix(16, lon, lat, lonlat=True, nest=scheme == "NESTED")
        energy = data["ENERGY"].astype("f8")
    edges = np.geomspace(100, 10000, 5)
    expected = np.zeros((4, 3072))
    for plane in range(4):
        inside = (energy >= edges[plane]) & (energy < edges[plane + 1])
        expected[plane] = np.bincount(pixel[inside], minlength=3072)
    cube = read_counts_cube(output)
    assert cube.geometry == HpxGeometry(16, scheme == "NESTED", frame)
    assert 1500 < expected.sum() < len(energy)
    assert np.array_equal(cube.counts, expected)
    assert np.allclose(cube.edges, edges, rtol=1e-6)
    for header in (cube.primary, cube.header):
        assert [header[key] for key in ("DSTYP2", "DSVAL2", "NDSKEYS")] == [
            "ENERGY",
            "100:10000",
            2,
        ]
        assert header["TSTART"] == 1000.0 and header["TSTOP"] == 2000.0
    assert cube.gti.header["EXPOSURE"] == 1000.0
    assert cube.primary["FILENAME"] == "ccube.fits"
    with fits.open(output, checksum=True) as file:
        file.verify("exception")
        assert file["SKYMAP"].columns.formats == ["D"] * 4


def test_bins_are_closed_below_and_open_above(tmp_path: Path) -> None:
    energy = np.array([99.9, 100.0, 999.9, 1000.0, 9999.0, 10000.0])
    events = event_file(tmp_path / "ft1.fits", energy, np.zeros(6), np.zeros(6))
    for law in ("LOG", "LIN"):
        output = tmp_path / f"{law}.fits"
        gtbin.bin_healpix(
            [events],
            output,
            HpxGeometry(1),
            gtbin.EnergyBins.logarithmic(100, 10000, 2)
            if law == "LOG"
            else gtbin.EnergyBins.linear(100, 10000, 900),
        )
        counts = read_counts_cube(output).counts.sum(axis=1)
        assert counts[:2].tolist() == ([2, 2] if law == "LOG" else [2, 1])
        assert counts.sum() == 4


def test_one_bin_does_not_count_other_energies(tmp_path: Path) -> None:
    events = event_file(tmp_path / "ft1.fits", [50.0, 200.0, 2e4], np.zeros(3), np.zeros(3))
    bins = gtbin.EnergyBins.logarithmic(100, 10000, 1)
    assert gtbin.bin_healpix([events], tmp_path / "c.fits", HpxGeometry(1), bins) == (3, 1)


def test_bins_from_a_file(tmp_path: Path) -> None:
    bins = fits.BinTableHDU.from_columns(
        [
            fits.Column("CHANNEL", "I", array=np.array([1, 2])),
            fits.Column("E_MIN", "E", array=np.array([1e5, 4e5]), unit="keV"),
            fits.Column("E_MAX", "D", array=np.array([2e5, 9e5])),
        ],
        name="ENERGYBINS",
    )
    fits.HDUList([fits.PrimaryHDU(), bins]).writeto(tmp_path / "energy_bins.fits")
    events = event_file(
        tmp_path / "ft1.fits",
        [99.0, 100.0, 199.0, 200.0, 399.0, 400.0, 900.0],
        np.zeros(7),
        np.zeros(7),
    )
    status = run(
        f"evfile={events}",
        f"outfile={tmp_path / 'c.fits'}",
        "algorithm=HEALPIX",
        "coordsys=GAL",
        "hpx_order=0",
        "ebinalg=FILE",
        f"ebinfile={tmp_path / 'energy_bins.fits'}",
    )
    assert status == 0
    with fits.open(tmp_path / "c.fits") as file:
        data = file["SKYMAP"].data
        assert [data["CHANNEL1"].sum(), data["CHANNEL2"].sum()] == [2, 1]
        assert file["EBOUNDS"].data["E_MIN"].tolist() == [1e5, 4e5]
        assert file["EBOUNDS"].data["E_MAX"].tolist() == [2e5, 9e5]


def test_file_bins_equal_logarithmic_ones() -> None:
    law = gtbin.EnergyBins.logarithmic(100, 1e5, 12)
    plain = gtbin.EnergyBins(law.low, law.high, "FILE")
    energy = np.random.default_rng(3).uniform(50, 2e5, 10000)
    assert np.array_equal(law.index(energy), plain.index(energy))
    assert law.index(np.array([np.nan])).tolist() == [-1]


def test_without_energy_bins(tmp_path: Path) -> None:
    energy, ra, dec = random_sky(500)
    events = event_file(tmp_path / "ft1.fits", energy, ra, dec)
    arguments = [f"evfile={events}", "algorithm=HEALPIX", "hpx_ebin=no", "hpx_order=2"]
    assert run(*arguments, f"outfile={tmp_path / 'c.fits'}") == 0
    cube = read_counts_cube(tmp_path / "c.fits")
    assert cube.counts.sum() == 500
    assert cube.edges == pytest.approx([energy.min(), energy.max()], rel=1e-6)


@pytest.mark.parametrize("nested", [False, True])
def test_regions(tmp_path: Path, nested: bool) -> None:
    geometry = HpxGeometry.from_order(5, nested)
    vector = healpy.ang2vec(30.0, -20.0, lonlat=True)
    disc = gtbin.region_pixels(geometry, "DISK(30,-20,15)")
    expected = healpy.query_disc(32, vector, np.radians(15.0), nest=nested)
    assert np.array_equal(disc, expected)
    wider = gtbin.region_pixels(geometry, "DISK_INC(30,-20,15,4)")
    assert set(disc) < set(wider)
    within = gtbin.region_pixels(geometry, "HPX_PIXEL(NESTED,4,11)")
    fine = within if nested else healpy.ring2nest(32, within)
    assert sorted(fine) == list(range(11 * 64, 12 * 64))

    events = event_file(tmp_path / "ft1.fits", *random_sky())
    bins = gtbin.EnergyBins.logarithmic(100, 10000, 2)
    gtbin.bin_healpix([events], tmp_path / "all.fits", geometry, bins)
    gtbin.bin_healpix([events], tmp_path / "part.fits", geometry, bins, region="DISK(30,-20,15)")
    whole = read_counts_cube(tmp_path / "all.fits").counts
    part = read_counts_cube(tmp_path / "part.fits").counts
    mask = np.zeros(geometry.npix, bool)
    mask[disc] = True
    assert whole[:, mask].sum() > 10
    assert np.array_equal(part, whole * mask)
    with fits.open(tmp_path / "part.fits") as file:
        assert file["SKYMAP"].header["HPX_REG"] == "DISK(30,-20,15)"
        assert np.array_equal(file["SKYMAP"].data["PIX"], disc)


@pytest.mark.parametrize(
    ("frame", "projection", "rotation"),
    [("CEL", "AIT", 0.0), ("GAL", "CAR", 0.0), ("CEL", "TAN", 30.0), ("GAL", "ZEA", 0.0)],
)
def test_wcs_cube(tmp_path: Path, frame: str, projection: str, rotation: float) -> None:
    events = event_file(tmp_path / "ft1.fits", *random_sky())
    output = tmp_path / "ccube.fits"
    status = run(
        f"evfile={events}",
        f"outfile={output}",
        "algorithm=CCUBE",
        "nxpix=30",
        "nypix=20",
        "binsz=2",
        f"coordsys={frame}",
        "xref=200",
        "yref=10",
        f"axisrot={rotation}",
        f"proj={projection}",
        "emin=100",
        "emax=10000",
        "enumbins=3",
    )
    assert status == 0
    with fits.open(output) as file, fits.open(events) as source:
        image, header = file[0].data, file[0].header
        data = source["EVENTS"].data
        # the world coordinates of the written header, by astropy
        wcs = WCS(header).celestial
        sky = SkyCoord(data["RA"].astype("f8"), data["DEC"].astype("f8"), unit="deg", frame=FK5)
        sky = sky.galactic if frame == "GAL" else sky
        x, y = wcs.wcs_world2pix(sky.spherical.lon.deg, sky.spherical.lat.deg, 0)
        energy = data["ENERGY"].astype("f8")
        assert image.shape == (3, 20, 30)
        expected, _ = np.histogramdd(
            np.column_stack([energy, y, x]),
            [np.geomspace(100, 10000, 4), np.arange(-0.5, 20), np.arange(-0.5, 30)],
        )
        assert expected.sum() > 50
        assert np.array_equal(image, expected)
        assert [hdu.name for hdu in file] == ["PRIMARY", "EBOUNDS", "GTI"]


def test_rotation_is_that_of_astropy() -> None:
    _, ra, dec = random_sky()
    longitude, latitude = gtbin.galactic(ra, dec)
    expected = SkyCoord(ra, dec, unit="deg", frame=FK5).galactic
    mine = SkyCoord(longitude, latitude, unit="deg", frame="galactic")
    assert mine.separation(expected).max() < 1e-7 * units.deg


def test_several_files(tmp_path: Path) -> None:
    energy, ra, dec = random_sky()
    event_file(tmp_path / "all.fits", energy, ra, dec)
    late = event_file(tmp_path / "b.fits", energy[900:], ra[900:], dec[900:], span=(2000.0, 2500.0))
    early = event_file(tmp_path / "a.fits", energy[:900], ra[:900], dec[:900])
    (tmp_path / "files.lst").write_text(f"{late}\n# a remark\n{early}\n")
    arguments = ["algorithm=HEALPIX", "coordsys=GAL", "hpx_order=3", "enumbins=5"]
    assert (
        run("evfile=@" + str(tmp_path / "files.lst"), f"outfile={tmp_path / 'c.fits'}", *arguments)
        == 0
    )
    assert run(f"evfile={tmp_path / 'all.fits'}", f"outfile={tmp_path / 'd.fits'}", *arguments) == 0
    cube, single = (read_counts_cube(tmp_path / name) for name in ("c.fits", "d.fits"))
    assert np.array_equal(cube.counts, single.counts)
    # intervals that touch are one; dates span all the files
    assert cube.gti["START"].tolist() == [1000.0] and cube.gti["STOP"].tolist() == [2500.0]
    assert (cube.primary["TSTART"], cube.primary["TSTOP"]) == (1000.0, 2500.0)
    assert cube.gti.header["EXPOSURE"] == 1500.0


def test_no_events_make_an_empty_cube(tmp_path: Path) -> None:
    events = event_file(tmp_path / "ft1.fits", [], [], [])
    for algorithm in ("HEALPIX", "CCUBE", "CMAP"):
        output = tmp_path / f"{algorithm}.fits"
        status = run(
            f"evfile={events}",
            f"outfile={output}",
            f"algorithm={algorithm}",
            "hpx_order=2",
            "enumbins=3",
            "nxpix=5",
            "nypix=5",
            "binsz=1",
            "xref=0",
            "yref=0",
        )
        assert status == 0
        with fits.open(output) as file:
            values = file["SKYMAP"].data["CHANNEL3"] if algorithm == "HEALPIX" else file[0].data
            assert values.size > 0 and not values.any()
            assert len(file["GTI"].data) == 1


def test_same_bytes_and_no_clock(tmp_path: Path) -> None:
    events = event_file(tmp_path / "ft1.fits", *random_sky())
    outputs = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        output = folder / "ccube.fits.gz"
        assert run(f"evfile={events}", f"outfile={output}", "algorithm=HEALPIX", "enumbins=3") == 0
        outputs.append(output.read_bytes())
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"algorithm": "LC"}, "algorithm: LC is not among"),
        ({"enumbins": "INDEF"}, "enumbins: required"),
        ({"enumbins": "0"}, "enumbins: 0 bins"),
        ({"emin": "0"}, "emin: 0 < emin < emax"),
        ({"emax": "30"}, "emin: 0 < emin < emax"),
        ({"ebinalg": "LIN"}, "denergy: required"),
        ({"ebinalg": "FILE"}, "ebinfile: required"),
        ({"ebinalg": "FILE", "ebinfile": "none.fits.gz"}, "none.fits.gz: No such file"),
        ({"hpx_order": "13"}, "hpx_order: 13 is not in 0 to 12"),
        ({"hpx_region": "DISC(1,2,3)"}, "hpx_region: 'DISC(1,2,3)' is none of"),
        ({"hpx_region": "DISK(1,2)"}, "hpx_region: cannot understand"),
        ({"algorithm": "CMAP"}, "nxpix: required"),
        ({"efield": "MC_ENERGY"}, "MC_ENERGY: no column"),
        ({"evtable": "PHOTONS"}, "PHOTONS: no HDU"),
        ({"clobber": "no", "outfile": "there"}, "outfile: exists"),
        ({"outfile": "nowhere/c.fits"}, "outfile: no such directory"),
        ({"evfile": "nowhere.fits"}, "nowhere.fits: No such file"),
    ],
)
def test_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, str], message: str
) -> None:
    events = event_file(tmp_path / "ft1.fits", *random_sky(50))
    (tmp_path / "there").write_text("kept")
    values = {"evfile": events.name, "outfile": "c.fits", "algorithm": "HEALPIX", "enumbins": "3"}
    values |= {"coordsys": "GAL"} | change
    for key in ("evfile", "outfile", "ebinfile"):
        if key in values:
            values[key] = str(tmp_path / values[key])
    before = sorted(tmp_path.iterdir())
    assert run(*(f"{key}={value}" for key, value in values.items())) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "there").read_text() == "kept"


def test_bad_event_files(tmp_path: Path) -> None:
    sky = random_sky(50)
    bins, geometry = gtbin.EnergyBins.logarithmic(100, 1000, 2), HpxGeometry(1)

    def attempt(*files: Path) -> None:
        gtbin.bin_healpix(files, tmp_path / "c.fits", geometry, bins)

    with pytest.raises(InputError, match="no column L"):
        attempt(event_file(tmp_path / "no_l.fits", *sky, leave_out="L"))
    with pytest.raises(InputError, match="unit 'GeV' is not MeV"):
        attempt(event_file(tmp_path / "gev.fits", *sky, unit="GeV"))
    good = event_file(tmp_path / "good.fits", *sky)
    cut = tmp_path / "cut.fits"
    cut.write_bytes(good.read_bytes()[:6000])
    with pytest.raises(InputError, match="truncated"):
        attempt(cut)
    other = DSS.copy()
    other.set("DSVAL2", "100:5000")
    with pytest.raises(InputError, match=r"another selection than good\.fits"):
        attempt(good, event_file(tmp_path / "other.fits", *sky, dss=other))
    assert not (tmp_path / "c.fits").exists()


@pytest.mark.parametrize("algorithm", ["HEALPIX", "CCUBE"])
def test_full_disk(tmp_path: Path, algorithm: str) -> None:
    events = event_file(tmp_path / "ft1.fits", *random_sky(50))
    code = (
        "import resource, sys; from latsky.embedded.main import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    grid = ["nxpix=50", "nypix=50", "binsz=1", "xref=0", "yref=0", "enumbins=3"]
    files = [f"evfile={events}", f"outfile={tmp_path / 'c.fits'}", f"algorithm={algorithm}"]
    command = [sys.executable, "-c", code, "gtbin", *files, *grid]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("gtbin: error:") and done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["ft1.fits"]


def test_no_such_projection(tmp_path: Path) -> None:
    events = event_file(tmp_path / "ft1.fits", *random_sky(10))
    for projection in ("XYZ", "MOLL"):
        with pytest.raises(InputError) as caught:
            grid = gtbin.Grid(5, 5, 1.0, "CEL", 0.0, 0.0, 0.0, gtbin._projection(projection))
            gtbin.bin_wcs([events], tmp_path / "c.fits", grid, None)
        assert caught.value.key == "proj"


def test_starts_without_heavy_libraries() -> None:
    code = (
        "import sys, latsky.embedded.gtbin\n"
        "print(sorted({'astropy', 'healpy', 'numba', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_sparse_memory_of_a_region(tmp_path: Path) -> None:
    events = event_file(tmp_path / "ft1.fits", [200.0], [266.4], [-28.9])
    bins = gtbin.EnergyBins.logarithmic(100, 1000, 1)
    read = gtbin.bin_healpix(
        [events], tmp_path / "c.fits", HpxGeometry.from_order(7), bins, region="DISK(0,0,3)"
    )
    assert read == (1, 1)
    table = open_hpx(tmp_path / "c.fits")
    assert table.header["NAXIS2"] < 200
