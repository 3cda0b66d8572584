"""Derivatives as text: what is printed is read again and gives the same numbers; higher orders; growth.

A sample of what `python tests/graph/derived_oracle.py` checks whole.
"""

from __future__ import annotations

from collections import Counter

import pytest
from derived_oracle import cases, check_floats, check_second, check_text, tally
from hypothesis import given, settings
from program_oracle import Disagreement, decimals
from programs import Case, programs

from gradcli.errors import BindingError, LimitError
from gradcli.graph import ops
from gradcli.graph.derive import derive
from gradcli.graph.emitting import Emitter, PlainEmitter, TextbookEmitter
from gradcli.graph.graph import Graph, prune
from gradcli.graph.growth import cost
from gradcli.graph.higher import hessian, jacobian, repeated
from gradcli.graph.lower import lower
from gradcli.graph.printing import program
from gradcli.graph.styles import LATEX, UNICODE
from gradcli.graph.wanted import differentiated
from gradcli.language.parser import parse
from gradcli.passes import evaluate_graph, forward

PUBLISHED = list(cases())


def _graph(text: str) -> Graph:
    return lower(parse(text))


def _derivative(text: str, kind: type[Emitter] = Emitter) -> str:
    return program(repeated(_graph(text), "x", 1, kind=kind), repeat_constants=True)


# What people read


@pytest.mark.parametrize(
    ("text", "printed", "raw"),
    [
        ("(x+y)*z", "z", "1 * z * 1"),
        ("3x^2", "6 * x", "1 * 3 * where(2 == 0 and not 0 < abs(x), 0, 2 * x^(2 - 1))"),
        ("1/3*x^3", "1 / 3 * (3 * x^2)", None),  # no double is 1/3, so this is not folded
        ("x*y - x", "y - 1", "1 * -1 + 1 * 1 * y"),
        ("2 - x*y", "-y", None),
        ("5*(x*y)*4", "20 * y", None),
        ("x + x", "2", "1 * 1 + 1 * 1"),
        ("q = x + y; q^2*(x - y)", "q = x + y\nq^2 + (x - y) * (2 * q)", None),
        ("sin(x)/x", "1 / x * cos(x) - sin(x) / x / x", None),
        ("σ(x)", "sigmoid(x) * sigmoid(-x)", "1 * (sigmoid(x) * sigmoid(-x))"),
        ("tanh(x)", "g2 = 2 * x\n4 * (sigmoid(g2) * sigmoid(-g2))", None),
        ("sqrt(x)", "0.5 / sqrt(x)", "chain(1, 0.5 / sqrt(x))"),
        ("where(x > 0, x, y)", "where(x > 0, 1, 0)", None),
        ("floor(x)", "0", "0"),
    ],
)
def test_what_is_printed(text: str, printed: str, raw: str | None) -> None:
    assert _derivative(text) == printed
    if raw is not None:
        assert _derivative(text, PlainEmitter) == raw


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("σ(x)", "g1 = sigmoid(x)\ng1 * (1 - g1)"),
        ("log(x)", "1 / x"),
        ("x^n", "n * x^(n - 1)"),
        ("sqrt(x)*y", "y * (1 / (2 * sqrt(x)))"),
        ("tanh(x)", "1 - tanh(x)^2"),
        ("x/y", "1 / y"),
    ],
)
def test_by_the_rules_of_textbooks(text: str, printed: str) -> None:
    assert _derivative(text, TextbookEmitter) == printed


@pytest.mark.parametrize(
    ("text", "with_signs"),
    [
        ("x^2*y", "x² · y"),
        ("x^-12", "x⁻¹²"),
        ("(x+y)^2", "(x + y)²"),
        ("(x^2)^3", "(x²)³"),
        ("x^2^y", "x^2^y"),
        ("2^x^2", "2^x²"),
        ("(-x)^2", "(-x)²"),
        ("-x^2", "-x²"),
        ("x^0.5", "x^0.5"),
        ("sqrt(x)*sqrt(x+1)", "√x · √(x + 1)"),
        ("sqrt(sqrt(x))^2", "(√(√x))²"),
        ("sqrt(sin(x))", "√sin(x)"),
        ("sigmoid(x) <= pi", "σ(x) ≤ π"),
        ("x != y", "x ≠ y"),
    ],
)
def test_signs_that_the_language_reads(text: str, with_signs: str) -> None:
    graph = _graph(text)
    assert program(graph, style=UNICODE) == with_signs
    assert program(_graph(with_signs)) == program(graph)


@pytest.mark.parametrize("row", [row for row in ops.ELEMENTWISE if not row.hidden], ids=lambda row: row.name)
def test_every_row_with_signs_is_read_as_itself(row: ops.Op) -> None:
    for inner in ("or", "not", "less", "sub", "mul", "neg", "pow", "sqrt", "sigmoid"):
        graph, size = Graph(), len(ops.ROWS[ops.CODES[inner]].parameters)
        leaves = tuple(graph.append(ops.INPUT, (), name, 0, 0) for name in ("x", "y")[:size])
        count = 3 if row.variadic else len(row.parameters)
        operands = tuple(graph.append(ops.CODES[inner], leaves, None, 0, 0) for _ in range(count))
        graph.output = graph.append(ops.CODES[row.name], operands, None, 0, 0)
        assert program(_graph(program(graph, style=UNICODE))) == program(graph)


