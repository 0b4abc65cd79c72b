"""Assembled source maps: sums to lower orders against healpy, copies, mistakes."""

import healpy
import numpy as np
import pytest
from astropy.io import fits

from latsky.errors import InputErrors
from latsky.fits.core import Column, FitsWriter, Header
from latsky.fits.hpx import (
    HpxGeometry,
    open_hpx,
    write_counts_cube,
    write_ebounds,
    write_energies,
)
from latsky.fits.srcmaps import write_source_map, write_sparse_source_map
from latsky.models.assemble import SourceFile, assemble

EDGES = np.array([100.0, 300.0, 1000.0])
DSS = Header(
    [
        ("DSTYP1", "BIT_MASK(EVENT_CLASS,128,P8R3)", ""),
        ("DSUNI1", "DIMENSIONLESS", ""),
        ("DSVAL1", "1:1", ""),
        ("NDSKEYS", 1, ""),
        ("TSTOP", 5.0e8, ""),
    ]
)


def geometry(order, nested=False):
    return HpxGeometry.from_order(order, nested, "GAL")


class Files:
    """A counts cube and source maps of two kinds, with what they hold."""

    def __init__(self, root, order=4, nested=False, map_order=None):
        rng = np.random.default_rng(5)
        self.geometry = geometry(order, nested)
        maps = geometry(map_order or order, nested)
        self.counts = rng.poisson(3.0, (2, self.geometry.npix)).astype("f8")
        self.dense = rng.random((3, maps.npix)).astype("f4")
        self.pixels = rng.integers(0, maps.npix, 400)
        self.channels = rng.integers(0, 3, 400)
        self.values = rng.random(400).astype("f4")
        self.sparse = np.zeros((3, maps.npix))
        np.add.at(self.sparse, (self.channels, self.pixels), self.values.astype("f8"))
        self.cube, self.iso, self.points = (
            root / name for name in ("ccube.fits", "iso.fits", "points.fits")
        )
        write_counts_cube(self.cube, self.geometry, EDGES, self.counts, primary=DSS)
        with FitsWriter(self.iso) as writer:
            irfs = Header([("DSTYP1", "IRF_VERSION", ""), ("DSUNI1", "DIMENSIONLESS", "")])
            irfs.append("DSVAL1", "P8R3_SOURCE_V3")
            irfs.append("NDSKEYS", 1)
            writer.primary(irfs)
            write_energies(writer, EDGES)
            write_source_map(writer, "iso", maps, self.dense)
        with FitsWriter(self.points) as writer:
            writer.primary(Header())
            write_ebounds(writer, EDGES)
            for name in ("4FGL J1", "4FGL J2"):
                write_sparse_source_map(
                    writer, name, maps, self.pixels, self.channels, self.values, 3
                )

    @property
    def sources(self):
        return [SourceFile(self.points, ("4FGL J2", "4FGL J1")), SourceFile(self.iso, ("iso",))]


def summed(values, order, nested):
    scheme = "NESTED" if nested else "RING"
    return healpy.ud_grade(
        list(values.astype("f8")), 1 << order, power=-2, order_in=scheme, order_out=scheme
    )


