"""Errors that are a user's to mend, and how a command reports them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass
class InputError(Exception):
    """A mistake in an input: one message, naming file and key where they are known."""

    message: str
    file: str | os.PathLike[str] | None = None
    key: str | None = None

    def __str__(self) -> str:
        place = [os.fspath(self.file)] if self.file is not None else []
        place += [self.key] if self.key else []
        return ": ".join([*place, self.message])


@dataclass
class InputErrors(Exception):
    """Several mistakes, found in one go."""

    problems: list[InputError]

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


@dataclass
class Problems:
    """Collects mistakes so that a user sees all of them at once."""

    found: list[InputError] = field(default_factory=list)

    def add(
        self,
        message: str,
        file: str | os.PathLike[str] | None = None,
        key: str | None = None,
    ) -> None:
        """Note one mistake."""
        self.found.append(InputError(message, file, key))

    def collect(self, action: Callable[[], Result]) -> Result | None:
        """Call ``action``; note what it raises and return None, else return its value."""
        try:
            return action()
        except InputError as error:
            self.found.append(error)
        except InputErrors as errors:
            self.found.extend(errors.problems)
        return None

    def each(self, action: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Results of ``action`` for every item; raises InputErrors with the mistakes in all."""
        results = [self.collect(lambda i=item: action(i)) for item in items]
        self.raise_any()
        return [result for result in results if result is not None]

    def raise_any(self) -> None:
        """Raise InputErrors when anything was noted."""
        if self.found:
            raise InputErrors(self.found)


def guarded(name: str, action: Callable[[], int | None]) -> int:
    """Run a command's body and turn its errors into messages and an exit status.

    0 success; 2 a mistake in the input; 1 the machine's fault (disk full, no permission).
    Programming errors keep their traceback.
    """
    try:
        return action() or 0
    except (InputError, InputErrors) as error:
        for line in str(error).splitlines():
            print(f"{name}: error: {line}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"{name}: error: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
