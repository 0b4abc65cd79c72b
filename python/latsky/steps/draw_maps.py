"""``latsky-step draw-maps``: a picture of a plane of each of several sky products."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from latsky.errors import InputError


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and plot."""
    parser = argparse.ArgumentParser(prog="latsky-step draw-maps", description=__doc__)
    parser.add_argument("--map", type=Path, nargs="+", required=True, help="sky products")
    parser.add_argument("--hdu", nargs="+", required=True, help="HDU of each")
    parser.add_argument("--plane", nargs="+", required=True, help="plane of each, from 0, or sum")
    parser.add_argument("--output", type=Path, nargs="+", required=True, help="PNG of each")
    options = parser.parse_args(arguments)
    lists = (options.map, options.hdu, options.plane, options.output)
    if len(set(map(len, lists))) > 1:
        raise InputError("as many HDUs, planes and outputs are needed as maps", key="--map")
    from latsky.report.skyplot import plot_file

    for path, hdu, plane, output in zip(*lists, strict=True):
        plot_file(path, output, hdu=hdu, plane=plane)
    return 0
