"""Every number of both passes as a gate: values, global and local gradients, contributions.

Enters: a Graph. Leaves: `Traced`: a graph of numbers that starts with the program's gates, taken apart to elements, and
the positions of the gates that compute each number. Invariant: it is the passes themselves that run here, on gates
instead of numbers, so nothing but the op table says what a number is; gates that are equal are shared, so that a
contribution that is asked for twice is one gate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any, NamedTuple

from gradcli.array_gates import Gates
from gradcli.graph import ops
from gradcli.graph.emitting import Emitter
from gradcli.graph.graph import Graph, dependents
from gradcli.graph.lower import MAX_GATES
from gradcli.graph.ops.layout import Shape
from gradcli.graph.rewriting.unroll import unrolled
from gradcli.numeric import arrays
from gradcli.numeric.gates import GateNumber, literal
from gradcli.numeric.system import NumberSystem
from gradcli.traces import BY_RULE

Places = Any  # the position of a gate, or lists of positions in lists
Column = list[Places | None]  # per gate of the program; None where it has no such number


class Marks(NamedTuple):
    """Per gate, whether it stands on its row's kink, and whether its exact value is infinite or 0: 1 or 0."""

    kinks: Column
    poles: Column
    zeros: Column


class Traced(NamedTuple):
    """A program's gates and every number of both passes.

    Attributes:
        graph: of numbers.
        places: per gate of the program the positions of its elements in the graph, row by row.
        values: their positions as the value has its shape.
        global_gradients: None where a gate is not differentiated.
        local_gradients, contributions: per gate, those of each operand's edge.
        marks: if they were asked for.
    """

    graph: Graph
    places: list[list[int]]
    values: Column
    global_gradients: Column
    local_gradients: list[Column]
    contributions: list[Column]
    marks: Marks | None


def traced(
    graph: Graph, wrt: Collection[str] | None = None, max_gates: int = MAX_GATES, *, marked: bool = False
) -> Traced:
    """Both passes of a program on gates.

    Args:
        graph: whose output is a number; it is not changed.
        wrt: names of inputs; None means all.
        max_gates: the most gates that arrays may be taken apart into.
        marked: whether kinks, poles and zeros are wanted as well.
    """
    elements, places = unrolled(graph, max_gates)
    grown = elements.copy()
    emitter = Emitter(grown)
    _for_floats(emitter)
    active = dependents(graph, [index for name, index in graph.inputs.items() if wrt is None or name in wrt])
    gates = _OnGates(graph, emitter, places)
    adjoints, local_gradients, contributions = _backward(gates, active)
    count = range(len(graph))
    return Traced(
        grown,
        places,
        [gates.found(gates.values[index], gates.shape(index)) for index in count],
        [gates.found(adjoints[index], gates.shape(index)) if active[index] else None for index in count],
        local_gradients,
        contributions,
        Marks(*map(list, zip(*(_marks(gates, index) for index in count), strict=True))) if marked else None,
    )


class _OnGates(Gates):
    """The gates of a program, whose values are gates of the graph under construction."""

    __slots__ = ("emitter",)

    def __init__(self, graph: Graph, emitter: Emitter, places: list[list[int]]) -> None:
        super().__init__(graph, emitter.system)
        self.emitter = emitter
        for index, found in enumerate(places):
            numbers = [*map(emitter.number, found)]
            shape = graph.shapes.get(index)
            self.values[index] = numbers[0] if shape is None else arrays.shaped(numbers, shape, exact=True)

    def _of_numbers(self, row: ops.Op, position: int, flow: Any, partial: Any, y: Any, xs: Any) -> Any:
        """Also 0 where what flows is 0 and a condition is nan: the passes skip such a gate."""
        found = super()._of_numbers(row, position, flow, partial, y, xs)
        if found.__class__ is GateNumber and flow.__class__ is GateNumber and row.vjps is not None:
            return self.emitter.number(self.emitter.kept_zero(flow.index, found.index))
        return found

    def found(self, x: Any, shape: Shape) -> Places:
        """The positions of a number, or of the elements of an array that is repeated to a shape."""
        if not shape:
            return self._place(x)
        return _mapped(self._place, self.system.broadcast_to(x, shape=shape).tolist())

    def whole(self, x: Any, index: int) -> Any:
        """A number or an array in the shape of a gate."""
        shape = self.shape(index)
        return self.system.broadcast_to(x, shape=shape) if shape else x

    def added(self, x: Any, y: Any) -> Any:
        """The sum of contributions; what is 0 anyway is left out."""
        return self.system.run(self._sum, x, y)

    def _sum(self, m: Any, x: Any, y: Any) -> Any:
        return y if self._is_zero(x) else x if self._is_zero(y) else x + y

    def _is_zero(self, x: Any) -> bool:
        return x.index in self.emitter.zeros if x.__class__ is GateNumber else bool(x == 0.0)

    def _place(self, x: Any) -> int:
        return x.index if x.__class__ is GateNumber else self.emitter.constant(literal(float(x)))


