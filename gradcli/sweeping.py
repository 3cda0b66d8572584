"""Grids of inputs: their points in blocks, and the values and gradients there.

Enters: axes (a range or a list of numbers for each input that varies) and a kernel of the program. Leaves: columns of
numbers, block by block, in the order of the rows: the first axis varies slowest. Invariant: the ends of a range are
exactly what was asked for; every other point is the double nearest to where it should be, but in a logarithmic range,
where powers of ten are exact and others right to twelve digits; memory does not grow with the grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.diagnose import warnings
from gradcli.diagnose.warned import CONVENTIONS
from gradcli.errors import LimitError
from gradcli.kernels.counting import odd
from gradcli.passes import evaluate_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gradcli.graph.graph import Graph
    from gradcli.kernels import Kernel, Outputs

    Column = NDArray[np.float64]
    Places = NDArray[np.int64]

MOST_POINTS = 1_000_000_000
MOST_LOOKED_AT = 1_000_000  # points that are looked at one by one, tens of thousands in a second
BLOCK = 65_536  # points at once
_SPLITTER = 134_217_729.0  # 2^27 + 1 halves a double into two of 26 bits (Dekker, 1971)


class Axis(NamedTuple):
    """The numbers that one input takes.

    Attributes:
        name: the input.
        size: how many numbers.
        ends: of a range; None for a list.
        listed: the numbers of a list, in its order.
        logarithmic: whether it is the logarithms that are evenly spaced.
    """

    name: str
    size: int
    ends: tuple[float, float] | None = None
    listed: tuple[float, ...] = ()
    logarithmic: bool = False

    def at(self, places: Places) -> Column:
        """The numbers at these places, counted from 0."""
        if self.ends is None:
            return np.array(self.listed)[places]
        spaced = _logarithmic if self.logarithmic else _even
        points = spaced(*self.ends, self.size - 1, places.astype(np.float64))
        for place, end in zip((0, self.size - 1), self.ends, strict=True):
            points[places == place] = end
        return points

    def all(self) -> Column:
        """Every number; for axes that are short enough."""
        return self.at(np.arange(self.size))


def _even(low: float, high: float, steps: int, places: Column) -> Column:
    """(low*(steps - place) + high*place)/steps, in twice the precision, so that it is rounded once."""
    power = math.frexp(max(abs(low), abs(high)))[1]  # near 1 nothing overflows
    low, high = math.ldexp(low, -power), math.ldexp(high, -power)
    first, first_rest = _product(np.array(low), steps - places)
    second, second_rest = _product(np.array(high), places)
    total = first + second
    taken = total - first
    rest = (first - (total - taken)) + (second - taken) + (first_rest + second_rest)
    quotient = total / steps
    back, back_rest = _product(quotient, np.array(float(steps)))
    scaled: Column = np.ldexp(quotient + ((total - back) - back_rest + rest) / steps, power)
    return scaled


def _product(a: Column, b: Column) -> tuple[Column, Column]:
    """a*b, and by how much that is rounded (Dekker, 1971)."""
    product = a * b
    a_high, b_high = _SPLITTER * a, _SPLITTER * b
    a_high, b_high = a_high - (a_high - a), b_high - (b_high - b)
    a_low, b_low = a - a_high, b - b_high
    rest: Column = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, rest


def _logarithmic(low: float, high: float, steps: int, places: Column) -> Column:
    """Powers of 10, whose logarithms lie evenly: the powers of 10 among them are exact."""
    sign = math.copysign(1.0, low)
    exponents = _even(math.log10(abs(low)), math.log10(abs(high)), steps, places)
    return np.array([sign * _power(exponent) for exponent in exponents.tolist()])


def _power(exponent: float) -> float:
    """The system's own power, the same one on every block; at the largest doubles it may round up to too much."""
    try:
        return math.pow(10.0, exponent)
    except OverflowError:
        return math.inf


class Grid:
    """The product of axes: every combination of their numbers, the first axis varying slowest."""

    def __init__(self, axes: Sequence[Axis]) -> None:
        self.axes = tuple(axes)
        self.count = math.prod(axis.size for axis in axes)
        if self.count > MOST_POINTS:
            hint = "take fewer points by --num, or divide a range and sweep its parts"
            message = f"the grid has {self.count:,} points, more than {MOST_POINTS:,}"
            raise LimitError(message, hint=hint)
        self._short = {axis.name: axis.all() for axis in axes if axis.size <= BLOCK}

    def columns(self, rows: Places) -> dict[str, Column]:
        """The inputs' numbers in these rows, counted from 0."""
        found = {}
        repeats = self.count
        for axis in self.axes:
            repeats //= axis.size
            places = rows // repeats % axis.size
            short = self._short.get(axis.name)
            found[axis.name] = axis.at(places) if short is None else short[places]
        return found

    def blocks(self, size: int = BLOCK) -> Iterator[dict[str, Column]]:
        """All rows in order, so many at once."""
        for first in range(0, self.count, size):
            yield self.columns(np.arange(first, min(first + size, self.count)))


class Tally:
    """What was met on the way through a grid.

    Attributes:
        rows: how many points were computed.
        not_finite: how many of them have a result that is not finite.
        followed: how many of these were followed gate by gate, the first ones.
        blamed: where in the program numbers stop being finite there, with the number of points.
    """

    def __init__(self) -> None:
        self.rows = self.not_finite = self.followed = 0
        self.blamed: dict[tuple[int, int], int] = {}

    def add(self, kernel: Kernel, columns: Mapping[str, Column], outputs: Outputs) -> None:
        """Count a block's rows, and blame the gates where numbers stop being finite."""
        found = odd(kernel.blame, columns, outputs, before=self.followed)
        self.rows += len(outputs.value)
        self.not_finite += found.rows
        self.followed += found.followed
        for span, rows in found.gates.items():
            self.blamed[span] = self.blamed.get(span, 0) + rows


