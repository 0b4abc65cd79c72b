"""Source models in the XML of the Fermitools: reader with checks, deterministic writer.

The schema is that of the FSSC's "Source Model Definitions for gtlike": a ``source_library`` of
``source`` elements (PointSource, DiffuseSource, or CompositeSource with a nested library), each
with a ``spectrum`` and a ``spatialModel`` of ``parameter`` elements. A parameter's true value is
value × scale; min, max and error are in units of the scale.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np

from latsky import spectra
from latsky.errors import InputError, Problems

SOURCE_TYPES = ("PointSource", "DiffuseSource", "CompositeSource")
SPATIAL_PARAMETERS: dict[str, tuple[str, ...]] = {
    "SkyDirFunction": ("RA", "DEC"),
    "ConstantValue": ("Value",),
    "SpatialMap": ("Prefactor",),
    "MapCubeFunction": ("Normalization",),
    "RadialDisk": ("RA", "DEC", "Radius"),
    "RadialGaussian": ("RA", "DEC", "Sigma"),
}
"""spatial model → its parameters"""
WITH_FILE = ("SpatialMap", "MapCubeFunction")
_TRUE, _FALSE = ("1", "true", "True"), ("0", "false", "False")


@dataclass(frozen=True)
class Parameter:
    """A parameter; ``value``, ``min``, ``max`` and ``error`` are in units of ``scale``."""

    name: str
    value: float
    scale: float = 1.0
    min: float = -math.inf
    max: float = math.inf
    free: bool = False
    error: float | None = None

    @property
    def true(self) -> float:
        """The true value."""
        return self.value * self.scale


@dataclass(frozen=True)
class Model:
    """A ``spectrum`` or ``spatialModel``: its type, parameters and other attributes."""

    kind: str
    parameters: tuple[Parameter, ...]
    attributes: dict[str, str] = field(default_factory=dict)
    """file, ctype, apply_edisp, map_based_integral, …: as text"""

    def __getitem__(self, name: str) -> Parameter:
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise KeyError(name)

    def __contains__(self, name: str) -> bool:
        return any(parameter.name == name for parameter in self.parameters)

    @property
    def file(self) -> str | None:
        """The file named, environment variables left as they are."""
        return self.attributes.get("file")

    def with_parameter(self, parameter: Parameter) -> Model:
        """A copy with the parameter of that name replaced."""
        return replace(
            self,
            parameters=tuple(parameter if p.name == parameter.name else p for p in self.parameters),
        )


@dataclass(frozen=True)
class Source:
    """One source; a CompositeSource has ``members`` and no spatial model."""

    name: str
    kind: str
    spectrum: Model
    spatial: Model | None
    members: tuple[Source, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceModel:
    """A source library, in file order."""

    sources: tuple[Source, ...]
    title: str = "source library"

    def __getitem__(self, name: str) -> Source:
        for source in self.sources:
            if source.name == name:
                return source
        raise KeyError(name)

    def __iter__(self) -> Iterator[Source]:
        return iter(self.sources)

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def names(self) -> list[str]:
        """Names in order."""
        return [source.name for source in self.sources]


def resolve_file(name: str, directory: str | os.PathLike[str] | None = None) -> Path:
    """Path of a file that a model names: environment variables expanded, then ``directory``."""
    path = Path(os.path.expandvars(name))
    return path if path.is_absolute() or directory is None else Path(directory) / path


def read_spectrum_table(path: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """Energies (MeV) and values of a FileFunction's text file; further columns are left out."""
    energies, values = [], []
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise InputError(error.strerror or str(error), file=path) from None
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            energies.append(float(words[0]))
            values.append(float(words[1]))
        except (ValueError, IndexError):
            raise InputError("not two numbers", file=path, key=f"line {number}") from None
    return np.array(energies), np.array(values)


def spectral_form(
    model: Model, directory: str | os.PathLike[str] | None = None
) -> tuple[spectra.Form, np.ndarray]:
    """The form of a spectrum and its true parameters in the form's order.

    ``directory`` holds a FileFunction's file where its name is relative. Raises InputError.
    """
    if model.kind == "FileFunction":
        if not model.file:
            raise InputError("names no file", key="FileFunction")
        path = resolve_file(model.file, directory)
        try:
            found = spectra.tabulated(*read_spectrum_table(path))
        except InputError as error:
            raise InputError(error.message, file=path, key=error.key) from None
    else:
        nodes = spectra.piecewise_nodes([p.name for p in model.parameters])
        found = spectra.form(model.kind, nodes if model.kind == "PiecewisePowerLaw" else 0)
    return found, np.array([model[name].true for name in found.parameters])


