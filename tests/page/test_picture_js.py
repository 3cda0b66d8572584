"""The geometry of the live picture: what folds, where lines and boxes go then, zoom, heat maps, widths of texts."""

from __future__ import annotations

import json
import random
from functools import partial
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from node_page import run

import gradcli
from gradcli.graph.ops.layout import Shape
from gradcli.render.picture import Options, draw, placing, room, short, sizes
from gradcli.render.picture.pen import flow

SAMPLES = Path(__file__).parents[2] / "samples"
PICTURE = ("numbers", "warnings", "drawing", "heat", "zoom", "folding", "clusters")
Box = dict[str, float]


def picture(expression: str, given: Any = None) -> Any:
    return run(PICTURE, expression, given)


# Texts


def test_texts_are_as_wide_as_the_layout_reckons() -> None:
    texts = ["← −1.235e−300", "∂ 0.5000", "mean 0.1, −2 … 3", "[1 −2; 3 4]", "h₁ = layer(…)", "⚠ Ж 漢 🙂", "", "x²·σ"]
    found = picture("given.map((text) => textWidth(text, 9))", texts)
    assert found == pytest.approx([placing.text_width(text, 9.0) for text in texts])


def test_a_label_has_the_room_that_the_layout_keeps() -> None:
    """Nothing that an edge may write is wider than what folding reckons with."""
    shapes: list[Shape] = [(), (1,), (2,), (3,), (1, 3), (5,), (3, 4), (40, 50)]
    rooms = picture("given.map(labelRoom)", shapes)
    for shape, wide in zip(shapes, rooms, strict=True):
        for before, shown in (("∂ ", short.slope), ("← ", short.flow)):
            needed = placing.text_width(before + room.widest(shown, shape), sizes.EDGE_TEXT) + 5
            assert wide >= needed - 0.01, (shape, before)


def test_a_cut_text_fits_and_says_that_it_is_cut() -> None:
    text = "mean 0.123, −1.25 … 17.5"
    rooms = [20.0, 50.0, 90.0, 300.0]
    found = picture(f"given.map((room) => cutText({json.dumps(text)}, 11, room))", rooms)
    for wide, cut in zip(rooms, found, strict=True):
        assert placing.text_width(cut, 11.0) <= wide
        assert cut == text or (cut.endswith("…") and text.startswith(cut[:-1]))


# Marks and light


def test_edges_are_of_the_kind_that_pictures_draw() -> None:
    nan, inf = float("nan"), float("inf")
    parts: list[Any] = [0.0, -0.0, 1e-320, nan, inf, [0.0, 0.0], [0.0, nan], [0.0, 2.0], [[0.0], [0.0]]]
    listed = [part if not isinstance(part, list) else [*_flat(part)] for part in parts]
    expression = "given.map((x) => flowKind(Array.isArray(x) ? x.map(plainNumber) : plainNumber(x)))"
    assert picture(expression, listed) == [flow([part]) for part in listed]


def _flat(x: Any) -> list[float]:
    return [number for part in x for number in _flat(part)] if isinstance(x, list) else [x]


def test_one_line_for_several_edges_has_their_common_kind() -> None:
    kinds = [["zero", "zero"], ["zero", ""], ["nan", ""], ["inactive", "zero"], ["inactive"], ["zero", "nan"]]
    assert picture("given.map(commonKind)", kinds) == ["zero", "", "nan", "zero", "inactive", "nan"]


def test_the_worst_warning_marks_a_gate() -> None:
    found = [{"kind": "kink", "gate": 1}, {"kind": "domain", "gate": 2}, {"kind": "tie", "gate": 2}]
    assert picture("marksOf({gates: [0, 0, 0]}, given)", found) == ["", "warn", "bad"]


def test_a_step_lights_the_edges_that_numbers_flow_along() -> None:
    """Forward from the operands, backward to those that are active; users' edges are near."""
    edge = {"gate": 5, "operand": 3, "own": ""}
    steps = [("forward", 5), ("backward", 5), ("both", 5), ("forward", 3), ("forward", 4)]
    lit = picture(f"given.map(([pass, gate]) => edgeLight({json.dumps(edge)}, pass, gate))", steps)
    assert lit == ["flow-forward", "flow-backward", "near", "near", ""]
    assert picture('edgeLight({gate: 5, operand: 3, own: "inactive"}, "backward", 5)') == "near"


