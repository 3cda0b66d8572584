"""Losses and their gradients: per row, over whole columns, without data; with penalties, in batches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from losses import LOSSES, data, made, point

import gradcli
from gradcli.errors import LimitError, ProgramError
from gradcli.training.losses.rows import PerRow
from gradcli.training.losses.whole import Whole

MSE_STEP = next(
    json.loads(line.rstrip(",\n"))
    for line in (Path(__file__).parents[1] / "cases" / "tutorials.json").read_text(encoding="utf-8").splitlines()
    if '"mse-step"' in line
)


def _near(found: Any, expected: Any, tolerance: float = 1e-12) -> None:
    """Within a relative tolerance of the largest number."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


def _by_rows(text: str, columns: dict[str, Any], values: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    """The mean over rows, each of them evaluated by the passes alone."""
    count = len(next(iter(columns.values())))
    value, gradients = 0.0, {name: np.zeros(np.shape(x)) for name, x in values.items()}
    for row in range(count):
        trace = gradcli.evaluate(text, {name: x[row] for name, x in columns.items()} | values, wrt=[*values])
        value += trace.value / count
        for name in values:
            gradients[name] = gradients[name] + np.asarray(trace.gradients[name]) / count
    return value, gradients


@pytest.mark.parametrize("name", LOSSES)
def test_both_objectives_give_what_the_passes_give_row_by_row(name: str) -> None:
    loss = LOSSES[name]
    rows = made(loss.per_row, loss.columns, loss.parameters)
    whole = made(loss.whole, loss.columns, loss.parameters)
    assert isinstance(rows, PerRow)
    assert isinstance(whole, Whole)
    columns, theta = data(loss.columns, 37), point(rows.layout.size)
    value, gradients = _by_rows(loss.per_row, columns, rows.layout.values(theta))
    for objective in (rows, whole):
        found = objective.evaluate(theta, columns)
        _near(found.loss, value)
        _near(found.gradient, objective.layout.vector(gradients))
        _near(objective.loss(theta, columns), value)
        trace = objective.trace(theta, columns)
        _near(trace.value, value)


def test_the_step_of_the_tutorial() -> None:
    objective = made("(w*x + b - t)^2", {"x": (), "t": ()}, {"w": (), "b": ()})
    given = MSE_STEP["x"]
    columns = {"x": np.array([given["x"]]), "t": np.array([given["t"]])}
    loss, gradient = objective.evaluate(np.array([given["w"], given["b"]]), columns)
    assert loss == MSE_STEP["f"]
    assert gradient.tolist() == [MSE_STEP["grad"]["w"], MSE_STEP["grad"]["b"]]


@pytest.mark.parametrize("name", LOSSES)
def test_the_sum_is_the_mean_times_the_rows(name: str) -> None:
    loss = LOSSES[name]
    columns = data(loss.columns, 11)
    mean, total = (made(loss.per_row, loss.columns, loss.parameters, reduce=reduce) for reduce in ("mean", "sum"))
    theta = point(mean.layout.size)
    one, other = mean.evaluate(theta, columns), total.evaluate(theta, columns)
    _near(one.loss * 11, other.loss)
    _near(one.gradient * 11, other.gradient)
    _near(total.trace(theta, columns).value, other.loss)


@pytest.mark.parametrize("style", ["per_row", "whole"])
def test_a_penalty_adds_its_value_and_gradient_but_not_to_what_is_compared(style: str) -> None:
    loss = LOSSES["linear"]
    text, columns = getattr(loss, style), data(loss.columns, 5)
    plain = made(text, loss.columns, loss.parameters, {"strength": 0.25})
    with_penalty = made(text, loss.columns, loss.parameters, {"strength": 0.25}, "strength*sum(w^2)")
    theta = np.array([1.0, -2.0, 3.0, 4.0])
    before, after = plain.evaluate(theta, columns), with_penalty.evaluate(theta, columns)
    assert after.loss == before.loss + 0.25 * 14.0
    assert after.gradient.tolist() == (before.gradient + np.array([0.5, -1.0, 1.5, 0.0])).tolist()
    assert with_penalty.loss(theta, columns) == plain.loss(theta, columns)


def test_without_data_a_function_is_made_small() -> None:
    rosenbrock = made("(1 - a)^2 + 100*(b - a^2)^2", {}, {"a": (), "b": ()})
    found = rosenbrock.evaluate(np.array([-1.2, 1.0]), {})
    _near(found.loss, 24.2)
    _near(found.gradient, [-215.6, -88.0])
    _near(rosenbrock.loss(np.array([-1.2, 1.0]), {}), 24.2)
    of_array = made("sum((x - c)^2)", {}, {"x": (3,)}, {"c": np.array([1.0, 2.0, 3.0])}, "sum(x)")
    found = of_array.evaluate(np.array([2.0, 2.0, 2.0]), {})
    assert (found.loss, found.gradient.tolist()) == (8.0, [3.0, 1.0, -1.0])


def test_a_smaller_last_batch_has_a_graph_of_its_own_and_few_are_kept() -> None:
    loss = LOSSES["softmax"]
    objective, reference = (
        made(loss.whole, loss.columns, loss.parameters),
        made(loss.per_row, loss.columns, loss.parameters),
    )
    assert isinstance(objective, Whole)
    columns, theta = data(loss.columns, 64), point(objective.layout.size)
    graphs = []
    for rows in (64, 7, 64, 7, 1, 2, 3, 4, 5):
        some = {name: column[:rows] for name, column in columns.items()}
        _near(objective.evaluate(theta, some).gradient, reference.evaluate(theta, some).gradient)
        graphs.append(objective._functions[rows])
    assert graphs[0] is graphs[2]
    assert graphs[1] is graphs[3]
    assert len(objective._functions) <= 4


def test_nothing_of_an_evaluation_stays() -> None:
    """What a gate computed is let go, so that two batch sizes do not take twice the memory."""
    loss = LOSSES["two layers of tanh"]
    objective = made(loss.whole, loss.columns, loss.parameters)
    assert isinstance(objective, Whole)
    objective.evaluate(point(objective.layout.size), data(loss.columns, 100))
    values = objective._functions[100]._gates.values
    assert all(value is None or np.size(value) == 1 for value in values)


def test_a_parameter_that_the_loss_does_not_use_has_the_gradient_0() -> None:
    for text in ("w*x", "mean(w*x)"):
        objective = made(text, {"x": ()}, {"u": (2,), "w": ()}, extra="u[1]^2")
        found = objective.evaluate(np.array([1.0, 2.0, 3.0]), {"x": np.array([1.0, 3.0])})
        assert (found.loss, found.gradient.tolist()) == (10.0, [0.0, 4.0, 2.0])


def test_columns_of_an_array_may_come_as_one_array_or_by_element() -> None:
    loss = LOSSES["logistic"]
    objective = made(loss.per_row, loss.columns, loss.parameters)
    columns, theta = data(loss.columns, 50), point(4)
    apart = {f"X[{k}]": columns["X"][:, k].copy() for k in range(3)} | {"y": columns["y"]}
    one, other = objective.evaluate(theta, columns), objective.evaluate(theta, apart)
    assert one.loss == other.loss
    assert one.gradient.tolist() == other.gradient.tolist()


@pytest.mark.parametrize("reduce", ["mean", "sum"])
def test_the_trace_of_rows_has_the_rows_as_its_axis_but_not_where_parameters_stand_alone(reduce: str) -> None:
    objective = made("k = exp(w)\n(k*x - y)^2", {"x": (), "y": ()}, {"w": ()}, reduce=reduce)
    trace = objective.trace(np.array([0.5]), {"x": np.arange(6.0), "y": np.ones(6)})
    shapes = {gate.text: gate.shape for gate in trace.gates}
    assert shapes["exp(w)"] == ()
    assert shapes["k * x"] == (6,)
    assert trace.gates[-1].op == reduce
    trace.graph.verify()
    slope = np.sum(2 * (np.exp(0.5) * np.arange(6.0) - 1) * np.arange(6.0)) * np.exp(0.5)
    _near(trace.gradients["w"], slope / (6 if reduce == "mean" else 1))


@pytest.mark.parametrize("reduce", ["mean", "sum"])
def test_a_loss_that_no_column_takes_part_in_counts_for_every_row(reduce: str) -> None:
    objective = made("w^2", {"x": ()}, {"w": ()}, reduce=reduce)
    columns, times = {"x": np.zeros(4)}, 4 if reduce == "sum" else 1
    found = objective.evaluate(np.array([3.0]), columns)
    assert (found.loss, found.gradient.tolist()) == (9.0 * times, [6.0 * times])
    assert objective.loss(np.array([3.0]), columns) == 9.0 * times
    trace = objective.trace(np.array([3.0]), columns)
    assert (trace.value, trace.gradients) == (9.0 * times, {"w": 6.0 * times})


def test_a_loss_that_is_too_large_for_rows_points_to_whole_columns() -> None:
    with pytest.raises(LimitError) as caught:
        made("sum(tanh(W @ x))^2 - y", {"x": (40,), "y": ()}, {"W": (40, 40)}, max_gates=1000, reduce="mean")
    assert "whole columns" in (caught.value.hint or "")


def test_infinite_losses_warn_of_nothing() -> None:
    for text in ("log(w*x)", "mean(log(w*x))"):
        objective = made(text, {"x": ()}, {"w": ()}, extra="log(w)")
        found = objective.evaluate(np.array([0.0]), {"x": np.ones(3)})
        assert found.loss == -np.inf
        assert not np.isfinite(found.gradient).any()


def test_a_row_that_is_not_there_is_told_when_the_rows_are_counted() -> None:
    objective = made("mean(w*x) + x[200]", {"x": ()}, {"w": ()})
    theta = np.array([1.0])
    assert objective.evaluate(theta, {"x": np.arange(201.0)}).loss == 300.0
    with pytest.raises(ProgramError) as caught:
        objective.evaluate(theta, {"x": np.arange(5.0)})
    assert "200" in caught.value.message
    assert caught.value.span == (14, 17)
