"""The result of an evaluation: every gate's value, local and global gradient.

Enters: the graph and the columns that both passes filled. Leaves: `Trace`, which renderers turn into text. Invariant:
nothing here computes a derivative; contributions follow from the columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial as bound
from typing import Any, NamedTuple

from gradcli.errors import Span
from gradcli.graph import describe
from gradcli.graph.describe import gate_text, operand_text, rule_text
from gradcli.graph.graph import NO_OPERAND, Graph, Operands
from gradcli.numeric.system import NumberSystem
from gradcli.numeric.text import Text

LocalGradients = Sequence[tuple[Any, ...] | None]
BY_RULE = "by rule"  # in place of a local gradient, on an edge of a gate that works on whole arrays


class Edge(NamedTuple):
    """One operand of a gate. Gradients are None where the operand is not differentiated.

    On arrays a local gradient has a shape that broadcasts to the gate's, a contribution has the operand's. An edge of a
    gate that works on whole arrays has no local gradient, only a contribution and its rule.
    """

    id: str
    local_gradient: Any
    contribution: Any
    rule: str | None

    @property
    def operand(self) -> int:
        """The operand's gate."""
        return int(self.id[1:])


class TracedGate(NamedTuple):
    """One gate with its numbers. Shapes: () is a scalar."""

    id: str
    op: str
    name: str | None
    text: str
    span: Span
    shape: tuple[int, ...]
    value: Any
    global_gradient: Any
    operands: tuple[Edge, ...]


class Along(NamedTuple):
    """A derivative of the output along a direction: the part of it that each input moves by, and the result."""

    direction: dict[str, Any]
    value: Any


def contribution(
    graph: Graph, values: list[Any], index: int, position: int, adjoint: Any, partial: Any, m: NumberSystem
) -> Any:
    """What one edge adds to its operand's global gradient: adjoint times partial, 0 where the adjoint is exactly 0.

    A step, whose slope is 0 everywhere by its row, passes nothing on, not even an infinite gradient.
    """
    if graph.shapes or graph.settings:
        return _array_contribution(graph, values, index, position, adjoint, partial, m)
    row = graph.rows[graph.codes[index]]
    if row.vjps is not None and (rule := row.vjps[position]) is not None:
        return rule(m, adjoint, *[values[operand] for operand in graph.operands[index]])
    if not row.variadic and isinstance(row.partials[position], float) and row.partials[position] == 0.0:
        return 0.0
    return m.chain(adjoint, partial)


def _array_contribution(
    graph: Graph, values: list[Any], index: int, position: int, adjoint: Any, partial: Any, m: NumberSystem
) -> Any:
    from gradcli.array_gates import Gates
    from gradcli.numeric import arrays

    with arrays.quiet():
        return arrays.frozen(Gates(graph, m, values).contribution(index, position, adjoint, partial))


def rules_on(graph: Graph, index: int) -> Callable[[int], str]:
    """Position → `rule_text` of that edge of a gate.

    A variadic structural gate may have thousands of edges: the shapes of all operands are looked up once.
    """
    row, places, name = graph.rows[graph.codes[index]], graph.operands[index], graph.name(index)
    if not (row.structural and row.variadic):
        return bound(rule_text, graph, index)
    layout, y = graph.layout(index), Text(f"g{index}" if name is None else name)
    operands = [operand_text(graph, place) for place in places]

    def rule(position: int) -> str:
        text: Text = describe.contribution(row, describe.TEXT, layout.at(position), Text, y, operands, graph.free)
        return text.text

    return rule


class Partials(Sequence[tuple[Any, ...] | None]):
    """Per gate, the local gradient on the edge to each operand; the tuples are made when looked at.

    An edge to an operand that is not differentiated has None; a gate without any other edge has None in place of a
    tuple. The columns are those of `Operands`, for the same reason.

    Attributes:
        firsts: per gate, the local gradient on the first edge, or None.
        seconds: on the second edge, or None.
        many: gate → all its local gradients, where there may be more than two or contributions have their own rule.
    """

    __slots__ = ("_operands", "firsts", "many", "seconds")

    def __init__(self, operands: Operands) -> None:
        self._operands = operands
        self.firsts: list[Any] = [None] * len(operands)
        self.seconds: list[Any] = [None] * len(operands)
        self.many: dict[int, tuple[Any, ...]] = {}

    def __len__(self) -> int:
        return len(self.firsts)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        first, second = self.firsts[index], self.seconds[index]
        if first is None and second is None:
            return self.many.get(index if index >= 0 else index + len(self)) if self.many else None
        return (first,) if self._operands.seconds[index] == NO_OPERAND else (first, second)


