"""Maximum of the likelihood: scoring steps to get there, MIGRAD and HESSE to certify it.

The likelihood is nearly quadratic in the normalisations and its Fisher information comes from the
same maps as its gradient, so a few damped scoring steps (Levenberg-Marquardt, with parameters held
at a limit that the gradient pushes against) reach the maximum from far away. MINUIT (iminuit) then
starts there with errors of the right size: MIGRAD for convergence as users know it, HESSE for the
covariance, MINOS for asymmetric errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from latsky.fit.likelihood import JointLikelihood, Restricted
from latsky.fit.parameters import FreeParameter

EDM_GOAL = 1e-4
"""estimated distance to the maximum, in ln L, at which the scoring steps end"""
MAX_STEPS = 60


@dataclass(frozen=True)
class FitResult:
    """Best fit; ``values`` and ``errors`` in units of the parameters' scales."""

    parameters: tuple[FreeParameter, ...]
    values: np.ndarray
    errors: np.ndarray
    covariance: np.ndarray
    log_likelihood: float
    log_likelihood_start: float
    converged: bool
    at_limit: tuple[str, ...]
    """parameters that ended at a limit"""
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


def scoring(
    likelihood: JointLikelihood | Restricted,
    start: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    progress: Callable[[int, float], None] | None = None,
) -> tuple[np.ndarray, float, int]:
    """Damped Fisher scoring within limits; values, ln L and the number of evaluations."""
    x = np.clip(start, low, high)
    here = likelihood.evaluate(x)
    evaluations, damping = 1, 0.0
    for step in range(MAX_STEPS):
        if progress is not None:
            progress(step, here.log_likelihood)
        information = likelihood.information(x)
        slope = here.gradient
        held = ((x <= low) & (slope <= 0)) | ((x >= high) & (slope >= 0))
        free = np.flatnonzero(~held)
        if not len(free):
            break
        inner = information[np.ix_(free, free)]
        size = np.sqrt(np.maximum(np.diag(inner), 1e-300))
        scaled = inner / np.outer(size, size)
        gain = 0.0
        while True:
            matrix = scaled + damping * np.eye(len(free))
            move = np.linalg.lstsq(matrix, slope[free] / size, rcond=1e-12)[0] / size
            trial = x.copy()
            trial[free] = np.clip(x[free] + move, low[free], high[free])
            gain = 0.5 * float(slope[free] @ (trial[free] - x[free]))
            if gain < EDM_GOAL and damping == 0.0:
                return x, here.log_likelihood, evaluations
            there = likelihood.evaluate(trial)
            evaluations += 1
            if there.log_likelihood >= here.log_likelihood:
                x, here = trial, there
                damping = 0.0 if damping < 1e-3 else damping / 10
                break
            damping = max(10 * damping, 1e-3)
            if damping > 1e8:
                return x, here.log_likelihood, evaluations
    return x, here.log_likelihood, evaluations


def fit(
    likelihood: JointLikelihood | Restricted,
    parameters: Sequence[FreeParameter],
    start: np.ndarray | None = None,
    *,
    minos: Sequence[str] = (),
    certify: bool = True,
    progress: Callable[[int, float], None] | None = None,
) -> FitResult:
    """Maximise the likelihood over ``parameters``.

    ``minos`` lists keys of parameters whose asymmetric errors are wanted. Without ``certify`` the
    scoring steps are all: good enough to start from. ``progress`` is called with the number of the
    step and ln L.
    """
    from iminuit import Minuit

    low = np.array([p.min for p in parameters])
    high = np.array([p.max for p in parameters])
    first = np.array([p.value for p in parameters]) if start is None else np.asarray(start, float)
    if not len(parameters):
        value = likelihood.evaluate(first, gradient=False).log_likelihood
        empty = np.zeros(0)
        return FitResult((), empty, empty, np.zeros((0, 0)), value, value, True, (), 1, 0.0)
    begun = likelihood.evaluate(np.clip(first, low, high), gradient=False).log_likelihood
    x, reached, evaluations = scoring(likelihood, first, low, high, progress)
    if not certify:
        nothing = np.zeros((len(x), len(x)))
        errors = np.zeros(len(x))
        return FitResult(
            tuple(parameters), x, errors, nothing, reached, begun, True, (), evaluations, EDM_GOAL
        )
    information = likelihood.information(x)
    guess = 1 / np.sqrt(np.maximum(np.diag(information), 1e-300))
    cache: dict[bytes, tuple[float, np.ndarray]] = {}

    def both(values: np.ndarray) -> tuple[float, np.ndarray]:
        key = np.asarray(values).tobytes()
        if key not in cache:
            cache.clear()
            found = likelihood.evaluate(np.asarray(values))
            cache[key] = (-found.log_likelihood, -found.gradient)
        return cache[key]

    minuit = Minuit(
        lambda values: both(values)[0], x, grad=lambda values: both(values)[1], name=None
    )
    minuit.errordef = Minuit.LIKELIHOOD
    minuit.limits = [(_bound(a), _bound(b)) for a, b in zip(low, high, strict=True)]
    minuit.errors = np.minimum(guess, np.where(np.isfinite(high - low), high - low, np.inf))
    minuit.strategy = 1
    minuit.migrad(ncall=50 * len(parameters) + 500)
    minuit.hesse()
    best = np.array(minuit.values)
    reach = 1e-3 * np.where(np.isfinite(high - low), high - low, 0.0)
    limited = (best - low <= np.minimum(reach, guess)) | (high - best <= np.minimum(reach, guess))
    asymmetric = {}
    wanted = [n for n, p in enumerate(parameters) if p.key in set(minos)]
    if wanted and minuit.valid:
        minuit.minos(*wanted)
        for n in wanted:
            found = minuit.merrors[minuit.params[n].name]
            asymmetric[parameters[n].key] = (float(found.lower), float(found.upper))
    covariance = minuit.covariance
    return FitResult(
        tuple(parameters),
        best,
        np.array(minuit.errors),
        np.zeros((len(best), len(best))) if covariance is None else np.array(covariance),
        -float(minuit.fval),
        begun,
        bool(minuit.valid),
        tuple(p.key for p, stuck in zip(parameters, limited, strict=True) if stuck),
        evaluations + int(minuit.nfcn),
        float(minuit.fmin.edm),
        asymmetric,
    )


def _bound(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
