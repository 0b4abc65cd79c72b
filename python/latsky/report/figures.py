"""Figures of a report: sky maps (PNG), spectra, factors and correlations (SVG).

Equal input gives equal bytes: no dates, fixed identifiers.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latsky.fit.results import ComponentResult, ParameterResult, Results
from latsky.fits.hpx import HpxGeometry
from latsky.fits.source_model import Source
from latsky.report.product import SkyPlane
from latsky.report.projection import View
from latsky.report.skyplot import COLOURS as COLOUR_MAPS
from latsky.report.skyplot import Style, plot

# Okabe and Ito's colours, which people with colour-deficient sight tell apart
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
SIGMAS_SHOWN = 5.0
MAP_SIZE, MAP_PIXELS = 0.55, 800
"""of maps: readable three in a row and on a phone"""
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "svg.hashsalt": "latsky",
    "svg.fonttype": "path",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def sky_plane(
    values: np.ndarray, geometry: HpxGeometry, title: str, subtitle: str, unit: str
) -> SkyPlane:
    """A map (npix,) as the plots want it."""

    def lookup(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        pixels = geometry.pixels(longitude, latitude)
        return np.where(pixels >= 0, values[pixels], np.nan)

    return SkyPlane("counts", lookup, values, geometry.coordsys, title, subtitle, unit)


def sky_map(plane: SkyPlane, style: Style, path: Path) -> bytes:
    """Draw a whole-sky map into a PNG; its bytes, with the palette of its colours."""
    from PIL import Image

    plot(plane, path, View(), style)
    with Image.open(path) as image:
        colours = np.asarray(image.convert("RGB"))
    palette = _palette(style.colours or COLOUR_MAPS.get(plane.kind, "inferno"))
    small = Image.fromarray(_nearest(colours, palette), "P")
    small.putpalette(palette.ravel().tolist())
    stream = io.BytesIO()
    small.save(stream, "PNG", optimize=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(stream.getvalue())
    temporary.replace(path)
    return stream.getvalue()


def _palette(name: str) -> np.ndarray:
    """A colour map in 192 steps and 64 greys, (256, 3) of 0 to 255.

    A palette chosen from the picture would lose the ends of the colour map.
    """
    from matplotlib import colormaps

    colours = colormaps[name](np.linspace(0, 1, 192))[:, :3]
    greys = np.repeat(np.linspace(0, 1, 64)[:, None], 3, axis=1)
    return (np.concatenate([colours, greys]) * 255).round().astype("u1")


def _nearest(colours: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Number of the nearest colour of a palette for every pixel (rows, columns, 3)."""
    wide = colours.astype("u4")
    codes, where = np.unique(
        wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2], return_inverse=True
    )
    distinct = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1).astype("f4")
    # |a - b|² = |a|² - 2 a·b + |b|², and |a|² is the same for all b
    table = palette.astype("f4")
    best = ((table**2).sum(axis=1) - 2 * distinct @ table.T).argmin(axis=1)
    return best[where].reshape(colours.shape[:2]).astype("u1")


def counts_style(*maps: np.ndarray) -> Style:
    """One scale for counts and model: from the model's least value to the greatest of both."""
    positive = [values[values > 0] for values in maps]
    high = max((float(values.max()) for values in positive if values.size), default=1.0)
    model = positive[-1]
    low = float(np.quantile(model, 0.001)) if model.size else 0.1
    low = max(min(low, high / 3), high * 1e-5)
    return Style("log", low, high, size=MAP_SIZE, pixels=MAP_PIXELS)


def residual_style() -> Style:
    """The scale of residuals in standard deviations."""
    return Style("lin", -SIGMAS_SHOWN, SIGMAS_SHOWN, "RdBu_r", size=MAP_SIZE, pixels=MAP_PIXELS)


def plain_style(scale: str) -> Style:
    """A scale from the data."""
    return Style(scale, size=MAP_SIZE, pixels=MAP_PIXELS)


def source_group(name: str) -> str:
    """Sources that a figure draws as one: rings of a merged component, single sources."""
    ring = re.fullmatch(r"(.+)_\d+", name)
    if ring:
        return ring[1]
    return f"{name.split()[0]} sources" if " " in name else name


