"""The library of model components, with the merged rings and catalogue parts that it names."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from latsky import naming
from latsky.config.binning import BinningComponent
from latsky.config.catalog_parts import CatalogParts, read_catalog_file
from latsky.config.document import (
    Document,
    FileWords,
    Section,
    Unset,
    mapping,
    parse,
    read_yaml,
)
from latsky.config.file_lists import Directories
from latsky.config.rings import MergedRing, read_rings
from latsky.errors import Problems

MODEL_TYPES = ("MapCubeSource", "SpatialMap", "IsoSource", "galprop_rings", "catalog")
MAP_TYPES = ("MapCubeSource", "SpatialMap")
PLACEHOLDERS = ("version", "component", "zcut")


class LibraryEntry(Section):
    """Keys of one entry of a library."""

    model_type: Literal["MapCubeSource", "SpatialMap", "IsoSource", "galprop_rings", "catalog"] = (
        Field(default="MapCubeSource", description="how the component is made")
    )
    versions: Annotated[FileWords, Field(min_length=1)] = Field(description="versions to make")
    moving: bool = Field(default=False, description="one template for each zenith cut")
    selection_dependent: bool = Field(
        default=False, description="one template for each binning component"
    )
    no_psf: bool = Field(default=False, description="do not convolve with the PSF")
    edisp_disable: bool = Field(default=False, description="do not apply energy dispersion")
    Spatial_Filename: Annotated[str | None, Unset] = Field(
        default=None, description="template file, instead of the name by rule"
    )
    Spectral_Filename: Annotated[str | None, Unset] = Field(
        default=None, description="spectrum file of an isotropic component, likewise"
    )

    @model_validator(mode="after")
    def _consistent(self) -> LibraryEntry:
        if self.moving and self.selection_dependent:
            raise ValueError("moving and selection_dependent exclude each other")
        if self.model_type not in MAP_TYPES:
            for flag in ("moving", "selection_dependent", "Spatial_Filename"):
                if getattr(self, flag):
                    raise ValueError(f"{flag} is for {' and '.join(MAP_TYPES)} only")
        if self.model_type != "IsoSource" and self.Spectral_Filename:
            raise ValueError("Spectral_Filename is for IsoSource only")
        name = self.Spatial_Filename or self.Spectral_Filename
        if name:
            self._check_placeholders(name)
        return self

    def _check_placeholders(self, name: str) -> None:
        try:
            used = {field for _, field, _, _ in string.Formatter().parse(name) if field is not None}
        except ValueError as error:
            raise ValueError(f"file name {name!r}: {error}") from None
        unknown = used - set(PLACEHOLDERS)
        if unknown:
            listed = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
            raise ValueError(f"file name {name!r}: {{{min(unknown)}}} is none of {listed}")
        needed = {
            "version": len(self.versions) > 1,
            "component": self.selection_dependent,
            "zcut": self.moving,
        }
        for field, need in needed.items():
            if need and field not in used:
                raise ValueError(f"file name {name!r} needs {{{field}}}: there are several files")


@dataclass(frozen=True)
class DiffuseSource:
    """A diffuse component of one version; merged rings are such, too."""

    name: str
    version: str
    model_type: str
    moving: bool
    selection_dependent: bool
    no_psf: bool
    edisp_disable: bool
    origin: str
    """file and line of the library entry"""
    key: str
    """library entry"""
    file_pattern: str
    """name of the template or spectrum, with {component} or {zcut} where there are several"""
    merged_ring: bool = False

    @property
    def source_key(self) -> str:
        """Key in file names, e.g. loopI_haslam."""
        return naming.source_key(self.name, self.version)

    def sub_key(self, component: BinningComponent) -> str | None:
        """What tells the files of binning components apart; None when all share one file."""
        if self.selection_dependent:
            return component.name
        return naming.zenith_key(component.settings.zmax) if self.moving else None

    def file_name(self, component: BinningComponent) -> str:
        """Template or spectrum for a binning component."""
        return self.file_pattern.format(
            version=self.version,
            component=component.name,
            zcut=naming.zenith_key(component.settings.zmax),
        )


@dataclass(frozen=True)
class Library:
    """A library and the files it refers to, read and checked."""

    document: Document
    sources: tuple[DiffuseSource, ...]
    rings: tuple[MergedRing, ...]
    catalogs: tuple[CatalogParts, ...]
    parts: tuple[Path, ...]
    """the YAML files read besides the library's own"""


