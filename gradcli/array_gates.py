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
        return [
            self.contribution(index, position, adjoint, partials[position]) if wanted else None
            for position, wanted in enumerate(active)
        ]

    def contribution(self, index: int, position: int, adjoint: Any, partial: Any = None) -> Any:
        """What one edge adds to its operand's global gradient.

        Args:
            partial: the local gradient, if it is known.
        """
        row, graph = self.row(index), self.graph
        y, xs, shape = self.values[index], self.operands(index), self.shape(graph.operands[index][position])
        if index in graph.settings:
            rule: Any = (row.vjps or ())[0 if row.variadic else position]
            return rule(self.system, self.layout(index).at(position), adjoint, y, *xs)
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

    def moved(self, index: int, position: int, tangent: Any) -> Any:
        """By what a gate moves when one operand moves by the tangent."""
        row, graph = self.row(index), self.graph
        y, xs = self.values[index], self.operands(index)
        if index in graph.settings:
            rule: Any = (row.jvps or ())[0 if row.variadic else position]
            return rule(self.system, self.layout(index).at(position), tangent, y, *xs)
        if index not in graph.shapes:
            return self._of_numbers(row, position, tangent, None, y, xs)
        system, shape = self.system, graph.shapes[index]
        tangent = system.broadcast_to(tangent, shape=shape)
        part = self._flow(row, position, tangent, None, y, xs)
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
            for position, operand in enumerate(graph.operands[index]):
                if tangents[operand] is not None:
                    part, before = gates.moved(index, position, tangents[operand]), tangents[index]
                    tangents[index] = part if before is None else before + part
    found = tangents[graph.output]
    if found is None:
        found = gates.system.broadcast_to(0.0, shape=gates.shape(graph.output))
    return arrays.frozen(found)
