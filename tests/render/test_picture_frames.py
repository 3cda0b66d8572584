"""Frames around calls, turns and stages: which there are, what stands in them, and how they look."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from xml.etree import ElementTree

import pytest
from grouped import grouped, network, recurrent
from pictures import SVG, Rect, picture_of, rects, sample, text

from gradcli.api import Trace, evaluate
from gradcli.graph.graph import Group
from gradcli.render.picture import sizes
from gradcli.render.picture.layout import lay_out
from gradcli.render.picture.palette import DARK, LIGHT
from gradcli.render.picture.picture import Picture


def captions(picture: Picture) -> list[str]:
    return [frame.caption for frame in picture.frames]


def inside(picture: Picture, caption: str) -> list[str]:
    """What stands in a frame itself."""
    name = next(frame.id for frame in picture.frames if frame.caption == caption)
    return [node.operation for node in picture.nodes if node.frame == name]


class TestWhich:
    def test_a_call_that_is_a_stage_has_one_frame(self) -> None:
        picture = picture_of(network())
        assert captions(picture) == ["h1 = neuron(…)", "h2 = neuron(…)"]
        assert inside(picture, "h1 = neuron(…)") == ["×", "×", "+", "+", "tanh"]
        assert picture.frames[0].tooltip.splitlines() == ["stage h1", "call neuron", "5 nodes"]

    def test_turns(self) -> None:
        assert captions(picture_of(recurrent(3))) == [f"t = {t}: h[{t}] = cell(…)" for t in range(3)]

    def test_a_stage_has_one_if_it_is_many_operations_of_a_larger_whole(self) -> None:
        def drawn(count: int, *more: str) -> list[str]:
            lines = [f"q = {'+'.join(['x'] * (count + 1))}", *more]
            return captions(picture_of(grouped("\n".join(lines), {"x": 1}, ("q", "stage", "..q"))))

        assert drawn(sizes.STAGE, "q*x") == ["q"]
        assert drawn(sizes.STAGE - 1, "q*x") == []
        assert drawn(sizes.STAGE, "q") == []

    def test_constants_and_single_gates_have_none(self) -> None:
        assert captions(picture_of(grouped("a = x*y\na*x", {"x": 1, "y": 2}, ("f", "call", "..a")))) == []
        trace = grouped("a = x + 1 + 2 + 3\na*x", {"x": 1}, ("a", "stage", "..a"))
        assert captions(picture_of(trace)) == []

    def test_nested(self) -> None:
        trace = grouped("a = x*y + x\nb = a*x + y\nc = b*x + y + a\nc*2", {"x": 1, "y": 2}, ("c", "stage", "..c"),
                        ("f", "call", "..b"), ("g", "call", "a..b"))  # fmt: skip
        picture = picture_of(trace)
        ids = {frame.caption: frame.id for frame in picture.frames}
        assert [(frame.caption, frame.parent) for frame in picture.frames] == [
            ("c", ""), ("f(…)", ids["c"]), ("g(…)", ids["f(…)"]),
        ]  # fmt: skip
        assert inside(picture, "c") == ["×", "+", "+"]

    def test_deep_nesting_ends(self) -> None:
        count = 3000
        trace = evaluate("+".join(["x"] * (count + 2)), x=1)
        trace.graph.groups = [Group(f"f{i}", "call", 1 + i, count + 2) for i in range(count)]
        assert captions(picture_of(trace)) == [f"f{i}(…)" for i in range(sizes.NESTED)]

    def test_what_is_not_shown_does_not_count(self) -> None:
        assert captions(picture_of(network(), depth=1)) == []
        assert captions(picture_of(network(), collapse=["neuron"])) == []
        assert captions(picture_of(network(), clusters=False)) == []
        assert all(not node.frame for node in picture_of(network(), clusters=False).nodes)

    @pytest.mark.parametrize("name", ["product", "stages", "micrograd", "neuron", "planck", "tanh-neuron"])
    def test_small_pictures_stay_calm(self, name: str) -> None:
        """A stage's name is on its last gate; a frame for each would say it twice."""
        assert captions(picture_of(sample(name))) == []

    def test_those_of_the_samples(self) -> None:
        assert captions(picture_of(sample("network"))) == ["h₁ = neuron(…)", "h₂ = neuron(…)"]
        assert captions(picture_of(sample("network-4-2-1"))) == ["hidden = layer(…)"]
        assert captions(picture_of(sample("rnn"))) == [f"t = {t}: h[{t}]" for t in range(5)]


