"""Values and partials of every row in floats against the multiprecision oracle, at the exact operands."""

from __future__ import annotations

import math

import pytest
from oracle import JUDGE, Point, Value, exact, random_points, samples, scale, slope, smooth, ulps, value

from gradcli.graph import ops
from gradcli.graph.ops import ROWS, Op
from gradcli.passes import FLOATS

TESTED = [row for row in ROWS[2:] if not row.hidden or row.name == "chain"]
SLOW = {"erf", "erfc"}  # their tails need 400 digits and more, which mpmath sums term by term
POINTS, FEW = 150, 40


def _points(row: Op) -> list[Point]:
    return [*samples(row), *random_points(row, FEW if row.name in SLOW else POINTS)]


def _value(row: Op, point: Point) -> float:
    return float(getattr(FLOATS, ops.attribute(row.name))(*point))


def partials(row: Op, point: Point) -> list[float]:
    """The row's partials in floats."""
    y = _value(row, point)
    if row.variadic:
        return [float(p) for p in row.partials[0](FLOATS, y, *point)]  # type: ignore[operator]
    return [rule if isinstance(rule, float) else float(rule(FLOATS, y, *point)) for rule in row.partials]


def _report(row: Op, what: str, off: float, point: Point, got: float, wanted: object) -> str:
    return f"{what} of {row.name}{point} is {off:.3g} ulp off: {got!r}, not {JUDGE.nstr(wanted, 20)}"


@pytest.mark.parametrize("row", TESTED, ids=lambda row: row.name)
def test_values(row: Op) -> None:
    of = value(row)
    for point in _points(row):
        got, wanted = _value(row, point), exact(of, point)
        off = ulps(got, wanted, scale(row, 0, point))
        assert off <= row.ulp, _report(row, "value", off, point, got, wanted)


@pytest.mark.parametrize("row", TESTED, ids=lambda row: row.name)
def test_partials(row: Op) -> None:
    of = value(row)
    for point in _points(row):
        if not smooth(row, point):
            continue
        for position, got in enumerate(partials(row, point)):
            wanted = exact(slope(of, position), point)
            off = ulps(got, wanted, scale(row, 0 if row.variadic else position + 1, point))
            assert off <= row.ulp, _report(row, f"partial {position}", off, point, got, wanted)


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
    for point in [*samples(row), *random_points(row, 50, seed=1)]:
        if not smooth(row, point):
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
]


@pytest.mark.parametrize(
    ("name", "point", "number", "slopes"), MUST_HOLD, ids=lambda v: v if isinstance(v, str) else ""
)
def test_must_hold(name: str, point: Point, number: float, slopes: tuple[float, ...]) -> None:
    row = ROWS[ops.CODES[name]]
    assert _value(row, point) == pytest.approx(number, rel=4.5e-16, abs=0.0)
    assert partials(row, point) == pytest.approx(slopes, rel=9e-16, abs=0.0)


def test_large_base() -> None:
    """a*x^(a-1) by the letter is 272 ulp off here."""
    power = ROWS[ops.CODES["pow"]]
    wanted = exact(slope(value(power), 0), (1e300, 0.3))
    assert ulps(partials(power, (1e300, 0.3))[0], wanted) <= 1.5
