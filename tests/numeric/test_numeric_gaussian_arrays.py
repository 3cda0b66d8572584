"""erf and its kin on arrays: against multiprecision numbers, and against the functions of one float."""

from __future__ import annotations

import math
from collections.abc import Callable
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from mpmath.ctx_mp import MPContext

from gradcli.numeric import arrays, floats
from gradcli.numeric.arrays import elementwise
from gradcli.passes import FLOATS

ARRAYS = arrays.over(FLOATS)
ctx: Any = MPContext()
ctx.dps = 50


def _normal_cdf(x: Any) -> Any:
    return ctx.erfc(-x / ctx.sqrt(2)) / 2


def _normal_pdf(x: Any) -> Any:
    return ctx.exp(-x * x / 2) / ctx.sqrt(2 * ctx.pi)


EXACT: dict[str, Callable[[Any], Any]] = {
    "erf": ctx.erf,
    "erfc": ctx.erfc,
    "exp_minus_square": lambda x: ctx.exp(-x * x),
    "normal_pdf": _normal_pdf,
    "normal_cdf": _normal_cdf,
    "gelu": lambda x: x * _normal_cdf(x),
    "gelu_slope": lambda x: _normal_cdf(x) + x * _normal_pdf(x),
}
NAMES = list(EXACT)

# Where nothing may differ from the function of one float.
SPECIAL = (0.0, -0.0, inf, -inf, nan, 45.0, -45.0, 1e300, -1e300, -1.7976931348623157e308, 30.0, 40.0)
# Beside these a formula ends, a result becomes subnormal, or a sum crosses 0.
EDGES = (
    -40.0, -38.875, -38.6, -38.4, -37.6, -37.0, -27.5, -26.6, -26.5, -6.0, -5.9, -0.7517915246935645, -1.0, 0.5, 1.0,
    2.0, 5.9, 6.0, 8.3, 26.5, 26.55, 27.2, 27.226, 27.3, 27.5, 37.0, 37.7, 38.5, 5e-324, -5e-324, 2.3e-308,
)  # fmt: skip


