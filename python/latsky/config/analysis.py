"""The master file of an analysis, and all the files it names."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from latsky.config.binning import BinningConfig, read_binning
from latsky.config.dataset import DatasetConfig, read_dataset
from latsky.config.document import Document, Names, Section, Unset, mapping, parse, read_yaml
from latsky.config.file_lists import Directories, ListedFile, read_file_list
from latsky.config.library import Library, read_library
from latsky.config.time_filters import TimeFilters, read_time_filters
from latsky.errors import InputError, InputErrors, Problems
from latsky.naming import TIME_FILTERS_YAML


class AnalysisFile(Section):
    """Keys of a master file."""

    comp: str = Field(description="binning file")
    data: str = Field(description="data set file")
    library: Annotated[str | None, Unset] = Field(default=None, description="component library")
    models: Annotated[str | None, Unset] = Field(default=None, description="list of models")
    mktime_filters: Annotated[str | None, Unset] = Field(
        default=None, description=f"time filter file [{TIME_FILTERS_YAML} where there is one]"
    )
    ft1file: Names = Field(default=(), description="event files (FT1): names, patterns or lists")
    ft2file: Names = Field(default=(), description="spacecraft files (FT2), likewise")
    caldb: Annotated[str | None, Unset] = Field(
        default=None, description="CALDB directory of the response functions [$CALDB]"
    )
    hpx_order_ccube: int = Field(default=9, ge=0, le=13, description="largest counts order")
    hpx_order_expcube: int = Field(default=6, ge=0, le=13, description="largest exposure order")
    hpx_order_fitting: int = Field(default=7, ge=0, le=13, description="largest order of models")
    files_per_job: int | None = Field(
        default=None, ge=1, description="event files that share a job [by their size and engine]"
    )
    planes_per_job: int | None = Field(
        default=None, ge=1, description="energy planes of source maps that share a job [by order]"
    )
    catalog_nsrc: int | None = Field(
        default=None, ge=1, description="catalogue sources that share a job [by order and planes]"
    )
    fit: bool = Field(default=True, description="whether to fit the models")
    fit_strategy: Annotated[str | None, Unset] = Field(
        default=None, description="stages of the fits [everything at once]"
    )
    fit_parameters: Annotated[str | None, Unset] = Field(
        default=None, description="parameters that the fits start with [those of the models]"
    )
    fit_edisp: bool = Field(default=True, description="energy dispersion in the fits")
    fit_integration: Literal["fine", "fermitools"] = Field(
        default="fine", description="bin integrals without energy dispersion"
    )
    fit_minos: Names = Field(default=(), description="source:parameter, or all: asymmetric errors")
    fit_cores: int = Field(default=1, ge=1, description="cores of a fit")
    merged_gasmap_dir: str = Field(
        default="merged_gasmaps", description="directory of the merged gas maps"
    )
    make_diffuse_comp_xml: bool = Field(
        default=True, description="accepted: source models are always written where needed"
    )
    make_catalog_comp_xml: bool = Field(default=True, description="accepted, likewise")
    scratch: Annotated[str | None, Unset] = Field(
        default=None, description="directory for intermediate files of the runner"
    )


@dataclass(frozen=True)
class Analysis:
    """A master file with what it names."""

    document: Document
    file: AnalysisFile
    directories: Directories
    dataset: DatasetConfig
    binning: BinningConfig
    filters: TimeFilters
    comp_path: Path
    data_path: Path
    filters_path: Path | None
    event_files: tuple[ListedFile, ...]
    spacecraft_files: tuple[ListedFile, ...]
    caldb: Path | None
    library: Library | None = None
    warnings: tuple[InputError, ...] = field(default=())
    """what is odd but not wrong"""


def read_analysis(path: str | os.PathLike[str]) -> Analysis:
    """Read a master file and everything it names.

    Relative names are looked for beside the master file, then in the data set's basedir. Raises
    InputErrors with every mistake in any of the files.
    """
    problems = Problems()
    analysis = gather_analysis(path, problems)
    problems.raise_any()
    return analysis


def gather_analysis(path: str | os.PathLike[str], problems: Problems) -> Analysis:
    """As ``read_analysis``, but mistakes are noted in ``problems`` and what is right is returned.

    The data set, binning and filters are None where their files are wrong. Raises InputError(s)
    when the master file itself cannot be understood.
    """
    document = read_yaml(path)
    file = _master(document, problems)
    here = document.path.parent
    directories = Directories((here,))
    warnings: list[InputError] = []

    def locate(key: str) -> Path | None:
        found = directories.resolve(getattr(file, key))
        if found.is_file():
            return found
        problems.found.append(document.problem(f"no such file: {found}", key))
        return None

    data_path = locate("data")
    dataset = problems.collect(lambda: read_dataset(data_path)) if data_path else None
    if dataset is not None:
        base = here / dataset.basedir
        directories = Directories(tuple(dict.fromkeys((here, base))))
        if not base.is_dir():
            warnings.append(
                dataset.document.problem(
                    f"no such directory: {base}; files are looked for beside {document.path.name}",
                    "basedir",
                )
            )
        warnings.extend(
            dataset.document.problem("has no effect: every step sets it itself", key)
            for key in dataset.unused
        )
    comp_path = locate("comp")
    binning = problems.collect(lambda: read_binning(comp_path)) if comp_path else None
    filters_path = locate("mktime_filters") if file.mktime_filters else None
    if not file.mktime_filters and directories.resolve(TIME_FILTERS_YAML).exists():
        filters_path = directories.resolve(TIME_FILTERS_YAML)
    filters = None
    if filters_path or not file.mktime_filters:
        filters = problems.collect(lambda: read_time_filters(filters_path))
    library = None
    if file.library and (library_path := locate("library")):
        projection = dataset.file.projtype if dataset else "healpix"
        library = problems.collect(lambda: read_library(library_path, directories, projection))
    for key in ("models", "fit_strategy", "fit_parameters"):
        if getattr(file, key):
            locate(key)
    lists = {}
    for key in ("ft1file", "ft2file"):
        names = getattr(file, key) or _default_list(document, key, dataset, binning, directories)
        if isinstance(names, InputError):
            problems.found.append(names)
            names = ()
        origin = str(document.problem("", key).file)
        lists[key] = (
            tuple(read_file_list(names, origin, key, directories, problems)) if names else ()
        )
    return Analysis(
        document,
        file,
        directories,
        dataset,
        binning,
        filters,
        comp_path,
        data_path,
        filters_path,
        lists["ft1file"],
        lists["ft2file"],
        problems.collect(lambda: _caldb(document, file, directories)),
        library,
        tuple(warnings),
    )


def _master(document: Document, problems: Problems) -> AnalysisFile:
    """The master file; keys that are wrong are noted and taken as not given, where that works."""
    data = mapping(document)
    try:
        return parse(AnalysisFile, document, data)
    except InputErrors as errors:
        wrong = {(error.key or "").partition("[")[0] for error in errors.problems}
        if wrong & {"comp", "data"}:
            raise
        problems.found.extend(errors.problems)
        return parse(AnalysisFile, document, {k: v for k, v in data.items() if k not in wrong})


def _default_list(
    document: Document,
    key: str,
    dataset: DatasetConfig | None,
    binning: BinningConfig | None,
    directories: Directories,
) -> tuple[str, ...] | InputError:
    """The list that stands for ft1file or ft2file where the key is not given: fermipy's names."""
    if dataset is None or binning is None:
        return ()
    names = dataset.names()
    widest = max(component.settings.zmax for component in binning.components)
    default = names.event_list(widest) if key == "ft1file" else names.spacecraft_list()
    if directories.resolve(default).exists():
        return (default,)
    return document.problem(f"required, since there is no {default}", key)


def _caldb(document: Document, file: AnalysisFile, directories: Directories) -> Path | None:
    name = file.caldb or os.environ.get("CALDB")
    if not name:
        return None
    path = directories.resolve(name)
    if path.is_dir():
        return path
    if file.caldb:
        raise document.problem(f"no such directory: {path}", "caldb")
    raise InputError(f"no such directory: {path}", key="CALDB (environment)")
