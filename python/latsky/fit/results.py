"""Results of a fit: the file ``fit_<model>.json``, and parameter files in YAML.

The JSON (schema ``latsky-fit/1``) holds nothing that differs between two equal fits; times are in a
file of their own. Parameter values, errors and limits are in units of ``scale``, as in the XML.

``model``, ``engine``, ``irfs``          names
``energy_dispersion``, ``integration``   how bins were integrated
``log_likelihood``, ``log_likelihood_start``  ln L (ln n! left out), weights of the last stage
``converged``, ``edm``                   of the last stage
``components``     list: name, energy_edges_MeV, hpx_order, coordsys, observed, predicted (counts a
                   bin), npred {source: counts a bin}, log_likelihood
``sources``        list: name, spectrum, free (parameters), npred, energy_dispersion
``parameters``     list: source, name, value, error, min, max, scale, start, at_limit, stage (in
                   which it was last fitted, null if in none), minos [down, up] or null,
                   undetermined (by the data, or only together with others)
``covariance``     {parameters: ["source:parameter"], covariance, correlation}, of the last stage
``stages``         list: key, free, held_sources, weighted_npred, log_likelihood_start,
                   log_likelihood, converged, edm
``warnings``       list: "stage: text", of all stages
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from latsky.config.document import mapping, read_yaml
from latsky.errors import Problems
from latsky.fits.source_model import SourceModel, write_source_model

SCHEMA = "latsky-fit/1"


@dataclass(frozen=True)
class ComponentResult:
    """Counts of one binning component."""

    name: str
    energy_edges_MeV: list[float]
    hpx_order: int
    coordsys: str
    observed: list[float]
    predicted: list[float]
    npred: dict[str, list[float]]
    log_likelihood: float


@dataclass(frozen=True)
class ParameterResult:
    """One free parameter."""

    source: str
    name: str
    value: float
    error: float
    min: float | None
    max: float | None
    scale: float
    start: float
    at_limit: bool
    stage: str | None
    minos: list[float] | None = None
    undetermined: bool = False


@dataclass(frozen=True)
class SourceResult:
    """One source of the model."""

    name: str
    spectrum: str
    free: list[str]
    npred: float
    energy_dispersion: bool


@dataclass(frozen=True)
class StageResult:
    """One stage of the fit."""

    key: str
    free: int
    held_sources: list[str]
    weighted_npred: dict[str, float]
    log_likelihood_start: float
    log_likelihood: float
    converged: bool
    edm: float


@dataclass(frozen=True)
class Covariance:
    """Covariance of the parameters of the last stage."""

    parameters: list[str] = field(default_factory=list)
    covariance: list[list[float]] = field(default_factory=list)
    correlation: list[list[float]] = field(default_factory=list)


@dataclass(frozen=True)
class Results:
    """All of a fit's results, as in the file."""

    model: str
    engine: str
    irfs: str
    energy_dispersion: bool
    integration: str
    log_likelihood: float
    log_likelihood_start: float
    converged: bool
    edm: float
    components: list[ComponentResult]
    sources: list[SourceResult]
    parameters: list[ParameterResult]
    covariance: Covariance
    stages: list[StageResult]
    warnings: list[str] = field(default_factory=list)
    schema: str = SCHEMA

    def parameter(self, source: str, name: str) -> ParameterResult:
        """A parameter by name."""
        return next(p for p in self.parameters if (p.source, p.name) == (source, name))


def _plain(value: Any) -> Any:
    """Builtin types; numbers to eleven digits, which is more than fits repeat on all machines."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.11g}") if np.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    return value


def write_atomically(path: Path, text: str) -> None:
    """Write a text file, complete or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_results(path: Path, results: Results) -> None:
    """Write ``fit_<model>.json``."""
    data = {"schema": results.schema, **_plain(asdict(results))}
    write_atomically(path, json.dumps(data, indent=1) + "\n")


def read_results(path: Path) -> Results:
    """Read ``fit_<model>.json``. Raises InputErrors for another schema."""
    problems = Problems()
    data = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        problems.add(f"is not of the schema {SCHEMA}", path, "schema")
    problems.raise_any()
    data["components"] = [ComponentResult(**each) for each in data["components"]]
    data["sources"] = [SourceResult(**each) for each in data["sources"]]
    data["parameters"] = [ParameterResult(**each) for each in data["parameters"]]
    data["stages"] = [StageResult(**each) for each in data["stages"]]
    data["covariance"] = Covariance(**data["covariance"])
    return Results(**data)


def finite(value: float) -> float | None:
    """The value, None where it is infinite."""
    return float(value) if np.isfinite(value) else None


# ---- parameter files

_FIELDS = ("value", "error", "scale", "min", "max", "free")


def write_models(
    output: Path, name: str, shared: SourceModel, own: dict[str, SourceModel]
) -> list[Path]:
    """Write fitted source models: shared sources, and each component's own; the files written."""
    models = {output / f"fit_{name}.xml": shared}
    models |= {output / f"fit_{name}_{key}.xml": model for key, model in own.items() if len(model)}
    for path, model in models.items():
        write_source_model(path, model)
    return list(models)


def write_parameters(path: Path, model: SourceModel) -> None:
    """Write {source: {parameter: {value, error, scale, min, max, free}}} as YAML."""
    from ruamel.yaml import YAML

    data: dict[str, Any] = {}
    for source in model:
        data[source.name] = {
            p.name: _plain(
                {
                    "value": p.value,
                    **({} if p.error is None else {"error": p.error}),
                    "scale": p.scale,
                    **({"min": p.min} if np.isfinite(p.min) else {}),
                    **({"max": p.max} if np.isfinite(p.max) else {}),
                    "free": p.free,
                }
            )
            for p in source.spectrum.parameters
        }
    yaml = YAML()
    yaml.width = 4096
    stream = io.StringIO()
    yaml.dump(data, stream)
    write_atomically(path, stream.getvalue())


def apply_parameters(model: SourceModel, path: Path, known: Sequence[str] = ()) -> SourceModel:
    """The model with values, limits and freedom of a parameter file.

    ``known`` names further sources that may stand in the file. Raises InputErrors: unknown source,
    parameter or key, value outside of the limits.
    """
    from dataclasses import replace

    document = read_yaml(path)
    problems = Problems()
    changed = {source.name: source for source in model}
    for name in mapping(document):
        if name not in changed:
            if name not in known:
                problems.found.append(document.problem("no such source in the model", name))
            continue
        spectrum = changed[name].spectrum
        entries = problems.collect(lambda n=name: mapping(document, n)) or {}
        for parameter, values in entries.items():
            if parameter not in spectrum:
                problems.found.append(
                    document.problem(f"{spectrum.kind} has no such parameter", name, parameter)
                )
                continue
            if not isinstance(values, dict) or set(values) - set(_FIELDS):
                problems.found.append(
                    document.problem(f"must be a mapping of {', '.join(_FIELDS)}", name, parameter)
                )
                continue
            try:
                numbers = {k: bool(v) if k == "free" else float(v) for k, v in values.items()}
            except (TypeError, ValueError):
                problems.found.append(document.problem("not a number", name, parameter))
                continue
            new = replace(spectrum[parameter], **numbers)
            if new.free and not new.min <= new.value <= new.max:
                problems.found.append(
                    document.problem(
                        f"value {new.value:g} is outside of {new.min:g} to {new.max:g}",
                        name,
                        parameter,
                    )
                )
            spectrum = spectrum.with_parameter(new)
        changed[name] = replace(changed[name], spectrum=spectrum)
    problems.raise_any()
    return SourceModel(tuple(changed.values()), model.title)
