"""Two programs at all points, and the verdict.

Enters: two graphs, points, how many digits have to agree. Leaves: a `Comparison`. Invariant: one point at which they
are different makes them different; points without an answer never make them equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gradcli.comparing.draws import simpler
from gradcli.comparing.pointwise import (
    CONVENTION,
    DIFFERENT,
    PARTS,
    SAME,
    UNDECIDED,
    Compared,
    Graphs,
    Quantity,
    compare_at,
)  # fmt: skip
from gradcli.graph.graph import Graph
from gradcli.printable import shorten

EQUAL = "equal"
REQUIRED = 12.0  # digits of both floats that have to agree
PROGRAMS = ("A", "B")


class Draw(NamedTuple):
    """How points were drawn.

    Attributes:
        seed: None where the point was given.
        ranges: of the inputs that have one.
        anywhere: whether nothing was given at all.
    """

    seed: int | None = None
    ranges: Mapping[str, tuple[float, float]] = {}
    anywhere: bool = False


class Comparison(NamedTuple):
    """What became of all points.

    Attributes:
        graphs: of both programs.
        wrt: the inputs that they were differentiated by.
        required: digits of both floats that have to agree.
        draw: where the points are from.
        points: each compared.
        counterexample: where the programs are different, as simple as was found; None where they are not.
    """

    graphs: Graphs
    wrt: tuple[str, ...]
    required: float
    draw: Draw
    points: list[Compared]
    counterexample: Compared | None

    @property
    def verdict(self) -> str:
        """equal, parts, convention, undecided or different."""
        found = {compared.verdict for compared in self.points}
        if self.counterexample is not None:
            return DIFFERENT
        if found == {UNDECIDED} or (self.draw.seed is not None and self.undefined == len(self.points)):
            return UNDECIDED
        if PARTS in found:
            return PARTS
        return CONVENTION if CONVENTION in found and (self.draw.seed is None or SAME not in found) else EQUAL

    @property
    def holds(self) -> bool:
        return self.verdict == EQUAL

    @property
    def undefined(self) -> int:
        """How many points have no value in either program."""
        return sum(all(compared.quantities[0].undefined) for compared in self.points)

    def count(self, verdict: str) -> int:
        return sum(compared.verdict == verdict for compared in self.points)

    @property
    def alone(self) -> tuple[list[str], list[str]]:
        """The inputs that only the first program has, and only the second."""
        a, b = (graph.inputs for graph in self.graphs)
        return [name for name in a if name not in b], [name for name in b if name not in a]


def inputs(graphs: Graphs) -> list[str]:
    """The inputs of both programs, those of the first one first."""
    return list(dict.fromkeys([*graphs[0].inputs, *graphs[1].inputs]))


def compare(
    first: Graph,
    second: Graph,
    points: Iterable[Mapping[str, float]],
    wrt: Sequence[str] | None = None,
    required: float = REQUIRED,
    draw: Draw = Draw(),  # noqa: B008
) -> Comparison:
    """Compare two programs.

    Args:
        points: a number for every input of both, each.
        wrt: the inputs to differentiate by; None means all.
        required: how many digits of both floats have to agree.
        draw: where the points are from.
    """
    graphs = first, second
    names = tuple(inputs(graphs) if wrt is None else wrt)
    found = [compare_at(graphs, point, names, required) for point in points]
    worst = next((one.nearby or one for one in sorted(found, key=_plainness) if one.verdict == DIFFERENT), None)
    if worst is not None and draw.seed is not None:
        worst = _simplest(graphs, worst, names, required, draw)
    return Comparison(graphs, names, required, draw, found, worst)


def _plainness(compared: Compared) -> tuple[bool, bool]:
    """First where the values differ, and before that where no number is undefined in one program only."""
    differing = [quantity for quantity in compared.quantities if quantity.verdict == DIFFERENT]
    one_sided = any(quantity.undefined[0] != quantity.undefined[1] for quantity in differing)
    return one_sided, compared.quantities[0].verdict != DIFFERENT


def _simplest(graphs: Graphs, worst: Compared, names: Sequence[str], required: float, draw: Draw) -> Compared:
    """The counterexample at rounder numbers, if it is one there too."""
    for point in simpler(worst.point, draw.ranges, draw.anywhere):
        if point == worst.point:
            continue
        compared = compare_at(graphs, point, names, required)
        if compared.verdict == DIFFERENT and compared.nearby is None and _plainness(compared) <= _plainness(worst):
            return compared
    return worst


# In words


def called(quantity: Quantity) -> str:
    return f"∂/∂{shorten(quantity.name)}" if quantity.name else "the value"


def where(point: Mapping[str, float]) -> str:
    """` at x = 0.5, y = 2.0`; nothing where there are no inputs."""
    some = ", ".join(f"{shorten(name)} = {x!r}" for name, x in list(point.items())[:6])
    return f" at {some}{', …' if len(point) > 6 else ''}" if point else ""


def difference(compared: Compared) -> str:
    """What is different at a point."""
    first = next(quantity for quantity in compared.quantities if quantity.verdict == DIFFERENT)
    for position, program in enumerate(PROGRAMS):
        if first.undefined[position] and not first.undefined[1 - position]:
            return f"{called(first)} is undefined in {program} alone{where(compared.point)}"
    return f"{called(first)} differs{where(compared.point)}"


def summary(found: Comparison) -> tuple[str, str]:
    """The verdict in a few words, and what it rests on."""
    verdict, count = found.verdict, len(found.points)
    decided = count - found.count(UNDECIDED)
    points = "here" if found.draw.seed is None else f"at {decided:,} points" if decided != 1 else "at 1 point"
    least = f"to {found.required:g} digits"
    if verdict == DIFFERENT:
        assert found.counterexample is not None
        return "different", difference(found.counterexample)
    if verdict == PARTS:
        if found.draw.seed is None:
            return "the same function, but float64 parts", f"fewer than {found.required:g} digits agree here"
        some = f"below {found.required:g} digits at {found.count(PARTS):,} of {count:,} points"
        return "the same function, but float64 parts", some
    if verdict == CONVENTION:
        everywhere = "here" if found.draw.seed is None else "wherever they are compared"
        return "the same function", f"the conventions at a kink differ {everywhere}"
    if verdict == UNDECIDED:
        if found.count(UNDECIDED) == count:
            return "undecided", found.points[0].doubt
        return "undecided", "no point was met at which the programs are defined"
    if found.draw.seed is None and found.undefined:
        return "equal", "both are undefined here"
    return "equal", f"the same value and gradients {points}, and float64 agrees {least}"


def remarks(found: Comparison) -> list[str]:
    """What else is to be known of the verdict."""
    told = []
    if found.draw.seed is not None and (count := found.count(UNDECIDED)):
        first = next(compared for compared in found.points if compared.verdict == UNDECIDED)
        told.append(f"multiprecision cannot decide at {_points(count)}, first{where(first.point)}: {first.doubt}")
    if found.draw.seed is not None and found.undefined:
        told.append(f"undefined in both at {_points(found.undefined)}")
    if found.draw.seed is not None and (count := found.count(CONVENTION)):
        told.append(f"the conventions at a kink differ at {_points(count)}")
    if found.counterexample is not None and found.draw.seed is not None:
        count = found.count(DIFFERENT)
        told.append(f"different at {_points(count)} of {len(found.points):,}")
        if all(map(_undefined_in_one, found.points)):
            told.append("where both are defined they are the same")
    return told


def _points(count: int) -> str:
    return f"{count:,} points" if count != 1 else "1 point"


def _undefined_in_one(compared: Compared) -> bool:
    """Whether nothing is different but what is undefined in one program."""
    differing = [quantity for quantity in compared.quantities if quantity.verdict == DIFFERENT]
    return all(quantity.undefined[0] != quantity.undefined[1] for quantity in differing)
