"""Small catalogues in the layouts of the real ones."""

from pathlib import Path

import numpy as np
from astropy.io import fits

COLUMNS = {
    "2FHL": {"Flux50": 1e-11, "Spectral_Index": 3.0, "TS": 40.0},
    "3FGL": {
        "Pivot_Energy": 1000.0,
        "Flux_Density": 2e-12,
        "Spectral_Index": 2.1,
        "beta": 0.1,
        "Cutoff": 3000.0,
        "Exp_Index": 0.8,
        "Signif_Avg": 10.0,
    },
    "FL8Y": {
        "Pivot_Energy": 1000.0,
        "Flux_Density": 2e-12,
        "PL_Index": 2.1,
        "LP_Index": 2.0,
        "LP_beta": 0.1,
        "PLEC_Index": 1.5,
        "PLEC_Expfactor": 0.004,
        "PLEC_Exp_Index": 0.667,
        "Signif_Avg": 10.0,
    },
    "4FGL": {
        "Pivot_Energy": 1000.0,
        "PL_Flux_Density": 2e-12,
        "PL_Index": 2.1,
        "LP_Flux_Density": 2e-12,
        "LP_Index": 2.0,
        "LP_beta": 0.1,
        "PLEC_Flux_Density": 2e-12,
        "PLEC_Index": 1.5,
        "PLEC_Expfactor": 0.004,
        "PLEC_Exp_Index": 0.667,
        "Signif_Avg": 10.0,
    },
    "4FGL-DR3": {
        "Pivot_Energy": 1000.0,
        "PL_Flux_Density": 2e-12,
        "PL_Index": 2.1,
        "LP_Flux_Density": 2e-12,
        "LP_Index": 2.0,
        "LP_beta": 0.1,
        "PLEC_Flux_Density": 2e-12,
        "PLEC_IndexS": 2.2,
        "PLEC_ExpfactorS": 0.5,
        "PLEC_Exp_Index": 0.667,
        "Signif_Avg": 10.0,
    },
}
LIKE = {"4FGL-DR2": "4FGL", "4FGL-DR4": "4FGL-DR3", "FL16Y": "4FGL-DR3"}


def write_catalog(path: Path, kind: str, rows: list[dict], extended: list[dict] = ()) -> Path:
    """A catalogue whose rows are given as the differences from the usual values."""
    usual = COLUMNS[LIKE.get(kind, kind)]
    numbers = {"RAJ2000": 0.0, "DEJ2000": 0.0, **usual}
    texts = ["Source_Name"]
    if kind != "2FHL":
        texts += ["Extended_Source_Name", "SpectrumType"]
    columns = [
        fits.Column(name, "20A", array=[row.get(name, "") for row in rows]) for name in texts
    ]
    columns += [
        fits.Column(name, "E", array=np.array([row.get(name, value) for row in rows]))
        for name, value in numbers.items()
    ]
    name = "2FHL Source Catalog" if kind == "2FHL" else "LAT_Point_Source_Catalog"
    hdus = [fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name=name)]
    if extended:
        texts = ["Source_Name", "Spatial_Function", "Spatial_Filename"]
        columns = [
            fits.Column(text, "20A", array=[row.get(text, "") for row in extended])
            for text in texts
        ]
        size = [row.get("Model_SemiMajor", 0.0) for row in extended]
        columns.append(fits.Column("Model_SemiMajor", "E", array=np.array(size)))
        name = "Extended Sources" if kind == "2FHL" else "ExtendedSources"
        hdus.append(fits.BinTableHDU.from_columns(columns, name=name))
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path
