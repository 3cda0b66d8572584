"""A loss per row, averaged or added: a kernel over the rows whose parameters vary from run to run.

Enters: a `Form` that is per row, the graph of a penalty. Leaves: `PerRow`, an objective. Invariant: no number per row
and parameter is ever stored but for blame, and there of few rows at once; gradients are those of the unrolled graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcli.diagnose.stages import ROWS
from gradcli.errors import LimitError
from gradcli.graph import ops
from gradcli.graph.graph import Graph, dependents
from gradcli.graph.ops.layout import Settings, canonical
from gradcli.graph.rewriting.template import empty_like
from gradcli.graph.rewriting.unroll import unroll, unrolled_values
from gradcli.kernels import Kernel, choose_engine, kernel
from gradcli.passes import FLOATS, evaluate_graph, forward
from gradcli.traces import Trace
from gradcli.training.layout import Layout, Vector, by_elements, feeds
from gradcli.training.losses import blowup
from gradcli.training.losses.forms import Form
from gradcli.training.losses.whole import Penalty
from gradcli.training.objective import Blamed, Columns, Evaluation, count

_AT_ONCE = 1 << 22  # numbers that are stored while the row to blame is looked for
_FOLLOWED = 50  # rows that are looked at one by one, until one is spoilt by the gate that spoils most
_ROWS_COMPARED = 1 << 22  # gates × rows that are evaluated twice to see what has grown


class PerRow:
    """An objective of a form that is per row. For one thread at a time.

    Attributes:
        layout: of the parameters.
        engine: "numpy" or "native".
        form: the loss.
        flat: the graph of one row, its arrays as their elements.
    """

    def __init__(
        self,
        form: Form,
        penalty: Graph | None = None,
        *,
        engine: str = "numpy",
        threads: int | None = None,
        rows: int | None = None,
    ) -> None:
        """Make the kernel.

        Args:
            engine: "numpy", "native", or "auto".
            threads: of the native engine.
            rows: how many are going to be computed, over the whole run; what "auto" chooses by.

        Raises:
            LimitError: the loss of a row needs too many gates, or its gradient does.
            NativeError: there is no C compiler, or it failed.
        """
        self.form, self.layout = form, Layout(form.parameters)
        self.penalty = None if penalty is None else Penalty(penalty, form, self.layout)
        try:
            self.flat = unroll(form.graph, form.max_gates)
            self.engine = choose_engine(engine, self.flat, rows)
            self._threads = threads
            self._constants: dict[str, float] = unrolled_values(form.graph, form.constants)
            inputs = self.flat.inputs
            self._names = self.layout.elements()
            self._used = np.array([place for place, name in enumerate(self._names) if name in inputs], dtype=np.intp)
            self._wrt = [self._names[place] for place in self._used]
            self._kernel = self._made(self._wrt)
        except LimitError as error:
            error.hint = "over whole columns, as in mean((X@w - y)^2), a program needs far fewer; or raise --max-gates"
            raise
        self._alone: Kernel | None = None  # values without gradients
        self._spread: tuple[int, Graph] | None = None
        self._feeds = [feed for feed in feeds(form.columns) if feed.element in inputs]

    def _made(self, wrt: list[str]) -> Kernel:
        return kernel(
            self.flat, self._constants, wrt, varying=self._wrt, engine=self.engine, threads=self._threads,
            max_gates=self.form.max_gates,
        )  # fmt: skip

    def evaluate(self, theta: Vector, columns: Columns) -> Evaluation:
        totals = self._kernel.totals(self._elements(columns), theta[self._used])
        divisor = self._divisor(columns)
        gradient = np.zeros(self.layout.size)
        gradient[self._used] = totals.gradients / divisor
        found = Evaluation(totals.value / divisor, gradient)
        return found if self.penalty is None else self.penalty.added(found, theta)

    def loss(self, theta: Vector, columns: Columns) -> float:
        if self._alone is None:
            self._alone = self._made([])
        return self._alone.totals(self._elements(columns), theta[self._used]).value / self._divisor(columns)

    def trace(self, theta: Vector, columns: Columns) -> Trace:
        """Both passes over arrays with the rows as their only axis, without the penalty.

        Gates that depend on parameters alone are numbers. With many rows, take some: all gates are kept.
        """
        found = evaluate_graph(self._over(count(columns)), self._given(theta, columns), self._wrt)
        found.cache[ROWS] = True
        return found

    def blame(self, theta: Vector, columns: Columns, start: Vector) -> Blamed | None:
        return blowup.at(self._blamed(theta, columns, start), theta, start)

    def _blamed(self, theta: Vector, columns: Columns, start: Vector) -> Blamed | None:
        if (found := blowup.of_parameters(self.layout, theta, self.form.graph)) is not None:
            return found
        if (found := self._spoilt(theta, columns)) is not None:
            return found
        if self.penalty is not None:
            found = self.penalty.blame(theta, start, self.loss(theta, columns))
            if found is not None:
                return found
        loss, gradient = self.evaluate(theta, columns)
        if not (np.isfinite(loss) and np.isfinite(gradient).all()):
            return blowup.of_sum(self.flat, count(columns))
        some = {name: column[: max(1, _ROWS_COMPARED // len(self.flat))] for name, column in columns.items()}
        graph = self._over(count(some))
        before, after = (forward(graph, self._given(one, some)) for one in (start, theta))
        return blowup.grown(graph, before, after)

    def _spoilt(self, theta: Vector, columns: Columns) -> Blamed | None:
        """The gate that spoils the most rows, with the numbers of one of them."""
        elements, numbers = self._elements(columns), theta[self._used]
        places: dict[tuple[int, int], int] = {}
        rows: list[dict[str, float]] = []
        most = max(1, min(_FOLLOWED, _AT_ONCE // len(self.flat)))
        for some in _parts(elements, count(columns), max(1, _AT_ONCE // (1 + len(self._used)))):
            outputs = self._kernel.run(some, numbers=numbers)
            odd = ~np.isfinite(outputs.value)
            for gradient in outputs.gradients.values():
                odd |= ~np.isfinite(gradient)
            if not odd.any():
                continue
            bad = {name: column[odd] for name, column in some.items()}
            for place, spoilt in self._kernel.blame(bad, numbers).items():
                places[place] = places.get(place, 0) + spoilt
            for row in range(min(int(odd.sum()), most - len(rows))):
                rows.append({name: float(column[row]) for name, column in bad.items()})
        if not places:
            return None
        fixed = self._constants | dict(zip(self._wrt, numbers.tolist(), strict=True))
        traces = (evaluate_graph(self.flat, fixed | row, self._wrt, FLOATS) for row in rows)
        place = max(places, key=lambda one: (places[one], -one[0], -one[1]))
        return blowup.of_rows(self.flat, place, traces, places[place], count(columns))

    def _divisor(self, columns: Columns) -> float:
        return float(max(1, count(columns))) if self.form.reduce == "mean" else 1.0

    def _elements(self, columns: Columns) -> dict[str, Any]:
        """The kernel's columns: x, X[0,1]. If it needs none, one that tells how many rows there are."""
        return by_elements(columns, self._feeds) or {"": np.zeros(count(columns))}

    def _given(self, theta: Vector, columns: Columns) -> dict[str, Any]:
        """The values of the inputs of the flat graph."""
        return self._constants | self._elements(columns) | dict(zip(self._names, theta.tolist(), strict=True))

    def _over(self, rows: int) -> Graph:
        """The graph of many rows; the last one is kept."""
        if self._spread is None or self._spread[0] != rows:
            reduce = self.form.reduce or "mean"
            self._spread = rows, over_rows(self.flat, [feed.element for feed in self._feeds], rows, reduce)
        return self._spread[1]


