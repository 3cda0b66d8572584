"""Exact values and derivatives of the rows, and points to compare at.

A composed row's oracle is its definition, parsed and run in multiprecision numbers; a primitive's is mpmath's own
function. Derivatives are central differences of these values and never use a rule of the table. The precision is
doubled until two runs agree to 30 digits, because a start that looks generous is not: log(1 + exp(-700)) needs 305
digits to differ from 0.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from mpmath.ctx_mp import MPContext

from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.graph.ops import Op
from gradcli.language.parser import parse
from gradcli.numeric.decimals import Decimals
from gradcli.numeric.system import NumberSystem
from gradcli.passes import forward

Point = tuple[float, ...]
Value = Callable[[NumberSystem, Sequence[Any]], Any]

DIGITS = 30  # how far two runs have to agree
FIRST, LAST = 100, 1600  # digits; zeros are believed at the last precision only
STEP = 40  # a derivative's step is 1e-40 of the operand
TOP, TINY = sys.float_info.max, sys.float_info.min  # the largest number, the smallest normal one
SMALLEST = math.ulp(0.0)
JUDGE: Any = MPContext()  # for comparing results
JUDGE.dps = 60


@cache
def decimals(digits: int) -> tuple[Any, NumberSystem]:
    """mpmath's context and the number system at a precision."""
    numbers = Decimals(digits)
    return numbers.context, ops.on(numbers.primitives)


@cache
def definition(row: Op) -> Graph:
    """The graph of a composed row's definition."""
    assert row.definition is not None
    return lower(parse(row.definition), row.parameters)


def value(row: Op) -> Value:
    """The function that a row stands for, on any number system."""
    if row.definition is None:
        return lambda m, xs: getattr(m, ops.attribute(row.name))(*xs)

    def composed(m: NumberSystem, xs: Sequence[Any]) -> Any:
        graph = definition(row)
        return forward(graph, dict(zip(row.parameters, xs, strict=True)), m)[graph.output]

    return composed


def slope(of: Value, position: int) -> Value:
    """The derivative by one operand: a central difference; at the end of a domain one-sided, ±inf if that diverges."""

    def derivative(m: NumberSystem, xs: Sequence[Any]) -> Any:
        def at(x: Any) -> Any:
            return of(m, [*xs[:position], x, *xs[position + 1 :]])

        x = xs[position]
        size = min(abs(x), 1) if x != 0 else 1
        h = size * m.number(f"1e-{STEP}")
        above, below = at(x + h), at(x - h)
        if above == above and below == below:
            return m.div(above - below, 2 * h)
        h = h if below != below else -h
        wide, narrow = (m.div(at(x + d) - at(x), d) for d in (h, h * m.number("1e-10")))
        return narrow * m.number("inf") if abs(narrow) > 10 * abs(wide) else narrow

    return derivative


def exact(of: Value, point: Sequence[float]) -> Any:
    """of at exactly these operands, right to 30 digits."""
    sizes = [abs(math.log10(abs(x))) for x in point if x]
    digits, before = FIRST + int(max(sizes, default=0)), None
    while True:
        context, m = decimals(digits)
        now = of(m, [context.mpf(x) for x in point])
        if not context.isfinite(now) or _agree(before, now) or digits >= LAST:
            return JUDGE.mpf(now)
        digits, before = 2 * digits, now


def _agree(before: Any, now: Any) -> bool:
    return before is not None and now != 0 and abs(JUDGE.mpf(before) - now) <= abs(now) * JUDGE.mpf(10) ** -DIGITS


def scale(row: Op, place: int, point: Point) -> Any:
    """The largest term of the sum that crosses 0 in a row's value (place 0) or partial, as the row says; else 0."""
    rule = row.terms[place] if row.terms is not None else None
    if rule is None:
        return 0
    return abs(exact(lambda m, xs: rule(m, *xs), point))


def ulps(got: Any, wanted: Any, size: Any = 0) -> float:
    """How many units in the last place got is off; below the smallest normal number, of the spacing there.

    size: the largest term of the sum that the result is, if that is larger than the result.
    """
    if JUDGE.isnan(wanted) or math.isnan(got):
        return 0.0 if JUDGE.isnan(wanted) and math.isnan(got) else math.inf
    limit = JUDGE.mpf(2) ** 1024  # infinity stands for all from here on
    got, wanted = (min(max(JUDGE.mpf(x), -limit), limit) for x in (got, wanted))
    unit = math.ulp(float(min(max(abs(wanted), JUDGE.mpf(size), TINY), TOP)))
    return float(abs(got - wanted) / unit)


# Points


def magnitude(r: random.Random, low: float, high: float) -> float:
    """Log-uniform between low and high, which are positive."""
    return min(max(10.0 ** r.uniform(math.log10(low), math.log10(high)), low), high)


def _near(r: random.Random, x: float, low: float, high: float) -> float:
    """A point beside x, inside the interval: a neighbour or a few digits away."""
    way = r.choice((-math.inf, math.inf))
    y = x
    if r.random() < 0.3:
        for _ in range(r.randint(1, 3)):
            y = math.nextafter(y, way)
    else:
        y = x + math.copysign((abs(x) or 1.0) * 10.0 ** r.uniform(-16, -1), way)
    return min(max(y, low), high)


def operand(r: random.Random, low: float, high: float) -> float:
    """A point of an interval: anywhere, of any magnitude, near 0, near an end, near an integer."""
    low, high = max(low, -TOP), min(high, TOP)
    kind = r.random()
    if kind < 0.25 and high - low < math.inf:
        return r.uniform(low, high)
    if kind < 0.35:
        return _near(r, r.choice((low, high)), low, high)
    if kind < 0.5:
        nearest = float(r.randint(-6, 6)) if r.random() < 0.8 else r.randint(-12, 12) / 2.0
        return (
            _near(r, nearest, low, high)
            if low <= nearest <= high
            else r.uniform(max(low, -TOP / 4), min(high, TOP / 4))
        )
    if kind < 0.65:
        narrow = max(low, -8.0), min(high, 8.0)
        return r.uniform(*narrow) if narrow[0] < narrow[1] else r.uniform(low, high)
    signs = [s for s, end in ((-1.0, -low), (1.0, high)) if end > 0.0]
    sign = r.choice(signs)
    end = high if sign > 0.0 else -low
    start = max(low if sign > 0.0 else -high, TINY)
    return sign * magnitude(r, start, end)


def random_points(row: Op, count: int, seed: int = 0) -> Iterator[Point]:
    """Points dense over a row's domain, the same ones in every run."""
    r = random.Random(f"{row.name} {seed}")
    for _ in range(count):
        if row.variadic:
            point = [operand(r, *row.domain[0]) for _ in range(r.randint(1, 4))]
        else:
            point = [operand(r, *interval) for interval in row.domain]
        if len(point) > 1 and r.random() < 0.15:  # nearly equal operands
            low, high = row.domain[0 if row.variadic else 1]
            point[1] = min(max(_near(r, point[0], -TOP, TOP), low), high)
        yield tuple(point)


def samples(row: Op) -> list[Point]:
    """A row's own points."""
    return [point for point in row.samples if all(map(math.isfinite, point))]


def smooth(row: Op, point: Point) -> bool:
    return row.kink is None or not row.kink.at(*point)
