"""Uncertainties against the `uncertainties` package to first order, and against exact moments to second."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from uncertainties import correlated_values_norm, ufloat, umath

from gradcli.errors import GradcliError
from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.propagating import Propagated, propagate
from gradcli.propagating.misleading import notes

POINT = {"x": (1.3, 0.02), "y": (0.7, 0.05), "z": (2.1, 0.001)}
# Programs that gradcli and, with umath's functions, Python read alike.
FORMULAS = (
    "x + y", "x - y", "x*y", "x/y", "x*y*z", "x**2*y", "2*x + 3*y - z", "(x + y)/(x - y)", "x**y", "exp(x*y)",
    "log(x + y*z)", "sin(x)*cos(y)", "sqrt(x**2 + y**2)", "tan(x*y)", "atan2(x, y)", "hypot(x, z)", "sinh(x)/cosh(y)",
    "exp(-x**2/(2*y**2))", "x", "x*x*x", "(x - y)*(x - y)", "1/(1/x + 1/y)", "asin(x/z)", "log10(x)*y", "tanh(x - z)",
    "x/(y*z)", "4*x/z**2", "erf(x)", "x**0.5", "atan(x*y*z)",
)  # fmt: skip
CORRELATIONS: tuple[Mapping[tuple[str, str], float], ...] = (
    {},
    {("x", "y"): 0.3},
    {("y", "x"): -0.8, ("y", "z"): 0.5},
    {("x", "y"): 0.9, ("x", "z"): 0.8, ("z", "y"): 0.7},
    {("x", "y"): 1.0},
)


def propagated(
    text: str,
    inputs: Mapping[str, tuple[float, float]],
    correlations: Mapping[tuple[str, str], float] | None = None,
    **how: Any,
) -> Propagated:
    point = {name: value for name, (value, _) in inputs.items()}
    graph = lower(parse(text), point)
    known = {name: error for name, (_, error) in inputs.items() if error}
    return propagate(graph, {name: point[name] for name in graph.inputs}, known, correlations, **how)


def functions() -> dict[str, Any]:
    return {name: getattr(umath, name) for name in dir(umath) if not name.startswith("_")}


def theirs(text: str, variables: Mapping[str, Any]) -> Any:
    """The formula as the package computes it: the texts are those above."""
    return eval(text, functions(), dict(variables))  # noqa: S307


@pytest.mark.parametrize("text", FORMULAS)
def test_first_order_and_shares_without_correlations(text: str) -> None:
    variables = {name: ufloat(*measured) for name, measured in POINT.items()}
    expected, found = theirs(text, variables), propagated(text, POINT)
    parts = expected.error_components()
    assert found.value == pytest.approx(expected.nominal_value, rel=1e-14)
    assert found.uncertainty == pytest.approx(expected.std_dev, rel=1e-12)
    assert found.variance == pytest.approx(expected.std_dev**2, rel=1e-12)
    for one in found.inputs:
        part = parts.get(variables[one.name], 0.0)
        assert one.contribution == pytest.approx(part, rel=1e-12)
        assert one.share == pytest.approx(part**2 / expected.std_dev**2, rel=1e-11)
    assert math.fsum(one.share or 0.0 for one in found.inputs) == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize("correlations", CORRELATIONS)
@pytest.mark.parametrize("text", FORMULAS)
def test_first_order_with_correlations(text: str, correlations: Mapping[tuple[str, str], float]) -> None:
    names = [*POINT]
    matrix = [[correlations.get((a, b), correlations.get((b, a), float(a == b))) for b in names] for a in names]
    expected = theirs(text, dict(zip(names, correlated_values_norm([*POINT.values()], matrix), strict=True)))
    found = propagated(text, POINT, correlations)
    assert found.uncertainty == pytest.approx(expected.std_dev, rel=1e-10, abs=1e-15)
    if len(found.inputs) > 1:
        assert math.fsum(one.share or 0.0 for one in found.inputs) == pytest.approx(1.0, rel=1e-12)


def test_shares_of_correlated_inputs_by_hand() -> None:
    """u² = 0.3² + 0.4² + 2·0.3·0.3·0.4 = 0.322; x has 0.3·(0.3 + 0.3·0.4) of it."""
    found = propagated("x*y", {"x": (2.0, 0.1), "y": (3.0, 0.2)}, {("x", "y"): 0.3})
    assert found.variance == pytest.approx(0.322)
    assert [one.share for one in found.inputs] == pytest.approx([0.126 / 0.322, 0.196 / 0.322])
    against = propagated("x - 3*y", {"x": (2.0, 0.1), "y": (3.0, 0.1)}, {("x", "y"): 1.0})
    assert [one.share for one in against.inputs] == pytest.approx([-0.5, 1.5])


def test_errors_that_cancel_leave_nothing() -> None:
    found = propagated("x - y", {"x": (2.0, 0.1), "y": (3.0, 0.1)}, {("x", "y"): 1.0})
    assert (found.uncertainty, found.variance) == (0.0, 0.0)
    assert [one.share for one in found.inputs] == [None, None]


def test_only_what_wrt_names_counts() -> None:
    whole, part = propagated("x*y", POINT), propagated("x*y", POINT, wrt=["y"])
    assert [one.name for one in part.inputs] == ["y"]
    assert part.uncertainty == whole.inputs[1].contribution
    assert part.inputs[0].share == 1.0
    both = propagated("x*y", POINT, {("x", "y"): 0.5}, wrt=["y"])
    assert both.correlations == {}
    assert both.uncertainty == part.uncertainty


def test_an_exact_input_adds_nothing_whatever_its_slope_is() -> None:
    found = propagated("sqrt(x) + y", {"x": (0.0, 0.0), "y": (1.0, 0.1)}, wrt=["x", "y"])
    assert found.inputs[0].gradient == math.inf
    assert found.inputs[0].contribution == 0.0
    assert found.uncertainty == 0.1


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [("sqrt(x)", 0.0, math.inf), ("log(x)", -1.0, math.nan), ("1/x", 0.0, math.inf)],
)
def test_numbers_that_are_not_finite(text: str, value: float, expected: float) -> None:
    found = propagated(text, {"x": (value, 0.1)})
    assert found.uncertainty == pytest.approx(expected, nan_ok=True)
    assert found.inputs[0].share is None
    assert [note.kind for note in notes(found)] == ["not-finite"]


@pytest.mark.parametrize("scale", [1e-200, 1e-160, 1e160, 1e300])
def test_squares_neither_overflow_nor_vanish(scale: float) -> None:
    found = propagated("x + y", {"x": (scale, 3 * scale), "y": (scale, 4 * scale)})
    assert found.uncertainty == pytest.approx(5 * scale, rel=1e-15)
    assert [one.share for one in found.inputs] == pytest.approx([0.36, 0.64])


# ½ tr(HV) and ½ tr((HV)²) are exact for polynomials of degree 2: their moments are known.


def quadratic(a: float, b: float, c: float, d: float, k: float) -> str:
    return f"({a!r})*x^2 + ({b!r})*x*y + ({c!r})*y^2 + ({d!r})*x + ({k!r})*y"


COEFFICIENT = st.floats(-3, 3).filter(lambda x: x == 0 or abs(x) > 1e-3)


@given(COEFFICIENT, COEFFICIENT, COEFFICIENT, COEFFICIENT, COEFFICIENT, st.floats(-1, 1))
def test_second_order_is_exact_for_quadratics(a: float, b: float, c: float, d: float, k: float, r: float) -> None:
    """Against the moments E[xⁱyʲ] of two correlated normal variables, from Isserlis' theorem, in multiprecision."""
    (mx, sx), (my, sy) = (1.5, 0.25), (-0.75, 0.5)
    inputs = {"x": (mx, sx), "y": (my, sy)}
    pair = {("x", "y"): r} if r else {}
    found = propagated(quadratic(a, b, c, d, k) + " + 0*x*y", inputs, pair, second_order=True).second_order
    assert found is not None
    with mpmath.workdps(40):
        v = [[mpmath.mpf(sx) ** 2, mpmath.mpf(r) * sx * sy], [mpmath.mpf(r) * sx * sy, mpmath.mpf(sy) ** 2]]
        # In t = (x, y) - mean: linear part l, quadratic part tᵀ q t.
        line = [2 * a * mpmath.mpf(mx) + b * my + d, b * mpmath.mpf(mx) + 2 * c * my + k]
        q = [[mpmath.mpf(a), mpmath.mpf(b) / 2], [mpmath.mpf(b) / 2, mpmath.mpf(c)]]
        pairs = [(i, j) for i in (0, 1) for j in (0, 1)]
        mean = sum(q[i][j] * v[i][j] for i, j in pairs)
        square = sum(
            q[i][j] * q[m][n] * (v[i][j] * v[m][n] + v[i][m] * v[j][n] + v[i][n] * v[j][m])
            for i, j in pairs
            for m, n in pairs
        )
        variance = sum(line[i] * line[j] * v[i][j] for i, j in pairs) + square - mean**2
    assert found.shift == pytest.approx(float(mean), rel=1e-11, abs=1e-13)
    assert found.variance == pytest.approx(float(variance), rel=1e-11, abs=1e-13)
    assert found.uncertainty == pytest.approx(math.sqrt(max(0.0, float(variance))), rel=1e-9, abs=1e-7)


