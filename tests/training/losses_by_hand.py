"""Losses written by hand in NumPy, to train without a program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcli.training.layout import Layout, Vector
from gradcli.training.objective import Blamed, Columns, Evaluation
from gradcli.training.steps.loop import Plan
from gradcli.training.steps.optimisers import read_optimiser
from gradcli.training.steps.stopping import Criteria


class Handwritten:
    """An objective of one function theta, columns -> loss, gradient. Counts what it is asked."""

    engine = "numpy"

    def __init__(self, size: int, function: Callable[[Vector, Columns], tuple[float, Any]]) -> None:
        self.layout = Layout({f"w{place}": () for place in range(size)})
        self.function = function
        self.asked: list[Vector] = []
        self.batches: list[Columns] = []

    def evaluate(self, theta: Vector, columns: Columns) -> Evaluation:
        self.asked.append(theta)
        self.batches.append(columns)
        loss, gradient = self.function(theta, columns)
        return Evaluation(float(loss), np.asarray(gradient, dtype=np.float64))

    def loss(self, theta: Vector, columns: Columns) -> float:
        return float(self.function(theta, columns)[0])

    def trace(self, theta: Vector, columns: Columns) -> Any:
        raise NotImplementedError

    def blame(self, theta: Vector, columns: Columns, start: Vector) -> Blamed | None:
        return None


def squares(theta: Vector, columns: Columns) -> tuple[float, Vector]:
    """Half the sum of squares: the gradient is the point."""
    return 0.5 * float(theta @ theta), theta.copy()


def logistic(theta: Vector, columns: Columns) -> tuple[float, Vector]:
    """The mean of log(1 + exp(z)) - y*z with z = X @ theta."""
    data, target = columns["X"], columns["y"]
    z = data @ theta
    return float(np.mean(np.logaddexp(0.0, z) - target * z)), data.T @ (1.0 / (1.0 + np.exp(-z)) - target) / len(z)


def data(rows: int, seed: int = 5) -> dict[str, Any]:
    """Rows for `logistic` with three predictors, as columns of contiguous elements."""
    random = np.random.RandomState(seed)
    predictors = random.randn(rows, 3)
    target = (predictors @ np.array([1.0, -2.0, 0.5]) + random.randn(rows) > 0.0).astype(np.float64)
    return {"X": np.asfortranarray(predictors), "y": target}


def plan(optimiser: str = "gd", rate: float | None = None, criteria: Criteria = Criteria(10), **how: Any) -> Plan:  # noqa: B008
    """A plan by the text of its optimiser."""
    row, settings = read_optimiser(optimiser)
    assert row.rate is not None
    return Plan(row, row.rate if rate is None else rate, settings, criteria, **how)
