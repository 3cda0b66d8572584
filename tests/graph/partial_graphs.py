"""Partials as graphs: a row's rule run on gates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcli.graph import ops
from gradcli.graph.graph import Graph, prune
from gradcli.graph.ops import ELEMENTWISE, Op
from gradcli.numeric import gates
from gradcli.numeric.system import NumberSystem

_ATTRIBUTES = [(ops.attribute(row.name), row.name) for row in ELEMENTWISE]


def names(row: Op, count: int) -> list[str]:
    """The operands' names: x1, x2 … for a variadic row."""
    return [f"x{place}" for place in range(1, count + 1)] if row.variadic else list(row.parameters)


def on_gates(graph: Graph) -> NumberSystem:
    """The number system that appends to graph."""

    def emit(name: str, operands: tuple[int, ...]) -> int:
        return graph.append(ops.CODES[name], operands, None, 0, 0)

    def emit_constant(literal: str) -> int:
        return graph.append(ops.CONSTANT, (), literal, 0, 0)

    return ops.on(gates.primitives(_ATTRIBUTES, emit, emit_constant))


def build(inputs: list[str], formula: Callable[..., Any]) -> Graph:
    """The graph of formula(m, *inputs) on gates."""
    graph = Graph()
    places = [graph.append(ops.INPUT, (), name, 0, 0) for name in inputs]
    m = on_gates(graph)
    result = formula(m, *[m.gate(place) for place in places])
    graph.output = m.number(repr(result)).index if isinstance(result, float) else result.index
    pruned = prune(graph, graph.output)
    pruned.verify()
    return pruned


def partial_graph(row: Op, position: int, count: int) -> Graph:
    """The graph of one partial of a row with count operands."""
    rule = row.partials[0 if row.variadic else position]

    def formula(m: Any, *operands: Any) -> Any:
        if isinstance(rule, float):
            return rule
        result = rule(m, getattr(m, ops.attribute(row.name))(*operands), *operands)
        return result[position] if row.variadic else result

    return build(names(row, count), formula)
