"""Checks of the instrument response functions that the components need."""

from __future__ import annotations

from latsky.config.analysis import Analysis
from latsky.errors import InputError, Problems
from latsky.plan import Cut

ENERGY_TOLERANCE = 1e-6
"""relative; edges of the tables are single precision"""


def check_responses(
    analysis: Analysis, cuts: list[Cut]
) -> tuple[list[InputError], list[InputError]]:
    """Problems and warnings: IRFs absent, event types absent from them, energies outside."""
    if not cuts:
        return [], []
    dataset, binning = analysis.dataset.document, analysis.binning.document
    if analysis.caldb is None:
        return [], [
            analysis.document.problem(
                "response functions are not checked: neither caldb nor the environment's CALDB "
                "is set",
                "caldb",
            )
        ]
    from latsky.fits.irfs import load_response

    problems = Problems()
    unknown: set[str] = set()
    for cut in cuts:
        if cut.irfs in unknown:
            continue
        component = cut.binning
        place = (component.ebin, "psf_types", component.evtype_name)
        try:
            response = load_response(cut.irfs, None, analysis.caldb)
        except InputError as error:
            unknown.add(cut.irfs)
            problems.found.append(
                dataset.problem(f"{error.message} (in {analysis.caldb})", "irf_ver")
            )
            continue
        if response.class_bit is not None and 1 << response.class_bit != cut.evclass.mask:
            problems.found.append(
                dataset.problem(
                    f"{cut.irfs} is for class mask {1 << response.class_bit}, "
                    f"{cut.evclass.name} is {cut.evclass.mask}",
                    "evclass",
                )
            )
        try:
            kinds = load_response(cut.irfs, component.evtype, analysis.caldb).event_types
            low = max(10 ** float(kind.aeff.axes.log_energy[0]) for kind in kinds)
            high = min(10 ** float(kind.aeff.axes.log_energy[-1]) for kind in kinds)
        except InputError as error:
            problems.found.append(binning.problem(error.message, *place))
            continue
        if component.emin < low * (1 - ENERGY_TOLERANCE) or component.emax > high * (
            1 + ENERGY_TOLERANCE
        ):
            problems.found.append(
                binning.problem(
                    f"{component.emin:.6g} to {component.emax:.6g} MeV is not within the energies "
                    f"of {cut.irfs}, {low:.6g} to {high:.6g} MeV",
                    component.ebin,
                )
            )
    return problems.found, []
