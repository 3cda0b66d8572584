"""Parameters by name, and the same as one vector; columns by input, and the same number by number.

Enters: names and shapes. Leaves: a `Layout`, and `Feed`s. Invariant: parameters keep their order, and the elements of
an array are in the order of its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from gradcli.graph.ops.layout import Shape
from gradcli.graph.rewriting.unroll import element_names
from gradcli.training.measures import norm

Vector: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"


class Feed(NamedTuple):
    """A number of every row: where it stands in the column of its input, which has the rows as its first axis.

    Attributes:
        element: what it is called: x, X[0,1].
        input: x, X.
        place: in the column.
    """

    element: str
    input: str
    place: tuple[Any, ...]


def feeds(shapes: Mapping[str, Shape]) -> list[Feed]:
    """All numbers of a row. shapes: of the inputs in a row, by input."""
    return [
        Feed(element, name, (slice(None), *place))
        for name, shape in shapes.items()
        for element, place in zip(element_names(name, shape), np.ndindex(*shape), strict=True)
    ]


def by_elements(columns: Mapping[str, Any], wanted: Iterable[Feed]) -> dict[str, Vector]:
    """A column per number; views. columns: by input; an array's may also come by element."""
    return {
        feed.element: columns[feed.element] if feed.element in columns else columns[feed.input][feed.place]
        for feed in wanted
    }


class Layout:
    """Where every parameter stands in the vector of all.

    Attributes:
        shapes: of the parameters, in their order; () for a number.
        slices: of the vector, by parameter.
        size: of the vector.
    """

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self.shapes = dict(shapes)
        self.slices: dict[str, slice] = {}
        self.size = 0
        for name, shape in self.shapes.items():
            self.slices[name] = slice(self.size, self.size + prod(shape))
            self.size += prod(shape)

    def vector(self, values: Mapping[str, Any]) -> Vector:
        """The vector of numbers and arrays by name. Others than the parameters are not looked at."""
        found = np.empty(self.size)
        for name, place in self.slices.items():
            found[place] = np.ravel(values[name])
        return found

    def values(self, vector: Vector) -> dict[str, Any]:
        """Numbers as floats, and arrays, by name; copies."""
        found: dict[str, Any] = {}
        for name, place in self.slices.items():
            shape = self.shapes[name]
            found[name] = vector[place].reshape(shape).copy() if shape else float(vector[place.start])
        return found

    def elements(self) -> list[str]:
        """What every number of the vector is called: w, W[0,1]."""
        return [one for name, shape in self.shapes.items() for one in element_names(name, shape)]

    def norms(self, vector: Vector) -> dict[str, float]:
        """The root of the sum of squares of every parameter's part; inf only where that overflows itself."""
        return {name: norm(vector[place]) for name, place in self.slices.items()}
