"""L-BFGS with bounds, by SciPy: Byrd, Lu, Nocedal and Zhu, "A limited memory algorithm for bound constrained
optimization" (1995).

Enters: an objective, columns, a state to go on from. Leaves: how it ended. Invariant: SciPy's inner state is never
stored; it follows from the evaluations in the state's log, which are replayed, so that a run that was cut in two gives
the same bits as one in a piece.

SciPy runs until it finds nothing better, then once more with an empty memory, as long as that helps. Then the last
gradient is judged: what a Newton step could still gain has to be rounding beside what was gained. Where the loss is so
large that its last digit hides a change of the parameters that the gradient still shows, that is no minimum.
"""

from __future__ import annotations

import time
from math import isfinite
from typing import Any

import numpy as np

from gradcli.errors import UsageError
from gradcli.training.layout import Vector
from gradcli.training.measures import norm
from gradcli.training.objective import Columns, Objective
from gradcli.training.results import Epoch
from gradcli.training.squares.leastsquares import scipy_optimize
from gradcli.training.steps.state import Ended, Events, Log, Logged, State, begin
from gradcli.training.steps.stopping import REASONS, Criteria, decided, inside, settled, within

MOST_ITERATIONS = 1000
_RUNS = 20
_GAIN = 1e-14  # relative to all that was gained, or to the loss: a smaller one is rounding
_REST = 1e-14  # the same for what a Newton step could still gain
_STEEP = 1e-3  # the same for the change by the gradient alone where the curvature is known
_FLAT = 1e-8  # relative change of the loss by the gradient alone, where no step has told its curvature
_SEEN = 1e-4  # relative change of the parameters: the gradient shows where a loss ends that can't be seen to fall by it
_LEFT = 1e-10  # of the first gradient: with less of it left, a valley is flat, however far its bottom is
_PROBE = 1e-6  # relative change of the parameters at which the curvature along the gradient is looked at
_TOO_LARGE = "the loss is too large for its changes to be seen in double precision"


class _Ended(Exception):
    """Out of SciPy, with a reason of `stopping.REASONS`."""


class _Run:
    """What SciPy calls, and the state that follows from it.

    Attributes:
        first, accepted: the evaluations at the start and at the end of the last iteration.
        logged: whether the state is to have all evaluations.
    """

    first: Logged
    accepted: Logged
    _log: Log

    def __init__(
        self, objective: Objective, columns: Columns, given: State, lower: Vector, upper: Vector, criteria: Criteria,
        events: Events, logged: bool,
    ) -> None:  # fmt: skip
        self.objective, self.columns, self._events, self._logged = objective, columns, events, logged
        most = MOST_ITERATIONS if criteria.epochs is None else criteria.epochs
        self._criteria = criteria._replace(epochs=most, patience=None)
        self._given, self._evaluations = given, 0
        self._recent: list[Logged] = []  # since the last iteration ended
        self._began = time.monotonic() - given.seconds
        self.lower, self.upper = lower, upper
        start = given.log[0].theta if given.log else given.theta
        self.state = begin(start)._replace(watched=given.watched)

    def begin(self) -> bool:
        """Evaluate the start. False where it is not finite."""
        self.evaluate(self.state.theta)
        self.first = self.accepted = self._recent[0]
        self._log = Log(self._new())
        self.state = self.state._replace(start_loss=self.first.loss, log=self._log)
        return bool(np.isfinite(self.first.loss) and np.all(np.isfinite(self.first.gradient)))

    def evaluate(self, theta: Vector) -> tuple[float, Vector]:
        """The loss and its gradient, from the log if they are there."""
        place = self._evaluations
        if place < len(self._given.log):
            known = self._given.log[place]
            if not np.array_equal(known.theta, theta, equal_nan=True):
                raise UsageError("the evaluations in the checkpoint are not those of this run")
        else:
            found = self.objective.evaluate(theta, self.columns)
            known = Logged(np.array(theta), float(found.loss), np.array(found.gradient))
        self._evaluations += 1
        self._recent.append(known)
        if np.isfinite(known.loss) and np.all(np.isfinite(known.gradient)):
            return known.loss, known.gradient.copy()
        if place == 0:
            return known.loss, known.gradient
        return 1e10 * (1.0 + abs(self.accepted.loss)), np.zeros_like(theta)  # so that SciPy takes a shorter step

    def _new(self) -> list[Logged]:
        """What the log of the state has to have more."""
        found, self._recent = self._recent, []
        return found if self._logged else []

    def watch(self) -> None:
        """An iteration begins."""
        state = self.state
        last = state.watched.last
        if state.epoch < self._given.epoch or (last is not None and last.epoch > state.epoch):
            return
        watched = self._events.on_epoch(state, self.columns)
        if watched is not None:
            self.state = state._replace(watched=state.watched.add(watched))

    def accept(self, theta: Vector) -> None:
        """SciPy has finished an iteration."""
        before, began, at = self.state, self.accepted, self.state.step + 1
        known = (*reversed(self._recent), began)
        self.accepted = next(one for one in known if np.array_equal(one.theta, theta))
        entry = Epoch(at, at, began.loss, norm(began.gradient))
        seconds = time.monotonic() - self._began if self._criteria.seconds is not None else 0.0
        last, self._log = before.history.last, self._log.with_more(self._new())
        self.state = before._replace(
            theta=self.accepted.theta, step=at, epoch=at, previous=before.theta,
            previous_loss=None if last is None else last.loss, history=before.history.add(entry),
            log=self._log, seconds=seconds,
        )  # fmt: skip
        if at > self._given.step:
            self._events.on_step(self.state)
        reason = self._reason(began.loss)
        if reason is None and at > self._given.step and self._events.stop():
            reason = "interrupted"
        if reason is not None:
            raise _Ended(reason)
        self.watch()

    def _reason(self, before: float) -> str | None:
        """The criterion that is met after an iteration; before: the loss at its start."""
        criteria, theta = self._criteria, self.accepted.theta
        if criteria.gradient is not None and within(
            criteria.gradient, theta, self.accepted.gradient, self.lower, self.upper
        ):
            return "gradient"
        if criteria.loss is not None and settled(criteria.loss, before, self.accepted.loss):
            return "loss"
        return decided(criteria._replace(loss=None), self.state)


