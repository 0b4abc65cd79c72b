"""``latsky-step merge-catalog``: one source map of all sources of a rule, from the batches.

The batches hold partial sums, Σ spectrum(E_k) × map of their sources of the rule. They are added
in the catalogue's order in bounded memory. The result is in counts/MeV for a factor of one.

A likelihood integrates every other source with its spectrum; of a merged one it knows the planes
alone, and takes a power law between them. So that the counts of every bin are still Σ ∫ flux ×
exposure, each plane is multiplied by a factor (by default; 1 % in bins of a third of a decade).
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from latsky.catalog.batches import Batch, Entry, complete, of_rule, total
from latsky.errors import InputError
from latsky.naming import catalog_part_name

INTEGRAL, EDGES = "integral", "edges"
CHUNK_BYTES = 1 << 24
NEWTON_STEPS = 30
NEWTON_DONE = 1e-10
"""relative"""


def merge(
    batches: Sequence[Batch],
    rule: str,
    output: Path,
    listing: Path | None,
    *,
    planes: str = INTEGRAL,
    clobber: bool = True,
) -> int:
    """Add the batches' maps of ``rule`` and write the list of its sources; how many there are.

    ``planes`` is INTEGRAL or EDGES. Raises InputError when the rule's sources are not merged or the
    maps do not fit each other.
    """
    from latsky.fits.core import FitsFile, FitsWriter, Header
    from latsky.fits.hpx import copy_table
    from latsky.fits.srcmaps import DENSE, open_source_map

    entries = of_rule(batches, rule)
    if not all(entry.merged for entry in entries):
        raise InputError("its sources are kept single (merge: False)", batches[0].path, rule)
    name = catalog_part_name(batches[0].catalog, rule)
    holding = [batch for batch in batches if any(entry.rule == rule for entry in batch.entries)]
    tables = [open_source_map(batch.path, name) for batch in holding]
    first = tables[0]
    for table in tables[1:]:
        other = first.geometry.difference(table.geometry)
        if other is not None:
            raise InputError(other[1], table.path, other[0])
        if table.n_planes != first.n_planes or not np.allclose(
            table.edges, first.edges, rtol=1e-6, atol=0
        ):
            raise InputError("other energies", table.path, "EBOUNDS")
    sums = total([entry.planes for entry in entries])
    counts = total([entry.counts for entry in entries])
    factors = np.ones(first.n_planes)
    if planes == INTEGRAL:
        factors = plane_factors(np.asarray(first.edges), sums, counts)
    header = first.primary.without_structure()
    header.set("FILENAME", output.name)
    with FitsWriter(output, clobber=clobber) as writer:
        writer.primary(header)
        with FitsFile(first.path) as file:
            copy_table(writer, file.table("EBOUNDS"))
            if "GTI" in file:
                copy_table(writer, file.table("GTI"))
        described = Header()
        for number in range(1, first.n_planes + 1):
            described.append(f"TTYPE{number}", f"CHANNEL{number}")
            described.append(f"TFORM{number}", "E")
        described.append("TFIELDS", first.n_planes)
        described.append("EXTNAME", name)
        described.append("TELESCOP", "GLAST")
        described.append("INSTRUME", "LAT")
        described.update(first.geometry.keywords())
        described.append("INDXSCHM", "IMPLICIT")
        described.append("HPX_CONV", DENSE)
        described.append("NMERGED", len(entries), "sources summed in this map")
        described.append("PLANES", planes.upper(), "what the planes were made to hold")
        row = np.dtype([(f"CHANNEL{number}", ">f4") for number in range(1, first.n_planes + 1)])
        stream = writer.stream(described, row)
        for values in _sums(tables):
            stream.append((values * factors).astype(">f4").view(row)[:, 0])
        stream.end()
        if listing is not None:
            _write_json(listing, name, rule, entries, factors)
    return len(entries)


def plane_factors(energies: np.ndarray, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Factors of the planes with which power laws between them hold ``counts``, (planes,).

    ``energies`` (planes,) MeV, ``sums`` (planes,) counts/MeV and ``counts`` (bins,) over the sky.
    There is a plane more than bins: of all solutions it is the one of least Σ (ln factor)². Bins
    that hold nothing, by planes or counts, set no condition.

    With u = ln(E₂y₂/E₁y₁) a bin holds E₁y₁ ln(E₂/E₁) (e^u - 1)/u, whose logarithm grows by
    1/(1 - e^-u) - 1/u for each unit of ln y₂, and by the rest to one for ln y₁. Newton's method on
    that.
    """
    from latsky.steps.npred import integrate

    held = (sums[:-1] > 0) & (sums[1:] > 0) & (counts > 0)
    bins = np.flatnonzero(held)
    logs = np.zeros(len(sums))
    for _ in range(NEWTON_STEPS):
        values = sums * np.exp(logs)
        missing = np.log(counts[bins] / integrate(energies, values)[bins])
        if np.abs(missing).max(initial=0.0) < NEWTON_DONE:
            return np.exp(logs)
        u = np.log(energies[bins + 1] * values[bins + 1] / (energies[bins] * values[bins]))
        safe = np.where(np.abs(u) < 1e-3, 1.0, u)
        upper = np.where(np.abs(u) < 1e-3, 0.5 + u / 12, 1 / -np.expm1(-safe) - 1 / safe)
        slopes = np.zeros((len(bins), len(sums)))
        slopes[np.arange(len(bins)), bins] = 1 - upper
        slopes[np.arange(len(bins)), bins + 1] = upper
        # lstsq gives the solution of least norm
        logs = np.linalg.lstsq(slopes, missing + slopes @ logs, rcond=None)[0]
    raise InputError("no planes hold the predicted counts; use --planes edges", key="planes")


