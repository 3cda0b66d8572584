"""A value and its uncertainty are rounded as metrology reports them."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli.cli.values import constant
from gradcli.propagating.notation import measured
from gradcli.render.rounding import last_place, rounded

CASES = {
    (20.0, 0.54): ("20.00 ± 0.54", "20.00(54)"),
    (2.0, 0.0996): ("2.00 ± 0.10", "2.00(10)"),
    (2.0, 0.00996): ("2.000 ± 0.010", "2.000(10)"),
    (2.0, 9.95): ("2 ± 10", "2(10)"),
    (2.0, 9.94): ("2.0 ± 9.9", "2.0(99)"),
    (2.0, 99.5): ("(0.0 ± 1.0)e2", "0.0(10)e2"),
    (123.0, 12.0): ("123 ± 12", "123(12)"),
    (12345.0, 540.0): ("(1.234 ± 0.054)e4", "1.234(54)e4"),
    (1234567.0, 540.0): ("(1.23457 ± 0.00054)e6", "1.23457(54)e6"),
    (0.00012345, 1e-6): ("0.0001234 ± 0.0000010", "0.0001234(10)"),
    (6.6743e-11, 1.5e-15): ("(6.67430 ± 0.00015)e-11", "6.67430(15)e-11"),
    (-0.04, 0.5): ("-0.04 ± 0.50", "-0.04(50)"),
    (0.0, 0.1): ("0.00 ± 0.10", "0.00(10)"),
    (5.0, 1e10): ("(0.0 ± 1.0)e10", "0.0(10)e10"),
    (2.0, 0.0): ("2.0 ± 0", "2.0(0)"),
    (1e-7, 0.0): ("1e-07 ± 0", "1(0)e-07"),
    (math.nan, 1.0): ("nan ± 1.0e+00", "nan ± 1.0e+00"),
    (math.inf, math.inf): ("inf ± inf", "inf ± inf"),
    (2.0, math.nan): ("2.0 ± nan", "2.0 ± nan"),
    (math.nan, 0.0): ("nan ± 0", "nan ± 0"),
    (1e300, 1.04): ("1e+300 ± 1.0e+00", "1e+300 ± 1.0e+00"),
    (0.125, 0.25): ("0.12 ± 0.25", "0.12(25)"),
}


@pytest.mark.parametrize("numbers", CASES)
def test_how_it_is_written(numbers: tuple[float, float]) -> None:
    assert rounded(*numbers) == CASES[numbers]


@given(
    st.floats(-1e9, 1e9, allow_subnormal=False),
    st.floats(1e-6, 1e6),
)
def test_what_is_written_reads_back(value: float, uncertainty: float) -> None:
    """Both forms are read as the same numbers, which are the given ones to half a unit of the last place."""
    text, short = rounded(value, uncertainty)
    one, other = measured(text, "x", constant), measured(short, "x", constant)
    assert one is not None
    assert one == other
    half = Decimal((0, (5,), last_place(uncertainty) - 1)) * (1 + Decimal("1e-9")) + Decimal("1e-15") * Decimal(
        abs(value)
    )
    assert abs(Decimal(one.value) - Decimal(value)) <= half
    assert abs(Decimal(one.uncertainty) - Decimal(uncertainty)) <= half


@given(st.floats(1e-300, 1e300))
def test_two_digits_of_the_uncertainty(uncertainty: float) -> None:
    exact = Decimal(repr(uncertainty))
    digits = exact.scaleb(-last_place(uncertainty)).to_integral_value()
    assert 10 <= digits <= 99
