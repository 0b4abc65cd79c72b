"""Parts of source-maps-catalog that need no response functions."""

from pathlib import Path

import numpy as np
import pytest
from tables import write_catalog

from latsky.errors import InputErrors
from latsky.steps.source_maps_catalog import (
    check_names,
    main,
    predicted_counts,
    read_parts,
    source_hash,
)


def test_predicted_counts_of_a_cut_off_spectrum():
    energies = np.geomspace(1e3, 1e5, 4)
    totals = 1e10 * (energies / 1e3) ** 0.3
    fine = np.geomspace(1e3, 1e5, 200001)

    def spectrum(e):
        return 1e-9 * (e / 1e3) ** -2 * np.exp(-e / 5e3)

    expected = np.trapezoid(spectrum(fine) * 1e10 * (fine / 1e3) ** 0.3, fine)
    assert predicted_counts(energies, totals, spectrum) == pytest.approx(expected, rel=1e-5)
    assert predicted_counts(energies, 0 * totals, spectrum) == 0.0


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["4FGL J0001+0102", "4fgl j0001+0102"], "HDU names do not tell case"),
        (["GTI"], "that of another HDU"),
        (["a[1]"], "cannot be that of a FITS HDU"),
        (["Größe"], "cannot be that of a FITS HDU"),
        (["x" * 69], "longer than a FITS keyword"),
    ],
)
def test_names_that_cannot_be_hdus(names, message):
    check_names(["4FGL J0000.3-7355", "3C 58", "MSH 15-56 PWN"], Path("c.fits"))
    with pytest.raises(InputErrors, match=message):
        check_names(names, Path("c.fits"))


@pytest.fixture
def definition(tmp_path):
    rows = [
        {"Source_Name": f"S{n}", "SpectrumType": "PowerLaw", "Signif_Avg": 5.0 * n}
        for n in range(4)
    ]
    write_catalog(tmp_path / "c.fits", "4FGL", rows)
    path = tmp_path / "catalog.yaml"
    path.write_text(
        f"""catalog_name : C
catalog_file : {tmp_path}/c.fits
catalog_extdir : {tmp_path}
catalog_type : 4FGL
rules_dict :
  faint :
    cuts :
      - {{ cut_var: Signif_Avg, max_val : 6. }}
remainder :
  merge : True
"""
    )
    return path


def test_parts_of_a_definition(definition):
    file, catalog, parts = read_parts(definition)
    assert file.catalog_name == "C" and len(catalog) == 4
    assert [(p.name, p.merge, p.numbers.tolist()) for p in parts] == [
        ("faint", True, [0, 1]),
        ("remain", True, [2, 3]),
    ]
    codes = {source_hash(source) for source in catalog.sources}
    assert len(codes) == 4 and codes == {source_hash(s) for s in read_parts(definition)[1].sources}


def test_command_names_what_is_missing(definition, tmp_path, capsys):
    from latsky.steps.main import main as step

    code = step(
        [
            "source-maps-catalog",
            f"--livetime-cube={tmp_path}/lt.fits",
            f"--counts-cube={tmp_path}/cc.fits",
            f"--exposure-cube={tmp_path}/ex.fits",
            "--irfs=P8R3_SOURCE_V3",
            f"--definition={definition}",
            f"--output={tmp_path}/o.fits",
        ]
    )
    assert code == 2
    assert "cc.fits: No such file" in capsys.readouterr().err
    assert not (tmp_path / "o.fits").exists()
    with pytest.raises(SystemExit):
        main(["--engine", "embedded"])


def test_the_fermitools_are_refused(definition, tmp_path, capsys):
    from latsky.steps.main import main as step

    names = ("livetime-cube", "counts-cube", "exposure-cube", "output")
    options = [f"--{name}={tmp_path}/x.fits" for name in names]
    options += ["--irfs=P8R3_SOURCE_V3", f"--definition={definition}", "--engine=fermitools"]
    assert step(["source-maps-catalog", *options]) == 2
    assert "engine: catalogue sources are made by the embedded engine" in capsys.readouterr().err
