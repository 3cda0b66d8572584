"""What a warning is, and how it speaks of gates and numbers.

Enters: a Trace on numbers of any system. Leaves: `Warned`. Invariant: nothing here turns a number into a float, and
every message is bounded in length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from gradcli.errors import Span
from gradcli.graph import ops
from gradcli.graph.describe import gate_text, operand_text
from gradcli.printable import shorten
from gradcli.traces import Trace, contribution

CONVENTIONS = ("kink", "tie")
# How severe each kind is: what makes numbers that are not finite, what these lead to, what was settled by a convention,
# what was lost, and what does not learn.
SEVERITY = {"domain": 0, "pole": 0, "overflow": 0, "invalid": 1, "0·inf": 1}
SEVERITY |= {"kink": 2, "tie": 2, "underflow": 3, "saturation": 4, "dead": 5}
NOT_FINITE = frozenset(kind for kind, rank in SEVERITY.items() if rank < 2)


class Warned(NamedTuple):
    """A point where a number or a slope needs a second look.

    Attributes:
        kind: a key of SEVERITY.
        gate: the id of the gate that is blamed.
        span: its place in the program.
        message: what happened, in words.
        details: further facts by name; which ones there are depends on the kind (`gradcli schema`).
    """

    kind: str
    gate: str
    span: Span
    message: str
    details: dict[str, Any]


def warned(trace: Trace, kind: str, index: int, message: str, **details: Any) -> Warned:
    return Warned(kind, f"g{index}", trace.graph.span(index), message, details)


def finite(x: Any) -> bool:
    return bool(x - x == 0)


def infinite(x: Any) -> bool:
    return bool(x == x and x - x != 0)


def undefined(x: Any) -> bool:
    return bool(x != x)


def places_not_finite(column: Iterable[Any]) -> list[int]:
    """Where a column of numbers and None has one that is not finite. A finite sum, which is quick, rules that out."""
    column = column if isinstance(column, list) else list(column)
    total = sum(filter(None, column))
    if total - total == 0:
        return []
    return [i for i, x in enumerate(column) if x is not None and x - x != 0]


def operand_values(trace: Trace, index: int) -> list[Any]:
    return [trace.values[operand] for operand in trace.graph.operands[index]]


def contributions(trace: Trace, index: int) -> Iterator[tuple[int, Any, Any]]:
    """The active operands of a gate, each with the local gradient and the contribution of its edge."""
    graph, slopes, adjoint = trace.graph, trace.partials[index], trace.adjoints[index]
    for position, (operand, slope) in enumerate(zip(graph.operands[index], slopes or (), strict=False)):
        if slope is not None:
            part = contribution(graph, trace.values, index, position, adjoint, slope, trace.system)
            yield operand, slope, part


def text(trace: Trace, index: int) -> str:
    """What a gate computes."""
    return shorten(gate_text(trace.graph, index), 80)


def called(trace: Trace, index: int) -> str:
    """How a gate is called where it is used."""
    return shorten(operand_text(trace.graph, index).text)


def at(trace: Trace, index: int) -> str:
    """Where: ` at x = 0.0, g3 = -1.0`; nothing where all operands are constants."""
    operands = dict.fromkeys(trace.graph.operands[index])
    named = [o for o in operands if trace.graph.codes[o] != ops.CONSTANT]
    where = ", ".join(f"{called(trace, o)} = {trace.system.write(trace.values[o])}" for o in named[:4])
    return f" at {where}" if where else ""


_WHERE, _PRODUCT = ops.CODES["where"], ops.CODES["mul"]


def used(trace: Trace) -> bytearray:
    """A flag per gate: whether it matters to more than branches that a `where` did not choose, or times a constant 0.

    The slopes of all others are of no account.
    """
    graph, flags = trace.graph, bytearray(len(trace.graph))
    flags[graph.output] = 1
    for index in range(graph.output, -1, -1):
        if not flags[index]:
            continue
        operands = graph.operands[index]
        if graph.codes[index] == _WHERE:
            operands = (operands[0], operands[1 if trace.values[operands[0]] else 2])
        elif graph.codes[index] == _PRODUCT:
            operands = tuple(operands[p] for p in (0, 1) if not _is_constant_zero(trace, operands[1 - p]))
        for operand in operands:
            flags[operand] = 1
    return flags


def _is_constant_zero(trace: Trace, index: int) -> bool:
    return trace.adjoints[index] is None and bool(trace.values[index] == 0)
