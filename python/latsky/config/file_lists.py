"""Lists of files: a name, a pattern, a text list, or several of these."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from latsky.errors import InputError, Problems

LIST_SUFFIXES = (".lst", ".txt", ".list")
_PATTERN = "*?["


@dataclass(frozen=True)
class Directories:
    """Where relative names are looked for, in this order."""

    places: tuple[Path, ...]

    def resolve(self, name: str | os.PathLike[str]) -> Path:
        """The file where it exists, else where it was looked for first.

        ``~`` and ``$NAME`` are replaced.
        """
        path = Path(os.path.expandvars(os.fspath(name))).expanduser()
        if path.is_absolute():
            return path
        candidates = [place / path for place in self.places]
        return next((found for found in candidates if found.exists()), [*candidates, path][0])

    def before(self, place: Path) -> Directories:
        """These, after another one."""
        return Directories(tuple(dict.fromkeys((place, *self.places))))


@dataclass(frozen=True)
class ListedFile:
    """A file with the place that names it: ``origin`` (file and line) and ``key``."""

    path: Path
    origin: str
    key: str

    def problem(self, message: str) -> InputError:
        """A mistake in this file."""
        return InputError(message, file=self.path, key=self.key)


def read_file_list(
    names: str | Sequence[str],
    origin: str,
    key: str,
    directories: Directories,
    problems: Problems,
) -> list[ListedFile]:
    """All files that ``names`` stands for and that exist, in order.

    A name that ends in .lst, .txt or .list, or begins with @, is a text file with one name a line
    (empty lines and those that begin with # are passed over); relative names in it are looked for
    beside it first. A name with ``*``, ``?`` or ``[`` stands for all files that match, sorted.
    Files that are missing or listed twice are noted in ``problems``.
    """
    before = len(problems.found)
    found: list[ListedFile] = []
    for name in [names] if isinstance(names, str) else names:
        problems.collect(lambda n=name: _expand(n, origin, key, directories, (), found))
    first: dict[Path, ListedFile] = {}
    for entry in found:
        if not entry.path.is_file():
            what = "is no file" if entry.path.exists() else "no such file"
            problems.add(f"{what}: {entry.path}", entry.origin, key)
            continue
        real = entry.path.resolve()
        if real in first:
            problems.add(f"listed twice: {entry.path}", entry.origin, key)
        first.setdefault(real, entry)
    if not found and len(problems.found) == before:
        problems.add("names no file", origin, key)
    return list(first.values())


def _expand(
    name: str,
    origin: str,
    key: str,
    directories: Directories,
    within: tuple[Path, ...],
    found: list[ListedFile],
) -> None:
    path = directories.resolve(name.removeprefix("@"))
    if name.startswith("@") or path.suffix.lower() in LIST_SUFFIXES:
        if path in within:
            raise InputError(f"the list names itself: {path}", file=origin, key=key)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise InputError(f"{reason}: {path}", file=origin, key=key) from None
        except UnicodeDecodeError:
            raise InputError(f"not a text file: {path}", file=origin, key=key) from None
        inner = directories.before(path.parent)
        for number, line in enumerate(text.splitlines(), 1):
            line = line.strip()
            if line and not line.startswith("#"):
                _expand(line, f"{path}:{number}", key, inner, (*within, path), found)
    elif not path.exists() and any(letter in str(path) for letter in _PATTERN):
        # the first of the directories in which anything matches
        pattern = Path(os.path.expandvars(name)).expanduser()
        places: tuple[Path, ...] = directories.places
        if pattern.is_absolute():
            places, pattern = (Path(pattern.anchor),), pattern.relative_to(pattern.anchor)
        matches = next(filter(None, (sorted(place.glob(str(pattern))) for place in places)), [])
        if not matches:
            raise InputError(f"no file matches {name}", file=origin, key=key)
        found.extend(ListedFile(match, origin, key) for match in matches)
    else:
        found.append(ListedFile(path, origin, key))
