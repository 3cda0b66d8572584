"""Loops are unrolled: turns, names, bounds, groups, limits."""

from __future__ import annotations

import time

import pytest
from lowered import GIVEN, graph_of, place, refused

import gradcli
from gradcli import LimitError, ParseError
from gradcli.errors import Span
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower


def listing(graph: Graph) -> str:
    """The gates but for inputs: name, constant or operation of names."""
    shown = []
    for gate in graph:
        if gate.op.name == "input":
            continue
        slots = "".join(str(value) for _, value in graph.settings.get(gate.position, ()))
        text = gate.literal or f"{gate.op.name}({','.join(map(graph.label, gate.operands))}{slots})"
        shown.append(f"{gate.name}={text}" if gate.name else text)
    return " ".join(shown)


# Turns


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("h = a\nfor t in 0..2 { h = h*b }\nh", "h[0]=mul(a,b) h[1]=mul(h[0],b)"),
        ("h = 0\nfor t in 0..2 { h = h + t }\nh", "h=0 0 h[0]=add(h,0) 1 h[1]=add(h[0],1)"),
        ("h = a\nfor t in 1..T { h = h*t }\nh", "1 h[1]=mul(a,1) 2 h[2]=mul(h[1],2)"),
        ("h = 0\nfor t in 0..len(x) { h = h + x[t] }\nh",
         "h=0 index(x(0,)) h[0]=add(h,g2) index(x(1,)) h[1]=add(h[0],g4) index(x(2,)) h[2]=add(h[1],g6)"),
        ("h = a\nfor t in -1..1 { h = h*t }\nh", "-1 h[-1]=mul(a,-1) 0 h[0]=mul(h[-1],0)"),
        ("for t in 0..3 { h = x[t] }\nh", "h[2]=index(x(2,))"),
        ("h = a*b\nfor t in 2..0 { h = h*b }\nh", "h=mul(a,b)"),  # an empty range makes no turn
        ("for t in 0..n { }\na*b", "mul(a,b)"),
        ("k = 2*n\nh = a\nfor t in k - 1..k { h = h*t }\nh", "3 h[3]=mul(a,3)"),
        ("h = a\nfor i in 0..2 { for j in 0..i + 1 { h = h*b } }\nh",
         "h[0][0]=mul(a,b) h[1][0]=mul(h[0][0],b) h[1][1]=mul(h[1][0],b)"),
        ("h = a\nfor i in 0..2 { h = h + 1; for j in 3..4 { h = h*b } }\nh",
         "1 h[0]=add(a,1) h[0][3]=mul(h[0],b) 1 h[1]=add(h[0][3],1) h[1][3]=mul(h[1],b)"),
        ("k = 0\nfor t in 0..3 { y = x[k]; k = k + 1 }\ny", "y[2]=index(x(2,))"),  # a number carried from turn to turn
        ("f(v) = v*2\nh = a\nfor t in 0..2 { h = f(h) }\nh", "2 h[0]=mul(a,2) 2 h[1]=mul(h[0],2)"),
        ("for e in 1..2 { h = e*a }\nh", "1 h[1]=mul(1,a)"),  # the variable hides a constant
        ("h = a\nfor t in 0..1 { h = h*b }\nfor t in 1..2 { h = h*b }\nh", "h[0]=mul(a,b) h[1]=mul(h[0],b)"),
    ],
)  # fmt: skip
def test_loops_are_unrolled(text: str, wanted: str) -> None:
    assert listing(graph_of(text)) == wanted


def test_names_of_turns_are_unique() -> None:
    """Another loop may turn by the same numbers; its gates keep their ids."""
    graph = graph_of("h = a\nfor t in 0..2 { h = h*b }\nfor s in 0..2 { h = h + b }\nh")
    assert listing(graph) == "h[0]=mul(a,b) h[1]=mul(h[0],b) add(h[1],b) add(g4,b)"


def test_a_name_for_what_is_there_already_stays_the_first_one() -> None:
    text = "h = 1\nfor t in 0..2 { p = h; h = p*a }\nh"
    assert listing(graph_of(text)) == "h=1 h[0]=mul(h,a) h[1]=mul(h[0],a)"
    assert listing(graph_of(text, of="p[1]")) == "h=1 h[0]=mul(h,a)"


@pytest.mark.parametrize(("of", "name"), [("h", "h[2]"), ("h[2]", "h[2]"), ("h[0]", "h[0]"), ("g[1][4]", "g[1][4]")])
def test_a_turn_can_be_the_output(of: str, name: str) -> None:
    graph = graph_of("h = a\nfor t in 0..3 { h = sin(h); for s in 4..5 { g = h*s } }\ng", of=of)
    assert graph.name(graph.output) == name


def test_several_turns_can_be_outputs() -> None:
    graph = graph_of("h = a\nfor t in 0..3 { h = sin(h) }\nh", of="h[2], h[0]", several=True)
    assert [graph.name(output) for output in graph.outputs] == ["h[2]", "h[0]"]


