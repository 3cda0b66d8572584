"""One gate on arrays: its value, its local gradients, and what an edge adds to its operand's global gradient.

Enters: a graph with the values of its gates. Leaves: numbers and arrays. Invariant: a gate of numbers alone is left to
the rules for numbers; a contribution has the shape of its operand, whatever was broadcast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial as bound
from typing import Any

from gradcli.graph import ops
from gradcli.graph.defined import constant, functions_on
from gradcli.graph.graph import Graph
from gradcli.graph.ops.layout import Layout, Shape
from gradcli.graph.ops.row import OperandValue
from gradcli.numeric import arrays
from gradcli.numeric.system import NumberSystem


class Gates:
    """The gates of a graph on arrays of numbers of m."""

    __slots__ = ("_functions", "_on_arrays", "graph", "layouts", "m", "system", "values")

    def __init__(self, graph: Graph, m: NumberSystem, values: list[Any] | None = None) -> None:
        self.graph, self.m, self.system = graph, m, arrays.over(m)
        self.values: list[Any] = [None] * len(graph) if values is None else values
        self.layouts: dict[int, Layout] = {}
        self._functions: list[Any] = functions_on(graph.rows, m)
        self._on_arrays: list[Any] = functions_on(graph.rows, self.system)

    def row(self, index: int) -> ops.Op:
        return self.graph.rows[self.graph.codes[index]]

    def operands(self, index: int) -> list[Any]:
        """The values of a gate's operands."""
        values = self.values
        return [values[operand] for operand in self.graph.operands[index]]

    def shape(self, index: int) -> Shape:
        return self.graph.shapes.get(index, ())

    def layout(self, index: int) -> Layout:
        found = self.layouts.get(index)
        if found is None:
            found = self.layouts[index] = self.graph.layout(index)
        return found

    def constant(self, index: int) -> Any:
        """The value of a constant."""
        literal = self.graph.literals[index] or ""
        if index not in self.graph.shapes:
            return constant(self.m, literal)
        return arrays.read(literal, self.graph.shapes[index], bound(constant, self.m), self.m)

    def value(self, index: int) -> Any:
        """The value of a gate that has operands, from theirs."""
        xs, code = self.operands(index), self.graph.codes[index]
        if index in self.graph.settings:
            return arrays.frozen(self._on_arrays[code](*xs, **self.layout(index).settings))
        if index in self.graph.shapes:
            found = self._on_arrays[code](*xs)
            if self.system.shape_of(found) != self.graph.shapes[index]:  # a function of the program may ignore operands
                found = self.system.broadcast_to(found, shape=self.graph.shapes[index])
            return arrays.frozen(found)
        return self._functions[code](*xs)

    def local_gradients(self, index: int, active: Sequence[Any]) -> tuple[Any, ...]:
        """The local gradients on the edges of an elementwise gate.

        Args:
            active: for each operand, whether it is differentiated; None stands for the gradients of the others.
        """
        row = self.row(index)
        y, xs = self.values[index], self.operands(index)
        run = self.system.run if index in self.graph.shapes else bound(_run, self.m)
        if row.variadic:
            every = run(row.partials[0], y, *xs)
            return tuple(p if wanted else None for p, wanted in zip(every, active, strict=True))
        rules = zip(row.partials, active, strict=True)
        return tuple(_local(run, rule, y, xs) if wanted else None for rule, wanted in rules)

    def contributions(self, index: int, adjoint: Any, active: Sequence[Any]) -> list[Any]:
        """What a gate's edges add to the global gradients of its operands; None for those that are not active."""
        row = self.row(index)
        partials: Sequence[Any] = [None] * len(active)
        if row.variadic and not row.structural:
            partials = self.local_gradients(index, active)
        places = self.graph.operands[index]
        xs = self.operands(index)
        return [
            self._contribution(index, position, places[position], adjoint, partials[position], xs) if wanted else None
            for position, wanted in enumerate(active)
        ]

    def contribution(self, index: int, position: int, adjoint: Any, partial: Any = None) -> Any:
        """What one edge adds to its operand's global gradient.

        Args:
            partial: the local gradient, if it is known.
        """
        operand = self.graph.operands[index][position]
        return self._contribution(index, position, operand, adjoint, partial, self.operands(index))

    def parts(self, index: int, adjoint: Any, partials: Sequence[Any]) -> list[Any]:
        """The contributions of all edges whose local gradients are given; None where there is none."""
        places, xs = self.graph.operands[index], self.operands(index)
        return [
            None if partial is None else self._contribution(index, position, operand, adjoint, partial, xs)
            for position, (operand, partial) in enumerate(zip(places, partials, strict=True))
        ]

    def _contribution(
        self, index: int, position: int, operand: int, adjoint: Any, partial: Any, xs: Sequence[Any]
    ) -> Any:
        """That of one edge. What all edges of the gate share is handed in: there may be thousands of them."""
        row, graph = self.row(index), self.graph
        y, shape = self.values[index], self.shape(operand)
        if index in graph.settings:
            return self._by_rule(row.vjps or (), index, position, adjoint, xs)
        if index not in graph.shapes:
            return self._of_numbers(row, position, adjoint, partial, y, xs)
        part = self._flow(row, position, adjoint, partial, y, xs)
        system = self.system
        if system.shape_of(part) != graph.shapes[index]:
            part = system.broadcast_to(part, shape=graph.shapes[index])
        return part if shape == graph.shapes[index] else system.sum_to(part, shape=shape)

    def _flow(self, row: ops.Op, position: int, flow: Any, partial: Any, y: Any, xs: Sequence[Any]) -> Any:
        """An adjoint or a tangent through an elementwise gate, before what was broadcast is summed back."""
        system = self.system
        if row.vjps is not None and (rule := row.vjps[position]) is not None:
            return system.where(system.equal(flow, 0.0), 0.0, system.run(rule, flow, *xs))
        if partial is None:
            if row.variadic:
                partial = system.run(row.partials[0], y, *xs)[position]
            else:
                partial = _local(system.run, row.partials[position], y, xs)
        if partial.__class__ is float:
            if partial == 0.0 and not row.variadic and row.partials[position] == 0.0:
                return 0.0
            if partial == 1.0:
                return flow
            if partial == -1.0:
                return 0.0 - flow
        # A local gradient of every element that nobody looks at is used up: it may be the largest array of all.
        if arrays.is_fresh(partial) and arrays.shape_of(partial) == arrays.shape_of(flow):
            return arrays.chained(flow, partial)
        return system.chain(flow, partial)

    def _of_numbers(self, row: ops.Op, position: int, flow: Any, partial: Any, y: Any, xs: Sequence[Any]) -> Any:
        """The same for numbers."""
        m = self.m
        if row.vjps is not None and (rule := row.vjps[position]) is not None:
            return rule(m, flow, *xs)
        if not row.variadic and isinstance(row.partials[position], float) and row.partials[position] == 0.0:
            return 0.0
        if partial is None:
            rules: Any = row.partials
            partial = rules[0](m, y, *xs)[position] if row.variadic else _local(bound(_run, m), rules[position], y, xs)
        return m.chain(flow, partial)

    def _by_rule(self, rules: Sequence[Any], index: int, position: int, flow: Any, xs: Sequence[Any]) -> Any:
        """An adjoint or a tangent through a structural gate; a variadic row's rule reads no operand but its own."""
        variadic, layout = self.row(index).variadic, self.layout(index).at(position)
        rule, read = (rules[0], xs[position : position + 1]) if variadic else (rules[position], xs)
        return rule(self.system, layout, flow, self.values[index], *read)

    def moved(self, index: int, tangents: Sequence[Any]) -> Any:
        """By what a gate moves when its operands move by these tangents; None stands for what does not move."""
        row, xs, total = self.row(index), self.operands(index), None
        partials: Sequence[Any] = [None] * len(xs)
        if row.variadic and not row.structural:
            partials = self.local_gradients(index, [tangent is not None for tangent in tangents])
        for position, tangent in enumerate(tangents):
            if tangent is not None:
                part = self._moved(row, index, position, tangent, partials[position], xs)
                total = part if total is None else total + part
        return total

    def _moved(self, row: ops.Op, index: int, position: int, tangent: Any, partial: Any, xs: Sequence[Any]) -> Any:
        """The part of one operand."""
        graph, y = self.graph, self.values[index]
        if index in graph.settings:
            return self._by_rule(row.jvps or (), index, position, tangent, xs)
        if index not in graph.shapes:
            return self._of_numbers(row, position, tangent, partial, y, xs)
        system, shape = self.system, graph.shapes[index]
        tangent = system.broadcast_to(tangent, shape=shape)
        part = self._flow(row, position, tangent, partial, y, xs)
        return system.broadcast_to(part, shape=shape)


def _run(m: NumberSystem, rule: Any, *xs: Any) -> Any:
    return rule(m, *xs)


def _local(run: Any, rule: Any, y: Any, xs: Sequence[Any]) -> Any:
    """One local gradient."""
    if rule.__class__ is float:
        return rule
    return xs[rule.position] if rule.__class__ is OperandValue else run(rule, y, *xs)


def along(graph: Graph, values: list[Any], direction: Mapping[str, Any], m: NumberSystem) -> Any:
    """The derivative of the output along a direction, by a forward sweep.

    Args:
        values: of all gates.
        direction: by how much each input moves, of its shape or a number for all elements; the others stay.
    """
    gates = Gates(graph, m, values)
    tangents: list[Any] = [None] * len(graph)
    for name, index in graph.inputs.items():
        if name in direction:
            tangents[index] = gates.system.broadcast_to(direction[name], shape=gates.shape(index))
    with arrays.quiet():
        for index in range(len(graph)):
            if graph.operands[index]:
                tangents[index] = gates.moved(index, [tangents[operand] for operand in graph.operands[index]])
    found = tangents[graph.output]
    if found is None:
        found = gates.system.broadcast_to(0.0, shape=gates.shape(graph.output))
    return arrays.frozen(found)
