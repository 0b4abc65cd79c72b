"""The step's parts that need no response functions, and its pyLikelihood back end."""

import sys
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from scipy.optimize import brentq
from tables import write_catalog

from latsky.embedded.point_source import SourceMap
from latsky.errors import InputErrors
from latsky.fits import dss
from latsky.fits.core import Column, FitsWriter, Header
from latsky.fits.hpx import HpxGeometry, write_counts_cube, write_exposure_cube
from latsky.steps.main import main as steps
from latsky.steps.merge_catalog import plane_factors
from latsky.steps.npred import integrate
from latsky.steps.source_maps_catalog import (
    bin_counts,
    check_names,
    main,
    read_parts,
    response_cuts,
    source_hash,
)


def test_predicted_counts_of_a_cut_off_spectrum():
    energies = np.geomspace(1e3, 1e5, 4)
    totals = 1e10 * (energies / 1e3) ** 0.3
    fine = np.geomspace(1e3, 1e5, 200001)

    def spectrum(e):
        return 1e-9 * (e / 1e3) ** -2 * np.exp(-e / 5e3)

    rate = spectrum(fine) * 1e10 * (fine / 1e3) ** 0.3
    found = bin_counts(energies, totals, spectrum)
    for low, high, counts in zip(energies, energies[1:], found, strict=False):
        inside = (fine >= low * 0.999999) & (fine <= high * 1.000001)
        assert counts == pytest.approx(np.trapezoid(rate[inside], fine[inside]), rel=1e-4)
    assert found.sum() == pytest.approx(np.trapezoid(rate, fine), rel=1e-5)
    totals[0] = 0.0
    assert bin_counts(energies, totals, spectrum).tolist() == [0.0, *found[1:]]


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


# ---- event types


@pytest.mark.parametrize(
    ("mask", "types", "functions"),
    [
        (None, "BIT_MASK(EVENT_TYPE,56,P8R3)", "P8R3_SOURCE_V3 (PSF)"),
        (32, "BIT_MASK(EVENT_TYPE,32,P8R3)", "P8R3_SOURCE_V3 (PSF)"),
        (192, "BIT_MASK(EVENT_TYPE,192,P8R3)", "P8R3_SOURCE_V3 (EDISP)"),
        (3, "BIT_MASK(EVENT_TYPE,3,P8R3)", "P8R3_SOURCE_V3"),
    ],
)
def test_files_state_the_event_types_of_their_maps(mask, types, functions):
    cuts = (
        dss.BitMask("EVENT_CLASS", 128, "P8R3"),
        dss.BitMask("EVENT_TYPE", 56, "P8R3"),
        dss.Version("IRF_VERSION", "P8R3_SOURCE_V2"),
    )
    found = response_cuts(cuts, "P8R3_SOURCE_V3", mask or 56)
    keywords = [cut.keywords for cut in found]
    assert [k[0] for k in keywords].count("IRF_VERSION") == 1
    assert [k[2] for k in keywords if k[0] == "IRF_VERSION"] == [functions]
    assert [k[0] for k in keywords if "EVENT_TYPE" in k[0]] == [types]
    assert "BIT_MASK(EVENT_CLASS,128,P8R3)" in [k[0] for k in keywords]


# ---- planes of merged maps


def test_plane_factors_make_power_laws_hold_the_counts():
    energies = np.geomspace(1e3, 1e6, 10)
    sums = 1e-3 * (energies / 1e3) ** -2.3 * np.exp(-energies / 5e5)
    counts = integrate(energies, sums) * np.linspace(0.99, 1.02, 9)
    factors = plane_factors(energies, sums, counts)
    assert integrate(energies, sums * factors) == pytest.approx(counts, rel=1e-9)

    # It is the least change: along the one direction that leaves all bins as they are it is at a
    # minimum. That direction is found bin by bin, by moving the first plane.
    def kept(first):
        moved = [first]
        for at in range(9):
            lower = sums[at] * factors[at] * np.exp(moved[at])

            def excess(x, at=at, lower=lower):
                upper = sums[at + 1] * factors[at + 1] * np.exp(x)
                pair = integrate(energies[at : at + 2], np.array([lower, upper]))
                return pair[0] / counts[at] - 1

            moved.append(brentq(excess, -1.0, 1.0, xtol=1e-14))
        return np.sum((np.log(factors) + moved) ** 2)

    least = kept(0.0)
    assert least < kept(1e-3) and least < kept(-1e-3)


