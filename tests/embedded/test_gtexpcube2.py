"""gtexpcube2, against plain sums over bins with the response's own functions."""

import re
from dataclasses import replace
from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy.coordinates import FK5, SkyCoord
from astropy.wcs import WCS

import irf_files
from latsky.embedded import gtexpcube2
from latsky.embedded.exposure import exposure_by_bin
from latsky.embedded.main import main
from latsky.errors import InputError
from latsky.fits import dss, gti
from latsky.fits.core import Column, FitsFile, FitsWriter, Header
from latsky.fits.hpx import HpxGeometry, read_exposure_cube, write_counts_cube
from latsky.fits.irfs import Response, load_response
from latsky.fits.livetime import AngleBins, LivetimeCube, read_livetime_cube, write_livetime_cube

INTERVALS = np.array([[5000.0, 6000.0], [7000.0, 7500.0]])
EDGES = np.array([100.0, 316.0, 1000.0, 5000.0])


def livetime_cube(phi_bins: int = 0) -> LivetimeCube:
    bins = AngleBins(8, phi_bins)
    generator = np.random.default_rng(4)
    values = generator.uniform(0, 1000, (12 * 64, bins.size))
    if phi_bins:
        values[:, :8] = values[:, 8:].reshape(-1, phi_bins, 8).sum(axis=1)
    fraction = generator.uniform(0.7, 0.9, (12 * 64, 1))
    return LivetimeCube(
        HpxGeometry(8, True, "CEL"),
        bins,
        values.astype("f4"),
        (values * fraction).astype("f4"),
        INTERVALS,
        5000.0,
        7500.0,
        (0.0, 100.0),
    )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    irf_files.write_irfs(tmp_path / "irfs")
    psf = tuple(f"PSF{n}" for n in range(4))
    irf_files.write_irfs(tmp_path / "irfs", kinds=psf, group="PSF")
    monkeypatch.delenv("CALDBCONFIG", raising=False)
    monkeypatch.setenv("CALDB", str(tmp_path / "irfs"))
    write_livetime_cube(tmp_path / "lt.fits", livetime_cube(), "gtltcube")
    return tmp_path


def run(place: Path, *arguments: str, name: str = "exp.fits") -> Path:
    given = [f"infile={place}/lt.fits", f"outfile={place}/{name}", "irfs=P8R3_SOURCE_V3"]
    assert main(["gtexpcube2", *given, *arguments]) == 0
    return place / name


HPX = ("cmap=hpx", "hpx_order=2", "emin=100", "emax=10000", "enumbins=4")


def expected_exposure(
    cube: LivetimeCube, response: Response, energy: float, pixel: int, *, by_phi: bool = False
) -> float:
    """By definition, one pixel and energy."""
    total = 0.0
    offset, slope = (float(x[0]) for x in response.event_types[0].aeff.livetime_factors([energy]))
    for kind in response.event_types:
        for at, cosine in enumerate(cube.bins.cos_centers):
            area = kind.aeff.value([energy], [cosine])[0, 0]
            if not by_phi:
                lt, weighted = cube.values[pixel, at], cube.weighted_values[pixel, at]
                total += area * (offset * float(lt) + slope * float(weighted))
                continue
            for phi_bin, phi in enumerate(cube.bins.phi_centers):
                column = cube.bins.n_theta * (1 + phi_bin) + at
                lt, weighted = cube.values[pixel, column], cube.weighted_values[pixel, column]
                factor = kind.aeff.phi_dependence([energy], [cosine], [phi])[0, 0, 0]
                total += area * factor * (offset * float(lt) + slope * float(weighted))
    return total


def cube_pixel(longitude: float, latitude: float) -> int:
    where = SkyCoord(longitude, latitude, unit="deg", frame="galactic").transform_to(FK5)
    return int(healpy.ang2pix(8, where.ra.deg, where.dec.deg, nest=True, lonlat=True))


