"""The reference week from its event files to model directories: steps in one process.

Components are those of the week's binning, maps of E3 at order 6 to save time. The model ``week``
has merged rings, isotropic emission and the catalogue in two parts; ``bins`` has the Galactic
emission as one map with a factor that varies with energy.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from latsky.catalog.batches import read_batch
from latsky.config.selections import event_type_mask
from latsky.embedded.diffuse import DiffuseMaps, Exposure, PsfSource
from latsky.embedded.main import main as engine
from latsky.embedded.template import open_template
from latsky.fits.core import FitsWriter, Header
from latsky.fits.hpx import open_energy_cube, open_hpx, write_energies
from latsky.fits.irfs import load_response
from latsky.fits.livetime import read_livetime_cube
from latsky.fits.srcmaps import write_source_map
from latsky.models.assemble import SourceFile, assemble
from latsky.steps import merge_catalog, source_maps_catalog
from latsky.steps.sum_rings import sum_rings

COMPONENTS = {
    "zmax80_E0_PSF3": ("PSF3", 5, 80, 1.5, 2.0, 2),
    "zmax90_E1_PSF23": ("PSF23", 6, 90, 2.0, 2.5, 2),
    "zmax100_E2_PSF123": ("PSF123", 6, 100, 2.5, 3.0, 3),
    "zmax105_E3_PSF0123": ("PSF0123", 6, 105, 3.0, 6.0, 9),
}
"""event types, HEALPix order, zmax, log10 of energies, bins"""
NODES = (60.0, 150.0, 350.0, 800.0, 2000.0, 8000.0)
"""MeV, of the factor of the Galactic emission in the model ``bins``"""
FILTER = "(DATA_QUAL>0)&&(LAT_CONFIG==1)"
IRFS = "P8R3_SOURCE_V3"
RINGS = {
    f"merged_{gas}_{ring}": [f"{kind}_{name}_ring_{ring}" for kind in ("pi0_decay", "bremss")]
    for gas, name in (("HI", "HIR"), ("CO", "H2R"))
    for ring in (1, 2, 3, 4)
} | {"merged_IC_1": ["ics_ring_1"]}
CATALOG = """catalog_name: week
catalog_file: {file}
catalog_extdir: none
catalog_type: 4FGL
rules_dict:
  bright:
    cuts: [{{cut_var: Signif_Avg, min_val: 60.0}}]
    merge: true
remainder:
  merge: true
