"""Python's functions of floats with IEEE 754's answers: 1/0 is inf, log(-1) is nan, exp(1000) is inf; nothing raises.

`math` raises where IEEE does not, so the functions that can are wrapped. A try block costs nothing until it fails.
"""

from __future__ import annotations

import math
from collections.abc import Callable

inf, nan = math.inf, math.nan
_INTEGERS_ONLY = 4503599627370496.0  # 2^52: from here on a float is an integer


def div(a: float, b: float) -> float:
    try:
        return a / b
    except ZeroDivisionError:
        return nan if a == 0.0 or a != a else math.copysign(inf, a) * math.copysign(1.0, b)


def _is_odd(a: float) -> bool:
    return math.fmod(a, 2.0) in (1.0, -1.0)


def pow(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except OverflowError:
        return -inf if a < 0.0 and _is_odd(b) else inf
    except ValueError:  # a zero to a negative power, or a negative number to a fraction
        return nan if a != 0.0 else math.copysign(inf, a) if _is_odd(b) else inf


def mod(a: float, b: float) -> float:
    try:
        return a % b
    except ZeroDivisionError:
        return nan


def _guarded(function: Callable[[float], float], overflow: Callable[[float], float]) -> Callable[[float], float]:
    """function with nan outside its domain and overflow(x) where the result is too large."""

    def guarded(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return nan
        except OverflowError:
            return overflow(x)

    return guarded


def _infinite(x: float) -> float:
    return inf


def _infinite_like(x: float) -> float:
    return math.copysign(inf, x)


def _logarithm(function: Callable[[float], float], pole: float) -> Callable[[float], float]:
    def logarithm(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return -inf if x == pole else nan

    return logarithm


exp = _guarded(math.exp, _infinite)
expm1 = _guarded(math.expm1, _infinite)
log = _logarithm(math.log, 0.0)
log2 = _logarithm(math.log2, 0.0)
log10 = _logarithm(math.log10, 0.0)
log1p = _logarithm(math.log1p, -1.0)
sqrt = _guarded(math.sqrt, _infinite)
asin = _guarded(math.asin, _infinite)
acos = _guarded(math.acos, _infinite)
sinh = _guarded(math.sinh, _infinite_like)
cosh = _guarded(math.cosh, _infinite)
acosh = _guarded(math.acosh, _infinite)


_BITS = 1300  # of π/2 after the point: those of the largest float, of the smallest remainder, and 53
_HALF_PI = int(
    "1921fb54442d18469898cc51701b839a252049c1114cf98e804177d4c76273644a29410f31c6809bbdf2a33679a74863"
    "6605614dbe4be286e9fc26adadaa3848bc90b6aecc4bcfd8de89885d34c6fdad617feb96de80d6fdbdc70d7f6b5133f4"
    "b5d3e4822f8963fcc9250cca3d9c8b67b8400f97142c77e0b31b4906c38aba734d22c7f51fa499ebf06caba47b9475b2"
    "c38c5e6ac410aa5773daa520ee12d2cdace187",
    16,
)


def _beyond_quarter_turns(x: float) -> float:
    """The distance of x from the nearest multiple of π/2, from exact integers: C libraries leave some 1e-33 of it."""
    numerator, denominator = x.as_integer_ratio()
    rest = (numerator << _BITS) // denominator % _HALF_PI
    return min(rest, _HALF_PI - rest) / (1 << _BITS)


_NEAR = 1e-15  # beside a multiple of π/2, where the function or its reciprocal is the distance from it


def sin(x: float) -> float:
    try:
        y = math.sin(x)
    except ValueError:
        return nan
    return math.copysign(_beyond_quarter_turns(x), y) if -_NEAR < y < _NEAR and abs(x) > 1.0 else y


def cos(x: float) -> float:
    try:
        y = math.cos(x)
    except ValueError:
        return nan
    return math.copysign(_beyond_quarter_turns(x), y) if -_NEAR < y < _NEAR else y


def tan(x: float) -> float:
    try:
        y = math.tan(x)
    except ValueError:
        return nan
    if abs(y) > 1.0 / _NEAR:
        return math.copysign(1.0 / _beyond_quarter_turns(x), y)
    return math.copysign(_beyond_quarter_turns(x), y) if -_NEAR < y < _NEAR and abs(x) > 1.0 else y


def atanh(x: float) -> float:
    try:
        return math.atanh(x)
    except ValueError:
        return math.copysign(inf, x) if x in (1.0, -1.0) else nan


def cbrt(x: float) -> float:
    y = math.cbrt(x)
    # Some C libraries are up to 4 ulp off; one Newton step leaves less than one.
    return y - (y - x / (y * y)) / 3.0 if 0.0 < abs(x) < inf else y


def floor(x: float) -> float:
    return math.copysign(float(math.floor(x)), x) if -_INTEGERS_ONLY < x < _INTEGERS_ONLY else x


def round_half_even(x: float) -> float:
    return math.copysign(float(round(x)), x) if -_INTEGERS_ONLY < x < _INTEGERS_ONLY else x


def maximum(*xs: float) -> float:
    largest = xs[0]
    for x in xs:
        if x > largest or x != x:
            largest = x
    return largest


def minimum(*xs: float) -> float:
    smallest = xs[0]
    for x in xs:
        if x < smallest or x != x:
            smallest = x
    return smallest


def where(condition: float, a: float, b: float) -> float:
    return b if condition == 0.0 else a if condition == condition else nan


def chain(adjoint: float, partial: float) -> float:
    return 0.0 if adjoint == 0.0 else adjoint * partial


def less(a: float, b: float) -> float:
    return 1.0 if a < b else 0.0


def less_equal(a: float, b: float) -> float:
    return 1.0 if a <= b else 0.0


def equal(a: float, b: float) -> float:
    return 1.0 if a == b else 0.0
