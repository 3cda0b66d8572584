"""Values and partials of every row in floats against the multiprecision oracle, at the exact operands.

Every row is walked at POINTS points, the same in every run. The long walk, after any change of a formula, is
`GRADCLI_POINTS=20000 pytest tests/graph/test_ops_accuracy.py`: half an hour on one core. `benchmarks/accuracy.py` shows
the errors.
"""

from __future__ import annotations

import math
import os

import pytest
from oracle import (
    JUDGE,
    TESTED,
    TINY,
    Point,
    Value,
    compared,
    computed,
    exact,
    partials,
    random_points,
    samples,
    slope,
    smooth,
    ulps,
    value,
)
from points import comparable, dense_points, narrowed

from gradcli.graph import ops
from gradcli.graph.ops import ROWS, Op

POINTS = int(os.environ.get("GRADCLI_POINTS", "300"))


@pytest.mark.parametrize("row", TESTED, ids=lambda row: row.name)
def test_value_and_partials(row: Op) -> None:
    for point in dense_points(row, POINTS):
        for place, off, got, wanted in compared(row, point):
            what = f"partial {place - 1}" if place else "value"
            assert off <= row.ulp, (
                f"{what} of {row.name}{point} is {off:.3g} ulp off: {got!r}, not {JUDGE.nstr(wanted, 20)}"
            )


@pytest.mark.parametrize("row", TESTED, ids=lambda row: row.name)
def test_the_walk_is_dense_and_inside(row: Op) -> None:
    """Points are many and different, in the domain, and 0 or normal; the same in every run, others for another seed."""
    points = list(dense_points(row, 300))
    own = len(samples(row))
    assert points == list(dense_points(row, 300))
    assert points[own:] != list(dense_points(row, 300, seed=1))[own:]
    assert len(set(points)) >= 150
    domain = row.domain * 4 if row.variadic else row.domain
    for point in points[own:]:
        assert all(low <= x <= high for x, (low, high) in zip(point, domain, strict=False))
        assert all(x == 0.0 or abs(x) >= TINY for x in point)


def _shown(row: Op, position: int) -> Value | None:
    """The displayed formula of a partial, where it is not the one that computes."""
    rule = (row.rules or [None] * len(row.partials))[0 if row.variadic else position]
    if rule is None:
        return None
    if row.variadic:
        return lambda m, xs: rule(m, value(row)(m, xs), xs[position])
    return lambda m, xs: rule(m, value(row)(m, xs), *xs)


def _computed(row: Op, position: int) -> Value:
    rule = row.partials[0 if row.variadic else position]
    if isinstance(rule, float):
        return lambda m, xs: m.number(rule)
    if row.variadic:
        return lambda m, xs: rule(m, value(row)(m, xs), *xs)[position]
    return lambda m, xs: rule(m, value(row)(m, xs), *xs)


@pytest.mark.parametrize("row", [row for row in TESTED if row.rules], ids=lambda row: row.name)
def test_displayed_rules_equal_the_partials(row: Op) -> None:
    for point in [*samples(row), *random_points(narrowed(row), 50, seed=1)]:
        if not smooth(row, point) or not comparable(row, point):
            continue
        for position in range(len(point)):
            shown = _shown(row, position)
            if shown is None:
                continue
            got, wanted = exact(shown, point), exact(_computed(row, position), point)
            same = JUDGE.isnan(got) and JUDGE.isnan(wanted)
            same = same or got == wanted or abs(got - wanted) <= abs(wanted) * JUDGE.mpf("1e-25")
            assert same, f"{row.name}{point}: rule {position} is {got}, the partial {wanted}"


def test_the_oracle_notices_a_wrong_row() -> None:
    """A partial that is off by one part in 1e15 fails, so does a value that loses its tail."""
    off = ulps(math.cos(0.5) * (1.0 + 1e-15), exact(slope(value(ops.find("sin")[0]), 0), (0.5,)))
    assert off > 4.0
    assert ulps(0.0, exact(value(ops.find("sigmoid")[0]), (-40.0,))) > 1e9


def test_ulps() -> None:
    assert ulps(1.0, JUDGE.mpf(1)) == 0.0
    assert ulps(math.nextafter(1.0, 2.0), JUDGE.mpf(1)) == 1.0
    assert ulps(1.0, JUDGE.mpf(1) + math.ulp(1.0) / 4) == 0.25
    assert ulps(math.ulp(0.0), JUDGE.mpf(0)) == 1.0  # below the normal numbers: the spacing there
    assert ulps(1e-10, JUDGE.mpf(0), 1.0) == 1e-10 / math.ulp(1.0)  # beside a zero crossing: of the largest term
    assert ulps(math.nan, JUDGE.nan) == 0.0
    assert ulps(math.nan, JUDGE.mpf(1)) == math.inf
    assert ulps(math.inf, JUDGE.mpf("1e400")) == 0.0
    assert ulps(-math.inf, JUDGE.mpf("1e400")) > 1e9
    assert ulps(math.inf, JUDGE.mpf("1e300")) > 1e9
    assert ulps(1e308, JUDGE.mpf("1e400")) > 1e9
    assert ulps(math.inf, JUDGE.inf) == 0.0
    assert ulps(1.0, JUDGE.inf) > 1e9


