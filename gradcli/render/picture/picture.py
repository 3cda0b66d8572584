"""What a picture of a graph says: every node and edge with its lines of text, before any drawing.

Enters: a Trace, or two at different points, or a Graph alone. Leaves: `Picture`, which the drawing formats share: DOT,
SVG and Mermaid say the same. Invariant: one node per gate shown and one edge per operand; short numbers in lines, full
ones in tooltips.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any, NamedTuple

from gradcli.diagnose import NOT_FINITE, Warned, warnings
from gradcli.graph import ops
from gradcli.graph.describe import rule_text
from gradcli.graph.graph import Graph, active_gates
from gradcli.printable import printable, shorten
from gradcli.render.picture import sizes, words
from gradcli.render.picture.short import short
from gradcli.traces import Edge, Trace

_BETWEEN = " | "  # the numbers of two points
_SIGNS = str.maketrans({"*": "·", "-": "−"})


class Line(NamedTuple):
    """One line of text; `kind` decides its colour."""

    kind: str
    text: str


class Node(NamedTuple):
    """A gate. `operation` and `stage` are its heading; `lines` stand under it."""

    id: str
    kind: str  # input, constant, gate
    operation: str
    stage: str
    lines: tuple[Line, ...]
    mark: str  # "", warn, bad
    is_output: bool
    tooltip: str


class Arrow(NamedTuple):
    """An operand. Its id is that of the gate and the operand's position: g4-0."""

    id: str
    tail: str
    head: str
    lines: tuple[Line, ...]
    kind: str  # "", inactive, zero, nan
    heat: int | None  # |contribution| against the largest one, from 0 to HEAT_LEVELS
    tooltip: str


class Picture(NamedTuple):
    title: str
    description: str
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    legend: tuple[Line, ...]
    note: str  # what is not shown, or ""
    inputs: tuple[str, ...]  # ids


class Selection(NamedTuple):
    """The gates to show, and what to say of the others."""

    gates: Sequence[int]
    note: str


def draw(
    graph: Graph, traces: Sequence[Trace], selection: Selection, upward: bool = False, heat: bool = False
) -> Picture:
    """Say what the picture shows.

    Args:
        graph: the gates.
        traces: none for the structure with symbolic local gradients, one, or two points to compare.
        selection: from `select`.
        upward: whether the output stands below, so that gradients flow up.
        heat: whether edges are weighted by |contribution|.
    """
    pen = _Pen(graph, traces, "↑" if upward else "←", selection.gates, heat)
    nodes = tuple(pen.node(index) for index in selection.gates)
    arrows = tuple(arrow for index in selection.gates for arrow in pen.arrows(index))
    inputs = tuple(f"g{index}" for index in selection.gates if graph.codes[index] == ops.INPUT)
    title, description = words.title(graph, traces), words.description(graph, traces)
    return Picture(title, description, nodes, arrows, pen.legend(), selection.note, inputs)


def _class(warned: Warned) -> str:
    """The colours of a warning."""
    return "bad" if warned.kind in NOT_FINITE else "warn"


