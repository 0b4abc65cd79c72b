"""Tools that change templates, and the copying of DSS keywords."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from latsky.errors import InputError
from latsky.fits.core import Header
from latsky.fits.hpx import HpxGeometry, read_template, write_template
from latsky.steps.copy_dss import copy_dss
from latsky.steps.main import main
from latsky.steps.template_clip import clip
from latsky.steps.template_scale import scale

ENERGIES = np.array([100.0, 1000.0, 10000.0])


@pytest.fixture
def template(tmp_path: Path) -> tuple[Path, np.ndarray]:
    values = np.random.default_rng(9).normal(1.0, 1.0, (3, 192)).astype("f4")
    path = tmp_path / "map.fits"
    write_template(path, HpxGeometry(4), ENERGIES, values)
    return path, values


@pytest.fixture
def wcs_template(tmp_path: Path) -> tuple[Path, np.ndarray]:
    values = np.random.default_rng(8).normal(1.0, 1.0, (3, 4, 5)).astype("f4")
    path = tmp_path / "cube.fits"
    image = fits.PrimaryHDU(values)
    image.header.update({"CTYPE1": "GLON-CAR", "CTYPE2": "GLAT-CAR", "CRVAL1": 3.5})
    grid = fits.BinTableHDU.from_columns(
        [fits.Column("Energy", "D", array=ENERGIES, unit="MeV")], name="ENERGIES"
    )
    fits.HDUList([image, grid]).writeto(path)
    return path, values


def test_clip(template: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    path, values = template
    changes = clip(path, tmp_path / "out.fits")
    assert [change.pixels for change in changes] == (values < 0).sum(axis=1).tolist()
    assert min(change.pixels for change in changes) > 0
    found = read_template(tmp_path / "out.fits")
    assert np.array_equal(found.values, np.maximum(values, 0))
    assert found.energies.tolist() == ENERGIES.tolist()


def test_clip_and_missing_pixels(template: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    _, values = template
    values[1, 3] = np.nan
    write_template(tmp_path / "nan.fits", HpxGeometry(4), ENERGIES, values)
    with pytest.raises(InputError, match=r"plane 1 \(1000 MeV\): 1 pixels are NaN"):
        clip(tmp_path / "nan.fits", tmp_path / "out.fits")
    assert not (tmp_path / "out.fits").exists()
    clip(tmp_path / "nan.fits", tmp_path / "out.fits", 1e-9, replace_nan=True)
    found = read_template(tmp_path / "out.fits").values
    assert found[1, 3] == np.float32(1e-9)
    assert found.min() == np.float32(1e-9)


def test_scale(template: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    path, values = template
    table = tmp_path / "factors.txt"
    table.write_text("# MeV factor\n100 2\n10000, 0.5  # end\n")
    arguments = ["--output", str(tmp_path / "out.fits"), "--factors", str(table), str(path)]
    assert main(["template-scale", *arguments]) == 0
    found = read_template(tmp_path / "out.fits").values
    # a power law: 2 -> 1 -> 0.5
    assert np.allclose(found, values * np.array([[2.0], [1.0], [0.5]]), rtol=1e-6)
    table.write_text("500 3\n")
    scale(path, tmp_path / "out.fits", table)
    assert np.allclose(read_template(tmp_path / "out.fits").values, 3 * values, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no factors"),
        ("100 2 3\n", "line 1: energy"),
        ("100 2\nx 3\n", "line 2: energy"),
        ("100 -2\n", "line 1: positive"),
        ("100 2\n100 3\n", "line 2: energies must rise"),
        ("100 2\n5000 3\n", "covers 100 to 5000 MeV, but the template needs 100 to 10000 MeV"),
    ],
)
def test_bad_factors(
    template: tuple[Path, np.ndarray], tmp_path: Path, text: str, message: str
) -> None:
    table = tmp_path / "factors.txt"
    table.write_text(text)
    with pytest.raises(InputError) as caught:
        scale(template[0], tmp_path / "out.fits", table)
    assert message in str(caught.value)
    assert str(table) in str(caught.value)
    assert not (tmp_path / "out.fits").exists()


def test_wcs_cubes(wcs_template: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    path, values = wcs_template
    clip(path, tmp_path / "clip.fits.gz")
    (tmp_path / "f.txt").write_text("100 4\n")
    scale(path, tmp_path / "scale.fits", tmp_path / "f.txt")
    for name, expected in (("clip.fits.gz", np.maximum(values, 0)), ("scale.fits", 4 * values)):
        with fits.open(tmp_path / name, checksum=True) as file:
            file.verify("exception")
            assert np.array_equal(file[0].data, expected)
            assert file[0].header["CRVAL1"] == 3.5
            assert file["ENERGIES"].data["Energy"].tolist() == ENERGIES.tolist()


def dss_file(path: Path, cuts: list[tuple[str, str, str]], *extra: fits.BinTableHDU) -> Path:
    primary = fits.PrimaryHDU()
    for number, (kind, unit, value) in enumerate(cuts, 1):
        primary.header[f"DSTYP{number}"] = kind
        primary.header[f"DSUNI{number}"] = unit
        primary.header[f"DSVAL{number}"] = value
    primary.header["NDSKEYS"] = len(cuts)
    fits.HDUList([primary, *extra]).writeto(path)
    return path


def test_copy_dss(tmp_path: Path) -> None:
    new = [("BIT_MASK(EVENT_CLASS,128,P8R3)", "DIMENSIONLESS", "1:1"), ("ENERGY", "MeV", "100:200")]
    old = [("ENERGY", "MeV", "1:2"), ("ZENITH_ANGLE", "deg", "0:80"), ("X", "deg", "0:8")]
    plain = fits.BinTableHDU.from_columns(
        [
            fits.Column("CHANNEL1", "D", array=np.arange(12.0)),
            fits.Column("CELLS", "PE()", array=np.array([np.arange(n) for n in range(12)], "O")),
        ],
        name="one",
    )
    stated = fits.BinTableHDU.from_columns([fits.Column("A", "J", array=np.arange(5))], name="two")
    stated.header.update({"NDSKEYS": 1, "DSTYP1": "ENERGY", "DSUNI1": "MeV", "DSVAL1": "1:2"})
    path = dss_file(tmp_path / "maps.fits", old, plain, stated)
    source = dss_file(tmp_path / "ccube.fits", new)
    output = tmp_path / "out.fits"
    assert main(["copy-dss", "-o", str(output), "--source", str(source), str(path)]) == 0
    with fits.open(output, checksum=True) as file, fits.open(path) as before:
        file.verify("exception")
        for number in (0, 2):
            header = file[number].header
            assert header["NDSKEYS"] == 2
            assert header["DSTYP1"] == new[0][0] and header["DSVAL2"] == "100:200"
            assert "DSTYP3" not in header
        assert "NDSKEYS" not in file[1].header
        assert np.array_equal(file[1].data["CHANNEL1"], before[1].data["CHANNEL1"])
        for mine, its in zip(file[1].data["CELLS"], before[1].data["CELLS"], strict=True):
            assert np.array_equal(mine, its)
        assert np.array_equal(file[2].data["A"], before[2].data["A"])


def test_copy_dss_from_a_file_without(tmp_path: Path) -> None:
    path = dss_file(tmp_path / "maps.fits", [("ENERGY", "MeV", "1:2")])
    write_template(
        tmp_path / "map.fits", HpxGeometry(1), ENERGIES, np.ones((3, 12)), primary=Header()
    )
    with pytest.raises(InputError, match="no DSS keywords"):
        copy_dss(path, tmp_path / "map.fits", tmp_path / "out.fits")
    cut = tmp_path / "cut.fits"
    cut.write_bytes((tmp_path / "map.fits").read_bytes()[:-2880])
    with pytest.raises(InputError, match="truncated"):
        copy_dss(cut, path, tmp_path / "out.fits")
    assert not (tmp_path / "out.fits").exists()
