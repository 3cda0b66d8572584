"""How tokens are written in plain text, for the terminal and for Markdown.

Enters: tokens of `steps.py`. Leaves: text in gradcli's own language. Invariant: the user's text is printable; a minus
that stands behind an operator is in parentheses; a rule that is just its number is written once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from gradcli.graph import ops
from gradcli.graph.describe import TEXT, contribution, gate_text, operand_text, operation_text, rule_text
from gradcli.graph.graph import Graph
from gradcli.numeric import text
from gradcli.numeric.elements import is_array
from gradcli.numeric.text import Text
from gradcli.printable import printable
from gradcli.render.explain.flows import spreads
from gradcli.render.explain.tokens import EQUALS, WITH, Token
from gradcli.render.writing import brief, inline, summary
from gradcli.traces import Trace

_SIGNED = 7  # the precedence of a number with a minus at the beginning; elsewhere it needs parentheses
_LEAST = 5  # the precedence of a sum; comparisons and logic bind more loosely
_PRODUCT = 6  # ∂f/∂q is a fraction: (∂f/∂q)' needs its parentheses
_REPEATED = "broadcast_to("
_MOST = 12  # elements of an array that is written whole
_ALONE = re.compile(r"[\w.]+(\^[\w.]+)?|\w+\([^()]*\)")


def writer(trace: Trace, shortly: bool) -> Callable[[Any], str]:
    """How numbers are written: with all digits, or with four. Of a large array it is told what it is like."""
    write = brief if shortly else trace.system.write

    def written(x: Any) -> str:
        if not is_large(x):
            return inline(x, write)
        shape, told = gist(x, write)
        return f"({shape}: {', '.join(told)})"

    return written


def is_large(x: Any) -> bool:
    """Whether an array has too many elements for a formula."""
    return is_array(x) and x.size > _MOST


def gist(x: Any, write: Callable[[Any], str]) -> tuple[str, list[str]]:
    """The shape of a large array, and what it is like: min -1, mean 0.5, max 2, norm 3.5."""
    shape, *told = summary(x, write)
    return shape, told if len(told) == 1 else told[:-1]


def trimmed(formula: Sequence[Token], write: Callable[[Token], str]) -> list[Token]:
    """The formula without the sides that say what the side before or behind them says, such as 1 = 1.0.

    The same sides are left out whatever the format: write is that of plain text.
    """
    sides: list[tuple[Token | None, list[Token]]] = [(None, [])]
    for token in formula:
        if token in (EQUALS, WITH):
            sides.append((token, []))
        else:
            sides[-1][1].append(token)
    texts = [" ".join(map(write, side)) for _, side in sides] + [""]
    kept, said = list(sides[0][1]), texts[0]
    before: Token | None = None  # the sign of a side that was left out
    for place, (sign, side) in enumerate(sides[1:], 1):
        if texts[place] == said or same_number(texts[place], texts[place + 1]):
            before = before or sign
            continue
        kept += [before or sign or EQUALS, *side]
        before, said = None, texts[place]
    return kept


def same_number(first: str, second: str) -> bool:
    """Whether both are the same number, as 1 and 1.0."""
    try:
        return float(first) == float(second)
    except ValueError:
        return False


class Words:
    """Writes tokens.

    Attributes:
        number: writes a number or an array.
        shortly: whether with four digits.
        spread: whether what is the same for all elements is written once.
    """

    def __init__(self, trace: Trace, shortly: bool, spread: bool = False) -> None:
        self.spread = spread
        self.graph: Graph = trace.graph
        self.values, self.adjoints = trace.values, trace.adjoints
        self.number, self.shortly = writer(trace, shortly), shortly

    def write(self, token: Token) -> str:
        """The text of a token."""
        return printable(self._written(token))

    def _written(self, token: Token) -> str:
        graph, kind = self.graph, token.kind
        if kind in ("sign", "text"):
            return token.text
        if kind in ("value", "slope", "gradient"):
            number = self.number(token.number)
            return f"({number})" if token.factor and number.startswith("-") else number
        if kind == "label":
            return graph.label(token.gate)
        if kind == "gate":
            return self._side(token.gate, gate_text(graph, token.gate))
        if kind == "numbers":
            return self._numbers(token.gate)
        if kind == "total":
            return self._total(token.gate)
        if kind in ("passed", "passed numbers"):
            return self._passed(token)
        if kind == "added":
            return f"sum({' '.join(map(self._written, token.inner))}{token.text})"
        if kind == "partial":
            return f"∂{graph.label(token.gate)}/∂{graph.label(graph.operands[token.gate][token.position])}"
        rule = rule_text(graph, token.gate, token.position)
        return f"({rule})" if token.factor and not _ALONE.fullmatch(rule) else rule

    def _numbers(self, index: int) -> str:
        """What the gate computes, with numbers in place of its operands."""
        row, operands = self.graph.rows[self.graph.codes[index]], self.graph.operands[index]
        numbers = [self._operand(operand, len(operands) > 1 and i == 0) for i, operand in enumerate(operands)]
        written = operation_text(self.graph, index, numbers, row.called, row.symbol).text
        return self._side(index, written)

    def _passed(self, token: Token) -> str:
        """What a gate on whole arrays passes on; with numbers, those of large arrays by name nevertheless."""
        graph, index = self.graph, token.gate
        once = self.spread and spreads(graph, index)
        places, adjoint = graph.operands[index], Text(self._total(index), _LEAST if once else _PRODUCT)
        y, operands = operand_text(graph, index), [operand_text(graph, place) for place in places]
        if token.kind == "passed numbers":
            operands = [self._operand(place, True) for place in places]
            if not is_large(self.values[index]):
                y = self._signed(self.number(self.values[index]))
            if not is_large(self.adjoints[index]):
                adjoint = self._signed(self.number(self.adjoints[index]))
        layout, row = graph.layout(index).at(token.position), graph.rows[graph.codes[index]]
        rule = contribution(row, TEXT, layout, lambda _: adjoint, y, operands)
        written = text.of(rule).text
        if once and written.startswith(_REPEATED):
            written = written.removeprefix(_REPEATED).rpartition(", [")[0]
        return f"({written})" if token.factor and written.startswith("-") else written

    def _total(self, index: int) -> str:
        return f"∂{self.graph.label(self.graph.output)}/∂{self.graph.label(index)}"

    def _side(self, index: int, written: str) -> str:
        """A gate's text as a side of an equation: what binds as loosely as = is in parentheses."""
        return f"({written})" if self.loose(index) else written

    def loose(self, index: int) -> bool:
        """Whether the gate is a comparison, or logic."""
        row = self.graph.rows[self.graph.codes[index]]
        return row.symbol is not None and row.precedence < _LEAST

    def _operand(self, index: int, first: bool) -> Text:
        if is_large(self.values[index]):
            return operand_text(self.graph, index)
        return self._signed(self.operand(index), _SIGNED if first else 0)

    def _signed(self, number: str, precedence: int = _SIGNED) -> Text:
        return Text(number, precedence if number.startswith("-") else text.ATOM)

    def operand(self, index: int) -> str:
        """The number of an operand; a constant that is written in digits stays as it is written."""
        literal = self.graph.literals[index] or ""
        as_written = self.graph.codes[index] == ops.CONSTANT and literal[:1] in [*"-.0123456789"]
        return literal if as_written else self.number(self.values[index])
