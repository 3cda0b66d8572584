"""A first look at the data: columns, sizes, which columns hold lists. No row is computed yet.

Enters: paths and how they are read. Leaves: a `Data`. Invariant: files are opened and closed again; a pipe is
opened once, and what was read of it is kept for the run.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from gradcli.errors import DataError
from gradcli.language.parser import normalise
from gradcli.printable import shorten
from gradcli.tables import FORMATS, compression_of, format_of
from gradcli.tables.blocks import Options
from gradcli.tables.reading import open_table
from gradcli.tables.sources import is_uri, name_of

if TYPE_CHECKING:
    import pyarrow as pa

    from gradcli.tables.blocks import Block, Reader

_ELEMENT = re.compile(r"([^\[]+)\[[0-9, ]+\]\s*")  # w[0], M[0,1]
_FEW = 1024  # rows
_SEEN = 65_536  # rows without anything in a column, after which nobody looks on
_SAMPLE = 65_536  # bytes of a text file that tell how long a row is


class Table(NamedTuple):
    """One file of the data.

    Attributes:
        path: "-" is standard input.
        name: for messages.
        columns: their names; empty for NDJSON without a row.
        schema: of what can be kept as columns, or None.
        rows: None if nobody knows before they are read.
        size: in bytes, or None.
        groups: of rows, in a Parquet file; 1 in all others.
    """

    path: str
    name: str
    format: str
    columns: tuple[str, ...]
    schema: pa.Schema | None
    rows: int | None
    size: int | None
    groups: int


class Data(NamedTuple):
    """All files, in the order of their rows.

    Attributes:
        waiting: the open readers of standard input and other pipes, by their place among the tables.
    """

    tables: tuple[Table, ...]
    waiting: Mapping[int, Reader]

    def close(self) -> None:
        """Give the pipes back."""
        for reader in self.waiting.values():
            reader.close()

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Of the first file that has some; None if there is no row that could tell."""
        return next((table.columns for table in self.tables if table.columns), None)

    @property
    def schema(self) -> pa.Schema | None:
        return next((table.schema for table in self.tables if table.columns), self.tables[0].schema)

    def rows(self) -> int | None:
        """How many rows there are, nearly; None if a file can't be judged. The same for the same files."""
        counts = [_rows(table) for table in self.tables]
        return None if None in counts else sum(count or 0 for count in counts)


def look(paths: Sequence[str], options: Options) -> Data:
    """Open every file for a moment.

    Raises:
        GradcliError: a file can't be read, is not of its format, or has no format.
    """
    tables: list[Table] = []
    waiting: dict[int, Reader] = {}
    data = Data((), waiting)
    try:
        for place, path in enumerate(paths):
            piped = is_pipe(path)
            reader = open_table(path, options if piped else _sparing(path, options))
            if piped:
                waiting[place] = reader
            try:
                found = Table(
                    path, name_of(path), format_of(path, options.format), tuple(reader.columns), reader.schema,
                    reader.rows, reader.size, len(getattr(reader, "groups", ())) or 1,
                )  # fmt: skip
            finally:
                if place not in waiting:
                    reader.close()
            tables.append(found)
    except BaseException:
        data.close()
        raise
    return data._replace(tables=tuple(tables))


def _sparing(path: str, options: Options) -> Options:
    """Options that read little, where the types of the columns do not follow from what is read."""
    kind = format_of(path, options.format)
    typed = FORMATS[kind].lines and options.keep == "columns"
    return options if typed else options._replace(rows=_FEW)


def is_pipe(path: str) -> bool:
    """Whether a file can be read once only, and its rows come when somebody writes them."""
    if path == "-" or is_uri(path):
        return path == "-"
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def check_columns(data: Data, needed: Collection[str], kept: Sequence[str] | None, keep: str) -> None:
    """Refuse files that have not the columns of the first one.

    Args:
        needed: the columns that are read as numbers.
        kept, keep: as in a `Job`.

    Raises:
        DataError: names the file and the difference.
    """
    tables = [table for table in data.tables if table.columns]
    for other in tables[1:]:
        _check_pair(tables[0], other, needed, kept, keep)


