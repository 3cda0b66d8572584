"""The checker, checked: precision, true local gradients, verdicts, digits lost, against numbers of others."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from gradcli.checking import Checked, check, sampling
from gradcli.checking.exact import settle
from gradcli.checking.precision import FULL, correct_digits, outside, ulps
from gradcli.checking.slopes import Slopes
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.numeric.system import NumberSystem
from gradcli.passes import FLOATS
from gradcli.traces import Trace

CASES = Path(__file__).parent / "cases"


def graph_of(text: str, names: Mapping[str, Any]) -> Graph:
    return lower(parse(text), names)


def settled(text: str, digits: int = 17, *, doubles: bool = False, **point: str) -> Trace:
    """The program at decimal inputs."""

    def numbers(m: NumberSystem) -> dict[str, Any]:
        return {name: m.number(x) for name, x in point.items()}

    return settle(graph_of(text, point), numbers, None, digits, doubles=doubles)


def written(text: str, digits: int = 17, *, doubles: bool = False, **point: str) -> str:
    trace = settled(text, digits, doubles=doubles, **point)
    return str(trace.system.write(trace.value))


def checked(text: str, **point: float) -> Checked:
    return check(graph_of(text, point), point)


# Precision


@pytest.mark.parametrize(
    ("text", "x", "wanted"),
    [
        ("1 - cos(x)", "1e-40", "5.0e-81"),
        ("(1 - cos(x))/x^2", "1e-300", "0.5"),
        ("x - sin(x)", "1e-40", "1.6666666666666667e-121"),
        ("1 + (1 - cos(x))/x^2", "1e-200", "1.5"),
        ("((1 + x) - 1)/x", "1e-300", "1.0"),
        ("where(1 + x > 1, 1, 0)", "1e-300", "1.0"),
        ("floor(1 - x)", "1e-100", "0.0"),
        ("log(x + exp(-x))*2/x^2", "1e-90", "1.0"),
        ("f(t) = 1 - cos(t) with grad (sin(t))\nf(x)/x^2", "1e-200", "0.5"),
        ("drop(t) = 1 - cos(t) with grad (sin(t))\ndrop(x)/x^2", "1e-200", "0.5"),
        ("(tanh(1/x) - 1)*exp(2/x)", "1e-3", "-2.0"),
    ],
)
def test_a_term_that_is_absorbed_at_low_precision_is_found(text: str, x: str, wanted: str) -> None:
    """Two runs that agree on a wrong number are not believed."""
    assert written(text, x=x) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0.1 + 0.2 - 0.3", "0.0"),
        ("sqrt(2)^2 - 2", "0.0"),
        ("cos(pi/2)", "0.0"),
        ("sin(1) - sin(1)", "0.0"),
        ("exp(1) - e", "0.0"),
        ("floor(0.29*100)", "29.0"),
        ("(0.1 + 0.2 - 0.3)*exp(1000)", "0.0"),
        ("log(exp(0))", "0.0"),
    ],
)
def test_what_is_exactly_0_is_0(text: str, wanted: str) -> None:
    assert written(text) == wanted


def test_constants_are_decimals_or_doubles() -> None:
    """0.1 + 0.2 - 0.3 of doubles is 2^-55."""
    assert Fraction(0.1) + Fraction(0.2) - Fraction(0.3) == Fraction(1, 2**55)
    assert written("0.1 + 0.2 - 0.3", 30, doubles=True) == "2.77555756156289135105907917023e-17"
    assert written("sin(pi)", 20) == "0.0"
    assert written("sin(pi)", 20, doubles=True) == "1.2246467991473531772e-16"
    assert written("e", 120).endswith("35354759457138217852516642742746639193200305992")


def test_a_famous_near_integer() -> None:
    """Hermite; Ramanujan's constant."""
    wanted = "262537412640768743.99999999999925007259719818568887935385633733699"
    assert written("e^(pi*sqrt(163))", 65) == wanted


def test_there_is_no_overflow() -> None:
    assert written("exp(1000)", 20) == "1.9700711140170469939e+434"
    assert written("exp(-1000)", 20) == "5.0759588975494567653e-435"
    assert written("exp(exp(exp(1000)))") == "inf"
    assert written("1/0") == "inf"
    assert written("log(-1)") == "nan"


