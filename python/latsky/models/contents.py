"""What a model consists of once its catalogues are read: sources by component, on which data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from latsky import naming
from latsky.catalog.read import Catalog, CatalogSource
from latsky.catalog.rules import Part
from latsky.config.catalog_parts import CatalogParts
from latsky.config.models import CatalogPart, ModelComponent, ModelDefinition, override_single
from latsky.errors import InputError, Problems
from latsky.fits.source_model import Model
from latsky.plan import Cut


@dataclass(frozen=True)
class CatalogContents:
    """A catalogue of a model, read and divided."""

    catalog: Catalog
    parts: Mapping[str, Part]
    """by rule"""

    def sources(self, part: CatalogPart) -> list[CatalogSource]:
        """The sources of a part, in the catalogue's order."""
        return [self.catalog.sources[number] for number in self.parts[part.rule].numbers]


@dataclass(frozen=True)
class ModelContents:
    """A model on its binning components; parts of catalogues without sources are left out."""

    model: ModelDefinition
    components: tuple[ModelComponent, ...]
    single: Mapping[str, tuple[CatalogSource, ...]]
    """single catalogue sources by component key"""
    cuts: tuple[Cut, ...]

    def source_names(self, component: ModelComponent) -> list[str]:
        """Names of the source maps of a component."""
        if component.single:
            return [source.name for source in self.single[component.key]]
        return [component.name]

    def source_maps(self, component: ModelComponent, cut: Cut) -> str:
        """File of the source maps of a component, relative to the analysis' directory."""
        source = component.source
        if isinstance(source, CatalogPart):
            # single sources are gathered in one file a catalogue
            key = catalog_key(source.catalog) if component.single else source.key
        else:
            key = source.source_key
        return cut.names.source_maps(key, cut.time_filter, cut.binning.key)

    def own_spectrum(self, component: ModelComponent, source: CatalogSource) -> Model:
        """Spectrum of a single catalogue source, with the model's overrides."""
        return override_single(source.spectrum, component.overrides)


def catalog_key(catalog: CatalogParts) -> str:
    """Name and version in the library, e.g. FL8Y_v00."""
    return naming.source_key(catalog.name, catalog.version)


def energy_range(cuts: Sequence[Cut]) -> tuple[float, float]:
    """Lowest and highest energy of an analysis, MeV."""
    return min(cut.binning.emin for cut in cuts), max(cut.binning.emax for cut in cuts)


def read_catalogs(
    wanted: Iterable[CatalogParts], catalogs: Sequence[Path], extended: Sequence[Path]
) -> dict[str, CatalogContents]:
    """Catalogues by key; files and directories are known by base name.

    Raises InputErrors.
    """
    problems = Problems()
    found = {}
    for parts in wanted:
        contents = problems.collect(lambda p=parts: _read_catalog(p, catalogs, extended))
        if contents is not None:
            found[catalog_key(parts)] = contents
    problems.raise_any()
    return found


def _read_catalog(
    parts: CatalogParts, catalogs: Sequence[Path], extended: Sequence[Path]
) -> CatalogContents:
    from latsky.steps.source_maps_catalog import read_parts

    wanted = {
        "catalog_file": (parts.catalog_path, catalogs),
        "catalog_extdir": (parts.extended_path, extended),
    }
    chosen = {}
    for key, (name, given) in wanted.items():
        base = naming.base(name.rstrip("/"))
        matching = [path for path in given if path.name == base]
        if len(matching) != 1:
            what = "is not among the files given" if not matching else "is given more than once"
            raise parts.document.problem(f"{base} {what}", key)
        chosen[key] = matching[0]
    _, catalog, divided = read_parts(
        parts.document.path, chosen["catalog_file"], chosen["catalog_extdir"]
    )
    return CatalogContents(catalog, {part.name: part for part in divided})


def model_contents(
    model: ModelDefinition,
    catalogs: Mapping[str, CatalogContents],
    cuts: Sequence[Cut],
    evclass: str,
) -> ModelContents:
    """The contents of a model for an event class; ``catalogs`` by ``catalog_key``.

    Raises InputErrors: names that cannot stand in one file, overrides that fit no source, a time
    filter that is not that of the components.
    """
    problems = Problems()
    components, single = [], {}
    for component in model.components:
        source = component.source
        if isinstance(source, CatalogPart):
            found = catalogs[catalog_key(source.catalog)].sources(source)
            if not found:
                continue
            if component.single:
                single[component.key] = tuple(found)
                problems.collect(lambda c=component, f=found: _check_overrides(model, c, f))
        components.append(component)
    chosen = problems.collect(lambda: model_cuts(model, cuts, evclass))
    contents = ModelContents(model, tuple(components), single, tuple(chosen or ()))
    _check_names(contents, problems)
    problems.raise_any()
    return contents


def model_cuts(model: ModelDefinition, cuts: Sequence[Cut], evclass: str) -> list[Cut]:
    """The binning components that a model is for: one time filter each.

    Raises InputError where a component has several filters and the model names none of them.
    """
    of_class = [cut for cut in cuts if cut.evclass.name == evclass]
    chosen = []
    for name in dict.fromkeys(cut.binning.name for cut in of_class):
        found = [cut for cut in of_class if cut.binning.name == name]
        if model.time_filter is not None:
            matching = [cut for cut in found if cut.time_filter == model.time_filter]
        else:
            matching = found
        if len(matching) != 1:
            have = ", ".join(cut.time_filter for cut in found)
            message = f"{name} has the time filters {have}; name one of them"
            raise model.document.problem(message, "mktimefilter")
        chosen.append(matching[0])
    return chosen


def _check_overrides(
    model: ModelDefinition, component: ModelComponent, sources: Sequence[CatalogSource]
) -> None:
    place = ("sources", component.entry)
    used = set()
    for source in sources:
        used |= {name for name in component.overrides if name in source.spectrum}
        try:
            override_single(source.spectrum, component.overrides)
        except InputError as error:
            text = f"{source.name}: {error.message}"
            raise model.document.problem(text, *place, "par_overrides", error.key or "") from None
    for name in component.overrides:
        merged = any(
            name in other.spectrum
            for other in model.components
            if other.entry == component.entry and other.spectrum is not None
        )
        if name not in used and not merged:
            raise model.document.problem("no source has this parameter", *place, name)


def _check_names(contents: ModelContents, problems: Problems) -> None:
    from latsky.steps.source_maps_catalog import check_names

    names = [name for component in contents.components for name in contents.source_names(component)]
    problems.collect(lambda: check_names(names, contents.model.document.path))
