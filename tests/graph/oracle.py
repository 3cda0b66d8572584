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
from typing import Any, NamedTuple

from mpmath.ctx_mp import MPContext

from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.graph.ops import ELEMENTWISE, Op
from gradcli.language.parser import parse
from gradcli.numeric.decimals import Decimals
from gradcli.numeric.system import NumberSystem
from gradcli.passes import FLOATS, forward

Point = tuple[float, ...]
TESTED = [row for row in ELEMENTWISE if not row.hidden or row.name == "chain"]
Value = Callable[[NumberSystem, Sequence[Any]], Any]

DIGITS = 30  # how far two runs have to agree
FIRST, LAST = 100, 800  # digits; zeros are believed at the last precision only, where 1e-324 shows beside 1e308
STEP = 40  # a derivative's step is 1e-40 of the operand
STEP_AT_ZERO = 360  # and 1e-360 at 0, so that it is small beside every other operand
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
    """The derivative by one operand: a central difference.

    One-sided where that is not defined or diverges: at the end of a domain, on the cut of atan2; ±inf if both diverge.
    """

    def derivative(m: NumberSystem, xs: Sequence[Any]) -> Any:
        def at(x: Any) -> Any:
            return of(m, [*xs[:position], x, *xs[position + 1 :]])

        def difference(above: Any, below: Any, step: Any) -> Any:
            return m.div(at(x + above * step) - at(x + below * step), (above - below) * step)

        x = xs[position]
        h = min(abs(x), 1) * m.number(f"1e-{STEP}") if x != 0 else m.number(f"1e-{STEP_AT_ZERO}")
        centre = difference(1, -1, h)
        if x != 0 and centre == centre:
            return centre
        for above, below in ((1, -1), (1, 0), (0, -1)):
            wide, narrow = (difference(above, below, step) for step in (h, h * m.number("1e-10")))
            if narrow == narrow and not abs(narrow) > 10 * abs(wide):
                return narrow
            if narrow == narrow:
                centre = narrow * m.number("inf")
        return centre

    return derivative


def exact(of: Value, point: Sequence[float]) -> Any:
    """of at exactly these operands, right to 30 digits."""
    sizes = [abs(math.log10(abs(x))) if x else STEP_AT_ZERO for x in point]
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


# What floats answer


def computed(row: Op, point: Point) -> float:
    """The row's value in floats."""
    return float(getattr(FLOATS, ops.attribute(row.name))(*point))


def partials(row: Op, point: Point) -> list[float]:
    """The row's partials in floats."""
    y = computed(row, point)
    if row.variadic:
        return [float(p) for p in row.partials[0](FLOATS, y, *point)]  # type: ignore[operator]
    return [rule if isinstance(rule, float) else float(rule(FLOATS, y, *point)) for rule in row.partials]


class Comparison(NamedTuple):
    """A row's value (place 0) or partial (place 1, 2 …; 1 for all of a variadic row) beside the exact one."""

    place: int
    off: float  # in ulp
    got: float
    wanted: Any


def compared(row: Op, point: Point) -> Iterator[Comparison]:
    """The value, and where that is finite and smooth the partials."""
    of = value(row)
    wanted, got = exact(of, point), computed(row, point)
    yield Comparison(0, ulps(got, wanted, scale(row, 0, point)), got, wanted)
    if not JUDGE.isfinite(wanted) or not smooth(row, point):
        return
    for position, got in enumerate(partials(row, point)):
        place = 1 if row.variadic else position + 1
        wanted = exact(slope(of, position), point)
        yield Comparison(place, ulps(got, wanted, 0 if row.variadic else scale(row, place, point)), got, wanted)


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
    return row.kink is None or not row.kink.at(FLOATS, *point)
