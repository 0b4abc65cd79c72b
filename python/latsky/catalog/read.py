"""LAT source catalogues: sources with spectrum and shape from the FITS tables.

Types are those of fermipy: 2FHL, 3FGL, FL8Y, 4FGL, 4FGL-DR2, 4FGL-DR3, 4FGL-DR4, FL16Y. Columns and
their meaning are those of the catalogues' FITS descriptions (FSSC); the definitions of spectra are
those of the papers: 3FGL (Acero et al. 2015), 4FGL (Abdollahi et al. 2020), 4FGL-DR3 (Abdollahi et
al. 2022, equation 4: PLSuperExpCutoff4).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from latsky.errors import InputError, Problems
from latsky.fits.core import FitsFile, Table
from latsky.fits.source_model import Model, Parameter, Source, SourceModel

R68_OF_SIGMA = float(np.sqrt(-2 * np.log(0.32)))
"""68 % containment radius of a two-dimensional Gaussian over its σ: catalogues give the radius"""
TYPES = ("2FHL", "3FGL", "FL8Y", "4FGL", "4FGL-DR2", "4FGL-DR3", "4FGL-DR4", "FL16Y")


@dataclass(frozen=True)
class Shape:
    """Extension: SkyDirFunction (a point), RadialDisk, RadialGaussian or SpatialMap."""

    kind: str = "SkyDirFunction"
    size: float = 0.0
    """radius of a disk or σ of a Gaussian, deg"""
    template: Path | None = None


@dataclass(frozen=True)
class CatalogSource:
    """One source. Its number is its row in the catalogue, from 0."""

    number: int
    name: str
    ra: float
    dec: float
    spectrum: Model
    shape: Shape

    @property
    def extended(self) -> bool:
        """Whether it is no point."""
        return self.shape.kind != "SkyDirFunction"


@dataclass(frozen=True)
class Catalog:
    """A catalogue: its sources in the order of the rows, and the table for cuts on columns."""

    path: Path
    kind: str
    sources: tuple[CatalogSource, ...]
    table: Table = field(repr=False)

    def __len__(self) -> int:
        return len(self.sources)

    @cached_property
    def extended(self) -> np.ndarray:
        """(n,) bool"""
        return np.array([source.extended for source in self.sources], bool)

    def column(self, name: str) -> np.ndarray:
        """A numerical column, one value a source.

        Where there is no column TS, it is what fermipy makes of others: the sum over bands of
        Sqrt_TS² (3FGL), else Signif_Avg². Raises InputError for a column that is absent or no
        number a row.
        """
        if name not in self.table and name.upper() == "TS":
            bands = [c for c in self.table.names if re.fullmatch(r"Sqrt_TS\d+_\d+", c)]
            if bands:
                return sum(np.nan_to_num(self.table[band].astype("f8")) ** 2 for band in bands)
            if "Signif_Avg" in self.table:
                return self.table["Signif_Avg"].astype("f8") ** 2
        if name not in self.table:
            raise InputError(
                f"the catalogue has no column {name}; it has {', '.join(self.table.names)}",
                file=self.path,
                key=name,
            )
        values = self.table[name]
        if values.ndim != 1 or values.dtype.kind not in "fiub":
            raise InputError("not one number a source: cannot be cut on", self.path, name)
        return values.astype("f8")


# ---- spectra


@dataclass(frozen=True)
class Row:
    """One row of a table, by column name."""

    table: Table
    number: int
    columns: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> float:
        if name not in self.columns:
            self.columns[name] = self.table[name]
        return float(self.columns[name][self.number])


def _parameter(name: str, value: float, *, free: bool = False, scale: float | None = None):
    """A parameter with wide limits. Norms get a power of ten as scale, as optimisers want."""
    if scale is None:
        scale = 10.0 ** np.floor(np.log10(abs(value))) if value else 1.0
        return Parameter(name, value / scale, scale, 1e-5, 1e5, free)
    value = value / scale
    low, high = min(value, -10.0), max(value, 10.0)
    if name in ("Scale", "Eb", "Cutoff"):
        low, high = min(value, 1.0), max(value, 1e6)
    return Parameter(name, value, scale, low, high, free)


def _power_law(norm: float, index: float, pivot: float) -> Model:
    return Model(
        "PowerLaw",
        (
            _parameter("Prefactor", norm, free=True),
            _parameter("Index", -index, scale=-1.0),
            _parameter("Scale", pivot, scale=1.0),
        ),
    )


def _log_parabola(norm: float, alpha: float, beta: float, pivot: float) -> Model:
    return Model(
        "LogParabola",
        (
            _parameter("norm", norm, free=True),
            _parameter("alpha", alpha, scale=1.0),
            _parameter("beta", beta, scale=1.0),
            _parameter("Eb", pivot, scale=1.0),
        ),
    )


def _cutoff(kind: str, names: tuple[str, str, str], norm, index, pivot, third, last) -> Model:
    return Model(
        kind,
        (
            _parameter("Prefactor", norm, free=True),
            _parameter(names[0], -index, scale=-1.0),
            _parameter("Scale", pivot, scale=1.0),
            _parameter(names[1], third, scale=1.0),
            _parameter(names[2], last, scale=1.0),
        ),
    )


def _super1(norm: float, index: float, pivot: float, cutoff: float, power: float) -> Model:
    names = ("Index1", "Cutoff", "Index2")
    return _cutoff("PLSuperExpCutoff", names, norm, index, pivot, cutoff, power)


def _super2(norm: float, index: float, pivot: float, factor: float, power: float) -> Model:
    names = ("Index1", "Expfactor", "Index2")
    return _cutoff("PLSuperExpCutoff2", names, norm, index, pivot, factor, power)


def _super4(norm: float, index: float, pivot: float, factor: float, power: float) -> Model:
    names = ("IndexS", "ExpfactorS", "Index2")
    return _cutoff("PLSuperExpCutoff4", names, norm, index, pivot, factor, power)


def _spectrum_2fhl(row: Row, kind: str) -> Model:
    """Flux above 50 GeV (to 2 TeV) and index: PowerLaw at 50 GeV."""
    index, low, high = row["Spectral_Index"], 50e3, 2000e3
    steep = 1 - index
    span = np.log(high / low) if abs(steep) < 1e-9 else ((high / low) ** steep - 1) / steep
    return _power_law(row["Flux50"] / (low * span), index, low)


def _spectrum_3fgl(row: Row, kind: str) -> Model:
    """Flux_Density is at Pivot_Energy, cut-off included."""
    pivot, norm = row["Pivot_Energy"], row["Flux_Density"]
    if kind == "PowerLaw":
        return _power_law(norm, row["Spectral_Index"], pivot)
    if kind == "LogParabola":
        return _log_parabola(norm, row["Spectral_Index"], row["beta"], pivot)
    if kind in ("PLExpCutoff", "PLSuperExpCutoff"):
        cutoff, power = row["Cutoff"], row["Exp_Index"] if kind == "PLSuperExpCutoff" else 1.0
        norm *= np.exp((pivot / cutoff) ** power)
        return _super1(norm, row["Spectral_Index"], pivot, cutoff, power)
    raise _unknown(kind)


def _spectrum_4fgl(prefix: tuple[str, str, str]) -> Callable[[Row, str], Model]:
    """4FGL, DR2 and FL8Y: PLSuperExpCutoff2; ``prefix`` are the columns of the flux densities."""

    def spectrum(row: Row, kind: str) -> Model:
        pivot = row["Pivot_Energy"]
        if kind == "PowerLaw":
            return _power_law(row[prefix[0]], row["PL_Index"], pivot)
        if kind == "LogParabola":
            return _log_parabola(row[prefix[1]], row["LP_Index"], row["LP_beta"], pivot)
        if kind in ("PLSuperExpCutoff", "PLSuperExpCutoff2"):
            factor, power = row["PLEC_Expfactor"], row["PLEC_Exp_Index"]
            norm = row[prefix[2]] * np.exp(factor * pivot**power)
            return _super2(norm, row["PLEC_Index"], pivot, factor, power)
        raise _unknown(kind)

    return spectrum


def _spectrum_dr3(row: Row, kind: str) -> Model:
    """4FGL-DR3 and later: PLSuperExpCutoff4, normalised at the pivot."""
    pivot = row["Pivot_Energy"]
    if kind == "PowerLaw":
        return _power_law(row["PL_Flux_Density"], row["PL_Index"], pivot)
    if kind == "LogParabola":
        return _log_parabola(row["LP_Flux_Density"], row["LP_Index"], row["LP_beta"], pivot)
    if kind in ("PLSuperExpCutoff", "PLSuperExpCutoff4"):
        return _super4(
            row["PLEC_Flux_Density"],
            row["PLEC_IndexS"],
            pivot,
            row["PLEC_ExpfactorS"],
            row["PLEC_Exp_Index"],
        )
    raise _unknown(kind)


def _unknown(kind: str) -> InputError:
    return InputError(f"unknown spectral type {kind!r}", key="SpectrumType")


_FLUX_DENSITY = ("PL_Flux_Density", "LP_Flux_Density", "PLEC_Flux_Density")
_SPECTRA: dict[str, Callable[[Row, str], Model]] = {
    "2FHL": _spectrum_2fhl,
    "3FGL": _spectrum_3fgl,
    "FL8Y": _spectrum_4fgl(("Flux_Density",) * 3),
    "4FGL": _spectrum_4fgl(_FLUX_DENSITY),
    "4FGL-DR2": _spectrum_4fgl(_FLUX_DENSITY),
    "4FGL-DR3": _spectrum_dr3,
    "4FGL-DR4": _spectrum_dr3,
    "FL16Y": _spectrum_dr3,
}


# ---- reading


def read_catalog(
    path: str | os.PathLike[str],
    kind: str,
    extended_directory: str | os.PathLike[str] | None = None,
) -> Catalog:
    """Read a catalogue of the given type; templates are looked for in ``extended_directory``.

    Raises InputErrors naming every source with a problem: a position or spectral parameter that is
    no number, an unknown spectral type, a name that appears twice, an extended source without its
    entry or template. Raises InputError for an unknown type and for missing tables.
    """
    path = Path(os.path.expandvars(path))
    if kind not in _SPECTRA:
        known = ", ".join(TYPES)
        raise InputError(f"{kind!r} is unknown; known are {known}", path, "catalog_type")
    with FitsFile(path) as file:
        tables = [
            at
            for at, header in enumerate(file.headers)
            if str(header.get("XTENSION", "")).strip() == "BINTABLE"
        ]
        if not tables:
            raise InputError("holds no table", file=path)
        table = file.table(tables[0])
        shapes = None
        for name in ("ExtendedSources", "Extended Sources"):
            if name in file:
                shapes = file.table(name)
    if "Source_Name" not in table:
        raise InputError("no column Source_Name", file=path, key="Source_Name")
    problems = Problems()
    directory = None
    if extended_directory is not None:
        directory = Path(os.path.expandvars(extended_directory))
    entries = _entries(shapes)
    archive = _archive(directory)
    entries = {**archive, **{k: v for k, v in entries.items() if k not in archive or v.template}}
    names = _texts(table, "Source_Name")
    kinds = ["PowerLaw"] * len(names) if kind == "2FHL" else _texts(table, "SpectrumType")
    by_name = kind == "2FHL"
    regions = names if by_name else _texts(table, "Extended_Source_Name")
    columns: dict[str, np.ndarray] = {}
    sources, seen = [], set()
    for number, name in enumerate(names):
        row = Row(table, number, columns)
        place = name or f"row {number + 1}"
        ra, dec = row["RAJ2000"], row["DEJ2000"]
        if not name:
            problems.add("a source without a name", path, place)
        if name in seen:
            problems.add("a source of this name appears twice", path, place)
        seen.add(name)
        if not (np.isfinite(ra) and np.isfinite(dec)):
            problems.add("its position is no number", path, place)
        try:
            spectrum = _SPECTRA[kind](row, kinds[number])
        except InputError as error:
            problems.add(error.message, path, f"{place}.{error.key}" if error.key else place)
            continue
        bad = [p.name for p in spectrum.parameters if not np.isfinite(p.value)]
        if bad:
            problems.add(f"{spectrum.kind}: {', '.join(bad)} is no number", path, place)
        elif not spectrum.parameters[0].value > 0:
            problems.add("its flux is not positive", path, place)
        shape = Shape()
        region = regions[number]
        if region and (not by_name or region in entries):
            shape = _shape(region, entries, directory, path, place, problems) or shape
        sources.append(CatalogSource(number, name, ra % 360.0, dec, spectrum, shape))
    problems.raise_any()
    return Catalog(path, kind, tuple(sources), table)


def _texts(table: Table, name: str) -> list[str]:
    """A text column; empty texts where the table has none of the name."""
    if name not in table:
        return [""] * len(table)
    cells = table.rows[table.info(name).name]
    return [bytes(cell).split(b"\0")[0].decode("latin-1").strip() for cell in cells]


@dataclass(frozen=True)
class _Entry:
    function: str
    semi_major: float
    template: str
    ra: float
    dec: float


def _entries(table: Table | None) -> dict[str, _Entry]:
    if table is None:
        return {}
    names = _texts(table, "Source_Name")
    functions = _texts(table, "Spatial_Function")
    files = _texts(table, "Spatial_Filename")
    size = table["Model_SemiMajor"] if "Model_SemiMajor" in table else np.zeros(len(table))
    ra = table["RAJ2000"] if "RAJ2000" in table else np.full(len(table), np.nan)
    dec = table["DEJ2000"] if "DEJ2000" in table else np.full(len(table), np.nan)
    return {
        name: _Entry(function, float(s), file, float(a), float(d))
        for name, function, file, s, a, d in zip(
            names, functions, files, size, ra, dec, strict=True
        )
    }


def _archive(directory: Path | None) -> dict[str, _Entry]:
    """Entries of the archive's own table (LAT_extended_sources…), where it has one."""
    if directory is None or not directory.is_dir():
        return {}
    found = sorted(directory.glob("LAT_extended_sources*.fit*"))
    if not found:
        return {}
    with FitsFile(found[0]) as file:
        return _entries(file.table(1))


