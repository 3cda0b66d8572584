"""Formulas that some number system computes better than by the letter: on gates and text they are what they say.

They are not gates: the derivative's graph contains the formula.
"""

from __future__ import annotations

from math import factorial
from typing import Any

from gradcli.graph.ops.row import Rule


def defined(m: Any, condition: Any, x: Any) -> Any:
    """x inside the domain of a function, nan outside."""
    return m.where(condition, x, m.number("nan"))


def unsigned_zero(m: Any, x: Any) -> Any:
    """x with -0 as 0, for slopes at the end of a domain: sqrt and log come from the right. Only floats know a -0."""
    return x


def pow_slope(m: Any, x: Any, a: Any) -> Any:
    """a*x^(a-1); x^0 is flat everywhere, which the formula misses only where 0^-1 is infinite (or x is nan)."""
    singular = m.and_(m.equal(a, 0.0), m.not_(m.less(0.0, m.abs(x))))
    return m.where(singular, 0.0, a * m.pow(x, a - 1.0))


def pow_exponent_slope(m: Any, x: Any, a: Any, y: Any) -> Any:
    """y*log(x) for y = x^a, and 0 for 0^a with a ≥ 0, where 0 times -inf would be nan."""
    return m.where(m.and_(m.equal(x, 0.0), m.less_equal(0.0, a)), 0.0, y * m.log(x))


def exp_times(m: Any, x: Any, factor: Any) -> Any:
    """factor*exp(x)."""
    return factor * m.exp(x)


def cbrt_slope(m: Any, x: Any, y: Any) -> Any:
    """1/(3*y²) for y = cbrt(x)."""
    return m.div(1.0, 3.0 * m.pow(y, 2.0))


def atan_slope(m: Any, x: Any) -> Any:
    return m.div(1.0, 1.0 + m.pow(x, 2.0))


def atan2_slope(m: Any, numerator: Any, y: Any, x: Any) -> Any:
    """numerator/(x² + y²), scaled so that no square overflows or vanishes; 0 at the origin."""
    r = m.hypot(x, y)
    return m.where(m.equal(r, 0.0), 0.0, m.div(m.div(numerator, r), r))


def hypot_slope(m: Any, x: Any, y: Any, r: Any) -> Any:
    """x/r for r = hypot(x, y); 0 at the origin."""
    return m.where(m.equal(r, 0.0), 0.0, m.div(x, r))


def sech_squared(m: Any, x: Any) -> Any:
    """1/cosh(x)² as 4*σ(2x)*σ(-2x), in which nothing overflows: on gates it is finite whatever x is."""
    twice = 2.0 * x
    return 4.0 * (m.sigmoid(twice) * m.sigmoid(-twice))


def tanh_slope(m: Any, x: Any, y: Any) -> Any:
    """1/cosh(x)² for y = tanh(x); not 1 - y², which cancels in the tail."""
    return m.sech_squared(x)


def exp_minus_square(m: Any, x: Any) -> Any:
    return m.exp(-(m.pow(x, 2.0)))


def normal_pdf(m: Any, x: Any) -> Any:
    """The density of the standard normal distribution."""
    return m.div(m.exp(-m.div(m.pow(x, 2.0), 2.0)), m.sqrt(2.0 * m.pi))


def normal_cdf(m: Any, x: Any) -> Any:
    """The standard normal distribution function Φ."""
    return m.div(m.erfc(m.div(-x, m.sqrt(2.0))), 2.0)


def gelu_slope(m: Any, x: Any) -> Any:
    return m.normal_cdf(x) + x * m.normal_pdf(x)


def sigmoid_of_difference(m: Any, a: Any, b: Any) -> Any:
    return m.sigmoid(a - b)


def sigmoid_slope(m: Any, x: Any) -> Any:
    """Not y*(1 - y), which cancels in the tail."""
    return m.sigmoid(x) * m.sigmoid(-x)


def silu_slope(m: Any, x: Any) -> Any:
    return m.sigmoid(x) * (1.0 + x * m.sigmoid(-x))


def mish_slope(m: Any, x: Any) -> Any:
    s = m.softplus(x)
    return m.tanh(s) + x * m.sech_squared(s) * m.sigmoid(x)


_SINC_TERMS = 12


def sinc_slope(m: Any, x: Any) -> Any:
    """(cos x - sinc x)/x, below 1 by its Taylor series Σ (-1)^k 2k/(2k+1)! x^(2k-1), since the difference cancels.

    Twelve terms give 26 digits. On gates the series is what makes the second derivative right at 0.
    """
    square = m.pow(x, 2.0)
    series: Any = 0.0
    for k in range(_SINC_TERMS, 0, -1):
        term = m.div(2.0 * k * (-1.0) ** k, float(factorial(2 * k + 1)))
        series = term if k == _SINC_TERMS else term + square * series
    return m.where(m.less(m.abs(x), 1.0), x * series, m.div(m.cos(x) - m.sinc(x), x))


REFINED: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        defined, unsigned_zero, pow_slope, pow_exponent_slope, exp_times, cbrt_slope, atan_slope, atan2_slope,
        hypot_slope, sech_squared, tanh_slope, exp_minus_square, normal_pdf, normal_cdf, gelu_slope,
        sigmoid_of_difference, sigmoid_slope, silu_slope, mish_slope, sinc_slope,
    )
}  # fmt: skip
