"""Graphs of arrays as programs: what is printed lowers to the same gates, and shown rules give the contributions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from latex_structure import balanced, unknown

from gradcli.graph import ops, typeset
from gradcli.graph.derive import derive
from gradcli.graph.describe import TEXT, gate_text, rule_text
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.graph.ops.layout import Shape, canonical
from gradcli.graph.printing import program
from gradcli.graph.styles import LATEX, UNICODE
from gradcli.language.parser import parse
from gradcli.numeric import latex
from gradcli.numeric.text import Text
from gradcli.passes import evaluate_graph, forward

SAMPLES = Path(__file__).parents[2] / "samples"
NAMES = "ABCDEF"
TRIALS = [
    pytest.param(row, shapes, given, id=f"{row.name} {shapes} {given}")
    for row in ops.STRUCTURAL
    for shapes, given in row.trials
]


def _input(graph: Graph, name: str, shape: Shape) -> int:
    return graph.append(ops.INPUT, (), name, 0, 0, (("shape", shape),) if shape else None)


def _constant(graph: Graph, literal: str) -> int:
    return graph.append(ops.CONSTANT, (), literal, 0, 0)


def _append(graph: Graph, name: str, *operands: int, **given: Any) -> int:
    row = ops.ROWS[ops.CODES[name]]
    settings = canonical(row.settings, given, [graph.shapes.get(operand, ()) for operand in operands])
    graph.output = graph.append(ops.CODES[name], operands, None, 0, 0, settings if row.structural else None)
    return graph.output


def _trial(row: ops.Op, shapes: Sequence[Shape], given: Mapping[str, Any]) -> Graph:
    """A graph of one gate."""
    graph = Graph()
    _append(graph, row.name, *[_input(graph, name, shape) for name, shape in zip(NAMES, shapes, strict=False)], **given)
    graph.verify()
    return graph


def _numbers(shape: Shape, seed: int) -> Any:
    found = np.random.default_rng(seed).uniform(0.1, 1.0, shape)
    return found if shape else float(found)


def _bound(graph: Graph, seed: int = 1) -> dict[str, Any]:
    """Numbers of the shapes of a graph's inputs."""
    return {name: _numbers(graph.shapes.get(index, ()), seed + index) for index, name in enumerate(graph.inputs)}


def _columns(graph: Graph) -> list[Any]:
    settings = {index: found for index, found in graph.settings.items() if found}
    return [list(graph.codes), list(graph.operands), graph.literals, graph.shapes, settings, graph.output]


def _again(graph: Graph, **style: Any) -> Graph:
    return lower(parse(program(graph, **style)), _bound(graph))


def _around(graph: Graph, inner: str, x: int) -> int:
    """An operation on a gate, of the gate's shape."""
    shape = graph.shapes.get(x, ())
    if inner == "index":
        return _append(graph, inner, _append(graph, "stack", x, x), slots=(0, *((0, extent) for extent in shape)))
    if inner == "transpose":
        return _append(graph, inner, _append(graph, inner, x)) if len(shape) > 1 else x
    return _append(graph, inner, *[x] * len(ops.ROWS[ops.CODES[inner]].parameters)) if inner else x


@pytest.mark.parametrize(("row", "shapes", "given"), TRIALS)
def test_every_structural_row_is_read_as_itself(row: ops.Op, shapes: Any, given: Any) -> None:
    """On inputs, and on operands of every precedence; plain and with signs."""
    for inner in ("", "or", "and", "not", "less", "sub", "mul", "neg", "pow", "sqrt", "sin", "index", "transpose"):
        graph = Graph()
        leaves = [_input(graph, name, shape) for name, shape in zip(NAMES, shapes, strict=False)]
        _append(graph, row.name, *[_around(graph, inner, leaf) for leaf in leaves], **given)
        graph.verify()
        for style in (None, UNICODE):
            printed = program(graph, style=style)
            if [] in given.values():  # the language has no empty array; the sum is the same number
                assert printed.startswith("sum("), printed
            else:
                assert _columns(_again(graph, style=style)) == _columns(graph), printed


