"""``latsky npred``: predicted counts of each component by energy bin, from its source maps.

The counts of a bin are the integral over energy of the plane's sum times the spectrum, which is
taken to be a power law between the two edges. The Fermitools' likelihood takes a trapezium of
E × dN/dE over ln E instead, which is larger in wide bins; ``--quadrature trapezium`` does so too.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latsky.embedded.parameters import expand_list
from latsky.errors import InputError
from latsky.fits.srcmaps import open_source_map, plane_sums, source_names


@dataclass(frozen=True)
class Prediction:
    """Predicted counts of one source in one file."""

    file: str
    source: str
    edges: np.ndarray
    """MeV, (bins + 1,)"""
    counts: np.ndarray
    """(bins,)"""

    @property
    def total(self) -> float:
        """Counts over all bins."""
        return float(self.counts.sum())


def integrate(energies: np.ndarray, values: np.ndarray) -> np.ndarray:
    """∫ of values (n + 1,) over each bin between ``energies``: a power law, or a line if one is 0.

    For y ∝ E^g the integral is (E₂y₂ - E₁y₁)/(g + 1), and E₁y₁ ln(E₂/E₁) at g = -1.
    """
    low, high = energies[:-1], energies[1:]
    y1, y2 = values[:-1], values[1:]
    both = (y1 > 0) & (y2 > 0)
    safe1, safe2 = np.where(both, y1, 1.0), np.where(both, y2, 1.0)
    length = np.log(high / low)
    # with u = (g + 1) ln(E₂/E₁) the integral is E₁ y₁ ln(E₂/E₁) (e^u - 1)/u
    u = np.log(safe2 / safe1) + length
    ratio = np.where(np.abs(u) < 1e-8, 1.0 + u / 2, np.expm1(u) / np.where(u == 0, 1.0, u))
    return np.where(both, low * safe1 * length * ratio, (y1 + y2) / 2 * (high - low))


def trapezium(energies: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(E₁y₁ + E₂y₂)/2 ln(E₂/E₁) for each bin, as the Fermitools' binned likelihood integrates."""
    product = energies * values
    return (product[:-1] + product[1:]) / 2 * np.log(energies[1:] / energies[:-1])


QUADRATURES = {"power-law": integrate, "trapezium": trapezium}


def predict(
    path: Path, name: str, model: Path | None = None, quadrature: str = "power-law"
) -> Prediction:
    """Predicted counts of a source of a source-map file.

    ``model`` is an XML source model with the source's spectrum; without one the spectral factor is
    one, as for templates; ``quadrature`` one of QUADRATURES. Raises InputError naming what
    is missing.
    """
    table = open_source_map(path, name)
    edges = table.energies if table.energies is not None else table.edges
    if edges is None or len(edges) != table.n_planes:
        count = 0 if edges is None else len(edges)
        raise InputError(f"{count} energies for {table.n_planes} planes", path, "EBOUNDS")
    values = plane_sums(table)
    if model is not None:
        from latsky.fits.source_model import evaluate, read_source_model

        sources = read_source_model(model)
        if name not in sources.names:
            raise InputError("no such source", file=model, key=name)
        values = values * evaluate(sources[name].spectrum, edges, model.parent)
    return Prediction(path.name, name, np.asarray(edges), QUADRATURES[quadrature](edges, values))


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky npred``."""
    parser.add_argument("files", nargs="+", help="source-map files, or @list")
    parser.add_argument("--source", action="append", help="only this source (may be repeated)")
    parser.add_argument(
        "--source-model", type=Path, help="XML with the spectra (default: factor one)"
    )
    parser.add_argument(
        "--quadrature",
        choices=tuple(QUADRATURES),
        default="power-law",
        help="integral over a bin: of a power law, or the Fermitools' trapezium in ln E",
    )
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    found = []
    for path in (path for name in options.files for path in expand_list(name, "files")):
        names = options.source or source_names(path)
        found += [predict(path, name, options.source_model, options.quadrature) for name in names]
    if options.json:
        rows = [
            {
                "file": each.file,
                "source": each.source,
                "edges_MeV": each.edges.tolist(),
                "counts": each.counts.tolist(),
                "total": each.total,
            }
            for each in found
        ]
        print(json.dumps(rows, indent=1))
        return 0
    width = max((len(each.source) for each in found), default=6)
    print(f"{'source':{width}} {'E_min/MeV':>11} {'E_max/MeV':>11} {'counts':>13}  file")
    for each in found:
        for low, high, counts in zip(each.edges, each.edges[1:], each.counts, strict=False):
            print(f"{each.source:{width}} {low:11.6g} {high:11.6g} {counts:13.6g}  {each.file}")
        span = f"{each.edges[0]:11.6g} {each.edges[-1]:11.6g}"
        print(f"{each.source:{width}} {span} {each.total:13.6g}  {each.file} (all)")
    return 0


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(prog="latsky-step npred", description=__doc__)
    register(parser)
    return run(parser.parse_args(arguments))