def frames(root: ElementTree.Element) -> list[Rect]:
    return list(rects(root, "outline"))


@pytest.mark.parametrize("trace", [network(), recurrent(4)], ids=["network", "recurrent"])
@pytest.mark.parametrize("rankdir", ["LR", "TB"])
class TestDrawing:
    def test_nodes_stand_in_their_frames_and_no_others(self, trace: Trace, rankdir: str) -> None:
        root = ElementTree.fromstring(text(trace, "svg", rankdir=rankdir))
        picture = picture_of(trace)
        parts = {part.get("id"): part for part in root.iter(f"{SVG}g")}
        for frame in picture.frames:
            (outline,) = rects(parts[frame.id], "outline")
            for node in picture.nodes:
                (box,) = rects(parts[node.id], "box")
                assert outline.holds(box) if node.frame == frame.id else not outline.overlaps(box)
        assert not any(one.overlaps(other) for one, other in combinations(frames(root), 2))

    def test_captions_are_in_their_frames_and_over_nothing(self, trace: Trace, rankdir: str) -> None:
        root = ElementTree.fromstring(text(trace, "svg", rankdir=rankdir))
        (group,) = [part for part in root.iter(f"{SVG}g") if part.get("class") == "captions"]
        plates = list(rects(group, "plate"))
        labels = [plate for plate in rects(root, "plate") if plate not in plates]
        assert len(plates) == len(frames(root)) == len(picture_of(trace).frames)
        for plate in plates:
            assert any(frame.holds(plate) for frame in frames(root))
            assert not any(plate.overlaps(other) for other in (*rects(root, "box"), *labels))

    def test_edges_lead_one_way(self, trace: Trace, rankdir: str) -> None:
        """Graphviz left alone would let edges between frames run backwards."""
        root = ElementTree.fromstring(text(trace, "svg", rankdir=rankdir))
        boxes = {part.get("id"): next(rects(part, "box")) for part in root.iter(f"{SVG}g")
                 if part.get("class", "").startswith("node")}  # fmt: skip
        for arrow in picture_of(trace).arrows:
            tail, head = boxes[arrow.tail], boxes[arrow.head]
            assert tail.bottom <= head.top if rankdir == "TB" else tail.right <= head.left


@pytest.mark.parametrize("format", ["dot", "mermaid"])
def test_golden(format: str, golden: Callable[[str, str], None]) -> None:
    golden(f"render/golden/frames.{'mmd' if format == 'mermaid' else format}", text(network(), format))


def test_graphviz_finds_the_clusters() -> None:
    drawn = ElementTree.fromstring(lay_out(text(network(), "dot"), 20.0))
    clusters = [part for part in drawn.iter(f"{SVG}g") if part.get("class") == "cluster"]
    found = [(part.findtext(f"{SVG}text") or "").strip("\u00a0") for part in clusters]
    assert found == ["h1\u00a0=\u00a0neuron(…)", "h2\u00a0=\u00a0neuron(…)"]


def test_light_and_dark() -> None:
    for theme, palette in (("light", LIGHT), ("dark", DARK)):
        root = ElementTree.fromstring(text(network(), "svg", theme=theme))
        outlines = [part for part in root.iter() if part.get("class") == "outline"]
        assert {(part.get("stroke"), part.get("fill")) for part in outlines} == {(palette.frame, "none")}
    assert f".outline{{stroke:{DARK.frame}}}" in text(network(), "svg")


def test_mermaid_closes_what_it_opens() -> None:
    lines = text(recurrent(3), "mermaid").splitlines()
    assert sum(line.strip().startswith("subgraph") for line in lines) == lines.count("  end") == 3
    assert "  class " in lines[-1]
