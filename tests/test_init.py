"""latsky init: files that are right as they are, once data are named; nothing overwritten."""

import pytest

from latsky.cli import main
from latsky.config.analysis import read_analysis
from latsky.config.file_lists import Directories
from latsky.config.library import read_library
from latsky.config.models import read_analysis_models
from latsky.models.contents import energy_range
from latsky.plan import expand

NAMES = {
    "analysis.yaml",
    "event_files.lst",
    "spacecraft_files.lst",
    "config/binning.yaml",
    "config/dataset_source.yaml",
    "config/mktime_filters.yaml",
    "models/library.yaml",
    "models/galprop_rings_example.yaml",
    "models/catalog_4FGL-DR4_v00.yaml",
    "models/modellist.yaml",
    "models/model_example.yaml",
    "models/spectral_models.yaml",
}


@pytest.fixture(autouse=True)
def _no_caldb(monkeypatch):
    monkeypatch.delenv("CALDB", raising=False)


def files(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_files_are_right(tmp_path):
    root = tmp_path / "new" / "analysis"
    assert main(["init", str(root)]) == 0
    assert files(root) == NAMES
    for name in ("event_files.lst", "spacecraft_files.lst"):
        (root / f"{name}.fits").touch()
        (root / name).write_text((root / name).read_text() + f"{name}.fits\n")
    analysis = read_analysis(root / "analysis.yaml")
    assert analysis.warnings == ()
    cuts = expand(analysis.dataset, analysis.binning, analysis.filters)
    assert [cut.job_key for cut in cuts] == [
        "source_zmax80_E0_standard_PSF3",
        "source_zmax90_E1_standard_PSF23",
        "source_zmax100_E2_standard_PSF123",
        "source_zmax105_E3_standard_PSF0123",
    ]
    library = read_library(root / "models/library.yaml", Directories((root,)))
    assert len(library.rings) == 14
    assert library.catalogs[0].file.catalog_name == "4FGL-DR4"
    [model] = read_analysis_models(
        root / "models/modellist.yaml", library, Directories((root,)), energy_range(cuts)
    )
    assert len(model.components) == 14 + 4 + 3
    free = {c.name for c in model.components if c.spectrum and c.spectrum.parameters[0].free}
    assert "sun-ic" not in free


def test_check_asks_for_files(tmp_path, capsys):
    main(["init", str(tmp_path)])
    capsys.readouterr()
    assert main(["check", str(tmp_path / "analysis.yaml")]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if ": error: " in line]
    assert [line.rpartition(": ")[2] for line in lines] == ["names no file"] * 2


def test_nothing_is_overwritten(tmp_path, capsys):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/binning.yaml").write_text("mine\n")
    assert main(["init", str(tmp_path)]) == 0
    assert (tmp_path / "config/binning.yaml").read_text() == "mine\n"
    assert files(tmp_path) == NAMES
    assert f"left  {tmp_path}/config/binning.yaml as it was" in capsys.readouterr().out
    before = {name: (tmp_path / name).read_bytes() for name in NAMES}
    assert main(["init", str(tmp_path)]) == 0
    assert {name: (tmp_path / name).read_bytes() for name in NAMES} == before


def test_unwritable(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["init", str(tmp_path / "file")]) == 1
    assert "latsky init: error:" in capsys.readouterr().err
