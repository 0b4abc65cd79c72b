"""``latsky clean``: what a run keeps for a later attempt goes, its products stay."""

import json
import os

import pytest

from latsky import cli
from latsky.run.clean import kept_bytes


@pytest.fixture
def run(tmp_path):
    """A run with a product that is kept by a second link, and an intermediate file."""
    for name in ("product", "made"):
        (tmp_path / ".store" / name).mkdir(parents=True)
    (tmp_path / "product.fits").write_bytes(b"x" * 1000)
    os.link(tmp_path / "product.fits", tmp_path / ".store" / "product" / "0.kept")
    (tmp_path / ".store" / "made" / "0.kept").write_bytes(b"x" * 300)
    os.link(tmp_path / ".store" / "made" / "0.kept", tmp_path / ".store" / "made" / "1.kept")
    (tmp_path / ".toil").mkdir()

    def end(status):
        (tmp_path / "run.json").write_text(json.dumps({"schema": "latsky-run/1", "status": status}))
        return tmp_path

    return end


def test_clean(run, capsys):
    directory = run("success")
    assert kept_bytes(directory) == 300
    assert cli.main(["clean", str(directory)]) == 0
    assert "0.0 MiB freed" in capsys.readouterr().out
    assert {path.name for path in directory.iterdir()} == {".lock", "product.fits", "run.json"}
    assert (directory / "product.fits").stat().st_size == 1000
    assert cli.main(["clean", str(directory)]) == 0


def test_what_resume_needs_stays(run, capsys):
    directory = run("failed")
    assert cli.main(["clean", str(directory)]) == 2
    assert "latsky resume needs" in capsys.readouterr().err
    assert (directory / ".store" / "made").exists()
    assert cli.main(["clean", "--force", str(directory)]) == 0
    assert not (directory / ".store").exists()


def test_no_run(tmp_path, capsys):
    assert cli.main(["clean", str(tmp_path)]) == 2
    assert "no run.json" in capsys.readouterr().err
