"""The ways to run a workflow: by cwltool, by Toil on this machine, by Toil on Slurm."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latsky.errors import InputError
from latsky.run import cwltool, slurm, toil
from latsky.run.container import CONTAINERS, Programs
from latsky.run.progress import RunLog
from latsky.run.site import Site, read_site

EPILOG = "Any other option goes to cwltool, or to Toil with --toil and --slurm."


@dataclass(frozen=True)
class Way:
    """What runs a workflow, and how many jobs at a time."""

    engine: str
    """``cwltool`` or ``toil``"""
    site: Site | None
    """the cluster, for Toil on Slurm"""
    jobs: int
    flags: tuple[str, ...]
    """of the user, for the engine"""

    def run(
        self,
        workflow: Path,
        order: Path,
        directory: Path,
        total: int,
        programs: Programs,
        lock: int,
        scratch: Path | None = None,
    ) -> tuple[int, RunLog, dict[str, Any]]:
        """Run ``workflow``: the engine's exit status, what its log said, the output object.

        See ``cwltool.run_workflow`` and ``toil.run_toil``.
        """
        if self.engine == "toil":
            return toil.run_toil(
                workflow, order, directory, total, programs, lock,
                site=self.site, jobs=self.jobs, flags=self.flags, scratch=scratch,
            )  # fmt: skip
        return cwltool.run_workflow(
            workflow, order, directory, self.jobs, total, programs, lock, self.flags, scratch
        )


def add_options(parser: argparse.ArgumentParser, container: str | None = "none") -> None:
    """Options that choose a way, and what jobs run in: ``container`` unless it is said."""
    parser.add_argument(
        "--jobs",
        type=int,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="jobs at a time [number of cores: %(default)s]",
    )
    parser.add_argument(
        "--container",
        choices=CONTAINERS,
        default=container,
        help="jobs run in the engine's image (latsky images) or in what is installed "
        f"[{container or 'as in the run'}]",
    )
    parser.add_argument("--toil", action="store_true", help="run by Toil on this machine")
    parser.add_argument(
        "--slurm",
        nargs="?",
        const="default",
        metavar="SITE",
        help="run by Toil on Slurm; a site profile, a file or a name in jobs/sites [default]",
    )


def way_of(options: argparse.Namespace) -> Way:
    """The way that the options ask for. Raises InputError where it cannot be gone."""
    flags = tuple(getattr(options, "engine_flags", ()))
    site = read_site(options.slurm) if options.slurm else None
    by_toil = options.toil or site is not None
    (toil if by_toil else cwltool).check_flags(flags)
    if site is not None and not slurm.available():
        raise InputError("Slurm's commands are not on PATH", key="--slurm")
    return Way("toil" if by_toil else "cwltool", site, max(1, options.jobs), flags)
