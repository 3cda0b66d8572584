"""The stages of a network at a glance: how large the gradient still is at each, and which units pass none.

Enters: a Trace, of arrays or of numbers. Leaves: `Statistics`, a line per stage. Invariant: one sweep over the gates;
no array is copied element by element.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from gradcli.graph.graph import Graph
from gradcli.graph.ops.layout import size
from gradcli.numeric.elements import norm
from gradcli.traces import Trace

FLAT = 0.01  # of the steepest slope: below, a unit counts as saturated, since a hundredth of a gradient gets through
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
        saturated: how many of these are flat: their slope is under FLAT of the steepest one.
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
    return Statistics(stages, list(_findings(stages)))


class _Range(NamedTuple):
    """A stage and its gates: `own` carry its name, and activations are looked for in first ≤ i < last."""

    name: str
    own: list[int]
    first: int
    last: int


def _ranges(graph: Graph) -> list[_Range]:
    """The stages: by their groups, which know the gates of an expression; else by their gate alone."""
    own: dict[str, list[int]] = {}
    for index, name in sorted(graph.stages.items()):
        own.setdefault(name, []).append(index)
    found, taken = [], set()
    for group in graph.groups:
        if group.kind != "stage":
            continue
        gates = own.get(group.name) or [i for i in range(group.first, group.last) if _is_element(graph, i, group.name)]
        if gates and group.name not in taken:
            taken.update([group.name, *(graph.stages.get(gate, "") for gate in gates)])
            found.append(_Range(group.name, gates, group.first, group.last))
    alone = [_Range(name, gates, gates[0], gates[-1] + 1) for name, gates in own.items() if name not in taken]
    return sorted([*found, *alone], key=lambda one: one.own[-1])


def _is_element(graph: Graph, index: int, name: str) -> bool:
    """Whether a gate is an element of an unrolled stage: h[2] or h[0,1] of h."""
    return graph.stages.get(index, "").startswith(name + "[")


def _stages(trace: Trace) -> Iterator[Stage]:
    graph, adjoints = trace.graph, trace.adjoints
    ranges = [one for one in _ranges(graph) if all(adjoints[gate] is not None for gate in one.own)]
    norms = {one.name: norm(*(adjoints[gate] for gate in one.own)) for one in ranges}
    following = _following(graph, ranges)
    for one in ranges:
        gate, after = one.own[-1], following.get(one.name)
        shape = graph.shapes.get(gate, ()) if len(one.own) == 1 else (len(one.own),)
        ratio = None if after is None else _ratio(norms[one.name], norms[after])
        yield Stage(one.name, gate, shape, norms[one.name], after, ratio, *_activations(trace, one))


def _ratio(a: float, b: float) -> float:
    return a / b if b else math.nan if a == 0.0 or a != a else math.inf


def _following(graph: Graph, ranges: list[_Range]) -> dict[str, str]:
    """For each stage the first one after it that uses it, directly or through gates without a name."""
    owner = {gate: one.name for one in ranges for gate in one.own}
    order = {one.name: place for place, one in enumerate(ranges)}
    nearest: list[str | None] = [None] * len(graph)
    for index in range(len(graph) - 1, -1, -1):
        here = owner.get(index, nearest[index])
        if here is None:
            continue
        for operand in graph.operands[index]:
            before = nearest[operand]
            if owner.get(operand) != here and (before is None or order[here] < order[before]):
                nearest[operand] = here
    found: dict[str, str] = {}
    for gate, name in owner.items():
        after = nearest[gate]
        if after is not None and (name not in found or order[after] < order[found[name]]):
            found[name] = after
    return found


def _activations(trace: Trace, one: _Range) -> tuple[int, int, int, int]:
    """Units, saturated, dead and rectified ones among the gates of a stage."""
    graph, units, saturated, dead, rectified = trace.graph, 0, 0, 0, 0
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
            saturated += _count(abs(slopes[0]) < FLAT * row.steepest, shape)
        if row.rectifies:
            extent, passing_nothing = dead_units(slopes, shape)
            rectified += extent
            dead += passing_nothing
            units += 0 if row.steepest is not None else extent
    return units, saturated, dead, rectified


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


def _findings(stages: list[Stage]) -> Iterator[tuple[str, str]]:
    """What a person should see at once."""
    if len(stages) > 2:
        first, last = stages[0], stages[-2]  # the very last one is the cost itself
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
