"""The picture of a page: what scripts find in it, room for any number, and nothing that the page brings itself."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from itertools import combinations
from random import Random
from typing import Any
from xml.etree import ElementTree

import pytest
from numpy import array

from gradcli.errors import UsageError
from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.passes import evaluate_graph
from gradcli.render.picture import Drawn, Options, draw, room, short
from gradcli.render.picture.placing import Box, text_width
from gradcli.traces import Trace

Element = ElementTree.Element
PAGE = Options(page=True)
NEURON = "a = w*x + b\nsigmoid(a)^2"
CALLS = "f(a, b) = tanh(a*b + 1)\ng(a) = f(a, a) + f(a, 2)\nh = g(x)\nh*y"
ARRAYS = "h = tanh(W @ x)\nsum(h*v)/2"
ARRAY_VALUES = {"W": array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]), "x": array([1.0, -2.0, 3.0]), "v": array([1.0, 2.0])}


def trace(text: str, **values: Any) -> Trace:
    return evaluate_graph(lower(parse(text), values), values)


def drawn(text: str, options: Options = PAGE, **values: Any) -> Drawn:
    found = trace(text, **values)
    return draw(found.graph, [found], "svg", options)


def parsed(made: Drawn) -> Element:
    root = ElementTree.fromstring(str(made.content))
    for part in root.iter():
        part.tag = part.tag.rpartition("}")[2]
    return root


def neuron(**values: float) -> Element:
    return parsed(drawn(NEURON, **({"w": 2.0, "x": -1.5, "b": 0.5} | values)))


def groups(root: Element, kind: str) -> dict[str, Element]:
    found = [group for group in root.iter("g") if kind in (group.get("class") or "").split()]
    return {group.get("id") or group.get("data-edge") or group.get("data-frame") or "": group for group in found}


def box_of(rect: Element) -> Box:
    x, y, width, height = (float(rect.get(name, "")) for name in ("x", "y", "width", "height"))
    return Box(x, y, x + width, y + height)


def lines(group: Element) -> dict[str, str]:
    return {line.get("data-line", ""): line.text or "" for line in group.iter("text") if line.get("data-line")}


class TestWhatScriptsFind:
    def test_nodes_edges_and_labels_by_their_ids(self) -> None:
        root, graph = neuron(), trace(NEURON, w=2.0, x=-1.5, b=0.5).graph
        assert (root.tag, root.get("class"), root.get("role")) == ("svg", "gradcli-graph", "group")
        assert root.get("aria-label") == "Computational graph of g5^2"
        assert [*groups(root, "node")] == [f"g{index}" for index in range(len(graph))]
        wanted = {f"g{gate}-{place}" for gate, found in enumerate(graph.operands) for place in range(len(found))}
        edges = groups(root, "edge")
        assert {*edges} == wanted
        active = {name for name, edge in edges.items() if "inactive" not in (edge.get("class") or "").split()}
        assert {*groups(root, "edge-label")} == active
        assert len(active) == len(wanted) - 1  # the exponent
        ids = [part.get("id") for part in root.iter() if part.get("id")]
        assert len(ids) == len({*ids})
        for name in edges:
            assert [part.get("class") for part in edges[name]] == ["line", "tip"]

    def test_texts_that_change_hold_the_numbers(self) -> None:
        root = neuron()
        nodes, labels = groups(root, "node"), groups(root, "edge-label")
        assert lines(nodes["g0"]) == {"value": "2", "gradient": "← −0.01595"}
        assert lines(nodes["g5"]) == {"value": "0.07586", "gradient": "← 0.1517"}
        assert lines(labels["g3-0"]) == {"local": "∂ −1.5", "contribution": "← −0.01595"}
        constant = next(node for node in nodes.values() if "constant" in (node.get("class") or ""))
        assert lines(constant) == {}

    def test_frames_and_their_captions(self) -> None:
        root = parsed(drawn(CALLS, x=0.5, y=2.0))
        frames, captions = groups(root, "frame"), groups(root, "caption")
        assert len(frames) >= 3
        assert {*captions} == {*frames}
        for name, caption in captions.items():
            assert [part.get("class") for part in frames[name]] == ["outline"]
            assert [part.tag for part in caption] == ["rect", "text"]

    def test_rules_of_structural_edges_do_not_change(self) -> None:
        root, graph = parsed(drawn(ARRAYS, **ARRAY_VALUES)), trace(ARRAYS, **ARRAY_VALUES).graph
        product = next(index for index, code in enumerate(graph.codes) if graph.rows[code].name == "matmul")
        label = groups(root, "edge-label")[f"g{product}-0"]
        assert {*lines(label)} == {"contribution"}
        assert [text.text for text in label.iter("text") if text.get("class") == "rule"] == ["outer(g, x)"]

    def test_places_for_heat_maps(self) -> None:
        """In every array's node that has numbers, inside its box, below its lines, beside each other."""
        found = trace(ARRAYS, **ARRAY_VALUES)
        root = parsed(draw(found.graph, [found], "svg", PAGE))
        for name, node in groups(root, "node").items():
            maps = [part for part in node if part.get("class") == "map"]
            names = [part.get("data-map") for part in maps]
            assert names == (["value", "gradient"] if int(name[1:]) in found.graph.shapes else [])
            outer = next(box_of(part) for part in node if part.get("class") == "box")
            lowest = max(float(text.get("y", "")) for text in node.iter("text"))
            for one in map(box_of, maps):
                assert (one.right - one.left, one.bottom - one.top) == pytest.approx((44, 26), abs=0.11)
                assert outer.left < one.left < one.right < outer.right
                assert lowest + 2 < one.top < one.bottom < outer.bottom
            assert not any(box_of(a).touches(box_of(b)) for a, b in combinations(maps, 2))
        part = parsed(draw(found.graph, [evaluate_graph(found.graph, ARRAY_VALUES, ["v"])], "svg", PAGE))
        unmoved = groups(part, "node")["g0"]
        assert [one.get("data-map") for one in unmoved if one.get("class") == "map"] == ["value"]


