"""The demonstration's instrument response as a CALDB tree.

The files have the layout of the LAT's Pass 8 CALDB (OGIP memo CAL/GEN/92-019 and the layout of the
Fermitools' IRF files), so that the Fermitools and this suite find them by the names
``P8R3_SOURCE_V3``, ``P8R3_CLEAN_V3`` and ``P8R3_ULTRACLEANVETO_V3``. Their contents are the forms
of ``irf_model``; ORIGIN and HISTORY of every file say that they are not the LAT's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from latsky.demo import irf_coefficients, irf_model
from latsky.fits.core import Column, FitsWriter, Header

CLASSES = {
    "P8R3_SOURCE_V3": (7, 1.0),
    "P8R3_CLEAN_V3": (8, 0.92),
    "P8R3_ULTRACLEANVETO_V3": (10, 0.78),
}
"""IRF name → (bit of EVENT_CLASS, part of the SOURCE photons that pass)"""

EVENT_TYPE_BITS = {
    name: bit for bit, name in enumerate(sum(irf_model.PARTITIONS.values(), start=()))
}
"""event type → bit of EVENT_TYPE"""

EFFICIENCY = (-2.2, 6.05, -0.6, 2.32, -0.08, 3.4)
"""slope of the efficiency in the livetime fraction, piecewise linear in log10(energy/MeV)"""
EFFICIENCY_PIVOT = 0.905
"""livetime fraction for which the effective area is tabulated"""

_BCF = Path("data/glast/lat/bcf")
_FOLDERS = {"aeff": "ea", "psf": "psf", "edisp": "edisp"}
_DATE = "2007-01-17"
_CALDB_CONFIG = "GLAST LAT CALDB data/glast/lat caldb.indx CALDB data/glast/lat\n"


def write_caldb(root: Path) -> None:
    """Write the tree under ``root`` (what the environment variable CALDB then names)."""
    rows: list[tuple[str, str, str, int, str, str, str]] = []
    for irfs, (_, part) in CLASSES.items():
        for partition, names in irf_model.PARTITIONS.items():
            for kind, folder in _FOLDERS.items():
                (root / _BCF / folder).mkdir(parents=True, exist_ok=True)
                path = root / _BCF / folder / f"{kind}_{irfs}_{partition}.fits"
                hdus = _TABLES[kind](partition, names, part)
                with FitsWriter(path) as writer:
                    writer.primary(_origin(Header([("FILENAME", path.name, "name of this file")])))
                    for number, (extension, name, label, columns) in enumerate(hdus, 1):
                        header = _table_header(irfs, name, label)
                        writer.table(extension, columns, header)
                        rows.append((name, folder, path.name, number, label, irfs, kind))
    _write_index(root, rows)


def _origin(header: Header) -> Header:
    header.set("TELESCOP", "GLAST", "name of telescope")
    header.set("INSTRUME", "LAT", "name of instrument")
    header.set("ORIGIN", "latsky demo", "NOT a response of the LAT")
    header.append("HISTORY", "DEMO: analytic approximation with few coefficients, for")
    header.append("HISTORY", "demonstrations only. Do not analyse flight data with it.")
    return header


_DESCRIPTIONS = {
    "EFF_AREA": "DEMO effective area",
    "PHI_DEP": "DEMO effective area",
    "EFFICIENCY_PARS": "DEMO effective area",
    "RPSF": "DEMO point spread function",
    "PSF_SCALING": "DEMO point spread function",
    "FISHEYE_CORR": "DEMO point spread function",
    "EDISP": "DEMO energy dispersion",
    "EDISP_SCALING": "DEMO energy dispersion",
}
_CLASS2 = {
    "EFF_AREA": "EFF_AREA",
    "PHI_DEP": "PHI_DEP",
    "RPSF": "RPSF",
    "EDISP": "EDISP",
    "EDISP_SCALING": "EDISPPARAMS",
}


def _boundaries(irfs: str, name: str) -> list[str]:
    return [
        f"VERSION({irfs})",
        f"CLASS({irfs}_{name})",
        "ENERG(18-1780000)MeV",
        "CTHETA(0.2-1)",
        "PHI(0-360)deg",
        *["NONE"] * 4,
    ]


def _table_header(irfs: str, name: str, label: str) -> Header:
    header = _origin(Header())
    header.set("FILTER", "NONE")
    header.set("DETNAM", name, "event type")
    header.set("HDUCLASS", "OGIP")
    header.set("HDUDOC", "CAL/GEN/92-019")
    header.set("HDUCLAS1", "RESPONSE")
    header.set("HDUCLAS2", _CLASS2.get(label, "PSFPARAMS"))
    header.set("HDUVERS", "1.0.0")
    header.set("CCLS0001", "BCF")
    header.set("CDTP0001", "DATA")
    header.set("CCNM0001", label)
    for number, text in enumerate(_boundaries(irfs, name), 1):
        header.set(f"CBD{number}0001", text)
    header.set("CVSD0001", _DATE, "start of validity (UTC)")
    header.set("CVST0001", "00:00:00")
    header.set("CDES0001", _DESCRIPTIONS[label])
    for kind, key in (("EDISP", "EDISPVER"), ("RPSF", "PSFVER")):
        if label == kind:
            header.set(key, 3, "file format version")
    return header


def _bins(per_decade: int, cosines: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges in energy (MeV, 17.8 MeV to 1.78 TeV) and cos(theta)."""
    return 10 ** (1.25 + np.arange(5 * per_decade + 1) / per_decade), np.linspace(
        0.2, 1.0, cosines + 1
    )


