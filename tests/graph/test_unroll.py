"""Unrolling: a graph of arrays as a graph of their elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import gradcli
from gradcli.errors import LimitError, ProgramError
from gradcli.graph import ops
from gradcli.graph.graph import Graph, Group
from gradcli.graph.lower import lower
from gradcli.graph.ops.layout import Shape, canonical
from gradcli.graph.rewriting.unroll import element_names, unroll, unrolled_values
from gradcli.numeric import arrays
from gradcli.passes import FLOATS, evaluate_graph, forward


class Building:
    """A graph that is put together gate by gate."""

    def __init__(self) -> None:
        self.graph = Graph("x" * 40)

    def input(self, name: str, shape: Shape = ()) -> int:
        self.graph.free[name] = self.graph.span(len(self.graph) - 1) if len(self.graph) else (0, 1)  # type: ignore[assignment]
        return self.graph.append(ops.INPUT, (), name, 0, 1, (("shape", shape),) if shape else None)

    def constant(self, literal: str) -> int:
        return self.graph.append(ops.CONSTANT, (), literal, 2, 3)

    def gate(self, name: str, *operands: int, stage: str | None = None, **settings: Any) -> int:
        row, place = ops.ROWS[ops.CODES[name]], len(self.graph)
        shapes = [self.graph.shapes.get(operand, ()) for operand in operands]
        own = canonical(row.settings, settings, shapes) if row.structural else None
        index = self.graph.append(ops.CODES[name], operands, None, place, place + 2, own)
        if stage is not None:
            self.graph.stages[index] = stage
        return index

    def done(self, *outputs: int) -> Graph:
        self.graph.output, self.graph.outputs = max(outputs), outputs if len(outputs) > 1 else ()
        self.graph.verify()
        return self.graph


def listed(graph: Graph) -> list[str]:
    """Each gate in a line: its name or literal, its row, the gates that it uses."""
    return [
        " ".join([str(gate.name or gate.literal or "-"), gate.op.name, *(f"g{k}" for k in gate.operands)])
        for gate in graph
    ]


def test_a_layer_becomes_its_elements() -> None:
    b = Building()
    w, x, bias = b.input("W", (2, 3)), b.input("x", (3,)), b.input("b")
    h = b.gate("add", b.gate("matmul", w, x), bias, stage="h")
    graph = b.done(b.gate("sum", h))
    found = unroll(graph)
    found.verify()
    assert listed(found) == [
        "W[0,0] input", "W[0,1] input", "W[0,2] input", "W[1,0] input", "W[1,1] input", "W[1,2] input",
        "x[0] input", "x[1] input", "x[2] input", "b input",
        "- mul g0 g6", "- mul g1 g7", "- add g10 g11", "- mul g2 g8", "- add g12 g13",
        "- mul g3 g6", "- mul g4 g7", "- add g15 g16", "- mul g5 g8", "- add g17 g18",
        "h[0] add g14 g9", "h[1] add g19 g9", "- add g20 g21",
    ]  # fmt: skip
    assert not found.shapes
    assert not found.settings
    assert (found.output, found.outputs) == (22, ())
    assert list(found.free) == [name for name, *_ in map(str.split, listed(found)[:10])]


def test_spans_are_those_of_the_gate_that_was_unrolled() -> None:
    b = Building()
    x = b.input("x", (2,))
    graph = b.done(b.gate("sum", b.gate("exp", x)))
    found = unroll(graph)
    assert [found.span(k) for k in (0, 1)] == [graph.span(0)] * 2
    assert [found.span(k) for k in (2, 3)] == [graph.span(1)] * 2
    assert found.span(4) == graph.span(2)


def test_groups_are_moved_and_several_gates_of_one_are_a_group() -> None:
    b = Building()
    x = b.input("x", (2,))
    doubled = b.gate("add", x, x, stage="d")
    s = b.gate("sum", b.gate("exp", doubled), stage="s")
    b.graph.groups = [Group("f", "call", 1, 4), Group("d", "stage", 1, 2), Group("t = 0", "turn", 2, 4)]
    found = unroll(b.done(s))
    assert found.groups == [
        Group("x", "stage", 0, 2),
        Group("f", "call", 2, 7),
        Group("d", "stage", 2, 4),
        Group("t = 0", "turn", 4, 7),
        Group("exp", "stage", 4, 6),
    ]
    nested_or_apart(found.groups)


def nested_or_apart(groups: list[Group]) -> None:
    """An outer group stands before those in it, and no two overlap otherwise."""
    for position, one in enumerate(groups):
        for other in groups[position + 1 :]:
            inside = one.first <= other.first and other.last <= one.last
            assert inside or other.first >= one.last


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("transpose", {"order": (1, 0)}, ["x[0,0]", "x[1,0]", "x[0,1]", "x[1,1]", "x[0,2]", "x[1,2]"]),
        ("reshape", {"shape": (3, 2)}, ["x[0,0]", "x[0,1]", "x[0,2]", "x[1,0]", "x[1,1]", "x[1,2]"]),
        ("index", {"slots": (1, (0, 2))}, ["x[1,0]", "x[1,1]"]),
        ("index", {"slots": (1, 2)}, ["x[1,2]"]),
        ("flip", {"axis": 1}, ["x[0,2]", "x[0,1]", "x[0,0]", "x[1,2]", "x[1,1]", "x[1,0]"]),
    ],
)
def test_what_arranges_elements_makes_no_gate(name: str, settings: dict[str, Any], expected: list[str]) -> None:
    b = Building()
    found = unroll(b.done(b.gate(name, b.input("x", (2, 3)), stage="q", **settings)))
    assert listed(found) == [f"{element} input" for element in element_names("x", (2, 3))]
    assert [found.name(k) for k in found.outputs or (found.output,)] == expected


def test_nothing_is_shared_and_nothing_folded() -> None:
    b = Building()
    x, ones = b.input("x", (2,)), b.constant("[1, 1]")
    graph = b.done(b.gate("sum", b.gate("add", b.gate("mul", x, ones), b.gate("mul", x, ones))))
    codes = [gate.op.name for gate in unroll(graph)]
    assert codes == ["input"] * 2 + ["constant"] * 2 + ["mul"] * 4 + ["add"] * 3


def test_an_array_as_output_gives_all_its_elements() -> None:
    b = Building()
    x = b.input("x", (2,))
    found = unroll(b.done(b.gate("exp", x)))
    assert (found.output, found.outputs) == (3, (2, 3))
    b = Building()
    x = b.input("x", (2,))
    found = unroll(b.done(b.gate("sum", x), b.gate("exp", x)))
    assert (found.output, found.outputs) == (4, (2, 3, 4))


def test_elements_that_nothing_needs_are_left_out_but_inputs_stay() -> None:
    b = Building()
    x = b.input("x", (3,))
    h = b.gate("exp", x, stage="h")
    found = unroll(b.done(b.gate("neg", b.gate("index", h, slots=(1,)))))
    assert listed(found) == ["x[0] input", "x[1] input", "x[2] input", "h[1] exp g1", "- neg g3"]
    nested_or_apart(found.groups)


def test_a_stage_of_a_turn_keeps_the_number_of_the_turn() -> None:
    b = Building()
    h = b.gate("exp", b.input("x", (2,)), stage="h[2]")
    found = unroll(b.done(b.gate("sum", h)))
    assert found.stages == {2: "h[2][0]", 3: "h[2][1]"}


def test_a_program_of_numbers_is_itself() -> None:
    b = Building()
    graph = b.done(b.gate("exp", b.input("x")))
    assert unroll(graph) is graph


def test_gates_that_take_arrays_are_unrolled_also_where_all_are_numbers() -> None:
    b = Building()
    x = b.input("x")
    found = unroll(b.done(b.gate("exp", b.gate("sum", x))))
    found.verify()
    assert listed(found) == ["x input", "- exp g0"]


def test_the_limit_is_known_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    b = Building()
    a, c = b.input("A", (3000, 3000)), b.input("B", (3000, 3000))
    graph = b.done(b.gate("sum", b.gate("matmul", a, c)))
    monkeypatch.setattr(Graph, "append", None)  # whoever builds fails
    with pytest.raises(LimitError, match="the unrolled program needs more than 5000000 gates"):
        unroll(graph)


def test_the_limit_holds_where_the_size_is_not_known_beforehand() -> None:
    b = Building()
    graph = b.done(b.gate("sum", b.gate("softmax", b.input("x", (10,)))))
    most = len(unroll(graph))
    assert len(unroll(graph, most)) == most
    for limit in (10, 20, most - 1):
        with pytest.raises(LimitError, match=f"needs more than {limit} gates"):
            unroll(graph, limit)


def test_values_are_split_as_inputs_are() -> None:
    b = Building()
    w, x = b.input("W", (2, 2)), b.input("x")
    graph = b.done(b.gate("sum", b.gate("mul", w, x)))
    values = {"W": arrays.asarray([[1.0, 2.0], [3.0, 4.0]]), "x": 5.0, "other": 1.0}
    split = unrolled_values(graph, values)
    assert split == {"W[0,0]": 1.0, "W[0,1]": 2.0, "W[1,0]": 3.0, "W[1,1]": 4.0, "x": 5.0}
    assert {type(number) for number in split.values()} == {float}
    assert list(split) == list(unroll(graph).inputs)
    assert forward(unroll(graph), split)[-1] == 50.0


def _trials() -> list[Any]:
    return [
        pytest.param(row.name, shapes, settings, id=f"{row.name}-{number}")
        for row in ops.STRUCTURAL
        for number, (shapes, settings) in enumerate(row.trials)
    ]


def _close(a: float, b: float) -> bool:
    return a == b or abs(a - b) <= 1e-12 * max(1.0, abs(a), abs(b))


@pytest.mark.parametrize(("name", "shapes", "settings"), _trials())
def test_every_row_gives_the_numbers_of_the_array(
    name: str, shapes: tuple[Shape, ...], settings: dict[str, Any]
) -> None:
    """What the row computes on arrays of floats is what the gates of its elements compute."""
    b = Building()
    inputs = [b.input(f"x{k}", shape) for k, shape in enumerate(shapes)]
    gate = b.gate(name, *inputs, **settings)
    graph = b.done(gate)
    if 0 in graph.shapes.get(gate, ()):  # no gate would be the output
        with pytest.raises(ProgramError, match="no elements"):
            unroll(graph)
        found = unroll(b.done(b.gate("sum", gate)))
        found.verify()
        assert forward(found, dict.fromkeys(found.inputs, 1.0))[found.output] == 0.0
        return
    found = unroll(graph)
    found.verify()
    assert len(unroll(graph, len(found))) == len(found), "the size is overestimated"
    numbers = [1.0, 0.25, 2.0, 0.5, 3.0, 1.5, 0.75, 2.5]
    values: dict[str, Any] = {}
    for k, shape in enumerate(shapes):
        count = len(element_names("", shape))
        some = [numbers[(k + one) % len(numbers)] for one in range(count)]
        if name == "cross_entropy" and k == 1 and shape != shapes[0]:  # numbers of classes
            some = [float(one % shapes[0][-1]) for one in range(count)]
        values[f"x{k}"] = arrays.shaped(some, shape) if shape else some[0]
    whole: Callable[..., Any] = getattr(arrays.over(FLOATS), name)
    expected = whole(*values.values(), **dict(graph.settings[len(inputs)]))
    expected = expected.reshape(-1).tolist() if arrays.is_array(expected) else [expected]
    got = forward(found, unrolled_values(graph, values))
    assert all(map(_close, [got[k] for k in found.outputs or (found.output,)], expected))
    assert len(found.outputs or (found.output,)) == len(expected)


@pytest.mark.parametrize(
    ("text", "wanted", "omitted"),
    [
        ("h = x*[1, 2]; s = sum(h); for t in 0..2 { h = s*(t+1) }; h + s", "h_[0] h_[1] s h[1]", "h[0]"),
        ("h = x*[1, 2]; s = sum(h); for t in 0..3 { h = s*(t+1) }; h + s", "h_[0] h_[1] s h[2]", "h[0] h[1]"),
        ("h_ = 2x; h = x*h_; s = sum(h); for t in 0..2 { h = s*(t+1) }; h + s", "h_[0] h_[1] h__[0] h__[1] s h[1]",
         "h[0]"),
        ("h = x*[1, 2]; s = sum(h); for t in 4..6 { h = s*t }; h + s", "h[0] h[1] s h[5]", "h[4]"),
        ("h = x*[1, 2]; for t in 0..2 { h = 2h }; sum(h)", "h[0] h[1] h[0][0] h[0][1] h[1][0] h[1][1]", ""),
    ],
)  # fmt: skip
def test_elements_and_turns_have_names_of_their_own(text: str, wanted: str, omitted: str) -> None:
    """What is left out has no name that an element has."""
    graph = unroll(lower(gradcli.parse(text), shapes={"x": [2]}))
    names = [*graph.stages.values()]
    assert names == wanted.split()
    assert graph.omitted == tuple(omitted.split())
    assert {*names}.isdisjoint(graph.omitted)


@pytest.mark.parametrize(("of", "value"), [("h", 10.0), ("h[1]", 10.0), ("h[0]", 5.0), ("s", 5.0)])
def test_a_name_means_one_gate_whatever_the_output_is(of: str, value: float) -> None:
    """Elements keep their names with another output, so that contributions asked for by name are the same gate's."""
    program = gradcli.parse("h = x*[1, 2]; s = sum(h); for t in 0..2 { h = s*(t+1) }; h + s")
    graph = unroll(lower(program, of=of, shapes={"x": [2]}))
    trace = evaluate_graph(graph, {"x[0]": 1.0, "x[1]": 2.0})
    places = {name: index for index, name in graph.stages.items()}
    assert len(places) == len(graph.stages)
    assert trace.values[graph.output] == value
    assert [trace.values[places[name]] for name in ("h_[0]", "h_[1]")] == [1.0, 4.0]
    assert [edge.contribution for edge in trace.edges(places["s"])] == [value / 5, value / 5]
