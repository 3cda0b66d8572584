"""The gate to blame for a training that blows up, by its name and with its numbers, in both styles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from losses import made

from gradcli.training.advice import of_divergence
from gradcli.training.objective import Blamed
from gradcli.training.results import Epoch

ROWS = 100
COLUMNS: dict[str, Any] = {"x": np.linspace(-1.0, 1.0, ROWS), "y": np.linspace(-2.0, 2.0, ROWS)}
SHAPES: dict[str, tuple[int, ...]] = {"x": (), "y": ()}
LINE: dict[str, tuple[int, ...]] = {"w": (), "b": ()}


def _blamed(text: str, theta: list[float], extra: str | None = None, **more: Any) -> Blamed:
    objective = made(text, SHAPES, LINE, extra=extra, **more)
    found = objective.blame(np.array(theta), COLUMNS, np.zeros(2))
    assert found is not None
    assert not found.message.endswith(".")
    if extra is None:
        assert text[found.start : found.end].strip()
    return found


def test_an_overflow_is_told_with_a_row_s_numbers_and_how_many_rows() -> None:
    text = "a = w*x + b\np = exp(a)\nwhere(p > 1e300, p, 0)"
    found = _blamed(text, [1000.0, 0.0])
    row = next(x for x in COLUMNS["x"].tolist() if 1000.0 * x > 709.8)
    count = int(np.sum(1000.0 * COLUMNS["x"] > 709.8))
    assert found.text == "p"
    assert text[found.start : found.end] == "exp(a)"
    assert found.message == f"exp(a) in the stage p is inf at a = {1000.0 * row!r}; so in {count} of 100 rows"


def test_an_operand_without_a_name_is_written_as_in_the_program() -> None:
    found = _blamed("y*exp(w*x + b)", [1000.0, 0.0])
    assert found.text == "exp(w*x + b)"
    assert found.message.startswith("exp(w*x + b) is inf at w*x + b = ")


def test_the_gate_that_spoils_most_rows_is_blamed() -> None:
    """Of all rows half have a logarithm of something negative, and some of the others overflow."""
    text = "p = log(w*x)\nq = exp(100*w*x)\np + where(x > 0.9, q, 0)"
    found = _blamed(text, [10.0, 0.0])
    assert found.text == "p"
    assert found.message.endswith("; so in 50 of 100 rows")
    assert "undefined" in found.message


def test_over_whole_columns_the_element_is_named() -> None:
    text = "a = w*x + b\np = exp(a)\nmean((p - y)^2)"
    found = _blamed(text, [1000.0, 0.0])
    place = int(np.argmax(1000.0 * COLUMNS["x"] > 709.8))
    assert found.text == "p"
    assert f"exp(a[{place}]) is inf at a[{place}] = " in found.message
    assert found.message.startswith("in the stage p, ")


def test_a_form_that_stays_finite_is_suggested() -> None:
    found = _blamed("p = 1/(1 + exp(-(w*x + b))); -y*log(p)", [1000.0, 0.0])
    assert "logsigmoid(w*x + b) instead of log(p) stays finite" in found.message


@pytest.mark.parametrize("text", ["s = w*x + b\n(s - y)^2", "s = w*x + b\nmean((s - y)^2)"])
def test_what_exploded_is_where_the_largest_term_began_to_grow(text: str) -> None:
    found = _blamed(text, [1e9, 0.0])
    assert found.text == "s"
    assert found.message == "w*x in the stage s grew from 0 to 1e+09"


@pytest.mark.parametrize("text", ["(1 - w)^2 + 100*(b - w^2)^2 + 0*x", "mean((1 - w)^2 + 100*(b - w^2)^2 + 0*x)"])
def test_of_several_terms_that_grew_the_one_that_counts_is_blamed(text: str) -> None:
    """Others, which stand before it, grew by more than what makes them blamed, too."""
    found = _blamed(text, [1e7, 0.0])
    assert text[found.start : found.end] == "w^2"
    assert found.message == "w^2 grew from 0 to 1e+14"
    other = _blamed(text.replace("100*", "1e-30*"), [1e7, 0.0])
    assert other.message.startswith("(1 - w)^2 grew from 1 to ") or other.message.startswith("1 - w grew")


@pytest.mark.parametrize("text", ["(w*x + b - y)^2", "mean((w*x + b - y)^2)"])
def test_a_penalty_that_grew_beyond_the_loss_is_blamed(text: str) -> None:
    found = _blamed(text, [1e9, 0.0], extra="1e9*w^2")
    assert found.message == "w^2 grew from 0 to 1e+18 in the penalty"
    assert _blamed(text, [1e9, 0.0], extra="1e-9*w^2").message.startswith("w*x grew from 0 to")


@pytest.mark.parametrize("text", ["log(w*x + b)", "mean(log(w*x + b))"])
def test_whether_it_was_so_at_the_start_is_known(text: str) -> None:
    objective = made(text, SHAPES, LINE)
    start = np.array([0.0, -1.0])
    for theta, expected in ((start, True), (start - 1.0, False)):
        found = objective.blame(theta, COLUMNS, start)
        assert found is not None
        assert found.at_start is expected


@pytest.mark.parametrize("text", ["(w*x + b - y)^2", "mean((w*x + b - y)^2)"])
def test_what_did_not_blow_up_is_not_blamed(text: str) -> None:
    objective = made(text, SHAPES, LINE)
    assert objective.blame(np.array([1.0, 2.0]), COLUMNS, np.zeros(2)) is None


@pytest.mark.parametrize("text", ["(w*x + b - y)^2", "mean((w*x + b - y)^2)"])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_parameter_that_is_not_finite_is_told_itself(text: str, number: float) -> None:
    found = _blamed(text, [1.0, number])
    assert (found.text, found.message) == ("b", f"the parameter b is {number} after a step")
    assert text[found.start : found.end] == "b"


def test_of_an_array_of_parameters_the_share_is_told() -> None:
    objective = made("mean(w*x)*v[0]", {"x": ()}, {"w": (), "v": (3,)})
    found = objective.blame(np.array([1.0, np.nan, 2.0, np.nan]), {"x": np.ones(2)}, np.zeros(4))
    assert found is not None
    assert found.message == "the parameter v is nan after a step (2 of 3 elements)"


def test_a_sum_of_finite_rows_that_overflows() -> None:
    found = _blamed("(w*x + b - y)^2", [0.0, 1e154], reduce="sum")
    assert found.message == "the sum of (w*x + b - y)^2 or of its gradient over 100 rows overflows"


@pytest.mark.parametrize("text", ["(w*x + b - y)^2", "mean((w*x + b - y)^2)"])
def test_a_penalty_is_blamed_where_it_is_one(text: str) -> None:
    found = _blamed(text, [800.0, 0.0], extra="exp(w)")
    assert found.message == "exp(w) is inf at w = 800.0 in the penalty"
    assert (found.start, found.end) == (0, 0)


def test_an_element_of_an_unrolled_stage_is_told_by_the_stage() -> None:
    objective = made("h = exp(W @ x)\nsum(h) - y", {"x": (2,), "y": ()}, {"W": (3, 2)}, reduce="mean")
    theta = np.array([1.0, 1.0, 1.0, 1.0, 900.0, 1.0])
    found = objective.blame(theta, {"x": np.ones((4, 2)), "y": np.zeros(4)}, np.zeros(6))
    assert found is not None
    assert found.text == "h"
    assert "in the stage h is inf at W @ x = 901.0; so in 4 of 4 rows" in found.message


def test_rows_are_looked_at_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "p = log(w*x + b)\np*y"
    whole = _blamed(text, [1.0, 0.5])
    monkeypatch.setattr("gradcli.training.losses.rows._AT_ONCE", 21)
    assert _blamed(text, [1.0, 0.5]) == whole


def test_a_divergence_comes_with_a_smaller_rate() -> None:
    history = [Epoch(1, 1, 2.0, 3.0, 0.5)]
    found = of_divergence(Blamed("p", 0, 1, "exp(a) in the stage p is inf"), history, 2)
    assert (found.kind, found.epoch, found.stage) == ("diverged", 2, "p")
    assert "exp(a) in the stage p is inf" in found.message
    assert "--lr 0.05" in found.message
    assert "other start values" in of_divergence(None, []).message


def test_where_no_row_that_was_followed_tells_the_gate_is_still_named(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "p = log(w*x + b)\nq = where(x < -0.99, 1/(x + 1), 0)\np + q*y"
    columns = {"x": np.linspace(-1.0, 1.0, ROWS), "y": np.ones(ROWS)}
    objective = made(text, SHAPES, LINE)
    theta = np.array([-1.0, 0.5])  # the first row has a pole, and the later half a logarithm of less than 0
    found = objective.blame(theta, columns, np.zeros(2))
    monkeypatch.setattr("gradcli.training.losses.rows._FOLLOWED", 1)
    first_alone = objective.blame(theta, columns, np.zeros(2))
    assert found is not None
    assert first_alone is not None
    count = int(np.sum(columns["x"] > 0.5))
    assert found.message.startswith("log(")
    assert found.message.endswith(f"; so in {count} of 100 rows")
    assert (first_alone.start, first_alone.end) == (found.start, found.end)
    assert first_alone.message == f"log(w*x + b) is not finite; so in {count} of 100 rows"
