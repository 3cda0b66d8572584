"""Reading Arrow's own formats: the file, and the stream.

Enters: a file or a pipe; its first bytes tell which of both it is. Leaves: blocks of rows, of a pipe as they come.
Invariant: a file is mapped into memory, so what is not looked at is not read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from typing import Any

import pyarrow as pa

from gradcli.errors import DataError
from gradcli.tables.arrow_columns import ArrowBlock, check_columns, check_names, chosen
from gradcli.tables.blocks import Options
from gradcli.tables.seekable import WRONG, open_seekable, store, wrong_or_failed
from gradcli.tables.sources import failed, is_uri, name_of

_MAGIC = b"ARROW1"
_OLD = b"FEA1"


def open_reader(path: str, format: str, options: Options, groups: range | None = None) -> ArrowReader:
    """The reader of a file; groups are for formats that have them."""
    return ArrowReader(path, options)


class _Pipe:
    """A pipe whose first bytes have been read already, for Arrow to read."""

    closed = False

    def __init__(self, file: Any, start: bytes) -> None:
        self._file, self._start = file, start
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or fewer at the end."""
        pieces, missing = [], size
        if self._start:
            pieces, self._start = [self._start[:size]], self._start[size:]
            missing -= len(pieces[0])
        while missing > 0 and (piece := self._file.read(missing)):
            pieces.append(piece)
            missing -= len(piece)
        self.count += size - missing
        return b"".join(pieces)

    def close(self) -> None:
        """Give the pipe back."""
        self.closed = True
        self._file.close()


class ArrowReader:
    """An open table of Arrow, file or stream."""

    def __init__(self, path: str, options: Options) -> None:
        self.name, self._options = name_of(path), options
        self.size: int | None = None
        self._pipe: _Pipe | None = None
        self._file = self._open(path)
        try:
            self._table, self._batches, self.rows = self._start()
            check_names(self.name, self._table.schema.names)
        except DataError:
            self._file.close()
            raise
        except WRONG as error:
            self._file.close()
            raise wrong_or_failed(self.name, "Arrow", error) from None
        self._whole = self._table.schema.remove_metadata()
        self.columns: list[str] = self._whole.names
        self.schema = None if options.keep == "nothing" else self._whole
        self._read = 0

    def _open(self, path: str) -> Any:
        """A pipe is read as it comes if it brings a stream; the file format begins at its end, so it is stored."""
        try:
            piped = not is_uri(path) and not stat.S_ISREG((os.fstat(0) if path == "-" else os.stat(path)).st_mode)
            if not piped:
                file, _, self.size = open_seekable(path, mapped=True)
                return file
            raw = open(0 if path == "-" else path, "rb", buffering=0, closefd=path != "-")  # noqa: SIM115
            start = b""
            while len(start) < len(_MAGIC) and (more := raw.read(len(_MAGIC) - len(start))):
                start += more
            if start == _MAGIC:
                with raw:
                    return pa.PythonFile(store(raw, start), mode="r")
            self._pipe = _Pipe(raw, start)
            return pa.PythonFile(self._pipe, mode="r")
        except OSError as error:
            raise failed(path, error) from None

    def _start(self) -> tuple[Any, Iterator[Any], int | None]:
        """The reader of Arrow's, its batches, and how many rows there are."""
        if self._pipe is None:
            start = self._file.read(len(_MAGIC))
            self._file.seek(0)
            if start.startswith(_OLD):
                raise DataError(f"{self.name} is a file of Feather's first version", hint="pyarrow.feather can read it")
            if start == _MAGIC:
                table = pa.ipc.open_file(self._file)
                rows = table.count_rows() if hasattr(table, "count_rows") else None
                return table, map(table.get_batch, range(table.num_record_batches)), rows
        table = pa.ipc.open_stream(self._file)
        return table, iter(table), None

    def position(self) -> int:
        """How many bytes have been read; of a file of known rows by their number."""
        if self.rows:
            return round((self.size or 0) * self._read / self.rows)
        return 0 if self.size is None or self._file.closed else int(self._file.tell())

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def blocks(self, needed: Collection[str], kept: Collection[str] | None) -> Iterator[ArrowBlock]:
        """The rows, block by block."""
        check_columns(self.name, self._whole, needed)
        return self._blocks(*chosen(self.columns, needed, kept, self._options.keep))

    def _blocks(self, wanted: list[str], keep: list[str] | None) -> Iterator[ArrowBlock]:
        first = 1
        while True:
            try:
                batch = next(self._batches, None)
                if batch is None:
                    return
                batch = batch.replace_schema_metadata(None)
                if wanted != self.columns:
                    batch = batch.select(wanted)
                # Arrow takes what it maps into memory as it is: a damaged offset would lead anywhere.
                batch.validate(full=True)
            except WRONG as error:
                raise wrong_or_failed(self.name, "Arrow", error) from None
            self._read += batch.num_rows
            for start in range(0, batch.num_rows, self._options.rows):
                part = batch.slice(start, self._options.rows)
                yield ArrowBlock(part, first + start, keep, self._options.nulls)
            first += batch.num_rows
