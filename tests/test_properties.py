"""What holds for every program: random ones over all rows of the op table, with values for their inputs."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import program_oracle
import pytest
from hypothesis import assume, given, settings
from program_oracle import Disagreement, Skipped
from programs import ROWS, Case, programs, texts

import gradcli
from gradcli import GradcliError, LimitError
from gradcli.graph import ops
from gradcli.graph.derive import derive
from gradcli.graph.describe import gate_text
from gradcli.graph.graph import Graph, prune
from gradcli.graph.lower import lower
from gradcli.graph.printing import program
from gradcli.passes import evaluate_graph


def _graph(case: Case) -> Graph:
    graph = lower(gradcli.parse(case.text), case.values)
    graph.verify()
    return graph


def _evaluated(text: str, case: Case) -> gradcli.Trace:
    graph = lower(gradcli.parse(text), case.values)
    return gradcli.evaluate(text, {name: case.values[name] for name in graph.free})


def _bits(numbers: Any) -> list[str]:
    """Numbers to compare, nan and -0 included."""
    return [repr(number) for number in numbers]


# Printing


def compare(one: Graph, other: Graph) -> None:
    """Assert that two graphs are one, up to the order of their gates, and the other one has all stages of the first."""
    pairs = {one.output: other.output}
    waiting = [one.output]
    while waiting:
        index = waiting.pop()
        a, b = one[index], other[pairs[index]]
        assert (a.op.name, a.literal, len(a.operands)) == (b.op.name, b.literal, len(b.operands))
        assert a.name in (None, b.name)
        for operand, twin in zip(a.operands, b.operands, strict=True):
            if operand not in pairs:
                pairs[operand] = twin
                waiting.append(operand)
            assert pairs[operand] == twin, f"{a.id} and {b.id} share differently"
    assert len({*pairs.values()}) == len(pairs) == len(other)


@given(programs(gradients=True))
@settings(max_examples=250)
def test_a_printed_program_is_the_same_graph(case: Case) -> None:
    graph = _graph(case)
    printed = program(graph)
    again = lower(gradcli.parse(printed), graph.inputs)
    compare(graph, again)
    assert program(again) == printed


@given(programs(gradients=True, most=5))
@settings(max_examples=150)
def test_a_printed_derivative_is_the_same_graph(case: Case) -> None:
    """Derivatives share gates and constants, and use rows and constants that their program does not."""
    derived = derive(_graph(case))
    for gate in derived.gradients.values():
        derived.graph.output = gate
        needed = prune(derived.graph, gate)
        assume("-inf" not in needed.literals and "pi" not in needed.inputs)  # see printing.py
        compare(needed, lower(gradcli.parse(program(derived.graph)), needed.inputs))


@given(programs(functions=False))
@settings(max_examples=150)
def test_without_functions_ids_are_the_same_too(case: Case) -> None:
    graph = _graph(case)
    assume(not graph.omitted)  # the first appearance of an input may have been there
    again = lower(gradcli.parse(program(graph)), graph.inputs)
    assert again.codes == graph.codes
    assert list(again.operands) == list(graph.operands)
    assert again.literals == graph.literals


def test_texts_of_the_whole_language_are_printed() -> None:
    """Whatever is written, with signs, brackets and blanks of every kind: what lowers is the same when printed."""
    text, lowered = texts(1), 0
    for _ in range(5000):
        written = text()
        try:
            graph = lower(gradcli.parse(written))
        except GradcliError:
            continue
        compare(graph, lower(gradcli.parse(program(graph)), graph.inputs))
        lowered += 1
    assert lowered > 300


# Evaluation


@given(programs(gradients=True))
@settings(max_examples=100)
def test_evaluating_twice_gives_the_same_bits(case: Case) -> None:
    """Nothing is written into a graph, and nothing is remembered."""
    graph = _graph(case)
    used = {name: case.values[name] for name in graph.inputs}
    first, second, apart = (evaluate_graph(each, used) for each in (graph, graph, _graph(case)))
    for other in (second, apart):
        assert _bits(first.values) == _bits(other.values)
        assert _bits(first.adjoints) == _bits(other.adjoints)
        assert _bits(first.partials) == _bits(other.partials)


def _split(graph: Graph) -> str:
    """The program with a line for every gate but constants."""
    lines = [
        f"{graph.label(index)} = {gate_text(graph, index)}"
        for index in range(len(graph))
        if graph.operands[index] or index in graph.stages
    ]
    return "\n".join([*lines, graph.label(graph.output)])


@given(programs(functions=False))
@settings(max_examples=150)
def test_splitting_and_joining_stages_changes_no_number(case: Case) -> None:
    graph = _graph(case)
    assume({"g2", "g3", "g5"}.isdisjoint({*graph.inputs, *graph.stages.values()}))  # these texts use ids as names
    whole, split, joined = (_evaluated(text, case) for text in (case.text, _split(graph), program(graph)))
    for other in (split, joined):
        assert repr(other.value) == repr(whole.value)
        for name, gradient in other.gradients.items():
            assert repr(gradient) == repr(whole.gradients[name])
    assert {*joined.gradients} == {*split.gradients} == {*graph.inputs}


@given(programs())
@settings(max_examples=100)
def test_max_gates_refuses_exactly_the_larger_programs(case: Case) -> None:
    parsed, graph = gradcli.parse(case.text), _graph(case)
    with pytest.raises(LimitError):
        lower(parsed, case.values, max_gates=len(graph) - 1)
    if not graph.omitted and " = " not in case.text:  # nothing was built that the output does not need
        assume({*graph.free} == {*graph.inputs})
        assert len(lower(parsed, case.values, max_gates=len(graph))) == len(graph)


@given(programs(gradients=True))
@settings(max_examples=60)
def test_json_has_every_number(case: Case) -> None:
    """Also where they are not finite; nothing on the way fails, whatever the numbers."""
    import json

    document = json.loads(_evaluated(case.text, case).to_json())
    trace = _evaluated(case.text, case)
    assert len(document["gates"]) == len(trace.graph)
    for gate, value in zip(document["gates"], trace.values, strict=True):
        assert repr(float(gate["value"])) == repr(value)


# Gradients


def _judge(case: Case, judged: Counter[str]) -> None:
    try:
        program_oracle.check(_graph(case), case.values)
    except Skipped as reason:
        judged[str(reason)] += 1
    else:
        judged["checked"] += 1


def _run(strategy: Any, examples: int) -> Counter[str]:
    """Check programs; how many were, and why the others were not."""
    judged = Counter[str]()

    @given(strategy)
    @settings(max_examples=examples)
    def check(case: Case) -> None:
        _judge(case, judged)

    check()
    return judged


def test_adjoints_are_differences_of_values() -> None:
    """In multiprecision to 20 digits; on floats as far as rounding allows. See program_oracle.py."""
    judged = _run(programs(), 300)
    assert judged["checked"] >= 100, judged


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_adjoints_through_every_row(row: ops.Op) -> None:
    """The same with every row of the table at the beginning of a program."""
    judged = _run(programs(first=row, most=3, functions=False), 12)
    assert judged["checked"] >= 1, judged


def test_the_oracle_sees_a_wrong_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gradient that is off in its 16th digit."""
    evaluate = program_oracle.evaluate_graph

    def wrong(*arguments: Any) -> Any:
        trace = evaluate(*arguments)
        if not isinstance(trace.value, float):
            trace.adjoints[0] *= 1 + trace.system.number("1e-16")
        return trace

    graph, values = lower(gradcli.parse("x*sin(y) + exp(x)")), {"x": 0.5, "y": 2.0}
    program_oracle.check(graph, values)
    monkeypatch.setattr(program_oracle, "evaluate_graph", wrong)
    with pytest.raises(Disagreement, match="by differences"):
        program_oracle.check(graph, values)