def run(grid: Grid, kernel: Kernel, tally: Tally) -> Iterator[tuple[dict[str, Column], Outputs]]:
    """The columns of the grid and what the kernel makes of them, block by block; what is handed on is not reused."""
    for columns in grid.blocks():
        given = columns or {"": np.zeros(1)}  # without axes there is one point
        outputs = kernel.run(given)
        tally.add(kernel, given, outputs)
        yield columns, outputs


MOST_CURVES = 8
MOST_DRAWN = 10_000  # points of one curve
_VISIBLE = 0.01  # of a panel's range: a smaller step is no jump that anybody sees
_HALVINGS = 40


class Curve(NamedTuple):
    """The program along one axis, the other ones fixed.

    Attributes:
        fixed: the numbers of the other axes.
        points: the numbers of the axis, ascending.
        heights: the value and each gradient there, the value's name being "".
        jumps: the same names; whether there is a jump between a point and the next one.
    """

    fixed: dict[str, float]
    points: Column
    heights: dict[str, Column]
    jumps: dict[str, NDArray[np.bool_]]


def longest(grid: Grid) -> Axis:
    """The axis with the most numbers, the first one of several."""
    return max(grid.axes, key=lambda axis: axis.size)


def curves(grid: Grid, along: Axis, kernel: Kernel, tally: Tally) -> list[Curve]:
    """A curve for each combination of the other axes' numbers, at most MOST_CURVES, in the order of the rows."""
    drawn = along if along.ends is None else along._replace(size=min(along.size, MOST_DRAWN))
    points = np.unique(drawn.all())
    others = Grid([axis for axis in grid.axes if axis.name != along.name])
    rows = others.columns(np.arange(min(others.count, MOST_CURVES)))
    found = []
    for place in range(min(others.count, MOST_CURVES)):
        fixed = {name: float(column[place]) for name, column in rows.items()}
        columns = _beside(along.name, points, fixed)
        outputs = kernel.run(columns)
        tally.add(kernel, columns, outputs)
        found.append(Curve(fixed, points, _heights(outputs), {}))
    with np.errstate(all="ignore"):
        for name in found[0].heights:
            visible = _VISIBLE * _extent([curve.heights[name] for curve in found])
            for curve in found:
                curve.jumps[name] = _jumps(kernel, along.name, curve, name, visible)
    return found


def _beside(name: str, points: Column, fixed: Mapping[str, float]) -> dict[str, Column]:
    return {name: points} | {other: np.full(len(points), number) for other, number in fixed.items()}


def _heights(outputs: Outputs) -> dict[str, Column]:
    """Copies: a kernel may use its own columns again."""
    return {"": outputs.value.copy()} | {name: column.copy() for name, column in outputs.gradients.items()}


def _extent(columns: Sequence[Column]) -> float:
    """From the lowest to the highest finite number."""
    numbers = np.concatenate(columns)
    numbers = numbers[np.isfinite(numbers)]
    return float(numbers.max() - numbers.min()) if numbers.size else 0.0


def _jumps(kernel: Kernel, along: str, curve: Curve, name: str, visible: float) -> NDArray[np.bool_]:
    """Where a line from a point to the next one would show what is not there.

    The interval is halved again and again, the half with the larger step being kept. On a continuous curve the step
    becomes small; at a jump it stays, at a pole it grows.
    """
    steps = np.abs(np.diff(curve.heights[name]))
    found = np.isfinite(steps) & (steps > visible)
    if not found.any():
        return found
    left, right = curve.points[:-1][found], curve.points[1:][found]
    low, high = curve.heights[name][:-1][found], curve.heights[name][1:][found]
    for _ in range(_HALVINGS):
        middle = left + (right - left) / 2
        height = _heights(kernel.run(_beside(along, middle, curve.fixed)))[name]
        first = np.abs(height - low) >= np.abs(high - height)
        left, right = np.where(first, left, middle), np.where(first, middle, right)
        low, high = np.where(first, low, height), np.where(first, height, high)
    found[found] = ~(np.abs(high - low) <= steps[found] / 2)
    return found


def check_conventions(grid: Grid, graph: Graph) -> None:
    """Refuse a grid that has too many points for `conventions`.

    Raises:
        LimitError: it has.
    """
    if grid.count > MOST_LOOKED_AT and _has_conventions(graph):
        message = f"--strict looks for kinks and ties point by point, at most at {MOST_LOOKED_AT:,} points"
        hint = f"the grid has {grid.count:,}: leave out --strict, or take fewer points"
        raise LimitError(message, hint=hint)


def _has_conventions(graph: Graph) -> bool:
    return any(graph.rows[code].kink for code in {*graph.codes})


def conventions(grid: Grid, graph: Graph, values: Mapping[str, float], wrt: Sequence[str]) -> dict[str, int]:
    """How many points stand on a kink, and how many on a tie: found gate by gate, as for a single point.

    Args:
        values: of the inputs that don't vary.
    """
    counts = dict.fromkeys(CONVENTIONS, 0)
    if not _has_conventions(graph):
        return counts
    for columns in grid.blocks():
        for numbers in zip(*(column.tolist() for column in columns.values()), strict=True):
            trace = evaluate_graph(graph, {**values, **dict(zip(columns, numbers, strict=True))}, wrt)
            for kind in {warned.kind for warned in warnings(trace)} & {*counts}:
                counts[kind] += 1
    return counts
