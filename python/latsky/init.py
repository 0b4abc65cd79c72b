"""``latsky init``: a set of configuration files to edit."""

from __future__ import annotations

import argparse
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path


def sample_files() -> dict[str, str]:
    """Relative name → text of every sample file, in order of names."""

    def walk(node: Traversable, prefix: str) -> dict[str, str]:
        found = {}
        for child in sorted(node.iterdir(), key=lambda child: child.name):
            if child.is_dir():
                if not child.name.startswith("_"):
                    found |= walk(child, f"{prefix}{child.name}/")
            elif child.name.endswith((".yaml", ".lst")):
                found[prefix + child.name] = child.read_text(encoding="utf-8")
        return found

    return walk(resources.files("latsky.samples"), "")


def write_samples(directory: Path) -> tuple[list[Path], list[Path]]:
    """Write the sample files below ``directory``; the files written, and those left as they were.

    A file that exists is never touched.
    """
    written, left = [], []
    for name, text in sample_files().items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="utf-8") as stream:
                stream.write(text)
            written.append(path)
        except FileExistsError:
            left.append(path)
    return written, left


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky init``."""
    parser.add_argument("directory", type=Path, help="directory of the new analysis")


def run(options: argparse.Namespace) -> int:
    """Write the files and say what to do next."""
    written, left = write_samples(options.directory)
    for path in written:
        print(f"wrote {path}")
    for path in left:
        print(f"left  {path} as it was")
    print(
        "next: name your files in event_files.lst and spacecraft_files.lst, edit config/*.yaml, "
        f"then: latsky check {options.directory / 'analysis.yaml'}"
    )
    return 0