@pytest.mark.parametrize("mask", [3, 2, 4 + 8 + 32])
def test_healpix(place: Path, mask: int) -> None:
    result = read_exposure_cube(run(place, *HPX, f"evtype={mask}"))
    assert result.geometry == HpxGeometry(4, False, "GAL")
    np.testing.assert_allclose(result.energies, 10 ** np.linspace(2, 4, 5), rtol=1e-12)
    cube, response = livetime_cube(), load_response("P8R3_SOURCE_V3", mask)
    for pixel in (0, 5, 77, 191):
        source = cube_pixel(*healpy.pix2ang(4, pixel, lonlat=True))
        for plane, energy in enumerate(result.energies):
            expected = expected_exposure(cube, response, energy, source)
            assert result.values[plane, pixel] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("more", "by_phi"), [((), True), (("ignorephi=yes",), False)])
def test_azimuth(place: Path, more: tuple[str, ...], by_phi: bool) -> None:
    cube = livetime_cube(3)
    write_livetime_cube(place / "lt.fits", cube, "gtltcube")
    result = read_exposure_cube(run(place, *HPX, "evtype=3", *more))
    response = load_response("P8R3_SOURCE_V3", 3)
    for pixel in (3, 100):
        source = cube_pixel(*healpy.pix2ang(4, pixel, lonlat=True))
        expected = expected_exposure(cube, response, result.energies[1], source, by_phi=by_phi)
        assert result.values[1, pixel] == pytest.approx(expected, rel=1e-6)


def test_schemes_and_frames(place: Path) -> None:
    ring = read_exposure_cube(run(place, *HPX, "evtype=3"))
    nested = read_exposure_cube(run(place, *HPX, "evtype=3", "hpx_ordering_scheme=NESTED"))
    order = healpy.ring2nest(4, np.arange(192))
    np.testing.assert_array_equal(nested.values[:, order], ring.values)
    own = ("hpx_order=3", "hpx_ordering_scheme=NESTED", "coordsys=CEL", "evtype=3")
    cel = read_exposure_cube(run(place, *HPX, *own))
    assert cel.geometry == HpxGeometry(8, True, "CEL")
    response = load_response("P8R3_SOURCE_V3", 3)
    expected = expected_exposure(livetime_cube(), response, 100.0, 345)
    assert cel.values[0, 345] == pytest.approx(expected, rel=1e-6)


def test_energies(place: Path) -> None:
    edges = 10 ** np.linspace(2, 4, 5)
    center = read_exposure_cube(run(place, *HPX, "evtype=3", "bincalc=CENTER"))
    np.testing.assert_allclose(center.energies, np.sqrt(edges[1:] * edges[:-1]), rtol=1e-12)
    wide = read_exposure_cube(run(place, *HPX, "evtype=3", "edisp_bins=2"))
    np.testing.assert_allclose(wide.energies, 10 ** np.linspace(1, 5, 9), rtol=1e-12)
    keV = EDGES * 1e3
    with FitsWriter(place / "bins.fits") as writer:
        columns = [Column("E_MIN", keV[:-1]), Column("E_MAX", keV[1:])]
        writer.table("ENERGYBINS", columns)
    file = ("ebinalg=FILE", f"ebinfile={place}/bins.fits", "evtype=3")
    np.testing.assert_allclose(read_exposure_cube(run(place, *HPX, *file)).energies, EDGES)
    uneven = gtexpcube2.expand_energies(EDGES, 1)
    np.testing.assert_allclose(uneven, [100 / 3.16, *EDGES, 25000.0])


def test_range_of_inclination(place: Path) -> None:
    whole = read_exposure_cube(run(place, *HPX, "evtype=3")).values
    inner = read_exposure_cube(run(place, *HPX, "evtype=3", "thmax=45")).values
    outer = read_exposure_cube(run(place, *HPX, "evtype=3", "thmin=45")).values
    np.testing.assert_allclose(inner + outer, whole, rtol=1e-9)
    assert (inner > 0).all()
    assert (outer > 0).all()


def counts_cube(place: Path, cuts: tuple[dss.Cut, ...], intervals: np.ndarray = INTERVALS) -> Path:
    path = place / "ccube.fits"
    gti_file = place / "gti.fits"
    with FitsWriter(gti_file) as writer:
        gti.write(writer, intervals)
    with FitsFile(gti_file) as file:
        table = file.table("GTI")
    write_counts_cube(
        path,
        HpxGeometry(2, True, "CEL"),
        EDGES,
        np.zeros((3, 48)),
        primary=dss.write(Header(), cuts),
        gti=table,
    )
    return path


