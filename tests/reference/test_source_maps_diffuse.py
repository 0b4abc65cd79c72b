"""Diffuse source maps against those of the real gtsrcmaps.

Two habits of gtsrcmaps are followed here, and only here. With the response functions named on its
command line, and no event type, it takes the PSF of FRONT and BACK events whatever the counts are
selected by; and it cuts the PSF at the radius of 99.5 %, which moves that half per cent from faint
pixels, by tens of per cent in the worst, to bright ones.
"""

from __future__ import annotations

from pathlib import Path

import healpy as hp
import numpy as np
import pytest

from latsky.embedded.convolution import Convolver, Kernel
from latsky.embedded.diffuse import DiffuseMaps, Exposure, PsfSource
from latsky.embedded.mean_psf import mean_psf
from latsky.embedded.template import open_template
from latsky.fits.core import read_table
from latsky.fits.hpx import open_energy_cube, open_hpx
from latsky.fits.irfs import load_response
from latsky.fits.livetime import read_livetime_cube
from latsky.fits.srcmaps import open_source_map
from latsky.steps.main import main

pytestmark = pytest.mark.reference

FRONT_AND_BACK = 3
TEMPLATES = {
    "galactic_hpx": "template_galactic_toy.fits.gz",
    "galactic_car": "galactic_toy_car.fits.gz",
}
CASES = [
    # the livetime cube whose zenith cut is nearest to the component's
    ("E0_PSF3", "galactic_hpx", 80, (0, 1, 2)),
    ("E1_PSF23", "galactic_hpx", 80, (0, 1, 2)),
    ("E1_PSF23", "galactic_car", 80, (0, 1, 2)),
    ("E2_PSF123", "galactic_hpx", 105, (0, 1, 2, 3)),
    ("E3_PSF0123", "galactic_hpx", 105, (0, 3, 6, 9)),
]


@pytest.mark.parametrize(("component", "source", "zmax", "planes"), CASES)
def test_planes_of_the_week(
    reference: Path, caldb: Path, component: str, source: str, zmax: int, planes: tuple[int, ...]
) -> None:
    week = reference / "week"
    expected = week / "expected"
    table = open_source_map(expected / f"srcmaps_{component}.fits.gz", source)
    theirs = table.read(dtype="f8")
    assert len(theirs) == len(planes)
    cube = open_hpx(expected / f"ccube_{component}.fits.gz", "SKYMAP")
    exposure = expected / f"bexpcube_{component}.fits.gz"
    maps = DiffuseMaps(
        cube.geometry,
        Exposure(open_energy_cube(exposure, default_frame="GAL")),
        open_template(week / "templates" / TEMPLATES[source]),
        PsfSource(
            load_response("P8R3_SOURCE_V3", FRONT_AND_BACK, caldb),
            read_livetime_cube(expected / f"ltcube_zmax{zmax}.fits.gz"),
            containment=0.995,
        ),
    )
    assert cube.edges is not None
    for number, mine in enumerate(maps.planes(cube.edges[list(planes)])):
        their = theirs[number]
        assert mine.sum() == pytest.approx(their.sum(), rel=1e-3)
        bright = their > 1e-3 * their.max()
        ratio = mine[bright] / their[bright] - 1
        assert np.sqrt(np.mean(ratio**2)) < 0.01
        assert np.abs(ratio).max() < 0.06


def test_mean_psf_of_gtpsf(reference: Path, caldb: Path) -> None:
    """gtpsf at Vela. The livetime cube here lacks the weights that the real one had."""
    expected = reference / "week" / "expected"
    psf = read_table(expected / "psf_vela.fits.gz", "PSF")
    theta = np.radians(read_table(expected / "psf_vela.fits.gz", "THETA")["Theta"])
    response = load_response("P8R3_SOURCE_V3", 56, caldb)
    cube = read_livetime_cube(expected / "ltcube_zmax105.fits.gz")
    for energy, values in zip(psf["Energy"], psf["Psf"], strict=True):
        mine = mean_psf(response, cube, float(energy), [(128.8375, -45.178)], "CEL")
        inside = theta < mine.containment([0.95])[0]
        assert mine.density(theta)[inside] == pytest.approx(values[inside], rel=0.01)
        assert mine.density(theta) == pytest.approx(values, rel=0.03)


