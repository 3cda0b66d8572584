"""Reading Parquet: a few rows at a time, however large its row groups are.

Enters: a file, or standard input, which is stored first because Parquet begins at its end. Leaves: blocks of rows.
Invariant: only the columns that are needed or kept are read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from gradcli.errors import DataError
from gradcli.tables.arrow_columns import ArrowBlock, check_columns, check_names, chosen
from gradcli.tables.blocks import Options
from gradcli.tables.seekable import WRONG, open_seekable, wrong_or_failed

_BUFFER = 1 << 20  # bytes of a column that are read at once


def open_reader(path: str, format: str, options: Options, groups: range | None = None) -> ParquetReader:
    """The reader of a file, or of some of its row groups."""
    return ParquetReader(path, options, groups)


class ParquetReader:
    """An open table of Parquet."""

    def __init__(self, path: str, options: Options, groups: range | None) -> None:
        self._file, self.name, self.size = open_seekable(path)
        self._options, self._what = options, "Parquet"
        try:
            self._table: Any = parquet.ParquetFile(self._file, pre_buffer=False, buffer_size=_BUFFER)
            whole = self._table.schema_arrow
        except WRONG as error:
            self._file.close()
            raise wrong_or_failed(self.name, self._what, error) from None
        self._all = groups is None
        self.groups = range(self._table.num_row_groups) if groups is None else groups
        try:
            check_names(self.name, whole.names)
        except DataError:
            self.close()
            raise
        self.columns: list[str] = whole.names
        self._whole = whole.remove_metadata()
        self.schema = None if options.keep == "nothing" else self._whole
        metadata = self._table.metadata
        self.rows: int = sum(metadata.row_group(group).num_rows for group in self.groups)
        self._read = 0

    def position(self) -> int:
        """How many bytes have been read, taking all rows for equally long."""
        return round((self.size or 0) * self._read / self.rows) if self.rows else self.size or 0

    def close(self) -> None:
        """Give the file back."""
        self._table.close(force=True)
        self._file.close()

    def blocks(self, needed: Collection[str], kept: Collection[str] | None) -> Iterator[ArrowBlock]:
        """The rows, block by block."""
        check_columns(self.name, self._whole, needed)
        return self._blocks(*chosen(self.columns, needed, kept, self._options.keep))

    def _blocks(self, wanted: list[str], keep: list[str] | None) -> Iterator[ArrowBlock]:
        metadata = self._table.metadata
        first = 1 + sum(metadata.row_group(group).num_rows for group in range(self.groups.start if self.groups else 0))
        batches = self._table.iter_batches(
            self._options.rows, row_groups=list(self.groups), columns=wanted, use_threads=True
        )
        while True:
            try:
                batch = next(batches, None)
                if batch is not None:
                    batch.validate(full=True)  # texts are UTF-8
            except WRONG as error:
                raise wrong_or_failed(self.name, self._what, error) from None
            if batch is None:
                return
            if batch.num_rows:
                self._read += batch.num_rows
                yield ArrowBlock(_named(batch, wanted), first, keep, self._options.nulls)
                first += batch.num_rows


def _named(batch: pa.RecordBatch, wanted: list[str]) -> pa.RecordBatch:
    """The wanted columns alone: Parquet also reads those whose names begin with one of theirs and a dot."""
    batch = batch.replace_schema_metadata(None)
    return batch if batch.schema.names == wanted else batch.select(wanted)
