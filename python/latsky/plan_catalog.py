"""Plan of the catalogue templates: batches of sources by binning component, and their parts.

As diffuse source maps, these are made for the data set's own event class.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from latsky import costs, naming
from latsky.config.catalog_parts import CatalogParts
from latsky.errors import Problems
from latsky.plan import Cut, PlanOptions, Record, even_ranges


@dataclass(frozen=True)
class SourcePart:
    """The sources of a rule, by name in the catalogue's order."""

    rule: str
    merge: bool
    sources: tuple[str, ...]


@dataclass(frozen=True)
class DividedCatalog:
    """A catalogue of the library, read and divided by its rules."""

    definition: CatalogParts
    catalog_path: Path
    extended_path: Path
    size: int
    parts: tuple[SourcePart, ...]

    @property
    def key(self) -> str:
        """Name and version in the library, e.g. FL8Y_v00."""
        return naming.source_key(self.definition.name, self.definition.version)

    @property
    def filled(self) -> tuple[SourcePart, ...]:
        """The parts that have sources."""
        return tuple(part for part in self.parts if part.sources)


def divide_catalog(definition: CatalogParts, catalog: Path, extended: Path) -> DividedCatalog:
    """Read a catalogue and divide it. Raises InputError or InputErrors."""
    from latsky.steps.source_maps_catalog import read_parts

    _, found, parts = read_parts(definition.document.path, catalog, extended)
    names = [source.name for source in found.sources]
    return DividedCatalog(
        definition,
        catalog,
        extended,
        len(names),
        tuple(
            SourcePart(part.name, part.merge, tuple(names[number] for number in part.numbers))
            for part in parts
        ),
    )


def named(paths: Iterable[Path], wanted: str, definition: CatalogParts, key: str) -> Path:
    """The one of ``paths`` with the base name of ``wanted``. Raises InputError."""
    name = naming.base(wanted.rstrip("/"))
    found = [path for path in paths if path.name == name]
    if len(found) == 1:
        return found[0]
    what = "is not among the files given" if not found else "is there more than once"
    raise definition.document.problem(f"{name} {what}", key)


def plan_catalogs(
    catalogs: Sequence[DividedCatalog], cuts: Sequence[Cut], evclass: str, options: PlanOptions
) -> list[Record]:
    """``catalog_component`` records: every catalogue on every binning component.

    Raises InputErrors when two catalogues would have files of one name, given or made.
    """
    problems = Problems()
    given: dict[str, Path] = {}
    made: dict[str, DividedCatalog] = {}
    for catalog in catalogs:
        for path in (catalog.catalog_path, catalog.extended_path, catalog.definition.document.path):
            if given.setdefault(path.name, path) != path:
                problems.found.append(
                    catalog.definition.document.problem(
                        f"{path} has the same base name as {given[path.name]}"
                    )
                )
        for part in catalog.filled:
            key = part_key(catalog, part)
            if made.setdefault(key, catalog) is not catalog:
                problems.found.append(
                    catalog.definition.document.problem(
                        f"{key} is also a part of {made[key].definition.document.path}",
                        "catalog_name",
                    )
                )
    problems.raise_any()
    return [
        catalog_record(catalog, cut, options)
        for catalog in catalogs
        for cut in cuts
        if cut.evclass.name == evclass and catalog.size
    ]


def part_key(catalog: DividedCatalog, part: SourcePart) -> str:
    """Key of a part, e.g. FL8Y_v00_faint."""
    definition = catalog.definition
    return naming.catalog_part_key(definition.file.catalog_name, definition.version, part.rule)


def catalog_record(catalog: DividedCatalog, cut: Cut, options: PlanOptions) -> Record:
    """The ``catalog_component`` record of a catalogue on a binning component."""
    component, definition = cut.binning, catalog.definition
    order = min(component.settings.hpx_order, options.hpx_order_ccube)
    n_planes, rates = len(component.edges), costs.RATES[options.engine]
    merged = [part for part in catalog.filled if part.merge]
    single = [part for part in catalog.filled if not part.merge]
    ranges = even_ranges(
        catalog.size, options.catalog_nsrc or default_sources(order, n_planes, rates)
    )
    largest = max(last - first for first, last in ranges)

    def maps(key: str) -> str:
        return cut.names.source_maps(key, cut.time_filter, component.key)

    def part_record(part: SourcePart) -> Record:
        key = part_key(catalog, part)
        composite = naming.catalog_part_name(definition.file.catalog_name, part.rule)
        return {
            "key": key,
            "rule": part.rule,
            "source_names": [composite] if part.merge else list(part.sources),
            "n_sources": len(part.sources),
            "source_maps": naming.base(maps(key if part.merge else catalog.key)),
            "sources": f"{naming.stem(maps(key))}_sources.json" if part.merge else None,
            "picture": f"{naming.stem(maps(key))}.png" if part.merge else None,
        }

    return {
        "key": f"{catalog.key}_{cut.job_key}",
        "catalog_key": catalog.key,
        "component": cut.job_key,
        "definition": definition.document.path.name,
        "catalog_file": catalog.catalog_path.name,
        "extended": catalog.extended_path.name,
        "batches": [
            {"key": f"{number:02d}", "first": first, "last": last}
            for number, (first, last) in enumerate(ranges)
        ],
        "merged_parts": [part_record(part) for part in merged],
        "single_parts": [part_record(part) for part in single],
        "gather": bool(single),
        "source_maps_stem": naming.stem(maps(catalog.key)),
        "source_maps": naming.base(maps(catalog.key)),
        **costs.catalog_maps(order, n_planes, largest, len(merged)).fields("maps"),
        **costs.catalog_sum(order, n_planes, len(ranges)).fields("sum"),
        "picture_plane": str(n_planes // 2),
        **costs.pictures(order, n_planes).fields("picture"),
    }


def default_sources(order: int, n_planes: int, rates: costs.Rates = costs.EMBEDDED) -> int:
    """Sources that make a job of about ``costs.JOB_S``."""
    return max(1, math.floor(costs.JOB_S / costs.catalog_source_s(order, n_planes, rates)))


def rule_lines(catalog: DividedCatalog) -> list[str]:
    """How many sources each rule takes, one line a rule."""
    width = max(len(part.rule) for part in catalog.parts)
    head = f"{catalog.key}: {catalog.size} sources of {catalog.catalog_path.name}"
    lines = [head]
    for part in catalog.parts:
        use = "merged" if part.merge else "single"
        lines.append(f"  {part.rule:{width}} {len(part.sources):6d} {use}")
    return lines


def divide_all(
    catalogs: Sequence[CatalogParts], files: Sequence[Path], directories: Sequence[Path]
) -> list[DividedCatalog]:
    """Divide the catalogues of a library whose files are known by base name. Raises InputErrors."""
    problems = Problems()

    def divide(parts: CatalogParts) -> DividedCatalog:
        return divide_catalog(
            parts,
            named(files, parts.catalog_path, parts, "catalog_file"),
            named(directories, parts.extended_path, parts, "catalog_extdir"),
        )

    found = [problems.collect(lambda c=parts: divide(c)) for parts in catalogs]
    problems.raise_any()
    return [catalog for catalog in found if catalog is not None]
