"""Columns of Arrow as numbers, and blocks of them: what the readers of CSV, Parquet and Arrow share.

Enters: arrays of Arrow of any type. Leaves: numbers with what is missing or bad, and blocks. Invariant: a text is a
number here exactly if `cells.NUMBER` says so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from gradcli.errors import DataError
from gradcli.tables.arrow_memory import FALSE, floats, texts, truths
from gradcli.tables.arrow_memory import column as column_of
from gradcli.tables.arrow_memory import null as null_of
from gradcli.tables.arrow_memory import nulls as nulls_of
from gradcli.tables.blocks import Broken, Numbers
from gradcli.tables.cells import NONE_BAD, NUMBER, SPACES


def is_text(kind: pa.DataType) -> bool:
    """Whether a column is read as cells of CSV are."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_readable(kind: pa.DataType) -> bool:
    """Whether the elements of a type can be numbers."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    some = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean, pa.types.is_null)
    return is_text(kind) or any(is_kind(kind) for is_kind in some)


def is_lists(kind: pa.DataType) -> bool:
    """Whether a column has lists of what can be numbers."""
    some = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_kind(kind) for is_kind in some) and is_readable(kind.value_type)


def chosen(
    columns: Sequence[str], needed: Collection[str], kept: Collection[str] | None, keep: str
) -> tuple[list[str], list[str] | None]:
    """Which columns are read, and which of them pass through, or None if none does; see `Reader.blocks`."""
    if keep == "nothing":
        return [name for name in columns if name in needed], None
    passing = [name for name in columns if kept is None or name in kept]
    wanted = {*needed, *passing}
    return [name for name in columns if name in wanted], passing


def check_columns(name: str, schema: pa.Schema, needed: Collection[str]) -> None:
    """Whether the needed columns exist and can be numbers.

    Raises:
        DataError: one does not, or has values of another type.
    """
    names = {*schema.names}  # a list that is made anew whenever it is asked for
    for column in needed:
        if column not in names:
            raise DataError(f"{name} has no column {column}")
        kind = schema.field(column).type
        if not is_readable(kind) and not is_lists(kind):
            raise DataError(f"{name}: column {column} has values of type {kind}, which are not numbers")


def check_names(name: str, columns: Sequence[str]) -> None:
    """Whether every column's name is there once.

    Raises:
        DataError: one is there twice.
    """
    seen: set[str] = set()
    for column in columns:
        if column in seen:
            raise DataError(f"{name} has two columns with the name {column or '(empty)'}")
        seen.add(column)


def as_numbers(array: pa.Array, nulls: Sequence[str]) -> Numbers:
    """A column as numbers; see `is_readable` for what it may hold."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if is_text(array.type):
        return _texts(array, nulls)
    if pa.types.is_decimal(array.type):
        array = array.cast(pa.string())  # read as text is: Arrow's own way to doubles is a unit off in the last place
    if array.type != pa.float64():
        array = array.cast(pa.float64(), safe=False)
    return _filled(array, NONE_BAD)


def _filled(array: pa.Array, bad: np.ndarray[Any, Any]) -> Numbers:
    """The numbers of an array of float64 in which bad cells are null too."""
    values = floats(array)
    if not array.null_count:
        return Numbers(values, None, bad)
    missing = nulls_of(array)
    if len(bad):
        missing[bad] = False
    return Numbers(values, missing if missing.any() else None, bad)


def _texts(array: pa.Array, nulls: Sequence[str]) -> Numbers:
    if pa.types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    if not nulls:
        try:
            found = array.cast(pa.float64())
        except pa.ArrowInvalid:
            return _careful(array, nulls)
        # Arrow also takes nan(anything) for a number; only the cells that became nan can be of that kind.
        doubtful = np.flatnonzero(np.isnan(floats(found)))
        if not len(doubtful) or len(doubtful) == found.null_count:
            return _filled(found, NONE_BAD)
    return _careful(array, nulls)


