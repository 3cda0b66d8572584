"""Functions of float64 arrays, element by element: what gradcli/numeric/floats.py has for one float.

Enters: arrays and floats that broadcast. Leaves: arrays. Invariant: an element is what the function of one float gives,
within 4 units in the last place, and exactly where that is not finite. Formulas are those of ieee.py and refined.py;
those of gradcli/numeric/gaussian.py have another form for arrays, in gaussian.py beside this. Elements for which a
formula is not meant go to the function of one float, and so does a function without a line in `_VECTORS`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from gradcli.numeric import floats
from gradcli.numeric.arrays import gaussian
from gradcli.numeric.arrays.mapped import either, patched
from gradcli.numeric.arrays.mapped import floats as one_by_one
from gradcli.numeric.floats import PRIMITIVES
from gradcli.numeric.refined import SINC_SERIES
from gradcli.numeric.system import NumberSystem

Array = Any  # of float64; operands may be floats too, but not all of them


def functions(m: NumberSystem) -> dict[str, Any]:
    """The functions of arrays, for every function that floats bring themselves.

    Args:
        m: the system of floats.
    """
    found: dict[str, Any] = {}
    for name in floats.PRIMITIVES:
        own, vector = getattr(m, name), _VECTORS.get(name)
        if name in _AS_THEY_ARE:
            found[name] = own
        else:
            found[name] = one_by_one(own) if vector is None else either(vector, own)
    return found


_AS_THEY_ARE = ("add", "sub", "mul", "neg", "number", "pi")


def _truth(condition: Any) -> Array:
    """1 and 0 for a condition."""
    return condition.astype(np.float64)


def chain(adjoint: Array, partial: Array, out: Array | None = None) -> Array:
    """One product, and another look only where a nan appears."""
    y = np.multiply(adjoint, partial, out=out)
    if np.isnan(y).any():
        y = np.where(np.equal(adjoint, 0.0), 0.0, y)
    return y


def _where(condition: Array, a: Array, b: Array) -> Array:
    y = np.where(np.equal(condition, 0.0), b, a)
    unknown = np.isnan(condition)
    return np.where(unknown, np.nan, y) if unknown.any() else y


def _patched(name: str, vector: Callable[..., Array], is_odd: Callable[..., Any]) -> Callable[..., Array]:
    return patched(vector, is_odd, PRIMITIVES[name])  # type: ignore[arg-type]


def _first_zero(y: Array, a: Array, b: Array) -> Any:
    """Where 0 and -0 meet, of which the first one is taken."""
    return np.equal(a, b) & (np.signbit(a) != np.signbit(b))


def _of_many(name: str, vector: Callable[..., Array]) -> Callable[..., Array]:
    """An extreme of any number of operands."""
    two = either(_patched(name, vector, _first_zero), PRIMITIVES[name])  # type: ignore[arg-type]
    return lambda *xs: reduce(two, xs)


def _relu(x: Array) -> Array:
    y = np.maximum(x, 0.0)
    y += 0.0  # no -0
    return y


# Powers


def _power(x: Array, a: Array) -> Array:
    """Small powers by products: np.power takes a hundred times as long."""
    if isinstance(a, float):
        if a == 2.0:
            return x * x
        if a == 3.0:
            return x * x * x
        if a == 4.0:
            square = x * x
            return square * square
    return np.power(x, a)


def _differs(y: Array, x: Array, a: Array) -> Any:
    """np.power may take the square root, which has other ideas of -inf and -0."""
    if isinstance(a, float) and a != 0.5:
        return False
    return np.equal(a, 0.5) & (np.equal(x, 0.0) | np.isinf(x))


def _pow_slope(x: Array, a: Array) -> Array:
    return a * _power(x, a - 1.0)


def _is_odd_slope(y: Array, x: Array, a: Array) -> Any:
    """Where a - 1 rounds, or the power is singular, or over- or underflows."""
    t = a - 1.0
    if isinstance(a, float) and 1.0 <= a <= 4.0 and a == int(a):
        return ~np.isfinite(y)
    usual = np.equal(t + 1.0, a) & np.equal(t - a, -1.0) & np.not_equal(x, 0.0)
    return ~(usual & (np.abs(y) > 1e-280) & (np.abs(y) < 1e280) & (np.abs(a) < 1e9) & (np.abs(a) > 1e-9))


def _pow_exponent_slope(x: Array, a: Array, y: Array) -> Array:
    return y * np.log(x)


def _is_odd_exponent_slope(slope: Array, x: Array, a: Array, y: Array) -> Any:
    return ~(np.greater(y, 1e-290) & np.less(y, 1e290) & np.greater(x, 0.0))


def _cbrt_slope(x: Array, y: Array) -> Array:
    return y / x / 3.0


# Exponentials


def _exp_times(x: Array, factor: Array) -> Array:
    e = np.exp(x)
    y = factor * e
    if np.less(e, 1e-300).any():
        root = np.exp(0.5 * x)
        y = np.where(np.less(e, 1e-300), factor * root * root, y)
    return y


def _decay(x: Array, rate: float) -> Array:
    """exp(rate*|x|); in place, since memory is what takes the time."""
    y = np.abs(x)
    y *= rate
    return np.exp(y, out=y)


def _bell(e: Array) -> Array:
    """e/(1 + e)², which rounds once only."""
    y = e + 2.0
    y *= e
    y += 1.0
    return np.divide(e, y, out=y)


def _sigmoid(x: Array) -> Array:
    """exp(min(x, 0)) is the same as a choice between 1 and exp(x), and faster."""
    y = _decay(x, -1.0)
    y += 1.0
    return np.divide(np.exp(np.minimum(x, 0.0)), y, out=y)


def _sech_squared(x: Array) -> Array:
    y = _bell(_decay(x, -2.0))
    y *= 4.0
    return y


def _tanh_slope(x: Array, y: Array) -> Array:
    return _sech_squared(x)


def _sigmoid_slope(x: Array) -> Array:
    return _bell(_decay(x, -1.0))


_FAR = 800.0  # exp(-800) is 0


def _difference(a: Array, b: Array) -> tuple[Array, Array]:
    """a - b and how far it is from the true one; 0 where that does not matter."""
    d = np.subtract(a, b)
    b_part = a - d
    return d, np.where(np.abs(d) < _FAR, (a - (d + b_part)) + (b_part - b), 0.0)


def _sigmoid_of_difference(a: Array, b: Array) -> Array:
    d, error = _difference(a, b)
    return _sigmoid(d) + _sigmoid_slope(d) * error


def _logaddexp(a: Array, b: Array) -> Array:
    d, error = _difference(a, b)
    e = np.exp(-np.abs(d))
    y = np.maximum(a, b) + (np.log1p(e) - np.copysign(e / (1.0 + e), d) * error)
    return np.where(np.equal(a, b), a + 0.6931471805599453, y)


def _silu(x: Array) -> Array:
    return x * _sigmoid(x)


def _mish(x: Array) -> Array:
    return x * np.tanh(np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))))


def _silu_slope(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.where(x > 0.0, 1.0 + e * (1.0 + x), e * ((1.0 + x) + e)) / (1.0 + e * (2.0 + e))


def _mish_slope(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    n, d = 1.0 + 2.0 * e, 1.0 + 2.0 * e * (1.0 + e)
    right = (n * d + 4.0 * x * e * e * (1.0 + e)) / (d * d)
    n = e * (e + 2.0)
    left = e * (4.0 * (1.0 + x) + e * (6.0 + 4.0 * x + e * (4.0 + e))) / (4.0 + n * (4.0 + n))
    return np.where(x > 0.0, right, left)


def _is_far_left(y: Array, x: Array) -> Any:
    return np.less(x, -700.0)


def _is_far(y: Array, x: Array) -> Any:
    return ~np.less(np.abs(x), 700.0)


# Others


def _atan_slope(x: Array) -> Array:
    return 1.0 / (1.0 + x * x)


def _is_huge(y: Array, x: Array) -> Any:
    return np.abs(x) >= 1e100


def _hypot_slope(x: Array, y: Array, r: Array) -> Array:
    return np.divide(x, r)


def _atan2_slope(numerator: Array, y: Array, x: Array) -> Array:
    r = np.hypot(x, y)
    return numerator / r / r


def _is_odd_distance(slope: Array, first: Array, second: Array, third: Array) -> Any:
    return ~np.isfinite(slope) | np.equal(slope, 0.0)


def _sinc_slope(x: Array) -> Array:
    square, series = x * x, 0.0
    for term in SINC_SERIES:
        series = term + square * series
    return np.where(np.abs(x) < 1.0, x * series, (_cos(x) - np.sin(x) / x) / x)


def _is_near_root(y: Array, x: Array) -> Any:
    """Beside a multiple of π/2 the distance from it is all there is."""
    return np.abs(y) < 1e-15


_cos = _patched("cos", np.cos, _is_near_root)


def _is_near_pole_or_root(y: Array, x: Array) -> Any:
    return ~((np.abs(y) > 1e-15) & (np.abs(y) < 1e15))


_VECTORS: dict[str, Callable[..., Array]] = {
    "div": np.divide,
    "pow": _patched("pow", _power, _differs),
    "mod": np.mod,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "sin": _patched("sin", np.sin, _is_near_root),
    "cos": _cos,
    "tan": _patched("tan", np.tan, _is_near_pole_or_root),
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "hypot": np.hypot,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "abs": np.absolute,
    "floor": np.floor,
    "round": np.rint,
    "max": _of_many("max", np.maximum),
    "min": _of_many("min", np.minimum),
    "less": lambda a, b: _truth(np.less(a, b)),
    "less_equal": lambda a, b: _truth(np.less_equal(a, b)),
    "equal": lambda a, b: _truth(np.equal(a, b)),
    "where": _where,
    "chain": chain,
    "not_equal": lambda a, b: _truth(np.not_equal(a, b)),
    "and_": lambda a, b: _truth(np.not_equal(a, 0.0) & np.not_equal(b, 0.0)),
    "or_": lambda a, b: _truth(np.not_equal(a, 0.0) | np.not_equal(b, 0.0)),
    "not_": lambda a: _truth(np.equal(a, 0.0)),
    "relu": _relu,
    "sigmoid": _sigmoid,
    "logaddexp": _patched("logaddexp", _logaddexp, lambda y, a, b: np.equal(y, 0.0)),
    "silu": _patched("silu", _silu, _is_far_left),
    "mish": _patched("mish", _mish, _is_far_left),
    "defined": lambda condition, x: np.where(np.not_equal(condition, 0.0), x, np.nan),
    "unsigned_zero": lambda x: operator.add(x, 0.0),
    "pow_slope": _patched("pow_slope", _pow_slope, _is_odd_slope),
    "pow_exponent_slope": _patched("pow_exponent_slope", _pow_exponent_slope, _is_odd_exponent_slope),
    "exp_times": _exp_times,
    "cbrt_slope": _patched("cbrt_slope", _cbrt_slope, lambda slope, x, y: ~np.isfinite(slope)),
    "atan_slope": _patched("atan_slope", _atan_slope, _is_huge),
    "atan2_slope": _patched("atan2_slope", _atan2_slope, _is_odd_distance),
    "hypot_slope": _patched("hypot_slope", _hypot_slope, _is_odd_distance),
    "sech_squared": _sech_squared,
    "tanh_slope": _tanh_slope,
    "sigmoid_of_difference": _sigmoid_of_difference,
    "sigmoid_slope": _sigmoid_slope,
    "silu_slope": _patched("silu_slope", _silu_slope, _is_far),
    "mish_slope": _patched("mish_slope", _mish_slope, _is_far),
    "sinc_slope": _sinc_slope,
    **gaussian.VECTORS,
}
