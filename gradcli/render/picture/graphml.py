"""A graph as GraphML, for NetworkX, igraph, Gephi and their like: every gate and every edge with its numbers.

Enters: a graph and its traces. Leaves: a document of the format's version 1.0, http://graphml.graphdrawing.org. An edge
runs from the operand to the gate. Invariant: nothing is rounded or left out; time is linear in the gates.
GraphML's types are those of Java, so that what is not finite is NaN, Infinity or -Infinity; an array is JSON in an
attribute of its own, since an attribute has one type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from gradcli.graph import ops
from gradcli.graph.describe import gate_text
from gradcli.graph.graph import Graph, active_gates
from gradcli.numeric.elements import shape_of
from gradcli.printable import printable
from gradcli.render.picture import folded, sizes
from gradcli.render.picture.folding import Folded, blocks
from gradcli.render.picture.framing import caption
from gradcli.render.picture.parts import Drawn, Options, Selection
from gradcli.render.picture.selecting import select
from gradcli.render.writing import number
from gradcli.traces import Edge, Trace, rules_on

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">
"""
# Attributes and their types, in the order in which they are written.
_OF_GRAPH = {"program": "string", "output": "string"}
_OF_NODE = {
    "kind": "string", "op": "string", "name": "string", "text": "string", "start": "int", "end": "int",
    "shape": "string", "group": "string", "is_output": "boolean",
}  # fmt: skip
_OF_PASSES = {"pass": "string", "gradient_of": "string"}
_OF_FOLDED = {"gates": "int"}
_OF_EDGE = {"operand": "int", "rule": "string"}
_OF_FOLDED_EDGE = {"operands": "int"}
_POINTS = ("", "_second")  # behind the names of numbers, where there are two points

Data = list[tuple[str, Any]]


def as_graphml(graph: Graph, traces: Sequence[Trace], options: Options) -> Drawn:
    """The document."""
    # Frames and their limits are for the eye; groups are attributes here.
    selection = select(graph, options.path, options.depth, options.collapse, clusters=False)
    note = "; ".join(part for part in selection.note.split("; ") if "shown" in part)
    return Drawn("".join(_Writer(graph, traces, options).document(selection)), note)


