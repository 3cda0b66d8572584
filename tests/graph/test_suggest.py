"""What is suggested instead of a form that loses digits: where it is found, in whose words, and what it does."""

from __future__ import annotations

import math
import time

import pytest
from exactly import assert_same

from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.graph.printing import program
from gradcli.graph.rewriting import Suggestion, expand, suggestions
from gradcli.language.parser import parse
from gradcli.passes import evaluate_graph


def _blamed(text: str, name: str, graph: Graph | None = None) -> list[Suggestion]:
    """The suggestions for the first gate of a function."""
    graph = graph or lower(parse(text))
    index = next(gate.position for gate in graph if gate.op.name == name)
    return list(suggestions(graph, index))


@pytest.mark.parametrize(
    ("text", "blamed", "written", "replacement"),
    [
        ("1/(1+exp(-x))", "exp", "1/(1+exp(-x))", "sigmoid(x)"),
        ("1/(1+exp(-x))", "neg", "1/(1+exp(-x))", "sigmoid(x)"),
        ("y + 1/(1+exp(-x))", "div", "1/(1+exp(-x))", "sigmoid(x)"),
        ("1 - cos(x)", "cos", "1 - cos(x)", "2*sin(x/2)^2"),
        ("1 - cos(2x+y)", "sub", "1 - cos(2x+y)", "2*sin((2x+y)/2)^2"),
        ("sqrt((a - b)^2 + c*c)", "add", "sqrt((a - b)^2 + c*c)", "hypot(a - b, c)"),
        ("log(1+exp(-√x))", "exp", "log(1+exp(-√x))", "softplus(-√x)"),
        ("1/(1 + exp(x))", "exp", "1/(1 + exp(x))", "sigmoid(-x)"),
        ("1/(1 + exp(b - a))", "exp", "1/(1 + exp(b - a))", "sigmoid(a - b)"),
        ("1/(1 + exp(-k*x))", "exp", "1/(1 + exp(-k*x))", "sigmoid(k*x)"),
        ("1 - sigmoid(x + 1)", "sub", "1 - sigmoid(x + 1)", "sigmoid(-(x + 1))"),
        ("a² - (√b)²", "sub", "a² - (√b)²", "(a - √b)*(a + √b)"),
        ("q = a+b; r = exp(q) - 1; r", "exp", "exp(q) - 1", "expm1(q)"),
        ("f(a) = exp(a) - 1; f(x*y)", "exp", "exp(a) - 1", "expm1(x*y)"),
        ("log(exp(-x^2))", "exp", "log(exp(-x^2))", "-x^2"),
        ("sqrt(x+1) - sqrt(x)", "sub", "sqrt(x+1) - sqrt(x)", "1/(sqrt(x + 1) + sqrt(x))"),
        ("sqrt(1 + x^2)", "pow", "sqrt(1 + x^2)", "hypot(1, x)"),
    ],
)
def test_suggestion(text: str, blamed: str, written: str, replacement: str) -> None:
    found = _blamed(text, blamed)
    assert [(one.written, one.replacement) for one in found] == [(written, replacement)]


def test_the_smallest_form_comes_first() -> None:
    assert [one.replacement for one in _blamed("log(1 + exp(x))", "log")] == ["log1p(exp(x))", "softplus(x)"]
    assert [one.replacement for one in _blamed("log(1 + exp(x))", "exp")] == ["softplus(x)"]
    assert [one.replacement for one in _blamed("x*(1/(1 + exp(-x)))", "exp")] == ["sigmoid(x)", "silu(x)"]


@pytest.mark.parametrize("text", ["exp(x) + 1", "max(x, 0)", "sigmoid(x)", "1/(2 + exp(-x))", "cos(x) - 2", "x*y"])
def test_nothing_is_suggested_for_what_is_no_form(text: str) -> None:
    graph = lower(parse(text))
    assert [found for index in range(len(graph)) for found in suggestions(graph, index)] == []


