"""Gates and rules as text in gradcli's own language, operands by their label; as long as they have operands."""

from __future__ import annotations

from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.numeric import text
from gradcli.numeric.text import Text

TEXT = ops.on(
    text.primitives((ops.attribute(row.name), row.name, row.symbol, row.precedence) for row in ops.ROWS[2:])
    | {"defined_function": lambda row: lambda *operands: text.call(row.name, operands)}
)

_CONSTANT_RULES = {
    (row.name, position): text.of(partial).text
    for row in ops.ROWS
    for position, partial in enumerate(row.partials)
    if isinstance(partial, float)
}


def operand_text(graph: Graph, index: int) -> Text:
    """How a gate is written where it is used: its name, its literal if it is a constant, or its id."""
    name = graph.name(index)
    if name is None and graph.codes[index] == ops.CONSTANT:
        return text.number(graph.literals[index] or "")
    return Text(f"g{index}" if name is None else name)


def gate_text(graph: Graph, index: int) -> str:
    """What the gate computes: x + y, sigmoid(g5), 2.5; an input's name."""
    row = graph.rows[graph.codes[index]]
    if not graph.operands[index]:
        return graph.literals[index] or ""
    operands = [operand_text(graph, operand) for operand in graph.operands[index]]
    return text.write(row.called, row.symbol, row.precedence, operands).text


def shown_rule(row: ops.Op, position: int) -> ops.Rule:
    """The rule to show for an operand: the textbook's, else the one that computes."""
    rule = (row.rules or row.partials)[position]
    if rule is None:
        rule = row.partials[position]
    return (lambda *_: rule) if isinstance(rule, float) else rule


def rule_text(graph: Graph, index: int, position: int) -> str:
    """The formula of the local gradient on the edge from the operand at position, e.g. 2*xpy."""
    row = graph.rows[graph.codes[index]]
    if (constant := _CONSTANT_RULES.get((row.name, position))) is not None:
        return constant
    shown = shown_rule(row, 0 if row.variadic else position)
    name = graph.name(index)
    y = Text(f"g{index}" if name is None else name)
    if row.variadic:
        return text.of(shown(TEXT, y, operand_text(graph, graph.operands[index][position]))).text
    return text.of(shown(TEXT, y, *[operand_text(graph, operand) for operand in graph.operands[index]])).text
