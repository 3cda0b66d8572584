"""The native engine: a derived graph compiled by the C compiler of this machine, over rows and cores.

Enters: a Derived. Leaves: an engine that fills output columns from input columns, or adds up what would stand in them.
Invariant: a row's numbers depend on that row alone, not on where it stands, and the bits of a sum on the rows alone;
neither on how many threads there are. nan and infinities are what IEEE 754 says.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Mapping, Sequence
from hashlib import sha256
from operator import is_
from pathlib import Path
from typing import Any

import numpy as np

from gradcli.graph.derive import Derived
from gradcli.kernels.native import cache, compiler
from gradcli.kernels.native.errors import NativeError
from gradcli.kernels.native.source import Source
from gradcli.kernels.native.totals import LANES, Sizes

__all__ = ["NativeError", "available", "compiled"]

Column = Any  # an array of float64
Vector = Any  # an array of float64, short
_FLOAT = np.dtype(np.float64)
_ROWS_PER_THREAD = 32_768  # below, a thread costs more than it saves
_WORK_PER_THREAD = 1 << 17  # the same for sums, which write nothing: rows times the work of one
_CACHED = 2_000_000  # results that may still be in a cache when they are read
_GAP = 64  # numbers between what is read and what is written


def available() -> bool:
    """Whether a C compiler is on PATH."""
    return compiler.command() is not None


def compiled(
    derived: Derived,
    columns: Sequence[str],
    values: Mapping[str, float],
    wrt: Sequence[str],
    varying: Sequence[str] = (),
    threads: int | None = None,
) -> Engine:
    """What computes every row.

    Args:
        derived: the gates.
        columns: inputs that vary from row to row, in the order of the arrays.
        values: of the inputs that are the same in every row of every run.
        wrt: inputs, in the order of the outputs, which begin with the value.
        varying: inputs that are the same in every row of a run.
        threads: None means as many as this process may use.

    Raises:
        NativeError: there is no compiler, it failed, or the library can't be loaded.
    """
    source = Source(derived, columns, [*values, *varying], wrt)
    most = _cores() if threads is None else max(1, threads)
    return Engine(_library(source), source, [*values.values()], len(varying), most)


class Engine:
    """A library, and the memory that it works in; safe to use from one thread at a time."""

    def __init__(self, library: Any, source: Source, values: Sequence[float], varying: int, threads: int) -> None:
        self._library, self._threads = library, threads
        self._fixed = np.array([*map(float, values), *[0.0] * varying, 0.0])
        self._numbers = self._fixed[len(values) : len(values) + varying]
        self._sums = _Sums(source.sizes, self._fixed)

    def _set(self, numbers: Vector | Sequence[float]) -> None:
        if len(numbers) != len(self._numbers):
            raise ValueError(f"{len(numbers)} numbers for {len(self._numbers)} inputs")
        if len(numbers):
            self._numbers[:] = numbers

    def run(self, inputs: Sequence[Column], numbers: Vector | Sequence[float], results: Sequence[Column]) -> None:
        """Fill the results.

        Args:
            inputs: contiguous arrays of float64, all of one length.
            numbers: of the inputs that vary from run to run.
            results: arrays of the same kind; value, then gradients.
        """
        self._set(numbers)
        count = len(results[0])
        blocks = count // LANES
        whole = blocks * LANES
        if blocks:
            self._call(blocks, inputs, results)
        if whole < count:  # the last rows in a block of their own, whose other rows are a copy of one of them
            given = np.empty((len(inputs), LANES))
            for row, column in zip(given, inputs, strict=True):
                row[: count - whole] = column[whole:]
                row[count - whole :] = column[-1]
            found = np.empty((len(results), LANES))
            self._call(1, [*given], [*found])
            for row, column in zip(found, results, strict=True):
                column[whole:] = row[: count - whole]

    def _call(self, blocks: int, inputs: Sequence[Column], results: Sequence[Column]) -> None:
        workers = max(1, min(self._threads, blocks * LANES // _ROWS_PER_THREAD))
        apart = len(results) * blocks * LANES > _CACHED
        given, found = _addresses(map(_address, inputs)), _addresses(map(_address, results))
        self._library.run(blocks, workers, apart, given, self._fixed.ctypes.data, found)

    def totals(self, inputs: Sequence[Column], numbers: Vector | Sequence[float], count: int) -> Vector:
        """The sums over all rows of what `run` gives.

        Args:
            inputs: as for `run`.
            numbers: as for `run`.
            count: of rows; without inputs nothing else tells it.
        """
        self._set(numbers)
        sums = self._sums
        if not sums.is_prepared(inputs, count):
            sums.prepare(inputs, count, self._threads)
        self._library.totals(sums.place)
        return sums.found.copy()


class _Job(ctypes.Structure):
    """What the library reads, as it declares it."""

    _fields_ = (
        ("count", ctypes.c_int64), ("workers", ctypes.c_int64), ("together", ctypes.c_int64),
        ("inputs", ctypes.c_void_p), ("last_inputs", ctypes.c_void_p), ("fixed", ctypes.c_void_p),
        ("out", ctypes.c_void_p), ("scratch", ctypes.c_void_p), ("partial", ctypes.c_void_p), ("sums", ctypes.c_void_p),
    )  # fmt: skip


class _Sums:
    """Where sums are made. It is prepared for columns, and need not be again as long as the same ones come.

    Columns are known by weak references: they tell when an array is gone, they keep none alive, and NumPy moves the
    memory of no array that has one. So an array that is still the same object is where it was.

    Attributes:
        found: the sums of the last call.
        place: the address of what the library reads.
    """

    def __init__(self, sizes: Sizes, fixed: Vector) -> None:
        self._sizes = sizes
        self._inputs = _addresses([0] * sizes.columns)
        self._job = _Job(together=sizes.together, fixed=fixed.ctypes.data, inputs=ctypes.addressof(self._inputs))
        self.place = ctypes.addressof(self._job)
        self.found = np.empty(0)
        self._known: list[weakref.ref[Column]] = []
        self._count = -1
        self._kept: dict[str, Any] = {}  # memory that the job points at

    def is_prepared(self, inputs: Sequence[Column], count: int) -> bool:
        """Whether the library would read these columns."""
        if count != self._count or len(inputs) != len(self._known):
            return False
        return all(map(is_, inputs, [known() for known in self._known]))

    def prepare(self, inputs: Sequence[Column], count: int, threads: int) -> None:
        """Point at these columns.

        Raises:
            ValueError: a column is not a contiguous array of so many floats.
        """
        self._count = -1
        sizes, job = self._sizes, self._job
        if len(inputs) != sizes.columns or {*map(len, inputs)} - {count}:
            raise ValueError(f"not {sizes.columns} columns of {count} rows")
        self._inputs[:] = [*map(_address, inputs)]
        parts = -(-count // (sizes.part * LANES))
        job.count, job.workers = count, max(1, min(threads, parts, count * sizes.work // _WORK_PER_THREAD))
        self._grow(job.workers, min(parts, sizes.together))
        self._known = [*map(weakref.ref, inputs)]
        self._count = count

    def _grow(self, workers: int, parts: int) -> None:
        """Make memory for so many threads, and for the sums of so many parts, unless there is enough.

        What there is stays until all that takes its place is made: there may be no memory.
        """
        sizes, job, kept = self._sizes, self._job, self._kept
        if not len(self.found):
            last, found = np.empty(sizes.columns * LANES + 1), np.empty(sizes.results)
            start = last.ctypes.data
            last_inputs = _addresses(start + 8 * LANES * k for k in range(sizes.columns))
            kept |= {"last": last, "last_inputs": last_inputs}
            self.found, job.sums, job.last_inputs = found, found.ctypes.data, ctypes.addressof(last_inputs)
        if workers * sizes.results > len(kept.get("out", ())):
            scratch = np.empty(workers * sizes.scratch + 2 * _GAP)
            start = scratch.ctypes.data + 8 * _GAP
            start += -start % (8 * _GAP)
            places = (k * sizes.scratch + j * sizes.apart for k in range(workers) for j in range(sizes.results))
            out = _addresses(start + 8 * place for place in places)
            kept |= {"scratch": scratch, "out": out}
            job.scratch, job.out = start, ctypes.addressof(out)
        if parts * sizes.results > len(kept.get("partial", ())):
            kept["partial"] = np.empty(parts * sizes.results)
            job.partial = kept["partial"].ctypes.data


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _address(column: Column) -> int:
    """Where a column begins."""
    if column.dtype != _FLOAT or not column.flags.c_contiguous:
        raise ValueError("a column is not a contiguous array of float64")
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(column))  # a third of the time
    except (TypeError, ValueError):  # it may not be written to, or it is empty
        return int(column.ctypes.data)


def _addresses(found: Any) -> Any:
    """A C array of them."""
    listed = list(found)
    return (ctypes.c_void_p * len(listed))(*listed)


def _library(source: Source) -> Any:
    """The library of a translation unit: one that was made before, or a new one."""
    found = compiler.find()
    first = compiler.best(source.gates)
    parts = (source.text(first.vectors), *first.flags, *compiler.REQUIRED, *found, compiler.processor())
    key = sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]
    path = cache.find(key)
    if path is not None:
        return _loaded(path)
    return cache.make(key, lambda folder: compiler.build(found, source.text, source.gates, folder), _loaded)


def _loaded(path: Path) -> Any:
    try:
        library = ctypes.CDLL(str(path))
        library.run.argtypes = [ctypes.c_int64, ctypes.c_int, ctypes.c_int, *[ctypes.c_void_p] * 3]
        library.totals.argtypes = [ctypes.c_void_p]
    except (OSError, AttributeError) as error:
        raise NativeError("the compiled library can't be loaded") from error
    library.run.restype = library.totals.restype = None
    return library
