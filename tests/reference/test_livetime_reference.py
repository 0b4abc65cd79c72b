"""Livetime cubes, exposures and response functions against those of the real tools."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from latsky.embedded.exposure import exposure_by_bin, pixels_at
from latsky.embedded.main import main
from latsky.fits.core import FitsFile, read_table
from latsky.fits.frames import unit_vectors
from latsky.fits.hpx import read_exposure_cube
from latsky.fits.irfs import load_response
from latsky.fits.livetime import LivetimeCube, read_livetime_cube

pytestmark = pytest.mark.reference

# mask of event types, order of the exposure, largest zenith angle, log10 of energies, bins
COMPONENTS = {
    "E0_PSF3": (32, 5, 80),
    "E1_PSF23": (48, 6, 90),
    "E2_PSF123": (56, 6, 100),
    "E3_PSF0123": (60, 6, 105),
}
FILTER = "(DATA_QUAL>0)&&(LAT_CONFIG==1)"


def spacecraft(reference: Path) -> Path:
    return reference / "week/events/lat_spacecraft_weekly_w323_p202_v001.fits.gz"


@pytest.fixture(scope="module")
def good(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The week's event files after gtselect and gtmktime."""
    place = tmp_path_factory.mktemp("good")
    made = []
    for number in range(3):
        selected, timed = place / f"selected_{number}.fits", place / f"good_{number}.fits"
        source = reference / f"week/events/week_ft1_{number}.fits.gz"
        select = [f"infile={source}", f"outfile={selected}", "evclass=128", "evtype=60"]
        ranges = ["emin=1000", "emax=1000000", "zmin=0", "zmax=105", "rad=180", "ra=0", "dec=0"]
        assert main(["gtselect", *select, *ranges, "tmin=INDEF", "tmax=INDEF"]) == 0
        times = [f"evfile={selected}", f"scfile={spacecraft(reference)}", f"outfile={timed}"]
        assert main(["gtmktime", *times, f"filter={FILTER}", "roicut=no"]) == 0
        made.append(timed)
    return made


