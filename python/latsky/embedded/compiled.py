"""Fast start of commands that run compiled kernels."""

from __future__ import annotations

import sys

_LINALG = "scipy.linalg"


def prepare() -> None:
    """Load what numba needs to call kernels, without SciPy's linear algebra.

    When numba loads its first function it imports ``scipy.linalg``, a quarter of a second, only to
    learn whether there is a BLAS. No kernel here calls one. SciPy is hidden while numba starts and
    found as ever afterwards, so that BLAS in compiled functions still works in the same process.
    """
    if _LINALG in sys.modules:
        return
    sys.modules[_LINALG] = None  # type: ignore[assignment]
    try:
        from numba.core.registry import cpu_target

        cpu_target.target_context.refresh()
        cpu_target.typing_context.refresh()
    finally:
        del sys.modules[_LINALG]
    from numba.np import arraymath

    if hasattr(arraymath, "_HAVE_BLAS"):
        arraymath._HAVE_BLAS = True
