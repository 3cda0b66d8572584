"""All that the next step of a training depends on.

Enters: start values. Leaves: a `State` after every step. Invariant: no state changes once it is made, nor do its
vectors, and what follows from a state does not depend on how it was come by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, overload

import numpy as np

from gradcli.training.layout import Vector
from gradcli.training.results import Epoch, Watched

MOST_ENTRIES = 10_000  # of a history


class _OfAnEpoch(Protocol):
    @property
    def epoch(self) -> int:
        """1, 2, …"""


Entry = TypeVar("Entry", bound=_OfAnEpoch)


class Thinned(Generic[Entry]):
    """Entries by epoch, in order: all of them, or those of every second, fourth, … epoch where that would be too many.

    The first and the last one are always there. `add` gives a new one and leaves this one as it was, in constant time.

    Attributes:
        stride: those of the epochs 1, 1 + stride, … are kept, and the last one.
        last: None where there are none.
    """

    __slots__ = ("_count", "_kept", "last", "stride")

    def __init__(self, kept: list[Entry] | None = None, stride: int = 1, last: Entry | None = None) -> None:
        self._kept: list[Entry] = [] if kept is None else kept  # grows behind the first _count, which belong to us
        self._count = len(self._kept)
        self.stride = stride
        self.last = last

    def add(self, entry: Entry) -> Thinned[Entry]:
        """With one entry more, of a later epoch than all others."""
        kept, stride = self._kept, self.stride
        if (entry.epoch - 1) % stride:
            return self._like(kept, self._count, stride, entry)
        if len(kept) != self._count:  # somebody else went on from here
            kept = kept[: self._count]
        if self._count + 1 >= MOST_ENTRIES:
            stride *= 2
            kept = [one for one in kept if (one.epoch - 1) % stride == 0]
        if (entry.epoch - 1) % stride == 0:
            kept.append(entry)
        return self._like(kept, len(kept), stride, entry)

    @staticmethod
    def _like(kept: list[Entry], count: int, stride: int, last: Entry) -> Thinned[Entry]:
        made: Thinned[Entry] = Thinned.__new__(Thinned)
        made._kept, made._count, made.stride, made.last = kept, count, stride, last
        return made

    def entries(self) -> list[Entry]:
        """At most MOST_ENTRIES; a list of the caller's own."""
        kept = self._kept[: self._count]
        if self.last is not None and (not kept or kept[-1].epoch != self.last.epoch):
            kept.append(self.last)
        return kept

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Thinned):
            return NotImplemented
        return self.stride == other.stride and self.entries() == other.entries()

    __hash__ = None  # type: ignore[assignment]


class Best(NamedTuple):
    """The parameters with the smallest validation loss, and the epoch at whose end they were that."""

    epoch: int
    loss: float
    theta: Vector


class Logged(NamedTuple):
    """An evaluation of a minimiser that keeps its own counsel: replayed, it brings it to where it was."""

    theta: Vector
    loss: float
    gradient: Vector


class Log(Sequence[Logged]):
    """Evaluations in their order. `with_more` gives a new one and leaves this one as it was; both share the memory."""

    __slots__ = ("_count", "_kept")

    def __init__(self, kept: Sequence[Logged] = ()) -> None:
        self._kept = [*kept]  # grows behind the first _count, which belong to us
        self._count = len(self._kept)

    def with_more(self, more: Sequence[Logged]) -> Log:
        made = Log.__new__(Log)
        made._kept = self._kept if len(self._kept) == self._count else self._kept[: self._count]
        made._kept += more
        made._count = len(made._kept)
        return made

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Logged: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Logged]: ...
    def __getitem__(self, place: int | slice) -> Logged | Sequence[Logged]:
        if isinstance(place, slice):
            return self._kept[: self._count][place]
        return self._kept[range(self._count)[place]]


class State(NamedTuple):
    """What a training is at, between two steps. Make the first one by `begin`.

    Attributes:
        theta: the parameters.
        memory: of the optimiser, vectors by name, as its row says.
        step: steps taken.
        epoch: epochs that are finished.
        row: rows of the present epoch that are done, in its order; 0 at the beginning of an epoch.
        batch: batches of the present epoch that are done.
        loss, gradient_norm: means over what is done of the present epoch: of the losses, each batch counted by its
            rows, and of the norms of the gradients before clipping, each batch counted once.
        start_loss: of the very first batch, at the start values; None before the first step.
        previous: the parameters before the last step; None before the first.
        previous_loss: of the epoch before the last finished one.
        best: None without validation data, or where its loss has not been a number yet.
        history: of the finished epochs.
        watched: what `Events.on_epoch` gave.
        log: evaluations so far of a minimiser that has no steps of its own; empty where nobody is going to resume it.
        seconds: the time that the steps so far took; counted only where there is a limit to it.
    """

    theta: Vector
    memory: Mapping[str, Vector]
    step: int = 0
    epoch: int = 0
    row: int = 0
    batch: int = 0
    loss: float = 0.0
    gradient_norm: float = 0.0
    start_loss: float | None = None
    previous: Vector | None = None
    previous_loss: float | None = None
    best: Best | None = None
    history: Thinned[Epoch] = Thinned()
    watched: Thinned[Watched] = Thinned()
    log: Sequence[Logged] = ()
    seconds: float = 0.0


def begin(theta: Vector, memory: tuple[str, ...] = ()) -> State:
    """The state before the first step; memory: the names of the optimiser's vectors, which begin as zeros."""
    start = np.array(theta, dtype=np.float64)
    return State(start, {name: np.zeros(start.size) for name in memory}, history=Thinned(), watched=Thinned())


def _unwatched(state: State, batch: Mapping[str, Any]) -> Watched | None:
    return None


def _nothing(state: State) -> None:
    return None


def _never() -> bool:
    return False


class Events(NamedTuple):
    """What somebody wants to know, or to have a say in, while it runs.

    Attributes:
        on_step: called after every step: checkpoints, progress. The state at the end of an epoch has the epoch's entry
            in its history already.
        on_epoch: called at the beginning of an epoch, before its first step, with the columns of its first batch; what
            it gives is kept in `State.watched`. Not called again for an epoch that is resumed in its middle.
        stop: asked after every step, after `on_step`; True ends the run with the reason "interrupted".
    """

    on_step: Callable[[State], None] = _nothing
    on_epoch: Callable[[State, Mapping[str, Any]], Watched | None] = _unwatched
    stop: Callable[[], bool] = _never


QUIET = Events()


class Ended(NamedTuple):
    """How a run ended.

    Attributes:
        state: to go on from. It is always one that the run was in, also where it diverged: going on diverges again.
        reason: a key of `stopping.REASONS`.
        converged: whether that is a criterion of convergence.
        theta: the parameters to keep: with patience those with the best validation loss; of a run that diverged the
            last ones whose loss was a finite number that had not exploded; else those of the state.
        bad_theta: parameters at which the loss or its gradient is not finite or has exploded, or which are not finite
            themselves; None unless it diverged.
        bad_batch: the columns of the batch at which that was seen.
        trouble: what was wrong, such as "the loss is nan", a sentence without a full stop; None unless it diverged, or
            where there is more to say of the reason.
        growth: of a run that diverged: the loss at `bad_theta` divided by the one before; None unless both are finite.
    """

    state: State
    reason: str
    converged: bool
    theta: Vector
    bad_theta: Vector | None = None
    bad_batch: Mapping[str, Any] | None = None
    trouble: str | None = None
    growth: float | None = None
