"""What a fit opens: the directory of a model, as ``latsky-step init-model`` and fermipy have it.

``config.yaml`` (a configuration of fermipy's GTAnalysis) names, for each binning component, the
assembled source maps, livetime cube and source model, and the source model that all share. Names
are relative to the configuration; a file that is not there is looked for by its base name among
``files``, which is how workflows hand them over.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from latsky.config.document import Document, Section, mapping, parse, read_yaml
from latsky.errors import InputError, Problems
from latsky.fits.source_model import SourceModel, read_source_model


def _listed(value: Any) -> Any:
    return [] if value is None else [value] if isinstance(value, str) else value


Files = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class _Part(Section):
    """A section of fermipy's configuration: keys that fits do not need pass unread."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Data(_Part):
    ltcube: str | None = None


class _Selection(_Part):
    evtype: int | None = None


class _Likelihood(_Part):
    irfs: str | None = None
    srcmap: str | None = None
    bexpmap: str | None = None
    edisp: bool | None = None
    edisp_disable: Files = ()


class _Model(_Part):
    catalogs: Files = ()
    diffuse_xml: Files = ()


class _Component(_Part):
    data: _Data = Field(default_factory=_Data)
    selection: _Selection = Field(default_factory=_Selection)
    gtlike: _Likelihood = Field(default_factory=_Likelihood)
    model: _Model = Field(default_factory=_Model)


class _Config(_Component):
    components: tuple[_Component, ...] = Field(min_length=1)


@dataclass(frozen=True)
class ComponentFiles:
    """One binning component of a model directory."""

    name: str
    source_maps: Path
    livetime_cube: Path | None
    exposure_cube: Path | None
    """wanted by the Fermitools alone"""
    irfs: str
    evtype: int | None
    model: SourceModel
    """sources that all components share, then those of this one"""
    undispersed: frozenset[str]
    """names of the sources that energy dispersion leaves alone"""


@dataclass(frozen=True)
class ModelFiles:
    """A model directory, read."""

    name: str
    config: Path
    edisp: bool
    shared: SourceModel
    components: tuple[ComponentFiles, ...]
    own: dict[str, SourceModel] = field(default_factory=dict)
    """source model of each component's own sources"""
    files: tuple[Path, ...] = ()

    def separated(self, joined: SourceModel) -> tuple[SourceModel, dict[str, SourceModel]]:
        """Shared sources and each component's own, with the parameters of the joined model."""
        shared = SourceModel(tuple(joined[s.name] for s in self.shared), self.shared.title)
        own = {
            component: SourceModel(
                tuple(
                    replace(
                        source,
                        spectrum=replace(
                            source.spectrum, parameters=joined[source.name].spectrum.parameters
                        ),
                    )
                    for source in model
                )
            )
            for component, model in self.own.items()
        }
        return shared, own

    def located(self, model: SourceModel) -> SourceModel:
        """The model with the tables of its spectra where they are. Raises InputErrors."""
        finder, problems, sources = Finder(self.config.parent, self.files), Problems(), []
        for source in model:
            if source.spectrum.kind == "FileFunction" and source.spectrum.file:
                path = finder.find(os.path.expandvars(source.spectrum.file))
                if path is None:
                    problems.add(f"no such file: {source.spectrum.file}", self.config, source.name)
                    continue
                attributes = {**source.spectrum.attributes, "file": str(path.resolve())}
                source = replace(source, spectrum=replace(source.spectrum, attributes=attributes))
            sources.append(source)
        problems.raise_any()
        return SourceModel(tuple(sources), model.title)


@dataclass(frozen=True)
class Finder:
    """Finds files relative to a directory, or by base name among those given."""

    directory: Path
    files: tuple[Path, ...] = ()

    def find(self, name: str) -> Path | None:
        """The file, None where there is none."""
        place = self.directory / name
        if place.is_file():
            return place
        return next((path for path in self.files if path.name == Path(name).name), None)


