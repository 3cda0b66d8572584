"""What an update does, as formulas that a person can follow.

Enters: formulas that run on any number system. Leaves: what becomes of a parameter, line by line. Invariant: a formula
is written once, in the table of optimisers; it runs on arrays, on floats, on texts of numbers and on names, so that
what is shown is what is computed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from gradcli.graph.describe import TEXT
from gradcli.numeric.text import Text
from gradcli.passes import FLOATS

Terms = Mapping[str, Any]  # what stands for every name: w, g, rate, t, the settings, and what came before
Rule = Callable[[Any, Terms], Any]  # of a number system and of these


class Formula(NamedTuple):
    """A line of an update. gives: what it computes: w the parameter, a name of the memory, or one of its own."""

    gives: str
    rule: Rule


class Update(NamedTuple):
    """How a step is made, the last line giving w. memory: the names of what is remembered from step to step."""

    formulas: tuple[Formula, ...]
    memory: tuple[str, ...] = ()


_LEADING = re.compile(r"^\((-[^()]+)\)(?=[*/]| [+-] )")


def named(update: Update, settings: Iterable[str]) -> list[tuple[str, str]]:
    """The formulas with names in them: what each gives, and its text. settings: their names."""
    terms = {name: Text(name) for name in ("w", "g", "rate", "t", *settings, *update.memory)}
    found = []
    for formula in update.formulas:
        found.append((formula.gives, formula.rule(TEXT, terms).text))
        terms[formula.gives] = Text(formula.gives)
    return found


def with_numbers(formula: Formula, terms: Mapping[str, float], write: Callable[[float], str]) -> str:
    """The text of a formula with numbers for the names; a minus that stands behind an operator is in parentheses."""
    texts = {name: _number(write(x)) for name, x in terms.items()}
    return _LEADING.sub(r"\1", formula.rule(TEXT, texts).text)


def _number(written: str) -> Text:
    return Text(written, 0) if written.startswith("-") else Text(written)


def computed(formula: Formula, terms: Mapping[str, float]) -> float:
    """The number that a formula gives."""
    return float(formula.rule(FLOATS, terms))
