"""A small model directory: two binning components, three sources, a local one among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latsky.fits.core import FitsWriter, Header
from latsky.fits.hpx import HpxGeometry, write_ebounds, write_skymap
from latsky.fits.srcmaps import write_source_map, write_sparse_source_map

ORDERS = {"zmax90_E1_PSF3": 3, "zmax105_E2_PSF123": 4}
EDGES = {
    "zmax90_E1_PSF3": np.geomspace(100.0, 316.227766, 3),
    "zmax105_E2_PSF123": np.geomspace(316.227766, 1000.0, 4),
}
COMMON = """<source_library title="small">
<source name="spot" type="PointSource"><spectrum type="PowerLaw">
<parameter free="1" max="1000" min="0.001" name="Prefactor" scale="1e-3" value="1"/>
<parameter free="1" max="5" min="0" name="Index" scale="-1" value="2"/>
<parameter free="0" max="1000" min="1000" name="Scale" scale="1" value="300"/></spectrum>
<spatialModel type="SkyDirFunction">
<parameter free="0" max="360" min="-360" name="RA" scale="1" value="83"/>
<parameter free="0" max="90" min="-90" name="DEC" scale="1" value="22"/></spatialModel></source>
<source name="gas" type="DiffuseSource"><spectrum type="PowerLaw">
<parameter free="1" max="10" min="0.1" name="Prefactor" scale="1" value="1"/>
<parameter free="0" max="1" min="-1" name="Index" scale="-1" value="0"/>
<parameter free="0" max="1000" min="1000" name="Scale" scale="1" value="1000"/></spectrum>
<spatialModel file="gas.fits" type="MapCubeFunction">
<parameter free="0" max="10" min="0" name="Normalization" scale="1" value="1"/></spatialModel>
</source>
<source name="held" type="DiffuseSource"><spectrum type="ConstantValue">
<parameter free="0" max="10" min="0" name="Value" scale="1" value="1"/></spectrum>
<spatialModel file="held.fits" type="MapCubeFunction">
<parameter free="0" max="10" min="0" name="Normalization" scale="1" value="1"/></spatialModel>
</source>
</source_library>
"""
OWN = """<source_library title="own">
<source name="iso" type="DiffuseSource"><spectrum apply_edisp="false" type="FileFunction"
file="iso_{name}.txt"><parameter free="1" max="10" min="0.1" name="Normalization" scale="1"
value="1"/></spectrum><spatialModel type="ConstantValue">
<parameter free="0" max="10" min="0" name="Value" scale="1" value="1"/></spatialModel></source>
</source_library>
"""


def write_component(directory: Path, name: str, counts: np.ndarray | None = None) -> Path:
    """Source maps of a component; counts default to a Poisson draw of the model's rough size."""
    random = np.random.default_rng(ORDERS[name])
    geometry, edges = HpxGeometry.from_order(ORDERS[name]), EDGES[name]
    planes = len(edges)
    vector = geometry.base.pix2vec(np.arange(geometry.npix))
    shape = np.exp(-((vector[:, 2] / 0.3) ** 2)) + 0.05
    falling = (edges / 100.0)[:, None] ** -2
    gas = 0.4 * falling * shape
    held = 0.02 * falling * np.ones(geometry.npix)
    iso = np.ones((planes, 1)) * (1 + 0.1 * vector[:, 0])
    near = np.flatnonzero(vector @ vector[geometry.npix // 3] > 0.97)
    if counts is None:
        counts = random.poisson(20 * shape, (planes - 1, geometry.npix))
    path = directory / f"srcmaps_x_{name}.fits"
    with FitsWriter(path) as writer:
        writer.primary(Header())
        write_skymap(writer, "SKYMAP", geometry, counts)
        write_ebounds(writer, edges)
        write_source_map(writer, "gas", geometry, gas)
        write_source_map(writer, "HELD", geometry, held)
        write_source_map(writer, "iso", geometry, iso)
        write_sparse_source_map(
            writer,
            "spot",
            geometry,
            np.tile(near, planes),
            np.repeat(np.arange(planes), len(near)),
            np.full(len(near) * planes, 50.0 / len(near)),
            planes,
        )
    return path


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Small problems: threads would only wait for each other."""
    import numba

    numba.set_num_threads(1)


@pytest.fixture
def model_directory(tmp_path: Path) -> Path:
    """Directory of the model ``small``."""
    directory = tmp_path / "model_small"
    directory.mkdir()
    (directory / "srcmdl_small_master.xml").write_text(COMMON)
    components = []
    for name in ORDERS:
        write_component(directory, name)
        (directory / f"srcmdl_small_{name}.xml").write_text(OWN.format(name=name))
        energies = np.geomspace(50, 2000, 20)
        table = np.stack([energies, 0.05 * (energies / 100) ** -2.2])
        np.savetxt(directory / f"iso_{name}.txt", table.T)
        components.append(
            f"  - gtlike: {{srcmap: srcmaps_x_{name}.fits}}\n"
            f"    model: {{diffuse_xml: [srcmdl_small_{name}.xml]}}\n"
            "    selection: {evtype: 3}\n"
        )
    (directory / "config.yaml").write_text(
        "gtlike: {irfs: P8R3_SOURCE_V3, edisp: false}\n"
        "model: {catalogs: [srcmdl_small_master.xml]}\n"
        "components:\n" + "".join(components)
    )
    return directory
