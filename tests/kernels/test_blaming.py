"""Which gate is blamed for rows that are not finite."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import gradcli
from gradcli.graph.lower import lower
from gradcli.kernels import blaming, kernel

INF, NAN = np.inf, np.nan


def _blamed(text: str, wrt: str = "", fixed: dict[str, float] | None = None, **columns: Any) -> dict[str, int]:
    """Source text of the gates, and how many rows each spoils."""
    made = kernel(lower(gradcli.parse(text)), fixed or {}, list(wrt))
    found = made.blame({name: np.array(column, dtype=float) for name, column in columns.items()})
    return {text[start:end]: count for (start, end), count in found.items()}


def test_finite_rows_blame_nothing() -> None:
    assert _blamed("x/y", "xy", x=[1.0, 2.0], y=[3.0, 4.0]) == {}
    assert _blamed("x/y", "xy", x=[], y=[]) == {}


def test_the_first_gate_that_is_not_finite() -> None:
    assert _blamed("exp(log(x) + y)", x=[0.0, -1.0, 1.0, 1.0, 1.0], y=[1.0, 1.0, 1.0, 800.0, 900.0]) == {
        "exp(log(x) + y)": 2,
        "log(x)": 1,
    }  # log(0) is -inf, and exp of that 0


def test_most_rows_first() -> None:
    assert list(_blamed("log(x) + 1/y", x=[0, 0, 0, 1], y=[1, 1, 1, 0])) == ["log(x)", "1/y"]


def test_inputs_and_numbers_are_blamed_themselves() -> None:
    assert _blamed("x*y + z", x=[NAN, 1.0, 1.0], y=[1.0, INF, 1.0], z=[0.0, 0.0, 0.0]) == {"x": 1, "y": 1}
    assert _blamed("x + inf", x=[1.0, 2.0]) == {"inf": 2}
    assert _blamed("x + w", fixed={"w": INF}, x=[1.0, 2.0]) == {"w": 2}


def test_a_gradient_may_be_the_culprit() -> None:
    assert _blamed("sqrt(x) + x", "x", x=[0.0, 4.0]) == {"sqrt(x)": 1}
    assert _blamed("sqrt(x) + x", x=[0.0, 4.0]) == {}


def test_a_branch_that_is_not_chosen_is_not_to_blame() -> None:
    assert _blamed("where(x > 0, log(x), 0) + 1/y", x=[0.0, -1.0, 1.0], y=[1.0, 0.0, 0.0]) == {"1/y": 2}
    assert _blamed("where(x > 0, y, 1/x)", x=[0.0, 1.0], y=[INF, INF]) == {"1/x": 1, "y": 1}


def test_each_row_is_counted_once() -> None:
    assert _blamed("log(x)*sqrt(y) + 1/(x*y)", "xy", x=[0.0] * 5, y=[0.0] * 5) == {"log(x)": 5}


@pytest.mark.parametrize("flags", [1, 50, 1000])
def test_chunks_do_not_change_the_counts(flags: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(1)
    x, y = draw.integers(-2, 3, 500), draw.integers(-2, 3, 500)
    whole = _blamed("log(x)/y + sqrt(y)", "xy", x=x, y=y)
    monkeypatch.setattr(blaming, "_FLAGS", flags)
    assert _blamed("log(x)/y + sqrt(y)", "xy", x=x, y=y) == whole
    assert sum(whole.values()) == sum((x <= 0) | (y <= 0))


def test_memory_is_bounded() -> None:
    text = "+".join(f"log(x*{k})" for k in range(1, 400))
    made = kernel(lower(gradcli.parse(text)), {}, ["x"])
    x = np.zeros(60_000)
    made.blame({"x": x[:100]})
    tracemalloc.start()
    made.blame({"x": x})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80e6
