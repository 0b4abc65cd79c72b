"""Templates of the library: present, readable, one frame, unit and grid, energies enough."""

import numpy as np
import pytest

from latsky.check.templates import check_templates, read_template_summary
from latsky.config.analysis import gather_analysis
from latsky.embedded.template import spectrum_energies
from latsky.errors import InputError, Problems
from latsky.fits.core import Column, FitsWriter, Header
from latsky.fits.hpx import HpxGeometry, write_template
from latsky.plan import expand

UNIT = "ph cm-2 s-1 sr-1 MeV-1"
BINNING = """\
E0: {log_emin: 2, log_emax: 3, enumbins: 4, zmax: 90, psf_types: {PSF3: {hpx_order: 4}}}
E1: {log_emin: 3, log_emax: 5, enumbins: 4, zmax: 105, psf_types: {PSF3: {hpx_order: 4}}}
"""
ENERGIES = np.geomspace(50, 2e5, 6)


WCS = {"CRPIX1": 4.5, "CRPIX2": 2.5, "CRVAL1": 0.0, "CRVAL2": 0.0, "CDELT1": -45.0, "CDELT2": 45.0}


def write_ring(path, energies=ENERGIES, nside=4):
    values = np.ones(12 * nside**2, "f4")
    columns = [Column(f"Bin{n}", values, UNIT) for n in range(len(energies))]
    header = Header([("PIXTYPE", "HEALPIX", ""), ("ORDERING", "RING", ""), ("NSIDE", nside, "")])
    header.set("COORDTYPE", "GAL")
    with FitsWriter(path) as file:
        file.table("SKYMAP2", columns, header)
        file.table("ENERGIES", [Column("Energy", np.asarray(energies, "f8"), "MeV")])


def write_cube(path, energies=ENERGIES, frame="GLON-CAR", unit=UNIT, planes=None):
    data = np.ones((planes or len(energies), 4, 8), "f4")
    header = Header([("CTYPE1", frame, ""), ("BUNIT", unit, "")])
    second = {"GLON": "GLAT", "RA--": "DEC-"}.get(frame[:4], "ELAT")
    header.append("CTYPE2", second + frame[4:])
    for key, value in WCS.items():
        header.append(key, value)
    with FitsWriter(path) as file:
        file.primary(header, data)
        if energies is not None:
            file.table("ENERGIES", [Column("Energy", np.asarray(energies, "f8"), "MeV")])


def write_healpix(path, energies=ENERGIES):
    geometry = HpxGeometry(4, False, "GAL")
    write_template(path, geometry, energies, np.ones((len(energies), 192), "f4"))


@pytest.fixture
def analysis(tmp_path, monkeypatch):
    monkeypatch.delenv("CALDB", raising=False)
    for name in ("models", "templates", "gasmap"):
        (tmp_path / name).mkdir()
    (tmp_path / "b.yaml").write_text(BINNING)
    (tmp_path / "d.yaml").write_text(
        "{data_ver: P305, evclass: source, data_time: days, irf_ver: V3}\n"
    )
    (tmp_path / "a.yaml").write_text("comp: b.yaml\ndata: d.yaml\nlibrary: models/library.yaml\n")

    def check(library, rings=None):
        (tmp_path / "models/library.yaml").write_text(library)
        if rings:
            (tmp_path / "models/galprop_rings_x.yaml").write_text(rings)
        found = gather_analysis(tmp_path / "a.yaml", Problems())
        cuts = expand(found.dataset, found.binning, found.filters)
        problems, _ = check_templates(found, cuts)
        return [str(problem).replace(f"{tmp_path}/", "") for problem in problems]

    check.root = tmp_path
    return check


RINGS = "galprop_run: R\nring_limits: [1, 3, 4]\ndiffuse_comp_dict: {merged: [hi, co]}\n"


