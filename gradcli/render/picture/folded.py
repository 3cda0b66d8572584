"""Groups of gates drawn as one node each, and the edges that are one because of that.

Enters: what to draw, as gates and `Folded` groups. Leaves: their `Node`s and `Arrow`s. Invariant: time is linear in
the gates; edges inside a group are not drawn, and several between the same two nodes are one arrow that counts them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.numeric.elements import elements, shape_of
from gradcli.printable import printable, shorten
from gradcli.render.picture import sizes, words
from gradcli.render.picture.folding import Folded
from gradcli.render.picture.parts import Arrow, Line, Node
from gradcli.render.picture.pen import Drawing, Pen, flow, warned_class, weight

Wire = tuple[int, int]  # a gate and the position of an operand
Ends = tuple[str, str]  # ids of two nodes


class Wiring(NamedTuple):
    """How the nodes are connected.

    Attributes:
        arrows: the ends of each, and the operands that it stands for.
        entering: id of a folded group → the gates that it takes from outside.
        leaving: id of a folded group → those of its gates that others take, and the output.
    """

    arrows: Sequence[tuple[Ends, Sequence[Wire]]]
    entering: Mapping[str, Sequence[int]]
    leaving: Mapping[str, Sequence[int]]


def wiring(graph: Graph, nodes: Sequence[int | Folded]) -> Wiring:
    """Find the edges between nodes, by the gates that they end in."""
    homes: dict[int, str] = {}
    for node in nodes:
        homes |= dict.fromkeys(node.gates, node.id) if isinstance(node, Folded) else {node: f"g{node}"}
    folds = {node.id for node in nodes if isinstance(node, Folded)}
    plain: list[tuple[Ends, list[Wire]]] = []
    merged: dict[Ends, list[Wire]] = {}
    entering: dict[str, dict[int, None]] = {name: {} for name in folds}
    leaving: dict[str, dict[int, None]] = {name: {} for name in folds}
    for index in sorted(homes) if folds else homes:
        head = homes[index]
        for position, operand in enumerate(graph.operands[index]):
            tail = homes.get(operand)
            if tail is None or (tail == head and head in folds):
                continue
            ends, wire = (tail, head), (index, position)
            if tail not in folds and head not in folds:
                plain.append((ends, [wire]))
            elif ends in merged:
                merged[ends].append(wire)
            else:
                merged[ends] = [wire]
                plain.append((ends, merged[ends]))
            if tail in folds:
                leaving[tail][operand] = None
            if head in folds:
                entering[head][operand] = None
        if index == graph.output and head in folds:
            leaving[head][index] = None
    return Wiring(plain, {name: [*e] for name, e in entering.items()}, {name: [*e] for name, e in leaving.items()})


def is_plain(ends: Ends, wires: Sequence[Wire]) -> bool:
    """Whether an arrow is one operand of a gate that is drawn."""
    return len(wires) == 1 and ends[1] == f"g{wires[0][0]}"


def node(pen: Pen, group: Folded, wiring: Wiring) -> Node:
    """A group: what it is, how many gates it holds, what leaves it."""
    graph, gates = pen.graph, group.gates
    entering, leaving = wiring.entering[group.id], wiring.leaving[group.id]
    what = "inputs" if all(graph.codes[index] == ops.INPUT for index in gates) else "gates"
    held = [f"{len(gates):,} {what}", *([f"{len(entering):,} in"] if entering else [])]
    held += [f"{len(leaving):,} out"] if len(leaving) > 1 else []
    lines = [Line("small", f"▸ {', '.join(held)}")] if pen.with_lines else []
    lines += pen.numbers(leaving)
    found = [(trace, warned) for index in gates for trace, warned in pen.warned.get(index, ())]
    if found and pen.with_numbers:
        told = dict.fromkeys(words.warning_line(trace, warned) for trace, warned in found)
        mark = pen.mark(gates)
        worst = [warned for _, warned in found if warned_class(warned) == mark]
        text = next(iter(told)) if len(told) == 1 else f"⚠ {len(found):,} warnings, {worst[0].kind}"
        lines.append(Line(mark, text))
    messages = list(dict.fromkeys(warned.message for _, warned in found))
    head = f"{group.stage} = {group.operation}" if group.stage else group.operation
    tooltip = words.folded_tooltip(graph, pen.traces, f"{head}: {', '.join(held)}", gates, leaving, messages)
    is_output = graph.output in leaving
    return Node(group.id, "folded", group.operation, group.stage, tuple(lines), pen.mark(gates), is_output, tooltip)


def arrow(pen: Pen, wires: Sequence[Wire], tail: str, head: str) -> Drawing:
    """Operands of the same two nodes: their number, and what flows back along all of them."""
    name = f"g{wires[0][0]}-{wires[0][1]}" if len(wires) == 1 else f"{head}-{tail}"
    counted = [Line("count", f"×{len(wires):,}")] if len(wires) > 1 else []
    active = [wire for wire in wires if pen.is_active(*wire)]
    places = [words.place(pen.graph, *wire) for wire in wires[: sizes.FIRST]]
    more = [f"and {len(wires) - len(places):,} more"] if len(wires) > len(places) else []
    told = [*([f"{len(wires):,} edges"] if len(wires) > 1 else []), *places, *more]
    if not active or not pen.traces:
        lines = tuple(counted) if pen.with_labels else ()
        return Drawing(Arrow(name, tail, head, lines, "" if active else "inactive", None, "\n".join(told)), None)
    sums = [_sums(pen, active, point) for point in range(len(pen.traces))]
    parts = [_one(list(found.values())) for found in sums]
    sign = "Σ " if len(active) > len(sums[0]) == 1 else ""
    told += [
        f"{point}contribution {words.full(part)}" for point, part in zip(words.points(pen.traces), parts, strict=True)
    ]
    lines = (*counted, pen.contribution(sign, parts)) if pen.with_labels else ()
    told = [shorten(printable(line), 2 * sizes.TOOLTIP) for line in told]
    return Drawing(Arrow(name, tail, head, lines, flow(parts), None, "\n".join(told)), weight(parts[0]))


def _sums(pen: Pen, wires: Sequence[Wire], point: int) -> dict[int, Any]:
    """What each operand receives along all its edges."""
    found: dict[int, Any] = {}
    for index, position in wires:
        operand, part = pen.graph.operands[index][position], pen.edges(index, position)[point].contribution
        found[operand] = part if operand not in found else _sum(found[operand], part)
    return found


def _sum(one: Any, other: Any) -> Any:
    """By element, since NumPy would warn of infinities; the shape is not needed any more."""
    if not shape_of(one):
        return one + other
    return [a + b for a, b in zip(elements(one), elements(other), strict=True)]


def _one(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else [number for part in parts for number in elements(part)]
