"""What would be written instead of a form that loses digits or overflows.

Enters: a graph and a gate of it. Leaves: suggestions, each with its text and its graph. Invariant: the text is in the
user's words: operands as the program writes them, else by their label; it means the same as the graph.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple

from gradcli.graph import ops
from gradcli.graph.describe import gate_text, operand_text
from gradcli.graph.graph import Graph
from gradcli.graph.rewriting.matching import Match, Values, negated
from gradcli.graph.rewriting.stable import fusing, stable
from gradcli.graph.rewriting.template import copied, rebuilt
from gradcli.numeric import text
from gradcli.numeric.text import ATOM, Text

_NEGATION, _DIFFERENCE = ops.CODES["neg"], ops.CODES["sub"]
_REACH = 8  # how many gates the result of a form may be away from its first gate
_LONGEST = 60  # characters of an operand's source that are repeated
_ROOT_SIGN = 7  # how tightly √x binds: √x^2 is not in the language
_DEEPEST = 3  # gates inside one another that are written out where there is no source


class Suggestion(NamedTuple):
    """One form of the table of stable rewrites, found in a graph.

    Attributes:
        gate: whose result the form is.
        written: the form as it stands in the program.
        replacement: what would be written instead.
        graph: with this one rewriting done.
    """

    gate: int
    written: str
    replacement: str
    graph: Graph


def suggestions(graph: Graph, index: int) -> Iterator[Suggestion]:
    """The forms of the table that gate index is part of, smallest first."""
    if not graph.operands[index]:
        return
    values = Values(graph, fusing())
    roots = _users(graph, index)
    for near in _below(graph, roots):
        values.visit(near)
    found: dict[tuple[int, str], tuple[int, Match]] = {}
    for root in roots:
        for form in (values.written(root), *values.forms.get(root, ())):
            for match in values.matches(form, stable()):
                if index not in match.cover or _negates_twice(values, match):
                    continue
                replacement = _replacement(values, root, match).text
                best = found.get((root, replacement))
                if best is None or len(match.cover) < best[0]:
                    found[root, replacement] = len(match.cover), match
    for (root, replacement), (_, match) in sorted(found.items(), key=lambda item: (item[1][0], item[0])):
        yield Suggestion(root, _written(graph, root), replacement, _replaced(values, root, match))


def _negates_twice(values: Values, match: Match) -> bool:
    """Whether a replacement takes the negative of a negative or a difference, for which another rule fits better."""
    for code, own, *_ in match.rule.replacement.gates:
        if code == _NEGATION and own[0] < 0:
            operand = match.operands[~own[0]]
            if values.gate(operand)[0] == _DIFFERENCE or negated(values, operand) is not None:
                return True
    return False


def _users(graph: Graph, index: int) -> list[int]:
    """The gate, and those that use it directly or over a few others."""
    steps = {index: 0}
    for user in range(index + 1, len(graph)):
        near = [steps[operand] for operand in graph.operands[user] if operand in steps]
        if near and min(near) < _REACH:
            steps[user] = min(near) + 1
    return list(steps)


def _below(graph: Graph, roots: list[int]) -> list[int]:
    """The roots, and what they use directly or over a few others, operands first."""
    steps = dict.fromkeys(roots, 0)
    for user in range(max(roots), -1, -1):
        if steps.get(user, _REACH) < _REACH:
            for operand in graph.operands[user]:
                steps[operand] = min(steps.get(operand, _REACH), steps[user] + 1)
    return sorted(steps)


def _replaced(values: Values, root: int, match: Match) -> Graph:
    graph = values.graph

    def put(found: Graph, index: int, moved: array[int]) -> int:
        return values.put(match, found, index, moved, {}) if index == root else copied(graph, found, index, moved)

    return rebuilt(graph, put)


def _written(graph: Graph, index: int) -> str:
    """A gate's source, else its text."""
    start, end = graph.span(index)
    return graph.source[start:end] if 0 <= start < end else gate_text(graph, index)


def _replacement(values: Values, root: int, match: Match) -> Text:
    """The replacement with its operands written out."""
    operands = [_operand(values, root, operand, 0) for operand in match.operands]
    put = match.rule.replacement
    parts: list[Text] = []
    for code, own, literal, _ in put.gates:
        given = [parts[k] if k >= 0 else operands[~k] for k in own]
        parts.append(_text(values.graph, code, given, literal))
    return parts[put.output] if put.output >= 0 else operands[~put.output]


def _text(graph: Graph, code: int, operands: list[Text], literal: str | None) -> Text:
    """One gate: sums with spaces, products without."""
    if code == ops.CONSTANT:
        return text.number(literal or "")
    row = graph.rows[code]
    if row.symbol in ("*", "/"):
        return text.infix(row.symbol, row.precedence, operands[0], operands[1], "")
    return text.write(row.called, row.symbol, row.precedence, operands)


def _operand(values: Values, root: int, index: int, depth: int) -> Text:
    """An operand as the user would write it."""
    graph = values.graph
    code, operands, literal = values.gate(index)
    if index < len(graph):
        if not operands or graph.name(index) is not None:
            return operand_text(graph, index)
        if (source := _source(graph, root, index)) is not None:
            return source
        if depth == _DEEPEST:
            return Text(graph.label(index))
    return _text(graph, code, [_operand(values, root, operand, depth + 1) for operand in operands], literal)


def _source(graph: Graph, root: int, index: int) -> Text | None:
    """The source of an operand, if it is its own: gates of an expanded definition all stand where the call does."""
    span = graph.span(index)
    if not 0 <= span.start < span.end or span == graph.span(root):
        return None
    if any(graph.span(operand) == span for operand in graph.operands[index]):
        return None
    written = graph.source[span.start : span.end]
    if len(written) > _LONGEST or not written.isprintable() or "#" in written:
        return None
    row = graph.rows[graph.codes[index]]
    if row.symbol is not None:
        return Text(written, row.precedence)
    return Text(written, _ROOT_SIGN if written.startswith("√") else ATOM)
