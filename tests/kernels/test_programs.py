"""Whole programs over columns: gate by gate against floats, and value and gradients against the passes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_programs import array_programs
from columns import all_gates, check_program, columns_of, special_points
from hypothesis import HealthCheck, given, settings
from programs import Case, programs

import gradcli
from gradcli.graph.lower import lower
from gradcli.graph.rewriting.unroll import unroll, unrolled_values
from gradcli.kernels import Outputs, kernel
from gradcli.kernels.derived import derived
from gradcli.numeric import arrays
from gradcli.passes import evaluate_graph, forward

SAMPLES = Path(__file__).parent.parent.parent / "samples"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.grad"))
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example]


def _unrolled(text: str, values: dict[str, Any]) -> tuple[Any, dict[str, float]]:
    given = {name: arrays.asarray(value) if isinstance(value, list) else value for name, value in values.items()}
    graph = lower(gradcli.parse(text), given)
    numbers = {**{name: value for name, value in given.items() if name in graph.inputs}}
    return unroll(graph), {name: float(x) for name, x in unrolled_values(graph, numbers).items()}


def _same(x: float, y: float) -> bool:
    return x == y or (x != x and y != y)


@pytest.mark.parametrize("name", NAMES)
def test_samples(name: str) -> None:
    """At the sample's values and around, against the passes."""
    values = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    graph, numbers = _unrolled((SAMPLES / f"{name}.grad").read_text(encoding="utf-8"), values)
    draw = np.random.default_rng(3)
    scale = 1.0 + 0.01 * draw.normal(size=20)
    labels = {one: number for one, number in numbers.items() if one.startswith("labels")}  # whole numbers, or nothing
    columns = {one: number * scale for one, number in numbers.items() if one not in labels}
    made = kernel(graph, labels, list(numbers))
    found = made.run(columns)
    for row in range(len(scale)):
        trace = evaluate_graph(graph, {one: float(column[row]) for one, column in columns.items()} | labels)
        assert math.isclose(found.value[row], trace.value, rel_tol=1e-11, abs_tol=1e-300)
        for one, gradient in trace.gradients.items():
            largest = max(abs(x) for x in trace.gradients.values())
            assert math.isclose(found.gradients[one][row], gradient, rel_tol=1e-9, abs_tol=1e-11 * largest)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("attention", "softmax-regression")])
def test_gates_of_samples(name: str) -> None:
    values = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    graph, numbers = _unrolled((SAMPLES / f"{name}.grad").read_text(encoding="utf-8"), values)
    draw = np.random.default_rng(4)
    check_program(graph, {one: number + 0.3 * draw.normal(size=12) for one, number in numbers.items()})


def _columns(case: Case, graph: Any) -> dict[str, Any]:
    """The case's point and others, odd ones among them."""
    draw = np.random.default_rng(5)
    odd = [0.0, math.inf, math.nan, -1e300, 5e-324]
    names = list(graph.inputs)
    points = [[case.values[name] for name in names]]
    points += [[float(x) for x in draw.normal(size=len(names))] for _ in range(20)]
    points += [[float(draw.choice([case.values[name], 1.0, *odd])) for name in names] for _ in range(20)]
    return columns_of(names, points)


@settings(deadline=None, max_examples=150, suppress_health_check=_SLOW)
@given(case=programs(gradients=True))
def test_random_programs_gate_by_gate(case: Case) -> None:
    """Value and gradients are the same bits whether buffers are used again or every gate has one of its own."""
    graph = lower(gradcli.parse(case.text), case.values)
    check_program(graph, _columns(case, graph))


