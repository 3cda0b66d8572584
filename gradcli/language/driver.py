"""Drives the grammar's LALR(1) tables over a text: a small, fast stand-in for Lark's own parser.

Enters: a text and a builder with one method per alias of the grammar. Leaves: what the builder made of the whole, or
`Unexpected`. Invariant: the same calls with the same arguments in the same order as Lark's parser on the same grammar,
and the same place, kind and expected kinds where the text stops being a program; the tests compare the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from gradcli.language.tables import ACTIONS, END, GOTOS, PATTERN, RULES, SIGNS, START, TERMINALS, WORDS

Match = re.Match[str]

# A newline ends a statement outside of brackets, where the statement can end: after one of these.
ENDING = frozenset({"NAME", "NUMBER", "MALFORMED", "SUPERSCRIPT", "QUOTE", "RPAR", "RSQB", "RBRACE"})
OPENING = frozenset({"LPAR", "LSQB"})
CLOSING = frozenset({"RPAR", "RSQB"})

_WIDTH = len(TERMINALS)
_KINDS = {name: kind for kind, name in enumerate(TERMINALS)}
_SIGN = 1  # the pattern's group for signs
_NAME = _KINDS["NAME"]
_NEWLINE = _KINDS["_NEWLINE"]
_FINISH = _KINDS["$END"]
_ENDING = frozenset(_KINDS[name] for name in ENDING)
_NESTING = {_KINDS[name]: 1 for name in OPENING} | {_KINDS[name]: -1 for name in CLOSING}

scan = re.compile(PATTERN).finditer

# What to do by a rule: how its callback is called, its left side, its number, its length, the parts it is given.
_Reduction = tuple[int, int, int, int, tuple[int, ...]]
_LEAF, _BINARY, _OTHER = range(3)


class _Row(dict[int, Any]):
    """One state. Kind → the row to go to, or a reduction; left side + next kind → the row to go to after reducing.

    The grammar's ladder of `?rule: rule` lines calls nothing on the way up from a name to an expression. A row follows
    it once for each pair of left side and next kind and remembers where it ends.
    """

    __slots__ = ("state",)

    def __init__(self, state: int) -> None:
        self.state = state

    def __missing__(self, key: int) -> _Row | None:
        kind = key % _WIDTH
        if key == kind:
            return None  # no token of this kind can stand here
        gotos = _GOTOS[self.state]
        side = key - kind
        while True:
            state = gotos[side]
            action = _rows[state].get(kind)
            if type(action) is not tuple:
                break
            _, side, rule, length, _ = action
            if length != 1 or RULES[rule][2]:
                break
        self[key] = row = _rows[state]
        return row


def _pairs(row: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    return zip(row[::2], row[1::2], strict=True)


def _reduction(rule: int) -> _Reduction:
    side, length, callback, kept = RULES[rule]
    shape = _OTHER
    if callback and length == 1 and kept == (0,):
        shape = _LEAF
    elif callback and length == 3 and kept == (0, 2):
        shape = _BINARY
    return shape, side, rule, length, kept


_GOTOS = [dict(_pairs(row)) for row in GOTOS]
_reductions = [_reduction(rule) for rule in range(len(RULES))]
_rows = [_Row(state) for state in range(len(ACTIONS))]
for _row, _actions in zip(_rows, ACTIONS, strict=True):
    for _kind, _target in _pairs(_actions):
        _row[_kind] = _rows[_target] if _target >= 0 else _reductions[~_target]


class Unexpected(Exception):
    """A token that cannot stand where it stands.

    Attributes:
        position: where it begins; at the end of the text, where the last token ends.
        kind: the name of its kind, "$END" at the end of the text, "" for a character that begins no token.
        expected: the names of the kinds that could have stood there.
        last: the token before it, or None.
        values: the builder's values and the tokens that are not part of one yet, left to right.
    """

    def __init__(
        self, position: int, kind: str, expected: frozenset[str], last: Match | None, values: list[Any]
    ) -> None:
        super().__init__(position, kind)
        self.position = position
        self.kind = kind
        self.expected = expected
        self.last = last
        self.values = values


def parse(text: str, builder: object) -> Any:
    """Calls the builder's methods in the order of the program's parts; the last one's value is the result."""
    calls: list[Callable[..., Any]] = [getattr(builder, name) if name else _only for _, _, name, _ in RULES]
    row = _rows[START]
    below: list[_Row] = []  # the states under the current one
    values: list[Any] = []  # what has been read: the builder's values and the tokens between them
    depth = 0  # of brackets in which newlines mean nothing
    kind = 0
    last: Match | None = None
    for token in scan(text):
        before = kind
        kind = token.lastindex  # type: ignore[assignment]  # the pattern matches exactly one group
        if kind == _SIGN:
            kind = SIGNS[token[kind]]
            if kind in _NESTING:
                depth += _NESTING[kind]
        elif kind == _NAME:
            kind = WORDS.get(token[kind], kind)
        elif kind == _NEWLINE and (depth or before not in _ENDING):
            kind = before
            continue
        while type(action := row[kind]) is tuple:
            shape, side, rule, length, kept = action
            if shape == _BINARY:
                right = values.pop()
                values.pop()
                values[-1] = calls[rule](values[-1], right)
                del below[-2:]
            elif shape == _LEAF:
                values[-1] = calls[rule](values[-1])
            else:
                base = len(values) - length
                values[base:] = (calls[rule](*[values[base + i] for i in kept]),)
                if length:
                    del below[base + 1 :]
                else:
                    below.append(row)
            row = below[-1][side + kind]
        if action is None:
            if kind == _FINISH and row is _rows[END]:
                return values[-1]
            raise _unexpected(token, kind, row, last, values)
        below.append(row)
        values.append(token)
        row = action
        last = token
    raise AssertionError("the pattern matches the end of the text")


def _only(value: Any) -> Any:
    """What a rule without a callback makes of its single part."""
    return value


def _unexpected(token: Match, kind: int, row: _Row, last: Match | None, values: list[Any]) -> Unexpected:
    position = token.start(token.lastindex or 0)
    if kind == _FINISH:
        position = last.end(last.lastindex or 0) if last else 0
    expected = frozenset(TERMINALS[key] for key in row if key < _WIDTH)
    return Unexpected(position, TERMINALS[kind], expected, last, values)
