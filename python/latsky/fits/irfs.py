"""Instrument response functions of the LAT: effective area, PSF and energy dispersion.

Tables of CALDB (OGIP memo CAL/GEN/92-019) hold values or parameters at bins of true energy and
cos(theta), theta being the angle from the LAT's z axis. As the Fermitools do, functions (not
parameters) are interpolated bilinearly in log10(E) and cos(theta) between bin centres, and are
constant outside of the outermost centres. Energies are in MeV, angles in radians unless a name says
otherwise, areas in cm².
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from latsky.errors import InputError
from latsky.fits import caldb as cal
from latsky.fits.core import Table, read_table

_SPHERE_BELOW = 120.0
"""MeV; below, PSFs are so wide that the Fermitools integrate them on the sphere"""
_LOG_E_LOW, _LOG_E_HIGH = 0.0, 10.0
"""log10(E/MeV) of the nodes the Fermitools put before the first and after the last bin"""


@dataclass(frozen=True)
class Axes:
    """Bins of an IRF table: ``log_energy`` (nE+1,) edges of log10(E/MeV), ``cos_theta`` (nC+1,)."""

    log_energy: np.ndarray
    cos_theta: np.ndarray
    log_energy_centers: np.ndarray
    cos_theta_centers: np.ndarray


def _cell(table: Table, name: str) -> np.ndarray:
    values = table[name]
    if len(values) < 1:
        raise InputError("empty table", file=table.path, key=str(table.header.get("EXTNAME", name)))
    return values[0].astype("f8").ravel()


def _axes(table: Table) -> Axes:
    low, high = _cell(table, "ENERG_LO"), _cell(table, "ENERG_HI")
    bottom, top = _cell(table, "CTHETA_LO"), _cell(table, "CTHETA_HI")
    return Axes(
        np.log10(np.append(low, high[-1])),
        np.append(bottom, top[-1]),
        np.log10(np.sqrt(low * high)),
        (bottom + top) / 2,
    )


def _grid(table: Table, name: str, axes: Axes) -> np.ndarray:
    """One quantity as (nC, nE)."""
    values = _cell(table, name)
    shape = (len(axes.cos_theta_centers), len(axes.log_energy_centers))
    if values.size != shape[0] * shape[1]:
        raise InputError(f"{values.size} values for {shape} bins", file=table.path, key=name)
    return values.reshape(shape)


def _read(place: cal.Place) -> Table:
    return read_table(place.path, place.hdu)


def linear_weights(nodes: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower node and fraction of the way to the next, constant outside of the nodes."""
    x = np.clip(np.asarray(x, "f8"), nodes[0], nodes[-1])
    lower = np.clip(np.searchsorted(nodes, x, "right") - 1, 0, len(nodes) - 2)
    return lower, (x - nodes[lower]) / (nodes[lower + 1] - nodes[lower])