@pytest.fixture(scope="module")
def cubes(
    reference: Path, good: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[int, Path]:
    """Summed livetime cubes of the week by largest zenith angle."""
    place = tmp_path_factory.mktemp("livetime")
    made = {}
    for zmax in (80, 90, 100, 105):
        parts = []
        for number, events in enumerate(good):
            parts.append(place / f"z{zmax}_{number}.fits")
            files = [f"evfile={events}", f"scfile={spacecraft(reference)}"]
            assert main(["gtltcube", *files, f"outfile={parts[-1]}", f"zmax={zmax}"]) == 0
        (place / "list").write_text("".join(f"{part}\n" for part in parts))
        made[zmax] = place / f"ltcube_zmax{zmax}.fits"
        assert main(["gtltsum", f"infile1=@{place}/list", f"outfile={made[zmax]}"]) == 0
    return made


def worst(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest relative difference where ``expected`` is above 1e-3 of its maximum."""
    expected = expected.astype("f8")
    counted = expected > 1e-3 * expected.max()
    assert counted.sum() > 0.1 * expected.size
    return float(np.abs(found[counted] / expected[counted] - 1).max())


@pytest.mark.parametrize("zmax", [80, 105])
def test_livetime_of_the_week(reference: Path, cubes: dict[int, Path], zmax: int) -> None:
    found = read_livetime_cube(cubes[zmax])
    with FitsFile(reference / f"week/expected/ltcube_zmax{zmax}.fits.gz") as file:
        expected = file.table("EXPOSURE")
        times = file.table("GTI")
        keys = ("PIXTYPE", "ORDERING", "COORDSYS", "NSIDE", "THETABIN", "NBRBINS", "COSMIN")
        assert {k: found.header[k] for k in keys} == {k: expected.header[k] for k in keys}
    assert worst(found.values, expected["COSBINS"]) <= 1e-5
    empty = expected["COSBINS"] == 0
    assert empty.any()
    assert (found.values[empty] == 0).all()
    stated = np.column_stack([times["START"], times["STOP"]])
    np.testing.assert_allclose(found.intervals, stated, rtol=0, atol=1e-6)


def test_sums_of_the_week(reference: Path, cubes: dict[int, Path]) -> None:
    summary = json.loads((reference / "week/expected/summary.json").read_text())
    for zmax, path in cubes.items():
        found, expected = read_livetime_cube(path), summary[f"zmax{zmax}"]
        total = found.values.sum(dtype="f8")
        weighted = found.weighted_values.sum(dtype="f8")
        # the real tool adds in single precision
        assert total == pytest.approx(expected["total_livetime_pixel_seconds"], rel=1e-7)
        assert weighted == pytest.approx(expected["weighted"], rel=1e-7)


def phi_cube(reference: Path, good: list[Path], place: Path) -> Path:
    path = place / "ltcube_phi.fits"
    files = [f"evfile={good[0]}", f"scfile={spacecraft(reference)}", f"outfile={path}"]
    assert main(["gtltcube", *files, "phibins=5", "binsz=4", "zmax=100"]) == 0
    return path


def test_livetime_with_azimuth(reference: Path, good: list[Path], tmp_path: Path) -> None:
    expected_file = reference / "week/expected/ltcube_phi.fits.gz"
    found = read_livetime_cube(phi_cube(reference, good, tmp_path))
    expected = read_livetime_cube(expected_file)
    assert found.bins == expected.bins
    n = expected.bins.n_theta
    for part in (slice(0, n), slice(n, None)):
        assert worst(found.values[:, part], expected.values[:, part]) <= 1e-5
        weighted = found.weighted_values[:, part], expected.weighted_values[:, part]
        assert worst(*weighted) <= 1e-5
    with FitsFile(tmp_path / "ltcube_phi.fits") as mine, FitsFile(expected_file) as theirs:
        for hdu in ("EXPOSURE", "WEIGHTED_EXPOSURE", "CTHETABOUNDS", "GTI", 0):
            one, other = mine.header(hdu), theirs.header(hdu)
            for key in ("TSTART", "TSTOP", "TELESCOP", "ZENMAX", "ZENMIN", "DSTYP1", "NDSKEYS"):
                assert one.get(key) == other.get(key) or key not in other
        for column in ("RA", "DEC"):
            pair = mine.table("EXPOSURE")[column], theirs.table("EXPOSURE")[column]
            np.testing.assert_allclose(*pair, atol=1e-4)


@pytest.mark.parametrize("component", COMPONENTS)
def test_exposure_of_the_week(
    reference: Path,
    cubes: dict[int, Path],
    caldb: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    component: str,
) -> None:
    monkeypatch.setenv("CALDB", str(caldb))
    monkeypatch.delenv("CALDBCONFIG", raising=False)
    mask, order, zmax = COMPONENTS[component]
    expected_file = reference / f"week/expected/bexpcube_{component}.fits.gz"
    path = tmp_path / "bexpcube.fits"
    arguments = [
        f"infile={cubes[zmax]}",
        f"cmap={reference}/week/expected/ccube_{component}.fits.gz",
        f"outfile={path}",
        "irfs=P8R3_SOURCE_V3",
        f"evtype={mask}",
        f"hpx_order={order}",
        "coordsys=GAL",
    ]
    assert main(["gtexpcube2", *arguments]) == 0
    found, expected = read_exposure_cube(path), read_exposure_cube(expected_file)
    assert found.geometry == expected.geometry
    np.testing.assert_allclose(found.energies, expected.energies, rtol=1e-6)
    zero = expected.values == 0
    assert (found.values[zero] == 0).all()
    ratio = found.values[~zero] / expected.values[~zero].astype("f8")
    assert np.abs(ratio - 1).max() <= 1e-4
    with FitsFile(path) as mine, FitsFile(expected_file) as theirs:
        one, other = mine.header(0), theirs.header(0)
        dss = [key for key, _, _ in other.cards if key.startswith(("DS", "NDSKEYS", "TST"))]
        assert {key: one[key] for key in dss} == {key: other[key] for key in dss}


def test_exposure_by_caldb_keyword(
    reference: Path,
    cubes: dict[int, Path],
    caldb: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """irfs=CALDB takes class, pass and event types from the counts cube."""
    monkeypatch.setenv("CALDB", str(caldb))
    monkeypatch.delenv("CALDBCONFIG", raising=False)
    cmap = f"cmap={reference}/week/expected/ccube_E2_PSF123.fits.gz"
    results = []
    for name, mask in (("CALDB", "INDEF"), ("P8R3_SOURCE_V3", "56")):
        path = tmp_path / f"{name}.fits"
        more = [f"outfile={path}", f"irfs={name}", f"evtype={mask}", "hpx_order=4"]
        assert main(["gtexpcube2", f"infile={cubes[100]}", cmap, *more]) == 0
        results.append(read_exposure_cube(path).values)
    np.testing.assert_array_equal(*results)


def test_exposure_with_azimuth(
    reference: Path,
    good: list[Path],
    caldb: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CALDB", str(caldb))
    monkeypatch.delenv("CALDBCONFIG", raising=False)
    livetime, path = phi_cube(reference, good, tmp_path), tmp_path / "bexpcube.fits"
    files = [f"infile={livetime}", "cmap=hpx", f"outfile={path}", "irfs=P8R3_SOURCE_V3"]
    more = ["evtype=56", "hpx_order=4", "emin=100", "emax=100000", "enumbins=6"]
    assert main(["gtexpcube2", *files, *more]) == 0
    found = read_exposure_cube(path)
    expected = read_exposure_cube(reference / "week/expected/bexpcube_phi.fits.gz")
    assert found.geometry == expected.geometry
    np.testing.assert_allclose(found.energies, expected.energies, rtol=1e-9)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-3)
    plain = tmp_path / "plain.fits"
    assert main(["gtexpcube2", *files, *more, f"outfile={plain}", "ignorephi=yes"]) == 0
    # the dependence on azimuth is a real effect
    assert np.abs(read_exposure_cube(plain).values / expected.values - 1).max() > 1e-3


def test_wcs_exposure(
    reference: Path,
    cubes: dict[int, Path],
    caldb: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CALDB", str(caldb))
    monkeypatch.delenv("CALDBCONFIG", raising=False)
    path = tmp_path / "bexp.fits"
    files = [f"infile={cubes[100]}", "cmap=none", f"outfile={path}", "irfs=P8R3_SOURCE_V3"]
    grid = ["nxpix=180", "nypix=90", "binsz=2", "xref=0", "yref=0", "axisrot=0", "proj=CAR"]
    energies = ["evtype=56", "coordsys=GAL", f"emin={10**2.5!r}", "emax=1000", "enumbins=3"]
    assert main(["gtexpcube2", *files, *grid, *energies]) == 0
    with FitsFile(path) as mine, FitsFile(reference / "solar/bexp_wcs.fits.gz") as theirs:
        np.testing.assert_allclose(mine.image(0), theirs.image(0), rtol=1e-4)
        one, other = mine.header(0), theirs.header(0)
        for key in ("CTYPE1", "CTYPE2", "CTYPE3", "COORDSYS", "NDSKEYS", "DSTYP2", "DSVAL4"):
            assert one[key] == other[key]
        for key in ("CRPIX1", "CRVAL1", "CDELT1", "CRPIX2", "CDELT2", "CRVAL3", "CDELT3"):
            assert one[key] == pytest.approx(other[key], rel=1e-12)


def test_chain_of_pass_8_release_2(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = reference / "real/p8r2_chain"
    monkeypatch.setenv("CALDB", str(chain / "irfs"))
    monkeypatch.delenv("CALDBCONFIG", raising=False)
    livetime, path = tmp_path / "ltcube.fits", tmp_path / "bexp.fits"
    files = [
        f"evfile={chain}/gammalib_p8v2_ft1.fits.gz",
        f"scfile={chain}/gammalib_p8v2_ft2.fits.gz",
    ]
    more = [f"outfile={livetime}", "zmax=180", "dcostheta=0.05", "binsz=4"]
    assert main(["gtltcube", *files, *more]) == 0
    found = read_livetime_cube(livetime)
    expected = read_livetime_cube(chain / "gammalib_p8v2_ltcube.fits.gz")
    assert found.bins == expected.bins
    assert worst(found.values, expected.values) <= 1e-4
    assert worst(found.weighted_values, expected.weighted_values) <= 1e-4
    np.testing.assert_allclose(found.intervals, expected.intervals, rtol=0, atol=1e-6)
    arguments = [
        f"infile={livetime}",
        "cmap=none",
        f"outfile={path}",
        "irfs=P8R2_SOURCE_V6",
        "evtype=3",
    ]
    grid = ["nxpix=40", "nypix=40", "binsz=0.5", "xref=184.5575", "yref=-5.7844", "coordsys=GAL"]
    energies = ["emin=200", "emax=20000", "enumbins=20", "proj=CAR"]
    assert main(["gtexpcube2", *arguments, *grid, *energies]) == 0
    with FitsFile(path) as mine, FitsFile(chain / "gammalib_p8v2_binned_expmap.fits.gz") as theirs:
        np.testing.assert_allclose(
            mine.table("ENERGIES")["Energy"], theirs.table("ENERGIES")["Energy"], rtol=1e-5
        )
        np.testing.assert_allclose(mine.image(0), theirs.image(0), rtol=1e-3)
        one, other = mine.header(0), theirs.header(0)
        dss = [key for key, _, _ in other.cards if key.startswith(("DS", "NDSKEYS"))]
        assert {key: one[key] for key in dss} == {key: other[key] for key in dss}


def mean_psf(cube: LivetimeCube, response, energy: float, ra: float, dec: float, angle):
    """Exposure and exposure-weighted PSF at a position, from bins of cos(theta)."""
    weights = exposure_by_bin(cube, response, energy, ra, dec, "CEL")
    density = sum(
        row @ kind.psf.density(energy, cube.bins.cos_centers, angle)
        for row, kind in zip(weights, response.event_types, strict=True)
    )
    return weights.sum(), density / weights.sum()


def test_psf_at_vela(reference: Path, cubes: dict[int, Path], caldb: Path) -> None:
    """The PSF itself, through gtpsf (types PSF1, 2, 3; zenith angles below 100°)."""
    path = reference / "week/expected/psf_vela.fits.gz"
    table, angle = read_table(path, "PSF"), read_table(path, "THETA")["Theta"]
    cube = read_livetime_cube(cubes[100])
    response = load_response("P8R3_SOURCE_V3", 56, caldb)
    # gtpsf has a table of its own, made to integrate to one by the trapezium rule, and
    # interpolates linearly in it
    nodes = np.append(0.0, np.geomspace(1e-4, 70.0, 400))
    radians = np.radians(nodes)
    for energy, exposure, expected in zip(
        table["Energy"], table["Exposure"], table["Psf"], strict=True
    ):
        total, density = mean_psf(cube, response, energy, 128.8361, -45.1763, radians)
        assert total == pytest.approx(exposure, rel=1e-4)
        norm = np.trapezoid(2 * np.pi * density * np.sin(radians), radians)
        assert norm == pytest.approx(1.0, abs=2e-3)
        found = np.interp(angle, nodes, density / norm)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_energy_dispersion(reference: Path, cubes: dict[int, Path], caldb: Path) -> None:
    """The energy dispersion, through gtdrm's matrix at the Galactic centre.

    gtdrm has no parameter for the event types and took FRONT and BACK; it weights with livetime
    and area alone, without the efficiency correction.
    """
    with FitsFile(reference / "week/expected/drm_E2_PSF123.fits.gz") as file:
        table, bounds = file.table("DRM"), file.table("EBOUNDS")
    edges = np.append(bounds["E_MIN"], bounds["E_MAX"][-1]) / 1e3
    cube, response = read_livetime_cube(cubes[100]), load_response("P8R3_SOURCE_V3", 3, caldb)
    cosines = cube.bins.cos_centers
    centre = unit_vectors(np.zeros(1), np.zeros(1))
    livetime = cube.livetime[pixels_at(cube, centre, "GAL")[0]]
    x, w = np.polynomial.legendre.leggauss(200)
    found = np.zeros((3, 3))
    for row, true in enumerate(np.sqrt(table["ENERG_LO"] * table["ENERG_HI"])):
        area = [kind.aeff.value([true], cosines)[0] * livetime for kind in response.event_types]
        for column, (low, high) in enumerate(pairwise(edges)):
            measured = (low + high) / 2 + (high - low) / 2 * x
            part = sum(
                kind.edisp.density(float(true), cosines, measured) @ w * (high - low) / 2 * weight
                for kind, weight in zip(response.event_types, area, strict=True)
            )
            # gtdrm integrates over cos(theta) by the trapezium rule between centres of bins
            found[row, column] = np.trapezoid(part, cosines)
        found[row] /= np.trapezoid(sum(area), cosines)
    np.testing.assert_allclose(found, np.stack(table.variable("MATRIX")), rtol=1e-5)
