"""Plots of curves: on a terminal, or as a picture.

Enters: a `Plot`, panels that share their x. Leaves: text, or the bytes of a picture. Invariant: a number that is not
finite is a gap, in a line and nowhere else, and so is one that a logarithmic scale has no place for; text of the user's
is shown as it is, whatever signs it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

from gradcli.errors import MissingError

MANY = 500  # points that stand alone: of more, none is in front of a curve
SUFFIXES = {".svg": "svg", ".png": "png", ".pdf": "pdf"}


class Line(NamedTuple):
    """A curve: its points in order; nan is a gap.

    Attributes:
        label: which one it is, "" for the only one.
        points: whether they are drawn one by one, with nothing between them.
        marked: whether the points of a curve of few may be marked; a line between two ends has none of its own.
    """

    label: str
    xs: list[float]
    ys: list[float]
    points: bool = False
    marked: bool = True

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
    """What is drawn above one x axis.

    Attributes:
        name: of the height.
        logarithmic: whether heights stand where their logarithms are.
        numbered: which of the plot's curves each line is, for letters and colours; as they stand where it is empty.
        note: what there is to say of the lines, such as that there are more.
    """

    name: str
    lines: list[Line]
    logarithmic: bool = False
    numbered: tuple[int, ...] = ()
    note: str = ""

    def numbers(self) -> list[float]:
        """Every finite height."""
        return [y for line in self.lines for y in line.ys if isfinite(y)]

    def order(self) -> list[tuple[int, Line]]:
        """The lines, each with its number."""
        return [*zip(self.numbered or range(len(self.lines)), self.lines, strict=True)]


class Plot(NamedTuple):
    """Panels above each other.

    Attributes:
        title: the program.
        x: what the x axis is called.
        logarithmic: whether its numbers stand where their logarithms are.
        panels: from the top.
        whole: whether numbers between whole ones mean nothing on the x axis; both of its ends are told then.
        apart: whether every panel has curves, and a legend, of its own; else the first one's is that of all.
    """

    title: str
    x: str
    logarithmic: bool
    panels: list[Panel]
    whole: bool = False
    apart: bool = False


def with_ends(ticks: Sequence[float], low: float, high: float, least: float) -> list[float]:
    """Ticks between two ends, and these ends. least: how far apart any two have to be; the ends come before others."""
    ends = [low, *([high] if high - low >= least else [])]
    between = (x for x in ticks if low < x < high and all(abs(x - end) >= least for end in ends))
    return sorted({*between, *ends})


def missing() -> MissingError:
    """What draws is not installed."""
    return MissingError("a plot", "plot")
