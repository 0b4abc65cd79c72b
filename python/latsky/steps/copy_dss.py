"""``latsky-step copy-dss``: give a file the data subspace keywords of another."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from latsky.errors import InputError
from latsky.fits import dss
from latsky.fits.core import FitsFile, FitsWriter, Header


def copy_dss(path: Path, source: Path, output: Path, *, clobber: bool = True) -> int:
    """Write a copy of ``path`` with the DSS keywords of ``source``; how many cuts there are.

    They go to the primary header and to every HDU that has such keywords already; those of
    ``source`` come from its primary header, else from the first HDU that has any.
    """
    with FitsFile(source) as file:
        stated = next((h for h in file.headers if int(h.get("NDSKEYS") or 0) > 0), None)
    if stated is None:
        raise InputError("no DSS keywords", file=source, key="NDSKEYS")
    # understood before anything is written
    cuts = dss.read(stated, source)
    with FitsFile(path) as file, FitsWriter(output, clobber=clobber) as writer:
        for number, own in enumerate(file.headers):
            header: Header = own.copy()
            if number == 0 or "NDSKEYS" in header:
                dss.write(header, cuts)
            if number == 0:
                header.append("HISTORY", f"DSS keywords of {source.name}")
            writer.copy(file, number, header)
    return len(cuts)


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and copy."""
    parser = argparse.ArgumentParser(prog="latsky-step copy-dss", description=__doc__)
    parser.add_argument("--output", "-o", type=Path, required=True, help="file to write")
    parser.add_argument("--source", type=Path, required=True, help="file whose cuts are copied")
    parser.add_argument("--no-clobber", action="store_true", help="keep an existing output file")
    parser.add_argument("file", type=Path, help="file to copy")
    options = parser.parse_args(arguments)
    count = copy_dss(options.file, options.source, options.output, clobber=not options.no_clobber)
    print(f"{options.output.name}: {count} cuts of {options.source.name}")
    return 0
