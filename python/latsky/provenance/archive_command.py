"""``latsky archive``: pack a run into one file from which it can be run again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from latsky.errors import InputError
from latsky.provenance.archive import PARTS, pack
from latsky.provenance.closure import load
from latsky.provenance.crate_command import add_agent_options, chosen_agent
from latsky.provenance.run_data import read_data
from latsky.provenance.run_record import package_hash


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky archive``."""
    parser.add_argument("run", type=Path, help="directory of a run")
    parser.add_argument("-o", "--output", type=Path, help="zip file [beside the run, as the run]")
    parser.add_argument(
        "--with",
        dest="parts",
        default="",
        metavar="PARTS",
        help=f"data to include, some of {','.join(PARTS)} [none: by hash only]",
    )
    parser.add_argument(
        "--urls",
        type=Path,
        metavar="FILE",
        help="YAML file: name or SHA-256 of an input to the address where it can be had",
    )
    parser.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="directory of the image files of the run [the cache of latsky images]",
    )
    add_agent_options(parser)


def run(options: argparse.Namespace) -> int:
    """Pack a run; prints the file and its size."""
    parts = [part for part in options.parts.split(",") if part]
    for part in parts:
        if part not in PARTS:
            raise InputError(f"should be some of {','.join(PARTS)}", key=f"--with {part}")
    data = read_data(options.run)
    output = options.output or data.directory.with_name(f"{data.directory.name}.zip")
    urls = load(options.urls) if options.urls else {}
    if not isinstance(urls, dict):
        raise InputError("should be a mapping of names to addresses", file=options.urls)
    pack(
        data,
        output,
        parts,
        urls={str(key): str(value) for key, value in urls.items()},
        images=options.images,
        agent=chosen_agent(options, data.run["agent"]),
        license_text=options.license,
    )
    if data.run["suite"]["sha256"] != package_hash():
        print(
            "latsky archive: warning: the code of latsky is another than in the run; "
            "software/ in the archive has that of today",
            file=sys.stderr,
        )
    print(f"{output}: {output.stat().st_size} bytes")
    return 0
