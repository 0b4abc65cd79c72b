"""Source-map files: sparse rows as gtsrcmaps writes them."""

from pathlib import Path

import numpy as np
import pytest

from latsky.errors import InputError
from latsky.fits.core import Column, FitsFile, FitsWriter, Header
from latsky.fits.hpx import HpxGeometry, sparse_entries
from latsky.fits.srcmaps import (
    open_source_map,
    plane_sums,
    read_entries,
    write_joined,
    write_source_map,
)

GEOMETRY = HpxGeometry(4)
UNDEFINED = -(2**31)


def write_sparse(path: Path, first: int, planes: int = 2) -> Path:
    """Two planes of pixels ``first``, 1 and 5, with the keyword of an undefined pixel."""
    columns = [
        Column("PIX", np.tile(np.array([first, 1, 5], "i4"), 2), extra={"TNULL": UNDEFINED}),
        Column("CHANNEL", np.repeat(np.arange(2, dtype="i2"), 3)),
        Column("VALUE", np.arange(1.0, 7.0, dtype="f4")),
    ]
    header = GEOMETRY.keywords()
    header.update(Header([("INDXSCHM", "SPARSE", ""), ("N_ENERGY", planes, "")]))
    with FitsWriter(path) as writer:
        writer.primary(Header())
        writer.table("dot", columns, header)
    return path


def test_an_undefined_pixel_is_pixel_0(tmp_path: Path) -> None:
    table = open_source_map(write_sparse(tmp_path / "a.fits", UNDEFINED), "dot")
    found = table.read()
    assert found[:, [0, 1, 5]].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert found.sum() == 21
    assert plane_sums(table).tolist() == [6, 15]


def test_joined_maps_name_their_pixels(tmp_path: Path) -> None:
    table = open_source_map(write_sparse(tmp_path / "a.fits", UNDEFINED), "dot")
    with FitsWriter(tmp_path / "b.fits") as writer:
        writer.primary(Header())
        write_joined(writer, "dot", GEOMETRY, [table, table])
    with FitsFile(tmp_path / "b.fits") as file:
        pixels, planes, values = sparse_entries(file.table("dot"), GEOMETRY.npix)
    assert pixels.tolist() == [0, 1, 5] * 4
    assert planes.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert values.tolist() == [1, 2, 3, 4, 5, 6] * 2


@pytest.mark.parametrize("number", [-1, GEOMETRY.npix])
def test_other_numbers_outside_of_the_sphere_are_errors(tmp_path: Path, number: int) -> None:
    table = open_source_map(write_sparse(tmp_path / "a.fits", number), "dot")
    with pytest.raises(InputError, match="a pixel outside of the sphere"):
        table.read()


def test_planes_beyond_the_last_are_errors(tmp_path: Path) -> None:
    table = open_source_map(write_sparse(tmp_path / "a.fits", 0, planes=1), "dot")
    for use in (table.read, lambda: plane_sums(table), lambda: read_entries(table)):
        with pytest.raises(InputError, match="CHANNEL: a plane outside of N_ENERGY 1"):
            use()


def test_entries_of_sparse_and_whole_maps(tmp_path: Path) -> None:
    sparse = open_source_map(write_sparse(tmp_path / "a.fits", UNDEFINED), "dot")
    with FitsWriter(tmp_path / "b.fits") as writer:
        writer.primary(Header())
        write_source_map(writer, "dot", GEOMETRY, sparse.read())
    for table in (sparse, open_source_map(tmp_path / "b.fits", "dot")):
        pixels, values = read_entries(table)
        assert pixels.tolist() == [0, 1, 5]
        assert values.tolist() == [[1, 2, 3], [4, 5, 6]]
