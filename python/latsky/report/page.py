"""The report of a run as one HTML page that needs nothing else, with its figures and numbers."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from latsky import __version__
from latsky.fit.results import ParameterResult
from latsky.fits.hpx import HpxGeometry, open_hpx
from latsky.report import figures
from latsky.report.gather import Component, FittedModel, RunReport, link
from latsky.report.product import open_plane
from latsky.report.residual import significance, smoothing_width
from latsky.report.skyplot import Style

SCHEMA = "latsky-report/1"
STRONG = 0.5
"""correlations of at least this much are listed"""
MOST_CORRELATIONS = 15
FACTOR_NAMES = ("Value", "Normalization", "Prefactor", "norm")


class Figures:
    """Writes figures below a directory and hands out what the page embeds."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def sky(self, name: str, plane: Any, style: Style, alt: str, caption: str = "") -> dict:
        """A sky map."""
        data = figures.sky_map(plane, style, self.directory / f"{name}.png")
        return {"data": data, "type": "image/png", "alt": alt, "caption": caption}

    def drawing(self, name: str, svg: str, alt: str, caption: str = "") -> dict:
        """A drawing in SVG."""
        (self.directory / f"{name}.svg").write_text(svg, encoding="utf-8")
        return {"data": svg.encode(), "type": "image/svg+xml", "alt": alt, "caption": caption}


def picture(figure: dict) -> Any:
    """A figure as HTML with its data in place."""
    from markupsafe import Markup

    data = base64.b64encode(figure["data"]).decode()
    caption = f"<figcaption>{escape(figure['caption'])}</figcaption>" if figure["caption"] else ""
    return Markup(
        f'<figure><img src="data:{figure["type"]};base64,{data}" alt="{escape(figure["alt"])}">'
        f"{caption}</figure>"
    )


