"""Options that several steps share."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path


def add_engine(parser: argparse.ArgumentParser, engines: Sequence[str], who: str) -> None:
    """``--engine``, by default that of the environment; ``who`` begins its help."""
    parser.add_argument(
        "--engine",
        choices=engines,
        default=os.environ.get("LATSKY_ENGINE", "embedded"),
        help=f"{who} (default: LATSKY_ENGINE, else embedded)",
    )


def add_observation(parser: argparse.ArgumentParser) -> None:
    """The cubes of a binning component, its response functions and event types."""
    add = parser.add_argument
    add("--livetime-cube", type=Path, required=True, help="livetime cube")
    add("--counts-cube", type=Path, required=True, help="HEALPix counts cube")
    add("--exposure-cube", type=Path, required=True, help="HEALPix exposure cube")
    add("--irfs", required=True, help="response functions, e.g. P8R3_SOURCE_V3")
    add("--evtype", help="event types, mask or name (default: the counts cube's)")
