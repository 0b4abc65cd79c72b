"""``latsky-step healview``: a plane of a sky product as PNG, for workflows."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from latsky.report.view import register, run


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and plot."""
    parser = argparse.ArgumentParser(prog="latsky-step healview", description=__doc__)
    register(parser)
    return run(parser.parse_args(arguments))
