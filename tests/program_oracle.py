"""What the adjoints of a program have to be: differences of its values in multiprecision, no rule of a partial used.

Exact adjoints. The backward pass in multiprecision has to agree with central differences of the program's values to
20 digits. Where it does not, the digits are doubled; where forward and backward differences still disagree, there is a
kink, and the point is skipped. So are points where a value or a local gradient is not finite, or a convention applies.

Float adjoints. They have to agree with the exact ones within a bound of first order: every gate's value and local
gradient may be off by ULPS units in the last place of its largest term, every sum and product by one. How much an
adjoint changes with a gate's value is measured, by moving that value in multiprecision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.numeric.decimals import Decimals
from gradcli.numeric.system import NumberSystem
from gradcli.passes import evaluate_graph, forward
from gradcli.traces import Trace

AGREED = 1e-20  # relative, between adjoints and differences
FLAT = 1e-35  # what counts as a slope of 0, relative to the value (or 1) over the input (or 1)
LEAST_DIGITS, DOUBLINGS = 120, 3
ULPS = 8.0  # rows promise 4 inside of their domains
ULP = 2.0**-52
LARGEST, SMALLEST = 1e290, 1e-290  # beyond, floats have overflow and subnormal numbers, which decimals have not
_MOST_BITS = 4000  # of an exponent: exp(exp(1000)) has more digits than fit into memory
_JUMPS_AT_ZERO = frozenset({"where", "and", "or", "not"})  # their conditions


class Skipped(Exception):  # no error: the point says nothing
    """The point cannot be judged, and why."""


class Disagreement(AssertionError):
    """A gradient is wrong."""


@cache
def decimals(digits: int) -> tuple[Any, NumberSystem]:
    """mpmath's context and a number system that refuses numbers too large to compute with."""
    numbers = Decimals(digits)
    context = numbers.context

    def bounded(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*xs: Any) -> Any:
            for x in xs:
                if isinstance(x, context.mpf) and context.isfinite(x) and x != 0 and abs(context.mag(x)) > _MOST_BITS:
                    raise Skipped("a number too large or too small")
            return function(*xs)

        return call

    bounded_ones = {name: bounded(f) if callable(f) and name != "pi" else f for name, f in numbers.primitives.items()}
    return context, ops.on(bounded_ones | {"number": numbers.primitives["number"]})


def digits_for(trace: Trace) -> int:
    """Digits enough for differences, from the magnitudes of the numbers in a float trace."""
    sizes = [math.log10(abs(x)) for x in trace.values if x]
    return LEAST_DIGITS + 2 * int(max(sizes, default=0.0) - min(0.0, *sizes, 0.0))


def check_finite(trace: Trace) -> None:
    """Skip a point where a value or a local gradient overflows, vanishes or does not exist."""
    slopes = (p for partials in trace.partials if partials for p in partials if p is not None)
    for x in (*trace.values, *slopes, *(a for a in trace.adjoints if a is not None)):
        if not (x == 0 or SMALLEST <= abs(x) <= LARGEST):
            raise Skipped("not finite, or near over- or underflow")


def check_off_edges(trace: Trace) -> None:
    """Skip a point exactly on a kink, where the slope is a convention."""
    graph = trace.graph
    for index, partials in enumerate(trace.partials):
        if partials is None:
            continue
        row = ops.ROWS[graph.codes[index]]
        operands = [trace.values[operand] for operand in graph.operands[index]]
        if row.kink is not None and row.kink.at(trace.system, *operands):
            raise Skipped("on a kink")
        if row.name == "pow" and operands[0] == 0 and partials[1] is not None:
            raise Skipped("0^0, or a power of 0 whose exponent moves")
        conditions = operands[:1] if row.name == "where" else operands
        if row.name in _JUMPS_AT_ZERO and 0 in conditions and any(p is not None for p in partials):
            raise Skipped("a condition is exactly 0")


def _differences(graph: Graph, point: Mapping[str, Any], name: str, m: NumberSystem, h: Any) -> tuple[Any, Any]:
    """The difference quotients of the output to the right and to the left."""
    here, right, left = (forward(graph, {**point, name: point[name] + step}, m)[graph.output] for step in (0, h, -h))
    return (right - here) / h, (here - left) / h


