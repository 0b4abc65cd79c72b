"""Fit of a model directory by pyLikelihood's summed likelihood, MINUIT.

The maps are those of the assembled files, so spatial models are not evaluated: whole-sky sources
are handed over as DiffuseSource with a constant, which spares their templates. Energy dispersion is
the Fermitools' correction by one matrix a component (``edisp_bins`` -1). Stages, masks and starting
from parameter files are the embedded engine's.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from latsky.errors import InputError
from latsky.fermitools.pylikelihood import modules, observation
from latsky.fit.data import Frame, read_frame
from latsky.fit.model_files import ComponentFiles, ModelFiles, read_model_files
from latsky.fit.model_fit import joined_model, source_results
from latsky.fit.parameters import FreeParameter, free_parameters, with_values
from latsky.fit.results import (
    ComponentResult,
    Covariance,
    ParameterResult,
    Results,
    StageResult,
    finite,
    write_atomically,
    write_models,
    write_parameters,
    write_results,
)
from latsky.fits.hpx import read_counts_cube
from latsky.fits.source_model import Model, Parameter, Source, SourceModel, write_source_model
from latsky.steps.fit_model import Request

TOLERANCE = 1e-4
"""absolute, in ln L"""


def make_fermitools(request: Request, progress: Callable[[str], None]) -> list[Path]:
    """Fit with pyLikelihood; the files written. Raises InputErrors."""
    for given, what in (
        (request.strategy, "strategy"),
        (request.parameters, "parameters"),
    ):
        if given is not None:
            raise InputError("needs the embedded engine", given, what)
    files = read_model_files(request.config, request.files)
    edisp = files.edisp if request.edisp is None else request.edisp
    model = joined_model(files)
    parameters = free_parameters(model)
    unknown = set(request.minos) - {p.key for p in parameters} - {"all"}
    if unknown:
        raise InputError("no free parameter of this name (source:parameter)", key=min(unknown))
    likelihood, analysis = modules()
    summed = import_module("SummedLikelihood").SummedLikelihood("MINUIT")
    summed.tol, summed.tolType = TOLERANCE, likelihood.ABSOLUTE
    frames = []
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=request.output, prefix=".fit.") as scratch:
        for component in files.components:
            progress(f"reading {component.source_maps.name}")
            frames.append(read_frame(component.name, component.source_maps))
            xml = Path(scratch) / f"{component.name}.xml"
            write_source_model(xml, files.located(handed_over(component, model)))
            summed.addComponent(_component(analysis, component, xml, edisp))
        start = -float(summed())
        # made here: what the likelihood makes for itself does not tell how well it converged
        optimizer = likelihood.Minuit(summed.logLike)
        summed.fit(verbosity=0, tol=TOLERANCE, covar=True, optObject=optimizer)
        best = -float(summed())
        converged = optimizer.getRetCode() == 0 and optimizer.getQuality() == 3
        results = _results(files, frames, summed, model, parameters, edisp, start, best, converged)
        results = _with_minos(results, summed, request.minos)
    timings = request.output / f"fit_{files.name}_timings.json"
    seconds = {"fit_seconds": time.perf_counter() - begun}
    write_atomically(timings, json.dumps(seconds, indent=1) + "\n")
    return [timings, *_write(request.output, results, files, model, parameters)]


def handed_over(component: ComponentFiles, joined: SourceModel) -> SourceModel:
    """The component's source model with constants for spatial models of whole-sky sources."""
    constant = Model("ConstantValue", (Parameter("Value", 1.0, 1.0, 0.0, 10.0),))
    sources = []
    for source in component.model:
        spectrum = replace(source.spectrum, parameters=joined[source.name].spectrum.parameters)
        if source.name in component.undispersed:
            spectrum = replace(spectrum, attributes={**spectrum.attributes, "apply_edisp": "false"})
        if source.kind == "PointSource":
            sources.append(replace(source, spectrum=spectrum))
        else:
            sources.append(Source(source.name, "DiffuseSource", spectrum, constant))
    return SourceModel(tuple(sources))