@pytest.mark.parametrize(("row", "shapes", "given"), TRIALS)
def test_shown_rules_give_the_contributions(row: ops.Op, shapes: Any, given: Any) -> None:
    """A rule is a program of the gate's global gradient g and of what the gate knows; it gives what is passed on."""
    graph = _trial(row, shapes, given)
    values, seed = _bound(graph), _numbers(graph.shapes.get(graph.output, ()), 7)
    if row.name in ("one_hot", "cross_entropy"):
        values |= {name: np.floor(x) * 0 + 1 for name, x in values.items() if name == NAMES[len(shapes) - 1]}
    trace = evaluate_graph(graph, values, seed=seed)
    names = {**values, "g": seed, f"g{graph.output}": trace.values[graph.output]}
    for position, name in enumerate(graph.inputs):
        formula = rule_text(graph, graph.output, position)
        rule = lower(parse(formula), names)
        found = forward(rule, names)[rule.output]
        if row.name == "std" and np.size(values[name]) == 1:  # the textbook's has no answer: 0/0
            found = np.nan_to_num(found)
        assert np.broadcast_to(found, np.shape(values[name])) == pytest.approx(
            np.asarray(trace.gradients[name]), rel=1e-9, abs=1e-12
        ), formula


@pytest.mark.parametrize(("row", "shapes", "given"), TRIALS)
def test_structural_rows_in_latex(row: ops.Op, shapes: Any, given: Any) -> None:
    graph = _trial(row, shapes, given)
    texts = [typeset.gate(graph, graph.output).text, program(graph, style=LATEX)]
    texts += [typeset.rule(graph, graph.output, position).text for position in range(len(shapes))]
    for text in texts:
        assert balanced(text), text
        assert not unknown(text), text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("sum(W*x)", "sum(W * x)"),
        ("sum(W, axis=[0, 1])", "sum(W)"),
        ("sum(W, axis=-1, keepdims=1)", "sum(W, axis=1, keepdims=1)"),
        ("mean(sum(W, 0))", "mean(sum(W, axis=0))"),
        ("softmax(W, axis=1)", "softmax(W)"),
        ("max(W, axis=0)", "amax(W, axis=0)"),
        ("W[1]", "W[1]"),
        ("W[-1, :]", "W[1]"),
        ("W[:, 1:]", "W[:, 1:]"),
        ("W[0, 0:2]", "W[0, 0:2]"),
        ("W'", "W'"),
        ("(W + 1)'[0]", "(W + 1)'[0]"),
        ("(-W)'", "(-W)'"),
        ("-W'", "-W'"),
        ("sqrt(W')", "sqrt(W')"),
        ("(W @ x)^2", "(W @ x)^2"),
        ("2*(W @ x)", "2 * (W @ x)"),
        ("W @ (x*2)", "W @ (x * 2)"),
        ("W @ x*2", "W @ x * 2"),
        ("(W @ V) @ x", "W @ V @ x"),
        ("W @ (V @ x)", "W @ (V @ x)"),
        ("[y, 2, y - 1]", "[y, 2, y - 1]"),
        ("[[y, 1], [2, y]]'", "[[y, 1], [2, y]]'"),
        ("stack(x, x, axis=1)", "stack(x, x, axis=1)"),
        ("stack(1, 2)", "stack(1, 2)"),
        ("[1, -2]*y", "[1, -2] * y"),
        ("concat(x, [y])", "concat(x, [y])"),
        ("reshape(W, [3, -1])", "reshape(W, [3, 2])"),
        ("transpose(W, [0, 1])", "transpose(W, order=[0, 1])"),
        ("broadcast_to(y, [2, 2])", "broadcast_to(y, [2, 2])"),
        ("sum_to(W, [3])", "sum_to(W, [3])"),
        ("one_hot(y, 10)", "one_hot(y, 10)"),
        ("scatter(x, [5], [1])", "scatter(x, [5], [1])"),
        ("q = W @ x; sum(q*q) + q[0]", "q = W @ x\nsum(q * q) + q[0]"),
        ("f(a) = a @ a'; f(W*2)", "g2 = W * 2\ng2 @ g2'"),
    ],
)
def test_an_expression(text: str, printed: str) -> None:
    shapes = {"W": (2, 3), "V": (3, 3), "x": (3,), "y": ()}
    bound = {name: _numbers(shape, 3) for name, shape in shapes.items()}
    graph = lower(parse(text), bound)
    assert program(graph) == printed
    again = lower(parse(printed), bound)
    assert _columns(again) == _columns(graph)