"""


def run(name: str, **values: object) -> None:
    """A command of the engine; it must succeed."""
    assert engine([name, *(f"{key}={value}" for key, value in values.items())]) == 0


def counts_cubes(week: Path, work: Path) -> dict[str, Path]:
    """Counts cube of each component; leaves the good-time events of each file in ``work``."""
    spacecraft = week / "events/lat_spacecraft_weekly_w323_p202_v001.fits.gz"
    timed = []
    for number in range(3):
        chosen, good = work / f"selected_{number}.fits", work / f"good_{number}.fits"
        events = week / f"events/week_ft1_{number}.fits.gz"
        run(
            "gtselect",
            infile=events,
            outfile=chosen,
            evclass=128,
            evtype="INDEF",
            rad="INDEF",
            ra="INDEF",
            dec="INDEF",
            tmin="INDEF",
            tmax="INDEF",
            emin=25,
            emax=1000000,
            zmax=105,
        )
        run("gtmktime", evfile=chosen, scfile=spacecraft, outfile=good, filter=FILTER, roicut="no")
        timed.append(good)
    cubes = {}
    for name, (types, order, zmax, low, high, bins) in COMPONENTS.items():
        parts = []
        for number, good in enumerate(timed):
            parts.append(work / f"{name}_{number}.fits")
            run(
                "gtselect",
                infile=good,
                outfile=parts[-1],
                evclass=128,
                evtype=event_type_mask(types),
                rad="INDEF",
                ra="INDEF",
                dec="INDEF",
                tmin="INDEF",
                tmax="INDEF",
                emin=10**low,
                emax=10**high,
                zmax=zmax,
            )
        (work / "list").write_text("".join(f"{part}\n" for part in parts))
        cubes[name] = work / f"ccube_{name}.fits"
        run(
            "gtbin",
            algorithm="HEALPIX",
            evfile=f"@{work}/list",
            outfile=cubes[name],
            scfile="NONE",
            coordsys="GAL",
            hpx_ordering_scheme="RING",
            hpx_order=order,
            hpx_ebin="yes",
            hpx_region='""',
            ebinalg="LOG",
            emin=10**low,
            emax=10**high,
            enumbins=bins,
        )
    return cubes


def livetime_cubes(week: Path, work: Path) -> dict[str, Path]:
    """Livetime cube of each component, from the good-time events."""
    spacecraft = week / "events/lat_spacecraft_weekly_w323_p202_v001.fits.gz"
    cubes = {}
    for name, (_, _, zmax, *_) in COMPONENTS.items():
        parts = [work / f"lt_{zmax}_{number}.fits" for number in range(3)]
        for number, part in enumerate(parts):
            run(
                "gtltcube",
                evfile=work / f"good_{number}.fits",
                scfile=spacecraft,
                outfile=part,
                dcostheta=0.025,
                binsz=1,
                phibins=0,
                zmax=zmax,
            )
        (work / "list").write_text("".join(f"{part}\n" for part in parts))
        cubes[name] = work / f"ltcube_{name}.fits"
        run("gtltsum", infile1=f"@{work}/list", infile2="none", outfile=cubes[name])
    return cubes


def exposure_cubes(counts: dict[str, Path], livetime: dict[str, Path], work: Path) -> dict:
    """Exposure cube of each component."""
    cubes = {}
    for name, cube in counts.items():
        cubes[name] = work / f"bexp_{name}.fits"
        run(
            "gtexpcube2",
            infile=livetime[name],
            cmap=cube,
            outfile=cubes[name],
            irfs=IRFS,
            evtype=event_type_mask(COMPONENTS[name][0]),
            hpx_order=COMPONENTS[name][1],
            coordsys="GAL",
        )
    return cubes


def diffuse_maps(
    templates: dict[str, Path | None], counts: Path, livetime: Path, exposure: Path, output: Path
) -> None:
    """Source maps of diffuse components; None is the isotropic one."""
    cube = open_hpx(counts, "SKYMAP")
    mask = event_type_mask(COMPONENTS[counts.stem.removeprefix("ccube_")][0])
    psf = PsfSource(load_response(IRFS, mask), read_livetime_cube(livetime))
    shared = Exposure(open_energy_cube(exposure))
    with FitsWriter(output) as writer:
        writer.primary(Header())
        write_energies(writer, cube.edges)
        for name, path in templates.items():
            template = None if path is None else open_template(path)
            maps = DiffuseMaps(cube.geometry, shared, template, psf)
            planes = np.array(list(maps.planes(cube.edges)))
            write_source_map(writer, name, cube.geometry, planes)


def norm(name: str, kind: str = "PowerLaw") -> str:
    """A source whose factor is free."""
    if kind == "CompositeSource":
        spectrum = (
            '<spectrum type="ConstantValue"><parameter free="1" max="10" min="0.01" name="Value" '
            'scale="1" value="1"/></spectrum><source_library title="none"/>'
        )
        return f'<source name="{name}" type="CompositeSource">{spectrum}</source>'
    spectrum = (
        '<spectrum type="PowerLaw"><parameter free="1" max="100" min="-100" name="Prefactor" '
        'scale="1" value="1"/><parameter free="0" max="1" min="-1" name="Index" scale="-1" '
        'value="0"/><parameter free="0" max="1000" min="1000" name="Scale" scale="1" '
        'value="1000"/></spectrum><spatialModel file="x" type="MapCubeFunction"><parameter '
        'free="0" max="10" min="0" name="Normalization" scale="1" value="1"/></spatialModel>'
    )
    return f'<source name="{name}" type="DiffuseSource">{spectrum}</source>'


def piecewise(name: str, nodes: tuple[float, ...]) -> str:
    """A map cube with a free factor at each energy (MeV), power laws between."""
    rows = [("IndexL", 0.0, 0), ("IndexH", 0.0, 0)]
    rows += [(f"Energy{number}", energy, 0) for number, energy in enumerate(nodes)]
    rows += [(f"dNdE{number}", 1.0, 1) for number in range(len(nodes))]
    parameters = "".join(
        f'<parameter free="{free}" name="{key}" scale="1" value="{value}"'
        + (' min="0.1" max="10"/>' if free else "/>")
        for key, value, free in rows
    )
    return norm(name).replace(
        norm(name)[norm(name).index("<spectrum") : norm(name).index("<spatialModel")],
        f'<spectrum type="PiecewisePowerLaw">{parameters}</spectrum>',
    )


ISOTROPIC = (
    '<source name="iso" type="DiffuseSource"><spectrum file="iso.txt" type="FileFunction" '
    'ctype="-1"><parameter free="1" max="10" min="0.01" name="Normalization" scale="1" '
    'value="1"/></spectrum><spatialModel type="ConstantValue"><parameter free="0" max="10" '
    'min="0" name="Value" scale="1" value="1"/></spatialModel></source>'
)


def make_model(reference: Path, work: Path) -> Path:
    """Model directory of the week: rings, isotropic, catalogue in two parts; its config.yaml."""
    week, directory = reference / "week", work / "model_week"
    directory.mkdir()
    counts, livetime = counts_cubes(week, work), livetime_cubes(week, work)
    exposure = exposure_cubes(counts, livetime, work)
    templates: dict[str, Path | None] = {
        "iso": None,
        "galactic": week / "templates/template_galactic_toy.fits.gz",
    }
    for name, parts in RINGS.items():
        templates[name] = work / f"{name}.fits"
        files = [week / f"gasmap/{part}_healpix_TOY_2026.gz" for part in parts]
        sum_rings(files, templates[name])
    definition = work / "catalog_week_v0.yaml"
    definition.write_text(CATALOG.format(file=week / "catalog/gll_psc_week.fits"))
    for name in COMPONENTS:
        diffuse = work / f"diffuse_{name}.fits"
        diffuse_maps(templates, counts[name], livetime[name], exposure[name], diffuse)
        batch = work / f"batch_{name}.fits"
        request = source_maps_catalog.Request(
            livetime[name], counts[name], exposure[name], IRFS, definition, batch
        )
        source_maps_catalog.make_embedded(request)
        merged = []
        for rule in ("bright", "remain"):
            path = work / f"{rule}_{name}.fits"
            merge_catalog.merge([read_batch(batch)], rule, path, None)
            merged.append(SourceFile(path, (f"week_{rule}",)))
        output = directory / f"srcmaps_{name}.fits"
        assemble(counts[name], [SourceFile(diffuse, tuple(templates)), *merged], output, 6)
    shutil.copyfile(week / "templates/spectral_iso_week.txt", directory / "iso.txt")
    sources = [ISOTROPIC, *(norm(name) for name in RINGS)]
    sources += [norm(f"week_{rule}", "CompositeSource") for rule in ("bright", "remain")]
    text = "\n".join(sources)
    xml = f'<source_library title="week">\n{text}\n</source_library>\n'
    (directory / "srcmdl_week_master.xml").write_text(xml)
    sources = [ISOTROPIC, piecewise("galactic", NODES), *sources[-2:]]
    text = "\n".join(sources)
    xml = f'<source_library title="bins">\n{text}\n</source_library>\n'
    (directory / "srcmdl_bins_master.xml").write_text(xml)
    components = "".join(
        f"  - data: {{ltcube: {livetime[name]}}}\n"
        f"    gtlike: {{srcmap: srcmaps_{name}.fits}}\n"
        f"    selection: {{evtype: {event_type_mask(COMPONENTS[name][0])}}}\n"
        for name in COMPONENTS
    )
    for model, name in (("week", "config.yaml"), ("bins", "config_bins.yaml")):
        (directory / name).write_text(
            f"gtlike: {{irfs: {IRFS}, edisp: true}}\n"
            f"model: {{catalogs: [srcmdl_{model}_master.xml]}}\ncomponents:\n{components}"
        )
    return directory / "config.yaml"
