"""Filter expressions on table rows, in the language of CFITSIO's row filter.

``compile_filter("(DATA_QUAL>0) && LAT_CONFIG==1 && ABS(ROCK_ANGLE)<52", table)`` gives a function
of raw rows. The text is parsed here and never handed to Python.

Operators, loosest first, with CFITSIO's precedence: ``? :``; ``||`` (``.or.``); ``&&`` (``.and.``);
``== != ~`` (``.eq. .ne.``; ``~`` is equality to 1e-7) and ``x = low : high``, a closed range;
``< <= > >=`` (``.lt. .le. .gt. .ge.``); ``+ - %``; ``* /``; ``^ **``; unary ``- + !`` (``.not.``).
Names of columns, functions and the constants ``T F TRUE FALSE #PI #E #DEG`` may be in any case;
``NAME[2]`` is an element of a vector column, ``$NAME$`` a name with odd characters. Trigonometric
functions take radians, ``ANGSEP(ra1, dec1, ra2, dec2)`` degrees. Whole numbers divide to whole
numbers, as in C. A logical is not a number: ``IN_SAA != T`` compares logicals, ``DATA_QUAL > 0``
numbers, and a mixture is an error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latsky.errors import InputError
from latsky.fits.core import Table, column_values
from latsky.fits.dss import separation

Evaluator = Callable[[np.ndarray], np.ndarray]
"""values of an expression on raw rows"""


@dataclass(frozen=True)
class Expression:
    """A parsed expression: its type and how to evaluate it.

    ``logical`` tells truth values from numbers.
    """

    logical: bool
    evaluate: Evaluator


_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?(?![A-Za-z_]))"
    r"|(?P<word>\.(?:and|or|not|eq|ne|lt|le|gt|ge)\.)"
    r"|(?P<constant>\#(?:pi|e|deg)\b)"
    r"|(?P<name>[A-Za-z_]\w*|\$[^$]+\$)"
    r"|(?P<operator>&&|\|\||==|!=|<=|>=|=<|=>|\*\*|[-+*/%^()\[\],<>!?:=~])"
    r")",
    re.IGNORECASE,
)
_WORDS = {
    ".and.": "&&",
    ".or.": "||",
    ".not.": "!",
    ".eq.": "==",
    ".ne.": "!=",
    ".lt.": "<",
    ".le.": "<=",
    ".gt.": ">",
    ".ge.": ">=",
}
_SAME = {"=<": "<=", "=>": ">=", "**": "^"}
_CONSTANTS = {"#pi": math.pi, "#e": math.e, "#deg": math.pi / 180}
_COMPARE: dict[str, Callable[..., np.ndarray]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "~": lambda one, other: np.abs(np.subtract(one, other)) < 1e-7,
}
_DEPTH = 32
"""parentheses and signs within one another, at most"""


def _near(value: np.ndarray, target: np.ndarray, tolerance: np.ndarray) -> np.ndarray:
    return np.abs(np.subtract(value, target)) < tolerance


def _real(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    return lambda *values: function(*(np.asarray(value, np.float64) for value in values))


_FUNCTIONS: dict[str, tuple[int, Callable[..., np.ndarray], bool]] = {
    "ABS": (1, np.abs, False),
    "SQRT": (1, _real(np.sqrt), False),
    "SIN": (1, _real(np.sin), False),
    "COS": (1, _real(np.cos), False),
    "TAN": (1, _real(np.tan), False),
    "ARCSIN": (1, _real(np.arcsin), False),
    "ARCCOS": (1, _real(np.arccos), False),
    "ARCTAN": (1, _real(np.arctan), False),
    "ASIN": (1, _real(np.arcsin), False),
    "ACOS": (1, _real(np.arccos), False),
    "ATAN": (1, _real(np.arctan), False),
    "ARCTAN2": (2, _real(np.arctan2), False),
    "ATAN2": (2, _real(np.arctan2), False),
    "SINH": (1, _real(np.sinh), False),
    "COSH": (1, _real(np.cosh), False),
    "TANH": (1, _real(np.tanh), False),
    "EXP": (1, _real(np.exp), False),
    "LOG": (1, _real(np.log), False),
    "LOG10": (1, _real(np.log10), False),
    "FLOOR": (1, _real(np.floor), False),
    "CEIL": (1, _real(np.ceil), False),
    "ROUND": (1, _real(lambda x: np.floor(x + 0.5)), False),
    "INT": (1, lambda x: np.trunc(np.asarray(x, np.float64)).astype(np.int64), False),
    "DOUBLE": (1, _real(lambda x: x), False),
    "MIN": (2, np.minimum, False),
    "MAX": (2, np.maximum, False),
    "ANGSEP": (4, separation, False),
    "NEAR": (3, _near, True),
    "ISNAN": (1, _real(np.isnan), True),
}
"""name → number of arguments, function, whether its value is logical"""


def compile_filter(text: str, table: Table) -> Evaluator:
    """A filter on raw rows of ``table``: gives the truth value of each row, shape (n,), bool.

    An empty text lets every row pass. Raises InputError, naming the place in the text, when it
    cannot be parsed, names no column of the table, mixes logicals with numbers or is not logical.
    """
    if not text.strip():
        return lambda rows: np.ones(len(rows), bool)
    parsed = _Parser(text, table).parse()
    if not parsed.logical:
        raise InputError(f"the expression {text!r} is not true or false", key="filter")

    def evaluate(rows: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.broadcast_to(parsed.evaluate(rows), (len(rows),)).astype(bool)

    return evaluate


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str, table: Table) -> None:
        self.text, self.table = text, table
        self.tokens = self._tokens()
        self.at = 0
        self.depth = 0

    def _tokens(self) -> list[tuple[str, str, int]]:
        """Tokens as (kind, text, place); the last is ('end', '', length)."""
        tokens, at, text = [], 0, self.text
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                place = at + len(text[at:]) - len(text[at:].lstrip())
                raise self._error(f"unexpected {text[place]!r}", place)
            kind, value = match.lastgroup, match.group(match.lastgroup)
            if kind == "word":
                kind, value = "operator", _WORDS[value.lower()]
            tokens.append((kind, _SAME.get(value, value), match.start(match.lastgroup)))
            at = match.end()
        return [*tokens, ("end", "", len(text))]

    def _error(self, message: str, place: int) -> InputError:
        return InputError(f"{message} at character {place + 1} of {self.text!r}", key="filter")

    def _is(self, *operators: str) -> bool:
        kind, value, _ = self.tokens[self.at]
        return kind == "operator" and value in operators

    def _take(self) -> tuple[str, str, int]:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def _expect(self, operator: str) -> None:
        if not self._is(operator):
            _, value, place = self.tokens[self.at]
            raise self._error(f"{operator!r} expected, not {value or 'the end'!r}", place)
        self.at += 1

    def parse(self) -> Expression:
        result = self._choice()
        kind, value, place = self.tokens[self.at]
        if kind != "end":
            raise self._error(f"unexpected {value!r}", place)
        return result

    def _choice(self) -> Expression:
        self.depth += 1
        if self.depth > _DEPTH:
            raise self._error("too deeply nested", self.tokens[self.at][2])
        test = self._either()
        if self._is("?"):
            place = self._take()[2]
            yes = self._choice()
            self._expect(":")
            no = self._choice()
            if not test.logical or yes.logical != no.logical:
                raise self._error("logicals and numbers are mixed", place)
            test = _apply(np.where, yes.logical, test, yes, no)
        self.depth -= 1
        return test

    def _either(self) -> Expression:
        return self._logical("||", np.logical_or, self._both)

    def _both(self) -> Expression:
        return self._logical("&&", np.logical_and, self._equality)

    def _logical(
        self, operator: str, function: Callable[..., np.ndarray], part: Callable[[], Expression]
    ) -> Expression:
        parts = [part()]
        while self._is(operator):
            place = self._take()[2]
            parts.append(part())
            if not (parts[-2].logical and parts[-1].logical):
                raise self._error(f"{operator} needs a condition on both sides", place)
        if len(parts) == 1:
            return parts[0]

        def evaluate(rows: np.ndarray) -> np.ndarray:
            # a loop, not nested calls: conditions with hundreds of terms are usual
            truth = parts[0].evaluate(rows)
            for each in parts[1:]:
                truth = function(truth, each.evaluate(rows))
            return truth

        return Expression(True, evaluate)

    def _equality(self) -> Expression:
        left = self._order()
        while self._is("==", "!=", "~", "="):
            _, operator, place = self._take()
            right = self._order()
            if operator == "=":
                self._expect(":")
                high = self._order()
                self._need_numbers(operator, place, left, right, high)
                left = _apply(_within, True, left, right, high)
                continue
            if left.logical != right.logical:
                raise self._error(f"{operator} compares a condition with a number", place)
            if operator == "~":
                self._need_numbers(operator, place, left)
            left = _apply(_COMPARE[operator], True, left, right)
        return left

    def _order(self) -> Expression:
        left = self._sum()
        while self._is("<", "<=", ">", ">="):
            _, operator, place = self._take()
            right = self._sum()
            self._need_numbers(operator, place, left, right)
            left = _apply(_COMPARE[operator], True, left, right)
        return left

    def _sum(self) -> Expression:
        return self._arithmetic({"+": np.add, "-": np.subtract, "%": _modulus}, self._product)

    def _product(self) -> Expression:
        return self._arithmetic({"*": np.multiply, "/": _divide}, self._power)

    def _arithmetic(
        self, operators: dict[str, Callable[..., np.ndarray]], part: Callable[[], Expression]
    ) -> Expression:
        left = part()
        while self._is(*operators):
            _, operator, place = self._take()
            right = part()
            self._need_numbers(operator, place, left, right)
            left = _apply(operators[operator], False, left, right)
        return left

    def _need_numbers(self, operator: str, place: int, *parts: Expression) -> None:
        if any(part.logical for part in parts):
            raise self._error(f"{operator} needs numbers", place)

    def _sign(self) -> Expression:
        if not self._is("-", "+", "!"):
            return self._atom()
        _, operator, place = self._take()
        self.depth += 1
        if self.depth > _DEPTH:
            raise self._error("too deeply nested", place)
        operand = self._sign()
        self.depth -= 1
        if operator == "!":
            if not operand.logical:
                raise self._error("! needs a condition", place)
            return _apply(np.logical_not, True, operand)
        self._need_numbers(operator, place, operand)
        return _apply(np.negative, False, operand) if operator == "-" else operand

    def _power(self) -> Expression:
        left = self._sign()
        if not self._is("^"):
            return left
        place = self._take()[2]
        exponent = self._power()
        self._need_numbers("^", place, left, exponent)
        return _apply(_real(np.power), False, left, exponent)

    def _atom(self) -> Expression:
        kind, value, place = self._take()
        if kind == "number":
            return _number(value)
        if kind == "constant":
            return _constant(_CONSTANTS[value.lower()])
        if kind == "operator" and value == "(":
            inside = self._choice()
            self._expect(")")
            return inside
        if kind == "name":
            if self._is("("):
                return self._function(value, place)
            return self._name(value.strip("$").strip(), place)
        raise self._error(f"a value is expected, not {value or 'the end'!r}", place)

    def _function(self, name: str, place: int) -> Expression:
        known = _FUNCTIONS.get(name.upper())
        if known is None:
            raise self._error(f"no function {name}", place)
        count, function, logical = known
        self._take()
        arguments: list[Expression] = []
        while not self._is(")"):
            if arguments:
                self._expect(",")
            arguments.append(self._choice())
        self._take()
        if len(arguments) != count:
            raise self._error(f"{name} takes {count} values, not {len(arguments)}", place)
        self._need_numbers(name, place, *arguments)
        return _apply(function, logical, *arguments)

    def _name(self, name: str, place: int) -> Expression:
        if name not in self.table:
            if name.upper() in ("T", "TRUE", "F", "FALSE"):
                truth = name.upper() in ("T", "TRUE")
                return Expression(True, lambda rows: np.bool_(truth))
            extension = self.table.header.get("EXTNAME", "the table")
            raise self._error(f"no column {name} in {extension}", place)
        info = self.table.info(name)
        element = self._element(name, place)
        if element is None and info.shape:
            raise self._error(f"{name} is a vector: {name}[1] is its first element", place)
        if element is not None and not (len(info.shape) == 1 and 1 <= element <= info.shape[0]):
            raise self._error(f"{name} has no element {element}", place)
        if info.dtype.kind not in "iufS" or (
            info.dtype.kind == "S" and not info.form.endswith("L")
        ):
            raise self._error(f"{name} (form {info.form}) is not a number", place)

        def evaluate(rows: np.ndarray) -> np.ndarray:
            values = column_values(info, rows)
            values = values if element is None else values[:, element - 1]
            # like CFITSIO: whole numbers in 64 bits, others in double precision
            return values if values.dtype.kind == "b" else values.astype(_wide(values.dtype))

        return Expression(info.form.endswith("L"), evaluate)

    def _element(self, name: str, place: int) -> int | None:
        if not self._is("["):
            return None
        self._take()
        kind, value, _ = self._take()
        if kind != "number" or not value.isdigit():
            raise self._error(f"the element of {name} is not a number", place)
        self._expect("]")
        return int(value)


def _wide(dtype: np.dtype) -> type:
    return np.int64 if dtype.kind in "iu" else np.float64


def _number(text: str) -> Expression:
    if text.isdigit() and len(text) < 19:
        return _constant(int(text))
    return _constant(float(re.sub("[dD]", "e", text)))


def _constant(value: float) -> Expression:
    held = np.int64(value) if isinstance(value, int) else np.float64(value)
    return Expression(False, lambda rows: held)


def _apply(function: Callable[..., np.ndarray], logical: bool, *parts: Expression) -> Expression:
    return Expression(logical, lambda rows: function(*(part.evaluate(rows) for part in parts)))


def _within(value: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return (value >= low) & (value <= high)


def _whole(*values: np.ndarray) -> bool:
    return all(np.asarray(value).dtype.kind in "iu" for value in values)


def _divide(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    if not _whole(one, other):
        return np.true_divide(one, other)
    safe = np.where(other == 0, 1, other)
    # towards zero, as in C; a division by zero gives 0, which no row should depend on
    quotient = np.abs(one) // np.abs(safe) * np.sign(one) * np.sign(safe)
    return np.where(other == 0, 0, quotient)


def _modulus(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    safe = np.where(np.asarray(other) == 0, 1, other)
    return np.where(np.asarray(other) == 0, 0, np.fmod(one, safe))
