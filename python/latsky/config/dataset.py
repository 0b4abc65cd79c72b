"""The data set file: which events, which responses, where files are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from latsky.config.document import Document, FileWord, Section, mapping, parse, read_yaml
from latsky.config.selections import event_class, pass_of
from latsky.errors import InputError
from latsky.naming import Dataset

TEMPLATE_FIELDS = (
    *("dataset", "component", "zcut", "ebin", "psftype", "mktime", "coordsys", "fullpath"),
    *("sourcekey", "source_name", "source_ver", "ringkey", "galpropkey", "galkey", "localpath"),
    *("galprop_run", "catalog", "rulekey", "modelkey", "linkname"),
)
"""fields of fermipy's file names that every step sets itself, so that presetting them does
nothing"""


def _known_class(name: str) -> str:
    try:
        return event_class(name).name
    except InputError as error:
        raise ValueError(error.message) from None


def _known_version(name: str) -> str:
    try:
        pass_of("P8", name)
    except InputError as error:
        raise ValueError(error.message) from None
    return name


class DatasetFile(Section):
    """Keys of a data set file."""

    basedir: str = Field(default=".", description="directory of the analysis")
    data_pass: Literal["P8"] = Field(default="P8", description="reconstruction pass")
    data_ver: Annotated[str, AfterValidator(_known_version)] = Field(
        description="processing version: P302, P304 or P305"
    )
    evclass: Annotated[str, AfterValidator(_known_class)] = Field(
        description="event class, e.g. source"
    )
    data_time: FileWord = Field(description="name of the time range, e.g. 8years")
    irf_ver: FileWord = Field(description="version of the response functions, e.g. V3")
    projtype: FileWord = Field(default="healpix", description="projection in gas map names")


@dataclass(frozen=True)
class DatasetConfig:
    """A data set file, read and checked."""

    document: Document
    file: DatasetFile
    unused: tuple[str, ...] = ()
    """keys that are legal but have no effect"""

    @property
    def basedir(self) -> Path:
        """Directory of the analysis as the file names it (environment variables expanded)."""
        return Path(os.path.expandvars(self.file.basedir)).expanduser()

    def names(self, evclass: str | None = None, coordsys: str = "GAL") -> Dataset:
        """What names files, for the data set's event class or another."""
        file = self.file
        return Dataset(
            file.data_pass,
            file.data_ver,
            file.data_time,
            evclass or file.evclass,
            file.irf_ver,
            coordsys,
        )


def read_dataset(path: str | os.PathLike[str]) -> DatasetConfig:
    """Read a data set file. Raises InputError(s) naming every key that is wrong."""
    document = read_yaml(path)
    data = mapping(document)
    unused = tuple(name for name in data if name in TEMPLATE_FIELDS)
    kept = {name: data[name] for name in data if name not in unused}
    return DatasetConfig(document, parse(DatasetFile, document, kept), unused)
