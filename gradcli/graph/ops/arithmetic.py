"""Rows of the operators + - * / ^, negation, comparisons, logic, and of choosing between values."""

from __future__ import annotations

from math import inf
from typing import Any

from gradcli.graph.ops.row import REAL, Kink, Op, OperandValue


def _tie_shares(m: Any, y: Any, *xs: Any) -> tuple[Any, ...]:
    """1 for the chosen operand; n operands that tie get 1/n each; nan where the value is nan."""
    chosen = [m.equal(x, y) for x in xs]
    ties = chosen[0]
    for one in chosen[1:]:
        ties = ties + one
    return tuple(m.div(one, ties) for one in chosen)


def _is_chosen(m: Any, y: Any, x: Any) -> Any:
    return m.equal(x, y)


def _several(m: Any, y: Any, xs: tuple[Any, ...]) -> Any:
    """Whether more than one operand is y."""
    chosen = [m.equal(x, y) for x in xs]
    return m.less(1.0, sum(chosen[1:], chosen[0]))


def _is_infinite(m: Any, x: Any) -> Any:
    return m.equal(m.abs(x), m.number("inf"))


def _comparison(name: str, symbol: str, doc: str, **fields: Any) -> Op:
    return Op(
        name, ("x", "y"), doc, (0.0, 0.0), symbol=symbol, precedence=4, finite=2, domain=(REAL, REAL),
        samples=((1.0, 2.0), (2.0, 1.0), (-3.0, 1e300)), kink=_JUMP, **fields,
    )  # fmt: skip


_JUMP = Kink(lambda m, x, y: m.equal(x, y), "a comparison jumps where both sides are equal; its slope is taken as 0")