def test_plane_factors_of_right_planes_and_of_empty_bins():
    energies = np.geomspace(100.0, 1e4, 5)
    sums = (energies / 100.0) ** -2.0
    counts = integrate(energies, sums)
    assert plane_factors(energies, sums, counts) == pytest.approx(np.ones(5), abs=1e-9)
    assert plane_factors(energies, 0 * sums, 0 * counts).tolist() == [1.0] * 5
    sums[:2] = 0.0
    factors = plane_factors(energies, sums, np.array([0.0, 0.0, *(1.01 * counts[2:])]))
    assert factors[0] == 1.0 and integrate(energies, sums * factors)[2:] == pytest.approx(
        1.01 * counts[2:], rel=1e-9
    )


# ---- the Fermitools, by a stand-in that notes the calls

EDGES = np.array([100.0, 300.0, 1000.0])
GEOMETRY = HpxGeometry(8)
UNDEFINED = -(2**31)


class Recorder:
    """A stand-in for an object of pyLikelihood: notes calls, gives recorders."""

    def __init__(self, calls, name):
        self.calls, self.name = calls, name

    def __getattr__(self, name):
        return Recorder(self.calls, f"{self.name}.{name}")

    def __call__(self, *arguments, **named):
        self.calls.append((self.name, arguments, named))
        if self.name.endswith("readXml"):
            self.calls.append(("xml", (Path(arguments[0]).read_text(),), {}))
        if self.name.endswith("releaseSource"):
            return arguments[0]
        if self.name.endswith("saveSourceMap_partial"):
            write_point(*arguments)
        return Recorder(self.calls, f"{self.name}()")


def write_point(path, name, planes=3):
    """Source n of the catalogue puts n + 1 into pixels 0 and 7, more in each plane."""
    value = 1.0 + int(name[1:])
    columns = [
        Column("PIX", np.tile(np.array([UNDEFINED, 7], "i4"), planes), extra={"TNULL": UNDEFINED}),
        Column("CHANNEL", np.repeat(np.arange(planes, dtype="i2"), 2)),
        Column("VALUE", (value * np.repeat(1.0 + np.arange(planes), 2)).astype("f4")),
    ]
    header = GEOMETRY.keywords()
    header.update(Header([("INDXSCHM", "SPARSE", ""), ("N_ENERGY", planes, "")]))
    with FitsWriter(path) as writer:
        writer.primary(Header())
        writer.table(name, columns, header)


