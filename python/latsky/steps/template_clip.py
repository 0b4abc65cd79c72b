"""``latsky-step template-clip``: raise the pixels of a template that are negative to zero."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from latsky.errors import InputError
from latsky.steps.template_edit import Change, Edit, edit_template, report


def clip(
    path: Path,
    output: Path,
    minimum: float = 0.0,
    *,
    replace_nan: bool = False,
    clobber: bool = True,
) -> list[Change]:
    """Raise pixels below ``minimum`` to it. Pixels that are NaN are an error, or become it."""

    def edit(energies: np.ndarray) -> Edit:
        def apply(number: int, plane: np.ndarray) -> int:
            missing = np.isnan(plane)
            if missing.any() and not replace_nan:
                raise InputError(
                    f"plane {number} ({energies[number]:g} MeV): {missing.sum()} pixels are NaN",
                    file=path,
                )
            low = missing | (plane < minimum)
            plane[low] = minimum
            return int(low.sum())

        return apply

    return edit_template(path, output, edit, "template-clip", clobber=clobber)


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and clip."""
    parser = argparse.ArgumentParser(prog="latsky-step template-clip", description=__doc__)
    parser.add_argument("--output", "-o", type=Path, required=True, help="file to write")
    parser.add_argument("--minimum", type=float, default=0.0, help="least value left [0]")
    parser.add_argument("--replace-nan", action="store_true", help="treat NaN as too small")
    parser.add_argument("--no-clobber", action="store_true", help="keep an existing output file")
    parser.add_argument("template", type=Path, help="map cube")
    options = parser.parse_args(arguments)
    report(
        clip(
            options.template,
            options.output,
            options.minimum,
            replace_nan=options.replace_nan,
            clobber=not options.no_clobber,
        )
    )
    return 0
