"""Fit of a model directory: everything from its files to results."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from latsky.errors import InputError, InputErrors, Problems
from latsky.fit.data import FINE, Frame, load_component, operators, read_frame
from latsky.fit.likelihood import ComponentData, JointLikelihood, Restricted
from latsky.fit.masks import plane_mask, read_weights, source_mask, source_positions
from latsky.fit.minimise import FitResult, fit
from latsky.fit.model_files import ComponentFiles, Finder, ModelFiles
from latsky.fit.operators import Migration
from latsky.fit.parameters import FreeParameter, free_parameters, source_terms, with_values
from latsky.fit.results import (
    ComponentResult,
    Covariance,
    ParameterResult,
    Results,
    SourceResult,
    StageResult,
    apply_parameters,
    finite,
)
from latsky.fit.strategy import EVERYTHING, Choice, Stage, choose
from latsky.fits.source_model import SourceModel

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How a model is fitted."""

    edisp: bool | None = None
    """energy dispersion; None: as the configuration says"""
    integration: str = FINE
    strategy: tuple[Stage, ...] = (EVERYTHING,)
    strategy_file: Path | None = None
    files: tuple[Path, ...] = ()
    """files by base name: weights"""
    parameters: Path | None = None
    """values, limits and freedom to start with"""
    minos: tuple[str, ...] = ()
    """``source:parameter`` whose asymmetric errors are wanted; ``all`` for all"""
    caldb: Path | None = None
    work: Path = Path()


@dataclass
class Fitted:
    """A fit with what it was made of."""

    files: ModelFiles
    frames: list[Frame]
    likelihood: JointLikelihood
    values: np.ndarray
    results: Results
    shared: SourceModel
    """source model that all components share, fitted"""
    own: dict[str, SourceModel]
    """fitted source models of the components' own sources"""
    timings: dict[str, float] = field(default_factory=dict)

    def model_counts(self, number: int) -> np.ndarray:
        """Model counts (bins, pixels) of a component at the best fit."""
        return self.likelihood.model(self.likelihood.components[number], self.values)


def joined_model(files: ModelFiles) -> SourceModel:
    """All sources once: the shared ones, then those that components have of their own.

    Raises InputErrors where a source has other spectral parameters in another component.
    """
    problems = Problems()
    sources = {source.name: source for source in files.shared}
    for component in files.components:
        for source in files.own.get(component.name, ()):
            first = sources.setdefault(source.name, source)
            if first.spectrum.parameters != source.spectrum.parameters:
                problems.add(
                    f"its spectrum's parameters differ in {component.name}",
                    files.config,
                    source.name,
                )
    problems.raise_any()
    return SourceModel(tuple(sources.values()), files.shared.title)


def component_migration(component: ComponentFiles, frame: Frame, caldb: Path | None) -> Migration:
    """Mean energy dispersion of a component."""
    from latsky.fit.dispersion import migration
    from latsky.fits import dss
    from latsky.fits.irfs import load_response
    from latsky.fits.livetime import read_livetime_cube

    mask = component.evtype
    if mask is None:
        cuts = dss.read(frame.primary, frame.path) or dss.read(frame.header, frame.path)
        mask = dss.find_mask(cuts, "EVENT_TYPE")
    assert component.livetime_cube is not None
    response = load_response(component.irfs, mask, caldb)
    return migration(response, read_livetime_cube(component.livetime_cube), frame.edges)


def _component_model(component: ComponentFiles, joined: SourceModel) -> SourceModel:
    """The component's sources with the parameters of the joint model."""
    return SourceModel(
        tuple(
            replace(
                source,
                spectrum=replace(
                    source.spectrum, parameters=joined[source.name].spectrum.parameters
                ),
            )
            for source in component.model
        )
    )


def load(
    files: ModelFiles, settings: Settings, progress: Progress = lambda _: None
) -> tuple[JointLikelihood, list[Frame], SourceModel, list[FreeParameter]]:
    """Read everything; likelihood, frames, joint model and its free parameters.

    Raises InputErrors with the problems of all components.
    """
    joined = joined_model(files)
    if settings.parameters is not None:
        joined = apply_parameters(joined, settings.parameters)
    parameters = free_parameters(joined)
    edisp = files.edisp if settings.edisp is None else settings.edisp
    problems = Problems()
    components: list[ComponentData] = []
    frames: list[Frame] = []
    terms = source_terms(files.located(joined), parameters)
    for component in files.components:
        progress(f"reading {component.source_maps.name}")
        try:
            frame = read_frame(component.name, component.source_maps)
            if edisp and component.livetime_cube is None:
                raise InputError("energy dispersion needs a livetime cube", files.config, "ltcube")
            spread = component_migration(component, frame, settings.caldb) if edisp else None
            make = operators(spread, settings.integration, component.undispersed, frame.edges)
            model = files.located(_component_model(component, joined))
            mine = source_terms(model, parameters)
            own = [source.name for source in files.own.get(component.name, ())]
            components.append(load_component(frame, mine, make, settings.work, own=own))
            frames.append(frame)
        except InputError as error:
            problems.found.append(error)
        except InputErrors as errors:
            problems.found.extend(errors.problems)
    problems.raise_any()
    return JointLikelihood(components, terms, len(parameters)), frames, joined, parameters


