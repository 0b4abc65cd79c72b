"""Maps of catalogue sources through pyLikelihood.

The likelihood object is made on an empty model, and point sources go one by one: their maps are
saved without adding them to it, which would make each map twice. Each goes through a file of its
own, is summed or written by the code that the embedded engine uses, and the batch's file has the
same layout.

Extended sources are made by the embedded engine here, too: on whole-sky HEALPix maps those of the
Fermitools are 40 to 2500 times too faint (fermipy issue 550; sums of gtsrcmaps' maps over exposure
at the source, by component: 0.0004 to 0.0012 for a disk of 2 degrees and a Gaussian of 0.5, 0.005
to 0.025 for a template).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latsky.catalog.read import CatalogSource, source_xml
from latsky.errors import InputError
from latsky.fermitools.pylikelihood import check_event_types, modules, observation
from latsky.fits.source_model import SourceModel, write_source_model
from latsky.fits.srcmaps import open_source_map, read_entries
from latsky.steps.source_maps_catalog import (
    Inputs,
    Request,
    embedded_maps,
    read_inputs,
    write_batch,
)

if TYPE_CHECKING:
    from latsky.embedded.catalog_maps import CatalogMaps
    from latsky.embedded.point_source import SourceMap


def make_fermitools(request: Request) -> tuple[int, int]:
    """Write the file of a batch; how many sources it has, and how many of them are merged.

    Raises InputError where pyLikelihood is absent, where it cannot do what is asked for, or where
    it gives another number of planes than the counts cube has edges.
    """
    from latsky.embedded.compiled import prepare

    inputs = read_inputs(request)
    check_event_types(inputs.cuts, request.evtype, request.counts_cube)
    if not request.clobber and request.output.exists():
        raise InputError("exists, and clobber is no", file=request.output, key="output")
    prepare()
    with tempfile.TemporaryDirectory(dir=request.output.parent, prefix=".srcmaps.") as scratch:
        return write_batch(request, inputs, LikelihoodMaps(request, inputs, Path(scratch)))


class LikelihoodMaps:
    """Maps of point sources by pyLikelihood, of extended ones by the embedded engine."""

    def __init__(self, request: Request, inputs: Inputs, scratch: Path) -> None:
        self.request, self.inputs, self.scratch = request, inputs, scratch
        points = [source for source in inputs.batch if not source.extended]
        self._likelihood, self._factory = self._open(points) if points else (None, None)
        self._embedded: CatalogMaps | None = None

    def _open(self, points: Sequence[CatalogSource]) -> tuple[Any, Any]:
        likelihood, analysis = modules()
        empty, model = self.scratch / "empty.xml", self.scratch / "points.xml"
        write_source_model(empty, SourceModel(()))
        write_source_model(model, SourceModel(tuple(source_xml(source) for source in points)))
        request = self.request
        observed = observation(
            analysis,
            request.irfs,
            request.livetime_cube,
            request.counts_cube,
            request.exposure_cube,
        )
        like = analysis.BinnedAnalysis(observed, optimizer="MINUIT", srcModel=str(empty), wmap=None)
        factory = likelihood.SourceFactory(observed.observation)
        # requireExposure, addPointSources, loadMaps
        factory.readXml(str(model), analysis._funcFactory, False, True, True)
        return like, factory

    def source_map(self, source: CatalogSource) -> SourceMap:
        """Map of a source in cm² s a pixel. Raises InputError."""
        if source.extended:
            if self._embedded is None:
                self._embedded = embedded_maps(self.request, self.inputs)
            return self._embedded.source_map(source)
        return self._point(source)

    def _point(self, source: CatalogSource) -> SourceMap:
        from latsky.embedded.point_source import SourceMap

        path = self.scratch / "source.fits"
        released = self._factory.releaseSource(source.name)
        self._likelihood.logLike.saveSourceMap_partial(str(path), released)
        if not path.exists():
            raise InputError("pyLikelihood wrote no source map", key=source.name)
        table = open_source_map(path, source.name)
        if table.n_planes != len(self.inputs.energies):
            raise InputError(
                f"pyLikelihood gave {table.n_planes} planes for {len(self.inputs.energies)} "
                "energies",
                key=source.name,
            )
        different = self.inputs.cube.geometry.difference(table.geometry)
        if different is not None:
            raise InputError(different[1], key=f"{source.name}: {different[0]}")
        pixels, values = read_entries(table)
        path.unlink()
        if not np.isfinite(values).all():
            raise InputError("pyLikelihood gave values that are no numbers", key=source.name)
        return SourceMap(pixels, values)