CUTS = (
    dss.BitMask("EVENT_CLASS", 128, "P8R3"),
    dss.BitMask("EVENT_TYPE", 48, "P8R3"),
    dss.GoodTimes(),
    dss.Range("ENERGY", "MeV", 100.0, 5000.0),
    dss.Range("ZENITH_ANGLE", "deg", 0.0, 100.0),
)


def test_energies_and_cuts_of_a_counts_cube(place: Path) -> None:
    cmap = f"cmap={counts_cube(place, CUTS)}"
    path = run(place, cmap, "evtype=56", "hpx_order=1")
    result = read_exposure_cube(path)
    np.testing.assert_allclose(result.energies, EDGES, rtol=1e-6)
    assert result.geometry == HpxGeometry(2, False, "GAL")
    own = read_exposure_cube(run(place, cmap, "evtype=56", "hpx_order=INDEF", name="own.fits"))
    assert own.geometry == HpxGeometry(2, True, "CEL")
    with FitsFile(path) as file:
        names = [header.get("EXTNAME") for header in file.headers]
        assert names == [None, "HPXEXPOSURES", "ENERGIES", "GTI"]
        primary = file.header(0)
        assert file.header("HPXEXPOSURES")["TFORM1"] == "D"
        np.testing.assert_array_equal(gti.read(file).intervals, INTERVALS)
    stated = [primary[f"DSTYP{n}"] for n in range(1, primary["NDSKEYS"] + 1)]
    assert stated == [
        "TIME",
        "ENERGY",
        "ZENITH_ANGLE",
        "BIT_MASK(EVENT_CLASS,128,P8R3)",
        "BIT_MASK(EVENT_TYPE,56,P8R3)",
        "IRF_VERSION",
    ]
    assert primary["DSVAL6"] == "P8R3_SOURCE_V3 (PSF)"
    assert (primary["TSTART"], primary["TSTOP"]) == (5000.0, 7500.0)
    assert primary["CREATOR"].startswith("gtexpcube2 (latsky ")


def test_two_runs_give_the_same_bytes(place: Path) -> None:
    first = run(place, *HPX, "evtype=3").read_bytes()
    assert run(place, *HPX, "evtype=3").read_bytes() == first


WCS_MAP = ("cmap=none", "nxpix=30", "nypix=20", "binsz=8", "xref=40", "yref=10")
WCS_ENERGIES = ("emin=100", "emax=10000", "enumbins=4", "evtype=3")


@pytest.mark.parametrize("projection", ["CAR", "AIT", "TAN"])
def test_wcs(place: Path, projection: str) -> None:
    with FitsFile(run(place, *WCS_MAP, *WCS_ENERGIES, f"proj={projection}")) as file:
        image, header = file.image(0), file.header(0)
        np.testing.assert_allclose(file.table("ENERGIES")["Energy"], 10 ** np.linspace(2, 4, 5))
    assert image.shape == (5, 20, 30)
    assert header["CTYPE1"] == f"GLON-{projection}"
    assert header["CTYPE3"] == "log_Energy"
    axes = re.compile(r"(CTYPE|CRPIX|CRVAL|CDELT)[12]")
    wcs = WCS({key: value for key, value, _ in header.cards if axes.fullmatch(key)})
    response = load_response("P8R3_SOURCE_V3", 3)
    seen = 0
    for row, column in ((0, 0), (10, 15), (3, 22)):
        longitude, latitude = (float(x) for x in wcs.wcs_pix2world(column, row, 0))
        if not np.isfinite(longitude):
            assert image[0, row, column] == 0
            continue
        seen += 1
        pixel = cube_pixel(longitude, latitude)
        expected = expected_exposure(livetime_cube(), response, 100.0, pixel)
        assert image[0, row, column] == pytest.approx(expected, rel=1e-6)
    assert seen >= 2


def test_map_larger_than_the_sky(place: Path) -> None:
    arguments = ("nxpix=10", "nypix=40", "yref=0", "xref=0", "proj=AIT")
    with FitsFile(run(place, *WCS_MAP, *WCS_ENERGIES, *arguments)) as file:
        image = file.image(0)
    assert (image[:, 0] == 0).all()
    assert (image[:, 20, 5] > 0).all()


