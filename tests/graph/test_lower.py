"""From a program to its graph: which gates there are, in which order, and what is refused."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

import pytest

import gradcli
from gradcli import LimitError, ProgramError
from gradcli.errors import Span
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower


def _graph(text: str, bound: Collection[str] = (), of: str | None = None, max_gates: int | None = None) -> Graph:
    """The graph, verified."""
    limits = {} if max_gates is None else {"max_gates": max_gates}
    graph = lower(gradcli.parse(text), bound, of, **limits)
    graph.verify()
    return graph


def _listing(graph: Graph) -> str:
    """The gates in the order of their ids: inputs by name, constants by literal, others as op(operands)."""
    shown = []
    for gate in graph:
        plain = gate.literal or gate.name if not gate.operands else None
        shown.append(plain or f"{gate.op.name}({','.join(f'g{operand}' for operand in gate.operands)})")
    return " ".join(shown)


def _refused(text: str, bound: Collection[str] = (), of: str | None = None) -> ProgramError:
    with pytest.raises(ProgramError) as caught:
        _graph(text, bound, of)
    return caught.value


def _place(error: ProgramError) -> str:
    """What the error's carets stand under."""
    assert error.source is not None
    assert error.span is not None
    return error.source[error.span.start : error.span.end]


# Ids and order


@pytest.mark.parametrize(
    ("text", "listing"),
    [
        ("(x+y)*z", "x y z add(g0,g1) mul(g3,g2)"),
        ("x", "x"),
        ("2", "2"),
        ("z*(y+x)", "z y x add(g1,g2) mul(g0,g3)"),  # inputs by first appearance
        ("2*x + 2", "x 2 mul(g1,g0) 2 add(g2,g3)"),  # constants where they are written, each a gate of its own
        ("x - 2 - 2", "x 2 sub(g0,g1) 2 sub(g2,g3)"),
        ("x*x", "x mul(g0,g0)"),
        ("x + x*y", "x y mul(g0,g1) add(g0,g2)"),
        ("-3*x", "x -3 mul(g1,g0)"),
        ("-3^2", "3 2 pow(g0,g1) neg(g2)"),  # the minus belongs to the power
        ("x^-2", "x -2 pow(g0,g1)"),
        ("x⁻²", "x -2 pow(g0,g1)"),
        ("-(3)", "-3"),
        ("--3", "-3 neg(g0)"),
        ("-x", "x neg(g0)"),
        ("+x", "x"),
        ("x - -1.5e-3", "x -1.5e-3 sub(g0,g1)"),
        ("2x", "x 2 mul(g1,g0)"),
        ("√x", "x sqrt(g0)"),
        ("sin(x) + sin(x)", "x sin(g0) sin(g0) add(g1,g2)"),  # equal gates are not shared
        ("max(x, 1, y)", "x y 1 max(g0,g2,g1)"),
        ("log(x) + log(x, 2)", "x log(g0) 2 log_base(g0,g2) add(g1,g3)"),
        ("ln(x) + σ(x)", "x log(g0) sigmoid(g0) add(g1,g2)"),
        ("where(x > 0, x, -x)", "x 0 greater(g0,g1) neg(g0) where(g2,g0,g3)"),
        ("not x and y or z", "x y z not(g0) and(g3,g1) or(g4,g2)"),
        ("leaky_relu(x)", "x 0.01 leaky_relu(g0,g1)"),  # a default is a constant
        ("leaky_relu(slope=0.2, x=y)", "y 0.2 leaky_relu(g0,g1)"),
        ("inf - nan", "inf nan sub(g0,g1)"),
    ],
)
def test_gates_in_order(text: str, listing: str) -> None:
    assert _listing(_graph(text)) == listing


@pytest.mark.parametrize("bound", [(), ("x", "y", "z"), ("z", "y", "x")])
def test_the_order_of_values_does_not_matter(bound: Collection[str]) -> None:
    assert list(_graph("z*x + y", bound).inputs) == ["z", "x", "y"]


def test_a_gate_knows_its_place() -> None:
    text = "q = (x + y)*-3; sin(q)"
    graph = _graph(text)
    assert [text[slice(*gate.span)] for gate in graph] == ["x", "y", "x + y", "-3", "(x + y)*-3", "sin(q)"]


def test_gates_of_a_function_point_into_its_body() -> None:
    text = "f(a) = a*2\nf(x) + f(y)"
    assert [text[slice(*gate.span)] for gate in _graph(text)] == ["x", "y", "2", "a*2", "2", "a*2", "f(x) + f(y)"]


