"""The joint likelihood of all binning components, its gradient and its Hessian.

Sources are templates times spectra. What a source contributes to a binning component is linear in
the values of its spectrum at the component's energy planes; those values alone depend on the
parameters. So the maps stay what they are, and everything that an evaluation needs from them is
formed in one pass (latsky.fit.kernel).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

Array = np.ndarray


def quadrature(energies: Array) -> Array:
    """Matrix (planes − 1, planes) that integrates dN/dE at the planes over the bins between them.

    Trapezoids of E·dN/dE over ln E, as the Fermitools' binned likelihood has it: exact for a
    power law of index −1 and, in bins of an eighth of a decade, within 0.3 % for indices 1 to 3.
    ``energies`` in MeV.
    """
    half = 0.5 * np.log(energies[1:] / energies[:-1])
    matrix = np.zeros((len(energies) - 1, len(energies)))
    index = np.arange(len(energies) - 1)
    matrix[index, index] = half * energies[:-1]
    matrix[index, index + 1] = half * energies[1:]
    return matrix


@dataclass(frozen=True)
class SourceTerm:
    """One source of the model.

    ``spectrum(energies, values)`` gives dN/dE-like factors at ``energies`` (MeV), shape (planes,),
    and their derivatives with respect to the source's free parameters, shape (free, planes), for
    the values of those parameters. ``parameters`` are their places in the joint vector.
    """

    name: str
    spectrum: Callable[[Array, Array], tuple[Array, Array]]
    parameters: tuple[int, ...] = ()
    disperse: bool = True
    """whether energy dispersion acts on this source"""


@dataclass
class ComponentData:
    """One binning component, as the fit sees it.

    Attributes
    ----------
    energies : (planes,) float64
        True energies of the map planes, MeV.
    counts : (bins, pixels) float32
    maps : (sources × planes, pixels) float32
        Source maps in the order of the sources, planes in order, counts/MeV/pixel; may be mapped
        from a file.
    integrate : (bins, planes) float64
        Bin integrals without energy dispersion.
    disperse : (bins, planes) float64
        The same with energy dispersion.
    weights : (bins, pixels) float32, or (bins, 0) for ones
    """

    name: str
    energies: Array
    counts: Array
    maps: Array
    integrate: Array
    disperse: Array
    weights: Array | None = None
    fixed: Array | None = None
    _bands: dict[bool, tuple[Array, Array]] = field(default_factory=dict, repr=False)

    @property
    def planes(self) -> int:
        """Number of energy planes."""
        return len(self.energies)

    def matrix(self, disperse: bool) -> Array:
        """Plane-to-bin matrix of a source."""
        return self.disperse if disperse else self.integrate

    def band(self, disperse: bool) -> tuple[Array, Array]:
        """First and one-past-last bin that each plane reaches."""
        if disperse not in self._bands:
            used = self.matrix(disperse) != 0.0
            any_used = used.any(axis=0)
            first = np.where(any_used, used.argmax(axis=0), 0)
            last = np.where(any_used, len(used) - used[::-1].argmax(axis=0), 0)
            self._bands[disperse] = (first, last)
        return self._bands[disperse]


@dataclass(frozen=True)
class Evaluation:
    """Value and derivatives of the log-likelihood at one point."""

    log_likelihood: float
    gradient: Array
    predicted: dict[str, Array]
    """model counts of each bin, by component, unweighted"""


class JointLikelihood:
    """ln L of the parameters of all sources, summed over binning components."""

    def __init__(
        self, components: Sequence[ComponentData], sources: Sequence[SourceTerm], size: int
    ) -> None:
        self.components = list(components)
        self.sources = list(sources)
        self.size = size
        for component in self.components:
            rows = len(self.sources) * component.planes
            if component.maps.shape != (rows, component.counts.shape[1]):
                raise ValueError(
                    f"{component.name}: maps have shape {component.maps.shape}, "
                    f"needed ({rows}, {component.counts.shape[1]})"
                )
        self._layout = [self._rows(component) for component in self.components]

    def _rows(self, component: ComponentData) -> tuple[Array, Array]:
        bands = [component.band(source.disperse) for source in self.sources]
        first = np.concatenate([band[0] for band in bands])
        last = np.concatenate([band[1] for band in bands])
        return first, last

    def _spectra(self, component: ComponentData, values: Array) -> list[tuple[Array, Array]]:
        return [
            source.spectrum(component.energies, values[list(source.parameters)])
            for source in self.sources
        ]

    def _transfer(self, component: ComponentData, spectra: list[tuple[Array, Array]]) -> Array:
        parts = [
            component.matrix(source.disperse) * spectrum
            for source, (spectrum, _) in zip(self.sources, spectra, strict=True)
        ]
        return np.concatenate(parts, axis=1)

    def evaluate(self, values: Array, *, gradient: bool = True) -> Evaluation:
        """ln L, its gradient (``size``,) and predicted counts at ``values`` (``size``,)."""
        from latsky.fit.kernel import likelihood_pass

        values = np.asarray(values, float)
        total = 0.0
        slope = np.zeros(self.size)
        predicted = {}
        for component, (first, last) in zip(self.components, self._layout, strict=True):
            spectra = self._spectra(component, values)
            bins = len(component.counts)
            none = np.zeros((bins, 0), np.float32)
            logs, counts, sums = likelihood_pass(
                component.maps,
                self._transfer(component, spectra),
                first,
                last,
                none if component.fixed is None else component.fixed,
                component.counts,
                none if component.weights is None else component.weights,
                gradient,
            )
            total += float(logs.sum())
            predicted[component.name] = counts
            if not gradient:
                continue
            for number, (source, (_, derivatives)) in enumerate(
                zip(self.sources, spectra, strict=True)
            ):
                if not source.parameters:
                    continue
                rows = slice(number * component.planes, (number + 1) * component.planes)
                by_plane = (component.matrix(source.disperse) * sums[:, rows]).sum(axis=0)
                np.add.at(slope, list(source.parameters), derivatives @ by_plane)
        return Evaluation(total, slope, predicted)

    def model(self, component: ComponentData, values: Array) -> Array:
        """Model counts (bins, pixels) of one component."""
        from latsky.fit.kernel import model_counts

        number = self.components.index(component)
        first, last = self._layout[number]
        transfer = self._transfer(component, self._spectra(component, np.asarray(values, float)))
        fixed = component.fixed
        if fixed is None:
            fixed = np.zeros((len(component.counts), 0), np.float32)
        return model_counts(component.maps, transfer, first, last, fixed)

    def source_counts(self, component: ComponentData, values: Array) -> Array:
        """Predicted counts (sources, bins) of each source in one component."""
        sums = map_sums(component.maps)
        out = np.zeros((len(self.sources), len(component.counts)))
        spectra = self._spectra(component, np.asarray(values, float))
        for number, (source, (spectrum, _)) in enumerate(zip(self.sources, spectra, strict=True)):
            rows = slice(number * component.planes, (number + 1) * component.planes)
            out[number] = component.matrix(source.disperse) @ (spectrum * sums[rows])
        return out

    def information(self, values: Array, *, expected: bool = False, chunk: int = 8192) -> Array:
        """Fisher information (``size``, ``size``), curvature of spectra left out.

        Σ w n/m² ∂m ∂m with the observed counts, or Σ w/m ∂m ∂m with the expected ones: positive
        semi-definite, and the covariance of the fit by its inverse.
        """
        values = np.asarray(values, float)
        information = np.zeros((self.size, self.size))
        free = [n for n, source in enumerate(self.sources) if source.parameters]
        for component in self.components:
            spectra = self._spectra(component, values)
            model = self.model(component, values)
            owners = [(n, a) for n in free for a in range(len(self.sources[n].parameters))]
            places = [self.sources[n].parameters[a] for n, a in owners]
            pixels = component.counts.shape[1]
            for low in range(0, pixels, chunk):
                piece = slice(low, min(low + chunk, pixels))
                block = np.asarray(component.maps[:, piece], np.float64)
                for k in range(len(component.counts)):
                    slopes = np.empty((len(owners), block.shape[1]))
                    for row, (n, a) in enumerate(owners):
                        coefficients = (
                            component.matrix(self.sources[n].disperse)[k] * spectra[n][1][a]
                        )
                        used = np.flatnonzero(coefficients)
                        slopes[row] = coefficients[used] @ block[n * component.planes + used]
                    m = model[k, piece]
                    if expected:
                        weight = np.divide(1.0, m, out=np.zeros_like(m), where=m > 0)
                    else:
                        n_counts = component.counts[k, piece]
                        weight = np.divide(n_counts, m * m, out=np.zeros_like(m), where=m > 0)
                    if component.weights is not None:
                        weight = weight * component.weights[k, piece]
                    part = (slopes * weight) @ slopes.T
                    information[np.ix_(places, places)] += part
        return information


def map_sums(maps: Array) -> Array:
    """Sum over pixels of every row, in double precision, block by block."""
    sums = np.zeros(len(maps))
    for low in range(0, maps.shape[1], 1 << 16):
        sums += maps[:, low : low + (1 << 16)].sum(axis=1, dtype=np.float64)
    return sums