def _samples() -> list[Any]:
    """The sample programs that have arrays, with their numbers."""
    found = []
    for path in sorted(SAMPLES.glob("*.grad")):
        numbers = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        if any(isinstance(x, list) for x in numbers.values()):
            bound = {name: np.array(x, float) if isinstance(x, list) else x for name, x in numbers.items()}
            found.append(pytest.param(path.read_text(encoding="utf-8"), bound, id=path.stem))
    return found


@pytest.mark.parametrize(("text", "bound"), _samples())
def test_a_sample(text: str, bound: dict[str, Any]) -> None:
    """Printed, a program has the same rows and value, and its derivatives are those of the backward pass."""
    graph = lower(parse(text), bound)
    again = lower(parse(program(graph)), bound)
    assert again.codes == graph.codes
    assert program(again) == program(graph)
    trace, derived = evaluate_graph(graph, bound), derive(graph)
    assert forward(again, bound)[again.output] == trace.value
    for name, gate in derived.gradients.items():
        derived.graph.output = gate
        for repeat in (False, True):
            gradient = lower(parse(program(derived.graph, repeat_constants=repeat)), bound)
            found = forward(gradient, bound)[gradient.output]
            assert np.shape(found) == np.shape(bound[name])
            assert np.asarray(found) == pytest.approx(np.asarray(trace.gradients[name]), rel=1e-9, abs=1e-15)


def test_turns_of_a_loop() -> None:
    """A stage of a turn, h[2], can't be assigned: it gets a plain name."""
    text = "h_1 = W + 1\nh = x\nfor t in 0..3 { h = tanh(h_1 @ h + X[t]*y) }\nsum(h)"
    bound = {"W": np.ones((2, 2)), "X": np.ones((3, 2)), "x": np.ones(2), "y": 2.0}
    graph = lower(parse(text), bound)
    again = lower(parse(program(graph)), bound)
    assert _columns(again) == _columns(graph)
    assert program(graph).splitlines()[1:3] == ["h_0 = tanh(h_1 @ x + X[0] * y)", "h_1_ = tanh(h_1 @ h_0 + X[1] * y)"]


def test_elements_keep_their_names() -> None:
    """Inputs of an unrolled graph are called w[0]; no new stage may take the array's name."""
    graph = Graph()
    inputs = [graph.append(ops.INPUT, (), name, 0, 0) for name in ("g2[0]", "g2[1]")]
    root = _append(graph, "sqrt", _append(graph, "mul", *inputs))
    _append(graph, "add", root, root)
    assert gate_text(graph, 2) == "g2[0] * g2[1]"
    assert program(graph) == "g3 = sqrt(g2[0] * g2[1])\ng3 + g3"
    graph.stages[2], graph.stages[3] = "h[1]", "h[2][0]"
    assert program(graph) == "h_1 = g2[0] * g2[1]\nh_2_0 = sqrt(h_1)\nh_2_0 + h_2_0"
    _append(graph, "add", _append(graph, "sqrt", inputs[0]), root)
    expected = "h_1 = g2[0] · g2[1]\nh_2_0 = √h_1\n√(g2[0]) + h_2_0"  # √g2[0] would have two readings
    assert program(graph, style=UNICODE) == expected


