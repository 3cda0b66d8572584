"""Short numbers and arrays for pictures: four significant digits, and one can see whether digits were lost.

Enters: a number, or an array of them. Leaves: a few signs. Invariant: an exact integer below a million has no point; a
number that was rounded keeps its zeros (0.5000), an exact one has none (0.5). An array is written whole up to
`sizes.WHOLE` elements, else by its mean and range, with three digits each, since there are several numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from gradcli.numeric.elements import elements, norm, shape_of
from gradcli.render.picture import sizes

_DIGITS = 4
_OF_SEVERAL = 3  # digits of each number, where there are several
_EXACT = 1e-12  # relative: 0.7·0.8 is 0.56


def short(x: Any, digits: int = _DIGITS) -> str:
    """x as a person writes it on a picture, with a true minus sign."""
    if not isfinite(x):
        return "nan" if x != x else "∞" if x > 0 else "−∞"
    if x == 0.0:
        return "0"
    if x == int(x) and abs(x) < 1e6:
        return str(int(x)).replace("-", "−")
    mantissa, _, power = f"{x:.{digits - 1}e}".partition("e")
    rounded, exponent = float(f"{mantissa}e{power}"), int(power)  # infinite for the largest number
    ending = ""
    if -_DIGITS < exponent < digits - 1:
        mantissa = f"{rounded:.{digits - 1 - exponent}f}"
    else:
        ending = f"e{exponent}"
    exact = abs(rounded - x) <= _EXACT * abs(x)
    return ((_trimmed(mantissa) if exact else mantissa) + ending).replace("-", "−")


def fitted(x: Any) -> str:
    """x with as many digits as fit where a page leaves room for it."""
    return next((text for digits in (_DIGITS, _OF_SEVERAL) if len(text := short(x, digits)) <= sizes.ROOM), "")


def _trimmed(digits: str) -> str:
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def finite(x: Any) -> bool:
    """Whether all its numbers are."""
    return all(map(isfinite, elements(x)))


def brief(x: Any) -> str:
    """A value: a number; an array whole, [2 −3 −3], else its mean and range."""
    shape, numbers = shape_of(x), elements(x)
    if not shape:
        return short(x)
    if len(numbers) > sizes.WHOLE:
        return spread(numbers)
    return rows([short(number, _OF_SEVERAL) for number in numbers], shape)


def spread(numbers: Sequence[Any]) -> str:
    """Many numbers in a few words."""
    if lost := sum(not isfinite(number) for number in numbers):
        return f"{lost:,} of {len(numbers):,} not finite"
    low, high = min(numbers), max(numbers)
    if low == high:
        return f"all {short(low)}"
    mean = sum(number / len(numbers) for number in numbers)
    return f"mean {short(mean, _OF_SEVERAL)}, {short(low, _OF_SEVERAL)} … {short(high, _OF_SEVERAL)}"


def slope(x: Any) -> str:
    """A local gradient: as a value, but of many numbers the range alone, since it stands on an edge."""
    if not _is_long(x, sizes.WHOLE_ON_EDGE):
        return brief(x)
    return spread(elements(x)).rpartition(", ")[2]


def size(x: Any, whole: int = sizes.WHOLE) -> str:
    """A gradient: a number, an array whole, else its norm."""
    return f"norm {short(norm(x))}" if _is_long(x, whole) and finite(x) else brief(x)


def flow(x: Any) -> str:
    """A contribution: as a gradient, but on an edge."""
    return size(x, sizes.WHOLE_ON_EDGE)


def _is_long(x: Any, whole: int) -> bool:
    return bool(shape_of(x)) and len(elements(x)) > whole


def rows(shown: Sequence[str], shape: tuple[int, ...]) -> str:
    """Elements with blanks between, rows of a matrix with semicolons."""
    row = shape[-1] if len(shape) == 2 and shape[-1] else max(1, len(shown))
    return f"[{'; '.join(' '.join(shown[i : i + row]) for i in range(0, len(shown), row))}]"