# Stages


def test_a_stage_names_its_gate() -> None:
    graph = _graph("q = x + y\nf = q*z\nf")
    assert graph.stages == {3: "q", 4: "f"}
    assert (graph.name(3), graph.label(3), graph.label(4)) == ("q", "q", "f")
    assert graph.output == 4


def test_a_stage_can_be_a_constant() -> None:
    graph = _graph("c = -3\nx*c")
    assert _listing(graph) == "x -3 mul(g0,g1)"
    assert graph.name(1) == "c"


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        ("q = x\nq*q", {}),  # an input keeps its own name
        ("q = x + y\nr = q\nr*2", {2: "q"}),  # the first name stays
        ("f(a) = a\nq = x + y\nr = f(q)\nr*2", {2: "q"}),
    ],
)
def test_aliases_are_no_gates(text: str, stages: Mapping[int, str]) -> None:
    assert _graph(text).stages == stages


@pytest.mark.parametrize(("of", "listing"), [("q", "x y add(g0,g1)"), ("r", "x y add(g0,g1)"), ("p", "x")])
def test_output_at_a_stage(of: str, listing: str) -> None:
    assert _listing(_graph("p = x; q = p + y; r = q; s = r*z; s", of=of)) == listing


def test_what_the_output_does_not_need_is_left_out() -> None:
    graph = _graph("a = x*y\nb = sin(z)\nc = b^2\nd = a + 1\nd", of="a")
    assert _listing(graph) == "x y mul(g0,g1)"
    assert graph.omitted == ("b", "c", "d")
    assert list(graph.free) == ["x", "y", "z"]  # these may be given
    assert list(graph.inputs) == ["x", "y"]  # these have to be


def test_stages_that_no_result_uses_are_left_out() -> None:
    graph = _graph("a = x*y\nb = sin(z)\na + 1")
    assert (_listing(graph), graph.omitted, graph.stages) == ("x y mul(g0,g1) 1 add(g2,g3)", ("b",), {2: "a"})


def test_an_output_that_is_no_stage() -> None:
    error = _refused("q = x + y; q*z", of="qq")
    assert (error.message, error.hint) == ("qq is not a stage of the program", "its stages are q")
    error = _refused("x + y", of="x")
    assert (error.message, error.hint) == (
        "x is not a stage of the program",
        "the program names no stage; write one as q = x + y",
    )


# Constants


@pytest.mark.parametrize(
    ("text", "bound", "listing"),
    [
        ("pi*x", (), "x pi mul(g1,g0)"),
        ("π*x", (), "x pi mul(g1,g0)"),
        ("tau + τ", (), "tau tau add(g0,g1)"),
        ("2pi", (), "2 pi mul(g0,g1)"),
        ("e^x", (), "x e pow(g1,g0)"),
        ("e^x", ("e",), "e x pow(g0,g1)"),
        ("pi*x", ("pi", "x"), "pi x mul(g0,g1)"),
        ("τ*x", ("τ",), "τ x mul(g0,g1)"),
        ("e = x + 1\ne*e", (), "x 1 add(g0,g1) mul(g2,g2)"),
        ("inf*x", ("inf",), "x inf mul(g1,g0)"),
    ],
)
def test_constants_unless_bound_or_assigned(text: str, bound: Collection[str], listing: str) -> None:
    assert _listing(_graph(text, bound)) == listing


def test_both_spellings_of_a_constant_are_bound_together() -> None:
    """No program reads one number for π and another one for pi by accident."""
    assert list(_graph("π*pi", ("pi",)).inputs) == ["π", "pi"]
    assert list(_graph("tau = x\nτ*tau").inputs) == ["x", "τ"]


def test_the_constants_have_their_values() -> None:
    values = {name: gradcli.evaluate(name).value for name in ("pi", "π", "e", "tau", "τ", "inf")}
    assert values == {
        "pi": 3.141592653589793,
        "π": 3.141592653589793,
        "e": 2.718281828459045,
        "tau": 6.283185307179586,
        "τ": 6.283185307179586,
        "inf": float("inf"),
    }


def test_inf_and_nan_are_never_names() -> None:
    error = _refused("inf = 3\ninf*x")
    assert (error.message, error.span) == ("inf is a constant", Span(0, 3))
    error = _refused("f(a, nan) = a\nf(x, 2)")
    assert (error.message, error.span) == ("nan is a constant", Span(5, 8))


