"""Which numbers of a multiprecision trace may hide what a higher precision would show.

Enters: a Trace on decimals. Leaves: whether anything in it is doubtful. Invariant: rounding shows in the number itself,
which is short (1 has a single bit) although it comes from an operation that rounds; only what is known as a fraction is
beyond doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.names import NAMED_CONSTANTS
from gradcli.numeric.system import NumberSystem
from gradcli.passes import forward
from gradcli.traces import Trace

_JUMPS = frozenset({"floor", "ceil", "round", "sign", "less", "less_equal", "greater", "greater_equal", "equal"})
_DISCRETE = _JUMPS | {"not_equal", "and", "or", "not"}  # their results are integers
_CHOICES = frozenset({"max", "min", "where", "abs", "neg", "relu", "leaky_relu", "clamp"})  # an operand's value, or 0
_MOST_BITS = 4000  # of a fraction

Known = list[Fraction | None]


def doubtful(trace: Trace, context: Any, doubles: bool) -> bool:
    """Whether a precision that is twice as high might change a number.

    Args:
        context: mpmath's, of the trace.
        doubles: whether the program's constants are doubles; else they are decimals.
    """
    return _doubtful_values(trace.graph, trace.values, context, trace.system, doubles) or _doubtful_slopes(trace)


def _doubtful_values(graph: Graph, values: Sequence[Any], context: Any, m: NumberSystem, doubles: bool) -> bool:
    """Whether a gate's value was rounded to something short, or absorbed a term."""
    known: Known = [None] * len(graph)
    numbers = [context.mpf(value) for value in values]
    for index, operands in enumerate(graph.operands):
        row, y = graph.rows[graph.codes[index]], numbers[index]
        xs, given = [numbers[operand] for operand in operands], [known[operand] for operand in operands]
        if not xs:
            known[index] = _leaf(graph, index, y, context, doubles)
            continue
        if graph.codes[index] >= len(ops.ROWS):
            body = graph.bodies[graph.codes[index] - len(ops.ROWS)]
            inside = forward(body, dict(zip(row.parameters, xs, strict=True)), m)
            if _doubtful_values(body, inside, context, m, doubles):
                return True
        name = row.name if graph.codes[index] < len(ops.ROWS) else ""  # programs may call a function add
        known[index] = _result(name, y, xs, given)
        if known[index] is not None:
            continue
        if name in _DISCRETE or name in _CHOICES:
            if None in given and row.kink is not None and row.kink.at(m, *xs):
                return True
        elif not _from_infinite(xs) and (_is_short(y, context) or _absorbs(name, y, xs)):
            return True
    return False


def _leaf(graph: Graph, index: int, y: Any, context: Any, doubles: bool) -> Fraction | None:
    """An input or a constant as a fraction."""
    if _is_short(y, context):
        return _fraction(y)
    literal = graph.literals[index] or ""
    if doubles or graph.codes[index] != ops.CONSTANT or literal in NAMED_CONSTANTS or abs(context.mag(y)) > _MOST_BITS:
        return None
    return _small(Fraction(literal)) if len(literal) < _MOST_BITS // 4 else None


def _fraction(x: Any) -> Fraction | None:
    """What a multiprecision number stands for, bit by bit."""
    sign, mantissa, exponent, bits = x._mpf_
    if abs(exponent) + bits > _MOST_BITS or (mantissa == 0 and exponent != 0):
        return None
    size: Fraction = Fraction(mantissa) * Fraction(2) ** int(exponent)
    return -size if sign else size


def _small(x: Fraction) -> Fraction | None:
    """x, unless it has become too long to compute with."""
    return x if max(x.numerator.bit_length(), x.denominator.bit_length()) <= _MOST_BITS else None


def _is_short(x: Any, context: Any) -> bool:
    """Whether a number has far fewer bits than rounding leaves; so have 0 and what is not finite."""
    return bool(x._mpf_[3] <= context.prec // 2)


def _from_infinite(xs: Sequence[Any]) -> bool:
    return any(abs(x - x) != 0 for x in xs)


def _absorbs(name: str, y: Any, xs: Sequence[Any]) -> bool:
    """Whether a sum is one of its terms although the other is not 0."""
    return bool(name in ("add", "sub") and 0 not in xs and (y == xs[0] or abs(y) == abs(xs[1])))


def _result(name: str, y: Any, xs: Sequence[Any], given: Sequence[Fraction | None]) -> Fraction | None:
    """A gate's value as a fraction, where it is one for certain."""
    if name == "mul" and 0 in given and not _from_infinite(xs):
        return Fraction(0)
    if name in _CHOICES and y in xs:
        return given[xs.index(y)]
    if name in _DISCRETE or (name in _CHOICES and y == 0):
        return _fraction(y)
    if None in given or _from_infinite([y]):
        return None
    if y == 0 or all(x == 0 for x in xs):
        return _fraction(y)  # log(1), sin(0), exp(0)
    return _arithmetic(name, y, [x for x in given if x is not None])


def _arithmetic(name: str, y: Any, xs: Sequence[Fraction]) -> Fraction | None:
    """The operations that have fractions for results."""
    if name == "add":
        return _small(xs[0] + xs[1])
    if name == "sub":
        return _small(xs[0] - xs[1])
    if name == "mul":
        return _small(xs[0] * xs[1])
    if name == "div":
        return _small(xs[0] / xs[1])
    if name in ("neg", "abs"):
        return -xs[0] if name == "neg" else abs(xs[0])
    if name == "pow" and xs[1].denominator == 1 and abs(xs[1]) * xs[0].numerator.bit_length() <= _MOST_BITS:
        bits = abs(xs[1].numerator) * max(xs[0].numerator.bit_length(), xs[0].denominator.bit_length())
        return xs[0] ** xs[1].numerator if bits <= _MOST_BITS else None
    root = _fraction(y) if name == "sqrt" else None
    return root if root is not None and root * root == xs[0] else None


def _doubtful_slopes(trace: Trace) -> bool:
    """Whether a global gradient is 0 though contributions to it are not, or a slope is 0 or infinite by rounding."""
    graph, cancelled = trace.graph, bytearray(len(trace.graph))
    for index, operands in enumerate(graph.operands):
        partials = trace.partials[index]
        if partials is None:
            continue
        row = graph.rows[graph.codes[index]]
        for position, (operand, partial) in enumerate(zip(operands, partials, strict=True)):
            if partial is None:
                continue
            if abs(partial - partial) != 0 or (partial == 0 and not _has_flat_parts(row, position)):
                if not any(trace.values[x] == 0 or graph.codes[x] < 2 for x in operands):
                    return True
            elif partial != 0 and trace.adjoints[index]:
                cancelled[operand] |= trace.adjoints[operand] == 0
    return any(cancelled)


def _has_flat_parts(row: ops.Op, position: int) -> bool:
    """Whether a slope of 0 is nothing special."""
    return row.kink is not None or row.variadic or row.vjps is not None or isinstance(row.partials[position], float)
