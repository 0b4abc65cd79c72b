"""Source maps of catalogue sources on the reference week."""

import hashlib
import json
from pathlib import Path

import healpy as hp
import numpy as np
import pytest
from astropy.io import fits

from latsky.catalog.batches import complete
from latsky.catalog.read import Shape
from latsky.embedded.catalog_maps import CatalogMaps, PointExposure
from latsky.embedded.point_source import profile_map
from latsky.embedded.profile import psf_basis
from latsky.errors import InputError, InputErrors
from latsky.fits.frames import rotation, unit_vectors
from latsky.fits.hpx import open_energy_cube, open_hpx, read_exposure_cube
from latsky.fits.irfs import load_response
from latsky.fits.livetime import read_livetime_cube
from latsky.fits.srcmaps import open_source_map, plane_sums, source_names
from latsky.steps import gather_catalog, merge_catalog, source_maps_catalog

pytestmark = pytest.mark.reference

LIVETIME = {"E0_PSF3": 80, "E1_PSF23": 80, "E2_PSF123": 105, "E3_PSF0123": 105}
POINTS = {"vela": (128.8375, -45.178), "c3c454": (343.491, 16.148), "pole": (192.9, 27.1)}
FRONT_AND_BACK = 3


def make_maps(reference, component, mask):
    place = reference / "week" / "expected"
    cube = open_hpx(place / f"ccube_{component}.fits.gz", "SKYMAP")
    exposure = open_energy_cube(place / f"bexpcube_{component}.fits.gz", default_frame="GAL")
    livetime = read_livetime_cube(place / f"ltcube_zmax{LIVETIME[component]}.fits.gz")
    response = load_response("P8R3_SOURCE_V3", mask, reference / "caldb")
    return CatalogMaps(
        cube.geometry, cube.edges, response, livetime, PointExposure(exposure, cube.edges)
    )


@pytest.mark.parametrize("component", LIVETIME)
def test_point_sources_against_gtsrcmaps(reference, component):
    # The tool was told irfs=P8R3_SOURCE_V3 and no evtype: then it takes the PSF of FRONT and BACK,
    # whatever the counts cube's event types are (test_event_types_of_gtsrcmaps).
    maps = make_maps(reference, component, FRONT_AND_BACK)
    nside = maps.geometry.nside
    path = reference / "week" / "expected" / f"srcmaps_{component}.fits.gz"
    for name, (ra, dec) in POINTS.items():
        found = maps.shape_map(Shape(), ra, dec)
        made = open_source_map(path, name).read()
        vector = rotation("CEL", "GAL") @ unit_vectors(np.array(ra), np.array(dec))
        near = hp.query_disc(nside, vector, np.radians(5))
        for plane, width in enumerate(maps.psf(ra, dec).width):
            # By the pole, where pixels are not small against the PSF, the tool is 2 to 11 % off a
            # direct integral, and we are not.
            if name == "pole" and width < 2 * hp.nside2resol(nside):
                check_integrals(maps, found, plane, ra, dec, vector, width)
                continue
            ours, tool = np.zeros(12 * nside**2), made[plane].astype("f8")
            ours[found.pixels] = found.values[plane]
            ours, tool = ours[near] / ours[near].sum(), tool[near] / tool[near].sum()
            rms = np.sqrt(np.sum((ours - tool) ** 2) / np.sum(tool**2))
            assert rms < 0.02, (name, plane)


def cuts_of(path):
    """DSS keywords of a file, kind and value, in order."""
    header = fits.getheader(path, 0)
    return [
        (header[f"DSTYP{n}"], header[f"DSVAL{n}"]) for n in range(1, header.get("NDSKEYS", 0) + 1)
    ]


