"""L-BFGS with bounds, by SciPy: Byrd, Lu, Nocedal and Zhu, "A limited memory algorithm for bound constrained
optimization" (1995).

Enters: an objective, columns, a state to go on from. Leaves: how it ended. Invariant: SciPy's inner state is never
stored; it follows from the evaluations in the state's log, which are replayed, so that a run that was cut in two gives
the same bits as one in a piece.

SciPy runs until it finds nothing better, then once more with an empty memory, as long as that helps. Then the last
gradient is judged: what a Newton step could still gain has to be rounding beside what was gained.
"""

from __future__ import annotations

import time

import numpy as np

from gradcli.errors import UsageError
from gradcli.training.layout import Vector
from gradcli.training.objective import Columns, Objective
from gradcli.training.results import Epoch
from gradcli.training.squares.leastsquares import scipy_optimize
from gradcli.training.squares.planes import Matrix
from gradcli.training.steps.state import Ended, Events, Logged, State, begin
from gradcli.training.steps.stopping import Criteria, decided, within

MOST_ITERATIONS = 1000
_RUNS = 20
_GAIN = 1e-14  # relative to all that was gained, or to the loss: a smaller one is rounding
_REST = 1e-14  # the same for what a Newton step could still gain
_STEEP = 1e-3  # the same for the change by the gradient alone where the curvature is known
_FLAT = 1e-8  # relative change of the loss by the gradient alone, where no step has told its curvature


class _Ended(Exception):
    """Out of SciPy, with a reason of `stopping.REASONS`."""


class _Run:
    """What SciPy calls, and the state that follows from it.

    Attributes:
        first, accepted: the evaluations at the start and at the end of the last iteration.
    """

    first: Logged
    accepted: Logged

    def __init__(
        self, objective: Objective, columns: Columns, given: State, lower: Vector, upper: Vector, criteria: Criteria,
        events: Events,
    ) -> None:  # fmt: skip
        self._objective, self._columns, self._events = objective, columns, events
        most = MOST_ITERATIONS if criteria.epochs is None else criteria.epochs
        self._criteria = criteria._replace(epochs=most, patience=None)
        self._given, self._log, self._evaluations = given, list(given.log), 0
        self._began = time.monotonic() - given.seconds
        self.lower, self.upper = lower, upper
        start = given.log[0].theta if given.log else given.theta
        self.state = begin(start)._replace(watched=given.watched)

    def begin(self) -> bool:
        """Evaluate the start. False where it is not finite."""
        self.evaluate(self.state.theta)
        self.first = self.accepted = self._log[0]
        self.state = self.state._replace(start_loss=self.first.loss, log=(self.first,))
        return bool(np.isfinite(self.first.loss) and np.all(np.isfinite(self.first.gradient)))

    def evaluate(self, theta: Vector) -> tuple[float, Vector]:
        """The loss and its gradient, from the log if they are there."""
        place = self._evaluations
        if place == len(self._log):
            found = self._objective.evaluate(theta, self._columns)
            self._log.append(Logged(np.array(theta), float(found.loss), np.array(found.gradient)))
        known = self._log[place]
        if not np.array_equal(known.theta, theta, equal_nan=True):
            raise UsageError("the evaluations in the checkpoint are not those of this run")
        self._evaluations += 1
        if np.isfinite(known.loss) and np.all(np.isfinite(known.gradient)):
            return known.loss, known.gradient.copy()
        if place == 0:
            return known.loss, known.gradient
        return 1e10 * (1.0 + abs(self.accepted.loss)), np.zeros_like(theta)  # so that SciPy takes a shorter step

    def watch(self) -> None:
        """An iteration begins."""
        state = self.state
        last = state.watched.last
        if state.epoch < self._given.epoch or (last is not None and last.epoch > state.epoch):
            return
        watched = self._events.on_epoch(state, self._columns)
        if watched is not None:
            self.state = state._replace(watched=state.watched.add(watched))

    def accept(self, theta: Vector) -> None:
        """SciPy has finished an iteration."""
        before, at = self.state, self.state.step + 1
        known = self._log[: self._evaluations]
        self.accepted = accepted = next(one for one in reversed(known) if np.array_equal(one.theta, theta))
        entry = Epoch(at, at, accepted.loss, float(np.linalg.norm(accepted.gradient)))
        seconds = time.monotonic() - self._began if self._criteria.seconds is not None else 0.0
        previous_loss = before.history.last.loss if before.history.last else self.first.loss
        self.state = before._replace(
            theta=accepted.theta, step=at, epoch=at, previous=before.theta, previous_loss=previous_loss,
            history=before.history.add(entry), log=tuple(known), seconds=seconds,
        )  # fmt: skip
        if at > self._given.step:
            self._events.on_step(self.state)
        reason = self._reason()
        if reason is None and at > self._given.step and self._events.stop():
            reason = "interrupted"
        if reason is not None:
            raise _Ended(reason)
        self.watch()

    def _reason(self) -> str | None:
        """The criterion that is met after an iteration."""
        tolerance, theta = self._criteria.gradient, self.accepted.theta
        if tolerance is not None and within(tolerance, theta, self.accepted.gradient, self.lower, self.upper):
            return "gradient"
        return decided(self._criteria, self.state)


