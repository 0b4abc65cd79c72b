"""The joint likelihood of all binning components, its gradient and its Hessian.

Sources are templates times spectra. What a source contributes to a binning component is linear in
the values of its spectrum at a set of energies; those values alone depend on the parameters. So the
maps stay what they are, and everything that an evaluation needs from them is formed in one pass
(latsky.fit.kernel).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from latsky.fit.operators import BinOperator

Array = np.ndarray


@dataclass(frozen=True)
class SourceTerm:
    """One source of the model.

    ``spectrum(energies, values)`` gives dN/dE-like factors at ``energies`` (MeV), shape (n,),
    and their derivatives with respect to the source's free parameters, shape (free, n), for
    the values of those parameters. ``parameters`` are their places in the joint vector.
    """

    name: str
    spectrum: Callable[[Array, Array], tuple[Array, Array]]
    parameters: tuple[int, ...] = ()


@dataclass(frozen=True)
class SourceMaps:
    """Maps of one source in one component: ``rows`` of the component's store."""

    name: str
    operator: BinOperator
    sums: Array
    """sum over the sky of each plane, (planes,)"""

    @property
    def planes(self) -> int:
        """Number of energy planes."""
        return len(self.sums)


@dataclass(frozen=True)
class SparseMaps:
    """Entries of local sources; rows count on from those of the whole-sky maps."""

    rows: Array
    pixels: Array
    values: Array


NO_ENTRIES = SparseMaps(np.zeros(0, int), np.zeros(0, int), np.zeros(0, "f4"))


def places(planes: Sequence[int]) -> Array:
    """Where the rows of sources with so many ``planes`` are in a store of maps.

    Rows of one plane lie together, in the order of the sources: a bin's rows are read in order.
    """
    plane = np.concatenate([np.zeros(0, int), *(np.arange(number) for number in planes)])
    found = np.empty(len(plane), int)
    found[np.argsort(plane, kind="stable")] = np.arange(len(plane))
    return found


def store_shape(rows: int, pixels: int) -> tuple[int, int, int]:
    """Shape of a store of maps: blocks of pixels, rows, pixels of a block."""
    from latsky.fit.kernel import BLOCK

    return (pixels + BLOCK - 1) // BLOCK, rows, BLOCK


def put_row(store: Array, place: int, values: Array) -> None:
    """Put a map (pixels,) into a store, zero until now."""
    blocks, _, size = store.shape
    whole = len(values) // size
    store[:whole, place] = values[: whole * size].reshape(whole, size)
    if whole < blocks:
        store[whole, place, : len(values) - whole * size] = values[whole * size :]


