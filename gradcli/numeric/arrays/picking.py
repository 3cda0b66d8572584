"""Elements of arrays, one by one: for messages, which name the first of many.

Enters: arrays and numbers. Leaves: plain numbers, places as tuples of ints. Invariant: a number is its own element, at
the place ().
"""

from __future__ import annotations

from typing import Any

import numpy as np

Shape = tuple[int, ...]


def element(x: Any, place: Shape) -> Any:
    """The element at a place."""
    if not isinstance(x, np.ndarray):
        return x
    found = x[place]
    return float(found) if isinstance(found, np.floating) else found


def elements(x: Any, shape: Shape) -> list[Any]:
    """The elements row by row, repeated as a broadcast to the shape repeats them."""
    if not isinstance(x, np.ndarray):
        x = np.array(x, dtype=None if isinstance(x, float) else object)
    found: list[Any] = np.broadcast_to(x, shape).ravel().tolist()
    return found


def flag(x: Any) -> Any:
    """A truth that ~, & and | work on."""
    return np.bool_(x)


def first(flags: Any) -> Shape:
    """The place of the first element that is true."""
    return tuple(int(k) for k in np.unravel_index(int(np.argmax(flags)), flags.shape))
