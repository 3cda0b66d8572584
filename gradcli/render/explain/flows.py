"""What flows along the edges of a Trace: who receives what from whom, and why sometimes nothing.

Enters: a Trace. Leaves: `Part`s and words. Invariant: every number is one of the trace's; sums stand in the order in
which the backward pass added them up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import prod
from typing import Any, NamedTuple

from gradcli.errors import UsageError
from gradcli.graph.describe import output_name
from gradcli.graph.graph import Graph
from gradcli.graph.ops import layout
from gradcli.graph.ops.layout import Shape
from gradcli.numeric.elements import is_array, norm, shape_of
from gradcli.printable import shorten
from gradcli.render.writing import is_zero
from gradcli.traces import Trace


class Part(NamedTuple):
    """One edge of the backward pass: what a gate passes on to one of its operands.

    Attributes:
        gate, position, operand: the gate, and which of its operands.
        upstream: the gate's global gradient.
        local: the edge's local gradient; None where it has a rule in its place.
        contribution: what is passed on.
    """

    gate: int
    position: int
    operand: int
    upstream: Any
    local: Any
    contribution: Any


def with_named_output(trace: Trace) -> Trace:
    """The same trace with its output called f, where it has no name and no other gate is called so."""
    graph = trace.graph
    if (name := output_name(graph)) is None:
        return trace
    named = Graph(graph.source)
    for column in Graph.__slots__:
        setattr(named, column, getattr(graph, column))
    named.stages = {**graph.stages, graph.output: name}
    return Trace(named, trace.values, trace.partials, trace.adjoints, trace.system)


def passed(trace: Trace, index: int) -> Iterator[Part]:
    """What a gate passes on, operand by operand; nothing to operands that are not differentiated."""
    operands, adjoint = trace.graph.operands[index], trace.adjoints[index]
    for position, local, part in trace.flows(index):
        yield Part(index, position, operands[position], adjoint, local, part)


def received(trace: Trace, gates: Collection[int]) -> dict[int, list[Part]]:
    """For each of these gates, what it gets from those that use it, in the order of the backward pass."""
    found: dict[int, list[Part]] = {index: [] for index in gates}
    columns, many = trace.graph.operands, trace.graph.operands.many
    for index in range(len(trace.graph) - 1, -1, -1):
        if trace.adjoints[index] is None:
            continue
        related = columns.firsts[index] in found or columns.seconds[index] in found
        if related or (index in many and not found.keys().isdisjoint(many[index])):
            for part in passed(trace, index):
                if part.operand in found:
                    found[part.operand].append(part)
    return found


def repeated(graph: Graph, part: Part) -> bool:
    """Whether the gate uses the operand more than once, so that ∂gate/∂operand would mean their sum."""
    return graph.operands[part.gate].count(part.operand) > 1


def added_axes(part: Part, shape: Shape) -> str | None:
    """The axes along which a contribution was added up, as an argument of sum: "" for all, ", axis=0" for the first.

    None where nothing was added up, or where sum alone does not do it. shape: of the gate.
    """
    own = shape_of(part.contribution)
    if part.local is None or own == shape or own not in ((), shape[1:]):
        return None
    return "" if own == () else ", axis=0"


def spreads(graph: Graph, index: int) -> bool:
    """Whether a gate gives every element of its operand the same gradient: a sum or a mean of all of them."""
    return graph.rows[graph.codes[index]].name in ("sum", "mean") and graph.shapes.get(index, ()) == ()


def why_shaped(trace: Trace, part: Part, rows: int = 0) -> str:
    """Why what is passed on has another shape than the gate, in words; "" where there is nothing to say.

    rows: of a data set, where its rows are the elements of the first axes.
    """
    own, shape = shape_of(part.contribution), trace.graph.shapes.get(part.gate, ())
    if part.local is None:
        if not rows or prod(own) == 1 or not spreads(trace.graph, part.gate):
            return ""
        return f"the same for each of the {prod(own):,} {'rows' if own == (rows,) else 'elements'}"
    if own == shape:
        return ""
    if added_axes(part, shape) is None:
        return f"added up to its shape, {layout.shown(own)}: it was repeated"
    if rows and len(shape) == len(own) + 1 and shape[0] == rows:
        return f"added up over the {rows:,} rows" if rows > 1 else "added up over the only row"
    count, what = (prod(shape), "elements") if own == () else (shape[0], "rows" if len(own) == 1 else "parts")
    return f"added up over the {count:,} {what}: it was repeated"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def why_nothing(trace: Trace, part: Part) -> str:
    """Why an edge passes nothing on, in words; "" where it does."""
    row = trace.graph.rows[trace.graph.codes[part.gate]]
    if row.name == "where" and part.position > 0:
        condition = trace.values[trace.graph.operands[part.gate][0]]
        if is_array(condition):
            return ""
        chosen = 1 if condition else 2
        return "the branch that is chosen" if part.position == chosen else "this branch is not chosen: exactly 0"
    if not is_zero(part.contribution):
        return ""
    if row.name == "where":
        return "a condition passes nothing on"
    if is_zero(part.upstream):
        return "nothing arrived, nothing is passed on"
    if row.structural:
        return ""
    if row.variadic:
        return "another operand is chosen: nothing passes"
    rule = row.partials[part.position]
    if isinstance(rule, float) and rule == 0.0:
        return "a step is flat: nothing passes"
    return "the local gradient is 0: nothing passes" if is_zero(part.local) else ""


class Path(NamedTuple):
    """One way from a gate to the output.

    Attributes:
        parts: its edges, from the gate on.
        ways: how many paths there are, counted up to MOST_PATHS.
    """

    parts: list[Part]
    ways: int


MOST_PATHS = 1_000_000


def path(trace: Trace, start: int) -> Path:
    """The way to the output that follows, gate by gate, the largest contribution."""
    graph, count = trace.graph, [0] * len(trace.graph)
    count[start] = 1
    best: dict[int, Part] = {}
    for index in range(start + 1, graph.output + 1):
        operands = graph.operands[index]
        if any(count[operand] for operand in operands) and trace.adjoints[index] is not None:
            count[index] = min(MOST_PATHS, sum(count[operand] for operand in operands))
    for index in range(graph.output, start, -1):
        for part in passed(trace, index) if count[index] else ():
            known = best.get(part.operand)
            if count[part.operand] and (known is None or norm(part.contribution) > norm(known.contribution)):
                best[part.operand] = part
    parts, at = [], start
    while at != graph.output and at in best:
        parts.append(best[at])
        at = best[at].gate
    return Path(parts, count[graph.output])


def find(graph: Graph, name: str, option: str = "--gate") -> int:
    """The gate of a stage, an input or an id, as an option names it.

    Raises:
        UsageError: there is none.
    """
    for index in range(len(graph)):
        if graph.name(index) == name:
            return index
    if name[:1] == "g" and name[1:].isdecimal() and name.isascii() and len(name) < 12 and int(name[1:]) < len(graph):
        return int(name[1:])
    names = ", ".join(dict.fromkeys(found for i in range(len(graph)) if (found := graph.name(i))))
    hint = f"its inputs and stages are {shorten(names, 200)}; the ids go from g0 to g{len(graph) - 1}"
    raise UsageError(f"{option} {shorten(name)}: there is no such gate", hint=hint)