class Trace:
    """Values and gradients of one evaluation.

    Attributes:
        graph: the gates.
        values: per gate, its value.
        partials: per gate, the local gradient of each operand's edge; None where not differentiated.
        adjoints: per gate, the derivative of the output with respect to it; None where not differentiated.
        system: the number system of all these numbers.
        seed: the output's global gradient, if one was asked for; else None, and it is 1.
        along: a directional derivative, if one was asked for.
        cache: what others found out about this trace.
    """

    def __init__(
        self, graph: Graph, values: list[Any], partials: LocalGradients, adjoints: list[Any], m: NumberSystem
    ) -> None:
        self.graph = graph
        self.values = values
        self.partials: Any = partials
        self.adjoints = adjoints
        self.system = m
        self.seed: Any = None
        self.along: Along | None = None
        self.cache: dict[str, Any] = {}

    @property
    def value(self) -> Any:
        """The output's value."""
        return self.values[self.graph.output]

    @property
    def gradients(self) -> dict[str, Any]:
        """The derivative of the output with respect to every differentiated input, by name."""
        found = ((name, self.adjoints[index]) for name, index in self.graph.inputs.items())
        return {name: adjoint for name, adjoint in found if adjoint is not None}

    @property
    def gates(self) -> Sequence[TracedGate]:
        """All gates, in the order of their ids; made when looked at."""
        return _Gates(self)

    def edges(self, index: int) -> Iterator[Edge]:
        """The operands of a gate, with their gradients."""
        found = {position: (local, part) for position, local, part in self.flows(index)}
        rule = rules_on(self.graph, index)
        for position, operand in enumerate(self.graph.operands[index]):
            local, part = found.get(position, (None, None))
            yield Edge(f"g{operand}", local, part, rule(position) if position in found else None)

    def flows(self, index: int) -> Iterator[tuple[int, Any, Any]]:
        """What a gate passes on: position, local gradient, contribution; nothing to what is not differentiated."""
        graph, adjoint, partials = self.graph, self.adjoints[index], self.partials[index]
        if partials is None:
            return
        if graph.shapes or graph.settings:
            for position, (partial, part) in enumerate(zip(partials, self._parts(index, partials), strict=True)):
                if partial is not None:
                    yield position, None if partial is BY_RULE else partial, part
            return
        for position, partial in enumerate(partials):
            if partial is not None:
                part = contribution(graph, self.values, index, position, adjoint, partial, self.system)
                yield position, partial, part

    def _parts(self, index: int, partials: Sequence[Any]) -> list[Any]:
        """The contributions of a gate's edges, in a graph with arrays."""
        from gradcli.array_gates import Gates
        from gradcli.numeric import arrays

        if "gates" not in self.cache:
            self.cache["gates"] = Gates(self.graph, self.system, self.values)
        with arrays.quiet():
            return [*map(arrays.frozen, self.cache["gates"].parts(index, self.adjoints[index], partials))]

    def __repr__(self) -> str:
        return f"<Trace of {len(self.graph)} gates: value {self.value!r}, gradients {self.gradients!r}>"


def along(trace: Trace, direction: Mapping[str, Any]) -> Along:
    """The derivative of the output along a direction (a Jacobian-vector product), by a forward sweep over the trace.

    Args:
        trace: of both passes; the inputs of the direction are differentiated there.
        direction: by how much each input moves; those that it does not name stay where they are.
    """
    graph, values, partials = trace.graph, trace.values, trace.partials
    if graph.shapes or graph.settings:
        from gradcli import array_gates

        return Along(dict(direction), array_gates.along(graph, values, direction, trace.system))
    tangents: list[Any] = [0.0] * len(graph)
    for name, index in graph.inputs.items():
        tangents[index] = direction.get(name, 0.0)
    for index in range(len(graph)):
        total = 0.0
        for position, (operand, partial) in enumerate(zip(graph.operands[index], partials[index] or (), strict=False)):
            if partial is not None and (tangent := tangents[operand]):
                total += contribution(graph, values, index, position, tangent, partial, trace.system)
                tangents[index] = total
    return Along(dict(direction), tangents[graph.output])


class _Gates(Sequence[TracedGate]):
    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def __len__(self) -> int:
        return len(self._trace.graph)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        trace, graph = self._trace, self._trace.graph
        return TracedGate(
            f"g{index}",
            graph.rows[graph.codes[index]].name,
            graph.name(index),
            gate_text(graph, index),
            graph.span(index),
            graph.shapes.get(index, ()),
            trace.values[index],
            trace.adjoints[index],
            tuple(trace.edges(index)),
        )
