"""Find the coefficients of ``irf_model`` that come closest to an IRF set of a CALDB tree.

``python -m latsky.demo.fit_irfs CALDB [P8R3_SOURCE_V3]`` writes ``irf_coefficients.py``. Only the
few coefficients are kept, rounded; no table of the IRFs is.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from latsky.demo import irf_model as model
from latsky.fits.core import FitsFile

PROBABILITIES = np.array([0.2, 0.34, 0.5, 0.68, 0.8, 0.9, 0.95, 0.98])
RIDGE = 0.05
QUANTILES = np.array([0.05, 0.1, 0.16, 0.3, 0.5, 0.7, 0.84, 0.9, 0.95])


def _tables(caldb: Path, kind: str, irfs: str, partition: str) -> dict[str, np.ndarray]:
    folder = {"aeff": "ea", "psf": "psf", "edisp": "edisp"}[kind]
    path = caldb / "data/glast/lat/bcf" / folder / f"{kind}_{irfs}_{partition}.fits"
    found = {}
    with FitsFile(path) as file:
        for header in file.headers[1:]:
            name = str(header["EXTNAME"])
            table = file.table(name)
            found[name] = {column: table[column][0] for column in table.names}
    return found


def _grid(table: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """x and c of the bin centres, each of the tables' shape (c, x)."""
    x = 0.5 * (np.log10(table["ENERG_LO"]) + np.log10(table["ENERG_HI"]))
    c = 0.5 * (table["CTHETA_LO"] + table["CTHETA_HI"])
    return np.meshgrid(x, c)


def fit_area(caldb: Path, irfs: str) -> dict[str, np.ndarray]:
    """Coefficients of the total effective area and of the partitions' shares."""
    result: dict[str, np.ndarray] = {}
    for partition, names in model.PARTITIONS.items():
        tables = _tables(caldb, "aeff", irfs, partition)
        x, c = _grid(tables[f"EFFECTIVE AREA_{names[0]}"])
        area = np.array([np.asarray(tables[f"EFFECTIVE AREA_{n}"]["EFFAREA"]) for n in names])
        area = area.reshape(len(names), *x.shape).astype(float)
        use = (x > 1.22) & (x < 6.38)
        total = area.sum(axis=0)
        weight = np.sqrt(np.clip(total[use] / total.max(), 2e-3, 1))
        if "total" not in result:
            design = model.area_design(x[use], c[use], model.AREA_DEGREES["total"])
            result["total"] = _least(design, np.log(total[use]), weight)
        design = model.area_design(x[use], c[use], model.AREA_DEGREES[partition])
        share = np.maximum(area[:, use], 1e-9)
        rows = [_least(design, np.log(share[i] / share[0]), weight) for i in range(1, len(names))]
        result[partition] = np.array(rows)
    return result


