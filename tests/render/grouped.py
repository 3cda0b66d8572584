"""Graphs with groups and with arrays, made by hand: what the tests of frames and of folding draw."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradcli.api import Trace, evaluate
from gradcli.graph import ops
from gradcli.graph.graph import Graph, Group
from gradcli.passes import FLOATS
from gradcli.traces import Edge


def grouped(program: str, values: dict[str, float], *groups: tuple[str, str, str]) -> Trace:
    """A trace whose groups end with the gate of a stage and begin after that of another one.

    Args:
        program, values: what to evaluate.
        groups: name, kind, and the stages between which it is: "a..b", "..b" from the first gate on.
    """
    trace = evaluate(program, values)
    graph = trace.graph
    ends = {name: index + 1 for index, name in graph.stages.items()} | {"": len(graph.inputs)}
    places = [(name, kind, *between.split("..")) for name, kind, between in groups]
    graph.groups = [Group(name, kind, ends[first], ends[last]) for name, kind, first, last in places]
    return trace


NETWORK = """
h1 = tanh(w11*x1 + w12*x2 + b1)
h2 = tanh(w21*x1 + w22*x2 + b2)
y = v1*h1 + v2*h2 + c
loss = (y - target)^2
loss
"""
NAMES = ("w11", "x1", "w12", "x2", "b1", "w21", "w22", "b2", "v1", "v2", "c", "target")


def network() -> Trace:
    """Two neurons, each a stage and the one call in it; two stages without a call."""
    calls = [
        ("h1", "stage", "..h1"), ("neuron", "call", "..h1"), ("h2", "stage", "h1..h2"), ("neuron", "call", "h1..h2"),
        ("y", "stage", "h2..y"), ("loss", "stage", "y..loss"),
    ]  # fmt: skip
    return grouped(NETWORK, {name: 0.25 * (k - 4) for k, name in enumerate(NAMES)}, *calls)


def recurrent(turns: int) -> Trace:
    """A loop, unrolled, over five numbers again and again: in every turn a stage, which is a call."""
    lines = ["h0 = tanh(w*x0 + 0*u + b)", *(f"h{t} = tanh(w*x{t % 5} + u*h{t - 1} + b)" for t in range(1, turns))]
    values = {
        "w": 0.5,
        "u": -0.7,
        "b": 0.1,
        "target": 0.3,
        **{f"x{t}": (t % 3 - 1) * 0.5 for t in range(min(5, turns))},
    }
    between = [f"{f'h{t - 1}' if t else ''}..h{t}" for t in range(turns)]
    kinds = [("t = {}", "turn"), ("h[{}]", "stage"), ("cell", "call")]
    groups = [(name.format(t), kind, between[t]) for t in range(turns) for name, kind in kinds]
    trace = grouped("\n".join([*lines, f"(h{turns - 1} - target)^2"]), values, *groups)
    trace.graph.stages = {index: f"h[{name[1:]}]" for index, name in trace.graph.stages.items()}
    return trace


def named(graph: Graph, names: dict[int, str]) -> None:
    """Other names for inputs and stages."""
    for index, name in names.items():
        if graph.codes[index] == ops.INPUT:
            graph.literals[index] = name
        else:
            graph.stages[index] = name


class Given(Trace):
    """A trace whose edges are given."""

    given: dict[int, list[Edge]]

    def edges(self, index: int) -> Iterator[Edge]:
        return iter(self.given.get(index, []))


def arrays(scale: float = 1.0) -> Given:
    """s = sum(y), y = tanh(z) + k, z = W @ x, with numbers as evaluating gives them."""
    numpy: Any = __import__("numpy")
    graph = Graph("z = W @ x; y = tanh(z) + k; sum(y)")
    big, small, summed = (("shape", (3, 4)),), (("shape", (4,)),), (("axis", (0,)), ("keepdims", False))
    graph.append(ops.INPUT, (), "W", 0, 1, big)
    graph.append(ops.INPUT, (), "x", 0, 1, small)
    graph.append(ops.CODES["matmul"], (0, 1), None, 0, 1, ())
    graph.append(ops.CODES["tanh"], (2,), None, 0, 1)
    graph.append(ops.CONSTANT, (), "[1, 2, 3]", 0, 1)
    graph.append(ops.CODES["add"], (3, 4), None, 0, 1)
    graph.append(ops.CODES["sum"], (5,), None, 0, 1, summed)
    graph.output, graph.stages = 6, {2: "z", 5: "y"}
    w, x = numpy.arange(12.0).reshape(3, 4) / 8 * scale, numpy.array([0.5, -1.0, 0.25, 0.125]) * scale
    z, ones = w @ x, numpy.ones(3)
    slope = 1 - numpy.tanh(z) ** 2
    values = [w, x, z, numpy.tanh(z), numpy.array([1.0, 2.0, 3.0])]
    values += [values[3] + values[4], float((values[3] + values[4]).sum())]
    adjoints = [numpy.outer(slope, x), w.T @ slope, slope, ones, None, ones, 1.0]
    made = Given(graph, values, [None] * 7, adjoints, FLOATS)  # type: ignore[arg-type]
    made.cache["warnings"] = []
    made.given = {
        2: [Edge("g0", None, adjoints[0], "outer(g, x)"), Edge("g1", None, adjoints[1], "W' @ g")],
        3: [Edge("g2", slope, slope, "1 - g3^2")],
        5: [Edge("g3", 1.0, ones, "1"), Edge("g4", None, None, None)],
        6: [Edge("g5", None, ones, "broadcast_to(g, 3)")],
    }
    return made
