"""Simpler gates that are the same number.

Enters: the emitter and the operands of a gate to be. Leaves: a gate, or None where there is nothing simpler. Invariant:
every simplification is exact in IEEE arithmetic and in decimals, nan and infinities included; only a product of two
constants, one a power of two, may save an intermediate number that over- or underflows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from gradcli.graph import ops
from gradcli.graph.graph import result_shape
from gradcli.graph.ops.layout import Settings, Shape, broadcast, size
from gradcli.numeric import gates

if TYPE_CHECKING:
    from gradcli.graph.emitting import Emitter

EXACT_INTEGERS = 2.0**53
_MOST_DIGITS = 17  # of a folded constant


def _exact(e: Emitter, a: int, b: int, sign: str) -> int | None:
    """A sum, difference or product of two constants, if neither floats nor decimals lose anything."""
    x, y = e.numbers.get(a), e.numbers.get(b)
    if x is None or y is None or not (math.isfinite(x) and math.isfinite(y)):
        return None
    rounded = x + y if sign == "+" else x - y if sign == "-" else x * y
    if x.is_integer() and y.is_integer() and abs(rounded) < EXACT_INTEGERS:
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


_ADD, _SUB, _MUL, _NEG = (ops.CODES[name] for name in ("add", "sub", "mul", "neg"))
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
SIMPLER = {ops.CODES[name]: rule for name, rule in _BY_NAME.items()}


# Arrays


def narrowed(e: Emitter, code: int, operands: tuple[int, ...]) -> int | None:
    """A gate that works element by element, before what its operands are repeats of is repeated: f(repeat x) is
    repeat f(x). None where no operand is a repeat."""
    codes, firsts = e.graph.codes, e.graph.operands.firsts
    inner = tuple(firsts[operand] if codes[operand] == BROADCAST else operand for operand in operands)
    if inner == operands:
        return None
    return e.spread(e.emit(code, inner), broadcast([e.shape(operand) for operand in operands]))


def arranged(e: Emitter, code: int, operands: tuple[int, ...], settings: Settings) -> int | None:
    """A simpler gate for a structural one of one operand, or None."""
    rule = _ARRANGED.get(code)
    if rule is None:
        return None
    shape = result_shape(e.graph.rows[code], [e.shape(operands[0])], settings)
    return rule(e, operands[0], shape, settings)


def _moved(e: Emitter, a: int, shape: Shape, settings: Settings) -> int | None:
    """What only moves elements: nothing where the array stays as it is, and a repeated number stays one."""
    if e.graph.codes[a] == BROADCAST and not e.shape(inner := e.graph.operands.firsts[a]):
        return e.spread(inner, shape)
    return None


def _kept(e: Emitter, a: int, shape: Shape, settings: Settings) -> int | None:
    """The same, where an array of the same shape is the same array."""
    return a if e.shape(a) == shape else _moved(e, a, shape, settings)


def _reshape(e: Emitter, a: int, shape: Shape, settings: Settings) -> int | None:
    if (inner := _operand_of(e, a, _RESHAPE)) is not None:
        return inner if e.shape(inner) == shape else e.emit(_RESHAPE, (inner,), settings)
    return _kept(e, a, shape, settings)


def _broadcast(e: Emitter, a: int, shape: Shape, settings: Settings) -> int | None:
    """Also a repeat of a repeat, and of a number that was made an array first."""
    if e.shape(a) == shape:
        return a
    if (inner := _operand_of(e, a, BROADCAST)) is not None:
        return e.spread(inner, shape)
    inner = _operand_of(e, a, _RESHAPE)
    return e.spread(inner, shape) if inner is not None and not e.shape(inner) else None


def _transpose(e: Emitter, a: int, shape: Shape, settings: Settings) -> int | None:
    order: Shape = dict(settings)["order"]
    if order == tuple(range(len(order))):
        return a
    if (inner := _operand_of(e, a, _TRANSPOSE)) is not None:
        first: Shape = dict(e.graph.settings[a])["order"]
        return e.emit(_TRANSPOSE, (inner,), (("order", tuple(first[axis] for axis in order)),))
    return _moved(e, a, shape, settings)


def _total(e: Emitter, a: int, shape: Shape, settings: Settings) -> int | None:
    """A sum over nothing, and a sum of equal whole numbers, all partial sums of which are exact."""
    if e.shape(a) == shape:
        return a
    inner = _operand_of(e, a, BROADCAST)
    number = e.numbers.get(a if inner is None else inner)
    if number is None or not number.is_integer():
        return None
    total = number * (size(e.shape(a)) // size(shape)) if size(shape) else math.inf
    return e.spread(e.constant(gates.literal(total)), shape) if abs(total) < EXACT_INTEGERS else None


def _scatter(e: Emitter, a: int, shape: Shape, settings: Settings) -> int | None:
    if e.shape(a) == shape:
        return a
    return e.spread(e.constant("0"), shape) if a in e.zeros else None


BROADCAST, _RESHAPE, _TRANSPOSE = (ops.CODES[name] for name in ("broadcast_to", "reshape", "transpose"))
_BY_ROW: dict[str, Callable[[Emitter, int, Shape, Settings], int | None]] = {
    "reshape": _reshape,
    "broadcast_to": _broadcast,
    "transpose": _transpose,
    "index": _kept,
    "flip": _moved,
    "sum": _total,
    "sum_to": _total,
    "scatter": _scatter,
}
_ARRANGED = {ops.CODES[name]: rule for name, rule in _BY_ROW.items()}
