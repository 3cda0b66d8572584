"""Curve fitting: a model's parameters by weighted least squares, and how sure they are.

Enters: a kernel of the model, columns, a target, a start. Leaves: a `Fitted`. Invariant: standard errors come from
orthogonal transformations of the Jacobian with scaled columns at the final parameters.

sigma weighs the rows: residuals are (model - target)/sigma. As in the reference data of NIST its scale means nothing:
standard errors are scaled by the residual standard deviation, unless `absolute` says that sigma is known.

A parameter at a bound that the data would move further out is held: its standard error is 0, those of the others are
what they were if it was a constant, and it counts as no parameter in the degrees of freedom. Parameters that the data
do not determine have no standard error, nor has any where the fit ended on a slope: nan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gradcli.errors import BindingError
from gradcli.kernels import Kernel
from gradcli.training.layout import Vector
from gradcli.training.objective import Columns
from gradcli.training.results import Epoch, Fit
from gradcli.training.squares.planes import Matrix, inverse, lengths
from gradcli.training.squares.polishing import Polished
from gradcli.training.squares.solving import Evaluated, solve
from gradcli.training.steps.state import Events
from gradcli.training.steps.stopping import Criteria

_CRITERIA, _EVENTS = Criteria(), Events()
_NEAR = 1.0  # an offset of less is a point nearer to the minimum than the standard errors say
_ROUNDING = 4.0 * float(np.finfo(np.float64).eps)  # of R²
_OTHERS = "other start values (--param), or --bounds, may lead to a minimum"
HINTS = {
    "undetermined": f"fix one of these by --NAME VALUE; or {_OTHERS}",
    "gradient": _OTHERS,
    "saddle": _OTHERS,
    "nonfinite": "give other start values (--param), or --bounds that keep out of there",
    "epochs": "--epochs N allows more iterations",
}
"""What may help where a fit did not converge, by the reason."""


class Fitted(NamedTuple):
    """A fit.

    Attributes:
        theta: the best parameters found, also where it did not converge.
        fit: its statistics; None where the model is not finite at the start.
        reason: "offset" or "exact" where it converged; else "rounding" (the parameters are found, their standard errors
            are not), "undetermined", "gradient", "saddle", "nonfinite", or "epochs", "time", "interrupted".
        message: a sentence without a full stop.
        steps: iterations.
        history: an entry for each of them, of the parameters that it began with.
    """

    theta: Vector
    fit: Fit | None
    converged: bool
    reason: str
    message: str
    steps: int
    history: list[Epoch]


def fit(
    model: Kernel, columns: Columns, target: Vector, sigma: Vector | None, names: Sequence[str], start: Vector,
    lower: Vector, upper: Vector, criteria: Criteria = _CRITERIA, events: Events = _EVENTS, *,
    absolute: bool = False,
) -> Fitted:  # fmt: skip
    """Fit a model to a target.

    Args:
        model: value and gradients by parameters, which are what varies from run to run.
        columns: of the model's inputs.
        target: what the model should give, a number per row.
        sigma: what each is uncertain by, positive; None weighs all the same.
        names: of the parameters in the order of the vectors: b1, W[0,1]; the model may do without some of them.
        start, lower, upper: bounds may be infinite; the start is inside.
        criteria: epochs, the most iterations, and seconds.
        absolute: sigma is known: standard errors are not scaled by the residual standard deviation.

    Raises:
        BindingError: there are fewer rows than parameters, or a target or a sigma that can't be.
        MissingError: SciPy is not installed.
    """
    _check(target, sigma, len(names))
    weights = np.ones(len(target)) if sigma is None else 1.0 / sigma
    unit = _unit(target, weights)
    weights = weights / unit

    def function(theta: Vector) -> Evaluated:
        return _evaluated(model, columns, target, weights, names, theta)

    found = solve(function, start, lower, upper, names, criteria, events)
    statistics = None
    if found.polished is not None:
        meant = found.converged or found.reason == "rounding" or _is_near(found.reason, found.polished)
        statistics = _statistics(found.polished, names, target, weights, unit, absolute and sigma is not None, meant)
    entries = found.history.entries()
    if unit != 1.0:
        entries = [
            one._replace(loss=one.loss * unit * unit, gradient_norm=one.gradient_norm * unit * unit) for one in entries
        ]
    return Fitted(found.theta, statistics, found.converged, found.reason, found.message, found.steps, entries)


def _check(target: Vector, sigma: Vector | None, count: int) -> None:
    """Refuse what can't be fitted."""
    if len(target) < count:
        rows = "1 row" if len(target) == 1 else f"{len(target)} rows"
        raise BindingError(
            f"{rows} of data can't determine {count} parameters", hint="give more rows, or fix parameters"
        )
    if not np.all(np.isfinite(target)):
        row = int(np.flatnonzero(~np.isfinite(target))[0])
        raise BindingError(f"the target is {target[row]} in row {row + 1} of the data")
    if sigma is not None and not np.all((sigma > 0.0) & np.isfinite(sigma)):
        row = int(np.flatnonzero(~((sigma > 0.0) & np.isfinite(sigma)))[0])
        raise BindingError(f"sigma is {sigma[row]} in row {row + 1} of the data", hint="it has to be a positive number")


