"""The step: its command line, its file, and what it refuses. The PSF's tests need the IRFs."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from latsky.errors import InputError
from latsky.fits.core import FitsWriter, Header
from latsky.fits.hpx import (
    HpxGeometry,
    write_counts_cube,
    write_energies,
    write_exposure_cube,
    write_template,
)
from latsky.fits.srcmaps import write_source_map
from latsky.steps.main import main
from latsky.steps.source_maps_diffuse import plane_range

EDGES = np.array([100.0, 300.0, 1000.0, 3000.0])
GEOMETRY = HpxGeometry(8)
MODEL = """<source_library title="t">
<source name="galaxy" type="DiffuseSource"><spectrum type="ConstantValue"><parameter free="0"
 max="10" min="0" name="Value" scale="1" value="1"/></spectrum><spatialModel file="template.fits"
 type="MapCubeFunction"><parameter free="0" max="10" min="0" name="Normalization" scale="1"
 value="2"/></spatialModel></source>
<source name="iso" type="DiffuseSource"><spectrum file="iso.txt" ctype="-1" type="FileFunction">
<parameter free="0" max="10" min="0" name="Normalization" scale="1" value="1"/></spectrum>
<spatialModel type="ConstantValue"><parameter free="0" max="10" min="0" name="Value" scale="1"
 value="1"/></spatialModel></source>
<source name="dot" type="PointSource"><spectrum type="ConstantValue"><parameter free="0" max="10"
 min="0" name="Value" scale="1" value="1"/></spectrum><spatialModel type="SkyDirFunction">
<parameter free="0" max="360" min="0" name="RA" scale="1" value="1"/><parameter free="0" max="90"
 min="-90" name="DEC" scale="1" value="1"/></spatialModel></source>
</source_library>"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LATSKY_ENGINE", raising=False)
    primary = Header([("TSTART", 100.0, ""), ("TSTOP", 200.0, ""), ("NDSKEYS", 1, "")])
    cut = ("BIT_MASK(EVENT_TYPE,56,P8R3)", "DIMENSIONLESS", "1:1")
    for key, value in zip(("DSTYP1", "DSUNI1", "DSVAL1"), cut, strict=True):
        primary.append(key, value)
    counts = np.zeros((3, GEOMETRY.npix))
    write_counts_cube(tmp_path / "ccube.fits", GEOMETRY, EDGES, counts, primary=primary)
    exposure = np.outer([1.0, 2.0, 3.0, 4.0], 1e10 * (1 + np.arange(48) / 48))
    write_exposure_cube(tmp_path / "bexp.fits", HpxGeometry(2), EDGES, exposure)
    template = np.outer(EDGES**-2, 1 + np.arange(GEOMETRY.npix) / GEOMETRY.npix)
    write_template(tmp_path / "template.fits", GEOMETRY, EDGES, template, dtype="f8")
    (tmp_path / "iso.txt").write_text("".join(f"{e} 1e-7\n" for e in (50, 500, 5000)))
    (tmp_path / "model.xml").write_text(MODEL)
    return tmp_path


def step(*more: str, source: str = "galaxy") -> int:
    return main(
        [
            *["source-maps-diffuse", "--livetime-cube", "lt.fits", "--counts-cube", "ccube.fits"],
            *["--exposure-cube", "bexp.fits", "--irfs", "P8R3_SOURCE_V3", "--output", "out.fits"],
            *("--source", source, *more),
        ]
    )


def test_layout_and_values(here: Path) -> None:
    assert step("--template", "template.fits", "--no-psf", "--kmin", "1", "--kmax", "3") == 0
    with fits.open("out.fits") as file:
        file.verify("exception")
        assert [hdu.name for hdu in file] == ["PRIMARY", "ENERGIES", "galaxy"]
        assert file["ENERGIES"].data["Energy"] == pytest.approx(EDGES[1:3], rel=1e-7)
        assert file[2].columns.names == ["CHANNEL1", "CHANNEL2"]
        header = file[2].header
        assert (header["HPX_CONV"], header["NSIDE"]) == ("FGST_SRCMAP", 8)
        assert (header["ORDERING"], header["COORDSYS"]) == ("RING", "GAL")
        cuts = {file[0].header[f"DSTYP{n}"]: file[0].header[f"DSVAL{n}"] for n in (1, 2)}
        assert cuts["IRF_VERSION"] == "P8R3_SOURCE_V3 (PSF)"
        assert cuts["BIT_MASK(EVENT_TYPE,56,P8R3)"] == "1:1"
        assert file[0].header["CREATOR"].startswith("source-maps-diffuse (latsky")
        first = file[2].data["CHANNEL1"]
    template = 300.0**-2 * (1 + np.arange(GEOMETRY.npix) / GEOMETRY.npix)
    coarse = HpxGeometry(2).pixels(*GEOMETRY.centres())
    expected = template * 2e10 * (1 + coarse / 48) * GEOMETRY.pixel_area
    # the template is sampled at twice the map's resolution, between its pixels' centres
    assert first == pytest.approx(expected, rel=0.02)


