"""Checks of the models: components, spectra, parameters, names, isotropic spectra, fits."""

from __future__ import annotations

from collections.abc import Sequence

from latsky.check.fits import check_fit, check_strategy, odd_settings
from latsky.config.analysis import Analysis
from latsky.config.catalog_parts import CatalogParts
from latsky.config.library import DiffuseSource
from latsky.config.models import ModelDefinition, read_analysis_models
from latsky.errors import InputError, Problems
from latsky.fit.strategy import Stage
from latsky.fits.source_model import read_spectrum_table
from latsky.models.contents import energy_range, model_contents, model_cuts, read_catalogs
from latsky.plan import Cut
from latsky.plan_models import definition_files


def check_models(analysis: Analysis, cuts: list[Cut]) -> tuple[list[InputError], list[InputError]]:
    """Problems of the models of an analysis; warnings for those in which nothing is fitted."""
    problems, warnings = Problems(), odd_settings(analysis)
    if not analysis.file.models:
        return [], warnings
    if analysis.file.library is None:
        return [analysis.document.problem("needs a library of components", "models")], warnings
    path = analysis.directories.resolve(analysis.file.models)
    if analysis.library is None or not cuts or not path.is_file():
        return [], warnings  # said elsewhere
    library, places = analysis.library, analysis.directories
    models = problems.collect(
        lambda: read_analysis_models(path, library, places, energy_range(cuts))
    )
    problems.collect(lambda: definition_files(models or ()))
    stages = problems.collect(lambda: check_strategy(analysis)) or ()
    for model in models or ():
        found = problems.collect(lambda m=model: _check(analysis, m, cuts, stages, problems))
        if found is False:
            warnings.append(
                model.document.problem("no parameter is free: there is nothing to fit", "sources")
            )
    return problems.found, warnings


def _check(
    analysis: Analysis,
    model: ModelDefinition,
    cuts: list[Cut],
    stages: Sequence[Stage],
    problems: Problems,
) -> bool:
    """Whether any parameter is free."""
    evclass = analysis.dataset.file.evclass
    readable = [parts for parts in model.catalogs if _readable(analysis, parts)]
    if len(readable) < len(model.catalogs):
        model_cuts(model, cuts, evclass)
        return True
    places = analysis.directories
    catalogs = read_catalogs(
        model.catalogs,
        [places.resolve(parts.catalog_path) for parts in model.catalogs],
        [places.resolve(parts.extended_path) for parts in model.catalogs],
    )
    contents = model_contents(model, catalogs, cuts, evclass)
    problems.collect(lambda: check_fit(analysis, contents, stages))
    for component in contents.components:
        source = component.source
        if isinstance(source, DiffuseSource) and source.model_type == "IsoSource":
            path = places.resolve(source.file_name(contents.cuts[0].binning))
            if path.is_file():
                problems.collect(lambda p=path: read_spectrum_table(p))
    spectra = [c.spectrum for c in contents.components if c.spectrum is not None]
    spectra += [
        contents.own_spectrum(component, source)
        for component in contents.components
        if component.single
        for source in contents.single[component.key]
    ]
    return any(p.free for spectrum in spectra for p in spectrum.parameters)


def _readable(analysis: Analysis, parts: CatalogParts) -> bool:
    places = analysis.directories
    return (
        places.resolve(parts.catalog_path).is_file()
        and places.resolve(parts.extended_path).is_dir()
    )
