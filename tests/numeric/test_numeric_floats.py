"""The float system: refined formulas mean what the plain ones say, and importing it costs nothing."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from math import inf, nan

import pytest

from gradcli.graph import ops
from gradcli.graph.ops import ELEMENTWISE
from gradcli.numeric import floats, refined
from gradcli.numeric.decimals import Decimals
from gradcli.passes import FLOATS

NUMBERS = (0.0, 0.3, -0.3, 1.0, -1.0, 2.5, -2.5, 12.0, -12.0)


def _by_the_letter(name: str) -> Callable[..., float]:
    """The formula that a float function replaces, run on floats."""
    rules = ops.REFINED | {ops.attribute(row.name): row.forward for row in ELEMENTWISE if row.forward}
    return lambda *xs: rules[name](FLOATS, *xs)


@pytest.mark.parametrize("x", NUMBERS)
@pytest.mark.parametrize(
    "name",
    [
        "sech_squared",
        "sigmoid_slope",
        "silu_slope",
        "mish_slope",
        "sinc_slope",
        "exp_minus_square",
        "normal_pdf",
        "normal_cdf",
    ],
)
def test_refined_formulas_equal_the_plain_ones(name: str, x: float) -> None:
    assert getattr(FLOATS, name)(x) == pytest.approx(_by_the_letter(name)(x), rel=1e-12)


@pytest.mark.parametrize("x", [*NUMBERS, 0.549306144334, -0.549306144335])
def test_the_slope_of_tanh_is_the_same_on_both_sides_of_its_shortcut(x: float) -> None:
    assert FLOATS.tanh_slope(x, FLOATS.tanh(x)) == pytest.approx(_by_the_letter("sech_squared")(x), rel=1e-15)


@pytest.mark.parametrize("name", ["not_equal", "and_", "or_", "not_", "relu", "sigmoid", "logaddexp"])
def test_single_steps_equal_the_composed_rows(name: str) -> None:
    function, plain = floats.PRIMITIVES[name], _by_the_letter(name)
    assert callable(function)
    for x in (*NUMBERS, inf, -inf, nan):
        for point in [(x,)] if name in ("not_", "relu", "sigmoid") else [(x, y) for y in (*NUMBERS, nan)]:
            assert function(*point) == pytest.approx(plain(*point), rel=1e-15, abs=0.0, nan_ok=True)


@pytest.mark.parametrize("a", [*NUMBERS, 3.0, 80.0])
@pytest.mark.parametrize("x", [0.0, 0.3, -0.3, 1.0, 2.5, -2.0, 1e-200, 1e200])
def test_slopes_of_powers_equal_the_plain_ones(x: float, a: float) -> None:
    y = FLOATS.pow(x, a)
    plain = _by_the_letter("pow_slope")(x, a), _by_the_letter("pow_exponent_slope")(x, a, y)
    assert refined.pow_slope(x, a) == pytest.approx(plain[0], rel=1e-12, abs=0.0, nan_ok=True)
    assert refined.pow_exponent_slope(x, a, y) == pytest.approx(plain[1], rel=1e-12, abs=0.0, nan_ok=True)


@pytest.mark.parametrize(
    ("x", "a", "wanted"),
    [
        (2.0, 1030.0, inf),
        (0.5, 1074.0, 1074.0 * 2.0**-1073),
        (0.5, 1070.0, 1070.0 * 2.0**-1069),
        (-0.5, 1070.0, -1070.0 * 2.0**-1069),
        (-2.0, -1070.0, 1070.0 * 2.0**-1071),
        (1e200, 2.0, 2e200),
        (1e-300, 2.0, 2e-300),
        (5.0, 1e300, inf),
        (0.5, 1e300, 0.0),
        (3.0, 0.0, 0.0),
        (5e-324, 0.0, 0.0),
    ],
)
def test_slopes_of_powers_near_the_ends_of_the_range(x: float, a: float, wanted: float) -> None:
    assert refined.pow_slope(x, a) == pytest.approx(wanted, rel=1e-15, abs=5e-324)


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("exp_minus_square", [(inf, 0.0), (-inf, 0.0), (41.0, 0.0)]),
        ("normal_pdf", [(inf, 0.0), (-inf, 0.0), (60.0, 0.0)]),
        ("normal_cdf", [(inf, 1.0), (-inf, 0.0), (41.0, 1.0), (-41.0, 0.0)]),
        ("sech_squared", [(inf, 0.0), (-inf, 0.0), (800.0, 0.0)]),
        ("sinc_slope", [(inf, nan), (-inf, nan)]),
        ("sigmoid", [(inf, 1.0), (-inf, 0.0)]),
        ("unsigned_zero", [(-0.0, 0.0), (-1.0, -1.0)]),
    ],
)
def test_ends(name: str, points: list[tuple[float, float]]) -> None:
    for x, wanted in [*points, (nan, nan)]:
        assert getattr(FLOATS, name)(x) == pytest.approx(wanted, nan_ok=True)
        assert math.copysign(1.0, getattr(FLOATS, name)(x)) == math.copysign(1.0, wanted) or wanted != wanted


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [(-8.0, 1 / 3, nan), (-1e200, 3.0, -inf), (-1e200, 2.0, inf), (-0.0, -3.0, -inf), (0.0, -0.5, inf)],
)
def test_powers_that_python_refuses(a: float, b: float, wanted: float) -> None:
    assert FLOATS.pow(a, b) == pytest.approx(wanted, nan_ok=True)


def test_sigmoid_of_a_difference_that_rounds() -> None:
    """0.3 - 700.1 rounds by up to 6e-14, by which σ would be off; what is lost comes back to first order."""
    exact = Decimals(50)
    wanted = exact.context.exp(exact.context.mpf(0.3) - exact.context.mpf(700.1))
    assert FLOATS.sigmoid_of_difference(0.3, 700.1) == pytest.approx(float(wanted), rel=4e-16, abs=0.0)
    assert FLOATS.sigmoid(0.3 - 700.1) != pytest.approx(float(wanted), rel=1e-14, abs=0.0)
    assert FLOATS.sigmoid_of_difference(1e300, -1e300) == 1.0
    assert FLOATS.sigmoid_of_difference(-inf, 0.0) == 0.0
    assert math.isnan(FLOATS.sigmoid_of_difference(inf, inf))


def test_importing_the_table_imports_no_number_library() -> None:
    """Start-up time: only `check` and `--digits` pay for mpmath, only arrays for NumPy."""
    program = "import sys, gradcli.graph.ops, gradcli.passes; print({'mpmath', 'numpy', 'lark'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