def test_all_right(analysis):
    root = analysis.root
    for component in ("hi", "co"):
        for ring in (1, 2, 3):
            write_ring(root / f"gasmap/{component}_ring_{ring}_healpix_R.gz")
    write_healpix(root / "templates/template_loop_v0.fits")
    write_cube(root / "templates/template_sun_v0_zmax90.fits")
    write_cube(root / "templates/template_sun_v0_zmax105.fits", frame="RA---CAR")
    for name in ("E0_PSF3", "E1_PSF3"):
        write_cube(root / f"templates/template_patches_v0_{name}.fits")
    (root / "templates/spectral_iso_v0.txt").write_text("# E I\n50 1e-6 1e-7\n\n2e5 1e-9 1e-10\n")
    library = (
        "galprop_rings: {model_type: galprop_rings, versions: [x]}\n"
        "loop: {versions: [v0]}\n"
        "sun: {versions: [v0], moving: true}\n"
        "patches: {versions: [v0], selection_dependent: true}\n"
        "iso: {model_type: IsoSource, versions: [v0]}\n"
    )
    assert analysis(library, RINGS) == []


def test_missing_files(analysis):
    library = "sun: {versions: [v0], moving: true}\niso: {model_type: IsoSource, versions: [v0]}\n"
    assert analysis(library) == [
        "models/library.yaml:1: sun: no such file: templates/template_sun_v0_zmax90.fits",
        "models/library.yaml:1: sun: no such file: templates/template_sun_v0_zmax105.fits",
        "models/library.yaml:2: iso: no such file: templates/spectral_iso_v0.txt",
    ]


def test_energies_not_covered(analysis):
    write_healpix(analysis.root / "templates/template_loop_v0.fits", np.geomspace(120, 2e5, 5))
    assert analysis("loop: {versions: [v0]}\n") == [
        "models/library.yaml:1: loop: templates/template_loop_v0.fits has energies from 120 to "
        "200000 MeV, but E0_PSF3 needs 100 to 1000 MeV"
    ]
    (analysis.root / "templates/spectral_iso_v0.txt").write_text("100 1e-6\n99000 1e-9\n")
    assert analysis("iso: {model_type: IsoSource, versions: [v0]}\n") == [
        "models/library.yaml:1: iso: templates/spectral_iso_v0.txt has energies from 100 to "
        "99000 MeV, but E1_PSF3 needs 1000 to 100000 MeV"
    ]


@pytest.mark.parametrize(("value", "words"), [(np.nan, "no finite numbers"), (-1.0, "negative")])
def test_bad_pixels_where_a_component_needs_them(analysis, value, words):
    """As the step would: planes that no component reaches are not looked at."""
    geometry, energies = HpxGeometry(4, False, "GAL"), np.geomspace(1, 1e6, 7)
    values = np.ones((7, 192), "f4")
    values[0, 7] = value
    path = analysis.root / "templates/template_loop_v0.fits"
    write_template(path, geometry, energies, values)
    assert analysis("loop: {versions: [v0]}\n") == []
    values[3, 7] = value
    write_template(path, geometry, energies, values)
    (problem,) = analysis("loop: {versions: [v0]}\n")
    assert problem.startswith("templates/template_loop_v0.fits: plane 3: 1 pixels are")
    assert words in problem


def test_part_of_the_sky(analysis):
    path = analysis.root / "templates/template_loop_v0.fits"
    write_cube(path)
    assert analysis("loop: {versions: [v0]}\n") == []
    write_cube(path, frame="GLON-TAN")
    (problem,) = analysis("loop: {versions: [v0]}\n")
    assert "template_loop_v0.fits: INDXSCHM: covers a part of the sky only" in problem


def test_explicit_name_wins(analysis):
    write_healpix(analysis.root / "mine.fits")
    assert analysis("loop: {versions: [v0], Spatial_Filename: mine.fits}\n") == []


