"""Float formulas that hold to the last digits where the plain one does not, and single steps for composed functions.

They replace the functions of the same name of gradcli/graph/ops/refined.py, and composed rows. The tests compare all of
them with multiprecision numbers.
"""

from __future__ import annotations

from math import copysign, cos, erfc, exp, factorial, inf, log1p, nan, sin

from gradcli.numeric.ieee import log, pow


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
        power += power * _rounding(a, t) * log(abs(x))
    return a * power


def _rounding(a: float, t: float) -> float:
    """a - 1 - t exactly, t being a - 1.0 (Knuth's two-sum)."""
    back = t - a
    return (a - (t - back)) + (-1.0 - back)


def _pow_slope_at_edge(x: float, a: float, t: float, power: float) -> float:
    """The same where the power is singular or near over- or underflow, which the square of its root is not."""
    if a == 0.0 and (x == 0.0 or x != x):
        return 0.0
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


def silu_slope(x: float) -> float:
    """The derivative of x/(1 + exp(-x)) as one fraction of e = exp(-|x|): fewer roundings than with σ."""
    if abs(x) > _FLAT:
        return 1.0 if x > 0.0 else 0.0
    e = exp(-abs(x))
    return (1.0 + e * (1.0 + x) if x > 0.0 else e * ((1.0 + x) + e)) / (1.0 + e * (2.0 + e))


def mish_slope(x: float) -> float:
    """The derivative of x*tanh(softplus(x)) = x*n/(n + 2), n = e*(e + 2), as one fraction of e = exp(x) or 1/e."""
    if abs(x) > _FLAT:
        return 1.0 if x > 0.0 else 0.0
    if x > 0.0:
        e = exp(-x)
        n, d = 1.0 + 2.0 * e, 1.0 + 2.0 * e * (1.0 + e)
        return (n * d + 4.0 * x * e * e * (1.0 + e)) / (d * d)
    e = exp(x)
    n = e * (e + 2.0)
    return e * (4.0 * (1.0 + x) + e * (6.0 + 4.0 * x + e * (4.0 + e))) / (4.0 + n * (4.0 + n))


_SINC_SERIES = tuple((-1.0) ** k * 2.0 * k / factorial(2 * k + 1) for k in range(12, 0, -1))


def sinc_slope(x: float) -> float:
    """(cos x - sinc x)/x, below 1 by its Taylor series, since the difference cancels."""
    if not abs(x) < 1.0:
        return nan if x != x or abs(x) == inf else (cos(x) - sin(x) / x) / x
    square, series = x * x, 0.0
    for term in _SINC_SERIES:
        series = term + square * series
    return x * series
