"""The stages of a network while it learns: how much gradient reaches each, what it moves by, and which units are flat.

Enters: an objective, a point, rows, and the point before the last step. Leaves: `Watched`. Invariant: one evaluation
over a few rows, the first ones, whatever the data are; the cost itself is no stage here, since its gradient says
nothing of the network; the penalty takes no part.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from gradcli.diagnose.stages import Stage, layers, ranges, statistics
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.rewriting.unroll import element_names
from gradcli.traces import Trace
from gradcli.training.layout import Layout, Vector
from gradcli.training.losses.rows import PerRow
from gradcli.training.objective import Columns, Objective, count
from gradcli.training.results import Watched, WatchedParameter, WatchedStage

MOST_ROWS = 4_096
FEWEST_ROWS = 64
_NUMBERS = 1 << 24  # gates × rows of an unrolled program: values and gradients of all are kept at once


def watch(objective: Objective, theta: Vector, columns: Columns, previous: Vector | None, epoch: int) -> Watched:
    """Look at all stages and parameters.

    Args:
        columns: of a batch; the first MOST_ROWS rows are looked at, fewer where a row has very many gates.
        previous: the parameters before the last step; None before the first one.
        epoch: that is about to begin.
    """
    rows = min(count(columns), _most(objective))
    trace = objective.trace(theta, {name: column[:rows] for name, column in columns.items()})
    layout = objective.layout
    gradient = layout.norms(gradient_of(trace, layout))
    with np.errstate(all="ignore"):
        moved = {} if previous is None else layout.norms(theta - previous)
    sizes = layout.norms(theta)
    own = first_uses(trace.graph, layout)
    stages = [
        _watched(stage, _ratio(own.get(stage.name, ()), moved, sizes))
        for stage in layers(statistics(trace).stages, trace.graph)
    ]
    parameters = [WatchedParameter(name, gradient[name], _ratio((name,), moved, sizes)) for name in layout.shapes]
    return Watched(epoch, tuple(stages), tuple(parameters))


def _most(objective: Objective) -> int:
    """How many rows are looked at."""
    if not isinstance(objective, PerRow):
        return MOST_ROWS
    return min(MOST_ROWS, max(FEWEST_ROWS, _NUMBERS // len(objective.flat)))


def gradient_of(trace: Trace, layout: Layout) -> Vector:
    """The gradient by all parameters, which the trace has as arrays or by their elements; 0 where it has none."""
    gradients, found = trace.gradients, np.zeros(layout.size)
    for name, place in layout.slices.items():
        if name in gradients:
            found[place] = np.ravel(gradients[name])
        elif layout.shapes[name]:
            elements = element_names(name, layout.shapes[name])
            found[place] = [gradients.get(element, 0.0) for element in elements]
    return found


def first_uses(graph: Graph, layout: Layout) -> dict[str, list[str]]:
    """Stage → the parameters that it uses before any other one does."""
    parameters: dict[int, str] = {}
    inputs = graph.inputs
    for name, shape in layout.shapes.items():
        for one in (name, *element_names(name, shape)):
            if (place := inputs.get(one)) is not None:
                parameters[place] = name
    stage_of: list[str | None] = [None] * len(graph)
    for stage in sorted(ranges(graph), key=lambda stage: stage.first - stage.last):  # outer ones first
        stage_of[stage.first : stage.last] = [stage.name] * (stage.last - stage.first)
    found: dict[str, list[str]] = {}
    waiting = {*parameters.values()}
    for index, code in enumerate(graph.codes):
        if code <= ops.CONSTANT:
            continue
        for operand in graph.operands[index]:
            used, name_of_stage = parameters.get(operand), stage_of[index]
            if used is not None and used in waiting and name_of_stage is not None:
                waiting.remove(used)
                found.setdefault(name_of_stage, []).append(used)
        if not waiting:
            break
    return found


def _ratio(names: Iterable[str], moved: dict[str, float], sizes: dict[str, float]) -> float | None:
    """The norm of the last update of some parameters divided by theirs."""
    chosen = [*names]
    if not moved or not chosen:
        return None
    step, size = (math.hypot(*(norms[name] for name in chosen)) for norms in (moved, sizes))
    return step / size if size else math.inf if step else 0.0


def _watched(stage: Stage, ratio: float | None) -> WatchedStage:
    smooth = stage.units - stage.rectified  # a rectifier is dead, not saturated
    saturated: Any = stage.saturated / smooth if smooth > 0 else None
    dead = stage.dead / stage.rectified if stage.rectified else None
    return WatchedStage(stage.name, stage.norm, ratio, saturated, dead, stage.dead_units)
