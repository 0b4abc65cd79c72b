"""Checks of the catalogues that the library divides into parts."""

from __future__ import annotations

from latsky.config.analysis import Analysis
from latsky.config.catalog_parts import CatalogCut, CatalogParts
from latsky.errors import InputError, Problems
from latsky.fits.core import FitsFile
from latsky.plan import Cut

SOURCE_TABLE = "LAT_Point_Source_Catalog"
EXTENDED_COLUMNS = ("Extended_Source_Name", "Extended")


def check_catalogs(
    analysis: Analysis, _cuts: list[Cut]
) -> tuple[list[InputError], list[InputError]]:
    """Problems: files, columns and templates that do not exist, sources that two rules take."""
    problems = Problems()
    for catalog in analysis.library.catalogs if analysis.library else ():
        problems.collect(lambda c=catalog: _check(analysis, c, problems))
    return problems.found, []


def _check(analysis: Analysis, catalog: CatalogParts, problems: Problems) -> None:
    document, before = catalog.document, len(problems.found)
    places = analysis.directories
    directory = places.resolve(catalog.extended_path)
    if not directory.is_dir():
        problems.found.append(document.problem(f"no such directory: {directory}", "catalog_extdir"))
    path = places.resolve(catalog.catalog_path)
    if not path.is_file():
        problems.found.append(document.problem(f"no such file: {path}", "catalog_file"))
        return
    with FitsFile(path) as file:
        table = file.empty_table(SOURCE_TABLE if SOURCE_TABLE in file else 1)
    names = {name.upper() for name in table.names}
    if "SOURCE_NAME" not in names:
        problems.found.append(document.problem(f"{path} has no column Source_Name", "catalog_file"))
    for rule, value in catalog.file.rules_dict.items():
        for number, cut in enumerate(value.cuts):
            if isinstance(cut, CatalogCut):
                wanted: tuple[str, ...] = (cut.cut_var,)
            else:
                wanted = EXTENDED_COLUMNS
            if not any(name.upper() in names for name in wanted):
                problems.found.append(
                    document.problem(
                        f"{path} has no column {' or '.join(wanted)}",
                        *("rules_dict", rule, "cuts", number),
                    )
                )
    if len(problems.found) == before:
        # reads the sources: a template that is missing, a source that two rules take
        from latsky.steps.source_maps_catalog import read_parts

        problems.collect(lambda: read_parts(document.path, path, directory))
