"""Columns of any type as text, for CSV and JSON.

Enters: a column of Arrow. Leaves: a column of strings, null where it was null. Invariant: what was a string is the same
string; a number reads back as the same number.

Dates and times are ISO 8601, those with a time zone in UTC; a duration is the number of its units; bytes are Base64,
as in protobuf's JSON; lists and records are JSON.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from gradcli.tables.arrow_memory import NOTHING, floats, null, texts
from gradcli.tables.arrow_memory import text as text_of_arrow
from gradcli.tables.number_text import JSON, Words, number_text, orjson

_QUOTE, _UTC = text_of_arrow('"'), text_of_arrow("Z")


def plain(column: Any) -> Any:
    """A column without a dictionary, without a type that somebody else defined, and with one way to hold strings."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pt.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pt.is_run_end_encoded(column.type):
        column = pc.run_end_decode(column)
    if pt.is_large_string(column.type) or pt.is_string_view(column.type):
        column = pc.cast(column, pa.string())
    return column


def cell_text(column: Any, words: Words) -> Any:
    """A plain column as text; words: how numbers are written that are not finite."""
    kind = column.type
    if pt.is_string(kind):
        return column
    if pt.is_floating(kind):
        return _floats(column, words)
    if pt.is_timestamp(kind):
        local = pc.cast(column, pa.timestamp(kind.unit))  # the instant in UTC, without a look into the time zones
        text = pc.replace_substring(pc.cast(local, pa.string()), " ", "T")
        return text if kind.tz is None else pc.binary_join_element_wise(text, _UTC, NOTHING)
    if pt.is_duration(kind):
        return pc.cast(pc.cast(column, pa.int64()), pa.string())
    if pt.is_integer(kind) or pt.is_boolean(kind) or pt.is_decimal(kind) or pt.is_date(kind) or pt.is_time(kind):
        return pc.cast(column, pa.string())
    if pt.is_null(kind):
        return pc.cast(column, pa.string())
    return _others(column)


def json_text(column: Any) -> Any:
    """A column as JSON; null where it is null, not the word."""
    column = plain(column)
    kind = column.type
    if pt.is_string(kind):
        return _quoted(column)
    text = cell_text(column, JSON)
    if pt.is_temporal(kind) and not pt.is_duration(kind):
        return pc.binary_join_element_wise(_QUOTE, text, _QUOTE, NOTHING)
    if _is_binary(kind):
        return _quoted(text)
    return text


def cells(text: Any, ends: Any) -> Any:
    """A column of strings: text cut at ends, the positions behind its cells, which follow one another."""
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends
    return pa.Array.from_buffers(pa.string(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(text)])


def has_any(column: Any, test: Any) -> bool:
    """Whether a byte of a column of strings meets a test of an array of bytes; now and then True for those of nulls."""
    return bool(len(column)) and bool(np.any(test(np.frombuffer(content(column), np.uint8))))


def content(column: Any) -> Any:
    """All strings of a column in one piece, one after the other."""
    _, offsets, data = column.buffers()
    if data is None or not len(column):
        return b""
    ends = np.frombuffer(offsets, np.int32)
    return memoryview(data)[ends[column.offset] : ends[column.offset + len(column)]]


def _floats(column: Any, words: Words) -> Any:
    if pt.is_float16(column.type):
        column = pc.cast(column, pa.float32())
    if not len(column):
        return pa.nulls(0, pa.string())
    text = number_text([floats(column)], None, words)
    # A cell has its comma first, so that strings can follow one another without a gap; it is cut off then.
    commas = np.flatnonzero(np.frombuffer(text, np.uint8) == ord(","))
    found = cells(text, np.append(commas, len(text)))
    found = pc.ascii_ltrim(found, ",")
    return pc.if_else(column.is_valid(), found, null(pa.string())) if column.null_count else found


def _quoted(column: Any) -> Any:
    """Strings as JSON's strings."""
    if has_any(column, _needs_escape):
        dumps = orjson().dumps
        return texts([None if one is None else dumps(one).decode() for one in column.to_pylist()])
    return pc.binary_join_element_wise(_QUOTE, column, _QUOTE, NOTHING)


def _needs_escape(found: Any) -> Any:
    return (found < ord(" ")) | (found == ord('"')) | (found == ord("\\"))


def _is_binary(kind: Any) -> bool:
    return bool(
        pt.is_binary(kind) or pt.is_large_binary(kind) or pt.is_fixed_size_binary(kind) or pt.is_binary_view(kind)
    )


def _others(column: Any) -> Any:
    """Bytes, lists, records and whatever else there is, one by one."""
    if _is_binary(column.type):
        return texts([None if one is None else b64encode(one).decode() for one in column.to_pylist()])
    dumps = orjson().dumps
    return texts([None if one is None else dumps(_json(one)).decode() for one in column.to_pylist()])


def _json(value: Any) -> Any:
    """What orjson writes for a value inside a list or a record. As deep as the column's type, not as its data."""
    if isinstance(value, dict):
        return {name: _json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json(one) for one in value]
    if isinstance(value, float) and not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
