"""Reading CSV and TSV: cells of text as they were written, numbers where they are asked for.

Enters: bytes of a file or a pipe. Leaves: blocks of rows. Invariant: rows are counted as the file has them, blank lines
left out, wherever its bytes are cut.
"""

from __future__ import annotations

import csv
from bisect import bisect_left
from collections.abc import Collection, Iterator
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from gradcli.errors import DataError
from gradcli.tables import compression_of
from gradcli.tables.arrow_columns import ArrowBlock, check_columns, check_names, chosen
from gradcli.tables.arrow_memory import empty_batch
from gradcli.tables.blocks import Broken, Options
from gradcli.tables.csv_cutting import LONGEST, Cutter, State
from gradcli.tables.sources import Source, not_utf8

_LARGEST_READ = 16 << 20
_BYTES_PER_ROW = 32


def open_reader(path: str, format: str, options: Options, groups: range | None = None) -> CsvReader:
    """The reader of a file; groups are for formats that have them."""
    return CsvReader(Source(path, compression_of(path)), "\t" if format == "tsv" else ",", options)


class CsvReader:
    """An open table of CSV."""

    rows = None

    def __init__(self, source: Source, delimiter: str, options: Options) -> None:
        self._source, self._delimiter, self._options = source, delimiter, options
        self._cutter = Cutter(delimiter)
        self._next = 1  # the number of the next row
        self._read_size = min(_LARGEST_READ, max(64, options.rows * _BYTES_PER_ROW))
        self.size = source.size
        try:
            self.columns, self._first = self._header()
            check_names(source.name, self.columns)
        except BaseException:
            source.close()
            raise
        # Wide rows: enough of them at once that a column's own cost does not count.
        width = sum(map(len, self.columns)) + len(self.columns)
        self._read_size = min(_LARGEST_READ, max(self._read_size, min(options.rows, 256) * width))
        nothing = options.keep == "nothing"
        self.schema = None if nothing else pa.schema([(name, pa.string()) for name in self.columns])

    def position(self) -> int:
        """How many bytes have been read."""
        return self._source.position()

    def close(self) -> None:
        """Give the file back."""
        self._source.close()

    def blocks(self, needed: Collection[str], kept: Collection[str] | None) -> Iterator[ArrowBlock]:
        """The rows, block by block."""
        check_columns(self._source.name, pa.schema([(name, pa.string()) for name in self.columns]), needed)
        wanted, keep = chosen(self.columns, needed, kept, self._options.keep)
        return self._blocks(wanted or self.columns[:1], keep)

    def _blocks(self, wanted: list[str], keep: list[str] | None) -> Iterator[ArrowBlock]:
        for records in chain.from_iterable(map(self._texts, self._records())):
            batch, broken = self._parsed(records, wanted)
            total = batch.num_rows + len(broken)
            numbers = None
            if broken:
                numbers = np.delete(np.arange(self._next, self._next + total), [one.row - self._next for one in broken])
            for start in range(0, batch.num_rows, self._options.rows):
                part = batch.slice(start, self._options.rows)
                own, here = None, broken
                if numbers is not None:
                    end = start + part.num_rows
                    own = numbers[start:end]
                    if end < len(numbers):  # broken rows go with those next to which they stand
                        here = broken[: bisect_left(broken, numbers[end], key=attrgetter("row"))]
                    broken = broken[len(here) :]
                yield ArrowBlock(part, self._next + start, keep, self._options.nulls, own, here)
            if broken:  # and not one row besides
                yield ArrowBlock(batch, self._next, keep, self._options.nulls, None, broken)
            self._next += total

    def _records(self) -> Iterator[bytes]:
        """Whole records, as they come."""
        if self._first:
            yield self._first
            self._first = b""
        while piece := self._source.read(self._read_size):
            if records := self._pushed(piece):
                yield records
        if self._cutter.state is State.QUOTED:
            raise self._never_closed("")
        if rest := self._cutter.rest():
            yield rest

    def _pushed(self, piece: bytes) -> bytes:
        records = self._cutter.push(piece)
        if not records and self._cutter.held() > LONGEST:
            if self._cutter.state is State.QUOTED:
                raise self._never_closed(f" within {LONGEST >> 20} MiB")
            where = f"{self._source.name}, row {self._next}"
            raise DataError(f"{where}: no line end within {LONGEST >> 20} MiB", hint="is this a table of text?")
        return records

    def _never_closed(self, within: str) -> DataError:
        message = f"{self._source.name}, row {self._next}: a quoted cell begins and does not end{within}"
        return DataError(message, hint='a quote inside a quoted cell is doubled: ""')

    def _header(self) -> tuple[list[str], bytes]:
        """The names of the columns, and the whole records behind them that have come already."""
        self._next = 0
        piece = self._source.begin_text(self._read_size)
        while True:
            ended = not piece
            records = self._cutter.rest() if ended else self._pushed(piece)
            if ended and self._cutter.state is State.QUOTED:
                raise self._never_closed("")
            if records.strip(b"\r\n"):
                break
            if ended:
                raise DataError(f"{self._source.name} is empty: it has no header with names of columns")
            piece = self._source.read(self._read_size)
        names, length = self._names(records)
        self._next = 1
        return names, records[length:]

    def _names(self, records: bytes) -> tuple[list[str], int]:
        """The cells of the first record that is not blank, and where it ends."""
        used = 0
        if b"\0" in next(iter(records.strip(b"\r\n").splitlines())):
            raise DataError(f"{self._source.name}: the header holds NUL bytes", hint="is this a table of text?")

        def lines() -> Iterator[str]:
            nonlocal used
            for line in records.splitlines(keepends=True):
                used += len(line)
                yield line.decode("utf-8")

        try:
            names = next(filter(None, csv.reader(lines(), delimiter=self._delimiter)), [])
        except UnicodeDecodeError:
            raise not_utf8(self._source.name, "the header") from None
        except csv.Error as error:
            raise DataError(f"{self._source.name}: the header cannot be read: {error}") from None
        return names, used

    def _parsed(self, records: bytes, wanted: list[str]) -> tuple[pa.RecordBatch, list[Broken]]:
        batch, found = self._split(records, wanted, threads=True)
        if not found:
            return batch, []
        # Rows are numbered only where they are read by one thread.
        batch, found = self._split(records, wanted, threads=False)
        broken = [
            Broken(
                self._next + one.number - 1,
                one.text,
                f"{one.actual_columns} cells where the header has {one.expected_columns}",
            )
            for one in found
        ]
        return batch, broken

    def _split(self, records: bytes, wanted: list[str], *, threads: bool) -> tuple[pa.RecordBatch, list[Any]]:
        found: list[Any] = []

        def invalid(row: Any) -> str:
            found.append(row)
            return "skip"

        size = max(2, len(records) + 1)
        read = arrow_csv.ReadOptions(use_threads=threads, column_names=self.columns, block_size=size)
        parse = arrow_csv.ParseOptions(
            delimiter=self._delimiter, newlines_in_values=b'"' in records, invalid_row_handler=invalid
        )
        kinds = dict.fromkeys(wanted, pa.string())
        convert = arrow_csv.ConvertOptions(
            check_utf8=False, include_columns=wanted, column_types=kinds, strings_can_be_null=False
        )
        try:
            table = arrow_csv.read_csv(pa.BufferReader(records), read, parse, convert)
        except pa.ArrowInvalid as error:
            where = f"{self._source.name}, from row {self._next} on"
            raise DataError(f"{where}: {' '.join(str(error).split())}") from None
        whole = table.combine_chunks().to_batches(max_chunksize=None)
        if not whole:
            return empty_batch(table.schema), found
        return whole[0], found

    def _texts(self, records: bytes) -> Iterator[bytes]:
        """Records if they are UTF-8; those before the first that is not, else, and when they are counted the error."""
        try:
            if not records.isascii():
                records.decode("utf-8")
        except UnicodeDecodeError as error:
            before = Cutter(self._delimiter).push(records[: error.start])
            if before.strip(b"\r\n"):
                yield before
            raise not_utf8(self._source.name, f"row {self._next}") from None
        yield records