def test_isotropic_without_psf_is_exposure_times_solid_angle(reference: Path) -> None:
    expected = reference / "week" / "expected"
    cube = open_hpx(expected / "ccube_E3_PSF0123.fits.gz", "SKYMAP")
    exposure = open_energy_cube(expected / "bexpcube_E3_PSF0123.fits.gz", default_frame="GAL")
    maps = DiffuseMaps(cube.geometry, Exposure(exposure))
    assert cube.edges is not None
    plane = maps.plane(float(cube.edges[4]))
    nested = plane[cube.geometry.base.nest2ring(np.arange(cube.geometry.npix))]
    parent = exposure.geometry.base.nest2ring(np.arange(cube.geometry.npix) // 4)
    their = exposure.plane(4).astype("f8")[parent] * cube.geometry.pixel_area
    assert nested == pytest.approx(their, rel=1e-6)


def test_groups_of_planes_stack_to_the_whole(
    reference: Path, caldb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step by groups, with the counts cube's own event types, stacked: the same bits."""
    monkeypatch.setenv("CALDB", str(caldb))
    expected = reference / "week" / "expected"
    cube = expected / "ccube_E2_PSF123.fits.gz"

    def make(output: Path, *more: str) -> Path:
        names = {"livetime": "ltcube_zmax105", "exposure": "bexpcube_E2_PSF123"}
        inputs = [f"--{key}-cube={expected}/{name}.fits.gz" for key, name in names.items()]
        template = reference / "week" / "templates" / TEMPLATES["galactic_hpx"]
        fixed = [f"--counts-cube={cube}", "--irfs=P8R3_SOURCE_V3", f"--template={template}"]
        arguments = [*inputs, *fixed, "--source=galaxy", f"--output={output}", *more]
        assert main(["source-maps-diffuse", *arguments]) == 0
        return output

    whole = make(tmp_path / "whole.fits", "--threads=2")
    first = make(tmp_path / "p0.fits", "--kmax=2")
    rest = make(tmp_path / "p1.fits", "--kmin=2", "--threads=2")
    stacked = tmp_path / "stacked.fits"
    parts = [str(first), str(rest)]
    assert main(["stack", f"--counts-cube={cube}", f"--output={stacked}", *parts]) == 0
    one, two = (open_source_map(path, "galaxy").read() for path in (whole, stacked))
    assert one.shape == (4, 49152) and np.array_equal(one, two)
    # PSF1 to PSF3 are sharper than FRONT and BACK, which the real tool took
    theirs = open_source_map(expected / "srcmaps_E2_PSF123.fits.gz", "galactic_hpx").read()
    assert one[0].max() > theirs[0].max()


@pytest.mark.parametrize(
    ("order", "energy"),
    [(5, 31.6), (6, 316.0), (7, 31.6), (7, 3160.0), (8, 316.0), (8, 31600.0), (9, 1e6)],
)
def test_hot_pixel_gives_the_psf(reference: Path, caldb: Path, order: int, energy: float) -> None:
    """Against direct integration over the hot pixel and the map's, in the 95 % radius."""
    nside = 1 << order
    fine = max(256, 2 * nside)
    cube = read_livetime_cube(reference / "week" / "expected" / "ltcube_zmax105.fits.gz")
    psf = mean_psf(load_response("P8R3_SOURCE_V3", 56, caldb), cube, energy, [(0.0, 0.0)])
    hot = hp.ang2pix(fine, np.radians(62.0), np.radians(80.3))
    field = np.zeros(12 * fine**2)
    field[hot] = 1 / hp.nside2pixarea(fine)
    convolver = Convolver(nside, fine, uniform=True)
    kernel = Kernel(psf.window(convolver.longest), psf.profile())
    got = convolver.convolve(field, kernel)

    def points(pixel: int, side: int, finest: int) -> np.ndarray:
        depth = 2 * int(np.log2(finest // side))
        nested = (int(hp.ring2nest(side, pixel)) << depth) + np.arange(1 << depth)
        return np.stack(hp.pix2vec(finest, nested, nest=True), axis=-1)

    angles = np.append(0.0, np.geomspace(1e-6, np.radians(70), 20000))
    density = psf.density(angles)
    density /= 2 * np.pi * np.trapezoid(density * np.sin(angles), angles)
    centre = hp.pix2vec(fine, hot)
    disc = hp.query_disc(nside, centre, psf.containment([0.95])[0])
    # points of the hot pixel never fall on the map pixel's
    finest, many = (2048, 8) if energy < 1000 else (16 * fine, 3)
    some = np.random.default_rng(1).choice(disc, min(len(disc), many), replace=False)
    spot = points(hot, fine, 2 * finest if energy > 1000 else 1024)
    for pixel in np.unique(np.append(some, hp.vec2pix(nside, *centre))):
        count = total = 0
        for parts in np.array_split(points(pixel, nside, finest), 64):
            chord = np.linalg.norm(parts[:, None] - spot, axis=-1)
            total += np.interp(2 * np.arcsin(chord / 2), angles, density).sum()
            count += chord.size
        assert got[pixel] == pytest.approx(total / count, rel=2e-3)
