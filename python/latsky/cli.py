"""``latsky``: the command for people."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from latsky import __version__
from latsky.errors import guarded

COMMANDS = {
    "demo": ("latsky.demo.command", "make a simulated sky and all files of an analysis of it"),
    "init": ("latsky.init", "write a set of configuration files to edit"),
    "check": ("latsky.check", "find every mistake in the inputs of an analysis"),
    "plan": ("latsky.show_plan", "show what a run would do: components, jobs, sizes, time"),
    "npred": ("latsky.steps.npred", "print predicted counts by energy bin of source maps"),
    "run": ("latsky.run.command", "run an analysis from event files to its products"),
    "status": ("latsky.run.status", "show what a run has done and does"),
    "logs": ("latsky.run.logs", "show what the commands of a step wrote"),
    "resume": ("latsky.run.resume", "go on with a run after whatever ended it"),
    "cancel": ("latsky.run.cancel", "end a run and all its jobs"),
    "clean": ("latsky.run.clean", "remove what a run keeps for a later attempt"),
    "submit": ("latsky.run.submit", "run the leader itself as a Slurm job"),
    "doctor": ("latsky.run.doctor", "find what stands in the way of a run, before it"),
    "images": ("latsky.run.images", "build, stage and verify the images that jobs run in"),
    "job-order": ("latsky.job_order", "write the CWL job order of an analysis"),
    "engine-path": ("latsky.run.environment", "print the directory of the embedded engine"),
    "crate": ("latsky.provenance.crate_command", "describe a run as an RO-Crate"),
    "lineage": ("latsky.provenance.lineage_command", "show how a file came about"),
    "archive": ("latsky.provenance.archive_command", "pack a run so that it can be run again"),
    "rerun": ("latsky.provenance.rerun_command", "run an archive again and compare all results"),
    "compare": ("latsky.provenance.compare_command", "compare all results of two runs"),
    "report": ("latsky.report.command", "write a page about a run: data, fits, maps, timings"),
    "view": ("latsky.report.view", "plot a plane of a sky product"),
}
"""command → (module with ``register(parser)`` and ``run(options)``, one line of help)"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``latsky``; the exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(prog="latsky", description=__doc__)
    parser.add_argument("--version", action="version", version=f"latsky {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, doc) in COMMANDS.items():
        # only the command asked for is imported
        chosen = name in arguments[:1]
        child = commands.add_parser(name, help=doc, description=doc)
        if chosen:
            import_module(module).register(child)
    options, rest = parser.parse_known_args(arguments)
    module = import_module(COMMANDS[options.command][0])
    if rest and not getattr(module, "TAKES_ENGINE_FLAGS", False):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.engine_flags = rest
    options.arguments = arguments
    return guarded(f"latsky {options.command}", lambda: module.run(options))


if __name__ == "__main__":
    sys.exit(main())
