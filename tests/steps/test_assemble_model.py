"""Assembling by manifest: which files are found, and what is said of those that are not."""

import numpy as np
import pytest
from ruamel.yaml import YAML

from latsky.fits.core import FitsWriter, Header
from latsky.fits.hpx import HpxGeometry, write_counts_cube, write_energies
from latsky.fits.srcmaps import source_names, write_source_map
from latsky.steps.main import main

EDGES = np.array([100.0, 1000.0])
GEOMETRY = HpxGeometry.from_order(2)


def source_file(path, name):
    path.parent.mkdir(parents=True, exist_ok=True)
    with FitsWriter(path) as writer:
        writer.primary(Header())
        write_energies(writer, EDGES)
        write_source_map(writer, name, GEOMETRY, np.ones((2, GEOMETRY.npix)))


@pytest.fixture
def analysis(tmp_path):
    """A counts cube, two source maps (one gzipped), a manifest."""
    (tmp_path / "counts_cubes").mkdir()
    write_counts_cube(
        tmp_path / "counts_cubes/c.fits", GEOMETRY, EDGES, np.ones((1, GEOMETRY.npix))
    )
    source_file(tmp_path / "srcmaps/b.fits", "beta")
    source_file(tmp_path / "srcmaps/a.fits.gz", "alpha")
    manifest = {
        "E0_PSF3": {
            "ccube": "counts_cubes/c.fits",
            "outsrcmap": "analysis/model_m/s.fits",
            "source_dict": {
                key: {
                    "source_names": [name],
                    "sourcekey": key,
                    "srcmap_file": f"srcmaps/{key[0]}.fits",
                }
                for key, name in (("b_v0", "beta"), ("a_v0", "alpha"))
            },
        }
    }
    with (tmp_path / "manifest.yaml").open("w") as stream:
        YAML().dump(manifest, stream)
    return tmp_path


def run(root, *arguments, component="E0_PSF3"):
    manifest = str(root / "manifest.yaml")
    return main(["assemble-model", "--manifest", manifest, "--component", component, *arguments])


def test_below_the_directory_of_the_analysis(analysis, capsys):
    assert run(analysis, "--directory", str(analysis)) == 0
    assert capsys.readouterr().out == "s.fits: 2 source maps\n"
    assert source_names(analysis / "analysis/model_m/s.fits") == ["alpha", "beta"]


def test_files_by_base_name(analysis, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    files = [str(tmp_path / name) for name in ("srcmaps/b.fits", "srcmaps/a.fits.gz")]
    counts = str(tmp_path / "counts_cubes/c.fits")
    assert run(analysis, "--counts-cube", counts, "--output", "s.fits", *files) == 0
    assert source_names("s.fits") == ["alpha", "beta"]


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("srcmaps/b.fits", "E0_PSF3.source_dict.b_v0: no such file: srcmaps/b.fits"),
        ("counts_cubes/c.fits", "E0_PSF3.ccube: no such file: counts_cubes/c.fits"),
    ],
)
def test_a_missing_file_is_an_error(analysis, capsys, missing, message):
    (analysis / missing).unlink()
    assert run(analysis, "--directory", str(analysis)) == 2
    assert message in capsys.readouterr().err
    assert not (analysis / "analysis/model_m/s.fits").exists()


def test_an_unknown_component(analysis, capsys):
    assert run(analysis, "--directory", str(analysis), component="E9_PSF0") == 2
    assert "E9_PSF0: no binning component of this name; known: E0_PSF3" in capsys.readouterr().err


def test_a_file_that_is_no_manifest(analysis, capsys):
    (analysis / "manifest.yaml").write_text("E0_PSF3: {ccube: c, outsrcmap: s}\n")
    assert run(analysis, "--directory", str(analysis)) == 2
    assert "E0_PSF3.source_dict: required, but not given" in capsys.readouterr().err
