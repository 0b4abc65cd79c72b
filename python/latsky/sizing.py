"""How large the jobs of an analysis are made, from its files and its engine."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace

from latsky import costs
from latsky.config.analysis import Analysis
from latsky.plan import PlanOptions

GZIP_RATIO = 2.5
"""bytes of an event table over its gzipped size"""


def default_engine() -> str:
    """The engine that is meant where none is named."""
    return os.environ.get("LATSKY_ENGINE", "embedded")


def plan_options(
    analysis: Analysis, engine: str | None = None, *, grouping: bool = True
) -> PlanOptions:
    """What the master file says, and by how many event files share a job where it does not say.

    Without ``grouping`` one event file and one energy plane make a job, whatever the file says.
    """
    file = analysis.file
    options = PlanOptions(
        file.hpx_order_ccube,
        file.hpx_order_expcube,
        file.files_per_job,
        file.planes_per_job,
        file.catalog_nsrc,
        engine or default_engine(),
    )
    if not grouping:
        return replace(options, files_per_job=1, planes_per_job=1)
    count = len(analysis.event_files)
    if options.files_per_job or not count:
        return options
    rates = costs.RATES[options.engine]
    files = costs.default_files(count, volume_of(analysis, count), rates)
    return replace(options, files_per_job=files)


def volume_of(analysis: Analysis, n_batches: int) -> costs.Volume:
    """Mean data volume of a batch, from the sizes of the event files and the times they span."""
    from latsky.fits.core import FitsFile

    size = sum(
        listed.path.stat().st_size * (GZIP_RATIO if listed.path.suffix == ".gz" else 1)
        for listed in analysis.event_files
    )
    span = 0.0
    for listed in analysis.event_files:
        with FitsFile(listed.path) as file:
            header = file.header("EVENTS")
        span += float(header.get("TSTOP", 0)) - float(header.get("TSTART", 0))
    return costs.Volume(size / n_batches, span / n_batches)


def add_grouping(parser: argparse.ArgumentParser) -> None:
    """The option ``--no-grouping`` of the commands that plan."""
    parser.add_argument(
        "--no-grouping",
        dest="grouping",
        action="store_false",
        help="one event file and one energy plane a job, whatever the master file says",
    )
