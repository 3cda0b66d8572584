"""The forward and the backward pass.

Enters: a Graph, a value per input, the number system to compute in. Leaves: a `Trace`. Invariant: both passes are one
loop over the flat list, so depth costs nothing; nothing is written into the graph, so it can be evaluated again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gradcli.graph import ops
from gradcli.graph.defined import constant, functions_on
from gradcli.graph.graph import Graph
from gradcli.graph.ops.row import OperandValue
from gradcli.graph.wanted import differentiated
from gradcli.numeric import floats
from gradcli.numeric.system import NumberSystem
from gradcli.traces import LocalGradients, Partials, Trace, contribution

FLOATS = ops.on(floats.PRIMITIVES)

# How a gate is treated; known from its row, since looking that up costs less than asking what the gate is like.
# _PRODUCT: each partial is the other operand. _MANY: any number of operands, or contributions with a rule of their own.
_LEAF, _ONE, _TWO, _PRODUCT, _MANY = range(5)


def _kind(row: ops.Op) -> int:
    flat = any(isinstance(rule, float) and rule == 0.0 for rule in row.partials)
    if row.variadic or row.vjps or flat or len(row.parameters) > 2:
        return _MANY
    if len(row.parameters) == 1:
        return _ONE
    crossed = [rule.position for rule in row.partials if isinstance(rule, OperandValue)] == [1, 0]
    return _PRODUCT if crossed else _TWO


def _steps(rows: Sequence[ops.Op], m: NumberSystem) -> list[tuple[int, Any, Any, Any]]:
    """For each code: the kind of its row, the function on m, the rules for the first and the second operand."""
    if "steps" not in m.cache:
        m.cache["steps"] = [(_LEAF, None, None, None)] * 2 + _step_of_each(ops.ROWS, m, 2)
    found: list[tuple[int, Any, Any, Any]] = m.cache["steps"]
    return found if len(rows) == len(found) else found + _step_of_each(rows, m, len(found))


def _step_of_each(rows: Sequence[ops.Op], m: NumberSystem, start: int) -> list[tuple[int, Any, Any, Any]]:
    functions = zip(rows[start:], functions_on(rows, m)[start:], strict=True)
    return [(_kind(row), function, *_ends(row.partials)) for row, function in functions]


def _ends(rules: Sequence[Any]) -> tuple[Any, Any]:
    """The first and the last; a structural row has none."""
    return (rules[0], rules[-1]) if rules else (None, None)


def forward(graph: Graph, inputs: Mapping[str, Any], m: NumberSystem = FLOATS) -> list[Any]:
    """The value of every gate.

    Args:
        inputs: a number of the system m, or an array of such numbers, for every input of the graph.
    """
    if graph.shapes or graph.settings:
        from gradcli import array_passes

        return array_passes.forward(graph, inputs, m)
    return forward_with_partials(graph, inputs, (), m)[0]


def forward_with_partials(
    graph: Graph, inputs: Mapping[str, Any], wrt: Collection[str] | None = None, m: NumberSystem = FLOATS
) -> tuple[list[Any], Partials, list[Any]]:
    """The value of every gate and the local gradients on its edges, while its operands' values are at hand.

    Args:
        inputs: a number of the system m for every input of the graph.
        wrt: the inputs to differentiate by; None means all. Only gates that depend on them have local gradients.

    Returns:
        values, local gradients, and what `backward` starts from: 0.0 for every gate that depends on wrt, else None.
    """
    operands, count = graph.operands, len(graph)
    chosen = None if wrt is None else frozenset(wrt)
    partials = Partials(operands)
    firsts, seconds = partials.firsts, partials.seconds
    values: list[Any] = [None] * count
    adjoints: list[Any] = [None] * count
    steps = map(_steps(graph.rows, m).__getitem__, graph.codes)
    for index, (kind, function, p, q), a, b in zip(range(count), steps, operands.firsts, operands.seconds, strict=True):
        if kind == _ONE:
            x = values[a]
            values[index] = y = function(x)
            if adjoints[a] is not None:
                adjoints[index] = 0.0
                firsts[index] = p if p.__class__ is float else p(m, y, x)
        elif kind == _TWO:
            x, z = values[a], values[b]
            values[index] = y = function(x, z)
            if adjoints[a] is not None:
                adjoints[index] = 0.0
                firsts[index] = p if p.__class__ is float else p(m, y, x, z)
            if adjoints[b] is not None:
                adjoints[index] = 0.0
                seconds[index] = q if q.__class__ is float else q(m, y, x, z)
        elif kind == _PRODUCT:
            x, z = values[a], values[b]
            values[index] = function(x, z)
            if adjoints[a] is not None:
                adjoints[index] = 0.0
                firsts[index] = z
            if adjoints[b] is not None:
                adjoints[index] = 0.0
                seconds[index] = x
        elif kind == _MANY:
            numbers = [values[operand] for operand in operands[index]]
            values[index] = y = function(*numbers)
            active = [adjoints[operand] is not None for operand in operands[index]]
            if any(active):
                adjoints[index] = 0.0
                partials.many[index] = _local_gradients(graph.rows[graph.codes[index]], y, numbers, active, m)
        else:
            values[index], adjoints[index] = _leaf(graph, index, inputs, chosen, m)
    return values, partials, adjoints


def _leaf(
    graph: Graph, index: int, inputs: Mapping[str, Any], wrt: Collection[str] | None, m: NumberSystem
) -> tuple[Any, float | None]:
    """The value of an input or a constant, and what its adjoint starts from."""
    literal = graph.literals[index] or ""
    if graph.codes[index] != ops.INPUT:
        return constant(m, literal), None
    return inputs[literal], 0.0 if wrt is None or literal in wrt else None


def _local_gradients(row: ops.Op, y: Any, numbers: list[Any], active: list[bool], m: NumberSystem) -> tuple[Any, ...]:
    """One gate's partials, for any number of operands; None for those that are not active."""
    if row.variadic:
        every = row.partials[0](m, y, *numbers)  # type: ignore[operator]
        return tuple(p if wanted else None for p, wanted in zip(every, active, strict=True))
    return tuple(
        (rule if isinstance(rule, float) else rule(m, y, *numbers)) if wanted else None
        for rule, wanted in zip(row.partials, active, strict=True)
    )


