"""Where an output's bytes go: standard output, a local file, a file of another file system.

Enters: a path, - or a URI. Leaves: a `Place`, already begun. Invariant: a place that is closed without a name
leaves nothing behind, and what stood there before stands there still.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO, Protocol

from gradcli.atomic import Replacement, check_name
from gradcli.errors import StreamError
from gradcli.tables.sources import filesystem, is_uri


class Target:
    """What a Sink writes to."""

    def __init__(self, write: Callable[[Any], int | None], flush: Callable[[], None], seekable: bool) -> None:
        self.write = write
        self.flush = flush
        self.seekable = seekable


class Place(Protocol):
    """An output on its way: `finish`, `name` and `close`, or `close` alone. All of them may raise an OSError."""

    target: Target

    def finish(self) -> None:
        """All is written."""

    def keep(self) -> None:
        """Keep what stands under the name, so that `undo` can bring it back."""

    def name(self) -> None:
        """Give it its name."""

    def undo(self) -> None:
        """Take the name away again, if it got it after `keep`."""

    def close(self) -> None:
        """Nothing but what has its name is left."""


def place_of(path: str, standard: BinaryIO | None) -> Place:
    """Begin an output. standard: the stream that - stands for, if it is not the process's own."""
    if path == "-":
        return _Standard(standard)
    if not is_uri(path):
        return _Local(path)
    check_name(path)
    system, inside = filesystem(path)
    from pyarrow.fs import LocalFileSystem

    return _Local(inside) if isinstance(system, LocalFileSystem) else _Remote(system, inside)


class _Standard:
    """Standard output: its descriptor, without a buffer, or the stream that stands for it. It has no name to get."""

    def __init__(self, stream: BinaryIO | None) -> None:
        file = 1
        if stream is not None:
            try:
                stream.flush()
                file = stream.fileno()
            except io.UnsupportedOperation:
                self.target = Target(stream.write, stream.flush, False)
                return
        try:
            os.fstat(file)
        except OSError:
            raise StreamError("standard output is closed") from None
        self.target = Target(partial(_write_ready, file), _nothing, False)

    def finish(self) -> None:
        pass

    keep = name = undo = close = finish


def _nothing() -> None:
    pass


def _write_ready(file: int, piece: Any) -> int:
    """Write to a descriptor, also to one that somebody who shares it has told not to wait."""
    while True:
        try:
            return os.write(file, piece)
        except BlockingIOError:
            from select import select

            select([], [file], [])


class _Local(Replacement):
    """A file, which is on the disk before it gets its name; or a device, or a named pipe."""

    def __init__(self, path: str) -> None:
        super().__init__(path, durable=True)
        self.target = Target(partial(os.write, self.file), _nothing, self.partial is not None)


class _Remote:
    """A file of another file system, which gets its name when it is complete.

    Closing is the only thing to do with a file there, and it is what makes an object appear: hence the other name.
    What it replaced can't be brought back.
    """

    def __init__(self, system: Any, path: str) -> None:
        folder, slash, name = path.rpartition("/")
        self.system, self.path = system, path
        self.unfinished: str | None = f"{folder}{slash}.{name}.gradcli-{os.urandom(8).hex()}.part"
        self.fresh = False
        self.stream = system.open_output_stream(self.unfinished, compression=None)
        self.target = Target(self.stream.write, _nothing, True)

    def finish(self) -> None:
        self.stream.close()

    def keep(self) -> None:
        from pyarrow.fs import FileType

        self.fresh = self.system.get_file_info(self.path).type == FileType.NotFound

    def name(self) -> None:
        self.system.move(self.unfinished, self.path)
        self.unfinished = None

    def undo(self) -> None:
        if self.fresh and self.unfinished is None:
            with suppress(OSError):
                self.system.delete_file(self.path)

    def close(self) -> None:
        try:
            self.stream.close()
        finally:
            if self.unfinished is not None:
                with suppress(OSError):
                    self.system.delete_file(self.unfinished)