def _sums(tables: Sequence) -> Iterator[np.ndarray]:
    """Sums of the tables' rows, (rows, planes) float64, in pieces."""
    from latsky.fits.core import FitsFile

    files = [FitsFile(table.path) for table in tables]
    try:
        chunk = max(1, CHUNK_BYTES // (8 * tables[0].n_planes))
        streams = [file.rows(table.hdu, chunk) for file, table in zip(files, tables, strict=True)]
        for blocks in zip(*streams, strict=True):
            values = np.zeros((len(blocks[0]), tables[0].n_planes))
            for block, table in zip(blocks, tables, strict=True):
                for number, column in enumerate(table.columns):
                    values[:, number] += block[column.name]
            yield values
    finally:
        for file in files:
            file.__exit__()


def _write_json(
    path: Path, name: str, rule: str, entries: Sequence[Entry], factors: np.ndarray
) -> None:
    data = {
        "name": name,
        "rule": rule,
        "sources": [
            {
                "name": entry.name,
                "row": entry.number,
                "flux": entry.flux,
                "npred": entry.predicted,
                "hash": entry.hash,
            }
            for entry in entries
        ],
        "flux": float(total([entry.flux for entry in entries])),
        "npred": float(total([entry.predicted for entry in entries])),
        "npred_bins": total([entry.counts for entry in entries]).tolist(),
        "plane_factors": factors.tolist(),
    }
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and merge."""
    parser = argparse.ArgumentParser(prog="latsky-step merge-catalog", description=__doc__)
    add = parser.add_argument
    add("batches", nargs="+", type=Path, help="files of source-maps-catalog, all batches")
    add("--rule", required=True, help="rule whose sources are merged")
    add("--output", "-o", type=Path, required=True, help="source-map file to write")
    add("--json", type=Path, help="list of the sources, their fluxes and hashes, to write")
    add(
        "--planes",
        choices=(INTEGRAL, EDGES),
        default=INTEGRAL,
        help="planes that hold the predicted counts of each bin by power laws between them, or "
        "flux × exposure at the edges of the bins, as the Fermitools have",
    )
    add("--no-clobber", action="store_true", help="keep an existing output file")
    options = parser.parse_args(arguments)
    count = merge(
        complete(options.batches),
        options.rule,
        options.output,
        options.json,
        planes=options.planes,
        clobber=not options.no_clobber,
    )
    print(f"{options.output.name}: {count} sources merged")
    return 0
