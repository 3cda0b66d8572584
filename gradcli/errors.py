"""Errors and exit statuses. Everything that can go wrong for a user is a GradcliError; it prints as one message.

GradcliError                     exit status 2 unless said otherwise
├── ParseError                   the text is not a program (place, hint)
├── ProgramError                 the program is well formed but means nothing: unknown function, wrong arity …
├── BindingError                 a name is missing, unknown or bound twice; a value is not a number
├── DataError                    a table of data is not what its format, or its use, asks for
├── UsageError                   the command line itself
├── LimitError                   more gates, or more time, than allowed
├── MissingError                 an extra is not installed
└── StreamError                  reading or writing failed (exit status 74)
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from gradcli.printable import printable


class ExitStatus(IntEnum):
    """What a process of ours ends with; the numbers above 2 follow sysexits.h and the shells."""

    DONE = 0
    NOT_HELD = 1
    WRONG_INPUT = 2
    BUG = 70
    STREAM_FAILED = 74
    INTERRUPTED = 130
    CLOSED_PIPE = 141


class Span(NamedTuple):
    """A place in a program: characters start ≤ i < end of its text. An empty span is a place between characters."""

    start: int
    end: int


class GradcliError(Exception):
    """The root of all errors that gradcli raises on purpose.

    Attributes:
        message: one sentence, without a full stop.
        source: the whole text the span refers to, or None.
        span: the place in source, or None.
        hint: the way out, or None.
    """

    status = ExitStatus.WRONG_INPUT

    def __init__(
        self, message: str, *, source: str | None = None, span: Span | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.source = source
        self.span = span
        self.hint = hint

    def __str__(self) -> str:
        return explain(self)


class ParseError(GradcliError):
    """The text does not follow the grammar."""


class ProgramError(GradcliError):
    """The text follows the grammar but is not a program."""


class BindingError(GradcliError):
    """The names of the program and the values given do not fit together."""


class DataError(GradcliError):
    """A table of data is wrong: not its format, or not what the program needs."""


class UsageError(GradcliError):
    """The command line is wrong."""


class LimitError(GradcliError):
    """The program needs more gates, or its picture more time, than allowed."""


class MissingError(GradcliError):
    """Something optional is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra {extra}", hint=f'pip install "gradcli[{extra}]"')
        self.args = (what, extra)  # what another process makes the same error of


class StreamError(GradcliError):
    """A file or a stream could not be read or written."""

    status = ExitStatus.STREAM_FAILED


_WINDOW = 72  # characters of a source line that an error shows at most


def excerpt(source: str, span: Span) -> tuple[int, str, str]:
    """The line of source that holds span, its number, and a line of carets under the place.

    Long lines are cut to a window around the place; control characters are shown escaped, and the carets still fit.
    """
    line_start = source.rfind("\n", 0, span.start) + 1
    line_end = source.find("\n", span.start)
    line_end = len(source) if line_end < 0 else line_end
    start, end = span.start, max(span.start, min(span.end, line_end))
    left, right = line_start, line_end
    if right - left > _WINDOW:
        left = max(left, min(start - _WINDOW // 2, right - _WINDOW))
        right = min(right, left + _WINDOW)
        end = min(end, right)
    before = ("…" if left > line_start else "") + printable(source[left:start])
    place = printable(source[start:end])
    after = printable(source[end:right]) + ("…" if right < line_end else "")
    number = source.count("\n", 0, span.start) + 1
    return number, before + place + after, " " * len(before) + "^" * max(1, len(place))


def place(source: str, span: Span) -> list[str]:
    """A place to show: the line of source and under it the carets. Nothing where there is no source."""
    if not source.strip():
        return []
    number, line, carets = excerpt(source, span)
    margin = f"line {number}: " if "\n" in source.rstrip("\n") else ""
    return [f"  {margin}{line}", " " * (2 + len(margin)) + carets]


def explain(error: GradcliError) -> str:
    """The text of an error: message, source line, caret, hint. At most four lines, never a control character."""
    lines = [printable(error.message)]
    if error.source is not None and error.span is not None:
        lines += place(error.source, error.span)
    if error.hint:
        lines.append(f"hint: {printable(error.hint)}")
    return "\n".join(lines)
