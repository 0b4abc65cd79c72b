"""Spectral forms against other ways to compute them."""

import math

import numpy as np
import pytest

from latsky.errors import InputError
from latsky.spectra import KINDS, form, integral, piecewise_nodes, tabulated

E = np.geomspace(31.0, 9.7e5, 41)
CASES = {
    "PowerLaw": [2e-9, -2.3, 1000.0],
    "PowerLaw2": [3e-8, -2.1, 100.0, 1e5],
    "BrokenPowerLaw": [1e-10, -1.7, -2.9, 2345.0],
    "BrokenPowerLaw2": [4e-8, -1.7, -2.9, 2345.0, 100.0, 1e5],
    "SmoothBrokenPowerLaw": [1e-10, -1.6, 900.0, -2.7, 3456.0, 0.3],
    "LogParabola": [1e-11, 2.2, 0.13, 1200.0],
    "PLSuperExpCutoff": [1e-9, -1.5, 800.0, 4000.0, 0.8],
    "PLSuperExpCutoff2": [1e-9, -1.5, 800.0, 0.004, 0.667],
    "PLSuperExpCutoff3": [1e-9, -1.9, 800.0, 0.7, 0.667],
    "PLSuperExpCutoff4": [1e-9, -2.1, 800.0, 0.5, 0.667],
    "ExpCutoff": [1e-9, -2.0, 1000.0, 3000.0, 9e4, 0.2, 0.05],
    "BPLExpCutoff": [1e-9, -1.8, -2.4, 1500.0, 5000.0, 9e4],
    "ConstantValue": [0.97],
    "Gaussian": [2.0, 1.3e5, 4e4],
}
PIECEWISE = [-1.5, -3.1, 2e-9, 0.3, 0.05, 0.002, 100.0, 300.0, 1000.0, 4000.0]


def closed_form(kind, p, e):
    """The documented formulae, one energy at a time."""
    if kind == "PowerLaw":
        return p[0] * math.pow(e / p[2], p[1])
    if kind == "PowerLaw2":
        g = p[1] + 1
        return p[0] * g * e ** p[1] / (p[3] ** g - p[2] ** g)
    if kind == "BrokenPowerLaw":
        return p[0] * (e / p[3]) ** (p[1] if e < p[3] else p[2])
    if kind == "BrokenPowerLaw2":
        a, b = p[1] + 1, p[2] + 1
        lower = (1 - (p[4] / p[3]) ** a) / a
        upper = ((p[5] / p[3]) ** b - 1) / b
        return p[0] / (p[3] * (lower + upper)) * (e / p[3]) ** (p[1] if e < p[3] else p[2])
    if kind == "SmoothBrokenPowerLaw":
        return p[0] * (e / p[2]) ** p[1] * (1 + (e / p[4]) ** ((p[1] - p[3]) / p[5])) ** -p[5]
    if kind == "LogParabola":
        return p[0] * (e / p[3]) ** -(p[1] + p[2] * math.log(e / p[3]))
    if kind == "PLSuperExpCutoff":
        return p[0] * (e / p[2]) ** p[1] * math.exp(-((e / p[3]) ** p[4]))
    if kind == "PLSuperExpCutoff2":
        return p[0] * (e / p[2]) ** p[1] * math.exp(-p[3] * e ** p[4])
    if kind == "PLSuperExpCutoff3":
        x = e / p[2]
        return p[0] * x ** (p[1] + p[3] * p[4]) * math.exp(p[3] * (1 - x ** p[4]))
    if kind == "PLSuperExpCutoff4":
        x = e / p[2]
        return p[0] * x ** (p[1] + p[3] / p[4]) * math.exp(p[3] / p[4] ** 2 * (1 - x ** p[4]))
    if kind == "ExpCutoff":
        value = p[0] * (e / p[2]) ** p[1]
        if e > p[3]:
            x = math.log(e / p[3])
            value *= math.exp(-((e - p[3]) / p[4] + p[5] * x + p[6] * x * x))
        return value
    if kind == "BPLExpCutoff":
        value = p[0] * (e / p[3]) ** (p[1] if e < p[3] else p[2])
        return value * (math.exp(-(e - p[4]) / p[5]) if e > p[4] else 1)
    if kind == "ConstantValue":
        return p[0]
    return p[0] / (p[2] * math.sqrt(2 * math.pi)) * math.exp(-(((e - p[1]) / p[2]) ** 2) / 2)


@pytest.mark.parametrize("kind", CASES)
def test_values(kind):
    expected = [closed_form(kind, CASES[kind], e) for e in E]
    np.testing.assert_allclose(form(kind).value(np.array(CASES[kind]), E), expected, rtol=1e-12)


