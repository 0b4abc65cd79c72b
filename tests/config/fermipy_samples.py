"""The sample files of fermipy's diffuse analysis, laid out as its users write them."""

MASTER = """\
# The binning components
comp : config/binning.yaml
# The dataset
data : config/dataset_source.yaml
# Library with the fitting components
library : models/library.yaml
# Yaml file with the list of models to prepare
models : models/modellist.yaml
# Input FT1 file
ft1file : P8_P305_8years_source_zmax105.lst
# HEALPix order for counts cubes
hpx_order_ccube : 9
# HEALPix order for exposure cubes
hpx_order_expcube : 6
# HEALPix order fitting models
hpx_order_fitting : 7
# Build the XML files for the diffuse emission model components
make_diffuse_comp_xml : True
# Build the XML files for the catalog source model components
make_catalog_comp_xml : True
# Name of the directory for the merged GALProp gasmaps
merged_gasmap_dir : merged_gasmap
# Number of catalog sources per batch job
catalog_nsrc : 500
"""

BINNING = """\
coordsys : 'GAL'
E0:
  log_emin : 1.5
  log_emax : 2.0
  enumbins : 2
  zmax : 80.
  psf_types :
    PSF3 :
      hpx_order : 5
E1:
  log_emin : 2.0
  log_emax : 2.5
  enumbins : 2
  zmax : 90.
  psf_types :
    PSF23 :
      hpx_order : 6
E2:
  log_emin : 2.5
  log_emax : 3.0
  enumbins : 3
  zmax : 100.
  psf_types :
    PSF123 :
      hpx_order : 8
E3:
  log_emin : 3.0
  log_emax : 6.0
  enumbins : 9
  zmax : 105.
  psf_types :
    PSF0123 :
      hpx_order : 9
"""

DATASET = """\
basedir : '/gpfs/slac/kipac/fs1/u/dmcat/data/flight/diffuse_dev'
data_pass : 'P8'
data_ver : 'P305'
evclass : 'source'
data_time : '8years'
irf_ver : 'V2'
"""

RINGS = """\
galprop_run : 56_LRYusifovXCO5z6R30_QRPD_150_rc_Rs8
ring_limits : [1, 2, 3, 4, 6, 8, 9, 10, 11, 12, 13, 15]
diffuse_comp_dict :
  merged_CO : ['pi0_decay_H2R', 'bremss_H2R']
remove_rings : ['merged_CO_7']
"""

CATALOG = """\
catalog_name : FL8Y
catalog_file : /nfs/slac/kipac/fs1/u/dmcat/ancil/catalogs/official/4FGLp/gll_psc_8year_v4.fit
catalog_extdir : /nfs/slac/kipac/fs1/u/dmcat/ancil/catalogs/official/extended/Extended_archive_v18
catalog_type : FL8Y
rules_dict :
  faint :
    cuts :
      - { cut_var: Signif_Avg, max_val : 100. }
      - mask_extended
  extended :
    cuts :
      - select_extended
  remainder :
    merge : False
"""

LIBRARY = """\
# Catalog Components
FL8Y :
  model_type : catalog
  versions : [v00]
# Diffuse Components
galprop_rings :
  model_type : galprop_rings
  versions : [p8-ref_IC_thin, p8-ref_HI_150, p8-ref_CO_300_mom, p8-ref_dnm_300hp]
dnm_merged:
  model_type : MapCubeSource
  versions : ['like_4y_300K']
gll-iem :
  model_type : MapCubeSource
  versions : [v06]
loopI :
  model_type : MapCubeSource
  versions : [haslam]
bubbles :
  model_type : MapCubeSource
  versions : [v00, v01]
iso_map :
  model_type : MapCubeSource
  versions : [P8R3_SOURCE_V2]
patches :
  model_type : MapCubeSource
  versions : [v09]
  selection_dependent : True
  no_psf : True
  edisp_disable : True
unresolved :
  model_type : MapCubeSource
  versions : [strong]
sun-ic :
  model_type : MapCubeSource
  versions : [v2r0, P8R3-v2r0]
  moving : True
  edisp_disable : True
sun-disk :
  model_type : MapCubeSource
  versions : [v3r1, P8R3-v3r1]
  moving : True
  edisp_disable : True
moon :
  model_type : MapCubeSource
  versions : [v3r2, P8R3-v3r2]
  moving : True
  edisp_disable : True
"""


def write_tree(root, files):
    """Write texts by relative name below ``root``."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MODEL = """\
