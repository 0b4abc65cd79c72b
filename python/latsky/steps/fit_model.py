"""``latsky-step fit-model``: fit of a model to the counts of all binning components.

Reads the directory of a model (config.yaml, source models, assembled source maps); writes
fit_<model>.json, the fitted source models and parameters, and a model cube for each component.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from latsky.errors import InputError
from latsky.steps.options import add_engine

ENGINES = ("embedded", "fermitools")
INTEGRATIONS = ("fine", "fermitools")


@dataclass(frozen=True)
class Request:
    """What is asked for, whichever engine answers."""

    config: Path
    output: Path
    files: tuple[Path, ...] = ()
    edisp: bool | None = None
    integration: str = "fine"
    strategy: Path | None = None
    parameters: Path | None = None
    minos: tuple[str, ...] = ()
    caldb: Path | None = None
    work: Path | None = None
    threads: int = 1
    model_cubes: bool = True


def make_embedded(request: Request, progress) -> list[Path]:
    """Fit with the embedded engine; the files written. Raises InputErrors."""
    from latsky.embedded.compiled import prepare

    prepare()
    import numba

    from latsky.fit.model_files import read_model_files
    from latsky.fit.model_fit import Settings, fit_model
    from latsky.fit.strategy import EVERYTHING, read_strategy

    numba.set_num_threads(min(request.threads, numba.config.NUMBA_NUM_THREADS))
    strategy = (EVERYTHING,) if request.strategy is None else read_strategy(request.strategy)
    settings = Settings(
        request.edisp,
        request.integration,
        strategy,
        request.strategy,
        request.files,
        request.parameters,
        request.minos,
        request.caldb,
        request.work or request.output,
    )
    fitted = fit_model(read_model_files(request.config, request.files), settings, progress)
    return write_fitted(fitted, request.output, model_cubes=request.model_cubes)


def write_fitted(fitted, output: Path, *, model_cubes: bool = True) -> list[Path]:
    """Write all products of a fit into a directory; what was written."""
    import json

    from latsky.fit.model_fit import joined_model
    from latsky.fit.results import write_atomically, write_models, write_parameters, write_results
    from latsky.fits import dates
    from latsky.fits.hpx import write_counts_cube
    from latsky.fits.source_model import SourceModel

    name = fitted.results.model
    for text in fitted.results.warnings:
        print(f"warning: {text}", file=sys.stderr)
    written = []
    if model_cubes:
        for number, frame in enumerate(fitted.frames):
            path = output / f"mcube_{name}_{frame.name}.fits"
            primary = frame.primary.copy()
            primary.set("CREATOR", dates.creator("fit-model"), "software that made this file")
            primary.set("FILENAME", path.name, "name of this file")
            write_counts_cube(
                path,
                frame.geometry,
                frame.edges,
                fitted.model_counts(number),
                primary=primary,
                header=frame.header,
                dtype="f4",
            )
            written.append(path)
    written += write_models(output, name, fitted.shared, fitted.own)
    parameters = output / f"fit_{name}_parameters.yaml"
    everything = {s.name: s for model in (fitted.shared, *fitted.own.values()) for s in model}
    order = joined_model(fitted.files).names
    write_parameters(parameters, SourceModel(tuple(everything[source] for source in order)))
    timings = output / f"fit_{name}_timings.json"
    write_atomically(timings, json.dumps(fitted.timings, indent=1) + "\n")
    results = output / f"fit_{name}.json"
    write_results(results, fitted.results)
    return [*written, parameters, timings, results]


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and fit."""
    parser = argparse.ArgumentParser(prog="latsky-step fit-model", description=__doc__)
    add = parser.add_argument
    add_engine(parser, ENGINES, "who fits")
    add("--config", type=Path, required=True, help="config.yaml of the model's directory")
    many = {"type": Path, "nargs": "+", "action": "extend", "default": []}
    add("--file", **many, help="files that the configuration names, known by base name")
    add("--edisp", choices=("config", "on", "off"), default="config", help="energy dispersion")
    add("--integration", choices=INTEGRATIONS, default="fine", help="bin integrals without it")
    add("--strategy", type=Path, help="stages of the fit (YAML)")
    add("--parameters", type=Path, help="parameters to start with (YAML)")
    add("--minos", action="append", default=[], help="source:parameter, or all: MINOS errors")
    add("--caldb", type=Path, help="calibration database (default: CALDB of the environment)")
    add("--work", type=Path, help="directory for the work file (default: the output's)")
    add("--threads", type=int, default=1, help="threads; no change in results")
    add("--no-model-cubes", action="store_true", help="leave out the model cubes")
    add("--quiet", action="store_true", help="no messages of progress")
    add("--output", "-o", type=Path, default=Path(), help="directory to write into [.]")
    options = parser.parse_args(arguments)
    if options.engine not in ENGINES:
        raise InputError(f"{options.engine!r} is none of {', '.join(ENGINES)}", key="LATSKY_ENGINE")
    if options.threads < 1:
        raise InputError("at least one thread is needed", key="threads")
    request = Request(
        options.config,
        options.output,
        tuple(options.file),
        {"config": None, "on": True, "off": False}[options.edisp],
        options.integration,
        options.strategy,
        options.parameters,
        tuple(options.minos),
        options.caldb,
        options.work,
        options.threads,
        not options.no_model_cubes,
    )
    options.output.mkdir(parents=True, exist_ok=True)

    def progress(text: str) -> None:
        if not options.quiet:
            print(text, file=sys.stderr, flush=True)

    if options.engine == "embedded":
        written = make_embedded(request, progress)
    else:
        from latsky.fermitools.fit_model import make_fermitools

        written = make_fermitools(request, progress)
    print("\n".join(path.name for path in written))
    return 0