def test_second_order_of_a_square_and_a_product_by_hand() -> None:
    """x² has the mean μ² + u² and the variance 4μ²u² + 2u⁴; x·y the variance μ²v² + ν²u² + u²v²."""
    square = propagated("x^2", {"x": (2.0, 0.5)}, second_order=True).second_order
    assert square is not None
    assert square.value == 4.25
    assert square.variance == 4.0 + 0.125
    product = propagated("x*y", {"x": (2.0, 0.5), "y": (3.0, 0.25)}, second_order=True).second_order
    assert product is not None
    assert (product.shift, product.value) == (0.0, 6.0)
    assert product.variance == 0.25 + 2.25 + 0.015625


def test_second_order_of_what_is_straight_changes_nothing() -> None:
    found = propagated("2*x - y", POINT, second_order=True)
    assert found.second_order == (0.0, found.value, found.variance, found.uncertainty)
    exact = propagated("x^2", {"x": (2.0, 0.0)}, wrt=["x"], second_order=True)
    assert exact.second_order == (0.0, 4.0, 0.0, 0.0)


IMPOSSIBLE = {
    "x and y is not between": {("x", "y"): 1.2},
    "x and y is not a number": {("x", "y"): math.nan},
    "the correlations of x, y and z contradict": {("x", "y"): 0.9, ("y", "z"): 0.9, ("x", "z"): -0.9},
    "p has a correlation, but no uncertainty": {("x", "p"): 0.5},
}


