"""What a gradient's comment says: the rule of every edge that it comes by, as the op table writes it.

Enters: a gate and the one that uses it. Leaves: text such as `∂num/∂x = 1`. Invariant: gates are called what they are
called in the generated code; those that have no name there are written out, or go by their id where that is long.
"""

from __future__ import annotations

from collections.abc import Mapping

from gradcli.graph import ops
from gradcli.graph.describe import TEXT, contribution, operation_text
from gradcli.graph.graph import Graph
from gradcli.numeric import text
from gradcli.numeric.text import Text

LONGEST = 24  # characters of a gate that is written out


class Rules:
    """Writes the rules of a graph's edges.

    Args:
        graph: of the program.
        names: gate → its name in the code.
    """

    def __init__(self, graph: Graph, names: Mapping[int, str]) -> None:
        self.graph, self.names = graph, names
        self._texts: dict[int, Text] = {}

    def rule(self, index: int, position: int, ones: bool = True) -> str | None:
        """The local gradient on an edge, with what it is the derivative of; None if it is 1 and ones are unwanted."""
        if self.graph.rows[self.graph.codes[index]].structural:
            return self._contribution(index, position)
        formula = self._formula(index, position)
        if formula == "1" and not ones:
            return None
        operand = self.graph.operands[index][position]
        by = text.parenthesised(self._text(operand), text.ATOM)
        of = text.parenthesised(self._text(index), text.ATOM)
        return f"∂{of}/∂{by} = {formula}"

    def _contribution(self, index: int, position: int) -> str:
        """What a gate that works on whole arrays hands on: A @ B → A: g @ B', where g is its own gradient."""
        graph = self.graph
        operands = [self._text(operand) for operand in graph.operands[index]]
        row, layout, y = graph.rows[graph.codes[index]], graph.layout(index).at(position), self._text(index)
        found = contribution(row, TEXT, layout, Text, y, operands, {*self.names.values()})
        formula = text.of(found).text.replace("''", "")  # transposed twice
        return f"{y.text} → {operands[position].text}: {formula}"

    def _formula(self, index: int, position: int) -> str:
        row = self.graph.rows[self.graph.codes[index]]
        operands = self.graph.operands[index]
        place = 0 if row.variadic else position
        rule = (row.rules or row.partials)[place]
        if rule is None:
            rule = row.partials[place]
        if isinstance(rule, float):
            return text.of(rule).text
        if row.variadic:
            return text.of(rule(TEXT, self._text(index), self._text(operands[position]))).text
        return text.of(rule(TEXT, self._text(index), *map(self._text, operands))).text

    def _text(self, index: int) -> Text:
        """A gate by its name, or written out, or by its id. Operands are written before; so this never goes deep."""
        waiting = [index]
        while waiting:
            gate = waiting[-1]
            known = gate in self._texts or gate in self.names
            missing = (
                [] if known else [o for o in self.graph.operands[gate] if o not in self._texts and o not in self.names]
            )
            if missing:
                waiting += missing
                continue
            waiting.pop()
            if gate not in self._texts:
                self._texts[gate] = self._written(gate)
        return self._texts[index]

    def _written(self, index: int) -> Text:
        graph = self.graph
        if (name := self.names.get(index)) is not None:
            return Text(name)
        if graph.codes[index] == ops.CONSTANT:
            found = text.number(graph.literals[index] or "")
            return found if len(found.text) <= LONGEST else Text(f"g{index}")
        row = graph.rows[graph.codes[index]]
        operands = [self._texts.get(o) or Text(self.names[o]) for o in graph.operands[index]]
        found = operation_text(graph, index, operands, row.called, row.symbol)
        return found if len(found.text) <= LONGEST else Text(f"g{index}")
