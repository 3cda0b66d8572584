"""Arrays in pictures: shapes and summaries in lines, more in tooltips; marks, heat and two points hold with them."""

from __future__ import annotations

from math import hypot, inf, nan
from typing import Any
from xml.etree import ElementTree

import pytest
from grouped import Given, arrays
from pictures import SVG, Rect, picture_of, rects, text

from gradcli.diagnose import Warned
from gradcli.errors import Span
from gradcli.graph.graph import Group
from gradcli.numeric.elements import norm
from gradcli.render.picture import picture as picture_module
from gradcli.render.picture import sizes
from gradcli.render.picture.picture import Arrow, Node, Picture
from gradcli.render.picture.selecting import select
from gradcli.render.picture.short import brief, finite, flow, short, size, slope

numpy: Any = pytest.importorskip("numpy")


def texts(part: Node | Arrow) -> list[str]:
    return [line.text for line in part.lines]


def node(picture: Picture, name: str) -> Node:
    return next(node for node in picture.nodes if node.id == name)


class TestShort:
    @pytest.mark.parametrize(
        ("x", "whole"),
        [
            ([2.0, -3.0, -3.0], "[2 −3 −3]"),
            ([[1.0, 2.0], [3.0, 0.1]], "[1 2; 3 0.1]"),
            ([[1.0], [2.0]], "[1; 2]"),
            ([[[1.0, 2.0]], [[3.0, 4.0]]], "[1 2 3 4]"),
            ([], "[]"),
            ([nan, inf], "[nan ∞]"),
        ],
    )
    def test_a_few_elements_whole(self, x: list[Any], whole: str) -> None:
        array = numpy.array(x)
        assert brief(array) == size(array) == whole
        assert (slope(array) == flow(array) == whole) == (array.size <= sizes.WHOLE_ON_EDGE)

    def test_many_elements(self) -> None:
        array = numpy.array([[1.0, -2.0, 3.5], [0.25, 1 / 3, 1.0]])
        assert brief(array) == "mean 0.681, −2 … 3.5"
        assert slope(array) == "−2 … 3.5"
        assert size(array) == f"norm {short(hypot(*array.reshape(-1)))}"
        assert (brief(numpy.ones(5)), slope(numpy.ones(5))) == ("all 1", "all 1")

    def test_what_is_not_finite_is_counted(self) -> None:
        array = numpy.array([1.0, nan, -inf, 2.0, 3.0])
        assert brief(array) == slope(array) == size(array) == "2 of 5 not finite"
        assert not finite(array)

    def test_numbers_as_ever(self) -> None:
        assert brief(0.5) == slope(0.5) == size(0.5) == short(0.5)
        assert norm(-2.0) == 2.0

    @pytest.mark.filterwarnings("error")
    def test_large_numbers_do_not_overflow(self) -> None:
        array = numpy.full(6, 1e308) * numpy.array([1, -1, 1, 1, 1, 1])
        assert brief(array).startswith("mean 6.67e307, −1e308")
        assert size(numpy.full(5, 1e200)) == f"norm {short(hypot(*[1e200] * 5))}"


