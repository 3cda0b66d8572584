"""Both passes of a program as statements: its stages, then the gradients of its stages in reverse order.

Enters: a program's graph and its derivatives. Leaves: statements with the names that people gave, `d_` before a
name being its gradient, and the rules that each gradient follows. Invariant: the gates are those of `derive`; here they
only get names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gradcli.codegen.names import Names
from gradcli.codegen.rules import Rules
from gradcli.codegen.staging import Stager, Statement
from gradcli.codegen.target import WIDTH, Target, Text
from gradcli.graph import ops
from gradcli.graph.derive import Derived
from gradcli.graph.graph import Graph

_MOST_FLOWS = 8  # names remembered along a path of gates without names
_MOST_RULES = 8  # in one comment
_BESIDE = 22  # columns around a statement and its comment, at most
_MOST_EDGES = 50  # looked at for one comment

# The operands through which an adjoint flows on.
_FLOWS: dict[int, tuple[int, ...]] = {
    ops.CODES[name]: positions
    for name, positions in (
        ("add", (0, 1)), ("sub", (0, 1)), ("neg", (0,)), ("mul", (0,)), ("chain", (0,)), ("where", (1, 2)),
    )
}  # fmt: skip


class Backward:
    """Writes one program.

    Attributes:
        parameters: input → identifier.
        statements: of both passes.
        forward_names: the names of those of the forward pass.
        value, gradients: what they give.
        output: what comments call the value.
    """

    def __init__(
        self, graph: Graph, derived: Derived, target: Target, names: Names, functions: Mapping[int, str]
    ) -> None:
        self.graph, self.derived, self.names = graph, derived, names
        self.target = target
        self.parameters = {name: names.take(target.identifier(name)) for name in graph.inputs}
        wanted = [derived.value, *derived.gradients.values()]
        first = Stager(derived.graph, target, names, functions, wanted)
        sites = [derived.adjoints[stage] for stage in graph.stages if stage in derived.adjoints]
        sites = [gate for gate in sites if first.uses[first.same[gate]]]
        self.stager = Stager(derived.graph, target, names, functions, [*wanted, *sites])
        self.d_names: dict[int, str] = {}
        self.site_of: dict[str, int] = {}  # d_ name → the gate whose gradient it is
        self.parts: set[str] = set()  # names of parts of gradients
        self.users = self._users()
        self._forward()
        self._backward()

    @property
    def statements(self) -> list[Statement]:
        return self.stager.statements

    def _forward(self) -> None:
        graph, stager = self.graph, self.stager
        for name, index in graph.inputs.items():
            stager.named[index] = self.parameters[name]
            stager.written[index] = Text(self.parameters[name], uses=(self.parameters[name],))
        for index, stage in sorted(graph.stages.items()):
            if stager.same[index] == index and stager.is_nameable(index):
                stager.named[index] = self.names.take(self.target.identifier(stage))
        value = stager.same[self.derived.value]
        if value not in stager.named and graph.operands[value]:
            stager.named[value] = self.names.take("value")
        stager.fresh = self._fresh
        self.output = stager.named.get(value, "value")
        for index in sorted(graph.stages):
            if stager.uses[stager.same[index]]:
                stager.refer(index)
        self.value = stager.as_number(stager.refer(self.derived.value))
        self.forward_names = {statement.name for statement in stager.statements}
        self.owners: dict[int, int] = {}  # adjoint gate → the gate of the program whose gradient is written first
        for index, gate in sorted(self.derived.adjoints.items(), key=lambda site: (self._is_named(site[0]), site[0])):
            self.owners[stager.same[gate]] = index

    def _is_named(self, index: int) -> bool:
        """Whether a gate has a name in the code, so that its gradient can have one too."""
        return self.stager.same[index] in self.stager.named and index != self.derived.value

    def _fresh(self, index: int) -> str:
        """The name of a gate that needs one: g7 as in every other output, d_… for a gradient, else t1, t2 …"""
        if index < len(self.graph):
            return self.names.take(f"g{index}")
        if index in self.owners:
            return self._d_name(self.owners[index])
        self.parts.add(name := self.names.count("t"))
        return name

    def _d_name(self, index: int) -> str:
        if index not in self.d_names:
            name = self.stager.named.get(self.stager.same[index], f"g{index}")
            self.d_names[index] = found = self.names.take(f"d_{name}")
            self.site_of[found] = index
            self.stager.numbers.add(found)
        return self.d_names[index]

    def _users(self) -> dict[int, list[tuple[int, int]]]:
        """Gate → the edges by which gradients reach it: the gate that uses it, and as which operand."""
        graph = self.graph
        users: dict[int, list[tuple[int, int]]] = {index: [] for index in self.derived.adjoints}
        for index in self.derived.adjoints:
            row = graph.rows[graph.codes[index]]
            for position, operand in enumerate(graph.operands[index]):
                partial = None if row.structural else row.partials[0 if row.variadic else position]
                if operand in users and not (isinstance(partial, float) and partial == 0.0):
                    users[operand].append((index, position))
        for edges in users.values():
            edges.sort(key=lambda edge: (-edge[0], edge[1]))
        return users

    def _backward(self) -> None:
        stager, graph = self.stager, self.graph
        flows: dict[
            int, dict[int, str]
        ] = {}  # gate of the program → adjoint gate → how it is called on the way to there
        by_name = {index: name for name, index in graph.inputs.items()}
        self.gradients: dict[str, Text] = {}
        for index in sorted(self.derived.adjoints, reverse=True):
            gate = stager.same[self.derived.adjoints[index]]
            arriving: dict[int, str] = {}
            for user, _ in self.users[index][:_MOST_FLOWS]:
                arriving.update(flows[user])
            flows[index] = dict(list(arriving.items())[-_MOST_FLOWS:])
            if index not in by_name and self._has_line(index, gate):
                flows[index] = {gate: self._line(index, gate, arriving)}
            elif index in by_name and by_name[index] in self.derived.gradients:
                name = self._line(index, gate, arriving)
                self.gradients[by_name[index]] = Text(name, uses=(name,))
        zero = self.target.literal("0")
        self.gradients = {name: self.gradients.get(name, zero) for name in self.derived.gradients}

    def _has_line(self, index: int, gate: int) -> bool:
        """Whether the gradient of a gate that is no input is a statement: of stages, and what is used again."""
        if not self._is_named(index) or not self.stager.uses[gate]:
            return False
        is_new = gate >= len(self.graph) and gate not in self.stager.named and self.stager.uses[gate] > 1
        return index in self.graph.stages or (is_new and bool(self.stager.graph.operands[gate]))

    def _line(self, index: int, gate: int, arriving: Mapping[int, str]) -> str:
        """Write the gradient of a stage or an input; its name."""
        stager, name = self.stager, self._d_name(index)
        if gate in stager.written and stager.named.get(gate) == name:
            return name
        if gate in arriving:
            stager.state(name, Text(arriving[gate], uses=(arriving[gate],)))
        elif gate in stager.written or gate < len(self.graph) or not stager.graph.operands[gate]:
            stager.state(name, stager.refer(gate))
        else:
            if stager.uses[gate] == 1:
                stager.named[gate] = name
            text = stager.refer(gate, self._replaced(gate, arriving))
            if stager.named[gate] != name:
                stager.state(name, text)
        return name

    def _replaced(self, gate: int, arriving: Mapping[int, str]) -> dict[tuple[int, int], str]:
        """Where adjoints flow into a gate under a name of their own, though they are gates with another name."""
        graph, stager = self.stager.graph, self.stager
        found: dict[tuple[int, int], str] = {}
        waiting, seen = [gate], {gate}
        while waiting and arriving:
            index = waiting.pop()
            for position in _FLOWS.get(graph.codes[index], ()):
                operand = stager.same[graph.operands[index][position]]
                if operand in arriving:
                    if stager.named.get(operand) != arriving[operand]:
                        found[index, position] = arriving[operand]
                elif operand >= len(self.graph) and operand not in stager.written and operand not in seen:
                    seen.add(operand)
                    waiting.append(operand)
        return found

    def commented(self, statements: list[Statement]) -> list[Statement]:
        """The statements of the backward pass with the rules that they follow."""
        rules = Rules(self.graph, {i: n for i in range(len(self.graph)) if (n := self._label(i)) is not None})
        graph = self.graph
        own = {self.site_of[statement.name] for statement in statements if statement.name in self.site_of}
        found: list[Statement] = []
        for statement in statements:
            site = self.site_of.get(statement.name)
            edges = [] if site is None else self._path(site, own)
            rules_of = (rules.rule(*edge, ones=graph.operands[edge[0]][edge[1]] == site) for edge in edges)
            comments = [*dict.fromkeys(rule for rule in rules_of if rule is not None)]
            if len(comments) > _MOST_RULES:
                comments[_MOST_RULES:] = ["…"]
            found.append(statement)
            first, width = len(found) - 1, sum(len(comment) + 2 for comment in comments)
            if len(statement.name) + len(statement.text.text) + width + _BESIDE <= WIDTH:
                found[first] = statement._replace(comments=tuple(comments))
                continue
            while first and found[first - 1].name in self.parts and not found[first - 1].comments:
                first -= 1
            found[first] = found[first]._replace(comments=tuple(comments), above=first < len(found) - 1)
        return found

    def _path(self, site: int, own: Collection[int]) -> list[tuple[int, int]]:
        """The edges from the gradients that are written to this one, in the order of the terms."""
        edges: list[tuple[int, int]] = []
        waiting, seen = [site], {site}
        while waiting and len(edges) < _MOST_EDGES:
            for user, position in self.users[waiting.pop(0)]:
                edges.append((user, position))
                if user not in own and user != self.derived.value and user not in seen:
                    seen.add(user)
                    waiting.append(user)
        return edges

    def _label(self, index: int) -> str | None:
        return self.stager.named.get(self.stager.same[index])
