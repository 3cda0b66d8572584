"""Plots of curves: on a terminal, or as a picture.

Enters: a `Plot`, panels that share their x. Leaves: text, or the bytes of a picture. Invariant: a number that is not
finite is a gap, in a line and nowhere else; text of the user's is shown as it is, whatever signs it holds.
"""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

from gradcli.errors import MissingError

SUFFIXES = {".svg": "svg", ".png": "png", ".pdf": "pdf"}


class Line(NamedTuple):
    """A curve: its points in order; nan is a gap. label: which one it is, "" for the only one."""

    label: str
    xs: list[float]
    ys: list[float]

    def strokes(self) -> list[list[tuple[float, float]]]:
        """The points between gaps; a lonely one is a stroke of its own."""
        found: list[list[tuple[float, float]]] = [[]]
        for x, y in zip(self.xs, self.ys, strict=True):
            if isfinite(y):
                found[-1].append((x, y))
            elif found[-1]:
                found.append([])
        return [stroke for stroke in found if stroke]


class Panel(NamedTuple):
    """What is drawn above one x axis. name: of the height."""

    name: str
    lines: list[Line]

    def numbers(self) -> list[float]:
        """Every finite height."""
        return [y for line in self.lines for y in line.ys if isfinite(y)]


class Plot(NamedTuple):
    """Panels above each other.

    Attributes:
        title: the program.
        x: what the x axis is called.
        logarithmic: whether its numbers stand where their logarithms are.
        panels: from the top.
    """

    title: str
    x: str
    logarithmic: bool
    panels: list[Panel]


def missing() -> MissingError:
    """What draws is not installed."""
    return MissingError("a plot", "plot")