class _Writer:
    def __init__(self, graph: Graph, traces: Sequence[Trace], options: Options) -> None:
        self.graph, self.traces, self.passes = graph, traces, options.passes
        self.groups = group_paths(graph)
        self.keys: dict[tuple[str, str], str] = {}
        self.active = active_gates(graph)
        self.gradient_of: dict[int, list[str]] = {}  # gate → those whose global gradient it is
        for index, gate in sorted(self.passes.adjoints.items()) if self.passes else ():
            self.gradient_of.setdefault(gate, []).append(f"g{index}")

    def document(self, selection: Selection) -> Iterator[str]:
        has_folds = any(isinstance(node, Folded) for node in selection.nodes)
        yield _HEAD
        yield from self._declared(has_folds)
        yield '  <graph id="program" edgedefault="directed">\n'
        yield from self._data("graph", 4, self._of_graph())
        for node in selection.nodes:
            written = self._of_folded(node) if isinstance(node, Folded) else self._of_gate(node)
            name = node.id if isinstance(node, Folded) else f"g{node}"
            yield f"    <node id={quoteattr(name)}>\n"
            yield from self._data("node", 6, written)
            yield "    </node>\n"
        yield from self._edges(selection)
        yield "  </graph>\n</graphml>\n"

    def _declared(self, has_folds: bool) -> Iterator[str]:
        """The keys: every attribute that may come, before any does."""
        arrays = bool(self.graph.shapes)
        numbers = ["value"] + ([] if self.passes else ["global_gradient"])
        kinds = {
            "graph": _OF_GRAPH | self._numbers(["value"], arrays),
            "node": _OF_NODE | (_OF_PASSES if self.passes else {}) | (_OF_FOLDED if has_folds else {})
            | self._numbers(numbers, arrays),
            "edge": _OF_EDGE | (_OF_FOLDED_EDGE if has_folds else {})
            | self._numbers([] if self.passes else ["local_gradient", "contribution"], arrays),
        }  # fmt: skip
        for kind, attributes in kinds.items():
            for name, type_ in attributes.items():
                self.keys[kind, name] = key = f"{kind}_{name}"
                default = "<default>false</default>" if type_ == "boolean" else ""
                yield f'  <key id="{key}" for="{kind}" attr.name="{name}" attr.type="{type_}">{default}</key>\n'

    def _numbers(self, names: Sequence[str], arrays: bool) -> dict[str, str]:
        found: dict[str, str] = {}
        for behind in _POINTS[: len(self.traces)]:
            for name in names:
                found[name + behind] = "double"
                if arrays:
                    found[f"{name}_array{behind}"] = "string"
        return found

    def _data(self, kind: str, indent: int, written: Data) -> Iterator[str]:
        for name, value in written:
            if value is not None:
                yield f'{" " * indent}<data key="{self.keys[kind, name]}">{value}</data>\n'

    def _of_graph(self) -> Data:
        found: Data = [("program", _lines(self.graph.source)), ("output", f"g{self.graph.output}")]
        for behind, trace in zip(_POINTS, self.traces, strict=False):
            found.append(_numbered("value", trace.value, behind))
        return found

    def _of_gate(self, index: int) -> Data:
        graph, code, shape = self.graph, self.graph.codes[index], self.graph.shapes.get(index)
        name = graph.name(index)
        found: Data = [
            ("kind", "input" if code == ops.INPUT else "constant" if code == ops.CONSTANT else "gate"),
            ("op", _text(graph.rows[code].name)),
            ("name", None if name is None else _text(name)),
            ("text", _text(gate_text(graph, index))),
            ("start", graph.starts[index]),
            ("end", graph.ends[index]),
            ("shape", None if shape is None else number_list(shape)),
            ("group", _text(self.groups[index]) if index in self.groups else None),
            ("is_output", "true" if index == graph.output else None),
        ]
        if self.passes is not None:
            found.append(("pass", "forward" if index < self.passes.forward else "backward"))
            found.append(("gradient_of", " ".join(self.gradient_of.get(index, ())) or None))
        for behind, trace in zip(_POINTS, self.traces, strict=False):
            found.append(_numbered("value", trace.values[index], behind))
            if trace.adjoints[index] is not None:
                found.append(_numbered("global_gradient", trace.adjoints[index], behind))
        return found

    def _of_folded(self, group: Folded) -> Data:
        is_output = self.graph.output in group.gates
        return [
            ("kind", "folded"),
            ("op", _text(group.operation)),
            ("name", _text(group.stage) or None),
            ("text", f"g{group.gates[0]} to g{group.gates[-1]}"),
            ("is_output", "true" if is_output else None),
            ("gates", len(group.gates)),
        ]

    def _edges(self, selection: Selection) -> Iterator[str]:
        last, traced, rule = -1, list[list[Edge]](), None
        for (tail, head), wires in folded.wiring(self.graph, selection.nodes).arrows:
            gate, position = wires[0]
            if not folded.is_plain((tail, head), wires):
                name = f"g{gate}-{position}" if len(wires) == 1 else f"{head}-{tail}"
                yield from self._edge(name, tail, head, [("operands", len(wires))])
                continue
            if gate != last:  # the edges of a gate follow each other, and are looked at once
                last, traced = gate, [list(trace.edges(gate)) for trace in self.traces]
                rule = rules_on(self.graph, gate)
            ends = [edges[position] for edges in traced]
            ruled = self.passes is None and rule is not None and self._is_active(gate, position, ends)
            text = _text((ends[0].rule or "") if ends else rule(position)) if ruled and rule else None
            written: Data = [("operand", position), ("rule", text)]
            for behind, edge in zip(_POINTS, ends, strict=False):
                if edge.local_gradient is not None:
                    written.append(_numbered("local_gradient", edge.local_gradient, behind))
                if edge.contribution is not None:
                    written.append(_numbered("contribution", edge.contribution, behind))
            yield from self._edge(f"g{gate}-{position}", tail, head, written)

    def _is_active(self, gate: int, position: int, ends: Sequence[Edge]) -> bool:
        """Whether a gradient passes: without values, whether the operand depends on an input."""
        if ends:
            return ends[0].contribution is not None
        return bool(self.active[self.graph.operands[gate][position]])

    def _edge(self, name: str, tail: str, head: str, written: Data) -> Iterator[str]:
        yield f'    <edge id="{name}" source="{tail}" target="{head}">\n'
        yield from self._data("edge", 6, written)
        yield "    </edge>\n"


def _text(text: str) -> str:
    """Text for XML: no character that it can't hold, none that hides."""
    return escape(printable(text))


def _lines(text: str) -> str:
    return "\n".join(map(_text, text.split("\n")))


def _numbered(name: str, x: Any, behind: str) -> tuple[str, str]:
    """The attribute of a number, or of an array: JSON."""
    if shape_of(x):
        return f"{name}_array{behind}", number(x)
    return name + behind, number(x).strip('"')


def number_list(shape: Sequence[int]) -> str:
    return f"[{', '.join(map(str, shape))}]"


def group_paths(graph: Graph) -> Mapping[int, str]:
    """For every gate in groups their names, the outer ones first: t = 2 / h = layer(…)."""
    found: dict[int, str] = {}
    around: list[tuple[int, str]] = []  # where a group ends, and the names of those it is in with its own
    waiting = blocks(graph)[::-1]
    for index in range(len(graph)) if waiting else ():
        while around and around[-1][0] <= index:
            around.pop()
        while waiting and waiting[-1].first == index:
            block = waiting.pop()
            path = [around[-1][1]] if around else []
            around.append((block.last, " / ".join([*path, caption(block)]) if len(around) < sizes.NESTED else path[0]))
        if around:
            found[index] = around[-1][1]
    return found
