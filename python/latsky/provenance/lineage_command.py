"""``latsky lineage``: how a file came about, back to the event files."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from latsky.errors import InputError
from latsky.provenance.archive import opened
from latsky.provenance.bag import is_bag
from latsky.provenance.lineage import as_dot, as_json, as_text, lineage
from latsky.provenance.lineage_picture import draw


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky lineage``."""
    parser.add_argument("file", type=Path, help="a product, an intermediate file or an input")
    parser.add_argument(
        "--run",
        type=Path,
        help="directory of a run, or an archive [the directory of a run that holds FILE]",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--dot", action="store_true", help="print a graph for Graphviz")
    form.add_argument(
        "--picture", type=Path, metavar="FILE", help="draw the graph into an SVG, PNG or PDF file"
    )


def run(options: argparse.Namespace) -> int:
    """Print or draw the lineage of a file. Raises InputError for a file that is not of the run."""
    with opened(options.run or _run_of(options.file)) as data:
        start, nodes = lineage(data, options.file)
        if options.json:
            print(json.dumps(as_json(data, start, nodes), indent=1))
        elif options.dot:
            print("\n".join(as_dot(start, nodes)))
        elif options.picture:
            draw(start, nodes, options.picture)
            print(options.picture)
        else:
            print("\n".join(as_text(start, nodes)))
    return 0


def _run_of(file: Path) -> Path:
    for directory in file.resolve().parents:
        if (directory / "run.json").is_file() or is_bag(directory):
            return directory
    raise InputError("in no directory of a run; name one with --run", file=file)