def test_latex_has_balanced_braces() -> None:
    for _, text, _ in PUBLISHED[::9]:
        derived = derive(_graph(text))
        for gate in derived.gradients.values():
            derived.graph.output = gate
            written = program(derived.graph, repeat_constants=True, style=LATEX)
            assert written.count("{") == written.count("}")
            assert written.count(r"\left(") == written.count(r"\right)")


# The texts give the gradients


def _sample(count: int) -> list[tuple[str, str, dict[str, float]]]:
    step = len(PUBLISHED) // count
    return [(name, text, dict(point)) for name, text, point in PUBLISHED[::step]]


def test_published_cases() -> None:
    judged: Counter[str] = Counter()
    for _, text, point in _sample(60):
        tally(judged, check_text, _graph(text), point)
    assert judged["checked"] >= 50


@given(programs(most=6))
@settings(max_examples=60)
def test_random_programs(case: Case) -> None:
    tally(Counter(), check_text, lower(parse(case.text), case.values), case.values)


@pytest.mark.parametrize("kind", [PlainEmitter, TextbookEmitter])
def test_other_kinds_of_derivatives_give_the_same_numbers(kind: type[Emitter]) -> None:
    for _, text, point in _sample(30):
        graph = _graph(text)
        wanted = evaluate_graph(graph, point).gradients
        largest = max(map(abs, wanted.values()))
        for name, gradient in wanted.items():
            found = repeated(graph, name, 1, kind=kind)
            again = _graph(program(found, repeat_constants=True))
            assert forward(again, point)[again.output] == pytest.approx(gradient, rel=1e-11, abs=1e-11 * largest)


def test_the_oracle_sees_a_wrong_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("derived_oracle.program", lambda graph, **how: program(graph, **how) + " + 1e-9")
    with pytest.raises(Disagreement):
        check_text(_graph("sin(x)*x"), {"x": 0.7})


# Second and third derivatives


def test_second_derivatives_of_published_cases() -> None:
    judged: Counter[str] = Counter()
    for _, text, point in _sample(30):
        graph = _graph(text)
        exact = tally(judged, check_second, graph, point, 5)
        assert exact is None or check_floats(graph, point, exact) <= 1e-12
    assert judged["checked"] >= 25


@given(programs(most=5))
@settings(max_examples=40)
def test_second_derivatives_of_random_programs(case: Case) -> None:
    tally(Counter(), check_second, lower(parse(case.text), case.values), case.values, 2)


def test_the_oracle_sees_a_wrong_second_derivative(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = hessian(_graph("x^3*1.000000001"))
    monkeypatch.setattr("derived_oracle.hessian", lambda graph: wrong)
    with pytest.raises(Disagreement):
        check_second(_graph("x^3 "), {"x": 2.0})


@pytest.mark.parametrize(
    ("text", "x"),
    [
        ("exp(-x^2)*sin(3x)", 0.7), ("tanh(x)", 0.5), ("log(1 + x^2)/x", 1.5), ("sqrt(x)*cbrt(x + 1)", 2.0),
        ("σ(x)^2*x", -1.25), ("gelu(x) + silu(x)", 0.375), ("atan(x)*asin(x/4)", 1.5), ("x^x", 1.25),
        ("erf(x)/x", 0.5), ("softplus(x)*mish(x)", 0.5), ("where(x > 0, x^5, x^3)", -2.0), ("sinh(x)*log2(x)", 2.5),
        ("hypot(x, 2)*atan2(x, 3)", 1.0), ("max(x, x^3, 2)", 1.5), ("1/(1 + x)^2", 0.5), ("q = x*sin(x); q^3 - q", 2.0),
    ],
)  # fmt: skip
def test_third_derivatives_are_differences(text: str, x: float) -> None:
    graph = _graph(text)
    context, m = decimals(120)
    h = context.mpf(10) ** -20
    values = [forward(graph, {"x": context.mpf(x) + k * h}, m)[graph.output] for k in (-2, -1, 1, 2)]
    wanted = (-values[0] + 2 * values[1] - 2 * values[2] + values[3]) / (2 * h**3)
    third = repeated(graph, "x", 3)
    again = _graph(program(third, repeat_constants=True))
    assert forward(again, {"x": x})[again.output] == pytest.approx(float(wanted), rel=1e-10)


# Several outputs


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("[x*y, x+y, sin(x), x/y]", {"x": 1.5, "y": 2.5}),  # more outputs than inputs: forward sweeps
        ("[x*y*z, exp(z - x)]", {"x": 1.5, "y": 2.5, "z": 0.5}),  # fewer: reverse sweeps
        ("q = x*y; [q, q*q, 3, y]", {"x": 1.5, "y": 2.5}),
    ],
)
def test_a_jacobian_is_the_gradients_of_its_outputs(text: str, point: dict[str, float]) -> None:
    graph = lower(parse(text), several=True)
    graph.verify()
    found = jacobian(graph, list(point), graph.outputs)
    found.graph.verify()
    numbers = forward(found.graph, point)
    head, elements = text[: text.index("[")], text[text.index("[") + 1 : -1].split(", ")
    assert len(found.entries) == len(elements)
    for element, gates in zip(elements, found.entries, strict=True):
        single = _graph(head + element)
        gradients = evaluate_graph(single, {name: point[name] for name in single.inputs}).gradients
        wanted = [gradients.get(name, 0.0) for name in point]
        assert [numbers[gate] for gate in gates] == pytest.approx(wanted, rel=1e-14)


