"""Where tables are written to: files that appear when they are complete, standard output, and other file systems.

Enters: a path, - or a URI. Leaves: a binary file to write to. Invariant: after an exception nothing stands under the
name but what stood there before, and nothing unfinished is left; no writer that is collected later writes anything.

A local file is on the disk before it gets its name (fsync): a partition that is there counts as complete when a job is
resumed, also after a machine has stopped. It costs about a millisecond per megabyte where it was measured, a quarter of
what writing Parquet takes, and next to nothing where a file is replaced, since ext4 then writes it out by itself.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Any, BinaryIO

from gradcli.atomic import check_name, replacing
from gradcli.errors import MissingError, StreamError
from gradcli.printable import shorten
from gradcli.tables import compression_of
from gradcli.tables.sources import filesystem, is_uri

_PIECE = 1 << 30  # bytes written at once; some systems take no more than 2^31


class Output:
    """A context manager: `sink` is a binary file; what was written to it appears under path when the block ends well.

    Names that end as compressed files do are compressed. standard: the binary stream that - stands for, if it is
    not the process's own.

    Raises:
        StreamError: it could not be written.
        BrokenPipeError: nobody reads standard output any more.
        MissingError: the URI, or the compression, needs what is not installed.
    """

    def __init__(self, path: str, standard: BinaryIO | None = None) -> None:
        self.path = path
        self.name = "standard output" if path == "-" else shorten(path, 200)
        self.standard = standard
        self.sink: Any  # a BinaryIO; the classes of the standard library that compress are none for mypy

    def __enter__(self) -> Output:
        self.place = _standard(self.standard) if self.path == "-" else _place(self.path)
        try:
            place = self.place.__enter__()
        except OSError as error:
            raise self._failed(error) from None
        self.file = Sink(place, partial(self._told, self.path == "-"))
        try:
            self.sink = _compressing(self.file, None if self.path == "-" else compression_of(self.path))
        except BaseException as error:
            self._abort(error)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            try:
                if self.sink is not self.file:
                    self.sink.close()
                self.file.close()
            except BaseException as failure:
                self._abort(failure)
                raise
            try:
                self.place.__exit__(None, None, None)
            except OSError as failure:
                raise self._failed(failure) from None
            return
        self._abort(error)
        failed = self.file.failure  # Arrow wraps what its file raises
        if failed is not None and error is not failed and isinstance(error, Exception):
            raise failed from None

    def _abort(self, error: BaseException) -> None:
        self.file.abandon()
        try:
            self.place.__exit__(type(error), error, error.__traceback__)
        except BaseException as raised:
            if raised is not error and not isinstance(raised, OSError):
                raise

    def _told(self, passes: bool, error: OSError) -> Exception:
        """What an error in writing becomes."""
        return error if passes and isinstance(error, BrokenPipeError) else self._failed(error)

    def _failed(self, error: OSError) -> StreamError:
        why = error.strerror or (str(error).splitlines() or ["writing failed"])[0]
        return StreamError(f"{self.name}: {why}")


class Target:
    """What a Sink writes to."""

    def __init__(self, write: Callable[[Any], int | None], flush: Callable[[], None], seekable: bool) -> None:
        self.write = write
        self.flush = flush
        self.seekable = seekable


class Sink(io.RawIOBase):
    """A binary file that writes everything it is given, at once, and remembers why it could not."""

    def __init__(self, target: Target, told: Callable[[OSError], Exception]) -> None:
        self.target = target
        self.told = told
        self.failure: Exception | None = None
        self.abandoned = False
        self.written = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        """Whether it is a file. It is written from its start to its end all the same."""
        return self.target.seekable

    def tell(self) -> int:
        return self.written

    def write(self, content: Any) -> int:
        if self.abandoned:  # a writer that is collected writes its end, which nobody wants any more
            return len(content)
        if self.failure is not None:
            raise self.failure
        if self.closed:
            raise ValueError("the output is complete")
        with memoryview(content) as whole, whole.cast("B") as view:
            self._guard(lambda: self._write(view))
            return len(view)

    def flush(self) -> None:
        if not self.closed and not self.abandoned and self.failure is None:
            self._guard(self.target.flush)

    def abandon(self) -> None:
        self.abandoned = True

    def _write(self, view: memoryview) -> None:
        position = 0
        while position < len(view):
            piece = view[position : position + _PIECE]
            written = self.target.write(piece)
            position += len(piece) if written is None else written
        self.written += len(view)

    def _guard(self, act: Callable[[], None]) -> None:
        try:
            act()
        except OSError as error:
            self.failure = self.told(error)
            raise self.failure from None


@contextmanager
def _standard(stream: BinaryIO | None) -> Iterator[Target]:
    """Standard output: its descriptor, without a buffer, or the stream that stands for it."""
    file = 1
    if stream is not None:
        try:
            stream.flush()
            file = stream.fileno()
        except io.UnsupportedOperation:
            yield Target(stream.write, stream.flush, False)
            return
    try:
        os.fstat(file)
    except OSError:
        raise StreamError("standard output is closed") from None
    yield Target(partial(_write_ready, file), lambda: None, False)


def _write_ready(file: int, piece: Any) -> int:
    """Write to a descriptor, also to one that somebody who shares it has told not to wait."""
    while True:
        try:
            return os.write(file, piece)
        except BlockingIOError:
            from select import select

            select([], [file], [])


def _place(path: str) -> AbstractContextManager[Target]:
    if not is_uri(path):
        return _local(path)
    check_name(path)
    system, inside = filesystem(path)
    from pyarrow.fs import LocalFileSystem

    return _local(inside) if isinstance(system, LocalFileSystem) else _remote(system, inside)


@contextmanager
def _local(path: str) -> Iterator[Target]:
    with replacing(path, durable=True) as file:
        yield Target(partial(os.write, file), lambda: None, os.path.isfile(path) or not os.path.exists(path))


@contextmanager
def _remote(system: Any, path: str) -> Iterator[Target]:
    """A file of another file system, which gets its name when it is complete.

    Closing is the only thing to do with a file there, and it is what makes an object appear: hence the other name.
    """
    folder, slash, name = path.rpartition("/")
    unfinished = f"{folder}{slash}.{name}.gradcli-{os.urandom(8).hex()}.part"
    stream = system.open_output_stream(unfinished, compression=None)
    try:
        try:
            yield Target(stream.write, lambda: None, True)
        finally:
            stream.close()
        system.move(unfinished, path)
    except BaseException:
        with suppress(OSError):
            system.delete_file(unfinished)
        raise


def _compressing(sink: Sink, how: str | None) -> Any:
    """A file that writes to sink what is written to it, compressed. The same content gives the same bytes."""
    if how is None:
        return sink
    file: Any = sink
    if how == "gzip":
        from gzip import GzipFile

        # Level 6 takes six times as long for columns of digits, and makes them 6 % smaller.
        return GzipFile(filename="", mode="wb", compresslevel=1, fileobj=file, mtime=0)
    if how == "bz2":
        from bz2 import BZ2File

        return BZ2File(file, "wb")
    if how == "xz":
        from lzma import LZMAFile

        return LZMAFile(file, "wb")
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingError(f"writing {how}", "data") from None
    return pa.CompressedOutputStream(pa.PythonFile(sink, "w"), how)
