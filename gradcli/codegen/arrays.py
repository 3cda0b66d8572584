"""What the targets of array libraries share: how primitives are written, and what a module is made of.

Enters: a `Library`, which says in what one differs from another. Leaves: writers, names and a layout. Invariant:
operations are elementwise and no value decides what is run; two literals never meet without one of them being an array,
since Python's own floats raise where IEEE 754 has an answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from gradcli.codegen import python_target
from gradcli.codegen.facts import number as value_of
from gradcli.codegen.target import (
    AND,
    ARITHMETIC,
    ATOM,
    COMPARISONS,
    OR,
    PRODUCT,
    SIGN,
    Helper,
    Text,
    Writer,
    call,
    infix,
    parenthesised,
    square_or,
)


class Library(NamedTuple):
    """An array library.

    Attributes:
        alias: what its module is called in a file.
        imports: the lines that a file always has.
        optional_imports: helper → the line that a file has if it needs it.
        arrays: what the library calls them.
        one: what makes an array of a literal, with {} for it.
        many: the same of an argument.
        full: what brings a result to a shape, with {} for both.
        truth: what makes numbers of a condition, with {} for it.
        context: the line of a `with` around both passes, if they need one.
        before_test: lines of the self-test before the function is called.
        strict: whether functions must be given arrays, and never numbers.
    """

    alias: str
    imports: tuple[str, ...]
    arrays: str
    one: str
    many: str
    full: str
    truth: str
    optional_imports: Mapping[str, str]
    context: str | None = None
    before_test: tuple[str, ...] = ()
    strict: bool = False

    def array(self, x: Text) -> Text:
        """A text that is an array: all are, but for literals."""
        if not is_literal(x):
            return x
        name = self.one.partition("(")[0]
        return Text(self.one.format(x.text), sign=x.sign, needs=(name,) if name.isidentifier() else ())

    def number(self, x: float) -> str:
        """A float that reads back as the same one."""
        if math.isfinite(x):
            return repr(x)
        return f"{self.alias}.nan" if x != x else f"{self.alias}.inf" if x > 0.0 else f"-{self.alias}.inf"

    def literal(self, written: str) -> Text:
        """A constant of a program."""
        text = f"{self.alias}.{written}" if written in ("pi", "e") else self.number(value_of(written))
        return Text(text, SIGN if text.startswith("-") else ATOM)

    def as_number(self, condition: Text) -> Text:
        inner = parenthesised(condition, ATOM) if self.truth.startswith("{}") else condition.text
        return Text(self.truth.format(inner))

    def as_condition(self, x: Text) -> Text:
        return x if x.condition else _not_equal(self.array(x), Text("0.0"))._replace(needs=self.array(x).needs)


def is_literal(x: Text) -> bool:
    """Whether a text is a number of Python; a name for one is not."""
    return x.number is not None and not x.uses


_not_equal = COMPARISONS["not_equal"]


def apart(library: Library, write: Writer) -> Writer:
    """An operation of which at least one operand is an array."""

    def written(first: Text, *others: Text) -> Text:
        if not all(map(is_literal, (first, *others))):
            return write(first, *others)
        array = library.array(first)
        return write(array, *others)._replace(needs=array.needs)

    return written


def function(library: Library, name: str) -> Writer:
    """A function of the library."""
    return given(library, call(f"{library.alias}.{name}"), library.strict)


def helper(library: Library, name: str) -> Writer:
    """A function of the file that is written by hand."""
    return given(library, call(name, name), library.strict)


def own(library: Library, name: str) -> Writer:
    """A function of the file that comes from the table or the program."""
    return given(library, call(name, name), arrays=True)


def given(library: Library, write: Writer, arrays: bool) -> Writer:
    """A function that is given arrays alone, if it must be."""

    def written(*operands: Text) -> Text:
        texts = [library.array(operand) for operand in operands] if arrays else operands
        found = write(*texts)
        return found._replace(needs=tuple(need for text in (*texts, found) for need in text.needs))

    return written


def _choice(library: Library) -> Writer:
    plain, of_number = call(f"{library.alias}.where"), helper(library, "where")

    def written(c: Text, a: Text, b: Text) -> Text:
        a, b = (library.as_number(x) if x.condition else x for x in (a, b))
        if not c.condition:
            return of_number(c, a, b)
        if library.strict and is_literal(a) and is_literal(b):
            a = library.array(a)
        return plain(c, a, b)._replace(needs=a.needs)

    return written


def _largest(library: Library, two: str, several: str) -> Writer:
    """The parentheses of nested calls would be too many for Python."""
    of_two, of_several = function(library, two), helper(library, several)

    def written(*xs: Text) -> Text:
        return xs[0] if len(xs) == 1 else of_two(*xs) if len(xs) == 2 else of_several(*xs)

    return written


def _logic(library: Library, symbol: str, precedence: int) -> Writer:
    """& and | bind more tightly than comparisons."""

    def written(a: Text, b: Text) -> Text:
        a, b = library.as_condition(a), library.as_condition(b)
        both = f"{parenthesised(a, ATOM)} {symbol} {parenthesised(b, ATOM)}"
        return Text(both, precedence, True, needs=(*a.needs, *b.needs))

    return written


def _negation(library: Library) -> Writer:
    def written(a: Text) -> Text:
        a = library.as_condition(a)
        return Text(f"~{parenthesised(a, ATOM)}", SIGN, True, needs=a.needs)

    return written


def writers(library: Library, names: Mapping[str, str]) -> dict[str, Writer]:
    """How primitives are written.

    Args:
        names: of those that are functions of the library, and what they are called there.
    """
    operators = {**ARITHMETIC, **COMPARISONS, "div": infix("/", PRODUCT)}
    return {
        **{name: apart(library, write) for name, write in operators.items()},
        **{name: function(library, own) for name, own in names.items()},
        "pow": square_or(apart(library, call(f"{library.alias}.{names['pow']}"))),
        "and": _logic(library, "&", AND),
        "or": _logic(library, "|", OR),
        "not": _negation(library),
        "where": _choice(library),
        "max": _largest(library, "maximum", "maximum"),
        "min": _largest(library, "minimum", "minimum"),
        "chain": helper(library, "chain"),
    }


def helpers(alias: str) -> dict[str, Helper]:
    """The functions of a file that every library lacks."""
    return {
        "functools": Helper(""),
        "agrees": python_target.HELPERS["agrees"],
        "where": Helper(
            f'''def where(c, a, b):
    """a, or b where c is 0; nan where c is nan."""
    return {alias}.where(c == 0.0, b, {alias}.where(c == c, a, {alias}.nan))
'''
        ),
        "maximum": Helper(
            f'''def maximum(*xs):
    """The largest number; nan if there is one."""
    return functools.reduce({alias}.maximum, xs)
''',
            ("functools",),
        ),
        "minimum": Helper(
            f'''def minimum(*xs):
    """The smallest number; nan if there is one."""
    return functools.reduce({alias}.minimum, xs)
''',
            ("functools",),
        ),
        "chain": Helper(
            f'''def chain(gradient, slope):
    """gradient * slope, and 0 where the gradient is exactly 0, even if the slope is infinite."""
    return {alias}.where(gradient == 0.0, 0.0, gradient * slope)
'''
        ),
    }


_NUMPY = "exp expm1 log log2 log10 log1p sqrt cbrt sin cos tan hypot sinh cosh tanh abs floor ceil mod logaddexp"
NUMPY_NAMES = {name: name for name in _NUMPY.split()} | {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh", "round": "rint", "pow": "power",
}  # fmt: skip


def reserved(*names: str) -> frozenset[str]:
    """Names that mean something else in a file."""
    return frozenset({*python_target.TARGET.reserved, "functools", "shape", *names} - {"math"})
