"""Short numbers for pictures: four significant digits, and one can see whether digits were lost.

Exact integers below a million have no point. A number that was rounded keeps its zeros (0.5000), an exact one has none
(0.5).
"""

from __future__ import annotations

from math import isfinite
from typing import Any

_DIGITS = 4
_EXACT = 1e-12  # relative: 0.7·0.8 is 0.56


def short(x: Any) -> str:
    """x as a person writes it on a picture, with a true minus sign."""
    if not isfinite(x):
        return "nan" if x != x else "∞" if x > 0 else "−∞"
    if x == 0.0:
        return "0"
    if x == int(x) and abs(x) < 1e6:
        return str(int(x)).replace("-", "−")
    mantissa, _, power = f"{x:.{_DIGITS - 1}e}".partition("e")
    rounded, exponent = float(f"{mantissa}e{power}"), int(power)  # infinite for the largest number
    ending = ""
    if -_DIGITS < exponent < _DIGITS - 1:
        mantissa = f"{rounded:.{_DIGITS - 1 - exponent}f}"
    else:
        ending = f"e{exponent}"
    exact = abs(rounded - x) <= _EXACT * abs(x)
    return ((_trimmed(mantissa) if exact else mantissa) + ending).replace("-", "−")


def _trimmed(digits: str) -> str:
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
