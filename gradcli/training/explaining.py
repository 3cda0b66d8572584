"""One step of a run, and all that it is made of.

Enters: an objective, a plan, columns, the number of a step. Leaves: a `TrainingStep`. Invariant: the run up to this
step, and the step itself, are those of `loop.run`, but for the last digits of the step's sums over rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isclose
from typing import Any

import numpy as np

from gradcli.errors import UsageError
from gradcli.render.explain.training_step import TrainingStep
from gradcli.traces import Trace
from gradcli.training.layout import Layout, Vector
from gradcli.training.measures import distance, norm
from gradcli.training.objective import Columns, Evaluation, Objective, count
from gradcli.training.steps.loop import Batches, Plan, Taken, Trouble, ending, run, taken
from gradcli.training.steps.state import Events, State
from gradcli.training.steps.stopping import sentence
from gradcli.training.watching import gradient_of

_ROUNDING = 1e-9  # relative difference of sums that were added in different orders


def step(
    objective: Objective, columns: Columns, validation: Columns | None, plan: Plan, state: State, number: int,
    watch: Callable[[State], None],
) -> TrainingStep:  # fmt: skip
    """Step number of a run, counted from 1.

    Args:
        state: before the first step.
        watch: is told of every step before.

    Raises:
        UsageError: the run ends before it, or in it.
    """
    batches = Batches(columns, plan)
    before = _before(objective, columns, validation, plan, state, number, watch)
    with np.errstate(all="ignore"):
        if (reason := ending(objective, plan, batches, before)) is not None:
            raise _missing(number, before, reason, plan)
        batch, _ = batches.at(before.epoch + 1, before.row)
        found = taken(plan, batches, before, objective.evaluate(before.theta, batch))
    if found is None:
        raise _missing(number, before, "gradient", plan)
    if isinstance(found, Trouble):
        raise _missing(number, before, "diverged", plan, found.message)
    trace, found = _traced(objective, plan, batches, before, batch, found)
    rows = _rows(plan, before, count(batch), count(columns))
    return _written(objective, plan, before, trace, found, rows)._replace(examples=count(batch))


def _before(
    objective: Objective, columns: Columns, validation: Columns | None, plan: Plan, state: State, number: int,
    watch: Callable[[State], None],
) -> State:  # fmt: skip
    """The state before the step."""
    if number == 1:
        return state
    done = 0

    def on_step(now: State) -> None:
        nonlocal done
        done = now.step
        watch(now)

    ended = run(objective, columns, validation, plan, state, Events(on_step, stop=lambda: done >= number - 1))
    if ended.reason != "interrupted":
        raise _missing(number, ended.state, ended.reason, plan, ended.trouble)
    return ended.state


def _missing(number: int, state: State, reason: str, plan: Plan, trouble: str | None = None) -> UsageError:
    """That there is no such step, and why the run ends before it."""
    ends = f"ends after step {state.step:,}" if state.step else "ends at its start"
    why = sentence(reason, plan.criteria) + (f" at step {state.step + 1:,}: {trouble}" if trouble else "")
    hint = "--epochs says how long it is" if reason == "epochs" else None
    return UsageError(f"there is no step {number:,}: the run {ends}: {why}", hint=hint)


def _traced(
    objective: Objective, plan: Plan, batches: Batches, state: State, batch: Columns, found: Taken
) -> tuple[Trace, Taken]:
    """Both passes, and the step by the loss and the gradient that these give.

    The run adds the same numbers in another order, so that the last digits may differ; what is written out should be
    consistent in itself. A trace that gives anything else is of no use for that, and the step of the run stands.
    """
    trace = objective.trace(state.theta, batch)
    other = Evaluation(float(trace.value), gradient_of(trace, objective.layout))
    with np.errstate(all="ignore"):
        if objective.penalty is not None:
            other = objective.penalty.added(other, state.theta)
        near = _ROUNDING * max(found.size, norm(other.gradient))
        if distance(found.gradient, other.gradient) <= near and isclose(found.loss, other.loss, rel_tol=_ROUNDING):
            again = taken(plan, batches, state, other)
            found = again if isinstance(again, Taken) else found
    return trace, found


def _written(objective: Objective, plan: Plan, state: State, trace: Trace, found: Taken, rows: str) -> TrainingStep:
    """The step and all that it is made of."""
    layout = objective.layout
    lower, upper = _bounds(layout, plan)
    return TrainingStep(
        number=state.step + 1,
        trace=trace,
        loss=found.loss,
        before=layout.values(state.theta),
        after=layout.values(found.theta),
        gradient=layout.values(found.gradient),
        optimizer=plan.optimiser.name,
        update=plan.optimiser.update,
        settings=plan.settings,
        rate=found.rate,
        start_rate=plan.rate if found.rate != plan.rate else None,
        memory_before=_memory(layout, state.memory),
        memory_after=_memory(layout, found.memory),
        factor=found.factor,
        clip=plan.clip,
        clip_value=plan.clip_value,
        lower=lower,
        upper=upper,
        penalised=objective.penalty is not None,
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
