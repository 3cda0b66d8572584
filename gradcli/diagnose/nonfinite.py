"""Where values, local or global gradients stop being finite.

Enters: a Trace. Leaves: gate → warning. Invariant: a gate is blamed only for what is new in it, so that one bad number
gives one warning and not one per gate downstream.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from gradcli.diagnose.warned import (
    Warned,
    at,
    called,
    contributions,
    finite,
    infinite,
    operand_values,
    places_not_finite,
    text,
    undefined,
    used,
    warned,
)
from gradcli.graph import ops
from gradcli.traces import Trace

PLACES = frozenset({"domain", "pole", "overflow", "invalid", "0·inf"})  # the kinds of these warnings


def not_finite(trace: Trace) -> dict[int, Warned]:
    """The gates to blame, each with the first of its reasons."""
    partials = trace.partials
    values = places_not_finite(trace.values)
    steep = {*places_not_finite(partials.firsts), *places_not_finite(partials.seconds)}
    steep |= {i for i, slopes in partials.many.items() if places_not_finite(list(slopes))}
    endless = {*places_not_finite(trace.adjoints)}
    if not (values or steep or endless):
        return {}
    flags = used(trace) if any(trace.adjoints[i] == 0 for i in steep) else None
    spoilt = _spoilt_gradients(trace, endless) if endless else {}
    found = {}
    for index in {*values, *steep, *endless, *spoilt}:
        of_no_account = flags is not None and not flags[index]
        blamed = _value(trace, index) or _slope(trace, index, of_no_account) or spoilt.get(index)
        if blamed is not None:
            found[index] = blamed
    return found


_PRODUCT = ops.CODES["mul"]


def _value(trace: Trace, index: int) -> Warned | None:
    """The first gate of a chain whose value is not finite."""
    graph, value = trace.graph, trace.values[index]
    if finite(value):
        return None
    what, where, written = text(trace, index), at(trace, index), trace.system.write(value)
    if graph.codes[index] == ops.CONSTANT:
        if undefined(value) or (graph.literals[index] or "").lstrip("-") == "inf":
            return None  # asked for
        return warned(trace, "overflow", index, f"{what} is too large for a double: it is {written}")
    operands = operand_values(trace, index)
    if not all(map(finite, operands)):
        return _from_infinite(trace, index, operands) if undefined(value) else None
    if not operands:
        return None
    if undefined(value):
        return warned(trace, "domain", index, f"{what} is undefined{where}")
    pole = graph.rows[graph.codes[index]].pole
    kind = "pole" if pole is not None and pole(trace.system, *operands) else "overflow"
    return warned(trace, kind, index, f"{what} is {written}{where}")


def _from_infinite(trace: Trace, index: int, operands: list[Any]) -> Warned | None:
    """nan out of infinite, but not undefined operands: inf - inf, 0*inf, inf/inf."""
    if any(map(undefined, operands)):
        return None
    zero_times = trace.graph.codes[index] == _PRODUCT
    message = f"{text(trace, index)} is undefined{at(trace, index)}"
    return warned(trace, "0·inf" if zero_times else "invalid", index, message)


def _slope(trace: Trace, index: int, of_no_account: bool) -> Warned | None:
    """A local gradient that is not finite though the value is, or a contribution of 0 times infinity."""
    slopes = [slope for slope in trace.partials[index] or () if slope is not None]
    if not slopes or not (finite(trace.values[index]) or any(map(undefined, slopes))):
        return None
    operands = operand_values(trace, index)
    if any(map(undefined, operands)):
        return None
    what, where, adjoint = text(trace, index), at(trace, index), trace.adjoints[index]
    steep = next((slope for slope in slopes if not finite(slope)), None)
    if steep is None:
        if infinite(adjoint) and any(undefined(part) for _, _, part in contributions(trace, index)):
            return warned(trace, "0·inf", index, f"{what} multiplies an infinite gradient by a slope of 0{where}")
        return None
    slope_is = f"the slope of {what} is {trace.system.write(steep)}{where}"
    if adjoint == 0:
        if of_no_account:
            return None
        return warned(trace, "0·inf", index, f"{slope_is}; times a gradient of 0 it is taken as 0")
    if infinite(steep):
        return warned(trace, "pole", index, slope_is)
    return warned(trace, "domain" if all(map(finite, operands)) else "invalid", index, slope_is)


def _spoilt_gradients(trace: Trace, endless: Set[int]) -> dict[int, Warned]:
    """Where global gradients stop being finite: in a product of finite factors, or in a sum of contributions.

    Infinite contributions that cancel are told only where the output's value does not say it already.
    """
    graph, write = trace.graph, trace.system.write
    found: dict[int, Warned] = {}
    explained, infinities = {graph.output}, set()
    columns = zip(graph.operands.firsts, graph.operands.seconds, strict=True)
    concerned = [i for i, pair in enumerate(columns) if not endless.isdisjoint(pair)]
    concerned += [i for i, operands in graph.operands.many.items() if not endless.isdisjoint(operands)]
    for index in {*concerned}:
        if trace.partials[index] is None:
            continue
        for operand, slope, part in contributions(trace, index):
            if finite(part):
                continue
            if infinite(part):
                infinities.add(operand)
            else:
                explained.add(operand)
            if finite(slope) and finite(trace.adjoints[index]):
                product = f"{write(trace.adjoints[index])} times {write(slope)}"
                message = f"the gradient that {text(trace, index)} passes on overflows: {product}"
                found[index] = warned(trace, "overflow", index, message)
    for index in endless - explained:
        what = f"the contributions to the gradient of {called(trace, index)}"
        if index not in infinities:
            found[index] = warned(trace, "overflow", index, f"{what} overflow when added")
        elif undefined(trace.adjoints[index]) and finite(trace.value):
            found[index] = warned(trace, "invalid", index, f"{what} are inf and -inf: their sum is undefined")
    return found