def set_weights(
    stage: Stage,
    likelihood: JointLikelihood,
    frames: Sequence[Frame],
    model: SourceModel,
    finder: Finder,
    strategy: Path,
) -> None:
    """Set mask and weights of a stage in every component."""
    for component, frame in zip(likelihood.components, frames, strict=True):
        name = stage.mask.get(component.name) if isinstance(stage.mask, dict) else stage.mask
        weights = None
        if name is not None:
            path = finder.find(name)
            if path is None:
                raise InputError(f"no such file: {name}", strategy, f"{stage.key}.mask")
            weights = read_weights(path, frame)
        keep = np.ones(frame.geometry.npix, bool)
        if stage.mask_plane is not None:
            keep &= plane_mask(frame.geometry, stage.mask_plane)
        if stage.mask_sources is not None:
            positions = source_positions(model, stage.mask_sources.names, strategy)
            keep &= source_mask(frame.geometry, positions, stage.mask_sources.radius)
        if not keep.all():
            if weights is None:
                weights = np.ones(component.counts.shape, "f4")
            weights = weights * keep
        component.weights = weights


def minos_keys(settings: Settings, parameters: Sequence[FreeParameter]) -> list[str]:
    """Parameters whose asymmetric errors are wanted. Raises InputErrors for unknown ones."""
    known = [parameter.key for parameter in parameters]
    if "all" in settings.minos:
        return known
    problems = Problems()
    for key in settings.minos:
        if key not in known:
            problems.add("no free parameter of this name (source:parameter)", key=key)
    problems.raise_any()
    return list(settings.minos)


def fit_model(files: ModelFiles, settings: Settings, progress: Progress = lambda _: None) -> Fitted:
    """Fit a model. Raises InputErrors for files that do not fit each other."""
    begun = time.perf_counter()
    likelihood, frames, model, parameters = load(files, settings, progress)
    minos = minos_keys(settings, parameters)
    loaded = time.perf_counter()
    strategy = settings.strategy_file or Path("strategy")
    finder = Finder(strategy.parent, settings.files)
    start = np.array([p.value for p in parameters])
    values, errors = start.copy(), np.zeros(len(parameters))
    fitted_in: dict[int, str] = {}
    limited: set[str] = set()
    undetermined: set[str] = set()
    warnings: list[str] = []
    asymmetric: dict[str, tuple[float, float]] = {}
    earlier: dict[str, float] = {}
    stages: list[StageResult] = []
    evaluations = 0
    covariance = Covariance()
    for number, stage in enumerate(settings.strategy):
        set_weights(stage, likelihood, frames, model, finder, strategy)
        counts = likelihood.weighted_counts(values)
        choice = choose(stage, model, parameters, counts, earlier)
        before = likelihood.evaluate(values, gradient=False).log_likelihood

        def report(step: int, value: float, key: str = stage.key) -> None:
            progress(f"{key}: step {step}, ln L {value:.3f}")

        if choice.norms and choice.norms != choice.active:
            rough = _fit_some(likelihood, parameters, values, choice.norms, (), False, report)
            values[list(choice.norms)] = rough.values
            evaluations += rough.evaluations
        result = None
        if choice.active:
            wanted = minos if number == len(settings.strategy) - 1 else ()
            result = _fit_some(likelihood, parameters, values, choice.active, wanted, True, report)
            values[list(choice.active)] = result.values
            errors[list(choice.active)] = result.errors
            evaluations += result.evaluations
            fitted_in.update(dict.fromkeys(choice.active, stage.key))
            now = {p.key for p in result.parameters}
            limited = (limited - now) | set(result.at_limit)
            undetermined = (undetermined - now) | set(result.undetermined)
            warnings += [f"{stage.key}: {text}" for text in result.warnings]
            asymmetric = result.asymmetric
            covariance = _covariance(result)
        fitted = {p.source for n, p in enumerate(parameters) if n in choice.active}
        earlier |= {name: counts[name] for name in fitted}
        stages.append(_stage_result(stage, choice, counts, before, result))
        progress(f"{stage.key}: ln L {stages[-1].log_likelihood:.3f}")
    ended = time.perf_counter()
    results = _results(
        files, settings, likelihood, frames, model, parameters, start, values, errors
    )
    entries = [
        replace(
            entry,
            at_limit=parameter.key in limited,
            stage=fitted_in.get(number),
            minos=list(asymmetric[parameter.key]) if parameter.key in asymmetric else None,
            undetermined=parameter.key in undetermined,
        )
        for number, (entry, parameter) in enumerate(
            zip(results.parameters, parameters, strict=True)
        )
    ]
    results = replace(
        results, parameters=entries, stages=stages, covariance=covariance, warnings=warnings
    )
    if stages:
        results = replace(
            results,
            converged=all(stage.converged for stage in stages),
            edm=stages[-1].edm,
            log_likelihood=stages[-1].log_likelihood,
        )
    new = with_values(model, parameters, values, errors)
    shared, own = files.separated(new)
    timings = {
        "read_seconds": loaded - begun,
        "fit_seconds": ended - loaded,
        "evaluations": float(evaluations),
    }
    return Fitted(files, frames, likelihood, values, results, shared, own, timings)


