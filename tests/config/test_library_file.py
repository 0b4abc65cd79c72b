"""The library and the files it names: seed formats, names, flags, mistakes."""

import pytest
from fermipy_samples import BINNING, CATALOG, LIBRARY, RINGS, write_tree

from latsky.config.binning import read_binning
from latsky.config.catalog_parts import CatalogCut, CutWord
from latsky.config.file_lists import Directories
from latsky.config.library import read_library
from latsky.errors import InputErrors

FILES = {
    "models/library.yaml": LIBRARY,
    "models/catalog_FL8Y_v00.yaml": CATALOG,
    "config/binning.yaml": BINNING,
    **{
        f"models/galprop_rings_p8-ref_{name}.yaml": RINGS.replace("CO", name[:2])
        for name in ("IC_thin", "HI_150", "CO_300_mom", "dnm_300hp")
    },
}


def read(root, files=FILES):
    write_tree(root, files)
    return read_library(root / "models/library.yaml", Directories((root,)))


def problems(root, changes):
    with pytest.raises(InputErrors) as caught:
        read(root, FILES | changes)
    return [str(problem).replace(f"{root}/", "") for problem in caught.value.problems]


def test_samples(tmp_path):
    library = read(tmp_path)
    assert len(library.rings) == 4 * 10  # 11 rings each, one removed
    by_key = {source.source_key: source for source in library.sources}
    assert len(by_key) == 40 + 14
    binning = read_binning(tmp_path / "config/binning.yaml").components
    first, last = binning[0], binning[-1]
    names = {
        key: [by_key[key].file_name(component) for component in (first, last)]
        for key in (
            "loopI_haslam",
            "patches_v09",
            "sun-ic_P8R3-v2r0",
            "merged_CO_3_p8-ref_CO_300_mom",
        )
    }
    assert names == {
        "loopI_haslam": ["templates/template_loopI_haslam.fits"] * 2,
        "patches_v09": [
            "templates/template_patches_v09_E0_PSF3.fits",
            "templates/template_patches_v09_E3_PSF0123.fits",
        ],
        "sun-ic_P8R3-v2r0": [
            "templates/template_sun-ic_P8R3-v2r0_zmax80.fits",
            "templates/template_sun-ic_P8R3-v2r0_zmax105.fits",
        ],
        "merged_CO_3_p8-ref_CO_300_mom": [
            "merged_gasmaps/merged_CO_3_p8-ref_CO_300_mom_healpix.fits"
        ]
        * 2,
    }
    assert [by_key["patches_v09"].sub_key(c) for c in (first, last)] == ["E0_PSF3", "E3_PSF0123"]
    assert by_key["sun-ic_v2r0"].sub_key(last) == "zmax105"
    assert by_key["loopI_haslam"].sub_key(last) is None
    patches, moon = by_key["patches_v09"], by_key["moon_v3r2"]
    assert (patches.no_psf, patches.edisp_disable, patches.selection_dependent) == (True,) * 3
    assert (moon.no_psf, moon.edisp_disable, moon.moving) == (False, True, True)


def test_rings(tmp_path):
    rings = {ring.name: ring for ring in read(tmp_path).rings if ring.name.startswith("merged_CO")}
    assert "merged_CO_7" not in rings
    assert len(rings) == 10
    run = "56_LRYusifovXCO5z6R30_QRPD_150_rc_Rs8"
    # limits 4 and 6: rings 4 and 5 of both components
    assert rings["merged_CO_3"].inputs == (
        f"gasmap/pi0_decay_H2R_ring_4_healpix_{run}.gz",
        f"gasmap/pi0_decay_H2R_ring_5_healpix_{run}.gz",
        f"gasmap/bremss_H2R_ring_4_healpix_{run}.gz",
        f"gasmap/bremss_H2R_ring_5_healpix_{run}.gz",
    )
    assert len(rings["merged_CO_10"].inputs) == 4
    assert len(rings["merged_CO_0"].inputs) == 2


@pytest.mark.parametrize("inside", [True, False])
def test_catalog(tmp_path, inside):
    text = (
        CATALOG if inside else CATALOG.replace("  remainder :\n    merge", "remainder :\n  merge")
    )
    catalog = read(tmp_path, FILES | {"models/catalog_FL8Y_v00.yaml": text}).catalogs[0].file
    assert list(catalog.rules_dict) == ["faint", "extended"]
    cut, word = catalog.rules_dict["faint"].cuts
    assert cut == CatalogCut(cut_var="Signif_Avg", max_val=100)
    assert word == CutWord(word="mask_extended")
    assert catalog.rules_dict["faint"].merge is True
    assert catalog.remainder.merge is False


