"""Groups drawn as one node each: what is folded, what the node says, and the edges that become one."""

from __future__ import annotations

import re
import time
from itertools import pairwise
from random import Random
from xml.etree import ElementTree

import pytest
from grouped import grouped, named, network, recurrent
from pictures import SVG, picture_of, sample, text

from gradcli.api import Trace, evaluate
from gradcli.errors import UsageError
from gradcli.graph.graph import Group
from gradcli.render.picture import Options, draw, sizes
from gradcli.render.picture.picture import Arrow, Node, Picture
from gradcli.render.picture.short import short


def folded(picture: Picture) -> list[Node]:
    return [node for node in picture.nodes if node.kind == "folded"]


def heads(picture: Picture) -> list[tuple[str, str]]:
    return [(node.operation, node.stage) for node in folded(picture)]


def texts(part: Node | Arrow) -> list[str]:
    return [line.text for line in part.lines]


class TestWhat:
    def test_a_function_folds_every_call(self) -> None:
        picture = picture_of(network(), collapse=["neuron"])
        assert heads(picture) == [("neuron(…)", "h1"), ("neuron(…)", "h2")]
        assert [node.operation for node in picture.nodes if node.kind == "gate"] == ["×", "×", "+", "+", "−", "pow"]

    def test_a_stage_and_several_names(self) -> None:
        assert heads(picture_of(network(), collapse=["h1"])) == [("neuron(…)", "h1")]
        assert heads(picture_of(network(), collapse=["loss", "y"])) == [("y", ""), ("loss", "")]

    def test_turns(self) -> None:
        everything = [(f"t = {t}", f"h[{t}] = cell(…)") for t in range(5)]
        for name in ("t", "h", "cell", "0"):
            assert heads(picture_of(recurrent(5), collapse=[name])) == everything
        for name in ("t=2", "t = 2", "h[2]"):
            assert heads(picture_of(recurrent(5), collapse=[name])) == everything[2:3]

    def test_a_depth(self) -> None:
        trace = grouped("a = x*y\nb = a*x + y\nc = b*x + y + a\nc*2", {"x": 1, "y": 2}, ("c", "stage", "..c"),
                        ("f", "call", "..b"), ("inner", "call", "a..b"))  # fmt: skip
        assert heads(picture_of(trace, collapse=["0"])) == [("c", "")]
        assert heads(picture_of(trace, collapse=["1"])) == [("f(…)", "")]
        assert heads(picture_of(trace, collapse=["2"])) == [("inner(…)", "")]
        assert heads(picture_of(trace, collapse=["3"])) == []
        assert heads(picture_of(trace, collapse=["2", "1"])) == [("f(…)", "")]
        assert heads(picture_of(trace, collapse=["inner", "9" * 5000])) == [("inner(…)", "")]

    def test_the_outer_of_two_named_groups_wins(self) -> None:
        trace = grouped("a = x*y\nb = a*x + y\nb*2", {"x": 1, "y": 2}, ("b", "stage", "..b"), ("f", "call", "a..b"))
        assert heads(picture_of(trace, collapse=["f", "b"])) == [("b", "")]

    def test_a_group_of_one_gate_stays_a_gate(self) -> None:
        trace = grouped("a = x*y\na + 1", {"x": 1, "y": 2}, ("f", "call", "..a"))
        assert picture_of(trace, collapse=["f"]) == picture_of(trace)

    def test_only_gates_that_are_shown_count(self) -> None:
        picture = picture_of(network(), collapse=["neuron"], path="x1")
        assert [texts(node)[0] for node in folded(picture)] == ["▸ 4 gates, 1 in", "▸ 4 gates, 1 in"]

    def test_unknown_names(self) -> None:
        with pytest.raises(UsageError) as failed:
            picture_of(network(), collapse=["neuron", "layer"])
        assert "--collapse layer" in failed.value.message
        assert failed.value.hint == "there are h1, neuron, h2, y, loss"
        with pytest.raises(UsageError) as failed:
            picture_of(recurrent(3), collapse=["t=3"])
        assert failed.value.hint == "there are t, h, cell"
        with pytest.raises(UsageError) as failed:
            picture_of(sample("product"), collapse=["x"])
        assert "h[" not in str(failed.value.hint)


