"""Files that describe the sky: ring maps, templates, spectra, catalogue.

Layouts: GALPROP's HEALPix maps (HDU SKYMAP2, columns Bin0 …, HDU ENERGIES), the Fermitools' map
cubes (HEALPix with HDU SKYMAP, or plate carrée images) and isotropic spectra (text), the LAT
catalogues' FITS tables (4FGL-DR4, columns of gll_psc) and archive of extended sources.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from latsky.demo.analysis_files import COMPONENTS
from latsky.demo.sky import (
    CUBE_ENERGIES,
    GALPROP_RUN,
    MapComponent,
    Sky,
    Source,
    bubble_shape,
    to_galactic,
)
from latsky.demo.spectra import Spectrum, flux
from latsky.fits.core import Column, FitsWriter, Header
from latsky.fits.hpx import write_template

INTENSITY = "ph cm-2 s-1 sr-1 MeV-1"
ARCHIVE = "Extended_demo"


def _marked(header: Header | None = None) -> Header:
    header = header or Header()
    header.set("ORIGIN", "latsky demo", "simulated: NOT a product of the LAT")
    return header


def write_sky(root: Path, sky: Sky) -> None:
    """Write ``gasmap/``, ``templates/`` and ``catalog/`` below ``root``."""
    for name in ("gasmap", "templates", "catalog"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for ring in sky.rings:
        write_ring(root / "gasmap" / f"{ring.name}_healpix_{GALPROP_RUN}.gz", ring)
    loop, bubbles = sky.structures
    cube = loop.cube(CUBE_ENERGIES).astype("f4")
    path = root / "templates/template_loopI_demo.fits"
    write_template(path, loop.geometry, CUBE_ENERGIES, cube, primary=_marked(), unit=INTENSITY)
    write_car_cube(root / "templates/template_bubbles_demo.fits", bubbles)
    residual = sky.residual
    cube = residual.cube(CUBE_ENERGIES).astype("f4")
    for component in COMPONENTS:
        path = root / "templates" / f"template_residual_demo_{component}.fits"
        write_template(
            path, residual.geometry, CUBE_ENERGIES, cube, primary=_marked(), unit=INTENSITY
        )
    write_isotropic(root / "templates/spectral_iso_demo.txt", sky)
    write_catalog(root / "catalog/gll_psc_demo.fits", sky.sources)
    write_archive(root / "catalog" / ARCHIVE, sky.sources)


def write_ring(path: Path, ring: MapComponent) -> None:
    """One component of one ring as GALPROP writes it."""
    values = ring.cube(CUBE_ENERGIES)
    columns = [
        Column(f"Bin{number}", plane.astype("f4"), INTENSITY) for number, plane in enumerate(values)
    ]
    header = _marked(
        Header(
            [
                ("PIXTYPE", "HEALPIX", ""),
                ("ORDERING", "RING", ""),
                ("NSIDE", ring.geometry.nside, ""),
                ("FIRSTPIX", 0, ""),
                ("LASTPIX", ring.geometry.npix - 1, ""),
                ("NBRBINS", len(values), "number of energies"),
                ("EMIN", float(CUBE_ENERGIES[0]), "MeV"),
                ("DELTAE", float(CUBE_ENERGIES[1] / CUBE_ENERGIES[0]), "ratio of energies"),
                ("COORDSYS", "GAL", ""),
            ]
        )
    )
    with FitsWriter(path) as writer:
        writer.primary(_marked())
        writer.table("SKYMAP2", columns, header)
        writer.table("ENERGIES", [Column("MeV", CUBE_ENERGIES, "MeV")])


def write_car_cube(path: Path, bubbles: MapComponent, pixel: float = 1.0) -> None:
    """The bubbles as a plate carrée cube, Galactic coordinates, ``pixel`` degrees."""
    lon = np.radians(180.0 - pixel * (np.arange(360 / pixel) + 0.5))
    lat = np.radians(-90.0 + pixel * (np.arange(180 / pixel) + 0.5))
    across, along = np.meshgrid(lon, lat)
    vector = np.stack(
        [np.cos(along) * np.cos(across), np.cos(along) * np.sin(across), np.sin(along)], axis=-1
    )
    shape = bubble_shape(vector.reshape(-1, 3)).reshape(across.shape)
    image = bubbles.spectrum(CUBE_ENERGIES)[:, None, None] * shape
    header = _marked(Header([("TELESCOP", "GLAST", ""), ("INSTRUME", "LAT", "")]))
    axes = (
        ("GLON-CAR", (360 / pixel + 1) / 2, -pixel, 0.0, "deg"),
        ("GLAT-CAR", (180 / pixel + 1) / 2, pixel, 0.0, "deg"),
    )
    for number, (kind, reference, step, value, unit) in enumerate(axes, 1):
        header.set(f"CTYPE{number}", kind)
        header.set(f"CRPIX{number}", reference)
        header.set(f"CRVAL{number}", value)
        header.set(f"CDELT{number}", step)
        header.set(f"CUNIT{number}", unit)
    # the third axis is an index for the table ENERGIES, given here as its logarithm
    step = float(np.log10(CUBE_ENERGIES[1] / CUBE_ENERGIES[0]))
    for key, value in (
        ("CTYPE3", "photon energy"),
        ("CRPIX3", 1.0),
        ("CRVAL3", float(np.log10(CUBE_ENERGIES[0]))),
        ("CDELT3", step),
        ("CUNIT3", "log_MeV"),
        ("BUNIT", INTENSITY),
    ):
        header.set(key, value)
    with FitsWriter(path) as writer:
        writer.primary(header, image.astype("f4"))
        writer.table("ENERGIES", [Column("Energy", CUBE_ENERGIES, "MeV")])


def write_isotropic(path: Path, sky: Sky) -> None:
    """The isotropic spectrum: energy (MeV), intensity, its error."""
    values = sky.isotropic(CUBE_ENERGIES)
    lines = [
        f"{e:.10e} {v:.10e} {0.05 * v:.10e}" for e, v in zip(CUBE_ENERGIES, values, strict=True)
    ]
    path.write_text("\n".join([*lines, ""]))


# catalogue ---------------------------------------------------------------------------------------

_PSC_COLUMNS = """
Source_Name 18A; DataRelease I; RAJ2000 E deg; DEJ2000 E deg; GLON E deg; GLAT E deg;
Conf_68_SemiMajor E deg; Conf_68_SemiMinor E deg; Conf_68_PosAng E deg; Conf_95_SemiMajor E deg;
Conf_95_SemiMinor E deg; Conf_95_PosAng E deg; ROI_num I; Extended_Source_Name 18A; Signif_Avg E;
Pivot_Energy E MeV; Flux1000 E ph cm-2 s-1; Unc_Flux1000 E ph cm-2 s-1;
Energy_Flux100 E erg cm-2 s-1; Unc_Energy_Flux100 E erg cm-2 s-1; SpectrumType 17A;
PL_Flux_Density E ph cm-2 MeV-1 s-1; Unc_PL_Flux_Density E ph cm-2 MeV-1 s-1; PL_Index E;
Unc_PL_Index E; LP_Flux_Density E ph cm-2 MeV-1 s-1; Unc_LP_Flux_Density E ph cm-2 MeV-1 s-1;
LP_Index E; Unc_LP_Index E; LP_beta E; Unc_LP_beta E; LP_SigCurv E; LP_EPeak E MeV;
Unc_LP_EPeak E MeV; PLEC_Flux_Density E ph cm-2 MeV-1 s-1;
Unc_PLEC_Flux_Density E ph cm-2 MeV-1 s-1; PLEC_IndexS E; Unc_PLEC_IndexS E; PLEC_ExpfactorS E;
Unc_PLEC_ExpfactorS E; PLEC_Exp_Index E; Unc_PLEC_Exp_Index E; PLEC_SigCurv E; PLEC_EPeak E MeV;
Unc_PLEC_EPeak E MeV; Npred E; Flux_Band 8E ph cm-2 s-1; Unc_Flux_Band 16E ph cm-2 s-1;
nuFnu_Band 8E erg cm-2 s-1; Sqrt_TS_Band 8E; Variability_Index E; Frac_Variability E;
Unc_Frac_Variability E; Signif_Peak E; Flux_Peak E ph cm-2 s-1; Unc_Flux_Peak E ph cm-2 s-1;
Time_Peak D s; Peak_Interval E s; Flux_History 14E ph cm-2 s-1; Unc_Flux_History 28E ph cm-2 s-1;
Sqrt_TS_History 14E; ASSOC_4FGL 18A; ASSOC_FGL 18A; ASSOC_FHL 18A; ASSOC_GAM1 18A; ASSOC_GAM2 18A;
ASSOC_GAM3 18A; TEVCAT_FLAG A; ASSOC_TEV 30A; CLASS1 5A; CLASS2 10A; ASSOC1 28A; ASSOC2 30A;
ASSOC_PROB_BAY E; ASSOC_PROB_LR E; RA_Counterpart D deg; DEC_Counterpart D deg;
Unc_Counterpart E deg; Flags I
"""
"""columns of the catalogues' main table: name, format, unit"""

