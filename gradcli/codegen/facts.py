"""What is known of gates before anything is computed: which are equal, and which signs their numbers have.

Enters: a Graph. Leaves: columns, one entry per gate. Invariant: a fact holds for every input, or the number is nan.
"""

from __future__ import annotations

import math

from gradcli.graph import ops
from gradcli.graph.graph import Graph

_NAMED = {"pi": math.pi, "e": math.e, "tau": math.tau}


def number(literal: str) -> float:
    """The double that a constant stands for."""
    found = _NAMED.get(literal)
    return float(literal) if found is None else found


def representatives(graph: Graph) -> tuple[list[int], dict[int, int]]:
    """Gates that are the same operation on the same operands.

    Returns:
        for each gate the first that is equal to it; and, for stages that are equal to an earlier gate, which that is.
        A stage stands for itself, so that its name stays.
    """
    known: dict[object, int] = {}
    found: list[int] = []
    copies: dict[int, int] = {}
    for index, (code, operands) in enumerate(zip(graph.codes, graph.operands, strict=True)):
        if code == ops.INPUT:
            key: object = index
        elif code == ops.CONSTANT:
            literal = graph.literals[index] or ""
            key = "constant", literal if index in graph.shapes else repr(number(literal))
        else:
            key = code, tuple(found[operand] for operand in operands), graph.settings.get(index)
        first = known.setdefault(key, index)
        if first != index and index in graph.stages:
            copies[index] = first
            first = index
        found.append(first)
    return found, copies


def signs(graph: Graph, same: list[int]) -> list[int]:
    """Per gate: 2 more than 0, 1 not less than 0, -1 not more than 0, -2 less than 0, or nan; 0 if nothing is known."""
    found: list[int] = []
    for index, (code, operands) in enumerate(zip(graph.codes, graph.operands, strict=True)):
        if code == ops.CONSTANT:
            value = math.nan if index in graph.shapes else number(graph.literals[index] or "")
            found.append(2 if value > 0.0 else -2 if value < 0.0 else 1 if value == 0.0 else 0)
            continue
        name = graph.rows[code].name
        known = [found[operand] for operand in operands]
        found.append(_sign(name, known, [same[operand] for operand in operands], graph))
    return found


_NOT_NEGATIVE = frozenset(
    {"exp", "abs", "sqrt", "hypot", "sigmoid", "softplus", "relu", "erfc", "less", "less_equal", "greater",
     "greater_equal", "equal", "not_equal", "and", "or", "not"}
)  # fmt: skip


def _sign(name: str, known: list[int], operands: list[int], graph: Graph) -> int:
    if name == "cosh" or (name in ("sqrt", "hypot") and any(abs(sign) == 2 for sign in known)):
        return 2
    if name in _NOT_NEGATIVE:
        return 1
    if name == "neg":
        return -known[0]
    if name == "add":
        return _of_sum(*known)
    if name == "sub":
        return _of_sum(known[0], -known[1])
    if name in ("mul", "div", "chain"):
        if name == "mul" and operands[0] == operands[1]:
            return 1
        product = known[0] * known[1]
        return (product > 0) - (product < 0)
    if name == "pow":
        return 1 if known[0] >= 1 or _is_even(graph, operands[1]) else 0
    if name == "where":
        return _of_both(*known[1:])
    if name == "max" and max(known) > 0:
        return max(known)
    if name == "min" and min(known) < 0:
        return min(known)
    return 0


def _of_sum(a: int, b: int) -> int:
    """Of two terms: a sum of numbers of one sign has it, and is not 0 if one of them is not."""
    if a >= 1 and b >= 1:
        return max(a, b)
    return min(a, b) if a <= -1 and b <= -1 else 0


def _of_both(a: int, b: int) -> int:
    """Of one or the other."""
    if a >= 1 and b >= 1:
        return min(a, b)
    return max(a, b) if a <= -1 and b <= -1 else 0


def _is_even(graph: Graph, exponent: int) -> bool:
    if graph.codes[exponent] != ops.CONSTANT or exponent in graph.shapes:
        return False
    value = number(graph.literals[exponent] or "")
    return math.isfinite(value) and value % 2.0 == 0.0


def inside_domains(graph: Graph, known: list[int]) -> dict[int, int]:
    """Gates where(0 <= x, 1/x, nan) whose x is never negative, and what they always are: 1/x is nan where x is."""
    found: dict[int, int] = {}
    for index, code in enumerate(graph.codes):
        if code != _WHERE:
            continue
        condition, inside, outside = graph.operands[index]
        if graph.codes[condition] != _LESS_EQUAL or graph.literals[outside] != "nan" or graph.codes[inside] != _DIV:
            continue
        low, x = graph.operands[condition]
        is_inside = graph.codes[low] == ops.CONSTANT and known[low] in (1, -1, -2) and known[x] >= 1
        if is_inside and x in graph.operands[inside]:
            found[index] = inside
    return found


_WHERE, _LESS_EQUAL, _DIV = (ops.CODES[name] for name in ("where", "less_equal", "div"))