@pytest.mark.parametrize("of", ["h[3]", "h[-1]", "t", "h[0][0]"])
def test_turns_that_there_are_not(of: str) -> None:
    error = refused("h = a\nfor t in 0..3 { h = sin(h) }\nh", of=of)
    assert (error.message, error.hint) == (f"{of} is not a stage of the program", "its stages are h, h[0], h[1], h[2]")


def test_turns_are_listed_whatever_their_gates_are_called_and_not_all_of_very_many() -> None:
    error = refused("h = a\nfor t in 0..2 { p = h; h = sin(p) }\nh", of="q")
    assert error.hint == "its stages are h, p, p[0], h[0], p[1], h[1]"
    hint = refused("h = a\nfor t in 0..5000 { h = sin(h) }\nh", of="h[5000]").hint or ""
    assert hint.startswith("its stages are h, h[0], h[1], ")
    assert hint.endswith("…")
    assert len(hint) == len("its stages are ") + 200


def test_values() -> None:
    """1·(2·3·4) of turns, and a recurrence by hand."""
    assert gradcli.evaluate("p = 1\nfor i in 2..5 { p = p*i }\np*a", a=1.0).value == 24.0
    trace = gradcli.evaluate("h = 0\nfor t in 0..3 { h = w*h + t }\nh", w=2.0)  # 2*(2*0 + 1) + 2
    assert (trace.value, trace.gradients) == (4.0, {"w": 1.0})


# What is refused


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        ("for t in 0..3 { h = tanh(h) }\nh", "h", "h is used before it is assigned",
         "give h its first value above the loop: h = 0"),
        ("for t in 0..3 { y = h; h = a }\ny", "h", "h is used before it is assigned",
         "give h its first value above the loop: h = 0"),
        ("for t in 0..0 { h = a }\nh", "h", "h has no value",
         "the loop makes no turn; give h its first value above it: h = 0"),
        ("for t in 0..2 { for s in 0..t { h = a }\ny = h }\ny", "h", "h has no value", None),
        ("for t in 0..3 { h = a; h = h*b }\nh", "h", "h is assigned twice",
         "a loop's body assigns a name once; give the second value another name"),
        ("for t in 0..3 { h = a }\nh = 2\nh", "h", "h is assigned twice", None),
        ("for t in 0..3 { h = a }\nt", "t", "t is the variable of a loop",
         "it has a value in the loop's body only; choose another name here"),
        ("for t in 0..t { h = a }\nh", "t", "t is the variable of a loop", None),
        ("y = t\nfor t in 0..3 { h = a }\nh", "t", "t is the variable of a loop", None),
        ("t = 1\nfor t in 0..3 { h = a }\nh", "t", "t is a stage and can't be the variable of a loop",
         "choose another name for it"),
        ("for t in 0..3 { t = a }\nt", "t", "t is a stage and can't be the variable of a loop", None),
        ("for t in 0..3 { for t in 0..2 { h = a } }\nh", "t", "t is the variable of the loop around this one", None),
        ("for inf in 0..3 { h = a }\nh", "inf", "inf is a constant", None),
        ("for t in 0..3 { nan = a }\na", "nan", "nan is a constant", None),
        ("for t in 0..3 { f(v) = v }\na", "f", "f is defined in a loop", "write the definition above the loop"),
        ("for t in 0..M { h = a }\nh", "M", "M has to be known when the graph is built", "give it as --M 50"),
        ("for t in 0..n/4 { h = a }\nh", "n/4", "n/4 is not a whole number", None),
        ("for t in 0.5..2 { h = a }\nh", "0.5", "0.5 is not a whole number", None),
        ("for t in 0..[1, 2] { h = a }\nh", "[1, 2]", "a loop runs from one whole number to another", None),
        ("for t in 0..x { h = a }\nh", "x", "x has to be a whole number, not an array of shape 3", None),
        ("for t in 0..4 { h = x[t] }\nh", "t", "index 3 is out of range: the shape is 3", None),
    ],
)  # fmt: skip
def test_loops_that_mean_nothing(text: str, where: str, message: str, hint: str | None) -> None:
    error = refused(text)
    assert (place(error), error.message) == (where, message)
    assert hint is None or error.hint == hint


@pytest.mark.parametrize(
    "text", ["for t in 0..3 { h + 1 }\na", "for t in 0..3 { h = a }", "a\nfor t in 0..3 { h = a }"]
)
def test_loops_give_no_output(text: str) -> None:
    refused(text, ParseError)


def test_an_output_that_has_no_value() -> None:
    error = refused("for t in 0..0 { h = a }\na", of="h")
    assert (error.message, error.hint) == ("h has no value", "its loop makes no turn")


def test_the_first_of_two_meanings_is_the_place() -> None:
    error = refused("h = a + 1\ny = t*2\nfor t in 0..2 { h = h*t }\nh")
    assert error.span == Span(14, 15)


# Names that the graph is built by


