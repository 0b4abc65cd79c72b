"""Pictures of sky products: projections, what is looked up, limits, the command."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from latsky.cli import main as latsky
from latsky.errors import InputError
from latsky.fits.core import Header
from latsky.fits.hpx import (
    HpxGeometry,
    open_hpx,
    write_counts_cube,
    write_exposure_cube,
    write_template,
)
from latsky.report.product import degrade, open_plane
from latsky.report.projection import View
from latsky.report.skyplot import Style, limits, plot_file
from latsky.steps.main import main as step

EDGES = np.array([100.0, 1000.0, 10000.0])


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    geometry = HpxGeometry.from_order(4)
    values = np.random.default_rng(4).poisson(2.0, (2, geometry.npix)).astype("f8")
    values[0, :100] = 0
    primary = Header(
        [("DATE-OBS", "2014-08-07T01:15:00", ""), ("DATE-END", "2014-08-14T01:10:00", "")]
    )
    write_counts_cube(tmp_path / "ccube.fits", geometry, EDGES, values, primary=primary)
    return tmp_path / "ccube.fits"


def png(path: Path) -> tuple[int, int, list[str]]:
    """Width, height and chunk names of a PNG whose checksums are right."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, names, size = 8, [], (0, 0)
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        (check,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        assert check == zlib.crc32(name + body)
        if name == b"IHDR":
            size = struct.unpack(">II", body[:8])
        names.append(name.decode())
        at += 12 + length
    return *size, names


@pytest.mark.parametrize("name", ["mollweide", "hammer", "cartesian"])
def test_projections_invert(name: str) -> None:
    view = View(name, longitude=30.0)
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(0, 360, 500), rng.uniform(-85, 85, 500)
    x, y = view.forward(lon, lat)
    half_x, half_y = view.extent
    assert np.all(np.abs(x) <= half_x) and np.all(np.abs(y) <= half_y)
    back_lon, back_lat = view.inverse(x, y)
    assert np.allclose((back_lon - lon + 180) % 360 - 180, 0, atol=1e-4)
    assert np.allclose(back_lat, lat, atol=1e-4)
    # the middle of the picture is the centre, longitude grows to the left
    grid_lon, grid_lat = view.directions(101)
    middle = grid_lat.shape[0] // 2
    assert grid_lon[middle, 50] == pytest.approx(30.0, abs=2)
    assert (grid_lon[middle, 40] - 30) % 360 < 180 < (grid_lon[middle, 60] - 30) % 360
    assert grid_lat[-1, 50] > 70 > -70 > grid_lat[0, 50]
    if name != "cartesian":
        assert np.isnan(grid_lat[0, 0])


@pytest.mark.parametrize("name", ["mollweide", "hammer"])
def test_equal_area(name: str) -> None:
    """Every tenth of the sphere in sin(latitude) covers a tenth of the picture."""
    _, lat = View(name).directions(1000)
    inside = np.sin(np.radians(lat[np.isfinite(lat)]))
    share = np.histogram(inside, np.linspace(-1, 1, 11))[0] / inside.size
    assert np.allclose(share, 0.1, atol=2e-3)
    assert inside.size / lat.size == pytest.approx(np.pi / 4, abs=1e-3)


@pytest.mark.parametrize("latitude", [-20.0, 89.0])
def test_zoom(latitude: float) -> None:
    view = View("zoom", 80.0, latitude, 20.0, 10.0)
    lon, lat = view.directions(201)
    assert lat.shape == (101, 201)
    from astropy.coordinates import SkyCoord

    sky, centre = SkyCoord(lon, lat, unit="deg"), SkyCoord(80.0, latitude, unit="deg")
    assert sky.separation(centre).deg.min() < 0.06
    # middle of the right edge: half the width away, at smaller longitude
    edge = sky[50, 200]
    assert edge.separation(centre).deg == pytest.approx(10.0, abs=0.12)
    if latitude < 80:
        assert lon[50, 200] < 80.0 < lon[50, 0]
    assert not np.isnan(lat).any()


def test_lookup_is_the_pixel(counts: Path) -> None:
    table = open_hpx(counts)
    lon, lat = table.geometry.centres()
    total = open_plane(counts)
    assert np.array_equal(total.lookup(lon, lat), table.read().sum(axis=0))
    one = open_plane(counts, plane="1")
    assert np.array_equal(one.lookup(lon, lat), table.plane(1))
    assert np.isnan(one.lookup(np.array([np.nan]), np.array([np.nan]))).all()
    assert (one.kind, one.unit, one.coordsys) == ("counts", "counts per pixel", "GAL")
    assert one.title == "Counts, 1 GeV – 10 GeV"
    assert total.title == "Counts, 100 MeV – 10 GeV"
    assert total.subtitle == "2014-08-07 to 2014-08-14"


def test_titles_and_units(tmp_path: Path) -> None:
    geometry, values = HpxGeometry(2), np.ones((3, 48))
    write_exposure_cube(tmp_path / "bexp.fits", geometry, EDGES, values)
    write_template(tmp_path / "map.fits", geometry, EDGES, values)
    exposure, template = (
        open_plane(tmp_path / "bexp.fits", plane="2"),
        open_plane(tmp_path / "map.fits"),
    )
    assert (exposure.kind, exposure.title) == ("exposure", "Exposure at 10 GeV")
    assert (template.kind, template.title) == ("template", "Intensity at 100 MeV")
    with pytest.raises(InputError, match="plane 3 of 3"):
        open_plane(tmp_path / "map.fits", plane="3")
    with pytest.raises(InputError, match="neither a number nor sum"):
        open_plane(tmp_path / "map.fits", plane="x")


def test_part_of_the_sky(tmp_path: Path) -> None:
    pixels = np.array([700, 701, 702])
    write_counts_cube(
        tmp_path / "part.fits",
        HpxGeometry(8),
        EDGES,
        np.array([[1, 2, 3], [4, 5, 6]]),
        pixels=pixels,
        region="DISK(30,-40,5)",
        dtype="i4",
    )
    sky = open_plane(tmp_path / "part.fits", plane="1")
    assert sky.values[pixels].tolist() == [4, 5, 6]
    assert np.isnan(sky.values).sum() == 765
    assert sky.footprint == (30.0, -40.0, 10.5, 10.5)


@pytest.mark.parametrize("nested", [False, True])
def test_degrade_keeps_the_mean(nested: bool) -> None:
    import healpy

    values = np.random.default_rng(2).normal(size=768)
    order = "NESTED" if nested else "RING"
    expected = healpy.ud_grade(values, 4, order_in=order, order_out=order)
    assert np.allclose(degrade(values, HpxGeometry(8, nested), 4), expected, rtol=1e-12)


def test_fine_counts_are_summed(tmp_path: Path) -> None:
    geometry = HpxGeometry.from_order(5)
    values = np.random.default_rng(4).poisson(0.1, (2, geometry.npix)).astype("f8")
    write_counts_cube(tmp_path / "c.fits", geometry, EDGES, values)
    sky = open_plane(tmp_path / "c.fits", finest=4)
    assert len(sky.values) == 192
    assert sky.values.sum() == pytest.approx(values.sum(), rel=1e-12)


def test_limits() -> None:
    values = np.array([-1.0, 0.0, 2.0, 5.0, np.nan])
    assert limits(values, Style("log")) == (2.0, 5.0)
    assert limits(values, Style("lin")) == (-1.0, 5.0)
    assert limits(values, Style("sqrt")) == (0.0, 5.0)
    assert limits(values, Style("log", 0.5, 3.0)) == (0.5, 3.0)
    # a wide range begins below its least value, which would look like nothing
    assert limits(np.array([0.0, 1.0, 100.0]), Style("log")) == (0.5, 100.0)
    assert limits(np.array([1e-30, 1.0]), Style("log")) == (5e-7, 1.0)
    for empty in (np.zeros(3), np.full(3, 7.0), np.array([np.nan])):
        for scale in ("log", "sqrt", "lin"):
            low, high = limits(empty, Style(scale))
            assert low < high
    for style, key in (
        (Style("log", 0.0), "zmin"),
        (Style("sqrt", -1.0), "zmin"),
        (Style("lin", 3.0, 3.0), "zmax"),
    ):
        with pytest.raises(InputError) as caught:
            limits(values, style)
        assert caught.value.key == key


def test_command(counts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = [tmp_path / f"{n}.png" for n in range(2)]
    for output in outputs:
        assert latsky(["view", str(counts), "-o", str(output), "--pixels", "300"]) == 0
        assert capsys.readouterr().out.strip() == str(output)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    width, height, chunks = png(outputs[0])
    assert (width, height) > (1000, 600)
    # no date, no software: nothing but the picture and its resolution
    assert set(chunks) == {"IHDR", "pHYs", "IDAT", "IEND"}


def test_default_name(counts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(counts.parent)
    assert step(["healview", str(counts), "--plane", "1", "--pixels", "100"]) == 0
    assert (counts.parent / "ccube_1.png").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--projection", "hammer", "--zscale", "sqrt"],
        ["--projection", "cartesian", "--zscale", "lin", "--plane", "0"],
        ["--center", "120", "88", "--width", "20", "--height", "10"],
        ["--zmin", "0.1", "--zmax", "3", "--cbar", "magma", "--title", "A title"],
    ],
)
def test_options_change_the_picture(counts: Path, tmp_path: Path, options: list[str]) -> None:
    plain, other = tmp_path / "plain.png", tmp_path / "other.png"
    assert step(["healview", str(counts), "-o", str(plain), "--pixels", "100"]) == 0
    assert step(["healview", str(counts), "-o", str(other), "--pixels", "100", *options]) == 0
    png(other)
    assert plain.read_bytes() != other.read_bytes()


def test_wcs_map(tmp_path: Path) -> None:
    image = fits.PrimaryHDU(np.arange(200.0).reshape(10, 20))
    image.header.update(
        {
            "CTYPE1": "GLON-CAR",
            "CRPIX1": 10.5,
            "CRVAL1": 50.0,
            "CDELT1": -1.0,
            "CTYPE2": "GLAT-CAR",
            "CRPIX2": 5.5,
            "CRVAL2": 0.0,
            "CDELT2": 1.0,
            "BUNIT": "K",
        }
    )
    image.writeto(tmp_path / "map.fits")
    sky = open_plane(tmp_path / "map.fits")
    assert sky.unit == "K"
    assert sky.footprint == pytest.approx((50.0, 0.0, 20.0, 10.0))
    # pixel (x, y) = (3, 7) counted from 0 is at l = 50 + 6.5, b = 2.5
    assert sky.lookup(np.array([56.5]), np.array([2.5])).tolist() == [7 * 20 + 3]
    assert np.isnan(sky.lookup(np.array([70.0, 50.0]), np.array([0.0, 8.0]))).all()
    plot_file(tmp_path / "map.fits", tmp_path / "map.png", style=Style("lin", pixels=100))
    png(tmp_path / "map.png")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--plane", "7"], "plane: plane 7 of 2"),
        (["--hdu", "nosuch"], "nosuch: no HDU nosuch"),
        (["--zmin", "-1"], "zmin: -1: a logarithmic scale"),
        (["--zmin", "5", "--zmax", "4"], "zmax: nothing to show"),
        (["--cbar", "nosuch"], "cbar: no colour map"),
        (["--pixels", "3"], "pixels: 3 is not within"),
        (["--center", "0", "91"], "width: a part of the sky"),
        (["-o", "nowhere/x.png"], "output: no such directory"),
    ],
)
def test_mistakes(
    counts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert latsky(["view", str(counts), *options]) == 2
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.reference
def test_products_of_the_week(reference: Path, tmp_path: Path) -> None:
    expected = reference / "week" / "expected"
    for name, hdu, plane, kind, coordsys in (
        ("ccube_E1_PSF23", None, None, "counts", "GAL"),
        ("bexpcube_E2_PSF123", None, "1", "exposure", "GAL"),
        ("ltcube_zmax80", None, None, "livetime", "CEL"),
        ("srcmaps_E1_PSF23", "vela", "1", "source map", "GAL"),
        ("srcmaps_E1_PSF23", "galactic_hpx", "1", "source map", "GAL"),
    ):
        output = tmp_path / f"{name}_{hdu}.png"
        sky = plot_file(
            expected / f"{name}.fits.gz", output, hdu=hdu, plane=plane, style=Style(pixels=200)
        )
        assert (sky.kind, sky.coordsys) == (kind, coordsys)
        png(output)
