"""The kernel against direct sums, the gradient against differences, the fit against toys."""

import numpy as np
import pytest

from latsky.fit.likelihood import (
    ComponentData,
    JointLikelihood,
    Restricted,
    SourceMaps,
    SourceTerm,
    SparseMaps,
    places,
    put_row,
    store_shape,
)
from latsky.fit.minimise import fit
from latsky.fit.operators import from_matrix, quadrature, trapezoid
from latsky.fit.parameters import FreeParameter, free_parameters, source_terms, with_values
from latsky.fits.source_model import Model, Parameter, Source, SourceModel

ENERGIES = np.geomspace(100.0, 1000.0, 5)


def power_law(norm: float, index: float, *, free_index: bool = True) -> Model:
    return Model(
        "PowerLaw",
        (
            Parameter("Prefactor", norm, 1e-3, 1e-3, 1e3, True),
            Parameter("Index", index, -1.0, -1.0, 5.0, free_index),
            Parameter("Scale", 300.0),
        ),
    )


def small_model() -> SourceModel:
    spatial = Model("ConstantValue", (Parameter("Value", 1.0),))
    return SourceModel(
        (
            Source("wide", "DiffuseSource", power_law(2.0, 1.5), spatial),
            Source("steep", "DiffuseSource", power_law(1.0, 2.5), spatial),
            Source("held", "DiffuseSource", power_law(0.5, 2.0, free_index=False), spatial),
        )
    )


