"""What the steps of a plan do: functions of columns that write into a column.

Enters: columns of float64 and floats, at least one of them a column. Leaves: `STEPS`: name → `Step`, called as
`call(*operands, *scratch, out)`. Invariant: no step allocates what grows with its columns but in odd cases; the numbers
are those of the functions of floats, within 4 units in the last place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gradcli.kernels import tangents
from gradcli.numeric import floats
from gradcli.numeric.arrays import elementwise, gaussian
from gradcli.passes import FLOATS

Column = Any


NOWHERE, ANY, FIRST = range(3)


class Step(NamedTuple):
    """A function of columns.

    Attributes:
        call: call(*operands, *scratch, out).
        scratch: how many columns it needs beside.
        in_place: which operands' memory out may be: NOWHERE none, ANY, or only that of the FIRST.
    """

    call: Callable[..., Any]
    scratch: int = 0
    in_place: int = ANY


def _general(name: str) -> Step:
    """A function that brings its own memory."""
    function = _ON_ARRAYS[name]

    def call(*xs: Column) -> None:
        xs[-1][...] = function(*xs[:-1])

    return Step(call)


_ENOUGH = 512  # elements of which no function of arrays says that they are faster one by one


def _lengthened(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that takes another formula for a few elements, without that: a row must not depend on its block."""

    def apply(x: Column) -> Column:
        count = len(x)
        return function(x if count > _ENOUGH else np.append(x, np.zeros(_ENOUGH)))[:count]

    return apply


_ON_ARRAYS = elementwise.functions(FLOATS)
_ON_ARRAYS |= {name: _lengthened(_ON_ARRAYS[name]) for name in gaussian.VECTORS}


def _bits(column: Column) -> Column:
    return column.view(np.int64)


def _mask(compare: Callable[..., Any], inverted: bool) -> Step:
    """A condition as bits: all of them where it holds, none where it does not; or the other way round."""

    def call(a: Column, b: Column, out: Column) -> None:
        bits = _bits(out)
        compare(a, b, out=bits, casting="unsafe")
        if inverted:
            np.subtract(bits, 1, bits)
        else:
            np.negative(bits, bits)

    return Step(call, in_place=NOWHERE)


def _as_bits(x: Column) -> Any:
    return _bits(x) if isinstance(x, np.ndarray) else np.float64(x).view(np.int64)


def _kept(mask: Column, x: Column, out: Column) -> None:
    """x, or 0."""
    np.bitwise_and(_bits(mask), _as_bits(x), _bits(out))


def _selected(mask: Column, a: Column, b: Column, out: Column) -> None:
    """b, with the bits in which a differs where the mask says so."""
    a, b, result = _as_bits(a), _as_bits(b), _bits(out)
    np.bitwise_xor(a, b, result)
    np.bitwise_and(result, _bits(mask), result)
    np.bitwise_xor(result, b, result)


def _kept_from(x: Column, where: Column, low: float, out: Column) -> None:
    """x, or nan where another column is below a bound."""
    if x is not out:
        np.copyto(out, x)
    if not where.min() >= low:
        out[~(where >= low)] = np.nan


def _kept_to(x: Column, where: Column, high: float, out: Column) -> None:
    if x is not out:
        np.copyto(out, x)
    if not where.max() <= high:
        out[~(where <= high)] = np.nan


def _truth(compare: Callable[..., Any]) -> Step:
    return Step(lambda a, b, out: compare(a, b, out=out, casting="unsafe"))


def _patch(out: Column, odd: Column, function: Callable[..., Any], *xs: Column) -> None:
    """Odd elements anew, by a function of arrays or numbers."""
    if odd.any():
        out[odd] = function(*(x[odd] if isinstance(x, np.ndarray) else x for x in xs))


_LEFT = -340.0  # farther left exp(-x)² overflows


def _sigmoid_of_parts(d: Column, x: Column, out: Column) -> None:
    np.divide(1.0, d, out)
    if not x.min() > _LEFT:
        _patch(out, x <= _LEFT, _ON_ARRAYS["sigmoid"], x)


def _bell_of_parts(e: Column, d: Column, x: Column, out: Column) -> None:
    np.multiply(d, d, out)
    np.divide(e, out, out)
    if not x.min() > _LEFT:
        _patch(out, x <= _LEFT, _ON_ARRAYS["sigmoid_slope"], x)


def _silu_of_parts(x: Column, s: Column, out: Column) -> None:
    np.multiply(x, s, out)
    if not x.min() > _LEFT:
        _patch(out, x <= _LEFT, _ON_ARRAYS["silu"], x)


def _root(x: Column, out: Column) -> None:
    """x^(1/2), which has other ideas of -0 and -inf than a square root."""
    np.add(x, 0.0, out)
    np.sqrt(out, out)
    if not x.min() > -np.inf:
        out[np.equal(x, -np.inf)] = np.inf


