"""The native engine: a derived graph compiled by the C compiler of this machine, over rows and cores.

Enters: a Derived. Leaves: a function that fills output columns from input columns. Invariant: a row's numbers depend on
that row alone, not on where it stands nor on how many threads there are; nan and infinities are what IEEE 754 says.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from gradcli.graph.derive import Derived
from gradcli.kernels.native import cache, compiler
from gradcli.kernels.native.errors import NativeError
from gradcli.kernels.native.source import LANES, Source

__all__ = ["NativeError", "available", "compiled"]

Column = Any  # an array of float64
_ROWS_PER_THREAD = 32_768  # below, a thread costs more than it saves
_CACHED = 2_000_000  # results that may still be in a cache when they are read


def available() -> bool:
    """Whether a C compiler is on PATH."""
    return compiler.command() is not None


def compiled(
    derived: Derived,
    columns: Sequence[str],
    values: Mapping[str, float],
    wrt: Sequence[str],
    threads: int | None = None,
) -> Callable[[Sequence[Column], Sequence[Column]], None]:
    """A function that computes every row.

    Args:
        derived: the gates.
        columns: inputs that vary from row to row, in the order of the arrays.
        values: of the inputs that are the same in every row.
        wrt: inputs, in the order of the outputs, which begin with the value.
        threads: None means as many as this process may use.

    Raises:
        NativeError: there is no compiler, it failed, or the library can't be loaded.
    """
    library = _library(Source(derived, columns, [*values], wrt))
    fixed = np.array([float(x) for x in values.values()] or [0.0])
    most = _cores() if threads is None else max(1, threads)

    def call(blocks: int, inputs: Sequence[Column], outputs: Sequence[Column]) -> None:
        workers = max(1, min(most, blocks * LANES // _ROWS_PER_THREAD))
        apart = len(outputs) * blocks * LANES > _CACHED
        library.run(blocks, workers, apart, _addresses(inputs), fixed.ctypes.data, _addresses(outputs))

    def run(inputs: Sequence[Column], outputs: Sequence[Column]) -> None:
        count = len(outputs[0])
        blocks = count // LANES
        whole = blocks * LANES
        if blocks:
            call(blocks, inputs, outputs)
        if whole < count:  # the last rows in a block of their own, whose other rows are a copy of one of them
            given = np.empty((len(inputs), LANES))
            for row, column in zip(given, inputs, strict=True):
                row[: count - whole] = column[whole:]
                row[count - whole :] = column[-1]
            found = np.empty((len(outputs), LANES))
            call(1, [*given], [*found])
            for row, column in zip(found, outputs, strict=True):
                column[whole:] = row[: count - whole]

    return run


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _addresses(arrays: Sequence[Column]) -> Any:
    """A C array of where columns begin."""
    for one in arrays:
        if one.dtype != np.float64 or not one.flags.c_contiguous:
            raise ValueError("a column is not a contiguous array of float64")
    return (ctypes.c_void_p * len(arrays))(*(one.ctypes.data for one in arrays))


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
    except (OSError, AttributeError) as error:
        raise NativeError("the compiled library can't be loaded") from error
    library.run.restype = None
    return library
