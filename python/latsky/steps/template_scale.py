"""``latsky-step template-scale``: multiply a template by an energy-dependent factor."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from latsky.errors import InputError
from latsky.steps.template_edit import Change, Edit, edit_template, report


def read_factors(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Energies (MeV, rising) and positive factors of a text table of two columns.

    Columns are separated by blanks or a comma; # begins a remark. Raises InputError.
    """
    energies, factors = [], []
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise InputError(error.strerror or str(error), file=path, key="factors") from None
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].replace(",", " ").split()
        if not words:
            continue
        try:
            energy, factor = (float(word) for word in words)
        except ValueError:
            raise InputError(
                f"line {number}: energy (MeV) and factor expected", file=path, key="factors"
            ) from None
        if not (energy > 0 and factor > 0 and np.isfinite([energy, factor]).all()):
            raise InputError(f"line {number}: positive numbers expected", file=path, key="factors")
        if energies and energy <= energies[-1]:
            raise InputError(f"line {number}: energies must rise", file=path, key="factors")
        energies.append(energy)
        factors.append(factor)
    if not energies:
        raise InputError("no factors", file=path, key="factors")
    return np.array(energies), np.array(factors)


def scale(path: Path, output: Path, factors: Path, *, clobber: bool = True) -> list[Change]:
    """Multiply planes by a factor, a power law in energy between the rows of a table.

    Nothing is extrapolated: a table of more than one row must cover the template's energies.
    """
    at, values = read_factors(factors)

    def edit(energies: np.ndarray) -> Edit:
        if len(at) > 1 and (energies[0] < at[0] * (1 - 1e-6) or energies[-1] > at[-1] * (1 + 1e-6)):
            raise InputError(
                f"covers {at[0]:g} to {at[-1]:g} MeV, but the template needs "
                f"{energies[0]:g} to {energies[-1]:g} MeV",
                file=factors,
                key="factors",
            )
        wanted = np.exp(np.interp(np.log(energies), np.log(at), np.log(values)))

        def apply(number: int, plane: np.ndarray) -> int:
            plane *= plane.dtype.type(wanted[number])
            return plane.size

        return apply

    return edit_template(path, output, edit, "template-scale", clobber=clobber)


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and scale."""
    parser = argparse.ArgumentParser(prog="latsky-step template-scale", description=__doc__)
    parser.add_argument("--output", "-o", type=Path, required=True, help="file to write")
    parser.add_argument(
        "--factors", type=Path, required=True, help="text table: energy (MeV), factor"
    )
    parser.add_argument("--no-clobber", action="store_true", help="keep an existing output file")
    parser.add_argument("template", type=Path, help="map cube")
    options = parser.parse_args(arguments)
    report(scale(options.template, options.output, options.factors, clobber=not options.no_clobber))
    return 0
