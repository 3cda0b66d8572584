"""Levenberg-Marquardt for losses that are found to be sums of squares."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest

from gradcli.errors import UsageError
from gradcli.graph.lower import lower
from gradcli.graph.rewriting.unroll import unroll
from gradcli.language.parser import parse
from gradcli.training.losses.forms import form
from gradcli.training.losses.rows import PerRow
from gradcli.training.losses.whole import Whole
from gradcli.training.squares import residuals
from gradcli.training.squares.residuals import Residuals, minimise, squares
from gradcli.training.steps.state import Ended, Events, State, begin
from gradcli.training.steps.stopping import Criteria

X = np.linspace(0.0, 4.0, 9)
Y = 2 * X + 1 + 0.1 * np.cos(37 * X)


def objective(text: str, columns: dict[str, Any], parameters: list[str], reduce: str | None = None) -> PerRow | Whole:
    found = form(parse(text), {name: column.shape[1:] for name, column in columns.items()},
                 dict.fromkeys(parameters, ()), {}, reduce=reduce)  # fmt: skip
    return PerRow(found) if found.per_row else Whole(found)


def run(text: str, columns: dict[str, Any], start: dict[str, float], **options: Any) -> Ended:
    made = objective(text, columns, list(start), options.get("reduce"))
    theta = np.array(list(start.values()))
    open_ = np.full(len(theta), math.inf)
    state = options.get("state") or begin(theta)
    return minimise(made, columns, state, -open_, open_, Criteria(), options.get("events", Events()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(w*x - y)^2", [1.0]),
        ("r = w*x - y\nr*r", [1.0]),
        ("0.5*(w*x - y)^2", [0.5]),
        ("(w*x - y)^2*3/2", [1.5]),
        ("(w*x - y)^2/k + w^2", [0.25, 1.0]),
        ("sum([w*x - y, w, 2*w]^2)", [1.0, 1.0, 1.0]),
    ],
)
def test_terms_and_their_factors(text: str, expected: list[float]) -> None:
    graph = unroll(lower(parse(text)), 10_000)
    assert sorted(one.factor for one in squares(graph, {"k": 4.0})) == sorted(expected)


@pytest.mark.parametrize("text", ["w*x - y", "(w*x - y)^2 - w^2", "-(w*x)^2", "w*(x - y)^2", "(w*x - y)^3", "exp(w)"])
def test_what_is_no_sum_of_squares_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="lm needs a loss that is a square") as refused:
        squares(unroll(lower(parse(text)), 10_000), {})
    assert refused.value.span is not None
    assert "gradcli fit" in (refused.value.hint or "")


@pytest.mark.parametrize("reduce", ["mean", "sum"])
def test_a_line_is_that_of_the_normal_equations(reduce: str) -> None:
    columns = {"x": X, "y": Y}
    found = run("0.5*(w*x + b - y)^2", columns, {"w": 0.0, "b": 0.0}, reduce=reduce)
    assert (found.converged, found.reason) == (True, "gradient")
    assert found.theta == pytest.approx(np.polyfit(X, Y, 1), rel=1e-12)
    loss = objective("0.5*(w*x + b - y)^2", columns, ["w", "b"], reduce).evaluate(found.theta, columns).loss
    assert found.state.history.last is not None
    assert found.state.history.last.loss >= loss * (1 - 1e-12)


def test_a_function_without_data() -> None:
    found = run("100*(x2 - x1^2)^2 + (1 - x1)^2", {}, {"x1": -1.2, "x2": 1.0})
    assert found.converged
    assert found.theta == pytest.approx([1.0, 1.0], abs=1e-14)


def test_parameters_that_nothing_determines_are_named() -> None:
    found = run("(a*b*x - y)^2", {"x": X, "y": Y}, {"a": 1.0, "b": 1.0})
    assert (found.converged, found.reason) == (False, "stalled")
    assert "a and b" in (found.trouble or "")


def test_whole_columns_and_penalties_are_refused() -> None:
    columns = {"x": X, "y": Y}
    with pytest.raises(UsageError, match="lm needs a loss per row"):
        run("mean((w*x - y)^2)", columns, {"w": 1.0})
    found = form(parse("(w*x - y)^2"), {"x": (), "y": ()}, {"w": ()}, {})
    made = PerRow(found, lower(parse("w^2")))
    with pytest.raises(UsageError, match="lm takes no penalty"):
        minimise(made, columns, begin(np.ones(1)), np.full(1, -1e9), np.full(1, 1e9), Criteria(), Events())


def test_fewer_squares_than_parameters_are_refused() -> None:
    with pytest.raises(UsageError, match="1 are less than 2"):
        run("(w + b - 1)^2", {}, {"w": 0.0, "b": 0.0})


def test_a_run_goes_on_from_any_of_its_states_to_the_same_bits() -> None:
    columns, start = {"x": X, "y": np.exp(-0.5 * X)}, {"a": 3.0, "k": 2.0}
    states: list[State] = []
    whole = run("(a*exp(-k*x) - y)^2", columns, start, events=Events(on_step=states.append))
    assert len(states) > 3
    again = run("(a*exp(-k*x) - y)^2", columns, start, state=states[2])
    assert again.theta.tobytes() == whole.theta.tobytes()
    assert again.state.history == whole.state.history


def chain(count: int) -> tuple[str, dict[str, float]]:
    """A valley with a bend in every dimension: twice as many squares as parameters, nearly."""
    parts = [f"(10*(x{i + 1} - x{i}^2))^2 + (1 - x{i})^2" for i in range(count - 1)]
    return " + ".join(parts), {f"x{i}": 0.5 for i in range(count)}


def test_many_squares_of_a_plain_function() -> None:
    """Their time grows with what each depends on, not with all of the loss for each."""
    text, start = chain(60)
    found = run(text, {}, start)
    assert found.converged
    assert found.theta == pytest.approx([1.0] * 60, abs=1e-12)


def test_squares_of_a_plain_function_have_the_derivatives_of_the_loss() -> None:
    text, start = chain(5)
    made = objective(text, {}, [*start])
    theta = np.array([0.3, -1.2, 0.7, 1.1, 2.0])
    found = Residuals(made, {}).evaluate(theta)
    loss, gradient = made.evaluate(theta, {})
    assert float(found.residuals @ found.residuals) == pytest.approx(loss, rel=1e-14)
    assert 2 * found.jacobian.T @ found.residuals == pytest.approx(gradient, rel=1e-13)


def test_more_than_there_is_time_for_is_refused_at_once() -> None:
    text, start = chain(1_000)
    began = time.monotonic()
    with pytest.raises(UsageError, match=r"1,998 squares of 1,000 parameters are too many for lm") as refused:
        run(text, {}, start)
    assert time.monotonic() - began < 20
    assert "lbfgs" in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("limit", "text", "columns", "message"),
    [
        ("_MOST_WORK", "(w*x - y)^2", {"x": X, "y": Y}, "9 squares of 1 parameters are too many"),
        ("_MOST_NUMBERS", "(w*x - y)^2", {"x": X, "y": Y}, "9 squares of 1 parameters are too many"),
        ("_MOST_KERNELS", "(w*x - y)^2 + (w - x)^2 + w^2", {"x": X, "y": Y}, "the loss of a row has 3 squares"),
        ("_MOST_GATES", "(w - 1)^2 + (w - 2)^2", {}, "depend on more than 2 gates"),
    ],
)
def test_limits(limit: str, text: str, columns: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residuals, limit, 2)
    with pytest.raises(UsageError, match=message) as refused:
        run(text, columns, {"w": 1.0})
    assert "lbfgs" in (refused.value.hint or "")


def test_time_is_counted_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it takes to make the residuals is part of it."""
    now = iter(range(0, 10_000, 7))
    monkeypatch.setattr(residuals.time, "monotonic", lambda: float(next(now)))
    made = objective("(a*exp(-k*x) - y)^2", {"x": X, "y": Y}, ["a", "k"])
    open_ = np.full(2, math.inf)
    found = minimise(made, {"x": X, "y": Y}, begin(np.ones(2)), -open_, open_, Criteria(seconds=5.0), Events())
    assert (found.reason, found.state.step) == ("time", 0)
