"""Which gate of a program lost the digits, or made the number that is not finite.

Enters: a program's traces on floats and on exact numbers. Leaves: a `Blame`. Invariant: numbers that are not finite are
blamed as in every other command; digits are lost where a gate keeps fewer than its operands had.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gradcli.checking.precision import FULL, LEAST_LOST, correct_digits
from gradcli.diagnose import NOT_FINITE, by_severity, warnings
from gradcli.diagnose.warned import CONVENTIONS, at, called, contributions, text
from gradcli.traces import Trace


class Blame(NamedTuple):
    """program: 0 or 1. gate: its position. kind: `digits`, or the kind of a warning."""

    program: int
    gate: int
    kind: str
    message: str


class _Loss(NamedTuple):
    digits: float
    gate: int
    message: str


def kinks(program: int, trace: Trace) -> list[Blame]:
    """The kinks and ties that the floats stand on."""
    found = (warned for warned in warnings(trace) if warned.kind in CONVENTIONS)
    return [Blame(program, int(warned.gate[1:]), warned.kind, warned.message) for warned in found]


def blame(program: int, trace: Trace, true: Trace, *, value: bool, all_lost: bool) -> Blame | None:
    """The gate to blame; None where no gate loses a whole digit.

    Args:
        value: whether the value lost digits; else only gradients did.
        all_lost: whether no digit is left of something.
    """
    if all_lost:
        for warned in by_severity(warnings(trace)):
            if warned.kind in NOT_FINITE:
                return Blame(program, int(warned.gate[1:]), warned.kind, warned.message)
    losses = list(_value_losses(trace, true))
    if not value or not losses:
        losses += _slope_losses(trace, true)
    worst = max(losses, key=lambda loss: (loss.digits, -loss.gate), default=None)
    return None if worst is None else Blame(program, worst.gate, "digits", worst.message)


def _value_losses(trace: Trace, true: Trace) -> Iterator[_Loss]:
    """The gates whose value has fewer correct digits than those of their operands."""
    digits = [correct_digits(x, y) for x, y in zip(trace.values, true.values, strict=True)]
    for index, operands in enumerate(trace.graph.operands):
        before = min((digits[operand] for operand in operands), default=FULL)
        if operands and before - digits[index] >= LEAST_LOST:
            message = f"{text(trace, index)} keeps {digits[index]:.1f} correct digits{at(trace, index)}"
            yield _Loss(before - digits[index], index, message)


def _slope_losses(trace: Trace, true: Trace) -> Iterator[_Loss]:
    """Edges that pass on fewer digits than arrive, and sums of contributions that cancel."""
    adjoints = [None if x is None else correct_digits(x, y) for x, y in zip(trace.adjoints, true.adjoints, strict=True)]
    arrived: dict[int, float] = {}
    for index in range(len(trace.graph) - 1, -1, -1):
        own = adjoints[index]
        if own is None:
            continue
        if index in arrived and arrived[index] - own >= LEAST_LOST:
            message = (
                f"the contributions to the gradient of {called(trace, index)} cancel: {own:.1f} correct digits are left"
            )
            yield _Loss(arrived[index] - own, index, message)
        for (operand, _, part), (_, _, exact) in zip(
            contributions(trace, index), contributions(true, index), strict=True
        ):
            digits = correct_digits(part, exact)
            arrived[operand] = min(arrived.get(operand, FULL), digits)
            if own - digits >= LEAST_LOST:
                message = f"the slope of {text(trace, index)} keeps {digits:.1f} correct digits{at(trace, index)}"
                yield _Loss(own - digits, index, message)
