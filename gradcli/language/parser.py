"""From text to syntax tree.

Enters: any text. Leaves: a `Program`, or a `ParseError` that says where and what instead. Invariant: every span of the
program and of the error refers to the normalised text, which is the program's `text` and the error's `source`.
"""

from __future__ import annotations

from gradcli.errors import ParseError, Span
from gradcli.language.builder import Builder
from gradcli.language.driver import Unexpected
from gradcli.language.driver import parse as drive
from gradcli.language.nodes import Definition, Loop, Program, Result, Stage, Statement
from gradcli.printable import shorten

_MOST_ACCENTS = 30
_GREEK_LETTERS = {"µ": "μ", "∆": "Δ", "\u2126": "Ω"}  # what keyboards produce: signs that mean the letters


def normalise(text: str) -> str:
    """text in Unicode's form NFC, without a byte-order mark, with \\n as the only line end.

    Never NFKC, which would read x² as x2 and ½ as 1⁄2.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():
        return text
    text = text.removeprefix("\ufeff")
    for sign, letter in _GREEK_LETTERS.items():
        text = text.replace(sign, letter)
    from unicodedata import combining, is_normalized, normalize

    # Composing takes time in the square of the number of accents on one letter. No script needs more than a few.
    accents = bytes(map(bool, map(combining, text))).find(b"\1" * _MOST_ACCENTS)
    if accents >= 0:
        span = Span(accents, accents + _MOST_ACCENTS)
        raise ParseError("too many accents on one letter", source=text, span=span, hint="names have no accents")
    return text if is_normalized("NFC", text) else normalize("NFC", text)


def parse(text: str) -> Program:
    """The program that a text stands for."""
    text = normalise(text)
    builder = Builder(text)
    try:
        statements: list[Statement] = drive(text, builder)
    except Unexpected as unexpected:
        from gradcli.language.syntax_errors import explain

        raise explain(text, unexpected) from None
    _check_order(text, statements)
    return Program(text, tuple(statements), builder.nodes)


def _check_order(text: str, statements: list[Statement]) -> None:
    """The last statement is the output, and no other statement is a mere expression."""
    if not statements:
        raise ParseError("the program is empty", hint="write an expression, such as (x + y) * z")
    last = statements[-1]
    blocks: list[tuple[Statement, ...]] = [tuple(statements[:-1])]
    while blocks:
        for statement in blocks.pop():
            if isinstance(statement, Result):
                raise _unused(text, statement.span)
            if isinstance(statement, Loop):
                blocks.append(statement.body)
    if not isinstance(last, Result):
        raise _no_output(text, last)


def _unused(text: str, span: Span) -> ParseError:
    following = text[span.end :].lstrip()[:1]
    hint = "name it to use it below, as in q = x + y, or take it away"
    if following and following in "([":
        hint = (
            f'a line that begins with "{following}" is a statement of its own; end the line before it with an operator'
        )
    return ParseError("the value of this statement is not used", source=text, span=span, hint=hint)


def _no_output(text: str, last: Statement) -> ParseError:
    hint = "end with an expression"
    if isinstance(last, Stage):
        hint = f"end with an expression, such as {shorten(last.name)}"
    elif isinstance(last, Definition):
        hint = f"end with an expression that uses it, such as {shorten(last.name)}(…)"
    return ParseError("the program has no output", source=text, span=Span(last.span.end, last.span.end), hint=hint)
