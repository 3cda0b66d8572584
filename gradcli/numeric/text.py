"""Text as numbers: arithmetic that writes expressions in gradcli's own language.

Enters: operand texts with their precedence. Leaves: the text of a gate or of a rule, with as few parentheses as the
grammar needs. Invariant: the text parses back to the same operations, up to the folding of literals (2 - 1 → 1,
x^1 → x, 1*x → x). The shape of an operand is known where it was told, and passed on as far as it is plain.
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
    """An expression.

    Attributes:
        text: as the language writes it.
        precedence: how tightly its outermost operator binds.
        number: its value, where it is a literal.
        shape: of its value; None where that is not known.
        source: what only has more axes of extent 1 in front here, which broadcasting would give it by itself.
    """

    text: str
    precedence: int = ATOM
    number: float | None = None
    shape: tuple[int, ...] | None = None
    source: Text | None = None

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
        if self.number is not None:
            return of(-self.number)
        return prefix("-", _NEGATION, self)._replace(shape=self.shape)


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


def setting(value: Any) -> str:
    """An argument that is known when the graph is built: a whole number, a list of these, or a truth value."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(setting, value))}]"
    return str(int(value))


def common_shape(operands: Iterable[Any]) -> tuple[int, ...] | None:
    """The shape of an elementwise result; None where it is not known, or operands are of several shapes."""
    found: tuple[int, ...] = ()
    for operand in operands:
        shape = operand.shape if operand.number is None else ()
        if shape is None or (shape and found and shape != found):
            return None
        found = shape or found
    return found


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
    found = infix(symbol, _PRECEDENCE[symbol], left, right, " " if symbol in "+-" else "")
    shape = common_shape((left, right))
    return found if shape is None else found._replace(shape=shape)


def _power(base: Text, exponent: Text) -> Text:
    return base if exponent.number == 1.0 else infix("^", _POWER, base, exponent)


def primitives(rows: Iterable[tuple[str, str, str | None, int]]) -> dict[str, Any]:
    """The functions of the system. rows: attribute name, name, operator or None, and precedence of every row."""

    def shaped(write: Callable[..., Text]) -> Callable[..., Text]:
        def function(*given: Any) -> Text:
            operands = [of(x) for x in given]
            found, shape = write(*operands), common_shape(operands)
            return found if shape is None else found._replace(shape=shape)

        return function

    def function(name: str, symbol: str | None, precedence: int) -> Callable[..., Text]:
        return shaped(lambda *operands: write(name, symbol, precedence, list(operands)))

    system: dict[str, Any] = {attribute: function(name, symbol, least) for attribute, name, symbol, least in rows}
    system["number"] = number
    system["pi"] = Text("pi", shape=())
    system["pow"] = shaped(_power)
    system["div"] = shaped(lambda a, b: infix("/", 6, a, b, ""))
    return system
