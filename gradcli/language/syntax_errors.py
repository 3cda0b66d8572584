"""Explains why a text is not a program. Imported only when it is not.

Enters: the text and what the driver or the builder ran into. Leaves: a `ParseError`: one message, a place, a way out.
Invariant: where something is missing the place is empty and just past the last token; elsewhere it covers the culprit.
"""

from __future__ import annotations

from gradcli.errors import ParseError, Span
from gradcli.language import misreadings
from gradcli.language.driver import Unexpected
from gradcli.language.lexemes import CLOSERS, OPENERS, OPERATORS, STATEMENT_ENDS, Lexeme, Situation
from gradcli.printable import shorten

_RESERVED = frozenset({"AND", "OR", "NOT", "FOR", "IN"})
_LOOP = "a loop is written for t in 0..3 { h = tanh(h) }"
_GIVEN_DERIVATIVE = "a derivative of one's own is given by f(a, b) = a*b with grad (b, a)"

_REFUSALS = {
    "unnamed_argument": ("an argument without a name stands after one with a name", "named arguments come last"),
    "repeated_argument": ("this argument is given twice", "take one of them away"),
    "parameter": ("a parameter must be a plain name", "a function is defined as f(a, b) = a*b"),
    "repeated_parameter": ("two parameters have the same name", "rename one of them"),
    "derivative_of_stage": ("only a function has a derivative of its own", _GIVEN_DERIVATIVE),
    "left_side": ('the left side of "=" must be a name or f(a, b)', "equality is written =="),
}


def refusal(kind: str, text: str, span: Span) -> ParseError:
    """What the builder refuses although the grammar allows it."""
    message, hint = _REFUSALS[kind]
    return ParseError(message, source=text, span=span, hint=hint)


def malformed_number(text: str, span: Span) -> ParseError:
    """2e, 1__0, 0x10"""
    end = span.end
    while text[end : end + 1].isascii() and (text[end : end + 1].isalnum() or text[end : end + 1] == "_"):
        end += 1
    span = Span(span.start, end)
    number = text[span.start : span.end]
    shown = shorten(number)
    if number[:2].lower() in ("0x", "0b", "0o"):
        hint = "numbers are decimal"
        if len(number) < 20:
            hint += f"; this one is {int(number, 0)}" if _is_integer(number) else ""
    elif number[-1] in "eE":
        digits = shorten(number[:-1])
        hint = f"an exponent has digits, as in {digits}e3; a product with the constant e is {digits}*{number[-1]}"
    else:
        hint = 'each "_" stands between two digits, as in 1_000'
    return ParseError(f'"{shown}" is not a number', source=text, span=span, hint=hint)


def _is_integer(number: str) -> bool:
    try:
        int(number, 0)
    except ValueError:
        return False
    return True


def explain(text: str, unexpected: Unexpected) -> ParseError:
    """The error for a token that cannot stand where it stands."""
    situation = Situation(text, unexpected)
    for explanation in _EXPLANATIONS:
        error = explanation(situation)
        if error is not None:
            return error
    return situation.error(f"{_shown(situation.here)} cannot stand here", None)


def _shown(lexeme: Lexeme) -> str:
    if lexeme.kind in ("$END", "_NEWLINE"):
        return "the end of the program" if lexeme.kind == "$END" else "the end of the line"
    return f'"{shorten(lexeme.text)}"'


def _character(situation: Situation) -> ParseError | None:
    """A character that begins no token."""
    if situation.kind:
        return None
    from gradcli.language.characters import explain_character

    return explain_character(situation)


def _malformed(situation: Situation) -> ParseError | None:
    """2e x: the driver stops at x before the builder has refused 2e."""
    last = situation.last
    return malformed_number(situation.text, Span(last.start, last.end)) if last.kind == "MALFORMED" else None


def _unclosed(situation: Situation) -> ParseError | None:
    """A bracket that is still open where the text, or what looks like the next statement, begins."""
    if not situation.opened or situation.last.kind in (*OPERATORS, "LPAR", "LSQB"):
        return None
    bracket = situation.opened[-1]
    between = situation.text[situation.last.end : situation.here.start]
    next_line = "\n" in between and bracket.kind != "LBRACE" and not situation.operand_expected
    if situation.kind == "$END" or (next_line and situation.kind in ("NAME", "FOR")):
        place = Span(bracket.start, bracket.end)
        return situation.error(f'this "{bracket.text}" is not closed', f'a "{_CLOSER[bracket.kind]}" is missing', place)
    return None


_CLOSER = {"LPAR": ")", "LSQB": "]", "LBRACE": "}"}
_EMPTY = {
    "group": ("nothing stands between these parentheses", "an expression belongs here"),
    "array": ("an array has at least one element", "write [0] or another array with elements"),
    "index": ("an index has at least one slot", "write x[0], or x[:] for all of it"),
}


