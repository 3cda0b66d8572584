"""What people write although it has two readings or none: products without a sign, √x², sin^2(x), a < b < c.

Enters: a `Situation`. Leaves: an error that shows the readings, or None if it is something else.
Invariant: every reading shown is accepted by the parser at that place.
"""

from __future__ import annotations

import re

from gradcli.errors import ParseError, Span
from gradcli.language.lexemes import OPERAND_ENDS, OPERAND_STARTS, Lexeme, Situation
from gradcli.printable import shorten

_LOGICAL = frozenset({"AND", "OR", "NOT", "EQUAL", "COMMA", "COLON", "SEMICOLON", "_NEWLINE", "WITH_GRAD", "RANGE"})
_COMPARED = _LOGICAL | {"COMPARISON"}

# For hints only: names that stand for a function when something other than "(" follows.
_FUNCTIONS = frozenset(
    {
        "abs",
        "acos",
        "acosh",
        "asin",
        "asinh",
        "atan",
        "atanh",
        "cbrt",
        "cos",
        "cosh",
        "erf",
        "exp",
        "expm1",
        "ln",
        "log",
    }
    | {"log10", "log1p", "log2", "relu", "sigmoid", "sign", "sin", "sinh", "softplus", "sqrt", "tan", "tanh", "σ"}
)
_LIBRARIES = frozenset({"F", "jax", "jnp", "math", "nn", "np", "numpy", "sp", "tf", "torch"})
_WORDS = {
    "if": "a choice is written where(condition, a, b)",
    "else": "a choice is written where(condition, a, b)",
    "lambda": "a function is defined on a line of its own: f(x) = x^2",
    "def": "a function is defined on a line of its own: f(x) = x^2",
    "function": "a function is defined on a line of its own: f(x) = x^2",
    "let": "a stage is named without a word in front: q = x + y",
    "var": "a stage is named without a word in front: q = x + y",
    "const": "a stage is named without a word in front: q = x + y",
    "return": "the last expression is the output; no word stands in front of it",
    "print": "the last expression is the output; no word stands in front of it",
    "import": "there is nothing to import: all functions are there",
    "from": "there is nothing to import: all functions are there",
    "while": "the only loop is for t in 0..3 { … }",
    "mod": "the remainder is written mod(x, y)",
    "div": "the quotient is written x / y; rounded down, floor(x / y)",
    "xor": "exactly one of two truth values: x != y",
    "is": "equality is written ==",
    "with": "a derivative of one's own is given by f(a, b) = … with grad (…, …)",
}


def foreign_word(situation: Situation) -> ParseError | None:
    """x if y else z, lambda x: x, return x: words of other languages, which are names here."""
    before, here = situation.last, situation.here
    if before.kind not in OPERAND_ENDS or here.kind not in (*OPERAND_STARTS, "_MINUS", "COLON"):
        return None
    for word in (before, here):
        if word.kind == "NAME" and word.text in _WORDS:
            hint = _choice(situation) or _WORDS[word.text]
            return situation.error(f'"{word.text}" means nothing here', hint, Span(word.start, word.end))
    return None


def _choice(situation: Situation) -> str | None:
    """x if c else y → where(c, x, y)"""
    words = [i for i, lexeme in enumerate(situation.after) if lexeme.text == "else"]
    if situation.here.text != "if" or not words or words[0] < 2:
        return None
    first = situation.before[situation.stretch_before(len(situation.before) - 1, _LOGICAL)]
    end = situation.stretch_after(words[0] + 1, _LOGICAL) if words[0] + 1 < len(situation.after) else 0
    chosen = situation.quote(first.start, situation.last.end)
    condition = situation.quote(situation.after[1].start, situation.after[words[0] - 1].end)
    other = situation.quote(situation.after[words[0]].end, end)
    return situation.did_you_mean(first.start, end, f"where({condition}, {chosen}, {other})")


