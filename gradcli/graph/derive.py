"""The gradient as a graph: the backward pass run on gates instead of numbers, and its forward twin.

Enters: a Graph. Leaves: a `Derived`: the same gates, then those of its derivatives. Invariant: evaluating the new gates
gives what the backward pass gives, because both run the same rules of the op table in the same order: but for rounding,
where floats have refined formulas, and where an intermediate number overflows. Both sweeps are
one loop over the flat list, so depth costs nothing, and applying one to the result of another gives higher orders.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from gradcli.errors import LimitError
from gradcli.graph import ops
from gradcli.graph.emitting import BRANCH, BUT_FOR_OVERFLOW, FINITE, PLAIN, TEXTBOOK, VANISHING, Emitter
from gradcli.graph.graph import Graph, dependents
from gradcli.graph.ops import Op
from gradcli.graph.ops.row import OperandValue
from gradcli.numeric.gates import GateNumber, literal


class Derived(NamedTuple):
    """A graph and its derivatives.

    Attributes:
        graph: the gates of the program, which keep their positions, then those of the derivatives.
        value: the gate that is differentiated.
        gradients: for each name, the gate of the derivative by that input.
        adjoints: for each gate of the program that passes a gradient on, the gate of its global gradient; several may
            share one, and it may be a gate of the program itself.
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
) -> Derived:
    """The gradient of a gate by the reverse sweep (Linnainmaa 1976), run on gates.

    Args:
        graph: any; it is not changed.
        wrt: names of inputs; None means all of the graph.
        output: the gate to differentiate; None means the graph's output.
        max_gates: the most gates that the graph may grow to.
        kind: how gates are appended: simplified, plainly, or by the rules of textbooks.

    Returns:
        the derivatives by the names of wrt that are inputs of the graph. Each new gate stands for one operation of a
        row's rule, for one contribution, or for one addition of contributions, so that the number of gates is bounded
        by the sum of the rows' costs.
    """
    grown, place = graph.copy(), graph.output if output is None else output
    names = {name: index for name, index in graph.inputs.items() if wrt is None or name in wrt}
    emitter = kind(grown, max_gates)
    adjoints = reverse_sweep(emitter, names.values(), place)
    found = {name: adjoints.get(index) for name, index in names.items()}
    gradients = {name: emitter.constant("0") if gate is None else gate for name, gate in found.items()}
    return Derived(grown, place, gradients, adjoints)


def tangents(
    graph: Graph, seeds: Mapping[str, str], outputs: Sequence[int], emitter: Emitter | None = None
) -> tuple[Graph, list[int]]:
    """Directional derivatives of gates by the forward sweep, run on gates.

    Args:
        graph: any; it is not changed, unless it is the emitter's.
        seeds: the direction: input → literal; inputs without one do not move.
        outputs: the gates to differentiate.
        emitter: of this very graph, to append to it.

    Returns:
        the graph that has grown, and for each output the gate of its derivative.
    """
    count = len(graph) if not outputs else max(outputs) + 1
    emitter = emitter or Emitter(graph.copy())
    moved = _forward(emitter, {graph.inputs[name]: number for name, number in seeds.items()}, count)
    return emitter.graph, [moved[gate] if gate in moved else emitter.constant("0") for gate in outputs]


# What a local gradient is, as far as the row alone tells: nothing (a step), 1, -1, an operand's value, or what a rule
# gives, or a gate that is there already. A contribution may have a rule of its own.
_NOTHING, _SAME, _NEGATED, _OPERAND, _RULE, _NUMBER, _OWN, _GATE = range(8)
_Plan = tuple[tuple[int, Any], ...]


def _plan(row: Op, textbook: bool = False) -> _Plan | None:
    """For each operand, what its local gradient is, and the number, position or rule. None for a variadic row."""
    if row.variadic:
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


