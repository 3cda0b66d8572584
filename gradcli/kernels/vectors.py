"""The NumPy engine: a plan run over blocks of rows that fit into the cache.

Enters: a Derived, what is a column and what a number. Leaves: an `Engine`, which fills output columns or sums them.
Invariant: a row's numbers depend neither on the block nor on the other rows in it: products stand for guarded ones, and
the rows in which an output tells that this may not hold, by being nan, are computed again with all guards. Sums depend
on the rows, their order and the numbers alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from math import isfinite
from operator import add, itemgetter
from typing import Any

import numpy as np

from gradcli.graph.derive import Derived
from gradcli.kernels.planning import Plan, plan
from gradcli.kernels.summing import Summing, summing

Column = Any

_BLOCK = 12_288  # rows: calling NumPy costs little then, and what a step reads is still in the second-level cache
_SUMMED = 8_192  # rows: libraries of linear algebra compute so short a scalar product on one thread
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
    found: Derived,
    columns: Sequence[str],
    values: Mapping[str, float],
    wrt: Sequence[str],
    varying: Sequence[str] = (),
) -> Engine:
    """The engine of a derived graph.

    Args:
        columns: inputs that vary from row to row, in the order of the arrays.
        values: of the inputs that are the same in every row and every run.
        wrt: inputs, in the order of the outputs, which begin with the value.
        varying: inputs that are the same in every row, in the order of a run's numbers.
    """
    return Engine(found, columns, values, wrt, varying)


class Engine:
    """Plans: a fast one, a guarded one for rows in which that gives nan, and one of sums."""

    def __init__(
        self,
        found: Derived,
        columns: Sequence[str],
        values: Mapping[str, float],
        wrt: Sequence[str],
        varying: Sequence[str],
    ) -> None:
        self._made_of = found, tuple(columns), dict(values), tuple(wrt), tuple(varying)
        if not varying:
            _ = self._fast  # rows are wanted, not sums: it is ready when it has been made

    @cached_property
    def _fast(self) -> _Runner:
        return _Runner(plan(*self._made_of, guarded=False))

    @cached_property
    def _guarded(self) -> _Runner:
        return _Runner(plan(*self._made_of, guarded=True))

    @cached_property
    def _sums(self) -> tuple[Summing, _Runner]:
        found = summing(*self._made_of)
        return found, _Runner(found.plan, 2 * _SMALLEST, _SUMMED)

    def run(self, given: Sequence[Column], numbers: Column, results: Sequence[Column]) -> None:
        """Fill the results, block by block."""
        runner, count = self._fast, len(results[0])
        fixed = runner.plan.all_fixed(numbers.tolist())
        with np.errstate(all="ignore"):
            for start in range(0, count, runner.rows):
                inputs = [column[start : start + runner.rows] for column in given]
                outputs = [column[start : start + runner.rows] for column in results]
                if any(least != least for least in runner.run(inputs, outputs, fixed, len(outputs[0]))):
                    self._repair(inputs, numbers, outputs)

    def _repair(self, inputs: Sequence[Column], numbers: Column, outputs: Sequence[Column]) -> None:
        """Compute rows anew in which a product may have made nan of 0 times infinity, or of 0 times nan."""
        odd = np.zeros(len(outputs[0]), dtype=bool)
        for position in self._fast.plan.checked:
            odd |= np.isnan(outputs[position])
        runner, rows = self._guarded, np.flatnonzero(odd)
        fixed = runner.plan.all_fixed(numbers.tolist())
        for start in range(0, len(rows), runner.rows):
            some = rows[start : start + runner.rows]
            found = [np.empty(len(some)) for _ in outputs]
            runner.run([column[some] for column in inputs], found, fixed, len(some))
            for column, new in zip(outputs, found, strict=True):
                column[some] = new

    def totals(self, given: Sequence[Column], numbers: Column, count: int) -> Column:
        """The sum of every output; blocks in which a sum is not finite are computed row by row."""
        found, runner = self._sums
        fixed = found.plan.all_fixed(numbers.tolist())
        sums: list[float] | None = None
        odd, odd_rows = np.zeros(found.outputs), 0
        with np.errstate(all="ignore"):
            for start in range(0, count, runner.rows):
                inputs = [column[start : start + runner.rows] for column in given]
                rows = min(runner.rows, count - start)
                some = runner.run(inputs, (), fixed, rows)
                if not all(map(isfinite, some)):
                    odd += self._added(inputs, numbers, rows)
                    odd_rows += rows
                else:
                    sums = some if sums is None else list(map(add, sums, some))
            if sums is None:
                return odd
            totals = np.array(found.totals(sums, fixed, count - odd_rows))
            return totals + odd if np.isfinite(totals).all() else self._added(given, numbers, count)

    def _added(self, given: Sequence[Column], numbers: Column, count: int) -> Column:
        """The sums of columns that `run` fills."""
        rows = min(count, self._fast.rows)
        found = np.zeros(1 + len(self._made_of[3]))
        columns = [aligned(rows) for _ in found]
        for start in range(0, count, rows):
            results = [column[: count - start] for column in columns]
            self.run([column[start : start + rows] for column in given], numbers, results)
            found += [np.add.reduce(column) for column in results]
        return found


def _rows(live: int, smallest: int = _SMALLEST) -> int:
    """How many rows a block has, for so many columns and buffers."""
    usual = max(smallest, min(_BLOCK, _TOGETHER // live // _SMALLEST * _SMALLEST))
    return max(1, min(usual, _MOST // live))


class _Runner:
    """A plan with its buffers.

    Attributes:
        rows: the most that it can run at once.
    """

    def __init__(self, made: Plan, smallest: int = _SMALLEST, most: int = _BLOCK) -> None:
        self.plan = made
        self.rows = min(most, _rows(max(1, made.buffers + made.columns + made.outputs), smallest))
        apart = -(-self.rows // _LINE) * _LINE + _PADDING
        memory = aligned(made.buffers * apart)
        self._buffers = [memory[start : start + self.rows] for start in range(0, made.buffers * apart, apart)]
        self._steps = [(call, itemgetter(*slots)) for call, slots in made.steps]
        self._shorter = 0, self._buffers

    def run(
        self, inputs: Sequence[Column], outputs: Sequence[Column], fixed: Sequence[float], count: int
    ) -> list[float]:
        """One block of so many rows. What its steps note.

        Args:
            fixed: what is the same in all rows.
        """
        buffers = self._buffers if count == self.rows else self._short(count)
        notes: list[float] = []
        slots = (*inputs, *outputs, notes, *fixed, *buffers)
        for call, taken in self._steps:
            call(*taken(slots))
        return notes

    def _short(self, count: int) -> Sequence[Column]:
        """Buffers for fewer rows: nearly always as many as the last time."""
        if self._shorter[0] != count:
            self._shorter = count, [buffer[:count] for buffer in self._buffers]
        return self._shorter[1]
