"""The binning file: energy ranges, each with event types, zenith cut and HEALPix order."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from latsky.config.document import Document, Names, Section, Unset, mapping, parse, read_yaml
from latsky.config.selections import event_class, event_type_mask
from latsky.errors import InputError, InputErrors, Problems
from latsky.naming import component_key, component_name

EDGE_TOLERANCE = 1e-6
"""largest difference in log10(E) between log_emin, log_emax and the ends of logebins"""


_RELATED = {"log_emin", "log_emax", "enumbins", "logebins", "tmin", "tmax"}
"""keys that must agree with one another"""


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


class ComponentSettings(Section):
    """Keys of an energy range, after those of one event type have been laid over them."""

    log_emin: float | None = Field(default=None, description="log10 of the lowest energy in MeV")
    log_emax: float | None = Field(default=None, description="log10 of the highest energy in MeV")
    enumbins: int | None = Field(default=None, ge=1, description="number of energy bins")
    logebins: tuple[float, ...] | None = Field(
        default=None, description="log10 of the bin edges in MeV, instead of equal bins"
    )
    zmax: float = Field(gt=0, le=180, description="largest zenith angle, deg")
    hpx_order: int = Field(ge=0, le=13, description="HEALPix order of the counts cube")
    coordsys: Annotated[Literal["GAL", "CEL"], BeforeValidator(_upper)] = Field(
        default="GAL", description="coordinates of the maps"
    )
    mktimefilters: Names = Field(default=(), description="keys of time filters")
    evtclasses: Names = Field(default=(), description="event classes, instead of the data set's")
    tmin: Annotated[float | None, Unset] = Field(default=None, description="start, MET s")
    tmax: Annotated[float | None, Unset] = Field(default=None, description="end, MET s")

    @model_validator(mode="after")
    def _consistent(self) -> ComponentSettings:
        if self.logebins is None:
            for name in ("log_emin", "log_emax", "enumbins"):
                if getattr(self, name) is None:
                    raise ValueError(f"{name} is required (or logebins)")
            if not self.log_emin < self.log_emax:
                raise ValueError(
                    f"log_emin {self.log_emin:g} is not below log_emax {self.log_emax:g}"
                )
        else:
            if len(self.logebins) < 2 or any(
                upper <= lower
                for lower, upper in zip(self.logebins, self.logebins[1:], strict=False)
            ):
                raise ValueError("logebins must be at least two rising values")
            for name, edge in (("log_emin", self.logebins[0]), ("log_emax", self.logebins[-1])):
                given = getattr(self, name)
                if given is not None and abs(given - edge) > EDGE_TOLERANCE:
                    raise ValueError(f"{name} {given:g} differs from the end of logebins, {edge:g}")
            if self.enumbins not in (None, len(self.logebins) - 1):
                raise ValueError(
                    f"enumbins {self.enumbins} differs from logebins: {len(self.logebins) - 1} bins"
                )
        if self.tmin is not None and self.tmax is not None and not self.tmin < self.tmax:
            raise ValueError(f"tmin {self.tmin:g} is not before tmax {self.tmax:g}")
        return self

    @property
    def edges(self) -> tuple[float, ...]:
        """Edges of the energy bins in MeV; the ends are exactly 10^log_emin and 10^log_emax."""
        if self.logebins is not None:
            return tuple(math.pow(10.0, value) for value in self.logebins)
        emin, emax = math.pow(10.0, self.log_emin), math.pow(10.0, self.log_emax)
        step = math.log(emax / emin) / self.enumbins
        inner = (emin * math.exp(step * number) for number in range(1, self.enumbins))
        return (emin, *inner, emax)


@dataclass(frozen=True)
class BinningComponent:
    """One energy range with one event type."""

    ebin: str
    evtype_name: str
    evtype: int
    settings: ComponentSettings
    edges: tuple[float, ...]
    """edges of the energy bins, MeV"""

    @property
    def name(self) -> str:
        """Short name, e.g. E3_PSF3."""
        return component_name(self.ebin, self.evtype_name)

    @property
    def key(self) -> str:
        """Key in file names, e.g. zmax105_E3_PSF3."""
        return component_key(self.settings.zmax, self.ebin, self.evtype_name)

    @property
    def emin(self) -> float:
        """Lower end of the energy range, MeV."""
        return self.edges[0]

    @property
    def emax(self) -> float:
        """Upper end of the energy range, MeV."""
        return self.edges[-1]

    @property
    def ebinalg(self) -> str:
        """Energy binning of gtbin: LOG, or FILE for the user's edges."""
        return "LOG" if self.settings.logebins is None else "FILE"


