"""Run a CWL engine with the recorder in it.

``python -m latsky.provenance.launch cwltool|toil RECORDS ENGINE-ARGUMENTS…``: what the engine's own
command would do with those arguments, and a record of every tool that ran in the directory RECORDS.
Toil's jobs in Slurm keep to LATSKY_LIMITS (latsky.run.requests).
Where LATSKY_STORE (a directory) and LATSKY_PROGRAMS (hash of the programs) are set, finished work
is kept there and taken from there (latsky.run.reuse).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from latsky.provenance.recorder import RecordedExpression, RecordedTool, factory


def launch(engine: str, records: Path, arguments: Sequence[str]) -> int:
    """Run ``engine`` (``cwltool`` or ``toil``) on ``arguments``; its exit status."""
    records = records.resolve()
    records.mkdir(parents=True, exist_ok=True)
    place, programs = os.environ.get("LATSKY_STORE"), os.environ.get("LATSKY_PROGRAMS")
    store = (place, programs) if place and programs else None
    if engine == "toil":
        import toil.cwl.cwltoil as toil

        from latsky.provenance.toil_recorder import RecordedToilExpression, RecordedToilTool
        from latsky.run import toil_slurm
        from latsky.run.requests import Limits

        toil_slurm.register(Limits.from_text(os.environ.get("LATSKY_LIMITS", "{}")))
        toil_classes = {
            "CommandLineTool": RecordedToilTool,
            "ExpressionTool": RecordedToilExpression,
        }
        toil.toil_make_tool = factory(toil.toil_make_tool, toil_classes, records, store)
        # Toil starts its workers by name: they are beside this Python
        scripts = str(Path(sys.executable).parent)
        os.environ["PATH"] = os.pathsep.join([scripts, os.environ.get("PATH", os.defpath)])
        return toil.main(list(arguments))
    if engine != "cwltool":
        raise ValueError(f"unknown engine {engine}")
    import cwltool.context
    import cwltool.main
    import cwltool.workflow

    context = cwltool.context.LoadingContext()
    classes = {"CommandLineTool": RecordedTool, "ExpressionTool": RecordedExpression}
    context.construct_tool_object = factory(
        cwltool.workflow.default_make_tool, classes, records, store
    )
    # the console script's own entry, which ends its commands when it is asked to end
    return cwltool.main.run(list(arguments), loadingContext=context)


def main() -> None:
    """Entry of ``python -m``."""
    if len(sys.argv) < 3:
        sys.exit("usage: python -m latsky.provenance.launch cwltool|toil RECORDS ARGUMENTS…")
    engine, records, *arguments = sys.argv[1:]
    try:
        code = launch(engine, Path(records), arguments)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    sys.exit(code)


if __name__ == "__main__":
    main()
