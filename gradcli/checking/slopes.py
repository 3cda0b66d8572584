"""The true local gradient of a gate: by differences of its function alone, never by its rule, so that rules are proved.

Enters: a row, its operands as floats. Leaves: the derivative by one operand, and those from the left and from the
right. Invariant: a number counts only if two step sizes, at two precisions, agree on it; one that keeps shrinking with
the step is 0, and one that keeps growing is infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gradcli.checking.exact import LAST, system
from gradcli.numeric.decimals import Decimals

Function = Callable[..., Any]  # of operands in multiprecision

_FIRST_STEP, _LAST_STEP = 40, 640  # digits that a step is smaller than the operands
_AGREED, _SIDES_AGREE = 25, 20  # digits
_RUNS_AWAY = 1e8  # the factor from one step to the next that tells a limit of 0 or infinity
_SMALLEST = -345  # the exponent of what no double can show


class Slope(NamedTuple):
    """A derivative. None: it does not exist, or was not found.

    Attributes:
        value: the derivative; where only one side is defined, that side's. Infinite where it grows beyond all bounds.
        left, right: the one-sided derivatives.
    """

    value: Any
    left: Any
    right: Any


class Slopes:
    """Finds local gradients, all in one context of multiprecision numbers.

    Attributes:
        context: of the results.
        system: for the rows' functions.
    """

    def __init__(self) -> None:
        self._decimals = Decimals(_FIRST_STEP, doubles=True)
        self.context = self._decimals.context
        self.system = system(self._decimals)

    def slope(self, function: Function, operands: Sequence[float], position: int, *, doubtful: bool = False) -> Slope:
        """The derivative of function(m, *operands) by the operand at position.

        Args:
            doubtful: whether the function may lose terms inside, so that a difference of 0 is believed only at a very
                high precision.
        """
        if not all(map(math.isfinite, operands)):
            return Slope(None, None, None)
        step, extra, before = _FIRST_STEP, 0, None
        while step <= _LAST_STEP:
            now, missing = self._differences(function, operands, position, step, extra, doubtful)
            if missing > extra:
                extra, before = missing, None
                continue
            if before is not None and (found := self._limits(before, now)) is not None:
                return found
            before, step = now, 2 * step
        return Slope(None, None, None)

    def widen(self, operands: Sequence[float], digits: int = 3 * _FIRST_STEP) -> None:
        """Compute with digits more than the operands' magnitudes lie apart."""
        spread = max((abs(math.log10(abs(x))) for x in operands if x and math.isfinite(x)), default=0.0)
        self.context.dps = digits + 2 * int(spread) + 60

    def _differences(
        self, function: Function, operands: Sequence[float], position: int, step: int, extra: int, doubtful: bool
    ) -> tuple[tuple[Any, Any, Any], int]:
        """Difference quotients from the left, the right and both sides; how many more digits a 0 needs."""
        c, m = self.context, self.system
        self.widen(operands, 3 * step + extra)
        xs = [c.mpf(x) for x in operands]
        h = min(1.0, *(abs(x) for x in operands if x), 1.0) * c.mpf(10) ** -step

        def at(times: int) -> Any:
            moved = [*xs[:position], xs[position] + times * h, *xs[position + 1 :]]
            return c.mpf(function(m, *moved))

        here, above, below = at(0), at(1), at(-1)
        if c.isnan(here):
            return (c.nan, c.nan, c.nan), 0
        if c.isfinite(here):
            found = (here - below) / h, (above - here) / h, (above - below) / (2 * h)
        else:
            found = (below - at(-2)) / h, (at(2) - above) / h, c.nan
        if 0 not in found:
            return found, 0
        top = max((c.mag(y) for y in (here, above, below) if c.isfinite(y) and y != 0), default=None)
        if doubtful:
            return found, LAST
        if top is None:
            return found, 0
        resolved = (top - c.mag(h)) * 0.30103 - c.dps  # the largest difference quotient that would look like 0
        return found, extra + max(0, int(resolved) - _SMALLEST)

    def _limits(self, before: Sequence[Any], now: Sequence[Any]) -> Slope | None:
        """What two sets of difference quotients tend to; None where that takes smaller steps."""
        limits = [self._limit(a, b) for a, b in zip(before, now, strict=True)]
        left, right, centre = limits
        c = self.context
        if left is _UNKNOWN or right is _UNKNOWN:
            return None
        if left is None or right is None:
            return Slope(right if left is None else left, left, right)
        finite = c.isfinite(left) and c.isfinite(right)
        if left == right or (finite and abs(left - right) <= c.mpf(10) ** -_SIDES_AGREE * max(abs(left), abs(right))):
            return None if centre is _UNKNOWN else Slope(right if centre is None else centre, left, right)
        return Slope(None, left, right)

    def _limit(self, before: Any, now: Any) -> Any:
        c = self.context
        if c.isnan(now) or c.isnan(before):
            return None
        if before == now or not c.isfinite(now):
            return now
        if abs(now - before) <= abs(now) * c.mpf(10) ** -_AGREED:
            return now
        if abs(now) * _RUNS_AWAY <= abs(before):
            return c.zero
        if before != 0 and abs(before) * _RUNS_AWAY <= abs(now):  # from 0 anything seems to grow, also rounding
            return c.sign(now) * c.inf
        return _UNKNOWN


_UNKNOWN: Any = object()
