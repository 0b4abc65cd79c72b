"""Counts that merged catalogue components predict, against integrals of each source."""

import json
from itertools import pairwise
from pathlib import Path

import healpy as hp
import numpy as np
import pytest
from astropy.io import fits
from scipy.integrate import quad

from latsky.fit.dispersion import migration
from latsky.fit.operators import integral
from latsky.fits.hpx import (
    HpxGeometry,
    open_hpx,
    read_exposure_cube,
    write_counts_cube,
    write_exposure_cube,
)
from latsky.fits.irfs import load_response
from latsky.fits.livetime import read_livetime_cube
from latsky.fits.srcmaps import open_source_map, plane_sums
from latsky.steps import merge_catalog, source_maps_catalog
from latsky.steps.npred import integrate

pytestmark = pytest.mark.reference

LIVETIME = {"E1_PSF23": 80, "E3_PSF0123": 105}


def flux(row, energy):
    """dN/dE of a source of 4FGL-DR4 from the catalogue's columns and definitions."""
    x, kind = energy / float(row["Pivot_Energy"]), row["SpectrumType"].strip()
    if kind == "PowerLaw":
        return row["PL_Flux_Density"] * x ** -float(row["PL_Index"])
    if kind == "LogParabola":
        return row["LP_Flux_Density"] * x ** (
            -float(row["LP_Index"]) - float(row["LP_beta"]) * np.log(x)
        )
    index, d, b = (float(row[f"PLEC_{n}"]) for n in ("IndexS", "ExpfactorS", "Exp_Index"))
    assert kind == "PLSuperExpCutoff" and b > 0.1
    return row["PLEC_Flux_Density"] * x ** (d / b - index) * np.exp(d / b**2 * (1 - x**b))


@pytest.fixture
def rows(reference, tmp_path):
    """Some point sources of each spectral kind, as a catalogue in ``c.fits``."""
    with fits.open(reference / "catalog" / "gll_psc_v35.fit.gz") as file:
        table = file[1].data
        kinds = np.char.strip(table["SpectrumType"])
        points = np.char.strip(table["Extended_Source_Name"]) == ""
        chosen = np.sort(
            np.concatenate(
                [
                    np.flatnonzero((kinds == kind) & points)[:: (kinds == kind).sum() // 6][:6]
                    for kind in ("PowerLaw", "LogParabola", "PLSuperExpCutoff")
                ]
            )
        )
        hdu = fits.BinTableHDU(table[chosen], name="LAT_Point_Source_Catalog")
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "c.fits")
    return fits.getdata(tmp_path / "c.fits", 1)


class Component:
    """A binning component on coarse pixels, with the exposure of the reference week."""

    def __init__(self, reference, tmp_path, name, bins=None):
        week = reference / "week" / "expected"
        counts = open_hpx(week / f"ccube_{name}.fits.gz", "SKYMAP")
        exposure = read_exposure_cube(week / f"bexpcube_{name}.fits.gz", "f8")
        self.place, self.nside = tmp_path, exposure.geometry.nside
        self.known, self.exposure = exposure.energies, exposure.values
        self.edges = self.known if bins is None else np.geomspace(*self.known[[0, -1]], bins + 1)
        geometry = HpxGeometry(32)
        zeros = np.zeros((len(self.edges) - 1, geometry.npix), "f4")
        write_counts_cube(tmp_path / "cc.fits", geometry, self.edges, zeros, primary=counts.primary)
        planes = self.between(slice(None), self.edges)
        write_exposure_cube(tmp_path / "ex.fits", exposure.geometry, self.edges, planes)
        (tmp_path / "catalog.yaml").write_text(
            f"catalog_name : C\ncatalog_file : {tmp_path}/c.fits\ncatalog_extdir : {tmp_path}\n"
            "catalog_type : 4FGL-DR4\nrules_dict :\n  all :\n    cuts :\n      - mask_extended\n"
        )
        source_maps_catalog.main(
            [
                *("--engine=embedded", f"--counts-cube={tmp_path}/cc.fits"),
                f"--livetime-cube={week}/ltcube_zmax{LIVETIME[name]}.fits.gz",
                *(f"--exposure-cube={tmp_path}/ex.fits", "--irfs=P8R3_SOURCE_V3"),
                *(f"--definition={tmp_path}/catalog.yaml", f"--output={tmp_path}/b.fits"),
            ]
        )

    def between(self, pixels, energies):
        """Exposure (energies, pixels), a power law between the planes of the week's cube."""
        logs = np.log(self.exposure[:, pixels])
        at = np.interp(np.log(energies), np.log(self.known), np.arange(len(self.known)))
        low = np.minimum(at.astype(int), len(self.known) - 2)
        part = (at - low)[:, None]
        return np.exp(logs[low] * (1 - part) + logs[low + 1] * part)

    def integrals(self, rows):
        """Σ ∫ flux × exposure of each bin, adaptive quadrature source by source."""
        counts = np.zeros(len(self.edges) - 1)
        for row in rows:
            at, weight = hp.get_interp_weights(self.nside, row["GLON"], row["GLAT"], lonlat=True)
            seen = np.log((self.exposure[:, at] * weight).sum(axis=1))

            def rate(log_e, row=row, seen=seen):
                energy = np.exp(log_e)
                return (
                    energy * flux(row, energy) * np.exp(np.interp(log_e, np.log(self.known), seen))
                )

            for k, (low, high) in enumerate(pairwise(np.log(self.edges))):
                counts[k] += quad(rate, low, high, epsrel=1e-6)[0]
        return counts

    def predicted(self, planes):
        """Counts of each bin by power laws between the merged planes, and the list of sources."""
        path = Path(self.place)
        merge_catalog.main(
            [
                *(str(path / "b.fits"), "--rule=all", f"--planes={planes}"),
                *(f"--output={path}/m.fits", f"--json={path}/m.json"),
            ]
        )
        table = open_source_map(path / "m.fits", "C_all")
        listing = json.loads((path / "m.json").read_text())
        return integrate(self.edges, plane_sums(table)), listing


