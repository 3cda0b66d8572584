"""Appending gates to a graph: what is there already is used again, what is constant is folded.

Enters: a Graph. Leaves: the same graph with more gates, and their positions. Invariant: a simplification never changes
a number: constants fold only where the result is exact, 1*x is x, but 0*x stays, since 0 times infinity is not 0. The
order in which things are added and multiplied is kept.
"""

from __future__ import annotations

import math
from typing import Any

from gradcli.graph import ops
from gradcli.graph.graph import NO_OPERAND, Graph
from gradcli.graph.simplifying import EXACT_INTEGERS, SIMPLER
from gradcli.numeric import gates
from gradcli.numeric.gates import GateNumber
from gradcli.numeric.system import NumberSystem

_ATTRIBUTES = [(ops.attribute(row.name), row.name) for row in ops.ROWS[2:]]


PLAIN, TEXTBOOK = 1, 2
_SURELY_EXACT = 15  # a decimal of so many digits is what its double is printed as


class Emitter:
    """A graph under extension.

    Attributes:
        graph: grows; its first gates stay what they are.
        system: the number system whose numbers are gates of the graph.
        span: the place in the source that new gates get.
        traits: per gate, what is known of its number whatever the inputs are: FINITE, VANISHING, BRANCH.
        max_gates: the most that the sweeps of `derive.py` may let it grow to.
        kind: what these make of a gate: 0, PLAIN or TEXTBOOK.
    """

    kind = 0

    def __init__(self, graph: Graph, max_gates: int | None = None) -> None:
        self.graph = graph
        self.max_gates: float = math.inf if max_gates is None else max_gates
        self.span = (0, 0)
        self.codes = {row.name: code for code, row in enumerate(graph.rows)}
        self.numbers: dict[int, float] = {}  # constants whose number is known: pi, e and tau stay names
        self.traits = bytearray()
        self._known: dict[Any, int] = {}
        self._literals: dict[str, int] = {}  # as they were asked for
        self._rows = [_row_traits(row) for row in graph.rows]
        traits, columns = self.traits, graph.operands
        for index, code in enumerate(graph.codes):
            if code == ops.INPUT:
                traits.append(FINITE)
            elif code == ops.CONSTANT:
                self._note_constant(graph.literals[index] or "", index)
            else:
                a, b = columns.firsts[index], columns.seconds[index]
                operands = (a,) if b == NO_OPERAND else columns.many.get(index) or (a, b)
                self._known.setdefault((code, operands), index)
                of_operands = [traits[operand] for operand in operands]
                every, some = FINITE, 0
                for of_operand in of_operands:
                    every &= of_operand
                    some |= of_operand
                traits.append(self._judge(code, operands, every, some))
            if index in graph.gating:
                traits[index] |= BRANCH
        self.system: NumberSystem = ops.on(self._functions())

    def _functions(self) -> dict[str, Any]:
        return gates.primitives(_ATTRIBUTES, self.named, self.constant)

    def number(self, index: int) -> GateNumber:
        """A gate as a number for rules."""
        found: GateNumber = self.system.gate(index)
        return found

    def constant(self, literal: str) -> int:
        """The gate of a constant."""
        found = self._literals.get(literal)
        if found is None:
            found = self._known.get(_constant_key(literal))
            if found is None:
                found = self.graph.append(ops.CONSTANT, (), literal, *self.span)
                self._note_constant(literal, found)
            self._literals[literal] = found
        return found

    def _note_constant(self, literal: str, index: int) -> None:
        key = _constant_key(literal)
        self._known.setdefault(key, index)
        if key[1] is not None:
            self.numbers[index] = key[1]
        self.traits.append(SPECIAL | (FINITE if _is_finite(literal) else 0))

    def named(self, name: str, operands: tuple[int, ...]) -> int:
        """The gate of a row of that name."""
        return self.emit(self.codes[name], operands)

    def emit(self, code: int, operands: tuple[int, ...]) -> int:
        """The gate of a row and operands: a simpler one that is the same number, one that is there, or a new one."""
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
        if some & SPECIAL and (rule := SIMPLER.get(code)) is not None:
            found = rule(self, *operands)
        if found is None:
            start, end = self.span
            found = self.graph.append(code, operands, None, start, end)
            own, passed, odd = self._rows[code]
            judged = self._judge(code, operands, every, some) if odd else (own & (every | ~FINITE)) | (some & passed)
            traits.append(judged)
        self._known[key] = found
        return found

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
        number = self.numbers.get(operands[1], 0.0)
        harmless = number >= 0.0 and number.is_integer() if code == _POW else number != 0.0
        return BUT_FOR_OVERFLOW if harmless else 0

    def gate_branch(self, index: int) -> None:
        """Note that a gate of a derivative is 0 where a branch is not chosen."""
        if self.graph.codes[index] == _WHERE:
            self.graph.gating.add(index)
            self.traits[index] |= BRANCH

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

    def emit(self, code: int, operands: tuple[int, ...]) -> int:
        self.traits.append(self._judge(code, operands, *self._gathered(operands)))
        return self.graph.append(code, operands, None, *self.span)


# Traits of a gate. FINITE is how finite it is at finite inputs: both bits, or BUT_FOR_OVERFLOW alone, or none, so that
# what is true of all operands is the "and" of them. VANISHING: 0 by construction for some inputs: a branch not chosen,
# a relu's slope, a comparison. BRANCH: of these, only what a derivative lets into branches not chosen. SPECIAL: a
# constant or a negation, which simplifications look for.
BUT_FOR_OVERFLOW, FINITE, VANISHING, BRANCH, SPECIAL = 1, 3, 4, 8, 16


def _row_traits(row: ops.Op) -> tuple[int, int, bool]:
    """What a row says of its gates, what it passes on from its operands, and whether its constants matter."""
    flat = bool(row.partials) and all(isinstance(rule, float) and rule == 0.0 for rule in row.partials)
    traits = (0, BUT_FOR_OVERFLOW, FINITE)[row.finite] | (SPECIAL if row.name == "neg" else 0)
    traits |= VANISHING if flat or row.rectifies or row.name == "where" else 0
    products = row.name in ("add", "sub", "mul", "div", "neg", "chain")
    return traits, VANISHING | BRANCH if products else 0, row.name in ("pow", "div")


def _reads_back(literal: str, number: float) -> bool:
    """Whether the decimal is the one that its double is printed as."""
    if len(literal) <= _SURELY_EXACT and "e" not in literal.lower():
        return True
    if not math.isfinite(number):
        return literal.lstrip("-") in ("inf", "nan")
    from decimal import Decimal

    return Decimal(literal) == Decimal(repr(number))


def _is_finite(literal: str) -> bool:
    try:
        return math.isfinite(float(literal))
    except ValueError:  # pi, e, tau
        return True


def _constant_key(literal: str) -> tuple[str, float | None]:
    """Equal for literals of one number: 2 and 2.0; a literal that only decimals tell apart stays itself, unknown."""
    try:
        number = float(literal)
    except ValueError:  # pi, e, tau
        return literal, None
    if not _reads_back(literal, number):
        return literal, None
    if number.is_integer() and abs(number) < EXACT_INTEGERS:
        return repr(number), number
    return literal, number


_POW, _WHERE = ops.CODES["pow"], ops.CODES["where"]
