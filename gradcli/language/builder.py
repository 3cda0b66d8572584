"""Builds the syntax tree while the text is read: one method per alias of the grammar.

Enters: tokens (matches: `token.span(token.lastindex)` is the place, `token[token.lastindex]` the text) and what these
methods returned before: for an expression the position of its node. Leaves: the statements, and columns of nodes.
Invariant: operands are appended before their operator, so the last operand is the last node of all.
"""

from __future__ import annotations

from collections.abc import Callable
from re import Match
from typing import TYPE_CHECKING, Any

from gradcli.errors import Span
from gradcli.language.nodes import (
    ARRAY,
    BINARY,
    CALL,
    INDEX,
    NAME,
    NUMBER,
    SLICE,
    UNARY,
    Definition,
    Loop,
    Nodes,
    Parameter,
    Result,
    Stage,
    Statement,
)

if TYPE_CHECKING:
    from gradcli.errors import ParseError

Token = Match[str]

_COMPARISONS = {
    "<": "less",
    "<=": "less_equal",
    "≤": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
    "≥": "greater_equal",
    "==": "equal",
    "!=": "not_equal",
    "≠": "not_equal",
}
_PLAIN_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", "⁺")


def _place(token: Token) -> tuple[int, int]:
    return token.span(token.lastindex or 0)


def _text(token: Token) -> str:
    return token[token.lastindex or 0]


def _binary(operator: str) -> Callable[[Builder, int, int], int]:
    """A method that appends an operator of two operands. This runs once per operator: hence no calls where possible."""

    def append(self: Builder, left: int, right: int) -> int:
        nodes = self.nodes
        start, end = nodes.starts[left], nodes.ends[right]
        if self.wrapped:
            start = self.wrapped.pop(left, (start, 0))[0]
            end = self.wrapped.pop(right, (0, end))[1]
        nodes.kinds.append(BINARY)
        nodes.values.append(operator)
        nodes.firsts.append(nodes.firsts[left])
        nodes.starts.append(start)
        nodes.ends.append(end)
        return right + 1

    return append


