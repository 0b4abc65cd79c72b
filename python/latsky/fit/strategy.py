"""Stages of a fit: what is free in each, and on which part of the sky.

A strategy is a list of stages, as in fermipy's diffuse analysis (``fit_strategy``). In each stage

1. the mask and weights are set and every source's weighted predicted counts worked out;
2. sources are held that predict less than ``npred_threshold`` counts, or that an earlier stage has
   already fitted with more than ``frac_threshold`` of the counts they predict now;
3. normalisations are fitted together, of the largest sources that make up ``npred_frac`` of all
   counts of the sources that are not held;
4. all free parameters of the sources that are not held are fitted together.

fermipy's ``optimize`` goes source by source in its last steps; a joint fit needs no such detour.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from latsky import spectra
from latsky.config.document import Section, Unset, message, read_yaml
from latsky.errors import InputErrors
from latsky.fit.parameters import FreeParameter
from latsky.fits.source_model import SourceModel


class SourceMask(Section):
    """Disks around sources that a stage leaves out."""

    radius: float = Field(gt=0, le=180, description="radius, degrees")
    names: tuple[str, ...] = Field(min_length=1, description="sources of the model")


class Stage(Section):
    """One stage of a fit."""

    key: str = Field(min_length=1, description="name of the stage in the results")
    mask: Annotated[str | dict[str, str] | None, Unset] = Field(
        default=None, description="file of likelihood weights, for all components or by component"
    )
    mask_plane: float | None = Field(
        default=None, ge=0, lt=90, description="leave out |b| below this, degrees"
    )
    mask_sources: SourceMask | None = Field(default=None, description="leave out disks")
    npred_threshold: float = Field(default=1e4, ge=0, description="counts below: source held")
    frac_threshold: float = Field(
        default=0.5, gt=0, description="earlier counts / counts now above: source held"
    )
    npred_frac: float = Field(
        default=0.9999, gt=0, le=1, description="share of counts whose sources are fitted first"
    )

    @property
    def masks(self) -> tuple[str, ...]:
        """Files of likelihood weights."""
        if self.mask is None:
            return ()
        return (self.mask,) if isinstance(self.mask, str) else tuple(self.mask.values())


EVERYTHING = Stage(key="all", npred_threshold=0.0)
"""what is done without a strategy"""


def read_strategy(path: Path) -> tuple[Stage, ...]:
    """Read a strategy. Raises InputErrors with every mistake."""
    document = read_yaml(path)
    if not isinstance(document.data, list) or not document.data:
        raise document.problem("must be a list of stages")
    adapter = TypeAdapter(Stage)
    stages, problems = [], []
    from pydantic import ValidationError

    for number, data in enumerate(document.data):
        try:
            stages.append(adapter.validate_python(data))
        except ValidationError as error:
            problems += [
                document.problem(message(detail, Stage), number, *detail["loc"])
                for detail in error.errors(include_url=False)
            ]
    keys = [stage.key for stage in stages]
    problems += [
        document.problem("a stage of this key appears twice", number, "key")
        for number, key in enumerate(keys)
        if key in keys[:number]
    ]
    if problems:
        raise InputErrors(problems)
    return tuple(stages)


@dataclass(frozen=True)
class Choice:
    """What a stage fits."""

    held: tuple[str, ...]
    """sources held"""
    norms: tuple[int, ...]
    """parameters of the first fit"""
    active: tuple[int, ...]
    """parameters of the second"""


def choose(
    stage: Stage,
    model: SourceModel,
    parameters: list[FreeParameter],
    counts: dict[str, float],
    earlier: dict[str, float],
) -> Choice:
    """Which parameters a stage fits, by weighted predicted counts now and in earlier stages."""
    free = {parameter.source for parameter in parameters}
    held = {
        name
        for name in free
        if counts[name] < stage.npred_threshold
        or earlier.get(name, 0.0) > stage.frac_threshold * counts[name]
    }
    ordered = sorted(free - held, key=lambda name: (-counts[name], name))
    total, largest = sum(counts[name] for name in ordered), set()
    gathered = 0.0
    for name in ordered:
        if gathered >= stage.npred_frac * total and largest:
            break
        largest.add(name)
        gathered += counts[name]
    norm = {source.name: norm_parameter(source.spectrum) for source in model}
    active = tuple(n for n, p in enumerate(parameters) if p.source not in held)
    norms = tuple(
        n for n, p in enumerate(parameters) if p.source in largest and p.name == norm.get(p.source)
    )
    return Choice(tuple(sorted(held)), norms, active)


def norm_parameter(spectrum) -> str:
    """The parameter that scales a spectrum."""
    if spectrum.kind == "FileFunction":
        return "Normalization"
    nodes = spectra.piecewise_nodes([p.name for p in spectrum.parameters])
    return spectra.form(spectrum.kind, nodes if spectrum.kind == "PiecewisePowerLaw" else 0).norm