def _component(analysis: Any, component: ComponentFiles, xml: Path, edisp: bool) -> Any:
    if component.livetime_cube is None or component.exposure_cube is None:
        raise InputError(
            "the Fermitools need livetime cube and exposure cube", component.source_maps, "engine"
        )
    observed = observation(
        analysis,
        component.irfs,
        component.livetime_cube,
        component.source_maps,
        component.exposure_cube,
    )
    config = analysis.BinnedConfig(edisp_bins=-1 if edisp else 0)
    return analysis.BinnedAnalysis(
        observed, srcModel=str(xml), optimizer="MINUIT", wmap=None, config=config
    )


def _results(
    files: ModelFiles,
    frames: list[Frame],
    summed: Any,
    model: SourceModel,
    parameters: list[FreeParameter],
    edisp: bool,
    start: float,
    best: float,
    converged: bool,
) -> Results:
    entries = []
    for p in parameters:
        found = summed[summed.par_index(p.source, p.name)]
        entries.append(
            ParameterResult(
                p.source,
                p.name,
                float(found.getValue()),
                float(found.error()),
                finite(p.min),
                finite(p.max),
                p.scale,
                p.value,
                _limited(float(found.getValue()), p),
                "all",
            )
        )
    components, totals = [], dict.fromkeys(model.names, 0.0)
    for component, frame, like in zip(files.components, frames, summed.components, strict=True):
        # ln L is computed before counts are asked for: that brings the model up to date
        log_likelihood = -float(like())
        npred = {s.name: [float(n) for n in like._srcCnts(s.name)] for s in component.model}
        for name, counts in npred.items():
            totals[name] += sum(counts)
        counts = read_counts_cube(component.source_maps).counts
        components.append(
            ComponentResult(
                component.name,
                frame.edges.tolist(),
                frame.geometry.order,
                frame.geometry.coordsys,
                counts.sum(axis=1, dtype="f8").tolist(),
                np.sum(list(npred.values()), axis=0).tolist(),
                npred,
                log_likelihood,
            )
        )
    sources = source_results(files, model, totals, edisp)
    stage = StageResult("all", len(parameters), [], totals, start, best, converged, TOLERANCE)
    return Results(
        files.name,
        "fermitools",
        files.components[0].irfs,
        edisp,
        "fermitools",
        best,
        start,
        converged,
        TOLERANCE,
        components,
        sources,
        entries,
        _covariance(summed, parameters),
        [stage],
    )


def _limited(value: float, p: FreeParameter) -> bool:
    reach = 1e-3 * (p.max - p.min) if np.isfinite(p.max - p.min) else 0.0
    return value - p.min <= reach or p.max - value <= reach


def _covariance(summed: Any, parameters: list[FreeParameter]) -> Covariance:
    """Covariance in the order of ``parameters``: that of the Fermitools is by their own index."""
    places = [summed.par_index(p.source, p.name) for p in parameters]
    order = np.argsort(np.argsort(places))
    matrix = np.array(summed.covariance, float)[np.ix_(order, order)]
    size = np.sqrt(np.diag(matrix))
    outer = np.outer(size, size)
    correlation = np.divide(matrix, outer, out=np.zeros_like(outer), where=outer > 0)
    return Covariance([p.key for p in parameters], matrix.tolist(), correlation.tolist())


def _with_minos(results: Results, summed: Any, wanted: tuple[str, ...]) -> Results:
    entries = []
    for entry in results.parameters:
        if "all" in wanted or f"{entry.source}:{entry.name}" in wanted:
            up, down = summed.minosError(entry.source, entry.name)
            entry = replace(entry, minos=[-abs(float(down)), abs(float(up))])
        entries.append(entry)
    return replace(results, parameters=entries)


def _write(
    output: Path,
    results: Results,
    files: ModelFiles,
    model: SourceModel,
    parameters: list[FreeParameter],
) -> list[Path]:
    values = [entry.value for entry in results.parameters]
    errors = [entry.error for entry in results.parameters]
    fitted = with_values(model, parameters, values, errors)
    written = write_models(output, results.model, *files.separated(fitted))
    written.append(output / f"fit_{results.model}_parameters.yaml")
    write_parameters(written[-1], fitted)
    written.append(output / f"fit_{results.model}.json")
    write_results(written[-1], results)
    return written