def test_a_jacobian_shares_what_its_outputs_have_in_common() -> None:
    text = "q = sin(x)*exp(y)*z; [q, q^2, q^3]"
    graph = lower(parse(text), several=True)
    whole = len(jacobian(graph, ["x", "y", "z"], graph.outputs).graph)
    single = [lower(parse(f"q = sin(x)*exp(y)*z; {end}")) for end in ("q", "q^2", "q^3")]
    assert whole < sum(len(derive(one).graph) for one in single)


def test_the_hessian_of_a_linear_program_costs_nothing() -> None:
    second = hessian(_graph("2x + 3y"))
    assert {second.graph.literals[gate] for gate in second.curvatures.values()} == {"0"}


def test_inputs_to_differentiate_by() -> None:
    graph = _graph("y*x + z")
    assert differentiated(graph) == ["y", "x", "z"]
    assert differentiated(graph, ["z", "y"]) == ["y", "z"]
    with pytest.raises(BindingError, match="a is not an input"):
        differentiated(graph, ["a"])
    with pytest.raises(BindingError, match="does not depend on y"):
        differentiated(lower(parse("q = x; r = y; q")), ["y"])
    assert differentiated(_graph("2*pi")) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x*1e-400*5", "5 * 1e-400"),
        ("0.99999999999999999999*x", "0.99999999999999999999"),
        ("1.00000000000000000001*x", "1.00000000000000000001"),
        ("1.0*x", "1.0"),
    ],
)
def test_constants_that_no_double_is_are_left_alone(text: str, wanted: str) -> None:
    """A double would take them for 0 or 1; decimals tell the difference."""
    assert program(repeated(_graph(text), "x", 1), repeat_constants=True) == wanted


def test_pruning_leaves_the_graph_of_somebody_else_alone() -> None:
    graph = _graph("x*y")
    graph.append(graph.codes[2], (0, 2), None, 0, 0)
    pruned = prune(graph, 3)
    assert (graph.output, pruned.output) == (2, 3)


# Growth


@given(programs(gradients=True, most=12))
@settings(max_examples=150)
def test_derivatives_are_no_larger_than_the_costs_of_their_rows(case: Case) -> None:
    graph = lower(parse(case.text), case.values)
    derived = derive(graph)
    bound = 2 + sum(  # the seed, and a 0 for inputs that do not matter
        cost(graph.rows[code], len(operands), graph.rows).total
        for code, operands in zip(graph.codes, graph.operands, strict=True)
    )
    assert len(derived.graph) - len(graph) <= bound + 1  # the constant pi, which rules may use


def test_costs_are_counted_from_the_rules() -> None:
    found = {row.name: cost(row, 2) for row in (*ops.ROWS[:2], *ops.ELEMENTWISE)}
    assert found["input"].total == found["less"].total == found["floor"].total == 0
    assert found["mul"].rules == 0
    assert found["sin"].rules == 1  # its cosine
    assert found["cos"].rules == 2  # a sine and its negation
    assert cost(ops.ROWS[ops.CODES["max"]], 20).total < 12 * cost(ops.ROWS[ops.CODES["max"]], 2).total


def test_the_text_grows_no_faster_than_the_graph() -> None:
    """Shared gates are stages: each power of a nested expression would double the text without them."""
    sizes = []
    for depth in (20, 40):
        text = "x"
        for _ in range(depth):
            text = f"sin({text})*x"
        sizes.append(len(_derivative(text)))
    assert sizes[1] < 2.5 * sizes[0]


def test_derivation_stops_at_the_limit() -> None:
    """Exactly: as many gates as needed are enough."""
    graph = _graph("exp(sin(x)*cos(x)/x)^2")
    size = len(derive(graph).graph)
    assert len(derive(graph, max_gates=size).graph) == size
    with pytest.raises(LimitError, match=f"more than {size - 1} gates"):
        derive(graph, max_gates=size - 1)
    with pytest.raises(LimitError):
        repeated(graph, "x", 1000, max_gates=20_000)
    with pytest.raises(LimitError):
        hessian(graph, max_gates=size)
    with pytest.raises(LimitError):
        jacobian(graph, ["x"], [graph.output], max_gates=size - 1)
