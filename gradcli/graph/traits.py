"""What is known of gates without evaluating them, and which constants are one number.

Enters: rows, literals. Leaves: traits of gates as bits of an integer, keys of constants. Invariant: a trait holds for
all inputs that are finite numbers.
"""

from __future__ import annotations

import math

from gradcli.graph import ops
from gradcli.graph.simplifying import EXACT_INTEGERS

_SURELY_EXACT = 15  # a decimal of so many digits is what its double is printed as

# Traits of a gate. FINITE is how finite it is at finite inputs: both bits, or BUT_FOR_OVERFLOW alone, or none, so that
# what is true of all operands is the "and" of them. VANISHING: 0 by construction for some inputs: a branch not chosen,
# a relu's slope, a comparison. BRANCH: of these, only what a derivative lets into branches not chosen. SPECIAL: a
# constant or a negation, which simplifications look for. ARRAY: not a number.
BUT_FOR_OVERFLOW, FINITE, VANISHING, BRANCH, SPECIAL, ARRAY = 1, 3, 4, 8, 16, 32
LOOKED_FOR = SPECIAL | ARRAY


def row_traits(row: ops.Op) -> tuple[int, int, bool]:
    """What a row says of its gates, what it passes on from its operands, and whether its constants matter."""
    flat = bool(row.partials) and all(isinstance(rule, float) and rule == 0.0 for rule in row.partials)
    traits = (0, BUT_FOR_OVERFLOW, FINITE)[row.finite] | (SPECIAL if row.name == "neg" else 0)
    traits |= VANISHING if flat or row.rectifies or row.vanishes else 0
    products = row.linear or row.name in ("add", "sub", "mul", "div", "neg", "chain", "dot", "matmul", "outer")
    passed = (VANISHING | BRANCH if products else 0) | (0 if row.structural else ARRAY)
    return traits, passed, row.name in ("pow", "div")


def _reads_back(literal: str, number: float) -> bool:
    """Whether the decimal is the one that its double is printed as."""
    if len(literal) <= _SURELY_EXACT and "e" not in literal.lower():
        return True
    if not math.isfinite(number):
        return literal.lstrip("-") in ("inf", "nan")
    from decimal import Decimal

    return Decimal(literal) == Decimal(repr(number))


def is_finite(literal: str) -> bool:
    if literal.startswith("["):
        return "inf" not in literal and "nan" not in literal
    try:
        return math.isfinite(float(literal))
    except ValueError:  # pi, e, tau
        return True


def constant_key(literal: str) -> tuple[str, float | None]:
    """Equal for literals of one number: 2 and 2.0; a literal that only decimals tell apart stays itself, unknown."""
    try:
        number = float(literal)
    except ValueError:  # pi, e, tau
        return literal, None
    if not _reads_back(literal, number):
        return literal, None
    if number.is_integer() and abs(number) < EXACT_INTEGERS:
        return repr(number), number
    return literal, number