# Functions


@pytest.mark.parametrize(
    ("text", "listing"),
    [
        ("f(a, b) = a*b + 1\nf(x, y)", "x y mul(g0,g1) 1 add(g2,g3)"),
        ("f(a) = a + 1\nf(f(x))", "x 1 add(g0,g1) 1 add(g2,g3)"),
        ("f(a) = a^2\ng(a, b) = f(a) + f(b)\ng(x, x+1)", "x 1 add(g0,g1) 2 pow(g0,g3) 2 pow(g2,g5) add(g4,g6)"),
        ("f(a, b) = a - b\nf(b=x, a=y)", "x y sub(g1,g0)"),  # operands are made in the order of writing
        ("f(a, b) = a - b\nf(y, b=x)", "y x sub(g0,g1)"),
        ("f() = 2\nf()*x", "x 2 mul(g1,g0)"),
        ("f(a) = a\nf(x)*f(2)", "x 2 mul(g0,g1)"),
        ("f(a, b) = a\nf(x, sin(y))", "x"),  # an argument that is not used leaves no gate
        ("f(a) = pi*a\nf(x)", "x pi mul(g1,g0)"),
        ("f(a) = max(a, 0, a)\nf(x)", "x 0 max(g0,g1,g0)"),
    ],
)
def test_functions_are_expanded(text: str, listing: str) -> None:
    assert _listing(_graph(text)) == listing


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("f(e) = e + 1\nf(2)*e", 8.154845485377136),  # a parameter hides a constant, inside only
        ("f(x) = x^2\nx + f(3)", 14.0),  # and an input
        ("q = x + 1\nf(q) = q*10\nf(2) + q", 26.0),  # and a stage
        ("f(a) = a + 1\nf = 2\nf(f)", 3.0),  # functions and values have names of their own kind
    ],
)
def test_parameters_hide_names(text: str, value: float) -> None:
    names = list(_graph(text).inputs)
    assert gradcli.evaluate(text, dict.fromkeys(names, 5.0)).value == value


@pytest.mark.parametrize(
    ("text", "message", "place", "hint"),
    [
        ("f(a, b) = a*b\nf(x)", "f can't be called with 1 argument", "f(x)", "write f(a, b)"),
        ("f(a) = a\nf(x, y)", "f can't be called with 2 arguments", "f(x, y)", "write f(a)"),
        ("f(a) = a\nf()", "f can't be called with no argument", "f()", "write f(a)"),
        ("f(a, b) = a\nf(x, c=y)", "c is not one of its arguments in f", "f(x, c=y)", "they are a, b"),
        ("f(a, b) = a\nf(x, a=y)", "a is given twice in f", "f(x, a=y)", "they are a, b"),
        ("sin(x, y)", "sin can't be called with 2 arguments", "sin(x, y)", "write sin(x)"),
        ("max()", "max can't be called with no argument", "max()", None),
        ("len()", "len can't be called with no argument", "len()", "write len(x)"),
        ("where(x, y)", "where can't be called with 2 arguments", "where(x, y)", "write where(c, a, b)"),
        ("log(x, y, z)", "log can't be called with 3 arguments", "log(x, y, z)", None),
        ("leaky_relu(slope=2)", "leaky_relu needs x", "leaky_relu(slope=2)", "write leaky_relu(x, slope=0.01)"),
        ("max(x, y=2)", "max has no argument y", "max(x, y=2)", "write max(x, …)"),
        ("sin(y=2)", "y is not one of its arguments in sin", "sin(y=2)", "they are x"),
    ],
)
def test_wrong_arguments(text: str, message: str, place: str, hint: str | None) -> None:
    error = _refused(text)
    assert (error.message, _place(error)) == (message, place)
    assert hint is None or error.hint == hint


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("f(x) = x*f(x - 1)\nf(3)", "f is recursive", "f"),
        ("f(x) = g(x)\ng(x) = f(x)\nf(1)", "g is called before it is defined", "g"),  # in a circle
        ("y = f(2)\nf(x) = x^2\ny", "f is called before it is defined", "f"),
        ("f(x) = h(x) + 1\nh(x) = x\nf(2)", "h is called before it is defined", "h"),
        ("sin(x) = x\nsin(2)", "sin is a built-in function and can't be redefined", "sin"),
        ("len(x) = x\nlen(2)", "len is a built-in function and can't be redefined", "len"),
        ("y = sin(2)\nsin(x) = x\ny", "sin is a built-in function and can't be redefined", "sin"),
        ("f(x) = x\nf(x) = 2x\nf(2)", "f is defined twice", "f"),
        ("f(a) = a*b\nf(x)", "b is not a parameter of f", "b"),
        ("k = 2\nf(a) = a*k\nf(x)", "k is not a parameter of f", "k"),
    ],
)
def test_definitions_that_mean_nothing(text: str, message: str, place: str) -> None:
    error = _refused(text)
    assert (error.message, _place(error)) == (message, place)


