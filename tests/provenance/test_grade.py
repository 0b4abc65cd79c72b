"""Grades of files: the same bytes, the same data, within a tolerance, different."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from latsky.provenance.fits_sums import datasums
from latsky.provenance.grade import Grade, Side, compare_files, grade_value
from latsky.provenance.run_data import RunData


def cube(path: Path, values: list[float], *, creator: str = "a", rows: int = 3) -> Path:
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("N", "D", array=np.full(rows, 2.0)),
            fits.Column("S", "3A", array=["x"] * rows),
        ]
    )
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.array(values)), table])
    hdus[0].header["CREATOR"] = creator
    hdus.writeto(path, checksum=True)
    return path


@pytest.mark.parametrize(
    ("change", "grade"),
    [
        ({"creator": "b"}, Grade.DATA),
        ({"values": [1.0, 2.0 * (1 + 1e-9)]}, Grade.TOLERANCE),
        ({"values": [1.0, 2.001]}, Grade.DIFFERENT),
        ({"values": [1.0, 2.0, 3.0]}, Grade.DIFFERENT),
        ({"rows": 4}, Grade.DIFFERENT),
    ],
)
def test_fits(tmp_path, change, grade):
    one = cube(tmp_path / "a.fits", [1.0, 2.0])
    other = cube(tmp_path / "b.fits", **{"values": [1.0, 2.0], **change})
    assert compare_files(one, other, 1e-6)[0] is grade


def test_a_broken_fits_file_is_different(tmp_path):
    one = cube(tmp_path / "a.fits", [1.0, 2.0])
    other = tmp_path / "b.fits"
    other.write_bytes(one.read_bytes()[:3000])
    assert compare_files(one, other, 1e-6)[0] is Grade.DIFFERENT
    other.write_bytes(b"")
    assert compare_files(one, other, 1e-6)[0] is Grade.DIFFERENT


def test_json(tmp_path):
    one, other = tmp_path / "a.json", tmp_path / "b.json"
    one.write_text('{"a": [1.0, "x"]}')
    for text, grade in (
        ('{"a": [1.00000001, "x"]}', Grade.TOLERANCE),
        ('{"a": [1.1, "x"]}', Grade.DIFFERENT),
        ('{"a": [1.0]}', Grade.DIFFERENT),
        ("{", Grade.DIFFERENT),
    ):
        other.write_text(text)
        assert compare_files(one, other, 1e-6)[0] is grade


def test_sums_are_those_in_the_headers(tmp_path):
    path = cube(tmp_path / "a.fits", list(np.arange(2000.0)), rows=700)
    with fits.open(path) as hdus:
        assert datasums(path) == [str(int(hdu.header["DATASUM"])) for hdu in hdus]
    plain = tmp_path / "b.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones(5))]).writeto(plain)
    assert datasums(plain) is None
    short = tmp_path / "c.fits"
    short.write_bytes(path.read_bytes()[:2881])
    assert datasums(short) is None
    assert datasums(tmp_path / "none.fits") is None


def test_grades_are_in_order():
    assert Grade.IDENTICAL > Grade.DATA > Grade.TOLERANCE > Grade.DIFFERENT
    assert str(Grade.DATA) == "data"


def test_directories(tmp_path):
    """By the names and contents of their files."""

    def directory(**files: str) -> dict:
        listing = [
            {"class": "File", "basename": name, "sha256": text} for name, text in files.items()
        ]
        return {"class": "Directory", "location": f"/{len(files)}", "listing": listing}

    side = Side(RunData(tmp_path, {}, [], {}, {}), {}, {})

    def findings(one: dict, other: dict) -> dict[str, Grade]:
        return {f.name: f.grade for f in grade_value(side, side, one, other, "o", 0.0)}

    one = directory(a="1", b="2")
    assert findings(one, directory(b="2", a="1")) == {"a": Grade.IDENTICAL, "b": Grade.IDENTICAL}
    assert findings(one, directory(a="1", b="3"))["b"] is Grade.DIFFERENT
    assert findings(one, directory(a="1"))["o.b"] is Grade.DIFFERENT
