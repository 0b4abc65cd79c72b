"""Runs a workflow as ``latsky run`` does, for tests that kill it: RUN WORKFLOW ORDER [SITE]."""

import json
import sys
from dataclasses import replace
from pathlib import Path

from latsky.provenance.hashing import hash_order
from latsky.run import engine
from latsky.run.container import choose
from latsky.run.site import Site, read_site
from latsky.run.toil import run_toil, settle

STANDIN = Path(__file__).parent / "standin"


def main(directory: Path, workflow: str, order: Path, site: Site | None) -> int:
    with engine.locked(directory) as lock:
        settle(directory, site)
        engine.set_aside(directory)
        inputs = json.loads(order.read_text())
        hash_order(inputs)
        (directory / "job-order.json").write_text(json.dumps(inputs))
        # the stand-in uses no code of latsky, which may be edited while a test runs
        programs = replace(choose("none", "embedded", directory), identity="stand-in")
        hashed = directory / "job-order.json"
        status, log, _ = run_toil(
            STANDIN / workflow, hashed, directory, 6, programs, lock, site=site, jobs=2
        )
    for line in log.errors:
        print(line, file=sys.stderr)
    return status


if __name__ == "__main__":
    run, workflow, order, *site = sys.argv[1:]
    sys.exit(main(Path(run), workflow, Path(order), read_site(site[0]) if site else None))
