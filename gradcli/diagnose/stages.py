"""The stages of a network at a glance: how large the gradient still is at each, and which units pass none.

Enters: a Trace, of arrays or of numbers. Leaves: `Statistics`, a line per stage. Invariant: one sweep over the gates;
no array is copied element by element.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Set
from typing import Any, NamedTuple

from gradcli.graph.graph import Graph
from gradcli.graph.ops.layout import size
from gradcli.numeric.elements import norm
from gradcli.traces import Trace

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


class Statistics(NamedTuple):
    """All stages in the order of the program, and what to say of them: kind and message."""

    stages: list[Stage]
    findings: list[tuple[str, str]]


def statistics(trace: Trace) -> Statistics:
    """The lines of all stages that pass a gradient on."""
    stages = list(_stages(trace))
    return Statistics(stages, list(_findings(stages, trace.graph.output)))


class _Range(NamedTuple):
    """A stage and its gates: `own` carry its name, and activations are looked for in first ≤ i < last."""

    name: str
    own: list[int]
    first: int
    last: int


def _ranges(graph: Graph) -> list[_Range]:
    """The stages: by their groups, which know the gates of an expression; else by their gate alone.

    Unrolled, a gate's name does not tell its stage: h[0] is an element of h, or what the loop's first turn calls h.
    """
    own: dict[str, list[int]] = {}
    for index, name in sorted(graph.stages.items()):
        own.setdefault(name, []).append(index)
    found: list[_Range] = []
    taken: set[int] = set()
    for group in graph.groups:
        if group.kind != "stage":
            continue
        inside = range(group.first, group.last)
        gates = [i for i in own.get(group.name, ()) if i in inside]
        gates = gates or [i for i in inside if _is_element(graph, i, group.name)]
        if gates := [i for i in gates if i not in taken]:
            taken.update(gates)
            found.append(_Range(group.name, gates, group.first, group.last))
    alone = [_Range(name, [i], i, i + 1) for i, name in graph.stages.items() if i not in taken]
    return sorted([*found, *alone], key=lambda one: one.own[-1])


def _is_element(graph: Graph, index: int, name: str) -> bool:
    """Whether a gate is an element of an unrolled stage: h[2] or h[0,1] of h; or h_[2], where h[2] is another gate."""
    called = graph.stages.get(index, "")
    return called.startswith(name) and called[len(name) :].lstrip("_").startswith("[")


def _stages(trace: Trace) -> Iterator[Stage]:
    graph, adjoints = trace.graph, trace.adjoints
    ranges = [one for one in _ranges(graph) if all(adjoints[gate] is not None for gate in one.own)]
    norms = [norm(*(adjoints[gate] for gate in one.own)) for one in ranges]
    following = _following(graph, ranges)
    bounds = {bound for group in graph.groups for bound in (group.first, group.last)}
    for place, one in enumerate(ranges):
        gate, after = one.own[-1], following.get(place)
        shape = graph.shapes.get(gate, ()) if len(one.own) == 1 else (len(one.own),)
        used_by = None if after is None else ranges[after].name
        ratio = None if after is None else _ratio(norms[place], norms[after])
        yield Stage(one.name, gate, shape, norms[place], used_by, ratio, *_activations(trace, one, bounds))


def _ratio(a: float, b: float) -> float:
    return a / b if b else math.nan if a == 0.0 or a != a else math.inf


def _following(graph: Graph, ranges: list[_Range]) -> dict[int, int]:
    """For each stage the first one after it that uses it, directly or through gates without a name; by their places."""
    owner = {gate: place for place, one in enumerate(ranges) for gate in one.own}
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


def _activations(trace: Trace, one: _Range, bounds: Set[int]) -> tuple[int, int, int, int]:
    """Units, saturated, dead and rectified ones among the gates of a stage."""
    graph, units, saturated, dead, rectified = trace.graph, 0, 0, 0, 0
    passing: dict[int, bool] = {}  # units of several gates: whether they pass something in any example
    unit_of = _units(graph, one, bounds)
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
        extent, passing_nothing = dead_units(slopes, shape)
        if (unit := unit_of.get(index)) is not None:
            extent = 0 if unit in passing else 1
            passing[unit] = not passing_nothing or passing.get(unit, False)
        else:
            dead += passing_nothing
        rectified += extent
        units += 0 if row.steepest is not None else extent
    return units, saturated, dead + sum(not passes for passes in passing.values()), rectified


def _units(graph: Graph, one: _Range, bounds: Set[int]) -> dict[int, int]:
    """For each gate of an unrolled stage the gate of the same unit in the first example.

    What is worked out element by element has as many examples as the stage: its elements' names, h[0,2], tell them.
    bounds: of groups; there is one for each gate that was an array.
    """
    last_indices = {re.split(r"[\[,]", graph.stages[gate])[-1] for gate in one.own}
    examples = len(one.own) // len(last_indices)
    if examples == 1:
        return {}
    found: dict[int, int] = {}
    first = one.first
    for last in range(one.first + 1, one.last + 1):
        if last == one.last or last in bounds or graph.codes[last] != graph.codes[first]:
            extent, rest = divmod(last - first, examples)
            if not rest:
                found.update((index, first + (index - first) % extent) for index in range(first, last))
            first = last
    return found


def _count(flags: Any, shape: tuple[int, ...]) -> int:
    """How many are true; one flag may stand for all."""
    return int(flags.sum()) if getattr(flags, "shape", ()) == shape and shape else size(shape) * int(flags)


def dead_units(slopes: list[Any], shape: tuple[int, ...]) -> tuple[int, int]:
    """How many units a rectifier has, and how many of them pass nothing, in no example.

    Args:
        slopes: its local gradients.
        shape: of its value; the last axis counts units, the others examples.
    """
    extent = shape[-1] if shape else 1
    passing: Any = sum(abs(slope) for slope in slopes)
    if getattr(passing, "shape", ()) != shape or not shape:
        return extent, 0 if passing else extent
    return extent, extent - int((passing.reshape(-1, extent) != 0.0).any(axis=0).sum())


def _findings(stages: list[Stage], output: int) -> Iterator[tuple[str, str]]:
    """What a person should see at once."""
    layers = stages[:-1] if stages and stages[-1].gate == output else stages  # without the cost itself
    if len(layers) > 1:
        first, last = layers[0], layers[-1]
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
