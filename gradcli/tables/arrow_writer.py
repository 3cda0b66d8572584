"""Arrow IPC out: the file format to files, the stream format to pipes.

Enters: blocks of columns. Leaves: a record batch per block. Invariant: kept columns have the type, nullability and
metadata they had. Nothing is compressed, so that a file can be mapped into memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.ipc
import pyarrow.types as pt

from gradcli.tables.arrow_memory import column


def open_writer(sink: BinaryIO, format: str, schema: pa.Schema | None, names: Sequence[str]) -> ArrowWriter:
    """Write the schema."""
    return ArrowWriter(sink, schema, names)


class ArrowWriter:
    """Writes record batches."""

    def __init__(self, sink: BinaryIO, schema: pa.Schema | None, names: Sequence[str]) -> None:
        self.schema = with_results(schema, names)
        self.names = names
        self.sink = sink
        options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
        kind = pa.ipc.new_file if sink.seekable() else pa.ipc.new_stream
        self.writer = kind(sink, self.schema, options=options)
        self.dictionaries: dict[int, Any] = {}

    def write(self, kept: Any, results: Mapping[str, Any], missing: Any) -> None:
        columns = result_columns([results[name] for name in self.names], missing)
        if kept is not None:
            columns = [*(self._same(*found) for found in enumerate(kept.columns)), *columns]
        if columns and len(columns[0]):
            self.writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self.schema))

    def flush(self) -> None:
        self.sink.flush()

    def close(self) -> None:
        self.writer.close()
        self.sink.flush()

    def _same(self, position: int, column: Any) -> Any:
        """A column with the dictionary of the blocks before it, longer if need be: a file has but one for a column."""
        if not pt.is_dictionary(column.type):
            return column
        known = self.dictionaries.get(position)
        if known is None or column.dictionary.equals(known):
            self.dictionaries[position] = column.dictionary
            return column
        import pyarrow.compute as pc  # takes as long to import as all the rest

        new = column.dictionary.filter(pc.invert(pc.is_in(column.dictionary, value_set=known)))
        known = self.dictionaries[position] = pa.concat_arrays([known, pc.unique(new)])
        places = pc.index_in(column.dictionary, value_set=known).take(column.indices)
        indices = pc.cast(places, column.type.index_type)
        return pa.DictionaryArray.from_arrays(indices, known, ordered=column.type.ordered)


def with_results(schema: pa.Schema | None, names: Sequence[str]) -> pa.Schema:
    """A schema of kept columns, and after them the results."""
    fields = [] if schema is None else list(schema)
    fields += [pa.field(name, pa.float64()) for name in names]
    return pa.schema(fields, metadata=None if schema is None else schema.metadata)


def result_columns(results: Sequence[Any], missing: Any) -> list[Any]:
    """Results as columns of Arrow, null where they are missing."""
    mask = missing if missing is not None and missing.any() else None
    return [column(numbers, mask) for numbers in results]
