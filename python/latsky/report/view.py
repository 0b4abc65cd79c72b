"""``latsky view FILE``: a plane of a sky product as a picture."""

from __future__ import annotations

import argparse
from pathlib import Path

PROJECTIONS = ("mollweide", "hammer", "cartesian", "zoom")


def register(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("file", type=Path, help="counts, exposure, livetime, template, source map")
    parser.add_argument("--output", "-o", type=Path, help="PNG to write [FILE_PLANE.png]")
    parser.add_argument(
        "--hdu", "-e", metavar="NAME", help="HDU of the map, for example a source [the first map]"
    )
    parser.add_argument(
        "--plane",
        "-p",
        metavar="N|sum",
        help="plane from 0, or sum [counts, livetime: sum; else 0]",
    )
    parser.add_argument("--projection", choices=PROJECTIONS, help="[mollweide; zoom with --center]")
    parser.add_argument(
        "--center", nargs=2, type=float, metavar=("LON", "LAT"), help="middle (deg) [0 0]"
    )
    parser.add_argument("--width", type=float, help="width of a zoom (deg) [30]")
    parser.add_argument("--height", type=float, help="height of a zoom (deg) [its width]")
    parser.add_argument("--zscale", choices=("log", "sqrt", "lin"), default="log", help="[log]")
    parser.add_argument("--zmin", type=float, help="least value shown [of the data]")
    parser.add_argument("--zmax", type=float, help="greatest value shown [of the data]")
    parser.add_argument("--cbar", metavar="NAME", help="matplotlib colour map [inferno, viridis]")
    parser.add_argument("--title", help="title [from the header]")
    parser.add_argument("--pixels", type=int, default=1400, help="elements across the map [1400]")


def run(options: argparse.Namespace) -> int:
    """Plot, and print the name of the picture."""
    from latsky.errors import InputError
    from latsky.report.projection import View
    from latsky.report.skyplot import Style, plot_file

    if not 50 <= options.pixels <= 10000:
        raise InputError(f"{options.pixels} is not within 50 to 10000", key="pixels")
    view = None
    if options.projection or options.center or options.width:
        longitude, latitude = options.center or (0.0, 0.0)
        projection = options.projection or ("zoom" if options.center or options.width else "")
        width = options.width or 30.0
        height = options.height or width
        if not (0 < width <= 360 and 0 < height <= 180 and abs(latitude) <= 90):
            raise InputError("a part of the sky is at most 360 by 180 deg", key="width")
        view = View(projection, longitude, latitude, width, height)
    style = Style(
        options.zscale, options.zmin, options.zmax, options.cbar, options.title, options.pixels
    )
    output = options.output or Path(_default_name(options))
    plot_file(options.file, output, hdu=options.hdu, plane=options.plane, view=view, style=style)
    print(output)
    return 0


def _default_name(options: argparse.Namespace) -> str:
    name = options.file.name.removesuffix(".gz").removesuffix(".fits").removesuffix(".fit")
    parts = [name, options.hdu, options.plane]
    return "_".join(part for part in parts if part) + ".png"
