"""Warnings: where a number or a slope needs a second look, and only there."""

from __future__ import annotations

import math

import pytest

import gradcli


def _found(text: str, **values: float) -> list[tuple[str, str]]:
    """Kind and source of each warning."""
    warnings = gradcli.evaluate(text, values).warnings
    return [(warning.kind, text[slice(*warning.span)]) for warning in warnings]


def _messages(text: str, **values: float) -> list[str]:
    return [warning.message for warning in gradcli.evaluate(text, values).warnings]


CLEAN = [
    ("(x+y)*z", {"x": 2, "y": 3, "z": -4}),
    ("sigmoid(x) + tanh(x) + softplus(x)", {"x": -5}),
    ("relu(x) + abs(x) + max(x, y) + clamp(x, 0, 5)", {"x": 2, "y": 3}),
    ("sqrt(x) + log(x) + x^0.5", {"x": 1e-300}),
    ("x^2 + x^3 + x^0", {"x": 0}),
    ("(-x)^3 + cbrt(-x)", {"x": 8}),
    ("where(x > 0, x, 2x)", {"x": 1}),
    ("hypot(x, y) + xlogy(x, 1 + y)", {"x": 0, "y": 2}),
    ("x*0 + 0/x + 0^x + exp(-inf)*x", {"x": 5e-324}),  # zeros that are exact
    ("x/2 - x", {"x": 1e-310}),  # below the normal numbers before
    ("x + 1e-200*(1e-200*x)", {"x": 1e300}),  # a contribution lost beside a larger one
    ("where(x > 0, x, relu(x) + sigmoid(100*x))", {"x": 1}),
    ("where(x > 0, relu(x), sigmoid(100*x))", {"x": 50}),  # what a branch not chosen does is of no account
    ("relu(-1)*x", {"x": 1}),
    ("floor(2.5)*x + max(2, 2)*x + abs(0)", {"x": 1}),  # kinks of constants have no slope
    ("inf - x", {"x": 1}),  # asked for
    ("nan*x", {"x": 1}),
    ("x", {"x": math.inf}),
]


@pytest.mark.parametrize(("text", "values"), CLEAN, ids=[text for text, _ in CLEAN])
def test_nothing_to_say(text: str, values: dict[str, float]) -> None:
    assert _found(text, **values) == []


@pytest.mark.parametrize(
    ("text", "values", "convention"),
    [
        ("relu(x)", {"x": 0}, "the slopes are 0 and 1; 0 is taken"),
        ("abs(x)", {"x": 0}, "the slopes are -1 and 1; 0 is taken"),
        ("leaky_relu(x)", {"x": 0}, "slope is taken"),
        ("selu(x)", {"x": 0}, "1.0507 is taken"),
        ("floor(x)", {"x": 3}, ""),
        ("round(x)", {"x": 2.5}, ""),
        ("sign(x)", {"x": 0}, ""),
        ("clamp(x, 0, 1)", {"x": 1}, "0 is taken"),
        ("x > y", {"x": 1, "y": 1}, "jumps"),
        ("mod(x, 2)", {"x": 4}, ""),
    ],
)
def test_kinks(text: str, values: dict[str, float], convention: str) -> None:
    assert _found(text, **values)[0] == ("kink", text)
    assert {kind for kind, _ in _found(text, **values)} <= {"kink", "dead"}
    message = _messages(text, **values)[0]
    assert " has a kink at x = " in message
    assert convention in message


@pytest.mark.parametrize("text", ["max(x, y)", "min(x, 2)", "max(1, x, y)", "min(x, y, 3)"])
def test_ties(text: str) -> None:
    (warning,) = gradcli.evaluate(text, {name: 2 for name in "xy" if name in text}).warnings
    assert (warning.kind, warning.details["convention"]) == ("tie", "the gradient is shared equally")
    assert " has a tie at x = 2.0" in warning.message


