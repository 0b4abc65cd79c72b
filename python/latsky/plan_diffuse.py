"""Plan of the diffuse templates: merged rings, and source maps by component and energy planes.

Source maps are made for the data set's own event class: components of other classes
(``evtclasses``) serve comparisons of classes, which need counts and exposure alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from latsky import costs, naming
from latsky.config.library import DiffuseSource, Library
from latsky.config.rings import MergedRing
from latsky.errors import Problems
from latsky.plan import Cut, PlanOptions, Record, even_ranges

KINDS = {"MapCubeSource": "cube", "SpatialMap": "map", "IsoSource": "isotropic"}
"""kind of component in a library → kind of template for source-maps-diffuse"""


def plan_diffuse(
    library: Library,
    cuts: Sequence[Cut],
    evclass: str,
    options: PlanOptions,
) -> tuple[list[Record], list[Record]]:
    """Lists of ``merged_ring`` and ``diffuse_component`` records.

    Raises InputErrors when two templates have one base name: jobs know files by it.
    """
    problems = Problems()
    records: list[Record] = []
    files: dict[str, tuple[str, DiffuseSource]] = {}
    for source in library.sources:
        for cut in cuts:
            if cut.evclass.name != evclass:
                continue
            name = source.file_name(cut.binning)
            known, first = files.setdefault(naming.base(name), (name, source))
            if known != name:
                problems.add(
                    f"{name} has the same base name as {known} of {first.key}",
                    source.origin,
                    source.key,
                )
            records.append(diffuse_record(source, cut, options))
    problems.found = list({str(problem): problem for problem in problems.found}.values())
    problems.raise_any()
    return [ring_record(ring) for ring in library.rings], records


def ring_record(ring: MergedRing) -> Record:
    """The ``merged_ring`` record of a ring."""
    fields = costs.ring_sum(len(ring.inputs)).fields("")
    return {
        "key": ring.key,
        "source_name": ring.name,
        "inputs": [naming.base(name) for name in ring.inputs],
        "template": naming.base(ring.output),
        "ram_mib": fields["_ram_mib"],
        "time_s": fields["_time_s"],
    }


def diffuse_record(source: DiffuseSource, cut: Cut, options: PlanOptions) -> Record:
    """The ``diffuse_component`` record of a source on a binning component."""
    component = cut.binning
    order = min(component.settings.hpx_order, options.hpx_order_ccube)
    n_planes = len(component.edges)
    convolved = not source.no_psf
    rates = costs.RATES[options.engine]
    groups = plane_groups(
        n_planes, options.planes_per_job or default_planes(order, convolved, rates)
    )
    maps = cut.names.source_maps(source.source_key, cut.time_filter, component.key)
    largest = max(group["kmax"] - group["kmin"] for group in groups)
    return {
        "key": f"{source.source_key}_{cut.job_key}",
        "source_key": source.source_key,
        "source_name": source.name,
        "model_type": source.model_type,
        "kind": KINDS[source.model_type],
        "component": cut.job_key,
        "template": naming.base(source.file_name(component)),
        "merged_ring": source.merged_ring,
        "no_psf": source.no_psf,
        "edisp_disable": source.edisp_disable,
        "plane_groups": groups,
        "source_maps_stem": naming.stem(maps),
        "source_maps": naming.base(maps),
        **costs.source_maps(order, largest, convolved).fields("maps"),
        **costs.stack(order, n_planes).fields("stack"),
        "picture_plane": str(n_planes // 2),
        **costs.pictures(order, n_planes).fields("picture"),
    }


def default_planes(order: int, convolved: bool, rates: costs.Rates = costs.FERMITOOLS) -> int:
    """Planes that make a job of about ``costs.JOB_S``."""
    return max(1, math.floor(costs.JOB_S / costs.source_map_plane_s(order, convolved, rates)))


def plane_groups(n_planes: int, largest: int) -> list[Record]:
    """Consecutive groups of at most ``largest`` planes, as even as they can be."""
    return [
        {"key": f"{number:02d}", "kmin": first, "kmax": last}
        for number, (first, last) in enumerate(even_ranges(n_planes, largest))
    ]
