"""Float formulas around exp(-x²) that hold to the last digits: erfc, the normal distribution, gelu.

They replace the functions of the same name of gradcli/graph/ops/refined.py, and rows of the table. The tests compare
all of them with multiprecision numbers.
"""

from __future__ import annotations

import math
from math import exp


def _product_error(a: float, b: float, product: float) -> float:
    """a*b - product exactly, for moderate a and b (Dekker 1971)."""
    a_high = a * 134217729.0
    a_high -= a_high - a
    b_high = b * 134217729.0
    b_high -= b_high - b
    a_low, b_low = a - a_high, b - b_high
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def exp_minus_square(x: float) -> float:
    """exp(-x²), corrected for the rounding of x², which exp magnifies by x²."""
    if not abs(x) < 40.0:
        return x if x != x else 0.0
    square = x * x
    e = exp(-square)
    return e - e * _product_error(x, x, square)


# erfc(x)*exp(x²) for 1.09 < x < 1.25 by powers of x - 1.171875, highest first: a Chebyshev fit made with 50 digits,
# exact to 4e-20.
_SERIES = (
    7.152044071059502e-05, -0.00021208736166081576, 0.0006048674495368814, -0.001661136991181041,
    0.0043661228612667325, -0.010930541414156876, 0.025907596781091558, -0.057686818486780776, 0.11941693397640395,
    -0.22647194723379002, 0.38481374714100164,
)  # fmt: skip


def erfc(x: float) -> float:
    """1 - erf(x). C libraries take the last stretch of the difference from 0.845, which loses up to 4 ulp there."""
    if not 1.09 < x < 1.25:
        return math.erfc(x)
    t, scaled = x - 1.171875, 0.0
    for term in _SERIES:
        scaled = term + t * scaled
    return exp_minus_square(x) * scaled


def normal_pdf(x: float) -> float:
    """exp(-x²/2)/sqrt(2π), corrected like exp_minus_square."""
    if not abs(x) < 50.0:
        return x if x != x else 0.0
    square = x * x
    e = exp(-0.5 * square)
    return 0.3989422804014327 * (e - e * (0.5 * _product_error(x, x, square)))


_SQRT_HALF = 0.7071067811865476
_SQRT_HALF_LOW = -4.833646656726457e-17  # sqrt(1/2) - _SQRT_HALF


def normal_cdf(x: float) -> float:
    """Φ(x) = erfc(-x/√2)/2, corrected for the rounding of x/√2: erfc magnifies it by x² in its tail."""
    if not abs(x) < 40.0:
        return x if x != x else 0.0 if x < 0.0 else 1.0
    t = x * _SQRT_HALF
    error = _product_error(x, _SQRT_HALF, t) + x * _SQRT_HALF_LOW
    return 0.5 * erfc(-t) + 0.5641895835477563 * exp_minus_square(t) * error


_LEFT_TAIL = -37.0  # farther left Φ is taken from its asymptotic series, 6 terms of which are exact to 2e-17
_SCALED = 6.398279740081261e-29  # exp(-64)/sqrt(2π)


def _mills(x: float) -> float:
    """|x|*Φ(x)/φ(x) for x < _LEFT_TAIL: 1 - 1/x² + 3/x⁴ - 15/x⁶ … (Abramowitz and Stegun 26.2.12)."""
    u = 1.0 / (x * x)
    return 1.0 - u * (1.0 - 3.0 * u * (1.0 - 5.0 * u * (1.0 - 7.0 * u * (1.0 - 9.0 * u * (1.0 - 11.0 * u)))))


def _normal_pdf_times(x: float, factor: float) -> float:
    """factor*φ(x) for -40 < x < _LEFT_TAIL, with exp(64)*φ(x), since φ(x) may be subnormal."""
    square = x * x
    e = exp(64.0 - 0.5 * square)  # exact, as both have the same exponent
    e -= e * (0.5 * _product_error(x, x, square))
    return _SCALED * factor * e


def gelu(x: float) -> float:
    """x*Φ(x); where Φ is subnormal x would magnify what it has lost."""
    return -_normal_pdf_times(x, _mills(x)) if -40.0 < x < _LEFT_TAIL else x * normal_cdf(x)


def gelu_slope(x: float) -> float:
    """Φ(x) + x*φ(x)."""
    if -40.0 < x < _LEFT_TAIL:
        return _normal_pdf_times(x, x - _mills(x) / x)
    return normal_cdf(x) + x * normal_pdf(x)
