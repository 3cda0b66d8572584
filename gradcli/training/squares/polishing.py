"""The last digits of a least-squares fit, and whether it is one.

Enters: a point near a minimum. Leaves: the point where no digit improves, and a judgement. Invariant: the sum of
squares never grows by more than its own rounding.

The steps are Newton's, in coordinates of the tangent plane: (I + B) z = -Q'r, where B is the residuals' projection on
the model's curvature (Bates & Watts, "Relative curvature measures of nonlinearity", 1980), found by differences of
exact Jacobians. Without B they are Gauss-Newton's, which gains digits slowly where residuals are large.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from gradcli.training.layout import Vector
from gradcli.training.squares.planes import Matrix, Plane, inverse, plane, step, undetermined

Mask: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"

EPSILON = float(np.finfo(np.float64).eps)
OFFSET = 1e-8  # of Bates & Watts' criterion, "A relative offset orthogonality convergence criterion" (1981)
_ROUNDING = 16.0  # times the estimate: residuals this small in the plane are rounding alone
_ROUNDS = 60
_MOST_CURVED = 60  # with more parameters the curvature costs too much; Gauss-Newton is good enough
_VISIBLE = 1e-4  # relative change of a parameter that data without noise must notice
_SHIFT = 1e-8  # the same for a parameter that is 0
_VAGUE = 100.0  # a standard error so many times the parameter says that the data hardly determine it
_BENT = 1e-3  # of the residuals' norm: how far differences for the curvature reach


class Point(NamedTuple):
    """A vector of parameters and what the model says there.

    Attributes:
        squares: the sum of squared residuals; inf where something is not finite.
        sizes: the norm of what the residuals are differences of.
    """

    theta: Vector
    residuals: Vector
    jacobian: Matrix
    squares: float
    sizes: float

    @property
    def noise(self) -> float:
        """About how large the norm of the residuals' rounding errors is; the parameters' own rounding is part of it."""
        moved = np.abs(self.jacobian) @ np.abs(self.theta)
        return EPSILON * float(np.hypot(self.sizes, np.linalg.norm(moved)))


At = Callable[[Vector], Point]


class Polished(NamedTuple):
    """A point that was looked at closely.

    Attributes:
        found: the tangent plane of the free parameters.
        free: which parameters are not held by a bound.
        offset: the residuals' size in the plane relative to that out of it, per degree of freedom; inf without any.
        lowest: the smallest eigenvalue of I + B where it is not positive: the point is no minimum.
        downhill: then a step of the parameters along which the sum of squares bends down; else None.
        determined: whether the data determine all free parameters.
        loose: which they do not determine, or hardly, by index.
        minimum: whether it is a minimum with determined parameters.
    """

    point: Point
    found: Plane
    free: Mask
    offset: float
    lowest: float
    downhill: Vector | None
    determined: bool
    loose: tuple[int, ...]
    minimum: bool


def polish(at: At, start: Point, lower: Vector, upper: Vector) -> Polished:
    """Improve a point of finite residuals until no digit improves."""
    point = _snapped(at, start, lower, upper)
    free = _free(point, lower, upper)
    found = _plane(point, free)
    bend = np.zeros((int(np.sum(free)),) * 2)
    bent = False
    for round_ in range(_ROUNDS):
        if not free.any() or found.rank < len(found.scales):
            break
        if not bent and (round_ > 2 or np.linalg.norm(found.inside) < 1e-3 * found.outside):
            bend, bent = _curvature(at, point, free, found), True
        moved = step(found, -_solved(bend, found.inside))
        better = _better(at, point, free, found, moved, lower, upper)
        if better is None:
            if bent:
                break
            bend, bent = _curvature(at, point, free, found), True
            continue
        faster = better.squares < point.squares * 0.9
        point = better
        free_now = _free(point, lower, upper)
        if not np.array_equal(free_now, free) or faster:
            bend, bent = np.zeros((int(np.sum(free_now)),) * 2), False
        free, found = free_now, _plane(point, free_now)
    return judged(at, point, lower, upper)


def judged(at: At | None, point: Point, lower: Vector, upper: Vector) -> Polished:
    """A point with a judgement; without `at` its surroundings are not looked at, and it is no minimum."""
    free = _free(point, lower, upper)
    found = _plane(point, free)
    count, rows = len(found.scales), len(point.residuals)
    inside = float(np.linalg.norm(found.inside))
    offset = 0.0
    if count and inside:
        spare = rows - count
        outside = found.outside / np.sqrt(spare) if spare > 0 else 0.0
        offset = float(inside / np.sqrt(count) / outside) if outside else float("inf")
    loose = undetermined(found)
    made = Polished(point, found, free, offset, 1.0, None, not loose, (), False)
    if at is None or loose:
        return made._replace(loose=tuple(np.flatnonzero(free)[loose].tolist()))
    values, vectors = np.linalg.eigh(np.eye(count) + _curvature(at, point, free, found))
    if count and values[0] <= 0.0:
        downhill = np.zeros(len(point.theta))
        downhill[free] = step(found, vectors[:, 0])
        return made._replace(lowest=float(values[0]), downhill=downhill)
    if offset > OFFSET and inside > _ROUNDING * point.noise:
        return made._replace(loose=_vague(made, rows - count))
    flat = _flat(at, made)
    return made._replace(minimum=not flat, determined=not flat, loose=flat)


def _vague(polished: Polished, spare: int) -> tuple[int, ...]:
    """Parameters whose standard errors, if they were any, would be much larger than themselves."""
    theta = np.abs(polished.point.theta[polished.free])
    deviation = np.sqrt(polished.point.squares / max(spare, 1))
    errors = deviation * np.sqrt(np.sum(np.square(inverse(polished.found)), axis=1))
    return tuple(np.flatnonzero(polished.free)[errors > _VAGUE * theta].tolist())


def digits_of_residuals(polished: Polished) -> float:
    """How many digits of the residuals rounding leaves, about."""
    size, noise = float(np.sqrt(polished.point.squares)), polished.point.noise
    return float(np.log10(size / noise)) if size and noise else (0.0 if noise or not size else 15.0)


def _flat(at: At, polished: Polished) -> tuple[int, ...]:
    """Parameters that can change visibly while residuals that are rounding alone remain so.

    A change is visible when it is large beside the parameter; for one that is 0 but for rounding, beside 1 and beside
    what would change the model as a whole, were it linear. Rounding leaves some directions open more than others: for
    each parameter that one is tried in which its error is largest.
    """
    found, point = polished.found, polished.point
    level = (_ROUNDING * point.noise) ** 2
    if not len(found.scales) or point.squares > level:
        return ()
    places = np.flatnonzero(polished.free)
    whole = np.minimum(1.0, point.noise / EPSILON / found.scales) if point.noise else np.ones(len(places))
    visible = np.maximum(_VISIBLE * np.abs(point.theta[places]), _SHIFT * whole)
    steps = inverse(found)
    loose: set[int] = set()
    for index, direction in enumerate(steps @ steps.T):
        if not direction[index] > 0.0:
            continue
        change = np.zeros(len(point.theta))
        change[places] = direction * (visible[index] / direction[index])
        if min(at(point.theta + change).squares, at(point.theta - change).squares) <= level:
            loose.add(int(places[index]))
    return tuple(sorted(loose))


def _plane(point: Point, free: Mask) -> Plane:
    return plane(point.jacobian[:, free], point.residuals)


def _snapped(at: At, point: Point, lower: Vector, upper: Vector) -> Point:
    """The point with parameters that press against a bound nearby put on it; trust regions only come close."""
    near = 1e-6 * np.maximum(1.0, np.abs(point.theta))
    gradient = point.jacobian.T @ point.residuals
    theta = np.where((point.theta - lower <= near) & (gradient > 0.0), lower, point.theta)
    theta = np.where((upper - point.theta <= near) & (gradient < 0.0), upper, theta)
    if np.array_equal(theta, point.theta):
        return point
    snapped = at(theta)
    return snapped if snapped.squares <= point.squares * (1.0 + 1e-9) else point


def _free(point: Point, lower: Vector, upper: Vector) -> Mask:
    """The parameters that are not held by a bound: those inside, and those that the gradient pulls inside."""
    gradient = point.jacobian.T @ point.residuals
    held: Mask = ((point.theta <= lower) & (gradient >= 0.0)) | ((point.theta >= upper) & (gradient <= 0.0))
    free: Mask = ~held
    return free


def _solved(bend: Matrix, inside: Vector) -> Vector:
    """(I + B) z = Q'r; directions that bend down are followed as if they bent up, so that the step leads down."""
    values, vectors = np.linalg.eigh(np.eye(len(bend)) + bend)
    solved: Vector = vectors @ ((vectors.T @ inside) / np.maximum(np.abs(values), 1e-3))
    return solved