def test_rings_that_cannot_be_added(analysis):
    root = analysis.root
    for component in ("hi", "co"):
        for ring in (1, 2, 3):
            write_ring(root / f"gasmap/{component}_ring_{ring}_healpix_R.gz")
    write_ring(root / "gasmap/hi_ring_2_healpix_R.gz", nside=8)
    write_ring(root / "gasmap/co_ring_1_healpix_R.gz", np.geomspace(60, 2e5, 6))
    (root / "gasmap/co_ring_3_healpix_R.gz").unlink()
    problems = analysis("galprop_rings: {model_type: galprop_rings, versions: [x]}\n", RINGS)
    assert len(problems) == 3
    assert "hi_ring_2_healpix_R.gz (HEALPix nside 8 RING GAL) and " in problems[0]
    assert "nside 4 RING GAL) cannot be added" in problems[0]
    assert problems[1].endswith("hi_ring_1_healpix_R.gz have different energies")
    assert "merged_1: no such file: gasmap/co_ring_3" in problems[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frame": "ELON-CAR"}, "CTYPE1: frame 'ELON-CAR' is neither galactic"),
        ({"frame": ""}, "CTYPE1: frame '(none)' is neither galactic"),
        ({"unit": "ph/cm^2/s/sr/GeV"}, "BUNIT: unit 'ph/cm^2/s/sr/GeV': intensity must be in"),
        ({"unit": "ph m-2 s-1 sr-1 MeV-1"}, "intensity must be in"),
        ({"energies": None, "planes": 3}, "ENERGIES: no energies of the planes"),
        ({"planes": 4}, "ENERGIES: 6 energies, but 4 planes"),
        ({"energies": ENERGIES[::-1]}, "ENERGIES: energies are not positive and rising"),
    ],
)
def test_cube_refused(tmp_path, options, message):
    write_cube(tmp_path / "t.fits", **options)
    with pytest.raises(InputError) as caught:
        read_template_summary(tmp_path / "t.fits", "MapCubeSource")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "unit", ["", UNIT, "ph/cm^2/s/sr/MeV", "photon/cm2/MeV/s/sr", "cm^-2 s^-1 sr^-1 MeV^-1"]
)
def test_units_accepted(tmp_path, unit):
    write_cube(tmp_path / "t.fits", unit=unit)
    found = read_template_summary(tmp_path / "t.fits", "MapCubeSource")
    assert found.energies == pytest.approx(ENERGIES)
    assert found.geometry == "image 8×4 GLON-CAR"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("100 1e-6\nword 1\n", "iso.txt: line 2: not two numbers"),
        ("100\n200\n", "iso.txt: line 1: not two numbers"),
        ("100 1e-6\n", "iso.txt: energy: fewer than two energies"),
        ("100 1e-6\n90 1e-7\n", "energies that are not positive and rising"),
        ("100 -1\n200 1\n", "intensity: intensities are negative"),
    ],
)
def test_spectrum_refused(tmp_path, text, message):
    path = tmp_path / "iso.txt"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        spectrum_energies(path)
    assert message in str(caught.value)


def test_map_without_energies(tmp_path):
    with FitsWriter(tmp_path / "t.fits") as file:
        file.primary(
            Header(
                [
                    ("CTYPE1", "RA---TAN", ""),
                    ("CTYPE2", "DEC--TAN", ""),
                    *((k, v, "") for k, v in WCS.items()),
                ]
            ),
            np.ones((4, 4), "f4"),
        )
    assert read_template_summary(tmp_path / "t.fits", "SpatialMap").energies is None


@pytest.mark.reference
def test_templates_of_the_week(reference):
    folder = reference / "week/templates"
    found = read_template_summary(folder / "template_galactic_toy.fits.gz", "MapCubeSource")
    assert found.geometry == "HEALPix nside 32 RING GAL"
    assert len(found.energies) == 18
    assert read_template_summary(folder / "galactic_toy_car.fits.gz", "MapCubeSource").energies[
        [0, -1]
    ] == pytest.approx(found.energies[[0, -1]])
    assert spectrum_energies(folder / "spectral_iso_week.txt")[0] == 20
    official = spectrum_energies(reference / "real/iso_P8R3_SOURCE_V3_v1.txt")
    assert official[0] == pytest.approx(33.68, abs=0.01)