library : models/library.yaml
spectral_models : models/spectral_models.yaml
sources :
  galprop_rings_p8-ref_IC_thin :
    model_type : galprop_rings
    version : p8-ref_IC_150
    SpectrumType :
      default : Constant_Correction
  galprop_rings-p8-ref_HI_300:
    model_type : galprop_rings
    version : p8-ref_HI_300
    SpectrumType :
      default : Powerlaw_Correction
      merged_HI_2_p8-ref_HI_300 : BinByBin_5
      merged_HI_3_p8-ref_HI_300 : BinByBin_5
      merged_HI_4_p8-ref_HI_300 : BinByBin_9
      merged_HI_5_p8-ref_HI_300 : BinByBin_9
      merged_HI_6_p8-ref_HI_300 : BinByBin_9
      merged_HI_8_p8-ref_HI_300 : BinByBin_5
      merged_HI_9_p8-ref_HI_300 : BinByBin_5
  galprop_rings-p8-ref_CO_300:
    model_type : galprop_rings
    version : p8-ref_CO_300_mom
    SpectrumType :
      default : Powerlaw_Correction
      merged_CO_2_p8-ref_CO_300_mom : BinByBin_5
      merged_CO_3_p8-ref_CO_300_mom : BinByBin_5
      merged_CO_4_p8-ref_CO_300_mom : BinByBin_9
      merged_CO_5_p8-ref_CO_300_mom : BinByBin_9
      merged_CO_6_p8-ref_CO_300_mom : BinByBin_9
      merged_CO_8_p8-ref_CO_300_mom : BinByBin_5
      merged_CO_9_p8-ref_CO_300_mom : BinByBin_5
  dnm_merged :
    version : like_4y_300K
    SpectrumType : BinByBin_5
  iso_map :
    version : P8R3_SOURCE_V2
    SpectrumType : Iso
  sun-disk :
    version : v3r1
    SpectrumType : Constant_Correction
    edisp_disable : True
  sun-ic :
    version : v2r0
    SpectrumType : Constant_Correction
    edisp_disable : True
  moon :
    version : v3r2
    SpectrumType : Constant_Correction
    edisp_disable : True
  patches :
    version : v09
    SpectrumType : Patches
    edisp_disable : True
  unresolved :
    version : strong
    SpectrumType : Constant_Correction
  FL8Y :
    model_type : Catalog
    version : v00
    SpectrumType :
      default : Constant_Correction
      FL8Y_v00_remain : Catalog
      FL8Y_v00_faint : BinByBin_9
"""

SPECTRAL_MODELS = """\
Constant_Correction :
  SpectrumType : ConstantValue
  spectral_pars :
    Value :
      name : Value
      scale : 1.0
      value : 1.0
      min : 1e-4
      max: 1e4
      free : False
Powerlaw_Correction :
  SpectrumType : PowerLaw
  spectral_pars :
    Prefactor :
      name : Prefactor
      scale : 1.0
      value : 1.0
      min : 0.1
      max: 10.0
      free : False
    Index :
      name:  Index
      scale : -1.0
      value : 0.0
      min : -1.0
      max : 1.0
      free : False
    Scale :
      name: Scale
      scale : 1.0
      value : 1000.0
      min : 1000.0
      max : 1000.0
      free : False
LogParabola_Correction :
  SpectrumType : LogParabola
  spectral_pars :
    norm :
      name : norm
      scale : 1.0
      value : 1.0
      min : 0.1
      max: 10.0
      free : False
    alpha :
      name:  alpha
      scale : 1.0
      value : 0.0
      min : -2.0
      max : 2.0
      free : False
    beta :
      name:  beta
      scale : 1.0
      value : 0.0
      min : -10.0
      max : 10.0
      free : False
    Eb :
      name: Eb
      scale : 1.0
      value : 1000.0
      min : 10.0
      max : 100000.0
      free : False
"""

BASELINE = """\
library : models/library.yaml
spectral_models : models/spectral_models.yaml
sources :
  galprop_rings :
    model_type : galprop_rings
    version : p8-ref_CO_300_mom
    SpectrumType :
      default : LogParabola_Correction
  loopI :
    version : haslam
    SpectrumType : LogParabola_Correction
  isotropic :
    version : P8R3_SOURCE_V2
    SpectrumType : FileFunction
  sun-ic :
    version : v2r0
    SpectrumType : LogParabola_Correction
  FL8Y :
    model_type : Catalog
    version : v00
    SpectrumType :
      default : Constant_Correction
      FL8Y_v00_remain : Catalog
"""
