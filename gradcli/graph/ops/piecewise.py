"""Rows with kinks and jumps: absolute value, rounding, remainders, clamping."""

from __future__ import annotations

from typing import Any

from gradcli.graph.ops.row import REAL, Kink, Op


def _is_integer(m: Any, x: Any) -> Any:
    return m.equal(x - m.floor(x), 0.0)


def _is_half(m: Any, x: Any) -> Any:
    return m.equal(x - m.floor(x), 0.5)


def _is_zero(m: Any, x: Any) -> Any:
    return m.equal(x, 0.0)


def _is_multiple(m: Any, a: Any, b: Any) -> Any:
    return m.and_(m.not_equal(b, 0.0), m.equal(m.mod(a, b), 0.0))


def _at_bound(m: Any, x: Any, low: Any, high: Any) -> Any:
    at_one = m.and_(m.less(low, high), m.or_(m.equal(x, low), m.equal(x, high)))
    return m.or_(m.equal(low, high), at_one)


_STEP = Kink(_is_integer, "a step: its slope is taken as 0")


def _quotient(m: Any, y: Any, a: Any, b: Any) -> Any:
    """-floor(a/b), from the exact remainder y, since a/b may round up to the next integer. y - a could overflow."""
    return m.round(m.div(y, b) - m.div(a, b))


ROWS = (
    Op("abs", ("x",), "Absolute value; its slope at 0 is taken as 0.", (lambda m, y, x: m.sign(x),),
       finite=2, domain=(REAL,), samples=((3.0,), (-3.0,), (1e-300,)),
       kink=Kink(_is_zero, "the slopes are -1 and 1; 0 is taken"), latex=r"\lvert {0} \rvert"),
    Op("sign", ("x",), "-1, 0 or 1.", (0.0,),
       forward=lambda m, x: m.where(m.less(0.0, x), 1.0, m.where(m.less(x, 0.0), -1.0, x)),
       definition="where(x > 0, 1, where(x < 0, -1, x))", finite=2, domain=(REAL,), samples=((3.0,), (-3.0,)),
       kink=Kink(_is_zero, "a step: its slope is taken as 0")),
    Op("floor", ("x",), "The largest integer ≤ x.", (0.0,), finite=2, domain=(REAL,),
       samples=((2.5,), (-2.5,), (1e300,)), kink=_STEP, latex=r"\lfloor {0} \rfloor"),
    Op("ceil", ("x",), "The smallest integer ≥ x.", (0.0,), forward=lambda m, x: -m.floor(-x), definition="-floor(-x)",
       finite=2, domain=(REAL,), samples=((2.5,), (-2.5,), (1e300,)), kink=_STEP, latex=r"\lceil {0} \rceil"),
    Op("round", ("x",), "The nearest integer, halves to the even one.", (0.0,), finite=2, domain=(REAL,),
       samples=((2.4,), (-2.6,), (1e300,)), kink=Kink(_is_half, "a step: its slope is taken as 0")),
    Op("mod", ("a", "b"), "Remainder a - b*floor(a/b), with the sign of b.", (1.0, _quotient),
       rules=(None, lambda m, y, a, b: -m.floor(m.div(a, b))), domain=(REAL, REAL),
       samples=((7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (0.3, 0.1)),
       kink=Kink(_is_multiple, "a step: the slope beside it is taken"),
       latex=r"{0} \bmod {1}"),
    Op("clamp", ("x", "low", "high"), "x limited to low ≤ x ≤ high; its slopes at a bound are taken as 0.",
       (lambda m, y, x, low, high: m.and_(m.less(low, x), m.less(x, high)),
        lambda m, y, x, low, high: m.and_(m.less(x, low), m.less(low, high)),
        lambda m, y, x, low, high: m.less(high, m.max(x, low))),
       forward=lambda m, x, low, high: m.min(m.max(x, low), high), definition="min(max(x, low), high)",
       finite=2, domain=(REAL, REAL, REAL), samples=((0.5, -1.0, 1.0), (-3.0, -1.0, 1.0), (3.0, -1.0, 1.0)),
       kink=Kink(_at_bound, "x is at a bound: the slopes 0 and 1 meet, 0 is taken"), rectifies=True),
)  # fmt: skip
