"""The loop: a block of rows becomes numbers, these become results, and the results are written.

Enters: a job's kernel, an open reader, a writer. Leaves: the writer filled, and a `Tally`. Invariant: rows keep their
order; at most three blocks are in memory at once; whatever ends the loop, no thread goes on after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from gradcli.batch.cells import Array, Cells, bad_cell, broken_row, cells
from gradcli.batch.job import Job
from gradcli.batch.tally import Tally, together
from gradcli.errors import DataError
from gradcli.kernels.counting import odd
from gradcli.printable import shorten
from gradcli.tables import FORMATS

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from gradcli.kernels import Outputs
    from gradcli.tables.blocks import Block, Kept
    from gradcli.tables.rejects import Rejects
    from gradcli.tables.writing import Writer

Watch = Callable[[int, float | None], None]  # gets the rows so far and the share of all bytes, after every block


class Computing(Protocol):
    """What makes results of columns: a kernel, or what stands in its place."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """What has to have a column."""

    @property
    def engine(self) -> str:
        """What computes, by name."""

    def run(self, columns: Mapping[str, Array]) -> Outputs:
        """The value of every row, and further columns by the names of `Job.wrt`. Never warns."""

    def blame(self, columns: Mapping[str, Array]) -> dict[tuple[int, int], int]:
        """Where in the program numbers stop being finite, with the number of rows."""


class Loop(NamedTuple):
    """What one table is run through.

    Attributes:
        name: of the file, for messages.
        rejected: where bad rows go; None for nowhere.
        flush: gets results out of the house at once; None where nobody waits for them.
        threaded: whether reading and writing go on beside the kernel; only where a read never waits for somebody.
        share: of the table that has been read.
    """

    job: Job
    kernel: Computing
    name: str
    writer: Writer
    rejected: Rejects | None = None
    flush: Callable[[], None] | None = None
    threaded: bool = False
    watch: Watch | None = None
    share: Callable[[], float | None] = lambda: None


class _Ready(NamedTuple):
    """A block with its numbers."""

    block: Block
    cells: Cells


def run(loop: Loop, blocks: Iterator[Block], before: Tally | None = None) -> Tally:
    """Compute all rows of a table.

    Args:
        before: the tally of the tables before it in the same output.

    Raises:
        GradcliError: a row is bad and the job does not say what to do, or reading or writing failed.
    """
    tally = before or Tally()
    ready: Iterator[_Ready] = (_Ready(block, cells(block, loop.job.feeds)) for block in blocks)
    if loop.threaded:
        few = list(islice(ready, 2))
        ready = chain(few, ready)
        if len(few) == 2:  # else there is nothing to overlap, and starting threads costs more than the run
            return _with_threads(loop, ready, tally)
    for one in ready:
        results, tally = _computed(loop, one, tally)
        _written(loop, results, tally)
    return tally


def overlaps(source: str, sink: str) -> bool:
    """Whether reading and writing gain by threads: measured, CSV by a quarter and Parquet by a tenth.

    Lines are Python's work, row by row: threads would only wait for each other, and lose a third.
    """
    return not (FORMATS[source].lines or FORMATS[sink].lines)


def _with_threads(loop: Loop, ready: Iterator[_Ready], tally: Tally) -> Tally:
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(2, "gradcli")
    try:
        return _overlapped(loop, ready, tally, pool)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _overlapped(loop: Loop, ready: Iterator[_Ready], tally: Tally, pool: ThreadPoolExecutor) -> Tally:
    """The loop with the next block being read, and the one before being written, while one is computed."""
    coming = pool.submit(next, ready, None)
    writing: Future[None] | None = None
    while (one := coming.result()) is not None:
        coming = pool.submit(next, ready, None)
        results, tally = _computed(loop, one, tally)
        if writing is not None:
            writing.result()
        writing = pool.submit(_written, loop, results, tally)
    if writing is not None:
        writing.result()
    return tally


class _Results(NamedTuple):
    """What is written of a block."""

    kept: Kept | None
    columns: dict[str, Array]
    missing: Array | None


def _computed(loop: Loop, one: _Ready, tally: Tally) -> tuple[_Results | None, Tally]:
    """The results of a block, and the tally with it. None where no row is left."""
    block, (columns, missing, bad) = one
    job, read = loop.job, block.count + len(block.broken)
    unwanted = len(block.broken) + len(bad)
    if unwanted:
        _refuse_or_note(loop, block, bad)
    if bad and job.on_error == "skip":
        left = np.setdiff1d(np.arange(block.count), np.fromiter(bad, np.int64, len(bad)), assume_unique=True)
        block = block.taken(left)
        columns = {name: column[left] for name, column in columns.items()}
        missing = None if missing is None else missing[left]
    nulls = 0 if missing is None else int(np.count_nonzero(missing))
    if bad and job.on_error == "null":
        # A row may lack one number and have another one that is none: it is a bad row, and counted as that.
        without = np.zeros(block.count, bool) if missing is None else missing.copy()
        without[list(bad)] = True
        nulls = int(np.count_nonzero(without)) - len(bad)
        missing = without
    skipped = read - block.count
    here = Tally(read, block.count, nulls, unwanted, skipped)
    if not block.count:
        return None, together((tally, here))
    outputs = loop.kernel.run(columns)
    results = dict(zip(job.names, (outputs.value, *(outputs.gradients[name] for name in job.wrt)), strict=True))
    count, followed, gates = odd(loop.kernel.blame, columns, outputs, missing, tally.blamed)
    here = here._replace(odd=count, blamed=followed, gates=tuple(sorted(gates.items())))
    kept = _passing(job, block, loop.name)
    return _Results(kept, results, missing), together((tally, here))


def _passing(job: Job, block: Block, name: str) -> Kept | None:
    """What of a block goes on to the output. name: of the file."""
    kept: Any = None if job.keep == "nothing" else block.kept
    if job.keep == "lines":
        _check_keys(job, block, kept, name)
    if kept is None or not job.typed:
        return kept
    from gradcli.tables.arrow_memory import with_numbers

    return with_numbers(kept, {name: block.numbers(name) for name in job.needed if name in kept.schema.names})


def _check_keys(job: Job, block: Block, kept: Any, name: str) -> None:
    """Refuse a line that has a key called like a result: of the first line this was known before."""
    from gradcli.tables.ndjson_writer import clash
    from gradcli.tables.number_text import orjson

    if (position := clash(kept, job.names)) is not None:
        there = orjson().loads(kept.lines[position])
        key = next(key for key in job.names if key in there)
        hint = f"write --prefix d_ to call the results d_{shorten(job.names[0])}, …; or --only"
        raise DataError(f"{name}, row {block.row(position):,}: {shorten(key)} is a key of the data already", hint=hint)


def _written(loop: Loop, results: _Results | None, tally: Tally) -> None:
    if results is not None:
        loop.writer.write(results.kept, results.columns, results.missing)
        if loop.flush is not None:
            loop.flush()
    if loop.watch is not None:
        loop.watch(tally.rows, loop.share())


def _refuse_or_note(loop: Loop, block: Block, bad: dict[int, str]) -> None:
    """Refuse the first bad row of a block, if that is what the job says; else give all of them to the rejects."""
    on_error = loop.job.on_error
    wrong = [(block.row(position), position, column) for position, column in bad.items()]
    broken = block.broken
    if broken and on_error != "skip" and not (wrong and on_error == "fail" and wrong[0][0] < broken[0].row):
        raise broken_row(*broken[0], loop.name, on_error)
    if on_error == "fail":
        raise bad_cell(block, *wrong[0][1:], loop.job.feeds, loop.name)
    if loop.rejected is not None:
        _rejected(loop, block, wrong, loop.rejected)


def _rejected(loop: Loop, block: Block, wrong: Sequence[tuple[int, int, str]], rejects: Rejects) -> None:
    """Write bad rows to their file, in their order: those that could be split into cells with these."""
    from gradcli.tables.rejects import Reject

    rows: list[tuple[Reject, int | None]] = [
        (Reject(loop.name, row, column, block.content(column, position)), position) for row, position, column in wrong
    ]
    rows += [(Reject(loop.name, one.row, None, one.content), None) for one in block.broken]
    rows.sort(key=lambda one: one[0].row)
    for split, run in groupby(rows, key=lambda one: one[1] is not None):
        several = list(run)
        positions = [position for _, position in several if position is not None]
        kept = block.taken(np.array(positions)).kept if split and loop.job.keep != "nothing" else None
        rejects.write([one for one, _ in several], kept)
