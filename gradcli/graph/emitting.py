"""Appending gates to a graph: what is there already is used again, what is constant is folded.

Enters: a Graph. Leaves: the same graph with more gates, and their positions. Invariant: a simplification never changes
a number: constants fold only where the result is exact, 1*x is x, but 0*x stays, since 0 times infinity is not 0. The
order in which things are added and multiplied is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradcli.graph import ops
from gradcli.graph.graph import NO_OPERAND, Graph
from gradcli.numeric import gates
from gradcli.numeric.gates import GateNumber
from gradcli.numeric.system import NumberSystem

_ATTRIBUTES = [(ops.attribute(row.name), row.name) for row in ops.ROWS[2:]]
_MOST_DIGITS = 17  # of a folded constant
_EXACT_INTEGERS = 2.0**53


PLAIN, TEXTBOOK = 1, 2


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
        self.traits.append(SPECIAL | (FINITE if key[1] is None or math.isfinite(key[1]) else 0))

    def named(self, name: str, operands: tuple[int, ...]) -> int:
        """The gate of a row of that name."""
        return self.emit(self.codes[name], operands)

    def emit(self, code: int, operands: tuple[int, ...]) -> int:
        """The gate of a row and operands: a simpler one that is the same number, one that is there, or a new one."""
        key = code, operands
        found = self._known.get(key)
        if found is not None:
            return found
        every, some = self._gathered(operands)
        if some & SPECIAL and (rule := _SIMPLER.get(code)) is not None:
            found = rule(self, *operands)
        if found is None:
            start, end = self.span
            found = self.graph.append(code, operands, None, start, end)
            self.traits.append(self._judge(code, operands, every, some))
        self._known[key] = found
        return found

    def _gathered(self, operands: tuple[int, ...]) -> tuple[int, int]:
        """The traits that all operands have, and those that some have."""
        traits = self.traits
        if len(operands) == 2:  # nearly always: worth a line
            first, second = traits[operands[0]], traits[operands[1]]
            return first & second & FINITE, first | second
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
        if code == _WHERE:
            chosen_zero = any(self.is_number(operand, 0.0) for operand in operands[1:])
            return FINITE | VANISHING | (BRANCH if chosen_zero else 0)
        number = self.numbers.get(operands[1], 0.0)
        harmless = number >= 0.0 and number.is_integer() if code == _POW else number != 0.0
        return BUT_FOR_OVERFLOW if harmless else 0

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
# a relu's slope, a comparison. BRANCH: of these, only the branches not chosen. SPECIAL: a constant or a negation, which
# simplifications look for.
BUT_FOR_OVERFLOW, FINITE, VANISHING, BRANCH, SPECIAL = 1, 3, 4, 8, 16


def _row_traits(row: ops.Op) -> tuple[int, int, bool]:
    """What a row says of its gates, what it passes on from its operands, and whether its constants matter."""
    flat = bool(row.partials) and all(isinstance(rule, float) and rule == 0.0 for rule in row.partials)
    traits = (0, BUT_FOR_OVERFLOW, FINITE)[row.finite] | (SPECIAL if row.name == "neg" else 0)
    traits |= VANISHING if flat or row.rectifies else 0
    products = row.name in ("add", "sub", "mul", "div", "neg", "chain")
    return traits, VANISHING | BRANCH if products else 0, row.name in ("where", "pow", "div")


def _constant_key(literal: str) -> tuple[str, float | None]:
    """Equal for literals of one number: 2 and 2.0; a literal that only decimals tell apart stays itself."""
    try:
        number = float(literal)
    except ValueError:  # pi, e, tau
        return literal, None
    if number.is_integer() and abs(number) < _EXACT_INTEGERS:
        return repr(number), number
    return literal, number


# Simplifications: each takes the emitter and the operands, and returns a gate or None. All are exact.


def _exact(e: Emitter, a: int, b: int, sign: str) -> int | None:
    """A sum, difference or product of two constants, if neither floats nor decimals lose anything."""
    x, y = e.numbers.get(a), e.numbers.get(b)
    if x is None or y is None or not (math.isfinite(x) and math.isfinite(y)):
        return None
    rounded = x + y if sign == "+" else x - y if sign == "-" else x * y
    if x.is_integer() and y.is_integer() and abs(rounded) < _EXACT_INTEGERS:
        return e.constant(gates.literal(rounded))
    from decimal import Context, Decimal, Inexact

    context = Context(prec=_MOST_DIGITS)
    p, q = (Decimal((e.graph.literals[i] or "").replace("_", "")) for i in (a, b))
    operation = {"+": context.add, "-": context.subtract, "*": context.multiply}[sign]
    result = operation(p, q)
    if context.flags[Inexact] or float(result) != rounded:
        return None
    return e.constant(str(result.normalize()).replace("E+", "e").replace("E", "e"))


def _add(e: Emitter, a: int, b: int) -> int | None:
    """Also x + -y and -y + x as x - y, and x + -2 as x - 2: two terms can be swapped, three cannot."""
    for one, other in ((b, a), (a, b)):
        negated = _operand_of(e, one, _NEG)
        if negated is not None:
            return e.emit(_SUB, (other, negated))
    if (found := _exact(e, a, b, "+")) is not None:
        return found
    for one, other in ((b, a), (a, b)):
        if e.numbers.get(one, 0.0) < 0.0:
            return e.emit(_SUB, (other, e.emit(_NEG, (one,))))
    return None


def _sub(e: Emitter, a: int, b: int) -> int | None:
    negated = _operand_of(e, b, _NEG)
    if negated is not None:
        return e.emit(_ADD, (a, negated))
    return _exact(e, a, b, "-")


def _mul(e: Emitter, a: int, b: int) -> int | None:
    x, y = e.numbers.get(a), e.numbers.get(b)
    if x is None and y is None:
        return None
    if x == 1.0:
        return b
    if y == 1.0:
        return a
    if x == -1.0:
        return e.emit(_NEG, (b,))
    if y == -1.0:
        return e.emit(_NEG, (a,))
    if x is not None and y is not None:
        return _exact(e, a, b, "*")
    return _scaled(e, b, a) if x is None else _scaled(e, a, b)


def _scaled(e: Emitter, number: int, inner: int) -> int | None:
    """p*(q*x) as (p*q)*x, in any order, where p or q is a power of two, which multiplies without rounding."""
    if e.graph.codes[inner] != _MUL:
        return None
    first, second = e.graph.operands[inner]
    factor, rest = (first, second) if first in e.numbers else (second, first)
    if factor not in e.numbers or not (_is_power_of_two(e.numbers[number]) or _is_power_of_two(e.numbers[factor])):
        return None
    product = _exact(e, number, factor, "*")
    if product is None:
        return None
    return e.emit(_MUL, (product, rest) if factor == first else (rest, product))


def _is_power_of_two(x: float) -> bool:
    return math.isfinite(x) and abs(math.frexp(x)[0]) == 0.5


def _div(e: Emitter, a: int, b: int) -> int | None:
    if e.is_number(b, 1.0):
        return a
    divisor = e.numbers.get(b)
    if divisor is None or a not in e.numbers or not _is_power_of_two(divisor) or not 1.0 <= abs(divisor) <= 1024.0:
        return None
    return _exact(e, a, e.constant(gates.literal(1.0 / divisor)), "*")


def _neg(e: Emitter, a: int) -> int | None:
    if a in e.numbers:
        digits = e.graph.literals[a] or ""
        return e.constant(digits[1:] if digits.startswith("-") else "-" + digits)
    return _operand_of(e, a, _NEG)


def _pow(e: Emitter, a: int, b: int) -> int | None:
    exponent = e.numbers.get(b)
    if exponent == 1.0:
        return a
    return e.constant("1") if exponent == 0.0 else None


def _where(e: Emitter, condition: int, a: int, b: int) -> int | None:
    chosen = e.numbers.get(condition)
    return None if chosen is None or math.isnan(chosen) else a if chosen != 0.0 else b


def _and(e: Emitter, a: int, b: int) -> int | None:
    if e.is_number(a, 0.0) or e.is_number(b, 0.0):
        return e.constant("0")
    return _truth(lambda x, y: x != 0.0 and y != 0.0)(e, a, b)


def _truth(holds: Callable[..., bool]) -> Callable[..., int | None]:
    """A comparison of constants."""

    def fold(e: Emitter, *operands: int) -> int | None:
        numbers = [e.numbers.get(operand) for operand in operands]
        return None if None in numbers else e.constant("1" if holds(*numbers) else "0")

    return fold


def _abs(e: Emitter, a: int) -> int | None:
    return e.emit(_NEG, (a,)) if e.numbers.get(a, 0.0) < 0.0 else a if e.numbers.get(a, -1.0) >= 0.0 else None


def _chain(e: Emitter, adjoint: int, partial: int) -> int | None:
    if e.is_number(adjoint, 1.0):
        return partial
    if e.is_number(adjoint, 0.0):
        return adjoint
    if e.is_number(partial, 1.0):
        return adjoint
    return e.emit(_NEG, (adjoint,)) if e.is_number(partial, -1.0) else None


def _operand_of(e: Emitter, index: int, code: int) -> int | None:
    return e.graph.operands.firsts[index] if e.graph.codes[index] == code else None


_ADD, _SUB, _MUL, _NEG, _POW, _WHERE = (ops.CODES[name] for name in ("add", "sub", "mul", "neg", "pow", "where"))
_BY_NAME: dict[str, Callable[..., int | None]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "neg": _neg,
    "pow": _pow,
    "where": _where,
    "and": _and,
    "or": _truth(lambda x, y: x != 0.0 or y != 0.0),
    "not": _truth(lambda x: x == 0.0),
    "less": _truth(lambda x, y: x < y),
    "less_equal": _truth(lambda x, y: x <= y),
    "equal": _truth(lambda x, y: x == y),
    "not_equal": _truth(lambda x, y: x != y),
    "abs": _abs,
    "chain": _chain,
}
_SIMPLER = {ops.CODES[name]: rule for name, rule in _BY_NAME.items()}