def minimise(
    objective: Objective, columns: Columns, state: State, lower: Vector, upper: Vector, criteria: Criteria,
    events: Events, *, memory: int = 10, logged: bool = True,
) -> Ended:  # fmt: skip
    """Minimise a loss over all rows at once; an epoch is an iteration.

    Args:
        state: `begin(start)`, or one that an earlier run was in, with its log.
        lower, upper: infinities where there are none; the start is inside.
        criteria: those of validation have no meaning here. Without a tolerance it goes on to the last digits.
        memory: pairs of steps and gradients that the curvature is estimated from.
        logged: whether states have the log from which a run is resumed: two vectors per evaluation.

    Returns:
        Its reason is "gradient" also where no tolerance was given and the judgement is that this is a minimum, and
        "stalled" where there is nothing better nearby, but this is none; its trouble then says what is known of that.

    Raises:
        MissingError: SciPy is not installed.
        UsageError: the log is of another run.
    """
    run, told = _Run(objective, columns, state, lower, upper, criteria, events, logged), None
    with np.errstate(all="ignore"):
        if not run.begin():
            trouble = "the loss or its gradient is not finite at the start values"
            return Ended(run.state, "diverged", False, run.state.theta, run.state.theta, columns, trouble)
        try:
            reason = _runs(run, memory)
            if reason == "gradient" and _hidden(run):
                reason, told = "stalled", _TOO_LARGE
        except _Ended as error:
            reason = str(error)
    return Ended(run.state, reason, REASONS[reason].converged, run.state.theta, trouble=told)


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
    gradient = inside(run.accepted.theta, run.accepted.gradient, run.lower, run.upper)
    rounding = _REST * max(gained, abs(run.accepted.loss))
    # What a Newton step would gain. The first run saw most of the function; the last one perhaps rounding alone.
    stills = [float(gradient @ (found @ gradient)) / 2.0 for found in curvatures if found is not None]
    change = float(np.max(np.abs(gradient) * np.maximum(np.abs(run.accepted.theta), 1.0), initial=0.0))
    if not stills:
        return "gradient" if change <= _FLAT * abs(run.accepted.loss) else "stalled"
    smooth = change <= _STEEP * max(gained, abs(run.accepted.loss))  # at a kink the gradient stays large
    return "gradient" if smooth and min(stills) <= rounding else "stalled"


def _hidden(run: _Run) -> bool:
    """Whether a way along the gradient is left, long beside the parameters, by which the loss can't be seen to fall.

    Its length is the gradient's own: where, by its change over a short way, it becomes 0.
    """
    at, gradient = run.accepted, inside(run.accepted.theta, run.accepted.gradient, run.lower, run.upper)
    size, scale = norm(gradient), max(norm(at.theta), 1.0)
    if not (isfinite(size) and size > _LEFT * norm(run.first.gradient)):
        return False

    def moved(length: float) -> tuple[float, Vector]:
        theta = np.clip(at.theta - gradient * (length / size), run.lower, run.upper)
        found = run.objective.evaluate(theta, run.columns)
        return found.loss, inside(theta, found.gradient, run.lower, run.upper)

    probe = _PROBE * scale
    bent = (size - float(moved(probe)[1] @ gradient) / size) / probe
    if not bent > 0.0 or size / bent <= _SEEN * scale:
        return False
    loss, there = moved(size / bent)
    return norm(there) <= size / 2.0 and abs(loss - at.loss) <= _REST * abs(at.loss)


def _scipy(run: _Run, memory: int) -> Any | None:
    """One run from the last accepted point; the inverse Hessian that it saw, which is multiplied by vectors and never
    made whole, or None where it took no step."""
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
    return found.hess_inv
