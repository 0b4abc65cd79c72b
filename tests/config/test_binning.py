"""The binning file: expansion, overrides, and what is refused."""

import math

import pytest
from fermipy_samples import BINNING

from latsky.config.binning import read_binning
from latsky.errors import InputError, InputErrors

UNIT_TEST_BINNING = """\
coordsys: GAL
E0: {log_emin: 1.5, log_emax: 2.0, enumbins: 4, zmax: 80., psf_types: {PSF3: {hpx_order: 5}}}
E1:
  log_emin : 2.0
  log_emax : 2.5
  enumbins : 4
  zmax : 90.
  psf_types :
    PSF3 : {hpx_order : 6}
    PSF2 : {hpx_order : 6}
E2:
  log_emin : 2.5
  log_emax : 3.0
  enumbins : 4
  zmax : 100.
  psf_types : {PSF1: {hpx_order: 6}, PSF2: {hpx_order: 7}, PSF3: {hpx_order: 8}}
E3:
  log_emin : 3.0
  log_emax : 6.0
  enumbins : 12
  zmax : 105.
  psf_types :
    {PSF0: {hpx_order: 7}, PSF1: {hpx_order: 8}, PSF2: {hpx_order: 9}, PSF3: {hpx_order: 9}}
"""


@pytest.fixture
def read(tmp_path):
    def _read(text):
        path = tmp_path / "binning.yaml"
        path.write_text(text)
        return read_binning(path)

    return _read


def problems(read, text):
    with pytest.raises(InputErrors) as caught:
        read(text)
    return [str(problem).partition("binning.yaml")[2] for problem in caught.value.problems]


def test_sample(read):
    components = read(BINNING).components
    assert [c.key for c in components] == [
        "zmax80_E0_PSF3",
        "zmax90_E1_PSF23",
        "zmax100_E2_PSF123",
        "zmax105_E3_PSF0123",
    ]
    assert [c.evtype for c in components] == [32, 48, 56, 60]
    assert [c.settings.hpx_order for c in components] == [5, 6, 8, 9]
    assert [len(c.edges) - 1 for c in components] == [2, 2, 3, 9]
    assert {c.ebinalg for c in components} == {"LOG"}
    last = components[-1]
    assert (last.emin, last.emax) == (1e3, 1e6)
    assert last.edges == pytest.approx([10 ** (3 + k / 3) for k in range(10)], rel=1e-14)
    assert components[0].emin == math.pow(10, 1.5)


def test_ten_components_in_order(read):
    names = [c.name for c in read(UNIT_TEST_BINNING).components]
    assert names == [
        *("E0_PSF3", "E1_PSF2", "E1_PSF3", "E2_PSF1", "E2_PSF2", "E2_PSF3"),
        *("E3_PSF0", "E3_PSF1", "E3_PSF2", "E3_PSF3"),
    ]


def test_every_key_can_be_overridden(read):
    config = read(
        """\
coordsys: GAL
E0:
  log_emin: 2
  log_emax: 3
  enumbins: 4
  zmax: 90
  hpx_order: 6
  mktimefilters: quiet
  evtclasses: [source, clean]
  tmin: INDEF
  psf_types:
    FRONT:
    BACK:
      log_emin: 2.5
      log_emax: 3.5
      enumbins: 2
      zmax: 80
      hpx_order: 5
      coordsys: CEL
      mktimefilters: [loud, quiet]
      evtclasses: clean
      tmin: 100
      tmax: 200.5
    EDISP3: {logebins: [2, 2.2, 3], enumbins: 2}
"""
    )
    back, edisp, front = config.components
    assert (front.evtype, back.evtype, edisp.evtype) == (1, 2, 512)
    assert front.settings.mktimefilters == ("quiet",)
    assert front.settings.evtclasses == ("source", "clean")
    assert (front.settings.tmin, front.settings.coordsys) == (None, "GAL")
    settings = back.settings
    assert (settings.zmax, settings.hpx_order, settings.coordsys) == (80, 5, "CEL")
    assert settings.mktimefilters == ("loud", "quiet")
    assert settings.evtclasses == ("clean",)
    assert (settings.tmin, settings.tmax) == (100, 200.5)
    assert back.edges == pytest.approx([10**2.5, 1e3, 10**3.5])
    assert edisp.ebinalg == "FILE"
    assert edisp.edges == pytest.approx([100, 10**2.2, 1000])