def attribute(situation: Situation) -> ParseError | None:
    """W.T, np.exp(x): what array libraries write behind and before a dot."""
    here, last, after = situation.here, situation.last, situation.after
    start = situation.operand_before(len(situation.before) - 1)
    if here.text != "." or after[1].kind != "NAME" or start is None or last.end != here.start:
        return None
    if after[1].text == "T" and after[2].kind != "LPAR":
        first, place = situation.before[start].start, Span(here.start, after[1].end)
        hint = situation.did_you_mean(first, place.end, f"{situation.text[first : last.end]}'")
        return situation.error("a transpose is written A'", hint or "write ' in place of .T", place)
    if last.kind != "NAME" or last.text not in _LIBRARIES:
        return None
    called = 1  # where the name behind the last dot stands
    while after[called + 1].text == "." and after[called + 2].kind == "NAME":
        called += 2
    name = after[called]
    end = situation.operand_after(called) if after[called + 1].kind == "LPAR" else name.end
    hint = None if end is None else situation.did_you_mean(last.start, end, situation.text[name.start : end])
    message = "names stand alone, without a library in front"
    return situation.error(message, hint or f"write {shorten(name.text)} alone", Span(last.start, name.end))


def updated(situation: Situation) -> ParseError | None:
    """h += x: a new value of h in a loop, another stage elsewhere."""
    before, last, here = situation.before, situation.last, situation.here
    if here.kind != "EQUAL" or last.end != here.start or last.text not in ("+", "-", "*", "/", "^", "**", "@"):
        return None
    named = before[-2] if len(before) > 1 else last
    first = situation.stretch_before(len(before) - 1, frozenset({"SEMICOLON", "_NEWLINE"}))
    if named.kind != "NAME" or before[first] is not named:
        return None
    end = situation.stretch_after(1, frozenset({"SEMICOLON", "_NEWLINE"}))
    right = situation.quote(here.end, end)
    alone = re.fullmatch(r"[\w.]+(\[[\w, ]*\])?", right) or (last.text == "+" and not re.search("[<>=]", right))
    right = right if alone else f"({right})"
    new = named.text if situation.place_in_brackets == "loop" else "q" if named.text != "q" else "p"
    value = f"{named.text} {last.text} {right}"
    hint = None
    if situation.did_you_mean(named.start, end, f"{new} = {value}"):
        hint = f"write {new} = {value}" + ("" if new == named.text else f"; in a loop, {named.text} = {value}")
    message = f'there is no "{shorten(last.text)}="'
    return situation.error(message, hint or "name the new value: q = x + 1", Span(last.start, here.end))


def stepped_slice(situation: Situation) -> ParseError | None:
    """x[::2]"""
    if situation.kind != "COLON" or situation.place_in_brackets != "index":
        return None
    slot = situation.stretch_before(len(situation.before) - 1, frozenset({"COMMA"}))
    if all(lexeme.kind != "COLON" for lexeme in situation.before[slot:]):
        return None
    return situation.error("slices have no steps", "a slice is written x[0:3]; single elements [x[0], x[2]]")


def unwritten_product(situation: Situation) -> ParseError | None:
    """Two operands with nothing between them."""
    before, last, here = situation.before, situation.last, situation.here
    if here.kind not in OPERAND_STARTS or last.kind not in OPERAND_ENDS:
        return None
    if last.kind == here.kind == "NUMBER" and last.end == here.start:
        return situation.error(
            f'"{shorten(last.text + here.text)}" is not a number',
            "a number has one dot at most",
            Span(last.start, here.end),
        )
    start = situation.operand_before(len(before) - 1)
    end = _with_power(situation, situation.operand_after(0))
    message = "an operator is missing here"
    general = "a product needs a sign: x*y; only a number multiplies without one: 2x"
    hint = None
    if start is not None and end is not None:
        found = _function(situation, start, end) or _readings(situation, start, end)
        if found is not None:
            message, hint = found
    return situation.error(message, hint or general)


def _with_power(situation: Situation, end: int | None) -> int | None:
    """The end of an operand that ends at end, or of the power of which it is the base: 2y^2."""
    for position, lexeme in enumerate(situation.after):
        if end is not None and lexeme.start >= end:
            powered = situation.operand_after(position + 1) if position + 1 < len(situation.after) else None
            return powered if lexeme.kind == "_POWER" and powered is not None else end
    return end


def _function(situation: Situation, start: int, end: int) -> tuple[str, str | None] | None:
    """sin x, sin²(x), sin^2(x)"""
    before = situation.before
    place = start - 2 if start >= 2 and before[start - 1].kind == "_POWER" else start
    name = before[place]
    power = situation.text[name.end : situation.last.end]
    if name.text not in _FUNCTIONS or name.kind != "NAME" or "(" in power:
        return None
    argument = situation.text[situation.here.start : end]
    argument = argument if situation.here.kind == "LPAR" else f"({argument})"
    hint = situation.did_you_mean(name.start, end, name.text + argument + power.strip())
    if name is situation.last:
        return f"the argument of {name.text} stands in parentheses", hint
    return f"a power of {name.text} is written behind its argument", hint


