"""The NumPy engine: a plan run over blocks of rows that fit into the cache.

Enters: a Derived, what is a column and what a number. Leaves: a function that fills output columns. Invariant: a row's
numbers depend neither on the block nor on the other rows in it: products stand for guarded ones, and the rows in which
an output tells that this may not hold, by being nan, are computed again with all guards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np

from gradcli.graph.derive import Derived
from gradcli.kernels.planning import Plan, plan

Column = Any

_BLOCK = 12_288  # rows: calling NumPy costs little then, and what a step reads is still in the second-level cache
_SMALLEST = 1_024
_TOGETHER = 1 << 19  # numbers in all columns and buffers of a block that has more rows than the smallest
_MOST = 1 << 23  # numbers in all columns and buffers of any block
_LINE = 8  # numbers in a line of the cache
_PADDING = 9 * _LINE  # between buffers, so that they do not fall on the same lines


def aligned(count: int) -> Column:
    """Memory for so many numbers that begins with a line of the cache: NumPy writes there up to twice as fast."""
    memory = np.empty(count + _LINE)
    start = -memory.ctypes.data % (_LINE * memory.itemsize) // memory.itemsize
    return memory[start : start + count]


def compiled(
    found: Derived, columns: Sequence[str], values: Mapping[str, float], wrt: Sequence[str]
) -> Callable[[Sequence[Column], Sequence[Column]], None]:
    """A function that takes the input columns and fills the output columns: value, then gradients."""
    return _Engine(found, columns, values, wrt).run


class _Engine:
    """Plans: a fast one, and a guarded one for rows in which that gives nan."""

    def __init__(self, found: Derived, columns: Sequence[str], values: Mapping[str, float], wrt: Sequence[str]) -> None:
        self._made_of = found, tuple(columns), dict(values), tuple(wrt)
        self._fast = _Runner(plan(*self._made_of, guarded=False))

    @cached_property
    def _guarded(self) -> _Runner:
        return _Runner(plan(*self._made_of, guarded=True))

    def run(self, given: Sequence[Column], results: Sequence[Column]) -> None:
        """Fill the results, block by block."""
        rows, count = self._fast.rows, len(results[0])
        with np.errstate(all="ignore"):
            for start in range(0, count, rows):
                inputs = [column[start : start + rows] for column in given]
                outputs = [column[start : start + rows] for column in results]
                if self._fast.run(inputs, outputs):
                    self._repair(inputs, outputs)

    def _repair(self, inputs: Sequence[Column], outputs: Sequence[Column]) -> None:
        """Compute rows anew in which a product may have made nan of 0 times infinity, or of 0 times nan."""
        odd = np.zeros(len(outputs[0]), dtype=bool)
        for position in self._fast.plan.checked:
            odd |= np.isnan(outputs[position])
        runner, rows = self._guarded, np.flatnonzero(odd)
        for start in range(0, len(rows), runner.rows):
            some = rows[start : start + runner.rows]
            found = [np.empty(len(some)) for _ in outputs]
            runner.run([column[some] for column in inputs], found)
            for column, new in zip(outputs, found, strict=True):
                column[some] = new


def _rows(live: int) -> int:
    """How many rows a block has, for so many columns and buffers."""
    usual = max(_SMALLEST, min(_BLOCK, _TOGETHER // live // _SMALLEST * _SMALLEST))
    return max(1, min(usual, _MOST // live))


class _Runner:
    """A plan with its buffers.

    Attributes:
        rows: the most that it can run at once.
    """

    def __init__(self, made: Plan) -> None:
        self.plan = made
        self.rows = _rows(made.buffers + made.columns + made.outputs)
        apart = -(-self.rows // _LINE) * _LINE + _PADDING
        memory = aligned(made.buffers * apart)
        self._buffers = [memory[start : start + self.rows] for start in range(0, made.buffers * apart, apart)]
        self._steps = [(call, itemgetter(*slots)) for call, slots in made.steps]

    def run(self, inputs: Sequence[Column], outputs: Sequence[Column]) -> bool:
        """One block. Whether an output that is checked has a nan."""
        count = len(outputs[0])
        buffers = self._buffers if count == self.rows else [buffer[:count] for buffer in self._buffers]
        least: list[float] = []
        slots = (*inputs, *outputs, least, *self.plan.numbers, *buffers)
        for call, taken in self._steps:
            call(*taken(slots))
        return any(number != number for number in least)
