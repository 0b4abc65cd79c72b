"""The exact command line of fit-model, and that the command understands it."""

from pathlib import Path

import pytest
from command_line import build, directory, file

from latsky.steps import fit_model

ROOT = Path(__file__).resolve().parents[2]


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job_order = {
        "config": file(tmp_path / "config.yaml"),
        "source_models": [file(tmp_path / "srcmdl_m_master.xml"), file(tmp_path / "own.xml")],
        "source_maps": [file(tmp_path / "a.fits"), file(tmp_path / "b.fits")],
        "livetime_cubes": [file(tmp_path / "lt.fits")],
        "spectra": [file(tmp_path / "iso.txt")],
        "strategy": file(tmp_path / "strategy.yaml"),
        "minos": ["gas:Prefactor", "iso:Normalization"],
        "edisp": "off",
        "engine": "embedded",
        "caldb": directory(tmp_path / "caldb"),
        "cores": 2,
        "ram_mib": 9000,
    }
    command, _, resources = build(ROOT / "tools/fit-model.cwl", job_order, tmp_path)
    assert resources["ram"] == 9000
    assert command[0] == "env"
    assert [word.partition("=")[0] for word in command[1:4]] == [
        "CALDB",
        "CALDBCONFIG",
        "CALDBALIAS",
    ]
    assert command[4:6] == ["latsky-step", "fit-model"]
    words = command[6:]
    tmp = words[words.index("--work") + 1]
    assert words == [
        "--threads", "2", "--work", tmp,
        "--config", "config.yaml", "--edisp", "off", "--engine", "embedded",
        "--integration", "fine",
        "--minos", "gas:Prefactor", "--minos", "iso:Normalization",
        "--strategy", "strategy.yaml",
        "--file", "lt.fits", "--file", "a.fits", "b.fits",
        "--file", "srcmdl_m_master.xml", "own.xml", "--file", "iso.txt",
    ]  # fmt: skip
    asked = []
    monkeypatch.setattr(fit_model, "make_embedded", lambda request, _: asked.append(request) or [])
    assert fit_model.main([*words, "--output", str(tmp_path)]) == 0
    (request,) = asked
    assert [path.name for path in request.files] == [
        "lt.fits",
        "a.fits",
        "b.fits",
        "srcmdl_m_master.xml",
        "own.xml",
        "iso.txt",
    ]
    assert request.edisp is False
    assert request.minos == ("gas:Prefactor", "iso:Normalization")
    assert request.threads == 2
