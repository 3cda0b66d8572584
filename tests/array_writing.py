"""Programs with arrays that are being written: parts with their shapes, and where operands come from.

Enters: what hypothesis draws. Leaves: lines of a program. Invariant: the shape of a part is the one that NumPy's own
functions give it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

Shape = tuple[int, ...]
Draw = Callable[[st.SearchStrategy[Any]], Any]

MOST = 30  # elements of an array
EXTENTS = (2, 3, 1, 2, 3, 4)
_LITERALS = ("2", "0.5", "-1.25", "0.75", "3", "-0.5", "1.5", "0.1")
_STRAIGHT = 60  # characters of an expression that need not become a stage


class ArrayCase(NamedTuple):
    """A program, values as numbers and nested lists, and the shapes of its stages."""

    text: str
    values: dict[str, Any]
    shapes: dict[str, Shape]


class Part(NamedTuple):
    """An expression that any postfix may follow, and its shape."""

    text: str
    shape: Shape


class Writing:
    """A program that is being written.

    Attributes:
        rows: of elementwise gates.
        pool: what operands are taken from.
    """

    def __init__(self, draw: Draw, exact: bool) -> None:
        self.draw, self.exact = draw, exact
        self.pool: list[Part] = []
        self.lines: list[str] = []
        self.shapes: dict[str, Shape] = {}

    def one(self, of: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(of))

    def below(self, count: int) -> int:
        found: int = self.draw(st.integers(0, count - 1))
        return found

    def operand(self, least: int = 0, fits: Callable[[Shape], bool] = lambda shape: True) -> Part:
        """A part of that many axes at least; the newest one most often."""
        known = [part for part in self.pool if len(part.shape) >= least and fits(part.shape)]
        if known:
            found: Part = known[-1 - self.one((0, 0, 1, 0, 2, 3)) % len(known)]
            return found
        return self.made(tuple(self.one(EXTENTS) for _ in range(least)))

    def number(self) -> str:
        text: str = self.one(("1", "2", "0", "-1") if self.exact else _LITERALS)
        return f"({text})" if text.startswith("-") else text

    def made(self, shape: Shape) -> Part:
        """A literal, or a number repeated."""
        if self.below(2) or not shape:
            return Part(nested(shape, lambda: self.number().strip("()")) if shape else self.number(), shape)
        known = [part for part in self.pool if part.shape == ()]
        return Part(f"broadcast_to({known[-1].text if known else self.number()}, {list(shape)})", shape)

    def fitted(self, shape: Shape) -> Part:
        """A part of this very shape."""
        known = [part for part in self.pool if part.shape == shape]
        same = [part for part in self.pool if part.shape and np.prod(part.shape) == np.prod(shape)] if shape else []
        kind = self.below(4)
        if known and kind:
            return known[-1 - self.below(len(known))]
        if same and kind:
            return Part(f"reshape({same[-1].text}, {list(shape)})", shape)
        return self.made(shape)

    def add(self, part: Part) -> None:
        """Put a part into the pool, most often as a stage."""
        if len(part.text) > _STRAIGHT or self.below(3):
            name = f"s{len(self.shapes)}"
            self.lines.append(f"{name} = {part.text}")
            self.shapes[name] = part.shape
            part = Part(name, part.shape)
        self.pool.append(part)


def nested(shape: Shape, number: Callable[[], str]) -> str:
    if not shape:
        return number()
    return f"[{', '.join(nested(shape[1:], number) for _ in range(shape[0]))}]"


def like(shape: Shape) -> Any:
    return np.ones(shape)


def broadcasts(one: Shape, other: Shape) -> bool:
    try:
        return bool(np.prod(np.broadcast_shapes(one, other)) <= MOST)
    except ValueError:
        return False
