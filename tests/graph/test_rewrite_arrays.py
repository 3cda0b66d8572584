"""Rewriting graphs with arrays: definitions written out, equal gates made one, known forms fused, groups kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from gradcli.graph import ops
from gradcli.graph.graph import Graph, Group
from gradcli.graph.lower import lower
from gradcli.graph.ops.layout import Shape, canonical, size
from gradcli.graph.rewriting import expand, fuse, share
from gradcli.graph.rewriting.suggest import suggestions
from gradcli.language.parser import parse
from gradcli.passes import evaluate_graph, forward

DEFINED = [row for row in ops.STRUCTURAL if row.definition is not None]
ELEMENTWISE = [row for row in ops.ELEMENTWISE if row.definition is not None and row.symbol is None]


def _graph(text: str, **shapes: Shape) -> Graph:
    return lower(parse(text), shapes=shapes)


def _call(row: ops.Op, shapes: Sequence[Shape], given: Mapping[str, Any]) -> Graph:
    graph = Graph()
    for k, shape in enumerate(shapes):
        graph.append(ops.INPUT, (), f"x{k}", 0, 0, (("shape", shape),) if shape else None)
    settings = canonical(row.settings, given, shapes) if row.structural else None
    graph.output = graph.append(ops.CODES[row.name], tuple(range(len(shapes))), None, 0, 0, settings)
    return graph


def _point(graph: Graph, seed: int = 1) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    shapes = {name: graph.shapes.get(index, ()) for name, index in graph.inputs.items()}
    return {name: random.uniform(0.25, 0.75, size=shape) if shape else 0.5 for name, shape in shapes.items()}


def _same(graph: Graph, rewritten: Graph, point: Mapping[str, Any], rel: float = 1e-12) -> None:
    """Both give the same values and gradients."""
    rewritten.verify()
    assert list(rewritten.inputs) == list(graph.inputs)
    assert rewritten.shapes.get(rewritten.output) == graph.shapes.get(graph.output)
    seed = np.full(graph.shapes[graph.output], 1.5) if graph.output in graph.shapes else 1.5
    traces = [evaluate_graph(one, point, seed=seed) for one in (graph, rewritten)]
    np.testing.assert_allclose(traces[1].value, traces[0].value, rtol=rel, atol=rel)
    for name, gradient in traces[0].gradients.items():
        np.testing.assert_allclose(traces[1].gradients[name], gradient, rtol=rel, atol=rel)


def _names(graph: Graph) -> list[str]:
    return [gate.op.name for gate in graph]


@pytest.mark.parametrize("row", DEFINED, ids=lambda row: row.name)
def test_a_row_is_what_its_definition_computes(row: ops.Op) -> None:
    for shapes, given in row.trials:
        graph = _call(row, shapes, given)
        point = _point(graph)
        if row.name == "cross_entropy" and len(shapes[1]) < len(shapes[0]):
            classes = np.arange(size(shapes[1])) % shapes[0][-1]
            point["x1"] = classes.reshape(shapes[1]).astype(float) if shapes[1] else 1.0
        expanded = expand(graph, [row.name])
        assert row.name not in _names(expanded)
        values = [forward(one, point)[one.output] for one in (graph, expanded)]
        np.testing.assert_allclose(values[1], values[0], rtol=1e-12, atol=1e-12)
        if size(shapes[0]) > 1 and row.name not in ("std", "norm"):  # whose definitions have no slope at 0
            _same(graph, expanded, point)


@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda row: row.name)
def test_elementwise_definitions_keep_the_shape(row: ops.Op) -> None:
    """Also where operands are repeated."""
    if row.variadic:
        shapes: list[Shape] = [(2, 3), (3,)]
    else:
        shapes = [(2, 1), (3,), (2, 3)][: len(row.parameters)]
    graph = _call(row, shapes, {})
    _same(graph, expand(graph, [row.name]), _point(graph))


def test_a_definition_that_leaves_an_operand_out_keeps_the_shape() -> None:
    graph = _graph("f(a, b) = 2*a with grad (2, 0)\nsum(f(x, y)) + sum(y)", x=(3,), y=(2, 1))
    expanded = expand(graph, ["f"])
    expanded.verify()
    assert _names(expanded).count("broadcast_to") == 1
    point = _point(graph)
    wanted = 4 * np.sum(point["x"]) + np.sum(point["y"])
    assert forward(expanded, point)[expanded.output] == pytest.approx(wanted, rel=1e-14)


def test_all_means_down_to_the_elementary_functions() -> None:
    graph = _graph("cross_entropy(softmax(A, axis=0), t) + std(A)*mean(sigmoid(A)) + mse(A, 2*A)", A=(4, 3), t=(4,))
    expanded = expand(graph, ["all"])
    assert [gate.op.name for gate in expanded if gate.op.definition is not None] == []
    _same(graph, expanded, _point(graph) | {"t": np.array([0.0, 2.0, 1.0, 1.0])}, 1e-11)


def test_calls_with_other_settings_have_other_definitions() -> None:
    graph = _graph("sum(mean(A, axis=0)^2) + sum(mean(A, axis=1)^3) + mean(A) + mean(b)", A=(4, 3), b=(5,))
    expanded = expand(graph, ["mean"])
    assert _names(expanded).count("sum") == 6
    _same(graph, expanded, _point(graph))


def test_settings_are_copied() -> None:
    graph = _graph("sum(sigmoid(A[1:, 0])*flip(A', axis=1)[1, :2])", A=(3, 2))
    for rewritten in (expand(graph, ["sigmoid"]), share(graph), fuse(graph)):
        _same(graph, rewritten, _point(graph))


def test_only_gates_of_equal_settings_are_equal() -> None:
    graph = _graph("x[0]*x[1] + x[0]*x[2] + sum(x[0:2])", x=(3,))
    shared = share(graph)
    assert _names(graph).count("index") == 5
    assert _names(shared).count("index") == 4
    _same(graph, shared, _point(graph))


def test_equal_constants_that_are_arrays_become_one() -> None:
    graph = _graph("sum([1, 2]*x) + sum([1, 2]*y) + sum([1, 3]*y)", x=(2,), y=(2,))
    assert _names(share(graph)).count("constant") == 2
    _same(graph, share(graph), _point(graph))


@pytest.mark.parametrize(
    ("text", "shapes", "expected"),
    [
        ("sum(1/(1 + exp(-A)))", {"A": (2, 3)}, ["input", "sigmoid", "sum"]),
        ("sum(log(exp(x) + exp(y)))", {"x": (3, 1), "y": (2,)}, ["input", "input", "logaddexp", "sum"]),
        ("sum(sqrt(x^2 + y^2))", {"x": (3,)}, ["input", "input", "hypot", "sum"]),
        ("sum(log(1 + exp(A@x)))", {"A": (2, 3), "x": (3,)}, ["input", "input", "matmul", "softplus", "sum"]),
    ],
)
def test_known_forms_of_arrays_become_one_gate(text: str, shapes: dict[str, Shape], expected: list[str]) -> None:
    graph = _graph(text, **shapes)
    fused = fuse(graph)
    assert _names(fused) == expected
    _same(graph, fused, _point(graph))


def test_elements_are_not_taken_for_one_another() -> None:
    """x[0]*x[1] is no square, and x[0]/(1 + exp(-x[1])) no silu."""
    for text in ("sqrt(x[0]*x[1])", "x[0]/(1 + exp(-x[1]))", "log(exp(x[0])) + x[1]", "sum(x, axis=0)*sum(exp(x))"):
        graph = _graph(text, x=(2,))
        assert "silu" not in _names(fuse(graph))
        _same(graph, fuse(graph), _point(graph))
    graph = _graph("x[0]/(1 + exp(-x[0]))", x=(2,))
    assert _names(fuse(graph)).count("silu") == 1


def test_suggestions_on_arrays_keep_the_shape() -> None:
    graph = _graph("sum(log(1 + exp(A@x))*[1, 2])", A=(2, 3), x=(3,))
    found = [one for index in range(len(graph)) for one in suggestions(graph, index)]
    assert "softplus(A@x)" in {one.replacement for one in found}
    for one in found:
        _same(graph, one.graph, _point(graph))


def _grouped(text: str, *groups: Group, **shapes: Shape) -> Graph:
    graph = _graph(text, **shapes)
    graph.groups = list(groups)
    return graph


def _inside(graph: Graph) -> dict[str, list[str]]:
    return {group.name: _names(graph)[group.first : group.last] for group in graph.groups}


def test_groups_move_with_their_gates() -> None:
    #                 0: x, 1: mean, 2: sigmoid, 3: exp, 4: mul
    graph = _grouped(
        "sigmoid(mean(x))*exp(x[0])",
        Group("outer", "call", 1, 6), Group("a", "stage", 1, 3), Group("b", "stage", 3, 5), x=(3,),
    )  # fmt: skip
    assert _names(graph) == ["input", "mean", "sigmoid", "index", "exp", "mul"]
    expanded = expand(graph, ["all"])
    inside = _inside(expanded)
    assert inside["a"][0] == "sum"
    assert inside["b"] == ["index", "exp"]
    assert inside["outer"] == [*inside["a"], *inside["b"], "mul"]
    assert [group.kind for group in expanded.groups] == ["call", "stage", "stage"]


def test_a_group_without_gates_disappears() -> None:
    graph = _grouped("exp(x)*exp(x)", Group("first", "stage", 1, 2), Group("again", "stage", 2, 3))
    assert _inside(share(graph)) == {"first": ["exp"]}
    graph = _grouped("1/(1 + exp(-x))", Group("inner", "stage", 3, 5), Group("whole", "stage", 1, 7))
    assert _inside(fuse(graph)) == {"whole": ["sigmoid"]}
