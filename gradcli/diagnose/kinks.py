"""Kinks and ties that were met: the slopes on both sides, and which one was taken.

Enters: a Trace and a gate whose row has a kink. Leaves: a warning, if the gate stands on it. Invariant: the slopes come
from the row itself, at the numbers next to the operand; a tie of n operands costs n.
"""

from __future__ import annotations

import math
from typing import Any

from gradcli.diagnose.warned import Warned, at, finite, operand_values, text, warned
from gradcli.graph.defined import functions_on
from gradcli.traces import Trace

_WORDS = {"kink": "has a kink", "tie": "has a tie"}


def kink(trace: Trace, index: int) -> Warned | None:
    """The warning of an active gate that stands on its kink."""
    found = trace.graph.rows[trace.graph.codes[index]].kink
    if found is None:
        return None
    operands = operand_values(trace, index)
    if not all(map(finite, operands)) or not found.at(trace.system, *operands):
        return None
    convention = found.convention.removeprefix(f"a {found.kind}: ")
    message = f"{text(trace, index)} {_WORDS[found.kind]}{at(trace, index)}: {convention}"
    return warned(trace, found.kind, index, message, convention=convention, sides=_sides(trace, index, operands))


def _sides(trace: Trace, index: int, operands: list[Any]) -> list[dict[str, Any]]:
    """The one-sided derivatives by each active operand, others fixed; by those that the kink concerns."""
    tied = trace.graph.rows[trace.graph.codes[index]].variadic
    sides = []
    for position, taken in enumerate(trace.partials[index] or ()):
        if taken is not None and not (tied and operands[position] != trace.values[index]):
            sides.append(_side(trace, index, operands, position))
    concerned = [side for side in sides if side.get("jump") or not side["left"] == side["right"] == side["taken"]]
    return concerned or sides


def _side(trace: Trace, index: int, operands: list[Any], position: int) -> dict[str, Any]:
    graph, m, value = trace.graph, trace.system, trace.values[index]
    code, taken = graph.codes[index], trace.partials[index][position]
    row, function = graph.rows[code], functions_on(graph.rows, m)[code]
    x = operands[position]
    # Of operands that tie, any other one stands for all: they are equal, and the rest does not matter.
    fixed = [x, value] if row.variadic else operands
    place = 0 if row.variadic else position
    rule: Any = row.partials[place]
    slope: Any
    slopes, values = [], []
    near = _neighbours(trace, x)
    for beside in near:
        numbers = [*fixed[:place], beside, *fixed[place + 1 :]]
        y = function(*numbers)  # type: ignore[misc]
        slope = rule if isinstance(rule, float) else rule(m, y, *numbers)
        slopes.append(slope[0] if row.variadic else slope)
        values.append(y)
    side = {"operand": f"g{graph.operands[index][position]}", "left": slopes[0], "right": slopes[1], "taken": taken}
    explained = _explained(trace, near[1] - near[0], value, slopes)
    return side | ({"jump": True} if any(abs(y - value) > explained for y in values) else {})


def _neighbours(trace: Trace, x: Any) -> tuple[Any, Any]:
    """The numbers next to x, below and above; in other systems than floats, some that are nearly the next."""
    if isinstance(x, float):
        return math.nextafter(x, -math.inf), math.nextafter(x, math.inf)
    step = abs(x) * _spacing(trace) if x else trace.system.number("1e-1000")
    return x - step, x + step


def _spacing(trace: Trace) -> Any:
    """The distance from 1 to the next number."""
    if "spacing" not in trace.cache:
        one = trace.system.number("1")
        step = one
        while one + step / 2 > one:
            step = step / 2
        trace.cache["spacing"] = step
    return trace.cache["spacing"]


def _explained(trace: Trace, step: Any, value: Any, slopes: list[Any]) -> Any:
    """How far the value may move on a step by its slopes and by rounding; beyond, it jumps."""
    steepest = max(map(abs, slopes))
    return 2 * steepest * step + 4 * _spacing(trace) * abs(value) if steepest else 0
