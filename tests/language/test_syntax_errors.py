"""Every way to get the language wrong that people are known for, and the message they get."""

from __future__ import annotations

import ast
from pathlib import Path
from unicodedata import combining

import pytest
from random_programs import Programs

from gradcli.errors import ParseError
from gradcli.language.parser import parse

INPUTS_AND_MESSAGES = Path(__file__).with_name("syntax_errors.txt")


def inputs() -> list[str]:
    """The texts of the golden file: the first line of each block, a Python string. Add one there and run --renew."""
    blocks = INPUTS_AND_MESSAGES.read_text(encoding="utf-8").strip().split("\n\n")
    return [ast.literal_eval(block.split("\n")[0]) for block in blocks]


def explained(text: str) -> ParseError:
    with pytest.raises(ParseError) as caught:
        parse(text)
    return caught.value


def test_messages(golden):
    blocks = []
    for text in inputs():
        shown = repr(text) if text.isprintable() and not any(map(combining, text)) else ascii(text)
        blocks.append(f"{shown}\n{explained(text)}\n")
    golden("language/syntax_errors.txt", "\n".join(blocks))


def test_every_message_has_a_place_and_a_hint():
    for text in inputs():
        error = explained(text)
        if error.message != "the program is empty":
            assert error.span is not None, text
            assert error.source is not None, text
            assert 0 <= error.span.start <= error.span.end <= len(error.source), text
        assert error.hint, text


def test_something_missing_is_an_empty_place_just_past_the_last_token():
    for text in ["2x^", "x +  ", "x = # later", "(x +", "f(x,\n\n", "for t"]:
        error = explained(text)
        end = len(text.partition("#")[0].rstrip())
        assert error.span == (end, end), text


def test_an_unclosed_bracket_is_the_place():
    for text in ["(x", "f(x, y", "[[1], 2", "x[1", "(x\ny"]:
        error = explained(text)
        assert error.span is not None
        assert text[slice(*error.span)] in "(["


@pytest.mark.parametrize(
    "text",
    [
        *[
            "{0}.{0}",
            "{0}!",
            "{0} {0}",
            "1/2{0}",
            "2^3{0}",
            "√2{0}",
            "√{0}²",
            "sin {0}",
            "{0}<{0}<{0}",
            "({0},{0})",
            "{0}=",
            "{0} = 1",
        ],
        *[
            "{0}(",
            "{0})",
            "{0}é",
            "{0}({0}=1, {0})",
            "{0}({0}) = 1",
            "2={0}",
            "{0} with {0}",
            "{0}&{0}",
            "{0}[",
            "{0} if {0} else {0}",
        ],
        *[
            "for {0}*2",
            "for {0} in 0..{0} {{",
            "{0}; 2",
            "{0} = {0} = 1",
            "({0} = 1)",
            "{0}{{",
            "'{0}'",
            "{0}({0}, {0}) = 1; 2",
        ],
        *["f(a) = a with grad (a){0}", "|{0}|", "{0} % {0}", "[{0} for {0} in {0}]", "{0}:{0}", "{0}..{0}", "{0}^"],
    ],
)
def test_messages_are_short_however_long_the_names(text):
    lines = str(explained(text.format("n" * 100_000))).split("\n")
    assert len(lines) <= 4
    assert max(map(len, lines)) <= 200


@pytest.mark.parametrize(
    "number", ["9" * 100_000 + "e", "0x" + "1" * 100_000, "1" * 100_000 + "_", "1." + "0" * 100_000 + ".1"]
)
def test_messages_are_short_however_long_the_number(number):
    assert max(map(len, str(explained(number)).split("\n"))) <= 200


@pytest.mark.parametrize("seed", range(3))
def test_no_spoilt_program_breaks_the_explanation(seed):
    programs = Programs(1000 + seed)
    for _ in range(1000):
        error: ParseError | None = None
        try:
            parse(programs.text())
        except ParseError as caught:
            error = caught
        if error is not None:
            assert len(str(error).split("\n")) <= 4
            assert len(error.message) < 150


@pytest.mark.parametrize(
    "text",
    [
        *["(" * 100_000, "[" * 100_000, "f(" * 100_000, ")" * 100_000, "x " * 100_000, "√" * 100_000, "(x)" * 50_000],
        *["x^" * 100_000, "x<" * 50_000, "for t in 0..1 {" * 10_000, "x\n(" * 30_000, "1" * 100_000 + "_"],
        *[
            "x[" * 50_000 + "1" + "]" * 50_000 + "y",
            "é" * 100_000,
            "x = " * 50_000,
            "-" * 100_000,
            "x" + "'" * 100_000 + "y",
        ],
        *[
            "x" + "\u0316\u0301" * 50_000,
            "x" + "\n" * 300_000 + "é",
            "x #" + "\n#" * 200_000 + "\né",
            "x" + " \n" * 200_000 + ")",
        ],
    ],
)
def test_hostile_texts_are_refused_in_good_time(text):
    explained(text)