def test_constants_that_are_stacked_stay_gates() -> None:
    """[1, 2] would be one constant."""
    graph = Graph()
    _append(graph, "stack", _constant(graph, "[1, 2]"), _constant(graph, "[3, 4]"))
    assert gate_text(graph, graph.output) == program(graph) == "stack([1, 2], [3, 4])"
    assert _columns(lower(parse(program(graph)), {})) == _columns(graph)


def test_a_long_constant_is_a_stage_and_kept_whole() -> None:
    graph = Graph()
    literal = f"[{', '.join(map(str, range(500)))}]"
    x, many = _input(graph, "x", ()), _constant(graph, literal)
    assert gate_text(graph, many) == literal
    _append(graph, "add", _append(graph, "mul", many, x), many)
    assert program(graph, repeat_constants=True) == f"g1 = {literal}\ng1 * x + g1"


def test_the_adjoint_in_a_rule_is_not_called_like_an_operand() -> None:
    graph = Graph()
    _append(graph, "matmul", _input(graph, "g", (2, 3)), _input(graph, "g_", (3, 2)))
    assert rule_text(graph, 2, 0) == "g__ @ g_'"


def test_rules_of_large_stacks_are_cheap() -> None:
    graph = Graph()
    x = _input(graph, "x", ())
    _append(graph, "stack", *[x] * 300)
    assert [rule_text(graph, graph.output, place) for place in range(300)] == [f"g[{place}]" for place in range(300)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("w[0]", "w_{0}"), ("W[0,1]", "W_{0,1}"), ("h[2][1]", "h_{2,1}"), ("x₁[0]", "x_{1,0}"),
        ("rate[3]", r"\mathit{rate}_{3}"), ("w[", r"\textit{w[}"),
    ],
)  # fmt: skip
def test_names_of_elements_in_latex(written: str, expected: str) -> None:
    assert latex.name(written).text == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[1, -2e-3]", r"\left[1, -2 \times 10^{-3}\right]"),
        ("[[1, 2], [3, 4]]", r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}"),
        ("[[[1], [2]]]", r"\left[\left[\left[1\right], \left[2\right]\right]\right]"),
        (f"[[{', '.join('1' * 11)}]]", rf"\left[\left[{', '.join('1' * 11)}\right]\right]"),  # too wide for amsmath
    ],
)
def test_constant_arrays_in_latex(written: str, expected: str) -> None:
    assert latex.number(written).text == expected


def test_a_formula_in_latex() -> None:
    graph = Graph()
    w, x = _input(graph, "W", (2, 3)), _input(graph, "x₁", (3,))
    row = _append(graph, "index", w, slots=((0, 1), (1, 3)))
    part = _append(graph, "index", x, slots=((1, 3),))
    _append(graph, "sum", _append(graph, "matmul", row, part), axis=0)
    assert program(graph, style=LATEX) == r"\sum (W_{0:1,1:} \, (x_{1})_{1:})"
    turned = _append(graph, "transpose", _append(graph, "add", w, w))
    _append(graph, "sum", _append(graph, "matmul", turned, w), axis=1)
    assert program(graph, style=LATEX) == r"\sum_{1} \left((W + W)^{\top} \, W\right)"


def test_shapes_are_known_as_far_as_they_are_plain() -> None:
    a, b, number = Text("a", shape=(2,)), Text("b", shape=(2, 2)), Text("n", shape=())
    m: Any = TEXT
    assert (a * number + 1.0).shape == m.exp(-a).shape == (2,)
    assert (a * b).shape is None
    assert m.sum(a * b, axis=(0, 1)).text == "sum(a*b, axis=[0, 1])"
    assert m.sum(a * a, axis=(0,)).text == "sum(a*a)"