class TestNode:
    def test_it_says_what_it_holds_and_what_leaves_it(self) -> None:
        trace = network()
        picture = picture_of(trace, collapse=["neuron"])
        index = next(i for i, name in trace.graph.stages.items() if name == "h1")
        expected = ["▸ 5 gates, 5 in", short(trace.values[index]), f"← {short(trace.adjoints[index])}"]
        first = folded(picture)[0]
        assert texts(first) == expected
        assert first.tooltip.splitlines() == [
            "h1 = neuron(…): 5 gates, 5 in", f"g{index - 4} to g{index}", f"h1 · tanh (g{index})",
            f"value {trace.values[index]!r}", f"global gradient {trace.adjoints[index]!r}",
        ]  # fmt: skip

    def test_several_that_leave_are_like_an_array(self) -> None:
        trace = grouped("a = x*2\nb = a*y\na + b", {"x": 3, "y": 2}, ("f", "call", "..b"))
        (node,) = folded(picture_of(trace, collapse=["f"]))
        assert texts(node) == ["▸ 3 gates, 2 in, 2 out", "[6 12]", "← [3 1]"]
        many = "\n".join([*(f"a{i} = x*{i}" for i in range(9)), "+".join(f"a{i}" for i in range(9))])
        (node,) = folded(picture_of(grouped(many, {"x": 2}, ("f", "call", "..a8")), collapse=["f"]))
        assert texts(node) == ["▸ 18 gates, 1 in, 9 out", "mean 8, 0 … 16", "← norm 3"]

    def test_the_output_and_the_structure(self) -> None:
        trace = network()
        picture = picture_of(trace, collapse=["loss"])
        assert [node.is_output for node in picture.nodes] == [False] * (len(picture.nodes) - 1) + [True]
        assert picture.nodes[-1].operation == "loss"
        source = text(trace.graph, "mermaid", collapse=("loss",))
        assert '[["loss<br>▸\u00a03\u00a0gates,\u00a02\u00a0in"]]:::folded' in source

    def test_two_points(self) -> None:
        first, second = network(), network()
        picture = picture_of(first, second, collapse=["y"])
        assert re.fullmatch(r"\S+ \| \S+", texts(folded(picture)[0])[1])

    def test_warnings(self) -> None:
        trace = grouped("a = abs(x - y) + sin(x)\nb = a*2\nb + x", {"x": 2, "y": 2}, ("f", "call", "..b"))
        node = folded(picture_of(trace, collapse=["f"]))[0]
        assert (node.mark, texts(node)[-1]) == ("warn", "⚠ kink at 0")
        assert any(warning.message in node.tooltip for warning in trace.warnings)
        trace = grouped("a = relu(x - y) + abs(y - x) + log(y - x)\na*2", {"x": 2, "y": 2}, ("f", "call", "..a"))
        node = folded(picture_of(trace, collapse=["f"]))[0]
        assert (node.mark, texts(node)[-1][:12]) == ("bad", f"⚠ {len(trace.warnings)} warnings")


class TestEdges:
    def test_one_operand_used_several_times_gets_its_sum(self) -> None:
        trace = grouped("a = x*x + 3x\na*y", {"x": 2, "y": 5}, ("f", "call", "..a"))
        picture = picture_of(trace, collapse=["f"])
        (arrow,) = [arrow for arrow in picture.arrows if arrow.tail == "g0"]
        assert texts(arrow) == ["×3", "← Σ 35"]
        assert arrow.id == f"{arrow.head}-g0"
        assert arrow.tooltip.splitlines()[0] == "3 edges"
        assert arrow.tooltip.splitlines()[-1] == "contribution 35.0"

    def test_several_operands_from_one_group_have_a_norm(self) -> None:
        trace = grouped(
            "a = x*2\nb = x*y\nc = a*a + b\nc*3", {"x": 3, "y": 2}, ("f", "call", "..b"), ("g", "call", "b..c")
        )
        arrow = next(a for a in picture_of(trace, collapse=["f", "g"]).arrows if a.tail.startswith("fold"))
        assert texts(arrow) == ["×3", "← [36 3]"]

    def test_single_edges_keep_their_facts(self) -> None:
        whole, picture = picture_of(network()), picture_of(network(), collapse=["neuron"])
        facts = {arrow.id: arrow for arrow in whole.arrows}
        for arrow in picture.arrows:
            same = facts[arrow.id]
            assert arrow.kind == same.kind
            into_group = arrow.head.startswith("fold")
            assert texts(arrow) == (texts(same)[1:] if into_group else texts(same))
            assert into_group or arrow.tooltip == same.tooltip

    def test_kinds(self) -> None:
        trace = grouped("a = 2*3\nb = relu(x) + a*x\nb*x", {"x": -1}, ("f", "call", "..a"), ("g", "call", "a..b"))
        picture = picture_of(trace, collapse=["f", "g"])
        ends = [node.id for node in folded(picture)]
        assert {arrow.tail: arrow.kind for arrow in picture.arrows if arrow.head == ends[1]} == {
            "g0": "", ends[0]: "inactive",
        }  # fmt: skip
        trace = grouped("b = relu(x) + 3\nb*y", {"x": -1, "y": 2}, ("g", "call", "..b"))
        kinds = {arrow.tail: arrow.kind for arrow in picture_of(trace, collapse=["g"]).arrows}
        assert kinds["g0"] == "zero"

    def test_the_sum_decides_the_heat(self) -> None:
        trace = grouped("a = x*x + 3x\na*y", {"x": 2, "y": 5}, ("f", "call", "..a"))
        heats = {arrow.tail: arrow.heat for arrow in picture_of(trace, heat=True, collapse=["f"]).arrows}
        assert heats["g0"] == sizes.HEAT_LEVELS

    @pytest.mark.parametrize("seed", range(20))
    def test_ranges_never_make_a_cycle(self, seed: int) -> None:
        """Whatever is folded: nodes stand in an order in which every edge leads on, and no operand is lost."""
        random = Random(seed)
        lines = [f"a{i} = a{random.randrange(i)}*x + a{random.randrange(i)}" for i in range(1, 40)]
        trace = evaluate("\n".join(["a0 = x + y", *lines, "+".join(f"a{i}" for i in range(40))]), x=0.5, y=2)
        graph = trace.graph
        ends = [2]
        while ends[-1] + 5 < len(graph):
            ends.append(ends[-1] + random.randrange(1, 5))
        graph.groups = [Group(f"f{k % 3}", "call", a, b) for k, (a, b) in enumerate(pairwise(ends))]
        picture = picture_of(trace, collapse=["f0", "f2"])
        order = {node.id: place for place, node in enumerate(picture.nodes)}
        assert all(order[arrow.tail] < order[arrow.head] for arrow in picture.arrows)
        counted = sum(int(arrow.lines[0].text[1:]) if texts(arrow)[0][0] == "×" else 1 for arrow in picture.arrows
                      if arrow.lines)  # fmt: skip
        inner = [range(group.first, group.last) for group in graph.groups if group.name != "f1"]
        crossing = sum(
            not any(index in gates and operand in gates and len(gates) > 1 for gates in inner)
            for index in range(len(graph)) for operand in graph.operands[index]
        )  # fmt: skip
        assert counted == crossing


