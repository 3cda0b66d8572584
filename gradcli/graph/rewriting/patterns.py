"""What is looked for in a graph: patterns, the rules that they belong to, and when two gates are equal.

Enters: rows, operands and literals. Leaves: keys, which equal gates have in common. Invariant: numbers are compared
exactly, not as floats.
"""

from __future__ import annotations

from typing import NamedTuple

from gradcli.graph import ops
from gradcli.graph.ops.layout import Settings
from gradcli.graph.rewriting.template import Template

Key = tuple[object, ...]


def number_key(literal: str) -> Key:
    """What equal numbers have in common: 2, 2.0 and 20e-1; 0 and -0 differ, names are themselves."""
    negative, digits = literal.startswith("-"), literal.lstrip("-").replace("_", "").lower()
    mantissa, _, exponent = digits.partition("e")
    whole, _, fraction = mantissa.partition(".")
    if not (whole + fraction).isdecimal() or len(exponent) > 20:
        return negative, digits
    significant = (whole + fraction).lstrip("0")
    stripped = significant.rstrip("0")
    power = int(exponent or 0) - len(fraction) + len(significant) - len(stripped)
    return negative, stripped, power if stripped else 0


def key(code: int, operands: tuple[int, ...], literal: str | None, settings: Settings | None = None) -> Key:
    """What equal gates have in common, given that equal operands are one already."""
    if code == ops.CONSTANT:
        return ops.CONSTANT, number_key(literal or "")
    if code == ops.INPUT:
        return code, literal
    return (code, operands, settings) if settings else (code, *operands)


class Pattern(NamedTuple):
    """A node of a pattern: a variable, a number, or a row of patterns."""

    variable: int  # or -1
    number: Key | None
    code: int
    operands: tuple[Pattern, ...]


class Rule(NamedTuple):
    """A pattern and what may stand in its place.

    Attributes:
        pattern: its variables are numbered.
        replacement: its parameters are these variables.
        gate: the code and the variables of a replacement that is one gate of variables, else None.
        constants: how many numbers the pattern has; of two patterns the one with more is the closer description.
    """

    pattern: Pattern
    replacement: Template
    gate: tuple[int, tuple[int, ...]] | None
    variables: int
    constants: int
