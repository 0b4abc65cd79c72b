"""Model of the real sky above 50 GeV: isotropic, Galactic and catalogue maps for the 2FHL events.

The livetime cube of these data is not available, so there is no point spread function: at these
energies it is far smaller than the pixels (1.8°). ``python tests/real_sky.py REFERENCE PICTURE``
draws the residual map of the documentation.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from latsky.catalog.read import read_catalog
from latsky.embedded.diffuse import DiffuseMaps, Exposure
from latsky.embedded.template import open_template
from latsky.fit.model_files import read_model_files
from latsky.fit.model_fit import Fitted, Settings, fit_model
from latsky.fits.core import FitsWriter, Header
from latsky.fits.frames import rotation, unit_vectors
from latsky.fits.hpx import open_energy_cube, read_counts_cube
from latsky.fits.source_model import spectral_form
from latsky.fits.srcmaps import write_source_map
from latsky.models.assemble import SourceFile, assemble

MODEL = """<source_library title="sky">
<source name="iso" type="DiffuseSource"><spectrum file="iso.txt" type="FileFunction">
<parameter free="1" max="10" min="0.01" name="Normalization" scale="1" value="1"/></spectrum>
<spatialModel type="ConstantValue">
<parameter free="0" max="10" min="0" name="Value" scale="1" value="1"/></spatialModel></source>
<source name="galactic" type="DiffuseSource"><spectrum type="PowerLaw">
<parameter free="1" max="100" min="0.01" name="Prefactor" scale="1" value="1"/>
<parameter free="1" max="2" min="-2" name="Index" scale="-1" value="0"/>
<parameter free="0" max="1e6" min="1e3" name="Scale" scale="1" value="100000"/></spectrum>
<spatialModel type="MapCubeFunction" file="x">
<parameter free="0" max="10" min="0" name="Normalization" scale="1" value="1"/></spatialModel>
</source>
<source name="catalog" type="CompositeSource"><spectrum type="PowerLaw">
<parameter free="1" max="100" min="0.01" name="Prefactor" scale="1" value="1"/>
<parameter free="1" max="2" min="-2" name="Index" scale="-1" value="0"/>
<parameter free="0" max="1e6" min="1e3" name="Scale" scale="1" value="100000"/></spectrum>
<source_library title="members"/></source>
</source_library>
"""
CONFIG = """gtlike: {irfs: P8R2_SOURCE_V6, edisp: false}
model: {catalogs: [sky.xml]}
components:
  - gtlike: {srcmap: srcmaps_2fhl.fits}
"""


def catalog_planes(reference: Path, exposure: Path) -> np.ndarray:
    """4FGL-DR4 sources in the pixels that they lie in, counts/MeV (planes, npix)."""
    cube = open_energy_cube(exposure, default_frame="GAL")
    values, energies = cube.read(dtype="f8"), np.asarray(cube.energies)
    catalog = read_catalog(
        reference / "catalog/gll_psc_v35.fit.gz",
        "4FGL-DR4",
        next((reference / "catalog").glob("*xtended*"), None),
    )
    turn, planes = rotation("CEL", "GAL"), np.zeros_like(values)
    for source in catalog.sources:
        vector = turn @ unit_vectors(np.array(source.ra), np.array(source.dec))
        pixel = int(cube.geometry.base.vec2pix(vector[None])[0])
        form, parameters = spectral_form(source.spectrum)
        planes[:, pixel] += form.value(parameters, energies) * values[:, pixel]
    return planes


def make_model(reference: Path, work: Path) -> Path:
    """Model directory; its configuration."""
    data = reference / "real/allsky_2fhl"
    exposure = data / "2fhl_exposure_cube_hpx.fits.gz"
    counts = data / "2fhl_counts_cube_hpx.fits.gz"
    cube = read_counts_cube(counts)
    shared = Exposure(open_energy_cube(exposure, default_frame="GAL"))
    template = open_template(reference / "week/templates/template_galactic_toy.fits.gz")
    # the last plane stands at the template's last energy, which single precision puts below it
    energies = np.minimum(cube.edges, template.energies[-1])
    with FitsWriter(work / "maps.fits") as writer:
        writer.primary(Header())
        for name, shape in (("iso", None), ("galactic", template)):
            maps = DiffuseMaps(cube.geometry, shared, shape)
            write_source_map(writer, name, cube.geometry, np.array(list(maps.planes(energies))))
        write_source_map(writer, "catalog", cube.geometry, catalog_planes(reference, exposure))
    maps = SourceFile(work / "maps.fits", ("iso", "galactic", "catalog"))
    assemble(counts, [maps], work / "srcmaps_2fhl.fits", 5)
    (work / "sky.xml").write_text(MODEL)
    shutil.copyfile(reference / "real/iso_P8R3_SOURCE_V3_v1.txt", work / "iso.txt")
    config = work / "config.yaml"
    config.write_text(CONFIG)
    return config


def fit_sky(reference: Path, work: Path) -> Fitted:
    """The fit of the 2FHL events."""
    return fit_model(read_model_files(make_model(reference, work)), Settings(work=work))


def residual_sigma(fitted: Fitted, width: float = 3.0) -> np.ndarray:
    """(counts - model) / sqrt(model) in disks of ``width`` degrees about the pixels, (npix,)."""
    geometry = fitted.frames[0].geometry
    counts = fitted.likelihood.components[0].counts.sum(axis=0, dtype="f8")
    model = fitted.model_counts(0).sum(axis=0)
    found = np.empty(geometry.npix)
    for pixel, angles in enumerate(geometry.base.pix2ang(np.arange(geometry.npix))):
        ranges = geometry.base.query_disc(angles, np.radians(width))
        near = np.concatenate([np.arange(first, last) for first, last in ranges])
        expected = model[near].sum()
        found[pixel] = (counts[near].sum() - expected) / np.sqrt(expected)
    return found


def draw(fitted: Fitted, output: Path) -> None:
    """Counts, model and residuals on the whole sky."""
    import healpy
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    counts = fitted.likelihood.components[0].counts.sum(axis=0, dtype="f8")
    model = fitted.model_counts(0).sum(axis=0)
    figure = plt.figure(figsize=(13, 3.2))
    for number, (title, values, low, high, colours) in enumerate(
        (
            ("Counts a pixel, 50 GeV to 2 TeV", counts, 0, 40, "inferno"),
            ("Model", model, 0, 40, "inferno"),
            ("Residuals in disks of 3°, σ", residual_sigma(fitted), -6, 6, "RdBu_r"),
        ),
        1,
    ):
        healpy.mollview(
            values, fig=figure.number, sub=(1, 3, number), title=title, min=low, max=high,
            cmap=colours, xsize=900,
        )  # fmt: skip
    figure.savefig(output, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        draw(fit_sky(Path(sys.argv[1]), Path(place)), Path(sys.argv[2]))
