"""Models: which components of the library with which spectra."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from latsky import naming
from latsky.config.catalog_parts import REMAINDER_KEY, CatalogParts
from latsky.config.document import (
    Document,
    FileWord,
    Section,
    Unset,
    mapping,
    parse,
    read_yaml,
    unknown_key,
)
from latsky.config.file_lists import Directories
from latsky.config.library import DiffuseSource, Library
from latsky.config.spectral_library import (
    CATALOG,
    SCALING,
    ParameterOverride,
    SpectralLibrary,
    SpectralModel,
    overridden,
    parameter_problems,
    read_spectral_models,
)
from latsky.errors import InputError, Problems
from latsky.fits.source_model import Model

DEFAULT = "default"
RINGS, CATALOGS = "galprop_rings", "catalog"
Overrides = dict[str, ParameterOverride]


class ModelSource(Section):
    """Keys of one entry of ``sources``."""

    model_type: (
        Literal["MapCubeSource", "SpatialMap", "IsoSource", "galprop_rings", "Catalog", "catalog"]
        | None
    ) = Field(default=None, description="kind of the library's entry")
    version: FileWord = Field(description="version of the library's entry")
    SpectrumType: str | dict[str, str] = Field(
        description="spectral model; for rings and catalogues `default` and others by component"
    )
    edisp_disable: bool = Field(default=False, description="do not apply energy dispersion")
    par_overrides: dict[str, ParameterOverride] = Field(
        default_factory=dict, description="changes of parameters, for this source alone"
    )
    par_overides: dict[str, ParameterOverride] = Field(
        default_factory=dict, description="the same, as fermipy spells it"
    )


class ModelFile(Section):
    """Keys of a model."""

    library: str | None = Field(default=None, description="accepted; the master file's is used")
    spectral_models: Annotated[str | None, Unset] = Field(
        default=None, description="spectral models, before those that the suite brings"
    )
    mktimefilter: Annotated[str | None, Unset] = Field(
        default=None, description="time filter, where components have several"
    )
    sources: dict[str, ModelSource] = Field(min_length=1, description="name → component")


@dataclass(frozen=True)
class CatalogPart:
    """The sources of one rule of a catalogue, merged or single."""

    catalog: CatalogParts
    rule: str
    merge: bool

    @property
    def key(self) -> str:
        """Key in file names, e.g. FL8Y_v00_faint."""
        file = self.catalog.file
        return naming.catalog_part_key(file.catalog_name, self.catalog.version, self.rule)

    @property
    def name(self) -> str:
        """Name of the merged source, e.g. FL8Y_faint."""
        return naming.catalog_part_name(self.catalog.file.catalog_name, self.rule)


@dataclass(frozen=True)
class ModelComponent:
    """A component of a model with its spectrum."""

    key: str
    """key of the component in the manifest, e.g. merged_CO_2_ref or FL8Y_v00_faint"""
    source: DiffuseSource | CatalogPart
    spectrum: Model | None
    """None: single catalogue sources with spectra of their own"""
    edisp_disable: bool
    overrides: Overrides
    """changes of the single sources' own spectra"""
    entry: str
    """key among the model's sources"""

    @property
    def name(self) -> str:
        """Name of the source (single catalogue sources have their own)."""
        return self.source.name

    @property
    def single(self) -> bool:
        """Whether it stands for single catalogue sources."""
        return isinstance(self.source, CatalogPart) and not self.source.merge


@dataclass(frozen=True)
class ModelDefinition:
    """A model, read and resolved."""

    key: str
    document: Document
    components: tuple[ModelComponent, ...]
    time_filter: str | None
    spectral_path: Path | None = None
    """file of spectral models; None: the shipped ones alone"""

    @property
    def catalogs(self) -> list[CatalogParts]:
        """Catalogues that are part of the model."""
        found = {}
        for component in self.components:
            if isinstance(component.source, CatalogPart):
                found[component.source.catalog.document.path] = component.source.catalog
        return list(found.values())


