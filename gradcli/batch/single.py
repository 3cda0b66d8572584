"""All tables of a run into one output, in their order.

Enters: a job, its data, a path. Leaves: the output, complete under its name, and a `Tally`. Invariant: the output and
the rejects appear both or, if anything goes wrong, neither.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO

from gradcli.batch.job import Job, kept_schema, options
from gradcli.batch.looking import Data
from gradcli.batch.running import Computing, Loop, Watch, overlaps, run
from gradcli.batch.tally import Tally
from gradcli.tables import format_of
from gradcli.tables.outputs import Outputs
from gradcli.tables.reading import open_table
from gradcli.tables.writing import open_writer

if TYPE_CHECKING:
    import pyarrow as pa

    from gradcli.tables.blocks import Block, Reader
    from gradcli.tables.rejects import Rejects
    from gradcli.tables.writing import Writer


def run_all(
    job: Job,
    kernel: Computing,
    data: Data,
    target: str,
    rejects: str | None = None,
    blocks: Mapping[int, Iterator[Block]] = MappingProxyType({}),
    watch: Watch | None = None,
    standard: BinaryIO | None = None,
) -> Tally:
    """Compute all rows.

    Args:
        target: the path of the output; "-" is standard output.
        rejects: the path of the file of bad rows; None for none.
        blocks: of the tables that are pipes, by their place.
        watch: is told of the progress.
        standard: the stream that "-" stands for, if it is not the process's own.

    Raises:
        GradcliError: a row is bad and the job does not say what to do, or reading or writing failed.
    """
    tally = Tally()
    sizes = [table.size for table in data.tables]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    before = 0
    with Outputs() as outputs:
        schema = kept_schema(job, data.schema)
        with undisturbed():
            output = outputs.open(target, standard)
            rejected = rejecting(rejects, job, data.schema, outputs)
        writer = open_writer(output.sink, job.sink, schema, job.names)
        for place, table in enumerate(data.tables):
            waits = place in data.waiting
            flush = _flushing(writer, output.sink) if waits or target == "-" else None
            threaded = not waits and overlaps(table.format, job.sink)
            reader, rows = _opened(job, data, place, blocks)
            with closing(reader):
                share = share_of(reader, before, total)
                loop = Loop(job, kernel, table.name, writer, rejected, flush, threaded, watch, share)
                tally = run(loop, rows, tally)
            before += table.size or 0
        writer.close()
        if rejected is not None:
            rejected.close()
    return tally


@contextmanager
def undisturbed() -> Iterator[None]:
    """Within, a signal that ends the process waits: a file that has just been made is known to whoever removes it.

    In a thread that gets no signals there is nothing to wait.
    """
    waiting: list[int] = []
    before: dict[int, Any] = {}
    with suppress(ValueError):  # not the main thread
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and callable(signal.getsignal(number)):
                before[number] = signal.signal(number, lambda number, frame: waiting.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if waiting:
        before[waiting[0]](waiting[0], None)


def rejecting(path: str | None, job: Job, schema: pa.Schema | None, outputs: Outputs) -> Rejects | None:
    """The writer of bad rows, to one more of the outputs. schema: of the data; cells stay as they were read."""
    if path is None:
        return None
    from gradcli.tables.rejects import Rejects

    format = format_of(path, None)
    return Rejects(outputs.open(path).sink, format, kept_schema(job._replace(typed=False), schema))


def _opened(job: Job, data: Data, place: int, blocks: Mapping[int, Iterator[Block]]) -> tuple[Reader, Iterator[Block]]:
    if place in blocks:
        return data.waiting[place], blocks[place]
    reader = open_table(data.tables[place].path, options(job))
    return reader, reader.blocks(job.needed, job.kept)


def share_of(reader: Reader, before: int, total: int | None) -> Callable[[], float | None]:
    """Which share of all bytes has been read. before: the bytes of the tables before."""
    if not total:
        return lambda: None
    return lambda: (before + reader.position()) / total


def _flushing(writer: Writer, sink: Any) -> Callable[[], None]:
    def flush() -> None:
        writer.flush()
        sink.flush()

    return flush
