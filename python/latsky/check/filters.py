"""Checks of time filter expressions against the columns of the spacecraft data."""

from __future__ import annotations

from latsky.config.analysis import Analysis
from latsky.errors import InputError
from latsky.fits.core import FitsFile
from latsky.plan import Cut


def check_filters(analysis: Analysis, cuts: list[Cut]) -> tuple[list[InputError], list[InputError]]:
    """Problems: expressions that a component uses and that cannot be evaluated.

    They are compiled for the columns of the first spacecraft file; nothing is checked where that
    cannot be read, which is reported elsewhere.
    """
    if not cuts or not analysis.spacecraft_files:
        return [], []
    from latsky.embedded.expression import compile_filter

    try:
        with FitsFile(analysis.spacecraft_files[0].path) as file:
            table = file.empty_table("SC_DATA")
    except InputError:
        return [], []
    problems = []
    for key in dict.fromkeys(cut.time_filter for cut in cuts):
        expression = analysis.filters.expressions.get(key)
        if expression is None:
            continue
        try:
            compile_filter(expression, table)
        except InputError as error:
            problems.append(analysis.filters.document.problem(error.message, "selections", key))
    return problems, []
