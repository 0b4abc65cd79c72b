"""Maximum of the likelihood: scoring steps to get there, MIGRAD and HESSE to certify it.

The likelihood is nearly quadratic in the normalisations and its Fisher information comes from the
same maps as its gradient, so a few damped scoring steps (Levenberg-Marquardt, with parameters held
at a limit that the gradient pushes against) reach the maximum from far away. MINUIT (iminuit) then
starts there with the analytic gradient and Hessian, so that nothing is found by differences: MIGRAD
for convergence as users know it, HESSE for the covariance, MINOS for asymmetric errors. It does not
see the parameters that are at a limit or that the data do not determine, which it copes with badly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy.linalg import qr, solve

from latsky.fit.likelihood import JointLikelihood, Restricted
from latsky.fit.parameters import FreeParameter

EDM_GOAL = 1e-4
"""estimated distance to the maximum, in ln L, at which the scoring steps end"""
MAX_STEPS = 60
IDLE_STEPS = 3
"""steps without gain after which the scoring steps end: MIGRAD goes on where they cannot"""
REDUNDANT = 1e-10
"""curvature left for a parameter when the others are free, relative to its own: less is none"""
INVOLVED = 1e-3
"""change of a parameter, in errors, by which it makes up for one error of a redundant one"""

Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class FitResult:
    """Best fit; ``values`` and ``errors`` in units of the parameters' scales."""

    parameters: tuple[FreeParameter, ...]
    values: np.ndarray
    errors: np.ndarray
    """standard errors; one-sided at a limit, zero where none could be found"""
    covariance: np.ndarray
    """zero for parameters at a limit and for those that were held as undetermined"""
    log_likelihood: float
    log_likelihood_start: float
    converged: bool
    at_limit: tuple[str, ...]
    """parameters that ended at a limit"""
    undetermined: tuple[str, ...]
    """parameters that the data do not determine, or only together with others of these"""
    warnings: tuple[str, ...]
    evaluations: int
    edm: float
    asymmetric: dict[str, tuple[float, float]] = field(default_factory=dict)
    """MINOS errors (down, up) by parameter key"""

    @property
    def correlation(self) -> np.ndarray:
        """Correlation matrix; zero where an error is zero."""
        size = np.sqrt(np.diag(self.covariance))
        outer = np.outer(size, size)
        return np.divide(self.covariance, outer, out=np.zeros_like(outer), where=outer > 0)


@dataclass(frozen=True)
class Reached:
    """Where the scoring steps ended."""

    values: np.ndarray
    log_likelihood: float
    log_likelihood_start: float
    gradient: np.ndarray
    information: np.ndarray
    evaluations: int


def scoring(
    likelihood: JointLikelihood | Restricted,
    start: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    progress: Progress | None = None,
) -> Reached:
    """Damped Fisher scoring within limits."""
    x = np.clip(start, low, high)
    here = likelihood.evaluate(x)
    begun, evaluations, damping, idle = here.log_likelihood, 1, 0.0, 0
    for step in range(MAX_STEPS):
        if progress is not None:
            progress(step, here.log_likelihood)
        information = likelihood.information(x)
        slope = here.gradient
        free = np.flatnonzero(~_pushed(x, slope, low, high))
        inner, width = information[np.ix_(free, free)], (high - low)[free]

        def stepped(amount: float, x=x, free=free, inner=inner, slope=slope, width=width):
            trial = x.copy()
            trial[free] += _move(inner, slope[free], amount, width)
            return np.clip(trial, low, high)

        if not len(free) or 0.5 * float(slope @ (stepped(0.0) - x)) < EDM_GOAL:
            break
        gain = -1.0
        while gain < 0 and damping <= 1e8:
            trial = stepped(damping)
            there = likelihood.evaluate(trial)
            evaluations += 1
            # not a number is no gain either
            gain = float(np.nan_to_num(there.log_likelihood - here.log_likelihood, nan=-1.0))
            if gain < 0:
                damping = max(10 * damping, 1e-3)
        if gain < 0:
            break
        x, here = trial, there
        damping = 0.0 if damping < 1e-3 else damping / 10
        idle = idle + 1 if gain < EDM_GOAL else 0
        if idle == IDLE_STEPS:
            break
    return Reached(x, here.log_likelihood, begun, here.gradient, information, evaluations)


