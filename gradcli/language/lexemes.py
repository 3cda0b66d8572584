"""The tokens around the place where a text stops being a program; only error messages need them.

Enters: a text and what the driver ran into. Leaves: a `Situation`, which finds operands and tries corrections.
Invariant: the tokens are those that the driver read; a correction is offered only if the parser gets past it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from gradcli.errors import ParseError, Span
from gradcli.language.driver import ENDING, Unexpected, parse, scan
from gradcli.language.tables import SIGNS, TERMINALS, WORDS

_REMEMBERED = 2000  # tokens before the place; operands longer than that are not quoted anyway
_AHEAD = 400  # tokens after it
_TRIED = 20_000  # characters of a text up to which corrections are tried
_QUOTED = 64  # characters of a correction at most

OPENERS = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
CLOSERS = {closer: opener for opener, closer in OPENERS.items()}
OPERAND_ENDS = ENDING - {"RBRACE"}
OPERAND_STARTS = frozenset({"NAME", "NUMBER", "MALFORMED", "LPAR", "LSQB", "ROOT"})
STATEMENT_ENDS = frozenset({"$END", "_NEWLINE", "SEMICOLON", "RBRACE"})
OPERATORS = frozenset(
    {"_POWER", "_TIMES", "_DIVIDE", "_MINUS", "AT", "PLUS", "COMPARISON", "AND", "OR", "NOT", "ROOT", "EQUAL", "COMMA"}
)


class Lexeme(NamedTuple):
    """A token: its kind, its place and what stands there."""

    kind: str
    start: int
    end: int
    text: str


_NONE = Lexeme("", 0, 0, "")  # stands for a token where there is none


def lexemes(text: str) -> Iterator[Lexeme]:
    """The tokens of a text as the driver reads them, up to "$END"; unknown characters have the kind ""."""
    kind = ""
    depth = 0
    for match in scan(text):
        group = match.lastindex or 0
        before, word = kind, match[group]
        kind = TERMINALS[WORDS.get(word, group) if TERMINALS[group] == "NAME" else SIGNS[word] if group == 1 else group]
        if kind == "_NEWLINE" and (depth or before not in ENDING):
            kind = before
            continue
        depth += (kind in ("LPAR", "LSQB")) - (kind in ("RPAR", "RSQB"))
        yield Lexeme(kind, match.start(group), match.end(group), word)


class Situation:
    """Where the driver stopped.

    Attributes:
        kind, expected: of the token that cannot stand there.
        here: that token; after: the tokens from it on.
        before: the tokens before it; last: the last of them, or one of kind "".
        opened: the brackets that are still open.
    """

    def __init__(self, text: str, unexpected: Unexpected) -> None:
        self.text = text
        self.kind = unexpected.kind
        self.expected = unexpected.expected
        self.opened: list[Lexeme] = []
        before: deque[Lexeme] = deque(maxlen=_REMEMBERED)
        stream = lexemes(text)
        self.here = next(stream)
        while self.here.start < unexpected.position and self.here.kind != "$END":
            before.append(self.here)
            if self.here.kind in OPENERS:
                self.opened.append(self.here)
            elif self.here.kind in CLOSERS and self.opened:
                self.opened.pop()
            self.here = next(stream)
        self.before = list(before)
        self.after = [self.here, *islice(stream, _AHEAD), _NONE]
        self.last = self.before[-1] if self.before else _NONE

    def error(self, message: str, hint: str | None, span: Span | None = None) -> ParseError:
        """An error at the unexpected token, or at a given place."""
        return ParseError(message, source=self.text, span=span or Span(self.here.start, self.here.end), hint=hint)

    def missing(self, message: str, hint: str | None) -> ParseError:
        """An error just past the last token, where something should follow."""
        return self.error(message, hint, Span(self.last.end, self.last.end))

    @property
    def operand_expected(self) -> bool:
        """Whether an operand, rather than an operator, could stand here."""
        return "NAME" in self.expected

    @property
    def place_in_brackets(self) -> str:
        """What the innermost open bracket holds: "call", "group", "array", "index", "loop"; "" outside of brackets."""
        if not self.opened:
            return ""
        bracket = self.opened[-1]
        if bracket.kind == "LBRACE":
            return "loop"
        left = next((lexeme for lexeme in reversed(self.before) if lexeme.start < bracket.start), _NONE)
        if bracket.kind == "LPAR":
            return "call" if left.kind == "NAME" else "group"
        return "index" if left.kind in OPERAND_ENDS - {"NUMBER"} else "array"

    def quote(self, start: int, end: int) -> str:
        """A piece of the text on one line."""
        return " ".join(self.text[start:end].split())

    def operand_before(self, index: int) -> int | None:
        """Where the operand that ends with before[index] begins: its index in before. None if it cannot be told."""
        while index >= 0 and self.before[index].kind in ("SUPERSCRIPT", "QUOTE", "RSQB"):
            if self.before[index].kind != "RSQB":
                index -= 1
                continue
            start = self.opening(index)
            if start is None or start == 0 or self.before[start - 1].kind not in OPERAND_ENDS:
                return start  # an array, not an index
            index = start - 1
        if index >= 0 and self.before[index].kind == "RPAR":
            start = self.opening(index)
            return start - 1 if start and self.before[start - 1].kind == "NAME" else start
        return index if index >= 0 and self.before[index].kind in ("NAME", "NUMBER") else None

    def opening(self, index: int) -> int | None:
        """The index in before of the bracket that before[index] closes."""
        depth = 0
        for place in range(index, -1, -1):
            depth += (self.before[place].kind in CLOSERS) - (self.before[place].kind in OPENERS)
            if depth == 0:
                return place
        return None

    def operand_after(self, index: int) -> int | None:
        """Where the operand that begins with after[index] ends: the place in the text. None if it cannot be told."""
        while self.after[index].kind in ("ROOT", "_MINUS", "PLUS"):
            index += 1
        if self.after[index].kind == "NUMBER" and self.after[index + 1].kind in ("NAME", "LPAR"):
            index += 1  # 2x
        if self.after[index].kind not in OPERAND_STARTS:
            return None
        called = self.after[index].kind == "NAME" and self.after[index + 1].kind == "LPAR"
        place: int | None = index + called
        while place is not None:
            place = self.closing(place) if self.after[place].kind in OPENERS else place
            if place is None or place + 1 >= len(self.after):
                return None
            following = self.after[place + 1].kind
            if following not in ("SUPERSCRIPT", "QUOTE", "LSQB"):
                return self.after[place].end
            place += 1
        return None

    def closing(self, index: int) -> int | None:
        """The index in after of the bracket that closes after[index]."""
        depth = 0
        for place in range(index, len(self.after)):
            depth += (self.after[place].kind in OPENERS) - (self.after[place].kind in CLOSERS)
            if depth == 0:
                return place
        return None

    def stretch_before(self, index: int, stops: frozenset[str]) -> int:
        """The index in before where the stretch that ends at index begins: behind a stop or an open bracket."""
        depth = 0
        while index >= 0:
            kind = self.before[index].kind
            depth += (kind in CLOSERS) - (kind in OPENERS)
            if depth < 0 or (depth == 0 and kind in stops):
                break
            index -= 1
        return index + 1

    def stretch_after(self, index: int, stops: frozenset[str]) -> int:
        """The place in the text where the stretch that begins with after[index] ends."""
        depth = 0
        end = self.after[index].start
        for lexeme in self.after[index:]:
            depth += (lexeme.kind in OPENERS) - (lexeme.kind in CLOSERS)
            if depth < 0 or lexeme.kind == "$END" or lexeme is _NONE or (depth == 0 and lexeme.kind in stops):
                break
            end = lexeme.end
        return end

    def did_you_mean(self, start: int, end: int, *replacements: str) -> str | None:
        """A hint with those replacements of text[start:end] that the parser accepts, or None."""
        good = [r for r in replacements if len(r) <= _QUOTED and self._accepted(start, end, r)]
        return f"did you mean {' or '.join(' '.join(r.split()) for r in good)}?" if good else None

    def _accepted(self, start: int, end: int, replacement: str) -> bool:
        if len(self.text) > _TRIED:
            return True
        try:
            parse(self.text[:start] + replacement + self.text[end:], _Silent())
        except Unexpected as error:
            return (error.position, error.kind != "$END") >= (start + len(replacement), True)
        return True


class _Silent:
    """A builder that builds nothing."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *parts: None
