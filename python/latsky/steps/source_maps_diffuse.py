"""``latsky-step source-maps-diffuse``: the source map of a diffuse component, plane by plane."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from latsky.config.selections import event_type_mask, partition_of
from latsky.errors import InputError
from latsky.fits import dss
from latsky.steps.options import add_engine, add_observation

ENGINES = ("embedded", "fermitools")
KINDS = ("auto", "isotropic", "cube", "map")


@dataclass(frozen=True)
class Request:
    """What is asked for, whichever engine answers."""

    livetime_cube: Path
    counts_cube: Path
    exposure_cube: Path
    irfs: str
    source: str
    output: Path
    kind: str = "auto"
    template: Path | None = None
    spectrum: Path | None = None
    """text file of an isotropic component"""
    source_model: Path | None = None
    evtype: int | None = None
    kmin: int = 0
    kmax: int = -1
    no_psf: bool = False
    threads: int = 1
    clobber: bool = True


@dataclass(frozen=True)
class Component:
    """The component's shape: a template file, or none for an isotropic one."""

    kind: str
    template: Path | None
    spectrum: Path | None
    factor: float = 1.0
    """value of the spatial model's own parameter"""


def component(request: Request) -> Component:
    """Shape of the source from options and source model; options win over the model's files.

    Raises InputError when they contradict each other or say too little.
    """
    kind, template, spectrum, factor = request.kind, request.template, request.spectrum, 1.0
    if request.source_model is not None:
        found, file, tabulated, factor = _from_model(request.source_model, request.source)
        if kind not in ("auto", found):
            raise InputError(
                f"the model says {found}, the option --kind {kind}", request.source_model, "kind"
            )
        kind = found
        template = template or (file if kind != "isotropic" else None)
        spectrum = spectrum or tabulated
    elif kind == "auto" and template is None:
        if spectrum is None:
            raise InputError("--template, --spectrum or --source-model is needed", key="template")
        kind = "isotropic"
    if kind == "isotropic" and template is not None:
        raise InputError("an isotropic component has no template", template, "kind")
    if kind in ("cube", "map") and template is None:
        raise InputError(f"a {kind} needs --template", key="template")
    return Component(kind, template, spectrum, factor)


def _from_model(path: Path, name: str) -> tuple[str, Path | None, Path | None, float]:
    from latsky.fits.source_model import read_source_model, resolve_file

    model = read_source_model(path)
    if name not in model.names:
        have = ", ".join(model.names) or "none"
        raise InputError(f"no source {name}; the model has {have}", file=path, key=name)
    source = model[name]
    spatial = source.spatial
    kinds = {"MapCubeFunction": "cube", "SpatialMap": "map", "ConstantValue": "isotropic"}
    if spatial is None or spatial.kind not in kinds:
        raise InputError(
            f"{spatial.kind if spatial else source.kind} is no diffuse template", path, name
        )
    factor = spatial.parameters[0].true
    file = resolve_file(spatial.file, path.parent) if spatial.file else None
    tabulated = None
    if source.spectrum.kind == "FileFunction" and source.spectrum.file:
        tabulated = resolve_file(source.spectrum.file, path.parent)
    return kinds[spatial.kind], file, tabulated, factor


def plane_range(kmin: int, kmax: int, n_planes: int) -> tuple[int, int]:
    """First plane and the one after the last; kmax -1 is all. Raises InputError."""
    stop = n_planes if kmax < 0 else kmax
    if not 0 <= kmin < stop <= n_planes:
        raise InputError(
            f"planes {kmin} to {kmax} (exclusive) of {n_planes}: there are none", key="kmin, kmax"
        )
    return kmin, stop