def test_exposure_by_bin_adds_up(place: Path) -> None:
    result = read_exposure_cube(run(place, *HPX, "evtype=3"))
    longitude, latitude = healpy.pix2ang(4, 88, lonlat=True)
    cube, response = read_livetime_cube(place / "lt.fits"), load_response("P8R3_SOURCE_V3", 3)
    by_bin = exposure_by_bin(cube, response, result.energies[2], longitude, latitude)
    assert by_bin.shape == (2, 8)
    assert by_bin.sum() == pytest.approx(result.values[2, 88], rel=1e-9)


def failure(capsys: pytest.CaptureFixture, place: Path, *arguments: str) -> str:
    given = [f"infile={place}/lt.fits", f"outfile={place}/out.fits", "irfs=P8R3_SOURCE_V3"]
    assert main(["gtexpcube2", *given, *arguments]) == 2
    assert not (place / "out.fits").exists()
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("irfs=P8R3_NONE_V1",), "no IRFs named 'P8R3_NONE_V1'; available: P8R3_SOURCE_V3"),
        (("irfs=P8R3_SOURCE_V3::PSF3",), "evtype"),
        (("irfs=CALDB",), "needs a counts map"),
        (("evtype=64",), "no event types for mask 64"),
        (("hpx_order=14",), "hpx_order"),
        (("hpx_order=INDEF",), "hpx_order: required"),
        (("emin=INDEF",), "emin"),
        (("emin=-5",), "emin"),
        (("enumbins=0",), "enumbins"),
        (("cmap=none",), "nxpix: required"),
        (("cmap=absent.fits",), "absent.fits"),
        (("outfile=absent/x.fits",), "no such directory"),
    ],
)
def test_wrong_parameters(
    place: Path, capsys: pytest.CaptureFixture, arguments: tuple[str, ...], text: str
) -> None:
    assert text in failure(capsys, place, *HPX, "evtype=3", *arguments)


def test_unknown_projection(place: Path, capsys: pytest.CaptureFixture) -> None:
    assert "proj: no such map" in failure(capsys, place, *WCS_MAP, *WCS_ENERGIES, "proj=QQQ")


def test_other_good_time_in_the_counts_cube(place: Path, capsys: pytest.CaptureFixture) -> None:
    cmap = counts_cube(place, CUTS, INTERVALS[:1])
    message = failure(capsys, place, f"cmap={cmap}", "evtype=56")
    assert "lt.fits: GTI: good time differs by 500.000 s" in message


def test_livetimes_without_weights(place: Path, capsys: pytest.CaptureFixture) -> None:
    bare = replace(livetime_cube(), weighted_values=None)
    write_livetime_cube(place / "lt.fits", bare, "gtltcube")
    message = failure(capsys, place, *HPX, "evtype=3")
    assert "lt.fits: WEIGHTED_EXPOSURE" in message


def test_irfs_by_the_cuts(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {7: ["P8R2_SOURCE_V6", "P8R3_SOURCE_V2", "P8R3_SOURCE_V3"], 8: ["P8R3_CLEAN_V3"]}
    monkeypatch.setattr(gtexpcube2.caldb, "class_names", lambda: names)
    assert gtexpcube2.irfs_of_cuts(CUTS, Path("c.fits")) == "P8R3_SOURCE_V3"
    old = (dss.BitMask("EVENT_CLASS", 128, "P8R2"),)
    assert gtexpcube2.irfs_of_cuts(old, Path("c.fits")) == "P8R2_SOURCE_V6"
    named = (*CUTS, dss.Version("IRF_VERSION", "P8R3_SOURCE_V2 (PSF)"))
    assert gtexpcube2.irfs_of_cuts(named, Path("c.fits")) == "P8R3_SOURCE_V2"
    with pytest.raises(InputError, match="no event class"):
        gtexpcube2.irfs_of_cuts((dss.GoodTimes(),), Path("c.fits"))
    with pytest.raises(InputError, match="EVENT_CLASS,1024"):
        gtexpcube2.irfs_of_cuts((dss.BitMask("EVENT_CLASS", 1024, "P8R3"),), Path("c.fits"))
    response = load_response("P8R3_SOURCE_V3", 3)
    assert gtexpcube2.partition_suffix(response) == ""
