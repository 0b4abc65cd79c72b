"""``latsky-step``: the commands that the workflows call."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from latsky.errors import guarded

STEPS = {
    "engine": "latsky.embedded.main",
    "fit-model": "latsky.steps.fit_model",
    "gather-catalog": "latsky.steps.gather_catalog",
    "merge-catalog": "latsky.steps.merge_catalog",
    "source-maps-catalog": "latsky.steps.source_maps_catalog",
    "coadd": "latsky.steps.coadd",
    "assemble-model": "latsky.steps.assemble_model",
    "init-model": "latsky.steps.init_model",
    "match-spacecraft": "latsky.steps.match_spacecraft",
    "copy-dss": "latsky.steps.copy_dss",
    "draw-maps": "latsky.steps.draw_maps",
    "healview": "latsky.steps.healview",
    "npred": "latsky.steps.npred",
    "plan": "latsky.steps.plan",
    "plan-models": "latsky.steps.plan_models",
    "source-maps-diffuse": "latsky.steps.source_maps_diffuse",
    "stack": "latsky.steps.stack",
    "sum-rings": "latsky.steps.sum_rings",
    "template-clip": "latsky.steps.template_clip",
    "template-scale": "latsky.steps.template_scale",
}
"""step → module with ``main(arguments) -> int | None``; imported when called, to start fast"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step; the exit status (0 done, 1 the machine's fault, 2 a mistake in the input)."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if not arguments or arguments[0] not in STEPS:
        print(f"usage: latsky-step {{{','.join(STEPS)}}} …", file=sys.stderr)
        return 0 if arguments and arguments[0] in ("-h", "--help") else 2
    name, *rest = arguments
    return guarded(f"latsky-step {name}", lambda: import_module(STEPS[name]).main(rest))


if __name__ == "__main__":
    sys.exit(main())
