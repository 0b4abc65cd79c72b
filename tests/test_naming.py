"""File names, written out: those of fermipy's name policy."""

import pytest

from latsky import naming
from latsky.naming import Dataset

DATA = Dataset("P8", "P305", "8years", "source", "V2", "GAL")
KEY = "zmax105_E3_PSF3"


def test_keys():
    assert DATA.key == "P8_P305_8years_source"
    assert DATA.irfs == "P8R3_SOURCE_V2"
    assert naming.zenith_key(105.0) == "zmax105"
    assert naming.zenith_key(99.9) == "zmax99"
    assert naming.component_name("E0", "PSF3") == "E0_PSF3"
    assert naming.component_key(105.0, "E3", "PSF3") == KEY
    assert (
        naming.job_key("source", 80.0, "E0", "standard", "PSF23")
        == "source_zmax80_E0_standard_PSF23"
    )
    assert naming.livetime_key("none", 80) == "none_zmax80"
    assert naming.source_key("loopI", "haslam") == "loopI_haslam"
    assert naming.ring_name("merged_CO", 0) == "merged_CO_0"
    assert naming.source_key(naming.ring_name("merged_CO", 0), "ref") == "merged_CO_0_ref"
    assert naming.galprop_ring_key("pi0_decay_HIR", 11) == "pi0_decay_HIR_ring_11"
    assert naming.catalog_part_key("FL8Y", "v00", "faint") == "FL8Y_v00_faint"
    assert naming.catalog_part_name("FL8Y", "faint") == "FL8Y_faint"
    assert naming.batch_key(95) == "000095"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (DATA.event_list(105.0), "P8_P305_8years_source_zmax105.lst"),
        (DATA.spacecraft_list(), "ft2_files/ft2_P8_P305_8years_source.lst"),
        (DATA.livetime_cube("none", 105.0), "lt_cubes/ltcube_8years_none_zmax105.fits"),
        (DATA.livetime_cube(None, 105.0), "lt_cubes/ltcube_8years_none_zmax105.fits"),
        (DATA.livetime_cube("quiet", 80.0), "lt_cubes/ltcube_8years_quiet_zmax80.fits"),
        (
            DATA.selected_events(KEY),
            "counts_cubes/select_P8_P305_8years_source_zmax105_E3_PSF3.fits",
        ),
        (
            DATA.filtered_events(None, KEY),
            "counts_cubes/mktime_P8_P305_8years_source_none_zmax105_E3_PSF3.fits",
        ),
        (
            DATA.counts_cube(None, KEY),
            "counts_cubes/ccube_P8_P305_8years_source_none_zmax105_E3_PSF3_GAL.fits",
        ),
        (
            DATA.exposure_cube("none", KEY),
            "bexp_cubes/bexcube_P8_P305_8years_source_none_zmax105_E3_PSF3_GAL_V2.fits",
        ),
        (
            DATA.source_maps("loopI_haslam", None, KEY),
            "srcmaps/srcmaps_loopI_haslam_P8_P305_8years_source_none_zmax105_E3_PSF3_GAL_V2.fits",
        ),
        (
            DATA.model_cube("ptsrc", None, KEY),
            "model_cubes/mcube_ptsrc_P8_P305_8years_source_none_zmax105_E3_PSF3_GAL_V2.fits",
        ),
        (
            DATA.residual_cosmic_rays(None, KEY),
            "residual_cr/residual_cr_P8_P305_8years_source_none_zmax105_E3_PSF3_GAL_V2.fits",
        ),
        (
            DATA.model_source_maps("baseline", None, KEY),
            "analysis/model_baseline/srcmaps_P8_P305_8years_source_none_zmax105_E3_PSF3_GAL_V2.fits",
        ),
        (
            DATA.solar_livetime_cube(None, 105, "sun"),
            "sunmoon/ltcube_8years_none_zmax105_sun.fits",
        ),
        (
            DATA.solar_exposure_cube(None, KEY, "moon"),
            "bexp_cubes/bexcube_P8_P305_8years_source_none_zmax105_E3_PSF3_V2_moon.fits",
        ),
        (
            naming.galprop_gasmap("pi0_decay_HIR", 11, "run_7"),
            "gasmap/pi0_decay_HIR_ring_11_healpix_run_7.gz",
        ),
        (naming.merged_gasmap("merged_CO_0_ref"), "merged_gasmaps/merged_CO_0_ref_healpix.fits"),
        (naming.template("loopI_haslam"), "templates/template_loopI_haslam.fits"),
        (naming.spectral_template("iso_v1"), "templates/spectral_iso_v1.txt"),
        (naming.solar_template("moon_v3r2", 100.0), "templates/template_moon_v3r2_zmax100.fits"),
        (naming.angular_profile("moon_v3r2"), "templates/profile_moon_v3r2.fits"),
        (naming.source_xml("loopI_haslam"), "srcmdls/loopI_haslam.xml"),
        (naming.nested_source_xml("FL8Y_v00_faint"), "srcmdls/FL8Y_v00_faint_sources.xml"),
        (naming.galprop_rings_yaml("ref"), "models/galprop_rings_ref.yaml"),
        (naming.catalog_yaml("FL8Y_v00"), "models/catalog_FL8Y_v00.yaml"),
        (naming.model_yaml("baseline"), "models/model_baseline.yaml"),
        (naming.master_xml("baseline"), "analysis/model_baseline/srcmdl_baseline_master.xml"),
        (
            naming.component_xml("baseline", "zmax80_E0_PSF3"),
            "analysis/model_baseline/srcmdl_baseline_zmax80_E0_PSF3.xml",
        ),
        (naming.manifest("baseline"), "analysis/model_baseline/srcmap_manifest_baseline.yaml"),
        (naming.model_config("baseline"), "analysis/model_baseline/config.yaml"),
        (naming.partial("srcmaps/a_V2.fits", 3), "srcmaps/a_V2_03.fits"),
        (naming.with_suffix_key("x/ccube_GAL.fits", "000007"), "x/ccube_GAL_000007.fits"),
    ],
)
def test_file_names(found, expected):
    assert found == expected


def test_celestial_and_other_class():
    data = Dataset("P8", "P302", "week", "ultracleanveto", "V6", "CEL")
    assert data.irfs == "P8R2_ULTRACLEANVETO_V6"
    assert data.exposure_cube("a", "zmax90_E1_FB") == (
        "bexp_cubes/bexcube_P8_P302_week_ultracleanveto_a_zmax90_E1_FB_CEL_V6.fits"
    )