def test_the_model_gives_file_kind_and_factor(here: Path) -> None:
    assert step("--source-model", "model.xml", "--no-psf") == 0
    with fits.open("out.fits") as file:
        doubled = file[2].data["CHANNEL2"].copy()
    assert step("--template", "template.fits", "--no-psf", "--kind", "cube") == 0
    with fits.open("out.fits") as file:
        assert doubled == pytest.approx(2 * file[2].data["CHANNEL2"])


def test_isotropic(here: Path) -> None:
    """Exposure × solid angle; without PSF neither livetime cube nor IRFs are opened."""
    assert step("--source-model", "model.xml", "--no-psf", source="iso") == 0
    coarse = HpxGeometry(2).pixels(*GEOMETRY.centres())
    with fits.open("out.fits") as file:
        for plane in range(4):
            expected = (plane + 1) * 1e10 * (1 + coarse / 48) * GEOMETRY.pixel_area
            assert file[2].data[f"CHANNEL{plane + 1}"] == pytest.approx(expected, rel=1e-6)


def test_the_same_bytes_again_for_any_threads(here: Path) -> None:
    found = []
    for threads in ("1", "2"):
        step("--template", "template.fits", "--no-psf", "--threads", threads)
        found.append(Path("out.fits").read_bytes())
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("more", "source", "message"),
    [
        (["--template", "low.fits", "--no-psf"], "galaxy", "low.fits: ENERGIES: the template has"),
        (["--template", "part.fits", "--no-psf"], "galaxy", "part.fits: INDXSCHM: covers a part"),
        (["--template", "nan.fits", "--no-psf"], "galaxy", "nan.fits: plane 0: 1 pixels are no"),
        (["--template", "none.fits", "--no-psf"], "galaxy", "none.fits: No such file"),
        (["--template", "frame.fits", "--no-psf"], "galaxy", "frame.fits: COORDSYS"),
        (["--template", "template.fits", "--no-psf", "--kmin", "4"], "galaxy", "planes 4 to -1"),
        (["--template", "template.fits"], "galaxy", "lt.fits"),
        ([], "galaxy", "--template, --spectrum or --source-model"),
        (["--source-model", "model.xml"], "moon", "model.xml: moon: no source moon"),
        (["--source-model", "model.xml"], "dot", "dot: SkyDirFunction is no diffuse"),
        (["--spectrum", "short.txt"], "iso", "short.txt: energy: the spectrum has 200 to 500"),
        (["--kind", "isotropic", "--template", "template.fits"], "iso", "has no template"),
        (["--spectrum", "iso.txt", "--threads", "0"], "iso", "threads"),
    ],
)
def test_mistakes_are_named(
    here: Path, capsys: pytest.CaptureFixture[str], more: list[str], source: str, message: str
) -> None:
    values = np.ones((4, GEOMETRY.npix))
    write_template("low.fits", GEOMETRY, EDGES[1:], values[1:])
    write_template("part.fits", GEOMETRY, EDGES, values)
    with fits.open("part.fits") as file:
        rows = file[1].data[:100]
        pixels = fits.Column("PIX", "J", array=np.arange(100))
        columns = [fits.Column(c.name, c.format, array=rows[c.name]) for c in file[1].columns]
        table = fits.BinTableHDU.from_columns([pixels, *columns], name="SKYMAP")
        for key in ("PIXTYPE", "ORDERING", "COORDSYS", "NSIDE", "ORDER"):
            table.header[key] = file[1].header[key]
        fits.HDUList([file[0], table, file["ENERGIES"]]).writeto("p.fits")
    Path("p.fits").replace("part.fits")
    with fits.open("template.fits") as file:
        del file[1].header["COORDSYS"]
        file.writeto("frame.fits")
    values[0, 3] = np.nan
    write_template("nan.fits", GEOMETRY, EDGES, values)
    Path("short.txt").write_text("200 1\n500 1\n")
    assert step(*more, source=source) == 2
    assert message in capsys.readouterr().err
    assert not Path("out.fits").exists()


def test_plane_ranges() -> None:
    assert plane_range(0, -1, 4) == (0, 4)
    assert plane_range(2, 3, 4) == (2, 3)
    for kmin, kmax in ((0, 5), (2, 2), (-1, 3)):
        with pytest.raises(InputError, match="there are none"):
            plane_range(kmin, kmax, 4)


