"""The time filter file: named selections of spacecraft data for gtmktime."""

from __future__ import annotations

import os
import string
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from latsky.config.document import Document, FileWord, Section, mapping, parse, read_yaml
from latsky.errors import Problems

DEFAULT_ALIASES = {"quality": "lat_config==1&&data_qual>0"}
DEFAULT_SELECTIONS = {"standard": "{quality}"}


class TimeFilterFile(Section):
    """Keys of a time filter file."""

    aliases: dict[str, str] = Field(
        default_factory=dict, description="expressions that selections may name in braces"
    )
    selections: dict[FileWord, str] = Field(description="filter key → expression with {alias}")


@dataclass(frozen=True)
class TimeFilters:
    """Filter expressions by key, aliases replaced."""

    document: Document
    expressions: dict[str, str]


def read_time_filters(path: str | os.PathLike[str] | None) -> TimeFilters:
    """Read a time filter file; None stands for the default filters (``standard``).

    Raises InputErrors naming every selection with an unknown alias.
    """
    if path is None:
        data = {"aliases": DEFAULT_ALIASES, "selections": DEFAULT_SELECTIONS}
        document = Document(Path("(default time filters)"), data)
    else:
        document = read_yaml(path)
    file = parse(TimeFilterFile, document, mapping(document))
    problems = Problems()
    expressions = {}
    for key, text in file.selections.items():
        place = ("selections", key)
        try:
            names = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
        except ValueError as error:
            problems.found.append(document.problem(f"braces do not match: {error}", *place))
            continue
        unknown = sorted(set(names) - set(file.aliases))
        for name in unknown:
            known = ", ".join(file.aliases) or "none"
            problems.found.append(
                document.problem(f"unknown alias {{{name}}}; known: {known}", *place)
            )
        if not unknown:
            expressions[key] = text.format_map(file.aliases).strip()
            if not expressions[key]:
                problems.found.append(document.problem("the expression is empty", *place))
    problems.raise_any()
    return TimeFilters(document, expressions)
