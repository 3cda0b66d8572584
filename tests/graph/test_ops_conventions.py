"""What is answered where mathematics leaves a choice, or IEEE 754 has made one: the numeric policy, line by line."""

from __future__ import annotations

import math
from math import inf, nan, pi

import pytest
from test_ops_accuracy import TESTED

from gradcli.graph import ops
from gradcli.graph.lower import lower
from gradcli.graph.ops import Op
from gradcli.language.parser import parse
from gradcli.passes import FLOATS, evaluate_graph
from gradcli.traces import Trace


def run(text: str, **inputs: float) -> Trace:
    return evaluate_graph(lower(parse(text), inputs), inputs)


CASES: list[tuple[str, dict[str, float], float, dict[str, float]]] = [
    # kinks: the subgradient of least norm
    ("abs(x)", {"x": 0.0}, 0.0, {"x": 0.0}),
    ("abs(x)", {"x": -0.0}, 0.0, {"x": 0.0}),
    ("relu(x)", {"x": 0.0}, 0.0, {"x": 0.0}),
    ("selu(x)", {"x": 0.0}, 0.0, {"x": 1.0507009873554805}),
    ("leaky_relu(x, slope=0.2)", {"x": 0.0}, 0.0, {"x": 0.2}),
    ("leaky_relu(x)", {"x": 0.0}, 0.0, {"x": 0.01}),
    ("elu(x, 2)", {"x": 0.0}, 0.0, {"x": 2.0}),
    ("clamp(x, -1, 1)", {"x": -1.0}, -1.0, {"x": 0.0}),
    ("clamp(x, -1, 1)", {"x": 1.0}, 1.0, {"x": 0.0}),
    ("clamp(x, a, b)", {"x": 0.5, "a": -1.0, "b": 1.0}, 0.5, {"x": 1.0, "a": 0.0, "b": 0.0}),
    ("clamp(x, a, b)", {"x": 2.0, "a": -1.0, "b": 1.0}, 1.0, {"x": 0.0, "a": 0.0, "b": 1.0}),
    ("clamp(x, a, b)", {"x": -2.0, "a": -1.0, "b": 1.0}, -1.0, {"x": 0.0, "a": 1.0, "b": 0.0}),
    ("abs(x)^3", {"x": 0.0}, 0.0, {"x": 0.0}),
    ("relu(x)-relu(-x)", {"x": 0.0}, 0.0, {"x": 0.0}),
    ("relu(-sqrt(x))", {"x": 0.0}, 0.0, {"x": 0.0}),
    # ties share
    ("max(x, y)", {"x": 2.0, "y": 2.0}, 2.0, {"x": 0.5, "y": 0.5}),
    ("min(x, y)", {"x": 2.0, "y": 2.0}, 2.0, {"x": 0.5, "y": 0.5}),
    ("max(x, y, z)", {"x": 1.0, "y": 1.0, "z": 1.0}, 1.0, {"x": 1 / 3, "y": 1 / 3, "z": 1 / 3}),
    ("max(x, y, z)", {"x": 1.0, "y": 3.0, "z": 3.0}, 3.0, {"x": 0.0, "y": 0.5, "z": 0.5}),
    ("max(x, x)", {"x": 1.0}, 1.0, {"x": 1.0}),
    ("max(x,0)", {"x": -0.0}, -0.0, {"x": 0.5}),
    ("max(x, y)", {"x": 0.0, "y": -0.0}, 0.0, {"x": 0.5, "y": 0.5}),
    ("max(x, y)", {"x": inf, "y": inf}, inf, {"x": 0.5, "y": 0.5}),
    ("max(x,y)", {"x": 0.0, "y": -0.0}, 0.0, {"x": 0.5, "y": 0.5}),
    # vertical tangents
    ("sqrt(x)", {"x": 0.0}, 0.0, {"x": inf}),
    ("sqrt(x)", {"x": -0.0}, -0.0, {"x": inf}),
    ("x^a", {"x": 0.0, "a": 0.5}, 0.0, {"x": inf, "a": 0.0}),
    ("x^a", {"x": -0.0, "a": 0.5}, 0.0, {"x": inf, "a": 0.0}),
    ("cbrt(x)", {"x": 0.0}, 0.0, {"x": inf}),
    ("cbrt(x)", {"x": -0.0}, -0.0, {"x": inf}),
    ("asin(x)", {"x": 1.0}, pi / 2, {"x": inf}),
    ("asin(x)", {"x": -1.0}, -pi / 2, {"x": inf}),
    ("acos(x)", {"x": 1.0}, 0.0, {"x": -inf}),
    ("acos(x)", {"x": -1.0}, pi, {"x": -inf}),
    ("atanh(x)", {"x": 1.0}, inf, {"x": inf}),
    ("atanh(x)", {"x": -1.0}, -inf, {"x": inf}),
    ("acosh(x)", {"x": 1.0}, 0.0, {"x": inf}),
    ("log(x)", {"x": 0.0}, -inf, {"x": inf}),
    ("log(x)", {"x": -0.0}, -inf, {"x": inf}),
    ("log2(x)", {"x": -0.0}, -inf, {"x": inf}),
    ("log10(x)", {"x": -0.0}, -inf, {"x": inf}),
    ("log1p(x)", {"x": -1.0}, -inf, {"x": inf}),
    ("x^0.5", {"x": 0.0}, 0.0, {"x": inf}),
    # powers
    ("x^0", {"x": 0.0}, 1.0, {"x": 0.0}),
    ("x^0", {"x": inf}, 1.0, {"x": 0.0}),
    ("x^0", {"x": -inf}, 1.0, {"x": 0.0}),
    ("x^0", {"x": nan}, 1.0, {"x": 0.0}),
    ("x^0", {"x": 5e-324}, 1.0, {"x": 0.0}),
    ("x^0", {"x": -3.0}, 1.0, {"x": 0.0}),
    ("x^a", {"x": 0.0, "a": 0.0}, 1.0, {"x": 0.0, "a": 0.0}),
    ("x^a", {"x": 0.0, "a": 2.0}, 0.0, {"x": 0.0, "a": 0.0}),
    ("x^a", {"x": 0.0, "a": 1.0}, 0.0, {"x": 1.0, "a": 0.0}),
    ("x^a", {"x": 0.0, "a": -1.0}, inf, {"x": -inf, "a": -inf}),
    ("x^y", {"x": 0.0, "y": 0.0}, 1.0, {"x": 0.0, "y": 0.0}),
    ("x^y", {"x": 0.0, "y": -1.0}, inf, {"x": -inf, "y": -inf}),
    ("0^x", {"x": 0.0}, 1.0, {"x": 0.0}),
    ("0^x", {"x": -1.0}, inf, {"x": -inf}),
    ("x^y", {"x": -2.0, "y": 2.0}, 4.0, {"x": -4.0, "y": nan}),
    ("x^y", {"x": -8.0, "y": 0.5}, nan, {"x": nan, "y": nan}),
    ("x^y", {"x": 1.0, "y": inf}, 1.0, {"x": inf, "y": 0.0}),
    ("x^a", {"x": -8.0, "a": 1 / 3}, nan, {"x": nan, "a": nan}),
    ("x^a", {"x": -2.0, "a": 3.0}, -8.0, {"x": 12.0, "a": nan}),
    ("x^3", {"x": -2.0}, -8.0, {"x": 12.0}),
    ("x^-1", {"x": -2.0}, -0.5, {"x": -0.25}),
    ("x^2", {"x": -1e200}, inf, {"x": -2e200}),
    ("x^3", {"x": -1e110}, -inf, {"x": 3e220}),
    ("x^a", {"x": 1.0, "a": inf}, 1.0, {"x": inf, "a": 0.0}),
    ("x^a", {"x": inf, "a": 2.0}, inf, {"x": inf, "a": inf}),
    ("x^a", {"x": 2.0, "a": -inf}, 0.0, {"x": nan, "a": 0.0}),  # inf*0
    # outside the domain
    ("log(x)", {"x": -1.0}, nan, {"x": nan}),
    ("log2(x)", {"x": -1.0}, nan, {"x": nan}),
    ("log10(x)", {"x": -1.0}, nan, {"x": nan}),
    ("log1p(x)", {"x": -2.0}, nan, {"x": nan}),
    ("log(x, 2)", {"x": -1.0}, nan, {"x": nan}),
    ("log(8, b)", {"b": -2.0}, nan, {"b": nan}),
    ("sqrt(x)", {"x": -1.0}, nan, {"x": nan}),
    ("asin(x)", {"x": 2.0}, nan, {"x": nan}),
    ("acos(x)", {"x": -2.0}, nan, {"x": nan}),
    ("acos(x)", {"x": 2.0}, nan, {"x": nan}),
    ("atanh(x)", {"x": 2.0}, nan, {"x": nan}),
    ("atanh(x)", {"x": -2.0}, nan, {"x": nan}),
    ("acosh(x)", {"x": 0.5}, nan, {"x": nan}),
    ("acosh(x)", {"x": -2.0}, nan, {"x": nan}),
    ("xlogy(x, y)", {"x": 2.0, "y": -1.0}, nan, {"x": nan, "y": nan}),
    ("sin(x)", {"x": inf}, nan, {"x": nan}),
    ("cos(x)", {"x": inf}, nan, {"x": nan}),
    ("tan(x)", {"x": inf}, nan, {"x": nan}),
    ("x / y", {"x": 0.0, "y": 0.0}, nan, {"x": inf, "y": nan}),
    ("mod(x, y)", {"x": 1.0, "y": 0.0}, nan, {"x": 1.0, "y": nan}),
    ("max(1,x)", {"x": nan}, nan, {"x": nan}),
    # steps
    ("sign(x)", {"x": 0.0}, 0.0, {"x": 0.0}),
    ("sign(x)", {"x": -2.0}, -1.0, {"x": 0.0}),
    ("floor(x)", {"x": -2.5}, -3.0, {"x": 0.0}),
    ("ceil(x)", {"x": -2.5}, -2.0, {"x": 0.0}),
    ("ceil(x)", {"x": -0.5}, -0.0, {"x": 0.0}),
    ("round(x)", {"x": 0.5}, 0.0, {"x": 0.0}),
    ("round(x)", {"x": 1.5}, 2.0, {"x": 0.0}),
    ("round(x)", {"x": 2.5}, 2.0, {"x": 0.0}),
    ("round(x)", {"x": -0.5}, -0.0, {"x": 0.0}),
    ("round(x)", {"x": 1e300}, 1e300, {"x": 0.0}),
    ("x < y", {"x": 1.0, "y": 2.0}, 1.0, {"x": 0.0, "y": 0.0}),
    ("x <= y", {"x": 2.0, "y": 2.0}, 1.0, {"x": 0.0, "y": 0.0}),
    ("x == y", {"x": nan, "y": nan}, 0.0, {"x": 0.0, "y": 0.0}),
    ("x != y", {"x": nan, "y": nan}, 1.0, {"x": 0.0, "y": 0.0}),
    ("mod(a, b)", {"a": 7.5, "b": 2.0}, 1.5, {"a": 1.0, "b": -3.0}),
    ("mod(a, b)", {"a": -7.5, "b": 2.0}, 0.5, {"a": 1.0, "b": 4.0}),
    ("mod(a, b)", {"a": 7.5, "b": -2.0}, -0.5, {"a": 1.0, "b": 4.0}),
    # the origin
    ("hypot(x, y)", {"x": 0.0, "y": 0.0}, 0.0, {"x": 0.0, "y": 0.0}),
    ("hypot(x, y)", {"x": inf, "y": nan}, inf, {"x": nan, "y": nan}),
    ("atan2(y, x)", {"y": 0.0, "x": 0.0}, 0.0, {"y": 0.0, "x": 0.0}),
    ("xlogy(x, y)", {"x": 0.0, "y": 0.0}, 0.0, {"x": -inf, "y": 0.0}),
    ("xlogy(x, y)", {"x": 0.0, "y": nan}, nan, {"x": nan, "y": nan}),
    ("sqrt(x^2+y^2)", {"x": 0.0, "y": 0.0}, 0.0, {"x": nan, "y": nan}),  # 0*inf
    ("sqrt(x^2)", {"x": -0.0}, 0.0, {"x": nan}),  # 0*inf
    ("sinc(x)", {"x": 0.0}, 1.0, {"x": 0.0}),
    ("sin(x)/x", {"x": 0.0}, nan, {"x": nan}),  # 0/0
    ("x*log(x)", {"x": 0.0}, nan, {"x": -inf}),  # 0*inf
    # gelu is the erf form: Φ(1), Φ(1) + φ(1)
    ("gelu(x)", {"x": 1.0}, 0.8413447460685429, {"x": 1.0833154705876863}),
    ("gelu(x)", {"x": 0.0}, 0.0, {"x": 0.5}),
    # the branch not chosen
    ("where(c, a, b)", {"c": nan, "a": 1.0, "b": 2.0}, nan, {"c": 0.0, "a": nan, "b": nan}),
    ("where(x > 0, x, sqrt(-x))", {"x": 4.0}, 4.0, {"x": 1.0}),
    ("where(x > 0, log(x), 2*x)", {"x": -1.0}, -2.0, {"x": 2.0}),
    ("where(x > 0, 1/x, x)", {"x": 0.0}, 0.0, {"x": 1.0}),
    ("where(x > 0, x, sqrt(x))^0.5", {"x": 0.0}, 0.0, {"x": inf}),
    ("sqrt(where(x < 1, x, 1/x))", {"x": 0.0}, 0.0, {"x": inf}),
    ("sqrt(where(c, x, y))", {"c": 1.0, "x": 0.0, "y": nan}, 0.0, {"c": 0.0, "x": inf, "y": 0.0}),
    ("sqrt(where(c, x, y))", {"c": 0.0, "x": inf, "y": 0.0}, 0.0, {"c": 0.0, "x": 0.0, "y": inf}),
    ("where(x > 0, sqrt(x), 0)", {"x": 0.0}, 0.0, {"x": 0.0}),
    ("where(x > 0, sqrt(x), 0)", {"x": -1.0}, 0.0, {"x": 0.0}),
    ("where(x < 0, exp(x), 1 + x)", {"x": 1000.0}, 1001.0, {"x": 1.0}),
    ("where(x == 0, 1, sin(x)/x)", {"x": 0.0}, 1.0, {"x": 0.0}),
    ("0*sqrt(x)", {"x": 0.0}, 0.0, {"x": 0.0}),
    # logarithms by name
    ("log(x)", {"x": math.e}, 1.0, {"x": 1 / math.e}),
    ("ln(x)", {"x": math.e}, 1.0, {"x": 1 / math.e}),
    ("log2(x)", {"x": 8.0}, 3.0, {"x": 1 / (8 * math.log(2))}),
    ("log10(x)", {"x": 1000.0}, 3.0, {"x": 1 / (1000 * math.log(10))}),
    ("log(x, b)", {"x": 9.0, "b": 3.0}, 2.0, {"x": 1 / (9 * math.log(3)), "b": -2 / (3 * math.log(3))}),
    # IEEE instead of exceptions
    ("1 / x", {"x": 0.0}, inf, {"x": -inf}),
    ("1 / x", {"x": -0.0}, -inf, {"x": -inf}),
    ("1 / x", {"x": inf}, 0.0, {"x": -0.0}),
    ("exp(x)", {"x": 1000.0}, inf, {"x": inf}),
    ("sinh(x)", {"x": -1000.0}, -inf, {"x": inf}),
    ("cosh(x)", {"x": -1000.0}, inf, {"x": -inf}),
    ("expm1(x)", {"x": 1000.0}, inf, {"x": inf}),
    ("expm1(x)", {"x": -inf}, -1.0, {"x": 0.0}),
    ("tanh(x)", {"x": inf}, 1.0, {"x": 0.0}),
    ("logaddexp(x, y)", {"x": inf, "y": 0.0}, inf, {"x": 1.0, "y": 0.0}),
    ("logaddexp(x, y)", {"x": -inf, "y": -inf}, -inf, {"x": 0.5, "y": 0.5}),
    ("0 * x", {"x": inf}, nan, {"x": 0.0}),
    # max and min pass nan on
    ("max(x, y)", {"x": nan, "y": 1.0}, nan, {"x": nan, "y": nan}),
    ("max(x, y)", {"x": 1.0, "y": nan}, nan, {"x": nan, "y": nan}),
    ("min(x, y)", {"x": nan, "y": 1.0}, nan, {"x": nan, "y": nan}),
    ("min(x, y)", {"x": 1.0, "y": nan}, nan, {"x": nan, "y": nan}),
]