def weight_matrix(nodes: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Linear interpolation as a matrix (len(x), len(nodes)); rows sum to one."""
    lower, fraction = linear_weights(nodes, np.atleast_1d(x))
    matrix = np.zeros((len(lower), len(nodes)))
    rows = np.arange(len(lower))
    matrix[rows, lower] = 1 - fraction
    matrix[rows, lower + 1] += fraction
    return matrix


@dataclass(frozen=True)
class EffectiveArea:
    """Effective area of one event type."""

    axes: Axes
    area: np.ndarray
    """(nC, nE) cm²"""
    efficiency_parameters: np.ndarray | None
    """(2, 6); None when the table holds zeros: no correction"""
    phi_place: cal.Place | None = None
    """where the dependence on azimuth is, None for none"""

    @cached_property
    def phi_parameters(self) -> tuple[Axes, np.ndarray, np.ndarray] | None:
        """Bins and two (nC, nE) tables of the dependence on azimuth, read when first used."""
        if self.phi_place is None:
            return None
        table = _read(self.phi_place)
        axes = _axes(table)
        return axes, _grid(table, "PHIDEP0", axes), _grid(table, "PHIDEP1", axes)

    def value(self, energy: np.ndarray, cos_theta: np.ndarray) -> np.ndarray:
        """Area averaged over azimuth at ``energy`` (n,) MeV and ``cos_theta`` (m,): (n, m) cm².

        Zero beyond the largest angle of the table.
        """
        energy, cos_theta = np.atleast_1d(energy), np.atleast_1d(cos_theta)
        i, t = linear_weights(self.axes.log_energy_centers, np.log10(energy))
        j, u = linear_weights(self.axes.cos_theta_centers, cos_theta)
        column = (1 - t)[:, None] * self.area.T[i] + t[:, None] * self.area.T[i + 1]
        result = column[:, j] * (1 - u) + column[:, j + 1] * u
        return np.where(cos_theta >= self.axes.cos_theta[0], result, 0.0)

    def phi_dependence(
        self, energy: np.ndarray, cos_theta: np.ndarray, phi: np.ndarray
    ) -> np.ndarray:
        """Factor of the area at azimuth ``phi`` (p,) rad from the x axis: (n, m, p).

        The factor is ``(1 + p0 ξ^p1) / (1 + p0/(1 + p1))`` with ξ running from 0 to 1 and back
        over each quadrant; parameters are those of the bin, not interpolated (the LAT
        performance documentation's phi dependence). One where the IRFs have none.
        """
        energy, cos_theta = np.atleast_1d(energy), np.atleast_1d(cos_theta)
        phi = np.atleast_1d(np.asarray(phi, "f8"))
        if self.phi_parameters is None:
            return np.ones((len(energy), len(cos_theta), len(phi)))
        axes, *tables = self.phi_parameters
        i = _bin_of(axes.log_energy, np.log10(energy))
        j = _bin_of(axes.cos_theta, cos_theta)
        p0, p1 = (table[j[None, :], i[:, None]] for table in tables)
        folded = np.abs(np.mod(phi, np.pi) - np.pi / 2)
        xi = 2 * np.abs(2 / np.pi * folded - 0.5)
        norm = 1 / (1 + p0 / (1 + p1))
        return norm[..., None] * (1 + p0[..., None] * xi ** p1[..., None])

    def livetime_factors(self, energy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Factors (a, b) of the efficiency ``a + b × livetime fraction`` at ``energy`` (n,).

        Each is piecewise linear in log10(E) (trigger-rate dependence of the effective area).
        """
        log_energy = np.log10(np.atleast_1d(np.asarray(energy, "f8")))
        if self.efficiency_parameters is None:
            return np.ones_like(log_energy), np.zeros_like(log_energy)
        slope, offset = (_broken_line(row, log_energy) for row in self.efficiency_parameters)
        return offset, slope

    def efficiency(self, energy: np.ndarray, livetime_fraction: np.ndarray) -> np.ndarray:
        """Correction of the area for a livetime fraction; the arguments broadcast."""
        offset, slope = self.livetime_factors(energy)
        return offset + slope * livetime_fraction


def _bin_of(edges: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.clip(np.searchsorted(edges, x, "right") - 1, 0, len(edges) - 2)


def _broken_line(parameters: np.ndarray, x: np.ndarray) -> np.ndarray:
    a0, b0, a1, x1, a2, x2 = parameters
    b1 = (a0 - a1) * x1 + b0
    b2 = (a1 - a2) * x2 + b1
    return np.where(x < x1, a0 * x + b0, np.where(x < x2, a1 * x + b1, a2 * x + b2))


def _king(separation: np.ndarray, sigma: np.ndarray, gamma: np.ndarray) -> np.ndarray:
    """King function without its 1/(2πσ²): (1-1/γ)(1 + r²/(2σ²γ))^-γ."""
    gamma = np.where(gamma == 1.0, 1.001, gamma)
    return (1 - 1 / gamma) * (1 + separation**2 / (2 * sigma**2 * gamma)) ** -gamma


def _king_integral(radius: np.ndarray, sigma: np.ndarray, gamma: np.ndarray) -> np.ndarray:
    """Integral of ``_king`` over a plane disk."""
    inside = 1 - (1 + radius**2 / (2 * sigma**2 * gamma)) ** (1 - gamma)
    return inside * 2 * np.pi * sigma**2


def _disk_quadrature(radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Angles and weights (with 2π sin) of an integral over a cap, for functions peaked at 0."""
    edges = np.append(0.0, np.geomspace(1e-5, 1.0, 41)) * radius
    x, w = np.polynomial.legendre.leggauss(8)
    half = np.diff(edges)[:, None] / 2
    angle = (edges[:-1, None] + half + half * x).ravel()
    return angle, (half * w).ravel() * 2 * np.pi * np.sin(angle)


@dataclass(frozen=True)
class PointSpreadFunction:
    """PSF of one event type: two King functions whose widths scale with energy.

    Nodes in energy include one before the first and one after the last bin, with parameters of
    the outermost bin, as the Fermitools have them: the scale factor makes the PSF vary there.
    """

    log_energy: np.ndarray
    """(nE,) nodes, log10(E/MeV)"""
    cos_theta: np.ndarray
    """(nC,) nodes"""
    parameters: np.ndarray
    """(6, nC, nE): normalised NCORE, NTAIL, SCORE, STAIL (rad, scaled), GCORE, GTAIL"""
    scaling: tuple[float, float, float]

    def scale_factor(self, energy: np.ndarray) -> np.ndarray:
        """Width factor sqrt((c0 (E/100 MeV)^β)² + c1²), rad."""
        c0, c1, beta = self.scaling
        return np.sqrt((c0 * (np.asarray(energy, "f8") / 100) ** beta) ** 2 + c1**2)

    def cos_theta_weights(self, cos_theta: np.ndarray) -> np.ndarray:
        """Matrix (m, nC) that turns functions at the nodes of cos(theta) into those between."""
        return weight_matrix(self.cos_theta, cos_theta)

    def node_density(self, energy: float, separation: np.ndarray) -> np.ndarray:
        """PSF at ``energy`` MeV for each node of cos(theta): (nC, k) sr⁻¹ at (k,) rad."""
        return self._between(energy, lambda e: self._node(e, np.asarray(separation, "f8")))

    def density(self, energy: float, cos_theta: np.ndarray, separation: np.ndarray) -> np.ndarray:
        """PSF at ``energy`` MeV, ``cos_theta`` (m,), ``separation`` (k,) rad: (m, k) sr⁻¹."""
        return self.cos_theta_weights(cos_theta) @ self.node_density(energy, separation)

    def integral(self, energy: float, cos_theta: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Fraction within ``radius`` (k,) rad: (m, k).

        Above 120 MeV the integral over a plane disk, below over a cap of the sphere.
        """
        radius = np.atleast_1d(np.asarray(radius, "f8"))
        weights = self.cos_theta_weights(cos_theta)
        if energy < _SPHERE_BELOW:
            parts = []
            for r in radius:
                angle, weight = _disk_quadrature(float(r))
                parts.append(self.node_density(energy, angle) @ weight)
            return weights @ np.stack(parts, axis=-1)

        def nodes(at: int) -> np.ndarray:
            core, tail, sigma1, sigma2, gamma1, gamma2 = self.parameters[:, :, at, None]
            return core * (
                _king_integral(radius, sigma1, gamma1)
                + tail * _king_integral(radius, sigma2, gamma2)
            )

        return weights @ self._between(energy, nodes)

    def _node(self, at: int, separation: np.ndarray) -> np.ndarray:
        core, tail, sigma1, sigma2, gamma1, gamma2 = self.parameters[:, :, at, None]
        return core * (_king(separation, sigma1, gamma1) + tail * _king(separation, sigma2, gamma2))

    def _between(self, energy: float, nodes) -> np.ndarray:
        lower, fraction = linear_weights(self.log_energy, np.array([math.log10(energy)]))
        at, t = int(lower[0]), float(fraction[0])
        result = (1 - t) * nodes(at)
        return result if t == 0.0 else result + t * nodes(at + 1)


@dataclass(frozen=True)
class EnergyDispersion:
    """Energy dispersion of one event type (version 3 of the tables).

    A sum of two asymmetric generalised Gaussians in x = (E'/E - 1)/S(E, theta).
    """

    log_energy: np.ndarray
    cos_theta: np.ndarray
    parameters: np.ndarray
    """(9, nC, nE): F, S1, K1, BIAS, BIAS2, S2, K2, PINDEX1, PINDEX2"""
    scaling: tuple[float, ...]

    def scale_factor(self, energy: float, cos_theta: np.ndarray) -> np.ndarray:
        """Relative width S(E, theta): quadratic in log10(E) and |cos(theta)|."""
        c = self.scaling
        e, m = math.log10(energy), np.abs(np.asarray(cos_theta, "f8"))
        return c[0] * e * e + c[1] * m * m + c[2] * e + c[3] * m + c[4] * e * m + c[5]

    def density(self, energy: float, cos_theta: np.ndarray, measured: np.ndarray) -> np.ndarray:
        """Probability density of the ``measured`` energies (k,) MeV at true ``energy`` MeV.

        ``cos_theta`` (m,); result (m, k) MeV⁻¹. Between nodes dp/dx is interpolated at equal x.
        """
        cos_theta = np.atleast_1d(np.asarray(cos_theta, "f8"))
        scale = self.scale_factor(energy, cos_theta)[:, None]
        found = self._between(
            energy, cos_theta, measured, lambda x, p, stretch: stretch * _dispersion(x, p)
        )
        return found / energy / scale

    def below(self, energy: float, cos_theta: np.ndarray, measured: np.ndarray) -> np.ndarray:
        """Probability (m, k) to measure less than the energies ``measured`` (k,) MeV.

        The integral of ``density`` from minus infinity, in closed form (incomplete gamma function).
        """
        cos_theta = np.atleast_1d(np.asarray(cos_theta, "f8"))
        return self._between(energy, cos_theta, measured, lambda x, p, _: _dispersed_below(x, p))

    def _between(
        self,
        energy: float,
        cos_theta: np.ndarray,
        measured: np.ndarray,
        function: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    ) -> np.ndarray:
        """``function(x, parameters, stretch)`` of the nodes about each cos(theta): (m, k)."""
        measured = np.atleast_1d(np.asarray(measured, "f8"))
        scale = self.scale_factor(energy, cos_theta)[:, None]
        x = (measured - energy) / energy / scale
        lower, fraction = linear_weights(self.log_energy, np.array([math.log10(energy)]))
        at, t = int(lower[0]), float(fraction[0])
        # beyond the last centre the function stays as it is there but for the width: the outer
        # node stands at cos(theta) = 1 and is evaluated with the width of the last centre
        nodes = np.append(self.cos_theta, 1.0)
        j, u = linear_weights(nodes, cos_theta)
        last = len(self.cos_theta) - 1
        result = np.zeros_like(x)
        for end, weight in ((0, 1 - u), (1, u)):
            node = np.minimum(j + end, last)
            outer = j + end > last
            for step, share in ((0, 1 - t), (1, t)):
                if share == 0.0:
                    continue
                corner = 10 ** self.log_energy[at + step]
                stretch = np.where(
                    outer,
                    self.scale_factor(corner, 1.0) / self.scale_factor(corner, self.cos_theta[-1]),
                    1.0,
                )[:, None]
                parameters = self.parameters[:, node, at + step, None]
                result += (share * weight)[:, None] * function(x * stretch, parameters, stretch)
        return result


def _dispersion(x: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    f, s1, k1, bias1, bias2, s2, k2, p1, p2 = parameters
    return f * _asymmetric(x - bias1, s1, k1, p1) + (1 - f) * _asymmetric(x - bias2, s2, k2, p2)


def _asymmetric(u: np.ndarray, sigma: np.ndarray, k: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Generalised Gaussian with widths σ/k above and σk below its peak, integral one."""
    gamma = np.vectorize(math.gamma)(1 / p)
    reach = np.where(u >= 0, k * u, -u / k) / sigma
    return p / (sigma * gamma) * k / (1 + k * k) * np.exp(-(reach**p))


def _dispersed_below(x: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    f, s1, k1, bias1, bias2, s2, k2, p1, p2 = parameters
    return f * _asymmetric_below(x - bias1, s1, k1, p1) + (1 - f) * _asymmetric_below(
        x - bias2, s2, k2, p2
    )


def _asymmetric_below(u: np.ndarray, sigma: np.ndarray, k: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Integral of ``_asymmetric`` up to ``u``."""
    from scipy.special import gammainc

    inner = gammainc(1 / p, (np.where(u >= 0, k * u, -u / k) / sigma) ** p)
    return np.where(u >= 0, k * k + inner, k * k * (1 - inner)) / (1 + k * k)


@dataclass(frozen=True)
class EventTypeResponse:
    """Response of one event type; each function is read when first used."""

    name: str
    bit: int
    index: cal.IrfIndex

    @cached_property
    def aeff(self) -> EffectiveArea:
        """The effective area."""
        table = _read(self.index.place(self.name, cal.AREA))
        axes = _axes(table)
        efficiency = None
        if (self.name, cal.EFFICIENCY) in self.index.places:
            pars = _read(self.index.place(self.name, cal.EFFICIENCY))
            values = pars["EFFICIENCY_PARS"].astype("f8")
            efficiency = values if values.any() else None
        phi = self.index.places.get((self.name, cal.PHI))
        return EffectiveArea(axes, _grid(table, "EFFAREA", axes) * 1e4, efficiency, phi)

    @cached_property
    def psf(self) -> PointSpreadFunction:
        """The point spread function, normalised within 90°."""
        table = _read(self.index.place(self.name, cal.PSF))
        _need_version(table, "PSFVER", 3)
        axes = _axes(table)
        names = ("NCORE", "NTAIL", "SCORE", "STAIL", "GCORE", "GTAIL")
        parameters = _with_outer_energies(np.stack([_grid(table, n, axes) for n in names]))
        scaling = _cell(_read(self.index.place(self.name, cal.PSF_SCALING)), "PSFSCALE")
        log_energy = _outer_energies(axes)
        psf = PointSpreadFunction(
            log_energy,
            axes.cos_theta_centers,
            parameters,
            (float(scaling[0]), float(scaling[1]), float(scaling[2])),
        )
        energy = 10**log_energy
        parameters[2:4] *= psf.scale_factor(energy)
        ncore, ntail, score, stail, gcore, gtail = parameters
        quarter = np.pi / 2
        norm = ncore * (
            _king_integral(quarter, score, gcore) + ntail * _king_integral(quarter, stail, gtail)
        )
        angle, weight = _disk_quadrature(quarter)
        for at in np.flatnonzero(energy < _SPHERE_BELOW):
            norm[:, at] = psf._node(at, angle) @ weight
        parameters[0] /= norm
        return psf

    @cached_property
    def edisp(self) -> EnergyDispersion:
        """The energy dispersion."""
        table = _read(self.index.place(self.name, cal.EDISP))
        _need_version(table, "EDISPVER", 3)
        axes = _axes(table)
        names = ("F", "S1", "K1", "BIAS", "BIAS2", "S2", "K2", "PINDEX1", "PINDEX2")
        parameters = _with_outer_energies(np.stack([_grid(table, n, axes) for n in names]))
        scaling = _cell(_read(self.index.place(self.name, cal.EDISP_SCALING)), "EDISPSCALE")
        return EnergyDispersion(
            _outer_energies(axes), axes.cos_theta_centers, parameters, tuple(scaling.tolist())
        )


def _outer_energies(axes: Axes) -> np.ndarray:
    return np.concatenate([[_LOG_E_LOW], axes.log_energy_centers, [_LOG_E_HIGH]])


def _with_outer_energies(parameters: np.ndarray) -> np.ndarray:
    return np.concatenate([parameters[..., :1], parameters, parameters[..., -1:]], axis=-1)


def _need_version(table: Table, key: str, version: int) -> None:
    found = int(table.header.get(key, 1))
    if found != version:
        raise InputError(
            f"version {found} of the tables is not supported, only {version} (Pass 8)",
            file=table.path,
            key=key,
        )


@dataclass(frozen=True)
class Response:
    """Response of a set of event types, in order of their bits."""

    name: str
    event_types: tuple[EventTypeResponse, ...]
    class_bit: int | None
    """bit of EVENT_CLASS; None when a plain directory does not say"""

    @property
    def mask(self) -> int:
        """Mask of the event types."""
        return sum(1 << kind.bit for kind in self.event_types)


def load_response(
    irfs: str,
    event_types: int | None = None,
    caldb: str | os.PathLike[str] | None = None,
) -> Response:
    """Response functions by name and mask of event types.

    ``event_types`` None means all that belong to no partition: FRONT and BACK. ``caldb`` is a CALDB
    tree or a directory of IRF files; None takes the environment's CALDB. Raises InputError for
    unknown names (listing those available) and for event types the IRFs do not have.
    """
    index = cal.find_irfs(irfs, caldb)
    if event_types is None:
        chosen = [kind for kind in index.types if kind.partition == "none"]
    else:
        chosen = [kind for kind in index.types if event_types >> kind.bit & 1]
        missing = event_types & ~sum(1 << kind.bit for kind in chosen)
        if missing or event_types <= 0:
            have = ", ".join(f"{kind.name} ({1 << kind.bit})" for kind in index.types)
            raise InputError(
                f"{irfs} has no event types for mask {event_types}; it has {have}",
                file=index.root,
                key="evtype",
            )
    kinds = tuple(
        EventTypeResponse(kind.name, kind.bit, index)
        for kind in sorted(chosen, key=lambda kind: kind.bit)
    )
    return Response(irfs, kinds, index.class_bit)
