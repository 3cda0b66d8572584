"""A number with its uncertainty, as people write it: 2.0 ± 0.1, 2.0+-0.1, 2.0+/-0.1, 2.0 ± 5%, 2.0(1), (2.0 ± 0.1)e-3.

Enters: a text. Leaves: `Measured`, or None for a text without an uncertainty. Invariant: an uncertainty is a finite
number that is not negative; a text that has the sign of an uncertainty is never read as anything else.

A number followed by +A and -B, 2.0 +0.1 -0.2, is the notation of two different uncertainties; it is refused, and never
read as a sum. In 1.234(56) the uncertainty stands in units of the last digits, as JCGM 100:2008, 7.2.2 writes it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import NamedTuple

from gradcli.errors import BindingError
from gradcli.printable import shorten

Constant = Callable[[str, str], float]  # what a text stands for, and what it is called in messages


class Measured(NamedTuple):
    """A value and its standard uncertainty."""

    value: float
    uncertainty: float


HINT = "write 2.0 ± 0.1, 2.0 +- 0.1, 2.0 ± 5% or 2.0(1)"
_SIGN = re.compile(r"±|\+/?[-−]")
_PARTS = re.compile(rf"[()]|{_SIGN.pattern}")
_SPACE = "[ \u00a0\u2009\u202f]"  # 6.674 30(15): digits in groups
_DIGITS = f"[0-9]+(?:{_SPACE}[0-9]+)*"
_NUMBER = rf"(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})"
_TEN = r"10(?:(?:\^|\*\*)\(?(?P<ten>[-+−]?[0-9]+)\)?|(?P<raised>[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))"
_POWER = rf"(?:\s*[eE](?P<e>[-+−]?[0-9]+)|\s*[×·*x]\s*{_TEN})?"
_BRIEF = re.compile(rf"(?P<value>[-+−]?\s*{_NUMBER})\s*\((?P<digits>[^()]*)\){_POWER}")
_POWER_FIRST = re.compile(rf"([-+−]?\s*{_NUMBER})([eE][-+−]?[0-9]+)\s*(\([0-9.]+\))")
_ALONE = rf"{_NUMBER}(?:[eE][-+−]?[0-9]+)?\s*%?"
_TWO = rf"(?:\+\s*{_ALONE}\s*[/,]?\s*[-−]\s*{_ALONE}|[-−]\s*{_ALONE}\s*[/,]?\s*\+\s*{_ALONE})"
_ASYMMETRIC = re.compile(rf"[-+−]?\s*{_ALONE}\s*(?:{_TWO}|\(\s*{_TWO}\s*\)(?:[eE][-+−]?[0-9]+)?)")
_SEVERAL = re.compile(rf"[-+−]?\s*{_NUMBER}(?:\s*\([0-9.]+\)){{2,}}(?:[eE][-+−]?[0-9]+)?")
_ENCLOSED = re.compile(rf"\((?P<inside>.*)\){_POWER}", re.DOTALL)
_NORMAL = str.maketrans("−⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-+-0123456789", " \u00a0\u2009\u202f")


def measured(text: str, name: str, constant: Constant) -> Measured | None:
    """The number and the uncertainty that a text stands for; None if it has no uncertainty.

    Args:
        name: what has this value.
        constant: reads a number or a constant expression.

    Raises:
        BindingError: one of them is no number, or the uncertainty is negative or not finite.
    """
    text = text.strip()
    factor, inside = _taken_out(text)
    _check_single(inside if factor else text, name, text)
    if not _SIGN.search(text):
        return _brief(text, name)
    signs = _outside(inside)
    if len(signs) != 1:
        if signs:
            raise _more_than_one(name, text)
        raise BindingError(
            f"the value of {shorten(name)} has an uncertainty inside parentheses: {shorten(text)}", hint=HINT
        )
    value, uncertainty = inside[: signs[0].start()].strip(), inside[signs[0].end() :].strip()
    if not value or not uncertainty:
        where = f"before {signs[0][0]}" if not value else f"after {signs[0][0]}"
        raise BindingError(f"the value of {shorten(name)} has no number {where}: {shorten(text)}", hint=HINT)
    for part in (value, uncertainty.removesuffix("%").rstrip()):
        _check_single(part, name, text)
        if _brief(part, name) is not None:
            raise _more_than_one(name, text)
    number = constant(_scaled(value, factor), name)
    if not uncertainty.endswith("%"):
        return _checked(number, _uncertainty(_scaled(uncertainty, factor), name, constant), text, name)
    percent = _uncertainty(uncertainty[:-1].strip(), name, constant)
    if number == 0 and percent:
        message = f"the uncertainty of {shorten(name)} is a share of 0: {shorten(text)}"
        raise BindingError(message, hint="give it as a number: 0 ± 0.1")
    return _checked(number, abs(number) * percent / 100.0, text, name)


def _check_single(part: str, name: str, text: str) -> None:
    """Refuse two uncertainties where there may be one. text: the whole of it, for messages."""
    if _ASYMMETRIC.fullmatch(part):
        message = f"the value of {shorten(name)} has two different uncertainties: {shorten(text)}"
        hint = "gradcli has symmetric uncertainties; take the larger one, or the mean; a sum stands in parentheses"
        raise BindingError(message, hint=hint)
    if _SEVERAL.fullmatch(part):
        raise _more_than_one(name, text)


def _more_than_one(name: str, text: str) -> BindingError:
    return BindingError(f"the value of {shorten(name)} has more than one uncertainty: {shorten(text)}", hint=HINT)


def _brief(text: str, name: str) -> Measured | None:
    """2.0(1); None for any other text, such as 2(3 + 4), which is a product."""
    if misplaced := _POWER_FIRST.fullmatch(text):
        hint = f"write {shorten(misplaced[1] + misplaced[3] + misplaced[2])}"
        raise BindingError(f"the value of {shorten(name)} has its power of ten first: {shorten(text)}", hint=hint)
    if not (found := _BRIEF.fullmatch(text)):
        return None
    written = found["digits"].translate(_NORMAL)
    if not re.fullmatch(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)|nan|inf", written):
        return None
    value, factor = found["value"].translate(_NORMAL), _exponent(found)
    try:
        power = int(factor[1:] or "0")
    except ValueError:  # thousands of digits
        raise BindingError(f"the value of {shorten(name)} is not a number: {shorten(text)}", hint=HINT) from None
    if "." not in written:  # in units of the last digits
        power -= len(value.partition(".")[2])
    uncertainty = float(written if written in ("nan", "inf") else f"{written}e{power}")
    return _checked(float(value + factor), uncertainty, text, name)


def _exponent(found: re.Match[str]) -> str:
    """e-3 for any way to write a power of ten; nothing where there is none."""
    written = found["e"] or found["ten"] or found["raised"]
    return f"e{written.translate(_NORMAL)}" if written else ""


def _taken_out(text: str) -> tuple[str, str]:
    """The power of ten of (2.0 ± 0.1)e-3 and what stands in the parentheses; any other text is itself."""
    found = _ENCLOSED.fullmatch(text)
    if found and not _outside(text):
        inside, depth = found["inside"], 0
        for sign in inside:
            depth += (sign == "(") - (sign == ")")
            if depth < 0:  # (1) ± (2)
                return "", text
        return _exponent(found), inside
    return "", text


def _outside(text: str) -> list[re.Match[str]]:
    """The signs of uncertainties that stand outside all parentheses."""
    found, depth = [], 0
    for one in _PARTS.finditer(text):
        depth += (one[0] == "(") - (one[0] == ")")
        if depth == 0 and one[0] not in "()":
            found.append(one)
    return found


def _scaled(text: str, factor: str) -> str:
    """A number with a power of ten behind it, to be read as one decimal."""
    if not factor:
        return text
    return text + factor if re.fullmatch(r"[-+]?[0-9.]+", text) else f"({text})*1{factor}"


def _uncertainty(text: str, name: str, constant: Constant) -> float:
    try:
        return constant(text, name)
    except BindingError as error:
        error.message = error.message.replace("the value of", "the uncertainty of", 1)
        raise


def _checked(value: float, uncertainty: float, text: str, name: str) -> Measured:
    return Measured(value, checked_uncertainty(uncertainty, name, text))


def checked_uncertainty(uncertainty: float, name: str, text: str) -> float:
    """An uncertainty that is one.

    Args:
        text: as it was written, for messages.

    Raises:
        BindingError: it is negative or not finite.
    """
    if uncertainty >= 0 and math.isfinite(uncertainty):
        return abs(uncertainty)  # of -0.0
    what = "negative" if uncertainty < 0 else "not a finite number"
    hint = "an uncertainty is a standard deviation: 0 or more"
    raise BindingError(f"the uncertainty of {shorten(name)} is {what}: {shorten(text)}", hint=hint)