class Recorder:
    """A stand-in for an object of pyLikelihood: notes calls, gives recorders."""

    def __init__(self, calls: list[Any], name: str) -> None:
        self.calls, self.name = calls, name

    def __getattr__(self, name: str) -> Any:
        return Recorder(self.calls, f"{self.name}.{name}")

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.calls.append((self.name, arguments, named))
        if self.name.endswith("readXml"):
            self.calls.append(("xml", (Path(arguments[0]).read_text(),), {}))
        if self.name.endswith("saveSourceMap_partial"):
            path, _, first, stop = arguments
            released = [found for name, found, _ in self.calls if name.endswith("releaseSource")]
            (source,) = released[-1]
            with FitsWriter(path) as writer:
                writer.primary(Header())
                write_energies(writer, EDGES[first:stop])
                values = np.ones((stop - first, GEOMETRY.npix))
                write_source_map(writer, source, GEOMETRY, values, dtype="f8")
        return Recorder(self.calls, f"{self.name}()")


@pytest.fixture
def fermitools(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []
    for name in ("pyLikelihood", "BinnedAnalysis"):
        module = ModuleType(name)
        module.__getattr__ = Recorder(calls, name).__getattr__  # type: ignore[method-assign]
        monkeypatch.setitem(sys.modules, name, module)
    return calls


def test_fermitools_calls(here: Path, fermitools: list[Any]) -> None:
    more = ["--template", "template.fits", "--kmin", "1", "--kmax", "3", "--no-psf"]
    assert step("--engine", "fermitools", *more) == 0
    calls = {name: (arguments, named) for name, arguments, named in fermitools}
    observation = calls["BinnedAnalysis.BinnedObs"][1]
    assert observation == {
        "irfs": "P8R3_SOURCE_V3",
        "expCube": "lt.fits",
        "srcMaps": "ccube.fits",
        "binnedExpMap": "bexp.fits",
    }
    assert calls["BinnedAnalysis.BinnedConfig"][1] == {"performConvolution": False}
    factory = "pyLikelihood.SourceFactory()"
    assert calls[f"{factory}.readXml"][0][2:] == (False, True, True)
    assert str(here / "template.fits") in calls["xml"][0][0]
    assert 'type="MapCubeFunction"' in calls["xml"][0][0]
    assert calls[f"{factory}.releaseSource"][0] == ("galaxy",)
    extrapolate = "pyLikelihood.DiffuseSource.cast().mapBaseObject().projmap().setExtrapolation"
    assert calls[extrapolate][0] == (False,)
    saved = calls["BinnedAnalysis.BinnedAnalysis().logLike.saveSourceMap_partial"][0]
    assert saved[2:] == (1, 3)
    with fits.open("out.fits") as file:
        assert [hdu.name for hdu in file] == ["PRIMARY", "ENERGIES", "galaxy"]
        assert file["ENERGIES"].data["Energy"] == pytest.approx(EDGES[1:3])
        assert file[0].header["DSVAL2"] == "P8R3_SOURCE_V3 (PSF)"
    assert [path.name for path in here.glob(".*")] == []


@pytest.mark.parametrize(
    ("energies", "value", "message"),
    [
        (EDGES[1:], 1.0, "bad.fits: ENERGIES: the template has energies from 300 to 3000 MeV"),
        (EDGES, np.nan, "bad.fits: plane 1: 1 pixels are no finite numbers"),
    ],
)
def test_fermitools_refuses_what_the_embedded_engine_refuses(
    here: Path,
    fermitools: list[Any],
    capsys: pytest.CaptureFixture[str],
    energies: np.ndarray,
    value: float,
    message: str,
) -> None:
    values = np.ones((len(energies), GEOMETRY.npix))
    values[1, 5] = value
    write_template("bad.fits", GEOMETRY, energies, values)
    for engine in ("fermitools", "embedded"):
        assert step("--engine", engine, "--template", "bad.fits", "--no-psf") == 2
        assert message in capsys.readouterr().err
    assert fermitools == []


def test_fermitools_isotropic(here: Path, fermitools: list[Any]) -> None:
    """No map, so nothing is said of its range; the spectrum is the component's own file."""
    assert step("--engine", "fermitools", "--source-model", "model.xml", source="iso") == 0
    calls = {name: (arguments, named) for name, arguments, named in fermitools}
    assert 'type="ConstantValue"' in calls["xml"][0][0]
    assert f'file="{here / "iso.txt"}"' in calls["xml"][0][0]
    assert not any(name.endswith("setExtrapolation") for name in calls)
    order = [name.rpartition(".")[2] for name, *_ in fermitools]
    wanted = ["BinnedObs", "BinnedConfig", "BinnedAnalysis", "SourceFactory", "readXml"]
    wanted += ["xml", "releaseSource", "saveSourceMap_partial"]
    assert [name for name in order if name in wanted] == wanted


def test_fermitools_absent_or_asked_too_much(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyLikelihood", None)
    assert step("--engine", "fermitools", "--template", "template.fits") == 2
    assert "the Fermitools are not here" in capsys.readouterr().err
    assert step("--engine", "fermitools", "--template", "template.fits", "--evtype", "PSF3") == 2
    assert "takes the event types of the counts cube (56), not 32" in capsys.readouterr().err