def find_template(name: str, directory: Path) -> Path | None:
    """A template of an archive: in its Templates or itself, gzipped or not."""
    name = re.sub(r"^\$\(?\w+\)?/", "", name)
    base = Path(name).name
    for candidate in (Path(name), Path("Templates") / base, Path(base)):
        for ending in ("", ".gz"):
            path = directory / f"{candidate}{ending}"
            if path.is_file():
                return path
        if candidate.suffix == ".gz" and (directory / candidate.with_suffix("")).is_file():
            return directory / candidate.with_suffix("")
    return None


def _shape(
    region: str,
    entries: dict[str, _Entry],
    directory: Path | None,
    path: Path,
    place: str,
    problems: Problems,
) -> Shape | None:
    entry = entries.get(region)
    if entry is None:
        problems.add(f"no entry {region!r} among the extended sources", path, place)
        return None
    function = {"RadialGauss": "RadialGaussian"}.get(entry.function, entry.function)
    if function in ("RadialDisk", "RadialGaussian"):
        if not (np.isfinite(entry.semi_major) and 0 < entry.semi_major < 90):
            problems.add(f"{region}: Model_SemiMajor is {entry.semi_major}", path, place)
            return None
        size = entry.semi_major / (R68_OF_SIGMA if function == "RadialGaussian" else 1.0)
        return Shape(function, size)
    if function not in ("", "SpatialMap", "MapCubeFunction"):
        problems.add(f"{region}: unknown spatial function {function!r}", path, place)
        return None
    if not entry.template:
        problems.add(f"{region}: no Spatial_Filename", path, place)
        return None
    if directory is None:
        problems.add(f"needs the template {entry.template}", path, f"{place}: catalog_extdir")
        return None
    template = find_template(entry.template, directory)
    if template is None:
        problems.add(f"template {entry.template} not found in {directory}", path, place)
        return None
    return Shape("SpatialMap", 0.0, template)


