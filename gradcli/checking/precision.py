"""How good a float is, measured against a multiprecision number.

Enters: a float and the true number. Leaves: correct digits, units in the last place, over- and underflow. Invariant:
nan and infinities that both have are full agreement; nothing here computes a function.
"""

from __future__ import annotations

import math
import sys
from typing import Any

from gradcli.traces import Trace

FULL = 16.0  # correct digits of a float that is right
LEAST_LOST = 1.0  # digits: less is ordinary rounding
TOP, TINY = sys.float_info.max, sys.float_info.min  # the largest number, the smallest normal one
SMALLEST = math.ulp(0.0)
_LIMIT = 2**1024  # infinity stands for everything from here on


def correct_digits(found: float, true: Any) -> float:
    """The digits of found that are correct: minus the logarithm of its relative error, from 0 to 16.

    A number that is too small for a float counts as right where no float is nearer.
    """
    if found == true or (found != found and true != true):
        return FULL
    if not math.isfinite(found) or abs(true - true) != 0 or true == 0:
        return 0.0
    off = abs(true - found)
    if abs(true) < TINY and off <= SMALLEST:
        return FULL
    ratio = off / abs(true)
    if ratio >= 1:
        return 0.0
    return min(FULL, max(0.0, -math.log10(float(ratio)))) if ratio > 1e-300 else FULL


def lost(before: float, after: float) -> float:
    """Digits lost between two numbers of correct digits; ordinary rounding does not count."""
    return before - after if before - after >= LEAST_LOST else 0.0


def outside(found: float, true: Any) -> str | None:
    """Whether found is infinite, 0 or subnormal only because float64 has no such number."""
    if true != true or found != found or abs(true) == math.inf:
        return None
    if abs(true) >= _LIMIT or (math.isinf(found) and abs(true) > TOP):
        return "overflow"
    return "underflow" if 0 < abs(true) < TINY else None


_NOISE = 8.0  # ulp of the largest term: what may be left of a number that is exactly 0


def noise(largest: float) -> float:
    """How far from 0 rounding may leave what is exactly 0 and whose largest term is so large."""
    return _NOISE * math.ulp(largest) if largest < math.inf else 0.0


def gradient_sizes(trace: Trace) -> list[float]:
    """Per gate, the largest product of local gradients on a path from the output: the largest term of its gradient."""
    graph = trace.graph
    sizes = [0.0] * len(graph)
    sizes[graph.output] = 1.0
    for index in range(graph.output, -1, -1):
        partials = trace.partials[index] if sizes[index] else None
        for operand, partial in zip(graph.operands[index], partials or (), strict=False):
            if partial is not None:
                sizes[operand] = max(sizes[operand], abs(partial) * sizes[index])
    return sizes


def ulps(found: float, true: Any, largest_term: Any = 0) -> float:
    """How many units in the last place found is off: of the true number, or of the largest term of the sum that it is.

    Below the smallest normal number the units are those of that number.
    """
    if true != true or found != found:
        return 0.0 if true != true and found != found else math.inf
    size, limit = min(max(abs(true), largest_term, TINY), TOP), type(true)(_LIMIT)
    off = abs(_within(type(true)(found), limit) - _within(true, limit))
    return min(float(off / math.ulp(float(size))), sys.float_info.max)


def _within(x: Any, limit: Any) -> Any:
    """x, or the number that stands for infinity."""
    return min(max(x, -limit), limit)
