"""Arrow's columns as NumPy's and back, by their memory.

Arrow's own ways, `to_numpy`, `pa.array`, `pa.scalar` and `empty_table`, import pandas where that is installed, which takes longer
than many a run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from gradcli.tables.blocks import Numbers

Column = Any


def doubles(array: Any) -> Column:
    """The numbers of an array of float64; nan where it is null. Nobody may write to them."""
    buffer = array.buffers()[1]
    if buffer is None:
        return np.full(len(array), np.nan)
    found = np.frombuffer(buffer, np.float64, len(array) + array.offset)[array.offset :]
    if not array.null_count:
        return found
    found = found.copy()
    found[nulls(array)] = np.nan
    return found


def truths(array: Any) -> Column:
    """The truth values of an array without nulls."""
    return _bits(array.buffers()[1], array.offset, len(array))


def nulls(array: Any) -> Column:
    """Where an array is null."""
    buffer = array.buffers()[0]
    if not array.null_count:
        return np.zeros(len(array), np.bool_)
    return np.ones(len(array), np.bool_) if buffer is None else ~_bits(buffer, array.offset, len(array))


def _bits(buffer: Any, offset: int, count: int) -> Column:
    if buffer is None:
        return np.zeros(count, np.bool_)
    return np.unpackbits(np.frombuffer(buffer, np.uint8), count=offset + count, bitorder="little")[offset:].view(
        np.bool_
    )


def column(numbers: Column, missing: Column | None = None) -> Any:
    """Numbers as an array of Arrow, null where they are missing; without a copy if they are contiguous."""
    valid = None if missing is None else pa.py_buffer(np.packbits(~missing, bitorder="little"))
    memory = pa.py_buffer(np.ascontiguousarray(numbers, np.float64))
    return pa.Array.from_buffers(pa.float64(), len(numbers), [valid, memory])


def texts(values: Sequence[str]) -> Any:
    """Texts as an array of Arrow."""
    contents = [value.encode("utf-8", "backslashreplace") for value in values]
    offsets = np.cumsum([0, *map(len, contents)], dtype=np.int32)
    memory = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(contents))]
    return pa.Array.from_buffers(pa.string(), len(contents), memory)


def text(value: str) -> Any:
    """A text to compute with; functions of Arrow that get a plain one import pandas, too."""
    return texts([value])[0]


def null(kind: Any) -> Any:
    """A missing cell of a type, to compute with."""
    return pa.nulls(1, kind)[0]


FALSE = pa.Array.from_buffers(pa.bool_(), 1, [None, pa.py_buffer(b"\0")])[0]


def empty(schema: pa.Schema) -> pa.Table:
    """A table without rows."""
    return pa.Table.from_batches([], schema=schema)


def with_numbers(batch: pa.RecordBatch, numbers: Mapping[str, Numbers]) -> pa.RecordBatch:
    """Columns, with these as numbers; null where a cell has none."""
    arrays = list(batch.columns)
    fields = list(batch.schema)
    for name, found in numbers.items():
        place = batch.schema.get_field_index(name)
        missing = found.missing
        if len(found.bad):
            missing = np.zeros(len(found.values), np.bool_) if missing is None else missing.copy()
            missing[found.bad] = True
        arrays[place], fields[place] = column(found.values, missing), pa.field(name, pa.float64())
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields, metadata=batch.schema.metadata))


def passing_schema(schema: pa.Schema, kept: Sequence[str] | None, numbers: Collection[str]) -> pa.Schema:
    """The schema of columns that pass through.

    Args:
        kept: their names, some of which may not be there; None for all.
        numbers: the names of those that become numbers.
    """
    there = {*schema.names}  # NDJSON without a row has no columns
    fields = [schema.field(name) for name in (schema.names if kept is None else kept) if name in there]
    fields = [pa.field(field.name, pa.float64()) if field.name in numbers else field for field in fields]
    return pa.schema(fields, metadata=schema.metadata)