def read_library(
    path: str | os.PathLike[str], directories: Directories, projection: str = "healpix"
) -> Library:
    """Read a library and the ring and catalogue definitions it names.

    Definitions are looked for under fermipy's names, then by base name, beside the library and in
    ``directories``. Raises InputErrors with all mistakes in all of them.
    """
    document = read_yaml(path)
    problems = Problems()
    sources: list[DiffuseSource] = []
    rings: list[MergedRing] = []
    catalogs: list[CatalogParts] = []
    parts: list[Path] = []

    def definition(name: str, key: str) -> Document | None:
        places = directories.before(document.path.parent)
        found = next(
            (path for base in (name, Path(name).name) if (path := places.resolve(base)).exists()),
            directories.resolve(name),
        )
        if not found.exists():
            problems.found.append(document.problem(f"no such file: {found}", key, "versions"))
            return None
        parts.append(found)
        return problems.collect(lambda: read_yaml(found))

    for key, value in mapping(document).items():
        if value is None:
            continue
        entry = problems.collect(lambda k=key, v=value: parse(LibraryEntry, document, v, k))
        if entry is None:
            continue
        if not re.fullmatch(r"[A-Za-z0-9.+_-]+", key):
            problems.found.append(document.problem("not a legal part of file names", key))
            continue
        if len(set(entry.versions)) < len(entry.versions):
            problems.found.append(document.problem("a version is given twice", key, "versions"))
        origin = str(document.problem("", key).file)
        for version in dict.fromkeys(entry.versions):
            if entry.model_type == "catalog":
                found = definition(naming.catalog_yaml(naming.source_key(key, version)), key)
                if found is not None:
                    catalog = problems.collect(lambda d=found: read_catalog_file(d))
                    if catalog is not None:
                        catalogs.append(CatalogParts(key, version, found, catalog))
            elif entry.model_type == "galprop_rings":
                found = definition(naming.galprop_rings_yaml(version), key)
                if found is not None:
                    made = problems.collect(lambda d=found, v=version: read_rings(d, v, projection))
                    rings.extend(made or ())
                    sources.extend(
                        _source(key, ring.version, entry, origin, ring) for ring in made or ()
                    )
            else:
                sources.append(_source(key, version, entry, origin))
    _refuse_doubles(document, sources, problems)
    problems.raise_any()
    return Library(document, tuple(sources), tuple(rings), tuple(catalogs), tuple(parts))


def _source(
    key: str, version: str, entry: LibraryEntry, origin: str, ring: MergedRing | None = None
) -> DiffuseSource:
    if ring is not None:
        name, kind, pattern = ring.name, "MapCubeSource", ring.output
    else:
        name, kind = key, entry.model_type
        given = entry.Spectral_Filename if kind == "IsoSource" else entry.Spatial_Filename
        pattern = given or _rule_name(naming.source_key(key, version), entry)
    return DiffuseSource(
        name,
        version,
        kind,
        entry.moving,
        entry.selection_dependent,
        entry.no_psf,
        entry.edisp_disable,
        origin,
        key,
        pattern,
        ring is not None,
    )


def _rule_name(source: str, entry: LibraryEntry) -> str:
    if entry.model_type == "IsoSource":
        return naming.spectral_template(source)
    if entry.selection_dependent:
        return naming.template(f"{source}_{{component}}")
    return naming.template(f"{source}_{{zcut}}" if entry.moving else source)


def _refuse_doubles(
    document: Document, sources: Sequence[DiffuseSource], problems: Problems
) -> None:
    seen: dict[str, DiffuseSource] = {}
    for source in sources:
        first = seen.setdefault(source.source_key, source)
        if first is not source:
            problems.found.append(
                document.problem(
                    f"{source.source_key} is also what {first.key} defines", source.key
                )
            )