# ---- source models


def source_xml(source: CatalogSource) -> Source:
    """The source as the Fermitools' XML has it."""
    ra = Parameter("RA", source.ra, 1.0, -360.0, 360.0)
    dec = Parameter("DEC", source.dec, 1.0, -90.0, 90.0)
    kind = source.shape.kind
    if kind == "SkyDirFunction":
        return Source(source.name, "PointSource", source.spectrum, Model(kind, (ra, dec)))
    if kind == "SpatialMap":
        template = source.shape.template
        attributes = {"file": template.name if template else "", "map_based_integral": "true"}
        spatial = Model(kind, (Parameter("Prefactor", 1.0, 1.0, 1.0, 1.0),), attributes)
    else:
        name = "Radius" if kind == "RadialDisk" else "Sigma"
        size = Parameter(name, source.shape.size, 1.0, 0.0, 90.0)
        spatial = Model(kind, (ra, dec, size))
    return Source(source.name, "DiffuseSource", source.spectrum, spatial)


def catalog_xml(catalog: Catalog, numbers: np.ndarray | None = None) -> SourceModel:
    """Source model of the sources (all, or those of some rows), in the catalogue's order."""
    chosen = range(len(catalog)) if numbers is None else numbers
    return SourceModel(tuple(source_xml(catalog.sources[int(n)]) for n in chosen), catalog.kind)
