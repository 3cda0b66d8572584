"""Rows of the elementary functions: exponentials, logarithms, roots, trigonometric and hyperbolic functions.

Derivatives: Abramowitz and Stegun, Handbook of Mathematical Functions, chapters 4.1 to 4.6, rearranged where the
textbook form cancels or overflows in float64.
"""

from __future__ import annotations

from math import inf
from typing import Any

from gradcli.graph.ops.row import POSITIVE, REAL, Kink, Op

_NORMAL = 2.2250738585072014e-308  # the smallest normal number


def _is_zero(m: Any, x: Any) -> Any:
    return m.equal(x, 0.0)


def _reciprocal(m: Any, x: Any) -> Any:
    return m.div(1.0, x)


def _log_slope(m: Any, x: Any, base: Any) -> Any:
    """1/(x*log(base)); x*log(base) could overflow, and 1/x lose digits below the normal numbers."""
    return m.defined(m.less_equal(0.0, x), m.div(m.div(1.0, m.log(base)), m.unsigned_zero(x)))


def _inside(m: Any, x: Any) -> Any:
    """1 - x² without cancellation near ±1."""
    return (1.0 - x) * (1.0 + x)


def _sum_of_squares(m: Any, x: Any, y: Any) -> Any:
    return m.pow(x, 2.0) + m.pow(y, 2.0)


_ORIGIN = Kink(lambda m, x, y: m.and_(m.equal(x, 0.0), m.equal(y, 0.0)), "there is no slope at the origin: 0 is taken")

