"""The same function or not, and where floats part: identities from the books, wrong ones, forms that lose digits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import mpmath
import pytest

from gradcli.checking.precision import FULL
from gradcli.checking.sampling import draw
from gradcli.comparing import Comparison, compare
from gradcli.comparing.comparison import Draw, inputs, remarks, summary
from gradcli.comparing.draws import HIGH, LOW, anywhere, simpler
from gradcli.comparing.quantities import agreed_digits, kept_digits, same
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.graph.rewriting.stable import STABLE
from gradcli.language.parser import parse

SAME_FUNCTION = ("equal", "parts")


def graphs(first: str, second: str) -> tuple[Graph, Graph]:
    return lower(parse(first)), lower(parse(second))


def at(first: str, second: str, **point: float) -> Comparison:
    return compare(*graphs(first, second), [point])


def drawn(first: str, second: str, count: int = 12, seed: int = 0) -> Comparison:
    both = graphs(first, second)
    return compare(*both, anywhere(inputs(both), count, seed), draw=Draw(seed, anywhere=True))


def within(first: str, second: str, count: int = 12, **ranges: tuple[float, float]) -> Comparison:
    lowest = {name: ends[0] for name, ends in ranges.items()}
    return compare(*graphs(first, second), draw(lowest, ranges, count, 0), draw=Draw(0, ranges))


# Identities: Abramowitz and Stegun, chapters 4.1 to 4.6 and 7.1, and the derivatives that follow

IDENTITIES = [
    ("sin(x)^2 + cos(x)^2", "1"),
    ("sin(x + y)", "sin(x)*cos(y) + cos(x)*sin(y)"),
    ("cos(x + y)", "cos(x)*cos(y) - sin(x)*sin(y)"),
    ("tan(x + y)", "(tan(x) + tan(y))/(1 - tan(x)*tan(y))"),
    ("sin(3x)", "3 sin(x) - 4 sin(x)^3"),
    ("sin(x) + sin(y)", "2*sin((x + y)/2)*cos((x - y)/2)"),
    ("sin(x)", "cos(pi/2 - x)"),
    ("sinh(x + y)", "sinh(x)*cosh(y) + cosh(x)*sinh(y)"),
    ("cosh(x)^2 - sinh(x)^2", "1"),
    ("log(x^2*y^4)", "log(x^2) + 2*log(y^2)"),
    ("log(x, 3)", "log(x)/log(3)"),
    ("atan(x)", "asin(x/sqrt(1 + x^2))"),
    ("asin(x) + acos(x)", "0*sqrt(1 - x^2) + pi/2"),
    ("tanh(x)", "2*sigmoid(2x) - 1"),
    ("sigmoid(x) + sigmoid(-x)", "1"),
    ("erf(x)", "-erf(-x)"),
    ("(x + y)^3", "x^3 + 3x^2*y + 3*x*y^2 + y^3"),
    ("0.1 + 0.2 + 0*x", "0.3 + 0*x"),
    ("max(x, y)", "(x + y + abs(x - y))/2"),
    ("relu(x) - relu(-x)", "x"),
]


@pytest.mark.parametrize(("first", "second"), IDENTITIES)
def test_an_identity_holds_exactly(first: str, second: str) -> None:
    """The floats of some of them part: the exact numbers do not."""
    found = drawn(first, second)
    assert found.verdict in SAME_FUNCTION, summary(found)
    assert found.count("undecided") == 0


@pytest.mark.parametrize(("first", "second"), STABLE)
def test_every_stable_form_is_the_same_function(first: str, second: str) -> None:
    found = drawn(first, second)
    assert found.verdict in SAME_FUNCTION, summary(found)
    assert found.count("undecided") <= 2


@pytest.mark.parametrize(("first", "second"), STABLE)
def test_every_stable_form_a_billionth_off_is_different(first: str, second: str) -> None:
    assert drawn(first, f"({second})*(1 + 1e-9)", 20).verdict == "different"


def test_stable_forms_are_where_the_digits_are() -> None:
    """Where a form of the table parts from the stable one, it is the stable one that keeps the digits of the value."""
    for first, second in STABLE[2:20]:
        for compared in drawn(first, second, 20).points:
            value = compared.quantities[0]
            if value.verdict == "parts":
                assert (value.digits[0] or 0) < 12 <= (value.digits[1] or 0), (first, compared.point)


# Wrong pairs: what others get wrong


WRONG = [
    ("sin(x + y)", "sin(x)*cos(y) - cos(x)*sin(y)", lambda x, y: (mpmath.sin(x + y), mpmath.sin(x - y))),
    ("x", "x + 1e-9", lambda x: (x, x + mpmath.mpf("1e-9"))),
    ("exp(x)", "exp(x)*(1 + 1e-20)", lambda x: (mpmath.exp(x), mpmath.exp(x) * (1 + mpmath.mpf("1e-20")))),
    ("tanh(x)", "2*sigmoid(x) - 1", lambda x: (mpmath.tanh(x), mpmath.tanh(x / 2))),
    ("(x + y)^2", "x^2 + y^2", lambda x, y: ((x + y) ** 2, x**2 + y**2)),
    ("pi + 0*x", "3.141592653589793 + 0*x", lambda x: (mpmath.pi, mpmath.mpf("3.141592653589793"))),
]


@pytest.mark.parametrize(("first", "second", "true"), WRONG)
def test_a_wrong_pair_is_found_with_its_numbers(first: str, second: str, true: Any) -> None:
    found = drawn(first, second)
    assert found.verdict == "different"
    assert found.counterexample is not None
    point, value = found.counterexample.point, found.counterexample.quantities[0]
    with mpmath.workdps(60):
        for text, number in zip(value.exact, true(*map(mpmath.mpf, point.values())), strict=True):
            assert abs(mpmath.mpf(text) - number) <= abs(number) * mpmath.mpf(10) ** -29


def test_a_counterexample_is_simple() -> None:
    found = drawn("sin(x + y)", "sin(x)*cos(y) - cos(x)*sin(y)")
    assert found.counterexample is not None
    assert found.counterexample.point == {"x": 1.0, "y": 2.0}
    assert summary(found) == ("different", "the value differs at x = 1.0, y = 2.0")


def test_a_counterexample_stays_within_the_ranges() -> None:
    found = within("x^2", "x^3", x=(10.23, 10.34))
    assert found.counterexample is not None
    assert found.counterexample.point == {"x": 10.3}


def test_a_difference_of_gradients_alone_is_one() -> None:
    found = at("f(a) = a^2 with grad (3*a)\nf(x)", "x^2", x=2.0)
    assert [quantity.verdict for quantity in found.points[0].quantities] == ["same", "different"]
    assert summary(found) == ("different", "∂/∂x differs at x = 2.0")


def test_undefined_in_one_is_a_difference_and_in_both_is_none() -> None:
    assert at("log(x)", "2*log(sqrt(x))", x=-1.0).verdict == "equal"
    found = drawn("log(x*y)", "log(x) + log(y)")
    assert found.verdict == "different"
    assert "where both are defined they are the same" in remarks(found)
    assert summary(found)[1].startswith("the value is undefined in B alone at x = -")
    assert "where both are defined they are the same" not in remarks(drawn("log(x)", "log(x) + x"))


def test_programs_that_are_undefined_wherever_one_looks_are_not_called_equal() -> None:
    assert drawn("log(-x^2)", "sqrt(-x^4)").verdict == "undecided"


def test_an_input_of_one_program_alone_has_a_gradient_of_0_in_the_other() -> None:
    found = at("x + 0*y", "x", x=2.0, y=3.0)
    assert found.verdict == "equal"
    assert found.alone == (["y"], [])
    assert found.points[0].quantities[2][2:4] == ((0.0, 0.0), ("0.0", "0.0"))
    assert at("x*y", "x", x=2.0, y=1.0).verdict == "different"


# Where floats part


PARTING: list[tuple[str, str, dict[str, float], str, str]] = [
    ("log(1+exp(x))", "softplus(x)", {"x": 1000.0}, "exp(x)", "overflow"),
    ("log(1+exp(x))", "softplus(x)", {"x": -40.0}, "log(1+exp(x))", "digits"),
    ("exp(x)/(1+exp(x))", "sigmoid(x)", {"x": 800.0}, "exp(x)", "overflow"),
    ("1/(1+exp(-x))", "sigmoid(x)", {"x": -730.0}, "exp(-x)", "overflow"),
    ("(1-cos(x))/x^2", "sinc(x/2)^2/2", {"x": 1e-8}, "1-cos(x)", "digits"),
    ("sqrt(x^2+y^2)", "hypot(x,y)", {"x": 3e200, "y": 4e200}, "x^2", "overflow"),
    ("(1e16+x)-1e16", "x", {"x": 1.5}, "(1e16+x)-1e16", "digits"),
    ("x^2-y^2", "(x-y)*(x+y)", {"x": 1e8 + 1, "y": 1e8}, "x^2-y^2", "digits"),
]


@pytest.mark.parametrize(("naive", "stable", "point", "blamed", "kind"), PARTING)
def test_the_gate_that_lost_the_digits_is_named(
    naive: str, stable: str, point: Mapping[str, float], blamed: str, kind: str
) -> None:
    both = graphs(naive, stable)
    found = compare(*both, [point])
    assert found.verdict == "parts"
    assert not found.holds
    (told,) = found.points[0].blamed
    start, end = both[0].span(told.gate)
    assert (told.program, told.kind, naive[start:end]) == (0, kind, blamed)
    parted = [quantity for quantity in found.points[0].quantities if quantity.verdict == "parts"]
    assert all((quantity.digits[0] or 0) < 12 <= (quantity.digits[1] or 0) for quantity in parted)


def test_the_other_way_round_the_other_program_is_blamed() -> None:
    (told,) = at("softplus(x)", "log(1+exp(x))", x=1000.0).points[0].blamed
    assert told.program == 1


@pytest.mark.parametrize("x", [40.0, -800.0])
def test_naive_forms_agree_where_they_lose_nothing(x: float) -> None:
    """At 40 the 1 does not matter; at -800 both are 0, the nearest double to 4e-348."""
    assert at("1/(1+exp(-x))", "sigmoid(x)", x=x).verdict == "equal"


def test_the_digits_that_have_to_agree_can_be_chosen() -> None:
    both = graphs("(1-cos(x))/x^2", "2*(sin(x/2)/x)^2")
    point = {"x": 1e-3}
    digits = compare(*both, [point]).points[0].quantities[0].agreed
    assert 8 < digits < 12
    assert compare(*both, [point], required=13).verdict == "parts"
    assert compare(*both, [point], wrt=[], required=math.floor(digits)).verdict == "equal"


def test_rounding_that_stands_for_an_exact_0_agrees_with_0() -> None:
    assert drawn("sin(x)^2 + cos(x)^2 - 1", "0*x", 30).verdict == "equal"
    assert drawn("3*(1 - sin(x)^2 - cos(x)^2)", "0*x", 30).verdict == "equal"


def test_overflow_that_both_share_is_no_difference() -> None:
    found = at("exp(x)", "exp(x/2)^2", x=1000.0)
    assert found.verdict == "equal"
    assert found.points[0].quantities[0].exact[0] == "1.97007111401704699388887935224e+434"
    assert found.points[0].quantities[0].digits == (FULL, FULL)


# Kinks


@pytest.mark.parametrize(
    ("first", "second", "point"),
    [
        ("relu(x)", "max(x, 0)", {"x": 0.0}),
        ("relu(x - 0.3)", "max(x - 0.3, 0)", {"x": 0.3}),
        ("abs(x)", "sqrt(x^2)", {"x": 0.0}),
        ("max(x, y)", "(x + y + abs(x - y))/2 + relu(x - y) - max(x - y, 0)", {"x": 2.0, "y": 2.0}),
    ],
)
def test_conventions_at_a_kink_are_no_difference(first: str, second: str, point: Mapping[str, float]) -> None:
    found = compare(*graphs(first, second), [point])
    assert found.verdict == "convention"
    assert not found.holds
    assert found.points[0].quantities[0].verdict == "same"
    assert {blame.kind for blame in found.points[0].blamed} <= {"kink", "tie"}
    assert found.points[0].blamed


def test_a_kink_that_is_everywhere_is_still_a_convention() -> None:
    """The bound is the number itself: clamp takes a slope of 0, max and min share it."""
    found = drawn("clamp(x, x, y^2 + 1e4)", "min(max(x, x), y^2 + 1e4)")
    assert found.verdict == "convention"
    assert not found.holds
    assert summary(found)[1] == "the conventions at a kink differ wherever they are compared"


def test_at_a_random_point_a_convention_is_told_and_does_no_harm() -> None:
    both = graphs("relu(x) + y", "max(x, 0) + y")
    points = [{"x": x, "y": 1.0} for x in (0.0, 1.0, -1.0)]
    found = compare(*both, points, draw=Draw(0, {"x": (-1.0, 1.0)}))
    assert found.verdict == "equal"
    assert remarks(found) == ["the conventions at a kink differ at 1 point"]


def test_a_kink_does_not_hide_a_difference_beside_it() -> None:
    found = at("relu(x)", "max(3*x, 0)", x=0.0)
    assert found.verdict == "different"
    assert found.counterexample is not None
    assert 0 < abs(found.counterexample.point["x"]) < 1e-6


def test_a_kink_elsewhere_does_not_excuse_lost_digits() -> None:
    assert at("relu(x) + (1-cos(y))/y^2", "relu(x) + 2*(sin(y/2)/y)^2", x=0.0, y=1e-8).verdict == "parts"


# What multiprecision cannot decide


@pytest.mark.parametrize(
    ("first", "second", "x"),
    [
        ("exp(exp(x))", "exp(exp(x)) + 1", 1000.0),
        ("sin(exp(x))", "2*sin(exp(x)/2)*cos(exp(x)/2)", 1e5),
        ("exp(x)*(1 - sigmoid(x))", "sigmoid(x)", 1e4),
        ("1 - erf(x)", "erfc(x)", 61.0),
        ("1 - erf(x)", "erfc(x)", 67.7),
        ("1 - erf(x)", "erfc(x)", 400.0),
    ],
)
def test_what_cannot_be_decided_is_said(first: str, second: str, x: float) -> None:
    """The programs are the same function, or nearly: what is not certain is never called different."""
    found = at(first, second, x=x)
    assert found.verdict == "undecided"
    assert found.points[0].doubt
    assert not found.holds


def test_a_point_without_an_answer_leaves_the_verdict_to_the_others() -> None:
    both = graphs("1 - erf(x)", "erfc(x)")
    found = compare(*both, [{"x": 0.5}, {"x": 400.0}], draw=Draw(0, {"x": (0.5, 400.0)}))
    assert found.verdict == "equal"
    assert remarks(found)[0].startswith("multiprecision cannot decide at 1 point, first at x = 400.0: ")


# Numbers


@pytest.mark.parametrize(
    ("a", "b", "digits"),
    [
        (1.0, 1.0, FULL), (math.nan, math.nan, FULL), (math.inf, math.inf, FULL), (math.inf, -math.inf, 0),
        (1.0, math.nan, 0), (1.0, math.inf, 0), (1.0, 1.0 + 1e-6, 6), (1.0, -1.0, 0), (0.0, 1e-300, 0),
        (0.0, 5e-324, FULL), (1e308, -1e308, 0), (1e308, 1e308 * (1 - 1e-3), 3),
    ],
)  # fmt: skip
def test_digits_to_which_floats_agree(a: float, b: float, digits: float) -> None:
    assert agreed_digits(a, b) == pytest.approx(digits, abs=0.01)
    assert agreed_digits(b, a) == pytest.approx(digits, abs=0.01)


def test_digits_of_a_float_that_has_no_better_neighbour() -> None:
    huge, tiny = mpmath.mpf("1e434"), mpmath.mpf("1e-400")
    assert kept_digits(math.inf, huge) == kept_digits(-math.inf, -huge) == kept_digits(0.0, tiny) == FULL
    assert kept_digits(-math.inf, huge) == kept_digits(math.inf, mpmath.mpf("1.79e308")) == 0
    assert kept_digits(1e-17, mpmath.mpf(0), 1e-16) == FULL
    assert kept_digits(1e-15, mpmath.mpf(0), 1e-16) == 0


def test_exact_numbers_are_the_same_to_thirty_digits() -> None:
    with mpmath.workdps(60):
        one = mpmath.mpf(1)
        assert same(one, one + mpmath.mpf(10) ** -31)
        assert not same(one, one + mpmath.mpf(10) ** -29)
        assert same(mpmath.nan, mpmath.nan)
        assert not same(mpmath.nan, one)
        assert same(mpmath.inf, mpmath.inf)
        assert not same(mpmath.inf, mpmath.ninf)
        assert not same(one, mpmath.inf)


# Points


def test_points_from_anywhere_have_all_magnitudes_and_both_signs() -> None:
    points = list(anywhere(["x", "y"], 400, 0))
    assert points == list(anywhere(["x", "y"], 400, 0)) != list(anywhere(["x", "y"], 400, 1))
    assert points[:10] == list(anywhere(["x", "y"], 10, 0))
    for name in ("x", "y"):
        numbers = [point[name] for point in points]
        assert all(LOW <= abs(x) <= HIGH for x in numbers)
        assert 150 < sum(x > 0 for x in numbers) < 250
        assert all(sum(abs(x) < 10**e for x in numbers) > 20 for e in (-7, -4, -1, 2))


def test_simpler_points_keep_what_was_not_drawn() -> None:
    for point in simpler({"x": 0.123456, "y": 7.7}, {"x": (0.12, 0.6)}, free=False):
        assert point["y"] == 7.7
        assert 0.12 <= point["x"] <= 0.6
    assert {"x": -1.0, "y": 2.0} in list(simpler({"x": -0.3, "y": 0.4}, {}, free=True))


def test_every_function_is_the_same_as_itself() -> None:
    """With its own definition, if it has one, written out: at its samples no exact number is different."""
    for row in ops.ELEMENTWISE:
        if row.definition is None or row.symbol is not None or row.variadic or row.name == "log_base":
            continue
        call = f"{row.name}({', '.join(row.parameters)})"
        for sample in row.samples[:2]:
            point = dict(zip(row.parameters, map(float, sample), strict=True))
            both = lower(parse(call), point), lower(parse(row.definition), point)
            if {*both[0].inputs} == {*both[1].inputs} == {*point}:
                found = compare(*both, [point])
                assert found.verdict != "different", (row.name, point, summary(found))
