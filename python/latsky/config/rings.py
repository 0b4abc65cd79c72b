"""The files that define merged gas rings: which ring maps of GALPROP are added."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

from latsky import naming
from latsky.config.document import (
    Document,
    FileWord,
    FileWords,
    Names,
    Section,
    mapping,
    parse,
)
from latsky.errors import InputErrors


def _rising(values: tuple[int, ...]) -> tuple[int, ...]:
    if len(values) < 2 or any(b <= a for a, b in pairwise(values)):
        raise ValueError("must be at least two rising numbers")
    return values


class RingsFile(Section):
    """Keys of a file that defines merged rings."""

    galprop_run: FileWord = Field(description="GALPROP run, part of the names of the ring maps")
    ring_limits: Annotated[tuple[int, ...], AfterValidator(_rising)] = Field(
        description="merged ring i is made of the GALPROP rings from limit i up to, not "
        "including, limit i+1"
    )
    diffuse_comp_dict: dict[FileWord, Annotated[FileWords, Field(min_length=1)]] = Field(
        min_length=1, description="merged component → GALPROP components"
    )
    remove_rings: Names = Field(default=(), description="merged rings to leave out")


@dataclass(frozen=True)
class MergedRing:
    """A merged gas ring: the sum of ``inputs``."""

    name: str
    version: str
    inputs: tuple[str, ...]
    output: str
    origin: str

    @property
    def key(self) -> str:
        """Key in file names, e.g. merged_CO_2_ref."""
        return naming.source_key(self.name, self.version)


def read_rings(document: Document, version: str, projection: str = "healpix") -> list[MergedRing]:
    """Merged rings of a definition, in the order of components and rings. Raises InputErrors."""
    file = parse(RingsFile, document, mapping(document))
    made = []
    for merged, components in sorted(file.diffuse_comp_dict.items()):
        for number, (first, last) in enumerate(pairwise(file.ring_limits)):
            name = naming.ring_name(merged, number)
            inputs = tuple(
                naming.galprop_gasmap(component, ring, file.galprop_run, projection)
                for component in components
                for ring in range(first, last)
            )
            output = naming.merged_gasmap(naming.source_key(name, version), projection)
            made.append(MergedRing(name, version, inputs, output, str(document.path)))
    known = {ring.name for ring in made}
    strange = [name for name in file.remove_rings if name not in known]
    if strange:
        raise InputErrors(
            [
                document.problem(f"there is no ring {name!r} to remove", "remove_rings")
                for name in strange
            ]
        )
    return [ring for ring in made if ring.name not in file.remove_rings]
