"""A small analysis of the demonstration's sky with a library of every kind of component."""

from pathlib import Path

from latsky.demo.make import Settings, make_demo

FILES = {
    "analysis.yaml": """\
comp: config/binning.yaml
data: config/dataset.yaml
library: models/library.yaml
ft1file: events/ft1.lst
ft2file: events/ft2.lst
caldb: caldb
hpx_order_expcube: 2
planes_per_job: 3
catalog_nsrc: 25
""",
    "config/binning.yaml": """\
coordsys: GAL
E1: {log_emin: 2.0, log_emax: 2.5, enumbins: 2, zmax: 90., psf_types: {PSF23: {hpx_order: 3}}}
E2: {log_emin: 2.5, log_emax: 3.0, enumbins: 3, zmax: 105., psf_types: {PSF123: {hpx_order: 4}}}
""",
    "models/library.yaml": """\
galprop_rings: {model_type: galprop_rings, versions: [small]}
iso: {model_type: IsoSource, versions: [demo]}
residual:
  {model_type: MapCubeSource, versions: [demo], selection_dependent: True, no_psf: True}
wanderer:
  model_type: MapCubeSource
  versions: [v1]
  moving: True
  Spatial_Filename: templates/wanderer_{zcut}.fits
DEMO4FGL: {model_type: catalog, versions: [v00]}
""",
    "models/galprop_rings_small.yaml": """\
galprop_run: DEMO
ring_limits: [1, 3]
diffuse_comp_dict: {merged_IC: [ics]}
""",
}


def write_sky_analysis(root: Path) -> Path:
    """Master file of an hour's observation with two binning components."""
    make_demo(root, Settings(days=0.05, event_files=1))
    for name, text in FILES.items():
        (root / name).write_text(text)
    for zmax, origin in ((90, "loopI"), (105, "bubbles")):
        moved = root / f"templates/wanderer_zmax{zmax}.fits"
        moved.write_bytes((root / f"templates/template_{origin}_demo.fits").read_bytes())
    return root / "analysis.yaml"