def evaluate(
    model: Model, energy: np.ndarray, directory: str | os.PathLike[str] | None = None
) -> np.ndarray:
    """A spectrum at ``energy`` (n,) MeV."""
    found, values = spectral_form(model, directory)
    return found.value(values, np.asarray(energy, "f8"))


# ---- reading


def read_source_model(path: str | os.PathLike[str]) -> SourceModel:
    """Read and check a source model.

    Raises InputErrors with every problem found (source and parameter named), InputError when the
    file cannot be read or is no XML.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        raise InputError(error.strerror or str(error), file=path) from None
    except ElementTree.ParseError as error:
        raise InputError(f"not well-formed XML ({error})", file=path) from None
    problems = Problems()
    model = _library(root, path, problems, "")
    problems.raise_any()
    return model


def _library(
    root: ElementTree.Element, path: str | os.PathLike[str], problems: Problems, inside: str
) -> SourceModel:
    if root.tag != "source_library":
        problems.add(f"the element <{root.tag}> is no source_library", path, inside or None)
        return SourceModel(())
    sources, seen = [], set()
    for child in root:
        if child.tag != "source":
            problems.add(f"unknown element <{child.tag}>", path, inside or "source_library")
            continue
        source = _source(child, path, problems, inside)
        if source.name in seen:
            problems.add("a source of this name appears twice", path, source.name)
        seen.add(source.name)
        sources.append(source)
    return SourceModel(tuple(sources), root.get("title", "source library"))


def _source(
    element: ElementTree.Element, path: str | os.PathLike[str], problems: Problems, inside: str
) -> Source:
    attributes = dict(element.attrib)
    name, kind = attributes.pop("name", ""), attributes.pop("type", "")
    place = f"{inside}{name}" if name else f"{inside}source"
    if not name.strip():
        problems.add("a source without a name", path, place)
    if kind not in SOURCE_TYPES:
        problems.add(f"type {kind!r} is none of {', '.join(SOURCE_TYPES)}", path, place)
    for child in element:
        if child.tag not in ("spectrum", "spatialModel", "source_library"):
            problems.add(f"unknown element <{child.tag}>", path, place)
    spectrum = _model(element, "spectrum", path, problems, place)
    if kind == "CompositeSource":
        nested = element.find("source_library")
        members: tuple[Source, ...] = ()
        if nested is None:
            problems.add("a CompositeSource needs a source_library", path, place)
        else:
            members = _library(nested, path, problems, f"{place}/").sources
        return Source(name, kind, spectrum, None, members, attributes)
    spatial = _model(element, "spatialModel", path, problems, place)
    if spatial.kind in SPATIAL_PARAMETERS and kind in SOURCE_TYPES:
        point = spatial.kind == "SkyDirFunction"
        if point != (kind == "PointSource"):
            problems.add(f"spatial model {spatial.kind} does not fit a {kind}", path, place)
    return Source(name, kind, spectrum, spatial, (), attributes)


def _model(
    element: ElementTree.Element,
    tag: str,
    path: str | os.PathLike[str],
    problems: Problems,
    place: str,
) -> Model:
    found = element.findall(tag)
    if len(found) != 1:
        problems.add(f"{len(found)} elements <{tag}>, one is needed", path, place)
        return Model("", ())
    attributes = dict(found[0].attrib)
    kind = attributes.pop("type", "")
    parameters: list[Parameter] = []
    for child in found[0]:
        if child.tag != "parameter":
            problems.add(f"unknown element <{child.tag}> in {tag}", path, place)
            continue
        parameter = _parameter(child, path, problems, place)
        if any(parameter.name == other.name for other in parameters):
            problems.add("a parameter of this name appears twice", path, _at(place, parameter))
        parameters.append(parameter)
    model = Model(kind, tuple(parameters), attributes)
    for message, key in model_problems(model, tag):
        problems.add(message, path, f"{place}.{key}" if key else place)
    return model


def model_problems(model: Model, tag: str) -> list[tuple[str, str]]:
    """What is wrong with a ``spectrum`` or ``spatialModel``: (message, parameter or '')."""
    names = [parameter.name for parameter in model.parameters]
    if tag == "spatialModel":
        if model.kind not in SPATIAL_PARAMETERS:
            known = ", ".join(SPATIAL_PARAMETERS)
            return [(f"unknown spatial model {model.kind!r}; known are {known}", "")]
        wanted: Sequence[str] = SPATIAL_PARAMETERS[model.kind]
        needs_file = model.kind in WITH_FILE
    elif model.kind == "FileFunction":
        wanted, needs_file = ("Normalization",), True
    else:
        try:
            nodes = spectra.piecewise_nodes(names) if model.kind == "PiecewisePowerLaw" else 0
            wanted, needs_file = spectra.form(model.kind, nodes).parameters, False
        except InputError as error:
            return [(error.message, error.key or "")]
    found = []
    if needs_file and not model.attributes.get("file"):
        found.append((f"{model.kind} needs the attribute file", ""))
    found += [(f"{model.kind} needs this parameter", name) for name in wanted if name not in names]
    found += [(f"{model.kind} has no such parameter", n) for n in names if n not in wanted]
    return found


def _at(place: str, parameter: Parameter) -> str:
    return f"{place}.{parameter.name}"


def _parameter(
    element: ElementTree.Element, path: str | os.PathLike[str], problems: Problems, place: str
) -> Parameter:
    name = element.get("name", "")
    key = f"{place}.{name or 'parameter'}"
    if not name:
        problems.add("a parameter without a name", path, key)

    def number(attribute: str, default: float | None) -> float:
        text = element.get(attribute)
        if text is None:
            if default is None:
                problems.add(f"needs the attribute {attribute}", path, key)
                return math.nan
            return default
        try:
            value = float(text)
        except ValueError:
            problems.add(f"{attribute} {text!r} is no number", path, key)
            return math.nan
        if math.isnan(value) or (attribute in ("value", "scale") and math.isinf(value)):
            problems.add(f"{attribute} is {text}", path, key)
        return value

    value, scale = number("value", None), number("scale", 1.0)
    low, high = number("min", -math.inf), number("max", math.inf)
    free = element.get("free", "0")
    if free not in (*_TRUE, *_FALSE):
        problems.add(f"free {free!r} is neither 0 nor 1", path, key)
    if scale == 0:
        problems.add("scale is zero", path, key)
    if low > high:
        problems.add(f"min {low:g} is above max {high:g}", path, key)
    elif free in _TRUE and not low <= value <= high and not math.isnan(value):
        problems.add(f"value {value:g} is outside of {low:g} to {high:g}", path, key)
    error = element.get("error")
    return Parameter(
        name,
        value,
        scale,
        low,
        high,
        free in _TRUE,
        None if error is None else number("error", None),
    )


# ---- writing


def format_source_model(model: SourceModel) -> str:
    """The model as XML text; equal models give equal text, numbers read back exactly."""
    lines = ['<?xml version="1.0" standalone="no"?>']
    lines += _library_lines(model.title, model.sources, 0)
    return "\n".join(lines) + "\n"


def write_source_model(path: str | os.PathLike[str], model: SourceModel) -> None:
    """Write a source model, complete or not at all."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_text(format_source_model(model), encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _library_lines(title: str, sources: Sequence[Source], depth: int) -> list[str]:
    pad = "  " * depth
    lines = [f"{pad}<source_library title={quoteattr(title)}>"]
    for source in sources:
        lines += _source_lines(source, depth + 1)
    return [*lines, f"{pad}</source_library>"]


