"""An expression over all rows: a model, what it should give, how uncertain that is.

Enters: the graph of one row, constants, columns. Leaves: a `Modelled`. Invariant: what is computed of a row depends on
that row and the parameters alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcli.graph.graph import Graph
from gradcli.graph.ops.layout import Shape
from gradcli.graph.rewriting.unroll import unroll, unrolled_values
from gradcli.kernels import Kernel, choose_engine, kernel
from gradcli.passes import FLOATS, evaluate_graph
from gradcli.traces import Trace
from gradcli.training.layout import Layout, Vector, by_elements, feeds
from gradcli.training.losses.blowup import of_rows
from gradcli.training.objective import Blamed

_RUNS = 100  # of a model that is fitted, about; what an engine is chosen by
_FOLLOWED = 50  # rows that are looked at one by one, until one is spoilt by the gate that spoils most
_CURVE = 400  # points of a curve


class Rows(NamedTuple):
    """Data: columns with the rows as their first axis and the shape of a row, by input; and how many rows there are."""

    columns: Mapping[str, Any]
    shapes: Mapping[str, Shape]
    number: int

    def elements(self) -> dict[str, Vector]:
        """A column per number: x, X[0]."""
        return by_elements(self.columns, feeds({name: self.shapes[name] for name in self.columns}))


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
        self._flat, self._constants, self._count = flat, numbers, rows.number

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
        found: Vector = self.kernel.run(columns, numbers=self._numbers(layout, parameters)).value
        return found

    def _numbers(self, layout: Layout | None, parameters: Mapping[str, Any] | None) -> list[float]:
        """What the kernel takes from run to run."""
        if layout is None or parameters is None:
            return []
        known = dict(zip(layout.elements(), layout.vector(parameters).tolist(), strict=True))
        return [known[name] for name in self.kernel.varying]

    def blame(self, layout: Layout, parameters: Mapping[str, Any]) -> tuple[Blamed, int] | None:
        """The gate that makes values or gradients not finite in most rows, and a row where it does; None for none."""
        numbers = self._numbers(layout, parameters)
        columns = self.columns or {"": np.zeros(self._count)}
        outputs = self.kernel.run(columns, numbers=numbers)
        odd = ~np.isfinite(outputs.value)
        for gradient in outputs.gradients.values():
            odd |= ~np.isfinite(gradient)
        places = self.kernel.blame({name: column[odd] for name, column in columns.items()}, numbers)
        if not places:
            return None
        place = max(places, key=lambda one: (places[one], -one[0], -one[1]))
        fixed = self._constants | dict(zip(self.kernel.varying, numbers, strict=True))
        looked = 0

        def traces() -> Iterator[Trace]:
            nonlocal looked
            for looked in np.flatnonzero(odd)[:_FOLLOWED].tolist():
                row = {name: float(columns[name][looked]) for name in self.kernel.inputs}
                yield evaluate_graph(self._flat, fixed | row, self.kernel.varying, FLOATS)

        return of_rows(self._flat, place, traces(), places[place], self._count), looked


def first_wrong(numbers: Vector, positive: bool) -> int | None:
    """The first row whose number is not finite, or where it has to be not positive; None if all are right."""
    right = np.isfinite(numbers) & (numbers > 0.0) if positive else np.isfinite(numbers)
    return None if right.all() else int(np.argmin(right))
