"""NDJSON out: one JSON object per line.

Enters: lines as somebody wrote them, or blocks of columns. Leaves: lines with the results added. Invariant: what
stood in a line stays as it was, byte for byte; every line is valid JSON.

A few thousand rows are filled into one template of as many lines: that is half again as fast as line by line, and
nearly twice as fast as a whole block at once, which would leave the processor's cache. Arrow is imported only where
columns are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from gradcli.tables.blocks import Lines
from gradcli.tables.number_text import JSON, number_text, orjson
from gradcli.tables.writing import at_once

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 4096  # of a template
_SPACES = b" \t\r\n"


def open_writer(sink: BinaryIO, format: str, schema: pa.Schema | None, names: Sequence[str]) -> NdjsonWriter:
    """There is nothing to write before the first row."""
    return NdjsonWriter(sink, names)


class NdjsonWriter:
    """Writes lines of objects."""

    def __init__(self, sink: BinaryIO, names: Sequence[str]) -> None:
        self.sink = sink
        self.names = names
        keys = [orjson().dumps(name).replace(b"%", b"%%") for name in names]
        self.row = b"%b" + b"".join(b",%b:%%b" % key for key in keys) + b"}\n"
        self.rows = at_once(None, len(names), _ROWS)
        self.template = self.row * self.rows

    def write(self, kept: Any, results: Mapping[str, Any], missing: Any) -> None:
        columns = [results[name] for name in self.names]
        if kept is None:
            count = len(columns[0]) if columns else 0
        else:
            count = len(kept.lines) if isinstance(kept, Lines) else kept.num_rows
        step = self.rows if kept is None or isinstance(kept, Lines) else at_once(kept, len(columns), _ROWS)
        for start in range(0, count, step):
            rows = slice(start, start + step)
            heads = _heads(kept, rows, min(step, count - start))
            part = [column[rows] for column in columns]
            self.sink.write(self._lines(heads, part, None if missing is None else missing[rows]))

    def flush(self) -> None:
        self.sink.flush()

    def close(self) -> None:
        self.sink.flush()

    def _lines(self, heads: list[bytes], columns: Sequence[Any], missing: Any) -> bytes:
        """Lines: each a head, which is an object without its last brace, and its row of the results."""
        template = self.template if len(heads) == self.rows else self.row * len(heads)
        if not columns:
            return template % tuple(heads)
        if not {head[-1] for head in heads}.isdisjoint(b"{" + _SPACES):  # an empty object has no comma after it
            heads = [head if head.rstrip(_SPACES).endswith(b"{") else head + b"," for head in heads]
            template = self.row.replace(b",", b"", 1) * len(heads)
        numbers = number_text(columns, missing, JSON).split(b",")
        width = len(columns) + 1
        filling: list[bytes] = [b""] * (width * len(heads))
        filling[0::width] = heads
        for position in range(1, width):
            filling[position::width] = numbers[position - 1 :: width - 1]
        return template % tuple(filling)


def _heads(kept: Any, rows: slice, count: int) -> list[bytes]:
    """What passes through, as objects without their last braces."""
    if kept is None:
        return [b"{"] * count
    if isinstance(kept, Lines):
        return [line[:-1] for line in kept.lines[rows]]
    return object_heads(kept.slice(rows.start, count))


def object_heads(kept: pa.RecordBatch) -> list[bytes]:
    """Every row of a batch as a JSON object without its last brace."""
    import pyarrow.compute as pc

    from gradcli.tables.arrow_memory import NOTHING, text
    from gradcli.tables.cell_text import content, json_text

    if not kept.num_columns:
        return [b"{"] * kept.num_rows
    pieces: list[Any] = []
    for name, column in zip(kept.schema.names, kept.columns, strict=True):
        key = orjson().dumps(name).decode()
        pieces += [text(f",{key}:" if pieces else f"{{{key}:"), json_text(column)]
    found = pc.binary_join_element_wise(*pieces, text("\n"), NOTHING, null_handling="replace", null_replacement="null")
    return bytes(content(found)).split(b"\n")[:-1]  # no line feed stands inside JSON


def clash(lines: Lines, names: Sequence[str]) -> int | None:
    """The position of the first line that has one of names as a key already, or None.

    Only where the text of a key is found are lines parsed. A key that is written with needless escapes is not noticed.
    """
    if not lines.lines:
        return None
    parse, keys = orjson().loads, [orjson().dumps(name) for name in names]
    for start in range(0, len(lines.lines), _ROWS):
        part = lines.lines[start : start + _ROWS]
        whole = b"\n".join(part)
        if any(key in whole for key in keys):
            for position, line in enumerate(part, start):
                if any(key in line for key in keys) and not parse(line).keys().isdisjoint(names):
                    return position
    return None
