"""Whole numbers that are known when the graph is built.

Enters: nodes in static places, and the gates that names stand for. Leaves: Python integers, and lists of them.
Invariant: what is not exactly a whole number is an error at its place; no gate is made but for what `len` measures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.graph import ops
from gradcli.graph.names import LENGTH
from gradcli.language.nodes import ARRAY, BINARY, CALL, NAME, NUMBER, UNARY
from gradcli.printable import shorten

if TYPE_CHECKING:
    from gradcli.graph.lowering.expressions import Expressions

MOST = 2**53  # whole numbers up to here are floats too
_HINT = "it is made of whole numbers, names given as whole numbers, loops' variables and len(x), by + - * /"
_OPERATORS = {ops.CODES[name]: name for name in ("add", "sub", "mul", "div", "neg")}


def read(value: Any) -> int | None:
    """The whole number that a value or a literal is, or None."""
    try:
        whole = int(value) if not isinstance(value, str) or value.isdecimal() else int(float(value))
        exact = whole == (float(value) if isinstance(value, str) else value)
    except (TypeError, ValueError, OverflowError, ArithmeticError):
        return None
    return whole if exact and abs(whole) <= MOST else None


def evaluated(lowering: Expressions, root: int, scope: dict[str, int]) -> Any:
    """What an expression in a static place is: a whole number, or a list of them."""
    nodes = lowering.program.nodes
    kinds, values = nodes.kinds, nodes.values
    if kinds[root] is NAME:
        return of_name(lowering, root, scope)
    stack: list[Any] = []
    for index in lowering.known_sequence(root):
        kind, value = kinds[index], values[index] or ""
        if kind is NUMBER:
            found: Any = read(value)
            if found is None:
                lowering.fail(f"{shorten(value)} is not a whole number", index, _HINT)
        elif kind is NAME:
            found = of_name(lowering, index, scope)
        elif kind is CALL and value == LENGTH:
            found = lowering.measured(index, scope)
        elif kind is ARRAY:
            count = len(nodes.operands(index))
            found = stack[len(stack) - count :]
            del stack[len(stack) - count :]
        elif kind in (UNARY, BINARY):
            right = stack.pop()
            found = computed(value, [right] if kind is UNARY else [stack.pop(), right])
            if found is None:
                lowering.fail(f"{lowering.text(index)} is not a whole number", index, _HINT)
        else:
            lowering.fail(f"{lowering.text(index)} has to be known when the graph is built", index, _HINT)
        stack.append(found)
    return stack[0]


def of_name(lowering: Expressions, index: int, scope: dict[str, int]) -> int:
    """What a name in a static place is."""
    name = lowering.program.nodes.values[index] or ""
    gate = scope.get(name)
    found = read(lowering.literal(index, name)) if gate is None else of_gate(lowering, gate)
    if found is None:
        known = gate is None or lowering.graph.codes[gate] == ops.CONSTANT
        what = "is not a whole number" if known else "has to be known when the graph is built"
        lowering.fail(f"{shorten(name)} {what}", index, _HINT)
    return found


def of_gate(lowering: Expressions, gate: int) -> int | None:
    """The whole number that a gate has whatever the inputs are; None if it has none."""
    known, graph = lowering.known, lowering.graph
    pending = [gate]
    while pending:
        index = pending[-1]
        operator = _OPERATORS.get(graph.codes[index])
        operands = graph.operands[index] if operator is not None and index not in graph.shapes else ()
        missing = [operand for operand in operands if operand not in known]
        if missing and index not in known:
            pending += missing
            continue
        pending.pop()
        if operands:
            known[index] = computed(operator or "", [known[operand] for operand in operands])
        else:
            known[index] = read(graph.literals[index]) if graph.codes[index] == ops.CONSTANT else None
    return known[gate]


def computed(operator: str, operands: list[Any]) -> int | None:
    """A whole number by an operator; None if it is not exact, too large, or not of whole numbers."""
    if not all(isinstance(operand, int) for operand in operands):
        return None
    left, right = operands[0], operands[-1]
    if operator == "div":
        found = left // right if right and left % right == 0 else None
    elif operator in ("add", "sub", "mul"):
        found = left + right if operator == "add" else left - right if operator == "sub" else left * right
    else:
        found = -right if operator == "neg" else None
    return found if found is not None and abs(found) <= MOST else None
