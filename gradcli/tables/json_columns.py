"""Rows of NDJSON as columns of Arrow, for outputs that have columns.

Enters: rows as a JSON parser made them. Leaves: record batches of one schema, made of the first rows. Invariant:
nothing is lost on the way: a value that does not fit its column's type, or a column that came later, is an error that
names it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa

from gradcli.errors import DataError
from gradcli.printable import shorten
from gradcli.tables.cells import SPELLED, plain

_HINT = "types follow from the first rows; written as NDJSON, every row stays as it is"
_BEYOND = 1 << 63
_PLAIN = {"bool": bool, "int64": int, "string": str}  # values that are of a column's type as they are

Rows = Sequence[Mapping[str, Any]]


def schema_of(rows: Rows, text: Collection[str]) -> pa.Schema:
    """Names and types of the columns of the first rows; those in text are texts whatever they hold."""
    names = dict.fromkeys(chain.from_iterable(rows))
    return pa.schema(
        [(name, pa.string() if name in text else _kind([row.get(name) for row in rows])) for name in names]
    )


def _kind(values: Sequence[Any]) -> pa.DataType:
    present = [value for value in values if value is not None]
    for kind in (pa.bool_(), pa.int64(), pa.float64()):
        if all(_fits(value, kind) for value in present):
            return kind if present else pa.float64()
    return pa.string()


def _fits(value: Any, kind: pa.DataType) -> bool:
    if pa.types.is_boolean(kind):
        return type(value) is bool
    if pa.types.is_int64(kind):
        return type(value) is int and -_BEYOND <= value < _BEYOND
    if pa.types.is_float64(kind):
        return type(value) in (float, int) or (type(value) is str and value in SPELLED)
    return True


def batch(rows: Rows, schema: pa.Schema, keep: Sequence[str], places: Sequence[int], file: str, all_kept: bool) -> Any:
    """Rows as a record batch of the columns to keep; places: their numbers in the file.

    Raises:
        DataError: a value is not of its column's type, or, where all are kept, a column is not in the schema.
    """
    if all_kept and not set(schema.names).issuperset(chain.from_iterable(rows)):
        row, name = next(
            (place, key) for place, one in zip(places, rows, strict=True) for key in one if key not in schema.names
        )
        raise DataError(f"{file}, row {row}: {shorten(name)} is a key that the first rows do not have", hint=_HINT)
    fields = [schema.field(name) for name in keep]
    arrays = [_column(field.name, [row.get(field.name) for row in rows], field.type, places, file) for field in fields]
    if not arrays:
        return pa.RecordBatch.from_struct_array(pa.array([{}] * len(rows), pa.struct([])))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _column(name: str, values: Sequence[Any], kind: pa.DataType, places: Sequence[int], file: str) -> pa.Array:
    if pa.types.is_float64(kind):
        found = plain(values)
        if found is not None:
            return pa.array(found)
    elif {_PLAIN[str(kind)], type(None)}.issuperset(map(type, values)):
        try:
            return pa.array(values, kind)
        except (OverflowError, UnicodeEncodeError):
            pass  # a whole number of more than 64 bits, or half a character
    for place, value in zip(places, values, strict=True):
        if value is not None and not _fits(value, kind):
            where = f"{file}, row {place}, column {name}"
            raise DataError(f"{where}: {shorten(_text(value))} is not of type {kind} like those before", hint=_HINT)
    make = _float if pa.types.is_float64(kind) else _text
    return pa.array([None if value is None else make(value) for value in values], kind)


def _float(value: Any) -> float:
    if type(value) is str:
        return SPELLED[value]
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else -float("inf")


def _text(value: Any) -> str:
    """A string as it is, anything else as JSON; half of a character, which only JSON can write, is replaced."""
    text = value if type(value) is str else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode("utf-8")