class _Sweep:
    """What both directions share: the products of what flows over an edge and its local gradient."""

    def __init__(self, emitter: Emitter) -> None:
        self.emitter = emitter
        self.graph = emitter.graph
        self.kind = emitter.kind
        textbook = self.kind == TEXTBOOK
        plans = [_plan(row, textbook) if code > ops.CONSTANT else () for code, row in enumerate(self.graph.rows)]
        self.plans = [_written_out(plan) for plan in plans] if self.kind == PLAIN else plans
        self.most = emitter.max_gates

    def operands(self, index: int) -> tuple[int, ...]:
        if len(self.emitter.traits) > self.most:
            self.check_limit()
        self.emitter.span = self.graph.starts[index], self.graph.ends[index]
        return self.graph.operands[index]

    def check_limit(self) -> None:
        if len(self.emitter.traits) > self.most:
            hint = "raise it with --max-gates, or ask for fewer inputs or a lower order"
            raise LimitError(f"the derivatives need more than {self.most:.0f} gates", hint=hint)

    def partials_of_all(self, index: int) -> _Plan:
        """The plan of a variadic gate, whose rule gives all local gradients at once."""
        graph, number = self.graph, self.emitter.number
        rule: Any = graph.rows[graph.codes[index]].partials[0]
        every = rule(self.emitter.system, number(index), *map(number, graph.operands[index]))
        return tuple((_GATE, self._gate(partial)) for partial in every)

    def product(self, index: int, operands: tuple[int, ...], planned: tuple[int, Any], flow: int) -> int | None:
        """What flows over one edge: an adjoint or a tangent, times the local gradient. None where that is 0."""
        kind, rule = planned
        if kind == _OPERAND:
            found = self._times(flow, operands[rule])
        elif kind == _GATE:
            found = self._times(flow, rule)
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
            elif kind == _RULE:
                partial = rule(emitter.system, number(index), *map(number, operands))
                found = self._times(flow, self._gate(partial))
            else:
                found = self._times(flow, emitter.constant(rule))
        return None if self.emitter.numbers.get(found) == 0.0 else found

    def _gate(self, found: Any) -> int:
        return found.index if isinstance(found, GateNumber) else self.emitter.constant(literal(float(found)))

    def _times(self, flow: int, partial: int) -> int:
        """flow*partial, and 0 where flow is 0, or where partial is 0 because a branch was not chosen.

        The first is what `chain` says, and where the partial is finite anyway it is a plain product. The second
        matters for higher orders: there the zeros that the first sweep let into a branch are partials.
        """
        emitter = self.emitter
        emit, of_flow, of_partial = emitter.emit, emitter.traits[flow], emitter.traits[partial]
        level = of_partial & FINITE
        plain = level == FINITE or (level == BUT_FOR_OVERFLOW and not of_flow & VANISHING)
        if self.kind:
            return emit(_MUL if plain or self.kind == TEXTBOOK else _CHAIN, (flow, partial))
        if not of_partial & BRANCH or of_flow & FINITE == FINITE:
            return emit(_MUL if plain else _CHAIN, (flow, partial))
        if plain:
            return emit(_CHAIN, (partial, flow))
        zero = emitter.constant("0")  # compared with, since a partial that is nan is not a choice
        return emit(_WHERE, (emit(_EQUAL, (partial, zero)), zero, emit(_CHAIN, (flow, partial))))


def reverse_sweep(emitter: Emitter, inputs: Collection[int], output: int) -> dict[int, int]:
    """The adjoint of every gate that depends on the inputs and that the output depends on."""
    sweep, graph, emit = _Sweep(emitter), emitter.graph, emitter.emit
    active, codes, plans = dependents(graph, inputs), graph.codes, sweep.plans
    adjoints: list[int | None] = [None] * (output + 1)
    adjoints[output] = emitter.constant("1") if active[output] else None
    for index in range(output, -1, -1):
        adjoint = adjoints[index]
        if adjoint is None or codes[index] <= ops.CONSTANT:
            continue
        operands = sweep.operands(index)
        plan = plans[codes[index]] or sweep.partials_of_all(index)
        for operand, planned in zip(operands, plan, strict=True):
            if not active[operand]:
                continue
            part = sweep.product(index, operands, planned, adjoint)
            if part is not None:
                before = adjoints[operand]
                adjoints[operand] = part if before is None else emit(_ADD, (before, part))
    sweep.check_limit()
    return {index: gate for index, gate in enumerate(adjoints) if gate is not None}


def _forward(emitter: Emitter, seeds: Mapping[int, str], count: int) -> dict[int, int]:
    """The tangent of every gate among the first count that moves."""
    sweep, graph, emit = _Sweep(emitter), emitter.graph, emitter.emit
    moved = {index: emitter.constant(number) for index, number in seeds.items()}
    for index in range(count):
        if moved.keys().isdisjoint(graph.operands[index]):
            continue
        operands = sweep.operands(index)
        plan = sweep.plans[graph.codes[index]] or sweep.partials_of_all(index)
        total: int | None = None
        for operand, planned in zip(operands, plan, strict=True):
            tangent = moved.get(operand)
            part = None if tangent is None else sweep.product(index, operands, planned, tangent)
            if part is not None:
                total = part if total is None else emit(_ADD, (total, part))
        if total is not None:
            moved[index] = total
    sweep.check_limit()
    return moved


_ADD, _MUL, _NEG, _CHAIN, _WHERE, _EQUAL = (
    ops.CODES[name] for name in ("add", "mul", "neg", "chain", "where", "equal")
)
