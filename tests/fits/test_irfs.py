"""Instrument response functions, against independent interpolation and integration."""

from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import RegularGridInterpolator

import irf_files
from latsky.errors import InputError
from latsky.fits import caldb
from latsky.fits.core import Column, FitsWriter, Header
from latsky.fits.irfs import Response, load_response


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return irf_files.write_irfs(tmp_path_factory.mktemp("irfs"))


@pytest.fixture(scope="module")
def response(directory: Path) -> Response:
    return load_response("P8R3_SOURCE_V3", None, directory)


def test_event_types_of_a_plain_directory(response: Response) -> None:
    assert [kind.name for kind in response.event_types] == ["FRONT", "BACK"]
    assert response.mask == 3
    assert response.class_bit == 7


def test_area_is_bilinear_between_bin_centres(response: Response) -> None:
    log_energy, cosine = irf_files.grids()
    aeff = response.event_types[0].aeff
    expected = RegularGridInterpolator((cosine[:, 0], log_energy[0]), aeff.area)
    energies, cosines = np.array([40.0, 1234.5, 2e5]), np.array([0.31, 0.555, 0.85])
    points = np.stack(np.meshgrid(cosines, np.log10(energies)), axis=-1)
    np.testing.assert_allclose(aeff.value(energies, cosines), expected(points), rtol=1e-6)


def test_area_is_constant_beyond_the_outer_centres_and_zero_beyond_the_edge(
    response: Response,
) -> None:
    aeff = response.event_types[1].aeff
    low, high = aeff.value([12.0, 1.2], [0.99]), aeff.value([7e5, 1e7], [1.0])
    assert low[0] == low[1]
    assert high[0] == high[1]
    assert aeff.value([1e3], [0.2001])[0, 0] == aeff.value([1e3], [0.29])[0, 0] > 0
    assert aeff.value([1e3], [0.199])[0, 0] == 0


def test_phi_dependence_averages_to_one(response: Response) -> None:
    aeff = response.event_types[0].aeff
    phi = (np.arange(20000) + 0.5) / 20000 * 2 * np.pi
    factor = aeff.phi_dependence([50.0, 5e3], [0.4, 0.95], phi)
    assert factor.shape == (2, 2, 20000)
    np.testing.assert_allclose(factor.mean(axis=-1), 1.0, rtol=1e-4)
    assert np.ptp(factor[0, 0]) > 0.05
    # a symmetry of a square instrument, and of its diagonals
    np.testing.assert_allclose(factor[..., :5000], factor[..., 9999:4999:-1], rtol=1e-9)
    np.testing.assert_allclose(factor[..., :5000], factor[..., 5000:10000], rtol=1e-9)


def test_efficiency_by_hand(response: Response) -> None:
    aeff = response.event_types[0].aeff
    # log10(E) = 3 lies on the second line: slope 0.4, continuous at 2.4
    offset = 1.8 * 2.4 - 4.4 + 0.4 * 0.6
    slope = -2.0 * 2.4 + 6.0 - 0.5 * 0.6
    np.testing.assert_allclose(aeff.livetime_factors([1e3]), [[offset], [slope]], rtol=1e-6)
    assert aeff.efficiency(1e3, 0.9) == pytest.approx(offset + 0.9 * slope, rel=1e-6)
    edges = 10 ** np.array([2.4, 3.5])
    for below, above in zip(
        aeff.livetime_factors(edges * (1 - 1e-9)), aeff.livetime_factors(edges), strict=True
    ):
        np.testing.assert_allclose(below, above, atol=1e-7)


@pytest.mark.parametrize("energy", [20.0, 90.0, 500.0, 3e4])
def test_psf_is_a_density(response: Response, energy: float) -> None:
    psf = response.event_types[0].psf
    cosines = np.array([0.25, 0.63, 1.0])
    radius = np.radians([0.01, 0.3, 2.0, 15.0])
    inside = psf.integral(energy, cosines, radius)
    for row, cosine in enumerate(cosines):
        for column, limit in enumerate(radius):

            def ring(angle: float, cosine: float = cosine) -> float:
                measure = np.sin(angle) if energy < 120 else angle
                density = psf.density(energy, np.array([cosine]), np.array([angle]))[0, 0]
                return 2 * np.pi * measure * density

            expected = quad(ring, 0, limit, epsrel=1e-9, limit=200)[0]
            assert inside[row, column] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("node", [1, 2, 5, 9])
def test_psf_is_normalised_at_its_nodes(response: Response, node: int) -> None:
    psf = response.event_types[0].psf
    energy = 10 ** psf.log_energy[node]
    total = psf.integral(energy, np.array([0.25, 0.63, 1.0]), np.array([np.pi / 2]))
    np.testing.assert_allclose(total, 1.0, rtol=1e-6)


def test_psf_is_the_king_function_at_a_node(response: Response) -> None:
    psf = response.event_types[0].psf
    energy = 10 ** psf.log_energy[6]
    core, tail, sigma1, sigma2, gamma1, gamma2 = psf.parameters[:, 2, 6]
    scale = np.hypot(0.06 * (energy / 100) ** -0.8, 0.001)
    assert psf.scale_factor(energy) == pytest.approx(scale, rel=1e-6)
    assert sigma2 / sigma1 == pytest.approx(2.0, rel=1e-6)
    x = np.array([0.0, 0.01, 0.2])

    def king(sigma: float, gamma: float) -> np.ndarray:
        return (1 - 1 / gamma) * (1 + x**2 / (2 * gamma * sigma**2)) ** -gamma

    expected = core * (king(sigma1, gamma1) + tail * king(sigma2, gamma2))
    found = psf.density(energy, psf.cos_theta[2:3], x)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("energy", [300.0, 1e4])