def test_catalog_path_variables(tmp_path, monkeypatch):
    monkeypatch.setenv("CATALOGS", "/somewhere")
    text = CATALOG.replace("/nfs/slac/kipac/fs1/u/dmcat/ancil/catalogs/official", "$CATALOGS")
    parts = read(tmp_path, FILES | {"models/catalog_FL8Y_v00.yaml": text}).catalogs[0]
    assert parts.catalog_path == "/somewhere/4FGLp/gll_psc_8year_v4.fit"
    assert parts.extended_path == "/somewhere/extended/Extended_archive_v18"


def test_definitions_beside_the_library(tmp_path):
    write_tree(tmp_path, FILES)
    library = read_library(tmp_path / "models/library.yaml", Directories(()))
    assert len(library.rings) == 40


def test_null_entry_is_skipped(tmp_path):
    assert read(tmp_path, FILES | {"models/library.yaml": "patches :\n"}).sources == ()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{versions: [a], moving: true, selection_dependent: true}", "exclude each other"),
        ("{versions: []}", "x.versions: is empty"),
        ("{model_type: MapCube, versions: [a]}", "x.model_type: must be 'MapCubeSource', "),
        ("{versions: [a], no_pfs: true}", "x.no_pfs: unknown key; did you mean no_psf?"),
        ("{versions: [a, a]}", "x.versions: a version is given twice"),
        ("{model_type: IsoSource, versions: [a], moving: true}", "moving is for MapCubeSource"),
        ("{versions: [a], Spectral_Filename: y}", "Spectral_Filename is for IsoSource only"),
        ("{versions: [a, b], Spatial_Filename: y}", "'y' needs {version}"),
        ("{versions: [a], moving: true, Spatial_Filename: y}", "'y' needs {zcut}"),
        ("{versions: [a], Spatial_Filename: 'y{z}'}", "{z} is none of {version}"),
        ("{versions: [a], Spatial_Filename: 'y{'}", "file name 'y{'"),
        ("{model_type: galprop_rings, versions: [a]}", "no such file: "),
        ("{model_type: catalog, versions: [a]}", "no such file: "),
        ("5", "must be a mapping of keys to values"),
        ("{versions: [a b]}", "'a b' becomes part of file names"),
    ],
)
def test_entry_refused(tmp_path, entry, message):
    found = problems(tmp_path, {"models/library.yaml": f"x: {entry}\n"})
    assert len(found) == 1
    assert found[0].startswith("models/library.yaml:1: x")
    assert message in found[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("merged_CO_7", "merged_CO_77"), ":5: remove_rings: there is no ring 'merged_CO_77'"),
        (("[1, 2, 3,", "[1, 1, 3,"), ":2: ring_limits: must be at least two rising numbers"),
        (("galprop_run", "galproprun"), ": galprop_run: required, but not given"),
    ],
)
def test_rings_refused(tmp_path, change, message):
    name = "models/galprop_rings_p8-ref_CO_300_mom.yaml"
    found = problems(tmp_path, {name: RINGS.replace(*change)})
    assert any(text.startswith(name + message) for text in found), found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("mask_extended", "mask"), ":7: rules_dict.faint.cuts[1]: 'mask' is none of"),
        (
            ("max_val", "max"),
            ":8: rules_dict.faint.cuts[0].max: unknown key; did you mean max_val?",
        ),
        ((", max_val : 100.", ""), "rules_dict.faint.cuts[0]: min_val or max_val is required"),
        (("merge : False", "merge : 3"), "rules_dict.remainder.merge: must be a valid boolean"),
        (("remainder", "remain"), "rules_dict.remain: remain is the name of what no rule takes"),
        (("  extended :", "  extended : {}\n  e :"), "rules_dict.extended.cuts: required"),
        (("catalog_extdir", "extdir"), "catalog_extdir: required, but not given"),
    ],
)
def test_catalog_refused(tmp_path, change, message):
    name = "models/catalog_FL8Y_v00.yaml"
    found = problems(tmp_path, {name: CATALOG.replace(*change)})
    assert any(text.startswith(name) and message in text for text in found), found


def test_one_name_for_two_components(tmp_path):
    library = "a_b: {versions: [c]}\na: {versions: [b_c]}\n"
    assert problems(tmp_path, {"models/library.yaml": library}) == [
        "models/library.yaml:2: a: a_b_c is also what a_b defines"
    ]
