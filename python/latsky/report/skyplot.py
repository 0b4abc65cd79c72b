"""Plots of sky products as PNG, the same bytes for the same input."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from latsky.errors import InputError
from latsky.report.product import SkyPlane, open_plane
from latsky.report.projection import View

SCALES = ("log", "sqrt", "lin")
COLOURS = {"exposure": "viridis", "livetime": "viridis"}
NAMES = {"GAL": ("l", "b"), "CEL": ("RA", "Dec")}


@dataclass(frozen=True)
class Style:
    """How values become colours; None is chosen from the data."""

    scale: str = "log"
    minimum: float | None = None
    maximum: float | None = None
    colours: str | None = None
    title: str | None = None
    pixels: int = 1400
    """picture elements across the map"""
    size: float = 1.0
    """of the map, letters not included: smaller pictures have relatively larger letters"""


def limits(values: np.ndarray, style: Style) -> tuple[float, float]:
    """Least and greatest value shown.

    By default all of them; a logarithmic scale leaves out what is not positive, and everything
    below 1e-6 of the maximum. Raises InputError for limits that leave nothing.
    """
    finite = values[np.isfinite(values)]
    if style.scale == "log":
        finite = finite[finite > 0]
    greatest = float(finite.max()) if finite.size else 1.0
    least = float(finite.min()) if finite.size else (0.1 if style.scale == "log" else 0.0)
    if style.scale == "log":
        # a little below, so that the least value does not look like none
        least = max(least, 1e-6 * greatest) / (2 if greatest / least > 30 else 1)
    if style.scale == "sqrt":
        least = max(least, 0.0)
    low = least if style.minimum is None else style.minimum
    high = greatest if style.maximum is None else style.maximum
    if style.minimum is None and style.maximum is None and not low < high:
        # one value everywhere
        low, high = (low / 2, high * 2) if style.scale == "log" else (low - 0.5, high + 0.5)
        low = max(low, 0.0) if style.scale == "sqrt" else low
    if style.scale == "log" and low <= 0:
        raise InputError(f"{low:g}: a logarithmic scale begins above 0", key="zmin")
    if style.scale == "sqrt" and low < 0:
        raise InputError(f"{low:g}: a square root scale begins at 0 or above", key="zmin")
    if not low < high:
        raise InputError(f"nothing to show between {low:g} and {high:g}", key="zmax")
    return low, high


def plot_file(
    path: Path,
    output: Path,
    *,
    hdu: str | None = None,
    plane: str | None = None,
    view: View | None = None,
    style: Style = Style(),
) -> SkyPlane:
    """Plot a plane of a product. Raises InputError when the file or the plane is unsuitable."""
    from latsky.report.projection import WHOLE_SKY

    if style.scale not in SCALES:
        raise InputError(f"{style.scale!r} is none of {', '.join(SCALES)}", key="zscale")
    if not output.parent.is_dir():
        raise InputError("no such directory", file=output.parent, key="output")
    whole = view is None or view.projection in WHOLE_SKY
    # a whole sky across 1400 elements cannot show pixels below 0.23 deg
    sky = open_plane(path, hdu, plane, finest=_finest(style.pixels) if whole else 1 << 30)
    if view is None:
        view = View() if sky.footprint is None else View("zoom", *sky.footprint)
    plot(sky, output, view, style)
    return sky


def _finest(pixels: int) -> int:
    return 1 << max(0, round(np.log2(pixels / 5.5)))


def plot(sky: SkyPlane, output: Path, view: View, style: Style) -> None:
    """Draw a plane and write the PNG."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    low, high = limits(sky.values, style)
    picture = sky.lookup(*view.directions(style.pixels))
    if style.scale != "lin":
        # not positive: the darkest colour, which is not the same as no data
        picture = np.where(picture <= low, low, picture)
    half_x, half_y = view.extent
    whole = view.projection in ("mollweide", "hammer")
    with rc_context({"font.family": "DejaVu Sans", "font.size": 10, "savefig.dpi": "figure"}):
        figure, axes, bar, top = _layout(Figure, view, half_y / half_x, style.size)
        FigureCanvasAgg(figure)
        image = axes.imshow(
            picture,
            origin="lower",
            extent=(-half_x, half_x, -half_y, half_y),
            cmap=_colour_map(style.colours or COLOURS.get(sky.kind, "inferno"), whole),
            norm=_norm(style.scale, low, high),
            interpolation="nearest",
            aspect="equal",
        )
        if whole:
            _oval(axes, view)
            frame = "Galactic" if sky.coordsys == "GAL" else "Equatorial (J2000)"
            figure.text(0.95, 1.05 / top, frame, ha="right", fontsize=9, color="0.35")
        else:
            _frame(axes, view, sky.coordsys, style.pixels)
        over = float(np.nanmax(sky.values, initial=low)) > high * (1 + 1e-9)
        colour_bar = figure.colorbar(
            image, cax=bar, orientation="horizontal", extend="max" if over else "neither"
        )
        _bar_ticks(colour_bar, style.scale, low, high)
        colour_bar.set_label(sky.unit, fontsize=10)
        colour_bar.outline.set_linewidth(0.5)
        heading = style.title if style.title is not None else sky.title
        figure.text(0.5, 1 - 0.3 / top, heading, ha="center", va="center", fontsize=14)
        if sky.subtitle and style.title is None:
            text = {"ha": "center", "va": "center", "fontsize": 9, "color": "0.35"}
            figure.text(0.5, 1 - 0.58 / top, sky.subtitle, **text)
        _save(figure, output)


