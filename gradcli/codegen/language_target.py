"""gradcli's own language as a target: both passes of a program as one program, in stages.

Enters: a Graph. Leaves: a program: its stages, then the gradient of each in reverse order, with the rule in a comment.
Invariant: it computes what the backward pass computes; every name is one that the user's program does not use.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from gradcli.codegen.backward import Backward
from gradcli.codegen.functions import Functions
from gradcli.codegen.layout import statement_lines
from gradcli.codegen.names import Names
from gradcli.codegen.staging import Statement, live
from gradcli.codegen.target import (
    AND,
    ATOM,
    CHOICE,
    COMPARISON,
    NOT,
    OR,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    ArrayWriter,
    Target,
    Text,
    Writer,
)
from gradcli.graph import describe, ops
from gradcli.graph.derive import derive
from gradcli.graph.emitting import Emitter
from gradcli.graph.graph import Graph
from gradcli.graph.ops.layout import Layout
from gradcli.graph.printing import constants_in_digits, definitions, taken_names
from gradcli.numeric import text

# How tightly the language binds → how tightly a target says so.
_LEVELS = {1: OR, 2: AND, 3: NOT, 4: COMPARISON, 5: SUM, 6: PRODUCT, 7: SIGN, 8: POWER, 9: ATOM}
_BACK = {level: own for own, level in _LEVELS.items()} | {CHOICE: 0}


def _plain(operand: Text) -> text.Text:
    return text.Text(operand.text, _BACK[operand.precedence], operand.number)


def _writer(row: ops.Op) -> Writer:
    def write(*operands: Text) -> Text:
        found = text.write(row.called, row.symbol, row.precedence, [_plain(operand) for operand in operands])
        return Text(found.text, _LEVELS[found.precedence])

    return write


def _structural(row: ops.Op) -> ArrayWriter:
    def write(operands: Sequence[Text], s: Layout) -> Text:
        found = describe.structural(row, [*map(_plain, operands)], s.settings, s.shapes)
        return Text(found.text, _LEVELS[found.precedence])

    return write


def _literal(written: str) -> Text:
    found = text.number(written)
    return Text(found.text, _LEVELS[found.precedence])


TARGET = Target(
    name="gradcli",
    writers={row.name: _writer(row) for row in ops.ELEMENTWISE},
    structural={row.name: _structural(row) for row in ops.STRUCTURAL},
    helpers={},
    reserved=frozenset(),
    identifier=lambda name: "_".join(re.findall(r"[^\[\],]+", name)),  # of an element, or in a turn of a loop
    literal=_literal,
    as_number=lambda condition: condition,
    as_condition=lambda number: number,
    layout=lambda file: "",
    squares=False,
    self_test=False,
)


def staged_program(graph: Graph, wrt: Collection[str], max_gates: int, kind: type[Emitter] = Emitter) -> str:
    """Both passes as a program, whose result is the output; every gradient is a stage to pick by --of.

    Args:
        kind: by which rules, as for `derive`.
    """
    digits = constants_in_digits(graph)
    target = TARGET._replace(literal=lambda written: _literal(digits.get(written, written)))
    functions = Functions(graph, target, "")
    own = {row.name: _writer(row) for row in graph.rows[len(ops.ROWS) :]}
    target = target._replace(writers={**target.writers, **own})
    names = Names(taken_names(graph) - {*graph.inputs, *graph.stages.values()})
    backward = Backward(graph, derive(graph, wrt, max_gates=max_gates, kind=kind), target, names, functions)
    wanted = [used for part in (backward.value, *backward.gradients.values()) for used in part.uses]
    statements = live(backward.statements, wanted)
    forward = [one for one in statements if one.name in backward.forward_names]
    after = backward.commented(statements[len(forward) :])
    stages = {name: found.text if found.uses else names.take(f"d_{name}") for name, found in backward.gradients.items()}
    after += [Statement(stages[name], found) for name, found in backward.gradients.items() if not found.uses]
    picks = ", ".join(stage if stage == f"d_{name}" else f"{stage} (by {name})" for name, stage in stages.items())
    lines = [*definitions(graph), "# forward pass", *_lines(forward), ""]
    lines += [f"# backward pass: d_… is the derivative of {backward.output} with respect to …", *_lines(after), ""]
    lines += [f"# the output; --of picks a gradient instead: {picks}", backward.value.text]
    return "\n".join(lines) + "\n"


def _lines(statements: list[Statement]) -> list[str]:
    found: list[str] = []
    for statement in statements:
        found += statement_lines(f"{statement.name} = {statement.text.text}", "#", statement.comments)
    return found
