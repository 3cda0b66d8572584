"""Which gate is to blame where a training blows up: the one whose numbers are not finite, or which made the loss grow.

Enters: traces, or the values of all gates at two points. Leaves: `Blamed`, or nothing. Invariant: a gate is named by
what the program's text says there, and by its stage if it is in one; every message has the numbers it speaks of.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gradcli.diagnose import NOT_FINITE, Warned, by_severity, warnings
from gradcli.graph import ops
from gradcli.graph.describe import gate_text
from gradcli.graph.graph import Graph
from gradcli.printable import shorten
from gradcli.traces import Trace
from gradcli.training.layout import Layout, Vector
from gradcli.training.objective import Blamed

GREW = 1e6  # times its largest number at the start, or 1: an output that did has exploded
_FOLLOWED = 1e3  # times: what did is behind it, since squares and products grow by more than their operands
_LONG = 60  # characters of a gate's text


def at(blamed: Blamed | None, theta: Vector, start: Vector) -> Blamed | None:
    """The same, which knows whether it was so at the start."""
    return None if blamed is None else blamed._replace(at_start=bool(np.array_equal(theta, start)))


def of_parameters(layout: Layout, theta: Vector, graph: Graph) -> Blamed | None:
    """Parameters that are not finite themselves: a step of the optimiser was too long."""
    for name, place in layout.slices.items():
        part = theta[place]
        odd = part[~np.isfinite(part)]
        if odd.size:
            start, end = graph.free.get(name, (0, 0))
            count = f" ({odd.size:,} of {part.size:,} elements)" if layout.shapes[name] else ""
            return Blamed(shorten(name), start, end, f"the parameter {shorten(name)} is {odd[0]:g} after a step{count}")
    return None


def not_finite(trace: Trace) -> Blamed | None:
    """The gate where the numbers of a trace stop being finite."""
    found = [warned for warned in by_severity(warnings(trace)) if warned.kind in NOT_FINITE]
    return _blamed(trace.graph, found[0]) if found else None


def of_rows(flat: Graph, place: tuple[int, int], traces: Iterable[Trace], spoilt: int, rows: int) -> Blamed:
    """The gate that spoils the most rows.

    Args:
        flat: the graph of one row.
        place: of that gate in the program's text.
        traces: of spoilt rows.
        spoilt: how many rows it spoils.
        rows: how many there are.
    """
    first: Blamed | None = None
    share = f"; so in {spoilt:,} of {rows:,} rows" if rows > 1 else ""
    for trace in traces:
        for warned in by_severity(warnings(trace)):
            if warned.kind in NOT_FINITE:
                found = _blamed(flat, warned)
                if tuple(warned.span) == place:
                    return found._replace(message=found.message + share)
                first = first or found
    if first is not None and not share:
        return first
    text = shorten(flat.source[slice(*place)] or "the loss", _LONG)
    return Blamed(text, *place, f"{text} is not finite{share}")


def of_sum(graph: Graph, rows: int) -> Blamed:
    """Every row is finite, and their sum is not."""
    start, end = graph.span(graph.output)
    text = stage_of(graph, graph.output) or _source(graph, graph.output) or "the loss"
    return Blamed(text, start, end, f"the sum of {text} or of its gradient over {rows:,} rows overflows")


def grown(graph: Graph, before: Sequence[Any], after: Sequence[Any]) -> Blamed | None:
    """The gate at which the largest term of the output began to grow, if that grew by more than a factor of GREW.

    From the output on it is the largest operand that has grown as well, until none has: what grew and does not count in
    the sum is not to blame.

    Args:
        before, after: the values of all gates at the start and now.
    """
    sizes: dict[int, float] = {}
    found = graph.output
    if not _grew(found, before, after, sizes, GREW):
        return None
    while True:
        operands = [one for one in dict.fromkeys(graph.operands[found]) if graph.codes[one] > ops.CONSTANT]
        more = [one for one in operands if _grew(one, before, after, sizes, _FOLLOWED)]
        if not more:
            break
        found = max(more, key=sizes.__getitem__)
    stage, text = stage_of(graph, found), _source(graph, found) or gate_text(graph, found)
    where = f" in the stage {stage}" if stage and stage != text else ""
    message = f"{text}{where} grew from {_largest(before[found]):.3g} to {sizes[found]:.3g}"
    return Blamed(stage or text, *graph.span(found), message)


def _grew(index: int, before: Sequence[Any], after: Sequence[Any], sizes: dict[int, float], by: float) -> bool:
    """Whether a gate's largest number grew by a factor; that number is left in sizes."""
    sizes[index] = _largest(after[index])
    return sizes[index] > by * max(_largest(before[index]), 1.0)


def _largest(x: Any) -> float:
    """The largest absolute value; nan counts for nothing."""
    if not getattr(x, "shape", ()):
        return abs(float(x)) if x == x else 0.0
    with np.errstate(all="ignore"):
        found = float(np.fmax.reduce(np.abs(x), axis=None)) if x.size else 0.0
    return 0.0 if math.isnan(found) else found


def stage_of(graph: Graph, index: int) -> str | None:
    """The stage that a gate is of, or belongs to."""
    inside = [
        group
        for group in graph.groups
        if group.kind == "stage"
        and group.first <= index < group.last
        and group.name.partition("[")[0] in graph.assigned
    ]
    if inside:
        return shorten(min(inside, key=lambda group: group.last - group.first).name, _LONG)
    name = graph.stages.get(index)
    return None if name is None else shorten(name, _LONG)


def _blamed(graph: Graph, warned: Warned) -> Blamed:
    """A warning in the words of the program."""
    index = int(warned.gate[1:])
    stage, what = stage_of(graph, index), shorten(gate_text(graph, index), 80)
    message = warned.message
    if stage:
        named = f"{what} in the stage {stage}"
        message = message.replace(what, named, 1) if what in message else f"in the stage {stage}, {message}"
    rewrite = warned.details.get("rewrite")
    if rewrite:
        message += f"; {rewrite['write']} instead of {rewrite['for']} stays finite"
    text = stage or _source(graph, index) or what
    return Blamed(text, *warned.span, _in_words(graph, index, message))


def _in_words(graph: Graph, index: int, message: str) -> str:
    """The message with its gate's operands written as in the program instead of by their ids."""
    for operand in dict.fromkeys(graph.operands[index]):
        label, written = graph.label(operand), _source(graph, operand)
        if written and label == f"g{operand}" and label not in graph.inputs:
            plain = re.fullmatch(r"[\w.]+(\([^()]*\))?", written) is not None
            alone = rf"(?<=\(){label}(?=\))|\b{label}(?= = )"  # in exp(g7), and in "at g7 = 3"
            message = re.sub(alone, lambda _, text=written: text, message)  # type: ignore[misc]
            inner = written if plain else f"({written})"
            message = re.sub(rf"\b{label}\b", lambda _, text=inner: text, message)  # type: ignore[misc]
    return message


def _source(graph: Graph, index: int) -> str:
    """What the program's text says at a gate, if that is short; else nothing."""
    start, end = graph.span(index)
    text = " ".join(graph.source[max(start, 0) : max(end, 0)].split())
    return shorten(text) if text and len(text) <= _LONG else ""
