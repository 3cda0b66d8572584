"""A value with its uncertainty, rounded as one reports it: 20.00 ± 0.54, and 20.00(54) for short.

Enters: two floats. Leaves: text. Invariant: the uncertainty has two digits and the value ends at the same place; both
are rounded once, from the decimals that the floats are written as, half to even; what is written can be read back as a
number with an uncertainty, unless one of them is not finite.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

_DIGITS = 2  # of an uncertainty
_MOST = 20  # digits of a value; with more of them the uncertainty is far below what a double can tell
_LEAST_EXPONENT = -5  # of a number that is written without a power of ten


class Rounded(NamedTuple):
    """Both ways to write it."""

    text: str  # 20.00 ± 0.54
    short: str  # 20.00(54)


def rounded(value: float, uncertainty: float) -> Rounded:
    """A value to the two digits that its uncertainty has."""
    if not (math.isfinite(value) and math.isfinite(uncertainty)) or uncertainty == 0:
        return _unrounded(value, uncertainty)
    place = last_place(uncertainty)
    number, error = (_at(Decimal(repr(x)), place) for x in (value, uncertainty))
    leading = max(number.adjusted() if number else place, error.adjusted())
    if leading - place >= _MOST:
        return _unrounded(value, uncertainty)
    power = leading if place > 0 or leading < _LEAST_EXPONENT else 0
    inside = f"{number.scaleb(-power):f} ± {error.scaleb(-power):f}"
    brief = f"{number.scaleb(-power):f}({int(error.scaleb(-place))})"  # in units of the last digits
    return Rounded(f"({inside})e{power}", f"{brief}e{power}") if power else Rounded(inside, brief)


def last_place(uncertainty: float) -> int:
    """The power of ten of the last digit that is kept: of 0.0996, which becomes 0.10, that of hundredths."""
    error = Decimal(repr(uncertainty))
    place = error.adjusted() - _DIGITS + 1
    return place + 1 if _at(error, place).adjusted() > error.adjusted() else place


def _at(x: Decimal, place: int) -> Decimal:
    """x to a power of ten."""
    return x.quantize(Decimal((0, (1,), place)), context=Context(prec=2000, rounding=ROUND_HALF_EVEN))


def _unrounded(value: float, uncertainty: float) -> Rounded:
    """There is no place to round at, or it is too far behind the value's digits."""
    if uncertainty == 0 and math.isfinite(value):
        digits, power, exponent = repr(value).partition("e")
        return Rounded(f"{value!r} ± 0", f"{digits}(0){power}{exponent}")
    error = repr(uncertainty)
    if uncertainty == 0:
        error = "0"
    elif math.isfinite(uncertainty):
        error = f"{uncertainty:.{_DIGITS - 1}e}"
    return Rounded(f"{value!r} ± {error}", f"{value!r} ± {error}")
