"""What a generated file holds, before a target lays it out.

Enters: a program's graph, a target, a name, perhaps a point. Leaves: a `File`: the statements of both passes, the
functions and helpers that they call, the numbers of the self-test. Invariant: it holds nothing that is not used.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from gradcli.codegen.backward import Backward
from gradcli.codegen.functions import Function, Functions
from gradcli.codegen.names import Names
from gradcli.codegen.staging import Statement, live
from gradcli.codegen.target import Helper, Target, Text
from gradcli.graph import ops
from gradcli.graph.derive import derive
from gradcli.graph.graph import Graph
from gradcli.passes import evaluate_graph
from gradcli.traces import Trace


class Expected(NamedTuple):
    """A number that the function must give, and how far it may be from it."""

    value: float
    tolerance: float


class Check(NamedTuple):
    """What the self-test compares.

    Attributes:
        inputs: a number for each parameter, in their order.
        value: of the output.
        gradients: by input.
    """

    inputs: dict[str, float]
    value: Expected
    gradients: dict[str, Expected]


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


def file_of(
    graph: Graph, target: Target, name: str, wrt: Collection[str] | None, point: Mapping[str, float] | None
) -> File:
    """Gather what the file of a program holds."""
    check = None if point is None else _check(evaluate_graph(graph, point, wrt))
    functions = Functions(graph, target, name)
    names = Names(functions.taken)
    backward = Backward(graph, derive(graph, wrt), target, names, functions)
    wanted = [used for text in (backward.value, *backward.gradients.values()) for used in text.uses]
    statements = live(backward.statements, wanted)
    forward = [s for s in statements if s.name in backward.forward_names]
    needs = _needs([*(s.text for s in statements), backward.value, *backward.gradients.values()])
    called, helpers = functions.closure(needs)
    return File(
        name, backward.parameters, forward, backward.value, backward.commented(statements[len(forward) :]),
        backward.gradients, backward.output, called, helpers, graph.source, check,
    )  # fmt: skip


def _needs(texts: Iterable[Text]) -> list[str]:
    return [need for text in texts for need in text.needs]


_RELATIVE = 1.05e-9  # libraries of mathematical functions differ in the last digits, which sums that cancel magnify


def _check(trace: Trace) -> Check:
    """gradcli's own numbers. What is added up to one of them says how much of it may be rounding."""
    graph = trace.graph
    value = _expected(trace.value, _shares(trace))
    inputs = graph.inputs
    parts: dict[int, list[float]] = {index: [] for index in inputs.values()}
    for index in range(len(graph)):
        for operand, edge in zip(graph.operands[index], trace.edges(index), strict=True):
            if operand in parts and edge.contribution is not None:
                parts[operand].append(edge.contribution)
    gradients = {name: _expected(gradient, parts[inputs[name]]) for name, gradient in trace.gradients.items()}
    return Check({name: float(trace.values[index]) for name, index in inputs.items()}, value, gradients)


def _shares(trace: Trace) -> list[float]:
    """How much each gate's rounding can matter: its value times its adjoint."""
    pairs = zip(trace.graph.codes, trace.values, trace.adjoints, strict=True)
    return [value * adjoint for code, value, adjoint in pairs if adjoint is not None and code != ops.CONSTANT]


def _expected(number: float, parts: Iterable[float]) -> Expected:
    scale = max((abs(part) for part in (number, *parts) if math.isfinite(part)), default=0.0)
    return Expected(float(number), float(f"{_RELATIVE * scale:.1e}"))