def _better(
    at: At, point: Point, free: Mask, found: Plane, moved: Vector, lower: Vector, upper: Vector
) -> Point | None:
    """A point along this step that is better; None where there is none."""
    inside = float(np.linalg.norm(found.inside))
    for halvings in range(12):
        theta = point.theta.copy()
        theta[free] += moved * 0.5**halvings
        theta = np.clip(theta, lower, upper)
        if np.array_equal(theta, point.theta):
            return None
        tried = at(theta)
        rounding = 4.0 * EPSILON * point.squares + 4.0 * point.noise * np.sqrt(point.squares)
        if tried.squares < point.squares - rounding:
            return tried
        if tried.squares <= point.squares + rounding:  # level: the residuals in the plane say which is better
            left = float(np.linalg.norm(_plane(tried, free).inside))
            if left < 0.5 * inside:
                return tried
    return None


def _curvature(at: At, point: Point, free: Mask, found: Plane) -> Matrix:
    """B: the residuals on the second derivatives of the model, in the plane's coordinates. 0 where it is not known."""
    count = len(found.scales)
    size = float(np.sqrt(point.squares))
    none = np.zeros((count, count))
    if count > _MOST_CURVED or found.rank < count or size <= 1e4 * point.noise:
        return none
    steps = inverse(found)
    bend = none.copy()
    for index in range(count):
        shift = np.zeros(len(point.theta))
        shift[free] = steps[:, index] * (_BENT * size)
        ahead, behind = at(point.theta + shift), at(point.theta - shift)
        if not (np.isfinite(ahead.squares) and np.isfinite(behind.squares)):
            return none
        change = (ahead.jacobian[:, free] - behind.jacobian[:, free]).T @ point.residuals
        bend[:, index] = steps.T @ change / (2.0 * _BENT * size)
    symmetric: Matrix = (bend + bend.T) / 2.0
    return symmetric
