"""Dividing a catalogue among components by rules.

A rule is a list of cuts that a source must all pass. No source may match two rules: it would be
counted twice. What no rule matches is the remainder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latsky.catalog.read import Catalog
from latsky.errors import InputError, Problems

REMAINDER = "remain"
"""key of the sources that no rule matches, as in fermipy"""
MASK_EXTENDED, SELECT_EXTENDED = "mask_extended", "select_extended"


@dataclass(frozen=True)
class Range:
    """A cut on a column, both ends inclusive; a value that is no number passes no range."""

    column: str
    minimum: float | None = None
    maximum: float | None = None


Cut = Range | str
"""a range, or one of the words mask_extended and select_extended"""


@dataclass(frozen=True)
class Rule:
    """A named set of cuts; ``merge`` sums its sources into one component."""

    name: str
    cuts: tuple[Cut, ...]
    merge: bool = True


@dataclass(frozen=True)
class Part:
    """The sources of a rule: row numbers, rising."""

    name: str
    merge: bool
    numbers: np.ndarray


def match(catalog: Catalog, cut: Cut) -> np.ndarray:
    """Which sources pass a cut, (n,) bool. Raises InputError for an unknown word or column."""
    if isinstance(cut, Range):
        values = catalog.column(cut.column)
        passed = np.isfinite(values)
        if cut.minimum is not None:
            passed &= values >= cut.minimum
        if cut.maximum is not None:
            passed &= values <= cut.maximum
        return passed
    if cut == MASK_EXTENDED:
        return ~catalog.extended
    if cut == SELECT_EXTENDED:
        return catalog.extended
    raise InputError(f"unknown cut {cut!r}; known are {MASK_EXTENDED}, {SELECT_EXTENDED}")


def divide(
    catalog: Catalog, rules: Sequence[Rule], remainder_merge: bool = False
) -> tuple[Part, ...]:
    """Parts of the catalogue in the order of the rules, then the remainder.

    Parts are disjoint and cover the catalogue. Raises InputErrors: sources that match two rules
    (naming both), rules of one name, unknown cuts.
    """
    problems = Problems()
    names = [rule.name for rule in rules]
    for name in sorted({name for name in names if names.count(name) > 1 or name == REMAINDER}):
        problems.add("this name is taken twice", catalog.path, name)
    owner = np.full(len(catalog), -1)
    clashes: dict[tuple[int, int], list[str]] = {}
    for number, rule in enumerate(rules):
        matched = np.ones(len(catalog), bool)
        for cut in rule.cuts:
            try:
                matched &= match(catalog, cut)
            except InputError as error:
                problems.add(error.message, catalog.path, f"{rule.name}.cuts")
        for row in np.flatnonzero(matched & (owner >= 0)):
            pair = (int(owner[row]), number)
            clashes.setdefault(pair, []).append(catalog.sources[row].name)
        owner[matched & (owner < 0)] = number
    for (first, second), sources in clashes.items():
        some = ", ".join(sources[:3]) + (" …" if len(sources) > 3 else "")
        problems.add(
            f"{len(sources)} sources match both rules {rules[first].name} and "
            f"{rules[second].name} and would count twice: {some}",
            catalog.path,
            "rules_dict",
        )
    problems.raise_any()
    parts = [
        Part(rule.name, rule.merge, np.flatnonzero(owner == number))
        for number, rule in enumerate(rules)
    ]
    return (*parts, Part(REMAINDER, remainder_merge, np.flatnonzero(owner < 0)))
