"""What the directories of models name and a run does not make: links to it, in the run.

Names in them are relative to the directory of the run. Counts, livetime, exposure and merged rings
are there; templates, archives of extended sources and spacecraft files are beside the analysis.
With links to those, fermipy and ``latsky-step fit-model`` open a directory where it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from latsky import naming
from latsky.config.analysis import Analysis
from latsky.plan import expand


def link_inputs(analysis: Analysis, directory: Path) -> None:
    """Link what models name below ``directory`` (of the run), and list the spacecraft files."""
    if analysis.library is None:
        return
    for name, target in _named(analysis, directory):
        place = directory / name
        if PurePosixPath(name).is_absolute() or name.startswith(("$", "~")):
            continue
        if place.is_symlink():
            place.unlink()
        if not place.exists() and target.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(os.path.relpath(target.absolute(), place.parent.resolve()))
    _list_spacecraft_files(analysis, directory)


def _list_spacecraft_files(analysis: Analysis, directory: Path) -> None:
    name = analysis.dataset.names().spacecraft_list()
    place = directory / name
    if place.resolve() == analysis.directories.resolve(name).resolve():
        return  # the run is in the directory of the analysis, whose list this is
    place.parent.mkdir(parents=True, exist_ok=True)
    files = [str(listed.path.absolute()) for listed in analysis.spacecraft_files]
    place.write_text("".join(f"{file}\n" for file in files), encoding="utf-8")


def _named(analysis: Analysis, directory: Path) -> Iterator[tuple[str, Path]]:
    """Names in source models, each with the file or directory that it stands for."""
    library, places = analysis.library, analysis.directories
    assert library is not None
    cuts = expand(analysis.dataset, analysis.binning, analysis.filters)
    for source in library.sources:
        for name in dict.fromkeys(source.file_name(cut.binning) for cut in cuts):
            if source.merged_ring:
                gasmaps = directory / analysis.file.merged_gasmap_dir
                yield name, gasmaps / naming.base(name)
            elif source.model_type != "IsoSource":
                yield name, places.resolve(name)
    for catalog in library.catalogs:
        yield catalog.extended_path, places.resolve(catalog.extended_path)
