"""Multiprecision numbers (mpmath), for checking: the same rules with as many digits as asked for.

Enters: a number of digits. Leaves: the primitives on mpmath's reals, IEEE where mpmath raises or turns complex: 1/0 is
inf, log(-1) is nan. Invariant: the context is our own, so that nobody else's precision changes. mpmath knows no -0,
subnormals or overflow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from mpmath.ctx_mp import MPContext


class Decimals:
    """The primitives at a precision, as attributes of `primitives`; `context.dps` may be changed later.

    Args:
        digits: the precision.
        shown: how many digits `write` gives; all if not given.
        doubles: whether the constants of a program are doubles, as floats read them, instead of decimals.
    """

    def __init__(self, digits: int, shown: int | None = None, doubles: bool = False) -> None:
        self.context: Any = MPContext()
        self.context.dps = digits
        self.shown, self.doubles = shown, doubles
        self.primitives = _primitives(self.context)

    def write(self, x: Any) -> str:
        """A number with as many digits as are shown; trailing zeros are left out, but for one."""
        c = self.context
        if not c.isfinite(x):
            return "nan" if c.isnan(x) else "inf" if x > 0 else "-inf"
        text: str = c.nstr(c.mpf(x), self.shown or c.dps, min_fixed=-5)
        return "0.0" if text == "-0.0" else text

    def literal(self, text: str) -> Any:
        """The number that a constant of a program stands for."""
        c = self.context
        if self.doubles:
            return c.mpf(_NAMED[text] if text in _NAMED else float(text))
        if text in _NAMED:
            return 2 * c.pi if text == "tau" else +getattr(c, text)
        return self.primitives["number"](text)


_NAMED = {"pi": math.pi, "e": math.e, "tau": math.tau}
_PIECE = 4000  # digits that Python reads at once


def _number(c: Any, text: str) -> Any:
    """A number as written, of any length."""
    if len(text) < _PIECE:
        return c.mpf(text)
    mantissa, _, exponent = text.lower().replace("_", "").partition("e")
    whole, _, fraction = mantissa.lstrip("+-").partition(".")
    digits, n = whole + fraction, 0
    for start in range(0, len(digits), _PIECE):
        piece = digits[start : start + _PIECE]
        n = n * 10 ** len(piece) + int(piece)
    size = c.mpf(n) * c.mpf(10) ** (int(exponent or 0) - len(fraction))
    return -size if mantissa.startswith("-") else size


def _real(context: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """function with nan where it is complex or undefined."""

    def real(*xs: Any) -> Any:
        if any(map(context.isnan, xs)):
            return context.nan
        try:
            y = function(*xs)
        except (ValueError, ZeroDivisionError):
            return context.nan
        return y if isinstance(y, context.mpf) else context.nan

    return real


def _logarithm(context: Any, function: Callable[..., Any], pole: int) -> Callable[..., Any]:
    def logarithm(x: Any) -> Any:
        x = context.mpf(x)
        return function(x) if x > pole else context.ninf if x == pole else context.nan

    return logarithm


def _division(c: Any) -> Callable[[Any, Any], Any]:
    def div(a: Any, b: Any) -> Any:
        a, b = c.mpf(a), c.mpf(b)
        if b != 0:
            return a / b
        return c.nan if a == 0 or c.isnan(a) else c.sign(a) * c.inf

    return div


def _power(c: Any) -> Callable[[Any, Any], Any]:
    def pow(a: Any, b: Any) -> Any:
        a, b = c.mpf(a), c.mpf(b)
        if b == 0 or a == 1:
            return c.one
        if c.isnan(a) or c.isnan(b):
            return c.nan
        if a == 0:
            return c.zero if b > 0 else c.inf
        if c.isinf(b):
            return c.one if a == -1 else c.inf if (abs(a) > 1) == (b > 0) else c.zero
        size = (c.inf if b > 0 else c.zero) if c.isinf(a) else c.power(abs(a), b)
        if a > 0:
            return size
        if not c.isint(b):
            return size if c.isinf(a) else c.nan
        return -size if int(b) % 2 else size

    return pow


def _distance(c: Any) -> Callable[[Any, Any], Any]:
    """hypot; infinite beside an infinity, whatever the other operand."""
    return lambda x, y: c.inf if c.isinf(x) or c.isinf(y) else c.hypot(x, y)


def _remainder(c: Any) -> Callable[[Any, Any], Any]:
    def mod(a: Any, b: Any) -> Any:
        if not c.isfinite(a) or c.isnan(b) or b == 0:
            return c.nan
        if c.isinf(b):
            return c.mpf(a) if a == 0 or (a > 0) == (b > 0) else c.mpf(b)
        return c.mpf(a) % b

    return mod


def _choices(c: Any) -> dict[str, Any]:
    """Functions that compare and choose."""

    def extreme(better: Callable[[Any, Any], bool]) -> Callable[..., Any]:
        def choose(*xs: Any) -> Any:
            best = c.mpf(xs[0])
            for x in xs:
                if c.isnan(x) or better(x, best):
                    best = c.mpf(x)
            return best

        return choose

    def where(condition: Any, a: Any, b: Any) -> Any:
        return c.nan if c.isnan(condition) else c.mpf(a if condition != 0 else b)

    def rounded(x: Any) -> Any:
        return c.nint(x) if c.isfinite(x) else c.mpf(x)  # halves go to the even integer

    return {
        "max": extreme(lambda x, best: x > best),
        "min": extreme(lambda x, best: x < best),
        "less": lambda a, b: c.one if a < b else c.zero,
        "less_equal": lambda a, b: c.one if a <= b else c.zero,
        "equal": lambda a, b: c.one if a == b else c.zero,
        "where": where,
        "abs": abs,
        "floor": lambda x: c.floor(x) if c.isfinite(x) else c.mpf(x),
        "round": rounded,
        "chain": lambda g, p: c.zero if g == 0 else g * p,
    }


def _complementary_error(c: Any) -> Callable[[Any], Any]:
    """erfc; 0 where its exponent would have a hundred digits, which mpmath refuses."""
    erfc = _real(c, c.erfc)
    return lambda x: c.zero if x > 1e50 else erfc(x)


def _sinc_slope(c: Any) -> Callable[[Any], Any]:
    def slope(x: Any) -> Any:
        """(cos x - sin(x)/x)/x with the digits added that the difference loses."""
        x = c.mpf(x)
        if x == 0 or not c.isfinite(x):
            return c.zero if x == 0 else c.nan
        if -2 * c.mag(x) > c.prec + 10:  # x³/30, the next term of the series, is below the last digit
            return -x / 3
        with c.extraprec(max(0, -2 * c.mag(x)) + 10):
            y = (c.cos(x) - c.sin(x) / x) / x
        return +y

    return slope


def _primitives(c: Any) -> dict[str, Any]:
    real = ["exp", "expm1", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "atan2"]
    real += ["sinh", "cosh", "tanh", "asinh", "acosh", "erf"]
    system = {name: _real(c, getattr(c, name)) for name in real}
    system |= _choices(c)
    system |= {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "neg": lambda a: -a,
        "div": _division(c),
        "pow": _power(c),
        "mod": _remainder(c),
        "hypot": _distance(c),
        "log": _logarithm(c, c.log, 0),
        "log2": _logarithm(c, lambda x: c.log(x) / c.log(2), 0),
        "log10": _logarithm(c, c.log10, 0),
        "log1p": _logarithm(c, c.log1p, -1),
        "erfc": _complementary_error(c),
        "cbrt": lambda x: c.sign(x) * c.cbrt(abs(x)),
        "atanh": lambda x: _real(c, c.atanh)(x) if abs(x) != 1 else c.sign(x) * c.inf,
        "number": lambda text: _number(c, text),
        "pi": c.pi,
        "sinc_slope": _sinc_slope(c),
    }
    return system
