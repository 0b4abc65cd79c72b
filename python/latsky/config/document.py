"""YAML files with the line of every key, and models of them with messages a user can act on."""

from __future__ import annotations

import difflib
import os
import re
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from latsky.errors import InputError, InputErrors

Key = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


class Section(BaseModel):
    """A mapping of a configuration file; keys it does not know are errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, coerce_numbers_to_str=True, allow_inf_nan=False
    )


def _as_list(value: Any) -> Any:
    if value is None:
        return []
    return [value] if isinstance(value, str | int | float) else value


def _as_absent(value: Any) -> Any:
    unset = isinstance(value, str) and value.strip().lower() in ("none", "null", "indef", "")
    return None if unset else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
"""a list of words; one word alone stands for a list of it"""


def _file_word(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.+_-]+", text):
        raise ValueError(f"{text!r} becomes part of file names: letters, digits and . + - _ only")
    return text


FileWord = Annotated[str, AfterValidator(_file_word)]
"""a word that becomes part of file names"""

FileWords = Annotated[tuple[FileWord, ...], BeforeValidator(_as_list)]
"""a list of such words; one alone stands for a list of it"""

Unset = BeforeValidator(_as_absent)
"""marks a value for which the words none and INDEF stand for nothing given"""


@dataclass(frozen=True)
class Document:
    """Content of a YAML file, with line numbers by key."""

    path: Path
    data: Any
    lines: Mapping[Key, int] = field(default_factory=dict, repr=False)

    def problem(self, message: str, *key: str | int) -> InputError:
        """A mistake at ``key``; the line is the key's own, or that of the nearest key around it."""
        file = str(self.path)
        for length in range(len(key), 0, -1):
            if key[:length] in self.lines:
                file = f"{file}:{self.lines[key[:length]]}"
                break
        return InputError(message, file=file, key=key_text(key) or None)


def key_text(key: Key) -> str:
    """A key as messages write it: E0.psf_types.PSF3, cuts[0]."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read_yaml(path: str | os.PathLike[str]) -> Document:
    """Read a YAML file. Raises InputError when it is missing, not YAML, or repeats a key."""
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import DuplicateKeyError
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(error.strerror or str(error), file=path) from None
    except UnicodeDecodeError:
        raise InputError("not a text file", file=path) from None
    try:
        tree = YAML(typ="rt", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        file = f"{path}:{mark.line + 1}" if mark else str(path)
        if isinstance(error, DuplicateKeyError):
            message = (error.problem or "a key is given twice").splitlines()[0]
        else:
            message = f"not valid YAML: {error.problem or error.context}"
        raise InputError(message, file=file) from None
    except YAMLError as error:
        raise InputError(f"not valid YAML: {error}", file=path) from None
    lines: dict[Key, int] = {}
    return Document(path, _plain(tree, (), lines), lines)


def _plain(node: Any, key: Key, lines: dict[Key, int]) -> Any:
    """Builtin types of a ruamel tree; notes the line of every key."""
    if isinstance(node, Mapping):
        places = getattr(node, "lc", None)
        out = {}
        for name, value in node.items():
            text = str(name)
            if places is not None and places.data and name in places.data:
                lines[(*key, text)] = places.data[name][0] + 1
            out[text] = _plain(value, (*key, text), lines)
        return out
    if isinstance(node, list | tuple):
        return [_plain(value, (*key, number), lines) for number, value in enumerate(node)]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node if node is None else str(node)


def mapping(document: Document, *key: str | int) -> dict[str, Any]:
    """The mapping at ``key`` of a document. Raises InputError when it is something else."""
    node = document.data
    for part in key:
        node = node[part]
    if not isinstance(node, dict):
        found = "nothing" if node is None else f"a {type(node).__name__}"
        raise document.problem(f"must be a mapping of keys to values, is {found}", *key)
    return node


def parse(model: type[Model], document: Document, data: Any, *key: str | int) -> Model:
    """``data``, found at ``key`` of ``document``, as a model.

    Raises InputErrors with one entry for each key that is unknown, missing or of the wrong kind.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        # a list whose items are all wrong is not also too short
        inner = {
            detail["loc"][:length] for detail in details for length in range(len(detail["loc"]))
        }
        raise InputErrors(
            [
                document.problem(
                    message(detail, model),
                    *key,
                    *(part for part in detail["loc"] if part != "[key]"),
                )
                for detail in details
                if not (detail["type"] == "too_short" and detail["loc"] in inner)
            ]
        ) from None


def message(detail: ErrorDetails, model: type[BaseModel]) -> str:
    """One mistake that a model found, in words."""
    kind, text = detail["type"], detail["msg"]
    if kind == "extra_forbidden":
        return unknown_key(str(detail["loc"][-1]), _fields(model, detail["loc"][:-1]))
    if kind == "missing":
        return "required, but not given"
    if kind in ("value_error", "assertion_error"):
        return text.partition(", ")[2]
    if kind in ("model_type", "dict_type"):
        return "must be a mapping of keys to values"
    if kind == "too_short":
        return "is empty"
    text = text.removeprefix("Input ").replace("should be", "must be")
    return f"{text}, is {_shown(detail['input'])}"


def unknown_key(name: str, known: Iterable[str]) -> str:
    """What to say about a key that is not known, with the nearest that is."""
    known = list(known)
    near = difflib.get_close_matches(name, known, 1, 0.6)
    if near:
        return f"unknown key; did you mean {near[0]}?"
    return "unknown key" + (f"; known: {', '.join(known)}" if known else "")


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _fields(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """Names of the fields of the model that ``loc`` leads to; empty when that is no model."""
    for part in loc:
        field = model.model_fields.get(str(part))
        if field is None:
            continue
        inner = _inner_model(field.annotation)
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in typing.get_args(annotation):
        found = _inner_model(argument)
        if found is not None:
            return found
    return None