def _covariance(result: FitResult) -> Covariance:
    return Covariance(
        [p.key for p in result.parameters], result.covariance.tolist(), result.correlation.tolist()
    )


def _fit_some(
    likelihood: JointLikelihood,
    parameters: Sequence[FreeParameter],
    values: np.ndarray,
    places: Sequence[int],
    minos: Sequence[str],
    certify: bool,
    report: Callable[[int, float], None],
) -> FitResult:
    """Fit the parameters at ``places``, the others held at ``values``."""
    return fit(
        Restricted(likelihood, values, places),
        [parameters[n] for n in places],
        values[list(places)],
        minos=minos,
        certify=certify,
        progress=report,
    )


def _stage_result(
    stage: Stage,
    choice: Choice,
    counts: dict[str, float],
    before: float,
    result: FitResult | None,
) -> StageResult:
    return StageResult(
        stage.key,
        len(choice.active),
        list(choice.held),
        counts,
        before,
        before if result is None else result.log_likelihood,
        result is None or result.converged,
        0.0 if result is None else result.edm,
    )


def source_results(
    files: ModelFiles, model: SourceModel, npred: Mapping[str, float], edisp: bool
) -> list[SourceResult]:
    """What is told of each source; ``npred`` are its predicted counts in all components."""
    undispersed = frozenset.union(*(c.undispersed for c in files.components))
    return [
        SourceResult(
            source.name,
            source.spectrum.kind,
            [p.name for p in source.spectrum.parameters if p.free],
            npred[source.name],
            edisp and source.name not in undispersed,
        )
        for source in model
    ]


def _results(
    files: ModelFiles,
    settings: Settings,
    likelihood: JointLikelihood,
    frames: Sequence[Frame],
    model: SourceModel,
    parameters: Sequence[FreeParameter],
    start: np.ndarray,
    values: np.ndarray,
    errors: np.ndarray,
) -> Results:
    components, totals = [], dict.fromkeys(model.names, 0.0)
    best = likelihood.evaluate(values, gradient=False)
    edisp = files.edisp if settings.edisp is None else settings.edisp
    for data, frame in zip(likelihood.components, frames, strict=True):
        npred = likelihood.source_counts(data, values)
        for name, counts in npred.items():
            totals[name] += float(counts.sum())
        components.append(
            ComponentResult(
                data.name,
                frame.edges.tolist(),
                frame.geometry.order,
                frame.geometry.coordsys,
                data.counts.sum(axis=1, dtype="f8").tolist(),
                best.predicted[data.name].tolist(),
                {name: npred[name].tolist() for name in model.names if name in npred},
                best.by_component[data.name],
            )
        )
    return Results(
        files.name,
        "embedded",
        files.components[0].irfs,
        edisp,
        settings.integration,
        best.log_likelihood,
        likelihood.evaluate(start, gradient=False).log_likelihood,
        True,
        0.0,
        components,
        source_results(files, model, totals, edisp),
        [
            ParameterResult(
                p.source,
                p.name,
                float(value),
                float(error),
                finite(p.min),
                finite(p.max),
                p.scale,
                float(first),
                False,
                None,
            )
            for p, value, error, first in zip(parameters, values, errors, start, strict=True)
        ],
        Covariance(),
        [],
    )