@dataclass(frozen=True)
class BinningConfig:
    """A binning file, read and checked: components in the order of names."""

    document: Document
    components: tuple[BinningComponent, ...]


def read_binning(path: str | os.PathLike[str]) -> BinningConfig:
    """Read a binning file. Raises InputErrors naming every key that is wrong."""
    document = read_yaml(path)
    data = mapping(document)
    problems = Problems()
    components: list[BinningComponent] = []
    common = {name: data[name] for name in ("coordsys",) if name in data}
    ranges = [name for name in data if name not in common]
    if not ranges:
        problems.found.append(document.problem("no energy range is defined"))
    for ebin in sorted(ranges):
        problems.collect(lambda e=ebin: components.extend(_energy_range(document, e, common)))
    problems.found = _distinct(problems.found)
    problems.raise_any()
    return BinningConfig(document, tuple(components))


def _energy_range(document: Document, ebin: str, common: dict[str, Any]) -> list[BinningComponent]:
    keys = dict(mapping(document, ebin))
    if not ebin.replace("-", "").replace("+", "").replace(".", "").isalnum():
        raise document.problem(
            "names of energy ranges become part of file names: letters, digits and . + - only", ebin
        )
    if "psf_types" not in keys:
        raise document.problem("required, but not given", ebin, "psf_types")
    types = mapping(document, ebin, "psf_types")
    if not types:
        raise document.problem("names no event type", ebin, "psf_types")
    del keys["psf_types"]
    problems = Problems()
    components = []
    for evtype in sorted(types):
        found = problems.collect(
            lambda t=evtype: _component(document, ebin, t, {**common, **keys}, types[t])
        )
        if found is not None:
            components.append(found)
    problems.raise_any()
    return components


def _component(
    document: Document, ebin: str, evtype: str, keys: dict[str, Any], own: Any
) -> BinningComponent:
    place = (ebin, "psf_types", evtype)
    if own is None:
        own = {}
    if not isinstance(own, dict):
        raise document.problem("must be a mapping of keys to values", *place)
    try:
        mask = event_type_mask(evtype)
    except InputError as error:
        raise document.problem(error.message, *place) from None
    try:
        settings = parse(ComponentSettings, Document(document.path, None), {**keys, **own})
    except InputErrors as errors:
        raise InputErrors(
            [_placed(document, error, ebin, place, keys, own) for error in errors.problems]
        ) from None
    for name in settings.evtclasses:
        try:
            event_class(name)
        except InputError as error:
            at = place if "evtclasses" in own else (ebin,)
            raise document.problem(error.message, *at, "evtclasses") from None
    return BinningComponent(ebin, evtype, mask, settings, settings.edges)


def _placed(
    document: Document,
    error: InputError,
    ebin: str,
    place: tuple[str, ...],
    keys: dict[str, Any],
    own: dict[str, Any],
) -> InputError:
    """The mistake where its key stands: the event type's, the range's or the file's mapping."""
    key = error.key or ""
    first = key.partition("[")[0].partition(".")[0]
    if not first:
        at: tuple[str, ...] = place if own.keys() & _RELATED else (ebin,)
    elif first in own:
        at = place
    elif first in keys:
        at = (ebin,) if first in mapping(document, ebin) else ()
    else:
        at = place if first == "hpx_order" else (ebin,)
    return document.problem(error.message, *at, *((key,) if key else ()))


def _distinct(problems: list[InputError]) -> list[InputError]:
    """Each message once: event types of a range repeat the mistakes of the range."""
    return list({str(problem): problem for problem in problems}.values())
