"""The stages of a network at a glance: how large the gradient still is at each, and which units pass none.

Enters: a Trace, of arrays or of numbers. Leaves: `Statistics`, a line per stage. Invariant: one sweep over the gates;
no array is copied element by element.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence, Set
from typing import Any, NamedTuple

from gradcli.graph.graph import Graph
from gradcli.graph.ops.layout import size
from gradcli.numeric.elements import norm
from gradcli.traces import Trace

ROWS = "rows"  # a key of a trace's cache: its arrays have examples as their only axis, and each is one unit of many

HARDLY_PASSES = 0.01  # of the steepest slope: below, a unit counts as saturated: a hundredth of a gradient gets through
VANISHED = 1e-3  # of the gradient at the last stage: below, the first ones hardly learn
EXPLODED = 1e3
DEAD = 0.4  # of a stage's units: what rectifiers of a sound initialisation stay well under


class Stage(NamedTuple):
    """One stage, or one turn of it in a loop.

    Attributes:
        name: as in the program; with the turn's number in a loop.
        gate: the position of its gate; of an unrolled stage the last element's.
        shape: of its value; an unrolled stage has the number of its elements.
        norm: of its global gradient, the root of the sum of squares.
        next: the name of the stage that uses it next; None at the end.
        ratio: norm divided by that of the next stage: what passes backwards through that.
        units: how many activations it has, sigmoid and the like, or rectifiers.
        saturated: how many of these are flat: their slope is under HARDLY_PASSES of the steepest one.
        dead: how many rectified units pass nothing in any example. The last axis counts units, the others examples.
        rectified: how many units could be dead.
        dead_units: which ones are, counted from 0.
    """

    name: str
    gate: int
    shape: tuple[int, ...]
    norm: float
    next: str | None
    ratio: float | None
    units: int
    saturated: int
    dead: int
    rectified: int
    dead_units: tuple[int, ...] = ()


class Statistics(NamedTuple):
    """All stages in the order of the program, and what to say of them: kind and message."""

    stages: list[Stage]
    findings: list[tuple[str, str]]


def statistics(trace: Trace) -> Statistics:
    """The lines of all stages that pass a gradient on."""
    stages = list(_stages(trace))
    return Statistics(stages, list(_findings(stages, layers(stages, trace.graph))))


def layers(stages: Sequence[Stage], graph: Graph) -> list[Stage]:
    """The stages without the cost itself: the output, and what is only summed or averaged to it."""
    cost, index = {graph.output}, graph.output
    while graph.rows[graph.codes[index]].name in _REDUCING:
        index = graph.operands[index][0]
        cost.add(index)
    return [stage for stage in stages if stage.gate not in cost]


_REDUCING = {"sum", "mean", "broadcast_to"}


class Range(NamedTuple):
    """A stage and its gates: `own` carry its name, and activations are looked for in first ≤ i < last."""

    name: str
    own: list[int]
    first: int
    last: int


def ranges(graph: Graph) -> list[Range]:
    """The stages: by their groups, which know the gates of an expression; else by their gate alone.

    Unrolled, a gate's name does not tell its stage: h[0] is an element of h, or what the loop's first turn calls h.
    """
    own: dict[str, list[int]] = {}
    for index, name in sorted(graph.stages.items()):
        own.setdefault(name, []).append(index)
    found: list[Range] = []
    taken: set[int] = set()
    for group in graph.groups:
        if group.kind != "stage":
            continue
        inside = range(group.first, group.last)
        gates = [i for i in own.get(group.name, ()) if i in inside]
        gates = gates or [i for i in inside if _is_element(graph, i, group.name)]
        if gates := [i for i in gates if i not in taken]:
            taken.update(gates)
            found.append(Range(group.name, gates, group.first, group.last))
    alone = [Range(name, [i], i, i + 1) for i, name in graph.stages.items() if i not in taken]
    return sorted([*found, *alone], key=lambda one: one.own[-1])


def _is_element(graph: Graph, index: int, name: str) -> bool:
    """Whether a gate is an element of an unrolled stage: h[2] or h[0,1] of h; or h_[2], where h[2] is another gate."""
    called = graph.stages.get(index, "")
    return called.startswith(name) and called[len(name) :].lstrip("_").startswith("[")


def _stages(trace: Trace) -> Iterator[Stage]:
    graph, adjoints = trace.graph, trace.adjoints
    found = [one for one in ranges(graph) if all(adjoints[gate] is not None for gate in one.own)]
    norms = [norm(*(adjoints[gate] for gate in one.own)) for one in found]
    following = _following(graph, found)
    bounds = {bound for group in graph.groups for bound in (group.first, group.last)}
    for place, one in enumerate(found):
        gate, after = one.own[-1], following.get(place)
        shape = graph.shapes.get(gate, ()) if len(one.own) == 1 else (len(one.own),)
        used_by = None if after is None else found[after].name
        ratio = None if after is None else _ratio(norms[place], norms[after])
        yield Stage(one.name, gate, shape, norms[place], used_by, ratio, *_activations(trace, one, bounds))


def _ratio(a: float, b: float) -> float:
    return a / b if b else math.nan if a == 0.0 or a != a else math.inf


def _following(graph: Graph, stages: list[Range]) -> dict[int, int]:
    """For each stage the first one after it that uses it, directly or through gates without a name; by their places."""
    owner = {gate: place for place, one in enumerate(stages) for gate in one.own}
    nearest: list[int | None] = [None] * len(graph)
    for index in range(len(graph) - 1, -1, -1):
        here = owner.get(index, nearest[index])
        if here is None:
            continue
        for operand in graph.operands[index]:
            before = nearest[operand]
            if owner.get(operand) != here and (before is None or here < before):
                nearest[operand] = here
    found: dict[int, int] = {}
    for gate, place in owner.items():
        after = nearest[gate]
        if after is not None:
            found[place] = min(after, found.get(place, after))
    return found


def _activations(trace: Trace, one: Range, bounds: Set[int]) -> tuple[int, int, int, int, tuple[int, ...]]:
    """Units, saturated, dead and rectified ones among the gates of a stage; which units are dead."""
    graph, units, saturated, dead, rectified = trace.graph, 0, 0, 0, 0
    passing: dict[tuple[int, int], bool] = {}  # units of their own gates: whether they pass something in any example
    of_rows, unit_of = ROWS in trace.cache, _units(graph, one, bounds)
    which: set[int] = set()
    for index in range(one.first, one.last):
        row = graph.rows[graph.codes[index]]
        if row.structural or (row.steepest is None and not row.rectifies):
            continue
        slopes = [slope for slope in trace.partials[index] or () if slope is not None]
        if not slopes:
            continue
        shape = graph.shapes.get(index, ())
        if row.steepest is not None:
            units += size(shape)
            saturated += _count(abs(slopes[0]) < HARDLY_PASSES * row.steepest, shape)
        if not row.rectifies:
            continue
        flags = _passing(slopes, shape, of_rows)
        extent = len(flags)
        if extent == 1:
            unit = unit_of.get(index, (index, 0))
            extent = 0 if unit in passing else 1
            passing[unit] = flags[0] or passing.get(unit, False)
        else:
            found = [k for k, passes in enumerate(flags) if not passes]
            dead += len(found)
            which.update(found)
        rectified += extent
        units += 0 if row.steepest is not None else extent
    alone = [place for (_, place), passes in passing.items() if not passes]
    return units, saturated, dead + len(alone), rectified, tuple(sorted(which.union(alone)))


def _units(graph: Graph, one: Range, bounds: Set[int]) -> dict[int, tuple[int, int]]:
    """For each gate of an unrolled stage the gate of the same unit in the first example, and the unit's index.

    What is worked out element by element has as many examples as the stage: its elements' names, h[0,2], tell them.
    bounds: of groups; there is one for each gate that was an array.
    """
    last_indices = {gate: re.split(r"[\[,]", graph.stages[gate])[-1].rstrip("]") for gate in one.own}
    examples = len(one.own) // len({*last_indices.values()})
    found: dict[int, tuple[int, int]] = {}
    first = one.first
    for last in range(one.first + 1, one.last + 1):
        if last == one.last or last in bounds or graph.codes[last] != graph.codes[first]:
            extent, rest = divmod(last - first, examples)
            if not rest:
                for index in range(first, last):
                    place = (index - first) % extent
                    named = last_indices.get(index, "")  # which elements are needed may leave gaps
                    found[index] = first + place, int(named) if len(one.own) > 1 and named.isdecimal() else place
            first = last
    return found


def _count(flags: Any, shape: tuple[int, ...]) -> int:
    """How many are true; one flag may stand for all."""
    return int(flags.sum()) if getattr(flags, "shape", ()) == shape and shape else size(shape) * int(flags)


def dead_units(slopes: list[Any], shape: tuple[int, ...], of_rows: bool = False) -> tuple[int, int]:
    """How many units a rectifier has, and how many of them pass nothing, in no example.

    Args:
        slopes: its local gradients.
        shape: of its value; the last axis counts units, the others examples.
        of_rows: whether all axes count examples of a single unit.
    """
    flags = _passing(slopes, shape, of_rows)
    return len(flags), flags.count(False)


def _passing(slopes: list[Any], shape: tuple[int, ...], of_rows: bool) -> list[bool]:
    """For each unit whether it passes something on, in any example."""
    extent = shape[-1] if shape and not of_rows else 1
    passing: Any = sum(abs(slope) for slope in slopes)
    if getattr(passing, "shape", ()) != shape or not shape:
        return [bool(passing.any() if hasattr(passing, "any") else passing)] * extent
    found: list[bool] = (passing.reshape(-1, extent) != 0.0).any(axis=0).tolist()
    return found


def _findings(stages: list[Stage], without_cost: list[Stage]) -> Iterator[tuple[str, str]]:
    """What a person should see at once."""
    if len(without_cost) > 1:
        first, last = without_cost[0], without_cost[-1]
        passed = _ratio(first.norm, last.norm)
        said = (
            f"from {last.name} back to {first.name} the gradient's norm goes from {last.norm:.3g} to {first.norm:.3g}"
        )
        if passed < VANISHED:
            yield "vanishing", f"{said}: it vanishes; {_VANISHING_ADVICE}"
        elif passed > EXPLODED:
            yield "exploding", f"{said}: it explodes; smaller weights or clipping help"
    for stage in stages:
        if stage.rectified > 1 and stage.dead > DEAD * stage.rectified:
            told = f"{stage.dead} of {stage.rectified} units of {stage.name} are dead"
            yield "dead", f"{told}: {_DEAD_ADVICE}"
        if stage.units > 1 and stage.saturated > DEAD * stage.units:
            told = f"{stage.saturated} of {stage.units} activations of {stage.name} are saturated"
            yield "saturated", f"{told}: smaller weights or inputs help"


_VANISHING_ADVICE = "larger initial weights, another activation, or shorter sequences help"
_DEAD_ADVICE = "they pass no gradient in any example; less negative biases, He initialisation or leaky_relu help"
