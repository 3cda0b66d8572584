"""The gradient as a graph, and its picture: what it computes, what its nodes are called, where they stand."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from pictures import SCALARS, graph_of, sample

from gradcli.api import evaluate
from gradcli.graph import ops
from gradcli.graph.both_passes import RULES, BothPasses, both_passes
from gradcli.graph.graph import Graph
from gradcli.passes import evaluate_graph, forward
from gradcli.render.picture import backward
from gradcli.render.picture.parts import Node, Picture
from gradcli.render.picture.selecting import select


def passes_of(program: str, **options: object) -> BothPasses:
    return both_passes(graph_of(program), **options)  # type: ignore[arg-type]


def drawn(passes: BothPasses, point: Mapping[str, float] | None = None, program: Graph | None = None) -> Picture:
    traces = []
    if point is not None and program is not None:
        traces = [backward.values(passes, evaluate_graph(program, point), point)]
    return backward.draw(passes, traces, select(passes.graph))


def nodes(picture: Picture) -> dict[str, Node]:
    return {node.stage: node for node in picture.nodes if node.stage}


PROGRAMS = {
    "(x+y)*z": {"x": 2.0, "y": 3.0, "z": -4.0},
    "tanh(w*x+b)": {"w": 1.0, "x": 0.5, "b": 0.2},
    "f(a, b) = sin(a*b)\nh = f(x, y)\nf(h, x)/y": {"x": 0.3, "y": 2.0},
    "relu(x)*max(x, y) + where(x < y, x^2, y)": {"x": 1.5, "y": 2.0},
    "floor(x)*2 + y": {"x": 1.5, "y": 2.0},
    "x": {"x": 3.0},
}


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("program", PROGRAMS)
def test_its_values_are_those_of_the_backward_pass(program: str, rules: str) -> None:
    graph, point = graph_of(program), PROGRAMS[program]
    passes, trace = both_passes(graph, rules=rules), evaluate_graph(graph, point)
    passes.graph.verify()
    values = forward(passes.graph, point)
    assert values[passes.graph.output] == trace.value
    for name, gate in passes.gradients.items():
        assert math.isclose(values[gate], trace.gradients[name], rel_tol=1e-12, abs_tol=1e-15), name
    for index, gate in passes.adjoints.items():
        assert math.isclose(values[gate], trace.adjoints[index], rel_tol=1e-12, abs_tol=1e-15), index


@pytest.mark.parametrize("name", SCALARS)
def test_samples(name: str) -> None:
    """The gates of the program come first, and every one is there; by the textbook's rules, too, nothing is lost."""
    trace = sample(name)
    point = {name: trace.values[index] for name, index in trace.graph.inputs.items()}
    for rules in RULES:
        passes = both_passes(trace.graph, rules=rules)
        assert passes.forward == len(trace.graph)
        assert passes.graph.codes[: passes.forward] == trace.graph.codes
        both = backward.values(passes, trace, point)
        if rules != "textbook" or "saturated" not in name:
            assert backward.differences(passes, both, trace) == []


def test_the_seed_is_a_gate_and_products_are_gates() -> None:
    """A student sees 1 times y, not a wire from y."""
    passes = passes_of("x*y")
    graph, seed = passes.graph, passes.forward
    assert (graph.codes[seed], graph.literals[seed]) == (ops.CONSTANT, "1")
    x, y = (graph.inputs[name] for name in "xy")
    assert graph.operands[passes.gradients["x"]] == (seed, y)
    assert graph.operands[passes.gradients["y"]] == (seed, x)
    assert bytes(passes.flowing) == bytes([0, 0, 0, 1, 1, 1])


def test_sums_pass_on_by_a_wire_but_not_in_raw() -> None:
    passes = passes_of("x+y")
    assert passes.gradients == {"x": passes.forward, "y": passes.forward}
    raw = passes_of("x+y", rules="raw")
    assert len({raw.forward, *raw.gradients.values()}) == 3


def test_constants_are_not_shared() -> None:
    graph = passes_of("tanh(x) + tanh(y)").graph
    uses = [operand for operands in graph.operands for operand in operands if graph.codes[operand] == ops.CONSTANT]
    assert sorted(set(uses) - {5}) == sorted(one for one in uses if one != 5)


