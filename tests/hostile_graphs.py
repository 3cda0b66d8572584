"""Graphs that hold any text in every place that has one; no program of the language could."""

from __future__ import annotations

from gradcli.api import evaluate
from gradcli.graph import ops
from gradcli.traces import Trace

PLACES = ("input", "stage", "constant", "function", "source")


def evaluated(text: str, *places: str) -> Trace:
    """A trace whose first input, stage, constant, function or source is text. A kink makes warnings name the stage."""
    trace = evaluate("q = abs(x)*0.5\nq*0 + q + 9 + max(x, q)", x=0)
    put(trace, text, *places)
    return trace


def put(trace: Trace, text: str, *places: str) -> None:
    graph = trace.graph
    if "input" in places:
        graph.literals[0] = text
    if "stage" in places:
        graph.stages[next(iter(graph.stages))] = text
    if "constant" in places:
        graph.literals[graph.codes.index(ops.CONSTANT)] = text
    if "function" in places:
        graph.rows = tuple(row.replaced(name=text) if row.name == "max" else row for row in graph.rows)
    if "source" in places:
        graph.source = text