def test_thousands_of_digits() -> None:
    third = written("1/3 + 0*x", 5000, x="0")
    assert third == "0." + "3" * 5000
    literal = "0." + "12" * 3000
    assert written("x*1", 6000, x=literal) == literal


def test_gradients_are_settled_too() -> None:
    trace = settled("(1 - cos(x))/x^2", 20, x="1e-40")
    assert trace.system.write(trace.gradients["x"]) == "-8.3333333333333333333e-42"
    flat = settled("sin(x)^2 + cos(x)^2", 20, x="0.3")
    assert flat.system.write(flat.gradients["x"]) == "0.0"


def _values(file: str, key: str) -> list[Any]:
    cases = json.loads((CASES / file).read_text(encoding="utf-8"))[key]
    return [
        pytest.param(case["expr"], point, id=f"{case['id']}-{number}")
        for case in cases
        for number, point in enumerate(case.get("points", [case]))
    ]


SMALL = [case for case in _values("functions.json", "functions") if len(str(case.values[0])) < 2000]
EVERY = [*_values("feynman.json", "equations"), *SMALL, *_values("tutorials.json", "examples")]


@pytest.mark.parametrize(("text", "point"), EVERY)
def test_numbers_from_60_digit_arithmetic(text: str, point: Mapping[str, Any]) -> None:
    """Seventeen digits of value and gradients, where the case's decimals are doubles."""
    inputs = {name: str(x) for name, x in point["x"].items()}
    trace = settled(text, 17, **inputs)
    numbers = {"f": trace.value, **trace.gradients}
    largest = max(map(abs, point["grad"].values()))
    for name, wanted in {"f": point["f"], **point["grad"]}.items():
        found = float(trace.system.write(numbers[name]))
        exact = wanted if abs(wanted) > 1e-50 * largest else 0.0  # what 60 digits leave of a symmetric sum
        assert abs(found - exact) <= 1e-15 * abs(exact), name


# True local gradients


def true_slope(name: str, *xs: float, by: int = 0) -> tuple[float | None, ...]:
    def function(m: NumberSystem, *operands: Any) -> Any:
        return getattr(m, ops.attribute(name))(*operands)

    return tuple(None if x is None else float(x) for x in Slopes().slope(function, xs, by))


@pytest.mark.parametrize(
    ("name", "xs", "by", "wanted"),
    [
        ("exp", (1.0,), 0, math.e),
        ("sin", (math.pi / 2,), 0, 6.123233995736766e-17),
        ("sin", (1e300,), 0, -0.5753861119575491),
        ("tanh", (300.0,), 0, 1.0601586212017244e-260),
        ("cos", (0.0,), 0, 0.0),
        ("relu", (-3.0,), 0, 0.0),
        ("sinc", (0.0,), 0, 0.0),
        ("sinc", (1e-9,), 0, -3.3333333333333334e-10),
        ("pow", (-2.0, 3.0), 0, 12.0),
        ("mod", (7.5, 2.0), 1, -3.0),
        ("add", (0.0, 1e300), 0, 1.0),
        ("hypot", (0.0, 1e-300), 1, 1.0),
        ("sqrt", (0.0,), 0, math.inf),
        ("log", (0.0,), 0, math.inf),
        ("div", (1.0, 0.0), 1, -math.inf),
    ],
)
def test_slopes(name: str, xs: tuple[float, ...], by: int, wanted: float) -> None:
    assert true_slope(name, *xs, by=by)[0] == pytest.approx(wanted, rel=1e-15, abs=0.0)


@pytest.mark.parametrize(
    ("name", "xs", "left", "right"),
    [
        ("abs", (0.0,), -1.0, 1.0),
        ("max", (1.0, 1.0), 0.0, 1.0),
        ("hypot", (0.0, 0.0), -1.0, 1.0),
        ("floor", (2.0,), math.inf, 0.0),
        ("less", (1.0, 1.0), -math.inf, 0.0),
        ("equal", (1.0, 1.0), math.inf, -math.inf),
    ],
)
def test_slopes_at_kinks_and_jumps(name: str, xs: tuple[float, ...], left: float, right: float) -> None:
    assert true_slope(name, *xs) == (None, left, right)


