"""Entry of the embedded engine's commands: ``latsky-step engine gtselect infile=… outfile=…``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from latsky.embedded.parameters import Command, parse, usage
from latsky.errors import guarded

COMMANDS = {
    "gtselect": "latsky.embedded.gtselect",
    "gtmktime": "latsky.embedded.gtmktime",
    "gtbin": "latsky.embedded.gtbin",
    "gtltcube": "latsky.embedded.gtltcube",
    "gtltsum": "latsky.embedded.gtltsum",
    "gtexpcube2": "latsky.embedded.gtexpcube2",
}
"""command → module that holds it as ``COMMAND``; imported when called, to start fast"""


def load(name: str) -> Command:
    """The command ``name``. Raises KeyError when the engine has none of that name."""
    return import_module(COMMANDS[name]).COMMAND


def main(arguments: Sequence[str]) -> int:
    """Run one command of the engine; the exit status."""
    if not arguments or arguments[0] not in COMMANDS:
        print(f"usage: latsky-step engine {{{','.join(COMMANDS)}}} name=value …", file=sys.stderr)
        return 2
    name, *rest = arguments
    command = load(name)
    if any(argument in ("-h", "--help", "help") for argument in rest):
        print(usage(command))
        return 0
    return guarded(name, lambda: command.run(parse(command, rest)))
