"""Gates and rules in LaTeX: what `describe.py` says in gradcli's own language, as mathematics.

Enters: a Graph. Leaves: LaTeX with operands by their label. Invariant: both say the same of a gate; only the writing
differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradcli.graph import notation, ops
from gradcli.graph.defined import functions_on
from gradcli.graph.describe import contribution, shown_rule
from gradcli.graph.describe import structural as structural_text
from gradcli.graph.graph import Graph
from gradcli.graph.notation import Shapes
from gradcli.numeric import latex
from gradcli.numeric.latex import Latex
from gradcli.numeric.text import Text


def structural(row: ops.Op, operands: list[Latex], settings: Mapping[str, Any], shapes: Shapes) -> Latex:
    """A structural row on operands: an index as subscript, a transpose as superscript, sums with their axes below."""
    if row.latex is not None:
        return latex.template(row.latex, row.symbol, row.precedence).fill(operands, row.variadic)
    if row.name in ("transpose", "index", "stack"):
        written = structural_text(row, [Text("") for _ in operands], settings, shapes).text
        if row.name == "index":
            return latex.indexed(operands[0], written[1:-1])
        if row.name == "transpose" and written == "'":
            return latex.transposed(operands[0])
        if row.name == "stack" and written.startswith("["):
            return latex.array(operands)
    shown = notation.arguments(row, settings, shapes)
    if row.name == "sum" and {name for name, _ in shown} <= {"axis"}:
        return latex.total(operands[0], ", ".join(value.strip("[]") for _, value in shown))
    settled = [Latex(rf"\mathrm{{{name}}}={value}" if name else value) for name, value in shown]
    return latex.call(row.called, [*operands, *settled])


LATEX = ops.on(
    latex.primitives((ops.attribute(row.name), row) for row in ops.ELEMENTWISE)
    | notation.functions(structural, latex.of)
)


def operand(graph: Graph, index: int) -> Latex:
    """How a gate is written where it is used: its name, its literal if it is a constant, or its id."""
    name = graph.name(index)
    if name is None and graph.codes[index] == ops.CONSTANT:
        return latex.number(graph.literals[index] or "")
    return latex.name(f"g{index}" if name is None else name)


def gate(graph: Graph, index: int, operands: Sequence[Latex] | None = None) -> Latex:
    """What the gate computes, of its operands by their label or of other formulas in their place."""
    if not graph.operands[index]:
        literal = graph.literals[index] or ""
        return latex.name(literal) if graph.codes[index] == ops.INPUT else latex.number(literal)
    places = graph.operands[index]
    if operands is None:
        operands = [operand(graph, one) for one in places]
    if (row := graph.rows[graph.codes[index]]).structural:
        settings, shapes = dict(graph.settings.get(index, ())), [graph.shapes.get(one, ()) for one in places]
        return structural(row, [*operands], settings, shapes)
    function = functions_on(graph.rows, LATEX)[graph.codes[index]]
    found: Latex = function(*operands)  # type: ignore[misc]
    return found


def rule(graph: Graph, index: int, position: int) -> Latex:
    """The formula on the edge from the operand at position: of the local gradient, or of the contribution."""
    row, places = graph.rows[graph.codes[index]], graph.operands[index]
    y = latex.name(graph.label(index))
    if row.structural:
        used = places[position : position + 1] if row.variadic else places
        operands = [operand(graph, one) for one in used] * (len(places) // len(used))
        return latex.of(contribution(row, LATEX, graph.layout(index).at(position), latex.name, y, operands, graph.free))
    shown = shown_rule(row, position)
    operands = [operand(graph, one) for one in ([places[position]] if row.variadic else places)]
    return latex.of(shown(LATEX, y, *operands))