_EXTENDED_COLUMNS = """
Source_Name 17A; RAJ2000 E deg; DEJ2000 E deg; GLON E deg; GLAT E deg; Model_Form 11A;
Model_SemiMajor E deg; Model_SemiMinor E deg; Model_PosAng E deg; Spatial_Function 11A;
Spatial_Filename 24A
"""

_ARCHIVE_COLUMNS = """
Source_Name 18A; RAJ2000 E deg; DEJ2000 E deg; GLON E deg; GLAT E deg; Photon_Flux E ph cm-2 s-1;
Energy_Flux E erg cm-2 s-1; Model_Form 12A; Model_SemiMajor E deg; Model_SemiMinor E deg;
Model_PosAng E deg; Spatial_Function 12A; Spectral_Function 12A; Spectral_Filename 40A;
Name_1FGL 18A; Name_2FGL 18A; Name_3FGL 18A; Name_4FGL 18A; Spatial_Filename 45A; DataRelease I
"""

_BANDS = (50.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5, 1e6)
"""edges of the catalogues' energy bands, MeV"""

_MODEL_FORMS = {"RadialDisk": "Disk", "RadialGauss": "2D Gaussian", "SpatialMap": "Map"}


def _table(description: str, rows: list[dict[str, object]]) -> list[Column]:
    """Columns of a described table; what a row does not give is NaN, 0 or blank."""
    columns = []
    for entry in description.replace("\n", " ").split(";"):
        name, form, *unit = entry.split()
        code, repeat = form[-1], int(form[:-1] or 1)
        if code == "A":
            texts = [str(row.get(name, "")).encode().ljust(repeat) for row in rows]
            data = np.array(texts, f"S{repeat}")
        else:
            kind = {"E": "f4", "D": "f8", "I": "i2"}[code]
            empty = 0 if code == "I" else np.full(repeat, np.nan) if repeat > 1 else np.nan
            data = np.array([row.get(name, empty) for row in rows], kind)
        columns.append(Column(name, data, " ".join(unit)))
    return columns


