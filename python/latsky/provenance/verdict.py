"""What a comparison of two runs found: as text, as JSON, as an exit status."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from typing import Any

from latsky.provenance.grade import Grade, JobResult, first_divergence

BELOW = 3
"""exit status for results below the grade asked for"""


def add_grade_options(parser: argparse.ArgumentParser) -> None:
    """Options that say how equal results have to be."""
    parser.add_argument(
        "--grade",
        choices=[str(grade) for grade in sorted(Grade, reverse=True) if grade],
        default=str(Grade.IDENTICAL),
        help="what every output has to be at least [%(default)s]",
    )
    parser.add_argument(
        "--rtol", type=float, default=1e-6, help="relative tolerance of numbers [%(default)s]"
    )


def wanted(options: argparse.Namespace) -> Grade:
    """The grade asked for."""
    return Grade[options.grade.upper()]


def show(results: Sequence[JobResult], grade: Grade) -> int:
    """Print the grades of all steps and the first job below ``grade``; the exit status."""
    steps: dict[str, Counter[Grade]] = {}
    for result in results:
        steps.setdefault("/".join(result.step), Counter())[result.grade] += 1
    width = max((len(step) for step in steps), default=0)
    for step, counts in steps.items():
        told = ", ".join(f"{counts[value]} {value}" for value in sorted(counts, reverse=True))
        print(f"{step:<{width}}  {told}")
    diverging = first_divergence(results, grade)
    if diverging is None:
        print(f"all {len(results)} jobs: {grade} or better")
        return 0
    below = sum(result.grade < grade for result in results)
    print(f"{below} of {len(results)} jobs below the grade asked for ({grade})")
    title = f" ({diverging.name})" if diverging.name else ""
    print(f"first to diverge: {'/'.join(diverging.step)}{title}")
    for note in diverging.notes:
        print(f"  {note}")
    for finding in diverging.findings:
        if finding.grade < grade:
            note = f": {finding.note}" if finding.note else ""
            print(f"  {finding.name} {finding.grade}{note}")
    return BELOW


def as_json(results: Sequence[JobResult], grade: Grade) -> dict[str, Any]:
    """The same for programs."""
    diverging = first_divergence(results, grade)
    return {
        "grade_asked": str(grade),
        "grade": str(min((result.grade for result in results), default=Grade.IDENTICAL)),
        "first_to_diverge": list(diverging.step) if diverging else None,
        "jobs": [
            {
                "step": list(result.step),
                "name": result.name,
                "grade": str(result.grade),
                "notes": list(result.notes),
                "outputs": [
                    {"name": f.name, "grade": str(f.grade), "note": f.note} for f in result.findings
                ],
            }
            for result in results
        ],
    }