@pytest.mark.parametrize("nested", [False, True])
def test_sums_against_healpy(tmp_path, nested):
    files = Files(tmp_path, 5, nested)
    out = tmp_path / "srcmaps.fits"
    assert assemble(files.cube, files.sources, out, 3) == 3
    with fits.open(out) as hdus:
        names = [hdu.header.get("EXTNAME", "PRIMARY") for hdu in hdus]
        assert names == ["PRIMARY", "SKYMAP", "EBOUNDS", "4FGL J2", "4FGL J1", "iso"]
        for name in ("SKYMAP", "iso"):
            table, header = hdus[name].data, hdus[name].header
            wanted = summed(files.counts if name == "SKYMAP" else files.dense, 3, nested)
            assert (header["NSIDE"], header["ORDER"], header["LASTPIX"]) == (8, 3, 767)
            found = np.array([table[column] for column in table.names])
            np.testing.assert_allclose(found, wanted, rtol=1e-6)
        # counts are whole numbers: nothing may be lost
        total = sum(hdus["SKYMAP"].data[c].sum() for c in hdus["SKYMAP"].data.names)
        assert total == files.counts.sum()
        sparse = hdus["4FGL J1"]
        assert sparse.header["HPX_CONV"] == "FGST_SRCMAP_SPARSE"
        assert sparse.header["N_ENERGY"] == 3
        filled = np.zeros((3, 768))
        filled[sparse.data["CHANNEL"], sparse.data["PIX"]] = sparse.data["VALUE"]
        np.testing.assert_allclose(filled, summed(files.sparse, 3, nested), rtol=1e-6)
        assert len(sparse.data) == np.count_nonzero(filled)


def test_the_undefined_pixel_of_gtsrcmaps_is_pixel_0(tmp_path):
    files, out = Files(tmp_path, 5), tmp_path / "srcmaps.fits"
    with fits.open(files.points, mode="update") as hdus:
        hdus["4FGL J1"].header["TNULL1"] = -(2**31)
        hdus["4FGL J1"].data["PIX"][7] = -(2**31)
    at, value = (files.channels[7], files.pixels[7]), float(files.values[7])
    files.sparse[at] -= value
    files.sparse[at[0], 0] += value
    assemble(files.cube, files.sources, out, 3)
    table = fits.getdata(out, "4FGL J1")
    filled = np.zeros((3, 768))
    filled[table["CHANNEL"], table["PIX"]] = table["VALUE"]
    np.testing.assert_allclose(filled, summed(files.sparse, 3, False), rtol=1e-5, atol=1e-6)


def test_keywords(tmp_path):
    files = Files(tmp_path, 4)
    out = tmp_path / "srcmaps.fits"
    assemble(files.cube, files.sources, out, 3)
    with fits.open(out, checksum=True) as hdus:
        header = hdus[0].header
        # selection of the counts cube, response functions of the maps
        assert [header[f"DSTYP{n}"] for n in (1, 2)] == [
            "BIT_MASK(EVENT_CLASS,128,P8R3)",
            "IRF_VERSION",
        ]
        assert header["NDSKEYS"] == 2
        assert header["FILENAME"] == "srcmaps.fits"
        np.testing.assert_allclose(hdus["EBOUNDS"].data["E_MAX"], EDGES[1:] * 1e3)


def test_maps_of_the_right_order_are_copied(tmp_path):
    files = Files(tmp_path, 4)
    out = tmp_path / "srcmaps.fits"
    assemble(files.cube, files.sources, out, 9)
    with fits.open(out) as hdus, fits.open(files.iso) as iso, fits.open(files.cube) as cube:
        assert hdus["iso"].header["DATASUM"] == iso["iso"].header["DATASUM"]
        assert hdus["SKYMAP"].header["DATASUM"] == cube["SKYMAP"].header["DATASUM"]


def test_maps_finer_than_the_counts(tmp_path):
    files = Files(tmp_path, 3, map_order=5)
    out = tmp_path / "srcmaps.fits"
    assemble(files.cube, files.sources, out, 7)
    with fits.open(out) as hdus:
        found = np.array([hdus["iso"].data[c] for c in hdus["iso"].data.names])
        np.testing.assert_allclose(found, summed(files.dense, 3, False), rtol=1e-6)


def test_same_bytes(tmp_path):
    files = Files(tmp_path, 4)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        assemble(files.cube, files.sources, tmp_path / name / "s.fits", 3)
    assert (tmp_path / "a/s.fits").read_bytes() == (tmp_path / "b/s.fits").read_bytes()


def mistakes(files, sources, order=3):
    out = files.cube.with_name("srcmaps.fits")
    with pytest.raises(InputErrors) as caught:
        assemble(files.cube, sources, out, order)
    assert not out.exists()
    root = f"{files.cube.parent}/"
    return [str(problem).replace(root, "") for problem in caught.value.problems]