@pytest.mark.parametrize("spoil", ["adjoints", "values"])
def test_the_oracle_sees_lost_digits(spoil: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A float gradient or value that is a thousand roundings off; but not where a difference cancels."""
    evaluate = program_oracle.evaluate_graph

    def imprecise(*arguments: Any) -> Any:
        trace = evaluate(*arguments)
        if isinstance(trace.value, float):
            getattr(trace, spoil)[0 if spoil == "adjoints" else trace.graph.output] *= 1.0 + 1000.0 * 2.0**-52
        return trace

    def check(text: str) -> None:
        program_oracle.check(lower(gradcli.parse(text)), {"x": 0.5, "y": 2.0})

    check("x*sin(y) + exp(x)")
    monkeypatch.setattr(program_oracle, "evaluate_graph", imprecise)
    with pytest.raises(Disagreement, match="±"):
        check("x*sin(y) + exp(x)")
    check("x*1e9*(sin(x)*1e9 - x*958851077.2)")


def test_a_point_on_a_kink_is_not_judged() -> None:
    for text in (
        "relu(x)",
        "floor(x + 1)",
        "where(x, x, 2x)",
        "abs(x)*y",
        "sqrt(x)*y",
        "1/x",
        "max(x, x*y)",
        "atan2(-x, y)",
    ):
        with pytest.raises(Skipped):
            program_oracle.check(lower(gradcli.parse(text)), {"x": 0.0, "y": 2.0})


def test_the_strategy_is_sensible() -> None:
    """Programs have stages, shared gates, functions, several inputs; most are finite."""
    seen = Counter[str]()

    @given(programs())
    @settings(max_examples=200)
    def look(case: Case) -> None:
        graph = _graph(case)
        trace = evaluate_graph(graph, {name: case.values[name] for name in graph.inputs})
        seen["finite"] += all(map(math.isfinite, trace.values))
        seen["stages"] += bool(graph.stages)
        seen["functions"] += any(f"{name}(" in case.text for name in ("f", "norm_"))
        seen["inputs"] += len(graph.inputs) > 1
        uses = Counter(operand for operands in graph.operands for operand in operands)
        seen["shared"] += any(count > 1 for gate, count in uses.items() if graph.operands[gate])
        seen.update({f"row {graph[index].op.name}" for index in range(len(graph))})

    look()
    assert min(seen[kind] for kind in ("finite", "stages", "functions", "inputs", "shared")) > 10, seen
    assert sum(kind.startswith("row ") for kind in seen) > 40, seen