@pytest.mark.parametrize("cosine", [0.3, 0.7, 0.97])
def test_energy_dispersion_is_a_density(response: Response, energy: float, cosine: float) -> None:
    edisp = response.event_types[0].edisp
    measured = np.linspace(0, 6 * energy, 60001)
    density = edisp.density(energy, np.array([cosine]), measured)[0]
    assert np.trapezoid(density, measured) == pytest.approx(1.0, abs=2e-3)
    mean = np.trapezoid(density * measured, measured)
    assert mean == pytest.approx(energy, rel=0.1)


def test_unknown_irfs_are_named_with_those_there_are(directory: Path) -> None:
    with pytest.raises(InputError, match=r"P8R9_X_V1.*available: P8R3_SOURCE_V3") as error:
        load_response("P8R9_X_V1", None, directory)
    assert error.value.key == "irfs"


@pytest.mark.parametrize("mask", [4, 5, 0, 1 << 20])
def test_event_types_that_the_irfs_lack(directory: Path, mask: int) -> None:
    with pytest.raises(InputError, match=r"FRONT \(1\), BACK \(2\)") as error:
        load_response("P8R3_SOURCE_V3", mask, directory)
    assert error.value.key == "evtype"


def test_no_caldb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CALDB", raising=False)
    with pytest.raises(InputError) as error:
        load_response("P8R3_SOURCE_V3")
    assert error.value.key == "CALDB"
    monkeypatch.setenv("CALDB", str(tmp_path / "absent"))
    with pytest.raises(InputError, match="no such directory"):
        load_response("P8R3_SOURCE_V3")


def test_old_psf_version_is_refused(tmp_path: Path) -> None:
    irf_files.write_irfs(tmp_path / "old", psf_version=1)
    response = load_response("P8R3_SOURCE_V3", 1, tmp_path / "old")
    with pytest.raises(InputError, match="version 1") as error:
        _ = response.event_types[0].psf
    assert error.value.key == "PSFVER"


def write_tree(root: Path) -> None:
    """A CALDB tree around the files of ``irf_files``."""
    irf_files.write_irfs(root / "files")
    index = caldb.find_irfs("P8R3_SOURCE_V3", root / "files")
    (root / "software/tools").mkdir(parents=True)
    (root / "data/glast/lat/bcf").mkdir(parents=True)
    line = "GLAST LAT CALDB data/glast/lat caldb.indx CALDB data/glast/lat\n"
    (root / "software/tools/caldb.config").write_text("GLAST GBM CALDB x y CALDB x\n" + line)
    rows = [(kind, name, place) for (kind, name), place in index.places.items()]
    boundary = [b"VERSION(P8R3_SOURCE_V3)".ljust(70) + b"CLASS(x)".ljust(560)] * len(rows)
    with FitsWriter(root / "data/glast/lat/caldb.indx") as writer:
        writer.table(
            "CIF",
            [
                Column("DETNAM", np.array([row[0] for row in rows], "S20")),
                Column("CAL_CNAM", np.array([row[1] for row in rows], "S20")),
                Column("CAL_DIR", np.array(["files"] * len(rows), "S70")),
                Column("CAL_FILE", np.array([row[2].path.name for row in rows], "S40")),
                Column("CAL_CBD", np.array(boundary, "S630")),
                Column("CAL_XNO", np.array([row[2].hdu for row in rows], "i2")),
                Column("CAL_QUAL", np.zeros(len(rows), "i2")),
            ],
        )
    with FitsWriter(root / "data/glast/lat/bcf/irf_index.fits") as writer:
        writer.primary(Header())
        writer.table(
            "BITMASK_MAPPING",
            [
                Column("EVENT_CLASS", np.array(["P8R3_SOURCE_V3"], "S60")),
                Column("BITPOSITION", np.array([7], "i2")),
                Column("EVENT_TYPES", np.array([3], "i4")),
            ],
        )
        writer.table(
            "EVENT_TYPE_MAPPING",
            [
                Column("EVENT_TYPE", np.array(["FRONT", "BACK", "PSF0"], "S60")),
                Column("BITPOSITION", np.array([0, 1, 2], "i2")),
                Column("EVENT_TYPE_PARTITION", np.array(["none", "none", "PSF"], "S20")),
            ],
        )


def test_caldb_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, response: Response) -> None:
    write_tree(tmp_path)
    monkeypatch.delenv("CALDBCONFIG", raising=False)
    monkeypatch.setenv("CALDB", str(tmp_path))
    found = load_response("P8R3_SOURCE_V3")
    assert (found.mask, found.class_bit) == (3, 7)
    arguments = np.array([1e3]), np.array([0.5])
    for one, other in zip(found.event_types, response.event_types, strict=True):
        assert one.aeff.value(*arguments) == other.aeff.value(*arguments)
    assert caldb.available_irfs() == ["P8R3_SOURCE_V3"]
    assert caldb.class_names() == {7: ["P8R3_SOURCE_V3"]}


def test_caldbconfig_is_honoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(tmp_path)
    elsewhere = tmp_path / "my.config"
    (tmp_path / "software/tools/caldb.config").rename(elsewhere)
    monkeypatch.setenv("CALDB", str(tmp_path))
    monkeypatch.setenv("CALDBCONFIG", str(elsewhere))
    assert load_response("P8R3_SOURCE_V3").mask == 3
    monkeypatch.setenv("CALDBCONFIG", str(tmp_path / "gone"))
    with pytest.raises(InputError) as error:
        load_response("P8R3_SOURCE_V3")
    assert error.value.key == "CALDBCONFIG"
    monkeypatch.setenv("CALDB", str(tmp_path / "files"))
    assert load_response("P8R3_SOURCE_V3").mask == 3