def _readings(situation: Situation, start: int, end: int) -> tuple[str, str | None]:
    """The ways to read what has no sign between its last two operands, which begin at before[start] and end at end."""
    before, text, last, here = situation.before, situation.text, situation.last, situation.here
    right = text[here.start : end]
    sign = start - 1
    while sign > 0 and before[sign].kind in ("_MINUS", "PLUS"):
        sign -= 1
    operator = before[sign] if sign >= 0 else Lexeme("", 0, 0, "")
    if operator.kind == "ROOT":
        under = text[operator.end : last.end]
        hint = situation.did_you_mean(operator.start, end, f"√{under}*{right}", f"√({under}*{right})")
        return _two_readings(situation, operator.start, end), hint
    first = situation.operand_before(sign - 1) if operator.kind in ("_DIVIDE", "_POWER") else None
    while first is not None and first >= 2 and operator.kind == "_DIVIDE" and before[first - 1].kind == "_POWER":
        first = situation.operand_before(first - 2)  # x^2/2y: the power is what is divided
    if first is not None:
        if first and before[first - 1].kind == "NUMBER":
            first -= 1  # 2x^2y: the number in front belongs to the product
        left, lower = text[before[first].start : operator.start].strip(), text[operator.end : last.end].strip()
        quotient = f"{left}{operator.text}{lower}"
        apart = f"({quotient})*{right}" if operator.kind == "_DIVIDE" else f"{quotient}*{right}"
        together = f"{left}{operator.text}({lower}*{right})"
        hint = situation.did_you_mean(before[first].start, end, apart, together)
        return _two_readings(situation, before[first].start, end), hint
    if start and before[start - 1].kind == "NUMBER":
        start -= 1
    between = " * " if " " in text[before[start].start : end] else "*"
    left = text[before[start].start : last.end]
    return "an operator is missing here", situation.did_you_mean(before[start].start, end, f"{left}{between}{right}")


def _two_readings(situation: Situation, start: int, end: int) -> str:
    return f'"{shorten(situation.quote(start, end))}" has two readings'


def root_of_power(situation: Situation) -> ParseError | None:
    """√x², √x^2, √x[0]"""
    if situation.kind not in ("SUPERSCRIPT", "_POWER", "QUOTE", "LSQB"):
        return None
    start = situation.operand_before(len(situation.before) - 1)
    if not start or situation.before[start - 1].kind != "ROOT":
        return None
    root, here = situation.before[start - 1], situation.here
    end: int | None = here.end
    if situation.kind == "_POWER":
        end = situation.operand_after(1) if len(situation.after) > 1 else None
    elif situation.kind == "LSQB":
        closing = situation.closing(0)
        end = None if closing is None else situation.after[closing].end
    hint = None
    if end is not None:
        under, postfix = situation.text[root.end : here.start], situation.text[here.start : end]
        readings = [f"(√{under}){postfix}", f"√({under}{postfix})"]
        hint = situation.did_you_mean(root.start, end, *(readings if situation.kind != "LSQB" else readings[1:]))
    message = _two_readings(situation, root.start, here.end if end is None else end)
    return situation.error(message, hint or "write parentheses: √(…)")


def chained_comparison(situation: Situation) -> ParseError | None:
    """a < b < c"""
    before = situation.before
    if situation.kind != "COMPARISON" or situation.operand_expected:
        return None
    middle = situation.stretch_before(len(before) - 1, _COMPARED)
    if middle < 2 or before[middle - 1].kind != "COMPARISON":
        return None
    start = before[situation.stretch_before(middle - 2, _COMPARED)].start
    end = situation.stretch_after(1, _COMPARED) if len(situation.after) > 1 else situation.here.end
    left = situation.quote(start, situation.last.end)
    right = situation.quote(before[middle].start, end)
    hint = situation.did_you_mean(start, end, f"{left} and {right}")
    return situation.error("comparisons are not chained", hint or "join them by and: a < b and b < c")