def test_bounds_are_no_inputs() -> None:
    graph = graph_of("h = a\nfor t in 0..T { h = h*T }\nh")
    assert listing(graph) == "3 h[0]=mul(a,3) 3 h[1]=mul(h[0],3) 3 h[2]=mul(h[1],3)"
    assert (list(graph.inputs), graph.consumed, [*graph.free]) == (["a"], ("T",), ["a", "T"])


def test_what_a_bound_is_computed_from_is_no_input_either() -> None:
    graph = graph_of("k = T - 1\nh = a\nfor t in 0..k { h = h*b }\nh")
    assert (list(graph.inputs), graph.consumed) == (["a", "b"], ("T",))


def test_free_names_of_the_body_are_inputs_by_first_appearance() -> None:
    assert list(graph_of("y = c\nfor t in 0..2 { h = a*t*y; g = b }\nh + g + d").inputs) == ["c", "a", "b", "d"]


# Groups


def test_turns_and_their_stages_are_groups() -> None:
    text = "f(v) = v*v\nh = a + 1\nfor t in 0..2 { h = f(h); p = h; g = p + t }\ng"
    assert graph_of(text).groups == [
        ("h", "stage", 1, 3),
        ("t = 0", "turn", 3, 4),  # its g is not needed
        ("h[0]", "stage", 3, 4),
        ("f", "call", 3, 4),
        ("t = 1", "turn", 4, 7),
        ("h[1]", "stage", 4, 5),
        ("f", "call", 4, 5),
        ("g[1]", "stage", 5, 7),
    ]


def test_groups_are_nested_or_apart() -> None:
    text = "f(v) = v*v + 1\nh = a\nfor i in 0..3 { for j in 0..i { h = f(f(h)) + x[j] }\nk = h*2 }\nk + f(h)"
    groups = graph_of(text).groups
    assert len(groups) > 15
    open_ones: list[int] = []
    for group in groups:
        assert group.first < group.last
        while open_ones and open_ones[-1] <= group.first:
            open_ones.pop()
        assert not open_ones or group.last <= open_ones[-1]
        open_ones.append(group.last)


# Limits


@pytest.mark.parametrize("body", ["", "h = h*a", "h = a", "for s in 0..1000000000 { }"])
def test_very_long_ranges_are_refused_at_once(body: str) -> None:
    start = time.perf_counter()
    error = refused(f"h = a\nfor t in 0..1000000000 {{ {body} }}\nh", LimitError)
    assert time.perf_counter() - start < 1.0
    assert error.message == "the loop makes 1000000000 turns, more than 5000000"
    assert place(error) == "for t in 0..1000000000"
    assert "--max-gates" in (error.hint or "")


def test_gates_of_turns_count() -> None:
    text = "h = a\nfor t in 0..1000000 { h = h*b }\nh"
    start = time.perf_counter()
    error = refused(text, LimitError, max_gates=1000)
    assert time.perf_counter() - start < 1.0
    assert (error.message, place(error)) == ("the program needs more than 1000 gates", "for t in 0..1000000")
    assert error.hint == "raise it with --max-gates, or give the loop fewer turns"


def test_the_limit_is_exact() -> None:
    text = "h = a\nfor t in 0..9 { h = h*b }\nh"
    assert len(graph_of(text, max_gates=11)) == 11
    refused(text, LimitError, max_gates=10)


def test_turns_without_gates_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradcli.graph.lowering.expressions.MAX_GATES", 20_000)
    error = refused("for i in 0..1000 { for j in 0..1000 { } }\na", LimitError, max_gates=1000)
    assert "more than 20000" in error.message
    assert place(error) == "for j in 0..1000"


def test_after_a_loop_the_limit_is_that_of_the_program() -> None:
    loops = "for t in 0..2 { for s in 0..2 { h = h*b } ; h = h + b }"
    assert refused(f"h = a\n{loops}\nh + c + c + c + c", LimitError, max_gates=11).span is None


def test_time_and_memory_are_linear_in_the_turns() -> None:
    def seconds(turns: int) -> float:
        program = gradcli.parse(f"h = 0\nfor t in 0..{turns} {{ h = tanh(u*h + v*x[0]) + t }}\nh")
        best = []
        for _ in range(2):
            start = time.process_time()
            assert len(lower(program, GIVEN)) == 4 + 7 * turns
            best.append(time.process_time() - start)
        return min(best)

    assert seconds(8_000) < 25 * seconds(800)


def _nested(depth: int) -> str:
    heads = "".join(f"for t{i} in 0..1 {{ " for i in range(depth))
    return f"h = a\n{heads}h = h*b{' }' * depth}\nh"


def test_nested_loops_are_limited() -> None:
    """Names of turns are as long as loops are deep."""
    graph = graph_of(_nested(100))
    assert graph.name(graph.output) == "h" + "[0]" * 100
    assert len(graph.groups) <= 17
    for depth in (101, 20_000):
        error = refused(_nested(depth), LimitError)
        assert (error.message, place(error)) == ("loops are nested more than 100 deep", "t100")