@settings(deadline=None, max_examples=150, suppress_health_check=_SLOW)
@given(case=programs(gradients=True))
def test_the_derived_graph_has_the_numbers_of_the_passes(case: Case) -> None:
    """On floats the gates of the gradients give what the backward pass gives, whatever is infinite."""
    graph = lower(gradcli.parse(case.text), case.values)
    found = derived(graph, {}, list(graph.inputs))
    columns = _columns(case, graph)
    for row in range(len(next(iter(columns.values()), ()))):
        point = {name: float(column[row]) for name, column in columns.items()}
        trace, numbers = evaluate_graph(graph, point), forward(found.graph, point)
        assert _same(numbers[found.value], trace.value)
        for name, gate in found.gradients.items():
            got, wanted = numbers[gate], trace.gradients[name]
            assert math.isfinite(got) == math.isfinite(wanted), (point, name, got, wanted)
            assert _same(got, wanted) or math.isclose(got, wanted, rel_tol=1e-6, abs_tol=1e-9), (
                point,
                name,
                got,
                wanted,
            )


@settings(deadline=None, max_examples=60, suppress_health_check=_SLOW)
@given(case=array_programs())
def test_unrolled_arrays(case: Any) -> None:
    flat, numbers = _unrolled(case.text, case.values)
    if not numbers or len(flat) > 400:
        return
    columns = {name: float(x) * np.array([1.0, 0.5, -1.0]) for name, x in numbers.items()}
    check_program(flat, columns)


@pytest.mark.parametrize(
    "text", ["(x+y)*z", "tanh(w*x + b)^2", "x^y*sigmoid(z)", "where(x > y, log(x), y/z)", "x*0 + 2"]
)
def test_what_is_fixed_is_a_number(text: str) -> None:
    """Each subset of inputs as values gives the numbers of all as columns."""
    graph = lower(gradcli.parse(text))
    names, draw = list(graph.inputs), np.random.default_rng(6)
    for subset in range(2 ** len(names)):
        fixed = {name: 0.3 + k for k, name in enumerate(names) if subset >> k & 1}
        columns = {name: np.abs(draw.normal(size=50)) for name in names if name not in fixed}
        check_program(graph, columns, fixed)
        whole = {**columns, **{name: np.full(50, number) for name, number in fixed.items()}}
        if columns:
            part, other = kernel(graph, fixed, names).run(columns), kernel(graph, {}, names).run(whole)
            assert np.allclose(part.value, other.value, rtol=1e-13, atol=0.0)
            for name in names:
                assert np.allclose(part.gradients[name], other.gradients[name], rtol=1e-13, atol=0.0)


_CHOICES = (
    "where(x > y, 2, 3)", "where(x > y, 0, x)", "where(x != y, x, 0)", "where(x, y, -y)", "where(not x, 1, y)",
    "where(x > 0 and y > 0, x, y)", "where(y, -0, x)",
)  # fmt: skip


@pytest.mark.parametrize("text", _CHOICES)
def test_choices(text: str) -> None:
    """By bits or not, between columns and numbers, -0, inf and nan among them."""
    graph = lower(gradcli.parse(text))
    columns = columns_of(list(graph.inputs), special_points(2))
    found, results = check_program(graph, columns)
    for row, point in enumerate(special_points(2)):
        trace = evaluate_graph(graph, dict(zip(graph.inputs, point, strict=True)))
        assert _same(float(results[0][row]), trace.value)
        for place, name in enumerate(found.gradients):
            assert _same(float(results[1 + place][row]), trace.gradients[name])


@pytest.mark.parametrize("text", ["0*(x*y)", "0*(x*(y*x))", "relu(x)*0*y", "where(x > 1e400, x*y, x)"])
def test_an_adjoint_of_0_stays_0_whatever_it_meets(text: str) -> None:
    graph = lower(gradcli.parse(text))
    found = kernel(graph, {}, ["x", "y"]).run(columns_of(["x", "y"], special_points(2)))
    for row, (x, y) in enumerate(special_points(2)):
        trace = evaluate_graph(graph, {"x": x, "y": y})
        for name in "xy":
            assert _same(float(found.gradients[name][row]), trace.gradients[name]), (x, y, name)


