"""Gates and rules as text in gradcli's own language, operands by their label; as long as they have operands."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

from gradcli.graph import notation, ops
from gradcli.graph.graph import Graph
from gradcli.graph.notation import Shapes
from gradcli.graph.ops.layout import Layout
from gradcli.numeric import text
from gradcli.numeric.text import Text

_MATRIX = 2  # axes


def structural(row: ops.Op, operands: list[Text], settings: Mapping[str, Any], shapes: Shapes) -> Text:
    """A structural row on operands: W[0, 1:3], A', [a, b], sum(x, axis=0)."""
    turned_vector = row.name == "transpose" and shapes is not None and len(shapes[0]) < _MATRIX
    if row.written is None or turned_vector:  # x' of a vector is the vector itself, and no gate
        return _call(row, operands, settings, shapes)
    found: Text = row.written(operands, notation.complete(row, settings, shapes))
    return found


def _call(row: ops.Op, operands: list[Text], settings: Mapping[str, Any], shapes: Shapes) -> Text:
    if row.symbol is not None:
        return text.write(row.called, row.symbol, row.precedence, operands)
    if row.name in ("sum_to", "reshape") and settings.get("shape") == ():
        return text.call("sum", operands)  # the language has no [ ], and the sum is the same number
    shown = notation.arguments(row, settings, shapes)
    return text.call(row.called, [*operands, *(Text(f"{name}={value}" if name else value) for name, value in shown)])


TEXT = ops.on(
    text.primitives((ops.attribute(row.name), row.name, row.symbol, row.precedence) for row in ops.ELEMENTWISE)
    | notation.functions(structural, text.of)
    | {"defined_function": lambda row: lambda *operands: text.call(row.name, operands)}
)

_CONSTANT_RULES = {
    (row.name, position): text.of(partial).text
    for row in ops.ROWS
    for position, partial in enumerate(row.partials)
    if isinstance(partial, float)
}


def output_name(graph: Graph) -> str | None:
    """What people call the output: f, where it has no name and nothing else is called so; None where it has one."""
    defined = (row.name for row in graph.rows[len(ops.ROWS) :])
    taken = {*graph.free, *graph.inputs, *graph.assigned, *graph.stages.values(), *defined}
    return "f" if graph.name(graph.output) is None and "f" not in taken else None


def operand_text(graph: Graph, index: int) -> Text:
    """How a gate is written where it is used: its name, its literal if it is a constant, or its id."""
    name = graph.name(index)
    if name is None and graph.codes[index] == ops.CONSTANT:
        return text.number(graph.literals[index] or "")
    return Text(f"g{index}" if name is None else name)


def operation_text(graph: Graph, index: int, operands: list[Text], name: str, symbol: str | None) -> Text:
    """What a gate computes, of operands as they are written.

    Args:
        name, symbol: by which its row is written.
    """
    row = graph.rows[graph.codes[index]]
    if not row.structural:
        return text.write(name, symbol, row.precedence, operands)
    settings, places = dict(graph.settings.get(index, ())), graph.operands[index]
    constant = row.name == "stack" and all(graph.codes[place] == ops.CONSTANT for place in places)
    write = _call if constant else structural  # [1, 2] is one constant, stack(1, 2) is not
    return write(row, operands, settings, [graph.shapes.get(place, ()) for place in places])


def gate_text(graph: Graph, index: int) -> str:
    """What the gate computes: x + y, sigmoid(g5), W[0], 2.5; an input's name."""
    row = graph.rows[graph.codes[index]]
    if not graph.operands[index]:
        return graph.literals[index] or ""
    operands = [operand_text(graph, operand) for operand in graph.operands[index]]
    return operation_text(graph, index, operands, row.called, row.symbol).text


def shown_rule(row: ops.Op, position: int) -> ops.Rule:
    """The rule to show for an operand: the textbook's, else the one that computes.

    That of an elementwise row gives the local gradient, that of a structural one the contribution.
    """
    place = 0 if row.variadic else position
    computing: Sequence[ops.Rule | float | None] = (row.vjps or ()) if row.structural else row.partials
    rule = (row.rules or computing)[place]
    if rule is None:
        rule = computing[place]
    return rule if callable(rule) else lambda *_: rule


def contribution(
    row: ops.Op,
    m: Any,
    layout: Layout,
    named: Callable[[str], Any],
    y: Any,
    operands: Sequence[Any],
    taken: Container[str] = (),
) -> Any:
    """What a structural gate passes on to the operand at the layout's position, as a formula of its adjoint g.

    Args:
        m: a system of texts.
        named: a name → the text.
        y, operands: the gate and its operands; their shapes are added.
        taken: names that the adjoint cannot have.
    """
    if row.variadic:  # its rule reads no other operand
        used = [operands[layout.position]._replace(shape=layout.shapes[layout.position])]
        shaped = used * len(operands)
    else:
        used = shaped = [x._replace(shape=shape) for x, shape in zip(operands, layout.shapes, strict=True)]
    adjoint = "g"
    while adjoint in taken or adjoint in {x.text for x in (y, *used)}:
        adjoint += "_"
    rule = shown_rule(row, layout.position)
    g, y = (x._replace(shape=layout.shape) for x in (named(adjoint), y))
    return rule(m, layout, g, y, *shaped)


def rule_text(graph: Graph, index: int, position: int) -> str:
    """The formula on the edge from the operand at position: of the local gradient, e.g. 2*xpy.

    For a structural gate of the contribution, e.g. g @ B'; there g is the global gradient of the gate.
    """
    row = graph.rows[graph.codes[index]]
    if (constant := _CONSTANT_RULES.get((row.name, position))) is not None:
        return constant
    name, places = graph.name(index), graph.operands[index]
    y = Text(f"g{index}" if name is None else name)
    if row.structural:
        used = places[position : position + 1] if row.variadic else places
        operands = [operand_text(graph, place) for place in used] * (len(places) // len(used))
        layout = graph.layout(index).at(position)
        return text.of(contribution(row, TEXT, layout, Text, y, operands, graph.free)).text
    shown = shown_rule(row, position)
    if row.variadic:
        return text.of(shown(TEXT, y, operand_text(graph, places[position]))).text
    return text.of(shown(TEXT, y, *[operand_text(graph, place) for place in places])).text
