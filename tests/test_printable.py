"""User text made inert."""

from __future__ import annotations

import unicodedata

import pytest

from gradcli.printable import printable, shorten


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x + y", "x + y"),
        ("θ·x²", "θ·x²"),
        ("日本 é", "日本 é"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\tb\nc\rd\0", "a\\x09b\\x0ac\\x0dd\\x00"),
        ("\x7f\x80\x9b\xad", "\\x7f\\x80\\x9b\\xad"),
        ("\u202eabc\u2066", "\\u202eabc\\u2066"),
        ("\u200b\u2060\ufeff", "\\u200b\\u2060\\ufeff"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\U000e0041", "\\U000e0041"),
        ("\udcff", "\\udcff"),
        ("", ""),
    ],
)
def test_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown


def test_every_character_that_moves_hides_or_reorders_is_escaped() -> None:
    bidirectional = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
    for code in range(0x110000):
        character = chr(code)
        category = unicodedata.category(character)
        if category in ("Cc", "Zl", "Zp", "Cs") or unicodedata.bidirectional(character) in bidirectional:
            assert printable(character) != character, hex(code)
        elif category[0] in "LNPS" and character not in "\u115f\u1160\u3164\uffa0":
            assert printable(character) == character, hex(code)


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("", 3, ""), ("a" * 41, 40, "a" * 39 + "…"), ("ab", 1, "…")],
)
def test_shorten(text: str, limit: int, shown: str) -> None:
    assert shorten(text, limit) == shown
    assert len(shorten(text, limit)) <= limit
