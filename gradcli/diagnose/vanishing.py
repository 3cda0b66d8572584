"""Numbers and gradients that vanish: underflow, saturation, and units that pass no gradient at all.

Enters: a Trace. Leaves: warnings, each with its gate's position. Invariant: linear time; a gate is blamed only for what
is new in it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

from gradcli.diagnose.warned import Warned, at, contributions, finite, operand_values, text, warned
from gradcli.graph import ops
from gradcli.printable import shorten
from gradcli.traces import Trace

FLAT = 1e-8  # of the steepest slope: below, a gate is saturated
_TRACKED = 64  # dead gates whose inputs are told: a bit each of a mask per gate
_NAMED = 5  # inputs in a message
_NOT_ZERO = r"[0.]*[1-9]"


def _largest_subnormal(trace: Trace) -> float:
    """0 where numbers know no underflow, so that only a lost number is one."""
    return sys.float_info.min * (1 - sys.float_info.epsilon) if isinstance(trace.value, float) else 0.0


def underflows(trace: Trace) -> Iterator[tuple[int, Warned]]:
    """Values, then gradients that are 0 or subnormal though the exact ones are not 0."""
    most = _largest_subnormal(trace)
    graph, write = trace.graph, trace.system.write
    tiny = [i for i, value in enumerate(trace.values) if -most <= value <= most]
    for index in tiny:
        value, zero = trace.values[index], graph.rows[graph.codes[index]].zero
        if graph.codes[index] == ops.CONSTANT:
            if value == 0 and re.match(_NOT_ZERO, graph.literals[index] or ""):
                message = f"{text(trace, index)} is too small for a double: it is {write(value)}"
                yield index, warned(trace, "underflow", index, message)
        elif zero is not None:
            operands = operand_values(trace, index)
            if not all(map(finite, operands)) or zero(trace.system, *operands):
                continue
            if value == 0 or not any(0 < abs(x) <= most for x in operands):
                message = f"{text(trace, index)} underflows{at(trace, index)}: it is {write(value)}"
                yield index, warned(trace, "underflow", index, message)
    yield from _gradient_underflows(trace, most)


def _gradient_underflows(trace: Trace, most: float) -> Iterator[tuple[int, Warned]]:
    """A product of normal factors that is lost, where it is not lost in a sum with larger ones anyway."""
    columns, write = trace.graph.operands, trace.system.write
    flags = bytearray(len(columns) + 1)  # the last place is for NO_OPERAND
    for index, adjoint in enumerate(trace.adjoints):
        if adjoint is not None and -most <= adjoint <= most:
            flags[index] = 1
    if not any(flags):
        return
    pairs = enumerate(zip(columns.firsts, columns.seconds, trace.adjoints, strict=True))
    concerned = [i for i, (a, b, adjoint) in pairs if adjoint and (flags[a] or flags[b])]
    concerned += [i for i, all_ in columns.many.items() if trace.adjoints[i] and any(flags[a] for a in all_[2:])]
    for index in dict.fromkeys(concerned):
        adjoint = trace.adjoints[index]
        if abs(adjoint) <= most:
            continue
        for operand, slope, part in contributions(trace, index):
            if flags[operand] and abs(slope) > most and abs(part) <= most and finite(slope) and finite(adjoint):
                product = f"{write(adjoint)} times {write(slope)}"
                message = f"the gradient that {text(trace, index)} passes on underflows: {product} is {write(part)}"
                yield index, warned(trace, "underflow", index, message)
                break


def saturation(trace: Trace, index: int, slopes: list[Any]) -> Warned | None:
    """A gate of a row with a steepest slope, where its own is next to nothing."""
    steepest = trace.graph.rows[trace.graph.codes[index]].steepest
    if steepest is None or not abs(slopes[0]) < FLAT * steepest:
        return None
    if not all(map(finite, operand_values(trace, index))):
        return None
    slope = f"its slope is {trace.system.write(slopes[0])}, the steepest is {steepest!r}"
    message = f"{text(trace, index)} is saturated{at(trace, index)}: {slope}"
    return warned(trace, "saturation", index, message, slope=slopes[0], steepest=steepest)


def dead(trace: Trace, gates: list[int]) -> Iterator[tuple[int, Warned]]:
    """The warnings of gates that pass no gradient, with the inputs that get none because of them."""
    told = [index for index in gates if trace.adjoints[index] != 0]
    starved = _starved(trace, told[:_TRACKED])
    further = {*told[_TRACKED:]}
    for index in gates:
        message = f"{text(trace, index)} passes no gradient{at(trace, index)}"
        if index in further:
            message += f"; which inputs that concerns is told of the first {_TRACKED} such gates only"
            yield index, warned(trace, "dead", index, message)
            continue
        inputs = starved.get(index, [])
        yield index, warned(trace, "dead", index, message + _because(inputs), inputs=inputs)


def _because(inputs: list[str]) -> str:
    if not inputs:
        return ""
    names = ", ".join(map(shorten, inputs[:_NAMED]))
    more = f" and {len(inputs) - _NAMED:,} more" if len(inputs) > _NAMED else ""
    return f": because of it the gradient of {names}{more} is 0"


def _starved(trace: Trace, gates: list[int]) -> dict[int, list[str]]:
    """For each gate, which has a global gradient, the inputs before it whose gradient is 0: one sweep for all."""
    if not gates:
        return {}
    graph, masks = trace.graph, [0] * (gates[-1] + 1)
    for bit, index in enumerate(gates):
        masks[index] = 1 << bit
    for index in range(gates[-1], -1, -1):
        if mask := masks[index]:
            for operand in graph.operands[index]:
                masks[operand] |= mask
    found: dict[int, list[str]] = {index: [] for index in gates}
    for name, place in graph.inputs.items():
        if place >= len(masks) or not masks[place] or trace.adjoints[place] is None or trace.adjoints[place] != 0:
            continue
        for bit, index in enumerate(gates):
            if masks[place] >> bit & 1:
                found[index].append(name)
    return found


def passes_nothing(trace: Trace, index: int, slopes: list[Any]) -> bool:
    """Whether a gate that can shut off has done so."""
    row = trace.graph.rows[trace.graph.codes[index]]
    return row.rectifies and not any(slopes) and finite(trace.values[index])
