"""``latsky-step assemble-model``: the source maps of a model, for one binning component."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from latsky import naming
from latsky.config.document import mapping, read_yaml
from latsky.embedded.parameters import expand_list
from latsky.errors import InputError
from latsky.models.assemble import assemble, source_files

HPX_ORDER = 7


def read_manifest(path: Path, component: str) -> dict[str, Any]:
    """The entry of a binning component (E3_PSF3) in a manifest. Raises InputError."""
    document = read_yaml(path)
    entries = mapping(document)
    if component not in entries:
        have = ", ".join(entries)
        raise InputError(f"no binning component of this name; known: {have}", path, component)
    entry = mapping(document, component)
    for key in ("ccube", "outsrcmap", "source_dict"):
        if key not in entry:
            raise document.problem("required, but not given", component, key)
    for name, source in mapping(document, component, "source_dict").items():
        for key in ("srcmap_file", "source_names"):
            if not isinstance(source, dict) or key not in source:
                raise document.problem(
                    "required, but not given", component, "source_dict", name, key
                )
    return entry


def locate(name: str, given: dict[str, Path], directory: Path) -> Path | None:
    """A file of a manifest: by base name among those given, else below ``directory``, or .gz."""
    for candidate in (name, f"{name}.gz"):
        if naming.base(candidate) in given:
            return given[naming.base(candidate)]
        if (directory / candidate).is_file():
            return directory / candidate
    return None


def assemble_model(
    manifest: Path,
    component: str,
    hpx_order: int,
    files: Sequence[Path] = (),
    directory: Path = Path(),
    counts_cube: Path | None = None,
    output: Path | None = None,
    *,
    clobber: bool = True,
) -> tuple[Path, int]:
    """Assemble a binning component of a model; the file written and its number of maps.

    ``files`` are known by base name; others are looked for below ``directory``, which the names of
    the manifest are relative to. Raises InputErrors.
    """
    entry = read_manifest(manifest, component)
    given: dict[str, Path] = {}
    for path in files:
        if given.setdefault(path.name, path) != path:
            raise InputError(f"{given[path.name]} has the same base name", path, "files")
    counts = counts_cube or locate(entry["ccube"], given, directory)
    if counts is None:
        raise InputError(f"no such file: {entry['ccube']}", manifest, f"{component}.ccube")
    sources = source_files(entry, lambda name: locate(name, given, directory), manifest, component)
    made = output or directory / entry["outsrcmap"]
    made.parent.mkdir(parents=True, exist_ok=True)
    return made, assemble(counts, sources, made, hpx_order, clobber=clobber)


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and assemble."""
    parser = argparse.ArgumentParser(prog="latsky-step assemble-model", description=__doc__)
    add = parser.add_argument
    add("--manifest", type=Path, required=True, help="srcmap_manifest_<model>.yaml")
    add("--component", required=True, help="binning component, e.g. E3_PSF3")
    add("--hpx-order", type=int, default=HPX_ORDER, help="largest HEALPix order [7]")
    add("--counts-cube", type=Path, help="counts cube [the manifest's]")
    add("--directory", type=Path, default=Path(), help="where names of the manifest begin [.]")
    add("--output", "-o", type=Path, help="file to write [the manifest's]")
    add("--no-clobber", action="store_true", help="keep an existing output file")
    add("files", nargs="*", help="source-map files, known by base name, or @list")
    options = parser.parse_args(arguments)
    output, count = assemble_model(
        options.manifest,
        options.component,
        options.hpx_order,
        [path for name in options.files for path in expand_list(name, "files")],
        options.directory,
        options.counts_cube,
        options.output,
        clobber=not options.no_clobber,
    )
    print(f"{output.name}: {count} source maps")
    return 0