def test_user_edges_need_nothing_else(read):
    text = "E0: {logebins: [1.5, 2, 3.25], zmax: 90, psf_types: {FB: {hpx_order: 4}}}"
    component = read(text).components[0]
    assert component.edges == pytest.approx([10**1.5, 100, 10**3.25])
    assert component.settings.coordsys == "GAL"


GOOD = "E0:\n  log_emin: 2\n  log_emax: 3\n  enumbins: 2\n  zmax: 90\n  psf_types:\n    PSF3:\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("zmax: 90", "zmx: 90"), ":5: E0.zmx: unknown key; did you mean zmax?"),
        (("zmax: 90", "zmx: 90"), ":1: E0.zmax: required, but not given"),
        (("zmax: 90", "zmax: 190"), ":5: E0.zmax: must be less than or equal to 180, is 190"),
        (("zmax: 90", "zmax: -1"), ":5: E0.zmax: must be greater than 0, is -1"),
        (("log_emax: 3", "log_emax: 1"), ":1: E0: log_emin 2 is not below log_emax 1"),
        (("  log_emax: 3\n", ""), ":1: E0: log_emax is required (or logebins)"),
        (
            ("enumbins: 2", "enumbins: 2.5"),
            ":4: E0.enumbins: must be a valid integer, got a number with a fractional part, is 2.5",
        ),
        (("enumbins: 2", "enumbins: 0"), ":4: E0.enumbins: must be greater than or equal to 1"),
        (("zmax: 90", "zmax: wide"), ":5: E0.zmax: must be a valid number"),
        (("zmax: 90", "zmax: .nan"), ":5: E0.zmax: must be"),
        (
            ("order: 5", "order: 14"),
            "E0.psf_types.PSF3.hpx_order: must be less than or equal to 13",
        ),
        (("hpx_order: 5", ""), ":7: E0.psf_types.PSF3.hpx_order: required, but not given"),
        (("PSF3", "PSF4"), ":7: E0.psf_types.PSF4: 'PSF4' is no event type"),
        (("  psf_types:\n    PSF3:\n      hpx_order: 5\n", ""), "E0.psf_types: required"),
        (("zmax: 90", "zmax: 90\n  evtclasses: [sauce]"), "E0.evtclasses: 'sauce' is no event"),
        (("zmax: 90", "zmax: 90\n  tmin: 5\n  tmax: 5"), "E0: tmin 5 is not before tmax 5"),
        (("zmax: 90", "zmax: 90\n  logebins: [2, 2]"), "E0: logebins must be at least two rising"),
        (("zmax: 90", "zmax: 90\n  logebins: [2, 3]"), "E0: enumbins 2 differs from logebins: 1"),
        (
            ("zmax: 90", "zmax: 90\n  logebins: [2, 2.5, 3.1]"),
            "E0: log_emax 3 differs from the end of logebins, 3.1",
        ),
        (("E0:", "coordsys: ECL\nE0:"), ":1: coordsys: must be 'GAL' or 'CEL', is 'ECL'"),
        (("E0:", "E_0:"), "E_0: names of energy ranges become part of file names"),
        (("E0:", "E1: 5\nE0:"), ":1: E1: must be a mapping of keys to values, is a int"),
    ],
)
def test_refused(read, change, message):
    good = GOOD + "      hpx_order: 5\n"
    assert len(read(good).components) == 1
    found = problems(read, good.replace(*change))
    assert any(message in text for text in found), found


def test_all_problems_at_once(read):
    found = problems(
        read,
        GOOD.replace("zmax", "zmx")
        + "      hpx_odrer: 5\n    PSF9: {hpx_order: 3}\n    PSF2: {hpx_order: 3}\n"
        + "E1: {log_emin: 1, log_emax: 0, enumbins: 1, zmax: 9, psf_types: {FB: {hpx_order: 1}}}\n",
    )
    assert len(found) == 6  # zmx and zmax once for all types of the range
    assert sorted(text.partition(": ")[2].partition(":")[0] for text in found) == [
        "E0.psf_types.PSF3.hpx_odrer",
        "E0.psf_types.PSF3.hpx_order",
        "E0.psf_types.PSF9",
        "E0.zmax",
        "E0.zmx",
        "E1",
    ]


def test_key_given_twice(read):
    with pytest.raises(InputError, match=r"binning.yaml:6: found duplicate key .zmax"):
        read(GOOD.replace("  zmax: 90\n", "  zmax: 90\n  zmax: 80\n"))


def test_empty(read):
    assert "no energy range" in problems(read, "coordsys: GAL\n")[0]
