"""Editing templates plane by plane.

Templates are map cubes, HEALPix (written in the Fermitools' layout whatever they came in) or WCS
images with an HDU ENERGIES.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latsky.errors import InputError
from latsky.fits import dates
from latsky.fits.core import FitsFile, FitsWriter
from latsky.fits.hpx import open_energy_cube, read_energies, write_template


@dataclass(frozen=True)
class Change:
    """What a tool did to one plane."""

    energy: float
    """MeV"""
    pixels: int
    before: float
    after: float
    """sums over the plane"""


Edit = Callable[[int, np.ndarray], int]
"""changes a plane in place, given its number; returns how many pixels changed"""


def edit_template(
    path: Path, output: Path, edit: Callable[[np.ndarray], Edit], tool: str, *, clobber: bool = True
) -> list[Change]:
    """Write a template whose planes went through ``edit(energies)``; what was changed in each."""
    with FitsFile(path) as file:
        image = int(file.header(0).get("NAXIS", 0)) >= 2
        if image:
            energies, header, values = read_energies(file), file.header(0), file.image(0)
            values = values if values.ndim == 3 else values[np.newaxis]
            if energies is None or len(energies) != len(values):
                raise InputError("one energy a plane is needed", file=path, key="ENERGIES")
    if not image:
        table = open_energy_cube(path)
        energies, header, values = table.energies, table.primary, table.read()
    assert energies is not None
    changes, apply = [], edit(energies)
    for number, (energy, plane) in enumerate(zip(energies, values, strict=True)):
        before = float(plane.sum(dtype="f8"))
        pixels = apply(number, plane)
        changes.append(Change(float(energy), pixels, before, float(plane.sum(dtype="f8"))))
    header = header.copy()
    header.set("FILENAME", output.name)
    header.set("CREATOR", dates.creator(tool))
    header.append("HISTORY", f"{tool} of {path.name}")
    if image:
        with FitsFile(path) as file, FitsWriter(output, clobber=clobber) as writer:
            axes = int(file.header(0)["NAXIS"])
            writer.primary(header, values if axes == 3 else values[0])
            for number in range(1, len(file.headers)):
                writer.copy(file, number)
        return changes
    write_template(
        output,
        table.geometry,
        energies,
        values,
        primary=header.without_structure(),
        dtype=values.dtype,
        unit=table.columns[0].unit,
        clobber=clobber,
    )
    return changes


def report(changes: Sequence[Change]) -> None:
    """Print a line for each plane."""
    for change in changes:
        ratio = f"{change.after / change.before:.6g}" if change.before else "-"
        print(f"{change.energy:12g} MeV {change.pixels:9d} pixels, sum x {ratio}")
