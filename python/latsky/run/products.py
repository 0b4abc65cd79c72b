"""The products of a run: put under their names, and shown in a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latsky.fit.results import Results

DIRECTORIES = {
    "counts_cube": "counts_cubes",
    "energy_bins": "counts_cubes",
    "livetime_cube": "lt_cubes",
    "exposure_cube": "bexp_cubes",
    "source_maps": "srcmaps",
    "sources": "srcmaps",
    "merged_gasmaps": "merged_gasmaps",
    "pictures_made": "plots",
}
"""field of a record or output → directory, as fermipy's diffuse analysis has them"""
MODELS = "analysis"
"""directory of the models' own, as fermipy's diffuse analysis has it"""
MOST_PARAMETERS = 40
"""parameters of a model that are shown, those of the sources that predict most first"""
DIFFERENT_SPECTRA = ("IsoSource", "CatalogSources")
"""kinds of components whose maps hold no spectrum: no counts without one"""


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


@dataclass(frozen=True)
class MapProduct:
    """Source maps of a model component: predicted counts by binning component.

    None where the maps hold no spectrum.
    """

    source_key: str
    model_type: str
    sources: int
    counts: dict[str, float | None]


def file_outputs(
    outputs: dict[str, Any], directory: Path, merged_gasmaps: str = "merged_gasmaps"
) -> dict[str, Any]:
    """Move the files of a run into its directory tree and note their new places.

    ``outputs`` is the runner's output object; the same with new locations is returned and written
    to ``outputs.json``. ``merged_gasmaps`` is the directory of merged rings. The files that an
    earlier run left in a model's directory go.
    """
    places = {**DIRECTORIES, "merged_gasmaps": merged_gasmaps}
    for model in outputs.get("model_directories") or ():
        _place_model(model, directory / MODELS / model["basename"])
    moved: dict[str, Path] = {}
    for name, file in _files(outputs):
        old = Path(file["path"])
        if str(old) not in moved:
            new = directory / places.get(name, "outputs") / old.name
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


def _place_model(model: dict[str, Any], new: Path) -> None:
    """Move the directory of a model and note its new place."""
    old = Path(model["path"])
    new.mkdir(parents=True, exist_ok=True)
    for leftover in new.iterdir():
        if not leftover.is_dir():
            leftover.unlink()
    for path in old.iterdir():
        path.replace(new / path.name)
    old.rmdir()
    for entry in (model, *model.get("listing", ())):
        place = new if entry is model else new / entry["basename"]
        entry["path"], entry["location"] = str(place), place.as_uri()


def _files(value: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """All files in an output object that are in no directory, with the field that holds them."""
    if isinstance(value, list):
        for item in value:
            yield from _files(item, name)
    elif isinstance(value, dict) and value.get("class") != "Directory":
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


def summarise_maps(outputs: dict[str, Any]) -> list[MapProduct]:
    """Predicted counts of the source maps of a run, by model component and binning component."""
    from latsky.steps.npred import predict

    found: dict[str, MapProduct] = {}
    for record in outputs.get("source_maps", ()):
        names, kind = record["source_names"], record["model_type"]
        product = found.setdefault(
            record["source_key"], MapProduct(record["source_key"], kind, len(names), {})
        )
        counts = None
        if kind not in DIFFERENT_SPECTRA:
            counts = predict(Path(record["source_maps"]["path"]), names[0]).total
        product.counts[record["component"]] = counts
    return list(found.values())


def show_maps_table(products: list[MapProduct]) -> None:
    """Print the predicted counts of the source maps, one model component a row."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    if not products:
        return
    table = Table(title="Predicted counts of source maps", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("model component", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    components = list(dict.fromkeys(key for product in products for key in product.counts))
    for component in components:
        table.add_column(component.replace("_", " "), justify="right")
    for product in products:
        many = f" ({product.sources})" if product.sources > 1 else ""
        numbers = (product.counts.get(component) for component in components)
        table.add_row(
            product.source_key,
            f"{product.model_type}{many}",
            *("–" if number is None else f"{number:.5g}" for number in numbers),
        )
    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(table)


def read_fits(outputs: dict[str, Any]) -> list[Results]:
    """Results of the fits of a run; models that were not fitted have none."""
    from latsky.fit.results import read_results

    return [
        read_results(path)
        for model in outputs.get("model_directories") or ()
        for path in sorted(Path(model["path"]).glob("fit_*.json"))
    ]


def show_fit(found: Results) -> None:
    """Print the parameters of a fitted model."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    state = "converged" if found.converged else "NOT CONVERGED"
    gain = found.log_likelihood - found.log_likelihood_start
    table = Table(
        title=f"Fit of {found.model}: {state}, ln L {found.log_likelihood:.1f} ({gain:+.1f})",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    counts = {source.name: source.npred for source in found.sources}
    ordered = sorted(found.parameters, key=lambda parameter: -counts[parameter.source])
    for column in ("source", "parameter"):
        table.add_column(column, no_wrap=True)
    for column in ("value", "error", "predicted counts"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("")
    for parameter in ordered[:MOST_PARAMETERS]:
        table.add_row(
            parameter.source,
            parameter.name,
            f"{parameter.value * parameter.scale:.4g}",
            f"{parameter.error * abs(parameter.scale):.2g}",
            f"{counts[parameter.source]:.0f}",
            "at its limit" if parameter.at_limit else "",
        )
    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(table)
    if len(ordered) > MOST_PARAMETERS:
        print(f"{len(ordered) - MOST_PARAMETERS} more parameters are in fit_{found.model}.json")
    for warning in found.warnings:
        print(f"warning: {warning}")


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