def write_report(report: RunReport, directory: Path) -> Path:
    """Write ``index.html``, ``report.json`` and ``figures/`` below ``directory``; the page."""
    from jinja2 import Environment, StrictUndefined

    directory.mkdir(parents=True, exist_ok=True)
    page = directory / "index.html"
    made = Figures(directory / "figures")
    context = {
        "title": _title(report),
        "subtitle": report.run.get("analysis", ""),
        "facts": run_facts(report),
        "components": [component_view(c, made) for c in report.components],
        "models": [model_view(model, made) for model in report.models],
        "unfitted": report.unfitted,
        "comparison": comparison(report.models),
        "npred_comparison": npred_comparison(report.models),
        "timings": [
            {
                **asdict(timing),
                "wall": duration(timing.wall),
                "cpu": duration(timing.cpu),
                "memory": f"{timing.memory:.0f}",
            }
            for timing in report.timings
        ],
        "config": report.config,
        "products": products(report, page),
        "version": __version__,
    }
    template = resources.files("latsky.report").joinpath("page.html.j2").read_text("utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    environment.globals["picture"] = picture
    text = environment.from_string(template).render(context)
    for path, content in (
        (page, text),
        (directory / "report.json", json.dumps(numbers(report), indent=1) + "\n"),
    ):
        temporary = path.with_name(f".{path.name}.part")
        temporary.write_text(content, encoding="utf-8")
        temporary.replace(path)
    return page


def _title(report: RunReport) -> str:
    analysis = str(report.run.get("analysis") or "")
    name = Path(analysis).parent.name if analysis else report.root.resolve().name
    return f"Report of {name}"


def run_facts(report: RunReport) -> list[tuple[str, str]]:
    """What is said of the run as a whole."""
    run = report.run
    facts = [
        ("status", str(run.get("status") or "")),
        ("started", _moment(run.get("start"))),
        ("took", _between(run.get("start"), run.get("end"))),
        ("runner", str(run.get("engine") or "")),
        ("machine", _machine(run.get("machine") or {})),
        ("latsky", str((run.get("suite") or {}).get("version") or "")),
        ("events", number(sum(sum(c.counts) for c in report.components))),
        ("observation", _span(report.components)),
        ("models fitted", str(len(report.models)) if report.models else ""),
        ("run", str(run.get("id") or "")),
    ]
    return [(name, value) for name, value in facts if value]


def _machine(machine: dict[str, Any]) -> str:
    words = [str(machine[key]) for key in ("cpu",) if machine.get(key)]
    if machine.get("cores"):
        words.append(f"{machine['cores']} cores")
    return ", ".join(words)


def _moment(text: Any) -> str:
    return str(text)[:16].replace("T", " ") + " UTC" if text else ""


def _between(start: Any, end: Any) -> str:
    from datetime import datetime

    try:
        first, last = (datetime.fromisoformat(str(text)) for text in (start, end))
    except ValueError:
        return ""
    return duration((last - first).total_seconds())


def _span(components: Sequence[Component]) -> str:
    starts = [c.start for c in components if c.start]
    ends = [c.end for c in components if c.end]
    return f"{min(starts)[:10]} to {max(ends)[:10]}" if starts and ends else ""


def duration(seconds: float) -> str:
    """A time in words: 4.2 s, 3 min 10 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def number(value: float | None, digits: int = 4) -> str:
    """A number for people: thousands apart, powers of ten where it is large or small."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    if float(value).is_integer() and abs(value) < 1e9:
        return f"{int(value):,}".replace(",", "\u202f")
    if 1e-3 <= abs(value) < 1e6:
        text = f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"
        return minus(text)
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    power = f"10{_superscript(int(exponent))}"
    return power if mantissa == "1" else f"{minus(mantissa)} × {power}"


def minus(text: str) -> str:
    """Hyphens of numbers as minus signs."""
    return text.replace("-", "−")


def _superscript(value: int) -> str:
    return str(value).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def measured(value: float, error: float) -> tuple[str, str]:
    """A value and its error with two digits of the error, in one power of ten."""
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return number(value), number(error)
    top = math.floor(math.log10(max(abs(value), error)))
    shift = 0 if -3 <= top < 5 else top
    digits = max(0, 1 + shift - math.floor(math.log10(error)))
    suffix = f" × 10{_superscript(shift)}" if shift else ""
    scale = 10.0**-shift
    return (
        minus(f"{value * scale:.{digits}f}") + suffix,
        f"{error * scale:.{digits}f}" + suffix,
    )


def energy(value: float) -> str:
    """An energy in MeV with a unit that suits it."""
    for limit, unit in ((1e6, "TeV"), (1e3, "GeV")):
        if value >= limit * 0.9995:
            return f"{value / limit:.3g} {unit}"
    return f"{value:.3g} MeV"


def component_view(component: Component, made: Figures) -> dict[str, Any]:
    """What the page shows of a binning component."""
    shown = [
        made.sky(
            f"counts_{component.key}",
            open_plane(component.counts_cube),
            figures.plain_style("log"),
            f"Sky map of the counts of {component.key}",
            f"{component.key}: counts",
        )
    ]
    if component.exposure_cube is not None:
        shown.append(
            made.sky(
                f"exposure_{component.key}",
                open_plane(component.exposure_cube, plane=str(component.plane)),
                figures.plain_style("lin"),
                f"Sky map of the exposure of {component.key}",
                f"{component.key}: exposure",
            )
        )
    return {
        "key": component.key,
        "energy": f"{energy(component.edges[0])} – {energy(component.edges[-1])}",
        "bins": len(component.counts),
        "order": component.order,
        "events": number(sum(component.counts)),
        "livetime": "–" if component.livetime is None else number(component.livetime / 1e6),
        "exposure_energy": "–" if component.energy is None else energy(component.energy),
        "exposure": [number(value) for value in component.exposure or (None,) * 3],
        "figures": shown,
    }


def model_view(model: FittedModel, made: Figures) -> dict[str, Any]:
    """What the page shows of a fitted model."""
    results = model.results
    key = results.model
    keys = [component.name for component in results.components]
    by_source = npred(model)
    total = sum(sum(values) for values in by_source.values()) or 1.0
    order = sorted(by_source, key=lambda name: (-sum(by_source[name]), name))
    scaled = [p for p in results.parameters if p.name in FACTOR_NAMES and p.start * p.scale == 1]
    matrix = np.array(results.covariance.correlation, float)
    names = results.covariance.parameters
    edges = [energy_ for c in results.components for energy_ in c.energy_edges_MeV]
    corrections = [
        found
        for source in model.sources
        if (found := figures.correction(source, results, min(edges), max(edges)))
    ]
    observed = sum(sum(c.observed) for c in results.components)
    predicted = sum(sum(c.predicted) for c in results.components)
    view: dict[str, Any] = {
        "key": key,
        "converged": results.converged,
        "log_likelihood": minus(f"{results.log_likelihood:.3f}"),
        "free": len(results.parameters),
        "limits": sum(p.at_limit for p in results.parameters),
        "facts": [
            ("ln L at the start", minus(f"{results.log_likelihood_start:.3f}")),
            ("ln L of the fit", minus(f"{results.log_likelihood:.3f}")),
            ("distance to the maximum", number(results.edm, 2)),
            ("free parameters", str(len(results.parameters))),
            ("observed counts", number(observed)),
            ("predicted counts", f"{predicted:.1f}"),
            ("energy dispersion", "on" if results.energy_dispersion else "off"),
            ("response functions", results.irfs),
            ("engine", results.engine),
        ],
        "spectra": made.drawing(
            f"spectra_{key}",
            figures.spectra(results),
            f"Counts of the data and of model {key} against energy",
            "Data with Poisson errors, the model, and its largest parts. Rings of one gas and "
            "single catalogue sources are drawn as one. Below: data over model less one.",
        ),
        "maps": [
            {"key": name, "figures": _sky_maps(key, name, *model.maps[name], made)}
            for name in keys
            if name in model.maps
        ],
        "parameters": [_parameter(p) for p in results.parameters],
        "factors": made.drawing(
            f"factors_{key}",
            figures.factors(scaled),
            "Fitted factors with their errors, against one",
            "Factors of templates and merged sources; one means as in the library. Squares are at "
            "a limit.",
        )
        if scaled
        else None,
        "corrections": made.drawing(
            f"corrections_{key}",
            figures.corrections(corrections),
            "Fitted factors of templates against energy, with errors",
            "Factors that change with energy, with errors of one standard deviation; points are "
            "the nodes of bin-by-bin corrections.",
        )
        if corrections
        else None,
        "correlations": made.drawing(
            f"correlations_{key}",
            figures.correlations(names, matrix),
            "Correlation matrix of the free parameters",
        )
        if len(names) > 1 and matrix.shape == (len(names), len(names))
        else None,
        "strongest": _strongest(names, matrix),
        "component_keys": keys,
        "npred": [
            {
                "name": name,
                "values": [f"{value:.1f}" for value in by_source[name]],
                "total": f"{sum(by_source[name]):.1f}",
                "share": f"{100 * sum(by_source[name]) / total:.2f} %",
            }
            for name in order
        ],
    }
    return view


def _parameter(p: ParameterResult) -> dict[str, Any]:
    scale = p.scale
    low, high = (None if limit is None else limit * scale for limit in (p.min, p.max))
    if low is not None and high is not None and low > high:
        low, high = high, low
    value, error = measured(p.value * scale, abs(p.error * scale))
    return {
        "source": p.source,
        "name": p.name,
        "value": value,
        "error": error,
        "start": number(p.start * scale),
        "limits": f"{number(low)} to {number(high)}",
        "at_limit": p.at_limit,
    }


def _strongest(names: Sequence[str], matrix: np.ndarray) -> list[tuple[str, str, str]]:
    if matrix.shape != (len(names), len(names)) or len(names) < 2:
        return []
    rows, columns = np.triu_indices(len(names), 1)
    values = matrix[rows, columns]
    order = np.argsort(-np.abs(values), kind="stable")[:MOST_CORRELATIONS]
    return [
        (names[rows[at]], names[columns[at]], minus(f"{values[at]:+.2f}"))
        for at in order
        if abs(values[at]) >= STRONG
    ]


def _sky_maps(key: str, name: str, sources: Path, cube: Path, made: Figures) -> list[dict]:
    counts_table, model_table = open_hpx(sources, "SKYMAP"), open_hpx(cube, "SKYMAP")
    counts = counts_table.read(dtype="f8").sum(axis=0)
    model = model_table.read(dtype="f8").sum(axis=0)
    geometry: HpxGeometry = counts_table.geometry
    sigma = smoothing_width(geometry)
    residual = significance(counts, model, geometry, sigma)
    edges = counts_table.edges
    words = "" if edges is None else f"{energy(edges[0])} – {energy(edges[-1])}"
    style = figures.counts_style(counts, model)
    maps = (
        ("counts", counts, "counts per pixel", style, f"Counts, {name}"),
        ("model", model, "counts per pixel", style, f"Model, {name}"),
        (
            "residual",
            residual,
            "standard deviations",
            figures.residual_style(),
            f"Residual, {name}",
        ),
    )
    rms = float(np.sqrt(np.mean(residual**2)))
    captions = {
        "counts": f"{counts.sum():.0f} counts",
        "model": f"{model.sum():.1f} counts",
        "residual": f"smoothed with σ = {sigma:.2g}°; "
        + minus(f"{residual.min():+.1f} to {residual.max():+.1f} σ, rms {rms:.2f}"),
    }
    return [
        made.sky(
            f"{kind}_{key}_{name}",
            figures.sky_plane(values, geometry, title, words, unit),
            chosen,
            f"{title}: sky map",
            captions[kind],
        )
        for kind, values, unit, chosen, title in maps
    ]


def npred(model: FittedModel) -> dict[str, list[float]]:
    """Predicted counts of each source by binning component."""
    components = model.results.components
    names = dict.fromkeys(name for component in components for name in component.npred)
    return {
        name: [float(sum(component.npred.get(name, ()))) for component in components]
        for name in names
    }


def comparison(models: Sequence[FittedModel]) -> list[dict[str, str]]:
    """Models by likelihood, the best first."""
    if len(models) < 2:
        return []
    best = max(model.results.log_likelihood for model in models)
    aic = {
        m.results.model: 2 * len(m.results.parameters) - 2 * m.results.log_likelihood
        for m in models
    }
    return [
        {
            "key": m.results.model,
            "log_likelihood": minus(f"{m.results.log_likelihood:.3f}"),
            "delta": minus(f"{m.results.log_likelihood - best:+.3f}"),
            "free": str(len(m.results.parameters)),
            "aic": f"{aic[m.results.model] - min(aic.values()):.2f}",
            "npred": f"{sum(sum(c.predicted) for c in m.results.components):.1f}",
        }
        for m in sorted(models, key=lambda m: -m.results.log_likelihood)
    ]


def npred_comparison(models: Sequence[FittedModel]) -> list[tuple[str, list[str]]]:
    """Predicted counts of every source in every model."""
    if len(models) < 2:
        return []
    counts = [npred(model) for model in models]
    names = dict.fromkeys(name for found in counts for name in found)
    order = sorted(names, key=lambda n: (-max(sum(found.get(n, ())) for found in counts), n))
    return [
        (name, [f"{sum(found[name]):.1f}" if name in found else "–" for found in counts])
        for name in order
    ]


def products(report: RunReport, page: Path) -> list[tuple[str, list[dict[str, str]]]]:
    """Files of the run by directory, with links relative to the page."""
    groups: dict[str, list[Path]] = {}
    for path in [*report.products, *(p for model in report.models for p in model.products)]:
        groups.setdefault(path.parent.relative_to(report.root).as_posix(), []).append(path)
    return [
        (name, [{"name": path.name, "href": link(path, page)} for path in paths])
        for name, paths in groups.items()
    ]


def numbers(report: RunReport) -> dict[str, Any]:
    """All numbers of the page."""
    return {
        "schema": SCHEMA,
        "run": {
            key: report.run.get(key) for key in ("id", "status", "engine", "start", "end", "user")
        },
        "components": [
            {
                "key": c.key,
                "energy_edges_MeV": c.edges,
                "counts": c.counts,
                "hpx_order": c.order,
                "livetime_s": c.livetime,
                "exposure_energy_MeV": c.energy,
                "exposure_cm2_s": c.exposure,
            }
            for c in report.components
        ],
        "models": [asdict(model.results) for model in report.models],
        "timings": [asdict(timing) for timing in report.timings],
    }