class TestWhatThePageBrings:
    @pytest.mark.parametrize(("text", "values"), [(NEURON, {"w": 0.0, "x": 1.0, "b": 0.0}), (ARRAYS, ARRAY_VALUES)])
    def test_no_colours_tooltips_and_styles(self, text: str, values: dict[str, Any]) -> None:
        for part in parsed(drawn(text, **values)).iter():
            assert part.tag in ("svg", "g", "rect", "path", "polygon", "text", "tspan")
            assert not {"fill", "stroke", "style", "font-family", "font-weight", "stroke-width"} & {*part.attrib}

    def test_no_warnings(self) -> None:
        """The page marks gates itself, since warnings come and go; edges have the kind that they begin with."""
        root = parsed(drawn("relu(x) + abs(y)*z", x=0.0, y=-1.0, z=0.0))
        assert not any("⚠" in (text.text or "") for text in root.iter("text"))
        for node in groups(root, "node").values():
            assert not {"warn", "bad"} & {*(node.get("class") or "").split()}
        assert any("zero" in (edge.get("class") or "") for edge in groups(root, "edge").values())

    def test_of_many_gates_edges_have_no_labels(self) -> None:
        many = "\n".join(["a0 = x", *(f"a{i} = sin(a{i - 1})" for i in range(1, 160)), "a159"])
        made = drawn(many, x=1.0)
        assert groups(parsed(made), "edge-label") == {}
        assert "in the table" in made.note
        assert "tooltip" not in made.note

    def test_other_pictures_are_as_before(self) -> None:
        """Those without room: no number of another point could fit better or worse."""
        found = trace(NEURON, w=2.0, x=-1.5, b=0.5)
        plain = str(draw(found.graph, [found], "svg", Options()).content)
        assert "data-line" not in plain
        assert "<title>" in plain