def _parts(elements: dict[str, Any], rows: int, most: int) -> Iterator[dict[str, Any]]:
    for first in range(0, rows, most):
        yield {name: column[first : first + most] for name, column in elements.items()}


def over_rows(flat: Graph, columns: list[str], rows: int, reduce: str) -> Graph:
    """A graph of numbers over many rows at once: what depends on a column becomes an array with the rows as its axis.

    Args:
        columns: the inputs that are columns.
        reduce: "mean" or "sum", the gate that is appended.
    """
    found = empty_like(flat)
    axis: Settings = (("shape", (rows,)),)
    inputs = flat.inputs
    varies = dependents(flat, [inputs[name] for name in columns])
    for index, code in enumerate(flat.codes):
        settings = axis if code == ops.INPUT and varies[index] else None
        place = flat.starts[index], flat.ends[index]
        found.append(code, flat.operands[index], flat.literals[index], *place, settings)
    found.stages, found.groups, found.gating = dict(flat.stages), [*flat.groups], set(flat.gating)
    place = flat.starts[flat.output], flat.ends[flat.output]
    output = flat.output
    if not varies[output]:
        output = found.append(ops.CODES["broadcast_to"], (output,), None, *place, axis)
    code = ops.CODES[reduce]
    settings = canonical(ops.ROWS[code].settings, {}, [(rows,)])
    found.output = found.append(code, (output,), None, *place, settings)
    return found
