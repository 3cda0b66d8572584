"""Nested lists as arrays.

Enters: lists in lists, as JSON or an array's text has them. Leaves: their shape and their elements, row by row.
Invariant: all lists at one depth are equally long, and there is an element; whatever is not so is named by its place,
W[1,0], counted from 0 as programs count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gradcli.errors import BindingError
from gradcli.graph.ops.layout import Shape
from gradcli.printable import shorten

MOST_AXES = 8
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def place(name: str, position: int, shape: Sequence[int]) -> str:
    """What the element at a position, row by row, is called: W[1,0]."""
    indices = []
    for extent in reversed(shape):
        position, index = divmod(position, extent)
        indices.append(str(index))
    return f"{name}[{','.join(reversed(indices))}]" if indices else name


def flattened(nested: list[Any], name: str) -> tuple[Shape, list[Any]]:
    """The shape of nested lists and their elements, row by row.

    Raises:
        BindingError: a list is empty, or longer than the first one of its depth, or there are too many axes.
    """
    shown_name = shorten(name)
    level: list[Any] = [nested]
    shape: Shape = ()
    while isinstance(level[0], list):
        if len(shape) == MOST_AXES:
            raise too_deep(name)
        extent = len(level[0])
        for position, row in enumerate(level):
            if not isinstance(row, list) or len(row) != extent:
                raise _ragged(shown_name, level, position, shape)
        if not extent:
            hint = "an array has an element at least"
            raise BindingError(f"{place(shown_name, 0, shape)} is an empty array", hint=hint)
        shape = (*shape, extent)
        level = [element for row in level for element in row]
    for position, element in enumerate(level):
        if isinstance(element, list):
            raise _ragged(shown_name, level, position, shape)
    return shape, level


def too_deep(name: str) -> BindingError:
    return BindingError(f"the value of {shorten(name)} is nested too deeply: an array has at most {MOST_AXES} axes")


def _ragged(name: str, level: list[Any], position: int, shape: Shape) -> BindingError:
    """The first element that is unlike the very first one of its level."""
    other, first = place(name, position, shape), place(name, 0, shape)
    message = f"{other} {_kind(level[position])} but {first} {_kind(level[0])}"
    return BindingError(message, hint="the rows of an array are equally long")


def _kind(element: Any) -> str:
    if not isinstance(element, list):
        return "is a number"
    return f"has {len(element)} element{'' if len(element) == 1 else 's'}"


def array(shape: Shape, elements: Iterable[float], exact: bool = False) -> Any:
    """An array of float64 numbers; of the very objects if these are `exact` numbers."""
    from gradcli.numeric import arrays

    return arrays.shaped(list(elements), shape, exact)


def read_array(nested: list[Any], name: str, number: Callable[[Any, str], float], exact: bool = False) -> Any:
    """The array that nested lists stand for.

    Args:
        name: what it is called in messages.
        number: number(element, its name) reads one.
        exact: whether what `number` gives is kept as it is.
    """
    shape, elements = flattened(nested, name)
    found = []
    for position, element in enumerate(elements):
        found.append(element if element.__class__ is float else number(element, place(name, position, shape)))
    return array(shape, found, exact)