class _Pen:
    def __init__(self, graph: Graph, traces: Sequence[Trace], glyph: str, shown: Sequence[int], heat: bool) -> None:
        self.graph, self.traces, self.glyph, self.shown = graph, traces, glyph, set(shown)
        self.with_numbers = bool(traces) and len(shown) <= sizes.NUMBERED
        self.with_labels = len(shown) <= sizes.LABELLED
        self.active = active_gates(graph)
        self.warned: dict[int, list[tuple[Trace, Warned]]] = {}
        for trace in traces:
            for warned in warnings(trace):
                self.warned.setdefault(int(warned.gate[1:]), []).append((trace, warned))
        self.edges = [{index: list(trace.edges(index)) for index in shown} for trace in traces]
        self.hottest = self._hottest() if heat and traces else None

    def _hottest(self) -> float:
        parts = (edge.contribution for gate in self.edges[0].values() for edge in gate)
        return max((abs(part) for part in parts if part is not None and isfinite(part)), default=0.0)

    def node(self, index: int) -> Node:
        graph, code = self.graph, self.graph.codes[index]
        kind = "input" if code == ops.INPUT else "constant" if code == ops.CONSTANT else "gate"
        operation = words.operation(graph, index)
        heading = words.GLYPHS.get(operation, operation)
        if kind != "gate":
            heading = words.name_of(graph.literals[index] or "")
            heading = heading.replace("-", "−") if kind == "constant" else heading
        warned = self.warned.get(index, [])
        mark = "" if not warned else max((_class(found) for _, found in warned), key=("warn", "bad").index)
        name = graph.name(index)
        if name is None and not self.traces and kind == "gate":
            name = f"g{index}"  # the rules on the edges of a structure call it so
        stage = "" if name is None or kind == "input" else words.name_of(name)
        messages = list(dict.fromkeys(found.message for _, found in warned))
        tooltip = words.node_tooltip(graph, self.traces, index, messages)
        lines = self._node_lines(index, kind, warned)
        return Node(f"g{index}", kind, heading, stage, lines, mark, index == graph.output, tooltip)

    def _node_lines(self, index: int, kind: str, warned: list[tuple[Trace, Warned]]) -> tuple[Line, ...]:
        if not self.with_numbers or kind == "constant":
            return ()
        lines = [self._line("value", "", [trace.values[index] for trace in self.traces])]
        adjoints = [trace.adjoints[index] for trace in self.traces]
        if None not in adjoints:
            lines.append(self._line("gradient", f"{self.glyph} ", adjoints))
        told = [Line(_class(found), words.warning_line(trace, found)) for trace, found in warned]
        return (*lines, *dict.fromkeys(told))

    def _line(self, kind: str, glyph: str, numbers: list[Any]) -> Line:
        return Line(kind if all(map(isfinite, numbers)) else "bad", glyph + _BETWEEN.join(map(short, numbers)))

    def arrows(self, index: int) -> list[Arrow]:
        """The edges from a gate's operands, as far as these are shown."""
        operands = enumerate(self.graph.operands[index])
        return [self._arrow(index, position, operand) for position, operand in operands if operand in self.shown]

    def _arrow(self, index: int, position: int, operand: int) -> Arrow:
        ends = f"g{index}-{position}", f"g{operand}", f"g{index}"
        edges = [gates[index][position] for gates in self.edges]
        if not self.active[operand] or any(edge.local_gradient is None for edge in edges):
            return Arrow(*ends, (), "inactive", None, words.place(self.graph, index, position))
        if not self.traces:
            return self._symbolic(index, position, ends)
        locals_, parts = [edge.local_gradient for edge in edges], [edge.contribution for edge in edges]
        kind = "nan" if any(part != part for part in parts) else "zero" if not any(parts) else ""
        lines = (self._line("local", "∂ ", locals_), self._line("contribution", f"{self.glyph} ", parts))
        tooltip = words.edge_tooltip(self.graph, self.traces, edges, index, position)
        return Arrow(*ends, lines if self.with_labels else (), kind, self._heat(edges[0]), tooltip)

    def _heat(self, edge: Edge) -> int | None:
        """The root keeps small contributions apart from none."""
        if self.hottest is None or not isfinite(edge.contribution):
            return None
        return round(sizes.HEAT_LEVELS * (abs(edge.contribution) / self.hottest) ** 0.5) if self.hottest else 0

    def _symbolic(self, index: int, position: int, ends: tuple[str, str, str]) -> Arrow:
        rule = printable(rule_text(self.graph, index, position))
        shown = shorten(rule.translate(_SIGNS), sizes.RULE)
        lines = (Line("local", f"∂ {shown}"),) if self.with_labels else ()
        slope = f"local gradient {words.slope(self.graph, index, position)} = {shorten(rule, sizes.TOOLTIP)}"
        return Arrow(*ends, lines, "", None, f"{words.place(self.graph, index, position)}\n{slope}")

    def legend(self) -> tuple[Line, ...]:
        if not self.traces:
            return (Line("local", "∂ local gradient"),) if self.with_labels else ()
        lines = []
        if len(self.traces) > 1:
            lines.append(Line("legend", f"first point{_BETWEEN}second point:"))
        if self.with_numbers:
            lines += [Line("value", "value"), Line("gradient", f"{self.glyph} gradient")]
        if self.with_labels:
            lines += [Line("legend", "on edges:"), Line("local", "∂ local gradient")]
            lines += [Line("contribution", f"{self.glyph} contribution"), Line("legend", "= local × gradient")]
        if self.hottest is not None:
            lines.append(Line("legend", "line width: |contribution|"))
        return tuple(lines)
