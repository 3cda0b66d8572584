"""One program at one point: in floats and exactly, and whether the exact numbers can be believed.

Enters: a graph and a point of floats. Leaves: an `Evaluation`. Invariant: the program's constants are the decimals that
are written, and pi is pi; inputs are the very doubles of the point, so that both results are those of the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any, NamedTuple

from gradcli.checking.exact import LAST, settle
from gradcli.comparing.quantities import DIGITS, gradient_noise, value_noise
from gradcli.errors import LimitError
from gradcli.graph.graph import Graph
from gradcli.numeric.system import NumberSystem
from gradcli.passes import evaluate_graph
from gradcli.traces import Trace

LEAST_EXPONENT = -(LAST // 2)  # below, a number that was computed to the last digit cannot be told from 0
VALUE = ""  # the name of the value among the quantities; gradients have their input's name


class Evaluation(NamedTuple):
    """A program at a point.

    Attributes:
        trace: in floats.
        true: exactly; None where that is impossible.
        doubt: why the exact numbers may be wrong where they are 0 or not finite; "" for no doubt.
    """

    trace: Trace
    true: Trace | None
    doubt: str

    @property
    def ended(self) -> bool:
        """Whether the exact numbers have all the digits that there are."""
        return self.true is not None and self.context.dps >= LAST

    @property
    def context(self) -> Any:
        """mpmath's, of the exact numbers."""
        return self.true.values[0].context if self.true is not None else None

    def float_of(self, name: str) -> float:
        """The value, or the gradient of an input: 0 if the program has no such input."""
        x: float = _quantity(self.trace, name)
        return x

    def true_of(self, name: str) -> Any:
        return _quantity(self.true, name) if self.true is not None else None

    def noise(self, name: str) -> float:
        """What rounding may leave of the quantity where it is exactly 0."""
        if self.true is None:
            return 0.0
        if name == VALUE:
            return value_noise(self.trace, self.true)
        if "noise" not in self.trace.cache:
            self.trace.cache["noise"] = gradient_noise(self.trace)
        x: float = self.trace.cache["noise"].get(name, 0.0)
        return x


def _quantity(trace: Trace, name: str) -> Any:
    if name == VALUE:
        return trace.value
    index = trace.graph.inputs.get(name)
    return 0.0 if index is None else trace.adjoints[index]


def evaluation(graph: Graph, point: Mapping[str, float], wrt: Sequence[str]) -> Evaluation:
    """Both passes in floats and in multiprecision.

    Args:
        wrt: the inputs to differentiate by; those that the program has not are left out.
    """
    names = [name for name in wrt if name in graph.inputs]

    def numbers(m: NumberSystem) -> dict[str, Any]:
        return {name: m.number(_digits(point[name])) for name in graph.inputs}

    trace = evaluate_graph(graph, {name: point[name] for name in graph.inputs}, names)
    try:
        true = settle(graph, numbers, names, DIGITS)
    except LimitError as error:
        return Evaluation(trace, None, error.message)
    return Evaluation(trace, true, _doubt(true))


def _digits(x: float) -> str:
    """All digits of a double."""
    return str(Decimal(x)) if isfinite(x) else repr(x)


# What returns one of its operands, a whole number or a result of plain arithmetic.
_EXACT = frozenset({"add", "sub", "mul", "div", "neg", "abs", "sign", "floor", "ceil", "round", "max", "min", "where"})
_EXACT |= {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "and", "or", "not", "relu", "clamp"}


_EXACT |= {"mod", "leaky_relu"}
_GROWING = frozenset({"exp", "expm1", "sinh", "cosh", "pow"})  # what is given as infinite beyond a size
_KEPT = 110  # bits that have to be left of a sum: those of DIGITS and some more


def _doubt(true: Trace) -> str:
    """Whether a term was absorbed, or a function reached its limit, only because precision has an end."""
    context = true.values[0].context
    ended = context.dps >= LAST
    for index, operands in enumerate(true.graph.operands):
        y, xs = true.values[index], [true.values[operand] for operand in operands]
        if not xs or 0 in xs or any(x - x != 0 for x in xs):
            continue
        name = true.graph.rows[true.graph.codes[index]].name
        if ended and name in ("add", "sub") and (y == xs[0] or abs(y) == abs(xs[1]) or _cancels(y, xs, context)):
            return f"a sum needs more than {LAST:,} digits"
        if name in _GROWING and abs(y) == context.inf:
            return f"a result of {name} is too large to be computed"
        if ended and name not in _EXACT and y in (-1, 0, 1) and not _is_plain(xs):
            return f"{name} is nearer to its limit than {LAST:,} digits show"
    return ""


def _is_plain(xs: Sequence[Any]) -> bool:
    """Whether operands are such that a function may really be 0 or 1, as cbrt(1), log(1), acosh(1) and log(x, x)."""
    return 1 in xs or -1 in xs or (len(xs) == 2 and xs[0] == xs[1])


def _cancels(y: Any, xs: Sequence[Any], context: Any) -> bool:
    """Whether hardly a digit is left of a sum."""
    lost = max(context.mag(x) for x in xs) - context.mag(y) if y != 0 else 0
    return bool(lost > context.prec - _KEPT)
