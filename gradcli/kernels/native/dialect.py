"""The C of generated code, in the dialect that the native engine compiles: selections instead of branches, no names.

Enters: gates as texts. Leaves: a `Target` of the code generator. Invariant: nothing that a user wrote is in the text
but numbers: functions of a program get names made of a hash.
"""

from __future__ import annotations

from hashlib import sha256

from gradcli.codegen.c_target import TARGET as C
from gradcli.codegen.c_target import as_condition, as_number, literal
from gradcli.codegen.target import (
    PRODUCT,
    SIGN,
    Helper,
    Text,
    Writer,
    call,
    helper,
    infix,
    nested,
    parenthesised,
)
from gradcli.graph.ops.refined import REFINED
from gradcli.kernels.derived import PREFIX
from gradcli.kernels.native.formulas import FORMULAS
from gradcli.kernels.native.slopes import SLOPES

_NAMES = """
exp expm1 log log1p log2 log10 sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh cbrt erf erfc
"""
ONE_OPERAND = frozenset(_NAMES.split())
TWO_OPERANDS = frozenset({"pow", "atan2", "hypot"})
LONG = ("sinl", "cosl", "tanl")
VECTOR, LIBRARY = "v_", "m_"  # before a name of <math.h>: for all rows of a loop at once, and for a single row


def identifier(name: str) -> str:
    """A name that says nothing, the same for the same name."""
    return f"u{sha256(name.encode('utf-8', 'backslashreplace')).hexdigest()[:16]}"


def _plain(x: Text) -> Text:
    return as_number(x) if x.condition else x


def _where(c: Text, a: Text, b: Text) -> Text:
    a, b = _plain(a), _plain(b)
    return helper("choose")(c, a, b) if c.condition else helper("where")(c, a, b)


def _logic(name: str) -> Writer:
    write = helper(name)
    return lambda a, b: write(as_condition(a), as_condition(b))._replace(condition=True)


def _not(a: Text) -> Text:
    return Text(f"!{parenthesised(as_condition(a), SIGN)}", SIGN, True)


def _defined(c: Text, x: Text) -> Text:
    return helper("defined")(as_condition(c), _plain(x))


# Powers that are exact in the limits of two roundings: exponent → function of x.
_POWERS = {
    -2.0: "inverse_square", -1.0: "inverse", -0.5: "power_minus_half", 0.5: "power_half", 1.5: "power_three_halves",
    2.0: "square", 3.0: "cube", 4.0: "fourth",
}  # fmt: skip
_SLOPE_POWERS = (-1.0, 0.5, 1.5, 2.5, 3.0, 4.0, 5.0)  # whose slopes are a times such a power


def _power(x: Text, a: Text) -> Text:
    name = None if a.number is None else _POWERS.get(a.number)
    return helper("v_pow")(x, a) if name is None else helper(name)(x)


_PRODUCT = infix("*", PRODUCT)


def _pow_slope(x: Text, a: Text) -> Text:
    exponent = a.number
    if exponent in _SLOPE_POWERS and exponent is not None:
        power = _power(x, Text("", number=exponent - 1.0))
        return _PRODUCT(a, power)._replace(needs=power.needs)
    is_exact = exponent is not None and (exponent - 1.0) + 1.0 == exponent and (exponent - 1.0) - exponent == -1.0
    return helper("exact_pow_slope" if is_exact else "pow_slope")(x, a)


WRITERS: dict[str, Writer] = {
    **C.writers,
    **{name: helper(VECTOR + name) for name in ONE_OPERAND | TWO_OPERANDS},
    "pow": _power,
    "sin": helper("sine"),
    "cos": helper("cosine"),
    "tan": helper("tangent"),
    "sqrt": call("__builtin_sqrt"),
    "abs": call("__builtin_fabs"),
    "floor": call("__builtin_floor"),
    "ceil": call("__builtin_ceil"),
    "round": call("__builtin_nearbyint"),
    "and": _logic("both"),
    "or": _logic("either"),
    "not": _not,
    "where": _where,
    "max": nested("maximum", "maximum"),
    "min": nested("minimum", "minimum"),
    "chain": helper("chain"),
    "mod": helper("modulo"),
    **{name: helper(name) for name in ("silu", "mish", "gelu", "logaddexp")},
    **{PREFIX + name: helper(name) for name in REFINED if name in SLOPES or name in FORMULAS},
    PREFIX + "tanh_slope": lambda x, y: helper("sech_squared")(x),
    PREFIX + "defined": _defined,
    PREFIX + "pow_slope": _pow_slope,
}

_LIBRARY = {
    **{VECTOR + name: Helper("") for name in sorted(ONE_OPERAND | TWO_OPERANDS)},
    **{LIBRARY + name: Helper("") for name in ("fmod", "pow", "log", "fabs", "copysign", *LONG)},
}

TARGET = C._replace(
    name="native", writers=WRITERS, helpers=_LIBRARY | FORMULAS | SLOPES, identifier=identifier, literal=literal,
    logic=C.logic | {PREFIX + "defined"}, squares=False, longest=200, self_test=False, arrays=None,
)  # fmt: skip
