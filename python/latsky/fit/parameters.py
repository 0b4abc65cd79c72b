"""Free parameters of a source model as one vector, and its sources as the fit needs them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from latsky import spectra
from latsky.errors import InputError
from latsky.fit.likelihood import SourceTerm
from latsky.fits.source_model import (
    Model,
    Source,
    SourceModel,
    read_spectrum_table,
    resolve_file,
    spectral_form,
)

BEYOND = 1e3
"""factor in energy by which a table is taken to go on at either end"""


@dataclass(frozen=True)
class FreeParameter:
    """A free spectral parameter; value and limits in units of its scale, as in the XML."""

    source: str
    name: str
    value: float
    min: float
    max: float
    scale: float

    @property
    def key(self) -> str:
        """``source:parameter``, unique in a model."""
        return f"{self.source}:{self.name}"


def free_parameters(model: SourceModel) -> list[FreeParameter]:
    """The free spectral parameters in the order of the model."""
    return [
        FreeParameter(source.name, p.name, p.value, p.min, p.max, p.scale)
        for source in model
        for p in source.spectrum.parameters
        if p.free
    ]


def source_terms(
    model: SourceModel,
    parameters: Sequence[FreeParameter],
    *,
    directory: str | os.PathLike[str] | None = None,
) -> list[SourceTerm]:
    """Every source of the model with its spectrum as a function of its free parameters.

    ``directory`` holds the tables that spectra name; beyond its ends a table goes on as the power
    law of its last two points, since energy dispersion brings photons from outside of the bins.
    Raises InputError for spectra that cannot be evaluated.
    """
    places: dict[str, list[int]] = {}
    for number, parameter in enumerate(parameters):
        places.setdefault(parameter.source, []).append(number)
    return [
        _term(
            source,
            [parameters[n] for n in places.get(source.name, [])],
            tuple(places.get(source.name, [])),
            directory,
        )
        for source in model
    ]


def _endless_form(
    model: Model, directory: str | os.PathLike[str] | None
) -> tuple[spectra.Form, np.ndarray]:
    """As ``spectral_form``, a table of a FileFunction going on beyond its ends."""
    if model.kind != "FileFunction" or not model.file:
        return spectral_form(model, directory)
    spectral_form(model, directory)
    energies, values = read_spectrum_table(resolve_file(model.file, directory))
    log_e, log_v = np.log(energies), np.log(values)
    low = (log_v[1] - log_v[0]) / (log_e[1] - log_e[0])
    high = (log_v[-1] - log_v[-2]) / (log_e[-1] - log_e[-2])
    energies = np.concatenate([[energies[0] / BEYOND], energies, [energies[-1] * BEYOND]])
    values = np.concatenate([[values[0] * BEYOND**-low], values, [values[-1] * BEYOND**high]])
    return spectra.tabulated(energies, values), np.array([model["Normalization"].true])


def _term(
    source: Source,
    free: Sequence[FreeParameter],
    places: tuple[int, ...],
    directory: str | os.PathLike[str] | None,
) -> SourceTerm:
    form, fixed_values = _endless_form(source.spectrum, directory)
    unknown = [p.name for p in free if p.name not in form.parameters]
    if unknown:
        raise InputError(f"{form.kind} has no parameter {unknown[0]}", key=source.name)
    order = [form.parameters.index(p.name) for p in free]
    scales = np.array([p.scale for p in free])

    def spectrum(energies: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        true = fixed_values.copy()
        true[order] = values * scales
        slopes = form.gradient(true, energies)[order] * scales[:, None]
        return form.value(true, energies), slopes

    return SourceTerm(source.name, spectrum, places)


def with_values(
    model: SourceModel,
    parameters: Sequence[FreeParameter],
    values: Sequence[float],
    errors: Sequence[float] | None = None,
) -> SourceModel:
    """The model with fitted values (and errors) in place, in units of the scales."""
    found = {p.key: number for number, p in enumerate(parameters)}
    sources = []
    for source in model:
        spectrum = source.spectrum
        for p in spectrum.parameters:
            number = found.get(f"{source.name}:{p.name}")
            if number is not None:
                error = None if errors is None else float(errors[number])
                spectrum = spectrum.with_parameter(
                    replace(p, value=float(values[number]), error=error)
                )
        sources.append(replace(source, spectrum=spectrum))
    return replace(model, sources=tuple(sources))
