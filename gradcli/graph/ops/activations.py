"""Rows of the functions that neural networks and statistics use, in forms that neither overflow nor cancel.

Sources: selu, Klambauer et al. 2017; gelu (the erf form), Hendrycks and Gimpel 2016; silu, Elfwing et al. 2017; mish,
Misra 2019; elu, Clevert et al. 2015; error function, Abramowitz and Stegun 7.1; log1p forms, Mächler 2012, "Accurately
computing log(1 - exp(-|a|))".
"""

from __future__ import annotations

from typing import Any

from gradcli.graph.ops.row import POSITIVE, REAL, Kink, Op

_SELU_SCALE = "1.0507009873554804934193349852946"
_SELU_ALPHA = "1.6732632423543772848170429916717"


def _is_zero(m: Any, x: Any, *rest: Any) -> Any:
    return m.equal(x, 0.0)


def _at_minus_infinity(m: Any, x: Any) -> Any:
    return m.equal(x, m.number("-inf"))


def _only_at_zero(m: Any, x: Any) -> Any:
    """x times a positive function, which is 0 at -inf too."""
    return m.or_(m.equal(x, 0.0), m.equal(x, m.number("-inf")))


def _softplus(m: Any, x: Any) -> Any:
    return m.max(x, 0.0) + m.log1p(m.exp(-m.abs(x)))


def _sigmoid(m: Any, x: Any) -> Any:
    e = m.exp(-m.abs(x))
    return m.div(m.where(m.less(x, 0.0), e, 1.0), 1.0 + e)


def _gelu_term(m: Any, x: Any) -> Any:
    return m.max(m.normal_cdf(x), m.abs(x) * m.normal_pdf(x))


def _gaussian(m: Any, x: Any) -> Any:
    return m.div(2.0, m.sqrt(m.pi)) * m.exp_minus_square(x)


def _logaddexp(m: Any, x: Any, y: Any) -> Any:
    """Equal operands are handled apart: the difference of two infinities is nan."""
    return m.where(m.equal(x, y), x + m.log(2.0), m.max(x, y) + m.log1p(m.exp(-m.abs(x - y))))


def _logaddexp_slope(m: Any, x: Any, y: Any) -> Any:
    both_infinite = m.and_(m.equal(x, y), m.equal(m.abs(x), m.number("inf")))
    return m.where(both_infinite, 0.5, m.sigmoid_of_difference(x, y))


def _xlogy_slope(m: Any, x: Any, y: Any) -> Any:
    origin = m.and_(m.equal(x, 0.0), m.equal(y, 0.0))
    return m.defined(m.less_equal(0.0, y), m.where(origin, 0.0, m.div(x, y)))


def _sinc_term(m: Any, x: Any) -> Any:
    """The larger of cos(x)/x and sin(x)/x², of which sinc's slope is the difference; below 1 it is a series instead."""
    return m.where(m.less(m.abs(x), 1.0), 0.0, m.div(m.max(m.abs(m.cos(x)), m.abs(m.sinc(x))), x))


def _logaddexp_term(m: Any, x: Any, y: Any) -> Any:
    return m.max(m.abs(m.max(x, y)), m.log1p(m.exp(-m.abs(x - y))))


