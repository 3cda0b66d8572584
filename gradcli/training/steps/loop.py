"""Steps against the gradient until a criterion says stop.

Enters: an objective, columns, a plan, a state to go on from. Leaves: how it ended. Invariant: the same arguments give
the same bits, whether a run is one or was cut in two at any step.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from time import monotonic
from typing import NamedTuple

import numpy as np

from gradcli.training.layout import Vector
from gradcli.training.measures import all_finite, norm
from gradcli.training.objective import Columns, Evaluation, Objective, count
from gradcli.training.results import Epoch
from gradcli.training.steps.optimisers import LARGEST, SQUARES, Optimiser, take
from gradcli.training.steps.schedules import Schedule
from gradcli.training.steps.state import QUIET, Best, Ended, Events, State
from gradcli.training.steps.stopping import REASONS, Criteria, decided, within
from gradcli.training.streams import order, rows_at

EXPLODED = 1e8  # so many times the first loss is too much


class Plan(NamedTuple):
    """How to train.

    Attributes:
        optimiser: with steps of its own.
        rate: the learning rate.
        settings: all of the optimiser's numbers, as `optimisers.settings` gives them.
        criteria: when to stop.
        schedule: None for a constant rate.
        batch_size: rows per step; None for all.
        shuffle: whether every epoch has an order of its own; without effect where there is one batch.
        seed: of that order.
        clip: the largest norm of the whole gradient; a longer one is made as short as that.
        clip_value: the largest absolute value of a number of the gradient; larger ones are cut before all is shortened.
        lower, upper: bounds of the parameters, vectors with infinities where there are none. After a step, what is
            outside is put on them. The start has to be inside.
    """

    optimiser: Optimiser
    rate: float
    settings: Mapping[str, float]
    criteria: Criteria
    schedule: Schedule | None = None
    batch_size: int | None = None
    shuffle: bool = False
    seed: int = 0
    clip: float | None = None
    clip_value: float | None = None
    lower: Vector | None = None
    upper: Vector | None = None


def steps_of(epochs: int, rows: int, batch_size: int | None) -> int:
    """How many steps so many epochs are."""
    return epochs * (1 if not batch_size or rows == 0 else -(-rows // batch_size))


class Batches:
    """The rows of every step. Without data there is one batch of one row, as the loop counts them.

    Attributes:
        rows: of an epoch.
        single: whether one batch has them all.
    """

    def __init__(self, columns: Columns, plan: Plan) -> None:
        self.columns = columns
        self.rows = max(count(columns), 1)
        self.size = min(plan.batch_size or self.rows, self.rows)
        self.single = self.size == self.rows
        self._seed = plan.seed if plan.shuffle else None
        self._mixed: tuple[int, Columns] = (0, columns)  # an epoch and its rows in their order

    def at(self, epoch: int, row: int) -> tuple[Columns, int]:
        """The batch that begins behind so many rows of an epoch, counted from 1, and its number of rows."""
        if self.single:
            return self.columns, self.rows
        if self._seed is not None and self._mixed[0] != epoch:
            places = order(self._seed, epoch, self.rows)
            self._mixed = epoch, {name: rows_at(column, places) for name, column in self.columns.items()}
        end = min(row + self.size, self.rows)
        return {name: column[row:end] for name, column in self._mixed[1].items()}, end - row


class Taken(NamedTuple):
    """A step, and what it is made of.

    Attributes:
        loss, gradient: at the parameters before it, of its rows.
        size: the gradient's norm.
        factor: what the gradient was multiplied by to be as short as `Plan.clip`; 1 where it was short enough.
        rate: the learning rate.
        theta, memory: after it.
    """

    loss: float
    gradient: Vector
    size: float
    factor: float
    rate: float
    theta: Vector
    memory: Mapping[str, Vector]


class Trouble(NamedTuple):
    """Why a step can't be taken, the parameters that are to blame, and the loss where that has exploded."""

    message: str
    theta: Vector
    loss: float | None = None


def run(
    objective: Objective,
    columns: Columns,
    validation: Columns | None,
    plan: Plan,
    state: State,
    events: Events = QUIET,
) -> Ended:
    """Take steps from a state until a criterion is met.

    Where there is one batch, the tolerance of the gradient is held against it before each step, so that the parameters
    that are kept are those that meet it; where there are several, against the gradient over all rows between epochs.
    """
    batches = Batches(columns, plan)
    begun = monotonic() - state.seconds
    stopped = False
    with np.errstate(all="ignore"):
        while True:
            if (reason := ending(objective, plan, batches, state)) or stopped:
                return _ended(plan, state, reason or "interrupted")
            batch, rows = batches.at(state.epoch + 1, state.row)
            if state.row == 0 and (watched := events.on_epoch(state, batch)) is not None:
                state = state._replace(watched=state.watched.add(watched))
            after = _step(objective, plan, batches, state, batch, rows)
            if after is None:
                return _ended(plan, state, "gradient")
            if isinstance(after, Trouble):
                return _diverged(plan, state, after, batch)
            state = after
            if state.row == batches.rows:
                state = _closed(objective, validation, plan, state)
            if plan.criteria.seconds is not None:
                state = state._replace(seconds=monotonic() - begun)
            events.on_step(state)
            stopped = events.stop()