def test_names() -> None:
    found = nodes(drawn(passes_of("q = x + y\nq*z")))
    assert set(found) == {"q", "f", "∂f/∂f", "∂f/∂x", "∂f/∂z"}
    assert [line.text for line in found["∂f/∂x"].lines] == ["= ∂f/∂y", "= ∂f/∂q"]
    assert [stage for stage, node in found.items() if node.is_output] == ["f", "∂f/∂x", "∂f/∂z"]
    assert "∂f/∂f" in nodes(drawn(passes_of("x*y")))
    assert "∂loss/∂x" in nodes(drawn(passes_of("loss = x*y\nloss")))
    assert "∂g2/∂f" in nodes(drawn(passes_of("f*y")))


def test_many_names_of_one_gate() -> None:
    node = nodes(drawn(passes_of("+".join(f"x{i}" for i in range(30)))))["∂f/∂f"]
    assert [line.text for line in node.lines] == ["= ∂f/∂x0", "= ∂f/∂x1", "= … 28 more"]


def test_numbers_have_the_colour_of_what_they_are() -> None:
    graph, point = graph_of("tanh(x)*y"), {"x": 0.5, "y": 2.0}
    passes = both_passes(graph)
    picture = drawn(passes, point, graph)
    kinds = {node.id: [line.kind for line in node.lines if line.kind != "small"] for node in picture.nodes}
    expected = {f"g{i}": ["value"] for i in range(passes.forward)}
    for index in range(passes.forward, len(passes.graph)):
        is_constant = passes.graph.codes[index] == ops.CONSTANT
        expected[f"g{index}"] = [] if is_constant else ["gradient" if passes.flowing[index] else "local"]
    assert kinds == expected
    hot = {arrow.id for arrow in picture.arrows if arrow.heat}
    assert hot == {
        f"g{index}-{position}"
        for index, operands in enumerate(passes.graph.operands)
        for position, operand in enumerate(operands)
        if passes.flowing[operand]
    }


def test_a_frame_around_each_pass_and_none_around_inputs() -> None:
    passes = passes_of("f(x, w) = tanh(w*x + w); h = f(a, u); f(h, v)")
    picture = drawn(passes)
    parents = {frame.id: frame.parent for frame in picture.frames}
    assert [frame.caption for frame in picture.frames if not frame.parent] == ["forward pass", "backward pass"]
    for node in picture.nodes:
        outermost = node.frame
        while parents.get(outermost):
            outermost = parents[outermost]
        where = "" if node.kind == "input" else "forward" if int(node.id[1:]) < passes.forward else "backward"
        assert outermost == where, node.id
    captions = [(frame.caption, frame.parent) for frame in picture.frames if frame.parent]
    assert captions.count(("h = f(…)", "forward")) == captions.count(("h = f(…)", "backward")) == 1
    assert backward.draw(passes, [], select(passes.graph, clusters=False), clusters=False).frames == ()


def test_groups_of_the_backward_pass_are_nested_or_apart() -> None:
    passes = passes_of("g(a) = sin(a)*a; f(x, w) = g(tanh(w*x + w)); h = f(a, u); k = f(h, v); k*h")
    groups = passes.graph.groups
    for one in groups:
        assert 0 <= one.first < one.last <= len(passes.graph)
        assert one.last <= passes.forward or one.first > passes.forward
        for other in groups:
            apart = one.last <= other.first or other.last <= one.first
            inside = one.first <= other.first and other.last <= one.last
            around = other.first <= one.first and one.last <= other.last
            assert apart or inside or around


def test_tooltips_say_what_a_gate_is() -> None:
    picture = drawn(passes_of("sin(x*y)"))
    tooltips = [node.tooltip for node in picture.nodes]
    assert any("gradient: ∂f/∂g2" in tooltip for tooltip in tooltips)
    assert any("part of a local gradient" in tooltip for tooltip in tooltips)


def test_the_title_and_the_description() -> None:
    graph, point = graph_of("x*y"), {"x": 2.0, "y": 3.0}
    picture = drawn(both_passes(graph), point, graph)
    assert picture.title == "Forward and backward pass of x*y at x = 2, y = 3"
    assert picture.description == ("3 gates of the program, 3 of its gradient. Value 6. Gradients: ∂f/∂x 3, ∂f/∂y 2.")


def test_arrays() -> None:
    point = {"X": [[1.0, 2.0], [3.0, 4.0]], "w": [1.0, 2.0]}
    trace = evaluate("sum((X@w)^2)", point)
    point = {name: trace.values[index] for name, index in trace.graph.inputs.items()}
    for rules in RULES:
        passes = both_passes(trace.graph, rules=rules)
        both = backward.values(passes, trace, point)
        assert backward.differences(passes, both, trace) == []
        assert len(backward.draw(passes, [both], select(passes.graph)).nodes) == len(passes.graph)
