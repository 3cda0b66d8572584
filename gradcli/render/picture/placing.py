"""Edge labels moved into their lines, so that nobody asks which edge a number belongs to.

Enters: curves, boxes of nodes and arrowheads, labels with the place that Graphviz gave them. Leaves: a centre per
label. Invariant: a label is moved only to a place that touches no node, arrowhead or other label; else it stays where
Graphviz reserved room, or goes beside its line if another one has taken that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

Point = tuple[float, float]

_SAMPLES = 33  # points per Bézier segment
_REACH = 30.0  # how far along the line a label may slide
# What each pass allows: sliding along the line, crossing other lines; and how far to stay from nodes and labels.
_PASSES = ((False, False, 3.0), (True, False, 3.0), (False, True, 3.0), (True, True, 3.0), (True, True, 1.0))
_CELL = 40.0  # grid cells, so that a label is compared with its neighbourhood only
# Widths in DejaVu Sans, in em, rounded up; Chinese or an emoji is reckoned as _WIDE.
_WIDTHS = {
    0.32: "'ijlIJ,.· \u00a0", 0.4: "/:;\\|f-()[]t!²³r", 0.52: "\"*_`∂sz⁻?", 0.62: "cLFkvxyPTYoae",
    0.64: "hnuσEbdgpqS{}$√",
    0.7: "KAVXZBRC", 0.78: "UNHDGOQ&", 0.84: "#+<=>^~←↑−×÷w∞", 1.0: "Mm⚠W%@…",
}  # fmt: skip
_ADVANCE = {letter: width for width, letters in _WIDTHS.items() for letter in letters}
_WIDE = 1.0


class Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def around(self, margin: float) -> Box:
        return Box(self.left - margin, self.top - margin, self.right + margin, self.bottom + margin)

    def touches(self, other: Box) -> bool:
        apart = self.right <= other.left or other.right <= self.left
        return not (apart or self.bottom <= other.top or other.bottom <= self.top)

    @staticmethod
    def of(points: Iterable[Point]) -> Box:
        xs, ys = zip(*points, strict=True)
        return Box(min(xs), min(ys), max(xs), max(ys))

    @staticmethod
    def around_all(boxes: Iterable[Box]) -> Box:
        lefts, tops, rights, bottoms = zip(*boxes, strict=True)
        return Box(min(lefts), min(tops), max(rights), max(bottoms))


class Label(NamedTuple):
    """A label: its edge's position in the list of curves, where it stands now (centre), and its size."""

    curve: int
    centre: Point
    width: float
    height: float

    def at(self, x: float, y: float) -> Box:
        return Box(x - self.width / 2, y - self.height / 2, x + self.width / 2, y + self.height / 2)


def text_width(text: str, size: float) -> float:
    """The width of text in DejaVu Sans or one as wide, in pixels, or a little more."""
    return size * sum(_ADVANCE.get(c, 0.637 if c.isdecimal() else 0.7 if c < "\u0500" else _WIDE) for c in text)


def numbers(written: str) -> list[Point]:
    """The points of an SVG path or polygon."""
    found = [float(n) for n in re.findall(r"-?[0-9.]+(?:e-?[0-9]+)?", written)]
    return list(zip(found[::2], found[1::2], strict=True))


def sampled(path: str) -> list[Point]:
    """Points along a path of cubic Béziers (M p0 C p1 p2 p3 …)."""
    points = numbers(path)
    found = points[:1]
    for i in range(0, len(points) - 3, 3):
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points[i : i + 4]
        for k in range(1, _SAMPLES + 1):
            t = k / _SAMPLES
            a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            found.append((a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3))
    return found


class _Grid:
    """Boxes by the cells they touch."""

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], list[tuple[int, Box]]] = {}

    def _of(self, box: Box) -> Iterator[tuple[int, int]]:
        for column in range(int(box.left // _CELL), int(box.right // _CELL) + 1):
            for row in range(int(box.top // _CELL), int(box.bottom // _CELL) + 1):
                yield column, row

    def add(self, owner: int, box: Box) -> None:
        for cell in self._of(box):
            self.cells.setdefault(cell, []).append((owner, box))

    def touched(self, box: Box, but: int = -1) -> bool:
        """Whether a box of another owner touches this one."""
        return any(
            owner != but and box.touches(other) for cell in self._of(box) for owner, other in self.cells.get(cell, ())
        )


def place(curves: list[list[Point]], labels: list[Label], solid: list[Box], upright: bool) -> list[Point]:
    """A centre for every label.

    Args:
        curves: the edges' sampled points.
        labels: to be placed.
        solid: boxes of nodes and arrowheads.
        upright: whether the graph runs top to bottom, so that a label slides in x to its line and not in y.
    """
    taken, lines = _Grid(), _Grid()
    for box in solid:
        taken.add(-2, box)
    for position, curve in enumerate(curves):
        for x, y in curve:
            lines.add(position, Box(x - 0.5, y - 0.5, x + 0.5, y + 0.5))
    centres = [label.centre for label in labels]
    waiting = list(range(len(labels)))
    for sliding, crossing, margin in _PASSES:
        left = []
        for position in waiting:
            label = labels[position]
            spot = _spot(label, curves[label.curve], taken, lines, upright, sliding, crossing, margin)
            if spot is None:
                left.append(position)
            else:
                centres[position] = spot
                taken.add(-2, label.at(*spot))
        waiting = left
    for position in waiting:
        label = labels[position]
        if taken.touched(label.at(*centres[position])):  # another one has moved into its room
            centres[position] = _anywhere(label, curves[label.curve], taken) or centres[position]
        taken.add(-2, label.at(*centres[position]))
    return centres


def _anywhere(label: Label, curve: list[Point], taken: _Grid) -> Point | None:
    """A free place at the line or beside it, the nearest one."""
    shifts = (0.0, 0.5, -0.5, 1.0, -1.0)
    spots = [(x + label.width * a, y + label.height * b) for x, y in curve for b in shifts for a in shifts]
    far = [(abs(x - label.centre[0]) + abs(y - label.centre[1]), x, y) for x, y in spots]
    return next(((x, y) for _, x, y in sorted(far) if not taken.touched(label.at(x, y))), None)


def _spot(
    label: Label,
    curve: list[Point],
    taken: _Grid,
    lines: _Grid,
    upright: bool,
    sliding: bool,
    crossing: bool,
    margin: float,
) -> Point | None:
    axis = 1 if upright else 0
    own = min(range(len(curve)), key=lambda i: abs(curve[i][axis] - label.centre[axis]), default=-1)
    if own < 0:
        return None
    x0, y0 = curve[own]
    near = range(len(curve)) if sliding else (own,)
    candidates = [i for i in near if abs(curve[i][0] - x0) + abs(curve[i][1] - y0) <= _REACH]
    for i in sorted(candidates, key=lambda i: abs(i - own)):
        box = label.at(*curve[i])
        if not taken.touched(box.around(margin)) and (crossing or not lines.touched(box, label.curve)):
            return curve[i]
    return None
