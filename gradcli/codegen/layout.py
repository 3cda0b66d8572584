"""What the layouts of all targets share: comments, and lines that are not too long."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from gradcli.codegen.file import File
from gradcli.codegen.target import WIDTH, wrapped
from gradcli.printable import printable, shorten

_MOST_LINES = 60
_LONGEST_LINE = 1000


def program_lines(source: str) -> list[str]:
    """The program's text for a comment: no line is long, and no character does anything."""
    lines = [printable(line.rstrip()) for line in source.strip("\n").split("\n")]
    shown: list[str] = []
    for line in lines[:_MOST_LINES]:
        pieces = textwrap.wrap(shorten(line, _LONGEST_LINE), WIDTH - 12, expand_tabs=False, replace_whitespace=False)
        shown += [f"    {piece}" if k == 0 else f"        {piece}" for k, piece in enumerate(pieces)] or [""]
    if len(lines) > _MOST_LINES:
        shown.append(f"    … and {len(lines) - _MOST_LINES:,} lines more")
    return shown


def commented(sign: str, lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"{sign} {line}".rstrip()


def differentiated(file: File) -> str:
    """By what the gradient is."""
    names = [file.parameters[name] for name in file.gradients]
    return "every input" if len(names) == len(file.parameters) else shorten(", ".join(names), WIDTH // 2)


def described(sign: str, text: str) -> list[str]:
    """A sentence as a comment."""
    return [f"{sign} {line}" for line in textwrap.wrap(text, WIDTH - 8)]


def statement_lines(line: str, sign: str = "#", comments: Sequence[str] = (), above: bool = False) -> list[str]:
    """A statement with its comments behind it, or above it where they do not fit."""
    indent = line[: len(line) - len(line.lstrip())]
    if not comments:
        return wrapped(line)
    behind = f"{line}  {sign} {'; '.join(comments)}"
    if len(behind) <= WIDTH and not above:
        return [behind]
    joined = f"{indent}{sign} {'; '.join(comments)}"
    if len(joined) <= WIDTH:
        return [joined, *wrapped(line)]
    lines = [piece for comment in comments for piece in textwrap.wrap(comment, WIDTH - 16, subsequent_indent="    ")]
    return [*(f"{indent}{sign} {piece}" for piece in lines), *wrapped(line)]