@pytest.fixture
def component(definition, tmp_path, monkeypatch):
    """Options of a step on a small component."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LATSKY_ENGINE", raising=False)
    primary = Header([("TSTART", 100.0, ""), ("TSTOP", 200.0, "")])
    dss.write(primary, (dss.BitMask("EVENT_TYPE", 56, "P8R3"),))
    write_counts_cube("ccube.fits", GEOMETRY, EDGES, np.zeros((2, 768)), primary=primary)
    write_exposure_cube("bexp.fits", HpxGeometry(2), EDGES, np.full((3, 48), 1e10))
    files = ["--livetime-cube=lt.fits", "--counts-cube=ccube.fits", "--exposure-cube=bexp.fits"]
    return [*files, "--irfs=P8R3_SOURCE_V3", f"--definition={definition}", "--output=out.fits"]


@pytest.fixture
def fermitools(monkeypatch):
    calls = []
    for name in ("pyLikelihood", "BinnedAnalysis"):
        module = ModuleType(name)
        module.__getattr__ = Recorder(calls, name).__getattr__
        monkeypatch.setitem(sys.modules, name, module)
    return calls


def test_fermitools_calls(component, fermitools, monkeypatch):
    monkeypatch.setenv("LATSKY_ENGINE", "fermitools")
    Path("catalog.yaml").write_text(Path("catalog.yaml").read_text().replace("True", "False"))
    main([*component, "--first=1", "--last=4"])
    calls = {name: (arguments, named) for name, arguments, named in fermitools}
    assert calls["BinnedAnalysis.BinnedObs"][1] == {
        "irfs": "P8R3_SOURCE_V3",
        "expCube": "lt.fits",
        "srcMaps": "ccube.fits",
        "binnedExpMap": "bexp.fits",
    }
    analysis = calls["BinnedAnalysis.BinnedAnalysis"][1]
    assert analysis["optimizer"] == "MINUIT" and analysis["wmap"] is None
    assert calls["pyLikelihood.SourceFactory().readXml"][0][2:] == (False, True, True)
    xml = next(arguments[0] for name, arguments, _ in fermitools if name == "xml")
    assert [f'name="S{n}" type="PointSource"' in xml for n in range(4)] == [False, True, True, True]
    sequence = [
        (name.rpartition(".")[2], *(a for a in arguments if not str(a).endswith(".fits")))
        for name, arguments, _ in fermitools
        if name.rpartition(".")[2] in ("releaseSource", "addSource", "saveSourceMap_partial")
    ]
    # adding a source to the likelihood would make its map twice
    assert sequence == [
        call
        for name in ("S1", "S2", "S3")
        for call in (("releaseSource", name), ("saveSourceMap_partial", name))
    ]
    with fits.open("out.fits") as file:
        # the layout of the embedded engine: S1 is faint and merged, the others are single
        assert [hdu.name for hdu in file] == [
            *("PRIMARY", "EBOUNDS", "S2", "S3", "C_faint", "SOURCES")
        ]
        assert file[0].header["DSVAL2"] == "P8R3_SOURCE_V3 (PSF)"
        assert file["S2"].data["PIX"].tolist() == [0, 7] * 3
        assert file["S2"].data["VALUE"].tolist() == [3, 3, 6, 6, 9, 9]
        assert file["SOURCES"].data["NUMBER"].tolist() == [1, 2, 3]
        merged = np.array([file["C_faint"].data[f"CHANNEL{k}"] for k in (1, 2, 3)])
    # spectra are folded in: 2e-12 at 1 GeV, index 2.1
    expected = 2.0 * np.array([1, 2, 3]) * 2e-12 * (EDGES / 1000) ** -2.1
    assert merged[:, 0] == pytest.approx(expected, rel=1e-6)
    assert merged[:, 7] == pytest.approx(expected, rel=1e-6)
    assert np.count_nonzero(merged) == 6
    assert [path.name for path in Path().glob(".*")] == []


def test_extended_sources_are_made_here_beside_the_fermitools(component, fermitools, monkeypatch):
    """Their maps by the Fermitools are too faint: pyLikelihood never sees them."""
    rows = [
        {"Source_Name": "S0", "SpectrumType": "PowerLaw", "Signif_Avg": 5.0},
        {"Source_Name": "S1", "SpectrumType": "PowerLaw", "Extended_Source_Name": "D"},
    ]
    disk = {"Source_Name": "D", "Spatial_Function": "RadialDisk", "Model_SemiMajor": 1.0}
    write_catalog(Path("c.fits"), "4FGL", rows, [disk])
    asked = []

    def embedded(request, inputs):
        return SimpleNamespace(source_map=lambda source: made(source))

    def made(source):
        asked.append((source.name, source.shape.kind))
        return SourceMap(np.array([3]), np.full((3, 1), 5.0))

    monkeypatch.setattr("latsky.fermitools.source_maps_catalog.embedded_maps", embedded)
    main([*component, "--engine=fermitools"])
    assert asked == [("S1", "RadialDisk")]
    assert not any("S1" in map(str, arguments) for _, arguments, _ in fermitools)
    xml = next(arguments[0] for name, arguments, _ in fermitools if name == "xml")
    assert 'name="S0"' in xml and 'name="S1"' not in xml
    with fits.open("out.fits") as file:
        assert np.flatnonzero(file["C_remain"].data["CHANNEL1"]).tolist() == [3]


@pytest.mark.parametrize(
    ("more", "points", "message"),
    [
        (["--evtype=PSF3"], write_point, "takes the event types of the counts cube (56), not 32"),
        ([], lambda path, name: None, "S0: pyLikelihood wrote no source map"),
        ([], partial(write_point, planes=2), "S0: pyLikelihood gave 2 planes for 3 energies"),
        ([], None, "the Fermitools are not here"),
    ],
)
def test_fermitools_absent_or_asked_too_much(
    component, fermitools, monkeypatch, capsys, more, points, message
):
    if points is None:
        monkeypatch.setitem(sys.modules, "pyLikelihood", None)
    else:
        monkeypatch.setattr(f"{__name__}.write_point", points)
    assert steps(["source-maps-catalog", *component, "--engine=fermitools", *more]) == 2
    assert message in capsys.readouterr().err
    assert not Path("out.fits").exists() and not list(Path().glob(".*"))


def test_unknown_engine(component, monkeypatch, capsys):
    monkeypatch.setenv("LATSKY_ENGINE", "magic")
    assert steps(["source-maps-catalog", *component]) == 2
    assert "LATSKY_ENGINE: 'magic' is none of embedded, fermitools" in capsys.readouterr().err
