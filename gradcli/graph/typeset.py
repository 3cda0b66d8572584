"""Gates and rules in LaTeX: what `describe.py` says in gradcli's own language, as mathematics.

Enters: a Graph. Leaves: LaTeX with operands by their label. Invariant: both say the same of a gate; only the writing
differs.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradcli.graph import ops
from gradcli.graph.defined import functions_on
from gradcli.graph.describe import shown_rule
from gradcli.graph.graph import Graph
from gradcli.numeric import latex
from gradcli.numeric.latex import Latex

LATEX = ops.on(latex.primitives((ops.attribute(row.name), row) for row in ops.ROWS[2:]))


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
    if operands is None:
        operands = [operand(graph, one) for one in graph.operands[index]]
    function = functions_on(graph.rows, LATEX)[graph.codes[index]]
    found: Latex = function(*operands)  # type: ignore[misc]
    return found


def rule(graph: Graph, index: int, position: int) -> Latex:
    """The formula of the local gradient on the edge from the operand at position."""
    row = graph.rows[graph.codes[index]]
    shown, places = shown_rule(row, 0 if row.variadic else position), graph.operands[index]
    operands = [operand(graph, one) for one in ([places[position]] if row.variadic else places)]
    return latex.of(shown(LATEX, latex.name(graph.label(index)), *operands))
