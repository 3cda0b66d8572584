"""What to say about a character that begins no token: look-alikes, invisible ones, signs of other languages.

Enters: a `Situation`. Leaves: an error. Invariant: a character beyond ASCII is named by its code point and name.
"""

from __future__ import annotations

import unicodedata

from gradcli.errors import ParseError, Span
from gradcli.language.lexemes import Situation

_LOOK_ALIKES = {
    **dict(zip("аеорсухіјѕһԁԛԝѵӏ", "aeopcyxijshdqwvl", strict=True)),  # Cyrillic
    **dict(zip("АВЕКМНОРСТУХІЈЅԚԜ", "ABEKMHOPCTYXIJSQW", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo", strict=True)),  # Greek
    **dict(zip("օոսհցզıɑɡ", "onuhgqiag", strict=True)),  # Armenian, Latin
    **dict(zip("‐‑‒–—―⁃﹣", "--------", strict=True)),
    **dict(zip("∗⁎⋆•∙‧", "******", strict=True)),
    **dict(zip("⁄∕⧸", "///", strict=True)),
    **dict(zip("’‘ʼ′‵´`", "'''''''", strict=True)),
    **dict(zip("⟮⟯❨❩❲❳❴❵‚٫、", "()()(){},,,", strict=True)),
    **dict(zip("˄ˆ‸⌃", "^^^^", strict=True)),
}
_INSTEAD = {
    "∞": "infinity is written inf",
    "%": "the remainder is written mod(x, y); a per cent is x / 100",
    "!": 'a factorial has no derivative; "is not equal" is written !=',
    "&": "both of two conditions: x and y",
    "|": "an absolute value is written abs(x); one of two conditions: x or y",
    "~": "the opposite of a condition: not x",
    "¬": "the opposite of a condition: not x",
    "∧": "both of two conditions: x and y",
    "∨": "one of two conditions: x or y",
    "?": "a choice is written where(condition, a, b)",
    "$": "LaTeX is not read: write the formula plainly, such as x^2 / (1 + y)",
    "\\": "LaTeX is not read: write the formula plainly, such as sin(x) / y",
    "∛": "a cube root is written cbrt(x)",
    "∜": "a fourth root is written x^(1/4)",
    "°": "angles are in radians: x*pi/180",
    "∑": "a sum is written sum([x, y]) or with for t in 0..3 { … }",
    "∏": "a product is written prod([x, y]) or with for t in 0..3 { … }",
    "∂": "derivatives are asked for by the command, not in the program",
    "∇": "derivatives are asked for by the command, not in the program",
    "∫": "there are no integrals",
    "→": "a stage is named by q = x + y",
    "≡": "equality is written ==",
    "≈": "equality is written ==",
    "±": "write two programs, or an array: [x + y, x - y]",
    "⊙": "write *, which multiplies element by element",
    "∘": "write the calls out: f(g(x))",
    "∈": "a loop is written for t in 0..3 { … }",
    "…": "write all of it out, or a loop: for t in 0..3 { … }",
}
_QUOTES = '"“”„«»‟'
_CONTROLS = {0: "NULL", 7: "BELL", 8: "BACKSPACE", 11: "LINE TABULATION", 27: "ESCAPE", 127: "DELETE", 133: "NEXT LINE"}


def named(character: str) -> str:
    """U+0445 CYRILLIC SMALL LETTER HA"""
    code = ord(character)
    name = unicodedata.name(character, "") or _CONTROLS.get(code, "")
    if not name and unicodedata.category(character) == "Cc":
        name = "CONTROL CHARACTER"
    return f"U+{code:04X} {name}".rstrip()


def describe(character: str) -> tuple[str, str]:
    """The message and the hint for a character that has no meaning in a program."""
    if character in _QUOTES:
        return "there are no strings", "names are written without quotation marks"
    if character in _INSTEAD:
        shown = f'"{character}"' if character.isascii() else named(character)
        return f"{shown} is not a sign of the language", _INSTEAD[character]
    if character.isascii() and character.isprintable():
        return f'"{character}" is not a sign of the language', "the operators are + - * / ^ @ < <= == != and or not"
    return _looks_like(character) or _invisible(character) or _foreign(character)


def explain_character(situation: Situation) -> ParseError:
    """The error for a character that begins no token, with a correction where one can be told from its surroundings."""
    here, text = situation.here, situation.text
    if here.text == ".":
        return _dot(situation)
    if here.text == "!" and text[here.end : here.end + 1] == "=":
        return situation.error(
            '"!=" cannot stand here', "it stands between two operands", Span(here.start, here.end + 1)
        )
    message, hint = describe(here.text)
    end = here.end
    if here.text in "&|" and text[here.end : here.end + 1] == here.text:
        end += 1
        message = f'"{here.text * 2}" is not a sign of the language'
    return situation.error(message, _correction(situation, end) or hint, Span(here.start, end))


def _correction(situation: Situation, end: int) -> str | None:
    """x % y, x & y, |x|: with the operands at hand. end: where the sign ends."""
    here, last, text = situation.here, situation.last, situation.text
    start = situation.operand_before(len(situation.before) - 1)
    if start is None:
        bar = text.find("|", end, end + 100) if here.text == "|" else -1
        return situation.did_you_mean(here.start, bar + 1, f"abs({text[end:bar].strip()})") if bar > 0 else None
    following = next((i for i, lexeme in enumerate(situation.after) if lexeme.start >= end), 0)
    stop = situation.operand_after(following) if following else None
    if stop is None or here.text not in "%&|":
        return None
    first = situation.before[start].start
    left, right = text[first : last.end], text[situation.after[following].start : stop]
    form = {"%": f"mod({left}, {right})", "&": f"{left} and {right}", "|": f"{left} or {right}"}[here.text]
    return situation.did_you_mean(first, stop, form)


def _dot(situation: Situation) -> ParseError:
    """x.sin(), x.y, a dot alone."""
    following = situation.after[1]
    start = situation.operand_before(len(situation.before) - 1)
    if following.kind != "NAME" or start is None or situation.last.end != situation.here.start:
        return situation.error("a dot without digits is not a number", "write 0.5, .5 or 5.")
    operand = situation.text[situation.before[start].start : situation.last.end]
    hint = None
    if situation.after[2].kind == "LPAR" and situation.after[3].kind == "RPAR":
        wrapped = situation.before[start].kind == "LPAR" and situation.last.kind == "RPAR"
        replacement = following.text + (operand if wrapped else f"({operand})")
        hint = situation.did_you_mean(situation.before[start].start, situation.after[3].end, replacement)
    place = Span(situation.here.start, following.end)
    return situation.error(
        "there is no attribute access", hint or "names hold no dots; functions are called as sin(x)", place
    )


def _looks_like(character: str) -> tuple[str, str] | None:
    compatible = unicodedata.normalize("NFKC", character)
    latin = _LOOK_ALIKES.get(character) or _LOOK_ALIKES.get(compatible)
    name = unicodedata.name(character, "")
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return f"{named(character)} is not one of the digits 0 to 9", f"write {digit}"
    if "SUPERSCRIPT" in name or name.startswith("MODIFIER LETTER"):
        return f"{named(character)} is no exponent", f"write ^{compatible}" if compatible.isascii() else "write ^(…)"
    if "SUBSCRIPT" in name:
        hint = f"write _{compatible}" if compatible.isascii() else "write the index behind _"
        if compatible.isdigit():
            hint = f"a subscript belongs to a name, as in x{character}"
        return f"{named(character)} cannot stand here", hint
    if latin is None and len(compatible) == 1 and compatible.isascii() and compatible.isprintable():
        latin = compatible
    if latin is None or latin == " ":
        return None
    kind = "Latin letter" if latin.isalpha() else "digit" if latin.isdigit() else "sign"
    return f"{named(character)} looks like the {kind} {latin}", f"write {latin}"


def _invisible(character: str) -> tuple[str, str] | None:
    category = unicodedata.category(character)
    if category == "Zs":
        return f"{named(character)} is not a plain space", "write a plain space"
    if category in ("Cc", "Cf", "Zl", "Zp") or character in "\u115f\u1160\u3164\uffa0":
        return f"{named(character)} is invisible", "take it away"
    if category == "Cs":
        return f"{named(character)} is half a character", "the text was not decoded as UTF-8"
    if category in ("Cn", "Co"):
        return f"{named(character)} is not a character", "take it away"
    if category.startswith("M"):
        return f"{named(character)} has no letter of the language under it", "names have no accents"
    return None


def _foreign(character: str) -> tuple[str, str]:
    if unicodedata.category(character).startswith("L"):
        return (
            f"{named(character)} is not a letter of the language",
            "names are made of Latin and Greek letters, digits, _ and subscripts",
        )
    compatible = unicodedata.normalize("NFKC", character).replace("⁄", "/")
    if unicodedata.category(character) == "No" and compatible.isascii():
        return f"{named(character)} is not a number of the language", f"write {compatible}"
    return f"{named(character)} is not a sign of the language", "the operators are + - * / ^ @ < <= == != and or not"
