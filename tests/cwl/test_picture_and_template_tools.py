"""The exact command lines of the tools for templates and pictures, and that they parse."""

from pathlib import Path

import numpy as np
import pytest
from command_line import build, file

from latsky.fits.hpx import HpxGeometry, write_counts_cube, write_template
from latsky.steps.main import main

ROOT = Path(__file__).resolve().parents[2]


def command(tmp_path: Path, tool: str, job_order: dict) -> list[str]:
    return build(ROOT / "tools" / f"{tool}.cwl", job_order, tmp_path)[0]


@pytest.mark.parametrize(
    ("tool", "options", "files", "expected"),
    [
        (
            "sum-rings",
            {"output_name": "ring.fits"},
            {"maps": ["a.gz", "b.gz"]},
            "--output ring.fits a.gz b.gz",
        ),
        (
            "template-clip",
            {"minimum": 1e-20, "replace_nan": True},
            {"template": "map.fits"},
            "--minimum 1e-20 --output template_clipped.fits --replace-nan map.fits",
        ),
        (
            "template-scale",
            {},
            {"template": "map.fits", "factors": "f.txt"},
            "--factors f.txt --output template_scaled.fits map.fits",
        ),
        (
            "copy-dss",
            {},
            {"file": "srcmaps.fits", "source": "ccube.fits"},
            "--output copy.fits --source ccube.fits srcmaps.fits",
        ),
        (
            "healview",
            {
                "hdu": "vela",
                "plane": "3",
                "projection": "zoom",
                "center": [263.5, -2.8],
                "width": 10,
                "zmin": 0.5,
                "colours": "magma",
                "title": "A title",
            },
            {"map": "srcmaps.fits"},
            "--center 263.5 -2.8 --cbar magma --hdu vela --output map.png --plane 3 "
            "--projection zoom --title A_title --width 10 --zmin 0.5 --zscale log srcmaps.fits",
        ),
        ("healview", {}, {"map": "ccube.fits"}, "--output map.png --zscale log ccube.fits"),
        (
            "draw-maps",
            {"hdus": ["iso", "gas"], "planes": ["1", "sum"], "output_names": ["i.png", "g.png"]},
            {"maps": ["iso.fits", "gas.fits"]},
            "--map iso.fits gas.fits --hdu iso gas --plane 1 sum --output i.png g.png",
        ),
    ],
)
def test_command_line(
    tmp_path: Path, tool: str, options: dict, files: dict[str, str | list[str]], expected: str
) -> None:
    inputs = {
        key: [file(tmp_path / "in" / name) for name in value]
        if isinstance(value, list)
        else file(tmp_path / "in" / value)
        for key, value in files.items()
    }
    found = command(tmp_path, tool, {**options, **inputs})
    assert [word.replace(" ", "_") for word in found] == ["latsky-step", tool, *expected.split()]


def test_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command lines are understood by the steps."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scratch").mkdir()
    energies, geometry = np.array([100.0, 1000.0]), HpxGeometry(4)
    for name in ("a.fits", "b.fits"):
        write_template(tmp_path / name, geometry, energies, np.ones((2, 192)))
    (tmp_path / "f.txt").write_text("100 2\n")
    write_counts_cube(tmp_path / "c.fits", geometry, np.array([1.0, 10.0]), np.ones((1, 192)))
    maps = [file(tmp_path / name) for name in ("a.fits", "b.fits")]
    for tool, inputs in (
        ("sum-rings", {"maps": maps, "output_name": "out.fits"}),
        ("template-clip", {"template": maps[0], "replace_nan": True, "output_name": "out.fits"}),
        ("template-scale", {"template": maps[0], "factors": file(tmp_path / "f.txt")}),
        ("healview", {"map": file(tmp_path / "c.fits"), "center": [3.5, -2.0], "title": "A b"}),
    ):
        assert main(command(tmp_path / "scratch", tool, inputs)[1:]) == 0
    for name in ("out.fits", "template_scaled.fits", "map.png"):
        assert (tmp_path / name).stat().st_size > 0
