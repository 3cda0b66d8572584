"""Stages of traces over rows, whose axis counts examples of one unit; which units are dead; what is the cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradcli
from gradcli.diagnose import warnings
from gradcli.diagnose.stages import ROWS, layers, statistics
from gradcli.graph.lower import lower
from gradcli.graph.rewriting.unroll import unroll, unrolled_values
from gradcli.language.parser import parse
from gradcli.passes import evaluate_graph
from gradcli.traces import Trace

X = np.array([-2.0, -1.0, 0.5, 1.0])


def _over_rows(text: str, **values: Any) -> Trace:
    trace = gradcli.evaluate(text, values)
    trace.cache[ROWS] = True
    return trace


def test_an_axis_of_examples_is_one_unit() -> None:
    text = "a = relu(w*x)\nb = relu(w*x - 5)\nmean(a + b)"
    units = statistics(gradcli.evaluate(text, w=1.0, x=X)).stages
    rows = statistics(_over_rows(text, w=1.0, x=X)).stages
    assert [(stage.dead, stage.rectified, stage.dead_units) for stage in units[:2]] == [
        (2, 4, (0, 1)),
        (4, 4, (0, 1, 2, 3)),
    ]
    assert [(stage.dead, stage.rectified, stage.dead_units) for stage in rows[:2]] == [(0, 1, ()), (1, 1, (0,))]


def test_warnings_of_rows_count_one_unit_too() -> None:
    text = "mean(relu(w*x - 5) + relu(w*x))"
    told = {warned.message for warned in warnings(_over_rows(text, w=1.0, x=X)) if warned.kind == "dead"}
    assert told == {"relu(g4) passes no gradient"}


@pytest.mark.parametrize("text", ["h = relu(W @ x + b)\nloss = sum(h)\nloss", "h = relu(W @ x + b)*2 + 1\nsum(h*h)"])
def test_dead_units_have_the_same_indices_when_unrolled(text: str) -> None:
    values = {"W": np.ones((5, 2)), "x": np.array([1.0, 1.0]), "b": np.array([0.0, -9.0, 0.0, -9.0, -9.0])}
    graph = lower(parse(text), values)
    flat = unroll(graph)
    whole = evaluate_graph(graph, values)
    single = evaluate_graph(flat, unrolled_values(graph, values))
    for trace in (whole, single):
        stage = statistics(trace).stages[0]
        assert (stage.name, stage.dead, stage.rectified, stage.dead_units) == ("h", 3, 5, (1, 3, 4))


def test_indices_are_those_of_the_names_where_elements_are_not_needed() -> None:
    values = {"x": np.array([1.0, -1.0, 1.0, -1.0])}
    graph = lower(parse("h = relu(x)\nh[0] + h[3]"), values)
    stage = statistics(evaluate_graph(unroll(graph), unrolled_values(graph, values))).stages[0]
    assert (stage.dead, stage.rectified, stage.dead_units) == (1, 2, (3,))


def test_units_over_examples_keep_their_indices_when_unrolled() -> None:
    values = {"X": np.array([[1.0, -1.0, 2.0], [-1.0, -2.0, 3.0]])}
    graph = lower(parse("h = relu(X)\nsum(h^2)"), values)
    for trace in (evaluate_graph(graph, values), evaluate_graph(unroll(graph), unrolled_values(graph, values))):
        assert statistics(trace).stages[0].dead_units == (1,)


@pytest.mark.parametrize("end", ["L\n", "mean(L)", "sum(L)", "mean(sum(L, axis=0))"])
def test_the_cost_is_no_layer_even_if_it_is_averaged(end: str) -> None:
    text = f"h = tanh(w*X)\nL = (h - 1)^2\n{end}" if end != "L\n" else "h = tanh(w*q)\nL = (h - 1)^2\nL"
    trace = gradcli.evaluate(text, {"w": 0.5, "X": np.ones((3, 2))} if end != "L\n" else {"w": 0.5, "q": 1.0})
    stages = statistics(trace).stages
    assert [stage.name for stage in stages] == ["h", "L"]
    assert [stage.name for stage in layers(stages, trace.graph)] == ["h"]


def test_a_residual_of_next_to_nothing_is_no_vanishing_gradient() -> None:
    """The gradient of an averaged cost does not get small with its slope, that of the layers does."""
    found = statistics(gradcli.evaluate("h = w*x\nL = (h - 1)^2\nmean(L)", w=1.0 + 1e-9, x=np.ones(5)))
    assert found.findings == []
