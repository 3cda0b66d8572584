"""The tangent plane of a model at a point, by orthogonal transformations of its Jacobian.

Enters: residuals and their Jacobian. Leaves: a `Plane`. Invariant: J'J is never formed, so that only the condition of
J's scaled columns, not its square, costs digits.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from gradcli.training.layout import Vector

Matrix: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"

RANK = 1e-12  # singular values of the scaled Jacobian below this times the largest one count as 0
_NAMED = 0.05  # of the largest part of a direction: what is smaller is not named


class Plane(NamedTuple):
    """A tangent plane with orthonormal coordinates z; a step of the parameters that moves by z is `step(plane, z)`.

    Attributes:
        scales: norms of the Jacobian's columns, 1 for a column of zeros.
        left, singular, right: the factors U, s, V' of R, where Q R are the scaled columns.
        inside: the residuals' coordinates in the plane.
        outside: the norm of their part that is orthogonal to it.
        rank: how many directions the data determine.
    """

    scales: Vector
    left: Matrix
    singular: Vector
    right: Matrix
    inside: Vector
    outside: float
    rank: int


def lengths(rows: Matrix) -> Vector:
    """The norm of every row; it overflows or vanishes only where the norm itself does."""
    largest = np.max(np.abs(rows), axis=1, initial=0.0)
    units = np.where((largest > 0.0) & np.isfinite(largest), largest, 1.0)
    found: Vector = units * np.sqrt(np.sum(np.square(rows / units[:, None]), axis=1))
    return found


def plane(jacobian: Matrix, residuals: Vector) -> Plane:
    """The tangent plane. Both are finite, and there are at least as many rows as columns."""
    count = jacobian.shape[1]
    scales = lengths(jacobian.T)
    scales[scales == 0.0] = 1.0
    triangle = np.asarray(np.linalg.qr(np.column_stack([jacobian / scales, residuals]), mode="r"))
    left, singular, right = np.linalg.svd(triangle[:count, :count])
    outside = abs(float(triangle[count, count])) if len(triangle) > count else 0.0
    rank = int(np.sum(singular > RANK * singular[0])) if count else 0
    return Plane(scales, left, singular, right, triangle[:count, count], outside, rank)


def step(found: Plane, moved: Vector) -> Vector:
    """The step of the parameters that moves by this in the plane, of all such the one without undetermined parts."""
    kept = slice(found.rank)
    along = (found.left[:, kept].T @ moved) / found.singular[kept]
    stepped: Vector = (found.right[kept].T @ along) / found.scales
    return stepped


def inverse(found: Plane) -> Matrix:
    """The matrix that makes steps of movements; its rows' products are the elements of the inverse of J'J."""
    kept = slice(found.rank)
    scaled = (found.right[kept].T / found.singular[kept]) @ found.left[:, kept].T
    made: Matrix = scaled / found.scales[:, None]
    return made


def undetermined(found: Plane) -> list[int]:
    """The parameters that can change, alone or together, without changing what the model says of the data."""
    free = np.abs(found.right[found.rank :])
    if not free.size:
        return []
    parts = np.max(free / np.max(free, axis=1, keepdims=True), axis=0)
    return [int(index) for index in np.flatnonzero(parts > _NAMED)]
