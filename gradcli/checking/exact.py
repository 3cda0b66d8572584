"""Both passes in multiprecision, with a precision that is doubled until the result can be believed.

Enters: a graph, its inputs at any precision, the digits wanted. Leaves: a Trace whose numbers all have these digits.
Invariant: two runs that agree are not enough. A term that is absorbed leaves the same wrong number at 50 and at 60
digits: 1 - cos(1e-40) is 0 in both. What doubts.py finds doubtful is believed at the last precision only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gradcli.checking.doubts import doubtful
from gradcli.errors import LimitError
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.numeric.decimals import Decimals
from gradcli.numeric.system import NumberSystem
from gradcli.passes import evaluate_graph
from gradcli.traces import Trace

Numbers = Callable[[NumberSystem], Mapping[str, Any]]

FIRST, LAST = 50, 2000  # digits; the last is doubled where more than half of it is wanted
_SPARE = 20  # digits computed beyond those wanted

_MOST_BITS = 1100  # of an exponent: any double is fine
_MOST_REDUCED = 40_000  # bits before the point of an angle
_EXPONENTIAL = ("exp", "expm1", "sinh", "cosh", "tanh", "erf")
_PERIODIC = ("sin", "cos", "tan", "mod")


def system(decimals: Decimals) -> NumberSystem:
    """The number system of a Decimals, which refuses what does not fit into memory."""
    c, primitives = decimals.context, decimals.primitives
    bounded = {name: _exponential(c, primitives[name]) for name in _EXPONENTIAL}
    bounded |= {name: _reduced(c, name, primitives[name]) for name in _PERIODIC}
    m = ops.on(primitives | bounded | {"pow": _power(c, primitives["pow"])})
    m.write, m.literal = decimals.write, decimals.literal
    return m


def _magnitude(c: Any, x: Any) -> int:
    """The position of the first bit; 0 for what has none."""
    x = c.mpf(x)
    return int(c.mag(x)) if c.isfinite(x) and x != 0 else 0


def _exponential(c: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function; at an operand larger than all doubles what it is at infinity."""
    return lambda x: function(x if _magnitude(c, x) < _MOST_BITS else c.inf if x > 0 else c.ninf)


def _power(c: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    def pow(a: Any, b: Any) -> Any:
        if max(_magnitude(c, b), 0) + abs(_magnitude(c, a)).bit_length() < _MOST_BITS or abs(a) == 1:
            return function(a, b)
        return function(a, c.inf if b > 0 else c.ninf)

    return pow


def _reduced(c: Any, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*xs: Any) -> Any:
        if any(_magnitude(c, x) > _MOST_REDUCED for x in xs):
            raise LimitError(f"{name} of a number of more than {_MOST_REDUCED * 3 // 10:,} digits can't be computed")
        return function(*xs)

    return call


def settle(
    graph: Graph, numbers: Numbers, wrt: Sequence[str] | None = None, digits: int = 30, *, doubles: bool = False
) -> Trace:
    """Evaluate until every number is right to the digits wanted.

    Args:
        numbers: the inputs in a number system, at its precision.
        wrt: the inputs to differentiate by; None means all.
        digits: how many have to be right; as many are written.
        doubles: whether the program's constants are doubles; else they are decimals, pi and e exact.
    """
    precision = max(FIRST, digits + _SPARE)
    last = max(LAST, 2 * precision)
    decimals = Decimals(precision, digits, doubles)
    m, context = system(decimals), decimals.context
    before = evaluate_graph(graph, numbers(m), wrt, m)
    while True:
        precision = min(2 * precision, last)
        context.dps = precision
        now = evaluate_graph(graph, numbers(m), wrt, m)
        near = context.mpf(10) ** -(digits + _SPARE // 4)
        if precision >= last or (_agree(before, now, near) and not doubtful(now, context, doubles)):
            break
        before = now
    _drop_noise(before, now, near, context)
    return now


def _columns(trace: Trace) -> Iterator[list[Any]]:
    """All numbers of a trace, in lists."""
    yield trace.values
    yield trace.adjoints
    yield trace.partials.firsts
    yield trace.partials.seconds


def _same(before: Any, now: Any, near: Any) -> bool:
    if now is None or before is None or before == now:
        return before is now or before == now
    if abs(now - now) != 0 or abs(before - before) != 0:  # one is not finite
        return bool(before != before and now != now)
    return bool(abs(before - now) <= abs(now) * near)


def _agree(before: Trace, now: Trace, near: Any) -> bool:
    columns = zip(_columns(before), _columns(now), strict=True)
    if not all(_same(a, b, near) for column, other in columns for a, b in zip(column, other, strict=True)):
        return False
    many = before.partials.many
    return all(_same(a, b, near) for index in many for a, b in zip(many[index], now.partials.many[index], strict=True))


def _drop_noise(before: Trace, now: Trace, near: Any, context: Any) -> None:
    """At the last precision, what still shrinks with every digit is 0."""
    least = context.mpf(10) ** -(context.dps // 2)

    def kept(a: Any, b: Any) -> Any:
        return b if b is None or not abs(b) < least or _same(a, b, near) else context.zero

    for column, other in zip(_columns(before), _columns(now), strict=True):
        other[:] = map(kept, column, other)
    for index, partials in now.partials.many.items():
        now.partials.many[index] = tuple(map(kept, before.partials.many[index], partials))