def _agrees(adjoint: Any, difference: Any, scale: Any) -> bool:
    return bool(abs(adjoint - difference) <= AGREED * max(abs(adjoint), abs(difference)) + FLAT * scale)


def _judge(graph: Graph, values: Mapping[str, float], digits: int) -> tuple[Trace, dict[str, tuple[Any, Any, bool]]]:
    """The trace at a precision and, for each input that disagrees: adjoint, difference, whether it is smooth there."""
    context, m = decimals(digits)
    point = {name: context.mpf(value) for name, value in values.items()}
    trace = evaluate_graph(graph, point, None, m)
    check_finite(trace)
    check_off_edges(trace)
    wrong = {}
    for name, adjoint in trace.gradients.items():
        size = min(abs(point[name]), 1) if point[name] != 0 else context.one
        right, left = _differences(graph, point, name, m, size * context.mpf(10) ** -(digits // 3))
        central, scale = (right + left) / 2, max(abs(trace.value), 1) / size
        if not _agrees(adjoint, central, scale):
            wrong[name] = adjoint, central, _agrees(right, left, scale)
    return trace, wrong


def exact_trace(graph: Graph, values: Mapping[str, float], digits: int) -> tuple[Trace, int]:
    """The multiprecision trace, its gradients checked against differences, and its digits.

    Raises:
        Skipped: the point is on or near a kink, or something is not finite.
        Disagreement: a gradient is wrong.
    """
    for _ in range(DOUBLINGS):
        trace, wrong = _judge(graph, values, digits)
        if not wrong:
            return trace, digits
        digits *= 2
    for name, (adjoint, central, smooth) in wrong.items():
        if smooth:
            raise Disagreement(f"∂/∂{name} is {float(adjoint)!r} by the rules and {float(central)!r} by differences")
    raise Skipped("near a kink")


# Float adjoints


def _slopes(row: ops.Op, m: NumberSystem, y: Any, operands: list[Any]) -> list[Any]:
    if row.variadic:
        return list(row.partials[0](m, y, *operands))  # type: ignore[operator]
    return [rule if isinstance(rule, float) else rule(m, y, *operands) for rule in row.partials]


def check_steady(floats: Trace, exact: Trace, context: Any) -> None:
    """Skip a point where the rounding of operands alone takes a gate across a kink, or loses all its digits."""
    graph, m = floats.graph, exact.system
    for index, partials in enumerate(floats.partials):
        if partials is None:
            continue
        row = ops.ROWS[graph.codes[index]]
        operands = [context.mpf(floats.values[operand]) for operand in graph.operands[index]]
        y = getattr(m, ops.attribute(row.name))(*operands)
        there = [exact.values[index], *(exact.partials[index] or ())]
        for before, after in zip([y, *_slopes(row, m, y, operands)], there, strict=True):
            if after is not None and not abs(before - after) <= 1e-3 * max(abs(before), abs(after)):
                raise Skipped("a kink within the reach of rounding, or no digits left")


def _movable(graph: Graph) -> Graph:
    """The graph with an input added to the value of every gate. At 0 these inputs change nothing."""
    moved = Graph(graph.source)
    places = {index: moved.append(ops.INPUT, (), name, 0, 0) for name, index in graph.inputs.items()}
    gates = range(len(places), len(graph))
    moves = {index: moved.append(ops.INPUT, (), _move(index), 0, 0) for index in gates}
    for index in gates:
        operands = tuple(places[operand] for operand in graph.operands[index])
        gate = moved.append(graph.codes[index], operands, graph.literals[index], 0, 0)
        places[index] = moved.append(ops.CODES["add"], (gate, moves[index]), None, 0, 0)
    moved.output = places[graph.output]
    moved.free = {name: moved.span(index) for name, index in moved.inputs.items()}
    return moved


def _move(index: int) -> str:
    return f"move {index}"


def _term(row: ops.Op, place: int, y: Any, m: NumberSystem, operands: list[Any]) -> Any:
    """The size of a value (place 0) or partial y; where it is a sum that crosses 0, of the largest term."""
    rule = row.terms[place] if row.terms is not None else None
    return abs(y) if rule is None else max(abs(y), abs(rule(m, *operands)))


def _moved_by_rounding(exact: Trace, context: Any) -> tuple[Any, dict[str, Any]]:
    """How far rounding every gate's value can move the output's value and the gradients, to first order."""
    graph, m = exact.graph, exact.system
    point = {name: exact.values[index] for name, index in graph.inputs.items()}
    still = point | {_move(index): context.zero for index in range(len(graph))}
    movable, little = _movable(graph), context.mpf(10) ** -(context.dps // 4)
    start = evaluate_graph(movable, still, point, m)
    value, gradients = context.zero, dict.fromkeys(exact.gradients, context.zero)
    for index in range(len(point), len(graph)):
        operands = [exact.values[operand] for operand in graph.operands[index]]
        size = _term(ops.ROWS[graph.codes[index]], 0, exact.values[index], m, operands)
        if size == 0 or (not operands and float(exact.values[index]) == exact.values[index]):
            continue
        now = evaluate_graph(movable, still | {_move(index): size * little}, point, m)
        value += abs(now.value - start.value) / little
        for name in gradients:
            gradients[name] += abs(now.gradients[name] - start.gradients[name]) / little
    return ULPS * ULP * value, {name: ULPS * ULP * moved for name, moved in gradients.items()}


def _rounded_on_the_way(exact: Trace) -> dict[str, Any]:
    """How far rounding local gradients, their products and sums can move the gradients."""
    graph, m = exact.graph, exact.system
    sizes: list[Any] = [0] * len(graph)  # as adjoints, but of absolute values
    sizes[graph.output] = 1
    for index in range(graph.output, -1, -1):
        row, operands = ops.ROWS[graph.codes[index]], graph.operands[index]
        numbers = [exact.values[operand] for operand in operands]
        for position, partial in enumerate(exact.partials[index] or ()):
            if partial is not None and sizes[index]:
                place = 1 if row.variadic else 1 + position
                sizes[operands[position]] += sizes[index] * _term(row, place, partial, m, numbers)
    steps = (ULPS + 2.0) * sum(partials is not None for partials in exact.partials)
    return {name: steps * ULP * sizes[index] for name, index in graph.inputs.items()}


def check_floats(floats: Trace, exact: Trace, digits: int) -> None:
    """Compare value and gradients on floats with the exact ones.

    Raises:
        Skipped: rounding takes a gate across a kink.
        Disagreement: one is off by more than rounding explains.
    """
    context, _ = decimals(digits)
    check_steady(floats, exact, context)
    value_bound, bounds = _moved_by_rounding(exact, context)
    if not abs(floats.value - exact.value) <= value_bound:
        raise Disagreement(f"the value is {floats.value!r}, not {float(exact.value)!r} ± {float(value_bound)!r}")
    on_the_way = _rounded_on_the_way(exact)
    for name, gradient in floats.gradients.items():
        bound = bounds[name] + on_the_way[name]
        if not abs(gradient - exact.gradients[name]) <= bound:
            wanted = f"{float(exact.gradients[name])!r} ± {float(bound)!r}"
            raise Disagreement(f"∂/∂{name} on floats is {gradient!r}, not {wanted}")


def check(graph: Graph, values: Mapping[str, float], with_floats: bool = True) -> None:
    """Check the adjoints of a graph at a point: in multiprecision against differences, and on floats against those.

    Raises:
        Skipped: the point says nothing; the message says why.
        Disagreement: a number is wrong.
    """
    used = {name: values[name] for name in graph.inputs}
    if not used:
        raise Skipped("no input")
    floats = evaluate_graph(graph, used)
    check_finite(floats)
    if any(x == 0.0 and math.copysign(1.0, x) < 0.0 for x in floats.values):
        raise Skipped("a negative zero, which decimals do not have")  # atan2(-0, -1) is -pi
    check_off_edges(floats)
    digits = digits_for(floats)
    exact, digits = exact_trace(graph, used, digits)
    if with_floats:
        check_floats(floats, exact, digits)
