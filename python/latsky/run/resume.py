"""``latsky resume``: go on with a run after whatever ended it.

The same as the command that started it, in the same directory: finished work is taken over where
neither tool nor inputs nor programs have changed, see :mod:`latsky.run.reuse`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from latsky.errors import InputError
from latsky.provenance.run_record import read_run


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky resume``."""
    parser.add_argument("run", type=Path, help="directory of the run")


def run(options: argparse.Namespace) -> int:
    """Run again what a run was started with."""
    from latsky import cli

    directory = options.run.resolve()
    record = read_run(directory)
    arguments = list(record["arguments"])
    if arguments[:1] != ["run"] or "working_directory" not in record:
        raise InputError("not started by latsky run", file=directory, key="arguments")
    os.chdir(record["working_directory"])
    place = ["--outdir", str(directory)]
    # a later option counts: the directory may have been moved
    return cli.main(arguments if arguments[-2:] == place else [*arguments, *place])
