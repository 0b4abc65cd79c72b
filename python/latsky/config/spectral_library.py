"""Spectral models by name: those that the suite brings, and those of a user's file.

A source of a model is a template times a spectrum: ``spectral_models.yaml`` gives names to such
spectra, and models refer to them by name. The user's entries go before the shipped ones.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from latsky.config.document import Document, Section, mapping, parse, read_yaml
from latsky.errors import InputError, Problems
from latsky.fits.source_model import Model, Parameter, model_problems

CATALOG = "Catalog"
"""spectral model of catalogue sources that keep the catalogue's spectra"""
BIN_BY_BIN = re.compile(r"BinByBin_(\d+)")
SCALING = {"ConstantValue": "Value", "FileFunction": "Normalization"}
"""forms that scale a source without changing its spectrum → their parameter"""
_SCALE_MEV = 1000.0


class ParameterSettings(Section):
    """Keys of one parameter; its true value is value × scale."""

    name: str | None = Field(default=None, description="the parameter's own name again")
    value: float = Field(description="start value, in units of the scale")
    scale: float = Field(default=1.0, description="unit of value, min and max")
    min: float | None = Field(default=None, description="lower limit")
    max: float | None = Field(default=None, description="upper limit")
    free: bool = Field(default=False, description="fitted, or fixed")


class ParameterOverride(Section):
    """Keys of an override of one parameter: those to change."""

    value: float | None = None
    scale: float | None = None
    min: float | None = None
    max: float | None = None
    free: bool | None = None


class SpectralEntry(Section):
    """Keys of one spectral model."""

    SpectrumType: str = Field(description="form, as the Fermitools call it, or Catalog")
    spectral_pars: dict[str, ParameterSettings] = Field(
        default_factory=dict, description="parameter → settings"
    )


@dataclass(frozen=True)
class SpectralModel:
    """A spectrum that models can name; ``form`` None leaves sources their own spectra."""

    name: str
    form: Model | None

    @property
    def scales_only(self) -> bool:
        """Whether it multiplies by a number that is the same at all energies."""
        return self.form is not None and self.form.kind in SCALING

    def as_scaling(self, kind: str) -> Model:
        """The form as another one of ``SCALING``, parameter settings kept."""
        assert self.form is not None
        old = self.form[SCALING[self.form.kind]]
        return Model(kind, (replace(old, name=SCALING[kind]),))


@dataclass(frozen=True)
class SpectralLibrary:
    """Spectral models by name; ``emin`` and ``emax`` (MeV) are the ends of the analysis."""

    models: Mapping[str, SpectralModel]
    emin: float
    emax: float
    path: Path | None = None

    def find(self, name: str) -> SpectralModel:
        """The model of that name. Raises InputError with the nearest name that is known."""
        if name in self.models:
            return self.models[name]
        shipped = SHIPPED.get(name)
        if shipped is not None:
            return shipped
        matched = BIN_BY_BIN.fullmatch(name)
        if matched:
            return SpectralModel(name, bin_by_bin(int(matched[1]), self.emin, self.emax))
        known = [*self.models, *(key for key in SHIPPED if key not in self.models), "BinByBin_<N>"]
        near = difflib.get_close_matches(name, known, 1, 0.6)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
        where = f" in {self.path}" if self.path else ""
        raise InputError(f"no spectral model {name!r}{where}; {hint}")


def _constant(low: float, high: float) -> Model:
    return Model("ConstantValue", (Parameter("Value", 1.0, 1.0, low, high, True),))


def _norm(low: float, high: float) -> Model:
    return Model("FileFunction", (Parameter("Normalization", 1.0, 1.0, low, high, True),))


SHIPPED = {
    name: SpectralModel(name, form)
    for name, form in {
        "Constant_Correction": _constant(1e-4, 1e4),
        "Powerlaw_Correction": Model(
            "PowerLaw",
            (
                Parameter("Prefactor", 1.0, 1.0, 0.1, 10.0, True),
                Parameter("Index", 0.0, -1.0, -1.0, 1.0, True),
                Parameter("Scale", _SCALE_MEV, 1.0, _SCALE_MEV, _SCALE_MEV, False),
            ),
        ),
        "LogParabola_Correction": Model(
            "LogParabola",
            (
                Parameter("norm", 1.0, 1.0, 0.1, 10.0, True),
                Parameter("alpha", 0.0, 1.0, -2.0, 2.0, True),
                Parameter("beta", 0.0, 1.0, -10.0, 10.0, True),
                Parameter("Eb", _SCALE_MEV, 1.0, 10.0, 1e5, False),
            ),
        ),
        "Iso": _norm(1e-3, 1e3),
        "FileFunction": _norm(1e-3, 1e3),
        "Patches": _constant(1e-3, 1e3),
        CATALOG: None,
    }.items()
}
"""the spectral models that come with the suite, and BinByBin_<N> besides"""


