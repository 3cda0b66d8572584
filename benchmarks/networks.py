"""A 784-128-10 network with cross-entropy on a batch of 256: forward and backward pass against PyTorch and NumPy.

    hidden = relu(X @ W1 + b1)
    cross_entropy(hidden @ W2 + b2, labels)

Weights and biases are differentiated, the data are not, in all candidates; all in double precision, with one thread, or
--threads: two libraries in one process, each with threads that wait for work, hold each other up. gradcli's graph and
PyTorch's tensors exist before. "numpy" is the same by hand, straight from the formulas: what no library can be below.

Memory is the largest resident size of a process that runs one candidate many times, less that of one that has only
imported its library and made the data.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from measure import ask, installed, interleaved, machine, note, peak_memory, table, timed, verdict

PROGRAM = """
hidden = relu(X @ W1 + b1)
cost = cross_entropy(hidden @ W2 + b2, labels)
cost
"""
WEIGHTS = ["W1", "b1", "W2", "b2"]
BATCH, FEATURES, HIDDEN, CLASSES = 256, 784, 128, 10
ROUNDS, TIMES = 15, 5
Run = Callable[[], dict[str, Any]]  # the gradients by name


def data() -> dict[str, Any]:
    """Pictures, labels and weights, the same in every run."""
    import numpy as np

    draw = np.random.default_rng(1)
    scale = (2 / FEATURES) ** 0.5, (2 / HIDDEN) ** 0.5
    return {
        "X": draw.random((BATCH, FEATURES)),
        "labels": draw.integers(0, CLASSES, BATCH).astype(float),
        "W1": draw.normal(0, scale[0], (FEATURES, HIDDEN)),
        "b1": np.zeros(HIDDEN),
        "W2": draw.normal(0, scale[1], (HIDDEN, CLASSES)),
        "b2": np.zeros(CLASSES),
    }


def with_gradcli(given: dict[str, Any]) -> Run:
    from gradcli.graph.lower import lower
    from gradcli.language.parser import parse
    from gradcli.passes import evaluate_graph

    graph = lower(parse(PROGRAM), given)
    return lambda: evaluate_graph(graph, given, WEIGHTS).gradients


def with_torch(given: dict[str, Any]) -> Run:
    import torch

    tensors = {name: torch.tensor(array) for name, array in given.items()}
    for name in WEIGHTS:
        tensors[name].requires_grad_()
    x, w1, b1, w2, b2 = (tensors[name] for name in ("X", *WEIGHTS))
    labels = tensors["labels"].long()

    def run() -> dict[str, Any]:
        for name in WEIGHTS:
            tensors[name].grad = None
        cost = torch.nn.functional.cross_entropy(torch.relu(x @ w1 + b1) @ w2 + b2, labels)
        cost.backward()
        return {name: tensors[name].grad.numpy() for name in WEIGHTS}

    return run


def with_numpy(given: dict[str, Any]) -> Run:
    import numpy as np

    x, w1, b1, w2, b2 = (given[name] for name in ("X", *WEIGHTS))
    targets = np.eye(CLASSES)[given["labels"].astype(int)]

    def run() -> dict[str, Any]:
        hidden = np.maximum(x @ w1 + b1, 0.0)
        logits = hidden @ w2 + b2
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        chances = shifted / shifted.sum(axis=1, keepdims=True)
        float(np.log(chances[targets > 0]).mean())
        d_logits = (chances - targets) / BATCH
        d_hidden = (d_logits @ w2.T) * (hidden > 0)
        return {"W1": x.T @ d_hidden, "b1": d_hidden.sum(0), "W2": hidden.T @ d_logits, "b2": d_logits.sum(0)}

    return run


CANDIDATES = {"gradcli": with_gradcli, "torch": with_torch, "numpy": with_numpy}


def several(run: Run) -> None:
    for _ in range(TIMES):
        run()


def memory(name: str, runs: int) -> float:
    """Bytes of a process of its own that runs a candidate so many times."""
    return ask("networks.py", "--memory-of", name, "--runs", str(runs))[0]


def peak(name: str, runs: int) -> int:
    """The largest resident size of this process after so many runs, in bytes."""
    run = CANDIDATES[name](data())
    for _ in range(runs):
        run()
    return peak_memory()


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--memory-of", choices=CANDIDATES, help=argparse.SUPPRESS)
    options.add_argument("--runs", type=int, default=0, help=argparse.SUPPRESS)
    options.add_argument("--threads", default="1", help="of the linear algebra")
    chosen = options.parse_args()
    if chosen.memory_of:
        print(peak(chosen.memory_of, chosen.runs))
        return
    import numpy as np

    if os.environ.get("OMP_NUM_THREADS") != chosen.threads:
        variables = {"OMP_NUM_THREADS": chosen.threads, "OPENBLAS_NUM_THREADS": chosen.threads}
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | variables)
    names = [name for name in CANDIDATES if name != "torch" or installed("torch")]
    given = data()
    runs = {name: CANDIDATES[name](given) for name in names}
    found = {name: run() for name, run in runs.items()}
    for name in names:  # without the same gradients the times would mean nothing
        for weight in WEIGHTS:
            assert np.allclose(found[name][weight], found["gradcli"][weight], rtol=1e-9, atol=1e-14), (name, weight)
    measured = interleaved({name: timed(partial(several, run)) for name, run in runs.items()}, ROUNDS, 2)
    used = {name: memory(name, 20) - memory(name, 0) for name in names}
    rows = []
    for name in names:
        milliseconds, megabytes = measured.time(name) / TIMES * 1e3, used[name] / 1e6
        ratio = measured.ratio("gradcli", name)
        rows.append([name, f"{milliseconds:.2f}", f"{megabytes:.1f}", f"{ratio:.2f} ×"])
    table("784-128-10, batch of 256, both passes", ["", "ms", "MB", "gradcli / it"], rows)
    if "torch" in names:
        note("Time, of PyTorch's: " + verdict(measured.ratio("gradcli", "torch"), 1.5))
        note("Memory, of PyTorch's: " + verdict(used["gradcli"] / used["torch"], 2.0))
    else:
        note("PyTorch is not installed: no comparison.")
    note(machine())


if __name__ == "__main__":
    main()
