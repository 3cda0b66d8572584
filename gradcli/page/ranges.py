"""Which range a slider has where nobody says it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import isfinite

_LEAST = 1e-3  # below, a number is of a scale of its own
_MOST = 8e307  # twice this is still finite
_SCALED = 1.25e307  # up to here, so is twice what `_rounded` gives
_LARGEST = 1.7976931348623157e308


def usual_range(numbers: Sequence[float]) -> tuple[float, float]:
    """A range from -r to r for an input with these numbers, one for an input that is no array.

    r is 1, 2 or 5 times a power of ten, the least that is four times as far from 0 as any of the numbers, and at least
    1: so both signs, 0 and larger numbers than now are within reach. 0 has -1..1, 2 has -10..10, 300 has -2000..2000.
    Numbers below 0.001 have ranges of their own scale: 3e-8 has -2e-7..2e-7. The largest numbers there are have a
    range from 0. What is not finite counts as 0.
    """
    largest = max((abs(float(x)) for x in numbers if isfinite(x)), default=0.0)
    if largest > _SCALED:
        signs = {float(x) > 0 for x in numbers if isfinite(x) and abs(x) > _MOST}
        return (-_MOST, _MOST) if not signs else (-_LARGEST, 0.0) if signs == {False} else (0.0, _LARGEST)
    reach = _rounded(largest) if largest else 1.0
    if largest == 0 or largest >= _LEAST:
        reach = max(1.0, reach)
    return -reach, reach


def _rounded(x: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that is four times x."""
    wanted = 4 * Decimal(x)
    power = Decimal(1).scaleb(wanted.adjusted())
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= wanted))
