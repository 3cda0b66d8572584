"""Reading NDJSON: a JSON object per line, without pyarrow unless columns are kept.

Enters: bytes of a file or a pipe. Leaves: blocks of rows. Invariant: a line is one row or one broken row, whatever it
holds; what passes through as a line is byte for byte what was written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from gradcli.errors import DataError
from gradcli.tables import compression_of
from gradcli.tables.blocks import Broken, Lines, Numbers, Options
from gradcli.tables.cells import (
    LONG_WHOLE,
    NONE_BAD,
    ONE_PER_LINE,
    Beyond,
    joined,
    lists_of_values,
    may_be_long,
    of_values,
    plain,
)
from gradcli.tables.sources import Source

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST = 64 << 20  # bytes of one line
SAMPLE = 1 << 20  # bytes of the first lines, from which types of columns follow
_STEP = 1024  # rows that are Python objects at a time: they stay in the processor's cache
_BYTES_PER_ROW = 16


class _Wrong(NamedTuple):
    """Why a line is no row."""

    why: str


Pieces = list[Any]  # a column, _STEP rows at a time: arrays where all are numbers, else lists of values


def open_reader(path: str, format: str, options: Options, groups: range | None = None) -> NdjsonReader:
    """The reader of a file; groups are for formats that have them."""
    return NdjsonReader(Source(path, compression_of(path)), options, orjson.loads)


class NdjsonReader:
    """An open table of NDJSON."""

    rows = None

    def __init__(self, source: Source, options: Options, loads: Callable[[bytes], Any]) -> None:
        self._source, self._options, self._loads = source, options, loads
        self._typed = options.keep == "columns"
        self._next = 1  # the number of the next row
        self._read_size = max(64, min(8 << 20, options.rows * _BYTES_PER_ROW))
        self.size = source.size
        self.schema: pa.Schema | None = None
        try:
            self._lines = self._split()
            self._waiting: list[list[bytes]] = []
            self.columns = self._start()
        except BaseException:
            source.close()
            raise

    def position(self) -> int:
        """How many bytes have been read."""
        return self._source.position()

    def close(self) -> None:
        """Give the file back."""
        self._source.close()

    def _start(self) -> list[str]:
        """Reads until there is a row, and as many as types of columns follow from; the keys of the first one."""
        if not self._typed:
            return list(next(self._first_rows(), {}))
        from gradcli.tables.json_columns import schema_of

        rows = list(self._first_rows())
        self.schema = schema_of(rows, self._options.text)
        names = {*self.schema.names}  # a list that is made anew whenever it is asked for
        return [name for name in (rows[0] if rows else ()) if name in names]

    def _first_rows(self) -> Iterator[dict[str, Any]]:
        """The rows in the first lines, which wait. How many these are is up to the bytes, not to when they came."""
        size, found = 0, False
        for lines in self._lines:
            self._waiting.append(lines)
            for line in lines:
                size += len(line) + 1
                row = self._row(line)
                if type(row) is dict:
                    found = True
                    yield row
                if found and size >= SAMPLE:
                    return
            if not found and size > LONGEST:
                message = f"{self._source.name} has no JSON object in its first {LONGEST >> 20} MiB"
                raise DataError(message, hint=ONE_PER_LINE)

    def _split(self) -> Iterator[list[bytes]]:
        """Lines that are not blank, without line ends and spaces around them, at most so many as a block has rows."""
        held: list[bytes] = []
        piece = self._source.begin_text(self._read_size)
        while piece:
            end = piece.rfind(b"\n") + 1
            if end:
                held.append(piece[:end])
                yield from self._stripped(b"".join(held))
                held = []
            if end < len(piece):
                held.append(piece[end:])
                if sum(map(len, held)) > LONGEST:
                    message = f"{self._source.name}: a line does not end within {LONGEST >> 20} MiB"
                    raise DataError(message, hint=ONE_PER_LINE)
            piece = self._source.read(self._read_size)
        yield from self._stripped(b"".join(held))

    def _stripped(self, text: bytes) -> Iterator[list[bytes]]:
        lines = [line for line in map(bytes.strip, text.split(b"\n")) if line]
        for start in range(0, len(lines), self._options.rows):
            yield lines[start : start + self._options.rows]

    def _row(self, line: bytes) -> Any:
        """What a line holds, or what is wrong with it."""
        why = ""
        if not (self._typed and LONG_WHOLE.search(line)):
            try:
                return self._loads(line)
            except ValueError as error:
                why = str(error)
        try:  # numbers beyond all floats are JSON too, and NaN, Infinity and -Infinity are what Python's json writes
            return json.loads(line.decode("utf-8"), parse_float=_number)
        except (ValueError, RecursionError) as error:
            return _Wrong(f"not JSON: {why or error}")

    def blocks(self, needed: Collection[str], kept: Collection[str] | None) -> Iterator[NdjsonBlock]:
        """The rows, block by block. Columns that no row has are missing everywhere."""
        keep = None
        if self.schema is not None:
            keep = [name for name in self.schema.names if kept is None or name in kept]
        return self._blocks(list(needed), keep, kept is None)

    def _blocks(self, needed: list[str], keep: list[str] | None, all_kept: bool) -> Iterator[NdjsonBlock]:
        while self._waiting:
            yield self._block(self._waiting.pop(0), needed, keep, all_kept)
        for lines in self._lines:
            yield self._block(lines, needed, keep, all_kept)

    def _block(self, lines: list[bytes], needed: list[str], keep: list[str] | None, all_kept: bool) -> NdjsonBlock:
        columns: dict[str, Pieces] = {name: [] for name in needed}
        batches: list[Any] = []
        good: list[bytes] = []
        broken: list[Broken] = []
        numbers: list[Sequence[int]] = []
        for start in range(0, len(lines), _STEP):
            part, first = lines[start : start + _STEP], self._next + start
            rows = self._objects(part)
            places: Sequence[int] = range(first, first + len(part))
            if rows is None:
                rows, part, places = self._one_by_one(part, first, broken)
            good += part
            numbers.append(places)
            for name, pieces in columns.items():
                values = _column(rows, name)
                found = plain(values)
                pieces.append(values if found is None else found)
            if keep is not None:
                batches.append(self._batch(rows, keep, places, all_kept))
        first, self._next = self._next, self._next + len(lines)
        kept: Any = None
        if keep is not None:
            kept = _together(batches)
        elif self._options.keep == "lines":
            kept = Lines(good)
        own = np.concatenate([np.array(places, dtype=np.int64) for places in numbers]) if broken else None
        return NdjsonBlock(first, good, columns, kept, own, broken, self._row, self._options.nulls)

    def _objects(self, lines: list[bytes]) -> list[Any] | None:
        """What lines hold; None where one of them is no object, or has to be looked at by itself."""
        if self._typed and may_be_long(lines):
            return None
        try:
            rows = list(map(self._loads, lines))
        except ValueError:
            return None
        return rows if {dict}.issuperset(map(type, rows)) else None

    def _one_by_one(
        self, lines: list[bytes], first: int, broken: list[Broken]
    ) -> tuple[list[Any], list[bytes], list[int]]:
        """The rows among lines, their lines and numbers; the rest is added to broken."""
        rows, good, numbers = [], [], []
        for number, line in enumerate(lines, first):
            row = self._row(line)
            if type(row) is dict:
                rows.append(row)
                good.append(line)
                numbers.append(number)
            else:
                why = row.why if isinstance(row, _Wrong) else "JSON, but no object"
                broken.append(Broken(number, line.decode("utf-8", "backslashreplace"), why))
        return rows, good, numbers

    def _batch(self, rows: Sequence[Any], keep: Sequence[str], places: Sequence[int], all_kept: bool) -> Any:
        """Rows as columns of the schema."""
        from gradcli.tables.json_columns import batch

        return batch(rows, self.schema, keep, places, self._source.name, all_kept)


def _number(text: str) -> float | Beyond:
    number = float(text)
    return number if math.isfinite(number) else Beyond(text)


def _infinite(number: Beyond) -> float:
    return float(number.text)


def _column(rows: Sequence[Any], name: str) -> list[Any]:
    try:
        return list(map(itemgetter(name), rows))
    except KeyError:
        return [row.get(name) for row in rows]


def _together(batches: Sequence[Any]) -> Any:
    import pyarrow as pa

    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0] if len(batches) > 1 else batches[0]


class NdjsonBlock:
    """Rows of NDJSON: their lines, and the needed columns of what they hold."""

    __slots__ = ("_columns", "_lines", "_nulls", "_row", "_rows", "broken", "count", "first", "kept")

    def __init__(
        self,
        first: int,
        lines: list[bytes],
        columns: dict[str, Pieces],
        kept: Any,
        rows: np.ndarray[Any, Any] | None,
        broken: Sequence[Broken],
        row: Callable[[bytes], Any],
        nulls: Sequence[str],
    ) -> None:
        self._lines, self._columns, self._rows = lines, columns, rows
        self._row, self._nulls = row, nulls
        self.first = first if rows is None or not len(rows) else int(rows[0])
        self.count = len(lines)
        self.kept: pa.RecordBatch | Lines | None = kept
        self.broken: Sequence[Broken] = broken

    def row(self, position: int) -> int:
        """The number in its file of the row at a position of the block."""
        return self.first + position if self._rows is None else int(self._rows[position])

    def numbers(self, column: str) -> Numbers:
        """A column as numbers."""
        return joined(
            [
                of_values(piece, self._nulls) if type(piece) is list else Numbers(piece, None, NONE_BAD)
                for piece in self._columns[column]
            ]
        )

    def lists(self, column: str) -> list[Numbers] | None:
        """A column of lists, as one column per position."""
        return lists_of_values(self._values(column), self._nulls)

    def content(self, column: str, row: int) -> str:
        """The text of a cell: a string as it is, other values as JSON."""
        value = self._row(self._lines[row]).get(column)
        if value is None or type(value) is str:
            return value or ""
        return value.text if type(value) is Beyond else json.dumps(value, ensure_ascii=False, default=_infinite)

    def taken(self, rows: np.ndarray[Any, Any]) -> NdjsonBlock:
        """The rows at these positions only."""
        places = rows.tolist()
        lines = [self._lines[place] for place in places]
        columns: dict[str, Pieces] = {}
        for name in self._columns:
            values = self._values(name)
            columns[name] = [[values[place] for place in places]]
        kept: Any = self.kept
        if isinstance(kept, Lines):
            kept = Lines(lines)
        elif kept is not None:
            from gradcli.tables.arrow_memory import column

            kept = kept.take(column(rows))
        numbers = self.first + rows if self._rows is None else self._rows[rows]
        return NdjsonBlock(self.first, lines, columns, kept, numbers, (), self._row, self._nulls)

    def _values(self, column: str) -> list[Any]:
        pieces = self._columns[column]
        return [value for piece in pieces for value in (piece if type(piece) is list else piece.tolist())]