# Curves


def test_a_curve_cut_at_a_box_ends_at_its_border() -> None:
    curve = [[0.0, 0.0], [40.0, 10.0], [60.0, 90.0], [100.0, 100.0]]
    box = {"left": 60.0, "top": 40.0, "right": 200.0, "bottom": 200.0}
    pieces = picture("until(piecesOf(given.curve), given.box)", {"curve": curve, "box": box})
    x, y = pieces[-1][3]
    assert min(abs(x - 60), abs(y - 40)) < 1e-3
    spots = "[0, 0.25, 0.5, 0.75, 0.99].map((t) => contains(given.box, pointAt(piece, t)))"
    inside = picture(f"until(piecesOf(given.curve), given.box).map((piece) => {spots})", {"curve": curve, "box": box})
    assert not any(any(one) for one in inside)


def test_a_map_of_the_axes_keeps_intervals_and_order() -> None:
    """Inside an interval lengths stay; between two it is monotone, and what remains is at most the gap."""
    draw_ = random.Random(3)
    for _ in range(20):
        lows = [draw_.uniform(0, 1000) for _ in range(draw_.randint(1, 8))]
        intervals = [[low, low + draw_.uniform(1, 80)] for low in lows]
        places = sorted([z for one in intervals for z in one] + [draw_.uniform(-50, 1150) for _ in range(30)])
        found = picture("given.places.map(closing(given.intervals, 28))", {"intervals": intervals, "places": places})
        at = dict(zip(places, found, strict=True))
        assert all(a <= b + 1e-9 for a, b in pairwise(found))
        assert all(at[high] - at[low] == pytest.approx(high - low) for low, high in intervals)
        ends = sorted(intervals)
        reach = ends[0][1]
        for low, high in ends[1:]:
            if low > reach:
                assert at[low] - at[reach] <= 28 + 1e-9
            reach = max(reach, high)


def test_a_curve_that_moves_as_a_whole_keeps_its_shape() -> None:
    curve = [[0, 0], [10, 5], [20, 15], [30, 15], [40, 15], [50, 30], [60, 31]]
    moved = picture("mappedCurve(given, ([x, y]) => [x + 7, y - 3])", curve)
    assert moved == [[x + 7, y - 3] for x, y in curve]
    bent = picture("mappedCurve(given, ([x, y]) => [x < 30 ? x : 30 + (x - 30) / 2, y])", curve)
    assert bent[0] == [0, 0]
    assert bent[-1] == [45, 31]
    assert len(bent) % 3 == 1


# Folding of whole pictures

NAMES = ("network", "rnn", "attention", "network-4-2-1", "black-scholes")


def geometry(name: str) -> dict[str, Any]:
    """The geometry of a sample's picture, as the page reads it."""
    values = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    trace = gradcli.evaluate((SAMPLES / f"{name}.grad").read_text(encoding="utf-8"), values)
    drawn = draw(trace.graph, [trace], "svg", Options(page=True))
    assert drawn.picture is not None
    root = ElementTree.fromstring(str(drawn.content))
    groups = [group for group in root.iter() if group.tag.endswith("}g")]
    by_id = {group.get("id"): group for group in groups if group.get("id")}
    labels = {group.get("data-edge"): group for group in groups if group.get("data-edge")}
    captions = {group.get("data-frame"): group for group in groups if group.get("data-frame")}
    edges = []
    for index, operands in enumerate(trace.graph.operands):
        for position, operand in enumerate(operands):
            if (group := by_id.get(f"g{index}-{position}")) is None:
                continue
            line, tip = _part(group, "line"), _part(group, "tip")
            label = labels.get(f"g{index}-{position}")
            edges.append(
                {
                    "id": f"g{index}-{position}", "tail": operand, "head": index,
                    "points": placing.numbers(line.get("d", "")), "tip": placing.numbers(tip.get("points", "")),
                    "label": None if label is None else _box(label, "plate"),
                }
            )  # fmt: skip
    frames: list[dict[str, Any]] = [
        {
            "id": frame.id, "parent": frame.parent, "gates": [frame.first, frame.last],
            "rect": _box(by_id[frame.id], "outline"), "caption": _box(captions[frame.id], "plate"),
        }
        for frame in drawn.picture.frames
    ]  # fmt: skip
    boxes = {frame["id"]: _middle(frame["rect"]) for frame in frames}
    nodes = [_box(by_id[f"g{index}"], "box", "ring") for index in range(len(trace.graph))]
    return {"nodes": nodes, "edges": edges, "frames": frames, "boxes": boxes}


