"""Appending gates to a graph: what is there already is used again, what is constant is folded.

Enters: a Graph. Leaves: the same graph with more gates, and their positions. Invariant: a simplification never changes
a number: constants fold only where the result is exact, 1*x is x, but 0*x stays, since 0 times infinity is not 0. The
order in which things are added and multiplied is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from gradcli.graph import ops
from gradcli.graph.graph import NO_OPERAND, Graph
from gradcli.graph.ops.layout import Settings, Shape, broadcast, canonical
from gradcli.graph.simplifying import BROADCAST, SIMPLER, arranged, narrowed
from gradcli.graph.traits import (
    ARRAY,
    BRANCH,
    BUT_FOR_OVERFLOW,
    FINITE,
    LOOKED_FOR,
    SPECIAL,
    VANISHING,
    constant_key,
    is_finite,
    row_traits,
)
from gradcli.numeric import gates
from gradcli.numeric.gates import GateNumber
from gradcli.numeric.system import NumberSystem

_ATTRIBUTES = [(ops.attribute(row.name), row.name) for row in ops.ELEMENTWISE]
_STRUCTURAL = [row.name for row in ops.STRUCTURAL]

PLAIN, TEXTBOOK = 1, 2


class Emitter:
    """A graph under extension.

    Attributes:
        graph: grows; its first gates stay what they are.
        system: the number system whose numbers are gates of the graph.
        span: the place in the source that new gates get.
        traits: per gate, what is known of its number whatever the inputs are: FINITE, VANISHING, BRANCH, and ARRAY.
        zeros: gates that are 0, or arrays of nothing else, by construction.
        max_gates: the most that the sweeps of `derive.py` may let it grow to.
        kind: what these make of a gate: 0, PLAIN or TEXTBOOK.
    """

    kind = 0

    def __init__(self, graph: Graph, max_gates: int | None = None) -> None:
        self.graph = graph
        self.max_gates: float = math.inf if max_gates is None else max_gates
        self.span = (0, 0)
        own = range(len(ops.ROWS), len(graph.rows))  # what the program defines itself
        self.codes = ops.CODES | {graph.rows[code].name: code for code in own} if own else ops.CODES
        self.numbers: dict[int, float] = {}  # constants whose number is known: pi, e and tau stay names
        self.zeros: set[int] = set()
        self.traits = bytearray()
        self._known: dict[Any, int] = {}
        self._literals: dict[str, int] = {}  # as they were asked for
        self._rows = [*_TABLE, *(row_traits(graph.rows[code]) for code in own)] if own else _TABLE
        self.shapes = graph.shapes
        traits, columns, settings = self.traits, graph.operands, graph.settings
        arrays = bool(graph.shapes or settings)
        for index, code in enumerate(graph.codes):
            if code == ops.INPUT:
                traits.append(FINITE | (ARRAY if index in graph.shapes else 0))
            elif code == ops.CONSTANT:
                self._note_constant(graph.literals[index] or "", index)
            else:
                a, b = columns.firsts[index], columns.seconds[index]
                operands = (a,) if b == NO_OPERAND else columns.many.get(index) or (a, b)
                structural = arrays and graph.rows[code].structural
                key = (code, operands, settings.get(index, ())) if structural else (code, operands)
                self._known.setdefault(key, index)
                of_operands = [traits[operand] for operand in operands]
                every, some = FINITE, 0
                for of_operand in of_operands:
                    every &= of_operand
                    some |= of_operand
                traits.append(self._judge(code, operands, every, some))
                if code == BROADCAST and a in self.zeros:
                    self.zeros.add(index)
            if index in graph.gating:
                traits[index] |= BRANCH
        self.system: NumberSystem = ops.on(self._functions())

    def _functions(self) -> dict[str, Any]:
        if not (self.graph.shapes or self.graph.settings):
            return gates.primitives(_ATTRIBUTES, self.named, self.constant)
        found = gates.primitives(
            _ATTRIBUTES, self.named, self.constant, _STRUCTURAL, self.structural, self.shape, self.times
        )
        return found | {"matmul_chained": lambda a, b, flow: self._matmul_chained(a, b, flow)}

    def number(self, index: int) -> GateNumber:
        """A gate as a number for rules."""
        found: GateNumber = self.system.gate(index)
        return found

    def shape(self, index: int) -> Shape:
        """Of a gate; () is a number."""
        return self.shapes.get(index, ())

    def constant(self, literal: str) -> int:
        """The gate of a constant."""
        found = self._literals.get(literal)
        if found is None:
            found = self._known.get(constant_key(literal))
            if found is None:
                found = self.graph.append(ops.CONSTANT, (), literal, *self.span)
                self._note_constant(literal, found)
            self._literals[literal] = found
        return found

    def _note_constant(self, literal: str, index: int) -> None:
        key = constant_key(literal)
        self._known.setdefault(key, index)
        if key[1] is not None:
            self.numbers[index] = key[1]
            if key[1] == 0.0:
                self.zeros.add(index)
        array = ARRAY if literal.startswith("[") else 0
        self.traits.append(SPECIAL | array | (FINITE if is_finite(literal) else 0))

    def named(self, name: str, operands: tuple[int, ...]) -> int:
        """The gate of a row of that name."""
        return self.emit(self.codes[name], operands)

    def structural(self, name: str, operands: tuple[int, ...], given: Mapping[str, Any]) -> int:
        """The gate of a row that works on whole arrays, its settings given by name."""
        code = self.codes[name]
        shapes = [self.shape(operand) for operand in operands]
        return self.emit(code, operands, canonical(self.graph.rows[code].settings, given, shapes))

    def spread(self, index: int, shape: Shape) -> int:
        """A gate repeated to a shape; itself where it has this shape."""
        return index if self.shape(index) == shape else self.emit(BROADCAST, (index,), (("shape", shape),))

    def emit(self, code: int, operands: tuple[int, ...], settings: Settings | None = None) -> int:
        """The gate of a row and operands: a simpler one that is the same number, one that is there, or a new one.

        Args:
            settings: of a structural row, canonical.
        """
        if settings is not None:
            return self._emit_structural(code, operands, settings)
        key = code, operands
        found = self._known.get(key)
        if found is not None:
            return found
        traits = self.traits
        if len(operands) == 2:  # nearly always: worth two lines
            first, second = traits[operands[0]], traits[operands[1]]
            every, some = first & second & FINITE, first | second
        else:
            every, some = self._gathered(operands)
        if some & LOOKED_FOR:
            if some & ARRAY:
                found = self._simpler_array(code, operands)
            elif (rule := SIMPLER.get(code)) is not None:
                found = rule(self, *operands)
        if found is None:
            start, end = self.span
            found = self.graph.append(code, operands, None, start, end)
            own, passed, odd = self._rows[code]
            judged = self._judge(code, operands, every, some) if odd else (own & (every | ~FINITE)) | (some & passed)
            traits.append(judged)
        self._known[key] = found
        return found

    def _emit_structural(self, code: int, operands: tuple[int, ...], settings: Settings) -> int:
        key = code, operands, settings
        found = self._known.get(key)
        if found is None:
            found = arranged(self, code, operands, settings)
            found = self._known[key] = self._append(code, operands, settings) if found is None else found
            if code == BROADCAST and operands[0] in self.zeros:
                self.zeros.add(found)
        return found

    def _simpler_array(self, code: int, operands: tuple[int, ...]) -> int | None:
        """What is simpler than a gate that works element by element; it has the gate's shape."""
        found = narrowed(self, code, operands)
        rule = SIMPLER.get(code)
        if found is None and rule is not None and (found := rule(self, *operands)) is not None:
            found = self.spread(found, broadcast([self.shape(operand) for operand in operands]))
        return found

    def _append(self, code: int, operands: tuple[int, ...], settings: Settings | None) -> int:
        """A new gate."""
        found = self.graph.append(code, operands, None, *self.span, settings)
        array = ARRAY if found in self.shapes else 0
        self.traits.append(self._judge(code, operands, *self._gathered(operands)) & ~ARRAY | array)
        return found

    def times(self, flow: int, partial: int) -> int:
        """flow*partial, and 0 where flow is 0, or where partial is 0 because a branch was not chosen.

        The first is what `chain` says, and where the partial is finite anyway it is a plain product. The second
        matters for higher orders: there the zeros that the first sweep let into a branch are partials.
        """
        emit, of_flow, of_partial = self.emit, self.traits[flow], self.traits[partial]
        level = of_partial & FINITE
        plain = level == FINITE or (level == BUT_FOR_OVERFLOW and not of_flow & VANISHING)
        if self.kind:
            return emit(_MUL if plain or self.kind == TEXTBOOK else _CHAIN, (flow, partial))
        if not of_partial & BRANCH or of_flow & FINITE == FINITE:
            return emit(_MUL if plain else _CHAIN, (flow, partial))
        if plain:
            return emit(_CHAIN, (partial, flow))
        zero = self.constant("0")  # compared with, since a partial that is nan is not a choice
        return emit(_WHERE, (emit(_EQUAL, (partial, zero)), zero, emit(_CHAIN, (flow, partial))))

    def _matmul_chained(self, a: GateNumber, b: GateNumber, flow: int) -> GateNumber:
        """A product of matrices whose products are as `times` makes them; a or b is what flows.

        Only what may be infinite without overflow is worth writing the products out, which takes memory.
        """
        m, (x, y) = self.system, (self.traits[a.index], self.traits[b.index])
        of_flow, of_partial = (x, y) if flow == 0 else (y, x)
        if self.kind == TEXTBOOK or (of_partial & FINITE and (of_flow & FINITE or not of_partial & BRANCH)):
            return m.matmul(a, b)  # type: ignore[no-any-return]
        left, right = self.shape(a.index), self.shape(b.index)
        rows = m.reshape(a, shape=(*left, 1)) if len(right) > 1 else a
        columns = m.reshape(b, shape=(*right[:-2], 1, *right[-2:])) if len(left) > 1 and len(right) > 1 else b
        products = m.chain(rows, columns) if flow == 0 else m.chain(columns, rows)
        return m.sum(products, axis=-2 if len(right) > 1 else -1)  # type: ignore[no-any-return]

    def _gathered(self, operands: tuple[int, ...]) -> tuple[int, int]:
        """The traits that all operands have, and those that some have."""
        traits = self.traits
        every, some = FINITE, 0
        for operand in operands:
            every &= traits[operand]
            some |= traits[operand]
        return every, some

    def _judge(self, code: int, operands: tuple[int, ...], every: int, some: int) -> int:
        """The traits of a gate, from those of its row, and those that all and that some of its operands have."""
        own, passed, odd = self._rows[code]
        if odd:
            own = self._odd(code, operands)
        return (own & (every | ~FINITE)) | (some & passed)

    def _odd(self, code: int, operands: tuple[int, ...]) -> int:
        """The traits of a row that depend on a constant operand."""
        number = self._number(operands[1])
        harmless = number is not None and (number >= 0.0 and number.is_integer() if code == _POW else number != 0.0)
        return BUT_FOR_OVERFLOW if harmless else 0

    def _number(self, index: int) -> float | None:
        """A constant, or the difference of two, as an exponent is one where nothing is folded."""
        if self.graph.codes[index] != _SUB:
            return self.numbers.get(index)
        x, y = (self.numbers.get(operand) for operand in self.graph.operands[index])
        return None if x is None or y is None else x - y

    def gate_branch(self, index: int) -> None:
        """Note that a gate of a derivative is 0 where a branch is not chosen, or an element not taken."""
        codes, spread = self.graph.codes, []
        while codes[index] == BROADCAST:
            spread.append(index)
            index = self.graph.operands.firsts[index]
        if codes[index] in _GATING:
            self.graph.gating.add(index)
            for gate in (index, *spread):
                self.traits[gate] |= BRANCH

    def kept_zero(self, flow: int, found: int) -> int:
        """A choice of what flows, and 0 where that is 0, though the condition is nan, which chooses neither branch."""
        if self.kind or self.graph.codes[found] != _WHERE or flow in self.numbers:
            return found
        if not self.may_be_nan(self.graph.operands.firsts[found], flow):
            return found
        before, zero = len(self.graph), self.constant("0")
        kept = self.emit(_WHERE, (self.emit(_EQUAL, (flow, zero)), zero, found))
        if kept >= before:
            self.gate_branch(kept)
        return kept

    def may_be_nan(self, index: int, flow: int) -> bool:
        """Whether a condition may be nan at finite inputs where what flows is 0."""
        level = self.traits[index] & FINITE
        sure = level == FINITE or (level == BUT_FOR_OVERFLOW and not self.traits[flow] & VANISHING)
        return not sure and not self.is_truth(index)

    def is_truth(self, index: int) -> bool:
        """Whether a gate is 0 or 1 whatever its operands are."""
        return self.graph.codes[index] in _TRUTHS

    def is_number(self, index: int, number: float) -> bool:
        """Whether a gate is this constant."""
        return self.numbers.get(index) == number


class TextbookEmitter(Emitter):
    """For derivatives by the rules of textbooks: no guards, so that they may be undefined at odd points."""

    kind = TEXTBOOK

    def _functions(self) -> dict[str, Any]:
        return super()._functions() | {"defined": lambda condition, x: x}


class PlainEmitter(Emitter):
    """Appends every gate as it comes: nothing is folded, nothing shared."""

    kind = PLAIN

    def constant(self, literal: str) -> int:
        found = self.graph.append(ops.CONSTANT, (), literal, *self.span)
        self._note_constant(literal, found)
        return found

    def emit(self, code: int, operands: tuple[int, ...], settings: Settings | None = None) -> int:
        return self._append(code, operands, settings)


_POW, _SUB, _MUL, _CHAIN, _WHERE, _EQUAL = (
    ops.CODES[name] for name in ("pow", "sub", "mul", "chain", "where", "equal")
)
_GATING = {_WHERE, ops.CODES["scatter"]}
_TRUTHS = {
    ops.CODES[name]
    for name in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "and", "or", "not")
}
_TABLE = [row_traits(row) for row in ops.ROWS]