def _closer(situation: Situation) -> ParseError | None:
    """A closing bracket that closes nothing, another one than the last, or one with nothing in it."""
    kind, here, last = situation.kind, situation.here, situation.last
    if kind not in CLOSERS:
        return None
    if not situation.opened:
        return situation.error(f'this "{here.text}" closes nothing', "take it away, or open a bracket before")
    opener = situation.opened[-1]
    if OPENERS[opener.kind] != kind:
        message = f'"{here.text}" does not close "{opener.text}"'
        return situation.error(message, f'the bracket opened before is closed by "{_CLOSER[opener.kind]}"')
    if last == opener and situation.place_in_brackets in _EMPTY:
        message, hint = _EMPTY[situation.place_in_brackets]
        return situation.error(message, hint, Span(opener.start, here.end))
    return None


def _loop_header(situation: Situation) -> ParseError | None:
    """for without a name, in, .. or braces; with grad without parentheses."""
    if situation.expected == {"LPAR"}:
        return situation.missing('a "(" is missing', _GIVEN_DERIVATIVE)
    start = situation.stretch_before(len(situation.before) - 1, frozenset({"SEMICOLON", "_NEWLINE"}))
    header = [lexeme.kind for lexeme in situation.before[start:]]
    if not header or header[0] != "FOR" or (situation.operand_expected and len(header) > 1):
        return None
    if len(header) == 1:
        return situation.missing('a name is missing after "for"', f'"for" is a reserved word; {_LOOP}')
    if "IN" not in header:
        return situation.missing('"in" is missing', f'"for" is a reserved word; {_LOOP}')
    for kind, message in (("RANGE", "a range such as 0..3"), ("LBRACE", 'a "{"')):
        if kind not in header:
            return situation.missing(f"{message} is missing", _LOOP)
    return None


def _missing_operand(situation: Situation) -> ParseError | None:
    """The text or the statement ends after an operator; a comma stands before or after nothing."""
    last, kind, within = situation.last, situation.kind, situation.place_in_brackets
    if not situation.operand_expected or kind not in (*STATEMENT_ENDS, *CLOSERS, "COMMA", "COLON"):
        return None
    if not last.kind or last.kind in STATEMENT_ENDS:
        return None
    what = "an operand"
    if last.kind in ("COMMA", "LPAR", "LSQB"):
        what = {"call": "an argument", "array": "an element", "index": "an index"}.get(within, what)
    elif last.kind == "EQUAL":
        what = "a value"
    elif last.kind in ("IN", "RANGE"):
        return situation.missing(f'a bound is missing after "{last.text}"', _LOOP)
    hint = "write what is missing, or take the sign away"
    if last.kind == "COMMA" or kind == "COMMA":
        hint = "write what is missing, or take the comma away"
    elif last.kind in OPENERS:
        hint = f'write what is missing, and a "{_CLOSER[last.kind]}"'
    elif last.kind == "NOT":
        hint = '"not" is a reserved word and stands before a condition'
    where = 'before ","' if kind == "COMMA" else f'after "{last.text}"'
    return situation.missing(f"{what} is missing {where}", hint)


def _doubled(situation: Situation) -> ParseError | None:
    """x * * y, x // y, x << y, x += 1, x => y, x === y"""
    here = situation.here
    for first, second in ((situation.last, here), (here, situation.after[1])):
        if first.text and second.text and first.text + second.text in _DOUBLED:
            message, hint = _DOUBLED[first.text + second.text]
            return situation.error(message, hint, Span(first.start, second.end))
    return None


_SHIFT = ("there are no bit shifts", "times a power of two: x*2^n")
_AT_LEAST = ('"at least" is written >=', "did you mean >=?")
_AT_MOST = ('"at most" is written <=', "did you mean <=?")
_NOT_EQUAL = ('"not equal" is written !=', "did you mean !=?")
_ONCE = ("a name is given its value once", "name the new value: q = x + 1")
_DOUBLED = {
    "**": ("the two signs of a power stand together", "did you mean ^ or **?"),
    "//": ("there is no whole-number division", "did you mean floor(x / y)?"),
    "<<": _SHIFT,
    ">>": _SHIFT,
    "=>": _AT_LEAST,
    "=<": _AT_MOST,
    "<>": _NOT_EQUAL,
    "===": ("equality is written ==", "did you mean ==?"),
    "!==": _NOT_EQUAL,
    "==": ("the two signs of an equality stand together", "did you mean ==?"),
    "+=": _ONCE,
    "-=": _ONCE,
    "*=": _ONCE,
    "/=": _ONCE,
    "^=": _ONCE,
    ":=": ("a stage is named with =", "did you mean =?"),
    "->": ("there are no arrows", "a stage is named as q = x + y"),
}


