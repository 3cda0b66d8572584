"""What tables are written to: files that appear when they are complete, standard output, and other file systems.

Enters: paths, - or URIs. Leaves: binary files to write to. Invariant: after an exception nothing stands under a name
but what stood there before, and nothing unfinished is left; no writer that is collected later writes anything.

A local file is on the disk before it gets its name (fsync): a partition that is there counts as complete when a job is
resumed, also after a machine has stopped. It costs about a millisecond per megabyte where it was measured, a quarter of
what writing Parquet takes, and next to nothing where a file is replaced, since ext4 then writes it out by itself.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, BinaryIO

from gradcli.errors import MissingError, StreamError
from gradcli.printable import shorten
from gradcli.tables import compression_of
from gradcli.tables.places import Target, place_of

_PIECE = 1 << 30  # bytes written at once; some systems take no more than 2^31


class Output:
    """One output: `sink` is a binary file; what was written to it appears under path when the block ends well.

    Names that end as compressed files do are compressed. It is begun when it is made.

    Args:
        standard: the binary stream that - stands for, if it is not the process's own.

    Raises:
        StreamError: it could not be written.
        BrokenPipeError: nobody reads standard output any more.
        MissingError: the URI, or the compression, needs what is not installed.
    """

    def __init__(self, path: str, standard: BinaryIO | None = None) -> None:
        self.name = "standard output" if path == "-" else shorten(path, 200)
        try:
            self.place = place_of(path, standard)
        except OSError as error:
            raise self.failed(error) from None
        self.file = Sink(self.place.target, partial(self._told, path == "-"))
        self.sink: Any  # a BinaryIO; the classes of the standard library that compress are none for mypy
        try:
            self.sink = _compressing(self.file, None if path == "-" else compression_of(path))
        except BaseException:
            self.drop()
            raise

    def __enter__(self) -> Output:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _leave([self], error)

    def finish(self) -> None:
        """All is written: its end, if it is compressed, and whatever the system still has of it."""
        if self.sink is not self.file:
            self.sink.close()
        self.file.close()
        self.act(self.place.finish)

    def drop(self) -> None:
        """Forget it."""
        self.file.abandon()
        with suppress(OSError):
            self.place.close()

    def act(self, act: Callable[[], None]) -> None:
        """Do something with the place; if that fails, say where."""
        try:
            act()
        except OSError as error:
            raise self.failed(error) from None

    def failed(self, error: OSError) -> StreamError:
        """What an error becomes."""
        why = error.strerror or (str(error).splitlines() or ["writing failed"])[0]
        return StreamError(f"{self.name}: {why}")

    def _told(self, passes: bool, error: OSError) -> Exception:
        """What an error in writing becomes."""
        return error if passes and isinstance(error, BrokenPipeError) else self.failed(error)


class Outputs:
    """Several outputs that appear together when the block ends well: all of them or, if anything goes wrong, none.

    All are complete before one of them gets its name; the first that was begun gets it last. If a name can't be given,
    those that were are taken away again, and the files that stood there come back. Only a process that is killed
    between two names leaves one without the other, and a file system that has no hard links, or is not a local one,
    does not bring back what stood there.
    """

    def __init__(self) -> None:
        self.opened: list[Output] = []

    def open(self, path: str, standard: BinaryIO | None = None) -> Output:
        """Begin one more; as `Output`."""
        self.opened.append(Output(path, standard))
        return self.opened[-1]

    def __enter__(self) -> Outputs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _leave(self.opened, error)


def _leave(outputs: Sequence[Output], error: BaseException | None) -> None:
    """End outputs: complete them or, after an error, forget them."""
    if error is None:
        try:
            for output in outputs:
                output.finish()
            _name(outputs)
            for output in outputs:
                output.act(output.place.close)
        except BaseException:
            for output in outputs:
                output.drop()
            raise
        return
    for output in outputs:
        output.drop()
    for failed in (output.file.failure for output in outputs):  # Arrow wraps what its file raises
        if failed is not None and error is not failed and isinstance(error, Exception):
            raise failed from None


def _name(outputs: Sequence[Output]) -> None:
    """Give all outputs their names, or none of them."""
    if len(outputs) == 1:
        outputs[0].act(outputs[0].place.name)
        return
    try:
        for output in outputs:
            output.act(output.place.keep)
        for output in reversed(outputs):
            output.act(output.place.name)
    except BaseException:
        for output in outputs:
            output.place.undo()
        raise


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
