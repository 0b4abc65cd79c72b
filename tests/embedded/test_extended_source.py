"""Extended sources against sums over fine clouds of points."""

import healpy as hp
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from profiles import density, psf

from latsky.embedded.extended_source import (
    disk_profile,
    gaussian_profile,
    read_template,
    template_map,
)
from latsky.embedded.point_source import profile_map
from latsky.errors import InputError

CENTRE = np.array(hp.ang2vec(83.0, 22.0, lonlat=True))


def direct(nside, pixel, vectors, weights, width, finer=8):
    """Sum over a cloud of weight × PSF, averaged over a pixel's descendants."""
    sub = np.arange(finer**2) + hp.ring2nest(nside, int(pixel)) * finer**2
    x = np.array(hp.pix2vec(nside * finer, sub, nest=True)).T
    cosine = np.clip(x @ vectors.T, -1, 1)
    separation = 2 * np.arcsin(np.sqrt((1 - cosine) / 2))
    return (density(separation, width) @ weights).mean() * hp.nside2pixarea(nside)


def cloud(radius, shape, nside=2048):
    """Directions about CENTRE with weights of a radial brightness that sum to one."""
    pixels = hp.query_disc(nside, CENTRE, radius)
    vectors = np.array(hp.pix2vec(nside, pixels)).T
    distance = 2 * np.arcsin(np.linalg.norm(vectors - CENTRE, axis=1) / 2)
    weights = shape(distance)
    return vectors, weights / weights.sum()


def compare(found, nside, vectors, weights, width, bright):
    values = found.values[0]
    chosen = np.argsort(-values)[:400:25]
    for at in chosen[values[chosen] > 0.1 * values.max()]:
        expected = direct(nside, found.pixels[at], vectors, weights, width)
        assert values[at] == pytest.approx(expected, rel=bright)


@pytest.mark.parametrize(("degrees", "width"), [(2.0, 0.4), (0.5, 0.2), (0.2, 1.5)])
def test_disk(degrees, width):
    radius, width = np.radians(degrees), np.radians(width)
    found = profile_map(128, CENTRE, disk_profile(psf(width), radius))
    assert found.values.sum() == pytest.approx(1, abs=1.5e-3)
    compare(found, 128, *cloud(radius, np.ones_like), width, 6e-3)


@pytest.mark.parametrize(("degrees", "width"), [(0.5, 0.2), (2.3, 0.4), (0.1, 0.3)])
def test_gaussian(degrees, width):
    sigma, width = np.radians(degrees), np.radians(width)
    found = profile_map(128, CENTRE, gaussian_profile(psf(width), sigma))
    assert found.values.sum() == pytest.approx(1, abs=1.5e-3)
    fine = 2048 if degrees < 1 else 512
    shape = cloud(5 * sigma, lambda r: np.exp(-(r**2) / (2 * sigma**2)), fine)
    compare(found, 128, *shape, width, 6e-3)


def write_image(path, image, frame="GLON", step=0.05, lon=160.9, lat=2.6):
    """A tangential image normalised to one over its solid angle."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["GLON-TAN", "GLAT-TAN"] if frame == "GLON" else ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.cdelt = [lon, lat], [-step, step]
    wcs.wcs.crpix = [(n + 1) / 2 for n in image.shape[::-1]]
    fits.writeto(path, image / (image.sum() * np.radians(step) ** 2), wcs.to_header())
    return wcs


@pytest.fixture
def ring_image():
    y, x = np.mgrid[-20:21, -20:21]
    radius = np.hypot(x, y * 0.7)
    return np.where((radius > 8) & (radius < 16), 1.0 + 0.03 * x, 0.0)


@pytest.mark.parametrize("width", [0.1, 0.5, 3.0])
def test_template(tmp_path, ring_image, width):
    wcs = write_image(tmp_path / "ring.fits", ring_image)
    found_cloud = read_template(tmp_path / "ring.fits", np.radians(0.03))
    assert found_cloud.frame == "GAL"
    assert found_cloud.integral == pytest.approx(1, abs=2e-3)
    nside, width = 128, np.radians(width)
    found = template_map(nside, found_cloud, psf(width))
    assert 0.998 < found.values.sum() < 1.0025
    rows, columns = np.nonzero(ring_image)
    grid = (np.arange(3) - 1) / 3
    x = (columns[:, None, None] + grid[:, None] + 0 * grid).ravel()
    y = (rows[:, None, None] + grid + 0 * grid[:, None]).ravel()
    lon, lat = wcs.wcs_pix2world(x, y, 0)
    weights = np.repeat(ring_image[rows, columns], 9)
    vectors = np.array(hp.ang2vec(lon, lat, lonlat=True))
    compare(found, nside, vectors, weights / weights.sum(), width, 1e-2)


def test_template_far_away(tmp_path, ring_image):
    write_image(tmp_path / "ring.fits", ring_image)
    shape = read_template(tmp_path / "ring.fits", np.radians(0.03))
    width = np.radians(0.8)
    found = template_map(64, shape, psf(width))
    centre = shape.weights @ shape.vectors
    distance = np.linalg.norm(np.array(hp.pix2vec(64, found.pixels)).T - centre, axis=1)
    for low in (0.03, 0.06, 0.1, 0.15):
        at = int(np.abs(distance - low).argmin())
        expected = direct(64, found.pixels[at], shape.vectors, shape.weights, width)
        assert found.values[0, at] == pytest.approx(expected, rel=1e-2)


def test_template_problems(tmp_path, ring_image):
    write_image(tmp_path / "a.fits", ring_image)
    with fits.open(tmp_path / "a.fits") as file:
        file[0].data = file[0].data * 3
        file.writeto(tmp_path / "b.fits")
        file[0].data[0, 0] = np.nan
        file.writeto(tmp_path / "c.fits")
        file[0].data[0, 0] = -1
        file.writeto(tmp_path / "d.fits")
        file[0].data[:] = 0
        file.writeto(tmp_path / "e.fits")
        del file[0].header["CTYPE1"]
        file.writeto(tmp_path / "f.fits")
    for name, message in (
        ("b", "must be normalised to 1"),
        ("c", "1 values are no numbers"),
        ("d", "1 values are negative"),
        ("e", "the map is empty"),
        ("f", "neither RA nor GLON"),
        ("g", "No such file"),
    ):
        with pytest.raises(InputError, match=message):
            read_template(tmp_path / f"{name}.fits", 0.01)
