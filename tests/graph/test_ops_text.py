"""The text of every gate and every rule is a program that computes the same number."""

from __future__ import annotations

from typing import Any

import pytest
from oracle import Point, decimals, random_points, samples
from test_ops_accuracy import TESTED

from gradcli.graph import ops
from gradcli.graph.describe import TEXT
from gradcli.graph.lower import lower
from gradcli.graph.ops import ELEMENTWISE, Op
from gradcli.language.parser import parse
from gradcli.numeric import text
from gradcli.numeric.text import Text
from gradcli.passes import forward

DIGITS = 60
OUTPUT = "out"  # the gate's own value in a rule
BINARY = [row for row in ELEMENTWISE if row.symbol is not None]


def _run(program: str, values: dict[str, Any]) -> Any:
    graph = lower(parse(program), values)
    return forward(graph, values, decimals(DIGITS)[1])[graph.output]


def _forward(row: Op, numbers: list[Any]) -> Any:
    return getattr(decimals(DIGITS)[1], ops.attribute(row.name))(*numbers)


def _same(a: Any, b: Any) -> bool:
    context, _ = decimals(DIGITS)
    if context.isnan(a) or context.isnan(b):
        return bool(context.isnan(a) and context.isnan(b))
    return bool(a == b or abs(a - b) <= abs(b) * context.mpf(10) ** -(DIGITS // 2))


def _names(row: Op, count: int) -> list[str]:
    return [f"x{place}" for place in range(1, count + 1)] if row.variadic else list(row.parameters)


def _points(row: Op) -> list[Point]:
    return [*samples(row), *random_points(row, 5, seed=3)]


@pytest.mark.parametrize("row", TESTED, ids=lambda row: row.name)
def test_gate_text(row: Op) -> None:
    context, _ = decimals(DIGITS)
    for point in _points(row):
        names, numbers = _names(row, len(point)), [context.mpf(x) for x in point]
        written = text.write(row.name, row.symbol, row.precedence, [Text(name) for name in names]).text
        got = _run(written, dict(zip(names, numbers, strict=True)))
        assert _same(got, _forward(row, numbers)), f"{written} at {point}"


def _rule(row: Op, position: int, names: list[str]) -> tuple[str, Any]:
    """The displayed formula of a partial, as text and as a rule."""
    place = 0 if row.variadic else position
    rule = row.rules[place] if row.rules is not None and row.rules[place] is not None else row.partials[place]
    if isinstance(rule, float):
        return text.of(rule).text, lambda m, y, *xs: m.number(repr(rule))
    if row.variadic:
        return text.of(rule(TEXT, Text(OUTPUT), Text(names[position]))).text, lambda m, y, *xs: rule(m, y, xs[position])
    return text.of(rule(TEXT, Text(OUTPUT), *map(Text, names))).text, rule


@pytest.mark.parametrize("row", TESTED, ids=lambda row: row.name)
def test_rule_text(row: Op) -> None:
    context, m = decimals(DIGITS)
    for point in _points(row):
        names, numbers = _names(row, len(point)), [context.mpf(x) for x in point]
        y = _forward(row, numbers)
        for position in range(len(point)):
            written, rule = _rule(row, position, names)
            got = _run(written, {OUTPUT: y, **dict(zip(names, numbers, strict=True))})
            assert _same(got, m.number("1") * rule(m, y, *numbers)), f"{written} at {point}"


OPERANDS = ["p + q", "p - q", "-p", "p*q", "p / q", "p^q", "p < q", "p and q", "p or q", "not p", "-3", "0.5", "sin(p)"]


def _parsed(written: str) -> Text:
    """A written operand with its precedence."""
    loosest = {
        "p + q": 5, "p - q": 5, "-p": 7, "p*q": 6, "p / q": 6, "p^q": 8, "p < q": 4,
        "p and q": 2, "p or q": 1, "not p": 3,
    }  # fmt: skip
    return text.number(written) if written in ("-3", "0.5") else Text(written, loosest.get(written, text.ATOM))


@pytest.mark.parametrize("row", BINARY, ids=lambda row: row.name)
def test_parentheses(row: Op) -> None:
    """An operand of every kind in every place of every operator keeps its meaning, as with all parentheses."""
    inputs = {"p": 0.75, "q": 1.5}
    numbers = {name: decimals(DIGITS)[0].mpf(x) for name, x in inputs.items()}
    for first in OPERANDS:
        for second in OPERANDS if len(row.parameters) > 1 else [""]:
            operands = [operand for operand in (first, second) if operand]
            written = text.write(row.name, row.symbol, row.precedence, [_parsed(operand) for operand in operands]).text
            bracketed = [f"({operand})" for operand in operands]
            full = f"{row.symbol} {bracketed[0]}" if len(operands) == 1 else f" {row.symbol} ".join(bracketed)
            assert _same(_run(written, numbers), _run(full, numbers)), f"{written} is not {full}"


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (Text("x") + 1.0, "x + 1"),
        (1.0 - Text("x"), "1 - x"),
        (2.0 * Text("x"), "2*x"),
        (1.0 * Text("x"), "x"),
        (Text("x") * 1.0, "x"),
        (-Text("x"), "-x"),
        (-text.of(3.0), "-3"),
        (text.of(2.0) - 1.0, "1"),
        (text.of(2.0) * 3.0 + 0.5, "6.5"),
        (TEXT.pow(Text("x"), 2.0 - text.of(1.0)), "x"),
        (TEXT.pow(Text("x"), text.of(3.0) - 1.0), "x^2"),
        (TEXT.pow(-Text("x"), 2.0), "(-x)^2"),
        (TEXT.pow(2.0, -Text("x")), "2^-x"),
        (TEXT.pow(Text("x") + 1.0, Text("a") * 2.0), "(x + 1)^(a*2)"),
        (TEXT.pow(TEXT.pow(Text("x"), 2.0), 3.0), "(x^2)^3"),
        (TEXT.div(1.0, Text("x") * Text("y")), "1/(x*y)"),
        (Text("a") - (Text("b") - Text("c")), "a - (b - c)"),
        (Text("a") - Text("b") - Text("c"), "a - b - c"),
        (TEXT.less(TEXT.not_(Text("x")), Text("y")), "(not x) < y"),
        (TEXT.not_(TEXT.less(Text("x"), Text("y"))), "not x < y"),
        (TEXT.chain(Text("g"), Text("p") + 1.0), "chain(g, p + 1)"),
        (TEXT.number("1e-3"), "1e-3"),
        (text.of(1e300), "1e+300"),
    ],
    ids=str,
)
def test_as_few_parentheses_as_the_grammar_needs(got: Text, wanted: str) -> None:
    assert got.text == wanted
