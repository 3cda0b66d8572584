"""The error function and its kin of float64 arrays: erf, erfc, the normal distribution, gelu.

Enters: arrays of any shape. Leaves: new arrays of that shape. Invariant: every element is within 4 units in the last
place of the exact one (a subnormal one within 4 of the smallest numbers), as that of the function of one float is; and
±0, ±inf and nan are what that gives. Arrays of a few elements go there one by one, which is faster.

exp(x²)*erfc(x) is one polynomial for all x ≥ 0, after M. M. Shepherd and J. G. Laframboise, "Chebyshev approximation of
(1 + 2x)exp(x²)erfc x in 0 ≤ x < ∞", Mathematics of Computation 36 (1981). Others choose between formulas by the size of
x; in arrays a choice takes as long as ten products. The coefficients are our own fits, with 50 digits at Chebyshev's
points.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcli.numeric import floats
from gradcli.numeric.arrays.mapped import floats as one_by_one
from gradcli.numeric.arrays.mapped import patched

Array = Any  # of float64
Function = Callable[..., Any]

_SHIFT = 3.5  # x/(x + 3.5) takes the half line to a piece of it, on which both functions are easiest to fit

# ((1 + 2x)*exp(x²)*erfc(x) - 1)/w for w = x/(x + 3.5) and x ≤ 27.5, by powers of w - 0.4375, highest first; to 5e-17.
_SCALED_CENTRE = 0.4375
_SCALED = (
    0.012094241649421432, 0.0023411190349199285, -0.031025190053530112, -0.010498721558926482, 0.05286181418274401,
    0.025360895022475634, -0.08729158666063397, -0.0442806817997751, 0.1606579009776834, 0.04698497135352037,
    -0.3303612739874162, 0.08173533361566161, 0.6551379507502056, -0.8445846925348091, -0.5124298897960653,
    3.1686290828559316, -5.693426707899529, 6.692947757355692, -5.8545335480300675, 3.9284680161239285,
    -1.9580039882925127, 0.5930606069298892,
)  # fmt: skip

# (log(erfc(x))/x + 2/sqrt(π))/x for x ≤ 6, by powers of w - 0.3125, likewise; gives erf to 2e-17.
_LOGARITHM_CENTRE = 0.3125
_LOGARITHM = (
    -0.26164058637879145, -0.13261701314497526, 0.3465743456582531, 0.045158032292118226, -0.33168568168172174,
    0.05967061255916365, 0.2331496326182983, -0.14372186087417893, -0.13974842923858233, 0.1631694746445494,
    0.04302057542361081, -0.158820019496942, 0.024393428492469, 0.1226500257387831, -0.0868373644313681,
    -0.08722918528446098, 0.137005836342963, 0.015481410571937216, -0.39499166472606706, -0.7569054734909838,
)  # fmt: skip

# Farther out all is 0 or 1, and never is x² infinite.
_END_OF_ERF, _END, _END_OF_NORMAL = 6.0, 27.5, 38.875

_TWO_OVER_ROOT_PI = 1.1283791670955126
_ROOT_HALF = 0.7071067811865476
_PLAIN, _NORMAL = ((unit, tuple(unit * one for one in _SCALED)) for unit in (0.5, _ROOT_HALF))
_PEAK = 0.3989422804014327  # 1/sqrt(2π)
_HIGH_HALF = -(1 << 27)  # keeps 26 bits of a float


def _polynomial(u: Array, coefficients: tuple[float, ...]) -> Array:
    y = u * coefficients[0]
    for coefficient in coefficients[1:-1]:
        y += coefficient
        y *= u
    y += coefficients[-1]
    return y


def _mapped(size: Array, shift: float) -> Array:
    """x/(x + shift)."""
    w = size + shift
    return np.divide(size, w, out=w)


def _scaled_erfc(size: Array, unit: float, coefficients: tuple[float, ...], error: Array | float = 0.0) -> Array:
    """exp(u²)*erfc(u)*(1 - error) for 0 ≤ u = x/(2*unit) ≤ 27.5.

    With x in units of its own, no rounding of u comes in; 1 + 2u over unit is x + unit, which rounds once. The error
    is taken off where that rounds nothing more.

    Args:
        unit: 1/2 for u = x, 1/√2 for u = x/√2.
        coefficients: those of _SCALED times unit.
    """
    w = _mapped(size, 2.0 * _SHIFT * unit)
    y = _polynomial(w - _SCALED_CENTRE, coefficients)
    y *= w
    np.add(y, unit, out=w)
    w *= error
    y -= w
    y += unit
    np.add(size, unit, out=w)
    y /= w
    return y


def _exponent(size: Array, rate: float) -> tuple[Array, Array]:
    """-rate*x² as a - b: a is rounded, and exp would magnify the rest by x².

    With the high half h of x, x² is h² + (x - h)*(x + h), and h² is exact.
    """
    high = np.bitwise_and(size.view(np.int64), _HIGH_HALF).view(np.float64)
    square, error = size * size, high * high
    error -= square
    low = size - high
    high += size
    low *= high
    error += low
    error *= rate
    square *= -rate
    return square, error


def _bell(size: Array, rate: float) -> Array:
    """exp(-rate*x²)."""
    exponent, error = _exponent(size, rate)
    e = np.exp(exponent, out=exponent)
    error *= e
    e -= error
    return e


def _erf(x: Array) -> Array:
    """1 - exp(log(erfc(x))) by expm1: nothing cancels, whatever x is."""
    size = np.minimum(np.abs(x), _END_OF_ERF)
    y = _polynomial(_mapped(size, _SHIFT) - _LOGARITHM_CENTRE, _LOGARITHM)
    y *= size
    y -= _TWO_OVER_ROOT_PI
    y *= size
    return np.copysign(np.expm1(y, out=y), x, out=y)


def _erfc(x: Array) -> Array:
    size = np.minimum(np.abs(x), _END)
    exponent, error = _exponent(size, 1.0)
    y = _scaled_erfc(size, *_PLAIN, error)
    y *= np.exp(exponent, out=exponent)
    sign = np.copysign(1.0, x)
    y *= sign  # y where x ≥ 0, else 2 - y
    y += np.subtract(1.0, sign, out=sign)
    return y


def _exp_minus_square(x: Array) -> Array:
    return _bell(np.minimum(np.abs(x), _END), 1.0)


def _normal_pdf(x: Array) -> Array:
    y = _bell(np.minimum(np.abs(x), _END_OF_NORMAL), 0.5)
    y *= _PEAK
    return y


def _right_of(y: Array, x: Array) -> Array:
    """1 - y where x > 0, else y, from 2*y, which is lost."""
    half = np.copysign(0.5, x)
    y *= half
    half += 0.5
    return np.subtract(half, y, out=y)


def _normal_cdf(x: Array) -> Array:
    """Φ(x) = erfc(-x/√2)/2."""
    size = np.minimum(np.abs(x), _END_OF_NORMAL)
    exponent, error = _exponent(size, 0.5)
    y = _scaled_erfc(size, *_NORMAL, error)
    y *= np.exp(exponent, out=exponent)
    return _right_of(y, x)


def _gelu(x: Array) -> Array:
    """x*Φ(x) as max(x, 0) - |x|*Φ(-|x|); a subnormal exponential comes last, so that nothing magnifies what it lost."""
    size = np.minimum(np.abs(x), _END_OF_NORMAL)
    exponent, error = _exponent(size, 0.5)
    y = _scaled_erfc(size, *_NORMAL, error)
    y *= size
    y *= 0.5
    y *= np.exp(exponent, out=exponent)
    np.subtract(np.maximum(x, 0.0), y, out=y)
    return np.copysign(y, x, out=y)


def _gelu_slope(x: Array) -> Array:
    """Φ(x) + x*φ(x), which is 1 less that of -x."""
    size = np.minimum(np.abs(x), _END_OF_NORMAL)
    y = _scaled_erfc(size, *_NORMAL)
    e = _bell(size, 0.5)
    size *= 2.0 * _PEAK
    y -= size
    y *= e
    return _right_of(y, x)


def _is_tiny_or_left_end(y: Array, x: Array) -> Any:
    """Where x/2 is subnormal, so that x - x/2 may round the other way; and -inf, times 0."""
    size = np.abs(x)
    return (np.less(size, 1e-300) & np.greater(size, 0.0)) | np.equal(x, -np.inf)


def _is_subnormal_or_infinite(y: Array, x: Array) -> Any:
    """Where exp(-x²/2) has lost digits, and ±inf."""
    return (np.less(x, -37.0) & np.greater(x, -40.0)) | np.isinf(x)


_BLOCK = 8192  # elements whose intermediate results stay in the processor's cache


def _in_blocks(name: str, function: Function, few: int, is_odd: Function | None = None) -> Function:
    """A function of arrays.

    Args:
        name: that of the function of one float.
        function: what gives a new array for a contiguous row of numbers.
        few: so many elements are faster one by one.
        is_odd: is_odd(y, x) → where the function of one float is to be asked.
    """
    own: Any = floats.PRIMITIVES[name]
    each = one_by_one(own)

    def of_many(x: Array) -> Array:
        row, y = np.ravel(x), np.empty(x.shape)
        found = y.reshape(-1)
        for start in range(0, row.size, _BLOCK):
            found[start : start + _BLOCK] = function(row[start : start + _BLOCK])
        return y

    many = of_many if is_odd is None else patched(of_many, is_odd, own)

    def apply(x: Array) -> Array:
        return each(x) if x.size <= few else many(x)

    return apply


VECTORS: dict[str, Function] = {
    "erf": _in_blocks("erf", _erf, 256),
    "erfc": _in_blocks("erfc", _erfc, 128),
    "exp_minus_square": _in_blocks("exp_minus_square", _exp_minus_square, 32),
    "normal_pdf": _in_blocks("normal_pdf", _normal_pdf, 32),
    "normal_cdf": _in_blocks("normal_cdf", _normal_cdf, 32),
    "gelu": _in_blocks("gelu", _gelu, 32, _is_tiny_or_left_end),
    "gelu_slope": _in_blocks("gelu_slope", _gelu_slope, 32, _is_subnormal_or_infinite),
}
