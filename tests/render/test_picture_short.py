"""Short numbers: four digits, and one sees whether some were lost."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli.render.picture.short import short

TABLE = (
    (-20.0, "−20"),
    (0.0, "0"),
    (-0.0, "0"),
    (1.0, "1"),
    (999999.0, "999999"),
    (-999999.0, "−999999"),
    (1e6, "1e6"),
    (1234567.0, "1.235e6"),
    (0.5, "0.5"),
    (0.50001, "0.5000"),
    (0.7 * 0.8, "0.56"),
    (0.1 + 0.2, "0.3"),
    (1 / 3, "0.3333"),
    (-1 / 3, "−0.3333"),
    (2.0599, "2.060"),
    (12345.5, "1.235e4"),
    (123.45, "123.5"),
    (99.996, "100.0"),
    (1.380649e-23, "1.381e−23"),
    (1e-5, "1e−5"),
    (-2.5e-10, "−2.5e−10"),
    (0.001, "0.001"),
    (5e-324, "4.941e−324"),
    (1.7976931348623157e308, "1.798e308"),
    (math.inf, "∞"),
    (-math.inf, "−∞"),
    (math.nan, "nan"),
)


@pytest.mark.parametrize(("number", "shown"), TABLE)
def test_table(number: float, shown: str) -> None:
    assert short(number) == shown


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_it_is_near_and_short(x: float) -> None:
    shown = short(x)
    assert len(shown) <= 11
    back = float(shown.replace("−", "-"))
    assert math.isclose(back, x, rel_tol=5.1e-4) or not 1e-305 < abs(x) < 1.797e308


@given(st.floats(allow_nan=False))
def test_a_sign_is_all_that_differs(x: float) -> None:
    assert x == 0 or short(-abs(x)) == "−" + short(abs(x))
