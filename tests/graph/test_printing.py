"""Graphs as programs: as few parentheses as the grammar needs, and the same gates when read again."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

import gradcli
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.graph.printing import _DIGITS, LONGEST, program
from gradcli.numeric.decimals import Decimals
from gradcli.passes import constant

CASES = Path(__file__).parent.parent / "cases"


def _graph(text: str, bound: Collection[str] = ()) -> Graph:
    return lower(gradcli.parse(text), bound)


def _columns(graph: Graph) -> list[Any]:
    """Everything that a graph computes, without its places in a text and without names of stages."""
    return [list(graph.codes), list(graph.operands), graph.literals, graph.output]


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("(x+y)*z", "(x + y) * z"),
        ("x", "x"),
        ("2", "2"),
        ("((x))", "x"),
        ("x - (y - z)", "x - (y - z)"),
        ("(x - y) - z", "x - y - z"),
        ("x + (y + z)", "x + (y + z)"),
        ("a/(b/c)*d", "a / (b / c) * d"),
        ("x^y^z", "x^y^z"),
        ("(x^y)^z", "(x^y)^z"),
        ("-x^2", "-x^2"),
        ("(-x)^2", "(-x)^2"),
        ("(-3)^2*x", "(-3)^2 * x"),
        ("x⁻¹", "x^-1"),
        ("2^-x^2", "2^-x^2"),
        ("2^(-x*y)", "2^(-x * y)"),
        ("-(2x)", "-(2 * x)"),
        ("(-x)*y", "-x * y"),
        ("x*(-y)", "x * -y"),
        ("a - (-3)", "a - -3"),
        ("--3*x", "--3 * x"),
        ("-(-x)", "--x"),
        ("-inf*x", "-inf * x"),
        ("1*x + 2 - 1", "1 * x + 2 - 1"),
        ("x^1", "x^1"),
        ("not (a < b) and (not c or d)", "not a < b and (not c or d)"),
        ("not not a", "not not a"),
        ("-(not a)", "-(not a)"),
        ("(a < b) == (c >= d)", "(a < b) == (c >= d)"),
        ("(a and b) + 1", "(a and b) + 1"),
        ("ln(x) + log(x, 2)", "log(x) + log(x, 2)"),
        ("leaky_relu(x) + elu(x, alpha=2)", "leaky_relu(x, 0.01) + elu(x, 2)"),
        ("max(x, y - 1, where(x, y, -z))", "max(x, y - 1, where(x, y, -z))"),
        ("1_000x + .5", "1_000 * x + .5"),
        ("2π", "2 * pi"),
    ],
)
def test_an_expression(text: str, printed: str) -> None:
    graph = _graph(text)
    assert program(graph) == printed
    assert _columns(_graph(printed)) == _columns(graph)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("q = x + y; q*q", "q = x + y\nq * q"),
        ("q = x + y; q", "q = x + y\nq"),
        ("q = x + y; -q*x", "q = x + y;\n-q * x"),  # a line that begins with a sign would continue the one before
        ("k = 3; k*x", "k = 3\nk * x"),
        ("unused = sin(x); x", "x"),
        ("q = x; q + 1", "x + 1"),  # a second name of an input is no gate
        ("f(a) = a*a; f(sin(x))", "g1 = sin(x)\ng1 * g1"),
        ("f(a) = a*a; f(2)", "g0 = 2\ng0 * g0"),
        ("f(a) = -a; x + f(3)", "g1 = 3\nx + -g1"),  # -3 would be one gate
        ("f(a) = -a; f(-3) + f(pi)", "--3 + -pi"),
        ("g1 = x + 1; f(a) = a*a; g1 + f(cos(x)) + g3", "g1 = x + 1\ng4 = cos(x)\ng1 + g4 * g4 + g3"),
        ("g1 = x + g3; f(a) = a*a; g1 + f(cos(g3))", "g1 = x + g3\ng3_ = cos(g3)\ng1 + g3_ * g3_"),
    ],
)
def test_stages(text: str, printed: str) -> None:
    graph = _graph(text)
    assert program(graph) == printed
    again = _graph(printed)
    assert _columns(again) == _columns(graph)
    assert again.stages.items() >= graph.stages.items()


def test_a_constant_whose_name_is_taken_is_written_in_digits() -> None:
    """As in derivatives, whose rules use pi whatever the program's inputs are called."""
    graph = Graph()
    both = [graph.append(ops.INPUT, (), "π", 0, 0), graph.append(ops.CONSTANT, (), "pi", 0, 0)]
    graph.output = graph.append(ops.CODES["mul"], tuple(both), None, 0, 0)
    assert gradcli.evaluate(program(graph), {"π": 2.0}).value == 2.0 * gradcli.evaluate("pi").value


@pytest.mark.parametrize("name", ["pi", "e", "tau"])
def test_the_digits_are_those_of_the_constant(name: str) -> None:
    numbers = Decimals(90)
    m = ops.on(numbers.primitives)
    assert abs(m.number(_DIGITS[name]) - constant(m, name)) < numbers.context.mpf(10) ** -88


