"""When a training ends, and why.

Enters: criteria and a state. Leaves: a reason, or None. Invariant: it follows from the state alone, so that a run that
ended does not go on when it is resumed with the same criteria.
"""

from __future__ import annotations

from collections.abc import Mapping
from sys import float_info
from typing import NamedTuple

import numpy as np

from gradcli.training.layout import Vector
from gradcli.training.measures import distance, largest, norm
from gradcli.training.steps.state import State


class Criteria(NamedTuple):
    """What ends a run. None: this doesn't.

    Attributes:
        epochs: so many passes over the data, or iterations where there are no batches.
        loss: |change of an epoch's loss| <= loss * |loss|.
        gradient: the largest number of the gradient, by its absolute value, <= gradient. A number that would move its
            parameter out of its bounds does not count.
        step: norm of the last step <= step * (norm of the parameters + step).
        patience: so many epochs without a better validation loss. Needs validation data.
        seconds: the time all steps took.
    """

    epochs: int | None = None
    loss: float | None = None
    gradient: float | None = None
    step: float | None = None
    patience: int | None = None
    seconds: float | None = None


class Reason(NamedTuple):
    """Attributes:
    converged: whether it is a criterion of convergence.
    message: a sentence without a full stop, for `sentence`.
    """

    converged: bool
    message: str


REASONS: Mapping[str, Reason] = {
    "gradient": Reason(True, "the gradient is within its tolerance"),
    "loss": Reason(True, "the loss no longer changes by more than its tolerance"),
    "step": Reason(True, "the steps are within their tolerance"),
    "patience": Reason(False, "the validation loss has not become better for {patience}"),
    "epochs": Reason(False, "all epochs are done"),
    "time": Reason(False, "the time is up"),
    "interrupted": Reason(False, "interrupted"),
    "stalled": Reason(False, "nothing better is near, and yet the gradient is not flat"),
    "diverged": Reason(False, "it diverged"),
}


def sentence(reason: str, criteria: Criteria) -> str:
    """Why a run ended, in words."""
    epochs = criteria.patience or 0
    return REASONS[reason].message.format(patience=f"{epochs:,} epoch{'s' if epochs != 1 else ''}")


def settled(tolerance: float, before: float, after: float) -> bool:
    """Whether a loss has changed by no more than a tolerance, relative to itself."""
    return abs(after - before) <= tolerance * max(abs(after), float_info.min)


def decided(criteria: Criteria, state: State) -> str | None:
    """The reason for which a run ends here, but for the gradient, which is not in its state.

    What is said of epochs is looked at when one is finished, the number of epochs and the time after every step.
    """
    if state.row == 0 and state.history.last is not None and (met := _at_the_end_of_an_epoch(criteria, state)):
        return met
    if criteria.epochs is not None and state.epoch >= criteria.epochs:
        return "epochs"
    if criteria.seconds is not None and state.seconds >= criteria.seconds:
        return "time"
    return None


def _at_the_end_of_an_epoch(criteria: Criteria, state: State) -> str | None:
    last, before, tolerance = state.history.last, state.previous_loss, criteria.loss
    if tolerance is not None and last is not None and before is not None and settled(tolerance, before, last.loss):
        return "loss"
    if criteria.step is not None and state.previous is not None:
        length, size = distance(state.theta, state.previous), norm(state.theta) + criteria.step
        if length <= criteria.step * size:
            return "step"
    if criteria.patience is not None:
        better = 0 if state.best is None else state.best.epoch
        if state.epoch - better >= criteria.patience:
            return "patience"
    return None


def within(tolerance: float, theta: Vector, gradient: Vector, lower: Vector | None, upper: Vector | None) -> bool:
    """Whether no number of the gradient is larger, but for those that point out of the bounds."""
    return largest(inside(theta, gradient, lower, upper)) <= tolerance


def inside(theta: Vector, gradient: Vector, lower: Vector | None, upper: Vector | None) -> Vector:
    """The gradient, 0 where it would move its parameter out of its bounds."""
    if lower is not None:
        gradient = np.where((theta <= lower) & (gradient > 0.0), 0.0, gradient)
    if upper is not None:
        gradient = np.where((theta >= upper) & (gradient < 0.0), 0.0, gradient)
    return gradient