def read_model_list(path: str | os.PathLike[str]) -> tuple[Document, list[str]]:
    """Keys of the models of a list (or mapping). Raises InputErrors."""
    document = read_yaml(path)
    data = document.data
    keys = list(data) if isinstance(data, list | dict) else None
    if not keys:
        raise InputError("must be a list of model keys", file=path)
    problems = Problems()
    for number, key in enumerate(keys):
        place = (key,) if isinstance(data, dict) else (number,)
        if not isinstance(key, str | int | float) or not re.fullmatch(
            r"[A-Za-z0-9.+_-]+", str(key)
        ):
            problems.found.append(document.problem("not a legal part of file names", *place))
        elif str(key) in map(str, keys[:number]):
            problems.found.append(document.problem(f"{key} is given twice", *place))
    problems.raise_any()
    return document, [str(key) for key in keys]


def read_model_file(path: str | os.PathLike[str]) -> tuple[Document, ModelFile]:
    """A model's file. Raises InputErrors with unknown, missing and wrong keys."""
    document = read_yaml(path)
    return document, parse(ModelFile, document, mapping(document))


def resolve_model(
    key: str, document: Document, file: ModelFile, library: Library, spectra: SpectralLibrary
) -> ModelDefinition:
    """The components of a model, each with its spectrum.

    Raises InputErrors: components that the library lacks, spectral models that are not known or do
    not fit, keys that match no component, overrides of parameters that do not exist, components
    that share a name.
    """
    problems = Problems()
    components: list[ModelComponent] = []
    for name, entry in file.sources.items():
        found = problems.collect(lambda n=name, e=entry: _entry(document, n, e, library, spectra))
        components.extend(found or ())
    first: dict[str, ModelComponent] = {}
    for component in components:
        # names of HDUs do not tell case
        before = first.setdefault(component.name.upper(), component)
        if before is not component:
            problems.found.append(
                document.problem(
                    f"{component.key} has the name {component.name} of {before.key} "
                    f"(sources.{before.entry})",
                    *("sources", component.entry),
                )
            )
    problems.raise_any()
    return ModelDefinition(key, document, tuple(components), file.mktimefilter, spectra.path)


def _entry(
    document: Document, name: str, entry: ModelSource, library: Library, spectra: SpectralLibrary
) -> list[ModelComponent]:
    place = ("sources", name)
    if entry.par_overides and entry.par_overrides:
        raise document.problem("par_overrides is given, too", *place, "par_overides")
    sources = _sources(document, name, entry, library)
    grouped = _kind(entry) in (RINGS, CATALOGS)
    aliases = _aliases(document, name, entry.SpectrumType, sources, grouped)
    overrides_key = "par_overides" if entry.par_overides else "par_overrides"
    overrides = entry.par_overides or entry.par_overrides
    problems = Problems()
    used: set[str] = set()
    components = []
    for key, source in sources.items():
        alias, alias_place, named = aliases[key]
        where = (*place, "SpectrumType", *alias_place)
        try:
            spectrum = _spectrum(source, spectra.find(alias), named)
        except InputError as error:
            problems.found.append(document.problem(error.message, *where))
            continue
        if spectrum is not None:
            spectrum, changed, wrong = _override(spectrum, overrides)
            used |= changed
            for parameter, message in wrong:
                problems.found.append(document.problem(message, *place, overrides_key, parameter))
        else:
            used |= set(overrides)  # checked against the catalogue's spectra when these are read
        disable = entry.edisp_disable or getattr(source, "edisp_disable", False)
        components.append(ModelComponent(key, source, spectrum, disable, overrides, name))
    for parameter in overrides if not problems.found else ():
        if parameter not in used:
            have = sorted({p.name for c in components if c.spectrum for p in c.spectrum.parameters})
            problems.found.append(
                document.problem(
                    f"no such parameter; the spectrum has {', '.join(have)}",
                    *(*place, overrides_key, parameter),
                )
            )
    problems.found = list({str(problem): problem for problem in problems.found}.values())
    problems.raise_any()
    return components


