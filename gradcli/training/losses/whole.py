"""A loss over whole columns, or without any data: the passes on arrays.

Enters: a `Form` of whole columns, the graph of a penalty. Leaves: `Whole`, an objective. Invariant: the graph is made
for a number of rows and kept; memory is what the gates' arrays take, and nothing of it stays after an evaluation.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from gradcli.array_gates import Gates
from gradcli.array_passes import backward
from gradcli.graph import ops
from gradcli.graph.graph import Graph, dependents
from gradcli.numeric import arrays
from gradcli.passes import FLOATS, evaluate_graph, forward_with_partials
from gradcli.passes import backward as backward_of_numbers
from gradcli.passes import forward as forward_of_numbers
from gradcli.traces import Trace
from gradcli.training.layout import Layout, Vector
from gradcli.training.losses import blowup
from gradcli.training.losses.forms import Form
from gradcli.training.objective import Blamed, Columns, Evaluation, count

_KEPT = 4  # graphs: for full batches, the last one, other data, and what is watched


class Function:
    """A graph at many points: value and gradient, and nothing that is only looked at. For one thread at a time."""

    def __init__(self, graph: Graph, parameters: Collection[str]) -> None:
        self.graph = graph
        self.parameters = [name for name in graph.inputs if name in parameters]
        self._inputs = graph.inputs
        self._of_numbers = not (graph.shapes or graph.settings)
        self._gates = Gates(graph, FLOATS)
        self._computed = [index for index, code in enumerate(graph.codes) if code > ops.CONSTANT]
        self._active = dependents(graph, [self._inputs[name] for name in self.parameters])
        for index, code in enumerate(graph.codes):
            if code == ops.CONSTANT:
                self._gates.values[index] = self._gates.constant(index)

    def value(self, given: Mapping[str, Any]) -> float:
        """The output at values of all inputs."""
        if self._of_numbers:
            return float(forward_of_numbers(self.graph, given)[self.graph.output])
        found = self._forward(given)
        self._forget()
        return found

    def value_and_gradient(self, given: Mapping[str, Any], layout: Layout) -> tuple[float, Vector]:
        """The same, and the derivatives by the parameters, as a vector."""
        graph = self.graph
        if self._of_numbers:
            values, partials, adjoints = forward_with_partials(graph, given, self.parameters)
            backward_of_numbers(graph, values, partials, adjoints)
            value = float(values[graph.output])
        else:
            value = self._forward(given)
            adjoints = backward(self._gates, self._active, 1.0)
            self._forget()
        gradient = np.zeros(layout.size)
        for name in self.parameters:
            adjoint = adjoints[self._inputs[name]]
            if adjoint is not None:
                gradient[layout.slices[name]] = np.ravel(adjoint)
        return value, gradient

    def _forward(self, given: Mapping[str, Any]) -> float:
        gates, values = self._gates, self._gates.values
        for name, index in self._inputs.items():
            values[index] = arrays.view(given[name])
        with arrays.quiet():
            for index in self._computed:
                values[index] = gates.value(index)
        return float(values[self.graph.output])

    def _forget(self) -> None:
        values = self._gates.values
        for index in (*self._inputs.values(), *self._computed):
            values[index] = None


class Whole:
    """An objective of a form that is not per row.

    Attributes:
        layout: of the parameters.
        engine: "arrays".
        form: the loss.
    """

    engine = "arrays"

    def __init__(self, form: Form, penalty: Graph | None = None) -> None:
        self.form, self.layout = form, Layout(form.parameters)
        self.penalty = None if penalty is None else Penalty(penalty, form, self.layout)
        self._functions: dict[int, Function] = {}

    def evaluate(self, theta: Vector, columns: Columns) -> Evaluation:
        function, given = self._at(theta, columns)
        found = Evaluation(*function.value_and_gradient(given, self.layout))
        return found if self.penalty is None else self.penalty.added(found, theta)

    def loss(self, theta: Vector, columns: Columns) -> float:
        function, given = self._at(theta, columns)
        return function.value(given)

    def trace(self, theta: Vector, columns: Columns) -> Trace:
        """Both passes, without the penalty."""
        function, given = self._at(theta, columns)
        return evaluate_graph(function.graph, given, function.parameters)

    def blame(self, theta: Vector, columns: Columns, start: Vector) -> Blamed | None:
        return blowup.at(self._blamed(theta, columns, start), theta, start)

    def _blamed(self, theta: Vector, columns: Columns, start: Vector) -> Blamed | None:
        function, _ = self._at(theta, columns)
        if (found := blowup.of_parameters(self.layout, theta, function.graph)) is not None:
            return found
        trace = self.trace(theta, columns)
        if (found := blowup.not_finite(trace)) is not None:
            return found
        if self.penalty is not None and (found := self.penalty.blame(theta, start, _output(trace))) is not None:
            return found
        return blowup.grown(trace.graph, self.trace(start, columns).values, trace.values)

    def _at(self, theta: Vector, columns: Columns) -> tuple[Function, dict[str, Any]]:
        """The function for so many rows, and the values of its inputs."""
        return self._of(count(columns)), {**columns, **self.form.constants, **self.layout.values(theta)}

    def _of(self, rows: int) -> Function:
        found = self._functions.pop(rows, None)
        if found is None:
            while len(self._functions) >= _KEPT:
                del self._functions[next(iter(self._functions))]
            form = self.form
            found = Function(form.lowered(rows) if form.columns else form.graph, form.parameters)
        self._functions[rows] = found  # the one used last stands last
        return found


class Penalty:
    """A function of the parameters alone, added to a loss."""

    def __init__(self, graph: Graph, form: Form, layout: Layout) -> None:
        self._function, self._constants, self._layout = Function(graph, form.parameters), form.constants, layout

    def added(self, found: Evaluation, theta: Vector) -> Evaluation:
        """A loss and its gradient with those of the penalty."""
        value, gradient = self._function.value_and_gradient(self._given(theta), self._layout)
        with arrays.quiet():
            return Evaluation(found.loss + value, found.gradient + gradient)

    def blame(self, theta: Vector, start: Vector, loss: float) -> Blamed | None:
        """The gate at which the penalty stops being finite, or has grown, where it is larger than the loss.

        Its place is in the penalty's text, so none is told.
        """
        function = self._function
        trace, before = (
            evaluate_graph(function.graph, self._given(one), function.parameters) for one in (theta, start)
        )
        found = blowup.not_finite(trace)
        if found is None and abs(_output(trace)) > abs(loss):
            found = blowup.grown(trace.graph, before.values, trace.values)
        return None if found is None else Blamed(found.text, 0, 0, f"{found.message} in the penalty")

    def _given(self, theta: Vector) -> dict[str, Any]:
        return {**self._constants, **self._layout.values(theta)}


def _output(trace: Trace) -> float:
    return float(trace.values[trace.graph.output])
