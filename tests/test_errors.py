"""How an error is shown: message, line, caret, hint."""

from __future__ import annotations

import pytest

from gradcli.errors import (
    BindingError,
    ExitStatus,
    GradcliError,
    LimitError,
    ParseError,
    ProgramError,
    Span,
    StreamError,
    UsageError,
    excerpt,
    explain,
)


def pointed_at(source: str, span: Span) -> str:
    """The piece of the shown line that the carets stand under."""
    _, line, carets = excerpt(source, span)
    start = len(carets) - len(carets.lstrip())
    assert set(carets[start:]) == {"^"}
    assert len(carets) <= len(line) + 1, "the carets end where the line ends, or just after it"
    return line[start : len(carets)]


@pytest.mark.parametrize(
    ("source", "span", "number", "line", "carets"),
    [
        ("x + y", Span(0, 1), 1, "x + y", "^"),
        ("x + y", Span(4, 5), 1, "x + y", "    ^"),
        ("x + y", Span(0, 5), 1, "x + y", "^^^^^"),
        ("x +", Span(3, 3), 1, "x +", "   ^"),
        ("x +", Span(3, 9), 1, "x +", "   ^"),
        ("", Span(0, 0), 1, "", "^"),
        ("a\nb +\nc", Span(2, 3), 2, "b +", "^"),
        ("a\nb +\nc", Span(5, 5), 2, "b +", "   ^"),
        ("a\nb +\nc", Span(6, 7), 3, "c", "^"),
        ("a\nb +\nc", Span(2, 7), 2, "b +", "^^^"),
        ("a\nb\n", Span(4, 4), 3, "", "^"),
        ("a\tb", Span(2, 3), 1, "a\\x09b", "     ^"),
        ("a\tb", Span(1, 2), 1, "a\\x09b", " ^^^^"),
        ("\x1b[31m x", Span(6, 7), 1, "\\x1b[31m x", "         ^"),
        ("θ + λ", Span(4, 5), 1, "θ + λ", "    ^"),
    ],
)
def test_excerpt(source: str, span: Span, number: int, line: str, carets: str) -> None:
    assert excerpt(source, span) == (number, line, carets)


@pytest.mark.parametrize("position", [0, 1, 35, 36, 37, 500, 1000, 1990, 1999])
def test_long_lines_are_cut_around_the_place(position: int) -> None:
    source = "first\n" + "".join(chr(ord("a") + i % 26) for i in range(2000)) + "\nlast"
    start = 6 + position
    number, line, _ = excerpt(source, Span(start, start + 1))
    assert number == 2
    assert len(line) <= 74
    assert pointed_at(source, Span(start, start + 1)) == source[start]
    assert line.startswith("…") == (position > 36)
    assert line.endswith("…") == (position < 1964)


def test_a_long_place_is_cut() -> None:
    source = "x" * 2000
    shown = pointed_at(source, Span(100, 1900))
    assert len(shown) < 74
    assert shown.strip("x…") == ""


def test_the_end_of_a_long_line() -> None:
    source = "x" * 2000
    _, line, carets = excerpt(source, Span(2000, 2000))
    assert line == "…" + "x" * 72
    assert carets == " " * 73 + "^"


def test_places_in_every_short_program_fit() -> None:
    source = "a + b\n\nsin(c)\t\n"
    for start in range(len(source) + 1):
        for end in range(start, len(source) + 1):
            number, line, carets = excerpt(source, Span(start, end))
            assert "\n" not in line + carets
            assert number == source.count("\n", 0, start) + 1
            assert len(carets) <= len(line) + 1


def test_explain() -> None:
    assert explain(ParseError("an operand is missing")) == "an operand is missing"
    one_line = ParseError("it stops", source="x +", span=Span(3, 3), hint="go on")
    assert str(one_line) == "it stops\n  x +\n     ^\nhint: go on"
    ended = ParseError("it stops", source="x +\n", span=Span(3, 3))
    assert str(ended) == "it stops\n  x +\n     ^"
    lines = ParseError("it stops", source="a\nx +", span=Span(5, 5))
    assert str(lines) == "it stops\n  line 2: x +\n             ^"
    assert str(ParseError("nothing", source=" \n", span=Span(0, 0), hint="write")) == "nothing\nhint: write"


def test_explain_is_inert() -> None:
    error = ParseError("\x1b[31m\nx", source="\x07\x1b", span=Span(0, 1), hint="\x9b\n\u202e")
    shown = explain(error)
    assert len(shown.splitlines()) == 4
    assert all(line.isprintable() for line in shown.split("\n"))


@pytest.mark.parametrize("kind", [ParseError, ProgramError, BindingError, UsageError, LimitError, StreamError])
def test_statuses(kind: type[GradcliError]) -> None:
    error = kind("message", hint="hint")
    assert isinstance(error, GradcliError)
    assert error.status == (ExitStatus.STREAM_FAILED if kind is StreamError else ExitStatus.WRONG_INPUT)
    assert (error.message, error.hint, error.source, error.span) == ("message", "hint", None, None)
    assert error.args == ("message",)


def test_the_numbers_of_the_statuses() -> None:
    assert [int(status) for status in ExitStatus] == [0, 1, 2, 70, 74, 130, 141]
