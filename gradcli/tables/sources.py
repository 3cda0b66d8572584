"""Where tables come from: files, pipes and the filesystems that pyarrow opens.

Enters: what somebody wrote for DATA. Leaves: the files that it means, and their bytes as they come. Invariant: what
cannot be read is a StreamError that names it.
"""

from __future__ import annotations

import bz2
import glob
import gzip
import lzma
import os
import select
import stat
import time
import zlib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO

from gradcli.errors import DataError, MissingError, StreamError
from gradcli.printable import shorten
from gradcli.tables import suffix_format

PATIENCE = 0.05  # seconds after the first byte for which a pipe may bring more
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # UTF-8's, UTF-16's

PIPE_READ = 1 << 20  # bytes of a pipe at once, at most


def is_uri(path: str) -> bool:
    """Whether a path is the address of a file in a filesystem that pyarrow opens."""
    scheme, mark, _ = path.partition("://")
    return bool(mark) and scheme.isalnum()


def name_of(path: str) -> str:
    """What a file is called in messages."""
    return "standard input" if path == "-" else shorten(path, 200)


def failed(path: str, error: OSError) -> StreamError:
    """The error for a file that could not be read."""
    why = error.strerror or " ".join(str(error).split()) or type(error).__name__
    return StreamError(f"{name_of(path)}: {why}")


def expand(paths: Sequence[str]) -> list[str]:
    """The files that paths mean: of a directory those with a known suffix, of a pattern those that match it, in order.

    A path that exists means itself, whatever characters it has. Hidden files are left out unless they are named.

    Raises:
        StreamError: there is no such file, or a directory or a pattern has none.
    """
    return [file for path in paths for file in ([path] if path == "-" else _expand(path))]


def _expand(path: str) -> list[str]:
    if is_uri(path):
        return _expand_uri(path)
    if os.path.isdir(path):
        found = [str(file) for file in sorted(_visible(Path(path))) if suffix_format(file.name) and file.is_file()]
        if not found:
            raise StreamError(f"{name_of(path)}: no file in this directory has the suffix of a table")
        return found
    if os.path.lexists(path) or not glob.has_magic(path):
        if not os.path.exists(path):
            raise StreamError(f"{name_of(path)}: No such file or directory" if path else "the name of a file is empty")
        return [path]
    found = sorted(file for file in glob.glob(path, recursive=True) if os.path.isfile(file))
    if not found:
        raise StreamError(f"{name_of(path)}: no file matches")
    return found


def _visible(directory: Path) -> Iterator[Path]:
    """The files below a directory, without hidden ones and what is in hidden directories."""

    def fail(error: OSError) -> None:
        raise failed(error.filename or str(directory), error)

    for place, directories, files in os.walk(directory, onerror=fail):
        directories[:] = [name for name in directories if not name.startswith(".")]
        yield from (Path(place, name) for name in files if not name.startswith("."))


def filesystem(uri: str) -> tuple[Any, str]:
    """The filesystem of a URI, and the path in it."""
    try:
        from pyarrow import fs
    except ImportError:
        raise MissingError(f"reading {uri.partition(':')[0]}://", "data") from None
    try:
        found: tuple[Any, str] = fs.FileSystem.from_uri(uri)
    except (ValueError, NotImplementedError) as error:
        raise StreamError(f"{name_of(uri)}: {' '.join(str(error).split())}") from None
    except OSError as error:
        raise failed(uri, error) from None
    return found


def _expand_uri(uri: str) -> list[str]:
    magic = glob.has_magic(uri)
    # A pattern is looked for below the last directory before its first special character.
    base = uri[: next(i for i, c in enumerate(uri) if c in "*?[")].rpartition("/")[0] if magic else uri
    if magic and base.endswith("/"):  # "file:/" of file:///*.csv
        base += "/"
    system, path = filesystem(base)
    from pyarrow import fs

    try:
        info = system.get_file_info(path)
        if info.type == fs.FileType.NotFound:
            raise StreamError(f"{name_of(uri)}: No such file or directory")
        if info.type != fs.FileType.Directory:
            return [uri]
        found = [one.path for one in system.get_file_info(fs.FileSelector(path, recursive=True)) if one.is_file]
    except OSError as error:
        raise failed(uri, error) from None
    below = [one[len(path) :].lstrip("/") for one in found]
    below = sorted(one for one in below if not any(part.startswith(".") for part in one.split("/")))
    if magic:
        pattern = uri[len(base) :].lstrip("/")
        below = [one for one in below if one.count("/") == pattern.count("/") and fnmatchcase(one, pattern)]
    else:
        below = [one for one in below if suffix_format(one)]
    if not below:
        raise StreamError(
            f"{name_of(uri)}: no file matches" if magic else f"{name_of(uri)}: no file in it has the suffix of a table"
        )
    return [f"{base.rstrip('/')}/{one}" for one in below]


