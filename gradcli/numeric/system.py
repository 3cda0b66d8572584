"""What a number system is.

Enters: primitives, a function per name; composed rules, each taking the system itself first. Leaves: a `NumberSystem`
`m` on which the rules of the op table run: `m.exp(x)`, `m.where(c, a, b)`, `m.sigmoid(x)`. Invariant: every row of the
table is an attribute, so that a rule never asks which numbers it runs on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

Function = Callable[..., Any]


class NumberSystem:
    """A namespace of functions on one kind of number. `where`, comparisons and constants belong to it too.

    `write(x)` is the text of a number; one that the system prints as it is unless the system says otherwise.
    """

    write: Function = staticmethod(repr)
    literal: Function | None = None  # the number that a constant of a program stands for, where the system has its own

    def __init__(
        self,
        primitives: Mapping[str, Function],
        composed: Mapping[str, Function],
        whole: Mapping[str, Function] | None = None,
    ) -> None:
        self.cache: dict[str, Any] = {}  # what others derive from the system once, and what lives as long as it
        self.composed, self.whole = composed, whole or {}  # the latter work on whole arrays
        for name, rule in {**composed, **self.whole}.items():
            setattr(self, name, partial(rule, self))
        # A system may replace a composed rule by a better one of its own, e.g. one that is exact on its numbers.
        for name, function in primitives.items():
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:  # only reached for what is not set: a mistake in a rule
        raise AttributeError(f"this number system has no {name!r}")
