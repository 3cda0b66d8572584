"""Forward and backward pass over scalar graphs: nanoseconds per gate, against micrograd and PyTorch.

The graphs, the same for every candidate; a third of the gates each are +, * and tanh, w is one of eight inputs:

    chain   h ← h + w*tanh(h), over and over: each gate uses the one before
    tree    w*tanh(a + b) of two subtrees, balanced
    random  h ← h + w*tanh(g), where h is one of 64 running sums and g any earlier gate

Values and gradients stay moderate, so that no candidate meets overflow, subnormal numbers or zeros to skip, and every
gate reaches the output.

What counts: for gradcli both passes over a graph that exists, which leave every gate's value, local gradients and
global gradient. micrograd and PyTorch have no graph that lasts: they build it while they compute forwards, so that
counts, every time. What the graph costs gradcli, once, is the column "(build)". PyTorch keeps the gradients of the
inputs only. micrograd is as published, with the recursion limit raised for it, and a tanh in its own manner added.
Small graphs are run several times in one measurement. The garbage collector works as it does for a user, but passes
over what was there before: nobody pays for objects of another candidate.
"""

from __future__ import annotations

import gc
import math
import random
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from measure import ask, installed, interleaved, note, table, verdict

from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.passes import evaluate_graph

ROUNDS = {1_000: 15, 10_000: 9, 100_000: 5, 1_000_000: 3}  # gates → rounds
GATES_AT_LEAST = 20_000  # in one measurement
SHAPES = ("chain", "tree", "random")
INPUTS = {f"w{i}": 0.5 + 0.1 * i for i in range(8)}
SMALL = 1e-6  # scales the steps of chain and random

Step = tuple[str, int, int]  # the operation and its operands' positions, counting the inputs first


