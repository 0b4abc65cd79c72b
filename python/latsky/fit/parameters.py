"""Free parameters of a source model as one vector, and its sources as the fit needs them."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from latsky.errors import InputError
from latsky.fit.likelihood import SourceTerm
from latsky.fits.source_model import Source, SourceModel, spectral_form


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
    undispersed: Collection[str] = (),
    directory: str | os.PathLike[str] | None = None,
) -> list[SourceTerm]:
    """Every source of the model with its spectrum as a function of its free parameters.

    ``undispersed`` names the sources that energy dispersion leaves alone; ``directory`` holds the
    tables that spectra name. Raises InputError for spectra that cannot be evaluated.
    """
    places: dict[str, list[int]] = {}
    for number, parameter in enumerate(parameters):
        places.setdefault(parameter.source, []).append(number)
    return [
        _term(
            source,
            [parameters[n] for n in places.get(source.name, [])],
            tuple(places.get(source.name, [])),
            source.name not in undispersed,
            directory,
        )
        for source in model
    ]


def _term(
    source: Source,
    free: Sequence[FreeParameter],
    places: tuple[int, ...],
    disperse: bool,
    directory: str | os.PathLike[str] | None,
) -> SourceTerm:
    form, fixed_values = spectral_form(source.spectrum, directory)
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

    return SourceTerm(source.name, spectrum, places, disperse)


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
