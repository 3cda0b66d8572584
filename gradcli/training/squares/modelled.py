"""An expression over all rows: a model, what it should give, how uncertain that is.

Enters: the graph of one row, constants, columns. Leaves: a `Modelled`. Invariant: what is computed of a row depends on
that row and the parameters alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcli.graph.graph import Graph
from gradcli.graph.ops.layout import Shape
from gradcli.graph.rewriting.unroll import element_names, unroll, unrolled_values
from gradcli.kernels import Kernel, choose_engine, kernel
from gradcli.training.layout import Layout, Vector

_RUNS = 100  # of a model that is fitted, about; what an engine is chosen by
_CURVE = 400  # points of a curve


class Rows(NamedTuple):
    """Data: columns with the rows as their first axis and the shape of a row, by input; and how many rows there are."""

    columns: Mapping[str, Any]
    shapes: Mapping[str, Shape]
    number: int

    def elements(self) -> dict[str, Vector]:
        """A column per number: x, X[0]."""
        found = {}
        for name, column in self.columns.items():
            for one, place in zip(element_names(name, self.shapes[name]), np.ndindex(*self.shapes[name]), strict=True):
                found[one] = column[(slice(None), *place)]
        return found


class How(NamedTuple):
    """The options of these names."""

    engine: str
    threads: int | None
    max_gates: int


class Modelled:
    """An expression, ready to be computed.

    Attributes:
        kernel: with the numbers of the parameters as what varies from run to run.
        columns: by input of the kernel.
    """

    def __init__(
        self, graph: Graph, constants: Mapping[str, Any], rows: Rows, parameters: Sequence[str], how: How
    ) -> None:
        """parameters: the names of their numbers, w or W[0,1]; the expression may do without some of them."""
        flat, numbers = unroll(graph, how.max_gates), unrolled_values(graph, constants)
        moved = [name for name in parameters if name in flat.inputs]
        engine = choose_engine(how.engine, flat, rows.number * (_RUNS if moved else 1))
        self.kernel: Kernel = kernel(
            flat, numbers, moved, varying=moved, engine=engine, threads=how.threads, max_gates=how.max_gates
        )
        self.columns = rows.elements()

    def values(self, layout: Layout | None = None, parameters: Mapping[str, Any] | None = None) -> Vector:
        """The number of every row. Never warns. layout, parameters: where there are some."""
        return self._run(self.columns, layout, parameters)

    def curve(self, layout: Layout, parameters: Mapping[str, Any]) -> tuple[str, list[float], list[float]] | None:
        """The only input that varies from row to row, a fine grid over it, and the numbers there; None for others."""
        if len(self.kernel.inputs) != 1:
            return None
        name = self.kernel.inputs[0]
        column = self.columns[name]
        grid = np.linspace(column.min(), column.max(), _CURVE)
        return name, grid.tolist(), self._run({name: grid}, layout, parameters).tolist()

    def _run(
        self, columns: Mapping[str, Vector], layout: Layout | None, parameters: Mapping[str, Any] | None
    ) -> Vector:
        numbers: list[float] = []
        if layout is not None and parameters is not None:
            known = dict(zip(layout.elements(), layout.vector(parameters).tolist(), strict=True))
            numbers = [known[name] for name in self.kernel.varying]
        found: Vector = self.kernel.run(columns, numbers=numbers).value
        return found


def first_wrong(numbers: Vector, positive: bool) -> int | None:
    """The first row whose number is not finite, or where it has to be not positive; None if all are right."""
    right = np.isfinite(numbers) & (numbers > 0.0) if positive else np.isfinite(numbers)
    return None if right.all() else int(np.argmin(right))
