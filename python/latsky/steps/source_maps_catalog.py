"""``latsky-step source-maps-catalog``: maps of a batch of catalogue sources, merged by rule.

One file a batch. Sources of rules that are merged are summed as they are made: Σ spectrum(E_k) ×
map, one whole-sky HDU a rule, named after catalogue and rule. Other sources get a sparse HDU each.
The table SOURCES lists every source of the batch with rule, flux, predicted counts and a hash of
its model, so that merging can prove that each source counts once.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from latsky.catalog.read import Catalog, CatalogSource, read_catalog, source_xml
from latsky.catalog.rules import Part, Range, Rule, divide
from latsky.config.catalog_parts import CatalogCut, CatalogFile, read_catalog_file
from latsky.config.document import read_yaml
from latsky.errors import InputError, Problems
from latsky.fits import dss
from latsky.naming import catalog_part_name
from latsky.steps.options import add_engine, add_observation
from latsky.steps.source_maps_diffuse import ENGINES, event_type, irf_version

if TYPE_CHECKING:
    from latsky.embedded.catalog_maps import CatalogMaps
    from latsky.embedded.point_source import SourceMap
    from latsky.fits.hpx import HpxTable

SOURCES = "SOURCES"
RESERVED = ("", "PRIMARY", "SKYMAP", "SKYMAP2", "EBOUNDS", "ENERGIES", "GTI", SOURCES)


@dataclass(frozen=True)
class Request:
    """What is asked for."""

    livetime_cube: Path
    counts_cube: Path
    exposure_cube: Path
    irfs: str
    definition: Path
    """catalog_*.yaml"""
    output: Path
    first: int = 0
    last: int = -1
    """row after the last, -1 for all"""
    catalog: Path | None = None
    """instead of the definition's"""
    extended: Path | None = None
    evtype: int | None = None
    clobber: bool = True


def rules_of(file: CatalogFile) -> tuple[Rule, ...]:
    """The rules of a definition, in its order."""
    return tuple(
        Rule(
            name,
            tuple(
                Range(cut.cut_var, cut.min_val, cut.max_val)
                if isinstance(cut, CatalogCut)
                else cut.word
                for cut in rule.cuts
            ),
            rule.merge,
        )
        for name, rule in file.rules_dict.items()
    )


def read_parts(
    definition: Path, catalog: Path | None = None, extended: Path | None = None
) -> tuple[CatalogFile, Catalog, tuple[Part, ...]]:
    """A definition, its catalogue and the parts. Raises InputError or InputErrors."""
    file = read_catalog_file(read_yaml(definition))
    found = read_catalog(
        catalog or Path(file.catalog_file), file.catalog_type, extended or file.catalog_extdir
    )
    return file, found, divide(found, rules_of(file), file.remainder.merge)


def source_hash(source: CatalogSource) -> str:
    """Hash of a source's model: its XML and, for a template, the file's bytes."""
    from latsky.fits.source_model import SourceModel, format_source_model

    digest = hashlib.sha256(format_source_model(SourceModel((source_xml(source),))).encode())
    if source.shape.template is not None:
        digest.update(source.shape.template.read_bytes())
    return digest.hexdigest()[:32]


def check_names(names: Sequence[str], path: Path) -> None:
    """Raise InputErrors for names that cannot be those of HDUs in one file."""
    problems, seen = Problems(), {}
    for name in names:
        plain = name.strip()
        if not plain.isascii() or not plain.isprintable() or set(plain) & set("[]#'\""):
            problems.add("the name cannot be that of a FITS HDU", path, name)
        elif len(plain) > 68:
            problems.add("the name is longer than a FITS keyword holds (68)", path, name)
        elif plain.upper() in RESERVED:
            problems.add("the name is that of another HDU of source-map files", path, name)
        elif plain.upper() in seen:
            other = seen[plain.upper()]
            problems.add(f"the name is that of {other}: HDU names do not tell case", path, name)
        seen[plain.upper()] = plain
    problems.raise_any()


@dataclass(frozen=True)
class Inputs:
    """What a request's files say, found to fit each other."""

    file: CatalogFile
    catalog: Catalog
    parts: tuple[Part, ...]
    batch: tuple[CatalogSource, ...]
    """the sources asked for"""
    cube: HpxTable
    """the counts cube, described"""
    energies: np.ndarray
    """MeV, (planes,): the edges of its bins"""
    cuts: tuple[dss.Cut, ...]
    mask: int | None
    """event types"""

    @property
    def composites(self) -> list[str]:
        """Names of the parts' merged maps."""
        return [catalog_part_name(self.file.catalog_name, part.name) for part in self.parts]


class Maker(Protocol):
    """Makes the map of a source: cm² s a pixel at the energies of the planes."""

    def source_map(self, source: CatalogSource) -> SourceMap:
        """Pixels in the counts cube's own numbering, and values (planes, pixels)."""
        ...