@pytest.mark.parametrize(
    ("text", "values", "kind", "place"),
    [
        ("1/x + 2", {"x": 0}, "pole", "1/x"),
        ("log(x)*2", {"x": 0}, "pole", "log(x)"),
        ("x^-1", {"x": 0}, "pole", "x^-1"),
        ("2*sqrt(x)", {"x": 0}, "pole", "sqrt(x)"),  # the slope only
        ("x^0.5", {"x": 0}, "pole", "x^0.5"),
        ("cbrt(x)", {"x": 0}, "pole", "cbrt(x)"),
        ("asin(x)", {"x": 1}, "pole", "asin(x)"),
        ("log(x) + 1", {"x": -1}, "domain", "log(x)"),
        ("sqrt(x)", {"x": -1}, "domain", "sqrt(x)"),
        ("x^(1/3)", {"x": -8}, "domain", "x^(1/3)"),
        ("x/y", {"x": 0, "y": 0}, "domain", "x/y"),
        ("x^y", {"x": -2, "y": 2}, "domain", "x^y"),  # the exponent's slope only
        ("exp(x) - 1", {"x": 1000}, "overflow", "exp(x)"),
        ("x*x", {"x": 1e200}, "overflow", "x*x"),
        ("10^400 + x", {"x": 1}, "overflow", "10^400"),
        ("1/x", {"x": 5e-324}, "overflow", "1/x"),
    ],
)
def test_the_gate_is_named(text: str, values: dict[str, float], kind: str, place: str) -> None:
    assert _found(text, **values) == [(kind, place)]


@pytest.mark.parametrize(
    ("text", "values", "found"),
    [
        (
            "exp(x) - exp(x)",
            {"x": 1000},
            [("overflow", "exp(x)"), ("overflow", "exp(x)"), ("invalid", "exp(x) - exp(x)")],
        ),
        ("y - y", {"y": math.inf}, [("invalid", "y - y")]),
        ("x*y", {"x": 0, "y": math.inf}, [("0·inf", "x*y")]),
        ("x/x", {"x": math.inf}, [("invalid", "x/x")]),
        ("sin(x)", {"x": math.inf}, [("invalid", "sin(x)")]),
        ("sqrt(abs(x))", {"x": 0}, [("kink", "abs(x)"), ("0·inf", "abs(x)"), ("pole", "sqrt(abs(x))")]),
        ("sqrt(x^2)", {"x": 0}, [("0·inf", "x^2"), ("pole", "sqrt(x^2)")]),
        ("gelu(x)*y", {"x": math.inf, "y": 1}, [("invalid", "gelu(x)")]),
        ("sqrt(x) - sqrt(x)", {"x": 0}, [("invalid", "x"), ("pole", "sqrt(x)"), ("pole", "sqrt(x)")]),
        ("cosh(sqrt(x))", {"x": 0}, [("0·inf", "sqrt(x)")]),
        ("y*sqrt(where(x > 1, x, x*0))", {"x": 0, "y": 1}, [("0·inf", "x*0"), ("pole", "sqrt(where(x > 1, x, x*0))")]),
    ],
)
def test_numbers_that_arise_from_infinite_ones(
    text: str, values: dict[str, float], found: list[tuple[str, str]]
) -> None:
    assert _found(text, **values) == found


def test_only_the_first_gate_is_blamed() -> None:
    """Everything after log(x) is nan, and so are all global gradients before it."""
    text = "q = log(x)\nr = (q + 1)*exp(q)\nsin(r) + r^2 + sqrt(r)"
    trace = gradcli.evaluate(text, x=-1)
    assert math.isnan(trace.value)
    assert math.isnan(trace.gradients["x"])
    assert [(warning.kind, warning.gate, warning.message) for warning in trace.warnings] == [
        ("domain", "g1", "log(x) is undefined at x = -1.0")
    ]


def test_only_the_first_slope_is_blamed() -> None:
    assert _found("3*sqrt(2*(x + y))", x=1, y=-1) == [("pole", "sqrt(2*(x + y))")]


def test_each_culprit_is_blamed() -> None:
    assert _found("log(x) + log(y)", x=-1, y=0) == [("domain", "log(x)"), ("pole", "log(y)")]


def test_global_gradients_that_overflow() -> None:
    """Values and local gradients are finite; their products or sums are not."""
    assert _found("1e200*(1e200*x)", x=1e-300) == [("overflow", "1e200*x")]
    assert _messages("1e200*(1e200*x)", x=1e-300) == [
        "the gradient that 1e200 * x passes on overflows: 1e+200 times 1e+200"
    ]
    assert _found("1e308*x + 1e308*x", x=1e-300) == [("overflow", "x")]
    assert _messages("1e308*x + 1e308*x", x=1e-300) == ["the contributions to the gradient of x overflow when added"]
    assert _found("sin(1e200*(1e200*sin(x)))", x=0) == [("overflow", "1e200*sin(x)")]  # and sin(x) is not


def test_what_does_not_reach_the_output_is_no_slope_to_warn_of() -> None:
    assert _found("0*sqrt(x)", x=0) == []
    assert _found("where(x > 1, sqrt(x), x)", x=0) == []