def test_missing_maps(tmp_path):
    files = Files(tmp_path)
    assert mistakes(
        files, [SourceFile(files.points, ("4FGL J3",)), SourceFile(files.iso, ("iso", "loopI"))]
    ) == [
        "points.fits: 4FGL J3: no source map of this name; the file has 4FGL J1, 4FGL J2",
        "iso.fits: loopI: no source map of this name; the file has iso",
    ]


def test_one_source_twice(tmp_path):
    files = Files(tmp_path)
    assert mistakes(files, [SourceFile(files.iso, ("iso",)), SourceFile(files.iso, ("ISO",))]) == [
        "iso.fits: ISO: is also in iso.fits"
    ]


def test_maps_coarser_than_the_model(tmp_path):
    files = Files(tmp_path, 4, map_order=2)
    assert mistakes(files, [SourceFile(files.iso, ("iso",))]) == [
        "iso.fits: iso: order 2, but the model is made at order 3"
    ]


def test_other_frame(tmp_path):
    files = Files(tmp_path)
    with fits.open(files.iso, mode="update") as hdus:
        hdus["iso"].header["COORDSYS"] = "CEL"
    assert mistakes(files, [SourceFile(files.iso, ("iso",))]) == [
        "iso.fits: iso: COORDSYS: CEL, but GAL is expected as in ccube.fits"
    ]


def test_other_energies(tmp_path):
    files = Files(tmp_path)
    with FitsWriter(files.iso) as writer:
        writer.primary(Header())
        write_energies(writer, EDGES * 1.01)
        write_source_map(writer, "iso", files.geometry, files.dense)
    assert mistakes(files, [SourceFile(files.iso, ("iso",))]) == [
        "iso.fits: EBOUNDS: its energies are not the bin edges of ccube.fits"
    ]


def test_planes_that_are_missing(tmp_path):
    files = Files(tmp_path)
    with FitsWriter(files.iso) as writer:
        writer.primary(Header())
        write_source_map(writer, "iso", files.geometry, files.dense[:2])
    assert mistakes(files, [SourceFile(files.iso, ("iso",))]) == [
        "iso.fits: iso: 2 planes; 3 are needed, or as many more at either end"
    ]


def test_planes_beyond_the_bins(tmp_path):
    """As energy dispersion wants them, in steps of the bins; other steps are refused."""
    files = Files(tmp_path)
    energies = np.array([100.0 / 3, *EDGES, 1000.0 / 0.3])
    planes = np.random.default_rng(6).random((5, files.geometry.npix)).astype("f4")
    source = [SourceFile(files.iso, ("iso",))]
    for wrong in (False, True):
        with FitsWriter(files.iso) as writer:
            writer.primary(Header())
            write_energies(writer, energies * [1.1 if wrong else 1.0, 1, 1, 1, 1])
            write_source_map(writer, "iso", files.geometry, planes)
        if wrong:
            (mistake,) = mistakes(files, source)
            assert "its energies are not the bin edges" in mistake
            continue
        assemble(files.cube, source, tmp_path / "out.fits", 3)
        found = open_hpx(tmp_path / "out.fits", "iso").read(dtype="f8")
        np.testing.assert_allclose(found, summed(planes, 3, False), rtol=1e-6)


def test_part_of_the_sky(tmp_path):
    files = Files(tmp_path)
    with FitsWriter(files.iso) as writer:
        writer.primary(Header())
        described = files.geometry.keywords()
        columns = [Column("PIX", np.arange(3, dtype="i4"))]
        columns += [Column(f"CHANNEL{n}", np.ones(3)) for n in (1, 2, 3)]
        writer.table("iso", columns, described)
    assert mistakes(files, [SourceFile(files.iso, ("iso",))]) == [
        "iso.fits: iso: neither sparse nor a row a pixel over the whole sky"
    ]
