"""How every optimiser makes a step, as formulas that a person can follow: one row per optimiser.

Enters: numbers, or their texts. Leaves: what becomes of a parameter, line by line. Invariant: a formula is written
once; it runs on floats, on texts of numbers and on names, so that what is shown is what is computed.

The definitions are those of PyTorch's torch.optim, written as in the papers: Polyak (1964), Sutskever et al. (2013),
Duchi et al. (2011), Hinton's lecture 6 (2012), Kingma and Ba (2015), Loshchilov and Hutter (2019).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
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
    """A row. memory: the names of what the optimiser remembers."""

    formulas: tuple[Formula, ...]
    memory: tuple[str, ...] = ()


def _average(share: str, old: str, exponent: float) -> Rule:
    """A moving average of gradients, or of a power of theirs."""
    return lambda m, x: x[share] * x[old] + (1.0 - x[share]) * (x["g"] if exponent == 1.0 else m.pow(x["g"], exponent))


def _corrected(share: str, average: str) -> Rule:
    """An average without its start at 0."""
    return lambda m, x: m.div(x[average], 1.0 - m.pow(x[share], x["t"]))


def _descent(mean: str) -> Rule:
    """Against a mean of gradients."""
    return lambda m, x: x["w"] - x["rate"] * x[mean]


def _scaled(mean: str, square: str) -> Rule:
    """Against a mean of gradients, divided by the root of what is remembered of their squares."""
    return lambda m, x: x["w"] - m.div(x["rate"] * x[mean], m.sqrt(x[square]) + x["epsilon"])


_ADAM = (
    Formula("mean", _average("beta1", "mean", 1.0)),
    Formula("squares", _average("beta2", "squares", 2.0)),
    Formula("mean_hat", _corrected("beta1", "mean")),
    Formula("squares_hat", _corrected("beta2", "squares")),
    Formula("w", _scaled("mean_hat", "squares_hat")),
)
_VELOCITY = Formula("velocity", lambda m, x: x["momentum"] * x["velocity"] + x["g"])

UPDATES = {
    "gd": Update((Formula("w", _descent("g")),)),
    "momentum": Update((_VELOCITY, Formula("w", _descent("velocity"))), ("velocity",)),
    "nesterov": Update(
        (
            _VELOCITY,
            Formula("ahead", lambda m, x: x["g"] + x["momentum"] * x["velocity"]),
            Formula("w", _descent("ahead")),
        ),
        ("velocity",),
    ),
    "adagrad": Update(
        (Formula("squares", lambda m, x: x["squares"] + m.pow(x["g"], 2.0)), Formula("w", _scaled("g", "squares"))),
        ("squares",),
    ),
    "rmsprop": Update(
        (Formula("squares", _average("decay", "squares", 2.0)), Formula("w", _scaled("g", "squares"))), ("squares",)
    ),
    "adam": Update(_ADAM, ("mean", "squares")),
    "adamw": Update(
        (Formula("w", lambda m, x: x["w"] * (1.0 - x["rate"] * x["weight_decay"])), *_ADAM), ("mean", "squares")
    ),
}
_LEADING = re.compile(r"^\((-[^()]+)\)(?=[*/]| [+-] )")


def named(update: Update, settings: Mapping[str, float]) -> list[tuple[str, str]]:
    """The formulas with names in them: what each gives, and its text."""
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
