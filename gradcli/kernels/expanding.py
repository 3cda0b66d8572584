"""Functions of floats as several steps on columns, where steps are shared or faster.

Enters: nodes under construction and a function's operands. Leaves: the node of the result, or None where the function
stays one step. Invariant: the numbers are those of the function of floats, within 4 units in the last place.
"""

from __future__ import annotations

from collections.abc import Callable
from math import frexp
from typing import TYPE_CHECKING, Any

from gradcli.kernels.tangents import FAST_TANGENT

if TYPE_CHECKING:
    from gradcli.kernels.nodes import Nodes

MASKS = ("less", "less_equal", "equal", "not_equal")
PARTS = (
    *(f"{which}_{name}" for which in ("all_of", "none_of") for name in MASKS), "kept", "selected",
    "kept_from", "kept_to", "sigmoid_of_parts", "bell_of_parts", "silu_of_parts", "cosine_of_tangent",
    "sine_of_tangent", "root", "pow_slope_of_power",
)  # fmt: skip


def _number(nodes: Nodes, x: Any) -> float | None:
    return nodes.numbers.get(x.index)


def _sigmoid(nodes: Nodes, x: Any) -> Any:
    """1/(1 + exp(-x)), and far left, where exp(-x) overflows, the function itself."""
    m = nodes.system
    return m.sigmoid_of_parts(1.0 + m.exp(-x), x)


def _sigmoid_slope(nodes: Nodes, x: Any) -> Any:
    m = nodes.system
    e = m.exp(-x)
    return m.bell_of_parts(e, 1.0 + e, x)


def _silu(nodes: Nodes, x: Any) -> Any:
    m = nodes.system
    return m.silu_of_parts(x, m.sigmoid(x))


def _softplus(m: Any, x: Any) -> Any:
    """The sum hides the sign of a zero, which relu need not tell as max does."""
    return m.relu(x) + m.log1p(m.exp(-m.abs(x)))


def _logsigmoid(m: Any, x: Any) -> Any:
    return (0.0 - m.relu(-x)) - m.log1p(m.exp(-m.abs(x)))


def _sech_squared(nodes: Nodes, x: Any) -> Any:
    m = nodes.system
    e = m.exp(-2.0 * m.abs(x))
    d = 1.0 + e
    return m.div(4.0 * e, d * d)


def _tanh_slope(nodes: Nodes, x: Any, y: Any) -> Any:
    return nodes.system.sech_squared(x)


def _power(nodes: Nodes, x: Any, a: Any) -> Any:
    """Small powers by products: a general power takes ten times as long."""
    m, exponent = nodes.system, _number(nodes, a)
    if exponent == 1.0:
        return x
    if exponent == 2.0:
        return x * x
    if exponent == 3.0:
        return x * x * x
    if exponent == 4.0:
        square = x * x
        return square * square
    if exponent == 0.5:
        return m.root(x)
    if exponent == -1.0:
        return m.div(1.0, x)
    if exponent == -2.0:
        inverse = m.div(1.0, x)  # its square keeps the digits that x*x may lose
        return inverse * inverse
    return None


def _pow_slope(nodes: Nodes, x: Any, a: Any) -> Any:
    """a*x^(a-1) with a constant a whose a - 1 does not round; where the power over- or underflows, the function."""
    exponent = _number(nodes, a)
    if exponent is None or not 1e-9 < abs(exponent) < 1e9 or not _is_exact(exponent - 1.0, exponent):
        return None
    m = nodes.system
    return m.pow_slope_of_power(m.pow(x, exponent - 1.0), x, a)


def _is_exact(difference: float, exponent: float) -> bool:
    return difference + 1.0 == exponent and difference - exponent == -1.0


def _where(nodes: Nodes, condition: Any, a: Any, b: Any) -> Any:
    """A choice by bits, which waits for no branch; zeros need no choice."""
    m = nodes.system
    chosen = _number(nodes, condition)
    if chosen is not None:
        return m.number("nan") if chosen != chosen else a if chosen != 0.0 else b
    for one, other, inverted in ((a, b, False), (b, a, True)):
        if _is_plain_zero(nodes, other):
            mask = nodes.mask(condition, inverted)
            return None if mask is None else m.kept(mask, one)
    mask = nodes.mask(condition)
    return None if mask is None else m.selected(mask, a, b)