@dataclass
class ComponentData:
    """One binning component, as the fit sees it.

    Attributes
    ----------
    counts : (bins, pixels) float32
    sources : those with maps here: first whole-sky ones, then local ones
    maps : ``store_shape(rows, pixels)`` float32
        Planes of the whole-sky sources at their ``places``, counts/MeV/pixel; may be mapped from
        a file.
    sparse : entries of the local sources
    weights : (bins, pixels) float32, None for ones
    fixed : (bins, pixels) float32, None for none
        Model counts of the sources that are not in ``sources``.
    fixed_counts : their predicted counts by name, (bins,) each
    terms : sources whose spectrum is another one here than in the other components
    """

    name: str
    counts: Array
    sources: tuple[SourceMaps, ...]
    maps: Array
    sparse: SparseMaps = NO_ENTRIES
    weights: Array | None = None
    fixed: Array | None = None
    fixed_counts: dict[str, Array] = field(default_factory=dict)
    terms: tuple[SourceTerm, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """Value and derivatives of the log-likelihood at one point."""

    log_likelihood: float
    gradient: Array
    predicted: dict[str, Array]
    """model counts of each bin, by component, unweighted"""
    by_component: dict[str, float]
    """ln L of each component"""


@dataclass(frozen=True)
class _Layout:
    """Where everything of a component is, worked out once.

    Terms, the entries of the sources' operators, have natural numbers, source after source, and
    those of the kernel, which go by bins.
    """

    sources: tuple[SourceTerm, ...]
    slices: tuple[slice, ...]
    """natural numbers of each source's terms"""
    natural: Array
    """natural number of each of the kernel's terms"""
    terms: tuple[Array, Array]
    entries: tuple[Array, Array, Array, Array]
    dense: tuple[Array, Array, Array]
    segments: tuple[Array, Array, Array]

    def join(self, parts: Sequence[Array]) -> Array:
        """Numbers of the sources' terms in the kernel's order."""
        return np.concatenate([np.zeros(0), *parts])[self.natural]

    def split(self, joined: Array) -> list[Array]:
        """Numbers of the kernel's terms by source."""
        by_source = np.empty(len(joined))
        by_source[self.natural] = joined
        return [by_source[part] for part in self.slices]


def _layout(component: ComponentData, terms: dict[str, SourceTerm]) -> _Layout:
    bins, pixels = component.counts.shape
    found, slices, numbers, rows, owners = [], [], [], [], []
    row, start = 0, 0
    for number, maps in enumerate(component.sources):
        if maps.name not in terms:
            raise ValueError(f"{component.name}: {maps.name} is not in the model")
        found.append(terms[maps.name])
        operator = maps.operator
        slices.append(slice(start, start + len(operator.bins)))
        numbers.append(operator.bins)
        rows.append(operator.planes + row)
        owners.append(np.full(len(operator.bins), number))
        start += len(operator.bins)
        row += maps.planes
    nothing = np.zeros(0, int)
    bin_of, row_of, owner = (np.concatenate([nothing, *p]) for p in (numbers, rows, owners))
    whole = component.maps.shape[1]
    if component.maps.shape != store_shape(whole, pixels):
        raise ValueError(f"{component.name}: maps have shape {component.maps.shape}")
    planes, many = [], 0
    while sum(planes) < whole and many < len(component.sources):
        planes.append(component.sources[many].planes)
        many += 1
    if sum(planes) != whole:
        raise ValueError(f"{component.name}: {whole} rows are not those of whole-sky sources")
    dense = np.flatnonzero(row_of < whole)
    place = places(planes)[row_of[dense]]
    local = np.flatnonzero(row_of >= whole)
    local = local[np.lexsort((row_of[local], bin_of[local]))]
    by_bin = np.lexsort((place, bin_of[dense]))
    by_owner = np.lexsort((place, owner[dense], bin_of[dense]))
    natural = np.concatenate([dense[by_bin], local])
    starts = np.searchsorted(bin_of[dense[by_bin]], np.arange(bins + 1))
    cells = (bin_of * many + owner)[dense[by_owner]]
    entries, segments = _entries(component, row_of, bin_of, owner, natural, len(dense))
    return _Layout(
        tuple(found),
        tuple(slices),
        natural,
        (starts, place[by_bin]),
        entries,
        (np.searchsorted(cells, np.arange(bins * many + 1)), dense[by_owner], place[by_owner]),
        segments,
    )


def _entries(
    component: ComponentData,
    row_of: Array,
    bin_of: Array,
    owner: Array,
    natural: Array,
    first: int,
) -> tuple[tuple[Array, Array, Array, Array], tuple[Array, Array, Array]]:
    """Entries of local sources by block, bin and term; where those of each source begin.

    ``first`` is the number of the kernel's first term of a local source.
    """
    bins, pixels = component.counts.shape
    blocks, _, size = store_shape(0, pixels)
    sparse = component.sparse
    # every entry once for each term of its row
    by_row = first + np.argsort(row_of[natural[first:]], kind="stable")
    sorted_rows = row_of[natural[by_row]]
    low = np.searchsorted(sorted_rows, sparse.rows, "left")
    times = np.searchsorted(sorted_rows, sparse.rows, "right") - low
    entry = np.repeat(np.arange(len(sparse.rows)), times)
    within = np.arange(len(entry)) - np.repeat(np.cumsum(times) - times, times)
    term = by_row[np.repeat(low, times) + within] if len(entry) else entry
    pixel = np.asarray(sparse.pixels)[entry]
    cell = pixel // size * bins + bin_of[natural[term]]
    order = np.lexsort((pixel, term, cell))
    entry, term, pixel, cell = entry[order], term[order], pixel[order], cell[order]
    source = owner[natural[term]]
    new = np.ones(len(entry), bool)
    new[1:] = (cell[1:] != cell[:-1]) | (source[1:] != source[:-1])
    begin = np.flatnonzero(new)
    numbers = np.arange(blocks * bins + 1)
    entries = (
        np.searchsorted(cell, numbers),
        term.astype("i4"),
        (pixel % size).astype("i2"),
        np.asarray(sparse.values)[entry].astype("f4"),
    )
    segments = (np.searchsorted(cell[begin], numbers), source[begin], np.append(begin, len(entry)))
    return entries, segments


class JointLikelihood:
    """ln L of the parameters of all sources, summed over binning components."""

    def __init__(
        self, components: Sequence[ComponentData], sources: Sequence[SourceTerm], size: int
    ) -> None:
        self.components = list(components)
        self.sources = list(sources)
        self.size = size
        terms = {source.name: source for source in sources}
        self._layouts = [
            _layout(component, terms | {own.name: own for own in component.terms})
            for component in self.components
        ]

    def _spectra(
        self, component: ComponentData, layout: _Layout, values: Array
    ) -> list[tuple[Array, Array]]:
        return [
            term.spectrum(maps.operator.nodes, values[list(term.parameters)])
            for term, maps in zip(layout.sources, component.sources, strict=True)
        ]

    @staticmethod
    def _factors(
        component: ComponentData, layout: _Layout, spectra: list[tuple[Array, Array]]
    ) -> Array:
        """Factors of the kernel's terms."""
        return layout.join(
            [
                maps.operator.factors(spectrum)
                for maps, (spectrum, _) in zip(component.sources, spectra, strict=True)
            ]
        )

    def evaluate(self, values: Array, *, gradient: bool = True) -> Evaluation:
        """ln L, its gradient (``size``,) and predicted counts at ``values`` (``size``,)."""
        values = np.asarray(values, float)
        total = 0.0
        slope = np.zeros(self.size)
        predicted, by_component = {}, {}
        for component, layout in zip(self.components, self._layouts, strict=True):
            spectra = self._spectra(component, layout, values)
            logs, counts, sums = self._pass(component, layout, spectra, want_sums=gradient)
            by_component[component.name] = float(logs.sum())
            total += by_component[component.name]
            predicted[component.name] = counts
            if not gradient:
                continue
            for maps, term, own, (_, derivatives) in zip(
                component.sources, layout.sources, layout.split(sums), spectra, strict=True
            ):
                if term.parameters:
                    by_node = maps.operator.adjoint(own)
                    np.add.at(slope, list(term.parameters), derivatives @ by_node)
        return Evaluation(total, slope, predicted, by_component)

    def _pass(
        self,
        component: ComponentData,
        layout: _Layout,
        spectra: list[tuple[Array, Array]],
        *,
        want_sums: bool,
    ) -> tuple[Array, Array, Array]:
        """ln L and model counts by bin, and the sums that the gradient needs."""
        from latsky.fit.kernel import groups_for, likelihood_pass

        factors = self._factors(component, layout, spectra)
        groups = groups_for(len(component.maps), len(factors))
        return likelihood_pass(
            *self._model_arguments(component, layout, factors), groups, want_sums
        )

    @staticmethod
    def _model_arguments(component: ComponentData, layout: _Layout, factors: Array) -> tuple:
        """What the kernel's passes have in common."""
        none = np.zeros((len(component.counts), 0), np.float32)
        return (
            component.maps,
            layout.terms,
            factors,
            layout.entries,
            none if component.fixed is None else component.fixed,
            component.counts,
            none if component.weights is None else component.weights,
        )

    def curvature(self, values: Array) -> Array:
        """−∂² ln L, (``size``, ``size``): the observed information, curvature of spectra included.

        Second derivatives of spectra are differences of first ones, a hundredth of a parameter's
        error apart; the maps are passed over once for the information and once for the slopes.
        """
        values = np.asarray(values, float)
        curvature = self.information(values)
        diagonal = np.diag(curvature)
        sizes = np.divide(
            1.0, np.sqrt(diagonal), out=np.full(len(diagonal), 1.0), where=diagonal > 0
        )
        steps = 0.01 * np.minimum(sizes, np.maximum(np.abs(values), 0.01))
        for component, layout in zip(self.components, self._layouts, strict=True):
            spectra = self._spectra(component, layout, values)
            _, _, sums = self._pass(component, layout, spectra, want_sums=True)
            for maps, term, own in zip(
                component.sources, layout.sources, layout.split(sums), strict=True
            ):
                where = list(term.parameters)
                if not where:
                    continue
                by_node = maps.operator.adjoint(own)

                def slopes(change: Array, maps=maps, term=term, where=where, by_node=by_node):
                    there = term.spectrum(maps.operator.nodes, values[where] + change)[1]
                    return there @ by_node

                second = np.array(
                    [
                        (slopes(change) - slopes(-change)) / (2 * change.sum())
                        for change in np.diag(steps[where])
                    ]
                )
                curvature[np.ix_(where, where)] -= (second + second.T) / 2
        return curvature

    def _at(self, component: ComponentData) -> _Layout:
        return self._layouts[self.components.index(component)]

    def model(self, component: ComponentData, values: Array) -> Array:
        """Model counts (bins, pixels) of one component."""
        from latsky.fit.kernel import model_counts

        layout = self._at(component)
        spectra = self._spectra(component, layout, np.asarray(values, float))
        factors = self._factors(component, layout, spectra)
        *shared, counts, _ = self._model_arguments(component, layout, factors)
        return model_counts(*shared, counts.shape[1])

    def source_counts(self, component: ComponentData, values: Array) -> dict[str, Array]:
        """Predicted counts (bins,) of each source in one component, fixed ones included."""
        layout = self._at(component)
        spectra = self._spectra(component, layout, np.asarray(values, float))
        found = {
            maps.name: maps.operator.transfer(spectrum) @ maps.sums
            for maps, (spectrum, _) in zip(component.sources, spectra, strict=True)
        }
        return found | component.fixed_counts

    def weighted_counts(self, values: Array) -> dict[str, float]:
        """Predicted counts × likelihood weight of each free source, over all components."""
        from latsky.fit.kernel import weighted_sums

        values = np.asarray(values, float)
        total = dict.fromkeys((source.name for source in self.sources), 0.0)
        for component, layout in zip(self.components, self._layouts, strict=True):
            spectra = self._spectra(component, layout, values)
            if component.weights is None:
                for maps, (spectrum, _) in zip(component.sources, spectra, strict=True):
                    counts = maps.operator.transfer(spectrum) @ maps.sums
                    total[maps.name] += float(counts.sum())
                continue
            sums = weighted_sums(
                component.maps, layout.terms, len(layout.natural), layout.entries, component.weights
            )
            for maps, own, (spectrum, _) in zip(
                component.sources, layout.split(sums), spectra, strict=True
            ):
                total[maps.name] += float(maps.operator.factors(spectrum) @ own)
        return total

    def information(self, values: Array, *, expected: bool = False) -> Array:
        """Fisher information (``size``, ``size``), curvature of spectra left out.

        Σ w n/m² ∂m ∂m with the observed counts, or Σ w/m ∂m ∂m with the expected ones: positive
        semi-definite, and the covariance of the fit by its inverse.
        """
        from latsky.fit.kernel import groups_for, information_pass

        values = np.asarray(values, float)
        information = np.zeros((self.size, self.size))
        for component, layout in zip(self.components, self._layouts, strict=True):
            spectra = self._spectra(component, layout, values)
            where = [n for term in layout.sources for n in term.parameters]
            if not where:
                continue
            most = max(part.stop - part.start for part in layout.slices)
            slopes, number = np.zeros((len(where), most)), 0
            for maps, (_, derivatives) in zip(component.sources, spectra, strict=True):
                for derivative in derivatives:
                    own = maps.operator.factors(derivative)
                    slopes[number, : len(own)] = own
                    number += 1
            counts = [0, *(len(term.parameters) for term in layout.sources)]
            part = information_pass(
                *self._model_arguments(
                    component, layout, self._factors(component, layout, spectra)
                ),
                groups_for(len(component.maps), slopes.shape[0] ** 2),
                (np.array([part.start for part in layout.slices]), np.cumsum(counts)),
                layout.dense,
                layout.segments,
                layout.natural,
                slopes,
                expected,
            )
            information[np.ix_(where, where)] += part
        return information


class Restricted:
    """The likelihood as a function of some parameters, the others held at ``values``."""

    def __init__(self, likelihood: JointLikelihood, values: Array, active: Sequence[int]) -> None:
        self.likelihood = likelihood
        self.values = np.asarray(values, float).copy()
        self.active = np.asarray(active, int)

    def _full(self, x: Array) -> Array:
        full = self.values.copy()
        full[self.active] = x
        return full

    def evaluate(self, x: Array, *, gradient: bool = True) -> Evaluation:
        """As ``JointLikelihood.evaluate``, for the active parameters."""
        found = self.likelihood.evaluate(self._full(x), gradient=gradient)
        return replace(found, gradient=found.gradient[self.active])

    def information(self, x: Array) -> Array:
        """As ``JointLikelihood.information``, for the active parameters."""
        return self.likelihood.information(self._full(x))[np.ix_(self.active, self.active)]

    def curvature(self, x: Array) -> Array:
        """As ``JointLikelihood.curvature``, for the active parameters."""
        return self.likelihood.curvature(self._full(x))[np.ix_(self.active, self.active)]
