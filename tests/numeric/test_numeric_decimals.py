"""The multiprecision numbers agree with IEEE 754 where they can, at the points where mpmath by itself does not."""

from __future__ import annotations

import itertools
import math
from math import inf, nan

import mpmath
import pytest

from gradcli.graph import ops
from gradcli.graph.ops import ELEMENTWISE, Op
from gradcli.numeric.decimals import Decimals
from gradcli.passes import FLOATS

DECIMALS = Decimals(50)
SYSTEM = ops.on(DECIMALS.primitives)
ODD = (0.0, 1.0, -1.0, 0.5, -2.0, 3.0, inf, -inf, nan)
# mpmath has no -0, the sign of which 1/(±0), its power and these partials at -inf would need.


def _agree(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or a == b or abs(a - b) <= 1e-14 * max(abs(a), 1.0)


@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda row: row.name)
def test_agrees_with_floats(row: Op) -> None:
    ours = getattr(FLOATS, ops.attribute(row.name))
    theirs = getattr(SYSTEM, ops.attribute(row.name))
    for point in itertools.product(ODD, repeat=2 if row.variadic else len(row.parameters)):
        exact = theirs(*map(DECIMALS.context.mpf, point))
        assert _agree(ours(*point), float(exact)), f"{row.name}{point}: {ours(*point)} and {exact}"


@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda row: row.name)
def test_partials_agree_with_floats(row: Op) -> None:
    if row.variadic:
        return
    for point in itertools.product(ODD, repeat=len(row.parameters)):
        numbers = [DECIMALS.context.mpf(x) for x in point]
        if row.name in ("silu", "mish") and math.isinf(point[0]):
            continue  # floats give the limit; the formula, which is what decimals run, is 0 times infinity there
        y, exact = (getattr(m, ops.attribute(row.name))(*xs) for m, xs in ((FLOATS, point), (SYSTEM, numbers)))
        for rule in row.partials:
            if not isinstance(rule, float):
                a, b = rule(FLOATS, y, *point), float(rule(SYSTEM, exact, *numbers))
                assert _agree(a, b), f"{row.name}{point}: {a} and {b}"


def test_powers_of_zero_and_of_infinity() -> None:
    power, number = SYSTEM.pow, DECIMALS.context.mpf
    assert power(number(0), number(-2)) == inf
    assert power(number(-inf), number(3)) == -inf
    assert power(number(-inf), number(2)) == inf
    assert power(number(-inf), number(0.5)) == inf
    assert power(number(-inf), number(-1)) == 0
    assert power(number(-1), number(inf)) == 1
    assert power(number(-8), number(1) / 3) != power(number(-8), number(1) / 3)


def test_precision_can_be_changed_and_is_our_own() -> None:
    numbers = Decimals(30)
    m, before = ops.on(numbers.primitives), mpmath.mp.dps
    short = m.exp(m.number("1"))
    numbers.context.dps = 80
    long = m.exp(m.number("1"))
    assert str(long).startswith("2.718281828459045235360287471352662497757247093699959574966967627724076630353")
    assert 0 < abs(long - short) < 1e-29
    assert mpmath.mp.dps == before


@pytest.mark.parametrize("x", ["1e-30", "1e-5", "0.3", "0.999", "1.5", "-40"])
def test_slope_of_sinc_has_all_digits(x: str) -> None:
    """The series of the generic rule would stop at 26 digits."""
    slow = Decimals(300)
    y = slow.context.mpf(x)
    wanted = (slow.context.cos(y) - slow.context.sin(y) / y) / y
    got = SYSTEM.sinc_slope(DECIMALS.context.mpf(x))
    assert abs(got - wanted) <= abs(wanted) * DECIMALS.context.mpf("1e-48")


def test_slope_of_sinc_elsewhere() -> None:
    assert SYSTEM.sinc_slope(DECIMALS.context.zero) == 0
    assert DECIMALS.context.isnan(SYSTEM.sinc_slope(DECIMALS.context.inf))
