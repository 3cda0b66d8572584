"""Gates of many operands: work grows as the number of operands does, and every operand gets what is its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
import pytest

from gradcli.graph.derive import derive, tangents
from gradcli.graph.describe import rule_text
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.numeric import arrays
from gradcli.passes import evaluate_graph
from gradcli.render import contributions as added_up
from gradcli.render.explain import flows
from gradcli.traces import Trace, along, rules_on

FEW, GROWTH = 300, 3  # operands; by how much the work may grow with twice as many: by 4 it would if it were quadratic
POINT = {"x": np.asarray(0.5), "v": np.array([1.0, -2.0])}
GATES = {
    "stack": "sum([{}])".format, "concat": "sum(concat({}))".format, "max": "max({})".format,
    "max of arrays": "sum(max({}))".format,
}  # fmt: skip


def _graph(text: str, point: dict[str, Any]) -> Graph:
    return lower(parse(text), {name: np.asarray(value) for name, value in point.items()})


def _trace(text: str, **point: Any) -> Trace:
    graph = _graph(text, point)
    return evaluate_graph(graph, {name: arrays.asarray(point[name]) for name in graph.inputs})


def _operation(name: str, gate: str, count: int) -> Callable[[], Any]:
    """What is to be counted, on a gate of so many operands; all that it needs is made before."""
    operand = "v" if gate in ("concat", "max of arrays") else "x"
    trace = _trace(GATES[gate](", ".join([operand] * count)), **{operand: POINT[operand]})
    graph, inputs = trace.graph, {operand: arrays.asarray(POINT[operand])}
    widest = max(range(len(graph)), key=lambda index: len(graph.operands[index]))
    return {
        "evaluate": lambda: evaluate_graph(graph, inputs),
        "contributions": lambda: added_up.contributions(trace, operand),
        "edges": lambda: [*trace.edges(widest)],
        "derive": lambda: derive(graph),
        "tangents": lambda: tangents(graph, {operand: "1"}, [graph.output]),
        "along": lambda: along(trace, {operand: 1.0}),
    }[name]


def _steps(work: Callable[[], Any]) -> int:
    """How many instructions of Python it runs: the same on every machine."""
    count, before = 0, sys.gettrace()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("name", ["evaluate", "contributions", "edges", "derive", "tangents", "along"])
def test_twice_the_operands_are_at_most_three_times_the_work(name: str, gate: str) -> None:
    _operation(name, gate, 3)()  # what is imported or kept for later is so by now
    few, more = (_steps(_operation(name, gate, count)) for count in (FEW, 2 * FEW))
    assert few > FEW
    assert more <= GROWTH * few


def test_each_operand_of_a_concat_gets_its_own_part() -> None:
    """Operands of different lengths, one of them twice; backward, forward, and as a graph."""
    point = {"a": [1.0, 2.0], "b": [3.0], "w": [2.0, 3.0, 5.0, 7.0, 11.0, 13.0]}
    trace = _trace("sum(w*concat(a, b, a, [a[1]]))", **point)
    assert trace.gradients["a"].tolist() == [2.0 + 7.0, 3.0 + 11.0 + 13.0]
    assert trace.gradients["b"].tolist() == [5.0]
    assert along(trace, {"a": np.array([1.0, 10.0])}).value == 2 + 30 + 7 + 110 + 130
    derived = derive(trace.graph)
    derived.graph.output = derived.gradients["a"]
    found = evaluate_graph(derived.graph, {name: arrays.asarray(x) for name, x in point.items()}, (), seed=[0.0, 0.0])
    assert found.value.tolist() == [9.0, 27.0]


@pytest.mark.parametrize("axis", [0, 1])
def test_each_operand_of_a_stack_gets_its_own_part(axis: int) -> None:
    weights = np.array([[2.0, 3.0], [5.0, 7.0], [11.0, 13.0]])
    trace = _trace(
        f"sum(w*stack(a, b, a, axis={axis}))", a=[1.0, 2.0], b=[3.0, 4.0], w=weights if axis == 0 else weights.T
    )
    assert trace.gradients["a"].tolist() == [13.0, 16.0]
    uses = added_up.contributions(trace, "a").uses
    assert sorted((use.position, use.contribution.tolist()) for use in uses) == [(0, [2.0, 3.0]), (2, [11.0, 13.0])]


def test_the_rules_of_a_gate_are_those_of_its_edges() -> None:
    graph = _graph(
        "z = concat(a, b)\ns = [x, x*x, 3]\nsum(z)*sum(s) + max(x, s[0], 2)", {"a": [1.0], "b": [2.0], "x": 1.0}
    )
    for index in range(len(graph)):
        rule = rules_on(graph, index)
        for position in range(len(graph.operands[index])):
            assert rule(position) == rule_text(graph, index, position)


def test_gates_that_do_not_use_the_operand_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their edges cost as much as their operands are many."""
    trace, asked, flow = _trace("sum([x, 2*x, x])*y^2", x=1.0, y=2.0), [], Trace.flows

    def noted(self: Trace, index: int) -> Any:
        asked.append(index)
        return flow(self, index)

    monkeypatch.setattr(Trace, "flows", noted)
    place = trace.graph.inputs["y"]
    assert [part.contribution for part in flows.received(trace, [place])[place]] == [16.0]
    assert [place in trace.graph.operands[index] for index in asked] == [True]