def check_gradient(spectrum, p, e):
    p = np.asarray(p, "f8")
    gradient = spectrum.gradient(p, e)
    assert gradient.shape == (len(spectrum.parameters), len(e))
    for number in range(len(p)):
        step = max(abs(p[number]), 1e-3) * 1e-4

        def at(steps, number=number, step=step):
            moved = p.copy()
            moved[number] += steps * step
            return spectrum.value(moved, e)

        # five points: the error goes with the fourth power of the step
        numeric = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)
        size = np.abs(spectrum.value(p, e)) / max(abs(p[number]), 1e-3)
        difference = np.abs(gradient[number] - numeric)
        assert np.all(difference <= 1e-6 * np.abs(numeric) + 1e-7 * size), number


@pytest.mark.parametrize("kind", CASES)
def test_gradients(kind):
    # far beyond a cut-off the numerical derivative is worth nothing
    check_gradient(form(kind), CASES[kind], E[E < 1e5])


def test_all_kinds_are_tested():
    assert set(KINDS) == {*CASES, "PiecewisePowerLaw", "FileFunction"}


def test_piecewise():
    spectrum = form("PiecewisePowerLaw", 4)
    assert piecewise_nodes(spectrum.parameters) == 4
    p = np.array(PIECEWISE)
    nodes = spectrum.value(p, p[6:])
    np.testing.assert_allclose(nodes, 2e-9 * np.array([1, 0.3, 0.05, 0.002]), rtol=1e-12)
    middle = spectrum.value(p, np.array([math.sqrt(300.0 * 1000.0)]))[0]
    assert middle == pytest.approx(2e-9 * math.sqrt(0.3 * 0.05), rel=1e-12)
    outside = spectrum.value(p, np.array([50.0, 8000.0]))
    np.testing.assert_allclose(outside, [2e-9 * 0.5**-1.5, 4e-12 * 2**-3.1], rtol=1e-12)
    check_gradient(spectrum, p, E)


def test_super_cutoff4_without_curvature_is_a_log_parabola():
    # Index2 → 0: dN/dE = K x^(Γ - d/2 ln x) (4FGL-DR3 paper, equation 3)
    p = np.array([1e-11, -2.2, 1200.0, 0.26, 0.0])
    expected = form("LogParabola").value(np.array([1e-11, 2.2, 0.13, 1200.0]), E)
    np.testing.assert_allclose(form("PLSuperExpCutoff4").value(p, E), expected, rtol=1e-12)
    assert np.all(np.isfinite(form("PLSuperExpCutoff4").gradient(p, E)))


def test_super_cutoff4_series_joins_the_formula():
    p = np.array([1.0, -2.0, 1000.0, 0.6, 0.7])
    for energy in 1000 * np.exp(np.array([-1.0001, -0.9999, 0.9999, 1.0001]) * 1e-2 / 0.7):
        value = form("PLSuperExpCutoff4").value(p, np.array([energy]))[0]
        assert value == pytest.approx(closed_form("PLSuperExpCutoff4", p, energy), rel=1e-10)
    check_gradient(form("PLSuperExpCutoff4"), p, np.array([500.0, 998.0, 1003.0, 2000.0]))


@pytest.mark.parametrize("index", [-1.0, -1.0000001, -0.999999, -2.0])
def test_integral_forms_hold_their_integral(index):
    p = [3e-8, index, 100.0, 1e5]
    assert integral(form("PowerLaw2"), p, 100.0, 1e5) == pytest.approx(3e-8, rel=1e-9)
    check_gradient(form("PowerLaw2"), p, E)
    for limits in ((100.0, 1e5), (100.0, 900.0), (3000.0, 1e5)):
        broken = [4e-8, index, -2.4, 1000.0, *limits]
        assert integral(form("BrokenPowerLaw2"), broken, *limits) == pytest.approx(4e-8, rel=1e-9)
        check_gradient(form("BrokenPowerLaw2"), broken, E)


def test_table():
    spectrum = tabulated(np.array([10.0, 100.0, 1e4]), np.array([1e-3, 1e-5, 1e-9]))
    value = spectrum.value(np.array([2.0]), np.array([10.0, 1000.0]))
    np.testing.assert_allclose(value, [2e-3, 2e-7], rtol=1e-12)
    assert spectrum.gradient(np.array([2.0]), np.array([1000.0]))[0, 0] == pytest.approx(1e-7)
    with pytest.raises(InputError, match="the table has 10 to 10000 MeV"):
        spectrum.value(np.array([1.0]), np.array([5.0]))
    with pytest.raises(InputError, match="increase"):
        tabulated(np.array([1.0, 1.0]), np.array([1.0, 1.0]))
    with pytest.raises(InputError, match="positive"):
        tabulated(np.array([1.0, 2.0]), np.array([1.0, 0.0]))


def test_unknown_kind_lists_those_known():
    with pytest.raises(InputError, match=r"unknown spectral type 'PowerLaws'.*PLSuperExpCutoff4"):
        form("PowerLaws")