def read_model_files(config: Path, files: Sequence[Path] = ()) -> ModelFiles:
    """Read a model directory. Raises InputErrors naming every file that is missing or wrong."""
    document = read_yaml(config)
    found = parse(_Config, document, mapping(document))
    finder = Finder(config.parent, tuple(files))
    problems = Problems()
    shared = _models(found.model.catalogs + found.model.diffuse_xml, finder, document, problems)
    name = config.resolve().parent.name.removeprefix("model_")
    for file in found.model.catalogs:
        if file.startswith("srcmdl_") and file.endswith("_master.xml"):
            name = file.removeprefix("srcmdl_").removesuffix("_master.xml")
    components, own = [], {}
    for number, part in enumerate(found.components):
        key = ("components", number)
        maps = _needed(part.gtlike.srcmap, finder, document, problems, *key, "gtlike", "srcmap")
        irfs = part.gtlike.irfs or found.gtlike.irfs
        if not irfs:
            problems.found.append(document.problem("no response functions", "gtlike", "irfs"))
        edisp = (found.gtlike.edisp, part.gtlike.edisp)
        livetime = None
        if False not in edisp:
            livetime = _needed(part.data.ltcube, finder, document, problems, *key, "data", "ltcube")
        mine = _models(part.model.diffuse_xml + part.model.catalogs, finder, document, problems)
        label = _label(part, name, maps)
        own[label] = mine
        twice = set(shared.names) & set(mine.names)
        for source in sorted(twice):
            problems.add(f"{label} has a source of this name of its own too", config, source)
        if maps is not None:
            model = SourceModel((*shared.sources, *mine.sources))
            components.append(
                ComponentFiles(
                    label,
                    maps,
                    livetime,
                    finder.find(part.gtlike.bexpmap) if part.gtlike.bexpmap else None,
                    irfs or "",
                    part.selection.evtype or found.selection.evtype,
                    model,
                    _undispersed(model, found.gtlike.edisp_disable + part.gtlike.edisp_disable),
                )
            )
    labels = [component.name for component in components]
    for label in sorted({label for label in labels if labels.count(label) > 1}):
        problems.add("two binning components of this name", config, label)
    problems.raise_any()
    if not any(len(component.model) for component in components):
        raise InputError("names no source model with a source", config, "model")
    edisp = found.gtlike.edisp is not False
    return ModelFiles(name, config, edisp, shared, tuple(components), own, tuple(files))


def _label(part: _Component, model: str, maps: Path | None) -> str:
    """Name of a component: the key in its source model's name, else the source maps' name."""
    for file in part.model.diffuse_xml:
        stem = Path(file).name.removesuffix(".xml")
        if stem.startswith(f"srcmdl_{model}_"):
            return stem.removeprefix(f"srcmdl_{model}_")
    if maps is None:
        return "?"
    stem = maps.name.removesuffix(".gz").removesuffix(".fits")
    return stem.removeprefix("srcmaps_").removeprefix("srcmap_")


def _needed(
    name: str | None, finder: Finder, document: Document, problems: Problems, *key: str | int
) -> Path | None:
    if not name:
        problems.found.append(document.problem("required, but not given", *key))
        return None
    path = finder.find(name)
    if path is None:
        problems.found.append(document.problem(f"no such file: {name}", *key))
    return path


def _models(
    names: Sequence[str], finder: Finder, document: Document, problems: Problems
) -> SourceModel:
    sources = []
    for name in names:
        path = _needed(name, finder, document, problems, "model")
        if path is not None:
            model = problems.collect(lambda p=path: read_source_model(p))
            if isinstance(model, SourceModel):
                sources += model.sources
    return SourceModel(tuple(sources))


def _undispersed(model: SourceModel, listed: Sequence[str]) -> frozenset[str]:
    flagged = {
        source.name
        for source in model
        if source.spectrum.attributes.get("apply_edisp", "true").strip().lower() in ("false", "0")
    }
    return frozenset(flagged | set(listed))
