"""What the Fermitools back end asks of pyLikelihood, and what it makes of the answers.

A stand-in answers: it reads the source models that it is given, numbers parameters by source in
alphabetical order as the Fermitools do, and has a best fit of its own.
"""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from latsky.errors import InputError
from latsky.fermitools.pylikelihood import modules
from latsky.fit.results import read_results
from latsky.fits.source_model import read_source_model
from latsky.steps.main import main

FITTED = {("gas", "Prefactor"): 1.2, ("iso", "Normalization"): 0.9}
FITTED |= {("spot", "Index"): 2.1, ("spot", "Prefactor"): 3.0}


class Analysis:
    """BinnedAnalysis of one component."""

    made: ClassVar[list["Analysis"]] = []

    def __init__(self, observed, srcModel, optimizer, wmap, config):
        self.observed, self.config = observed, config
        self.model = read_source_model(srcModel)
        self.text = Path(srcModel).read_text()
        Analysis.made.append(self)

    def __call__(self) -> float:
        return 100.0

    def _srcCnts(self, name: str) -> np.ndarray:
        bins = 2 if "E1" in self.observed.srcMaps else 3
        return np.full(bins, 10.0 * (1 + self.model.names.index(name)))


class Summed:
    """SummedLikelihood."""

    def __init__(self, optimizer):
        self.components, self.fitted, self.optimizer = [], False, optimizer

    def addComponent(self, like):
        self.components.append(like)
        model = like.model
        self.order = [
            (s, p.name) for s in sorted(model.names) for p in model[s].spectrum.parameters
        ]

    def __call__(self):
        return 200.0 if self.fitted else 300.0

    @property
    def logLike(self):
        return self

    def fit(self, verbosity, tol, covar, optObject):
        assert optObject.likelihood is self
        self.fitted = True
        size = np.arange(1, 5) * 0.1
        self.covariance = (np.outer(size, size) * (0.5 + 0.5 * np.eye(4))).tolist()

    def par_index(self, source, name):
        return self.order.index((source, name))

    def __getitem__(self, index):
        value = FITTED[self.order[index]]
        return SimpleNamespace(getValue=lambda: value, error=lambda: 0.01 * index)

    def minosError(self, source, name):
        return 0.2, -0.1


class Minuit:
    """The optimizer, with a covariance matrix of the given quality (3: accurate)."""

    quality = 3

    def __init__(self, likelihood):
        self.likelihood = likelihood

    def getRetCode(self):
        return 0

    def getQuality(self):
        return self.quality


@pytest.fixture
def fermitools(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in, found by import."""
    Analysis.made = []
    likelihood = ModuleType("pyLikelihood")
    likelihood.ABSOLUTE = 0
    likelihood.Minuit = Minuit
    analysis = ModuleType("BinnedAnalysis")
    analysis.BinnedObs = lambda **values: SimpleNamespace(**values)
    analysis.BinnedConfig = lambda **values: values
    analysis.BinnedAnalysis = Analysis
    summed = ModuleType("SummedLikelihood")
    summed.SummedLikelihood = Summed
    for module in (likelihood, analysis, summed):
        monkeypatch.setitem(sys.modules, module.__name__, module)


def with_cubes(directory: Path) -> Path:
    """The configuration with livetime and exposure cubes, dispersion on."""
    for name in ("lt.fits", "bexp.fits"):
        (directory / name).touch()
    config = directory / "config.yaml"
    text = config.read_text().replace("edisp: false", "edisp: true")
    text = text.replace(
        "  - gtlike: {srcmap",
        "  - data: {ltcube: lt.fits}\n    gtlike: {bexpmap: bexp.fits, srcmap",
    )
    config.write_text(text)
    return config


def test_fit_by_pylikelihood(model_directory: Path, fermitools: None) -> None:
    config, out = with_cubes(model_directory), model_directory / "out"
    command = ["fit-model", "--engine", "fermitools", "--config", str(config), "-o", str(out)]
    assert main([*command, "--quiet", "--minos", "gas:Prefactor"]) == 0
    first, second = Analysis.made
    assert first.config == {"edisp_bins": -1}
    assert Path(first.observed.srcMaps).name == "srcmaps_x_zmax90_E1_PSF3.fits"
    assert Path(first.observed.binnedExpMap).name == "bexp.fits"
    assert first.observed.irfs == "P8R3_SOURCE_V3"
    # no template is needed, tables are where they are, flagged sources stay flagged
    assert first.model["gas"].spatial.kind == "ConstantValue"
    assert first.model["spot"].spatial.kind == "SkyDirFunction"
    assert Path(second.model["iso"].spectrum.file) == (
        model_directory / "iso_zmax105_E2_PSF123.txt"
    )
    assert second.model["iso"].spectrum.attributes["apply_edisp"] == "false"
    results = read_results(out / "fit_small.json")
    assert results.engine == "fermitools"
    assert results.converged
    assert (results.log_likelihood_start, results.log_likelihood) == (-300.0, -200.0)
    assert results.parameter("spot", "Index").value == 2.1
    assert results.parameter("gas", "Prefactor").minos == [-0.1, 0.2]
    # covariance: theirs is gas, iso, spot Prefactor, spot Index; ours begins with the spot
    assert results.covariance.parameters[0] == "spot:Prefactor"
    sizes = np.sqrt(np.diag(results.covariance.covariance))
    np.testing.assert_allclose(sizes, [0.3, 0.4, 0.1, 0.2])
    assert [len(c.predicted) for c in results.components] == [2, 3]
    assert results.components[0].npred["spot"] == [10.0, 10.0]
    fitted = read_source_model(out / "fit_small.xml")
    assert fitted["gas"].spatial.kind == "MapCubeFunction"
    assert fitted["gas"].spectrum["Prefactor"].value == 1.2


def test_a_fit_without_an_accurate_covariance_has_not_converged(
    model_directory: Path, fermitools: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Minuit, "quality", 2)
    config, out = with_cubes(model_directory), model_directory / "out"
    command = ["fit-model", "--engine", "fermitools", "--config", str(config), "-o", str(out)]
    main([*command, "--quiet"])
    assert not read_results(out / "fit_small.json").converged


def test_what_it_cannot_do(
    model_directory: Path, fermitools: None, capsys: pytest.CaptureFixture
) -> None:
    config = model_directory / "config.yaml"
    strategy = model_directory / "strategy.yaml"
    strategy.write_text("- {key: all}\n")
    out = str(model_directory / "out")
    command = ["fit-model", "--engine", "fermitools", "--config", str(config), "-o", out]
    assert main([*command, "--quiet", "--strategy", str(strategy)]) == 2
    assert "needs the embedded engine" in capsys.readouterr().err
    assert main([*command, "--quiet"]) == 2
    assert "need livetime cube and exposure cube" in capsys.readouterr().err


def test_without_the_fermitools(
    model_directory: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyLikelihood", None)
    config, out = with_cubes(model_directory), str(model_directory / "out")
    command = ["fit-model", "--engine", "fermitools", "--config", str(config), "-o", out]
    assert main([*command, "--quiet"]) == 2
    assert "use --engine embedded" in capsys.readouterr().err


def test_fermitools_that_are_not_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real pyLikelihood would end the process when it is imported."""
    (tmp_path / "pyLikelihood.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("CALDB", "/caldb")
    for name in ("CALDBCONFIG", "CALDBALIAS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="not set up: CALDBCONFIG, CALDBALIAS not set"):
        modules()
