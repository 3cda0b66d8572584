"""Reading a state back: every field is looked at before anything is used.

Enters: the document of a checkpoint. Leaves: a `State`. Invariant: what is not exactly what a run could have written is
`Damaged`, with the field's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from gradcli.readers.json_values import NON_FINITE
from gradcli.training.layout import Vector
from gradcli.training.results import Epoch, Watched, WatchedParameter, WatchedStage
from gradcli.training.steps.state import MOST_ENTRIES, Best, Logged, State, Thinned

Reading: TypeAlias = Callable[[Any], Any]  # makes the value of a part of the document

MOST_STEPS = 2**53


class Pace(NamedTuple):
    """What the counts of a state follow from.

    Attributes:
        rows: of an epoch, at least 1.
        size: rows of a step but for an epoch's last one.
        logged: whether evaluations are stored: that of the start, and at least one of every step.
    """

    rows: int = 1
    size: int = 1
    logged: bool = False

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return -(-self.rows // self.size)


class Damaged(Exception):
    """Why a document is no checkpoint."""


def need(held: bool, why: str) -> None:
    """Raise Damaged unless it is as it should be."""
    if not held:
        raise Damaged(why)


def whole(content: Any) -> int:
    """0, 1, 2, …"""
    need(type(content) is int and 0 <= content <= MOST_STEPS, "a count is no whole number")
    found: int = content
    return found


def number(content: Any) -> float:
    """A float; nan and infinities are texts."""
    if isinstance(content, str) and content in NON_FINITE:
        return NON_FINITE[content]
    need(type(content) in (int, float), "a number is none")
    try:
        found = float(content)
    except OverflowError:
        found = np.inf
    need(isfinite(found), "a number is none")
    return found


def finite(content: Any) -> float:
    """A float that is finite."""
    found = number(content)
    need(isfinite(found), "a number is not finite")
    return found


def text(content: Any) -> str:
    """A text."""
    need(isinstance(content, str), "a text is none")
    return str(content)


def optional(reading: Reading) -> Reading:
    """null, or what another reading makes."""
    return lambda content: None if content is None else reading(content)


def several(reading: Reading) -> Reading:
    """A tuple of what another reading makes."""

    def read(content: Any) -> tuple[Any, ...]:
        need(isinstance(content, list), "a list is none")
        return tuple(reading(one) for one in content)

    return read


def record(kind: Callable[..., Any], *readings: Reading) -> Reading:
    """A record of fields in their order."""

    def read(content: Any) -> Any:
        need(isinstance(content, list) and len(content) == len(readings), "a record has too few or too many fields")
        return kind(*(reading(one) for reading, one in zip(readings, content, strict=True)))

    return read


def vector(size: int) -> Reading:
    """So many finite numbers."""

    def read(content: Any) -> Vector:
        need(isinstance(content, list), "a vector is no list")
        need(len(content) == size, f"a vector has {len(content)} numbers instead of {size}")
        need({*map(type, content)} <= {int, float}, "a vector's number is none")
        try:
            found = np.array(content, dtype=np.float64)
        except OverflowError:
            raise Damaged("a vector's number is too large") from None
        need(bool(np.isfinite(found).all()), "a vector's number is not finite")
        return found

    return read


def thinned(reading: Reading) -> Reading:
    """Entries by epoch."""

    def read(content: Any) -> Thinned[Any]:
        need(isinstance(content, list) and len(content) == 2, "entries are none")
        stride, entries = whole(content[0]), list(several(reading)(content[1]))
        need(stride > 0 and stride & (stride - 1) == 0 and len(entries) <= MOST_ENTRIES, "entries are none")
        epochs = [one.epoch for one in entries]
        need(all(a < b for a, b in zip([0, *epochs], epochs, strict=False)), "entries are not in their order")
        kept = [one for one in entries if (one.epoch - 1) % stride == 0]
        need(not [one for one in entries[:-1] if (one.epoch - 1) % stride], "entries are not in their order")
        return Thinned(kept, stride, entries[-1] if entries else None)

    return read


_SHARE = optional(number)
_EPOCH = record(Epoch, whole, whole, number, number, optional(number), optional(number))
_STAGE = record(WatchedStage, text, number, _SHARE, _SHARE, _SHARE, several(whole))
_WATCHED = record(Watched, whole, several(_STAGE), several(record(WatchedParameter, text, number, _SHARE)))


def state_of(document: Mapping[str, Any], size: int, memory: tuple[str, ...], pace: Pace | None) -> State:
    """The state of a checkpoint's document.

    Args:
        pace: of the run; None where nothing is known of it.

    Raises:
        Damaged: it is none of a run over so many numbers with such a memory.
    """
    theta = vector(size)

    def remembered(content: Any) -> dict[str, Vector]:
        need(isinstance(content, dict) and {*content} == {*memory}, "it has not the vectors of this optimiser")
        return {name: theta(content[name]) for name in memory}

    readings: dict[str, Reading] = {
        "theta": theta,
        "memory": remembered,
        **dict.fromkeys(("step", "epoch", "row", "batch"), whole),
        "loss": finite,
        "gradient_norm": finite,
        "start_loss": optional(finite),
        "previous": optional(theta),
        "previous_loss": optional(finite),
        "best": optional(record(Best, whole, number, theta)),
        "history": thinned(_EPOCH),
        "watched": thinned(_WATCHED),
        "log": several(record(Logged, theta, number, theta)),
        "seconds": finite,
    }
    found = {}
    for name, reading in readings.items():
        need(name in document, f"{name} is missing")
        try:
            found[name] = reading(document[name])
        except Damaged as error:
            raise Damaged(f"{name}: {error}") from None
    state = State(**found)
    _check_counts(state, pace)
    _check_history(state.history, state.epoch)
    need(state.best is None or state.best.epoch <= state.epoch, "best: it is of an epoch to come")
    return state


def _check_counts(state: State, pace: Pace | None) -> None:
    """Steps, epochs, rows and batches tell of one place in a run."""
    wrong = "its counts do not fit together"
    need((state.row > 0) == (state.batch > 0) and state.batch <= state.step, wrong)
    need(state.step == 0 or (state.previous is not None and state.start_loss is not None), wrong)
    if pace is None:
        return
    need(state.row < pace.rows and state.row == state.batch * pace.size, "its rows are not those of the data's batches")
    need(state.step == state.epoch * pace.steps + state.batch, wrong)
    need(not pace.logged or state.step == 0 or len(state.log) > state.step, "log: evaluations are missing")
    entries = state.history.entries()
    need(all(one.step == one.epoch * pace.steps for one in entries), "history: its steps are not those of its epochs")


def _check_history(history: Thinned[Epoch], epoch: int) -> None:
    """No entry is missing of those that a run keeps."""
    need((0 if history.last is None else history.last.epoch) == epoch, "history: it ends at another epoch")
    kept = [one.epoch for one in history.entries() if (one.epoch - 1) % history.stride == 0]
    need(kept == [*range(1, epoch + 1, history.stride)], "history: entries are missing")