def read_inputs(request: Request) -> Inputs:
    """Read definition, catalogue and counts cube. Raises InputError or InputErrors."""
    from latsky.fits.hpx import open_hpx

    file, catalog, parts = read_parts(request.definition, request.catalog, request.extended)
    stop = len(catalog) if request.last < 0 else min(request.last, len(catalog))
    if not 0 <= request.first < stop:
        raise InputError(
            f"sources {request.first} to {request.last} (exclusive) of {len(catalog)}: none",
            key="first, last",
        )
    cube = open_hpx(request.counts_cube, "SKYMAP")
    if cube.edges is None:
        raise InputError("no HDU EBOUNDS", file=request.counts_cube, key="EBOUNDS")
    cuts = dss.read(cube.primary, request.counts_cube) or dss.read(cube.header)
    mask = request.evtype or dss.find_mask(cuts, "EVENT_TYPE")
    batch = catalog.sources[request.first : stop]
    inputs = Inputs(file, catalog, parts, batch, cube, cube.edges, cuts, mask)
    check_names([*(source.name for source in catalog.sources), *inputs.composites], catalog.path)
    return inputs


def embedded_maps(request: Request, inputs: Inputs) -> CatalogMaps:
    """The embedded engine for the component of the request. Raises InputError."""
    from latsky.embedded.catalog_maps import CatalogMaps, PointExposure
    from latsky.fits.hpx import open_energy_cube
    from latsky.fits.irfs import load_response
    from latsky.fits.livetime import read_livetime_cube

    exposure = open_energy_cube(request.exposure_cube, default_frame="GAL")
    return CatalogMaps(
        inputs.cube.geometry,
        inputs.energies,
        load_response(request.irfs, inputs.mask),
        read_livetime_cube(request.livetime_cube),
        PointExposure(exposure, inputs.energies),
    )


def make_embedded(request: Request) -> tuple[int, int]:
    """Write the file of a batch; how many sources it has, and how many of them are merged.

    Raises InputError for inputs that do not fit each other, before anything is written.
    """
    from latsky.embedded.compiled import prepare

    prepare()
    inputs = read_inputs(request)
    return write_batch(request, inputs, embedded_maps(request, inputs))


def write_batch(request: Request, inputs: Inputs, maker: Maker) -> tuple[int, int]:
    """Write the file of a batch, source by source; how many there are, and how many merged."""
    from latsky.embedded.catalog_maps import add_to
    from latsky.fits.core import Column, FitsFile, FitsWriter, Header
    from latsky.fits.hpx import copy_table, write_ebounds
    from latsky.fits.source_model import spectral_form
    from latsky.fits.srcmaps import write_source_map, write_sparse_source_map
    from latsky.spectra import integral
    from latsky.steps.stack import source_header

    energies, geometry, parts = inputs.energies, inputs.cube.geometry, inputs.parts
    part_of = np.zeros(len(inputs.catalog), "i4")
    for number, part in enumerate(parts):
        part_of[part.numbers] = number
    header = source_header(inputs.cube, "source-maps-catalog", request.output)
    dss.write(header, response_cuts(inputs.cuts, request.irfs, inputs.mask))
    with FitsFile(request.counts_cube) as counts:
        gti = counts.table("GTI") if "GTI" in counts else None
    sums: dict[int, np.ndarray] = {}
    rows = []
    with FitsWriter(request.output, clobber=request.clobber) as writer:
        writer.primary(header)
        write_ebounds(writer, energies)
        if gti is not None:
            copy_table(writer, gti)
        for source in inputs.batch:
            part = int(part_of[source.number])
            form, values = spectral_form(source.spectrum)
            spectrum = form.value(values, energies)
            found = maker.source_map(source)
            totals = found.values.sum(axis=1)
            predicted = bin_counts(energies, totals, partial(form.value, values))
            rows.append(
                (
                    source.number,
                    source.name,
                    parts[part].name,
                    parts[part].merge,
                    integral(form, values, energies[0], energies[-1]),
                    predicted.sum(),
                    predicted,
                    spectrum * totals,
                    source_hash(source),
                )
            )
            if parts[part].merge:
                if part not in sums:
                    sums[part] = np.zeros((len(energies), geometry.npix))
                add_to(sums[part], found, spectrum)
                continue
            channel, where = np.nonzero(found.values)
            write_sparse_source_map(
                writer,
                source.name,
                geometry,
                found.pixels[where],
                channel,
                found.values[channel, where],
                len(energies),
                header=Header(
                    [("REFDIR1", source.ra, "RA, deg"), ("REFDIR2", source.dec, "Dec, deg")]
                ),
            )
        for part in sorted(sums):
            write_source_map(writer, inputs.composites[part], geometry, sums[part], dtype="f8")
        about = Header([("CATALOG", inputs.file.catalog_name, "name of the catalogue")])
        about.append("CATFILE", inputs.catalog.path.name, "file of the catalogue")
        about.append("NSOURCES", len(inputs.catalog), "sources in the catalogue")
        about.append("FIRST", request.first, "row of the first source here, from 0")
        about.append("LAST", request.first + len(inputs.batch), "row after the last")
        writer.table(SOURCES, _source_columns(rows, Column), about)
    return len(inputs.batch), sum(row[3] for row in rows)


