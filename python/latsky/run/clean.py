"""``latsky clean``: remove what a run keeps for a later attempt; its products and records stay."""

from __future__ import annotations

import argparse
import shutil
from collections import Counter
from pathlib import Path
from stat import S_ISREG

from latsky.errors import InputError
from latsky.provenance.run_record import read_run
from latsky.run import engine

KEPT = (engine.STORE, ".toil", ".scratch", ".outputs")


def register(parser: argparse.ArgumentParser) -> None:
    """Options of ``latsky clean``."""
    parser.add_argument("run", type=Path, help="directory of the run")
    parser.add_argument(
        "--force", action="store_true", help="also of a run that did not succeed: it begins anew"
    )


def run(options: argparse.Namespace) -> int:
    """Remove them; refused for a run that latsky resume could go on with."""
    directory = options.run.resolve()
    status = read_run(directory)["status"]
    if status != "success" and not options.force:
        raise InputError(
            f"the run has not succeeded ({status}), and latsky resume needs what it has done; "
            "with --force that goes",
            file=directory,
        )
    with engine.locked(directory):
        freed = kept_bytes(directory)
        for name in KEPT:
            shutil.rmtree(directory / name, ignore_errors=True)
    print(f"{freed / 2**20:.1f} MiB freed; an edited analysis would be done from the beginning")
    return 0


def kept_bytes(directory: Path) -> int:
    """Bytes that go with what is kept: those of files that are products as well do not."""
    found = [path.stat() for name in KEPT for path in (directory / name).rglob("*")]
    links = Counter(stat.st_ino for stat in found)
    files = {stat.st_ino: stat for stat in found if S_ISREG(stat.st_mode)}
    return sum(stat.st_size for inode, stat in files.items() if stat.st_nlink == links[inode])
