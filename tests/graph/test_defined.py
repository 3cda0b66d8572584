"""Functions of the program that bring their own derivative: `f(a, b) = … with grad (…, …)`."""

from __future__ import annotations

import math

import pytest

import gradcli
from gradcli.graph import ops
from gradcli.graph.lower import lower
from gradcli.language.parser import parse

PRODUCT = "f(a, b) = a^2*b with grad (2a*b, a^2)\nq = f(x + 1, y)\nq*x"


def test_the_call_is_one_gate() -> None:
    trace = gradcli.evaluate(PRODUCT, x=2, y=3)
    assert trace.value == 54.0
    assert trace.gradients == {"x": 27.0 + 2 * 18.0, "y": 18.0}
    gate = trace.gates[4]
    assert (gate.op, gate.name, gate.text, gate.value) == ("f", "q", "f(g3, y)", 27.0)
    assert [(edge.id, edge.local_gradient, edge.rule) for edge in gate.operands] == [
        ("g3", 18.0, "2 * g3 * y"),
        ("g1", 9.0, "g3^2"),
    ]


def test_the_declared_derivative_is_used_as_it_stands() -> None:
    """Nobody checks it here, not even where it is wrong: a straight-through estimator is wrong on purpose."""
    assert gradcli.grad("step(a) = floor(a) with grad (1)\nstep(x)*x", x=2.5) == {"x": 2.0 + 2.5}
    assert gradcli.grad("f(a) = a^2 with grad (7)\nf(x)", x=2.0) == {"x": 7.0}


def test_functions_may_call_earlier_ones() -> None:
    text = "g(a) = a^2 with grad (2a)\nh(a) = 3a\nf(a, b) = g(a)*h(b) with grad (2a*h(b), 3g(a))\nf(x, y)"
    trace = gradcli.evaluate(text, x=2, y=5)
    assert (trace.value, trace.gradients) == (60.0, {"x": 60.0, "y": 12.0})
    assert [edge.rule for edge in trace.gates[-1].operands] == ["2 * x * (3 * y)", "3 * g(x)"]


def test_parameters_that_the_body_ignores() -> None:
    trace = gradcli.evaluate("f(a, b) = a with grad (1, 0)\nf(x, y)", x=2, y=5)
    assert (trace.value, trace.gradients) == (2.0, {"x": 1.0, "y": 0.0})


def test_names_of_operators_are_free_for_functions_that_are_expanded() -> None:
    assert gradcli.evaluate("add(a, b) = a*b\nadd(x, y)", x=2, y=3).value == 6.0


def test_arguments_by_name() -> None:
    assert gradcli.grad("f(a, b) = a/b with grad (1/b, -a/b^2)\nf(b=y, a=x)", x=1, y=2) == {"x": 0.5, "y": -0.25}


def test_constants_are_seen() -> None:
    assert gradcli.grad("f(r) = pi*r^2 with grad (2pi*r)\nf(x)", x=1.0) == {"x": 2 * math.pi}


def test_the_graph_carries_the_row() -> None:
    graph = lower(parse(PRODUCT))
    row = graph.rows[len(ops.ROWS)]
    assert (row.name, row.parameters, row.definition) == ("f", ("a", "b"), "a^2*b")
    assert list(graph.bodies[0].inputs) == ["a", "b"]
    assert lower(parse("x*y")).rows is ops.ROWS
    graph.verify()


def test_a_long_derivative_is_named() -> None:
    """Doubling functions would write out 2^7 copies."""
    text = "f0(a) = a*a\n" + "".join(f"f{i}(a) = f{i - 1}(a)*f{i - 1}(a)\n" for i in range(1, 8))
    trace = gradcli.evaluate(text + "h(b) = b with grad (f7(b))\nh(x)", x=1.01)
    assert trace.gates[-1].operands[0].rule == "∂/∂b"
    assert trace.gradients["x"] == pytest.approx(1.01**256)


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("f(a, b) = a*b with grad (b)\nf(x, x)", "f has 2 parameters but 1 derivative", "b"),
        ("f(a) = a with grad (1, 2)\nf(x)", "f has 1 parameter but 2 derivatives", "1, 2"),
        ("f(a) = a with grad (z)\nf(x)", "z is not a parameter of f", "z"),
        ("f(a) = a with grad (f(a))\nf(x)", "f is recursive", "f"),
        ("f(a) = a with grad (g(a))\ng(a) = a\nf(x)", "g is called before it is defined", "g"),
        ("f(a) = a with grad (sin(a, a))\nf(x)", "sin can't be called with 2 arguments", "sin(a, a)"),
        ("f(a) = a with grad (1)\nf(x, y)", "f can't be called with 2 arguments", "f(x, y)"),
        ("mul(a, b) = a + b with grad (1, 1)\nmul(x, x)", "mul is the name of a gate", "mul"),
        ("less(a, b) = a - b with grad (1, -1)\nless(x, 1)", "less is the name of a gate", "less"),
    ],
)
def test_refusals(text: str, message: str, place: str) -> None:
    with pytest.raises(gradcli.ProgramError) as caught:
        gradcli.evaluate(text, x=1, y=1)
    assert caught.value.message == message
    assert caught.value.span is not None
    assert text[slice(*caught.value.span)] == place


def test_calls_inside_calls_are_bounded() -> None:
    """The gates of one call are few; what they compute doubles with each definition."""
    text = "f0(a) = a + a with grad (2)\n"
    text += "".join(f"f{i}(a) = f{i - 1}(f{i - 1}(a)) with grad (1)\n" for i in range(1, 60))
    with pytest.raises(gradcli.GradcliError, match="operands in all"):
        gradcli.evaluate(text + "f59(x)", x=1.0)


def test_nesting_is_bounded() -> None:
    def nested(depth: int) -> str:
        text = "f1(a) = a + a with grad (2)\n"
        return text + "".join(f"f{i}(a) = f{i - 1}(a) with grad (1)\n" for i in range(2, depth + 1)) + f"f{depth}(x)"

    assert gradcli.evaluate(nested(100), x=1.5).value == 3.0
    with pytest.raises(gradcli.GradcliError, match="nested more than 100 deep"):
        gradcli.evaluate(nested(101), x=1.5)
