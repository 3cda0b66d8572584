"""Gates and their edges as nodes and arrows.

Enters: a graph and its traces. Leaves: `Node`s and `Arrow`s. Invariant: nothing here knows how a picture is drawn, and
the edges of a gate are looked at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gradcli.diagnose import NOT_FINITE, Warned, warnings
from gradcli.graph import ops
from gradcli.graph.describe import rule_text
from gradcli.graph.graph import Graph, active_gates
from gradcli.graph.ops.layout import shown as shown_shape
from gradcli.numeric.elements import elements, norm, shape_of
from gradcli.printable import printable, shorten
from gradcli.render.picture import room, short, sizes, words
from gradcli.render.picture.parts import Arrow, Line, Node
from gradcli.render.picture.short import brief, finite, size, slope
from gradcli.traces import Edge, Trace

BETWEEN = " | "  # the numbers of two points
_SIGNS = str.maketrans({"*": "·", "-": "−"})


class Drawing(NamedTuple):
    """An arrow, and how large its contribution is; None if it has none that is finite."""

    arrow: Arrow
    weight: float | None


def warned_class(warned: Warned) -> str:
    """The colours of a warning."""
    return "bad" if warned.kind in NOT_FINITE else "warn"


def weight(contribution: Any) -> float | None:
    return norm(contribution) if finite(contribution) else None


def flow(contributions: Sequence[Any]) -> str:
    """The kind of an arrow by what flows back along it."""
    numbers = [number for part in contributions for number in elements(part)]
    return "nan" if any(number != number for number in numbers) else "" if any(numbers) else "zero"


class Pen:
    """What all nodes and arrows of a picture share.

    Args:
        count: how many nodes there are; of many, less is said.
        page: whether the numbers will change: lines say how wide they may become, and nothing is warned of.
    """

    def __init__(self, graph: Graph, traces: Sequence[Trace], glyph: str, count: int, page: bool = False) -> None:
        self.graph, self.traces, self.glyph, self.page = graph, traces, glyph, page
        self.with_lines = count <= sizes.NUMBERED
        self.with_numbers = bool(traces) and self.with_lines
        self.with_labels = count <= sizes.LABELLED
        self.active = active_gates(graph)
        self.warned: dict[int, list[tuple[Trace, Warned]]] = {}
        for trace in () if page else traces:
            for warned in warnings(trace):
                self.warned.setdefault(int(warned.gate[1:]), []).append((trace, warned))
        self._edges: dict[int, list[list[Edge]]] = {}

    def edges(self, index: int, position: int) -> list[Edge]:
        """The edge from an operand, in every trace."""
        if index not in self._edges:
            self._edges[index] = [list(trace.edges(index)) for trace in self.traces]
        return [edges[position] for edges in self._edges[index]]

    def is_active(self, index: int, position: int) -> bool:
        operand = self.graph.operands[index][position]
        return bool(self.active[operand]) and all(e.contribution is not None for e in self.edges(index, position))

    def node(self, index: int) -> Node:
        graph, code = self.graph, self.graph.codes[index]
        kind = "input" if code == ops.INPUT else "constant" if code == ops.CONSTANT else "gate"
        if kind == "gate":
            heading = words.heading(graph, index)
        else:
            literal = graph.literals[index] or ""
            heading = words.name_of(literal) if kind == "input" else words.constant(literal, graph.shapes.get(index))
        name = graph.name(index)
        if name is None and kind == "gate" and (self.page or not self.traces):
            name = f"g{index}"  # rules on the edges of a structure, and the sentences of a page, call it so
        stage = "" if name is None or kind == "input" else words.name_of(name)
        warned = self.warned.get(index, [])
        messages = list(dict.fromkeys(found.message for _, found in warned))
        tooltip = "" if self.page else words.node_tooltip(graph, self.traces, index, messages)
        lines = () if kind == "constant" else (*self.numbers([index]), *self._told(warned))
        return Node(f"g{index}", kind, heading, stage, lines, self.mark([index]), index == graph.output, tooltip)

    def mark(self, gates: Sequence[int]) -> str:
        """The colours of the worst warning of some gates."""
        found = (warned_class(warned) for index in gates for _, warned in self.warned.get(index, ()))
        return max(found, key=("warn", "bad").index, default="")

    def _told(self, warned: Sequence[tuple[Trace, Warned]]) -> list[Line]:
        if not self.with_numbers:
            return []
        return list(dict.fromkeys(Line(warned_class(w), words.warning_line(trace, w)) for trace, w in warned))

    def numbers(self, gates: Sequence[int]) -> list[Line]:
        """Shape, value and gradient of a gate; of several as if they were an array."""
        if not self.with_lines or not gates:
            return []
        index, lines = gates[0], []
        shape = self.graph.shapes.get(index, ()) if len(gates) == 1 else ()
        if shape:
            lines.append(Line("small", shown_shape(shape) if len(shape) > 1 else f"{shape[0]:,} elements"))
        if not self.traces:
            return lines
        lines.append(self._line("value", "", [_together(trace.values, gates) for trace in self.traces], brief))
        adjoints = [_together(trace.adjoints, gates) for trace in self.traces]
        if not any(adjoint is None for adjoint in adjoints):
            lines.append(self._line("gradient", f"{self.glyph} ", adjoints, size))
        return [*lines, *[Line("map", "\u00a0")] * sizes.MAP_LINES] if self.page and shape else lines

    def _line(self, kind: str, before: str, numbers: list[Any], shown: Any) -> Line:
        if self.page:
            text = short.fitted(numbers[0]) if not shape_of(numbers[0]) else shown(numbers[0])
            return Line(kind, before + text, before + room.widest(shown, shape_of(numbers[0])))
        return Line(kind if all(map(finite, numbers)) else "bad", before + BETWEEN.join(map(shown, numbers)))

    def contribution(self, before: str, parts: list[Any]) -> Line:
        return self._line("contribution", f"{self.glyph} {before}", parts, short.flow)

    def arrow(self, index: int, position: int, tail: str, head: str) -> Drawing:
        """The edge from one operand, with all its facts."""
        ends = f"g{index}-{position}", tail, head
        if not self.is_active(index, position):
            return Drawing(Arrow(*ends, (), "inactive", None, words.place(self.graph, index, position)), None)
        if not self.traces:
            return Drawing(self._symbolic(index, position, ends), None)
        edges = self.edges(index, position)
        parts = [edge.contribution for edge in edges]
        if edges[0].local_gradient is None:  # of a structural gate: a rule gives the contribution itself
            first = Line("rule" if self.page else "local", _rule(edges[0].rule or ""))
        else:
            first = self._line("local", "∂ ", [edge.local_gradient for edge in edges], slope)
        lines = (first, self.contribution("", parts)) if self.with_labels else ()
        tooltip = "" if self.page else words.edge_tooltip(self.graph, self.traces, edges, index, position)
        return Drawing(Arrow(*ends, lines, flow(parts), None, tooltip), weight(parts[0]))

    def _symbolic(self, index: int, position: int, ends: tuple[str, str, str]) -> Arrow:
        graph = self.graph
        rule, is_local = printable(rule_text(graph, index, position)), not graph.rows[graph.codes[index]].structural
        lines = (Line("local", ("∂ " if is_local else "") + _rule(rule)),) if self.with_labels else ()
        slope = f"local gradient {words.slope(graph, index, position)}" if is_local else "contribution"
        told = f"{slope} = {shorten(rule, sizes.TOOLTIP)}"
        return Arrow(*ends, lines, "", None, f"{words.place(graph, index, position)}\n{told}")


def _rule(text: str) -> str:
    return shorten(printable(text).translate(_SIGNS), sizes.RULE)


def _together(column: Sequence[Any], gates: Sequence[int]) -> Any:
    """The number or array of a gate; those of several in one list; None where none has any."""
    if len(gates) == 1:
        return column[gates[0]]
    found = [column[index] for index in gates if column[index] is not None]
    return [number for part in found for number in elements(part)] if found else None