class Builder:
    """Collects the nodes of one text.

    Attributes:
        nodes: the columns.
        wrapped: node in parentheses → the place with them, until the node's parent has used it.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.nodes = Nodes()
        self.wrapped: dict[int, tuple[int, int]] = {}
        self._names = self.nodes.words
        self._keywords: dict[int, tuple[str, Span]] = {}  # argument → its name, until its call has used it

    # Nodes

    def _append(self, kind: str, value: str | None, first: int, start: int, end: int) -> int:
        nodes = self.nodes
        nodes.kinds.append(kind)
        nodes.values.append(value)
        nodes.firsts.append(first)
        nodes.starts.append(start)
        nodes.ends.append(end)
        return len(nodes.kinds) - 1

    def _leaf(self, kind: str, value: str, start: int, end: int) -> int:
        return self._append(kind, value, len(self.nodes.kinds), start, end)

    def _extent(self, node: int) -> tuple[int, int]:
        """A node's place with its parentheses; to be asked once, by the node's parent."""
        return self.wrapped.pop(node, None) or (self.nodes.starts[node], self.nodes.ends[node])

    def _first(self, node: int) -> int:
        return self.nodes.firsts[node]

    # Expressions

    add = _binary("add")
    sub = _binary("sub")
    mul = _binary("mul")
    div = _binary("div")
    matmul = _binary("matmul")
    pow = _binary("pow")
    implicit = _binary("mul")
    and_ = _binary("and")
    or_ = _binary("or")

    def name(self, token: Token) -> int:
        group = token.lastindex or 0
        text = token[group]
        nodes = self.nodes
        node = len(nodes.kinds)
        nodes.kinds.append(NAME)
        nodes.values.append(self._names.setdefault(text, text))
        nodes.firsts.append(node)
        start, end = token.span(group)
        nodes.starts.append(start)
        nodes.ends.append(end)
        return node

    def number(self, token: Token) -> int:
        group = token.lastindex or 0
        nodes = self.nodes
        node = len(nodes.kinds)
        nodes.kinds.append(NUMBER)
        nodes.values.append(token[group])
        nodes.firsts.append(node)
        start, end = token.span(group)
        nodes.starts.append(start)
        nodes.ends.append(end)
        return node

    def malformed(self, token: Token) -> int:
        from gradcli.language.syntax_errors import malformed_number

        raise malformed_number(self.text, Span(*_place(token)))

    def compare(self, left: int, sign: Token, right: int) -> int:
        start, _ = self._extent(left)
        _, end = self._extent(right)
        return self._append(BINARY, _COMPARISONS[_text(sign)], self._first(left), start, end)

    def _unary(self, operator: str, sign: Token, operand: int) -> int:
        return self._append(UNARY, operator, self._first(operand), _place(sign)[0], self._extent(operand)[1])

    def neg(self, sign: Token, operand: int) -> int:
        return self._unary("neg", sign, operand)

    def not_(self, sign: Token, operand: int) -> int:
        return self._unary("not", sign, operand)

    def pos(self, sign: Token, operand: int) -> int:
        return operand

    def transpose(self, operand: int, sign: Token) -> int:
        return self._append(UNARY, "transpose", self._first(operand), self._extent(operand)[0], _place(sign)[1])

    def superscript(self, base: int, digits: Token) -> int:
        start, end = _place(digits)
        self._leaf(NUMBER, _text(digits).translate(_PLAIN_DIGITS), start, end)
        return self._append(BINARY, "pow", self._first(base), self._extent(base)[0], end)

    def sqrt(self, sign: Token, operand: int) -> int:
        return self._append(CALL, "sqrt", self._first(operand), _place(sign)[0], self._extent(operand)[1])

    def group(self, opening: Token, node: int, closing: Token) -> int:
        self.wrapped[node] = (_place(opening)[0], _place(closing)[1])
        return node

    def call(self, name: Token, opening: Token, *rest: Any) -> int:
        arguments: list[int] = rest[0] if len(rest) == 2 else []
        text = _text(name)
        first = self._first(arguments[0]) if arguments else len(self.nodes)
        self._used(arguments)
        keywords = self._named(arguments) if self._keywords else []
        node = self._append(CALL, self._names.setdefault(text, text), first, _place(name)[0], _place(rest[-1])[1])
        if keywords:
            self.nodes.keywords[node] = tuple(text for text, _ in keywords)
            self.nodes.keyword_spans[node] = tuple(span for _, span in keywords)
        return node

    def keyword(self, name: Token, value: int) -> int:
        text = _text(name)
        self._keywords[value] = (self._names.setdefault(text, text), Span(*_place(name)))
        return value

    def _named(self, arguments: list[int]) -> list[tuple[str, Span]]:
        """The names of a call's last arguments; no argument without a name after them, no name twice."""
        found: list[tuple[str, Span]] = []
        for argument in arguments:
            keyword = self._keywords.pop(argument, None)
            if keyword is None:
                if found:
                    raise self._refusal("unnamed_argument", self.nodes.span(argument))
            elif any(keyword[0] == text for text, _ in found):
                raise self._refusal("repeated_argument", keyword[1])
            else:
                found.append(keyword)
        return found

    def array(self, opening: Token, elements: list[int], closing: Token) -> int:
        self._used(elements)
        self.nodes.static = True
        return self._append(ARRAY, None, self._first(elements[0]), _place(opening)[0], _place(closing)[1])

    def index(self, array: int, opening: Token, slots: list[int], closing: Token) -> int:
        self._used(slots)
        self.nodes.static = True
        return self._append(INDEX, None, self._first(array), self._extent(array)[0], _place(closing)[1])

    def slice_all(self, colon: Token) -> int:
        return self._append(SLICE, "", len(self.nodes), *_place(colon))

    def slice_from(self, start: int, colon: Token) -> int:
        return self._append(SLICE, "from", self._first(start), self._extent(start)[0], _place(colon)[1])

    def slice_to(self, colon: Token, stop: int) -> int:
        return self._append(SLICE, "to", self._first(stop), _place(colon)[0], self._extent(stop)[1])

    def slice_both(self, start: int, colon: Token, stop: int) -> int:
        return self._append(SLICE, "both", self._first(start), self._extent(start)[0], self._extent(stop)[1])

    def first(self, item: int) -> list[int]:
        return [item]

    def next(self, items: list[int], item: int) -> list[int]:
        items.append(item)
        return items

    def _used(self, operands: list[int]) -> None:
        """Forgets the parentheses around operands whose parent reaches further anyway."""
        if self.wrapped:
            for operand in operands:
                self.wrapped.pop(operand, None)

    # Statements

    def result(self, root: int) -> Result:
        return Result(root, Span(*self._extent(root)))

    def assignment(self, left: int, sign: Token, root: int, *rest: Any) -> Stage | Definition:
        """A stage or a definition. rest: nothing, or `with grad`, "(", the derivatives, ")"."""
        whole = Span(self._extent(left)[0], _place(rest[-1])[1] if rest else self._extent(root)[1])
        name, span = self.nodes.values[left] or "", self.nodes.span(left)
        if span.start == whole.start:  # not in parentheses
            if self.nodes.kinds[left] == NAME:
                if rest:
                    raise self._refusal("derivative_of_stage", Span(*_place(rest[0])))
                return Stage(name, span, root, whole)
            if self.nodes.kinds[left] == CALL and self.text.startswith(name, span.start):
                gradients = tuple(rest[2]) if rest else None
                self._used(rest[2] if rest else [])
                name_span = Span(span.start, span.start + len(name))
                return Definition(name, name_span, self._parameters(left, name_span.end), root, gradients, whole)
        raise self._refusal("left_side", Span(whole.start, _place(sign)[0]))

    def _parameters(self, call: int, start: int) -> tuple[Parameter, ...]:
        """The operands of a definition's left side, which look like arguments: only plain names, each once."""
        if call in self.nodes.keywords:
            raise self._refusal("parameter", self.nodes.keyword_spans[call][0])
        parameters: list[Parameter] = []
        seen: set[str] = set()
        for operand in self.nodes.operands(call):
            name, span = self.nodes.values[operand] or "", self.nodes.span(operand)
            if self.nodes.kinds[operand] != NAME or self._opens_twice(start, span.start):
                raise self._refusal("parameter", span)
            if name in seen:
                raise self._refusal("repeated_parameter", span)
            seen.add(name)
            parameters.append(Parameter(name, span))
            start = span.end
        return tuple(parameters)

    def _opens_twice(self, start: int, end: int) -> bool:
        """Whether more than one "(" or "," stands in the text, comments left out: f((a)) = …"""
        if end - start <= 1:
            return False
        lines = self.text[start:end].split("\n")
        return len("".join("".join(line.partition("#")[0].split()) for line in lines)) > 1

    def loop(self, word: Token, name: Token, *rest: Any) -> Loop:
        """rest: in, start, "..", stop, "{", the statements, "}"."""
        _, start, _, stop, _, body, closing = rest
        self._used([start, stop])
        self.nodes.static = True
        text = _text(name)
        place = Span(_place(word)[0], _place(closing)[1])
        return Loop(self._names.setdefault(text, text), Span(*_place(name)), start, stop, tuple(body), place)

    def nothing(self) -> None:
        return None

    def first_line(self, line: Statement | None) -> list[Statement]:
        return [] if line is None else [line]

    def next_line(self, lines: list[Statement], line: Statement | None) -> list[Statement]:
        if line is not None:
            lines.append(line)
        return lines

    def start(self, lines: list[Statement]) -> list[Statement]:
        return lines

    def _refusal(self, kind: str, span: Span) -> ParseError:
        from gradcli.language.syntax_errors import refusal

        return refusal(kind, self.text, span)
