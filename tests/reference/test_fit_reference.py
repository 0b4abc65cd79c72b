"""The likelihood against pyLikelihood's on the same source maps, and gtmodel's model cube.

All source maps of the reference fit are given but the isotropic one. The Fermitools convolve it as
they do any diffuse map: harmonics to 3 nside - 1 with three iterations, of a PSF sampled on the
rings about the pole and cut at 99.5 %. That is done here with healpy, so that the likelihood gets
the maps it had; its value is exact to the details of that map (0.06 of 32,792), its differences far
better.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from latsky.embedded.diffuse import DiffuseMaps, Exposure, PsfSource
from latsky.embedded.mean_psf import MeanPsf
from latsky.embedded.template import open_template
from latsky.fit.data import Frame, load_component, operators, read_frame
from latsky.fit.likelihood import JointLikelihood
from latsky.fit.minimise import FitResult, fit
from latsky.fit.parameters import FreeParameter, free_parameters, source_terms
from latsky.fits.core import FitsFile, FitsWriter, Header, read_table
from latsky.fits.hpx import open_energy_cube, open_hpx
from latsky.fits.irfs import load_response
from latsky.fits.livetime import read_livetime_cube
from latsky.fits.source_model import read_source_model
from latsky.fits.srcmaps import open_source_map, write_source_map
from latsky.models.assemble import SourceFile, assemble

pytestmark = pytest.mark.reference
CUT = 0.995


def ring_psf(psf: MeanPsf, nside: int) -> np.ndarray:
    """PSF map about the pole, the mean over parts of one pixel for all of a ring."""
    import healpy

    values = np.zeros(healpy.nside2npix(nside))
    order, ring, pixel, theta = healpy.nside2order(nside), 1, 0, 0.0
    while theta < psf.containment([CUT])[0]:
        number = 4 * min(ring, nside)
        finer = max(min(13 - order, 6 - 2 * (ring - 1)), 1)
        nest = healpy.ring2nest(nside, pixel)
        parts = np.arange(nest * 4**finer, (nest + 1) * 4**finer)
        values[pixel : pixel + number] = psf.density(
            healpy.pix2ang(nside << finer, parts, nest=True)[0]
        ).mean()
        theta = healpy.pix2ang(nside, pixel)[0]
        pixel, ring = pixel + number, ring + 1
    return values / values.mean() / (4 * np.pi)


def convolved(field: np.ndarray, kernel: np.ndarray, nside: int) -> np.ndarray:
    """``field`` ⊗ ``kernel`` as gtsrcmaps does it, sum kept."""
    import healpy

    lmax = 3 * nside - 1
    field_alm = healpy.map2alm(field, lmax=lmax, iter=3)
    kernel_alm = healpy.map2alm(kernel, lmax=lmax, mmax=0, iter=3).real
    factor = np.sqrt(4 * np.pi / (2 * np.arange(lmax + 1) + 1)) * kernel_alm
    found = healpy.alm2map(healpy.almxfl(field_alm, factor), nside, lmax=lmax)
    return found * field.mean() / found.mean()


@pytest.fixture(scope="module")
def case(
    reference: Path, caldb: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[JointLikelihood, list[FreeParameter], Frame]:
    """The likelihood of the reference fit."""
    import healpy

    week, work = reference / "week", tmp_path_factory.mktemp("fit")
    expected = week / "expected"
    counts = expected / "ccube_E2_PSF123.fits.gz"
    cube = open_hpx(counts, "SKYMAP")
    psf = PsfSource(
        load_response("P8R3_SOURCE_V3", 56, caldb),
        read_livetime_cube(expected / "ltcube_zmax105.fits.gz"),
    )
    table = open_energy_cube(expected / "bexpcube_E2_PSF123.fits.gz", default_frame="GAL")
    maps = DiffuseMaps(cube.geometry, Exposure(table))
    nside = 2 * cube.geometry.nside
    planes = []
    for energy in cube.edges:
        exposure = maps.plane(float(energy))
        fine = healpy.ud_grade(exposure, nside)
        kernel = ring_psf(psf.at(float(energy)), nside)
        planes.append(healpy.ud_grade(convolved(fine, kernel, nside), cube.geometry.nside))
    with FitsWriter(work / "iso.fits") as writer:
        writer.primary(Header())
        write_source_map(writer, "iso", cube.geometry, np.array(planes))
    given = SourceFile(
        expected / "srcmaps_E2_PSF123.fits.gz", ("galactic_hpx", "vela", "c3c454", "pole")
    )
    assemble(counts, [given, SourceFile(work / "iso.fits", ("iso",))], work / "maps.fits", 6)
    frame = read_frame("E2", work / "maps.fits")
    model = read_source_model(week / "config/fit_sources.xml")
    parameters = free_parameters(model)
    terms = source_terms(model, parameters, directory=week / "templates")
    make = operators(None, "fermitools", (), frame.edges)
    data = load_component(frame, terms, make, work)
    return JointLikelihood([data], terms, len(parameters)), parameters, frame


@pytest.fixture(scope="module")
def theirs(reference: Path) -> dict:
    """What pyLikelihood found."""
    return json.loads((reference / "week/expected/fit_E2_PSF123.json").read_text())


@pytest.fixture(scope="module")
def fitted(case: tuple) -> FitResult:
    """Our fit."""
    likelihood, parameters, _ = case
    return fit(likelihood, parameters)


def test_predicted_counts(case: tuple, theirs: dict, fitted: FitResult) -> None:
    likelihood, parameters, _ = case
    data = likelihood.components[0]
    assert data.counts.sum(axis=1).tolist() == theirs["nobs"]
    start = likelihood.source_counts(data, np.array([p.value for p in parameters]))
    for name, counts in start.items():
        assert counts.sum() == pytest.approx(theirs["npred_start"][name], rel=1e-6)
    best = likelihood.source_counts(data, fitted.values)
    for name, counts in best.items():
        # at its best fit "pole" lies at a limit, one in 1e8 of its start
        assert counts.sum() == pytest.approx(theirs["npred_best"][name], rel=1e-3)
    at_their_best = np.array([theirs["best"][p.source][p.name][0] for p in parameters])
    for name, counts in likelihood.source_counts(data, at_their_best).items():
        assert counts.sum() == pytest.approx(theirs["npred_best"][name], rel=1e-6)


def test_log_likelihood(case: tuple, theirs: dict, fitted: FitResult) -> None:
    likelihood, parameters, _ = case
    start = likelihood.evaluate(np.array([p.value for p in parameters])).log_likelihood
    assert start == pytest.approx(theirs["logL_start"], rel=3e-6)
    gain = theirs["logL_best"] - theirs["logL_start"]
    assert fitted.log_likelihood - start == pytest.approx(gain, rel=1e-6)
    at_their_best = np.array([theirs["best"][p.source][p.name][0] for p in parameters])
    value = likelihood.evaluate(at_their_best).log_likelihood
    assert value - start == pytest.approx(gain, rel=1e-6)


def test_parameters_and_errors(case: tuple, theirs: dict, fitted: FitResult) -> None:
    _, parameters, _ = case
    assert fitted.converged
    for parameter, value, error in zip(parameters, fitted.values, fitted.errors, strict=True):
        their_value, their_error = theirs["best"][parameter.source][parameter.name]
        assert value == pytest.approx(their_value, rel=0.01)
        if parameter.key not in fitted.at_limit:
            assert value == pytest.approx(their_value, abs=0.02 * their_error)
            assert error == pytest.approx(their_error, rel=0.01)
    # "pole" predicts far too much at the start and ends at its limit, where errors mean little
    assert fitted.at_limit == ("pole:Prefactor",)


def test_model_cube(reference: Path, caldb: Path, case: tuple) -> None:
    """gtmodel's cube of reference_sources.xml, all sources of it.

    Beside those of the fit these are extended sources, of which the maps are given, and a Galactic
    map made from the CAR cube, made here with the Fermitools' PSF (FRONT and BACK, cut at 99.5 %).
    """
    week, expected = reference / "week", reference / "week/expected"
    theirs = open_hpx(expected / "mcube_E2_PSF123.fits.gz", "SKYMAP").read(dtype="f8")
    likelihood, parameters, frame = case
    data = likelihood.components[0]
    model = likelihood.model(data, np.array([p.value for p in parameters]))
    edges = frame.edges
    table = open_energy_cube(expected / "bexpcube_E2_PSF123.fits.gz", default_frame="GAL")
    psf = PsfSource(
        load_response("P8R3_SOURCE_V3", 3, caldb),
        read_livetime_cube(expected / "ltcube_zmax105.fits.gz"),
        containment=CUT,
    )
    template = open_template(week / "templates/galactic_toy_car.fits.gz")
    maps = DiffuseMaps(frame.geometry, Exposure(table), template, psf)
    planes = {"galactic_car": np.array(list(maps.planes(edges)))}
    for name in ("disk_2deg", "gauss_half", "HB9"):
        given = open_source_map(expected / "srcmaps_E2_PSF123.fits.gz", name)
        planes[name] = given.read(dtype="f8") * (1e-9 * (edges / 1000) ** -2.2)[:, None]
    for values in planes.values():
        flux = values * edges[:, None]
        model += (flux[1:] + flux[:-1]) / 2 * np.log(edges[1:] / edges[:-1])[:, None]
    # pixel 0, of which the rows of the pole's source have no number, is left out
    ratio = model[:, 1:] / theirs[:, 1:]
    assert np.sqrt(np.mean((ratio - 1) ** 2)) < 0.01
    np.testing.assert_allclose(model[:, 1:].sum(axis=1), theirs[:, 1:].sum(axis=1), rtol=1e-3)
    # at the point sources, whose maps are given, they must agree better than diffuse maps do
    for name in ("vela", "c3c454"):
        spot = open_source_map(expected / "srcmaps_E2_PSF123.fits.gz", name).plane(0)
        near = np.flatnonzero(spot > 0.1 * spot.max())
        np.testing.assert_allclose(
            model[:, near].sum(axis=1), theirs[:, near].sum(axis=1), rtol=2e-3
        )


def test_response_matrix_of_gtdrm(reference: Path, caldb: Path) -> None:
    """Probabilities of measured bins with gtdrm's weights: no efficiency, trapezia in cos(theta).

    The livetime cube here has another zenith cut (105°) than the one it had (100°).
    """
    expected = reference / "week/expected"
    with FitsFile(expected / "drm_E2_PSF123.fits.gz") as file:
        matrix = np.stack(file.table("DRM").variable("MATRIX"))
        low, high = file.table("DRM")["ENERG_LO"], file.table("DRM")["ENERG_HI"]
    bounds = read_table(expected / "drm_E2_PSF123.fits.gz", "EBOUNDS")
    edges = np.append(bounds["E_MIN"], bounds["E_MAX"][-1]) / 1e3
    cube = read_livetime_cube(expected / "ltcube_zmax105.fits.gz")
    response = load_response("P8R3_SOURCE_V3", 3, caldb)
    cosines = cube.bins.cos_centers
    livetime = cube.livetime[cube.geometry.base.vec2pix(galactic_centre())[0]]
    for row, true in enumerate(np.sqrt(low * high)):
        parts, total = 0.0, 0.0
        for kind in response.event_types:
            area = kind.aeff.value(np.array([true]), cosines)[0] * livetime
            inside = np.diff(kind.edisp.below(float(true), cosines, edges), axis=1)
            parts = parts + inside * area[:, None]
            total = total + area
        found = np.trapezoid(parts, cosines, axis=0) / np.trapezoid(total, cosines)
        np.testing.assert_allclose(found, matrix[row], rtol=0.01, atol=1e-5)


def galactic_centre() -> np.ndarray:
    """Unit vector (1, 3), celestial."""
    from latsky.fits.frames import rotation

    return (rotation("GAL", "CEL") @ np.array([1.0, 0.0, 0.0]))[None]