ROWS = (
    Op("sigmoid", ("x",), "Logistic function 1/(1 + exp(-x)).", (lambda m, y, x: m.sigmoid_slope(x),),
       forward=_sigmoid, rules=(lambda m, y, x: y * (1.0 - y),), definition="1/(1 + exp(-x))", aliases=("σ",),
       finite=2, domain=(REAL,), samples=((0.0,), (40.0,), (-40.0,), (1.0,)), zero=_at_minus_infinity, steepest=0.25,
       latex=r"\sigma({0})"),
    Op("logsigmoid", ("x",), "log(sigmoid(x)), exact in both tails.", (lambda m, y, x: m.sigmoid(-x),),
       forward=lambda m, x: m.min(x, 0.0) - m.log1p(m.exp(-m.abs(x))), definition="-log(1 + exp(-x))", finite=2,
       domain=(REAL,), samples=((0.0,), (-700.0,), (40.0,)), latex=r"\ln \sigma({0})"),
    Op("softplus", ("x",), "log(1 + exp(x)), a smooth relu.", (lambda m, y, x: m.sigmoid(x),), forward=_softplus,
       definition="log(1 + exp(x))", finite=2, domain=(REAL,), samples=((0.0,), (21.0,), (700.0,), (-700.0,)),
       zero=_at_minus_infinity),
    Op("relu", ("x",), "max(x, 0); its slope at 0 is taken as 0.",
       (lambda m, y, x: m.less(0.0, x),), rules=(lambda m, y, x: m.where(m.less(0.0, x), 1.0, 0.0),),
       forward=lambda m, x: m.max(x, 0.0), definition="max(x, 0)",
       finite=2, domain=(REAL,), samples=((2.0,), (-2.0,)), kink=Kink(_is_zero, "the slopes are 0 and 1; 0 is taken"),
       rectifies=True),
    Op("leaky_relu", ("x", "slope"), "x, or slope*x for x ≤ 0.",
       (lambda m, y, x, slope: m.where(m.less(0.0, x), 1.0, slope),
        lambda m, y, x, slope: m.where(m.less(0.0, x), 0.0, x)),
       forward=lambda m, x, slope: m.where(m.less(0.0, x), x, slope * x), definition="where(x > 0, x, slope*x)",
       defaults=(("slope", "0.01"),), finite=1, domain=(REAL, REAL), samples=((2.0, 0.1), (-2.0, 0.1)),
       kink=Kink(_is_zero, "the slopes are slope and 1; slope is taken")),
    Op("elu", ("x", "alpha"), "x, or alpha*(exp(x) - 1) for x ≤ 0.",
       (lambda m, y, x, alpha: m.where(m.less(0.0, x), 1.0, m.exp_times(x, alpha)),
        lambda m, y, x, alpha: m.where(m.less(0.0, x), 0.0, m.expm1(x))),
       forward=lambda m, x, alpha: m.where(m.less(0.0, x), x, alpha * m.expm1(x)),
       definition="where(x > 0, x, alpha*(exp(x) - 1))", defaults=(("alpha", "1"),),
       finite=1, domain=(REAL, REAL), samples=((2.0, 1.0), (-2.0, 1.0), (-1e-9, 2.0)),
       kink=Kink(lambda m, x, alpha: m.and_(m.equal(x, 0.0), m.not_equal(alpha, 1.0)),
                 "the slopes are alpha and 1; alpha is taken")),
    Op("selu", ("x",), "Scaled elu that keeps mean 0 and variance 1 through layers; its slope at 0 is the right one.",
       (lambda m, y, x: m.number(_SELU_SCALE) * m.where(m.less_equal(0.0, x), 1.0, m.number(_SELU_ALPHA) * m.exp(x)),),
       forward=lambda m, x: m.number(_SELU_SCALE) * m.where(m.less(0.0, x), x, m.number(_SELU_ALPHA) * m.expm1(x)),
       definition=f"{_SELU_SCALE}*where(x > 0, x, {_SELU_ALPHA}*(exp(x) - 1))", finite=1, domain=(REAL,),
       samples=((2.0,), (-2.0,), (-1e-9,)), kink=Kink(_is_zero, "the slopes are 1.758 and 1.0507; 1.0507 is taken")),
    Op("gelu", ("x",), "x*Φ(x), Φ the normal distribution (the erf form).", (lambda m, y, x: m.gelu_slope(x),),
       forward=lambda m, x: x * m.normal_cdf(x), definition="x*erfc(-x/sqrt(2))/2", finite=2, domain=(REAL,),
       samples=((0.0,), (1.0,), (-30.0,), (-0.75,)), terms=(None, _gelu_term), zero=_only_at_zero),
    Op("silu", ("x",), "x*sigmoid(x), also called swish.", (lambda m, y, x: m.silu_slope(x),),
       forward=lambda m, x: x * m.sigmoid(x), definition="x/(1 + exp(-x))", aliases=("swish",),
       finite=2, domain=(REAL,), samples=((0.0,), (1.0,), (-30.0,), (-1.278,)),
       terms=(None, lambda m, x: m.sigmoid(x) * m.max(1.0, m.abs(x) * m.sigmoid(-x))), zero=_only_at_zero),
    Op("mish", ("x",), "x*tanh(softplus(x)).", (lambda m, y, x: m.mish_slope(x),),
       forward=lambda m, x: x * m.tanh(m.softplus(x)), definition="x*tanh(log(1 + exp(x)))",
       finite=2, domain=(REAL,), samples=((0.0,), (1.0,), (-30.0,), (-1.192,)),
       terms=(None, lambda m, x: m.tanh(m.softplus(x))), zero=_only_at_zero),
    Op("erf", ("x",), "Error function.", (lambda m, y, x: _gaussian(m, x),), finite=2, domain=(REAL,),
       samples=((0.0,), (0.5,), (-3.0,), (26.0,)), steepest=1.1283791670955126,
       latex=r"\operatorname{{erf}} {0}"),
    Op("erfc", ("x",), "1 - erf(x), exact in the right tail.", (lambda m, y, x: -_gaussian(m, x),),
       finite=2, domain=(REAL,), samples=((0.0,), (0.5,), (-3.0,), (26.0,)),
       zero=lambda m, x: m.equal(x, m.number("inf")), steepest=1.1283791670955126, latex=r"\operatorname{{erfc}} {0}"),
    Op("xlogy", ("x", "y"), "x*log(y), and 0 where x is 0.",
       (lambda m, out, x, y: m.log(y), lambda m, out, x, y: _xlogy_slope(m, x, y)),
       rules=(None, lambda m, out, x, y: m.div(x, y)),
       forward=lambda m, x, y: m.where(m.and_(m.equal(x, 0.0), m.equal(y, y)), 0.0, x * m.log(y)),
       definition="where(x == 0, 0, x*log(y))", domain=(REAL, POSITIVE),
       samples=((0.0, 2.0), (0.5, 0.5), (2.0, 1e-300))),
    Op("logaddexp", ("x", "y"), "log(exp(x) + exp(y)) without overflow.",
       (lambda m, out, x, y: _logaddexp_slope(m, x, y), lambda m, out, x, y: _logaddexp_slope(m, y, x)),
       aliases=("logsumexp",),  # of two numbers, as max(x, y) is beside max(x, axis=0)
       rules=(lambda m, out, x, y: m.sigmoid(x - y), lambda m, out, x, y: m.sigmoid(y - x)),
       forward=_logaddexp, definition="log(exp(x) + exp(y))", finite=2, domain=(REAL, REAL),
       samples=((0.0, 0.0), (1000.0, 999.0), (-700.3, 1.7), (300.1, -399.7)),
       terms=(_logaddexp_term, None, None)),
    Op("sinc", ("x",), "sin(x)/x, and 1 at 0.", (lambda m, y, x: m.sinc_slope(x),),
       rules=(lambda m, y, x: m.div(m.cos(x) - y, x),),
       forward=lambda m, x: m.where(m.equal(x, 0.0), 1.0, m.div(m.sin(x), x)), definition="where(x == 0, 1, sin(x)/x)",
       finite=2, domain=(REAL,), samples=((1e-8,), (0.5,), (1.0,), (-3.0,), (1e-300,)), terms=(None, _sinc_term)),
)  # fmt: skip