def _part(group: ElementTree.Element, name: str) -> ElementTree.Element:
    return next(part for part in group if part.get("class") == name)


def _box(group: ElementTree.Element, *names: str) -> Box:
    points = []
    for part in group:
        if part.get("class") in names:
            if part.tag.endswith("}rect"):
                x, y, width, height = (float(part.get(name, 0)) for name in ("x", "y", "width", "height"))
                points += [(x, y), (x + width, y + height)]
            else:
                points += placing.numbers(part.get("d") or part.get("points") or "")
    return placing.Box.of(points)._asdict()


def _middle(rect: Box, wide: float = 90, high: float = 60) -> Box:
    x, y = (rect["left"] + rect["right"]) / 2, (rect["top"] + rect["bottom"]) / 2
    half, low = min(wide, rect["right"] - rect["left"]) / 2, min(high, rect["bottom"] - rect["top"]) / 2
    return {"left": x - half, "top": y - low, "right": x + half, "bottom": y + low}


# The layout as data: maps of the axes by their values at what stands.
LAID = """(() => {
  const layout = foldedLayout(given.geometry, new Set(given.folded));
  const { mapX, mapY } = layout;
  const place = (b) => b && { left: mapX(b.left), top: mapY(b.top), right: mapX(b.right), bottom: mapY(b.bottom) };
  return { ...layout, open: layout.open.map(({ id }) => id), edges: [...layout.edges.values()],
    nodes: given.geometry.nodes.map((b, i) => layout.homes[i] ? null : place(b)),
    boxes: layout.standing.map((id) => place(given.geometry.boxes[id])),
    labels: [...layout.edges.values()].filter((e) => e.label).map((e) => place(e.label)) };
})()"""


@pytest.fixture(scope="module", params=NAMES)
def drawing(request: pytest.FixtureRequest) -> dict[str, Any]:
    return geometry(request.param)


def choices(drawing: dict[str, Any]) -> list[list[str]]:
    """None, each alone, all, and some of them."""
    ids = [frame["id"] for frame in drawing["frames"]]
    return [[], *([one] for one in ids[:4]), ids, ids[::2]]


def test_nothing_folded_is_the_drawing_as_it_was(drawing: dict[str, Any]) -> None:
    laid = picture(LAID, {"geometry": drawing, "folded": []})
    assert laid["identity"]
    assert laid["nodes"] == drawing["nodes"]
    plain = [{name: edge[name] for name in ("id", "points", "label")} for edge in laid["edges"]]
    wanted = [{"id": e["id"], "points": [list(p) for p in e["points"]], "label": e["label"]} for e in drawing["edges"]]
    assert plain == wanted


def test_what_stands_keeps_its_size_and_touches_nothing(drawing: dict[str, Any]) -> None:
    for folded in choices(drawing):
        laid = picture(LAID, {"geometry": drawing, "folded": folded})
        for before, after in zip(drawing["nodes"], laid["nodes"], strict=True):
            if after is not None:
                assert after["right"] - after["left"] == pytest.approx(before["right"] - before["left"])
                assert after["bottom"] - after["top"] == pytest.approx(before["bottom"] - before["top"])
        standing = [box for box in (*laid["nodes"], *laid["boxes"]) if box is not None]
        for one, other in combinations(standing, 2):
            assert not _touch(one, other), folded
        if folded:
            for label in laid["labels"]:
                assert not any(_touch(label, box) for box in laid["boxes"]), folded


def _touch(a: Box, b: Box) -> bool:
    apart = a["right"] <= b["left"] + 0.01 or b["right"] <= a["left"] + 0.01
    return not (apart or a["bottom"] <= b["top"] + 0.01 or b["bottom"] <= a["top"] + 0.01)