ROWS = (
    Op("exp", ("x",), "Exponential.", (lambda m, y, x: y,), finite=1, domain=(REAL,),
       samples=((0.0,), (1.0,), (-700.0,), (709.7,)), zero=lambda m, x: m.equal(x, m.number("-inf")),
       latex="e^{{{0}}}"),
    Op("expm1", ("x",), "exp(x) - 1, exact near 0.", (lambda m, y, x: m.exp(x),), finite=1, domain=(REAL,),
       samples=((1e-20,), (-1e-10,), (40.0,), (-40.0,))),
    Op("log", ("x",), "Natural logarithm.",
       (lambda m, y, x: m.defined(m.less_equal(0.0, x), _reciprocal(m, m.unsigned_zero(x))),),
       rules=(lambda m, y, x: _reciprocal(m, x),), aliases=("ln",), domain=(POSITIVE,),
       samples=((1.0,), (0.9999999,), (1e-300,), (1e300,)), pole=_is_zero, latex=r"\ln {0}"),
    Op("log_base", ("x", "b"), "Logarithm to a base, written log(x, b).",
       (lambda m, y, x, b: _log_slope(m, x, b), lambda m, y, x, b: -m.div(m.div(y, b), m.log(b))),
       rules=(lambda m, y, x, b: m.div(1.0, x * m.log(b)), lambda m, y, x, b: -m.div(y, b * m.log(b))),
       forward=lambda m, x, b: m.div(m.log(x), m.log(b)), aliases=("log",), call="log", definition="log(x)/log(b)",
       domain=(POSITIVE, (_NORMAL, inf)), samples=((8.0, 2.0), (1000.0, 10.0), (2.0, 0.5)),
       pole=lambda m, x, b: m.or_(m.equal(x, 0.0), m.equal(b, 1.0)), latex=r"\log_{{{1}}} {0}"),
    Op("log2", ("x",), "Binary logarithm.", (lambda m, y, x: _log_slope(m, x, 2.0),),
       rules=(lambda m, y, x: m.div(1.0, x * m.log(2.0)),), domain=(POSITIVE,), samples=((8.0,), (0.1,)),
       pole=_is_zero, latex=r"\log_2 {0}"),
    Op("log10", ("x",), "Decimal logarithm.", (lambda m, y, x: _log_slope(m, x, 10.0),),
       rules=(lambda m, y, x: m.div(1.0, x * m.log(10.0)),), domain=(POSITIVE,), samples=((1000.0,), (0.1,)),
       pole=_is_zero, latex=r"\log_{{10}} {0}"),
    Op("log1p", ("x",), "log(1 + x), exact near 0.",
       (lambda m, y, x: m.defined(m.less_equal(-1.0, x), _reciprocal(m, 1.0 + x)),),
       rules=(lambda m, y, x: _reciprocal(m, 1.0 + x),), domain=((-1.0, inf),),
       samples=((1e-20,), (-1e-16,), (-0.9999,), (1e20,)), pole=lambda m, x: m.equal(x, -1.0)),
    Op("sqrt", ("x",), "Square root.", (lambda m, y, x: m.div(0.5, m.unsigned_zero(y)),),
       rules=(lambda m, y, x: m.div(1.0, 2.0 * y),), domain=(POSITIVE,), samples=((4.0,), (1e-300,), (1e300,)),
       latex=r"\sqrt{{{0}}}"),
    Op("cbrt", ("x",), "Cube root, also of negative numbers.", (lambda m, y, x: m.cbrt_slope(x, y),),
       finite=2, domain=(REAL,), samples=((8.0,), (-27.0,), (1e-200,)), latex=r"\sqrt[3]{{{0}}}"),
    Op("sin", ("x",), "Sine.", (lambda m, y, x: m.cos(x),), finite=2, domain=(REAL,),
       samples=((0.0,), (0.5,), (1e16,)), latex=r"\sin {0}"),
    Op("cos", ("x",), "Cosine.", (lambda m, y, x: -m.sin(x),), finite=2, domain=(REAL,),
       samples=((0.0,), (0.5,), (1e16,)), latex=r"\cos {0}"),
    Op("tan", ("x",), "Tangent.", (lambda m, y, x: 1.0 + m.pow(y, 2.0),),
       finite=2, domain=(REAL,), samples=((0.0,), (0.5,), (1.5707963267948966,)), latex=r"\tan {0}"),
    Op("asin", ("x",), "Arc sine.", (lambda m, y, x: _reciprocal(m, m.sqrt(_inside(m, x))),), aliases=("arcsin",),
       rules=(lambda m, y, x: _reciprocal(m, m.sqrt(1.0 - m.pow(x, 2.0))),), domain=((-1.0, 1.0),),
       samples=((0.5,), (0.9999999,), (-0.9999999,), (1e-9,)), latex=r"\arcsin {0}"),
    Op("acos", ("x",), "Arc cosine.", (lambda m, y, x: -_reciprocal(m, m.sqrt(_inside(m, x))),), aliases=("arccos",),
       rules=(lambda m, y, x: -_reciprocal(m, m.sqrt(1.0 - m.pow(x, 2.0))),), domain=((-1.0, 1.0),),
       samples=((0.5,), (0.9999999,), (-0.9999999,)), latex=r"\arccos {0}"),
    Op("atan", ("x",), "Arc tangent.", (lambda m, y, x: m.atan_slope(x),), aliases=("arctan",),
       finite=2, domain=(REAL,), samples=((0.0,), (1.0,), (-1e100,)), latex=r"\arctan {0}"),
    Op("atan2", ("y", "x"), "Angle of the point (x, y).",
       (lambda m, out, y, x: m.atan2_slope(x, y, x), lambda m, out, y, x: -m.atan2_slope(y, y, x)),
       rules=(lambda m, out, y, x: m.div(x, _sum_of_squares(m, x, y)),
              lambda m, out, y, x: -m.div(y, _sum_of_squares(m, x, y))),
       aliases=("arctan2",), finite=2, domain=(REAL, REAL),
       samples=((1.0, -1.0), (-1.0, 1.0), (1.0, 0.0), (1e-200, 1e-200), (1e200, 1e200)), kink=_ORIGIN),
    Op("hypot", ("x", "y"), "Distance of the point (x, y) from the origin.",
       (lambda m, r, x, y: m.hypot_slope(x, y, r), lambda m, r, x, y: m.hypot_slope(y, x, r)),
       rules=(lambda m, r, x, y: m.div(x, r), lambda m, r, x, y: m.div(y, r)),
       finite=1, domain=(REAL, REAL),
       samples=((3.0, 4.0), (1e200, 1e200), (1e-200, 1e-200), (0.0, 2.0)), kink=_ORIGIN,
       latex=r"\sqrt{{{0}^2 + {1}^2}}"),
    Op("sinh", ("x",), "Hyperbolic sine.", (lambda m, y, x: m.cosh(x),), finite=1, domain=(REAL,),
       samples=((0.0,), (1e-9,), (-20.0,)), latex=r"\sinh {0}"),
    Op("cosh", ("x",), "Hyperbolic cosine.", (lambda m, y, x: m.sinh(x),), finite=1, domain=(REAL,),
       samples=((0.0,), (1e-9,), (-20.0,)), latex=r"\cosh {0}"),
    Op("tanh", ("x",), "Hyperbolic tangent.", (lambda m, y, x: m.tanh_slope(x, y),),
       rules=(lambda m, y, x: 1.0 - m.pow(y, 2.0),), finite=2, domain=(REAL,),
       samples=((0.0,), (20.0,), (-0.5,), (1e-300,)), steepest=1.0, latex=r"\tanh {0}"),
    Op("asinh", ("x",), "Inverse hyperbolic sine.", (lambda m, y, x: _reciprocal(m, m.hypot(1.0, x)),),
       rules=(lambda m, y, x: _reciprocal(m, m.sqrt(1.0 + m.pow(x, 2.0))),), aliases=("arcsinh",),
       finite=2, domain=(REAL,), samples=((0.0,), (1e200,), (-3.0,)), latex=r"\operatorname{{arsinh}} {0}"),
    Op("acosh", ("x",), "Inverse hyperbolic cosine.",
       (lambda m, y, x: _reciprocal(m, m.sqrt(x - 1.0) * m.sqrt(x + 1.0)),), aliases=("arccosh",),
       rules=(lambda m, y, x: _reciprocal(m, m.sqrt(m.pow(x, 2.0) - 1.0)),), domain=((1.0, inf),),
       samples=((1.0000001,), (2.0,), (1e200,)), latex=r"\operatorname{{arcosh}} {0}"),
    Op("atanh", ("x",), "Inverse hyperbolic tangent.",
       (lambda m, y, x: m.defined(m.less_equal(m.abs(x), 1.0), _reciprocal(m, _inside(m, x))),), aliases=("arctanh",),
       rules=(lambda m, y, x: _reciprocal(m, 1.0 - m.pow(x, 2.0)),), domain=((-1.0, 1.0),),
       samples=((0.5,), (0.9999999,), (-0.9999999,), (1e-9,)), latex=r"\operatorname{{artanh}} {0}"),
)  # fmt: skip
