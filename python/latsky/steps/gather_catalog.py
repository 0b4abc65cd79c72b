"""``latsky-step gather-catalog``: single source maps of all batches in one file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from latsky.catalog.batches import Batch, complete
from latsky.steps.source_maps_catalog import check_names


def gather(batches: Sequence[Batch], output: Path, *, clobber: bool = True) -> list[str]:
    """Copy the HDUs of the sources that are kept single, in the catalogue's order; their names.

    Raises InputErrors for names that cannot stand in one file.
    """
    from latsky.fits.core import FitsFile, FitsWriter
    from latsky.fits.hpx import copy_table

    names = [entry.name for batch in batches for entry in batch.entries if not entry.merged]
    check_names(names, output)
    with FitsFile(batches[0].path) as file:
        header = file.header(0).without_structure()
    header.set("FILENAME", output.name)
    with FitsWriter(output, clobber=clobber) as writer:
        writer.primary(header)
        for number, batch in enumerate(batches):
            with FitsFile(batch.path) as file:
                if number == 0:
                    copy_table(writer, file.table("EBOUNDS"))
                    if "GTI" in file:
                        copy_table(writer, file.table("GTI"))
                for entry in batch.entries:
                    if not entry.merged:
                        copy_table(writer, file.table(entry.name))
    return names


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and gather."""
    parser = argparse.ArgumentParser(prog="latsky-step gather-catalog", description=__doc__)
    add = parser.add_argument
    add("batches", nargs="+", type=Path, help="files of source-maps-catalog, all batches")
    add("--output", "-o", type=Path, required=True, help="source-map file to write")
    add("--no-clobber", action="store_true", help="keep an existing output file")
    options = parser.parse_args(arguments)
    names = gather(complete(options.batches), options.output, clobber=not options.no_clobber)
    print(f"{options.output.name}: {len(names)} sources")
    return 0