def inside(point: Logged, lower: Vector, upper: Vector) -> Vector:
    """The gradient, 0 where it would move its parameter out of its bounds."""
    pressed = ((point.theta <= lower) & (point.gradient > 0.0)) | ((point.theta >= upper) & (point.gradient < 0.0))
    free: Vector = np.where(pressed, 0.0, point.gradient)
    return free


def minimise(
    objective: Objective, columns: Columns, state: State, lower: Vector, upper: Vector, criteria: Criteria,
    events: Events, *, memory: int = 10,
) -> Ended:  # fmt: skip
    """Minimise a loss over all rows at once; an epoch is an iteration.

    Args:
        state: `begin(start)`, or one that an earlier run was in, with its log.
        lower, upper: infinities where there are none; the start is inside.
        criteria: those of validation have no meaning here. Without a tolerance it goes on to the last digits.
        memory: pairs of steps and gradients that the curvature is estimated from.

    Returns:
        Its reason is "gradient" also where no tolerance was given and the judgement is that this is a minimum, and
        "stalled" where there is nothing better nearby, but this is none.

    Raises:
        MissingError: SciPy is not installed.
        UsageError: the log is of another run.
    """
    run = _Run(objective, columns, state, lower, upper, criteria, events)
    with np.errstate(all="ignore"):
        if not run.begin():
            trouble = "the loss or its gradient is not finite at the start values"
            return Ended(run.state, "diverged", False, run.state.theta, run.state.theta, columns, trouble)
        try:
            reason = _runs(run, memory)
        except _Ended as error:
            reason = str(error)
    return Ended(run.state, reason, reason in ("gradient", "loss", "step"), run.state.theta)


def _runs(run: _Run, memory: int) -> str:
    """SciPy from the start, then from where it ended, as long as that helps."""
    run.watch()
    curvatures = []
    for _ in range(_RUNS):
        before = run.accepted.loss
        curvatures.append(_scipy(run, memory))
        gained = run.first.loss - run.accepted.loss
        if before - run.accepted.loss <= _GAIN * max(gained, abs(run.accepted.loss)):
            break
    gradient = inside(run.accepted, run.lower, run.upper)
    rounding = _REST * max(gained, abs(run.accepted.loss))
    # What a Newton step would gain. The first run saw most of the function; the last one perhaps rounding alone.
    stills = [float(gradient @ (found @ gradient)) / 2.0 for found in curvatures if found is not None]
    change = float(np.max(np.abs(gradient) * np.maximum(np.abs(run.accepted.theta), 1.0), initial=0.0))
    if not stills:
        return "gradient" if change <= _FLAT * abs(run.accepted.loss) else "stalled"
    smooth = change <= _STEEP * max(gained, abs(run.accepted.loss))  # at a kink the gradient stays large
    return "gradient" if smooth and min(stills) <= rounding else "stalled"


def _scipy(run: _Run, memory: int) -> Matrix | None:
    """One run from the last accepted point; the inverse Hessian that it saw, or None where it took no step."""
    step = run.state.step
    options = {"ftol": 0.0, "gtol": 0.0, "maxcor": memory, "maxls": 50, "maxiter": 10**9, "maxfun": 10**9}
    bounds = list(zip(run.lower, run.upper, strict=True))
    found = scipy_optimize().minimize(
        run.evaluate,
        run.accepted.theta,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        callback=run.accept,
        options=options,
    )
    if run.state.step == step:
        return None
    inverse: Matrix = found.hess_inv.todense()
    return inverse
