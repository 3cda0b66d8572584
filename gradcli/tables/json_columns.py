"""Rows of NDJSON as columns of Arrow, for outputs that have columns.

Enters: rows as a JSON parser made them. Leaves: record batches of one schema, made of the first rows. Invariant:
nothing is lost on the way: a value that does not fit its column's type, or a column that came later, is an error that
names it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from gradcli.errors import DataError
from gradcli.printable import shorten
from gradcli.tables.arrow_memory import batch_without_columns, column
from gradcli.tables.arrow_memory import values as array_of
from gradcli.tables.cells import SPELLED, Beyond, plain

_HINT = "--only and --keep leave columns out; types follow from the first rows, and as NDJSON every row stays as it is"
_BEYOND = 1 << 63
_EXACT = 2.0**53  # a whole number beyond may lie between two floats
_PLAIN = {"bool": bool, "int64": int, "string": str}  # values that are of a column's type as they are

Rows = Sequence[Mapping[str, Any]]


def schema_of(rows: Rows, text: Collection[str]) -> pa.Schema:
    """Names and types of the columns of the first rows; those in text are texts whatever they hold.

    A key that holds half a character has no column; `batch` refuses it where all columns are kept.
    """
    names = filter(_is_whole, dict.fromkeys(chain.from_iterable(rows)))
    return pa.schema(
        [(name, pa.string() if name in text else _kind([row.get(name) for row in rows])) for name in names]
    )


def _kind(values: Sequence[Any]) -> pa.DataType:
    present = [value for value in values if value is not None]
    if not present:
        return pa.float64()
    if {int}.issuperset(map(type, present)):  # as floats some would have other digits
        return pa.string() if None in map(_whole, present) else pa.int64()
    for kind in (pa.bool_(), pa.float64()):
        make = _MAKERS[str(kind)]
        if all(make(value) is not None for value in present):
            return kind
    return pa.string()


def batch(rows: Rows, schema: pa.Schema, keep: Sequence[str], places: Sequence[int], file: str, all_kept: bool) -> Any:
    """Rows as a record batch of the columns to keep; places: their numbers in the file.

    Raises:
        DataError: a value is not of its column's type, or, where all are kept, a column is not in the schema.
    """
    try:
        return _batch(rows, schema, keep, places, file, all_kept)
    except DataError:
        for row, place in zip(rows, places, strict=True):  # the first such row is named, whatever came with it
            _batch([row], schema, keep, [place], file, all_kept)
        raise


def _batch(rows: Rows, schema: pa.Schema, keep: Sequence[str], places: Sequence[int], file: str, all_kept: bool) -> Any:
    if all_kept and not set(schema.names).issuperset(chain.from_iterable(rows)):
        row, name = next(
            (place, key) for place, one in zip(places, rows, strict=True) for key in one if key not in schema.names
        )
        why = "that the first rows do not have" if _is_whole(name) else "with half a character"
        raise DataError(f"{file}, row {row}: {shorten(name)} is a key {why}", hint=_HINT)
    fields = [schema.field(name) for name in keep]
    arrays = [_column(field.name, [row.get(field.name) for row in rows], field.type, places, file) for field in fields]
    if not arrays:
        return batch_without_columns(len(rows))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _column(name: str, values: Sequence[Any], kind: pa.DataType, places: Sequence[int], file: str) -> pa.Array:
    if pa.types.is_float64(kind):
        found = plain(values)
        if found is not None and not ((np.abs(found) >= _EXACT).any() and int in set(map(type, values))):
            return column(found)
    elif {_PLAIN[str(kind)], type(None)}.issuperset(map(type, values)):
        try:
            return array_of(values, kind)
        except (OverflowError, UnicodeEncodeError):
            pass  # a whole number of more than 64 bits, or half a character
    make = _MAKERS[str(kind)]
    made = [None if value is None else make(value) for value in values]
    for place, value, one in zip(places, values, made, strict=True):
        if one is None and value is not None:
            where = f"{file}, row {place}, column {shorten(name)}"
            raise DataError(f"{where}: {shorten(_shown(value))} {_why_not(kind)}", hint=_HINT)
    return array_of(made, kind)


def _why_not(kind: pa.DataType) -> str:
    if pa.types.is_string(kind):
        return "holds half a character or a number beyond all floats, which can't be kept"
    return f"is not of type {kind} like those before"


def _truth(value: Any) -> bool | None:
    return value if type(value) is bool else None


def _whole(value: Any) -> int | None:
    return value if type(value) is int and -_BEYOND <= value < _BEYOND else None


def _float(value: Any) -> float | None:
    """A number as a float, but a whole one only if the float is written with the same digits."""
    if type(value) is str:
        return SPELLED.get(value)
    if type(value) is not int:
        return value if type(value) is float else None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) < _EXACT or Decimal(repr(number)) == value else None


def _text(value: Any) -> str | None:
    """A string and the digits of a number as they are, anything else as JSON."""
    if type(value) is Beyond:
        return value.text
    try:
        text = value if type(value) is str else json.dumps(value, ensure_ascii=False)
    except TypeError:  # a number beyond all floats inside
        return None
    return text if _is_whole(text) else None


_MAKERS: dict[str, Callable[[Any], Any]] = {"bool": _truth, "int64": _whole, "double": _float, "string": _text}


def _is_whole(text: str) -> bool:
    """Whether a text has whole characters only; JSON can also write halves of those that take two units in UTF-16."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: Any) -> str:
    """A value for messages, whatever it holds."""
    if isinstance(value, str):
        return value
    return value.text if isinstance(value, Beyond) else json.dumps(value, ensure_ascii=False, default=_text)
