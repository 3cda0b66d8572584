"""Float formulas that hold to the last digits where the plain one does not, and single steps for composed functions.

They replace the functions of the same name of gradcli/graph/ops/refined.py, and composed rows. The tests compare all of
them with multiprecision numbers.
"""

from __future__ import annotations

from math import copysign, factorial, hypot, inf, log1p, nan, tanh

from gradcli.numeric.ieee import cos, exp, log, pow, sin


def defined(condition: float, x: float) -> float:
    return x if condition else nan


def unsigned_zero(x: float) -> float:
    return x + 0.0


def not_equal(a: float, b: float) -> float:
    return 1.0 if a != b else 0.0


def both(a: float, b: float) -> float:
    return 1.0 if a != 0.0 and b != 0.0 else 0.0


def either(a: float, b: float) -> float:
    return 1.0 if a != 0.0 or b != 0.0 else 0.0


def negation(a: float) -> float:
    return 1.0 if a == 0.0 else 0.0


def relu(x: float) -> float:
    return 0.0 if x <= 0.0 else x


def sigmoid(x: float) -> float:
    if x >= 0.0:
        return 1.0 / (1.0 + exp(-x))
    e = exp(x)  # of nan or a number < 0: never overflows
    return e / (1.0 + e)


def exp_times(x: float, factor: float) -> float:
    """factor*exp(x). A subnormal exp(x) has lost the digits that its root still has."""
    e = exp(x)
    return factor * e if not e < 1e-300 else factor * exp(0.5 * x) * exp(0.5 * x)


def cbrt_slope(x: float, y: float) -> float:
    """1/(3*y²) for y = cbrt(x); y/(3*x) has y's rounding once only."""
    return y / x / 3.0 if 0.0 < abs(x) < inf else inf if x == 0.0 else 1.0 / (y * y)


def atan_slope(x: float) -> float:
    return 1.0 / (1.0 + x * x) if -1e100 < x < 1e100 else 1.0 / x / x


def hypot_slope(x: float, y: float, r: float) -> float:
    """x/r for r = hypot(x, y), which can overflow for finite operands; 0 at the origin."""
    if 0.0 < r < inf:
        return x / r
    if r == inf and abs(x) < inf and abs(y) < inf:
        return 0.5 * x / hypot(0.5 * x, 0.5 * y)
    return 0.0 if r == 0.0 else nan if r != r or abs(x) == inf else x / r


def atan2_slope(numerator: float, y: float, x: float) -> float:
    """numerator/(x² + y²) without squares; 0 at the origin. The distance can overflow for finite operands."""
    r = hypot(x, y)
    if r == inf and abs(x) < inf and abs(y) < inf:
        r = hypot(0.5 * x, 0.5 * y)
        numerator *= 0.25
    return 0.0 if r == 0.0 else numerator / r / r


def sech_squared(x: float) -> float:
    """1/cosh(x)² as 4e/(1 + e)² with e = exp(-2|x|): cosh could overflow. The square is written to round only once."""
    e = exp(-2.0 * abs(x))
    return 4.0 * e / (1.0 + e * (2.0 + e))


def tanh_slope(x: float, y: float) -> float:
    """1/cosh(x)²: 1 - y² while that cancels nothing, which saves the exponential."""
    return 1.0 - y * y if -0.5 < y < 0.5 else sech_squared(x)


def sigmoid_slope(x: float) -> float:
    """σ(x)*σ(-x) with one exponential, like sech_squared."""
    e = exp(-abs(x))
    return e / (1.0 + e * (2.0 + e))


def pow_slope(x: float, a: float) -> float:
    """a*x^(a-1), corrected to first order where a - 1 rounds: log(x) magnifies it to 272 ulp at x = 1e300, a = 0.3."""
    t = a - 1.0
    power = pow(x, t)
    if not 1e-290 < abs(power) < 1e290 or x == 0.0:
        return _pow_slope_at_edge(x, a, t, power)
    if (t + 1.0 != a or t - a != -1.0) and abs(a) < inf:
        if x < 0.0:
            power = _of_negative_base(power, a)
        power += power * _rounding(a, t) * log(abs(x))
    return a * power


def _of_negative_base(power: float, a: float) -> float:
    """x^(a-1) for x < 0 where a - 1 rounds: then a is huge and so even, or a fraction, which a - 1.0 may not be."""
    return -abs(power) if abs(a) >= 9007199254740992.0 else nan


def _rounding(a: float, t: float) -> float:
    """a - 1 - t exactly, t being a - 1.0 (Knuth's two-sum)."""
    back = t - a
    return (a - (t - back)) + (-1.0 - back)


