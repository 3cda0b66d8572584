"""SciPy's solvers of least squares, alone, so that whoever uses them reads well.

Enters: functions of a vector for residuals and their Jacobian. Leaves: nothing but calls of these: the caller keeps
the best point, and NumPy's warnings away. Invariant: tolerances are as tight as floats allow, for the caller is the
judge of convergence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcli.errors import MissingError
from gradcli.training.layout import Vector
from gradcli.training.squares.planes import Matrix

Residuals = Callable[[Vector], Vector]
Jacobian = Callable[[Vector], Matrix]
_TIGHT = 1e-15
_REFUSED = 1e140  # what a solver sees where residuals are not finite: its square is finite, and no step there is taken


def scipy_optimize() -> Any:
    """SciPy's module.

    Raises:
        MissingError: it is not installed.
    """
    try:
        from scipy import optimize
    except ImportError:
        raise MissingError("a minimiser of SciPy", "fit") from None
    return optimize


def marquardt(
    residuals: Residuals, jacobian: Jacobian, start: Vector, factor: float, diagonal: Vector | None, evaluations: int
) -> None:
    """MINPACK's Levenberg-Marquardt: Moré, "The Levenberg-Marquardt algorithm: implementation and theory" (1978).

    Args:
        jacobian: asked for only where the residuals are finite.
        factor: of the first step's bound; 100 is bold, 0.1 careful.
        diagonal: scales of the parameters; None takes the norms of the Jacobian's columns.
        evaluations: the most evaluations of the residuals.
    """

    def refused(theta: Vector) -> Vector:
        found = residuals(theta)
        if np.all(np.abs(found) < _REFUSED):
            return found
        return np.full_like(found, _REFUSED)

    options = {"ftol": _TIGHT, "xtol": _TIGHT, "gtol": 0.0, "maxfev": evaluations}
    optimize = scipy_optimize()  # full_output: else it warns where it is not content
    optimize.leastsq(refused, start, Dfun=jacobian, full_output=True, factor=factor, diag=diagonal, **options)


def trusted(
    residuals: Residuals, jacobian: Jacobian, start: Vector, lower: Vector, upper: Vector, scales: Vector | None,
    evaluations: int,
) -> None:  # fmt: skip
    """Trust region reflective, inside bounds: Branch, Coleman and Li (1999).

    Args:
        start: not on a bound.
        scales: of the parameters; None takes the norms of the Jacobian's columns.
    """
    moves = lower < upper  # SciPy takes no empty room between bounds
    if not moves.any():
        return

    def whole(part: Vector) -> Vector:
        theta = lower.copy()
        theta[moves] = part
        return theta

    options = {"method": "trf", "ftol": _TIGHT, "xtol": _TIGHT, "gtol": None, "max_nfev": evaluations}
    options["x_scale"] = "jac" if scales is None else scales[moves]
    bounds = (lower[moves], upper[moves])
    optimize = scipy_optimize()
    optimize.least_squares(
        lambda part: residuals(whole(part)), start[moves], lambda part: jacobian(whole(part))[:, moves],
        bounds=bounds, **options,
    )  # fmt: skip