def node_energies(nodes: int, emin: float, emax: float) -> list[float]:
    """Energies (MeV) of a bin-by-bin correction: centres of equal intervals of log E.

    The interval from ``emin`` to ``emax`` is cut in ``nodes``; six digits are kept, so that files
    are readable and the same on all machines.
    """
    step = math.log10(emax / emin) / nodes
    return [float(f"{10 ** (math.log10(emin) + step * (k + 0.5)):.6g}") for k in range(nodes)]


def bin_by_bin(nodes: int, emin: float, emax: float) -> Model:
    """BinByBin_N: a PiecewisePowerLaw of N nodes, flat below the first and above the last.

    dNdE0 is the factor at the first node and dNdEk the factor at node k over that at the first, as
    the Fermitools define them. Raises InputError for fewer than two nodes.
    """
    if nodes < 2:
        raise InputError(f"BinByBin_{nodes}: two nodes at least; use Constant_Correction for one")
    energies = node_energies(nodes, emin, emax)
    return Model(
        "PiecewisePowerLaw",
        (
            *(Parameter(name, 0.0, 1.0, -10.0, 10.0) for name in ("IndexL", "IndexH")),
            *(Parameter(f"dNdE{k}", 1.0, 1.0, 1e-3, 1e3, True) for k in range(nodes)),
            *(Parameter(f"Energy{k}", e, 1.0, e, e) for k, e in enumerate(energies)),
        ),
    )


def read_spectral_models(
    path: str | os.PathLike[str] | None, emin: float, emax: float
) -> SpectralLibrary:
    """The spectral models of a file (none: the shipped ones alone) for an energy range in MeV.

    Raises InputErrors naming every entry and parameter that is wrong.
    """
    if path is None:
        return SpectralLibrary({}, emin, emax)
    document = read_yaml(path)
    problems = Problems()
    models = {}
    for name, data in (mapping(document) if document.data is not None else {}).items():
        found = problems.collect(lambda n=name, d=data: _read(document, n, d))
        if found is not None:
            models[name] = found
    problems.raise_any()
    return SpectralLibrary(models, emin, emax, document.path)


def _read(document: Document, name: str, data: Any) -> SpectralModel:
    entry = parse(SpectralEntry, document, data, name)
    if entry.SpectrumType == CATALOG:
        if entry.spectral_pars:
            raise document.problem("has no parameters", name, "spectral_pars")
        return SpectralModel(name, None)
    problems = Problems()
    parameters = []
    for key, settings in entry.spectral_pars.items():
        place = (name, "spectral_pars", key)
        if settings.name not in (None, key):
            problems.found.append(document.problem(f"is not {key!r}", *place, "name"))
        parameter = Parameter(
            key,
            settings.value,
            settings.scale,
            -math.inf if settings.min is None else settings.min,
            math.inf if settings.max is None else settings.max,
            settings.free,
        )
        for message in parameter_problems(parameter):
            problems.found.append(document.problem(message, *place))
        parameters.append(parameter)
    form = Model(entry.SpectrumType, tuple(parameters))
    # the file of a FileFunction is the source's, not the spectral model's
    known = replace(form, attributes={"file": "-"}) if form.kind == "FileFunction" else form
    for message, key in model_problems(known, "spectrum"):
        in_form = any(parameter.name == key for parameter in parameters)
        at = ("spectral_pars", key) if in_form else ("spectral_pars",) if key else ("SpectrumType",)
        text = f"{message}: {key}" if key and not in_form else message
        problems.found.append(document.problem(text, name, *at))
    problems.raise_any()
    return SpectralModel(name, form)


def parameter_problems(parameter: Parameter) -> list[str]:
    """What is wrong with a parameter's numbers."""
    found = []
    if parameter.scale == 0:
        found.append("scale is zero")
    if parameter.min > parameter.max:
        found.append(f"min {parameter.min:g} is above max {parameter.max:g}")
    elif not parameter.min <= parameter.value <= parameter.max:
        found.append(
            f"value {parameter.value:g} is outside of {parameter.min:g} to {parameter.max:g}"
        )
    return found


def overridden(parameter: Parameter, override: ParameterOverride) -> Parameter:
    """The parameter with what an override names replaced."""
    return replace(parameter, **override.model_dump(exclude_none=True))