def store(rows: np.ndarray) -> np.ndarray:
    """Rows (rows, pixels) of sources, all with as many planes, as the fit keeps them."""
    maps = np.zeros(store_shape(*rows.shape), "f4")
    for place, row in zip(
        places([len(ENERGIES)] * (len(rows) // len(ENERGIES))), rows, strict=True
    ):
        put_row(maps, place, row)
    return maps


def plain_rows(data: ComponentData) -> np.ndarray:
    """Rows (rows, pixels) of whole-sky and local sources."""
    rows = np.zeros((len(data.sources) * len(ENERGIES), data.counts.shape[1]), "f4")
    order = places([len(ENERGIES)] * (data.maps.shape[1] // len(ENERGIES)))
    for row, place in zip(rows[: len(order)], order, strict=True):
        row[:] = data.maps[:, place].reshape(-1)[: len(row)]
    rows[data.sparse.rows, data.sparse.pixels] = data.sparse.values
    return rows


def component(
    seed: int,
    *,
    pixels: int = 1500,
    weights: bool = False,
    dispersed: bool = False,
    sparse: bool = False,
) -> ComponentData:
    """Three sources; dispersion leaves "held" alone, which can be a local source."""
    random = np.random.default_rng(seed)
    planes = len(ENERGIES)
    maps = random.uniform(0.1, 2.0, (3, planes, pixels)) * random.uniform(0.2, 3, (3, 1, pixels))
    integrate = quadrature(ENERGIES)
    disperse = random.dirichlet(np.ones(planes - 1), planes - 1) @ integrate
    operator = from_matrix(ENERGIES, disperse) if dispersed else trapezoid(ENERGIES)
    weight = random.uniform(0, 1, (planes - 1, pixels)).astype("f4") if weights else None
    if sparse:
        maps[2, :, random.permutation(pixels)[: pixels * 9 // 10]] = 0.0
    maps = maps.astype("f4")
    sums = maps.sum(axis=2, dtype="f8")
    rows = maps.reshape(3 * planes, pixels)
    entries = SparseMaps(np.zeros(0, int), np.zeros(0, int), np.zeros(0, "f4"))
    if sparse:
        plane, pixel = np.nonzero(maps[2])
        entries = SparseMaps(2 * planes + plane, pixel, maps[2][plane, pixel])
        rows = rows[: 2 * planes]
    names = ("wide", "steep", "held")
    operators = (operator, operator, trapezoid(ENERGIES))
    return ComponentData(
        f"c{seed}",
        random.poisson(2.0, (planes - 1, pixels)).astype("f4"),
        tuple(SourceMaps(*each) for each in zip(names, operators, sums, strict=True)),
        store(rows),
        entries,
        weight,
    )


def likelihood(*components: ComponentData) -> tuple[JointLikelihood, list[FreeParameter]]:
    model = small_model()
    parameters = free_parameters(model)
    return JointLikelihood(components, source_terms(model, parameters), len(parameters)), parameters


def direct(data: ComponentData, terms: list[SourceTerm], values: np.ndarray) -> tuple:
    """ln L and model by plain sums, pixel by pixel of the definition."""
    planes = len(ENERGIES)
    rows = plain_rows(data).astype("f8")
    model = np.zeros(data.counts.shape)
    for number, (term, maps) in enumerate(zip(terms, data.sources, strict=True)):
        spectrum, _ = term.spectrum(ENERGIES, values[list(term.parameters)])
        matrix = np.zeros((planes - 1, planes))
        operator = maps.operator
        matrix[operator.bins, operator.planes] = operator.matrix.sum(axis=1)
        for k in range(len(data.counts)):
            for j in range(planes):
                model[k] += matrix[k, j] * spectrum[j] * rows[number * planes + j]
    weight = np.ones_like(model) if data.weights is None else data.weights
    return float((weight * (data.counts * np.log(model) - model)).sum()), model


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("dispersed", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
def test_value_is_the_direct_sum(weights: bool, dispersed: bool, sparse: bool) -> None:
    data = component(1, weights=weights, dispersed=dispersed, sparse=sparse)
    joint, parameters = likelihood(data)
    values = np.array([p.value for p in parameters]) * 1.1
    expected, model = direct(data, joint.sources, values)
    found = joint.evaluate(values)
    assert found.log_likelihood == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(found.predicted["c1"], model.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(joint.model(data, values), model, rtol=1e-12)
    by_source = joint.source_counts(data, values)
    np.testing.assert_allclose(sum(by_source.values()), model.sum(axis=1), rtol=1e-6)
    weight = 1.0 if data.weights is None else data.weights
    total = sum(joint.weighted_counts(values).values())
    assert total == pytest.approx((weight * model).sum(), rel=1e-6)


def test_gradient_is_the_slope() -> None:
    joint, parameters = likelihood(
        component(1, weights=True, dispersed=True, sparse=True), component(2)
    )
    values = np.array([p.value for p in parameters])
    gradient = joint.evaluate(values).gradient
    for n in range(len(values)):
        step = 1e-5 * abs(values[n])
        high, low = values.copy(), values.copy()
        high[n] += step
        low[n] -= step
        slope = (
            joint.evaluate(high, gradient=False).log_likelihood
            - joint.evaluate(low, gradient=False).log_likelihood
        ) / (2 * step)
        assert gradient[n] == pytest.approx(slope, rel=1e-5, abs=1e-3)


def test_information_is_the_curvature_of_linear_parameters() -> None:
    joint, parameters = likelihood(component(3, pixels=9000, dispersed=True, sparse=True))
    values = np.array([p.value for p in parameters])
    information = joint.information(values)
    linear = [n for n, p in enumerate(parameters) if p.name == "Prefactor"]
    for n in linear:
        high, low = values.copy(), values.copy()
        step = 1e-4 * values[n]
        high[n] += step
        low[n] -= step
        slope = (joint.evaluate(low).gradient - joint.evaluate(high).gradient) / (2 * step)
        np.testing.assert_allclose(information[n, linear], slope[linear], rtol=1e-5)


def test_curvature_is_the_slope_of_the_gradient() -> None:
    """Of all parameters, indices among them, away from the maximum."""
    joint, parameters = likelihood(component(3, weights=True, dispersed=True), component(4))
    values = np.array([p.value for p in parameters]) * 1.05
    found = joint.curvature(values)
    np.testing.assert_array_equal(found, found.T)
    for n in range(len(values)):
        high, low = values.copy(), values.copy()
        step = 1e-4 * values[n]
        high[n] += step
        low[n] -= step
        slope = (joint.evaluate(low).gradient - joint.evaluate(high).gradient) / (2 * step)
        np.testing.assert_allclose(found[n], slope, rtol=1e-4, atol=1e-5 * np.abs(found).max())


def test_threads_change_nothing() -> None:
    import numba

    joint, parameters = likelihood(component(4, pixels=5000, sparse=True))
    values = np.array([p.value for p in parameters])
    both = []
    before = numba.get_num_threads()
    try:
        for threads in (1, min(2, before)):
            numba.set_num_threads(threads)
            both.append(joint.evaluate(values))
    finally:
        numba.set_num_threads(before)
    assert both[0].log_likelihood == both[1].log_likelihood
    np.testing.assert_array_equal(both[0].gradient, both[1].gradient)


def test_fit_finds_the_truth_of_toys() -> None:
    """A hundred skies from the model: pulls of mean 0 and width 1, and how often 1 σ covers."""
    pulls = []
    data = component(5)
    joint, parameters = likelihood(data)
    truth = np.array([p.value for p in parameters])
    expected = joint.model(data, truth)
    random = np.random.default_rng(11)
    for _ in range(100):
        data.counts = random.poisson(expected).astype("f4")
        result = fit(joint, parameters, truth * random.uniform(0.7, 1.4, len(truth)))
        assert result.converged
        assert result.log_likelihood >= joint.evaluate(truth).log_likelihood
        pulls.append((result.values - truth) / result.errors)
    pulls = np.array(pulls)
    # of 100 toys a mean has a standard error of 0.1, a width one of 0.07, the coverage 0.047
    assert np.abs(pulls.mean(axis=0)).max() < 0.3
    assert 0.85 < pulls.std(axis=0).min() <= pulls.std(axis=0).max() < 1.15
    covered = (np.abs(pulls) < 1).mean(axis=0)
    assert np.abs(covered - 0.683).max() < 0.14


def test_limits_hold() -> None:
    """Without a photon everything goes to its lower limit; errors say how far up it could be."""
    data = component(6)
    joint, parameters = likelihood(data)
    norms = [n for n, p in enumerate(parameters) if p.name == "Prefactor"]
    data.counts = np.zeros_like(data.counts)
    start = np.array([p.value for p in parameters])
    result = fit(Restricted(joint, start, norms), [parameters[n] for n in norms])
    assert result.converged
    assert result.at_limit == tuple(parameters[n].key for n in norms)
    assert list(result.values) == [parameters[n].min for n in norms]
    assert not result.covariance.any()
    # without photons ln L = -counts, so an error is what brings half a count
    for n, error in zip(norms, result.errors, strict=True):
        counts = joint.source_counts(data, start)[parameters[n].source].sum()
        assert error == pytest.approx(0.5 * start[n] / counts, rel=1e-6)


def test_what_the_data_do_not_determine_is_named() -> None:
    """One map given twice, and a source without counts, leave the other parameters as they are."""
    plain = component(8)
    joint, parameters = likelihood(plain)
    expected = fit(joint, parameters)
    names, planes = [source.name for source in plain.sources], len(ENERGIES)
    rows = plain_rows(plain)
    twin, dark = (SourceMaps(name, trapezoid(ENERGIES), None) for name in ("twin", "dark"))
    held = plain.sources[names.index("held")]
    sums = (held.sums, np.zeros(planes))
    added = tuple(
        SourceMaps(each.name, each.operator, total)
        for each, total in zip((twin, dark), sums, strict=True)
    )
    data = ComponentData(
        plain.name,
        plain.counts,
        (*plain.sources, *added),
        store(np.concatenate([rows, rows[-planes:], np.zeros_like(rows[:planes])])),
    )
    model = small_model()
    spatial = model["held"].spatial
    fixed_index = power_law(0.5, 2.0, free_index=False)
    sources = [Source(name, "DiffuseSource", fixed_index, spatial) for name in ("twin", "dark")]
    model = SourceModel((*model.sources, *sources))
    wide = free_parameters(model)
    found = fit(JointLikelihood([data], source_terms(model, wide), len(wide)), wide)
    assert found.converged
    assert set(found.undetermined) == {f"{name}:Prefactor" for name in ("held", "twin", "dark")}
    assert all(any(key in text for text in found.warnings) for key in found.undetermined)
    keys = [p.key for p in wide]
    total = found.values[keys.index("held:Prefactor")] + found.values[keys.index("twin:Prefactor")]
    for n, parameter in enumerate(parameters):
        if parameter.source == "held":
            assert total == pytest.approx(expected.values[n], abs=0.01 * expected.errors[n])
            continue
        here = keys.index(parameter.key)
        assert found.values[here] == pytest.approx(
            expected.values[n], abs=0.01 * expected.errors[n]
        )
        assert found.errors[here] == pytest.approx(expected.errors[n], rel=1e-3)


def test_values_go_back_into_the_model() -> None:
    model = small_model()
    parameters = free_parameters(model)
    values = np.arange(1.0, len(parameters) + 1)
    fitted = with_values(model, parameters, values, values / 10)
    assert [p.value for p in free_parameters(fitted)] == list(values)
    assert fitted["steep"].spectrum["Prefactor"].error == pytest.approx(0.3)
    assert fitted["held"].spectrum["Index"].value == 2.0


def test_fit_of_some_parameters_holds_the_others() -> None:
    joint, parameters = likelihood(component(7))
    start = np.array([p.value for p in parameters])
    part = Restricted(joint, start, [0, 2])
    result = fit(part, [parameters[0], parameters[2]], start[[0, 2]])
    assert result.converged
    full = start.copy()
    full[[0, 2]] = result.values
    found = joint.evaluate(full)
    assert found.log_likelihood == pytest.approx(result.log_likelihood, rel=1e-12)
    assert np.abs(found.gradient[[0, 2]] * result.errors).max() < 0.05