class TestPicture:
    def test_nodes(self) -> None:
        trace = arrays()
        picture = picture_of(trace)
        gradient = trace.adjoints[0].reshape(-1)
        assert texts(node(picture, "g0")) == ["3×4", "mean 0.688, 0 … 1.38", f"← norm {short(hypot(*gradient))}"]
        assert texts(node(picture, "g1"))[:2] == ["4 elements", "[0.5 −1 0.25 0.125]"]
        assert texts(node(picture, "g5"))[2] == "← [1 1 1]"
        assert texts(node(picture, "g6")) == [short(trace.values[6]), "← 1"]
        assert (node(picture, "g2").operation, node(picture, "g4").operation) == ("@", "[1 2 3]")
        assert picture.title.endswith("at W = [3×4], x = [0.5 −1 0.25 0.125]")

    def test_edges(self) -> None:
        picture = picture_of(arrays())
        shown = {arrow.id: (texts(arrow), arrow.kind) for arrow in picture.arrows}
        assert shown["g2-0"][0][0] == "outer(g, x)"
        assert shown["g2-1"][0][0] == "W' @ g"
        assert shown["g3-0"][0][0] == "∂ [1.00 0.994 0.980]"
        assert shown["g5-0"][0] == ["∂ 1", "← [1 1 1]"]
        assert shown["g5-1"] == ([], "inactive")

    def test_tooltips(self) -> None:
        trace = arrays()
        picture = picture_of(trace)
        value = node(picture, "g0").tooltip.splitlines()[1]
        assert value == (
            "value 3×4 [0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, …], "
            f"norm {hypot(*trace.values[0].reshape(-1))!r}, min 0.0, mean 0.6875, max 1.375"
        )
        assert "contribution = W' @ g = 4 [" in picture.arrows[1].tooltip
        assert "local gradient" not in picture.arrows[1].tooltip

    def test_structure(self) -> None:
        graph = arrays().graph
        picture = picture_module.draw(graph, (), select(graph))
        assert [texts(one) for one in picture.nodes] == [
            ["3×4"], ["4 elements"], ["3 elements"], ["3 elements"], [], ["3 elements"], [],
        ]  # fmt: skip
        shown = {arrow.id: texts(arrow) for arrow in picture.arrows}
        assert shown["g3-0"][0].startswith("∂ ")
        assert not shown["g2-1"][0].startswith("∂")
        assert shown["g2-1"] == ["W' @ g"]

    def test_heat_is_the_norm(self) -> None:
        trace = arrays()
        heats = {arrow.id: arrow.heat for arrow in picture_of(trace, heat=True).arrows}
        hottest = max(norm(edge.contribution) for edges in trace.given.values() for edge in edges if edge.rule)
        share = norm(trace.adjoints[0]) / hottest
        assert heats["g2-0"] == round(sizes.HEAT_LEVELS * share**0.5)
        assert max(heat for heat in heats.values() if heat is not None) == sizes.HEAT_LEVELS

    def test_two_points(self) -> None:
        assert (
            texts(node(picture_of(arrays(), arrays(0.5)), "g1"))[1] == "[0.5 −1 0.25 0.125] | [0.25 −0.5 0.125 0.0625]"
        )

    def test_nothing_flows_and_nan(self) -> None:
        trace = arrays()
        for contribution, kind in ((numpy.zeros(3), "zero"), (numpy.array([0.0, nan, 1.0]), "nan")):
            trace.given[6] = [trace.given[6][0]._replace(contribution=contribution)]
            (arrow,) = [arrow for arrow in picture_of(trace, heat=True).arrows if arrow.id == "g6-0"]
            assert arrow.kind == kind
            assert (arrow.lines[1].kind == "bad") == (kind == "nan")

    @pytest.mark.parametrize("kind", ["kink", "dead", "saturation", "overflow"])
    def test_marks(self, kind: str) -> None:
        trace = arrays()
        trace.cache["warnings"] = [Warned(kind, "g3", Span(0, 1), "a message", {})]
        marked = node(picture_of(trace), "g3")
        assert texts(marked)[-1] == f"⚠ {'saturated' if kind == 'saturation' else kind}"
        assert marked.mark == ("bad" if kind == "overflow" else "warn")

    def test_folded(self) -> None:
        trace = arrays()
        trace.graph.groups = [Group("layer", "call", 2, 6)]
        picture = picture_of(trace, collapse=["layer"])
        (group,) = [one for one in picture.nodes if one.kind == "folded"]
        assert texts(group) == ["▸ 4 gates, 2 in", "3 elements", *texts(node(picture_of(trace), "g5"))[1:]]
        assert [texts(arrow)[0][:6] for arrow in picture.arrows[:2]] == ["← norm", "← norm"]


@pytest.mark.parametrize("rankdir", ["LR", "TB"])
def test_drawing(rankdir: str) -> None:
    """Wide lines stay in their boxes' room: nothing overlaps."""
    root = ElementTree.fromstring(text(arrays(), "svg", rankdir=rankdir))
    left, top, width, height = map(float, root.get("viewBox", "").split())
    boxes, plates = list(rects(root, "box")), list(rects(root, "plate"))
    assert all(Rect(left, top, left + width, top + height).holds(box) for box in (*boxes, *plates))
    assert not any(plate.overlaps(box) for plate in plates for box in boxes)
    shown = ["".join(part.itertext()) for part in root.iter(f"{SVG}text")]
    assert {"3×4", "4 elements", "W' @ g"} <= {*shown}


def test_formats() -> None:
    trace: Given = arrays()
    for format in ("dot", "mermaid"):
        assert "3×4" in text(trace, format)
