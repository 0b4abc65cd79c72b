"""HEALPix cubes: what is written is what astropy and the readers find."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from latsky.errors import InputError
from latsky.fits.core import Header
from latsky.fits.hpx import (
    HpxGeometry,
    geometry_from_header,
    open_hpx,
    read_counts_cube,
    read_exposure_cube,
    read_template,
    write_counts_cube,
    write_exposure_cube,
    write_template,
)

EDGES = np.array([100.0, 316.2277660168379, 1000.0, 5000.0])


def table_file(path: Path, columns: list[fits.Column], keywords: dict[str, object]) -> Path:
    table = fits.BinTableHDU.from_columns(columns, name="SKYMAP")
    table.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "RING", "COORDSYS": "GAL"} | keywords)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    return path


def random_planes(planes: int, nside: int) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(planes, 12 * nside * nside))


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("frame", ["GAL", "CEL"])
def test_pixels_are_those_of_healpy(nested: bool, frame: str) -> None:
    import healpy

    geometry = HpxGeometry.from_order(6, nested, frame)
    rng = np.random.default_rng(1)
    longitude, latitude = rng.uniform(-180, 360, 2000), rng.uniform(-90, 90, 2000)
    expected = healpy.ang2pix(64, longitude, latitude, nest=nested, lonlat=True)
    assert np.array_equal(geometry.pixels(longitude, latitude), expected)
    assert geometry.pixels(np.array([np.nan, 0.0]), np.array([0.0, 91.0])).tolist() == [-1, -1]
    back = geometry.pixels(*geometry.centres())
    assert np.array_equal(back, np.arange(geometry.npix))
    assert geometry.pixel_area == pytest.approx(healpy.nside2pixarea(64), rel=1e-14)


def test_counts_cube_as_astropy_sees_it(tmp_path: Path) -> None:
    geometry = HpxGeometry.from_order(3, True, "CEL")
    counts = np.random.default_rng(2).poisson(3.0, (3, geometry.npix)).astype("f8")
    path = tmp_path / "ccube.fits"
    write_counts_cube(
        path, geometry, EDGES, counts, primary=Header([("TELESCOP", "GLAST", "mission")])
    )
    with fits.open(path, checksum=True) as file:
        assert [hdu.name for hdu in file] == ["PRIMARY", "SKYMAP", "EBOUNDS"]
        header, data = file["SKYMAP"].header, file["SKYMAP"].data
        assert [header[key] for key in ("NSIDE", "ORDER", "ORDERING", "COORDSYS", "LASTPIX")] == [
            8,
            3,
            "NESTED",
            "CEL",
            767,
        ]
        assert data.columns.names == ["CHANNEL1", "CHANNEL2", "CHANNEL3"]
        assert data.columns.formats == ["D", "D", "D"]
        for number in range(3):
            assert np.array_equal(data[f"CHANNEL{number + 1}"], counts[number])
        bounds = file["EBOUNDS"].data
        assert file["EBOUNDS"].columns["E_MIN"].unit == "keV"
        assert np.allclose(bounds["E_MIN"], 1e3 * EDGES[:-1], rtol=1e-6)
        assert np.allclose(bounds["E_MAX"], 1e3 * EDGES[1:], rtol=1e-6)
    cube = read_counts_cube(path)
    assert cube.geometry == geometry
    assert np.array_equal(cube.counts, counts)
    assert cube.counts.flags.c_contiguous and cube.counts.dtype == np.dtype("f8")
    assert np.allclose(cube.edges, EDGES, rtol=1e-6)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_exposure_and_template(tmp_path: Path, suffix: str) -> None:
    geometry, values = HpxGeometry(8), random_planes(4, 8)
    exposure = tmp_path / f"bexpcube.fits{suffix}"
    write_exposure_cube(exposure, geometry, EDGES, values)
    found = read_exposure_cube(exposure)
    assert np.array_equal(found.values, values)
    assert np.array_equal(found.energies, EDGES)
    template = tmp_path / f"map.fits{suffix}"
    write_template(template, geometry, EDGES, values)
    read = read_template(template)
    assert read.values.dtype == np.dtype("f4")
    assert np.array_equal(read.values, values.astype("f4"))
    described = open_hpx(template)
    assert np.array_equal(described.plane(2), values[2].astype("f4"))
    assert np.array_equal(described.read(1, 3, "f8"), values[1:3].astype("f4"))
    with pytest.raises(IndexError):
        described.read(2, 5)


def test_rows_in_many_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latsky.fits.hpx.CHUNK_BYTES", 1000)
    values = random_planes(4, 8)
    write_template(tmp_path / "map.fits", HpxGeometry(8), EDGES, values, dtype="f8")
    assert np.array_equal(read_template(tmp_path / "map.fits").values, values)
    with fits.open(tmp_path / "map.fits") as file:
        assert np.array_equal(file["SKYMAP"].data["ENERGY4"], values[3])


def test_part_of_the_sky(tmp_path: Path) -> None:
    geometry = HpxGeometry(8)
    pixels = np.array([700, 3, 20])
    values = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
    path = tmp_path / "part.fits"
    write_counts_cube(
        path, geometry, EDGES, values, pixels=pixels, region="DISK(0,0,3)", header=Header()
    )
    with fits.open(path) as file:
        assert file["SKYMAP"].columns.names[0] == "PIX"
        assert file["SKYMAP"].header["INDXSCHM"] == "EXPLICIT"
        assert file["SKYMAP"].header["HPX_REG"] == "DISK(0,0,3)"
    table = open_hpx(path)
    expected = np.zeros((3, 768))
    expected[:, pixels] = values
    assert np.array_equal(table.read(), expected)
    assert np.isnan(table.plane(0, fill=np.nan)[4])


def test_adding_is_reading_and_adding(tmp_path: Path) -> None:
    geometry, pixels = HpxGeometry(8), np.array([700, 3, 20])
    whole, part = random_planes(3, 8), np.arange(9.0).reshape(3, 3)
    write_counts_cube(tmp_path / "whole.fits", geometry, EDGES, whole)
    write_counts_cube(tmp_path / "part.fits", geometry, EDGES, part, pixels=pixels)
    total = np.ones((3, 768))
    for name in ("whole.fits", "part.fits"):
        open_hpx(tmp_path / name).add_to(total)
    expected = 1 + whole + open_hpx(tmp_path / "part.fits").read()
    assert np.array_equal(total, expected)
    one = np.zeros((1, 768))
    open_hpx(tmp_path / "whole.fits").add_to(one, 1, 2)
    assert np.array_equal(one[0], whole[1])


def test_galprop_file(tmp_path: Path) -> None:
    values = random_planes(3, 4).astype("f4")
    columns = [fits.Column(f"Bin{n}", "E", array=plane) for n, plane in enumerate(values)]
    table = fits.BinTableHDU.from_columns(columns, name="SKYMAP2")
    table.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "RING", "NSIDE": 4, "COORDTYPE": "GAL"})
    energies = fits.BinTableHDU.from_columns(
        [fits.Column("MeV", "D", array=np.array([10.0, 20.0, 40.0]))], name="ENERGIES"
    )
    path = tmp_path / "ring.gz"
    fits.HDUList([fits.PrimaryHDU(), table, energies]).writeto(tmp_path / "ring.fits")
    import gzip

    path.write_bytes(gzip.compress((tmp_path / "ring.fits").read_bytes()))
    cube = read_template(path)
    assert cube.geometry == HpxGeometry(4, False, "GAL")
    assert cube.energies.tolist() == [10.0, 20.0, 40.0]
    assert np.array_equal(cube.values, values)


def test_vector_columns(tmp_path: Path) -> None:
    values = random_planes(3, 8)
    spectra = table_file(
        tmp_path / "s.fits", [fits.Column("Spectra", "3D", array=values.T)], {"NSIDE": 8}
    )
    assert np.array_equal(open_hpx(spectra).read(1), values[1:])
    wrapped = table_file(
        tmp_path / "w.fits",
        [fits.Column("T", "64D", array=values[0].reshape(-1, 64))],
        {"NSIDE": 8},
    )
    assert np.array_equal(open_hpx(wrapped).read(), values[:1])


def test_sparse(tmp_path: Path) -> None:
    columns = [
        fits.Column("PIX", "J", array=np.array([5, 5, 7])),
        fits.Column("CHANNEL", "I", array=np.array([0, 2, 1])),
        fits.Column("VALUE", "E", array=np.array([1.5, 2.5, 3.5])),
    ]
    path = table_file(tmp_path / "s.fits", columns, {"NSIDE": 8, "N_ENERGY": 4})
    table = open_hpx(path, "SKYMAP")
    dense = table.read()
    assert dense.shape == (4, 768)
    assert (dense[0, 5], dense[2, 5], dense[1, 7], dense.sum()) == (1.5, 2.5, 3.5, 7.5)
    assert np.array_equal(table.read(1, 3), dense[1:3])


@pytest.mark.parametrize(
    ("keywords", "key"),
    [
        ({"NSIDE": 0}, "NSIDE"),
        ({"NSIDE": 8, "ORDER": 4}, "ORDER"),
        ({"NSIDE": 8, "ORDERING": "SPIRAL"}, "ORDERING"),
        ({"NSIDE": 8, "COORDSYS": "ECL"}, "COORDSYS"),
        ({"NSIDE": 6, "ORDERING": "NESTED"}, "NSIDE"),
        ({"NSIDE": 4}, "SKYMAP"),
        ({"NSIDE": 8, "INDXSCHM": "EXPLICIT"}, "INDXSCHM"),
    ],
)
def test_wrong_keywords(tmp_path: Path, keywords: dict[str, object], key: str) -> None:
    path = table_file(
        tmp_path / "map.fits", [fits.Column("CHANNEL1", "D", array=np.zeros(768))], keywords
    )
    with pytest.raises(InputError) as caught:
        open_hpx(path)
    assert caught.value.key == key
    assert str(path) in str(caught.value)


def test_wrong_files(tmp_path: Path) -> None:
    path = tmp_path / "map.fits"
    write_template(path, HpxGeometry(8), EDGES, random_planes(4, 8))
    cut = tmp_path / "cut.fits"
    cut.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(InputError, match="truncated"):
        open_hpx(cut).read()
    with pytest.raises(InputError, match="EBOUNDS"):
        read_counts_cube(path)
    wrong = tmp_path / "wrong.fits"
    write_template(wrong, HpxGeometry(8), EDGES[:3], random_planes(4, 8))
    with pytest.raises(InputError, match="3 energies, but 4 planes"):
        read_template(wrong)
    empty = tmp_path / "empty.fits"
    fits.HDUList([fits.PrimaryHDU()]).writeto(empty)
    with pytest.raises(InputError, match="no HEALPix map"):
        open_hpx(empty)
    outside = table_file(
        tmp_path / "outside.fits",
        [
            fits.Column("PIX", "J", array=np.array([768])),
            fits.Column("CHANNEL1", "D", array=np.array([1.0])),
        ],
        {"NSIDE": 8},
    )
    with pytest.raises(InputError, match="outside of the sphere"):
        open_hpx(outside).read()


def test_frame_that_is_not_given() -> None:
    header = Header([("NSIDE", 8, ""), ("ORDERING", "RING", "")])
    with pytest.raises(InputError, match="neither GAL nor CEL"):
        geometry_from_header(header)
    assert geometry_from_header(header, default_frame="GAL").coordsys == "GAL"
    header.set("COORDTYPE", "EQU")
    assert geometry_from_header(header).coordsys == "CEL"


@pytest.mark.reference
def test_reference_files_as_astropy_sees_them(reference: Path) -> None:
    for name, prefix, hdu in (
        ("week/expected/ccube_E2_PSF123.fits.gz", "CHANNEL", "SKYMAP"),
        ("week/expected/bexpcube_E2_PSF123.fits.gz", "ENERGY", "HPXEXPOSURES"),
        ("week/templates/template_galactic_toy.fits.gz", "ENERGY", "SKYMAP"),
        ("week/expected/srcmaps_E2_PSF123.fits.gz", "CHANNEL", "GALACTIC_HPX"),
    ):
        table = open_hpx(reference / name, hdu)
        values = table.read()
        with fits.open(reference / name) as file:
            data = file[hdu].data
            assert table.n_planes == len(data.columns)
            for number in range(table.n_planes):
                assert np.array_equal(values[number], data[f"{prefix}{number + 1}"])
    assert read_counts_cube(reference / "week/expected/ccube_E2_PSF123.fits.gz").edges == (
        pytest.approx(10 ** np.linspace(2.5, 3, 4), rel=1e-6)
    )
    old = read_exposure_cube(reference / "real/allsky_2fhl/2fhl_exposure_cube_hpx.fits.gz")
    assert (old.geometry, len(old.energies)) == (HpxGeometry(32, False, "GAL"), 18)
