"""Points that look for the weak places of a row: neighbours of singular points, ends of the range, near-cancellation.

Enters: a row of the op table, a number of points, a seed. Leaves: points of the row's domain, the same in every run.
Invariant: operands are 0 or normal numbers, which is what the accuracy of a row is promised for.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

from oracle import JUDGE, TINY, TOP, Point, magnitude, random_points, samples

from gradcli.graph.ops import Op
from gradcli.graph.ops.row import REAL, Interval
from gradcli.passes import FLOATS

Strategy = Callable[[random.Random], tuple[float, ...]]

_COMMON = (0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0)
_EXP = (-708.4, -744.5, -745.2, 709.8, -36.7, 36.7, -0.693, 0.693)
# Where a row's formula changes, its result under- or overflows, or its value or slope crosses 0.
SPECIAL: dict[str, tuple[float, ...]] = {
    "exp": _EXP,
    "expm1": _EXP,
    "sinh": (-710.47, 710.47, 22.0, -22.0),
    "cosh": (-710.47, 710.47, 22.0, -22.0),
    "tanh": (0.5493061443340549, -0.5493061443340549, 22.0, 19.1, -372.5, 372.5),
    "sigmoid": _EXP,
    "logsigmoid": _EXP,
    "softplus": _EXP,
    "elu": _EXP,
    "selu": _EXP,
    "silu": (*_EXP, -1.2784645427610738, -751.8, -1.0),
    "mish": (*_EXP, -1.1924312145820573, -751.8, -372.0),
    "gelu": (-0.7517915246935645, -37.5, -38.5, -38.6, 8.3),
    "erf": (26.6, -26.6, 27.2, 5.92, 0.84375, 1.25, 2.857, 6.0),
    "erfc": (26.6, -26.6, 27.2, 26.54, 0.84375, 1.25, 2.857, 28.0, -6.0),
    "sinc": (4.493409457909064, 7.725251836937707, -4.493409457909064, 3.141592653589793),
    "log1p": (-0.5, 2.0**-27, 1e16),
    "asinh": (2.0**-28, 2.0**28),
    "atanh": (2.0**-28, 0.9999),
    "acosh": (1.0, 2.0, 2.0**28),
    "atan": (1e8, 1e154, -1e154, 1.3e154, 2.4375, 0.4375, 1.1875),
}
# All that happens to these happens here; farther out the oracle takes long.
_STEEP = (-800.0, 800.0)
_EXPONENTIAL = (
    "exp", "expm1", "sinh", "cosh", "tanh", "sigmoid", "logsigmoid", "softplus", "selu", "gelu", "silu", "mish",
)  # fmt: skip
_NARROW: dict[str, tuple[Interval, ...]] = {
    **dict.fromkeys(_EXPONENTIAL, (_STEEP,)),
    "elu": (_STEEP, REAL),
    "logaddexp": (_STEEP, _STEEP),
    "pow": (REAL, (-1e20, 1e20)),
}
_FAR = 50  # one point in so many is from the whole domain nevertheless
_WORST_FOR_PI = 6381956970095103.0 * 2.0**797  # the double that comes nearest to a multiple of π/2 (Muller 2006)
_PERIODIC = {"sin", "cos", "tan", "sinc"}
_FEW_STEPS = 4


def beside(r: random.Random, x: float) -> float:
    """x, a neighbour a few steps away, or a number that differs in some later digit."""
    kind = r.random()
    if kind < 0.1:
        return x
    way = r.choice((-math.inf, math.inf))
    if kind < 0.5:
        for _ in range(r.randint(1, _FEW_STEPS)):
            x = math.nextafter(x, way)
        return x
    return x + math.copysign((abs(x) or 1.0) * 2.0 ** r.uniform(-52, -2), way)


def _of_any_exponent(r: random.Random) -> float:
    return r.choice((-1.0, 1.0)) * r.uniform(1.0, 2.0) * 2.0 ** r.randint(-1022, 1023)


def _multiple_of_half_pi(r: random.Random) -> float:
    """The float next to a multiple of π/2, of any size."""
    with JUDGE.workdps(400):
        whole = int(2.0 ** r.uniform(0, 53)) << r.choice((0, 0, r.randint(0, 960)))
        return r.choice((-1.0, 1.0)) * float(whole * JUDGE.pi / 2)


def _periodic(r: random.Random) -> Point:
    return (_WORST_FOR_PI,) if r.random() < 0.02 else (beside(r, _multiple_of_half_pi(r)),)


def _product_at_the_edge(r: random.Random) -> Point:
    """Two operands the product of which is barely a number, at one end of the range or the other."""
    x = _of_any_exponent(r)
    edge = r.choice((r.uniform(-1080, -1015), r.uniform(1018, 1026)))
    return x, r.choice((-1.0, 1.0)) * _power_of_two(edge - math.log2(abs(x)))


def _quotient_at_the_edge(r: random.Random) -> Point:
    x, y = _product_at_the_edge(r)
    return (x, 1.0 / y) if abs(y) > 1e-307 else (x, TOP)


def _power_of_two(exponent: float) -> float:
    return 2.0 ** min(max(exponent, -1022.0), 1023.9)


def _power(r: random.Random) -> Point:
    """A base near 1 or of any size, and an exponent such that the power has any size."""
    kind = r.random()
    if kind < 0.15:  # negative bases have whole powers only
        exponent = float(r.randint(-9, 9)) if r.random() < 0.9 else r.uniform(-9.0, 9.0)
        return -magnitude(r, TINY, TOP), exponent
    base = beside(r, 1.0) if kind < 0.5 else magnitude(r, TINY, TOP)
    size = math.log2(base)
    if size == 0.0:
        return base, _of_any_exponent(r)
    return base, r.uniform(-1080.0, 1030.0) / size


def _small_exponent(r: random.Random) -> Point:
    return magnitude(r, TINY, TOP), beside(r, r.choice((-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0)))


def _logarithms_near_one(r: random.Random) -> Point:
    base = abs(beside(r, r.choice((1.0, 2.0, 10.0, magnitude(r, TINY, TOP)))))
    return r.choice((abs(beside(r, 1.0)), abs(beside(r, base)), magnitude(r, TINY, TOP))), base


def _sum_of_exponentials_near_one(r: random.Random) -> Point:
    """exp(x) + exp(y) ≈ 1, where logaddexp crosses 0."""
    x = -magnitude(r, 1e-20, 740.0)
    y = beside(r, math.log(-math.expm1(x)))
    return r.choice(((x, y), (y, x)))


def _remainder(r: random.Random) -> Point:
    """A dividend beside a multiple of the divisor."""
    b = r.choice((-1.0, 1.0)) * magnitude(r, 1e-250, 1e250)
    quotient = r.choice((float(r.randint(-9, 9)), r.uniform(-1.0, 1.0) * 2.0 ** r.uniform(0, 60)))
    return beside(r, quotient * b), b


def _related(r: random.Random) -> Point:
    """Two operands of any size, equal or opposite but for their last digits, or apart by a power of two."""
    x = _of_any_exponent(r)
    return x, r.choice((beside(r, x), -beside(r, x), x * 2.0 ** r.randint(-60, 60), _of_any_exponent(r)))


STRATEGIES: dict[str, tuple[Strategy, ...]] = {
    **dict.fromkeys(_PERIODIC, (_periodic,)),
    "mul": (_product_at_the_edge, _related),
    "chain": (_product_at_the_edge, _related),
    "div": (_quotient_at_the_edge, _related),
    "pow": (_power, _small_exponent),
    "log_base": (_logarithms_near_one,),
    "logaddexp": (_sum_of_exponentials_near_one,),
    "mod": (_remainder,),
    "xlogy": (lambda r: (_of_any_exponent(r), beside(r, 1.0)), _related),
}


def _special(r: random.Random, row: Op, near: tuple[float, ...]) -> Point:
    """Each operand beside a point where something happens."""
    found = []
    for low, high in row.domain:
        ends = [end for end in (low, high) if math.isfinite(end)]
        found.append(beside(r, r.choice((*near, *ends, _of_any_exponent(r)) if r.random() < 0.9 else ends or near)))
    return (*found, beside(r, found[0])) if row.variadic else tuple(found)


def _inside(row: Op, point: Point) -> Point:
    """The point, put into the domain, and 0 instead of subnormal numbers."""
    domain = row.domain * len(point) if row.variadic else row.domain
    clipped = (min(max(x, low, -TOP), high, TOP) for x, (low, high) in zip(point, domain, strict=True))
    return tuple(0.0 if abs(x) < TINY else x for x in clipped)


def comparable(row: Op, point: Point) -> bool:
    """Poles are a matter of convention; and the oracle's steps are too wide for quotients and exponents beyond 1e30."""
    if row.name == "mod":
        a, b = point
        return b != 0.0 and abs(a) * 1e-30 <= abs(b)
    if row.name == "pow" and point[0] == 1.0 and abs(point[1]) > 1e30:
        return False
    return row.pole is None or not row.pole(FLOATS, *point)


def narrowed(row: Op) -> Op:
    """The row on the part of its domain where something happens."""
    return row.replaced(domain=_NARROW[row.name]) if row.name in _NARROW else row


def dense_points(row: Op, count: int, seed: int = 0) -> Iterator[Point]:
    """count points of a row's domain, more than half of them where it is likely to be weakest; and its samples."""
    yield from samples(row)
    r = random.Random(f"dense {row.name} {seed}")
    narrow = narrowed(row)
    anywhere, inside = random_points(row, count, seed), random_points(narrow, count, seed)
    near = (*_COMMON, *SPECIAL.get(row.name, ()), *(x for point in samples(row) for x in point))
    strategies: list[Strategy] = [lambda r: next(inside), lambda r: _special(r, narrow, near)]
    strategies += STRATEGIES.get(row.name, (_related,) if len(row.domain) == 2 and narrow is row else ())
    for place in range(count):
        far = place % _FAR == 0
        point = _inside(row if far else narrow, next(anywhere) if far else strategies[place % len(strategies)](r))
        if comparable(row, point):
            yield point
