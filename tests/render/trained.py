"""Results of trainings and fits for the tests of what is made of them: numbers as a run could give them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from gradcli.training.results import (
    Epoch,
    Finding,
    Fit,
    Training,
    Watched,
    WatchedParameter,
    WatchedStage,
)

XS = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
YS = [2.1, 3.9, 6.2, 7.8, 10.1, 11.9]


def fitted() -> Training:
    """A straight line through six points, by the formulas of a book."""
    n = len(XS)
    design = np.column_stack([XS, np.ones(n)])
    slope, start = np.linalg.solve(design.T @ design, design.T @ YS)
    residuals = np.array(YS) - design @ [slope, start]
    squares = float(residuals @ residuals)
    covariance = np.linalg.inv(design.T @ design) * squares / (n - 2)
    total = float(np.sum((np.array(YS) - np.mean(YS)) ** 2))
    rows = tuple(tuple(map(float, row)) for row in covariance.round(12))
    errors = tuple(float(x) for x in np.sqrt(np.diag(covariance)).round(12))
    squares = round(squares, 12)
    fit = Fit(("a", "b"), errors, rows, squares, round(math.sqrt(squares / (n - 2)), 12), n - 2, 1 - squares / total)
    history = [Epoch(1, 1, 354.71, 812.0), Epoch(2, 2, squares, 1e-9)]
    return Training(
        "fit", "a*x + b", None, {"a": round(float(slope), 12), "b": round(float(start), 12)}, {}, {"x": ["time"]},
        True, n, squares, None, True, "step", "the parameters move no more", 2, 2, "numpy",
        {"optimizer": "lm", "target": "y"}, history, [], [], fit,
    )  # fmt: skip


def network(epochs: int = 40, layers: int = 4, validated: bool = True, watched: bool = True) -> Training:
    """A network whose first layers learn little, with a stage that dies in epoch 11."""
    history, seen = [], []
    for epoch in range(1, epochs + 1):
        fading = math.exp(-epoch / 15)
        loss = 0.7 * fading + 0.02 * (1 + math.sin(epoch) / 4)
        other = loss * 1.1 + 1e-4 * epoch if validated else None
        history.append(Epoch(epoch, 5 * epoch, loss, 0.5 * fading, 0.01 * 0.5 ** (epoch // 20), other))
        stages = [_stage(epoch, layer, layers, fading) for layer in range(1, layers + 1)]
        parameters = [
            WatchedParameter(f"W{layer}", 10.0 ** (layer - layers), None if epoch == 1 else 0.01 / layer)
            for layer in range(1, layers + 1)
        ]
        seen.append(Watched(epoch, tuple(stages), tuple(parameters)))
    parameters_by_name = {
        "W1": np.arange(-16.0, 16.0).reshape(4, 8) / 8, "b1": np.zeros(8), "b2": np.array([0.25, -0.5]), "scale": 0.95,
    }  # fmt: skip
    finding = Finding("dead", "h2: units 0 and 3 are dead: a smaller learning rate keeps them alive", 11, "h2")
    return Training(
        "train", "h1 = sigmoid(X @ W1 + b1)\nh2 = relu(h1 @ W2 + b2)\nmse(h2*scale, y)", "L", parameters_by_name,
        {"lambda": 1e-4, "A": np.array([1.0, 2.0])}, {"X": ["width", "=height"], "y": ["kind"]}, False, 150,
        history[-1].loss, history[-1].validation_loss, False, "epochs", "all epochs are done", 5 * epochs, epochs,
        "arrays", {"optimizer": "adam", "learning_rate": 0.01, "batch_size": 32, "seed": 0, "clip": math.inf},
        history, seen if watched else [], [finding], start_loss=history[0].loss,
    )  # fmt: skip


def _stage(epoch: int, layer: int, layers: int, fading: float) -> WatchedStage:
    norm = 10.0 ** (2 * (layer - layers)) * fading
    if layer == 2:
        late = epoch > 10
        return WatchedStage("h2", norm, 0.01, None, 0.25 if late else 0.0, (0, 3) if late else ())
    return WatchedStage(f"h{layer}", norm, None if epoch == 1 else 0.01, min(1.0, epoch / 80), None)


def line(a: float, b: float) -> Callable[[float], float]:
    """A straight line."""
    return lambda x: a * x + b
