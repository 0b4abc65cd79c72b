"""``latsky demo``: make a directory with a simulated sky and all files of an analysis of it."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from latsky.errors import InputError


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky demo``."""
    parser.add_argument("directory", type=Path, help="directory to make")
    parser.add_argument("--days", type=float, default=4.0, help="length of the observation [4]")
    parser.add_argument(
        "--seed", type=int, default=1, help="the same seed gives the same files [1]"
    )
    parser.add_argument("--event-files", type=int, default=4, help="number of event files [4]")
    parser.add_argument("--clobber", action="store_true", help="replace what is in the directory")


def run(options: argparse.Namespace) -> int:
    """Make the demonstration, unless it is there already."""
    from latsky.demo.make import Settings, is_unfinished, make_demo, settings_of

    root: Path = options.directory
    settings = Settings(options.days, options.seed, options.event_files)
    present = settings_of(root)
    master = root / "analysis.yaml"
    if present == settings and not options.clobber:
        print(f"{root}: the demonstration is there already; next: latsky run {master}")
        return 0
    if root.exists() and not root.is_dir():
        raise InputError("exists and is not a directory", file=root)
    replace = options.clobber or is_unfinished(root)
    if root.is_dir() and any(root.iterdir()) and not replace:
        what = "a demonstration with other settings" if present else "something else"
        raise InputError(f"holds {what}; give --clobber to replace it", file=root)
    began = time.monotonic()
    made = make_demo(root, settings, lambda text: print(f"  {text} …", flush=True))
    print(
        f"{root}: {made.events} events of {made.sources} sources and diffuse emission, "
        f"{settings.days:g} days ({made.livetime / 86400:.2f} days live), "
        f"made in {time.monotonic() - began:.0f} s\n"
        f"next: latsky run {master}"
    )
    return 0
