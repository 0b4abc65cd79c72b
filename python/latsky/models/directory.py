"""The directory of a model: manifest, source models and fermipy's configuration.

``analysis/model_<key>`` below the directory of the analysis. Names within it are relative, so the
directory can be moved with the analysis: fermipy and the Fermitools are to be started in it.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from latsky import naming
from latsky.config.library import DiffuseSource
from latsky.errors import InputError
from latsky.fits.source_model import write_source_model
from latsky.models.contents import ModelContents
from latsky.models.source_models import component_model, isotropic_file, master_model
from latsky.plan import Cut

BINS_PER_DECADE = 4
"""fermipy's bins per decade where a component sets no number: never the case here"""
NO_LABELS_TS = 1e9
"""TS above which fermipy labels sources in plots: none"""
ALL_TIMES = (0.0, 1e10)
"""MET s"""


def from_model_directory(name: str, root: str | None = None) -> str:
    """``name``, relative to the analysis' directory, as seen from a model's directory.

    With ``root`` the result is absolute: ``name`` below it.
    """
    if PurePosixPath(name).is_absolute() or name.startswith(("$", "~")):
        return name
    return str(PurePosixPath(root) / name) if root else str(PurePosixPath("../..") / name)


def fitting_order(cut: Cut, hpx_order_ccube: int, hpx_order_fitting: int) -> int:
    """HEALPix order of the assembled maps of a binning component."""
    return min(cut.binning.settings.hpx_order, hpx_order_ccube, hpx_order_fitting)


def manifest(contents: ModelContents) -> dict[str, Any]:
    """Which source map is in which file, by binning component; names as in fermipy's manifest."""
    key = contents.model.key
    return {
        cut.binning.name: {
            "ccube": cut.names.counts_cube(cut.time_filter, cut.binning.key),
            "outsrcmap": cut.names.model_source_maps(key, cut.time_filter, cut.binning.key),
            "source_dict": {
                component.key: {
                    "source_names": contents.source_names(component),
                    "sourcekey": component.key,
                    "srcmap_file": contents.source_maps(component, cut),
                }
                for component in sorted(contents.components, key=lambda c: c.key)
            },
        }
        for cut in contents.cuts
    }


def undispersed(contents: ModelContents) -> list[str]:
    """Names of the sources without energy dispersion, in order."""
    names = [
        name
        for component in contents.components
        if component.edisp_disable
        for name in contents.source_names(component)
    ]
    return sorted(names)


def fermipy_config(
    contents: ModelContents,
    hpx_order_ccube: int,
    hpx_order_fitting: int,
    root: str | None = None,
    event_list: str | None = None,
) -> dict[str, Any]:
    """The configuration of fermipy's GTAnalysis for a model.

    Energy dispersion is on with one matrix a component (``edisp_bins`` -1: source maps without
    planes beyond the bins), off for flagged sources. ``event_list`` adds data.evfile.
    """
    first = contents.cuts[0]
    key = contents.model.key

    def seen(name: str) -> str:
        return from_model_directory(name, root)

    data: dict[str, Any] = {"scfile": seen(first.names.spacecraft_list()), "cacheft1": False}
    if event_list is not None:
        data["evfile"] = seen(event_list)
    components = []
    for cut in contents.cuts:
        settings, names = cut.binning.settings, cut.names
        component = cut.binning.key
        maps = names.model_source_maps(key, cut.time_filter, component)
        components.append(
            {
                "data": {"ltcube": seen(cut.livetime_cube)},
                "binning": {
                    "enumbins": len(cut.binning.edges) - 1,
                    "hpx_order": fitting_order(cut, hpx_order_ccube, hpx_order_fitting),
                    "coordsys": settings.coordsys,
                },
                "selection": {
                    "emin": cut.binning.emin,
                    "emax": cut.binning.emax,
                    **_time_range(cut),
                    "zmax": settings.zmax,
                    "evclass": cut.evclass.mask,
                    "evtype": cut.binning.evtype,
                },
                "gtlike": {
                    "srcmap": naming.base(maps),
                    "bexpmap": seen(names.exposure_cube(cut.time_filter, component)),
                    "use_external_srcmap": True,
                },
                "model": {"diffuse_xml": [naming.base(naming.component_xml(key, component))]},
            }
        )
    return {
        "data": data,
        "binning": {
            "projtype": "HPX",
            "roiwidth": 360.0,
            "binsperdec": BINS_PER_DECADE,
            "coordsys": first.binning.settings.coordsys,
            "hpx_ordering_scheme": "RING",
            "hpx_order": hpx_order_fitting,
            "hpx_ebin": True,
        },
        "selection": {
            "glat": 0.0,
            "glon": 0.0,
            "radius": 180.0,
            "evclass": first.evclass.mask,
            "emin": min(cut.binning.emin for cut in contents.cuts),
            "emax": max(cut.binning.emax for cut in contents.cuts),
        },
        "fileio": {"logfile": "fermipy.log"},
        "gtlike": {
            "irfs": first.irfs,
            "edisp": True,
            "edisp_bins": -1,
            "edisp_disable": undispersed(contents),
            "use_external_srcmap": True,
        },
        "model": {"catalogs": [naming.base(naming.master_xml(key))]},
        "plotting": {"label_ts_threshold": NO_LABELS_TS},
        "components": components,
    }


def _time_range(cut: Cut) -> dict[str, float]:
    """tmin and tmax in MET s, which fermipy insists on, though it takes the livetime cube's."""
    settings, (first, last) = cut.binning.settings, ALL_TIMES
    return {
        "tmin": first if settings.tmin is None else settings.tmin,
        "tmax": last if settings.tmax is None else settings.tmax,
    }


def write_directory(
    contents: ModelContents,
    directory: Path,
    spectra: Mapping[str, Path],
    hpx_order_ccube: int,
    hpx_order_fitting: int,
    root: str | None = None,
    event_list: str | None = None,
) -> list[Path]:
    """Write the files of a model's directory but for the source maps; what was written.

    ``spectra`` has the spectrum files of isotropic components by the library's name; they are
    copied, so that a fit needs no other place. Raises InputError for one that is missing.
    """
    key = contents.model.key
    copies = []
    for component in contents.components:
        source = component.source
        if isinstance(source, DiffuseSource) and source.model_type == "IsoSource":
            name = source.file_name(contents.cuts[0].binning)
            path = spectra.get(naming.base(name))
            if path is None:
                raise InputError(
                    f"the spectrum file {naming.base(name)} is not among the files given",
                    contents.model.document.path,
                    component.name,
                )
            copies.append((path, directory / isotropic_file(name)))

    def locate(name: str) -> str:
        return from_model_directory(name, root)

    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for path, copy in copies:
        temporary = copy.with_name(f".{copy.name}.part")
        shutil.copyfile(path, temporary)
        temporary.replace(copy)
        written.append(copy)
    master = directory / naming.base(naming.master_xml(key))
    write_source_model(master, master_model(contents, locate))
    written.append(master)
    for cut in contents.cuts:
        path = directory / naming.base(naming.component_xml(key, cut.binning.key))
        write_source_model(path, component_model(contents, cut, locate))
        written.append(path)
    config = fermipy_config(contents, hpx_order_ccube, hpx_order_fitting, root, event_list)
    for name, data in (
        (naming.model_config(key), config),
        (naming.manifest(key), manifest(contents)),
    ):
        path = directory / naming.base(name)
        write_yaml(path, data)
        written.append(path)
    return written


def write_yaml(path: Path, data: Any) -> None:
    """Write YAML, complete or not at all."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(data, stream)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(stream.getvalue(), encoding="utf-8")
    temporary.replace(path)