def _axes(energy: np.ndarray, cosine: np.ndarray) -> list[Column]:
    edges = (
        ("ENERG_LO", energy[:-1], "MeV"),
        ("ENERG_HI", energy[1:], "MeV"),
        ("CTHETA_LO", cosine[:-1], ""),
        ("CTHETA_HI", cosine[1:], ""),
    )
    return [Column(name, values[None].astype("f4"), unit) for name, values, unit in edges]


def _grid(energy: np.ndarray, cosine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = np.log10(np.sqrt(energy[:-1] * energy[1:]))
    return np.meshgrid(x, 0.5 * (cosine[:-1] + cosine[1:]))


def _plane(name: str, values: np.ndarray, unit: str = "") -> Column:
    """A table over (cos theta, energy) in one cell."""
    tdim = f"({values.shape[1]}, {values.shape[0]})"
    return Column(name, values[None].astype("f4"), unit, extra={"TDIM": tdim})


_Hdu = tuple[str, str, str, list[Column]]


def _aeff(partition: str, names: tuple[str, ...], part: float) -> list[_Hdu]:
    energy, cosine = _bins(16, 32)
    x, c = _grid(energy, cosine)
    total = part * irf_model.total_area(irf_coefficients.AREA["total"], x, c)
    shares = irf_model.fractions(partition, irf_coefficients.AREA[partition], x, c)
    coarse = _bins(4, 8)
    none = np.zeros((8, 20))
    slope = np.array(EFFICIENCY)
    # efficiency = p0(x) f + p1(x), which is 1 at the pivot for every energy: p1 = 1 - pivot p0
    offset = -EFFICIENCY_PIVOT * slope + np.array([0, 1, 0, 0, 0, 0])
    offset[[3, 5]] = slope[[3, 5]]
    pars = np.stack([slope, offset]).astype("f4")
    hdus: list[_Hdu] = []
    for name, share in zip(names, shares, strict=True):
        area = [*_axes(energy, cosine), _plane("EFFAREA", total * share, "m2")]
        phi = [*_axes(*coarse), _plane("PHIDEP0", none), _plane("PHIDEP1", none + 1)]
        hdus += [
            (f"EFFECTIVE AREA_{name}", name, "EFF_AREA", area),
            (f"PHI_DEPENDENCE_{name}", name, "PHI_DEP", phi),
            (
                f"EFFICIENCY_PARAMS_{name}",
                name,
                "EFFICIENCY_PARS",
                [Column("EFFICIENCY_PARS", pars)],
            ),
        ]
    return hdus


def _psf(partition: str, names: tuple[str, ...], part: float) -> list[_Hdu]:
    energy, cosine = _bins(4, 8)
    x, c = _grid(energy, cosine)
    fine = _bins(8, 16)
    hdus: list[_Hdu] = []
    for name in names:
        scale, vector = irf_coefficients.PSF[name]
        shape = irf_model.psf_shape(vector, x, c)
        odds = (1 - shape.core_fraction) / shape.core_fraction
        ntail = odds * (shape.core_width / shape.tail_width) ** 2
        columns = [
            *_axes(energy, cosine),
            _plane("NCORE", shape.core_fraction / (2 * np.pi * shape.core_width**2)),
            _plane("NTAIL", ntail),
            _plane("SCORE", shape.core_width),
            _plane("STAIL", shape.tail_width),
            _plane("GCORE", shape.core_gamma),
            _plane("GTAIL", shape.tail_gamma),
        ]
        zero = np.zeros((16, 40))
        fisheye = [*_axes(*fine), *(_plane(n, zero) for n in ("MEAN", "MEDIAN", "PEAK"))]
        factors = [Column("PSFSCALE", np.array([scale], "f4"))]
        hdus += [
            (f"RPSF_{name}", name, "RPSF", columns),
            (f"PSF_SCALING_PARAMS_{name}", name, "PSF_SCALING", factors),
            (f"FISHEYE_CORRECTION_{name}", name, "FISHEYE_CORR", fisheye),
        ]
    return hdus


def _edisp(partition: str, names: tuple[str, ...], part: float) -> list[_Hdu]:
    energy, cosine = _bins(4, 8)
    x, c = _grid(energy, cosine)
    hdus: list[_Hdu] = []
    for name in names:
        scale, vector = irf_coefficients.EDISP[name]
        shape = irf_model.edisp_shape(vector, x, c)
        columns = [
            *_axes(energy, cosine),
            _plane("F", shape.fraction),
            _plane("S1", shape.width),
            _plane("K1", shape.skew),
            _plane("BIAS", shape.bias),
            _plane("BIAS2", shape.tail_bias),
            _plane("S2", shape.tail_width),
            _plane("K2", shape.tail_skew),
            _plane("PINDEX1", shape.power),
            _plane("PINDEX2", shape.tail_power),
        ]
        factors = [Column("EDISPSCALE", np.array([scale], "f4"))]
        hdus += [
            (f"ENERGY DISPERSION_{name}", name, "EDISP", columns),
            (f"EDISP_SCALING_PARAMS_{name}", name, "EDISP_SCALING", factors),
        ]
    return hdus


_TABLES = {"aeff": _aeff, "psf": _psf, "edisp": _edisp}


def _text(values: list[str], width: int) -> np.ndarray:
    return np.array([value.encode().ljust(width) for value in values], f"S{width}")


def _write_index(root: Path, rows: list[tuple[str, str, str, int, str, str, str]]) -> None:
    count = len(rows)

    def same(value: str, width: int) -> np.ndarray:
        return _text([value] * count, width)

    limits = ["".join(line.ljust(70) for line in _boundaries(r[5], r[0])) for r in rows]
    columns = [
        Column("TELESCOP", same("GLAST", 10)),
        Column("INSTRUME", same("LAT", 10)),
        Column("DETNAM", _text([r[0] for r in rows], 20)),
        Column("FILTER", same("NONE", 10)),
        Column("CAL_DEV", same("ONLINE", 20)),
        Column("CAL_DIR", _text([f"{_BCF}/{r[1]}" for r in rows], 70)),
        Column("CAL_FILE", _text([r[2] for r in rows], 40)),
        Column("CAL_CLAS", same("BCF", 3)),
        Column("CAL_DTYP", same("DATA", 4)),
        Column("CAL_CNAM", _text([r[4] for r in rows], 20)),
        Column("CAL_CBD", _text(limits, 630), form="630A70"),
        Column("CAL_XNO", np.array([r[3] for r in rows], "i2")),
        Column("CAL_VSD", same(_DATE, 10)),
        Column("CAL_VST", same("00:00:00", 8)),
        Column("REF_TIME", np.full(count, 54117.0)),
        Column("CAL_QUAL", np.zeros(count, "i2")),
        Column("CAL_DATE", same(_DATE, 10)),
        Column("CAL_DESC", _text([_DESCRIPTIONS[r[4]] for r in rows], 70)),
    ]
    with FitsWriter(root / "data/glast/lat/caldb.indx") as writer:
        writer.table("CIF", columns, Header([("CIFVERSN", "1.1", "version of CIF format")]))
    types = list(EVENT_TYPE_BITS)
    mask = (1 << len(types)) - 1
    bits = np.array([bit for bit, _ in CLASSES.values()], "i2")
    partitions = ["none" if t in irf_model.PARTITIONS["FB"] else t[:-1] for t in types]
    with FitsWriter(root / _BCF / "irf_index.fits") as writer:
        writer.table(
            "BITMASK_MAPPING",
            [
                Column("EVENT_CLASS", _text(list(CLASSES), 60)),
                Column("BITPOSITION", bits),
                Column("EVENT_TYPES", np.full(len(CLASSES), mask, "i4")),
            ],
        )
        writer.table(
            "EVENT_TYPE_MAPPING",
            [
                Column("EVENT_TYPE", _text(types, 60)),
                Column("BITPOSITION", np.arange(len(types), dtype="i2")),
                Column("EVENT_TYPE_PARTITION", _text(partitions, 20)),
            ],
        )
    tools = root / "software/tools"
    tools.mkdir(parents=True, exist_ok=True)
    (tools / "caldb.config").write_text(_CALDB_CONFIG)
    with FitsWriter(tools / "alias_config.fits") as writer:
        alias = [
            Column("ALIAS", _text(["LAT"], 10)),
            Column("ALIAS_NO", np.ones(1, "i2")),
            Column("VALUES", _text(["LAT"], 100), form="100A10"),
        ]
        writer.table("GLAST", alias)