def _layout(
    figure_class: Any, view: View, ratio: float, size: float
) -> tuple[Any, Any, Any, float]:
    """Figure, axes of the map, axes of the colour bar, and the height in inches."""
    wide, map_wide, left, below = {
        "zoom": (8.0, 6.4, 0.96, 1.3),
        "cartesian": (10.5, 9.2, 0.85, 1.3),
    }.get(view.projection, (10.5, 9.45, 0.525, 1.0))
    wide, map_wide = wide - (1 - size) * map_wide, size * map_wide
    map_high = map_wide * ratio
    high = map_high + below + 0.85
    figure = figure_class(figsize=(wide, high), dpi=150, facecolor="white")
    axes = figure.add_axes((left / wide, below / high, map_wide / wide, map_high / high))
    bar = figure.add_axes((0.24, 0.58 / high, 0.52, 0.15 / high))
    return figure, axes, bar, high


def _colour_map(name: str, whole: bool) -> Any:
    from matplotlib import colormaps

    if name not in colormaps:
        raise InputError(f"no colour map {name!r}", key="cbar")
    return colormaps[name].with_extremes(bad="white" if whole else "0.85")


def _norm(scale: str, low: float, high: float) -> Any:
    from matplotlib.colors import LogNorm, Normalize, PowerNorm

    if scale == "log":
        return LogNorm(low, high)
    return PowerNorm(0.5, low, high) if scale == "sqrt" else Normalize(low, high)


def _bar_ticks(colour_bar: Any, scale: str, low: float, high: float) -> None:
    from matplotlib.ticker import FuncFormatter, ScalarFormatter

    axis = colour_bar.ax.xaxis
    if scale == "log" and high / low < 30:
        # less than one and a half decades: round numbers instead of powers of ten
        parts = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if high / low < 4 else (1, 1.5, 2, 3, 5, 7)
        decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.log10(high) + 1)
        ticks = [m * d for d in decades for m in parts if low <= m * d <= high]
        colour_bar.set_ticks(ticks, labels=[_number(t) for t in ticks])
        colour_bar.ax.minorticks_off()
    elif scale == "sqrt":
        ticks = _spaced(low, high)
        colour_bar.set_ticks(ticks, labels=[_number(t) for t in ticks])
    elif scale == "lin":
        formatter = ScalarFormatter(useMathText=True)
        formatter.set_powerlimits((-3, 4))
        axis.set_major_formatter(formatter)
    else:
        axis.set_minor_formatter(FuncFormatter(lambda *_: ""))
    colour_bar.ax.tick_params(labelsize=9)


def _spaced(low: float, high: float) -> list[float]:
    """Round numbers at least a tenth of a square root scale apart."""
    top = int(np.floor(np.log10(high)))
    wanted = [0.0, *(m * 10.0**d for d in range(top - 3, top + 1) for m in (1, 2, 5))]
    kept: list[float] = []
    for value in wanted:
        gap = np.sqrt(value) - np.sqrt(kept[-1]) if kept else np.inf
        if low <= value <= high and gap >= 0.1 * (np.sqrt(high) - np.sqrt(low)):
            kept.append(value)
    return kept


def _number(value: float) -> str:
    if value == 0 or 1e-2 <= abs(value) < 1e4:
        return f"{value:.4g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    mantissa = mantissa.removesuffix(".0")
    power = f"10$^{{{int(exponent)}}}$"
    return power if mantissa == "1" else f"{mantissa} × {power}"