def _source_lines(source: Source, depth: int) -> list[str]:
    pad = "  " * depth
    lines = [pad + _open("source", {"name": source.name, "type": source.kind, **source.attributes})]
    lines += _model_lines("spectrum", source.spectrum, depth + 1)
    if source.spatial is not None:
        lines += _model_lines("spatialModel", source.spatial, depth + 1)
    if source.kind == "CompositeSource":
        lines += _library_lines("composite", source.members, depth + 1)
    return [*lines, f"{pad}</source>"]


def _model_lines(tag: str, model: Model, depth: int) -> list[str]:
    pad = "  " * depth
    lines = [pad + _open(tag, {"type": model.kind, **model.attributes})]
    for p in model.parameters:
        attributes = {"free": "1" if p.free else "0"}
        if math.isfinite(p.max):
            attributes["max"] = _number(p.max)
        if math.isfinite(p.min):
            attributes["min"] = _number(p.min)
        attributes["name"] = p.name
        attributes["scale"] = _number(p.scale)
        attributes["value"] = _number(p.value)
        if p.error is not None:
            attributes["error"] = _number(p.error)
        lines.append(f"{pad}  {_open('parameter', attributes)[:-1]}/>")
    return [*lines, f"{pad}</{tag}>"]


def _open(tag: str, attributes: dict[str, str]) -> str:
    return f"<{tag} {' '.join(f'{k}={quoteattr(v)}' for k, v in attributes.items())}>"


def _number(value: float) -> str:
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") else text