@pytest.mark.parametrize("name", LIVETIME)
def test_merged_planes_hold_the_counts_of_every_bin(
    reference, tmp_path, caldb, monkeypatch, name, rows
):
    monkeypatch.setenv("CALDB", str(caldb))
    component = Component(reference, tmp_path, name)
    expected = component.integrals(rows)
    counts, listing = component.predicted("integral")
    assert counts == pytest.approx(expected, rel=3e-3)
    assert listing["npred_bins"] == pytest.approx(expected, rel=3e-3)
    assert listing["npred"] == pytest.approx(expected.sum(), rel=3e-3)
    factors = np.array(listing["plane_factors"])
    # a third of these sources are pulsars: in bins of a third of a decade up to 7 %
    assert np.abs(factors - 1).max() < 0.1
    # values at the edges are other ones: that is what the factors are for
    plain, listing = component.predicted("edges")
    assert listing["plane_factors"] == [1.0] * len(component.edges)
    if name == "E3_PSF0123":
        assert np.abs(plain / expected - 1).max() > 1e-2
        assert abs(plain.sum() / expected.sum() - 1) > 5e-3


def test_with_finer_planes_their_values_suffice(reference, tmp_path, caldb, monkeypatch, rows):
    monkeypatch.setenv("CALDB", str(caldb))
    component = Component(reference, tmp_path, "E3_PSF0123", bins=36)
    expected = component.integrals(rows)
    counts, _ = component.predicted("edges")
    assert counts.sum() == pytest.approx(expected.sum(), rel=2e-3)


def test_the_fit_has_the_counts_with_the_exposure_between_planes(
    reference, tmp_path, caldb, monkeypatch, rows
):
    """The exposure is no power law between planes, and a fit knows it there."""
    monkeypatch.setenv("CALDB", str(caldb))
    name = "E3_PSF0123"
    component = Component(reference, tmp_path, name)
    cube = read_livetime_cube(
        reference / "week" / "expected" / f"ltcube_zmax{LIVETIME[name]}.fits.gz"
    )
    found = migration(load_response("P8R3_SOURCE_V3", 60, caldb), cube, component.edges)
    logs, log_mean = np.log(found.nodes), np.log(found.exposure)
    at_planes = np.interp(np.log(component.edges), logs, log_mean)
    sharp = found.undispersed()
    nodes = np.log(sharp.nodes)
    more = np.exp(np.log(sharp.exposure) - np.interp(nodes, np.log(component.edges), at_planes))
    expected = np.zeros(len(component.edges) - 1)
    for row in rows:
        at, weight = hp.get_interp_weights(component.nside, row["GLON"], row["GLAT"], lonlat=True)
        seen = component.between(at, sharp.nodes) @ weight
        expected += sharp.probability @ (sharp.widths * flux(row, sharp.nodes) * seen * more)
    assert np.abs(expected / component.integrals(rows) - 1).max() > 1e-2

    def fitted(planes):
        component.predicted(planes)
        sums = plane_sums(open_source_map(tmp_path / "m.fits", "C_all"))
        operator = integral(sharp, component.edges, sums, reach=0)
        return operator.transfer(np.ones(len(sharp.nodes))) @ sums

    assert fitted("integral") == pytest.approx(expected, rel=5e-3)
    assert np.abs(fitted("edges") / expected - 1).max() > 1e-2