@pytest.mark.parametrize("message", IMPOSSIBLE)
def test_correlations_that_can_not_be(message: str) -> None:
    with pytest.raises(GradcliError, match=message):
        propagated("x*y*z*p", {**POINT, "p": (1.0, 0.0)}, IMPOSSIBLE[message])


@given(st.lists(st.lists(st.floats(-1, 1), min_size=2, max_size=2), min_size=4, max_size=4))
def test_correlations_of_real_quantities_are_accepted(factors: list[list[float]]) -> None:
    """Four quantities that are sums of two: their matrix has rank 2, so rounding alone could make it indefinite."""
    rows = [row for row in factors if math.hypot(*row) > 1e-3]
    names = "xyzp"[: len(rows)]
    lengths = [math.hypot(*row) for row in rows]
    cosine = {
        (i, j): (a * c + b * d) / lengths[i] / lengths[j]
        for i, (a, b) in enumerate(rows)
        for j, (c, d) in enumerate(rows[:i])
    }
    found = {(names[i], names[j]): max(-1.0, min(1.0, r)) for (i, j), r in cosine.items()}
    inputs = dict.fromkeys("xyzp", (1.0, 0.1))
    assert propagated("x + y + z + p", inputs, found).uncertainty >= 0.0


KINDS = {
    "x^2": ({"x": (0.0, 0.1)}, ["flat"]),
    "x*y": ({"x": (0.0, 0.1), "y": (0.0, 0.1)}, ["flat", "flat"]),
    "exp(x)": ({"x": (0.0, 1.0)}, ["nonlinear"]),
    "abs(x)": ({"x": (0.01, 0.1)}, ["nonlinear"]),
    "sqrt(x)": ({"x": (0.05, 0.1)}, ["nonlinear"]),
    "exp(x/10)": ({"x": (0.0, 1.0)}, []),
    "x/y": ({"x": (1.0, 0.1), "y": (10.0, 0.1)}, []),
}


@pytest.mark.parametrize("text", KINDS)
def test_notes_where_the_first_order_misleads(text: str) -> None:
    inputs, kinds = KINDS[text]
    assert [note.kind for note in notes(propagated(text, inputs))] == kinds


def test_a_note_where_the_second_order_says_otherwise() -> None:
    found = propagated("x*y", {"x": (0.0, 0.1), "y": (0.0, 0.2)}, second_order=True)
    assert [note.kind for note in notes(found)] == ["second-order", "flat", "flat"]
    assert notes(propagated("x*y", POINT, second_order=True)) == []
