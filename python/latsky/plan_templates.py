"""The plan of an analysis with a library: that of the data, and of everything made for models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from latsky.config.dataset import DatasetConfig
from latsky.config.library import Library
from latsky.errors import Problems
from latsky.plan import Cut, Plan, PlanOptions
from latsky.plan_catalog import DividedCatalog, plan_catalogs
from latsky.plan_diffuse import plan_diffuse


def plan_templates(
    plan: Plan,
    dataset: DatasetConfig,
    cuts: Sequence[Cut],
    library: Library,
    catalogs: Sequence[DividedCatalog],
    options: PlanOptions,
) -> Plan:
    """``plan`` with the merged rings, diffuse components and catalogue components of a library.

    Raises InputErrors when files would have one name.
    """
    problems = Problems()
    evclass = dataset.file.evclass
    diffuse = problems.collect(lambda: plan_diffuse(library, cuts, evclass, options))
    records = problems.collect(lambda: plan_catalogs(catalogs, cuts, evclass, options))
    problems.raise_any()
    rings, components = diffuse or ([], [])
    return replace(
        plan,
        merged_rings=rings,
        diffuse_components=components,
        catalog_components=records or [],
    )
