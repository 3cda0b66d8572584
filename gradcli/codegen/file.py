"""What a generated file holds, before a target lays it out.

Enters: a program's graph, a target, a name, perhaps a point. Leaves: a `File`: the statements of both passes, the
functions and helpers that they call, the numbers of the self-test. Invariant: it holds nothing that is not used.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from gradcli.codegen.backward import Backward
from gradcli.codegen.functions import Function, Functions
from gradcli.codegen.names import Names
from gradcli.codegen.staging import Statement, live
from gradcli.codegen.target import Helper, Target, Text
from gradcli.graph import ops
from gradcli.graph.derive import derive
from gradcli.graph.graph import Graph
from gradcli.graph.lower import MAX_GATES, has_arrays
from gradcli.graph.ops.layout import Shape
from gradcli.graph.rewriting.unroll import element_names, unroll
from gradcli.numeric.elements import elements
from gradcli.passes import evaluate_graph
from gradcli.traces import Trace

Numbers = Any  # a number, or numbers in lists


class Expected(NamedTuple):
    """A number that the function must give, and how far it may be from it; or an array, and each element of it."""

    value: Numbers
    tolerance: float


class Check(NamedTuple):
    """What the self-test compares.

    Attributes:
        inputs: a number for each parameter, in their order; an array as lists.
        value: of the output.
        gradients: by input.
    """

    inputs: dict[str, Numbers]
    value: Expected
    gradients: dict[str, Expected]


class Arrays(NamedTuple):
    """What a program with arrays is called with.

    Attributes:
        shapes: of all inputs, () for a number; in the order of the parameters.
        names: input → identifier of the parameter. Where arrays are taken apart, the names of elements are those of
            `File.parameters`.
        stores: input → identifier of where its gradient is stored, if the language does that.
    """

    shapes: dict[str, Shape]
    names: dict[str, str]
    stores: dict[str, str]


class File(NamedTuple):
    """All that a target lays out.

    Attributes:
        name: of the function.
        parameters: input, as the program calls it → identifier.
        forward: the statements of the forward pass.
        value: what they give.
        backward: the statements of the backward pass.
        gradients: input → its gradient.
        output: what the comments call the value.
        functions: those that the statements call, each after those that it calls itself.
        helpers: the same of the target's helpers, by name.
        source: the program's text.
        check: of the self-test; None without one.
        arrays: of a program with arrays; None of one of numbers.
        constants: the program's inputs that are none of the function's, with their values.
        columns: of a function that returns every number of both passes: name → a text per gate.
    """

    name: str
    parameters: dict[str, str]
    forward: list[Statement]
    value: Text
    backward: list[Statement]
    gradients: dict[str, Text]
    output: str
    functions: list[Function]
    helpers: dict[str, Helper]
    source: str
    check: Check | None
    arrays: Arrays | None = None
    constants: dict[str, Any] = {}  # noqa: RUF012
    columns: dict[str, list[str]] = {}  # noqa: RUF012


def file_of(
    graph: Graph,
    target: Target,
    name: str,
    wrt: Collection[str] | None,
    point: Mapping[str, Any] | None,
    max_gates: int = MAX_GATES,
) -> File:
    """Gather what the file of a program holds."""
    check = None if point is None else check_of(evaluate_graph(graph, point, wrt))
    shapes = {one: graph.shapes.get(index, ()) for one, index in graph.inputs.items()} if has_arrays(graph) else None
    if target.by_element:
        wrt = [element for one in wrt or graph.inputs for element in element_names(one, (shapes or {})[one])]
        graph = unroll(graph, max_gates)
    functions = Functions(graph, target, name)
    names = Names(functions.taken)
    arrays = None if shapes is None else arrays_of(shapes, target, names, wrt)
    backward = Backward(graph, derive(graph, wrt), target, names, functions)
    wanted = [used for text in (backward.value, *backward.gradients.values()) for used in text.uses]
    statements = live(backward.statements, wanted)
    forward = [s for s in statements if s.name in backward.forward_names]
    needs = needs_of([*(s.text for s in statements), backward.value, *backward.gradients.values()])
    called, helpers = functions.closure(needs)
    return File(
        name, backward.parameters, forward, backward.value, backward.commented(statements[len(forward) :]),
        backward.gradients, backward.output, called, helpers, graph.source, check,
        arrays and arrays._replace(names={**backward.parameters, **arrays.names}),
    )  # fmt: skip


def arrays_of(shapes: dict[str, Shape], target: Target, names: Names, wrt: Collection[str] | None) -> Arrays:
    """Names for what is called with arrays, before their elements get names."""
    taken, stores = {}, {}
    if target.by_element:
        taken = {name: names.take(target.identifier(name)) for name, shape in shapes.items() if shape}
    if target.stores:
        wanted = [name for name, shape in shapes.items() if wrt is None or {*element_names(name, shape)} <= {*wrt}]
        stores = {name: names.take(f"d_{target.identifier(name)}") for name in wanted}
    return Arrays(shapes, taken, stores)


def needs_of(texts: Iterable[Text]) -> list[str]:
    return [need for text in texts for need in text.needs]


_RELATIVE = 1.05e-9  # libraries of mathematical functions differ in the last digits, which sums that cancel magnify


def check_of(trace: Trace) -> Check:
    """gradcli's own numbers. What is added up to one of them says how much of it may be rounding."""
    graph = trace.graph
    value = _expected(trace.value, _shares(trace))
    inputs = graph.inputs
    parts: dict[int, list[Any]] = {index: [] for index in inputs.values()}
    for index in range(len(graph)):
        for operand, edge in zip(graph.operands[index], trace.edges(index), strict=True):
            if operand in parts and edge.contribution is not None:
                parts[operand] += elements(edge.contribution)
    gradients = {name: _expected(gradient, parts[inputs[name]]) for name, gradient in trace.gradients.items()}
    return Check({name: _numbers(trace.values[index]) for name, index in inputs.items()}, value, gradients)


def _numbers(x: Any) -> Numbers:
    """An array as lists; a number as a float."""
    return x.tolist() if hasattr(x, "tolist") else float(x)


def _shares(trace: Trace) -> list[float]:
    """How much each gate's rounding can matter: its value times its adjoint."""
    gates = zip(trace.graph.codes, trace.values, trace.adjoints, strict=True)
    used = ((value, adjoint) for code, value, adjoint in gates if adjoint is not None and code != ops.CONSTANT)
    pairs = (pair for value, adjoint in used for pair in zip(elements(value), elements(adjoint), strict=True))
    return [value * adjoint for value, adjoint in pairs]


def _expected(found: Any, parts: Iterable[float]) -> Expected:
    scale = max((abs(part) for part in (*elements(found), *parts) if math.isfinite(part)), default=0.0)
    return Expected(_numbers(found), float(f"{_RELATIVE * scale:.1e}"))