def _oval(axes: Any, view: View) -> None:
    """Outline, graticule and longitudes of a projection of the whole sky in an oval."""
    from matplotlib.patheffects import withStroke

    axes.axis("off")
    line = {"color": "white", "linewidth": 0.5, "alpha": 0.35}
    lat = np.linspace(-np.pi / 2, np.pi / 2, 181)
    for offset in range(-120, 180, 60):
        x, y = view.forward_offset(np.full(181, np.radians(offset)), lat)
        axes.plot(-x, y, **line)
    lon = np.linspace(-np.pi, np.pi, 361)
    for degrees in (-60, -30, 0, 30, 60):
        x, y = view.forward_offset(lon, np.full(361, np.radians(degrees)))
        axes.plot(-x, y, **line)
        edge = x.max()
        axes.annotate(
            f"{degrees:+d}°" if degrees else "0°",
            (-edge, y[0]),
            (-4, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8,
            color="0.3",
        )
    for side in (-np.pi, np.pi):
        x, y = view.forward_offset(np.full(181, side), lat)
        axes.plot(-x, y, color="0.2", linewidth=0.9)
    for offset in (-120, -60, 0, 60, 120):
        x, y = view.forward_offset(np.radians([offset]), np.zeros(1))
        axes.annotate(
            f"{(offset + view.longitude) % 360:g}°",
            (-x[0], y[0]),
            (2, -3),
            textcoords="offset points",
            ha="left",
            va="top",
            fontsize=7.5,
            color="white",
            path_effects=[withStroke(linewidth=1.6, foreground="0.15")],
        )
    axes.set_xlim(-view.extent[0] * 1.012, view.extent[0] * 1.012)
    axes.set_ylim(-view.extent[1] * 1.012, view.extent[1] * 1.012)


def _frame(axes: Any, view: View, coordsys: str, pixels: int) -> None:
    """Ticks where meridians and parallels meet the lower and left edge, and a graticule."""
    lon, lat = view.directions(min(pixels, 400))
    centre = view.longitude
    lon = (lon - centre + 180) % 360 - 180 + centre
    half_x, half_y = view.extent
    x = np.linspace(-half_x, half_x, lon.shape[1])
    y = np.linspace(-half_y, half_y, lon.shape[0])
    names = NAMES[coordsys]
    for values, edge, along, axis, name in (
        (lon, lon[0], x, axes.xaxis, names[0]),
        (lat, lat[:, 0], y, axes.yaxis, names[1]),
    ):
        edge, along = _monotonic(edge, along)
        span = float(np.nanmax(edge) - np.nanmin(edge))
        step = _step(span)
        marks = np.arange(np.ceil(np.nanmin(edge) / step), np.nanmax(edge) / step + 1e-9) * step
        order = np.argsort(edge)
        at = np.interp(marks, edge[order], along[order])
        if name in ("l", "RA"):
            labels = [f"{mark % 360:g}°" for mark in marks]
        else:
            labels = [f"{mark:g}°" for mark in marks]
        axis.set_ticks(at, labels=labels)
        levels = np.arange(np.floor(np.nanmin(values) / step), np.nanmax(values) / step + 1) * step
        # no line where longitude jumps by a turn
        jump = np.zeros(values.shape, bool)
        jump[:, 1:] |= np.abs(np.diff(values, axis=1)) > 180
        jump[1:] |= np.abs(np.diff(values, axis=0)) > 180
        jump[:, :-1] |= jump[:, 1:]
        jump[:-1] |= jump[1:]
        shown = np.ma.masked_where(np.isnan(values) | jump | (np.abs(lat) > 89.5), values)
        axes.contour(
            x,
            y,
            shown,
            levels=levels,
            colors="white",
            linewidths=0.5,
            alpha=0.35,
            linestyles="solid",
        )
    axes.set_xlabel(f"{names[0]} (deg)", labelpad=2)
    axes.set_ylabel(f"{names[1]} (deg)")
    axes.tick_params(direction="out", length=3, labelsize=9)


def _monotonic(edge: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The longest stretch of an edge on which a coordinate only rises or only falls."""
    turns = np.flatnonzero(np.diff(np.sign(np.diff(edge)))) + 1
    bounds = [0, *turns.tolist(), len(edge) - 1]
    start, stop = max(pairwise(bounds), key=lambda pair: pair[1] - pair[0])
    return edge[start : stop + 1], along[start : stop + 1]


def _step(span: float) -> float:
    for step in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0):
        if span / step <= 7:
            return step
    return 60.0


def _save(figure: Any, output: Path) -> None:
    """Write under a temporary name, without date or software in the file."""
    temporary = output.with_name(f".{output.name}.part")
    try:
        figure.savefig(temporary, format="png", metadata={"Software": None})
        temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)
