"""The verdict on each edge: is its local gradient the derivative of the gate's function?

Enters: a Trace on floats. Leaves: an `EdgeCheck` per edge. Invariant: what is true comes from differences of the
function; a rule only ever judges itself where a program declares it, and is then compared with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from gradcli.checking.precision import TINY, ulps
from gradcli.checking.slopes import Slope, Slopes
from gradcli.graph import ops
from gradcli.graph.describe import gate_text, operand_text, rule_text
from gradcli.graph.ops import Op
from gradcli.passes import FLOATS
from gradcli.printable import shorten
from gradcli.traces import Trace

# Verdicts. BETWEEN: at a kink or a jump the number that is taken lies between both sides, or is the one that the row
# states. NONE: nothing is promised here.
WITHIN, BEYOND, BETWEEN, PROVED, REFUTED, NONE = "within", "beyond", "between", "proved", "refuted", "none"

_SAME = 1e-9  # relative difference up to which a declared derivative is the true one
_NOTHING = 1e-9  # ulp: the error of differences
_SHOWN = 30  # digits of true values


class EdgeCheck(NamedTuple):
    """One edge.

    Attributes:
        gate, position, operand: the edge from operand to gate.
        rule: the formula of the local gradient.
        local: what the forward pass computed.
        true: the derivative of the gate's function at the float operands, as text; None where there is none.
        left, right: the one-sided derivatives, where they differ.
        declared: a declared derivative in multiprecision.
        error: how many ulp the local gradient is off; None where there is no true one.
        bound: how many the row promises; None where it promises nothing.
        verdict: one of the above.
        reason: what is wrong, in a sentence; None where nothing is.
    """

    gate: int
    position: int
    operand: int
    rule: str
    local: float
    true: str | None
    left: str | None
    right: str | None
    declared: str | None
    error: float | None
    bound: float | None
    verdict: str
    reason: str | None


_DECLARED, _DECLARED_SHRINKS = 120, 30  # digits


class Judge:
    """Judges the edges of traces; equal gates at equal operands are computed once."""

    def __init__(self) -> None:
        self._slopes = Slopes()
        self._found: dict[tuple[Any, ...], Slope] = {}

    def edges(self, trace: Trace) -> Iterator[EdgeCheck]:
        """Every edge that has a local gradient."""
        graph = trace.graph
        for index, operands in enumerate(graph.operands):
            partials = trace.partials[index]
            if partials is None:
                continue
            xs = [trace.values[operand] for operand in operands]
            reduced = self._reduced(graph.rows[graph.codes[index]], xs)
            for position, local in enumerate(partials):
                if local is not None:
                    yield self._edge(trace, index, position, local, xs, *reduced(position))

    def _reduced(self, row: Op, xs: list[float]) -> Callable[[int], tuple[Sequence[float], int]]:
        """For each operand: the operands to judge it by, and its place among them.

        A variadic function is a fold, so that all operands before one, and all behind it, can be folded into one.
        """
        if not row.variadic or len(xs) <= 3:
            return lambda position: (xs, position)
        fold = max if row.name == "max" else min
        if any(map(math.isnan, xs)):
            return lambda position: ([math.nan], 0)
        before, behind = [xs[0]], [xs[-1]]
        for x in xs[1:]:
            before.append(fold(before[-1], x))
        for x in xs[-2::-1]:
            behind.append(fold(behind[-1], x))
        behind.reverse()

        def around(position: int) -> tuple[Sequence[float], int]:
            first, last = before[:position][-1:], behind[position + 1 :][:1]
            return [*first, xs[position], *last], len(first)

        return around

    def _edge(
        self, trace: Trace, index: int, position: int, local: float, xs: list[float], few: Sequence[float], place: int
    ) -> EdgeCheck:
        graph, c = trace.graph, self._slopes.context
        row, own = graph.rows[graph.codes[index]], graph.codes[index] >= len(ops.ROWS)
        slope = self._slope(row, graph.codes[index] if not own else id(row), few, place, own)
        at_kink = slope.value is None and slope.left is not None and slope.right is not None
        declared = self._declared(row, xs, position) if own else None
        error = bound = None
        if slope.value is not None and (local == slope.value or not _is_infinite(slope.value)):
            error = ulps(local, slope.value, self._largest_term(row, xs, position))
            error = error if error > _NOTHING else 0.0
            bound = row.ulp if not own and _promised(row, xs) else None
        judged = local if declared is None else declared
        verdict = self._verdict(row, xs, slope, judged, error, bound, own)
        texts = [None if x is None else _text(c, x) for x in (slope.value, slope.left, slope.right, declared)]
        found = EdgeCheck(
            index, position, graph.operands[index][position], rule_text(graph, index, position), local, texts[0],
            texts[1] if at_kink else None, texts[2] if at_kink else None, texts[3], error, bound, verdict, None,
        )  # fmt: skip
        return found._replace(reason=_reason(trace, found))

    def _slope(self, row: Op, key: int, xs: Sequence[float], position: int, own: bool) -> Slope:
        known = key, position, *xs, *(math.copysign(1.0, x) for x in xs if x == 0.0)
        if known not in self._found:
            name = ops.attribute(row.name)
            function = row.forward if own else partial(_call, name)
            assert function is not None
            self._found[known] = self._slopes.slope(function, xs, position, doubtful=own)
        return self._found[known]

    def _declared(self, row: Op, xs: list[float], position: int) -> Any:
        """A declared derivative in multiprecision; what shrinks with the precision is rounding, and 0."""
        c, m, rule = self._slopes.context, self._slopes.system, row.partials[position]
        assert callable(rule)
        found = []
        for digits in (_DECLARED, 2 * _DECLARED):
            self._slopes.widen(xs, digits)
            found.append(c.mpf(rule(m, None, *map(c.mpf, xs))))
        coarse, fine = found
        return c.zero if coarse == 0 or abs(fine) * 10**_DECLARED_SHRINKS <= abs(coarse) else fine

    def _largest_term(self, row: Op, xs: list[float], position: int) -> Any:
        rule = row.terms[position + 1] if row.terms is not None else None
        if rule is None:
            return 0
        c = self._slopes.context
        size = abs(c.mpf(rule(self._slopes.system, *map(c.mpf, xs))))
        return size if c.isfinite(size) else 0

    def _verdict(
        self, row: Op, xs: list[float], slope: Slope, judged: Any, error: float | None, bound: float | None, own: bool
    ) -> str:
        if slope.value is None or (row.kink is not None and row.kink.at(FLOATS, *xs)):
            return self._at_kink(row, xs, slope, judged, own)
        if _is_infinite(slope.value) and judged != slope.value:
            return NONE  # a jump, or a slope without bounds: whatever is taken is a convention
        if own:
            near = judged == slope.value or abs(judged - slope.value) <= _SAME * abs(slope.value)
            return PROVED if near else REFUTED
        if bound is None or error is None:
            return NONE
        return WITHIN if error <= bound else BEYOND

    def _at_kink(self, row: Op, xs: list[float], slope: Slope, judged: Any, own: bool) -> str:
        left, right = slope.left, slope.right
        if left is None or right is None:
            return NONE
        low, high = min(left, right), max(left, right)
        if own and (_is_infinite(low) or _is_infinite(high)):  # a jump: every number lies between
            return PROVED if judged in (low, high) else NONE
        room = 4 * max(abs(x) if abs(x) < math.inf else 0 for x in (low, high)) * 2.0**-52
        if low - room <= judged <= high + room:
            return PROVED if own else BETWEEN
        stated = row.kink is not None and row.kink.at(FLOATS, *xs) and judged == 0
        if stated and _is_infinite(low) and _is_infinite(high):
            return BETWEEN
        if own:
            return REFUTED
        return BEYOND if not any(map(math.isinf, xs)) else NONE


def _call(name: str, m: Any, *xs: Any) -> Any:
    return getattr(m, name)(*xs)


def _is_infinite(x: Any) -> bool:
    """Not math's: it would take 1e434 for infinite."""
    return bool(abs(x) == math.inf)