def _check_pair(first: Table, other: Table, needed: Collection[str], kept: Sequence[str] | None, keep: str) -> None:
    if other.columns == first.columns and other.schema is None:
        return
    here, there = {*other.columns}, {*first.columns}
    wanted = {*needed, *((kept if kept is not None else first.columns) if keep == "columns" else ())}
    missing = [name for name in first.columns if name in wanted and name not in here]
    if missing and keep != "lines":  # a row of NDJSON may lack a key: its number is missing then
        raise DataError(f"{other.name} has no column {shorten(missing[0])}, which {first.name} has")
    if keep != "columns":
        return
    if kept is None and other.columns != first.columns:
        if more := [name for name in other.columns if name not in there]:
            raise DataError(f"{other.name} has a column {shorten(more[0])}, which {first.name} has not")
        place = next(i for i, pair in enumerate(zip(first.columns, other.columns, strict=True)) if pair[0] != pair[1])
        message = f"column {place + 1} of {other.name} is {shorten(other.columns[place])}"
        hint = "the columns of all files have to be the same, in the same order; --keep takes some by name"
        raise DataError(f"{message}, that of {first.name} {shorten(first.columns[place])}", hint=hint)
    if first.schema is None or other.schema is None or first.schema.equals(other.schema):
        return
    for name in first.columns if kept is None else kept:
        types = first.schema.field(name).type, other.schema.field(name).type
        if types[0] != types[1]:
            message = f"column {shorten(name)} of {other.name} is {types[1]}, that of {first.name} {types[0]}"
            raise DataError(message, hint="--only or --keep leaves columns out")


def hidden(names: Collection[str], columns: Iterable[str]) -> list[str]:
    """The columns that would bind one of names, whole or as an element: x, x[0]."""
    found = []
    for column in columns:
        array = _ELEMENT.fullmatch(column) if "[" in column else None
        if column in names or normalise((array[1] if array else column).strip()) in names:
            found.append(column)
    return found


class Lists(NamedTuple):
    """What the first rows tell of columns that may hold lists.

    Attributes:
        lengths: of those that do.
        unknown: columns that have nothing but nulls there, or no row, each with whether rows of it are lists.
    """

    lengths: dict[str, int]
    unknown: dict[str, bool]


def list_lengths(data: Data, candidates: Sequence[str], options: Options) -> Lists:
    """The columns of files that hold lists, and how long these are in the first rows.

    Args:
        candidates: columns that bind an input each.
        options: as for `look`.
    """
    found = lengths(_beginnings(data, candidates, options), candidates)
    schema = None if data.schema is None else {field.name: field.type for field in data.schema}
    rest = [name for name in candidates if schema and name not in found.lengths and hasattr(schema[name], "value_type")]
    return Lists(found.lengths, {**dict.fromkeys(rest, False), **found.unknown})


def _beginnings(data: Data, candidates: Sequence[str], options: Options) -> Iterator[Block]:
    """The rows of all files that may hold lists; each file is opened when its rows are asked for."""
    for table in data.tables if candidates else ():
        if is_pipe(table.path) or not _may_have_lists(table):
            continue
        reader = open_table(table.path, options._replace(rows=_FEW, keep="nothing"))
        try:
            yield from reader.blocks(candidates, ())
        finally:
            reader.close()


def _may_have_lists(table: Table) -> bool:
    """Whether the types of the columns, where they are known, leave it open. Those of NDJSON are of what is kept."""
    if table.schema is None or FORMATS[table.format].lines:
        return FORMATS[table.format].typed
    return any(hasattr(field.type, "value_type") for field in table.schema)


def lengths(blocks: Iterable[Block], candidates: Sequence[str]) -> Lists:
    """The columns that hold lists, and how long these are: rows are looked at until every column has had something."""
    found: dict[str, int] = {}
    left, unknown, rows = [*candidates], dict[str, bool](), 0
    for block in blocks:
        unknown = {}
        for name in left:
            lists = block.lists(name)
            if not lists and not any(block.content(name, row) for row in range(block.count)):
                unknown[name] = lists is not None
            elif lists is not None:
                found[name] = len(lists)
        left, rows = [*unknown], rows + block.count
        if not left or rows >= _SEEN:
            break
    return Lists(found, unknown)


def peeked(blocks: Iterator[Block]) -> tuple[Block | None, Iterator[Block]]:
    """The first block, and all of them."""
    first = next(blocks, None)
    return first, chain(() if first is None else (first,), blocks)


def _rows(table: Table) -> int | None:
    """The rows of a file, or what its size and its first rows make expect."""
    if table.rows is not None:
        return table.rows
    if FORMATS[table.format].binary or compression_of(table.path) or not os.path.isfile(table.path):
        return None
    with open(table.path, "rb") as file:
        sample = file.read(_SAMPLE)
    lines = sample.count(b"\n")
    return os.path.getsize(table.path) * max(1, lines) // max(1, len(sample))