def _unit(target: Vector, weights: Vector) -> float:
    """What residuals are measured in: 1, or a power of 2 where their squares could overflow or vanish."""
    largest = float(np.max(np.abs(target * weights), initial=0.0))
    return 1.0 if largest == 0.0 or 1e-100 < largest < 1e100 else 2.0 ** round(np.log2(largest))


def _evaluated(
    model: Kernel, columns: Columns, target: Vector, weights: Vector, names: Sequence[str], theta: Vector
) -> Evaluated:
    """Residuals and Jacobian, both divided by sigma."""
    by_name = dict(zip(names, theta.tolist(), strict=True))
    outputs = model.run(columns or {"": target}, numbers=[by_name[name] for name in model.varying])
    jacobian = np.zeros((len(target), len(names)))
    for place, name in enumerate(names):
        if name in outputs.gradients:
            np.multiply(outputs.gradients[name], weights, out=jacobian[:, place])
    residuals = (outputs.value - target) * weights
    return Evaluated(residuals, jacobian, np.maximum(np.abs(outputs.value), np.abs(target)) * weights)


def _is_near(reason: str, polished: Polished) -> bool:
    """Whether some parameters are where they belong, although others could be anything."""
    return reason == "undetermined" and polished.offset < _NEAR


def _statistics(
    polished: Polished, names: Sequence[str], target: Vector, weights: Vector, unit: float, absolute: bool, meant: bool
) -> Fit:
    """Standard errors and their kin. meant: whether errors mean anything at this point."""
    found, point = polished.found, polished.point
    free = np.flatnonzero(polished.free)
    spare = len(target) - len(free)
    deviation = float(np.sqrt(point.squares / spare)) if spare > 0 else float("nan")
    rows = inverse(found) * (1.0 / unit if absolute else deviation)
    if not meant:
        rows[:] = np.nan
    elif not polished.determined:
        rows[np.isin(free, polished.loose)] = np.nan
    with np.errstate(all="ignore"):
        among = rows @ rows.T
    covariance: Matrix = np.zeros((len(names), len(names)))
    covariance[np.ix_(free, free)] = among
    errors = np.zeros(len(names))
    errors[free] = lengths(rows)
    return Fit(
        tuple(names), tuple(errors.tolist()), tuple(tuple(row) for row in covariance.tolist()),
        float(point.squares * unit * unit), deviation * unit, spare, _r_squared(point.squares, target, weights),
    )  # fmt: skip


def _r_squared(squares: float, target: Vector, weights: Vector) -> float:
    """1 - residual / total sum of squares about the weighted mean; nan where the target is constant.

    A model that is a constant explains nothing: what is rounding alone is 0.
    """
    weighted = np.square(weights / np.max(weights))
    mean = float(np.sum(weighted * target) / np.sum(weighted))
    total = float(np.sum(np.square((target - mean) * weights)))
    if total <= 0.0 or np.all(target == target[0]):
        return float("nan")
    found = 1.0 - squares / total
    return 0.0 if abs(found) < _ROUNDING else found
