"""Functions that come with a file: composed ones of the op table, and those that the program defines.

Enters: rows. Leaves: `Function`s, each the row's forward rule run on gates and written by the target. Invariant: the
table is the only place that says what a composed function is; a target has primitives only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gradcli.codegen.names import Names
from gradcli.codegen.staging import Stager, Statement, live
from gradcli.codegen.target import Helper, Target, Text
from gradcli.graph import ops
from gradcli.graph.emitting import Emitter
from gradcli.graph.graph import Graph


class Function(NamedTuple):
    """A function of the file.

    Attributes:
        name: an identifier.
        parameters: identifiers.
        doc: one line of what it computes; no user text.
        statements: before the result.
        result: what it returns.
    """

    name: str
    parameters: list[str]
    doc: str
    statements: list[Statement]
    result: Text


class Functions(Mapping[int, str]):
    """code → the name of its function, for all rows that a target does not write itself.

    Attributes:
        taken: the names that a file's local names must not have.
    """

    def __init__(self, graph: Graph, target: Target, name: str) -> None:
        self.graph, self.target = graph, target
        own = [row.name for row in ops.ROWS if row.name not in target.writers and not row.structural]
        names = Names({*target.reserved, *target.reserved_functions, *target.helpers, name, *own})
        self._names = {ops.CODES[row]: row for row in own}
        for code in range(len(ops.ROWS), len(graph.rows)):
            self._names[code] = names.take(target.identifier(graph.rows[code].name))
        self.taken = ({*target.reserved, *target.helpers, *self._names.values()}) - {"input", "constant"}
        self._codes = {written: code for code, written in self._names.items()}

    def __getitem__(self, code: int) -> str:
        return self._names[code]

    def __iter__(self) -> Any:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def closure(self, needs: Iterable[str]) -> tuple[list[Function], dict[str, Helper]]:
        """The functions and helpers that are needed, and those that these need, each after what it calls."""
        found: dict[str, Function] = {}
        done: dict[str, None] = {}
        waiting = [*dict.fromkeys(needs)][::-1]
        while waiting:
            name = waiting[-1]
            if name in done:
                waiting.pop()
                continue
            if name in self._codes and name not in found:
                found[name] = self._function(self._codes[name])
            inner = _needs(found[name]) if name in found else self.target.helpers[name].needs
            if missing := [need for need in inner if need not in done]:
                waiting += missing[::-1]
                continue
            done[waiting.pop()] = None
        helpers = {name: helper for name, helper in self.target.helpers.items() if name in done}
        return [found[name] for name in done if name in found], helpers

    def _function(self, code: int) -> Function:
        row = self.graph.rows[code]
        defined = 0 <= code - len(ops.ROWS) < len(self.graph.bodies)  # rows of an engine's own may follow
        body = self.graph.bodies[code - len(ops.ROWS)] if defined else _body(row)
        names = Names(self.taken)
        stager = Stager(body, self.target, names, self, [body.output])
        parameters = []
        for name, index in body.inputs.items():
            parameters.append(names.take(self.target.identifier(name)))
            stager.written[index] = Text(parameters[-1], uses=(parameters[-1],))
        result = stager.as_number(stager.refer(body.output))
        doc = "A function of the program." if defined else row.doc
        return Function(self._names[code], parameters, doc, live(stager.statements, result.uses), result)


def _needs(function: Function) -> list[str]:
    return [need for text in (*(s.text for s in function.statements), function.result) for need in text.needs]


def _body(row: ops.Op) -> Graph:
    """What a composed function computes, as gates."""
    graph = Graph()
    for parameter in row.parameters:
        graph.append(ops.INPUT, (), parameter, 0, 0)
    emitter = Emitter(graph)
    rule: Any = row.forward
    graph.output = rule(emitter.system, *map(emitter.number, range(len(row.parameters)))).index
    return graph
