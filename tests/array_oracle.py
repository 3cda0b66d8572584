"""What a run on arrays has to agree with: its elements one by one, differences in multiprecision, its own other forms.

How far rounding may move a number is measured: the unrolled program is run a few times with every result of every gate
moved at random by some units in its last place. What that does to a number, times SLACK, is what a run may differ by.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from random import Random
from typing import Any, NamedTuple

import numpy as np
import program_oracle
from array_programs import ArrayCase
from program_oracle import Disagreement, Skipped

import gradcli
from gradcli.graph import ops
from gradcli.graph.derive import derive
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.graph.printing import program
from gradcli.graph.rewriting import expand, fuse, share
from gradcli.graph.rewriting.unroll import element_names, unroll, unrolled_values
from gradcli.numeric import arrays, floats
from gradcli.numeric.system import NumberSystem
from gradcli.passes import evaluate_graph, forward
from gradcli.traces import Trace, along

SLACK = 32.0
RUNS = 3
_ULPS = 4 * 2.0**-52  # that a result is moved by
_LARGE = 1e8  # where moderate programs have left what can be compared
_STEADY = {
    "neg", "abs", "floor", "round", "max", "min", "less", "less_equal", "equal", "where", "chain", "number", "pi",
    "not_equal", "and_", "or_", "not_", "relu", "defined", "unsigned_zero",
}  # fmt: skip
_CHAINED = {"norm", "std", "prod"}
_DIGITS = 100
_STEP = 34  # digits of the steps of differences
_AGREED = 1e-25
_FLAT = 1e-40
Numbers = dict[str, float]


class Run(NamedTuple):
    """A program on arrays and on elements.

    Attributes:
        point: the values of the graph's inputs.
        flat: the unrolled graph.
        elements: the values of its inputs.
    """

    graph: Graph
    point: dict[str, Any]
    trace: Trace
    flat: Graph
    elements: Numbers
    flat_trace: Trace


def run(case: ArrayCase) -> Run:
    """Both runs of a program.

    Raises:
        Disagreement: a stage has another shape than NumPy gives it.
        Skipped: it has no input.
    """
    given = {name: arrays.asarray(value) for name, value in case.values.items()}
    graph = lower(gradcli.parse(case.text), given)
    graph.verify()
    for index, name in graph.stages.items():
        if name in case.shapes and graph.shapes.get(index, ()) != case.shapes[name]:
            raise Disagreement(f"{name} has the shape {graph.shapes.get(index, ())}, not {case.shapes[name]}")
    point = {name: given[name] for name in graph.inputs}
    if not point:
        raise Skipped("no input")
    flat = unroll(graph)
    flat.verify()
    assert not flat.shapes
    elements = unrolled_values(graph, point)
    return Run(graph, point, evaluate_graph(graph, point), flat, elements, evaluate_graph(flat, elements))


def by_element(gradients: Mapping[str, Any]) -> Numbers:
    """Every element by its name in the unrolled graph."""
    found: Numbers = {}
    for name, x in gradients.items():
        shape = getattr(x, "shape", ())
        found.update(zip(element_names(name, shape), x.ravel().tolist() if shape else [x], strict=True))
    return found


# How far rounding moves numbers


def _shaken(r: Random) -> NumberSystem:
    def moved(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *xs: function(*xs) * (1.0 + r.uniform(-_ULPS, _ULPS))

    found = {name: f if name in _STEADY else moved(f) for name, f in floats.PRIMITIVES.items()}  # type: ignore[arg-type]
    return ops.on(found)


@cache
def _systems() -> list[NumberSystem]:
    return [_shaken(Random(number)) for number in range(RUNS)]


def bounds(found: Run) -> tuple[float, Numbers]:
    """By how much the value and each gradient may differ between two ways to compute them.

    Raises:
        Skipped: a number is not finite, or too large to compare, or rounding alone changes it altogether.
    """
    trace = found.flat_trace
    value, gradients = trace.value, trace.gradients
    every = [*trace.values, *(x for x in trace.adjoints if x is not None)]
    if not all(abs(x) < _LARGE for x in every):
        raise Skipped("not finite, or large")
    moved, spread = 0.0, dict.fromkeys(gradients, 0.0)
    for m in _systems():
        other = evaluate_graph(found.flat, found.elements, None, m)
        moved = max(moved, abs(other.value - value))
        for name, gradient in other.gradients.items():
            spread[name] = max(spread[name], abs(gradient - gradients[name]))
    if not all(x < 1e-4 * (1.0 + abs(gradients[name])) for name, x in spread.items()):
        raise Skipped("a kink within the reach of rounding, or no digits left")
    least = 16 * 2.0**-52
    slack = {name: SLACK * spread[name] + least * flow for name, flow in _flows(trace).items()}
    return SLACK * moved + least * abs(value), slack


def _flows(trace: Trace) -> Numbers:
    """Gradients of which no two parts cancel: what is rounded on the way is a part of them."""
    graph = trace.graph
    sizes = [0.0] * len(graph)
    sizes[graph.output] = 1.0
    for index in range(graph.output, -1, -1):
        for operand, partial in zip(graph.operands[index], trace.partials[index] or (), strict=False):
            if partial is not None and sizes[index]:
                sizes[operand] += sizes[index] * abs(partial)
    return {name: sizes[index] for name, index in graph.inputs.items()}


def _expect(what: str, one: Any, other: Any, bound: float) -> None:
    if not abs(one - other) <= bound:
        raise Disagreement(f"{what}: {float(one)!r} and {float(other)!r} differ by more than {bound!r}")


def _expect_all(what: str, gradients: Mapping[str, Any], expected: Mapping[str, Any], bound: Numbers) -> None:
    if gradients.keys() != expected.keys():
        raise Disagreement(f"{what}: gradients of {[*gradients]} and {[*expected]}")
    for name, gradient in gradients.items():
        _expect(f"{what}: ∂/∂{name}", gradient, expected[name], bound[name])


# What has to agree


def check_unrolled(found: Run) -> None:
    """The run on arrays and the one on elements."""
    moved, bound = bounds(found)
    _expect("unrolled: value", found.trace.value, found.flat_trace.value, moved)
    _expect_all("unrolled", by_element(found.trace.gradients), found.flat_trace.gradients, bound)


def check_same(found: Run) -> None:
    """The same slopes where conventions apply; nan equals nan. A share of 1/3 may be rounded."""
    trace, gradients, flows = found.flat_trace, by_element(found.trace.gradients), _flows(found.flat_trace)
    pairs = [("value", found.trace.value, trace.value, abs(trace.value))]
    pairs += [(f"∂/∂{name}", gradients[name], x, flows[name]) for name, x in trace.gradients.items()]
    for what, one, other, size in pairs:
        if not abs(one - other) <= 1e-14 * size and not (math.isnan(one) and math.isnan(other)):
            raise Disagreement(f"{what} is {one!r} on arrays and {other!r} on elements")


def check_no_number_lost(found: Run) -> None:
    """What is not finite on elements is not on arrays either, and the other way round."""
    if not all(x == 0.0 or 1e-100 < abs(x) < 1e100 or not math.isfinite(x) for x in found.flat_trace.values):
        raise Skipped("large or small numbers, where the order of sums matters")
    if {found.graph.rows[code].name for code in found.graph.codes} & _CHAINED:
        raise Skipped("what is one gate on arrays is a chain of gates on elements, each with its own answer to inf")
    gradients = by_element(found.trace.gradients)
    pairs = [("value", found.trace.value, found.flat_trace.value)]
    pairs += [(f"∂/∂{name}", gradients[name], x) for name, x in found.flat_trace.gradients.items()]
    for what, one, other in pairs:
        if repr(one if not math.isfinite(one) else 0.0) != repr(other if not math.isfinite(other) else 0.0):
            raise Disagreement(f"{what} is {one!r} on arrays and {other!r} on elements")


def _exact(x: Any) -> Any:
    context, _ = program_oracle.decimals(_DIGITS)
    return (
        arrays.shaped([context.mpf(k) for k in x.ravel().tolist()], x.shape, True)
        if arrays.is_array(x)
        else context.mpf(x)
    )


def _directions(point: Mapping[str, Any]) -> dict[str, Any]:
    """A direction in which every element moves, each by another amount."""
    r = Random(7)

    def amount(x: Any) -> Any:
        return np.array([r.uniform(0.5, 1.5) for _ in range(x.size)]).reshape(x.shape) if arrays.is_array(x) else 1.25

    return {name: amount(x) for name, x in point.items()}


def _differences(f: Callable[[dict[str, Any]], Any], point: Mapping[str, Any], way: Mapping[str, Any]) -> Any:
    """The derivative of f along a direction.

    Raises:
        Skipped: it is another one to the left than to the right.
    """
    context, _ = program_oracle.decimals(_DIGITS)
    h = context.mpf(10) ** -_STEP
    up, here, down = (f({name: x + step * way[name] for name, x in point.items()}) for step in (h, 0, -h))
    right, left = (up - here) / h, (here - down) / h
    if not abs(right - left) <= 1e-20 * (1 + abs(right) + abs(left)):
        raise Skipped("near a kink")
    return (up - down) / (2 * h)


def _dot(gradients: Mapping[str, Any], way: Mapping[str, Any]) -> tuple[Any, Any]:
    """What gradients say about a direction, and the size of its largest part."""
    parts = [k for name, x in gradients.items() for k in np.ravel(np.multiply(x, way[name])).tolist()]
    return sum(parts), max(map(abs, parts), default=0)


def _check_edges(found: Run) -> None:
    """Skip a point where a convention applies, or programs that bring rows of their own."""
    if len(found.flat.rows) > len(ops.ROWS):
        raise Skipped("rows of its own")
    program_oracle.check_off_edges(found.flat_trace)


def check_exact(found: Run) -> None:
    """Gradients in multiprecision are differences of values; those on floats are near."""
    _check_edges(found)
    moved, bound = bounds(found)
    _, m = program_oracle.decimals(_DIGITS)
    point = {name: _exact(x) for name, x in found.elements.items()}
    whole = {name: _exact(x) for name, x in found.point.items()}
    way = {name: _exact(x) for name, x in unrolled_values(found.graph, _directions(found.point)).items()}
    of_arrays = evaluate_graph(found.graph, whole, None, m)
    gradients = by_element(of_arrays.gradients)
    difference = _differences(lambda at: forward(found.flat, at, m)[found.flat.output], point, way)
    total, size = _dot(gradients, way)
    if not abs(total - difference) <= _AGREED * (size + abs(difference)) + _FLAT:
        raise Disagreement(f"along a direction: {float(total)!r} by the rules, {float(difference)!r} by differences")
    _expect("exact: value", found.trace.value, of_arrays.value, moved)
    _expect_all("exact", by_element(found.trace.gradients), gradients, bound)


def check_derived(found: Run) -> None:
    """The gradient as a graph, evaluated."""
    _, bound = bounds(found)
    derived = derive(found.graph)
    derived.graph.output = max(derived.gradients.values())
    derived.graph.verify()
    values = forward(derived.graph, found.point)
    gradients = {name: values[gate] for name, gate in derived.gradients.items()}
    for name, gradient in gradients.items():
        if arrays.shape_of(gradient) != arrays.shape_of(found.point[name]):
            raise Disagreement(f"the gradient of {name} as a graph has the shape {arrays.shape_of(gradient)}")
    _expect_all("derived", by_element(gradients), by_element(found.trace.gradients), bound)


def check_along(found: Run) -> None:
    """The derivative along a direction is what the gradients say."""
    _, bound = bounds(found)
    way = _directions(found.point)
    total, size = _dot(found.trace.gradients, way)
    most = 2 * sum(bound.values()) + 1e-14 * size
    _expect("along a direction", along(found.trace, way).value, total, most)


def check_printed(found: Run) -> None:
    """The printed program lowers to the same gates."""
    graph, pairs = found.graph, {found.graph.output: -1}
    again = lower(gradcli.parse(program(graph)), found.point)
    pairs[graph.output] = again.output
    waiting = [graph.output]
    while waiting:
        index = waiting.pop()
        one, other = graph[index], again[pairs[index]]
        same = (one.op.name, one.literal, one.shape) == (other.op.name, other.literal, other.shape)
        if not same or graph.settings.get(index) != again.settings.get(pairs[index]):
            raise Disagreement(f"printed: {one} is {other}")
        for operand, twin in zip(one.operands, other.operands, strict=True):
            if pairs.setdefault(operand, twin) != twin:
                raise Disagreement(f"printed: {one.id} shares its operands differently")
            waiting.append(operand)
    if not len({*pairs.values()}) == len(pairs) == len(again):
        raise Disagreement(f"printed: {len(pairs)} gates are {len(again)}")


def check_json(case: ArrayCase) -> None:
    """The document has every gate; shapes are right, and contributions add up to the global gradients."""
    trace = gradcli.evaluate(case.text, {name: case.values[name] for name in _free(case)})
    document = json.loads(trace.to_json())
    gates, output = document["gates"], int(document["output"][1:])
    totals: list[Any] = [0.0] * len(gates)
    sizes: list[Any] = [0.0] * len(gates)
    totals[output] = 1.0
    with np.errstate(all="ignore"):
        for gate in gates:
            _check_shape(gate["value"], gate["shape"], gate["id"])
            for edge in gate["operands"]:
                if edge["contribution"] is not None:
                    operand, part = int(edge["id"][1:]), np.array(edge["contribution"], dtype=float)
                    _check_shape(edge["contribution"], gates[operand]["shape"], f"{gate['id']} ← {edge['id']}")
                    totals[operand] = totals[operand] + part
                    sizes[operand] = sizes[operand] + np.abs(part)
        for gate, total, size in zip(gates, totals, sizes, strict=True):
            if gate["global_gradient"] is not None:
                _check_shape(gate["global_gradient"], gate["shape"], gate["id"])
                found = np.array(gate["global_gradient"], dtype=float)
                near = np.isclose(found, total, rtol=0, atol=1e-14 * size, equal_nan=True) | ~np.isfinite(size)
                if not near.all():
                    raise Disagreement(f"{gate['id']}: contributions add up to {total}, not to {found}")
    for name, gradient in document["gradients"].items():
        index = trace.graph.inputs[name]
        if gradient != gates[index]["global_gradient"]:
            raise Disagreement(f"two gradients of {name}")


def _free(case: ArrayCase) -> Iterator[str]:
    names = lower(gradcli.parse(case.text), {name: arrays.asarray(x) for name, x in case.values.items()}).free
    return (name for name in case.values if name in names)


def _check_shape(x: Any, shape: list[int], what: str) -> None:
    if [*np.shape(x)] != shape:
        raise Disagreement(f"{what} has the shape {np.shape(x)}, not {shape}")


def check_rewritten(found: Run) -> None:
    """Shared, fused, expanded: the same numbers in multiprecision."""
    _check_edges(found)
    bounds(found)
    _, m = program_oracle.decimals(_DIGITS)
    point = {name: _exact(x) for name, x in found.point.items()}
    before = evaluate_graph(found.graph, point, None, m)
    expected = by_element(before.gradients)
    largest = max(map(abs, expected.values()), default=0)
    steps: dict[str, Callable[[Graph], Graph]] = {
        "shared": share,
        "fused": fuse,
        "expanded": lambda g: expand(g, ["all"]),
    }
    for what, step in steps.items():
        rewritten = step(found.graph)
        rewritten.verify()
        after = evaluate_graph(rewritten, point, None, m)
        _expect(f"{what}: value", after.value, before.value, 1e-60 * (1 + abs(before.value)))
        bound = dict.fromkeys(expected, 1e-50 * (1 + largest))
        _expect_all(what, by_element(after.gradients), expected, bound)


def check_second(found: Run) -> None:
    """Derivatives of a gradient's sum are differences of it."""
    _check_edges(found)
    bounds(found)
    _, m = program_oracle.decimals(_DIGITS)
    first = derive(found.graph)
    name = max(first.gradients, key=lambda one: first.gradients[one])
    place = first.gradients[name]
    second = derive(first.graph, output=place, seed="1")
    second.graph.output = max(second.gradients.values())
    second.graph.verify()
    point, way = ({one: _exact(x) for one, x in each.items()} for each in (found.point, _directions(found.point)))

    def total(at: dict[str, Any]) -> Any:
        gradient = evaluate_graph(found.graph, at, None, m).gradients[name]
        return np.sum(gradient)

    values = forward(second.graph, point, m)
    rules, size = _dot({one: values[gate] for one, gate in second.gradients.items()}, way)
    difference = _differences(total, point, way)
    if not abs(rules - difference) <= _AGREED * (size + abs(difference)) + 1e-25:
        raise Disagreement(f"second derivatives: {float(rules)!r} by the rules, {float(difference)!r} by differences")
