"""The forward and the backward pass of graphs with arrays.

Enters: a Graph, a number or an array per input, the number system of the elements. Leaves: the columns of a `Trace`.
Invariant: values and global gradients are kept and never changed afterwards; local gradients of elements are not kept,
but computed again when somebody looks at them, since they would take as much memory as everything else together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gradcli.array_gates import Gates
from gradcli.errors import BindingError
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.ops.layout import shown
from gradcli.graph.wanted import check_output
from gradcli.numeric import arrays
from gradcli.numeric.system import NumberSystem
from gradcli.traces import BY_RULE, Trace


class LocalGradients(Sequence[tuple[Any, ...] | None]):
    """Per gate, the local gradient on the edge to each operand, computed when looked at.

    None where the operand is not differentiated; in place of a tuple, where none is. BY_RULE on an edge of a structural
    gate.
    """

    def __init__(self, gates: Gates, active: bytearray) -> None:
        self._gates, self._active = gates, active

    def __len__(self) -> int:
        return len(self._active)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        graph = self._gates.graph
        active = [self._active[operand] for operand in graph.operands[index]]
        if not any(active):
            return None
        if index in graph.settings:
            return tuple(BY_RULE if wanted else None for wanted in active)
        with arrays.quiet():
            return tuple(map(arrays.frozen, self._gates.local_gradients(index, active)))


def forward(graph: Graph, inputs: Mapping[str, Any], m: NumberSystem) -> list[Any]:
    """The value of every gate.

    Args:
        inputs: for every input of the graph a number of the system m, or an array of its shape.
    """
    return _forward(graph, inputs, (), m)[0].values


def _forward(
    graph: Graph, inputs: Mapping[str, Any], wrt: Collection[str] | None, m: NumberSystem
) -> tuple[Gates, bytearray]:
    """The gates with their values, and a flag for each: whether it depends on an input of wrt."""
    gates, active = Gates(graph, m), bytearray(len(graph))
    values = gates.values
    with arrays.quiet():
        for index, code in enumerate(graph.codes):
            if code == ops.INPUT:
                name = graph.literals[index] or ""
                values[index], active[index] = arrays.view(inputs[name]), wrt is None or name in wrt
            elif code == ops.CONSTANT:
                values[index] = gates.constant(index)
            else:
                values[index] = gates.value(index)
                active[index] = any(active[operand] for operand in graph.operands[index])
    return gates, active


def backward(gates: Gates, active: bytearray, seed: Any) -> list[Any]:
    """Global gradients: the derivative of the output with respect to every gate that is active; None for the others."""
    graph, shapes = gates.graph, gates.graph.shapes
    adjoints: list[Any] = [0.0 if flag else None for flag in active]
    if not active[graph.output]:
        return adjoints
    adjoints[graph.output] = seed
    with arrays.quiet():
        for index in range(len(graph) - 1, -1, -1):
            adjoint = adjoints[index]
            if adjoint is None:
                continue
            if not arrays.is_array(adjoint) and not adjoint:
                if index in shapes:
                    adjoints[index] = arrays.zeros(shapes[index], gates.m)
                continue
            arrays.frozen(adjoint)
            operands = graph.operands[index]
            if not operands:
                continue
            parts = gates.contributions(index, adjoint, [active[operand] for operand in operands])
            for operand, part in zip(operands, parts, strict=True):
                if part is not None:
                    _add(adjoints, operand, part)
    return adjoints


def _add(adjoints: list[Any], operand: int, part: Any) -> None:
    """Add a contribution.

    Arrays that somebody may see can't be written to. One that can be is fresh: it is taken as it is, and what comes
    next is added in place. Adding 0 makes 0 of -0, as among numbers.
    """
    before = adjoints[operand]
    if not arrays.is_array(part) or not arrays.is_array(before):
        if arrays.is_fresh(part):
            part += 0.0
        adjoints[operand] = part if arrays.is_array(part) else before + part
    elif arrays.is_fresh(before):
        before += part
    else:
        adjoints[operand] = before + part


def evaluate(
    graph: Graph, inputs: Mapping[str, Any], wrt: Collection[str] | None, m: NumberSystem, seed: Any
) -> tuple[list[Any], LocalGradients, list[Any]]:
    """Both passes: values, local gradients and global gradients.

    Raises:
        BindingError: the output is an array and there is no seed, or the seed has another shape.
    """
    gates, active = _forward(graph, inputs, wrt, m)
    partials = LocalGradients(gates, active)
    start = _seed(graph, seed, m) if active[graph.output] else None
    return gates.values, partials, backward(gates, active, start)


def _seed(graph: Graph, seed: Any, m: NumberSystem) -> Any:
    """What the output's global gradient is."""
    shape = graph.shapes.get(graph.output, ())
    if seed is None:
        check_output(graph, more="; --seed-gradient gives a direction")
        return 1.0
    try:
        found = arrays.asarray(seed, m)
    except ValueError as error:
        raise BindingError(f"the seed is not an array: {error}") from None
    if (own := arrays.shape_of(found)) != shape:
        given, wanted = ("is a number" if not one else f"has the shape {shown(one)}" for one in (own, shape))
        message = f"the seed {given}, and the output {wanted}"
        raise BindingError(message, source=graph.source, span=graph.span(graph.output))
    return found


def structural_jacobian(trace: Trace, index: int, position: int) -> Any:
    """The local Jacobian of an edge: the output's shape, then the operand's; by a unit seed for each output element."""
    graph, m = trace.graph, trace.system
    gates = Gates(graph, m, trace.values)
    shape, operand_shape = gates.shape(index), gates.shape(graph.operands[index][position])
    rows: list[Any] = []
    with arrays.quiet():
        for seed in arrays.units(shape, m):
            part = gates.contribution(index, position, seed)
            rows.extend(part.ravel().tolist() if arrays.is_array(part) else [part])
    return arrays.shaped(rows, (*shape, *operand_shape), exact=m.number is not float)