def test_the_place_of_a_recursion_is_the_call() -> None:
    assert _refused("f(x) = x*f(x - 1)\nf(3)").span == Span(9, 10)


def test_what_a_function_needs_is_made_a_parameter() -> None:
    error = _refused("f(a) = a*b\nf(x)")
    assert error.hint == "a function sees only its parameters and constants; make it f(a, b)"


def test_a_bound_constant_is_not_seen_by_functions() -> None:
    error = _refused("f(a) = pi*a\nf(x)", bound=("pi", "x"))
    assert error.message == "pi is not a parameter of f"


# Limits


def _doubling(body: str, times: int) -> str:
    """A program that calls f0 2^times times."""
    steps = [f"f{i}(x) = f{i - 1}(f{i - 1}(x))" for i in range(1, times + 1)]
    return "\n".join([f"f0(x) = {body}", *steps, f"f{times}(x)"])


def test_exponential_expansion_is_stopped() -> None:
    start = time.perf_counter()
    with pytest.raises(LimitError, match="needs more than 10000 gates") as caught:
        _graph(_doubling("x + 1", 60), max_gates=10_000)
    assert time.perf_counter() - start < 2.0
    assert "--max-gates" in str(caught.value)


def test_expansion_without_gates_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls cost time even where they make no gate."""
    monkeypatch.setattr("gradcli.graph.lowering.expressions.MAX_GATES", 20_000)
    start = time.perf_counter()
    with pytest.raises(LimitError, match="more than 20000 operands"):
        _graph(_doubling("x", 60), max_gates=10)
    assert time.perf_counter() - start < 2.0


def test_few_gates_are_enough_for_many_calls() -> None:
    assert _listing(_graph(_doubling("x", 10), max_gates=1)) == "x"


@pytest.mark.parametrize("most", [4, 5])
def test_the_limit_is_exact(most: int) -> None:
    text = "(x+y)*z"
    if most == 5:
        assert len(_graph(text, max_gates=most)) == 5
    else:
        with pytest.raises(LimitError, match="needs more than 4 gates"):
            _graph(text, max_gates=most)


@pytest.mark.parametrize(
    ("text", "gates"),
    [
        ("(" * 100_000 + "x" + ")" * 100_000, 1),
        ("sin(" * 100_000 + "x" + ")" * 100_000, 100_001),
        ("-" * 100_000 + "x", 100_001),
        ("x+(" * 100_000 + "x" + ")" * 100_000, 100_001),
        ("x^" * 100_000 + "x", 100_001),
        ("+".join(["x"] * 100_000), 100_000),
        ("+".join(f"x{i}" for i in range(50_000)), 99_999),
    ],
    ids=["parentheses", "calls", "signs", "sums to the right", "powers", "terms", "inputs"],
)
def test_depth_and_length_cost_no_recursion(text: str, gates: int) -> None:
    graph = lower(gradcli.parse(text))
    assert len(graph) == gates
    assert graph.output == gates - 1
    if gates < 2 or gates == 99_999:
        graph.verify()


def test_a_chain_of_stages() -> None:
    lines = ["q0 = x", *(f"q{i} = q{i - 1} + q{i - 1}" for i in range(1, 2_000))]
    graph = _graph("\n".join([*lines, "q1999"]))
    assert len(graph) == 2_000
    assert len(graph.stages) == 1_999


# Names


@pytest.mark.parametrize(
    ("text", "message", "span", "hint"),
    [
        ("x(y+1)", "x is not a function", Span(0, 1), "did you mean x*(y+1)?"),
        ("2 + ab(y)*ab", "ab is not a function", Span(4, 6), "did you mean ab*(y)?"),
        ("q = x + 1; q(2)", "q is not a function", Span(11, 12), "did you mean q*(2)?"),
        ("pi(x)", "pi is not a function", Span(0, 2), "did you mean pi*(x)?"),
        ("sni(x)", "there is no function sni", Span(0, 3), "did you mean sin?"),
        ("1 + sigmiod(x)", "there is no function sigmiod", Span(4, 11), "did you mean sigmoid?"),
        ("square(a) = a^2\nsqare(x)", "there is no function sqare", Span(16, 21), "did you mean square?"),
        ("q*2\nq = x", None, None, None),
        ("r = q + 1\nq = x\nr", "q is used before it is assigned", Span(4, 5), "write the line q = … above this one"),
        (
            "q = q + 1\nq",
            "q is used before it is assigned",
            Span(4, 5),
            "a stage cannot use itself; give the new value another name",
        ),
        (
            "q = x\n-q\nq",
            "q is used before it is assigned",
            Span(7, 8),
            "a stage cannot use itself; give the new value another name, or end the line above with ; "
            "if a new statement begins here",
        ),
        (
            "q = x\nq = q + 1\nq",
            "q is assigned twice",
            Span(6, 7),
            "a name is assigned once; give the second value another name",
        ),
    ],
)
def test_errors_point_to_their_place(text: str, message: str | None, span: Span | None, hint: str | None) -> None:
    if message is None:
        with pytest.raises(gradcli.ParseError):
            _graph(text)
        return
    error = _refused(text)
    assert (error.message, error.span, error.hint) == (message, span, hint)


@pytest.mark.parametrize("text", ["x*x(y, 1)", "x*x()"])
def test_a_product_is_suggested_only_where_it_would_be_one(text: str) -> None:
    error = _refused(text)
    assert error.message == "x is not a function"
    assert "did you mean" not in str(error)


def test_an_error_shows_its_line_with_carets() -> None:
    assert str(_refused("a = x + 1\nb = sni(a)\nb")) == (
        "there is no function sni\n  line 2: b = sni(a)\n              ^^^\nhint: did you mean sin?"
    )


def test_long_names_are_cut_short() -> None:
    long = "a" * 10_000
    many = ", ".join(f"a{i}" for i in range(1_000))
    for text in (
        f"{long}(x)",
        f"x*{long}(x, x)",
        f"f({long}) = b\nf(x)",
        f"f({many}) = b\nf(x)",
        f"f({many}) = a1\nf(x)",
        f"f({many}) = a1\nf({many[4:]}, {long}=x)",
        f"{long}(a, b) = a\n{long}(x)",
        f"{long}(a) = a\n{long}(a) = a\n{long}(x)",
        f"{long}(a) = {long}(a)\n{long}(x)",
        f"{long} = x\n{long} = x\n{long}",
        f"{long} = {long}\n{long}",
        f"y = {long}\n{long} = x\ny",
        f"sin(x, {long}=2)",
        f"sin({long}=2)",
        f"max(x, {long}=2)",
    ):
        error = _refused(text)
        assert len(str(error)) < 1000
        assert len(error.message) < 200


# Groups


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("x + y", []),
        ("q = x + y; r = q; q*z", [("q", "stage", 3, 4)]),  # a name for what is there already makes no group
        ("f(a) = a*a + 1\nf(x*2)", [("f", "call", 3, 6)]),  # arguments stand before the group
        ("f(a) = a + 1\nq = f(f(x))\nq", [("q", "stage", 1, 5), ("f", "call", 1, 3), ("f", "call", 3, 5)]),
        (
            "f(a) = a + 1\ng(a) = f(a)*2\nq = 3*g(x)\nq",
            [("q", "stage", 1, 7), ("g", "call", 2, 6), ("f", "call", 2, 4)],
        ),
        ("f(a) = a\nf(x) + 1", []),
        ("f(a) = a*a with grad (2a)\nq = f(x) + 1\nq", [("q", "stage", 1, 4)]),  # one gate is no group of gates
        ("p = x*2; q = y*3; q", [("q", "stage", 1, 3)]),  # what is not needed leaves no group
    ],
)
def test_groups_are_ranges_of_gates_outermost_first(text: str, groups: list[tuple[str, str, int, int]]) -> None:
    assert _graph(text).groups == groups


def test_groups_are_bounded_by_the_gates_and_not_by_the_calls() -> None:
    """A chain of functions that only call each other nests as deep as it is long; not every level is told apart."""
    chain = ["f0(x) = x + 1", *(f"f{i}(x) = f{i - 1}(x)" for i in range(1, 200))]
    graph = _graph("\n".join([*chain, "+".join(["f199(x)"] * 20)]))
    assert len(graph.groups) <= 16 * len(graph)
    assert graph.groups[0].name == "f199"
