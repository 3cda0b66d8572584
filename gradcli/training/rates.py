"""Which learning rate to suggest in place of another one.

Enters: a rate, and what a run did by it. Leaves: a rate as somebody would write it, in words. Invariant: a number in a
suggestion has one digit; where a rate is too large, what is suggested is no larger than what was found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from gradcli.training.results import Epoch

_STEEPER = 10  # times the growth of the step before: more is no parabola's


def shorter(rate: float | None, times: float) -> str:
    """A rate so many times smaller, or more."""
    if rate is None or not rate / times:
        return f"a learning rate (--lr) {float(f'{times:.0e}'):,.6g} times smaller"
    return f"a smaller learning rate, such as --lr {_rounded_down(rate / times)}"


def first_growth(history: Sequence[Epoch], growth: float) -> float:
    """What tells the slope's steepness: the growth of the last step, or of the first one where that was far less.

    A step of gradient descent by the rate r multiplies the loss of a parabola of curvature c by (r c - 1)^2, always by
    as much; the shortest way to its bottom is r = 1/c. Where the loss grows by more and more it is steeper than a
    parabola, and only its first growth tells what the start is like.
    """
    steps = all(one.step == one.epoch for one in history)  # of all rows: their losses can be compared
    losses = [one.loss for one in history if math.isfinite(one.loss)] if steps else []
    grown = [after / before for before, after in pairwise(losses) if after > before > 0.0]
    return grown[0] if grown and growth > _STEEPER * grown[-1] else growth


def suggested(rate: float | None, factor: float) -> str:
    word = "smaller" if factor < 1.0 else "larger"
    if not rate or not math.isfinite(rate * factor) or not rate * factor:
        return f"a {word} learning rate (--lr)"
    return f"a {word} learning rate, such as --lr {rounded(rate * factor)}"


def rounded(x: float) -> str:
    """With one digit, as somebody would write it: 0.003, 2e-05."""
    return f"{float(f'{x:.0e}'):g}"


def _rounded_down(x: float) -> str:
    """The same, and no more than x."""
    near = float(f"{x:.0e}")
    if near > x:
        digit, power = f"{x:.0e}".split("e")
        near = float(f"{int(digit) - 1}e{power}") if digit != "1" else float(f"9e{int(power) - 1}")
    return f"{near:g}"