_NEAR_ZERO = (
    "log(-x)", "sqrt(-x)", "sqrt(x*y)", "log(x - y)", "log(x + y)", "log(x + 0)", "log(x - 0)", "sqrt(x*x)",
    "log2(sqrt(x))", "log(sqrt(x) + y)", "sqrt(abs(x))", "sqrt(-(x*x))",
)  # fmt: skip


@pytest.mark.parametrize("text", _NEAR_ZERO)
def test_slopes_at_either_zero(text: str) -> None:
    """A slope at -0 is that at 0, also where the sign of a zero is judged without looking."""
    graph = lower(gradcli.parse(text))
    points = special_points(len(graph.inputs))
    found, results = check_program(graph, columns_of(list(graph.inputs), points))
    for row, point in enumerate(points):
        trace = evaluate_graph(graph, dict(zip(graph.inputs, point, strict=True)))
        for place, name in enumerate(found.gradients):
            got, wanted = float(results[1 + place][row]), trace.gradients[name]
            if not math.isfinite(wanted):
                assert _same(got, wanted), (point, name, got, wanted)


def test_each_subset_of_gradients_is_the_same_bits() -> None:
    graph = lower(gradcli.parse("tanh(w*x + b)*x^3 + sin(w)/b"))
    names, draw = ["b", "x", "w"], np.random.default_rng(7)
    columns = {name: draw.normal(size=300) for name in names}
    whole = kernel(graph, {}, names).run(columns)
    for wrt in ([], ["x"], ["w", "x"], ["x", "w"], ["b"]):
        found = kernel(graph, {}, wrt).run(columns)
        assert list(found.gradients) == wrt
        assert np.array_equal(found.value, whole.value)
        for name in wrt:
            assert np.array_equal(found.gradients[name], whole.gradients[name])


def test_outputs_that_are_inputs_numbers_or_one_gate() -> None:
    graph = lower(gradcli.parse("(x + y)*z + 0*w"))
    columns = {name: np.arange(5.0) + k for k, name in enumerate("xyzw")}
    found = kernel(graph, {}, list("xyzw")).run(columns)
    assert np.array_equal(found.gradients["x"], columns["z"])
    assert np.array_equal(found.gradients["y"], columns["z"])
    assert np.array_equal(found.gradients["w"], np.zeros(5))
    found.gradients["x"][:] = -1.0  # no input's column
    assert columns["z"][0] == 2.0
    assert np.array_equal(kernel(lower(gradcli.parse("x")), {}, ["x"]).run({"x": columns["x"]}).value, columns["x"])


def test_equal_gradients_share_an_array_or_fill_the_given_ones() -> None:
    made = kernel(lower(gradcli.parse("(x + y)*z")), {}, ["y", "z", "x"])
    columns = {name: np.arange(5.0) + k for k, name in enumerate("xyz")}
    found = made.run(columns)
    assert found.gradients["x"] is found.gradients["y"]
    assert list(found.gradients) == ["y", "z", "x"]
    out = Outputs(np.empty(5), {name: np.empty(5) for name in "xyz"})
    made.run(columns, out)
    for name in "xyz":
        assert np.array_equal(out.gradients[name], found.gradients[name])


def test_outputs_may_be_given() -> None:
    graph = lower(gradcli.parse("x*y"))
    out = Outputs(np.empty(3), {"x": np.empty(3)})
    found = kernel(graph, {"y": 2.0}, ["x"]).run({"x": np.arange(3.0)}, out)
    assert found.value is out.value
    assert out.value.tolist() == [0.0, 2.0, 4.0]
    assert out.gradients["x"].tolist() == [2.0, 2.0, 2.0]


def test_all_gates_are_asked_for_in_the_other_tests() -> None:
    found = derived(lower(gradcli.parse("x*y + 2")), {}, ["x"])
    kept = all_gates(found, {"x": np.array([3.0]), "y": np.array([5.0])}, {})
    assert len(kept) == len(found.graph)
    assert kept[found.value].tolist() == [17.0]