def response_cuts(cuts: tuple[dss.Cut, ...], irfs: str, mask: int | None) -> tuple[dss.Cut, ...]:
    """The counts cube's cuts with the event types and response functions of the maps.

    The Fermitools find event types by the cut EVENT_TYPE, and the partition by its highest bit;
    IRF_VERSION names the functions.
    """
    if mask is not None and mask != dss.find_mask(cuts, "EVENT_TYPE"):
        version = next(
            (c.pass_version for c in cuts if isinstance(c, dss.BitMask) and c.pass_version),
            irfs.partition("_")[0],
        )
        others = [c for c in cuts if not (isinstance(c, dss.BitMask) and c.column == "EVENT_TYPE")]
        cuts = (*others, dss.BitMask("EVENT_TYPE", mask, version))
    return dss.add(cuts, irf_version(irfs, mask))


def bin_counts(
    energies: np.ndarray, totals: np.ndarray, spectrum: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """∫ spectrum(E) × total(E) dE over each bin between the planes, (bins,).

    ``totals`` (planes,) cm² s is a map's sum, a power law between planes; Gauss-Legendre with
    eight nodes in ln E a bin. A bin beside a plane without exposure has no counts.
    """
    x, w = np.polynomial.legendre.leggauss(8)
    log_e = np.log(energies)
    half = np.diff(log_e)[:, None] / 2
    nodes = log_e[:-1, None] + half * (1 + x)
    seen = (totals[:-1] > 0) & (totals[1:] > 0)
    log_total = np.log(np.where(totals > 0, totals, 1.0))
    total = np.exp(np.interp(nodes, log_e, log_total))
    values = spectrum(np.exp(nodes.ravel())).reshape(nodes.shape)
    return np.where(seen, (half * w * np.exp(nodes) * total * values).sum(axis=1), 0.0)


def _source_columns(rows: list, column) -> list:
    def text(at: int) -> np.ndarray:
        return np.array([str(row[at]).encode("ascii", "replace") or b" " for row in rows])

    def numbers(at: int) -> np.ndarray:
        return np.array([row[at] for row in rows], "f8")

    return [
        column("NUMBER", np.array([row[0] for row in rows], "i4")),
        column("SOURCE_NAME", text(1)),
        column("RULE", text(2)),
        column("MERGED", np.array([row[3] for row in rows], bool)),
        column("FLUX", numbers(4), "ph cm-2 s-1"),
        column("NPRED", numbers(5), "ph"),
        column("NPRED_BINS", numbers(6), "ph"),
        column("PLANES", numbers(7), "ph MeV-1"),
        column("HASH", text(8)),
    ]


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and make the maps."""
    parser = argparse.ArgumentParser(prog="latsky-step source-maps-catalog", description=__doc__)
    add = parser.add_argument
    add_engine(parser, ENGINES, "who computes point sources")
    add_observation(parser)
    add("--definition", type=Path, required=True, help="catalog_*.yaml: catalogue and rules")
    add("--catalog", type=Path, help="catalogue (default: the definition's catalog_file)")
    add("--extended", type=Path, help="templates (default: the definition's catalog_extdir)")
    add("--first", type=int, default=0, help="row of the first source, from 0")
    add("--last", type=int, default=-1, help="row after the last source, -1 for all")
    add("--output", "-o", type=Path, required=True, help="file to write")
    add("--no-clobber", action="store_true", help="keep an existing output file")
    options = parser.parse_args(arguments)
    if options.engine not in ENGINES:
        raise InputError(f"{options.engine!r} is none of {', '.join(ENGINES)}", key="LATSKY_ENGINE")
    request = Request(
        options.livetime_cube,
        options.counts_cube,
        options.exposure_cube,
        options.irfs,
        options.definition,
        options.output,
        options.first,
        options.last,
        options.catalog,
        options.extended,
        None if options.evtype is None else event_type(options.evtype),
        not options.no_clobber,
    )
    if options.engine == "embedded":
        sources, merged = make_embedded(request)
    else:
        from latsky.fermitools.source_maps_catalog import make_fermitools

        sources, merged = make_fermitools(request)
    print(f"{request.output.name}: {sources} sources, {merged} of them merged")
    return 0
