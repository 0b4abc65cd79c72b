"""``latsky check``: every mistake in the inputs of an analysis, before any job starts."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from latsky.config.analysis import Analysis, gather_analysis
from latsky.errors import InputError, InputErrors, Problems
from latsky.naming import NO_FILTER
from latsky.plan import Cut, expand


@dataclass
class Report:
    """What was found: ``problems`` stop a run, ``warnings`` do not."""

    problems: list[InputError] = field(default_factory=list)
    warnings: list[InputError] = field(default_factory=list)
    analysis: Analysis | None = None
    cuts: list[Cut] = field(default_factory=list)


def check_analysis(path: Path) -> Report:
    """Read everything that a master file names and check it; never raises for a mistake in it."""
    from latsky.check.catalogs import check_catalogs
    from latsky.check.events import check_events
    from latsky.check.filters import check_filters
    from latsky.check.models import check_models
    from latsky.check.responses import check_responses
    from latsky.check.templates import check_templates

    report = Report()
    problems = Problems()
    analysis = problems.collect(lambda: gather_analysis(path, problems))
    if analysis is not None:
        report.analysis = analysis
        report.warnings.extend(analysis.warnings)
        if None not in (analysis.dataset, analysis.binning, analysis.filters):
            cuts = problems.collect(
                lambda: expand(analysis.dataset, analysis.binning, analysis.filters)
            )
            report.cuts = cuts or []
        if report.cuts:
            report.warnings.extend(odd_components(analysis, report.cuts))
        checks = (
            *(check_events, check_filters, check_responses),
            *(check_templates, check_catalogs, check_models),
        )
        for check in checks:
            found, odd = check(analysis, report.cuts)
            problems.found.extend(found)
            report.warnings.extend(odd)
    report.problems = list({str(problem): problem for problem in problems.found}.values())
    return report


def odd_components(analysis: Analysis, cuts: list[Cut]) -> list[InputError]:
    """Components without a time filter, and those that would count an event twice."""
    found = []
    binning = analysis.binning.document
    bare = sorted(
        {
            cut.binning.name
            for cut in cuts
            if cut.time_filter == NO_FILTER and NO_FILTER not in analysis.filters.expressions
        }
    )
    if bare:
        found.append(
            binning.problem(
                f"no time filter is applied to {', '.join(bare)}: "
                "times of bad data and the time outside of science operation are counted in"
            )
        )
    for one, other in combinations(cuts, 2):
        shared_types = one.binning.evtype & other.binning.evtype
        low = max(one.binning.emin, other.binning.emin)
        high = min(one.binning.emax, other.binning.emax)
        same = (one.evclass, one.time_filter) == (other.evclass, other.time_filter)
        if same and shared_types and low < high * (1 - 1e-9):
            found.append(
                binning.problem(
                    f"{one.binning.name} and {other.binning.name} share events "
                    f"({low:.6g} to {high:.6g} MeV)",
                    other.binning.ebin,
                )
            )
    return found


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky check``."""
    parser.add_argument("analysis", type=Path, help="master file of the analysis")


def run(options: argparse.Namespace) -> int:
    """Print what is wrong; the exit status is 2 when anything is."""
    report = check_analysis(options.analysis)
    show_warnings("latsky check", report.warnings)
    if report.problems:
        raise InputErrors(report.problems)
    if report.analysis is not None:
        from latsky.plan_catalog import rule_lines
        from latsky.plan_models import plan_of_models
        from latsky.show_plan import catalogs_of, model_lines

        print(summary(report.analysis, report.cuts))
        for catalog in catalogs_of(report.analysis):
            print("\n".join(rule_lines(catalog)))
        models = plan_of_models(report.analysis)
        if models is not None:
            print("\n".join(model_lines(models)))
    return 0


def show_warnings(command: str, warnings: list[InputError]) -> None:
    """Print warnings, one a line, to standard error."""
    for warning in warnings:
        print(f"{command}: warning: {warning}", file=sys.stderr)


def summary(analysis: Analysis, cuts: list[Cut]) -> str:
    """One line for an analysis in which nothing is wrong."""
    counts = (
        (len(cuts), "component"),
        (len(analysis.event_files), "event file"),
        (len(analysis.spacecraft_files), "spacecraft file"),
    )
    words = ", ".join(f"{number} {noun}{'s' * (number != 1)}" for number, noun in counts)
    return f"{analysis.document.path}: {words}: nothing wrong found"
