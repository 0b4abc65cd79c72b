"""Stacking of partial source maps, and npred."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from latsky.errors import InputErrors
from latsky.fits.core import FitsWriter, Header
from latsky.fits.hpx import HpxGeometry, write_counts_cube, write_energies
from latsky.fits.srcmaps import (
    open_source_map,
    plane_sums,
    source_names,
    write_source_map,
    write_sparse_source_map,
)
from latsky.steps.main import main
from latsky.steps.npred import integrate, predict, trapezium
from latsky.steps.stack import stack

EDGES = np.array([100.0, 300.0, 1000.0, 3000.0])
GEOMETRY = HpxGeometry(4)


@pytest.fixture
def counts_cube(tmp_path: Path) -> Path:
    path = tmp_path / "ccube.fits"
    primary = Header([("TSTART", 100.0, ""), ("TSTOP", 200.0, ""), ("NDSKEYS", 1, "")])
    for key, value in (("DSTYP1", "ENERGY"), ("DSUNI1", "MeV"), ("DSVAL1", "100:3000")):
        primary.append(key, value)
    counts = np.zeros((3, GEOMETRY.npix))
    write_counts_cube(path, GEOMETRY, EDGES, counts, primary=primary)
    return path


def planes(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((4, GEOMETRY.npix)).astype("f4")


def part(path: Path, values: np.ndarray, energies: np.ndarray, dtype: str = "f8") -> Path:
    with FitsWriter(path) as writer:
        writer.primary(Header())
        write_energies(writer, energies)
        write_source_map(writer, "galaxy", GEOMETRY, values, dtype=dtype)
    return path


def parts(tmp_path: Path, groups: list[list[int]]) -> list[Path]:
    values = planes()
    return [
        part(tmp_path / f"part_{number}.fits", values[group], EDGES[group])
        for number, group in enumerate(groups)
    ]


def test_planes_in_order_with_the_cubes_energies(tmp_path: Path, counts_cube: Path) -> None:
    files = parts(tmp_path, [[0], [1, 2], [3]])
    output = tmp_path / "stacked.fits"
    assert stack(files, counts_cube, output) == 4
    with fits.open(output) as file:
        assert [hdu.name for hdu in file] == ["PRIMARY", "galaxy", "EBOUNDS"]
        assert [file[1].columns[i].format for i in range(4)] == ["E"] * 4
        for number, plane in enumerate(planes()):
            assert np.array_equal(file[1].data[f"CHANNEL{number + 1}"], plane)
        assert file["EBOUNDS"].data["E_MIN"] == pytest.approx(1e3 * EDGES[:-1])
        assert file["EBOUNDS"].data["E_MAX"] == pytest.approx(1e3 * EDGES[1:])
        assert file[0].header["DSVAL1"] == "100:3000"
        assert file[1].header["HPX_CONV"] == "FGST_SRCMAP"
        file.verify("exception")


def test_gzip_and_the_same_bytes_again(tmp_path: Path, counts_cube: Path) -> None:
    files = parts(tmp_path, [[0, 1], [2, 3]])
    first, again = tmp_path / "a" / "s.fits.gz", tmp_path / "b" / "s.fits.gz"
    for path in (first, again):
        path.parent.mkdir()
        stack(files, counts_cube, path)
    assert first.read_bytes() == again.read_bytes()
    assert gzip.decompress(first.read_bytes()).startswith(b"SIMPLE")


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ([[0], [1], [3]], ["missing", "2 (1000 MeV)", "part_0.fits, part_1.fits, part_2.fits"]),
        ([[0, 1], [1, 2], [3]], ["plane 1 (300 MeV) is there 2 times: part_0.fits, part_1.fits"]),
        ([[0], [2, 3], [1]], ["part_2.fits", "plane 1", "after plane 3 of part_1.fits"]),
    ],
)
def test_wrong_planes(
    tmp_path: Path, counts_cube: Path, order: list[list[int]], words: list[str]
) -> None:
    output = tmp_path / "stacked.fits"
    with pytest.raises(InputErrors) as caught:
        stack(parts(tmp_path, order), counts_cube, output)
    for word in words:
        assert word in str(caught.value)
    assert not output.exists()


def test_files_that_do_not_belong(tmp_path: Path, counts_cube: Path) -> None:
    good = parts(tmp_path, [[0, 1, 2]])
    odd = part(tmp_path / "odd.fits", planes()[3:], np.array([2500.0]))
    with pytest.raises(InputErrors, match=r"odd.fits: ENERGIES: 2500 MeV is no bin edge"):
        stack([*good, odd], counts_cube, tmp_path / "s.fits")
    with FitsWriter(tmp_path / "coarse.fits") as writer:
        writer.primary(Header())
        write_energies(writer, EDGES[3:])
        write_source_map(writer, "galaxy", HpxGeometry(2), np.ones((1, 48)))
    with pytest.raises(InputErrors, match=r"coarse.fits: NSIDE: 2, but 4"):
        stack([*good, tmp_path / "coarse.fits"], counts_cube, tmp_path / "s.fits")


def test_sparse_parts(tmp_path: Path, counts_cube: Path) -> None:
    files = []
    for number, group in enumerate(([0, 1], [2, 3])):
        files.append(tmp_path / f"part_{number}.fits")
        with FitsWriter(files[-1]) as writer:
            writer.primary(Header())
            write_energies(writer, EDGES[group])
            pixels, channels = np.array([5, 7, 5]), np.array([0, 0, 1])
            values = np.array([1.0, 2.0, 3.0]) + 10 * number
            write_sparse_source_map(writer, "dot", GEOMETRY, pixels, channels, values, 2)
    output = tmp_path / "s.fits"
    stack(files, counts_cube, output)
    table = open_source_map(output, "dot")
    dense = table.read()
    assert dense.shape == (4, GEOMETRY.npix)
    assert dense[[0, 0, 1, 2, 2, 3], [5, 7, 5, 5, 7, 5]].tolist() == [1, 2, 3, 11, 12, 13]
    assert plane_sums(table).tolist() == [3, 3, 23, 13]


def test_command_names_the_mistake(
    tmp_path: Path, counts_cube: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = parts(tmp_path, [[0], [1]])
    arguments = ["stack", "--counts-cube", str(counts_cube), "-o", str(tmp_path / "s.fits")]
    assert main([*arguments, *map(str, files)]) == 2
    assert "missing of 4 planes: 2 (1000 MeV), 3 (3000 MeV)" in capsys.readouterr().err
    assert main([*arguments, "--source", "moon", *map(str, files)]) == 2
    assert "no source map moon; the file has galaxy" in capsys.readouterr().err


def test_power_law_integral_is_exact() -> None:
    for slope in (-2.3, -1.0, 0.0, 1.5):
        values = EDGES**slope
        if slope == -1:
            expected = np.log(EDGES[1:] / EDGES[:-1])
        else:
            expected = np.diff(EDGES ** (slope + 1)) / (slope + 1)
        assert integrate(EDGES, values) == pytest.approx(expected, rel=1e-12)
    assert integrate(EDGES, np.array([0.0, 1.0, 0.0, 0.0])) == pytest.approx([100.0, 350.0, 0.0])


@pytest.mark.parametrize(("a_decade", "excess"), [(3, 0.0488), (8, 0.00690), (16, 0.00173)])
def test_trapezium_of_the_fermitools(a_decade: int, excess: float) -> None:
    """For E^-g: u coth u with u = (g - 1) ln(E₂/E₁)/2, the excess quoted in the documentation."""
    edges = 100.0 * 10 ** (np.arange(4) / a_decade)
    ratio = trapezium(edges, edges**-2.0) / integrate(edges, edges**-2.0)
    u = np.log(10) / a_decade / 2
    assert ratio == pytest.approx(u / np.tanh(u), rel=1e-12)
    assert ratio - 1 == pytest.approx(excess, rel=0.01)
    assert trapezium(np.array([1.0, 3.0]), np.array([2.0, 5.0])) == pytest.approx(
        [8.5 * np.log(3.0)]
    )


def test_npred_with_a_spectrum(tmp_path: Path, counts_cube: Path) -> None:
    files = parts(tmp_path, [[0, 1, 2, 3]])
    output = tmp_path / "s.fits"
    stack(files, counts_cube, output)
    assert source_names(output) == ["galaxy"]
    plain = predict(output, "galaxy")
    sums = planes().sum(axis=1, dtype="f8")
    assert plain.counts == pytest.approx(integrate(EDGES, sums), rel=1e-6)
    model = tmp_path / "model.xml"
    model.write_text(
        '<source_library title="t"><source name="galaxy" type="DiffuseSource">'
        '<spectrum type="PowerLaw"><parameter free="1" max="10" min="0" name="Prefactor" scale="1"'
        ' value="2"/><parameter free="0" max="1" min="-1" name="Index" scale="-1" value="0"/>'
        '<parameter free="0" max="1000" min="1000" name="Scale" scale="1" value="1000"/></spectrum>'
        '<spatialModel file="x.fits" type="MapCubeFunction"><parameter free="0" max="10" min="0"'
        ' name="Normalization" scale="1" value="1"/></spatialModel></source></source_library>'
    )
    assert predict(output, "galaxy", model).counts == pytest.approx(2 * plain.counts)
    theirs = predict(output, "galaxy", model, "trapezium").counts
    assert theirs == pytest.approx(2 * trapezium(EDGES, sums), rel=1e-6)