# Numbers from the literature and from 60-digit arithmetic that must never move: name, point, value, partials.
MUST_HOLD = [
    ("sigmoid", (40.0,), 1.0, (4.248354255291589e-18,)),
    ("tanh", (20.0,), 1.0, (1.699341702116636e-17,)),
    ("softplus", (21.0,), 21.000000000758256, (0.99999999924174396,)),
    ("expm1", (1e-20,), 1e-20, (1.0,)),
    ("expm1", (1e-10,), 1.00000000005e-10, (1.0000000001,)),
    ("log1p", (1e-20,), 1e-20, (1.0,)),
    ("log1p", (1e-10,), 9.9999999995000004e-11, (0.9999999999,)),
    ("hypot", (1e200, 1e200), 1.414213562373095e200, (0.70710678118654752, 0.70710678118654752)),
    ("div", (1e-200, 1e-200), 1.0, (1e200, -1e200)),
    ("div", (1e200, 1e200), 1.0, (1e-200, -1e-200)),
    ("atan2", (1e-200, 1e-200), 0.78539816339744831, (5e199, -5e199)),
    ("logaddexp", (1000.0, 999.0), 1000.3132616875182, (0.73105857863000488, 0.26894142136999512)),
    ("logaddexp", (-1000.0, -1001.0), -999.68673831248178, (0.73105857863000488, 0.26894142136999512)),
    ("logaddexp", (1e308, 0.0), 1e308, (1.0, 0.0)),
    ("logsigmoid", (-1000.0,), -1000.0, (1.0,)),
    ("erf", (26.0,), 1.0, (2.9470349932662695e-294,)),
    # the float nearest to a multiple of π/2, which C libraries reduce with 1e-33 of error
    ("cos", (6381956970095103.0 * 2.0**797,), -4.687165924254628e-19, (-1.0,)),
    ("sin", (6381956970095103.0 * 2.0**797,), 1.0, (-4.687165924254628e-19,)),
    ("tan", (6381956970095103.0 * 2.0**797,), -2.133485385753704e18, (4.551759891224631e36,)),
    # where a factor is subnormal, or a distance overflows
    ("silu", (-740.0,), -3.09967e-319, (-3.09547e-319,)),
    ("mish", (-740.0,), -3.09967e-319, (-3.09547e-319,)),
    ("elu", (-740.0, 1e10), -1e10, (4.18873988005e-312, -1.0)),
    ("gelu", (-38.0,), -1.096462777e-314, (-4.1665545693e-313,)),
    ("atan", (1e158,), 1.5707963267948966, (1e-316,)),
    ("hypot", (1.5e308, 1.5e308), math.inf, (0.7071067811865476, 0.7071067811865476)),
    ("atan2", (1.5e308, 1e308), 0.982793723247329, (3.076923076923076e-309, -4.615384615384614e-309)),
    (
        "log_base",
        (1.7e308, 1.0000000000000002),
        3.196325518167184e18,
        (2.6491762513944097e-293, -1.4394970412572535e34),
    ),
    ("mod", (-1.7e308, 1.1e308), 5e307, (1.0, 2.0)),
    ("erfc", (1.2390625,), 0.07972240926574482, (-0.24304865210182786,)),
]


@pytest.mark.parametrize(
    ("name", "point", "number", "slopes"), MUST_HOLD, ids=lambda v: v if isinstance(v, str) else ""
)
def test_must_hold(name: str, point: Point, number: float, slopes: tuple[float, ...]) -> None:
    row = ROWS[ops.CODES[name]]
    assert computed(row, point) == pytest.approx(number, rel=4.5e-16, abs=5e-324)
    assert partials(row, point) == pytest.approx(slopes, rel=9e-16, abs=5e-324)


@pytest.mark.parametrize(
    ("point", "wanted"),
    [((-2.0, 2.0**53), -math.inf), ((-0.5, 2.0**53), -0.0), ((-8.0, 1e-17), math.nan), ((-1.0, 2.0**60), -(2.0**60))],
)
def test_negative_base_and_an_exponent_that_rounds(point: Point, wanted: float) -> None:
    """a - 1.0 is even where a is odd or huge, and whole where a is tiny."""
    power = ROWS[ops.CODES["pow"]]
    got = partials(power, point)[0]
    assert got == pytest.approx(wanted, nan_ok=True)
    assert math.copysign(1.0, got) == math.copysign(1.0, wanted) or math.isnan(wanted)


def test_large_base() -> None:
    """a*x^(a-1) by the letter is 272 ulp off here."""
    power = ROWS[ops.CODES["pow"]]
    wanted = exact(slope(value(power), 0), (1e300, 0.3))
    assert ulps(partials(power, (1e300, 0.3))[0], wanted) <= 1.5