def spectra(results: Results) -> str:
    """Counts against energy with the model and its largest parts, and the residual (SVG)."""
    from matplotlib.lines import Line2D

    bands = _bands(results.components)
    totals: dict[str, float] = {}
    for band in bands:
        for name, values in band[3].items():
            totals[name] = totals.get(name, 0.0) + float(values.sum())
    shown = sorted(totals, key=lambda name: (-totals[name], name))[: len(COLOURS)]
    if len(totals) > len(shown):
        shown = shown[:-1]
    figure, (top, low) = _figure(8.2, 6.0, 2, sharex=True, ratios=(3, 1))
    top.set_xscale("log")
    top.set_yscale("log")
    least, reach = np.inf, 0.1
    for edges, observed, predicted, parts in bands:
        width = np.log(edges[1:] / edges[:-1])
        centre = np.sqrt(edges[1:] * edges[:-1])
        error = np.sqrt(np.maximum(observed, 1.0))
        seen = observed > 0
        top.errorbar(
            centre[seen],
            (observed / width)[seen],
            (error / width)[seen],
            fmt="o",
            color="black",
            markersize=3.5,
            linewidth=1,
            zorder=5,
        )
        top.stairs(predicted / width, edges, color="black", linewidth=1.4, baseline=None)
        least = min(least, float((np.maximum(observed, 1.0) / width)[seen].min(initial=np.inf)))
        drawn = {name: parts.get(name) for name in shown}
        rest = sum((v for name, v in parts.items() if name not in shown), np.zeros(len(width)))
        for number, name in enumerate(shown):
            if drawn[name] is not None:
                top.stairs(
                    drawn[name] / width, edges, color=COLOURS[number], linewidth=1.3, baseline=None
                )
        if len(totals) > len(shown):
            top.stairs(
                rest / width, edges, color="0.55", linewidth=1.3, linestyle="--", baseline=None
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(predicted > 0, observed / predicted - 1, np.nan)
            spread = np.where(predicted > 0, np.sqrt(predicted) / predicted, np.nan)
        reach = min(0.5, max([reach, *(1.5 * np.abs(ratio[spread < 0.3]))]))
        low.errorbar(centre, ratio, spread, fmt="o", color="black", markersize=3.5, linewidth=1)
    low.axhline(0, color="0.5", linewidth=0.8)
    low.set_ylim(-reach, reach)
    low.set_ylabel("data / model − 1")
    low.set_xlabel("energy (MeV)")
    top.set_ylabel("counts per unit of ln E")
    if np.isfinite(least):
        top.set_ylim(bottom=least / 10)
    handles = [
        Line2D([], [], color="black", marker="o", markersize=3.5, linestyle="", label="data"),
        Line2D([], [], color="black", label="model"),
        *(Line2D([], [], color=COLOURS[number], label=name) for number, name in enumerate(shown)),
    ]
    if len(totals) > len(shown):
        handles.append(Line2D([], [], color="0.55", linestyle="--", label="all others"))
    top.legend(handles=handles, fontsize=8, ncols=2, frameon=False)
    return _svg(figure)


Band = tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]


def _bands(components: Sequence[ComponentResult]) -> list[Band]:
    """Edges, observed, predicted and counts of source groups: event types of a range added up."""
    bands: dict[tuple[float, ...], Band] = {}
    for component in components:
        edges = np.array(component.energy_edges_MeV)
        key = tuple(np.round(np.log(edges), 6))
        zero = np.zeros(len(edges) - 1)
        _, observed, predicted, parts = bands.get(key, (edges, zero, zero, {}))
        merged = dict(parts)
        for name, values in component.npred.items():
            group = source_group(name)
            merged[group] = merged.get(group, zero) + np.array(values)
        bands[key] = (
            edges,
            observed + np.array(component.observed),
            predicted + np.array(component.predicted),
            merged,
        )
    return [bands[key] for key in sorted(bands)]