def _pushed(x: np.ndarray, slope: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether each parameter is at a limit that the likelihood rises towards."""
    return ((x <= low) & (slope <= 0)) | ((x >= high) & (slope >= 0))


def _move(
    information: np.ndarray, slope: np.ndarray, damping: float, width: np.ndarray
) -> np.ndarray:
    """Step of Levenberg and Marquardt; none along what makes no difference.

    Where no photon fell ln L is a straight line: to the end of it.
    """
    straight = np.diag(information) <= 0
    size = np.where(straight, 1.0, _root(information))
    scaled = information / np.outer(size, size) + damping * np.eye(len(size))
    step = np.linalg.lstsq(scaled, slope / size, rcond=1e-12)[0] / size
    ends = np.where(np.isfinite(width), np.copysign(width, slope), 0.0)
    return np.where(straight & (slope != 0), ends, step)


def _root(matrix: np.ndarray) -> np.ndarray:
    """Roots of the diagonal, never zero."""
    return np.sqrt(np.maximum(np.diag(matrix), 1e-300))


def determined(information: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What parameters the data determine, by their Fisher ``information``.

    Returns which of them can be fitted, at most a basis of what is determined, and which are not
    determined, among them those of the basis that others can make up for. A parameter whose error
    with all others known exceeds the ``width`` between its limits is not determined.
    """
    size = _root(information)
    known = np.flatnonzero(1 / size < width)
    scaled = information[np.ix_(known, known)] / np.outer(size[known], size[known])
    basis, undetermined = np.zeros(len(size), bool), np.ones(len(size), bool)
    undetermined[known] = False
    if len(known):
        _, triangle, order = qr(scaled, pivoting=True)
        rank = int((np.abs(np.diag(triangle)) > REDUNDANT).sum())
        chosen, held = order[:rank], order[rank:]
        basis[known[chosen]] = True
        undetermined[known[held]] = True
        if len(held):
            inner, outer = scaled[np.ix_(chosen, chosen)], scaled[np.ix_(chosen, held)]
            share = np.abs(solve(inner, outer, assume_a="sym")).max(axis=1)
            undetermined[known[chosen[share > INVOLVED]]] = True
    return basis, undetermined


def fit(
    likelihood: JointLikelihood | Restricted,
    parameters: Sequence[FreeParameter],
    start: np.ndarray | None = None,
    *,
    minos: Sequence[str] = (),
    certify: bool = True,
    progress: Progress | None = None,
) -> FitResult:
    """Maximise the likelihood over ``parameters``.

    ``minos`` lists keys of parameters whose asymmetric errors are wanted. Without ``certify`` the
    scoring steps are all: good enough to start from. ``progress`` is called with the number of the
    step and ln L.
    """
    low = np.array([p.min for p in parameters])
    high = np.array([p.max for p in parameters])
    first = np.array([p.value for p in parameters]) if start is None else np.asarray(start, float)
    size = len(parameters)
    if size == 0:
        value = likelihood.evaluate(first, gradient=False).log_likelihood
        return FitResult((), first, first, np.zeros((0, 0)), value, value, True, *[()] * 3, 1, 0.0)
    reached = scoring(likelihood, first, low, high, progress)
    x = reached.values.copy()
    errors, covariance = np.zeros(size), np.zeros((size, size))
    if not certify:
        return FitResult(
            tuple(parameters),
            x,
            errors,
            covariance,
            reached.log_likelihood,
            reached.log_likelihood_start,
            True,
            *[()] * 3,
            reached.evaluations,
            EDM_GOAL,
        )
    limited = _pushed(x, reached.gradient, low, high)
    inside = np.flatnonzero(~limited)
    basis, loose = determined(reached.information[np.ix_(inside, inside)], (high - low)[inside])
    free, undetermined = inside[basis], tuple(parameters[n].key for n in inside[loose])
    errors[limited] = _one_sided(reached, high - low)[limited]
    keys = [parameters[n].key for n in free]
    found = _certified(
        Restricted(likelihood, x, free),
        keys,
        x[free],
        low[free],
        high[free],
        1 / _root(reached.information)[free],
        minos,
    )
    x[free], errors[free] = found.values, found.errors
    covariance[np.ix_(free, free)] = found.covariance
    near = 0.01 * np.minimum(1 / _root(reached.information), 0.1 * (high - low))
    limited |= (x - low <= near) | (high - x <= near)
    at_limit = tuple(p.key for p, stuck in zip(parameters, limited, strict=True) if stuck)
    warnings = [f"{key}: at its limit" for key in at_limit]
    warnings += [f"{key}: not determined by the data" for key in undetermined]
    missing = [key for key in minos if key not in found.asymmetric]
    warnings += [f"{key}: no asymmetric errors" for key in missing]
    return FitResult(
        tuple(parameters),
        x,
        errors,
        covariance,
        found.log_likelihood,
        reached.log_likelihood_start,
        found.converged,
        at_limit,
        undetermined,
        (*found.warnings, *warnings),
        reached.evaluations + found.evaluations,
        found.edm,
        found.asymmetric,
    )


def _one_sided(reached: Reached, width: np.ndarray) -> np.ndarray:
    """How far a parameter gets from where it is, downhill, until ln L is lower by 1/2."""
    slope, bend = np.abs(reached.gradient), np.diag(reached.information)
    fall = slope + np.sqrt(slope**2 + bend)
    way = np.divide(1.0, fall, out=np.full(len(fall), np.inf), where=fall > 0)
    way = np.minimum(way, width)
    return np.where(np.isfinite(way), way, 0.0)


@dataclass(frozen=True)
class _Certified:
    """What MINUIT says."""

    values: np.ndarray
    errors: np.ndarray
    covariance: np.ndarray
    log_likelihood: float
    converged: bool
    edm: float
    evaluations: int
    warnings: tuple[str, ...]
    asymmetric: dict[str, tuple[float, float]]


def _certified(
    likelihood: Restricted,
    keys: Sequence[str],
    start: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    sizes: np.ndarray,
    minos: Sequence[str],
) -> _Certified:
    """MIGRAD, HESSE and MINOS from ``start``, near the maximum; ``sizes`` are rough errors."""
    from iminuit import Minuit

    if not len(start):
        value = likelihood.evaluate(start, gradient=False).log_likelihood
        return _Certified(start, start, np.zeros((0, 0)), value, True, 0.0, 1, (), {})

    # value, slope and Hessian are asked for one after the other at the same point
    @lru_cache(maxsize=2)
    def evaluate(point: bytes) -> tuple[float, np.ndarray]:
        found = likelihood.evaluate(np.frombuffer(point))
        return -found.log_likelihood, -found.gradient

    @lru_cache(maxsize=2)
    def curvature(point: bytes) -> np.ndarray:
        return likelihood.curvature(np.frombuffer(point))

    minuit = Minuit(
        lambda x: evaluate(x.tobytes())[0],
        start,
        grad=lambda x: evaluate(x.tobytes())[1],
        hessian=lambda x: curvature(x.tobytes()),
        name=list(keys),
    )
    minuit.errordef = Minuit.LIKELIHOOD
    minuit.limits = [(a, b) for a, b in zip(low, high, strict=True)]
    minuit.errors = np.minimum(sizes, high - low)
    minuit.strategy = 1
    minuit.migrad(ncall=50 * len(start) + 500)
    minuit.hesse()
    asymmetric = {}
    for key in minos if minuit.valid else ():
        if key in keys:
            minuit.minos(key)
            found = minuit.merrors[key]
            if found.is_valid:
                asymmetric[key] = (float(found.lower), float(found.upper))
    state = minuit.fmin
    warnings = []
    if not minuit.valid:
        why = "after too many calls" if state.has_reached_call_limit else f"EDM {state.edm:.2g}"
        warnings.append(f"MIGRAD has not converged, {why}")
    if not minuit.accurate:
        warnings.append("HESSE: errors are approximate")
    covariance = np.zeros((len(start),) * 2)
    if minuit.covariance is not None:
        covariance = np.array(minuit.covariance)
    return _Certified(
        np.array(minuit.values),
        np.sqrt(np.diag(covariance)),
        covariance,
        -float(minuit.fval),
        bool(minuit.valid),
        float(state.edm),
        evaluate.cache_info().misses,
        tuple(warnings),
        asymmetric,
    )