def _points(count: int = 300, seed: int = 3) -> list[float]:
    """Numbers of every magnitude, and more of them where these functions are neither 0 nor 1."""
    generator = np.random.default_rng(seed)
    sign = generator.choice((-1.0, 1.0), size=(2, count))
    found = [
        *(generator.uniform(-end, end, size=count) for end in (1.5, 6.0, 40.0)),
        generator.uniform(-38.7, -36.5, size=count // 3),
        10.0 ** generator.uniform(-307.0, 2.0, size=count) * sign[0],
        10.0 ** generator.uniform(-17.0, 1.6, size=count) * sign[1],
    ]
    beside = [near for x in EDGES for near in (math.nextafter(x, -inf), x, math.nextafter(x, inf))]
    return [*np.concatenate(found).tolist(), *beside]


def _of_one(name: str) -> Callable[[float], float]:
    own: Any = floats.PRIMITIVES[name]
    return own  # type: ignore[no-any-return]


def _many(name: str, xs: Any) -> Any:
    """The function on an array long enough for its formula."""
    with arrays.quiet():
        return getattr(ARRAYS, name)(np.tile(np.asarray(xs), 1 + 600 // len(xs)))[: len(xs)]


def _unit(name: str, x: float, wanted: float) -> float:
    """The unit in the last place; of a sum that crosses 0, that of its largest term."""
    if name == "gelu_slope":
        return math.ulp(max(abs(wanted), _of_one("normal_cdf")(x), abs(x) * _of_one("normal_pdf")(x)))
    return math.ulp(wanted)


@pytest.mark.parametrize("name", NAMES)
def test_every_element_is_within_4_ulp_of_the_exact_one(name: str) -> None:
    points = _points()
    for x, found in zip(points, _many(name, points).tolist(), strict=True):
        wanted = EXACT[name](ctx.mpf(x))
        off = abs(ctx.mpf(found) - wanted) / _unit(name, x, float(wanted))
        assert off <= 4.0, f"{name}({x!r}) = {found!r} is {float(off):.3g} ulp off"


@pytest.mark.parametrize("name", NAMES)
def test_every_element_is_near_that_of_one_float(name: str) -> None:
    """Both are within 4 ulp of the same number, and hardly ever on different sides of it."""
    points, own = _points(5000, seed=5), _of_one(name)
    for x, found in zip(points, _many(name, points).tolist(), strict=True):
        wanted = own(x)
        assert abs(found - wanted) <= 6.0 * _unit(name, x, wanted), f"{name}({x!r}) = {found!r}, of one {wanted!r}"
        assert found == 0.0 or math.copysign(1.0, found) == math.copysign(1.0, wanted) or name == "gelu_slope"


@pytest.mark.parametrize("name", NAMES)
def test_special_values_are_exactly_those_of_one_float(name: str) -> None:
    own = _of_one(name)
    for x, found in zip(SPECIAL, _many(name, SPECIAL).tolist(), strict=True):
        wanted = own(x)
        assert found == wanted or (found != found and wanted != wanted), f"{name}({x!r}) = {found!r}, of one {wanted!r}"
        assert wanted != wanted or math.copysign(1.0, found) == math.copysign(1.0, wanted), f"{name}({x!r}) = {found!r}"


@pytest.mark.parametrize("name", NAMES)
def test_a_few_elements_are_exactly_those_of_one_float(name: str) -> None:
    points = _points(10, seed=9)[:32]
    assert getattr(ARRAYS, name)(np.array(points)).tolist() == list(map(_of_one(name), points))


def _shaped(x: Any) -> list[Any]:
    """The same numbers in arrays of all kinds, 1,200 each but for the last."""
    wide = np.repeat(x, 3).reshape(-1, 3)
    return [
        x,
        x.reshape(30, 40),
        x.reshape(3, 20, 20),
        x.reshape(30, 40).T,
        np.asfortranarray(x.reshape(3, 20, 20)),
        wide[:, 1],
        x[::-1],
        arrays.frozen(x.copy()),
        np.broadcast_to(x[:40], (30, 40)),
        np.broadcast_to(x[:1], (1200,)),
        x[:0].reshape(0, 3),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_arrays_of_every_shape_and_order(name: str) -> None:
    function = getattr(ARRAYS, name)
    x = np.array(_points(300, seed=4)[:1200])
    for one in _shaped(x):
        before = one.copy()
        found = function(one)
        assert (found.shape, found.dtype) == (one.shape, np.float64)
        assert found.flags.writeable, "the result is nobody else's"
        assert np.array_equal(one, before), "the operand stays"
        wanted = [function(np.full(700, number))[0] for number in one.ravel()[:50].tolist()]
        assert found.ravel()[:50] == pytest.approx(wanted, rel=5e-16, abs=5e-324)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_and_arrays_without_axes(name: str) -> None:
    function, wanted = getattr(ARRAYS, name), _of_one(name)(0.3)
    assert function(0.3) == wanted
    assert type(function(0.3)) is float
    found = function(np.array(0.3))
    assert (found.shape, float(found)) == ((), wanted)


@pytest.mark.parametrize("name", NAMES)
def test_an_element_does_not_depend_on_the_others(name: str) -> None:
    """Long arrays are worked through in blocks, of which the last one is shorter."""
    x = np.array([x for x in _points(150, seed=6) if abs(x) < 36.0])
    long = np.resize(x, 3 * 8192 + 5)
    found = getattr(ARRAYS, name)(long)
    assert np.allclose(found, np.resize(found[: len(x)], long.shape), rtol=5e-16, atol=5e-324)


def test_operands_that_broadcast() -> None:
    """In a formula with numbers and rows, as programs have it."""
    column, row = np.linspace(-3.0, 3.0, 40).reshape(40, 1), np.linspace(-1.0, 1.0, 30)
    found = 0.5 * ARRAYS.erfc(column * 2.0 - row) + 1.0
    wanted = [[0.5 * math.erfc(a * 2.0 - b) + 1.0 for b in row] for a in column[:, 0]]
    assert found == pytest.approx(np.array(wanted), rel=1e-15)


def test_a_function_without_a_vector_runs_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(elementwise._VECTORS, "erf")
    points = np.array(_points(50))
    assert elementwise.functions(FLOATS)["erf"](points).tolist() == list(map(math.erf, points.tolist()))