def test_constants_that_gates_share_can_be_repeated() -> None:
    """Derivatives share their constants; 2*x + 2*y reads better than a stage for the 2. Except under a sign."""
    graph = Graph()
    x, two = graph.append(ops.INPUT, (), "x", 0, 0), graph.append(ops.CONSTANT, (), "2", 0, 0)
    product = graph.append(ops.CODES["mul"], (two, x), None, 0, 0)
    graph.output = graph.append(ops.CODES["pow"], (product, two), None, 0, 0)
    assert program(graph) == "g1 = 2\n(g1 * x)^g1"
    assert program(graph, repeat_constants=True) == "(2 * x)^2"
    negation = graph.append(ops.CODES["neg"], (two,), None, 0, 0)
    graph.output = graph.append(ops.CODES["add"], (graph.output, negation), None, 0, 0)
    assert program(graph, repeat_constants=True) == "g1 = 2\n(g1 * x)^g1 + -g1"


def test_functions_with_their_own_derivative_keep_their_definitions() -> None:
    """Also those that they call; others are expanded and need none."""
    used = "h(a) = a + 1", "f(a, b) = h(a)*b with grad (b, h(a))"
    graph = _graph(f"k(a) = 2a\n{used[0]}\nl(a) = sin(a) with grad (cos(a))\n{used[1]}\nf(k(x), f(x, y)) - 1")
    printed = program(graph)
    assert printed == "\n".join([*used, "f(2 * x, f(x, y)) - 1"])
    again = _graph(printed)
    assert [gate.op.name for gate in again] == [gate.op.name for gate in graph]
    assert gradcli.grad(printed, x=2, y=3) == gradcli.grad(graph.source, x=2, y=3)
    assert program(again) == printed
    assert program(_graph("g1(a) = a with grad (1); f(a) = a*a; f(sin(x)) + g1(x)")).splitlines()[1] == "g1_ = sin(x)"


def test_comments_in_definitions_are_left_out() -> None:
    """They may hold what moves a terminal's cursor; code may not."""
    text = "f(a) = a*a +\t# \x1b[31m x = 1\n # \u202e\x85 more\n a with grad\t(2a + 1) # end\nf(x)*x"
    assert program(_graph(text)) == "f(a) = a*a +\n a with grad (2a + 1)\nf(x) * x"
    assert gradcli.grad(program(_graph(text)), x=2) == gradcli.grad(text, x=2)


def test_gates_that_the_output_does_not_need_are_left_out() -> None:
    graph = Graph()
    x = graph.append(ops.INPUT, (), "x", 0, 0)
    graph.output = graph.append(ops.CODES["sin"], (x,), None, 0, 0)
    for _ in range(2):
        graph.append(ops.CODES["exp"], (graph.output,), None, 0, 0)
    assert program(graph) == "sin(x)"


def _all_cases() -> list[Any]:
    files = (("feynman", "equations"), ("functions", "functions"), ("tutorials", "examples"))
    found = []
    for file, key in files:
        cases = json.loads((CASES / f"{file}.json").read_text(encoding="utf-8"))[key]
        found += [pytest.param(case["expr"], id=f"{file} {case['id']}") for case in cases]
    return found


@pytest.mark.parametrize("text", _all_cases())
def test_a_published_program(text: str) -> None:
    """Printed, they are the same graph, gate for gate."""
    graph = _graph(text)
    again = _graph(program(graph))
    assert _columns(again) == _columns(graph)
    assert again.stages.items() >= graph.stages.items()
    assert program(again) == program(graph)


# Size

COUNT = 100_000
LARGE = {
    "a sum": "+".join(f"x{n}" for n in range(COUNT)),
    "a sum from the right": "+(".join(["x"] * COUNT) + ")" * (COUNT - 1),
    "nested calls": "exp(" * COUNT + "x" + ")" * COUNT,
    "signs": "- " * COUNT + "x",
    "powers": "^".join(["x"] * COUNT),
    "a call of many operands": "max(" + ",".join(["x + 1"] * COUNT) + ")",
    "stages": "".join(f"s{n} = {f's{n - 1}' if n else 'x'} + 1\n" for n in range(COUNT)) + f"s{COUNT - 1}",
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_hundred_thousand_gates(kind: str) -> None:
    """In linear time, and in lines that a call of many operands alone makes long."""
    graph = _graph(LARGE[kind])
    start = time.process_time()
    printed = program(graph)
    assert time.process_time() - start < 10.0
    assert _columns(_graph(printed)) == _columns(graph)
    if kind != "a call of many operands":
        assert max(map(len, printed.split("\n"))) < 2 * LONGEST


def test_memory_is_linear() -> None:
    """A text that has been written into another one is not kept."""
    graph = _graph(LARGE["a sum"])
    tracemalloc.start()
    printed = program(graph)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60 * len(printed)  # twice as much if it were kept


@pytest.mark.parametrize("row", [row for row in ops.ELEMENTWISE if not row.hidden], ids=lambda row: row.name)
def test_every_row_can_be_printed(row: ops.Op) -> None:
    """And read again as itself, on operands of every precedence."""
    for inner in ("or", "and", "not", "less", "sub", "mul", "neg", "pow", "sin"):
        graph, size = Graph(), len(ops.ROWS[ops.CODES[inner]].parameters)
        leaves = tuple(graph.append(ops.INPUT, (), name, 0, 0) for name in ("x", "y")[:size])
        count = 3 if row.variadic else len(row.parameters)
        operands = tuple(graph.append(ops.CODES[inner], leaves, None, 0, 0) for _ in range(count))
        graph.output = graph.append(ops.CODES[row.name], operands, None, 0, 0)
        assert _columns(_graph(program(graph))) == _columns(graph)
