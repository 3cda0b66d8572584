"""Where a number or a slope needs a second look: kinks met, and the gates where values or slopes stop being finite.

Enters: a Trace on floats. Leaves: warnings in the order of the gates. Invariant: a gate is blamed only for what is new
in it, so that one bad number gives one warning and not one per gate downstream.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from math import isfinite, isinf, isnan
from typing import TYPE_CHECKING, NamedTuple

from gradcli.errors import Span
from gradcli.graph import ops
from gradcli.graph.describe import gate_text, operand_text
from gradcli.printable import shorten

if TYPE_CHECKING:
    from gradcli.traces import Trace


class Warned(NamedTuple):
    """A point where a number or a slope needs a second look."""

    kind: str  # kink, domain, pole, overflow, invalid
    gate: str
    span: Span
    message: str


_WITH_KINKS = {code for code, row in enumerate(ops.ROWS) if row.kink is not None}


def warnings(trace: Trace) -> list[Warned]:
    """All warnings of a trace."""
    graph, values = trace.graph, trace.values
    suspects = [i for i, code in enumerate(graph.codes) if code in _WITH_KINKS and trace.partials[i] is not None]
    suspects += [i for i, value in enumerate(values) if not isfinite(value)]
    steep = [i for i, slopes in enumerate(trace.partials) if slopes and not _all_finite(slopes)]
    suspects += steep
    endless = {i for i, adjoint in enumerate(trace.adjoints) if adjoint is not None and not isfinite(adjoint)}
    unused = _unused(trace) if any(trace.adjoints[i] == 0.0 for i in steep) else frozenset()
    overflows = _gradient_overflows(trace, endless) if endless else {}
    found = []
    for index in sorted({*suspects, *endless, *overflows}):
        number = _value(trace, index) or _slope(trace, index, unused) or overflows.get(index)
        found += [warning for warning in (_kink(trace, index), number) if warning is not None]
    return found


def _unused(trace: Trace) -> Set[int]:
    """The gates that matter only to branches which a `where` did not choose, or times a constant 0.

    Their slopes are of no account.
    """
    graph, used = trace.graph, {trace.graph.output}
    for index in range(graph.output, -1, -1):
        if index not in used:
            continue
        chosen: Sequence[int] = range(len(graph.operands[index]))
        if graph.codes[index] == _WHERE:
            condition = trace.values[graph.operands[index][0]]
            chosen = (0, 1) if condition else (0, 2)
        elif graph.codes[index] == _PRODUCT:
            chosen = [p for p in (0, 1) if not _is_constant_zero(trace, graph.operands[index][1 - p])]
        used.update(graph.operands[index][position] for position in chosen)
    return {*range(len(graph))} - used


def _is_constant_zero(trace: Trace, index: int) -> bool:
    return trace.adjoints[index] is None and trace.values[index] == 0.0


_WHERE, _PRODUCT = ops.CODES["where"], ops.CODES["mul"]


def _gradient_overflows(trace: Trace, endless: Set[int]) -> dict[int, Warned]:
    """Where global gradients overflow: in a product of finite factors, or in a sum of finite contributions."""
    graph = trace.graph
    found: dict[int, Warned] = {}
    explained = {graph.output}
    for index, operands in enumerate(graph.operands):
        if trace.partials[index] is None or endless.isdisjoint(operands):
            continue
        if index in endless:
            explained.update(operands)
            continue
        for operand, edge in zip(operands, trace.edges(index), strict=True):
            if edge.contribution is None or isfinite(edge.contribution):
                continue
            explained.add(operand)
            if isfinite(edge.local_gradient):
                product = f"{trace.adjoints[index]!r} times {edge.local_gradient!r}"
                message = f"the gradient that {_what(trace, index)} passes on overflows: {product}"
                found[index] = _warned(trace, "overflow", index, message)
    for index in endless - explained:
        message = f"the contributions to the gradient of {shorten(operand_text(graph, index).text)} overflow when added"
        found[index] = _warned(trace, "overflow", index, message)
    return found


def _all_finite(slopes: tuple[float | None, ...]) -> bool:
    return all(slope is None or isfinite(slope) for slope in slopes)


def _warned(trace: Trace, kind: str, index: int, message: str) -> Warned:
    return Warned(kind, f"g{index}", trace.graph.span(index), message)


def _what(trace: Trace, index: int) -> str:
    return shorten(gate_text(trace.graph, index), 80)


def _at(trace: Trace, index: int) -> str:
    """Where: ` at x = 0.0, g3 = -1.0`; nothing where all operands are constants."""
    operands = dict.fromkeys(trace.graph.operands[index])
    named = [o for o in operands if trace.graph.codes[o] != ops.CONSTANT]
    where = ", ".join(f"{shorten(operand_text(trace.graph, o).text)} = {trace.values[o]!r}" for o in named[:4])
    return f" at {where}" if where else ""


def _kink(trace: Trace, index: int) -> Warned | None:
    kink = ops.ROWS[trace.graph.codes[index]].kink
    if kink is None or trace.partials[index] is None:
        return None
    operands = [trace.values[operand] for operand in trace.graph.operands[index]]
    if not all(map(isfinite, operands)) or not kink.at(*operands):
        return None
    what = _what(trace, index)
    return _warned(trace, "kink", index, f"{what} has a kink{_at(trace, index)}: {kink.convention}")


def _value(trace: Trace, index: int) -> Warned | None:
    """The first gate of a chain whose value is not finite."""
    graph, value = trace.graph, trace.values[index]
    operands = [trace.values[operand] for operand in graph.operands[index]]
    if isinf(value) and graph.codes[index] == ops.CONSTANT and graph.literals[index] != "inf":
        message = f"{shorten(_what(trace, index))} is too large for a double: it is {value!r}"
        return _warned(trace, "overflow", index, message)
    if not operands or isfinite(value) or not all(map(isfinite, operands)):
        return _from_infinite(trace, index) if operands and isnan(value) else None
    what, where = _what(trace, index), _at(trace, index)
    if isnan(value):
        return _warned(trace, "domain", index, f"{what} is undefined{where}")
    pole = ops.ROWS[graph.codes[index]].pole
    kind = "pole" if pole is not None and pole(*operands) else "overflow"
    return _warned(trace, kind, index, f"{what} is {value!r}{where}")


def _from_infinite(trace: Trace, index: int) -> Warned | None:
    """nan out of infinite, but not undefined operands: inf - inf, 0*inf, inf/inf."""
    operands = [trace.values[operand] for operand in trace.graph.operands[index]]
    if any(map(isnan, operands)) or not any(map(isinf, operands)):
        return None
    message = f"{_what(trace, index)} is undefined{_at(trace, index)}"
    return _warned(trace, "invalid", index, message)


def _slope(trace: Trace, index: int, unused: Set[int]) -> Warned | None:
    """A local gradient that is not finite though the value is, or a contribution of 0 times infinity."""
    slopes = trace.partials[index]
    undefined = any(s is not None and isnan(s) for s in slopes or ())
    if not slopes or not (isfinite(trace.values[index]) or undefined):
        return None
    if any(isnan(trace.values[operand]) for operand in trace.graph.operands[index]):
        return None
    what, where = _what(trace, index), _at(trace, index)
    if not _all_finite(slopes):
        steep = next(s for s in slopes if s is not None and not isfinite(s))
        if trace.adjoints[index] == 0.0:
            if index in unused:
                return None
            message = f"the slope of {what} is {steep!r}{where}; times a gradient of 0 it is taken as 0"
            return _warned(trace, "invalid", index, message)
        kind = "domain" if isnan(steep) else "pole"
        return _warned(trace, kind, index, f"the slope of {what} is {steep!r}{where}")
    if any(s == 0.0 for s in slopes) and isinf(trace.adjoints[index]):
        return _warned(trace, "invalid", index, f"{what} multiplies an infinite gradient by a slope of 0{where}")
    return None
