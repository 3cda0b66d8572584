"""Arrow's columns as NumPy's and Python's, and back, by their memory.

Enters: arrays of Arrow, columns of NumPy, lists of values. Leaves: the others. Invariant: pandas is left alone. Arrow's
own ways, `to_numpy`, `pa.array`, `pa.scalar`, `empty_table` and whatever is given a plain value, import it where it is
installed, which takes longer than many a run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from gradcli.tables.blocks import Numbers

Column = Any


def floats(array: Any) -> Column:
    """The numbers of an array of float64 or float32; nan where it is null. Nobody may write to them."""
    buffer = array.buffers()[1]
    kind: Any = np.float32 if array.type == pa.float32() else np.float64
    if buffer is None:
        return np.full(len(array), np.nan, kind)
    found = np.frombuffer(buffer, kind, len(array) + array.offset)[array.offset :]
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
    """Doubles, whole numbers or truth values as an array of Arrow, null where they are missing.

    Numbers are not copied if they are contiguous.
    """
    if numbers.dtype == np.bool_:
        memory, kind = np.packbits(numbers, bitorder="little"), pa.bool_()
    else:
        memory, kind = np.ascontiguousarray(numbers), _KINDS[numbers.dtype]
    return pa.Array.from_buffers(kind, len(numbers), [_valid(missing), pa.py_buffer(memory)])


_KINDS = {np.dtype(np.float64): pa.float64(), np.dtype(np.int64): pa.int64()}


def _valid(missing: Column | None) -> Any:
    return None if missing is None else pa.py_buffer(np.packbits(~missing, bitorder="little"))


def values(found: Sequence[Any], kind: pa.DataType) -> Any:
    """Values of Python as an array of bool, int64, float64 or string; None is null.

    Raises:
        OverflowError: a whole number has more than 64 bits.
        UnicodeEncodeError: a text holds half a character.
    """
    if kind == pa.string():
        return texts(found)
    missing = _nones(found)
    if missing is not None:
        found = [0 if one is None else one for one in found]
    types: dict[Any, Any] = {pa.bool_(): np.bool_, pa.int64(): np.int64, pa.float64(): np.float64}
    return column(np.array(found, types[kind]), missing)


def texts(found: Sequence[str | None]) -> Any:
    """Texts as an array of Arrow; None is null.

    Raises:
        UnicodeEncodeError: a text holds half a character.
    """
    contents = [b"" if one is None else one.encode() for one in found]
    ends = np.cumsum([0, *map(len, contents)], dtype=np.int64)
    if ends[-1] >= 1 << 31:
        raise pa.ArrowCapacityError("texts of more than 2 GiB")
    memory = [_valid(_nones(found)), pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(b"".join(contents))]
    return pa.Array.from_buffers(pa.string(), len(contents), memory)


def _nones(found: Sequence[Any]) -> Column | None:
    return np.array([one is None for one in found], np.bool_) if None in found else None


def text(value: str) -> Any:
    """A text to compute with; functions of Arrow that get a plain one import pandas, too."""
    return texts([value])[0]


def null(kind: Any) -> Any:
    """A missing cell of a type, to compute with."""
    return pa.nulls(1, kind)[0]


FALSE = values([False], pa.bool_())[0]
NOTHING = text("")


def empty(schema: pa.Schema) -> pa.Table:
    """A table without rows."""
    return pa.Table.from_batches([], schema=schema)


def empty_batch(schema: pa.Schema) -> pa.RecordBatch:
    """A record batch without rows."""
    return pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)


def batch_without_columns(rows: int) -> pa.RecordBatch:
    """So many rows of nothing."""
    return pa.RecordBatch.from_struct_array(pa.Array.from_buffers(pa.struct([]), rows, [None], children=[]))


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
