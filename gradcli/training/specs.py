"""A name with numbers, as starts, optimisers and schedules are written: adam, adam(0.9, beta2=0.99).

Enters: text. Leaves: a `Spec`, and its numbers by the names that a table's row has for them. Invariant: text is never
run; whatever is wrong with it is one UsageError that says what could be written; what a number may be is said where the
row names it, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import SequenceMatcher, get_close_matches
from math import inf, isfinite
from typing import NamedTuple

from gradcli.errors import Span, UsageError
from gradcli.printable import shorten

_NAME = re.compile(r"\s*([^\W\d]\w*)\s*")
_PART = re.compile(r"\s*(?:([^\W\d]\w*)\s*=\s*)?([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*")
_NUMBER_HINT = "write a number such as 0.9 or 1e-3"


class Spec(NamedTuple):
    """What was written.

    Attributes:
        name: as written.
        numbers: those without a name, in their order.
        named: those with one.
    """

    name: str
    numbers: tuple[float, ...] = ()
    named: Mapping[str, float] = {}


class Domain(NamedTuple):
    """What a number may be. words: the same, behind "it is"."""

    words: str
    holds: Callable[[float], bool]


ANY = Domain("a number", isfinite)
POSITIVE = Domain("above 0", lambda x: x > 0.0)
NOT_NEGATIVE = Domain("not negative", lambda x: x >= 0.0)
SHARE = Domain("from 0 to 1", lambda x: 0.0 <= x <= 1.0)
BELOW_ONE = Domain("from 0 to 1, without 1", lambda x: 0.0 <= x < 1.0)


class Setting(NamedTuple):
    """A number of a table's row.

    Attributes:
        default: where none is given; None if one has to be, infinity for as much as is left.
        domain: what may be given.
    """

    default: float | None
    domain: Domain


def signature(name: str, settings: Mapping[str, Setting]) -> str:
    """How a row is written with all its numbers: step(every, factor=0.5)."""
    shown = (
        key if setting.default is None or setting.default == inf else f"{key}={setting.default:g}"
        for key, setting in settings.items()
    )  # fmt: skip
    return f"{name}({', '.join(shown)})" if settings else name


def parse_spec(text: str, what: str) -> Spec:
    """What a text says. what: the kind of thing it names, in messages: "optimizer".

    Raises:
        UsageError: it is not NAME or NAME(1, 2, key=3).
    """
    begin = _NAME.match(text)
    if begin is None:
        raise _wrong(
            text, 0, len(text), f"{what}: {shorten(text) or 'nothing'} is no name", "write a name, or NAME(0.9, key=1)"
        )
    name, place = begin[1], begin.end()
    if place == len(text):
        return Spec(name)
    if text[place] != "(":
        hint = f"its numbers stand in parentheses: {name}(…)"
        raise _wrong(
            text, place, len(text), f"{shorten(text[place:])} after {what} {shorten(name)} means nothing", hint
        )
    end = text.find(")", place)
    if end < 0:
        raise _wrong(text, place, place + 1, f"the parenthesis of {what} {shorten(name)} is not closed", "add a )")
    found = _arguments(text, name, place + 1, end, what)
    if rest := text[end + 1 :].strip():
        raise _wrong(text, end + 1, len(text), f"{shorten(rest)} after {what} {shorten(name)} means nothing", None)
    return found


def _arguments(text: str, name: str, place: int, end: int, what: str) -> Spec:
    """Of what stands between the parentheses."""
    numbers: list[float] = []
    named: dict[str, float] = {}
    parts = text[place:end].split(",") if text[place:end].strip() else []
    for part in parts:
        found = _PART.fullmatch(part)
        if found is None:
            shown = shorten(part.strip()) or "nothing"
            raise _wrong(text, place, place + len(part), f"{what} {shorten(name)}: {shown} is no number", _NUMBER_HINT)
        key, value = found[1], float(found[2])
        wrong = None
        if not isfinite(value):
            wrong = f"{shorten(found[2])} is too large"
        elif key is None and named:
            wrong = f"{found[2]} has no name, but stands behind a number that has one"
        elif key in named:
            wrong = f"{shorten(key)} is given twice"
        if wrong:
            raise _wrong(text, place, place + len(part), f"{what} {shorten(name)}: {wrong}", None)
        if key is None:
            numbers.append(value)
        else:
            named[key] = value
        place += len(part) + 1
    return Spec(name, tuple(numbers), named)


def _wrong(text: str, start: int, end: int, message: str, hint: str | None) -> UsageError:
    return UsageError(message, source=text, span=Span(start, end), hint=hint)


def unknown(name: str, what: str, names: Iterable[str]) -> UsageError:
    """The error for a name that is not in a table."""
    return UsageError(f"there is no {what} {shorten(name)}", hint=_nearest(name, names))


def _nearest(name: str, names: Iterable[str]) -> str:
    """The names that are meant: beta may be beta1 as well as beta2."""
    known, wanted = list(names), name.lower()
    near = get_close_matches(wanted, known, n=len(known))
    best = [one for one in near if _likeness(wanted, one) == _likeness(wanted, near[0])]
    return f"did you mean {' or '.join(sorted(best))}?" if near else f"there are {', '.join(known)}"


def _likeness(wanted: str, known: str) -> float:
    return SequenceMatcher(None, known, wanted).ratio()


def numbers_by_name(spec: Spec, what: str, settings: Mapping[str, Setting]) -> dict[str, float]:
    """All numbers by the names that a row has for them, in its order; those without a name in that order, too.

    Raises:
        UsageError: there are too many, one is missing, given twice, not what it may be, or of a name that the row does
            not have.
    """
    shown = f"{what} {shorten(spec.name)}"
    names = list(settings)
    whole = f"it is {signature(spec.name, settings)}"
    if len(spec.numbers) > len(names):
        takes = {0: "no numbers", 1: "one number"}.get(len(names), f"{len(names)} numbers")
        raise UsageError(f"{shown} takes {takes}, not {len(spec.numbers)}", hint=whole if names else None)
    given = dict(zip(names, spec.numbers, strict=False))
    for name, value in spec.named.items():
        if name not in settings:
            hint = _nearest(name, names) if names else "leave it out"
            raise UsageError(f"{shown} has no number {shorten(name)}", hint=hint)
        if name in given:
            raise UsageError(f"{shown}: {name} is given twice")
        given[name] = value
    found = {}
    for name, (default, domain) in settings.items():
        if name in given and not domain.holds(given[name]):
            raise UsageError(f"{shown}: {name} is {given[name]:g}", hint=f"it is {domain.words}")
        chosen = given.get(name, default)
        if chosen is None:
            raise UsageError(f"{shown}: {name} is missing", hint=whole)
        found[name] = chosen
    return found
