"""One step of a run, and all that it is made of.

Enters: an objective, a plan, columns, the number of a step. Leaves: a `TrainingStep`. Invariant: the run up to this
step, and the step itself, are those of `loop.run`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradcli.errors import UsageError
from gradcli.render.explain.training_step import TrainingStep
from gradcli.training.layout import Layout, Vector
from gradcli.training.objective import Columns, Objective, count
from gradcli.training.steps.loop import Batches, Plan, clipped, rate_at, run
from gradcli.training.steps.measures import norm
from gradcli.training.steps.optimisers import take
from gradcli.training.steps.state import Events, State


def step(
    objective: Objective, columns: Columns, validation: Columns | None, plan: Plan, state: State, number: int,
    watch: Callable[[State], None],
) -> TrainingStep:  # fmt: skip
    """Step number of a run, counted from 1.

    Args:
        state: before the first step.
        watch: is told of every step before.

    Raises:
        UsageError: the run ends before it.
    """
    before = _before(objective, columns, validation, plan, state, number, watch)
    batch, _ = Batches(columns, plan).at(before.epoch + 1, before.row)
    return _found(objective, plan, before, batch, _rows(plan, before, count(batch), count(columns)))


def _before(
    objective: Objective, columns: Columns, validation: Columns | None, plan: Plan, state: State, number: int,
    watch: Callable[[State], None],
) -> State:  # fmt: skip
    """The state before the step."""
    if number == 1:
        return state
    taken = 0

    def on_step(now: State) -> None:
        nonlocal taken
        taken = now.step
        watch(now)

    ended = run(objective, columns, validation, plan, state, Events(on_step, stop=lambda: taken >= number - 1))
    if ended.reason != "interrupted":
        why = f": {ended.trouble}" if ended.trouble else ""
        hint = "--epochs says how long it is" if ended.reason == "epochs" else None
        raise UsageError(f"there is no step {number:,}: the run ends after step {ended.state.step:,}{why}", hint=hint)
    return ended.state


def _found(objective: Objective, plan: Plan, state: State, batch: Columns, rows: str) -> TrainingStep:
    """The step and all that it is made of."""
    layout, theta = objective.layout, state.theta
    loss, gradient = objective.evaluate(theta, batch)
    within = gradient if plan.clip_value is None else np.clip(gradient, -plan.clip_value, plan.clip_value)
    shortened, length = clipped(gradient, norm(gradient), plan.clip, plan.clip_value)
    rate = rate_at(plan, state.step)
    after, memory = take(plan.optimiser, theta, shortened, rate, plan.settings, state.memory, state.step + 1)
    if plan.lower is not None:
        after = np.maximum(after, plan.lower)
    if plan.upper is not None:
        after = np.minimum(after, plan.upper)
    whole = norm(within)
    lower, upper = _bounds(layout, plan)
    return TrainingStep(
        number=state.step + 1,
        trace=objective.trace(theta, batch),
        loss=float(loss),
        before=layout.values(theta),
        after=layout.values(after),
        gradient=layout.values(gradient),
        optimizer=plan.optimiser.name,
        settings=plan.settings,
        rate=rate,
        start_rate=plan.rate if rate != plan.rate else None,
        memory_before=_memory(layout, state.memory),
        memory_after=_memory(layout, memory),
        factor=length / whole if plan.clip is not None and whole > plan.clip else 1.0,
        clip=plan.clip,
        clip_value=plan.clip_value,
        lower=lower,
        upper=upper,
        rows=rows,
    )


def _memory(layout: Layout, memory: Mapping[str, Vector]) -> dict[str, Any]:
    return {name: layout.values(vector) for name, vector in memory.items()}


def _bounds(layout: Layout, plan: Plan) -> tuple[dict[str, Any], dict[str, Any]]:
    """The bounds of the parameters that have some."""
    if plan.lower is None or plan.upper is None:
        return {}, {}
    bounded = np.isfinite(plan.lower) | np.isfinite(plan.upper)
    both = (layout.values(vector) for vector in (plan.lower, plan.upper))
    lower, upper = ({name: x for name, x in one.items() if bounded[layout.slices[name]].any()} for one in both)
    return lower, upper


def _rows(plan: Plan, state: State, rows: int, total: int) -> str:
    """Which rows these are, in words."""
    if not total:
        return ""
    if rows == total:
        return "the only row" if total == 1 else f"all {total:,} rows"
    order = " of this epoch's order" if plan.shuffle else ""
    return f"rows {state.row + 1:,} to {state.row + rows:,} of {total:,}{order}"
