"""The gradient as a graph: the backward pass run on gates instead of numbers, and its forward twin.

Enters: a Graph. Leaves: a `Derived`: the same gates, then those of its derivatives. Invariant: evaluating the new gates
gives what the backward pass gives, because both run the same rules of the op table in the same order: but for rounding,
where floats have refined formulas, and where an intermediate number overflows. Both sweeps are
one loop over the flat list, so depth costs nothing, and applying one to the result of another gives higher orders.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from itertools import zip_longest
from typing import Any, NamedTuple

from gradcli.errors import LimitError
from gradcli.graph import ops
from gradcli.graph.emitting import PLAIN, TEXTBOOK, Emitter
from gradcli.graph.graph import Graph, dependents
from gradcli.graph.ops import Op
from gradcli.graph.ops.row import OperandValue
from gradcli.graph.wanted import check_output
from gradcli.numeric.gates import GateNumber, literal


class Derived(NamedTuple):
    """A graph and its derivatives.

    Attributes:
        graph: the gates of the program, which keep their positions, then those of the derivatives.
        value: the gate that is differentiated.
        gradients: for each name, the gate of the derivative by that input.
        adjoints: for each gate of the program that passes a gradient on, the gate of its global gradient, which has
            the gate's shape; several may share one, and it may be a gate of the program itself.
    """

    graph: Graph
    value: int
    gradients: dict[str, int]
    adjoints: dict[int, int]


def derive(
    graph: Graph,
    wrt: Collection[str] | None = None,
    output: int | None = None,
    *,
    max_gates: int | None = None,
    kind: type[Emitter] = Emitter,
    seed: str | int | None = None,
) -> Derived:
    """The gradient of a gate by the reverse sweep (Linnainmaa 1976), run on gates.

    Args:
        graph: any; it is not changed.
        wrt: names of inputs; None means all of the graph.
        output: the gate to differentiate; None means the graph's output.
        max_gates: the most gates that the graph may grow to.
        kind: how gates are appended: simplified, plainly, or by the rules of textbooks.
        seed: the global gradient of the gate itself, a literal or a gate of the graph; 1 if not given.

    Returns:
        the derivatives by the names of wrt that are inputs of the graph. Each new gate stands for one operation of a
        row's rule, for one contribution, or for one addition of contributions, so that the number of gates is bounded
        by the sum of the rows' costs.

    Raises:
        BindingError: the gate is an array, and there is no seed.
    """
    grown, place = graph.copy(), graph.output if output is None else output
    if seed is None:
        check_output(graph, place)
    names = {name: index for name, index in graph.inputs.items() if wrt is None or name in wrt}
    emitter = kind(grown, max_gates)
    start = emitter.constant(seed) if isinstance(seed, str) else seed
    adjoints = reverse_sweep(emitter, names.values(), place, start)
    gradients = {name: gradient(emitter, adjoints, index) for name, index in names.items()}
    return Derived(grown, place, gradients, adjoints)


def gradient(emitter: Emitter, adjoints: Mapping[int, int], index: int) -> int:
    """The adjoint of a gate, or the gate of a 0 of its shape."""
    found = adjoints.get(index)
    return emitter.spread(emitter.constant("0"), emitter.shape(index)) if found is None else found


def tangents(
    graph: Graph, seeds: Mapping[str, str], outputs: Sequence[int], emitter: Emitter | None = None
) -> tuple[Graph, list[int]]:
    """Directional derivatives of gates by the forward sweep, run on gates.

    Args:
        graph: any; it is not changed, unless it is the emitter's.
        seeds: the direction: input → literal; inputs without one do not move. A number is one for every element.
        outputs: the gates to differentiate.
        emitter: of this very graph, to append to it.

    Returns:
        the graph that has grown, and for each output the gate of its derivative.
    """
    count = len(graph) if not outputs else max(outputs) + 1
    emitter = emitter or Emitter(graph.copy())
    moved = _forward(emitter, {graph.inputs[name]: number for name, number in seeds.items()}, count)
    return emitter.graph, [gradient(emitter, moved, gate) for gate in outputs]


# What a local gradient is, as far as the row alone tells: nothing (a step), 1, -1, an operand's value, or what a rule
# gives, or a gate that is there already. A contribution may have a rule of its own; that of a structural row always
# has, with the row's settings.
_NOTHING, _SAME, _NEGATED, _OPERAND, _RULE, _NUMBER, _OWN, _GATE, _ARRANGED = range(9)
_Plan = tuple[tuple[int, Any], ...]


def _plan(row: Op, textbook: bool = False) -> _Plan | None:
    """For each operand, what its local gradient is, and the number, position or rule.

    None where that depends on the gate: its number of operands, or its settings.
    """
    if row.variadic or row.structural:
        return None
    plan: list[tuple[int, Any]] = []
    shown = row.rules if textbook and row.rules else (None,) * len(row.partials)
    for position, rule in enumerate(shown[k] or partial for k, partial in enumerate(row.partials)):
        own = None if row.vjps is None else row.vjps[position]
        if own is not None:
            plan.append((_OWN, own))
        elif isinstance(rule, float):
            plan.append(({0.0: _NOTHING, 1.0: _SAME, -1.0: _NEGATED}.get(rule, _NUMBER), repr(rule)))
        elif isinstance(rule, OperandValue):
            plan.append((_OPERAND, rule.position))
        else:
            plan.append((_RULE, rule))
    return tuple(plan)


def _written_out(plan: _Plan | None) -> _Plan | None:
    """A plan in which 1 and -1 are numbers like any other."""
    if plan is None:
        return None
    written = {_SAME: "1", _NEGATED: "-1"}
    return tuple((_NUMBER, written[kind]) if kind in written else (kind, rule) for kind, rule in plan)


def _plans(rows: Sequence[Op], kind: int) -> list[_Plan | None]:
    """The plan of each row."""
    plans = [() if row.hidden and row.name in ("input", "constant") else _plan(row, kind == TEXTBOOK) for row in rows]
    return [_written_out(plan) for plan in plans] if kind == PLAIN else plans


@cache
def _plans_of_table(kind: int) -> list[_Plan | None]:
    return _plans(ops.ROWS, kind)


class _Sweep:
    """What both directions share: the products of what flows over an edge and its local gradient."""

    def __init__(self, emitter: Emitter) -> None:
        self.emitter = emitter
        self.graph = emitter.graph
        self.kind = emitter.kind
        self.plans = [*_plans_of_table(self.kind), *_plans(self.graph.rows[len(ops.ROWS) :], self.kind)]
        self.most = emitter.max_gates
        self.times, self.zeros = emitter.times, emitter.zeros

    def operands(self, index: int) -> tuple[int, ...]:
        if len(self.emitter.traits) > self.most:
            self.check_limit()
        self.emitter.span = self.graph.starts[index], self.graph.ends[index]
        return self.graph.operands[index]

    def check_limit(self) -> None:
        if len(self.emitter.traits) > self.most:
            hint = "raise it with --max-gates, or ask for fewer inputs or a lower order"
            raise LimitError(f"the derivatives need more than {self.most:.0f} gates", hint=hint)

    def own_plan(self, index: int, forward: bool = False) -> _Plan:
        """The plan of a structural gate, or of a variadic one, whose rule gives all local gradients at once.

        Args:
            forward: whether tangents flow, not adjoints.
        """
        graph, number = self.graph, self.emitter.number
        row, count = graph.rows[graph.codes[index]], len(graph.operands[index])
        if row.structural:
            rules: Any = row.jvps if forward else row.vjps
            shown = (row.rules or ()) if self.kind == TEXTBOOK and not forward else ()
            rules = rules * count if row.variadic else [a or b for a, b in zip_longest(shown, rules)]
            layout, operands = graph.layout(index), graph.operands[index]
            # The rule of a variadic row reads no operand but its own: n operands of n edges would be too many.
            read = [(operand,) for operand in operands] if row.variadic else [operands] * count
            return tuple((_ARRANGED, (rule, layout.at(k), index, read[k])) for k, rule in enumerate(rules))
        rule: Any = row.partials[0]
        every = rule(self.emitter.system, number(index), *map(number, graph.operands[index]))
        return tuple((_GATE, self._gate(partial)) for partial in every)

    def product(self, index: int, operands: tuple[int, ...], planned: tuple[int, Any], flow: int) -> int | None:
        """What flows over one edge: an adjoint or a tangent, times the local gradient. None where that is 0."""
        kind, rule = planned
        if kind == _OPERAND:
            found = self.times(flow, operands[rule])
        elif kind == _GATE:
            found = self.times(flow, rule)
        elif kind == _SAME:
            return flow
        elif kind == _NOTHING:
            return None
        elif kind == _NEGATED:
            return self.emitter.emit(_NEG, (flow,))
        else:
            emitter, number = self.emitter, self.emitter.number
            if kind == _OWN:
                before = len(self.graph)
                found = self._gate(rule(emitter.system, number(flow), *map(number, operands)))
                if found >= before:
                    emitter.gate_branch(found)
                found = emitter.kept_zero(flow, found)
            elif kind == _ARRANGED:
                before, (call, layout, y, read) = len(self.graph), rule
                found = self._gate(call(emitter.system, layout, number(flow), number(y), *map(number, read)))
                if found >= before:
                    emitter.gate_branch(found)
            elif kind == _RULE:
                partial = rule(emitter.system, number(index), *map(number, operands))
                found = self.times(flow, self._gate(partial))
            else:
                found = self.times(flow, emitter.constant(rule))
        return None if found in self.zeros else found

    def _gate(self, found: Any) -> int:
        return found.index if isinstance(found, GateNumber) else self.emitter.constant(literal(float(found)))


def reverse_sweep(emitter: Emitter, inputs: Collection[int], output: int, seed: int | None = None) -> dict[int, int]:
    """The adjoint of every gate that depends on the inputs and that the output depends on.

    Args:
        seed: the gate of the output's own adjoint; 1 if not given.
    """
    sweep, graph, emit = _Sweep(emitter), emitter.graph, emitter.emit
    active, codes, plans, shapes = dependents(graph, inputs), graph.codes, sweep.plans, graph.shapes
    adjoints: list[int | None] = [None] * (output + 1)
    if active[output]:
        adjoints[output] = emitter.spread(emitter.constant("1") if seed is None else seed, emitter.shape(output))
    for index in range(output, -1, -1):
        adjoint = adjoints[index]
        if adjoint is None or codes[index] <= ops.CONSTANT:
            continue
        operands = sweep.operands(index)
        plan = plans[codes[index]] or sweep.own_plan(index)
        for operand, planned in zip(operands, plan, strict=True):
            if not active[operand]:
                continue
            part = sweep.product(index, operands, planned, adjoint)
            if part is not None:
                if shapes and shapes.get(part) != shapes.get(operand):  # the gate repeats its operand
                    part = emit(_SUM_TO, (part,), (("shape", shapes.get(operand, ())),))
                before = adjoints[operand]
                adjoints[operand] = part if before is None else emit(_ADD, (before, part))
    sweep.check_limit()
    return {index: gate for index, gate in enumerate(adjoints) if gate is not None}


def _forward(emitter: Emitter, seeds: Mapping[int, str], count: int) -> dict[int, int]:
    """The tangent of every gate among the first count that moves."""
    sweep, graph, emit = _Sweep(emitter), emitter.graph, emitter.emit
    shape, spread = emitter.shape, emitter.spread
    moved = {index: spread(emitter.constant(number), shape(index)) for index, number in seeds.items()}
    for index in range(count):
        if moved.keys().isdisjoint(graph.operands[index]):
            continue
        operands = sweep.operands(index)
        plan = sweep.plans[graph.codes[index]] or sweep.own_plan(index, forward=True)
        total: int | None = None
        for operand, planned in zip(operands, plan, strict=True):
            tangent = moved.get(operand)
            part = None if tangent is None else sweep.product(index, operands, planned, tangent)
            if part is not None:
                total = part if total is None else emit(_ADD, (total, part))
        if total is not None:
            moved[index] = spread(total, shape(index))
    sweep.check_limit()
    return moved


_ADD, _NEG, _SUM_TO = (ops.CODES[name] for name in ("add", "neg", "sum_to"))