class TestElements:
    """An array in single elements, as after unrolling: W[0], W[1]."""

    def trace(self) -> Trace:
        trace = evaluate("u = a*x\nv = sin(u)\nw = v*b\nw + a", a=1, b=2, x=3)
        stages = {name: index for index, name in trace.graph.stages.items()}
        named(trace.graph, {0: "W[0]", 2: "W[1]", stages["u"]: "s[0]", stages["w"]: "s[1]"})
        return trace

    def test_inputs(self) -> None:
        picture = picture_of(self.trace(), collapse=["W"])
        (node,) = folded(picture)
        assert (node.operation, node.stage) == ("W", "")
        assert texts(node)[:2] == ["▸ 2 inputs, 2 out", "[1 2]"]
        assert picture.inputs == (node.id, "g1")

    def test_a_cycle_is_drawn(self) -> None:
        """The elements stand apart, and another gate between them: the node feeds it and takes from it."""
        trace = self.trace()
        picture = picture_of(trace, collapse=["s"])
        (node,) = folded(picture)
        ends = {(arrow.tail, arrow.head) for arrow in picture.arrows}
        between = next(one.id for one in picture.nodes if one.operation == "sin")
        assert {(node.id, between), (between, node.id)} <= ends
        root = ElementTree.fromstring(text(trace, "svg", collapse=("s",)))
        assert sum(part.get("class", "").startswith("edge") and part.get("class") != "edge-label"
                   for part in root.iter(f"{SVG}g")) == len(picture.arrows)  # fmt: skip

    def test_a_cycle_in_a_large_graph(self) -> None:
        count = 400
        lines = [f"a{i} = sin(a{i - 1})*x" for i in range(1, count)]
        trace = evaluate("\n".join(["a0 = x*y", *lines, f"a{count - 1}"]), x=0.5, y=0.9)
        stages = sorted(trace.graph.stages)
        named(trace.graph, {stages[1]: "s[0]", stages[200]: "s[1]"})
        root = ElementTree.fromstring(text(trace, "svg", collapse=("s",), rankdir="TB"))
        assert sum(part.get("class", "").startswith("node") for part in root.iter(f"{SVG}g")) == len(trace.graph) - 1


def test_ten_thousand_gates_are_folded_before_the_layout() -> None:
    trace = recurrent(2100)
    assert len(trace.graph) > 10_000
    trace.graph.groups.append(Group("all", "call", len(trace.graph.inputs), len(trace.graph) - 3))
    start = time.monotonic()
    drawn = draw(trace.graph, [trace], "svg", Options(collapse=("all", "0")))
    assert time.monotonic() - start < 8
    assert "▸ 10,5" in str(drawn.content)
    start = time.monotonic()
    assert str(draw(trace.graph, [trace], "dot", Options(collapse=("t",))).content).count("cell") == 2100
    assert time.monotonic() - start < 8


def test_a_note_counts_nodes() -> None:
    trace = recurrent(100)
    assert "too many for numbers" in picture_of(trace).note
    assert "--collapse NAME" in picture_of(trace).note
    picture = picture_of(trace, collapse=["t"], path="h[60]")
    assert picture.note == f"{(99 - 60) * 4 + 3} of {len(trace.graph)} gates are shown"


@pytest.mark.parametrize("format", ["dot", "svg", "mermaid"])
def test_every_format_draws_it(format: str) -> None:
    source = text(network(), format, collapse=("neuron",)).replace("\u00a0", " ")
    assert source.count("▸ 5 gates, 5 in") == 2
    assert len(re.findall("h1", source)) >= 1
    assert text(network(), format, collapse=("neuron",)) == text(network(), format, collapse=("neuron",))