def _is_plain_zero(nodes: Nodes, x: Any) -> bool:
    return repr(_number(nodes, x)) == "0.0"


def _defined(nodes: Nodes, condition: Any, x: Any) -> Any:
    """Nearly all domains have one bound, and nearly always all rows are inside."""
    m = nodes.system
    if nodes.names[condition.index] == "less_equal" and condition.index not in nodes.scalars:
        low, high = map(nodes.gate, nodes.operands[condition.index])
        if _number(nodes, low) is not None:
            return m.kept_from(x, high, low)
        if _number(nodes, high) is not None:
            return m.kept_to(x, low, high)
    return None


def _sin(nodes: Nodes, x: Any) -> Any:
    m = nodes.system
    t = m.tangent(x)
    return m.sine_of_tangent(t, m.cosine_of_tangent(t, x), x)


def _cos(nodes: Nodes, x: Any) -> Any:
    m = nodes.system
    return m.cosine_of_tangent(m.tangent(x), x)


def _negated(nodes: Nodes, x: Any) -> Any:
    """What a column is the negation of, or None."""
    if nodes.names[x.index] != "neg" or x.index in nodes.scalars:
        return None
    return nodes.gate(nodes.operands[x.index][0])


def _neg(nodes: Nodes, x: Any) -> Any:
    return _negated(nodes, x)


def _add(nodes: Nodes, a: Any, b: Any) -> Any:
    """Signs move outwards until a sum takes them, which changes no bit of a number."""
    if (inner := _negated(nodes, b)) is not None:
        return a - inner
    if (inner := _negated(nodes, a)) is not None:
        return b - inner
    return None


def _sub(nodes: Nodes, a: Any, b: Any) -> Any:
    inner = _negated(nodes, b)
    return None if inner is None else a + inner


def _product(name: str) -> Callable[..., Any]:
    """Of a product or a quotient: the sign outside, and a division by a power of two as a product."""

    def rule(nodes: Nodes, a: Any, b: Any) -> Any:
        m = nodes.system
        make = getattr(m, name)
        x, y = _negated(nodes, a), _negated(nodes, b)
        if x is not None:
            return make(x, y) if y is not None else -make(x, b)
        if y is not None:
            return -make(a, y)
        divisor = _number(nodes, b) if name == "div" else None
        if divisor is not None and abs(frexp(divisor)[0]) == 0.5 and 1e-300 < abs(divisor) < 1e300:
            return a * (1.0 / divisor)
        return None

    return rule


def _unsigned_zero(nodes: Nodes, x: Any) -> Any:
    return x if _is_never_minus_zero(nodes, x.index) else None


def _is_never_minus_zero(nodes: Nodes, index: int) -> bool:
    """Whether a node cannot be -0 whatever its inputs are, as far as a short look tells."""
    for _ in range(_SHORT):
        name, operands = nodes.names[index], nodes.operands[index]
        if name in ("exp", "abs"):
            return True
        if name == "mul":
            return operands[0] == operands[1]
        if name == "add" and operands[0] in nodes.numbers:
            operands = operands[::-1]
        if name == "add" and repr(nodes.numbers.get(operands[1], -0.0)) != "-0.0":
            return True
        if name not in ("add", "sub", "sqrt"):
            return repr(nodes.numbers.get(index, -0.0)) != "-0.0"
        index = operands[0]  # a sum is -0 only if its terms are
    return False


_SHORT = 20

EXPANSIONS: dict[str, Callable[..., Any]] = {
    "add": _add,
    "sub": _sub,
    "mul": _product("mul"),
    "div": _product("div"),
    "neg": _neg,
    "unsigned_zero": _unsigned_zero,
    "sigmoid": _sigmoid,
    "sigmoid_slope": _sigmoid_slope,
    "silu": _silu,
    "sech_squared": _sech_squared,
    "tanh_slope": _tanh_slope,
    "pow": _power,
    "pow_slope": _pow_slope,
    "where": _where,
    "defined": _defined,
}
FORWARDS: dict[str, Callable[..., Any]] = {"softplus": _softplus, "logsigmoid": _logsigmoid}
"""Formulas of rows, equal to those of the op table in every bit."""

if FAST_TANGENT:
    PARTS = (*PARTS, "tangent")
    EXPANSIONS |= {"sin": _sin, "cos": _cos}
