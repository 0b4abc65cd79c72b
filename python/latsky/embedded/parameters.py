"""The Fermitools' command line: ``name=value``, with defaults, INDEF and ``@file`` lists.

Follows the PIL/APE conventions that the FTOOLS and Fermitools share: a value may follow its name
after ``=``, or stand alone, when it goes to the next parameter in order; names may be shortened as
long as they stay unique; ``mode`` and ``debug`` are understood by every command. Nothing is ever
prompted for: a parameter without default that is not given is an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from latsky.errors import InputError, Problems

INDEF = None
"""value of a number given as INDEF"""


@dataclass(frozen=True)
class Parameter:
    """One parameter: ``kind`` is file, string, real, int, bool or choice."""

    name: str
    kind: str
    default: Any = ...
    doc: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Command:
    """A command of the engine: its parameters in the Fermitools' order, and its body."""

    name: str
    doc: str
    parameters: tuple[Parameter, ...]
    run: Callable[[SimpleNamespace], None]


COMMON = (
    Parameter("chatter", "int", 2, "how much is printed, 0 to 4"),
    Parameter("clobber", "bool", True, "replace an existing output file"),
    Parameter("debug", "bool", False, "accepted, without effect"),
    Parameter("gui", "bool", False, "accepted, without effect"),
    Parameter("mode", "string", "ql", "accepted, without effect: nothing is prompted for"),
)


def parse(command: Command, arguments: Sequence[str]) -> SimpleNamespace:
    """Values of all parameters of ``command``.

    Raises InputErrors naming every parameter that is unknown, missing or of the wrong kind.
    """
    known = {parameter.name: parameter for parameter in (*command.parameters, *COMMON)}
    given: dict[str, str] = {}
    problems = Problems()
    order = [parameter.name for parameter in command.parameters]
    for argument in arguments:
        name, equals, value = argument.partition("=")
        name = name.strip()
        if not equals or not name.replace("_", "").isalnum():
            free = [candidate for candidate in order if candidate not in given]
            if not free:
                problems.add(f"too many values: {argument!r}", key=command.name)
                continue
            given[free[0]] = argument
            continue
        matches = [name] if name in known else [key for key in known if key.startswith(name)]
        if len(matches) != 1:
            problems.add("no such parameter", key=name)
            continue
        given[matches[0]] = value
    values = SimpleNamespace()
    for name, parameter in known.items():
        if name in given:
            value = problems.collect(lambda p=parameter, n=name: _convert(p, given[n]))
        elif parameter.default is ...:
            problems.add(f"required ({parameter.doc})", key=name)
            value = None
        else:
            value = parameter.default
        setattr(values, name, value)
    problems.raise_any()
    return values


def _convert(parameter: Parameter, text: str) -> Any:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    if parameter.kind in ("file", "string"):
        return text
    if parameter.kind == "choice":
        for choice in parameter.choices:
            if choice.lower() == text.lower():
                return choice
        raise InputError(f"{text!r} is none of {', '.join(parameter.choices)}", key=parameter.name)
    if parameter.kind == "bool":
        if text.lower() in ("yes", "y", "true", "t", "1"):
            return True
        if text.lower() in ("no", "n", "false", "f", "0"):
            return False
        raise InputError(f"{text!r} is neither yes nor no", key=parameter.name)
    if text.upper() in ("INDEF", "NONE", "UNDEF", ""):
        return INDEF
    try:
        number = int(text) if parameter.kind == "int" else float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{text!r} is not a number", key=parameter.name)
    return number


def is_none(name: str | None) -> bool:
    """Whether a file parameter says that there is no file."""
    return name is None or name.strip().lower() in ("", "none")


def expand_list(name: str, key: str = "infile") -> list[Path]:
    """Files a parameter stands for: itself, or the lines of ``@list``.

    Lines that are empty or begin with # are passed over. Raises InputError when the list cannot
    be read or is empty.
    """
    if not name.startswith("@"):
        return [Path(name)]
    listing = Path(name[1:])
    try:
        lines = [line.strip() for line in listing.read_text().splitlines()]
    except OSError as error:
        raise InputError(error.strerror or str(error), file=listing, key=key) from None
    files = [Path(line) for line in lines if line and not line.startswith("#")]
    if not files:
        raise InputError("the list names no file", file=listing, key=key)
    return files


def usage(command: Command) -> str:
    """Help text of a command."""
    lines = [f"{command.name}: {command.doc}", "", "parameters (name=value):"]
    for parameter in command.parameters:
        default = "" if parameter.default is ... else f" [{_shown(parameter.default)}]"
        kind = "|".join(parameter.choices) if parameter.choices else parameter.kind
        lines.append(f"  {parameter.name:<20} {kind:<8} {parameter.doc}{default}")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if value is None:
        return "INDEF"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