ROWS = (
    Op("add", ("x", "y"), "Sum.", (1.0, 1.0), symbol="+", precedence=5, finite=1, domain=(REAL, REAL),
       samples=((2.0, 3.0), (1e308, -1e308)), latex="{0} + {1}"),
    Op("sub", ("x", "y"), "Difference.", (1.0, -1.0), symbol="-", precedence=5, finite=1, domain=(REAL, REAL),
       samples=((2.0, 3.0), (1.0, 1.0)), latex="{0} - {1}"),
    Op("mul", ("x", "y"), "Product.", (OperandValue(1), OperandValue(0)), symbol="*", precedence=6,
       finite=1, domain=(REAL, REAL), samples=((5.0, -4.0), (0.0, 3.0)),
       zero=lambda m, x, y: m.or_(m.equal(x, 0.0), m.equal(y, 0.0)), latex=r"{0} \cdot {1}"),
    Op("div", ("x", "y"), "Quotient; 1/0 is inf and 0/0 is nan.",
       (lambda m, y, a, b: m.div(1.0, b), lambda m, y, a, b: -m.div(y, b)),
       rules=(None, lambda m, y, a, b: -m.div(a, m.pow(b, 2.0))),
       symbol="/", precedence=6, domain=(REAL, REAL),
       samples=((1.0, -3.0), (1e-200, 1e-90), (1e200, 1e200), (1e-200, 1e-200)), pole=lambda m, a, b: m.equal(b, 0.0),
       zero=lambda m, a, b: m.or_(m.equal(a, 0.0), _is_infinite(m, b)), latex=r"\frac{{{0}}}{{{1}}}"),
    Op("neg", ("x",), "Negation.", (-1.0,), symbol="-", precedence=7, finite=2, domain=(REAL,),
       samples=((3.0,), (0.0,)), latex="-{0}"),
    Op("pow", ("x", "a"), "Power; 0^0 is 1 and (-8)^(1/3) is nan.",
       (lambda m, y, x, a: m.pow_slope(x, a), lambda m, y, x, a: m.pow_exponent_slope(x, a, y)),
       rules=(lambda m, y, x, a: a * m.pow(x, a - 1.0), lambda m, y, x, a: y * m.log(x)),
       symbol="^", precedence=8, domain=(REAL, REAL),
       samples=((2.0, 10.0), (1e300, 0.3), (1e300, 1.02), (1e-300, -1.02), (0.5, 1000.0), (1.0, -1e15), (3.0, 0.5),
                (-2.0, 3.0), (-3.0, -2.0)), pole=lambda m, x, a: m.equal(x, 0.0),
       zero=lambda m, x, a: m.or_(m.equal(x, 0.0), m.or_(_is_infinite(m, x), _is_infinite(m, a))), latex="{0}^{{{1}}}"),
    _comparison("less", "<", "1 where x < y, else 0; 0 for nan.", latex="{0} < {1}"),
    _comparison("less_equal", "<=", "1 where x ≤ y, else 0; 0 for nan.", latex=r"{0} \le {1}"),
    _comparison("greater", ">", "1 where x > y, else 0; 0 for nan.", latex="{0} > {1}",
                forward=lambda m, x, y: m.less(y, x), definition="y < x"),
    _comparison("greater_equal", ">=", "1 where x ≥ y, else 0; 0 for nan.", latex=r"{0} \ge {1}",
                forward=lambda m, x, y: m.less_equal(y, x), definition="y <= x"),
    _comparison("equal", "==", "1 where x = y, else 0; 0 for nan.", latex="{0} = {1}"),
    _comparison("not_equal", "!=", "1 where x ≠ y, else 0; 1 for nan.", latex=r"{0} \ne {1}",
                forward=lambda m, x, y: 1.0 - m.equal(x, y), definition="1 - (x == y)"),
    Op("and", ("x", "y"), "1 where neither is 0, else 0.", (0.0, 0.0), symbol="and", precedence=2,
       forward=lambda m, x, y: m.not_equal(x, 0.0) * m.not_equal(y, 0.0), definition="(x != 0)*(y != 0)",
       finite=2, domain=(REAL, REAL), samples=((1.0, 0.0), (2.0, -1.0), (0.0, 0.0)), latex=r"{0} \wedge {1}"),
    Op("or", ("x", "y"), "0 where both are 0, else 1.", (0.0, 0.0), symbol="or", precedence=1,
       forward=lambda m, x, y: m.max(m.not_equal(x, 0.0), m.not_equal(y, 0.0)), definition="max(x != 0, y != 0)",
       finite=2, domain=(REAL, REAL), samples=((1.0, 0.0), (2.0, -1.0), (0.0, 0.0)), latex=r"{0} \vee {1}"),
    Op("not", ("x",), "1 where x is 0, else 0.", (0.0,), symbol="not", precedence=3,
       forward=lambda m, x: m.equal(x, 0.0), definition="x == 0", finite=2, domain=(REAL,),
       samples=((1.0,), (0.0,), (-2.0,)), latex=r"\neg {0}"),
    Op("where", ("c", "a", "b"), "a where c is not 0, b where it is; the branch not chosen contributes exactly 0.",
       (0.0, lambda m, y, c, a, b: m.where(c, 1.0, 0.0), lambda m, y, c, a, b: m.where(c, 0.0, 1.0)),
       vjps=(lambda m, g, c, a, b: 0.0, lambda m, g, c, a, b: m.where(c, g, 0.0),
             lambda m, g, c, a, b: m.where(c, 0.0, g)),
       finite=2, vanishes=True, domain=(REAL, REAL, REAL), samples=((1.0, 2.0, 3.0), (0.0, 2.0, 3.0), (-2.0, 2.0, 3.0)),
       latex=r"\begin{{cases}} {1} & {0} \\ {2} & \text{{otherwise}} \end{{cases}}"),
    Op("max", ("*x",), "The largest operand; n operands that tie get 1/n of the gradient each.", (_tie_shares,),
       rules=(_is_chosen,), finite=2, domain=(REAL,), samples=((1.0, 2.0), (3.0, -1.0, 2.0), (5.0,), (2.0, 2.0)),
       kink=Kink(lambda m, *xs: _several(m, m.max(*xs), xs), "a tie: the gradient is shared equally", "tie"),
       rectifies=True, latex=r"\max({0})"),
    Op("min", ("*x",), "The smallest operand; n operands that tie get 1/n of the gradient each.", (_tie_shares,),
       rules=(_is_chosen,), finite=2, domain=(REAL,), samples=((1.0, 2.0), (3.0, -1.0, 2.0), (5.0,), (2.0, 2.0)),
       kink=Kink(lambda m, *xs: _several(m, m.min(*xs), xs), "a tie: the gradient is shared equally", "tie"),
       rectifies=True, latex=r"\min({0})"),
    Op("chain", ("adjoint", "partial"), "One contribution: 0 where the adjoint is 0, else adjoint times partial.",
       (OperandValue(1), OperandValue(0)), finite=1, domain=(REAL, REAL),
       samples=((2.0, 3.0), (0.0, 3.0), (0.0, inf)), latex=r"{0} \cdot {1}"),
)  # fmt: skip
