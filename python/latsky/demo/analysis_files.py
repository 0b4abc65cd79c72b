"""The YAML files of the demonstration's analysis, in fermipy's formats."""

from __future__ import annotations

from pathlib import Path

COMPONENTS = ("E0_PSF3", "E1_PSF23", "E2_PSF123", "E3_PSF0123")
"""binning components, as in ``config/binning.yaml``"""

FILES = {
    "analysis.yaml": """\
# Master file of the demonstration: latsky run analysis.yaml
comp: config/binning.yaml
data: config/dataset.yaml
mktime_filters: config/mktime_filters.yaml
library: models/library.yaml
models: models/modellist.yaml

# photon events and spacecraft history
ft1file: events/ft1.lst
ft2file: events/ft2.lst
# response functions (of the demonstration's instrument, not of the LAT)
caldb: caldb

hpx_order_ccube: 7
hpx_order_expcube: 5
hpx_order_fitting: 5
# small jobs, so that the workflow is seen to spread over files, energy planes and sources
files_per_job: 1
planes_per_job: 5
catalog_nsrc: 25
""",
    "config/dataset.yaml": """\
# basedir is relative to the master file
basedir: .
data_pass: P8
data_ver: P305
evclass: source
data_time: demo
irf_ver: V3
""",
    "config/binning.yaml": """\
# Four energy ranges; the better the PSF at higher energies, the more event types and pixels
coordsys: GAL
E0:
  log_emin: 1.5
  log_emax: 2.0
  enumbins: 2
  zmax: 80.
  mktimefilters: [standard]
  psf_types:
    PSF3:
      hpx_order: 4
E1:
  log_emin: 2.0
  log_emax: 2.5
  enumbins: 2
  zmax: 90.
  mktimefilters: [standard]
  psf_types:
    PSF23:
      hpx_order: 5
E2:
  log_emin: 2.5
  log_emax: 3.0
  enumbins: 3
  zmax: 105.
  mktimefilters: [standard]
  psf_types:
    PSF123:
      hpx_order: 6
E3:
  log_emin: 3.0
  log_emax: 6.0
  enumbins: 9
  zmax: 105.
  mktimefilters: [standard]
  psf_types:
    PSF0123:
      hpx_order: 6
""",
    "config/mktime_filters.yaml": """\
aliases:
  quality: 'DATA_QUAL>0&&LAT_CONFIG==1'
selections:
  standard: '{quality}'
""",
    "models/library.yaml": """\
# Model components: templates, rings of gas, catalogue
galprop_rings:
  model_type: galprop_rings
  versions: [demo]
iso:
  model_type: IsoSource
  versions: [demo]
loopI:
  model_type: MapCubeSource
  versions: [demo]
bubbles:
  model_type: MapCubeSource
  versions: [demo]
# cosmic rays among the SOURCE photons: one template a binning component, as measured
residual:
  model_type: MapCubeSource
  versions: [demo]
  selection_dependent: True
  no_psf: True
  edisp_disable: True
DEMO4FGL:
  model_type: catalog
  versions: [v00]
""",
    "models/galprop_rings_demo.yaml": """\
# Merged ring i holds the GALPROP rings ring_limits[i] to ring_limits[i+1] - 1
galprop_run: DEMO
ring_limits: [1, 3, 5]
diffuse_comp_dict:
  merged_HI: ['pi0_decay_HIR', 'bremss_HIR']
  merged_CO: ['pi0_decay_H2R', 'bremss_H2R']
  merged_IC: ['ics']
remove_rings: []
""",
    "models/catalog_DEMO4FGL_v00.yaml": """\
catalog_name: DEMO4FGL
catalog_file: catalog/gll_psc_demo.fits
catalog_extdir: catalog/Extended_demo
catalog_type: 4FGL-DR4
rules_dict:
  faint:
    cuts:
      - {cut_var: Signif_Avg, max_val: 100.}
      - mask_extended
  extended:
    cuts:
      - select_extended
  remainder:
    merge: False
""",
    "models/modellist.yaml": """\
- baseline
""",
    "models/model_baseline.yaml": """\
library: models/library.yaml
spectral_models: models/spectral_models.yaml
sources:
  galprop_rings_demo:
    model_type: galprop_rings
    version: demo
    SpectrumType:
      default: Constant_Correction
      merged_HI_1_demo: Powerlaw_Correction
  iso:
    version: demo
    SpectrumType: Iso
  loopI:
    version: demo
    SpectrumType: Constant_Correction
  bubbles:
    version: demo
    SpectrumType: Constant_Correction
  residual:
    version: demo
    SpectrumType: Constant_Correction
    edisp_disable: True
  DEMO4FGL:
    model_type: Catalog
    version: v00
    SpectrumType:
      default: Constant_Correction
      DEMO4FGL_v00_remain: Catalog
""",
    "models/spectral_models.yaml": """\
# Corrections that multiply a component's own spectrum; 1 and 0 are the simulated values
Constant_Correction:
  SpectrumType: ConstantValue
  spectral_pars:
    Value: {name: Value, scale: 1.0, value: 1.0, min: 1.0e-4, max: 1.0e+4, free: true}
Powerlaw_Correction:
  SpectrumType: PowerLaw
  spectral_pars:
    Prefactor: {name: Prefactor, scale: 1.0, value: 1.0, min: 0.1, max: 10.0, free: true}
    Index: {name: Index, scale: -1.0, value: 0.0, min: -1.0, max: 1.0, free: true}
    Scale: {name: Scale, scale: 1.0, value: 1000.0, min: 1000.0, max: 1000.0, free: false}
Iso:
  SpectrumType: FileFunction
  spectral_pars:
    Normalization:
      {name: Normalization, scale: 1.0, value: 1.0, min: 1.0e-3, max: 1.0e+3, free: true}
Catalog:
  SpectrumType: Catalog
  spectral_pars: {}
""",
}
"""file below the demonstration's directory → its text"""


def write_analysis(root: Path, event_files: list[Path], spacecraft_files: list[Path]) -> None:
    """Write all YAML files and the two lists of files (names relative to the lists)."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, files in (("ft1.lst", event_files), ("ft2.lst", spacecraft_files)):
        (root / "events" / name).write_text("".join(f"{file.name}\n" for file in files))
