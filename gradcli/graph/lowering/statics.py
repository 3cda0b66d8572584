"""What is known when the graph is built: bounds of loops, slots of indices, settings. It makes no gates.

Enters: a Program with arrays or loops. Leaves: `Statics`, which says what lowering passes over and which names have to
be whole numbers. Invariant: only the text decides; a program of numbers has none and is not searched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradcli.errors import ProgramError
from gradcli.graph import ops
from gradcli.graph.lowering.pairing import Call, chosen, paired
from gradcli.graph.names import LENGTH, Names
from gradcli.language.nodes import (
    ARRAY,
    BINARY,
    CALL,
    INDEX,
    NAME,
    NUMBER,
    UNARY,
    Definition,
    Loop,
    Program,
    Result,
    Stage,
    in_order,
)

_EXACT = {"add", "sub", "mul", "div", "neg"}  # what is computed of whole numbers when the graph is built


class Statics:
    """Found in one pass over the nodes.

    Attributes:
        skipped: the last node of what makes no gates of its own → the first.
        literals: arrays of written numbers.
        calls: calls of structural rows, by node.
        names: names that have to be whole numbers, stages included.
        parameters: function → those of its parameters that have to be.
    """

    def __init__(self, program: Program, names: Names, several: bool) -> None:
        self.program, self.functions = program, names.functions
        self.skipped: dict[int, int] = {}
        self.literals: set[int] = set()
        self.calls: dict[int, Call] = {}
        self.parameters: dict[str, set[str]] = {}
        self.names: set[str] = set()
        self._sequences: dict[int, Sequence[int]] = {}
        self._literals()
        stages: dict[str, list[int]] = {}
        for statement in in_order(program.statements):
            if isinstance(statement, Definition):
                self.parameters[statement.name] = found = set()
                for root in (statement.root, *(statement.gradients or ())):
                    found |= self._search(root)
            elif isinstance(statement, Loop):
                self.names |= self._search(statement.start, True) | self._search(statement.stop, True)
            elif isinstance(statement, Stage):
                stages.setdefault(statement.name, []).append(statement.root)
                self.names |= self._search(statement.root)
            elif isinstance(statement, Result):
                outputs = several and program.nodes.kinds[statement.root] is ARRAY
                for root in program.nodes.operands(statement.root) if outputs else (statement.root,):
                    self.names |= self._search(root)
        self._follow(stages)

    def sequence(self, root: int) -> Sequence[int]:
        """The nodes that lowering an expression visits."""
        found = self._sequences.get(root)
        if found is None:
            first = self.program.nodes.firsts[root]
            visited = [*self._visited(first, root)]
            found = range(first, root + 1) if len(visited) > root - first else visited[::-1]
            self._sequences[root] = found
        return found

    def known_sequence(self, root: int) -> Sequence[int]:
        """The nodes that computing a whole number visits: all but what len measures."""
        found = self._sequences.get(root)
        if found is None:
            nodes, index = self.program.nodes, root
            visited = []
            while index >= nodes.firsts[root]:
                visited.append(index)
                measures = nodes.kinds[index] is CALL and nodes.values[index] == LENGTH
                index = (nodes.firsts[index] if measures else index) - 1
            found = self._sequences[root] = visited[::-1]
        return found

    def _visited(self, first: int, root: int) -> Iterator[int]:
        index, skipped = root, self.skipped
        while index >= first:
            if index in skipped:
                index = skipped[index] - 1
            else:
                yield index
                index -= 1

    def _literals(self) -> None:
        """Find the arrays of numbers."""
        nodes = self.program.nodes
        kinds, values, other = nodes.kinds, nodes.values, -1
        for index, kind in enumerate(kinds):
            if kind is ARRAY:
                if other < nodes.firsts[index]:
                    self.literals.add(index)
            elif kind is not NUMBER and not (kind is UNARY and values[index] == "neg" and kinds[index - 1] is NUMBER):
                other = index

    def _search(self, root: int, static: bool = False) -> set[str]:
        """Find what an expression has of this kind, and the names that have to be whole numbers.

        Args:
            static: whether all of it is known when the graph is built.
        """
        nodes = self.program.nodes
        kinds, firsts = nodes.kinds, nodes.firsts
        found: set[str] = set()
        pending = [(firsts[root], root, static)]
        while pending:
            first, index, static = pending.pop()
            while index >= first:
                kind, below = kinds[index], index - 1
                if static:
                    if kind is NAME:
                        found.add(nodes.values[index] or "")
                    elif kind is CALL and nodes.values[index] == LENGTH:
                        pending.append((firsts[index], below, False))
                        below = firsts[index] - 1
                elif kind is ARRAY and index in self.literals:
                    self.skipped[below] = firsts[index]
                    below = firsts[index] - 1
                elif kind is CALL or kind is INDEX:
                    operands = nodes.operands(index)
                    known = {*operands[1:]} if kind is INDEX else self._settings(index, found)
                    if known:  # these stand last, but for keyword arguments
                        for operand in operands:
                            pending.append((firsts[operand], operand, operand in known))
                            if operand in known:
                                self.skipped[operand] = firsts[operand]
                        below = firsts[index] - 1
                index = below
        return found

    def _settings(self, index: int, found: set[str]) -> set[int]:
        """The arguments of a call that are settings; `found` gets the names that a function's call needs."""
        nodes = self.program.nodes
        name, keywords = nodes.values[index] or "", nodes.keywords.get(index, ())
        if name in self.functions:
            if self.parameters.get(name):
                self._arguments(index, name, found)
            return set()
        row = chosen(ops.find(name), len(nodes.operands(index)), keywords)
        if row is None or not row.structural:
            return set()
        try:
            call = self.calls[index] = paired(self.program, index, row)
        except ProgramError:  # said when the call is lowered
            return set()
        return {*call.settings.values()}

    def _arguments(self, index: int, name: str, found: set[str]) -> None:
        """The names in those arguments of a function's call that the function uses as whole numbers."""
        nodes = self.program.nodes
        parameters, arguments = self.functions[name].parameters, nodes.operands(index)
        keywords = nodes.keywords.get(index, ())
        given = [*(one.name for one in parameters[: len(arguments) - len(keywords)]), *keywords]
        for parameter, argument in zip(given, arguments, strict=False):
            if parameter in self.parameters[name]:
                found |= self._plain(argument)

    def _follow(self, stages: dict[str, list[int]]) -> None:
        """Names that stages are computed from, where such a stage has to be a whole number."""
        pending = [name for name in self.names if name in stages]
        while pending:
            for root in stages[pending.pop()]:
                more = self._plain(root) - self.names
                self.names |= more
                pending += [name for name in more if name in stages]

    def _plain(self, root: int) -> set[str]:
        """The names in an expression of whole numbers; none if it is more than that."""
        nodes, found = self.program.nodes, set()
        index = root
        while index >= nodes.firsts[root]:
            kind, value = nodes.kinds[index], nodes.values[index]
            if kind is NAME:
                found.add(value or "")
            elif kind is CALL and value == LENGTH:
                index = nodes.firsts[index]
            elif kind is not NUMBER and not (kind in (UNARY, BINARY) and value in _EXACT):
                return set()
            index -= 1
        return found