class TestRoom:
    def test_the_place_of_everything_is_that_of_any_other_point(self) -> None:
        """Whatever the numbers are: shapes and texts stand where they stood."""

        def bare(root: Element) -> list[tuple[str, dict[str, str]]]:
            dull = {"class"}
            return [(part.tag, {k: v for k, v in part.attrib.items() if k not in dull}) for part in root.iter()]

        wanted = bare(neuron())
        for values in ({"w": -1.2345e-300, "x": 1e250, "b": 3.0}, {"w": 0.0, "x": 0.0, "b": math.inf}):
            assert bare(neuron(**values)) == wanted

    def test_the_widest_number_fits_nodes_and_labels(self) -> None:
        root = neuron()
        for node in groups(root, "node").values():
            outer = next(box_of(part) for part in node if part.get("class") == "box")
            if lines(node):
                assert text_width("← −8.88e−188", 11.0) < outer.right - outer.left
        boxes = [box_of(label[0]) for label in groups(root, "edge-label").values()]
        assert all(text_width("← −8.88e−188", 9.0) < box.right - box.left for box in boxes)
        solid = [box_of(node[0]) for node in groups(root, "node").values()]
        assert not any(a.touches(b) for a, b in combinations([*boxes, *solid], 2))

    def test_a_number_is_fitted(self) -> None:
        assert short.fitted(-1.2345e-100) == "−1.23e−100"
        assert short.fitted(1.2345e-100) == "1.234e−100"
        widest = text_width(room.widest(short.brief, ()), 1.0)
        numbers = Random(1)
        for _ in range(3000):
            text = short.fitted(numbers.choice((-1, 1)) * numbers.random() * 10.0 ** numbers.randint(-323, 308))
            assert 0 < len(text) <= 10
            assert text_width(text, 1.0) <= widest

    @pytest.mark.parametrize("shown", [short.brief, short.size, short.slope, short.flow])
    @pytest.mark.parametrize("shape", [(1,), (2,), (3,), (4,), (2, 2), (1, 4), (5,), (3, 4), (0,), (2, 1, 2)])
    def test_an_array_has_room(self, shown: Callable[[Any], str], shape: tuple[int, ...]) -> None:
        """Of numbers of any size, finite or not, equal or not."""
        widest = text_width(room.widest(shown, shape), 1.0)
        for numbers in some(shape):
            assert text_width(shown(numbers), 1.0) <= widest + 1e-9, shown(numbers)


def some(shape: tuple[int, ...]) -> Iterator[Any]:
    """Arrays of a shape, with wide numbers."""
    r, count = Random(2), math.prod(shape)
    wide = (-8.888e-188, -1.2345e-300, 123456.0, -999999.0, 0.00123456, -1.5e17, math.nan, math.inf, -math.inf, 0.0)
    for number in wide:
        yield array([number] * count).reshape(shape)
    for _ in range(300):
        yield array([r.choice(wide) for _ in range(count)]).reshape(shape)
    for _ in range(100):
        yield array([-r.random() * 10.0 ** -r.randint(100, 300) for _ in range(count)]).reshape(shape)


class TestFolding:
    def test_what_stands_apart_can_not_fold(self) -> None:
        found = trace("u = a*x\nv = sin(u)\nw = v*b\nw + a", a=1.0, b=2.0, x=3.0)
        stages = {name: index for index, name in found.graph.stages.items()}
        found.graph.stages.update({stages["u"]: "s[0]", stages["w"]: "s[1]"})
        with pytest.raises(UsageError, match="--collapse s: its elements stand apart"):
            draw(found.graph, [found], "svg", PAGE._replace(collapse=("s",)))

    def test_every_gate_is_drawn(self) -> None:
        """What is collapsed stands in a frame, which the page closes; no node stands for several gates."""
        made = drawn(CALLS, PAGE._replace(collapse=("f",)), x=0.5, y=2.0)
        assert made.picture is not None
        assert len(made.picture.folded) == 2
        assert {*made.picture.folded} <= {*groups(parsed(made), "frame")}
        assert all(re.fullmatch("g[0-9]+", name) for name in groups(parsed(made), "node"))
