"""Small instrument response functions in the layout of CALDB, for tests."""

from pathlib import Path

import numpy as np

from latsky.fits.core import Column, FitsWriter, Header

ENERGY_EDGES = 10 ** np.linspace(1.0, 6.0, 11)
COS_EDGES = np.linspace(0.2, 1.0, 5)
NAMES = {
    "RPSF": ("NCORE", "NTAIL", "SCORE", "STAIL", "GCORE", "GTAIL"),
    "EDISP": ("F", "S1", "K1", "BIAS", "BIAS2", "S2", "K2", "PINDEX1", "PINDEX2"),
}


def _header(kind: str, quantity: str, **more: object) -> Header:
    header = Header([("DETNAM", kind, ""), ("CCNM0001", quantity, "")])
    for key, value in more.items():
        header.set(key, value)
    return header


def _table(writer: FitsWriter, header: Header, values: dict[str, np.ndarray]) -> None:
    axes = {
        "ENERG_LO": ENERGY_EDGES[:-1],
        "ENERG_HI": ENERGY_EDGES[1:],
        "CTHETA_LO": COS_EDGES[:-1],
        "CTHETA_HI": COS_EDGES[1:],
    }
    cells = {name: value.astype("f4")[None] for name, value in (axes | values).items()}
    columns = [Column(name, cell.reshape(1, -1)) for name, cell in cells.items()]
    writer.table(header["CCNM0001"], columns, header)


def grids() -> tuple[np.ndarray, np.ndarray]:
    """Bin centres as (nC, nE): log10(E) and cos(theta)."""
    log_energy = np.log10(np.sqrt(ENERGY_EDGES[:-1] * ENERGY_EDGES[1:]))
    return np.meshgrid(log_energy, (COS_EDGES[:-1] + COS_EDGES[1:]) / 2)


def write_irfs(
    directory: Path,
    name: str = "P8R3_SOURCE_V3",
    kinds: tuple[str, ...] = ("FRONT", "BACK"),
    group: str = "FB",
    psf_version: int = 3,
) -> Path:
    """Write aeff, psf and edisp files of made-up but smooth responses; the directory."""
    directory.mkdir(exist_ok=True)
    log_energy, cosine = grids()
    with FitsWriter(directory / f"aeff_{name}_{group}.fits") as writer:
        writer.primary(Header())
        for number, kind in enumerate(kinds):
            area = (0.3 + 0.1 * number) * cosine * (1 - np.exp(-(log_energy - 0.9)))
            _table(writer, _header(kind, "EFF_AREA"), {"EFFAREA": area})
            phi = {"PHIDEP0": 0.2 * cosine, "PHIDEP1": 0.5 + 0.1 * log_energy}
            _table(writer, _header(kind, "PHI_DEP"), phi)
            lines = np.array([[-2.0, 6.0, -0.5, 2.4, -0.1, 3.5], [1.8, -4.4, 0.4, 2.4, 0.1, 3.5]])
            writer.table(
                "EFFICIENCY_PARAMS",
                [Column("EFFICIENCY_PARS", (lines * (1 + 0.01 * number)).astype("f4"))],
                _header(kind, "EFFICIENCY_PARS"),
            )
    constants = {
        "RPSF": (1.0, 0.1, 0.8, 1.6, 2.5, 1.8),
        "EDISP": (0.7, 1.0, 1.1, 0.02, -0.05, 1.8, 0.9, 2.0, 1.3),
    }
    scalings = {
        "RPSF": ("PSF_SCALING", "PSFSCALE", (0.06, 0.001, -0.8)),
        "EDISP": ("EDISP_SCALING", "EDISPSCALE", (0.02, 0.06, -0.14, -0.2, 0.005, 0.45)),
    }
    files = {"RPSF": ("psf", "PSFVER", psf_version), "EDISP": ("edisp", "EDISPVER", 3)}
    for quantity, (stem, key, version) in files.items():
        with FitsWriter(directory / f"{stem}_{name}_{group}.fits") as writer:
            writer.primary(Header())
            for kind in kinds:
                slope = 1 + 0.05 * (log_energy - 3) - 0.1 * (1 - cosine)
                values = {
                    column: value * slope
                    for column, value in zip(NAMES[quantity], constants[quantity], strict=True)
                }
                if quantity == "EDISP":
                    values["F"] = np.full_like(slope, 0.7)
                _table(writer, _header(kind, quantity, **{key: version}), values)
                scaling, column, numbers = scalings[quantity]
                writer.table(
                    scaling,
                    [Column(column, np.array([numbers], "f4"))],
                    _header(kind, scaling),
                )
    return directory
