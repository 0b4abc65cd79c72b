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

MANY_ROWS = 2000
"""map planes from which fewer groups of blocks, hence threads, share the store of their sums"""


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

    def sorted_entries(self, pixels: int) -> tuple[Array, Array, Array, Array]:
        """Entries by pixel, and where those of each block start."""
        from latsky.fit.kernel import BLOCK

        order = np.lexsort((self.rows, self.pixels))
        rows, places = self.rows[order], self.pixels[order]
        blocks = (pixels + BLOCK - 1) // BLOCK
        starts = np.searchsorted(places, np.arange(blocks + 1) * BLOCK)
        values = self.values[order].astype("f4")
        return starts.astype("i8"), rows.astype("i8"), places.astype("i8"), values


NO_ENTRIES = SparseMaps(np.zeros(0, int), np.zeros(0, int), np.zeros(0, "f4"))


@dataclass
class ComponentData:
    """One binning component, as the fit sees it.

    Attributes
    ----------
    counts : (bins, pixels) float32
    sources : those with maps here: first whole-sky ones, then local ones
    maps : (rows, pixels) float32
        Planes of the whole-sky sources in their order, counts/MeV/pixel; may be mapped from a
        file.
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

    @property
    def rows(self) -> int:
        """Planes of all sources."""
        return sum(source.planes for source in self.sources)


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
    """Where the sources of a component are, worked out once."""

    terms: tuple[SourceTerm, ...]
    slices: tuple[slice, ...]
    first: Array
    last: Array
    entries: tuple[Array, Array, Array, Array]


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
            self._layout(component, terms | {own.name: own for own in component.terms})
            for component in self.components
        ]

    @staticmethod
    def _layout(component: ComponentData, terms: dict[str, SourceTerm]) -> _Layout:
        pixels = component.counts.shape[1]
        found, slices, bands, start = [], [], [], 0
        for maps in component.sources:
            if maps.name not in terms:
                raise ValueError(f"{component.name}: {maps.name} is not in the model")
            found.append(terms[maps.name])
            slices.append(slice(start, start + maps.planes))
            bands.append(maps.operator.band())
            start += maps.planes
        dense = len(component.maps)
        if dense > start or (dense and component.maps.shape[1] != pixels):
            raise ValueError(f"{component.name}: maps have shape {component.maps.shape}")
        nothing = np.zeros(0, int)
        return _Layout(
            tuple(found),
            tuple(slices),
            np.concatenate([nothing, *(band[0] for band in bands)]),
            np.concatenate([nothing, *(band[1] for band in bands)]),
            component.sparse.sorted_entries(pixels),
        )

    def _spectra(
        self, component: ComponentData, layout: _Layout, values: Array
    ) -> list[tuple[Array, Array]]:
        return [
            term.spectrum(maps.operator.nodes, values[list(term.parameters)])
            for term, maps in zip(layout.terms, component.sources, strict=True)
        ]

    @staticmethod
    def _transfer(component: ComponentData, spectra: list[tuple[Array, Array]]) -> Array:
        none = np.zeros((len(component.counts), 0))
        parts = [
            maps.operator.transfer(spectrum)
            for maps, (spectrum, _) in zip(component.sources, spectra, strict=True)
        ]
        return np.concatenate([none, *parts], axis=1)

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
            for maps, term, rows, (_, derivatives) in zip(
                component.sources, layout.terms, layout.slices, spectra, strict=True
            ):
                if term.parameters:
                    by_node = maps.operator.adjoint(sums[:, rows])
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
        from latsky.fit.kernel import likelihood_pass

        none = np.zeros((len(component.counts), 0), np.float32)
        return likelihood_pass(
            component.maps,
            self._transfer(component, spectra),
            layout.first,
            layout.last,
            layout.entries,
            none if component.fixed is None else component.fixed,
            component.counts,
            none if component.weights is None else component.weights,
            64 if component.rows < MANY_ROWS else 16,
            want_sums,
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
            for maps, term, rows in zip(
                component.sources, layout.terms, layout.slices, strict=True
            ):
                places = list(term.parameters)
                if not places:
                    continue
                by_node = maps.operator.adjoint(sums[:, rows])

                def slopes(change: Array, maps=maps, term=term, places=places, by_node=by_node):
                    there = term.spectrum(maps.operator.nodes, values[places] + change)[1]
                    return there @ by_node

                second = np.array(
                    [
                        (slopes(change) - slopes(-change)) / (2 * change.sum())
                        for change in np.diag(steps[places])
                    ]
                )
                curvature[np.ix_(places, places)] -= (second + second.T) / 2
        return curvature

    def _at(self, component: ComponentData) -> _Layout:
        return self._layouts[self.components.index(component)]

    def model(self, component: ComponentData, values: Array) -> Array:
        """Model counts (bins, pixels) of one component."""
        from latsky.fit.kernel import model_counts

        layout = self._at(component)
        spectra = self._spectra(component, layout, np.asarray(values, float))
        fixed = component.fixed
        if fixed is None:
            fixed = np.zeros((len(component.counts), 0), np.float32)
        return model_counts(
            component.maps,
            self._transfer(component, spectra),
            layout.first,
            layout.last,
            layout.entries,
            fixed,
            component.counts.shape[1],
        )

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
        values = np.asarray(values, float)
        total = dict.fromkeys((source.name for source in self.sources), 0.0)
        for component, layout in zip(self.components, self._layouts, strict=True):
            spectra = self._spectra(component, layout, values)
            transfer = self._transfer(component, spectra)
            if component.weights is None:
                sums = [maps.sums for maps in component.sources]
                by_row = (transfer * np.concatenate([np.zeros(0), *sums])).sum(axis=0)
            else:
                by_row = (transfer * self._weighted_sums(component)).sum(axis=0)
            for maps, rows in zip(component.sources, layout.slices, strict=True):
                total[maps.name] += float(by_row[rows].sum())
        return total

    @staticmethod
    def _weighted_sums(component: ComponentData) -> Array:
        """Σ_p w_kp M_row(p), (bins, rows)."""
        assert component.weights is not None
        dense = len(component.maps)
        sums = np.zeros((len(component.counts), component.rows))
        for low in range(0, component.counts.shape[1], 1 << 14):
            part = slice(low, low + (1 << 14))
            weights = component.weights[:, part].astype("f8")
            sums[:, :dense] += weights @ component.maps[:, part].astype("f8").T
        sparse = component.sparse
        for k, weights in enumerate(component.weights):
            np.add.at(sums[k], sparse.rows, weights[sparse.pixels] * sparse.values)
        return sums

    def information(self, values: Array, *, expected: bool = False) -> Array:
        """Fisher information (``size``, ``size``), curvature of spectra left out.

        Σ w n/m² ∂m ∂m with the observed counts, or Σ w/m ∂m ∂m with the expected ones: positive
        semi-definite, and the covariance of the fit by its inverse.
        """
        from latsky.fit.kernel import information_pass

        values = np.asarray(values, float)
        information = np.zeros((self.size, self.size))
        for component, layout in zip(self.components, self._layouts, strict=True):
            spectra = self._spectra(component, layout, values)
            places: list[int] = []
            owner: list[int] = []
            slopes: list[Array] = []
            planes = max((maps.planes for maps in component.sources), default=0)
            for maps, term, rows, (_, derivatives) in zip(
                component.sources, layout.terms, layout.slices, spectra, strict=True
            ):
                for place, derivative in zip(term.parameters, derivatives, strict=True):
                    places.append(place)
                    owner.append(rows.start)
                    slope = np.zeros((len(component.counts), planes))
                    slope[:, : maps.planes] = maps.operator.transfer(derivative)
                    slopes.append(slope)
            if not places:
                continue
            none = np.zeros((len(component.counts), 0), np.float32)
            part = information_pass(
                component.maps,
                self._transfer(component, spectra),
                layout.first,
                layout.last,
                layout.entries,
                none if component.fixed is None else component.fixed,
                component.counts,
                none if component.weights is None else component.weights,
                np.stack(slopes),
                np.array(owner),
                expected,
            )
            information[np.ix_(places, places)] += part
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


def map_sums(maps: Array) -> Array:
    """Sum over pixels of every row, in double precision, block by block."""
    sums = np.zeros(len(maps))
    for low in range(0, maps.shape[1], 1 << 16):
        sums += maps[:, low : low + (1 << 16)].sum(axis=1, dtype=np.float64)
    return sums