def _position(source: Source) -> dict[str, object]:
    from latsky.demo.orbit import direction, unit_vector

    vector = unit_vector(np.array(source.ra), np.array(source.dec))
    glon, glat = direction(to_galactic(vector))
    return {
        "RAJ2000": source.ra,
        "DEJ2000": source.dec,
        "GLON": float(glon),
        "GLAT": float(glat),
    }


def _spectral_columns(spectrum: Spectrum) -> dict[str, object]:
    """The catalogues give every source all three spectra; here only its own is known.

    The others hold the power law or log-parabola that touches it at the pivot energy.
    """
    step = 1e-3
    around = np.log(spectrum(spectrum.pivot * np.exp(np.array([-step, 0.0, step]))))
    slope = -float(around[2] - around[0]) / (2 * step)
    bend = -float(around[2] - 2 * around[1] + around[0]) / (2 * step**2)
    exact = spectrum.kind == "PLSuperExpCutoff"
    return {
        "PL_Flux_Density": spectrum.norm,
        "PL_Index": spectrum.index if spectrum.kind == "PowerLaw" else slope,
        "LP_Flux_Density": spectrum.norm,
        "LP_Index": spectrum.index if spectrum.kind == "LogParabola" else slope,
        "LP_beta": spectrum.curvature if spectrum.kind == "LogParabola" else bend,
        "PLEC_Flux_Density": spectrum.norm,
        "PLEC_IndexS": spectrum.index if exact else slope,
        "PLEC_ExpfactorS": spectrum.curvature if exact else 0.0,
        "PLEC_Exp_Index": spectrum.exponent if exact else 2.0 / 3.0,
    }


def write_catalog(path: Path, sources: tuple[Source, ...]) -> None:
    """The sources as a catalogue of 4FGL-DR4 format."""
    rows, extended = [], []
    for number, source in enumerate(sorted(sources, key=lambda s: s.ra), 1):
        bands = [flux(source.spectrum, low, high) for low, high in pairwise(_BANDS)]
        row = {
            "Source_Name": source.name,
            "DataRelease": 4,
            **_position(source),
            "ROI_num": number,
            "Extended_Source_Name": source.extent.name if source.extent else "",
            "Signif_Avg": source.label,
            "Pivot_Energy": source.spectrum.pivot,
            "Flux1000": source.flux1000,
            "Unc_Flux1000": source.flux1000 * 5 / source.label,
            "Energy_Flux100": source.energy_flux100,
            "Unc_Energy_Flux100": source.energy_flux100 * 5 / source.label,
            "SpectrumType": source.spectrum.kind,
            **_spectral_columns(source.spectrum),
            "Flux_Band": np.array(bands),
            "CLASS1": source.source_class,
            "RA_Counterpart": source.ra,
            "DEC_Counterpart": source.dec,
        }
        rows.append(row)
        if source.extent:
            extended.append(_extent_row(source, source.extent.file))
    with FitsWriter(path) as writer:
        writer.primary(_marked(Header([("CDS-CAT", "", "simulated sources of a seed")])))
        writer.table("LAT_Point_Source_Catalog", _table(_PSC_COLUMNS, rows))
        writer.table("ExtendedSources", _table(_EXTENDED_COLUMNS, extended))