def test_operands_of_a_form_are_not_part_of_it() -> None:
    assert _blamed("1/(1 + exp(-sin(x)))", "sin") == []
    assert _blamed("x + 1 - cos(x)", "add") == []


def test_only_one_form_is_replaced() -> None:
    text = "q = 1 - cos(x)\nr = 1 - cos(y)\nq/r"
    (found,) = _blamed(text, "cos")
    found.graph.verify()
    assert program(found.graph) == "q = 2 * sin(x / 2)^2\nr = 1 - cos(y)\nq / r"
    assert list(found.graph.inputs) == ["x", "y"]


def test_what_others_need_stays() -> None:
    (found,) = _blamed("q = exp(x); (q - 1)/q", "exp")
    assert program(found.graph) == "q = exp(x)\nexpm1(x) / q"


TEXTS = (
    "1/(1 + exp(-(a*b - 2a)))", "(1 - cos(a/b))/(a + b)^2", "log(1 + exp(a^2 - b))^2", "sqrt((2a)^2 + (-b)^2)",
    "x = a + b\n(exp(x) - exp(-x))/(exp(x) + exp(-x))", "(a + b)^2 - (a - b)^2", "1 - (√(a*a))²", "-(1 - erf(-a/b))",
    "a/(1 + exp(-a)) + exp(a)/(1 + exp(a))", "log((1 + sin(a))/(1 - sin(a)))/2", "1 - tanh(a - b)^2",
)  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.splitlines()[-1])
def test_text_and_graph_say_the_same(text: str) -> None:
    """The replacement, put in the place of what is written, is the same program as the graph."""
    graph = lower(parse(text))
    found = [one for index in range(len(graph)) for one in suggestions(graph, index)]
    assert found
    for one in found:
        one.graph.verify()
        assert_same(graph, one.graph, {"a": 0.7, "b": 1.3})
        start, end = graph.span(one.gate)
        assert graph.source[start:end] == one.written
        edited = lower(parse(f"{graph.source[:start]}({one.replacement}){graph.source[end:]}"))
        assert_same(one.graph, edited, {"a": 0.7, "b": 1.3})


def test_gates_of_an_expanded_call_are_written_out() -> None:
    """They all stand where the call does, so that its text is none of theirs."""
    graph = expand(lower(parse("logsigmoid(x + y)")), ["logsigmoid"])
    found = _blamed("", "log", graph)
    assert [one.replacement for one in found] == ["log1p(exp(-(x + y)))", "softplus(-(x + y))", "logsigmoid(x + y)"]


def test_long_operands_are_named_by_their_gate() -> None:
    terms = "".join(f" + x^{k}" for k in range(40))
    (found,) = _blamed(f"exp(0{terms}) - 1", "exp")
    assert len(found.replacement) < 100
    assert found.replacement.startswith("expm1(")


def test_a_suggestion_mends_what_is_wrong() -> None:
    (found,) = _blamed("1 - cos(x)", "cos")
    assert evaluate_graph(lower(parse("1 - cos(x)")), {"x": 1e-9}).value == 0.0
    assert evaluate_graph(found.graph, {"x": 1e-9}).value == pytest.approx(5e-19, rel=1e-15)
    (found,) = _blamed("exp(x)/(1 + exp(x))", "add")
    assert math.isnan(evaluate_graph(lower(parse("exp(x)/(1 + exp(x))")), {"x": 800.0}).value)
    assert evaluate_graph(found.graph, {"x": 800.0}).value == 1.0


def test_one_gate_used_very_often_costs_linear_time() -> None:
    text = "q = exp(x)\n" + " + ".join(f"(q - {k})" for k in range(5_000))
    graph = lower(parse(text))
    start = time.process_time()
    found = list(suggestions(graph, next(g for g, code in enumerate(graph.codes) if code == ops.CODES["exp"])))
    assert [one.replacement for one in found] == ["expm1(x)"]
    assert time.process_time() - start < 10.0