def _pow_slope_of_power(power: Column, x: Column, a: float, size: Column, out: Column) -> None:
    np.absolute(power, size)
    np.multiply(power, a, out)
    if not (size.min() > 1e-280 and size.max() < 1e280):
        odd = ~((size > 1e-280) & (size < 1e280) | np.isnan(x))
        _patch(out, odd, _ON_ARRAYS["pow_slope"], x, a)


def _relu(x: Column, out: Column) -> None:
    np.maximum(x, 0.0, out=out)
    np.add(out, 0.0, out)  # no -0


def _chain(adjoint: Column, partial: Column, out: Column) -> None:
    np.multiply(adjoint, partial, out)
    odd = np.isnan(out)
    if odd.any():
        out[odd & np.equal(adjoint, 0.0)] = 0.0


def _near_root(function: Callable[..., Any], name: str) -> Step:
    """Beside a root the distance from it is all there is."""

    def call(x: Column, size: Column, out: Column) -> None:
        function(x, out)
        np.absolute(out, size)
        if not size.min() >= 1e-15:
            odd = (size < 1e-15) & (np.abs(x) > 1.0)
            if odd.any():
                out[odd] = list(map(floats.PRIMITIVES[name], x[odd].tolist()))  # type: ignore[arg-type]

    return Step(call, 1, in_place=NOWHERE)


def _near_pole_or_root(x: Column, size: Column, out: Column) -> None:
    np.tan(x, out)
    np.absolute(out, size)
    if not (size.min() > 1e-15 and size.max() < 1e15):
        odd = ~((size > 1e-15) & (size < 1e15) | np.equal(x, 0.0) | np.isnan(x))
        if odd.any():
            out[odd] = list(map(floats.PRIMITIVES["tan"], x[odd].tolist()))  # type: ignore[arg-type]


_UFUNCS: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative, "exp": np.exp,
    "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "sqrt": np.sqrt,
    "cbrt": np.cbrt, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2, "hypot": np.hypot,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "abs": np.absolute, "floor": np.floor, "round": np.rint, "mod": np.mod, "tangent": np.tan,
}  # fmt: skip

_COMPARISONS = {"less": np.less, "less_equal": np.less_equal, "equal": np.equal, "not_equal": np.not_equal}

STEPS: dict[str, Step] = {
    **{name: _general(name) for name in _ON_ARRAYS if callable(_ON_ARRAYS[name]) and name != "number"},
    **{name: Step(function) for name, function in _UFUNCS.items()},
    **{name: _truth(compare) for name, compare in _COMPARISONS.items()},
    **{f"all_of_{name}": _mask(compare, inverted=False) for name, compare in _COMPARISONS.items()},
    **{f"none_of_{name}": _mask(compare, inverted=True) for name, compare in _COMPARISONS.items()},
    "not_": Step(lambda x, out: np.equal(x, 0.0, out=out, casting="unsafe")),
    "unsigned_zero": Step(lambda x, out: np.add(x, 0.0, out)),
    "kept": Step(_kept),
    "kept_from": Step(_kept_from, in_place=FIRST),
    "kept_to": Step(_kept_to, in_place=FIRST),
    "selected": Step(_selected, in_place=NOWHERE),
    "relu": Step(_relu),
    "chain": Step(_chain, in_place=NOWHERE),
    "sigmoid_of_parts": Step(_sigmoid_of_parts, in_place=NOWHERE),
    "bell_of_parts": Step(_bell_of_parts, in_place=NOWHERE),
    "silu_of_parts": Step(_silu_of_parts, in_place=NOWHERE),
    "root": Step(_root, in_place=NOWHERE),
    "pow_slope_of_power": Step(_pow_slope_of_power, 1, in_place=NOWHERE),
    "cosine_of_tangent": Step(tangents.cosine_of_tangent, 1, in_place=NOWHERE),
    "sine_of_tangent": Step(tangents.sine_of_tangent, in_place=NOWHERE),
    "sin": _near_root(np.sin, "sin"),
    "cos": _near_root(np.cos, "cos"),
    "tan": Step(_near_pole_or_root, 1, in_place=NOWHERE),
}  # fmt: skip


def copied(x: Column, out: Column) -> None:
    """An output that is an input or a number, or one that is there already."""
    out[...] = x


def noted(x: Column, notes: list[float]) -> None:
    """Add the least number of a column to a list: nan where there is one. Nothing that tells it reads faster."""
    notes.append(np.minimum.reduce(x))


def summed(x: Column, notes: list[float]) -> None:
    """Add the sum of a column to a list."""
    notes.append(float(np.add.reduce(x)))


def dotted(a: Column, b: Column, notes: list[float]) -> None:
    """Add the sum of the products of two columns to a list."""
    notes.append(float(a.dot(b)))


NOTES: dict[str, Callable[..., None]] = {"sum": summed, "dot": dotted}
"""Steps that add to a list and have no column of their own."""
