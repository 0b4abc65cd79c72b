"""The environment in which the workflows' commands run, and ``latsky engine-path``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import latsky

CALDB = ("CALDB", "CALDBCONFIG", "CALDBALIAS")
PRESERVED = (*CALDB, "NUMBA_CACHE_DIR", "SOURCE_DATE_EPOCH")
"""variables that reach the commands; the runners clear all others"""
FERMITOOLS = ("FERMI_INST_DIR", "PFILES")
"""what installed Fermitools do not start without, beside CALDB"""
FERMITOOLS_MORE = ("FERMI_DIR", "TIMING_DIR")
"""what the ephemeris and source models refer to"""


def engine_path() -> Path:
    """Directory of the embedded engine's commands."""
    return Path(latsky.__file__).parent / "embedded" / "bin"


def scripts_path() -> Path:
    """Directory of the console scripts installed with this Python (latsky-step, cwltool, node)."""
    return Path(sys.executable).parent


def script(name: str) -> Path:
    """A console script installed with this Python. Raises FileNotFoundError where there is none."""
    path = scripts_path() / name
    if not path.exists():
        raise FileNotFoundError(2, "no such command; is latsky installed with its engines?", path)
    return path


def job_environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment for a runner whose jobs use the embedded engine.

    The engine's commands come first on PATH, then this Python's scripts. Compiled code is kept
    beside the package, or in the user's cache directory where the package cannot be written.
    """
    environment = dict(os.environ if base is None else base)
    first = [str(engine_path()), str(scripts_path())]
    environment["PATH"] = os.pathsep.join([*first, environment.get("PATH", os.defpath)])
    if "NUMBA_CACHE_DIR" not in environment and not os.access(engine_path().parent, os.W_OK):
        cache = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        environment["NUMBA_CACHE_DIR"] = str(Path(cache) / "latsky" / "numba")
    return environment


def preserve_flags(environment: Mapping[str, str]) -> list[str]:
    """Flags that make cwltool and Toil pass on those of PRESERVED that are set."""
    return [f"--preserve-environment={name}" for name in PRESERVED if name in environment]


def register(parser: argparse.ArgumentParser) -> None:
    """``latsky engine-path`` has no options."""


def run(options: argparse.Namespace) -> None:
    """Print the directory to put first on PATH."""
    print(engine_path())
