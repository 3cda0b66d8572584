"""The gradient as a graph against the backward pass, and higher orders against known formulas."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from gradcli.graph.derive import Derived, derive, tangents
from gradcli.graph.graph import Graph, prune
from gradcli.graph.higher import hessian
from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.passes import evaluate_graph, forward


def _graph(text: str) -> Graph:
    return lower(parse(text))


def _gradients(derived: Derived, point: Mapping[str, float]) -> dict[str, float]:
    derived.graph.verify()
    values = forward(derived.graph, point)
    return {name: values[gate] for name, gate in derived.gradients.items()}


def nth(text: str, name: str, order: int) -> Graph:
    """The graph of a repeated derivative by one input."""
    graph = _graph(text)
    for _ in range(order):
        derived = derive(graph, [name])
        graph = prune(derived.graph, derived.gradients[name]) if derived.gradients else _graph("0")
        graph.verify()
    return graph


def value_of_nth(text: str, name: str, order: int, **point: float) -> float:
    graph = nth(text, name, order)
    return float(forward(graph, point)[graph.output])


PROGRAMS = [
    ("(x+y)*z", {"x": 2.0, "y": 3.0, "z": -4.0}),
    ("x*x", {"x": 3.0}),
    ("q = x*y; q*q + sin(q)/x", {"x": 0.7, "y": -1.3}),
    ("(x+σ(y))/(σ(x)+(x+y)²)", {"x": 3.0, "y": -4.0}),
    ("max(x, y, x*y) + min(x, 2)", {"x": 1.5, "y": 2.5}),
    ("max(x, y)*3", {"x": 2.0, "y": 2.0}),
    ("where(x > y, x^2, y^3) + relu(x - y)", {"x": 1.5, "y": 2.5}),
    ("mod(x, y)*atan2(x, y) + hypot(x, y)", {"x": 7.5, "y": 2.0}),
    ("clamp(x*y, -1, 1)*leaky_relu(x)", {"x": -0.5, "y": 0.5}),
    ("x^y + y^x + log(x, y)", {"x": 1.5, "y": 2.5}),
    ("f(a, b) = a*b with grad (b, a)\nf(x, f(x, y))", {"x": 1.5, "y": 2.5}),
    ("floor(x)*y + sign(y) + round(x)", {"x": 1.5, "y": 2.5}),
    ("y*log(x)", {"x": 0.0, "y": 0.0}),
    # an infinite gradient meets a slope of 0, which no branch is to blame for: nan, as in the backward pass
    ("(y^z)/w", {"y": 0.0, "z": 0.0, "w": 0.0}),
    ("hypot(x, y)/w", {"x": 0.0, "y": 0.0, "w": 0.0}),
    ("leaky_relu(x, y)/w", {"x": 1.0, "y": 0.1, "w": 0.0}),
    ("log(where(x > 0, y, 0)*w)", {"x": -1.0, "y": 2.0, "w": 3.0}),
]


@pytest.mark.parametrize(("text", "point"), PROGRAMS, ids=[text for text, _ in PROGRAMS])
def test_the_graph_computes_what_the_backward_pass_computes(text: str, point: dict[str, float]) -> None:
    graph = _graph(text)
    wanted = evaluate_graph(graph, point)
    derived = derive(graph)
    assert _gradients(derived, point) == pytest.approx(wanted.gradients, rel=1e-14, abs=0.0, nan_ok=True)
    assert forward(derived.graph, point)[derived.value] == pytest.approx(wanted.value, rel=0.0, nan_ok=True)
    assert derived.graph.codes[: len(graph)] == graph.codes


FINITE = [(text, point) for text, point in PROGRAMS if 0.0 not in point.values() and "log(where" not in text]


@pytest.mark.parametrize(("text", "point"), FINITE, ids=[text for text, _ in FINITE])
def test_the_forward_sweep_gives_the_same(text: str, point: dict[str, float]) -> None:
    graph = _graph(text)
    wanted = evaluate_graph(graph, point).gradients
    for name in point:
        moved, (tangent,) = tangents(graph, {name: "1"}, [graph.output])
        moved.verify()
        assert forward(moved, point)[tangent] == pytest.approx(wanted[name], rel=1e-14, abs=0.0)


def test_only_the_inputs_asked_for() -> None:
    derived = derive(_graph("x*y + z"), ["y", "unknown"])
    assert list(derived.gradients) == ["y"]
    assert derive(_graph("x*y; x".replace("; x", ""))).gradients.keys() == {"x", "y"}


def test_an_input_that_does_not_matter() -> None:
    derived = derive(_graph("floor(x)*y"))
    assert _gradients(derived, {"x": 2.5, "y": 1.0}) == {"x": 0.0, "y": 2.0}


def test_the_graph_given_is_not_changed() -> None:
    graph = _graph("sin(x)*x")
    before = graph.codes[:], graph.literals[:], dict(graph.stages)
    derive(graph)
    tangents(graph, {"x": "1"}, [graph.output])
    assert (graph.codes, graph.literals, graph.stages) == before


# What branches not chosen must not do, in values, first and second derivatives: name, point, value, slope, curvature.
BRANCHES = [
    ("where(x > 0, sqrt(x), 0)", 0.0, 0.0, 0.0, 0.0),
    ("where(x > 0, sqrt(x), 0)", -1.0, 0.0, 0.0, 0.0),
    ("where(x > 0, sqrt(x), 0)", 4.0, 2.0, 0.25, -1 / 32),
    ("where(x < 0, exp(x), 1 + x)", 1000.0, 1001.0, 1.0, 0.0),
    ("where(x < 0, exp(x), 1 + x)", -1.0, math.exp(-1), math.exp(-1), math.exp(-1)),
    ("where(x == 0, 1, sin(x)/x)", 0.0, 1.0, 0.0, 0.0),
    ("where(x > 0, x*log(x), 0)", 0.0, 0.0, 0.0, 0.0),
    ("where(x > 0, x*log(x), 0)", -1.0, 0.0, 0.0, 0.0),
    ("where(abs(x) < 1e100, x*x*x, 0)", 1e200, 0.0, 0.0, 0.0),
    ("where(x > 0, log(sqrt(x))/x, x^2)", -3.0, 9.0, -6.0, 2.0),
    ("where(x > 1, 1/(x - 1), where(x < -1, sqrt(-1 - x), 5x^3))", 1.0, 5.0, 15.0, 30.0),
]


@pytest.mark.parametrize(("text", "x", "value", "slope", "curvature"), BRANCHES)
def test_branches_not_chosen_contribute_nothing(
    text: str, x: float, value: float, slope: float, curvature: float
) -> None:
    trace = evaluate_graph(_graph(text), {"x": x})
    assert trace.value == value
    assert trace.gradients["x"] == pytest.approx(slope, rel=1e-15, abs=0.0)
    assert value_of_nth(text, "x", 1, x=x) == pytest.approx(slope, rel=1e-15, abs=0.0)
    assert value_of_nth(text, "x", 2, x=x) == pytest.approx(curvature, rel=1e-15, abs=0.0)


def test_the_second_derivative_where_the_first_vanishes() -> None:
    """d²/dw² (w·x - 1)² = 2x², also at the minimum, where an adjoint is 0."""
    assert value_of_nth("(w*x - 1)^2", "w", 2, w=0.5, x=2.0) == 8.0


@pytest.mark.parametrize(
    ("text", "order", "x", "wanted"),
    [
        ("x^5", 3, 2.0, 60 * 2.0**2),
        ("x^5", 5, 2.0, 120.0),
        ("x^5", 6, 2.0, 0.0),
        ("sin(x)", 4, 0.5, math.sin(0.5)),
        ("exp(2x)", 3, 0.5, 8 * math.e),
        ("log(x)", 3, 2.0, 2 / 8),
        ("1/x", 3, 2.0, -6 / 16),
        ("sqrt(x)", 2, 4.0, -1 / 32),
        ("x^x", 2, 1.0, 2.0),
    ],
)
def test_higher_orders(text: str, order: int, x: float, wanted: float) -> None:
    assert value_of_nth(text, "x", order, x=x) == pytest.approx(wanted, rel=1e-14)


def test_depth_costs_nothing() -> None:
    text = "\n".join(["s0 = x", *(f"s{i} = sin(s{i - 1})*0.9 + x" for i in range(1, 20_000)), "s19999"])
    graph = _graph(text)
    derived = derive(graph)
    wanted = evaluate_graph(graph, {"x": 0.5}).gradients["x"]
    assert _gradients(derived, {"x": 0.5})["x"] == pytest.approx(wanted, rel=1e-12)
    assert len(derived.graph) < 3 * len(graph)


# Second derivatives


def _hessian(text: str, point: Mapping[str, float], wrt: list[str] | None = None) -> dict[tuple[str, str], float]:
    second = hessian(_graph(text), wrt)
    second.graph.verify()
    values = forward(second.graph, point)
    return {pair: values[gate] for pair, gate in second.curvatures.items()}


def test_the_hessian_of_a_quadratic_form() -> None:
    found = _hessian("3*x^2 + 5*x*y - y^2", {"x": 1.5, "y": -2.0})
    assert found == {("x", "x"): 6.0, ("x", "y"): 5.0, ("y", "x"): 5.0, ("y", "y"): -2.0}


def test_the_hessian_at_a_minimum() -> None:
    assert _hessian("(w*x-1)^2", {"w": 0.5, "x": 2.0}, ["w"]) == {("w", "w"): 8.0}


def test_the_hessian_across_branches() -> None:
    text = "where(x > y, sqrt(x - y), x^2*y)"
    assert _hessian(text, {"x": 1.0, "y": 3.0}) == {("x", "x"): 6.0, ("x", "y"): 2.0, ("y", "x"): 2.0, ("y", "y"): 0.0}
    quarter = pytest.approx(1 / 32)
    found = _hessian(text, {"x": 5.0, "y": 1.0})
    assert [-found["x", "x"], found["x", "y"], -found["y", "y"]] == [quarter, quarter, quarter]


def test_the_hessian_equals_the_derivative_of_the_gradient() -> None:
    text, point = "q = x*y; tanh(q)*exp(-x^2) + softplus(q - z)^2", {"x": 0.7, "y": -1.3, "z": 0.4}
    found = _hessian(text, point)
    for name in point:
        derived = derive(_graph(text), [name])
        again = derive(prune(derived.graph, derived.gradients[name]))
        for other, value in _gradients(again, point).items():
            assert found[name, other] == pytest.approx(value, rel=1e-12)