def _kind(entry: ModelSource) -> str:
    return (entry.model_type or "").lower()


def _sources(
    document: Document, name: str, entry: ModelSource, library: Library
) -> dict[str, DiffuseSource | CatalogPart]:
    """Components of an entry by key."""
    place = ("sources", name)
    kind, version = _kind(entry), entry.version
    if kind == RINGS:
        rings = {s.source_key: s for s in library.sources if s.merged_ring and s.version == version}
        if not rings:
            have = {s.version for s in library.sources if s.merged_ring}
            raise _unknown(document, (*place, "version"), version, have, "rings of version")
        return rings
    if kind == CATALOGS:
        key = naming.source_key(name, version)
        catalogs = {naming.source_key(c.name, c.version): c for c in library.catalogs}
        if key not in catalogs:
            raise _unknown(document, place, key, catalogs, "catalogue")
        catalog = catalogs[key]
        rules = {rule: value.merge for rule, value in catalog.file.rules_dict.items()}
        rules[REMAINDER_KEY] = catalog.file.remainder.merge
        parts = [CatalogPart(catalog, rule, merge) for rule, merge in rules.items()]
        return {part.key: part for part in parts}
    key = naming.source_key(name, version)
    known = {s.source_key: s for s in library.sources if not s.merged_ring}
    if key not in known:
        raise _unknown(document, place, key, known, "component")
    if entry.model_type not in (None, known[key].model_type):
        raise document.problem(
            f"{known[key].origin} says {known[key].model_type}", *place, "model_type"
        )
    return {key: known[key]}


def _unknown(
    document: Document, place: tuple[str, ...], key: str, known: Any, what: str
) -> InputError:
    near = difflib.get_close_matches(key, list(known), 1, 0.6)
    have = ", ".join(sorted(known)) or "none"
    hint = f"did you mean {near[0]}?" if near else f"it has {have}"
    return document.problem(f"the library has no {what} {key}; {hint}", *place)


def _aliases(
    document: Document,
    name: str,
    given: str | dict[str, str],
    sources: dict[str, DiffuseSource | CatalogPart],
    grouped: bool,
) -> dict[str, tuple[str, tuple[str, ...], bool]]:
    """Spectral model of every component: its name, its key, and whether it is named for it alone.

    Components are named by key (``merged_CO_2_ref``, ``FL8Y_v00_faint``), by that of the library's
    entry, by rule, or by ring without version.
    """
    place = ("sources", name, "SpectrumType")
    if isinstance(given, str):
        return dict.fromkeys(sources, (given, (), not grouped))
    if not grouped:
        raise document.problem("must be one spectral model: the source has no components", *place)
    by_word: dict[str, str] = {}
    for key, source in sources.items():
        words = [key, source.name]
        if isinstance(source, CatalogPart):
            catalog = source.catalog
            words += [
                source.rule,
                naming.catalog_part_key(catalog.name, catalog.version, source.rule),
            ]
        by_word |= dict.fromkeys(words, key)
    problems = Problems()
    chosen: dict[str, tuple[str, str]] = {}
    for word, alias in given.items():
        if word == DEFAULT:
            continue
        if word not in by_word:
            problems.found.append(
                document.problem(unknown_key(word, [DEFAULT, *sources]), *place, word)
            )
        elif by_word[word] in chosen:
            other = chosen[by_word[word]][0]
            problems.found.append(document.problem(f"the same component as {other}", *place, word))
        else:
            chosen[by_word[word]] = word, alias
    problems.raise_any()
    missing = [key for key in sources if key not in chosen]
    if missing and DEFAULT not in given:
        raise document.problem(f"no {DEFAULT}, and nothing for {', '.join(missing)}", *place)
    return {
        key: (chosen[key][1], (chosen[key][0],), True)
        if key in chosen
        else (given[DEFAULT], (DEFAULT,), False)
        for key in sources
    }