def _mapped(function: Callable[[Any], int], nested: Any) -> Any:
    """A function of every element of lists in lists, which are no deeper than arrays have axes."""
    return [_mapped(function, one) for one in nested] if isinstance(nested, list) else function(nested)


def _for_floats(emitter: Emitter) -> None:
    """What floats have of their own (`numeric/refined.py`) where the formulas written out would have another limit."""
    m: Any = emitter.system
    m.chain = _product(emitter)
    m.unsigned_zero = lambda x: x + 0.0  # -0 as 0
    for name in ("silu_slope", "mish_slope"):  # their formulas multiply 0 by infinity there
        setattr(m, name, partial(_with_ends, m, getattr(m, name)))


def _with_ends(m: NumberSystem, slope: Callable[[Any], Any], x: Any) -> Any:
    """The slope of a function that is 0 far to the left and x far to the right."""
    return m.where(m.equal(m.abs(x), m.number("inf")), m.less(0.0, x), slope(x))


def _product(emitter: Emitter) -> Callable[[Any, Any], Any]:
    """chain(flow, partial) of gates; a plain product where a constant says that it is the same."""
    chain: Callable[[Any, Any], Any] = emitter.system.chain

    def known(x: Any) -> float | None:
        return emitter.numbers.get(x.index) if x.__class__ is GateNumber else float(x)

    def product(flow: Any, partial: Any) -> Any:
        of_flow, of_partial = known(flow), known(partial)
        if of_flow == 0.0:
            return 0.0
        plain = of_flow is not None or (of_partial is not None and math.isfinite(of_partial))
        return flow * partial if plain else chain(flow, partial)

    return product


def _backward(gates: _OnGates, active: bytearray) -> tuple[list[Any], list[Column], list[Column]]:
    """Per gate its global gradient, 0 where nothing arrives, and local gradients and contributions of its edges."""
    graph = gates.graph
    adjoints: list[Any] = [0.0] * len(graph)
    adjoints[graph.output] = gates.emitter.number(gates.emitter.constant("1"))
    local_gradients: list[Column] = [[None] * len(operands) for operands in graph.operands]
    contributions: list[Column] = [[None] * len(operands) for operands in graph.operands]
    for index in range(len(graph) - 1, -1, -1):
        wanted = [active[operand] for operand in graph.operands[index]]
        if not any(wanted):
            continue
        whole = index in graph.settings
        slopes = [BY_RULE if one else None for one in wanted] if whole else gates.local_gradients(index, wanted)
        with arrays.quiet():
            parts = gates.parts(index, gates.whole(adjoints[index], index), slopes)
        for position, (operand, slope, part) in enumerate(zip(graph.operands[index], slopes, parts, strict=True)):
            if slope is not None:
                if not whole:
                    local_gradients[index][position] = gates.found(slope, gates.shape(index))
                contributions[index][position] = gates.found(part, gates.shape(operand))
                adjoints[operand] = gates.added(adjoints[operand], part)
    return adjoints, local_gradients, contributions


def _marks(gates: _OnGates, index: int) -> Iterator[Places | None]:
    """Whether a gate stands on its kink, has a pole, is exactly 0; None where its row knows of none."""
    row, shape, xs = gates.row(index), gates.shape(index), gates.operands(index)
    for rule in (None if row.kink is None else row.kink.at, row.pole, row.zero):
        if rule is None:
            yield None
        elif row.structural:
            yield gates.found(rule(gates.system, gates.layout(index), gates.values[index], *xs), shape)
        else:
            yield gates.found(gates.system.run(rule, *xs) if shape else rule(gates.m, *xs), shape)
