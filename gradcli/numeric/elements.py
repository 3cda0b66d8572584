"""Arrays read by those who write and judge numbers: shape, elements, size. NumPy need not be there for a number.

Enters: a number of any system, a list of numbers, or an array. Leaves: plain numbers and tuples. Invariant: a number
is its own only element, and has the shape ().
"""

from __future__ import annotations

from math import hypot, isfinite, sqrt
from typing import Any

Shape = tuple[int, ...]


def is_array(x: Any) -> bool:
    """Whether x has axes."""
    return bool(getattr(x, "shape", ()))


def shape_of(x: Any) -> Shape:
    """The shape of an array or of a list of numbers; () for a number."""
    return (len(x),) if isinstance(x, list) else tuple(getattr(x, "shape", ()))


def elements(x: Any) -> list[Any]:
    """The numbers of an array, row by row; of a number itself."""
    if isinstance(x, list):
        return x
    return list(x.ravel().tolist()) if is_array(x) else [x]


def norm(*several: Any) -> float:
    """The root of the sum of all squares; nothing over- or underflows on the way."""
    return hypot(*map(_norm, several))


def _norm(x: Any) -> float:
    if not is_array(x) or x.dtype.kind != "f":
        return hypot(*map(float, elements(x)))
    largest = float(abs(x).max()) if x.size else 0.0
    if largest == 0.0 or not isfinite(largest):
        return largest
    scaled = x / largest
    return largest * sqrt(float((scaled * scaled).sum()))
