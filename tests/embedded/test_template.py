"""Templates: interpolation in energy and on the sphere, and what is refused."""

from __future__ import annotations

from pathlib import Path

import healpy as hp
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from latsky.embedded.convolution import Kernel
from latsky.embedded.diffuse import DiffuseMaps, Exposure
from latsky.embedded.template import open_template
from latsky.errors import InputError
from latsky.fits.hpx import (
    HpxGeometry,
    open_energy_cube,
    write_exposure_cube,
    write_template,
)

ENERGIES = np.array([100.0, 400.0, 1600.0])


def sky(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Smooth, positive, without symmetry."""
    lon, lat = np.radians(longitude), np.radians(latitude)
    return 2 + np.sin(lat) + 0.8 * np.cos(lat) * np.cos(lon - 0.4) + 0.3 * np.sin(lat) ** 2


def spectrum(energy: float) -> float:
    return (energy / 100) ** -2.4


def healpix_cube(path: Path, nside: int, frame: str = "GAL", nested: bool = False) -> Path:
    geometry = HpxGeometry(nside, nested, frame)
    lon, lat = geometry.centres()
    if frame == "CEL":
        galactic = SkyCoord(lon, lat, unit="deg", frame="fk5").galactic
        lon, lat = galactic.l.deg, galactic.b.deg
    values = np.stack([sky(lon, lat) * spectrum(e) for e in ENERGIES])
    write_template(path, geometry, ENERGIES, values, dtype="f8")
    return path


def car_cube(path: Path, step: float, extra: int = 0, crval: float = 0.0) -> Path:
    columns, rows = round(360 / step) + extra, round(180 / step)
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"] = "GLON-CAR", "GLAT-CAR"
    header["CRPIX1"], header["CRPIX2"] = (columns + 1) / 2, (rows + 1) / 2
    header["CRVAL1"], header["CRVAL2"] = crval, 0.0
    header["CDELT1"], header["CDELT2"] = -step, step
    lon = crval - (np.arange(columns) - (columns - 1) / 2) * step
    lat = (np.arange(rows) - (rows - 1) / 2) * step
    plane = sky(*np.meshgrid(lon, lat))
    data = np.stack([plane * spectrum(e) for e in ENERGIES])
    table = fits.BinTableHDU.from_columns(
        [fits.Column("Energy", "D", unit="MeV", array=ENERGIES)], name="ENERGIES"
    )
    fits.HDUList([fits.PrimaryHDU(data, header), table]).writeto(path)
    return path


def test_power_law_between_planes(tmp_path: Path) -> None:
    template = open_template(healpix_cube(tmp_path / "t.fits", 16))
    lon, lat = HpxGeometry(16).centres()
    for energy in (100.0, 250.0, 400.0, 1599.0, 1600.0):
        assert template.intensity(energy) == pytest.approx(sky(lon, lat) * spectrum(energy))


def test_zero_pixels_are_interpolated_linearly(tmp_path: Path) -> None:
    values = np.ones((3, 12))
    values[0, 3] = values[1, 4] = values[2, 4] = 0.0
    write_template(tmp_path / "t.fits", HpxGeometry(1), ENERGIES, values)
    template = open_template(tmp_path / "t.fits")
    plane = template.intensity(250.0)
    assert plane[3] == pytest.approx(0.5) and plane[4] == pytest.approx(0.5)
    assert template.intensity(800.0)[4] == 0.0


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("frame", ["GAL", "CEL"])
def test_healpix_on_a_finer_grid_in_either_frame(tmp_path: Path, frame: str, nested: bool) -> None:
    template = open_template(healpix_cube(tmp_path / "t.fits", 64, frame, nested))
    lon, lat = HpxGeometry(128).centres()
    got = template.sample(400.0, 128, "GAL")
    assert got == pytest.approx(sky(lon, lat) * spectrum(400.0), rel=3e-3)
    if frame == "CEL":
        there = SkyCoord(lon, lat, unit="deg", frame="galactic").fk5
        lon, lat = there.ra.deg, there.dec.deg
    expected = hp.get_interp_val(template.intensity(400.0), lon, lat, lonlat=True)
    assert got == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("extra", "crval"), [(0, 0.0), (1, 0.0), (0, 180.0), (0, 37.0)])
def test_car_without_holes(tmp_path: Path, extra: int, crval: float) -> None:
    """All longitudes and both poles, with or without a doubled column."""
    template = open_template(car_cube(tmp_path / "t.fits", 1.0, extra, crval))
    assert template.whole_sky
    lon, lat = HpxGeometry(128).centres()
    got = template.sample(400.0, 128, "GAL")
    assert got == pytest.approx(sky(lon, lat) * spectrum(400.0), rel=6e-3)
    inside = np.abs(lat) < 89
    assert got[inside] == pytest.approx((sky(lon, lat) * spectrum(400.0))[inside], rel=2e-4)


def test_car_seen_from_the_other_frame(tmp_path: Path) -> None:
    template = open_template(car_cube(tmp_path / "t.fits", 1.0))
    lon, lat = HpxGeometry(64).centres()
    galactic = SkyCoord(lon, lat, unit="deg", frame="fk5").galactic
    got = template.sample(100.0, 64, "CEL")
    assert got == pytest.approx(sky(galactic.l.deg, galactic.b.deg), rel=6e-3)


def test_other_projections_are_zero_outside(tmp_path: Path) -> None:
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    header["CRPIX1"] = header["CRPIX2"] = 20.5
    header["CRVAL1"], header["CRVAL2"] = 83.0, 22.0
    header["CDELT1"], header["CDELT2"] = -0.25, 0.25
    fits.PrimaryHDU(np.ones((40, 40)), header).writeto(tmp_path / "t.fits")
    template = open_template(tmp_path / "t.fits")
    assert template.energies is None and not template.whole_sky
    got = template.sample(1.0, 256, "CEL")
    assert set(np.unique(got)) == {0.0, 1.0}
    assert got.sum() * hp.nside2pixarea(256, degrees=True) == pytest.approx(100.0, rel=0.03)


def test_energies_that_are_not_covered(tmp_path: Path) -> None:
    template = open_template(healpix_cube(tmp_path / "t.fits", 4))
    with pytest.raises(InputError, match=r"t\.fits: ENERGIES: .*100 to 1600 MeV.*31\.6228 to 1000"):
        template.check_energies(np.array([31.6228, 100.0, 1000.0]))
    with pytest.raises(InputError, match="not extrapolated"):
        template.intensity(2000.0)
    template.check_energies(np.array([100.0 * (1 - 1e-7), 1600.0 * (1 + 1e-7)]))


@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "1 pixels are no finite"), (-1e-9, "1 pixels are negative")]
)
def test_bad_pixels(tmp_path: Path, value: float, message: str) -> None:
    values = np.ones((3, 12))
    values[1, 5] = value
    write_template(tmp_path / "t.fits", HpxGeometry(1), ENERGIES, values)
    with pytest.raises(InputError, match=message):
        open_template(tmp_path / "t.fits").intensity(200.0)


def test_frame_and_energies_are_needed(tmp_path: Path) -> None:
    healpix_cube(tmp_path / "t.fits", 1)
    with fits.open(tmp_path / "t.fits") as file:
        del file[1].header["COORDSYS"]
        file.writeto(tmp_path / "frame.fits")
        file[1].header["COORDSYS"] = "GAL"
        fits.HDUList([file[0], file[1]]).writeto(tmp_path / "energies.fits")
    with pytest.raises(InputError, match="COORDSYS"):
        open_template(tmp_path / "frame.fits")
    with pytest.raises(InputError, match="ENERGIES"):
        open_template(tmp_path / "energies.fits")


def exposure(path: Path, nside: int) -> Exposure:
    geometry = HpxGeometry(nside)
    _, lat = geometry.centres()
    values = np.stack([1e10 * (1 + 0.2 * np.sin(np.radians(lat))) for _ in ENERGIES])
    write_exposure_cube(path, geometry, ENERGIES, values)
    return Exposure(open_energy_cube(path))


def test_map_without_psf_is_the_integral_over_pixels(tmp_path: Path) -> None:
    """Template and exposure coarser, equal and finer than the counts map."""
    geometry = HpxGeometry(16)
    lon, lat = geometry.centres()
    expected = sky(lon, lat) * 1e10 * (1 + 0.2 * np.sin(np.radians(lat))) * geometry.pixel_area
    for template in (8, 16, 64):
        for exposed in (8, 16, 32):
            name = f"{template}_{exposed}"
            maps = DiffuseMaps(
                geometry,
                exposure(tmp_path / f"x{name}.fits", exposed),
                open_template(healpix_cube(tmp_path / f"t{name}.fits", template)),
            )
            plane = maps.plane(100.0)
            assert plane == pytest.approx(expected, rel=0.03)
            assert plane.sum() == pytest.approx(expected.sum(), rel=2e-3)


def test_sum_of_the_plane_is_template_times_exposure(tmp_path: Path) -> None:
    """Finer template than the map: to rounding, whatever the kernel."""

    class Psf:
        def kernel(self, energy: float, lmax: int) -> Kernel:
            degree = np.arange(lmax + 1)
            return Kernel(np.exp(-degree * (degree + 1) * np.radians(3.0) ** 2 / 2))

    template = open_template(healpix_cube(tmp_path / "t.fits", 64))
    given = exposure(tmp_path / "x.fits", 16)
    maps = DiffuseMaps(HpxGeometry(16), given, template, Psf())  # type: ignore[arg-type]
    fine = hp.ud_grade(given.plane(400.0), 64)
    total = (template.intensity(400.0) * fine).sum() * hp.nside2pixarea(64)
    assert maps.plane(400.0).sum() == pytest.approx(total, rel=1e-9)


def test_isotropic_emission_is_convolved(tmp_path: Path) -> None:
    """The exposure is a dipole, which a kernel scales by its window at degree one."""

    class Psf:
        def kernel(self, energy: float, lmax: int) -> Kernel:
            degree = np.arange(lmax + 1)
            return Kernel(np.exp(-degree * (degree + 1) * np.radians(30.0) ** 2 / 2))

    geometry, given = HpxGeometry(16), exposure(tmp_path / "x.fits", 32)
    _, lat = geometry.centres()
    dipole = 0.2 * np.exp(-(np.radians(30.0) ** 2)) * np.sin(np.radians(lat))
    plane = DiffuseMaps(geometry, given, psf=Psf()).plane(400.0)  # type: ignore[arg-type]
    assert plane == pytest.approx(1e10 * (1 + dipole) * geometry.pixel_area, rel=1e-3)


def test_nested_counts_map(tmp_path: Path) -> None:
    given = exposure(tmp_path / "x.fits", 8)
    template = open_template(healpix_cube(tmp_path / "t.fits", 32))
    ring = next(DiffuseMaps(HpxGeometry(16), given, template).planes(ENERGIES[:1]))
    nested = next(DiffuseMaps(HpxGeometry(16, True), given, template).planes(ENERGIES[:1]))
    assert np.array_equal(nested, ring[hp.nest2ring(16, np.arange(12 * 16**2))])


def test_rings_add_up_to_the_summed_template(tmp_path: Path) -> None:
    class Psf:
        def kernel(self, energy: float, lmax: int) -> Kernel:
            degree = np.arange(lmax + 1)
            return Kernel(np.exp(-degree * (degree + 1) * np.radians(4.0) ** 2 / 2))

    geometry, rng = HpxGeometry(32), np.random.default_rng(4)
    rings = [hp.smoothing(rng.random(geometry.npix), np.radians(5)) for _ in range(3)]
    rings = [np.stack([ring * spectrum(e) for e in ENERGIES]) for ring in rings]
    given, planes = exposure(tmp_path / "x.fits", 16), []
    for number, values in enumerate([*rings, sum(rings)]):
        path = tmp_path / f"ring_{number}.fits"
        write_template(path, geometry, ENERGIES, values, dtype="f8")
        maps = DiffuseMaps(HpxGeometry(16), given, open_template(path), Psf())  # type: ignore[arg-type]
        planes.append(maps.plane(400.0))
    assert sum(planes[:3]) == pytest.approx(planes[3], rel=1e-4)


def test_exposure_without_the_plane(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no plane at 250 MeV \(they are at 100, 400, 1600\)"):
        exposure(tmp_path / "x.fits", 1).plane(250.0)
