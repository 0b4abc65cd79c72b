"""The diffuse source map through pyLikelihood.

gtsrcmaps has no range of energy planes; ``saveSourceMap_partial`` of the binned likelihood has one.
The likelihood object is made on an empty model, the component is read from its own XML and is never
added to it, so that nothing but its map is computed. Planes and file are then given the layout that
the embedded engine writes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from latsky.errors import InputError
from latsky.fermitools.pylikelihood import check_event_types, modules, observation
from latsky.fits import dss
from latsky.fits.core import FitsFile, FitsWriter
from latsky.fits.hpx import HpxTable, open_hpx
from latsky.fits.source_model import Model, Parameter, Source, SourceModel, write_source_model
from latsky.fits.srcmaps import open_source_map
from latsky.steps.source_maps_diffuse import (
    Component,
    Request,
    component,
    irf_version,
    plane_range,
)
from latsky.steps.stack import source_header


def make_fermitools(request: Request) -> int:
    """Write the planes with pyLikelihood; how many.

    Raises InputError where pyLikelihood is absent, where it cannot do what is asked for, or where
    it gives another number of planes than was asked for.
    """
    cube = open_hpx(request.counts_cube, "SKYMAP")
    if cube.edges is None:
        raise InputError("no HDU EBOUNDS", file=request.counts_cube, key="EBOUNDS")
    first, stop = plane_range(request.kmin, request.kmax, len(cube.edges))
    cuts = dss.read(cube.primary, request.counts_cube) or dss.read(cube.header)
    check_event_types(cuts, request.evtype, request.counts_cube)
    shape = _checked(component(request), cube.edges[first:stop])
    if not request.clobber and request.output.exists():
        raise InputError("exists, and clobber is no", file=request.output, key="output")
    with tempfile.TemporaryDirectory(dir=request.output.parent, prefix=".srcmaps.") as scratch:
        partial = Path(scratch) / "partial.fits"
        _run(request, shape, first, stop, Path(scratch), partial)
        _rewrite(request, cube, cuts, partial, stop - first)
    return stop - first


def _checked(shape: Component, energies: np.ndarray) -> Component:
    """The component with its kind found, refused for what the embedded engine refuses it for.

    pyLikelihood would extrapolate, read NaN as numbers, or end without a message.
    """
    from latsky.embedded.template import check_spectrum, open_template

    if shape.kind == "isotropic":
        if shape.spectrum is not None:
            check_spectrum(shape.spectrum, energies)
        return shape
    assert shape.template is not None
    template = open_template(shape.template, shape.kind)
    template.check_energies(energies)
    template.check_sky()
    template.check_pixels(float(energies[0]), float(energies[-1]))
    kind = "map" if template.energies is None else "cube"
    return Component(kind, shape.template, shape.spectrum, shape.factor)


def _run(
    request: Request, shape: Component, first: int, stop: int, scratch: Path, partial: Path
) -> None:
    likelihood, analysis = modules()
    empty, model = scratch / "empty.xml", scratch / "component.xml"
    write_source_model(empty, SourceModel(()))
    write_source_model(model, SourceModel((_source(request.source, shape),)))
    observed = observation(
        analysis, request.irfs, request.livetime_cube, request.counts_cube, request.exposure_cube
    )
    config = analysis.BinnedConfig(performConvolution=not request.no_psf)
    like = analysis.BinnedAnalysis(
        observed, optimizer="MINUIT", srcModel=str(empty), wmap=None, config=config
    )
    factory = likelihood.SourceFactory(observed.observation)
    # requireExposure, addPointSources, loadMaps
    factory.readXml(str(model), analysis._funcFactory, False, True, True)
    source = factory.releaseSource(request.source)
    if shape.kind != "isotropic":
        # False leaves the range of energies unenforced, despite the name: it was checked above, and
        # bin edges may lie beyond the template's by rounding
        diffuse = likelihood.DiffuseSource.cast(source)
        diffuse.mapBaseObject().projmap().setExtrapolation(False)
    like.logLike.saveSourceMap_partial(str(partial), source, first, stop)
    if not partial.exists():
        raise InputError("pyLikelihood wrote no source map", key=request.source)


def _source(name: str, shape: Component) -> Source:
    """The component with a spectrum of one (isotropic: its own), files by absolute path."""

    def fixed(parameter: str, value: float) -> Parameter:
        return Parameter(parameter, value, 1.0, min(value, 0.0), max(value, 1e3))

    if shape.kind == "isotropic":
        spatial = Model("ConstantValue", (fixed("Value", shape.factor),))
        if shape.spectrum is not None:
            attributes = {"file": str(shape.spectrum.resolve()), "ctype": "-1"}
            spectrum = Model("FileFunction", (fixed("Normalization", 1.0),), attributes)
            return Source(name, "DiffuseSource", spectrum, spatial)
    else:
        assert shape.template is not None
        kind, parameter = {
            "cube": ("MapCubeFunction", "Normalization"),
            "map": ("SpatialMap", "Prefactor"),
        }[shape.kind]
        attributes = {"file": str(shape.template.resolve())}
        spatial = Model(kind, (fixed(parameter, shape.factor),), attributes)
    return Source(name, "DiffuseSource", Model("ConstantValue", (fixed("Value", 1.0),)), spatial)


def _rewrite(
    request: Request, cube: HpxTable, cuts: tuple[dss.Cut, ...], partial: Path, planes: int
) -> None:
    table = open_source_map(partial, request.source)
    if table.n_planes != planes:
        raise InputError(
            f"pyLikelihood gave {table.n_planes} planes, {planes} were asked for",
            key=request.source,
        )
    header = source_header(cube, "source-maps-diffuse", request.output)
    dss.write(header, (*cuts, irf_version(request.irfs, dss.find_mask(cuts, "EVENT_TYPE"))))
    with FitsFile(partial) as file, FitsWriter(request.output, clobber=request.clobber) as writer:
        if "ENERGIES" not in file:
            raise InputError("pyLikelihood wrote no energies", key="ENERGIES")
        writer.primary(header)
        writer.copy(file, "ENERGIES")
        writer.copy(file, table.hdu)
