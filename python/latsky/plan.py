"""From the configuration to the lists that the workflows scatter over.

Every list has a fixed order: components by energy range, event type, class and filter; livetime
cuts and filters as the components first need them. Records are plain dictionaries with the fields
of the types in ``cwl/types``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from latsky import costs, naming
from latsky.config.binning import BinningComponent, BinningConfig
from latsky.config.dataset import DatasetConfig
from latsky.config.selections import (
    EVENT_CLASSES,
    EventClass,
    class_contains,
    event_class,
)
from latsky.config.time_filters import TimeFilters
from latsky.errors import Problems

Record = dict[str, Any]

HPX_ORDER_COUNTS = 9
HPX_ORDER_EXPOSURE = 6


@dataclass(frozen=True)
class PlanOptions:
    """What limits maps and groups jobs."""

    hpx_order_ccube: int = HPX_ORDER_COUNTS
    """largest HEALPix order of counts cubes"""
    hpx_order_expcube: int = HPX_ORDER_EXPOSURE
    """largest HEALPix order of exposure cubes"""
    files_per_job: int | None = None
    """event files that go through one job; None: for jobs of minutes with a month in each file"""
    planes_per_job: int | None = None
    """energy planes of source maps that one job makes; None: by order and engine"""
    catalog_nsrc: int | None = None
    """catalogue sources that one job makes; None: by order and planes"""
    engine: str = "embedded"
    """engine by whose speed jobs are made large"""


@dataclass(frozen=True)
class Cut:
    """A binning component with its event class and time filter: one counts and exposure cube."""

    binning: BinningComponent
    evclass: EventClass
    time_filter: str
    names: naming.Dataset
    irfs: str
    livetime_key: str
    livetime_cube: str

    @property
    def job_key(self) -> str:
        """Key unique in a run."""
        return naming.job_key(
            self.evclass.name,
            self.binning.settings.zmax,
            self.binning.ebin,
            self.time_filter,
            self.binning.evtype_name,
        )


@dataclass(frozen=True)
class Plan:
    """Records of all lists, as cwl.output.json holds them."""

    components: list[Record]
    time_filters: list[Record]
    livetime_cuts: list[Record]
    batches: list[Record]
    merged_rings: list[Record] = field(default_factory=list)
    diffuse_components: list[Record] = field(default_factory=list)
    catalog_components: list[Record] = field(default_factory=list)

    def to_json(self) -> Record:
        """The lists by output name."""
        return dict(vars(self))

    def drawings(self) -> tuple[int, int]:
        """Jobs that draw the diffuse and the catalogue source maps: one a binning component."""
        diffuse = {record["component"] for record in self.diffuse_components}
        catalogs = {r["component"] for r in self.catalog_components if r["merged_parts"]}
        return len(diffuse), len(catalogs)


def make_plan(
    dataset: DatasetConfig,
    binning: BinningConfig,
    filters: TimeFilters,
    n_event_files: int,
    options: PlanOptions | None = None,
) -> Plan:
    """Expand a configuration.

    Raises InputErrors for filters that are not defined and components that would share a name.
    """
    options = options or PlanOptions()
    cuts = expand(dataset, binning, filters)
    files_per_job = options.files_per_job or costs.default_files(
        n_event_files, rates=costs.RATES[options.engine]
    )
    batches = batch_ranges(n_event_files, files_per_job)
    volume = costs.MONTH.times(min(files_per_job, n_event_files))
    return Plan(
        [component_record(cut, options, len(batches), volume) for cut in cuts],
        [
            time_filter_record(
                key, filters, [cut for cut in cuts if cut.time_filter == key], volume
            )
            for key in _distinct(cut.time_filter for cut in cuts)
        ],
        [
            livetime_record(
                next(cut for cut in cuts if cut.livetime_key == key), len(batches), volume
            )
            for key in _distinct(cut.livetime_key for cut in cuts)
        ],
        batches,
    )


def expand(dataset: DatasetConfig, binning: BinningConfig, filters: TimeFilters) -> list[Cut]:
    """Every component for each of its event classes and time filters.

    Raises InputErrors for filters that are not defined and components that would share a name.
    """
    problems = Problems()
    ranges = _livetime_times(binning)
    cuts: list[Cut] = []
    for component in binning.components:
        settings = component.settings
        place = (component.ebin,)
        for key in settings.mktimefilters:
            if key not in filters.expressions:
                known = ", ".join(filters.expressions) or "none"
                problems.found.append(
                    binning.document.problem(
                        f"time filter {key!r} is not defined in {filters.document.path}; "
                        f"known: {known}",
                        *place,
                        "mktimefilters",
                    )
                )
        for class_name in settings.evtclasses or (dataset.file.evclass,):
            found = event_class(class_name)
            names = dataset.names(found.name, settings.coordsys)
            for key in settings.mktimefilters or (naming.NO_FILTER,):
                cuts.append(_cut(component, found, key, names, ranges))
    seen: dict[str, Cut] = {}
    for cut in cuts:
        if cut.job_key in seen:
            problems.found.append(
                binning.document.problem(
                    f"two components would have the name {cut.job_key}", cut.binning.ebin
                )
            )
        seen[cut.job_key] = cut
    problems.raise_any()
    return cuts


def _cut(
    component: BinningComponent,
    evclass: EventClass,
    time_filter: str,
    names: naming.Dataset,
    ranges: dict[tuple[str, str], list[tuple[float, float | None, float | None]]],
) -> Cut:
    settings = component.settings
    key = naming.livetime_key(time_filter, settings.zmax)
    cube = names.livetime_cube(time_filter, settings.zmax)
    distinct = ranges[time_filter, naming.zenith_key(settings.zmax)]
    if len(distinct) > 1:
        # a livetime cube is named by filter and zenith cut alone: number what else differs
        number = distinct.index((settings.zmax, settings.tmin, settings.tmax))
        key, cube = f"{key}_{number}", naming.with_suffix_key(cube, f"range{number}")
    irfs = names.irfs
    return Cut(component, evclass, time_filter, names, irfs, key, cube)


def _livetime_times(
    binning: BinningConfig,
) -> dict[tuple[str, str], list[tuple[float, float | None, float | None]]]:
    """Distinct (zmax, tmin, tmax) by filter and zenith key, in the order of components."""
    found: dict[tuple[str, str], list[tuple[float, float | None, float | None]]] = {}
    for component in binning.components:
        settings = component.settings
        for key in settings.mktimefilters or (naming.NO_FILTER,):
            times = found.setdefault((key, naming.zenith_key(settings.zmax)), [])
            value = (settings.zmax, settings.tmin, settings.tmax)
            if value not in times:
                times.append(value)
    return found


def component_record(
    cut: Cut, options: PlanOptions, n_batches: int, volume: costs.Volume = costs.MONTH
) -> Record:
    """The ``component`` record of a cut, for batches of ``volume``."""
    component, settings, names = cut.binning, cut.binning.settings, cut.names
    order = min(settings.hpx_order, options.hpx_order_ccube)
    order_exposure = min(settings.hpx_order, options.hpx_order_expcube)
    n_bins = len(component.edges) - 1
    counts = names.counts_cube(cut.time_filter, component.key)
    return {
        "key": component.key,
        "name": component.name,
        "job_key": cut.job_key,
        "ebin": component.ebin,
        "evtype_name": component.evtype_name,
        "evtype": component.evtype,
        "evclass_name": cut.evclass.name,
        "evclass": cut.evclass.mask,
        "irfs": cut.irfs,
        "zmax": settings.zmax,
        "emin": component.emin,
        "emax": component.emax,
        "enumbins": n_bins,
        "energy_edges": list(component.edges),
        "ebinalg": component.ebinalg,
        "energy_bins": None,
        "coordsys": settings.coordsys,
        "hpx_order": order,
        "hpx_order_exposure": order_exposure,
        "time_filter": cut.time_filter,
        "livetime_key": cut.livetime_key,
        "tmin": settings.tmin,
        "tmax": settings.tmax,
        "selected_stem": naming.stem(names.selected_events(component.key)),
        "counts_stem": naming.stem(counts),
        "counts_cube": naming.base(counts),
        "exposure_cube": naming.base(names.exposure_cube(cut.time_filter, component.key)),
        **costs.select(volume).fields("select"),
        **costs.counts(order, n_bins, volume).fields("counts"),
        **costs.coadd(order, n_bins, n_batches).fields("coadd"),
        **costs.exposure(order_exposure, n_bins).fields("exposure"),
    }


def time_filter_record(
    key: str, filters: TimeFilters, cuts: Sequence[Cut], volume: costs.Volume = costs.MONTH
) -> Record:
    """The ``time_filter`` record that serves all of ``cuts``, for batches of ``volume``."""
    settings = [cut.binning.settings for cut in cuts]
    starts = [item.tmin for item in settings]
    ends = [item.tmax for item in settings]
    holder = common_class([cut.evclass for cut in cuts])
    expression = filters.expressions.get(key, "")
    names = cuts[0].names
    return {
        "key": key,
        "filter": expression,
        "apply": bool(expression),
        "evclass": holder.mask if holder else None,
        "emin": min(cut.binning.emin for cut in cuts),
        "emax": max(cut.binning.emax for cut in cuts),
        "zmax": max(item.zmax for item in settings),
        "tmin": None if None in starts else min(starts),
        "tmax": None if None in ends else max(ends),
        "selected_stem": f"select_{names.data_time}_{key}",
        "events_stem": f"mktime_{names.data_time}_{key}",
        **costs.select(volume).fields("select"),
        **costs.mktime(volume).fields("mktime"),
    }


def livetime_record(cut: Cut, n_batches: int, volume: costs.Volume = costs.MONTH) -> Record:
    """The ``livetime_cut`` record of a cut, for batches of ``volume``."""
    settings = cut.binning.settings
    return {
        "key": cut.livetime_key,
        "time_filter": cut.time_filter,
        "zmax": settings.zmax,
        "tmin": settings.tmin,
        "tmax": settings.tmax,
        "livetime_stem": naming.stem(cut.livetime_cube),
        "livetime_cube": naming.base(cut.livetime_cube),
        **costs.livetime(volume).fields("livetime"),
        **costs.livetime_sum(n_batches).fields("sum"),
    }


def batch_ranges(n_files: int, files_per_job: int) -> list[Record]:
    """Consecutive ranges of at most ``files_per_job`` files."""
    return [
        {
            "key": naming.batch_key(number),
            "first": first,
            "count": min(files_per_job, n_files - first),
        }
        for number, first in enumerate(range(0, n_files, files_per_job))
    ]


def even_ranges(count: int, largest: int) -> list[tuple[int, int]]:
    """Consecutive ranges (first, after the last) of at most ``largest``, as even as they can be."""
    parts = math.ceil(count / largest)
    bounds = [count * number // parts for number in range(parts + 1)]
    return list(pairwise(bounds))


def common_class(classes: Sequence[EventClass]) -> EventClass | None:
    """The tightest class whose selection keeps the events of all ``classes``; None if none does."""
    holders = [
        holder
        for holder in EVENT_CLASSES.values()
        if all(class_contains(holder.mask, wanted.mask) for wanted in classes)
    ]
    return min(holders, key=lambda holder: holder.held.bit_count(), default=None)


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
