"""Functions of numbers as functions of arrays, called element by element.

Enters: a function of numbers. Leaves: a function of arrays and numbers that broadcasts. Invariant: called with numbers
alone it is the function itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

import numpy as np

Function = Callable[..., Any]


def plain(x: Any) -> Any:
    """x as a number where it has no axes."""
    if isinstance(x, np.ndarray):
        return x if x.ndim else x.item()
    return float(x) if isinstance(x, np.floating) else x


def filled(elements: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """An array of objects row by row."""
    found = np.empty(len(elements), dtype=object)
    for place, element in enumerate(elements):
        found[place] = element
    return found.reshape(shape)


def objects_of(x: Any) -> Any:
    """x as an array of objects."""
    if isinstance(x, np.ndarray):
        return x
    found = np.empty((), dtype=object)
    found[()] = x
    return found


def _columns(xs: Sequence[Any]) -> tuple[tuple[int, ...] | None, list[Any]]:
    """The common shape and each operand's elements; None for numbers alone."""
    shapes = [x.shape for x in xs if isinstance(x, np.ndarray)]
    if not shapes:
        return None, list(xs)
    shape = np.broadcast_shapes(*shapes)
    found = [np.broadcast_to(x, shape).ravel().tolist() if isinstance(x, np.ndarray) else repeat(x) for x in xs]
    return shape, found


def objects(function: Function) -> Function:
    """The function on arrays of objects. One that gives several numbers at once gives several arrays."""

    def apply(*xs: Any) -> Any:
        shape, columns = _columns(xs)
        if shape is None:
            return function(*xs)
        rows = list(map(function, *columns))
        if rows and isinstance(rows[0], tuple):
            return tuple(plain(filled(column, shape)) for column in zip(*rows, strict=True))
        return plain(filled(rows, shape))

    return apply


def floats(function: Function) -> Function:
    """The function on arrays of float64."""

    def apply(*xs: Any) -> Any:
        shape, columns = _columns(xs)
        if shape is None:
            return function(*xs)
        count = int(np.prod(shape, dtype=np.int64))
        return np.fromiter(map(function, *columns), np.float64, count).reshape(shape)

    return apply


def either(vector: Function, scalar: Function) -> Function:
    """One function for arrays, another one for numbers alone."""

    def apply(*xs: Any) -> Any:
        for x in xs:
            if x.__class__ is np.ndarray:
                return vector(*xs)
        return scalar(*xs)

    return apply


def patched(vector: Function, is_odd: Function, scalar: Function) -> Function:
    """A function of arrays that leaves odd elements to the function of numbers.

    Args:
        vector: the function on arrays.
        is_odd: is_odd(y, *xs) → where the result y is not to be believed.
        scalar: the function on numbers.
    """

    def apply(*xs: Any) -> Any:
        y = vector(*xs)
        odd = np.broadcast_to(is_odd(y, *xs), y.shape)
        if odd.any():
            y = y if y.flags.writeable else y.copy()
            columns = [np.broadcast_to(x, y.shape)[odd].tolist() for x in xs]
            y[odd] = list(map(scalar, *columns))
        return y

    return apply
