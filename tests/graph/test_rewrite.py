"""Graph → Graph: functions written out, equal gates made one, known forms made one gate."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest
from exactly import assert_same
from hypothesis import given, settings
from programs import Case, programs

from gradcli.errors import LimitError, UsageError
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.graph.ops import Op
from gradcli.graph.printing import program
from gradcli.graph.rewriting import expand, fuse, share
from gradcli.graph.rewriting.stable import STABLE, fusable
from gradcli.language.parser import parse
from gradcli.passes import forward

Rewriting = Callable[[Graph], Graph]


def _graph(text: str) -> Graph:
    return lower(parse(text))


def _one_line(graph: Graph) -> str:
    """The graph as a program, verified."""
    graph.verify()
    return program(graph).replace("\n", "; ")


def _call(row: Op) -> Graph:
    name = "log" if row.name == "log_base" else row.name
    return lower(parse(f"{name}({', '.join(row.parameters)})"), row.parameters)


# --expand


@pytest.mark.parametrize(
    ("text", "names", "expanded"),
    [
        ("sigmoid(x)", ["sigmoid"], "1 / (1 + exp(-x))"),
        ("σ(x)", ["σ"], "1 / (1 + exp(-x))"),
        ("q = silu(x)\nq^2", ["swish"], "q = x / (1 + exp(-x)); q^2"),
        ("sigmoid(tanh(x))*relu(x)", ["relu"], "sigmoid(tanh(x)) * max(x, 0)"),
        ("leaky_relu(x)", ["leaky_relu"], "where(x > 0, x, 0.01 * x)"),  # the default argument stays
        ("relu(x) + (not x)", ["all"], "max(x, 0) + (x == 0)"),
        ("x > y", ["all"], "y < x"),  # which moves no input
        ("sign(x)", ["sign", ">"], "where(0 < x, 1, where(x < 0, -1, x))"),  # the definition's own gates too
        ("log(x, 2) + log(x)", ["log"], "log(x) / log(2) + log(x)"),
        ("f(a) = a*a with grad (2*a)\nf(f(x))", ["f"], "g1 = x * x; g1 * g1"),
        ("f(a) = sigmoid(a) with grad (1)\nf(x)", ["all"], "1 / (1 + exp(-x))"),
        ("f(a) = sigmoid(a) with grad (1)\nf(x)", ["f"], "sigmoid(x)"),
        ("g(a) = a + 1 with grad (1)\nf(a) = g(g(a)) with grad (1)\nf(x)", ["f", "g"], "x + 1 + 1"),
        ("tanh(x)", ["sigmoid"], "tanh(x)"),
    ],
)
def test_expand(text: str, names: list[str], expanded: str) -> None:
    assert _one_line(expand(_graph(text), names)) == expanded


def test_expanded_gates_stand_where_the_call_does() -> None:
    graph = expand(_graph("1 + sigmoid(x)"), ["sigmoid"])
    graph.verify()
    assert graph[graph.output].span == (0, 14)
    assert [graph.source[slice(*gate.span)] for gate in graph][1:] == ["1"] + ["sigmoid(x)"] * 6 + ["1 + sigmoid(x)"]


def test_inputs_stay_that_a_definition_ignores() -> None:
    graph = expand(_graph("f(a, b) = a with grad (1, 0)\nf(x, exp(y)) + f(z, x)"), ["f"])
    assert list(graph.inputs) == ["x", "y", "z"]
    assert list(graph.free) == ["x", "y", "z"]
    assert _one_line(graph) == "x + z"
    assert len(graph) == 4  # exp(y) is gone


def test_a_stage_that_becomes_an_input_has_no_gate() -> None:
    graph = expand(_graph("f(a) = a with grad (1)\nq = f(x)\nq + 1"), ["f"])
    assert _one_line(graph) == "x + 1"
    assert graph.assigned == ("q",)


def test_expanding_is_bounded() -> None:
    """Also where definitions double, nested deeply; a function that the program does not use costs nothing."""
    lines = ["f0(a) = a + a with grad (2)"]
    lines += [f"f{k}(a) = f{k - 1}(a) + f{k - 1}(a) with grad (2)" for k in range(1, 15)]
    text = "\n".join(lines)
    with pytest.raises(LimitError, match="more than 1000 gates"):
        expand(_graph(f"{text}\nf14(x)"), ["all"], max_gates=1000)
    assert len(expand(_graph(f"{text}\nf3(x)"), ["all"], max_gates=1000)) == 16
    assert _one_line(expand(_graph("sigmoid(x)"), ["sigmoid"], max_gates=7)) == "1 / (1 + exp(-x))"
    with pytest.raises(LimitError):
        expand(_graph("sigmoid(x)"), ["sigmoid"], max_gates=6)


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("sigmid", "there is no function sigmid", "did you mean sigmoid?"),
        ("f", "there is no function f", "gradcli functions"),
        ("sin", "sin is elementary", "sigmoid"),
        ("+", "+ is elementary", "sigmoid"),
        ("input", "there is no function input", "gradcli functions"),
        ("", "there is no function (empty)", "gradcli functions"),
    ],
)
def test_what_cannot_be_expanded(name: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        expand(_graph("sigmoid(x)"), [name])
    assert caught.value.message.startswith(message)
    assert hint in (caught.value.hint or "")


def test_functions_that_lowering_expands_are_accepted() -> None:
    assert _one_line(expand(_graph("f(a) = a^2\nf(x)"), ["f"], known=["f"])) == "x^2"


# --share


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("(x + y)*(x + y)", "g2 = x + y; g2 * g2"),
        ("(x + y)*(y + x)", "(x + y) * (y + x)"),  # the order of operands is the author's
        ("exp(2*x) + exp(2.0*x) + exp(20e-1*x)", "g3 = exp(2 * x); g3 + g3 + g3"),
        ("x*0.10 + x*1e-1", "g2 = x * 0.10; g2 + g2"),
        ("x*1_000 + x*1e3", "g2 = x * 1_000; g2 + g2"),
        ("x/0 + x/-0", "x / 0 + x / -0"),
        ("x*0.1 + x*0.1000000000000000055", "x * 0.1 + x * 0.1000000000000000055"),  # one double, two numbers
        ("x*nan + x*nan", "g2 = x * nan; g2 + g2"),
        ("x*e + x*e + x*inf", "g2 = x * e; g2 + g2 + x * inf"),
        ("q = x + 1\nr = x + 1\nq*r", "q = x + 1; q * q"),
        ("max(x, y, 1) + max(x, y, 1)", "g3 = max(x, y, 1); g3 + g3"),
        ("f(a) = a^2 with grad (2*a)\nf(x) + f(x)", "g1 = f(x); g1 + g1"),
    ],
)
def test_share(text: str, shared: str) -> None:
    graph = share(_graph(text))
    assert _one_line(graph).split("with grad (2*a); ")[-1] == shared
    assert program(share(graph)) == program(graph)


def test_the_first_literal_and_the_first_place_stay() -> None:
    graph = share(_graph("2*x + 2.0*x"))
    assert [graph.source[slice(*gate.span)] for gate in graph] == ["x", "2", "2*x", "2*x + 2.0*x"]
    assert graph.literals[1] == "2"


# --fuse


@pytest.mark.parametrize(
    ("text", "fused"),
    [
        ("1/(1+exp(-x))", "sigmoid(x)"),
        ("1/(exp(-x)+1.0)", "sigmoid(x)"),
        ("1/(1+e^-x)", "sigmoid(x)"),
        ("(1+exp(-x))^-1", "sigmoid(x)"),
        ("1/(1+exp(-1*x))", "sigmoid(x)"),
        ("1/(1+exp(-k*(x - m)))", "sigmoid(k * (x - m))"),
        ("1/(1+exp(-x/t))", "sigmoid(x / t)"),
        ("1/(1+exp(-2*x))", "sigmoid(2 * x)"),
        ("1/(1+exp(b-a))", "sigmoid(a - b)"),
        ("(a+b)/(1+exp(-(a+b)))", "silu(a + b)"),
        ("x*(1/(1+exp(-x)))", "silu(x)"),
        ("x*tanh(log(1+exp(x)))", "mish(x)"),
        ("0.5*x*(1 + erf(x/√2))", "gelu(x)"),
        ("log(1+exp(x))", "softplus(x)"),
        ("log1p(exp(x))", "softplus(x)"),
        ("-log(exp(-x)+1)", "logsigmoid(x)"),
        ("log(1/(1+exp(-x)))", "logsigmoid(x)"),
        ("log(exp(a)+exp(b))", "logaddexp(a, b)"),
        ("√(x²+y*y)", "hypot(x, y)"),
        ("(y^2+x^2)^0.5", "hypot(y, x)"),
        ("exp(x)-1 + (-1+exp(y))", "expm1(x) + expm1(y)"),
        ("0.5*(exp(x)-exp(-x))", "sinh(x)"),
        ("(-exp(-x)+exp(x))/2", "sinh(x)"),
        ("((exp(x)-exp(-x))/2)/((exp(x)+exp(-x))/2)", "tanh(x)"),
        ("2/(1+exp(-2*x)) - 1", "tanh(x)"),
        ("1 - (1 - erf(x))", "erf(x)"),
        ("log(x)/log(2) + log(x)/log(b)", "log2(x) + log(x, b)"),
        ("max(x, 0) + 1 - cos(x)", "max(x, 0) + 1 - cos(x)"),  # a kink; a replacement of several gates
        ("1/(2+exp(-x)) + 1/(1+exp(x)*2)", "1 / (2 + exp(-x)) + 1 / (1 + exp(x) * 2)"),
        ("q = exp(-x)\nr = 1/(1+q)\nr + q", "q = exp(-x); r = sigmoid(x); r + q"),  # q is needed elsewhere
        ("q = exp(-x)\nr = 1/(1+q)\nr", "r = sigmoid(x); r"),
        ("sqrt(x^2+y^2)+log(1+exp(sqrt(x^2+y^2)))", "hypot(x, y) + softplus(hypot(x, y))"),  # not shared
    ],
)
def test_fuse(text: str, fused: str) -> None:
    graph = _graph(text)
    found = fuse(graph)
    assert _one_line(found) == fused
    assert list(found.inputs) == list(graph.inputs)


def test_a_fused_gate_stands_where_its_form_did() -> None:
    graph = fuse(_graph("2 + 1/(1 + exp(-3*x))"))
    graph.verify()
    places = [graph.source[slice(*gate.span)] for gate in graph]
    assert places == ["x", "2", *["1/(1 + exp(-3*x))"] * 3, "2 + 1/(1 + exp(-3*x))"]


@pytest.mark.parametrize("row", fusable(), ids=lambda row: row.name)
def test_what_expand_writes_out_fuse_finds(row: Op) -> None:
    graph = _call(row)
    expanded = expand(graph, [row.name])
    assert _one_line(expanded) != _one_line(graph)
    assert _one_line(fuse(expanded)) == _one_line(graph)


def _nested(r: random.Random, depth: int) -> str:
    """A program of known forms and calls inside one another."""
    if depth == 0:
        return r.choice(("x", "y", "(x + y)", "(x - y)", "(2*x)", "(-x)", "(x*y)", "1.5"))
    rows = [(row.definition or "", row.parameters) for row in fusable()]
    texts = [(pattern, tuple(_graph(pattern).inputs)) for pattern, _ in STABLE]
    text, names = r.choice([*rows, *texts])
    inner = {name: _nested(r, r.randrange(depth)) for name in names}
    # A function of the program puts the operands in place of the names.
    return f"({_substituted(text, inner)})"


def _substituted(text: str, operands: dict[str, str]) -> str:
    tokens = []
    word = ""
    for character in f"{text} ":
        if character.isalnum() or character in "_.":
            word += character
            continue
        tokens += [f"({operands[word]})" if word in operands else word, character]
        word = ""
    return "".join(tokens).strip()


@pytest.mark.parametrize("seed", range(60))
def test_a_fused_program_is_the_same_function(seed: int) -> None:
    """Value and gradients, in multiprecision, wherever those of the written program are finite."""
    r = random.Random(seed)
    graph = _graph(f"{_nested(r, 2)} + {_nested(r, 2)}")
    found = fuse(graph)
    found.verify()
    for _ in range(4):
        point = {name: r.uniform(-2.0, 2.0) for name in graph.inputs}
        assert_same(graph, found, point)
        assert_same(graph, share(found), point)
        assert_same(graph, expand(found, ["all"]), point)


# All of them


@pytest.mark.parametrize(
    "rewriting", [lambda graph: expand(graph, ["all"]), fuse, share], ids=["expand", "fuse", "share"]
)
@settings(max_examples=150, deadline=None)
@given(case=programs())
def test_any_program_can_be_rewritten(rewriting: Rewriting, case: Case) -> None:
    """The result is a graph of the same inputs; the graph that it is made from stays what it is."""
    graph = lower(parse(case.text), case.values)
    before = program(graph)
    found = rewriting(graph)
    found.verify()
    assert program(graph) == before
    assert (list(found.inputs), found.free, found.assigned) == (list(graph.inputs), graph.free, graph.assigned)
    assert set(found.stages.values()) <= set(graph.stages.values())
    if rewriting is share:
        same = [forward(one, case.values)[one.output] for one in (graph, found)]
        assert repr(same[0]) == repr(same[1])


def test_all_means_down_to_the_primitives() -> None:
    for row in ops.ELEMENTWISE:
        if row.definition is None:
            continue
        text = f"x {row.symbol} y" if row.symbol and len(row.parameters) > 1 else f"{row.symbol} x"
        graph = _graph(text) if row.symbol else _call(row)
        assert all(gate.op.definition is None for gate in expand(graph, ["all"])), row.name


@pytest.mark.parametrize(
    "rewriting", [lambda graph: expand(graph, ["all"]), fuse, share], ids=["expand", "fuse", "share"]
)
def test_the_cost_is_linear(rewriting: Rewriting) -> None:
    """A chain eight times as long, to 80,000 gates, takes about eight times as long; if it were squared, 64 times."""
    seconds = []
    for length in (1_250, 10_000):
        step = "1/(1 + exp(-s{0})) + sigmoid(s{0})*s{0}"
        lines = ["s0 = x + 0", *(f"s{k + 1} = {step.format(k)}" for k in range(length))]
        graph = _graph("\n".join([*lines, f"s{length}"]))
        start = time.process_time()
        rewriting(graph)
        seconds.append(time.process_time() - start)
    assert len(graph) > 80_000
    assert seconds[1] < 25.0 * seconds[0]


def test_a_long_product_with_a_sign_is_neither_deep_nor_slow() -> None:
    """Each gate of the chain is a negative, and so are all that build on it; the sign is followed a few gates down."""
    length = 4_000
    lines = ["p0 = -k*x", *(f"p{i + 1} = p{i}*x" for i in range(length))]
    lines += [f"q{i} = 1/(1 + exp(p{i}))" for i in range(0, length, 2)]
    graph = _graph("\n".join([*lines, " + ".join(f"q{i}" for i in range(0, length, 2))]))
    start = time.process_time()
    found = fuse(graph)
    assert time.process_time() - start < 10.0
    found.verify()
    assert 5 < sum(gate.op.name == "sigmoid" for gate in found) < length // 2
    assert len(found) < 4 * len(graph)
    point = {"k": 1.3, "x": 0.9}
    assert forward(found, point)[found.output] == pytest.approx(forward(graph, point)[graph.output], rel=1e-13)
