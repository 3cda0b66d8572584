"""Inputs made constants: the graph of a function of the others."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.graph.rewriting.fixing import fix, literal
from gradcli.graph.rewriting.unroll import unroll
from gradcli.language.parser import parse
from gradcli.numeric import arrays
from gradcli.passes import evaluate_graph

PROGRAMS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("A*exp(-k*t) + c", {"A": 5.1, "k": 0.1 + 0.2, "t": 1.3, "c": -2.0}, ["A", "k", "c"]),
    ("q = x + y; q*z*q", {"x": 2.0, "y": 3.0, "z": -4.0}, ["y"]),
    ("x^a + a", {"x": 2.0, "a": 1e300}, ["x"]),
    ("h = tanh(W @ x + b); sum(h*h)*c", {"W": [[0.1, -2.0], [3.0, 1e-300]], "x": [1, 2], "b": [0.5, 0], "c": 2}, ["W"]),
    ("h = x\nfor t in 0..3 { h = tanh(w*h + b[t]) }\nh", {"x": 0.5, "w": 1.5, "b": [0.1, 0.2, 0.3]}, ["w", "b"]),
    ("clip(a, b) = where(a > 0, a, b) with grad (1, 0)\nclip(x*y, 2)*x", {"x": 0.5, "y": 3.0}, ["y"]),
]


def graph_of(text: str, values: dict[str, Any]) -> tuple[Graph, dict[str, Any]]:
    point = {name: arrays.asarray(x) if isinstance(x, list) else float(x) for name, x in values.items()}
    return lower(parse(text), point), point


@pytest.mark.parametrize(("text", "values", "names"), PROGRAMS)
def test_the_same_numbers_at_the_same_gates(text: str, values: dict[str, Any], names: list[str]) -> None:
    """To the last bit, also unrolled; every gate but inputs keeps its id, span and stage."""
    graph, point = graph_of(text, values)
    found = fix(graph, {name: point[name] for name in names})
    found.verify()
    rest = {name: x for name, x in point.items() if name not in names}
    assert [*found.inputs] == [name for name in graph.inputs if name in rest]
    assert {*found.free} == {*rest}
    ours, whole = evaluate_graph(found, rest), evaluate_graph(graph, point)
    assert ours.value == whole.value
    for name in rest:
        assert arrays.tolist(ours.gradients[name]) == arrays.tolist(whole.gradients[name])
    for index in range(len(graph.inputs), len(graph)):
        assert (found.codes[index], found.span(index), found.groups) == (
            graph.codes[index], graph.span(index), graph.groups
        )  # fmt: skip
    assert {index: name for index, name in found.stages.items() if name not in names} == graph.stages
    flat = unroll(found)
    assert evaluate_graph(flat, {name: rest[name] for name in flat.inputs if name in rest} | _elements(rest)).value == (
        pytest.approx(whole.value, rel=1e-14)
    )


def _elements(point: dict[str, Any]) -> dict[str, float]:
    return {f"{n}[{k}]": one for n, x in point.items() if hasattr(x, "tolist") for k, one in enumerate(x.tolist())}


def test_the_graph_that_is_given_stays() -> None:
    graph, _ = graph_of("x*y", {"x": 1, "y": 2})
    assert fix(graph, {}) is graph
    assert fix(graph, {"z": 1.0}) is graph
    fix(graph, {"x": 7.0})
    assert [*graph.inputs] == [*graph.free] == ["x", "y"]


def test_an_arrays_constant_keeps_its_name() -> None:
    """As a stage; a number is written where it is used."""
    graph, point = graph_of("sum(W*x)*c", {"W": [1, 2], "x": [3, 4], "c": 5})
    found = fix(graph, {name: point[name] for name in ("W", "c")})
    assert [found.label(index) for index in range(3)] == ["x", "W", "5"]
    assert found.codes[1] == ops.CONSTANT


@pytest.mark.parametrize("x", [0.1 + 0.2, -0.0, 0.0, 5e-324, 1e22, 123456789012345680.0, -3.0, math.inf, -math.inf])
def test_a_literal_reads_back(x: float) -> None:
    """As the very same double, with the sign of a zero, alone and in an array."""
    graph = fix(lower(parse("x + y")), {"x": x})
    in_array = fix(lower(parse("sum(x)*y"), {"x": arrays.asarray([x, 1.0]), "y": 1.0}), {"x": arrays.asarray([x, 1.0])})
    numbers = [evaluate_graph(graph, {"y": 1.0}).values[1], evaluate_graph(in_array, {"y": 1.0}).values[1].tolist()[0]]
    for number in numbers:
        assert (number, math.copysign(1.0, number)) == (x, math.copysign(1.0, x))


def test_literals_of_arrays() -> None:
    assert literal(arrays.asarray([[1.0, math.nan], [-0.0, -math.inf]])) == "[[1, nan], [-0.0, -inf]]"
    assert literal(0.1) == "0.1"