def _least(design: np.ndarray, values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(design * weight[:, None], values * weight, rcond=None)[0]


def reference_containment(table: dict[str, np.ndarray]) -> np.ndarray:
    """Scaled radii at PROBABILITIES of a PSF table: shape (c, x, probabilities)."""
    shape = _grid(table)[0].shape
    core, tail = (np.reshape(table[n], shape) for n in ("SCORE", "STAIL"))
    gammas = [np.reshape(table[n], shape) for n in ("GCORE", "GTAIL")]
    share = core**2 / (core**2 + np.reshape(table["NTAIL"], shape) * tail**2)
    grid = np.geomspace(1e-2, 1e3, 4000)[:, None, None]
    curve = model.PsfShape(core, tail, *gammas, share).containment(grid)
    out = np.empty((*shape, len(PROBABILITIES)))
    for index in np.ndindex(shape):
        out[index] = np.interp(PROBABILITIES, curve[(slice(None), *index)], grid[:, 0, 0])
    return out


def fit_psf(caldb: Path, irfs: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Scale parameters and shape coefficients of each event type's PSF."""
    from scipy.optimize import least_squares

    result = {}
    for partition, names in model.PARTITIONS.items():
        tables = _tables(caldb, "psf", irfs, partition)
        for name in names:
            table = tables[f"RPSF_{name}"]
            scale = np.asarray(tables[f"PSF_SCALING_PARAMS_{name}"]["PSFSCALE"], float)
            x, c = _grid(table)
            radii = reference_containment(table)
            use = (x > 1.5) & (x < 6.0)
            weight = np.where((x > 1.8) & (c > 0.4), 1.0, 0.3)[use][:, None]

            def misfit(vector, x=x[use], c=c[use], radii=radii[use], weight=weight):
                shape = model.psf_shape(vector, x[:, None], c[:, None])
                miss = ((shape.containment(radii) - PROBABILITIES) * weight).ravel()
                return np.concatenate([miss, RIDGE * vector])

            start = np.zeros(sum(model.PSF_SIZES))
            start[2], start[14 - 6] = -1.0, 0.5
            result[name] = scale, least_squares(misfit, start, loss="soft_l1", f_scale=0.05).x
    return result


def reference_quantiles(table: dict[str, np.ndarray], scale: np.ndarray) -> np.ndarray:
    """(E' - E)/E at QUANTILES of an EDISP table: shape (c, x, quantiles)."""
    x, c = _grid(table)
    value = {n: np.reshape(table[n], x.shape).astype(float) for n in table if "_" not in n}
    shape = model.EdispShape(
        *(value[n] for n in ("F", "S1", "K1", "BIAS", "PINDEX1", "S2", "K2", "BIAS2", "PINDEX2"))
    )
    grid = np.linspace(-30, 30, 6001)[:, None, None]
    curve = shape.cumulative(grid)
    out = np.empty((*x.shape, len(QUANTILES)))
    for index in np.ndindex(x.shape):
        out[index] = np.interp(QUANTILES, curve[(slice(None), *index)], grid[:, 0, 0])
    return out * model.edisp_scale(x, c, scale)[..., None]


def fit_edisp(caldb: Path, irfs: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Scale parameters and shape coefficients of each event type's energy dispersion."""
    from scipy.optimize import least_squares

    result = {}
    for partition, names in model.PARTITIONS.items():
        tables = _tables(caldb, "edisp", irfs, partition)
        for name in names:
            table = tables[f"ENERGY DISPERSION_{name}"]
            scale = tables[f"EDISP_SCALING_PARAMS_{name}"]["EDISPSCALE"].astype(float)
            x, c = _grid(table)
            deviation = reference_quantiles(table, scale)
            use = (x > 1.5) & (x < 6.0)
            weight = np.where((x > 1.8) & (c > 0.4), 1.0, 0.3)[use][:, None]
            width = model.edisp_scale(x, c, scale)[use][:, None]
            scaled = deviation[use] / width

            def misfit(vector, x=x[use], c=c[use], scaled=scaled, weight=weight, width=width):
                shape = model.edisp_shape(vector, x[:, None], c[:, None])
                # the second term keeps coefficients that matter little small
                miss = ((shape.cumulative(scaled) - QUANTILES) * weight).ravel()
                # hardly any probability for energies that no detector measures
                lost = 30 * shape.cumulative(-0.98 / width).ravel()
                return np.concatenate([miss, lost, RIDGE * vector])

            start = np.zeros(sum(model.EDISP_SIZES))
            result[name] = scale, least_squares(misfit, start, loss="soft_l1", f_scale=0.05).x
    return result


def write(path: Path, caldb: Path, irfs: str) -> None:
    """Write ``irf_coefficients.py``."""

    def text(values: np.ndarray, digits: int = 4) -> str:
        if np.ndim(values) == 2:
            return "(\n" + "".join(f"        {text(row)},\n" for row in values) + "    )"
        return "(" + ", ".join(f"{float(v):.{digits}g}" for v in values) + ")"

    lines = [
        '"""Coefficients of ``irf_model``, written by ``fit_irfs``."""',
        "",
        "# ruff: noqa: E501",
        "# fmt: off",
        "AREA = {",
    ]
    lines += [f'    "{name}": {text(v)},' for name, v in fit_area(caldb, irfs).items()]
    lines += ["}", "PSF = {"]
    for name, (scale, vector) in fit_psf(caldb, irfs).items():
        lines.append(f'    "{name}": ({text(scale)}, {text(vector)}),')
    lines += ["}", "EDISP = {"]
    for name, (scale, vector) in fit_edisp(caldb, irfs).items():
        lines.append(f'    "{name}": ({text(scale)}, {text(vector)}),')
    path.write_text("\n".join([*lines, "}", "# fmt: on", ""]))


if __name__ == "__main__":
    write(
        Path(__file__).with_name("irf_coefficients.py"),
        Path(sys.argv[1]),
        (sys.argv[2:] or ["P8R3_SOURCE_V3"])[0],
    )
