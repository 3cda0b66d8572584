"""How long a vector is, and whether its numbers are finite.

Enters: vectors. Leaves: numbers. Invariant: bits depend on the numbers alone, not on threads.
"""

from __future__ import annotations

from math import inf, isfinite, sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gradcli.training.layout import Vector

BLOCK = 8_192  # numbers: so many stay in the cache, and BLAS does not share out so few
_SMALL, _LARGE = 1e-280, 1e280  # sums of squares between these have lost nothing to underflow or overflow


def _squares(vector: Vector) -> float:
    if vector.size <= BLOCK:
        return float(vector.dot(vector))
    total = 0.0
    for begin in range(0, vector.size, BLOCK):
        part = vector[begin : begin + BLOCK]
        total += float(part.dot(part))
    return total


def largest(vector: Vector) -> float:
    """The largest absolute value; 0 of nothing, nan where one is nan."""
    return float(max(vector.max(), -vector.min())) if vector.size else 0.0


def norm(vector: Vector) -> float:
    """The root of the sum of squares. Infinite only where it overflows itself; nan where a number is nan."""
    squares = _squares(vector)
    if _SMALL < squares < _LARGE:
        return sqrt(squares)
    scale = largest(vector)
    if scale == 0.0 or not isfinite(scale):
        return scale
    return scale * sqrt(_squares(vector / scale))


def distance(one: Vector, other: Vector) -> float:
    """The norm of the difference."""
    return norm(one - other)


def all_finite(vector: Vector) -> bool:
    """Whether every number is."""
    return _squares(vector) < inf or bool(np.isfinite(vector).all())
