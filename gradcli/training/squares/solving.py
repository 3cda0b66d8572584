"""Nonlinear least squares: several tries by SciPy's solvers, then the last digits, then our own judgement.

Enters: a function that gives residuals and their exact Jacobian, a start. Leaves: a `Solved`. Invariant: it is called
converged only where the data determine every free parameter and the residuals are orthogonal to the tangent plane,
whatever a solver's flag says; the same arguments give the same bits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from gradcli.training.layout import Vector
from gradcli.training.results import Epoch
from gradcli.training.squares import leastsquares
from gradcli.training.squares.planes import Matrix
from gradcli.training.squares.polishing import Point, Polished, digits_of_residuals, judged, polish
from gradcli.training.steps.state import Events, Logged, State, Thinned, begin
from gradcli.training.steps.stopping import REASONS, Criteria

MOST_ITERATIONS = 10_000
_NEAR = 1e-3  # of the distance between bounds, or of the bound: where a start on a bound is moved to
_DIGITS = 6.5  # of the residuals: with fewer of them somebody should know
_LEVEL = 1e-10  # sums of squares that differ less, relatively, are level
_STATIONARY = 1e-4  # the offset up to which a point counts as stationary
_DESCENTS = 3  # from points that are stationary but no minimum


class Evaluated(NamedTuple):
    """Attributes:
    residuals: in the order of the data.
    jacobian: a row per residual, a column per parameter.
    sizes: what the residuals are differences of, by their absolute values; tells how large rounding errors are.
    """

    residuals: Vector
    jacobian: Matrix
    sizes: Vector


Function = Callable[[Vector], Evaluated]


class Solved(NamedTuple):
    """Attributes:
    polished: None where the start already is not finite, or where nothing was evaluated.
    theta: the best parameters that were seen.
    squares: the sum of squared residuals there.
    reason: "offset" or "exact" where it converged; else "rounding", "undetermined", "gradient", "saddle", "nonfinite",
        or why it was ended early: "epochs", "time", "interrupted".
    message: a sentence without a full stop.
    steps: iterations, of all tries together.
    first: the evaluation at the start; None if there was none.
    """

    theta: Vector
    squares: float
    polished: Polished | None
    converged: bool
    reason: str
    message: str
    steps: int
    history: Thinned[Epoch]
    first: Logged | None


def state_of(start: Vector, theta: Vector, steps: int, history: Thinned[Epoch], first: Logged | None) -> State:
    """A state that tells how far it is, and by its log where it began."""
    log = () if first is None else (first,)
    loss = None if first is None else first.loss
    return begin(start)._replace(theta=theta, step=steps, epoch=steps, history=history, start_loss=loss, log=log)


class _Ended(Exception):
    """Out of a solver, since somebody wants an end: "epochs", "time" or "interrupted"."""


class _Recorder:
    """Evaluates, remembers the best point and the last one, counts iterations, and ends them.

    Attributes:
        best: of all points; None where none is finite.
        tried: of those since it was set to None.
        steps: iterations that are done.
        history: an entry for each of them, of the point that it began at.
    """

    def __init__(self, function: Function, criteria: Criteria, events: Events) -> None:
        self._function, self._events = function, events
        self._most = MOST_ITERATIONS if criteria.epochs is None else criteria.epochs
        self._until = None if criteria.seconds is None else time.monotonic() + criteria.seconds
        self._last: Point | None = None
        self._begun: Point | None = None  # where the present iteration began
        self._norm = 0.0  # of the gradient there
        self.best: Point | None = None
        self.tried: Point | None = None
        self.first: Logged | None = None
        self.steps = 0
        self.history: Thinned[Epoch] = Thinned()

    def at(self, theta: Vector) -> Point:
        if self._last is None or not np.array_equal(self._last.theta, theta):
            if self._events.stop():
                raise _Ended("interrupted")
            if self.first is not None and self._until is not None and time.monotonic() >= self._until:
                raise _Ended("time")
            kept = np.array(theta, dtype=np.float64)
            self._last = _point(kept, self._function(kept))
            if self.first is None:
                self.first = Logged(kept, self._last.squares, _gradient(self._last))
        point = self._last
        if np.isfinite(point.squares):
            if self.best is None or point.squares < self.best.squares:
                self.best = point
            if self.tried is None or point.squares < self.tried.squares:
                self.tried = point
        return point

    def residuals(self, theta: Vector) -> Vector:
        point = self.at(theta)
        return point.residuals if np.isfinite(point.squares) else np.full_like(point.residuals, np.inf)

    def jacobian(self, theta: Vector) -> Matrix:
        """Solvers ask for it at the beginning of an iteration; some of them twice."""
        point = self.at(theta)
        if self._begun is None or not np.array_equal(self._begun.theta, theta):
            self.finish()
            if self.steps >= self._most:
                raise _Ended("epochs")
            self._begun = point
            self._norm = float(np.linalg.norm(_gradient(point)))
        return point.jacobian.copy()  # solvers factor it in its place

    def finish(self) -> None:
        """The iteration that has begun is done."""
        if self._begun is None or self._last is None or self.first is None:
            return
        self.steps += 1
        self.history = self.history.add(Epoch(self.steps, self.steps, self._begun.squares, self._norm))
        self._begun = None
        self._events.on_step(state_of(self.first.theta, self._last.theta, self.steps, self.history, self.first))


def _gradient(point: Point) -> Vector:
    """Of the sum of squares."""
    gradient: Vector = 2.0 * (point.jacobian.T @ point.residuals)
    return gradient


def _point(theta: Vector, found: Evaluated) -> Point:
    """With its sum of squares."""
    squares = float(found.residuals @ found.residuals)
    finite = np.isfinite(squares) and np.all(np.isfinite(found.jacobian))
    sizes = float(np.linalg.norm(found.sizes))
    return Point(theta, found.residuals, found.jacobian, squares if finite else float("inf"), sizes)


def solve(
    function: Function, start: Vector, lower: Vector, upper: Vector, names: Sequence[str],
    criteria: Criteria, events: Events,
) -> Solved:  # fmt: skip
    """Minimise a sum of squares.

    Args:
        function: with at least as many residuals as parameters.
        start: inside the bounds.
        lower, upper: infinities where there are none.
        names: of the parameters, for messages.
        criteria: epochs, the most iterations, and seconds; the others have no meaning here.
    """
    recorder = _Recorder(function, criteria, events)
    with np.errstate(all="ignore"):
        return _solved(recorder, start, lower, upper, names)


def _solved(recorder: _Recorder, start: Vector, lower: Vector, upper: Vector, names: Sequence[str]) -> Solved:
    chosen: Polished | None = None
    ended = ""
    try:
        if np.isfinite(recorder.at(start).squares):
            chosen = _best_of_tries(recorder, start, lower, upper)
    except _Ended as error:
        ended = str(error)
    if recorder.best is None:
        text = REASONS[ended].message if ended else "the model or its gradient is not finite at the start values"
        return Solved(start, float("nan"), None, False, ended or "nonfinite", text, 0, recorder.history, recorder.first)
    if ended or chosen is None:
        chosen = judged(None, recorder.best, lower, upper)
        converged, reason, message = False, ended, REASONS[ended].message
    else:
        converged, reason, message = _verdict(chosen, names)
    point = chosen.point
    return Solved(
        point.theta, point.squares, chosen, converged, reason, message, recorder.steps, recorder.history, recorder.first
    )


def _best_of_tries(recorder: _Recorder, start: Vector, lower: Vector, upper: Vector) -> Polished | None:
    """The first minimum that a try ends at, unless another one was better, or the best of what they end at."""
    chosen: Polished | None = None
    for attempt in _attempts(recorder, start, lower, upper):
        recorder.tried = None
        attempt()
        recorder.finish()
        if recorder.tried is None:
            continue
        found = polish(recorder.at, recorder.tried, lower, upper)
        for _ in range(_DESCENTS):
            if found.downhill is None or not _descend(recorder, found, lower, upper):
                break
            found = polish(recorder.at, recorder.tried, lower, upper)
        if chosen is None or _is_better(found, chosen):
            chosen = found
        if chosen.minimum:
            break
    return chosen


def _is_better(found: Polished, chosen: Polished) -> bool:
    """A smaller sum of squares is better; where they are level a minimum is."""
    ours, theirs = found.point.squares, chosen.point.squares
    if abs(ours - theirs) <= _LEVEL * theirs:
        return found.minimum and not chosen.minimum
    return ours < theirs


def _attempts(recorder: _Recorder, start: Vector, lower: Vector, upper: Vector) -> Iterator[Callable[[], None]]:
    """Ways to a minimum, the most promising first."""
    functions = recorder.residuals, recorder.jacobian
    most = 500 + 500 * len(start)  # evaluations
    bounded = bool(np.any(np.isfinite(lower) | np.isfinite(upper)))
    inside = _inside(start, lower, upper)
    if bounded:
        yield lambda: leastsquares.trusted(*functions, inside, lower, upper, None, most)
        yield lambda: leastsquares.trusted(*functions, inside, lower, upper, np.where(start, np.abs(start), 1.0), most)
        return
    for factor in (100.0, 1.0, 0.1):
        yield partial(leastsquares.marquardt, *functions, start, factor, None, most)
    yield lambda: leastsquares.marquardt(*functions, start, 1.0, 1.0 / np.where(start, np.abs(start), 1.0), most)
    yield lambda: leastsquares.trusted(*functions, inside, lower, upper, None, most)


def _inside(start: Vector, lower: Vector, upper: Vector) -> Vector:
    """The start, off the bounds."""
    room = np.where(np.isfinite(upper - lower), upper - lower, np.maximum(1.0, np.abs(start)))
    low, high = lower + _NEAR * room, upper - _NEAR * room
    moved: Vector = np.where(start <= lower, low, np.where(start >= upper, high, start))
    return moved


def _descend(recorder: _Recorder, found: Polished, lower: Vector, upper: Vector) -> bool:
    """From a point that is stationary but no minimum go down, and on from there. False where that fails."""
    assert found.downhill is not None
    size = float(np.sqrt(found.point.squares))
    for length in (1.0, 0.1, 0.01):
        for sign in (1.0, -1.0):
            theta = np.clip(found.point.theta + sign * length * size * found.downhill, lower, upper)
            if recorder.at(theta).squares < found.point.squares * (1.0 - _LEVEL):
                for attempt in _attempts(recorder, theta, lower, upper):
                    attempt()
                    recorder.finish()
                    return True
    return False


def _verdict(chosen: Polished, names: Sequence[str]) -> tuple[bool, str, str]:
    """Whether it converged, the reason in a word and in a sentence."""
    held = [name for name, is_free in zip(names, chosen.free, strict=True) if not is_free]
    note = f", with {listed(held)} at {'its bound' if len(held) == 1 else 'their bounds'}" if held else ""
    loose = [names[index] for index in chosen.loose]
    if chosen.minimum:
        digits = digits_of_residuals(chosen)
        if digits < 1.0:
            return True, "exact", "the residuals are rounding errors, and so are the standard errors" + note
        if digits < _DIGITS:
            text = f"the residuals are close to rounding errors: the standard errors have about {digits:.0f} digits"
            return False, "rounding", text + note
        text = f"the residuals are orthogonal to the model's tangent plane (offset {chosen.offset:.1e})"
        return True, "offset", text + note
    if chosen.determined and chosen.lowest <= 0.0 and chosen.offset <= _STATIONARY:
        return False, "saddle", "the gradient is 0, but the sum of squares is not at a minimum" + note
    if chosen.determined:
        vague = f"; the data hardly determine {listed(loose)}" if loose else ""
        text = f"no step makes the sum of squares smaller, but its gradient is not 0 (offset {chosen.offset:.1e})"
        return False, "gradient", text + vague + note
    change = "it changes" if len(loose) == 1 else "they change together"
    text = f"the data do not determine {listed(loose)}: near the last values the model is the same when {change}"
    return False, "undetermined", text + note


def listed(names: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