def factors(parameters: Sequence[ParameterResult]) -> str:
    """Fitted parameters that begin at one, with their errors (SVG)."""
    high = 0.9 + 0.24 * len(parameters)
    figure, (axes,) = _figure(8.2, high, 1)
    for number, parameter in enumerate(parameters):
        place = len(parameters) - 1 - number
        colour = COLOURS[1] if parameter.at_limit else COLOURS[0]
        axes.errorbar(
            parameter.value,
            place,
            xerr=parameter.error,
            fmt="s" if parameter.at_limit else "o",
            color=colour,
            markersize=4,
            linewidth=1.3,
        )
    axes.axvline(1, color="0.5", linewidth=0.8)
    names = [f"{p.source}  {p.name}" for p in reversed(parameters)]
    axes.set_yticks(range(len(names)), labels=names, fontsize=8)
    axes.set_ylim(-0.7, len(names) - 0.3)
    spread = [abs(p.value - 1) + p.error for p in parameters if not p.at_limit]
    reach = min(max([*np.quantile(spread, [0.9]), 0.1]) * 1.3, 5.0) if spread else 1.0
    axes.set_xlim(max(1 - reach, -0.5), 1 + reach)
    axes.set_xlabel("fitted factor")
    axes.grid(axis="x", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    return _svg(figure)


@dataclass(frozen=True)
class Correction:
    """A fitted spectrum that multiplies a template: factor against energy."""

    source: str
    energies: np.ndarray
    """MeV"""
    factor: np.ndarray
    error: np.ndarray
    nodes: np.ndarray
    """energies of a piecewise power law, MeV; of others none"""


def correction(source: Source, results: Results, emin: float, emax: float) -> Correction | None:
    """How a fitted spectrum changes a template with energy, with its error from the covariance.

    None for spectra that are fixed or only scale, and for those of single point sources.
    """
    from latsky.fits.source_model import spectral_form

    free = [p.name for p in source.spectrum.parameters if p.free]
    if source.kind == "PointSource" or len(free) < 2:
        return None
    form, values = spectral_form(source.spectrum)
    nodes = np.array([p.true for p in source.spectrum.parameters if p.name.startswith("Energy")])
    energies = np.unique(np.concatenate([np.geomspace(emin, emax, 121), nodes]))
    keys = [f"{source.name}:{name}" for name in free]
    places = results.covariance.parameters
    known = [key in places for key in keys]
    gradient = form.gradient(values, energies)
    slopes = np.array(
        [
            gradient[form.parameters.index(name)] * source.spectrum[name].scale
            for name, there in zip(free, known, strict=True)
            if there
        ]
    ).reshape(-1, len(energies))
    at = [places.index(key) for key, there in zip(keys, known, strict=True) if there]
    covariance = np.array(results.covariance.covariance, float).reshape(len(places), len(places))
    variance = np.einsum("ae,ab,be->e", slopes, covariance[np.ix_(at, at)], slopes)
    return Correction(
        source.name,
        energies,
        form.value(values, energies),
        np.sqrt(np.maximum(variance, 0.0)),
        nodes,
    )


def corrections(found: Sequence[Correction]) -> str:
    """Factors against energy with their errors, a panel a source (SVG)."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    columns = min(3, len(found))
    rows = -(-len(found) // columns)
    with rc_context(_STYLE):
        figure = Figure(figsize=(0.6 + 2.9 * columns, 0.5 + 1.9 * rows), layout="constrained")
        panels = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    for number, axes in enumerate(panels):
        if number >= len(found):
            axes.axis("off")
            continue
        one = found[number]
        axes.axhline(1, color="0.5", linewidth=0.8)
        axes.set_xscale("log")
        low, high = one.factor - one.error, one.factor + one.error
        if len(one.nodes):
            at = np.searchsorted(one.energies, one.nodes)
            axes.plot(one.energies, one.factor, color=COLOURS[0], linewidth=0.8)
            axes.errorbar(
                one.nodes, one.factor[at], one.error[at], fmt="o", color=COLOURS[0], markersize=3.5
            )
            low, high = low[at], high[at]
        else:
            axes.fill_between(one.energies, low, high, color=COLOURS[0], alpha=0.25, linewidth=0)
            axes.plot(one.energies, one.factor, color=COLOURS[0], linewidth=1.2)
        axes.set_ylim(max(0.0, min(0.8, float(low.min()))), min(5.0, max(1.2, float(high.max()))))
        axes.set_title(one.source, fontsize=9)
    figure.supxlabel("energy (MeV)", fontsize=10)
    figure.supylabel("factor", fontsize=10)
    return _svg(figure)


def correlations(names: Sequence[str], matrix: np.ndarray) -> str:
    """Correlation matrix as a picture (SVG)."""
    count = len(names)
    size = max(3.6, min(8.2, 1.8 + 0.2 * count))
    figure, (axes,) = _figure(size + 0.9, size, 1)
    image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    font = 8 if count <= 20 else 5 if count <= 45 else 3.2
    axes.set_xticks(range(count), labels=names, rotation=90, fontsize=font)
    axes.set_yticks(range(count), labels=names, fontsize=font)
    axes.tick_params(length=0)
    figure.colorbar(image, ax=axes, label="correlation", shrink=0.8)
    return _svg(figure)


def _figure(
    wide: float, high: float, rows: int, sharex: bool = False, ratios: Sequence[float] | None = None
) -> tuple[Any, Any]:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(wide, high), layout="constrained")
        axes = figure.subplots(
            rows, sharex=sharex, squeeze=False, gridspec_kw={"height_ratios": ratios}
        )
    return figure, axes[:, 0]


def _svg(figure: Any) -> str:
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    stream = io.StringIO()
    with rc_context(_STYLE):
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None, "Creator": None})
    return stream.getvalue()
