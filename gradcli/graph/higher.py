"""What is made of first derivatives: repeated ones, Hessians, Jacobians.

Enters: a Graph. Leaves: a graph that has grown, and the gates of its derivatives. Invariant: each is made of the sweeps
of `derive.py` alone, one after the other on one graph, so that what derivatives have in common is there once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from gradcli.errors import UsageError
from gradcli.graph.derive import derive, reverse_sweep, tangents
from gradcli.graph.emitting import Emitter
from gradcli.graph.graph import Graph, prune


def repeated(
    graph: Graph, name: str, order: int, *, max_gates: int | None = None, kind: type[Emitter] = Emitter
) -> Graph:
    """The graph of a repeated derivative of the output by one input.

    Args:
        graph: any; it is not changed.
        name: of an input.
        order: how often.
        max_gates, kind: as for `derive`.
    """
    for _ in range(order):
        derived = derive(graph, [name], max_gates=max_gates, kind=kind)
        if (gate := derived.gradients.get(name)) is None:
            gate = Emitter(derived.graph).constant("0")
        graph = prune(derived.graph, gate)
    return graph


class Second(NamedTuple):
    """A graph and its first and second derivatives.

    Attributes:
        graph, value, gradients: as of `Derived`.
        curvatures: for each pair of names, the gate of the second derivative; (x, y) and (y, x) are one gate.
    """

    graph: Graph
    value: int
    gradients: dict[str, int]
    curvatures: dict[tuple[str, str], int]


def hessian(
    graph: Graph, wrt: Collection[str] | None = None, output: int | None = None, *, max_gates: int | None = None
) -> Second:
    """The second derivatives of a gate, forward over reverse: the tangents of the gradient's gates.

    Args:
        graph, wrt, output, max_gates: as for `derive`. n inputs cost n sweeps over the gates of the gradient.

    Raises:
        UsageError: one of these inputs is an array.
    """
    _check_numbers(graph, [index for name, index in graph.inputs.items() if wrt is None or name in wrt])
    derived = derive(graph, wrt, output, max_gates=max_gates)
    emitter, names = Emitter(derived.graph, max_gates), list(derived.gradients)
    curvatures: dict[tuple[str, str], int] = {}
    for position, name in enumerate(names):
        others = names[position:]
        _, found = tangents(derived.graph, {name: "1"}, [derived.gradients[other] for other in others], emitter)
        for other, gate in zip(others, found, strict=True):
            curvatures[name, other] = curvatures[other, name] = gate
    return Second(derived.graph, derived.value, derived.gradients, curvatures)


class Jacobian(NamedTuple):
    """A graph and the derivatives of several of its gates.

    Attributes:
        graph: the gates of the program, then those of the derivatives.
        entries: for each output, the gates of its derivatives by the inputs.
    """

    graph: Graph
    entries: list[list[int]]


def jacobian(graph: Graph, wrt: Collection[str], outputs: Sequence[int], *, max_gates: int | None = None) -> Jacobian:
    """The derivatives of several gates by several inputs, all in one graph that shares what they have in common.

    Args:
        graph: any; it is not changed.
        wrt: names of inputs.
        outputs: the gates to differentiate: by a reverse sweep each, or by a forward sweep per input where these are
            fewer.
        max_gates: the most gates that the graph may grow to.

    Raises:
        UsageError: one of these inputs or outputs is an array.
    """
    _check_numbers(graph, [*(index for name, index in graph.inputs.items() if name in wrt), *outputs])
    emitter = Emitter(graph.copy(), max_gates)
    names = [name for name in graph.inputs if name in wrt]
    if len(names) < len(outputs):
        columns = [tangents(emitter.graph, {name: "1"}, outputs, emitter)[1] for name in names]
        return Jacobian(emitter.graph, [list(row) for row in zip(*columns, strict=True)])
    places, entries = [graph.inputs[name] for name in names], []
    for output in outputs:
        adjoints = reverse_sweep(emitter, places, output)
        found = [adjoints.get(place) for place in places]
        entries.append([emitter.constant("0") if gate is None else gate for gate in found])
    return Jacobian(emitter.graph, entries)


def _check_numbers(graph: Graph, gates: Sequence[int]) -> None:
    for index in gates:
        if index in graph.shapes:
            hint = "unroll the graph, which makes a gate of every element"
            raise UsageError(
                f"a matrix of derivatives is made of numbers, and {graph.label(index)} is an array", hint=hint
            )