def _extent_row(source: Source, file: str) -> dict[str, object]:
    extent = source.extent
    return {
        "Source_Name": extent.name,
        **_position(source),
        "Model_Form": _MODEL_FORMS[extent.function],
        "Model_SemiMajor": extent.radius,
        "Model_SemiMinor": extent.radius,
        "Model_PosAng": 0.0,
        "Spatial_Function": extent.function,
        "Spatial_Filename": file,
    }


def write_archive(root: Path, sources: tuple[Source, ...]) -> None:
    """The archive of extended sources: table, Templates/ and XML/."""
    (root / "Templates").mkdir(parents=True, exist_ok=True)
    (root / "XML").mkdir(exist_ok=True)
    rows = []
    for source in sources:
        extent = source.extent
        if extent is None:
            continue
        stem = extent.name.replace(" ", "")
        template = f"$LATEXTDIR/Templates/{extent.file}" if extent.file else ""
        (root / "XML" / f"{stem}.xml").write_text(source_xml(source, template))
        if extent.image is not None:
            _write_image(root / "Templates" / extent.file, source)
        rows.append(
            {
                **_extent_row(source, template),
                "Photon_Flux": source.flux1000,
                "Energy_Flux": source.energy_flux100,
                "Spectral_Function": source.spectrum.kind,
                "Spectral_Filename": f"$LATEXTDIR/XML/{stem}.xml",
                "Name_4FGL": source.name,
                "DataRelease": 4,
            }
        )
    with FitsWriter(root / "LAT_extended_sources_demo.fits") as writer:
        writer.primary(_marked())
        writer.table("LAT_EXTENDED_SOURCES", _table(_ARCHIVE_COLUMNS, rows), _marked())


def _write_image(path: Path, source: Source) -> None:
    extent = source.extent
    rows, columns = extent.image.shape
    header = _marked(Header([("BUNIT", "sr-1", "integral over solid angle is one")]))
    for number, (kind, size, value, step) in enumerate(
        (
            ("RA---TAN", columns, source.ra, -extent.pixel),
            ("DEC--TAN", rows, source.dec, extent.pixel),
        ),
        1,
    ):
        header.set(f"CTYPE{number}", kind)
        header.set(f"CRPIX{number}", (size + 1) / 2)
        header.set(f"CRVAL{number}", value)
        header.set(f"CDELT{number}", step)
        header.set(f"CUNIT{number}", "deg")
    header.set("RADESYS", "FK5")
    header.set("EQUINOX", 2000.0)
    with FitsWriter(path) as writer:
        writer.primary(header, extent.image.astype("f4"))


def source_xml(source: Source, template: str) -> str:
    """A source with power-law spectrum as the Fermitools' XML (of the archive)."""
    spectrum, extent = source.spectrum, source.extent

    def parameter(name: str, value: float, scale: float, low: float, high: float) -> str:
        return (
            f'    <parameter free="0" max="{high:g}" min="{low:g}" name="{name}" '
            f'scale="{scale:g}" value="{value:.6g}"/>'
        )

    exponent = 10.0 ** np.floor(np.log10(spectrum.norm))
    lines = [
        '<?xml version="1.0" ?>',
        '<source_library title="demo extended source">',
        f'<source name={quoteattr(extent.name)} type="DiffuseSource">',
        f'  <spectrum type="{spectrum.kind}">',
        parameter("Prefactor", spectrum.norm / exponent, exponent, 1e-4, 1e4),
        parameter("Index", spectrum.index, -1.0, 0, 10),
        parameter("Scale", spectrum.pivot, 1.0, 20, 1e6),
        "  </spectrum>",
    ]
    if extent.function == "SpatialMap":
        lines.append(f'  <spatialModel file={quoteattr(template)} type="SpatialMap">')
        lines.append(parameter("Prefactor", 1.0, 1.0, 1e-3, 1e3))
    else:
        size = "Radius" if extent.function == "RadialDisk" else "Sigma"
        kind = "RadialGaussian" if size == "Sigma" else extent.function
        lines.append(f'  <spatialModel type="{kind}">')
        lines.append(parameter("RA", source.ra, 1.0, -360, 360))
        lines.append(parameter("DEC", source.dec, 1.0, -90, 90))
        scale = 1.0 if size == "Radius" else 1 / np.sqrt(-2 * np.log(0.32))
        lines.append(parameter(size, extent.radius * scale, 1.0, 0, 10))
    lines += ["  </spatialModel>", "</source>", "</source_library>", ""]
    return "\n".join(lines)