@pytest.mark.parametrize(("text", "inputs", "value", "gradients"), CASES, ids=lambda v: str(v).replace(" ", ""))
def test_convention(text: str, inputs: dict[str, float], value: float, gradients: dict[str, float]) -> None:
    trace = run(text, **inputs)
    assert trace.value == pytest.approx(value, rel=5e-16, abs=0.0, nan_ok=True)
    if value == 0.0:
        assert math.copysign(1.0, trace.value) == math.copysign(1.0, value)
    assert trace.gradients == pytest.approx(gradients, rel=9e-16, abs=0.0, nan_ok=True)


def test_an_unselected_branch_contributes_exactly_zero() -> None:
    """Also where its slope is infinite and the gradient that arrives is infinite."""
    trace = run("1 / where(x > 0, sqrt(x), x)", x=-0.0)
    contributions = {edge.id: edge.contribution for gate in trace.gates for edge in gate.operands if gate.op == "where"}
    assert list(contributions.values())[1] == 0.0
    assert trace.gradients == {"x": -inf}


# nan in, nan out; but comparisons and logic answer 0 or 1, and a choice ignores what it does not choose.
TRUTH = {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "and", "or", "not"}
NOT_CHOSEN = {("where", 2), ("leaky_relu", 1), ("elu", 1)}  # operands of the branch not taken at 2.5