def _pow_slope_at_edge(x: float, a: float, t: float, power: float) -> float:
    """The same where the power is singular or near over- or underflow, which the square of its root is not."""
    if a == 0.0 and (x == 0.0 or x != x):
        return 0.0
    if x < 0.0 and (t + 1.0 != a or t - a != -1.0) and abs(a) < inf:
        power = _of_negative_base(power, a)
    root = pow(abs(x), 0.5 * t)
    if x == 0.0 or power != power or not 0.0 < root < inf:
        return a * power
    corrected = root + root * _rounding(a, t) * log(abs(x))
    return copysign(a, a * power) * root * corrected


def pow_exponent_slope(x: float, a: float, y: float) -> float:
    """x^a*log(x). A subnormal or infinite y = x^a has lost the digits that its root still has."""
    if x == 0.0 and a >= 0.0:
        return 0.0
    if 1e-290 < y < 1e290 or not 0.0 < x < inf or not -inf < a < inf:
        return y * log(x)
    root = pow(x, 0.5 * a)
    return root * log(x) * root


def sigmoid_of_difference(a: float, b: float) -> float:
    """σ(a - b), corrected for the rounding of a - b, which the tail of σ would magnify."""
    d = a - b
    e = exp(-abs(d))  # of nan or a number ≤ 0: never overflows
    upper, lower = 1.0 / (1.0 + e), e / (1.0 + e)
    sigma, rest = (upper, lower) if d >= 0.0 else (lower, upper)
    if not abs(d) < 800.0:
        return sigma
    b_part = a - d
    error = (a - (d + b_part)) + (b_part - b)
    return sigma + sigma * rest * error


def logaddexp(a: float, b: float) -> float:
    """log(exp(a) + exp(b)), corrected for the rounding of a - b: near a zero crossing the tail is all there is."""
    if a == b:
        return a + 0.6931471805599453
    d = a - b
    if not abs(d) < 800.0:
        return d if d != d else max(a, b)
    b_part = a - d
    error = (a - (d + b_part)) + (b_part - b)
    e = exp(-abs(d))
    return max(a, b) + (log1p(e) - copysign(e / (1.0 + e), d) * error)


_FLAT = 800.0  # beyond, exp(-|x|) is 0 and an infinite factor would make nan of it
_SUBNORMAL = -700.0  # farther left exp(x) has lost digits, or will have when it is squared


def silu(x: float) -> float:
    return x * sigmoid(x) if not x < _SUBNORMAL else exp_times(x, x)


def mish(x: float) -> float:
    """x*tanh(softplus(x)); far left both are exp(x)."""
    return x * tanh(max(x, 0.0) + log1p(exp(-abs(x)))) if not x < _SUBNORMAL else exp_times(x, x)


def silu_slope(x: float) -> float:
    """The derivative of x/(1 + exp(-x)) as one fraction of e = exp(-|x|): fewer roundings than with σ."""
    if abs(x) > _FLAT:
        return 1.0 if x > 0.0 else 0.0
    if x < _SUBNORMAL:
        return exp_times(x, 1.0 + x)
    e = exp(-abs(x))
    return (1.0 + e * (1.0 + x) if x > 0.0 else e * ((1.0 + x) + e)) / (1.0 + e * (2.0 + e))


def mish_slope(x: float) -> float:
    """The derivative of x*tanh(softplus(x)) = x*n/(n + 2), n = e*(e + 2), as one fraction of e = exp(x) or 1/e."""
    if abs(x) > _FLAT:
        return 1.0 if x > 0.0 else 0.0
    if x < _SUBNORMAL:
        return exp_times(x, 1.0 + x)
    if x > 0.0:
        e = exp(-x)
        n, d = 1.0 + 2.0 * e, 1.0 + 2.0 * e * (1.0 + e)
        return (n * d + 4.0 * x * e * e * (1.0 + e)) / (d * d)
    e = exp(x)
    n = e * (e + 2.0)
    return e * (4.0 * (1.0 + x) + e * (6.0 + 4.0 * x + e * (4.0 + e))) / (4.0 + n * (4.0 + n))


SINC_SERIES = tuple((-1.0) ** k * 2.0 * k / factorial(2 * k + 1) for k in range(12, 0, -1))


def sinc_slope(x: float) -> float:
    """(cos x - sinc x)/x, below 1 by its Taylor series, since the difference cancels."""
    if not abs(x) < 1.0:
        return nan if x != x or abs(x) == inf else (cos(x) - sin(x) / x) / x
    square, series = x * x, 0.0
    for term in SINC_SERIES:
        series = term + square * series
    return x * series
