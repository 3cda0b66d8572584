"""A graph as statements: gates that are used once are written where they are used, all others get a name.

Enters: a Graph and what is known of it. Leaves: statements, in an order in which they can run. Invariant: every gate is
computed once, operations group as in the graph, and an expression is at most some 80 characters long: beyond that, its
longest part becomes a statement of its own. Nothing recurses over depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from gradcli.codegen import facts
from gradcli.codegen.names import Names
from gradcli.codegen.target import ATOM, Target, Text
from gradcli.errors import UsageError
from gradcli.graph import ops
from gradcli.graph.graph import Graph

UNROLL = "--unroll makes every element a gate of its own"


class Statement(NamedTuple):
    """`name = text`, and what it means.

    Attributes:
        name: a local name.
        text: its expression.
        comments: the rules that it follows, if it is a gradient; or those of the one that it is a part of.
        above: whether the comments do not fit behind it.
    """

    name: str
    text: Text
    comments: tuple[str, ...] = ()
    above: bool = False


class Stager:
    """Writes gates of one graph as statements of one function.

    Args:
        graph: any.
        target: the language.
        names: gives out the local names.
        functions: how gates are written whose row the target does not write itself: code → the name of a function.
        outputs: the gates that are wanted, each as often as it is.

    Attributes:
        same: for each gate the first that is equal to it; only these are written.
        copies: gates that are written as the name of another one.
        named: gate → the name that it has, or will have when it is written.
        statements: so far.
        numbers: names that must be numbers; others may be conditions.
    """

    def __init__(
        self, graph: Graph, target: Target, names: Names, functions: Mapping[int, str], outputs: Iterable[int]
    ) -> None:
        self.graph, self.target, self.names, self.functions = graph, target, names, functions
        self.same, self.copies = facts.representatives(graph)
        self.signs = facts.signs(graph, self.same)
        self.copies |= facts.inside_domains(graph, self.signs)
        self.uses = self._count_uses([self.same[output] for output in outputs])
        self.named: dict[int, str] = {}
        self.written: dict[int, Text] = {}  # how a gate is referred to
        self.statements: list[Statement] = []
        self.numbers: set[str] = set()
        self.fresh: Callable[[int], str] = lambda index: self.names.count("t")

    def _count_uses(self, outputs: Sequence[int]) -> list[int]:
        """How often each gate is an operand of what the outputs need; 0 for what they do not."""
        uses = [0] * len(self.graph)
        for output in outputs:
            uses[output] += 1
        for index in range(len(self.graph) - 1, -1, -1):
            if uses[index] and self.same[index] == index:
                for operand in self._operands(index):
                    uses[operand] += 1
        return uses

    def _operands(self, index: int) -> list[int]:
        """The gates that the text of a gate mentions, each as often as it does."""
        if index in self.copies:
            return [self.copies[index]]
        found = [self.same[operand] for operand in self.graph.operands[index]]
        if self.target.squares and self.graph.codes[index] == _POW and self._is_two(found[1]):
            return [found[0], found[0], found[1]]
        return found

    def _is_two(self, index: int) -> bool:
        code, literal = self.graph.codes[index], self.graph.literals[index]
        return code == ops.CONSTANT and index not in self.graph.shapes and facts.number(literal or "") == 2.0

    def is_nameable(self, index: int) -> bool:
        """Whether a statement may be made of a gate: of an array that is written out too, of a number not."""
        return bool(self.graph.operands[index]) or index in self.graph.shapes

    def refer(self, index: int, replaced: Mapping[tuple[int, int], str] | None = None) -> Text:
        """How a gate is referred to; it is written now, with all that it needs, unless it has been before.

        Args:
            replaced: (gate, position of an operand) → another name of that operand to use there.
        """
        waiting = [self.same[index]]
        while waiting:
            gate = waiting[-1]
            missing = [] if gate in self.written else [o for o in self._operands(gate) if o not in self.written]
            if missing:
                waiting += reversed(missing)
                continue
            waiting.pop()
            if gate not in self.written:
                self._write(gate, replaced or {})
        return self.written[self.same[index]]

    def _write(self, index: int, replaced: Mapping[tuple[int, int], str]) -> None:
        text = self.expression(index, replaced)
        name = self.named.get(index)
        if name is None and self.uses[index] > 1 and self.is_nameable(index):
            name = self.named[index] = self.fresh(index)
        self.written[index] = text if name is None or not self.is_nameable(index) else self.state(name, text)

    def state(self, name: str, text: Text, comments: tuple[str, ...] = ()) -> Text:
        """Add a statement; how its number is referred to from then on."""
        text = self.as_number(text) if name in self.numbers else text
        self.statements.append(Statement(name, text, comments))
        return Text(name, condition=text.condition, sign=text.sign, uses=(name,))

    def as_number(self, text: Text) -> Text:
        """A text that is not a condition."""
        if not text.condition:
            return text
        found = self.target.as_number(text)
        return found._replace(sign=1, uses=text.uses, needs=(*text.needs, *found.needs))

    def expression(self, index: int, replaced: Mapping[tuple[int, int], str] | None = None) -> Text:
        """The text of a gate from those of its operands, the longest of which become statements if it is too long."""
        graph = self.graph
        code = graph.codes[index]
        if code == ops.CONSTANT:
            literal = graph.literals[index] or ""
            if index in graph.shapes:
                return self.target.literal(literal)
            return self.target.literal(literal)._replace(number=facts.number(literal), sign=self.signs[index])
        if index in self.copies:
            return self.written[self.copies[index]]
        places = [self.same[operand] for operand in graph.operands[index]]
        while True:
            operands = [self.written[place] for place in places]
            for position in range(len(places)):
                if replaced and (name := replaced.get((index, position))) is not None:
                    operands[position] = operands[position]._replace(text=name, precedence=ATOM, uses=(name,), needs=())
            whole = self._applied(index, operands)
            longest = max(
                (p for p in places if self._is_long(p)), key=lambda p: len(self.written[p].text), default=None
            )
            if len(whole.text) <= self.target.longest or longest is None:
                return whole._replace(sign=self.signs[index])
            self.named[longest] = name = self.fresh(longest)
            self.written[longest] = self.state(name, self.written[longest])

    def _is_long(self, index: int) -> bool:
        """Whether naming a gate would make the text shorter."""
        return index not in self.named and len(self.written[index].text) > 12 and self.is_nameable(index)

    def _applied(self, index: int, operands: list[Text]) -> Text:
        code = self.graph.codes[index]
        row, target = self.graph.rows[code], self.target
        write = target.writers.get(row.name)
        logic = row.name in target.logic and write is not None
        given = operands if logic else [self.as_number(operand) for operand in operands]
        if row.structural:
            if row.name not in target.structural:
                raise UsageError(f"g{index} is {row.called}, which {target.name} can't be given", hint=UNROLL)
            found = target.structural[row.name](given, self.graph.layout(index))
        else:
            found = (write or target.function(self.functions[code]))(*given)
        uses = {name: None for operand in operands for name in operand.uses}
        needs = {name: None for part in (*operands, found) for name in part.needs}
        return found._replace(uses=tuple(uses), needs=tuple(needs))


def live(statements: Sequence[Statement], wanted: Iterable[str]) -> list[Statement]:
    """The statements that what is wanted depends on."""
    needed, kept = {*wanted}, []
    for statement in reversed(statements):
        if statement.name in needed:
            needed.update(statement.text.uses)
            kept.append(statement)
    return kept[::-1]


_POW = ops.CODES["pow"]