def _equals(situation: Situation) -> ParseError | None:
    """= where no name stands before it, in brackets, or twice in a statement."""
    if situation.kind != "EQUAL":
        return None
    if situation.operand_expected:
        return situation.error('nothing stands before "="', "a stage is named as q = x + y")
    if situation.place_in_brackets == "call":
        return situation.error("what is given by name must have a plain name", "as in leaky_relu(x, slope=0.1)")
    if situation.place_in_brackets not in ("", "loop"):
        return situation.error('"=" inside brackets', "equality is written ==; a stage is named on a line of its own")
    return situation.error('a second "=" in one statement', "equality is written ==; name one stage per statement")


def _operand_wanted(situation: Situation) -> ParseError | None:
    """A word or a sign where an operand must stand."""
    here, last, kind = situation.here, situation.last, situation.kind
    if kind in _RESERVED and (situation.operand_expected or situation.expected == {"NAME"}):
        hint = _LOOP if kind == "FOR" else "choose another name"
        return situation.error(f'"{here.text}" is a reserved word', hint)
    if not situation.operand_expected:
        return None
    if kind == "SUPERSCRIPT":
        return situation.error(f"{_shown(here)} has nothing to raise", "write x² or x^2")
    if kind == "QUOTE":
        return situation.error("there are no strings", "names are written without quotation marks; a transpose is A'")
    if kind == "LBRACE":
        return _brace(situation)
    follows = last.kind in OPERATORS
    message = f"{_shown(here)} cannot follow {_shown(last)}" if follows else f"nothing stands before {_shown(here)}"
    return situation.error(
        message, "an operand is missing between them" if follows else "it stands between two operands"
    )


def _operator_wanted(situation: Situation) -> ParseError | None:
    """Something after an operand that neither joins it to another nor ends the statement."""
    kind, opener = situation.kind, situation.opened[-1].kind if situation.opened else ""
    if situation.expected <= STATEMENT_ENDS:  # behind a loop or a given derivative
        hint = f'a line that begins with an operator continues the line before: write "{situation.last.text};"'
        return situation.missing('a ";" or a new line is missing here', hint)
    if kind == "COMMA":
        return _comma(situation)
    if kind in _OPERATOR_WANTED:
        return situation.error(*_OPERATOR_WANTED[kind])
    if kind == "FOR" and opener == "LSQB":
        return situation.error("there are no comprehensions", _LOOP)
    if kind == "SEMICOLON" and opener:
        return situation.error("a statement cannot end inside brackets", f'the "{situation.opened[-1].text}" is open')
    if kind == "LBRACE":
        return _brace(situation)
    if kind in _RESERVED:
        hint = _LOOP if kind == "FOR" else "conditions are joined by and, or"
        return situation.error(f'"{situation.here.text}" is a reserved word', hint)
    return None


def _brace(situation: Situation) -> ParseError:
    latex = situation.last.kind in ("_POWER", "NAME")
    hint = "LaTeX is not read: write x^(a + b), f(x)" if latex else f"group with ( ), list with [ ]; {_LOOP}"
    return situation.error("braces belong to loops", hint)


_OPERATOR_WANTED = {
    "RANGE": ('".." belongs to a loop', f"{_LOOP}; a slice is x[0:3]"),
    "COLON": ('":" belongs to an index', "a slice is written x[0:3]"),
    "WITH_GRAD": ("only a function has a derivative of its own", _GIVEN_DERIVATIVE),
    "IN": ('"in" belongs to a loop', _LOOP),
}


def _comma(situation: Situation) -> ParseError:
    """(x, y) or x, y: arrays have square brackets."""
    message, stops = "several values are an array, in square brackets", frozenset({"SEMICOLON", "_NEWLINE"})
    end = situation.stretch_after(0, stops)
    hint = None
    last, here = situation.last, situation.here
    if last.kind == "NUMBER" and situation.text[here.end : here.end + 1].isdigit() and last.end == here.start:
        digits = situation.after[1]
        hint = situation.did_you_mean(last.start, digits.end, f"{last.text}.{digits.text}")
        return situation.error("a decimal point is a dot", hint, Span(here.start, here.end))
    if situation.place_in_brackets == "group":
        start = situation.opened[-1].start
        if situation.text[end : end + 1] == ")":
            inner = situation.text[start + 1 : end].strip()
            hint = situation.did_you_mean(start, end + 1, f"[{inner}]")
    else:
        start = situation.before[situation.stretch_before(len(situation.before) - 1, stops | {"EQUAL"})].start
        hint = situation.did_you_mean(start, end, f"[{situation.text[start:end]}]")
    return situation.error(message, hint or "arrays are written [x, y]")


_EXPLANATIONS = (
    _malformed,
    misreadings.attribute,
    _character,
    misreadings.foreign_word,
    misreadings.root_of_power,
    misreadings.chained_comparison,
    misreadings.updated,
    misreadings.stepped_slice,
    _doubled,
    _closer,
    _unclosed,
    misreadings.unwritten_product,
    _loop_header,
    _missing_operand,
    _equals,
    _operand_wanted,
    _operator_wanted,
)
