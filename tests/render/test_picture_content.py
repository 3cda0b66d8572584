"""What a picture says, whatever the format."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from pictures import NAMES, SCALARS, picture_of, sample, structure

from gradcli.api import evaluate
from gradcli.errors import UsageError
from gradcli.graph import ops
from gradcli.render.picture import sizes
from gradcli.render.picture.picture import Arrow, Node, Picture
from gradcli.render.picture.short import short


def node(picture: Picture, name: str) -> Node:
    return next(node for node in picture.nodes if name in (node.id, node.stage, node.operation))


def arrow(picture: Picture, name: str) -> Arrow:
    return next(arrow for arrow in picture.arrows if arrow.id == name)


def texts(part: Node | Arrow) -> list[str]:
    return [line.text for line in part.lines]


@pytest.mark.parametrize("name", NAMES)
def test_one_node_per_gate_and_one_edge_per_operand(name: str) -> None:
    trace = sample(name)
    picture = picture_of(trace)
    assert [node.id for node in picture.nodes] == [gate.id for gate in trace.gates]
    expected = [
        (f"{gate.id}-{position}", operand.id, gate.id)
        for gate in trace.gates
        for position, operand in enumerate(gate.operands)
    ]
    assert [(arrow.id, arrow.tail, arrow.head) for arrow in picture.arrows] == expected
    assert sum(node.is_output for node in picture.nodes) == 1


@pytest.mark.parametrize("name", SCALARS)
def test_every_number_short_in_lines_and_full_in_tooltips(name: str) -> None:
    trace = sample(name)
    picture = picture_of(trace)
    arrows = {arrow.id: arrow for arrow in picture.arrows}
    for gate, shown in zip(trace.gates, picture.nodes, strict=True):
        assert f"value {gate.value!r}" in shown.tooltip
        if shown.kind != "constant":
            assert texts(shown)[0] == short(gate.value)
            gradient = gate.global_gradient
            numbers = [text for text in texts(shown)[1:] if text != "⚠ dead"]  # a relu of the samples is off
            assert numbers == ([] if gradient is None else [f"← {short(gradient)}"])
            assert (f"global gradient {gradient!r}" in shown.tooltip) == (gradient is not None)
        for position, edge in enumerate(gate.operands):
            drawn = arrows[f"{gate.id}-{position}"]
            if edge.local_gradient is None:
                assert (drawn.kind, drawn.lines) == ("inactive", ())
                continue
            assert texts(drawn) == [f"∂ {short(edge.local_gradient)}", f"← {short(edge.contribution)}"]
            product = f"{edge.local_gradient!r} × {gate.global_gradient!r} = {edge.contribution!r}"
            assert drawn.tooltip.endswith(f"contribution = {product}")
            assert f"= {edge.local_gradient!r}\n" in drawn.tooltip


def test_the_first_example() -> None:
    picture = picture_of(sample("product"))
    assert picture.title == "Computational graph of f = q * z at x = 2, y = 3, z = −4"
    assert picture.description == "5 gates. Value −20. Gradients: x −4, y −4, z 5."
    assert (node(picture, "q").operation, texts(node(picture, "q"))) == ("+", ["5", "← −4"])
    assert node(picture, "q").tooltip == "q · add (g3)\nx + y\nvalue 5.0\nglobal gradient -4.0"
    assert arrow(picture, "g3-0").tooltip == (
        "x → q · operand 1 of add\nlocal gradient ∂q/∂x = 1.0\ncontribution = 1.0 × -4.0 = -4.0"
    )
    words = "value ← gradient on edges: ∂ local gradient ← contribution = local × gradient"
    assert " ".join(line.text for line in picture.legend) == words


def test_a_program_on_one_line_is_its_title() -> None:
    assert picture_of(evaluate("(x+y)*2", x=1, y=2)).title == "Computational graph of (x+y)*2 at x = 1, y = 2"


def test_an_operand_twice_is_two_edges() -> None:
    picture = picture_of(evaluate("x*x", x=3))
    assert Counter((arrow.tail, arrow.head) for arrow in picture.arrows) == {("g0", "g1"): 2}
    assert [texts(arrow) for arrow in picture.arrows] == [["∂ 3", "← 3"]] * 2
    assert texts(node(picture, "g0")) == ["3", "← 6"]


def test_kinds() -> None:
    picture = picture_of(evaluate("q = -2.5x\nrelu(q)*y", x=1, y=2))
    kinds = {node.operation: node.kind for node in picture.nodes}
    assert (
        kinds == {"x": "input", "y": "input", "2.5": "constant", "×": "gate", "−·": "gate", "relu": "gate"}
        or kinds["−2.5"] == "constant"
    )
    assert {arrow.kind for arrow in picture.arrows} == {"zero", "inactive", ""}


def test_the_glyph_points_back() -> None:
    assert texts(node(picture_of(sample("product"), upward=True), "q")) == ["5", "↑ −4"]


@pytest.mark.parametrize(
    ("program", "values", "expected"),
    [
        ("relu(a-b)", {"a": 2, "b": 2}, ("warn", "⚠ kink at 0")),
        ("max(a, b)", {"a": 2, "b": 2}, ("warn", "⚠ tie")),
        ("hypot(a, b)", {"a": 0, "b": 0}, ("warn", "⚠ kink")),
        ("relu(a)", {"a": -2}, ("warn", "⚠ dead")),
        ("sigmoid(a)", {"a": 40}, ("warn", "⚠ saturated")),
        ("a*b", {"a": 1e-200, "b": 1e-200}, ("warn", "⚠ underflow")),
        ("sqrt(u)", {"u": 0}, ("bad", "⚠ slope ∞ at 0")),
        ("log(u)", {"u": -1}, ("bad", "⚠ nan: log(−1)")),
        ("1/u", {"u": 0}, ("bad", "⚠ ∞: 1 ÷ 0")),
        ("exp(u)", {"u": 1000}, ("bad", "⚠ ∞: exp(1000)")),
        ("u*exp(v)", {"u": 0, "v": 1000}, ("bad", "⚠ nan: 0 × ∞")),
        ("sqrt(u*u)", {"u": 0}, ("bad", "⚠ nan: 0 × ∞")),
    ],
)
def test_warnings_are_marked(program: str, values: dict[str, float], expected: tuple[str, str]) -> None:
    trace = evaluate(program, values)
    picture = picture_of(trace)
    marked = {(node.mark, line.text) for node in picture.nodes for line in node.lines if "⚠" in line.text}
    assert expected in marked
    for warning in trace.warnings:
        assert warning.message in picture.description
        assert warning.message in node(picture, warning.gate).tooltip


def test_only_lines_that_are_not_finite_are_blamed() -> None:
    picture = picture_of(evaluate("relu(a-b)+sqrt(u*u)", a=2, b=2, u=0))
    for part in (*picture.nodes, *picture.arrows):
        for line in part.lines:
            if "⚠" not in line.text:
                assert (line.kind == "bad") == bool(re.search("nan|∞", line.text))
    assert {arrow.kind for arrow in picture.arrows} == {"zero", "nan", ""}
    assert texts(node(picture, "u")) == ["0", "← nan"]


def test_structure() -> None:
    graph, picture = structure("xpy = x + y\nxpy² * σ(x)")
    assert all(not node.lines for node in picture.nodes)
    labels = {arrow.id: texts(arrow) for arrow in picture.arrows}
    power = next(f"g{index}" for index, code in enumerate(graph.codes) if ops.ROWS[code].name == "pow")
    assert labels[f"{power}-0"] == ["∂ 2·xpy"]
    assert labels[f"{power}-1"] == []
    assert "local gradient ∂" in arrow(picture, f"{power}-0").tooltip
    assert [line.text for line in picture.legend] == ["∂ local gradient"]
    assert "at" not in picture.title.split()


def test_against() -> None:
    first, second = evaluate("x^2", x=2), evaluate("x^2", x=3)
    picture = picture_of(first, second)
    assert texts(node(picture, "x")) == ["2 | 3", "← 4 | 6"]
    assert texts(picture.arrows[0]) == ["∂ 4 | 6", "← 4 | 6"]
    assert "first point: value 2.0" in node(picture, "x").tooltip
    assert "second point: value 3.0" in node(picture, "x").tooltip
    assert picture.title.endswith("at x = 2; x = 3")


def test_heat() -> None:
    picture = picture_of(sample("stages"), heat=True)
    heats = {arrow.id: arrow.heat for arrow in picture.arrows}
    assert max(heat for heat in heats.values() if heat is not None) == sizes.HEAT_LEVELS
    assert min(heat for heat in heats.values() if heat is not None) >= 0
    assert all((arrow.heat is None) == (arrow.kind == "inactive") for arrow in picture.arrows)
    assert picture.legend[-1].text == "line width: |contribution|"


def test_path_and_depth() -> None:
    trace = sample("network")
    whole = picture_of(trace)
    path = picture_of(trace, path="h₁")
    assert 0 < len(path.nodes) < len(whole.nodes)
    assert path.note == f"{len(path.nodes)} of {len(whole.nodes)} gates are shown"
    assert {node.stage for node in path.nodes} >= {"h₁", "y", "loss"}
    near = picture_of(trace, depth=1)
    assert [node.is_output for node in near.nodes].count(True) == 1
    assert {arrow.head for arrow in near.arrows} == {node.id for node in near.nodes if node.is_output}
    with pytest.raises(UsageError) as failed:
        picture_of(trace, path="nowhere")
    assert "h₁" in str(failed.value)


@pytest.mark.parametrize(("count", "labels", "numbers"), [(140, True, True), (400, False, True), (1200, False, False)])
def test_what_is_left_out_of_large_graphs(count: int, labels: bool, numbers: bool) -> None:
    trace = evaluate(
        "\n".join(["a0 = sin(x)", *(f"a{i} = sin(a{i - 1})" for i in range(1, count))]) + f"\na{count - 1}", x=1
    )
    picture = picture_of(trace)
    assert any(arrow.lines for arrow in picture.arrows) == labels
    assert any(node.lines for node in picture.nodes) == numbers
    assert ("too many for numbers" in picture.note) == (not labels)
    assert repr(trace.value) in picture.nodes[-1].tooltip
