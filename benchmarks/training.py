"""Full-batch gradient descent: a thousand epochs of logistic regression.

Against NumPy code written by hand for this problem, and the usual loop in PyTorch, all in double precision, on the same
data with the same steps; before anything is timed all have to end at the same parameters. What is timed is the loop
alone: reading data is another benchmark's matter.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from measure import installed, interleaved, machine, note, table, timed, verdict

ROUNDS = 5
EPOCHS = 1_000
RATE = 1.0
WEIGHTS = ("w1", "w2", "w3", "w4")
PER_ROW = "z = b + w1*x1 + w2*x2 + w3*x3 + w4*x4; softplus(z) - y*z"
WHOLE = "z = X@w + b; mean(softplus(z) - y*z)"
Loop = Callable[[], Any]  # gives the parameters: bias, then weights


def data(rows: int) -> tuple[Any, Any]:
    """Four columns, and labels that a logistic model draws."""
    draw = np.random.default_rng(1)
    xs = draw.normal(size=(rows, 4))
    chance = 1 / (1 + np.exp(-(xs @ np.array([1.0, -2.0, 0.5, 0.25]) + 0.3)))
    return xs, (draw.random(rows) < chance).astype(float)


def by_hand(xs: Any, y: Any, epochs: int) -> Loop:
    """What somebody who knows NumPy would write for this problem alone; the loss of every epoch is kept."""

    def run() -> Any:
        w, b, losses = np.zeros(4), 0.0, []
        for _ in range(epochs):
            z = xs @ w + b
            small = np.exp(-np.abs(z))
            losses.append(np.mean(np.maximum(z, 0.0) + np.log1p(small) - y * z))
            error = (np.where(z >= 0.0, 1.0, small) / (1.0 + small) - y) / len(y)
            w, b = w - RATE * (xs.T @ error), b - RATE * error.sum()
        return np.array([b, *w])

    return run


def with_torch(xs: Any, y: Any, epochs: int) -> Loop:
    import torch

    given, labels = torch.from_numpy(xs), torch.from_numpy(y)

    def run() -> Any:
        w = torch.zeros(4, dtype=torch.float64, requires_grad=True)
        b = torch.zeros((), dtype=torch.float64, requires_grad=True)
        optimiser, losses = torch.optim.SGD([w, b], lr=RATE), []
        for _ in range(epochs):
            optimiser.zero_grad()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(given @ w + b, labels)
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        return np.array([b.item(), *w.tolist()])

    return run


def with_gradcli(xs: Any, y: Any, epochs: int, program: str, engine: str, threads: int) -> Loop:
    from gradcli.language.parser import parse
    from gradcli.training.losses.forms import form
    from gradcli.training.losses.rows import PerRow
    from gradcli.training.losses.whole import Whole
    from gradcli.training.steps.loop import Plan, run
    from gradcli.training.steps.optimisers import OPTIMISERS
    from gradcli.training.steps.state import begin
    from gradcli.training.steps.stopping import Criteria

    per_row = program == PER_ROW
    columns: dict[str, Any] = {f"x{k + 1}": np.ascontiguousarray(xs[:, k]) for k in range(4)}
    parameters: dict[str, tuple[int, ...]] = {"b": (), **dict.fromkeys(WEIGHTS, ())}
    if not per_row:
        columns, parameters = {"X": xs}, {"b": (), "w": (4,)}
    columns["y"] = y
    made = form(parse(program), {name: one.shape[1:] for name, one in columns.items()}, parameters, {})
    objective: Any = PerRow(made, engine=engine, threads=threads) if per_row else Whole(made)
    plan = Plan(OPTIMISERS["gd"], RATE, {}, Criteria(epochs=epochs))

    def loop() -> Any:
        return run(objective, columns, None, plan, begin(np.zeros(5), ())).theta

    return loop


def agree(found: Mapping[str, Any]) -> None:
    """Without the same end the times would mean nothing."""
    for name, theta in found.items():
        assert np.allclose(theta, found["by hand"], rtol=1e-9, atol=1e-12), (name, theta, found["by hand"])


def measured(rows: int, epochs: int, threads: int, rounds: int) -> None:
    """Measure and print one table, and what is promised."""
    xs, y = data(rows)
    runs: dict[str, Loop] = {
        "by hand": by_hand(xs, y, epochs),
        "numpy": with_gradcli(xs, y, epochs, PER_ROW, "numpy", threads),
        "native": with_gradcli(xs, y, epochs, PER_ROW, "native", threads),
        "whole columns": with_gradcli(xs, y, epochs, WHOLE, "", threads),
    }
    if installed("torch"):
        runs["torch"] = with_torch(xs, y, epochs)
    agree({name: run() for name, run in runs.items()})
    times = interleaved({name: timed(run) for name, run in runs.items()}, rounds, 0)
    cells = [
        [name, f"{seconds:.3f} s", f"{seconds / epochs * 1e6:,.0f} µs", f"{times.ratio(name, 'by hand'):.2f} ×"]
        for name, seconds in ((name, times.time(name)) for name in runs)
    ]
    title = f"Logistic regression, {rows:,} rows × 4, {epochs:,} epochs, {threads} threads"
    table(title, ["", "loop", "per epoch", "time ÷ by hand"], cells)
    if rows < 100_000:
        return
    note("NumPy engine ÷ by hand: " + verdict(times.ratio("numpy", "by hand"), 1.5))
    note("Native engine ÷ by hand: " + verdict(times.ratio("native", "by hand"), 1.0))
    if "torch" in runs:
        note("Native engine ÷ PyTorch: " + verdict(times.ratio("native", "torch"), 1.0))


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = options.parse_args()
    wanted = {f"{name}_NUM_THREADS": str(chosen.threads) for name in ("OMP", "OPENBLAS", "MKL")}
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | wanted)
    measured(100_000, EPOCHS, chosen.threads, chosen.rounds)
    measured(150, EPOCHS, chosen.threads, chosen.rounds)
    note(machine())


if __name__ == "__main__":
    main()