def _text(c: Any, x: Any) -> str:
    if not c.isfinite(x):
        return "nan" if c.isnan(x) else "inf" if x > 0 else "-inf"
    return str(c.nstr(x, _SHOWN, min_fixed=-5, max_fixed=17))


def _promised(row: Op, xs: Sequence[float]) -> bool:
    """Whether the row's bound applies: all operands are 0 or normal numbers of its domain."""
    domain = row.domain * len(xs) if row.variadic else row.domain
    return all(low <= x <= high and (x == 0.0 or abs(x) >= TINY) for x, (low, high) in zip(xs, domain, strict=True))


def _reason(trace: Trace, edge: EdgeCheck) -> str | None:
    if edge.verdict not in (BEYOND, REFUTED):
        return None
    graph = trace.graph
    operand, gate = shorten(operand_text(graph, edge.operand).text), shorten(gate_text(graph, edge.gate), 80)
    true = edge.true if edge.true is not None else f"between {edge.left} and {edge.right}"
    if edge.verdict == REFUTED:
        row = graph.rows[graph.codes[edge.gate]]
        parameter = shorten(row.parameters[edge.position])
        met = zip(row.parameters, graph.operands[edge.gate], strict=True)
        where = ", ".join(f"{shorten(name)} = {trace.values[operand]!r}" for name, operand in met)
        what = f"the derivative of {shorten(row.name)} by {parameter} is declared as {shorten(edge.declared or '', 24)}"
        return f"{what} where it is {shorten(true, 24)}, at {shorten(where, 200)}"
    if edge.error is None:
        return f"the local gradient of {gate} by {operand} is {edge.local!r}, not {true}"
    return f"the local gradient of {gate} by {operand} is {edge.error:.3g} ulp off, more than {edge.bound:g}"