def test_a_branch_not_chosen_is_still_a_number_met() -> None:
    trace = gradcli.evaluate("where(x > 0, log(x), 0)", x=-1)
    assert (trace.value, trace.gradients) == (0.0, {"x": 0.0})
    assert [warning.message for warning in trace.warnings] == ["log(x) is undefined at x = -1.0"]


def test_inputs_that_are_not_differentiated_have_no_slope() -> None:
    text = "sqrt(x)*relu(y)"
    assert gradcli.evaluate(text, x=0, y=0, wrt=[]).warnings == []
    assert [warning.kind for warning in gradcli.evaluate(text, x=0, y=0, wrt=["y"]).warnings] == ["kink"]


def test_warnings_come_in_the_order_of_gates() -> None:
    trace = gradcli.evaluate("relu(x) + 1/x + abs(y) + log(-z)", x=0, y=0, z=1)
    gates = [int(warning.gate[1:]) for warning in trace.warnings]
    assert gates == sorted(gates)
    assert [warning.kind for warning in trace.warnings] == ["kink", "dead", "pole", "kink", "domain"]


def test_a_warning_says_where() -> None:
    kink, dead = gradcli.evaluate("q = x - y\nrelu(q)*2", x=3, y=3).warnings
    assert kink[:4] == ("kink", "g3", (10, 17), "relu(q) has a kink at q = 0.0: the slopes are 0 and 1; 0 is taken")
    message = "relu(q) passes no gradient at q = 0.0: because of it the gradient of x, y is 0"
    assert dead[:4] == ("dead", "g3", (10, 17), message)


def test_a_warning_is_short() -> None:
    names = [f"x{i}" for i in range(1_000)]
    long = "x" * 10_000
    for text in (
        f"max({', '.join(names)})",
        f"relu({long})",
        f"sqrt({long})",
        f"1/{long}",
        f"1e308*{long} + 1e308*{long}",
    ):
        values = dict.fromkeys(names if "x1" in text else [long], 0.0)
        found = gradcli.evaluate(text, values).warnings
        assert found
        assert all(len(warning.message) < 500 for warning in found)


def test_many_bad_gates_cost_linear_time() -> None:
    text = "+".join(["log(x)"] * 20_000)
    assert len(gradcli.evaluate(text, x=-1).warnings) == 20_000


def test_a_literal_too_large_for_a_double() -> None:
    (warned,) = gradcli.evaluate("1e999*x", x=1).warnings
    assert (warned.kind, warned.message) == ("overflow", "1e999 is too large for a double: it is inf")
    assert gradcli.evaluate("inf + 0*x", x=1).warnings == []


@pytest.mark.parametrize(
    ("expression", "x"), [("cosh(sqrt(x))", 0.0), ("cosh(acosh(x))", 1.0), ("relu(-sqrt(x))", 0.0)]
)
def test_a_zero_gradient_times_an_infinite_slope_is_told(expression: str, x: float) -> None:
    messages = [warned.message for warned in gradcli.evaluate(expression, x=x).warnings]
    assert any("times a gradient of 0 it is taken as 0" in message for message in messages)


@pytest.mark.parametrize("expression", ["where(x > 1, sqrt(x), 0)", "where(x > 1, sqrt(x) + where(x < 1, x, 2), x)"])
def test_the_slopes_of_a_branch_not_chosen_are_of_no_account(expression: str) -> None:
    assert gradcli.evaluate(expression, x=0.0).warnings == []


@pytest.mark.parametrize(
    ("expression", "values"),
    [("hypot(x, y)", (0.0, 0.0)), ("atan2(x, y)", (0.0, 0.0)), ("max(x, y)", (2.0, 2.0)),
     ("abs(x - y)", (1.0, 1.0)), ("relu(x*y)", (0.0, 1.0)), ("clamp(x, y, 5)", (1.0, 1.0)), ("sqrt(x)*y", (0.0, 1.0)),
     ("xlogy(x, y)", (0.0, 0.0)), ("mod(x, y)", (4.0, 2.0)), ("floor(x)+y", (3.0, 1.0)),
     ("mod(x, y)", (-1.0, math.inf)), ("gelu(x)*y", (math.inf, 1.0))],
)  # fmt: skip
def test_every_convention_that_was_applied_is_told(expression: str, values: tuple[float, float]) -> None:
    assert gradcli.evaluate(expression, x=values[0], y=values[1]).warnings
