"""Sums of map cubes in the conventions of GALPROP and of the Fermitools."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from latsky.errors import InputError
from latsky.fits.hpx import HpxGeometry, read_template, write_template
from latsky.steps.main import main
from latsky.steps.sum_rings import sum_rings

ENERGIES = np.array([10.0, 100.0, 1000.0])


def planes(seed: int, nside: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1e-6, (3, 12 * nside**2)).astype("f4")


def galprop(path: Path, values: np.ndarray, keyword: str, energies: np.ndarray = ENERGIES) -> Path:
    columns = [fits.Column(f"Bin{n}", "E", array=plane) for n, plane in enumerate(values)]
    table = fits.BinTableHDU.from_columns(columns, name="SKYMAP2")
    nside = int((len(values[0]) / 12) ** 0.5)
    table.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "RING", "NSIDE": nside})
    table.header[f"HIERARCH {keyword}" if len(keyword) > 8 else keyword] = "GAL"
    grid = fits.BinTableHDU.from_columns([fits.Column("MeV", "D", array=energies)], name="ENERGIES")
    plain = path.with_suffix(".plain")
    fits.HDUList([fits.PrimaryHDU(), table, grid]).writeto(plain)
    data = plain.read_bytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    plain.unlink()
    return path


def test_conventions_mix(tmp_path: Path) -> None:
    files = [
        galprop(tmp_path / "a.gz", planes(1), "COORDTYPE"),
        galprop(tmp_path / "b.fits", planes(2), "COORDSYS"),
        tmp_path / "c.fits",
    ]
    write_template(files[2], HpxGeometry(4), ENERGIES, planes(3), unit="")
    output = tmp_path / "sum.fits"
    assert main(["sum-rings", "--output", str(output), *map(str, files)]) == 0
    exact = sum(planes(seed).astype("f8") for seed in (1, 2, 3))
    found = read_template(output)
    assert np.array_equal(found.values, exact.astype("f4"))
    assert found.energies.tolist() == ENERGIES.tolist()
    with fits.open(output, checksum=True) as file:
        file.verify("exception")
        assert [hdu.name for hdu in file] == ["PRIMARY", "SKYMAP", "ENERGIES"]
        header = file["SKYMAP"].header
        # what the Fermitools need to read a map cube; every column is taken for a plane
        for key, value in (
            ("PIXTYPE", "HEALPIX"),
            ("ORDERING", "RING"),
            ("ORDER", 2),
            ("NSIDE", 4),
            ("COORDSYS", "GAL"),
        ):
            assert header[key] == value
        assert file["SKYMAP"].columns.names == ["ENERGY1", "ENERGY2", "ENERGY3"]


def test_double_precision_is_kept(tmp_path: Path) -> None:
    values = planes(1).astype("f8") * (1 + 1e-12)
    write_template(tmp_path / "a.fits", HpxGeometry(4), ENERGIES, values, dtype="f8")
    write_template(tmp_path / "b.fits", HpxGeometry(4), ENERGIES, 2 * values, dtype="f8")
    sum_rings([tmp_path / "a.fits", tmp_path / "b.fits"], tmp_path / "sum.fits")
    found = read_template(tmp_path / "sum.fits").values
    assert found.dtype == np.dtype("f8")
    assert np.allclose(found, 3 * values, rtol=1e-15)


def test_what_does_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = galprop(tmp_path / "a.gz", planes(1), "COORDSYS")
    finer = galprop(tmp_path / "finer.gz", planes(1, 8), "COORDSYS")
    other = galprop(tmp_path / "other.gz", planes(1), "COORDSYS", ENERGIES * [1, 1.01, 1])
    short = galprop(tmp_path / "short.gz", planes(1)[:2], "COORDSYS", ENERGIES[:2])
    files = map(str, [first, finer, other, short])
    assert main(["sum-rings", "-o", str(tmp_path / "sum.fits"), *files]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "finer.gz: NSIDE: 8, but 4 is expected, as in a.gz" in lines[0]
    assert "other.gz: ENERGIES: 101 MeV, but 100 MeV is expected" in lines[1]
    assert "short.gz: ENERGIES: 2 energies, but 3 are expected" in lines[2]
    assert not (tmp_path / "sum.fits").exists()


def test_pixels_that_are_not_numbers(tmp_path: Path) -> None:
    bad = planes(2)
    bad[1, 5] = np.nan
    files = [galprop(tmp_path / f"{n}.gz", v, "COORDSYS") for n, v in enumerate((planes(1), bad))]
    with pytest.raises(InputError, match="plane 1: a pixel is not finite") as caught:
        sum_rings(files, tmp_path / "sum.fits")
    assert caught.value.file == files[1]


@pytest.mark.reference
def test_rings_of_the_week_are_the_galactic_template(reference: Path, tmp_path: Path) -> None:
    rings = sorted((reference / "week" / "gasmap").glob("*_healpix_TOY_2026.gz"))
    assert len(rings) == 17
    sum_rings(rings, tmp_path / "sum.fits")
    found = read_template(tmp_path / "sum.fits")
    expected = read_template(reference / "week" / "templates" / "template_galactic_toy.fits.gz")
    assert found.geometry == expected.geometry
    assert np.allclose(found.energies, expected.energies, rtol=1e-12)
    assert expected.values.min() > 0
    assert np.abs(found.values / expected.values - 1).max() < np.finfo("f4").eps
