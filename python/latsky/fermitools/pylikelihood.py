"""What all uses of pyLikelihood share: finding it, and the observation of a component."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from latsky.errors import InputError
from latsky.fits import dss

NEEDED = ("CALDB", "CALDBCONFIG", "CALDBALIAS")
"""without them the import of pyLikelihood aborts the process"""


def modules() -> tuple[Any, Any]:
    """pyLikelihood and BinnedAnalysis. Raises InputError where they are absent or not set up."""
    if "pyLikelihood" not in sys.modules and find_spec("pyLikelihood") is not None:
        missing = [name for name in NEEDED if not os.environ.get(name)]
        if missing:
            raise InputError(
                f"the Fermitools are not set up: {', '.join(missing)} not set", key="engine"
            )
    try:
        return import_module("pyLikelihood"), import_module("BinnedAnalysis")
    except ImportError as error:
        raise InputError(
            f"the Fermitools are not here ({error}); use --engine embedded", key="engine"
        ) from None


def check_event_types(cuts: tuple[dss.Cut, ...], evtype: int | None, counts_cube: Path) -> None:
    """Raise InputError unless ``evtype`` is what pyLikelihood will take.

    It takes event types and partition from the cut EVENT_TYPE of the counts cube, whatever follows
    the name of the response functions; without that cut, FRONT and BACK.
    """
    mask = dss.find_mask(cuts, "EVENT_TYPE")
    if evtype is not None and mask != evtype:
        raise InputError(
            f"pyLikelihood takes the event types of the counts cube ({mask}), not {evtype}",
            counts_cube,
            "evtype",
        )


def observation(
    analysis: Any, irfs: str, livetime_cube: Path, counts_cube: Path, exposure_cube: Path
) -> Any:
    """The ``BinnedObs`` of a binning component."""
    return analysis.BinnedObs(
        irfs=irfs,
        expCube=str(livetime_cube),
        srcMaps=str(counts_cube),
        binnedExpMap=str(exposure_cube),
    )
