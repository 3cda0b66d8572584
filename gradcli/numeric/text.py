"""Text as numbers: arithmetic that writes expressions in gradcli's own language.

Enters: operand texts with their precedence. Leaves: the text of a gate or of a rule, with as few parentheses as the
grammar needs. Invariant: the text parses back to the same operations, up to the folding of literals (2 - 1 → 1,
x^1 → x, 1*x → x).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from gradcli.numeric.gates import literal

ATOM = 9
_NEGATION = 7
_POWER = 8
_COMPARISON = 4


class Text(NamedTuple):
    """An expression and how tightly its outermost operator binds. `number` is its value where it is a literal."""

    text: str
    precedence: int = ATOM
    number: float | None = None

    def __add__(self, other: Any) -> Text:
        return _fold("+", self, of(other))

    def __radd__(self, other: Any) -> Text:
        return _fold("+", of(other), self)

    def __sub__(self, other: Any) -> Text:
        return _fold("-", self, of(other))

    def __rsub__(self, other: Any) -> Text:
        return _fold("-", of(other), self)

    def __mul__(self, other: Any) -> Text:
        return _fold("*", self, of(other))

    def __rmul__(self, other: Any) -> Text:
        return _fold("*", of(other), self)

    def __neg__(self) -> Text:
        return of(-self.number) if self.number is not None else prefix("-", _NEGATION, self)


_PRECEDENCE = {"+": 5, "-": 5, "*": 6, "/": 6, "^": _POWER}


def of(x: Any) -> Text:
    """A number as text; text as it is."""
    if isinstance(x, Text):
        return x
    written = literal(float(x))
    return Text(written, _NEGATION if written.startswith("-") else ATOM, float(x))


def number(written: str) -> Text:
    """A literal of a program, kept as written."""
    try:
        return Text(written, _NEGATION if written.startswith("-") else ATOM, float(written))
    except ValueError:  # pi, e, tau
        return Text(written)


def parenthesised(operand: Text, least: int) -> str:
    return operand.text if operand.precedence >= least else f"({operand.text})"


def infix(symbol: str, precedence: int, left: Text, right: Text, space: str = " ") -> Text:
    if symbol == "^":
        return Text(f"{parenthesised(left, ATOM)}^{parenthesised(right, _NEGATION)}", _POWER)
    loosest = precedence + 1 if precedence == _COMPARISON else precedence
    written = f"{parenthesised(left, loosest)}{space}{symbol}{space}{parenthesised(right, precedence + 1)}"
    return Text(written, precedence)


def prefix(symbol: str, precedence: int, operand: Text) -> Text:
    space = " " if symbol.isalpha() else ""
    return Text(f"{symbol}{space}{parenthesised(operand, precedence)}", precedence)


def call(name: str, operands: Iterable[Text]) -> Text:
    return Text(f"{name}({', '.join(operand.text for operand in operands)})")


def write(name: str, symbol: str | None, precedence: int, operands: list[Text]) -> Text:
    """One operation on operands: infix, prefix or a call."""
    if symbol is None:
        return call(name, operands)
    if len(operands) == 1:
        return prefix(symbol, precedence, operands[0])
    return infix(symbol, precedence, operands[0], operands[1])


def _fold(symbol: str, left: Text, right: Text) -> Text:
    a, b = left.number, right.number
    if a is not None and b is not None:
        return of(a + b if symbol == "+" else a - b if symbol == "-" else a * b)
    if symbol == "*" and (a == 1.0 or b == 1.0):
        return right if a == 1.0 else left
    return infix(symbol, _PRECEDENCE[symbol], left, right, " " if symbol in "+-" else "")


def _power(base: Text, exponent: Text) -> Text:
    return base if exponent.number == 1.0 else infix("^", _POWER, base, exponent)


def primitives(rows: Iterable[tuple[str, str, str | None, int]]) -> dict[str, Any]:
    """The functions of the system. rows: attribute name, name, operator or None, and precedence of every row."""

    def function(name: str, symbol: str | None, precedence: int) -> Callable[..., Text]:
        return lambda *operands: write(name, symbol, precedence, [of(x) for x in operands])

    system: dict[str, Any] = {attribute: function(name, symbol, least) for attribute, name, symbol, least in rows}
    system["number"] = number
    system["pi"] = Text("pi")
    system["pow"] = lambda base, exponent: _power(of(base), of(exponent))
    system["div"] = lambda a, b: infix("/", 6, of(a), of(b), "")
    return system
