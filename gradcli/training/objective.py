"""What is made small: a number and its gradient, of a vector of parameters and columns of data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

from gradcli.traces import Trace
from gradcli.training.layout import Layout, Vector

Columns: TypeAlias = Mapping[str, Any]
"""Rows of data: arrays of floats by input, all with the rows as their first axis; empty where there is no data."""


def count(columns: Columns) -> int:
    """How many rows there are."""
    return len(next(iter(columns.values()))) if columns else 0


class Evaluation(NamedTuple):
    """The loss and its gradient at a point; either may be nan or infinite."""

    loss: float
    gradient: Vector


class Blamed(NamedTuple):
    """The gate at which numbers went wrong.

    Attributes:
        text: of the gate, as messages write it, its stage's name if it has one.
        start, end: its place in the program.
        message: what happened there, a sentence without a full stop.
        at_start: whether it was so at the start values, before any step.
    """

    text: str
    start: int
    end: int
    message: str
    at_start: bool = False


class Addend(Protocol):
    """What is added to a loss and depends on the parameters alone."""

    def added(self, found: Evaluation, theta: Vector) -> Evaluation:
        """A loss and its gradient with those of this."""


class Objective(Protocol):
    """A loss. Pure: what it gives depends on its arguments alone."""

    @property
    def layout(self) -> Layout:
        """Of the parameters."""

    @property
    def engine(self) -> str:
        """What computes: "numpy" and "native" are kernels over rows, "arrays" the passes on arrays."""

    @property
    def penalty(self) -> Addend | None:
        """What `evaluate` adds to the loss."""

    def evaluate(self, theta: Vector, columns: Columns) -> Evaluation:
        """The loss over these rows, penalty included, and its gradient. Never warns."""

    def loss(self, theta: Vector, columns: Columns) -> float:
        """The loss alone, without the penalty: what is compared on other data."""

    def trace(self, theta: Vector, columns: Columns) -> Trace:
        """Both passes over these rows, gate by gate; every gate that depends on data has the rows as its first axis.

        The penalty takes no part.
        """

    def blame(self, theta: Vector, columns: Columns, start: Vector) -> Blamed | None:
        """The gate to blame for a loss or a gradient that is not finite, or that exploded since `start`."""
