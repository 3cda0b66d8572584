"""Gradients of a loss over all rows, as training takes them step after step, against NumPy code written by hand.

Both are given the same rows and the same parameters, others in every step, and compute the loss and its gradient,
summed over the rows; before anything is timed their numbers are compared. The code by hand has its data as one matrix,
so that its sums are products of matrices. One thread of linear algebra, unless OPENBLAS_NUM_THREADS says otherwise.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is imported

from measure import interleaved, machine, note, table, timed, verdict

ROUNDS = 7
STEPS = 1_000
ROWS = 100_000
TARGET = 1.5  # times the code by hand
LOSSES = {
    "softplus(z) - y*z": "softplus(z) - y*z",
    "cross entropy of sigmoid(z)": "p = sigmoid(z); -(y*log(p) + (1 - y)*log(1 - p))",
    "(z - y)²": "(z - y)^2",
}
Step = Callable[[Any], tuple[float, Any]]  # of a vector of parameters, the intercept first


def _softplus(np: Any, z: Any, y: Any) -> tuple[Any, Any]:
    """A row's loss and its slope in z."""
    return np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z))) - y * z, 1.0 / (1.0 + np.exp(-z)) - y


def _cross_entropy(np: Any, z: Any, y: Any) -> tuple[Any, Any]:
    p = 1.0 / (1.0 + np.exp(-z))
    return -(y * np.log(p) + (1.0 - y) * np.log(1.0 - p)), p - y


def _square(np: Any, z: Any, y: Any) -> tuple[Any, Any]:
    r = z - y
    return r * r, 2.0 * r


BY_HAND = dict(zip(LOSSES, (_softplus, _cross_entropy, _square), strict=True))


def data(rows: int, count: int) -> tuple[Any, Any]:
    """A matrix of predictors, and what happened: 0 or 1."""
    import numpy as np

    draw = np.random.default_rng(1)
    return draw.normal(size=(rows, count)), (draw.random(rows) < 0.5).astype(np.float64)


def by_hand(loss: str, matrix: Any, y: Any) -> Step:
    import numpy as np

    def step(theta: Any) -> tuple[float, Any]:
        losses, slopes = BY_HAND[loss](np, theta[0] + matrix @ theta[1:], y)
        return float(losses.sum()), np.concatenate(([slopes.sum()], matrix.T @ slopes))

    return step


def with_gradcli(loss: str, matrix: Any, y: Any, engine: str, threads: int) -> Step:
    import numpy as np

    from gradcli.graph.lower import lower
    from gradcli.kernels import kernel
    from gradcli.language.parser import parse

    count = matrix.shape[1]
    parameters = ["b", *(f"w{k}" for k in range(count))]
    text = "z = b" + "".join(f" + w{k}*x{k}" for k in range(count)) + "\n" + LOSSES[loss]
    made = kernel(lower(parse(text)), {}, parameters, varying=parameters, engine=engine, threads=threads)
    columns = {f"x{k}": np.ascontiguousarray(matrix[:, k]) for k in range(count)} | {"y": y}
    return lambda theta: made.totals(columns, theta)


def compare(loss: str, rows: int, count: int, engines: list[str], threads: int, rounds: int) -> list[str]:
    """Time steps of all candidates in turn. A row of the table: microseconds per step, and the ratios."""
    import numpy as np

    matrix, y = data(rows, count)
    steps = max(10, min(STEPS, STEPS * ROWS // (rows * count)))
    candidates = {"by hand": by_hand(loss, matrix, y)}
    candidates |= {engine: with_gradcli(loss, matrix, y, engine, threads) for engine in engines}
    thetas = 0.1 * np.random.default_rng(2).normal(size=(steps, count + 1))
    wanted = candidates["by hand"](thetas[0])
    for step in candidates.values():
        value, gradient = step(thetas[0])
        assert np.allclose([value, *gradient], [wanted[0], *wanted[1]], rtol=1e-9, atol=1e-9 * rows)

    def all_steps(step: Step) -> Callable[[], None]:
        def run() -> None:
            for theta in thetas:
                step(theta)

        return run

    found = interleaved({name: timed(all_steps(step)) for name, step in candidates.items()}, rounds)
    times = [f"{found.time(name) / steps * 1e6:.0f}" for name in candidates]
    ratios = [found.ratio(name, "by hand") for name in engines]
    shown = [verdict(ratio, TARGET) if rows == ROWS and count == 4 else f"{ratio:.3g} ×" for ratio in ratios]
    return [loss, f"{rows:,} × {count}", *times, *shown]


def main() -> None:
    from gradcli.kernels import native

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--threads", type=int, default=1, help="of the native engine")
    parser.add_argument("--small", action="store_true", help="only data of few rows")
    given = parser.parse_args()
    engines = ["numpy", *(["native"] if native.available() else [])]
    sizes = [(150, 4), (500, 4), (500, 40)] + ([] if given.small else [(ROWS, 4), (10_000, 40)])
    rows = [
        compare(loss, *size, engines, given.threads, given.rounds)
        for size in sizes
        for loss in (LOSSES if size == (ROWS, 4) else [next(iter(LOSSES))])
    ]
    header = ["loss", "rows × predictors", "by hand", *engines, *(f"{engine} ÷ by hand" for engine in engines)]
    table("Loss and gradient over all rows, µs per step", header, rows)
    note(f"{machine()}; medians of {given.rounds} rounds.")


if __name__ == "__main__":
    main()
