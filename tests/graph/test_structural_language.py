"""Structural rows in gradcli's own language: gates and rules read back, definitions say what the rows compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcli.graph import ops
from gradcli.graph.describe import gate_text, rule_text
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.graph.ops import Op
from gradcli.graph.ops.layout import size
from gradcli.graph.rewriting.definitions import written_out
from gradcli.language.parser import parse
from tests.graph import structural_oracle as oracle
from tests.graph.structural_oracle import EXACT, Trial, numbers

TRIALS = list(oracle.trials())
NAMES = "abcd"


def named_gate(trial: Trial) -> Graph:
    """A graph of the trial's gate, which is y, on inputs a, b, …"""
    graph, made = Graph(), trial.layout
    for name, shape in zip(NAMES, made.shapes, strict=False):
        graph.append(ops.INPUT, (), name, 0, 0, (("shape", shape),) if shape else None)
    operands = tuple(range(len(made.shapes)))
    graph.output = graph.append(ops.CODES[trial.row.name], operands, None, 0, 0, tuple(made.settings.items()))
    graph.stages[graph.output] = "y"
    return graph


def read(text: str, **shapes: Any) -> Graph:
    return lower(parse(text), shapes=shapes)


def computed(graph: Graph, values: dict[str, Any]) -> Any:
    return oracle.evaluated(graph, values, EXACT)[graph.output]


def same(found: Any, due: Any) -> bool:
    """Whether the numbers are the same where the formula's shape is broadcast, as contributions are."""
    shape = np.shape(due)
    return oracle.distance(np.broadcast_to(np.asarray(found, dtype=object), shape)[()], due) < 1e-90


@pytest.mark.parametrize("trial", TRIALS, ids=oracle.named)
def test_a_gate_read_back_computes_the_same(trial: Trial) -> None:
    """Value and shape; a gate that changes nothing may be read as no gate."""
    graph = named_gate(trial)
    shapes = dict(zip(NAMES, trial.layout.shapes, strict=False))
    again = read(gate_text(graph, graph.output), **shapes)
    assert again.shapes.get(again.output, ()) == trial.layout.shape
    values = dict(zip(NAMES, trial.operands, strict=False))
    needed = {name: values[name] for name in again.inputs}
    assert same(computed(again, needed), oracle.value(trial.row, trial.layout, trial.operands))


def _is_flat(trial: Trial) -> bool:
    """Where a textbook says 0/0: the deviation of one element."""
    return trial.row.name == "std" and size(trial.layout.shapes[0]) == 1


@pytest.mark.parametrize("trial", [trial for trial in TRIALS if not _is_flat(trial)], ids=oracle.named)
def test_a_rule_read_back_gives_the_contribution(trial: Trial) -> None:
    """What an edge says of itself is a program of g, y and the operands, and computes what the edge passes on."""
    row, made, graph = trial.row, trial.layout, named_gate(trial)
    y, g = oracle.value(row, made, trial.operands), numbers(("read", row.name), made.shape)
    values = dict(zip(NAMES, trial.operands, strict=False)) | {"y": y, "g": g}
    for k in range(len(made.shapes)):
        again = read(rule_text(graph, graph.output, k), **{name: np.shape(value) for name, value in values.items()})
        needed = {name: values[name] for name in again.inputs}
        assert row.vjps is not None
        rule: Any = row.vjps[0 if row.variadic else k]
        assert same(computed(again, needed), rule(EXACT, made.at(k), g, y, *trial.operands)), k


DEFINED = [trial for trial in TRIALS if trial.row.definition is not None]


@pytest.mark.parametrize("trial", DEFINED, ids=oracle.named)
def test_definitions(trial: Trial) -> None:
    """The definition has the row's value, from other functions of the language."""
    row, made = trial.row, trial.layout
    graph = written_out(row, tuple(made.settings.items()), made.shapes)
    assert ops.CODES[row.name] not in graph.codes
    values = dict(zip(row.parameters, trial.operands, strict=True))
    needed = {name: values[name] for name in graph.inputs}
    assert same(computed(graph, needed), oracle.value(row, made, trial.operands))


@pytest.mark.parametrize("row", [row for row in ops.STRUCTURAL if row.forward is not None], ids=lambda row: row.name)
def test_composed_rows_have_a_definition(row: Op) -> None:
    """But outer, which is a product of a column and a row."""
    assert (row.definition is None) == (row.name == "outer")
