"""Python floats, the default number system: IEEE 754 answers, and formulas that are right to the last digits.

The functions are in ieee.py, and in refined.py those that replace a formula or a composed function.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from gradcli.numeric import ieee, refined

PRIMITIVES: dict[str, Callable[..., float] | float] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "neg": operator.neg,
    "div": ieee.div,
    "pow": ieee.pow,
    "mod": ieee.mod,
    "exp": ieee.exp,
    "expm1": ieee.expm1,
    "log": ieee.log,
    "log2": ieee.log2,
    "log10": ieee.log10,
    "log1p": ieee.log1p,
    "sqrt": ieee.sqrt,
    "cbrt": ieee.cbrt,
    "sin": ieee.sin,
    "cos": ieee.cos,
    "tan": ieee.tan,
    "asin": ieee.asin,
    "acos": ieee.acos,
    "atan": math.atan,
    "atan2": math.atan2,
    "hypot": math.hypot,
    "sinh": ieee.sinh,
    "cosh": ieee.cosh,
    "tanh": math.tanh,
    "asinh": math.asinh,
    "acosh": ieee.acosh,
    "atanh": ieee.atanh,
    "erf": math.erf,
    "erfc": math.erfc,
    "abs": abs,
    "floor": ieee.floor,
    "round": ieee.round_half_even,
    "max": ieee.maximum,
    "min": ieee.minimum,
    "less": ieee.less,
    "less_equal": ieee.less_equal,
    "equal": ieee.equal,
    "where": ieee.where,
    "chain": ieee.chain,
    "number": float,
    "pi": math.pi,
    # composed functions in a single step
    "not_equal": refined.not_equal,
    "and_": refined.both,
    "or_": refined.either,
    "not_": refined.negation,
    "relu": refined.relu,
    "sigmoid": refined.sigmoid,
    "logaddexp": refined.logaddexp,
    # formulas of graph/ops/refined.py
    "defined": refined.defined,
    "unsigned_zero": refined.unsigned_zero,
    "pow_slope": refined.pow_slope,
    "pow_exponent_slope": refined.pow_exponent_slope,
    "sech_squared": refined.sech_squared,
    "tanh_slope": refined.tanh_slope,
    "exp_minus_square": refined.exp_minus_square,
    "normal_pdf": refined.normal_pdf,
    "normal_cdf": refined.normal_cdf,
    "sigmoid_of_difference": refined.sigmoid_of_difference,
    "sigmoid_slope": refined.sigmoid_slope,
    "silu_slope": refined.silu_slope,
    "mish_slope": refined.mish_slope,
    "sinc_slope": refined.sinc_slope,
}
