"""Checks of the settings of the fits: stages, their weights, starting parameters, errors wanted."""

from __future__ import annotations

from collections.abc import Sequence

from latsky.config.analysis import Analysis
from latsky.errors import InputError, Problems
from latsky.fit.strategy import Stage, read_strategy
from latsky.fits.source_model import SourceModel
from latsky.models.contents import ModelContents
from latsky.models.source_models import component_model, master_model


def check_strategy(analysis: Analysis) -> tuple[Stage, ...]:
    """Stages of the fits, none where they are not given.

    Raises InputErrors: what is wrong with them, files of weights that are missing or share a name.
    """
    if not analysis.file.fit_strategy:
        return ()
    path = analysis.directories.resolve(analysis.file.fit_strategy)
    if not path.is_file():
        return ()  # said elsewhere
    stages, problems = read_strategy(path), Problems()
    named: dict[str, str] = {}
    for stage in stages:
        for name in stage.masks:
            found = analysis.directories.resolve(name)
            if not found.is_file():
                problems.add(f"no such file: {found}", path, f"{stage.key}.mask")
            elif named.setdefault(found.name, name) != name:
                problems.add(
                    f"{name} and {named[found.name]} have one name", path, f"{stage.key}.mask"
                )
    problems.raise_any()
    return stages


def check_fit(analysis: Analysis, contents: ModelContents, stages: Sequence[Stage]) -> None:
    """What the settings of the fits say of a model.

    Raises InputErrors: binning components, sources and parameters that the model does not have.
    """
    from latsky.fit.parameters import free_parameters
    from latsky.fit.results import apply_parameters

    file, places, problems = analysis.file, analysis.directories, Problems()
    sources = _sources(contents)
    known = [cut.binning.key for cut in contents.cuts]
    for stage in stages:
        path = places.resolve(file.fit_strategy or "")
        for key in stage.mask if isinstance(stage.mask, dict) else ():
            if key not in known:
                message = f"no binning component {key}; known: {', '.join(known)}"
                problems.add(message, path, f"{stage.key}.mask")
        if stage.mask_sources is not None:
            from latsky.fit.masks import source_positions

            names = stage.mask_sources.names
            problems.collect(lambda p=path, n=names: source_positions(sources, n, p))
    if file.fit_parameters and (path := places.resolve(file.fit_parameters)).is_file():
        changed = problems.collect(lambda p=path: apply_parameters(sources, p))
        sources = changed or sources
    free = [parameter.key for parameter in free_parameters(sources)]
    for key in file.fit_minos:
        if key not in ("all", *free):
            message = f"{contents.model.key} has no free parameter {key} (source:parameter)"
            problems.found.append(analysis.document.problem(message, "fit_minos"))
    problems.raise_any()


def odd_settings(analysis: Analysis) -> list[InputError]:
    """Settings of fits where there are none."""
    file = analysis.file
    if file.models and file.fit:
        return []
    reason = "fit is false" if file.models else "there is no list of models"
    keys = [key for key in type(file).model_fields if key.startswith("fit_")]
    return [
        analysis.document.problem(f"has no effect: {reason}", key)
        for key in keys
        if key in file.model_fields_set
    ]


def _sources(contents: ModelContents) -> SourceModel:
    """All sources of a model, as the fit joins them."""
    own = component_model(contents, contents.cuts[0], str)
    return SourceModel((*master_model(contents, str).sources, *own.sources))