def types_by_the_fermitools(path):
    """Response functions and event types that the Fermitools take for a file's data.

    dataSubselector's append_event_type_partition and Likelihood's getSelectedEvtTypes: the cut
    EVENT_TYPE gives the types, and its highest bit the partition, in place of what is in brackets.
    """
    cuts = dict(cuts_of(path))
    mask = next(int(k.split(",")[1]) for k in cuts if k.startswith("BIT_MASK(EVENT_TYPE"))
    bits = [bit for bit in range(10) if mask >> bit & 1]
    partition = "" if bits[-1] < 2 else (" (PSF)" if bits[-1] < 6 else " (EDISP)")
    return cuts["IRF_VERSION"].partition(" (")[0] + partition, bits


@pytest.mark.parametrize("component", LIVETIME)
def test_event_types_of_gtsrcmaps(reference, component):
    place = reference / "week" / "expected"
    counts = cuts_of(place / f"ccube_{component}.fits.gz")
    made = cuts_of(place / f"srcmaps_{component}.fits.gz")
    # The counts cube says nothing of response functions. Given a name (not CALDB), the tool puts
    # its own EVENT_CLASS last; given evtype, it would put EVENT_TYPE after that. It was not given,
    # so that there was no type to find the partition by: FRONT and BACK, which have no brackets.
    assert "IRF_VERSION" not in dict(counts)
    kinds = [kind.split(",")[0] for kind, _ in made]
    assert kinds == [
        *[k.split(",")[0] for k, _ in counts if "EVENT_CLASS" not in k],
        *("IRF_VERSION", "BIT_MASK(EVENT_CLASS"),
    ]
    assert dict(made)["IRF_VERSION"] == "P8R3_SOURCE_V3"
    # gtexpcube2 was given evtype, and says so
    exposure = dict(cuts_of(place / f"bexpcube_{component}.fits.gz"))
    assert exposure["IRF_VERSION"] == "P8R3_SOURCE_V3 (PSF)"


def test_the_undefined_pixel_of_gtsrcmaps_is_pixel_0(reference):
    maps = make_maps(reference, "E2_PSF123", FRONT_AND_BACK)
    path = reference / "week" / "expected" / "srcmaps_E2_PSF123.fits.gz"
    table = fits.getdata(path, "pole")
    ours = maps.shape_map(Shape(), *POINTS["pole"])
    read = open_source_map(path, "pole").read()
    for plane in range(4):
        pixels = table["PIX"][table["CHANNEL"] == plane]
        # rows are in the order of pixels, pixel 0 is by the Galactic pole, and no row has it
        assert pixels[0] == -(2**31) and pixels[1] == 1 and np.all(np.diff(pixels[1:]) > 0)
        values = np.zeros(maps.geometry.npix)
        values[ours.pixels] = ours.values[plane]
        # beside pixel 0 the three others around the pole: its share of the four is ours
        share = values[0] / values[:4].sum()
        assert read[plane, 0] / read[plane, :4].sum() == pytest.approx(share, rel=0.01)


def test_a_source_in_a_pixel_without_livetime_keeps_its_counts(reference):
    # the livetime cube of the week is that of a stricter zenith cut than the exposure's
    maps = make_maps(reference, "E1_PSF23", 48)
    ra, dec = 156.9, 63.3
    assert (maps.exposure.at(ra, dec) > 0).all()
    cube = maps.livetime
    turn = rotation("CEL", cube.geometry.coordsys)
    direction = unit_vectors(np.array(ra), np.array(dec))
    direction = direction if turn is None else turn @ direction
    pixel = int(cube.geometry.base.vec2pix(direction[None])[0])
    area = sum(
        k.aeff.value(maps.energies, cube.bins.cos_centers) for k in maps.response.event_types
    )
    assert not (area @ cube.livetime[pixel].astype("f8")).any()
    assert maps.shape_map(Shape(), ra, dec).values.sum(axis=1) == pytest.approx(1, abs=2e-3)