def backward(
    graph: Graph,
    values: list[Any],
    partials: Partials,
    adjoints: list[Any],
    m: NumberSystem = FLOATS,
    seed: float = 1.0,
) -> None:
    """Global gradients: the derivative of the output with respect to every gate that depends on a differentiated input.

    A contribution is adjoint times partial, and 0 where the adjoint is exactly 0, so that a branch that is not used
    cannot spoil a sum.

    Args:
        values, partials, adjoints: from `forward_with_partials`; adjoints are filled in.
        seed: the global gradient of the output itself.
    """
    if adjoints[graph.output] is None:
        return
    adjoints[graph.output] = seed
    operands, many = graph.operands, partials.many
    columns = operands.firsts, operands.seconds, partials.firsts, partials.seconds, adjoints
    # An adjoint is read when the loop reaches its gate; all gates that use it have added their contributions by then.
    for index, a, b, p, q, adjoint in zip(range(len(graph) - 1, -1, -1), *map(reversed, columns), strict=True):
        if not adjoint:
            continue
        if p is not None:
            adjoints[a] += adjoint * p
        if q is not None:
            adjoints[b] += adjoint * q
        elif p is None and index in many:
            for position, (operand, partial) in enumerate(zip(operands[index], many[index], strict=True)):
                if partial is not None:
                    adjoints[operand] += contribution(graph, values, index, position, adjoint, partial, m)


def evaluate_graph(
    graph: Graph,
    inputs: Mapping[str, Any],
    wrt: Collection[str] | None = None,
    m: NumberSystem = FLOATS,
    seed: Any = None,
) -> Trace:
    """Run both passes.

    Args:
        graph: from `lower`.
        inputs: a number for every input, or an array of the shape that the graph was made for.
        wrt: the inputs to differentiate by; None means all.
        m: the number system.
        seed: what the backward pass starts with, of the output's shape; 1 if not given.

    Raises:
        BindingError: a name of wrt is not an input, or the output does not depend on it; the output is an array, and
            there is no seed of its shape.
    """
    differentiated(graph, wrt)
    partials: LocalGradients
    if graph.shapes or graph.settings:
        from gradcli import array_passes

        values, partials, adjoints = array_passes.evaluate(graph, inputs, wrt, m, seed)
    else:
        values, partials, adjoints = columns = forward_with_partials(graph, inputs, wrt, m)
        backward(graph, *columns, m, 1.0 if seed is None else seed)
    trace = Trace(graph, values, partials, adjoints, m)
    trace.seed = seed
    return trace
