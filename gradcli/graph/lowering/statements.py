"""Statements become gates: stages get their names, loops are unrolled, the result gives the outputs.

Enters: a program's statements. Leaves: gates, names of stages, groups. Invariant: nested loops cost no recursion; every
turn counts towards the limit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from gradcli.errors import LimitError, Span
from gradcli.graph import ops
from gradcli.graph.lowering import expressions
from gradcli.graph.lowering.expressions import DEEPEST_GROUP, Expressions, group
from gradcli.language.nodes import ARRAY, Loop, Result, Stage, Statement

_MOST_SHOWN = 100


class _Block:
    """A run of statements: the program's, or those of a loop in one of its turns.

    Attributes:
        turn, stop: of the loop; the turn that is next.
        suffix: what the names of stages get behind them: [2] in turn 2, [0][2] if that loop is in another one.
        first, groups: how many gates and groups there were before the turn.
    """

    __slots__ = ("first", "groups", "loop", "statements", "stop", "suffix", "turn")

    def __init__(self, statements: Iterator[Statement], loop: Loop | None = None, turn: int = 0, stop: int = 0) -> None:
        self.statements, self.loop, self.turn, self.stop = statements, loop, turn, stop
        self.suffix = ""
        self.first = self.groups = 0


class Statements:
    """What the statements have given so far.

    Args:
        several: whether an array of expressions as the result stands for several outputs.
        wanted: names of turns to look out for, such as h[2].

    Attributes:
        outputs: the gates of the result.
        turns: those of wanted that there are, and their gates.
        first_turns: names of turns, as many as an error may list.
    """

    def __init__(self, lowering: Expressions, several: bool, wanted: Collection[str]) -> None:
        self.lowering, self.several = lowering, several
        self.outputs: list[int] = []
        self.turns: dict[str, int] = {}
        self.first_turns: dict[str, None] = {}
        self._wanted = frozenset(wanted)
        self._taken: set[str] = set()  # names of turns that gates have

    def run(self) -> None:
        """Lower all statements, and a loop's as often as it turns."""
        blocks = [_Block(iter(self.lowering.program.statements))]
        while blocks:
            block = blocks[-1]
            for statement in block.statements:
                if isinstance(statement, Stage):
                    self._stage(statement, block.suffix)
                elif isinstance(statement, Loop):
                    blocks.append(self._enter(statement))
                    break
                elif isinstance(statement, Result):
                    self.outputs = self._result(statement.root)
            else:
                outer = blocks[-2].suffix if len(blocks) > 1 else ""
                if block.loop is None or not self._next_turn(block, block.loop, outer, len(blocks)):
                    blocks.pop()
                    self.lowering.place = self._place(blocks[-1].loop if blocks else None)

    def _stage(self, statement: Stage, suffix: str) -> None:
        lowering, graph = self.lowering, self.lowering.graph
        first, groups = len(graph), len(graph.groups)
        gate = lowering.scope[statement.name] = lowering.expression(statement.root)
        name = statement.name
        if suffix:
            name += suffix
            if self._wanted and len(self.first_turns) < _MOST_SHOWN:
                self.first_turns[name] = None
            if name in self._wanted:
                self.turns[name] = gate
        if graph.codes[gate] != ops.INPUT and name not in self._taken:
            graph.stages.setdefault(gate, name)
            if suffix:
                self._taken.add(name)  # another loop may turn by the same numbers; its gates keep their ids
        if len(graph) > first:
            graph.groups.insert(groups, group((name, "stage", first, len(graph))))

    def _result(self, root: int) -> list[int]:
        """The program's result: one gate, or those of an array of numbers if several are fine."""
        lowering, nodes = self.lowering, self.lowering.program.nodes
        if not self.several or nodes.kinds[root] is not ARRAY:
            return [lowering.expression(root)]
        elements = [lowering.expression(element) for element in nodes.operands(root)]
        if any(map(lowering.shape, elements)):
            from gradcli.graph.lowering import structures

            return [structures.array(lowering, root, elements)]
        return elements

    def _enter(self, loop: Loop) -> _Block:
        """Begin a loop, before its first turn."""
        lowering = self.lowering
        start, stop = (self._bound(root) for root in (loop.start, loop.stop))
        lowering.place = self._place(loop)
        most = max(lowering.max_gates, expressions.MAX_GATES)
        if stop - start > most:
            hint = "raise it with --max-gates, or give the loop fewer turns"
            message = f"the loop makes {stop - start} turns, more than {most}"
            raise LimitError(message, source=lowering.program.text, span=lowering.place, hint=hint)
        block = _Block(iter(()), loop, start - 1, stop)
        block.first = len(lowering.graph)
        return block

    def _bound(self, root: int) -> int:
        from gradcli.graph.lowering import whole

        found = whole.evaluated(self.lowering, root, self.lowering.scope)
        if not isinstance(found, int):
            self.lowering.fail("a loop runs from one whole number to another", root)
        return found

    def _next_turn(self, block: _Block, loop: Loop, outer: str, depth: int) -> bool:
        """End a turn and begin the next one; False if that was the last.

        Args:
            outer: the suffix of the loop around this one.
            depth: how many blocks are inside one another.
        """
        lowering, graph = self.lowering, self.lowering.graph
        if len(graph) > block.first and depth <= DEEPEST_GROUP:
            turn = group((f"{loop.name} = {block.turn}", "turn", block.first, len(graph)))
            graph.groups.insert(block.groups, turn)
        block.turn += 1
        if block.turn >= block.stop:
            lowering.constants.pop(loop.name, None)
            return False
        lowering.hand_over(1)
        lowering.constants[loop.name] = str(block.turn)
        block.statements, block.suffix = iter(loop.body), f"{outer}[{block.turn}]"
        block.first, block.groups = len(graph), len(graph.groups)
        return True

    def _place(self, loop: Loop | None) -> Span | None:
        """The head of a loop."""
        return None if loop is None else Span(loop.span.start, self.lowering.program.nodes.ends[loop.stop])