def mean_psf(maps, plane, ra, dec, separation):
    """The mean PSF by its definition, without the tables of the engine."""
    cube, energy = maps.livetime, maps.energies[plane : plane + 1]
    turn = rotation("CEL", cube.coordsys)
    vector = unit_vectors(np.array(ra), np.array(dec))
    pixel = int(cube.geometry.base.vec2pix((vector if turn is None else turn @ vector)[None])[0])
    seconds, cosine = cube.livetime[pixel].astype("f8"), cube.bins.cos_centers
    total, density = 0.0, 0.0
    for kind in maps.response.event_types:
        weight = kind.aeff.value(energy, cosine)[0] * seconds
        density = density + weight @ kind.psf.density(float(energy[0]), cosine, separation)
        total += weight.sum()
    return density / total


def check_integrals(maps, found, plane, ra, dec, vector, width):
    """Brightest pixels against the mean PSF on a grid 64 times finer (where that resolves it)."""
    nside, values = maps.geometry.nside, found.values[plane]
    if hp.nside2resol(nside) / 64 > width / 4:
        return
    radii = np.append(0.0, np.geomspace(1e-5, 1.0, 3000))
    density = mean_psf(maps, plane, ra, dec, radii)
    for at in np.argsort(-values)[:6]:
        sub = np.arange(4096) + hp.ring2nest(nside, int(found.pixels[at])) * 4096
        x = np.array(hp.pix2vec(nside * 64, sub, nest=True)).T
        separation = 2 * np.arcsin(np.linalg.norm(x - vector, axis=1) / 2)
        expected = np.interp(separation, radii, density).mean() * hp.nside2pixarea(nside)
        assert values[at] == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize(
    ("mask", "energy", "order", "finer"),
    [
        (4, 30.0, 5, 8),
        (32, 30.0, 5, 8),
        (32, 100.0, 6, 8),
        (32, 1e3, 7, 8),
        (60, 1e4, 8, 16),
        (32, 3e5, 9, 32),
    ],
)
def test_sums_and_centroids_wherever_a_source_lies_in_its_pixel(
    reference, mask, energy, order, finer
):
    livetime = read_livetime_cube(reference / "week" / "expected" / "ltcube_zmax105.fits.gz")
    response = load_response("P8R3_SOURCE_V3", mask, reference / "caldb")
    profile = psf_basis(response, livetime, np.array([energy])).profile(livetime, 5000)
    nside = 1 << order
    pixel = hp.nside2resol(nside)
    sums = []
    for number in (4 * nside * nside + 3 * nside, nside * nside // 2 + 3, 0):
        centre, corner = np.array(hp.pix2vec(nside, number)), hp.boundaries(nside, number, 1)[:, 1]
        for part in (0.0, 0.55, 1.0):
            source = (1 - part) * centre + part * corner
            source /= np.linalg.norm(source)
            found = profile_map(nside, source, profile)
            sums.append(found.values.sum())
            # Pixels that are not small against the PSF move a map's centroid, as values stand at
            # their centres. What counts is what they hold: a map of finer pixels is centred on the
            # source, and gathered into the pixels it has the same values and the same centroid.
            fine = profile_map(nside * finer, source, profile)
            middle = fine.values[0] @ np.array(hp.pix2vec(nside * finer, fine.pixels)).T
            assert aside(middle, source) < 2e-3 * pixel
            parent = hp.ring2nest(nside * finer, fine.pixels) // finer**2
            # the outermost pixels are whole in one map and cut in the other
            whole = np.flatnonzero(np.bincount(parent) == finer**2)
            coarse = np.bincount(parent, fine.values[0])[whole]
            ours = np.zeros(12 * nside**2)
            ours[hp.ring2nest(nside, found.pixels)] = found.values[0]
            ours = ours[whole]
            assert ours[coarse > 1e-3] == pytest.approx(coarse[coarse > 1e-3], rel=2e-3)
            assert ours[coarse > 1e-4] == pytest.approx(coarse[coarse > 1e-4], rel=5e-3)
            vectors = np.array(hp.pix2vec(nside, whole, nest=True))
            assert aside(vectors @ (ours - coarse), source) < 2e-3 * pixel
    assert np.abs(np.array(sums) - 1).max() < 2e-3
    assert np.ptp(sums) < 2e-3


def aside(moment, source):
    """Part of a first moment at right angles to the source's direction, rad."""
    return np.linalg.norm(moment - (moment @ source) * source)


@pytest.mark.parametrize("name", ["disk_2deg", "gauss_half", "HB9"])
@pytest.mark.parametrize(("component", "plane"), [("E1_PSF23", 0), ("E2_PSF123", 2)])
def test_extended_sources_against_direct_sums(reference, component, plane, name):
    maps = make_maps(reference, component, 48 if component == "E1_PSF23" else 56)
    fine = 1024
    if name == "HB9":
        path = reference / "week" / "templates" / "HB9.fits"
        path = path if path.exists() else path.with_name("HB9.fits.gz")
        shape, ra, dec = Shape("SpatialMap", 0.0, path), 75.08, 46.66
        with fits.open(path) as file:
            from astropy.wcs import WCS

            image, wcs = file[0].data, WCS(file[0].header)
        rows, columns = np.nonzero(image)
        lon, lat = wcs.wcs_pix2world(columns, rows, 0)
        vectors = np.array(hp.ang2vec(lon, lat, lonlat=True))
        weights = image[rows, columns] / image[rows, columns].sum()
    else:
        disk = name == "disk_2deg"
        ra, dec = (83.0, 22.0) if disk else (94.31, 22.58)
        shape = Shape("RadialDisk", 2.0) if disk else Shape("RadialGaussian", 0.5)
        centre = rotation("CEL", "GAL") @ unit_vectors(np.array(ra), np.array(dec))
        pixels = hp.query_disc(fine, centre, np.radians(2.0 if disk else 2.5))
        vectors = np.array(hp.pix2vec(fine, pixels)).T
        distance = np.degrees(2 * np.arcsin(np.linalg.norm(vectors - centre, axis=1) / 2))
        weights = np.ones(len(pixels)) if disk else np.exp(-(distance**2) / (2 * 0.5**2))
        weights /= weights.sum()
    found = maps.shape_map(shape, ra, dec)
    assert found.values.sum(axis=1) == pytest.approx(1, abs=5e-3)
    nside, values = maps.geometry.nside, found.values[plane]
    radii = np.append(0.0, np.geomspace(1e-5, 1.0, 3000))
    density = mean_psf(maps, plane, ra, dec, radii)
    bright = np.argsort(-values)[:30:5]
    for at in bright[values[bright] > 0.2 * values.max()]:
        sub = np.arange(64) + hp.ring2nest(nside, int(found.pixels[at])) * 64
        x = np.array(hp.pix2vec(nside * 8, sub, nest=True)).T
        separation = 2 * np.arcsin(np.sqrt(np.clip((1 - x @ vectors.T) / 2, 0, 1)))
        expected = (np.interp(separation, radii, density) @ weights).mean()
        assert values[at] == pytest.approx(expected * hp.nside2pixarea(nside), rel=1e-2)


@pytest.fixture
def definition(tmp_path, reference):
    path = tmp_path / "catalog_week_v00.yaml"
    path.write_text(
        f"""catalog_name : WEEK
catalog_file : {reference}/week/catalog/gll_psc_week.fits
catalog_extdir : {reference}/catalog/Extended_14years
catalog_type : 4FGL-DR4
rules_dict :
  faint :
    cuts :
      - {{ cut_var: Signif_Avg, max_val : 100. }}
      - mask_extended
  remainder :
    merge : False
"""
    )
    return path


@pytest.fixture
def make(tmp_path, reference, definition, caldb, monkeypatch):
    monkeypatch.setenv("CALDB", str(caldb))
    place = reference / "week" / "expected"

    def run(first, last, name) -> Path:
        output = tmp_path / name
        source_maps_catalog.main(
            [
                "--engine=embedded",
                f"--livetime-cube={place}/ltcube_zmax80.fits.gz",
                f"--counts-cube={place}/ccube_E1_PSF23.fits.gz",
                f"--exposure-cube={place}/bexpcube_E1_PSF23.fits.gz",
                "--irfs=P8R3_SOURCE_V3",
                f"--definition={definition}",
                f"--first={first}",
                f"--last={last}",
                f"--output={output}",
            ]
        )
        return output

    return run


def test_batches_merge_to_the_whole(tmp_path, reference, make):
    whole = make(0, -1, "whole.fits")
    parts = [make(a, b, f"b{a}.fits") for a, b in ((0, 20), (20, 40), (40, 60))]
    one, many = tmp_path / "one.fits", tmp_path / "many.fits"
    merge_catalog.main([str(whole), "--rule=faint", f"-o{one}", f"--json={tmp_path}/one.json"])
    # out of order, and one of them twice: a job that was run again
    again = tmp_path / "again.fits"
    again.write_bytes(parts[1].read_bytes())
    batches = [parts[2], parts[0], again, parts[1]]
    merge_catalog.main([*map(str, batches), "--rule=faint", f"-o{many}"])
    with fits.open(one) as a, fits.open(many) as b:
        assert [hdu.name for hdu in a] == ["PRIMARY", "EBOUNDS", "GTI", "WEEK_faint"]
        for column in a["WEEK_faint"].columns.names:
            np.testing.assert_allclose(
                a["WEEK_faint"].data[column], b["WEEK_faint"].data[column], rtol=2e-7
            )
    for path in (*parts, one, many):
        assert types_by_the_fermitools(path) == ("P8R3_SOURCE_V3 (PSF)", [4, 5])
        assert dict(cuts_of(path))["IRF_VERSION"] == "P8R3_SOURCE_V3 (PSF)"

    # predicted counts: sum of flux × exposure, by a plain fine integral
    listing = json.loads((tmp_path / "one.json").read_text())
    table = fits.getdata(reference / "week" / "catalog" / "gll_psc_week.fits", 1)
    exposure = read_exposure_cube(
        reference / "week" / "expected" / "bexpcube_E1_PSF23.fits.gz", "f8"
    )
    chosen = table[np.nan_to_num(table["Signif_Avg"], nan=1e9) <= 100]
    assert [s["name"] for s in listing["sources"]] == [n.strip() for n in chosen["Source_Name"]]
    energy = np.geomspace(exposure.energies[0], exposure.energies[-1], 2001)
    expected = 0.0
    for row in chosen:
        lon, lat = row["GLON"], row["GLAT"]
        at, weight = hp.get_interp_weights(exposure.geometry.nside, lon, lat, lonlat=True)
        seen = (exposure.values[:, at] * weight).sum(axis=1)
        fine = np.exp(np.interp(np.log(energy), np.log(exposure.energies), np.log(seen)))
        flux = row["PL_Flux_Density"] * (energy / row["Pivot_Energy"]) ** -float(row["PL_Index"])
        assert row["SpectrumType"].strip() == "PowerLaw"
        expected += np.trapezoid(flux * fine, energy)
    assert listing["npred"] == pytest.approx(expected, rel=5e-3)
    sums = plane_sums(open_source_map(one, "WEEK_faint"))
    edges = exposure.energies
    slope = np.log(sums[1:] / sums[:-1]) / np.log(edges[1:] / edges[:-1]) + 1
    counted = sums[:-1] * edges[:-1] * np.expm1(slope * np.log(edges[1:] / edges[:-1])) / slope
    assert counted.sum() == pytest.approx(expected, rel=5e-3)


def test_gather_keeps_every_single_source_once(tmp_path, make):
    parts = [make(a, b, f"b{a}.fits") for a, b in ((0, 30), (30, 60))]
    output = tmp_path / "single.fits"
    gather_catalog.main([*map(str, parts), f"-o{output}"])
    assert types_by_the_fermitools(output) == ("P8R3_SOURCE_V3 (PSF)", [4, 5])
    batches = complete(parts)
    single = [e.name for b in batches for e in b.entries if not e.merged]
    assert source_names(output) == single and single
    for name in single[:2]:
        header = fits.getheader(output, name)
        assert header["HPX_CONV"] == "FGST_SRCMAP_SPARSE" and header["N_ENERGY"] == 3
        assert header["INDXSCHM"] == "SPARSE"
        source = next(e for b in batches for e in b.entries if e.name == name)
        batch = next(b for b in batches if source in b.entries)
        np.testing.assert_array_equal(
            open_source_map(output, name).read(), open_source_map(batch.path, name).read()
        )


def test_same_inputs_same_bytes(make):
    codes = {
        hashlib.sha256(make(0, 6, name).read_bytes()).hexdigest() for name in ("x.fits", "x.fits")
    }
    assert len(codes) == 1


def test_a_killed_batch_leaves_nothing(tmp_path, make, monkeypatch):
    calls = []

    def killed(self, source):
        calls.append(source.name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(self, source)

    original = CatalogMaps.source_map
    with monkeypatch.context() as patch:
        patch.setattr(CatalogMaps, "source_map", killed)
        with pytest.raises(KeyboardInterrupt):
            make(0, 6, "b.fits")
    assert not [p for p in tmp_path.iterdir() if p.suffix != ".yaml"]
    assert make(0, 6, "b.fits").exists()


def test_incomplete_and_overlapping_batches(make):
    first, second, overlap = make(0, 4, "a.fits"), make(5, 8, "b.fits"), make(2, 6, "c.fits")
    with pytest.raises(InputErrors) as caught:
        complete([first, second])
    text = str(caught.value)
    assert "no batch has sources 4 to 5" in text and "no batch has sources 8 to 59" in text
    with pytest.raises(InputErrors, match=r"sources 2 to 4 \(exclusive\) are in a\.fits, too"):
        complete([first, overlap])
    with pytest.raises(InputError, match="none"):
        make(59, 70, "d.fits")
    # the same rows again, from another exposure: no second run of the same job
    with fits.open(first) as file:
        file["SOURCES"].data["NPRED"][1] *= 1.01
        file.writeto(first.with_name("e.fits"))
    with pytest.raises(InputErrors, match=r"sources 0 to 4 \(exclusive\) are in a\.fits, too"):
        complete([first, first.with_name("e.fits")])


def test_nested_and_celestial_maps_hold_the_same_sky(reference):
    from dataclasses import replace

    ring = make_maps(reference, "E1_PSF23", 48)
    ra, dec = POINTS["c3c454"]
    plain = ring.shape_map(Shape(), ra, dec)
    nested = replace(ring, geometry=replace(ring.geometry, nested=True))
    found = nested.shape_map(Shape(), ra, dec)
    assert np.all(np.diff(found.pixels) > 0)
    order = np.argsort(hp.ring2nest(ring.geometry.nside, plain.pixels))
    np.testing.assert_array_equal(found.values, plain.values[:, order])
    celestial = replace(ring, geometry=replace(ring.geometry, coordsys="CEL"))
    found = celestial.shape_map(Shape(), ra, dec)
    brightest = found.pixels[found.values[2].argmax()]
    lon, lat = hp.pix2ang(ring.geometry.nside, brightest, lonlat=True)
    assert hp.rotator.angdist([lon, lat], [ra, dec], lonlat=True)[0] < np.radians(1.0)
    assert found.values.sum(axis=1) == pytest.approx(1, abs=2e-3)