@pytest.mark.parametrize("row", TESTED, ids=lambda row: row.name)
def test_nan_in_nan_out(row: Op) -> None:
    function = getattr(FLOATS, ops.attribute(row.name))
    count = max(len(row.samples[0]), 2) if row.variadic else len(row.parameters)
    for position in range(count):
        operands = [2.5] * count
        operands[position] = nan
        if (row.name, position) in NOT_CHOSEN:
            assert function(*operands) == 2.5
        elif row.name in TRUTH:
            assert function(*operands) in (0.0, 1.0)
        else:
            assert math.isnan(function(*operands)), f"{row.name}{tuple(operands)}"


def test_ieee_exceptions_to_nan_in_nan_out() -> None:
    assert FLOATS.pow(nan, 0.0) == 1.0
    assert FLOATS.pow(1.0, nan) == 1.0
    assert FLOATS.hypot(inf, nan) == inf
    assert FLOATS.hypot(nan, -inf) == inf
    assert FLOATS.chain(0.0, nan) == 0.0


_ODD = (0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 5e-324, 1e308, -1e308, inf, -inf, nan)


@pytest.mark.parametrize("row", TESTED, ids=lambda row: row.name)
def test_nothing_raises(row: Op) -> None:
    """Every value and partial is a float, whatever the operands."""
    count = 2 if row.variadic else len(row.parameters)
    points = [(x,) for x in _ODD]
    for _ in range(count - 1):
        points = [(*point, x) for point in points for x in _ODD]
    function = getattr(FLOATS, ops.attribute(row.name))
    for point in points:
        y = function(*point)
        assert isinstance(y, float)
        for rule in row.partials:
            result = rule if isinstance(rule, float) else rule(FLOATS, y, *point)
            assert all(isinstance(p, float) for p in (result if row.variadic else (result,)))