def test_every_pair_of_ends_outside_has_one_line_that_meets_the_box(drawing: dict[str, Any]) -> None:
    for folded in choices(drawing)[1:]:
        laid = picture(LAID, {"geometry": drawing, "folded": folded})
        homes = laid["homes"]
        ends = partial(_ends, homes)
        plain = [e for e in drawing["edges"] if not (homes[e["tail"]] or homes[e["head"]])]
        crossing = {ends(e) for e in drawing["edges"] if e not in plain and ends(e)[0] != ends(e)[1]}
        assert sorted(e["id"] for e in laid["edges"] if e["members"] is None) == sorted(e["id"] for e in plain)
        led = [edge for edge in laid["edges"] if edge["members"]]
        assert len(led) == len({ends(edge) for edge in led})
        assert {ends(edge) for edge in led} == crossing
        kept = [member for edge in led for member in edge["members"]]
        assert sorted(kept) == sorted(e["id"] for e in drawing["edges"] if e not in plain and ends(e)[0] != ends(e)[1])
        for edge in led:
            if home := homes[edge["tail"]]:
                assert _distance(drawing["boxes"][home], edge["points"][0]) < 0.01
            if home := homes[edge["head"]]:
                assert _distance(drawing["boxes"][home], edge["tip"][1]) < 0.01
            assert len(edge["members"]) == 1 or edge["label"] is None


def _ends(homes: list[str | None], edge: dict[str, Any]) -> tuple[Any, Any]:
    """What an edge joins: gates, or the frames that they are folded in."""
    return homes[edge["tail"]] or edge["tail"], homes[edge["head"]] or edge["head"]


def _distance(box: Box, point: list[float]) -> float:
    """From a point to the border of a box that it may be inside of."""
    x, y = point
    dx = max(box["left"] - x, 0, x - box["right"])
    dy = max(box["top"] - y, 0, y - box["bottom"])
    inside = min(abs(x - box["left"]), abs(x - box["right"]), abs(y - box["top"]), abs(y - box["bottom"]))
    return max(dx, dy) or inside


def test_what_is_in_a_folded_frame_is_folded_with_it() -> None:
    frames = [
        {"id": "a", "parent": "", "gates": [2, 8]}, {"id": "b", "parent": "a", "gates": [3, 6]},
        {"id": "c", "parent": "", "gates": [9, 11]},
    ]  # fmt: skip
    folded = [["b"], ["a", "b"], ["a", "c"], []]
    expression = "given.folded.map((one) => homesOf(12, given.frames, new Set(one)))"
    homes = picture(expression, {"frames": frames, "folded": folded})
    assert ["".join(home or "." for home in row) for row in homes] == [
        "...bbb......",
        "..aaaaaa....",
        "..aaaaaa.cc.",
        "............",
    ]


def test_folding_all_takes_less_room() -> None:
    drawing = geometry("network")
    laid = picture(LAID, {"geometry": drawing, "folded": [frame["id"] for frame in drawing["frames"]]})
    assert _height([box for box in (*laid["nodes"], *laid["boxes"]) if box]) < 0.9 * _height(drawing["nodes"])


def _height(boxes: list[Box]) -> float:
    return max(box["bottom"] for box in boxes) - min(box["top"] for box in boxes)


# Zoom

CONTENT = {"left": -10.0, "top": -20.0, "right": 990.0, "bottom": 480.0}


def test_the_picture_fits_and_stays_readable() -> None:
    assert picture("fitScale(given, 500, 500)", CONTENT) == pytest.approx(0.5)
    assert picture("fitScale(given, 9000, 9000)", CONTENT) == pytest.approx(1.4)
    assert picture("[firstScale(given, 360, 500), firstScale(given, 1200, 900)]", CONTENT) == [0.85, 1.2]