def test_no_slope_where_the_function_is_not_defined() -> None:
    assert true_slope("log", -1.0) == (None, None, None)
    assert true_slope("exp", math.inf) == (None, None, None)
    assert true_slope("log_base", 1.0, 1.0, by=1) == (None, None, None)
    assert true_slope("mod", 3.0, 0.0, by=1) == (None, None, None)


# Verdicts


def test_every_row_holds_at_its_samples() -> None:
    """The check's own differences agree with every rule of the table."""
    for row in ops.ELEMENTWISE:
        if row.hidden:
            continue
        for sample in row.samples:
            names = [f"x{i}" for i in range(len(sample))]
            graph = Graph()
            for position, name in enumerate(names):
                graph.append(ops.INPUT, (), name, 0, 0)
                graph.free[name] = graph.span(position)
            graph.output = graph.append(ops.CODES[row.name], tuple(range(len(names))), None, 0, 0)
            found = check(graph, dict(zip(names, sample, strict=True)))
            reasons = [edge.reason for edge in found.edges if edge.reason]
            assert not reasons, f"{row.name}{sample}"


def test_a_wrong_rule_is_beyond_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slope that is off by two parts in 1e15 is noticed: the function alone says what is true."""
    monkeypatch.setattr(FLOATS, "cos", lambda x: math.cos(x) * (1.0 + 2e-15))
    found = checked("sin(x)", x=0.5)
    assert [edge.verdict for edge in found.edges] == ["beyond"]
    assert 4.0 < (found.edges[0].error or 0.0) < 20.0
    assert "the local gradient of sin(x) by x is" in found.reasons[0]
    assert found.edges[0].true == "0.877582561890372716116281582604"


@pytest.mark.parametrize(
    ("text", "point", "verdict"),
    [
        ("f(a) = a^3 with grad (3*a^2)\nf(x)", {"x": 2.0}, "proved"),
        ("f(a) = a^3 with grad (2*a^2)\nf(x)", {"x": 2.0}, "refuted"),
        ("f(a) = a^3 with grad (3*a^2*1.00000001)\nf(x)", {"x": 2.0}, "refuted"),
        ("f(a) = a^3 with grad (3*a^2*1.00000000001)\nf(x)", {"x": 2.0}, "proved"),
        ("f(a) = abs(a) with grad (0.3)\nf(x)", {"x": 0.0}, "proved"),
        ("f(a) = abs(a) with grad (1.5)\nf(x)", {"x": 0.0}, "refuted"),
        ("f(a) = (1 - cos(a))/a^2 with grad (-a/12)\nf(x)", {"x": 1e-8}, "proved"),
        ("f(a) = 1 - cos(a) with grad (sin(a))\nf(x)", {"x": 1e-200}, "proved"),
        ("f(a) = 1 - cos(a) with grad (0)\nf(x)", {"x": 1e-200}, "refuted"),
        ("g(a) = a^2 with grad (2*a)\nf(a) = g(a)*a with grad (3*a^2)\nf(x)", {"x": 1.5}, "proved"),
        ("f(a) = log(a) with grad (1/a)\nf(x)", {"x": -1.0}, "none"),
    ],
)
def test_declared_derivatives(text: str, point: dict[str, float], verdict: str) -> None:
    found = checked(text, **point)
    assert {edge.verdict for edge in found.edges} == {verdict}
    assert found.holds == (verdict != "refuted")


def test_a_refutation_tells_the_true_derivative() -> None:
    found = checked("f(a, b) = a^3*b with grad (2*a^2*b, a^3)\nf(x, y)", x=2.0, y=3.0)
    assert [edge.verdict for edge in found.edges] == ["refuted", "proved"]
    assert (found.edges[0].declared, found.edges[0].true) == ("24.0", "36.0")
    assert found.reasons == [
        "the derivative of f by a is declared as 24.0 where it is 36.0, at a = 2.0, b = 3.0",
    ]


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("abs(x) + relu(x) + sign(x) + floor(x) + sqrt(x)", {"x": 0.0}),
        ("max(x, y, z) + min(x, y)", {"x": 1.0, "y": 1.0, "z": 1.0}),
        ("max(x, y, z, 2*x, 3*x, 2*y)", {"x": 1.0, "y": 1.5, "z": 1.0}),
        ("hypot(x, y) + atan2(x, y) + x^y", {"x": 0.0, "y": 0.0}),
        ("clamp(x, 0, 1) + mod(x, 1) + round(x + 0.5)", {"x": 0.0}),
        ("where(x > 0, log(x), 0)", {"x": 0.0}),
        ("asin(x) + cbrt(y) + log(y)", {"x": 1.0, "y": 0.0}),
        ("sqrt(x)", {"x": -1.0}),
        ("not x or (x and y) == x", {"x": 0.0, "y": 1.0}),
        ("exp(x)", {"x": math.inf}),
    ],
)
def test_conventions_hold(text: str, point: dict[str, float]) -> None:
    """No edge is blamed for a slope that is a matter of convention."""
    assert [edge.reason for edge in checked(text, **point).edges if edge.reason] == []


# Digits lost


def lossy(found: Checked) -> dict[str, float]:
    """The source of each gate that loses digits, and how many."""
    graph = found.trace.graph
    return {graph.source[slice(*graph.span(gate.gate))]: gate.lost for gate in found.gates if gate.lost >= 3}


@pytest.mark.parametrize(
    ("text", "point", "where", "least"),
    [
        ("(1-cos(x))/x^2", {"x": 1e-8}, "1-cos(x)", 15.9),
        ("(1-cos(x))/x^2", {"x": 1e-40}, "1-cos(x)", 15.9),
        ("log(1+x)", {"x": 1e-18}, "log(1+x)", 15.9),
        ("x-sin(x)", {"x": 1e-5}, "x-sin(x)", 8.0),
        ("(-b+sqrt(b^2-4*a*c))/(2*a)", {"a": 1.0, "b": 1e8, "c": 1.0}, "-b+sqrt(b^2-4*a*c)", 14.0),
        (
            "s=a+b+c\nq=a^2+b^2+c^2\nq/3-(s/3)^2",
            {"a": 100000001.0, "b": 100000002.0, "c": 100000004.0},
            "q/3-(s/3)^2",
            14.0,
        ),
        ("exp(x)-1", {"x": 1e-12}, "exp(x)-1", 10.0),
    ],
)
def test_digits_are_lost_at_the_gate_where_it_happens(
    text: str, point: dict[str, float], where: str, least: float
) -> None:
    found = lossy(checked(text, **point))
    assert list(found) == [where]
    assert found[where] >= least


def test_a_sum_of_contributions_loses_digits() -> None:
    """The gradient of x - sin(x) is 1 - cos(x)."""
    found = checked("x - sin(x)", x=1e-5)
    assert found.gates[0].gradient_lost == pytest.approx(8.9, abs=1.0)
    assert not checked("x - sin(x)", x=1e-8).holds


def test_a_stable_form_is_offered_where_it_helps() -> None:
    hints = checked("(1-cos(x))/x^2", x=1e-8).hints
    assert [(hint.written, hint.replacement) for hint in hints] == [("1-cos(x)", "2*sin(x/2)^2")]
    assert hints[0].value_digits > 15.0
    assert checked("(1-cos(x))/x^2", x=1.0).hints == []


def test_overflow_and_underflow_are_told() -> None:
    found = checked("exp(x)*exp(-2*x)", x=800.0)
    assert {gate.beyond for gate in found.gates if gate.beyond} == {"overflow", "underflow"}
    assert found.gates[-1].true.startswith("3.6678745841776872")


def test_a_gradient_of_exactly_0_may_be_rounding() -> None:
    """sin² + cos² is flat; what float64 leaves of its gradient is below the rounding of its contributions."""
    found = checked("sin(x)^2 + cos(x)^2", x=0.7)
    assert found.inputs[0].true == "0.0"
    assert found.holds
    assert checked("x^2 - 2*x", x=1.0).inputs[0].digits == FULL


def test_nan_and_infinity_that_both_have_agree() -> None:
    found = checked("sqrt(x)", x=-1.0)
    assert found.gates[-1].digits == FULL
    assert found.holds


SAMPLE = [*EVERY[::12], *_values("tutorials.json", "examples")]


@pytest.mark.parametrize(("text", "point"), SAMPLE)
def test_others_programs_hold(text: str, point: Mapping[str, Any]) -> None:
    found = checked(text, **{name: float(x) for name, x in point["x"].items()})
    assert found.reasons == []
    assert found.edges


# Measures


def test_correct_digits() -> None:
    c = Slopes().context
    c.dps = 40
    assert correct_digits(1.0, c.mpf(1)) == FULL
    assert correct_digits(1.001, c.mpf(1)) == pytest.approx(3.0, abs=0.01)
    assert correct_digits(3.0, c.mpf(1)) == 0.0
    assert correct_digits(1e-30, c.mpf(0)) == 0.0
    assert correct_digits(0.0, c.mpf("1e-400")) == FULL
    assert correct_digits(0.0, c.mpf("1e-300")) == 0.0
    assert correct_digits(math.inf, c.mpf("1e400")) == 0.0
    assert correct_digits(math.nan, c.nan) == FULL
    assert correct_digits(math.nan, c.mpf(1)) == 0.0


def test_outside_and_ulps() -> None:
    c = Slopes().context
    c.dps = 40
    assert outside(math.inf, c.mpf("1e400")) == "overflow"
    assert outside(0.0, c.mpf("1e-400")) == "underflow"
    assert outside(1.0, c.mpf(1)) is None
    assert outside(math.inf, c.inf) is None
    assert ulps(math.nextafter(1.0, 2.0), c.mpf(1)) == 1.0
    assert ulps(math.inf, c.mpf("1e400")) == 0.0
    assert ulps(math.nan, c.mpf(1)) == math.inf
    assert ulps(1e-10, c.mpf(0), 1.0) == 1e-10 / math.ulp(1.0)


def test_random_points_are_the_same_in_every_run() -> None:
    fixed, ranges = {"x": 0.0, "y": 3.0, "z": 0.0}, {"x": (-1.0, 1.0), "z": (1e-9, 1.0)}
    points = list(sampling.draw(fixed, ranges, 200, 7))
    assert points == list(sampling.draw(fixed, ranges, 200, 7)) != list(sampling.draw(fixed, ranges, 200, 8))
    assert all(-1.0 <= point["x"] <= 1.0 and point["y"] == 3.0 and 1e-9 <= point["z"] <= 1.0 for point in points)
    assert sum(point["z"] < 1e-4 for point in points) > 60, "small magnitudes are met as well"
    assert sum(point["x"] < 0 for point in points) > 60


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("f(a) = sin(a)^2 + cos(a)^2 with grad (123)\nf(x)", "refuted"),  # differences of rounding alone
        ("f(a) = sin(a)^2 + cos(a)^2 with grad (0)\nf(x)", "proved"),
        ("f(a) = floor(a) with grad (5)\nf(x)", "none"),  # a jump: every number lies between 0 and infinity
        ("f(a) = floor(a) with grad (0)\nf(x)", "proved"),
        ("f(a) = a - a with grad (2*sin(a)*cos(a) - sin(2*a))\nf(x)", "proved"),  # 0, but for rounding
        ("f(a) = log(exp(a)) - a with grad (sqrt(a)^2 - a)\nf(x)", "proved"),
    ],
)
def test_declared_derivatives_where_differences_vanish(text: str, verdict: str) -> None:
    (edge,) = check(lower(parse(text)), {"x": 2.0}).edges
    assert edge.verdict == verdict


def test_rounding_that_passes_through_a_gate_is_still_rounding() -> None:
    """The gradient of a constant is 0, however its contributions were rounded before the last gate."""
    checked = check(lower(parse("sin(3*x)^2 + cos(3*x)^2")), {"x": 0.7})
    assert checked.holds
