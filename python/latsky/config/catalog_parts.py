"""The files that divide a catalogue into parts."""

from __future__ import annotations

import os
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from latsky.config.document import Document, FileWord, Section, mapping, parse
from latsky.errors import InputErrors

REMAINDER = "remainder"
REMAINDER_KEY = "remain"
"""key of the part of a catalogue that no rule takes"""


class CatalogCut(Section):
    """A range of a catalogue column, both ends included."""

    cut_var: str = Field(description="column")
    min_val: float | None = None
    max_val: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> CatalogCut:
        if self.min_val is None and self.max_val is None:
            raise ValueError("min_val or max_val is required")
        if None not in (self.min_val, self.max_val) and self.min_val > self.max_val:
            raise ValueError(f"min_val {self.min_val:g} is above max_val {self.max_val:g}")
        return self


class CutWord(Section):
    """A cut by name: only extended sources, or none of them."""

    word: Literal["mask_extended", "select_extended"]


CUT_WORDS = typing.get_args(CutWord.model_fields["word"].annotation)


def _cut(value: Any) -> Any:
    if isinstance(value, str) and value not in CUT_WORDS:
        raise ValueError(f"{value!r} is none of {', '.join(CUT_WORDS)}")
    return CutWord(word=value) if isinstance(value, str) else CatalogCut.model_validate(value)


class CatalogRule(Section):
    """A part of a catalogue: sources that pass all cuts."""

    cuts: tuple[Annotated[CatalogCut | CutWord, BeforeValidator(_cut)], ...] = Field(min_length=1)
    merge: bool = Field(default=True, description="one merged component, or single sources")


class Remainder(Section):
    """The sources that no rule takes."""

    merge: bool = False


class CatalogFile(Section):
    """Keys of a file that divides a catalogue."""

    catalog_name: FileWord = Field(description="name of the catalogue in source names")
    catalog_file: str = Field(description="FITS table of the sources")
    catalog_extdir: str = Field(description="directory of the templates of extended sources")
    catalog_type: str = Field(description="format, e.g. 4FGL-DR4")
    rules_dict: dict[FileWord, CatalogRule] = Field(default_factory=dict)
    remainder: Remainder = Field(default_factory=Remainder)


@dataclass(frozen=True)
class CatalogParts:
    """A catalogue and the rules that divide it."""

    name: str
    version: str
    document: Document
    file: CatalogFile

    @property
    def catalog_path(self) -> str:
        """Catalogue file, environment variables replaced."""
        return os.path.expandvars(self.file.catalog_file)

    @property
    def extended_path(self) -> str:
        """Directory of extended templates, environment variables replaced."""
        return os.path.expandvars(self.file.catalog_extdir)


def read_catalog_file(document: Document) -> CatalogFile:
    """The definition of the parts of a catalogue; ``remainder`` may stand among the rules.

    Raises InputErrors.
    """
    data = dict(mapping(document))
    rules = data.get("rules_dict")
    place: tuple[str, ...] = ()
    if isinstance(rules, dict):
        if REMAINDER_KEY in rules:
            raise document.problem(
                f"{REMAINDER_KEY} is the name of what no rule takes", "rules_dict", REMAINDER_KEY
            )
        if REMAINDER in rules:
            if REMAINDER in data:
                raise document.problem("given twice", "rules_dict", REMAINDER)
            place = ("rules_dict",)
            data[REMAINDER] = rules[REMAINDER]
            data["rules_dict"] = {name: rules[name] for name in rules if name != REMAINDER}
    if data.get(REMAINDER, {}) is None:
        del data[REMAINDER]
    try:
        return parse(CatalogFile, document, data)
    except InputErrors as errors:
        raise InputErrors(
            [
                document.problem(error.message, *place, *_split(error.key))
                if (error.key or "").startswith(REMAINDER)
                else error
                for error in errors.problems
            ]
        ) from None


def _split(key: str | None) -> list[str]:
    return (key or "").split(".")
