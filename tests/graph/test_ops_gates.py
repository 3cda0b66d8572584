"""Every rule on gates: the graph of each partial computes the partial, and its own gradient the second derivatives."""

from __future__ import annotations

import math

import pytest
from oracle import Point, Value, exact, random_points, samples, slope, smooth, value
from partial_graphs import build, names, partial_graph
from test_ops_accuracy import TESTED, partials

from gradcli.graph import ops
from gradcli.graph.ops import ROWS, Op
from gradcli.passes import evaluate_graph, forward

POINTS = 25
MODERATE = 30.0  # plain formulas, not those of refined.py, run here; their range is smaller


def _moderate_points(row: Op) -> list[Point]:
    near = [point for point in samples(row) if all(1e-10 < abs(x) < MODERATE or x == 0.0 for x in point)]
    dense = random_points(row, 40 * POINTS, seed=2)
    return near + [point for point in dense if all(1e-6 < abs(x) < MODERATE for x in point)][:POINTS]


@pytest.mark.parametrize("row", TESTED, ids=lambda row: row.name)
def test_partials_as_graphs(row: Op) -> None:
    for point in _moderate_points(row):
        for position, wanted in enumerate(partials(row, point)):
            graph = partial_graph(row, position, len(point))
            got = forward(graph, dict(zip(names(row, len(point)), point, strict=True)))[graph.output]
            assert got == pytest.approx(wanted, rel=1e-10, abs=1e-300, nan_ok=True), f"{row.name}{point}, {position}"


def _second(row: Op, position: int, other: int, point: Point) -> tuple[float, float]:
    """The exact second derivative, and the scale of its error: itself or the first derivative."""
    first: Value = slope(value(row), position)
    second = exact(slope(first, other), point)
    size = abs(exact(first, point))
    return float(second), math.inf if math.isinf(size) else float(max(abs(second), size))


@pytest.mark.parametrize("row", TESTED, ids=lambda row: row.name)
def test_second_derivatives(row: Op) -> None:
    for point in _moderate_points(row)[: 10 + len(row.samples)]:
        if not smooth(row, point):
            continue
        inputs = dict(zip(names(row, len(point)), point, strict=True))
        for position in range(len(point)):
            graph = partial_graph(row, position, len(point))
            gradients = evaluate_graph(graph, {name: inputs[name] for name in graph.inputs}).gradients
            for other, name in enumerate(inputs):
                wanted, size = _second(row, position, other, point)
                if math.isinf(size):  # the end of a domain, where already the slope is infinite
                    continue
                got = gradients.get(name, 0.0)
                same = math.isnan(got) and math.isnan(wanted)
                assert same or abs(got - wanted) <= 1e-9 * size, (
                    f"{row.name}{point}: ∂²/∂{position}∂{name} is {got}, not {wanted}"
                )


def _second_at(name: str, position: int, by: int, point: Point) -> float:
    row = ROWS[ops.CODES[name]]
    graph = partial_graph(row, position, len(point))
    inputs = dict(zip(names(row, len(point)), point, strict=True))
    gradients = evaluate_graph(graph, {name: inputs[name] for name in graph.inputs}).gradients
    return gradients.get(list(inputs)[by], 0.0)


def test_second_derivative_of_sinc_at_zero() -> None:
    assert _second_at("sinc", 0, 0, (0.0,)) == pytest.approx(-1 / 3, rel=1e-15)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_mixed_derivative_of_power_at_exponent_zero(order: tuple[int, int]) -> None:
    """∂²/∂x∂y x^y = x^(y-1)(1 + y log x): a guard on y = 0 alone would make it 0."""
    assert _second_at("pow", *order, (2.0, 0.0)) == pytest.approx(0.5, rel=1e-15)


@pytest.mark.parametrize(
    ("exponent", "second"), [(1.0, 0.0), (2.0, 2.0), (3.0, 0.0), (0.0, 0.0)], ids=lambda v: f"{v:g}"
)
def test_second_derivative_of_whole_powers_at_zero(exponent: float, second: float) -> None:
    assert _second_at("pow", 0, 0, (0.0, exponent)) == second


def test_second_derivative_where_the_first_vanishes() -> None:
    """d²/dw² (w·x - 1)² at its minimum: a contribution that is 0 because its adjoint is 0 still has a slope."""

    def gradient(m, w, x):  # type: ignore[no-untyped-def]
        residual = w * x - 1.0
        square = m.pow(residual, 2.0)
        into_residual = m.chain(m.number("1"), ROWS[ops.CODES["pow"]].partials[0](m, square, residual, 2.0))
        into_product = m.chain(into_residual, m.number("1"))
        return m.chain(into_product, x)

    trace = evaluate_graph(build(["w", "x"], gradient), {"w": 0.5, "x": 2.0})
    assert trace.value == 0.0
    assert trace.gradients["w"] == 8.0


def test_chain_is_zero_beside_an_infinite_slope() -> None:
    """The product form of the same contribution would be nan."""
    graph = build(["g", "p"], lambda m, g, p: m.chain(g, p))
    trace = evaluate_graph(graph, {"g": 0.0, "p": math.inf})
    assert trace.value == 0.0
    assert trace.gradients == {"g": math.inf, "p": 0.0}
