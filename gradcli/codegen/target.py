"""What a target language brings: how primitives are written, helper functions, names, and the layout of a file.

Enters: texts of operands. Leaves: texts of expressions, and how a whole file is put together. Invariant: a `Text` knows
how tightly it binds, so that parentheses stand where the language needs them and the order of operations is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gradcli.codegen.file import File
    from gradcli.graph.ops.layout import Layout

# How tightly operators bind. The same in all targets: where a language differs, its writers put parentheses.
CHOICE, OR, AND, NOT, COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(1, 11)

WIDTH = 100  # columns of a line


class Text(NamedTuple):
    """An expression of the target.

    Attributes:
        text: as it is written.
        precedence: of its outermost operator.
        condition: whether it is a truth value of the target and not a number.
        number: its value, if it is a literal.
        sign: what is known of its number, unless that is nan: 2 more than 0, 1 not less than 0, -1 not more than 0, -2
            less than 0; 0 if nothing is known.
        uses: the local names that it mentions.
        needs: the functions of the file that it calls.
    """

    text: str
    precedence: int = ATOM
    condition: bool = False
    number: float | None = None
    sign: int = 0
    uses: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


Writer = Callable[..., Text]  # texts of the operands → text of the gate
ArrayWriter = Callable[[Sequence[Text], "Layout"], Text]  # the same of a gate that works on whole arrays


class Helper(NamedTuple):
    """A function of the file that is written by hand: its source, and the helpers that it calls itself."""

    source: str
    needs: tuple[str, ...] = ()


def call(name: str, *needs: str) -> Writer:
    """A function of the language, or one that the file needs."""

    def write(*operands: Text) -> Text:
        return Text(f"{name}({', '.join(operand.text for operand in operands)})", needs=needs)

    return write


def helper(name: str) -> Writer:
    """A function of the file."""
    return call(name, name)


class Target(NamedTuple):
    """A language to generate.

    Attributes:
        name: as in the registry.
        writers: for every primitive how it is written, and for composed functions that the language has itself; all
            others become functions of the file. Operands are numbers, except for the writers in `logic`.
        helpers: what the writers call beyond the language, by the name in `Text.needs`.
        reserved: names that mean something else in a file: keywords, macros, functions that writers call.
        reserved_functions: more names that a function must not have, but a variable may.
        identifier: a name of a program as an identifier; clashes are resolved by the caller.
        literal: a constant of a program.
        as_number: a condition as the number 1 or 0.
        as_condition: a number as a condition: whether it is not 0.
        layout: the text of the file.
        logic: writers that take conditions as they are.
        squares: whether x^2 is written as x*x, so that x gets a name.
        self_test: whether a file can check itself.
        function: how a function of the file is called, by its name.
        longest: how many characters an expression may have.
        structural: how rows are written that work on whole arrays.
        by_element: whether it takes arrays apart, so that every element is a number of its own.
        stores: whether gradients of arrays are stored where d_… points, for names that nothing else must have.
        arrays: the same language for programs with arrays; None if it does not know these.
        traces: whether its functions can return every number of both passes.
    """

    name: str
    writers: Mapping[str, Writer]
    helpers: Mapping[str, Helper]
    reserved: frozenset[str]
    identifier: Callable[[str], str]
    literal: Callable[[str], Text]
    as_number: Callable[[Text], Text]
    as_condition: Callable[[Text], Text]
    layout: Callable[[File], str]
    logic: frozenset[str] = frozenset({"where", "and", "or", "not"})
    squares: bool = True
    self_test: bool = True
    reserved_functions: frozenset[str] = frozenset()
    function: Callable[[str], Writer] = helper
    longest: int = 76
    structural: Mapping[str, ArrayWriter] = {}
    by_element: bool = False
    stores: bool = False
    arrays: Target | None = None
    traces: bool = False

    def __call__(self, file: File) -> str:
        """The text of a file."""
        return self.layout(file)

    def is_name(self, name: str) -> bool:
        """Whether a function can have that name as it is."""
        if name in self.reserved or name in self.reserved_functions or name in self.helpers:
            return False
        return re.fullmatch(r"[A-Za-z_]\w{0,99}", name, re.ASCII) is not None and self.identifier(name) == name


def parenthesised(operand: Text, least: int) -> str:
    return operand.text if operand.precedence >= least else f"({operand.text})"


def infix(symbol: str, precedence: int, condition: bool = False) -> Writer:
    """A binary operator that groups to the left; comparisons do not group at all."""
    left = precedence + 1 if precedence == COMPARISON else precedence

    def write(a: Text, b: Text) -> Text:
        return Text(f"{parenthesised(a, left)} {symbol} {parenthesised(b, precedence + 1)}", precedence, condition)

    return write


def negation(a: Text) -> Text:
    """-a, never --a, which C and JavaScript read as a decrement."""
    return Text(f"-{parenthesised(a, SIGN + 1)}", SIGN)


def nested(name: str, *needs: str) -> Writer:
    """A function of two operands, for any number of them; in pairs of pairs, since compilers bound the nesting."""
    two = call(name, *needs)

    def write(*operands: Text) -> Text:
        waiting = list(operands)
        while len(waiting) > 1:
            pairs = zip(waiting[::2], waiting[1::2], strict=False)
            waiting = [two(*pair) for pair in pairs] + waiting[len(waiting) // 2 * 2 :]
        return waiting[0]

    return write


def comparison(symbol: str) -> Writer:
    return infix(symbol, COMPARISON, condition=True)


ARITHMETIC: dict[str, Writer] = {
    "add": infix("+", SUM),
    "sub": infix("-", SUM),
    "mul": infix("*", PRODUCT),
    "neg": negation,
}
COMPARISONS: dict[str, Writer] = {
    "less": comparison("<"),
    "less_equal": comparison("<="),
    "greater": comparison(">"),
    "greater_equal": comparison(">="),
    "equal": comparison("=="),
    "not_equal": comparison("!="),
}


def square_or(write: Writer) -> Writer:
    """A power; x*x where the exponent is 2 and x a name."""

    def power(x: Text, a: Text) -> Text:
        if a.number == 2.0 and x.precedence == ATOM and x.text.isidentifier():
            return Text(f"{x.text} * {x.text}", PRODUCT)
        return write(x, a)

    return power


def wrapped(line: str, indent: str = "    ", width: int = WIDTH) -> list[str]:
    """A line broken behind commas, where it is too long; they only stand inside parentheses."""
    lines: list[str] = []
    inner = line[: len(line) - len(line.lstrip())] + indent
    before, start = "", 0  # a line is what stands before it, and the text from here on, which is cut only once
    while len(before) + len(line) - start > width:
        moved = start - len(before)
        cut = line.rfind(", ", max(start, len(inner) + 1 + moved), width + moved)
        if cut < 0:
            cut = line.find(", ", max(start, width + moved))
        if cut < 0:
            break
        lines.append(before + line[start : cut + 1])
        before, start = inner, cut + 2
    return [*lines, before + line[start:]]
