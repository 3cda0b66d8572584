"""Rejected rows: where they stood, what was wrong, and what they were.

Enters: rows with the cell that was no number. Leaves: a table with the columns file, row, column, content and the
row's own. Invariant: it is a table even with no row in it.

A column of the data that has one of these four names keeps it; ours gets a line under it, such as row_. In NDJSON the
row itself stands under "record", as it was; other formats have rows of NDJSON as text in a column of that name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from gradcli.tables import FORMATS
from gradcli.tables.blocks import Lines
from gradcli.tables.number_text import orjson
from gradcli.tables.writing import Writer, open_writer

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = ("file", "row", "column", "content")


class Reject(NamedTuple):
    """A row that was rejected."""

    file: str
    row: int  # its number in the file, 1 = first row of data
    column: str | None  # the first one that has no number; None where the row could not be split into cells
    content: str  # the text of the cell, or of the whole row


class Rejects:
    """Writes rejected rows to a binary file. schema: of the rows' own columns; None for lines, or for none."""

    def __init__(self, sink: BinaryIO, format: str, schema: pa.Schema | None = None) -> None:
        self.sink = sink
        self.writer: Writer | None = None
        if not FORMATS[format].lines:
            self.full = _schema(schema)
            self.writer = open_writer(sink, format, self.full, ())

    def close(self) -> None:
        """Write what is left, and the table's end. The file itself stays open."""
        if self.writer is not None:
            self.writer.close()

    def write(self, rejects: Sequence[Reject], kept: Any = None) -> None:
        """Write rows; kept: their own columns or lines, row by row, or None where they could not be split."""
        if not rejects:
            return
        rejects = [Reject(_text(one.file), one.row, one.column, _text(one.content)) for one in rejects]
        if self.writer is None:
            self.sink.write(b"".join(_lines(rejects, kept)))
        else:
            self.writer.write(self._batch(rejects, kept), {}, None)

    def _batch(self, rejects: Sequence[Reject], kept: Any) -> Any:
        import pyarrow as pa

        from gradcli.tables.arrow_memory import texts, values

        columns = [
            values(cells, field.type) for cells, field in zip(zip(*rejects, strict=True), self.full, strict=False)
        ]
        own = list(self.full)[len(_COLUMNS) :]
        if kept is None:
            columns += [pa.nulls(len(rejects), field.type) for field in own]
        elif isinstance(kept, Lines):
            columns.append(texts([line.decode("utf-8", "backslashreplace") for line in kept.lines]))
        else:
            columns += kept.columns
        return pa.RecordBatch.from_arrays(columns, schema=self.full)


def _text(found: str) -> str:
    """Text without the half characters that stand for bytes which are not UTF-8, as names of files may have."""
    return found if found.isascii() else found.encode("utf-8", "backslashreplace").decode("utf-8")


def _schema(own: pa.Schema | None) -> Any:
    """Names and types of the columns, the rows' own last."""
    import pyarrow as pa

    taken = set() if own is None else set(own.names)
    fields = []
    for name in _COLUMNS:
        while name in taken:
            name += "_"
        fields.append(pa.field(name, pa.int64() if name.startswith("row") else pa.string()))
    if own is None:
        return pa.schema([*fields, pa.field("record", pa.string())])
    return pa.schema([*fields, *(field.with_nullable(True) for field in own)])


def _lines(rejects: Sequence[Reject], kept: Any) -> list[bytes]:
    """Rows as NDJSON."""
    if kept is None:
        records = [b"null"] * len(rejects)
    elif isinstance(kept, Lines):
        records = kept.lines
    else:
        from gradcli.tables.ndjson_writer import object_heads

        records = [head + b"}" for head in object_heads(kept)]
    dumps = orjson().dumps
    heads = [dumps(dict(zip(_COLUMNS, reject, strict=True)))[:-1] for reject in rejects]
    return [b'%b,"record":%b}\n' % both for both in zip(heads, records, strict=True)]