def make_embedded(request: Request) -> int:
    """Write the planes with the embedded engine; how many.

    Raises InputError for inputs that do not fit each other, before anything is written.
    """
    from latsky.embedded.compiled import prepare

    prepare()
    from latsky.embedded.diffuse import DiffuseMaps, Exposure, PsfSource
    from latsky.embedded.template import check_spectrum, open_template
    from latsky.fits.core import FitsWriter
    from latsky.fits.hpx import open_energy_cube, open_hpx, write_energies
    from latsky.fits.irfs import load_response
    from latsky.fits.livetime import read_livetime_cube
    from latsky.fits.srcmaps import PlaneStore, write_source_map
    from latsky.steps.stack import source_header

    shape = component(request)
    cube = open_hpx(request.counts_cube, "SKYMAP")
    if cube.edges is None:
        raise InputError("no HDU EBOUNDS", file=request.counts_cube, key="EBOUNDS")
    first, stop = plane_range(request.kmin, request.kmax, len(cube.edges))
    energies = cube.edges[first:stop]
    exposure = Exposure(open_energy_cube(request.exposure_cube, default_frame="GAL"))
    cuts = dss.read(cube.primary, request.counts_cube) or dss.read(cube.header)
    template = psf = None
    if shape.kind == "isotropic":
        if shape.spectrum is not None:
            check_spectrum(shape.spectrum, energies)
    else:
        assert shape.template is not None
        template = open_template(shape.template, shape.kind)
        template.check_energies(energies)
        template.check_sky()
    mask = request.evtype or dss.find_mask(cuts, "EVENT_TYPE")
    if not request.no_psf:
        livetime = read_livetime_cube(request.livetime_cube)
        response = load_response(request.irfs, mask)
        psf = PsfSource(response, livetime, cube.geometry.coordsys)
    maps = DiffuseMaps(cube.geometry, exposure, template, psf, request.threads)
    header = source_header(cube, "source-maps-diffuse", request.output)
    dss.write(header, (*cuts, irf_version(request.irfs, mask)))
    # the file is opened first: a name that cannot be written is an error before the work
    writer = FitsWriter(request.output, clobber=request.clobber)
    store = PlaneStore(cube.geometry.npix, "f4", request.output.parent)
    with writer, store:
        for plane in maps.planes(energies):
            if shape.factor != 1.0:
                plane *= shape.factor
            store.append(plane)
        writer.primary(header)
        write_energies(writer, energies)
        write_source_map(writer, request.source, cube.geometry, store.planes)
    return len(energies)


def irf_version(irfs: str, mask: int | None) -> dss.Version:
    """The cut that names the response functions and their partition of event types."""
    partition = partition_of(mask or 3)
    return dss.Version("IRF_VERSION", irfs if partition == "FB" else f"{irfs} ({partition})")


def event_type(text: str) -> int:
    """Mask of an event type given as a number or a name such as PSF23."""
    return int(text) if text.isdigit() else event_type_mask(text)


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and make the planes."""
    parser = argparse.ArgumentParser(prog="latsky-step source-maps-diffuse", description=__doc__)
    add = parser.add_argument
    add_engine(parser, ENGINES, "who computes")
    add_observation(parser)
    add("--source", required=True, help="name of the component")
    add("--kind", choices=KINDS, default="auto", help="shape (default: what the file holds)")
    add("--template", type=Path, help="map or map cube")
    add("--spectrum", type=Path, help="spectrum of an isotropic component, to check its energies")
    add("--source-model", type=Path, help="XML source model that holds the component")
    add("--kmin", type=int, default=0, help="first energy plane")
    add("--kmax", type=int, default=-1, help="the plane after the last, -1 for all")
    add("--no-psf", action="store_true", help="leave out the point spread function")
    add("--threads", type=int, default=1, help="threads of the transforms; no change in results")
    add("--output", "-o", type=Path, required=True, help="file to write")
    add("--no-clobber", action="store_true", help="keep an existing output file")
    options = parser.parse_args(arguments)
    if options.engine not in ENGINES:
        raise InputError(f"{options.engine!r} is none of {', '.join(ENGINES)}", key="LATSKY_ENGINE")
    if options.threads < 1:
        raise InputError("at least one thread is needed", key="threads")
    request = Request(
        options.livetime_cube,
        options.counts_cube,
        options.exposure_cube,
        options.irfs,
        options.source,
        options.output,
        options.kind,
        options.template,
        options.spectrum,
        options.source_model,
        None if options.evtype is None else event_type(options.evtype),
        options.kmin,
        options.kmax,
        options.no_psf,
        options.threads,
        not options.no_clobber,
    )
    if options.engine == "embedded":
        planes = make_embedded(request)
    else:
        from latsky.fermitools.source_maps_diffuse import make_fermitools

        planes = make_fermitools(request)
    print(f"{request.output.name}: {request.source}, {planes} planes")
    return 0
