"""The abstract syntax tree, flat: columns in postfix order, so that a million terms cost a few dozen bytes each.

Enters: nothing. Leaves: `Program`, which the parser fills and `lower` reads. Invariant: a node's operands stand before
it and the nodes of one subtree are contiguous, from `firsts[n]` to `n`; hence the last operand of `n` is `n - 1`. The
left sides of stages and definitions leave nodes behind that belong to no statement's expression.

Named tuples rather than dataclasses: importing dataclasses costs more time than parsing a usual program.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gradcli.errors import Span

# Kinds of nodes, and what `values` holds for each.
NUMBER = "number"  # the digits as written; of a superscript the plain digits: "2", "-1"
NAME = "name"  # the name
UNARY = "unary"  # the operator: neg, not, transpose
BINARY = "binary"  # the operator: add, sub, mul, div, pow, matmul, and, or, less, less_equal, greater, …
CALL = "call"  # the function's name; names of keyword arguments in `keywords`
ARRAY = "array"  # None
INDEX = "index"  # None; operands: the array, then one node per slot
SLICE = "slice"  # which of its bounds are given: "", "from", "to", "both"


class Node(NamedTuple):
    """A light view of one position of the columns."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody misses
    kind: str
    value: str | None
    span: Span
    operands: tuple[int, ...]


class Nodes:
    """The columns. `spans` leave out a node's own parentheses: in (x+y)*z the sum covers x+y.

    Attributes:
        words: every name, function and keyword of the text.
        static: whether there are array literals, indices or loops, so that this needs no search.
    """

    __slots__ = ("ends", "firsts", "keyword_spans", "keywords", "kinds", "starts", "static", "values", "words")

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.values: list[str | None] = []
        self.firsts = array("i")
        self.starts = array("i")
        self.ends = array("i")
        self.keywords: dict[int, tuple[str, ...]] = {}  # call → names of its last arguments, e.g. ("slope",)
        self.keyword_spans: dict[int, tuple[Span, ...]] = {}  # call → the places of these names
        self.words: dict[str, str] = {}  # equal ones share one string
        self.static = False

    def __len__(self) -> int:
        return len(self.kinds)

    def operands(self, index: int) -> tuple[int, ...]:
        """The positions of a node's operands, left to right."""
        found = []
        first, child = self.firsts[index], index - 1
        while child >= first:
            found.append(child)
            child = self.firsts[child] - 1
        return tuple(reversed(found))

    def span(self, index: int) -> Span:
        return Span(self.starts[index], self.ends[index])

    def __getitem__(self, index: int) -> Node:
        return Node(index, self.kinds[index], self.values[index], self.span(index), self.operands(index))


class Result(NamedTuple):
    """An expression statement."""

    root: int
    span: Span


class Stage(NamedTuple):
    """q = expression"""

    name: str
    name_span: Span
    root: int
    span: Span


class Parameter(NamedTuple):
    name: str
    span: Span


class Definition(NamedTuple):
    """f(a, b) = expression [with grad (expression, …)]"""

    name: str
    name_span: Span
    parameters: tuple[Parameter, ...]
    root: int
    gradients: tuple[int, ...] | None
    span: Span


class Loop(NamedTuple):
    """for t in start..stop { statements }"""

    name: str
    name_span: Span
    start: int
    stop: int
    body: tuple[Statement, ...]
    span: Span


Statement = Result | Stage | Definition | Loop


def in_order(statements: Iterable[Statement]) -> Iterator[Statement | None]:
    """Statements as they are written: a loop, then those of its body, then None where it ends."""
    blocks = [iter(statements)]
    while blocks:
        for statement in blocks[-1]:
            yield statement
            if isinstance(statement, Loop):
                blocks.append(iter(statement.body))
                break
        else:
            blocks.pop()
            if blocks:
                yield None


class Program(NamedTuple):
    """A parsed text. `text` is the normalised source that every span refers to."""

    text: str
    statements: tuple[Statement, ...]
    nodes: Nodes

    def postfix(self, root: int) -> Iterator[int]:
        """The positions of the subtree under root, operands before operators."""
        return iter(range(self.nodes.firsts[root], root + 1))

    def name_span(self, call: int) -> Span:
        """Where the function's name of a call stands: sin in sin(x), the sign in √x."""
        start = self.nodes.starts[call]
        length = 1 if self.text[start] == "√" else len(self.nodes.values[call] or "")
        return Span(start, start + length)