def test_the_picture_can_not_be_lost() -> None:
    """Wherever a view is moved and however it is scaled, the picture fills it or stands in it."""
    draw_ = random.Random(5)
    far = [(draw_.gauss(0, 5000), draw_.gauss(0, 5000), draw_.uniform(-3, 3)) for _ in range(200)]
    asked = [{"x": x, "y": y, "scale": 10**power} for x, y, power in far]
    expression = "given.asked.map((view) => clampView(view, given.content, 800, 600))"
    views = picture(expression, {"asked": asked, "content": CONTENT})
    for view in views:
        assert 0.2 < view["scale"] <= 6
        for place, low, high, size in (("x", "left", "right", 800), ("y", "top", "bottom", 600)):
            end = view[place] + size / view["scale"]
            smaller = CONTENT[high] - CONTENT[low] <= size / view["scale"]
            inside = view[place] <= CONTENT[low] + 1e-6 and end >= CONTENT[high] - 1e-6
            filled = view[place] >= CONTENT[low] - 1e-6 and end <= CONTENT[high] + 1e-6
            assert inside if smaller else filled


def test_zooming_keeps_the_point_under_the_pointer() -> None:
    view = {"x": 100.0, "y": 50.0, "scale": 0.8}
    after = picture("scaledAt(given, 1.5, 300, 200)", view)
    assert after["scale"] == pytest.approx(1.2)
    assert [after["x"] + 300 / 1.2, after["y"] + 200 / 1.2] == pytest.approx([100 + 300 / 0.8, 50 + 200 / 0.8])


def test_a_box_out_of_view_comes_into_it_and_one_in_view_moves_nothing() -> None:
    view = {"x": 0.0, "y": 0.0, "scale": 2.0}
    box = {"left": 900.0, "top": 100.0, "right": 950.0, "bottom": 150.0}
    moved = picture("viewWith(given.view, given.box, 800, 600)", {"view": view, "box": box})
    assert moved["x"] <= 900
    assert moved["x"] + 400 >= 950
    assert moved["y"] == 0
    assert picture("viewWith(given.view, given.box, 800, 600)", {"view": moved, "box": box}) == moved


# Heat maps


def test_cells_lie_as_rows_columns_and_slices() -> None:
    row, matrix, cube = picture("given.map((shape) => heatCells(heatPlan(shape), 10, 5, 3))", [[3], [2, 3], [2, 1, 2]])
    assert row == [[0, 0, 0], [10, 0, 1], [20, 0, 2]]
    assert matrix[3:] == [[0, 5, 3], [10, 5, 4], [20, 5, 5]]
    assert cube == [[0, 0, 0], [10, 0, 1], [23, 0, 2], [33, 0, 3]]


def test_a_large_array_is_sampled_and_says_so() -> None:
    cells = picture("heatCells(heatPlan([200, 64]), 1, 1, 0).map((cell) => cell[2])")
    told, quiet = picture("given.map((shape) => sampledText(heatPlan(shape)))", [[200, 64], [64, 64]])
    assert len(cells) == len(set(cells)) == 64 * 64
    assert max(cells) < 200 * 64
    assert told == "sampled: 64 of 200 rows, 64 of 64 columns"
    assert quiet == ""


def test_colours_follow_sign_and_size() -> None:
    numbers: list[Any] = [0.0, 1.0, -1.0, 0.5, -0.01, 1e-300, "NaN", "Infinity"]
    steps = picture("given.map((x) => heatStep(plainNumber(x), 1))", numbers)
    assert steps == [0, 8, -8, 4, -1, 1, None, None]
    assert picture("heatStep(0, 0)") == 0


def test_negative_and_lost_cells_have_a_sign_of_their_own() -> None:
    cells = "heatCells(heatPlan([4]), 12, 12, 0)"
    paths = picture(f"heatPaths(given.map(plainNumber), {cells}, 12, 12, 2, true)", [2, -2, 0, "NaN"])
    assert sorted(paths) == ["bars-light", "crosses", "lost", "minus8", "plus8", "zero"]
    assert paths["plus8"] == "M0,0h12v12h-12z"
    assert paths["bars-light"].startswith("M15,6h")


def test_a_map_is_told_in_words() -> None:
    expression = "given.map((x) => heatText(heatPlan([2, 2]), heatScale(x.map(plainNumber)), 'W'))"
    told = picture(expression, [[3, -4, 0, 0], ["NaN", 1, 2, 3]])
    assert told == ["W: 2 × 2, least −4, largest 3, norm 5", "W: 2 × 2, least 1, largest 3, 1 not finite"]
    assert picture("[0, 4, 11].map((index) => cellText({shape: [3, 4]}, index))") == ["[0, 0]", "[1, 0]", "[2, 3]"]