def ending(objective: Objective, plan: Plan, batches: Batches, state: State) -> str | None:
    """Why a run ends in this state; None if it goes on, unless the next step itself finds a reason not to."""
    reason = decided(plan.criteria, state)
    tolerance = plan.criteria.gradient
    if tolerance is None or state.row or (reason is None and batches.single):
        return reason  # of a single batch, the step itself looks at the gradient
    if reason is not None and REASONS[reason].converged:
        return reason
    gradient = objective.evaluate(state.theta, batches.columns).gradient
    return "gradient" if within(tolerance, state.theta, gradient, plan.lower, plan.upper) else reason


def _step(
    objective: Objective, plan: Plan, batches: Batches, state: State, batch: Columns, rows: int
) -> State | Trouble | None:
    """The state after a step; None where none is needed."""
    found = taken(plan, batches, state, objective.evaluate(state.theta, batch))
    if not isinstance(found, Taken):
        return found
    row, number, loss = state.row + rows, state.batch + 1, found.loss
    return State(
        found.theta,
        found.memory,
        state.step + 1,
        state.epoch,
        row,
        number,
        state.loss + (loss - state.loss) * (rows / row),
        state.gradient_norm + (found.size - state.gradient_norm) / number,
        loss if state.start_loss is None else state.start_loss,
        state.theta,
        state.previous_loss,
        state.best,
        state.history,
        state.watched,
        state.log,
        state.seconds,
    )


def taken(plan: Plan, batches: Batches, state: State, found: Evaluation) -> Taken | Trouble | None:
    """The step from a state by the loss and the gradient of its batch there.

    None where none is needed, since the gradient is within its tolerance.
    """
    theta, (loss, gradient) = state.theta, found
    size = norm(gradient)
    start = loss if state.start_loss is None else state.start_loss
    if not (isfinite(loss) and isfinite(size) and loss <= EXPLODED * max(abs(start), 1.0)):
        return Trouble(_what_is_wrong(loss, start, size), theta, loss if isfinite(loss) and isfinite(size) else None)
    tolerance = plan.criteria.gradient
    if tolerance is not None and batches.single and within(tolerance, theta, gradient, plan.lower, plan.upper):
        return None
    short, length, factor = clipped(gradient, size, plan.clip, plan.clip_value)
    if length > LARGEST and SQUARES in plan.optimiser.memory:
        return Trouble(f"the gradient is too long to be squared: {length:.3g}", theta)
    rate = rate_at(plan, state.step)
    moved, memory = take(plan.optimiser, theta, short, rate, plan.settings, state.memory, state.step + 1)
    if plan.lower is not None:
        moved = np.maximum(moved, plan.lower)
    if plan.upper is not None:
        moved = np.minimum(moved, plan.upper)
    if not all_finite(moved):
        return Trouble("a step leads to parameters that are not finite", moved)
    return Taken(loss, gradient, size, factor, rate, moved, memory)


def _what_is_wrong(loss: float, start: float, size: float) -> str:
    if not isfinite(loss):
        return "the loss is nan" if loss != loss else "the loss is infinite"
    if not isfinite(size):
        return "the gradient is not finite"
    return f"the loss has grown from {start:.6g} to {loss:.6g}"


def rate_at(plan: Plan, step: int) -> float:
    """The learning rate of step 0, 1, …"""
    return plan.rate if plan.schedule is None else plan.rate * plan.schedule.factor(step)


def clipped(gradient: Vector, size: float, clip: float | None, clip_value: float | None) -> tuple[Vector, float, float]:
    """A gradient of norm `size` with its numbers cut to ±clip_value, then shortened to norm clip.

    Also its norm then, and the factor by which it was shortened.
    """
    if clip_value is not None:
        gradient = np.clip(gradient, -clip_value, clip_value)
        size = norm(gradient)
    if clip is not None and size > clip:
        factor = clip / size
        return gradient * factor, clip, factor
    return gradient, size, 1.0


def _closed(objective: Objective, validation: Columns | None, plan: Plan, state: State) -> State:
    """The state where all rows of an epoch are done."""
    epoch, best = state.epoch + 1, state.best
    held = None if validation is None else float(objective.loss(state.theta, validation))
    if held is not None and held == held and (best is None or held < best.loss):
        best = Best(epoch, held, state.theta)
    last = state.history.last
    entry = Epoch(epoch, state.step, state.loss, state.gradient_norm, rate_at(plan, state.step - 1), held)
    return State(
        state.theta,
        state.memory,
        state.step,
        epoch,
        start_loss=state.start_loss,
        previous=state.previous,
        previous_loss=None if last is None else last.loss,
        best=best,
        history=state.history.add(entry),
        watched=state.watched,
        log=state.log,
        seconds=state.seconds,
    )


def _ended(plan: Plan, state: State, reason: str) -> Ended:
    return Ended(state, reason, REASONS[reason].converged, _kept(plan, state, state.theta))


def _diverged(plan: Plan, state: State, trouble: Trouble, batch: Columns) -> Ended:
    good, growth = state.theta, None
    if trouble.theta is state.theta and state.previous is not None:
        good = state.previous
    last = state.history.last
    before = state.loss if state.batch else None if last is None else last.loss
    if trouble.loss is not None and before:
        growth = abs(trouble.loss / before) if isfinite(trouble.loss / before) else None
    return Ended(
        state, "diverged", False, _kept(plan, state, good), trouble.theta, batch, trouble.message, growth
    )  # fmt: skip


def _kept(plan: Plan, state: State, last: Vector) -> Vector:
    """The parameters that are the result."""
    return last if plan.criteria.patience is None or state.best is None else state.best.theta