class Source:
    """The bytes of a file or a pipe, in order."""

    def __init__(self, path: str, compression: str | None = None) -> None:
        self.path = path
        self.name = name_of(path)
        self.size: int | None = None
        self.live = False  # whether bytes come when somebody writes them
        self._ended = False
        self._compression = compression
        try:
            self._raw = self._open()
            self._file = _decompressed(self._raw, compression) if compression else self._raw
        except OSError as error:
            raise failed(path, error) from None

    def _open(self) -> Any:
        if is_uri(self.path):
            system, path = filesystem(self.path)
            file = system.open_input_file(path)
            self.size = file.size()
            return file
        raw: BinaryIO = open(  # noqa: SIM115
            0 if self.path == "-" else self.path, "rb", buffering=0, closefd=self.path != "-"
        )
        status = os.fstat(raw.fileno())
        if stat.S_ISREG(status.st_mode):
            self.size = status.st_size
        else:
            self.live = self._compression is None
        return raw

    def read(self, size: int) -> bytes:
        """Up to size bytes; of a pipe what has come, which may be less. Nothing at the end only."""
        try:
            if self.live:
                return self._read_live(min(size, PIPE_READ))
            data: bytes = self._file.read(size)
        except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise self._not_whole(error) from None
        except OSError as error:
            if self._compression and error.errno is None:
                raise self._not_whole(error) from None
            raise failed(self.path, error) from None
        return data

    def begin_text(self, size: int) -> bytes:
        """The first bytes of a text, like read; a byte-order mark is dropped.

        Raises:
            DataError: it begins as UTF-16 does.
        """
        start = self.read(size)
        while start and any(mark.startswith(start) and mark != start for mark in _MARKS) and (more := self.read(size)):
            start += more
        if start.startswith(_MARKS[1:]):
            raise DataError(f"{self.name} is UTF-16 text, not UTF-8", hint="iconv -f UTF-16 -t UTF-8 makes it UTF-8")
        # A mark that came alone leaves nothing, which would look like the end.
        return start.removeprefix(_MARKS[0]) or (self.read(size) if start else start)

    def _read_live(self, size: int) -> bytes:
        if self._ended:
            return b""
        file = self._raw.fileno()
        pieces = [os.read(file, size)]
        held, until = len(pieces[0]), time.monotonic() + PATIENCE
        while pieces[-1] and held < size and _ready(file, until - time.monotonic()):
            pieces.append(os.read(file, size - held))
            held += len(pieces[-1])
        self._ended = not pieces[-1]
        return b"".join(pieces)

    def _not_whole(self, error: Exception) -> DataError:
        return DataError(f"{self.name} is not a whole {self._compression} file: {' '.join(str(error).split())}")

    def position(self) -> int:
        """How many bytes of the file have been read, before they were decompressed; 0 of a pipe."""
        try:
            return 0 if self.size is None or self._raw.closed else int(self._raw.tell())
        except OSError:
            return 0

    def close(self) -> None:
        """Give the file back."""
        self._file.close()
        self._raw.close()


def _ready(file: int, seconds: float) -> bool:
    """Whether bytes, or the end, come within so many seconds."""
    if seconds <= 0 or not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _decompressed(raw: Any, compression: str) -> Any:
    if compression == "gzip":
        return gzip.GzipFile(fileobj=raw, mode="rb")
    if compression == "bz2":
        return bz2.BZ2File(raw)
    if compression == "xz":
        return lzma.LZMAFile(raw)
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingError(f"reading {compression} files", "data") from None
    return pa.CompressedInputStream(raw, compression)


def not_utf8(name: str, where: str) -> DataError:
    """The error for bytes that are not UTF-8."""
    hint = "iconv -f ISO-8859-1 -t UTF-8 makes it UTF-8, if it is Latin-1"
    return DataError(f"{name}, {where}: not UTF-8 text", hint=hint)