def _spectrum(
    source: DiffuseSource | CatalogPart, chosen: SpectralModel, named: bool
) -> Model | None:
    """The spectrum that a component gets. Raises InputError where the chosen one does not fit."""
    if isinstance(source, CatalogPart) and not source.merge:
        if chosen.form is None or not named:
            return None  # a default for the catalogue is meant for its merged parts
        raise InputError(
            f"{chosen.name}: the sources of {source.rule} are single and keep the catalogue's "
            f"spectra ({CATALOG})"
        )
    if chosen.form is None:
        raise InputError(
            f"{chosen.name} is for single catalogue sources; {source.name} needs a factor, e.g. "
            "Constant_Correction"
        )
    isotropic = isinstance(source, DiffuseSource) and source.model_type == "IsoSource"
    if isotropic and not chosen.scales_only:
        raise InputError(
            f"{chosen.name} ({chosen.form.kind}): an isotropic component has the spectrum of its "
            f"file; {' and '.join(SCALING)} can scale it"
        )
    if chosen.scales_only:
        return chosen.as_scaling("FileFunction" if isotropic else "ConstantValue")
    return chosen.form


def _override(
    spectrum: Model, overrides: Overrides
) -> tuple[Model, set[str], list[tuple[str, str]]]:
    """The spectrum with overrides, the names used, and (name, what is wrong)."""
    used, wrong = set(), []
    for name, override in overrides.items():
        # the factor has another name for templates than for isotropic components
        own = (
            SCALING[spectrum.kind]
            if name in SCALING.values() and (spectrum.kind in SCALING)
            else name
        )
        if own not in spectrum:
            continue
        used.add(name)
        parameter = overridden(spectrum[own], override)
        wrong += [(name, message) for message in parameter_problems(parameter)]
        spectrum = spectrum.with_parameter(parameter)
    return spectrum, used, wrong


def override_single(spectrum: Model, overrides: Overrides) -> Model:
    """A catalogue source's own spectrum with those overrides that name its parameters.

    Raises InputError for values outside of limits.
    """
    changed, _, wrong = _override(spectrum, overrides)
    if wrong:
        raise InputError(wrong[0][1], key=wrong[0][0])
    return changed


def read_model(
    key: str,
    path: str | os.PathLike[str],
    library: Library,
    energy_range: tuple[float, float],
    locate: Callable[[str], Path],
) -> ModelDefinition:
    """A model with its spectral models; ``locate`` finds the file of these by the name given.

    ``energy_range`` of the analysis in MeV. Raises InputErrors.
    """
    document, file = read_model_file(path)
    spectral = None
    if file.spectral_models:
        spectral = locate(file.spectral_models)
        if not spectral.is_file():
            raise document.problem(f"no such file: {spectral}", "spectral_models")
    return resolve_model(
        key, document, file, library, read_spectral_models(spectral, *energy_range)
    )


def read_analysis_models(
    list_path: Path, library: Library, directories: Directories, energy_range: tuple[float, float]
) -> list[ModelDefinition]:
    """The models of a list, each in ``models/model_<key>.yaml``; files are known by base name, too.

    Raises InputErrors with the mistakes of all of them.
    """
    document, keys = read_model_list(list_path)
    places = directories.before(list_path.parent)
    problems = Problems()
    models = []

    def locate(name: str) -> Path:
        paths = [places.resolve(name), places.resolve(Path(name).name)]
        return next((path for path in paths if path.is_file()), paths[0])

    for number, key in enumerate(keys):
        path = locate(naming.model_yaml(key))
        if not path.is_file():
            place = (key,) if isinstance(document.data, dict) else (number,)
            problems.found.append(document.problem(f"no such file: {path}", *place))
            continue
        found = problems.collect(
            lambda k=key, p=path: read_model(k, p, library, energy_range, locate)
        )
        if found is not None:
            models.append(found)
    problems.raise_any()
    return models