def steps(shape: str, count: int) -> list[Step]:
    """A graph of about count gates."""
    choose = random.Random(1)
    found: list[Step] = []
    first = len(INPUTS)

    def add(op: str, a: int, b: int = -1) -> int:
        found.append((op, a, b))
        return first + len(found) - 1

    def weight() -> int:
        return choose.randrange(first)

    if shape == "tree":
        level = [add("mul", weight(), weight()) for _ in range(count // 4)]
        while len(level) > 1:
            pairs = zip(level[::2], level[1::2], strict=False)
            odd = level[-1:] if len(level) % 2 else []
            level = [add("mul", weight(), add("tanh", add("add", a, b))) for a, b in pairs] + odd
        return found
    small = add("mul", 0, 0)  # the inputs of chain and random are small: see values()
    sums = [small] * (1 if shape == "chain" else 64)
    while len(found) < count - len(sums):
        place = choose.randrange(len(sums))
        source = sums[place] if shape == "chain" else choose.randrange(first + len(found))
        sums[place] = add("add", sums[place], add("mul", weight(), add("tanh", source)))
    total = sums[0]
    for one in sums[1:]:
        total = add("add", total, one)
    return found


def values(shape: str) -> dict[str, float]:
    """The inputs."""
    return INPUTS if shape == "tree" else {name: SMALL * value for name, value in INPUTS.items()}


def build(plan: list[Step]) -> Graph:
    """The plan as gradcli's graph."""
    graph = Graph()
    for name in INPUTS:
        graph.append(ops.INPUT, (), name, 0, 0)
    append, codes = graph.append, ops.CODES
    for op, a, b in plan:
        append(codes[op], (a,) if b < 0 else (a, b), None, 0, 0)
    graph.output = len(graph) - 1
    return graph


class Candidate:
    """Something that runs both passes over one plan, several times in one measurement if the graph is small."""

    def __init__(self, plan: list[Step], run: Callable[[], list[float]]) -> None:
        self.times = max(1, GATES_AT_LEAST // max(1, len(plan)))
        self.run = run  # returns the gradients of the inputs
        self.gradients: list[float] = []

    def __call__(self) -> float:
        gc.collect()
        start = time.perf_counter()
        for _ in range(self.times):
            self.gradients = self.run()
        return (time.perf_counter() - start) / self.times


def ours(plan: list[Step], inputs: dict[str, float]) -> tuple[Candidate, float]:
    """gradcli on one graph, and the seconds it took to build that."""
    start = time.perf_counter()
    graph = build(plan)
    seconds = time.perf_counter() - start
    return Candidate(plan, lambda: list(evaluate_graph(graph, inputs).gradients.values())), seconds


def define_by_run(
    plan: list[Step], inputs: dict[str, float], leaf: Callable[[float], Any], tanh: Callable[[Any], Any]
) -> Candidate:
    """A library that builds its graph while it computes forwards."""

    def run() -> list[float]:
        numbers = [leaf(value) for value in inputs.values()]
        append = numbers.append
        for op, a, b in plan:
            if op == "add":
                append(numbers[a] + numbers[b])
            elif op == "mul":
                append(numbers[a] * numbers[b])
            else:
                append(tanh(numbers[a]))
        numbers[-1].backward()
        return [float(number.grad) for number in numbers[: len(inputs)]]

    return Candidate(plan, run)


def peers(plan: list[Step], inputs: dict[str, float]) -> dict[str, Candidate]:
    """The peers that are installed."""
    found = {}
    if installed("micrograd"):
        from micrograd.engine import Value

        def tanh(x: Any) -> Any:
            t = math.tanh(x.data)
            out = Value(t, (x,), "tanh")

            def _backward() -> None:
                x.grad += (1 - t * t) * out.grad

            out._backward = _backward
            return out

        found["micrograd"] = define_by_run(plan, inputs, Value, tanh)
    if installed("torch"):
        import torch

        def leaf(value: float) -> Any:
            return torch.tensor(value, dtype=torch.float64, requires_grad=True)

        found["torch"] = define_by_run(plan, inputs, leaf, torch.tanh)
    return found


def main() -> None:
    """Measure and print."""
    sys.setrecursionlimit(10_000_000)  # for micrograd's topological sort; Python's own calls need no C stack
    warnings.filterwarnings("ignore", message="Failed to initialize NumPy")  # PyTorch without it; not needed here
    per_gate: dict[tuple[str, int], float] = {}
    ratios: dict[tuple[str, str, int], float] = {}
    rows = []
    names = list(peers([], {}))
    for shape in SHAPES:
        for size, rounds in ROUNDS.items():
            plan, inputs = steps(shape, size), values(shape)
            gates = len(plan) + len(inputs)
            mine, build_seconds = ours(plan, inputs)
            others = peers(plan, inputs)
            gc.collect()
            gc.freeze()  # or each collection, of micrograd's garbage above all, would also visit PyTorch's many objects
            warmups = int(size < 1_000_000)  # a warm-up takes minutes there and changes nothing
            measured = interleaved({"gradcli": mine, **others}, rounds, warmups)
            for name, peer in others.items():  # without the same gradients the times would mean nothing
                assert all(map(partial(math.isclose, rel_tol=1e-6), mine.gradients, peer.gradients)), (
                    name,
                    shape,
                    size,
                )
                ratios[name, shape, size] = measured.ratio(name, "gradcli")
            per_gate[shape, size] = measured.time("gradcli") / gates * 1e9
            cells = [shape, f"{gates:,}", f"{per_gate[shape, size]:.0f}", f"{build_seconds / gates * 1e9:.0f}"]
            cells += [f"{measured.time(name) / gates * 1e9:,.0f}" for name in names]
            cells += [f"{ratios[name, shape, size]:.1f} ×" for name in names]
            rows.append(cells)
    header = ["graph", "gates", "gradcli", "(build)", *names, *(f"{name} / gradcli" for name in names)]
    table("Both passes, ns per gate", header, rows)
    for name in [name for name in ("micrograd", "torch") if name not in names]:
        note(f"{name} is not installed and left out.")
    figures = targets(per_gate, ratios)
    for shape in SHAPES:
        (size_of_gate,) = ask("passes.py", "--memory", shape)
        figures.append([f"graph and trace of 1e6 gates, {shape}", verdict(size_of_gate, 500, "bytes per gate")])
    table("Targets of the passes, each on its worst graph", ["figure", "measured"], figures)


def targets(per_gate: dict[tuple[str, int], float], ratios: dict[tuple[str, str, int], float]) -> list[list[str]]:
    """The figures that are promised."""
    figures = []
    for name, size, bound in (
        ("micrograd", 1_000, 5),
        ("micrograd", 1_000_000, 12),
        *(("torch", n, 15) for n in ROUNDS),
    ):
        found = [ratios[name, shape, size] for shape in SHAPES if (name, shape, size) in ratios]
        if found:
            figures.append([f"{name} / gradcli, {size:,} gates", verdict(min(found), bound, at_least=True)])
    growth = max(per_gate[shape, 1_000_000] / per_gate[shape, 10_000] for shape in SHAPES)
    figures.append(["time per gate at 1,000,000 / at 10,000", verdict(growth, 2)])
    return figures


def memory(shape: str) -> None:
    """Print the bytes per gate that a graph of a million gates and its trace hold."""
    import tracemalloc

    plan = steps(shape, 1_000_000)
    gc.collect()
    tracemalloc.start()
    graph = build(plan)
    trace = evaluate_graph(graph, values(shape))
    gc.collect()
    print(tracemalloc.get_traced_memory()[0] / len(trace.graph))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        memory(sys.argv[2])
    else:
        main()
