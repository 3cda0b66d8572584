"""LaTeX as numbers: what is typeset means what was computed, and nothing of the user's is a command."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hostile import TEXTS, hidden
from hypothesis import given
from hypothesis import strategies as st
from latex_structure import active, balanced, unknown

from gradcli.graph import ops
from gradcli.graph.typeset import LATEX
from gradcli.numeric import latex
from gradcli.numeric.latex import Latex
from gradcli.passes import FLOATS

TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|[0-9]+(?:\.[0-9]+)?|[a-zA-Z]|\S", re.DOTALL)
CALLS = {"\\sin": "sin", "\\ln": "log", "\\tanh": "tanh", "\\sqrt": "sqrt"}


def tokens(text: str) -> list[str]:
    return [token for token in TOKEN.findall(text) if token not in (r"\left", r"\right")]


class Reader:
    """Reads a formula as a person does: powers before products before sums, a function takes one thing."""

    def __init__(self, text: str, values: dict[str, float]) -> None:
        self.tokens, self.values = tokens(text), values

    def take(self, *wanted: str) -> str | None:
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in wanted else None

    def need(self, wanted: str) -> None:
        assert self.take(wanted), (wanted, self.tokens)

    def whole(self) -> float:
        value = self.sum()
        assert not self.tokens
        return value

    def sum(self) -> float:
        value = -self.product() if self.take("-") else self.product()
        while sign := self.take("+", "-"):
            term = self.product()
            value = value + term if sign == "+" else value - term
        return value

    def product(self) -> float:
        value = self.power()
        while self.take(r"\cdot", r"\times"):
            value *= self.power()
        return value

    def power(self) -> float:
        first = self.tokens[0]
        base = self.one()
        if not self.take("^"):
            return base
        assert first not in ("e", r"\frac"), "a second superscript, or one that seems to be the denominator's"
        return FLOATS.pow(base, self.braced())

    def braced(self) -> float:
        self.need("{")
        value = self.sum()
        self.need("}")
        return value

    def one(self) -> float:
        token = self.tokens.pop(0)
        if token == "(":
            value = self.sum()
            self.need(")")
            return value
        if token == r"\frac":
            return FLOATS.div(self.braced(), self.braced())
        if token == r"\sqrt":
            return FLOATS.sqrt(self.braced())
        if token in CALLS:
            return getattr(FLOATS, CALLS[token])(self.one())
        if token == "e":
            self.need("^")
            return FLOATS.exp(self.braced())
        return self.values[token] if token in self.values else float(token)


VALUES = {"x": 0.75, "y": -1.5, "z": 3.0}
SYSTEMS = {"latex": LATEX, "floats": FLOATS}


def trees() -> Any:
    leaves = st.sampled_from([*VALUES]) | st.sampled_from([2.0, -3.0, 0.5, 1.0, 1e-7])
    unary, binary = (
        st.sampled_from(["neg", "sin", "exp", "sqrt", "log", "tanh"]),
        st.sampled_from(["add", "sub", "mul", "div", "pow"]),
    )
    return st.recursive(leaves, lambda t: st.tuples(unary, t) | st.tuples(binary, t, t), max_leaves=8)


def run(tree: Any, m: Any, values: dict[str, Any]) -> Any:
    if isinstance(tree, str):
        return values[tree]
    if isinstance(tree, float):
        return m.number(repr(tree))
    return getattr(m, tree[0])(*[run(part, m, values) for part in tree[1:]])


@given(trees())
def test_a_reader_gets_the_same_number(tree: Any) -> None:
    """Parentheses stand wherever a reader would take the formula for another one."""
    written = latex.of(run(tree, LATEX, {name: latex.name(name) for name in VALUES})).text
    read, meant = Reader(written, VALUES).whole(), run(tree, FLOATS, VALUES)
    assert read == pytest.approx(meant, rel=1e-9, nan_ok=True), written


@pytest.mark.parametrize("row", ops.ELEMENTWISE, ids=lambda row: row.name)
def test_every_row_is_typeset(row: ops.Op) -> None:
    """Value and every rule, with operands that need parentheses; all macros are known, all braces closed."""
    operands = [latex.name("x") + latex.name("θ"), -latex.name("y"), latex.number("1e-7")][: len(row.parameters)]
    texts = [getattr(LATEX, ops.attribute(row.name))(*operands).text]
    for rule in (row.rules or ()) if not row.variadic else ():
        if rule is not None:
            texts.append(latex.of(rule(LATEX, latex.name("q"), *operands)).text)
    for text in texts:
        assert balanced(text), text
        assert unknown(text) == set(), text
        assert r"\theta" in text or len(texts) > 1


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("θ", r"\theta"), ("x₁", "x_{1}"), ("w₁₂", "w_{12}"), ("x", "x"), ("dot", r"\mathit{dot}"),
        ("x1", r"\mathit{x1}"), ("a_b", r"\mathit{a\_b}"), ("Δx", r"\textit{\ensuremath{\Delta}x}"),
        ("é", r"\textit{é}"), ("θ₂", r"\theta_{2}"),
    ],
)  # fmt: skip
def test_names(written: str, expected: str) -> None:
    assert latex.name(written).text == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2", "2"), ("-4.0", "-4.0"), ("1e-05", r"1 \times 10^{-5}"), ("-2.5e+300", r"-2.5 \times 10^{300}"),
        ("1_000", "1000"), (".5", ".5"), ("inf", r"\infty"), ("-inf", r"-\infty"), ("nan", r"\mathrm{nan}"),
        ("pi", r"\pi"), ("e", "e"), ("tau", r"\tau"),
    ],
)  # fmt: skip
def test_numbers(written: str, expected: str) -> None:
    assert latex.number(written).text == expected


def test_what_ends_high_is_no_bare_base() -> None:
    """Two superscripts in a row are an error of TeX, and one behind a fraction seems to be its denominator's."""
    x = latex.name("x")
    assert LATEX.pow(LATEX.exp(x), 2.0).text == r"\left(e^{x}\right)^{2}"
    assert LATEX.pow(LATEX.div(1.0, x), 2.0).text == r"\left(\frac{1}{x}\right)^{2}"
    assert LATEX.pow(LATEX.pow(x, 3.0), 2.0).text == r"\left(x^{3}\right)^{2}"
    assert LATEX.pow(latex.number("1e-5"), 2.0).text == r"\left(1 \times 10^{-5}\right)^{2}"
    assert LATEX.pow(latex.name("x₁"), 2.0).text == "x_{1}^{2}"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (LATEX.sin(latex.name("x")) * latex.name("y"), r"(\sin x) \cdot y"),
        (LATEX.sin(latex.name("x") * 2.0), r"\sin (x \cdot 2)"),
        (LATEX.logsigmoid(latex.name("x")) * 2.0, r"(\ln \sigma(x)) \cdot 2"),
        (LATEX.where(LATEX.less(latex.name("x"), 0.0), -latex.name("x"), 1.0) + 1.0,
         r"\left(\begin{cases} -x & x < 0 \\ 1 & \text{otherwise} \end{cases}\right) + 1"),
        (LATEX.max(latex.name("x"), -latex.name("y"), 2.0), r"\max(x, -y, 2)"),
        (-(latex.name("x") + 1.0), "-(x + 1)"), (latex.name("x") - (-latex.name("y")), "x - (-y)"),
        (LATEX.equal(LATEX.less(latex.name("x"), 1.0), 1.0), "(x < 1) = 1"),
        (LATEX.leaky_relu(latex.name("x"), 0.01), r"\operatorname{leaky\_relu}(x, 0.01)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_notation(written: Latex, expected: str) -> None:
    assert written.text == expected


def test_matrix_products_and_products_of_elements_are_told_apart() -> None:
    """(A·B) C and A·(B C) differ; A B C and fractions need no parentheses, and neither does a sum's term."""
    a, b, c = map(latex.name, "ABC")
    row = ops.ROWS[ops.CODES["matmul"]]

    def matmul(left: Latex, right: Latex) -> Latex:
        return latex.template(row.latex or "", row.symbol, row.precedence).fill([left, right])

    assert matmul(LATEX.mul(a, b), c).text == matmul(a * b, c).text == r"(A \cdot B) \, C"
    assert matmul(a, LATEX.mul(b, c)).text == r"A \, (B \cdot C)"
    assert LATEX.mul(a, matmul(b, c)).text == (a * matmul(b, c)).text == r"A \cdot (B \, C)"
    assert LATEX.mul(matmul(a, b), c).text == (matmul(a, b) * c).text == r"(A \, B) \cdot C"
    assert matmul(matmul(a, b), c).text == r"A \, B \, C"
    assert matmul(a, matmul(b, c)).text == r"A \, (B \, C)"
    assert LATEX.div(matmul(a, b), c).text == r"\frac{A \, B}{C}"
    assert matmul(LATEX.div(a, b), c).text == r"\frac{A}{B} \, C"
    assert (matmul(a, b) + c).text == r"A \, B + C"
    assert (-matmul(a, b)).text == r"-A \, B"


def test_literals_are_folded() -> None:
    x = latex.name("x")
    assert (1.0 * x).text == "x"
    assert (x * (2.0 - latex.of(1.0))).text == "x"
    assert LATEX.pow(x, 1.0).text == "x"
    assert (-latex.of(2.0)).text == "-2"
    assert (2.0 + x - 1.0).text == "2 + x - 1"


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_hostile_texts_are_inert(text: str) -> None:
    """As a name, a literal, a function's name and prose: no command of its own, no brace that closes another's."""
    for written in (latex.name(text).text, latex.number(text).text, latex.call(text, [Latex("x")]).text,
                    latex.escaped(text)):  # fmt: skip
        assert balanced(written)
        assert unknown(written) == set()
        assert not hidden(written)
        assert not list(active(written))


def test_infinite_and_undefined_numbers_are_not_folded_wrongly() -> None:
    assert latex.number("inf").number is not None
    assert (latex.number("inf") * 2.0).text == r"\infty"
    assert math.isnan(latex.number("nan").number or 0.0)