def _careful(array: pa.Array, nulls: Sequence[str]) -> Numbers:
    """The same, cell by cell where that is needed: spaces, nulls, and which cells are bad."""
    import pyarrow.compute as pc  # as long to import as all the rest; columns of floats do without it

    trimmed = pc.ascii_trim(array, characters=SPACES)
    null = pc.is_in(trimmed, value_set=texts(["", *nulls]).cast(trimmed.type))
    trimmed = pc.if_else(null, null_of(trimmed.type), trimmed)
    good = pc.match_substring_regex(trimmed, rf"\A(?:{NUMBER})\z")
    bad = np.flatnonzero(truths(pc.fill_null(pc.invert(good), FALSE)))
    if len(bad):
        trimmed = pc.if_else(good, trimmed, null_of(trimmed.type))
    return _filled(trimmed.cast(pa.float64()), bad)


def as_lists(array: pa.Array, nulls: Sequence[str]) -> list[Numbers] | None:
    """A column of lists as one column per position, None if it has no lists; see `Block.lists`."""
    if not is_lists(array.type):
        return None
    import pyarrow.compute as pc

    valid = ~nulls_of(array)
    lengths = floats(pc.list_value_length(array).cast(pa.float64()))
    length = (
        array.type.list_size if pa.types.is_fixed_size_list(array.type) else int(max(lengths[valid][:1], default=0))
    )
    fits = valid & (lengths == length)
    inner = as_numbers(array.filter(column_of(fits)).flatten(), nulls)
    rows = np.flatnonzero(fits)
    bad = np.zeros(len(inner.values), dtype=np.bool_)
    bad[inner.bad] = True
    columns = []
    for at in range(length):
        values = np.full(len(array), np.nan)
        values[rows] = inner.values[at::length]
        missing = ~valid
        if inner.missing is not None:
            missing[rows] |= inner.missing[at::length]
        wrong = valid & ~fits
        wrong[rows] |= bad[at::length]
        columns.append(Numbers(values, missing if missing.any() else None, np.flatnonzero(wrong)))
    return columns


def text_of(array: pa.Array, position: int) -> str:
    """The text of a cell, whatever it holds; of a null, nothing."""
    cell = array[position]
    if not cell.is_valid:
        return ""
    try:
        return str(cell.as_py())
    except (ValueError, OverflowError):  # bytes that are not UTF-8, a date that Python does not have
        if is_text(array.type):
            return str(array.slice(position, 1).cast(pa.binary())[0].as_py().decode("utf-8", "backslashreplace"))
        return str(array.type)


class ArrowBlock:
    """Rows of a record batch; rows: their numbers in the file, where these are not consecutive."""

    __slots__ = ("_batch", "_keep", "_nulls", "_rows", "broken", "count", "first")

    def __init__(
        self,
        batch: pa.RecordBatch,
        first: int,
        keep: Sequence[str] | None,
        nulls: Sequence[str],
        rows: np.ndarray[Any, Any] | None = None,
        broken: Sequence[Broken] = (),
    ) -> None:
        self._batch, self._keep, self._nulls, self._rows = batch, keep, nulls, rows
        self.first = first if rows is None or not len(rows) else int(rows[0])
        self.count: int = batch.num_rows
        self.broken: Sequence[Broken] = broken

    @property
    def kept(self) -> pa.RecordBatch | None:
        """The columns that pass through, as they are."""
        if self._keep is None:
            return None
        if list(self._keep) == self._batch.schema.names:
            return self._batch
        return self._batch.select(list(self._keep))

    def row(self, position: int) -> int:
        """The number in its file of the row at a position of the block."""
        return self.first + position if self._rows is None else int(self._rows[position])

    def numbers(self, column: str) -> Numbers:
        """A column as numbers."""
        return as_numbers(self._batch.column(column), self._nulls)

    def lists(self, column: str) -> list[Numbers] | None:
        """A column of lists, as one column per position."""
        return as_lists(self._batch.column(column), self._nulls)

    def content(self, column: str, row: int) -> str:
        """The text of a cell."""
        return text_of(self._batch.column(column), row)

    def taken(self, rows: np.ndarray[Any, Any]) -> ArrowBlock:
        """The rows at these positions only."""
        numbers = self.first + rows if self._rows is None else self._rows[rows]
        return ArrowBlock(self._batch.take(column_of(rows)), self.first, self._keep, self._nulls, numbers)
