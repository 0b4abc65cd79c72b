"""The products of a run: put under their names, and shown in a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DIRECTORIES = {
    "counts_cube": "counts_cubes",
    "energy_bins": "counts_cubes",
    "livetime_cube": "lt_cubes",
    "exposure_cube": "bexp_cubes",
}
"""field of a record → directory, as fermipy's diffuse analysis has them"""


@dataclass(frozen=True)
class Product:
    """Numbers that tell whether a component came out as expected."""

    key: str
    events: float
    livetime: float
    """sum of the livetime over inclination, mean over the sky, s"""
    exposure_min: float
    """at the middle plane, cm2 s; likewise the next two"""
    exposure_mean: float
    exposure_max: float
    energy: float
    """of that plane, MeV"""


def file_outputs(outputs: dict[str, Any], directory: Path) -> dict[str, Any]:
    """Move the files of a run into its directory tree and note their new places.

    ``outputs`` is the runner's output object; the same with new locations is returned and written
    to ``outputs.json``.
    """
    moved: dict[str, Path] = {}
    for name, file in _files(outputs):
        old = Path(file["path"])
        if str(old) not in moved:
            new = directory / DIRECTORIES.get(name, "outputs") / old.name
            new.parent.mkdir(parents=True, exist_ok=True)
            old.replace(new)
            moved[str(old)] = new
        new = moved[str(old)]
        file["path"], file["location"] = str(new), new.as_uri()
    temporary = directory / ".outputs.json.part"
    temporary.write_text(json.dumps(outputs, indent=1) + "\n", encoding="utf-8")
    temporary.replace(directory / "outputs.json")
    left = directory / ".outputs"
    if left.is_dir() and not any(left.iterdir()):
        left.rmdir()
    return outputs


def _files(value: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """All files in an output object, with the name of the field that holds them."""
    if isinstance(value, list):
        for item in value:
            yield from _files(item, name)
    elif isinstance(value, dict):
        if value.get("class") == "File":
            yield name, value
        else:
            for key, item in value.items():
                yield from _files(item, key)


def summarise(outputs: dict[str, Any]) -> list[Product]:
    """Read the products of every binned component. Raises InputError for a file that is broken."""
    from latsky.fits.hpx import read_counts_cube, read_exposure_cube
    from latsky.fits.livetime import read_livetime_cube

    livetimes: dict[str, float] = {}
    products = []
    for record in outputs["binned_components"]:
        counts = read_counts_cube(record["counts_cube"]["path"])
        exposure = read_exposure_cube(record["exposure_cube"]["path"])
        path = record["livetime_cube"]["path"]
        if path not in livetimes:
            cube = read_livetime_cube(path)
            livetimes[path] = float(cube.livetime.sum(axis=1).mean())
        middle = len(exposure.energies) // 2
        plane = exposure.values[middle]
        products.append(
            Product(
                record["component"]["job_key"],
                float(counts.counts.sum()),
                livetimes[path],
                float(plane.min()),
                float(plane.mean()),
                float(plane.max()),
                float(exposure.energies[middle]),
            )
        )
    return products


def show_table(products: list[Product]) -> None:
    """Print the table of products."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Products", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("component", no_wrap=True)
    for column in ("events", "livetime\ns", "exposure\nat MeV", "least\ncm2 s", "mean", "largest"):
        table.add_column(column, justify="right", no_wrap=True)
    for product in products:
        numbers = (product.livetime, product.energy, product.exposure_min, product.exposure_mean)
        table.add_row(
            product.key,
            f"{product.events:.0f}",
            *(f"{number:.4g}" for number in (*numbers, product.exposure_max)),
        )
    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(table)


def draw(outputs: dict[str, Any], directory: Path) -> list[Path]:
    """Draw the counts and, at the middle energy, the exposure of every component over the sky.

    Returns the PNG files, in ``plots`` below ``directory``.
    """
    from latsky.fits.hpx import open_energy_cube
    from latsky.report.skyplot import plot_file

    plots = directory / "plots"
    plots.mkdir(exist_ok=True)
    drawn = []
    for record in outputs["binned_components"]:
        exposure = Path(record["exposure_cube"]["path"])
        middle = str(open_energy_cube(exposure, default_frame="GAL").n_planes // 2)
        for path, plane in ((Path(record["counts_cube"]["path"]), "sum"), (exposure, middle)):
            picture = plots / f"{path.stem}.png"
            plot_file(path, picture, plane=plane)
            drawn.append(picture)
    return drawn
